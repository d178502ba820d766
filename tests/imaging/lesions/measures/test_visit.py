"""All measures of one visit."""

from collections import Counter

import numpy as np
import pytest

from operandi.domain.identity import Digest, LesionId, Pseudonym, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.burden import measure_lesion
from operandi.imaging.lesions.measures.visit import VisitImages, VisitMeasures, measure_visit
from operandi.imaging.lesions.measures.yardsticks import Yardsticks
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import (
    ADC_MEAN,
    APPARENT_DIFFUSION_COEFFICIENT,
    DISSEMINATION,
    KRENNING_SCORE,
    LESION_COUNT,
    LIVER_INVOLVEMENT,
    MODIFIED_KRENNING_SCORE,
)
from tests.imaging.lesions.measures.builders import of_kind, yardsticks
from tests.imaging.lesions.phantoms import a_ball, a_lesion, a_liver_reference, a_pet_grid, an_suv

GRID = a_pet_grid((32, 24, 24))
LIVER = a_ball(GRID, at_mm=(-20.0, 0.0, 0.0), radius_mm=30.0)
ONE = a_ball(GRID, at_mm=(-24.0, 4.0, 0.0), radius_mm=12.0)
TWO = a_ball(GRID, at_mm=(36.0, 0.0, 4.0), radius_mm=10.0)
STICKS = Yardsticks(
    liver=a_liver_reference(GRID, mean=5.0),
    spleen="the spleen was removed",
    blood_pool="not found",
)
VALUES = np.where(LIVER.inside, 5.0, 1.0)
VALUES[ONE.inside] = 20.0
VALUES[TWO.inside] = 12.0
LESIONS = [
    a_lesion(ONE, "L01"),
    Lesion(LesionId("L02"), TWO, "pancreas", "drawn by hand"),
]


def _measured(lesions: list[Lesion], **more: object) -> VisitMeasures:
    images = {"suv": an_suv(GRID, VALUES), "yardsticks": STICKS, "liver": LIVER} | more
    return measure_visit(
        VisitImages(**images),  # type: ignore[arg-type]
        lesions,
        subject_participant=Pseudonym("P-001"),
        timepoint=TimepointCode("BASELINE"),
        inputs=(Digest("ab" * 32),),
    )


def test_every_lesion_and_the_participant_are_measured_once() -> None:
    adc = Volume(np.full(GRID.shape, 900.0), GRID, APPARENT_DIFFUSION_COEFFICIENT)

    found = _measured(LESIONS, adc=adc)

    ids = [one.id for one in found.measurements]
    assert len(set(ids)) == len(ids)
    count = Counter(one.subject.name for one in found.measurements)
    assert count == {"L01": 24, "L02": 24, "": 7}
    assert [one.lesion for one in found.uptakes] == ["L01", "L02"]
    of_first = tuple(one for one in found.measurements if one.subject.name == "L01")
    assert of_kind(of_first, ADC_MEAN).value == 900.0
    score = of_kind(of_first, KRENNING_SCORE)
    assert score.value == 3.0
    assert score.uncertainty.basis.startswith("at least this; ")
    assert of_kind(of_first, MODIFIED_KRENNING_SCORE).value == 3.0
    of_all = tuple(one for one in found.measurements if one.subject.name == "")
    assert of_kind(of_all, DISSEMINATION).value == pytest.approx(
        np.linalg.norm(np.subtract(found.uptakes[0].center_mm, found.uptakes[1].center_mm))
    )
    assert of_kind(of_all, LIVER_INVOLVEMENT).value == pytest.approx(
        ONE.volume_ml / LIVER.volume_ml
    )


def test_measuring_in_a_box_gives_what_the_whole_volume_gives() -> None:
    edge = a_ball(GRID, at_mm=(60.0, 40.0, 40.0), radius_mm=11.0)
    noisy = an_suv(GRID, VALUES * np.random.default_rng(1).uniform(0.8, 1.2, GRID.shape))
    for mask in (ONE, TWO, edge):
        found = _measured([a_lesion(mask)], suv=noisy).measurements
        whole = measure_lesion(
            noisy,
            a_lesion(mask),
            a_liver_reference(GRID, mean=5.0),
            subject_participant=Pseudonym("P-001"),
            timepoint=TimepointCode("BASELINE"),
            inputs=(Digest("ab" * 32),),
        )
        for one in whole:
            assert of_kind(found[:-7], one.kind).value == pytest.approx(one.value, rel=1e-12)


def test_without_lesions_the_count_is_zero_and_the_rest_is_absent() -> None:
    found = _measured([], liver="no organ map").measurements

    assert of_kind(found, LESION_COUNT).value == 0.0
    assert of_kind(found, LIVER_INVOLVEMENT).absent == "there is no liver mask: no organ map"


def test_refuses_shared_voxels_and_references_of_another_grid() -> None:
    with pytest.raises(DataError, match="shares its name or voxels"):
        _measured([LESIONS[0], a_lesion(ONE, "L03")])
    with pytest.raises(GridMismatchError, match="liver reference"):
        _measured(LESIONS, yardsticks=yardsticks())
    with pytest.raises(DataError, match="L01 holds no voxel"):
        _measured([a_lesion(Mask(np.zeros(GRID.shape, np.bool_), GRID))])
    with pytest.raises(GridMismatchError, match="lesion L01"):
        _measured([a_lesion(a_ball(a_pet_grid(), at_mm=(0.0, 0.0, 0.0), radius_mm=9.0))])
