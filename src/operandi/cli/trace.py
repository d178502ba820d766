"""``operandi trace MEASUREMENT``."""

import json
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.markup import escape
from rich.tree import Tree

from operandi.cli import console


def trace(
    measurement: Annotated[str, typer.Argument(help="Its name, e.g. m-3f9a1c22d4e5.")],
    study: Annotated[Path, typer.Option(help="The study folder.")] = Path(),
    files: Annotated[bool, typer.Option("--files", help="List every file, not three.")] = False,
) -> None:
    """Show where a number came from: step by step back to the files, settings and code.

    The name of a measurement stands in measurements.parquet and, on click, in the report.

    Example: [bold]operandi trace m-3f9a1c22d4e5 --study my-study[/bold]
    """
    from operandi.pipeline.study import MEASUREMENTS, RESULTS, SOURCES, STORE
    from operandi.quantities.errors import DataError

    results = study / RESULTS
    if not (results / MEASUREMENTS).exists():
        raise DataError(f"{study} has no results.", remedy="Run it first, or give --study FOLDER.")
    frame = pl.read_parquet(results / MEASUREMENTS)
    rows = frame.filter(pl.col("measurement").str.starts_with(measurement)).to_dicts()
    if len(rows) != 1:
        raise DataError(
            f"{len(rows)} measurements are called {measurement}.",
            remedy="Their names stand in measurements.parquet and in the report.",
        )
    sources = json.loads((results / SOURCES).read_text(encoding="utf-8"))
    console.out.print(_tree(rows[0], results / STORE, sources, every_file=files))


def _tree(
    row: dict[str, Any], store_folder: Path, sources: dict[str, Any], *, every_file: bool
) -> Tree:
    from operandi.domain.identity import Digest
    from operandi.pipeline.store import Store, note_of_last

    step, subject = row["step"], row["step_subject"]
    row = {name: escape(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
    value = row["absent"] if row["value"] is None else f"{row['value']:.6g} {row['unit']}"
    name = " ".join(filter(None, (row["subject_type"], row["subject"])))
    tree = Tree(
        f"[bold]{row['title']}[/bold] of {row['participant']} {row['timepoint']}, {name}: {value}"
    )
    tree.add(f"method: {row['method']} (version {row['version']})")
    tree.add(f"uncertainty: {row['standard_uncertainty'] or row['uncertainty_basis']}")
    if step:
        # Not taken for itself, as a run takes it: reading disturbs nobody.
        store = Store(store_folder)
        key = Digest(str(store.note(note_of_last(step, subject)).get("key", "")))
        for line in _evidence(store, key):
            tree.add(f"evidence: {escape(line)}")
        _grow(tree, store, key, sources, every_file=every_file, grown=set())
    return tree


def _evidence(store: Any, key: str) -> tuple[str, ...]:
    """Which tags and records the value's inputs came from."""
    from operandi.pipeline.store import DamagedError

    record = store.record(key)
    try:
        return tuple(getattr(store.load(record), "evidence", ())) if record is not None else ()
    except DamagedError:
        return ()


def _grow(
    tree: Tree,
    store: Any,
    key: str,
    sources: dict[str, Any],
    *,
    every_file: bool,
    grown: set[str],
) -> None:
    record = store.record(key)
    if record is None:
        tree.add("its record is not in the store any more; run the study again")
        return
    if key in grown:
        tree.add(f"[bold]{record.step}[/bold] {escape(record.subject)}: as above")
        return
    grown.add(key)
    branch = tree.add(
        f"[bold]{record.step}[/bold] {escape(record.subject)}: {record.function} "
        f"version {record.version}, code {record.code[:12]}"
    )
    if record.settings is not None:
        branch.add(f"settings: {escape(json.dumps(record.settings, ensure_ascii=False))}")
    for one in record.inputs:
        if one.key:
            _grow(branch, store, one.key, sources, every_file=every_file, grown=grown)
        elif one.digest in sources:
            source = sources[one.digest]
            leaf = branch.add(f"files: {escape(source['name'])}, digest {one.digest[:12]}")
            listed = source["files"] if every_file else source["files"][:3]
            for name, digest in listed:
                leaf.add(f"dicom/{escape(name)}  sha256 {digest[:12]}")
            if len(listed) < len(source["files"]):
                leaf.add(f"… and {len(source['files']) - len(listed)} more; --files lists them")
