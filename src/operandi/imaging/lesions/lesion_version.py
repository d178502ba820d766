"""Versions of a visit's lesions: who made them, from what, and what changed. See decision 0036."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from operandi.domain.identity import Digest, LesionId
from operandi.imaging.lesions.segmentation.found import SegmentedLesion


class LesionFate(StrEnum):
    """What became of a lesion from one version to the next."""

    SAME = "same"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionEdit:
    """One lesion in two versions.

    Parameters
    ----------
    lesion : LesionId
        Its name in both.
    fate : LesionFate
        What became of it.
    matched_by : str
        What told that it is this lesion: ``TrackingUID``, ``label`` or ``overlap``; empty for one
        that was added or removed.
    drawn_as : str
        Label of the reader's segment; empty where there is none.
    before_ml, after_ml : float or None
        Volumes; None where it was, or is, not there.
    dice : float or None
        Of both masks; None where one is missing.
    surface_mean_mm, surface_95_mm : float or None
        Mean of the distances between both surfaces, and their 95th percentile, mm.
    kin : LesionId or None
        Of a removed lesion the one that holds most of it now; of an added one that which held most
        of it before.
    """

    lesion: LesionId
    fate: LesionFate
    matched_by: str
    drawn_as: str
    before_ml: float | None
    after_ml: float | None
    dice: float | None
    surface_mean_mm: float | None
    surface_95_mm: float | None
    kin: LesionId | None = None

    @property
    def note(self) -> str:
        """Where the rest of a merged or split lesion is; else empty."""
        if self.kin is None:
            return ""
        if self.fate is LesionFate.ADDED:
            return f"most of it was {self.kin} before"
        return f"most of it lies in {self.kin} now"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDifference:
    """What one version changed against the one before.

    Parameters
    ----------
    edits : tuple of LesionEdit
        Of every lesion of either version.
    volume_before_ml, volume_after_ml : float
        Of all lesions (SSTR-TV where they are lesions, not candidates).
    uptake_before, uptake_after : float
        Sum of SUV over their voxels times the voxel volume, g (TL-SSTR).
    """

    edits: tuple[LesionEdit, ...]
    volume_before_ml: float
    volume_after_ml: float
    uptake_before: float
    uptake_after: float

    def of_fate(self, fate: LesionFate) -> tuple[LesionEdit, ...]:
        """Lesions of one fate."""
        return tuple(one for one in self.edits if one.fate is fate)

    @property
    def is_none(self) -> bool:
        """Whether every lesion is the same, voxel by voxel."""
        return all(one.fate is LesionFate.SAME for one in self.edits)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionNote:
    """What was left out, resampled or decided.

    Parameters
    ----------
    about : LesionId or None
        The lesion; None where it is about none, or about several.
    words : str
        The rest of the sentence.
    """

    about: LesionId | None
    words: str

    def __str__(self) -> str:
        return f"{self.about} {self.words}" if self.about else self.words


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RemovedLesion:
    """A lesion of an earlier version that the last one does not have.

    Parameters
    ----------
    lesion : SegmentedLesion
        As it was.
    reader : str
        Who removed it.
    now_in : LesionId or None
        The lesion that holds most of its voxels now: it was merged. None where a reader said that
        there is no lesion.
    """

    lesion: SegmentedLesion
    reader: str
    now_in: LesionId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionVersion:
    """One version of a visit's lesions.

    Parameters
    ----------
    number : int
        1 is the automatic one.
    digest : Digest
        Of names and voxels; see ``lesions_digest``.
    supersedes : Digest or None
        Digest of the version before; None for the first.
    reader : str
        Who drew it; empty for the automatic one.
    reader_from : str
        Where that name stands, such as ``ContentCreatorName``.
    at : datetime or None
        When, with time zone; None for the automatic one.
    source : Digest or None
        SHA-256 of the reader's file.
    source_name : str
        Its name.
    difference : VersionDifference or None
        Against the version before.
    tracking_uids : tuple of (LesionId, str)
        Of every lesion of this version, as far as known.
    notes : tuple of VersionNote
        What was left out, resampled or decided.
    """

    number: int
    digest: Digest
    supersedes: Digest | None = None
    reader: str = ""
    reader_from: str = ""
    at: datetime | None = None
    source: Digest | None = None
    source_name: str = ""
    difference: VersionDifference | None = None
    tracking_uids: tuple[tuple[LesionId, str], ...] = ()
    notes: tuple[VersionNote, ...] = ()


def lesions_digest(lesions: Iterable[SegmentedLesion]) -> Digest:
    """SHA-256 of lesions' names and voxels, whatever their order."""
    digest = hashlib.sha256()
    for one in sorted(lesions, key=lambda lesion: lesion.id):
        place = [(edge.start, edge.stop) for edge in one.box]
        grid = one.grid
        digest.update(f"{one.id} {place} {grid.shape} {grid.frame_of_reference} ".encode())
        digest.update(grid.affine.round(6).tobytes())
        digest.update(one.inside.tobytes())
    return Digest(digest.hexdigest())


def renamed_versions(
    versions: tuple[LesionVersion, ...],
    names: Mapping[LesionId, LesionId],
    tracking_uids: Mapping[LesionId, str],
) -> tuple[LesionVersion, ...]:
    """Tell the same history under the names that lesions have over all visits.

    Digests stay those of the visit's own names.

    Parameters
    ----------
    versions : tuple of LesionVersion
        Under the visit's own names.
    names : mapping of LesionId to LesionId
        Of every lesion of every version.
    tracking_uids : mapping of LesionId to str
        By the new names.
    """

    def kin(lesion: LesionId | None) -> LesionId | None:
        return None if lesion is None else names[lesion]

    return tuple(
        replace(
            one,
            tracking_uids=tuple(
                (names[lesion], tracking_uids[names[lesion]]) for lesion, _ in one.tracking_uids
            ),
            notes=tuple(replace(note, about=kin(note.about)) for note in one.notes),
            difference=None
            if one.difference is None
            else replace(
                one.difference,
                edits=tuple(
                    replace(edit, lesion=names[edit.lesion], kin=kin(edit.kin))
                    for edit in one.difference.edits
                ),
            ),
        )
        for one in versions
    )


def versions_in_words(versions: Iterable[LesionVersion]) -> Iterator[str]:
    """Say of each correction who made it, when, what changed and what was decided."""
    for one in versions:
        if one.difference is not None:
            yield (
                f"version {one.number}, corrected by {one.reader} ({one.at:%Y-%m-%d %H:%M %Z}): "
                f"{difference_in_words(one.difference)}"
            )
            yield from map(str, one.notes)


def difference_in_words(difference: VersionDifference) -> str:
    """Say in one sentence what changed.

    >>> nothing = VersionDifference(
    ...     edits=(), volume_before_ml=0, volume_after_ml=0, uptake_before=0, uptake_after=0)
    >>> difference_in_words(nothing)
    'nothing was changed: an unedited copy'
    """
    if difference.is_none:
        return "nothing was changed: an unedited copy"
    parts = [
        f"{fate.value}: {', '.join(one.lesion for one in of_fate)}"
        for fate in (LesionFate.CHANGED, LesionFate.ADDED, LesionFate.REMOVED)
        if (of_fate := difference.of_fate(fate))
    ]
    change = math.fsum((difference.volume_after_ml, -difference.volume_before_ml))
    return f"{'; '.join(parts)}; all lesions {change:+.2f} mL"
