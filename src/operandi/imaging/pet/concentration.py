"""From stored values to activity concentration in Bq/mL at one stated instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.administration import Administration
from operandi.imaging.dicom.header import Header
from operandi.imaging.pet.declaration import LIMIT_IT, Declaration
from operandi.imaging.pet.injection import (
    half_life_of,
    longest_uptake,
    nuclide_of,
    require_plausible_uptake,
)
from operandi.imaging.pet.timing import (
    AGREEMENT_S,
    acquisition_start,
    date_time_of,
    decay_factor_s,
    first_acquisition,
    frame_duration_s,
    injection_time,
    number,
    radiopharmaceutical,
    scan_start,
)
from operandi.quantities.decay import frame_average_delay_s, remaining_fraction
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import Nuclide

FACTOR_AGREEMENT: Final = 0.01
"""Two scale factors of one series agree within 1 %."""
_UNSTATED_FRAME_S: Final = 300.0
"""Tolerance of a comparison within one frame, where the frame's duration is not stated."""
_INJECTION: Final = "injection"
_SCAN_START: Final = "scan start"
_REMEDY: Final = 'Declare decay_corrected_to = "scan start" or "injection" in study.toml.'


class AmbiguousReferenceError(DataError):
    """The header leaves open to which instant it refers; ``decay_corrected_to`` answers."""


@dataclass(frozen=True, slots=True, eq=False)
class DecayCorrected:
    """Which instant decay-corrected values refer to.

    Parameters
    ----------
    factors : array, (slices,)
        Multiply each slice's activity concentration by this to bring it to ``reference``.
    reference : datetime
        The instant, UTC.
    scan : datetime
        When the scan started, UTC.
    evidence : tuple of str
        Which tags said so.
    instant : str
        "scan start", "injection" or, where it is neither, empty.
    """

    factors: npt.NDArray[np.float64]
    reference: datetime
    scan: datetime
    evidence: tuple[str, ...]
    instant: str = ""


def decay_reference(
    headers: Sequence[Header],
    *,
    declared: Declaration,
    zone: tzinfo,
    injected_at: datetime | None = None,
) -> DecayCorrected:
    """Find the instant stored values refer to, or bring uncorrected slices to one.

    START: the scan's start. ADMIN: the injection. NONE: each slice is at the average of its own
    frame, and is corrected here to the scan's start.

    Parameters
    ----------
    headers : sequence of Header
        One a slice.
    declared : Declaration
        ``decay_corrected_to`` answers where the header is ambiguous.
    zone : tzinfo
        Of dates and times without an offset.
    injected_at : datetime, optional
        The injection in the study's records; stands in where the header states no time.

    Raises
    ------
    AmbiguousReferenceError
        If only a declaration can tell.
    DataError
        If DecayCorrection, CorrectedImage and DecayFactor contradict one another, slices disagree,
        or a declaration contradicts a sound header.

    References
    ----------
    .. [1] DICOM PS3.3 C.8.9.1 (Decay Correction) and C.8.9.4 (Frame Reference Time).
    """
    nuclide = nuclide_of(headers[0], declared=declared)
    half_life_s = half_life_of(headers[0], nuclide, declared=declared)
    series = _Series(headers, nuclide, half_life_s, declared, zone, injected_at)
    answer = declared.decay_corrected_to
    try:
        stated = series.as_stated()
    except AmbiguousReferenceError:
        if not answer:
            raise
        note = f"decay corrected to {answer} (declared)"
        return series.at_scan_start(note) if answer == _SCAN_START else series.at_injection(note)
    if answer and stated.instant != answer:
        raise DataError(
            f'decay_corrected_to = "{answer}" is declared, but the header is consistent: '
            f"{stated.evidence[0]}, which CorrectedImage and DecayFactor do not contradict.",
            remedy=LIMIT_IT,
        )
    return stated


