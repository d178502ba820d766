"""NIfTI: the same voxels at the same places, in and out, and as SimpleITK sees them."""

import gzip
import os
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Frame, Volume
from operandi.imaging.nifti import read_nifti, write_nifti
from operandi.quantities.errors import DataError, OperandiError, UnsupportedError
from operandi.quantities.kinds import (
    ACTIVITY_CONCENTRATION,
    LABEL,
    MR_SIGNAL,
    RADIODENSITY,
    SUV_BODY_WEIGHT,
    Kind,
)

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"
NOON = datetime(2025, 1, 1, 12, 0, 0, 148_000, tzinfo=UTC)

Matrix = npt.NDArray[np.float64]


def a_turn(about_x: float, about_z: float) -> Matrix:
    """Rotation by two angles in radians."""
    (cx, sx), (cz, sz) = ((np.cos(a), np.sin(a)) for a in (about_x, about_z))
    turn: Matrix = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]]) @ np.array(
        [[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]
    )
    return turn


def a_grid(
    shape: tuple[int, int, int] = (5, 4, 3), *, about_x: float = 0.3, about_z: float = -2.0
) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = a_turn(about_x, about_z) * [2.0, 2.5, 4.0]
    affine[:3, 3] = [-103.7, 55.25, 812.5]
    return Grid(shape=shape, affine=affine, frame_of_reference="2.25.1")


def a_volume(kind: Kind = SUV_BODY_WEIGHT, *, grid: Grid | None = None) -> Volume:
    grid = grid or a_grid()
    values = np.random.default_rng(1).normal(5, 2, grid.shape).astype(np.float32)
    return Volume(
        values=values, grid=grid, kind=kind, decay_reference=NOON if kind.decays else None
    )


def a_file(
    folder: Path,
    values: npt.NDArray[np.generic] | None = None,
    *,
    change: Callable[[nib.Nifti1Header], None] = lambda _: None,
) -> Path:
    """File as another program would write it: sform and qform, in mm."""
    image = nib.Nifti1Image(
        np.arange(60, dtype=np.int16).reshape(5, 4, 3) if values is None else values,
        np.diag([2.0, 2.5, 4.0, 1.0]),
    )
    image.set_qform(image.affine, code=1)
    image.header.set_xyzt_units("mm")
    content = image.to_bytes()
    header = nib.Nifti1Header(content[:348], check=False)
    change(header)
    path = folder / "image.nii"
    path.write_bytes(header.binaryblock + content[348:])
    return path


def header_of(path: Path) -> nib.Nifti1Header:
    with path.open("rb") as stream:
        header: nib.Nifti1Header = nib.Nifti1Header.from_fileobj(stream)
    return header


# --- round trips ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["image.nii", "image.nii.gz"])
def test_volume_comes_back_with_the_same_values_at_the_same_places(
    name: str, tmp_path: Path
) -> None:
    volume = a_volume()
    write_nifti(tmp_path / name, volume)

    back = read_nifti(tmp_path / name, SUV_BODY_WEIGHT)

    np.testing.assert_array_equal(back.values, volume.values)
    assert back.values.dtype == np.float32
    assert back.grid.same_as(volume.grid)
    np.testing.assert_allclose(back.grid.affine, volume.grid.affine, atol=4e-5)


def test_geometry_that_single_precision_holds_comes_back_exactly(tmp_path: Path) -> None:
    affine = np.array([[0, 2.5, 0, -103.75], [2.0, 0, 0, 55.25], [0, 0, -4, 812.5], [0, 0, 0, 1]])
    volume = a_volume(grid=Grid(shape=(5, 4, 3), affine=affine))
    write_nifti(tmp_path / "image.nii", volume)

    back = read_nifti(tmp_path / "image.nii", SUV_BODY_WEIGHT)

    np.testing.assert_array_equal(back.grid.affine, affine)


def test_mask_comes_back_as_label(tmp_path: Path) -> None:
    inside = np.random.default_rng(2).random((5, 4, 3)) > 0.5
    write_nifti(tmp_path / "lesion.nii.gz", Mask(inside=inside, grid=a_grid()))

    back = read_nifti(tmp_path / "lesion.nii.gz", LABEL)

    np.testing.assert_array_equal(back.values, inside)
    raw = gzip.decompress((tmp_path / "lesion.nii.gz").read_bytes())
    assert nib.Nifti1Header(raw[:348]).get_data_dtype() == np.uint8


def test_decay_reference_travels_in_the_file(tmp_path: Path) -> None:
    write_nifti(tmp_path / "pet.nii", a_volume(ACTIVITY_CONCENTRATION))

    assert read_nifti(tmp_path / "pet.nii", ACTIVITY_CONCENTRATION).decay_reference == NOON
    assert read_nifti(tmp_path / "pet.nii", ACTIVITY_CONCENTRATION, NOON).decay_reference == NOON


def test_grid_of_a_tilted_gantry_comes_back_from_the_sform_alone(tmp_path: Path) -> None:
    affine = np.diag([1.0, 1.0, 5.0, 1.0])
    affine[1, 2] = 1.5
    volume = a_volume(grid=Grid(shape=(5, 4, 3), affine=affine))
    write_nifti(tmp_path / "ct.nii", volume)

    assert read_nifti(tmp_path / "ct.nii", SUV_BODY_WEIGHT).grid.same_as(volume.grid)
    assert int(header_of(tmp_path / "ct.nii")["qform_code"]) == 0


@given(about_x=st.floats(-3.1, 3.1), about_z=st.floats(-3.1, 3.1), flip=st.booleans())
@settings(max_examples=25, deadline=None)
def test_any_orientation_is_read_by_simpleitk_at_the_same_place(
    tmp_path_factory: pytest.TempPathFactory, about_x: float, about_z: float, *, flip: bool
) -> None:
    """SimpleITK turns RAS into LPS by code of its own; agreement within single precision."""
    affine = a_grid(about_x=about_x, about_z=about_z).affine.copy()
    if flip:
        affine[:, 2] *= -1
    volume = a_volume(grid=Grid(shape=(5, 4, 3), affine=affine))
    path = tmp_path_factory.mktemp("nifti") / "image.nii.gz"
    write_nifti(path, volume)

    seen = SimpleITK.ReadImage(str(path))

    grid = read_nifti(path, SUV_BODY_WEIGHT).grid
    np.testing.assert_allclose(seen.GetOrigin(), grid.affine[:3, 3], atol=1e-3)
    np.testing.assert_allclose(seen.GetSpacing(), grid.spacing_mm, atol=1e-5)
    direction = np.array(seen.GetDirection()).reshape(3, 3)
    np.testing.assert_allclose(direction * grid.spacing_mm, grid.affine[:3, :3], atol=1e-4)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(seen).T, volume.values)


