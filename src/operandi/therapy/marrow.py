"""Red marrow dose by blood samples and by vertebrae in the image, beside one another.

Neither is a measurement of the marrow: both report what they assume, and how far they lie apart.
In somatostatin-receptor therapy they differ by several times: 0.03 to 0.16 Gy/GBq by vertebrae
against 0.009 to 0.029 by blood in 16 of the 17 patients of [7]_, a good half of it by uptake
that blood does not show.

Notes
-----
Self dose. With the activity concentration of the marrow ``c_RM = RMBLR * c_blood``::

    A_RM   = c_RM * m_RM                       decays in the patient's marrow
    S_self = S_phantom * m_phantom / m_RM      electrons stay in the marrow
    D_self = A_RM * S_self

so that the patient's marrow mass cancels wherever the marrow's S value goes with 1/m; it does not
cancel where an activity, not a concentration, was measured. The patient's mass is the phantom's
scaled by the mass of the body.

What was read and what was not: [7]_ as said, the others in abstract only, and equation 13 of [2]_
and the ratio of [6]_ as public code implements them. The equations of [1]_ are recalled; verify.

References
----------
.. [1] Hindorf et al., EANM guidelines for bone marrow and whole-body dosimetry, Eur J Nucl Med Mol
   Imaging 37:1238, 2010.
.. [2] Sjögreen Gleisner et al., EANM recommendations for dosimetry of 177Lu-labeled ligands,
   Eur J Nucl Med Mol Imaging 49:1778, 2022.
.. [3] Hagmarker et al., J Nucl Med 60:1406, 2019: medians of 0.19 Gy by planar images, 0.36 and
   0.40 Gy with vertebrae in SPECT; per which activity was not read.
.. [4] Forrer et al., Eur J Nucl Med Mol Imaging 36:1138, 2009: concentration in marrow identical
   to that in blood after 177Lu-DOTATATE; cross-dose is significant.
.. [5] Marin et al., EJNMMI Res, 2018, doi:10.1186/s13550-018-0459-4: recovery 0.78 of L2-L4 in a
   phantom.
.. [6] Sgouros, J Nucl Med 34:689, 1993: 0.19 of the marrow is extracellular fluid.
.. [7] PMC10478826, table 3 (the table alone was read).
.. [8] Svensson et al., EJNMMI Phys, 2016, doi:10.1186/s40658-016-0157-0: 0.20 Gy (0.11-0.37) per
   7.4 GBq by planar images.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from operandi.quantities.errors import DataError
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.organ_names import organ_name
from operandi.therapy.organ_s_values import OrganSTable
from operandi.therapy.regions import Mass, TimeIntegratedActivity

RED_MARROW: Final = "red marrow"

DOTATATE_MARROW_TO_BLOOD: Final = 1.0
"""Marrow to blood concentration after 177Lu-DOTATATE: identical [4]_. Without an uncertainty in
the abstract; give your own."""

EXTRACELLULAR_FLUID_FRACTION: Final = 0.19
"""Of red marrow [6]_, for agents that stay in plasma: RMBLR = 0.19 / (1 - hematocrit)."""

MARIN_2018_RECOVERY: Final = 0.78
"""Recovery of a bottle of 80 mL between two of 200 mL [5]_, on that camera and reconstruction."""

L2_TO_L4_SHARE: Final = 0.067
"""Share of the red marrow in L2 to L4 (recalled as of Hindorf 2010; verify before use)."""

BLOOD_DENSITY_G_ML: Final = 1.06
"""ICRP 89 (recalled; verify). Some authors take 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarrowReference:
    """Red marrow and body of a phantom: the S value must be of the same phantom.

    Parameters
    ----------
    red_marrow_g, body_kg : float, > 0
        Masses.
    phantom : str
        Which, and where the masses come from.
    """

    red_marrow_g: float
    body_kg: float
    phantom: str

    def patient_mass(self, *, body_mass_kg: float, relative_uncertainty: float) -> Mass:
        """Red marrow of a patient: the phantom's, scaled by the mass of the body.

        Parameters
        ----------
        body_mass_kg : float, > 0
            Of the patient.
        relative_uncertainty : float, >= 0
            Of the scaled mass, k = 1. Scaling by body mass is crude; no default.
        """
        if not body_mass_kg > 0:
            raise DataError(f"Body mass must be > 0 kg, found {body_mass_kg}.")
        grams = self.red_marrow_g * body_mass_kg / self.body_kg
        return Mass(grams, grams * relative_uncertainty)


