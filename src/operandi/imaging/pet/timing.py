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
    return datetime.combine(
        day_of(header, day), clock_of(header, clock), _zone(header, zone)
    ).astimezone(UTC)


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
    return datetime.combine(day_of(parts, "day"), clock_of(parts, "clock"), stated).astimezone(UTC)


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


def scan_start(
    headers: Sequence[Header], *, half_life_s: float, zone: tzinfo
) -> tuple[datetime, str]:
    """Find the instant that DecayCorrection START refers to, and say how it was found.

    SeriesTime where it is not after the first acquisition (a series re-sent or reformatted later
    carries a later one); else the private scan time of GE or Siemens; else acquisition time minus
    FrameReferenceTime plus the frame average's delay; else the earliest acquisition. A private
    time that contradicts SeriesTime is refused.

    Raises
    ------
    DataError
        If dates or times are missing, or slices disagree.

    References
    ----------
    .. [1] Kinahan et al., QIBA FDG-PET/CT Profile 1.05, appendix G, vendor-neutral pseudo-code.
    """
    offsets = {str(header.get("TimezoneOffsetFromUTC") or "") for header in headers}
    if len(offsets) > 1:
        raise DataError(
            f"TimezoneOffsetFromUTC differs between the slices of one series: {sorted(offsets)}.",
            remedy="Export the original series from the scanner.",
        )
    earliest = min(acquisition_start(header, zone=zone) for header in headers)
    first = headers[0]
    series = instant_of(first, day="SeriesDate", clock="SeriesTime", zone=zone)
    if any(
        instant_of(header, day="SeriesDate", clock="SeriesTime", zone=zone) != series
        for header in headers
    ):
        raise DataError("SeriesDate and SeriesTime differ between the slices of one series.")
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
    reference_s = (number(header, "FrameReferenceTime") or 0.0) / 1000.0
    average_s = frame_average_delay_s(frame_duration_s(header), half_life_s=half_life_s)
    return acquisition_start(header, zone=zone) + timedelta(seconds=average_s - reference_s)


def injection_time(
    header: Header, *, scan: datetime, declared: Declaration, zone: tzinfo
) -> tuple[datetime, str]:
    """When the tracer was injected, and which tag says so.

    A time without a date is on the day of the scan, or the day before if it would be after it.

    Raises
    ------
    DataError
        If no tag says so, or two disagree.
    """
    item = radiopharmaceutical(header)
    full, clock = (
        item.get("RadiopharmaceuticalStartDateTime"),
        item.get("RadiopharmaceuticalStartTime"),
    )
    zoned = {**item, "TimezoneOffsetFromUTC": header.get("TimezoneOffsetFromUTC")}
    by_date_time = (
        date_time_of(zoned, full, keyword="RadiopharmaceuticalStartDateTime", zone=zone)
        if full
        else None
    )
    by_clock = _clock_before(zoned, scan, zone=zone) if clock not in {None, ""} else None
    if by_date_time is not None and by_clock is not None:
        apart_s = abs((by_date_time - by_clock).total_seconds()) % 86400.0
        if min(apart_s, 86400.0 - apart_s) > AGREEMENT_S and not declared.injection_time_from:
            raise DataError(
                f"RadiopharmaceuticalStartDateTime {full!r} and RadiopharmaceuticalStartTime "
                f"{clock!r} disagree.",
                remedy='Declare injection_time_from = "datetime" or "time" in study.toml.',
            )
        if declared.injection_time_from == "time":
            return by_clock, "RadiopharmaceuticalStartTime (declared)"
    if by_date_time is not None:
        return by_date_time, "RadiopharmaceuticalStartDateTime"
    if by_clock is not None:
        return by_clock, "RadiopharmaceuticalStartTime on the day of the scan or the day before"
    raise DataError(
        "Neither RadiopharmaceuticalStartDateTime nor RadiopharmaceuticalStartTime says when the "
        "tracer was injected.",
        remedy="Record injected_at in tracer_administrations.",
    )


def _clock_before(item: Header, scan: datetime, *, zone: tzinfo) -> datetime:
    local = _zone(item, zone)
    clock = clock_of(item, "RadiopharmaceuticalStartTime")
    injected = datetime.combine(scan.astimezone(local).date(), clock, local)
    if injected > scan:
        injected = datetime.combine(injected.date() - timedelta(days=1), clock, local)
    return injected.astimezone(UTC)


def radiopharmaceutical(header: Header) -> Header:
    """Return the one item of RadiopharmaceuticalInformationSequence.

    Raises
    ------
    DataError
        If there is none, or more than one.
    """
    items: Sequence[Header] = header.get("RadiopharmaceuticalInformationSequence") or ()
    if len(items) != 1:
        raise DataError(
            f"RadiopharmaceuticalInformationSequence has {len(items)} items; needed one.",
            remedy="Record the injection in tracer_administrations.",
        )
    return items[0]
