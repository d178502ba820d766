"""Corrections of a reader as new versions of a visit's lesions. See decision 0036.

A correction never changes what it corrects: ``corrected`` returns another ``LesionsOfVisit``, whose
``version`` says by whom, when, from which file and with what difference it came about.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.identity import Digest, LesionId
from operandi.domain.volume import Volume
from operandi.imaging.dicom.segmentation import deterministic_uid
from operandi.imaging.lesions.corrections.matching import (
    Labels,
    MatchedRegion,
    labels_of_lesions,
    match_regions,
    parted,
    plain_label,
)
from operandi.imaging.lesions.corrections.reading import LesionCorrection
from operandi.imaging.lesions.corrections.redrawn import (
    RedrawnFrom,
    organs_and_liver,
    redrawn_lesion,
)
from operandi.imaging.lesions.lesion_version import (
    LesionEdit,
    LesionFate,
    LesionVersion,
    RemovedLesion,
    VersionDifference,
    VersionNote,
    lesions_digest,
)
from operandi.imaging.lesions.measures.visit import VisitImages, VisitMeasures, measure_visit
from operandi.imaging.lesions.reference import LIVER
from operandi.imaging.lesions.segmentation.found import SegmentedLesion
from operandi.imaging.lesions.segmentation.neighborhood import Box
from operandi.imaging.lesions.segmentation.pieces import sub_grid
from operandi.imaging.lesions.sought_again import SearchOutcome, SoughtAgain
from operandi.imaging.lesions.surface_agreement import surface_distance
from operandi.imaging.lesions.visit import LesionsOfVisit, told_of_candidates, told_of_model
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ADC_MEAN

_MOSTLY: Final = 0.5
"""Share of a lesion from which it was merged into, or split from, another."""


def automatic_version(
    found: LesionsOfVisit, tracking_uids: Mapping[LesionId, str]
) -> LesionVersion:
    """The version that no reader touched."""
    return LesionVersion(
        number=1,
        digest=lesions_digest(found.segmented.lesions),
        tracking_uids=tuple(
            (one.id, tracking_uids[one.id]) for one in found.lesions if one.id in tracking_uids
        ),
    )


def corrected(  # noqa: PLR0913 - how to match, what to measure on
    found: LesionsOfVisit,
    correction: LesionCorrection,
    *,
    tracking_uids: Mapping[LesionId, str] | None = None,
    by_label: bool = True,
    inputs: Sequence[Digest] | None = None,
    adc: Volume | None = None,
    adc_transform: npt.ArrayLike | None = None,
) -> LesionsOfVisit:
    """Supersede the lesions of a visit by what a reader drew, and measure them anew.

    Regions are matched to lesions by TrackingUID, label, overlap (``match_regions``); matched ones
    keep their LesionId, new ones get the next number that no version used, those without a region,
    or with an empty one, are removed. A lesion whose voxels did not change keeps its flags and
    border; the others say that a reader drew them. Organs and reference spheres stay.

    Candidates stay candidates, as their organs' uptake may still be among them, unless
    ``correction.confirmed``.

    Parameters
    ----------
    found : LesionsOfVisit
        The version before; not changed.
    correction : LesionCorrection
        On the grid of ``found.suv``.
    tracking_uids : mapping of LesionId to str, optional
        As written for the automatic version; those of later versions are in ``found.versions``.
    by_label : bool
        Whether labels can be names of *found*; False where they may be of another numbering.
    inputs : sequence of Digest, optional
        What the new numbers say they were made from; those of *found* and the correction's file if
        absent.
    adc, adc_transform : optional
        As for ``lesions_of_visit``; needed where *found* has rows of ADC.

    Returns
    -------
    LesionsOfVisit
        With one more version.

    Raises
    ------
    DataError
        If no region is a lesion, a region lies wholly in others, or *found* was measured on an ADC
        map that is not given.
    GridMismatchError
        If the correction lies on another grid.
    """
    found.suv.grid.require_same(correction.grid, what="The PET and the corrected lesions")
    if adc is None and any(one.kind is ADC_MEAN for one in found.measures.measurements):
        raise DataError(
            "The lesions were measured on an ADC map; their correction must be too.",
            remedy="Give the ADC map.",
        )
    uids = dict(tracking_uids or {})
    for version in found.versions:
        uids |= dict(version.tracking_uids)
    before = found.segmented.lesions
    matching = match_regions(
        correction.regions, before, grid=found.suv.grid, tracking_uids=uids, by_label=by_label
    )
    numbers = {one.id: n for n, one in enumerate(before, start=1)}
    was = labels_of_lesions(before, found.suv.grid)
    now, overlaps = parted(matching.matched, was, numbers)
    confirmed = correction.confirmed and found.are_candidates
    candidates = found.are_candidates and not correction.confirmed
    names = _Names(found, uids, candidates=candidates, by_label=by_label)
    drawn = _drawn(found, matching.matched, now, correction, names)
    edits = _edits(found, drawn, was)
    made_from = (*found.of.inputs, correction.source) if inputs is None else tuple(inputs)
    removed = _removed_so_far(found, correction, drawn, edits)
    result = _measured(
        replace(found, of=replace(found.of, inputs=made_from), removed=removed),
        drawn,
        candidates=candidates,
        adc=adc,
        adc_transform=adc_transform,
    )
    notes = [
        *_noted(correction.notes),
        *matching.notes,
        *_of_regions(drawn),
        *_noted(overlaps),
        *_of_spheres(found, drawn),
    ]
    if confirmed:
        notes += _noted(
            ["the reader confirmed that what is left are lesions, no uptake of an organ"]
        )
    elif candidates:
        notes += _noted(["they stay candidates: an organ's uptake may be among them"])
    return replace(result, versions=_versions(found, correction, drawn, edits, uids, tuple(notes)))


def corrected_versions(  # noqa: PLR0913 - as of corrected
    found: LesionsOfVisit,
    corrections: Sequence[LesionCorrection],
    *,
    tracking_uids: Mapping[LesionId, str] | None = None,
    by_label: bool = True,
    inputs: Sequence[Digest] | None = None,
    adc: Volume | None = None,
    adc_transform: npt.ArrayLike | None = None,
) -> tuple[LesionsOfVisit, ...]:
    """Apply several corrections of a visit in the order of their times.

    Each supersedes the one before. The same lesions given twice for the same time are one. Other
    parameters are those of ``corrected``.

    Returns
    -------
    tuple of LesionsOfVisit
        *found* first, then a version a correction: everything stays.

    Raises
    ------
    DataError
        If two of the same time differ, or as for ``corrected``.
    """
    versions = [found]
    ordered = sorted(corrections, key=lambda one: (one.at, one.source))
    for number, one in enumerate(ordered):
        twin = ordered[number - 1] if number else None
        if twin is not None and twin.at == one.at:
            if one.source == twin.source or _same_regions(one, twin):
                continue
            raise DataError(
                f"{twin.source_name} (by {twin.reader}) and {one.source_name} (by {one.reader}) "
                f"are corrections of the same time, {one.at.isoformat()}, and differ.",
                remedy="Keep the one that holds.",
            )
        versions.append(
            corrected(
                versions[-1],
                one,
                tracking_uids=tracking_uids,
                by_label=by_label,
                inputs=inputs,
                adc=adc,
                adc_transform=adc_transform,
            )
        )
    return tuple(versions)


def _same_regions(one: LesionCorrection, other: LesionCorrection) -> bool:
    """Whether one was made of the other: a version that was written is a correction, too."""

    def told(of: LesionCorrection) -> list[tuple[list[tuple[int, int]], bytes]]:
        return sorted(
            ([(edge.start, edge.stop) for edge in region.box], region.inside.tobytes())
            for region in of.regions
            if region.voxels and not region.no_lesion
        )

    return one.reader == other.reader and told(one) == told(other)


# --- The lesions of the new version -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """A lesion of the new version and the region that it came from."""

    lesion: SegmentedLesion
    region: MatchedRegion
    fate: LesionFate


def _drawn(
    found: LesionsOfVisit,
    matched: Sequence[MatchedRegion],
    now: Labels,
    correction: LesionCorrection,
    names: "_Names",
) -> list[_Drawn]:
    """Lesions that are left, in the order they had; new ones after them, in the file's order."""
    organ, in_liver = organs_and_liver(found.organs, found.suv.grid.shape)
    what = RedrawnFrom(
        suv=found.suv,
        organ=organ,
        in_liver=in_liver,
        lesions=now > 0,
        liver=found.references.liver,
        settings=found.choices.segmentation,
    )
    boxes = ndimage.find_objects(now, max_label=len(matched))
    earlier = {one.id: one for one in found.segmented.lesions}
    made = []
    for number, (one, box) in enumerate(zip(matched, boxes, strict=True), start=1):
        if box is None:
            continue
        inside = now[box] == number
        old = earlier.get(one.lesion) if one.lesion is not None else None
        if old is not None and old.box == box and np.array_equal(old.inside, inside):
            made.append(_Drawn(lesion=old, region=one, fate=LesionFate.SAME))
            continue
        fate = LesionFate.ADDED if old is None else LesionFate.CHANGED
        how = "drawn" if old is None else "changed"
        lesion = redrawn_lesion(
            what,
            inside,
            box,
            lesion=names.of(one) if old is None else old.id,
            organ="" if old is None else old.organ,
            delineation=f"{how} by reader {correction.reader}"
            + (f"; before: {old.delineation}" if old is not None else ""),
        )
        made.append(_Drawn(lesion=lesion, region=one, fate=fate))
    order = {lesion: n for n, lesion in enumerate(earlier)}
    return sorted(made, key=lambda one: order.get(one.lesion.id, len(order)))


