"""``operandi dose`` as a physicist meets it, from doses to terminal and page."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.pipeline import therapy_results
from operandi.pipeline.steps.dose_marrow import MarrowDoses
from operandi.pipeline.study import Study
from operandi.pipeline.therapy_results import ParticipantDoses
from operandi.quantities.errors import DataError
from tests.pipeline import studies
from tests.pipeline.cycle_doses import a_cycle, a_marrow


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dose") / "study"
    studies.write_small_study(folder)
    return folder


def asked(
    study: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    marrow: MarrowDoses,
    unread: tuple[tuple[int, str], ...] = (),
) -> Result:
    def measured(read: Study, who: str, *_: Any, **__: Any) -> ParticipantDoses:
        participant = read.records.participant(who)
        assert participant is not None
        return ParticipantDoses(
            participant=participant,
            given=tuple(one for one in read.records.cycles if one.participant == who),
            measured=((1, a_cycle()),),
            predicted=None,
            marrow=((1, marrow),),
            unread=unread,
        )

    monkeypatch.setattr(therapy_results, "participant_doses", measured)
    monkeypatch.setattr(console.out, "width", 300)
    return CliRunner().invoke(app, ["dose", "OP-001", "--study", str(study)])


def test_kidneys_lesions_and_marrow_stand_in_one_table_with_their_sums(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = asked(study, monkeypatch, marrow=a_marrow())

    assert said.exit_code == 0, said.output
    assert re.search(r"red marrow +0\.040 ± 0\.010 +0\.0054", said.output)
    assert "OP-001, kidneys: 5.00 ± 0.50 Gy absorbed dose from 1 of 4 cycle(s)" in said.output
    assert "OP-001, red marrow: 0.040 ± 0.010 Gy absorbed dose from 1 of" in said.output
    assert "at least 2% of 2 Gy (all)" in said.output
    page = study / "results" / "doses" / "OP-001.html"
    assert "red marrow" in page.read_text("utf-8")


def test_a_marrow_without_a_dose_says_why_and_the_status_is_3(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = MarrowDoses(
        methods=(),
        absent=("Found 1 sample.",),
        mass_g=990.0,
        administered_bq=7.4e9,
        evidence=(),
    )

    said = asked(study, monkeypatch, marrow=absent)

    assert said.exit_code == 3
    assert "red marrow: no dose. Found 1 sample." in said.output


def test_scans_that_arrived_without_anything_drawn_are_not_said_to_be_missing(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = asked(study, monkeypatch, marrow=a_marrow(), unread=((2, "Nothing was drawn. Draw."),))

    assert said.exit_code == 3
    assert "OP-001, cycle 2: no dose. Nothing was drawn. Draw." in said.output
    assert "OP-001, cycle 3: no scan after the cycle has arrived." in said.output
    page = study / "results" / "doses" / "OP-001.html"
    assert "No dose. Nothing was drawn. Draw." in page.read_text("utf-8")


def test_a_faulty_row_of_a_cycle_is_told_and_the_status_is_3(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    studies.write_small_study(folder)
    studies.change_cells(folder, "cycles", {"cycle": "1"}, activity_gbq="-7.41")

    said = CliRunner().invoke(app, ["dose", "OP-001", "--study", str(folder), "--workers", "1"])

    assert said.exit_code == 3, said.output
    assert "OP-001: not read. cycles.csv, line 2, column activity_gbq" in flat(said.output)


def test_a_tomogram_of_no_cycle_is_told_and_the_status_is_3(tmp_path: Path) -> None:
    """The PET of the visit after cycle 2, as if it were a tomogram of the therapy."""
    folder = tmp_path / "study"
    studies.write_small_study(folder)
    studies.change_rows(
        folder,
        "imaging_visits",
        lambda rows: [row for row in rows if row["timepoint"] == "BASELINE"],
    )

    said = CliRunner().invoke(app, ["dose", "OP-001", "--study", str(folder), "--workers", "1"])

    assert said.exit_code == 3, said.output
    assert "OP-001: in no dose. series 'pet_ac' of" in flat(said.output)
    assert "has no imaging visit on StudyDate" in flat(said.output)


def test_a_file_where_the_pages_go_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    studies.write_small_study(folder)
    (folder / "results").mkdir(exist_ok=True)
    (folder / "results" / "doses").write_text("", encoding="utf-8")

    with pytest.raises(DataError, match="is a file; the pages of doses go into a folder"):
        CliRunner().invoke(
            app,
            ["dose", "OP-001", "--study", str(folder), "--workers", "1"],
            catch_exceptions=False,
        )


def test_who_was_left_out_of_the_study_is_told_and_an_empty_code_is_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    studies.write_small_study(folder)
    studies.change_rows(
        folder,
        "participants",
        lambda rows: [*rows, {**rows[0], "participant": "OP-009", "sex": "?"}],
    )
    asked_for = ["dose", "--study", str(folder), "--workers", "1"]

    said = CliRunner().invoke(app, asked_for)

    assert said.exit_code == 3, said.output
    assert "OP-009: not read. participants.csv, line 3, column sex" in flat(said.output)
    with pytest.raises(DataError, match=r"OP-009 was left out of the study: participants.csv"):
        CliRunner().invoke(app, [*asked_for, "OP-009"], catch_exceptions=False)
    with pytest.raises(DataError, match="No participant is called"):
        CliRunner().invoke(app, [*asked_for, ""], catch_exceptions=False)


def flat(text: str) -> str:
    return " ".join(text.split())
