import numpy as np

from operandi.simulation.mr.coil import BIAS_SD, coil_bias
from operandi.simulation.mr.grids import COARSE, FULL, slab_grid
from tests.simulation.mr.scenes import LIVER, a_scene

SCENE = a_scene({"liver": LIVER})
GRID = slab_grid(COARSE["dixon"], SCENE, frame_of_reference="1.2.3")


def test_coil_is_the_same_for_every_series_of_a_visit() -> None:
    other = slab_grid(FULL["dce"], SCENE, frame_of_reference="1.2.3")
    position = other.position_of((64, 48, 18))
    near = tuple(np.rint(GRID.index_of(position)).astype(int))
    back = tuple(np.rint(other.index_of(GRID.position_of(near))).astype(int))

    one = coil_bias(GRID, seed=7, key=(3, 1))[near]
    two = coil_bias(other, seed=7, key=(3, 1))[back]

    np.testing.assert_allclose(one, two, atol=0.01)


def test_coil_differs_between_visits_and_seeds() -> None:
    here = coil_bias(GRID, seed=7, key=(3, 1))

    assert np.abs(here - coil_bias(GRID, seed=7, key=(3, 2))).max() > 0.05
    assert np.abs(here - coil_bias(GRID, seed=8, key=(3, 1))).max() > 0.05


def test_spread_of_the_coil_over_visits_is_the_stated_one() -> None:
    """One voxel of 2000 visits; the sample deviation has a relative error of 1.6 %."""
    tiny = slab_grid(COARSE["mre"], SCENE, frame_of_reference="")
    tiny = type(tiny)((1, 1, 1), tiny.affine)
    values = [coil_bias(tiny, seed=7, key=(n, 0))[0, 0, 0] for n in range(2000)]

    np.testing.assert_allclose(np.std(values), BIAS_SD, rtol=0.06)
    np.testing.assert_allclose(np.mean(values), 1.0, atol=0.01)


def test_coil_is_smooth() -> None:
    """Waves of half a meter and more: neighbors 5 mm apart hardly differ."""
    bias = coil_bias(GRID, seed=7, key=(3, 1))

    assert np.abs(np.diff(bias, axis=0)).max() < 0.03
