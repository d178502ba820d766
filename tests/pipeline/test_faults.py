"""What goes wrong at a site: each fault is named, with who mends it, and stops nothing else.

Every test starts from the results of the sound study, so that a run repeats only what the fault
changes.
"""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from operandi.pipeline.atomic import write_synced
from operandi.pipeline.runner import How
from operandi.pipeline.store import Store
from operandi.pipeline.study import Options, matters, read_study, refused_visits, run_study
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import (
    LESION_COUNT,
    LESION_TO_BLOOD_RATIO,
    SSTR_TUMOR_VOLUME,
    SUV_MEAN,
    TOTAL_LESION_SSTR,
)
from tests.pipeline import studies
from tests.pipeline.studies import (
    TODAY,
    Ran,
    change_cells,
    change_headers,
    change_rows,
    change_study_file,
    published,
    run_it,
)

pytestmark = pytest.mark.slow

BASELINE, LATER = ("OP-001", "BASELINE"), ("OP-001", "AFTER_CYCLE_2")
PET = "OP-001/BASELINE/pet_ac"
ROW = {"timepoint": "BASELINE"}
TOO_COARSE = {SUV_MEAN.name, LESION_TO_BLOOD_RATIO.name}
"""Absent at every visit: no sphere of 1.5 cm in the aorta holds two voxels of 8 mm."""
BURDEN = {kind.name for kind in (SSTR_TUMOR_VOLUME, TOTAL_LESION_SSTR, LESION_COUNT)}


@pytest.fixture
def study(sound: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(sound, tmp_path / "study"))


def refused_rows(ran: Ran, timepoint: str) -> dict[str, str]:
    """Reasons why values of a visit are absent, by kind."""
    rows = ran.table.filter(pl.col("timepoint") == timepoint, pl.col("value").is_null())
    return dict(rows.select("kind", "absent").iter_rows())


def assert_told(ran: Ran, *words: str) -> tuple[str, str, str]:
    """Find the one thing told that speaks of all *words*; it stands in the report."""
    found = [one for one in ran.told if all(word in " ".join(one) for word in words)]
    found = [one for one in found if one[2]] or found
    assert len(found) == 1, (words, ran.told)
    for sentence in found[0]:
        assert " ".join(sentence.split()) in ran.report
    return found[0]


def test_the_sound_study_has_nothing_to_mend(study: Path, scheduler: str) -> None:
    ran = run_it(study, scheduler)

    assert ran.told == set()
    assert ran.measured == {BASELINE, LATER}
    assert refused_visits(ran.study, ran.outcome) == ()
    assert "Every visit that was due has been measured" in ran.report


# --- one visit is refused, the other is measured -------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What is spoiled, and the words with which it must come back: what, where, how to mend it."""

    spoil: Callable[[Path], object]
    words: tuple[str, ...]


def another_person_in_one_file(folder: Path) -> None:
    change_headers(folder, f"{PET}/0003.dcm", PatientID="OP-777")


def the_same_series_with_two_contents(folder: Path) -> None:
    """Reconstructed again under the old identifiers: nobody here knows which is right."""
    shutil.copytree(folder / "dicom" / PET, folder / "dicom" / f"{PET}_again")
    change_headers(folder, f"{PET}_again/*.dcm", RescaleSlope="1.5")


def another_tracer_dose_in_the_record(folder: Path) -> None:
    change_cells(folder, "tracer_administrations", ROW, activity_mbq="182.4")


def a_cut_off_file(folder: Path) -> None:
    path = folder / "dicom" / PET / "0007.dcm"
    path.write_bytes(path.read_bytes()[:-700])


def vitals_and_header_both_light(folder: Path) -> None:
    change_cells(folder, "vitals", ROW, body_mass_kg="7.0")
    change_headers(folder, f"{PET}/*.dcm", PatientWeight="7.0")


