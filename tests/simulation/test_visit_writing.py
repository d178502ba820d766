"""A participant's visits as DICOM: whole or not at all, and what the plan says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from operandi.imaging.dicom.segmentation import read_segmentation
from operandi.imaging.nifti import read_nifti
from operandi.imaging.pet.suv import suv_of
from operandi.quantities.kinds import SUV_BODY_WEIGHT
from operandi.simulation import visit_writing
from operandi.simulation.participant import MAPPED_ORGANS
from operandi.simulation.scenario import Scenario
from operandi.simulation.visit_writing import received_series, write_participant
from tests.simulation.cohorts import SEED, a_scenario, few_slices, files_of, planned
from tests.simulation.dicom.scans import stack_of

SCENARIO = a_scenario()


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with few_slices():
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OP-001, one visit, PET and organ map, with truth."""
    folder = tmp_path_factory.mktemp("visit")
    write_participant(
        folder / "dicom", folder / "truth", planned(SCENARIO, 0), scenario=SCENARIO, seed=SEED
    )
    return folder


def visit(scenario: Scenario, folder: Path, *, truth: bool = False) -> Path:
    """OP-001 of another scenario of imaging, whose plans are the same."""
    write_participant(
        folder / "dicom",
        folder / "truth" if truth else None,
        planned(SCENARIO, 0),
        scenario=scenario,
        seed=SEED,
    )
    return folder / "dicom" / "OP-001" / "BASELINE"


def test_a_visit_is_a_folder_of_series_and_its_truth_beside(written: Path) -> None:
    assert {path.name for path in (written / "dicom").iterdir()} == {"OP-001"}
    at = written / "dicom" / "OP-001" / "BASELINE"
    assert {path.name for path in at.iterdir()} == {"pet_ac", "organ_map"}
    assert (written / "truth" / "OP-001" / "BASELINE" / "suv.nii.gz").is_file()


def test_the_pet_holds_the_true_uptake_but_for_noise(written: Path) -> None:
    """Read from the headers alone, as any other PET."""
    stack = stack_of(written / "dicom" / "OP-001" / "BASELINE" / "pet_ac")
    suv = suv_of(stack, zone=ZoneInfo("Europe/Paris")).volume.values

    truth = written / "truth" / "OP-001" / "BASELINE" / "expected_suv.nii.gz"
    expected = read_nifti(truth, kind=SUV_BODY_WEIGHT).values

    body = expected > 1.0
    assert body.sum() > 1000
    assert float(suv[body].mean()) == pytest.approx(float(expected[body].mean()), rel=0.01)
    assert np.corrcoef(suv[body], expected[body])[0, 1] > 0.95
    assert not np.array_equal(suv, expected)


def test_the_organ_map_names_organs_that_are_in_view(written: Path) -> None:
    segments = read_segmentation(
        written / "dicom" / "OP-001" / "BASELINE" / "organ_map" / "0001.dcm"
    )

    labels = [one.description.label for one in segments]
    assert {"liver", "spleen"} <= set(labels) <= set(MAPPED_ORGANS)
    assert "thyroid" not in labels
    for one in segments:
        assert one.mask.inside.any()


def test_equal_plans_give_equal_bytes_and_another_seed_other_noise(
    written: Path, tmp_path: Path
) -> None:
    images = planned(SCENARIO, 0)
    for name, seed in (("same", SEED), ("other", SEED + 1)):
        write_participant(
            tmp_path / name / "dicom",
            tmp_path / name / "truth",
            images,
            scenario=SCENARIO,
            seed=seed,
        )

    assert files_of(tmp_path / "same") == files_of(written)
    assert files_of(tmp_path / "other" / "dicom") != files_of(written / "dicom")


def test_what_was_left_half_written_is_written_anew(written: Path, tmp_path: Path) -> None:
    half = tmp_path / "dicom" / "OP-001.partial" / "BASELINE" / "pet_ac"
    stale = tmp_path / "truth" / "OP-001" / "BASELINE"
    for folder in (half, stale):
        folder.mkdir(parents=True)
    (half / "0001.dcm").write_bytes(b"half")
    (stale / "suv.nii.gz").write_bytes(b"half")
    (stale / ".mu.nii.gz.77-88").write_bytes(b"left")

    visit(SCENARIO, tmp_path, truth=True)

    assert files_of(tmp_path) == files_of(written)


def test_what_fails_leaves_no_participant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(visit_writing, "_write_organ_map", fail)

    with pytest.raises(OSError, match="No space"):
        visit(SCENARIO, tmp_path)

    assert [path.name for path in (tmp_path / "dicom").iterdir()] == ["OP-001.partial"]


def test_series_that_are_not_wanted_are_not_written(tmp_path: Path) -> None:
    at = visit(a_scenario(series=["dixon"], organ_maps=True), tmp_path, truth=True)

    assert {path.name for path in at.iterdir()} == {
        "dixon_fat",
        "dixon_in",
        "dixon_opposed",
        "dixon_water",
    }
    assert not (tmp_path / "truth").exists()


def test_an_uncorrected_pet_and_no_organ_map_where_the_scenario_says_so(tmp_path: Path) -> None:
    at = visit(a_scenario(series=["pet", "pet_uncorrected"], organ_maps=False), tmp_path)

    assert {path.name for path in at.iterdir()} == {"pet_ac", "pet_nac"}
    corrected, uncorrected = (stack_of(at / name).values for name in ("pet_ac", "pet_nac"))
    assert float(uncorrected.mean()) < 0.5 * float(corrected.mean())


def test_a_pet_that_was_sent_twice_is_there_twice_and_received_twice(tmp_path: Path) -> None:
    images = replace(planned(SCENARIO, 0), duplicated=frozenset({0}))

    write_participant(tmp_path, None, images, scenario=SCENARIO, seed=SEED)

    rows = received_series(tmp_path, [images])
    assert {path.name for path in (tmp_path / "OP-001" / "BASELINE").iterdir()} == {
        "pet_ac",
        "pet_ac_again",
        "organ_map",
    }
    assert len(rows) == 3
    assert len({row["series_uid"] for row in rows}) == 3


def test_received_series_are_those_of_the_folder(written: Path) -> None:
    images = planned(SCENARIO, 0)

    rows = received_series(written / "dicom", [images])

    assert [(row["participant"], row["timepoint"], row["modality"]) for row in rows] == [
        ("OP-001", "BASELINE", "SEG"),
        ("OP-001", "BASELINE", "PT"),
    ]
    assert {row["received_on"] for row in rows} == {images.visits[0].plan.date.isoformat()}
