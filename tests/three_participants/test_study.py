import csv
import hashlib
import math
import tomllib
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pydicom
import pytest

from operandi.imaging.dicom.segmentation import read_segmentation
from operandi.quantities.errors import DataError
from tests.three_participants.study import StudyTruth, VisitTruth, write_three_participants

pytestmark = pytest.mark.slow

COLUMNS = {
    "participants": "participant,site,sex,birth_year,birth_month",
    "imaging_visits": "participant,timepoint,date,study_instance_uid",
    "vitals": "participant,timepoint,measured_on,body_mass_kg,height_m",
    "tracer_administrations": "participant,timepoint,tracer,nuclide,activity_mbq,assayed_at,"
    "injected_at,residual_mbq,residual_at",
    "cycles": "participant,cycle,date,activity_gbq,nuclide,administered_at",
}
SERIES = {"pet_ac": 90, "pet_nac": 45, "t1_dixon_water": 32, "t1_dixon_fat": 32, "dwi": 96}
HALF_LIFE_S = 4069.8
Demo = tuple[Path, StudyTruth]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "study"
    return folder, write_three_participants(folder)


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / "records" / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def of_visit(folder: Path, table: str, visit: VisitTruth) -> dict[str, str]:
    (row,) = [
        row
        for row in rows(folder, table)
        if (row["participant"], row["timepoint"]) == (visit.participant, visit.timepoint)
    ]
    return row


def series_folder(folder: Path, visit: VisitTruth, name: str) -> Path:
    return folder / "dicom" / visit.participant / visit.timepoint / name


def the_visit(truth: StudyTruth, participant: str, timepoint: str) -> VisitTruth:
    (visit,) = [
        visit
        for visit in truth.visits
        if (visit.participant, visit.timepoint) == (participant, timepoint)
    ]
    return visit


def write_the_first_visit(folder: Path, *, seed: int = 20240325) -> tuple[str, int, int]:
    """Stop after one visit, as somebody would who interrupts the command."""

    class EnoughError(Exception):
        pass

    calls: list[tuple[str, int, int]] = []

    def progress(what: str, done: int, total: int) -> None:
        calls.append((what, done, total))
        raise EnoughError

    with pytest.raises(EnoughError):
        write_three_participants(folder, seed=seed, progress=progress)
    (call,) = calls
    return call


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_writing_twice_gives_the_same_bytes(demo: Demo, tmp_path: Path) -> None:
    folder, truth = demo

    again = write_three_participants(tmp_path / "again", seed=20240325)

    assert again == truth
    assert digests(tmp_path / "again") == digests(folder)


def test_writing_over_the_same_study_changes_nothing(demo: Demo) -> None:
    before = digests(demo[0])

    write_the_first_visit(demo[0])

    assert digests(demo[0]) == before


def test_another_seed_gives_other_noise_and_identifiers_and_the_same_records(
    demo: Demo, tmp_path: Path
) -> None:
    write_the_first_visit(tmp_path / "other", seed=1)

    first, other = digests(demo[0]), digests(tmp_path / "other")

    images = {name for name in other if name.endswith(".dcm")}
    assert len(images) == sum(SERIES.values()) + 1
    assert not {name for name in images if other[name] == first[name]}
    same = {name for name in other.keys() - images if other[name] == first[name]}
    assert other.keys() - images - same == {"records/imaging_visits.csv"}


def test_every_series_has_its_slices_and_the_lost_one_is_lost(demo: Demo) -> None:
    folder, truth = demo

    counted = {
        (visit.participant, visit.timepoint, name): len(
            list(series_folder(folder, visit, name).glob("*.dcm"))
        )
        for visit in truth.visits
        for name in SERIES
    }

    short = {key: SERIES[key[2]] - count for key, count in counted.items()}
    assert {key: missing for key, missing in short.items() if missing} == {
        ("OP-001", "YEAR_1", "pet_ac"): 1
    }
    lost = the_visit(truth, "OP-001", "YEAR_1")
    heights = sorted(
        float(pydicom.dcmread(file).ImagePositionPatient[2])
        for file in series_folder(folder, lost, "pet_ac").glob("*.dcm")
    )
    assert Counter(np.diff(heights)) == {4.0: 87, 8.0: 1}, "lost from within, not from an end"


def test_pydicom_reads_every_file_with_the_visits_identifiers(demo: Demo) -> None:
    folder, truth = demo

    uids: Counter[str] = Counter()
    for visit in truth.visits:
        frames = set()
        recorded = of_visit(folder, "imaging_visits", visit)
        for file in series_folder(folder, visit, "").rglob("*.dcm"):
            ds = pydicom.dcmread(file)
            uids[ds.SOPInstanceUID] += 1
            frames.add(ds.FrameOfReferenceUID)
            assert ds.PatientID == visit.participant
            assert ds.StudyInstanceUID == recorded["study_instance_uid"]
            assert date.fromisoformat(recorded["date"]).strftime("%Y%m%d") == ds.StudyDate
            assert ds.pixel_array.size > 0
        assert len(frames) == 1
    assert set(uids.values()) == {1}
    after_a_cycle = list((folder / "dicom" / "OP-001" / "CYCLE_1").rglob("*.dcm"))
    assert len(list((folder / "dicom").rglob("*.dcm"))) == len(uids) + len(after_a_cycle) + 1


