"""Columns made of follow-up, of the outcome or of the site are exposed; honest ones are not."""

import numpy as np
import pytest

from operandi.signatures.data import Floats, RightCensored
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.preparation.suspicion import refuse_suspicious, suspicions
from tests.signatures.preparation.rows import a_cohort, some_predictors


def planted(kind: str, outcome: RightCensored, noise: Floats) -> Floats:
    """A column that leaks."""
    visits = np.floor(outcome.time / 84.0) + (noise > 1.0)
    columns: dict[str, Floats] = {
        "follow-up length": outcome.time / 30.4,
        "visit count": visits,
        "outcome-derived": outcome.event + 0.2 * noise,
        "days to the last laboratory": outcome.time - 20.0 * np.abs(noise),
        "site as proxy": np.tile([1.0, 7.0, 3.0], 20) + 0.3 * noise,
    }
    return columns[kind]


@pytest.mark.parametrize(
    ("kind", "follows"),
    [
        ("follow-up length", "time"),
        ("visit count", "time"),
        ("outcome-derived", "event"),
        ("days to the last laboratory", "time"),
        ("site as proxy", "site"),
    ],
)
def test_a_planted_leak_is_exposed_and_nothing_beside_it(kind: str, follows: str) -> None:
    predictors, outcome = a_cohort(columns=400)
    values = predictors.values.copy()
    values[:, 5] = planted(kind, outcome, values[:, 5])
    (found,) = suspicions(some_predictors(values, sites=predictors.sites), outcome)

    assert found.name == "x5"
    assert found.follows.startswith(follows)
    with pytest.raises(LeakError, match=f"x5 follows the {follows}"):
        refuse_suspicious((found,), explained=frozenset())
    refuse_suspicious((found,), explained=frozenset({"x5"}))


def test_a_true_predictor_as_strong_as_an_oracle_is_not_suspected() -> None:
    """The first column is the risk by which the times were drawn."""
    for seed in range(20):
        assert suspicions(*a_cohort(columns=3, seed=seed)) == ()


def test_of_two_thousand_columns_of_noise_none_is_suspected() -> None:
    predictors, outcome = a_cohort(rows=40, columns=2000)
    sites = [("A", "B", "C", "D", "E")[row % 5] for row in range(40)]

    assert suspicions(some_predictors(predictors.values, sites=sites), outcome) == ()


def test_sites_of_a_few_rows_each_are_not_told_by_chance() -> None:
    predictors, outcome = a_cohort()
    sites = [f"S{row // 2}" for row in range(60)]

    assert suspicions(some_predictors(predictors.values, sites=sites), outcome) == ()
