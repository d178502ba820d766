"""Which cycle a tomogram belongs to, and which of several counts."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from operandi.domain.identity import Digest, Pseudonym, SeriesUid, TimepointCode
from operandi.domain.participant import Participant, Sex
from operandi.imaging.dicom.classify import Classification, SeriesType
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import Index, Instance, Series
from operandi.pipeline.choosing_cycles import ChosenCycle, choose_after_cycle, marrow_facts
from operandi.pipeline.placing import place
from operandi.pipeline.placing_cycles import PlacedCycle, place_after_cycles
from operandi.pipeline.settings import parse_settings
from operandi.pipeline.step_settings import MarrowFacts, ScanSettings
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import GA68, LU177
from operandi.records.rows_dosimetry import BloodActivityRow, SpectCalibrationRow, SpectRecoveryRow
from operandi.records.tables import Cycle, Fault, Records, Vitals

WHO = Pseudonym("P-014")
STUDY = {
    "study": {"title": "T", "timezone": "Europe/Paris", "data_cut": date(2026, 6, 30)},
    "timepoint": [
        {"code": "BASELINE", "title": "Before", "anchor": "cycle 1", "window_days": (-31, -1)}
    ],
    "site": {"NANTES": {"name": "Nantes"}},
    "lesions": {
        "pet_resolution_mm": 6.0,
        "minimum_volume_ml": 0.5,
        "uptake_window_min": [45, 90],
        "uptake_difference_min": 15,
    },
}
DOSIMETRY = {"tissue_density_g_cm3": 1.04, "spatial_resolution_mm": 9.0, "predicted": False}


def a_series(
    uid: str,
    kind: SeriesType = SeriesType.SPECT,
    /,
    *,
    on: str = "20260120",
    at: str = "140000",
    study: str = "1.1",
    patient: str = WHO,
    **header: str,
) -> Series:
    header |= {"AcquisitionDate": on, "AcquisitionTime": at, "StudyDate": "20260120"}
    return Series(
        uid=SeriesUid(uid),
        patient_id=patient,
        study_uid=study,
        study_date="20260120",
        description=f"series {uid}",
        modality="PT",
        classification=Classification(kind, ()),
        instances=(Instance(FileRef("dicom", f"{uid}.dcm"), header),),
    )


def records(*days: date) -> Records:
    return Records(
        participants=(
            Participant(
                pseudonym=WHO, site="NANTES", sex=Sex.FEMALE, birth_year=1961, birth_month=4
            ),
        ),
        cycles=tuple(
            Cycle(participant=WHO, number=number, on=day, activity_bq=7.4e9, nuclide=LU177)
            for number, day in enumerate(days, start=1)
        ),
    )


TWO_CYCLES = records(date(2026, 1, 20), date(2026, 3, 17))


def chosen(*series: Series, **dosimetry: object) -> ChosenCycle:
    [placed] = place_after_cycles(series, TWO_CYCLES)
    settings = parse_settings({**STUDY, "dosimetry": DOSIMETRY | dosimetry})
    digests = {instance.file: Digest("0" * 64) for one in series for instance in one.instances}
    return choose_after_cycle(placed, TWO_CYCLES, settings, digests, organ_s_values=None)


def uids(placed: PlacedCycle) -> list[str]:
    return [str(one.uid) for one in placed.series]


@pytest.mark.parametrize(
    ("on", "cycle"),
    [("20260120", 1), ("20260210", 1), ("20260317", 2), ("20260324", 2)],
)
def test_a_tomogram_belongs_to_the_latest_cycle_of_the_three_weeks_before(
    on: str, cycle: int
) -> None:
    [placed] = place_after_cycles([a_series("1", on=on)], TWO_CYCLES)

    assert placed.cycle.number == cycle


@pytest.mark.parametrize("on", ["20260119", "20260211", "20260316", "", "2026-01-21"])
def test_a_tomogram_of_no_cycle_is_not_placed(on: str) -> None:
    one = a_series("1", on=on)
    other = Series(**{name: getattr(one, name) for name in Series.__slots__} | {"study_date": ""})

    if not on or "-" in on:
        # The day of the study is that of cycle 1, and stands in.
        assert place_after_cycles([one], TWO_CYCLES)
    else:
        assert not place_after_cycles([other], TWO_CYCLES)


def test_a_tomogram_of_somebody_else_is_not_placed() -> None:
    assert not place_after_cycles([a_series("1", patient="P-999")], TWO_CYCLES)


def test_what_was_drawn_goes_with_the_tomograms_of_its_study() -> None:
    drawn = a_series("9", SeriesType.STRUCTURE_SET, on="20260501")
    strange = a_series("8", SeriesType.STRUCTURE_SET, study="1.2")

    [placed] = place_after_cycles(
        [drawn, strange, a_series("2", on="20260122"), a_series("1")], TWO_CYCLES
    )

    assert uids(placed) == ["1", "2", "9"]


def test_pet_and_mr_are_never_taken_for_scans_after_a_cycle() -> None:
    kinds = (SeriesType.PET_ATTENUATION_CORRECTED, SeriesType.MR_T1)

    assert not place_after_cycles([a_series(kind, kind) for kind in kinds], TWO_CYCLES)


def test_two_scans_of_one_day_both_count_where_hours_lie_between() -> None:
    drawn = a_series("9", SeriesType.STRUCTURE_SET)

    got = chosen(a_series("1", at="110000"), a_series("2", at="150000"), drawn)

    assert [str(series.uid) for series, *_ in got.scans] == ["1", "2"]
    assert not got.obstacles


def test_two_reconstructions_of_one_scan_are_for_people_to_choose_from() -> None:
    drawn = a_series("9", SeriesType.STRUCTURE_SET)
    both = (a_series("1", at="110000"), a_series("2", at="110010"))

    unclear = chosen(*both, drawn)
    declared = chosen(*both, drawn, series=("2",))

    assert not unclear.scans
    assert "[dosimetry] series" in unclear.obstacles[0].remedy
    assert [str(series.uid) for series, *_ in declared.scans] == ["2"]
    assert declared.use == {"1": "not needed", "2": "measured", "9": "read"}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"PatientSex": "M"}, "PatientSex is M, but participants has F"),
        ({"PatientBirthDate": "19330401"}, "PatientBirthDate is 1933-04"),
    ],
)
def test_a_scan_of_another_person_is_refused_as_at_visits(
    header: dict[str, str], said: str
) -> None:
    drawn = a_series("9", SeriesType.STRUCTURE_SET)

    got = chosen(a_series("1", at="110000"), a_series("2", at="150000", **header), drawn)

    assert not got.scans
    [obstacle] = got.obstacles
    assert said in obstacle.what
    assert obstacle.refuses
    assert got.use["2"] == "refused"


def test_names_a_declared_series_that_did_not_arrive() -> None:
    index = Index(series=(a_series("1.2"),), faults=(), duplicates=(), other_files=())
    settings = parse_settings({**STUDY, "dosimetry": DOSIMETRY | {"series": ("1.2", "1.3")}})

    said = [one.what for one in place(index, TWO_CYCLES, settings).unplaced]

    assert [text for text in said if "names the series 1.3 in [dosimetry] series" in text]
    assert not [text for text in said if "names the series 1.2" in text]


def test_says_that_nothing_was_drawn() -> None:
    got = chosen(a_series("1"))

    assert not got.scans
    assert "Draw kidneys and lesions" in got.obstacles[0].remedy


def test_says_that_the_study_file_is_silent_on_dosimetry() -> None:
    [placed] = place_after_cycles([a_series("1")], TWO_CYCLES)

    got = choose_after_cycle(placed, TWO_CYCLES, parse_settings(STUDY), {}, organ_s_values=None)

    assert not got.scans
    assert "Add [dosimetry]" in got.obstacles[0].remedy


# --- Cameras -------------------------------------------------------------------------------------


def a_camera_row(**cells: Any) -> SpectCalibrationRow:
    row: dict[str, Any] = {
        "site": "NANTES",
        "camera": "Encore2",
        "nuclide": LU177,
        "measured_on": date(2026, 1, 2),
        "relative_uncertainty_percent": Decimal(3),
    }
    return SpectCalibrationRow.model_construct(**row | cells)


def a_sphere(volume_ml: int, **cells: Any) -> SpectRecoveryRow:
    row: dict[str, Any] = {
        "site": "NANTES",
        "camera": "Encore2",
        "nuclide": LU177,
        "measured_on": date(2026, 1, 2),
        "volume_ml": Decimal(volume_ml),
        "recovery": Decimal("0.5"),
        "standard_uncertainty": Decimal("0.02"),
    }
    return SpectRecoveryRow.model_construct(**row | cells)


def settings_of_scan(
    *, faults: tuple[Fault, ...] = (), **rows: tuple[SpectCalibrationRow | SpectRecoveryRow, ...]
) -> ScanSettings:
    known = replace(TWO_CYCLES, rows=rows, faults=faults)
    series = (a_series("1"), a_series("9", SeriesType.STRUCTURE_SET))
    [placed] = place_after_cycles(series, known)
    settings = parse_settings({**STUDY, "dosimetry": DOSIMETRY})
    digests = {instance.file: Digest("0" * 64) for one in series for instance in one.instances}
    [(_, _, found)] = choose_after_cycle(
        placed, known, settings, digests, organ_s_values=None
    ).scans
    return found


def a_fault(table: str, camera: str) -> Fault:
    return Fault(
        table=table,
        file=f"{table}.csv",
        row=4,
        column="recovery",
        value="61",
        problem="is no recovery coefficient",
        remedy="write a fraction",
        camera=camera,
    )


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"valid_to": date(2026, 1, 10)}, "its valid_to is 2026-01-10, before the scan"),
        ({"measured_on": date(2026, 2, 1)}, "its measured_on is 2026-02-01, after the scan"),
        ({"nuclide": GA68}, "that of 2026-01-02 is of 68Ga"),
        ({"site": "PARIS"}, "that of 2026-01-02 is of the site PARIS, not NANTES"),
    ],
)
def test_a_row_of_calibration_that_does_not_count_says_why(
    cells: dict[str, object], reason: str
) -> None:
    found = settings_of_scan(spect_calibrations=(a_camera_row(**cells),))

    [(camera, said)] = found.not_held
    assert camera == "Encore2"
    assert said.startswith(reason)
    assert found.nuclide == "177Lu"


def test_a_rejected_row_of_calibration_is_told() -> None:
    found = settings_of_scan(faults=(a_fault("spect_calibrations", "Encore2"),))

    [(camera, said)] = found.not_held
    assert camera == "Encore2"
    assert "a row was rejected: spect_calibrations.csv, line 4" in said


@pytest.mark.parametrize(("camera", "refused"), [("Encore2", True), ("", True), ("Third", False)])
def test_a_rejected_sphere_refuses_the_recovery_of_its_camera(
    camera: str, *, refused: bool
) -> None:
    found = settings_of_scan(
        faults=(a_fault("spect_recovery", camera),),
        spect_calibrations=(a_camera_row(),),
        spect_recovery=tuple(a_sphere(volume) for volume in (1, 5, 20)),
    )

    [calibration] = found.calibrations
    assert ("line 4" in calibration.spheres_refused) == refused


@pytest.mark.parametrize("cells", [{"camera": "Other"}, {"site": "PARIS"}, {"nuclide": GA68}])
def test_spheres_of_other_cameras_alone_are_no_absent_recovery(cells: dict[str, object]) -> None:
    rows = tuple(a_sphere(volume, **cells) for volume in (1, 5, 20))
    other = settings_of_scan(spect_calibrations=(a_camera_row(),), spect_recovery=rows)
    none = settings_of_scan(spect_calibrations=(a_camera_row(),))

    assert "and none of Encore2 of NANTES with 177Lu" in other.calibrations[0].spheres_refused
    assert none.calibrations[0].spheres_refused == ""


# --- The marrow ----------------------------------------------------------------------------------

ADMINISTERED = datetime(2026, 1, 20, 10, 0, tzinfo=UTC)
MARROW = {
    "reference": "MIRD adult",
    "mass_uncertainty_percent": 20.0,
    "blood_density_g_ml": 1.06,
    "marrow_to_blood": {"value": 1.0, "uncertainty": 0.2, "source": "made up"},
}


def a_sample(*, cycle: int = 1, hours: float = 2.0) -> BloodActivityRow:
    return BloodActivityRow.model_construct(
        participant=WHO,
        cycle=cycle,
        drawn_at=ADMINISTERED + timedelta(hours=hours),
        concentration_kbq_per_ml=Decimal(61),
        standard_uncertainty_kbq_per_ml=Decimal("2.5"),
    )


def marrow_of(
    *samples: BloodActivityRow,
    administered_at: datetime | None = ADMINISTERED,
    weighed: dict[date, float] | None = None,
    **dosimetry: object,
) -> MarrowFacts | None:
    [cycle, later] = TWO_CYCLES.cycles
    known = replace(
        TWO_CYCLES,
        cycles=(replace(cycle, administered_at=administered_at), later),
        vitals=tuple(
            Vitals(
                participant=WHO,
                timepoint=TimepointCode("BASELINE"),
                measured_on=on,
                body_mass_kg=mass,
                height_m=None,
            )
            for on, mass in (weighed or {}).items()
        ),
        rows={"blood_activity": samples},
    )
    [placed] = place_after_cycles([a_series("1")], known)
    settings = parse_settings({**STUDY, "dosimetry": DOSIMETRY | dosimetry})
    return marrow_facts(placed, known, settings.dosimetry)


def test_blood_is_timed_from_the_administration_of_its_cycle() -> None:
    facts = marrow_of(a_sample(hours=20), a_sample(), a_sample(cycle=2, hours=1400), marrow=MARROW)

    assert facts is not None
    assert facts.samples == ((7200.0, 61e3, 2.5e3), (72_000.0, 61e3, 2.5e3))
    assert facts.settings is not None
    assert facts.settings.mass_relative_uncertainty == pytest.approx(0.2)


def test_the_body_mass_is_the_last_before_the_cycle() -> None:
    weighed = {date(2025, 12, 1): 70.0, date(2026, 1, 19): 68.0, date(2026, 2, 1): 60.0}

    facts = marrow_of(a_sample(), weighed=weighed)

    assert facts is not None
    assert (facts.body_mass_kg, facts.weighed_on) == (68.0, date(2026, 1, 19))
    assert facts.settings is None


def test_nobody_asks_for_the_marrow_without_blood_or_settings() -> None:
    assert marrow_of() is None


def test_samples_that_cannot_be_timed_say_so() -> None:
    untimed, none = marrow_of(a_sample(), administered_at=None), marrow_of(marrow=MARROW)

    assert untimed is not None
    assert none is not None
    assert "has no administered_at" in untimed.no_samples
    assert "No blood sample" in none.no_samples


def test_refuses_a_marrow_ratio_without_its_source() -> None:
    ratio = {"value": 1.0, "uncertainty": 0.2, "source": ""}
    with pytest.raises(DataError, match=r"dosimetry\.marrow\.marrow_to_blood\.source"):
        marrow_of(marrow=MARROW | {"marrow_to_blood": ratio})


def test_a_camera_in_other_letters_has_its_latest_calibration() -> None:
    older = a_camera_row(measured_on=date(2025, 1, 2), factor_cps_per_mbq=Decimal(9))
    newer = a_camera_row(camera="ENCORE2", factor_cps_per_mbq=Decimal(12))

    for rows in ((older, newer), (newer, older)):
        [found] = settings_of_scan(spect_calibrations=rows).calibrations
        assert found.factor_cps_per_mbq == 12.0
