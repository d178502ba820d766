"""Doses predicted from PET on virtual patients: against SUV-linear, and against what is possible.

Run from the checkout: ``python -m benchmarks.predicted_dose`` (minutes), or with ``--freeze`` to
print the table in ``src/operandi/therapy/predicted_dose_prior.py``.

Virtual patients come from ``kinetics.py``; PET and SPECT see them with the published errors. The
error is of the median against the *true* dose of patients held out. The oracle knows the whole
state of the patient at the PET, without noise, and the kinetics; it does not know how receptors
differ between PET and therapy. Nobody with a PET can be better.
"""

import sys
import time
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from operandi.quantities.nuclides import GA68, LU177
from operandi.therapy.kinetic_parameters import (
    DOTATATE_DOTATOC,
    MEASUREMENT_ERROR,
    KineticParameters,
    Role,
)
from operandi.therapy.kinetics import (
    KineticsResult,
    VirtualPatients,
    local_s_value,
    simulate,
    virtual_patients,
    with_measurement_error,
)
from operandi.therapy.pet_baseline import (
    PetBaseline,
    PetSite,
    Site,
    SpectDose,
    TrainingPatient,
    TumorGrade,
)
from operandi.therapy.predicted_dose import DoseModel, DosePrior, fit_dose_model, terms_of
from operandi.therapy.predicted_dose_prior import virtual_prior
from operandi.therapy.suv_linear import fit_suv_linear

Floats = npt.NDArray[np.float64]

# As the example of kinetics.py: tracer and therapeutic peptide, PET at 1 h.
PET_PEPTIDE_UG, PET_ACTIVITY_BQ, PET_TIME_H = 20.0, 150e6, 1.0
THERAPY_PEPTIDE_UG, THERAPY_ACTIVITY_BQ = 151.0, 7.4e9
ELECTRON_MEV = 0.1479  # 177Lu, ICRP 107
FREEZE_PATIENTS, FREEZE_SEED = 1000, 20
ORGAN_COLUMN = {Site.SPLEEN: 0, Site.KIDNEYS: 1}


@dataclass(frozen=True, slots=True)
class Cohort:
    """Virtual patients as a clinic sees them, and the truth beside them."""

    patients: tuple[TrainingPatient, ...]
    truth: tuple[dict[str, float], ...]


def given_therapy(patients: VirtualPatients) -> KineticsResult:
    """Give the therapeutic peptide."""
    return simulate(
        patients,
        role=Role.THERAPY,
        nuclide=LU177,
        peptide_ug=THERAPY_PEPTIDE_UG,
        activity_bq=THERAPY_ACTIVITY_BQ,
    )


def cohort(n: int, *, parameters: KineticParameters, seed: int, site: Site = Site.LESION) -> Cohort:
    """Draw patients, image them, treat them, and measure their doses."""
    virtual = virtual_patients(n, parameters=parameters, seed=seed)
    pet = simulate(
        virtual,
        role=Role.DIAGNOSTIC,
        nuclide=GA68,
        peptide_ug=PET_PEPTIDE_UG,
        activity_bq=PET_ACTIVITY_BQ,
        time_h=[PET_TIME_H],
    )
    therapy = given_therapy(virtual)
    s_value = local_s_value(electron_mev=ELECTRON_MEV)
    if site is Site.LESION:
        suv, dose = pet.lesion_suv[:, 0], therapy.lesion_dose_gy_per_gbq(s_value)
        volume = virtual.lesion_volume_ml
        seen, error = (
            MEASUREMENT_ERROR[Role.DIAGNOSTIC].tumor,
            MEASUREMENT_ERROR[Role.THERAPY].tumor,
        )
    else:
        column = slice(ORGAN_COLUMN[site], ORGAN_COLUMN[site] + 1)
        suv = pet.organ_suv[:, 0, column]
        dose = therapy.organ_dose_gy_per_gbq(s_value)[:, column]
        volume = 1000.0 * virtual.organ_volume_l[:, column]
        seen, error = (
            MEASUREMENT_ERROR[Role.DIAGNOSTIC].organ,
            MEASUREMENT_ERROR[Role.THERAPY].organ,
        )
    suv = with_measurement_error(suv, cv=seen, seed=seed + 1_000_003)
    measured = with_measurement_error(dose, cv=error, seed=seed + 2_000_003)
    patients, truth = [], []
    for i in range(n):
        present = np.flatnonzero(~np.isnan(dose[i]))
        baseline = PetBaseline(
            patient=f"V-{seed}-{i}",
            tracer="68Ga-DOTATOC",
            body_mass_kg=float(virtual.body_mass_kg[i]),
            tumor_volume_ml=float(virtual.tumor_volume_ml[i]),
            grade=TumorGrade.G1,
            sites=tuple(
                PetSite(name=f"L{j}", suv_mean=float(suv[i, j]), volume_ml=float(volume[i, j]))
                for j in present
            ),
        )
        doses = tuple(
            SpectDose(
                name=f"L{j}",
                dose_gy_per_gbq=float(measured[i, j]),
                relative_uncertainty=error,
            )
            for j in present
        )
        patients.append(TrainingPatient(baseline=baseline, measured=doses))
        truth.append({f"L{j}": float(dose[i, j]) for j in present})
    return Cohort(tuple(patients), tuple(truth))


