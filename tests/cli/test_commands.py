"""The commands as somebody meets them at a terminal: words, exit codes, files."""

import errno
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pydicom
import pytest

from operandi.cli import console, doctor
from operandi.cli.main import main
from operandi.imaging.nifti import read_nifti
from operandi.pipeline.store import Store
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import SUV_BODY_WEIGHT
from operandi.therapy import decay_library
from tests.pipeline.studies import (
    change_cells,
    change_headers,
    change_study_file,
    published,
    run_it,
)

COMMANDS = (
    "run",
    "demo",
    "simulate",
    "power",
    "screen",
    "schedule",
    "compare-radionuclides",
    "schedule-potentiator",
    "import",
    "freeze",
    "export",
    "study check",
    "study export",
    "study draft",
    "plan check",
    "analyse",
    "index",
    "suv",
    "radiomics extract",
    "radiomics verify",
    "trace",
    "doctor",
)
PET = "OP-001/BASELINE/pet_ac"


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def operandi(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command line in this process, on a wide terminal."""
    monkeypatch.setattr(console.out, "width", 400)
    monkeypatch.setattr(console.err, "width", 400)
    monkeypatch.setattr(console, "debug", False)

    def call(*words: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["operandi", *map(str, words)])
        capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        printed = capsys.readouterr()
        assert isinstance(code, int)
        return Said(code, plain(printed.out), plain(printed.err))

    return call


def plain(text: str) -> str:
    """Without colors, frames and line breaks."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return " ".join(re.sub("[│╭╮╰╯─├└]", " ", text).split())


@pytest.fixture
def study(sound: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(sound, tmp_path / "study"))


def program(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "operandi", *map(str, words)]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": ":".join(sys.path), "COLUMNS": "300"}


# --- help, version, exit codes -------------------------------------------------------------------


def test_version_is_printed_alone(operandi: Command) -> None:
    said = operandi("--version")

    assert (said.code, said.err) == (0, "")
    assert re.fullmatch(r"operandi \d+\.\d+\.\d+", said.out)


def test_help_lists_every_command_and_the_exit_codes(operandi: Command) -> None:
    said = operandi("--help")

    assert said.code == 0
    for command in COMMANDS:
        assert f" {command.partition(' ')[0]} " in said.out
    for words in ("operandi demo", "0 done", "1 refused", "2 wrong", "3 done", "70", "130"):
        assert words in said.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_shows_how_to_type_it(command: str, operandi: Command) -> None:
    said = operandi(*command.split(), "--help")

    assert said.code == 0
    assert re.search(rf"Examples?: operandi {command}\b", said.out)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["run"], "Missing argument"),
        (["run", "x", "--workers", "0"], "--workers"),
        (["run", "x", "--colour"], "No such option"),
        (["suv", "x", "--timezone", "Mars/Utopia"], "no time zone is named 'Mars/Utopia'"),
        (["suv", "x", "--nifti", "x.nrrd"], "does not end in .nii or .nii.gz"),
    ],
)
def test_a_wrong_command_line_ends_with_2(
    words: Sequence[str], told: str, operandi: Command
) -> None:
    said = operandi(*words)

    assert said.code == 2
    assert told in said.err


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("operandi.pipeline.study.read_study", fail)


ENDS = {
    1: (DataError("Needed a weight, found none.", remedy="Record it."), "Refused"),
    70: (RuntimeError("seven [/b] of nine"), "RuntimeError: seven [/b] of nine"),
    130: (KeyboardInterrupt(), "Interrupted. What was finished is kept"),
}