ICRP_89_MALE: Final = MarrowReference(
    red_marrow_g=1170.0, body_kg=73.0, phantom="ICRP 89 adult male (OLINDA/EXM 2 case file)"
)
ICRP_89_FEMALE: Final = MarrowReference(
    red_marrow_g=900.0, body_kg=60.0, phantom="ICRP 89 adult female (OLINDA/EXM 2 masses)"
)
MIRD_ADULT: Final = MarrowReference(
    red_marrow_g=1120.0,
    body_kg=73.0,
    phantom="MIRD adult of OLINDA/EXM 1 (recalled; Cristy and Eckerman have 73.7 kg; verify)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A pure number with its uncertainty and where it was taken from.

    Parameters
    ----------
    value : float, > 0
        The number.
    standard_uncertainty : float, >= 0
        k = 1.
    source : str
        Publication or measurement. Never empty.
    """

    value: float
    standard_uncertainty: float
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value > 0 and self.standard_uncertainty >= 0):
            raise DataError(f"Needed a ratio > 0 with an uncertainty >= 0, found {self}.")
        if not self.source:
            raise ValueError("a ratio needs its source")

    @property
    def relative(self) -> float:
        """Relative standard uncertainty."""
        return self.standard_uncertainty / self.value


def marrow_to_blood_of_plasma_agent(*, hematocrit: float) -> float:
    """RMBLR of an agent that stays in plasma: ``0.19 / (1 - hematocrit)`` [6]_.

    >>> round(marrow_to_blood_of_plasma_agent(hematocrit=0.42), 3)
    0.328
    """
    if not 0 < hematocrit < 1:
        raise DataError(f"Hematocrit must lie between 0 and 1, found {hematocrit}.")
    return EXTRACELLULAR_FLUID_FRACTION / (1.0 - hematocrit)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarrowTarget:
    """The marrow that gets the dose, and how other sources reach it.

    Parameters
    ----------
    table : OrganSTable
        With red marrow as source and target.
    reference : MarrowReference
        Of the same phantom.
    mass : Mass
        The patient's red marrow, such as :meth:`MarrowReference.patient_mass` gives.
    others : mapping of organ to TimeIntegratedActivity
        Organs, lesions under the organ's name, and the remainder of the body: their photons are
        a large part of the dose [4]_. Empty leaves the cross-dose out, and says so.
    """

    table: OrganSTable
    reference: MarrowReference
    mass: Mass
    others: Mapping[str, TimeIntegratedActivity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(organ_name(other) == RED_MARROW for other in self.others):
            raise DataError("Red marrow is among its own other sources: it would count twice.")
        known = self.table.masses_g.get(RED_MARROW)
        if known is not None and not math.isclose(known, self.reference.red_marrow_g, rel_tol=0.01):
            raise DataError(
                f"The S table ({self.table.phantom}) has {known:g} g of red marrow, the reference "
                f"({self.reference.phantom}) {self.reference.red_marrow_g:g} g.",
                remedy="Take the marrow reference of the phantom the S values are of.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarrowDose:
    """Dose of the red marrow by one method.

    Parameters
    ----------
    method : str
        Which.
    self_gy, cross_gy : float
        From activity in the marrow, and in other sources.
    standard_uncertainty_gy : float
        From the inputs that have one; none for the choice of method.
    activity : TimeIntegratedActivity
        Decays in the patient's red marrow.
    assumptions : tuple of str
        What is taken for granted.
    """

    method: str
    self_gy: float
    cross_gy: float
    standard_uncertainty_gy: float
    activity: TimeIntegratedActivity
    assumptions: tuple[str, ...]

    @property
    def dose_gy(self) -> float:
        """Total, Gy."""
        return self.self_gy + self.cross_gy


def blood_based_marrow_dose(
    blood_bq_per_ml: ExponentialSum,
    target: MarrowTarget,
    *,
    integral_relative_uncertainty: float,
    blood_density_g_ml: float,
    marrow_to_blood: Ratio,
) -> MarrowDose:
    """Marrow dose from the activity concentration of blood samples.

    Parameters
    ----------
    blood_bq_per_ml : ExponentialSum
        Activity per mL of whole blood since administration, not corrected for decay, Bq/mL.
    target : MarrowTarget
        The marrow and other sources.
    integral_relative_uncertainty : float, >= 0
        Of the integral of the course, from its fit.
    blood_density_g_ml : float, > 0
        To concentration per mass: ``BLOOD_DENSITY_G_ML``, or 1 as some authors take it.
    marrow_to_blood : Ratio
        RMBLR: ``DOTATATE_MARROW_TO_BLOOD``, or by hematocrit for an agent in plasma.

    Raises
    ------
    DataError
        If the integral is not positive, or the table lacks the red marrow.
    """
    integral = blood_bq_per_ml.integral
    if not integral > 0:
        raise DataError(f"The blood's time-integrated concentration is {integral:g} Bq s/mL.")
    if not blood_density_g_ml > 0:
        raise DataError(f"Blood density must be > 0 g/mL, found {blood_density_g_ml}.")
    concentration = marrow_to_blood.value * integral / blood_density_g_ml
    return _dose_of_concentration(
        concentration,
        target,
        relative=math.hypot(integral_relative_uncertainty, marrow_to_blood.relative),
        method="blood-based",
        assumptions=(
            f"marrow to blood concentration {marrow_to_blood.value:g} ({marrow_to_blood.source})",
            f"blood of {blood_density_g_ml:g} g/mL",
            "no uptake in marrow cells or skeletal metastases",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarrowShare:
    """The region holds a known share of all red marrow (L2 to L4: ``L2_TO_L4_SHARE``).

    ``A_RM = A_region / recovery / share``; the dose then goes with 1 over the marrow's mass.
    """

    share: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class TrabecularFraction:
    """The region's volume is red marrow to a known fraction: the trabecular correction.

    ``c_RM = A_region / recovery / (V * fraction * density)``: bone and fat of the vertebral body
    are taken to hold no activity.

    Parameters
    ----------
    region_ml : float, > 0
        Volume of the region.
    fraction : Ratio
        Red marrow by volume: spongiosa less trabeculae, times cellularity (age!).
    marrow_density_g_ml : float, > 0
        Of red marrow.
    """

    region_ml: float
    fraction: Ratio
    marrow_density_g_ml: float

    def __post_init__(self) -> None:
        if not (self.region_ml > 0 and self.marrow_density_g_ml > 0 and self.fraction.value <= 1):
            raise DataError(
                f"Needed a volume and a density > 0 and a fraction up to 1, found {self}."
            )


def image_based_marrow_dose(
    region: TimeIntegratedActivity,
    target: MarrowTarget,
    *,
    recovery: Ratio,
    marrow: MarrowShare | TrabecularFraction,
) -> MarrowDose:
    """Marrow dose from the activity of vertebrae in quantitative images.

    Parameters
    ----------
    region : TimeIntegratedActivity
        In the contoured vertebrae (L2 to L4), before recovery, Bq s.
    target : MarrowTarget
        The marrow and other sources.
    recovery : Ratio
        Measured in a phantom of that size on that camera (``MARIN_2018_RECOVERY``), 0 to 1.2.
    marrow : MarrowShare or TrabecularFraction
        How the region speaks for the marrow.

    Raises
    ------
    DataError
        If the recovery is implausible or the table lacks the red marrow.
    """
    if recovery.value > 1.2:
        raise DataError(f"A recovery of {recovery.value:g} is implausible; needed up to 1.2.")
    recovered = region.bq_s / recovery.value
    spread = region.standard_uncertainty_bq_s / region.bq_s if region.bq_s else 0.0
    common = f"recovery {recovery.value:g} ({recovery.source})"
    if isinstance(marrow, MarrowShare):
        activity = recovered / marrow.share.value
        return _dose_of_concentration(
            activity / target.mass.g,
            target,
            relative=math.hypot(
                spread,
                recovery.relative,
                marrow.share.relative,
                target.mass.standard_uncertainty_g / target.mass.g,
            ),
            method="image-based, share of the marrow",
            assumptions=(
                common,
                f"region holds {marrow.share.value:g} of the red marrow ({marrow.share.source})",
                "all activity of the region is in its red marrow",
            ),
        )
    grams = marrow.region_ml * marrow.fraction.value * marrow.marrow_density_g_ml
    return _dose_of_concentration(
        recovered / grams,
        target,
        relative=math.hypot(spread, recovery.relative, marrow.fraction.relative),
        method="image-based, trabecular correction",
        assumptions=(
            common,
            f"{marrow.fraction.value:g} of the region is red marrow ({marrow.fraction.source})",
            "bone and fat of the region hold no activity",
            "all marrow has the concentration of the region's",
        ),
    )


@dataclass(frozen=True, slots=True)
class MarrowPanel:
    """Marrow doses side by side.

    Parameters
    ----------
    doses : tuple of MarrowDose
        Two or more, of one marrow.
    """

    doses: tuple[MarrowDose, ...]

    def __post_init__(self) -> None:
        if len(self.doses) < 2:
            raise ValueError("a panel compares two doses or more")

    @property
    def disagreement(self) -> float:
        """Largest over smallest dose, less 1."""
        values = [dose.dose_gy for dose in self.doses]
        return max(values) / min(values) - 1.0 if min(values) > 0 else math.inf


def _dose_of_concentration(
    bq_s_per_g: float,
    target: MarrowTarget,
    *,
    relative: float,
    method: str,
    assumptions: tuple[str, ...],
) -> MarrowDose:
    """Self dose of a concentration, and the cross-dose of the other sources."""
    own = target.table.s_value(source=RED_MARROW, target=RED_MARROW)
    per_concentration = own.total_gy_per_bq_s * target.reference.red_marrow_g
    self_gy = bq_s_per_g * per_concentration
    crosses = [
        (activity, target.table.s_value(source=organ, target=RED_MARROW))
        for organ, activity in target.others.items()
    ]
    cross_gy = math.fsum(a.bq_s * s.total_gy_per_bq_s for a, s in crosses)
    variance = (self_gy * relative) ** 2 + math.fsum(
        (s.total_gy_per_bq_s * a.standard_uncertainty_bq_s) ** 2 for a, s in crosses
    )
    decays = bq_s_per_g * target.mass.g
    return MarrowDose(
        method=method,
        self_gy=self_gy,
        cross_gy=cross_gy,
        standard_uncertainty_gy=math.sqrt(variance),
        activity=TimeIntegratedActivity(decays, decays * relative),
        assumptions=(
            *assumptions,
            f"S values of {target.table.phantom}; self dose by concentration, so that the "
            f"marrow's mass ({target.mass.g:.0f} g) cancels in it",
            f"cross-dose of {', '.join(target.others)}, not scaled"
            if crosses
            else "cross-dose left out: no other source was given",
        ),
    )