def test_the_same_image_gives_the_same_bytes_and_no_time_of_writing(tmp_path: Path) -> None:
    for name in ("one.nii.gz", "other.nii.gz"):
        write_nifti(tmp_path / name, a_volume())

    one = (tmp_path / "one.nii.gz").read_bytes()
    assert one == (tmp_path / "other.nii.gz").read_bytes()
    assert struct.unpack("<I", one[4:8]) == (0,)  # RFC 1952: MTIME


def test_header_states_millimeters_kind_and_unit(tmp_path: Path) -> None:
    write_nifti(tmp_path / "image.nii", a_volume())

    header = header_of(tmp_path / "image.nii")
    assert header.get_xyzt_units()[0] == "mm"
    assert bytes(header["descrip"].item()) == b"SUV_BODY_WEIGHT [g/mL]"


def test_failure_while_writing_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image.nii"
    path.write_bytes(b"old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_nifti(path, a_volume())

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# --- other programs' files --------------------------------------------------------------------


def test_scaling_is_applied(tmp_path: Path) -> None:
    """By hand: 0.5 * stored - 1024."""

    def scale(header: nib.Nifti1Header) -> None:
        header["scl_slope"], header["scl_inter"] = 0.5, -1024.0

    back = read_nifti(a_file(tmp_path, change=scale), RADIODENSITY)

    np.testing.assert_array_equal(back.values, 0.5 * np.arange(60).reshape(5, 4, 3) - 1024)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.uint8, np.float32),
        (np.int16, np.float32),
        (np.int32, np.float64),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.dtype(">f4"), np.float32),
    ],
)
def test_values_keep_their_precision(
    stored: npt.DTypeLike, expected: npt.DTypeLike, tmp_path: Path
) -> None:
    values = (np.arange(60).reshape(5, 4, 3) + (2**24 if stored == np.int32 else 0)).astype(stored)

    back = read_nifti(a_file(tmp_path, values), MR_SIGNAL)

    assert back.values.dtype == expected
    np.testing.assert_array_equal(back.values, values)


