from typing import Any

import numpy as np
import pytest

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.imaging.radiomics.interpolation import interpolate, positions_after
from operandi.imaging.radiomics.prepare import box_of, discretize, levels_of, prepare, resegmented
from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    FixedBinSize,
    Interpolation,
    RadiomicsSettings,
)
from operandi.quantities.errors import DataError, GridMismatchError
from tests.builders import a_volume
from tests.imaging.radiomics.regions import (
    a_lump,
    a_region,
    phantom,
    prepared,
    reference,
    settings,
)
from tests.shared_data import needs_shared_data


@needs_shared_data
@pytest.mark.parametrize("configuration", ["chest_config_a", "chest_config_b", "chest_config_c"])
def test_regions_have_the_voxels_of_ibsi(configuration: str) -> None:
    """IBSI 1, CT phantom: boxes, voxels and intensities after interpolation and re-segmentation."""
    region = prepared(configuration)
    morphology, intensity = box_of(region.morphology), box_of(region.intensity)
    assert morphology is not None
    assert intensity is not None
    found: dict[str, Any] = {}
    for stage, inside in (("interp", region.morphology), ("reseg", region.intensity)):
        values = region.values[inside]
        found[f"int_mask_vox_count_{stage}_roi"] = values.size
        found[f"int_mask_mean_int_{stage}_roi"] = values.mean()
        found[f"int_mask_min_int_{stage}_roi"] = values.min()
        found[f"int_mask_max_int_{stage}_roi"] = values.max()
        for axis, name in enumerate("xyz"):
            box = morphology if stage == "interp" else intensity
            extent = box[axis].stop - box[axis].start
            found[f"int_mask_bb_dim_{name}_{stage}_roi"] = extent
            extent = morphology[axis].stop - morphology[axis].start
            found[f"morph_mask_bb_dim_{name}_{stage}_roi"] = extent
        found[f"morph_mask_vox_count_{stage}_roi"] = np.count_nonzero(region.morphology)

    for tag, (value, tolerance) in reference(configuration, "").items():
        if tag in found:
            assert found[tag] == pytest.approx(value, abs=max(tolerance, 0.005 * abs(value))), tag


@needs_shared_data
@pytest.mark.parametrize(
    ("configuration", "count", "mean", "lowest", "highest"),
    [("chest_config_d", 44465, -23.5, -724, 521), ("chest_config_e", 44484, -22.6, -743, 345)],
)
def test_outliers_leave_the_values_that_mirp_leaves(
    configuration: str, count: int, mean: float, lowest: float, highest: float
) -> None:
    """MIRP 2.7.0 on the CT phantom after IBSI's configurations D and E."""
    region = prepared(configuration)
    values = region.values[region.intensity]

    assert values.size == count
    assert values.mean() == pytest.approx(mean, abs=0.05)
    assert (values.min(), values.max()) == (lowest, highest)


@needs_shared_data
def test_cubic_box_equals_the_whole_image() -> None:
    """Interpolated whole, by scipy, then cropped: no voxel differs by 1e-10."""
    values, inside, spacing_mm = phantom("chest_config_e")
    part = (slice(60, 150), slice(60, 150), slice(10, 50))
    values, inside = values[part], inside[part]
    wanted = settings(spacing_mm=(2.0, 2.0, 2.0), interpolation=Interpolation.CUBIC)

    region = prepare((values, spacing_mm), inside, wanted)

    i, j, k = (positions_after(n, s, 2.0) for n, s in zip(values.shape, spacing_mm, strict=True))
    whole = interpolate(values, (i, j, k), Interpolation.CUBIC)
    share = interpolate(inside, (i, j, k), Interpolation.LINEAR)
    np.testing.assert_allclose(
        region.values[region.morphology], whole[share >= 0.5 - 1e-9], rtol=0, atol=1e-10
    )


def test_region_without_interpolation_is_the_box_and_its_margin() -> None:
    values, inside = a_lump(seed=3, shape=(30, 24, 20))

    region = prepare((values, (2.0, 2.0, 2.0)), inside, settings())

    box = box_of(inside)
    assert box is not None
    cut = tuple(slice(max(b.start - 4, 0), b.stop + 4) for b in box)  # 6.2 mm are 4 voxels of 2 mm
    np.testing.assert_array_equal(region.values, values[cut])
    np.testing.assert_array_equal(region.morphology, inside[cut])
    assert region.values.flags.c_contiguous


def test_planar_settings_interpolate_in_plane_only() -> None:
    values, inside = a_lump(seed=4, shape=(12, 12, 6))
    wanted = settings(dimension=Dimension.MERGED, spacing_mm=(0.5, 0.5, 0.5))

    region = prepare((values, (1.0, 1.0, 5.0)), inside, wanted)

    assert region.spacing_mm == (0.5, 0.5, 5.0)
    slices = inside.any(axis=(0, 1)).sum()
    assert region.morphology.any(axis=(0, 1)).sum() == slices


