"""Lesions as a segmentation hands them over: masks on tight boxes, with what is doubtful."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.imaging.lesions.segmentation.bowel import TakenForBowel
from operandi.imaging.lesions.segmentation.neighborhood import Box
from operandi.imaging.lesions.segmentation.partial_volume import CorrectedMean
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings


class LesionFlag(StrEnum):
    """What a reader should look at."""

    BELOW_RESOLUTION = "below resolution: smaller than a sphere of twice the FWHM"
    TOUCHES_ORGAN = "touches an organ with physiological uptake"
    TOUCHES_LESION = "touches another lesion: parted at the saddle between them"
    CUT_BY_EDGE = "cut by the edge of the image"
    NO_LIVER_REFERENCE = "found without a liver reference"
    WIDE = "wide: the border was many times the half-maximum contour, as if it followed an organ"
    TRIMMED_BY_MR = "border trimmed where MR shows other tissue"
    BY_READER = "border drawn or changed by a reader"
    IN_PARTS = "in several parts that do not touch"
    MEETS_LESION = "touches another lesion: parted as a reader drew them"
    SEEN_BEFORE = "found because seen before: would not have been found on this PET alone"
    DARKER = "darker than the liver around it"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentedLesion:
    """One lesion.

    Parameters
    ----------
    id : LesionId
        L01, L02 ... by decreasing volume.
    box : tuple of slice
        Tight box around its voxels.
    inside : bool array, of the box's shape
        Its voxels.
    grid : Grid
        Of the whole image.
    seed : tuple of int
        Its hottest voxel, index into the whole image.
    organ : str
        ``liver`` or empty.
    delineation : str
        Rule in words.
    suv_maximum : float
        g/mL.
    suv_mean : CorrectedMean
        With the partial-volume handling of the settings.
    background : float
        SUV around it, g/mL.
    flags : tuple of LesionFlag
        In the order of the enumeration.
    """

    id: LesionId
    box: Box
    inside: npt.NDArray[np.bool_]
    grid: Grid
    seed: tuple[int, int, int]
    organ: str
    delineation: str
    suv_maximum: float
    suv_mean: CorrectedMean
    background: float
    flags: tuple[LesionFlag, ...]

    @property
    def volume_ml(self) -> float:
        """Volume of the voxels, mL."""
        return float(np.count_nonzero(self.inside)) * self.grid.voxel_volume_ml

    @property
    def center_mm(self) -> npt.NDArray[np.float64]:
        """Mean position of the voxels, LPS mm."""
        index = np.argwhere(self.inside).mean(axis=0) + [edge.start for edge in self.box]
        return self.grid.position_of(index)

    def as_lesion(self) -> Lesion:
        """The lesion with a mask on the whole grid."""
        inside = np.zeros(self.grid.shape, dtype=np.bool_)
        inside[self.box] = self.inside
        return Lesion(self.id, Mask(inside, self.grid), self.organ, self.delineation)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentedLesions:
    """What a segmentation found.

    Parameters
    ----------
    lesions : tuple of SegmentedLesion
        No voxel belongs to two.
    dropped : int
        Seeds that gave no lesion: smaller than the minimum, no border by this method, or bowel.
    unmapped : tuple of str
        Organs whose physiological uptake could not be left out. If there are any, the lesions
        are candidates.
    settings : SegmentationSettings
        What was asked.
    rule : str
        How seeds were chosen.
    bowel : tuple of TakenForBowel
        Of those dropped, what was taken for bowel by its shape.
    """

    lesions: tuple[SegmentedLesion, ...]
    dropped: int
    unmapped: tuple[str, ...]
    settings: SegmentationSettings
    rule: str
    bowel: tuple[TakenForBowel, ...] = ()

    @property
    def bowel_words(self) -> tuple[str, ...]:
        """What was left out as bowel, one sentence each."""
        return tuple(
            f"left out as bowel, as it winds and is hardly above the level of the search: "
            f"{one.words}; draw it as a correction if it is a lesion"
            for one in self.bowel
        )

    def labels(self) -> npt.NDArray[np.int16]:
        """Label map on the whole grid: 1 for the first lesion, and so on."""
        if not self.lesions:
            raise ValueError("no lesion, no grid")
        result = np.zeros(self.lesions[0].grid.shape, dtype=np.int16)
        for number, one in enumerate(self.lesions, start=1):
            result[one.box][one.inside] = number
        return result