def vague_prior(site: Site) -> DosePrior:
    """A prior that leaves all to the virtual patients, except grade: their kinetics know none."""
    sd = np.ones(len(terms_of(site)))
    sd[0] = 2.0
    if site is Site.LESION:
        sd[-2:] = 0.2, 0.4
    return DosePrior(
        site=site,
        mean=np.zeros(sd.size),
        covariance=np.diag(sd**2),
        log_patient_sd=(np.log(0.25), 0.7),
        log_lesion_sd=(np.log(0.25), 0.7),
        ranges={},
        source="vague",
    )


@dataclass(frozen=True, slots=True)
class Score:
    """Errors on held-out lesions, Gy/GBq, and how often intervals hold the true dose."""

    linear: float
    model: float
    updated: float
    linear_updated_on: float
    linear_coverage: float
    coverage: float
    updated_coverage: float
    linear_rmse_measured: float


def score(model: DoseModel, training: Cohort, test: Cohort) -> Score:
    """Hold predictions against the truth, before and after the other lesions were measured."""
    line = fit_suv_linear(training.patients)
    rows, updates, measured_errors = [], [], []
    for patient, truth in zip(test.patients, test.truth, strict=True):
        straight = line.predict(patient.baseline)
        plain = model.predict(patient.baseline)
        for dose, one, other in zip(patient.measured, straight, plain, strict=True):
            true = truth[dose.name]
            rows.append(
                (
                    abs(one.median_gy_per_gbq - true),
                    abs(other.median_gy_per_gbq - true),
                    one.holds(dose_gy_per_gbq=true),
                    other.holds(dose_gy_per_gbq=true),
                )
            )
            measured_errors.append(one.median_gy_per_gbq - dose.dose_gy_per_gbq)
            others = tuple(d for d in patient.measured if d.name != dose.name)
            if others:
                known = {p.name: p for p in model.predict(patient.baseline, measured=others)}[
                    dose.name
                ]
                updates.append(
                    (
                        abs(known.median_gy_per_gbq - true),
                        abs(one.median_gy_per_gbq - true),
                        known.holds(dose_gy_per_gbq=true),
                    )
                )
    linear, mine, line_holds, holds = np.mean(np.array(rows, dtype=np.float64), axis=0)
    updated, paired, updated_holds = (
        np.mean(np.array(updates, dtype=np.float64), axis=0) if updates else (np.nan,) * 3
    )
    return Score(
        linear=float(linear),
        model=float(mine),
        updated=float(updated),
        linear_updated_on=float(paired),
        linear_coverage=float(line_holds),
        coverage=float(holds),
        updated_coverage=float(updated_holds),
        linear_rmse_measured=float(np.sqrt(np.mean(np.square(measured_errors)))),
    )


