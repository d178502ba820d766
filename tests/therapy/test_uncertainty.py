import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.therapy.dose_chain import (
    CourseModel,
    DoseChain,
    FittedCourse,
    FixedRecovery,
    MeasuredCourse,
    SingleTimeCourse,
    WholeContent,
)
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.uncertainty import (
    Contribution,
    Reported,
    dose_uncertainty,
    monte_carlo,
    propagate,
    time_integral,
)
from tests.therapy.chains import (
    HOUR_S,
    PHYSICAL_S,
    a_kidney,
    a_lesion,
    a_measured_course,
    kidney_on_day_1,
    kidney_on_days_1_4_7,
)

REFERENCE_CASES = {
    "kidney, three scans": kidney_on_days_1_4_7(),
    "kidney, one scan on day 1": kidney_on_day_1(),
    "lesion of 5 mL": a_lesion(volume_ml=5.0, relative_volume=0.25),
    "lesion of 20 mL": a_lesion(volume_ml=20.0, relative_volume=0.16),
    "lesion of 100 mL": a_lesion(volume_ml=100.0, relative_volume=0.10),
}


@pytest.mark.parametrize("name", REFERENCE_CASES)
def test_propagation_and_monte_carlo_agree_within_5_percent(name: str) -> None:
    result = dose_uncertainty(REFERENCE_CASES[name], seed=1)

    assert result.ratio == pytest.approx(1.0, abs=0.05)
    assert result.reported is Reported.PROPAGATION
    assert result.standard_uncertainty_gy == pytest.approx(
        result.propagation.relative * result.dose_gy
    )


def test_dose_of_the_chain_is_the_product_of_its_links() -> None:
    """By hand: 8e7 Bq x 51 h / ln 2 / 0.85 x 83.6 mGy/(MBq h) x 168 ^ log10(8.53 / 83.6)."""
    by_hand = 80.0 * 51 / math.log(2) / 0.85 * 83.6e-3 * 168.0 ** math.log10(8.53 / 83.6)

    assert propagate(kidney_on_days_1_4_7()).dose_gy == pytest.approx(by_hand, rel=1e-7)


def test_kidney_uncertainty_is_of_the_published_size() -> None:
    """Staanum et al. 2021: 13 % with three scans, 19 % with one on day 1. Inputs are ours."""
    three, one = propagate(kidney_on_days_1_4_7()), propagate(kidney_on_day_1())

    assert 0.09 < three.relative < 0.16
    assert 0.15 < one.relative < 0.22
    assert max(one.budget, key=lambda link: one.budget[link]) is Contribution.FIT


def test_lesion_uncertainties_span_the_published_range() -> None:
    """Finocchiaro et al. 2020: 14-102 % in 154 tumors, growing as they get smaller."""
    relative = [
        dose_uncertainty(a_lesion(volume_ml=v, relative_volume=u), seed=1).propagation.relative
        for v, u in ((0.5, 1.2), (1.0, 0.7), (8.0, 0.25))
    ]

    assert relative == sorted(relative, reverse=True)
    assert 0.12 < relative[-1] < 0.2
    assert 0.5 < relative[0] < 1.1


def test_the_shared_volume_cancels_in_part() -> None:
    """A larger outline holds more counts, at higher recovery, in more mass: signs differ."""
    lesion = propagate(a_lesion())
    counts, recovery, s_value = lesion.volume_terms

    assert counts > 0 > recovery > s_value
    assert lesion.budget[Contribution.VOLUME] == pytest.approx(
        abs(counts + recovery + s_value) * 0.2
    )
    apart = math.hypot(counts, recovery, s_value) * 0.2
    others = lesion.relative**2 - lesion.budget[Contribution.VOLUME] ** 2
    assert lesion.relative_without_covariance == pytest.approx(math.sqrt(others + apart**2))


def test_concentration_in_an_organ_hardly_knows_its_volume() -> None:
    """Counts grow with v and the dose per count falls with it: 1 - 0.991."""
    kidney = propagate(kidney_on_days_1_4_7())

    assert kidney.budget[Contribution.VOLUME] < 0.002


