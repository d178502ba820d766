"""Volumes of a series are told apart by contrast, then by time; no slice is lost or used twice."""

import json
from collections import Counter
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
