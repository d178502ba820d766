"""``operandi analyse FREEZE``."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from operandi.cli import console


def analyse(
    freeze: Annotated[
        Path, typer.Argument(help="A freeze, or a folder with the plan's supplied tables.")
    ],
    plan: Annotated[
        Path | None,
        typer.Option(
            help="A plan.toml; by default the one locked into the freeze. Another is exploratory."
        ),
    ] = None,
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="Where results are written.")] = Path(
        "analysis"
    ),
    threads: Annotated[int, typer.Option(min=1, help="The result does not depend on it.")] = 2,
) -> None:
    """Run an analysis plan on frozen tables, and say in words what it supports.

    Every model is judged on participants that it has not seen, in the same folds. Writes
    result.json, report.html with its tables, and a model card for each model of the ladder. What
    the plan does not have, or a plan that was not locked, is labeled exploratory.

    Examples: [bold]operandi analyse freezes/20260101[/bold];
    [bold]operandi analyse tables --plan plan.toml --to results[/bold]
    """
    import operandi
    from operandi.pipeline.atomic import atomic_write
    from operandi.signatures.analysis import analyze
    from operandi.signatures.planned_data import planned_data
    from operandi.signatures.results import RESULT_FILE, result_json
    from operandi.signatures.source import read_analysis_source

    _require_folder(to, beside=freeze)
    chosen, locked = _plan(freeze, plan)
    source = read_analysis_source(freeze, chosen, beside=None if plan is None else plan.parent)
    data = planned_data(chosen, source)
    with console.StudyProgress() as progress:
        found = analyze(
            chosen,
            data,
            locked=locked,
            software=operandi.__version__,
            threads=threads,
            tell=progress.by_title(),
        )
    content = result_json(found.result)
    to.mkdir(parents=True, exist_ok=True)
    with _alone_in(to):
        _take_away(to)
        # First, so that a page that cannot be drawn costs no result.
        atomic_write(to / RESULT_FILE, content)
        _print(found.result)
        _cards(to, found, plan=chosen, data=data)
        _report(to, found.result)


def _plan(freeze: Path, plan: Path | None) -> tuple[Any, Any]:
    """The plan in use, and the lock of the freeze, if any."""
    from operandi.quantities.errors import DataError
    from operandi.signatures.plan import read_plan
    from operandi.signatures.source import frozen_plan

    frozen = frozen_plan(freeze)
    locked = None if frozen is None else frozen[1]
    if plan is not None:
        return read_plan(plan), locked
    if frozen is None:
        raise DataError(
            f"{freeze} has no locked plan.",
            remedy="Give one with --plan, or lock one: operandi freeze STUDY --plan plan.toml.",
        )
    return frozen[0], locked


@contextmanager
def _alone_in(to: Path) -> Iterator[None]:
    """Two analyses that end at once write one after the other: never a part of each."""
    handle = os.open(to, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _take_away(to: Path) -> None:
    """What an earlier analysis made of its result: beside another it would be untrue."""
    from operandi.signatures.card_file import CARD_FILE

    for old in (to / "report.html", *to.glob("tables/*.csv"), *to.glob(f"*/{CARD_FILE}")):
        old.unlink(missing_ok=True)


def _require_folder(to: Path, *, beside: Path) -> None:
    """Before minutes of work, not after."""
    from operandi.quantities.errors import DataError
    from operandi.records.manifest import MANIFEST

    frozen = (beside / MANIFEST).is_file()
    if frozen and to.resolve().is_relative_to(beside.resolve()):
        raise DataError(
            f"Results cannot be written to {to}: nothing is added to a freeze.",
            remedy="Name another folder with --to.",
        )
    there = next(one for one in (to, *to.absolute().parents) if one.exists())
    why = "" if os.access(there, os.W_OK | os.X_OK) else "nothing may be written there"
    if not there.is_dir():
        why = f"{'it' if there == to else there} is a file"
    if why:
        raise DataError(
            f"Results cannot be written to {to}: {why}.", remedy="Name a folder with --to."
        )


def _cards(to: Path, found: Any, *, plan: Any, data: Any) -> None:
    """A model card of each model of the ladder that foretells anything."""
    from operandi.pipeline.atomic import atomic_write
    from operandi.quantities.errors import DataError
    from operandi.signatures.card_file import CARD_FILE, card_json
    from operandi.signatures.card_making import made_card

    for code, final in found.finals.items():
        path = to / code / CARD_FILE
        try:
            card = made_card(final, plan=plan, columns=data.columns, result=found.result)
        except DataError as refusal:
            path.unlink(missing_ok=True)
            _say(f"No card of {code}: {refusal}")
            continue
        path.parent.mkdir(exist_ok=True)
        atomic_write(path, card_json(card))
        _say(str(path))


def _report(to: Path, result: Any) -> None:
    """The page, and every table of it as CSV."""
    from operandi.pipeline.atomic import atomic_write
    from operandi.reports.signature_page import signature_page, signature_tables

    tables = to / "tables"
    tables.mkdir(exist_ok=True)
    for name, content in signature_tables(result).items():
        atomic_write(tables / name, content)
    atomic_write(to / "report.html", signature_page(result).encode())
    _say(str(to / "report.html"))


def _say(text: str) -> None:
    console.out.print(text, soft_wrap=True, highlight=False, markup=False)


def _print(result: Any) -> None:
    """The verdict, and how each model did."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from operandi.signatures.verdict import words_of

    binary = any(one.code == result.primary and one.binary for one in result.endpoints)
    code = "auc" if binary else "harrell_c"
    over = {
        one.model: words_of(one.difference)
        for one in reversed(result.comparisons)
        if (one.endpoint, one.metric, one.horizon_days) == (result.primary, code, None)
        and not one.planned
    }
    against = next((one.against for one in result.comparisons if not one.planned), "M0")
    table = Table("model", "", "AUC" if binary else "Harrell's C", box=box.SIMPLE)
    if over:
        table.add_column(escape(f"over {against}"))
    for one in result.of_endpoint(result.primary):
        metric = one.metric(code)
        judged = words_of(metric.estimate) if metric else one.reason
        row = (one.model, one.title, judged, *((over.get(one.model, ""),) if over else ()))
        table.add_row(*map(escape, row))
    console.out.print(table)
    for reason in result.standing.reasons:
        _say(f"Exploratory: {reason}.")
    _say(result.verdict.sentence)
