"""One lesion as it might have been seen otherwise: turned, shifted, noisier, drawn anew.

A feature that moves under these would not have repeated; most trials have no repeated scans. The
steps of a plan are chained in each perturbation, after Zwanenburg et al., who found chains to
miss fewer unstable features than single steps. Only the lesion's box, with the margin that filters
need, is resampled.

Randomness is counter-based: each step of each perturbation of each lesion has a stream of its own,
so a result depends on the plan and on nothing that ran before.

References
----------
.. [1] Zwanenburg et al., Sci Rep 9:614, 2019.
"""

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.imaging.radiomics.noise import noise_level, noise_like
from operandi.imaging.radiomics.rigid_resampling import (
    linear_shares,
    spline_coefficients,
    spline_values,
)
from operandi.imaging.radiomics.supervoxels import redrawn, supervoxels
from operandi.quantities.errors import DataError

Array = npt.NDArray[np.float64]
Inside = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]
Box = tuple[slice, ...]
Item = TypeVar("Item", bound=np.generic)

_LARGEST_SUPERVOXEL_MM3: Final = 250.0
_SUPERVOXELS_IN_A_LESION: Final = 30
_LEAST_VOXELS: Final = 8

_TIE_MM: Final = 1e-6
"""Distances closer than this are one distance: chance decides between their voxels."""
_TIE_SHARE: Final = 1e-9
"""Shares closer than this are one share."""


class PerturbationStep(StrEnum):
    """What can be done to a lesion, in the order in which a chain does it."""

    CONTOUR = "contour"
    """Drawn anew from supervoxels."""
    VOLUME = "volume"
    """Grown or shrunk along the distance from its surface."""
    ROTATION = "rotation"
    """Turned about its centroid, in plane and by small tilts out of it."""
    TRANSLATION = "translation"
    """Shifted by part of a voxel against the grid."""
    NOISE = "noise"
    """Gaussian noise of the image's own level added."""


ALL_STEPS: Final = tuple(PerturbationStep)
_MOVES: Final = frozenset((PerturbationStep.ROTATION, PerturbationStep.TRANSLATION))


@dataclass(frozen=True, slots=True, kw_only=True)
class PerturbationPlan:
    """What is done to each lesion.

    Parameters
    ----------
    seed : int
        Of all randomness. There is no default.
    repeats : int
        Perturbations of a lesion.
    steps : tuple of PerturbationStep
        What each perturbation chains. A plan of one step tells how much that step alone moves a
        feature.
    rotation_deg, tilt_deg : float, 0 to 45
        Largest turn in plane (about k) and out of it (about i and j). A tilt of 0 leaves slices
        slices, as 2D features need.
    translation_voxels : tuple of float, 0 to 1
        Largest shift along i, j, k.
    volume_change : float, 0 to 0.9
        Largest growth and shrinkage, as a share of the volume.
    noise_scale : float, >= 0
        Of the image's own level; 1 adds as much noise as there is.
    noise_fwhm_mm : float, >= 0
        Correlation of the image's noise (``noise.noise_level``); 0 takes it for white.
    supervoxel_mm3 : float or None
        Volume of a supervoxel; None takes a thirtieth of the lesion, at least 8 voxels and, where
        those allow, at most 250 mm3.
    margin_mm : float, >= 0
        Image kept around the perturbed lesion: what interpolation and filters reach for.
    """

    seed: int
    repeats: int = 30
    steps: tuple[PerturbationStep, ...] = ALL_STEPS
    rotation_deg: float = 10.0
    tilt_deg: float = 5.0
    translation_voxels: tuple[float, float, float] = (0.5, 0.5, 0.5)
    volume_change: float = 0.15
    noise_scale: float = 1.0
    noise_fwhm_mm: float = 0.0
    supervoxel_mm3: float | None = None
    margin_mm: float = 10.0

    def __post_init__(self) -> None:
        within = (
            self.repeats >= 1
            and len(self.steps) == len(set(self.steps)) > 0
            and 0.0 <= self.rotation_deg <= 45.0
            and 0.0 <= self.tilt_deg <= 45.0
            and all(0.0 <= shift <= 1.0 for shift in self.translation_voxels)
            and 0.0 <= self.volume_change <= 0.9
            and min(self.noise_scale, self.noise_fwhm_mm, self.margin_mm) >= 0.0
            and (self.supervoxel_mm3 is None or self.supervoxel_mm3 > 0.0)
        )
        if not within:
            raise DataError(
                f"A perturbation plan is outside its bounds: {self}.",
                remedy="See PerturbationPlan for the bounds of each.",
            )