class _Names:
    """Names of lesions that a reader added: one that came back keeps its own, others are new."""

    def __init__(
        self,
        found: LesionsOfVisit,
        uids: Mapping[LesionId, str],
        *,
        candidates: bool,
        by_label: bool,
    ) -> None:
        self._by_label = by_label
        there = {one.id for one in found.lesions}
        used = there | set(uids)
        for version in found.versions:
            if version.difference is not None:
                used |= {edit.lesion for edit in version.difference.edits}
        numbers = [int(match[1]) for name in used if (match := re.search(r"(\d{1,9})$", name))]
        self._letter, self._last = "C" if candidates else "L", max(numbers, default=0)
        self._gone = {name: uids.get(name, "") for name in sorted(used - there)}

    def of(self, one: MatchedRegion) -> LesionId:
        """The name of a lesion that was removed before and is back, else one never used."""
        region = one.region
        for name, uid in self._gone.items():
            by_uid = bool(uid) and region.tracking_uid == uid
            by_label = self._by_label and not region.tracking_uid
            if by_uid or (by_label and plain_label(region.label) == name.casefold()):
                del self._gone[name]
                return name
        self._last += 1
        return LesionId(f"{self._letter}{self._last:02d}")


def _measured(
    found: LesionsOfVisit,
    drawn: Sequence[_Drawn],
    *,
    candidates: bool,
    adc: Volume | None,
    adc_transform: npt.ArrayLike | None,
) -> LesionsOfVisit:
    unmapped = found.segmented.unmapped if candidates else ()
    segmented = replace(
        found.segmented, lesions=tuple(one.lesion for one in drawn), unmapped=unmapped
    )
    lesions = tuple(one.as_lesion() for one in segmented.lesions)
    liver = found.organs.named(LIVER)
    measures: VisitMeasures = measure_visit(
        VisitImages(
            suv=found.suv,
            yardsticks=found.yardsticks,
            liver=found.organs.reason_missing(LIVER) if liver is None else liver,
            adc=adc,
            adc_transform=adc_transform,
        ),
        lesions,
        subject_participant=found.of.participant,
        timepoint=found.of.timepoint,
        inputs=found.of.inputs,
    )
    return replace(
        found,
        segmented=segmented,
        lesions=lesions,
        measures=told_of_model(
            told_of_candidates(measures, unmapped), found.model, lesions=lesions
        ),
        sought_again=tuple(_sought_now(one, found.removed) for one in found.sought_again),
    )


