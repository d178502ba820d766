"""Parameters of the compartment model: two named sets, each number with its source.

Index order everywhere: organs are ``ORGANS`` (spleen, kidneys, receptor organs, rest); tumor is
apart. "Receptor organs" are lungs, pancreas, stomach, thyroid and liver, lumped [1]_.

References
----------
.. [1] Siebinga et al., EJNMMI Phys 10:48, 2023, tables 1 and 2 (read through an independent public
   transcription of the tables; the abstract at the publisher's states the same fold differences).
.. [2] Vasic et al., EJNMMI Phys 13:9, 2026 (error model of PET and therapy measurements).
.. [3] Per GBq to the kidneys, 177Lu-DOTATATE: 0.38(19) Gy (Willowson, PMC6300448); 0.46 (Staanum,
   EJNMMI Phys 8:78, 2021; 177Lu-DOTATOC 0.37); 0.43(13) (EJNMMI Res, s13550-018-0459-4);
   0.57(9) (Clin Nucl Med, March 2013, 61 patients); 19.4 Gy / 29.6 GBq = 0.66 (NETTER-1).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

ORGANS: Final = ("spleen", "kidneys", "receptor organs", "rest")


class Role(StrEnum):
    """Which of a set's two peptides is given: they differ in amount, binding and rates."""

    DIAGNOSTIC = "diagnostic"
    THERAPY = "therapy"


