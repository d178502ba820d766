"""Kaplan-Meier curves against R, and by hand."""

from random import Random

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from operandi.quantities.errors import DataError
from operandi.signatures.data import RightCensored
from operandi.signatures.survival.kaplan_meier import kaplan_meier
from tests.shared_data import needs_shared_data
from tests.signatures.survival.cohorts import (
    a_right_censored,
    lung,
    numbers,
    reference_of_r,
)

TIMES = st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=30)


@needs_shared_data
def test_pbc_of_312_patients_as_r_has_it() -> None:
    """Survival 3.5-3: shared/research/prediction.md, section 7."""
    curve = kaplan_meier(
        RightCensored(
            time=numbers("pbc", "time", first=312),
            event=numbers("pbc", "status", first=312) == 2.0,
        )
    )
    survival = curve.at(np.array([365.0, 1825.0, 3650.0]))
    np.testing.assert_allclose(survival, [0.9294871795, 0.7107279820, 0.4387357197], atol=1e-10)
    assert curve.quantile().day == 3395.0
    mean = curve.restricted_mean(until_day=3650.0)
    assert mean.days == pytest.approx(2631.83674856, abs=1e-8)


@needs_shared_data
def test_lung_with_errors_limits_and_numbers_at_risk_as_r_has_them() -> None:
    curve, reference = kaplan_meier(lung()), reference_of_r()["lung"]["km_all"]
    at, table = reference["at"], reference["table"]
    days = np.array(at["time"], dtype=float)
    band = curve.band(scale="log")
    place = np.searchsorted(curve.time, days, side="right") - 1

    np.testing.assert_allclose(curve.at(days), at["surv"], atol=1e-12)
    np.testing.assert_allclose(curve.standard_error_at(days), at["std_err"], atol=1e-12)
    np.testing.assert_allclose(band.lower[place], at["lower"], atol=1e-12)
    np.testing.assert_allclose(band.upper[place], at["upper"], atol=1e-12)
    np.testing.assert_array_equal(curve.number_at_risk(days), at["n_risk"])
    median = curve.quantile(scale="log")
    assert (median.day, median.lower, median.upper) == (
        table["median"],
        table["0.95LCL"],
        table["0.95UCL"],
    )
    mean = curve.restricted_mean(until_day=float(curve.observed[-1]))
    assert mean.days == pytest.approx(table["rmean"], abs=1e-10)
    assert mean.standard_error == pytest.approx(table["se(rmean)"], abs=1e-10)


@needs_shared_data
@pytest.mark.parametrize("sex", [1, 2])
def test_restricted_mean_of_a_year_as_r_has_it(sex: int) -> None:
    reference = reference_of_r()["lung"]["rmst_365"]
    rows, whole = numbers("lung", "sex") == sex, lung()
    part = RightCensored(time=whole.time[rows], event=whole.event[rows])
    mean = kaplan_meier(part).restricted_mean(until_day=365.0)
    assert mean.days == pytest.approx(reference["rmean"][sex - 1], abs=1e-9)
    assert mean.standard_error == pytest.approx(reference["se(rmean)"][sex - 1], abs=1e-9)


@needs_shared_data
def test_median_of_a_level_stretch_is_its_middle_as_in_r() -> None:
    rows = numbers("veteran", "trt") == 2.0
    part = RightCensored(
        time=numbers("veteran", "time")[rows], event=numbers("veteran", "status")[rows] == 1.0
    )
    median = kaplan_meier(part).quantile(scale="log")
    assert (median.day, median.lower, median.upper) == (52.5, 44.0, 95.0)


def test_four_patients_by_hand() -> None:
    """Event on day 2 of 4, censored on 2, event on 5 of 2, then nobody dies."""
    curve = kaplan_meier(a_right_censored([2, 2, 5, 8], [1, 0, 1, 0]))
    np.testing.assert_allclose(
        curve.at(np.array([1, 2, 4.9, 5, 100])), [1, 0.75, 0.75, 0.375, 0.375]
    )
    np.testing.assert_array_equal(curve.number_at_risk(np.array([2.0, 2.1, 8.0])), [4, 2, 1])
    assert curve.restricted_mean(until_day=8.0).days == pytest.approx(2 + 3 * 0.75 + 3 * 0.375)


def test_all_censored_is_a_curve_of_one_without_a_median() -> None:
    curve = kaplan_meier(a_right_censored([3, 4], [0, 0]))
    median = curve.quantile()
    assert curve.at(np.array([10.0])) == 1.0
    assert median.day is None
    assert "stays above 0.5" in median.reason
    assert curve.band().lower.size == 0


def test_a_horizon_beyond_follow_up_has_no_mean_but_a_reason() -> None:
    curve = kaplan_meier(a_right_censored([3, 4], [1, 0]))
    mean = curve.restricted_mean(until_day=10.0)
    assert mean.days is None
    assert "follow-up ends on day 4" in mean.reason
    ended = kaplan_meier(a_right_censored([3, 4], [1, 1])).restricted_mean(until_day=10.0)
    assert ended.days == pytest.approx(3.5)


def test_refuses_a_horizon_of_no_days() -> None:
    with pytest.raises(DataError, match="horizon > 0"):
        kaplan_meier(a_right_censored([3], [1])).restricted_mean(until_day=0.0)


@given(TIMES)
def test_bands_hold_the_curve_and_never_leave_zero_to_one(times: list[tuple[int, bool]]) -> None:
    curve = kaplan_meier(a_right_censored([float(t) for t, _ in times], [int(e) for _, e in times]))
    for scale in ("log-log", "log"):
        band = curve.band(scale=scale)
        assert (band.lower <= curve.survival + 1e-12).all()
        assert (curve.survival <= band.upper + 1e-12).all()
        assert (band.lower >= 0.0).all()
        assert (band.upper <= 1.0).all()


@given(TIMES, st.randoms())
def test_order_of_participants_does_not_matter(
    times: list[tuple[int, bool]], random: Random
) -> None:
    moved = times.copy()
    random.shuffle(moved)
    one, two = (
        kaplan_meier(a_right_censored([float(t) for t, _ in some], [int(e) for _, e in some]))
        for some in (times, moved)
    )
    np.testing.assert_array_equal(one.survival, two.survival)
