"""Activity in a region at the time of a scan, with what is uncertain about it.

A scan in Bq/mL, or in counts with a calibration, becomes a :class:`QuantifiedScan`. Its volume
carries the instant its values refer to, and the only way to a time since administration leads over
that instant, so that nothing is corrected for decay twice.

References
----------
.. [1] Gear et al., Eur J Nucl Med Mol Imaging 45:2456, 2018 (EANM guidance).
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.measurement import Uncertainty
from operandi.domain.volume import Volume
from operandi.imaging.dicom.assemble import Stack
from operandi.imaging.pet.concentration import decay_reference
from operandi.imaging.pet.declaration import NOTHING_DECLARED, Declaration
from operandi.imaging.pet.injection import half_life_of, nuclide_of, require_plausible_uptake
from operandi.imaging.pet.suv import activity_concentration_of
from operandi.imaging.spect.counts import CountImage
from operandi.quantities.decay import frame_average_delay_s, remaining_fraction
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION
from operandi.quantities.nuclides import Nuclide
from operandi.therapy.calibration import Calibration, DeadTime, dead_time_factor
from operandi.therapy.delineation import (
    VolumeUncertainty,
    blurred_share,
    edge_sensitivity,
    volume_uncertainty,
)
from operandi.therapy.recovery import RecoveryCurve

_NO_RECOVERY: Final = "no recovery (what blur leaves outside, one-sided, as a standard uncertainty)"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantifiedScan:
    """A SPECT in Bq/mL.

    Parameters
    ----------
    volume : Volume of ACTIVITY_CONCENTRATION, shape (i, j, k)
        At ``volume.decay_reference``: scan or injection.
    scanned_at : datetime, aware
        When the activity was what the scan shows.
    nuclide : Nuclide
        What decays.
    half_life_s : float, > 0
        That the scanner used, s.
    calibration : Uncertainty
        Standard uncertainty of the calibration as a share of it, or why it is not known. It is one
        for all regions and all scans of the camera.
    fwhm_mm : float, >= 0
        Resolution of the reconstruction, full width at half maximum.
    evidence : tuple of str
        Which tags, declarations and tables said so.
    """

    volume: Volume
    scanned_at: datetime
    nuclide: Nuclide
    half_life_s: float
    calibration: Uncertainty
    fwhm_mm: float
    evidence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.volume.kind != ACTIVITY_CONCENTRATION:
            raise DataError(
                f"Activity needs a volume in Bq/mL, got {self.volume.kind.title}.",
                remedy="Counts need a calibration: cps/MBq in spect_calibrations.",
            )
        if self.volume.frames:
            raise ValueError("a quantified scan is one volume, not a dynamic one")
        if self.scanned_at.tzinfo is None:
            raise ValueError("scanned_at must be timezone-aware")
        if not (math.isfinite(self.fwhm_mm) and self.fwhm_mm >= 0):
            raise DataError(f"The SPECT's resolution is {self.fwhm_mm!r} mm; needed >= 0.")


def read_concentration(
    stack: Stack,
    *,
    zone: tzinfo,
    calibration: Uncertainty,
    fwhm_mm: float,
    declared: Declaration = NOTHING_DECLARED,
    injected_at: datetime | None = None,
) -> QuantifiedScan:
    """Read a quantitative SPECT in Bq/mL, of PET or NM storage.

    Parameters
    ----------
    stack : Stack
        As assembled.
    zone : tzinfo
        Of dates and times without an offset.
    calibration : Uncertainty
        Standard uncertainty of the scanner's calibration as a share, or why it is not known.
    fwhm_mm : float, >= 0
        Resolution of the reconstruction.
    declared : Declaration
        ``decay_corrected_to`` answers where the header leaves the instant open: quantitative
        177Lu SPECT says ADMIN with a DecayFactor of 1.
    injected_at : datetime, optional
        Recorded administration, where the header states none.

    Raises
    ------
    operandi.imaging.pet.concentration.AmbiguousReferenceError
        If only a declaration can tell what instant the values refer to.
    DataError
        If the image is not in Bq/mL, not corrected for attenuation, or its times contradict.
    """
    decay = decay_reference(stack.headers, declared=declared, zone=zone, injected_at=injected_at)
    volume = activity_concentration_of(stack, zone=zone, declared=declared, injected_at=injected_at)
    nuclide = nuclide_of(stack.headers[0], declared=declared)
    return QuantifiedScan(
        volume=volume,
        scanned_at=decay.scan,
        nuclide=nuclide,
        half_life_s=half_life_of(stack.headers[0], nuclide, declared=declared),
        calibration=calibration,
        fwhm_mm=fwhm_mm,
        evidence=decay.evidence,
    )


def quantify(
    counts: CountImage,
    calibration: Calibration,
    *,
    projection_time_s: float | None = None,
    dead_time: DeadTime | None = None,
    observed_rate_cps: float | None = None,
) -> QuantifiedScan:
    """Turn counts into Bq/mL: ``c = f N / (t Q v)``.

    *N* counts of a voxel, *t* the time of all projections, *Q* the calibration, *v* the voxel's
    volume and *f* the correction for dead time. Counts that the scanner did not correct for decay
    refer to the instant whose activity is the mean of the acquisition, which lasts ``t / heads``.

    Parameters
    ----------
    counts : CountImage
        The reconstruction.
    calibration : Calibration
        Of the same nuclide, camera, collimator and window.
    projection_time_s : float, optional
        *t*, where the header does not tell; GE's reconstructions do not.
    dead_time : DeadTime, optional
        Of the camera; without it *f* is 1.
    observed_rate_cps : float, optional
        The rate dead time acts on; needed with a dead time.

    Raises
    ------
    DataError
        If the calibration is of something else, the duration is missing or contradicts the
        header, or the dead time cannot be corrected.
    """
    untold = calibration.require_for(
        nuclide=counts.nuclide,
        camera=counts.camera,
        collimator=counts.collimator,
        windows_kev=counts.windows_kev,
    )
    time_s = _projection_time_s(counts, projection_time_s)
    factor, factor_u = dead_time_factor(dead_time, observed_rate_cps)
    per_count = (
        factor * 1e6 / (time_s * calibration.cps_per_mbq * counts.volume.grid.voxel_volume_ml)
    )
    at = counts.corrected_to or counts.started_at + timedelta(
        seconds=frame_average_delay_s(
            time_s / calibration.setup.heads, half_life_s=counts.half_life_s
        )
    )
    relative = calibration.relative_uncertainty
    if relative.standard is not None:
        relative = Uncertainty(math.hypot(relative.standard, factor_u / factor), relative.basis)
    values = (counts.volume.values * np.float64(per_count)).astype(np.float32)
    return QuantifiedScan(
        volume=Volume(values, counts.volume.grid, ACTIVITY_CONCENTRATION, at),
        scanned_at=at if counts.corrected_to is None else counts.started_at,
        nuclide=counts.nuclide,
        half_life_s=counts.half_life_s,
        calibration=relative,
        fwhm_mm=calibration.setup.fwhm_mm,
        evidence=(
            *counts.evidence,
            f"{calibration.cps_per_mbq:g} cps/MBq of {calibration.setup.camera}",
            f"{time_s:g} s of projections",
            *(() if dead_time is None else (f"dead time factor {factor:.4f}",)),
            *untold,
        ),
    )


def _projection_time_s(counts: CountImage, given_s: float | None) -> float:
    stated_s = counts.projection_time_s
    if stated_s is None and given_s is None:
        raise DataError(
            "The header does not tell how long the projections of this reconstruction took "
            "together: counts are no rate.",
            remedy="Fill in projection_time_s in spect_calibrations: number of projections times "
            "the duration of one.",
        )
    if (
        stated_s is not None
        and given_s is not None
        and not math.isclose(stated_s, given_s, rel_tol=0.01)
    ):
        raise DataError(
            f"The header's projections took {stated_s:g} s together, but projection_time_s is "
            f"{given_s:g} s.",
            remedy="Correct projection_time_s in spect_calibrations, or leave it blank.",
        )
    time_s = given_s if given_s is not None else stated_s
    if time_s is None or not (math.isfinite(time_s) and time_s > 0):
        raise DataError(
            f"projection_time_s is {time_s!r}; needed > 0.",
            remedy="Correct it in spect_calibrations.",
        )
    return time_s


def decayed_to(volume: Volume, instant: datetime, *, half_life_s: float) -> Volume:
    """The same activity concentration as it was, or will be, at *instant*.

    Parameters
    ----------
    volume : Volume of ACTIVITY_CONCENTRATION
        At its decay reference.
    instant : datetime, aware
        Becomes the decay reference, so that a second call does nothing more.
    half_life_s : float, > 0
        Physical half-life, s.

    Raises
    ------
    DataError
        If the volume does not decay.
    """
    if volume.decay_reference is None:
        raise DataError(f"{volume.kind.title.capitalize()} refers to no instant: it cannot decay.")
    elapsed_s = (instant - volume.decay_reference).total_seconds()
    factor = remaining_fraction(elapsed_s, half_life_s=half_life_s)
    values = volume.values if factor == 1.0 else (volume.values * factor).astype(np.float32)
    return replace(volume, values=values, decay_reference=instant)


@dataclass(frozen=True, slots=True, eq=False)
class FractionalRegion:
    """A region that takes part of its outermost voxels.

    Parameters
    ----------
    fractions : array, (i, j, k)
        Share of each voxel that belongs, 0 to 1. Kept without a copy and set read-only.
    grid : Grid
        Where the voxels lie.
    """

    fractions: npt.NDArray[np.floating]
    grid: Grid

    def __post_init__(self) -> None:
        if self.fractions.shape != self.grid.shape:
            raise ValueError(f"fractions {self.fractions.shape} do not fit {self.grid.shape}")
        # Comparisons with NaN are false, so this refuses it too.
        if not (self.fractions.min() >= 0 and self.fractions.max() <= 1):
            raise ValueError("fractions must lie between 0 and 1")
        self.fractions.setflags(write=False)

    @property
    def volume_ml(self) -> float:
        """Volume of the parts, mL."""
        return float(self.fractions.sum(dtype=np.float64)) * self.grid.voxel_volume_ml


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A region and how well its edge is known.

    Parameters
    ----------
    region : Mask or FractionalRegion
        On the grid of the scan.
    fwhm_mm : float, >= 0
        Resolution of the image that it was drawn in: of the CT for an outline from CT.
    voxel_mm : three floats or None
        Voxel that it was drawn on, where that was not the scan's.
    """

    region: Mask | FractionalRegion
    fwhm_mm: float
    voxel_mm: tuple[float, float, float] | None = None

    @property
    def volume_ml(self) -> float:
        """Volume of the region, mL."""
        return self.region.volume_ml

    @property
    def volume_uncertainty(self) -> VolumeUncertainty:
        """Of the volume, in its two parts; see :mod:`operandi.therapy.delineation`."""
        return volume_uncertainty(
            self.region.volume_ml,
            voxel_mm=self.voxel_mm or self.region.grid.spacing_mm,
            outline_fwhm_mm=self.fwhm_mm,
        )


