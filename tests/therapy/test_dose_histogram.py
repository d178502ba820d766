import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.therapy.dose_histogram import (
    DoseVolumeHistogram,
    Resolution,
    dose_volume_histogram,
    effective_dose_volume_histogram,
)

SHARP = Resolution(fwhm_mm=10.0, extent_mm=60.0, noise_gy=None)


def of(doses: list[float], resolution: Resolution = SHARP) -> DoseVolumeHistogram:
    return dose_volume_histogram(
        doses, np.ones(len(doses), bool), voxel_volume_ml=0.1, resolution=resolution
    )


def test_four_voxels_by_hand() -> None:
    histogram = of([4.0, 1.0, 3.0, 2.0])

    assert histogram.mean_gy == 2.5
    assert histogram.volume_ml == pytest.approx(0.4)
    assert histogram.share_with(at_least_gy=3.0) == 0.5
    assert histogram.share_with(at_least_gy=4.1) == 0.0
    assert histogram.dose_to_hottest_gy(0.5) == 3.0
    assert histogram.dose_to_hottest_gy(1.0) == 1.0
    assert histogram.dose_to_hottest_gy(0.02) == 4.0


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_a_histogram_falls_and_does_not_know_the_order_of_voxels(
    doses: list[float], seed: int
) -> None:
    histogram = of(doses)
    shuffled = [float(d) for d in np.random.default_rng(seed).permutation(doses)]

    assert (np.diff(histogram.share_at_least) < 0).all()
    assert histogram.share_with(at_least_gy=0.0) == 1.0
    np.testing.assert_array_equal(histogram.dose_gy, of(shuffled).dose_gy)
    shares = np.linspace(0.01, 1.0, 23)
    levels = [histogram.dose_to_hottest_gy(float(s)) for s in shares]
    assert levels == sorted(levels, reverse=True)
    # The mean is the area under the curve.
    edges = np.concatenate([[0.0], histogram.dose_gy])
    area = float((np.diff(edges) * histogram.share_at_least).sum())
    assert area == pytest.approx(histogram.mean_gy, abs=1e-9)


def test_noise_raises_the_mean_effective_dose_by_the_stated_bias() -> None:
    """20 Gy everywhere, noise 4 Gy, G 0.05, alpha/beta 2.6: 16 x 0.05 / 2.6 = 0.308 Gy."""
    rng = np.random.default_rng(11)
    dose = rng.normal(20.0, 4.0, 400_000)
    histogram = effective_dose_volume_histogram(
        dose,
        np.ones(dose.size, bool),
        g=0.05,
        alpha_beta_gy=2.6,
        voxel_volume_ml=0.1,
        resolution=Resolution(fwhm_mm=10.0, extent_mm=60.0, noise_gy=4.0),
    )
    truth = 20.0 * (1 + 0.05 * 20.0 / 2.6)

    assert histogram.bias is not None
    assert histogram.bias.mean_gy == pytest.approx(16 * 0.05 / 2.6)
    assert histogram.mean_gy - truth == pytest.approx(histogram.bias.mean_gy, abs=0.04)
    assert "not subtracted" in histogram.bias.words


def test_unknown_noise_is_a_bias_of_unknown_size() -> None:
    histogram = effective_dose_volume_histogram(
        [1.0, 2.0],
        [True, True],
        g=[0.05, 0.06],
        alpha_beta_gy=2.6,
        voxel_volume_ml=0.1,
        resolution=SHARP,
    )

    assert histogram.bias is not None
    assert histogram.bias.mean_gy is None
    assert "unknown amount" in histogram.bias.words


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=20), st.floats(0.01, 1.0))
def test_effective_doses_are_at_least_the_doses(doses: list[float], g: float) -> None:
    inside = np.ones(len(doses), bool)
    effective = effective_dose_volume_histogram(
        doses, inside, g=g, alpha_beta_gy=2.6, voxel_volume_ml=0.1, resolution=SHARP
    )

    assert (effective.dose_gy >= of(doses).dose_gy).all()


def test_a_region_of_two_resolution_widths_is_called_unresolved() -> None:
    blurred = Resolution(fwhm_mm=12.0, extent_mm=24.0, noise_gy=1.0)

    assert not blurred.resolved
    assert "Use the mean" in of([1.0], blurred).resolution.warning
    assert SHARP.resolved
    assert SHARP.warning


def test_voxels_outside_do_not_count() -> None:
    histogram = dose_volume_histogram(
        [[1.0, 9.0], [3.0, -1.0]],
        [[True, False], [True, False]],
        voxel_volume_ml=0.1,
        resolution=SHARP,
    )

    assert histogram.mean_gy == 2.0


def test_refuses_an_empty_region() -> None:
    with pytest.raises(DataError, match="at least one voxel"):
        dose_volume_histogram([1.0], [False], voxel_volume_ml=0.1, resolution=SHARP)


def test_refuses_a_negative_dose_in_the_region() -> None:
    with pytest.raises(DataError, match="finite doses >= 0"):
        of([1.0, -0.1])
