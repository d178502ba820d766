"""Which segmentations and contours of a visit are a reader's lesions, and which are not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Final

from operandi.imaging.dicom.index import Series
from operandi.imaging.lesions.corrections.categories import ALTERED
from operandi.pipeline.lesion_settings import DeclaredLesions
from operandi.pipeline.placing import READER, Obstacle, PlacedVisit
from operandi.pipeline.settings import Settings

_MOST_LESIONS: Final = 200
"""Names that TrackingUIDs of ours are sought under: L01 to L200, C01 to C200."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SortedRegions:
    """Segmentations and structure sets of a visit by what they are.

    Parameters
    ----------
    corrections : tuple of Series
        A reader's lesions, which supersede those that were found.
    organ_maps : tuple of Series
        Segmentations with something else than lesions.
    contours : tuple of Series
        Structure sets that are shown beside the lesions.
    declared : DeclaredLesions
        What study.toml says of the corrections.
    obstacles : tuple of Obstacle
        What could not be taken.
    """

    corrections: tuple[Series, ...]
    organ_maps: tuple[Series, ...]
    contours: tuple[Series, ...]
    declared: DeclaredLesions
    obstacles: tuple[Obstacle, ...]


def sort_regions(
    placed: PlacedVisit,
    pet: Series | None,
    segmentations: Sequence[Series],
    structure_sets: Sequence[Series],
    settings: Settings,
) -> SortedRegions:
    """Tell a reader's lesions from organ maps and contours.

    A DICOM SEG with a segment of category Morphologically Altered Structure, or with a TrackingUID
    of ours, in the PET's frame of reference, is a correction. It is an organ map as well where it
    has other segments. An RTSTRUCT is one only where study.toml names its series (``lesions_from``
    of ``[[declare.visit]]``).
    """
    who, timepoint = placed.participant.pseudonym, placed.timepoint.code
    declared = settings.reader_lesions_at(who, timepoint)
    if declared.at is not None:
        at = declared.at
        at = at if at.tzinfo is not None else at.replace(tzinfo=settings.zone)
        declared = replace(declared, at=at.astimezone(UTC))
    stated = any(uid for one in segmentations for _, uid in _segments(one))
    uids = _our_uids(who, [one.code for one in settings.timepoints]) if stated else frozenset()
    named = [one for one in (*segmentations, *structure_sets) if one.uid == declared.series_uid]
    corrections, elsewhere = [*named], list[Series]()
    for one in segmentations:
        if one in named or not _has_lesions(one, uids):
            continue
        (corrections if _on(one, pet) else elsewhere).append(one)
    lesions = {one.uid for one in (*corrections, *elsewhere)}
    return SortedRegions(
        corrections=tuple(corrections) if pet is not None else (),
        organ_maps=tuple(
            one for one in segmentations if one.uid not in lesions or _has_more(one, uids)
        ),
        contours=tuple(one for one in structure_sets if one not in named),
        declared=declared,
        obstacles=tuple(_obstacles(placed, declared, named, elsewhere)),
    )


def _our_uids(participant: str, timepoints: Sequence[str]) -> frozenset[str]:
    """TrackingUIDs that lesions of a participant can bear, as the tracks give them."""
    return frozenset(
        lesion_uid(participant, timepoint, f"{letter}{number:02d}")
        for timepoint in timepoints
        for letter in "LC"
        for number in range(1, _MOST_LESIONS + 1)
    )


def lesion_uid(participant: str, timepoint: str, name: str) -> str:
    """TrackingUID of a lesion that was seen first at a visit, under the name it has there."""
    # Here, as pydicom, which its module needs, would cost every start.
    from operandi.imaging.dicom.segmentation import deterministic_uid  # noqa: PLC0415

    return deterministic_uid("lesion", participant, timepoint, name)


def _segments(series: Series) -> list[tuple[str, str]]:
    """Category and TrackingUID of each segment."""
    found = []
    for instance in series.instances:
        for item in instance.header.get("SegmentSequence") or ():
            category = [*(item.get("SegmentedPropertyCategoryCodeSequence") or ()), {}][0]
            found.append((str(category.get("CodeValue") or ""), str(item.get("TrackingUID") or "")))
    return found


def _has_lesions(series: Series, uids: frozenset[str]) -> bool:
    return any(category in ALTERED or uid in uids for category, uid in _segments(series))


def _has_more(series: Series, uids: frozenset[str]) -> bool:
    return any(not (category in ALTERED or uid in uids) for category, uid in _segments(series))


def _on(series: Series, pet: Series | None) -> bool:
    """Whether it lies in the PET's frame of reference; one that states none is read and refused."""
    if pet is None:
        return False
    frames = {
        str(one.instances[0].header.get("FrameOfReferenceUID") or "") for one in (series, pet)
    }
    return len(frames - {""}) <= 1


def _obstacles(
    placed: PlacedVisit,
    declared: DeclaredLesions,
    named: Sequence[Series],
    elsewhere: Sequence[Series],
) -> list[Obstacle]:
    said = [
        (
            f"The lesions of {one.description or one.uid!r} were drawn in another frame of "
            "reference than the PET's, and correct nothing.",
            "Draw them on the PET.",
        )
        for one in elsewhere
    ]
    if declared.series_uid and not named:
        said.append(
            (
                f"No segmentation or structure set {declared.series_uid} arrived for this visit.",
                "Correct lesions_from in study.toml; `operandi index` lists the UIDs.",
            )
        )
    return [
        Obstacle(
            what=what,
            remedy=remedy,
            who=f"{READER} at {placed.participant.site}",
            where=f"{placed.participant.pseudonym} {placed.timepoint.code}",
        )
        for what, remedy in said
    ]