def test_one_file_belongs_to_nobody_in_the_study(demo: Demo) -> None:
    folder, truth = demo

    (stray,) = (folder / "dicom" / "unsorted").glob("*.dcm")

    assert pydicom.dcmread(stray).PatientID == truth.stray_patient
    assert truth.stray_patient not in {row["participant"] for row in rows(folder, "participants")}


@pytest.mark.parametrize("table", COLUMNS)
def test_records_have_exactly_the_columns_of_their_table(demo: Demo, table: str) -> None:
    text = (demo[0] / "records" / f"{table}.csv").read_text("utf-8")

    header, *lines = text.splitlines()
    assert header == COLUMNS[table]
    assert lines
    assert all(line.count(",") == header.count(",") for line in lines)


def test_header_dose_is_the_recorded_assay_less_residual_at_injection(demo: Demo) -> None:
    """A = a 2^(-(inject - assay)/T) - r 2^((residual - inject)/T), from the CSV text alone."""
    folder, truth = demo

    for visit in truth.visits:
        row = of_visit(folder, "tracer_administrations", visit)
        injected = datetime.fromisoformat(row["injected_at"])
        waited_s = (injected - datetime.fromisoformat(row["assayed_at"])).total_seconds()
        later_s = (datetime.fromisoformat(row["residual_at"]) - injected).total_seconds()
        assert waited_s > 0
        assert later_s > 0
        net_mbq = float(row["activity_mbq"]) * 2 ** (-waited_s / HALF_LIFE_S)
        net_mbq -= float(row["residual_mbq"]) * 2 ** (later_s / HALF_LIFE_S)

        ds = pydicom.dcmread(next(series_folder(folder, visit, "pet_ac").glob("*.dcm")))
        (tracer,) = ds.RadiopharmaceuticalInformationSequence
        assert float(tracer.RadionuclideTotalDose) == pytest.approx(net_mbq * 1e6, rel=1e-9)
        assert tracer.RadionuclideHalfLife == HALF_LIFE_S
        assert tracer.RadionuclideCodeSequence[0].CodeMeaning == "^68^Gallium"
        stated = datetime.strptime(
            str(tracer.RadiopharmaceuticalStartDateTime), "%Y%m%d%H%M%S.%f%z"
        )
        assert stated == injected


def test_spleen_uptake_follows_from_pixels_header_and_records(demo: Demo) -> None:
    """The truth is 16.5 g/mL; noise of 2.7 % a voxel averages out over 343 of them."""
    folder, truth = demo
    visit = the_visit(truth, "OP-002", "BASELINE")
    mass_g = 1000 * float(of_visit(folder, "vitals", visit)["body_mass_kg"])

    (spleen,) = [
        segment.mask
        for segment in read_segmentation(series_folder(folder, visit, "organ_map") / "0001.dcm")
        if segment.description.label == "spleen"
    ]
    slices = [
        pydicom.dcmread(file)
        for file in sorted(series_folder(folder, visit, "pet_ac").glob("*.dcm"))
    ]
    center = spleen.grid.index_of((115, 35, 95)).round().astype(int)
    i, j = center[:2]
    middle = [
        float(ds.RescaleSlope) * float(ds.pixel_array[j - 3 : j + 4, i - 3 : i + 4].mean())
        for ds in slices[center[2] - 3 : center[2] + 4]
    ]
    (tracer,) = slices[0].RadiopharmaceuticalInformationSequence
    waited_s = (visit.pet_started_at - visit.injected.at).total_seconds()
    activity_bq = float(tracer.RadionuclideTotalDose) * 2 ** (-waited_s / HALF_LIFE_S)

    assert np.mean(middle) * mass_g / activity_bq == pytest.approx(16.5, rel=0.02)
    assert float(slices[0].PatientWeight) * 1000 == mass_g
    assert spleen.volume_ml == pytest.approx(4 / 3 * math.pi * 28 * 38 * 48 / 1000, rel=0.01)


def test_organ_maps_hold_the_organs_on_the_whole_pet_grid(demo: Demo) -> None:
    """Also where a slice was lost afterwards."""
    folder, truth = demo

    for visit in truth.visits:
        segments = read_segmentation(series_folder(folder, visit, "organ_map") / "0001.dcm")
        assert [segment.description.label for segment in segments] == [
            "liver",
            "spleen",
            "kidney_left",
            "kidney_right",
            "urinary_bladder",
            "aorta",
        ]
        for segment in segments:
            assert segment.mask.grid.shape == (96, 96, 90)
            assert segment.mask.volume_ml > 100


