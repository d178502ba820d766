"""``operandi import SOURCE --mapping M.toml --to STUDY``."""

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from operandi.cli import console
from operandi.quantities.errors import DataError
from operandi.records.importing.placing import Imported, Listed


def study_import(
    source: Annotated[
        Path, typer.Argument(help="Folder of an export, or one Dataset-JSON or XPORT file.")
    ],
    mapping: Annotated[Path, typer.Option("--mapping", "-m", help="TOML: which field goes where.")],
    to: Annotated[Path, typer.Option("--to", help="The study folder; tables go to its records/.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be placed and listed; write nothing.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over tables that are there already.")
    ] = False,
    list_to: Annotated[
        Path | None, typer.Option("--list", help="Also write every listed cell to this CSV.")
    ] = None,
) -> None:
    """Import a REDCap export, Dataset-JSON or SAS transport files into a study's records.

    Each cell of the source is placed, or listed with the reason. Exit status 3: something is
    listed that the mapping does not itself leave out.

    Examples: [bold]operandi import export/ --mapping redcap.toml --to my-study --dry-run[/bold];
    [bold]operandi import dm.xpt --mapping pilot.toml --to my-study --replace[/bold]
    """
    from operandi.records.importing.mapping import read_mapping
    from operandi.records.importing.placing import place_cells
    from operandi.records.importing.reading import read_source

    read = read_mapping(mapping)
    imported = place_cells(read_source(source, read.source), read)
    files = {list_to: _list(imported.listed)} if list_to else {}
    if not dry_run:
        folder = to / "records"
        tables = {folder / f"{table}.csv": imported.csv(table) for table in imported.tables}
        _refuse_twins(tables)
        files |= tables
    # Written before shown: a pager that is left early stops no import.
    _write(files, replace=replace)
    _show(imported)
    if any(one.wanted for one in imported.listed):
        raise typer.Exit(3)


def _write(files: dict[Path, bytes], *, replace: bool) -> None:
    from operandi.pipeline.atomic import atomic_write

    there = [path for path in files if path.exists()]
    if there and not replace:
        raise DataError(
            f"{', '.join(map(str, there))} exists already; nothing was written.",
            remedy="Look at what differs, then import with --replace, or move it away.",
        )
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, content)
        console.out.print(str(path), soft_wrap=True, highlight=False, markup=False)


def _refuse_twins(files: dict[Path, bytes]) -> None:
    """A table may stand in one file only."""
    twins = [twin for path in files if (twin := path.with_suffix(".parquet")).exists()]
    if twins:
        raise DataError(
            f"{', '.join(map(str, twins))} holds a table of the same name; nothing was written.",
            remedy="Move it away: a table stands in one file.",
        )


def _show(imported: Imported) -> None:
    made = ", ".join(f"{len(rows)} {table}" for table, rows in imported.tables.items())
    console.out.print(
        f"{imported.cells} cells: {imported.placed} placed, {len(imported.listed)} listed, "
        f"{imported.blank} blank. Rows: {made or 'none'}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    counts = Counter(_kind(one) for one in imported.listed)
    first: dict[tuple[str, ...], Listed] = {}
    for one in imported.listed:
        first.setdefault(_kind(one), one)
    for title, wanted in (("Not placed", True), ("Left out by the mapping", False)):
        table = Table("cells", "file", "field", "why", "first at", "value", title=title, box=None)
        for kind, one in first.items():
            if one.wanted is wanted:
                cells = (counts[kind], one.file, one.field, one.reason, one.row, one.value[:30])
                table.add_row(*(escape(str(cell)) for cell in cells))
        if table.row_count:
            console.out.print(table)


def _kind(one: Listed) -> tuple[str, ...]:
    return one.file, one.field, one.reason


def _list(listed: tuple[Listed, ...]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "row", "field", "value", "reason", "left_out_by_mapping"])
    for one in listed:
        left_out = "no" if one.wanted else "yes"
        writer.writerow([one.file, one.row, one.field, one.value, one.reason, left_out])
    return text.getvalue().encode()
