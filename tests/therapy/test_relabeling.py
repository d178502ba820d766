"""The same peptide with another nuclide."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import ADMINISTERED, LU177, PB212, TB161, Y90, Nuclide
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.relabeling import (
    activity_for_effective_dose_bq,
    effective_dose_with_alphas_gy,
    relabeled,
)

HOUR_S = 3600.0


def a_course(half_life_h: float, *, amplitude: float = 1e6) -> ExponentialSum:
    return ExponentialSum((amplitude,), (math.log(2) / (half_life_h * HOUR_S),))


def half_life_h(course: ExponentialSum) -> float:
    return math.log(2) / course.rates_per_s[0] / HOUR_S


@pytest.mark.parametrize("other", [TB161, Y90, PB212], ids=lambda one: one.name)
def test_effective_half_life_is_that_of_the_same_biological_one(other: Nuclide) -> None:
    """By hand: 51 h with 177Lu (159.5 h) are 75 h biologically, 1/51 = 1/75 + 1/159.5."""
    biological_h = 1 / (1 / 51 - HOUR_S / LU177.half_life_s)
    expected_h = 1 / (1 / biological_h + HOUR_S / other.half_life_s)

    course = relabeled(a_course(51), measured=LU177, other=other)

    assert biological_h == pytest.approx(75.0, abs=0.1)
    assert half_life_h(course) == pytest.approx(expected_h)
    assert course.amplitudes == (1e6,)


def test_ninety_yttrium_in_a_kidney_of_51_h() -> None:
    """75.0 h biological and 64.1 h physical: 34.6 h."""
    course = relabeled(a_course(51), measured=LU177, other=Y90)

    assert half_life_h(course) == pytest.approx(34.6, abs=0.05)


@given(
    biological=st.lists(st.floats(0.0, 1e-3), min_size=1, max_size=3),
    first=st.sampled_from(ADMINISTERED),
    second=st.sampled_from(ADMINISTERED),
)
def test_there_and_back_is_the_same_course(
    biological: list[float], first: Nuclide, second: Nuclide
) -> None:
    decay = math.log(2) / first.half_life_s
    course = ExponentialSum((1.0,) * len(biological), tuple(b + decay for b in biological))

    there = relabeled(course, measured=first, other=second)
    back = relabeled(there, measured=second, other=first)

    np.testing.assert_allclose(back.rates_per_s, course.rates_per_s, rtol=1e-6)


def test_nothing_that_stays_is_cleared_by_another_label() -> None:
    """A tail at the physical half-life has no biological clearance, rounding or not."""
    course = relabeled(
        a_course(LU177.half_life_s / HOUR_S * (1 + 1e-9)), measured=LU177, other=TB161
    )

    assert half_life_h(course) == pytest.approx(TB161.half_life_s / HOUR_S)


def test_refuses_a_tail_slower_than_decay() -> None:
    with pytest.raises(DataError, match="slower than 177Lu decays"):
        relabeled(a_course(170), measured=LU177, other=TB161)


def test_the_wrong_nuclide_is_noticed_by_its_tail() -> None:
    with pytest.raises(DataError, match="slower than 90Y decays"):
        relabeled(a_course(100), measured=Y90, other=LU177)


def test_effective_dose_of_the_kidney_by_hand() -> None:
    """2 Gy with G 0.1 and 2 Gy for alpha/beta are 2.2 Gy; 1 Gy of alphas of RBE 5 adds 5 Gy."""
    low = {"low_let_gy": 2.0, "g": 0.1, "alpha_beta_gy": 2.0}

    assert effective_dose_with_alphas_gy(alpha_gy=0.0, rbe=5.0, **low) == pytest.approx(2.2)
    assert effective_dose_with_alphas_gy(alpha_gy=1.0, rbe=5.0, **low) == pytest.approx(7.2)


dose = st.floats(1e-12, 1e-8)


@given(
    alpha=st.one_of(st.just(0.0), dose),
    low=dose,
    g=st.floats(0.0, 1.0),
    rbe=st.floats(1.0, 10.0),
    wanted=st.floats(0.0, 100.0),
)
def test_the_activity_found_has_the_effective_dose_wanted(
    alpha: float, low: float, g: float, rbe: float, wanted: float
) -> None:
    activity = activity_for_effective_dose_bq(
        wanted, alpha_gy_per_bq=alpha, low_let_gy_per_bq=low, g=g, alpha_beta_gy=2.6, rbe=rbe
    )

    found = effective_dose_with_alphas_gy(
        alpha_gy=alpha * activity, low_let_gy=low * activity, g=g, alpha_beta_gy=2.6, rbe=rbe
    )
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_refuses_an_organ_that_absorbs_nothing() -> None:
    with pytest.raises(ValueError, match="dose per activity"):
        activity_for_effective_dose_bq(
            1.0, alpha_gy_per_bq=0, low_let_gy_per_bq=0, g=0.1, alpha_beta_gy=2.6, rbe=5
        )


def test_a_longer_half_life_lengthens_the_course() -> None:
    longer = replace(TB161, half_life_s=1.01 * TB161.half_life_s)

    courses = [relabeled(a_course(51), measured=LU177, other=one) for one in (TB161, longer)]

    assert courses[0].integral < courses[1].integral
