"""Rows of dosimetry: what a calibration, a recovery and a sample of blood must say."""

from pathlib import Path

import pytest

from tests.records.documented_study import a_documented_study, read_documented
from tests.records.study_folder import with_cells, with_row

STUDY = a_documented_study()


def _faults(tables: dict[str, list[dict[str, str]]], folder: Path, table: str) -> list[str]:
    return [str(one) for one in read_documented(tables, folder).faults if one.table == table]


def test_a_calibration_in_bq_per_ml_needs_no_factor(tmp_path: Path) -> None:
    assert not _faults(STUDY, tmp_path, "spect_calibrations")


@pytest.mark.parametrize("column", ["collimator", "windows_kev", "heads", "dead_time_corrected"])
def test_refuses_a_factor_without_what_counts_need(tmp_path: Path, column: str) -> None:
    tables = with_cells(STUDY, "spect_calibrations", **{column: ""})

    [fault] = _faults(tables, tmp_path, "spect_calibrations")

    assert column in fault
    assert "counts need it" in fault


@pytest.mark.parametrize("windows", ["208", "228-187", "187.2 to 228.8", "187-228;"])
def test_refuses_what_is_no_energy_window(tmp_path: Path, windows: str) -> None:
    tables = with_cells(STUDY, "spect_calibrations", windows_kev=windows)

    [fault] = _faults(tables, tmp_path, "spect_calibrations")

    assert "such as 187.2-228.8" in fault


@pytest.mark.parametrize("percent", ["0", "-3", "250"])
def test_refuses_an_uncertainty_that_is_no_share(tmp_path: Path, percent: str) -> None:
    tables = with_cells(
        STUDY, "spect_calibrations", camera="NM670A", relative_uncertainty_percent=percent
    )

    [fault] = _faults(tables, tmp_path, "spect_calibrations")

    assert "is no standard uncertainty in %" in fault


def test_refuses_an_uncertainty_that_is_a_fraction_and_no_percentage(tmp_path: Path) -> None:
    tables = with_cells(
        STUDY, "spect_calibrations", camera="NM670A", relative_uncertainty_percent="0.03"
    )

    [fault] = _faults(tables, tmp_path, "spect_calibrations")

    assert "such as 3 for 3 %, not 0.03" in fault


def test_a_cycle_may_be_of_any_nuclide_of_therapy_and_a_camera_of_those_imaged(
    tmp_path: Path,
) -> None:
    given = with_cells(STUDY, "cycles", participant="NA-014", cycle="1", nuclide="90Y")
    imaged = with_cells(STUDY, "spect_calibrations", camera="NM670A", nuclide="90Y")

    assert not any("nuclide" in fault for fault in _faults(given, tmp_path / "1", "cycles"))
    [fault] = _faults(imaged, tmp_path / "2", "spect_calibrations")
    assert "known here are 68Ga, 18F, 64Cu, 177Lu" in fault


@pytest.mark.parametrize("recovery", ["0", "34", "-0.2"])
def test_refuses_a_recovery_in_percent_or_below_zero(tmp_path: Path, recovery: str) -> None:
    tables = with_cells(STUDY, "spect_recovery", volume_ml="1.15", recovery=recovery)

    [fault] = _faults(tables, tmp_path, "spect_recovery")

    assert "write a fraction" in fault


def test_refuses_an_administration_on_another_day_than_the_cycle(tmp_path: Path) -> None:
    tables = with_cells(
        STUDY, "cycles", participant="NA-014", cycle="1", administered_at="2026-01-21T00:30"
    )

    assert any("administered_at" in fault for fault in _faults(tables, tmp_path, "cycles"))


def test_refuses_two_samples_of_blood_at_one_instant(tmp_path: Path) -> None:
    tables = with_row(STUDY, "blood_activity")

    assert _faults(tables, tmp_path, "blood_activity")
