"""Corrections with exact, known differences: identity, history, overlap, measures, candidates."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.identity import LesionId
from operandi.domain.measurement import SubjectType
from operandi.imaging.lesions.corrections.correcting import corrected, corrected_versions
from operandi.imaging.lesions.corrections.reading import LesionCorrection
from operandi.imaging.lesions.lesion_version import (
    LesionFate,
    LesionVersion,
    VersionDifference,
    difference_in_words,
    lesions_digest,
)
from operandi.imaging.lesions.segmentation.found import LesionFlag
from operandi.imaging.lesions.visit import LesionsOfVisit
from operandi.quantities.errors import DataError
from tests.imaging.lesions.corrections.edited_objects import EditedSegment
from tests.imaging.lesions.corrections.visits import (
    NOON,
    UIDS,
    a_correction,
    a_cube,
    a_visit,
    a_visit_of_candidates,
    as_written,
    inside_of,
)

VOXEL_ML = 0.125
"""5 mm cubed."""


def the_version(found: LesionsOfVisit) -> LesionVersion:
    assert found.version is not None
    return found.version


def the_difference(found: LesionsOfVisit) -> VersionDifference:
    difference = the_version(found).difference
    assert difference is not None
    return difference


def fates(found: LesionsOfVisit) -> dict[str, str]:
    return {str(one.lesion): str(one.fate) for one in the_difference(found).edits}


def numbers(found: LesionsOfVisit) -> dict[tuple[str, str], float | None]:
    return {(one.subject.name, one.kind.name): one.value for one in found.measures.measurements}


# --- known differences ---------------------------------------------------------------------------


def test_an_unedited_copy_is_recognized_and_changes_no_number() -> None:
    found = a_visit()

    again = corrected(found, a_correction(found, [*as_written(found).values()]), tracking_uids=UIDS)

    assert fates(again) == {"L01": "same", "L02": "same"}
    assert the_difference(again).is_none
    assert difference_in_words(the_difference(again)).startswith("nothing was changed")
    assert numbers(again) == numbers(found)
    assert all(one.inputs == ("ab", "cd") for one in again.measures.measurements)
    assert the_version(again).digest == the_version(again).supersedes
    assert all(
        one.dice == 1.0 and one.surface_mean_mm == 0.0 for one in the_difference(again).edits
    )


def test_added_voxels_change_volume_dice_and_uptake_by_what_was_added() -> None:
    found = a_visit()
    segments = as_written(found)
    before = inside_of(found, "L02")
    grown = before.copy()
    i, j, k = np.argwhere(before)[-1]
    grown[i + 1 : i + 9, j, k] = True
    added = int(grown.sum() - before.sum())
    segments["L02"] = replace(segments["L02"], inside=grown)

    after = corrected(found, a_correction(found, [*segments.values()]), tracking_uids=UIDS)

    assert added == 8
    (edit,) = the_difference(after).of_fate(LesionFate.CHANGED)
    assert edit.lesion == "L02"
    assert edit.matched_by == "TrackingUID"
    assert edit.before_ml == pytest.approx(before.sum() * VOXEL_ML)
    assert edit.after_ml == pytest.approx((before.sum() + added) * VOXEL_ML)
    assert edit.dice == pytest.approx(2 * before.sum() / (2 * before.sum() + added))
    difference = the_difference(after)
    assert difference.volume_after_ml - difference.volume_before_ml == pytest.approx(1.0)
    assert difference.uptake_after - difference.uptake_before == pytest.approx(
        float(found.suv.values[grown & ~before].sum()) * VOXEL_ML, rel=1e-5
    )
    assert numbers(after)["L02", "VOLUME"] == pytest.approx(edit.after_ml)
    assert numbers(after)["", "LESION_COUNT"] == 2


def test_a_border_moved_by_a_voxel_lies_a_voxel_away() -> None:
    """A cube of 8 voxels of 5 mm grown by one layer on one side: faces 0 or 5 mm apart."""
    found = a_visit()
    small, large = (a_cube(found, (20, 20, 20), size) for size in (4, 4))
    large[24, 20:24, 20:24] = True
    first = corrected(found, a_correction(found, [EditedSegment(label="new", inside=small)]))

    second = corrected(
        first,
        a_correction(found, [EditedSegment(label="new", inside=large, uid=uid_of(first, "L03"))]),
    )

    (edit,) = the_difference(second).of_fate(LesionFate.CHANGED)
    # One way 16 of 96 faces are 5 mm away; the other way the 16 new end faces are 5 mm, and the
    # 16 side faces of the layer sqrt(2.5^2 + 2.5^2) from the end of the old one, at least.
    assert edit.surface_95_mm == pytest.approx(5.0)
    assert 0.5 < (edit.surface_mean_mm or 0) < 2.0


def uid_of(found: LesionsOfVisit, name: str) -> str:
    return dict(the_version(found).tracking_uids)[LesionId(name)]


def test_a_deleted_lesion_is_recorded_and_its_name_is_not_given_again() -> None:
    found = a_visit()
    segments = as_written(found)
    del segments["L02"]
    first = corrected(found, a_correction(found, [*segments.values()]), tracking_uids=UIDS)

    second = corrected(
        first,
        a_correction(
            found,
            [*segments.values(), EditedSegment(label="x", inside=a_cube(found, (30, 30, 30), 3))],
        ),
    )

    assert fates(first) == {"L01": "same", "L02": "removed"}
    (removed,) = the_difference(first).of_fate(LesionFate.REMOVED)
    assert removed.before_ml == found.segmented.lesions[1].volume_ml
    assert removed.after_ml is None
    assert [one.id for one in second.lesions] == ["L01", "L03"]
    assert numbers(first)["", "LESION_COUNT"] == 1


def test_an_emptied_segment_counts_as_deleted() -> None:
    found = a_visit()
    segments = as_written(found)
    segments["L01"] = replace(segments["L01"], inside=np.zeros_like(segments["L01"].inside))

    after = corrected(found, a_correction(found, [*segments.values()]), tracking_uids=UIDS)

    assert fates(after) == {"L01": "removed", "L02": "same"}


def test_all_lesions_may_be_deleted() -> None:
    found = a_visit()
    none = np.zeros(found.suv.grid.shape, dtype=np.bool_)
    segments = [replace(one, inside=none) for one in as_written(found).values()]

    after = corrected(found, a_correction(found, segments), tracking_uids=UIDS)

    assert not after.lesions
    assert numbers(after)["", "LESION_COUNT"] == 0
    assert [(one.lesion.id, one.reader, one.now_in) for one in after.removed] == [
        ("L01", "Doe^Jane", None),
        ("L02", "Doe^Jane", None),
    ]


def an_emptied(found: LesionsOfVisit, label: str, *, altered: bool) -> LesionCorrection:
    """One segment without a voxel, whose TrackingUID is of another visit."""
    none = np.zeros(found.suv.grid.shape, dtype=np.bool_)
    correction = a_correction(found, [EditedSegment(label=label, inside=none, uid="2.25.9")])
    return replace(correction, regions=(replace(correction.regions[0], altered=altered),))


@pytest.mark.parametrize(("label", "altered"), [("x", True), ("C01 (candidate)", False)])
def test_all_may_be_deleted_where_their_names_are_those_over_visits(
    label: str, *, altered: bool
) -> None:
    """On the road neither labels nor TrackingUIDs of earlier visits are the visit's own."""
    found = a_visit()

    after = corrected(found, an_emptied(found, label, altered=altered), by_label=False)

    assert fates(after) == {"L01": "removed", "L02": "removed"}
    assert numbers(after)["", "SSTR_TUMOR_VOLUME"] == 0