def oracle_error(n: int, *, parameters: KineticParameters, seed: int, draws: int = 32) -> float:
    """Mean absolute error of the best possible prediction from a noiseless PET.

    The logarithm of receptors at therapy, given those at the PET, is normal around *r* times
    theirs; the median dose over its draws is what no predictor can beat on average.
    """
    patients = virtual_patients(n, parameters=parameters, seed=seed)
    population = parameters.population
    r = population.diagnostic_correlation
    left = np.sqrt(1.0 - r * r)
    sds = {
        name: np.sqrt(np.log1p(cv * cv))
        for name, cv in (
            ("tumor", population.tumor_cv),
            ("organ", population.organ_cv),
            ("receptor organ", population.receptor_organ_cv),
        )
    }
    s_value = local_s_value(electron_mev=ELECTRON_MEV)
    true = given_therapy(patients).lesion_dose_gy_per_gbq(s_value)
    random = np.random.default_rng(seed + 77)
    organ_sd = np.array([sds["organ"], sds["organ"], sds["receptor organ"]])
    possible = []
    for _ in range(draws):
        shape = patients.lesion_volume_ml.shape
        tumor = sds["tumor"] * random.standard_normal((n, 1))
        tumor = tumor + population.lesion_receptor_log_sd * random.standard_normal(shape)
        lesion = patients.lesion_receptor_factor[Role.DIAGNOSTIC] ** r * np.exp(left * tumor)
        organ = patients.organ_receptor_factor[Role.DIAGNOSTIC] ** r
        organ = organ * np.exp(left * organ_sd * random.standard_normal((n, 3)))
        imagined = replace(
            patients,
            organ_receptor_factor={**patients.organ_receptor_factor, Role.THERAPY: organ},
            lesion_receptor_factor={**patients.lesion_receptor_factor, Role.THERAPY: lesion},
        )
        possible.append(given_therapy(imagined).lesion_dose_gy_per_gbq(s_value))
    return float(np.nanmean(np.abs(np.median(possible, axis=0) - true)))


def error_of_all_that_pet_shows(*, parameters: KineticParameters, train: int, test: int) -> float:
    """Mean absolute error of a regression that is given more than any clinic has.

    Trained on *true* doses of many patients by least absolute error, on everything a PET shows:
    the lesion, its patient's other lesions, volumes, burden, body mass and the organs, with all
    squares and products.
    """

    def seen(n: int, seed: int) -> tuple[Floats, Floats]:
        virtual = virtual_patients(n, parameters=parameters, seed=seed)
        pet = simulate(
            virtual, role=Role.DIAGNOSTIC, nuclide=GA68, peptide_ug=PET_PEPTIDE_UG,
            activity_bq=PET_ACTIVITY_BQ, time_h=[PET_TIME_H],
        )  # fmt: skip
        error = MEASUREMENT_ERROR[Role.DIAGNOSTIC]
        suv = np.log(with_measurement_error(pet.lesion_suv[:, 0], cv=error.tumor, seed=seed + 1))
        organs = with_measurement_error(pet.organ_suv[:, 0, :3], cv=error.organ, seed=seed + 2)
        dose = given_therapy(virtual).lesion_dose_gy_per_gbq(
            local_s_value(electron_mev=ELECTRON_MEV)
        )
        of_patient = np.log(np.column_stack([
            organs, virtual.body_mass_kg, virtual.tumor_volume_ml, virtual.organ_volume_l[:, :2],
            np.nansum(virtual.lesion_volume_ml, axis=1),
            np.nansum(np.exp(suv) * virtual.lesion_volume_ml, axis=1),
        ]))  # fmt: skip
        of_patient = np.column_stack([
            of_patient, np.nanmean(suv, axis=1), np.nanstd(suv, axis=1)
        ])  # fmt: skip
        present = ~np.isnan(dose)
        owner = np.nonzero(present)[0]
        columns = (suv[present], np.log(virtual.lesion_volume_ml[present]))
        terms = np.column_stack([*columns, of_patient[owner]]) - 3.0
        squares = [terms[:, i] * terms[:, j] for i in range(terms.shape[1]) for j in range(i + 1)]
        return np.column_stack([np.ones(owner.size), terms, *squares]), dose[present]

    x, dose = seen(train, 900)
    weight = np.ones(dose.size)
    for _ in range(8):
        root = np.sqrt(weight)
        beta = np.linalg.lstsq(root[:, None] * x, root * np.log(dose), rcond=None)[0]
        # Weights that turn squares of the logarithm into absolute Gy/GBq.
        weight = np.exp(x @ beta) / np.maximum(np.abs(np.log(dose) - x @ beta), 0.02)
    x, dose = seen(test, 500)
    return float(np.abs(np.exp(x @ beta) - dose).mean())