@dataclass(frozen=True, slots=True)
class _Series:
    """One series and what its values may refer to."""

    headers: Sequence[Header]
    nuclide: Nuclide
    half_life_s: float
    declared: Declaration
    zone: tzinfo
    injected_at: datetime | None

    def as_stated(self) -> DecayCorrected:
        moment = _one_value(self.headers, "DecayCorrectionDateTime")
        if moment and _one_value(self.headers, "DecayCorrected") == "YES":
            return self._enhanced(moment)
        correction = _one_value(self.headers, "DecayCorrection")
        _require_consistent(correction, corrected="DECY" in _corrections(self.headers))
        if correction == "NONE":
            return self._uncorrected()
        note = f"DecayCorrection {correction}"
        if correction == "START":
            result = self.at_scan_start(note)
            self._check_factor_start(result.scan)
            return result
        result = self.at_injection(note)
        if not self.nuclide.positron_emitter and self._factor_is_one():
            self._refuse_ambiguous(result)
        self._check_factor_admin(result.reference)
        return result

    def at_scan_start(self, note: str) -> DecayCorrected:
        scan, tag = self._scan()
        self._require_no_later_start(scan, tag, "DecayFactor")
        ones = np.ones(len(self.headers))
        return DecayCorrected(ones, scan, scan, (note, f"scan start: {tag}"), _SCAN_START)

    def at_injection(self, note: str) -> DecayCorrected:
        scan, _ = self._scan()
        injected, tag = self._injection(scan)
        ones = np.ones(len(self.headers))
        return DecayCorrected(ones, injected, scan, (note, f"injection: {tag}"), _INJECTION)

    def _scan(self) -> tuple[datetime, str]:
        scan, tag = scan_start(self.headers, half_life_s=self.half_life_s, zone=self.zone)
        self._require_no_later_start(scan, tag, "FrameReferenceTime")
        return scan, tag

    def _injection(self, scan: datetime) -> tuple[datetime, str]:
        at, tag = injection_time(
            self.headers[0],
            scan=scan,
            half_life_s=self.half_life_s,
            declared=self.declared,
            zone=self.zone,
            recorded_at=self.injected_at,
        )
        injected = Administration(self.nuclide, 1.0, at, self.half_life_s)
        require_plausible_uptake(injected, scan, source=tag)
        return at, tag

    def _enhanced(self, moment: str) -> DecayCorrected:
        """DecayCorrectionDateTime says it outright, between injection and first frame."""
        keyword = "DecayCorrectionDateTime"
        reference = date_time_of(self.headers[0], moment, keyword=keyword, zone=self.zone)
        scan = first_acquisition(self.headers, zone=self.zone)
        injected = self._injection(scan)[0] if self._states_injection() else None
        minute = timedelta(seconds=AGREEMENT_S)
        earliest = scan - longest_uptake(self.nuclide) if injected is None else injected - minute
        latest = scan + timedelta(seconds=_frame_s(self.headers[0]))
        if not earliest <= reference <= latest:
            raise DataError(
                f"{keyword} is {reference:%Y-%m-%d %H:%M:%S}; needed an instant between the "
                f"injection, {earliest:%Y-%m-%d %H:%M:%S}, and the first acquisition, "
                f"{scan:%Y-%m-%d %H:%M:%S} (UTC).",
                remedy="De-identification may have shifted one and not the other; export the "
                "series with consistent dates.",
            )
        self._require_classic_agrees(reference)
        if scan - minute <= reference:
            instant = _SCAN_START
        else:
            instant = _INJECTION if injected and reference <= injected + minute else ""
        ones = np.ones(len(self.headers))
        return DecayCorrected(
            ones, reference, scan, (f"{keyword} of the enhanced object",), instant
        )

    def _states_injection(self) -> bool:
        item = radiopharmaceutical(self.headers[0])
        stated = item.get("RadiopharmaceuticalStartDateTime") or item.get(
            "RadiopharmaceuticalStartTime"
        )
        return bool(stated) or self.injected_at is not None

    def _require_classic_agrees(self, reference: datetime) -> None:
        correction = _one_value(self.headers, "DecayCorrection")
        if not correction:
            return
        scan, _ = self._scan()
        stated = self._injection(scan)[0] if correction == "ADMIN" else scan
        if correction == "NONE" or abs((stated - reference).total_seconds()) > AGREEMENT_S:
            raise DataError(
                f"DecayCorrectionDateTime is {reference:%Y-%m-%d %H:%M:%S} (UTC), but "
                f"DecayCorrection {correction} says otherwise.",
                remedy="Export the original series from the scanner.",
            )

    def _uncorrected(self) -> DecayCorrected:
        scan = first_acquisition(self.headers, zone=self.zone)
        factors = np.empty(len(self.headers))
        for k, header in enumerate(self.headers):
            average_s = frame_average_delay_s(
                frame_duration_s(header), half_life_s=self.half_life_s
            )
            elapsed_s = (acquisition_start(header, zone=self.zone) - scan).total_seconds()
            factors[k] = 1.0 / remaining_fraction(
                elapsed_s + average_s, half_life_s=self.half_life_s
            )
        note = "DecayCorrection NONE: corrected here, slice by slice"
        return DecayCorrected(factors, scan, scan, (note,))

    def _factor_is_one(self) -> bool:
        return all(self._implied_s(header) is None for header in self.headers)

    def _implied_s(self, header: Header) -> float | None:
        return decay_factor_s(header, half_life_s=self.half_life_s)

    def _average_s(self, header: Header) -> float:
        """When in the frame its average lies; its start where the duration is not stated."""
        if not _states_duration(header):
            return 0.0
        return frame_average_delay_s(frame_duration_s(header), half_life_s=self.half_life_s)

    def _refuse_ambiguous(self, corrected: DecayCorrected) -> None:
        elapsed_s = (corrected.scan - corrected.reference).total_seconds()
        expected = 1.0 / remaining_fraction(elapsed_s, half_life_s=self.half_life_s)
        raise AmbiguousReferenceError(
            "DecayCorrection is ADMIN and CorrectedImage lists DECY, but DecayFactor is 1 where "
            f"correction to the injection of {self.nuclide.name} needs {expected:.4f}: "
            "quantitative SPECT stored as PET is written like this both ways.",
            remedy='Declare decay_corrected_to = "injection" or "scan start" in study.toml, after '
            "asking the manufacturer.",
        )

    def _require_no_later_start(self, scan: datetime, tag: str, keyword: str) -> None:
        """Refuse a scan that the frames place later than the tag that was believed.

        Only later: where all beds carry one AcquisitionTime (GE), each implies an earlier start
        than the true one.
        """
        late_s: list[float] = []
        for header in self.headers:
            reference_s = (
                self._implied_s(header)
                if keyword == "DecayFactor"
                else (number(header, keyword) or 0.0) / 1000.0
            )
            if reference_s:
                begun_s = (acquisition_start(header, zone=self.zone) - scan).total_seconds()
                frame_s = frame_duration_s(header) if _states_duration(header) else 0.0
                late_s.append(begun_s + self._average_s(header) - reference_s - frame_s)
        # FrameReferenceTime is at times that of the first bed in all beds; the factor was applied.
        worst_s = (max if keyword == "DecayFactor" else min)(late_s, default=0.0)
        if worst_s > AGREEMENT_S:
            raise DataError(
                f"The scan would have started at {scan:%Y-%m-%d %H:%M:%S} (UTC) by {tag}, but "
                f"AcquisitionTime and {keyword} place its start later, by more than a frame and "
                f"{worst_s:.0f} s.",
                remedy="De-identification may have shifted or zeroed one of them; export the "
                "series with its own times.",
            )

    def _check_factor_start(self, scan: datetime) -> None:
        """DecayFactor must correct for about the frame's reference time, if it says anything."""
        for header in self.headers:
            implied_s = self._implied_s(header)
            if implied_s is None:
                continue
            reference_ms = number(header, "FrameReferenceTime")
            if reference_ms is not None:
                expected_s, slack_s = reference_ms / 1000.0, 0.0
                what = f"FrameReferenceTime {expected_s:.0f} s says"
            else:
                begun_s = (acquisition_start(header, zone=self.zone) - scan).total_seconds()
                expected_s, slack_s = begun_s + self._average_s(header), AGREEMENT_S
                what = f"the frame's {expected_s:.0f} s after the scan's start say"
            if abs(implied_s - expected_s) > _frame_s(header) + slack_s:
                raise AmbiguousReferenceError(
                    f"DecayFactor {header.get('DecayFactor')} corrects for {implied_s:.0f} s, but "
                    f"DecayCorrection is START and {what} otherwise.",
                    remedy=_REMEDY,
                )

    def _check_factor_admin(self, injected: datetime) -> None:
        for header in self.headers:
            implied_s = self._implied_s(header)
            if implied_s is None:
                continue
            elapsed_s = (acquisition_start(header, zone=self.zone) - injected).total_seconds()
            if abs(implied_s - elapsed_s) > _frame_s(header) + AGREEMENT_S:
                raise AmbiguousReferenceError(
                    f"DecayFactor {header.get('DecayFactor')} corrects for {implied_s:.0f} s, but "
                    f"DecayCorrection ADMIN needs {elapsed_s:.0f} s since the injection.",
                    remedy=_REMEDY,
                )


