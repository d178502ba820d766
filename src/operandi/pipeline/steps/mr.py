"""Steps on the MR of one visit, each series on its own grid."""

from dataclasses import dataclass

import numpy as np

from operandi.domain.volume import Volume
from operandi.imaging.dicom.assemble import assemble
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import series_of
from operandi.imaging.pet.suv import Suv
from operandi.imaging.register import RigidTransform, rigid_registration
from operandi.quantities.kinds import MR_SIGNAL


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MrImages:
    """The volumes of one MR series.

    Parameters
    ----------
    name : str
        SeriesDescription and a mark of the series, as two series may share a description.
    what : str
        What it was taken for.
    volumes : tuple of (str, Volume of MR_SIGNAL)
        Key (b-value, echo time, time) and values on the series' own grid.
    """

    name: str
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
        what=series.classification.type.value,
        volumes=volumes,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """How PET and MR meet.

    Parameters
    ----------
    transform : RigidTransform or None
        From PET to MR positions; None where both share a frame of reference.
    description : str
        For people.
    """

    transform: RigidTransform | None
    description: str


def alignment(suv: Suv, images: MrImages) -> Alignment:
    """Find how PET and MR meet: by their frame of reference, else by a rigid registration.

    Raises
    ------
    DataError
        If they do not overlap or the registration finds nothing better than the start.
    """
    pet, (_, mr) = suv.volume, images.volumes[0]
    frame = pet.grid.frame_of_reference
    if frame and frame == mr.grid.frame_of_reference:
        return Alignment(transform=None, description="PET and MR share a frame of reference")
    found = rigid_registration(pet, mr)
    return Alignment(transform=found, description=found.description)
