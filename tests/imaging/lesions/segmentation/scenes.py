"""Blurred, noisy spheres in a warm liver and beside hot organs."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.reference import ReferenceRegion, liver_reference_from_organ
from tests.imaging.lesions.phantoms import Array, a_ball, a_pet_grid, an_suv, positions

FWHM_MM = 6.0
LIVER_SUV, KIDNEY_SUV = 5.0, 35.0


@dataclass(frozen=True, kw_only=True)
class NamedMasks:
    """Organs as the segmentation takes them."""

    masks: tuple[tuple[str, Mask], ...]


@dataclass(frozen=True, kw_only=True)
class OnlyLiver:
    """Reference regions with the liver's alone."""

    liver: ReferenceRegion | None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An image with its truth."""

    suv: Volume
    organs: NamedMasks
    references: OnlyLiver
    lesions: tuple[Mask, ...]


Sphere = tuple[tuple[float, float, float], float, float]
"""Center in mm, radius in mm, SUV."""

IN_LIVER: Sphere = ((-50.0, 0.0, 20.0), 12.0, 20.0)
OUTSIDE: Sphere = ((15.0, 45.0, -45.0), 10.0, 12.0)


def a_scene(
    *spheres: Sphere, noise: float = 0.0, kidney: bool = True, seed: int = 1, scale: float = 1.0
) -> Scene:
    """Image of 160 mm a side in 4 mm voxels with a liver, a left kidney and the spheres."""
    grid = a_pet_grid((44, 44, 44))
    place = positions(grid)
    liver = Mask(
        np.linalg.norm((place - [-30.0, 0.0, 20.0]) / [50.0, 45.0, 45.0], axis=-1) < 1, grid
    )
    organ = a_ball(grid, at_mm=(58.0, 10.0, -20.0), radius_mm=20.0)
    truth = np.full(grid.shape, 0.5)
    truth[liver.inside] = LIVER_SUV
    if kidney:
        truth[organ.inside] = KIDNEY_SUV
    masks = []
    for at_mm, radius_mm, uptake in spheres:
        masks.append(a_ball(grid, at_mm=at_mm, radius_mm=radius_mm))
        truth[masks[-1].inside] = uptake
    image = _blurred(truth) * (1.0 + noise * _grain(grid.shape, seed=seed)) * scale
    suv = an_suv(grid, image)
    return Scene(
        suv=suv,
        organs=NamedMasks(masks=(("liver", liver), ("left kidney", organ))),
        references=OnlyLiver(liver=liver_reference_from_organ(suv, liver)),
        lesions=tuple(masks),
    )


def _blurred(image: Array) -> Array:
    result: Array = ndimage.gaussian_filter(image, FWHM_MM / 2.3548 / 4.0)
    return result


def _grain(shape: tuple[int, int, int], *, seed: int) -> Array:
    grain = _blurred(np.random.default_rng(seed).normal(size=shape))
    result: Array = grain / grain.std()
    return result


def dice(one: Mask, other: Mask) -> float:
    """Twice the common voxels over the sum of both."""
    both = np.count_nonzero(one.inside & other.inside)
    return 2.0 * both / float(np.count_nonzero(one.inside) + np.count_nonzero(other.inside))