def _sought_now(one: SoughtAgain, removed: Sequence[RemovedLesion]) -> SoughtAgain:
    """What was found there may be merged into another lesion by now, be none, or be back."""
    gone = next((of for of in removed if of.lesion.id == one.found_as), None)
    if gone is None and one.outcome is SearchOutcome.REMOVED:
        # Only what was not found without looking was tested.
        untested = one.contrast_to_noise is None
        outcome = SearchOutcome.FOUND if untested else SearchOutcome.FOUND_BECAUSE_SEEN_BEFORE
        return replace(one, outcome=outcome)
    if gone is None:
        return one
    if gone.now_in is not None:
        return replace(one, found_as=gone.now_in)
    return replace(one, outcome=SearchOutcome.REMOVED)


def _removed_so_far(
    found: LesionsOfVisit,
    correction: LesionCorrection,
    drawn: Sequence["_Drawn"],
    difference: VersionDifference,
) -> tuple[RemovedLesion, ...]:
    """What this version and those before removed, without what came back."""
    there = {one.lesion.id for one in drawn}
    kin = {edit.lesion: edit.kin for edit in difference.of_fate(LesionFate.REMOVED)}
    before = [one for one in found.removed if one.lesion.id not in there]
    now = [
        RemovedLesion(lesion=one, reader=correction.reader, now_in=kin[one.id])
        for one in found.segmented.lesions
        if one.id not in there
    ]
    # What held a lesion that was merged earlier may itself be gone by now: so is that lesion.
    held = [
        one if one.now_in is None or one.now_in in there
        else replace(one, now_in=kin[one.now_in], reader=correction.reader)
        for one in before
    ]  # fmt: skip
    return tuple(sorted((*held, *now), key=lambda one: one.lesion.id))


