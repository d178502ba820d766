"""Read what a reader edited in 3D Slicer, OHIF or another program: DICOM SEG or RTSTRUCT."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.identity import Digest
from operandi.domain.mask import Mask
from operandi.imaging.dicom.edited_header import PERSONS, EditedHeader, read_edited_header
from operandi.imaging.dicom.segmentation import (
    Segment,
    nearest_on,
    read_segmentation,
    resample_onto,
)
from operandi.imaging.dicom.structure_set import (
    Contours,
    rasterize,
    read_structure_set,
)
from operandi.imaging.lesions.corrections.categories import ALTERED, ANATOMY
from operandi.imaging.lesions.organs import ORGAN_NAMES, organ_named
from operandi.imaging.lesions.segmentation.neighborhood import Box
from operandi.imaging.pet.timing import instant_of
from operandi.quantities.errors import DataError, GridMismatchError, UnsupportedError

PROGRAMS: Final = frozenset({"operandi", "slicer", "3d slicer", "ohif", "ohif viewer", "dcmqi"})
"""What programs write where a person's name belongs. 3D Slicer's default was seen in dcmqi's
published objects; the others are assumed."""

_NO_LESIONS: Final = frozenset(
    {
        *("AVOIDANCE", "BOLUS", "CONTROL", "EXTERNAL", "FIXATION", "ISOCENTER", "MARKER"),
        *("ORGAN", "REGISTRATION", "SUPPORT"),
    }
)
"""RTROIInterpretedType of regions that are no lesions."""

_MOST_VOXELS: Final = 2**29
_EVEN_PLANES: Final = 0.02
"""Share of a slice by which planes of contours may be off an even spacing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnRegion:
    """One segment or region as a reader left it, on the grid of the PET.

    Parameters
    ----------
    number : int
        SegmentNumber or ROINumber.
    label : str
        SegmentLabel or ROIName.
    tracking_uid : str
        Empty where the object states none.
    no_lesion : str
        Why it is no lesion, unless its TrackingUID or label is a lesion's; else empty.
    altered : bool or None
        Whether its category says that it is a lesion; None of contours, which have no category.
    box : tuple of slice
        Tight box around its voxels; empty where there are none.
    inside : bool array, of the box's shape
        Its voxels.
    note : str
        How it came onto the grid, where that was not voxel by voxel.
    """

    number: int
    label: str
    tracking_uid: str
    no_lesion: str
    altered: bool | None
    box: Box
    inside: npt.NDArray[np.bool_]
    note: str = ""

    @property
    def voxels(self) -> int:
        """How many."""
        return int(np.count_nonzero(self.inside))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionCorrection:
    """What a reader made of a visit's lesions.

    Parameters
    ----------
    reader, reader_from : str
        Who, and where that stands.
    at : datetime
        When; with time zone.
    source : Digest
        SHA-256 of the file.
    source_name : str
        Its name.
    patient_id : str
        As the file states it.
    grid : Grid
        On which the regions lie: that of the PET.
    regions : tuple of DrawnRegion
        In the order of the file.
    notes : tuple of str
        What could not be taken.
    confirmed : bool
        Whether the reader says that every lesion that is left is one: candidates are then lesions.
    """

    reader: str
    reader_from: str
    at: datetime
    source: Digest
    source_name: str
    patient_id: str
    grid: Grid
    regions: tuple[DrawnRegion, ...]
    notes: tuple[str, ...] = ()
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredCorrection:
    """What a person says of a correction where its file does not.

    Parameters
    ----------
    reader : str
        Who edited it. What the file says counts.
    at : datetime or None
        When. What the file says counts.
    confirmed : bool
        See ``LesionCorrection``.
    """

    reader: str = ""
    at: datetime | None = None
    confirmed: bool = False


NOTHING_DECLARED: Final = DeclaredCorrection()


