"""Lesions of a visit in one call: names, candidates, references of a reader, refusals."""

from collections.abc import Mapping

import numpy as np
import pytest

from operandi.domain.identity import Digest, Pseudonym, TimepointCode
from operandi.domain.mask import Mask
from operandi.domain.measurement import SubjectType
from operandi.domain.volume import Volume
from operandi.imaging.lesions.found_organs import FoundOrgan, FoundOrgans, MissingOrgan
from operandi.imaging.lesions.reference import PlacedSphere
from operandi.imaging.lesions.segmentation.settings import (
    DelineationMethod,
    SegmentationSettings,
)
from operandi.imaging.lesions.visit import (
    LesionsOfVisit,
    VisitChoices,
    VisitOf,
    agreement_across_methods,
    lesions_of_visit,
)
from operandi.quantities.errors import DataError
from tests.imaging.lesions.torso import Ellipsoid, a_torso, a_torso_grid, inside, the_masks

GRID = a_torso_grid()
BONE: Ellipsoid = ((0.0, 70.0, 150.0), (14.0, 14.0, 14.0), 18.0)
METASTASIS: Ellipsoid = ((-75.0, -20.0, 70.0), (16.0, 16.0, 16.0), 20.0)
TORSO = a_torso(GRID, more=(BONE, METASTASIS))
SETTINGS = SegmentationSettings(fwhm_mm=6.0, minimum_volume_ml=0.5)
OF = VisitOf(
    participant=Pseudonym("P-014"), timepoint=TimepointCode("BASELINE"), inputs=(Digest("ab"),)
)


def organs_of(masks: Mapping[str, Mask]) -> FoundOrgans:
    found = [
        FoundOrgan(name=name, mask=mask, confidence=1.0, how="drawn")
        for name, mask in masks.items()
        if name != "heart"
    ]
    missing = () if "spleen" in masks else (MissingOrgan(name="spleen", reason="not drawn"),)
    return FoundOrgans(organs=tuple(found), missing=missing)


def without(name: str) -> FoundOrgans:
    return organs_of({organ: mask for organ, mask in the_masks(GRID).items() if organ != name})


def visit(
    organs: FoundOrgans, suv: Volume = TORSO, choices: VisitChoices | None = None
) -> LesionsOfVisit:
    return lesions_of_visit(
        suv,
        organs=organs,
        water=None,
        fat=None,
        choices=choices or VisitChoices(segmentation=SETTINGS),
        of=OF,
    )


@pytest.fixture(scope="module")
def whole() -> LesionsOfVisit:
    return visit(organs_of(the_masks(GRID)))


def test_both_lesions_are_found_where_they_are_and_measured(whole: LesionsOfVisit) -> None:
    assert [one.id for one in whole.lesions] == ["L01", "L02"]
    assert [one.organ for one in whole.lesions] == ["liver", ""]
    for one, (center, *_) in zip(whole.segmented.lesions, (METASTASIS, BONE), strict=True):
        np.testing.assert_allclose(one.center_mm, center, atol=3.0)
    values = {(one.subject.name, one.kind.name): one for one in whole.measures.measurements}
    assert values["L01", "KRENNING_SCORE"].value == 4
    assert values["", "LESION_COUNT"].value == 2
    assert all(one.inputs == ("ab",) for one in whole.measures.measurements)


def test_the_border_is_half_of_the_mean_unless_asked_otherwise(whole: LesionsOfVisit) -> None:
    assert whole.choices.segmentation.method is DelineationMethod.HALF_MEAN
    assert whole.lesions[0].delineation.startswith("half of the mean")


def test_without_a_spleen_mask_they_are_candidates_and_nothing_is_added_up() -> None:
    found = visit(without("spleen"))

    assert found.are_candidates
    assert found.segmented.unmapped == ("spleen",)
    assert all(one.id.startswith("C") for one in found.lesions)
    sums = [
        one for one in found.measures.measurements if one.subject.type is SubjectType.PARTICIPANT
    ]
    assert sums
    assert all(one.value is None and "no mask of spleen" in one.absent for one in sums)
    assert not any(one.subject.type is SubjectType.LESION for one in found.measures.measurements)


def test_a_spleen_that_was_removed_is_not_missed() -> None:
    suv = a_torso(GRID, without=("spleen",), more=(BONE, METASTASIS))

    found = visit(without("spleen"), suv, VisitChoices(segmentation=SETTINGS, removed=("spleen",)))

    assert [one.id for one in found.lesions] == ["L01", "L02"]
    assert found.yardsticks.spleen == "the spleen was removed, as declared"


def test_a_removed_organ_is_never_found_where_something_else_takes_up() -> None:
    """An accessory spleen, or a mass, where the spleen was."""
    choices = VisitChoices(segmentation=SETTINGS, removed=("spleen",))

    found = lesions_of_visit(TORSO, organs=None, water=None, fat=None, choices=choices, of=OF)

    assert found.organs.named("spleen") is None
    assert found.organs.reason_missing("spleen") == "removed, as declared"
    assert found.yardsticks.spleen == "the spleen was removed, as declared"


def test_refuses_an_organ_map_that_holds_a_removed_organ() -> None:
    choices = VisitChoices(segmentation=SETTINGS, removed=("spleen",))

    with pytest.raises(DataError, match="spleen is declared to be removed, and the organ map has"):
        visit(organs_of(the_masks(GRID)), choices=choices)


