import csv
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import ABSORBED_DOSE, PARAMETRIC
from operandi.therapy.regions import JOULE_PER_MEV
from operandi.therapy.voxel_dose import (
    TimeIntegratedActivityMap,
    VoxelKernel,
    kernel_of,
    kernel_of_octant,
    local_deposition_map,
    statistics_in,
    time_integrated_activity_map,
    voxel_dose,
    voxel_dose_by_dose_rates,
)
from tests.shared_data import published
from tests.therapy.dose_builders import a_density, a_grid, a_scan, lu177_emissions

Array = npt.NDArray[np.floating]
RATE = math.log(2) / 574300.8


def a_kernel(reach: int = 2, *, spacing_mm: float = 4.0, seed: int = 1) -> VoxelKernel:
    """Not symmetric, so that a mirrored convolution shows."""
    values = np.random.default_rng(seed).uniform(0, 1e-13, (2 * reach + 1, 2 * reach + 1, 3))
    values[reach, reach, 1] = 2e-11
    return VoxelKernel(values, (spacing_mm,) * 3, 1.04, 0.183)


def decays(seed: int = 0, shape: tuple[int, int, int] = (9, 8, 7)) -> Array:
    return np.random.default_rng(seed).uniform(0, 1e9, shape)


def dose_of(bq_s: Array, kernel: VoxelKernel | None = None) -> Array:
    grid = a_grid(bq_s.shape)
    activity = TimeIntegratedActivityMap(bq_s, grid)
    return voxel_dose(activity, kernel or a_kernel(), density=None).dose.values


def linear_integral(
    values: Array, *, times_s: npt.NDArray[np.float64], physical_rate_per_s: float
) -> Array:
    """Trapezoids from zero, then physical decay: linear in the values."""
    times = np.concatenate([[0.0], times_s])
    courses = np.concatenate([np.zeros_like(values[:1]), values])
    integral: Array = np.trapezoid(courses, times, axis=0) + values[-1] / physical_rate_per_s
    return integral


def test_convolution_is_that_of_the_definition() -> None:
    """D(x) = sum over y of A(y) S(x - y), written as loops."""
    activity, kernel = decays(shape=(5, 4, 3)), a_kernel()
    expected = np.zeros(activity.shape)
    middle = np.array(kernel.gy_per_bq_s.shape) // 2
    for x in np.ndindex(*activity.shape):
        for y in np.ndindex(*activity.shape):
            at = np.subtract(x, y) + middle
            if (at >= 0).all() and (at < kernel.gy_per_bq_s.shape).all():
                expected[x] += activity[y] * kernel.gy_per_bq_s[tuple(at)]

    np.testing.assert_allclose(dose_of(activity, kernel), expected, rtol=1e-10)


def test_it_agrees_with_direct_convolution_in_float64_and_nearly_in_float32() -> None:
    activity, kernel = decays(shape=(20, 18, 16)), a_kernel(3)
    direct = scipy.signal.convolve(activity, kernel.gy_per_bq_s, mode="same", method="direct")

    np.testing.assert_allclose(dose_of(activity, kernel), direct, rtol=1e-10)
    single = dose_of(activity.astype(np.float32), kernel)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, direct, rtol=1e-5)


def test_energy_absorbed_is_that_of_the_kernel_for_every_decay() -> None:
    """Sum of dose x mass against decays x the kernel's own sum, 1e-6."""
    activity = np.zeros((15, 15, 15))
    activity[4:11, 4:11, 4:11] = decays(shape=(7, 7, 7))
    kernel = a_kernel()
    result = voxel_dose(
        TimeIntegratedActivityMap(activity, a_grid((15, 15, 15))), kernel, density=None
    )

    joule = float(result.dose.values.sum()) * kernel.voxel_mass_g / 1000
    emitted = activity.sum() * kernel.absorbed_mev_per_decay * JOULE_PER_MEV
    assert joule == pytest.approx(emitted, rel=1e-6)
    assert result.outside_fraction == pytest.approx(0.0, abs=1e-12)