def test_half_a_voxel_reaches_the_threshold_on_both_sides() -> None:
    """By hand: 4 voxels to 3 of 4/3 mm; the outer ones lie where the share is 5/6, the inner 1."""
    inside = np.zeros((8, 1, 1), dtype=np.bool_)
    inside[2:6] = True
    values = np.ones((8, 1, 1))

    region = prepare((values, (1.0, 1.0, 1.0)), inside, settings(spacing_mm=(0.5, 1.0, 1.0)))

    column = region.morphology[:, 0, 0]
    np.testing.assert_array_equal(column, column[::-1])
    assert column.sum() == 8


def test_rounds_to_whole_units() -> None:
    values, inside = a_lump(seed=5)
    region = prepare(
        (values, (1.0, 1.0, 1.0)), inside, settings(spacing_mm=(0.7, 0.7, 0.7), rounding=1.0)
    )

    np.testing.assert_array_equal(region.values, np.rint(region.values))


def test_range_is_inclusive_and_outliers_are_of_what_is_in_range() -> None:
    values = np.array([[[-5.0, 0.0, 1.0, 1.0, 1.0, 2.0, 100.0]]])
    inside = np.ones(values.shape, dtype=np.bool_)

    kept = resegmented(values, inside, settings(lower=0.0, upper=2.0, outlier_sigmas=1.0))

    np.testing.assert_array_equal(kept[0, 0], [False, False, True, True, True, False, False])


def test_nothing_in_range_leaves_an_empty_intensity_mask_and_no_levels() -> None:
    values, inside = a_lump(seed=6)
    wanted = settings(lower=1e6)

    region = prepare((values, (1.0, 1.0, 1.0)), inside, wanted)

    assert not region.intensity.any()
    assert region.morphology.any()
    assert discretize(region, wanted).count == 0


def test_fixed_bin_number_spans_the_range() -> None:
    """IBSI K15C by hand: 4 bins of 0 to 8 start at 0, 2, 4 and 6; the maximum is in the last."""
    region = a_region([[[0.0, 1.9, 2.0, 6.0, 8.0]]], [[[True] * 5]])

    levels = discretize(region, settings(discretization=FixedBinNumber(bins=4)))

    np.testing.assert_array_equal(levels.values[0, 0], [1, 1, 2, 4, 4])
    assert levels.count == 4


@pytest.mark.parametrize(
    ("binning", "lower", "expected"),
    [
        (FixedBinSize(width=2.0), -1.0, [2, 2, 4]),
        (FixedBinSize(width=2.0, start=1.0), -1.0, [1, 1, 3]),
        (FixedBinSize(width=2.0, from_minimum=True), None, [1, 1, 3]),
    ],
)
def test_fixed_bin_size_starts_where_it_should(
    binning: FixedBinSize, lower: float | None, expected: list[int]
) -> None:
    """IBSI Q3RU by hand: floor((x - start) / 2) + 1."""
    region = a_region([[[1.0, 2.9, 5.0]]], [[[True] * 3]])

    levels = discretize(region, settings(discretization=binning, lower=lower))

    np.testing.assert_array_equal(levels.values[0, 0], expected)
    assert levels.count == expected[-1]


def test_constant_region_is_level_one() -> None:
    region = a_region(np.full((2, 2, 2), 7.0), np.ones((2, 2, 2)))

    levels = discretize(region, settings())

    assert set(levels.values.ravel()) == {1}


def test_refuses_a_bin_size_without_a_start() -> None:
    region = a_region([[[1.0, 2.0]]], [[[True, True]]])

    with pytest.raises(DataError, match="needs a start"):
        discretize(region, settings(discretization=FixedBinSize(width=1.0)))


def test_refuses_values_below_the_first_bin() -> None:
    region = a_region([[[1.0, 2.0]]], [[[True, True]]])

    with pytest.raises(DataError, match="no level for the value 1"):
        discretize(region, settings(discretization=FixedBinSize(width=1.0, start=1.5)))


def test_refuses_more_levels_than_anyone_means() -> None:
    region = a_region([[[0.0, 1e9]]], [[[True, True]]])

    with pytest.raises(DataError, match="at most a million"):
        discretize(region, settings(discretization=FixedBinSize(width=1.0, start=0.0)))


def _spoiled(**changes: Any) -> dict[str, Any]:
    values, inside = a_lump(seed=8)
    return {"image": (values, (1.0, 1.0, 1.0)), "mask": inside, "settings": settings()} | changes


def _with_nan() -> dict[str, Any]:
    values, inside = a_lump(seed=8)
    values[tuple(np.argwhere(inside)[0])] = np.nan
    return _spoiled(image=(values, (1.0, 1.0, 1.0)))