class Perturbed(NamedTuple):
    """A lesion in its box, perturbed.

    ``name`` is the same for every lesion of a plan, so that lesions and repeats form a table;
    ``values`` (i, j, k) is the image, ``mask`` the lesion, on voxels of the original size.
    """

    name: str
    values: Array
    mask: Inside


def perturbed(
    values: npt.ArrayLike,
    mask: npt.ArrayLike,
    *,
    spacing_mm: Spacing,
    plan: PerturbationPlan,
    lesion: str = "",
) -> Iterator[Perturbed]:
    """Perturb a lesion, again and again.

    Contour and volume act on the original grid; rotation and translation then resample image
    (cubic spline) and mask (linear; a motion keeps the number of voxels) once, together; noise
    comes last, as a scanner would add it. Interpolation itself smooths a little.

    Parameters
    ----------
    values : array-like, (i, j, k)
        The image, or enough of it; beyond it, its edge is continued.
    mask : array-like of bool, (i, j, k)
        The lesion.
    spacing_mm : tuple of float
        Voxel size, mm.
    plan : PerturbationPlan
        What to do.
    lesion : str
        Name of the lesion, which sets its randomness apart from that of others: repeats of two
        lesions must not share a turn, or ICC(1,1) would not hold.

    Yields
    ------
    Perturbed
        ``plan.repeats`` of them, each in the box of its mask and the margin. No mask is empty.

    Raises
    ------
    DataError
        If shapes differ, the mask is empty, or the image in the lesion's box is not finite.
    """
    whole, lesion_mask = np.asarray(values), np.asarray(mask, dtype=np.bool_)
    _require_lesion(whole, lesion_mask, name="the mask")
    rotates, moves = PerturbationStep.ROTATION in plan.steps, bool(_MOVES & set(plan.steps))
    core, image, inside = _cut(whole, lesion_mask, spacing_mm=spacing_mm, plan=plan)
    labels = None
    if PerturbationStep.CONTOUR in plan.steps:
        volume = _supervoxel_mm3(lesion_mask, spacing_mm, plan)
        labels = supervoxels(image[core], spacing_mm=spacing_mm, volume_mm3=volume)
    level = 0.0
    if PerturbationStep.NOISE in plan.steps and plan.noise_scale > 0.0:
        level = plan.noise_scale * noise_level(
            image, spacing_mm=spacing_mm, fwhm_mm=plan.noise_fwhm_mm
        )
    # The costly half of cubic interpolation, once for all repeats.
    coefficients = spline_coefficients(image) if moves else image
    margin = [math.ceil(plan.margin_mm / spacing) for spacing in spacing_mm]
    start = np.array([side.start for side in core], dtype=np.float64)
    for index in range(plan.repeats):

        def stream(step: PerturbationStep, index: int = index) -> np.random.Generator:
            return _stream(plan.seed, lesion, index, step)

        drawn = (
            inside if labels is None else redrawn(inside, labels, stream(PerturbationStep.CONTOUR))
        )
        if PerturbationStep.VOLUME in plan.steps:
            generator = stream(PerturbationStep.VOLUME)
            change = generator.uniform(-plan.volume_change, plan.volume_change)
            drawn = resized(
                drawn, spacing_mm=spacing_mm, volume_ratio=1.0 + change, generator=generator
            )
        if moves:
            rotation = _rotation(plan, stream(PerturbationStep.ROTATION)) if rotates else np.eye(3)
            generator = stream(PerturbationStep.TRANSLATION)
            shift = _shift(plan, generator)
            index_map, offset = _backward(drawn, spacing_mm, rotation, shift)
            drawn = _moved(drawn, index_map, offset, generator)
            box = _box(drawn, margin)
            first = np.array([side.start for side in box], dtype=np.float64)
            seen = spline_values(
                coefficients,
                index_map,
                # Offsets count from the core's start; the map sees the image's own indices.
                offset + start + index_map @ first,
                tuple(side.stop - side.start for side in box),
            )
        else:
            box = _box(drawn, margin)
            seen = image[_within(box, core)].copy()
        if level > 0.0:
            seen += noise_like(
                seen.shape,
                level=level,
                spacing_mm=spacing_mm,
                generator=stream(PerturbationStep.NOISE),
                fwhm_mm=plan.noise_fwhm_mm,
            )
        yield Perturbed(f"perturbation {index + 1:02d}", seen, _taken(drawn, box))