@dataclass(frozen=True, slots=True)
class NotRecovered:
    """Why a region's activity is not corrected for what blurring took out of it.

    Parameters
    ----------
    reason : str
        Such as that the region is large, or drawn around the spill-out. Never empty.
    """

    reason: str

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError("no recovery needs its reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityMeasurement:
    """Activity of a region at one scan.

    Near the measured values ``A = A0 (1 + q + p + e) + (dA/dv)(v - v0)``, with *q* of the
    calibration, *p* of the recovery curve's parameters and *e* of image noise. *q* and *p* are the
    same for every scan of the camera and every region of that volume; *e* is of this scan alone.
    Of *v - v0*, the part from resolution is the same for all scans, the part from voxels for those
    alone that one outline is used on.

    Parameters
    ----------
    activity_bq : float, > 0
        At the scan, recovered.
    standard_uncertainty_bq : float or None
        From all four; None where the calibration's is not known.
    basis : str
        What the uncertainty holds, or why there is none.
    volume_ml : float
        Of the outline.
    volume_uncertainty : VolumeUncertainty
        Of the outline, by what each outline has anew and what all have in common.
    time_s : float, >= 0
        From administration to scan.
    scanned_at : datetime, aware
        The scan.
    calibration_relative : float or None
        Standard uncertainty *q*.
    recovery_relative : float
        Standard uncertainty *p*: ``sqrt(g' V g) / R``. Where nothing was recovered, the share that
        a blurred sphere of the volume has outside its outline: the error is one-sided, the
        activity too low by about that much, and it is given as a standard uncertainty.
    noise_relative : float
        Standard uncertainty *e*.
    activity_per_volume_bq_ml : float
        ``dA/dv = A (phi / (2 R v) - R'(v) / R)``: counts that a moved edge takes in, less the
        recovery that a larger volume has.
    recovery : float
        *R* that the activity was divided by; 1 where it was not.
    recovery_gradient : (float, float)
        ``(dR/db1, dR/db2)`` with b1 in mL, for regions of different volumes that share the curve;
        zero where there is none.
    notes : tuple of str
        What a reader must know, such as a volume beyond those measured.
    """

    activity_bq: float
    standard_uncertainty_bq: float | None
    basis: str
    volume_ml: float
    volume_uncertainty: VolumeUncertainty
    time_s: float
    scanned_at: datetime
    calibration_relative: float | None
    recovery_relative: float
    noise_relative: float
    activity_per_volume_bq_ml: float
    recovery: float
    recovery_gradient: tuple[float, float]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.activity_bq) and self.activity_bq > 0):
            raise DataError(
                f"The region's activity is {self.activity_bq:g} Bq; needed > 0.",
                remedy="Check the region and the image; leave out a region without activity.",
            )
        if not self.time_s >= 0:
            raise DataError(
                f"The scan lies {-self.time_s / 3600:.2f} h before the administration.",
                remedy="Check both times.",
            )

    @property
    def covariance_bq_ml(self) -> float:
        """Of activity and volume, Bq mL: ``(dA/dv) u(v)^2``."""
        return self.activity_per_volume_bq_ml * self.volume_uncertainty.total_ml**2

    @property
    def own_uncertainty_bq(self) -> float:
        """What this scan shares with no other, Bq: noise, and voxels of an outline drawn anew."""
        return math.hypot(
            self.noise_relative * self.activity_bq,
            self.activity_per_volume_bq_ml * self.volume_uncertainty.voxel_ml,
        )


