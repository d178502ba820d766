"""When: DICOM dates and times, the instant PET values refer to, and the injection."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Final

from operandi.imaging.dicom.header import Header
from operandi.imaging.pet.declaration import Declaration
from operandi.quantities.decay import frame_average_delay_s
from operandi.quantities.errors import DataError

_TIME: Final = re.compile(r"(\d{2}):?(?:(\d{2}):?(?:(\d{2})(\.\d{1,6})?)?)?", flags=re.ASCII)
_DATE: Final = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})", flags=re.ASCII)
_OFFSET: Final = re.compile(r"([+-])(\d{2})(\d{2})", flags=re.ASCII)

AGREEMENT_S: Final = 60.0
"""Two statements of one instant agree within a minute: clocks are read to the minute."""
_FACTOR_IS_ONE: Final = 1e-6
_LONGEST_SCAN: Final = timedelta(hours=2)
"""No series takes longer from first to last acquisition; three beds of SPECT take 90 min."""
_DATED_ABOVE_S: Final = 6 * 3600.0
"""With a longer half-life a time of day fits several days, each with a plausible activity."""
_CLOCKS_APART: Final = timedelta(hours=1)
"""An injection this little after the scan's start is a wrong clock, not the day before."""


def day_of(header: Header, keyword: str) -> date:
    """Read a DA attribute.

    Raises
    ------
    DataError
        If it is absent or no date.
    """
    text = header.get(keyword)
    match = _DATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is not None:
        try:
            return date(*(int(part) for part in match.groups()))
        except ValueError:
            pass
    raise DataError(
        f"{keyword} is {text!r}; needed a date as YYYYMMDD.",
        remedy="Without dates the scan cannot be placed in time; export the series again.",
    )


def clock_of(header: Header, keyword: str) -> time:
    """Read a TM attribute, fractions and the old form with colons included.

    Raises
    ------
    DataError
        If it is absent or no time of day.
    """
    text = header.get(keyword)
    if isinstance(text, int | float):
        text = f"{text:013.6f}"  # a table read 083000 as a number
    match = _TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is not None:
        hour, minute, second, fraction = match.groups()
        try:
            return time(
                int(hour),
                int(minute or 0),
                int(second or 0),
                round(float(fraction or 0) * 1e6),
            )
        except ValueError:
            pass
    raise DataError(f"{keyword} is {text!r}; needed a time of day as HHMMSS.")


def instant_of(header: Header, *, day: str, clock: str, zone: tzinfo) -> datetime:
    """Join a DA and a TM attribute into an instant.

    Raises
    ------
    DataError
        If either is absent or malformed.
    """
    return _instant(day_of(header, day), clock_of(header, clock), _zone(header, zone), tag=day)


def date_time_of(header: Header, text: Any, *, keyword: str, zone: tzinfo) -> datetime:
    """Read a DT value; one without an offset is in the header's or the study's time zone.

    Raises
    ------
    DataError
        If it is malformed or lacks the time of day.
    """
    match = re.fullmatch(r"(\d{8})(\d{2,6}(?:\.\d{1,6})?)([+-]\d{4})?", str(text).strip())
    if match is None:
        raise DataError(f"{keyword} is {text!r}; needed YYYYMMDDHHMMSS.")
    parts = {"day": match[1], "clock": match[2]}
    stated = _offset(match[3]) if match[3] else _zone(header, zone)
    return _instant(day_of(parts, "day"), clock_of(parts, "clock"), stated, tag=keyword)


def _instant(day: date, clock: time, zone: tzinfo, *, tag: str) -> datetime:
    try:
        return datetime.combine(day, clock, zone).astimezone(UTC)
    except (OverflowError, ValueError):
        raise DataError(
            f"{tag} is {day.isoformat()}, at the end of the calendar; needed the day of the scan.",
            remedy="De-identification may have replaced the date; export the series again.",
        ) from None


def states_offset(header: Header) -> bool:
    """Whether a date-time of the injection states its offset while the header's times do not."""
    items = header.get("RadiopharmaceuticalInformationSequence") or ()
    texts = [str(item.get("RadiopharmaceuticalStartDateTime") or "") for item in items]
    stated = any(_OFFSET.search(text) for text in texts)
    return stated and not header.get("TimezoneOffsetFromUTC")


def _zone(header: Header, zone: tzinfo) -> tzinfo:
    stated = header.get("TimezoneOffsetFromUTC")
    return _offset(str(stated)) if stated else zone


