"""The truth as tables: what the arrays hold, blank where nothing happened."""

import math

import numpy as np
import polars as pl
import pytest

from operandi.simulation.disease.outcomes import simulate_outcomes
from operandi.simulation.truth_tables import lesion_table, outcome_table
from tests.simulation.cohorts import SEED, a_scenario, outcomes_of, planned
from tests.simulation.trial.hand_made import a_cohort

SCENARIO = a_scenario()


def test_days_that_never_came_are_blank() -> None:
    """Of the hand-made eight: 4 progresses and dies, 6 dies, 5 drops out."""
    table = outcome_table(a_cohort(8))

    assert table["death_day"].to_list() == [None] * 4 + [700.0, None, 120.0, None]
    assert table["dropout_day"].to_list() == [None] * 5 + [300.0, None, None]
    assert table["exam_progression_day"].to_list() == [None] * 4 + [364.0] + [None] * 3
    assert table["cycles"].to_list() == [4, 4, 4, 2, 4, 4, 3, 4]
    for name, values in zip(table.columns, table, strict=True):
        if values.dtype == pl.Float64:
            assert values.drop_nulls().is_finite().all(), name


def test_numbers_of_a_participant_are_means_over_volume() -> None:
    outcomes = outcomes_of(SCENARIO)
    row = outcome_table(outcomes).row(1, named=True)

    volume = outcomes.tumors.volume_ml[1]
    there = ~np.isnan(volume)
    by_hand = sum(
        float(dose) * float(ml)
        for dose, ml in zip(outcomes.lesion_dose_gy[1][there], volume[there], strict=True)
    ) / math.fsum(volume[there])
    assert row["lesions"] == there.sum()
    assert row["lesion_dose_gy"] == pytest.approx(by_hand)
    assert row["tumor_volume_ml"] == pytest.approx(math.fsum(volume[there]))
    assert row["participant"] == "OP-002"
    assert row["oracle_risk"] == outcomes.oracle_risk[1]


def test_codes_are_those_of_the_persons_beyond_a_thousand_too() -> None:
    outcomes = a_cohort(12, first=995)

    codes = outcome_table(outcomes)["participant"].to_list()

    assert codes == [str(outcomes.persons.person(row).pseudonym) for row in range(12)]
    assert codes[0] == "OP-996"
    assert codes[-1] == "OP-1007"


def test_lesions_have_their_columns_where_no_visit_took_place() -> None:
    outcomes = outcomes_of(SCENARIO)

    nobody = lesion_table([], outcomes)

    assert nobody.is_empty()
    assert nobody.schema == lesion_table([planned(SCENARIO, 0)], outcomes).schema
    assert nobody.columns[:4] == ["participant", "timepoint", "lesion", "organ"]


def test_every_lesion_of_every_visit_has_a_row() -> None:
    everyone = [planned(SCENARIO, row) for row in range(2)]

    table = lesion_table(everyone, outcomes_of(SCENARIO))

    expected = [
        (images.person.pseudonym, visit.plan.timepoint, lesion.id, lesion.volume_ml, lesion.suv)
        for images in everyone
        for visit in images.visits
        for lesion in visit.lesions
    ]
    columns = ("participant", "timepoint", "lesion", "volume_ml", "suv")
    assert table.select(columns).rows() == expected


def test_a_row_tells_where_the_lesion_lies_and_the_dose_it_received() -> None:
    images = planned(SCENARIO, 1)
    outcomes = outcomes_of(SCENARIO)
    placed = {one.id: one for one in images.placed}

    table = lesion_table([images], outcomes)

    visits = {visit.plan.timepoint: visit for visit in images.visits}
    for row in table.iter_rows(named=True):
        at = visits[row["timepoint"]].placed_at(placed[row["lesion"]])
        assert (row["x_mm"], row["y_mm"], row["z_mm"]) == at
        number = row["lesion"].removeprefix("OP-002-L")
        if number.isdigit():
            dose = outcomes.lesion_dose_gy[1, int(number) - 1]
            assert row["first_cycle_dose_gy"] == pytest.approx(float(dose))
        else:
            assert row["first_cycle_dose_gy"] is None


def test_rows_are_found_in_a_cohort_that_does_not_begin_at_the_first() -> None:
    images = planned(SCENARIO, 1)
    later = simulate_outcomes(SCENARIO, participants=2, seed=SEED, first_participant=1)

    assert lesion_table([images], later).equals(lesion_table([images], outcomes_of(SCENARIO)))
