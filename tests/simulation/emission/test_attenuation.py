"""Errors of attenuation against an independent reconstruction and against measured numbers."""

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError
from operandi.simulation.emission.attenuation import (
    FAT_PER_CM,
    LUNG_PER_CM,
    SOFT_PER_CM,
    AttenuationErrors,
    disturbed,
    true_map,
    used_map,
)
from tests.simulation.emission import attenuation_oracle as oracle
from tests.simulation.emission.scenes import a_scene_of_boxes, a_tissue

Array = npt.NDArray[np.float32]
SLICES = 3


def oracle_grid() -> Grid:
    affine = np.diag([oracle.SPACING_MM, oracle.SPACING_MM, 5.0, 1.0])
    affine[:2, 3] = oracle.axis()[0]
    return Grid((oracle.SIZE, oracle.SIZE, SLICES), affine)


def a_mu_map(shares: dict[str, oracle.Image], mode: str) -> oracle.Image:
    """Map of attenuation of a mode, made from shares without the code under test."""
    mu = dict(oracle.MU_PER_CM)
    if mode != "true":
        mu |= {"fat": 0.0854, "soft": 0.1, "lung": 0.0224}
    if mode == "4-class":
        mu |= {name: 0.1 for name in mu if name.startswith("bone")}
    if mode == "inversion":
        mu |= {name: 0.0854 for name in mu if name != "lung"} | {"fat": 0.1}
    used = sum((mu[name] * share for name, share in shares.items()), np.zeros(1))
    x, y = oracle.axis()[:, None], oracle.axis()[None, :]
    if mode == "truncated":
        used = np.where(np.hypot(x, y) > 250.0, 0.0, used)
    if mode == "void":
        used = np.where(np.hypot(x - 30.0, y + 10.0) < 30.0, 0.0, used)
    if mode == "uncorrected":
        used = np.zeros_like(used)
    return used


@cache
def projector() -> sparse.csr_matrix:
    return oracle.lines()


@cache
def right_image(layers: tuple[oracle.Layer, ...]) -> oracle.Image:
    activity, shares = oracle.painted(layers)
    mu = a_mu_map(shares, "true")
    return oracle.reconstructed(projector(), activity, mu_true=mu, mu_used=mu)


@cache
def both(layers: tuple[oracle.Layer, ...], mode: str) -> tuple[oracle.Image, ...]:
    """The oracle's images and ours: wrong and right of each."""
    activity, shares = oracle.painted(layers)
    mu_true, mu_used = a_mu_map(shares, "true"), a_mu_map(shares, mode)
    wrong = oracle.reconstructed(projector(), activity, mu_true=mu_true, mu_used=mu_used)
    ours = disturbed(
        as_volume(activity), oracle_grid(), mu_true=as_volume(mu_true), mu_used=as_volume(mu_used)
    )
    return wrong, right_image(layers), ours[:, :, 1].astype(np.float64), activity


def as_volume(image: oracle.Image) -> Array:
    return np.repeat(image[:, :, None], SLICES, axis=2).astype(np.float32)


def errors_percent(
    layers: tuple[oracle.Layer, ...], mode: str, region: tuple[tuple[float, float], float]
) -> tuple[float, float]:
    wrong, right, ours, activity = both(layers, mode)
    return (
        oracle.error_percent(wrong, right, region),
        oracle.error_percent(ours, activity, region),
    )


REGIONS = {
    "liver lesion": (oracle.ABDOMEN, oracle.LIVER_LESION),
    "spine lesion": (oracle.ABDOMEN, oracle.SPINE_LESION),
    "pancreatic lesion": (oracle.ABDOMEN, oracle.PANCREATIC_LESION),
    "liver": (oracle.ABDOMEN, oracle.LIVER),
    "spleen": (oracle.ABDOMEN, oracle.SPLEEN),
    "lung lesion": (oracle.THORAX, oracle.LUNG_LESION),
    "lung": (oracle.THORAX, oracle.LUNG),
    "thoracic spine": (oracle.THORAX, oracle.SPINE),
}


