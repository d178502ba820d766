import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import GA68, LU177, Nuclide
from operandi.therapy.kinetic_parameters import (
    DOTATATE_DOTATOC,
    HA_DOTATATE,
    MEASUREMENT_ERROR,
    KineticParameters,
    PeptideParameters,
    Role,
)
from operandi.therapy.kinetics import (
    KineticsResult,
    VirtualPatients,
    decay_per_h,
    local_s_value,
    simulate,
    virtual_patients,
    with_measurement_error,
)

PEPTIDE_UG = 151.0  # median of Siebinga 2023, table 1
# Kidneys to kidneys, adult male of 310 g: 7.76e-5 mGy/(MBq s) (therapy_ai.md, section 2).
KIDNEY_S_GY_PER_BQ_S = 7.76e-5 * 1e-3 / 1e6


def a_patient(
    *,
    lesion_ml: Sequence[float] = (80.0,),
    other_ml: float = 203.0,
    receptors: float = 1.0,
    parameters: KineticParameters = HA_DOTATATE,
) -> VirtualPatients:
    """One patient at every median; *receptors* scales all receptor capacities or rates."""
    organs = np.full((1, 3), receptors)
    lesions = np.full((1, len(lesion_ml)), receptors)
    return VirtualPatients(
        parameters=parameters,
        body_mass_kg=np.array([75.0]),
        organ_volume_l=np.array([parameters.population.organ_volume_l]),
        lesion_volume_ml=np.array([lesion_ml], dtype=float),
        other_tumor_volume_ml=np.array([other_ml]),
        elimination_factor=np.ones(1),
        organ_receptor_factor=dict.fromkeys(Role, organs),
        lesion_receptor_factor=dict.fromkeys(Role, lesions),
    )


def given_to(patients: VirtualPatients, **changes: Any) -> KineticsResult:
    arguments: dict[str, Any] = {
        "role": Role.THERAPY,
        "nuclide": LU177,
        "peptide_ug": PEPTIDE_UG,
        "activity_bq": 7.4e9,
        "time_h": [1.0, 4.0, 24.0, 72.0, 168.0],
    }
    return simulate(patients, **(arguments | changes))


def test_published_parameters_give_the_known_time_integrated_activities() -> None:
    """therapy_ai.md, kinetics: 80 mL followed, 283 mL in all; spleen, kidneys, tumor in h."""
    result = given_to(a_patient())

    np.testing.assert_allclose(result.organ_coefficient_h[0, :2], [1.182, 1.324], rtol=1e-3)
    np.testing.assert_allclose(result.lesion_coefficient_h[0, 0], 2.945, rtol=1e-3)


def test_published_population_gives_the_known_doses_per_activity() -> None:
    """therapy_ai.md, kinetics: kidneys 0.37 +- 0.12, tumor 3.2 +- 1.1 Gy/GBq."""
    patients = virtual_patients(4000, parameters=HA_DOTATATE, seed=11)
    result = given_to(patients, time_h=())

    kidneys = result.organ_coefficient_h[:, 1] * 3600 * KIDNEY_S_GY_PER_BQ_S * 1e9
    # Sphere of 83 g: 0.865 mGy/(MBq h) at 100 g (therapy_ai.md, section 1), electrons by 1 / m.
    tumor = result.lesion_coefficient_h[:, 0] * 0.865 * 100.0 / 80.0

    assert kidneys.mean() == pytest.approx(0.37, rel=0.02)
    assert kidneys.std() == pytest.approx(0.12, abs=0.015)
    assert tumor.mean() == pytest.approx(3.2, rel=0.03)
    assert tumor.std() == pytest.approx(1.1, abs=0.1)


