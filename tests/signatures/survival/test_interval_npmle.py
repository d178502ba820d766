"""The nonparametric curve under interval censoring: by hand, certified, and against peers."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from operandi.quantities.errors import DataError
from operandi.signatures.data import IntervalCensored, RightCensored
from operandi.signatures.survival.interval_npmle import (
    CERTIFIED_WITHIN,
    interval_survival,
    interval_survival_band,
)
from operandi.signatures.survival.kaplan_meier import kaplan_meier
from tests.signatures.survival.cohorts import scanned

INTERVALS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from([0.0, 1.0, 3.0, 6.0, np.inf])),
    min_size=1,
    max_size=40,
)


def intervals(*ends: tuple[float, float]) -> IntervalCensored:
    left, right = zip(*ends, strict=True)
    return IntervalCensored(left=np.array(left, dtype=float), right=np.array(right, dtype=float))


def test_who_was_clear_on_a_day_shares_no_day_with_who_had_progressed_by_it() -> None:
    """By hand: 2 of 5 by day 12, 3 after it: S(12) = 0.6. Closed intervals say 0 or 1.

    lifelines 0.30.3, whose intervals are closed, puts all mass on day 12 or 24.
    """
    found = interval_survival(intervals((0, 12), (0, 12), (12, 24), (12, np.inf), (12, np.inf)))
    np.testing.assert_allclose(found.mass, [0.4, 0.6])
    np.testing.assert_array_equal(found.left, [0.0, 12.0])
    np.testing.assert_array_equal(found.right, [12.0, 24.0])
    lower, upper = found.bounds_at(np.array([6.0, 12.0, 18.0]))
    np.testing.assert_allclose(lower, [0.6, 0.6, 0.0])
    np.testing.assert_allclose(upper, [1.0, 0.6, 0.6])


def test_a_death_on_the_day_of_a_clear_scan_is_before_what_that_scan_opens() -> None:
    """By hand: mass only at day 12 itself, where (6, 12] and the death meet, and in (12, 20]."""
    found = interval_survival(intervals((12, 12), (6, 12), (12, 20), (12, np.inf)))
    np.testing.assert_array_equal(found.left, [12.0, 12.0])
    np.testing.assert_array_equal(found.right, [12.0, 20.0])
    np.testing.assert_allclose(found.mass, [0.5, 0.5])
    np.testing.assert_allclose(found.at(np.array([11.9, 12.0])), [1.0, 0.5])


def test_known_days_and_right_censoring_alone_are_kaplan_and_meiers() -> None:
    rng = np.random.default_rng(4)
    time, event = np.ceil(rng.exponential(10.0, 60)), rng.random(60) < 0.6
    curve = kaplan_meier(RightCensored(time=time, event=event))
    found = interval_survival(IntervalCensored(left=time, right=np.where(event, time, np.inf)))
    days = np.arange(1.0, 40.0)
    np.testing.assert_allclose(found.at(days), curve.at(days), atol=1e-9)


def test_scans_rounded_to_shared_days_are_certified_where_a_peer_is_wrong() -> None:
    """lifelines 0.30.3 gives S(12) = 0.5165 here, certified is 0.4645 (months, whole ones)."""
    rng = np.random.default_rng(11)
    n = 80
    time = rng.weibull(1.3, n) * 18.0
    visits = np.round(np.cumsum(rng.uniform(2.5, 3.5, (n, 14)), axis=1), 0)
    until = rng.integers(3, 14, n)
    visits[np.arange(14) >= until[:, None]] = np.inf
    left = np.where(visits < time[:, None], visits, 0.0).max(axis=1)
    right = np.where(visits >= time[:, None], visits, np.inf).min(axis=1)
    shared = np.intersect1d(left, right)
    assert 12.0 in shared

    found = interval_survival(IntervalCensored(left=left, right=right))

    assert found.certificate <= 1.0 + CERTIFIED_WITHIN
    assert found.at(np.array([12.0]))[0] == pytest.approx(0.46453488, abs=1e-8)


def test_eighty_patients_are_certified_and_unbiased() -> None:
    """True S(400) of a Weibull of shape 1.3 and scale 600: 0.554."""
    truth = float(np.exp(-((400 / 600) ** 1.3)))
    found = []
    for stream in np.random.SeedSequence(7).spawn(200):
        rng = np.random.default_rng(stream)
        outcome = scanned(rng.weibull(1.3, 80) * 600.0, rng, every=90, most=14, die=0.1, rounded=7)
        curve = interval_survival(outcome)
        assert curve.certificate <= 1.0 + CERTIFIED_WITHIN
        found.append(float(np.mean(curve.bounds_at(np.array([400.0])))))
    assert np.mean(found) == pytest.approx(truth, abs=0.015)


@given(INTERVALS)
def test_every_curve_is_certified_falls_and_has_mass_one(
    ends: list[tuple[int, float]],
) -> None:
    found = interval_survival(intervals(*((low + 1.0, low + 1.0 + width) for low, width in ends)))
    days = np.arange(0.0, 22.0, 0.5)
    lower, upper = found.bounds_at(days)
    assert found.certificate <= 1.0 + CERTIFIED_WITHIN
    assert found.mass.sum() == pytest.approx(1.0)
    assert (lower <= upper + 1e-12).all()
    assert (np.diff(upper) <= 1e-12).all()


def test_all_censored_is_a_curve_of_one() -> None:
    found = interval_survival(intervals((3, np.inf), (5, np.inf)))
    np.testing.assert_array_equal(found.at(np.array([4.0, 100.0])), 1.0)


def test_band_of_resampled_participants_is_the_same_for_the_same_seed() -> None:
    rng = np.random.default_rng(3)
    outcome = scanned(rng.weibull(1.3, 60) * 600.0, rng, every=90, most=12)
    days = np.array([200.0, 400.0])
    one, two = (interval_survival_band(outcome, days, seed=1, draws=40) for _ in range(2))
    np.testing.assert_array_equal(one.lower, two.lower)
    estimate = interval_survival(outcome).at(days)
    assert (one.lower <= estimate).all()
    assert (estimate <= one.upper).all()


def test_refuses_left_after_right_and_outcomes_before_baseline() -> None:
    with pytest.raises(DataError, match="row 1 has"):
        intervals((0, 5), (9, 4))
    with pytest.raises(DataError, match="before baseline"):
        intervals((-3, 5))