def _states_duration(header: Header) -> bool:
    return header.get("ActualFrameDuration") not in {None, ""}


def _frame_s(header: Header) -> float:
    return frame_duration_s(header) if _states_duration(header) else _UNSTATED_FRAME_S


def _one_value(headers: Sequence[Header], keyword: str) -> str:
    values = {str(header.get(keyword) or "") for header in headers}
    if len(values) > 1:
        raise DataError(
            f"{keyword} differs between the slices of one series: {sorted(values)}.",
            remedy="Export the original series from the scanner.",
        )
    return values.pop()


def _corrections(headers: Sequence[Header]) -> set[str]:
    value = headers[0].get("CorrectedImage") or ()
    if any((header.get("CorrectedImage") or ()) != value for header in headers):
        raise DataError("CorrectedImage differs between the slices of one series.")
    return {str(word) for word in (value if isinstance(value, tuple) else (value,))}


def require_attenuation_corrected(headers: Sequence[Header]) -> None:
    """Refuse images that are not corrected for attenuation: their values are not activity.

    Raises
    ------
    DataError
        If CorrectedImage lacks ATTN.
    """
    if _one_value(headers, "AttenuationCorrected") == "YES":
        return
    corrections = _corrections(headers)
    if "ATTN" not in corrections:
        stated = "\\".join(sorted(corrections)) or "empty"
        raise DataError(
            f"CorrectedImage is {stated} and lacks ATTN: the image is not attenuation corrected, "
            "so its values are no activity concentration.",
            remedy="Use the attenuation-corrected series.",
        )


