"""Standardized uptake values, from a series' headers and what the study recorded.

:func:`suv_of` is the whole way; :func:`suv_body_weight` is the formula.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.administration import Administration
from operandi.domain.participant import Sex
from operandi.domain.volume import Volume
from operandi.imaging.dicom.assemble import Stack
from operandi.imaging.dicom.header import Header
from operandi.imaging.pet import body
from operandi.imaging.pet.concentration import (
    SUV_UNITS,
    DecayCorrected,
    concentration_scale,
    decay_reference,
    mapped_scale,
    positive_factors,
    require_agreement,
    require_attenuation_corrected,
    require_decay_corrected,
)
from operandi.imaging.pet.declaration import (
    NOTHING_DECLARED,
    NOTHING_RECORDED,
    Declaration,
    Recorded,
)
from operandi.imaging.pet.injection import administration_of, require_same_injection
from operandi.imaging.pet.timing import first_acquisition, number
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.kinds import (
    ACTIVITY_CONCENTRATION,
    SUV_BODY_SURFACE_AREA,
    SUV_BODY_WEIGHT,
    SUV_IDEAL_BODY_WEIGHT,
    SUV_LEAN_BODY_MASS_JAMES,
    SUV_LEAN_BODY_MASS_JANMAHASATIAN,
    Kind,
)

PLAUSIBLE_MASS_KG: Final = (25.0, 300.0)
PLAUSIBLE_HEIGHT_M: Final = (1.2, 2.3)
_MASS_AGREEMENT: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class BodySize:
    """Body size used for SUV; height and sex only where something needed them."""

    mass_kg: float | None
    height_m: float | None
    sex: Sex | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suv:
    """An SUV volume with what it was computed from.

    Parameters
    ----------
    volume : Volume of SUV_BODY_WEIGHT
        g/mL.
    body_size : BodySize
        As used, after header and records were found to agree.
    administration : Administration or None
        None where the scanner stored SUV and nothing was needed of it.
    uptake_s : float or None
        From injection to the scan's start, s; None where the scanner stored SUV.
    evidence : tuple of str
        Which tag or record each input came from.
    """

    volume: Volume
    body_size: BodySize
    administration: Administration | None
    uptake_s: float | None
    evidence: tuple[str, ...]


def suv_of(
    stack: Stack,
    *,
    zone: tzinfo,
    recorded: Recorded = NOTHING_RECORDED,
    declared: Declaration = NOTHING_DECLARED,
) -> Suv:
    """Standardized uptake values of a PET volume.

    Parameters
    ----------
    stack : Stack
        An attenuation-corrected PET volume as assembled from its series.
    zone : tzinfo
        Of dates and times that state no offset.
    recorded : Recorded
        What the study's tables say of the visit; wins where header and table agree.
    declared : Declaration
        Answers to ambiguous headers.

    Returns
    -------
    Suv

    Raises
    ------
    DataError
        If anything needed is missing, implausible, ambiguous or contradictory; the message names
        the tag and what to supply.
    UnsupportedError
        If the units are of a sort that is not read.

    References
    ----------
    .. [1] Boellaard et al., Eur J Nucl Med Mol Imaging 42:328, 2015.
    .. [2] Kinahan et al., QIBA FDG-PET/CT Profile, appendix G.
    """
    headers = stack.headers
    require_attenuation_corrected(headers)
    units = {str(header.get("Units") or "") for header in headers}
    if len(units) > 1:
        raise DataError(f"Units differs between the slices of one series: {sorted(units)}.")
    mass_kg, mass_evidence = _body_mass(headers, recorded=recorded, declared=declared)
    size = BodySize(
        mass_kg=mass_kg, height_m=_height(headers, recorded), sex=_sex(headers, recorded)
    )
    stored = _stored_suv_scale(headers, size, declared=declared)
    if stored is not None:
        scale, evidence = _checked_stored_scale(
            stored, headers, mass_kg, zone=zone, recorded=recorded, declared=declared
        )
        return Suv(
            volume=_scaled(stack, scale, SUV_BODY_WEIGHT),
            body_size=size,
            administration=None,
            uptake_s=None,
            evidence=(*evidence, *((mass_evidence,) if mass_evidence else ())),
        )
    injected_at = None if recorded.administration is None else recorded.administration.at
    decay = decay_reference(headers, declared=declared, zone=zone, injected_at=injected_at)
    pet, scale_note = _concentration(stack, decay)
    injected, injected_evidence = administration_of(
        headers, scan=decay.scan, recorded=recorded, declared=declared, zone=zone
    )
    if mass_kg is None:
        raise _missing_mass(headers)
    result = suv_body_weight(pet, injected, body_mass_kg=mass_kg)
    mapped = mapped_scale(headers, units=SUV_UNITS)
    if mapped is not None:
        ours = _suv_factors(headers, decay, injected, mass_kg=mass_kg)
        require_agreement(mapped, ours, _MAPPING, "dose, time and weight")
    evidence = (scale_note, *decay.evidence, *injected_evidence, mass_evidence)
    return Suv(
        volume=result,
        body_size=size,
        administration=injected,
        uptake_s=(decay.scan - injected.at).total_seconds(),
        evidence=evidence,
    )


def suv_body_weight(pet: Volume, injected: Administration, *, body_mass_kg: float) -> Volume:
    """Divide activity concentration by injected activity per body mass.

    ``SUV = c * m / A``, with *c* and *A* at the same instant.

    Parameters
    ----------
    pet : Volume of ACTIVITY_CONCENTRATION, shape (i, j, k) or (i, j, k, t)
        *c* in Bq/mL at ``pet.decay_reference``.
    injected : Administration
        Net activity; decayed here to ``pet.decay_reference`` to give *A*.
    body_mass_kg : float, > 0
        *m*, measured at this visit. There is no default.

    Returns
    -------
    Volume of SUV_BODY_WEIGHT
        In g/mL, on the grid of ``pet``.

    Raises
    ------
    DataError
        If ``pet`` is of another kind, or the mass is not positive.

    References
    ----------
    .. [1] Boellaard et al., Eur J Nucl Med Mol Imaging 42:328, 2015.
    """
    if pet.kind != ACTIVITY_CONCENTRATION or pet.decay_reference is None:
        raise DataError(f"SUV needs activity concentration, got {pet.kind.title}.")
    if not body_mass_kg > 0:
        raise DataError(f"SUV needs body mass > 0, got {body_mass_kg} kg.")
    factor = body_mass_kg * 1000.0 / injected.activity_at(pet.decay_reference)
    values = (pet.values * np.float64(factor)).astype(np.float32)
    return Volume(values, pet.grid, SUV_BODY_WEIGHT, frames=pet.frames)


def activity_concentration_of(
    stack: Stack,
    *,
    zone: tzinfo,
    declared: Declaration = NOTHING_DECLARED,
    injected_at: datetime | None = None,
) -> Volume:
    """Activity concentration in Bq/mL, PET or quantitative SPECT, at its decay reference.

    *injected_at* is the recorded injection, for a header that states no time of it.

    Raises
    ------
    DataError
        As :func:`suv_of`, except that body size and injected activity are not needed.
    """
    require_attenuation_corrected(stack.headers)
    decay = decay_reference(stack.headers, declared=declared, zone=zone, injected_at=injected_at)
    return _concentration(stack, decay)[0]


def _concentration(stack: Stack, decay: DecayCorrected) -> tuple[Volume, str]:
    scale, note = concentration_scale(stack.headers)
    values = _scaled(stack, scale * decay.factors, SUV_BODY_WEIGHT).values
    return Volume(values, stack.grid, ACTIVITY_CONCENTRATION, decay.reference), note


def _scaled(stack: Stack, scale: npt.NDArray[np.float64], kind: Kind) -> Volume:
    if (scale == 1.0).all():
        return Volume(stack.values, stack.grid, kind)
    return Volume((stack.values * scale).astype(np.float32), stack.grid, kind)


def _stored_suv_scale(
    headers: Sequence[Header], size: BodySize, *, declared: Declaration
) -> tuple[npt.NDArray[np.float64], str] | None:
    """SUVbw for one rescaled stored unit where the scanner stored an SUV; else None.

    What the scanner divided by is in the header, so that the header's body size undoes it; where
    the header has lost a part, ``size``, the study's, stands in.
    """
    units = str(headers[0].get("Units") or "")
    ones = np.ones(len(headers))
    if units in {"GML", "CM2ML"}:
        types = {str(header.get("SUVType") or "") for header in headers}
        if len(types) > 1:
            raise DataError(f"SUVType differs between the slices: {sorted(types)}.")
        suv_type = types.pop() or ("BW" if units == "GML" else "BSA")
        used = _size_in_header(headers, size)
        ratio = _mass_ratio(units, suv_type, used, declared=declared)
        return ones * ratio, f"stored SUV, Units {units}, SUVType {suv_type}"
    if units == "CNTS":
        factors = positive_factors(headers, "PhilipsSUVScaleFactor")
        if factors is not None:
            return factors, "Units CNTS with Philips SUV factor (7053,1000)"
    if units in {"CNTS", "PROPCNTS", ""}:
        mapped = mapped_scale(headers, units=SUV_UNITS)
        if mapped is not None:
            return mapped, _MAPPING
    return None


_MAPPING: Final = f"RealWorldValueMappingSequence in {SUV_UNITS[0]}"


def _checked_stored_scale(
    stored: tuple[npt.NDArray[np.float64], str],
    headers: Sequence[Header],
    mass_kg: float | None,
    *,
    zone: tzinfo,
    recorded: Recorded,
    declared: Declaration,
) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """Hold a stored SUV against what else is known, and bring it to the recorded mass."""
    scale, note = stored
    require_decay_corrected(headers)
    mapped = mapped_scale(headers, units=SUV_UNITS)
    if mapped is not None:
        require_agreement(mapped, scale, _MAPPING, note)
    ours = _suv_factors_of_header(headers, zone=zone, declared=declared)
    if ours is not None:
        require_agreement(scale, ours, note, "dose, time and weight with the activity factor")
    scale, note = _with_recorded_mass(scale, note, headers, mass_kg, declared=declared)
    if recorded.administration is None:
        return scale, (note,)
    agreement = require_same_injection(
        headers,
        scan=first_acquisition(headers, zone=zone),
        recorded=recorded,
        declared=declared,
        zone=zone,
    )
    return scale, (note, agreement) if agreement else (note,)


def _suv_factors(
    headers: Sequence[Header], decay: DecayCorrected, injected: Administration, *, mass_kg: float
) -> npt.NDArray[np.float64]:
    """SUV for one rescaled stored unit, per slice, by way of activity concentration."""
    scale, _ = concentration_scale(headers)
    return scale * decay.factors * mass_kg * 1000.0 / injected.activity_at(decay.reference)


def _suv_factors_of_header(
    headers: Sequence[Header], *, zone: tzinfo, declared: Declaration
) -> npt.NDArray[np.float64] | None:
    """A second opinion on a stored SUV from the same header; None where it cannot be had."""
    mass_kg = number(headers[0], "PatientWeight")
    try:
        decay = decay_reference(headers, declared=declared, zone=zone)
        injected, _ = administration_of(
            headers, scan=decay.scan, recorded=NOTHING_RECORDED, declared=declared, zone=zone
        )
        return _suv_factors(headers, decay, injected, mass_kg=mass_kg) if mass_kg else None
    except (DataError, UnsupportedError):
        return None


def _size_in_header(headers: Sequence[Header], otherwise: BodySize) -> BodySize:
    mass_kg, _ = _body_mass(headers, recorded=NOTHING_RECORDED, declared=NOTHING_DECLARED)
    height_m = _height(headers, NOTHING_RECORDED)
    return BodySize(
        mass_kg=otherwise.mass_kg if mass_kg is None else mass_kg,
        height_m=otherwise.height_m if height_m is None else height_m,
        sex=_sex(headers, NOTHING_RECORDED) or otherwise.sex,
    )


def _with_recorded_mass(
    scale: npt.NDArray[np.float64],
    note: str,
    headers: Sequence[Header],
    mass_kg: float | None,
    *,
    declared: Declaration,
) -> tuple[npt.NDArray[np.float64], str]:
    """Bring a stored SUV from the header's mass to the one that counts, as for Bq/mL."""
    if declared.activity_from == "records":
        raise DataError(
            "The scanner stored SUV (Units, SUVType), made with the header's dose; the recorded "
            'activity cannot replace it, though activity_from = "records" is declared.',
            remedy="Export the series in Bq/mL.",
        )
    header_kg = number(headers[0], "PatientWeight")
    if not header_kg and declared.body_mass_from == "records":
        raise DataError(
            "The scanner stored SUV, and PatientWeight is missing: the mass it used is unknown.",
            remedy="Export the series in Bq/mL.",
        )
    if not header_kg or mass_kg is None or mass_kg == header_kg:
        return scale, note
    return scale * mass_kg / header_kg, f"{note}, brought from {header_kg:g} to {mass_kg:g} kg"


