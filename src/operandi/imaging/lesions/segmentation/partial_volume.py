"""Mean SUV of a lesion with the blur of the image accounted for."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.imaging.lesions.segmentation.blur_fit import fit_blurred
from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood
from operandi.imaging.lesions.segmentation.settings import SuvMeanCorrection

_FWHM_TO_SIGMA = 1.0 / 2.354820045


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedMean:
    """Mean SUV of a lesion.

    Parameters
    ----------
    value : float or None
        g/mL; None where it cannot be told.
    standard_uncertainty : float or None
        Of resolution and border, g/mL. Not of noise, nor of a wrong choice of lesion.
    uncorrected : float
        Plain mean of the voxels, g/mL.
    recovery : float or None
        Share of the lesion's contrast that the plain mean keeps.
    correction : SuvMeanCorrection
        What was done.
    absent : str
        Why there is no value; else empty.
    """

    value: float | None
    standard_uncertainty: float | None
    uncorrected: float
    recovery: float | None
    correction: SuvMeanCorrection
    absent: str = ""


LOWEST_RECOVERY = 0.3
"""Below this the correction would more than triple contrast, and errors with it."""


def recovery_of(
    inside: npt.NDArray[np.bool_], *, spacing_mm: tuple[float, float, float], fwhm_mm: float
) -> float:
    """Share of a uniform lesion's contrast that its own voxels keep after blur.

    ``R = sum(m * (g * m)) / sum(m)`` with the mask *m* and a Gaussian *g* of the resolution.
    """
    sigma = [fwhm_mm * _FWHM_TO_SIGMA / mm for mm in spacing_mm]
    pad = [math.ceil(4.0 * s) + 1 for s in sigma]
    wide = np.pad(inside, [(n, n) for n in pad]).astype(np.float64)
    blurred = ndimage.gaussian_filter(wide, sigma, mode="constant")
    return float(blurred[wide > 0].mean())


def corrected_mean(
    around: SeedNeighborhood,
    inside: npt.NDArray[np.bool_],
    *,
    fwhm_mm: float,
    fwhm_sd_mm: float,
    peak: float | None,
    correction: SuvMeanCorrection,
) -> CorrectedMean:
    """Estimate the mean SUV that a lesion has without blur.

    Fit: the uptake of ``fit_blurred``, with a border of its own. Recovery:
    ``S = b + (mean - b) / R`` for a uniform lesion of the mask's shape on background *b* (the
    geometric transfer matrix [1]_ with one region). Of both the standard uncertainty combines the
    border (the half range over contours that fit nearly as well, or over borders moved by a voxel
    in and out, taken as a uniform distribution) and the change by ``fwhm_sd_mm``.

    Parameters
    ----------
    around : SeedNeighborhood
        Image and background around the lesion.
    inside : bool array, (i, j, k)
        The lesion. Never empty.
    fwhm_mm, fwhm_sd_mm : float
        Resolution and its standard uncertainty, mm.
    peak : float or None
        SUVpeak, g/mL; for ``SuvMeanCorrection.PEAK``.
    correction : SuvMeanCorrection
        What to do.

    References
    ----------
    .. [1] Rousset, Ma and Evans, J Nucl Med 39:904, 1998 (recalled).
    """
    plain = float(around.suv[inside].mean())
    value: float | None = plain
    uncertainty, recovery, absent = None, None, ""
    if correction is SuvMeanCorrection.PEAK:
        value, absent = peak, "" if peak is not None else "no sphere of 1 mL fits"
    elif correction is not SuvMeanCorrection.NONE:
        recovery = recovery_of(inside, spacing_mm=around.spacing_mm, fwhm_mm=fwhm_mm)
        if recovery < LOWEST_RECOVERY:
            value = None
            absent = (
                f"the lesion keeps {100 * recovery:.0f} % of its contrast, too little to "
                f"correct by (least {100 * LOWEST_RECOVERY:.0f} %)"
            )
        else:
            estimate = _fitted if correction is SuvMeanCorrection.FIT else _recovered
            value, border = estimate(around, inside, fwhm_mm=fwhm_mm)
            other, _ = estimate(around, inside, fwhm_mm=fwhm_mm + fwhm_sd_mm)
            uncertainty = math.hypot(border / math.sqrt(3.0), other - value)
    return CorrectedMean(
        value=value,
        standard_uncertainty=uncertainty,
        uncorrected=plain,
        recovery=recovery,
        correction=correction,
        absent=absent,
    )


def _fitted(
    around: SeedNeighborhood, inside: npt.NDArray[np.bool_], *, fwhm_mm: float
) -> tuple[float, float]:
    """Uptake and half range by the blur fit; the lesion's own border plays no part."""
    del inside
    fit = fit_blurred(around, fwhm_mm=fwhm_mm)
    return fit.uptake, (fit.highest - fit.lowest) / 2.0


def _recovered(
    around: SeedNeighborhood, inside: npt.NDArray[np.bool_], *, fwhm_mm: float
) -> tuple[float, float]:
    """Mean over recovery, and the half range over borders half a voxel in and out."""
    cross = ndimage.generate_binary_structure(3, 1)
    eroded = ndimage.binary_erosion(inside, cross)
    smaller = eroded if eroded.any() else inside
    larger = ndimage.binary_dilation(inside, cross)
    own, low, high = (
        around.background
        + (float(around.suv[mask].mean()) - around.background)
        / recovery_of(mask, spacing_mm=around.spacing_mm, fwhm_mm=fwhm_mm)
        for mask in (inside, smaller, larger)
    )
    return own, abs(low - high) / 4.0
