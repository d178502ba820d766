"""First-cycle doses and uptake as the kinetics give them, or by a log-normal fitted to these.

The logarithm of a dose is linear in the logarithms of what differs between virtual patients, all
of them normal or nearly, so that doses are log-normal. ``benchmarks/outcomes.py --fit`` makes the
table.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from operandi.quantities.nuclides import GA68, LU177
from operandi.simulation.streams import Stream, normals
from operandi.therapy.kinetic_parameters import Role
from operandi.therapy.kinetics import VirtualPatients, local_s_value, simulate

_Floats = npt.NDArray[np.float64]

ACTIVITY_BQ: Final = 7.4e9
"""Of a cycle: the label's, as in the study file."""
PEPTIDE_UG: Final = 151.0
"""Of a cycle, Siebinga 2023."""
PET_ACTIVITY_BQ: Final = 150e6
PET_PEPTIDE_UG: Final = 20.0
PET_HOUR: Final = 1.0
ELECTRON_MEV: Final = 0.1479
"""Electron energy per decay of 177Lu, ICRP 107."""
MARROW_OF_BLOOD: Final = 1.0
"""Concentration in red marrow over that in blood; marrow's share of the rest of the body and
photons are left out. Assumed 1, as for peptides that blood cells do not bind (recalled)."""
ORGANS: Final = ("spleen", "kidneys", "red marrow")

_JOULE_PER_MEV: Final = 1.602176634e-13


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Uptake:
    """What a patient takes up.

    Parameters
    ----------
    lesion_dose_gy : (n, lesions)
        Of the first cycle; NaN where a lesion is absent.
    organ_dose_gy : (n, 3)
        In the order of ``ORGANS``.
    suv : (n, lesions)
        Of lesions at one hour.
    """

    lesion_dose_gy: _Floats
    organ_dose_gy: _Floats
    suv: _Floats


def by_kinetics(patients: VirtualPatients) -> Uptake:
    """Follow tracer and therapy through the equations."""
    pet = simulate(
        patients,
        role=Role.DIAGNOSTIC,
        nuclide=GA68,
        peptide_ug=PET_PEPTIDE_UG,
        activity_bq=PET_ACTIVITY_BQ,
        time_h=[PET_HOUR],
    )
    therapy = simulate(
        patients,
        role=Role.THERAPY,
        nuclide=LU177,
        peptide_ug=PEPTIDE_UG,
        activity_bq=ACTIVITY_BQ,
    )
    s_value = local_s_value(electron_mev=ELECTRON_MEV)
    activity_gbq = ACTIVITY_BQ / 1e9
    organs = activity_gbq * therapy.organ_dose_gy_per_gbq(s_value)[:, :2]
    blood_ml = 1000.0 * patients.parameters.population.blood_volume_l
    decays = MARROW_OF_BLOOD * therapy.blood_coefficient_h * 3600.0 * ACTIVITY_BQ / blood_ml
    marrow = decays * ELECTRON_MEV * _JOULE_PER_MEV * 1000.0
    return Uptake(
        lesion_dose_gy=activity_gbq * therapy.lesion_dose_gy_per_gbq(s_value),
        organ_dose_gy=np.column_stack([organs, marrow]),
        suv=pet.lesion_suv[:, 0],
    )


@dataclass(frozen=True, slots=True)
class LogLinear:
    """``ln y = c_0 + c . x + c_r ln r + e``: *x* of ``predictors``, *r* a lesion's receptors.

    Parameters
    ----------
    coefficients : tuple of float
        *c_0*, then *c* in the order of ``predictors``.
    receptors : float
        *c_r*; 0 of an organ.
    residual_sd : float
        Of *e*, drawn independently.
    """

    coefficients: tuple[float, ...]
    receptors: float
    residual_sd: float


# benchmarks/outcomes.py --fit, 20 000 patients of the dose scenario.
SURROGATE: Final[dict[str, LogLinear]] = {
    "lesion dose": LogLinear(
        (
            2.9144,
            -0.0753,
            -0.1095,
            -0.0004,
            -0.0054,
            -0.0272,
            -0.0047,
            -0.0055,
            -0.0335,
            -0.0546,
            -0.0546,
            -0.0004,
            -0.0076,
        ),
        0.7705,
        0.1123,
    ),
    "suv": LogLinear(
        (
            3.1226,
            -0.0206,
            -0.0795,
            -0.0329,
            -0.0596,
            -0.2419,
            -0.0364,
            -0.07,
            -0.3792,
            0.3907,
            0.3907,
            0.0024,
            -0.0263,
        ),
        0.9076,
        0.0410,
    ),
    "spleen": LogLinear(
        (
            1.1418,
            -0.0313,
            -0.337,
            0.2913,
            -0.0173,
            -0.0836,
            -0.0146,
            -0.022,
            -0.0927,
            -0.1646,
            -0.1646,
            -0.0819,
            -0.0122,
        ),
        0.0,
        0.0773,
    ),
    "kidneys": LogLinear(
        (
            1.2652,
            -0.0052,
            -0.1395,
            -0.0013,
            0.706,
            -0.0347,
            -0.0062,
            -0.0088,
            -0.0351,
            -0.0681,
            -0.0681,
            0.0003,
            -0.0045,
        ),
        0.0,
        0.0409,
    ),
    "red marrow": LogLinear(
        (
            -2.1882,
            -0.019,
            -0.4727,
            -0.0055,
            -0.0243,
            -0.1136,
            -0.0174,
            -0.0335,
            -0.1184,
            -0.2389,
            -0.2389,
            0.0004,
            -0.0174,
        ),
        0.0,
        0.0273,
    ),
}
"""By what is predicted."""

