"""Organs of physiological uptake on 68Ga-DOTATOC PET, from the images alone.

No weights and no atlas of voxels: the liver by its plateau, kidneys, spleen and bladder as what
stands out where they lie, glands as hot spots in small regions placed by these. MR water and fat
images, where given, keep fat out. An organ that fails its checks is said to be missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from operandi.domain.volume import Volume
from operandi.imaging.lesions.found_organs import FoundOrgan, FoundOrgans, MissingOrgan
from operandi.imaging.lesions.organ_places.checks import Found, checked
from operandi.imaging.lesions.organ_places.glands import adrenals, bladder, head_and_neck, uncinate
from operandi.imaging.lesions.organ_places.gut_and_heart import blood_pool, gut
from operandi.imaging.lesions.organ_places.hot_pair import hot_seeds
from operandi.imaging.lesions.organ_places.liver import LiverCore, liver_core
from operandi.imaging.lesions.organ_places.territories import territories
from operandi.imaging.lesions.organ_places.workspace import Bools, Workspace, workspace_of
from operandi.imaging.lesions.reference import BLOOD_POOL

GUT: Final = "gut"
UNCINATE: Final = "uncinate process"

SOUGHT: Final = (
    "liver",
    "spleen",
    "right kidney",
    "left kidney",
    "urinary bladder",
    "right adrenal gland",
    "left adrenal gland",
    "pituitary gland",
    "salivary glands",
    "thyroid gland",
    UNCINATE,
    GUT,
    BLOOD_POOL,
)
"""Names of what is sought. Stomach, small bowel and colon are not told apart: they are ``GUT``.
The aorta is part of what surrounds the blood pool and not found by itself."""

_Finder = Callable[[Workspace, LiverCore, Mapping[str, Bools]], Mapping[str, Found]]
_FINDERS: Final[tuple[_Finder, ...]] = (
    bladder,
    adrenals,
    uncinate,
    head_and_neck,
    blood_pool,
    gut,
)
"""In this order: what was found before is out of the way of what is sought next."""

_NO_LIVER: Final = (
    "no plateau of uptake as thick as a liver was found at the right, and other organs are "
    "placed by it"
)


def find_organs(suv: Volume, *, water: Volume | None, fat: Volume | None) -> FoundOrgans:
    """Find the organs of ``SOUGHT`` on a PET.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL; trunk, with or without the head.
    water, fat : Volume or None
        Water and fat images of one Dixon series in the PET's frame of reference, in any unit.
        Without both, fat is not told from other tissue of low uptake.

    Returns
    -------
    FoundOrgans
        Masks on the grid of ``suv``; no two share a voxel. Metastases within the liver are part
        of its mask. Those missing have their reason.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV, holds values that are not finite, or shows no trunk.
    GridMismatchError
        If an MR image lies in another frame of reference.
    """
    space = workspace_of(suv, water=water, fat=fat)
    liver = liver_core(space)
    notes = _notes(space, with_mr=water is not None and fat is not None)
    if liver is None:
        missing = tuple(MissingOrgan(name=name, reason=_NO_LIVER) for name in sorted(SOUGHT))
        return FoundOrgans(organs=(), missing=missing, notes=notes)
    seeds = hot_seeds(space, liver)
    regions = territories(space, liver, seeds)
    found: dict[str, Found] = {
        name: checked(name, regions.get(name), space=space, liver=liver)
        for name in ("liver", "spleen", "right kidney", "left kidney")
    }
    taken = {name: one.inside for name, one in found.items() if one.inside is not None}
    for finder in _FINDERS:
        for name, one in finder(space, liver, taken).items():
            found[name] = one
            if one.inside is not None:
                taken[name] = one.inside
                _give_up(found, name, one.inside)
    return _on_pet(found, space=space, suv=suv, notes=notes)


def _give_up(found: dict[str, Found], name: str, inside: Bools) -> None:
    """Take the voxels of a gland out of the liver, whose mask may hold it."""
    liver = found["liver"]
    if name.endswith("adrenal gland") and liver.inside is not None:
        found["liver"] = replace(liver, inside=liver.inside & ~inside)


def _notes(space: Workspace, *, with_mr: bool) -> tuple[str, ...]:
    how = "PET with MR water and fat" if space.water is not None else "PET alone"
    notes = [f"organs were sought on {how}; soft tissue has an SUV of {space.tissue:.2f} g/mL"]
    if with_mr and space.water is None:
        notes.append(
            "MR was left out: it does not cover the body, or water and fat are exchanged in it"
        )
    return tuple(notes)


def _on_pet(
    found: Mapping[str, Found], *, space: Workspace, suv: Volume, notes: tuple[str, ...]
) -> FoundOrgans:
    organs, missing = [], []
    free = np.ones(suv.grid.shape, dtype=np.bool_)
    for name, one in found.items():
        if one.inside is None:
            missing.append(MissingOrgan(name=name, reason=one.how))
            continue
        mask = space.onto(one.inside, suv.grid, within=free)
        if not mask.inside.any():
            missing.append(MissingOrgan(name=name, reason="smaller than a voxel of the PET"))
            continue
        free &= ~mask.inside
        organs.append(FoundOrgan(name=name, mask=mask, confidence=one.confidence, how=one.how))
    return FoundOrgans(
        organs=tuple(sorted(organs, key=lambda organ: organ.name)),
        missing=tuple(sorted(missing, key=lambda organ: organ.name)),
        notes=notes,
    )
