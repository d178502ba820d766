"""Uptake of one lesion as numbers, and its ratios, against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.mask import Mask
from operandi.imaging.lesions.measures.lesion_uptake import (
    Statistic,
    lesion_uptake,
    measure_comparison,
)
from operandi.imaging.lesions.measures.yardsticks import Yardsticks
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import (
    LESION_TO_BLOOD_RATIO,
    LESION_TO_SPLEEN_RATIO,
    SUV_VARIATION,
)
from tests.imaging.lesions.measures.builders import ORIGIN, a_region, an_uptake, of_kind, yardsticks
from tests.imaging.lesions.phantoms import (
    a_ball,
    a_lesion,
    a_pet_grid,
    an_suv,
    flipped,
    permuted,
)


def test_two_values_have_their_mean_spread_and_center() -> None:
    """Voxels of 4 and 8: mean 6, SD (n - 1) 2 sqrt 2, CoV 0.4714; the middle between them."""
    grid = a_pet_grid((6, 6, 6))
    values = np.ones(grid.shape)
    values[2, 3, 3], values[3, 3, 3] = 4.0, 8.0

    found = lesion_uptake(an_suv(grid, values), a_lesion(Mask(values > 1.0, grid)))

    assert (found.maximum, found.mean) == (8.0, 6.0)
    assert found.standard_deviation == pytest.approx(2.0 * np.sqrt(2.0))
    assert found.variation == pytest.approx(np.sqrt(2.0) / 3.0)
    assert found.volume_ml == pytest.approx(2 * 0.064)
    assert found.center_mm == pytest.approx(grid.position_of((2.5, 3.0, 3.0)))
    assert [found.by(statistic) for statistic in Statistic] == [8.0, found.peak, 6.0]


def test_one_voxel_has_no_variation() -> None:
    grid = a_pet_grid((6, 6, 6))
    values = np.ones(grid.shape)
    values[2, 3, 3] = 4.0

    found = lesion_uptake(an_suv(grid, values), a_lesion(Mask(values > 1.0, grid)))

    assert found.standard_deviation is None
    assert of_kind(measure_comparison(found, yardsticks(), origin=ORIGIN), SUV_VARIATION).absent


@given(seed=st.integers(0, 1000), axis=st.integers(0, 2), axes=st.permutations((0, 1, 2)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_voxels_changes_nothing(seed: int, axis: int, axes: list[int]) -> None:
    grid = a_pet_grid((12, 13, 14), spacing_mm=(3.0, 4.0, 5.0), turned_deg=15.0)
    suv = an_suv(grid, np.random.default_rng(seed).uniform(1.0, 2.0, grid.shape))
    ball = a_ball(grid, at_mm=(3.0, 0.0, -4.0), radius_mm=12.0)
    i, j, k = axes
    turned, mask = permuted(*flipped(suv, ball, axis=axis), axes=(i, j, k))

    here, there = lesion_uptake(turned, a_lesion(mask)), lesion_uptake(suv, a_lesion(ball))

    assert (here.maximum, here.mean) == (there.maximum, there.mean)
    assert here.standard_deviation == pytest.approx(there.standard_deviation, rel=1e-12)
    assert here.center_mm == pytest.approx(there.center_mm, abs=1e-9)


def test_ratios_are_the_maximum_over_the_means() -> None:
    found = measure_comparison(an_uptake(maximum=30.0), yardsticks(), origin=ORIGIN)

    assert of_kind(found, LESION_TO_SPLEEN_RATIO).value == 1.5
    assert of_kind(found, LESION_TO_BLOOD_RATIO).value == 20.0
    assert of_kind(found, SUV_VARIATION).value == pytest.approx(1.0 / 20.0)


def test_without_a_spleen_its_ratio_is_absent_with_the_reason() -> None:
    found = measure_comparison(
        an_uptake(), yardsticks(spleen="the spleen was removed"), origin=ORIGIN
    )

    assert "the spleen was removed" in of_kind(found, LESION_TO_SPLEEN_RATIO).absent
    assert of_kind(found, LESION_TO_BLOOD_RATIO).value is not None


def test_refuses_an_empty_lesion() -> None:
    grid = a_pet_grid()
    with pytest.raises(DataError, match="holds no voxel"):
        lesion_uptake(an_suv(grid), a_lesion(Mask(np.zeros(grid.shape, np.bool_), grid)))


def test_a_missing_reference_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="needs the reason"):
        Yardsticks(liver="", spleen="removed", blood_pool="not found")


def test_refuses_references_of_another_grid() -> None:
    whole = yardsticks()
    whole.require_grid(a_region("liver", 5.0).mask.grid)
    with pytest.raises(GridMismatchError, match="liver reference"):
        whole.require_grid(a_pet_grid())