def _mass_ratio(units: str, suv_type: str, size: BodySize, *, declared: Declaration) -> float:
    """SUVbw divided by the stored SUV: body mass over what the scanner divided by instead."""
    expected = {"BSA": "CM2ML"}.get(suv_type, "GML")
    if units != expected:
        raise DataError(f"Units is {units} but SUVType is {suv_type}, which is in {expected}.")
    if suv_type == "BW":
        return 1.0
    mass_kg, height_m, sex = _complete(size, f"SUVType {suv_type}")
    if suv_type == "BSA":
        area_m2 = body.body_surface_area_m2(mass_kg=mass_kg, height_m=height_m)
        return mass_kg * 1000.0 / (area_m2 * 1e4)
    if suv_type == "LBM":
        lean = body.lean_body_mass_james(mass_kg=mass_kg, height_m=height_m, sex=sex, male=120.0)
    elif suv_type == "LBMJAMES128":
        lean = body.lean_body_mass_james(mass_kg=mass_kg, height_m=height_m, sex=sex)
    elif suv_type == "LBMJANMA":
        lean = body.lean_body_mass_janmahasatian(mass_kg=mass_kg, height_m=height_m, sex=sex)
    elif suv_type == "IBW":
        lean = _declared_ideal_weight(height_m, sex, declared)
    else:
        raise UnsupportedError(
            f"SUVType is {suv_type!r}; needed BW, BSA, LBM, LBMJAMES128, LBMJANMA or IBW."
        )
    return mass_kg / lean


