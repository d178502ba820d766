"""The body: one filled component, whole at the edge of the field of view."""

import numpy as np
import pytest

from operandi.domain.volume import Volume
from operandi.imaging.lesions.body import body_region
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import MR_SIGNAL
from tests.imaging.lesions.phantoms import a_ball, a_pet_grid, an_suv, everywhere, permuted

GRID = a_pet_grid((40, 40, 16))


def _cylinder(radius: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    i, j, _ = np.indices(GRID.shape)
    return np.asarray(np.hypot(i - 19.5, j - 19.5) <= radius)


def test_the_body_is_the_cylinder_with_its_cold_lungs() -> None:
    """Only the closing may add to the true body: it can fill no more than its rim."""
    body = _cylinder(15.0)
    lungs = _cylinder(6.0)

    found = body_region(an_suv(GRID, np.where(body & ~lungs, 1.0, 0.0)), threshold=0.3)

    assert found.inside[body].all()
    assert not found.inside[~_cylinder(16.0)].any()


def test_the_bed_below_the_patient_is_left_out() -> None:
    values = np.where(_cylinder(12.0), 1.0, 0.0)
    values[10:30, 38:] = 1.0

    found = body_region(an_suv(GRID, values), threshold=0.3)

    assert not found.inside[:, 38:].any()


def test_a_patient_who_fills_the_field_of_view_is_the_whole_image() -> None:
    found = body_region(an_suv(GRID, 1.0), threshold=0.3)

    assert found.inside.all()


def test_a_body_cut_by_the_edge_of_the_image_reaches_that_edge() -> None:
    values = np.zeros(GRID.shape)
    values[:30] = 1.0

    found = body_region(an_suv(GRID, values), threshold=0.3)

    np.testing.assert_array_equal(found.inside, values > 0)


def test_slices_are_axial_however_the_array_is_stored() -> None:
    """A tunnel along z is a hole in axial slices only; it is filled in either array order."""
    suv = an_suv(GRID, np.where(_cylinder(15.0) & ~_cylinder(5.0), 1.0, 0.0))
    stored, _ = permuted(suv, everywhere(GRID), axes=(2, 0, 1))

    here = body_region(stored, threshold=0.3).inside

    np.testing.assert_array_equal(here.transpose(1, 2, 0), body_region(suv, threshold=0.3).inside)
    assert here.transpose(1, 2, 0)[_cylinder(5.0)].all()


def test_refuses_an_image_without_a_body() -> None:
    with pytest.raises(DataError, match="no body"):
        body_region(an_suv(GRID, 0.1), threshold=0.3)


def test_refuses_values_that_are_not_numbers() -> None:
    values = np.where(a_ball(GRID, at_mm=(0.0, 0.0, 0.0), radius_mm=10.0).inside, np.nan, 1.0)
    with pytest.raises(DataError, match="voxels of the image"):
        body_region(an_suv(GRID, values), threshold=0.3)


def test_refuses_a_volume_that_is_no_suv() -> None:
    with pytest.raises(DataError, match="got MR_SIGNAL"):
        body_region(Volume(np.ones(GRID.shape), GRID, MR_SIGNAL), threshold=0.3)


def test_refuses_a_threshold_that_air_exceeds() -> None:
    with pytest.raises(ValueError, match="threshold must be > 0"):
        body_region(an_suv(GRID), threshold=0.0)
