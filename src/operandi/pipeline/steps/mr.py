"""Steps on the MR of one visit, each series on its own grid."""

import contextlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import SeriesUid
from operandi.domain.volume import Volume
from operandi.imaging.dicom.assemble import assemble
from operandi.imaging.dicom.files import FileRef, on_disk
from operandi.imaging.dicom.index import series_of
from operandi.imaging.dicom.structure_set import rasterize, read_structure_set
from operandi.imaging.pet.suv import Suv
from operandi.imaging.register import rigid_registration
from operandi.imaging.register_regions import register_regions
from operandi.quantities.errors import DataError, GridMismatchError, UnsupportedError
from operandi.quantities.kinds import MR_SIGNAL


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MrImages:
    """The volumes of one MR series.

    Parameters
    ----------
    name : str
        SeriesDescription and a mark of the series, as two series may share a description.
    series_uid : SeriesUid
        Which series.
    what : str
        What it was taken for.
    volumes : tuple of (str, Volume of MR_SIGNAL)
        Key (b-value, echo time, time) and values on the series' own grid.
    """

    name: str
    series_uid: SeriesUid
    what: str
    volumes: tuple[tuple[str, Volume], ...]


def mr_images(files: tuple[FileRef, ...]) -> MrImages:
    """Assemble an MR series on its own grid.

    Raises
    ------
    DataError, UnsupportedError
        As :func:`operandi.imaging.dicom.assemble.assemble`.
    """
    series = series_of(files)
    volumes = tuple(
        (
            ", ".join(f"{name} {value}" for name, value in stack.key),
            Volume(np.ascontiguousarray(stack.values), stack.grid, MR_SIGNAL),
        )
        for stack in assemble(series)
    )
    return MrImages(
        name=series.name,
        series_uid=SeriesUid(series.uid),
        what=series.classification.type.value,
        volumes=volumes,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """How PET and MR meet.

    Parameters
    ----------
    matrix : array, (4, 4), or None
        From PET to MR positions, LPS in mm; None where both share a frame of reference.
    description : str
        For people.
    """

    matrix: npt.NDArray[np.float64] | None
    description: str


def alignment(suv: Suv, images: MrImages, drawn: tuple[FileRef, ...] | None) -> Alignment:
    """Find how PET and MR meet.

    By their frame of reference; else by the regions that a reader drew on both, if their outlines
    agree; else by a rigid registration of the images.

    Raises
    ------
    DataError
        If none of these leads to an alignment; the reason is the last one's.
    """
    pet, (_, mr) = suv.volume, images.volumes[0]
    frame = pet.grid.frame_of_reference
    if frame and frame == mr.grid.frame_of_reference:
        return Alignment(matrix=None, description="PET and MR share a frame of reference")
    if drawn is not None:
        with contextlib.suppress(DataError, GridMismatchError, UnsupportedError):
            return _by_regions(suv, images, drawn)
    found = rigid_registration(pet, mr)
    return Alignment(matrix=found.matrix, description=found.description)


def _by_regions(suv: Suv, images: MrImages, files: tuple[FileRef, ...]) -> Alignment:
    with on_disk(files) as paths:
        contours = [one for path in paths for one in read_structure_set(path) if one.polygons]
    pet, (_, mr) = suv.volume.grid, images.volumes[0]
    on_pet = {
        one.name: rasterize(one, pet)
        for one in contours
        if one.frame_of_reference == pet.frame_of_reference
    }
    on_mr = {
        one.name: rasterize(one, mr.grid)
        for one in contours
        if one.referenced_series_uid == images.series_uid and one.name in on_pet
    }
    found = register_regions(on_pet, on_mr)
    overlaps = ", ".join(f"{name} {dice:.2f}" for name, dice in found.dice.items())
    return Alignment(
        matrix=found.matrix,
        description=f"Aligned rigidly by what a reader drew on both (Dice: {overlaps}); "
        f"turned by {found.turn_deg:.0f}°",
    )
