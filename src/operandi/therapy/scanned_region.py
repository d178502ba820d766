"""One organ or lesion at every scan after a cycle: its course, and what is uncertain about it.

What is uncertain is kept apart by what it is common to, because that decides how it adds up: over
scans, over an organ and the lesions in it, and over cycles.

References
----------
.. [1] Gear et al., Eur J Nucl Med Mol Imaging 45:2456, 2018 (EANM guidance).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.therapy.activity import ActivityMeasurement, NotRecovered
from operandi.therapy.delineation import VolumeUncertainty, blurred_share
from operandi.therapy.organ_names import organ_name
from operandi.therapy.population_prior import (
    KIDNEY_LU177_DOTATATE,
    LIVER_LU177_DOTATATE,
    SPLEEN_LU177_DOTATATE,
    TUMOR_LU177_DOTATATE,
    PopulationPrior,
    fit_with_prior,
)
from operandi.therapy.recovery import RecoveryCurve
from operandi.therapy.regions import Mass, Region, TimeIntegratedActivity
from operandi.therapy.single_time_point import bayesian
from operandi.therapy.time_activity import ActivitySamples, TimeActivityFit, fit_time_activity

FEWEST_FOR_LEAST_SQUARES: Final = 4
_PRIORS: Final = {
    "left kidney": KIDNEY_LU177_DOTATATE,
    "right kidney": KIDNEY_LU177_DOTATATE,
    "kidneys": KIDNEY_LU177_DOTATATE,
    "liver": LIVER_LU177_DOTATATE,
    "spleen": SPLEEN_LU177_DOTATATE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedRegion:
    """One organ or lesion at every scan after a cycle.

    Parameters
    ----------
    name : str
        Of the organ or lesion, the same on all scans.
    is_lesion : bool
        Whether it is a lesion.
    scans : tuple of ActivityMeasurement
        In the order of time; each drawn anew on its own scan.
    recovery : RecoveryCurve or NotRecovered
        What they were recovered with.
    fwhm_mm : float, > 0
        Resolution of the scans.
    """

    name: str
    is_lesion: bool
    scans: tuple[ActivityMeasurement, ...]
    recovery: RecoveryCurve | NotRecovered
    fwhm_mm: float

    def __post_init__(self) -> None:
        if not self.scans:
            raise DataError(f"{self.name} was drawn on no scan.", remedy="Draw it on each scan.")

    @property
    def volume_ml(self) -> float:
        """Mean over the scans, mL."""
        return _mean([scan.volume_ml for scan in self.scans])

    @property
    def volume_uncertainty(self) -> VolumeUncertainty:
        """Of the mean: what voxels do averages out over the scans, what blur does remains."""
        parts = [scan.volume_uncertainty for scan in self.scans]
        return VolumeUncertainty(
            voxel_ml=math.hypot(*(part.voxel_ml for part in parts)) / len(parts),
            resolution_ml=_mean([part.resolution_ml for part in parts]),
        )

    @property
    def calibration_relative(self) -> float:
        """Of the camera, the same for all regions; of calibrations that differ the least certain.

        Raises
        ------
        DataError
            If it is not known.
        """
        known = []
        for scan in self.scans:
            if scan.calibration_relative is None:
                raise DataError(
                    f"The activity of {self.name} has no uncertainty: {scan.basis}.",
                    remedy="State the calibration's uncertainty in spect_calibrations.",
                )
            known.append(scan.calibration_relative)
        return max(known)

    @property
    def recovery_relative(self) -> float:
        """Of the curve's parameters; without a curve what blur leaves outside, one-sided."""
        if isinstance(self.recovery, NotRecovered):
            return 1.0 - blurred_share(self.volume_ml, fwhm_mm=self.fwhm_mm)
        return _mean([scan.recovery_relative for scan in self.scans])

    @property
    def recovery_gradient(self) -> npt.NDArray[np.float64]:
        """``d ln R / d(b1, b2)``, for regions of other volumes that share the curve."""
        each = [np.array(scan.recovery_gradient) / scan.recovery for scan in self.scans]
        return np.asarray(np.mean(each, axis=0), dtype=np.float64)

    @property
    def elasticity(self) -> float:
        """``d ln A / d ln v``, recovery included: how activity follows the outline."""
        return _mean(
            [
                scan.activity_per_volume_bq_ml * scan.volume_ml / scan.activity_bq
                for scan in self.scans
            ]
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know, each once."""
        noise = () if all(scan.noise_relative for scan in self.scans) else ("image noise left out",)
        return tuple(dict.fromkeys((*(n for scan in self.scans for n in scan.notes), *noise)))


def prior_of(name: str, *, is_lesion: bool) -> PopulationPrior | None:
    """The population's courses of an organ or of tumors; None where none are known.

    Published for 177Lu-DOTATATE and -TOC alone.
    """
    return TUMOR_LU177_DOTATATE if is_lesion else _PRIORS.get(organ_name(name))


def course_of(region: ScannedRegion, *, physical_rate_per_s: float) -> TimeActivityFit:
    """Activity over time: least squares from four scans on, a population's courses below.

    The random part of each activity is image noise and the voxels of its own outline. Calibration,
    recovery and the blur that misleads all outlines alike are one factor of all activities: they
    scale the integral and tell nothing of the course's shape.

    Raises
    ------
    DataError
        If the calibration has no uncertainty, or fewer than four scans meet an organ for which
        no population's courses are known.
    """
    own_bq = tuple(scan.own_uncertainty_bq for scan in region.scans)
    known = all(own > 0 for own in own_bq)
    blur = region.elasticity * region.volume_uncertainty.resolution_ml / region.volume_ml
    samples = ActivitySamples(
        times_s=tuple(scan.time_s for scan in region.scans),
        activities_bq=tuple(scan.activity_bq for scan in region.scans),
        standard_uncertainties_bq=own_bq if known else None,
        systematic_relative_uncertainty=math.hypot(
            region.calibration_relative, region.recovery_relative, blur
        ),
        no_uncertainty_because=""
        if known
        else "image noise is left out, and the outline's voxels do not move the activity",
    )
    if len(region.scans) >= FEWEST_FOR_LEAST_SQUARES:
        return fit_time_activity(samples, physical_rate_per_s=physical_rate_per_s)
    prior = prior_of(region.name, is_lesion=region.is_lesion)
    if prior is None:
        raise DataError(
            f"{region.name} was scanned {len(region.scans)} time(s), and no population's courses "
            "are known for it.",
            remedy=f"Scan {FEWEST_FOR_LEAST_SQUARES} times, or leave the organ out.",
        )
    fit = bayesian if len(region.scans) == 1 else fit_with_prior
    return fit(samples, physical_rate_per_s=physical_rate_per_s, prior=prior)


def fit_without_outline(region: ScannedRegion, fit: TimeActivityFit) -> float:
    """Random uncertainty of the integral as a share, less what the mean outline does to it.

    The fit takes each scan's voxels as that scan's own. Their mean over the scans moves all
    activities, and with them the mass: it belongs to the outline, whose terms partly cancel. What
    differs between the scans is independent of that mean and stays with the fit:
    ``sum w_i d_i = mean(d) + sum (w_i - 1/n)(d_i - mean(d))`` where the weights sum to 1.
    """
    moved = [
        scan.activity_per_volume_bq_ml * scan.volume_uncertainty.voxel_ml / scan.activity_bq
        for scan in region.scans
    ]
    mean = math.hypot(*moved) / len(moved)
    random = fit.random_uncertainty_bq_s / fit.time_integrated_bq_s
    return math.sqrt(max(0.0, random**2 - mean**2))


def prior_share(region: ScannedRegion, fit: TimeActivityFit) -> float:
    """Of the variance of :func:`fit_without_outline`, what a population's courses leave."""
    apart = fit_without_outline(region, fit)
    if apart == 0:
        return 0.0
    return min(1.0, (fit.prior_uncertainty_bq_s / fit.time_integrated_bq_s / apart) ** 2)


def voxel_share(uncertainty: VolumeUncertainty) -> float:
    """Of the variance of a volume, what voxels do: new in every cycle."""
    return (uncertainty.voxel_ml / uncertainty.total_ml) ** 2 if uncertainty.total_ml else 0.0


def held_region(region: ScannedRegion, fit: TimeActivityFit, *, density_g_cm3: float) -> Region:
    """Decays and mass of a region, as an organ that holds it needs them."""
    return Region(
        region.name,
        TimeIntegratedActivity(fit.time_integrated_bq_s, fit.standard_uncertainty_bq_s),
        Mass(density_g_cm3 * region.volume_ml, density_g_cm3 * region.volume_uncertainty.total_ml),
    )


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
