"""A visit of two lesions in a torso, whose masks the edits start from."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

import numpy as np

from operandi.domain.identity import Digest, LesionId
from operandi.imaging.lesions.corrections.reading import DrawnRegion, LesionCorrection
from operandi.imaging.lesions.visit import LesionsOfVisit
from tests.imaging.lesions.corrections.edited_objects import EditedSegment, Voxels
from tests.imaging.lesions.test_visit import organs_of, visit, without
from tests.imaging.lesions.torso import a_torso_grid, the_masks

UIDS = {LesionId("L01"): "2.25.1001", LesionId("L02"): "2.25.1002"}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@cache
def a_visit() -> LesionsOfVisit:
    """L01 in the liver, L02 in bone."""
    return visit(organs_of(the_masks(a_torso_grid())))


@cache
def a_visit_of_candidates() -> LesionsOfVisit:
    """The same without a mask of the spleen."""
    return visit(without("spleen"))


def inside_of(found: LesionsOfVisit, name: str) -> Voxels:
    """Voxels of a lesion, to be edited."""
    (one,) = (one for one in found.lesions if one.id == name)
    return one.mask.inside.copy()


def as_written(found: LesionsOfVisit, *, uids: bool = True) -> dict[str, EditedSegment]:
    """Segments as ``lesions.dcm`` holds them."""
    return {
        str(one.id): EditedSegment(
            label=str(one.id),
            inside=one.mask.inside.copy(),
            uid=UIDS.get(one.id, "") if uids else "",
        )
        for one in found.lesions
    }


def a_cube(found: LesionsOfVisit, corner: tuple[int, int, int], size: int) -> Voxels:
    """A cube of voxels on the grid of the PET."""
    inside = np.zeros(found.suv.grid.shape, dtype=np.bool_)
    inside[tuple(slice(at, at + size) for at in corner)] = True
    return inside


def a_correction(
    found: LesionsOfVisit,
    segments: Sequence[EditedSegment],
    *,
    at: datetime = NOON,
    reader: str = "Doe^Jane",
    source: str = "cd",
    confirmed: bool = False,
) -> LesionCorrection:
    """A correction without a file."""
    return LesionCorrection(
        reader=reader,
        reader_from="ContentCreatorName",
        at=at,
        source=Digest(source),
        source_name=f"{source}.dcm",
        patient_id="OP-001",
        grid=found.suv.grid,
        regions=tuple(
            DrawnRegion(
                number=number,
                label=one.label,
                tracking_uid=one.uid,
                no_lesion="",
                altered=True,
                box=_box(one.inside),
                inside=one.inside[_box(one.inside)],
            )
            for number, one in enumerate(segments, start=1)
        ),
        confirmed=confirmed,
    )


def _box(inside: Voxels) -> tuple[slice, slice, slice]:
    if not inside.any():
        return slice(0, 0), slice(0, 0), slice(0, 0)
    i, j, k = (np.flatnonzero(inside.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1)))
    return (
        slice(int(i[0]), int(i[-1]) + 1),
        slice(int(j[0]), int(j[-1]) + 1),
        slice(int(k[0]), int(k[-1]) + 1),
    )
