"""SUV in closed form, written from the DICOM standard and the papers alone.

This module shares no code with Operandi, on purpose: it is what Operandi's SUV is judged by. It
computes and never judges, so it belongs only behind headers that are known to be sound; whether
a header must be refused stands in ``suv_cases``, case by case.

References
----------
.. [1] DICOM PS3.3 C.8.9.1 (PET Series: Units, SUV Type, Decay Correction, Series Time), C.8.9.2
   (PET Isotope), C.8.9.4.1.4 to .6 (Acquisition Time, Frame Reference Time, its mean count-rate
   instant, Actual Frame Duration).
.. [2] RSNA QIBA, Vendor-neutral pseudo-code for SUV calculation, 26 June 2018 (order in which a
   series time is believed; Philips and GE private elements).
.. [3] James, Research on Obesity, HMSO 1976; with 120 for 128 in Morgan et al., Clin Pharmacokinet
   26:292, 1994. DICOM PS3.16 calls the first LBMJAMES128 and the second LBM.
.. [4] Janmahasatian et al., Clin Pharmacokinet 44:1051, 2005.
.. [5] Du Bois and Du Bois, Arch Intern Med 17:863, 1916.
.. [6] Robinson et al., Am J Hosp Pharm 40:1016, 1983; Sugawara et al., Radiology 213:521, 1999.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, cast

Header = Mapping[str, object]

_INCH_CM: Final = 2.54


def number(value: object) -> float:
    """Read a decimal string (DS), an integer string (IS) or a number."""
    return float(str(value).strip())


def instant(date: object, time: object) -> datetime:
    """Join a date (DA) and a time (TM, also with the colons of ACR-NEMA), as local time."""
    whole, _, fraction = str(time).strip().replace(":", "").partition(".")
    clock = datetime.strptime(whole.ljust(6, "0"), "%H%M%S")  # noqa: DTZ007 - headers are local
    day = datetime.strptime(str(date).strip(), "%Y%m%d")  # noqa: DTZ007
    within_second = timedelta(seconds=float(f"0.{fraction or 0}"))
    return datetime.combine(day, clock.time()) + within_second


def moment(stamp: object, *, local_offset: object = None) -> datetime:
    """Read a date-time (DT) and express it in the local time of the header.

    The suffix ``+ZZXX`` is the offset of this element, TimezoneOffsetFromUTC that of all others
    (PS3.3 C.12.1, PS3.5 6.2); without a suffix the element is local already.
    """
    text = str(stamp).strip()
    sign_at = max(text.find("+"), text.find("-"))
    if sign_at < 0:
        return instant(text[:8], text[8:])
    local = instant(text[:8], text[8:sign_at])
    return local - _offset(text[sign_at:]) + _offset(str(local_offset))


def _offset(text: str) -> timedelta:
    size = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return -size if text[0] == "-" else size


def activity_left_bq(activity_bq: float, *, elapsed_s: float, half_life_s: float) -> float:
    """Law of decay, ``A = A0 exp(-ln 2 t / T)``."""
    return activity_bq * math.exp(-math.log(2.0) * elapsed_s / half_life_s)


def mean_count_rate_instant_s(duration_s: float, *, half_life_s: float) -> float:
    """Instant within a frame whose activity is the frame's mean.

    ``Tave = ln(lambda T / (1 - exp(-lambda T))) / lambda`` (PS3.3 C.8.9.4.1.5, example 2).
    """
    constant = math.log(2.0) / half_life_s
    return math.log(constant * duration_s / (1.0 - math.exp(-constant * duration_s))) / constant


def suvbw_per_bq_ml(*, mass_kg: float, activity_bq: float) -> float:
    """g/mL for 1 Bq/mL, with the activity at the instant of the image: ``1000 m / A``."""
    return 1000.0 * mass_kg / activity_bq


def lean_body_mass_kg(suv_type: str, *, sex: str, mass_kg: float, height_m: float) -> float:
    """Lean body mass by the formula that SUVType names (LBM, LBMJAMES128 or LBMJANMA)."""
    if suv_type == "LBMJANMA":
        index = mass_kg / height_m**2
        slope, level = {"M": (216.0, 6680.0), "F": (244.0, 8780.0)}[sex]
        return 9270.0 * mass_kg / (level + slope * index)
    linear = {"M": 1.10, "F": 1.07}[sex]
    male = {"LBM": 120.0, "LBMJAMES128": 128.0}[suv_type]
    quadratic = {"M": male, "F": 148.0}[sex]
    return linear * mass_kg - quadratic * (mass_kg / (100.0 * height_m)) ** 2


def body_surface_cm2(*, mass_kg: float, height_m: float) -> float:
    """Body surface by Du Bois, 71.84 kg^0.425 cm^0.725 in cm2."""
    return 71.84 * math.pow(mass_kg, 0.425) * math.pow(100.0 * height_m, 0.725)


def ideal_body_mass_kg(formula: str, *, sex: str, height_m: float) -> float:
    """Ideal body mass by Robinson or by Sugawara (which DICOM PS3.16 CID 85 gives for SUVibw)."""
    height_cm = 100.0 * height_m
    if formula == "sugawara":
        return {"M": 48.0 + 1.06 * (height_cm - 152.0), "F": 45.5 + 0.91 * (height_cm - 152.0)}[sex]
    over_five_feet = height_cm / _INCH_CM - 60.0
    return {"M": 51.65 + 1.85 * over_five_feet, "F": 48.67 + 1.65 * over_five_feet}[sex]


def administration(header: Header) -> Header:
    """First item of RadiopharmaceuticalInformationSequence."""
    items = cast("Sequence[Header]", header["RadiopharmaceuticalInformationSequence"])
    return items[0]


def acquisition(header: Header) -> datetime:
    """AcquisitionDate and AcquisitionTime of one slice."""
    return instant(header["AcquisitionDate"], header["AcquisitionTime"])


def series_reference(headers: Sequence[Header]) -> datetime:
    """Instant to which a series with DecayCorrection START refers.

    SeriesTime, unless it lies after the first acquisition (then it is the time of some later
    processing); then GE's scan time; then the first acquisition brought back by its
    FrameReferenceTime, or by its DecayFactor where that says something; then the first acquisition.
    """
    first = min(headers, key=acquisition)
    series = instant(first["SeriesDate"], first["SeriesTime"])
    begun = acquisition(first)
    if series <= begun:
        return series
    if first.get("GEScanDateTime"):
        scan = moment(first["GEScanDateTime"])
        if scan <= begun:
            return scan
    offset_s = number(first.get("FrameReferenceTime") or 0.0) / 1000.0
    if offset_s > 0.0:
        factor = number(first.get("DecayFactor") or 1.0)
        if factor > 1.0:
            offset_s = math.log2(factor) * number(administration(first)["RadionuclideHalfLife"])
        return begun + timedelta(seconds=_mean_instant_s(first) - offset_s)
    return begun


def injection(header: Header, *, reference: datetime) -> datetime:
    """RadiopharmaceuticalStartDateTime, else StartTime on the last such day before *reference*."""
    given = administration(header)
    if given.get("RadiopharmaceuticalStartDateTime"):
        return moment(
            given["RadiopharmaceuticalStartDateTime"],
            local_offset=header.get("TimezoneOffsetFromUTC"),
        )
    clock = instant(header["SeriesDate"], given["RadiopharmaceuticalStartTime"])
    return clock if clock <= reference else clock - timedelta(days=1)


def suvbw_factors(headers: Sequence[Header]) -> tuple[float, ...]:
    """g/mL for one rescaled unit of each slice."""
    return tuple(_suvbw_factor(header, headers=headers) for header in headers)


def _suvbw_factor(header: Header, *, headers: Sequence[Header]) -> float:
    units = header["Units"]
    if units in {"GML", "CM2ML"}:
        return _from_suv_type(header)
    if units == "CNTS":
        direct = number(header.get("PhilipsSUVScaleFactor") or 0.0)
        if direct:
            return direct
        per_count = number(header.get("PhilipsActivityConcentrationScaleFactor") or 0.0)
        if not per_count:
            return _from_mapping(header, headers=headers)
        return per_count * _per_bq_ml(header, headers=headers)
    return _per_bq_ml(header, headers=headers)


def _per_bq_ml(header: Header, *, headers: Sequence[Header]) -> float:
    reference = series_reference(headers)
    if header["DecayCorrection"] == "NONE":
        reference = acquisition(header) + timedelta(seconds=_mean_instant_s(header))
    injected = injection(header, reference=reference)
    if header["DecayCorrection"] == "ADMIN":
        reference = injected
    given = administration(header)
    stated = number(given["RadionuclideTotalDose"])
    activity_bq = activity_left_bq(
        # The IBSI object 3_0 holds megabecquerels, the unit of Enhanced PET (PS3.3 C.8.22.4).
        stated * 1e6 if stated < 1e4 else stated,
        elapsed_s=(reference - injected).total_seconds(),
        half_life_s=number(given["RadionuclideHalfLife"]),
    )
    return suvbw_per_bq_ml(mass_kg=number(header["PatientWeight"]), activity_bq=activity_bq)


def _from_suv_type(header: Header) -> float:
    suv_type = str(header.get("SUVType") or "BW")
    if suv_type == "BW":
        return 1.0
    mass_kg, height_m = number(header["PatientWeight"]), number(header["PatientSize"])
    if suv_type == "BSA":
        return 1000.0 * mass_kg / body_surface_cm2(mass_kg=mass_kg, height_m=height_m)
    lean_kg = lean_body_mass_kg(
        suv_type, sex=str(header["PatientSex"]), mass_kg=mass_kg, height_m=height_m
    )
    return mass_kg / lean_kg


def _from_mapping(header: Header, *, headers: Sequence[Header]) -> float:
    """Undo the rescale first: a real-world value maps *stored* values (PS3.3 C.7.6.16.2.11)."""
    items = cast("Sequence[Header]", header["RealWorldValueMappingSequence"])
    units = cast("Sequence[Header]", items[0]["MeasurementUnitsCodeSequence"])
    per_rescaled = number(items[0]["RealWorldValueSlope"]) / number(header["RescaleSlope"])
    if units[0]["CodeValue"] == "{SUVbw}g/ml":
        return per_rescaled
    return per_rescaled * _per_bq_ml(header, headers=headers)


def _mean_instant_s(header: Header) -> float:
    return mean_count_rate_instant_s(
        number(header["ActualFrameDuration"]) / 1000.0,
        half_life_s=number(administration(header)["RadionuclideHalfLife"]),
    )