def _declared_ideal_weight(height_m: float, sex: Sex, declared: Declaration) -> float:
    if declared.ideal_body_weight == "robinson":
        return body.ideal_body_weight_robinson(height_m=height_m, sex=sex)
    if declared.ideal_body_weight == "sugawara":
        return body.ideal_body_weight_sugawara(height_m=height_m, sex=sex)
    raise DataError(
        "SUVType is IBW. The standard points to Sugawara's formula (PS3.16 CID 85), but Robinson's "
        "is in use too, and nothing in the header tells them apart.",
        remedy='Declare ideal_body_weight = "robinson" or "sugawara" in study.toml.',
    )


def normalized(suv: Suv, kind: Kind, *, size: BodySize | None = None) -> Volume:
    """SUV by another body size than mass: lean body mass, body surface area, ideal weight.

    Parameters
    ----------
    suv : Suv
        By body weight.
    kind : Kind
        One of the SUV kinds.
    size : BodySize, optional
        Instead of ``suv.body_size``.

    Raises
    ------
    DataError
        If height is missing, or sex is neither F nor M where the formula needs it.
    """
    if kind == SUV_BODY_WEIGHT:
        return suv.volume
    size = size or suv.body_size
    mass_kg, height_m, sex = _complete(size, kind.title)
    if kind == SUV_BODY_SURFACE_AREA:
        area_m2 = body.body_surface_area_m2(mass_kg=mass_kg, height_m=height_m)
        factor = area_m2 * 1e4 / (mass_kg * 1000.0)
    elif kind == SUV_LEAN_BODY_MASS_JAMES:
        lean = body.lean_body_mass_james(mass_kg=mass_kg, height_m=height_m, sex=sex)
        factor = lean / mass_kg
    elif kind == SUV_LEAN_BODY_MASS_JANMAHASATIAN:
        lean = body.lean_body_mass_janmahasatian(mass_kg=mass_kg, height_m=height_m, sex=sex)
        factor = lean / mass_kg
    elif kind == SUV_IDEAL_BODY_WEIGHT:
        factor = body.ideal_body_weight_robinson(height_m=height_m, sex=sex) / mass_kg
    else:
        raise ValueError(f"{kind.name} is no kind of SUV")
    values = (suv.volume.values * np.float64(factor)).astype(np.float32)
    return Volume(values, suv.volume.grid, kind)