def test_nothing_wraps_around() -> None:
    activity = np.zeros((9, 8, 7))
    activity[0, 0, 0] = 1e12
    dose = dose_of(activity)
    assert dose[0, 0, 0] > 1
    np.testing.assert_allclose(dose[5:, :, :], 0.0, atol=1e-12)
    np.testing.assert_allclose(dose[:, :, 4:], 0.0, atol=1e-12)


def test_what_falls_outside_the_grid_is_told() -> None:
    """By hand: an even kernel of 3 x 3 x 3 at a corner keeps 8 of 27 parts."""
    activity = np.zeros((5, 5, 5))
    activity[0, 0, 0] = 1e9
    kernel = VoxelKernel(np.full((3, 3, 3), 1e-12), (4.0, 4.0, 4.0), 1.0, 1.0)
    result = voxel_dose(
        TimeIntegratedActivityMap(activity, a_grid((5, 5, 5))), kernel, density=None
    )
    assert result.outside_fraction == pytest.approx(19 / 27)


@settings(max_examples=20)
@given(st.integers(0, 4), st.integers(0, 3), st.integers(0, 2))
def test_a_shifted_activity_gives_a_shifted_dose(i: int, j: int, k: int) -> None:
    activity = np.zeros((14, 13, 12))
    activity[3:6, 3:6, 3:6] = decays(shape=(3, 3, 3))
    shifted = np.roll(activity, (i, j, k), axis=(0, 1, 2))
    expected = np.roll(dose_of(activity), (i, j, k), axis=(0, 1, 2))
    np.testing.assert_allclose(dose_of(shifted), expected, rtol=1e-9, atol=1e-15)


@settings(max_examples=20)
@given(st.floats(0, 10), st.floats(0, 10), st.integers(0, 1000))
def test_dose_is_linear_in_activity(a: float, b: float, seed: int) -> None:
    first, second = decays(seed), decays(seed + 1)
    mixed = dose_of(a * first + b * second)
    np.testing.assert_allclose(
        mixed, a * dose_of(first) + b * dose_of(second), rtol=1e-9, atol=1e-12
    )


def test_even_activity_gives_the_sum_of_the_kernel_inside() -> None:
    kernel = a_kernel()
    dose = dose_of(np.full((11, 11, 11), 1e9), kernel)
    assert dose[5, 5, 5] == pytest.approx(1e9 * kernel.gy_per_bq_s.sum())


def test_a_density_map_scales_the_dose_and_keeps_the_energy() -> None:
    grid = a_grid()
    activity = TimeIntegratedActivityMap(decays(), grid)
    kernel = a_kernel()
    rho = np.random.default_rng(3).uniform(0.3, 1.9, grid.shape)

    even = voxel_dose(activity, kernel, density=None)
    scaled = voxel_dose(activity, kernel, density=a_density(rho, grid))

    np.testing.assert_allclose(scaled.dose.values, even.dose.values * 1.04 / rho)
    assert (scaled.dose.values * rho).sum() == pytest.approx((even.dose.values * 1.04).sum())
    assert "density map" in scaled.method
    assert "1.04 g/cm3 everywhere" in even.method


def test_dose_rates_integrated_are_the_dose_of_the_integral_where_the_fit_is_linear() -> None:
    grid = a_grid(frame_of_reference="1.2.3")
    scans = [a_scan(decays(seed) / 1e5, grid) for seed in (0, 1, 2)]
    times = [1e4, 9e4, 3e5]
    activity = time_integrated_activity_map(
        scans, times_s=times, physical_rate_per_s=RATE, integrate=linear_integral
    )

    by_activity = voxel_dose(activity, a_kernel(), density=None)
    by_rate = voxel_dose_by_dose_rates(
        scans,
        a_kernel(),
        times_s=times,
        physical_rate_per_s=RATE,
        integrate=linear_integral,
        density=None,
    )

    np.testing.assert_allclose(by_rate.dose.values, by_activity.dose.values, rtol=1e-9)


