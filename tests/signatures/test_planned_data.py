"""What a plan is analyzed on: values of time zero, outcomes after it, leaks refused."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.plan import PlanError
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.tables import PlannedData
from tests.records.study_folder import Tables
from tests.signatures.planned_study import (
    BASE,
    LANDMARK,
    a_cohort_of_sixty,
    a_file,
    a_line,
    a_plan_of,
    a_table,
    fates,
    measurements,
    read_data,
    supplied,
)

VOLUME = {
    "code": "volume",
    "block": "pet",
    "measurement": "SSTR_TUMOR_VOLUME",
    "at": "BASELINE",
    "form": "log",
}
CHANGE = {
    "code": "delta",
    "block": "pet",
    "of": "volume",
    "from": "BASELINE",
    "to": "AFTER_CYCLE_2",
    "how": "relative",
}


def column(data: PlannedData, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return data.predictors.values[:, data.predictors.names.index(name)]


def read_extra(
    tmp_path: Path, columns: dict[str, Any], at: str = "BASELINE", **plan: Any
) -> PlannedData:
    table = a_table(tmp_path, columns)
    sections = [supplied(code, at=at) for code in columns]
    return read_data(tmp_path, a_plan_of(table=[table], supplied=sections, **plan))


# --- what is read ---------------------------------------------------------------------------------


def test_reads_recorded_values_before_time_zero_and_outcomes_after_it(tmp_path: Path) -> None:
    data = read_data(tmp_path, a_plan_of())
    tables = a_cohort_of_sixty()["laboratory_results"]
    first = {row["participant"]: float(row["value"]) for row in reversed(tables)}

    np.testing.assert_allclose(
        column(data, "cga"), np.log([first[one.who] for one in fates()]), rtol=1e-15
    )
    (told,) = data.columns
    assert (told.unit, told.logged, told.known, told.absent) == ("ug/L", True, 60, {})
    endpoint = data.endpoints["os"]
    assert endpoint.times is not None
    np.testing.assert_array_equal(endpoint.times.time, [one.day for one in fates()])
    np.testing.assert_array_equal(endpoint.times.event, [one.died for one in fates()])
    assert data.sex[:2] == ("F", "M")
    assert data.age[0] == pytest.approx(76.736, abs=0.01)
    assert [step.after for step in data.flow] == [60, 60, 60]


def test_reads_measurements_of_a_visit_of_lesions_and_features(tmp_path: Path) -> None:
    plan = a_plan_of(
        recorded=[],
        measured=[
            VOLUME,
            {
                "code": "adc",
                "block": "mr",
                "measurement": "ADC_*",
                "at": "BASELINE",
                "subject_type": "lesion",
                "of_several": "mean",
            },
        ],
        features=[
            {
                "code": "texture",
                "block": "radiomics",
                "features": ["cm_*"],
                "image": "PET",
                "at": "BASELINE",
                "lesions": "largest",
            }
        ],
    )
    data = read_data(tmp_path, plan, lines=measurements())
    names = ("volume", "adc.ADC_MEAN", "adc.ADC_MEDIAN", "texture.cm_contrast_3d_comb")
    own = [line for line in measurements() if line["participant"] == "OP-007"]

    def values(kind: str) -> dict[str, float]:
        return {
            line["subject"]: line["value"]
            for line in own
            if line["kind"] == kind and line["timepoint"] == "BASELINE"
        }

    assert data.predictors.names == names
    assert data.predictors.blocks == ("pet", "mr", "mr", "radiomics")
    assert column(data, "volume")[6] == pytest.approx(np.log(values("SSTR_TUMOR_VOLUME")[""]))
    assert column(data, "adc.ADC_MEAN")[6] == pytest.approx(
        np.mean(list(values("ADC_MEAN").values()))
    )
    sizes = values("VOLUME")
    largest = max(sizes, key=lambda name: sizes[name])
    feature = values("RADIOMICS_SUV_BODY_WEIGHT_CM_CONTRAST_3D_COMB")
    assert column(data, names[3])[6] == feature[largest]
    assert data.predictors_of(("adc",), np.array([6])).values.shape == (1, 2)


def test_what_was_not_assayed_is_missing_with_its_reason_and_never_0(tmp_path: Path) -> None:
    lines = [
        line | ({"value": None, "absent": "no PET"} if line["participant"] == "OP-003" else {})
        for line in measurements()
        if line["participant"] != "OP-004"
    ]
    table = a_table(tmp_path, {"gene": ["" if at in (4, 5) else at % 2 for at in range(60)]})
    plan = a_plan_of(recorded=[], measured=[VOLUME], table=[table], supplied=[supplied("gene")])
    data = read_data(tmp_path, plan, lines=lines)
    volume, gene = data.columns

    assert volume.absent == {"no PET": 1, "not measured": 1}
    assert np.flatnonzero(np.isnan(column(data, "volume"))).tolist() == [2, 3]
    assert gene.absent == {"empty": 2}
    assert np.flatnonzero(np.isnan(column(data, "gene"))).tolist() == [4, 5]


def test_a_change_is_relative_to_the_first_visit_after_a_landmark(tmp_path: Path) -> None:
    plan = a_plan_of(recorded=[], measured=[VOLUME], change=[CHANGE], timing=LANDMARK)
    data = read_data(tmp_path, plan, lines=measurements())
    before, after = (
        next(
            line["value"]
            for line in measurements()
            if (line["participant"], line["timepoint"]) == ("OP-009", at)
        )
        for at in ("BASELINE", "AFTER_CYCLE_2")
    )

    assert column(data, "delta")[8] == pytest.approx(after / before - 1.0)
    assert data.columns[1].absent == {"AFTER_CYCLE_2: not measured": 2}
    endpoint = data.endpoints["os"]
    assert endpoint.rows.tolist() == list(range(2, 60))
    assert endpoint.times is not None
    np.testing.assert_array_equal(endpoint.times.time, [one.day - 140 for one in fates()[2:]])
    left = {one.reason: one.participants for one in endpoint.flow[-1].left_out}
    assert left == {
        "event_on_or_before_landmark": ("OP-001",),
        "censored_on_or_before_landmark": ("OP-002",),
    }


# --- leaks ----------------------------------------------------------------------------------------


def test_a_laboratory_value_of_the_future_is_passed_over_and_counted(tmp_path: Path) -> None:
    tables = a_cohort_of_sixty()
    tables["laboratory_results"] = [
        row
        for row in tables["laboratory_results"]
        if row["participant"] != "OP-010" or row["collected_on"] > "2022-06-01"
    ]
    data = read_data(tmp_path, a_plan_of(), tables=tables)

    assert data.columns[0].absent == {"only after time zero": 1}
    assert np.isnan(column(data, "cga")[9])
    assert any("1 participant(s) have entries after time zero alone" in one for one in data.notes)


def test_a_measurement_dated_after_time_zero_is_refused_naming_row_and_day(
    tmp_path: Path,
) -> None:
    tables = a_cohort_of_sixty()
    visit = next(
        row
        for row in tables["imaging_visits"]
        if (row["participant"], row["timepoint"]) == ("OP-003", "BASELINE")
    )
    visit["date"] = str(fates()[2].start + timedelta(days=30))
    row = next(
        number
        for number, line in enumerate(measurements(), start=1)
        if (line["participant"], line["timepoint"]) == ("OP-003", "BASELINE")
    )
    with pytest.raises(
        LeakError,
        match=rf"OP-003 \(measurements.parquet, row {row}\) is of the visit BASELINE on 2022-02-15"
        ", after time zero on 2022-01-16",
    ):
        read_data(tmp_path, a_plan_of(measured=[VOLUME]), tables=tables, lines=measurements())


def test_a_supplied_column_known_only_after_time_zero_is_refused(tmp_path: Path) -> None:
    timing = {"start": "C1", "known_at": ["BASELINE", "AFTER_CYCLE_2"]}
    with pytest.raises(
        LeakError, match=r"supplied\[late\].at: OP-003 \(extra.csv, row 3, column late\) was known"
    ):
        read_extra(tmp_path, {"late": range(60)}, at="AFTER_CYCLE_2", timing=timing)


def _noise(seed: int = 3) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(size=60)


DAYS = np.array([one.day for one in fates()], dtype=float)
DIED = np.array([one.died for one in fates()])


@pytest.mark.parametrize(
    ("code", "values", "follows"),
    [
        ("follow_up_months", DAYS / 30.4, "time"),
        ("visits", np.floor(DAYS / 84.0) + (_noise() > 1.0), "time"),
        ("status", DIED + 0.2 * _noise(), "event"),
        ("scanner", np.tile([1.0, 7.0, 3.0], 20) + 0.3 * _noise(), "site"),
    ],
)
def test_a_column_made_of_follow_up_outcome_or_site_is_refused_unless_explained(
    tmp_path: Path, code: str, values: np.ndarray[Any, Any], follows: str
) -> None:
    with pytest.raises(LeakError, match=f"{code} follows the {follows}"):
        read_extra(tmp_path / "a", {code: values, "noise": _noise(5)})
    data = read_extra(tmp_path / "b", {code: values}, explained={code: "known to be so"})
    assert [one.name for one in data.suspicions] == [code]


def test_the_outcome_itself_is_refused_as_a_predictor(tmp_path: Path) -> None:
    table = a_table(tmp_path, {"day": DAYS, "died": DIED.astype(int)})
    primary = {
        "code": "os",
        "kind": "os",
        "role": "primary",
        "table": "extra",
        "time": "day",
        "time_unit": "day",
        "event": "died",
    }
    with pytest.raises(PlanError, match="takes in the outcome"):
        a_plan_of(endpoint=[primary], table=[table], supplied=[supplied(columns=["d*"])])


@pytest.mark.parametrize("table", ["visits", "follow_up", "adverse_events", "recist_reads"])
def test_a_table_that_grows_during_follow_up_is_refused(table: str) -> None:
    recorded = BASE["recorded"][0] | {"table": table, "column": "participant", "where": {}}
    with pytest.raises(PlanError, match=f"{table} grows during follow-up"):
        a_plan_of(recorded=[recorded])


def test_a_change_without_a_landmark_is_refused() -> None:
    timing = {"start": "C1", "known_at": ["BASELINE", "AFTER_CYCLE_2"]}
    with pytest.raises(PlanError, match="an early change is known only later than the start"):
        a_plan_of(measured=[VOLUME], change=[CHANGE], timing=timing)


def test_who_left_before_the_landmark_and_was_coded_counts_for_nobody(tmp_path: Path) -> None:
    coded = np.where(np.arange(60) < 2, 0.0, _noise())
    data = read_extra(tmp_path, {"marker": coded}, at="AFTER_CYCLE_2", timing=LANDMARK)

    assert 0 not in data.endpoints["os"].rows
    assert 1 not in data.endpoints["os"].rows
    assert any(
        "marker: 2 of 2 participants who had the event or left by the landmark have a value of "
        "AFTER_CYCLE_2, all 0" in note
        for note in data.notes
    )


def test_cycles_that_come_after_time_zero_do_not_choose_the_population(tmp_path: Path) -> None:
    plan = a_plan_of(population={"title": "Two cycles", "cycles": 2})
    with pytest.raises(LeakError, match=r"population\.cycles: 2 cycles are given only after time"):
        read_data(tmp_path, plan)


def test_a_yes_or_no_that_is_known_by_the_landmark_is_refused() -> None:
    early = {"code": "early", "kind": "early_non_response", "role": "secondary", "by_day": 140}
    with pytest.raises(PlanError, match=r"endpoint\[early\].by_day: day 140 is not after the land"):
        a_plan_of(endpoint=[*BASE["endpoint"], early], timing=LANDMARK)


# --- bad input ------------------------------------------------------------------------------------


def test_an_outcome_before_baseline_is_left_out_and_named(tmp_path: Path) -> None:
    days = np.where(np.arange(60) == 4, 0.0, DAYS)
    table = a_table(tmp_path, {"day": days, "died": DIED.astype(int), "x": _noise()})
    endpoint = {
        "code": "own",
        "kind": "os",
        "role": "primary",
        "table": "extra",
        "time": "day",
        "time_unit": "month",
        "event": "died",
    }
    plan = a_plan_of(endpoint=[endpoint], table=[table], supplied=[supplied("x")])
    data = read_data(tmp_path, plan)
    (left,) = data.endpoints["own"].described.excluded

    assert (left.participant, left.reason.value) == ("OP-005", "outcome_before_baseline")
    assert left.detail == "extra.csv, row 5: day 0"
    times = data.endpoints["own"].times
    assert times is not None
    np.testing.assert_allclose(times.time[:4], DAYS[:4] * 30.4375)


def with_laboratory(row: int, **cells: str) -> Tables:
    tables = a_cohort_of_sixty()
    tables["laboratory_results"][row] |= cells
    return tables


def test_values_in_several_units_are_refused_and_converted_to_the_plans(tmp_path: Path) -> None:
    creatinine = {"test": "creatinine", "value": "80", "unit": "umol/L"}
    tables = a_cohort_of_sixty()
    tables["laboratory_results"] = [row | creatinine for row in tables["laboratory_results"]]
    tables["laboratory_results"][0] |= {"value": "9.0", "unit": "mg/L"}
    wanted = BASE["recorded"][0] | {"where": {"test": "creatinine"}, "form": "as_is"}

    with pytest.raises(
        DataError,
        match=r"recorded\[cga\]: values in several units: OP-001 \(laboratory_results.csv, "
        r"line 2\) has mg/L; OP-002 \(laboratory_results.csv, line 3\) has umol/L",
    ):
        read_data(tmp_path / "a", a_plan_of(recorded=[wanted]), tables=tables)
    plan = a_plan_of(recorded=[wanted | {"unit": "umol/L"}])
    with pytest.raises(DataError, match=r"recorded\[cga\].unit: OP-001 .* is in mg/L, the plan's"):
        read_data(tmp_path / "b", plan, tables=tables)
    plan = a_plan_of(recorded=[wanted | {"unit": "umol/L", "molar_mass_g_mol": 113.12}])
    data = read_data(tmp_path / "c", plan, tables=tables)
    assert column(data, "cga")[0] == pytest.approx(9.0 / 113.12 * 1000.0)
    with pytest.raises(PlanError, match=r"recorded\[cga\].where.unit: leaves out who"):
        a_plan_of(recorded=[wanted | {"where": {"test": "creatinine", "unit": "umol/L"}}])


def test_a_limit_of_the_method_and_two_results_of_one_day_are_no_value(tmp_path: Path) -> None:
    tables = with_laboratory(0, comparator="<")
    tables["laboratory_results"].append(tables["laboratory_results"][1] | {"value": "1"})
    data = read_data(tmp_path, a_plan_of(), tables=tables)

    assert data.columns[0].absent == {
        "beyond the limit of the method": 1,
        "entries of one day differ": 1,
    }


def test_a_site_with_one_participant_is_counted(tmp_path: Path) -> None:
    tables = a_cohort_of_sixty()
    for row in tables["participants"]:
        row["site"] = "LYON" if row["participant"] != "OP-060" else "TOURS"
    assert (
        "1 site(s) have one participant: TOURS."
        in read_data(tmp_path, a_plan_of(), tables=tables).notes
    )


def test_all_faults_of_predictors_are_said_at_once(tmp_path: Path) -> None:
    recorded = [
        BASE["recorded"][0]
        | {"code": "sex", "table": "participants", "column": "sex", "where": {}},
        BASE["recorded"][0] | {"code": "unit", "column": "unit"},
    ]
    with pytest.raises(DataError) as refused:
        read_data(tmp_path, a_plan_of(recorded=recorded))
    assert "recorded[sex].column: OP-001" in refused.value.what
    assert "recorded[unit].column: OP-001" in refused.value.what


def test_one_number_of_several_lesions_must_be_settled(tmp_path: Path) -> None:
    adc = {
        "code": "adc",
        "block": "mr",
        "measurement": "ADC_MEAN",
        "at": "BASELINE",
        "subject_type": "lesion",
    }
    with pytest.raises(DataError, match=r"measured\[adc\].of_several: OP-001 has 2 values"):
        read_data(tmp_path, a_plan_of(measured=[adc]), lines=measurements())


def test_a_volume_of_0_has_no_logarithm_and_a_foreign_unit_is_refused(tmp_path: Path) -> None:
    zero = [*measurements()]
    zero[0] = zero[0] | {"value": 0.0}
    with pytest.raises(DataError, match=r"measured\[volume\].form: OP-001 .* is 0"):
        read_data(tmp_path / "a", a_plan_of(measured=[VOLUME]), lines=zero)
    mixed = [*measurements(), a_line("OP-002", "BASELINE", "OTHER", 1.0)]
    mixed[0] = mixed[0] | {"unit": "L"}
    with pytest.raises(DataError, match=r"measured\[volume\]: values in several units"):
        read_data(tmp_path / "b", a_plan_of(measured=[VOLUME]), lines=mixed)


def test_measurements_that_the_freeze_has_not_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the freeze holds no measurements\.parquet"):
        read_data(tmp_path, a_plan_of(measured=[VOLUME]))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("participant,x\nOP-001,1\nOP-001,2", r"table\[extra\]: OP-001 stands twice, in extra.csv"),
        (
            "participant,x\nOP-01,1",
            r"nobody of the cohort is called OP-01 in extra.csv, row 1 \(OP",
        ),
        (
            "participant,x\nOP-001,high",
            r"supplied\[x\]: OP-001 \(extra.csv, row 1, column x\) holds",
        ),
        ("participant,y\nOP-001,1", r"supplied\[x\].columns: no column of extra fits x"),
        ("who,x\nOP-001,1", r"table\[extra\].participant: participant is no column"),
        ("participant,x\nOP-001,1,2", "row 1 has 3 cells, the header 2"),
        ("participant,x\nOP-001,inf", "is not finite"),
    ],
)
def test_a_faulty_supplied_table_is_refused_naming_key_and_row(
    tmp_path: Path, text: str, problem: str
) -> None:
    plan = a_plan_of(table=[a_file(tmp_path, text)], supplied=[supplied("x")])
    with pytest.raises(DataError, match=problem):
        read_data(tmp_path, plan)


def test_a_supplied_file_that_is_another_is_refused(tmp_path: Path) -> None:
    table = a_table(tmp_path, {"x": _noise()}) | {"sha256": "0" * 64}
    with pytest.raises(DataError, match=r"table\[extra\].sha256: extra.csv is another file"):
        read_data(tmp_path, a_plan_of(table=[table], supplied=[supplied("x")]))
