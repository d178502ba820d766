"""What tracking is given: the lesions that were observed at one visit, by one modality."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.sought_again import SoughtAgain
from operandi.quantities.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObservedLesion:
    """One lesion as one modality showed it at one visit.

    Parameters
    ----------
    name : LesionId
        Its name within the visit.
    center_mm : tuple of float
        Centroid of its voxels, LPS in mm.
    volume_ml : float, > 0
        mL.
    suv_max : float or None
        g/mL, > 0; None for a modality without SUV.
    organ : str
        Organ it lies in, where known; else empty.
    mask : Mask or None
        Its voxels on a tight box; without it a ball of its volume stands in.
    removed : bool
        Whether it was marked and a reader removed it: nothing is observed, and it keeps a name.
    now_in : LesionId or None
        The lesion of this visit that the reader merged it into; only of one removed.
    """

    name: LesionId
    center_mm: tuple[float, float, float]
    volume_ml: float
    suv_max: float | None = None
    organ: str = ""
    mask: Mask | None = None
    removed: bool = False
    now_in: LesionId | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.center_mm).all() and 0 < self.volume_ml < math.inf):
            raise DataError(
                f"Tracking needs a finite center and a volume above zero; lesion {self.name} has "
                f"{self.center_mm} mm and {self.volume_ml:g} mL.",
                remedy="Correct or remove the lesion.",
            )
        if self.suv_max is not None and not 0 < self.suv_max < math.inf:
            raise DataError(
                f"Tracking needs an SUVmax above zero; lesion {self.name} has {self.suv_max:g}.",
                remedy="Correct the SUV, or leave it out.",
            )

    @property
    def place_mm(self) -> tuple[float, float, float]:
        """Its voxel nearest to the center, LPS in mm; the center where it has no mask."""
        return self.center_mm if self.mask is None else place_of(self.mask)

    @property
    def radius_mm(self) -> float:
        """Radius of the ball of the same volume, mm."""
        return float(np.cbrt(self.volume_ml * 1000.0 * 3.0 / (4.0 * math.pi)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitLesions:
    """All lesions that one modality showed at one visit.

    Parameters
    ----------
    timepoint : TimepointCode
        The visit.
    lesions : tuple of ObservedLesion
        In any order; may be empty.
    modality : str
        ``"PET"``, ``"MR"`` ... Visits of one modality are compared over time; the others of the
        same timepoint only add observations to its lesions.
    covered : Grid or None
        What the image covers. A lesion expected beyond it was not looked at, hence not resolved.
    liver_suv_mean : float or None
        Mean of the liver reference, g/mL; for the threshold of new lesions.
    anatomy : Volume or None
        What to register on (MR contrast or SUV).
    organs : mapping of str to Mask
        Organs by name on one grid, for the organ-wise part of the registration.
    sought : tuple of SoughtAgain
        What was seen at the places of lesions of earlier visits; evidence where one is resolved.
    """

    timepoint: TimepointCode
    lesions: tuple[ObservedLesion, ...]
    modality: str = "PET"
    covered: Grid | None = None
    liver_suv_mean: float | None = None
    anatomy: Volume | None = None
    organs: Mapping[str, Mask] = field(default_factory=dict)
    sought: tuple[SoughtAgain, ...] = ()

    def __post_init__(self) -> None:
        names = [lesion.name for lesion in self.lesions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(
                f"At {self.timepoint} ({self.modality}) two lesions are named {twice[0]}.",
                remedy="Give each lesion of a visit its own name.",
            )

    def named(self, name: LesionId) -> ObservedLesion:
        """Return the lesion of that name.

        Raises
        ------
        DataError
            If there is none, or a reader removed it.
        """
        there = [one for one in self.lesions if not one.removed]
        for lesion in there:
            if lesion.name == name:
                return lesion
        gone = any(one.name == name for one in self.lesions)
        raise DataError(
            f"At {self.timepoint} ({self.modality}) there is no lesion {name}"
            f"{': a reader removed it' if gone else ''}.",
            remedy="Name one of: " + (", ".join(one.name for one in there) or "(none)"),
        )


def observed_lesion(lesion: Lesion, suv: Volume | None) -> ObservedLesion:
    """Crop a lesion to its box and measure what tracking needs.

    Parameters
    ----------
    lesion : Lesion
        As segmented, not empty.
    suv : Volume of SUV_BODY_WEIGHT or None
        On the lesion's grid, or None for a lesion of another modality.

    Raises
    ------
    DataError
        If the lesion is empty.
    GridMismatchError
        If it lies on another grid than the SUV.
    """
    mask = lesion.mask
    boxes = ndimage.find_objects(mask.inside.astype(np.int8))
    if not boxes:
        raise DataError(f"Lesion {lesion.id} has no voxel.", remedy="Remove it.")
    box = boxes[0]
    if suv is not None:
        suv.grid.require_same(mask.grid, what=f"SUV and lesion {lesion.id}")
    inside = np.ascontiguousarray(mask.inside[box])
    affine = mask.grid.affine.copy()
    affine[:3, 3] = mask.grid.position_of([edge.start for edge in box])
    i, j, k = inside.shape
    tight = Mask(inside, Grid((i, j, k), affine, mask.grid.frame_of_reference))
    x, y, z = tight.grid.position_of(np.argwhere(inside).mean(axis=0)).tolist()
    return ObservedLesion(
        name=lesion.id,
        center_mm=(x, y, z),
        volume_ml=mask.volume_ml,
        suv_max=None if suv is None else float(suv.values[box][inside].max()),
        organ=lesion.organ,
        mask=tight,
    )


def place_of(mask: Mask) -> tuple[float, float, float]:
    """Voxel of a lesion that is nearest to its center, LPS in mm.

    A lesion may wind around its center.
    """
    voxels = mask.grid.position_of(np.argwhere(mask.inside))
    nearest = np.argmin(((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1))
    x, y, z = voxels[nearest].tolist()
    return x, y, z


def centers_of(lesions: tuple[ObservedLesion, ...]) -> npt.NDArray[np.float64]:
    """Centers (n, 3), LPS in mm; (0, 3) for none."""
    return np.array([lesion.center_mm for lesion in lesions], dtype=np.float64).reshape(-1, 3)
