"""``operandi trace MEASUREMENT``."""

import json
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.markup import escape
from rich.tree import Tree

from operandi.cli import console
from operandi.pipeline.step import NOTHING


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
    try:
        frame = pl.read_parquet(results / MEASUREMENTS)
        sources = json.loads((results / SOURCES).read_text(encoding="utf-8"))
    except (pl.exceptions.PolarsError, ValueError, FileNotFoundError) as error:
        raise DataError(
            f"{MEASUREMENTS} or {SOURCES} in {results} is missing or damaged.",
            remedy="Run the study again; it writes both anew and computes nothing twice.",
        ) from error
    rows = frame.filter(pl.col("measurement").str.starts_with(measurement)).to_dicts()
    if len(rows) != 1:
        raise DataError(
            f"{len(rows)} measurements are called {measurement!r}.",
            remedy="Their names stand in measurements.parquet and in the report.",
        )
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
        key = Digest(str(store.note(note_of_last(step, subject)).get("this_run", "")))
        for line in _evidence(store, key):
            tree.add(f"evidence: {escape(line)}")
        _grow(tree, store, (step, subject), sources, every_file=every_file, grown=set())
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
    node: tuple[str, str],
    sources: dict[str, Any],
    *,
    every_file: bool,
    grown: set[tuple[str, str]],
) -> None:
    """Add a step as it came out in the latest run, and all it hangs on.

    By what the run noted, not by the result's own record: where an input came out as before, the
    record still names what that was made from in an earlier run.
    """
    from operandi.domain.identity import Digest
    from operandi.pipeline.store import note_of_last

    note = store.note(note_of_last(*node))
    name = f"[bold]{node[0]}[/bold] {escape(node[1])}"
    if node in grown:
        tree.add(f"{name}: as above")
        return
    grown.add(node)
    key = note.get("this_run", "")
    record = store.record(Digest(key)) if key else None
    if not note or (key and record is None):
        tree.add(f"{name}: its record is not in the store any more; run the study again")
        return
    if record is None:
        branch = tree.add(f"{name}: did not run, because something it needs was refused")
    else:
        branch = tree.add(
            f"{name}: {record.function} version {record.version}, code {record.code[:12]}"
        )
        if record.what:
            branch.add(f"refused: {escape(f'{record.what} {record.remedy}'.strip())}")
        if record.settings is not None:
            branch.add(f"settings: {escape(json.dumps(record.settings, ensure_ascii=False))}")
    for one in note["inputs"]:
        if "step" in one:
            upstream = (one["step"], one["subject"])
            _grow(branch, store, upstream, sources, every_file=every_file, grown=grown)
        elif one["digest"] in sources:
            _add_files(branch, sources[one["digest"]], one["digest"], every_file=every_file)
        elif one["source"] != NOTHING:
            branch.add(f"input: {escape(one['source'])}, digest {one['digest'][:12]}")


def _add_files(branch: Tree, source: dict[str, Any], digest: str, *, every_file: bool) -> None:
    leaf = branch.add(f"files: {escape(source['name'])}, digest {digest[:12]}")
    listed = source["files"] if every_file else source["files"][:3]
    for name, sha256 in listed:
        leaf.add(f"dicom/{escape(name)}  sha256 {sha256[:12]}")
    if len(listed) < len(source["files"]):
        leaf.add(f"… and {len(source['files']) - len(listed)} more; --files lists them")