def test_a_sphere_of_a_reader_replaces_the_rule(whole: LesionsOfVisit) -> None:
    sphere = PlacedSphere(center_mm=(-60.0, 20.0, 60.0), radius_mm=10.0, reader="AB")

    found = visit(
        whole.organs, choices=VisitChoices(segmentation=SETTINGS, placed={"liver": sphere})
    )

    assert found.references.liver is not None
    assert found.references.liver.placed_by.startswith("reader AB")


def test_refuses_without_a_liver_and_without_an_suv_to_seed_by() -> None:
    with pytest.raises(DataError, match="no reference region") as refused:
        visit(without("liver"))

    assert "seed_suv" in (refused.value.remedy or "")


def test_with_an_suv_to_seed_by_lesions_without_a_liver_are_flagged() -> None:
    settings = SegmentationSettings(fwhm_mm=6.0, minimum_volume_ml=0.5, seed_suv=9.0)

    found = visit(without("liver"), choices=VisitChoices(segmentation=settings))

    assert len(found.lesions) == 2
    for one in found.segmented.lesions:
        assert "found without a liver reference" in one.flags
    ratios = [one for one in found.measures.measurements if "LIVER_RATIO" in one.kind.name]
    assert ratios
    assert all(one.value is None and one.absent for one in ratios)


def test_a_pet_without_a_lesion_gives_none_and_a_count_of_zero() -> None:
    found = visit(organs_of(the_masks(GRID)), a_torso(GRID))

    assert found.lesions == ()
    (count,) = (one for one in found.measures.measurements if one.kind.name == "LESION_COUNT")
    assert count.value == 0


def test_a_lesion_in_the_gut_keeps_to_itself_and_does_not_follow_the_bowel() -> None:
    """A loop of 9 g/mL holds a lesion of 22 mL, 20 g/mL: from fat to it, 9 is nearly half way."""
    loop: Ellipsoid = ((0.0, -40.0, -100.0), (90.0, 22.0, 22.0), 9.0)
    lesion: Ellipsoid = ((40.0, -40.0, -100.0), (18.0, 17.0, 17.0), 20.0)
    masks = the_masks(GRID)
    gut = Mask(inside(GRID, loop), GRID)

    found = visit(organs_of({**masks, "gut": gut}), a_torso(GRID, more=(loop, lesion)))

    (one,) = found.segmented.lesions
    np.testing.assert_allclose(one.center_mm, lesion[0], atol=4.0)
    assert one.background > 7.0
    assert 11.0 < one.volume_ml < 33.0


def test_the_row_of_a_lesion_holds_its_own_volume_by_the_chosen_border(
    whole: LesionsOfVisit,
) -> None:
    agreement, row_of = agreement_across_methods(whole)

    column = agreement.methods.index(DelineationMethod.HALF_MEAN)
    volumes = dict(agreement.values)["volume_ml"]
    assert set(row_of) == {"L01", "L02"}
    for one in whole.segmented.lesions:
        assert volumes[row_of[one.id]][column] == pytest.approx(one.volume_ml)


def a_tube(suv: float, *, middle: tuple[float, float, float]) -> tuple[Ellipsoid, ...]:
    """20 mm wide and 25 cm long, around a middle; no map leaves it out, and the liver has 5."""
    x, y, z = middle
    return tuple(
        (
            (x + 60.0 * float(np.cos(angle)), y + 30.0 * float(np.sin(angle)), z + 40.0 - n * 2.0),
            (10.0, 10.0, 10.0),
            suv,
        )
        for n, angle in enumerate(np.linspace(0.0, 1.5 * np.pi, 40))
    )


@pytest.mark.parametrize(("suv", "lesions"), [(7.0, 0), (30.0, 1)])
def test_what_winds_like_bowel_is_no_lesion_unless_it_is_hot(suv: float, lesions: int) -> None:
    tube = a_tube(suv, middle=(0.0, -40.0, -120.0))

    found = visit(organs_of(the_masks(GRID)), a_torso(GRID, more=tube))

    assert len(found.lesions) == lesions
    assert len(found.segmented.bowel) == found.segmented.dropped == 1 - lesions


def test_what_was_taken_for_bowel_is_named_with_size_and_place() -> None:
    tube = a_tube(7.0, middle=(0.0, -40.0, -120.0))

    found = visit(organs_of(the_masks(GRID)), a_torso(GRID, more=tube))

    (one,), (words,) = found.segmented.bowel, found.segmented.bowel_words
    assert one.volume_ml > 20.0
    assert one.center_mm[2] == pytest.approx(-119.0, abs=6.0)
    assert one.words in words


@pytest.mark.parametrize("middle", [(0.0, -40.0, 200.0), (0.0, -10.0, -280.0)])
def test_what_winds_where_no_bowel_lies_is_a_lesion(middle: tuple[float, float, float]) -> None:
    """Above the dome of the liver, and as far below the bladder as a thigh."""
    grid = a_torso_grid(low_mm=-390.0)
    tube = a_tube(7.0, middle=middle)

    found = visit(organs_of(the_masks(grid)), a_torso(grid, more=tube))

    assert len(found.lesions) == 1
    assert found.segmented.bowel == ()


def test_nothing_is_taken_for_bowel_where_no_bladder_is_known() -> None:
    tube = a_tube(7.0, middle=(0.0, -40.0, -120.0))
    masks = {name: mask for name, mask in the_masks(GRID).items() if name != "urinary bladder"}

    found = visit(organs_of(masks), a_torso(GRID, without=("urinary bladder",), more=tube))

    assert found.are_candidates
    assert len(found.lesions) == 1
