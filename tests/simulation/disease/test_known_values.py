"""Columns that a plan may be given: markers with their errors, and columns that tell nothing."""

import numpy as np

from operandi.simulation.disease.known_values import BLOCK, known_values, uninformative
from operandi.simulation.disease.outcomes import simulate_outcomes
from operandi.simulation.disease.power import VOLUME_ERROR, markers
from operandi.simulation.scenario import read_scenario

DOSE = read_scenario("dose")


def test_markers_are_those_of_power_with_age_sex_and_an_early_change() -> None:
    found = simulate_outcomes(DOSE, participants=50, seed=3)

    values = known_values(found, seed=3)

    for name, value in markers(found, seed=3).items():
        np.testing.assert_array_equal(values[name], value)
    np.testing.assert_array_equal(values["age"], found.persons.age_years)
    np.testing.assert_array_equal(values["female"] == 1.0, found.persons.female)


def test_the_early_change_is_the_true_one_but_for_the_error_of_two_volumes() -> None:
    found = simulate_outcomes(DOSE, participants=2000, seed=3)

    change = known_values(found, seed=3)["tumor_volume_change"]

    np.testing.assert_array_equal(np.isnan(change), np.isnan(found.imaging_day[:, 1]))
    there = ~np.isnan(change)
    true = np.log(np.nansum(found.at_imaging.volume_ml[:, 1], axis=1)[there])
    true -= np.log(np.nansum(found.tumors.volume_ml, axis=1)[there])
    error = change[there] - true
    # Two independent errors of 15 %: their standard deviations add in squares. 4 standard errors.
    assert abs(error.std() - VOLUME_ERROR * np.sqrt(2.0)) < 4 * 0.212 / np.sqrt(2 * there.sum())
    assert abs(error.mean()) < 4 * 0.212 / np.sqrt(there.sum())


def test_columns_without_information_are_normal_and_correlated_in_blocks() -> None:
    found = simulate_outcomes(DOSE, participants=4000, seed=3)

    columns = uninformative(found, 45, seed=3)

    assert columns.shape == (4000, 45)
    r = np.asarray(np.corrcoef(columns, rowvar=False))
    block = np.arange(45) // BLOCK
    same = block[:, None] == block[None, :]
    off = ~np.eye(45, dtype=bool)
    # 4 standard errors of a correlation from 4000: 0.063, less where it is 0.5.
    assert np.abs(r[same & off] - 0.5).max() < 0.063
    assert np.abs(r[~same]).max() < 0.075
    assert np.abs(columns.std(axis=0) - 1.0).max() < 0.05
    assert np.abs(np.corrcoef(columns.T, found.oracle_risk)[-1, :-1]).max() < 0.075


def test_a_participant_has_the_same_columns_in_whatever_batch() -> None:
    whole = simulate_outcomes(DOSE, participants=12, seed=3)
    part = simulate_outcomes(DOSE, participants=5, seed=3, first_participant=7)

    np.testing.assert_array_equal(
        uninformative(whole, 45, seed=3)[7:], uninformative(part, 45, seed=3)
    )
    for name, value in known_values(part, seed=3).items():
        np.testing.assert_array_equal(known_values(whole, seed=3)[name][7:], value)
