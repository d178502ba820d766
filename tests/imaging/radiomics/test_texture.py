"""Texture features against published values, against their definitions, and under symmetry."""

import csv
import itertools
from concurrent.futures import ThreadPoolExecutor

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.radiomics import texture
from operandi.imaging.radiomics.region import Levels
from operandi.imaging.radiomics.settings import Dimension
from operandi.imaging.radiomics.texture import texture_features, texture_features_all_dimensions
from operandi.quantities.errors import DataError
from tests.imaging.radiomics.texture_by_definition import texture_by_definition
from tests.imaging.radiomics.texture_cases import (
    by_tag,
    levels_of,
    reference_tag,
    regions,
    texture_settings,
)
from tests.shared_data import published

Mask = npt.NDArray[np.bool_]

FAMILIES = ("cm", "rlm", "szm", "dzm", "ngt", "ngl")
IN_VOLUME = (Dimension.VOLUME_AVERAGED, Dimension.VOLUME)


def digital_phantom() -> tuple[Levels, Mask]:
    folder = published("radiomics/ibsi1/digital_phantom")
    values = np.asarray(nib.Nifti1Image.from_filename(folder / "phantom.nii.gz").dataobj)
    mask = np.asarray(nib.Nifti1Image.from_filename(folder / "mask.nii.gz").dataobj) > 0
    return levels_of(np.where(mask, values, 0), 6), mask


def reference_values() -> dict[str, tuple[float, float]]:
    """Texture rows by tag with suffix: value and tolerance."""
    path = published("radiomics/ibsi1/reference/dig_phantom.csv")
    with path.open(newline="", encoding="utf-8") as rows:
        return {
            row["feature_tag"]: (float(row["reference_value"]), float(row["tolerance"]))
            for row in csv.DictReader(rows)
            if row["feature_tag"].split("_")[0] in FAMILIES
        }


def test_digital_phantom_gives_every_published_value_in_all_dimensions() -> None:
    """IBSI 1: 408 values of three digits and tolerance 0, so that all three digits must agree."""
    levels, mask = digital_phantom()
    published_values = reference_values()
    together = texture_features_all_dimensions(levels, mask, texture_settings(Dimension.VOLUME))
    ours = {
        reference_tag(tag, dimension): value
        for dimension, features in together.items()
        for tag, value in by_tag(features).items()
    }

    assert len(published_values) == 408
    assert ours.keys() == published_values.keys()
    differ = {
        tag: (ours[tag], value)
        for tag, (value, tolerance) in published_values.items()
        if abs(float(f"{ours[tag]:.3g}") - value) > tolerance
    }
    assert not differ


def assert_same(
    ours: dict[str, float | None], theirs: dict[str, float | None], rtol: float = 1e-9
) -> None:
    for tag, value in ours.items():
        other = theirs.get(tag)
        assert (value is None) == (other is None), (tag, value, other)
        if value is not None and other is not None:
            # The root in this feature makes 1e-8 of the oracle's own rounding, 1e-16.
            atol = 1e-6 if tag == "cm_info_corr2" else 1e-9
            assert value == pytest.approx(other, rel=rtol, abs=atol), tag


@pytest.mark.parametrize("dimension", Dimension)
@settings(max_examples=30)
@given(region=regions(), distance=st.integers(1, 2), alpha=st.integers(0, 1))
def test_engine_agrees_with_the_definitions(
    dimension: Dimension, region: tuple[Levels, Mask], distance: int, alpha: int
) -> None:
    levels, mask = region
    ours = texture_features(
        levels, mask, texture_settings(dimension, distance=distance, dependence_coarseness=alpha)
    )

    slow = texture_by_definition(
        levels.values, mask, dimension, count=levels.count, distance=distance, alpha=alpha
    )

    assert len(ours) == 95
    assert {tag for tag, value in slow.items() if value is not None} <= {f.tag for f in ours}
    assert_same(by_tag(ours), slow)


def test_a_larger_region_agrees_with_the_definitions() -> None:
    """Zones that meet late and long runs, which small arrays cannot have."""
    rng = np.random.default_rng(7)
    values = np.cumsum(rng.integers(-1, 2, (9, 8, 7)), axis=0) % 3 + 1
    mask = rng.random(values.shape) < 0.9
    levels = levels_of(np.where(mask & (rng.random(values.shape) < 0.9), values, 0), 3)

    for dimension in (Dimension.VOLUME_AVERAGED, Dimension.SLICES_MERGED):
        ours = texture_features(levels, mask, texture_settings(dimension))
        slow = texture_by_definition(levels.values, mask, dimension, count=3)
        assert_same(by_tag(ours), slow)


