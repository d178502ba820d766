import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.calibrate_course import reached
from operandi.quantities.errors import DataError
from operandi.therapy.course import (
    DAYS_PER_MONTH,
    LesionCourse,
    VirtualTumors,
    calibration_dose_gy,
    follow,
    virtual_tumors,
)
from operandi.therapy.course_parameters import COURSE_A, COURSE_B, COURSE_C, CourseParameters

CYCLES = [0.0, 56.0, 112.0, 168.0]
VISITS = [0.0, 91.0, 182.0, 365.0, 730.0]


def tumors_of(
    *,
    volume_ml: Sequence[Sequence[float]] = ((10.0,),),
    growth_per_day: float = 0.003,
    sensitivity_per_gy: float = 0.03,
    threshold: Sequence[float] = (1e9, 1e9, 1e9),
    grade: int = 1,
    parameters: CourseParameters = COURSE_A,
) -> VirtualTumors:
    volume = np.array(volume_ml, dtype=float)
    n = len(volume)
    return VirtualTumors(
        parameters=parameters,
        volume_ml=volume,
        grade=np.full(n, grade),
        growth_per_day=np.full(volume.shape, growth_per_day),
        sensitivity_per_gy=np.full(n, sensitivity_per_gy),
        new_lesion_threshold=np.tile(np.array(threshold, dtype=float), (n, 1)),
    )


def followed(tumors: VirtualTumors, *, dose_gy: float = 20.0, **changes: Any) -> LesionCourse:
    arguments: dict[str, Any] = {
        "first_cycle_dose_gy": np.full(tumors.volume_ml.shape, dose_gy),
        "cycle_day": CYCLES,
        "visit_day": VISITS,
    }
    return follow(tumors, **(arguments | changes))


