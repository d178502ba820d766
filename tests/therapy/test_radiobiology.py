import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import dblquad

from operandi.quantities.errors import DataError
from operandi.therapy.delta_method import Parameter
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.radiobiology import (
    KIDNEY,
    Repopulation,
    biologically_effective_dose_gy,
    dose_for_effective_dose_gy,
    effective_dose_estimate,
    equivalent_dose_2gy_gy,
    lea_catcheside,
    lea_catcheside_of_cycles,
    repair_rate_per_s,
)

HOUR = 3600.0
MU = repair_rate_per_s(half_time_s=2.8 * HOUR)


def a_rate(half_life_h: float) -> float:
    return math.log(2.0) / (half_life_h * HOUR)


def with_uptake(uptake_h: float, clearance_h: float) -> ExponentialSum:
    return ExponentialSum((1.0, -1.0), (a_rate(clearance_h), a_rate(uptake_h)))


def by_quadrature(rate: ExponentialSum, mu: float) -> float:
    """Independent of the closed form: the double integral itself, in units of the mean life."""
    unit = 1.0 / min(rate.rates_per_s)
    double, _ = dblquad(
        lambda s, t: float(rate.at(t * unit) * rate.at(s * unit) * math.exp(-mu * unit * (t - s))),
        0.0,
        45.0,
        lambda t: max(0.0, t - 40.0 / (mu * unit)),
        lambda t: t,
        epsabs=1e-10,
        epsrel=1e-8,
    )
    return 2.0 * float(double) * unit**2 / rate.integral**2


def test_one_exponential_has_the_known_protraction_factor() -> None:
    """177Lu in the kidney: effective half-life 51 h, repair 2.8 h; lambda / (lambda + mu)."""
    g = lea_catcheside(ExponentialSum((3.0,), (a_rate(51.0),)), repair_rate_per_s=MU)

    assert g == pytest.approx(0.0520446, rel=1e-6)
    assert g == pytest.approx(2.8 / (2.8 + 51.0), rel=1e-14)


def test_uptake_of_3_h_and_clearance_of_60_h_have_the_known_protraction_factor() -> None:
    g = lea_catcheside(with_uptake(3.0, 60.0), repair_rate_per_s=MU)

    assert g == pytest.approx(0.0434878, abs=5e-8)


@pytest.mark.parametrize(
    ("rate", "mu"),
    [
        (with_uptake(3.0, 60.0), MU),
        (ExponentialSum((1.0, 0.5), (a_rate(90.0), a_rate(12.0))), MU),
        (ExponentialSum((1.0, -0.7), (a_rate(60.0), MU)), MU),
    ],
)
def test_closed_form_agrees_with_the_double_integral(rate: ExponentialSum, mu: float) -> None:
    assert lea_catcheside(rate, repair_rate_per_s=mu) == pytest.approx(
        by_quadrature(rate, mu), rel=1e-6
    )


def test_a_clearance_as_fast_as_repair_is_no_singularity() -> None:
    """At r = mu a single exponential has G = 1/2; nothing jumps beside it."""
    beside = [
        lea_catcheside(ExponentialSum((1.0,), (MU * (1.0 + d),)), repair_rate_per_s=MU)
        for d in (-1e-9, 0.0, 1e-9)
    ]

    np.testing.assert_allclose(beside, 0.5, rtol=1e-9)


def test_uptake_nearly_as_fast_as_clearance_keeps_all_digits() -> None:
    """In the limit f = t exp(-r t), and G = [1 + 3 r/mu ...] in closed form.

    M' = f - mu M gives int f M = [1/(4 r^3 (r+mu))+ ...]; by partial fractions
    G = 2 r^4 [1 / (4 r^3 (r + mu)) + 1 / (4 r^2 (r + mu)^2)].
    """
    r, gap = a_rate(20.0), 1e-7
    g = lea_catcheside(ExponentialSum((1.0, -1.0), (r, r * (1.0 + gap))), repair_rate_per_s=MU)

    limit = 2.0 * r**4 * (1.0 / (4.0 * r**3 * (r + MU)) + 1.0 / (4.0 * r**2 * (r + MU) ** 2))
    assert g == pytest.approx(limit, rel=1e-6)


@given(
    st.lists(st.tuples(st.floats(1e-3, 1e3), st.floats(1e-7, 1e-2)), min_size=1, max_size=4),
    st.floats(1e-6, 1e-2),
    st.floats(1e-3, 1e3),
)
def test_g_lies_between_0_and_1_and_knows_no_units(
    terms: list[tuple[float, float]], mu: float, factor: float
) -> None:
    rate = ExponentialSum(tuple(a for a, _ in terms), tuple(r for _, r in terms))
    g = lea_catcheside(rate, repair_rate_per_s=mu)

    assert 0 < g <= 1
    assert lea_catcheside(rate.scaled(factor), repair_rate_per_s=mu) == pytest.approx(g, rel=1e-9)
    faster = ExponentialSum(rate.amplitudes, tuple(factor * r for r in rate.rates_per_s))
    assert lea_catcheside(faster, repair_rate_per_s=factor * mu) == pytest.approx(g, rel=1e-9)