def test_refuses_an_empty_segment_that_no_lesion_was() -> None:
    """3D Slicer offers an empty Segment_1 of category Tissue before anything is drawn."""
    found = a_visit()

    with pytest.raises(DataError, match="holds no lesion: Segment_1"):
        corrected(found, an_emptied(found, "Segment_1", altered=False))


def test_a_new_lesion_gets_the_next_name_and_numbers_like_the_others() -> None:
    found = a_visit()
    new = EditedSegment(label="missed", inside=a_cube(found, (30, 40, 60), 3), uid="2.25.42")

    after = corrected(
        found, a_correction(found, [*as_written(found).values(), new]), tracking_uids=UIDS
    )

    assert [one.id for one in after.lesions] == ["L01", "L02", "L03"]
    drawn = after.segmented.lesions[2]
    assert drawn.volume_ml == pytest.approx(27 * VOXEL_ML)
    assert LesionFlag.BY_READER in drawn.flags
    assert drawn.delineation == "drawn by reader Doe^Jane"
    assert drawn.suv_mean.uncorrected == pytest.approx(
        float(found.suv.values[new.inside].mean()), rel=1e-6
    )
    assert uid_of(after, "L03") == "2.25.42"
    assert numbers(after)["L03", "KRENNING_SCORE"] is not None