def test_dotatate_kidneys_lie_about_a_half_gray_per_gigabecquerel() -> None:
    """Published means of 177Lu-DOTATATE: 0.38 to 0.66 Gy/GBq (kinetic_parameters.py)."""
    patients = virtual_patients(4000, parameters=DOTATATE_DOTATOC, seed=11)

    result = given_to(patients, time_h=())
    kidneys = result.organ_dose_gy_per_gbq(local_s_value(electron_mev=0.1479))[:, 1]

    assert kidneys.mean() == pytest.approx(0.50, rel=0.03)
    quarter, three_quarters = np.percentile(kidneys, [25, 75])
    assert 0.38 < quarter < three_quarters < 0.66
    # More peptide, fuller receptors: 0.5 Gy/GBq is a statement about 151 ug.
    more = given_to(patients, time_h=(), peptide_ug=200.0)
    assert more.organ_dose_gy_per_gbq(local_s_value(electron_mev=0.1479))[
        :, 1
    ].mean() == pytest.approx(0.41, rel=0.03)


def test_pet_and_therapy_correlate_as_published_once_measured() -> None:
    """therapy_ai.md, predict: r = 0.7 between patients, 0.45 within (301 tumors, 54 patients)."""
    patients = virtual_patients(4000, parameters=DOTATATE_DOTATOC, seed=2)
    pet = given_to(
        patients, role=Role.DIAGNOSTIC, nuclide=GA68, peptide_ug=20.0, time_h=[1.0]
    ).lesion_suv[:, 0]
    dose = given_to(patients, time_h=()).lesion_dose_gy_per_gbq(local_s_value(electron_mev=0.1479))

    seen = with_measurement_error(pet, cv=MEASUREMENT_ERROR[Role.DIAGNOSTIC].tumor, seed=3)
    measured = with_measurement_error(dose, cv=MEASUREMENT_ERROR[Role.THERAPY].tumor, seed=4)
    mean_seen, mean_measured = np.nanmean(seen, axis=1), np.nanmean(measured, axis=1)
    here = ~np.isnan(seen)
    within = np.corrcoef(
        (seen - mean_seen[:, None])[here], (measured - mean_measured[:, None])[here]
    )[0, 1]

    assert np.corrcoef(mean_seen, mean_measured)[0, 1] == pytest.approx(0.70, abs=0.05)
    assert within == pytest.approx(0.45, abs=0.05)


