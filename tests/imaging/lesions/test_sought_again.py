"""Lesions of the visit before, sought on the next PET: faded, gone, moved, hidden."""

from dataclasses import replace

import numpy as np
import pytest

from operandi.domain.identity import Digest, Pseudonym, TimepointCode
from operandi.domain.volume import Volume
from operandi.imaging.lesions.corrections.correcting import corrected
from operandi.imaging.lesions.found_organs import FoundOrgan, FoundOrgans
from operandi.imaging.lesions.segmentation.found import LesionFlag
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings
from operandi.imaging.lesions.sought_again import SearchOutcome
from operandi.imaging.lesions.visit import (
    LesionsOfVisit,
    VisitChoices,
    VisitOf,
    lesions_of_visit,
)
from operandi.quantities.errors import DataError
from tests.imaging.lesions.corrections.edited_objects import EditedSegment
from tests.imaging.lesions.corrections.visits import a_correction, inside_of
from tests.imaging.lesions.torso import ORGANS as DRAWN
from tests.imaging.lesions.torso import Ellipsoid, a_torso, a_torso_grid, the_masks

GRID = a_torso_grid()
ORGANS = FoundOrgans(
    organs=tuple(
        FoundOrgan(name=name, mask=mask, confidence=1.0, how="drawn")
        for name, mask in the_masks(GRID).items()
        if name != "heart"
    ),
    missing=(),
)
SETTINGS = SegmentationSettings(fwhm_mm=6.0, minimum_volume_ml=0.5)
NODE: Ellipsoid = ((0.0, 70.0, 150.0), (12.0, 12.0, 12.0), 18.0)
IN_LIVER: Ellipsoid = ((-75.0, -20.0, 70.0), (16.0, 16.0, 16.0), 20.0)


def at(one: Ellipsoid, suv: float, *, off: tuple[float, float, float] = (0, 0, 0)) -> Ellipsoid:
    center = one[0][0] + off[0], one[0][1] + off[1], one[0][2] + off[2]
    return center, one[1], suv


def visit(
    *lesions: Ellipsoid, timepoint: str = "AFTER", earlier: LesionsOfVisit | None = None
) -> LesionsOfVisit:
    return seen_on(a_torso(GRID, more=lesions), timepoint=timepoint, earlier=earlier)


def seen_on(
    suv: Volume, *, timepoint: str, earlier: LesionsOfVisit | None, person: str = "P-014"
) -> LesionsOfVisit:
    return lesions_of_visit(
        suv,
        organs=ORGANS,
        water=None,
        fat=None,
        choices=VisitChoices(segmentation=SETTINGS),
        of=VisitOf(
            participant=Pseudonym(person),
            timepoint=TimepointCode(timepoint),
            inputs=(Digest("ab"),),
        ),
        earlier=earlier,
    )


@pytest.fixture(scope="module")
def before() -> LesionsOfVisit:
    found = visit(NODE, IN_LIVER, timepoint="BASELINE")
    assert len(found.lesions) == 2
    assert found.sought_again == ()
    return found


def test_a_lesion_below_the_liver_is_found_because_it_was_seen_before(
    before: LesionsOfVisit,
) -> None:
    """3 g/mL in tissue of 0.8, the liver at 5: no level of the liver would find it."""
    faded = at(NODE, 3.0)
    assert visit(faded).lesions == ()

    found = visit(faded, earlier=before)

    (one,) = found.segmented.lesions
    np.testing.assert_allclose(one.center_mm, NODE[0], atol=4.0)
    assert LesionFlag.SEEN_BEFORE in one.flags
    assert one.background == pytest.approx(0.8, abs=0.1)
    assert 3.5 < one.volume_ml < 14.5  # the ball has 7.2 mL
    outcomes = {sought.earlier: sought for sought in found.sought_again}
    node = next(sought for sought in outcomes.values() if not sought.in_liver)
    assert node.outcome is SearchOutcome.FOUND_BECAUSE_SEEN_BEFORE
    assert node.found_as == one.id
    assert node.surroundings_suv == pytest.approx(0.8, abs=0.1)


def test_a_lesion_that_is_gone_is_not_found_again_and_has_an_upper_limit(
    before: LesionsOfVisit,
) -> None:
    found = visit(earlier=before)

    assert found.lesions == ()
    assert len(found.sought_again) == 2
    for sought in found.sought_again:
        assert sought.outcome is SearchOutcome.NOT_FOUND_AGAIN
        assert sought.found_as is None
        assert sought.upper_limit_suv is not None
        assert sought.surroundings_suv is not None
        assert sought.surroundings_suv < sought.upper_limit_suv < 8.0


def test_a_faded_lesion_that_lies_10_mm_away_is_found_there(before: LesionsOfVisit) -> None:
    found = visit(at(NODE, 3.5, off=(8.0, -6.0, 0.0)), earlier=before)

    (one,) = found.segmented.lesions
    np.testing.assert_allclose(one.center_mm, (8.0, 64.0, 150.0), atol=4.5)


@pytest.mark.parametrize(("suv", "darker"), [(6.3, False), (2.5, True)])
def test_in_the_liver_a_lesion_is_told_from_the_liver_around_it(
    before: LesionsOfVisit, *, suv: float, darker: bool
) -> None:
    """The liver has 5 g/mL; 6.3 is less than its level for seeds, and 2.5 is a dark spot."""
    found = visit(at(IN_LIVER, suv), at(NODE, 18.0), earlier=before)

    one = next(one for one in found.segmented.lesions if one.organ == "liver")
    np.testing.assert_allclose(one.center_mm, IN_LIVER[0], atol=4.0)
    assert LesionFlag.SEEN_BEFORE in one.flags
    assert (LesionFlag.DARKER in one.flags) is darker
    assert 8.0 < one.volume_ml < 28.0  # the ball has 17 mL