def test_decays_of_a_voxel_are_concentration_times_volume_times_time() -> None:
    """By hand: 1000 Bq/mL in 0.064 mL; triangle to 1e5 s, then 1/RATE."""
    grid = a_grid()
    values = np.zeros(grid.shape)
    values[2, 2, 2] = 1000.0
    activity = time_integrated_activity_map(
        [a_scan(values, grid)], times_s=[1e5], physical_rate_per_s=RATE, integrate=linear_integral
    )
    assert activity.bq_s[2, 2, 2] == pytest.approx(64.0 * (0.5e5 + 1 / RATE))
    assert activity.bq_s.sum() == activity.bq_s[2, 2, 2]


def test_refuses_scans_in_different_frames_of_reference() -> None:
    scans = [a_scan(decays(), a_grid(frame_of_reference=frame)) for frame in ("1.2.3.1", "1.2.3.2")]
    with pytest.raises(GridMismatchError, match="Scans 1 and 2"):
        time_integrated_activity_map(
            scans, times_s=[1.0, 2.0], physical_rate_per_s=RATE, integrate=linear_integral
        )


def test_refuses_negative_activity() -> None:
    values = decays()
    values[0, 0, 0] = -1.0
    with pytest.raises(DataError, match="Scan 1 has voxels of negative"):
        time_integrated_activity_map(
            [a_scan(values, a_grid())],
            times_s=[1.0],
            physical_rate_per_s=RATE,
            integrate=linear_integral,
        )


@pytest.mark.parametrize(
    ("times", "match"), [([1.0], "one time for each"), ([2.0, 1.0], "must ascend")]
)
def test_refuses_times_that_do_not_fit(times: list[float], match: str) -> None:
    scans = [a_scan(decays(), a_grid()) for _ in range(2)]
    with pytest.raises(DataError, match=match):
        time_integrated_activity_map(
            scans, times_s=times, physical_rate_per_s=RATE, integrate=linear_integral
        )


def test_refuses_a_kernel_of_another_voxel_size() -> None:
    with pytest.raises(GridMismatchError, match=r"voxel S values are for"):
        dose_of(decays(), a_kernel(spacing_mm=4.42))


def test_refuses_a_sheared_grid() -> None:
    grid = a_grid()
    affine = grid.affine.copy()
    affine[0, 1], affine[1, 1] = 2.0, math.sqrt(12.0)
    sheared = type(grid)(grid.shape, affine)
    with pytest.raises(GridMismatchError, match="sheared"):
        voxel_dose(TimeIntegratedActivityMap(decays(), sheared), a_kernel(), density=None)


@pytest.mark.parametrize(
    ("volume", "match"),
    [
        (lambda grid: a_density(np.zeros(grid.shape), grid), "not > 0"),
        (lambda grid: Volume(np.ones(grid.shape), grid, PARAMETRIC), "density in g/cm3"),
    ],
)
def test_refuses_a_density_map_that_is_none(volume: Callable[[object], Volume], match: str) -> None:
    grid = a_grid()
    with pytest.raises(DataError, match=match):
        voxel_dose(TimeIntegratedActivityMap(decays(), grid), a_kernel(), density=volume(grid))


def test_refuses_kernels_that_are_none() -> None:
    with pytest.raises(ValueError, match="odd lengths"):
        VoxelKernel(np.ones((3, 3, 4)), (4.0, 4.0, 4.0), 1.0, 1.0)
    with pytest.raises(DataError, match=">= 0"):
        VoxelKernel(np.full((3, 3, 3), -1.0), (4.0, 4.0, 4.0), 1.0, 1.0)
    with pytest.raises(DataError, match="density"):
        VoxelKernel(np.ones((3, 3, 3)), (4.0, 4.0, 4.0), 0.0, 1.0)