@pytest.mark.parametrize("changes", [{"cycle_day": []}, {"dose_gy": 0.0}])
def test_without_dose_lesions_grow_by_one_exponential(changes: dict[str, Any]) -> None:
    course = followed(tumors_of(), **changes)

    expected = 10.0 * np.exp(0.003 * np.array(VISITS))
    np.testing.assert_allclose(course.volume_ml[0, :, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(course.relative_uptake, 1.0)
    diameter = (6 * expected * 1000 / math.pi) ** (1 / 3)
    np.testing.assert_allclose(course.diameter_mm[0, :, 0], diameter, rtol=1e-12)


def test_a_huge_dose_leaves_stroma_alone() -> None:
    """By hand: 0.18 of 10 mL stays for ever, 0.82 of it clears by 0.225 a month."""
    course = followed(tumors_of(), dose_gy=1e6, visit_day=[30.0, 36_525.0])

    cleared = 8.2 * math.exp(-0.225 * 30.0 / (365.25 / 12))
    np.testing.assert_allclose(course.volume_ml[0, :, 0], [1.8 + cleared, 1.8], rtol=1e-9)
    np.testing.assert_array_equal(course.viable_ml, 0.0)
    np.testing.assert_array_equal(course.relative_uptake, 0.0)


def test_two_cycles_by_hand() -> None:
    """Grade 2: 20 Gy, then 20 x 0.86 = 17.2 Gy after 56 days; alpha 0.03/Gy."""
    course = followed(tumors_of(grade=2), cycle_day=[0.0, 56.0], visit_day=[0.0, 56.0, 60.0])

    np.testing.assert_allclose(course.cycle_dose_gy[0, :, 0], [20.0, 17.2])
    alive = 10 * math.exp(-0.6)
    dead, stroma = 0.82 * (10 - alive), 0.18 * (10 - alive)
    clear = 0.225 / DAYS_PER_MONTH
    alive *= math.exp(0.003 * 56)
    dead *= math.exp(-clear * 56)
    np.testing.assert_allclose(course.volume_ml[0, :2, 0], [10.0, alive + dead + stroma])
    killed = alive * (1 - math.exp(-0.03 * 17.2))
    later = (
        (alive - killed) * math.exp(0.012),
        (dead + 0.82 * killed) * math.exp(-clear * 4),
        stroma + 0.18 * killed,
    )
    at_60 = (course.viable_ml[0, 2, 0], course.dead_ml[0, 2, 0], course.stroma_ml[0, 2, 0])
    np.testing.assert_allclose(at_60, later)


def test_a_visit_on_the_day_of_a_cycle_is_before_it() -> None:
    course = followed(tumors_of(), cycle_day=[0.0, 56.0], visit_day=[0.0, 56.0, 56.5])

    assert course.relative_uptake[0, 0, 0] == 1.0
    assert course.viable_ml[0, 1, 0] > course.viable_ml[0, 2, 0] * 1.3


def test_patients_with_days_of_their_own_are_each_followed_alone() -> None:
    tumors = virtual_tumors(np.full((3, 2), 10.0), parameters=COURSE_A, seed=4)
    nan = math.nan
    cycles = [[0.0, 56.0, nan, nan], [0.0, 70.0, 130.0, 190.0], [nan, nan, nan, nan]]
    visits = [[0.0, 90.0, nan], [0.0, 190.0, 700.0], [10.0, nan, 400.0]]
    dose = np.full((3, 2), 20.0)
    course = follow(
        tumors,
        first_cycle_dose_gy=dose,
        cycle_day=np.array(cycles),
        visit_day=np.array(visits),
    )

    for row in range(3):
        here = np.isfinite(cycles[row]), np.isfinite(visits[row])
        alone = follow(
            replace(
                tumors,
                volume_ml=tumors.volume_ml[row : row + 1],
                grade=tumors.grade[row : row + 1],
                growth_per_day=tumors.growth_per_day[row : row + 1],
                sensitivity_per_gy=tumors.sensitivity_per_gy[row : row + 1],
                new_lesion_threshold=tumors.new_lesion_threshold[row : row + 1],
            ),
            first_cycle_dose_gy=dose[:1],
            cycle_day=np.array(cycles[row])[here[0]],
            visit_day=np.array(visits[row])[here[1]],
        )
        for part in ("viable_ml", "dead_ml", "stroma_ml"):
            np.testing.assert_array_equal(
                getattr(course, part)[row, here[1]], getattr(alone, part)[0]
            )
        np.testing.assert_array_equal(course.cycle_dose_gy[row, here[0]], alone.cycle_dose_gy[0])
        np.testing.assert_array_equal(course.new_lesion_day[row], alone.new_lesion_day[0])
    assert np.isnan(course.viable_ml[0, 2]).all()
    assert np.isnan(course.cycle_dose_gy[2]).all()


def test_new_lesions_come_when_their_hazard_has_been_gathered() -> None:
    """By hand, untreated: h (exp(g t) - 1) / g = E, so t = log(1 + g E / h) / g."""
    hazard = 0.02 / DAYS_PER_MONTH
    course = followed(tumors_of(threshold=(0.05, 0.2, 5.0)), cycle_day=[])

    expected = [math.log1p(0.003 * e / hazard) / 0.003 for e in (0.05, 0.2)]
    np.testing.assert_allclose(course.new_lesion_day[0, :2], expected, rtol=1e-9)
    assert np.isnan(course.new_lesion_day[0, 2])


def test_new_lesions_across_cycles_agree_with_a_fine_sum() -> None:
    tumors = tumors_of(volume_ml=[[10.0, 2.0]], threshold=(0.02, 0.08, 0.15))
    course = followed(tumors)

    days = np.arange(0.0, 730.0, 0.05)
    fine = followed(tumors, visit_day=days)
    hazard = 0.02 / DAYS_PER_MONTH * fine.viable_ml[0].sum(axis=1) / 12.0
    gathered = np.cumsum(hazard) * 0.05
    expected = np.interp([0.02, 0.08, 0.15], gathered, days)
    np.testing.assert_allclose(course.new_lesion_day[0], expected, atol=0.2)
    # The last visit bounds the search, so that days agree to rounding alone.
    np.testing.assert_allclose(fine.new_lesion_day, course.new_lesion_day, rtol=1e-12)


def test_treatment_delays_new_lesions() -> None:
    tumors = virtual_tumors(np.full((500, 2), 10.0), parameters=COURSE_A, seed=1)
    late, early = (
        np.nan_to_num(followed(tumors, dose_gy=dose).new_lesion_day, nan=np.inf)
        for dose in (20.0, 0.0)
    )

    assert (late >= early).all()
    assert (late > early).any()


@settings(max_examples=60, deadline=None)
@given(
    dose=st.floats(0.0, 200.0),
    more=st.floats(0.0, 50.0),
    growth=st.floats(1e-5, 0.02),
    sensitivity=st.floats(0.0, 0.2),
)
def test_more_dose_never_leaves_more_alive(
    dose: float, more: float, growth: float, sensitivity: float
) -> None:
    tumors = tumors_of(growth_per_day=growth, sensitivity_per_gy=sensitivity)
    little, much = (followed(tumors, dose_gy=d) for d in (dose, dose + more))

    assert (much.viable_ml <= little.viable_ml * (1 + 1e-12)).all()
    for part in (little.viable_ml, little.dead_ml, little.stroma_ml):
        assert (part >= 0).all()


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(4)), scale=st.floats(0.1, 10.0))
def test_lesions_do_not_depend_on_their_order_and_scale_with_volume(
    order: list[int], scale: float
) -> None:
    volume = np.array([[1.0, 5.0, np.nan, 40.0]])
    plain = followed(tumors_of(volume_ml=volume.tolist(), threshold=(0.05, 0.1, 0.2)))
    other = followed(
        tumors_of(volume_ml=(scale * volume[:, order]).tolist(), threshold=(0.05, 0.1, 0.2))
    )

    np.testing.assert_allclose(other.volume_ml, scale * plain.volume_ml[:, :, order], rtol=1e-12)
    np.testing.assert_allclose(other.new_lesion_day, plain.new_lesion_day, rtol=1e-9)


