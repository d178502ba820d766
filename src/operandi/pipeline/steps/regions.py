"""Steps that find regions: organs, the liver reference, lesions, what readers drew."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.imaging.dicom.files import FileRef, on_disk
from operandi.imaging.dicom.segmentation import (
    Segment,
    SegmentDescription,
    deterministic_uid,
    nearest_on,
    read_segmentation,
)
from operandi.imaging.dicom.structure_set import rasterize, read_structure_set
from operandi.imaging.lesions.body import body_region
from operandi.imaging.lesions.components import Components, lesion_threshold, segment_above
from operandi.imaging.lesions.organs import is_physiological, lacking, organ_named
from operandi.imaging.lesions.reference import (
    ReferenceRegion,
    liver_reference_from_organ,
    liver_reference_from_point,
)
from operandi.imaging.lesions.screen import above_noise, widened
from operandi.imaging.pet.suv import Suv
from operandi.pipeline.step_settings import LesionSettings, PlacedReference
from operandi.quantities.errors import DataError

_ANATOMY: Final = "123037004"  # SNOMED CT: anatomical structure
_BODY_SUV: Final = 0.1
"""Body outline on PET, g/mL. Air is below; only what lies above the lesion threshold is looked at
inside it, so that a looser outline changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Organs:
    """Organ masks on the PET grid.

    Parameters
    ----------
    masks : tuple of (str, Mask)
        Organ name in lower case, and its voxels.
    """

    masks: tuple[tuple[str, Mask], ...]

    def named(self, organ: str) -> Mask | None:
        """The organ's mask; None where the map has none."""
        return next((mask for name, mask in self.masks if name == organ), None)


def organ_map(suv: Suv, files: tuple[FileRef, ...]) -> Organs:
    """Read the organs from segmentation objects and put them on the PET grid.

    Raises
    ------
    DataError
        If an object is damaged, none holds an organ in the PET's frame of reference, or two
        objects hold the same organ, as an automatic map and its correction do.
    """
    grid = suv.volume.grid
    masks: dict[str, tuple[FileRef, Mask]] = {}
    with on_disk(files) as paths:
        for file, path in zip(files, paths, strict=True):
            for segment in filter(_is_organ, read_segmentation(path)):
                described = segment.description
                name = organ_named(described.label, described.property_type[0])
                mask = nearest_on(segment.mask, grid)
                first, joined = masks.get(name, (file, mask))
                if first != file:
                    raise DataError(
                        f"{first} and {file} both hold the organ {name!r}.",
                        remedy="Keep only the organ map that counts, the corrected one.",
                    )
                masks[name] = (file, _joined([joined, mask]))
    if not masks:
        raise DataError(
            "No segment of the organ map is an anatomical structure.",
            remedy="Give each segment the category Anatomical Structure (SCT 123037004).",
        )
    return Organs(masks=tuple((name, mask) for name, (_, mask) in sorted(masks.items())))


def _is_organ(segment: Segment) -> bool:
    return segment.description.category[0] == _ANATOMY


def _joined(masks: list[Mask]) -> Mask:
    return Mask(np.logical_or.reduce([mask.inside for mask in masks]), masks[0].grid)


def liver_reference(suv: Suv, organs: Organs | None, placed: PlacedReference) -> ReferenceRegion:
    """Take the liver reference where a reader placed it.

    Raises
    ------
    DataError
        If the sphere does not lie in the image, or not in the organ map's liver.
    """
    reference = liver_reference_from_point(
        suv.volume, center_mm=placed.center_mm, radius_mm=placed.radius_mm, reader=placed.reader
    )
    liver = organs.named("liver") if organs is not None else None
    if liver is not None and (reference.mask.inside & ~liver.inside).any():
        where = ", ".join(f"{mm:g}" for mm in placed.center_mm)
        raise DataError(
            f"The liver sphere at ({where}) mm does not lie in the organ map's liver.",
            remedy="Positions are DICOM LPS; viewers that show RAS need the signs of x and y "
            "changed. Correct reference_regions.",
        )
    return reference


def liver_reference_in_organ(suv: Suv, organs: Organs) -> ReferenceRegion:
    """Find the liver reference in the organ map.

    Raises
    ------
    DataError
        If the map has no liver, or no sphere fits into it.
    """
    liver = organs.named("liver")
    if liver is None:
        found = ", ".join(name for name, _ in organs.masks)
        raise DataError(
            f"The organ map has no segment called liver; it has {found}.",
            remedy="Label the liver's segment 'Liver', or place a sphere in reference_regions.",
        )
    return liver_reference_from_organ(suv.volume, liver)