def test_affine_is_turned_from_ras_to_lps(tmp_path: Path) -> None:
    """By hand: x and y change their sign, z does not."""
    back = read_nifti(a_file(tmp_path), MR_SIGNAL)

    np.testing.assert_array_equal(back.grid.affine, np.diag([-2.0, -2.5, 4.0, 1.0]))


def test_qform_alone_and_sform_alone_place_the_voxels(tmp_path: Path) -> None:
    def without_sform(header: nib.Nifti1Header) -> None:
        header["sform_code"] = 0

    def without_qform(header: nib.Nifti1Header) -> None:
        header["qform_code"] = 0

    for change in (without_sform, without_qform):
        back = read_nifti(a_file(tmp_path, change=change), MR_SIGNAL)
        np.testing.assert_allclose(back.grid.affine, np.diag([-2.0, -2.5, 4.0, 1.0]), atol=1e-6)


def test_trailing_axes_of_one_are_dropped(tmp_path: Path) -> None:
    values = np.ones((5, 4, 3, 1, 1), np.float32)

    assert read_nifti(a_file(tmp_path, values), MR_SIGNAL).values.shape == (5, 4, 3)


# --- refusals ---------------------------------------------------------------------------------


def without_orientation(header: nib.Nifti1Header) -> None:
    header["sform_code"] = header["qform_code"] = 0


def with_a_shifted_qform(header: nib.Nifti1Header) -> None:
    header["qoffset_x"] = 0.11


def with_a_longer_sform(header: nib.Nifti1Header) -> None:
    header["srow_z"] = [0, 0, 4.06, 0]  # two steps of 0.06 mm: 0.12 mm at the far corner


def without_unit(header: nib.Nifti1Header) -> None:
    header["xyzt_units"] = 0


def in_meters(header: nib.Nifti1Header) -> None:
    header.set_xyzt_units("meter")


def with_a_voxel_size_of_zero(header: nib.Nifti1Header) -> None:
    header["sform_code"] = 0
    header["pixdim"][2] = 0


def of_another_kind(header: nib.Nifti1Header) -> None:
    header["descrip"] = b"RADIODENSITY [HU]"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (without_orientation, "neither qform nor sform"),
        (with_a_shifted_qform, r"qform and an sform that lie 0\.11 mm apart"),
        (with_a_longer_sform, r"qform and an sform that lie 0\.12 mm apart"),
        (without_unit, "lengths in 'unknown': needed 'mm'"),
        (in_meters, "lengths in 'meter': needed 'mm'"),
        (with_a_voxel_size_of_zero, "voxel size of .* mm"),
        (of_another_kind, r"states that it holds RADIODENSITY \[HU\]: needed MR_SIGNAL"),
    ],
)
def test_refuses_a_header_that_leaves_doubt(
    change: Callable[[nib.Nifti1Header], None], what: str, tmp_path: Path
) -> None:
    path = a_file(tmp_path, change=change)
    with pytest.raises(DataError, match=rf"image\.nii .*{what}"):
        read_nifti(path, MR_SIGNAL)


def test_accepts_a_qform_and_sform_within_the_tolerance(tmp_path: Path) -> None:
    def slightly_shifted(header: nib.Nifti1Header) -> None:
        header["qoffset_x"] = 0.09

    assert read_nifti(a_file(tmp_path, change=slightly_shifted), MR_SIGNAL).grid.shape == (5, 4, 3)


def test_refuses_decaying_values_without_their_instant(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"image\.nii .*decays, and states no decay reference"):
        read_nifti(a_file(tmp_path), ACTIVITY_CONCENTRATION)


def test_refuses_an_instant_that_contradicts_the_file(tmp_path: Path) -> None:
    write_nifti(tmp_path / "pet.nii", a_volume(ACTIVITY_CONCENTRATION))
    with pytest.raises(DataError, match=r"refers to 2025-01-01T12:00:00\.148000\+00:00: 2024"):
        read_nifti(tmp_path / "pet.nii", ACTIVITY_CONCENTRATION, NOON.replace(year=2024))


