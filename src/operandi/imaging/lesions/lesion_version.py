"""Versions of a visit's lesions: who made them, from what, and what changed. See decision 0036."""

import hashlib
import math
from collections.abc import Iterable, Mapping
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
    note : str
        What a reader of the page should know, such as which lesion it was merged into.
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
    note: str = ""


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
    notes : tuple of str
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
    notes: tuple[str, ...] = ()


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
    versions: tuple[LesionVersion, ...], names: Mapping[LesionId, LesionId]
) -> tuple[LesionVersion, ...]:
    """Tell the same history under the names that lesions have over all visits.

    A lesion that is no more has none, and is told apart from one that bears its old name now.
    Digests stay those of the visit's own names.
    """

    def named(lesion: LesionId) -> LesionId:
        return names.get(lesion) or LesionId(f"{lesion} of this visit")

    return tuple(
        replace(
            one,
            tracking_uids=tuple((named(lesion), uid) for lesion, uid in one.tracking_uids),
            difference=None
            if one.difference is None
            else replace(
                one.difference,
                edits=tuple(
                    replace(edit, lesion=named(edit.lesion)) for edit in one.difference.edits
                ),
            ),
        )
        for one in versions
    )


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
