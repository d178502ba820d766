"""Pictures of a visit's lesions: maximum projections, and slices through the reference spheres."""

from typing import Final

from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.imaging.lesions.visit import LesionsOfVisit
from operandi.reports.figures import (
    PlainOutline,
    ProjectionPlane,
    maximum_projection,
    slice_with_contours,
)
from operandi.reports.study_report import Figure

ORGAN_COLOR: Final = "#8a949e"
SPHERE_COLOR: Final = "#00a0c6"

_CEILING_OF_LIVER: Final = 3.0
_CEILING_SUV: Final = 15.0
"""Black is three times the liver, or 15 g/mL without a reference: lesions that count are dark and
the liver is not."""


def projections(found: LesionsOfVisit) -> tuple[Figure, ...]:
    """Draw the PET from the front and from the right with lesions, organs and spheres."""
    outlines = (
        *(
            PlainOutline(name=one.name, mask=one.mask, color=ORGAN_COLOR)
            for one in found.organs.organs
        ),
        *(
            PlainOutline(
                name=f"reference sphere in the {one.organ}", mask=one.mask, color=SPHERE_COLOR
            )
            for one in reference_spheres(found)
        ),
    )
    planes: tuple[ProjectionPlane, ...] = ("coronal", "sagittal")
    return tuple(
        maximum_projection(
            found.suv,
            plane=plane,
            lesions=found.lesions,
            outlines=outlines,
            ceiling=_ceiling(found),
        )
        for plane in planes
    )


def reference_slices(found: LesionsOfVisit) -> tuple[Figure, ...]:
    """Draw the axial slice through the middle of each reference sphere."""
    return tuple(
        slice_with_contours(
            found.suv,
            plane="axial",
            position_mm=one.center_mm[2],
            lesions=(*found.lesions, Lesion(LesionId(one.organ), one.mask, "", one.placed_by)),
            overlay=None,
            window=(0.0, _ceiling(found)),
        )
        for one in reference_spheres(found)
    )


def reference_spheres(found: LesionsOfVisit) -> tuple[ReferenceRegion, ...]:
    """Those that could be had, in the order liver, spleen, blood pool."""
    every = (found.references.liver, found.references.spleen, found.references.blood_pool)
    return tuple(one for one in every if one is not None)


def _ceiling(found: LesionsOfVisit) -> float:
    liver = found.references.liver
    return _CEILING_SUV if liver is None else _CEILING_OF_LIVER * liver.mean
