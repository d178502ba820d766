"""What is known too early, or only afterward, must not settle a gate.

Included on 30 June 2026, cycle 1 on 14 July.
"""

from datetime import date

import pytest

from operandi.protocol.verdict import Outcome, Verdict
from tests.protocol.participants import (
    C1,
    ON,
    Cells,
    Tables,
    having,
    reviewed,
    screened,
    therapy,
    with_review,
)

GIVEN = {"cycle": "1", "date": str(C1), "activity_gbq": "7.4", "nuclide": "177Lu"}
MET, NOT, OPEN = Outcome.MET, Outcome.NOT_MET, Outcome.UNKNOWN


def _treated(*rows: Cells, review_on: str, given: bool = True) -> Tables:
    """Treatments, and reviews before inclusion and on another day that say all are recorded."""
    reviews = [reviewed("therapies", "recorded", on=on) for on in ("2026-06-29", review_on)]
    tables = having("therapies", *rows, base=with_review("therapies", *reviews))
    return having("cycles", GIVEN, base=tables) if given else tables


def _asked(code: str, tables: Tables, *, on: date, cycle: int | None = None) -> Verdict:
    gate = screened(tables, on=on, included_on=ON).at("G2" if cycle else "G1", cycle=cycle)
    assert gate is not None
    return next(v for v in gate.verdicts if v.criterion.code == code)


def _analog(last_on: str, *, recorded_on: str) -> Cells:
    analog = therapy("ssa_long_acting", started_on="2025-01-01", last_on=last_on)
    return analog | {"ongoing": "yes", "recorded_on": recorded_on}


@pytest.mark.parametrize(
    ("review_on", "expected"),
    [("2026-06-16", OPEN), ("2026-07-12", OPEN), ("2026-07-13", NOT), ("2026-07-14", NOT)],
)
def test_gap_of_analogs_is_known_by_a_review_of_the_day_before_the_cycle_or_later(
    review_on: str, expected: Outcome
) -> None:
    """The last dose that is recorded, 15 May, is 60 days before: those since are not ruled out."""
    analog = _analog("2026-05-15", recorded_on="2026-05-20")
    tables = _treated(analog, review_on=review_on, given=False)

    assert _asked("E11", tables, on=C1, cycle=1).outcome is expected


# --- What is given after a gate ---------------------------------------------------------------


def test_a_dose_after_the_cycle_does_not_tell_the_last_one_before_it() -> None:
    """Resumed on 15 July: the one before cycle 1 was overwritten."""
    analog = _analog("2026-07-15", recorded_on="2026-07-15")
    tables = _treated(analog, review_on="2026-07-14")

    verdict = _asked("E11", tables, on=date(2026, 7, 20), cycle=1)

    assert verdict.outcome is OPEN
    assert "last on of treatment as it was by 2026-07-14" in verdict.missing[0].sentence


def test_a_rapid_dose_after_the_cycle_does_not_tell_the_last_one_before_it() -> None:
    rapid = therapy(
        "ssa_short_acting",
        started_on="2025-01-01",
        last_at="2026-07-15T08:00",
        recorded_on="2026-07-15",
    )
    tables = _treated(rapid, review_on="2026-07-14")

    assert _asked("E11", tables, on=date(2026, 7, 20), cycle=1).outcome is OPEN


@pytest.mark.parametrize(("recorded_on", "expected"), [("2026-07-10", MET), ("2026-07-20", OPEN)])
def test_a_dose_known_to_the_month_of_the_cycle_is_before_it_if_it_was_entered_before_it(
    recorded_on: str, expected: Outcome
) -> None:
    """Of any day of July until the 10th: at most 13 days before the cycle of 14 July."""
    tables = _treated(_analog("2026-07", recorded_on=recorded_on), review_on="2026-07-14")

    assert _asked("E11", tables, on=date(2026, 7, 20), cycle=1).outcome is expected


@pytest.mark.parametrize("kind", ["ssa_long_acting", "ssa_short_acting"])
def test_an_analog_begun_after_the_cycle_does_not_count_before_it(kind: str) -> None:
    analog = therapy(kind, started_on="2026-07-15", last_on="2026-07-15", recorded_on="2026-07-15")
    tables = _treated(analog, review_on="2026-07-14")

    assert _asked("E11", tables, on=date(2026, 7, 20), cycle=1).outcome is NOT


@pytest.mark.parametrize("cycle", [None, 1])
def test_chemotherapy_begun_after_the_gate_does_not_count(cycle: int | None) -> None:
    chemotherapy = therapy("chemotherapy", started_on="2027-03-01", recorded_on="2027-03-02")
    tables = _treated(chemotherapy | {"ongoing": "yes"}, review_on="2026-07-14")

    assert _asked("E6", tables, on=date(2027, 6, 1), cycle=cycle).outcome is NOT


