"""Which of a reader's regions is which of our lesions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.imaging.lesions.corrections.reading import DrawnRegion
from operandi.imaging.lesions.lesion_version import VersionNote
from operandi.imaging.lesions.segmentation.found import SegmentedLesion
from operandi.quantities.errors import DataError

_OURS: Final = re.compile(r"[lc]\d{2,}")
BY_UID: Final = "TrackingUID"
BY_LABEL: Final = "label"
BY_OVERLAP: Final = "overlap"

LEAST_SHARE: Final = 0.5
"""Share of the smaller of two masks that must lie in the other for them to be one lesion. A lesion
cut down, or grown, keeps its name. Assumed."""

_CANDIDATE: Final = "(candidate)"
Labels = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchedRegion:
    """A reader's region and the lesion that it is.

    Parameters
    ----------
    region : DrawnRegion
        As drawn.
    lesion : LesionId or None
        None where it is new.
    by : str
        ``BY_UID``, ``BY_LABEL`` or ``BY_OVERLAP``; empty where it is new.
    """

    region: DrawnRegion
    lesion: LesionId | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matching:
    """Regions that are lesions, and words on those that are none.

    Parameters
    ----------
    matched : tuple of MatchedRegion
        In the order of the file; empty regions only where they are a lesion of ours.
    notes : tuple of VersionNote
        What was left out, and what is odd.
    """

    matched: tuple[MatchedRegion, ...]
    notes: tuple[VersionNote, ...]


def match_regions(
    regions: Sequence[DrawnRegion],
    lesions: Sequence[SegmentedLesion],
    *,
    grid: Grid,
    tracking_uids: Mapping[LesionId, str],
    by_label: bool = True,
) -> Matching:
    """Tell for each region which lesion it is, or that it is a new one or none.

    1. By TrackingUID.
    2. By label as it was written (``L01``, ``C01 (candidate)``), of regions without a TrackingUID,
       or with a foreign one where they share a voxel: the label may be of another run. Not where
       *by_label* is False.
    3. By overlap: at least ``LEAST_SHARE`` of the smaller, most shared voxels first.

    Where several claim one lesion, the one that shares most voxels with it is it; the others are
    matched by overlap or are new. Organs and empty regions that are no lesion of ours are left out.

    No lesion at all is an answer where the segments of lesions were left in place and emptied: by
    category Morphologically Altered Structure, or a label such as ``L01``.

    Raises
    ------
    DataError
        If no region is a lesion, nor an emptied segment of one.
    """
    work = _Work(regions, lesions, grid, tracking_uids)
    work.by_uid()
    if by_label:
        work.by_label()
    work.leave_out()
    work.by_overlap()
    return work.done()


class _Work:
    """One matching under way."""

    def __init__(
        self,
        regions: Sequence[DrawnRegion],
        lesions: Sequence[SegmentedLesion],
        grid: Grid,
        tracking_uids: Mapping[LesionId, str],
    ) -> None:
        self.regions = regions
        self.lesions = lesions
        self.uids = tracking_uids
        self.taken: dict[int, tuple[LesionId, str]] = {}
        self.dropped: set[int] = set()
        self.notes: list[VersionNote] = []
        self.shared = _shared(regions, lesions, grid)

    def free_lesions(self) -> list[LesionId]:
        claimed = {lesion for lesion, _ in self.taken.values()}
        return [one.id for one in self.lesions if one.id not in claimed]

    def free_regions(self) -> list[int]:
        return [
            n for n in range(len(self.regions)) if n not in self.taken and n not in self.dropped
        ]

    def by_uid(self) -> None:
        for lesion in self.free_lesions():
            uid = self.uids.get(lesion, "")
            claims = [
                n
                for n in self.free_regions()
                if uid
                and self.regions[n].tracking_uid == uid
                and not self.lies_elsewhere(n, lesion)
            ]
            self.claim(lesion, claims, BY_UID)

    def lies_elsewhere(self, n: int, lesion: LesionId) -> bool:
        """Whether a region shares no voxel with a lesion, and covers another.

        TrackingUIDs follow names, and names follow volumes: where lesions are found anew, as after
        a correction of an earlier visit, an older object's UID may be another lesion's by now.
        """
        volumes = {one.id: int(np.count_nonzero(one.inside)) for one in self.lesions}
        voxels = self.regions[n].voxels
        return not self.shared[n].get(lesion, 0) and any(
            count >= LEAST_SHARE * min(voxels, volumes[other])
            for other, count in self.shared[n].items()
        )

    def by_label(self) -> None:
        ours = {uid for uid in self.uids.values() if uid}
        for lesion in self.free_lesions():
            claims = [
                n
                for n in self.free_regions()
                if plain_label(self.regions[n].label) == str(lesion).casefold()
                and self.regions[n].tracking_uid not in ours
                and (not self.regions[n].tracking_uid or self.shared[n].get(lesion, 0))
            ]
            self.claim(lesion, claims, BY_LABEL)

    def claim(self, lesion: LesionId, claims: Sequence[int], by: str) -> None:
        if not claims:
            return
        best = max(claims, key=lambda n: (self.shared[n].get(lesion, 0), -n))
        self.taken[best] = (lesion, by)
        if len(claims) > 1:
            words = (
                f"is what {len(claims)} segments state by their {by}: the one that shares most "
                "voxels with it is it"
            )
            self.notes.append(VersionNote(about=lesion, words=words))
        region = self.regions[best]
        if region.voxels and not self.shared[best].get(lesion, 0):
            words = f"shares no voxel with what it was ({by} says that it is the same)"
            self.notes.append(VersionNote(about=lesion, words=words))

    def leave_out(self) -> None:
        for n in self.free_regions():
            region = self.regions[n]
            why = region.no_lesion or ("" if region.voxels else "it has no voxel")
            if why:
                self.dropped.add(n)
                words = f"{region.label or region.number} was left out: {why}"
                self.notes.append(VersionNote(about=None, words=words))

    def by_overlap(self) -> None:
        volumes = {one.id: int(np.count_nonzero(one.inside)) for one in self.lesions}
        free = self.free_lesions()
        pairs = [
            (-count, n, free.index(lesion), lesion)
            for n in self.free_regions()
            for lesion, count in self.shared[n].items()
            if lesion in free
            and count >= LEAST_SHARE * min(self.regions[n].voxels, volumes[lesion])
        ]
        for _, n, _, lesion in sorted(pairs):
            if n not in self.taken and lesion in self.free_lesions():
                self.taken[n] = (lesion, BY_OVERLAP)

    def done(self) -> Matching:
        kept = [n for n in range(len(self.regions)) if n not in self.dropped]
        if not kept and not any(map(_emptied, self.regions)):
            named = ", ".join(one.label or str(one.number) for one in self.regions) or "nothing"
            raise DataError(
                f"The corrected object holds no lesion: {named}"
                + "".join(f"; {note}" for note in self.notes)
                + ".",
                remedy="Give segments of lesions: their category is Morphologically Altered "
                "Structure. To say that there is none, leave the segments of lesions.dcm in place, "
                "without voxels.",
            )
        return Matching(
            matched=tuple(
                MatchedRegion(
                    region=self.regions[n],
                    lesion=self.taken[n][0] if n in self.taken else None,
                    by=self.taken[n][1] if n in self.taken else "",
                )
                for n in kept
            ),
            notes=tuple(self.notes),
        )


def _emptied(region: DrawnRegion) -> bool:
    """Whether it says that a lesion is no more, though which one may not be known."""
    ours = region.altered or _OURS.fullmatch(plain_label(region.label)) is not None
    return not region.no_lesion and not region.voxels and ours


def plain_label(label: str) -> str:
    """A label as names are compared.

    >>> plain_label("C01 (candidate)")
    'c01'
    """
    return label.casefold().replace(_CANDIDATE, "").strip()


def _shared(
    regions: Sequence[DrawnRegion], lesions: Sequence[SegmentedLesion], grid: Grid
) -> list[dict[LesionId, int]]:
    """Of each region, how many voxels it shares with each lesion."""
    labels = labels_of_lesions(lesions, grid)
    counts = []
    for region in regions:
        found = np.bincount(labels[region.box][region.inside], minlength=1)
        counts.append(
            {lesions[at - 1].id: int(found[at]) for at in np.flatnonzero(found).tolist() if at > 0}
        )
    return counts


def labels_of_lesions(lesions: Sequence[SegmentedLesion], grid: Grid) -> Labels:
    """Label map: 1 for the first lesion, and so on."""
    labels = np.zeros(grid.shape, dtype=np.int32)
    for number, one in enumerate(lesions, start=1):
        labels[one.box][one.inside] = number
    return labels


def parted(
    matched: Sequence[MatchedRegion], before: Labels, numbers: Mapping[LesionId, int]
) -> tuple[Labels, tuple[str, ...]]:
    """Give every voxel to one region: 1 for the first of *matched*, and so on.

    A voxel that several hold belongs to the one that held it before; else to the smallest, so that
    a small lesion drawn within a large one is not swallowed.

    Returns
    -------
    labels : int array, (i, j, k)
        Of the regions.
    notes : tuple of str
        Which overlapped, and in how many voxels.

    Raises
    ------
    DataError
        If a region loses all its voxels to others.
    """
    labels = np.zeros(before.shape, dtype=np.int32)
    overlaps: dict[tuple[int, int], int] = {}
    order = sorted(range(len(matched)), key=lambda n: (-matched[n].region.voxels, n))
    for n in order:
        region = matched[n].region
        here = labels[region.box]
        found = np.bincount(here[region.inside], minlength=1)
        for other in np.flatnonzero(found).tolist():
            if other > 0:
                overlaps[min(n, other - 1), max(n, other - 1)] = int(found[other])
        here[region.inside] = n + 1
    for n in sorted({n for pair in overlaps for n in pair}):
        lesion, region = matched[n].lesion, matched[n].region
        if lesion is not None:
            own = region.inside & (before[region.box] == numbers[lesion])
            labels[region.box][own] = n + 1
    left = np.bincount(labels.ravel(), minlength=len(matched) + 1)
    for n, one in enumerate(matched):
        if one.region.voxels and not left[n + 1]:
            raise DataError(
                f"Every voxel of segment {named_region(one.region)} lies in another segment too.",
                remedy="Part the segments, or delete one of them.",
            )
    notes = tuple(
        f"{named_region(matched[a].region)} and {named_region(matched[b].region)} overlapped in "
        f"{count} voxels: each went to the lesion that held it before, else to the smaller one"
        for (a, b), count in sorted(overlaps.items())
    )
    return labels, notes


def named_region(region: DrawnRegion) -> str:
    """Its label, else its number."""
    return repr(region.label) if region.label else f"number {region.number}"
