"""The CTCAE grade of one laboratory value.

A grade by value only: what CTCAE also grades by treatment or consequences (transfusion,
hospitalization, death) a person grades. The absolute thresholds hold whatever the limits of normal
are, as in the criteria: a neutrophil count of 1.45 x 10^9/L is grade 2 even where a laboratory
calls 1.4 normal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from operandi.protocol.ctcae.conditions import FACTS, Condition, Known
from operandi.protocol.ctcae.tables import Direction, Table, Term, shipped
from operandi.protocol.ctcae.units import dimension, scaled, spelled, units_of
from operandi.quantities.errors import DataError

_TO_SUPPLY: Final = {
    "LLN": "the lower limit of normal of the laboratory",
    "ULN": "the upper limit of normal of the laboratory",
    "BASE": "the value before treatment",
    "baseline_normal": "the value before treatment with its limits of normal",
    "baseline_abnormal": "the value before treatment with its limits of normal",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of normal, in the unit of their value; None where not stated."""

    lower: Decimal | None = None
    upper: Decimal | None = None

    def __post_init__(self) -> None:
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise DataError(
                f"The lower limit of normal {self.lower} lies above the upper {self.upper}.",
                remedy="Correct the laboratory's range.",
            )


@dataclass(frozen=True, slots=True)
class Baseline:
    """The value before treatment, with the limits of normal of its laboratory at that time."""

    value: Decimal
    unit: str
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade by value.

    Parameters
    ----------
    grade : int
        0 to 4; 0 where no condition of the term holds.
    term : str
        The term of CTCAE; for a 0 in both directions, both.
    direction : {"low", "high", ""}
        Blank for a 0 in both directions.
    rule : str
        The criterion of that grade, verbatim; blank for 0.
    condition : str
        What was compared.
    assumed : tuple of str
        Facts that nobody stated, on which the grade depends, and which were taken as so: the worst
        case.
    version : str
        Of CTCAE.
    """

    grade: int
    term: str
    direction: str
    rule: str
    condition: str
    assumed: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class _Result:
    """The arguments of :func:`grade`, checked."""

    value: Decimal
    unit: str
    limits: Limits
    baseline: Baseline | None
    facts: Mapping[str, bool]


def grade(  # noqa: PLR0913 - what a grade hangs on, each named by the caller
    test: str,
    value: Decimal,
    *,
    unit: str,
    limits: Limits,
    baseline: Baseline | None,
    version: str | Table,
    facts: Mapping[str, bool] | None = None,
    direction: Direction | None = None,
) -> Grade:
    """Grade a laboratory value.

    Parameters
    ----------
    test : str
        Code of the test, as in ``laboratory_results``.
    value, unit : Decimal, str
        The result and the unit that the laboratory printed.
    limits : Limits
        Limits of normal, in ``unit``.
    baseline : Baseline or None
        The value before treatment; asked for only where the grade depends on it.
    version : str or Table
        "4", "5", or a table that was loaded.
    facts : mapping of str to bool, optional
        What the value does not say: ``symptomatic``, ``anticoagulated``, ``fasting``,
        ``physiologic_consequences``. One that is not stated is taken as so where the grade depends
        on it, and named in ``Grade.assumed``.
    direction : {"low", "high"}, optional
        Ask for one direction only.

    Returns
    -------
    Grade
        The one that is above 0, in whichever direction.

    Raises
    ------
    DataError
        If the version has no grade for the test, the unit is not one of its units, a limit or the
        baseline is missing that the grade depends on, or a person must grade. Never grade 0 for
        what is not known.
    """
    table = version if isinstance(version, Table) else shipped(version)
    terms = [one for one in table.terms(test) if direction in {None, one.direction}]
    if not terms:
        which = f"{direction} {test}" if direction else test
        raise DataError(
            f"CTCAE {table.version} grades no {which} by value.",
            remedy=_OTHER_TEST.get(test, f"It grades {', '.join(table.tests)}."),
        )
    result = _Result(value, spelled(unit), limits, baseline, facts or {})
    _check(test, result)
    graded: list[Grade] = []
    refusals: list[DataError] = []
    for term in terms:
        try:
            graded.append(_grade(term, result, table))
        except DataError as refusal:
            refusals.append(refusal)
    worst = max(graded, key=lambda one: one.grade, default=None)
    # A value that is too low is not too high as well: what the other direction lacks is not needed.
    if worst and worst.grade:
        return worst
    if refusals:
        raise refusals[0]
    assert worst is not None  # noqa: S101 - without refusals every term has a grade
    if len(graded) == 1:
        return worst
    names = " or ".join(one.term for one in graded)
    return Grade(0, names, "", "", "", (), table.version)


_NONE: Final[tuple[str, tuple[str, ...], str]] = ("", (), "")
_OTHER_TEST: Final = {
    "calcium": "It grades calcium corrected for albumin, or ionized: state the result as "
    "calcium_corrected, with the laboratory's correction, or as calcium_ionized.",
    "prothrombin_percent": "It grades the INR: state that.",
}


def _check(test: str, result: _Result) -> None:
    if not result.value.is_finite() or result.value < 0:
        raise DataError(f"{test} {result.value} is no result.", remedy="Write what was measured.")
    for name in result.facts:
        if name not in FACTS:
            raise DataError(f"{name!r} is no fact of a grade.", remedy=f"Use {', '.join(FACTS)}.")


def _grade(term: Term, result: _Result, table: Table) -> Grade:
    printed, conditions, judged = term.ladder(result.unit) if dimension(result.unit) else _NONE
    if not printed:
        known = (other for one in term.units for other in units_of(dimension(one)))
        raise DataError(
            f"{term.term}: {result.unit!r} is not a unit in which CTCAE {table.version} grades "
            f"{term.test}.",
            remedy=f"State it in {', '.join(dict.fromkeys(known))}.",
        )
    known_of_it = _known(term, result, printed)
    if judged:
        _refuse_judged(term, Condition.parse(judged), known_of_it, table)
    reached = _highest(term, conditions, known_of_it, table, assumed=True)
    least = _highest(term, conditions, known_of_it, table, assumed=False)
    return Grade(
        grade=reached,
        term=term.term,
        direction=term.direction,
        rule=term.text[reached - 1] if reached else "",
        condition=f"{conditions[reached - 1]} ({printed})" if reached else "",
        assumed=tuple(one for one in FACTS if one in known_of_it.missing and reached != least),
        version=table.version,
    )


def _known(term: Term, result: _Result, printed: str) -> Known:
    """Everything in the unit of the thresholds."""
    names: dict[str, Decimal] = {}
    facts = dict(result.facts)
    for name, limit in (("LLN", result.limits.lower), ("ULN", result.limits.upper)):
        if limit is not None:
            names[name] = scaled(limit, from_unit=result.unit, to_unit=printed)
    if baseline := result.baseline:
        before = spelled(baseline.unit)
        names["BASE"] = scaled(baseline.value, from_unit=before, to_unit=printed)
        high = term.direction == "high"
        bound = baseline.limits.upper if high else baseline.limits.lower
        if bound is not None:
            abnormal = baseline.value > bound if high else baseline.value < bound
            facts |= {"baseline_abnormal": abnormal, "baseline_normal": not abnormal}
    value = scaled(result.value, from_unit=result.unit, to_unit=printed)
    return Known(value, names, facts)


def _highest(
    term: Term, conditions: tuple[str, ...], known: Known, table: Table, *, assumed: bool
) -> int:
    """The highest grade whose condition holds; unstated facts taken as *assumed*."""
    stated = {name: known.facts.get(name, assumed) for name in FACTS}
    asked = Known(known.value, known.names, {**known.facts, **stated})
    for reached in (4, 3, 2, 1):
        condition = Condition.parse(conditions[reached - 1])
        holds = condition.holds(asked)
        if holds is None:
            _refuse_missing(term, asked, known, table)
        condition.holds(known)  # for the facts that it asks for
        if holds:
            return reached
    return 0


def _refuse_missing(term: Term, asked: Known, known: Known, table: Table) -> None:
    of_the_baseline = asked.missing & {"baseline_normal", "baseline_abnormal"}
    names = asked.missing - {"BASE"} if of_the_baseline else asked.missing
    needs = " and ".join(dict.fromkeys(_TO_SUPPLY[name] for name in sorted(names)))
    remedy = f"Supply {needs}"
    if "anticoagulated" not in known.facts and term.test == "inr" and "BASE" in asked.missing:
        remedy += ", or state that the participant is not anticoagulated"
    raise DataError(
        f"{term.term} (CTCAE {table.version}) cannot be graded from {term.test} without {needs}.",
        remedy=f"{remedy}.",
    )


def _refuse_judged(term: Term, judged: Condition, known: Known, table: Table) -> None:
    holds = judged.holds(known)
    if holds is None:
        _refuse_missing(term, known, known, table)
    if holds:
        raise DataError(
            f"CTCAE {table.version} grades {term.term} by what was done about it, not by value: "
            f"{'; '.join(f'grade {n}: {text}' for n, text in enumerate(term.text, start=1))}.",
            remedy="A physician grades it, as an adverse event.",
        )