def _complete(size: BodySize, what: str) -> tuple[float, float, Sex]:
    if size.mass_kg is None:
        raise DataError(f"{what} needs body mass.", remedy="Record it in vitals.")
    if size.height_m is None:
        raise DataError(
            f"{what} needs height; PatientSize is missing and vitals has none.",
            remedy="Record height_m in vitals; it is never assumed.",
        )
    return size.mass_kg, size.height_m, size.sex or Sex.OTHER


def _body_mass(
    headers: Sequence[Header], *, recorded: Recorded, declared: Declaration
) -> tuple[float | None, str]:
    """Take the recorded mass, after the header's was found to agree; else the header's."""
    stated = {number(header, "PatientWeight") for header in headers}
    if len(stated) > 1:
        raise DataError(f"PatientWeight differs between the slices: {sorted(map(str, stated))}.")
    header_kg = stated.pop()
    record_kg = recorded.body_mass_kg
    if record_kg is not None and declared.body_mass_from != "header":
        _require_plausible(record_kg, "body_mass_kg in vitals", PLAUSIBLE_MASS_KG, "kg")
        if header_kg and declared.body_mass_from != "records":
            _require_plausible(header_kg, "PatientWeight", PLAUSIBLE_MASS_KG, "kg")
            if abs(header_kg / record_kg - 1.0) > _MASS_AGREEMENT:
                raise DataError(
                    f"PatientWeight is {header_kg:g} kg but vitals records {record_kg:g} kg.",
                    remedy="Correct the wrong one, or declare body_mass_from = "
                    '"records" or "header" in study.toml.',
                )
        return record_kg, f"body mass {record_kg:g} kg from vitals"
    if not header_kg:
        return None, ""
    _require_plausible(header_kg, "PatientWeight", PLAUSIBLE_MASS_KG, "kg")
    return header_kg, f"body mass {header_kg:g} kg from PatientWeight"