def test_every_derivative_agrees_with_the_chain_itself() -> None:
    """Differences of the dose by v, b1, b2, Q against the terms of the law."""
    lesion = replace(a_lesion(), count_volume=WholeContent())

    def log_dose(chain: DoseChain) -> float:
        return math.log(propagate(chain).dose_gy)

    step = 1e-5
    larger = replace(lesion, volume_ml=lesion.volume_ml * (1 + step))
    smaller = replace(lesion, volume_ml=lesion.volume_ml * (1 - step))
    assert (log_dose(larger) - log_dose(smaller)) / (2 * step) == pytest.approx(
        sum(propagate(lesion).volume_terms), rel=1e-6
    )

    curve = lesion.recovery
    assert not isinstance(curve, FixedRecovery)
    parts = []
    for field in ("b1_ml", "b2"):
        value = getattr(curve, field)
        up = replace(lesion, recovery=replace(curve, **{field: value * (1 + step)}))
        down = replace(lesion, recovery=replace(curve, **{field: value * (1 - step)}))
        parts.append((log_dose(up) - log_dose(down)) / (2 * step * value))
    variance = np.array(parts) @ np.array(curve.covariance) @ np.array(parts)
    assert propagate(lesion).budget[Contribution.RECOVERY] == pytest.approx(
        math.sqrt(variance), rel=1e-5
    )


def test_time_integral_carries_the_fit_covariance() -> None:
    """Against refits of the mean of replicates: the twin of the fit alone."""
    course = a_measured_course(relative=0.03)
    chain = replace(
        a_kidney(course),
        volume_uncertainty_ml=1e-9,
        calibration_uncertainty_per_bq=1e-12,
        recovery=FixedRecovery(value=1.0, standard_uncertainty=0.0),
        s_value=replace(a_kidney(course).s_value, covariance=((0.0, 0.0), (0.0, 0.0))),
    )
    _, relative = time_integral(chain)
    twin = monte_carlo(chain, seed=5)

    assert twin.standard_deviation_gy / twin.mean_gy == pytest.approx(relative, rel=0.03)


def test_a_time_integral_with_uptake_agrees_with_its_twin() -> None:
    hours = np.array([1.0, 4.0, 24.0, 72.0, 120.0, 168.0])
    rate = 1e7 * (2.0 ** (-hours / 60.0) - 0.9 * 2.0 ** (-hours / 3.0))
    course = MeasuredCourse(
        time_s=tuple(float(h) for h in hours * HOUR_S),
        rate_per_s=tuple(float(r) for r in rate),
        standard_uncertainty_per_s=tuple(float(0.04 * r) for r in rate),
        model=CourseModel.BI,
        physical_half_life_s=PHYSICAL_S,
    )
    integral, _ = time_integral(a_kidney(course))

    assert integral == pytest.approx(1e7 * (60.0 - 2.7) * HOUR_S / math.log(2), rel=1e-7)
    assert dose_uncertainty(a_kidney(course), seed=2).ratio == pytest.approx(1.0, abs=0.05)


def test_a_course_fitted_elsewhere_gives_the_same_as_one_fitted_here() -> None:
    course = a_measured_course()
    time, rate = np.array(course.time_s), math.log(2) / (84.0 * HOUR_S)
    decay = np.exp(-rate * time)
    columns = np.column_stack([decay, -1e4 * time * decay]) / (0.05 * 1e4 * decay)[:, None]
    size = np.linalg.norm(columns, axis=0)
    inverse = np.linalg.inv((columns / size).T @ (columns / size)) / np.outer(size, size)
    given_one = FittedCourse(
        course=ExponentialSum((1e4,), (rate,)),
        covariance=tuple(tuple(float(x) for x in row) for row in inverse),
    )
    here = dose_uncertainty(a_kidney(course), seed=3)
    there = dose_uncertainty(replace(a_kidney(course), course=given_one), seed=3)

    assert there.dose_gy == pytest.approx(here.dose_gy, rel=1e-7)
    assert there.propagation.relative == pytest.approx(here.propagation.relative, rel=1e-6)
    assert there.propagation.budget[Contribution.FIT] == pytest.approx(
        here.propagation.budget[Contribution.COUNT_RATE], rel=1e-6
    )
    assert there.ratio == pytest.approx(1.0, abs=0.05)


