"""Sums, nadir and changes of simulated SDTM data as the ADTR template of admiralonco has them."""

from decimal import Decimal
from fractions import Fraction

import pytest

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Response, assess
from operandi.protocol.recist_sums import SumOfDiameters, sums_of_diameters
from tests.known_answers.recist.pharmaverse import (
    Row,
    a_reading,
    responses,
    rows,
    sizes,
    start_of,
)
from tests.shared_data import needs_shared_data

pytestmark = [pytest.mark.real_data, needs_shared_data]

WITH_TARGETS = [f"01-701-{number}" for number in (1015, 1028, 1115, 1130, 1133)]


def expected_sums(subject: str) -> list[Row]:
    return [
        row
        for row in rows("expected_adtr.csv")
        if (row["USUBJID"], row["PARAMCD"]) == (subject, "SDIAM")
    ]


def our_sums(subject: str) -> tuple[SumOfDiameters, ...]:
    reading = a_reading(subject)
    baseline = assess(reading, treatment_start=start_of(subject)).baseline
    assert baseline is not None
    return sums_of_diameters(reading, baseline)


def number(cell: str) -> Decimal | None:
    return Decimal(cell) if cell else None


def assert_same(ours: Fraction | None, cell: str) -> None:
    """To the last digit of the float that was printed."""
    assert (ours is None) == (cell == "")
    assert ours is None or abs(ours - Fraction(cell)) < Fraction(1, 10**9)


def test_the_expected_sums_are_of_five_subjects_at_twenty_exams() -> None:
    expected = [row for row in rows("expected_adtr.csv") if row["PARAMCD"] == "SDIAM"]

    assert sorted({row["USUBJID"] for row in expected}) == WITH_TARGETS
    assert len(expected) == 20


@pytest.mark.parametrize("subject", WITH_TARGETS)
def test_sums_nadir_and_changes_are_those_of_the_investigator_row_for_row(subject: str) -> None:
    for ours, row in zip(our_sums(subject), expected_sums(subject), strict=True):
        # The template takes the first day of a month, and leaves ANL01FL blank where a lesion
        # that was expected (LSEXP) was not assessed (LSASS).
        assert ours.on.earliest.isoformat() == row["ADT"]
        assert ours.measured_mm == Decimal(row["AVAL"])
        assert ours.baseline_mm == Decimal(row["BASE"])
        assert ours.nadir_mm == number(row["NADIR"])
        missing = set(row["LSEXP"].split(", ")) - set(row["LSASS"].split(", "))
        assert set(ours.missing) == missing
        assert (row["ANL01FL"] == "Y") == (not missing)
        if missing:
            # The difference: the template computes changes of a sum that is none; see SOURCE.md.
            assert (ours.sum_mm, ours.change_mm, ours.change_from_nadir_mm) == (None, None, None)
            assert Decimal(row["CHG"]) == ours.measured_mm - Decimal(row["BASE"])
        else:
            assert ours.change_mm == number(row["CHG"])
            assert ours.change_from_nadir_mm == number(row["CHGNAD"])
            assert_same(ours.change_percent, row["PCHG"])
            assert_same(ours.change_from_nadir_percent, row["PCHGNAD"])


def test_two_of_twenty_sums_are_incomplete() -> None:
    incomplete = [
        (subject, str(one.on), one.missing)
        for subject in WITH_TARGETS
        for one in our_sums(subject)
        if one.missing
    ]

    assert incomplete == [
        ("01-701-1015", "2014-02", ("T02", "T03")),
        ("01-701-1028", "2013-08-30", ("T01",)),
    ]


def test_every_expected_diameter_is_one_that_the_investigator_measured() -> None:
    """LDIAMn, NLDIAMn: longest and perpendicular diameter of every target, as they stand in TR."""
    measured = {
        (
            row["USUBJID"],
            row["TRLNKID"],
            row["TRTESTCD"],
            str(DateInterval.parse(row["TRDTC"]).earliest),
        ): Decimal(row["TRSTRESN"])
        for row in rows("tr.csv")
        if row["TREVAL"] == "INVESTIGATOR" and row["TRSTRESN"]
    }
    diameters = [row for row in rows("expected_adtr.csv") if row["PARAMCD"] != "SDIAM"]

    for row in diameters:
        lesion = f"T{int(row['PARAMCD'][-1]):02}"
        test = "LPERP" if row["PARAMCD"].startswith("N") else "LDIAM"
        assert measured[row["USUBJID"], lesion, test, row["ADT"]] == Decimal(row["AVAL"])
    assert len(diameters) == len(measured)


@pytest.mark.parametrize("subject", [*WITH_TARGETS, "01-701-1097"])
def test_responses_from_measurements_are_those_that_the_investigator_stated(subject: str) -> None:
    ours = assess(a_reading(subject), treatment_start=start_of(subject)).timepoints

    assert [(one.on, one.overall) for one in ours] == [
        (one.on, one.overall) for one in responses(subject)
    ]


def test_exactly_thirty_percent_less_is_partial_response() -> None:
    """Subject 1133 at week 3: 60 to 42 mm, which the investigator calls PR."""
    first = assess(a_reading("01-701-1133"), treatment_start=start_of("01-701-1133")).timepoints[0]

    assert first.sum is not None
    assert (first.sum.change_percent, first.overall) == (Fraction(-30), Response.PR)


def test_the_accepted_radiologist_is_not_whom_the_expected_sums_are_of() -> None:
    accepted = [row for row in sizes("01-701-1015", "RADIOLOGIST 1") if row["TRACPTFL"] == "Y"]

    screening = sum(Decimal(row["TRSTRESN"]) for row in accepted if row["VISITNUM"] == "1")
    assert screening == Decimal("97.37")
    assert Decimal(expected_sums("01-701-1015")[0]["AVAL"]) == 96