def resized(
    mask: Inside, *, spacing_mm: Spacing, volume_ratio: float, generator: np.random.Generator
) -> Inside:
    """Grow or shrink a mask to a volume, along the distance from its surface.

    Parameters
    ----------
    mask : bool array, (i, j, k)
        Not empty.
    spacing_mm : tuple of float
        Voxel size, mm.
    volume_ratio : float, > 0
        New volume over old; met to half a voxel, unless the box is too small.
    generator : numpy.random.Generator
        Decides between voxels at one distance, which would else be taken from one side.

    Returns
    -------
    bool array, (i, j, k)
        Contains the mask if it grows, lies within it if it shrinks; never empty.
    """
    count = int(np.count_nonzero(mask))
    wanted = min(max(round(float(count) * volume_ratio), 1), mask.size)
    if wanted == count:
        return mask.copy()
    grows = wanted > count
    # All that can change lies near the lesion, and distances cost by the box.
    layer_mm = _layer_mm(float(count) * math.prod(spacing_mm), max(volume_ratio - 1.0, 0.0))
    box = _clipped(_box(mask, [math.ceil(layer_mm / step) + 1 for step in spacing_mm]), mask.shape)
    near = mask[box]
    # The lesion goes on where the box cuts it, unless the box holds nothing else.
    beyond: Literal["constant", "edge"] = "constant" if near.all() else "edge"
    medium = np.pad(~near if grows else near, 1, mode=beyond)
    transform: Array = ndimage.distance_transform_edt(medium, sampling=spacing_mm)
    distance = transform[1:-1, 1:-1, 1:-1].ravel()
    distance = distance + _TIE_MM * generator.random(near.size)
    candidates = np.flatnonzero(~near if grows else near)
    changed = min(abs(wanted - count), candidates.size)
    nearest = np.argpartition(distance[candidates], changed - 1)[:changed]
    flat = near.ravel().copy()
    flat[candidates[nearest]] = grows
    result = mask.copy()
    result[box] = flat.reshape(near.shape)
    return result


def across_segmentations(
    values: npt.ArrayLike,
    masks: Mapping[str, npt.ArrayLike],
    *,
    spacing_mm: Spacing,
    margin_mm: float = 10.0,
) -> Iterator[Perturbed]:
    """One lesion as several methods or readers drew it, as repeats of one table.

    Parameters
    ----------
    values : array-like, (i, j, k)
        The image.
    masks : mapping from method to bool array, (i, j, k)
        In the order of the repeats.
    spacing_mm : tuple of float
        Voxel size, mm.
    margin_mm : float
        Image kept around all of them.

    Yields
    ------
    Perturbed
        One for each method, named after it, in one box.

    Raises
    ------
    DataError
        If there are fewer than two, one is empty, or shapes differ.
    """
    if len(masks) < 2:
        raise DataError(f"Agreement across segmentations needs two or more; found {len(masks)}.")
    arrays = {name: np.asarray(mask, dtype=np.bool_) for name, mask in masks.items()}
    image = np.asarray(values, dtype=np.float64)
    for name, mask in arrays.items():
        _require_lesion(image, mask, name=name)
    together = np.logical_or.reduce(list(arrays.values()))
    reach = [math.ceil(margin_mm / spacing) for spacing in spacing_mm]
    box = _clipped(_box(together, reach), together.shape)
    for name, mask in arrays.items():
        yield Perturbed(name, image[box].copy(), mask[box])


