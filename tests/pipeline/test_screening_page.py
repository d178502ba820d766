"""The report of a study whose records hold evidence of eligibility."""

import csv
from datetime import date
from importlib import resources
from pathlib import Path

import pytest

from operandi.pipeline.study import read_study
from operandi.protocol.study import read_study as read_protocol
from operandi.quantities.errors import DataError
from tests.cli.test_screen_command import STUDY_FILE
from tests.pipeline.studies import Ran, change_study_file, run_it
from tests.protocol.participants import Tables, eligible, having, with_judgment, with_result

TODAY = date(2026, 7, 1)
ELIGIBLE, UNDETERMINED, AGAINST = "P-001", "P-002", "P-003"


def three_participants() -> Tables:
    """One who may be included, one whose platelets and Karnofsky are missing, one too weak."""
    against = having(
        "karnofsky", {"score": "40", "on": "2026-06-25"}, base=with_judgment("progressive")
    )
    undetermined = having("karnofsky", base=with_result("platelets"))
    tables: Tables = {}
    for whose, of_one in (
        (ELIGIBLE, eligible()),
        (UNDETERMINED, undetermined),
        (AGAINST, against),
    ):
        for table, rows in of_one.items():
            tables.setdefault(table, []).extend({"participant": whose} | row for row in rows)
    return tables


def a_folder(folder: Path, tables: Tables) -> Path:
    """A study folder without an image; a row that names nobody is the first participant's."""
    (folder / "records").mkdir(parents=True)
    (folder / "dicom").mkdir()
    (folder / "study.toml").write_text(STUDY_FILE, "utf-8")
    for table, rows in tables.items():
        whose = [{"participant": ELIGIBLE} | row for row in rows]
        columns = list(dict.fromkeys(name for row in whose for name in row))
        with (folder / "records" / f"{table}.csv").open("w", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(whose)
    return folder


def run_of(folder: Path, scheduler: str) -> Ran:
    return run_it(a_folder(folder, three_participants()), scheduler, today=TODAY)


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_report_says_of_every_criterion_what_it_means_for_everybody_and_why(
    tmp_path: Path, scheduler: str
) -> None:
    ran = run_of(tmp_path / "study", scheduler)
    said = ran.report

    for criterion in read_protocol("nct06256705").criterion:
        assert criterion.proposed is not None
        if "G1" in criterion.proposed.gates:
            assert words(f"{criterion.code} {criterion.polarity} {criterion.text}") in said
    assert "on 2026-06-30, the day of the data cut" in said
    assert "1 eligible, 1 undetermined, 1 not eligible" in said
    for whose, verdict in (
        (ELIGIBLE, "eligible"),
        (UNDETERMINED, "undetermined"),
        (AGAINST, "not eligible"),
    ):
        assert f"{whose} {verdict}" in said
    assert said.count("Missing for inclusion") == 1
    missing = said.partition("Missing for inclusion")[2].partition(AGAINST)[0]
    assert "platelet" in missing
    assert "Karnofsky" in missing
    # The proof shows the fact, its day and its line: 7 results of the first participant, then 6.
    assert "210" in said
    assert "2026-06-25, laboratory_results.csv, line 2" in said
    assert "Against: not met" in said


def test_the_same_records_give_the_same_bytes(tmp_path: Path, scheduler: str) -> None:
    pages = [
        run_of(tmp_path / name / "study", scheduler).results / "report.html"
        for name in ("once", "again")
    ]

    assert pages[0].read_bytes() == pages[1].read_bytes()


@pytest.mark.parametrize(
    ("protocol", "tables"),
    [
        ("NCT06256705", {"participants": eligible()["participants"]}),
        ("A protocol on paper", eligible()),
        ("", eligible()),
    ],
)
def test_without_study_file_or_evidence_there_is_no_section(
    protocol: str, tables: Tables, tmp_path: Path
) -> None:
    study = a_folder(tmp_path / "study", tables)
    change_study_file(study, lambda text: text.replace("NCT06256705", protocol))

    assert read_study(study, today=TODAY).eligibility is None


def test_a_study_file_beside_study_toml_is_read(tmp_path: Path) -> None:
    study = a_folder(tmp_path / "study", eligible())
    shipped = resources.files("operandi.protocol") / "studies" / "nct06256705.toml"
    (study / "mine.toml").write_text(
        shipped.read_text("utf-8").replace("Karnofsky ≥60", "Karnofsky of 60 or more"), "utf-8"
    )
    change_study_file(study, lambda text: text.replace("NCT06256705", "mine.toml"))

    found = read_study(study, today=TODAY)

    assert found.eligibility is not None
    assert "Karnofsky of 60 or more" in {row.text for row in found.eligibility.criteria}
    assert "mine.toml" in found.inputs


def test_refuses_a_faulty_study_file_beside_study_toml(tmp_path: Path) -> None:
    study = a_folder(tmp_path / "study", eligible())
    (study / "mine.toml").write_text("format = 0\n", "utf-8")
    change_study_file(study, lambda text: text.replace("NCT06256705", "mine.toml"))

    with pytest.raises(DataError, match=r"mine\.toml, format: 0 is not a format"):
        read_study(study, today=TODAY)
