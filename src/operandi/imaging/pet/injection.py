"""What was injected: nuclide, half-life and net activity, from header and records together."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from operandi.domain.administration import Administration
from operandi.imaging.dicom.header import Header
from operandi.imaging.pet.declaration import Declaration, Recorded
from operandi.imaging.pet.timing import injection_time, number, radiopharmaceutical
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import (
    F18,
    NUCLIDES,
    Nuclide,
    checked_half_life_s,
    nuclide_named,
)

_UNITS: Final = {"Bq": 1.0, "kBq": 1e3, "MBq": 1e6}
_MEGABECQUEREL_BELOW: Final = 1e4
"""RadionuclideTotalDose is Bq by the standard. No one is injected under 10 kBq, and no PET tracer
over 10 GBq, so a smaller number can only be MBq (IBSI SUV reference object 3_0)."""
_MEGABECQUEREL_FROM: Final = 20.0
"""Below 20 MBq no PET tracer is given to adults, but 3 to 15 mCi are."""
_PLAUSIBLE_PET_BQ: Final = (1e6, 2e9)
_PLAUSIBLE_THERAPY_BQ: Final = (1e6, 2e10)
_ACTIVITY_AGREEMENT: Final = 0.10
_LONGEST_UPTAKE_S: Final = 24 * 3600.0
_LONGEST_UPTAKE_HALF_LIVES: Final = 10.0


def nuclide_of(header: Header, *, declared: Declaration) -> Nuclide:
    """Which radionuclide the header names; a declaration names one where it does not.

    Raises
    ------
    DataError
        If it names none or two different ones.
    """
    item = radiopharmaceutical(header)
    text = str(item.get("Radiopharmaceutical") or "")
    codes = item.get("RadionuclideCodeSequence") or ()
    named = {found for code in codes if (found := _by_code(code)) is not None}
    if not named and (by_name := _by_name(text)) is not None:
        named = {by_name}
    if not named and declared.nuclide:
        named = {nuclide_named(declared.nuclide)}
    if not named:
        named = {F18} if text.upper().startswith(("FDG", "FLUORODEOXYGLUCOSE")) else set()
    if len(named) == 1:
        return named.pop()
    several = " and ".join(sorted(nuclide.name for nuclide in named)) or "none"
    raise DataError(
        f"RadionuclideCodeSequence and Radiopharmaceutical {text!r} name {several}; needed one "
        "known radionuclide.",
        remedy='Declare nuclide = "68Ga" (or what it was) in study.toml.',
    )


def _by_code(code: Header) -> Nuclide | None:
    """Prefer the meaning, which people read, over the code value, which real scanners mistype."""
    by_name = _by_name(str(code.get("CodeMeaning") or ""))
    if by_name is not None:
        return by_name
    value = str(code.get("CodeValue") or "")
    return next((nuclide for nuclide in NUCLIDES if value in nuclide.code_values), None)


def _by_name(text: str) -> Nuclide | None:
    try:
        return nuclide_named(text)
    except UnsupportedError:
        return None


def half_life_of(header: Header, nuclide: Nuclide, *, declared: Declaration) -> float:
    """Find the half-life the scanner used, s: the header's, or the declared one.

    Raises
    ------
    DataError
        If it is missing or not that of the nuclide.
    """
    if declared.half_life_s is not None:
        return checked_half_life_s(nuclide, declared.half_life_s, declared=True)
    stated = number(radiopharmaceutical(header), "RadionuclideHalfLife")
    if stated is None:
        raise DataError(
            "RadionuclideHalfLife is missing; the scanner's own value is needed, because its "
            "images were corrected with it.",
            remedy="Declare half_life_s in study.toml.",
        )
    return checked_half_life_s(nuclide, stated)


def administration_of(
    headers: Sequence[Header],
    *,
    scan: datetime,
    recorded: Recorded,
    declared: Declaration,
    zone: tzinfo,
) -> tuple[Administration, tuple[str, ...]]:
    """Join what header and records say of the injection.

    The recorded net activity wins where both exist, after they were found to agree within 10 %.

    Returns
    -------
    Administration, evidence

    Raises
    ------
    DataError
        If anything is missing, implausible or contradictory.
    """
    header = headers[0]
    _require_one_injection(headers)
    nuclide = nuclide_of(header, declared=declared)
    half_life_s = half_life_of(header, nuclide, declared=declared)
    own = recorded.administration
    if own is not None and own.nuclide != nuclide:
        raise DataError(
            f"The records say {own.nuclide.name} was injected, the header says {nuclide.name}."
        )
    stated_bq, unit_evidence = _stated_activity_bq(header, nuclide, declared=declared)
    if stated_bq is None and own is None:
        dose = radiopharmaceutical(header).get("RadionuclideTotalDose")
        raise DataError(
            f"RadionuclideTotalDose is {dose!r} and tracer_administrations has no row for this "
            "visit; needed the injected activity.",
            remedy="Record it in tracer_administrations; it is never assumed.",
        )
    evidence = [f"{nuclide.name}, half-life {half_life_s:g} s from the header"]
    if stated_bq is None or (own is not None and declared.activity_from == "records"):
        assert own is not None  # noqa: S101 - the refusal above leaves no other case
        chosen = Administration(nuclide, own.activity_bq, own.at, half_life_s)
        evidence.append("net activity and time of injection from tracer_administrations")
    else:
        at, tag = injection_time(header, scan=scan, declared=declared, zone=zone)
        chosen = Administration(nuclide, stated_bq, at, half_life_s)
        evidence.append(f"injected activity from {unit_evidence}, time from {tag}")
        if own is not None and declared.activity_from != "header":
            _require_agreement(own, chosen, scan)
            chosen = Administration(nuclide, own.activity_bq, own.at, half_life_s)
            evidence[-1] = (
                "net activity and time of injection from tracer_administrations, which the header "
                "confirms within 10 %"
            )
    _require_plausible_uptake(chosen, scan)
    return chosen, tuple(evidence)


def _require_one_injection(headers: Sequence[Header]) -> None:
    first = radiopharmaceutical(headers[0])
    for header in headers[1:]:
        item = radiopharmaceutical(header)
        for keyword in _ONE_INJECTION if item != first else ():
            if _comparable(item.get(keyword)) != _comparable(first.get(keyword)):
                raise DataError(
                    f"{keyword} differs between the slices of one series: "
                    f"{first.get(keyword)!r} and {item.get(keyword)!r}.",
                    remedy="Export the original series from the scanner.",
                )


_ONE_INJECTION: Final = (
    "RadiopharmaceuticalStartDateTime",
    "RadiopharmaceuticalStartTime",
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadionuclideCodeSequence",
)


def _comparable(value: object) -> object:
    """Read numbers as numbers, so that ``"4069.80"`` and ``4069.8`` are one value."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return value


