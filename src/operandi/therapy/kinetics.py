"""Virtual patients, where a receptor-binding peptide goes in them, and the dose that follows.

::

    patients = virtual_patients(1000, parameters=DOTATATE_DOTATOC, seed=7)
    pet = simulate(patients, role=Role.DIAGNOSTIC, nuclide=GA68, peptide_ug=20.0,
                   activity_bq=150e6, time_h=[1.0])
    therapy = simulate(patients, role=Role.THERAPY, nuclide=LU177, peptide_ug=151.0,
                       activity_bq=7.4e9, time_h=[24.0, 72.0, 168.0])
    pet.lesion_suv[:, 0]               # (n, lesions), SUV by body weight at 1 h, no error yet
    therapy.lesion_coefficient_h       # (n, lesions), time-integrated activity / injected, h
    dose = therapy.lesion_dose_gy_per_gbq(s_value)   # (n, lesions)
    seen = with_measurement_error(pet.lesion_suv[:, 0], cv=MEASUREMENT_ERROR[...].tumor, seed=7)

The same patient carries one receptor expression into both roles. Absent lesions are NaN. Patient
*i* is the same whatever *n* and ``first_patient``; parameter sets and organ order stand in
``kinetic_parameters.py``, the equations in ``kinetic_equations.py``; decision 0024.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import Nuclide
from operandi.therapy.draws import Purpose, standard_normals
from operandi.therapy.kinetic_equations import solve
from operandi.therapy.kinetic_parameters import (
    ORGANS,
    KineticParameters,
    PeptideParameters,
    PopulationParameters,
    ReceptorEffect,
    Role,
)

_Floats = npt.NDArray[np.float64]
SValue = Callable[[_Floats], _Floats]
"""From masses in g to self-irradiation S values in Gy/(Bq s), elementwise."""

_SOFT_TISSUE_G_ML = 1.04  # ICRP 89: soft tissue; kidneys 1.05, spleen 1.06
_JOULE_PER_MEV = 1.602176634e-13
_FASTEST_PER_H = 1e5  # 0.05 s a patient; population draws stay below 1e3


@dataclass(frozen=True, slots=True, eq=False)
class VirtualPatients:
    """What differs between patients; the rest is in ``parameters``.

    Parameters
    ----------
    parameters : KineticParameters
    body_mass_kg : (n,)
    organ_volume_l : (n, 4)
        In the order of ``ORGANS``.
    lesion_volume_ml : (n, lesions)
        Followed lesions; NaN where a patient has fewer.
    other_tumor_volume_ml : (n,)
        Burden outside the followed lesions.
    elimination_factor : (n,)
        On *k_el*.
    organ_receptor_factor, lesion_receptor_factor : dict of Role to (n, 3) and (n, lesions)
        On receptor capacity or on uptake rate, as the peptide's ``receptor_effect`` says.
    """

    parameters: KineticParameters
    body_mass_kg: _Floats
    organ_volume_l: _Floats
    lesion_volume_ml: _Floats
    other_tumor_volume_ml: _Floats
    elimination_factor: _Floats
    organ_receptor_factor: dict[Role, _Floats]
    lesion_receptor_factor: dict[Role, _Floats]

    def __post_init__(self) -> None:
        for what, values in (
            ("body mass", self.body_mass_kg),
            ("organ volume", self.organ_volume_l),
            ("elimination", self.elimination_factor),
            ("lesion volume", self.lesion_volume_ml[~np.isnan(self.lesion_volume_ml)]),
        ):
            if not (np.isfinite(values).all() and (values > 0).all()):
                raise DataError(
                    f"{what} of a virtual patient must be finite and > 0.",
                    remedy="Correct the patient; a lesion that is absent is NaN.",
                )
        if not (self.other_tumor_volume_ml >= 0).all():
            raise DataError(
                "The tumor volume outside the followed lesions must be >= 0.",
                remedy="Give 0 where the followed lesions are the whole burden.",
            )

    def __len__(self) -> int:
        return int(self.body_mass_kg.size)

    @property
    def organ_mass_g(self) -> _Floats:
        """Shape (n, 4), at the density of soft tissue."""
        return 1000.0 * _SOFT_TISSUE_G_ML * self.organ_volume_l

    @property
    def lesion_mass_g(self) -> _Floats:
        """Shape (n, lesions), NaN where absent."""
        return np.multiply(_SOFT_TISSUE_G_ML, self.lesion_volume_ml)

    @property
    def tumor_volume_ml(self) -> _Floats:
        """All tumor of a patient, (n,)."""
        followed: _Floats = np.nansum(self.lesion_volume_ml, axis=1)
        return followed + self.other_tumor_volume_ml


@dataclass(frozen=True, slots=True, eq=False)
class KineticsResult:
    """Where peptide and activity went.

    Parameters
    ----------
    patients : VirtualPatients
    nuclide : Nuclide
    role : Role
    peptide_ug, activity_bq : float
        Injected.
    time_h : (t,)
    blood_fraction, excreted_fraction, degraded_fraction : (n, t)
        Of the injected peptide; not decayed.
    organ_fraction : (n, t, 4)
    lesion_fraction : (n, t, lesions)
    blood_coefficient_h : (n,)
        Time-integrated activity over injected activity, to infinity.
    organ_coefficient_h : (n, 4)
    lesion_coefficient_h : (n, lesions)
    """

    patients: VirtualPatients
    nuclide: Nuclide
    role: Role
    peptide_ug: float
    activity_bq: float
    time_h: _Floats
    blood_fraction: _Floats
    excreted_fraction: _Floats
    degraded_fraction: _Floats
    organ_fraction: _Floats
    lesion_fraction: _Floats
    blood_coefficient_h: _Floats
    organ_coefficient_h: _Floats
    lesion_coefficient_h: _Floats

    @property
    def injected_left_bq(self) -> _Floats:
        """Injected activity decayed to each time, (t,)."""
        return self.activity_bq * np.exp(-decay_per_h(self.nuclide) * self.time_h)

    @property
    def organ_activity_bq(self) -> _Floats:
        """Shape (n, t, 4)."""
        return self.organ_fraction * self.injected_left_bq[:, None]

    @property
    def lesion_activity_bq(self) -> _Floats:
        """Shape (n, t, lesions)."""
        return self.lesion_fraction * self.injected_left_bq[:, None]

    @property
    def blood_concentration_bq_ml(self) -> _Floats:
        """Shape (n, t)."""
        volume_ml = 1000.0 * self.patients.parameters.population.blood_volume_l
        return self.blood_fraction * self.injected_left_bq / volume_ml

    @property
    def organ_suv(self) -> _Floats:
        """Concentration by body weight, g/mL, (n, t, 4): both activities at the same instant."""
        mass_g = 1000.0 * self.patients.body_mass_kg[:, None, None]
        return self.organ_fraction * mass_g / (1000.0 * self.patients.organ_volume_l[:, None])

    @property
    def lesion_suv(self) -> _Floats:
        """Mean of the lesion by body weight, g/mL, (n, t, lesions)."""
        mass_g = 1000.0 * self.patients.body_mass_kg[:, None, None]
        return self.lesion_fraction * mass_g / self.patients.lesion_volume_ml[:, None]

    def organ_dose_gy_per_gbq(self, s_value: SValue) -> _Floats:
        """Self-dose ``D / A = a S(m)``, (n, 4); *a* the coefficient, *S* in Gy/(Bq s)."""
        return _dose(self.organ_coefficient_h, s_value(self.patients.organ_mass_g))

    def lesion_dose_gy_per_gbq(self, s_value: SValue) -> _Floats:
        """Self-dose of every lesion, (n, lesions)."""
        return _dose(self.lesion_coefficient_h, s_value(self.patients.lesion_mass_g))


def _dose(coefficient_h: _Floats, s_value_gy_per_bq_s: _Floats) -> _Floats:
    return coefficient_h * 3600.0 * s_value_gy_per_bq_s * 1e9


def local_s_value(*, electron_mev: float) -> SValue:
    """``S(m) = E / m``: all electron energy stays, photons leave; from about 1 g up.

    Parameters
    ----------
    electron_mev : float, > 0
        Electron energy per decay, MeV (0.1479 for 177Lu in ICRP 107). Prefer the sphere S values
        of ``kernels.py`` where lesions are small or electrons fast.
    """
    if not (math.isfinite(electron_mev) and electron_mev > 0):
        raise ValueError(f"electron energy must be > 0 MeV, got {electron_mev}")
    return lambda mass_g: electron_mev * _JOULE_PER_MEV / (mass_g / 1000.0)


def decay_per_h(nuclide: Nuclide) -> float:
    """Decay constant of *nuclide*, 1/h."""
    return math.log(2.0) * 3600.0 / nuclide.half_life_s


def virtual_patients(
    n: int, *, parameters: KineticParameters, seed: int, first_patient: int = 0
) -> VirtualPatients:
    """Draw patients *first_patient* to *first_patient* + *n* of the endless row that *seed* names.

    Receptor factors are log-normal around 1 with the published coefficients of variation,
    ``sd = sqrt(log(1 + cv^2))``; lesions share a patient's tumor factor and have one of their own.
    """
    if n < 1:
        raise ValueError(f"at least one patient is needed, got {n}")
    population = parameters.population
    most = population.lesions_most
    z = standard_normals(n, 18, seed=seed, purpose=Purpose.PATIENT, first_row=first_patient)
    z_lesion = standard_normals(
        n, 3 * most, seed=seed, purpose=Purpose.LESION, first_row=first_patient
    ).reshape(n, 3, most)
    present = np.arange(most) < _lesion_count(z[:, 0], population)[:, None]
    weight = np.where(present, np.exp(population.lesion_volume_log_sd * z_lesion[:, 0]), 0.0)
    followed = population.followed_volume_ml * np.exp(population.followed_volume_log_sd * z[:, 1])
    volume = followed[:, None] * weight / weight.sum(axis=1, keepdims=True)
    organ_sd = np.array(
        [
            _log_sd(c)
            for c in (population.organ_cv, population.organ_cv, population.receptor_organ_cv)
        ]
    )
    tumor_sd = _log_sd(population.tumor_cv)
    organ_factor: dict[Role, _Floats] = {}
    lesion_factor: dict[Role, _Floats] = {}
    for role in Role:
        r = 1.0 if role is Role.THERAPY else population.diagnostic_correlation
        s = math.sqrt(1.0 - r * r)
        organ_factor[role] = np.exp(organ_sd * (r * z[:, 2:5] + s * z[:, 5:8]))
        patient = tumor_sd * (r * z[:, 8] + s * z[:, 9])
        lesion = population.lesion_receptor_log_sd * (r * z_lesion[:, 1] + s * z_lesion[:, 2])
        lesion_factor[role] = np.exp(patient[:, None] + lesion)
    organ_volume_sd = np.array(population.organ_volume_log_sd)
    return VirtualPatients(
        parameters=parameters,
        body_mass_kg=population.body_mass_kg * np.exp(population.body_mass_log_sd * z[:, 10]),
        organ_volume_l=np.array(population.organ_volume_l) * np.exp(organ_volume_sd * z[:, 11:15]),
        lesion_volume_ml=np.where(present, volume, np.nan),
        other_tumor_volume_ml=population.other_volume_ml
        * np.exp(population.other_volume_log_sd * z[:, 15]),
        elimination_factor=np.exp(_log_sd(population.elimination_cv) * z[:, 16]),
        organ_receptor_factor=organ_factor,
        lesion_receptor_factor=lesion_factor,
    )


def _log_sd(cv: float) -> float:
    return math.sqrt(math.log1p(cv * cv))


def _lesion_count(z: _Floats, population: PopulationParameters) -> npt.NDArray[np.int64]:
    """1 + Poisson, by inversion of the normal draw so that a patient costs one number."""
    mean = population.lesions_mean - 1.0
    counts = np.zeros(z.shape, dtype=np.int64)
    if mean > 0:
        below = math.exp(-mean)
        term = below
        for k in range(1, population.lesions_most):
            counts[z > ndtri(below)] = k
            term *= mean / k
            below = min(below + term, 1.0)
    return 1 + counts


def simulate(
    patients: VirtualPatients,
    *,
    role: Role,
    nuclide: Nuclide,
    peptide_ug: float,
    activity_bq: float,
    time_h: Sequence[float] | _Floats = (),
) -> KineticsResult:
    """Inject once into blood at time 0 and follow the peptide.

    Uptake of the followed lesions together is ``k (V / V_ref)^e``, shared between them by volume.
    A lesion's receptor factor multiplies its uptake (``ReceptorEffect.UPTAKE``) or its capacity
    (``CAPACITY``: free uptake is then by volume alone, and receptors act as they fill); with equal
    receptors this is the published single tumor compartment.

    Parameters
    ----------
    patients : VirtualPatients
    role : Role
        Which peptide of ``patients.parameters``.
    nuclide : Nuclide
        What it carries: only its half-life matters here.
    peptide_ug : float, > 0
        All peptide injected, labeled or not. There is no default: receptors saturate.
    activity_bq : float, > 0
    time_h : ascending, >= 0
        When fractions and activities are wanted, h after injection.

    Raises
    ------
    DataError
        If amount or activity is not positive, or times are negative or not ascending.
    UnsupportedError
        If receptors are so few that they fill within milliseconds.
    """
    times = np.asarray(time_h, dtype=np.float64).reshape(-1)
    for what, value, unit in (
        ("peptide amount", peptide_ug, "ug"),
        ("activity", activity_bq, "Bq"),
    ):
        if not (math.isfinite(value) and value > 0):
            raise DataError(
                f"Kinetics need an injected {what} > 0, got {value} {unit}.",
                remedy="Take it from the record of the administration; it is never assumed.",
            )
    if not np.isfinite(times).all() or (times < 0).any() or (np.diff(times) <= 0).any():
        raise DataError(
            f"Times must be finite, >= 0 h and ascending, got {times.tolist()}.",
            remedy="Give each time once, counted from the injection.",
        )
    peptide = patients.parameters.of(role)
    injected_nmol = 1000.0 * peptide_ug / peptide.molar_mass_g_mol
    rates = _rates(patients, peptide, role, injected_nmol=injected_nmol)
    fastest = float((rates[:, 0] * (1.0 + rates[:, 1])).max())
    if fastest > _FASTEST_PER_H:
        raise UnsupportedError(
            f"A tissue's receptors would fill at {fastest:.3g}/h; the solver follows up to "
            f"{_FASTEST_PER_H:.3g}/h. What holds so little is 0: set its receptor factor to 0.",
        )
    fraction, coefficient = solve(
        peptide.elimination_per_h * patients.elimination_factor,
        rates,
        decay_per_h=decay_per_h(nuclide),
        time_h=times,
    )
    if np.isnan(coefficient).any():
        raise ValueError("the equations of a patient did not come to an end")
    organs = len(ORGANS)
    absent = np.isnan(patients.lesion_volume_ml)
    return KineticsResult(
        patients=patients,
        nuclide=nuclide,
        role=role,
        peptide_ug=peptide_ug,
        activity_bq=activity_bq,
        time_h=times,
        blood_fraction=fraction[:, :, 0],
        excreted_fraction=fraction[:, :, -2],
        degraded_fraction=fraction[:, :, -1],
        organ_fraction=fraction[:, :, 1 : 1 + organs],
        lesion_fraction=np.where(absent[:, None], np.nan, fraction[:, :, 1 + organs : -2]),
        blood_coefficient_h=coefficient[:, 0],
        organ_coefficient_h=coefficient[:, 1 : 1 + organs],
        lesion_coefficient_h=np.where(absent, np.nan, coefficient[:, 1 + organs :]),
    )


def _rates(
    patients: VirtualPatients, peptide: PeptideParameters, role: Role, *, injected_nmol: float
) -> _Floats:
    """Free uptake 1/h, injected amount over capacity, degradation 1/h: (n, 3, organs + lesions)."""
    reference_l = np.array(patients.parameters.population.organ_volume_l)
    organ_uptake = np.array(peptide.organ_uptake_per_h) * patients.organ_volume_l / reference_l
    total_l = patients.tumor_volume_ml / 1000.0
    organ_uptake[:, 0] *= np.exp(-peptide.spleen_sink_per_l * total_l)
    density = np.array([*peptide.organ_capacity_nmol_l, np.inf])
    organ_capacity = density * patients.organ_volume_l
    volume_ml = np.nan_to_num(patients.lesion_volume_ml, nan=0.0)
    followed_ml = volume_ml.sum(axis=1, keepdims=True)
    # Guarded for a patient without a followed lesion, whose tumor takes up nothing.
    share = np.divide(volume_ml, followed_ml, out=np.zeros_like(volume_ml), where=followed_ml > 0)
    relative = followed_ml / peptide.reference_tumor_volume_ml
    lesion_uptake = peptide.tumor_uptake_per_h * relative**peptide.tumor_volume_exponent * share
    lesion_capacity = peptide.tumor_capacity_nmol_l * volume_ml / 1000.0
    organ_factor = patients.organ_receptor_factor[role]
    lesion_factor = patients.lesion_receptor_factor[role]
    if peptide.receptor_effect is ReceptorEffect.CAPACITY:
        organ_capacity[:, :3] *= organ_factor
        lesion_capacity *= lesion_factor
    else:
        organ_uptake[:, :3] *= organ_factor
        lesion_uptake *= lesion_factor
    uptake = np.hstack([organ_uptake, lesion_uptake])
    capacity = np.hstack([organ_capacity, lesion_capacity])
    rates = np.empty((len(patients), 3, capacity.shape[1]))
    # Where there is no receptor nothing is taken up; where there is no limit nothing saturates.
    rates[:, 0] = np.where(capacity > 0, peptide.fraction_unbound * uptake, 0.0)
    rates[:, 1] = np.divide(
        injected_nmol, capacity, out=np.zeros_like(capacity), where=capacity > 0
    )
    rates[:, 2, : len(ORGANS)] = peptide.organ_degradation_per_h
    rates[:, 2, len(ORGANS) :] = peptide.tumor_degradation_per_h
    return rates


def with_measurement_error(
    values: _Floats, *, cv: float, seed: int, first_patient: int = 0
) -> _Floats:
    """Multiply by log-normal factors of mean 1 and coefficient of variation *cv*, row by patient.

    Parameters
    ----------
    values : (n,) or (n, sites)
        NaN stays NaN.
    cv : float, >= 0
        Proportional error *b*, of ``MEASUREMENT_ERROR``.
    seed : int
        Another seed for another measurement: the same seed gives the same errors.
    """
    if not (math.isfinite(cv) and cv >= 0):
        raise ValueError(f"a coefficient of variation is >= 0, got {cv}")
    table = values.reshape(values.shape[0], -1)
    z = standard_normals(
        table.shape[0], table.shape[1], seed=seed, purpose=Purpose.MEASUREMENT,
        first_row=first_patient,
    )  # fmt: skip
    sd = _log_sd(cv)
    return (table * np.exp(sd * z - sd * sd / 2)).reshape(values.shape)
