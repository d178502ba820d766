import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.radiomics.morphology import morphological_features
from operandi.imaging.radiomics.region import Region
from tests.imaging.radiomics.regions import (
    a_lump,
    a_region,
    by_tag,
    outside_tolerance,
    prepared,
    reference,
)
from tests.shared_data import needs_shared_data

SPACING = (1.0, 1.5, 3.0)


@needs_shared_data
@pytest.mark.parametrize(
    "configuration", ["dig_phantom", "chest_config_a", "chest_config_b", "chest_config_c"]
)
def test_agrees_with_ibsi(configuration: str) -> None:
    """IBSI 1 reference values: every ``morph_`` row that carries a value."""
    found = by_tag(morphological_features(prepared(configuration)))

    assert outside_tolerance(found, reference(configuration, "morph_")) == {}


def test_block_by_hand() -> None:
    """A block of 2 x 2 x 2 voxels of 1 mm around which nothing is."""
    region = a_region(np.full((2, 2, 2), 3.0), np.ones((2, 2, 2)))

    found = {tag: f.value for tag, f in by_tag(morphological_features(region)).items()}

    assert found["morph_vol_approx"] == 8.0
    # A mesh of the cube of side 2 whose edges are cut half a voxel deep, corners with them.
    assert found["morph_volume"] == pytest.approx(8 - 12 * 1 / 8 - 8 * (1 / 8 - 1 / 48))
    assert found["morph_com"] == pytest.approx(0.0, abs=1e-12)
    assert found["morph_diam"] == pytest.approx(np.sqrt(4 + 1 + 1))
    assert found["morph_pca_maj_axis"] == pytest.approx(4 * np.sqrt(2 / 7))
    assert found["morph_pca_flatness"] == pytest.approx(1.0)
    assert found["morph_integ_int"] == pytest.approx(3.0 * (found["morph_volume"] or 0))
    assert found["morph_vol_dens_aabb"] == pytest.approx((found["morph_volume"] or 0) / 8)


def test_ball_is_a_sphere_as_far_as_voxels_go() -> None:
    """Equal axes do not stop the ellipsoid's area; a mesh of voxels has some 8 % too much area."""
    grid = np.indices((33, 33, 33)) - 16.0
    inside = np.sqrt((grid**2).sum(axis=0)) <= 14.6

    found = by_tag(morphological_features(a_region(grid[0], inside)))

    assert found["morph_sphericity"].value == pytest.approx(0.93, abs=0.03)
    # Half-axes of twice the standard deviation: a ball's is r / sqrt(5).
    assert found["morph_vol_dens_aee"].value == pytest.approx((5**0.5 / 2) ** 3, rel=0.01)
    assert found["morph_vol_dens_mvee"].value == pytest.approx(0.93, abs=0.04)
    assert found["morph_vol_dens_conv_hull"].value == pytest.approx(0.965, abs=0.02)
    assert found["morph_pca_elongation"].value == pytest.approx(1.0)


MOVED = {"morph_vol_dens_ombb", "morph_area_dens_ombb"}
"""Where the least box is sought from starts, ties may fall to another box."""


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 10_000), st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([1, -1])] * 3)
)
def test_turning_and_mirroring_changes_nothing(
    seed: int, order: list[int], signs: tuple[int, int, int]
) -> None:
    values, inside = a_lump(seed=seed)
    plain = by_tag(morphological_features(a_region(values, inside, spacing_mm=SPACING)))
    turn = (slice(None, None, signs[0]), slice(None, None, signs[1]), slice(None, None, signs[2]))
    region = a_region(
        values[turn].transpose(order),
        inside[turn].transpose(order),
        spacing_mm=(SPACING[order[0]], SPACING[order[1]], SPACING[order[2]]),
    )

    turned = by_tag(morphological_features(region))

    for tag in plain.keys() - MOVED:
        tolerance = 1e-7 if "mvee" in tag else 1e-8
        assert turned[tag].value == pytest.approx(plain[tag].value, rel=tolerance, abs=1e-9), tag


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.tuples(*[st.integers(0, 9)] * 3))
def test_place_in_the_box_does_not_matter(seed: int, by: tuple[int, int, int]) -> None:
    values, inside = a_lump(seed=seed)
    plain = by_tag(morphological_features(a_region(values, inside, spacing_mm=SPACING)))
    pad = [(n, 9 - n) for n in by]

    moved = a_region(np.pad(values, pad), np.pad(inside, pad), spacing_mm=SPACING)

    for tag, feature in by_tag(morphological_features(moved)).items():
        assert feature.value == pytest.approx(plain[tag].value, rel=1e-9, abs=1e-12), tag


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100.0))
def test_intensity_scale_moves_only_integrated_intensity(seed: int, scale: float) -> None:
    values, inside = a_lump(seed=seed)
    plain = by_tag(morphological_features(a_region(values, inside)))

    scaled = by_tag(morphological_features(a_region(values * scale, inside)))

    for tag, feature in plain.items():
        factor = scale if tag == "morph_integ_int" else 1.0
        assert scaled[tag].value == pytest.approx((feature.value or 0) * factor, rel=1e-7), tag


@pytest.mark.parametrize(
    ("shape", "absent"),
    [
        ((1, 1, 1), {"pca_maj_axis", "pca_min_axis", "pca_least_axis", "pca_elongation",
                     "pca_flatness", "vol_dens_aee", "area_dens_aee", "moran_i", "geary_c"}),
        ((4, 1, 1), {"vol_dens_aee", "area_dens_aee"}),
        ((4, 3, 1), {"vol_dens_aee"}),
    ],
)  # fmt: skip
def test_what_a_flat_or_single_voxel_lesion_lacks_is_absent_with_a_reason(
    shape: tuple[int, int, int], absent: set[str]
) -> None:
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape) + 1

    found = by_tag(morphological_features(a_region(values, np.ones(shape))))

    assert {tag for tag, f in found.items() if f.value is None} == {f"morph_{a}" for a in absent}
    assert all(found[f"morph_{tag}"].absent for tag in absent)


def test_shape_needs_no_intensities() -> None:
    inside = np.ones((3, 3, 3), dtype=np.bool_)
    region = Region(np.ones((3, 3, 3)), inside, np.zeros_like(inside), (1.0, 1.0, 1.0))

    found = by_tag(morphological_features(region))

    assert found["morph_volume"].value is not None
    assert {t for t, f in found.items() if f.value is None} == {
        "morph_com", "morph_integ_int", "morph_moran_i", "morph_geary_c"
    }  # fmt: skip
