"""From stored values to activity concentration in Bq/mL at one stated instant."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.dicom.header import Header
from operandi.imaging.pet.declaration import Declaration
from operandi.imaging.pet.injection import half_life_of, nuclide_of
from operandi.imaging.pet.timing import (
    AGREEMENT_S,
    acquisition_start,
    date_time_of,
    frame_duration_s,
    injection_time,
    number,
    scan_start,
)
from operandi.quantities.decay import frame_average_delay_s, remaining_fraction
from operandi.quantities.errors import DataError, UnsupportedError

_FACTOR_IS_ONE: Final = 1.000001


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
    """

    factors: npt.NDArray[np.float64]
    reference: datetime
    scan: datetime
    evidence: tuple[str, ...]


def decay_reference(
    headers: Sequence[Header], *, declared: Declaration, zone: tzinfo
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

    Raises
    ------
    DataError
        If DecayCorrection, CorrectedImage and DecayFactor contradict one another, slices disagree,
        or the statement is ambiguous.

    References
    ----------
    .. [1] DICOM PS3.3 C.8.9.1 (Decay Correction) and C.8.9.4 (Frame Reference Time).
    """
    first = headers[0]
    nuclide = nuclide_of(first, declared=declared)
    half_life_s = half_life_of(first, nuclide, declared=declared)
    correction = _one_value(headers, "DecayCorrection")
    if first.get("DecayCorrectionDateTime") and first.get("DecayCorrected") == "YES":
        return _enhanced(headers, zone=zone)
    corrected = "DECY" in _corrections(headers)
    if declared.decay_corrected_to:
        correction = {"injection": "ADMIN", "scan start": "START"}[declared.decay_corrected_to]
        note = f"decay corrected to {declared.decay_corrected_to} (declared)"
    else:
        note = f"DecayCorrection {correction}"
        _require_consistent(correction, corrected=corrected)
    if correction == "NONE":
        return _uncorrected(headers, half_life_s=half_life_s, zone=zone)
    scan, tag = scan_start(headers, half_life_s=half_life_s, zone=zone)
    if correction == "START":
        if not declared.decay_corrected_to:
            _check_factor_start(headers, half_life_s=half_life_s)
        return DecayCorrected(np.ones(len(headers)), scan, scan, (note, f"scan start: {tag}"))
    injected, injection_tag = injection_time(first, scan=scan, declared=declared, zone=zone)
    if not declared.decay_corrected_to:
        if not nuclide.positron_emitter and _is_one(headers):
            _refuse_ambiguous(nuclide.name, injected, scan, half_life_s=half_life_s)
        _check_factor_admin(headers, injected, half_life_s=half_life_s, zone=zone)
    return DecayCorrected(
        np.ones(len(headers)), injected, scan, (note, f"injection: {injection_tag}")
    )


def _enhanced(headers: Sequence[Header], *, zone: tzinfo) -> DecayCorrected:
    first = headers[0]
    text = first["DecayCorrectionDateTime"]
    reference = date_time_of(first, text, keyword="DecayCorrectionDateTime", zone=zone)
    scan = min(acquisition_start(header, zone=zone) for header in headers)
    return DecayCorrected(
        np.ones(len(headers)), reference, scan, ("DecayCorrectionDateTime of the enhanced object",)
    )


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
    if headers[0].get("AttenuationCorrected") == "YES":
        return
    corrections = _corrections(headers)
    if "ATTN" not in corrections:
        stated = "\\".join(sorted(corrections)) or "empty"
        raise DataError(
            f"CorrectedImage is {stated} and lacks ATTN: the image is not attenuation corrected, "
            "so its values are no activity concentration.",
            remedy="Use the attenuation-corrected series.",
        )


def _require_consistent(correction: str, *, corrected: bool) -> None:
    if correction not in {"START", "ADMIN", "NONE"}:
        raise DataError(
            f"DecayCorrection is {correction!r}; needed START, ADMIN or NONE.",
            remedy='Declare decay_corrected_to = "scan start" or "injection" in study.toml.',
        )
    if corrected != (correction != "NONE"):
        raise DataError(
            f"DecayCorrection is {correction} but CorrectedImage "
            f"{'lists' if corrected else 'lacks'} DECY.",
            remedy='Declare decay_corrected_to = "scan start" or "injection" in study.toml.',
        )


def _uncorrected(headers: Sequence[Header], *, half_life_s: float, zone: tzinfo) -> DecayCorrected:
    scan = min(acquisition_start(header, zone=zone) for header in headers)
    factors = np.empty(len(headers))
    for k, header in enumerate(headers):
        average_s = frame_average_delay_s(frame_duration_s(header), half_life_s=half_life_s)
        at = acquisition_start(header, zone=zone) + timedelta(seconds=average_s)
        factors[k] = 1.0 / remaining_fraction((at - scan).total_seconds(), half_life_s=half_life_s)
    return DecayCorrected(
        factors, scan, scan, ("DecayCorrection NONE: corrected here, slice by slice",)
    )


def _is_one(headers: Sequence[Header]) -> bool:
    return all((number(header, "DecayFactor") or 1.0) <= _FACTOR_IS_ONE for header in headers)


def _refuse_ambiguous(
    nuclide: str, injected: datetime, scan: datetime, *, half_life_s: float
) -> None:
    expected = 1.0 / remaining_fraction((scan - injected).total_seconds(), half_life_s=half_life_s)
    raise DataError(
        f"DecayCorrection is ADMIN and CorrectedImage lists DECY, but DecayFactor is 1 where "
        f"correction to the injection of {nuclide} needs {expected:.4f}: quantitative SPECT stored "
        "as PET is written like this both ways.",
        remedy='Declare decay_corrected_to = "injection" or "scan start" in study.toml, after '
        "asking the manufacturer.",
    )


def _implied_s(header: Header, *, half_life_s: float) -> float | None:
    """Tell for what time DecayFactor corrects, s; None where it says nothing."""
    factor = number(header, "DecayFactor")
    if factor is None or abs(factor - 1.0) <= _FACTOR_IS_ONE - 1.0:
        return None
    if factor < 1.0:
        raise DataError(
            f"DecayFactor is {factor:g}; needed at least 1 for an image corrected for decay."
        )
    return half_life_s * math.log2(factor)


def _check_factor_start(headers: Sequence[Header], *, half_life_s: float) -> None:
    """DecayFactor must correct for about the frame's reference time, if it says anything."""
    for header in headers:
        implied_s = _implied_s(header, half_life_s=half_life_s)
        reference_ms = number(header, "FrameReferenceTime")
        if implied_s is None or reference_ms is None:
            continue
        duration_s = frame_duration_s(header)
        if abs(implied_s - reference_ms / 1000.0) > duration_s:
            raise DataError(
                f"DecayFactor {header.get('DecayFactor')} corrects for {implied_s:.0f} s, but "
                f"DecayCorrection START with FrameReferenceTime {reference_ms / 1000.0:.0f} s "
                "says otherwise.",
                remedy='Declare decay_corrected_to = "scan start" or "injection" in study.toml.',
            )


def _check_factor_admin(
    headers: Sequence[Header], injected: datetime, *, half_life_s: float, zone: tzinfo
) -> None:
    for header in headers:
        implied_s = _implied_s(header, half_life_s=half_life_s)
        if implied_s is None:
            continue
        elapsed_s = (acquisition_start(header, zone=zone) - injected).total_seconds()
        if abs(implied_s - elapsed_s) > frame_duration_s(header) + AGREEMENT_S:
            raise DataError(
                f"DecayFactor {header.get('DecayFactor')} corrects for {implied_s:.0f} s, but "
                f"DecayCorrection ADMIN needs {elapsed_s:.0f} s since the injection.",
                remedy='Declare decay_corrected_to = "scan start" or "injection" in study.toml.',
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
    if units == "BQML":
        return np.ones(len(headers)), "Units BQML"
    if units == "CNTS":
        scale = [number(header, "PhilipsActivityConcentrationScaleFactor") for header in headers]
        if all(factor is not None and factor > 0 for factor in scale):
            return np.array(scale, float), "Units CNTS with Philips (7053,1009)"
    mapped = mapped_scale(headers, unit="Bq/ml")
    if mapped is not None:
        return mapped, "RealWorldValueMappingSequence in Bq/ml"
    if units in {"CNTS", "PROPCNTS", ""}:
        raise DataError(
            f"Units is {units or 'missing'}: counts without a calibration. Neither Philips "
            "(7053,1000) nor (7053,1009) nor a real-world value mapping gives one.",
            remedy="Export the series with private tags, or calibrated in Bq/mL.",
        )
    raise UnsupportedError(f"Units is {units!r}; needed BQML, GML, CM2ML or CNTS.")


def mapped_scale(headers: Sequence[Header], *, unit: str) -> npt.NDArray[np.float64] | None:
    """Read *unit* per rescaled stored unit from RealWorldValueMappingSequence; None without one.

    The mapping takes stored values, before RescaleSlope.

    Raises
    ------
    DataError
        If a mapping in *unit* has an intercept or is malformed.
    """
    scale = np.empty(len(headers))
    for k, header in enumerate(headers):
        for item in header.get("RealWorldValueMappingSequence") or ():
            codes: Sequence[Header] = item.get("MeasurementUnitsCodeSequence") or ({},)
            if str(codes[0].get("CodeValue") or "").casefold() == unit.casefold():
                slope = number(item, "RealWorldValueSlope")
                rescale = number(header, "RescaleSlope")
                if not slope or number(item, "RealWorldValueIntercept") not in {0.0, None}:
                    raise DataError(
                        f"RealWorldValueMappingSequence in {unit} has slope {slope} and intercept "
                        f"{item.get('RealWorldValueIntercept')}; needed a slope and intercept 0."
                    )
                scale[k] = slope / (1.0 if rescale is None else rescale)
                break
        else:
            return None
    return scale