@pytest.mark.parametrize("cycle", [None, 1])
@pytest.mark.parametrize("ongoing", ["yes", "no"])
def test_chemotherapy_on_both_sides_of_the_gate_is_unknown(cycle: int | None, ongoing: str) -> None:
    chemotherapy = therapy(
        "chemotherapy", started_on="2026-01-01", last_on="2027-03-01", recorded_on="2027-03-02"
    )
    tables = _treated(chemotherapy | {"ongoing": ongoing}, review_on="2026-07-14")

    assert _asked("E6", tables, on=date(2027, 6, 1), cycle=cycle).outcome is OPEN


def test_later_treatment_with_prrt_is_none_before_inclusion() -> None:
    prrt = therapy("prrt", started_on="2027-03-01", last_on="2027-03-01", recorded_on="2027-03-02")

    assert _asked("E13", _treated(prrt, review_on="2026-07-14"), on=date(2027, 6, 1)).outcome is NOT


@pytest.mark.parametrize(("started_on", "expected"), [("2026-06-25", OPEN), ("2027-02-01", NOT)])
def test_irradiation_that_ended_after_inclusion_counts_only_if_it_began_before(
    started_on: str, expected: Outcome
) -> None:
    beam = therapy(
        "external_beam",
        started_on=started_on,
        last_on="2027-03-01",
        target="liver",
        extensive="yes",
        recorded_on="2027-03-02",
    )

    tables = _treated(beam, review_on="2026-07-14")
    assert _asked("E5", tables, on=date(2027, 6, 1)).outcome is expected


@pytest.mark.parametrize(("diagnosed_on", "expected"), [("2020", OPEN), ("2027-02", NOT)])
def test_cancer_progressive_after_inclusion_counts_only_if_it_was_there_before(
    diagnosed_on: str, expected: Outcome
) -> None:
    cancer = {"cancer": "x", "exempt": "none", "recorded_on": "2027-03-02"}
    dates = {"diagnosed_on": diagnosed_on, "last_progressive_on": "2027-03"}
    base = with_review("cancer_history", reviewed("cancer_history", "recorded"))

    tables = having("cancer_history", cancer | dates, base=base)
    assert _asked("E14", tables, on=date(2027, 6, 1)).outcome is expected


@pytest.mark.parametrize(("code", "substance"), [("E2", "dota"), ("E3", "lysine")])
@pytest.mark.parametrize(("recorded_on", "expected"), [("2026-06-30", MET), ("2026-07-15", OPEN)])
def test_hypersensitivity_recorded_after_inclusion_is_unknown_before_it(
    code: str, substance: str, recorded_on: str, expected: Outcome
) -> None:
    """The row has no day but that of its entry: it may be of a reaction to cycle 1, or older."""
    row = {"substance": substance, "recorded_on": recorded_on}
    base = with_review("allergies", reviewed("allergies", "recorded"))
    tables = having("cycles", GIVEN, base=having("allergies", row, base=base))

    assert _asked(code, tables, on=date(2026, 7, 20)).outcome is expected


# --- What was chemotherapy before inclusion and before cycle 1 ---------------------------------


def test_before_cycle_1_who_stopped_long_before_inclusion_is_asked_of_cycle_1_only() -> None:
    """Planned for 10 July, inclusion not confirmed and asked of 14 July: 16 June is 28 days
    before inclusion today, and 24 days before the cycle."""
    plan = {"cycle": "1", "planned_on": "2026-07-10", "recorded_on": "2026-06-20"}
    chemotherapy = therapy("chemotherapy", last_on="2026-06-16", recorded_on="2026-07-10")
    tables = _treated(chemotherapy, review_on="2026-07-10", given=False)
    tables = having("cycle_plans", plan | {"state": "planned"}, base=tables)

    gate = screened(tables, on=C1).at("G2", cycle=1)

    assert gate is not None
    assert next(v.outcome for v in gate.verdicts if v.criterion.code == "E6") is MET


# --- Reviews that cannot have seen -------------------------------------------------------------

_TOPICS = {
    "E2": "allergies",
    "E3": "allergies",
    "E5": "therapies",
    "E6": "therapies",
    "E9": "brain_metastases",
    "E13": "therapies",
    "E14": "cancer_history",
}


@pytest.mark.parametrize(("code", "topic"), _TOPICS.items())
@pytest.mark.parametrize(("review_on", "expected"), [("2026-06-02", NOT), ("2026-06-01", OPEN)])
def test_review_vouches_for_inclusion_for_28_days(
    code: str, topic: str, review_on: str, expected: Outcome
) -> None:
    """30 June - 28 days is 2 June."""
    tables = with_review(topic, reviewed(topic, on=review_on))

    assert _asked(code, tables, on=ON).outcome is expected


@pytest.mark.parametrize(("review_on", "expected"), [("2026-07-13", NOT), ("2026-07-12", OPEN)])
def test_review_before_cycle_1_vouches_for_a_day(review_on: str, expected: Outcome) -> None:
    tables = with_review("therapies", reviewed("therapies", on=review_on))

    assert _asked("E6", tables, on=C1, cycle=1).outcome is expected
