"""What every filter must do: shift with the image, add up, stay in its box, refuse bad input."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.imaging.radiomics.filters.apply import (
    Filter,
    filter_digest,
    filtered_regions,
    reach_voxels,
    response,
    response_near,
    responses,
)
from operandi.imaging.radiomics.filters.boundary import Boundary
from operandi.imaging.radiomics.filters.extent import Extent
from operandi.imaging.radiomics.filters.gabor import GaborFilter, Planes
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import LaplacianOfGaussianFilter
from operandi.imaging.radiomics.filters.laws import LawsFilter
from operandi.imaging.radiomics.filters.mean import MeanFilter
from operandi.imaging.radiomics.filters.nonseparable_wavelets import (
    NonseparableFamily,
    NonseparableWaveletFilter,
)
from operandi.imaging.radiomics.filters.pooling import Pooling
from operandi.imaging.radiomics.filters.riesz import RieszFilter
from operandi.imaging.radiomics.filters.wavelets import WaveletFilter
from operandi.imaging.radiomics.region import Region
from operandi.quantities.errors import DataError

UNIT_MM = (1.0, 1.0, 1.0)
VOLUME, PERIODIC = Extent.VOLUME, Boundary.PERIODIC

MEAN = MeanFilter(extent=VOLUME, support=5, boundary=PERIODIC)
LOG = LaplacianOfGaussianFilter(extent=VOLUME, sigma_mm=1.2, boundary=PERIODIC)
LAWS = LawsFilter(
    extent=VOLUME, kernel="E5L5S3", boundary=PERIODIC, pooling=None, energy_distance=None
)
GABOR = GaborFilter(
    planes=Planes.ORTHOGONAL,
    sigma_mm=1.0,
    wavelength_mm=3.0,
    ellipticity=0.8,
    orientation_degrees=0.0,
    step_degrees=45.0,
    pooling=Pooling.MEAN,
    boundary=PERIODIC,
)
WAVELET = WaveletFilter(
    extent=VOLUME, family="db2", band="LHL", boundary=PERIODIC, level=2, pooling=None
)
SIMONCELLI = NonseparableWaveletFilter(
    extent=VOLUME, family=NonseparableFamily.SIMONCELLI, level=1, boundary=PERIODIC
)
RIESZ = RieszFilter(of=SIMONCELLI, orders=(1, 1, 0), steering_sigma_mm=None)
STEERED = RieszFilter(of=LOG, orders=(2, 0, 0), steering_sigma_mm=1.0)

LINEAR: Sequence[Filter] = [
    MEAN,
    LOG,
    LAWS,
    WAVELET,
    replace(WAVELET, pooling=Pooling.MEAN),
    SIMONCELLI,
    replace(SIMONCELLI, family=NonseparableFamily.SHANNON),
    RIESZ,
    replace(RIESZ, of=LOG),
]
POOLED: Sequence[Filter] = [
    GABOR,
    replace(GABOR, pooling=Pooling.MAX),
    replace(LAWS, pooling=Pooling.MAX),
    replace(LAWS, pooling=Pooling.MAX, energy_distance=2),
    replace(WAVELET, pooling=Pooling.MEAN),
    replace(WAVELET, pooling=Pooling.MAX),
]
EVERY: Sequence[Filter] = [*LINEAR, *POOLED, STEERED]
FINITE = [
    each
    for each in EVERY
    if not isinstance(each, RieszFilter | NonseparableWaveletFilter | GaborFilter)
]


def named(value: object) -> str:
    return type(value).__name__


def an_image(seed: int = 0, shape: tuple[int, int, int] = (12, 11, 13)) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(10.0, 5.0, shape)


def at_edge(settings: Filter, boundary: Boundary) -> Filter:
    if isinstance(settings, RieszFilter):
        return replace(settings, of=replace(settings.of, boundary=boundary))
    return replace(settings, boundary=boundary)


def in_slices(settings: Filter) -> Filter:
    match settings:
        case GaborFilter():
            return replace(settings, planes=Planes.SLICES)
        case RieszFilter():
            of = replace(settings.of, extent=Extent.SLICES)
            return replace(settings, of=of, orders=settings.orders[:2])
        case LawsFilter():
            return replace(settings, extent=Extent.SLICES, kernel=settings.kernel[:4])
        case WaveletFilter():
            return replace(settings, extent=Extent.SLICES, band=settings.band[:2])
        case _:
            return replace(settings, extent=Extent.SLICES)


@pytest.mark.parametrize("settings", EVERY, ids=named)
def test_a_shifted_periodic_image_has_the_shifted_response(settings: Filter) -> None:
    image = an_image()

    shifted = response(np.roll(image, (3, -2, 5), (0, 1, 2)), UNIT_MM, settings)

    expected = np.roll(response(image, UNIT_MM, settings), (3, -2, 5), (0, 1, 2))
    np.testing.assert_allclose(shifted, expected, atol=1e-9)


@pytest.mark.parametrize("boundary", Boundary)
@pytest.mark.parametrize("settings", LINEAR, ids=named)
def test_responses_to_a_sum_of_images_add_up(settings: Filter, boundary: Boundary) -> None:
    settings = at_edge(settings, boundary)
    one, other = an_image(1), an_image(2)

    together = response(2.0 * one - 3.0 * other, UNIT_MM, settings)

    apart = 2.0 * response(one, UNIT_MM, settings) - 3.0 * response(other, UNIT_MM, settings)
    np.testing.assert_allclose(together, apart, atol=1e-10)


@pytest.mark.parametrize("settings", [*POOLED, LOG, MEAN], ids=named)
@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (0, 2)])
@pytest.mark.parametrize("boundary", [Boundary.MIRROR, Boundary.ZERO])
def test_a_pooled_response_turns_by_right_angles_with_the_image(
    settings: Filter, axes: tuple[int, int], boundary: Boundary
) -> None:
    settings = at_edge(settings, boundary)
    image = an_image()

    turned = response(np.rot90(image, axes=axes), UNIT_MM, settings)

    expected = np.rot90(response(image, UNIT_MM, settings), axes=axes)
    np.testing.assert_allclose(turned, expected, atol=1e-9)


@pytest.mark.parametrize("boundary", Boundary)
@pytest.mark.parametrize("settings", EVERY, ids=named)
def test_slices_are_filtered_apart_in_two_dimensions(settings: Filter, boundary: Boundary) -> None:
    settings = at_edge(in_slices(settings), boundary)
    image = an_image()
    thick_mm = (1.0, 1.0, 4.0)

    whole = response(image, thick_mm, settings)

    alone = response(image[:, :, 4:5], thick_mm, settings)
    np.testing.assert_allclose(whole[:, :, 4:5], alone, atol=1e-9)


@given(data=st.data(), boundary=st.sampled_from(Boundary), settings=st.sampled_from(FINITE))
def test_a_response_in_a_box_is_that_of_the_whole_image_to_the_last_bit(
    data: st.DataObject, boundary: Boundary, settings: Filter
) -> None:
    image = an_image(shape=(9, 7, 8))
    bounds = [
        sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True)))
        for n in image.shape
    ]
    box = ((bounds[0][0], bounds[0][1]), (bounds[1][0], bounds[1][1]), (bounds[2][0], bounds[2][1]))
    cut = tuple(slice(first, last) for first, last in box)
    settings = at_edge(settings, boundary)

    near = response(image, UNIT_MM, settings, box=box)

    np.testing.assert_array_equal(near, response(image, UNIT_MM, settings)[cut])


@pytest.mark.parametrize("boundary", Boundary)
@pytest.mark.parametrize("settings", [GABOR, SIMONCELLI, RIESZ, STEERED], ids=named)
def test_a_response_near_a_lesion_is_that_of_the_whole_image(
    settings: Filter, boundary: Boundary
) -> None:
    settings = at_edge(settings, boundary)
    image = an_image()
    mask = np.zeros(image.shape, dtype=bool)
    mask[3:7, 4:6, 0:9] = True

    near, box = response_near(image, UNIT_MM, settings, mask=mask)

    assert box == ((3, 7), (4, 6), (0, 9))
    whole = response(image, UNIT_MM, settings)
    np.testing.assert_allclose(near, whole[3:7, 4:6, 0:9], rtol=0, atol=1e-9)


@pytest.mark.parametrize("settings", [each for each in EVERY if each is not STEERED], ids=named)
def test_an_image_cropped_to_the_reach_has_the_same_response(settings: Filter) -> None:
    settings = at_edge(settings, Boundary.MIRROR)
    reach = reach_voxels(settings, spacing_mm=UNIT_MM)
    if reach is None:
        assert isinstance(settings, RieszFilter | NonseparableWaveletFilter)
        return
    image = an_image(shape=(40, 40, 40))
    cropped = image[tuple(slice(19 - r, 21 + r) for r in reach)]
    box = tuple((r, r + 2) for r in reach)

    near = response(cropped, UNIT_MM, settings, box=(box[0], box[1], box[2]))

    far = response(image, UNIT_MM, settings, box=((19, 21), (19, 21), (19, 21)))
    np.testing.assert_allclose(near, far, rtol=0, atol=1e-9)


def test_a_periodic_filter_reaches_everywhere_and_a_filter_of_slices_not_across_them() -> None:
    assert reach_voxels(MEAN, spacing_mm=UNIT_MM) is None
    slices = replace(MEAN, extent=Extent.SLICES, boundary=Boundary.ZERO)
    assert reach_voxels(slices, spacing_mm=(1.0, 1.0, 5.0)) == (2, 2, 0)


@pytest.mark.parametrize("boundary", Boundary)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_responses_computed_together_are_those_computed_alone(
    boundary: Boundary, level: int
) -> None:
    bands = ["LLL", "HLL", "LHL", "HHL", "LLH", "HLH", "LHH", "HHH"]
    filters: list[Filter] = [
        LOG,
        *(replace(WAVELET, band=band, level=level, boundary=boundary) for band in bands),
        MEAN,
        replace(WAVELET, family="coif1"),
        replace(WAVELET, pooling=Pooling.MEAN),
    ]
    image, box = an_image(), ((2, 9), (0, 4), (5, 13))

    together = responses(image, UNIT_MM, filters, box=box)

    for settings, found in zip(filters, together, strict=True):
        np.testing.assert_array_equal(found, response(image, UNIT_MM, settings, box=box))


@pytest.mark.parametrize("settings", EVERY, ids=named)
def test_the_image_is_left_as_it_was_and_may_be_of_any_layout_and_float(settings: Filter) -> None:
    image = np.asfortranarray(an_image().astype(np.float32))
    image.setflags(write=False)
    before = image.copy()

    found = response(image, UNIT_MM, settings)

    np.testing.assert_array_equal(image, before)
    assert found.dtype == np.float64
    assert not np.shares_memory(found, image)
    same = response(image.astype(np.float64), UNIT_MM, settings)
    np.testing.assert_allclose(found, same, rtol=0, atol=1e-12)


@pytest.mark.parametrize("settings", EVERY, ids=named)
def test_refuses_voxels_of_different_sizes_along_the_axes_filtered(settings: Filter) -> None:
    with pytest.raises(DataError, match=r"voxels of one size.*Interpolate to isotropic"):
        response(an_image(), (1.0, 1.0, 1.5), settings)
    with pytest.raises(DataError, match="voxels of one size"):
        response(an_image(), (1.0, 2.0, 1.0), in_slices(settings))
    with pytest.raises(DataError, match="> 0 mm"):
        response(an_image(), (0.0, 0.0, 0.0), settings)


@pytest.mark.parametrize("settings", EVERY, ids=named)
def test_refuses_values_that_are_not_finite_within_reach(settings: Filter) -> None:
    image = an_image()
    image[5, 5, 5] = np.nan

    with pytest.raises(DataError, match="finite"):
        response(image, UNIT_MM, settings)


def test_values_that_are_not_finite_out_of_reach_do_no_harm() -> None:
    image = an_image()
    image[0, 0, 0] = np.inf

    near = response(image, UNIT_MM, replace(MEAN, boundary=Boundary.MIRROR), box=((3, 5),) * 3)

    assert np.isfinite(near).all()


@pytest.mark.parametrize("box", [((0, 0),) * 3, ((0, 14),) * 3, ((-1, 3),) * 3])
def test_refuses_a_box_that_is_empty_or_leaves_the_image(
    box: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
) -> None:
    with pytest.raises(DataError, match="must lie in the image"):
        response(an_image(), UNIT_MM, MEAN, box=box)


def test_refuses_an_empty_mask_and_an_image_without_three_axes() -> None:
    image = an_image()
    with pytest.raises(DataError, match="the mask is empty"):
        response_near(image, UNIT_MM, MEAN, mask=np.zeros(image.shape, dtype=bool))
    with pytest.raises(DataError, match="three axes"):
        response(image[0], UNIT_MM, MEAN)
    with pytest.raises(DataError, match="three axes"):
        response(image[:0], UNIT_MM, MEAN)


def test_a_lesion_keeps_its_masks_when_its_image_is_filtered() -> None:
    """A region with the margin that the filter reaches has the response of the whole image."""
    image = an_image(shape=(30, 30, 30))
    mask = np.zeros(image.shape, dtype=bool)
    mask[12:16, 13:18, 10:19] = True
    log = replace(LOG, boundary=Boundary.NEAREST)
    reach = reach_voxels(log, spacing_mm=UNIT_MM)
    assert reach == (5, 5, 5)
    near = np.s_[7:21, 8:23, 5:24]
    intensity = mask & (image > 8.0)
    region = Region(image[near].copy(), mask[near], intensity[near], UNIT_MM)

    edges, same = filtered_regions(region, [log, replace(MEAN, support=1)])

    lesion = np.s_[12:16, 13:18, 10:19]
    np.testing.assert_array_equal(edges.values, response(image, UNIT_MM, log)[lesion])
    np.testing.assert_array_equal(same.values, image[lesion])
    for each in (edges, same):
        np.testing.assert_array_equal(each.morphology, mask[lesion])
        np.testing.assert_array_equal(each.intensity, intensity[lesion])


def test_a_filter_of_other_settings_has_another_digest() -> None:
    digests = {filter_digest(at_edge(each, edge)) for each in EVERY for edge in Boundary}

    assert len(digests) == len(EVERY) * len(Boundary) - len(Boundary)
    assert filter_digest(MEAN) == filter_digest(replace(MEAN))