def equations_of(
    peptide: PeptideParameters, *, lesion_ml: npt.NDArray[np.float64], total_ml: float
) -> tuple[npt.NDArray[np.float64], ...]:
    """Rates and capacities of the published model, written out again from the paper's words."""
    spleen, kidneys, receptor_organs, rest = peptide.organ_uptake_per_h
    followed = lesion_ml.sum()
    tumor = peptide.tumor_uptake_per_h * (followed / 80.0) ** peptide.tumor_volume_exponent
    uptake = np.array(
        [
            spleen * math.exp(-0.4 * total_ml / 1000),
            kidneys,
            receptor_organs,
            rest,
            *(tumor * lesion_ml / followed),
        ]
    )
    b_spleen, b_kidneys, b_receptor = peptide.organ_capacity_nmol_l
    capacity = np.array(
        [
            b_spleen * 0.21,
            b_kidneys * 0.3,
            b_receptor * 4.0,
            np.inf,
            *(peptide.tumor_capacity_nmol_l * lesion_ml / 1000),
        ]
    )
    loss = np.array(
        list(peptide.organ_degradation_per_h) + [peptide.tumor_degradation_per_h] * lesion_ml.size
    )
    return uptake, capacity, loss


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("nuclide", "lesions"), [(LU177, (80.0,)), (LU177, (0.05, 3.0, 160.0)), (GA68, (0.5, 12.0))]
)
def test_agrees_with_an_implicit_solver(
    role: Role, nuclide: Nuclide, lesions: tuple[float, ...]
) -> None:
    peptide = HA_DOTATATE.of(role)
    lesion_ml = np.array(lesions)
    uptake, capacity, loss = equations_of(
        peptide, lesion_ml=lesion_ml, total_ml=float(lesion_ml.sum()) + 203.0
    )
    injected = PEPTIDE_UG / peptide.molar_mass_g_mol * 1000
    decay = decay_per_h(nuclide)
    tissues = uptake.size

    def slope(t: float, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        blood, amount = y[0], y[1 : 1 + tissues]
        flux = uptake * peptide.fraction_unbound * blood * (1 - amount / capacity)
        left = math.exp(-decay * t) * y[: 1 + tissues]
        here = [-peptide.elimination_per_h * blood - flux.sum()]
        return np.concatenate([here, flux - loss * amount, left])

    times = [0.25, 1.0, 24.0, 168.0]
    start = np.zeros(2 * tissues + 2)
    start[0] = injected
    end = 40 / decay  # all but e^-40 of the nuclide
    options: dict[str, Any] = {"method": "LSODA", "rtol": 1e-10, "atol": 1e-12}
    near = solve_ivp(slope, (0, 168.0), start, t_eval=times, **options).y
    far = solve_ivp(slope, (0, end), start, **options).y[:, -1]

    result = given_to(a_patient(lesion_ml=lesions), role=role, nuclide=nuclide, time_h=times)

    amounts = np.concatenate([result.organ_fraction[0], result.lesion_fraction[0]], axis=1)
    np.testing.assert_allclose(amounts.T, near[1 : 1 + tissues] / injected, rtol=1e-6)
    np.testing.assert_allclose(result.blood_fraction[0], near[0] / injected, rtol=1e-6, atol=2e-10)
    coefficients = np.concatenate(
        [result.blood_coefficient_h, result.organ_coefficient_h[0], result.lesion_coefficient_h[0]]
    )
    np.testing.assert_allclose(coefficients, far[1 + tissues :] / injected, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    lesions=st.lists(st.floats(0.1, 500.0), min_size=1, max_size=4),
    other=st.floats(0.0, 2000.0),
    receptors=st.floats(0.1, 20.0) | st.just(0.0),
    peptide_ug=st.floats(0.1, 1000.0),
    role=st.sampled_from(list(Role)),
)
def test_nothing_is_gained_or_lost(
    lesions: list[float], other: float, receptors: float, peptide_ug: float, role: Role
) -> None:
    patient = a_patient(lesion_ml=lesions, other_ml=other, receptors=receptors)

    result = given_to(patient, role=role, peptide_ug=peptide_ug)

    everywhere = (
        result.blood_fraction
        + result.excreted_fraction
        + result.degraded_fraction
        + result.organ_fraction.sum(axis=2)
        + result.lesion_fraction.sum(axis=2)
    )
    np.testing.assert_allclose(everywhere, 1.0, atol=1e-9)
    for part in (result.organ_fraction, result.lesion_fraction, result.excreted_fraction):
        assert part.min() > -1e-9


@settings(max_examples=30, deadline=None)
@given(volume=st.floats(1.0, 400.0), factor=st.floats(1.1, 10.0), role=st.sampled_from(list(Role)))
def test_more_tumor_lowers_the_uptake_of_every_organ(
    volume: float, factor: float, role: Role
) -> None:
    small = given_to(a_patient(lesion_ml=(volume,)), role=role)
    large = given_to(a_patient(lesion_ml=(volume * factor,)), role=role)

    assert (large.organ_coefficient_h < small.organ_coefficient_h).all()


def test_tumor_that_is_not_followed_lowers_the_spleen_alone() -> None:
    """exp(-0.4 V) with V in liters acts on the spleen's rate: so the paper has it."""
    small, large = (given_to(a_patient(other_ml=other)) for other in (0.0, 1000.0))

    assert large.organ_coefficient_h[0, 0] < 0.8 * small.organ_coefficient_h[0, 0]
    # The peptide that the spleen leaves goes to the others.
    assert (large.organ_coefficient_h[0, 1:] > small.organ_coefficient_h[0, 1:]).all()


@settings(max_examples=30, deadline=None)
@given(peptide_ug=st.floats(1.0, 500.0), factor=st.floats(1.1, 10.0))
def test_the_more_peptide_the_less_of_it_receptors_catch(peptide_ug: float, factor: float) -> None:
    little = given_to(a_patient(), peptide_ug=peptide_ug)
    much = given_to(a_patient(), peptide_ug=peptide_ug * factor)

    # What receptors leave is excreted or goes to the rest.
    assert (much.excreted_fraction[:, -1] > little.excreted_fraction[:, -1]).all()
    assert much.organ_coefficient_h[0, 3] > little.organ_coefficient_h[0, 3]


def test_at_therapeutic_amounts_every_receptor_tissue_loses_by_more_peptide() -> None:
    little, much = (given_to(a_patient(), peptide_ug=ug) for ug in (151.0, 302.0))

    assert (much.organ_coefficient_h[0, :3] < little.organ_coefficient_h[0, :3]).all()
    assert much.lesion_coefficient_h[0, 0] < little.lesion_coefficient_h[0, 0]


def test_at_tracer_amounts_a_little_more_peptide_helps_tumor_and_kidneys() -> None:
    """The receptor organs fill first, and leave more for the others."""
    tracer, more = (given_to(a_patient(), peptide_ug=ug) for ug in (1.0, 20.0))

    assert more.organ_coefficient_h[0, 2] < tracer.organ_coefficient_h[0, 2]
    assert more.lesion_coefficient_h[0, 0] > tracer.lesion_coefficient_h[0, 0]
    assert more.organ_coefficient_h[0, 1] > tracer.organ_coefficient_h[0, 1]


def test_receptors_never_hold_more_than_they_can() -> None:
    result = given_to(a_patient(), peptide_ug=1e5, time_h=np.linspace(0.0, 48.0, 97))

    injected_nmol = 1e5 / 1628.5 * 1000
    assert result.lesion_fraction.max() * injected_nmol <= 30.0 * 0.080 * (1 + 1e-7)
    assert result.lesion_fraction.max() * injected_nmol > 0.99 * 30.0 * 0.080


def test_without_receptors_blood_empties_by_one_exponential() -> None:
    """By hand: elimination 0.575/h and rest 0.57 x 1.0/h; activity too, with its decay."""
    times = np.array([0.0, 0.5, 2.0, 8.0])
    result = given_to(a_patient(receptors=0.0), time_h=times)

    leaves, decay = 0.575 + 0.57 * 1.0, math.log(2) / (LU177.half_life_s / 3600)
    np.testing.assert_allclose(result.blood_fraction[0], np.exp(-leaves * times), rtol=1e-6)
    np.testing.assert_allclose(result.blood_coefficient_h, 1 / (leaves + decay), rtol=1e-7)
    np.testing.assert_allclose(
        result.excreted_fraction[0], 0.575 / leaves * (1 - np.exp(-leaves * times)), atol=1e-8
    )
    # Bateman: in by 0.57/h from blood, out by 0.01/h.
    rest = 0.57 / (leaves - 0.01) * (np.exp(-0.01 * times) - np.exp(-leaves * times))
    np.testing.assert_allclose(result.organ_fraction[0, :, 3], rest, rtol=1e-6, atol=1e-12)
    assert (result.organ_coefficient_h[0, :3] == 0).all()
    assert (result.lesion_coefficient_h == 0).all()


def test_equal_lesions_share_what_one_tumor_of_their_volume_takes() -> None:
    one = given_to(a_patient(lesion_ml=(80.0,)))
    many = given_to(a_patient(lesion_ml=(50.0, 20.0, 10.0, np.nan)))

    np.testing.assert_allclose(
        many.lesion_coefficient_h[0, :3],
        one.lesion_coefficient_h[0, 0] * np.array([50, 20, 10]) / 80,
        rtol=1e-6,
    )
    assert np.isnan(many.lesion_coefficient_h[0, 3])
    np.testing.assert_allclose(many.organ_coefficient_h, one.organ_coefficient_h, rtol=1e-6)


def test_activity_decays_and_suv_does_not() -> None:
    """By hand: after one half-life half of the activity is left; SUV compares equal instants."""
    hours = GA68.half_life_s / 3600
    result = given_to(
        a_patient(), role=Role.DIAGNOSTIC, nuclide=GA68, activity_bq=100e6, time_h=[hours]
    )

    activity = result.organ_activity_bq[0, 0, 1]
    assert activity == pytest.approx(result.organ_fraction[0, 0, 1] * 50e6)
    assert result.organ_suv[0, 0, 1] == pytest.approx(activity / 300.0 / (50e6 / 75_000))
    blood = result.blood_fraction[0, 0] * 50e6 / 4000.0
    assert result.blood_concentration_bq_ml[0, 0] == pytest.approx(blood)
    lesion = result.lesion_activity_bq[0, 0, 0]
    assert result.lesion_suv[0, 0, 0] == pytest.approx(lesion / 80.0 / (50e6 / 75_000))


def test_dose_is_coefficient_times_s_value() -> None:
    """By hand: 1 h, 1 g, 1 MeV: 3600 s x 1.602e-13 J / 1e-3 kg = 5.768e-7 Gy/Bq."""
    result = replace(
        given_to(a_patient(lesion_ml=(1 / 1.04,))), lesion_coefficient_h=np.array([[1.0]])
    )

    dose = result.lesion_dose_gy_per_gbq(local_s_value(electron_mev=1.0))

    np.testing.assert_allclose(dose, [[576.78]], rtol=1e-4)


def test_patients_do_not_depend_on_their_batch() -> None:
    whole = virtual_patients(20, parameters=DOTATATE_DOTATOC, seed=9)
    later = virtual_patients(5, parameters=DOTATATE_DOTATOC, seed=9, first_patient=15)

    np.testing.assert_array_equal(later.lesion_volume_ml, whole.lesion_volume_ml[15:])
    np.testing.assert_array_equal(later.organ_volume_l, whole.organ_volume_l[15:])
    np.testing.assert_array_equal(
        given_to(later).lesion_coefficient_h, given_to(whole).lesion_coefficient_h[15:]
    )


def test_lesions_and_factors_are_distributed_as_declared() -> None:
    population = DOTATATE_DOTATOC.population
    patients = virtual_patients(20_000, parameters=DOTATATE_DOTATOC, seed=4)

    counts = (~np.isnan(patients.lesion_volume_ml)).sum(axis=1)
    assert counts.min() == 1
    assert counts.mean() == pytest.approx(population.lesions_mean, rel=0.02)
    followed = np.nansum(patients.lesion_volume_ml, axis=1)
    assert np.median(followed) == pytest.approx(population.followed_volume_ml, rel=0.03)
    factor = patients.organ_receptor_factor[Role.THERAPY][:, 1]
    assert np.median(factor) == pytest.approx(1.0, rel=0.02)
    assert np.std(np.log(factor)) == pytest.approx(math.sqrt(math.log(1 + 0.35**2)), rel=0.02)


def test_measurement_error_has_mean_one_and_its_coefficient_of_variation() -> None:
    seen = with_measurement_error(np.full((40_000, 1), 2.0), cv=0.39, seed=1)

    assert seen.mean() == pytest.approx(2.0, rel=0.01)
    assert seen.std() / seen.mean() == pytest.approx(0.39, rel=0.03)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"peptide_ug": 0.0}, "peptide amount > 0, got 0.0 ug"),
        ({"activity_bq": -1.0}, "activity > 0, got -1.0 Bq"),
        ({"activity_bq": math.nan}, "activity > 0"),
        ({"time_h": [-1.0]}, "ascending"),
        ({"time_h": [2.0, 1.0]}, "ascending"),
    ],
)
def test_refuses_what_was_not_injected(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(DataError, match=match):
        given_to(a_patient(), **changes)


def test_refuses_receptors_that_are_too_few_to_follow() -> None:
    with pytest.raises(UnsupportedError, match="receptor factor to 0"):
        given_to(a_patient(receptors=1e-6))


def test_refuses_a_lesion_without_volume() -> None:
    with pytest.raises(DataError, match="lesion volume"):
        a_patient(lesion_ml=(0.0,))
