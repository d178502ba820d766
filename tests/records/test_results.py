"""Measurements of a run come into a freeze whole, with what they were made from."""

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from operandi.quantities.errors import DataError
from operandi.records.freeze import Attachments, read_freeze, verify, write_freeze
from operandi.records.manifest import MANIFEST, parsed
from operandi.records.results import measurements_of
from tests.records.documented_study import a_documented_study, read_study
from tests.records.study_folder import write_csv
from tests.records.test_freeze import CIRCUMSTANCES, STUDY_FILE


def a_study_with_results(folder: Path) -> Path:
    """Study file, tables, and the results that were made from them."""
    write_csv(a_documented_study(), folder / "records")
    (folder / "study.toml").write_bytes(STUDY_FILE)
    (folder / "results").mkdir()
    pl.DataFrame({"value": [1.5, 2.5]}).write_parquet(folder / "results" / "measurements.parquet")
    files = [folder / "study.toml", *sorted((folder / "records").iterdir())]
    said = {
        "inputs": {one.relative_to(folder).as_posix(): digest(one) for one in files}
        | {"dicom": "0" * 64},
        "results": {"measurements.parquet": digest(folder / "results" / "measurements.parquet")},
    }
    (folder / "results" / "manifest.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_study_without_results_has_none(tmp_path: Path) -> None:
    assert measurements_of(tmp_path) is None


def test_results_of_the_tables_as_they_are_are_not_older(tmp_path: Path) -> None:
    found = measurements_of(a_study_with_results(tmp_path))
    assert found is not None
    assert (found.rows, found.results.changed) == (2, ())
    assert found.results.made_from["dicom"] == "0" * 64


def test_results_say_which_tables_were_changed_added_or_removed_since(tmp_path: Path) -> None:
    study = a_study_with_results(tmp_path)
    (study / "records" / "vitals.csv").write_text("changed", encoding="utf-8")
    (study / "records" / "new.csv").touch()
    (study / "records" / "deaths.csv").unlink()
    found = measurements_of(study)
    assert found is not None
    assert found.results.changed == ("records/deaths.csv", "records/new.csv", "records/vitals.csv")


def test_results_that_were_changed_by_hand_are_refused(tmp_path: Path) -> None:
    study = a_study_with_results(tmp_path)
    pl.DataFrame({"value": [9.0]}).write_parquet(study / "results" / "measurements.parquet")
    with pytest.raises(DataError, match=r"is not the table that the run published"):
        measurements_of(study)
    (study / "results" / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"results/manifest\.json cannot be read"):
        measurements_of(study)


def test_a_freeze_holds_them_and_one_without_is_named_as_before(tmp_path: Path) -> None:
    study = a_study_with_results(tmp_path / "study")
    records = read_study(study / "records", at_cut=True)
    measured = measurements_of(study)
    folder, manifest = write_freeze(
        records,
        STUDY_FILE,
        CIRCUMSTANCES,
        to=tmp_path / "with",
        beside=tmp_path,
        attached=Attachments(measurements=measured),
    )
    plain, without = write_freeze(
        records, STUDY_FILE, CIRCUMSTANCES, to=tmp_path / "without", beside=tmp_path
    )

    assert verify(folder) == ()
    assert manifest.files["measurements.parquet"].rows == 2
    assert read_freeze(folder).manifest.results == manifest.results
    assert read_freeze(folder).records == read_freeze(plain).records
    # What an earlier version wrote says nothing of results, and is read and named as it was.
    content = (plain / MANIFEST).read_bytes()
    assert b'"results"' not in content
    assert parsed(content).id == without.id
    (folder / "measurements.parquet").chmod(0o644)
    (folder / "measurements.parquet").write_bytes(b"other")
    assert [one.file for one in verify(folder)] == ["measurements.parquet"]
