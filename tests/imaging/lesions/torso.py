"""A PET torso of ellipsoids with known organs, blurred; sizes are round numbers, not anatomy's."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.kinds import MR_SIGNAL, SUV_BODY_WEIGHT
from tests.imaging.lesions.phantoms import a_pet_grid, positions

Ellipsoid = tuple[tuple[float, float, float], tuple[float, float, float], float]

BODY: Final[Ellipsoid] = ((0.0, 0.0, 0.0), (170.0, 110.0, 400.0), 0.8)
ORGANS: Final[Mapping[str, Ellipsoid]] = {
    "liver": ((-60.0, -10.0, 60.0), (65.0, 70.0, 70.0), 5.0),
    "heart": ((10.0, -30.0, 190.0), (50.0, 42.0, 48.0), 1.6),
    "spleen": ((95.0, 30.0, 65.0), (24.0, 36.0, 50.0), 14.0),
    "right kidney": ((-58.0, 42.0, -30.0), (26.0, 24.0, 52.0), 12.0),
    "left kidney": ((57.0, 38.0, 0.0), (26.0, 24.0, 52.0), 12.0),
    "urinary bladder": ((0.0, -20.0, -200.0), (36.0, 30.0, 32.0), 25.0),
}
"""Center, half axes, mm, and SUV. The liver's top is at z = 130 mm."""


def a_torso_grid(
    *, spacing_mm: float = 5.0, low_mm: float = -290.0, high_mm: float = 310.0
) -> Grid:
    """Grid across the body from low to high z."""
    shape = (
        round(360 / spacing_mm),
        round(240 / spacing_mm),
        round((high_mm - low_mm) / spacing_mm),
    )
    grid = a_pet_grid(shape, spacing_mm=(spacing_mm,) * 3)
    affine = grid.affine.copy()
    affine[2, 3] += (low_mm + high_mm) / 2
    return Grid(shape, affine, grid.frame_of_reference)


def inside(grid: Grid, one: Ellipsoid) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Voxels whose center lies in an ellipsoid."""
    away = (positions(grid) - np.array(one[0])) / np.array(one[1])
    result: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = (away**2).sum(axis=-1) <= 1.0
    return result


def a_torso(
    grid: Grid,
    *,
    without: tuple[str, ...] = (),
    more: tuple[Ellipsoid, ...] = (),
    noise: float = 0.05,
) -> Volume:
    """SUV of the torso: organs over the body, lesions over organs, blur of 6 mm, noise."""
    values = np.where(inside(grid, BODY), BODY[2], 0.0)
    lungs = inside(grid, ((0.0, 0.0, 230.0), (130.0, 80.0, 100.0), 0.4))
    values[lungs] = 0.4
    for name, organ in ORGANS.items():
        if name not in without:
            values[inside(grid, organ)] = organ[2]
    for lesion in more:
        values[inside(grid, lesion)] = lesion[2]
    blurred = ndimage.gaussian_filter(values, 6.0 / 2.355 / grid.spacing_mm[0])
    random = np.random.default_rng(7).normal(size=grid.shape)
    return Volume(
        np.maximum(blurred * (1.0 + noise * random), 0.0).astype(np.float32),
        grid,
        SUV_BODY_WEIGHT,
    )


def a_dixon(grid: Grid, *, exchanged: bool = False) -> tuple[Volume, Volume]:
    """Water and fat of the torso: fat in a rim around the organs' part of the body."""
    body = inside(grid, BODY)
    lean = inside(grid, (BODY[0], (150.0, 90.0, 390.0), 0.0))
    water = np.where(lean, 100.0, np.where(body, 8.0, 0.0)).astype(np.float32)
    fat = np.where(lean, 5.0, np.where(body, 90.0, 0.0)).astype(np.float32)
    if exchanged:
        water, fat = fat, water
    return Volume(water, grid, MR_SIGNAL), Volume(fat, grid, MR_SIGNAL)


def the_masks(grid: Grid) -> dict[str, Mask]:
    """The true organs."""
    return {name: Mask(inside(grid, organ), grid) for name, organ in ORGANS.items()}


def dice(one: Mask, other: Mask) -> float:
    """Twice the overlap over the sum of volumes."""
    both = np.count_nonzero(one.inside & other.inside)
    return 2.0 * both / (np.count_nonzero(one.inside) + np.count_nonzero(other.inside))
