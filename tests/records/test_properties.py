"""What holds for any order of rows, any corruption of a cell and any value that is believed."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import get_args

import hypothesis.strategies as st
from hypothesis import assume, given, settings

from operandi.domain.date_interval import DateInterval
from operandi.domain.participant import Sex
from operandi.quantities.nuclides import Nuclide
from operandi.records.cells import cell_type
from operandi.records.freeze import Circumstances, read_freeze, write_freeze
from operandi.records.manifest import Manifest
from operandi.records.names import IMAGE_TABLES
from operandi.records.reading import read_records
from operandi.records.rows import ROWS
from operandi.records.tables import Fault, Records
from tests.records.study_folder import (
    PARIS,
    PARTICIPANTS,
    TIMEPOINTS,
    TODAY,
    Tables,
    a_study,
    read,
    read_back,
    with_cells,
    with_row,
    write_csv,
)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _a_faulty_study() -> Tables:
    """One of every sort of fault that lies between rows, and some within."""
    tables = with_cells(a_study(), "vitals", 1, body_mass_kg="101")
    tables = with_cells(tables, "vitals", 2, height_m="172")
    tables = with_cells(tables, "cycles", 1, date="2025-01-31")
    tables = with_cells(tables, "cycles", 4, activity_gbq="7400")
    tables = with_row(tables, "imaging_visits", 3, date="2025-06-01")
    tables = with_row(tables, "reference_regions", participant="P-99")
    tables = with_row(tables, "participants", 2, birth_year="1930", sex="M")
    return with_row(tables, "participants", participant="P-04", birth_month="0")


def _without_line(fault: Fault) -> Fault:
    problem = re.sub(r"\blines? \d+(, \d+)*( and \d+)?", "line", fault.problem)
    return replace(fault, row=None, problem=problem)


def _up_to_lines(records: Records) -> tuple[Records, list[str]]:
    faults = sorted(str(_without_line(fault)) for fault in records.faults)
    return replace(records, faults=()), faults


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_order_of_rows_changes_line_numbers_only(data: st.DataObject) -> None:
    tables = _a_faulty_study()
    shuffled = {name: data.draw(st.permutations(rows)) for name, rows in tables.items()}

    with _folder() as first, _folder() as second:
        before, after = read_back(tables, first), read_back(shuffled, second)

    assert _up_to_lines(after) == _up_to_lines(before)
    assert len(before.faults) == 8


def _of(records: Records, pseudonym: str) -> list[object]:
    tables = (
        records.visits,
        records.vitals,
        records.administrations,
        records.cycles,
        records.regions,
    )
    rows = [row for rows in tables for row in rows if row.participant == pseudonym]
    faults = [
        fault for timepoint in TIMEPOINTS for fault in records.faults_of(pseudonym, timepoint)
    ]
    return [records.participant(pseudonym), *rows, *faults]


NASTY = (
    *("", '"', '""', ",", ";", "\n", "\r\n", "\0", "=1+1", "1_0", "0x10", "\u0661", "71 kg"),
    *("1e999", "-1e-999", "nan", "inf", "9" * 50, "x" * 200_000, "68Ga", "18F", *TIMEPOINTS),
    *("0001-01-01", "2025-01-10", "9999-12-31T23:59-23:59", "0001-01-01T00:00+23:59"),
)
"""What parsers of text, numbers and dates stumble over."""


@settings(max_examples=150, deadline=None)
@given(data=st.data(), text=st.text(max_size=30) | st.sampled_from(NASTY))
def test_a_corrupt_cell_never_crashes_and_touches_nobody_else(
    data: st.DataObject, text: str
) -> None:
    tables = a_study()
    table = data.draw(st.sampled_from(sorted(tables)))
    row = data.draw(st.integers(0, len(tables[table]) - 1))
    column = data.draw(st.sampled_from(sorted(tables[table][row])))
    assume(text.strip() not in PARTICIPANTS)
    participant = tables[table][row]["participant"]

    with _folder() as first, _folder() as second:
        whole = read_back(tables, first)
        folder = write_csv(with_cells(tables, table, row, **{column: "CORRUPT"}), second)
        path = folder / f"{table}.csv"
        # Into the file as it is, without the quotes that a program would set.
        content = path.read_bytes().replace(b"CORRUPT", text.encode())
        path.write_bytes(content)
        records = read(folder)

    for other in set(PARTICIPANTS) - {participant}:
        assert _of(records, other) == _of(whole, other)


def _decimals(low: str, high: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=low, max_value=high, places=4)


@settings(max_examples=15, deadline=None)
@given(
    mass_kg=_decimals("60", "80"),
    height_m=_decimals("1.2", "2.3"),
    activity_mbq=_decimals("30", "390"),
    residual_mbq=_decimals("0", "9"),
    activity_gbq=_decimals("0.5", "12"),
)
def test_every_number_survives_the_freeze_digit_for_digit(
    mass_kg: Decimal,
    height_m: Decimal,
    activity_mbq: Decimal,
    residual_mbq: Decimal,
    activity_gbq: Decimal,
) -> None:
    tables = with_cells(a_study(), "vitals", body_mass_kg=str(mass_kg), height_m=str(height_m))
    activities = {"activity_mbq": str(activity_mbq), "residual_mbq": str(residual_mbq)}
    tables = with_cells(tables, "tracer_administrations", **activities)
    tables = with_cells(tables, "cycles", activity_gbq=str(activity_gbq))

    with _folder() as folder:
        records = read_back(tables, folder / "records")
        frozen, manifest = _freeze(records, folder / "frozen")
        again = read_freeze(frozen).records
        _, manifest_again = _freeze(again, folder / "again")

    assert records.faults == ()
    assert again == records
    assert manifest_again == manifest


def _freeze(records: Records, to: Path) -> tuple[Path, Manifest]:
    told = Circumstances(
        cut=TODAY,
        timezone=PARIS.key,
        timepoints=TIMEPOINTS,
        sites=("LYON",),
        operandi="0.1.0",
        commit=None,
    )
    return write_freeze(records, b"", told, to=to, beside=to)


# --- every table, with whatever its columns may hold ------------------------------------------


def _days() -> st.SearchStrategy[str]:
    return st.dates(date(1965, 1, 1), TODAY).map(str)


_WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)
_CELLS: dict[object, st.SearchStrategy[str]] = {
    str: _WORDS,
    bool: st.sampled_from(["yes", "no"]),
    int: st.integers(1, 6).map(str),
    Decimal: st.decimals(0, 1, places=3).map(str) | st.decimals(1, 300, places=2).map(str),
    date: _days(),
    datetime: _days().map(lambda day: f"{day}T12:00:00.000001"),
    DateInterval: _days() | _days().map(lambda day: day[:7]) | _days().map(lambda day: day[:4]),
    Sex: st.sampled_from(["F", "M", "O"]),
    Nuclide: st.sampled_from(["68Ga", "177Lu"]),
}
_NAMED: dict[str, st.SearchStrategy[str]] = {
    "participant": st.sampled_from(PARTICIPANTS),
    "timepoint": st.sampled_from(TIMEPOINTS),
    "site": st.just("LYON"),
    "sample": st.sampled_from(["S1", "S2"]),
    "lesion": st.sampled_from(["L1", "L2"]),
    "series_uid": st.integers(1, 9).map(lambda number: f"1.2.3.{number}"),
    "score": st.integers(0, 10).map(lambda tens: str(10 * tens)),
}


def _rows(table: str) -> st.SearchStrategy[list[dict[str, str]]]:
    cells = {}
    for name, field in ROWS[table].model_fields.items():
        kind, _ = cell_type(field.annotation, ())
        codes = [str(code) for code in get_args(kind)]
        cell = _NAMED[name] if name in _NAMED else st.sampled_from(codes) if codes else _CELLS[kind]
        cells[name] = cell if field.is_required() else cell | st.just("")
    return st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=4)


_FROM_HERE_ON = [name for name in ROWS if name not in IMAGE_TABLES]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_the_tables_hold_comes_back_from_a_freeze(data: st.DataObject) -> None:
    """With the rows that hold, and the faults of the others."""
    tables = {name: data.draw(_rows(name), label=name) for name in _FROM_HERE_ON}

    with _folder() as folder:
        csv = write_csv(a_study() | tables, folder / "records")
        records = read_records(
            csv, timezone=PARIS, today=TODAY, timepoints=TIMEPOINTS, sites=("LYON",), at_cut=True
        )
        again = read_freeze(_freeze(records, folder / "frozen")[0]).records

    assert again == records
    assert any(records.rows[name] for name in _FROM_HERE_ON)
