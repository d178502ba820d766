"""A Siemens mosaic gives the volume that its slices would give one by one."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operandi.imaging.dicom.mosaic import parse_csa
from operandi.quantities.errors import DataError
from tests.imaging.dicom import dicom_files as made
from tests.imaging.dicom.assembling import stack_in, stacks_in

CSA = (0x0029, 0x1010)


@pytest.mark.parametrize("slices", [1, 4, 7, 9])
@pytest.mark.parametrize("orientation", [made.AXIAL, made.SAGITTAL, made.OBLIQUE])
def test_a_mosaic_is_the_volume_of_its_slices(
    slices: int, orientation: Sequence[float], tmp_path: Path
) -> None:
    tiled = stack_in(tmp_path / "tiled", [made.mosaic(slices, orientation=orientation)])
    single = stack_in(tmp_path / "single", made.a_series(slices, orientation=orientation))

    np.testing.assert_array_equal(tiled.values, single.values)
    assert tiled.grid.same_as(single.grid)


def test_slices_may_be_stacked_against_the_normal(tmp_path: Path) -> None:
    """The first tile then lies at the far end: 4 slices from z = 50 down to 41 mm."""
    stack = stack_in(tmp_path, [made.mosaic(4, orientation=made.AXIAL, downwards=True)])

    np.testing.assert_allclose(stack.grid.affine[:3, 3], (-70, -60, 41))
    for k in range(4):
        np.testing.assert_array_equal(stack.values[:, :, k].T, made.an_image(4 - k))


@pytest.mark.parametrize("syntax", ["RLE", "JPEG lossless", "implicit", "big endian"])
def test_transfer_syntax_changes_nothing(syntax: str, tmp_path: Path) -> None:
    (one,) = stacks_in(tmp_path / "a", [made.mosaic()], syntax=made.SYNTAXES[syntax])
    other = stack_in(tmp_path / "b", [made.mosaic()])

    np.testing.assert_array_equal(one.values, other.values)


def test_mosaics_of_several_b_values_are_several_volumes(tmp_path: Path) -> None:
    datasets = [
        made.changed(
            made.mosaic(4), SOPInstanceUID=f"1.2.{b}", DiffusionBValue=float(b), InstanceNumber=n
        )
        for n, b in enumerate((800, 0))
    ]

    stacks = stacks_in(tmp_path, datasets)

    assert [stack.key for stack in stacks] == [(("b-value (s/mm2)", b),) for b in ("0", "800")]


def test_the_number_of_slices_may_stand_in_the_mr_header(tmp_path: Path) -> None:
    dataset = made.mosaic(5, orientation=made.AXIAL)
    dataset[CSA].value = made.csa_header({"SliceNormalVector": ["0", "0", "1"]})
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0A, "US", 5)

    assert stack_in(tmp_path, [dataset]).grid.shape == (made.COLUMNS, made.ROWS, 5)


def test_refuses_two_numbers_of_slices_that_differ(tmp_path: Path) -> None:
    """Both fit a mosaic of 3 x 3 tiles; the smaller would lose a slice."""
    dataset = made.mosaic(8, orientation=made.AXIAL)
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0A, "US", 7)

    with pytest.raises(DataError, match=r"0000\.dcm .* contradicts \(0019,100A\) in their number"):
        stacks_in(tmp_path, [dataset])


def test_reads_a_csa_header() -> None:
    values = {"A": ["1", "two"], "Empty": [], "Vector": ["0.5", "-0.5", "1"]}

    assert parse_csa(made.csa_header(values)) == {name: tuple(v) for name, v in values.items()}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a CSA header at all",
        made.csa_header({"A": ["1"]})[:60],
        b"SV10\x04\x03\x02\x01" + struct.pack("<II", 10**9, 77),
    ],
)
def test_refuses_what_is_no_csa_header(data: bytes) -> None:
    with pytest.raises((ValueError, struct.error)):
        parse_csa(data)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"NumberOfImagesInMosaic": ["4"]}, "lacks the number or direction"),
        ({"SliceNormalVector": ["0", "0", "1"]}, "lacks the number or direction"),
        (
            {"NumberOfImagesInMosaic": ["x"], "SliceNormalVector": ["0", "0", "1"]},
            "lacks the number or direction",
        ),
        (
            {"NumberOfImagesInMosaic": ["4"], "SliceNormalVector": ["0", "0", "9"]},
            "lacks the number or direction",
        ),
        (
            {"NumberOfImagesInMosaic": ["4"], "SliceNormalVector": ["1", "0", "0"]},
            "not normal to its ImageOrientationPatient",
        ),
        (
            {"NumberOfImagesInMosaic": ["40"], "SliceNormalVector": ["0", "0", "1"]},
            "7 x 7 tiles, but states Rows, Columns",
        ),
    ],
)
def test_refuses_a_csa_header_that_does_not_fit(
    values: dict[str, list[str]], message: str, tmp_path: Path
) -> None:
    dataset = made.mosaic(4, orientation=made.AXIAL)
    dataset[CSA].value = made.csa_header(values)

    with pytest.raises(DataError, match=rf"0000\.dcm.*{message}"):
        stacks_in(tmp_path, [dataset])


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"SpacingBetweenSlices": None}, "is a mosaic without SpacingBetweenSlices"),
        ({"SpacingBetweenSlices": "0"}, "is a mosaic without SpacingBetweenSlices"),
        ({"PixelSpacing": None}, "states PixelSpacing None"),
        ({"ImagePositionPatient": None}, "states ImagePositionPatient None"),
        ({"Rows": None}, "states Rows, Columns"),
    ],
)
def test_refuses_a_mosaic_that_lacks_its_geometry(
    attributes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    dataset = made.changed(made.mosaic(4), **attributes)

    with pytest.raises(DataError, match=message):
        stacks_in(tmp_path, [dataset])


def test_refuses_a_mosaic_without_private_elements(tmp_path: Path) -> None:
    dataset = made.mosaic(4)
    dataset.remove_private_tags()

    with pytest.raises(DataError, match="lacks the number or direction of its slices"):
        stacks_in(tmp_path, [dataset])
