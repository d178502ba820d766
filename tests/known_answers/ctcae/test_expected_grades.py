"""Version 4, row for row against the grades that pharmaverse publishes of the CDISC pilot."""

import csv
import gzip
from collections import Counter
from decimal import Context, Decimal

import pytest

from operandi.protocol.ctcae.grading import Baseline, Limits, grade
from operandi.protocol.ctcae.tables import Direction
from tests.shared_data import published

pytestmark = pytest.mark.real_data

TESTS = {
    "ALB": ("albumin", "g/L"),
    "ALKPH": ("alkaline_phosphatase", "U/L"),
    "ALT": ("alt", "U/L"),
    "AST": ("ast", "U/L"),
    "BILI": ("bilirubin_total", "umol/L"),
    "CA": ("calcium_corrected", "mmol/L"),
    "CHOLES": ("cholesterol", "mmol/L"),
    "CK": ("creatine_kinase", "U/L"),
    "CREAT": ("creatinine", "umol/L"),
    "GGT": ("ggt", "U/L"),
    "GLUC": ("glucose", "mmol/L"),
    "HGB": ("hemoglobin", "mmol/L"),
    # The reference grades all lymphocytes as CD4 lymphocytes.
    "LYMPH": ("cd4_lymphocytes", "10^9/L"),
    "PHOS": ("phosphate", "mmol/L"),
    "PLAT": ("platelets", "10^9/L"),
    "POTAS": ("potassium", "mmol/L"),
    "SODIUM": ("sodium", "mmol/L"),
    "WBC": ("leukocytes", "10^9/L"),
}
DIRECTIONS: tuple[tuple[str, Direction], ...] = (("L", "low"), ("H", "high"))


def number(text: str) -> Decimal | None:
    """As the reference reads it: 15 significant digits, so that 15.389999999999999 is 15.39."""
    return Context(prec=15).create_decimal(text) if text else None


def test_every_published_grade_of_version_4_is_ours() -> None:
    """All 6830 grades of 5406 results; the other 233 have no published grade to compare with.

    The reference's glucose is not fasting; its hemoglobin is in mmol/L, a unit in which it does not
    grade, and one bilirubin has no value.
    """
    with gzip.open(
        published("clinical/ctcae/lab_grades_expected_ctcae_v4.csv.gz"), "rt", encoding="utf-8"
    ) as file:
        rows = list(csv.DictReader(file))
    same: Counter[str] = Counter()
    different: list[str] = []
    ungraded: Counter[str] = Counter()

    for row in rows:
        test, unit = TESTS[row["PARAMCD"]]
        value, base = number(row["AVAL"]), number(row["BASE"])
        if not (row["ATOXGRL"] or row["ATOXGRH"]):
            ungraded["HGB" if row["PARAMCD"] == "HGB" else "no value"] += 1
            continue
        assert value is not None
        limits = Limits(number(row["ANRLO"]), number(row["ANRHI"]))
        for letter, direction in DIRECTIONS:
            if not row[f"ATOXGR{letter}"]:
                continue
            ours = grade(
                test,
                value,
                unit=unit,
                limits=limits,
                baseline=Baseline(base, unit, limits) if base is not None else None,
                version="4",
                facts={"fasting": False},
                direction=direction,
            )
            if (str(ours.grade), ours.term) == (row[f"ATOXGR{letter}"], row[f"ATOXDSC{letter}"]):
                same[direction] += 1
            else:
                different.append(f"{row} {ours}")

    assert different == []
    assert same == {"low": 2492, "high": 4338}
    assert ungraded == {"HGB": 232, "no value": 1}
    assert len(rows) == 5639


def test_the_hemoglobin_that_the_reference_leaves_ungraded_is_graded_in_its_own_unit() -> None:
    """CTCAE prints mmol/L: below the lower limit is grade 1, below 6.2 grade 2."""
    with gzip.open(
        published("clinical/ctcae/lab_grades_expected_ctcae_v4.csv.gz"), "rt", encoding="utf-8"
    ) as file:
        rows = [row for row in csv.DictReader(file) if row["PARAMCD"] == "HGB"]

    for row in rows:
        value, lower = number(row["AVAL"]), number(row["ANRLO"])
        assert value is not None
        assert lower is not None
        by_hand = 3 if value < Decimal("4.9") else 2 if value < Decimal("6.2") else value < lower
        ours = grade(
            "hemoglobin",
            value,
            unit="mmol/L",
            limits=Limits(lower),
            baseline=None,
            version="4",
            direction="low",
        )
        assert ours.grade == by_hand
