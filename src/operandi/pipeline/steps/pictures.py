"""Steps that draw the report's pictures."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.lesion import Lesion
from operandi.domain.volume import Volume
from operandi.imaging.pet.suv import Suv
from operandi.imaging.resample import resample, resample_mask
from operandi.pipeline.step import Refusal
from operandi.pipeline.steps.lesions import KeptLesions
from operandi.pipeline.steps.mr import Alignment, MrImages
from operandi.pipeline.steps.regions import ReaderRegions
from operandi.reports.figures import Overlay, Plane, coronal_maximum_projection, slice_with_contours
from operandi.reports.study_report import Figure

_PLANES: Final[tuple[tuple[Plane, int], ...]] = (("axial", 2), ("coronal", 1))
"""Planes drawn, with the patient axis they are perpendicular to."""


def _lesions(*sources: object) -> tuple[Lesion, ...]:
    """What to outline: the lesions that were found, and what readers drew.

    Candidates that may be physiological uptake are not outlined as lesions.
    """
    lesions: list[Lesion] = []
    for source in sources:
        if isinstance(source, KeptLesions) and source.are_candidates:
            continue
        if isinstance(source, KeptLesions | ReaderRegions):
            lesions += source.lesions
    return tuple(lesions)


def pet_pictures(
    suv: Suv,
    found: KeptLesions | Refusal | None,
    drawn: ReaderRegions | Refusal | None,
) -> tuple[Figure, ...]:
    """Maximum projection, and an axial and a coronal slice through the hottest outlined lesion."""
    lesions = _lesions(found, drawn)
    ceiling = _ceiling(suv.volume, found)
    position = _place_of_interest(suv.volume, lesions)
    window = (0.0, ceiling)
    return (
        coronal_maximum_projection(suv.volume, lesions=lesions, ceiling=ceiling),
        *(
            slice_with_contours(
                suv.volume,
                plane=plane,
                position_mm=position[axis],
                lesions=lesions,
                overlay=None,
                window=window,
            )
            for plane, axis in _PLANES
        ),
    )


def fused_pictures(
    suv: Suv,
    images: MrImages,
    aligned: Alignment | Refusal,
    found: KeptLesions | Refusal | None,
    drawn: ReaderRegions | Refusal | None,
) -> tuple[Figure, ...]:
    """PET in color over MR, axial through the hottest outlined lesion that lies in the MR.

    Where the two cannot be aligned, the MR alone, through its middle.
    """
    _, mr = images.volumes[0]
    if isinstance(aligned, Refusal):
        return (_beside(images, mr),)
    lesions = _lesions(found, drawn)
    on_mr_from_pet = np.eye(4) if aligned.matrix is None else aligned.matrix
    pet_from_mr = np.linalg.inv(on_mr_from_pet)
    overlay = resample(suv.volume, mr.grid, order="linear", outside=0.0, transform=pet_from_mr)
    position = _place_of_interest(suv.volume, lesions)
    on_mr = on_mr_from_pet @ np.append(position, 1.0)
    lowest, highest = _extent(mr, axis=2)
    axial = float(np.clip(on_mr[2], lowest, highest))
    on_mr_grid = [
        Lesion(
            lesion.id,
            resample_mask(lesion.mask, mr.grid, transform=pet_from_mr),
            lesion.organ,
            lesion.delineation,
        )
        for lesion in lesions
    ]
    figure = slice_with_contours(
        mr,
        plane="axial",
        position_mm=axial,
        lesions=[lesion for lesion in on_mr_grid if lesion.mask.inside.any()],
        overlay=Overlay(overlay, _ceiling(suv.volume, found)),
        window=_mr_window(mr),
    )
    caption = f"{figure.caption} MR: {images.name}. {aligned.description}."
    return (replace(figure, title=f"PET over MR ({images.what})", caption=caption),)


def _beside(images: MrImages, mr: Volume) -> Figure:
    middle = mr.grid.position_of([(n - 1) / 2 for n in mr.grid.shape])
    figure = slice_with_contours(
        mr,
        plane="axial",
        position_mm=float(middle[2]),
        lesions=(),
        overlay=None,
        window=_mr_window(mr),
    )
    caption = f"{figure.caption}. MR: {images.name}, in its own coordinates: not aligned with PET."
    return replace(figure, title=f"MR alone ({images.what})", caption=caption)


def _mr_window(mr: Volume) -> tuple[float, float]:
    return 0.0, float(np.percentile(mr.values, 99.5)) or 1.0


def _ceiling(suv: Volume, found: KeptLesions | Refusal | None) -> float:
    """Darkest SUV shown: thrice the liver, so that visits compare; else the 99.5 percentile."""
    liver = found.references.liver if isinstance(found, KeptLesions) else None
    if liver is not None:
        return 3.0 * liver.mean
    return max(float(np.percentile(suv.values, 99.5)), 1e-3)


def _place_of_interest(suv: Volume, lesions: Sequence[Lesion]) -> npt.NDArray[np.float64]:
    """Hottest voxel of the outlined lesions, LPS mm; the image's center without any."""
    if lesions:
        inside = np.logical_or.reduce([lesion.mask.inside for lesion in lesions])
        flat = int(np.where(inside, suv.values, -np.inf).argmax())
        return suv.grid.position_of([int(i) for i in np.unravel_index(flat, suv.grid.shape)])
    return suv.grid.position_of([(n - 1) / 2 for n in suv.grid.shape])


def _extent(volume: Volume, *, axis: int) -> tuple[float, float]:
    shape = volume.grid.shape
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1).T
    along = volume.grid.position_of(corners)[:, axis]
    return float(along.min()), float(along.max())
