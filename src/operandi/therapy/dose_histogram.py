"""Dose-volume and BED-volume histograms, which carry what resolution and noise do to them."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ABSORBED_DOSE, BIOLOGICALLY_EFFECTIVE_DOSE, Kind

Floats = npt.NDArray[np.float64]

RESOLVED_AT_FWHM: Final = 3.0
"""Below this many resolution widths across, a histogram shows the scanner more than the patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What the image could show of the region.

    Parameters
    ----------
    fwhm_mm : float
        Resolution of the activity image, mm.
    extent_mm : float
        Smallest extent of the region (diameter of a lesion, thickness of a cortex), mm.
    noise_gy : float or None
        Standard deviation of the dose of one voxel by noise alone, Gy; None if not known.
    """

    fwhm_mm: float
    extent_mm: float
    noise_gy: float | None

    def __post_init__(self) -> None:
        if not (self.fwhm_mm > 0 and self.extent_mm > 0) or (
            self.noise_gy is not None and not self.noise_gy >= 0
        ):
            raise DataError(
                "a histogram needs resolution and extent > 0 and a noise >= 0, got"
                f" {self.fwhm_mm} mm, {self.extent_mm} mm, {self.noise_gy} Gy",
                remedy="Supply the resolution of the reconstruction; None where noise is unknown.",
            )

    @property
    def resolved(self) -> bool:
        """Whether the region is at least :data:`RESOLVED_AT_FWHM` widths across."""
        return self.extent_mm >= RESOLVED_AT_FWHM * self.fwhm_mm

    @property
    def warning(self) -> str:
        """What to keep in mind, for every display of the histogram. Never empty."""
        widths = self.extent_mm / self.fwhm_mm
        if self.resolved:
            words = (
                f"The region is {widths:.1f} resolution widths across. Its edge is blurred over"
                f" {self.fwhm_mm:.0f} mm, which widens the histogram, and detail below that is"
                " averaged, which narrows it."
            )
        else:
            words = (
                f"The region is only {widths:.1f} resolution widths across (3 are needed): the"
                " histogram shows the blur of the scanner, not the spread of dose in the tissue."
                " Use the mean."
            )
        if self.noise_gy is None:
            return words + " The noise is not known; it widens the histogram too."
        return words + f" Noise alone spreads it by {self.noise_gy:.2g} Gy (standard deviation)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Bias:
    """How much the mean of an effective dose is raised by noise.

    Parameters
    ----------
    mean_gy : float or None
        ``sigma^2 G / (alpha/beta)``, Gy: subtract it from the mean. None if the noise is unknown.
    words : str
        The same for people.
    """

    mean_gy: float | None
    words: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DoseVolumeHistogram:
    """Cumulative: which share of the region has at least so much.

    Parameters
    ----------
    kind : Kind
        ABSORBED_DOSE or BIOLOGICALLY_EFFECTIVE_DOSE.
    dose_gy : array, (n,), ascending
        Doses of the voxels, sorted.
    share_at_least : array, (n,), descending from 1
        Share of the volume with at least ``dose_gy[i]``.
    volume_ml : float
        Of the region.
    mean_gy : float
        Volume-weighted.
    resolution : Resolution
        With the warning.
    bias : Bias or None
        For effective doses.
    """

    kind: Kind
    dose_gy: Floats
    share_at_least: Floats
    volume_ml: float
    mean_gy: float
    resolution: Resolution
    bias: Bias | None

    def dose_to_hottest_gy(self, share: float) -> float:
        """``D_x``: the least dose of the hottest *share* (0.98 near minimum, 0.02 near maximum)."""
        if not 0 < share <= 1:
            raise ValueError(f"a share lies in (0, 1]: {share}")
        # Last voxel of which at least this share is as hot or hotter; rounding forgiven.
        at = int(np.flatnonzero(self.share_at_least >= share * (1.0 - 1e-12))[-1])
        return float(self.dose_gy[at])

    def share_with(self, *, at_least_gy: float) -> float:
        """``V_x``: share of the volume with at least this dose."""
        at = int(np.searchsorted(self.dose_gy, at_least_gy, side="left"))
        return float(self.share_at_least[at]) if at < self.dose_gy.size else 0.0


def dose_volume_histogram(
    dose_gy: npt.ArrayLike,
    inside: npt.ArrayLike,
    *,
    voxel_volume_ml: float,
    resolution: Resolution,
) -> DoseVolumeHistogram:
    """Cumulative histogram of absorbed dose.

    Parameters
    ----------
    dose_gy : array, any shape, >= 0
        Absorbed dose map, Gy.
    inside : array of bool, same shape
        The region.
    voxel_volume_ml : float, > 0
        mL.
    resolution : Resolution
        Of the activity image; there is no histogram without it.

    Raises
    ------
    DataError
        If the region is empty or a dose in it is negative or not finite.
    """
    dose = _doses(dose_gy, inside)
    return _histogram(
        dose, ABSORBED_DOSE, voxel_volume_ml=voxel_volume_ml, resolution=resolution, bias=None
    )


def effective_dose_volume_histogram(
    dose_gy: npt.ArrayLike,
    inside: npt.ArrayLike,
    *,
    g: npt.ArrayLike,
    alpha_beta_gy: float,
    voxel_volume_ml: float,
    resolution: Resolution,
) -> DoseVolumeHistogram:
    """Cumulative histogram of biologically effective dose, with its noise bias.

    ``BED = D + G D^2 / (alpha/beta)`` in each voxel. Noise of variance sigma^2 in *D* raises the
    mean of D^2 by sigma^2, so the mean BED by ``sigma^2 G / (alpha/beta)``; its median is not
    raised. The bias is stated, not subtracted: the voxels themselves cannot be corrected.

    Parameters
    ----------
    dose_gy, inside, voxel_volume_ml, resolution
        As in :func:`dose_volume_histogram`.
    g : float or array of the shape of *dose_gy*, in (0, 1]
        Dose-protraction factor.
    alpha_beta_gy : float, > 0
        Gy.
    """
    dose = _doses(dose_gy, inside)
    region = np.asarray(inside, dtype=bool)
    factor = np.broadcast_to(np.asarray(g, dtype=np.float64), region.shape)[region]
    if not (math.isfinite(alpha_beta_gy) and alpha_beta_gy > 0):
        raise DataError(
            f"alpha/beta must be > 0, got {alpha_beta_gy} Gy",
            remedy="Supply alpha/beta of this tissue; there is no default.",
        )
    if not ((factor > 0) & (factor <= 1)).all():
        raise DataError(
            "dose-protraction factors lie in (0, 1]", remedy="Take them from lea_catcheside."
        )
    return _histogram(
        dose * (1.0 + factor * dose / alpha_beta_gy),
        BIOLOGICALLY_EFFECTIVE_DOSE,
        voxel_volume_ml=voxel_volume_ml,
        resolution=resolution,
        bias=_noise_bias(resolution.noise_gy, g=float(factor.mean()), alpha_beta_gy=alpha_beta_gy),
    )


def _noise_bias(noise_gy: float | None, *, g: float, alpha_beta_gy: float) -> Bias:
    if noise_gy is None:
        return Bias(
            mean_gy=None,
            words=(
                "Noise raises the mean effective dose by G/(alpha/beta) times its variance; the"
                " noise is not known, so the mean is too high by an unknown amount."
            ),
        )
    mean = noise_gy**2 * g / alpha_beta_gy
    return Bias(
        mean_gy=mean,
        words=(
            f"Noise of {noise_gy:.2g} Gy a voxel raises the mean effective dose by {mean:.2g} Gy"
            " (variance times G/(alpha/beta)); not subtracted."
        ),
    )


def _doses(dose_gy: npt.ArrayLike, inside: npt.ArrayLike) -> Floats:
    dose, region = np.asarray(dose_gy, dtype=np.float64), np.asarray(inside, dtype=bool)
    if dose.shape != region.shape:
        raise ValueError(f"dose of shape {dose.shape}, region of shape {region.shape}")
    chosen = dose[region]
    if chosen.size == 0 or not np.isfinite(chosen).all() or float(chosen.min()) < 0:
        raise DataError(
            "a histogram needs a region of at least one voxel with finite doses >= 0",
            remedy="Check the outline and the dose map.",
        )
    return np.asarray(chosen, dtype=np.float64)


def _histogram(
    dose: Floats, kind: Kind, *, voxel_volume_ml: float, resolution: Resolution, bias: Bias | None
) -> DoseVolumeHistogram:
    if not (math.isfinite(voxel_volume_ml) and voxel_volume_ml > 0):
        raise DataError(
            f"a voxel volume must be > 0, got {voxel_volume_ml} mL", remedy="Supply it."
        )
    ascending = np.sort(dose)
    share = np.arange(dose.size, 0, -1) / dose.size
    for array in (ascending, share):
        array.setflags(write=False)
    return DoseVolumeHistogram(
        kind=kind,
        dose_gy=ascending,
        share_at_least=share,
        volume_ml=dose.size * voxel_volume_ml,
        mean_gy=float(dose.mean()),
        resolution=resolution,
        bias=bias,
    )