def activity_in(
    scan: QuantifiedScan,
    outline: Outline,
    *,
    administration: Administration,
    recovery: RecoveryCurve | NotRecovered,
    noise_relative: float = 0.0,
) -> ActivityMeasurement:
    """Measure the activity of a region at the time of the scan.

    ``A = R^-1 sum_voxels c v``, decayed from the volume's decay reference to the scan, and
    ``u(A)^2 = A^2 (q^2 + p^2 + e^2) + (dA/dv)^2 u(v)^2``; see :class:`ActivityMeasurement`.

    Parameters
    ----------
    scan : QuantifiedScan
        In Bq/mL.
    outline : Outline
        The region.
    administration : Administration
        Of the therapy.
    recovery : RecoveryCurve or NotRecovered
        There is no default: either the curve or the reason.
    noise_relative : float, >= 0
        Standard uncertainty of the region's counts by noise, as a share, where it is known. 0
        leaves it out, and the basis says so.

    Raises
    ------
    GridMismatchError
        If the region lies on another grid.
    DataError
        If the region is empty, its activity not positive, the scan before the administration, of
        another nuclide, or the volume below those of the recovery curve.

    References
    ----------
    .. [1] Gear et al., Eur J Nucl Med Mol Imaging 45:2456, 2018.
    """
    region = outline.region
    scan.volume.grid.require_same(region.grid, what="The scan and the region")
    _require_after(administration, scan)
    if not (math.isfinite(noise_relative) and noise_relative >= 0):
        raise DataError(f"noise_relative is {noise_relative!r}; needed >= 0.")
    volume_ml = region.volume_ml
    if not volume_ml > 0:
        raise DataError("The region holds no voxel.", remedy="Draw it on this scan.")
    seen_bq = _summed_bq(scan, region)
    volume_u = outline.volume_uncertainty
    found = _recovery(recovery, volume_ml, fwhm_mm=scan.fwhm_mm)
    edge = edge_sensitivity(volume_ml, fwhm_mm=scan.fwhm_mm, recovery=found.held)
    activity = seen_bq / found.divisor
    per_ml = activity * (edge / volume_ml - found.slope_per_ml / found.divisor)
    parameter = found.parameter_uncertainty / found.divisor
    calibration = scan.calibration
    if calibration.standard is None:
        standard, basis = None, f"calibration: {calibration.basis}"
    else:
        standard = math.hypot(
            activity * math.hypot(calibration.standard, parameter, noise_relative),
            per_ml * volume_u.total_ml,
        )
        basis = (
            f"EANM law of propagation: calibration ({calibration.basis}), outline, "
            f"{_NO_RECOVERY if isinstance(recovery, NotRecovered) else 'recovery'}, "
            f"{'noise' if noise_relative else 'image noise left out'}"
        )
    return ActivityMeasurement(
        activity_bq=activity,
        standard_uncertainty_bq=standard,
        basis=basis,
        volume_ml=volume_ml,
        volume_uncertainty=volume_u,
        time_s=(scan.scanned_at - administration.at).total_seconds(),
        scanned_at=scan.scanned_at,
        calibration_relative=calibration.standard,
        recovery_relative=parameter,
        noise_relative=noise_relative,
        activity_per_volume_bq_ml=per_ml,
        recovery=found.divisor,
        recovery_gradient=found.gradient,
        notes=found.notes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recovery:
    """What divides the counts, and what the outline holds of them where nothing does."""

    divisor: float
    held: float
    slope_per_ml: float = 0.0
    gradient: tuple[float, float] = (0.0, 0.0)
    parameter_uncertainty: float = 0.0
    notes: tuple[str, ...] = ()


def _recovery(
    recovery: RecoveryCurve | NotRecovered, volume_ml: float, *, fwhm_mm: float
) -> _Recovery:
    if isinstance(recovery, NotRecovered):
        held = blurred_share(volume_ml, fwhm_mm=fwhm_mm)
        return _Recovery(
            divisor=1.0,
            held=held,
            parameter_uncertainty=1.0 - held,
            notes=(f"not corrected for recovery: {recovery.reason}",),
        )
    coefficient = recovery.at(volume_ml)
    by_b1, by_b2 = recovery.gradient(volume_ml).tolist()
    beyond = (
        f"recovery of {volume_ml:.3g} mL extrapolated beyond the largest sphere measured, "
        f"{recovery.fitted_ml[1]:.3g} mL"
    )
    return _Recovery(
        divisor=coefficient,
        held=coefficient,
        slope_per_ml=recovery.slope_per_ml(volume_ml),
        gradient=(by_b1, by_b2),
        parameter_uncertainty=recovery.parameter_uncertainty(volume_ml),
        notes=(beyond,) if recovery.is_beyond(volume_ml) else (),
    )


def _require_after(administration: Administration, scan: QuantifiedScan) -> None:
    if administration.nuclide != scan.nuclide:
        raise DataError(
            f"{administration.nuclide.name} was administered, but the scan is of "
            f"{scan.nuclide.name}.",
            remedy="Check that the scan is of this therapy.",
        )
    require_plausible_uptake(administration, scan.scanned_at, source="the administration")


def _summed_bq(scan: QuantifiedScan, region: Mask | FractionalRegion) -> float:
    """Activity within the outline at the scan, as the image shows it, Bq."""
    values = scan.volume.values
    if isinstance(region, Mask):
        total = float(values[region.inside].sum(dtype=np.float64))
    else:
        taken = region.fractions > 0
        total = float(np.dot(values[taken].astype(np.float64), region.fractions[taken]))
    reference = scan.volume.decay_reference
    if reference is None:
        raise ValueError("activity concentration without a decay reference")
    elapsed_s = (scan.scanned_at - reference).total_seconds()
    decay = remaining_fraction(elapsed_s, half_life_s=scan.half_life_s)
    activity = total * scan.volume.grid.voxel_volume_ml * decay
    if not activity > 0:
        raise DataError(
            f"The region's activity is {activity:g} Bq; needed > 0.",
            remedy="Check the region and the image; leave out a region without activity.",
        )
    return activity
