import numpy as np
import numpy.typing as npt
import pytest

from operandi.quantities.errors import DataError
from operandi.simulation.scenes.painting import paint
from operandi.simulation.scenes.scene import Ellipsoid, Pose, Shape, Texture
from tests.simulation.scenes.builders import BREATHING, a_grid, a_part, a_scene

BALL = Shape(parts=(Ellipsoid(center=(0, 0, 0), semi_axes=(46, 46, 46)),))


def a_texture(*, cv: float = 0.3, correlation_mm: float = 8.0, seed: int = 1) -> Texture:
    return Texture(cv=cv, correlation_mm=correlation_mm, seed=seed)


def painted(texture: Texture, *, edge: float = 4.0, size: int = 24) -> npt.NDArray[np.float32]:
    """Factor in a cube within the ball."""
    grid = a_grid((size,) * 3, edges_mm=(edge,) * 3)
    (part,) = paint(a_scene(a_part(BALL, texture=texture)), grid).parts
    assert part.texture is not None
    whole = np.ones(grid.shape, dtype=np.float32)
    whole[part.box] = part.texture
    quarter = size // 4
    return whole[quarter:-quarter, quarter:-quarter, quarter:-quarter]


def test_textures_have_the_spread_that_was_asked_for() -> None:
    """Over 40 seeds, in a cube of about 20 independent places: the error of the mean is 0.01."""
    fields = np.stack([painted(a_texture(seed=seed)) for seed in range(40)])

    assert fields.mean() == pytest.approx(1.0, abs=0.03)
    assert fields.std() / fields.mean() == pytest.approx(0.3, abs=0.02)
    assert fields.min() > 0.0


def test_textures_have_the_correlation_length_that_was_asked_for() -> None:
    """Of the logarithm: exp(-r^2 / (2 l^2)), that is 0.61 at one length and 0.14 at two."""
    fields = np.log(np.stack([painted(a_texture(seed=seed)) for seed in range(40)]))
    fields -= fields.mean()
    variance = (fields**2).mean()

    for voxels, expected in ((1, 0.882), (2, 0.607), (4, 0.135)):
        pairs = (fields[:, voxels:] * fields[:, :-voxels]).mean()
        assert pairs / variance == pytest.approx(expected, abs=0.05)


def test_a_texture_belongs_to_the_body_and_not_to_the_grid() -> None:
    """Every second voxel center of the fine grid but one lies on one of the coarse grid."""
    coarse = a_grid((13, 13, 13), edges_mm=(4.0, 4.0, 4.0))
    fine = a_grid((25, 25, 25), edges_mm=(2.0, 2.0, 2.0))
    scene = a_scene(a_part(BALL, texture=a_texture()))

    (on_coarse,) = paint(scene, coarse).parts
    (on_fine,) = paint(scene, fine).parts

    assert on_coarse.texture is not None
    assert on_fine.texture is not None
    np.testing.assert_allclose(
        on_fine.texture[4:-4:2, 4:-4:2, 4:-4:2], on_coarse.texture[2:-2, 2:-2, 2:-2], rtol=1e-5
    )


def test_a_texture_moves_with_its_tissue() -> None:
    part = a_part(BALL, texture=a_texture())
    here = paint(a_scene(part), a_grid()).parts[0]
    there = paint(a_scene(part, pose=Pose(shift_mm=(4, 0, -8))), a_grid()).parts[0]

    assert here.texture is not None
    assert there.texture is not None
    assert [s.start for s in there.box] == [here.box[0].start + 1, here.box[1].start, 0]
    np.testing.assert_allclose(there.texture[:20, :, :18], here.texture[:20, :, 2:20], rtol=1e-5)


def test_breathing_carries_a_texture_along() -> None:
    """At the dome, where the motion is even, 12 mm down are three voxels."""
    shape = Shape(parts=(Ellipsoid(center=(-70, 0, 105), semi_axes=(20, 20, 14)),))
    scene = a_scene(a_part(shape, texture=a_texture()), motion=BREATHING)
    grid = a_grid(center=(-70, 0, 105))
    rest = paint(scene, grid).parts[0]
    moved = paint(scene, grid, respiration=0.8).parts[0]

    assert rest.texture is not None
    assert moved.texture is not None
    both = (rest.share > 0.9)[:, :, 3:-3]
    assert both.sum() > 100
    np.testing.assert_allclose(moved.box[2].start, rest.box[2].start - 3)


def test_the_mean_over_a_part_is_one_whatever_the_seed() -> None:
    """A lesion keeps its uptake: even where the field is as coarse as the part."""
    for seed in range(6):
        (part,) = paint(
            a_scene(a_part(BALL, texture=a_texture(correlation_mm=30.0, seed=seed))), a_grid()
        ).parts
        assert part.texture is not None
        mean = np.average(part.texture, weights=part.share)
        assert mean == pytest.approx(1.0, abs=0.01)


def test_textures_can_be_left_out() -> None:
    scene = a_scene(a_part(BALL, texture=a_texture()))

    assert paint(scene, a_grid(), textures=False).parts[0].texture is None


@pytest.mark.parametrize("texture", [a_texture(cv=-0.1), a_texture(correlation_mm=0.0)])
def test_refuses_a_texture_that_cannot_be(texture: Texture) -> None:
    with pytest.raises(DataError, match="A texture needs"):
        paint(a_scene(a_part(BALL, texture=texture)), a_grid())
