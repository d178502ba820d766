"""Spheres in liver, spleen and blood pool: found, placed by a reader, or absent with a reason."""

import numpy as np
import pytest

from operandi.imaging.lesions.found_organs import FoundOrgan, FoundOrgans
from operandi.imaging.lesions.reference import PlacedSphere, reference_regions
from operandi.quantities.errors import DataError
from tests.imaging.lesions.torso import ORGANS, a_torso, a_torso_grid, the_masks

GRID = a_torso_grid()


def _organs(*names: str) -> FoundOrgans:
    masks = the_masks(GRID)
    return FoundOrgans(
        organs=tuple(
            FoundOrgan(name=name, mask=masks[name], confidence=1.0, how="a test") for name in names
        ),
        missing=(),
    )


def test_each_sphere_measures_its_organ() -> None:
    """The torso's SUV: liver 5, spleen 14, heart 1.6; noise of 5 % a voxel."""
    found = reference_regions(a_torso(GRID), _organs("liver", "spleen", "heart"))

    for one, name in (
        (found.liver, "liver"),
        (found.spleen, "spleen"),
        (found.blood_pool, "heart"),
    ):
        assert one is not None
        assert one.mean == pytest.approx(ORGANS[name][2], rel=0.05)
        assert one.standard_deviation < 0.1 * one.mean
        assert one.voxels == np.count_nonzero(one.mask.inside)
    assert found.absent == {}
    assert found.notes == ()


def test_metastases_of_half_the_liver_do_not_move_its_reference() -> None:
    lesions = tuple(
        ((x, y, z), (17.0, 17.0, 17.0), 20.0)
        for x in (-95.0, -30.0)
        for y in (-35.0, 20.0)
        for z in (25.0, 85.0)
    )

    found = reference_regions(a_torso(GRID, more=lesions), _organs("liver"))

    assert found.liver is not None
    assert found.liver.mean == pytest.approx(5.0, rel=0.1)


def test_without_a_spleen_its_sphere_is_absent_with_the_reason() -> None:
    found = reference_regions(a_torso(GRID, without=("spleen",)), _organs("liver"))

    assert found.spleen is None
    assert found.blood_pool is None
    assert set(found.absent) == {"spleen", "blood pool"}
    assert "no mask of spleen" in found.absent["spleen"]


def test_a_liver_hotter_than_the_spleen_is_noted() -> None:
    """As where tumor replaces the liver."""
    tumor = ((ORGANS["liver"][0], ORGANS["liver"][1], 20.0),)

    found = reference_regions(a_torso(GRID, more=tumor), _organs("liver", "spleen"))

    assert "may lie in tumor" in found.notes[0]


def test_a_sphere_that_a_reader_placed_replaces_the_rules() -> None:
    sphere = PlacedSphere(center_mm=(-80.0, 0.0, 60.0), radius_mm=12.0, reader="R1")

    found = reference_regions(a_torso(GRID), _organs("liver", "spleen"), placed={"liver": sphere})

    assert found.liver is not None
    assert found.liver.placed_by.startswith("reader R1")
    np.testing.assert_allclose(found.liver.center_mm, sphere.center_mm, atol=2.6)


def test_refuses_a_placed_sphere_that_leaves_the_image() -> None:
    sphere = PlacedSphere(center_mm=(900.0, 0.0, 0.0), radius_mm=12.0, reader="R1")

    with pytest.raises(DataError, match="spleen sphere reaches out"):
        reference_regions(a_torso(GRID), _organs("liver"), placed={"spleen": sphere})
