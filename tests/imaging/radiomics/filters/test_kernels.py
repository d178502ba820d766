"""Each filter's own kernel: its sums, norms and known responses, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from operandi.imaging.radiomics.filters.boundary import Boundary, Piece, whole_image, window
from operandi.imaging.radiomics.filters.convolution import centered, responses
from operandi.imaging.radiomics.filters.extent import Extent
from operandi.imaging.radiomics.filters.gabor import (
    GaborFilter,
    Planes,
    gabor_kernel,
    gabor_response,
)
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import (
    LaplacianOfGaussianFilter,
    laplacian_of_gaussian_response,
)
from operandi.imaging.radiomics.filters.laws import (
    LAWS_WEIGHTS,
    LawsFilter,
    laws_kernel,
    laws_response,
)
from operandi.imaging.radiomics.filters.mean import MeanFilter, mean_response
from operandi.imaging.radiomics.filters.nonseparable_wavelets import (
    NonseparableFamily,
    NonseparableWaveletFilter,
    nonseparable_wavelet_response,
    radial_transfer,
)
from operandi.imaging.radiomics.filters.pooling import Pooling, rotations
from operandi.imaging.radiomics.filters.riesz import RieszFilter, riesz_response
from operandi.imaging.radiomics.filters.wavelet_tables import LOW_PASS
from operandi.imaging.radiomics.filters.wavelets import (
    WaveletFilter,
    high_pass,
    low_pass,
    wavelet_bands,
    wavelet_response,
)
from operandi.quantities.errors import DataError

UNIT_MM = (1.0, 1.0, 1.0)
MEAN = MeanFilter(extent=Extent.VOLUME, support=3, boundary=Boundary.MIRROR)
LOG = LaplacianOfGaussianFilter(extent=Extent.VOLUME, sigma_mm=2.0, boundary=Boundary.MIRROR)
LAWS = LawsFilter(
    extent=Extent.VOLUME,
    kernel="L5L5L5",
    boundary=Boundary.MIRROR,
    pooling=None,
    energy_distance=None,
)
GABOR = GaborFilter(
    planes=Planes.SLICES,
    sigma_mm=4.0,
    wavelength_mm=5.0,
    ellipticity=1.0,
    orientation_degrees=0.0,
    step_degrees=None,
    pooling=Pooling.MEAN,
    boundary=Boundary.PERIODIC,
)
WAVELET = WaveletFilter(
    extent=Extent.VOLUME,
    family="db3",
    band="LLL",
    boundary=Boundary.MIRROR,
    level=1,
    pooling=None,
)
SIMONCELLI = NonseparableWaveletFilter(
    extent=Extent.VOLUME,
    family=NonseparableFamily.SIMONCELLI,
    level=1,
    boundary=Boundary.PERIODIC,
)

NUMPY_MODES = {
    Boundary.ZERO: "constant",
    Boundary.NEAREST: "edge",
    Boundary.PERIODIC: "wrap",
    Boundary.MIRROR: "symmetric",
}
SCIPY_MODES = {
    Boundary.ZERO: "constant",
    Boundary.NEAREST: "nearest",
    Boundary.PERIODIC: "wrap",
    Boundary.MIRROR: "reflect",
}


@given(
    boundary=st.sampled_from(Boundary),
    before=st.integers(0, 17),
    after=st.integers(0, 17),
    axis=st.integers(0, 2),
)
def test_an_image_continues_beyond_its_edge_as_numpy_pads_it(
    boundary: Boundary, before: int, after: int, axis: int
) -> None:
    image = np.arange(60.0).reshape(3, 4, 5)
    widths = [(0, 0)] * 3
    widths[axis] = (before, after)

    found = window(
        Piece(image, (0, 0, 0), (3, 4, 5)),
        ((0, 3), (0, 4), (0, 5)),
        (widths[0], widths[1], widths[2]),
        boundary,
    )

    np.testing.assert_array_equal(found, np.pad(image, widths, mode=NUMPY_MODES[boundary]))  # type: ignore[call-overload]


@pytest.mark.parametrize("boundary", Boundary)
def test_convolution_agrees_with_scipy_for_asymmetric_weights(boundary: Boundary) -> None:
    image = np.random.default_rng(0).normal(size=(7, 8, 9))
    settings = replace(WAVELET, family="db2", band="LHL", boundary=boundary)
    expected = image
    for axis, kernel in enumerate(settings.product):
        weights = np.zeros(2 * 3 + 1)
        weights[np.array(kernel.offsets) + 3] = kernel.weights
        expected = ndimage.convolve1d(expected, weights, axis=axis, mode=SCIPY_MODES[boundary])

    np.testing.assert_allclose(wavelet_response(image, UNIT_MM, settings), expected, atol=1e-12)


def test_a_kernel_of_even_length_has_its_later_middle_weight_at_the_voxel() -> None:
    kernel = centered([1.0, 2.0, 3.0, 4.0])

    assert dict(zip(kernel.offsets, kernel.weights, strict=True)) == {-2: 1, -1: 2, 0: 3, 1: 4}
    assert kernel.flipped.offsets == (-1, 0, 1, 2)
    assert kernel.spread(2).offsets == (-4, -2, 0, 2)


def test_writing_into_a_response_leaves_the_others_as_they_are() -> None:
    """A factor of one weight 1 is no pass: its response must not be the next one's source."""
    image = np.random.default_rng(2).normal(size=(4, 5, 6))
    flat, edge = centered([1.0]), centered([1.0, 0.0, -1.0])
    products = [(flat, flat, flat), (flat, flat, edge), (flat, edge, flat), (edge, flat, flat)]
    piece, box = whole_image(image), ((0, 4), (0, 5), (0, 6))
    alone = [next(responses(piece, box, [each], Boundary.MIRROR))[1] for each in products]

    for product, found in responses(piece, box, products, Boundary.MIRROR):
        np.testing.assert_array_equal(found, alone[products.index(product)])
        found[:] = np.nan