@pytest.mark.slow
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("mode", ["4-class", "5-class", "truncated", "inversion", "uncorrected"])
def test_errors_are_those_of_an_independent_reconstruction(mode: str, region: str) -> None:
    theirs, ours = errors_percent(REGIONS[region][0], mode, REGIONS[region][1])
    assert ours == pytest.approx(theirs, abs=1.2 + 0.15 * abs(theirs))


def test_a_void_empties_its_place_and_hardly_changes_the_far_liver_lesion() -> None:
    """Survey of PET-MR: a 30 mm metal void, pancreatic lesion -80 %, liver lesion -4.7 %."""
    lesion_theirs, lesion_ours = errors_percent(oracle.ABDOMEN, "void", oracle.PANCREATIC_LESION)
    liver_theirs, liver_ours = errors_percent(oracle.ABDOMEN, "void", oracle.LIVER)
    assert lesion_ours < -70.0
    assert lesion_ours == pytest.approx(lesion_theirs, abs=8.0)
    assert liver_ours == pytest.approx(liver_theirs, abs=2.0)


@pytest.mark.parametrize(
    ("mode", "region", "measured", "tolerance"),
    [
        # Survey of PET-MR, section 3, measured on another torso; tolerance is that of anatomy.
        ("4-class", "liver lesion", -3.1, 2.0),
        ("4-class", "spine lesion", -17.9, 6.0),
        ("4-class", "pancreatic lesion", 2.4, 4.0),
        ("4-class", "liver", -2.6, 2.0),
        ("4-class", "lung lesion", -6.8, 2.0),
        ("4-class", "lung", -11.0, 3.0),
        ("5-class", "liver lesion", -0.6, 2.0),
        ("5-class", "liver", -1.3, 1.0),
        ("5-class", "spine lesion", 0.7, 4.0),
        ("5-class", "lung", -12.0, 2.0),
        ("truncated", "liver lesion", -9.5, 2.0),
        ("truncated", "spine lesion", -11.5, 4.0),
        # Paulus et al. 2015: bony tissue -25.5 +- 7.9 % without bone, -4.9 +- 6.7 % with it.
        ("4-class", "thoracic spine", -25.5, 7.9),
        ("5-class", "thoracic spine", -4.9, 6.7),
    ],
)
def test_errors_are_near_measured_and_published_ones(
    mode: str, region: str, measured: float, tolerance: float
) -> None:
    layers, place = REGIONS[region]
    _, shares = oracle.painted(layers)
    activity, _ = oracle.painted(layers)
    ours = disturbed(
        as_volume(activity),
        oracle_grid(),
        mu_true=as_volume(a_mu_map(shares, "true")),
        mu_used=as_volume(a_mu_map(shares, mode)),
    )[:, :, 1].astype(np.float64)
    assert oracle.error_percent(ours, activity, place) == pytest.approx(measured, abs=tolerance)


def test_a_true_map_changes_nothing() -> None:
    activity, shares = oracle.painted(oracle.ABDOMEN)
    mu = as_volume(a_mu_map(shares, "true"))
    same = disturbed(as_volume(activity), oracle_grid(), mu_true=mu, mu_used=mu)
    np.testing.assert_array_equal(same, as_volume(activity))


def test_the_middle_of_an_uncorrected_cylinder_is_darkened_by_its_radius() -> None:
    """Every line through the axis of a water cylinder loses ``exp(-0.096 * 2 * 10)``."""
    grid = oracle_grid()
    x = oracle.axis()
    inside = as_volume((np.hypot(x[:, None], x[None, :]) < 100.0).astype(float))
    spot = as_volume((np.hypot(x[:, None], x[None, :]) < 8.0).astype(float))
    dark = disturbed(spot, grid, mu_true=0.096 * inside, mu_used=0.0 * inside)
    assert dark.sum() / spot.sum() == pytest.approx(np.exp(-1.92), rel=0.03)


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(0.1, 50.0))
def test_error_does_not_depend_on_the_unit_of_activity(factor: float) -> None:
    grid, activity, mu_true, mu_used = small_case()
    once = disturbed(activity, grid, mu_true=mu_true, mu_used=mu_used)
    scaled = disturbed(activity * np.float32(factor), grid, mu_true=mu_true, mu_used=mu_used)
    np.testing.assert_allclose(scaled, once * factor, rtol=1e-3, atol=1e-3 * factor)


