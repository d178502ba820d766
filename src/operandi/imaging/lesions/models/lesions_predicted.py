"""Labels of a model to lesions and organs, which are measured like those found here."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.external_organs import believed_organs
from operandi.imaging.lesions.found_organs import FoundOrgan, FoundOrgans, MissingOrgan
from operandi.imaging.lesions.models.protocol import ModelIdentity, PredictedLabels
from operandi.imaging.lesions.reference import ReferenceRegion, require_suv
from operandi.imaging.lesions.segmentation.found import SegmentedLesions
from operandi.imaging.lesions.segmentation.neighborhood import Box, SeedNeighborhood
from operandi.imaging.lesions.segmentation.pieces import Piece, lesions_of_pieces
from operandi.imaging.lesions.segmentation.seeds import (
    ListedOrgans,
    LiverReferenced,
    organ_masks,
    smoothed_suv,
)
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings
from operandi.imaging.lesions.segmentation.surroundings import SHELL_FWHM, shell_background

_CUBE: Final = np.ones((3, 3, 3), dtype=np.bool_)
_MOSTLY: Final = 0.5

Bools = npt.NDArray[np.bool_]


def lesions_predicted(
    suv: Volume,
    *,
    prediction: PredictedLabels,
    organs: ListedOrgans,
    references: LiverReferenced,
    settings: SegmentationSettings,
) -> SegmentedLesions:
    """Take the 26-connected components of a model's lesion labels as lesions.

    The border is the model's: nothing is trimmed. As the model told lesions from organs, what it
    labels is no candidate, whichever organ masks are missing.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    prediction : PredictedLabels
        On the grid of ``suv``.
    organs : ListedOrgans
        On that grid: for flags, backgrounds and which lesions lie in the liver.
    references : LiverReferenced
        The liver reference, or None for it.
    settings : SegmentationSettings
        Resolution, least volume and partial-volume handling.

    Returns
    -------
    SegmentedLesions
        By decreasing volume; equal ones by position. ``dropped`` counts components below the least
        volume.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV.
    GridMismatchError
        If labels or organs lie on another grid.
    """
    require_suv(suv)
    suv.grid.require_same(prediction.grid, what="SUV and the model's labels")
    organ, liver, _ = organ_masks(suv, organs)
    lesion = prediction.lesion
    labels, count = ndimage.label(lesion, structure=_CUBE)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    least = settings.minimum_volume_ml * (1.0 - 1e-9)
    smoothed = smoothed_suv(
        np.asarray(suv.values, dtype=np.float64),
        spacing_mm=suv.grid.spacing_mm,
        fwhm_mm=settings.fwhm_mm,
    )
    words = delineation_of(prediction.model)
    pieces = []
    for number, tight in enumerate(ndimage.find_objects(labels), start=1):
        if sizes[number - 1] * suv.grid.voxel_volume_ml < least:
            continue
        box = _widened(tight, suv, settings)
        inside = labels[box] == number
        in_liver = _mostly_within(inside, liver[box])
        around = _surroundings(
            np.asarray(suv.values[box], dtype=np.float64),
            smoothed[box],
            inside=inside,
            other=(lesion[box] & ~inside) | (organ[box] & ~inside),
            liver=references.liver if in_liver else None,
            spacing_mm=suv.grid.spacing_mm,
            settings=settings,
        )
        pieces.append(
            Piece(around=around, box=box, inside=inside, in_liver=in_liver, delineation=words)
        )
    return SegmentedLesions(
        lesions=lesions_of_pieces(
            suv,
            pieces,
            organ=organ & ~lesion,
            has_liver=references.liver is not None,
            settings=settings,
        ),
        dropped=count - len(pieces),
        unmapped=(),
        settings=settings,
        rule=words,
    )


def delineation_of(model: ModelIdentity) -> str:
    """How the border of a lesion came about that a model labeled."""
    return f"labels of the model {model.words}"


def organs_predicted(prediction: PredictedLabels, found: FoundOrgans) -> FoundOrgans:
    """Put a model's organs in the place of those found here.

    They are checked as any organ map from elsewhere (``believed_organs``). One that is not believed
    leaves the organ as it was found here; voxels of believed ones are taken from those of the
    organs found here.

    Parameters
    ----------
    prediction : PredictedLabels
        Labels that name organs.
    found : FoundOrgans
        As of ``find_organs``, on the same grid.

    Raises
    ------
    DataError
        If left and right, or head and foot, of the model's organs are exchanged.
    """
    masks = {name: Mask(prediction.named(name), prediction.grid) for name in prediction.organs}
    given = believed_organs(masks, onto=prediction.grid, source=f"model {prediction.model.words}")
    believed = {one.name for one in given.organs}
    if not believed:
        return found
    claimed = np.zeros(prediction.grid.shape, dtype=np.bool_)
    for one in given.organs:
        claimed |= one.mask.inside
    kept, missing = [], []
    for own in found.organs:
        if own.name in believed:
            continue
        left = own.mask.inside & ~claimed
        if left.any():
            kept.append(
                FoundOrgan(
                    name=own.name,
                    mask=Mask(left, own.mask.grid),
                    confidence=own.confidence,
                    how=own.how,
                )
            )
        else:
            reason = "the model labels another organ where it was found"
            missing.append(MissingOrgan(name=own.name, reason=reason))
    missing.extend(one for one in found.missing if one.name not in believed)
    return FoundOrgans(
        organs=tuple(sorted((*given.organs, *kept), key=lambda one: one.name)),
        missing=tuple(sorted(missing, key=lambda one: one.name)),
        notes=found.notes,
    )


def _mostly_within(inside: Bools, organ: Bools) -> bool:
    """Whether most of a lesion, or of what lies around it, is an organ's.

    In a label map of one number a voxel the organ is hollow where the lesion is.
    """
    rim = ndimage.binary_dilation(inside, _CUBE) & ~inside
    return bool(organ[inside].mean() > _MOSTLY or (rim.any() and organ[rim].mean() > _MOSTLY))


def _widened(tight: Box, suv: Volume, settings: SegmentationSettings) -> Box:
    """A box with room for the shell in which the background is measured."""
    reach = [int(np.ceil(SHELL_FWHM[1] * settings.fwhm_mm / mm)) + 1 for mm in suv.grid.spacing_mm]
    edges = [
        slice(max(edge.start - r, 0), min(edge.stop + r, n))
        for edge, r, n in zip(tight, reach, suv.grid.shape, strict=True)
    ]
    return edges[0], edges[1], edges[2]


def _surroundings(  # noqa: PLR0913 - a lesion's image and what lies beside it
    values: npt.NDArray[np.float64],
    smoothed: npt.NDArray[np.float64],
    *,
    inside: Bools,
    other: Bools,
    liver: ReferenceRegion | None,
    spacing_mm: tuple[float, float, float],
    settings: SegmentationSettings,
) -> SeedNeighborhood:
    hot = np.where(inside, values, -np.inf)
    seed = tuple(int(n) for n in np.unravel_index(int(hot.argmax()), hot.shape))
    counted = smoothed if settings.smoothed_maximum else values
    level = max(float(counted[inside].max()), 0.0)
    if liver is not None:
        background, noise = liver.mean, liver.standard_deviation
    else:
        distance = ndimage.distance_transform_edt(~inside, sampling=spacing_mm)
        background, noise = shell_background(
            values, distance, free=~inside & ~other, fwhm_mm=settings.fwhm_mm
        )
    return SeedNeighborhood(
        suv=values,
        spacing_mm=spacing_mm,
        seed=(seed[0], seed[1], seed[2]),
        allowed=~other,
        background=min(max(background, 0.0), level),
        noise=noise,
        level=level,
        free=~other,
    )