def read_correction(
    path: Path,
    *,
    onto: Grid,
    zone: tzinfo | None,
    declared: DeclaredCorrection = NOTHING_DECLARED,
    patient_id: str = "",
) -> LesionCorrection:
    """Read an edited DICOM SEG or RTSTRUCT onto the grid of the PET.

    Masks whose voxels coincide with the PET's are taken voxel by voxel. On another grid of the same
    frame of reference a PET voxel belongs to a mask if its center does (``nearest_on``); the region
    says so, with its volume before and after. Contours in denser or sparser even planes than the
    PET's are filled in their own planes first.

    Parameters
    ----------
    path : Path
        The file.
    onto : Grid
        Of the PET.
    zone : tzinfo or None
        Of dates and times where the file states no offset.
    declared : DeclaredCorrection
        Reader and time where the file does not state them.
    patient_id : str
        Of the PET; empty where it is not to be checked.

    Raises
    ------
    DataError
        If the file is damaged or neither SEG nor RTSTRUCT, of another patient, states no reader or
        time and none is declared, or a region vanishes on the PET's grid.
    GridMismatchError
        If it lies in another frame of reference, or reaches beyond the PET.
    UnsupportedError
        If a segmentation is tiled or of a type that is not read.
    """
    header = read_edited_header(path)
    stated = header.patient_id
    if patient_id and stated and stated != patient_id:
        raise DataError(
            f"{path.name} is of patient {stated!r}, the PET of {patient_id!r}.",
            remedy="Give the corrected lesions of this patient.",
        )
    who, where = _reader(header, declared=declared.reader, name=path.name)
    when = _instant(header, zone=zone, declared=declared.at, name=path.name)
    if header.is_contours:
        regions, notes = _contoured(path, header, onto)
    else:
        regions, notes = _segmented(path, onto), ()
    return LesionCorrection(
        reader=who,
        reader_from=where,
        at=when,
        source=Digest(hashlib.sha256(path.read_bytes()).hexdigest()),
        source_name=path.name,
        patient_id=stated,
        grid=onto,
        regions=regions,
        notes=notes,
        confirmed=declared.confirmed,
    )


# --- Who and when -----------------------------------------------------------------------------


def _reader(header: EditedHeader, *, declared: str, name: str) -> tuple[str, str]:
    """A person's name and the attribute it stands in; programs' names are none."""
    programs = []
    for keyword, text in header.persons:
        if text.casefold().rstrip("^") not in PROGRAMS:
            return text, keyword
        programs.append(f"{keyword} is {text!r}, a program")
    if declared.strip():
        return declared.strip(), "declared"
    found = f" ({'; '.join(programs)})" if programs else ""
    raise DataError(
        f"{name} does not say who edited it: none of {', '.join(PERSONS)} names a person{found}.",
        remedy="Say who did: --reader NAME, or reader in study.toml; or fill in "
        "ContentCreatorName when exporting.",
    )


def _instant(
    header: EditedHeader,
    *,
    zone: tzinfo | None,
    declared: datetime | None,
    name: str,
) -> datetime:
    day, clock = (
        ("StructureSetDate", "StructureSetTime")
        if header.is_contours
        else ("ContentDate", "ContentTime")
    )
    stated = {
        keyword: header.times[keyword]
        for keyword in (day, clock, "TimezoneOffsetFromUTC")
        if keyword in header.times
    }
    if day not in stated or clock not in stated:
        if declared is None:
            raise DataError(
                f"{name} does not say when it was edited: {day} and {clock} are needed, "
                f"{' and '.join({day, clock} & set(stated)) or 'neither'} is there.",
                remedy="Say when: --corrected-at 2026-03-01T10:15+01:00, or corrected_at in "
                "study.toml.",
            )
        return _with_zone(declared, zone=zone, name=name)
    offset = "TimezoneOffsetFromUTC" in stated
    if zone is None and not offset:
        raise DataError(
            f"{name} states {day} and {clock} without an offset from UTC, so that its time is "
            "unknown.",
            remedy="Give the time zone, such as --timezone Europe/Paris.",
        )
    at = instant_of(stated, day=day, clock=clock, zone=zone or UTC)
    return at if zone is None else at.astimezone(zone)


def _with_zone(at: datetime, *, zone: tzinfo | None, name: str) -> datetime:
    if at.tzinfo is not None:
        return at
    if zone is None:
        raise DataError(
            f"The time declared for {name} states no offset from UTC.",
            remedy="Add it, such as 2026-03-01T10:15+01:00, or give --timezone.",
        )
    return at.replace(tzinfo=zone)


# --- DICOM SEG --------------------------------------------------------------------------------


def _segmented(path: Path, onto: Grid) -> tuple[DrawnRegion, ...]:
    segments = read_segmentation(path)
    for segment in segments[:1]:
        _require_frame(segment.mask.grid.frame_of_reference, onto, name=path.name)
    return tuple(_of_segment(segment, onto, name=path.name) for segment in segments)


def _of_segment(segment: Segment, onto: Grid, *, name: str) -> DrawnRegion:
    described = segment.description
    category, kind = described.category[0], described.property_type[0]
    why = ""
    if category in ANATOMY:
        why = f"its category is {described.category[2] or 'Anatomical Structure'}"
    elif category not in ALTERED and organ_named(described.label, kind) in ORGAN_NAMES:
        why = f"it is named as an organ ({organ_named(described.label, kind)})"
    region = DrawnRegion(
        number=described.number,
        label=described.label.strip(),
        tracking_uid=described.tracking_uid,
        no_lesion=why,
        altered=category in ALTERED,
        box=_NO_BOX,
        inside=_NO_VOXEL,
    )
    return _placed(region, segment.mask, onto, name=name)


_NO_BOX: Final[Box] = (slice(0, 0), slice(0, 0), slice(0, 0))
_NO_VOXEL: Final = np.zeros((0, 0, 0), dtype=np.bool_)