def test_uneven_voxels_and_slices_that_do_not_fill_a_block_are_taken() -> None:
    grid, activity, mu_true, mu_used = small_case()
    shown = disturbed(activity, grid, mu_true=mu_true, mu_used=mu_used)
    assert shown.shape == activity.shape
    assert shown[8:16, 8:16].mean() < 0.999 * activity[8:16, 8:16].mean()


def test_refuses_voxels_that_are_not_square_in_a_slice() -> None:
    _, activity, mu_true, mu_used = small_case()
    oblong = Grid(activity.shape, np.diag([6.0, 5.0, 3.0, 1.0]))
    with pytest.raises(DataError, match="square voxels"):
        disturbed(activity, oblong, mu_true=mu_true, mu_used=mu_used)


def small_case() -> tuple[Grid, Array, Array, Array]:
    grid = Grid((25, 23, 5), np.diag([6.0, 6.0, 3.0, 1.0]))
    activity = np.zeros(grid.shape, dtype=np.float32)
    activity[4:20, 4:20] = 2.0
    mu_true = activity * np.float32(0.05)
    return grid, activity, mu_true, mu_true * np.float32(0.9)


@pytest.mark.parametrize(
    ("errors", "fat", "muscle", "lung", "bone", "gas"),
    [
        (AttenuationErrors(), 0.09, 0.1, 0.026, 0.17, 0.0),
        (
            AttenuationErrors(classes="4-class"),
            FAT_PER_CM, SOFT_PER_CM, LUNG_PER_CM, SOFT_PER_CM, SOFT_PER_CM,
        ),
        (
            AttenuationErrors(classes="5-class"),
            FAT_PER_CM, SOFT_PER_CM, LUNG_PER_CM, 0.17, SOFT_PER_CM,
        ),
        (
            AttenuationErrors(classes="4-class", inversion=True),
            SOFT_PER_CM, FAT_PER_CM, LUNG_PER_CM, FAT_PER_CM, FAT_PER_CM,
        ),
    ],
)  # fmt: skip
def test_each_tissue_gets_the_constant_of_its_class(
    errors: AttenuationErrors, fat: float, muscle: float, lung: float, bone: float, gas: float
) -> None:
    mu = {"fat": 0.09, "muscle": 0.1, "lung": 0.026, "bone_cortex": 0.17, "gas": 0.0}
    occupancy = a_scene_of_boxes(tuple(mu))
    tissues = {key: a_tissue(mu_per_cm=value) for key, value in mu.items()}

    used = used_map(occupancy, tissues, errors=errors)[:, 0, 0]

    np.testing.assert_allclose(used, [fat, muscle, lung, bone, gas], rtol=1e-6)
    np.testing.assert_allclose(true_map(occupancy, tissues)[:, 0, 0], list(mu.values()), rtol=1e-6)


def test_a_dense_lesion_shows_in_a_bone_model() -> None:
    occupancy = a_scene_of_boxes(("OP-001-L1", "OP-001-L2"))
    tissues = {"OP-001-L1": a_tissue(mu_per_cm=0.12), "OP-001-L2": a_tissue(mu_per_cm=0.101)}
    used = used_map(occupancy, tissues, errors=AttenuationErrors(classes="5-class"))
    np.testing.assert_allclose(used[:, 0, 0], [0.12, SOFT_PER_CM], rtol=1e-6)


def test_the_map_is_empty_beyond_the_field_of_view_and_in_a_void() -> None:
    occupancy = a_scene_of_boxes(("muscle",) * 5)  # centers at x = 0, 10, ... 40 mm
    tissues = {"muscle": a_tissue(mu_per_cm=0.1)}
    errors = AttenuationErrors(truncated_mm=35.0, void=((10.0, 0.0, 0.0), 5.0))
    used = used_map(occupancy, tissues, errors=errors)
    np.testing.assert_allclose(used[:, 0, 0], [0.1, 0.0, 0.1, 0.1, 0.0], rtol=1e-6)


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan")])
def test_refuses_radii_that_are_not_positive(radius: float) -> None:
    with pytest.raises(DataError, match="above 0 mm"):
        AttenuationErrors(truncated_mm=radius)
    with pytest.raises(DataError, match="above 0 mm"):
        AttenuationErrors(void=((0.0, 0.0, 0.0), radius))