LOG_DOSE: Final = (2.919, 0.375, 0.392)
"""Mean of the log dose, its spread between patients and within: of the same fit."""
LOG_SUV: Final = (3.149, 0.635, 0.496)
"""Mean and spread of the log SUV over all lesions, and the correlation of two lesions of one
patient: of the same fit."""

LOG_VOLUME: Final = (4.194, 0.788)
"""Mean and spread of the log volume of all followed lesions, mL: of the same fit."""


def predictors(patients: VirtualPatients, role: Role) -> _Floats:
    """What a patient's log dose is linear in, (n, 12)."""
    volume = np.nan_to_num(patients.lesion_volume_ml, nan=0.0)
    followed = volume.sum(axis=1)
    receptors = patients.lesion_receptor_factor[role]
    mean_receptors = (volume * receptors).sum(axis=1) / followed
    population = patients.parameters.population
    columns = [
        followed / population.followed_volume_ml,
        patients.elimination_factor,
        *patients.organ_receptor_factor[role].T,
        *(patients.organ_volume_l / np.array(population.organ_volume_l)).T,
        patients.body_mass_kg / population.body_mass_kg,
        patients.other_tumor_volume_ml / population.other_volume_ml,
        mean_receptors,
    ]
    return np.asarray(np.log(np.column_stack(columns)), dtype=np.float64)


def by_log_normal(patients: VirtualPatients, *, seed: int, first_participant: int) -> Uptake:
    """Draw from the log-normal that reproduces the kinetics, patient by patient."""
    n, lesions = patients.lesion_volume_ml.shape
    z = normals(
        n, 2 * lesions + len(ORGANS), seed=seed, stream=Stream.DOSE, first_row=first_participant
    )
    given = {role: predictors(patients, role) for role in Role}
    dose, suv = (
        _lesions(SURROGATE[what], patients, given[role], role, z[:, at : at + lesions])
        for what, role, at in (
            ("lesion dose", Role.THERAPY, 0),
            ("suv", Role.DIAGNOSTIC, lesions),
        )
    )
    organs = []
    for column, organ in enumerate(ORGANS):
        fit = SURROGATE[organ]
        known = _known(fit, given[Role.THERAPY])
        organs.append(np.exp(known + fit.residual_sd * z[:, 2 * lesions + column]))
    return Uptake(lesion_dose_gy=dose, organ_dose_gy=np.column_stack(organs), suv=suv)


def _lesions(
    fit: LogLinear, patients: VirtualPatients, given: _Floats, role: Role, z: _Floats
) -> _Floats:
    patient = _known(fit, given)
    own = fit.receptors * np.log(patients.lesion_receptor_factor[role])
    value = np.exp(patient[:, None] + own + fit.residual_sd * z)
    return np.where(np.isnan(patients.lesion_volume_ml), np.nan, value)


def _known(fit: LogLinear, given: _Floats) -> _Floats:
    # Term by term: a matrix product rounds differently in another batch.
    value = np.full(len(given), fit.coefficients[0])
    for column, coefficient in enumerate(fit.coefficients[1:]):
        value += coefficient * given[:, column]
    return value


def exchanged_dose_gy(n: int, lesions: int, *, seed: int, first_participant: int) -> _Floats:
    """Doses of somebody else, (n, lesions): the same distribution, unrelated to anything."""
    z = normals(
        n, 1 + lesions, seed=seed, stream=Stream.EXCHANGED_DOSE, first_row=first_participant
    )
    mean, between, within = LOG_DOSE
    dose = np.exp(mean + between * z[:, :1] + within * z[:, 1:])
    return np.asarray(dose, dtype=np.float64)


def uptake_scores(suv: _Floats) -> _Floats:
    """Standard normal score of each SUV among all lesions."""
    return np.asarray((np.log(suv) - LOG_SUV[0]) / LOG_SUV[1], dtype=np.float64)


def patient_scores(score: _Floats, *, lowest: bool) -> _Floats:
    """Standardized mean, or lowest, uptake of a patient's lesions, (n,).

    Scores of two lesions of a patient correlate by ``LOG_SUV[2]``; with *k* lesions the mean has
    the variance ``r + (1 - r) / k``.
    """
    shared = LOG_SUV[2]
    count = (~np.isnan(score)).sum(axis=1)
    if not lowest:
        found = np.nansum(score, axis=1) / count
        return np.asarray(found / np.sqrt(shared + (1.0 - shared) / count), dtype=np.float64)
    mean, variance = np.array([lowest_normal(k) for k in range(score.shape[1] + 1)])[count].T
    found = np.nanmin(score, axis=1)
    own = math.sqrt(1.0 - shared)
    return np.asarray(
        (found - own * mean) / np.sqrt(shared + own * own * variance), dtype=np.float64
    )


@cache
def lowest_normal(k: int) -> tuple[float, float]:
    """Mean and variance of the lowest of *k* standard normal numbers, by quadrature."""
    if k < 1:
        return 0.0, 1.0
    x = np.linspace(-9.0, 9.0, 3601)
    density = k * ndtr(-x) ** (k - 1) * np.exp(-x * x / 2.0)
    density /= density.sum()
    mean = float((x * density).sum())
    return mean, float(((x - mean) ** 2 * density).sum())