def dice_coefficients(masks: Mapping[str, Inside]) -> dict[tuple[str, str], float]:
    """Overlap ``2 |A and B| / (|A| + |B|)`` of every two segmentations, none of them empty."""
    return {
        (one, two): 2.0
        * float(np.count_nonzero(masks[one] & masks[two]))
        / float(np.count_nonzero(masks[one]) + np.count_nonzero(masks[two]))
        for one, two in itertools.combinations(masks, 2)
    }


def _stream(seed: int, lesion: str, index: int, step: PerturbationStep) -> np.random.Generator:
    text = "\x1f".join((str(seed), lesion, str(index), step.value))
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
    return np.random.Generator(np.random.Philox(key=key))


def _require_lesion(image: Array, mask: Inside, *, name: str) -> None:
    if image.ndim != 3 or image.shape != mask.shape or not mask.any():
        raise DataError(
            f"A lesion needs a mask of its image's shape with voxels in it; {name} has "
            f"{np.count_nonzero(mask)} voxels in {mask.shape}, its image {image.shape}.",
            remedy="Supply the lesion's mask on the image's grid.",
        )


def _cut(
    image: npt.NDArray[np.generic], inside: Inside, *, spacing_mm: Spacing, plan: PerturbationPlan
) -> tuple[Box, Array, Inside]:
    """Cut out the image that perturbations reach; within it the core, where the lesion can lie."""
    core_mm = 0.0
    volume = float(np.count_nonzero(inside)) * math.prod(spacing_mm)
    if PerturbationStep.CONTOUR in plan.steps:
        core_mm += math.cbrt(_supervoxel_mm3(inside, spacing_mm, plan))
    if PerturbationStep.VOLUME in plan.steps:
        core_mm += _layer_mm(volume, plan.volume_change)
    if PerturbationStep.ROTATION in plan.steps:
        places = np.argwhere(inside) * np.asarray(spacing_mm)
        radius = float(np.linalg.norm(places - places.mean(axis=0), axis=1).max())
        angle = math.radians(plan.rotation_deg + 2.0 * plan.tilt_deg)
        core_mm += 2.0 * (radius + core_mm) * math.sin(min(angle, math.pi) / 2.0)
    core_reach = [math.ceil(core_mm / spacing) + 2 for spacing in spacing_mm]
    reach = [
        core + math.ceil(plan.margin_mm / spacing) + 1
        for core, spacing in zip(core_reach, spacing_mm, strict=True)
    ]
    box = _box(inside, reach)
    cut = np.asarray(_taken(image, box, continued=True), dtype=np.float64)
    if not np.isfinite(cut).all():
        raise DataError(
            f"Perturbing needs finite values around the lesion; "
            f"{np.count_nonzero(~np.isfinite(cut))} voxels of {cut.shape} there are not.",
            remedy="Correct the image, or crop the mask.",
        )
    core = tuple(
        slice(whole - part, size - whole + part)
        for whole, part, size in zip(reach, core_reach, cut.shape, strict=True)
    )
    return core, cut, _taken(inside, box)[core].copy()


def _layer_mm(volume_mm3: float, share: float) -> float:
    """No layer that adds this share of a volume is thicker.

    One of thickness t adds t times the surface of the sphere of equal volume, or more.
    """
    return share * math.cbrt(3.0 * volume_mm3 / (4.0 * math.pi)) / 3.0


