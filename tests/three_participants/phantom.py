"""An analytic torso for PET and MR: ellipsoids whose every value is known.

Small on purpose: it shows that the road runs and that its numbers come out right. It is no model
of a person: organs are ellipsoids, nothing breathes, and attenuation, scatter and reconstruction
enter only as a blur, as noise, and as the dark middle of the uncorrected PET.

What is taken from the literature: uptake of liver 4.8 g/mL (range 2.3-12.4), spleen 16-17 and
hepatic metastases 16.5 +- 8.0 in 68Ga-DOTANOC and -DOTATATE, and diffusion of liver 1.28, spleen
0.85 and kidney 1.94 in 1e-3 mm2/s (priors of the project's survey of the field); renal uptake
13 g/mL [1]_; attenuation of water at 511 keV 0.096/cm [2]_. Everything else (bladder, blood,
marrow, lung and background uptake, MR signal, size and place of organs) is chosen to look
plausible and has no source.

References
----------
.. [1] Poeppel et al., J Nucl Med 52:1864, 2011: renal SUVmax 13.2 +- 3.3 with 68Ga-DOTATOC.
.. [2] Berger et al., XCOM, NIST Standard Reference Database 8.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask

Array = npt.NDArray[np.float32]
Point = tuple[float, float, float]

PSF_FWHM_MM: Final = 6.0
"""Resolution of the simulated PET, full width at half maximum."""

LIVER_NOISE: Final = 0.05
"""Relative standard deviation of a liver voxel; elsewhere noise grows with the root of uptake."""

MR_NOISE: Final = 6.0
"""Standard deviation of each MR channel, in the arbitrary unit of the signal."""

_WATER_ATTENUATION_PER_MM: Final = 0.0096
_SUBSAMPLES: Final = 3
_HALF: Final = 0.5
_REFERENCE_SUV: Final = 4.8
_BODY_MM: Final = (175.0, 115.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """What the scanners would see of a tissue.

    Parameters
    ----------
    suv : float
        Uptake, g/mL.
    water, fat : float
        T1-weighted signal of each Dixon image, arbitrary unit.
    diffusion : float
        Diffusion-weighted signal at b = 0, arbitrary unit.
    adc_mm2_s : float
        Apparent diffusion coefficient, mm2/s.
    """

    suv: float
    water: float
    fat: float
    diffusion: float
    adc_mm2_s: float


@dataclass(frozen=True, slots=True)
class Region:
    """An ellipsoid of one tissue; infinite semi-axes make a cylinder.

    Parameters
    ----------
    name : str
        What it is.
    center_lps_mm, semi_axes_mm : tuple of float
        Along the patient's x, y and z, mm.
    tissue : Tissue
        What it consists of.
    """

    name: str
    center_lps_mm: Point
    semi_axes_mm: Point
    tissue: Tissue


def lesion_tissue(*, suv: float, adc_mm2_s: float) -> Tissue:
    """Make a metastasis: dark on T1, bright on diffusion, hot on PET."""
    return Tissue(suv=suv, water=380.0, fat=12.0, diffusion=1100.0, adc_mm2_s=adc_mm2_s)


def torso(*, liver_suv: float, lesions: Sequence[Region] = ()) -> tuple[Region, ...]:
    """List the regions of a torso; where two overlap, the later one fills the voxel.

    Parameters
    ----------
    liver_suv : float
        Uptake of healthy liver, g/mL.
    lesions : sequence of Region
        Painted last.
    """

    def tissue(suv: float, water: float, fat: float, diffusion: float, adc: float) -> Tissue:
        return Tissue(suv=suv, water=water, fat=fat, diffusion=diffusion, adc_mm2_s=adc * 1e-3)

    endless = math.inf
    kidney = tissue(13.0, 500.0, 20.0, 900.0, 1.94)
    lung = tissue(0.4, 40.0, 5.0, 40.0, 2.0)
    return (
        Region("body", (0, 0, 0), (*_BODY_MM, endless), tissue(0.3, 60, 900, 60, 0.3)),
        Region("muscle", (0, 0, 0), (157.0, 97.0, endless), tissue(0.8, 420, 60, 350, 1.6)),
        Region("lung_right", (-78, 0, 200), (62, 78, 55), lung),
        Region("lung_left", (78, 0, 200), (62, 78, 75), lung),
        Region("vertebrae", (0, 65, 0), (21, 19, endless), tissue(0.9, 300, 300, 250, 0.6)),
        Region("aorta", (12, 35, 0), (11, 11, endless), tissue(1.5, 200, 5, 60, 2.5)),
        Region("liver", (-70, -10, 95), (85, 75, 65), tissue(liver_suv, 650, 40, 500, 1.28)),
        Region("spleen", (115, 35, 95), (28, 38, 48), tissue(16.5, 450, 10, 950, 0.85)),
        Region("kidney_left", (68, 48, 25), (28, 25, 55), kidney),
        Region("kidney_right", (-60, 60, 0), (28, 24, 52), kidney),
        Region("urinary_bladder", (0, -40, -140), (35, 30, 28), tissue(20.0, 150, 2, 1300, 2.8)),
        *lesions,
    )


def organ_mask(regions: Sequence[Region], name: str, *, grid: Grid) -> Mask:
    """Voxels at least half inside the region called *name*, lesions in it included."""
    (region,) = [region for region in regions if region.name == name]
    inside = np.zeros(grid.shape, dtype=bool)
    box, share = _coverage(region, grid)
    inside[box] = share >= _HALF
    return Mask(inside=inside, grid=grid)


def pet_suv(
    regions: Sequence[Region],
    *,
    grid: Grid,
    seed: Sequence[int],
    noise: bool = True,
    fwhm_mm: float = PSF_FWHM_MM,
) -> Array:
    """Attenuation-corrected PET in SUV, g/mL: uptake, blurred, with noise as fine as the blur.

    Parameters
    ----------
    regions : sequence of Region
        What lies in the scanner.
    grid : Grid
        Voxels; the axes must run along the patient's.
    seed : sequence of int
        Of the noise.
    noise : bool
        False for the expected image.
    fwhm_mm : float
        Resolution, full width at half maximum.
    """
    painted = _paint(regions, grid, lambda tissue: (tissue.suv,))[..., 0]
    clean = _blurred(painted, grid, fwhm_mm=fwhm_mm)
    if not noise:
        return clean
    grain = _blurred(_white_noise(grid.shape, seed), grid, fwhm_mm=fwhm_mm)
    deviation = LIVER_NOISE * np.sqrt(_REFERENCE_SUV * clean)
    noisy: Array = np.maximum(clean + deviation * grain / np.std(grain), 0.0)
    return noisy


def without_attenuation_correction(suv: Array, *, grid: Grid) -> Array:
    """Darken a PET as an elliptical cylinder of water does, averaged over directions in a slice.

    Scatter is left out.
    """
    columns, rows, _ = _axes(grid)
    x, y = columns[:, None] / _BODY_MM[0], rows[None, :] / _BODY_MM[1]
    angles = np.arange(8) * math.pi / 8
    kept = np.zeros((len(columns), len(rows)), dtype=np.float32)
    for angle in angles:
        u, v = math.cos(angle) / _BODY_MM[0], math.sin(angle) / _BODY_MM[1]
        square = u * u + v * v
        chord = (
            2 * np.sqrt(np.maximum((x * u + y * v) ** 2 - square * (x**2 + y**2 - 1), 0)) / square
        )
        kept += np.exp(-_WATER_ATTENUATION_PER_MM * chord) / len(angles)
    darkened: Array = suv * kept[:, :, None]
    return darkened


def dixon(
    regions: Sequence[Region], *, grid: Grid, seed: Sequence[int], noise: bool = True
) -> tuple[Array, Array]:
    """T1-weighted Dixon water and fat images, arbitrary unit."""
    signal = _paint(regions, grid, lambda tissue: (tissue.water, tissue.fat))
    water, fat = (
        _magnitude(signal[..., n], (*seed, n), noise=noise) for n in range(signal.shape[-1])
    )
    return water, fat


def diffusion(
    regions: Sequence[Region],
    *,
    grid: Grid,
    b_values_s_mm2: Sequence[float],
    seed: Sequence[int],
    noise: bool = True,
) -> tuple[Array, ...]:
    """Trace-weighted images, ``S0 * exp(-b * ADC)`` in every tissue, one for each b value."""
    signal = _paint(
        regions,
        grid,
        lambda tissue: tuple(
            tissue.diffusion * math.exp(-b * tissue.adc_mm2_s) for b in b_values_s_mm2
        ),
    )
    return tuple(
        _magnitude(signal[..., n], (*seed, n), noise=noise) for n in range(signal.shape[-1])
    )


def _paint(
    regions: Sequence[Region], grid: Grid, signals: Callable[[Tissue], tuple[float, ...]]
) -> Array:
    """Fill voxels with the signals of their tissues, shared out by volume at the borders."""
    channels = len(signals(regions[0].tissue))
    image = np.zeros((*grid.shape, channels), dtype=np.float32)
    for region in regions:
        box, share = _coverage(region, grid)
        part = image[box]
        for channel, signal in enumerate(signals(region.tissue)):
            part[..., channel] += share * (np.float32(signal) - part[..., channel])
    return image


def _coverage(region: Region, grid: Grid) -> tuple[tuple[slice, slice, slice], Array]:
    """Share of each voxel in the region, in the box around it; one wide where it is endless."""
    box: list[slice] = []
    terms: list[npt.NDArray[np.float32]] = []
    for axis, spacing, center, semi in zip(
        _axes(grid), grid.spacing_mm, region.center_lps_mm, region.semi_axes_mm, strict=True
    ):
        if math.isinf(semi):
            box.append(slice(None))
            terms.append(np.zeros((1, _SUBSAMPLES), dtype=np.float32))
            continue
        near = np.flatnonzero(np.abs(axis - center) < semi + spacing)
        first, stop = (int(near[0]), int(near[-1]) + 1) if near.size else (0, 0)
        box.append(slice(first, stop))
        offsets = ((np.arange(_SUBSAMPLES) + 0.5) / _SUBSAMPLES - 0.5) * spacing
        fine = axis[first:stop, None] + offsets - center
        terms.append(np.square(fine / semi).astype(np.float32))
    x, y, z = terms
    share = np.zeros((len(x), len(y), len(z)), dtype=np.float32)
    for i in range(_SUBSAMPLES):
        for j in range(_SUBSAMPLES):
            in_plane = x[:, i, None] + y[None, :, j]
            for k in range(_SUBSAMPLES):
                share += in_plane[:, :, None] + z[:, k] <= 1.0
    share /= _SUBSAMPLES**3
    return (box[0], box[1], box[2]), share


def _axes(grid: Grid) -> tuple[npt.NDArray[np.float64], ...]:
    """Voxel centers along x, y and z, mm."""
    if np.any(grid.affine[:3, :3] != np.diag(grid.spacing_mm)):
        raise ValueError("the phantom is drawn only on grids along the patient's axes")
    return tuple(
        grid.affine[axis, 3] + grid.spacing_mm[axis] * np.arange(grid.shape[axis])
        for axis in range(3)
    )


def _blurred(image: Array, grid: Grid, *, fwhm_mm: float) -> Array:
    sigma_mm = fwhm_mm / math.sqrt(8 * math.log(2))
    result: Array = gaussian_filter(
        image, [sigma_mm / spacing for spacing in grid.spacing_mm], mode="nearest"
    )
    return result


def _magnitude(signal: Array, seed: Sequence[int], *, noise: bool) -> Array:
    """MR magnitude: Gaussian noise in both channels, hence Rician."""
    if not noise:
        return signal
    real = signal + MR_NOISE * _white_noise(signal.shape, (*seed, 0))
    imaginary = MR_NOISE * _white_noise(signal.shape, (*seed, 1))
    magnitude: Array = np.hypot(real, imaginary)
    return magnitude


def _white_noise(shape: tuple[int, ...], seed: Sequence[int]) -> Array:
    return np.random.default_rng(list(seed)).standard_normal(shape, dtype=np.float32)