def _height(headers: Sequence[Header], recorded: Recorded) -> float | None:
    if recorded.height_m is not None:
        _require_plausible(recorded.height_m, "height_m in vitals", PLAUSIBLE_HEIGHT_M, "m")
        return recorded.height_m
    stated = {number(header, "PatientSize") for header in headers} - {None, 0.0}
    if len(stated) != 1:
        return None
    (height_m,) = stated
    if height_m is not None and not PLAUSIBLE_HEIGHT_M[0] <= height_m <= PLAUSIBLE_HEIGHT_M[1]:
        return None
    return height_m


def _sex(headers: Sequence[Header], recorded: Recorded) -> Sex | None:
    stated = str(headers[0].get("PatientSex") or "")
    header_sex = Sex(stated) if stated in set(Sex) else None
    if recorded.sex is None:
        return header_sex
    if header_sex in {Sex.FEMALE, Sex.MALE} and header_sex is not recorded.sex:
        raise DataError(
            f"PatientSex is {stated} but participants records {recorded.sex.value}.",
            remedy="Check that the images are of this participant; correct the wrong one.",
        )
    return recorded.sex


def _require_plausible(value: float, what: str, limits: tuple[float, float], unit: str) -> None:
    if not limits[0] <= value <= limits[1]:
        raise DataError(
            f"{what} is {value:g} {unit}; needed {limits[0]:g} to {limits[1]:g} {unit}.",
            remedy="Record the measured value in vitals; it is never assumed.",
        )


def _missing_mass(headers: Sequence[Header]) -> DataError:
    stated = headers[0].get("PatientWeight") or "missing"
    return DataError(
        f"SUV needs body mass; PatientWeight is {stated} and vitals has no row for this visit.",
        remedy="Record the weight in vitals; it is never assumed.",
    )