def _offset(text: str) -> timezone:
    match = _OFFSET.fullmatch(text.strip())
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        raise DataError(f"TimezoneOffsetFromUTC is {text!r}; needed +HHMM or -HHMM.")
    sign = -1 if match[1] == "-" else 1
    return timezone(sign * timedelta(hours=int(match[2]), minutes=int(match[3])))


def acquisition_start(header: Header, *, zone: tzinfo) -> datetime:
    """When this slice's acquisition started.

    Raises
    ------
    DataError
        If the header does not say.
    """
    if not header.get("AcquisitionTime") and header.get("AcquisitionDateTime"):
        text = header["AcquisitionDateTime"]
        return date_time_of(header, text, keyword="AcquisitionDateTime", zone=zone)
    return instant_of(header, day="AcquisitionDate", clock="AcquisitionTime", zone=zone)


def first_acquisition(headers: Sequence[Header], *, zone: tzinfo) -> datetime:
    """When the first of a series' slices was acquired.

    Raises
    ------
    DataError
        If a slice does not say, the slices cannot be of one scan, or the time was zeroed.
    """
    offsets = {str(header.get("TimezoneOffsetFromUTC") or "") for header in headers}
    if len(offsets) > 1:
        raise DataError(
            f"TimezoneOffsetFromUTC differs between the slices of one series: {sorted(offsets)}.",
            remedy="Export the original series from the scanner.",
        )
    starts = [acquisition_start(header, zone=zone) for header in headers]
    first, last = min(starts), max(starts)
    if last - first > _LONGEST_SCAN:
        raise DataError(
            f"AcquisitionTime of the slices of one series lies between {first:%Y-%m-%d %H:%M:%S} "
            f"and {last:%Y-%m-%d %H:%M:%S} (UTC), more than {_LONGEST_SCAN} apart.",
            remedy="Export the original series from the scanner.",
        )
    _refuse_zeroed(headers[starts.index(first)], "AcquisitionTime")
    return first


def _refuse_zeroed(header: Header, keyword: str) -> None:
    """Nobody is injected or scanned at the stroke of midnight; emptied fields say so."""
    if header.get(keyword) in {None, ""} or clock_of(header, keyword) != time():
        return
    raise DataError(
        f"{keyword} is {header.get(keyword)!r}, midnight to the second: a time that "
        "de-identification or an empty form has set to zero.",
        remedy="Export the series with its times."
        if not keyword.startswith("Radio")
        else 'Record injected_at in tracer_administrations and declare activity_from = "records" '
        "in study.toml.",
    )


def frame_duration_s(header: Header) -> float:
    """ActualFrameDuration, s.

    Raises
    ------
    DataError
        If it is absent or not positive.
    """
    milliseconds = number(header, "ActualFrameDuration")
    if milliseconds is None or not milliseconds > 0:
        raise DataError(
            f"ActualFrameDuration is {header.get('ActualFrameDuration')!r}; needed a duration in "
            "ms to know when within the frame its average lies."
        )
    return milliseconds / 1000.0


def number(header: Header, keyword: str) -> float | None:
    """Read a number that may come as text; None where absent.

    Raises
    ------
    DataError
        If there is something that is no finite number.
    """
    value = header.get(keyword)
    if value is None or value == "":
        return None
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = math.nan
    if math.isfinite(result):
        return result
    raise DataError(f"{keyword} is {value!r}; needed a number.")


def decay_factor_s(header: Header, *, half_life_s: float) -> float | None:
    """For what time DecayFactor corrects, s: ``T * log2(factor)``; None where it says nothing.

    Raises
    ------
    DataError
        If the factor is below one.
    """
    factor = number(header, "DecayFactor")
    if factor is None or abs(factor - 1.0) <= _FACTOR_IS_ONE:
        return None
    if factor < 1.0:
        raise DataError(
            f"DecayFactor is {factor:g}; needed at least 1 for an image corrected for decay."
        )
    return half_life_s * math.log2(factor)