def require_decay_corrected(headers: Sequence[Header]) -> None:
    """Refuse a stored SUV whose header denies decay correction: its slices are of many instants.

    Raises
    ------
    DataError
        If DecayCorrection is NONE or neither CorrectedImage nor DecayCorrected says so.
    """
    correction = _one_value(headers, "DecayCorrection")
    says_so = "DECY" in _corrections(headers) or _one_value(headers, "DecayCorrected") == "YES"
    if correction == "NONE" or not says_so:
        raise DataError(
            f"The scanner stored SUV, but DecayCorrection is {correction or 'missing'} and "
            f"CorrectedImage {'lists' if says_so else 'lacks'} DECY: SUV of an image that is not "
            "corrected for decay cannot be undone.",
            remedy="Export the series in Bq/mL.",
        )


def _require_consistent(correction: str, *, corrected: bool) -> None:
    if correction not in {"START", "ADMIN", "NONE"}:
        raise AmbiguousReferenceError(
            f"DecayCorrection is {correction!r}; needed START, ADMIN or NONE.", remedy=_REMEDY
        )
    if corrected != (correction != "NONE"):
        raise AmbiguousReferenceError(
            f"DecayCorrection is {correction} but CorrectedImage "
            f"{'lists' if corrected else 'lacks'} DECY.",
            remedy=_REMEDY,
        )