class ReceptorEffect(StrEnum):
    """Where a patient's receptor expression acts in the equations."""

    CAPACITY = "capacity"
    """On *B*: at therapeutic amounts uptake is limited by the number of receptors."""
    UPTAKE = "uptake"
    """On *k*: at tracer amounts few receptors are occupied, and more of them catch more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeptideParameters:
    """One peptide in one role.

    Parameters
    ----------
    peptide : str
        What is given.
    molar_mass_g_mol : float
        Converts micrograms to receptors.
    fraction_unbound : float
        *f_u*, not bound to plasma protein.
    elimination_per_h : float
        *k_el*, renal excretion from blood.
    organ_uptake_per_h : tuple of 4 float
        *k* in the order of ``ORGANS``.
    tumor_uptake_per_h : float
        *k* of all followed lesions together at ``reference_tumor_volume_ml``.
    organ_degradation_per_h : tuple of 4 float
    tumor_degradation_per_h : float
    organ_capacity_nmol_l : tuple of 3 float
        Receptor density of the first three organs; the rest does not saturate.
    tumor_capacity_nmol_l : float
    tumor_volume_exponent : float
        *e* in ``k ~ (V / V_ref)^e``, *V* of all followed lesions.
    reference_tumor_volume_ml : float
    spleen_sink_per_l : float
        *c* in ``k_spleen ~ exp(-c V)``, *V* the total tumor volume in **liters**.
    receptor_effect : ReceptorEffect
    source : str
    """

    peptide: str
    molar_mass_g_mol: float
    fraction_unbound: float
    elimination_per_h: float
    organ_uptake_per_h: tuple[float, float, float, float]
    tumor_uptake_per_h: float
    organ_degradation_per_h: tuple[float, float, float, float]
    tumor_degradation_per_h: float
    organ_capacity_nmol_l: tuple[float, float, float]
    tumor_capacity_nmol_l: float
    tumor_volume_exponent: float
    reference_tumor_volume_ml: float
    spleen_sink_per_l: float
    receptor_effect: ReceptorEffect
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationParameters:
    """How patients differ: bodies, burden, receptors.

    Parameters
    ----------
    body_mass_kg, body_mass_log_sd : float
        Median and log standard deviation.
    blood_volume_l : float
    organ_volume_l : tuple of 4 float
        Medians in the order of ``ORGANS``.
    organ_volume_log_sd : tuple of 4 float
        Rates scale with an organ's volume, so that its concentration stays.
    lesions_mean : float
        Followed lesions per patient: 1 + Poisson(mean - 1), cut at ``lesions_most``.
    lesions_most : int
    followed_volume_ml, followed_volume_log_sd : float
        Median and log sd of the volume of all followed lesions.
    other_volume_ml, other_volume_log_sd : float
        The same of the tumor outside them, which acts through the spleen's sink term alone.
    lesion_volume_log_sd : float
        Unevenness of the lesions of one patient.
    elimination_cv, receptor_organ_cv, organ_cv, tumor_cv : float
        Coefficients of variation between patients: *k_el*; receptors of the receptor organs; of
        spleen and kidneys; of tumor.
    lesion_receptor_log_sd : float
        Receptor density between the lesions of one patient.
    diagnostic_correlation : float
        Correlation of a patient's (and a lesion's) log receptor effect in the diagnostic role with
        that in the therapy role. 1: one expression drives both.
    source : str
    """

    body_mass_kg: float
    body_mass_log_sd: float
    blood_volume_l: float
    organ_volume_l: tuple[float, float, float, float]
    organ_volume_log_sd: tuple[float, float, float, float]
    lesions_mean: float
    lesions_most: int
    followed_volume_ml: float
    followed_volume_log_sd: float
    other_volume_ml: float
    other_volume_log_sd: float
    lesion_volume_log_sd: float
    elimination_cv: float
    receptor_organ_cv: float
    organ_cv: float
    tumor_cv: float
    lesion_receptor_log_sd: float
    diagnostic_correlation: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KineticParameters:
    """A named set: a diagnostic and a therapeutic peptide, and the population they meet."""

    name: str
    diagnostic: PeptideParameters
    therapy: PeptideParameters
    population: PopulationParameters

    def of(self, role: Role) -> PeptideParameters:
        """Give the peptide in *role*."""
        return self.therapy if role is Role.THERAPY else self.diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementError:
    """Proportional error *b* of an activity measurement, for organs and for tumors."""

    organ: float
    tumor: float


MEASUREMENT_ERROR: Final = {
    # Vasic 2026 [2]_: medians of the proportional, data-based error model.
    Role.THERAPY: MeasurementError(organ=0.16, tumor=0.39),
    Role.DIAGNOSTIC: MeasurementError(organ=0.35, tumor=0.27),
}

_TABLE_2: Final = "Siebinga 2023, EJNMMI Phys 10:48, table 2"

_GA_HA_DOTATATE: Final = PeptideParameters(
    peptide="68Ga-HA-DOTATATE",
    molar_mass_g_mol=1628.5,  # Siebinga 2023, EJNMMI Res 13:8, table 3
    fraction_unbound=0.69,
    elimination_per_h=0.25,
    organ_uptake_per_h=(0.21, 0.22, 2.5, 1.0),
    tumor_uptake_per_h=0.11,
    organ_degradation_per_h=(0.01, 0.01, 0.01, 0.01),
    tumor_degradation_per_h=0.01,
    organ_capacity_nmol_l=(16.7, 6.7, 2.4),
    tumor_capacity_nmol_l=30.0,
    tumor_volume_exponent=1.0,
    reference_tumor_volume_ml=80.0,
    spleen_sink_per_l=0.4,
    receptor_effect=ReceptorEffect.UPTAKE,
    source=f"{_TABLE_2}, column 68Ga (all fixed from a whole-body model)",
)

_LU_HA_DOTATATE: Final = replace(
    _GA_HA_DOTATATE,
    peptide="177Lu-HA-DOTATATE",
    fraction_unbound=0.57,
    # 2.3 L/h over 4 L: with the amino acids that go with therapy.
    elimination_per_h=0.575,
    # 0.29, 0.49 and 1.43 times the diagnostic rates (15, 15 and 14 % relative standard error).
    organ_uptake_per_h=(0.0607, 0.107, 2.5, 1.0),
    tumor_uptake_per_h=0.157,
    tumor_degradation_per_h=0.00375,  # 35 %
    tumor_volume_exponent=0.67,  # 17 %
    receptor_effect=ReceptorEffect.CAPACITY,
    source=f"{_TABLE_2}, column 177Lu (five parameters estimated in nine patients)",
)

_PUBLISHED_POPULATION: Final = PopulationParameters(
    body_mass_kg=75.0,  # table 1: 55-108
    body_mass_log_sd=0.17,  # our reading of that range
    blood_volume_l=4.0,
    organ_volume_l=(0.21, 0.3, 4.0, 50.0),  # table 2, from ICRP 89
    organ_volume_log_sd=(0.0, 0.0, 0.0, 0.0),  # the paper fixes them
    lesions_mean=1.0,  # the paper's tumor is one compartment
    lesions_most=1,
    followed_volume_ml=80.0,
    followed_volume_log_sd=0.0,
    other_volume_ml=203.0,  # 283 mL in all
    other_volume_log_sd=0.0,
    lesion_volume_log_sd=0.0,
    elimination_cv=0.316,
    receptor_organ_cv=0.316,
    organ_cv=0.50,
    tumor_cv=0.50,
    lesion_receptor_log_sd=0.0,
    diagnostic_correlation=1.0,
    source="Siebinga 2023, tables 1 and 2; one burden for all, so that only receptors and renal "
    "elimination vary",
)

HA_DOTATATE: Final = KineticParameters(
    name="HA-DOTATATE (Siebinga 2023)",
    diagnostic=_GA_HA_DOTATATE,
    therapy=_LU_HA_DOTATATE,
    population=_PUBLISHED_POPULATION,
)
"""The published set. HA-DOTATATE is neither DOTATATE nor DOTATOC: its kidneys take up less."""

_KIDNEY_FACTOR: Final = 1.5
"""Kidney uptake rate and capacity of DOTATATE over HA-DOTATATE: ours, so that the mean over the
population is 0.5 Gy/GBq at 151 ug of peptide; with more of it receptors are fuller: 0.41 at 200 ug.