def test_a_slice_has_4_rotations_and_a_volume_24() -> None:
    assert len(set(rotations((0, 1)))) == 4
    assert len(set(rotations((0, 1, 2)))) == 24


def test_a_constant_image_has_its_own_mean_and_no_edges() -> None:
    constant = np.full((9, 9, 9), 7.0)

    np.testing.assert_allclose(mean_response(constant, UNIT_MM, MEAN), 7.0)
    for kernel in ("E5L5L5", "L3S3L3", "W5L5L5", "L5L5R5"):
        found = laws_response(constant, UNIT_MM, replace(LAWS, kernel=kernel))
        np.testing.assert_allclose(found, 0.0, atol=1e-12)
    found = nonseparable_wavelet_response(constant, UNIT_MM, SIMONCELLI)
    np.testing.assert_allclose(found, 0.0, atol=1e-12)
    for settings in (SIMONCELLI, LOG):
        riesz = RieszFilter(of=settings, orders=(1, 0, 0), steering_sigma_mm=None)
        found = riesz_response(constant, UNIT_MM, riesz)
        np.testing.assert_allclose(found, 0.0, atol=1e-3)


@pytest.mark.parametrize("sigma_mm", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("extent", Extent)
def test_a_constant_image_has_a_laplacian_below_three_thousandths(
    sigma_mm: float, extent: Extent
) -> None:
    """Not 0: the standard cuts the kernel off at 4 sigma and does not mend its sum."""
    settings = replace(LOG, sigma_mm=sigma_mm, extent=extent)

    found = laplacian_of_gaussian_response(np.full((6, 6, 6), 1.0), UNIT_MM, settings)

    assert np.abs(found).max() < 3e-3


def test_the_laplacian_of_a_parabola_is_its_curvature() -> None:
    """Smoothing leaves the second derivative of ``x^2 + y^2`` at 4."""
    at = np.arange(-25.0, 26.0)
    image = np.broadcast_to(at[:, None, None] ** 2 + at[None, :, None] ** 2, (51, 51, 5)).copy()
    slices = replace(LOG, extent=Extent.SLICES, truncate=8.0)

    found = laplacian_of_gaussian_response(image, UNIT_MM, slices, box=((25, 26), (25, 26), (2, 3)))

    np.testing.assert_allclose(found, 4.0, rtol=1e-6)


def test_laplacian_with_a_cut_off_where_its_curve_crosses_zero_is_aligned() -> None:
    """At 1 sigma = 2 voxels the outermost weight of the second derivative is 0."""
    image = np.random.default_rng(1).normal(size=(9, 9, 9))
    at = np.arange(-2.0, 3.0)
    gaussian = np.exp(-(at**2) / 8) / np.sqrt(8 * np.pi)
    bent = (at**2 / 16 - 0.25) * gaussian
    expected = np.zeros_like(image)
    for axis in range(3):
        part = image
        for other in range(3):
            weights = bent if other == axis else gaussian
            part = ndimage.convolve1d(part, weights, axis=other, mode="reflect")
        expected += part

    found = laplacian_of_gaussian_response(image, UNIT_MM, replace(LOG, truncate=1.0))

    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", LAWS_WEIGHTS)
def test_laws_kernels_have_norm_one(name: str) -> None:
    np.testing.assert_allclose(np.sum(np.square(laws_kernel(name).weights)), 1.0, rtol=1e-14)


@pytest.mark.parametrize("family", LOW_PASS)
def test_wavelet_filters_are_orthonormal_with_the_moments_published(family: str) -> None:
    """Daubechies: dbN has N vanishing moments and 2N weights; coifN has 2N, and 6N weights."""
    low = np.array(LOW_PASS[family])
    kernel = high_pass(family)
    high = np.zeros(low.size)
    high[np.array(kernel.offsets) + low.size // 2] = kernel.weights
    number = 1 if family == "haar" else int(family.removeprefix("db").removeprefix("coif"))
    vanishing = 2 * number if family.startswith("coif") else number
    within = 1e-14

    assert low.size == (6 if family.startswith("coif") else 2) * number
    np.testing.assert_allclose(low.sum(), np.sqrt(2.0), atol=within)
    for shift in range(0, low.size, 2):
        same = np.sum(low[shift:] * low[: low.size - shift])
        np.testing.assert_allclose(same, float(shift == 0), atol=within)
        cross = np.sum(low[shift:] * high[: low.size - shift])
        np.testing.assert_allclose(cross, 0.0, atol=within)
    at = np.arange(low.size) / low.size
    for moment in range(vanishing):
        np.testing.assert_allclose(np.sum(high * at**moment), 0.0, atol=within)
    assert low_pass(family).before == (low.size - 1) // 2


@given(family=st.sampled_from(sorted(LOW_PASS)))
def test_the_energy_of_a_periodic_image_is_that_of_its_bands(family: str) -> None:
    """An undecimated tight frame: eight bands hold 2^3 times the energy of the image."""
    image = np.random.default_rng(3).normal(size=(8, 6, 10))
    bands = [
        replace(WAVELET, family=family, band=a + b + c, boundary=Boundary.PERIODIC)
        for a in "LH"
        for b in "LH"
        for c in "LH"
    ]

    found = sum(float(np.sum(band**2)) for band in wavelet_bands(image, UNIT_MM, bands))

    np.testing.assert_allclose(found, 8.0 * np.sum(image**2), rtol=1e-12)


def test_refuses_bands_together_that_differ_in_more_than_the_band() -> None:
    image = np.ones((4, 4, 4))
    with pytest.raises(ValueError, match="band only"):
        wavelet_bands(image, UNIT_MM, [WAVELET, replace(WAVELET, level=2)])
    with pytest.raises(ValueError, match="do not pool"):
        wavelet_bands(image, UNIT_MM, [replace(WAVELET, pooling=Pooling.MAX)])


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, 200.0])
def test_a_gabor_filter_responds_most_to_waves_of_its_own_direction_and_length(
    degrees: float,
) -> None:
    """The response to a wave is the kernel's transform there, a Gaussian about its frequency."""
    i, j = np.mgrid[-40:41, -40:41] * 1.0
    angle = np.deg2rad(degrees)
    phase = 2 * np.pi * (i * np.cos(angle) + j * np.sin(angle)) / GABOR.wavelength_mm
    image = np.cos(phase)[:, :, None]
    turned = replace(GABOR, boundary=Boundary.ZERO, orientation_degrees=degrees)
    box = ((40, 41), (40, 41), (0, 1))

    along = gabor_response(image, UNIT_MM, turned, box=box).item()
    across = gabor_response(
        image, UNIT_MM, replace(turned, orientation_degrees=degrees + 90), box=box
    ).item()

    np.testing.assert_allclose(along, 0.5 * 2 * np.pi * GABOR.sigma_mm**2, rtol=1e-6)
    assert across < 1e-5 * along


