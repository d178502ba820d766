"""Volumes of a series are told apart by contrast, then by time; no slice is lost or used twice."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from operandi.imaging.dicom.assemble import Stack, assemble
from operandi.imaging.dicom.index import index_dicom
from operandi.quantities.errors import DataError
from tests.imaging.dicom import dicom_files as made
from tests.imaging.dicom.assembling import stack_in, stacks_in
from tests.shared_data import needs_shared_data, published, unpacked


def numbers(stack: Stack) -> list[int]:
    """Which slices a volume is made of, as their pixels say."""
    return [int(stack.values[0, 0, k]) // 200 for k in range(stack.values.shape[2])]


def test_splits_dixon_phases_by_image_type(tmp_path: Path) -> None:
    stacks = stacks_in(tmp_path, made.dixon())

    assert [(stack.key, numbers(stack)) for stack in stacks] == [
        ((("contrast", "DIXON\\FAT"),), [10, 11, 12]),
        ((("contrast", "DIXON\\IN_PHASE"),), [1, 2, 3]),
        ((("contrast", "DIXON\\OPP_PHASE"),), [4, 5, 6]),
        ((("contrast", "DIXON\\WATER"),), [7, 8, 9]),
    ]


@pytest.mark.parametrize("maker", ["standard", "Siemens", "GE", "Philips"])
def test_splits_diffusion_by_b_value_of_every_maker(maker: str, tmp_path: Path) -> None:
    stacks = stacks_in(tmp_path, made.diffusion(maker))

    assert [(stack.key, numbers(stack)) for stack in stacks] == [
        ((("b-value (s/mm2)", "0"),), [1, 2, 3]),
        ((("b-value (s/mm2)", "50"),), [4, 5, 6]),
        ((("b-value (s/mm2)", "800"),), [7, 8, 9]),
    ]


def test_splits_echoes(tmp_path: Path) -> None:
    stacks = stacks_in(tmp_path, made.multi_echo())

    assert [(stack.key, numbers(stack)) for stack in stacks] == [
        ((("echo time (ms)", "2.46"),), [1, 2, 3]),
        ((("echo time (ms)", "4.92"),), [4, 5, 6]),
    ]


@pytest.mark.parametrize(
    ("keyword", "values", "name"),
    [
        ("FlipAngle", ["2", "15"], "flip angle (deg)"),
        ("InversionTime", ["150", "2000"], "inversion time (ms)"),
        ("ComplexImageComponent", ["MAGNITUDE", "PHASE"], "component"),
    ],
)
def test_splits_by_other_contrasts(
    keyword: str, values: list[str], name: str, tmp_path: Path
) -> None:
    datasets = [
        made.changed(made.a_slice(3 * v + k + 1, k=k), **{keyword: value})
        for v, value in enumerate(values)
        for k in range(3)
    ]

    assert [stack.key for stack in stacks_in(tmp_path, datasets)] == [
        ((name, value),) for value in values
    ]


@pytest.mark.parametrize("timing", made.TIMINGS)
def test_splits_time_points_by_what_there_is(timing: str, tmp_path: Path) -> None:
    stacks = stacks_in(tmp_path, made.dynamic(timing))

    assert [numbers(stack) for stack in stacks] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert {stack.key[0][0] for stack in stacks} == {timing}


def test_slices_acquired_one_after_the_other_are_no_time_points(tmp_path: Path) -> None:
    """In 2-D imaging each image has its own AcquisitionTime; the numbers tell the repetition."""
    datasets = made.dynamic("repetition")
    for number, dataset in enumerate(datasets):
        dataset.AcquisitionTime = f"1200{number:02d}"

    stacks = stacks_in(tmp_path, datasets)

    assert [numbers(stack) for stack in stacks] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert [stack.key for stack in stacks] == [(("repetition", n),) for n in "123"]


NEAR_MIDNIGHT = ("235500", "235959", "000500")


def over_midnight(
    *, modality: str = "MR", numbers: Sequence[int] = range(1, 10), **attributes: Sequence[Any]
) -> list[Dataset]:
    """Three time points of three slices, by the clock alone; *attributes* of each time point."""
    datasets = []
    for t, k in itertools.product(range(3), range(3)):
        dataset = made.a_slice(3 * t + k + 1, k=k, modality=modality, AcquisitionDate=None)
        made.changed(dataset, AcquisitionTime=NEAR_MIDNIGHT[t], InstanceNumber=numbers[3 * t + k])
        if modality == "PT":
            made.changed(dataset, RescaleSlope="1", FrameReferenceTime=None)
        datasets.append(
            made.changed(dataset, **{name: value[t] for name, value in attributes.items()})
        )
    return datasets


IN_DISORDER = (1, 5, 3, 4, 2, 6, 9, 8, 7)


@pytest.mark.parametrize(
    ("attributes", "key"),
    [
        ({}, "repetition"),
        ({"AcquisitionDate": ("20250301", "20250301", "20250302")}, "acquisition time"),
        (
            {
                "AcquisitionDateTime": (
                    "20250301235500+0100",
                    "20250301235959+0100",
                    "20250302000500+0100",
                )
            },
            "acquisition time",
        ),
        ({"AcquisitionDate": ("20250301",) * 3}, "repetition"),  # copied from the study
        ({"AcquisitionNumber": (1, 2, 3)}, "acquisition"),
        ({"TemporalPositionIdentifier": (1, 2, 3)}, "temporal position"),
        (
            {
                "ContentDate": ("20250301", "20250301", "20250302"),
                "ContentTime": ("235510", "235959", "000510"),
            },
            "content time",
        ),
    ],
)
def test_time_points_on_both_sides_of_midnight_stay_in_their_order(
    attributes: dict[str, Any], key: str, tmp_path: Path
) -> None:
    by_number = key == "repetition"
    datasets = over_midnight(numbers=range(1, 10) if by_number else IN_DISORDER, **attributes)

    stacks = stacks_in(tmp_path, datasets)

    assert [numbers(stack) for stack in stacks] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert {stack.key[0][0] for stack in stacks} == {key}


def test_pet_frames_over_midnight_are_in_the_order_of_their_reference_times(
    tmp_path: Path,
) -> None:
    datasets = over_midnight(modality="PT", FrameReferenceTime=("0", "299000", "600000"))

    stacks = stacks_in(tmp_path, datasets)

    assert [numbers(stack) for stack in stacks] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


@pytest.mark.parametrize(
    ("modality", "order"), [("MR", IN_DISORDER), ("MR", (4, 5, 6, 7, 8, 9, 1, 2, 3)), ("PT", None)]
)
def test_refuses_times_over_midnight_that_nothing_orders(
    modality: str, order: tuple[int, ...] | None, tmp_path: Path
) -> None:
    """The second numbers the slices as the digits of the clock run, against the clock itself."""
    message = refused(tmp_path, over_midnight(modality=modality, numbers=order or range(1, 10)))

    assert re.search(r"has AcquisitionTime 000500 in 000\d\.dcm and 235959 in 000\d\.dcm", message)
    assert "may have passed midnight. Export the series with AcquisitionDate" in message


def test_times_of_one_day_need_no_date(tmp_path: Path) -> None:
    datasets = made.dynamic("acquisition time")
    for dataset in datasets:
        del dataset.AcquisitionDate

    stacks = stacks_in(tmp_path, datasets)

    assert [numbers(stack) for stack in stacks] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_echoes_that_differ_by_rounding_are_one_echo(tmp_path: Path) -> None:
    datasets = made.multi_echo()
    made.changed(datasets[1], EchoTime="2.46001")
    made.changed(datasets[5], EchoTime="4.91999")

    stacks = stacks_in(tmp_path, datasets)

    assert [(stack.key[0][0], numbers(stack)) for stack in stacks] == [
        ("echo time (ms)", [1, 2, 3]),
        ("echo time (ms)", [4, 5, 6]),
    ]


def test_a_direction_of_minus_zero_is_that_of_zero(tmp_path: Path) -> None:
    datasets = made.diffusion("standard")
    for number, dataset in enumerate(datasets):
        dataset.DiffusionGradientOrientation = [0.0 if number % 2 else -0.0, 0.0, 1.0]

    assert len(stacks_in(tmp_path, datasets)) == 3


def test_numbers_may_run_place_by_place(tmp_path: Path) -> None:
    datasets = [
        made.a_slice(3 * k + t + 1, k=k, AcquisitionNumber=None) for k in range(3) for t in range(3)
    ]

    stacks = stacks_in(tmp_path, datasets)

    assert [numbers(stack) for stack in stacks] == [[1, 4, 7], [2, 5, 8], [3, 6, 9]]


def test_two_bed_positions_are_one_volume(tmp_path: Path) -> None:
    stack = stack_in(tmp_path, made.pet_two_beds())

    assert [header["InstanceNumber"] for header in stack.headers] == [1, 2, 3, 4, 5, 6]


def test_a_volume_of_one_slice_has_time_points_too(tmp_path: Path) -> None:
    datasets = [made.a_slice(n, k=0, TemporalPositionIdentifier=n) for n in range(1, 6)]

    assert [numbers(stack) for stack in stacks_in(tmp_path, datasets)] == [[1], [2], [3], [4], [5]]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    b_values=st.lists(st.integers(0, 3000), min_size=1, max_size=3, unique=True),
    echoes=st.lists(
        st.floats(1, 99).map(lambda x: round(x, 2)), min_size=1, max_size=2, unique=True
    ),
    times=st.integers(1, 3),
    slices=st.integers(1, 4),
    chance=st.randoms(use_true_random=False),
)
def test_every_slice_is_in_one_volume_and_every_volume_is_of_one_kind(
    b_values: list[int],
    echoes: list[float],
    times: int,
    slices: int,
    chance: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    kinds = [(b, e, t) for b in b_values for e in echoes for t in range(times)]
    datasets = [
        made.a_slice(
            number * slices + k + 1,
            k=k,
            DiffusionBValue=float(b),
            EchoTime=str(e),
            TemporalPositionIdentifier=t + 1,
        )
        for number, (b, e, t) in enumerate(kinds)
        for k in range(slices)
    ]
    chance.shuffle(datasets)

    stacks = stacks_in(tmp_path_factory.mktemp("split"), datasets)

    assert len(stacks) == len(kinds)
    assert Counter(n for stack in stacks for n in numbers(stack)) == Counter(
        range(1, len(datasets) + 1)
    )
    for stack in stacks:
        first = numbers(stack)[0]
        assert numbers(stack) == list(range(first, first + slices))


# --- refusals ---------------------------------------------------------------------------------


def refused(folder: Path, datasets: list[Dataset]) -> str:
    with pytest.raises(DataError) as caught:
        stacks_in(folder, datasets)
    return str(caught.value)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_refuses_a_volume_that_lacks_a_slice_the_others_have(missing: int, tmp_path: Path) -> None:
    """At the ends, the gaps alone would not show it."""
    datasets = made.diffusion("standard")
    del datasets[6 + missing]

    message = refused(tmp_path, datasets)

    assert "with b-value (s/mm2) 800 lacks 1 slice(s)" in message
    assert f"({50 + 3 * missing:.2f} mm)" in message


@pytest.mark.parametrize("timing", made.TIMINGS)
def test_refuses_a_time_point_that_lacks_a_slice(timing: str, tmp_path: Path) -> None:
    datasets = made.dynamic(timing)
    del datasets[4]

    message = refused(tmp_path, datasets)

    assert "(53.00 mm) 2 times where the others are imaged 3 times" in message


def test_refuses_repetitions_that_nothing_orders(tmp_path: Path) -> None:
    datasets = made.dynamic("repetition")
    for dataset, number in zip(datasets, (1, 2, 3, 6, 5, 4, 7, 8, 9), strict=True):
        dataset.InstanceNumber = number

    assert "neither contrast nor time tells the images apart: 000" in refused(tmp_path, datasets)


def test_refuses_a_pet_that_repeats_positions_without_time(tmp_path: Path) -> None:
    datasets = [
        *made.a_series(3, modality="PT"),
        *(made.a_slice(k + 4, k=k, modality="PT") for k in range(3)),
    ]

    assert "neither contrast nor time" in refused(tmp_path, datasets)


# --- published --------------------------------------------------------------------------------


@needs_shared_data
@pytest.mark.real_data
def test_published_ge_diffusion_has_the_published_b_values() -> None:
    expected = published("diffusion/ge_signa_dwi_expected/Ax_DWI_TENSOR_R2_1.bval")
    b_values = sorted(float(b) for b in expected.read_text(encoding="ascii").split())
    (series,) = index_dicom(unpacked("diffusion/ge_signa_dwi_dicom.tar.xz")).series

    found = sorted(float(dict(stack.key)["b-value (s/mm2)"]) for stack in assemble(series))

    assert found == b_values


@needs_shared_data
@pytest.mark.real_data
def test_published_dynamic_series_gives_the_published_map() -> None:
    """PE1 = 100 (first after contrast - before) / before, stored as a truncated integer."""
    tolerance = json.loads(
        published("perfusion_dce/breast_dce_expected_maps.json").read_text(encoding="utf-8")
    )["tolerance"]["PE1"]
    folder = unpacked("perfusion_dce/breast_dce_ucsf_br_06_dicom.tar.xz")
    (dynamic,) = index_dicom(folder / "image_dce_3dfgre_orig").series
    (enhancement,) = index_dicom(folder / "image_dce_pe1").series
    before, first, _ = assemble(dynamic)
    (pe1,) = assemble(enhancement)

    there = pe1.values != 0
    computed = 100.0 * (first.values[there] - before.values[there]) / before.values[there]

    assert first.grid.same_as(pe1.grid)
    assert np.abs(computed - pe1.values[there]).max() <= tolerance