REFUSED = {
    "a file of another participant": Fault(
        another_person_in_one_file, ("OP-777", f"{PET}/0003.dcm", "several PatientID", "Export")
    ),
    "another sex in the header": Fault(
        lambda folder: change_headers(folder, f"{PET}/*.dcm", PatientSex="M"),
        ("PatientSex is M", "participants has F", f"{PET}/0001.dcm", "Check whose images"),
    ),
    "another sex in the header of one file": Fault(
        lambda folder: change_headers(folder, f"{PET}/0005.dcm", PatientSex="M"),
        ("PatientSex is M", "participants has F", f"{PET}/0005.dcm", "Check whose images"),
    ),
    "another birth date in the header": Fault(
        lambda folder: change_headers(folder, f"{PET}/*.dcm", PatientBirthDate="19700101"),
        ("PatientBirthDate is 1970-01", "has 1961-04", f"{PET}/0001.dcm", "Check whose images"),
    ),
    "a study that the records do not name": Fault(
        lambda folder: change_cells(folder, "imaging_visits", ROW, study_instance_uid="2.25.7"),
        ("names study 2.25.7", "no file arrived", "Correct study_instance_uid"),
    ),
    "weight 7 kg in the header": Fault(
        lambda folder: change_headers(folder, f"{PET}/*.dcm", PatientWeight="7.0"),
        ("PatientWeight is 7 kg", "25 to 300 kg", "Record the measured value in vitals"),
    ),
    "weight 700 kg in the header": Fault(
        lambda folder: change_headers(folder, f"{PET}/*.dcm", PatientWeight="700"),
        ("PatientWeight is 700 kg", "25 to 300 kg", "Record the measured value in vitals"),
    ),
    "weight 7 kg in vitals": Fault(
        lambda folder: change_cells(folder, "vitals", ROW, body_mass_kg="7.0"),
        ("vitals.csv, line 2, column body_mass_kg", "'7.0' is not believed", "write 70 if"),
    ),
    "weight 700 kg in vitals": Fault(
        lambda folder: change_cells(folder, "vitals", ROW, body_mass_kg="700"),
        ("vitals.csv, line 2, column body_mass_kg", "'700' is not believed", "write 70 if"),
    ),
    "weight 7 kg in vitals and header": Fault(
        vitals_and_header_both_light,
        ("vitals.csv, line 2, column body_mass_kg", "'7.0' is not believed", "25 to 300 kg"),
    ),
    "a visit in the future": Fault(
        lambda folder: change_cells(folder, "imaging_visits", ROW, date="2030-01-01"),
        ("imaging_visits.csv, line 2, column date", "'2030-01-01' lies in the future", "correct"),
    ),
    "an injection in the future": Fault(
        lambda folder: change_cells(
            folder, "tracer_administrations", ROW, injected_at="2030-09-03T10:14:00+02:00"
        ),
        ("tracer_administrations.csv, line 2, column injected_at", "lies in the future"),
    ),
    "weight in vitals and header disagree": Fault(
        lambda folder: change_cells(folder, "vitals", ROW, body_mass_kg="70"),
        ("PatientWeight is 64.5 kg", "vitals records 70 kg", "body_mass_from"),
    ),
    "vitals of another month": Fault(
        lambda folder: change_cells(folder, "vitals", ROW, measured_on="2024-07-03"),
        ("vitals has 64.5 kg", "2024-07-03, 62 days from 2024-09-03", "Correct measured_on"),
    ),
    "vitals of a misspelt participant": Fault(
        lambda folder: change_cells(folder, "vitals", ROW, participant="OP-00l"),
        ("vitals has no row for this visit", "'OP-00l' is not in the table participants"),
    ),
    "a tracer administration of a misspelt participant": Fault(
        lambda folder: change_cells(folder, "tracer_administrations", ROW, participant="OP-00l"),
        ("tracer_administrations has no row for this visit", "'OP-00l' is not in the table"),
    ),
    "activity in record and header disagree": Fault(
        another_tracer_dose_in_the_record,
        ("tracer_administrations", "RadionuclideTotalDose", "activity_from"),
    ),
    "a file that was cut off": Fault(
        a_cut_off_file, (f"{PET}/0007.dcm is truncated", "Export the file again")
    ),
    "a slice that was lost": Fault(
        lambda folder: (folder / "dicom" / PET / "0009.dcm").unlink(),
        ("44", "Export the complete series"),
    ),
    "one series with two contents": Fault(
        the_same_series_with_two_contents,
        (f"{PET}/00", f"{PET}_again/00", "differ in content", "Export"),
    ),
    "no PET": Fault(
        lambda folder: shutil.rmtree(folder / "dicom" / PET),
        ("No attenuation-corrected PET series arrived", "2024-09-03", "Send the PET series"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_one_visit_and_measures_the_other(name: str, study: Path, scheduler: str) -> None:
    fault = REFUSED[name]
    fault.spoil(study)

    ran = run_it(study, scheduler)

    assert ran.measured == {LATER}
    _, _, who = assert_told(ran, *fault.words)
    assert who.endswith("at SITE-A")
    assert refused_visits(ran.study, ran.outcome) == ("OP-001/BASELINE",)
    # The table holds the reason, not a gap.
    reasons = refused_rows(ran, "BASELINE")
    assert reasons.keys() == BURDEN
    assert all(fault.words[0] in reason for reason in reasons.values())
    assert refused_rows(ran, "AFTER_CYCLE_2").keys() == TOO_COARSE
    assert not (ran.results / "lesions" / "OP-001_BASELINE.dcm").exists()


def not_utf_8(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"OP-002,BASELINE,2024-09-03,70,1.7\xe9\n")


@pytest.mark.parametrize(
    "spoil",
    [
        not_utf_8,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text(path.read_text("utf-8").replace("body_mass_kg", "weight")),
        lambda path: path.rename(path.with_name("vitals (1).csv")),
        lambda path: path.rename(path.with_name("vitals.csv.txt")),
        lambda path: path.rename(path.with_name("vitals.xlsx")),
    ],
    ids=["encoding", "empty", "a column renamed", "a copy's name", "a hidden ending", "a workbook"],
)
def test_a_table_that_cannot_be_read_does_not_leave_the_word_to_the_header(
    spoil: Callable[[Path], object], study: Path, scheduler: str
) -> None:
    """The mass in the header is right here, but nobody can know: the record may contradict it."""
    spoil(study / "records" / "vitals.csv")

    ran = run_it(study, scheduler)

    assert ran.measured == set()
    assert_told(ran, "vitals has no row for this visit, and not all of the table could be read")
    assert refused_visits(ran.study, ran.outcome) == ("OP-001/BASELINE", "OP-001/AFTER_CYCLE_2")


def test_a_faulty_participant_is_named_and_the_images_are_not_to_be_removed(
    study: Path, scheduler: str
) -> None:
    person = "OP-009,SITE-A,F,1950,1\n"
    path = study / "records" / "participants.csv"
    text = path.read_text("utf-8").replace("OP-001,SITE-A,F", "OP-001,SITE-A,X")
    path.write_text(text + person, "utf-8")

    ran = run_it(study, scheduler)

    assert_told(ran, "OP-001 was left out of the study", "'X' is not a sex", "images can stay")
    assert not any("Remove the files" in remedy for _, remedy, _ in ran.told)
    assert "OP-001" in refused_visits(ran.study, ran.outcome)


def test_a_declaration_for_nobody_is_named(study: Path, scheduler: str) -> None:
    declared = '\n[[declare.visit]]\nparticipant = "OP-999"\nbody_mass_from = "records"\n'
    change_study_file(study, lambda text: text + declared)

    ran = run_it(study, scheduler)

    assert_told(ran, "study.toml declares something for 'OP-999'", "Correct participant")
    assert matters(ran.study) == 1


def test_refuses_files_of_a_stranger_by_name(study: Path, scheduler: str) -> None:
    change_headers(study, "OP-001/BASELINE/*/*.dcm", PatientID="OP-777")

    ran = run_it(study, scheduler)

    assert ran.measured == {LATER}
    assert_told(ran, "PatientID 'OP-777' is no participant", "correct PatientID or participants")
    assert f"{PET}/0001.dcm" in ran.report
    assert_told(ran, "No attenuation-corrected PET series arrived", "there is nothing")


def test_refuses_both_visits_whose_studies_are_exchanged(study: Path, scheduler: str) -> None:
    change_rows(study, "imaging_visits", lambda rows: exchanged(rows, "study_instance_uid"))

    ran = run_it(study, scheduler)

    assert ran.measured == set()
    assert_told(ran, "'pet_ac'", "StudyDate is 2024-12-10", "BASELINE on 2024-09-03", "swapped")
    assert_told(ran, "'pet_ac'", "StudyDate is 2024-09-03", "AFTER_CYCLE_2 on 2024-12-10")


def test_refuses_both_visits_whose_dates_are_exchanged(study: Path, scheduler: str) -> None:
    change_rows(study, "imaging_visits", lambda rows: exchanged(rows, "date"))

    ran = run_it(study, scheduler)

    assert ran.measured == set()
    assert_told(ran, "'pet_ac'", "StudyDate is 2024-12-10", "AFTER_CYCLE_2 on 2024-09-03")
    assert_told(ran, "not even before cycle 1", "Correct the timepoint or the date")


def test_refuses_both_visits_whose_timepoints_are_exchanged(study: Path, scheduler: str) -> None:
    """Files and dates agree; only the therapy's dates tell that the visits are swapped."""
    change_rows(study, "imaging_visits", lambda rows: exchanged(rows, "timepoint"))

    ran = run_it(study, scheduler)

    assert ran.measured == set()
    assert_told(ran, "2024-12-10 lies outside the window of BASELINE", "not even before cycle 1")
    assert_told(ran, "2024-09-03 lies outside the window of AFTER_CYCLE_2", "not even after")


def exchanged(rows: studies.Rows, column: str) -> studies.Rows:
    first, second = rows
    return [first | {column: second[column]}, second | {column: first[column]}]


def test_refuses_a_second_visit_with_the_studies_of_the_first(study: Path, scheduler: str) -> None:
    """A line that was copied and not finished: its own files must not count as confirmed."""
    change_rows(
        study,
        "imaging_visits",
        lambda rows: [row | {"study_instance_uid": rows[0]["study_instance_uid"]} for row in rows],
    )

    ran = run_it(study, scheduler)

    assert ran.measured == {BASELINE}
    assert_told(ran, "no file arrived", "what came for the visit is of study")


# --- faults of the records -----------------------------------------------------------------------


def test_a_cycle_in_the_future_leaves_the_window_unknown_and_stops_nothing(
    study: Path, scheduler: str
) -> None:
    change_cells(study, "cycles", {"cycle": "1"}, date="2030-09-17")

    ran = run_it(study, scheduler)

    assert ran.measured == {BASELINE, LATER}
    assert_told(ran, "cycles.csv, line 2, column date", "lies in the future (today is 2026-03-01)")
    assert_told(ran, "cycle 1 has no date in cycles", "Record the cycle")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("vitals", "body mass can only come"),
        ("tracer_administrations", "the injected activity can"),
    ],
)
def test_what_the_header_alone_says_is_used_and_named_as_unconfirmed(
    table: str, words: str, study: Path, scheduler: str
) -> None:
    change_rows(study, table, lambda rows: [row for row in rows if row["timepoint"] != "BASELINE"])

    ran = run_it(study, scheduler)

    assert ran.measured == {BASELINE, LATER}
    assert_told(ran, f"{table} has no row", words, "unconfirmed", "Record")
    first = next(row["value"] for row in ran.table.to_dicts() if row["kind"] == "SUV_MEAN")
    np.testing.assert_allclose(first, 4.8, rtol=0.05)


def test_a_visit_that_was_missed_is_called_missed_and_not_asked_for(
    study: Path, scheduler: str
) -> None:
    for table in ("imaging_visits", "vitals", "tracer_administrations"):
        change_rows(
            study, table, lambda rows: [row for row in rows if row["timepoint"] != "BASELINE"]
        )
    (study / "records" / "visits.csv").write_text(
        "participant,visit,on,state,reason\nOP-001,BASELINE,2024-09-03,missed,was ill\n", "utf-8"
    )

    ran = run_it(study, scheduler)

    assert ran.measured == {LATER}
    assert_told(ran, "'Before cycle 1' was missed, as visits says: was ill", "protocol deviation")


def test_a_fault_of_a_visit_stands_at_its_desk_and_not_twice(study: Path, scheduler: str) -> None:
    change_cells(study, "vitals", ROW, body_mass_kg="700")

    ran = run_it(study, scheduler)

    attention = ran.report.split("What needs attention")[1].split("Participants")[0]
    assert attention.count("'700' is not believed") == 1
    assert "study coordinator at SITE-A 1 matter" in attention


# --- which images count --------------------------------------------------------------------------


def a_second_pet(folder: Path) -> str:
    shutil.copytree(folder / "dicom" / PET, folder / "dicom" / f"{PET}_tof")
    first = pydicom.dcmread(folder / "dicom" / PET / "0001.dcm")
    uid = f"{first.SeriesInstanceUID}.2"
    for number, path in enumerate(sorted((folder / "dicom" / f"{PET}_tof").iterdir())):
        ds = pydicom.dcmread(path)
        ds.SeriesInstanceUID, ds.SOPInstanceUID = uid, f"{uid}.{number}"
        ds.SeriesDescription = "pet_ac_tof"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.save_as(path)
    return uid


def test_two_pet_series_need_a_declaration_and_get_measured_with_it(
    study: Path, scheduler: str
) -> None:
    uid = a_second_pet(study)

    undecided = run_it(study, scheduler)

    assert undecided.measured == {LATER}
    assert_told(undecided, "2 attenuation-corrected PET series", uid, "Declare pet_series_uid")

    declaration = f"""
        [[declare.visit]]
        participant = "OP-001"
        timepoint = "BASELINE"
        pet_series_uid = "{uid}"
    """
    change_study_file(study, lambda text: text + declaration)
    decided = run_it(study, scheduler)

    assert decided.measured == {BASELINE, LATER}
    assert decided.told == set()
    sources = (decided.results / "sources.json").read_text("utf-8")
    assert f"{PET}_tof/0001.dcm" in sources
    assert f"{PET}/0001.dcm" not in sources


def test_refuses_a_declared_pet_series_that_is_not_there(study: Path, scheduler: str) -> None:
    declaration = """
        [[declare.visit]]
        participant = "OP-001"
        timepoint = "BASELINE"
        pet_series_uid = "2.25.8"
    """
    change_study_file(study, lambda text: text + declaration)

    ran = run_it(study, scheduler)

    assert ran.measured == {LATER}
    assert_told(ran, "No attenuation-corrected PET series 2.25.8 arrived", "Correct pet_series_uid")


def test_refuses_an_mr_series_with_two_contents_and_measures_the_pet(
    study: Path, scheduler: str
) -> None:
    folder = "OP-001/BASELINE/t1_dixon_water"
    first = pydicom.dcmread(study / "dicom" / folder / "0001.dcm")
    change_headers(study, f"{folder}/0002.dcm", SOPInstanceUID=str(first.SOPInstanceUID))

    ran = run_it(study, scheduler)

    assert ran.measured == {BASELINE, LATER}
    assert_told(ran, "'t1_dixon_water' contradicts itself", "differ in content", "Export the")
    here = ran.table.filter(pl.col("timepoint") == "BASELINE", pl.col("kind") == "MR_SIGNAL_MEAN")
    assert here.is_empty()
    assert refused_visits(ran.study, ran.outcome) == ("OP-001/BASELINE",)


def without_the_organ_map(folder: Path) -> None:
    shutil.rmtree(folder / "dicom/OP-001/BASELINE/organ_map")


def test_without_an_organ_map_organs_are_found_and_what_was_not_makes_candidates(
    study: Path, scheduler: str
) -> None:
    """The phantom's bladder lies below what its torso shows of a pelvis, and is not told apart."""
    without_the_organ_map(study)

    ran = run_it(study, scheduler)

    assert ran.told == set()
    assert ran.measured == {BASELINE, LATER}
    here = ran.table.filter(pl.col("timepoint") == "BASELINE")
    reasons = dict(
        here.filter(pl.col("value").is_null(), pl.col("subject") == "")
        .select("kind", "absent")
        .iter_rows()
    )
    assert reasons.keys() >= BURDEN
    assert all("no mask of urinary bladder" in reasons[kind] for kind in BURDEN)
    hot = here.filter(pl.col("kind") == "SUV_MAXIMUM", pl.col("subject_type") == "candidate")
    # The three lesions bear the names of the next visit, which has its organ map; the bladder,
    # which no other visit shows as a lesion, has a candidate's.
    names = sorted(hot["subject"])
    assert len(names) == 4
    assert names[0].startswith("C")
    assert set(names[1:]) == lesions_at(ran, "AFTER_CYCLE_2")
    assert "Send a DICOM segmentation of the organs" in ran.report
    assert not (ran.results / "lesions" / "OP-001_BASELINE.dcm").exists()
    assert not (ran.results / "lesions" / "OP-001_BASELINE_report.dcm").exists()


def lesions_at(ran: Ran, timepoint: str) -> set[str]:
    here = ran.table.filter(
        pl.col("timepoint") == timepoint,
        pl.col("kind") == "SUV_MAXIMUM",
        pl.col("subject_type") == "lesion",
    )
    return set(here["subject"])


def test_a_readers_sphere_counts_in_place_of_the_rules(study: Path, scheduler: str) -> None:
    (study / "records" / "reference_regions.csv").write_text(
        "participant,timepoint,organ,x_mm,y_mm,z_mm,radius_mm,reader\n"
        "OP-001,BASELINE,liver,-110,20,95,15,R1\n",
        "utf-8",
    )

    ran = run_it(study, scheduler)

    here = ran.table.filter(pl.col("timepoint") == "BASELINE", pl.col("subject") == "liver")
    assert here["uncertainty_basis"].str.contains("R1").any()
    assert ran.told == set()


def test_refuses_a_sphere_outside_the_organ_maps_liver(study: Path, scheduler: str) -> None:
    (study / "records" / "reference_regions.csv").write_text(
        "participant,timepoint,organ,x_mm,y_mm,z_mm,radius_mm,reader\n"
        "OP-001,BASELINE,liver,110,20,95,15,R1\n",
        "utf-8",
    )

    ran = run_it(study, scheduler)

    assert ran.measured == {LATER}
    assert_told(ran, "does not lie in the organ map's liver", "LPS", "reference_regions")


def test_an_organ_map_with_its_sides_exchanged_is_not_believed_and_organs_are_found(
    study: Path, scheduler: str
) -> None:
    (path,) = (study / "dicom/OP-001/BASELINE/organ_map").iterdir()
    ds = pydicom.dcmread(path)
    rename_segment(ds, "kidney_left", label="to be renamed", code="1")
    rename_segment(ds, "kidney_right", label="kidney_left", code="18639004")
    rename_segment(ds, "to be renamed", label="kidney_right", code="9846003")
    ds.save_as(path)

    ran = run_it(study, scheduler)

    assert ran.measured == {BASELINE, LATER}
    assert_told(ran, "right kidney lies to the left of its left kidney", "mirrored")
    assert "the organ map was not believed, and organs were found" in ran.report
    assert refused_visits(ran.study, ran.outcome) == ("OP-001/BASELINE",)


def rename_segment(ds: Dataset, organ: str, *, label: str, code: str) -> None:
    (segment,) = [item for item in ds.SegmentSequence if item.SegmentLabel == organ]
    segment.SegmentLabel = label
    (kind,) = segment.SegmentedPropertyTypeCodeSequence
    kind.CodeValue, kind.CodeMeaning = code, label


def test_an_organ_map_without_a_spleen_gives_no_burden(study: Path, scheduler: str) -> None:
    """The spleen would be the largest metastasis of all."""
    (path,) = (study / "dicom/OP-001/BASELINE/organ_map").iterdir()
    ds = pydicom.dcmread(path)
    rename_segment(ds, "spleen", label="stomach", code="69695003")
    ds.save_as(path)

    ran = run_it(study, scheduler)

    assert ran.measured == {BASELINE, LATER}
    reasons = refused_rows(ran, "BASELINE")
    assert reasons.keys() >= BURDEN
    assert all("spleen" in reasons[kind] for kind in BURDEN)
    assert "spleen" in ran.report


def test_an_organ_map_without_a_liver_says_what_it_has(study: Path, scheduler: str) -> None:
    (path,) = (study / "dicom/OP-001/BASELINE/organ_map").iterdir()
    ds = pydicom.dcmread(path)
    rename_segment(ds, "liver", label="stomach", code="69695003")
    ds.save_as(path)

    ran = run_it(study, scheduler)

    assert ran.measured == {LATER}
    assert_told(
        ran, "has no segment called liver; it has aorta, left kidney", "stomach", "place a sphere"
    )


def a_structure_set(folder: Path, *, frame_of_reference: str) -> None:
    """A cube of 40 mm around the liver's middle, as a reader would export it."""
    pet = pydicom.dcmread(folder / "dicom" / PET / "0030.dcm")
    ds = Dataset()
    for keyword in ("PatientID", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime"):
        setattr(ds, keyword, pet.get(keyword))
    ds.Modality, ds.SOPClassUID = "RTSTRUCT", RTStructureSetStorage
    ds.SeriesInstanceUID, ds.SOPInstanceUID = "2.25.41", "2.25.42"
    ds.StructureSetROISequence, ds.ROIContourSequence = [Dataset()], [Dataset()]
    (roi,), (outline,) = ds.StructureSetROISequence, ds.ROIContourSequence
    roi.ROINumber, roi.ROIName = 1, "boost"
    roi.ReferencedFrameOfReferenceUID = frame_of_reference
    outline.ReferencedROINumber = 1
    x, y = float(pet.ImagePositionPatient[0]) + 150, float(pet.ImagePositionPatient[1]) + 170
    slices = []
    for number in range(28, 33):
        z = pydicom.dcmread(folder / "dicom" / PET / f"{number:04d}.dcm").ImagePositionPatient[2]
        corners = [(x, y, z), (x + 40, y, z), (x + 40, y + 40, z), (x, y + 40, z)]
        contour = Dataset()
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.NumberOfContourPoints = 4
        contour.ContourData = [f"{value:.3f}" for corner in corners for value in corner]
        slices.append(contour)
    outline.ContourSequence = slices
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    (folder / "dicom/OP-001/BASELINE/rtstruct").mkdir()
    ds.save_as(folder / "dicom/OP-001/BASELINE/rtstruct/1.dcm", enforce_file_format=True)


def test_contours_of_the_pet_are_measured(study: Path, scheduler: str) -> None:
    """Five voxels of 8 mm lie within 40 mm along each axis: 125 voxels of 0.512 mL."""
    pet = pydicom.dcmread(study / "dicom" / PET / "0030.dcm")
    a_structure_set(study, frame_of_reference=str(pet.FrameOfReferenceUID))

    ran = run_it(study, scheduler)

    assert ran.told == set()
    boost = ran.table.filter(pl.col("subject") == "boost", pl.col("kind") == "VOLUME")
    np.testing.assert_allclose(boost["value"].to_list(), [64.0], rtol=1e-9)


def test_contours_of_another_image_are_refused_and_the_rest_is_measured(
    study: Path, scheduler: str
) -> None:
    a_structure_set(study, frame_of_reference="2.25.999")

    ran = run_it(study, scheduler)

    assert ran.measured == {BASELINE, LATER}
    assert_told(ran, "drawn in the PET's frame of reference", "Export the contours")
    assert ran.table.filter(pl.col("subject") == "boost").is_empty()
    assert refused_visits(ran.study, ran.outcome) == ("OP-001/BASELINE",)


def test_an_empty_dicom_folder_refuses_every_visit(study: Path, scheduler: str) -> None:
    shutil.rmtree(study / "dicom")
    (study / "dicom").mkdir()

    ran = run_it(study, scheduler)

    assert ran.measured == set()
    assert {row["timepoint"] for row in ran.table.to_dicts()} == {"BASELINE", "AFTER_CYCLE_2"}
    for day in ("2024-09-03", "2024-12-10"):
        assert_told(ran, "No attenuation-corrected PET series arrived", day, "Send the PET series")
    assert list((ran.results / "lesions").iterdir()) == []


# --- where the files lie makes no difference ------------------------------------------------------


def zipped(folder: Path) -> None:
    tree = folder / "dicom" / "OP-001" / "BASELINE"
    with zipfile.ZipFile(folder / "dicom" / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(tree.rglob("*.dcm")):
            archive.write(path, path.relative_to(tree))
    shutil.rmtree(tree)


def linked(folder: Path) -> None:
    (folder / "dicom").rename(folder / "pictures archive")
    (folder / "dicom").symlink_to(folder / "pictures archive")


def doubled(folder: Path) -> None:
    shutil.copytree(folder / "dicom" / PET, folder / "dicom" / "Kopie von pet_ac (2) é")


def with_other_files(folder: Path) -> None:
    (folder / "dicom" / "readme.txt").write_text("sent on Monday", "utf-8")
    (folder / "dicom" / "empty").write_bytes(b"")
    (folder / "dicom" / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")


@pytest.mark.parametrize("lay", [zipped, linked, doubled, with_other_files])
def test_values_do_not_depend_on_where_the_files_lie(
    lay: Callable[[Path], None], sound: Path, study: Path, scheduler: str
) -> None:
    lay(study)

    ran = run_it(study, scheduler)

    assert ran.told == set()
    expected = pl.read_parquet(sound / "results" / "measurements.parquet")
    assert ran.table.drop("inputs").equals(expected.drop("inputs"))


# --- study.toml ----------------------------------------------------------------------------------


def test_refuses_a_study_file_without_its_keys_all_at_once(study: Path) -> None:
    change_study_file(study, lambda _: '[study]\ntitle = "x"\n[lesions]\npet_resolution_mm = -1\n')

    with pytest.raises(DataError) as refusal:
        read_study(study, today=TODAY)

    for words in (
        "8 fault(s)",
        "study.timezone: is missing",
        "study.data_cut: is missing",
        "timepoint: is missing",
        "site: is missing",
        "lesions.minimum_volume_ml: is missing",
        "lesions.uptake_window_min: is missing",
        "lesions.uptake_difference_min: is missing",
        "lesions.pet_resolution_mm",
        "found -1",
    ):
        assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('weight = "header"', "declare.weight: is no key"),
        ('activity_unit = "GBq"', "declare.activity_unit.*'MBq'.*found 'GBq'"),
        ("half_life_s = 0", "declare.half_life_s.*greater than 0"),
        ('[[declare.visit]]\ntimepoint = "BASELINE"', "declare.visit.0.participant: is missing"),
        ("nuclide = = 1", "study.toml is no TOML"),
    ],
)
def test_refuses_a_declaration_that_means_nothing(line: str, words: str, study: Path) -> None:
    change_study_file(study, lambda text: f"{text}{line}\n")

    with pytest.raises(DataError, match=f"(?s){words}"):
        read_study(study, today=TODAY)


def test_reads_a_study_file_that_begins_with_a_byte_order_mark(study: Path) -> None:
    text = (study / "study.toml").read_bytes()
    (study / "study.toml").write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))

    assert read_study(study, today=TODAY).settings.timezone == "Europe/Paris"