# --- whose lesion it is --------------------------------------------------------------------------


def test_renamed_labels_do_not_matter_where_the_tracking_uid_is_there() -> None:
    found = a_visit()
    segments = as_written(found)
    renamed = [
        replace(segments["L01"], label="L02"),
        replace(segments["L02"], label="Segment_1"),
    ]

    after = corrected(found, a_correction(found, renamed), tracking_uids=UIDS)

    assert fates(after) == {"L01": "same", "L02": "same"}
    assert {one.matched_by for one in the_difference(after).edits} == {"TrackingUID"}
    assert [one.drawn_as for one in the_difference(after).edits] == ["L02", "Segment_1"]


def test_a_tracking_uid_that_covers_another_lesion_is_not_believed() -> None:
    """Names go by volume: after a correction of an earlier visit L01 and L02 may change places."""
    found = a_visit()
    segments = as_written(found)
    swapped = [
        replace(segments["L01"], uid=UIDS[LesionId("L02")]),
        replace(segments["L02"], uid=UIDS[LesionId("L01")]),
    ]

    after = corrected(found, a_correction(found, swapped), tracking_uids=UIDS, by_label=False)

    assert fates(after) == {"L01": "same", "L02": "same"}
    assert {one.matched_by for one in the_difference(after).edits} == {"overlap"}
    assert numbers(after) == numbers(found)


def test_without_tracking_uids_labels_tell_and_then_overlap() -> None:
    found = a_visit()
    segments = as_written(found, uids=False)
    renamed = [segments["L01"], replace(segments["L02"], label="Segment_2")]

    after = corrected(found, a_correction(found, renamed), tracking_uids=UIDS)

    assert fates(after) == {"L01": "same", "L02": "same"}
    assert [one.matched_by for one in the_difference(after).edits] == ["label", "overlap"]


def test_a_label_of_another_run_is_not_believed_where_the_uid_is_foreign() -> None:
    """L01 and L02 of another border are exchanged: foreign UIDs, labels that fit the other."""
    found = a_visit()
    segments = as_written(found)
    other = [
        replace(segments["L01"], label="L02", uid="2.25.901"),
        replace(segments["L02"], label="L01", uid="2.25.902"),
    ]

    after = corrected(found, a_correction(found, other), tracking_uids=UIDS)

    assert fates(after) == {"L01": "same", "L02": "same"}
    assert {one.matched_by for one in the_difference(after).edits} == {"overlap"}