def _noted(words: Sequence[str]) -> list[VersionNote]:
    return [VersionNote(about=None, words=one) for one in words]


def _of_regions(drawn: Sequence[_Drawn]) -> list[VersionNote]:
    """How regions came onto the grid, and what counts though its category does not say so."""
    said = [(one, f"was {one.region.region.note}") for one in drawn if one.region.region.note]
    said += [
        (
            one,
            f"counts as a lesion, though the category of {one.region.region.label!r} does not "
            "say so",
        )
        for one in drawn
        if one.fate is LesionFate.ADDED and one.region.region.altered is False
    ]
    return [VersionNote(about=one.lesion.id, words=words) for one, words in said]


def _of_spheres(found: LesionsOfVisit, drawn: Sequence[_Drawn]) -> list[VersionNote]:
    """Reference spheres that a reader's lesion reaches into: their means are not of healthy."""
    references = found.references
    said = []
    for sphere in (references.liver, references.spleen, references.blood_pool):
        for one in drawn:
            if sphere is None or one.fate is LesionFate.SAME:
                continue
            shared = int(np.count_nonzero(sphere.mask.inside[one.lesion.box] & one.lesion.inside))
            if shared:
                words = (
                    f"shares {shared} voxels with the reference sphere in the {sphere.organ}, "
                    "whose mean it may raise: place another sphere"
                )
                said.append(VersionNote(about=one.lesion.id, words=words))
    return said


# --- The difference ---------------------------------------------------------------------------


def _edits(found: LesionsOfVisit, drawn: Sequence[_Drawn], was: Labels) -> VersionDifference:
    before = found.segmented.lesions
    after = {one.lesion.id: one for one in drawn}
    edits = [
        _edit_of(one, after[one.id]) if one.id in after else _removed(one, drawn) for one in before
    ]
    names = [one.id for one in before]
    edits += [_added(one, was, names) for one in drawn if one.fate is LesionFate.ADDED]
    volume_ml = found.suv.grid.voxel_volume_ml
    values = found.suv.values

    def uptake(lesions: Sequence[SegmentedLesion]) -> float:
        sums = [float(values[one.box][one.inside].sum(dtype=np.float64)) for one in lesions]
        return sum(sorted(sums)) * volume_ml

    def voxels(lesions: Sequence[SegmentedLesion]) -> int:
        return sum(int(np.count_nonzero(one.inside)) for one in lesions)

    now = [one.lesion for one in drawn]
    return VersionDifference(
        edits=tuple(edits),
        volume_before_ml=voxels(before) * volume_ml,
        volume_after_ml=voxels(now) * volume_ml,
        uptake_before=uptake(before),
        uptake_after=uptake(now),
    )