Both are raised by the same factor: tubular reabsorption adds to receptors, and equal factors leave
the course in time as it is. Published means for 177Lu-DOTATATE lie between 0.38 and 0.66 [3]_.
"""


def _with_kidneys(peptide: PeptideParameters, *, name: str, molar_mass: float) -> PeptideParameters:
    spleen, kidneys, receptor_organs, rest = peptide.organ_uptake_per_h
    spleen_b, kidneys_b, receptor_b = peptide.organ_capacity_nmol_l
    return replace(
        peptide,
        peptide=name,
        molar_mass_g_mol=molar_mass,
        organ_uptake_per_h=(spleen, kidneys * _KIDNEY_FACTOR, receptor_organs, rest),
        organ_capacity_nmol_l=(spleen_b, kidneys_b * _KIDNEY_FACTOR, receptor_b),
        source=f"{peptide.source}; kidneys x {_KIDNEY_FACTOR} (decision 0024)",
    )


DOTATATE_DOTATOC: Final = KineticParameters(
    name="DOTATATE and DOTATOC (kidneys raised)",
    # Molar masses from the sum formulas C65H92N14O18S2 (DOTATOC) and C65H90N14O19S2 (DOTATATE).
    diagnostic=_with_kidneys(_GA_HA_DOTATATE, name="68Ga-DOTATOC", molar_mass=1421.65),
    therapy=_with_kidneys(_LU_HA_DOTATATE, name="177Lu-DOTATATE", molar_mass=1435.63),
    population=PopulationParameters(
        body_mass_kg=75.0,
        body_mass_log_sd=0.17,
        blood_volume_l=4.0,
        organ_volume_l=(0.21, 0.3, 4.0, 50.0),
        organ_volume_log_sd=(0.35, 0.20, 0.20, 0.17),  # ours: adults of either sex
        lesions_mean=5.5,  # 301 tumors in 54 patients (therapy_ai.md, predict)
        lesions_most=10,
        followed_volume_ml=80.0,  # Siebinga 2023, table 1: 7.8-212 in nine patients
        followed_volume_log_sd=0.9,  # ours, from that range
        other_volume_ml=150.0,  # total 283 in the median, 22-644
        other_volume_log_sd=1.0,
        lesion_volume_log_sd=0.9,
        elimination_cv=0.316,
        receptor_organ_cv=0.316,
        organ_cv=0.35,  # ours: the published 50 % carries the volumes, which vary here of their own
        tumor_cv=0.50,
        # Ours: with the published measurement errors, SUV and Gy/GBq then correlate by 0.71 between
        # and 0.45 within patients; published 0.7 and 0.45 (therapy_ai.md, predict).
        lesion_receptor_log_sd=0.50,
        diagnostic_correlation=0.95,
        source="Siebinga 2023 where named; the rest ours (decision 0024)",
    ),
)
"""For 177Lu-DOTATATE after 68Ga-DOTATOC PET, many lesions a patient. Not published as such."""
