"""A region that holds activity, its mass, and the dose it gets: the nouns of absorbed dose."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from operandi.quantities.errors import DataError
from operandi.therapy.dose_units import DoseCoefficient

JOULE_PER_MEV: Final = 1.602176634e-13
"""Exact since the SI of 2019."""


@dataclass(frozen=True, slots=True)
class TimeIntegratedActivity:
    """Number of decays in a region.

    Parameters
    ----------
    bq_s : float, >= 0
        Bq s.
    standard_uncertainty_bq_s : float, >= 0
        k = 1.
    """

    bq_s: float
    standard_uncertainty_bq_s: float

    def __post_init__(self) -> None:
        _require_type_number(self.bq_s, self.standard_uncertainty_bq_s)
        if not (math.isfinite(self.bq_s) and self.bq_s >= 0):
            raise DataError(f"Time-integrated activity must be >= 0 Bq s, found {self.bq_s}.")
        if not (
            math.isfinite(self.standard_uncertainty_bq_s) and self.standard_uncertainty_bq_s >= 0
        ):
            raise DataError(
                f"Its standard uncertainty must be >= 0, found {self.standard_uncertainty_bq_s}."
            )


@dataclass(frozen=True, slots=True)
class TimeIntegratedActivityCoefficient:
    """Time-integrated activity per administered activity (once called residence time).

    Parameters
    ----------
    hours : float, >= 0
        h, that is MBq h per MBq administered.
    standard_uncertainty_hours : float, >= 0
        k = 1.
    """

    hours: float
    standard_uncertainty_hours: float

    def __post_init__(self) -> None:
        if not (self.hours >= 0 and self.standard_uncertainty_hours >= 0):
            raise DataError(f"A coefficient must be >= 0 h, found {self.hours}.")

    def of(self, *, administered_bq: float) -> TimeIntegratedActivity:
        """Time-integrated activity of an administered activity."""
        if not administered_bq > 0:
            raise DataError(f"Administered activity must be > 0 Bq, found {administered_bq}.")
        factor = 3600.0 * administered_bq
        return TimeIntegratedActivity(factor * self.hours, factor * self.standard_uncertainty_hours)


@dataclass(frozen=True, slots=True)
class Mass:
    """Mass of a patient's organ or lesion.

    Parameters
    ----------
    g : float, > 0
        There is no default for a mass.
    standard_uncertainty_g : float, >= 0
        k = 1.
    """

    g: float
    standard_uncertainty_g: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.g) and self.g > 0):
            raise DataError(
                f"A mass must be > 0 g, found {self.g}.", remedy="Supply the mass of the region."
            )
        if not (math.isfinite(self.standard_uncertainty_g) and self.standard_uncertainty_g >= 0):
            raise DataError(f"Its uncertainty must be >= 0 g: {self.standard_uncertainty_g}.")


@dataclass(frozen=True, slots=True)
class Region:
    """An organ or a lesion: what decays in it and what it weighs.

    Parameters
    ----------
    name : str
        Organ or lesion id.
    activity : TimeIntegratedActivity
        Its decays.
    mass : Mass
        Its mass.
    """

    name: str
    activity: TimeIntegratedActivity
    mass: Mass

    def __post_init__(self) -> None:
        # mypy sees this first; a table read at run time does not pass through mypy.
        if not isinstance(self.activity, TimeIntegratedActivity):
            raise TypeError(f"needed decays in Bq s, found {type(self.activity).__name__}")


class Method(StrEnum):
    """How a dose was obtained."""

    ORGAN_TABLE = "MIRD, organ S values scaled by mass"
    SPHERE = "sphere of the region's mass"
    LOCAL_DEPOSITION = "local deposition of charged particles"
    VOXEL = "voxel S values, mean in the region"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseEstimate:
    """Absorbed dose of one region by one method.

    Parameters
    ----------
    region : str
        Of what.
    method : Method
        By which method.
    dose_gy : float
        All radiations, Gy, unweighted by any RBE.
    electron_gy, alpha_gy, photon_gy : float or None
        Its parts where the method knows them: alphas are weighted apart, downstream.
    self_gy : float or None
        From activity in the region itself; the rest is cross-dose.
    mass_g : float
        The mass the dose is of.
    standard_uncertainty_gy : float
        From activity, S value and mass taken as independent. ``therapy.uncertainty`` replaces it
        where activity and mass share a volume.
    mass_exponent : float
        d ln D / d ln m at fixed activity, what ``therapy.uncertainty`` needs of the method.
    assumptions : tuple of str
        What the method takes for granted here.
    """

    region: str
    method: Method
    dose_gy: float
    electron_gy: float | None = None
    alpha_gy: float | None = None
    photon_gy: float | None = None
    self_gy: float | None = None
    mass_g: float
    standard_uncertainty_gy: float
    mass_exponent: float
    assumptions: tuple[str, ...]

    def per_activity(self, *, administered_bq: float) -> DoseCoefficient:
        """Dose per administered activity: another kind, that never stands in for an S value."""
        if not administered_bq > 0:
            raise DataError(f"Administered activity must be > 0 Bq, found {administered_bq}.")
        return DoseCoefficient(self.dose_gy / administered_bq * 1e9)


def without_lesions(organ: Region, lesions: Sequence[Region]) -> Region:
    """The organ less the lesions in it: their activity and their mass.

    Lesions left in were the reason why the livers of the SNMMI 177Lu challenge differed by up to
    36 %. Uncertainties add as if independent.

    Raises
    ------
    DataError
        If the lesions hold more activity than the organ, or weigh as much.
    """
    activity = organ.activity.bq_s - math.fsum(lesion.activity.bq_s for lesion in lesions)
    mass = organ.mass.g - math.fsum(lesion.mass.g for lesion in lesions)
    named = ", ".join(lesion.name for lesion in lesions)
    if activity <= 0:
        raise DataError(
            f"The lesions {named} hold {-activity:.4g} Bq s more than {organ.name} with them in.",
            remedy=f"Check the outlines of {organ.name} and of these lesions.",
        )
    if mass <= 0:
        raise DataError(
            f"The lesions {named} weigh {organ.mass.g - mass:g} g; {organ.name} with them in, "
            f"{organ.mass.g:g} g.",
            remedy=f"Check the outlines of {organ.name} and of these lesions: nothing of "
            f"{organ.name} is left around them.",
        )
    parts = (organ, *lesions)
    return Region(
        organ.name,
        TimeIntegratedActivity(
            activity, math.hypot(*(part.activity.standard_uncertainty_bq_s for part in parts))
        ),
        Mass(mass, math.hypot(*(part.mass.standard_uncertainty_g for part in parts))),
    )


def _require_type_number(*values: object) -> None:
    if not all(isinstance(value, int | float | np.floating) for value in values):
        raise TypeError(f"needed numbers, found {[type(value).__name__ for value in values]}")
