"""What holds for any order of rows, any corruption of a cell and any value that is believed."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import assume, given, settings

from operandi.records.frozen import write_tables
from operandi.records.tables import Fault, Records
from tests.records.study_folder import (
    PARTICIPANTS,
    TIMEPOINTS,
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
        digests = write_tables(records, folder / "frozen")
        again = read(folder / "frozen")
        digests_again = write_tables(again, folder / "again")

    assert records.faults == ()
    assert again == records
    assert digests_again == digests
