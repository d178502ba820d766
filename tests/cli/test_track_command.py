"""``operandi track`` as a reader meets it, on two visits of a small study."""

import csv
import re
import shutil
from pathlib import Path

import pydicom
import pytest
from typer.testing import CliRunner, Result

from operandi.cli.main import app
from operandi.quantities.errors import DataError
from tests.pipeline import studies

# study.toml says the rest.
FACTS = ("--workers", "1")
BORROWED = ("--borrow", "fdg-suv-review", "--because", "for the test")

pytestmark = pytest.mark.slow


def tracked(study: Path, *options: str, who: tuple[str, ...] = ("OP-001",)) -> Result:
    return CliRunner().invoke(app, ["track", *who, "--study", str(study), *FACTS, *options])


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    study = tmp_path_factory.mktemp("track") / "study"
    studies.write_small_study(study)
    return study, tracked(study, *BORROWED, who=())


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_study_is_tracked_and_every_participant_and_the_cohort_have_a_page(
    ran: tuple[Path, Result],
) -> None:
    study, said = ran

    assert said.exit_code == 0, said.output
    assert "OP-001, After cycle 2: 3 lesions (3 found again)" in said.output
    page = (study / "results/tracks/OP-001.html").read_text("utf-8")
    assert page.count("Passport of L0") >= 3
    assert "within repeatability" in page or "decreased" in page
    cohort = (study / "results/tracks/cohort.html").read_text("utf-8")
    assert "Waterfall" in cohort
    assert "Swimmer" in cohort


def test_changes_have_verdicts_of_what_was_borrowed_alone(ran: tuple[Path, Result]) -> None:
    study, _ = ran

    changes = rows(study / "results/tracks/OP-001.csv")

    peaks = [row for row in changes if row["quantity"] == "SUV_PEAK"]
    assert len(peaks) == 3
    assert {row["verdict"] for row in peaks} <= {"increased", "decreased", "within repeatability"}
    assert all("borrowed" in row["caveats"] for row in peaks)
    volumes = [row for row in changes if row["quantity"] == "VOLUME"]
    assert {row["verdict"] for row in volumes} == {"repeatability unknown"}
    assert all(float(row["standard_uncertainty_segmentation"]) > 0 for row in volumes)


def test_a_lesion_has_one_tracking_uid_in_the_objects_of_all_visits(
    ran: tuple[Path, Result],
) -> None:
    study, _ = ran
    folder = study / "results/tracks/OP-001"

    segments = [
        {
            str(one.SegmentLabel): str(one.TrackingUID)
            for one in pydicom.dcmread(folder / visit / "lesions.dcm").SegmentSequence
        }
        for visit in ("BASELINE", "AFTER_CYCLE_2")
    ]

    assert segments[0] == segments[1]
    assert len(set(segments[0].values())) == 3
    tabled = rows(folder.with_name("OP-001_lesions.csv"))
    assert {row["tracking_uid"] for row in tabled} == set(segments[0].values())
    assert (folder / "BASELINE/report.dcm").exists()


def test_a_reader_who_says_different_splits_the_track(
    ran: tuple[Path, Result], tmp_path: Path
) -> None:
    study, _ = ran
    table = tmp_path / "override.csv"
    page = (study / "results/tracks/OP-001.html").read_text("utf-8")
    place = r"@-?\d+ -?\d+ -?\d+"
    of_first = re.search(rf"(BASELINE/L01{place}), (AFTER_CYCLE_2/L\d\d{place})\.", page)
    assert of_first is not None
    table.write_text(
        "before,after,relation,reader,reason\n"
        f"{of_first[1]},{of_first[2]},different,Reader A,another segment\n"
    )
    copy = tmp_path / "study"
    shutil.copytree(study, copy)

    said = tracked(copy, "--override", str(table))

    assert said.exit_code == 0, said.output
    assert re.search(r"After cycle 2: 3 lesions \(.*1 new.*1 no longer found", said.output)
    page = (copy / "results/tracks/OP-001.html").read_text("utf-8")
    assert "different; another segment" in page
    events = rows(copy / "results/tracks/OP-001_lesions.csv")
    happened = {(row["timepoint"], row["event"]) for row in events}
    assert {("AFTER_CYCLE_2", "new"), ("AFTER_CYCLE_2", "resolved")} <= happened


def test_a_visit_whose_pet_cannot_be_read_is_named_and_the_other_is_shown(
    ran: tuple[Path, Result], tmp_path: Path
) -> None:
    study, _ = ran
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    shutil.rmtree(copy / "results")
    for folder in (copy / "dicom").rglob("AFTER_CYCLE_2"):
        shutil.rmtree(folder)

    said = tracked(copy)

    assert said.exit_code == 3, said.output
    assert "OP-001, AFTER_CYCLE_2: no lesions." in said.output
    page = (copy / "results/tracks/OP-001.html").read_text("utf-8")
    assert "Visits without lesions read" in page
    assert "One visit: there is no change to judge." in page


def test_refuses_an_override_of_a_lesion_that_is_not_there(
    ran: tuple[Path, Result], tmp_path: Path
) -> None:
    study, _ = ran
    table = tmp_path / "override.csv"
    table.write_text(
        "before,after,relation,reader,reason\nBASELINE/L77,AFTER_CYCLE_2/L01,same,R,why\n"
    )

    said = tracked(study, "--override", str(table))

    assert isinstance(said.exception, DataError)
    assert "there is no lesion L77" in str(said.exception)


def test_refuses_somebody_unknown_and_names_who_is_known(ran: tuple[Path, Result]) -> None:
    study, _ = ran

    said = tracked(study, who=("P-999",))

    assert isinstance(said.exception, DataError)
    assert "No participant is called P-999" in str(said.exception)
    assert "OP-001" in said.exception.remedy


def test_an_option_counts_in_place_of_the_study_file(ran: tuple[Path, Result]) -> None:
    study, _ = ran

    said = tracked(study, "--uptake-window", "45-60")

    assert said.exit_code == 0, said.output
    page = (study / "results/tracks/OP-001.html").read_text("utf-8")
    assert "Visits compare at 45 to 60 min" in page
    assert "not comparable" in page


def test_refuses_an_impossible_option_by_the_key_that_it_stands_for(
    ran: tuple[Path, Result],
) -> None:
    study, _ = ran

    said = tracked(study, "--resolution", "-6")

    assert isinstance(said.exception, DataError)
    assert "lesions.pet_resolution_mm" in said.exception.what


def test_the_command_takes_what_the_road_has_computed(
    ran: tuple[Path, Result], tmp_path: Path
) -> None:
    study, _ = ran
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    first = CliRunner().invoke(app, ["run", str(copy), "--workers", "1"])
    assert first.exit_code == 0, first.output

    records = {path: path.stat().st_mtime_ns for path in (copy / "results/.store").glob("??/*")}
    said = tracked(copy)

    assert said.exit_code == 0, said.output
    assert records == {
        path: path.stat().st_mtime_ns for path in (copy / "results/.store").glob("??/*")
    }
