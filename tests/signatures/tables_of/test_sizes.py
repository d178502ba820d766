"""Sizes of tumors are those of the tables; a missing exam is a gap, not a line."""

import csv
import io
from collections import defaultdict
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest

from operandi.records.reading import read_records
from operandi.records.tables import Records
from operandi.signatures.plan_format import PlannedEndpoint
from operandi.signatures.tables import TumorSizes
from operandi.signatures.tables_of.sizes import tumor_sizes
from operandi.simulation.disease.outcomes import simulate_outcomes
from operandi.simulation.trial.tables import csv_of, tables_of
from tests.records.study_folder import Tables, a_study, read_back
from tests.signatures.test_endpoints_of_cohort import WANTED
from tests.signatures.test_followed import a_followed_study, a_read
from tests.simulation.disease.scenarios import a_scenario


def an_endpoint(**said: object) -> PlannedEndpoint:
    return PlannedEndpoint.model_validate(
        {"code": "pfs", "kind": "pfs", "role": "primary", "horizon_days": (365.0,)} | said
    )


def sizes(tables: Tables, folder: Path, **said: object) -> dict[str, TumorSizes]:
    found = tumor_sizes(read_back(tables, folder), an_endpoint(**said))
    return {str(who): one for who, one in found.items()}


def points(one: TumorSizes) -> list[tuple[float, float | None]]:
    return [(each.day, each.change) for each in one.changes]


def marks(one: TumorSizes) -> list[tuple[float, str]]:
    return [(each.day, each.what) for each in one.marks]


def test_changes_are_from_baseline_and_end_with_progression(tmp_path: Path) -> None:
    found = sizes(a_followed_study(), tmp_path)
    days, changes = zip(*points(found["P-01"]), strict=True)
    assert days == (89.0, 181.0)
    assert changes == pytest.approx((-2 / 30, 10 / 30))
    assert marks(found["P-01"]) == [(181.0, "progression")]
    assert found["P-01"].best_change == pytest.approx(-2 / 30)
    assert found["P-03"].best_change == pytest.approx(-16 / 30)
    assert marks(found["P-03"]) == [(226.0, "another treatment")]


def test_an_exam_after_another_treatment_counts_only_where_the_plan_ignores_it(
    tmp_path: Path,
) -> None:
    tables = a_followed_study()
    tables["recist_reads"].append(a_read("P-03", "2025-11-01", "12"))
    assert [day for day, _ in points(sizes(tables, tmp_path)["P-03"])] == [89.0, 181.0]
    ignored = sizes(tables, tmp_path, new_therapy="ignore")["P-03"]
    assert points(ignored)[-1][0] == 273.0
    assert ignored.best_change == pytest.approx(-18 / 30)


def test_an_exam_that_is_not_evaluable_breaks_the_line(tmp_path: Path) -> None:
    tables = a_followed_study()
    row = next(one for one in tables["recist_reads"] if one["exam_on"] == "2025-05-01")
    row |= {"state": "not_evaluable", "diameter_mm": ""}
    assert points(sizes(tables, tmp_path)["P-01"])[0] == (89.0, None)


def test_an_exam_that_only_another_reader_read_breaks_the_line(tmp_path: Path) -> None:
    tables = a_followed_study()
    tables["recist_reads"].append(a_read("P-01", "2025-06-01", "29", role="reader_1"))
    assert [one[1] is None for one in points(sizes(tables, tmp_path)["P-01"])] == [
        False,
        True,
        False,
    ]


def test_a_gap_longer_than_the_plan_allows_holds_an_exam_that_was_missed(tmp_path: Path) -> None:
    found = sizes(a_followed_study(), tmp_path, longest_gap_days=90.0)["P-01"]
    assert [day for day, _ in points(found)] == [89.0, 179.0, 181.0]
    assert points(found)[1][1] is None


def test_a_new_lesion_is_marked(tmp_path: Path) -> None:
    tables = a_followed_study()
    new = a_read("P-02", "2025-05-01", "") | {"lesion": "N1", "state": "new"}
    tables["recist_reads"].append(new)
    assert marks(sizes(tables, tmp_path)["P-02"]) == [
        (89.0, "new lesion"),
        (89.0, "progression"),
    ]


def test_without_reads_there_is_nothing(tmp_path: Path) -> None:
    assert sizes(a_study(), tmp_path) == {}


@cache
def digital_cohort() -> tuple[dict[str, list[dict[str, str]]], Records]:
    """80 participants: their tables as plain rows, and as records."""
    scenario = a_scenario()
    outcomes = simulate_outcomes(scenario, participants=80, seed=7)
    tables = tables_of(outcomes, scenario, seed=7)
    texts = {name: csv_of(tables[name]) for name in WANTED}
    with TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / f"{name}.csv").write_text(text, encoding="utf-8")
        records = read_records(
            Path(folder),
            timezone=ZoneInfo("Europe/Paris"),
            today=scenario.cohort.data_cut,
            at_cut=True,
            timepoints=("BASELINE", "AFTER_CYCLE_2", "YEAR_1"),
        )
    return {name: list(csv.DictReader(io.StringIO(text))) for name, text in texts.items()}, records


@pytest.mark.slow
@pytest.mark.parametrize("role", ["investigator", "reader_1"])
def test_the_digital_cohort_read_plainly_has_the_same_sizes(role: str) -> None:
    """Every read is measured, present or new: sums are plain sums of diameters."""
    rows, records = digital_cohort()
    start = {
        one["participant"]: date.fromisoformat(one["date"])
        for one in rows["cycles"]
        if one["cycle"] == "1"
    }
    target = {
        (one["participant"], one["lesion"])
        for one in rows["recist_lesions"]
        if one["category"] == "target"
    }
    sums: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for one in rows["recist_reads"]:
        who = one["participant"]
        if one["role"] == role and (who, one["lesion"]) in target and who in start:
            on = (date.fromisoformat(one["exam_on"]) - start[who]).days
            sums[who][on] += float(one["diameter_mm"])
    found = tumor_sizes(records, an_endpoint(read_by=role))
    assert len(found) == len(start)
    seen = 0
    for who, sized in found.items():
        mine = sums[str(who)]
        base = mine[max(day for day in mine if day <= 0)]
        expected = {float(day): total / base - 1.0 for day, total in mine.items() if day > 0}
        for day, change in points(sized):
            if change is None:
                assert day not in expected
            else:
                assert change == pytest.approx(expected[day], abs=1e-12)
                seen += 1
        # Lines are whole up to their end, which is progression, another treatment or the last read.
        last = sized.changes[-1].day if sized.changes else 0.0
        drawn = {day for day, change in points(sized) if change is not None}
        assert {day for day in expected if day <= last} == drawn
    assert seen > 300
    progressed = [
        who for who, sized in found.items() if "progression" in {m.what for m in sized.marks}
    ]
    assert len(progressed) > 20