def concentration_scale(headers: Sequence[Header]) -> tuple[npt.NDArray[np.float64], str]:
    """Find Bq/mL for one rescaled stored unit, per slice, and which tags say so.

    Raises
    ------
    DataError
        If the units cannot be turned into activity concentration.
    UnsupportedError
        If they are of a sort that is not read.
    """
    units = _one_value(headers, "Units")
    mapped = mapped_scale(headers, units=_CONCENTRATION_UNITS)
    scale, note = None, ""
    if units == "BQML":
        scale, note = np.ones(len(headers)), "Units BQML"
    elif units == "CNTS":
        scale = positive_factors(headers, "PhilipsActivityConcentrationScaleFactor")
        note = "Units CNTS with Philips (7053,1009)"
    if scale is not None:
        if mapped is not None:
            require_agreement(mapped, scale, "RealWorldValueMappingSequence in Bq/ml", note)
        return scale, note
    if mapped is not None:
        return mapped, "RealWorldValueMappingSequence in Bq/ml"
    if units in {"CNTS", "PROPCNTS", ""}:
        raise DataError(
            f"Units is {units or 'missing'}: counts without a calibration. Neither Philips "
            "(7053,1000) nor (7053,1009) nor a real-world value mapping gives one.",
            remedy="Export the series with private tags, or calibrated in Bq/mL.",
        )
    raise UnsupportedError(f"Units is {units!r}; needed BQML, GML, CM2ML or CNTS.")


def positive_factors(headers: Sequence[Header], keyword: str) -> npt.NDArray[np.float64] | None:
    """Read a scale factor of every slice; None where one is missing or not positive."""
    factors = [number(header, keyword) for header in headers]
    if all(factor is not None and factor > 0 for factor in factors):
        return np.array(factors, float)
    return None


def require_agreement(
    one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], this: str, that: str
) -> None:
    """Hold two scale factors that the scanner states of one series against each other.

    Raises
    ------
    DataError
        If they differ by more than 1 %.
    """
    worst = float(np.abs(one / other - 1.0).max())
    if worst > FACTOR_AGREEMENT:
        raise DataError(
            f"{this} is {100 * worst:.1f} % off what {that} gives.",
            remedy="Ask the scanner's site which of them was corrected later.",
        )


_CONCENTRATION_UNITS: Final = ("Bq/ml", "Bq/mL")
SUV_UNITS: Final = ("{SUVbw}g/ml", "g/ml{SUVbw}")
"""PS3.16 CID 85, before and since the annotation of a unit stands behind it."""


def mapped_scale(
    headers: Sequence[Header], *, units: tuple[str, ...]
) -> npt.NDArray[np.float64] | None:
    """Read what one rescaled unit is by RealWorldValueMappingSequence; None without a mapping.

    The mapping takes stored values, before RescaleSlope and RescaleIntercept.

    Raises
    ------
    DataError
        If a mapping in one of *units* is not one positive slope without intercept.
    """
    wanted = {unit.casefold() for unit in units}
    scale = np.empty(len(headers))
    for k, header in enumerate(headers):
        mappings = {
            (number(item, "RealWorldValueSlope"), number(item, "RealWorldValueIntercept") or 0.0)
            for item in header.get("RealWorldValueMappingSequence") or ()
            if _unit_of(item).casefold() in wanted
        }
        if not mappings:
            return None
        slope, intercept = mappings.pop()
        rescale = number(header, "RescaleSlope")
        rescale = 1.0 if rescale is None else rescale
        offset = number(header, "RescaleIntercept") or 0.0
        if mappings or slope is None or slope <= 0 or rescale <= 0 or intercept or offset:
            raise DataError(
                f"RealWorldValueMappingSequence in {units[0]} has {len(mappings) + 1} mapping(s), "
                f"one with slope {slope} and intercept {intercept:g}, beside RescaleSlope "
                f"{rescale:g} and RescaleIntercept {offset:g}; needed one mapping, positive "
                "slopes, and intercepts of 0.",
                remedy="Export the series in Bq/mL.",
            )
        scale[k] = slope / rescale
    return scale


def _unit_of(mapping: Header) -> str:
    codes: Sequence[Header] = mapping.get("MeasurementUnitsCodeSequence") or ({},)
    return str(codes[0].get("CodeValue") or "")
