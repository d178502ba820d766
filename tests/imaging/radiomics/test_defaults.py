import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.imaging.radiomics.defaults import (
    DEFAULTS,
    ImageSort,
    default_settings,
    normalized_signal,
)
from operandi.imaging.radiomics.settings import Dimension, FixedBinNumber, FixedBinSize
from operandi.quantities.errors import DataError


def test_every_sort_of_image_has_a_default_of_its_own() -> None:
    assert set(DEFAULTS) == set(ImageSort)
    assert all(len(settings.digest) == 64 for settings in DEFAULTS.values())


@pytest.mark.parametrize("sort", [sort for sort in ImageSort if sort is not ImageSort.MR_SIGNAL])
def test_values_with_a_unit_are_binned_by_a_fixed_size_from_a_stated_start(sort: ImageSort) -> None:
    settings = DEFAULTS[sort]

    assert isinstance(settings.discretization, FixedBinSize)
    assert settings.lower is not None
    assert not settings.discretization.from_minimum


def test_arbitrary_signal_is_binned_by_a_fixed_number() -> None:
    settings = DEFAULTS[ImageSort.MR_SIGNAL]

    assert settings.discretization == FixedBinNumber(bins=32)
    assert settings.lower is None


def test_the_defaults_that_the_decision_record_states() -> None:
    widths = {
        sort: settings.discretization.width
        for sort, settings in DEFAULTS.items()
        if isinstance(settings.discretization, FixedBinSize)
    }

    assert widths == {
        ImageSort.PET_SUV: 0.5,
        ImageSort.CT: 25.0,
        ImageSort.DIFFUSION: 50.0,
        ImageSort.TRANSFER_CONSTANT: 0.02,
        ImageSort.RATE_CONSTANT: 0.05,
        ImageSort.VOLUME_FRACTION: 0.02,
        ImageSort.STIFFNESS: 0.25,
    }


def test_thick_slices_stay_slices() -> None:
    cubes = default_settings(ImageSort.DIFFUSION, spacing_mm=(2.0, 2.0, 5.0))
    slices = default_settings(ImageSort.DIFFUSION, spacing_mm=(1.5, 1.5, 6.0))

    assert cubes is DEFAULTS[ImageSort.DIFFUSION]
    assert slices.dimension is Dimension.MERGED
    assert slices.spacing_mm == (2.0, 2.0, 6.0)
    assert slices.digest != cubes.digest


@given(gain=st.floats(0.01, 1000.0), offset=st.floats(-100.0, 100.0))
def test_normalized_signal_knows_no_gain(gain: float, offset: float) -> None:
    signal = np.random.default_rng(1).normal(50.0, 10.0, (8, 8, 8))
    reference = np.zeros(signal.shape, dtype=np.bool_)
    reference[:4] = True

    plain = normalized_signal(signal, reference)

    np.testing.assert_allclose(
        normalized_signal(gain * signal + offset, reference), plain, rtol=1e-5, atol=1e-6
    )
    assert float(np.median(plain[reference])) == pytest.approx(0.0, abs=1e-12)
    assert float(plain[reference].std()) == pytest.approx(1.0, abs=0.15)


def test_refuses_a_reference_that_says_nothing() -> None:
    signal = np.ones((8, 8, 8))
    with pytest.raises(DataError, match="100 voxels"):
        normalized_signal(signal, np.zeros(signal.shape, dtype=np.bool_))
    with pytest.raises(DataError, match="values that differ"):
        normalized_signal(signal, np.ones(signal.shape, dtype=np.bool_))
    with pytest.raises(DataError, match="above 0 mm"):
        default_settings(ImageSort.CT, spacing_mm=(0.0, 1.0, 1.0))
