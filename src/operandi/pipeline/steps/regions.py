"""Steps that read regions: the organ map, and what readers drew."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.imaging.dicom.files import FileRef, on_disk
from operandi.imaging.dicom.structure_set import rasterize, read_structure_set
from operandi.imaging.lesions.external_organs import organ_map_from
from operandi.imaging.lesions.found_organs import FoundOrgans
from operandi.imaging.pet.suv import Suv
from operandi.quantities.errors import DataError


def organ_map(suv: Suv, files: tuple[FileRef, ...]) -> FoundOrgans:
    """Read the organs of the visit's segmentation objects, checked, on the PET grid.

    Raises
    ------
    DataError, GridMismatchError
        As :func:`operandi.imaging.lesions.external_organs.organ_map_from`: then no organ is
        believed.
    """
    with on_disk(files) as paths, TemporaryDirectory() as folder:
        # The result names the folder it was read from, which must be the same in every run.
        place = Path(folder) / "the organ map"
        place.mkdir()
        for number, path in enumerate(paths):
            (place / f"{number:03d}.dcm").symlink_to(path.resolve())
        return organ_map_from(place, onto=suv.volume.grid)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReaderRegions:
    """What readers drew, on the PET grid."""

    lesions: tuple[Lesion, ...]


def contoured_regions(suv: Suv, files: tuple[FileRef, ...]) -> ReaderRegions:
    """Read the contours that were drawn in the PET's frame of reference.

    Raises
    ------
    DataError, GridMismatchError
        If a structure set is damaged, or none was drawn on this PET.
    """
    grid = suv.volume.grid
    with on_disk(files) as paths:
        contours = [contour for path in paths for contour in read_structure_set(path)]
    drawn = [one for one in contours if one.frame_of_reference == grid.frame_of_reference]
    if not drawn:
        raise DataError(
            "No structure set of this visit was drawn in the PET's frame of reference.",
            remedy="Export the contours drawn on the PET series.",
        )
    lesions = [_reader_lesion(one.name, rasterize(one, grid)) for one in drawn if one.polygons]
    return ReaderRegions(lesions=tuple(_uniquely_named(lesions)))


def _reader_lesion(name: str, mask: Mask) -> Lesion:
    return Lesion(LesionId(name), mask, "", "drawn by a reader (RT structure set)")


def _uniquely_named(lesions: list[Lesion]) -> Iterable[Lesion]:
    """Number what bears a name already taken, in the order of the files."""
    taken: set[str] = set()
    for lesion in lesions:
        name, number = str(lesion.id), 1
        while name in taken:
            number += 1
            name = f"{lesion.id} ({number})"
        taken.add(name)
        yield Lesion(LesionId(name), lesion.mask, lesion.organ, lesion.delineation)