def test_tumors_do_not_depend_on_their_batch() -> None:
    volume: npt.NDArray[np.float64] = np.full((30, 3), 10.0)
    whole = virtual_tumors(volume, parameters=COURSE_B, seed=5)
    later = virtual_tumors(volume[20:], parameters=COURSE_B, seed=5, first_patient=20)

    np.testing.assert_array_equal(later.growth_per_day, whole.growth_per_day[20:])
    np.testing.assert_array_equal(
        followed(later).new_lesion_day, followed(whole).new_lesion_day[20:]
    )


def test_tumors_are_distributed_as_declared() -> None:
    tumors = virtual_tumors(np.full((20_000, 1), 10.0), parameters=COURSE_A, seed=8)

    grade2 = tumors.grade == 2
    assert grade2.mean() == pytest.approx(COURSE_A.grade2_fraction, abs=0.015)
    monthly = tumors.growth_per_day[grade2, 0] * DAYS_PER_MONTH
    assert np.median(monthly) == pytest.approx(0.0805 * 1.35, rel=0.03)
    assert np.std(np.log(monthly)) == pytest.approx(math.hypot(0.41, 0.25), rel=0.03)
    assert np.median(tumors.sensitivity_per_gy) == pytest.approx(0.030, rel=0.02)
    assert tumors.new_lesion_threshold[:, 0].mean() == pytest.approx(1.0, rel=0.04)


def test_calibration_doses_are_distributed_as_declared() -> None:
    tumors = virtual_tumors(np.full((4000, 5), 10.0), parameters=COURSE_A, seed=8)

    dose = calibration_dose_gy(tumors, seed=8)
    assert np.median(dose) == pytest.approx(20.0, rel=0.03)
    log = np.log(dose)
    within = np.sqrt(log.var(axis=1, ddof=1).mean())
    assert within == pytest.approx(0.45, rel=0.03)
    assert log.mean(axis=1).std() == pytest.approx(math.hypot(0.45, 0.45 / math.sqrt(5)), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [COURSE_A, COURSE_B, COURSE_C], ids=["A", "B", "C"])
def test_calibrated_sets_lie_within_the_sampling_error_of_the_trials(
    parameters: CourseParameters,
) -> None:
    """Published 95 % intervals; 8000 patients of another seed than the fit's.

    Treated, months: NETTER-2 22.8 (19.4 to not reached), Sundlöv 2022 29. Control: NETTER-2 8.5
    (7.7 to 13.8). Response: NETTER-1 18 % of 101, Sundlöv 16 % of 96, the research file's 20 %.
    """
    got = reached(parameters, n=8000, seed=77)

    assert 19.4 < got.treated_median_month < 29.0
    # Half a month for A's control median of 7.7 itself, which lies at the interval's end.
    assert 7.2 < got.control_median_month < 13.8
    assert 0.10 < got.response_rate < 0.26
    # 62 % at 20 months of some 116 patients: standard error 4.5 %.
    assert abs(got.free_at_20_months - 0.62) < 0.09
    if parameters is not COURSE_A:
        # NETTER-1 0.21 and NETTER-2 0.276 (0.182 to 0.418); A reaches 0.10, see decision 0024.
        assert 0.15 < got.hazard_ratio < 0.42


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"cycle_day": [56.0, 0.0]}, "Cycles need days"),
        ({"cycle_day": [math.nan]}, "Cycles need days"),
        ({"cycle_day": np.array([[56.0, math.nan, 56.0]])}, "Cycles need days"),
        ({"visit_day": np.array([[math.inf]])}, "Visits need days"),
        ({"visit_day": [-1.0]}, "Visits need days"),
        ({"dose_gy": -1.0}, "first-cycle dose"),
        ({"dose_gy": math.nan}, "first-cycle dose"),
        ({"first_cycle_dose_gy": np.zeros((1, 2))}, "first-cycle dose"),
    ],
)
def test_refuses_a_course_that_cannot_be(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(DataError, match=match):
        followed(tumors_of(), **changes)


@pytest.mark.parametrize("volume", [[[0.0]], [[-1.0]], [[math.nan]]])
def test_refuses_a_patient_without_tumor(volume: list[list[float]]) -> None:
    with pytest.raises(DataError, match="at least one lesion"):
        tumors_of(volume_ml=volume)