def test_a_half_life_does_not_matter_at_one_mean_life() -> None:
    """d ln A / d ln T = 1 - t ln 2 / T."""
    chain = kidney_on_day_1()
    assert isinstance(chain.course, SingleTimeCourse)
    course = replace(chain.course, time_s=51 * HOUR_S / math.log(2))

    assert propagate(replace(chain, course=course)).budget[Contribution.FIT] == pytest.approx(
        0.0, abs=1e-12
    )


def test_data_that_scatter_too_much_widen_the_fit() -> None:
    course = a_measured_course(relative=0.01)
    odd = replace(
        course,
        rate_per_s=tuple(
            r * f for r, f in zip(course.rate_per_s, (1.1, 0.9, 1.1, 0.9), strict=True)
        ),
    )
    calm, loud = propagate(a_kidney(course)), propagate(a_kidney(odd))

    assert calm.budget[Contribution.FIT] == 0.0
    assert loud.budget[Contribution.FIT] > 5 * loud.budget[Contribution.COUNT_RATE]
    assert dose_uncertainty(a_kidney(odd), seed=1).ratio == pytest.approx(1.0, abs=0.1)


def test_monte_carlo_is_reported_where_the_volume_is_hardly_known() -> None:
    result = dose_uncertainty(a_lesion(volume_ml=1.0, relative_volume=1.0), seed=1)

    assert result.ratio > 1.05
    assert result.reported is Reported.MONTE_CARLO
    assert result.standard_uncertainty_gy == result.twin.standard_deviation_gy
    assert "linear propagation is off" in result.basis


def test_monte_carlo_is_reported_where_the_tail_sits_at_physical_decay() -> None:
    rising = replace(a_measured_course(), rate_per_s=(1000.0, 1010.0, 1000.0, 990.0))
    result = dose_uncertainty(a_kidney(rising), seed=1)

    assert result.propagation.at_physical_limit
    assert result.reported is Reported.MONTE_CARLO


def test_the_twin_repeats_with_its_seed_and_moves_little_with_another() -> None:
    lesion = a_lesion()
    one, same, other = (monte_carlo(lesion, seed=seed) for seed in (7, 7, 8))

    assert one == same
    assert other.standard_deviation_gy == pytest.approx(one.standard_deviation_gy, rel=0.03)


def test_the_interval_holds_95_percent_of_normal_draws() -> None:
    kidney = monte_carlo(kidney_on_days_1_4_7(), seed=1)
    half = (kidney.upper_gy - kidney.lower_gy) / 2

    assert half == pytest.approx(1.96 * kidney.standard_deviation_gy, rel=0.03)
    assert kidney.lower_gy < kidney.median_gy < kidney.mean_gy < kidney.upper_gy


def test_the_basis_names_the_budget_with_the_largest_first() -> None:
    basis = dose_uncertainty(kidney_on_day_1(), seed=1).basis

    assert basis.index("fit") < basis.index("recovery") < basis.index("volume")
    assert "interval" in basis


@settings(max_examples=30, deadline=None)
@given(
    st.floats(2.0, 200.0),
    st.floats(0.02, 0.2),
    st.floats(0.01, 1e4),
)
def test_scaling_all_counts_scales_the_dose_and_not_its_relative_uncertainty(
    volume: float, relative: float, factor: float
) -> None:
    lesion = a_lesion(volume_ml=volume, relative_volume=relative)
    course = lesion.course
    assert isinstance(course, MeasuredCourse)
    scaled = replace(
        lesion,
        course=replace(
            course,
            rate_per_s=tuple(factor * r for r in course.rate_per_s),
            standard_uncertainty_per_s=tuple(factor * u for u in course.standard_uncertainty_per_s),
        ),
    )
    before, after = propagate(lesion), propagate(scaled)

    assert after.dose_gy == pytest.approx(factor * before.dose_gy, rel=1e-6)
    assert after.relative == pytest.approx(before.relative, rel=1e-5)
    assert math.hypot(*before.budget.values()) == pytest.approx(before.relative)


@settings(max_examples=15, deadline=None)
@given(st.floats(3.0, 150.0), st.floats(0.02, 0.25), st.integers(0, 10**6))
def test_propagation_meets_its_twin_while_the_volume_is_known(
    volume: float, relative: float, seed: int
) -> None:
    lesion = a_lesion(volume_ml=volume, relative_volume=relative)

    assert dose_uncertainty(lesion, seed=seed).ratio == pytest.approx(1.0, abs=0.05)