def _stated_activity_bq(
    header: Header, nuclide: Nuclide, *, declared: Declaration
) -> tuple[float | None, str]:
    item = radiopharmaceutical(header)
    value = number(item, "RadionuclideTotalDose")
    if value is None or value == 0.0:
        return None, ""
    if value < 0:
        raise DataError(f"RadionuclideTotalDose is {value:g}; needed an activity > 0.")
    if declared.activity_unit:
        unit = declared.activity_unit
        return value * _UNITS[unit], f"RadionuclideTotalDose in {unit} (declared)"
    if value < _MEGABECQUEREL_BELOW:
        if value < _MEGABECQUEREL_FROM:
            raise DataError(
                f"RadionuclideTotalDose {value:g} is too small for Bq, and as MBq it could be "
                "mCi or GBq.",
                remedy='Declare activity_unit = "Bq", "kBq" or "MBq" in study.toml, or record it '
                "in tracer_administrations.",
            )
        activity, tag = value * 1e6, f"RadionuclideTotalDose {value:g}, too small for Bq: MBq"
    else:
        activity, tag = value, "RadionuclideTotalDose in Bq"
    low, high = _PLAUSIBLE_PET_BQ if nuclide.positron_emitter else _PLAUSIBLE_THERAPY_BQ
    if not low <= activity <= high:
        raise DataError(
            f"RadionuclideTotalDose {value:g} would be {activity / 1e6:g} MBq of {nuclide.name}; "
            f"plausible are {low / 1e6:g} to {high / 1e6:g} MBq.",
            remedy='Declare activity_unit = "Bq", "kBq" or "MBq" in study.toml.',
        )
    return activity, tag


def _require_agreement(own: Administration, stated: Administration, scan: datetime) -> None:
    ratio = own.activity_at(scan) / stated.activity_at(scan)
    if not 1.0 - _ACTIVITY_AGREEMENT <= ratio <= 1.0 + _ACTIVITY_AGREEMENT:
        raise DataError(
            f"The activity left at the scan is {own.activity_at(scan) / 1e6:.1f} MBq by "
            f"tracer_administrations but {stated.activity_at(scan) / 1e6:.1f} MBq by "
            f"RadionuclideTotalDose and injection time of the header.",
            remedy='Correct the wrong one, or declare activity_from = "records" or "header".',
        )


def _require_plausible_uptake(injected: Administration, scan: datetime) -> None:
    uptake_s = (scan - injected.at).total_seconds()
    limit_s = _LONGEST_UPTAKE_HALF_LIVES * injected.half_life_s
    if injected.nuclide.positron_emitter:
        limit_s = min(limit_s, _LONGEST_UPTAKE_S)
    if uptake_s < 0:
        raise DataError(
            f"The injection, {injected.at:%Y-%m-%d %H:%M:%S}, lies after the scan, "
            f"{scan:%Y-%m-%d %H:%M:%S} (UTC).",
            remedy="Check RadiopharmaceuticalStartDateTime and the scanner's clock; "
            "de-identification may have shifted one date and not the other.",
        )
    if uptake_s > limit_s:
        raise DataError(
            f"The injection, {injected.at:%Y-%m-%d %H:%M:%S}, lies "
            f"{timedelta(seconds=round(uptake_s))} before the scan; at most "
            f"{timedelta(seconds=round(limit_s))} is plausible for {injected.nuclide.name}.",
            remedy="Check RadiopharmaceuticalStartDateTime; de-identification may have shifted "
            "one date and not the other.",
        )
