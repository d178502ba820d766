"""Lesions at visits: published at baseline, following the course of the disease afterwards."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from operandi.quantities.errors import DataError
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.people.lesion import LesionOrgan, LesionState
from operandi.simulation.people.persons import draw_persons
from operandi.simulation.scenario import Effect, Scenario, read_scenario
from operandi.simulation.tissues.lesion_states import (
    DEAD_ADC,
    LESION_ADC,
    LESION_KTRANS,
    LESION_STIFFNESS,
    LESION_SUV,
    LOWEST_UPTAKE,
    NECROTIC_FRACTION,
    TEXTURE,
    UPTAKE_CV,
    lesion_states,
)
from operandi.therapy.course import LesionCourse, virtual_tumors
from operandi.therapy.course_parameters import COURSE_A
from tests.simulation.people.sampling import assert_sampled_from

_N = 500
_SEED = 13
_LIVER = list(LesionOrgan).index(LesionOrgan.LIVER)
_Floats = npt.NDArray[np.float64]


def a_course(
    *, volume_ml: float = 20.0, alive: float = 0.5, dead: float = 0.3, lesions: int = 1, n: int = 1
) -> LesionCourse:
    """Baseline all alive; the same size at the second visit with less alive; at the third gone."""
    parts = np.array([[1.0, alive, 0.0], [0.0, dead, 0.0], [0.0, 1.0 - alive - dead, 1e-6]])
    viable, killed, stroma = np.tile((volume_ml * parts)[:, None, :, None], (1, n, 1, lesions))
    return LesionCourse(
        visit_day=np.array([0.0, 90.0, 365.0]),
        viable_ml=viable,
        dead_ml=killed,
        stroma_ml=stroma,
        new_lesion_day=np.tile([100.0, np.nan], (n, 1)),
        cycle_dose_gy=np.zeros((n, 4, lesions)),
    )


def some_outcomes(
    *,
    n: int = 1,
    uptake_z: _Floats | None = None,
    covariates: dict[str, _Floats] | None = None,
    course: LesionCourse | None = None,
) -> Outcomes:
    course = a_course(n=n) if course is None else course
    lesions = course.viable_ml.shape[2]
    nothing, false = np.full(n, np.nan), np.zeros(n, dtype=bool)
    zeros = np.zeros(n, dtype=np.int64)
    return Outcomes(
        first_participant=0,
        persons=draw_persons(n, scenario=read_scenario("dose"), seed=_SEED),
        cycle1_day=np.zeros(n),
        lesion_organ=np.full((n, lesions), _LIVER),
        tumors=virtual_tumors(course.volume_ml[:, 0], parameters=COURSE_A, seed=1),
        covariates={} if covariates is None else covariates,
        uptake_z=np.zeros((n, lesions)) if uptake_z is None else uptake_z,
        lesion_dose_gy=np.zeros((n, lesions)),
        organ_dose_gy=np.zeros((n, 3)),
        cycle_day=np.tile([0.0, 56.0, 112.0, 168.0], (n, 1)),
        exam_day=np.tile([-10.0, 91.0, 182.0, 273.0], (n, 1)),
        imaging_day=np.tile([-5.0, 90.0, 365.0], (n, 1)),
        at_exams=course,
        at_imaging=course,
        new_lesion_mm=np.tile(np.array([0.0, 0.0, 8.0, 12.0])[None, :, None], (n, 1, 3)),
        progression_day=nothing,
        death_day=nothing,
        cut_day=nothing,
        dropout_day=nothing,
        exam_progression_day=nothing,
        pfs_day=nothing,
        pfs_left_day=nothing,
        pfs_event=false,
        os_day=nothing,
        os_event=false,
        best_response=zeros,
        oracle_risk=nothing,
    )


def states_of(
    outcomes: Outcomes, *, row: int = 0, visit: int = 0, scenario: Scenario | None = None
) -> tuple[LesionState, ...]:
    return lesion_states(
        outcomes,
        row,
        visit=visit,
        scenario=read_scenario("dose") if scenario is None else scenario,
        seed=_SEED,
    )


def test_lesions_of_500_people_have_the_mean_and_spread_of_their_sources() -> None:
    uptake_z = np.random.Generator(np.random.Philox(4)).standard_normal((_N, 1))
    outcomes = some_outcomes(n=_N, uptake_z=uptake_z)

    states = [states_of(outcomes, row=row)[0] for row in range(_N)]

    assert_sampled_from(LESION_SUV, [state.suv for state in states])
    assert_sampled_from(LESION_ADC, [state.adc_mm2_s for state in states])
    assert_sampled_from(LESION_STIFFNESS, [state.stiffness_kpa for state in states])
    assert_sampled_from(LESION_KTRANS, [state.ktrans_per_min for state in states])
    assert_sampled_from(UPTAKE_CV, [state.uptake_cv for state in states])
    assert_sampled_from(TEXTURE, [state.texture_mm for state in states])
    cored = np.mean([state.necrosis > 0.0 for state in states])
    assert cored == pytest.approx(NECROTIC_FRACTION, abs=4.5 * math.sqrt(0.24 / _N))


def test_published_values_are_those_of_the_publications() -> None:
    """SUVmean 16.5 +- 8.0; ADC of 25 G1 (1.47) and 16 G2 (1.27) metastases: Besa 2016."""
    assert (LESION_SUV.mean, LESION_SUV.spread) == (16.5, 8.0)
    assert pytest.approx((25 * 1.47e-3 + 16 * 1.27e-3) / 41, abs=5e-6) == LESION_ADC.mean


def test_uptake_follows_the_living_part_and_adc_the_dead_part() -> None:
    """Half alive, three tenths dead: half the SUV, and 30 % of the way to the ADC of dead tumor."""
    outcomes = some_outcomes()

    (before,), (after,) = (states_of(outcomes, visit=visit) for visit in (0, 1))

    assert after.suv == pytest.approx(before.suv / 2.0)
    assert after.ktrans_per_min == pytest.approx(before.ktrans_per_min / 2.0)
    assert after.adc_mm2_s == pytest.approx(0.7 * before.adc_mm2_s + 0.3 * DEAD_ADC)
    assert after.id == before.id
    assert after.volume_ml == pytest.approx(before.volume_ml)
    assert (after.uptake_cv, after.stiffness_kpa) == (before.uptake_cv, before.stiffness_kpa)


def test_suv_at_the_middle_score_is_the_median_of_the_log_normal() -> None:
    (state,) = states_of(some_outcomes())

    assert state.suv == pytest.approx(16.5 / math.sqrt(1.0 + (8.0 / 16.5) ** 2))


def test_a_lesion_that_has_cleared_is_not_there_and_dead_tumor_is_not_below_blood() -> None:
    gone = [state.id for state in states_of(some_outcomes(), visit=2)]
    dead = some_outcomes(course=a_course(alive=0.0, dead=1.0))

    assert gone == ["OP-001-N1"]
    assert states_of(dead, visit=1)[0].suv == LOWEST_UPTAKE


def test_a_new_lesion_has_its_own_name_and_the_size_of_exams() -> None:
    """It appears on day 100; 8 mm at day 182, 12 mm at day 273 and so 18 mm at day 364."""
    outcomes = replace(some_outcomes(), imaging_day=np.array([[-5.0, 90.0, 364.0]]))

    assert all("-N" not in state.id for state in states_of(outcomes, visit=1))
    (new,) = [state for state in states_of(outcomes, visit=2) if state.id == "OP-001-N1"]
    assert new.volume_ml == pytest.approx(math.pi / 6.0 * 1.8**3)
    assert new.suv > LOWEST_UPTAKE


def test_a_new_lesion_grows_steadily_between_exams() -> None:
    """Half way from day 182 to day 273: the geometric mean of 8 and 12 mm."""
    outcomes = some_outcomes()
    halfway = replace(outcomes, imaging_day=np.array([[-5.0, 227.5, 365.0]]))

    new = states_of(halfway, visit=1)[-1]

    assert new.volume_ml == pytest.approx(math.pi / 6.0 * (math.sqrt(96.0) / 10.0) ** 3)


@pytest.mark.parametrize(
    ("covariate", "shown"),
    [
        ("uptake_heterogeneity", "uptake_cv"),
        ("adc", "adc_mm2_s"),
        ("stiffness", "stiffness_kpa"),
    ],
)
def test_what_acts_on_the_course_shows_in_the_lesions(covariate: str, shown: str) -> None:
    covariates = {covariate: np.array([-2.0, 0.0, 2.0])}
    outcomes = some_outcomes(n=3, covariates=covariates, course=a_course(n=3, lesions=40))
    means = [
        np.mean([getattr(state, shown) for state in states_of(outcomes, row=row)])
        for row in range(3)
    ]

    assert means[0] < means[1] < means[2]


def test_lesions_of_a_patient_are_alike() -> None:
    """Half of the variance is between patients: two lesions correlate at about 0.5."""
    outcomes = some_outcomes(n=_N, course=a_course(n=_N, lesions=2))
    stiffness = np.array(
        [[state.stiffness_kpa for state in states_of(outcomes, row=row)] for row in range(_N)]
    )

    assert np.corrcoef(stiffness.T)[0, 1] == pytest.approx(0.5, abs=0.15)


def test_a_lesion_does_not_depend_on_how_many_others_there_are() -> None:
    few, many = (some_outcomes(course=a_course(lesions=lesions)) for lesions in (2, 5))

    assert states_of(many)[:2] == states_of(few)


def test_refuses_a_visit_that_did_not_take_place() -> None:
    outcomes = replace(some_outcomes(), imaging_day=np.array([[-5.0, np.nan, 365.0]]))

    with pytest.raises(DataError, match="no PET-MRI number 1"):
        states_of(outcomes, visit=1)


def test_refuses_a_scenario_whose_covariate_the_outcomes_do_not_state() -> None:
    effect = Effect(covariate="adc", on="growth", log_factor=0.5)
    scenario = read_scenario("dose").model_copy(update={"effect": (effect,)})

    with pytest.raises(DataError, match="adc act"):
        states_of(some_outcomes(), scenario=scenario)