def compare(
    parameters: KineticParameters, *, train: int, test: int, seeds: range, prior: DosePrior
) -> list[Score]:
    """Print one line a seed and give the scores."""
    scores = []
    for seed in seeds:
        training = cohort(train, parameters=parameters, seed=seed)
        held_out = cohort(test, parameters=parameters, seed=seed + 500)
        begin = time.perf_counter()
        model = fit_dose_model(training.patients, prior=prior)
        fitted = time.perf_counter() - begin
        s = score(model, training, held_out)
        scores.append(s)
        print(
            f"  seed {seed:3}  SUV-linear {s.linear:.3f}  model {s.model:.3f} "
            f"({100 * (1 - s.model / s.linear):+.1f} % better)  other lesions measured "
            f"{s.updated:.3f} ({100 * (1 - s.updated / s.linear_updated_on):+.1f} %)  90 % holds "
            f"{100 * s.coverage:.1f}, {100 * s.updated_coverage:.1f}; linear "
            f"{100 * s.linear_coverage:.1f}  fit {fitted:.2f} s"
        )
    gains = [1 - s.model / s.linear for s in scores]
    updates = [1 - s.updated / s.linear_updated_on for s in scores]
    print(
        f"  mean: {100 * np.mean(gains):.1f} % below SUV-linear, "
        f"{100 * np.mean(updates):.1f} % with the other lesions measured, coverage "
        f"{100 * np.mean([s.coverage for s in scores]):.1f} and "
        f"{100 * np.mean([s.updated_coverage for s in scores]):.1f} %; SUV-linear RMSE against "
        f"measured doses {np.mean([s.linear_rmse_measured for s in scores]):.2f} Gy/GBq "
        "(published 1.77)"
    )
    return scores


def frozen(site: Site) -> DoseModel:
    """Fit the model whose coefficients are shipped."""
    patients = cohort(
        FREEZE_PATIENTS, parameters=DOTATATE_DOTATOC, seed=FREEZE_SEED, site=site
    ).patients
    return fit_dose_model(patients, prior=vague_prior(site))


def print_frozen() -> None:
    """Print the numbers of the shipped table."""
    for site in Site:
        model = frozen(site)
        print(f"{site}: patient sd, lesion sd")
        print([round(float(np.sqrt(model.weight @ v)), 4)
               for v in (model.patient_variance, model.lesion_variance)])  # fmt: skip
        for term, (mean, sd) in model.coefficients.items():
            print(f'    "{term}": ({mean:.4f}, {sd:.4f}),')
        for name, (low, high) in model.ranges.items():
            print(f'    "{name}": ({low:.3g}, {high:.3g}),')


def main() -> None:
    """Print all comparisons."""
    if "--freeze" in sys.argv:
        print_frozen()
        return
    population = DOTATATE_DOTATOC.population
    for title, correlation in (
        ("the set", population.diagnostic_correlation),
        ("receptors otherwise at therapy", 0.85),
        ("one expression for both", 1.0),
    ):
        print(f"{title}: receptors at PET and therapy correlate by {correlation}")
        parameters = replace(
            DOTATATE_DOTATOC, population=replace(population, diagnostic_correlation=correlation)
        )
        for train, prior in (
            (54, vague_prior(Site.LESION)),
            (54, virtual_prior(Site.LESION)),
            (500, vague_prior(Site.LESION)),
        ):
            print(f" {train} patients with PET and SPECT, 300 held out; prior {prior.source}")
            compare(parameters, train=train, test=300, seeds=range(5), prior=prior)
        bound = np.mean([
            oracle_error(300, parameters=parameters, seed=seed + 500) for seed in range(2)
        ])  # fmt: skip
        ideal = error_of_all_that_pet_shows(parameters=parameters, train=4000, test=1500)
        print(f"  all that PET shows, 4000 patients, true doses: {ideal:.3f} Gy/GBq")
        print(f"  oracle (noiseless PET, kinetics known): {bound:.3f} Gy/GBq")


if __name__ == "__main__":
    main()
