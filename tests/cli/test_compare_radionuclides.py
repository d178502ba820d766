"""``operandi compare-radionuclides`` as a physicist meets it, from scans to the page."""

import importlib.util
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.pipeline.study import Options, read_study, run_study
from operandi.quantities.errors import DataError, UnsupportedError
from tests.pipeline.studies import TODAY, change_study_file
from tests.three_participants import study as three_participants

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("icrp107_database") is None,
    reason="emission spectra are absent: needed the extra 'nuclides'",
)
MARROW = """\
predicted = false
organ_s_values = "s_values.csv"
organ_s_phantom = "made up, female"

[dosimetry.marrow]
reference = "ICRP 89 adult female"
mass_uncertainty_percent = 20
blood_density_g_ml = 1.06
marrow_to_blood = { value = 1.0, uncertainty = 0.2, source = "made up for a test" }
"""
S_VALUES = """\
source,target,S [mGy/MBq.s],target mass [g]
red marrow,red marrow,1.5e-5,900
left kidney,red marrow,4.0e-8,900
"""


def blood() -> str:
    lines = ["participant,cycle,drawn_at,concentration_kbq_per_ml,standard_uncertainty_kbq_per_ml"]
    for hours in (0.5, 1.0, 2.0, 4.0, 8.0, 24.0, 48.0, 72.0):
        at = datetime.fromisoformat("2024-09-17T10:35") + timedelta(hours=hours)
        value = 200 * 2 ** (-hours / 1.5) + 5 * 2 ** (-hours / 25)
        lines.append(f"OP-001,1,{at.isoformat()},{value:.3f},{0.03 * value:.4f}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, scheduler: str) -> Path:
    """The demonstration study without its PETs: three SPECTs of OP-001, and blood; it was run."""
    folder = tmp_path_factory.mktemp("compared") / "study"
    with mock.patch.object(three_participants, "_write_visit"):
        three_participants.write_three_participants(folder)
    change_study_file(folder, lambda text: text.replace("predicted = true\n", MARROW))
    (folder / "s_values.csv").write_text(S_VALUES, "utf-8")
    (folder / "records" / "blood_activity.csv").write_text(blood(), "utf-8")
    run_study(read_study(folder, today=TODAY), Options(scheduler=scheduler))
    return folder


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 300)
    monkeypatch.setattr(console.err, "width", 300)


def asked(study: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["compare-radionuclides", *words, "--study", str(study)])


def cells(output: str, first: str) -> list[str]:
    """The first line of the row that begins with a word, in pieces of two blanks or more."""
    (found,) = [line for line in output.splitlines() if line.strip().startswith(f"{first} ")][:1]
    return [cell.strip() for cell in found.split("  ") if cell.strip()]


def test_a_participants_radionuclides_go_to_the_terminal_and_to_a_page(scanned: Path) -> None:
    result = asked(scanned, "OP-001", "--daughters", "equilibrium")

    assert result.exit_code == 0, result.output
    assert "OP-001: equal biologically effective dose of the kidneys to that of 7.41 GBq 177Lu" in (
        result.output
    )
    assert cells(result.output, "177Lu")[1] == "7.41 GBq"
    assert cells(result.output, "225Ac")[1].endswith("MBq")
    assert "self-dose only" in result.output
    page = scanned / "results" / "what-if" / "OP-001-radionuclides.html"
    assert str(page) in result.output
    text = page.read_text("utf-8")
    assert "Radionuclides compared for OP-001" in text
    assert "<img" in text


def test_without_a_participant_all_who_were_measured_are_compared(scanned: Path) -> None:
    result = asked(scanned, "--nuclides", "177Lu,90Y")

    assert result.exit_code == 0, result.output
    assert cells(result.output, "OP-001")[1] == "1"
    assert (scanned / "results" / "what-if" / "radionuclides.html").is_file()


def test_marrow_dose_is_held_equal_where_blood_was_sampled(scanned: Path) -> None:
    result = asked(scanned, "OP-001", "--equal", "marrow-dose")

    assert result.exit_code == 0, result.output
    doses = {cells(result.output, one)[-1] for one in ("177Lu", "161Tb", "90Y")}
    assert len(doses) == 1
    assert "equal RBE-weighted dose of the red marrow" in result.output


def test_the_marrows_dose_stands_in_the_table_of_measurements(scanned: Path) -> None:
    table = pl.read_parquet(scanned / "results" / "measurements.parquet")

    [dose] = table.filter(
        (pl.col("subject") == "red marrow") & (pl.col("kind") == "ABSORBED_DOSE")
    ).iter_rows(named=True)
    assert dose["timepoint"] == "CYCLE_1"
    assert dose["method"] == "measured: blood-based"
    assert 0.02 < dose["value"] < 0.1


def test_refuses_an_alpha_emitter_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="daughters of 212Pb are radioactive"):
        raise asked(tmp_path / "nowhere", "--nuclides", "177Lu,212Pb").exception or AssertionError


def test_an_empty_list_of_nuclides_is_not_the_usual_one(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="No nuclide is named"):
        raise asked(tmp_path / "nowhere", "--nuclides", "").exception or AssertionError


def test_a_participant_without_a_measured_dose_ends_with_3_and_the_reason(scanned: Path) -> None:
    result = asked(scanned, "OP-002")

    assert result.exit_code == 3, result.output
    assert "OP-002 has no measured dose: no scan after a cycle has arrived." in result.output


def test_refuses_a_study_that_computes_no_doses(scanned: Path, tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    (tmp_path / "records").mkdir()
    text = (scanned / "study.toml").read_text("utf-8")
    before, _, after = text.partition("[dosimetry]")
    (tmp_path / "study.toml").write_text(before + after[after.index("[declare]") :], "utf-8")
    for name in ("participants", "cycles", "imaging_visits"):
        table = (scanned / "records" / f"{name}.csv").read_text("utf-8")
        (tmp_path / "records" / f"{name}.csv").write_text(table, "utf-8")

    with pytest.raises(DataError, match="says nothing of dosimetry"):
        raise asked(tmp_path, "OP-001").exception or AssertionError


def test_scans_on_which_nothing_was_drawn_say_so(scanned: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(scanned, folder, ignore=shutil.ignore_patterns("results", "drawn_*"))

    result = CliRunner().invoke(app, ["dose", "OP-001", "--study", str(folder)])

    assert result.exit_code == 3, result.output
    assert "OP-001, cycle 1: no dose. Nothing was drawn on the images" in result.output
    result = asked(folder, "OP-001")
    assert result.exit_code == 3, result.output
    assert "no measured dose: Nothing was drawn" in result.output
