"""Whether uptake at an expected place stands out of its surroundings and of noise."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

REACH_MM: Final = 12.0
"""How far from the expected place it is looked for: what two registered visits leave of breathing
and of another position. Assumed."""

FALSE_POSITIVE: Final = 0.01
"""Share of places with nothing but noise that stand out by chance, all shifts together."""

SHELL_FWHM: Final = (1.0, 2.5)
"""The surroundings, from the outline, in FWHM; as for the border of a lesion."""

LEAST_SHARE: Final = 0.5
"""Of the outline that must lie where it can be seen: within the image, outside other organs."""

_ENOUGH_VOXELS: Final = 24
_DRAWS: Final = 8000
_SEED: Final = 20_240_625
_FWHM_TO_SIGMA: Final = 1.0 / 2.354820045
_NORMAL_MAD: Final = 1.4826
_ONE_SIDED_95: Final = 1.645


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalImage:
    """What is around a place.

    Parameters
    ----------
    suv : array, (i, j, k)
        g/mL.
    spacing_mm : tuple of float
        Of its voxels.
    fwhm_mm : float
        Resolution; neighbors share noise over about as much.
    seen : bool array
        Where a lesion can be seen: no organ of physiological uptake, no other lesion.
    beside : bool array
        What may serve as surroundings.
    """

    suv: Floats
    spacing_mm: tuple[float, float, float]
    fwhm_mm: float
    seen: Bools
    beside: Bools


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalContrast:
    """Where an outline stands out most within reach.

    Parameters
    ----------
    contrast_to_noise : float
        Contrast over its standard error; below 0 where darker.
    least : float
        Size that ``FALSE_POSITIVE`` of places with noise alone exceed.
    offset : tuple of int
        From the expected place, voxels.
    mean, surroundings : float
        SUV of the outline, weighted to its middle, and around it, g/mL.
    standard_error : float
        Of their difference, g/mL.
    noise : float
        SD of a voxel of the surroundings, g/mL.
    highest : float
        Largest contrast to noise of the brighter places, 0 or more.
    darker : bool
        Whether it was tested for less uptake.
    """

    contrast_to_noise: float
    least: float
    offset: tuple[int, int, int]
    mean: float
    surroundings: float
    standard_error: float
    noise: float
    highest: float
    darker: bool

    @property
    def stands_out(self) -> bool:
        """Whether it is more than noise."""
        size = -self.contrast_to_noise if self.darker else self.contrast_to_noise
        return size > self.least

    def upper_limit(self, *, recovery: float) -> float:
        """SUV up to which a lesion of the outline may be there unnoticed, at 95 %, g/mL.

        Surroundings plus the largest contrast seen and 1.645 standard errors, over the share of
        the contrast that the image keeps.
        """
        contrast = (self.highest + _ONE_SIDED_95) * self.standard_error
        return self.surroundings + contrast / recovery


def local_contrast(
    image: LocalImage, outline: Bools, *, reach_mm: float = REACH_MM, darker: bool = False
) -> LocalContrast | None:
    """Test whether an outline holds more uptake than its surroundings.

    The outline is moved over all shifts within the reach. At each the contrast is the mean of
    the outline, weighted to its middle, less the median of the shell around it (``SHELL_FWHM``).
    Its standard error has two parts: noise of the voxels, by the shell's median absolute deviation
    and with the correlation that a Gaussian of the resolution gives to neighbors; and what the
    shell's eight parts differ by beyond noise, as even tissue would not. The largest contrast to
    noise of all shifts is compared with what noise alone gives: the quantile of the largest of
    normal variables that are correlated as the shifts' means are.

    Parameters
    ----------
    image : LocalImage
        A box that holds the outline with reach and shell.
    outline : bool array, of the image's shape
        Not empty.
    reach_mm : float, > 0
        How far it may lie from the expected place.
    darker : bool
        Test for less uptake instead: within an organ of even uptake.

    Returns
    -------
    LocalContrast or None
        None where at no shift enough of the outline and of its surroundings can be seen.
    """
    template = _Template.of(image, outline, reach_mm=reach_mm)
    offsets = _offsets(image, reach_mm=reach_mm)
    tried = [
        (one, offset)
        for offset in offsets
        if (one := _contrast_at(image, template, offset)) is not None
    ]
    if not tried:
        return None
    ratios = np.array([one.contrast / one.error for one, _ in tried])
    best = int((-ratios if darker else ratios).argmax())
    one, offset = tried[best]
    return LocalContrast(
        contrast_to_noise=float(ratios[best]),
        least=_least(template, np.array([at for _, at in tried])),
        offset=(int(offset[0]), int(offset[1]), int(offset[2])),
        mean=one.around + one.contrast,
        surroundings=one.around,
        standard_error=one.error,
        noise=one.noise,
        highest=max(float(ratios.max()), 0.0),
        darker=darker,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Template:
    """An outline as voxels to be moved about."""

    inner: Indices
    weights: Floats
    shell: Indices
    part: Indices  # of the shell's voxels: which of eight
    variance: float  # of the outline's mean, for noise of variance 1
    shell_variance: float
    correlation: Floats  # of means that are shifted against one another, by shift
    middle: Indices  # index of shift 0 in it

    @classmethod
    def of(cls, image: LocalImage, outline: Bools, *, reach_mm: float) -> "_Template":
        fwhm = image.fwhm_mm
        margin = [math.ceil(SHELL_FWHM[1] * fwhm / mm) + 1 for mm in image.spacing_mm]
        tight = ndimage.find_objects(outline.astype(np.int8))[0]
        corner = np.array([edge.start for edge in tight], dtype=np.int64) - np.array(margin)
        wide = np.pad(outline[tight], [(n, n) for n in margin])
        sigma = [fwhm * _FWHM_TO_SIGMA / mm for mm in image.spacing_mm]
        blurred = ndimage.gaussian_filter(wide.astype(np.float64), sigma, mode="constant")
        weights = np.where(wide, blurred, 0.0)
        weights /= weights.sum()
        away = ndimage.distance_transform_edt(~wide, sampling=image.spacing_mm)
        ring = (away >= SHELL_FWHM[0] * fwhm) & (away <= SHELL_FWHM[1] * fwhm)
        inner, shell = np.argwhere(wide), np.argwhere(ring)
        side = shell > inner.mean(axis=0)
        correlation, middle = _correlation(weights, image, reach_mm=reach_mm)
        return cls(
            inner + corner,
            weights[wide],
            shell + corner,
            side @ np.array([4, 2, 1]),
            float(correlation[tuple(middle)]),
            float(_correlation(ring / ring.sum(), image, reach_mm=0.0)[0].ravel()[0]),
            correlation,
            middle,
        )


def _correlation(weights: Floats, image: LocalImage, *, reach_mm: float) -> tuple[Floats, Indices]:
    """Covariance of two weighted means by their shift, for noise as smooth as the image."""
    reach = [2 * math.ceil(reach_mm / mm) for mm in image.spacing_mm]
    sigma = [image.fwhm_mm * _FWHM_TO_SIGMA / mm for mm in image.spacing_mm]
    tail = [math.ceil(6.0 * s) for s in sigma]
    shape = [n + 2 * (r + t) for n, r, t in zip(weights.shape, reach, tail, strict=True)]
    power = np.abs(np.fft.rfftn(weights, shape, (0, 1, 2))) ** 2
    axes = [np.fft.fftfreq(n) * n for n in shape]
    kernel = np.ones(shape)
    for axis, (place, s) in enumerate(zip(axes, sigma, strict=True)):
        along = np.exp(-(place**2) / (4.0 * s**2))
        kernel = kernel * along.reshape([-1 if n == axis else 1 for n in range(3)])
    product = power * np.fft.rfftn(kernel, shape, (0, 1, 2))
    by_shift = np.fft.irfftn(product, shape, (0, 1, 2))
    near = np.ix_(*[np.arange(-r, r + 1) % n for r, n in zip(reach, shape, strict=True)])
    return by_shift[near], np.array(reach)


def _offsets(image: LocalImage, *, reach_mm: float) -> Indices:
    """Shifts within reach, not finer than half of the resolution; shift 0 first."""
    steps = [max(1, round(image.fwhm_mm / 2.0 / mm)) for mm in image.spacing_mm]
    axes = [
        np.arange(-(math.floor(reach_mm / mm) // step), math.floor(reach_mm / mm) // step + 1)
        * step
        for mm, step in zip(image.spacing_mm, steps, strict=True)
    ]
    every = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    length = np.linalg.norm(every * np.array(image.spacing_mm), axis=1)
    near = length <= reach_mm + 1e-9
    order = np.argsort(length[near], kind="stable")
    chosen: Indices = every[near][order]
    return chosen


@dataclass(frozen=True, slots=True)
class _Contrast:
    contrast: float
    error: float
    around: float
    noise: float


def _contrast_at(image: LocalImage, template: _Template, offset: Indices) -> _Contrast | None:
    values, usable = _looked_up(image.suv, image.seen, template.inner + offset)
    weight = template.weights[usable]
    if weight.sum() < LEAST_SHARE:
        return None
    mean = float(weight @ values / weight.sum())
    values, usable = _looked_up(image.suv, image.beside, template.shell + offset)
    if values.size < _ENOUGH_VOXELS:
        return None
    around = float(np.median(values))
    noise = _NORMAL_MAD * float(np.median(np.abs(values - around)))
    of_shell = template.shell_variance * template.shell.shape[0] / values.size
    uneven = _unevenness(values, template.part[usable], around, noise**2 * 8.0 * of_shell)
    # A median scatters pi / 2 times as much as a mean.
    variance = noise**2 * (template.variance / weight.sum() + 0.5 * math.pi * of_shell) + uneven
    if variance <= 0.0:
        return None
    return _Contrast(mean - around, math.sqrt(variance), around, noise)


def _looked_up(values: Floats, allowed: Bools, index: Indices) -> tuple[Floats, Bools]:
    """Values at the indices that lie in the box and are allowed, and which these are."""
    usable: Bools = np.asarray(((index >= 0) & (index < values.shape)).all(axis=1))
    usable[usable] = allowed[tuple(index[usable].T)]
    return values[tuple(index[usable].T)], usable


def _unevenness(values: Floats, part: Indices, around: float, by_noise: float) -> float:
    """Variance of the means of the shell's parts beyond what noise gives, g2/mL2."""
    counts = np.bincount(part, minlength=8)
    sums = np.bincount(part, weights=values, minlength=8)
    enough = counts >= _ENOUGH_VOXELS // 3
    if enough.sum() < 3:
        return 0.0
    spread = _NORMAL_MAD * float(np.median(np.abs(sums[enough] / counts[enough] - around)))
    return max(spread**2 - by_noise, 0.0)


def _least(template: _Template, offsets: Indices) -> float:
    """Quantile of the largest of the shifts' contrasts under noise alone."""
    apart = offsets[:, np.newaxis] - offsets[np.newaxis] + template.middle
    shared = template.correlation[tuple(np.moveaxis(apart, -1, 0))] / template.variance
    values, vectors = np.linalg.eigh(shared)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = np.random.default_rng(_SEED).standard_normal((_DRAWS, len(offsets))) @ root.T
    return float(np.quantile(draws.max(axis=1), 1.0 - FALSE_POSITIVE))
