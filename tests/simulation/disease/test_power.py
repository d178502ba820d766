import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from operandi.quantities.errors import DataError
from operandi.simulation.disease.power import concordance, power, score_test
from tests.simulation.disease.scenarios import a_scenario

_Floats = npt.NDArray[np.float64]


def by_enumeration(marker: _Floats, day: _Floats, event: npt.NDArray[np.bool_]) -> float:
    """Score test of the discrete model from all subsets of the risk set."""
    score = variance = 0.0
    for when in np.unique(day[event]):
        at_risk = np.flatnonzero(day >= when)
        events = np.flatnonzero(event & (day == when))
        sums = [marker[list(one)].sum() for one in itertools.combinations(at_risk, len(events))]
        score += marker[events].sum() - np.mean(sums)
        variance += np.var(sums)
    return float(2 * norm.sf(abs(score) / math.sqrt(variance))) if variance > 1e-12 else 1.0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.booleans(), st.integers(-5, 5)), min_size=3, max_size=9
    )
)
def test_ties_are_handled_as_all_choices_of_the_risk_set(
    rows: list[tuple[int, bool, int]],
) -> None:
    day, event, marker = (np.array(column) for column in zip(*rows, strict=True))
    day, marker = day.astype(float), marker.astype(float)

    assert score_test(marker, day, event) == pytest.approx(
        by_enumeration(marker, day, event), abs=1e-9
    )


def test_the_score_test_of_two_groups_is_the_log_rank_test() -> None:
    """Freireich's remission times: chi-square 16.8 (Cox 1972; R's survdiff 16.79)."""
    treated = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    censored = [0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1]
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    day = np.array(treated + placebo, dtype=float)
    event = np.array([not one for one in censored] + [True] * 21)
    group = np.repeat([0.0, 1.0], 21)

    chi_square = norm.isf(score_test(group, day, event) / 2) ** 2
    assert chi_square == pytest.approx(16.79, abs=0.01)


def test_concordance_by_hand() -> None:
    """Pairs: (1, all others) 3 right of 3; (2 at day 2, censored at 2 and day 3) 1.5 of 2."""
    risk = np.array([4.0, 2.0, 2.0, 1.0])
    day = np.array([1.0, 2.0, 2.0, 3.0])
    event = np.array([True, True, False, False])

    assert concordance(risk, day, event) == pytest.approx(4.5 / 5)
    assert math.isnan(concordance(risk, day, np.zeros(4, dtype=np.bool_)))


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 6), st.integers(1, 6), st.booleans()), min_size=2, max_size=40
    )
)
def test_concordance_is_that_of_all_pairs_one_by_one(rows: list[tuple[int, int, bool]]) -> None:
    """Days and risks from few values, so that most are tied."""
    risk, day, event = (np.array(part) for part in zip(*rows, strict=True))
    right = [
        (r > risk[other]) + 0.5 * (r == risk[other])
        for r, d, happened in rows
        for other in range(len(rows))
        if happened and (day[other] > d or (day[other] == d and not event[other]))
    ]
    expected = np.mean(right) if right else np.nan
    np.testing.assert_allclose(concordance(risk, day, event), expected, rtol=1e-12)


@pytest.mark.slow
def test_a_marker_of_nothing_is_significant_in_five_percent() -> None:
    found = power(a_scenario(), sizes=[40, 80], trials=200, seed=3)

    # Four standard errors of 200 trials; adc acts on nothing here.
    np.testing.assert_allclose(found.power["adc"], 0.05, atol=0.062)
    np.testing.assert_allclose(found.concordance["adc"], 0.5, atol=0.02)
    assert found.power["oracle"][1] > 0.95
    assert (found.power["oracle"] >= found.power["mean_dose"]).all()
    assert (np.diff(found.power["mean_dose"]) > 0).all()
    for name, part in found.power.items():
        low, high = found.interval[name].T
        assert ((low <= part) & (part <= high)).all()
    assert (found.events < [40, 80]).all()


def test_power_does_not_depend_on_the_sizes_beside() -> None:
    """Of trials that share their largest size; the first participants are the same."""
    few = power(a_scenario(), sizes=[30], trials=5, seed=3)
    again = power(a_scenario(), sizes=[20, 30], trials=5, seed=3)

    np.testing.assert_array_equal(few.concordance["oracle"][0], again.concordance["oracle"][1])


@pytest.mark.parametrize(("sizes", "trials"), [([5], 10), ([80, 40], 10), ([], 10), ([40], 0)])
def test_refuses_sizes_that_are_no_trial(sizes: list[int], trials: int) -> None:
    with pytest.raises(DataError, match="Power needs ascending sizes"):
        power(a_scenario(), sizes=sizes, trials=trials, seed=1)
