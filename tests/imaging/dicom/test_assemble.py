"""Volumes with exact values and geometry, or a refusal that names the file."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.valuerep import format_number_as_ds

from operandi.imaging.dicom.assemble import Stack, assemble
from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.geometry import SPACING_TOLERANCE_MM
from operandi.imaging.dicom.index import index_dicom
from operandi.quantities.errors import DataError, OperandiError, UnsupportedError
from tests.imaging.dicom import dicom_files as made
from tests.imaging.dicom.assembling import series_in, stack_in, stacks_in
from tests.imaging.dicom.published_dicom import LOOSE, trees
from tests.shared_data import needs_shared_data, shared_data, unpacked

ORIENTATIONS = {
    "axial": made.AXIAL,
    "sagittal": made.SAGITTAL,
    "coronal": made.CORONAL,
    "oblique": made.OBLIQUE,
}


def by_simpleitk(folder: Path) -> SimpleITK.Image:
    reader = SimpleITK.ImageSeriesReader()
    (uid,) = reader.GetGDCMSeriesIDs(str(folder))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), uid))
    reader.SetOutputPixelType(SimpleITK.sitkFloat64)
    image: SimpleITK.Image = reader.Execute()
    return image


def require_same(stack: Stack, theirs: SimpleITK.Image) -> None:
    """SimpleITK holds spacing, origin and direction apart, in LPS, and its array as (k, j, i)."""
    affine = stack.grid.affine
    spacing = np.array(stack.grid.spacing_mm)
    np.testing.assert_allclose(spacing, theirs.GetSpacing(), rtol=1e-6)
    np.testing.assert_allclose(affine[:3, 3], theirs.GetOrigin(), atol=1e-6)
    direction = np.array(theirs.GetDirection()).reshape(3, 3)
    np.testing.assert_allclose(affine[:3, :3] / spacing, direction, atol=1e-6)
    values = SimpleITK.GetArrayFromImage(theirs).transpose(2, 1, 0)
    np.testing.assert_array_equal(stack.values, values.astype(np.float32))


# --- values and geometry ----------------------------------------------------------------------


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_affine_is_that_of_the_standard(orientation: Sequence[float], tmp_path: Path) -> None:
    stack = stack_in(tmp_path, made.a_series(orientation=orientation))

    assert stack.grid.shape == (made.COLUMNS, made.ROWS, made.SLICES)
    np.testing.assert_allclose(stack.grid.affine, made.affine_by_hand(orientation), atol=1e-9)
    assert stack.grid.frame_of_reference == "1.2.826.0.1.3680043.10.3"


def test_affine_by_numbers(tmp_path: Path) -> None:
    """Columns 2 mm apart along x, rows 2.5 mm along y, slices 3 mm along z, from the origin."""
    stack = stack_in(tmp_path, made.a_series())

    assert stack.grid.affine.tolist() == [
        [2.0, 0.0, 0.0, -70.0],
        [0.0, 2.5, 0.0, -60.0],
        [0.0, 0.0, 3.0, 50.0],
        [0.0, 0.0, 0.0, 1.0],
    ]


def test_values_stand_at_column_row_slice(tmp_path: Path) -> None:
    stack = stack_in(tmp_path, made.a_series())

    for k in range(made.SLICES):
        np.testing.assert_array_equal(stack.values[:, :, k].T, made.an_image(k + 1))
    assert stack.values.dtype == np.float32
    assert not stack.values.flags.writeable


@pytest.mark.parametrize("syntax", made.SYNTAXES)
def test_transfer_syntax_changes_nothing(syntax: str, tmp_path: Path) -> None:
    (stack,) = stacks_in(
        tmp_path, made.a_series(orientation=made.OBLIQUE), syntax=made.SYNTAXES[syntax]
    )

    expected = np.stack([made.an_image(k + 1).T for k in range(made.SLICES)], axis=2)
    np.testing.assert_array_equal(stack.values, expected)
    np.testing.assert_allclose(stack.grid.affine, made.affine_by_hand(made.OBLIQUE), atol=1e-9)


@pytest.mark.parametrize("modality", ["MR", "CT", "PT"])
@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_agrees_with_simpleitk(orientation: Sequence[float], modality: str, tmp_path: Path) -> None:
    """Each PET slice has its own slope."""
    stack = stack_in(tmp_path, made.a_series(modality=modality, orientation=orientation))

    require_same(stack, by_simpleitk(tmp_path))


@needs_shared_data
@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    ["sts_001_fdg_pet_ge", "sts_001_mr_t1_siemens", "sts_001_mr_t2fs_siemens"],
)
def test_agrees_with_simpleitk_on_published_series(name: str) -> None:
    folder = unpacked(f"pet_dicom/{name}_with_rtstruct.tar.xz") / "image"
    (series,) = index_dicom(folder).series

    require_same(assemble(series)[0], by_simpleitk(folder))


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    """The slopes are 0.625, 0.75, 0.875 and 1."""
    stack = stack_in(tmp_path, made.a_series(modality="PT"))

    for k in range(made.SLICES):
        expected = made.an_image(k + 1).astype(np.float64) * (0.5 + 0.125 * (k + 1))
        np.testing.assert_array_equal(stack.values[:, :, k].T, expected.astype(np.float32))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    slope=st.floats(1e-6, 1e6).map(lambda x: float(format_number_as_ds(x))),
    intercept=st.floats(-1e5, 1e5).map(lambda x: float(format_number_as_ds(x))),
)
def test_rescale_is_stored_times_slope_plus_intercept(
    slope: float, intercept: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dataset = made.a_slice(
        RescaleSlope=format_number_as_ds(slope), RescaleIntercept=format_number_as_ds(intercept)
    )
    stack = stack_in(tmp_path_factory.mktemp("rescale"), [dataset])

    exact = made.an_image(1).astype(np.float64) * slope + intercept
    np.testing.assert_array_equal(stack.values[:, :, 0].T, exact.astype(np.float32))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(9)), numbers=st.permutations(range(9)))
def test_order_and_names_of_files_and_numbers_change_nothing(
    order: list[int], numbers: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    datasets = made.diffusion("standard")
    for dataset, number in zip(datasets, numbers, strict=True):
        dataset.InstanceNumber = number
    stacks = stacks_in(tmp_path_factory.mktemp("permuted"), [datasets[n] for n in order])

    assert [stack.key for stack in stacks] == [
        (("b-value (s/mm2)", b),) for b in ("0", "50", "800")
    ]
    for volume, stack in enumerate(stacks):
        expected = [made.an_image(volume * 3 + k + 1).T for k in range(3)]
        np.testing.assert_array_equal(stack.values, np.stack(expected, axis=2))


def test_headers_and_files_are_in_the_order_of_slices(tmp_path: Path) -> None:
    stack = stack_in(tmp_path, made.a_series()[::-1])

    assert [header["InstanceNumber"] for header in stack.headers] == [1, 2, 3, 4]
    assert [file.name for file in stack.files] == [f"{n:04d}.dcm" for n in (3, 2, 1, 0)]


def test_reads_from_a_zip_archive(tmp_path: Path) -> None:
    members = {str(n): made.encoded(dataset) for n, dataset in enumerate(made.a_series())}
    made.write_zip(tmp_path / "a.zip", members)
    (series,) = index_dicom(tmp_path).series

    (stack,) = assemble(series)

    np.testing.assert_array_equal(stack.values[:, :, 2].T, made.an_image(3))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_slice_is_lost_where_members_of_an_archive_share_a_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for dataset in made.a_series():
            archive.writestr("IM0001", made.encoded(dataset))
    (series,) = index_dicom(tmp_path).series

    (stack,) = assemble(series)

    for k in range(made.SLICES):
        np.testing.assert_array_equal(stack.values[:, :, k].T, made.an_image(k + 1))
    assert stack.files[1].name == "a.zip!IM0001 (2 of 4)"


def test_a_single_slice_is_as_thick_as_it_says(tmp_path: Path) -> None:
    stack = stack_in(tmp_path, [made.a_slice(orientation=made.OBLIQUE, SliceThickness="4.5")])

    np.testing.assert_allclose(
        stack.grid.affine, made.affine_by_hand(made.OBLIQUE, step_mm=4.5), atol=1e-9
    )


def test_gaps_of_a_real_whole_body_pet_are_even_enough(tmp_path: Path) -> None:
    """Rounded table positions of a GE scanner: 3.19 to 3.29 mm, 3.27 mm on average."""
    positions = np.cumsum([0.0, 3.27, 3.29, 3.19, 3.29, 3.29, 3.27])
    datasets = a_series_at(positions)
    stack = stack_in(tmp_path, datasets)

    assert stack.grid.spacing_mm[2] == pytest.approx(positions[-1] / 6)


def a_series_at(positions: Sequence[float] | np.ndarray[Any, Any]) -> list[Dataset]:
    datasets = made.a_series(len(positions))
    for dataset, z in zip(datasets, positions, strict=True):
        dataset.ImagePositionPatient = ["-70", "-60", format_number_as_ds(round(float(z), 4))]
    return datasets


# --- refusals ---------------------------------------------------------------------------------


def refused(folder: Path, datasets: Sequence[Dataset]) -> str:
    with pytest.raises(OperandiError) as caught:
        stacks_in(folder, datasets)
    return str(caught.value)


def test_refuses_missing_slices_and_names_their_neighbors(tmp_path: Path) -> None:
    datasets = made.a_series(8)
    del datasets[3:5]

    assert refused(tmp_path, datasets).startswith(
        "The gap between 0002.dcm and 0003.dcm is 9.00 mm where the others are 3.00 mm: 2 slice(s) "
        "seem to be missing there."
    )


@pytest.mark.parametrize(("shift", "even"), [(0.049, True), (0.12, False)])
def test_the_tolerance_is_a_tenth_of_a_millimeter(
    shift: float, even: object, tmp_path: Path
) -> None:
    assert SPACING_TOLERANCE_MM == 0.1
    datasets = a_series_at([0.0, 3.0, 6.0 + shift, 9.0, 12.0])
    if even:
        assert stack_in(tmp_path, datasets).grid.shape[2] == 5
    else:
        message = refused(tmp_path, datasets)
        assert "between 0001.dcm and 0002.dcm is 3.12 mm" in message
        assert "unevenly spaced" in message


def a_dynamic_pet(*, times: int = 3, slices: int = 4, **attributes: Any) -> list[Dataset]:
    return [
        made.a_slice(
            t * slices + k + 1,
            k=k,
            modality="PT",
            AcquisitionTime=f"12{5 * t:02d}00",
            RescaleSlope="1",
            **attributes,
        )
        for t in range(times)
        for k in range(slices)
    ]


def test_refuses_a_dynamic_pet_that_lacks_the_last_slice_of_every_time(tmp_path: Path) -> None:
    """The series as a whole still has more images than one volume of it."""
    complete = stacks_in(tmp_path / "whole", a_dynamic_pet(NumberOfSlices=4))
    datasets = [d for d in a_dynamic_pet(NumberOfSlices=4) if d.InstanceNumber % 4]

    message = refused(tmp_path / "cut", datasets)

    assert [stack.values.shape[2] for stack in complete] == [4, 4, 4]
    assert "0000.dcm states NumberOfSlices 4, but the volume with acquisition time" in message
    assert "has 3" in message


def every(nth: int, *, keep: int = 5, **attributes: Any) -> list[Dataset]:
    """Slices 3 mm apart of which every *nth* is left."""
    return made.a_series((keep - 1) * nth + 1, **attributes)[::nth]


@pytest.mark.parametrize("nth", [2, 3, 5])
def test_refuses_a_series_of_which_every_nth_slice_is_left(nth: int, tmp_path: Path) -> None:
    """The gaps are even; only SpacingBetweenSlices tells."""
    message = refused(tmp_path, every(nth, SpacingBetweenSlices="3"))

    assert message.startswith(
        f"0000.dcm states SpacingBetweenSlices 3 mm, but the slices lie {3 * nth}.00 mm apart: "
        f"{nth - 1} of every {nth} slices seem to be missing."
    )


@pytest.mark.parametrize(
    ("thickness", "stated", "acquisition"),
    [
        ("2.5", "3", None),  # the distance of centers, thinner slices
        ("6", "3", "3D"),  # the same, overlapping
        ("2.5", "3.05", None),  # rounded
        ("2.4", "0.6", "2D"),  # the gap, of which the distance is a multiple
        ("2.3", "0.7", None),  # the gap, of which it is none
        ("3", "0", None),  # nothing stated
        ("3", "-3", None),
    ],
)
def test_spacing_between_slices_may_be_their_distance_or_their_gap(
    thickness: str, stated: str, acquisition: str | None, tmp_path: Path
) -> None:
    datasets = made.a_series(
        SliceThickness=thickness, SpacingBetweenSlices=stated, MRAcquisitionType=acquisition
    )

    assert stack_in(tmp_path, datasets).grid.spacing_mm[2] == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("thickness", "stated", "acquisition"),
    [
        ("1.5", "1.5", "2D"),  # as thick as far apart, every second one missing; or a wide gap
        ("2", "1", "3D"),  # interpolated to half the thickness, two of three missing
        ("2", "1", None),  # that, or the gap
        ("3", "4", None),
        ("3", "1.3", None),
    ],
)
def test_refuses_positions_that_spacing_between_slices_contradicts(
    thickness: str, stated: str, acquisition: str | None, tmp_path: Path
) -> None:
    datasets = made.a_series(
        SliceThickness=thickness, SpacingBetweenSlices=stated, MRAcquisitionType=acquisition
    )

    assert f"SpacingBetweenSlices {stated} mm, but the slices lie 3.00 mm apart" in refused(
        tmp_path, datasets
    )


@pytest.mark.parametrize(
    "attributes", [{"PixelSpacing": ["2.500001", "2"]}, {"EchoTime": "4.60001"}]
)
def test_the_last_digit_of_a_rounded_number_sets_no_slice_apart(
    attributes: dict[str, Any], tmp_path: Path
) -> None:
    datasets = made.a_series()
    made.changed(datasets[1], **attributes)

    stack = stack_in(tmp_path, datasets)

    assert (stack.key, stack.values.shape[2]) == ((), 4)
    assert stack.grid.spacing_mm[1] == 2.5


def with_padding(modality: str, **attributes: Any) -> list[Dataset]:
    """Signed pixels of which the first row of each slice is -2000."""
    image = made.an_image(1, dtype="<i2")
    image[0] = -2000
    return [
        made.changed(one, **attributes) for one in made.a_series(modality=modality, image=image)
    ]


@pytest.mark.parametrize("modality", ["PT", "MR"])
@pytest.mark.parametrize("syntax", ["explicit", "implicit", "JPEG-LS"])
@pytest.mark.parametrize(
    "declared",
    [
        {"PixelPaddingValue": -2000},
        {"PixelPaddingValue": -2001, "PixelPaddingRangeLimit": -1999},
        {"PixelPaddingValue": -1999, "PixelPaddingRangeLimit": -2001},
    ],
)
def test_refuses_padding_that_would_read_as_a_signal(
    declared: dict[str, int], syntax: str, modality: str, tmp_path: Path
) -> None:
    datasets = with_padding(modality, **declared)

    with pytest.raises(DataError) as caught:
        stacks_in(tmp_path, datasets, syntax=made.SYNTAXES[syntax])

    assert "0000.dcm declares PixelPaddingValue" in caught.value.what
    assert "40 of its 1280 pixels are such padding, which would read as -" in caught.value.what


def test_refuses_padding_that_is_written_unsigned_beside_signed_pixels(tmp_path: Path) -> None:
    datasets = with_padding("MR", PixelPaddingValue=63536)
    for dataset in datasets:
        dataset["PixelPaddingValue"].VR = "US"

    assert "would read as -2000" in refused(tmp_path, datasets)


@pytest.mark.parametrize(
    ("modality", "declared"), [("MR", -32768), ("PT", -1), ("CT", -2000), ("MR", None)]
)
def test_padding_that_no_pixel_carries_is_no_refusal_nor_is_that_of_ct(
    modality: str, declared: int | None, tmp_path: Path
) -> None:
    datasets = with_padding(modality, PixelPaddingValue=declared)

    assert stack_in(tmp_path, datasets).values.shape[2] == 4


def test_padding_that_reads_as_zero_is_the_zero_of_no_signal(tmp_path: Path) -> None:
    image = made.an_image(1)
    image[0] = 0
    datasets = made.a_series(image=image, PixelPaddingValue=0)

    assert (stack_in(tmp_path, datasets).values[:, 0] == 0).all()


def test_refuses_floating_point_padding_and_padding_that_is_not_a_number(tmp_path: Path) -> None:
    for value, name in ((-1.5, "number"), (float("nan"), "nan")):
        image = np.ones((made.ROWS, made.COLUMNS), "<f4")
        image[3, 4] = value
        dataset = made.a_slice(
            PixelData=None, BitsStored=None, HighBit=None, PixelRepresentation=None
        )
        dataset.BitsAllocated, dataset.FloatPixelPaddingValue = 32, value
        dataset.FloatPixelData = image.tobytes()

        message = refused(tmp_path / name, [dataset])

        assert "declares FloatPixelPaddingValue" in message
        assert "1 of its 1280 pixels" in message


def test_refuses_gaps_that_add_up(tmp_path: Path) -> None:
    """Each gap is within tolerance of 3 mm, but slices end up half a millimeter off."""
    gaps = [3.09] * 6 + [2.91] * 6 + [3.0]
    datasets = a_series_at(np.cumsum([0.0, *gaps]))

    assert "from where even spacing of" in refused(tmp_path, datasets)


def test_refuses_two_slices_at_one_position(tmp_path: Path) -> None:
    datasets = [*made.a_series(), made.a_slice(9, k=2, image=made.an_image(9))]

    message = refused(tmp_path, datasets)

    assert "0002.dcm" in message
    assert "2 times where the others are imaged 1 times" in message


def test_refuses_a_slice_moved_sideways(tmp_path: Path) -> None:
    """Its distance along the normal is right."""
    datasets = made.a_series()
    datasets[2].ImagePositionPatient = ["-60", "-60", "56"]

    message = refused(tmp_path, datasets)

    assert message.startswith("0002.dcm is shifted sideways by 10.00 mm against 0000.dcm")


def test_refuses_a_tilted_gantry(tmp_path: Path) -> None:
    datasets = made.a_series()
    for k, dataset in enumerate(datasets):
        dataset.ImagePositionPatient = ["-70", f"{-60 + 0.3 * k:.1f}", f"{50 + 3 * k}"]

    assert "sheared stack" in refused(tmp_path, datasets)


def test_refuses_mixed_orientations(tmp_path: Path) -> None:
    datasets = [*made.a_series(2), made.a_slice(3, orientation=made.SAGITTAL)]

    assert "mixes orientations: 0000.dcm and 0002.dcm differ" in refused(tmp_path, datasets)


@pytest.mark.parametrize(
    ("modality", "attributes", "message"),
    [
        ("MR", {"Rows": 31}, "Rows is 32 in 0000.dcm but 31 in 0001.dcm"),
        ("MR", {"PixelSpacing": ["2.5", "2.1"]}, "PixelSpacing is (2.5, 2.0) in 0000.dcm"),
        ("MR", {"FrameOfReferenceUID": "1.2"}, "FrameOfReferenceUID is '1.2.826"),
        ("MR", {"FrameOfReferenceUID": None}, "but None in 0001.dcm"),
        ("PT", {"Units": "CNTS"}, "Units is 'BQML' in 0000.dcm but 'CNTS' in 0001.dcm"),
        ("PT", {"SUVType": "BW"}, "SUVType is None in 0000.dcm but 'BW' in 0001.dcm"),
        ("CT", {"RescaleType": "HU"}, "RescaleType is None in 0000.dcm but 'HU' in 0001.dcm"),
        (
            "MR",
            {"RescaleSlope": "2", "RescaleIntercept": "0"},
            "Of 0000.dcm and 0001.dcm, one states RescaleSlope and one does not",
        ),
        ("MR", {"EchoTime": "9.2"}, "mixes echo time (ms) without repeating positions: '4.6' in"),
        ("MR", {"EchoTime": None}, "'none' in 0001.dcm"),
        ("MR", {"DiffusionBValue": 800.0}, "mixes b-value (s/mm2) without repeating positions"),
        ("MR", {"ImageType": ["DERIVED", "PRIMARY", "W"]}, "mixes contrast without repeating"),
        ("MR", {"ImagePositionPatient": None}, "0001.dcm states ImagePositionPatient None"),
        ("MR", {"ImagePositionPatient": ["0", "0"]}, "(0.0, 0.0); needed 3 numbers"),
        ("MR", {"ImageOrientationPatient": None}, "0001.dcm states ImageOrientationPatient None"),
        ("MR", {"ImageOrientationPatient": ["1", "0", "0", "0.1", "1", "0"]}, "not two orthogonal"),
        ("PT", {"RescaleSlope": "0"}, "0001.dcm states RescaleSlope 0.0"),
        ("PT", {"RescaleSlope": "-1"}, "0001.dcm is PT and states RescaleSlope -1.0: activity"),
        ("PT", {"RescaleSlope": "1e38"}, "0001.dcm states RescaleSlope 1e+38"),
    ],
)
def test_refuses_a_slice_unlike_the_others(
    modality: str, attributes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    datasets = made.a_series(modality=modality)
    made.changed(datasets[1], **attributes)

    assert message in refused(tmp_path, datasets)


@pytest.mark.parametrize(
    ("modality", "attributes", "message"),
    [
        ("PT", {"RescaleSlope": None, "RescaleIntercept": None}, "0000.dcm is PT without Rescale"),
        ("CT", {"RescaleSlope": None, "RescaleIntercept": None}, "0000.dcm is CT without Rescale"),
        ("CT", {"RescaleIntercept": None}, "0000.dcm states RescaleSlope 1.0 and RescaleIntercept"),
        ("MR", {"PixelSpacing": ["0", "2"]}, "0000.dcm states PixelSpacing (0.0, 2.0); needed > 0"),
        ("MR", {"PixelSpacing": None}, "0000.dcm states PixelSpacing None"),
        ("MR", {"LossyImageCompression": "01"}, "0000.dcm was compressed with loss"),
        ("PT", {"NumberOfSlices": 6}, "states NumberOfSlices 6, but the series has 4"),
        ("MR", {"Rows": 65535, "Columns": 65535}, "0000.dcm states an image of 1 x 65535 x 65535"),
        ("MR", {"PixelData": None}, "holds no pixels: it is not an image"),
    ],
)
def test_refuses_a_series_that_lacks_what_a_volume_needs(
    modality: str, attributes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    datasets = [made.changed(one, **attributes) for one in made.a_series(modality=modality)]

    assert message in refused(tmp_path, datasets)


def test_refuses_a_single_slice_whose_thickness_is_ambiguous(tmp_path: Path) -> None:
    """A gap of 1 mm would make voxels of a sixth of their volume."""
    assert "states SpacingBetweenSlices 1 mm and SliceThickness 5 mm" in refused(
        tmp_path, [made.a_slice(SliceThickness="5", SpacingBetweenSlices="1")]
    )


def test_refuses_a_single_slice_without_thickness(tmp_path: Path) -> None:
    assert "0000.dcm is a single slice without SliceThickness" in refused(
        tmp_path, [made.a_slice(SliceThickness=None)]
    )


def test_refuses_a_table_of_values_instead_of_a_rescale(tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [2, 0, 16], "US"
    table["LUTDescriptor"].VR = "US"
    datasets = [made.changed(one, ModalityLUTSequence=[table]) for one in made.a_series()]

    assert "0000.dcm maps its values by a table" in refused(tmp_path, datasets)


def test_refuses_a_series_that_contradicts_itself(tmp_path: Path) -> None:
    datasets = [*made.a_series(3), made.a_slice(4, PatientID="P-002")]

    message = refused(tmp_path, datasets)

    assert "contradicts itself: one SeriesInstanceUID has several PatientID" in message
    assert "'P-002' in 0003.dcm" in message


@pytest.mark.parametrize(
    ("sop_class", "what"),
    [
        ("1.2.840.10008.5.1.4.1.1.66.4", "is a segmentation, not an image"),
        ("1.2.840.10008.5.1.4.1.1.481.3", "is a radiotherapy structure set, not an image"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "is a structured report, not an image"),
        ("1.2.840.10008.5.1.4.1.1.7", "is a secondary capture, not an image"),
        ("1.2.840.10008.5.1.4.1.1.20", "is a nuclear medicine object (NM), which is not read"),
    ],
)
def test_refuses_what_is_no_volume(sop_class: str, what: str, tmp_path: Path) -> None:
    series = series_in(tmp_path, [made.a_slice(SOPClassUID=sop_class)])

    with pytest.raises(UnsupportedError) as caught:
        assemble(series)
    assert what in str(caught.value)


def test_refuses_frames_whose_places_are_unknown(tmp_path: Path) -> None:
    volume = np.stack([made.an_image(n) for n in range(3)])
    dataset = made.with_pixels(made.a_slice(), volume)

    assert refused(tmp_path, [dataset]).startswith(
        "0000.dcm holds 3 frames without functional groups"
    )


def test_refuses_damaged_pixels_by_file_name(tmp_path: Path) -> None:
    series = series_in(tmp_path, made.a_series())
    path = tmp_path / "0002.dcm"
    path.write_bytes(path.read_bytes()[:-50])

    with pytest.raises(DataError, match=r"0002\.dcm is truncated"):
        assemble(series)


# --- everything published ---------------------------------------------------------------------

ASSEMBLED = {  # series, files, volumes
    SeriesType.CT: (4, 8, 4),
    SeriesType.MR_T1: (1, 40, 1),
    SeriesType.MR_T2: (1, 40, 1),
    SeriesType.MR_DIFFUSION: (1, 14, 7),
    SeriesType.MR_DIFFUSION_MAP: (2, 37, 2),
    SeriesType.MR_DYNAMIC: (2, 1501, 1324),
    SeriesType.MR_DERIVED: (2, 120, 2),
    SeriesType.PET_ATTENUATION_CORRECTED: (14, 527, 14),
    SeriesType.SPECT: (2, 398, 2),
}
REFUSED = {  # series, files, part of the reason
    SeriesType.PET_ATTENUATION_CORRECTED: (1, 1, "states NumberOfSlices 324, but the series has 1"),
    SeriesType.SEGMENTATION: (10, 10, "is a segmentation, not an image"),
    SeriesType.STRUCTURE_SET: (6, 6, "is a radiotherapy structure set, not an image"),
    SeriesType.STRUCTURED_REPORT: (2, 2, "is a structured report, not an image"),
    SeriesType.REAL_WORLD_VALUE_MAPPING: (1, 1, "is a real-world value mapping, not an image"),
}


@needs_shared_data
@pytest.mark.real_data
def test_every_published_series_is_assembled_or_refused_with_its_reason() -> None:
    assembled: dict[SeriesType, list[tuple[int, int]]] = {}
    refused: dict[SeriesType, list[tuple[int, str]]] = {}
    for _, folder in trees():
        index = index_dicom(folder)
        assert not index.faults
        assert not index.duplicates
        for series in index.series:
            kind, files = series.classification.type, len(series.instances)
            try:
                assembled.setdefault(kind, []).append((files, len(assemble(series))))
            except OperandiError as error:
                refused.setdefault(kind, []).append((files, error.what))

    assert {
        kind: (len(v), *map(sum, zip(*v, strict=True))) for kind, v in assembled.items() if v
    } == (ASSEMBLED)
    assert refused.keys() == REFUSED.keys()
    for kind, found in refused.items():
        series_count, files, reason = REFUSED[kind]
        assert (len(found), sum(count for count, _ in found)) == (series_count, files)
        assert all(reason in what for _, what in found)


@needs_shared_data
@pytest.mark.real_data
def test_no_published_dicom_file_is_left_out() -> None:
    """Beside the archives, DICOM lies in two folders only."""
    folder = shared_data()
    assert folder is not None
    found = {instance.file.name for s in index_dicom(folder).series for instance in s.instances}

    assert {name for name in found if not name.startswith(LOOSE)} == set()
    assert len(found) == 22
