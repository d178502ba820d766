"""A cohort as a folder: equal bytes however it is made, interrupted or not, and nothing half."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from operandi import __version__
from operandi.pipeline.settings import parse_settings
from operandi.quantities.errors import DataError
from operandi.simulation import cohort, participant
from operandi.simulation.cohort import Wanted, write_cohort, write_outcomes
from operandi.simulation.participant import ParticipantImages
from operandi.simulation.scenario import Scenario, noted_seed, read_scenario
from operandi.simulation.tissues.lesion_states import lesion_states
from operandi.simulation.visit_writing import write_participant
from tests.pipeline.conftest import scheduler
from tests.pipeline.studies import published, run_it
from tests.simulation.cohorts import SEED, a_scenario, few_slices, files_of

__all__ = ["scheduler"]

SCENARIO = a_scenario(organ_maps=False)
WHOLE = Wanted()
NO_IMAGES = Wanted(images=False, true_images=False)


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    with few_slices():
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cohort that was not interrupted."""
    folder = tmp_path_factory.mktemp("cohort") / "study"
    make(folder, progress=lambda *one: _TOLD.append(one))
    return folder


_TOLD: list[tuple[str, int, int]] = []


def make(
    folder: Path,
    scenario: Scenario = SCENARIO,
    *,
    seed: int = SEED,
    wanted: Wanted = WHOLE,
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> None:
    write_cohort(folder, scenario, seed=seed, wanted=wanted, workers=workers, progress=progress)


def fails_at(pseudonym: str, *, error: BaseException) -> Callable[..., None]:
    """A writer that stops in the middle of one participant."""

    def write(
        dicom: Path, truth: Path | None, images: ParticipantImages, *, scenario: Scenario, seed: int
    ) -> None:
        if images.person.pseudonym != pseudonym:
            write_participant(dicom, truth, images, scenario=scenario, seed=seed)
            return
        first = replace(images, visits=images.visits[:1])
        write_participant(dicom, truth, first, scenario=scenario, seed=seed)
        (dicom / pseudonym).rename(dicom / f"{pseudonym}.partial")
        raise error

    return write


def test_a_cohort_is_a_study_with_its_truth_beside_it(written: Path) -> None:
    assert {path.name for path in written.iterdir()} == {
        "study.toml",
        "records",
        "dicom",
        "variants",
        "truth",
    }
    assert {path.name for path in (written / "dicom").iterdir()} == {"OP-001", "OP-002", "OP-003"}
    assert not list(written.rglob("*.part*"))
    assert not list(written.parent.glob("*.partial"))
    assert {path.name for path in (written / "truth").iterdir()} == {
        "simulation.json",
        "participants.csv",
        "lesions.csv",
        "genomes.csv",
        "disturbances.csv",
        "images",
    }
    settings = parse_settings(tomllib.loads((written / "study.toml").read_text("utf-8")))
    assert settings.title == SCENARIO.title
    assert {path.stem for path in (written / "variants").rglob("*") if path.is_file()} != set()


def test_received_series_are_those_that_were_written(written: Path) -> None:
    rows = pl.read_csv(written / "records" / "imaging_series.csv")

    series = [path for path in (written / "dicom").glob("*/*/*") if path.is_dir()]
    assert len(rows) == len(series) == rows["series_uid"].n_unique()


@pytest.mark.usefixtures("written")
def test_progress_counts_everyone() -> None:
    assert [one for one in _TOLD if one[0] == "planning participants"] == [
        ("planning participants", number, 3) for number in (0, 1, 2, 3)
    ]
    assert [one for one in _TOLD if one[0] == "writing images"] == [
        ("writing images", number, 3) for number in range(4)
    ]


@pytest.mark.parametrize("error", [RuntimeError("lost"), KeyboardInterrupt()])
def test_an_interrupted_cohort_is_gone_on_with_to_the_same_bytes(
    error: BaseException, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    with monkeypatch.context() as patch:
        patch.setattr(cohort, "write_participant", fails_at("OP-003", error=error))
        with pytest.raises(type(error)):
            make(folder)
    assert not folder.exists()
    stale = tmp_path / "study.partial" / "truth" / "images" / "OP-003" / "BASELINE"
    (stale / "suv.nii.gz").write_bytes(b"half")
    (stale / ".mu.nii.gz.77-88").write_bytes(b"left by the killed")
    again: list[str] = []

    def noted(*args: Any, **kwargs: Any) -> None:
        again.append(args[2].person.pseudonym)
        write_participant(*args, **kwargs)

    monkeypatch.setattr(cohort, "write_participant", noted)
    make(folder)

    # OP-002 has most visits, so was written first and OP-003 next.
    assert again == ["OP-003", "OP-001"]
    assert files_of(folder) == files_of(written)
    assert not (tmp_path / "study.partial").exists()


@pytest.mark.parametrize("place", ["write_tables", "write_variants", "_write_truth", "_finish"])
def test_one_that_stopped_after_its_images_is_gone_on_with(
    place: str, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    original = getattr(cohort, place)

    def stop(*args: Any, **kwargs: Any) -> None:
        if place != "_finish":
            original(*args, **kwargs)
        raise KeyboardInterrupt

    shutil.copytree(written / "dicom", tmp_path / "study.partial" / "dicom")
    shutil.copytree(written / "truth" / "images", tmp_path / "study.partial" / "truth" / "images")
    shutil.copy(written / "truth" / "simulation.json", tmp_path / "study.partial" / "truth")
    with monkeypatch.context() as patch:
        patch.setattr(cohort, place, stop)
        with pytest.raises(KeyboardInterrupt):
            make(folder)
    assert not folder.exists()

    make(folder)

    assert files_of(folder) == files_of(written)


def test_the_error_of_a_participant_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = fails_at("OP-003", error=ValueError("a lost voxel"))
    monkeypatch.setattr(cohort, "write_participant", lost)

    with pytest.raises(RuntimeError, match="OP-003: ValueError: a lost voxel"):
        make(tmp_path / "study")


def test_a_folder_begun_from_another_scenario_or_seed_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    building = tmp_path / "study.partial"
    write_outcomes(folder, SCENARIO, seed=SEED)
    folder.rename(building)

    for scenario, seed in ((SCENARIO, SEED + 1), (SCENARIO.with_participants(2), SEED)):
        with pytest.raises(DataError, match=r"study\.partial was begun from another") as refused:
            write_outcomes(folder, scenario, seed=seed)
        assert refused.value.remedy == "Remove it, or give another folder."
    with pytest.raises(DataError, match="was begun from another"):
        make(folder)

    write_outcomes(folder, SCENARIO, seed=SEED)
    assert not building.exists()


def test_a_folder_of_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    other = tmp_path / "study.partial" / "mine.txt"
    other.parent.mkdir()
    other.write_text("mine")

    with pytest.raises(DataError, match="or by something else"):
        make(tmp_path / "study")

    assert other.read_text() == "mine"


def test_one_that_stopped_before_its_note_was_whole_is_begun_anew(tmp_path: Path) -> None:
    note = tmp_path / "study.partial" / "truth" / "simulation.json.part"
    note.parent.mkdir(parents=True)
    note.write_text('{"operandi": ')

    make(tmp_path / "study", wanted=NO_IMAGES)

    assert (tmp_path / "study" / "study.toml").is_file()
    assert not list((tmp_path / "study").rglob("*.part"))


@pytest.mark.parametrize("what", ["a file in it", "a file"])
def test_refuses_a_place_that_is_taken(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    if what == "a file":
        folder.write_text("mine")
    else:
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")

    with pytest.raises(DataError, match="is there already and is not empty"):
        make(folder)
    with pytest.raises(DataError, match="is there already and is not empty"):
        write_outcomes(folder, SCENARIO, seed=SEED)

    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_an_empty_folder_is_filled_the_working_one_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    monkeypatch.chdir(folder)

    write_outcomes(Path(), SCENARIO, seed=SEED)

    assert (folder / "outcomes.parquet").is_file()
    # Through the working folder itself, where a shell would look.
    assert Path("outcomes.parquet").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


@pytest.mark.parametrize("when", ["before it is planned", "while it is planned"])
def test_two_cannot_write_one_folder_at_once(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, building = tmp_path / "study", tmp_path / "study.partial"
    handles = []

    def begin(*_: object, **__: object) -> tuple[()]:
        building.mkdir(exist_ok=True)
        handles.append(cohort._locked(building))
        return ()

    if when == "before it is planned":
        begin()
    else:
        monkeypatch.setattr(cohort, "first_cycles", lambda *_, **__: dict(begin()))

    with pytest.raises(DataError, match=r"Another process is writing .*study\.partial"):
        make(folder, wanted=NO_IMAGES)
    assert not list(building.iterdir())

    os.close(handles[0])
    monkeypatch.undo()
    make(folder, wanted=NO_IMAGES)
    assert (folder / "study.toml").is_file()


def test_a_disk_that_fills_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cohort, "write_tables", fill)

    with pytest.raises(OSError, match="No space left") as full:
        make(tmp_path / "study", wanted=NO_IMAGES)

    assert full.value.filename == str(tmp_path / "study.partial")


def test_a_place_that_is_a_disk_of_its_own_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a volume of a container is: nothing beside it can be moved onto it."""
    monkeypatch.setattr(Path, "is_mount", lambda self: self.name == "volume")

    with pytest.raises(DataError, match="volume is a disk of its own") as refused:
        make(tmp_path / "volume")

    assert refused.value.remedy == "Give a folder in it."


def test_a_folder_that_cannot_be_written_is_a_matter_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)

    with pytest.raises(PermissionError, match=r"study\.partial"):
        make(tmp_path / "study")


def test_a_disk_without_room_is_refused_after_the_first_participant_with_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**12, 10**12 - 10, 10))

    with pytest.raises(DataError, match=r"2 more participants need about 0\.0 GB; the disk of"):
        make(tmp_path / "study")

    building = tmp_path / "study.partial"
    assert [path.name for path in (building / "dicom").iterdir()] == ["OP-002"]
    assert not (building / "study.toml").exists()


def test_room_is_asked_for_the_visits_that_are_left(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OP-002 has two visits, the others one and two: 1.1 x 3/2 of what OP-002 took."""
    took = sum(
        len(data)
        for name, data in files_of(written).items()
        if name.startswith(("dicom/OP-002", "truth/images/OP-002"))
    )
    needed = round(took / 2 * 3 * 1.1)

    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**12, 0, needed - 1))
    with pytest.raises(DataError, match="more participants need"):
        make(tmp_path / "study")
    # What was written stays; the rest is asked for anew, by what OP-003 takes.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**12, 0, needed))
    make(tmp_path / "study")
    assert files_of(tmp_path / "study") == files_of(written)


def test_a_lesion_larger_than_its_organ_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = lesion_states

    def enlarged(*args: Any, **kwargs: Any) -> object:
        first, *others = original(*args, **kwargs)
        return (replace(first, volume_ml=4000.0), *others)

    monkeypatch.setattr(participant, "lesion_states", enlarged)
    monkeypatch.setattr(cohort, "plan_images", participant.plan_images)

    with pytest.raises(DataError, match=r"OP-001-L1 of 4000\.0 mL") as refused:
        make(tmp_path / "study")

    assert "cohort.lesions_mean" in refused.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_images_change_no_byte_of_the_rest(written: Path, tmp_path: Path) -> None:
    make(tmp_path / "tables", wanted=NO_IMAGES)
    make(tmp_path / "images", wanted=Wanted(true_images=False))

    whole = files_of(written)
    without = ("truth/images/", "truth/simulation.json")
    assert {
        name: data for name, data in files_of(tmp_path / "images").items() if name != without[1]
    } == {name: data for name, data in whole.items() if not name.startswith(without)}
    absent = (*without, "dicom/", "records/imaging_series.csv")
    assert {
        name: data
        for name, data in files_of(tmp_path / "tables").items()
        if not name.startswith(absent)
    } == {name: data for name, data in whole.items() if not name.startswith(absent)}


def test_another_seed_is_another_cohort(tmp_path: Path) -> None:
    scenario = a_scenario(participants=1)
    for seed in (1, 2):
        write_outcomes(tmp_path / str(seed), scenario, seed=seed)

    one, other = (pl.read_parquet(tmp_path / str(seed) / "outcomes.parquet") for seed in (1, 2))
    assert one["participant"].to_list() == other["participant"].to_list()
    assert one["oracle_risk"].to_list() != other["oracle_risk"].to_list()
    assert one["age_years"].to_list() != other["age_years"].to_list()


def test_outcomes_alone_are_those_of_the_cohort(written: Path, tmp_path: Path) -> None:
    write_outcomes(tmp_path / "outcomes", SCENARIO, seed=SEED)

    alone = pl.read_parquet(tmp_path / "outcomes" / "outcomes.parquet")
    alone.write_csv(tmp_path / "outcomes.csv")
    of_cohort = written / "truth" / "participants.csv"
    assert (tmp_path / "outcomes.csv").read_bytes() == of_cohort.read_bytes()
    assert {path.name for path in (tmp_path / "outcomes").iterdir()} == {
        "outcomes.parquet",
        "simulation.json",
    }


def test_outcomes_do_not_depend_on_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = SCENARIO.with_participants(50)
    write_outcomes(tmp_path / "at once", scenario, seed=SEED)

    monkeypatch.setattr(cohort, "BATCH", 7)
    write_outcomes(tmp_path / "by seven", scenario, seed=SEED)

    assert files_of(tmp_path / "at once") == files_of(tmp_path / "by seven")


def test_the_note_makes_the_same_cohort_again(written: Path, tmp_path: Path) -> None:
    path = written / "truth" / "simulation.json"
    note = json.loads(path.read_text("utf-8"))

    assert note["operandi"] == __version__
    assert note["again"] == "operandi simulate OUT --scenario simulation.json --seed 3"
    seed = noted_seed(path)
    assert seed == SEED
    assert read_scenario(path) == SCENARIO
    make(tmp_path / "again", read_scenario(path), seed=seed)

    assert files_of(tmp_path / "again") == files_of(written)


def test_the_note_names_what_was_left_out(tmp_path: Path) -> None:
    make(tmp_path / "study", wanted=NO_IMAGES)
    write_outcomes(tmp_path / "outcomes", SCENARIO, seed=SEED)

    for path, options in (
        (tmp_path / "study" / "truth", "--without-images --without-true-images"),
        (tmp_path / "outcomes", "--outcomes-only"),
    ):
        note = json.loads((path / "simulation.json").read_text("utf-8"))
        assert note["again"].endswith(f"--seed {SEED} {options}")


_WRITER = """
import sys
from pathlib import Path
from tests.simulation import test_cohort
from tests.simulation.cohorts import few_slices

if __name__ == "__main__":
    with few_slices():
        test_cohort.make(Path(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_one_that_was_killed_is_gone_on_with_to_the_same_bytes(
    written: Path, tmp_path: Path
) -> None:
    folder, building = tmp_path / "study", tmp_path / "study.partial"
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(folder)]) as process:
        deadline = time.monotonic() + 300.0
        while not (building / "dicom" / "OP-002").exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert building.exists()

    make(folder)

    assert files_of(folder) == files_of(written)


@pytest.mark.slow
def test_the_number_of_processes_changes_no_byte(tmp_path: Path) -> None:
    """On whole grids, as the small ones of these tests are not those of other processes."""
    whole = a_scenario()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(participant, "TRUNK_MM", (-330.0, 330.0))
        patch.setattr(cohort, "plan_images", participant.plan_images)
        for workers in (1, 2):
            make(tmp_path / str(workers), whole, workers=workers)

    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


@pytest.mark.slow
def test_results_know_nothing_of_the_truth(tmp_path: Path, scheduler: str) -> None:
    scenario = a_scenario(participants=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(participant, "TRUNK_MM", (-330.0, 330.0))
        make(tmp_path / "with" / "study", scenario)
    shutil.copytree(tmp_path / "with" / "study", tmp_path / "without" / "study")
    shutil.rmtree(tmp_path / "without" / "study" / "truth")

    known, unknown = (
        dict(published(run_it(tmp_path / which / "study", scheduler).results))
        for which in ("with", "without")
    )

    assert known == unknown
    assert "measurements.parquet" in known