def test_opposite_orientations_of_a_gabor_filter_are_computed_once() -> None:
    assert replace(GABOR, step_degrees=45.0).orientations_degrees == (0.0, 45.0, 90.0, 135.0)
    assert replace(GABOR, step_degrees=120.0).orientations_degrees == (0.0, 120.0, 240.0)
    kernel = gabor_kernel(GABOR, orientation_degrees=20.0, voxel_mm=1.0)
    opposite = gabor_kernel(GABOR, orientation_degrees=200.0, voxel_mm=1.0)
    np.testing.assert_allclose(kernel, opposite.conj(), atol=1e-12)


def test_simoncelli_bands_of_successive_levels_hold_all_of_a_frequency() -> None:
    frequency = np.linspace(1 / 16, 0.5, 1000)

    total = sum(
        radial_transfer(frequency, NonseparableFamily.SIMONCELLI, level=level) ** 2
        for level in range(1, 7)
    )

    np.testing.assert_allclose(total, 1.0, atol=1e-12)


def _mirrored_and_periodic(
    n: int, of: LaplacianOfGaussianFilter | NonseparableWaveletFilter, steering: float | None
) -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(5).normal(size=(n, n + 1, n - 1))
    twice = np.pad(image, [(0, size) for size in image.shape], mode="symmetric")
    orders = (0, 1, 2) if steering is None else (2, 0, 0)
    mirrored, periodic = (
        RieszFilter(of=replace(of, boundary=edge), orders=orders, steering_sigma_mm=steering)
        for edge in (Boundary.MIRROR, Boundary.PERIODIC)
    )
    here = tuple(slice(size) for size in image.shape)
    return riesz_response(image, UNIT_MM, mirrored), riesz_response(twice, UNIT_MM, periodic)[here]


