"""Our tables against the published criteria: the texts word for word, the grades at every bound."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import pytest

from operandi.protocol.ctcae.grading import Baseline, Limits, grade
from operandi.protocol.ctcae.tables import Term, shipped
from operandi.quantities.errors import DataError
from tests.known_answers.ctcae.r_conditions import Result, criteria, expected

pytestmark = pytest.mark.real_data

SETS = {
    "v4": ("criteria_ncictcaev4.json", "4"),
    "v5": ("criteria_ncictcaev5.json", "5"),
    "v5, US units": ("criteria_ncictcaev5_uscv.json", "5"),
}
UNITS = {"MMOL/L": "mmol/L", "UMOL/L": "umol/L", "1/uL": "/uL", "10^3/mL": ""}
STEP = Decimal("0.0001")


class Case(NamedTuple):
    """A published criterion and our term, in the criterion's unit."""

    row: dict[str, str]
    term: Term
    unit: str
    facts: dict[str, bool]
    version: str


def cases(name: str) -> Iterator[Case]:
    file, version = SETS[name]
    for row in criteria(file):
        title = row["TERM"].split(" (")[0]
        ionized, fasting = "(Ionized)" in row["TERM"], "(Fasting)" in row["TERM"]
        unit = UNITS.get(row.get("UNIT_CHECK", ""), row.get("UNIT_CHECK", ""))
        if row.get("UNIT_CHECK") == "10^3/mL":  # its numbers are those of /uL: a slip of the source
            unit = "/uL"
        (term,) = (
            one
            for one in shipped(version).term
            if one.term == title and ("ionized" in one.test) == ionized
        )
        yield Case(row, term, unit or term.units[0], {"fasting": fasting}, version)


def test_no_published_term_is_left_out() -> None:
    """Version 5 has no value for hyperglycemia and hypophosphatemia: a person judges."""
    for file, version in SETS.values():
        titles = {row["TERM"].split(" (")[0] for row in criteria(file)}
        by_value = {one.term for one in shipped(version).term if one.grades}
        judged = {one.term for one in shipped(version).term if one.judged}

        assert titles == by_value
        assert judged == ({"Hyperglycemia", "Hypophosphatemia"} if version == "5" else set())


@pytest.mark.parametrize("name", ["v4", "v5"])
def test_the_texts_are_the_published_ones(name: str) -> None:
    for case in cases(name):
        theirs = tuple(
            re.sub(r"\s+", " ", case.row.get(f"GRADE_{n}") or "-").strip() for n in range(1, 5)
        )
        assert case.term.text == theirs


@pytest.mark.parametrize("name", SETS)
def test_every_grade_at_every_bound_is_the_published_one(name: str) -> None:
    """At, just below and just above each bound, with a normal and with an abnormal baseline."""
    different: dict[str, set[str]] = {}
    compared = 0
    for case in cases(name):
        if not _compares(case):
            continue
        for result in results(case):
            theirs, ours = expected(case.row, result), _grade(case, result)
            compared += 1
            if theirs != ours:
                different.setdefault(case.row["TERM"], set()).add(f"{ours} for {theirs}")

    assert different == DIFFERENT[name]
    assert compared > 19_000


def _compares(case: Case) -> bool:
    """Ionized calcium in mg/dL is admiral's conversion by a molar mass; CTCAE prints none."""
    return not ("Ionized" in case.row["TERM"] and case.unit == "mg/dL")


DIFFERENT = {
    "v4": {
        # The text begins at 150 mg/dL and 1.71 mmol/L; admiral above them.
        "Hypertriglyceridemia": {"1 for 0"},
    },
    "v5": {
        "Hypertriglyceridemia": {"1 for 0"},
        # The text begins at 2.0 x baseline; admiral above it, though at it for ALP.
        "GGT increased": {"1 for 0"},
    },
    "v5, US units": {
        "Hypertriglyceridemia": {"1 for 0"},
        "GGT increased": {"1 for 0"},
    },
}


def results(case: Case) -> Iterator[Result]:
    """A normal range of 10 to 100 (0.9 to 1.1 of INR), baselines on both sides of its ends."""
    lower, upper = (Decimal("0.9"), Decimal("1.1")) if case.unit == "1" else RANGES[case.term.test]
    for base, abnormal in (
        (lower, False),
        (upper, False),
        (upper + STEP, case.term.direction == "high"),
        (2 * upper, case.term.direction == "high"),
    ):
        for bound in bounds(case, lower, upper, base):
            for value in (bound - STEP, bound, bound + STEP):
                if value >= 0:
                    yield Result(value, lower, upper, base, abnormal)


# Wide enough that the limits of normal lie outside the absolute thresholds, in every unit.
RANGES = dict.fromkeys(
    [one.test for version in ("4", "5") for one in shipped(version).term],
    (Decimal(10), Decimal(100)),
)


def bounds(case: Case, lower: Decimal, upper: Decimal, base: Decimal) -> set[Decimal]:
    """Every number in the published conditions, as such, times each name, and added to it."""
    code = " ".join(text for key, text in case.row.items() if key.endswith("_CODE"))
    numbers = {Decimal(one) for one in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", code)}
    names = (lower, upper, base)
    found = set(names) | numbers
    for number in numbers:
        found |= {number * one for one in names} | {number + one for one in names}
        # Of a fall by percent, and of the text's bounds between whole numbers.
        found |= {base * (100 - number) / 100, number + 1}
    return found


def _grade(case: Case, result: Result) -> str:
    assert result.BASE is not None
    limits = Limits(result.ANRLO, result.ANRHI)
    try:
        ours = grade(
            case.term.test,
            result.AVAL,
            unit=case.unit,
            limits=limits,
            baseline=Baseline(result.BASE, case.unit, limits),
            version=case.version,
            facts=case.facts,
            direction=case.term.direction,
        )
    except DataError as refusal:
        return str(refusal)
    return str(ours.grade)