def test_a_lesion_split_in_two_keeps_its_name_in_the_larger_part() -> None:
    found = a_visit()
    whole = inside_of(found, "L01")
    at = np.sort(np.argwhere(whole)[:, 0])[int(0.7 * whole.sum())]
    low, high = whole.copy(), whole.copy()
    low[at:], high[:at] = False, False
    parts = [
        EditedSegment(label="L01", inside=low, uid=UIDS[LesionId("L01")]),
        EditedSegment(label="L01", inside=high, uid=UIDS[LesionId("L01")]),
        as_written(found)["L02"],
    ]

    after = corrected(found, a_correction(found, parts), tracking_uids=UIDS)

    assert fates(after) == {"L01": "changed", "L02": "same", "L03": "added"}
    (added,) = the_difference(after).of_fate(LesionFate.ADDED)
    assert added.note == "most of it was L01 before"
    assert uid_of(after, "L03") != UIDS[LesionId("L01")]
    assert any("L01 is what 2 segments state by their TrackingUID" in note for note in notes(after))


def notes(found: LesionsOfVisit) -> tuple[str, ...]:
    return tuple(map(str, the_version(found).notes))


def test_two_lesions_merged_into_one_leave_a_record_of_the_other() -> None:
    found = a_visit()
    both = inside_of(found, "L01") | inside_of(found, "L02")
    merged = [EditedSegment(label="L01", inside=both, uid=UIDS[LesionId("L01")])]

    after = corrected(found, a_correction(found, merged), tracking_uids=UIDS)

    (removed,) = the_difference(after).of_fate(LesionFate.REMOVED)
    assert (removed.lesion, removed.note) == ("L02", "most of it lies in L01 now")
    assert LesionFlag.IN_PARTS in after.segmented.lesions[0].flags
    assert [(one.lesion.id, one.now_in) for one in after.removed] == [("L02", "L01")]


def test_what_held_a_merged_lesion_and_is_removed_too_takes_it_along() -> None:
    found = a_visit()
    both = inside_of(found, "L01") | inside_of(found, "L02")
    merged = a_correction(found, [EditedSegment(label="L01", inside=both)])
    none = replace(an_emptied(found, "L01", altered=True), at=NOON + timedelta(hours=1))

    after = corrected_versions(found, [merged, none])[-1]

    assert {(one.lesion.id, one.now_in) for one in after.removed} == {("L01", None), ("L02", None)}


# --- overlap, organs, references -----------------------------------------------------------------


def test_a_voxel_of_two_goes_to_the_lesion_that_held_it_before() -> None:
    found = a_visit()
    segments = as_written(found)
    greedy = segments["L01"].inside | segments["L02"].inside
    segments["L01"] = replace(segments["L01"], inside=greedy)

    after = corrected(found, a_correction(found, [*segments.values()]), tracking_uids=UIDS)

    assert fates(after) == {"L01": "same", "L02": "same"}
    assert any("overlapped in" in note for note in notes(after))


def test_a_small_lesion_drawn_within_a_large_one_is_not_swallowed() -> None:
    found = a_visit()
    large, small = a_cube(found, (30, 40, 60), 5), a_cube(found, (31, 41, 61), 2)
    new = [EditedSegment(label="a", inside=small), EditedSegment(label="b", inside=large)]

    after = corrected(found, a_correction(found, new))

    volumes = {one.id: one.volume_ml for one in after.segmented.lesions}
    assert volumes == pytest.approx({"L03": 8 * VOXEL_ML, "L04": (125 - 8) * VOXEL_ML})


def test_refuses_two_segments_of_the_same_voxels() -> None:
    found = a_visit()
    cube = a_cube(found, (30, 40, 60), 3)
    twins = [EditedSegment(label="a", inside=cube), EditedSegment(label="b", inside=cube)]

    with pytest.raises(DataError, match="Every voxel of segment"):
        corrected(found, a_correction(found, twins))


def test_a_lesion_drawn_into_the_liver_sphere_is_said() -> None:
    found = a_visit()
    sphere = found.references.liver
    assert sphere is not None
    new = EditedSegment(label="x", inside=sphere.mask.inside.copy())

    after = corrected(
        found, a_correction(found, [*as_written(found).values(), new]), tracking_uids=UIDS
    )

    assert after.segmented.lesions[2].organ == "liver"
    assert any("with the reference sphere in the liver" in note for note in notes(after))