def test_refuses_four_dimensions(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"image\.nii has dimensions \(5, 4, 3, 2\)"):
        read_nifti(a_file(tmp_path, np.ones((5, 4, 3, 2), np.float32)), MR_SIGNAL)


def test_refuses_complex_values(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="holds complex64: needed real numbers"):
        read_nifti(a_file(tmp_path, np.ones((5, 4, 3), np.complex64)), MR_SIGNAL)


def test_refuses_another_format(tmp_path: Path) -> None:
    nib.save(nib.MGHImage(np.ones((5, 4, 3), np.float32), np.eye(4)), tmp_path / "image.mgz")
    with pytest.raises(UnsupportedError, match=r"image\.mgz is MGHImage: needed a single NIfTI"):
        read_nifti(tmp_path / "image.mgz", MR_SIGNAL)


def test_refuses_a_header_that_promises_more_than_the_file_can_hold(tmp_path: Path) -> None:
    """Refused before 32767^3 voxels, 64 TiB, are asked of the machine."""

    def absurd(header: nib.Nifti1Header) -> None:
        header["dim"][1:4] = 32767

    plain = a_file(tmp_path, change=absurd)
    packed = tmp_path / "image.nii.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        with pytest.raises(DataError, match=r"its header promises 70362\d+0\d+ of voxels"):
            read_nifti(path, MR_SIGNAL)


def test_refuses_to_write_a_dynamic_volume(tmp_path: Path) -> None:
    dynamic = Volume(
        values=np.ones((5, 4, 3, 2), np.float32),
        grid=a_grid(),
        kind=MR_SIGNAL,
        frames=(Frame(NOON, 60.0), Frame(NOON, 60.0)),
    )
    with pytest.raises(UnsupportedError, match="dynamic volume of 2 frames"):
        write_nifti(tmp_path / "image.nii", dynamic)


def test_refuses_to_write_values_beyond_single_precision(tmp_path: Path) -> None:
    values = np.full((5, 4, 3), 1e39)
    with pytest.raises(DataError, match=r"MR_SIGNAL is beyond single precision, up to 1e\+39"):
        write_nifti(tmp_path / "image.nii", Volume(values=values, grid=a_grid(), kind=MR_SIGNAL))


def test_another_suffix_is_a_programming_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in \.nii"):
        write_nifti(tmp_path / "image.img", a_volume())


def test_damaged_files_are_refused_by_name_and_never_crash(tmp_path: Path) -> None:
    contents = []
    for name in ("image.nii", "image.nii.gz"):
        write_nifti(tmp_path / name, a_volume())
        contents.append((name, (tmp_path / name).read_bytes()))
    rng = np.random.default_rng(20_250_101)
    refused = 0
    for turn in range(100):
        name, content = contents[turn % 2]
        if turn % 4 < 2:
            content = content[: rng.integers(len(content))]
        else:
            spoilt = bytearray(content)
            for at in rng.integers(min(len(content), 400), size=rng.integers(1, 20)):
                spoilt[at] = rng.integers(256)
            content = bytes(spoilt)
        path = tmp_path / f"damaged-{name}"
        path.write_bytes(content)
        try:
            read_nifti(path, SUV_BODY_WEIGHT)
        except OperandiError as error:
            refused += 1
            assert path.name in str(error)  # noqa: PT017 - either outcome is right
    assert refused > 60


# --- real files -------------------------------------------------------------------------------


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    [
        "radiomics/ibsi1/ct_phantom/phantom.nii.gz",
        "radiomics/ibsi1/digital_phantom/phantom.nii.gz",
        "radiomics/ibsi2/phantoms/orientation/orientation.nii.gz",
    ],
)
def test_published_phantoms_are_read_as_simpleitk_reads_them(name: str) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the published phantom {name} is not at {SHARED.name}/")

    volume = read_nifti(path, RADIODENSITY)

    seen = SimpleITK.ReadImage(str(path))
    np.testing.assert_allclose(seen.GetOrigin(), volume.grid.affine[:3, 3], atol=1e-3)
    direction = np.array(seen.GetDirection()).reshape(3, 3) * seen.GetSpacing()
    np.testing.assert_allclose(direction, volume.grid.affine[:3, :3], atol=1e-4)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(seen).T, volume.values)
