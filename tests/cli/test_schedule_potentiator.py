"""``operandi schedule-potentiator`` as an investigator meets it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.cli.measured import page_folder
from operandi.pipeline import potentiator_plan, therapy_results
from operandi.pipeline.study import Study
from operandi.pipeline.therapy_results import ParticipantDoses
from operandi.quantities.errors import DataError
from tests.pipeline import studies
from tests.pipeline.measured_doses import cycle_doses


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("potentiator") / "study"
    studies.write_small_study(folder)
    return folder


@pytest.fixture(autouse=True)
def doses_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of SPECT, which takes too long: the road has tests of its own."""

    def measured(read: Study, who: str, *_: Any, **__: Any) -> ParticipantDoses:
        participant = read.records.participant(who)
        assert participant is not None
        given = tuple(one for one in read.records.cycles if one.participant == who)
        return ParticipantDoses(
            participant=participant, given=given, measured=((1, cycle_doses()),), predicted=None
        )

    monkeypatch.setattr(therapy_results, "participant_doses", measured)
    monkeypatch.setattr(potentiator_plan, "participant_doses", measured)
    monkeypatch.setattr(console.out, "width", 300)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["schedule-potentiator", *map(str, words)])


def test_a_participant_sees_doses_ratios_assumptions_and_a_page(study: Path) -> None:
    said = call(
        "OP-001", "--study", study, "--drug", "olaparib", "--grade", "G2", "--samples", "200"
    )

    assert said.exit_code == 0, said.output
    for words in (
        "L3 (smallest dose)",
        "L1 (largest dose)",
        "kidneys (mean by mass)",
        "L3 to kidneys",
        "alike",
        "No marrow dose was measured or stated",
        "Assumed or recalled, not measured:",
        "S-phase share, G2 tumor: 0.008 to 0.1 is assumed",
    ):
        assert words in said.output
    page = (study / "results" / "what-if" / "OP-001-olaparib.html").read_text("utf-8")
    assert page.count("<figure>") == 3
    assert "no advice for treatment" in page
    assert "NCT04086485" in page


def test_comparing_starts_adds_a_chart_and_the_best_day(study: Path) -> None:
    said = call(
        *("OP-001", "--study", study, "--drug", "olaparib", "--samples", "200"),
        *("--schedule", "gothenburg", "--first-day", "2", "--last-day", "15"),
        *("--compare-starts", "--marrow-gy-per-gbq", "0.03", "--marrow-half-life-h", "40"),
    )

    assert said.exit_code == 0, said.output
    assert re.search(r"L3 to marrow: greatest with a start on day -?\d+", said.output)
    page = (study / "results" / "what-if" / "OP-001-olaparib.html").read_text("utf-8")
    assert page.count("<figure>") == 4
    assert "days given by the user" in page


def test_captem_is_said_to_put_its_advantage_over_kidneys_in(study: Path) -> None:
    said = call("OP-001", "--study", study, "--drug", "captem", "--samples", "200")

    assert said.exit_code == 0, said.output
    assert "Raises L3 more than kidneys. Put in, not found" in said.output
    page = (study / "results" / "what-if" / "OP-001-captem.html").read_text("utf-8")
    assert "Put in, not found: see the notes." in page


def test_the_same_question_gives_the_same_page(study: Path) -> None:
    path = study / "results" / "what-if" / "OP-001-captem.html"
    words = ("OP-001", "--study", study, "--drug", "captem", "--samples", "200")

    call(*words)
    first = path.read_bytes()
    call(*words)

    assert path.read_bytes() == first


def test_a_cohort_without_scans_is_refused(study: Path) -> None:
    said = call("--study", study, "--drug", "olaparib")

    assert isinstance(said.exception, DataError)
    assert "Nobody has a measured dose" in str(said.exception)


def test_unknown_presets_and_missing_days_are_refused_before_anything_is_read() -> None:
    unknown = call("OP-001", "--study", "nowhere", "--drug", "olaparib", "--schedule", "x")
    undated = call("OP-001", "--study", "nowhere", "--drug", "captem", "--schedule", "perth")

    assert "nci (" in str(unknown.exception)
    assert "--administration-day" in str(undated.exception)


def test_an_unknown_drug_is_a_wrong_command_line() -> None:
    said = call("OP-001", "--drug", "aspirin")

    assert said.exit_code == 2
    assert "captem" in said.output


def test_more_draws_than_memory_holds_are_a_wrong_command_line() -> None:
    said = call("OP-001", "--study", "nowhere", "--drug", "olaparib", "--samples", "999999999")

    assert said.exit_code == 2
    assert "100000" in said.output


def test_a_participant_without_a_dose_ends_with_3_and_the_reason(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = therapy_results.participant_doses

    def unread(*words: Any, **named: Any) -> ParticipantDoses:
        found = measured(*words, **named)
        return replace(found, measured=(), unread=((1, "The camera has no calibration."),))

    monkeypatch.setattr(therapy_results, "participant_doses", unread)

    said = call("OP-001", "--study", study, "--drug", "olaparib")

    assert said.exit_code == 3
    assert "The camera has no calibration." in said.output


def test_a_file_in_place_of_the_folder_of_pages_is_refused(tmp_path: Path) -> None:
    (tmp_path / "what-if").write_text("a note", "utf-8")

    with pytest.raises(DataError, match=r"what-if is a file") as refused:
        page_folder(tmp_path)
    assert refused.value.remedy == "Move the file away."