def scan_start(
    headers: Sequence[Header], *, half_life_s: float, zone: tzinfo
) -> tuple[datetime, str]:
    """Find the instant that DecayCorrection START refers to, and say how it was found.

    SeriesTime where it is not after the first acquisition (a series re-sent or reformatted later
    carries a later one); else the private scan time of GE or Siemens; else acquisition time minus
    FrameReferenceTime plus the frame average's delay; else the earliest acquisition. Where
    DecayFactor says for what time the frame was corrected, that stands for FrameReferenceTime,
    which GE counts to the frame's start. A private time that contradicts SeriesTime is refused.

    Raises
    ------
    DataError
        If dates or times are missing, or slices disagree.

    References
    ----------
    .. [1] Kinahan et al., QIBA FDG-PET/CT Profile 1.05, appendix G, vendor-neutral pseudo-code.
    """
    earliest = first_acquisition(headers, zone=zone)
    first = headers[0]
    series = instant_of(first, day="SeriesDate", clock="SeriesTime", zone=zone)
    if any(
        instant_of(header, day="SeriesDate", clock="SeriesTime", zone=zone) != series
        for header in headers
    ):
        raise DataError("SeriesDate and SeriesTime differ between the slices of one series.")
    _refuse_zeroed(first, "SeriesTime")
    if series <= earliest:
        if earliest - series > timedelta(hours=24):
            raise DataError(
                f"SeriesTime {series:%Y-%m-%d %H:%M} lies over a day before AcquisitionTime "
                f"{earliest:%Y-%m-%d %H:%M}: de-identification may have shifted one and not the "
                "other.",
                remedy="Export the series with consistent dates.",
            )
        _require_siemens_agrees(first, series, zone=zone)
        return series, "SeriesTime, which is not after the first acquisition"
    for keyword, tag in _PRIVATE_SCAN_TIMES:
        if first.get(keyword):
            scan = date_time_of(first, first[keyword], keyword=tag, zone=zone)
            if scan <= earliest:
                return scan, f"{tag}, as SeriesTime is after the acquisition"
    if all((number(header, "FrameReferenceTime") or 0.0) > 0.0 for header in headers):
        starts = [_start_by_frame(header, half_life_s=half_life_s, zone=zone) for header in headers]
        spread_s = (max(starts) - min(starts)).total_seconds()
        if spread_s > AGREEMENT_S:
            raise DataError(
                f"AcquisitionTime and FrameReferenceTime of the slices imply scan starts "
                f"{spread_s:.0f} s apart, and SeriesTime is after the acquisition.",
                remedy="Export the original series from the scanner.",
            )
        return min(starts), (
            "AcquisitionTime - FrameReferenceTime + frame average, as SeriesTime is after the "
            "acquisition"
        )
    return earliest, "the earliest AcquisitionTime, as SeriesTime is after it"


_PRIVATE_SCAN_TIMES: Final = (
    ("GEScanDateTime", "GE scan time (0009,100D)"),
    ("SiemensDecayCorrectionDateTime", "Siemens decay correction time (0071,1022)"),
)


def _require_siemens_agrees(header: Header, series: datetime, *, zone: tzinfo) -> None:
    """Siemens states the decay reference itself; shifted dates often leave it behind."""
    keyword, tag = _PRIVATE_SCAN_TIMES[1]
    if header.get(keyword):
        stated = date_time_of(header, header[keyword], keyword=tag, zone=zone)
        if abs((stated - series).total_seconds()) > AGREEMENT_S:
            raise DataError(
                f"{tag} is {stated:%Y-%m-%d %H:%M:%S} but SeriesTime is "
                f"{series:%Y-%m-%d %H:%M:%S} (UTC).",
                remedy="De-identification may have shifted one and not the other; export the "
                "series with consistent dates.",
            )


def _start_by_frame(header: Header, *, half_life_s: float, zone: tzinfo) -> datetime:
    reference_s = decay_factor_s(header, half_life_s=half_life_s)
    if reference_s is None:
        reference_s = (number(header, "FrameReferenceTime") or 0.0) / 1000.0
    average_s = frame_average_delay_s(frame_duration_s(header), half_life_s=half_life_s)
    return acquisition_start(header, zone=zone) + timedelta(seconds=average_s - reference_s)


