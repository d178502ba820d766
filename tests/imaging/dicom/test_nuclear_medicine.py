"""Reconstructed SPECT in NM objects: the right way up, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from operandi.imaging.dicom.assemble import assemble
from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.index import index_dicom
from operandi.imaging.dicom.nuclear_medicine import (
    camera_of,
    collimator_of,
    energy_windows_kev,
    projection_time_s,
)
from operandi.quantities.errors import DataError, UnsupportedError
from tests.imaging.dicom import dicom_files as made
from tests.imaging.dicom.assembling import series_in, stack_in, stacks_in
from tests.imaging.dicom.nuclear_medicine_files import (
    FIRST,
    FRAMES,
    SPACING_MM,
    a_detector,
    a_reconstruction,
    a_rotation,
    a_window,
    private_ge,
)


def value_at(folder: Path, dataset: Dataset, position_mm: tuple[float, ...]) -> float:
    """What the assembled volume holds at a place in the patient."""
    stack = stack_in(folder, [dataset])
    i, j, k = np.rint(stack.grid.index_of(position_mm)).astype(int)
    return float(stack.values[i, j, k])


# --- which way up -----------------------------------------------------------------------------


@pytest.mark.parametrize(("spacing", "towards"), [(-SPACING_MM, -1), (SPACING_MM, 1)])
def test_the_sign_of_the_spacing_says_where_the_other_slices_lie(
    spacing: float, towards: int, tmp_path: Path
) -> None:
    """PS3.3 C.8.4.15; axial rows and columns have their normal to the head, +z."""
    dataset = a_reconstruction(SpacingBetweenSlices=spacing)

    stack = stack_in(tmp_path, [dataset])

    assert stack.grid.spacing_mm == pytest.approx((2.0, 2.5, SPACING_MM))
    for frame in range(FRAMES):
        place = (FIRST[0], FIRST[1], FIRST[2] + towards * SPACING_MM * frame)
        i, j, k = np.rint(stack.grid.index_of(place)).astype(int)
        assert stack.values[i, j, k] == made.an_image(frame + 1)[0, 0]


def test_both_directions_of_one_volume_are_the_same_volume(tmp_path: Path) -> None:
    """Written from head to feet or from feet to head, with frames and first slice exchanged."""
    down = a_reconstruction()
    lowest = (FIRST[0], FIRST[1], FIRST[2] - SPACING_MM * (FRAMES - 1))
    up = a_reconstruction(
        SpacingBetweenSlices=SPACING_MM,
        DetectorInformationSequence=[a_detector(ImagePositionPatient=list(lowest))],
    )
    made.with_pixels(up, np.stack([made.an_image(frame) for frame in range(FRAMES, 0, -1)]))

    one, other = stack_in(tmp_path / "down", [down]), stack_in(tmp_path / "up", [up])

    assert one.grid.same_as(other.grid)
    np.testing.assert_array_equal(one.values, other.values)


def test_the_slice_vector_says_which_frame_is_which_slice(tmp_path: Path) -> None:
    dataset = a_reconstruction(SliceVector=[5, 4, 3, 2, 1])

    assert value_at(tmp_path, dataset, FIRST) == made.an_image(5)[0, 0]


def test_frames_are_slices_in_order_where_nothing_numbers_them(tmp_path: Path) -> None:
    dataset = a_reconstruction(SliceVector=None, NumberOfSlices=None)

    assert value_at(tmp_path, dataset, FIRST) == made.an_image(1)[0, 0]


def test_a_real_geometry_of_a_workstation_is_centered_on_the_gantry(tmp_path: Path) -> None:
    """GE Xeleris 4: 64 slices of 8.83612 mm, first at z = 278.337780, spacing negative.

    The header was published in discourse.slicer.org/t/could-not-load-dicom/5581. By the other
    sign the volume would end 835 mm from the gantry's center.
    """
    detector = a_detector(ImagePositionPatient=[-272.137780, -283.937780, 278.337780])
    dataset = a_reconstruction(
        frames=64,
        Modality="OT",
        PixelSpacing=[8.83612, 8.83612],
        SliceThickness=8.83612,
        SpacingBetweenSlices=-8.83612,
        DetectorInformationSequence=[detector],
    )

    grid = stack_in(tmp_path, [dataset]).grid

    middle = grid.position_of((0, 0, 31.5))[2]
    assert abs(middle) < 0.01


@pytest.mark.parametrize("spacing", [None, 0.0])
def test_refuses_slices_of_unknown_direction(spacing: float | None, tmp_path: Path) -> None:
    series = series_in(tmp_path, [a_reconstruction(SpacingBetweenSlices=spacing)])

    with pytest.raises(DataError, match="head and feet may be exchanged"):
        assemble(series)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"DetectorInformationSequence": None}, "states no ImagePositionPatient"),
        (
            {"DetectorInformationSequence": [a_detector(ImageOrientationPatient=None)]},
            "states no ImageOrientationPatient",
        ),
        (
            {
                "DetectorInformationSequence": [
                    a_detector(),
                    a_detector(ImagePositionPatient=[0] * 3),
                ]
            },
            "by detector 1 but .* by detector 2",
        ),
        ({"ImagePositionPatient": [0.0, 0.0, 0.0]}, "by detector 1 but .* by the object itself"),
        ({"SliceVector": [1, 2, 3, 4, 4]}, "does not number its 5 frames"),
        ({"NumberOfSlices": 4}, "NumberOfSlices 4 and NumberOfFrames 5"),
        ({"SliceThickness": 9.6}, "neither overlap"),
    ],
)
def test_refuses_a_place_that_is_missing_or_contradicts_itself(
    attributes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    series = series_in(tmp_path, [a_reconstruction(**attributes)])

    with pytest.raises(DataError, match=message):
        assemble(series)


@pytest.mark.parametrize(
    "keyword", ["EnergyWindowVector", "DetectorVector", "TimeSliceVector", "PhaseVector"]
)
def test_refuses_frames_of_several_volumes(keyword: str, tmp_path: Path) -> None:
    vector: dict[str, Any] = {keyword: [1, 1, 1, 2, 2]}
    series = series_in(tmp_path, [a_reconstruction(**vector)])

    with pytest.raises(UnsupportedError, match=f"{keyword} has 2 different values"):
        assemble(series)


def test_the_detector_vector_picks_the_detector_that_counts(tmp_path: Path) -> None:
    elsewhere = a_detector(ImagePositionPatient=[0.0, 0.0, 0.0])
    dataset = a_reconstruction(
        DetectorInformationSequence=[elsewhere, a_detector()], DetectorVector=[2] * FRAMES
    )

    assert value_at(tmp_path, dataset, FIRST) == made.an_image(1)[0, 0]


def test_two_bed_positions_of_one_series_are_two_volumes(tmp_path: Path) -> None:
    """They would stack evenly: the second begins where the first ends."""
    below = (FIRST[0], FIRST[1], FIRST[2] - SPACING_MM * FRAMES)
    second = a_reconstruction(
        2, DetectorInformationSequence=[a_detector(ImagePositionPatient=list(below))]
    )

    stacks = stacks_in(tmp_path, [a_reconstruction(), second])

    assert [stack.grid.shape[2] for stack in stacks] == [FRAMES, FRAMES]
    assert [stack.key for stack in stacks] == [(("object", "1"),), (("object", "2"),)]


# --- scale ------------------------------------------------------------------------------------


def test_pixel_scale_of_the_maker_gives_counts(tmp_path: Path) -> None:
    """The window of the published header, 136 920, is its scale times 32 760."""
    dataset = private_ge(a_reconstruction(Manufacturer="GE MEDICAL SYSTEMS"), scale=4.1795)

    assert value_at(tmp_path, dataset, FIRST) == pytest.approx(4.1795 * made.an_image(1)[0, 0])


def test_refuses_two_scales_that_differ(tmp_path: Path) -> None:
    dataset = private_ge(a_reconstruction(RescaleSlope="1", RescaleIntercept="0"), scale=4.1795)

    with pytest.raises(DataError, match="RescaleSlope 1 and GE's pixel scale"):
        assemble(series_in(tmp_path, [dataset]))


def test_refuses_a_private_slope_without_a_public_one(tmp_path: Path) -> None:
    dataset = a_reconstruction()
    dataset.private_block(0x0057, "SIEMENS MED NM", create=True).add_new(0x07, "FL", 2.5)

    with pytest.raises(DataError, match=r"Siemens' private one \(0057,1007\) is 2.5"):
        assemble(series_in(tmp_path, [dataset]))


def test_public_rescaling_is_applied(tmp_path: Path) -> None:
    dataset = a_reconstruction(RescaleSlope="0.5", RescaleIntercept="0")

    assert value_at(tmp_path, dataset, FIRST) == 0.5 * made.an_image(1)[0, 0]


# --- what else an index finds ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("STATIC", SeriesType.NUCLEAR_MEDICINE_STATIC),
        ("WHOLE BODY", SeriesType.NUCLEAR_MEDICINE_WHOLE_BODY),
        ("DYNAMIC", SeriesType.NUCLEAR_MEDICINE_DYNAMIC),
        ("GATED", SeriesType.NUCLEAR_MEDICINE_DYNAMIC),
        ("TOMO", SeriesType.SPECT_PROJECTIONS),
        ("GATED TOMO", SeriesType.SPECT_PROJECTIONS),
        ("RECON GATED TOMO", SeriesType.SPECT_GATED_RECONSTRUCTION),
    ],
)
def test_other_images_are_listed_and_not_assembled(
    word: str, expected: SeriesType, tmp_path: Path
) -> None:
    made.write(tmp_path, [a_reconstruction(ImageType=["ORIGINAL", "PRIMARY", word, "EMISSION"])])

    (series,) = index_dicom(tmp_path).series

    assert series.classification.type is expected
    assert f"ImageType {word}" in series.classification.evidence
    with pytest.raises(UnsupportedError, match=f"not read as a volume: {expected.value[:12]}"):
        assemble(series)


@pytest.mark.parametrize("modality", ["NM", "OT"])
def test_a_reconstruction_is_listed_as_one_whatever_its_modality(
    modality: str, tmp_path: Path
) -> None:
    made.write(tmp_path, [a_reconstruction(Modality=modality)])

    (series,) = index_dicom(tmp_path).series

    assert series.classification.type is SeriesType.SPECT_RECONSTRUCTION


def test_an_attenuation_map_is_no_activity(tmp_path: Path) -> None:
    word = ["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION"]
    made.write(tmp_path, [a_reconstruction(ImageType=word)])

    (series,) = index_dicom(tmp_path).series

    assert series.classification.type is SeriesType.SPECT_ATTENUATION_MAP


def test_objects_that_disagree_stay_unknown(tmp_path: Path) -> None:
    static = a_reconstruction(2, ImageType=["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"])
    made.write(tmp_path, [a_reconstruction(), static])

    (series,) = index_dicom(tmp_path).series

    assert series.classification.type is SeriesType.NUCLEAR_MEDICINE
    assert "ImageType RECON TOMO, STATIC" in series.classification.evidence


# --- acquisition ------------------------------------------------------------------------------


def header_of(folder: Path, **attributes: Any) -> Any:
    return stack_in(folder, [a_reconstruction(**attributes)]).headers[0]


def test_projections_of_all_rotations_make_the_time(tmp_path: Path) -> None:
    rotations = [a_rotation(), a_rotation(NumberOfFramesInRotation=30)]

    header = header_of(tmp_path, RotationInformationSequence=rotations)

    assert projection_time_s(header) == 60 * 25 + 30 * 25


@pytest.mark.parametrize(
    "rotation",
    [
        None,
        [a_rotation(NumberOfFramesInRotation=1, ScanArc=0, ActualFrameDuration=30_000)],
        [a_rotation(ScanArc=0)],
        [a_rotation(ActualFrameDuration=None)],
    ],
    ids=["none", "as GE writes it", "no arc", "no duration"],
)
def test_a_rotation_of_one_frame_does_not_tell_the_time(
    rotation: list[Dataset] | None, tmp_path: Path
) -> None:
    """The GE header: ScanArc 0, one frame of 30 s, after a scan of many projections."""
    assert projection_time_s(header_of(tmp_path, RotationInformationSequence=rotation)) is None


def test_the_window_of_the_image_is_told_apart_from_scatter_windows(tmp_path: Path) -> None:
    windows = [a_window(166.0, 187.0), a_window()]

    told = header_of(
        tmp_path / "a",
        EnergyWindowInformationSequence=windows,
        EnergyWindowVector=[2] * FRAMES,
    )
    untold = header_of(tmp_path / "b", EnergyWindowInformationSequence=windows)

    assert energy_windows_kev(told) == ((187.2, 228.8),)
    assert energy_windows_kev(untold) == ()


def test_camera_and_collimator_are_those_of_the_header(tmp_path: Path) -> None:
    one = header_of(tmp_path / "a")
    other = header_of(
        tmp_path / "b",
        DeviceSerialNumber=None,
        StationName="CAM2",
        DetectorInformationSequence=[a_detector(), a_detector(CollimatorGridName="LEHR")],
    )

    assert (camera_of(one), collimator_of(one)) == ("21211", "MEHRS")
    assert (camera_of(other), collimator_of(other)) == ("CAM2", "")