def test_lesions_lie_in_the_organ_that_the_truth_names(demo: Demo) -> None:
    folder, truth = demo

    for visit in truth.visits:
        (liver,) = [
            segment.mask
            for segment in read_segmentation(series_folder(folder, visit, "organ_map") / "0001.dcm")
            if segment.description.label == "liver"
        ]
        for lesion in visit.lesions:
            index = tuple(liver.grid.index_of(lesion.center_lps_mm).round().astype(int))
            assert liver.inside[index] == (lesion.organ == "liver")


def test_only_the_visit_without_a_weighing_lacks_the_mass_everywhere(demo: Demo) -> None:
    folder, truth = demo

    recorded = {(row["participant"], row["timepoint"]) for row in rows(folder, "vitals")}
    for visit in truth.visits:
        weighed = (visit.participant, visit.timepoint) != ("OP-002", "AFTER_CYCLE_2")
        assert ((visit.participant, visit.timepoint) in recorded) == weighed
        for file in series_folder(folder, visit, "").rglob("*.dcm"):
            ds = pydicom.dcmread(file, stop_before_pixels=True)
            assert bool(ds.get("PatientWeight")) == weighed, file.name


def test_the_truth_tells_a_response_a_stable_course_and_a_new_lesion(demo: Demo) -> None:
    def burden_g(participant: str, timepoint: str) -> float:
        lesions = the_visit(demo[1], participant, timepoint).lesions
        return sum(lesion.suv * lesion.volume_ml for lesion in lesions)

    def ids(participant: str, timepoint: str) -> list[str]:
        return [str(lesion.id) for lesion in the_visit(demo[1], participant, timepoint).lesions]

    response = [burden_g("OP-001", at) for at in ("BASELINE", "AFTER_CYCLE_2", "YEAR_1")]
    assert response[1] < 0.5 * response[0]
    assert response[2] < 0.5 * response[1]
    assert burden_g("OP-002", "YEAR_1") == pytest.approx(burden_g("OP-002", "BASELINE"), rel=0.05)
    assert ids("OP-002", "YEAR_1") == ids("OP-002", "BASELINE")
    assert ids("OP-003", "AFTER_CYCLE_2") == [*ids("OP-003", "BASELINE"), "OP-003-L3"]


def test_every_lesion_is_larger_than_the_smallest_that_the_study_counts(demo: Demo) -> None:
    study = tomllib.loads((demo[0] / "study.toml").read_text("utf-8"))

    smallest_ml = min(lesion.volume_ml for visit in demo[1].visits for lesion in visit.lesions)

    assert smallest_ml > 2 * study["lesions"]["minimum_volume_ml"]


def test_visits_keep_their_windows_and_the_missing_one_is_overdue(demo: Demo) -> None:
    folder, truth = demo
    study = tomllib.loads((folder / "study.toml").read_text("utf-8"))
    cycles = {
        (row["participant"], f"cycle {row['cycle']}"): date.fromisoformat(row["date"])
        for row in rows(folder, "cycles")
    }

    absent = []
    for row in rows(folder, "participants"):
        for timepoint in study["timepoint"]:
            anchor = cycles[row["participant"], timepoint["anchor"]]
            first, last = (anchor + timedelta(days=days) for days in timepoint["window_days"])
            days = [
                visit.pet_started_at.date()
                for visit in truth.visits
                if (visit.participant, visit.timepoint) == (row["participant"], timepoint["code"])
            ]
            assert all(first <= day <= last for day in days)
            assert last < study["study"]["data_cut"]
            if not days:
                absent.append((row["participant"], timepoint["code"]))
        assert row["site"] in study["site"]
    assert absent == [("OP-003", "YEAR_1")]
    offset = ZoneInfo(study["study"]["timezone"]).utcoffset(datetime(2024, 9, 3))  # noqa: DTZ001
    assert offset == truth.visits[0].pet_started_at.utcoffset()


def test_every_fault_of_a_participant_is_an_expected_refusal(demo: Demo) -> None:
    assert [(r.participant, r.timepoint, r.words) for r in demo[1].refusals] == [
        ("OP-001", "YEAR_1", "slice"),
        ("OP-002", "AFTER_CYCLE_2", "mass"),
        ("OP-003", "YEAR_1", "visit"),
    ]


def test_the_study_stays_small_enough_to_carry(demo: Demo) -> None:
    size = sum(file.stat().st_size for file in demo[0].rglob("*") if file.is_file())

    assert size < 70e6


def test_progress_counts_the_visits(tmp_path: Path) -> None:
    assert write_the_first_visit(tmp_path / "study") == ("OP-001 BASELINE", 1, 8)


def test_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("[study]\n", "utf-8")

    with pytest.raises(DataError, match=r"not empty.*Choose an empty folder"):
        write_three_participants(tmp_path)

    assert [file.name for file in tmp_path.iterdir()] == ["study.toml"]