def _require_frame(stated: str, onto: Grid, *, name: str) -> None:
    if stated and onto.frame_of_reference and stated != onto.frame_of_reference:
        raise GridMismatchError(
            f"{name} lies in frame of reference {stated}, the PET in {onto.frame_of_reference}: "
            "it was drawn on another scan.",
            remedy="Correct the lesions on the PET they were found on, or give that PET.",
        )
    if not stated and onto.frame_of_reference:
        raise GridMismatchError(
            f"{name} states no FrameOfReferenceUID, so that its place in the PET is unknown.",
            remedy="Export it from a program that keeps the frame of reference of the PET.",
        )


def _placed(region: DrawnRegion, mask: Mask, onto: Grid, *, name: str) -> DrawnRegion:
    """The region with its voxels on the grid of the PET."""
    if not mask.inside.any():
        return region
    mask = _cropped(mask)
    note = ""
    try:
        here = resample_onto(mask, onto)
    except GridMismatchError:
        here = nearest_on(mask, onto)
        note = (
            f"resampled from voxels of {_mm(mask.grid)} to {_mm(onto)}: "
            f"{mask.volume_ml:.2f} mL became {here.volume_ml:.2f} mL"
        )
    if not here.inside.any():
        raise DataError(
            f"{name}: {region.label or region.number} holds {mask.volume_ml:.3f} mL and not one "
            "voxel center of the PET.",
            remedy="Draw it on the PET, or leave it out.",
        )
    box = ndimage.find_objects(here.inside.astype(np.int8))[0]
    return replace(region, box=box, inside=here.inside[box].copy(), note=note)


def _cropped(mask: Mask) -> Mask:
    box = ndimage.find_objects(mask.inside.astype(np.int8))[0]
    affine = mask.grid.affine.copy()
    affine[:3, 3] = mask.grid.position_of([edge.start for edge in box])
    inside = np.ascontiguousarray(mask.inside[box])
    i, j, k = inside.shape
    return Mask(inside, Grid((i, j, k), affine, mask.grid.frame_of_reference))


def _mm(grid: Grid) -> str:
    return " x ".join(f"{one:.2f}" for one in grid.spacing_mm) + " mm"


# --- RTSTRUCT ---------------------------------------------------------------------------------


def _contoured(
    path: Path, header: EditedHeader, onto: Grid
) -> tuple[tuple[DrawnRegion, ...], tuple[str, ...]]:
    """Regions filled, and what could not be: points and open lines."""
    regions, notes = [], []
    for one in read_structure_set(path):
        _require_frame(one.frame_of_reference, onto, name=path.name)
        organ = organ_named(one.name, "")
        kind = header.region_types.get(one.number, "")
        why = f"it is named as an organ ({organ})" if organ in ORGAN_NAMES else ""
        if not why and kind in _NO_LESIONS:
            why = f"its RTROIInterpretedType is {kind}"
        region = DrawnRegion(
            number=one.number,
            label=one.name.strip(),
            tracking_uid="",
            no_lesion=why,
            altered=None,
            box=_NO_BOX,
            inside=_NO_VOXEL,
        )
        if not one.polygons:
            regions.append(region)
            continue
        try:
            mask = _filled(one, onto)
        except UnsupportedError as error:
            notes.append(f"{one.name or one.number} was left out: {error.what}")
            continue
        regions.append(_placed(region, mask, onto, name=path.name))
    return tuple(regions), tuple(notes)


def _filled(contours: Contours, onto: Grid) -> Mask:
    """On the PET's slices where they fit, else on even planes of the contours' own."""
    try:
        return rasterize(contours, onto)
    except GridMismatchError:
        for own in _own_planes(contours, onto):
            return rasterize(contours, own)
        raise


def _own_planes(contours: Contours, onto: Grid) -> Iterator[Grid]:
    """A grid of the PET's rows and columns through evenly spaced planes parallel to its slices."""
    if not contours.polygons:
        return
    k = [onto.index_of(polygon)[:, 2] for polygon in contours.polygons]
    depths = np.sort(np.array([float(one.mean()) for one in k]))
    steps = np.diff(depths)
    steps = steps[steps > _EVEN_PLANES]
    flat = max(float(np.ptp(one)) for one in k) <= _EVEN_PLANES
    if not flat or not steps.size:
        return
    step = float(steps.min())
    if float(np.abs(steps / step - np.rint(steps / step)).max()) > _EVEN_PLANES:
        return
    count = round((depths[-1] - depths[0]) / step) + 1
    if count * onto.shape[0] * onto.shape[1] > _MOST_VOXELS:
        return
    affine = onto.affine.copy()
    affine[:3, 3] = onto.position_of([0.0, 0.0, depths[0]])
    affine[:3, 2] *= step
    shape = (onto.shape[0], onto.shape[1], count)
    yield Grid(shape, affine, onto.frame_of_reference)