@given(st.floats(0.01, 0.999), st.floats(1e-6, 1e-4), st.floats(1.5, 50.0))
def test_g_with_uptake_lies_between_0_and_1(share: float, slow: float, ratio: float) -> None:
    rate = ExponentialSum((1.0, -share), (slow, slow * ratio))

    assert 0 < lea_catcheside(rate, repair_rate_per_s=MU) <= 1


def test_refuses_a_dose_rate_that_becomes_negative() -> None:
    with pytest.raises(DataError, match="must not be negative"):
        lea_catcheside(ExponentialSum((1.0, -2.0), (1e-5, 1e-4)), repair_rate_per_s=MU)


def test_refuses_a_repair_rate_of_zero() -> None:
    with pytest.raises(DataError, match="repair rate must be > 0"):
        lea_catcheside(with_uptake(3.0, 60.0), repair_rate_per_s=0.0)


def test_four_cycles_of_the_published_kidney_dose_give_the_known_effective_dose() -> None:
    """NETTER-1's 19.4 Gy in 4 cycles, alpha/beta 2.6 Gy, 2.8 h, 51 h: 21.27 Gy."""
    kidney = ExponentialSum((1.0,), (a_rate(51.0),))
    g = lea_catcheside(kidney, repair_rate_per_s=KIDNEY.repair_rate_per_s)

    total = 4 * biologically_effective_dose_gy(
        dose_gy=4.847, g=g, alpha_beta_gy=KIDNEY.alpha_beta_gy.value
    )

    assert total == pytest.approx(21.27, abs=0.005)
    assert total == pytest.approx(4 * 4.847 * (1 + 2.8 / 53.8 * 4.847 / 2.6), rel=1e-12)


def test_cycles_eight_weeks_apart_do_not_know_of_one_another() -> None:
    """Cross terms below 1e-6: effective doses of cycles may be added."""
    kidney = ExponentialSum((4.847 * a_rate(51.0),), (a_rate(51.0),))
    starts = [56 * 86_400.0 * c for c in range(4)]
    together = lea_catcheside_of_cycles(starts, [kidney] * 4, repair_rate_per_s=MU)
    alone = lea_catcheside(kidney, repair_rate_per_s=MU)

    assert together == pytest.approx(alone / 4, rel=1e-6)
    assert together > alone / 4


def test_two_halves_given_at_once_are_one_administration() -> None:
    course = with_uptake(3.0, 60.0)

    assert lea_catcheside_of_cycles(
        [0.0, 0.0], [course.scaled(0.3), course.scaled(0.7)], repair_rate_per_s=MU
    ) == pytest.approx(lea_catcheside(course, repair_rate_per_s=MU), rel=1e-12)


def test_an_overlapping_second_cycle_agrees_with_numbers() -> None:
    """Trapezoids of M' = f - mu M over two administrations one day apart."""
    first, second = ExponentialSum((1.0,), (a_rate(20.0),)), with_uptake(2.0, 30.0)
    delay = 24.0 * HOUR
    time = np.linspace(0.0, 1000.0 * HOUR, 1_000_001)
    rate = first.at(time) + second.at(time - delay)
    step = time[1]
    # Exact integrating factor for a rate that is linear in each step.
    kept = math.exp(-MU * step)
    own = (1.0 - kept) / MU
    lagged = (step - own) / MU
    damage = np.zeros_like(time)
    for i in range(1, time.size):
        low, high = rate[i - 1], rate[i]
        damage[i] = kept * damage[i - 1] + low * own + (high - low) / step * lagged
    numeric = 2.0 * np.trapezoid(rate * damage, time) / np.trapezoid(rate, time) ** 2

    assert lea_catcheside_of_cycles(
        [0.0, delay], [first, second], repair_rate_per_s=MU
    ) == pytest.approx(numeric, rel=1e-5)


@pytest.mark.parametrize("gap", [-1e-7, 0.0, 1e-7])
def test_cross_terms_are_smooth_where_clearance_is_as_fast_as_repair(gap: float) -> None:
    def total(relative: float) -> float:
        course = ExponentialSum((1.0,), (MU * (1.0 + relative),))
        return lea_catcheside_of_cycles([0.0, 5 * HOUR], [course] * 2, repair_rate_per_s=MU)

    assert total(gap) == pytest.approx(total(0.0), rel=1e-6)