@settings(max_examples=40)
@given(region=regions(), axis=st.integers(0, 2), dimension=st.sampled_from(Dimension))
def test_mirroring_an_axis_changes_nothing(
    region: tuple[Levels, Mask], axis: int, dimension: Dimension
) -> None:
    levels, mask = region
    mirrored = Levels(np.flip(levels.values, axis), levels.count)
    settings_ = texture_settings(dimension)

    ours = texture_features(levels, mask, settings_)

    theirs = texture_features(mirrored, np.flip(mask, axis), settings_)
    assert_same(by_tag(ours), by_tag(theirs))


@settings(max_examples=40)
@given(
    region=regions(),
    order=st.sampled_from(list(itertools.permutations(range(3)))),
    dimension=st.sampled_from(Dimension),
)
def test_exchanging_axes_changes_nothing_in_a_volume_nor_in_a_plane(
    region: tuple[Levels, Mask], order: tuple[int, int, int], dimension: Dimension
) -> None:
    levels, mask = region
    if dimension not in IN_VOLUME:
        order = (1, 0, 2)
    turned = Levels(levels.values.transpose(order), levels.count)
    settings_ = texture_settings(dimension)

    ours = texture_features(levels, mask, settings_)

    theirs = texture_features(turned, mask.transpose(order), settings_)
    assert_same(by_tag(ours), by_tag(theirs))


@settings(max_examples=40)
@given(
    region=regions(),
    margins=st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 3),
    dimension=st.sampled_from(Dimension),
)
def test_the_place_of_a_region_in_its_box_changes_not_one_bit(
    region: tuple[Levels, Mask],
    margins: tuple[tuple[int, int], ...],
    dimension: Dimension,
) -> None:
    levels, mask = region
    placed = Levels(np.pad(levels.values, margins), levels.count)
    settings_ = texture_settings(dimension)

    ours = texture_features(placed, np.pad(mask, margins), settings_)

    assert ours == texture_features(levels, mask, settings_)


@settings(max_examples=20)
@given(region=regions(), distance=st.integers(1, 2))
def test_all_dimensions_at_once_are_what_each_gives_alone(
    region: tuple[Levels, Mask], distance: int
) -> None:
    levels, mask = region

    together = texture_features_all_dimensions(
        levels, mask, texture_settings(Dimension.VOLUME, distance=distance)
    )

    assert list(together) == list(Dimension)
    for dimension, features in together.items():
        alone = texture_features(levels, mask, texture_settings(dimension, distance=distance))
        assert_same(by_tag(features), by_tag(alone))