@pytest.mark.parametrize(
    ("arguments", "refusal", "match"),
    [
        (_spoiled(mask=np.zeros((9, 8, 7), dtype=np.bool_)), DataError, "this one is empty"),
        (_spoiled(mask=np.ones((9, 8, 7))), DataError, "of bool"),
        (_spoiled(mask=np.ones((9, 8, 6), dtype=np.bool_)), GridMismatchError, "different grids"),
        (_with_nan(), DataError, "finite values inside the mask; 1 of"),
        (_spoiled(image=(np.ones((9, 8)), (1.0, 1.0, 1.0))), DataError, "three spacings"),
        (
            _spoiled(
                image=(a_lump(seed=8)[0], (1.0, 1.0, 12.0)),
                settings=settings(spacing_mm=(1.0, 1.0, 1.0)),
            ),
            DataError,
            "more than 10 voxels would come from one",
        ),
    ],
)
def test_refuses_what_it_cannot_compute(
    arguments: dict[str, Any], refusal: type[Exception], match: str
) -> None:
    with pytest.raises(refusal, match=match):
        prepare(arguments["image"], arguments["mask"], arguments["settings"])


def test_refuses_a_mask_that_interpolation_leaves_nothing_of() -> None:
    inside = np.zeros((9, 9, 9), dtype=np.bool_)
    inside[4, 4, 4] = True
    wanted: RadiomicsSettings = settings(spacing_mm=(2.0, 2.0, 2.0))

    with pytest.raises(DataError, match="none left after interpolation"):
        prepare((np.ones((10, 10, 10)), (1.0, 1.0, 1.0)), np.pad(inside, (0, 1)), wanted)


def test_refuses_a_mask_on_another_grid() -> None:
    volume = a_volume()
    shifted = volume.grid.affine.copy()
    shifted[:3, 3] += 5.0
    mask = Mask(np.ones(volume.grid.shape, dtype=np.bool_), Grid(volume.grid.shape, shifted))

    with pytest.raises(GridMismatchError, match="Image and mask"):
        prepare(volume, mask, settings())


@pytest.mark.parametrize("value", [0.1, 1.0, 7.3, -0.3])
def test_a_constant_lesion_stays_constant_through_interpolation(value: float) -> None:
    """Cubic interpolation leaves rounding error, which a fixed bin number would make levels of."""
    inside = np.zeros((20, 20, 20), dtype=np.bool_)
    inside[7:13, 7:13, 7:13] = True
    wanted = settings(
        spacing_mm=(1.0, 1.0, 1.0),
        interpolation=Interpolation.CUBIC,
        discretization=FixedBinNumber(bins=32),
    )

    region = prepare((np.full((20, 20, 20), value), (2.7, 2.7, 3.27)), inside, wanted)

    assert np.unique(region.values[region.intensity]).tolist() == [value]
    assert discretize(region, wanted).values.max() == 1


def test_an_interpolated_mask_goes_on_to_the_end_of_its_last_slice() -> None:
    """What is drawn on the first slice only still fills the new voxel beyond its center."""
    inside = np.zeros((3, 3, 4), dtype=np.bool_)
    inside[:, :, 0] = True

    # Voxels of 3 mm to 2.5 mm: the first new center lies 0.25 mm beyond the first old one.
    shares = interpolate(inside, (None, None, positions_after(4, 3.0, 2.5)), Interpolation.LINEAR)

    assert positions_after(4, 3.0, 2.5)[0] < 0
    assert shares[0, 0, 0] == 1.0


def test_values_that_lack_around_the_mask_are_told_from_those_inside() -> None:
    values = np.ones((12, 12, 12))
    values[1, 1, 1] = np.nan
    inside = np.zeros((12, 12, 12), dtype=np.bool_)
    inside[5:8, 5:8, 5:8] = True
    wanted = settings(spacing_mm=(1.5, 1.5, 1.5), interpolation=Interpolation.CUBIC)

    with pytest.raises(DataError, match="around it"):
        prepare((values, (2.0, 2.0, 2.0)), inside, wanted)


def test_values_on_the_edge_of_a_bin_belong_above_it() -> None:
    """0.3 / 0.1 is a little below 3, and 100 (29 / 100) a little below 29."""
    tenths = np.round(np.arange(0.0, 3.0, 0.1), 1)
    by_size, _ = levels_of(tenths, FixedBinSize(width=0.1, start=0.0), lower=None)
    whole = np.arange(101.0)
    by_number, _ = levels_of(whole, FixedBinNumber(bins=100), lower=None)

    assert by_size.tolist() == list(range(1, 31))
    assert by_number.tolist() == [*range(1, 101), 100]
