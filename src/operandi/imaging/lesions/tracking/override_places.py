"""Whether a reader's word still names the lesions that the reader meant."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from operandi.imaging.lesions.tracking.parts import points_of
from operandi.imaging.lesions.tracking.tracks import Override, Sighting
from operandi.imaging.lesions.tracking.visit_lesions import ObservedLesion, VisitLesions
from operandi.quantities.errors import DataError

FARTHEST_MM: Final = 10.0
"""How far from the place that a reader stated the lesion's nearest voxel may lie. Assumed."""

Place = tuple[float, float, float]


def spelled_place(sighting: Sighting, place_mm: Place) -> str:
    """Spell a lesion of a visit as an override names it.

    >>> from operandi.domain.identity import LesionId, TimepointCode
    >>> one = Sighting(timepoint=TimepointCode("BASELINE"), name=LesionId("L03"))
    >>> spelled_place(one, (-61.2, 9.8, 120.0))
    'BASELINE/L03@-61 10 120'
    """
    where = " ".join(f"{round(mm)}" for mm in place_mm)
    return f"{sighting.timepoint}/{sighting.name}@{where}"


def require_places(overrides: Sequence[Override], visits: Sequence[VisitLesions]) -> None:
    """Refuse overrides whose lesions do not lie where the reader said.

    A lesion's name at a visit follows volumes. Another border, another resolution, or a correction
    of an earlier visit numbers lesions anew, and a name alone would bind the reader's word to
    another lesion.

    Parameters
    ----------
    overrides : sequence of Override
        What readers said. Visits and names that are not there are for ``track_lesions`` to refuse.
    visits : sequence of VisitLesions
        All of the participant.

    Raises
    ------
    DataError
        If an override states no place, or another lesion lies there; with what to write.
    """
    for one in overrides:
        for sighting, place in ((one.before, one.before_mm), (one.after, one.after_mm)):
            visit = next(
                (
                    visit
                    for visit in visits
                    if (visit.timepoint, visit.modality) == (sighting.timepoint, sighting.modality)
                ),
                None,
            )
            if visit is not None:
                _require_place(one.reader, sighting, place, visit)


def _require_place(
    reader: str, sighting: Sighting, place: Place | None, visit: VisitLesions
) -> None:
    lesion = visit.named(sighting.name)
    if place is None:
        raise DataError(
            f"{reader} names {sighting} and not where it lies: names at a visit follow volumes, "
            "and may be of another lesion by now.",
            remedy=f"Write {spelled_place(sighting, lesion.place_mm)} if the lesion of "
            f"{_described(lesion)} is meant.",
        )
    apart = {one.name: _distance_mm(one, place) for one in visit.lesions if not one.removed}
    nearest = min(visit.lesions, key=lambda one: (apart.get(one.name, np.inf), one.name))
    if nearest.name == lesion.name and apart[nearest.name] <= FARTHEST_MM:
        return
    if apart[nearest.name] > FARTHEST_MM:
        raise DataError(
            f"{reader} names {sighting} at {_words(place)}, where no lesion lies within "
            f"{FARTHEST_MM:g} mm.",
            remedy=f"Write {spelled_place(sighting, lesion.place_mm)} if the lesion of "
            f"{_described(lesion)} is meant; or remove the override.",
        )
    there = Sighting(timepoint=sighting.timepoint, name=nearest.name, modality=sighting.modality)
    raise DataError(
        f"{reader} names {sighting} at {_words(place)}, where {nearest.name} lies: lesions of this "
        "visit were numbered anew.",
        remedy=f"Write {spelled_place(there, nearest.place_mm)} if the lesion of "
        f"{_described(nearest)} is meant.",
    )


def _distance_mm(lesion: ObservedLesion, place: Place) -> float:
    offsets = points_of(lesion) - np.array(place)
    return float(np.sqrt((offsets**2).sum(axis=1)).min())


def _described(lesion: ObservedLesion) -> str:
    where = f" in the {lesion.organ}" if lesion.organ else ""
    return f"{lesion.volume_ml:.3g} mL{where}"


def _words(place: Place) -> str:
    return f"({', '.join(f'{mm:g}' for mm in place)}) mm"