@pytest.mark.parametrize("code", ENDS)
def test_an_error_takes_one_screen_and_its_exit_code(
    code: int, operandi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, told = ENDS[code]
    failing(error, monkeypatch)

    said = operandi("run", "x")

    assert said.code == code
    assert told in said.err
    assert "Traceback" not in said.err
    assert len(said.err) < 400


@pytest.mark.parametrize("code", [1, 70])
def test_debug_shows_the_traceback(
    code: int, operandi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(ENDS[code][0], monkeypatch)

    said = operandi("--debug", "run", "x")

    assert said.code == code
    assert "Traceback" in said.err
    assert "test_commands.py" in said.err


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, 1), (errno.EACCES, 1), (errno.EROFS, 1), (errno.EBADF, 70)]
)
def test_what_the_disk_refuses_is_no_defect(
    number: int, code: int, operandi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(OSError(number, os.strerror(number), "results/report.html"), monkeypatch)

    said = operandi("run", "x")

    assert said.code == code
    assert os.strerror(number) in said.err
    assert "results/report.html" in said.err
    assert ("This is a defect of Operandi" in said.err) == (code == 70)


@pytest.mark.slow
def test_the_program_itself_refuses_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        program("run", tmp_path), env=environment(), capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "holds no study.toml" in plain(done.stderr)
    assert "operandi demo" in plain(done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
def test_an_interrupt_ends_a_run_and_the_next_goes_on(
    study: Path, scheduler: str, operandi: Command
) -> None:
    shutil.rmtree(study / "results")
    running = subprocess.Popen(
        program("run", study, "--scheduler", scheduler),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list((study / "results").glob(".store/??/*/record.json")):
        assert running.poll() is None

    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)

    assert running.returncode == 130, errors
    assert "Interrupted. What was finished is kept; run again to go on." in errors
    assert "Traceback" not in errors
    again = operandi("run", study, "--scheduler", scheduler)
    assert again.code == 0
    reused = re.search(r"(\d+) reused", again.out)
    assert reused is not None
    assert int(reused[1]) > 0


# --- run, demo -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_run_says_what_it_did_and_where_the_results_are(
    study: Path, scheduler: str, operandi: Command
) -> None:
    said = operandi("run", study, "--scheduler", scheduler)

    assert said.code == 0
    assert "0 steps computed, 36 reused, 0 refused, 0 failed." in said.out
    for name in ("measurements.parquet", "report.html"):
        assert str(study.resolve() / "results" / name) in said.out
        assert (study / "results" / name).stat().st_size > 1000


@pytest.mark.slow
def test_run_ends_with_3_where_a_visit_was_refused_and_names_it(
    study: Path, scheduler: str, operandi: Command
) -> None:
    change_headers(study, f"{PET}/*.dcm", PatientWeight="700")

    said = operandi("run", study, "--scheduler", scheduler)

    assert said.code == 3
    assert "Refused, wholly or in part: OP-001/BASELINE. The report says why" in said.out


@pytest.mark.slow
def test_explain_says_why_each_step_would_run_and_runs_none(study: Path, operandi: Command) -> None:
    change_cells(study, "vitals", {"timepoint": "BASELINE"}, body_mass_kg="64.6")
    before = dict(published(study / "results"))

    said = operandi("run", study, "--explain")

    assert said.code == 0
    assert "its settings changed (recorded.body_mass_kg 64.5 to 64.6)" in said.out
    assert "suv OP-001/AFTER_CYCLE_2 reused" in said.out
    assert dict(published(study / "results")) == before


def test_demo_writes_a_study_once_and_ends_with_its_report(
    tmp_path: Path, operandi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    runs: list[Path] = []

    def write(folder: Path, *_: object, **__: object) -> None:
        written.append(folder)
        folder.mkdir()
        (folder / "study.toml").touch()

    monkeypatch.setattr("operandi.simulation.cohort.write_cohort", write)
    monkeypatch.setattr("operandi.cli.demo.run", runs.append)

    first, second = operandi("demo", tmp_path / "demo"), operandi("demo", tmp_path / "demo")

    assert (first.code, second.code) == (0, 0)
    assert first.out.endswith(str(tmp_path / "demo" / "results" / "report.html"))
    assert len(written) == 1
    assert runs == [tmp_path / "demo"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_demo_refuses_a_folder_that_holds_something_else(tmp_path: Path, operandi: Command) -> None:
    (tmp_path / "thesis.txt").write_text("all of it", "utf-8")

    said = operandi("demo", tmp_path)

    assert said.code == 1
    assert "is there already, and is no study folder" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


# --- index ---------------------------------------------------------------------------------------


def archived(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.dcm")):
            archive.write(file, file.relative_to(folder))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tree", "archive"])
def test_index_says_what_is_there_and_how_that_is_known(
    form: str, study: Path, tmp_path: Path, operandi: Command
) -> None:
    dicom = study / "dicom"
    (dicom / "note.txt").write_text("not DICOM", "utf-8")

    said = operandi("index", dicom if form == "tree" else archived(dicom, tmp_path / "a.zip"))

    assert said.code == 0
    for words in (
        "OP-001 20240903 pet_ac 45 PET, attenuation corrected Modality PT, CorrectedImage ATTN",
        "OP-001 20241210 organ_map 1 segmentation",
        "t1_dixon_water 32 MR Dixon, water",
        "156 DICOM files in 6 series, 0 damaged, 0 duplicates left out",
    ):
        assert words in said.out
    assert f"{1 if form == 'tree' else 0} files that are not DICOM" in said.out


@pytest.mark.slow
def test_index_assembles_the_volumes_where_asked(study: Path, operandi: Command) -> None:
    said = operandi("index", study / "dicom" / PET, "--volumes")

    assert said.code == 0
    assert "1 of 48 x 48 x 45, 8.00 x 8.00 x 8.00 mm" in said.out


@pytest.mark.slow
def test_index_names_damage_and_ends_with_1(study: Path, operandi: Command) -> None:
    path = study / "dicom" / PET / "0007.dcm"
    path.write_bytes(path.read_bytes()[:600])

    said = operandi("index", study / "dicom")

    assert said.code == 1
    assert f"fault {PET}/0007.dcm is truncated" in said.out
    assert "1 damaged" in said.out


@pytest.mark.slow
def test_index_prints_what_a_scanner_writes_letter_by_letter(
    study: Path, operandi: Command
) -> None:
    """Square brackets are markup to the library that prints."""
    change_headers(study, f"{PET}/*.dcm", SeriesDescription="pet [/bold] [red]ac")

    said = operandi("index", study / "dicom" / PET)

    assert said.code == 0
    assert "pet [/bold] [red]ac" in said.out


def test_index_refuses_what_is_not_there(tmp_path: Path, operandi: Command) -> None:
    said = operandi("index", tmp_path / "nowhere")

    assert said.code == 1
    assert "nowhere" in said.err


# --- suv -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_suv_says_its_range_and_from_which_tags(study: Path, operandi: Command) -> None:
    said = operandi("suv", study / "dicom" / PET)

    assert said.code == 0
    for words in (
        "series pet_ac",
        "voxels 48 x 48 x 45",
        "from Units BQML",
        "from DecayCorrection START",
        "from 68Ga, half-life 4069.8 s from the header",
        "RadionuclideTotalDose in Bq, time from RadiopharmaceuticalStartDateTime",
        "from body mass 64.5 kg from PatientWeight",
    ):
        assert words in said.out


@pytest.mark.slow
def test_suv_writes_the_image_that_it_speaks_of(
    study: Path, tmp_path: Path, operandi: Command
) -> None:
    said = operandi("suv", study / "dicom" / PET, "--nifti", tmp_path / "suv.nii.gz")

    assert said.code == 0
    image = read_nifti(tmp_path / "suv.nii.gz", SUV_BODY_WEIGHT)
    assert image.values.shape == (48, 48, 45)
    assert f"to {image.values.max():.3f}" in said.out
    assert image.values.max() > 20


def change_injection(folder: Path, **attributes: object) -> None:
    for path in sorted((folder / "dicom" / PET).iterdir()):
        ds = pydicom.dcmread(path)
        (item,) = ds.RadiopharmaceuticalInformationSequence
        for keyword, value in attributes.items():
            setattr(item, keyword, value)
        ds.save_as(path)


@pytest.mark.slow
def test_suv_needs_the_unit_of_a_dose_that_is_in_none_plausible(
    study: Path, operandi: Command
) -> None:
    """The header's 128 708 054.7 Bq, written in kBq."""
    plainly = operandi("suv", study / "dicom" / PET)
    change_injection(study, RadionuclideTotalDose="128708.0547")

    refused = operandi("suv", study / "dicom" / PET)
    declared = operandi("suv", study / "dicom" / PET, "--activity-unit", "kBq")

    assert refused.code == 1
    assert "RadionuclideTotalDose 128708 would be 0.128708 MBq of 68Ga" in refused.err
    assert 'Declare activity_unit = "Bq", "kBq" or "MBq"' in refused.err
    assert declared.code == 0
    assert "RadionuclideTotalDose in kBq (declared)" in declared.out
    ranges = [re.search(r"g/mL ([\d.]+ to [\d.]+)", said.out) for said in (plainly, declared)]
    assert ranges[0] is not None
    assert ranges[1] is not None
    assert ranges[0][1] == ranges[1][1]


@pytest.mark.slow
def test_suv_needs_the_nuclide_where_none_is_named(study: Path, operandi: Command) -> None:
    change_injection(study, RadionuclideCodeSequence=[], Radiopharmaceutical="tracer")

    refused = operandi("suv", study / "dicom" / PET)
    declared = operandi("suv", study / "dicom" / PET, "--nuclide", "68Ga")
    wrong = operandi("suv", study / "dicom" / PET, "--nuclide", "18F")

    assert refused.code == 1
    assert "'tracer' name none; needed one known radionuclide" in refused.err
    assert declared.code == 0
    assert "68Ga, half-life 4069.8 s from the header; nuclide declared" in declared.out
    assert wrong.code == 1
    assert "4069.8 s is not that of 18F" in wrong.err


@pytest.mark.slow
def test_suv_needs_the_time_zone_where_only_the_injection_states_its_own(
    study: Path, operandi: Command
) -> None:
    """10:14 at +02:00 is 10:14 in Paris in summer; in UTC it would be two hours earlier."""
    for path in sorted((study / "dicom" / PET).iterdir()):
        ds = pydicom.dcmread(path)
        del ds.TimezoneOffsetFromUTC
        (item,) = ds.RadiopharmaceuticalInformationSequence
        item.RadiopharmaceuticalStartDateTime = "20240903101400.000000+0200"
        ds.save_as(path)

    refused = operandi("suv", study / "dicom" / PET)
    paris = operandi("suv", study / "dicom" / PET, "--timezone", "Europe/Paris")

    assert refused.code == 1
    assert "states its offset from UTC" in refused.err
    assert "--timezone Europe/Paris" in refused.err
    assert paris.code == 0
    assert "to 22." in paris.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["dicom"], "holds 2 attenuation-corrected PET series; needed one"),
        (["records"], "holds 0 attenuation-corrected PET series; needed one"),
        ([f"dicom/{PET}", "--activity-unit", "GBq"], "activity_unit.*found 'GBq'"),
        ([f"dicom/{PET}", "--decay-corrected-to", "now"], "decay_corrected_to.*found 'now'"),
        ([f"dicom/{PET}", "--nifti", "nowhere/suv.nii.gz"], "nowhere/.*No such file or directory"),
    ],
)
def test_suv_refuses_what_it_cannot_do(
    words: Sequence[str], told: str, study: Path, operandi: Command
) -> None:
    series, *options = words

    said = operandi("suv", study / series, *options)

    assert said.code == 1
    assert re.search(told, said.err)


# --- trace ---------------------------------------------------------------------------------------


def measurement(study: Path, *, subject: str, kind: str) -> str:
    table = pl.read_parquet(study / "results" / "measurements.parquet")
    found = table.filter(
        pl.col("timepoint") == "BASELINE", pl.col("subject") == subject, pl.col("kind") == kind
    )
    return str(found["measurement"].item())


@pytest.mark.slow
def test_trace_leads_from_a_number_to_the_files_and_tags_it_came_from(
    study: Path, operandi: Command
) -> None:
    name = measurement(study, subject="L01", kind="SUV_MAXIMUM")

    said = operandi("trace", name, "--study", study)

    assert said.code == 0
    for words in (
        "SUVmax of OP-001 BASELINE, lesion L01:",
        "g/mL method:",
        "uncertainty: no repeatability",
        "measured lesions OP-001/BASELINE: operandi.pipeline.steps.measurements:measured_lesions",
        "suv OP-001/BASELINE: operandi.pipeline.steps.pet:standardized_uptake version 1, code",
        "lesions OP-001/BASELINE:",
        "organs OP-001/BASELINE:",
        '"body_mass_kg": 64.5',
        f"dicom/{PET}/0001.dcm sha256",
        "dicom/OP-001/BASELINE/organ_map/0001.dcm sha256",
        "… and 42 more; --files lists them",
        "evidence: Units BQML",
        "evidence: DecayCorrection START",
        "evidence: body mass 64.5 kg from vitals",
        "evidence: net activity and time of injection from tracer_administrations",
        "as above",
    ):
        assert words in said.out
    assert f"{PET}/0045.dcm" not in said.out


@pytest.mark.slow
def test_trace_lists_every_file_where_asked(study: Path, operandi: Command) -> None:
    name = measurement(study, subject="liver", kind="SUV_MEAN")

    said = operandi("trace", name, "--study", study, "--files")

    listed = set(re.findall(rf"dicom/({PET}/\d+\.dcm)", said.out))
    assert listed == {f"{PET}/{number:04d}.dcm" for number in range(1, 46)}
    sources = json.loads((study / "results" / "sources.json").read_text("utf-8"))
    for source in sources.values():
        for file, digest in source["files"]:
            if file in listed:
                assert f"dicom/{file} sha256 {digest[:12]}" in said.out


@pytest.mark.slow
def test_trace_takes_the_beginning_of_a_name_if_there_is_one_such(
    study: Path, operandi: Command
) -> None:
    name = measurement(study, subject="liver", kind="SUV_MEAN")

    assert operandi("trace", name[:10], "--study", study).code == 0
    several = operandi("trace", "m-", "--study", study)
    assert several.code == 1
    assert re.search(r"\d\d measurements are called 'm-'", several.err)
    none = operandi("trace", "m-000000000000", "--study", study)
    assert none.code == 1
    assert "0 measurements are called" in none.err


@pytest.mark.slow
def test_a_terminal_that_knows_few_characters_still_gets_the_trace(study: Path) -> None:
    name = measurement(study, subject="liver", kind="SUV_MEAN")

    done = subprocess.run(
        program("trace", name, "--study", study),
        env=environment() | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        encoding="latin-1",
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "? and 42 more; --files lists them" in done.stdout


@pytest.mark.slow
def test_trace_reads_beside_a_run_and_changes_nothing(study: Path, operandi: Command) -> None:
    name = measurement(study, subject="liver", kind="SUV_MEAN")
    before = dict(published(study / "results"))

    with Store(study / "results" / ".store"):
        said = operandi("trace", name, "--study", study)

    assert said.code == 0
    assert dict(published(study / "results")) == before


@pytest.mark.slow
def test_trace_of_an_absent_value_gives_its_reason(
    study: Path, scheduler: str, operandi: Command
) -> None:
    shutil.rmtree(study / "dicom" / PET)
    run_it(study, scheduler)
    name = measurement(study, subject="", kind="LESION_COUNT")

    said = operandi("trace", name, "--study", study)

    assert said.code == 0
    assert "No attenuation-corrected PET series arrived for the visit of 2024-09-03" in said.out
    assert "not in the store" not in said.out


@pytest.mark.slow
def test_trace_of_a_value_now_refused_shows_nothing_of_the_earlier_one(
    study: Path, scheduler: str, operandi: Command
) -> None:
    change_cells(study, "vitals", {"timepoint": "BASELINE"}, body_mass_kg="46.5")
    run_it(study, scheduler)
    name = measurement(study, subject="", kind="LESION_COUNT")

    said = operandi("trace", name, "--study", study)

    assert "suv OP-001/BASELINE: operandi.pipeline.steps.pet:standardized_uptake" in said.out
    assert "refused: PatientWeight is 64.5 kg but vitals records 46.5 kg" in said.out
    assert "measured lesions OP-001/BASELINE: did not run" in said.out
    assert f"dicom/{PET}/0001.dcm sha256" in said.out
    assert "body mass 64.5 kg from vitals" not in said.out
    assert "not in the store" not in said.out


@pytest.mark.slow
def test_trace_names_the_files_where_they_lie_now(
    study: Path, scheduler: str, operandi: Command
) -> None:
    """Steps whose input came out the same are reused, and their records are of the earlier run."""
    (study / "dicom" / "OP-001" / "BASELINE").rename(study / "dicom" / "moved")
    run_it(study, scheduler)
    name = measurement(study, subject="L01", kind="SUV_MAXIMUM")

    said = operandi("trace", name, "--study", study)

    for series in ("organ_map", PET.rpartition("/")[2]):
        assert f"dicom/moved/{series}/0001.dcm sha256" in said.out
    assert "OP-001/BASELINE/organ_map/0001" not in said.out


@pytest.mark.slow
def test_trace_shows_the_settings_of_the_latest_run(
    study: Path, scheduler: str, operandi: Command
) -> None:
    declared = '\n[[declare.visit]]\nparticipant = "OP-001"\nbody_mass_from = "records"\n'
    change_study_file(study, lambda text: text + declared)
    run_it(study, scheduler)
    name = measurement(study, subject="L01", kind="SUV_MAXIMUM")

    said = operandi("trace", name, "--study", study)

    assert '"body_mass_from": "records"' in said.out
    assert '"body_mass_from": ""' not in said.out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sources.json", "measurements.parquet"])
@pytest.mark.parametrize("damage", [None, "junk"])
def test_trace_refuses_results_that_are_damaged(
    name: str, damage: str | None, study: Path, operandi: Command
) -> None:
    path = study / "results" / name
    path.unlink()
    if damage:
        path.write_text(damage, "utf-8")

    said = operandi("trace", "m-1", "--study", study)

    assert said.code == 1
    lost = name == "measurements.parquet" and not damage
    assert ("has no results" if lost else "Run the study again") in said.err


def test_trace_refuses_a_folder_without_results(tmp_path: Path, operandi: Command) -> None:
    said = operandi("trace", "m-1", "--study", tmp_path)

    assert said.code == 1
    assert "has no results" in said.err


# --- doctor --------------------------------------------------------------------------------------


def test_doctor_finds_all_that_is_needed(
    operandi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = [f"numpy>={np.__version__}", 'torch>=99; extra == "train"']
    monkeypatch.setattr(doctor, "requires", lambda _: needed)

    said = operandi("doctor")

    assert said.code == 0
    assert f"✓ numpy {np.__version__}" in said.out
    assert "All that Operandi needs is installed." in said.out
    assert re.search(r"\d+ cores", said.out)


def test_doctor_tells_nuclide_data_that_are_broken_from_those_that_are_absent(
    operandi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> None:
        raise ImportError("cut short")

    monkeypatch.setattr(doctor, "requires", lambda _: [])
    monkeypatch.setattr(doctor, "version", lambda _: "0.0.3")
    decay_library.decay_data.cache_clear()
    monkeypatch.setattr(importlib, "import_module", broken)

    said = operandi("doctor")

    assert said.code == 0
    assert "icrp107-database 0.0.3" in said.out
    assert "is broken: cut short" in said.out


def test_doctor_names_what_is_missing_or_too_old_and_ends_with_1(
    operandi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "requires", lambda _: ["numpy>=99", "operandi-no-such-thing>=1"])

    said = operandi("doctor")

    assert said.code == 1
    assert f"✗ numpy {np.__version__} >=99" in said.out
    assert "✗ operandi-no-such-thing missing >=1" in said.out
    assert "Something needed is missing" in said.out