def test_refuses_a_study_without_participants(study: Path) -> None:
    (study / "records" / "participants.csv").unlink()

    with pytest.raises(DataError, match=r"participants is missing.*Correct the table participants"):
        read_study(study, today=TODAY)


# --- the machine ---------------------------------------------------------------------------------


def test_the_manifest_names_the_records_that_were_read_though_they_change_meanwhile(
    study: Path, scheduler: str
) -> None:
    path = study / "records" / "vitals.csv"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    read = read_study(study, today=TODAY)
    change_cells(study, "vitals", ROW, body_mass_kg="64.9")

    run_study(read, Options(scheduler=scheduler))

    manifest = json.loads((study / "results" / "manifest.json").read_text("utf-8"))
    assert manifest["inputs"]["records/vitals.csv"] == digest


def test_what_a_killed_run_had_half_written_is_swept_away(study: Path, scheduler: str) -> None:
    expected = dict(published(study / "results"))
    for name in (".report.html.5e1f.part", "lesions/.OP-001_BASELINE.dcm.77aa.part"):
        (study / "results" / name).write_bytes(b"half")

    run_it(study, scheduler)

    assert dict(published(study / "results")) == expected


def test_refuses_a_second_run_at_the_same_time(study: Path, scheduler: str) -> None:
    with (
        Store(study / "results" / ".store"),
        pytest.raises(DataError, match=r"Another run is at work in .*results.*Wait until it has"),
    ):
        run_it(study, scheduler)

    assert run_it(study, scheduler).measured == {BASELINE, LATER}