def injection_time(
    header: Header,
    *,
    scan: datetime,
    half_life_s: float,
    declared: Declaration,
    zone: tzinfo,
    recorded_at: datetime | None = None,
) -> tuple[datetime, str]:
    """When the tracer was injected, and which tag says so.

    A time without a date is on the day of the scan, or the day before if it would be well after
    it; of a long-lived nuclide it is on the day of the recorded injection.

    Parameters
    ----------
    recorded_at : datetime, optional
        The injection in the study's records; stands in where the header states no time.

    Raises
    ------
    DataError
        If nothing says so, two tags disagree, or a time was zeroed or lacks its date.
    """
    item = radiopharmaceutical(header)
    zoned = {**item, "TimezoneOffsetFromUTC": header.get("TimezoneOffsetFromUTC")}
    full = item.get("RadiopharmaceuticalStartDateTime")
    clock = item.get("RadiopharmaceuticalStartTime")
    states_clock = clock not in {None, ""}
    if full:
        at = date_time_of(zoned, full, keyword="RadiopharmaceuticalStartDateTime", zone=zone)
        agree = not states_clock or _same_clock(at, zoned, zone=zone)
        if not agree and not declared.injection_time_from:
            raise DataError(
                f"RadiopharmaceuticalStartDateTime {full!r} and RadiopharmaceuticalStartTime "
                f"{clock!r} disagree.",
                remedy='Declare injection_time_from = "datetime" or "time" in study.toml.',
            )
        by_clock = states_clock and declared.injection_time_from == "time"
        if not by_clock or (agree and half_life_s > _DATED_ABOVE_S):
            _refuse_zeroed(
                {"RadiopharmaceuticalStartDateTime": re.split("[+-]", str(full))[0][8:]},
                "RadiopharmaceuticalStartDateTime",
            )
            return at, "RadiopharmaceuticalStartDateTime"
    if states_clock:
        at = _placed(zoned, scan, half_life_s=half_life_s, zone=zone, recorded_at=recorded_at)
        declaration = " (declared)" if full else ""
        return at, f"RadiopharmaceuticalStartTime on the nearest day before the scan{declaration}"
    if recorded_at is not None:
        return recorded_at, "injected_at of tracer_administrations, as the header states none"
    raise DataError(
        "Neither RadiopharmaceuticalStartDateTime nor RadiopharmaceuticalStartTime says when the "
        "tracer was injected.",
        remedy="Record injected_at in tracer_administrations.",
    )


def _same_clock(at: datetime, item: Header, *, zone: tzinfo) -> bool:
    """Whether StartTime is the time of day of *at*; whole days apart do not count."""
    on_that_day = _on_day_of(at, item, zone=zone)
    apart_s = abs((at - on_that_day).total_seconds())
    return min(apart_s, 86400.0 - apart_s) <= AGREEMENT_S


def _on_day_of(instant: datetime, item: Header, *, zone: tzinfo, days: int = 0) -> datetime:
    """StartTime on the local day of *instant*, or *days* later."""
    local = _zone(item, zone)
    clock = clock_of(item, "RadiopharmaceuticalStartTime")
    try:
        day = instant.astimezone(local).date() + timedelta(days=days)
    except OverflowError:
        raise DataError(
            "RadiopharmaceuticalStartTime cannot be placed on a day near "
            f"{instant.date().isoformat()}, at the end of the calendar.",
            remedy="De-identification may have replaced the dates; export the series again.",
        ) from None
    return _instant(day, clock, local, tag="RadiopharmaceuticalStartTime")


def _placed(
    item: Header,
    scan: datetime,
    *,
    half_life_s: float,
    zone: tzinfo,
    recorded_at: datetime | None,
) -> datetime:
    """Find the day of a StartTime that has no date."""
    _refuse_zeroed(item, "RadiopharmaceuticalStartTime")
    stated = item.get("RadiopharmaceuticalStartTime")
    if half_life_s > _DATED_ABOVE_S:
        if recorded_at is None:
            raise DataError(
                f"RadiopharmaceuticalStartTime is {stated!r} without a date, and with a half-life "
                f"of {half_life_s / 3600.0:.1f} h the injection may be of several days.",
                remedy="Record injected_at in tracer_administrations, or export the series with "
                "RadiopharmaceuticalStartDateTime.",
            )
        days = (_on_day_of(recorded_at, item, zone=zone, days=days) for days in (-1, 0, 1))
        return min(days, key=lambda at: abs(at - recorded_at))
    injected = _on_day_of(scan, item, zone=zone)
    if injected <= scan:
        return injected
    if injected - scan < _CLOCKS_APART:
        raise DataError(
            f"RadiopharmaceuticalStartTime {stated!r} lies "
            f"{(injected - scan).total_seconds():.0f} s after the start of the scan, "
            f"{scan:%Y-%m-%d %H:%M:%S} (UTC).",
            remedy="The clocks of scanner and dose calibrator disagree: record the injection in "
            'tracer_administrations and declare activity_from = "records".',
        )
    return _on_day_of(scan, item, zone=zone, days=-1)


def radiopharmaceutical(header: Header) -> Header:
    """Return the one item of RadiopharmaceuticalInformationSequence, empty where there is none.

    Raises
    ------
    DataError
        If there are several that differ.
    """
    items: Sequence[Header] = header.get("RadiopharmaceuticalInformationSequence") or ()
    if any(item != items[0] for item in items[1:]):
        raise DataError(
            f"RadiopharmaceuticalInformationSequence has {len(items)} items that differ; needed "
            "one.",
            remedy="Export the series with the injection that it shows.",
        )
    return items[0] if items else {}
