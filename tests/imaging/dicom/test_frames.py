"""Enhanced multi-frame objects give the volumes that single frames would."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydicom import Dataset

from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.frames import slices_of
from operandi.imaging.pet.timing import acquisition_start
from operandi.quantities.errors import DataError, OperandiError
from tests.imaging.dicom import dicom_files as made
from tests.imaging.dicom.assembling import series_in, stack_in, stacks_in


@pytest.mark.parametrize("modality", ["MR", "PT"])
@pytest.mark.parametrize("syntax", made.SYNTAXES)
def test_frames_give_the_values_and_geometry_of_their_groups(
    syntax: str, modality: str, tmp_path: Path
) -> None:
    """By hand: frame values times slope k + 1 minus 5, oblique, two time points."""
    stacks = stacks_in(tmp_path, [made.enhanced(modality)], syntax=made.SYNTAXES[syntax])

    assert [stack.key for stack in stacks] == [(("temporal position", t),) for t in "12"]
    for time, stack in enumerate(stacks):
        np.testing.assert_allclose(stack.grid.affine, made.affine_by_hand(made.OBLIQUE), atol=1e-9)
        for k in range(3):
            expected = made.an_image(3 * time + k + 1).astype(np.float64) * (k + 1) - 5
            np.testing.assert_array_equal(stack.values[:, :, k].T, expected)


def test_frames_in_any_order_give_the_same(tmp_path: Path) -> None:
    dataset = made.enhanced("MR")
    order = [4, 0, 5, 2, 1, 3]
    frames = np.frombuffer(dataset.PixelData, "<u2").reshape(6, made.ROWS, made.COLUMNS)
    dataset.PixelData = frames[order].tobytes()
    groups = list(dataset.PerFrameFunctionalGroupsSequence)
    dataset.PerFrameFunctionalGroupsSequence = [groups[n] for n in order]

    shuffled = stacks_in(tmp_path / "a", [dataset])
    straight = stacks_in(tmp_path / "b", [made.enhanced("MR")])

    for one, other in zip(shuffled, straight, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_a_series_may_be_spread_over_enhanced_objects(tmp_path: Path) -> None:
    """Each object holds one slice of both time points."""
    whole = made.enhanced("MR")
    frames = np.frombuffer(whole.PixelData, "<u2").reshape(6, made.ROWS, made.COLUMNS)
    groups = list(whole.PerFrameFunctionalGroupsSequence)
    parts = []
    for k in range(3):
        part = made.with_pixels(made.enhanced("MR"), frames[[k, k + 3]])
        part.PerFrameFunctionalGroupsSequence = [groups[k], groups[k + 3]]
        part.SOPInstanceUID = f"1.2.{k}"
        parts.append(part)

    stacks = stacks_in(tmp_path / "a", parts)

    for one, other in zip(stacks, stacks_in(tmp_path / "b", [whole]), strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_a_frame_starts_when_it_says_not_when_its_object_does(tmp_path: Path) -> None:
    _, later = stacks_in(tmp_path, [made.enhanced("PT")])

    started = acquisition_start(later.headers[0], zone=ZoneInfo("Europe/Berlin"))

    assert started == datetime(2025, 3, 1, 11, 1, tzinfo=UTC)
    assert later.headers[0]["ActualFrameDuration"] == 60000.0


def test_enhanced_diffusion_is_split_by_the_weighting_of_its_frames(tmp_path: Path) -> None:
    dataset = made.enhanced("MR")
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        weighting, direction = Dataset(), Dataset()
        weighting.DiffusionBValue = float(800 * (number // 3))
        direction.DiffusionGradientOrientation = [0.0, 0.6, 0.8]
        if number >= 3:
            weighting.DiffusionGradientDirectionSequence = [direction]
        group.MRDiffusionSequence = [weighting]
        del group.FrameContentSequence
    series = series_in(tmp_path / "index", [dataset])

    stacks = stacks_in(tmp_path / "volumes", [dataset])

    assert series.classification.type is SeriesType.MR_DIFFUSION
    assert [stack.key for stack in stacks] == [
        (("b-value (s/mm2)", "0"), ("diffusion direction", "0 0 0")),
        (("b-value (s/mm2)", "800"), ("diffusion direction", "0 0.6 0.8")),
    ]


def test_a_single_frame_object_is_one_slice(tmp_path: Path) -> None:
    dataset = made.a_slice(NumberOfFrames=1)

    (slice_,) = slices_of(series_in(tmp_path, [dataset]).instances)

    assert (slice_.frame, slice_.tile) == (0, None)
    assert stack_in(tmp_path / "again", [dataset]).grid.shape[2] == 1


def test_refuses_fewer_groups_than_frames(tmp_path: Path) -> None:
    dataset = made.enhanced("MR")
    del dataset.PerFrameFunctionalGroupsSequence[5]

    with pytest.raises(DataError, match=r"0000\.dcm states NumberOfFrames 6 but describes 5"):
        stacks_in(tmp_path, [dataset])


def test_refuses_several_shared_groups(tmp_path: Path) -> None:
    dataset = made.enhanced("MR")
    dataset.SharedFunctionalGroupsSequence.append(Dataset())

    with pytest.raises(DataError, match="shares 2 groups; needed one"):
        stacks_in(tmp_path, [dataset])


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        ("PlanePositionSequence", "states ImagePositionPatient None"),
        (
            "PixelValueTransformationSequence",
            r"RescaleType is 'US' in 0000\.dcm \(frame 1\) but None in 0000\.dcm \(frame 2\)",
        ),
    ],
)
def test_refuses_a_frame_that_lacks_a_group(sequence: str, message: str, tmp_path: Path) -> None:
    dataset = made.enhanced("MR")
    del dataset.PerFrameFunctionalGroupsSequence[1][sequence]

    with pytest.raises(OperandiError, match=message):
        stacks_in(tmp_path, [dataset])