@pytest.mark.parametrize("writes", [0, 5, 30])
def test_a_full_disk_is_named_and_the_next_run_goes_on(
    writes: int, sound: Path, study: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(study / "results")
    room = iter(range(writes))

    def write_while_there_is_room(path: Path, parts: Iterable[bytes | memoryview]) -> None:
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_synced(path, parts)

    with monkeypatch.context() as patch:
        patch.setattr("operandi.pipeline.store.write_synced", write_while_there_is_room)
        with pytest.raises(DataError, match=r"cannot be written: No space left.*Make room"):
            run_it(study, scheduler)
    assert not (study / "results" / "report.html").exists()

    again = run_it(study, scheduler)

    # Each result is two files, and each of two workers may have been between them.
    assert again.outcome.counts[How.REUSED] >= writes // 2 - 1
    assert dict(published(again.results)) == dict(published(sound / "results"))


def operandi(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command as somebody whom the file system can refuse, also where tests run as root."""
    program = [sys.executable, "-m", "operandi", *map(str, words)]
    if os.geteuid() == 0:
        dropped = "-dac_override,-dac_read_search"
        program = ["setpriv", "--bounding-set", dropped, "--inh-caps", dropped, *program]
    return subprocess.run(
        program,
        env=os.environ | {"PYTHONPATH": ":".join(sys.path), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root reads and writes everything"
)
@pytest.mark.parametrize("locked", ["results", "records/vitals.csv", "study.toml"])
def test_refuses_what_it_may_not_read_or_write_by_name(locked: str, study: Path) -> None:
    if locked == "results":
        shutil.rmtree(study / "results")
        (study / "results").mkdir()
    (study / locked).chmod(0o555 if locked == "results" else 0)
    try:
        done = operandi("run", study)
    finally:
        (study / locked).chmod(0o755)

    if locked == "records/vitals.csv":  # a table's fault, which its visits wait for
        assert done.returncode == 3, done.stderr
        report = (study / "results" / "report.html").read_text("utf-8")
        assert "vitals.csv: the file cannot be read (Permission denied)" in report
        return
    assert done.returncode == 1, done.stderr
    assert locked in done.stderr
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr
