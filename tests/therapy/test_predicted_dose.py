import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.predicted_dose import Cohort, cohort, score, vague_prior
from operandi.domain.identity import Pseudonym
from operandi.domain.measurement import Subject, SubjectType
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.kinds import PREDICTED_DOSE_PER_ACTIVITY
from operandi.therapy.kinetic_parameters import DOTATATE_DOTATOC
from operandi.therapy.pet_baseline import (
    DosePrediction,
    PetBaseline,
    PetSite,
    Site,
    SpectDose,
    TrainingPatient,
    TumorGrade,
)
from operandi.therapy.predicted_dose import (
    DoseModel,
    DosePrior,
    fit_dose_model,
    model_of,
    predicted_measurement,
    terms_of,
)
from operandi.therapy.predicted_dose_prior import default_prior, virtual_prior
from operandi.therapy.suv_linear import fit_suv_linear


def a_lesion(name: str = "L1", *, suv: float = 20.0, volume_ml: float = 12.0) -> PetSite:
    return PetSite(name=name, suv_mean=suv, volume_ml=volume_ml)


def a_baseline(
    *lesions: PetSite,
    tracer: str = "68Ga-DOTATOC",
    tumor_volume_ml: float | None = 250.0,
    body_mass_kg: float = 75.0,
    grade: TumorGrade = TumorGrade.G1,
) -> PetBaseline:
    return PetBaseline(
        patient="P-001",
        tracer=tracer,
        body_mass_kg=body_mass_kg,
        tumor_volume_ml=tumor_volume_ml,
        grade=grade,
        sites=lesions or (a_lesion(),),
    )


def a_dose(name: str = "L1", *, gy_per_gbq: float = 3.0, relative: float = 0.2) -> SpectDose:
    return SpectDose(name=name, dose_gy_per_gbq=gy_per_gbq, relative_uncertainty=relative)


def width(predicted: DosePrediction) -> float:
    return math.log(predicted.high_gy_per_gbq / predicted.low_gy_per_gbq)


def drawn_patients(
    count: int, *, patient_sd: float, lesion_sd: float, seed: int
) -> list[TrainingPatient]:
    """From the model itself: log D = 1 + 0.6 within + 0.8 between - mass, plus b and e."""
    random = np.random.default_rng(seed)
    patients = []
    for number in range(count):
        log_suv = random.normal(0.4 * random.standard_normal(), 0.5, size=4)
        mass = 0.2 * random.standard_normal()
        effect = patient_sd * random.standard_normal()
        mean = log_suv.mean()
        log_dose = 1.0 + 0.6 * (log_suv - mean) + 0.8 * mean - mass + effect
        log_dose = log_dose + lesion_sd * random.standard_normal(4)
        baseline = PetBaseline(
            patient=f"V-{number}",
            tracer="68Ga-DOTATATE",
            body_mass_kg=75.0 * math.exp(mass),
            tumor_volume_ml=250.0,
            grade=TumorGrade.G1,
            sites=tuple(
                a_lesion(f"L{j}", suv=20.0 * math.exp(log_suv[j]), volume_ml=20.0) for j in range(4)
            ),
        )
        doses = tuple(
            a_dose(f"L{j}", gy_per_gbq=math.exp(log_dose[j]), relative=0.0) for j in range(4)
        )
        patients.append(TrainingPatient(baseline=baseline, measured=doses))
    return patients


def test_the_fit_returns_what_the_patients_were_drawn_with() -> None:
    training = drawn_patients(300, patient_sd=0.3, lesion_sd=0.15, seed=3)
    model = fit_dose_model(training, prior=vague_prior(Site.LESION))

    for term, expected in (
        ("intercept", 1.0),
        ("log SUVmean over the patient's mean", 0.6),
        ("log SUVmean, patient's mean", 0.8),
        ("log body mass", -1.0),
    ):
        mean, sd = model.coefficients[term]
        # The volume of the segmented lesions is the same for all: it shares the intercept.
        assert abs(mean - expected) < max(4 * sd, 0.02), term
    assert math.sqrt(model.weight @ model.patient_variance) == pytest.approx(0.3, rel=0.12)
    assert math.sqrt(model.weight @ model.lesion_variance) == pytest.approx(0.15, rel=0.06)


def test_known_variances_give_the_closed_form_of_generalized_least_squares() -> None:
    """The grid at fixed tau and sigma must equal the textbook posterior, dense matrices and all."""
    training = drawn_patients(12, patient_sd=0.3, lesion_sd=0.2, seed=5)
    vague = vague_prior(Site.LESION)
    prior = replace(
        vague, log_patient_sd=(math.log(0.3), 1e-7), log_lesion_sd=(math.log(0.2), 1e-7)
    )
    model = fit_dose_model(training, prior=prior)

    rows, y, owner = [], [], []
    for number, patient in enumerate(training):
        log_suv = np.log([s.suv_mean / 20.0 for s in patient.baseline.sites])
        for j, dose in enumerate(patient.measured):
            mean = float(log_suv.mean())
            mass = math.log(patient.baseline.body_mass_kg / 75.0)
            rows.append([1.0, log_suv[j] - mean, mean, 0, 0, mass, log_suv[j] ** 2, 0, 0, 0])
            y.append(math.log(dose.dose_gy_per_gbq))
            owner.append(number)
    x, same = np.array(rows), np.equal.outer(owner, owner)
    v = 0.3**2 * same + 0.2**2 * np.eye(len(y))
    precision = np.linalg.inv(vague.covariance) + x.T @ np.linalg.inv(v) @ x
    expected = np.linalg.solve(precision, x.T @ np.linalg.inv(v) @ np.array(y))

    found = np.array([mean for mean, _ in model.coefficients.values()])
    # The volume of the segmented lesions, 80 mL, is the center of its covariate: 0 above.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    sds = np.array([sd for _, sd in model.coefficients.values()])
    np.testing.assert_allclose(sds, np.sqrt(np.diag(np.linalg.inv(precision))), rtol=1e-5)


def a_known_model(*, patient_sd: float, lesion_sd: float) -> DoseModel:
    """All coefficients known: the conditional of a bivariate normal can be done by hand."""
    prior = virtual_prior(Site.LESION)
    return model_of(
        replace(
            prior,
            covariance=1e-16 * np.eye(prior.mean.size),
            log_patient_sd=(math.log(patient_sd), 1e-7),
            log_lesion_sd=(math.log(lesion_sd), 1e-7),
        )
    )


def test_a_measured_lesion_moves_the_others_by_the_share_of_the_patient_effect() -> None:
    """By hand: shift of log dose tau^2 / (tau^2 + sigma^2 + u^2) times the surprise."""
    model = a_known_model(patient_sd=0.3, lesion_sd=0.2)
    baseline = a_baseline(a_lesion("L1"), a_lesion("L2"))
    before = model.predict(baseline)
    dose = a_dose("L1", gy_per_gbq=2.0 * before[0].median_gy_per_gbq, relative=0.1)
    after = model.predict(baseline, measured=(dose,))

    u2 = math.log1p(0.01)
    surprise = math.log(2.0) + 0.5 * u2
    share = 0.09 / (0.09 + 0.04 + u2)
    assert after[1].median_gy_per_gbq == pytest.approx(
        before[1].median_gy_per_gbq * math.exp(share * surprise), rel=1e-6
    )
    sd = width(after[1]) / (2 * 1.6448536)
    assert sd == pytest.approx(math.sqrt(0.13 - 0.09 * share), rel=1e-6)
    # The measured lesion itself is known nearly as well as it was measured.
    own = 0.13 / (0.13 + u2)
    assert after[0].median_gy_per_gbq == pytest.approx(
        before[0].median_gy_per_gbq * math.exp(own * surprise), rel=1e-6
    )
    assert "updated by 1 measured dose" in after[0].basis


def test_a_patient_effect_that_does_not_exist_moves_nothing() -> None:
    model = a_known_model(patient_sd=1e-6, lesion_sd=0.2)
    baseline = a_baseline(a_lesion("L1"), a_lesion("L2"))
    before = model.predict(baseline)[1].median_gy_per_gbq

    after = model.predict(baseline, measured=(a_dose("L1", gy_per_gbq=9.0),))[1]
    assert after.median_gy_per_gbq == pytest.approx(before, rel=1e-6)


@pytest.fixture(scope="module")
def virtual() -> tuple[Cohort, Cohort]:
    return (
        cohort(200, parameters=DOTATATE_DOTATOC, seed=41),
        cohort(250, parameters=DOTATATE_DOTATOC, seed=42),
    )


@pytest.mark.slow
def test_virtual_patients_error_below_suv_linear_and_coverage_as_stated(
    virtual: tuple[Cohort, Cohort],
) -> None:
    """Target 20 % below SUV-linear, coverage 86-94 %.

    Five seeds of 500 and 300 patients gave 21.4 % from PET alone and 26.6 % once the patient's
    other lesions were measured (decision 0025); here there are 200 and the shipped prior.
    """
    training, test = virtual
    prior = replace(virtual_prior(Site.LESION), source="frozen")
    model = fit_dose_model(training.patients, prior=prior)
    found = score(model, training, test)

    assert found.model < 0.80 * found.linear
    assert found.updated < 0.75 * found.linear_updated_on
    assert 0.86 < found.coverage < 0.94
    assert 0.86 < found.updated_coverage < 0.94
    # The virtual world is about as hard as the published one: 1.77 Gy/GBq in 54 patients.
    assert 1.2 < found.linear_rmse_measured < 2.2


@pytest.mark.slow
def test_the_prior_alone_covers_patients_it_never_saw(virtual: tuple[Cohort, Cohort]) -> None:
    training, test = virtual
    found = score(model_of(virtual_prior(Site.LESION)), training, test)

    assert 0.86 < found.coverage < 0.94
    assert found.model < 0.86 * found.linear


@pytest.mark.slow
@pytest.mark.parametrize("site", list(Site))
def test_the_shipped_table_is_what_the_script_fits_to_other_virtual_patients(site: Site) -> None:
    """Another 200 patients must agree with the frozen 1000 within their own uncertainty."""
    patients = cohort(200, parameters=DOTATATE_DOTATOC, seed=43, site=site).patients
    refitted = fit_dose_model(patients, prior=vague_prior(site)).coefficients
    shipped = model_of(virtual_prior(site)).coefficients

    for term, (mean, sd) in shipped.items():
        other, other_sd = refitted[term]
        assert abs(mean - other) < 4 * math.hypot(sd, other_sd), term


def test_people_get_wider_intervals_than_virtual_patients() -> None:
    sharp = model_of(virtual_prior(Site.LESION)).predict(a_baseline())[0]
    doubted = model_of(default_prior(Site.LESION)).predict(a_baseline())[0]

    assert width(doubted) > 1.3 * width(sharp)
    assert "widened for people" in doubted.basis
    # 26.9 Gy a cycle for 7.4 GBq at SUVmean 24 (Cancers 15:1134, 2023).
    published = model_of(default_prior(Site.LESION)).predict(a_baseline(a_lesion(suv=24.0)))[0]
    assert published.holds(dose_gy_per_gbq=26.9 / 7.4)


@pytest.mark.parametrize(("site", "published"), [(Site.KIDNEYS, 0.46), (Site.SPLEEN, 0.6)])
def test_organs_have_intervals_too(site: Site, published: float) -> None:
    organ = PetSite(name=site.value, suv_mean=14.0, volume_ml=300.0)
    predicted = model_of(default_prior(site)).predict(a_baseline(organ))[0]

    assert predicted.holds(dose_gy_per_gbq=published)
    assert predicted.low_gy_per_gbq > 0


@given(st.floats(1.01, 20.0), st.floats(0.05, 0.6))
@settings(max_examples=20, deadline=None)
def test_more_uptake_is_more_dose_and_the_interval_holds_the_median(
    factor: float, relative: float
) -> None:
    model = model_of(default_prior(Site.LESION))
    low = model.predict(a_baseline(a_lesion(suv=5.0)))[0]
    high = model.predict(a_baseline(a_lesion(suv=5.0 * factor)))[0]

    assert high.median_gy_per_gbq > low.median_gy_per_gbq
    assert low.low_gy_per_gbq < low.median_gy_per_gbq < low.high_gy_per_gbq
    measured = (a_dose(relative=relative),)
    after = model.predict(a_baseline(a_lesion(suv=5.0)), measured=measured)[0]
    assert width(after) < width(low)


def test_the_order_of_lesions_does_not_matter() -> None:
    model = model_of(default_prior(Site.LESION))
    lesions = [a_lesion(f"L{j}", suv=5.0 + 9 * j) for j in range(4)]
    dose = (a_dose("L2"),)
    forward = model.predict(a_baseline(*lesions), measured=dose)
    backward = model.predict(a_baseline(*reversed(lesions)), measured=dose)

    for one, other in zip(forward, reversed(backward), strict=True):
        assert one.name == other.name
        assert one.median_gy_per_gbq == pytest.approx(other.median_gy_per_gbq, rel=1e-12)


def test_a_higher_probability_is_a_wider_interval() -> None:
    model = model_of(default_prior(Site.LESION))

    assert width(model.predict(a_baseline(), probability=0.95)[0]) > width(
        model.predict(a_baseline(), probability=0.80)[0]
    )


def test_there_is_no_bare_number() -> None:
    predicted = model_of(default_prior(Site.LESION)).predict(a_baseline())[0]

    with pytest.raises(TypeError):
        float(predicted)  # type: ignore[arg-type]
    assert re.fullmatch(r"L1: \d\.\d\d Gy/GBq \(90%: \d\.\d\d to \d\.\d\d\)", str(predicted))


def test_a_prediction_enters_the_table_as_predicted_with_its_interval() -> None:
    predicted = model_of(default_prior(Site.LESION)).predict(a_baseline())[0]
    row = predicted_measurement(
        predicted,
        subject=Subject(participant=Pseudonym("P-001"), type=SubjectType.LESION, name="L1"),
        inputs=(),
    )

    assert row.value == predicted.median_gy_per_gbq
    assert row.uncertainty.standard == predicted.standard_deviation_gy_per_gbq
    assert row.uncertainty.basis.startswith("predicted from PET, not measured; 90% interval")
    assert row.kind is PREDICTED_DOSE_PER_ACTIVITY


def test_leaving_the_training_range_is_said() -> None:
    model = model_of(virtual_prior(Site.LESION))
    inside = model.predict(a_baseline())[0]
    outside = model.predict(a_baseline(a_lesion(suv=300.0), tumor_volume_ml=6000.0))[0]

    assert inside.flags == ()
    assert "SUVmean 300 lies outside the training data, 1.94 to 232" in outside.flags
    assert any("SSTR tumor volume" in flag for flag in outside.flags)


def test_an_unknown_grade_is_said() -> None:
    model = model_of(virtual_prior(Site.LESION))
    unknown = model.predict(a_baseline(grade=TumorGrade.UNKNOWN))[0]

    assert any("grade unknown" in flag for flag in unknown.flags)
    assert width(unknown) > width(model.predict(a_baseline())[0])


def test_one_fit_gives_the_same_numbers_twice() -> None:
    training = drawn_patients(20, patient_sd=0.3, lesion_sd=0.2, seed=9)
    first, second = (
        fit_dose_model(training, prior=default_prior(Site.LESION)).predict(a_baseline())
        for _ in range(2)
    )

    assert first == second


def test_the_line_is_least_squares_with_its_t_interval() -> None:
    """By hand: SUV 10, 20, 30 with 1, 3, 2 Gy/GBq: slope 0.05, intercept 1, residual sd 1.2247."""
    patients = [
        TrainingPatient(
            baseline=a_baseline(*(a_lesion(f"L{s}", suv=float(s)) for s in (10, 20, 30))),
            measured=tuple(
                a_dose(f"L{s}", gy_per_gbq=d) for s, d in ((10, 1.0), (20, 3.0), (30, 2.0))
            ),
        )
    ]
    line = fit_suv_linear(patients)
    predicted = line.predict(a_baseline(a_lesion(suv=20.0)))[0]

    assert (line.slope, line.intercept_gy_per_gbq) == pytest.approx((0.05, 1.0))
    assert predicted.median_gy_per_gbq == pytest.approx(2.0)
    # t(0.95, 1) = 6.3138; sd sqrt(1.5) sqrt(1 + 1/3).
    assert predicted.high_gy_per_gbq == pytest.approx(2.0 + 6.3138 * math.sqrt(2.0), rel=1e-4)
    assert predicted.low_gy_per_gbq == 0.0
    assert line.predict(a_baseline(a_lesion(suv=40.0)))[0].flags


@pytest.mark.parametrize("suv", [0.0, -1.0, math.nan])
def test_refuses_a_lesion_without_uptake(suv: float) -> None:
    with pytest.raises(DataError, match="SUVmean must be > 0"):
        a_lesion(suv=suv)


@pytest.mark.parametrize("volume", [None, 0.0, math.nan])
def test_refuses_a_missing_tumor_volume(volume: float | None) -> None:
    with pytest.raises(DataError, match="SSTR tumor volume of the whole body was needed"):
        a_baseline(tumor_volume_ml=volume)


@pytest.mark.parametrize("tracer", ["64Cu-DOTATATE", "111In-pentetreotide", "18F-FDG"])
def test_refuses_other_tracers(tracer: str) -> None:
    with pytest.raises(UnsupportedError, match=f"not from {tracer}"):
        a_baseline(tracer=tracer)


def test_refuses_a_body_mass_of_zero_and_lesions_of_one_name() -> None:
    with pytest.raises(DataError, match="body mass at the PET"):
        a_baseline(body_mass_kg=0.0)
    with pytest.raises(DataError, match="names of their own"):
        a_baseline(a_lesion(), a_lesion())


def test_refuses_a_dose_without_its_lesion_its_uncertainty_or_twice() -> None:
    model = model_of(default_prior(Site.LESION))
    with pytest.raises(DataError, match="a dose of L7, which the PET does not have"):
        model.predict(a_baseline(), measured=(a_dose("L7"),))
    with pytest.raises(DataError, match="two doses of one lesion"):
        model.predict(a_baseline(), measured=(a_dose(), a_dose()))
    with pytest.raises(DataError, match="relative standard uncertainty"):
        a_dose(relative=math.nan)
    with pytest.raises(DataError, match="measured dose > 0"):
        a_dose(gy_per_gbq=0.0)


def test_refuses_two_kidneys_as_one_organ_and_a_prior_without_source() -> None:
    with pytest.raises(DataError, match="takes one site"):
        model_of(default_prior(Site.KIDNEYS)).predict(a_baseline(a_lesion("l"), a_lesion("r")))
    with pytest.raises(DataError, match="provenance"):
        replace(default_prior(Site.LESION), source=" ")
    with pytest.raises(ValueError, match="10 terms"):
        DosePrior(
            site=Site.LESION,
            mean=np.zeros(2),
            covariance=np.eye(2),
            log_patient_sd=(0.0, 1.0),
            log_lesion_sd=(0.0, 1.0),
            ranges={},
            source="x",
        )


def test_refuses_a_line_through_too_few_lesions() -> None:
    with pytest.raises(DataError, match="at least three lesions"):
        fit_suv_linear([TrainingPatient(baseline=a_baseline(), measured=(a_dose(),))])


def test_every_site_has_its_own_terms() -> None:
    assert len(terms_of(Site.LESION)) == 10
    assert len(terms_of(Site.KIDNEYS)) == 5