@pytest.mark.parametrize("of", [LOG, SIMONCELLI], ids=["LoG", "Simoncelli"])
def test_a_mirrored_image_is_a_periodic_one_of_twice_the_size(
    of: LaplacianOfGaussianFilter | NonseparableWaveletFilter,
) -> None:
    mirrored, periodic = _mirrored_and_periodic(8, of, None)

    np.testing.assert_allclose(mirrored, periodic, atol=1e-12)


def test_a_structure_tensor_sees_derivatives_change_their_sign_in_a_mirror() -> None:
    """Nearly: where the standard samples an even number of frequencies, none lies at 0.

    Without the change of sign the difference is 1.2 % of the range (root of its mean square),
    with it 0.05 %.
    """
    mirrored, periodic = _mirrored_and_periodic(31, LOG, 1.5)

    difference = np.sqrt(np.mean((mirrored - periodic) ** 2))
    assert difference < 1e-3 * np.ptp(periodic)


def _wave(*steps: int, phase: float = 0.0) -> np.ndarray:
    """A plane wave with whole periods in 33 voxels: an odd number samples frequencies evenly."""
    at = np.meshgrid(*[np.arange(33)] * 3, indexing="ij")
    turns = sum(step * axis for step, axis in zip(steps, at, strict=True)) / 33
    return np.cos(2 * np.pi * turns + phase)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_riesz_transform_derives_a_wave_without_weighting_it(order: int) -> None:
    """``(-i)^L`` moves the phase back by a quarter turn each time: cosine, sine, minus cosine."""
    riesz = RieszFilter(of=SIMONCELLI, orders=(order, 0, 0), steering_sigma_mm=None)
    radial = nonseparable_wavelet_response(_wave(8, 0, 0), UNIT_MM, SIMONCELLI)

    found = riesz_response(_wave(8, 0, 0), UNIT_MM, riesz)

    # Half the Nyquist frequency is where the first band is 1.
    np.testing.assert_allclose(radial, _wave(8, 0, 0), atol=1e-10)
    np.testing.assert_allclose(found, _wave(8, 0, 0, phase=-order * np.pi / 2), atol=1e-10)


