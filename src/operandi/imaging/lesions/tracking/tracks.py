"""What tracking returns: one identity a lesion, its observations, and what happened to it."""

from dataclasses import dataclass
from enum import StrEnum

from operandi.domain.identity import LesionId, TimepointCode
from operandi.quantities.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Sighting:
    """A lesion's name at one visit, in one modality."""

    timepoint: TimepointCode
    name: LesionId
    modality: str = "PET"

    def __str__(self) -> str:
        return f"{self.name} at {self.timepoint} ({self.modality})"


class Relation(StrEnum):
    """What a reader says of two sightings."""

    SAME = "same"
    DIFFERENT = "different"
    PART = "part"
    """One is a part of the other: a fragment of a split, or merged into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A reader's word on two sightings at different visits; it stands above the matching.

    Parameters
    ----------
    before, after : Sighting
        The earlier and the later one.
    before_mm, after_mm : tuple of float, optional
        Where each lies, LPS in mm. Names at a visit follow volumes: one that was corrected or
        found by other settings may number its lesions anew.
    relation : Relation
        What they are to one another.
    reader : str
        Who says so.
    reason : str
        Why.
    """

    before: Sighting
    after: Sighting
    relation: Relation
    reader: str
    reason: str = ""
    before_mm: tuple[float, float, float] | None = None
    after_mm: tuple[float, float, float] | None = None


class EventKind(StrEnum):
    """What happened to a lesion between two visits."""

    FIRST = "first seen"
    """At the first visit of the modality, where there is nothing to compare with."""
    STABLE = "stable"
    """Found again: stable in identity. Whether it grew is judged elsewhere."""
    NEW = "new"
    RESOLVED = "resolved"
    SPLIT = "split"
    MERGED = "merged"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEvent:
    """What happened, when, and how sure that is.

    Parameters
    ----------
    kind : EventKind
        ``UNCERTAIN`` where the probability of the likeliest is too low, or a threshold unmet.
    likeliest : EventKind
        What it is if one must choose; the same as *kind* unless that is uncertain.
    lesion : LesionId
        Whose event it is: of a split, the whole; of a merging, what it became.
    timepoint : TimepointCode
        The later visit.
    modality : str
        That showed it.
    probability : float, in [0, 1]
        Of *likeliest*, under the model of the matching; 1 where a reader said so. Of splits,
        mergings and what a reader left of a lesion it is the share of overlap, which is no
        calibrated probability.
    others : tuple of LesionId
        Of a split the other fragments, of a merging the other lesions that went in.
    reason : str
        Why it is uncertain, or who said so.
    """

    kind: EventKind
    likeliest: EventKind
    lesion: LesionId
    timepoint: TimepointCode
    modality: str
    probability: float
    others: tuple[LesionId, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionTrack:
    """One lesion over all visits and modalities.

    Parameters
    ----------
    id : LesionId
        Its name from the first to the last visit.
    tracking_uid : str
        DICOM TrackingUID, the same in every run.
    sightings : tuple of Sighting
        In the order of the visits.
    parent : LesionId or None
        The lesion that it split from.
    merged_into : LesionId or None
        The lesion that it became a part of; it has no later sightings.
    """

    id: LesionId
    tracking_uid: str
    sightings: tuple[Sighting, ...]
    parent: LesionId | None = None
    merged_into: LesionId | None = None

    def seen_at(self, timepoint: TimepointCode, *, modality: str = "PET") -> Sighting | None:
        """Return the sighting at a visit, or None."""
        for sighting in self.sightings:
            if (sighting.timepoint, sighting.modality) == (timepoint, modality):
                return sighting
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedSighting:
    """What was marked at a visit and a reader removed: no lesion, with the name it was shown by.

    Parameters
    ----------
    sighting : Sighting
        Its name at the visit.
    id : LesionId
        Of the lesion that it was taken for; else a name that no lesion has.
    tracking_uid : str
        Of the same.
    """

    sighting: Sighting
    id: LesionId
    tracking_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPair:
    """How two consecutive visits were laid on one another.

    Parameters
    ----------
    before, after : TimepointCode
        The visits.
    aligned_by : str
        The registration, in words.
    residual_mm : float or None
        Root mean square distance of matched centers after the refinement; None without a match.
    moved_mm : float or None
        Root mean square distance by which the refinement moved what the registration left.
    """

    before: TimepointCode
    after: TimepointCode
    aligned_by: str
    residual_mm: float | None
    moved_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """All lesions of a participant under one identity.

    Parameters
    ----------
    tracks : tuple of LesionTrack
        L01, L02 ... in the order of first sighting, at a visit in the order of its names. What a
        reader removed leaves a gap, so that the others keep their names.
    events : tuple of TrackEvent
        In the order of the visits, then of the lesions.
    steps : tuple of VisitPair
        One for each pair of consecutive visits.
    removed : tuple of RemovedSighting
        What readers removed.
    """

    tracks: tuple[LesionTrack, ...]
    events: tuple[TrackEvent, ...]
    steps: tuple[VisitPair, ...]
    removed: tuple[RemovedSighting, ...] = ()

    def track_of(self, sighting: Sighting) -> LesionTrack:
        """Return the lesion that a sighting belongs to.

        Raises
        ------
        DataError
            If it belongs to none.
        """
        for track in self.tracks:
            if sighting in track.sightings:
                return track
        raise DataError(f"No lesion {sighting} was tracked.", remedy="Check the visit and name.")