def _edit_of(old: SegmentedLesion, new: _Drawn) -> LesionEdit:
    lesion, region = new.lesion, new.region
    one, other, box = _in_one_box(old, lesion)
    shared = int(np.count_nonzero(one & other))
    apart = surface_distance(one, other, grid=sub_grid(old.grid, box=box))
    return LesionEdit(
        lesion=old.id,
        fate=new.fate,
        matched_by=region.by,
        drawn_as=region.region.label,
        before_ml=old.volume_ml,
        after_ml=lesion.volume_ml,
        dice=2.0 * shared / (int(np.count_nonzero(one)) + int(np.count_nonzero(other))),
        surface_mean_mm=apart.mean_mm if apart else None,
        surface_95_mm=apart.percentile_95_mm if apart else None,
    )


def _in_one_box(
    one: SegmentedLesion, other: SegmentedLesion
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], Box]:
    """Both masks in the box around them."""
    edges = [
        slice(min(a.start, b.start), max(a.stop, b.stop))
        for a, b in zip(one.box, other.box, strict=True)
    ]
    box = (edges[0], edges[1], edges[2])
    masks = []
    for lesion in (one, other):
        mask = np.zeros([edge.stop - edge.start for edge in box], dtype=np.bool_)
        here = tuple(
            slice(a.start - b.start, a.stop - b.start) for a, b in zip(lesion.box, box, strict=True)
        )
        mask[here] = lesion.inside
        masks.append(mask)
    return masks[0], masks[1], box


def _removed(old: SegmentedLesion, drawn: Sequence[_Drawn]) -> LesionEdit:
    size = int(np.count_nonzero(old.inside))
    kin = None
    for one in drawn:
        mine, other, _ = _in_one_box(old, one.lesion)
        if int(np.count_nonzero(mine & other)) > _MOSTLY * size:
            kin = one.lesion.id
    return LesionEdit(
        lesion=old.id,
        fate=LesionFate.REMOVED,
        matched_by="",
        drawn_as="",
        before_ml=old.volume_ml,
        after_ml=None,
        dice=None,
        surface_mean_mm=None,
        surface_95_mm=None,
        kin=kin,
    )


def _added(one: _Drawn, was: Labels, names: Sequence[LesionId]) -> LesionEdit:
    lesion = one.lesion
    counts = np.bincount(was[lesion.box][lesion.inside], minlength=len(names) + 1)[1:]
    size = int(np.count_nonzero(lesion.inside))
    split = [name for name, count in zip(names, counts, strict=True) if count > _MOSTLY * size]
    return LesionEdit(
        lesion=lesion.id,
        fate=LesionFate.ADDED,
        matched_by="",
        drawn_as=one.region.region.label,
        before_ml=None,
        after_ml=lesion.volume_ml,
        dice=None,
        surface_mean_mm=None,
        surface_95_mm=None,
        kin=split[0] if split else None,
    )


def _versions(
    found: LesionsOfVisit,
    correction: LesionCorrection,
    drawn: Sequence[_Drawn],
    difference: VersionDifference,
    uids: Mapping[LesionId, str],
    notes: tuple[VersionNote, ...],
) -> tuple[LesionVersion, ...]:
    history = found.versions or (automatic_version(found, uids),)
    taken = {uid for uid in uids.values() if uid}
    named = []
    for one in drawn:
        uid = uids.get(one.lesion.id, "")
        if not uid:
            stated = one.region.region.tracking_uid
            # Of a lesion split in two both parts may state one UID, which names one of them.
            uid = (
                stated
                if stated and stated not in taken
                else deterministic_uid("lesion", correction.source, one.lesion.id)
            )
            taken.add(uid)
        named.append((one.lesion.id, uid))
    return (
        *history,
        LesionVersion(
            number=history[-1].number + 1,
            digest=lesions_digest(one.lesion for one in drawn),
            supersedes=history[-1].digest,
            reader=correction.reader,
            reader_from=correction.reader_from,
            at=correction.at,
            source=correction.source,
            source_name=correction.source_name,
            difference=difference,
            tracking_uids=tuple(named),
            notes=notes,
        ),
    )