def test_riesz_components_of_one_order_hold_the_energy_of_the_radial_response() -> None:
    """``sum over l of L!/l! n^(2 l) = |n|^(2 L)``."""
    image = np.random.default_rng(7).normal(size=(9, 11, 7))
    components = [(2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1)]

    energy = sum(
        float(
            np.sum(
                riesz_response(
                    image,
                    UNIT_MM,
                    RieszFilter(of=SIMONCELLI, orders=orders, steering_sigma_mm=None),
                )
                ** 2
            )
        )
        for orders in components
    )

    radial = nonseparable_wavelet_response(image, UNIT_MM, SIMONCELLI)
    np.testing.assert_allclose(energy, np.sum(radial**2), rtol=1e-10)


@pytest.mark.parametrize("steps", [(6, 0, 0), (3, 4, 2), (-2, 3, 5)])
def test_a_steered_riesz_transform_follows_the_direction_of_a_wave(
    steps: tuple[int, int, int],
) -> None:
    """Along the wave all of the response, across it none, however the wave lies in the grid."""
    image = _wave(*steps)
    radial = nonseparable_wavelet_response(image, UNIT_MM, SIMONCELLI)

    def steered(*orders: int) -> np.ndarray:
        settings = RieszFilter(of=SIMONCELLI, orders=orders, steering_sigma_mm=4.0)
        return riesz_response(image, UNIT_MM, settings)

    np.testing.assert_allclose(steered(2, 0, 0), -radial, atol=1e-9)
    np.testing.assert_allclose(steered(0, 2, 0), 0.0, atol=1e-9)
    np.testing.assert_allclose(steered(1, 1, 0), 0.0, atol=1e-9)
    assert steered(1, 0, 0).min() > -1e-12


def test_refuses_settings_that_mean_no_filter() -> None:
    for settings, changes, needed in (
        (MEAN, {"support": 4}, "odd support"),
        (MEAN, {"support": -1}, "odd support"),
        (LOG, {"sigma_mm": 0.0}, "sigma > 0"),
        (LOG, {"truncate": -1.0}, "cut-off > 0"),
        (LAWS, {"kernel": "L5E5"}, "needs 3 of L5"),
        (LAWS, {"kernel": "L5E5X5"}, "needs 3 of L5"),
        (LAWS, {"kernel": "L5E5S"}, "needs 3 of L5"),
        (LAWS, {"energy_distance": -1}, "distance must be >= 0"),
        (GABOR, {"sigma_mm": 0.0}, "sigma > 0"),
        (GABOR, {"wavelength_mm": -2.0}, "wavelength > 0"),
        (GABOR, {"ellipticity": 0.0}, "ellipticity > 0"),
        (GABOR, {"step_degrees": 50.0}, "must divide 360"),
        (GABOR, {"step_degrees": 0.0}, "must divide 360"),
        (WAVELET, {"family": "sym4"}, "needs one of haar"),
        (WAVELET, {"band": "LH"}, "needs 3 of L and H"),
        (WAVELET, {"band": "LHX"}, "needs 3 of L and H"),
        (WAVELET, {"level": 0}, "level must be >= 1"),
        (SIMONCELLI, {"level": 0}, "level must be >= 1"),
    ):
        with pytest.raises(DataError, match=needed):
            replace(settings, **changes)
    for orders, sigma_mm, needed in (
        ((1, 0), None, "needs 3 orders"),
        ((0, 0, 0), None, "sum to >= 1"),
        ((2, -1, 0), None, "sum to >= 1"),
        ((1, 0, 0), 0.0, "sigma > 0"),
    ):
        with pytest.raises(DataError, match=needed):
            RieszFilter(of=SIMONCELLI, orders=orders, steering_sigma_mm=sigma_mm)
