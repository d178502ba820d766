"""What was measured after an administration, and what is to be held equal when it is changed."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import Nuclide
from operandi.therapy.chains import DaughterPolicy
from operandi.therapy.course_uncertainty import CourseUncertainty
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.radionuclides import Emissions


class Role(StrEnum):
    """What a region is in the comparison."""

    TUMOR = "tumor"
    KIDNEYS = "kidneys"
    MARROW = "marrow"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region of one patient, as measured after one administration.

    Parameters
    ----------
    name : str
        Of the lesion or organ.
    role : Role
        Exactly one region is the kidneys, at least one a tumor.
    activity : ExponentialSum
        Course since administration with the decay of the nuclide that was measured, Bq.
    mass_g : float, > 0
        There is no default.
    density_g_cm3 : float, > 0
        There is no default.
    integral_uncertainty, mass_uncertainty : float or None
        Relative standard uncertainties of the time-integrated activity and of the mass; None
        where unknown, and then the doses have none.
    course_uncertainty : CourseUncertainty or None
        Of amplitudes and rates, without calibration (``course_uncertainty.of_terminal_rate`` makes
        one).  None where unknown: the uncertainty of other nuclides is then a lower bound.
    calibration_uncertainty : float, >= 0
        What *integral_uncertainty* holds of the factor that all regions share (calibration,
        administered activity); it cancels in ratios of regions.
    first_scan_s : float or None
        Since administration; None where unknown, and then no share of decays before it is told.
    """

    name: str
    role: Role
    activity: ExponentialSum
    mass_g: float
    density_g_cm3: float
    integral_uncertainty: float | None
    mass_uncertainty: float | None
    course_uncertainty: CourseUncertainty | None = None
    calibration_uncertainty: float = 0.0
    first_scan_s: float | None = None

    def __post_init__(self) -> None:
        for what, value in (("mass", self.mass_g), ("density", self.density_g_cm3)):
            if not (math.isfinite(value) and value > 0):
                raise DataError(
                    f"The {what} of {self.name} must be > 0, found {value:g}.",
                    remedy="Supply it from the volume on the images.",
                )
        if not self.activity.integral > 0:
            raise DataError(
                f"The time-integrated activity of {self.name} must be > 0, found "
                f"{self.activity.integral:g} Bq s.",
                remedy="Correct its time-activity curve, or leave the region out.",
            )
        whole = math.inf if self.integral_uncertainty is None else self.integral_uncertainty
        if not 0 <= self.calibration_uncertainty <= whole:
            raise DataError(
                f"{self.name}: the uncertainty that regions share is part of that of the integral, "
                f"found {self.calibration_uncertainty:g} of {self.integral_uncertainty}.",
                remedy="Supply that of the calibration factor, included in that of the integral.",
            )
        known = self.course_uncertainty
        if known is not None and len(known.matrix) != 2 * len(self.activity.rates_per_s):
            raise DataError(
                f"{self.name}: a covariance of {len(known.matrix)} amplitudes and rates, for a "
                f"course of {len(self.activity.rates_per_s)} phases."
            )
        if self.first_scan_s is not None and not (
            math.isfinite(self.first_scan_s) and self.first_scan_s > 0
        ):
            raise DataError(
                f"{self.name}: the first scan is after the administration, found "
                f"{self.first_scan_s:g} s."
            )


class SelfDose(Protocol):
    """S value of a region to itself, as ``therapy.kernels.SValue``, Gy/(Bq s)."""

    @property
    def electron_gy_per_bq_s(self) -> float:
        """By electrons."""

    @property
    def alpha_gy_per_bq_s(self) -> float:
        """By alpha particles and recoil, not weighted."""

    @property
    def photon_gy_per_bq_s(self) -> float:
        """By photons."""


SelfDoseOf = Callable[[Emissions, Region], SelfDose]
"""``lambda e, r: sphere_s_value(e, mass_g=r.mass_g, density_g_cm3=r.density_g_cm3)``, or better."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A nuclide to compare, with where its daughters decay.

    Parameters
    ----------
    nuclide : Nuclide
        Its half-life is used.
    daughters : DaughterPolicy or None
        Required where the daughters are radioactive.
    """

    nuclide: Nuclide
    daughters: DaughterPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """What is held equal, and what is needed to say the kidneys' effective dose in any case.

    Parameters
    ----------
    equal : Role
        ``KIDNEYS``: biologically effective dose; ``MARROW``: RBE-weighted dose.
    kidney_alpha_beta_gy : float, > 0
        Gy.
    kidney_repair_rate_per_s : float, > 0
        ``ln 2`` over the repair half-time, 1/s.
    """

    equal: Role
    kidney_alpha_beta_gy: float
    kidney_repair_rate_per_s: float

    def __post_init__(self) -> None:
        if self.equal not in {Role.KIDNEYS, Role.MARROW}:
            raise ValueError(f"the kidneys or the marrow can be held equal, not {self.equal}")
        if not (self.kidney_alpha_beta_gy > 0 and self.kidney_repair_rate_per_s > 0):
            raise DataError(
                f"alpha/beta and repair rate of the kidneys must be > 0, found "
                f"{self.kidney_alpha_beta_gy:g} Gy and {self.kidney_repair_rate_per_s:g} /s.",
                remedy="Supply both with their source (radiobiology.KIDNEY is one).",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredTherapy:
    """What was measured after one administration.

    Parameters
    ----------
    given : Candidate
        The nuclide whose courses were measured: it sets what is held equal.
    administered_bq : float, > 0
        Its net activity, Bq.
    regions : tuple of Region
        One of the kidneys, at least one tumor, at most one of the marrow.

    Raises
    ------
    DataError
        If the activity is not positive, or a region is missing or there twice.
    """

    given: Candidate
    administered_bq: float
    regions: tuple[Region, ...]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.administered_bq) and self.administered_bq > 0):
            raise DataError(
                f"The administered activity must be > 0, found {self.administered_bq:g} Bq.",
                remedy="Supply the net activity of the administration whose images were measured.",
            )
        if self.count(Role.KIDNEYS) != 1:
            raise DataError(
                f"A comparison needs exactly one region of the kidneys, found "
                f"{self.count(Role.KIDNEYS)}.",
                remedy="Join both kidneys into one region.",
            )
        if self.count(Role.MARROW) > 1:
            raise DataError(
                f"Found {self.count(Role.MARROW)} regions of the marrow.", remedy="Supply one."
            )
        if not self.count(Role.TUMOR):
            raise DataError(
                "A comparison needs at least one tumor, found none.",
                remedy="Supply the course and mass of a lesion.",
            )

    def count(self, role: Role) -> int:
        """Regions of a role."""
        return sum(region.role == role for region in self.regions)

    def place(self, role: Role) -> int:
        """Index of the first region of a role."""
        return next(i for i, region in enumerate(self.regions) if region.role == role)
