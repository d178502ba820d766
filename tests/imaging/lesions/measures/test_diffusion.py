"""ADC in a lesion that was drawn on another grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.diffusion import lesion_on_adc, measure_adc
from operandi.imaging.resample import resample_mask
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import (
    ADC_MEAN,
    ADC_MEDIAN,
    ADC_MINIMUM,
    ADC_PERCENTILE_10,
    ADC_PERCENTILE_90,
    APPARENT_DIFFUSION_COEFFICIENT,
    MR_SIGNAL,
    SHARE_ON_ADC,
)
from tests.imaging.lesions.measures.builders import ORIGIN, of_kind
from tests.imaging.lesions.phantoms import a_ball, a_lesion, a_pet_grid, positions

PET = a_pet_grid((24, 24, 24))
FINE = a_pet_grid((40, 40, 16), spacing_mm=(1.5, 1.5, 5.0), turned_deg=10.0)


def _adc(grid: Grid, values: object = 1000.0) -> Volume:
    return Volume(
        np.array(np.broadcast_to(np.asarray(values), grid.shape), np.float64),
        grid,
        APPARENT_DIFFUSION_COEFFICIENT,
    )


def _shifted(x: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    matrix = np.eye(4)
    matrix[0, 3] = x
    return matrix


def test_a_uniform_lesion_has_its_value_everywhere() -> None:
    ball = a_ball(PET, at_mm=(2.0, -3.0, 1.0), radius_mm=14.0)
    inside = np.linalg.norm(positions(FINE) - [2.0, -3.0, 1.0], axis=-1) < 22.0

    found = lesion_on_adc(_adc(FINE, np.where(inside, 900.0, 2000.0)), a_lesion(ball))

    measured = measure_adc(found, origin=ORIGIN)
    assert found.share == 1.0
    assert found.mask.volume_ml == pytest.approx(ball.volume_ml, rel=0.05)
    for kind in (ADC_MEAN, ADC_MINIMUM, ADC_PERCENTILE_10, ADC_MEDIAN, ADC_PERCENTILE_90):
        assert of_kind(measured, kind).value == 900.0
    assert len({one.id for one in measured}) == len(measured) == 8


def test_percentiles_of_a_ramp() -> None:
    """ADC = 1000 + 10 x in a ball about 0: mean and median 1000; by symmetry 10 and 90 % mirror."""
    grid = a_pet_grid((41, 41, 41), spacing_mm=(2.0, 2.0, 2.0))
    ball = a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=16.0)

    found = measure_adc(
        lesion_on_adc(_adc(grid, 1000.0 + 10.0 * positions(grid)[..., 0]), a_lesion(ball)),
        origin=ORIGIN,
    )

    assert of_kind(found, ADC_MEAN).value == pytest.approx(1000.0)
    assert of_kind(found, ADC_MINIMUM).value == pytest.approx(840.0)
    low, high = of_kind(found, ADC_PERCENTILE_10).value, of_kind(found, ADC_PERCENTILE_90).value
    assert low is not None
    assert high is not None
    assert low + high == pytest.approx(2000.0)
    # Of a ball the share beyond x is (1 - u)^2 (2 + u) / 4: 10 % beyond u = 0.608.
    assert high == pytest.approx(1000.0 + 10.0 * 0.608 * 16.0, abs=10.0 * 2.0)


@given(
    x=st.floats(-20, 20), y=st.floats(-20, 20), z=st.floats(-20, 20), radius=st.floats(3.0, 20.0)
)
@settings(max_examples=25, deadline=None)
def test_the_crop_changes_nothing(x: float, y: float, z: float, radius: float) -> None:
    """Only the neighborhood is resampled; the whole volumes give the same voxels."""
    ball = a_ball(PET, at_mm=(x, y, z), radius_mm=radius)
    if not ball.inside.any():
        return
    for transform in (None, _shifted(7.3)):
        found = lesion_on_adc(_adc(FINE), a_lesion(ball), transform=transform)
        whole = resample_mask(ball, FINE, transform=transform)
        np.testing.assert_array_equal(found.mask.inside, whole.inside)


def test_the_transform_leads_from_the_map_to_the_lesion() -> None:
    """A lesion at x = 20 on the PET lies at x = 10 on a map whose positions are 10 mm less."""
    ball = a_ball(PET, at_mm=(20.0, 0.0, 0.0), radius_mm=10.0)
    found = lesion_on_adc(_adc(PET), a_lesion(ball), transform=_shifted(10.0))

    center = positions(PET)[found.mask.inside].mean(axis=0)
    assert center == pytest.approx([10.0, 0.0, 0.0], abs=2.0)
    assert found.share == 1.0


def test_zeros_of_the_vendor_are_not_measured_and_reported() -> None:
    ball = a_ball(PET, at_mm=(0.0, 0.0, 0.0), radius_mm=16.0)
    values = np.full(PET.shape, 1000.0)
    values[ball.inside & (positions(PET)[..., 0] > 6.0)] = 0.0

    found = lesion_on_adc(_adc(PET, values), a_lesion(ball))
    measured = measure_adc(found, origin=ORIGIN)

    assert found.unmeasured > 0
    assert found.share == pytest.approx(1.0 - found.unmeasured / np.count_nonzero(ball.inside))
    assert of_kind(measured, ADC_MINIMUM).value == 1000.0
    assert f"{found.unmeasured} without a value" in of_kind(measured, ADC_MEAN).uncertainty.basis


def test_a_lesion_that_lies_mostly_off_the_map_has_a_share_and_no_value() -> None:
    small = a_pet_grid((10, 24, 24))
    ball = a_ball(PET, at_mm=(24.0, 0.0, 0.0), radius_mm=14.0)

    measured = measure_adc(lesion_on_adc(_adc(small), a_lesion(ball)), origin=ORIGIN)

    share = of_kind(measured, SHARE_ON_ADC).value
    assert share is not None
    assert 0 < share < 0.5
    assert "of the lesion lies on measured voxels" in of_kind(measured, ADC_MEAN).absent


def test_a_lesion_wholly_off_the_map_has_a_share_of_zero() -> None:
    far = a_ball(PET, at_mm=(40.0, 0.0, 0.0), radius_mm=5.0)

    found = lesion_on_adc(_adc(a_pet_grid((4, 4, 4))), a_lesion(far))

    assert (found.share, found.values.size, found.unmeasured) == (0.0, 0, 0)
    assert of_kind(measure_adc(found, origin=ORIGIN), ADC_MEAN).absent.startswith("only 0%")


def test_a_lesion_between_the_maps_voxels_has_no_value() -> None:
    coarse = a_pet_grid((6, 6, 6), spacing_mm=(16.0, 16.0, 16.0))
    ball = a_ball(PET, at_mm=(0.0, 0.0, 0.0), radius_mm=4.0)

    found = measure_adc(lesion_on_adc(_adc(coarse), a_lesion(ball)), origin=ORIGIN)

    assert of_kind(found, SHARE_ON_ADC).value == 1.0
    assert "smaller than a voxel" in of_kind(found, ADC_MEAN).absent


def test_refuses_other_kinds_empty_lesions_and_other_frames_of_reference() -> None:
    ball = a_lesion(a_ball(PET, at_mm=(0.0, 0.0, 0.0), radius_mm=8.0))
    with pytest.raises(DataError, match="got MR_SIGNAL"):
        lesion_on_adc(Volume(np.ones(PET.shape), PET, MR_SIGNAL), ball)
    with pytest.raises(DataError, match="holds no voxel"):
        lesion_on_adc(_adc(PET), a_lesion(Mask(np.zeros(PET.shape, np.bool_), PET)))
    with pytest.raises(GridMismatchError, match="different frames of reference"):
        lesion_on_adc(_adc(Grid(PET.shape, PET.affine, "9.9")), ball)
