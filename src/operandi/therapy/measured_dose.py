"""Absorbed dose of one organ or lesion from its course after a cycle.

Course and mass to doses by all methods, and the uncertainty of the one that is reported.

References
----------
.. [1] Gear et al., Eur J Nucl Med Mol Imaging 45:2456, 2018 (EANM guidance).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.therapy.absorbed_dose import DoseInputs, DosePanel, all_methods
from operandi.therapy.dose_chain import (
    BlurredSphere,
    DoseChain,
    FittedCourse,
    FixedRecovery,
    PowerLawS,
    fit_power_law,
)
from operandi.therapy.kernels import RELATIVE_STANDARD_UNCERTAINTY, sphere_s_value
from operandi.therapy.limits import CycleDose
from operandi.therapy.organ_names import organ_name
from operandi.therapy.organ_remainder import Remainder, Scanned, remainder
from operandi.therapy.organ_s_values import OrganSTable
from operandi.therapy.radionuclides import Emissions
from operandi.therapy.recovery import RecoveryCurve
from operandi.therapy.regions import Method, without_lesions
from operandi.therapy.scanned_region import (
    ScannedRegion,
    fit_without_outline,
    held_region,
    prior_share,
    voxel_share,
)
from operandi.therapy.time_activity import TimeActivityFit, log_normal_interval
from operandi.therapy.uncertainty import Contribution, DoseUncertainty, dose_uncertainty

_S_VALUE_SHARED: Final = 0.02
"""Of S values of all masses together: energy per decay of other evaluations (decision 0018)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredRegion:
    """What the scans say of one organ or lesion.

    Parameters
    ----------
    scanned : ScannedRegion
        What it was computed from.
    fit : TimeActivityFit
        Its activity over time.
    panel : DosePanel
        Doses by all methods that apply, for one cycle.
    uncertainty : DoseUncertainty
        Of the dose to a sphere of all that was outlined; its relative parts hold for the reported
        one where nothing was taken off.
    remainder : Remainder or None
        Of an organ that lesions were taken off.
    notes : tuple of str
        What a reader must know beside what scans and course say.
    """

    scanned: ScannedRegion
    fit: TimeActivityFit
    panel: DosePanel
    uncertainty: DoseUncertainty
    remainder: Remainder | None = None
    notes: tuple[str, ...] = ()

    @property
    def dose_gy(self) -> float:
        """The reported dose, Gy."""
        return self.panel.dose.dose_gy

    @property
    def relative_uncertainty(self) -> float:
        """``u(D) / D`` of the reported dose."""
        if self.remainder is not None:
            return self.remainder.relative
        return self.uncertainty.standard_uncertainty_gy / self.uncertainty.dose_gy

    @property
    def standard_uncertainty_gy(self) -> float:
        """``u(D)``, Gy."""
        return self.relative_uncertainty * self.dose_gy

    @property
    def interval_gy(self) -> tuple[float, float]:
        """Within which the dose lies with 95 %, Gy: of the twin, or log-normal of a difference."""
        if self.remainder is not None:
            return log_normal_interval(self.dose_gy, relative=self.remainder.relative)
        twin, scale = self.uncertainty.twin, self.dose_gy / self.uncertainty.dose_gy
        return scale * twin.lower_gy, scale * twin.upper_gy

    @property
    def cycle_dose(self) -> CycleDose:
        """The reported dose with its uncertainty split by what other cycles share."""
        if self.remainder is not None:
            relative, own = self.remainder.relative, self.remainder.own
            shared = math.sqrt(max(0.0, relative**2 - own**2))
            return CycleDose(
                dose_gy=self.dose_gy,
                own_uncertainty_gy=own * self.dose_gy,
                shared_uncertainty_gy=shared * self.dose_gy,
            )
        split = CycleDose.of(
            self.uncertainty,
            prior_share_of_fit=prior_share(self.scanned, self.fit),
            own_share_of_volume=voxel_share(self.scanned.volume_uncertainty),
        )
        scale = self.dose_gy / split.dose_gy
        return CycleDose(
            dose_gy=self.dose_gy,
            own_uncertainty_gy=scale * split.own_uncertainty_gy,
            shared_uncertainty_gy=scale * split.shared_uncertainty_gy,
        )

    @property
    def basis(self) -> str:
        """What the uncertainty holds, and what other methods say."""
        others = "; ".join(
            f"{method.value} {100 * ratio:+.1f} %"
            for method, ratio in self.panel.against_chosen.items()
            if method is not self.panel.chosen
        )
        left_out = (
            ()
            if isinstance(self.scanned.recovery, RecoveryCurve)
            else (
                "the dose is not recovered: a blurred sphere of this volume has "
                f"{self.scanned.recovery_relative:.0%} of its activity outside its outline, "
                "one-sided, and in the uncertainty as a standard one",
            )
        )
        return "; ".join(
            [
                self.uncertainty.basis if self.remainder is None else self.remainder.basis,
                f"other methods: {others}",
                self.fit.method,
                *self.fit.flags,
                *self.scanned.notes,
                *left_out,
                *self.notes,
            ]
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseSetting:
    """What the doses of one cycle share.

    Parameters
    ----------
    emissions : Emissions
        Of the nuclide.
    density_g_cm3 : float, > 0
        From volume to mass.
    table : OrganSTable or None
        Organ S values.
    seed : int
        Of the Monte Carlo twin.
    """

    emissions: Emissions
    density_g_cm3: float
    table: OrganSTable | None
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MappedRegion:
    """A region on a map of voxel doses.

    Parameters
    ----------
    dose : Volume of ABSORBED_DOSE
        The map.
    mask : Mask
        The region on its grid, its lesions taken off.
    note : str
        How the map's decays were made.
    """

    dose: Volume
    mask: Mask
    note: str


def measured_region(
    region: ScannedRegion,
    fit: TimeActivityFit,
    setting: DoseSetting,
    *,
    held: Sequence[Scanned] = (),
    mapped: MappedRegion | None = None,
    notes: tuple[str, ...] = (),
) -> MeasuredRegion:
    """Dose of one region by all methods, and the uncertainty of the one that is reported.

    An organ that a table of S values knows is reported by it, all else by the sphere of its mass.

    Parameters
    ----------
    region, fit : ScannedRegion, TimeActivityFit
        As from :func:`operandi.therapy.scanned_region.course_of`.
    setting : DoseSetting
        Nuclide, density, table.
    held : sequence of (ScannedRegion, TimeActivityFit)
        Lesions that lie in this organ: their decays and mass are taken off it.
    mapped : MappedRegion, optional
        For the voxel method.
    notes : tuple of str
        What a reader must know of this region.

    Raises
    ------
    DataError
        If the calibration has no uncertainty; as the methods.
    """
    emissions, density_g_cm3, table = setting.emissions, setting.density_g_cm3, setting.table
    whole = held_region(region, fit, density_g_cm3=density_g_cm3)
    lesions = [held_region(*lesion, density_g_cm3=density_g_cm3) for lesion in held]
    known = table is not None and (organ_name(region.name),) * 2 in table.values
    panel = all_methods(
        DoseInputs(
            region=without_lesions(whole, lesions) if lesions else whole,
            emissions=emissions,
            table=table,
            density_g_cm3=density_g_cm3,
            sphere_s_value=sphere_s_value,
            dose_map=mapped.dose if mapped else None,
            mask=mapped.mask if mapped else None,
            map_note=mapped.note if mapped else "",
        ),
        chosen=Method.ORGAN_TABLE if known else Method.SPHERE,
    )
    chain = DoseChain(
        volume_ml=region.volume_ml,
        volume_uncertainty_ml=region.volume_uncertainty.total_ml,
        count_volume=BlurredSphere(fwhm_mm=region.fwhm_mm),
        course=_counted(region, fit),
        calibration_per_bq=1.0,
        calibration_uncertainty_per_bq=region.calibration_relative,
        recovery=_recovery(region),
        s_value=_power_law(emissions, whole.mass.g, density_g_cm3),
        density_g_per_ml=density_g_cm3,
    )
    uncertainty = dose_uncertainty(chain, seed=setting.seed)
    return MeasuredRegion(
        scanned=region,
        fit=fit,
        panel=panel,
        uncertainty=uncertainty,
        remainder=remainder(
            (region, fit),
            held,
            mass_exponent=panel.dose.mass_exponent,
            s_value_relative=uncertainty.propagation.budget[Contribution.S_VALUE],
        )
        if held
        else None,
        notes=notes,
    )


def _counted(region: ScannedRegion, fit: TimeActivityFit) -> FittedCourse:
    """The course as the camera sees it, blurred; its integral's uncertainty in the amplitudes.

    The fit says how uncertain the integral is, and the dose asks for nothing else of it. What the
    mean outline does to it is left to the chain's volume, where mass follows the same outline.
    """
    recovery = math.fsum(scan.recovery for scan in region.scans) / len(region.scans)
    course = fit.course.scaled(recovery)
    amplitudes = np.array(course.amplitudes) * fit_without_outline(region, fit)
    covariance = np.zeros((2 * len(amplitudes), 2 * len(amplitudes)))
    covariance[: len(amplitudes), : len(amplitudes)] = np.outer(amplitudes, amplitudes)
    return FittedCourse(
        course=course, covariance=tuple(tuple(float(x) for x in row) for row in covariance)
    )


def _recovery(region: ScannedRegion) -> RecoveryCurve | FixedRecovery:
    if isinstance(region.recovery, RecoveryCurve):
        return region.recovery
    # The reported value stays unrecovered: blur may have taken this share out of it.
    return FixedRecovery(value=1.0, standard_uncertainty=region.recovery_relative)


def _power_law(emissions: Emissions, mass_g: float, density_g_cm3: float) -> PowerLawS:
    masses = [mass_g * factor for factor in (0.4, 0.65, 1.0, 1.55, 2.5)]
    return fit_power_law(
        masses,
        [
            sphere_s_value(emissions, mass_g=mass, density_g_cm3=density_g_cm3).total
            for mass in masses
        ],
        relative_uncertainty=RELATIVE_STANDARD_UNCERTAINTY,
        shared_relative_uncertainty=_S_VALUE_SHARED,
    )
