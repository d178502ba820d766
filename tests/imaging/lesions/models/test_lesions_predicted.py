"""Labels of a model become lesions that are measured, named and told like those found here."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operandi.domain.identity import Digest, Pseudonym, TimepointCode
from operandi.domain.measurement import SubjectType
from operandi.domain.volume import Volume
from operandi.imaging.lesions.models.lesions_predicted import lesions_predicted, organs_predicted
from operandi.imaging.lesions.models.opened import open_model
from operandi.imaging.lesions.models.protocol import ModelIdentity, PredictedLabels
from operandi.imaging.lesions.organ_finding import find_organs
from operandi.imaging.lesions.segmentation.found import LesionFlag
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings
from operandi.imaging.lesions.visit import (
    LesionsOfVisit,
    VisitChoices,
    VisitOf,
    agreement_across_methods,
    lesions_of_visit,
)
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import SUV_BODY_WEIGHT
from tests.imaging.lesions.models.networks import a_model, above
from tests.imaging.lesions.test_visit import organs_of
from tests.imaging.lesions.torso import Ellipsoid, a_torso, a_torso_grid, inside, the_masks

GRID = a_torso_grid()
BONE: Ellipsoid = ((0.0, 70.0, 150.0), (14.0, 14.0, 14.0), 18.0)
METASTASIS: Ellipsoid = ((-75.0, -20.0, 70.0), (16.0, 16.0, 16.0), 20.0)
SMALL: Ellipsoid = ((0.0, 70.0, 250.0), (5.0, 5.0, 5.0), 40.0)
TORSO = a_torso(GRID, more=(BONE, METASTASIS, SMALL))
SETTINGS = SegmentationSettings(fwhm_mm=6.0, minimum_volume_ml=2.0)
MODEL = ModelIdentity(
    name="drawn",
    version="2",
    digest=Digest("c" * 64),
    license="MIT",
    source="here",
    citation="none",
    trained_on="nothing",
    tracers=("68Ga-DOTATOC",),
)
OF = VisitOf(
    participant=Pseudonym("P-014"), timepoint=TimepointCode("BASELINE"), inputs=(Digest("ab"),)
)


class Drawn:
    """A model that gives what was drawn."""

    def __init__(self, prediction: PredictedLabels) -> None:
        self.prediction = prediction
        self.identity = prediction.model

    def predict(self, volumes: object) -> PredictedLabels:
        return self.prediction


def drawn(*, organs: bool = False, liver: int = 2) -> PredictedLabels:
    values = np.zeros(GRID.shape, dtype=np.uint16)
    names = [(1, "lesion")]
    if organs:
        for number, (name, mask) in enumerate(the_masks(GRID).items(), start=liver):
            values[mask.inside] = number
            names.append((number, name))
    for one in (BONE, METASTASIS, SMALL):
        values[inside(GRID, one)] = 1
    return PredictedLabels(
        values=values, grid=GRID, names=tuple(names), model=MODEL, inputs=(Digest("d" * 64),)
    )


def visit(prediction: PredictedLabels, *, with_organs: bool = True) -> LesionsOfVisit:
    return lesions_of_visit(
        TORSO,
        organs=organs_of(the_masks(GRID)) if with_organs else None,
        water=None,
        fat=None,
        choices=VisitChoices(segmentation=SETTINGS, model=Drawn(prediction)),
        of=OF,
    )


@pytest.fixture(scope="module")
def found() -> LesionsOfVisit:
    return visit(drawn())


def test_lesions_are_the_voxels_that_the_model_labels(found: LesionsOfVisit) -> None:
    assert [one.id for one in found.lesions] == ["L01", "L02"]
    assert [one.organ for one in found.lesions] == ["liver", ""]
    for one, shape in zip(found.lesions, (METASTASIS, BONE), strict=True):
        np.testing.assert_array_equal(one.mask.inside, inside(GRID, shape))
    assert found.segmented.dropped == 1
    assert not found.are_candidates


def test_they_are_measured_like_others(found: LesionsOfVisit) -> None:
    values = {(one.subject.name, one.kind.name): one for one in found.measures.measurements}
    bone = inside(GRID, BONE)
    assert values["L02", "SUV_MEAN"].value == pytest.approx(TORSO.values[bone].mean(), rel=1e-6)
    assert values["L02", "SUV_MAXIMUM"].value == pytest.approx(TORSO.values[bone].max())
    assert values["", "LESION_COUNT"].value == 2
    second = found.segmented.lesions[1]
    assert second.background == pytest.approx(0.8, abs=0.1)
    assert second.suv_mean.value == pytest.approx(BONE[2], rel=0.1)


def test_the_model_stands_in_every_measure_of_a_lesion_and_in_the_border(
    found: LesionsOfVisit,
) -> None:
    words = "drawn 2 (sha256 cccccccccccc)"
    assert found.model == MODEL
    assert found.border == f"the model {words}"
    assert found.choices.model is None
    assert all(words in one.delineation for one in found.lesions)
    bordered = [
        one
        for one in found.measures.measurements
        if one.subject.type in {SubjectType.LESION, SubjectType.PARTICIPANT}
    ]
    assert bordered
    assert all(one.method.endswith(f"border of the model {words}") for one in bordered)
    assert {one.inputs for one in found.measures.measurements} == {("ab", "c" * 64, "d" * 64)}


def test_borders_of_ours_are_compared_with_those_of_the_same_hottest_voxel(
    found: LesionsOfVisit,
) -> None:
    agreement, rows = agreement_across_methods(found)

    assert set(rows) == {"L01", "L02"}
    assert len(agreement.methods) > 5


def test_the_organs_of_a_model_take_the_place_of_those_found_here() -> None:
    own = find_organs(TORSO, water=None, fat=None)
    prediction = drawn(organs=True)

    organs = organs_predicted(prediction, own)

    for name in ("liver", "spleen", "right kidney", "left kidney", "urinary bladder"):
        mask = organs.named(name)
        assert mask is not None
        np.testing.assert_array_equal(mask.inside, prediction.named(name))
    total = np.sum([mask.inside for _, mask in organs.masks], axis=0)
    assert total.max() == 1
    assert "drawn 2" in next(one.how for one in organs.organs if one.name == "liver")


def test_a_whole_visit_by_a_model_that_labels_organs_too() -> None:
    found = visit(drawn(organs=True), with_organs=False)

    assert [one.organ for one in found.lesions] == ["liver", ""]
    assert found.references.liver is not None
    assert found.references.liver.mean == pytest.approx(5.0, rel=0.05)


def test_exchanged_sides_of_a_model_are_refused() -> None:
    prediction = drawn(organs=True)
    turned = replace(prediction, values=np.ascontiguousarray(prediction.values[::-1]))

    with pytest.raises(DataError, match="lies to the left of"):
        organs_predicted(turned, find_organs(TORSO, water=None, fat=None))


def test_labels_on_another_grid_are_refused(found: LesionsOfVisit) -> None:
    other = a_torso_grid(spacing_mm=6.0)
    prediction = PredictedLabels(
        values=np.ones(other.shape, dtype=np.uint16),
        grid=other,
        names=((1, "lesion"),),
        model=MODEL,
    )

    with pytest.raises(GridMismatchError):
        lesions_predicted(
            TORSO,
            prediction=prediction,
            organs=found.organs,
            references=found.references,
            settings=SETTINGS,
        )


def test_no_lesion_is_an_answer_where_the_model_may_give_it() -> None:
    empty = replace(drawn(), values=np.zeros(GRID.shape, dtype=np.uint16))

    found = visit(empty)

    assert found.lesions == ()
    values = {one.kind.name: one.value for one in found.measures.measurements}
    assert values["LESION_COUNT"] == 0


def test_without_a_liver_reference_a_model_still_finds_lesions() -> None:
    masks = {name: one for name, one in the_masks(GRID).items() if name != "liver"}

    found = lesions_of_visit(
        TORSO,
        organs=organs_of(masks),
        water=None,
        fat=None,
        choices=VisitChoices(segmentation=SETTINGS, model=Drawn(drawn())),
        of=OF,
    )

    assert len(found.lesions) == 2
    assert all(LesionFlag.NO_LIVER_REFERENCE in one.flags for one in found.segmented.lesions)
    agreement, rows = agreement_across_methods(found)
    assert (agreement.methods, rows) == ((), {})


def test_an_onnx_threshold_is_the_components_above_it(tmp_path: Path) -> None:
    """On a torso without hot organs, so that all above SUV 8 is lesion."""
    cold = a_torso(
        GRID,
        without=("spleen", "right kidney", "left kidney", "urinary bladder"),
        more=(BONE, METASTASIS),
    )
    model = open_model(a_model(tmp_path, above(8.0)))
    found = lesions_of_visit(
        Volume(cold.values, GRID, SUV_BODY_WEIGHT),
        organs=organs_of({"liver": the_masks(GRID)["liver"]}),
        water=None,
        fat=None,
        choices=VisitChoices(segmentation=SETTINGS, model=model),
        of=OF,
    )

    labeled = np.any([one.mask.inside for one in found.lesions], axis=0)
    np.testing.assert_array_equal(labeled, cold.values > 8.0)
    assert len(found.lesions) == 2