def _box(mask: Inside, reach: list[int]) -> Box:
    """Slices of a mask and its surroundings; they may begin below 0 and end beyond the array."""
    sides = []
    for axis, margin in enumerate(reach):
        others = tuple(other for other in range(3) if other != axis)
        places = np.flatnonzero(mask.any(axis=others))
        sides.append(slice(int(places[0]) - margin, int(places[-1]) + margin + 1))
    return tuple(sides)


def _clipped(box: Box, shape: tuple[int, ...]) -> Box:
    return tuple(
        slice(max(side.start, 0), min(side.stop, size))
        for side, size in zip(box, shape, strict=True)
    )


def _within(box: Box, core: Box) -> Box:
    """A box of the core, in the image's own indices."""
    return tuple(
        slice(side.start + part.start, side.stop + part.start)
        for side, part in zip(box, core, strict=True)
    )


def _taken(array: npt.NDArray[Item], box: Box, *, continued: bool = False) -> npt.NDArray[Item]:
    """A box of an array, zero or its edge ``continued`` where the box lies beyond it."""
    beyond = [
        (max(-side.start, 0), max(side.stop - size, 0))
        for side, size in zip(box, array.shape, strict=True)
    ]
    part = array[_clipped(box, array.shape)]
    return np.pad(part, beyond, mode="edge") if continued else np.pad(part, beyond)


def _supervoxel_mm3(inside: Inside, spacing_mm: Spacing, plan: PerturbationPlan) -> float:
    if plan.supervoxel_mm3 is not None:
        return plan.supervoxel_mm3
    voxel = math.prod(spacing_mm)
    share = float(np.count_nonzero(inside)) * voxel / _SUPERVOXELS_IN_A_LESION
    return max(min(share, _LARGEST_SUPERVOXEL_MM3), _LEAST_VOXELS * voxel)


def _rotation(plan: PerturbationPlan, generator: np.random.Generator) -> Array:
    """Matrix in mm: tilt about i, then about j, then the turn about k."""
    largest = (plan.tilt_deg, plan.tilt_deg, plan.rotation_deg)
    matrix: Array = np.eye(3)
    for axis, limit in enumerate(largest):
        angle = math.radians(generator.uniform(-limit, limit))
        one, two = (other for other in range(3) if other != axis)
        turn = np.eye(3)
        turn[one, one] = turn[two, two] = math.cos(angle)
        turn[one, two], turn[two, one] = -math.sin(angle), math.sin(angle)
        matrix = turn @ matrix
    return matrix


def _shift(plan: PerturbationPlan, generator: np.random.Generator) -> Array:
    """Shift in voxels."""
    if PerturbationStep.TRANSLATION not in plan.steps:
        return np.zeros(3)
    limits = np.asarray(plan.translation_voxels)
    return np.asarray(generator.uniform(-limits, limits))


def _backward(
    inside: Inside, spacing_mm: Spacing, rotation: Array, shift: Array
) -> tuple[Array, Array]:
    """From a new index to the old one: back by the shift, then turned back about the centroid."""
    spacing = np.asarray(spacing_mm)
    center = np.argwhere(inside).mean(axis=0)
    index_map = rotation.T * spacing[np.newaxis, :] / spacing[:, np.newaxis]
    return index_map, center - index_map @ (center + shift)


def _moved(
    inside: Inside, index_map: Array, offset: Array, generator: np.random.Generator
) -> Inside:
    """Take as many voxels as there were, those that the moved mask covers most.

    A share of 0.5 as the border would lose 9 % of a lesion of 37 voxels, 4 % of 157, 1 % of 895:
    between voxel centers linear interpolation cuts the corners of what is convex.
    """
    shares = linear_shares(inside, index_map, offset).ravel()
    # Shifted without a turn, many voxels have one share: chance decides, or one side would win.
    shares += _TIE_SHARE * generator.random(shares.size)
    count = np.count_nonzero(inside)
    drawn = np.zeros(shares.size, dtype=np.bool_)
    drawn[np.argpartition(shares, shares.size - count)[shares.size - count :]] = True
    return drawn.reshape(inside.shape)
