"""Rigid registration of a two-contrast phantom with a known turn and shift."""

import functools

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk  # noqa: N813 - the name its own documentation uses

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.register import RigidTransform, rigid_registration
from operandi.imaging.resample import resample
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.kinds import MR_SIGNAL, SUV_BODY_WEIGHT

Array = npt.NDArray[np.float64]

# More voxels than are sampled, so that the sampling is under test too.
PET_GRID = ((38, 38, 36), (5.0, 5.0, 5.0), "1.2.3")
MR_GRID = ((48, 48, 36), (4.0, 4.0, 5.5), "9.8.7")
# (center mm, half-axes mm, SUV added, MR signal added): a trunk, liver, spleen and kidney.
ORGANS = (
    ((0, 0, 0), (80, 60, 75), 2.0, 300.0),
    ((-35, 5, 10), (30, 25, 30), 6.0, -120.0),
    ((30, -20, -20), (15, 12, 25), 3.0, 200.0),
    ((10, 25, 30), (12, 20, 10), 12.0, -50.0),
)


def _grid(shape: tuple[int, int, int], spacing_mm: tuple[float, ...], frame: str) -> Grid:
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = -np.array(spacing_mm) * (np.array(shape) - 1) / 2.0
    return Grid(shape, affine, frame)


def _positions(grid: Grid) -> Array:
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    return grid.position_of(indices)


def _soft_organs(where: Array, *, contrast: int) -> Array:
    values = np.zeros(where.shape[:-1])
    for organ in ORGANS:
        center, half_axes = np.array(organ[0]), np.array(organ[1])
        depth = np.linalg.norm((where - center) / half_axes, axis=-1) - 1.0
        values += organ[2 + contrast] / (1.0 + np.exp(depth * half_axes.min() / 1.5))
    return values


def _truth() -> Array:
    """Fixed to moving: turns of 4, -3 and 6 degrees about x, y and z, then (9, -7, 12) mm."""
    matrix = np.eye(4)
    for axis, degrees in enumerate((4.0, -3.0, 6.0)):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        p, q = [(1, 2), (2, 0), (0, 1)][axis]
        turn = np.eye(4)
        turn[p, p], turn[p, q], turn[q, p], turn[q, q] = c, -s, s, c
        matrix = turn @ matrix
    matrix[:3, 3] = (9.0, -7.0, 12.0)
    return matrix


@functools.cache
def _pet_and_mr() -> tuple[Volume, Volume]:
    pet_grid, mr_grid = _grid(*PET_GRID), _grid(*MR_GRID)
    rng = np.random.default_rng(0)
    back = np.linalg.inv(_truth())
    turned = _positions(mr_grid) @ back[:3, :3].T + back[:3, 3]
    suv = _soft_organs(_positions(pet_grid), contrast=0) + rng.normal(0, 0.2, pet_grid.shape)
    signal = _soft_organs(turned, contrast=1) + rng.normal(0, 10.0, mr_grid.shape)
    return Volume(suv, pet_grid, SUV_BODY_WEIGHT), Volume(signal, mr_grid, MR_SIGNAL)


@functools.cache
def _registered() -> RigidTransform:
    return rigid_registration(*_pet_and_mr())


def test_a_known_turn_and_shift_are_recovered() -> None:
    """Every organ's center to a fifth of a PET voxel, the turn to half a degree."""
    error = np.linalg.inv(_truth()) @ _registered().matrix

    centers = np.array([organ[0] for organ in ORGANS], dtype=np.float64)
    left_mm = np.linalg.norm(centers @ error[:3, :3].T + error[:3, 3] - centers, axis=1)
    left_deg = np.degrees(np.arccos(np.clip((np.trace(error[:3, :3]) - 1) / 2, -1, 1)))
    assert left_mm.max() < 1.0
    assert left_deg < 0.5


def test_the_matrix_is_a_rotation_and_a_shift() -> None:
    rotation = _registered().matrix[:3, :3]

    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    np.testing.assert_array_equal(_registered().matrix[3], [0, 0, 0, 1])


def test_the_result_resamples_mr_onto_pet() -> None:
    """Resampled MR is the MR contrast at PET positions; unregistered it is far from it."""
    pet, mr = _pet_and_mr()
    truth = _soft_organs(_positions(pet.grid), contrast=1)

    aligned = resample(mr, pet.grid, order="linear", outside=0.0, transform=_registered().matrix)
    as_is = resample(mr, pet.grid, order="linear", outside=0.0, transform=np.eye(4))

    inner = (slice(6, -6),) * 3
    assert np.std((aligned.values - truth)[inner]) < 12.0  # the noise is 10
    assert np.std((as_is.values - truth)[inner]) > 60.0


