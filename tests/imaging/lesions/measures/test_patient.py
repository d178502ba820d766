"""Spread of lesions and liver involvement, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.imaging.lesions.measures.patient import (
    LiverInvolvementClass,
    involvement_class,
    liver_involvement,
    measure_liver_involvement,
    measure_spread,
)
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import (
    DISSEMINATION,
    MINIMUM_LESION_SUV_MEAN,
    VARIATION_BETWEEN_LESIONS,
)
from tests.imaging.lesions.measures.builders import ORIGIN, an_uptake, of_kind
from tests.imaging.lesions.phantoms import a_pet_grid, everywhere

GRID = a_pet_grid((20, 20, 20))
SPOTS = [
    an_uptake("L1", 12.0, mean=8.0),
    an_uptake("L2", 9.0, mean=4.0, center_mm=(30.0, 40.0, 0.0)),
    an_uptake("L3", 20.0, mean=12.0, center_mm=(30.0, 40.0, 120.0)),
]


def _box(low: int, high: int) -> Mask:
    inside = np.zeros(GRID.shape, np.bool_)
    inside[low:high, 5:15, 5:15] = True
    return Mask(inside, GRID)


def _lesion(mask: Mask, organ: str = "liver", name: str = "L01") -> Lesion:
    return Lesion(LesionId(name), mask, organ, "a test")


def test_three_lesions_by_hand() -> None:
    """Means 8, 4, 12: lowest 4, CoV 4/8. Farthest: L1 to L3, sqrt(30^2 + 40^2 + 120^2) = 130."""
    found = measure_spread(SPOTS, origin=ORIGIN)

    lowest = of_kind(found, MINIMUM_LESION_SUV_MEAN)
    assert lowest.value == 4.0
    assert "lesion L2 decides" in lowest.uncertainty.basis
    assert of_kind(found, VARIATION_BETWEEN_LESIONS).value == pytest.approx(0.5)
    far = of_kind(found, DISSEMINATION)
    assert far.value == pytest.approx(130.0)
    assert "between L1 and L3" in far.uncertainty.basis


@given(order=st.permutations(range(3)), scale=st.floats(0.01, 100.0))
def test_order_changes_nothing_and_scale_only_the_lowest(order: list[int], scale: float) -> None:
    scaled = [
        an_uptake(one.lesion, one.maximum * scale, mean=one.mean * scale, center_mm=one.center_mm)
        for one in (SPOTS[n] for n in order)
    ]

    lowest, variation, far = (m.value for m in measure_spread(scaled, origin=ORIGIN))

    assert lowest == pytest.approx(4.0 * scale)
    assert variation == pytest.approx(0.5)
    assert far == pytest.approx(130.0)


def test_one_lesion_has_no_spread_and_none_has_nothing() -> None:
    lowest, variation, far = measure_spread(SPOTS[:1], origin=ORIGIN)
    assert lowest.value == 8.0
    assert "two lesions" in variation.absent
    assert "found 1" in far.absent

    assert all(m.value is None and m.absent for m in measure_spread([], origin=ORIGIN))


def test_refuses_two_lesions_of_one_name() -> None:
    with pytest.raises(DataError, match="one name"):
        measure_spread([SPOTS[0], SPOTS[0]], origin=ORIGIN)


@pytest.mark.parametrize(
    ("share", "name"),
    [(0.0, "0"), (0.001, "<25 %"), (0.2499, "<25 %"), (0.25, "25-49 %"), (0.5, ">=50 %")],
)
def test_the_bounds_of_the_classes(share: float, name: str) -> None:
    assert involvement_class(share).value == name


def test_refuses_a_share_above_one() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        involvement_class(1.01)


def test_a_quarter_of_the_liver() -> None:
    """Liver of 8 slabs, a lesion of 2 of them: 0.25."""
    found = liver_involvement([_lesion(_box(5, 7))], _box(5, 13))

    assert found.share == pytest.approx(0.25)
    assert found.involvement is LiverInvolvementClass.QUARTER_TO_HALF
    assert measure_liver_involvement(found, origin=ORIGIN).value == found.share


def test_a_map_that_leaves_a_hole_where_the_lesion_is_gives_the_same() -> None:
    """Liver of 6 slabs beside a lesion of 2."""
    found = liver_involvement([_lesion(_box(5, 7))], _box(7, 13))

    assert found.share == pytest.approx(0.25)


def test_a_liver_that_is_all_tumor_is_wholly_involved() -> None:
    found = liver_involvement([_lesion(_box(4, 14))], _box(5, 13))

    assert (found.share, found.involvement) == (1.0, LiverInvolvementClass.HALF_OR_MORE)


def test_without_an_organ_the_majority_of_voxels_decides() -> None:
    """Of 4 slabs 2 lie in the liver: not the majority; of 3 slabs 2."""
    liver = _box(5, 13)
    assert liver_involvement([_lesion(_box(3, 7), "")], liver).share == 0.0
    assert liver_involvement([_lesion(_box(4, 7), "")], liver).share == pytest.approx(3 / 9)


def test_lesions_of_other_organs_do_not_count() -> None:
    found = liver_involvement([_lesion(_box(5, 7), "pancreas")], _box(5, 13))

    assert found.involvement is LiverInvolvementClass.NONE


@pytest.mark.parametrize(
    ("liver", "why"),
    [
        ("no organ map", "no organ map"),
        (everywhere(GRID), "the image ends within the liver"),
        (Mask(np.zeros(GRID.shape, np.bool_), GRID), "empty"),
    ],
)
def test_without_a_whole_liver_there_is_no_share(liver: Mask | str, why: str) -> None:
    found = liver_involvement([_lesion(_box(5, 7))], liver)

    assert found.share is None
    assert why in found.absent
    assert why in measure_liver_involvement(found, origin=ORIGIN).absent


def test_refuses_an_empty_lesion_and_one_of_another_grid() -> None:
    with pytest.raises(DataError, match="holds no voxel"):
        liver_involvement([_lesion(_box(5, 5))], _box(5, 13))
    with pytest.raises(GridMismatchError, match="liver mask"):
        liver_involvement([_lesion(everywhere(a_pet_grid((5, 5, 5))))], _box(5, 13))


def test_distances_are_between_centers() -> None:
    assert math.dist(SPOTS[0].center_mm, SPOTS[1].center_mm) == 50.0