def test_a_lesion_found_without_looking_is_not_flagged(before: LesionsOfVisit) -> None:
    found = visit(NODE, IN_LIVER, earlier=before)

    assert [one.outcome for one in found.sought_again] == [SearchOutcome.FOUND] * 2
    assert not any(LesionFlag.SEEN_BEFORE in one.flags for one in found.segmented.lesions)
    names = {one.id for one in found.segmented.lesions}
    assert {one.found_as for one in found.sought_again} == names


def test_what_was_not_found_is_sought_on_at_the_visit_after(before: LesionsOfVisit) -> None:
    gone = visit(earlier=before)

    back = visit(at(NODE, 3.0), timepoint="YEAR_1", earlier=gone)

    found = next(one for one in back.sought_again if one.found_as is not None)
    assert found.seen_at == "BASELINE"
    assert found.outcome is SearchOutcome.FOUND_BECAUSE_SEEN_BEFORE


def corrected_to(found: LesionsOfVisit, *names: str) -> LesionsOfVisit:
    """A reader left these alone."""
    left = [EditedSegment(label=name, inside=inside_of(found, name)) for name in names]
    gone = EditedSegment(label="L09", inside=np.zeros(GRID.shape, dtype=np.bool_))
    return corrected(found, a_correction(found, [*left, gone]))


def test_what_a_reader_removed_is_not_sought_on(before: LesionsOfVisit) -> None:
    """Uptake that a reader said to be no lesion would be marked again at every visit."""
    faded = at(NODE, 3.0)
    marked = visit(faded, timepoint="CYCLE_2", earlier=before)

    removed = corrected_to(marked)

    assert {one.outcome for one in removed.sought_again} == {
        SearchOutcome.REMOVED,
        SearchOutcome.NOT_FOUND_AGAIN,
    }
    after = visit(faded, timepoint="YEAR_1", earlier=removed)
    assert after.lesions == ()
    assert len(after.sought_again) == 1  # the one of the liver
    assert len(visit(faded, timepoint="YEAR_1", earlier=marked).lesions) == 1


def test_what_a_reader_brought_back_was_found(before: LesionsOfVisit) -> None:
    marked = visit(at(NODE, 3.0), timepoint="CYCLE_2", earlier=before)
    (name,) = (one.id for one in marked.lesions)

    back = corrected(
        corrected_to(marked),
        a_correction(marked, [EditedSegment(label=name, inside=inside_of(marked, name))]),
    )

    assert [one.id for one in back.lesions] == [name]
    assert [(one.outcome, one.found_as) for one in back.sought_again] == [
        (one.outcome, one.found_as) for one in marked.sought_again
    ]


def test_no_voxel_belongs_to_two_lesions(before: LesionsOfVisit) -> None:
    found = visit(at(NODE, 3.0), at(IN_LIVER, 7.0), earlier=before)

    owners = np.zeros(GRID.shape, dtype=int)
    for one in found.lesions:
        owners += one.mask.inside
    assert owners.max() == 1
    assert [one.id for one in found.lesions] == ["L01", "L02"]


def test_a_lesion_beyond_the_image_could_not_be_looked_for(before: LesionsOfVisit) -> None:
    away = before.segmented.lesions[0]
    shifted = GRID.affine.copy()
    shifted[2, 3] += 2000.0
    lost = replace(away, grid=replace(GRID, affine=shifted))
    moved = replace(before, segmented=replace(before.segmented, lesions=(lost,)))

    (sought,) = visit(earlier=moved).sought_again

    assert sought.outcome is SearchOutcome.NOT_LOOKED
    assert "beyond the image" in sought.reason


def test_refuses_the_visit_of_another_participant(before: LesionsOfVisit) -> None:
    with pytest.raises(DataError, match="visit before must be of P-015"):
        seen_on(before.suv, timepoint="AFTER", earlier=before, person="P-015")


def test_heart_and_vessels_are_no_lesions_where_the_liver_has_faded() -> None:
    """A liver of 1.8 and blood of 1.6 g/mL, a noisy heart of up to 3: the level is 2.5 x 1.6."""
    valve: Ellipsoid = ((10.0, -30.0, 190.0), (14.0, 14.0, 14.0), 2.6)
    pale: Ellipsoid = (DRAWN["liver"][0], DRAWN["liver"][1], 1.8)
    masks = the_masks(GRID)
    organs = FoundOrgans(
        organs=tuple(
            FoundOrgan(
                name="blood pool" if name == "heart" else name,
                mask=mask,
                confidence=1.0,
                how="drawn",
            )
            for name, mask in masks.items()
        ),
        missing=(),
    )
    suv = a_torso(GRID, more=(pale, valve))

    def found(ratio: float) -> int:
        settings = replace(SETTINGS, seed_blood_ratio=ratio)
        return len(
            lesions_of_visit(
                suv,
                organs=organs,
                water=None,
                fat=None,
                choices=VisitChoices(segmentation=settings),
                of=VisitOf(participant=Pseudonym("P-014"), timepoint=TimepointCode("AFTER")),
            ).lesions
        )

    assert found(0.0) == 1
    assert found(2.5) == 0
