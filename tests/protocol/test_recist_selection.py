"""Selection of lesions at baseline, by sections 3.1 and 4.2 of Eisenhauer 2009."""

from datetime import timedelta
from decimal import Decimal

import pytest

from operandi.protocol.recist_reads import LesionRead, Modality, Reading, RecistLesion, Role, Seen
from operandi.protocol.recist_selection import selection_faults
from tests.protocol.recist_builders import START, a_read, a_reading, day, non_target, target


def faults_of(reading: Reading, *, start_after: int = 0) -> list[str]:
    start = START + timedelta(days=start_after)
    return [str(one) for one in selection_faults(reading, day(0), treatment_start=start)]


def faults_of_one(lesion: RecistLesion, size: str, *, slice_mm: str | None = "3") -> list[str]:
    read = a_read(lesion.name, 0, size, slice_mm=slice_mm)
    return faults_of(Reading("P-001", "A", Role.INVESTIGATOR, (lesion,), (read,)))


def of_organs(**organs: str) -> list[str]:
    lesions = [target(name, organ.replace("_", " ")) for name, organ in organs.items()]
    return faults_of(a_reading(lesions, {0: dict.fromkeys(organs, "20")}))


def test_five_targets_two_an_organ_are_right() -> None:
    assert of_organs(A="liver", B="liver", C="pancreas", D="lung", E="lung") == []


def test_six_targets_are_one_too_many() -> None:
    (fault,) = of_organs(A="liver", B="liver", C="pancreas", D="lung", E="lung", F="bone")

    assert fault == "A, B, C, D, E, F: 6 target lesions (at most 5 target lesions)"


def test_three_targets_in_one_organ_are_one_too_many_whatever_the_spelling() -> None:
    (fault,) = of_organs(A="liver", B="Liver", C=" liver ")

    assert fault.startswith("A, B, C: 3 in liver (at most 2")


def test_a_pair_of_organs_is_one_organ() -> None:
    (fault,) = of_organs(A="left lung", B="Right lung", C="lung")

    assert fault.startswith("A, B, C: 3 in lung")


def test_all_nodes_are_one_organ() -> None:
    lesions = [
        target(name, station, node=True)
        for name, station in [("N1", "hilum"), ("N2", "mesentery"), ("N3", "aorta")]
    ]

    (fault,) = faults_of(a_reading(lesions, {0: dict.fromkeys(["N1", "N2", "N3"], "20")}))

    assert fault.startswith("N1, N2, N3: 3 in lymph nodes")


@pytest.mark.parametrize(
    ("size", "slice_mm", "right"),
    [
        ("10", "5", True),
        ("9.99", "5", False),
        # Above 5 mm: twice the thickness.
        ("10", "5.5", False),
        ("11", "5.5", True),
        ("15.9", "8", False),
        ("16", "8", True),
    ],
)
def test_a_target_has_ten_millimeters_or_two_thick_slices(
    size: str, slice_mm: str, *, right: bool
) -> None:
    assert (faults_of_one(target("T1"), size, slice_mm=slice_mm) == []) is right


@pytest.mark.parametrize(
    ("size", "slice_mm", "right"),
    [("15", "5", True), ("14.9", "5", False), ("15", "7.5", True), ("15", "8", False)],
)
def test_a_target_node_has_fifteen_millimeters_or_two_thick_slices(
    size: str, slice_mm: str, *, right: bool
) -> None:
    assert (faults_of_one(target("N1", node=True), size, slice_mm=slice_mm) == []) is right


def test_a_node_from_ten_to_below_fifteen_millimeters_is_non_target_and_below_it_is_normal() -> (
    None
):
    assert faults_of_one(non_target("N1", node=True), "10") == []
    assert faults_of_one(non_target("N1", node=True), "9.9") == [
        "N1: short axis 9.9 mm (a node below 10 mm is normal)"
    ]
    assert faults_of_one(target("N1", node=True), "12") == [
        "N1: short axis 12 mm (a target node has a short axis of at least 15 mm; from 10 mm it "
        "is non-target)"
    ]


@pytest.mark.parametrize(
    ("modality", "size", "right"),
    [
        (Modality.XRAY, "20", True),
        (Modality.XRAY, "19", False),
        (Modality.CLINICAL, "10", True),
        (Modality.CLINICAL, "9", False),
    ],
)
def test_calipers_need_ten_and_a_radiograph_twenty_millimeters(
    modality: Modality, size: str, *, right: bool
) -> None:
    read = LesionRead("T1", day(0), Seen.MEASURED, Decimal(size), modality)
    reading = Reading("P-001", "A", Role.INVESTIGATOR, (target("T1"),), (read,))

    assert (faults_of(reading) == []) is right


def test_what_decides_and_is_not_recorded_is_named() -> None:
    assert faults_of_one(target("T1"), "30", slice_mm=None) == [
        "T1: no slice thickness is recorded (measurable by CT or MRI depends on the slice "
        "thickness)"
    ]
    read = LesionRead("T1", day(0), Seen.MEASURED, Decimal(30))
    reading = Reading("P-001", "A", Role.INVESTIGATOR, (target("T1"),), (read,))
    assert faults_of(reading) == [
        "T1: no modality is recorded (a target is measurable by its modality)"
    ]


@pytest.mark.parametrize(
    ("progressed", "said"), [(None, "not recorded"), (False, "no"), (True, None)]
)
def test_an_irradiated_lesion_is_a_target_only_if_it_progressed_since(
    progressed: bool | None,  # noqa: FBT001
    said: str | None,
) -> None:
    lesion = target("T1", previously_irradiated=True, progressed_since_irradiation=progressed)  # type: ignore[arg-type]

    faults = faults_of_one(lesion, "30")

    assert len(faults) == (0 if said is None else 1)
    assert all(
        fault.startswith(f"T1: irradiated before; progression since: {said}") for fault in faults
    )


def test_every_lesion_is_seen_at_baseline_and_every_target_measured() -> None:
    lesions = [target("T1"), target("T2"), non_target("B1"), non_target("B2"), non_target("B3")]
    reading = a_reading(
        lesions, {0: {"T1": Seen.PRESENT, "B1": Seen.ABSENT, "B2": Seen.NOT_EVALUABLE}}
    )

    assert faults_of(reading) == [
        "B1: absent at baseline (a non-target lesion is seen at baseline)",
        "B2: not evaluated at baseline (a non-target lesion is seen at baseline)",
        "B3: not evaluated at baseline (a non-target lesion is seen at baseline)",
        "T1: present at baseline (a target is measured at baseline)",
        "T2: not read at baseline (a target is measured at baseline)",
    ]


def test_baseline_is_at_most_four_weeks_before_treatment() -> None:
    reading = a_reading([target("T1")], {0: {"T1": "30"}})

    assert faults_of(reading, start_after=28) == []
    assert faults_of(reading, start_after=29) == [
        "baseline: exam of 2025-01-01 is up to 29 days before (baseline is at most 4 weeks before "
        "treatment)"
    ]