@given(st.floats(0.0, 100.0), st.floats(1e-4, 1.0), st.floats(0.5, 20.0))
def test_effective_dose_is_at_least_the_dose_and_goes_back(
    dose: float, g: float, ratio: float
) -> None:
    effective = biologically_effective_dose_gy(dose_gy=dose, g=g, alpha_beta_gy=ratio)

    assert effective >= dose
    assert dose_for_effective_dose_gy(
        biologically_effective_dose_gy=effective, g=g, alpha_beta_gy=ratio
    ) == pytest.approx(dose, rel=1e-9)


@given(st.floats(0.0, 100.0), st.floats(0.1, 10.0), st.floats(0.5, 20.0))
def test_eqd2_rises_with_dose_and_keeps_fractions_of_2_gy(
    dose: float, more: float, ratio: float
) -> None:
    def eqd2(d: float) -> float:
        effective = biologically_effective_dose_gy(dose_gy=d, g=0.05, alpha_beta_gy=ratio)
        return equivalent_dose_2gy_gy(biologically_effective_dose_gy=effective, alpha_beta_gy=ratio)

    assert eqd2(dose + more) > eqd2(dose)
    acute = biologically_effective_dose_gy(dose_gy=2.0, g=1.0, alpha_beta_gy=ratio)
    assert equivalent_dose_2gy_gy(
        biologically_effective_dose_gy=acute, alpha_beta_gy=ratio
    ) == pytest.approx(2.0)


def test_repopulation_takes_only_what_grows_after_kick_off() -> None:
    """ln 2 / (0.3 /Gy x 10 d) = 0.231 Gy/d, from day 28 to day 38."""
    growth = Repopulation.of_doubling(
        alpha_per_gy=0.3, doubling_time_s=10 * 86_400.0, kick_off_s=28 * 86_400.0
    )

    def effective(days: float) -> float:
        return biologically_effective_dose_gy(
            dose_gy=20.0,
            g=0.05,
            alpha_beta_gy=10.0,
            repopulation=growth,
            overall_time_s=days * 86_400.0,
        )

    assert effective(10.0) == effective(28.0) == pytest.approx(22.0)
    assert effective(38.0) == pytest.approx(22.0 - 10 * math.log(2) / 3.0)


def test_refuses_repopulation_without_overall_time() -> None:
    growth = Repopulation(loss_gy_per_day=0.1, kick_off_s=0.0)
    with pytest.raises(DataError, match="go together"):
        biologically_effective_dose_gy(dose_gy=1.0, g=0.1, alpha_beta_gy=3.0, repopulation=growth)


def test_refuses_a_missing_alpha_beta() -> None:
    with pytest.raises(DataError, match="alpha/beta must be > 0"):
        biologically_effective_dose_gy(dose_gy=1.0, g=0.1, alpha_beta_gy=0.0)


def test_effective_dose_carries_the_uncertainty_of_its_parameters() -> None:
    """By hand: dBED/dD = 1 + 2GD/ab, dBED/d(ab) = -G D^2/ab^2; repair has no known uncertainty."""
    dose, ratio = 20.0, KIDNEY.alpha_beta_gy.value
    course = ExponentialSum((1.0,), (a_rate(51.0),))
    g = 2.8 / 53.8
    estimate = effective_dose_estimate(Parameter(dose, 2.0), course, KIDNEY)

    ratio_u = KIDNEY.alpha_beta_gy.standard_uncertainty
    assert ratio_u is not None
    by_hand = math.hypot((1 + 2 * g * dose / ratio) * 2.0, g * dose**2 / ratio**2 * ratio_u)
    assert estimate.value == pytest.approx(dose * (1 + g * dose / ratio))
    assert estimate.standard_uncertainty == pytest.approx(by_hand, rel=1e-6)
    assert estimate.left_out == ("repair half-time",)
    assert "repair half-time" in estimate.basis
    assert estimate.lower < estimate.value < estimate.upper


def test_a_known_uncertainty_of_repair_widens_the_effective_dose() -> None:
    """By hand: dG/dT = T_eff / (T + T_eff)^2."""
    course = ExponentialSum((1.0,), (a_rate(51.0),))
    tissue = replace(KIDNEY, repair_half_time_s=Parameter(2.8 * HOUR, 1.0 * HOUR))
    estimate = effective_dose_estimate(Parameter(20.0, 2.0), course, tissue)
    without = effective_dose_estimate(Parameter(20.0, 2.0), course, KIDNEY)

    added = 20.0**2 / 2.6 * 51.0 / 53.8**2
    assert estimate.left_out == ()
    assert estimate.standard_uncertainty**2 == pytest.approx(
        without.standard_uncertainty**2 + added**2, rel=1e-6
    )
