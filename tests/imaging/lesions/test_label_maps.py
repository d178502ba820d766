"""Lesions as label maps: written, read back, read from elsewhere, refused."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.dicom.segmentation import resample_onto
from operandi.imaging.lesions.label_maps import read_label_map, write_label_map
from operandi.imaging.nifti import write_labels, write_nifti
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import LABEL

SHAPE = (6, 5, 4)
Voxel = tuple[int, int, int]


def a_grid(shape: Voxel = SHAPE, *, origin: tuple[float, float, float] = (-9.0, 5.0, 20.0)) -> Grid:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = origin
    return Grid(shape=shape, affine=affine, frame_of_reference="2.25.1")


def a_lesion(name: str, *voxels: Voxel, grid: Grid | None = None) -> Lesion:
    place = grid or a_grid()
    inside = np.zeros(place.shape, bool)
    for voxel in voxels:
        inside[voxel] = True
    return Lesion(LesionId(name), Mask(inside, place), "", "drawn")


def voxels_on(grid: Grid, lesion: Lesion) -> list[Voxel]:
    found = np.argwhere(resample_onto(lesion.mask, grid).inside)
    return [(int(i), int(j), int(k)) for i, j, k in found]


def labels_of(values: list[int] | npt.NDArray[np.floating]) -> Volume:
    filled = np.zeros(SHAPE, np.float32)
    filled.ravel()[: len(values)] = values
    return Volume(values=filled, grid=a_grid(), kind=LABEL)


def test_lesions_come_back_under_their_names_on_tight_boxes(tmp_path: Path) -> None:
    grid = a_grid()
    lesions = [a_lesion("L2", (1, 1, 1), (1, 2, 1)), a_lesion("Leber ü", (5, 4, 3))]
    path = tmp_path / "lesions.nii.gz"

    write_label_map(path, lesions, grid)
    first, second = read_label_map(path, grid=grid)

    assert (first.id, second.id) == ("L2", "Leber ü")
    assert voxels_on(grid, first) == [(1, 1, 1), (1, 2, 1)]
    assert voxels_on(grid, second) == [(5, 4, 3)]
    assert first.mask.grid.shape == (1, 2, 1)
    assert first.mask.grid.frame_of_reference == "2.25.1"
    assert first.delineation == "label map lesions.nii.gz"


def test_another_reader_finds_whole_labels_where_they_lie(tmp_path: Path) -> None:
    """SimpleITK, which works in LPS: the second lesion at (-9 + 2 * 5, 5 + 3 * 4, 20 + 4 * 3)."""
    path = tmp_path / "lesions.nii.gz"
    write_label_map(path, [a_lesion("a", (0, 0, 0)), a_lesion("b", (5, 4, 3))], a_grid())

    image = SimpleITK.ReadImage(str(path))

    assert image.GetPixelID() == SimpleITK.sitkUInt16
    index = image.TransformPhysicalPointToIndex((1.0, 17.0, 32.0))
    assert image.GetPixel(*index) == 2


def test_the_same_lesions_are_the_same_bytes(tmp_path: Path) -> None:
    lesions = [a_lesion("a", (0, 0, 0))]

    write_label_map(tmp_path / "one.nii.gz", lesions, a_grid())
    write_label_map(tmp_path / "two.nii.gz", lesions, a_grid())

    one, two = ((tmp_path / f"{name}.nii.gz").read_bytes() for name in ("one", "two"))
    assert one == two


def test_boxes_are_placed_on_the_grid(tmp_path: Path) -> None:
    box = a_grid((2, 1, 1), origin=(-9.0 + 2 * 3, 5.0 + 3 * 2, 20.0 + 4 * 1))
    path = tmp_path / "lesions.nii"

    write_label_map(path, [a_lesion("a", (1, 0, 0), grid=box)], a_grid())

    assert voxels_on(a_grid(), read_label_map(path, grid=a_grid())[0]) == [(4, 2, 1)]


def test_a_map_without_names_is_named_by_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "segments.nii.gz"
    write_nifti(path, labels_of([0, 7, 3]))

    assert [lesion.id for lesion in read_label_map(path)] == ["3", "7"]
    named = read_label_map(path, names={3: "a", 7: "b", 9: "not there"})
    assert [lesion.id for lesion in named] == ["a", "b"]


@pytest.mark.parametrize(
    ("lesions", "match"),
    [
        ([a_lesion("a", (0, 0, 0)), a_lesion("b", (0, 0, 0))], "a and b share voxels"),
        ([a_lesion("a", (0, 0, 0)), a_lesion("a", (1, 0, 0))], "distinct names"),
        ([a_lesion("a")], "a has no voxel"),
    ],
)
def test_refuses_lesions_that_a_map_cannot_hold(
    lesions: list[Lesion], match: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=match):
        write_label_map(tmp_path / "lesions.nii.gz", lesions, a_grid())


def test_refuses_a_lesion_off_the_grid(tmp_path: Path) -> None:
    aside = a_lesion("a", (0, 0, 0), grid=a_grid(origin=(-10.0, 5.0, 20.0)))

    with pytest.raises(GridMismatchError, match="do not coincide"):
        write_label_map(tmp_path / "lesions.nii.gz", [aside], a_grid())


@pytest.mark.parametrize(
    ("values", "match"),
    [([1.5], "not whole"), ([-1], "needed 0 to 65535"), ([np.nan, 1], "needed 0 to 65535")],
)
def test_refuses_what_are_no_labels(values: list[float], match: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.nii.gz"
    write_nifti(path, labels_of(np.array(values)))

    with pytest.raises(DataError, match=match):
        read_label_map(path)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"1": "a"}', "label 2, which has no name"),
        ('{"1": "a", "2": "a"}', "one name to two labels"),
        ('["a"]', "no list of names"),
        ("{", "no list of names"),
    ],
)
def test_refuses_names_that_do_not_fit(text: str, match: str, tmp_path: Path) -> None:
    write_nifti(tmp_path / "labels.nii.gz", labels_of([1, 2]))
    (tmp_path / "labels.json").write_text(text, "utf-8")

    with pytest.raises(DataError, match=match):
        read_label_map(tmp_path / "labels.nii.gz")


def test_refuses_a_map_of_another_image(tmp_path: Path) -> None:
    write_nifti(tmp_path / "labels.nii.gz", labels_of([1]))

    with pytest.raises(GridMismatchError, match=r"labels\.nii\.gz"):
        read_label_map(tmp_path / "labels.nii.gz", grid=a_grid(origin=(0.0, 0.0, 0.0)))


def test_refuses_to_write_labels_of_another_type(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        write_labels(tmp_path / "a.nii", np.zeros((1, 1, 1), np.uint16), a_grid())


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(owners=st.lists(st.integers(0, 3), min_size=120, max_size=120))
def test_any_parts_of_the_grid_come_back(owners: list[int], tmp_path: Path) -> None:
    labels = np.array(owners).reshape(SHAPE)
    lesions = [
        Lesion(LesionId(f"L{n}"), Mask(labels == n, a_grid()), "", "")
        for n in (3, 1, 2)
        if (labels == n).any()
    ]
    path = tmp_path / "lesions.nii.gz"

    write_label_map(path, lesions, a_grid())

    assert len(json.loads((tmp_path / "lesions.json").read_text("utf-8"))) == len(lesions)
    for lesion in read_label_map(path, grid=a_grid()):
        inside = resample_onto(lesion.mask, a_grid()).inside
        np.testing.assert_array_equal(inside, labels == int(lesion.id[1:]))