def liver_reference_absent(suv: Suv) -> ReferenceRegion:
    """Say what to supply where nothing tells the liver from the rest of the body.

    Raises
    ------
    DataError
        Always.
    """
    raise DataError(
        f"Lesions are judged against the liver ({suv.volume.kind.title}), and nothing says where "
        "it is.",
        remedy="Send an organ map (DICOM SEG with a segment 'Liver'), or record a sphere in "
        "reference_regions.",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundLesions:
    """What lies above the liver threshold.

    Parameters
    ----------
    components : Components
        The lesions, with the threshold and what was dropped.
    unmapped : tuple of str
        Organs whose physiological uptake could not be left out. If there are any, these are
        candidates and no lesions.
    """

    components: Components
    unmapped: tuple[str, ...]


def lesions_outside_organs(
    suv: Suv, liver: ReferenceRegion, organs: Organs, settings: LesionSettings
) -> FoundLesions:
    """Find components above liver mean + 2 SD, outside organs of physiological uptake.

    The liver itself is searched: metastases lie there, and its normal tissue is below the
    threshold by construction.
    """
    found = _above(
        suv,
        liver,
        [
            widened(mask, margin_mm=settings.organ_margin_mm)
            for name, mask in organs.masks
            if is_physiological(name)
        ],
        settings,
    )
    mapped = tuple(name for name, mask in organs.masks if mask.inside.any())
    unmapped = lacking(mapped, absent=settings.absent_organs)
    if unmapped:
        return FoundLesions(components=_as_candidates(found), unmapped=unmapped)
    lesions = tuple(_in_liver(lesion, organs) for lesion in found.lesions)
    return FoundLesions(components=Components(lesions, found.dropped, found.threshold), unmapped=())


def candidates(suv: Suv, liver: ReferenceRegion, settings: LesionSettings) -> FoundLesions:
    """Find components above liver mean + 2 SD where no organ map says what is physiological."""
    found = _above(suv, liver, [], settings)
    unmapped = lacking((), absent=settings.absent_organs)
    return FoundLesions(components=_as_candidates(found), unmapped=unmapped)


def _as_candidates(found: Components) -> Components:
    """Rename L01 to C01: what may be a kidney must not be read as a lesion."""
    renamed = tuple(
        Lesion(LesionId(f"C{one.id.removeprefix('L')}"), one.mask, one.organ, one.delineation)
        for one in found.lesions
    )
    return Components(renamed, found.dropped, found.threshold)


def _above(
    suv: Suv, liver: ReferenceRegion, excluded: list[Mask], settings: LesionSettings
) -> Components:
    found = segment_above(
        suv.volume,
        threshold=lesion_threshold(liver),
        region=body_region(suv.volume, threshold=_BODY_SUV),
        excluded=_joined(excluded) if excluded else None,
        minimum_volume_ml=settings.minimum_volume_ml,
    )
    return above_noise(suv.volume, found, liver)


def _in_liver(lesion: Lesion, organs: Organs) -> Lesion:
    """Say so where the liver holds at least half of the lesion."""
    liver = organs.named("liver")
    size = np.count_nonzero(lesion.mask.inside)
    if liver is None or 2 * np.count_nonzero(lesion.mask.inside & liver.inside) < size:
        return lesion
    return Lesion(lesion.id, lesion.mask, "liver", lesion.delineation)


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


def lesion_object(found: FoundLesions, files: tuple[FileRef, ...], names: tuple[str, str]) -> bytes:
    """Write the lesions as a DICOM segmentation that refers to the PET series.

    Parameters
    ----------
    found : FoundLesions
        Lesions; candidates are not written.
    files : tuple of FileRef
        The PET series.
    names : tuple of (participant, timepoint)
        They make tracking identifiers and UIDs, the same in every run.
    """
    # Here, because highdicom, which writing needs, would cost every start a second.
    from operandi.imaging.dicom.segmentation_writing import write_segmentation  # noqa: PLC0415

    if found.unmapped or not found.components.lesions:
        return b""
    participant, timepoint = names
    segments = [
        Segment(
            SegmentDescription(
                number=number,
                label=lesion.id,
                tracking_id=f"{participant} {timepoint} {lesion.id}",
                tracking_uid=deterministic_uid("lesion", participant, timepoint, lesion.id),
                category=("49755003", "SCT", "Morphologically Altered Structure"),
                property_type=("52988006", "SCT", "Lesion"),
                algorithm="AUTOMATIC",
            ),
            lesion.mask,
        )
        for number, lesion in enumerate(found.components.lesions, start=1)
    ]
    with TemporaryDirectory() as folder, on_disk(files) as sources:
        path = Path(folder) / "lesions.dcm"
        write_segmentation(
            path,
            segments=segments,
            source_files=sources,
            series_uid=deterministic_uid("lesion series", participant, timepoint),
            instance_uid=deterministic_uid("lesion object", participant, timepoint),
            description="Operandi lesions",
            creator="Operandi",
        )
        return path.read_bytes()