@pytest.mark.parametrize("dimension", [Dimension.SLICES_AVERAGED, Dimension.SLICES_MERGED])
def test_slices_counted_in_portions_give_the_same_values(
    dimension: Dimension, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    levels = levels_of(rng.integers(0, 4, (4, 5, 7)), 3)
    mask = np.ones(levels.values.shape, np.bool_)
    at_once = texture_features(levels, mask, texture_settings(dimension))
    together = texture_features_all_dimensions(levels, mask, texture_settings(dimension))

    monkeypatch.setattr(texture, "MOST_CELLS", 4 * 4 * 4 * 2)  # two slices at a time

    assert texture_features(levels, mask, texture_settings(dimension)) == at_once
    in_portions = texture_features_all_dimensions(levels, mask, texture_settings(dimension))
    for each, features in in_portions.items():
        assert_same(by_tag(features), by_tag(together[each]))


def test_slices_without_voxels_have_no_part_in_averages() -> None:
    plane = np.array([[1, 2, 2], [3, 1, 1], [2, 2, 3]])
    apart = np.zeros((3, 3, 5), int)
    apart[..., 0], apart[..., 4] = plane, plane.T
    alone = levels_of(np.stack([plane, plane.T], axis=2))

    for dimension in (Dimension.SLICES_AVERAGED, Dimension.SLICES_MERGED, Dimension.MERGED):
        settings_ = texture_settings(dimension)
        features = texture_features(levels_of(apart), apart > 0, settings_)
        assert features == texture_features(alone, alone.values > 0, settings_)


@pytest.mark.parametrize("dimension", Dimension)
def test_one_voxel_has_runs_zones_and_dependence_but_no_neighbors(dimension: Dimension) -> None:
    features = texture_features(
        levels_of([[[3]]]), np.ones((1, 1, 1), bool), texture_settings(dimension)
    )

    for feature in features:
        if feature.tag.startswith(("cm_", "ngt_")):
            assert feature.value is None
            assert "neighbor" in feature.absent or "pair" in feature.absent
        else:
            assert feature.value is not None
    values = by_tag(features)
    assert values["rlm_sre"] == values["szm_sze"] == values["dzm_sde"] == values["ngl_lde"] == 1.0
    assert values["rlm_hgre"] == 9.0
    assert values["szm_zs_entr"] == values["rlm_gl_var"] == 0.0


@pytest.mark.parametrize("dimension", Dimension)
def test_one_level_has_ibsis_values_and_no_correlation(dimension: Dimension) -> None:
    """IBSI QCDE lets coarseness be 10^6; 65HE, NQ30 and 1X9X let theirs be 0."""
    levels = levels_of(np.full((3, 3, 3), 2), 4)

    features = texture_features(levels, np.ones((3, 3, 3), bool), texture_settings(dimension))

    values = by_tag(features)
    assert values["cm_joint_max"] == values["cm_energy"] == 1.0
    assert values["cm_joint_entr"] == values["cm_contrast"] == values["cm_info_corr2"] == 0.0
    assert values["ngt_coarseness"] == 1e6
    assert values["ngt_contrast"] == values["ngt_busyness"] == values["ngt_strength"] == 0.0
    absent = {feature.tag for feature in features if feature.value is None}
    assert absent == {"cm_corr", "cm_info_corr1"}


def test_voxels_apart_have_no_pairs_even_in_one_slice() -> None:
    levels = levels_of([[[1], [0], [2]]])

    features = texture_features(levels, levels.values > 0, texture_settings(Dimension.VOLUME))

    assert {f.tag.split("_")[0] for f in features if f.value is None} == {"cm", "ngt"}


def test_busyness_of_levels_that_balance_their_shares_is_absent() -> None:
    """Levels 1 and 2 with two voxels and one: |1 * 2/3 - 2 * 1/3| = 0."""
    levels = levels_of([[[1], [2], [1]]])

    features = texture_features(levels, levels.values > 0, texture_settings(Dimension.VOLUME))

    absent = {feature.tag: feature.absent for feature in features if feature.value is None}
    assert list(absent) == ["ngt_busyness"]
    assert "share" in absent["ngt_busyness"]


def test_a_hole_left_by_resegmentation_is_no_edge_for_distance_zones() -> None:
    """By hand: in a 5 x 5 plane the ring around the center is 2 from the outside."""
    mask = np.ones((5, 5, 1), bool)
    levels = np.ones((5, 5, 1), int)
    levels[1:4, 1:4] = 2
    levels[2, 2] = 0

    features = texture_features(levels_of(levels), mask, texture_settings(Dimension.MERGED))

    assert by_tag(features)["dzm_lde"] == (1 + 2**2) / 2


def test_refuses_settings_out_of_range() -> None:
    levels = levels_of([[[1, 2]]])
    for wrong in (
        texture_settings(Dimension.VOLUME, distance=0),
        texture_settings(Dimension.VOLUME, dependence_coarseness=-1),
    ):
        with pytest.raises(DataError, match="distance of at least 1 voxel"):
            texture_features(levels, levels.values > 0, wrong)


def test_refuses_more_levels_than_matrices_hold() -> None:
    levels = levels_of(np.arange(1, 2050).reshape(3, 683, 1))

    with pytest.raises(DataError, match="at most 2048 levels that occur, found 2049"):
        texture_features(levels, levels.values > 0, texture_settings(Dimension.VOLUME))


def test_features_of_a_region_that_resegmentation_emptied_are_absent() -> None:
    empty = Levels(np.zeros((2, 2, 2), np.int32), 0)
    mask = np.ones((2, 2, 2), np.bool_)

    features = texture_features(empty, mask, texture_settings(Dimension.VOLUME))

    assert len(features) == 95
    assert {feature.absent for feature in features} == {"re-segmentation leaves no voxel"}
    together = texture_features_all_dimensions(empty, mask, texture_settings(Dimension.VOLUME))
    assert together == dict.fromkeys(Dimension, features)


def test_threads_give_the_same_bits() -> None:
    """The kernels let go of Python's lock: lesions are extracted side by side."""
    rng = np.random.default_rng(5)
    levels = levels_of(rng.integers(0, 9, (12, 13, 14)), 8)
    mask = np.ones(levels.values.shape, np.bool_)
    settings_ = texture_settings(Dimension.VOLUME_AVERAGED)
    alone = texture_features(levels, mask, settings_)

    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(texture_features, levels, mask, settings_) for _ in range(16)]

    assert all(job.result() == alone for job in jobs)
