import math

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.simulation.scenes.labels import air_share, label_map, share_of, volume_ml
from operandi.simulation.scenes.painting import Occupancy, PaintedPart, paint
from operandi.simulation.scenes.scene import Ellipsoid, Point, Shape
from tests.simulation.scenes.builders import a_grid, a_part, a_scene


def a_ball(radius: float, *, center: Point = (0.0, 0.0, 0.0)) -> Shape:
    return Shape(parts=(Ellipsoid(center=center, semi_axes=(radius,) * 3),))


def a_liver_with_lesion() -> Occupancy:
    return paint(
        a_scene(
            a_part(a_ball(30.0, center=(-10, 0, 0)), name="segment 1", organ="liver"),
            a_part(a_ball(30.0, center=(10, 0, 0)), name="segment 2", organ="liver"),
            a_part(a_ball(10.0, center=(10, 0, 0)), name="OP-001-L1"),
        ),
        a_grid(),
    )


def test_each_voxel_bears_the_organ_with_the_largest_share() -> None:
    occupancy = a_liver_with_lesion()

    labels, names = label_map(occupancy)

    assert names == {1: "liver", 2: "OP-001-L1"}
    assert labels.dtype == np.uint8
    shares = np.stack(
        [air_share(occupancy), share_of(occupancy, "liver"), share_of(occupancy, "OP-001-L1")]
    )
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-5)
    np.testing.assert_array_equal(labels, shares.argmax(axis=0))
    assert set(np.unique(labels)) == {0, 1, 2}


def test_parts_of_one_organ_outweigh_a_lesion_only_together() -> None:
    """A voxel of 30 % and 25 % of two segments and 40 % of a lesion is liver."""
    box = (slice(1, 2), slice(2, 3), slice(0, 2))
    parts = tuple(
        PaintedPart(
            part=a_part(a_ball(1.0), name=f"{share} {organ}", organ=organ),
            box=box,
            share=np.array([[[share, other]]], dtype=np.float32),
            texture=None,
        )
        for organ, share, other in (
            ("liver", 0.3, 0.2),
            ("OP-001-L1", 0.4, 0.6),
            ("liver", 0.25, 0.2),
        )
    )

    labels, names = label_map(Occupancy(grid=a_grid((3, 3, 3)), parts=parts))

    assert [names[int(label)] for label in labels[1, 2, :2]] == ["liver", "OP-001-L1"]
    assert np.count_nonzero(labels) == 2


def test_volumes_count_what_is_visible() -> None:
    occupancy = a_liver_with_lesion()
    lesion = 4.0 / 3.0 * math.pi

    assert volume_ml(occupancy, "OP-001-L1") == pytest.approx(lesion, rel=0.01)
    # Two balls of 30 mm whose centers lie 20 mm apart: each loses a cap of 20 mm height to a plane.
    union = 2.0 * (4.0 / 3.0 * math.pi * 27.0 - math.pi * 4.0 * (9.0 - 2.0) / 3.0 * 1.0)
    assert volume_ml(occupancy, "liver") == pytest.approx(union - lesion, rel=0.01)


def test_many_organs_need_two_bytes() -> None:
    parts = [
        a_part(a_ball(3.0, center=(4.0 * (n % 20) - 38, 4.0 * (n // 20) - 38, 0)), name=f"{n}")
        for n in range(300)
    ]

    labels, names = label_map(paint(a_scene(*parts), a_grid()))

    assert labels.dtype == np.uint16
    assert names[300] == "299"
    assert labels.max() == 300


def test_refuses_an_organ_that_is_not_in_view() -> None:
    with pytest.raises(DataError, match=r"No part of 'spleen' was painted; there are .*liver"):
        volume_ml(a_liver_with_lesion(), "spleen")