@pytest.mark.parametrize("edge_mm", ["2.21", "4.42"])
def test_a_published_lattice_loses_most_photons_and_keeps_the_electrons(edge_mm: str) -> None:
    """Lanconelli et al., 177Lu soft tissue 1.04 g/cm3: 139.9 to 141.7 keV in the lattice."""
    path = published(f"dosimetry/voxel_s_values/177Lu_{edge_mm}mm_soft.csv")
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    octant = np.zeros((6, 6, 6))
    for row in rows:
        octant[int(row["i"]), int(row["j"]), int(row["k"])] = float(row["S_mGy_per_MBq_s"]) * 1e-9
    kernel = kernel_of_octant(
        octant, voxel_mm=(float(edge_mm),) * 3, density_g_cm3=1.04, emitted_mev_per_decay=0.183
    )
    assert kernel.gy_per_bq_s.shape == (11, 11, 11)
    assert kernel.absorbed_mev_per_decay == pytest.approx(0.1408, abs=0.001)
    assert kernel.lost_energy_fraction == pytest.approx(1 - 0.1408 / 0.183, abs=0.006)


def test_computed_voxel_s_values_become_a_kernel_with_its_lost_energy() -> None:
    class Computed:
        total = np.full((3, 3, 3), 1e-13)
        voxel_mm = (4.0, 4.0, 4.0)
        density_g_cm3 = 1.0

    kernel = kernel_of(Computed(), emissions=lu177_emissions())
    assert kernel.emitted_mev_per_decay == pytest.approx(0.183)
    absorbed = 27e-13 * 0.064e-3 / JOULE_PER_MEV
    assert kernel.lost_energy_fraction == pytest.approx(1 - absorbed / 0.183)


def test_local_deposition_map_by_hand_and_its_lost_photons() -> None:
    """1e9 decays x 0.1479 MeV x 1.602e-13 J/MeV in 0.064 mL of 1.04 g/mL = 0.356 Gy."""
    grid = a_grid()
    activity = TimeIntegratedActivityMap(np.full(grid.shape, 1e9), grid)
    result = local_deposition_map(activity, emissions=lu177_emissions(), density=1.04)
    np.testing.assert_allclose(result.dose.values, 0.3560, rtol=1e-3)
    assert result.lost_energy_fraction == pytest.approx(0.0351 / 0.183)
    by_map = local_deposition_map(
        activity, emissions=lu177_emissions(), density=a_density(np.full(grid.shape, 1.04), grid)
    )
    np.testing.assert_allclose(by_map.dose.values, result.dose.values)
    with pytest.raises(DataError, match="Density must be > 0"):
        local_deposition_map(activity, emissions=lu177_emissions(), density=0.0)


def test_statistics_weigh_by_mass_where_a_density_is_given() -> None:
    """By hand: 1 and 3 Gy with masses 3:1 give 2 Gy by voxels and 1.5 by mass."""
    grid = a_grid((2, 1, 1))
    dose = Volume(np.array([1.0, 3.0]).reshape(2, 1, 1), grid, ABSORBED_DOSE)
    mask = Mask(np.ones((2, 1, 1), dtype=bool), grid)
    rho = a_density(np.array([1.5, 0.5]).reshape(2, 1, 1), grid)

    plain = statistics_in(dose, mask, density=None)
    weighed = statistics_in(dose, mask, density=rho)

    assert (plain.mean_gy, plain.mass_mean_gy) == (2.0, None)
    assert weighed.mass_mean_gy == pytest.approx(1.5)
    assert (plain.minimum_gy, plain.maximum_gy, plain.standard_deviation_gy) == (1.0, 3.0, 1.0)
    assert plain.volume_ml == pytest.approx(0.128)
    with pytest.raises(DataError, match="no voxel"):
        statistics_in(dose, Mask(np.zeros((2, 1, 1), dtype=bool), grid), density=None)


def test_refuses_activity_that_is_not_finite() -> None:
    with pytest.raises(DataError, match="not finite"):
        TimeIntegratedActivityMap(np.full((9, 8, 7), np.nan), a_grid())