def test_refuses_an_object_without_a_lesion() -> None:
    found = a_visit()
    correction = a_correction(found, [EditedSegment(label="Liver", inside=inside_of(found, "L01"))])
    organ = replace(correction.regions[0], no_lesion="it is named as an organ (liver)")

    with pytest.raises(DataError, match="holds no lesion: Liver"):
        corrected(found, replace(correction, regions=(organ,)))


# --- candidates ----------------------------------------------------------------------------------


def test_candidates_stay_candidates_unless_the_reader_confirms() -> None:
    found = a_visit_of_candidates()
    segments = list(as_written(found).values())
    kept = segments[1:]

    still = corrected(found, a_correction(found, kept))
    lesions = corrected(found, a_correction(found, kept, confirmed=True))

    assert still.are_candidates
    assert numbers(still)["", "LESION_COUNT"] is None
    assert not lesions.are_candidates
    assert numbers(lesions)["", "LESION_COUNT"] == len(kept)
    assert [one.id for one in lesions.lesions] == [one.id for one in still.lesions]
    assert all(
        one.subject.type is not SubjectType.CANDIDATE for one in lesions.measures.measurements
    )


# --- chains --------------------------------------------------------------------------------------


def test_corrections_form_a_chain_by_time_and_everything_stays() -> None:
    found = a_visit()
    segments = as_written(found)
    one = a_correction(found, [segments["L01"]], source="aa", reader="Roe^Max")
    two = a_correction(found, [*segments.values()], source="bb", at=NOON + timedelta(hours=1))

    versions = corrected_versions(found, [two, one], tracking_uids=UIDS)

    assert versions[0] is found
    assert [the_version(x).number for x in versions[1:]] == [2, 3]
    assert [the_version(x).reader for x in versions[1:]] == ["Roe^Max", "Doe^Jane"]
    history = versions[-1].versions
    assert [x.supersedes for x in history[1:]] == [x.digest for x in history[:-1]]
    assert history[0].digest == lesions_digest(found.segmented.lesions)
    assert fates(versions[1])["L02"] == "removed"
    assert fates(versions[2])["L02"] == "added"
    assert [one.lesion.id for one in versions[1].removed] == ["L02"]
    assert versions[2].removed == ()
    assert the_version(versions[2]).digest == history[0].digest


def test_refuses_two_corrections_of_the_same_time_that_differ() -> None:
    found = a_visit()
    segments = as_written(found)
    one = a_correction(found, [segments["L01"]], source="aa")
    two = a_correction(found, [segments["L02"]], source="bb")

    with pytest.raises(DataError, match=r"of the same time.*differ"):
        corrected_versions(found, [one, two], tracking_uids=UIDS)


def test_the_same_lesions_given_twice_are_one_version() -> None:
    found = a_visit()
    segments = as_written(found)
    one = a_correction(found, [segments["L01"]], source="aa")
    renamed = a_correction(found, [replace(segments["L01"], label="x", uid="")], source="bb")

    versions = corrected_versions(found, [one, one, renamed], tracking_uids=UIDS)

    assert len(versions) == 2


# --- invariants ----------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(4)))
def test_the_order_of_segments_does_not_matter(order: list[int]) -> None:
    found = a_visit()
    segments = [
        *as_written(found).values(),
        EditedSegment(label="x", inside=np.zeros(found.suv.grid.shape, dtype=np.bool_)),
        EditedSegment(label="y", inside=a_cube(found, (30, 40, 60), 3)),
    ]
    straight = corrected(found, a_correction(found, segments), tracking_uids=UIDS)

    shuffled = corrected(
        found, a_correction(found, [segments[n] for n in order]), tracking_uids=UIDS
    )

    assert the_version(shuffled).digest == the_version(straight).digest
    assert the_difference(shuffled) == the_difference(straight)
