"""What was injected: nuclide, half-life and net activity, from header and records together."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from operandi.domain.administration import Administration
from operandi.imaging.dicom.header import Header
from operandi.imaging.pet.declaration import LIMIT_IT, Declaration, Recorded
from operandi.imaging.pet.timing import injection_time, number, radiopharmaceutical
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import (
    F18,
    GA68,
    NUCLIDES,
    Nuclide,
    checked_half_life_s,
    nuclide_named,
)

_UNITS: Final = {"Bq": 1.0, "kBq": 1e3, "MBq": 1e6}
_MEGABECQUEREL_BELOW: Final = 1e4
"""RadionuclideTotalDose is Bq by the standard. No one is injected under 10 kBq, and no PET tracer
over 10 GBq, so a smaller number can only be MBq (IBSI SUV reference object 3_0)."""
_PLAUSIBLE_PET_BQ: Final = (1e6, 2e9)
_PLAUSIBLE_THERAPY_BQ: Final = (1e6, 2e10)
_ACTIVITY_AGREEMENT: Final = 0.10
_HALF_LIFE_AGREEMENT: Final = 0.001
_DECLARED_HALF_LIFE_WITHIN: Final = 0.05
_DECLARED_NUCLIDE: Final = "; nuclide declared"
_LONGEST_PET_UPTAKE: Final = timedelta(hours=24)
_LONGEST_HALF_LIVES: Final = {True: 4.0, False: 10.0}
"""By whether it is a positron emitter: nobody waits for the last 6 % of a PET tracer."""


def nuclide_of(header: Header, *, declared: Declaration) -> Nuclide:
    """Which radionuclide the header names; a declaration answers where it names none or two.

    Raises
    ------
    DataError
        If it names none or two different ones, or another than is declared.
    """
    return _nuclide(header, declared=declared)[0]


def _nuclide(header: Header, *, declared: Declaration) -> tuple[Nuclide, str]:
    item = radiopharmaceutical(header)
    text = str(item.get("Radiopharmaceutical") or "")
    codes = item.get("RadionuclideCodeSequence") or ()
    named = {_by_code(code) for code in codes} | {_by_text(text)}
    known = sorted(nuclide.name for nuclide in named if nuclide is not None)
    if declared.nuclide:
        answer = nuclide_named(declared.nuclide)
        if known in ([], [answer.name]):
            return answer, "" if known else _DECLARED_NUCLIDE
        if answer.name in known:
            return answer, _DECLARED_NUCLIDE
    elif len(known) == 1:
        return nuclide_named(known[0]), ""
    if len(known) == 1:
        raise DataError(
            f"RadionuclideCodeSequence and Radiopharmaceutical name {known[0]}, but "
            f'nuclide = "{declared.nuclide}" is declared.',
            remedy=LIMIT_IT,
        )
    where = "" if item else "RadiopharmaceuticalInformationSequence has no item: "
    raise DataError(
        f"{where}RadionuclideCodeSequence and Radiopharmaceutical {text!r} name "
        f"{' and '.join(known) or 'none'}; needed one known radionuclide.",
        remedy='Declare nuclide = "68Ga" (or what it was) in study.toml'
        + ("." if item else ", and half_life_s, and record the injection."),
    )


def _by_text(text: str) -> Nuclide | None:
    """FDG is 18F, whoever writes it."""
    by_name = _by_name(text)
    if by_name is None and text.upper().startswith(("FDG", "FLUORODEOXYGLUCOSE")):
        return F18
    return by_name


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
    """Find the half-life the scanner used, s: the header's, or a declared one where it has none.

    Raises
    ------
    DataError
        If it is missing or not that of the nuclide, or if header and declaration differ.
    """
    return _half_life(header, nuclide, declared=declared)[0]


def _half_life(header: Header, nuclide: Nuclide, *, declared: Declaration) -> tuple[float, str]:
    stated_s = number(radiopharmaceutical(header), "RadionuclideHalfLife")
    answer_s = declared.half_life_s
    if answer_s is None:
        if stated_s is not None:
            return checked_half_life_s(nuclide, stated_s), "from the header"
        raise DataError(
            "RadionuclideHalfLife is missing; the scanner's own value is needed, because its "
            "images were corrected with it.",
            remedy="Declare half_life_s in study.toml.",
        )
    if abs(answer_s / nuclide.half_life_s - 1.0) > _DECLARED_HALF_LIFE_WITHIN:
        raise DataError(
            f"half_life_s = {answer_s:g} is declared, but {nuclide.name} has "
            f"{nuclide.half_life_s:g} s ({nuclide.evaluation}), and RadionuclideHalfLife of a "
            f"scanner lies within {100 * _DECLARED_HALF_LIFE_WITHIN:.0f} % of that.",
            remedy="Declare it in seconds, and only for visits with this nuclide.",
        )
    low_s, high_s = nuclide.accepted_half_life_s
    if stated_s is None or not low_s <= stated_s <= high_s:
        return checked_half_life_s(nuclide, answer_s, declared=True), "(declared)"
    if abs(answer_s / stated_s - 1.0) > _HALF_LIFE_AGREEMENT:
        raise DataError(
            f"RadionuclideHalfLife is {stated_s:g} s, as {nuclide.name} has, but "
            f"half_life_s = {answer_s:g} is declared.",
            remedy=LIMIT_IT,
        )
    return stated_s, "from the header"


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
    nuclide, nuclide_note = _nuclide(header, declared=declared)
    half_life_s, half_life_note = _half_life(header, nuclide, declared=declared)
    evidence = f"{nuclide.name}, half-life {half_life_s:g} s {half_life_note}{nuclide_note}"
    own = _recorded_injection(recorded, nuclide, half_life_s)
    stated_bq, unit_evidence = _stated_activity_bq(header, nuclide, declared=declared)
    if own is not None and (stated_bq is None or declared.activity_from == "records"):
        require_plausible_uptake(own, scan, source="injected_at in tracer_administrations")
        return own, (evidence, "net activity and time of injection from tracer_administrations")
    if stated_bq is None:
        dose = radiopharmaceutical(header).get("RadionuclideTotalDose")
        raise DataError(
            f"RadionuclideTotalDose is {dose!r} and tracer_administrations has no row for this "
            "visit; needed the injected activity.",
            remedy="Record it in tracer_administrations; it is never assumed.",
        )
    at, tag = injection_time(
        header,
        scan=scan,
        half_life_s=half_life_s,
        declared=declared,
        zone=zone,
        recorded_at=None if own is None else own.at,
    )
    stated = Administration(nuclide, stated_bq, at, half_life_s)
    require_plausible_uptake(stated, scan, source=tag)
    if own is None or declared.activity_from == "header":
        return stated, (evidence, f"injected activity from {unit_evidence}, time from {tag}")
    require_plausible_uptake(own, scan, source="injected_at in tracer_administrations")
    _require_agreement(own, stated, scan)
    return own, (
        evidence,
        "net activity and time of injection from tracer_administrations, which the header "
        "confirms within 10 %",
    )


def _recorded_injection(
    recorded: Recorded, nuclide: Nuclide, half_life_s: float
) -> Administration | None:
    """Take the recorded injection, to decay with the half-life that the scanner used."""
    own = recorded.administration
    if own is None:
        return None
    if own.nuclide != nuclide:
        raise DataError(
            f"The records say {own.nuclide.name} was injected, but RadionuclideCodeSequence and "
            f"Radiopharmaceutical of the header say {nuclide.name}.",
            remedy="Check that the images are of this visit; correct the wrong one.",
        )
    return Administration(nuclide, own.activity_bq, own.at, half_life_s)


def require_same_injection(
    headers: Sequence[Header],
    *,
    scan: datetime,
    recorded: Recorded,
    declared: Declaration,
    zone: tzinfo,
) -> str:
    """Hold the recorded injection against the header's, which a scanner's stored SUV rests on.

    Returns
    -------
    str
        Evidence; empty where nothing is recorded, or the header is declared to count.

    Raises
    ------
    DataError
        If they differ by more than 10 %, or the header no longer says what was injected.
    """
    if recorded.administration is None or declared.activity_from == "header":
        return ""
    item = radiopharmaceutical(headers[0])
    if not number(item, "RadionuclideTotalDose"):
        raise DataError(
            "The scanner stored SUV, and RadionuclideTotalDose is "
            f"{item.get('RadionuclideTotalDose')!r}: the activity it used cannot be held against "
            "tracer_administrations.",
            remedy='Export the series in Bq/mL, or declare activity_from = "header" in study.toml '
            "to take the stored SUV as it is.",
        )
    administration_of(headers, scan=scan, recorded=recorded, declared=declared, zone=zone)
    return "the header's injected activity agrees with tracer_administrations within 10 %"


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
    value = number(radiopharmaceutical(header), "RadionuclideTotalDose")
    if value is None or value == 0.0:
        return None, ""
    if value < 0:
        raise DataError(f"RadionuclideTotalDose is {value:g}; needed an activity > 0.")
    unit = declared.activity_unit
    if not unit:
        return _undeclared_activity_bq(value, nuclide)
    answer = value * _UNITS[unit]
    try:
        stated, evidence = _undeclared_activity_bq(value, nuclide)
    except DataError:
        low, high = _PLAUSIBLE_THERAPY_BQ
        if not low <= answer <= high:
            raise
    else:
        if not math.isclose(stated, answer):
            raise DataError(
                f"The header has {evidence}, {stated / 1e6:g} MBq, but "
                f'activity_unit = "{unit}" is declared, which would make it {answer / 1e6:g} MBq.',
                remedy=LIMIT_IT,
            )
    return answer, f"RadionuclideTotalDose in {unit} (declared)"


def _undeclared_activity_bq(value: float, nuclide: Nuclide) -> tuple[float, str]:
    if value < _MEGABECQUEREL_BELOW:
        low, high = _megabecquerels(nuclide)
        if low <= value <= high:
            return value * 1e6, f"RadionuclideTotalDose {value:g}, too small for Bq: MBq"
        raise DataError(
            f"RadionuclideTotalDose {value:g} is too small for Bq, and as MBq of {nuclide.name} it "
            f"would have to be {low:g} to {high:g}: it could be mCi, uCi, kBq or GBq.",
            remedy='Declare activity_unit = "Bq", "kBq" or "MBq" in study.toml, or record it in '
            'tracer_administrations and declare activity_from = "records".',
        )
    low, high = _PLAUSIBLE_PET_BQ if nuclide.positron_emitter else _PLAUSIBLE_THERAPY_BQ
    if low <= value <= high:
        return value, "RadionuclideTotalDose in Bq"
    raise DataError(
        f"RadionuclideTotalDose {value:g} would be {value / 1e6:g} MBq of {nuclide.name}; "
        f"plausible are {low / 1e6:g} to {high / 1e6:g} MBq.",
        remedy='Declare activity_unit = "Bq", "kBq" or "MBq" in study.toml.',
    )


def _megabecquerels(nuclide: Nuclide) -> tuple[float, float]:
    """Where a number below 10,000 is believed to be MBq, and not mCi, uCi, kBq or GBq.

    Under 20 MBq no PET tracer is given to adults, but 3 to 15 mCi are; a therapy of 1 to 7.4 GBq
    is 27 to 200 mCi.
    """
    if not nuclide.positron_emitter:
        return 1000.0, _MEGABECQUEREL_BELOW
    return 20.0, 500.0 if nuclide == GA68 else 1000.0


def _require_agreement(own: Administration, stated: Administration, scan: datetime) -> None:
    ratio = own.activity_at(scan) / stated.activity_at(scan)
    if not 1.0 - _ACTIVITY_AGREEMENT <= ratio <= 1.0 + _ACTIVITY_AGREEMENT:
        raise DataError(
            f"The activity left at the scan is {own.activity_at(scan) / 1e6:.1f} MBq by "
            f"tracer_administrations but {stated.activity_at(scan) / 1e6:.1f} MBq by "
            f"RadionuclideTotalDose and injection time of the header.",
            remedy='Correct the wrong one, or declare activity_from = "records" or "header".',
        )


def longest_uptake(nuclide: Nuclide) -> timedelta:
    """How long before its scan an injection may lie (decision 0004)."""
    longest = timedelta(
        seconds=round(_LONGEST_HALF_LIVES[nuclide.positron_emitter] * nuclide.half_life_s)
    )
    return min(longest, _LONGEST_PET_UPTAKE) if nuclide.positron_emitter else longest


def require_plausible_uptake(injected: Administration, scan: datetime, *, source: str) -> None:
    """Refuse an injection after the scan or too long before it.

    Raises
    ------
    DataError
        Naming ``source``, the tag or record that says so.
    """
    uptake = scan - injected.at
    longest = longest_uptake(injected.nuclide)
    if timedelta() <= uptake <= longest:
        return
    when = f"The injection, {injected.at:%Y-%m-%d %H:%M:%S} by {source}, lies"
    remedy = (
        "Check RadiopharmaceuticalStartDateTime or StartTime and the clocks: de-identification may "
        "have shifted one date and not the other. Where the header is wrong, record injected_at in "
        'tracer_administrations and declare activity_from = "records".'
    )
    if uptake < timedelta():
        raise DataError(
            f"{when} after the scan, {scan:%Y-%m-%d %H:%M:%S} (UTC).",
            remedy=remedy,
        )
    raise DataError(
        f"{when} {timedelta(seconds=round(uptake.total_seconds()))} before the scan; at most "
        f"{longest} is plausible for {injected.nuclide.name}.",
        remedy=remedy,
    )
