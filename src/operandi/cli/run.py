"""``operandi run STUDY``."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from operandi.cli import console


def run(
    study: Annotated[Path, typer.Argument(help="Folder with study.toml, records/ and dicom/.")],
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why each step will run, and run none.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Local processes; the number of cores by default.")
    ] = os.cpu_count() or 1,
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of each process for kernels that allow it.")
    ] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A dask scheduler, e.g. tcp://10.0.0.1:8786."),
    ] = None,
) -> None:
    """Make a study's results: measurements, lesions, report. Resumes where it was stopped.

    Nothing is computed twice: a second run reuses every result whose code, settings and inputs
    are the same. Results are written to STUDY/results.

    Examples: [bold]operandi run my-study[/bold];
    [bold]operandi run my-study --explain[/bold];
    [bold]operandi run my-study --scheduler tcp://10.0.0.1:8786[/bold]
    """
    from operandi.pipeline.runner import How
    from operandi.pipeline.study import (
        Options,
        explained,
        matters,
        read_study,
        refused_visits,
        run_study,
    )

    today = datetime.now(UTC).date()
    with console.StudyProgress() as progress:
        read = read_study(study, today=today, progress=progress)
        if not explain:
            options = Options(scheduler=scheduler, workers=workers, threads=threads)
            outcome, written = run_study(read, options, progress=progress)
    if explain:
        _show_reasons(explained(read))
        return
    counts = Counter(outcome.counts)
    console.out.print(
        f"{counts[How.COMPUTED]} steps computed, {counts[How.REUSED]} reused, "
        f"{counts[How.REFUSED]} refused, {counts[How.DEFECT]} failed."
    )
    for path in written:
        if path.suffix in {".html", ".parquet"}:
            console.out.print(str(path), soft_wrap=True, highlight=False, markup=False)
    if attention := matters(read):
        console.out.print(
            f"{attention} matter(s) need attention: faults of tables, files without a visit, "
            "values unconfirmed. The report lists them, each with the desk that can mend it.",
            highlight=False,
        )
    if outcome.exit_status:
        raise typer.Exit(outcome.exit_status)
    if refused := refused_visits(read, outcome):
        names = ", ".join(refused)
        console.out.print(
            f"Refused, wholly or in part: {names}. The report says why, and who can mend it.",
            highlight=False,
            markup=False,
        )
        raise typer.Exit(3)


def _show_reasons(reasons: object) -> None:
    assert isinstance(reasons, tuple)  # noqa: S101 - the type of explained()
    table = Table("step", "of", "why", box=None)
    for node, why in reasons:
        table.add_row(*map(escape, (node.step.name, node.subject, why)))
    console.out.print(table)