@pytest.mark.slow
def test_the_same_input_gives_the_same_bits_and_leaves_itk_as_it_was() -> None:
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()

    again = rigid_registration(*_pet_and_mr())

    np.testing.assert_array_equal(again.matrix, _registered().matrix)
    assert again.mutual_information == _registered().mutual_information
    assert again.overlap_fraction == _registered().overlap_fraction
    assert again.description == _registered().description
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == threads


def test_the_overlap_is_the_share_of_the_smaller_image() -> None:
    """Both images are of 190 mm a side; moved by (9, 7, 12) mm and turned some eighth is lost."""
    assert 0.80 < _registered().overlap_fraction < 0.95


def _with_values(volume: Volume, values: Array) -> Volume:
    return Volume(values, volume.grid, volume.kind)


def test_refuses_an_image_already_at_the_optimum() -> None:
    pet, _ = _pet_and_mr()
    with pytest.raises(DataError, match="nothing better than its start"):
        rigid_registration(pet, pet)


@pytest.mark.slow
def test_refuses_an_image_of_nothing_but_noise() -> None:
    pet, mr = _pet_and_mr()
    noise = np.random.default_rng(1).normal(size=mr.grid.shape)
    with pytest.raises(DataError, match=r"The images share|nothing better than its start"):
        rigid_registration(pet, _with_values(mr, noise))


def test_refuses_images_that_hardly_overlap_at_any_start() -> None:
    """A rod of 2 x 2 x 190 mm across a rod of 2 x 190 x 2 mm: about 1 % in common."""
    rng = np.random.default_rng(0)
    along = _grid((2, 2, 190), (1.0, 1.0, 1.0), "1")
    across = _grid((190, 2, 2), (1.0, 1.0, 1.0), "2")
    with pytest.raises(DataError, match="share 1% of the smaller one; needed 20%"):
        rigid_registration(
            Volume(rng.uniform(size=along.shape), along, MR_SIGNAL),
            Volume(rng.uniform(size=across.shape), across, MR_SIGNAL),
        )


@pytest.mark.slow
def test_refuses_a_turn_that_no_patient_makes() -> None:
    """The PET turned by 30 degrees about the axis of the body."""
    pet, mr = _pet_and_mr()
    affine = pet.grid.affine.copy()
    c, s = np.cos(np.radians(30.0)), np.sin(np.radians(30.0))
    affine[:2] = np.array([[c, -s], [s, c]]) @ affine[:2]
    turned = Volume(pet.values, Grid(pet.grid.shape, affine, "1"), SUV_BODY_WEIGHT)
    with pytest.raises(DataError, match=r"turned the image by [23]\d degrees; .* up to 20"):
        rigid_registration(turned, mr)


@pytest.mark.slow
def test_refuses_a_ball_whose_turn_nothing_tells() -> None:
    """Any turn about the middle is as good: a restart stays where it was turned to."""
    near, far = (_grid((32, 32, 32), (5.0, 5.0, 5.0), frame) for frame in "12")
    ball = 1.0 / (1.0 + np.exp((np.linalg.norm(_positions(near), axis=-1) - 50.0) / 5.0))
    aside = np.linalg.norm(_positions(far) - [12.0, 7.0, -5.0], axis=-1)
    other = 9.0 / (1.0 + np.exp((aside - 50.0) / 5.0))
    with pytest.raises(DataError, match=r"ends \d+ mm elsewhere when it starts elsewhere"):
        rigid_registration(Volume(ball, near, SUV_BODY_WEIGHT), Volume(other, far, MR_SIGNAL))


def test_refuses_a_constant_image() -> None:
    pet, mr = _pet_and_mr()
    with pytest.raises(DataError, match="not all the same in the moving volume"):
        rigid_registration(pet, _with_values(mr, np.ones(mr.grid.shape)))


def test_refuses_values_that_are_not_numbers() -> None:
    pet, mr = _pet_and_mr()
    broken = pet.values.astype(np.float64)
    broken[0, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"finite values .* in the fixed volume"):
        rigid_registration(_with_values(pet, broken), mr)


def test_refuses_a_sheared_grid() -> None:
    pet, mr = _pet_and_mr()
    affine = pet.grid.affine.copy()
    affine[0, 1] = 1.0
    sheared = Volume(pet.values, Grid(pet.grid.shape, affine, "1"), SUV_BODY_WEIGHT)
    with pytest.raises(UnsupportedError, match="not perpendicular"):
        rigid_registration(sheared, mr)


def test_refuses_a_matrix_that_is_not_four_by_four() -> None:
    with pytest.raises(ValueError, match="4 x 4"):
        RigidTransform(np.eye(3), 1.0, 1.0, "a test")
