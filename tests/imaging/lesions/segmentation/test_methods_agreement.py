"""Agreement across delineation methods."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.imaging.lesions.segmentation.methods_agreement import (
    intraclass_correlation,
    methods_agreement,
)
from operandi.imaging.lesions.segmentation.seeds import find_seeds
from operandi.imaging.lesions.segmentation.settings import DelineationMethod, SegmentationSettings
from tests.imaging.lesions.segmentation.scenes import FWHM_MM, IN_LIVER, OUTSIDE, a_scene

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
"""Table 2 of Shrout and Fleiss, Psychol Bull 86:420, 1979 (recalled): 6 targets, 4 judges."""


def test_icc_is_that_of_shrout_and_fleiss() -> None:
    """Published ICC(2,1) 0.29, with an interval of 0.02 to 0.76 (recalled)."""
    found = intraclass_correlation(SHROUT_FLEISS)

    assert found.value == pytest.approx(0.29, abs=0.005)
    assert found.low == pytest.approx(0.02, abs=0.005)
    assert found.high == pytest.approx(0.76, abs=0.005)


@given(st.permutations(range(6)), st.permutations(range(4)), st.floats(0.1, 10.0))
def test_icc_does_not_depend_on_order_or_unit(
    lesions: list[int], methods: list[int], unit: float
) -> None:
    turned = SHROUT_FLEISS[lesions][:, methods] * unit

    value = intraclass_correlation(turned).value

    assert value == pytest.approx(intraclass_correlation(SHROUT_FLEISS).value)


def test_methods_that_say_the_same_agree_wholly() -> None:
    same = np.repeat([[1.0], [5.0], [9.0]], 3, axis=1)

    assert intraclass_correlation(same).value == pytest.approx(1.0)


def test_two_lesions_are_too_few_and_the_reason_says_so() -> None:
    scene = a_scene(IN_LIVER, OUTSIDE)
    settings = SegmentationSettings(fwhm_mm=FWHM_MM)
    liver = scene.references.liver
    seeds = find_seeds(scene.suv, organs=scene.organs, liver=liver, settings=settings)

    found = methods_agreement(scene.suv, seeds, liver=liver, settings=settings)

    volumes = dict(found.values)["volume_ml"]
    assert found.methods == tuple(DelineationMethod)
    assert [len(row) for row in volumes] == [len(DelineationMethod)] * 2
    assert "three lesions" in dict(found.correlation)["volume_ml"].absent
    assert 0.0 < (found.relative_sd("volume_ml", lesion=0) or 0.0) < 1.5
