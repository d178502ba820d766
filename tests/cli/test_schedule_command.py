"""``operandi schedule`` as a coordinator meets it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.quantities.errors import DataError
from tests.protocol.schedule_builders import CALENDAR

STUDY_TOML = """\
[study]
title = "A study"
protocol = "protocol.toml"
timezone = "Europe/Paris"
data_cut = 2026-01-31
[[timepoint]]
code = "BASELINE"
title = "Before cycle 1"
anchor = "cycle 1"
window_days = [-31, -1]
[site.LYON]
name = "Lyon"
[site.NANTES]
name = "Nantes"
[lesions]
pet_resolution_mm = 6.0
minimum_volume_ml = 0.5
uptake_window_min = [45, 90]
uptake_difference_min = 15
"""
PROTOCOL_HEAD = """\
format = 1
[study]
code = "TRIAL"
title = "A trial"
source = "made up for a test"
transcription = "reduced"
timezone = "Europe/Paris"
[item.karnofsky]
title = "Karnofsky performance status"
ask = "a Karnofsky score"
table = "karnofsky"
column = "score"
date = "on"
[[criterion]]
code = "I6"
polarity = "inclusion"
text = "Karnofsky >= 60"
[criterion.proposed]
rule = { op = "latest", item = "karnofsky", test = { op = "compare", relation = ">=", value = 60 } }
"""
TABLES = {
    "participants": "participant,site,sex,birth_year,birth_month\n"
    "P-01,LYON,F,1960,4\nP-02,NANTES,M,1955,11\n",
    "consents": "participant,kind,version,state,on\nP-01,study,1,signed,2024-11-20\n",
    "cycles": "participant,cycle,date,activity_gbq,nuclide\n"
    "P-01,1,2025-01-07,7.41,177Lu\nP-01,2,2025-03-13,6.1,177Lu\n",
    "cycle_plans": "participant,cycle,planned_on,recorded_on,state,reason\n"
    "P-01,3,2025-05-08,2025-04-30,cancelled,platelets\n",
    "imaging_visits": "participant,timepoint,date,study_instance_uid\n"
    "P-01,BASELINE,2024-12-20,\nP-01,AFTER_CYCLE_2,2025-04-24,\n",
    "visits": "participant,visit,on,state,reason\n"
    "P-01,LAB_C1,2024-12-15,done,\nP-01,LAB_C2,2025-02-20,done,\n",
}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(console.out, "width", 400)
    folder = tmp_path / "study"
    (folder / "records").mkdir(parents=True)
    (folder / "study.toml").write_text(STUDY_TOML, "utf-8")
    calendar = CALENDAR.read_text("utf-8")
    (folder / "protocol.toml").write_text(PROTOCOL_HEAD + calendar, "utf-8")
    for name, text in TABLES.items():
        (folder / "records" / f"{name}.csv").write_text(text, "utf-8")
    return folder


def asked(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["schedule", *map(str, words)])


def cells(output: str, first: str) -> list[str]:
    """The cells of the row that begins with a word."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines()]
    (found,) = [row for row in rows if row and row[0] == first]
    return found


def test_a_site_sees_state_and_day_of_every_visit(study: Path) -> None:
    result = asked(study, "--on", "2025-05-10")

    assert result.exit_code == 0
    assert "LYON, 2025-05-10" in result.output
    lines = [line for line in result.output.splitlines() if line.startswith("│ P-01")]
    assert [cell.strip() for cell in lines[0].split("│")[2:8]] == [
        "done 2025-01-07",
        "late 2025-03-13",
        "not applicable",
        "needs C4",
        "done 2024-12-20",
        "done 2025-04-24",
    ]
    assert "Cycle 2 was given with 6.1 GBq, -17.6 % off the planned 7.4 GBq" in result.output


def test_a_participant_sees_windows_and_reasons(study: Path) -> None:
    result = asked(study, "--participant", "P-01", "--on", "2025-05-10")

    assert cells(result.output, "YEAR_1") == [
        "YEAR_1",
        "from 2025-12-07 to 2026-02-07",
        "not yet",
        "Opens on 2025-12-07, in 211 days.",
    ]
    assert "NANTES" not in result.output


def test_calendars_go_to_a_folder_and_say_who_has_none_yet(study: Path, tmp_path: Path) -> None:
    result = asked(study, "--on", "2025-05-10", "--ics", tmp_path / "calendars")

    calendar = (tmp_path / "calendars" / "P-01.ics").read_bytes()
    assert b"UID:P-01.YEAR_1.trial@operandi\r\n" in calendar
    assert [path.name for path in (tmp_path / "calendars").iterdir()] == ["P-01.ics"]
    assert "P-02: no visit has a day yet." in result.output


def test_a_row_that_is_left_out_is_told(study: Path) -> None:
    path = study / "records" / "visits.csv"
    path.write_text(path.read_text("utf-8") + "P-01,LAB_C3,soon,done,\n", "utf-8")

    result = asked(study, "--on", "2025-05-10")

    assert result.exit_code == 3
    assert "Left out: visits.csv, line 4, column on" in result.stderr


def test_refuses_a_participant_who_is_not_there(study: Path) -> None:
    with pytest.raises(DataError, match=r"No participant is called P-99\. .* names P-01, P-02"):
        raise asked(study, "--participant", "P-99").exception or AssertionError


def test_refuses_a_study_without_a_protocol(study: Path) -> None:
    text = STUDY_TOML.replace('protocol = "protocol.toml"\n', "")
    (study / "study.toml").write_text(text, "utf-8")

    with pytest.raises(DataError, match="names no protocol"):
        raise asked(study).exception or AssertionError
