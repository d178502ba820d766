"""``operandi freeze STUDY``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operandi.cli import console

if TYPE_CHECKING:
    from operandi.records.freeze import MeasurementsFile, PlanToFreeze
    from operandi.records.tables import Records


def freeze(
    study: Annotated[
        Path | None, typer.Argument(help="Folder with study.toml and records/.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The folder to make; by default STUDY/freezes/NAME."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse while any entry is faulty.")
    ] = False,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="PLAN", help="An analysis plan to lock into the freeze, with its tables."
        ),
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(
            metavar="FREEZE", help="Name every file of a freeze that is not as it was frozen."
        ),
    ] = None,
) -> None:
    """Freeze a study's tables at its data cut, so that no later change stays unseen.

    A freeze is a folder of read-only Parquet files, study.toml and a manifest with the SHA-256 of
    each. The same tables make the same freeze. Entries that are faulty or later than the data cut
    are left out, and listed as open queries. The measurements of the last run come with them. A
    plan is locked into it before outcomes are joined: whoever changes it later is told where.

    Examples: [bold]operandi freeze my-study[/bold];
    [bold]operandi freeze my-study --plan plan.toml[/bold];
    [bold]operandi freeze my-study --strict --to closed[/bold];
    [bold]operandi freeze --verify closed[/bold]
    """
    if (study is None) == (verify is None):
        raise typer.BadParameter("Name a study to freeze, or a freeze to --verify.")
    if verify is not None and plan is not None:
        raise typer.BadParameter("A plan is locked into a freeze when it is made.")
    if verify is not None:
        _verify(verify)
    elif study is not None:
        _freeze(study, to=to, strict=strict, plan=plan)


def _verify(folder: Path) -> None:
    from operandi.records.freeze import read_freeze, verify
    from operandi.signatures.source import frozen_plan

    wrong = verify(folder)
    for one in wrong:
        console.err.print(str(one), soft_wrap=True, highlight=False, markup=False)
    if wrong:
        raise typer.Exit(1)
    frozen = read_freeze(folder).manifest
    frozen_plan(folder)
    console.out.print(
        f"{folder} is as it was frozen: {frozen.id}", soft_wrap=True, highlight=False, markup=False
    )


def _freeze(study: Path, *, to: Path | None, strict: bool, plan: Path | None) -> None:
    import operandi
    from operandi.pipeline.manifest import commit
    from operandi.pipeline.settings import FILE_NAME, read_settings
    from operandi.quantities.errors import DataError
    from operandi.records.freeze import (
        Attachments,
        Circumstances,
        refuse_open_queries,
        write_freeze,
    )
    from operandi.records.manifest import PLAN_LOCK
    from operandi.records.reading import read_records
    from operandi.records.results import measurements_of

    settings = read_settings(study)
    if settings.data_cut > datetime.now(UTC).date():
        raise DataError(
            f"The data cut {settings.data_cut} lies in the future.",
            remedy="Freeze on that day or later, or state another study.data_cut in study.toml.",
        )
    circumstances = Circumstances(
        cut=settings.data_cut,
        timezone=settings.timezone,
        timepoints=tuple(timepoint.code for timepoint in settings.timepoints),
        sites=tuple(code for code, _ in settings.sites),
        operandi=operandi.__version__,
        commit=commit(),
    )
    records = read_records(
        study / "records",
        timezone=settings.zone,
        today=circumstances.cut,
        at_cut=True,
        timepoints=circumstances.timepoints,
        sites=circumstances.sites,
    )
    if strict:
        refuse_open_queries(records)
    measurements = measurements_of(study)
    locked = None if plan is None else _to_lock(plan, records, measurements)
    folder, manifest = write_freeze(
        records,
        (study / FILE_NAME).read_bytes(),
        circumstances,
        to=to,
        beside=study / "freezes",
        attached=Attachments(measurements=measurements, plan=locked),
    )
    rows = sum(file.rows or 0 for file in manifest.files.values())
    console.out.print(
        f"{rows} rows of {manifest.participants} participants, {len(manifest.queries)} open "
        f"queries: {manifest.id}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    if manifest.results is not None and manifest.results.changed:
        names = ", ".join(manifest.results.changed)
        _say(f"The measurements are older than what is frozen with them. Changed since: {names}.")
    if locked is not None:
        _say(f"The plan is locked: {folder / PLAN_LOCK}")
    _say(str(folder))


def _say(words: str) -> None:
    console.out.print(words, soft_wrap=True, highlight=False, markup=False)


def _to_lock(
    file: Path, records: "Records", measurements: "MeasurementsFile | None"
) -> "PlanToFreeze":
    """Read a plan, try it on the tables without any outcome, and gather its files."""
    from operandi.records.freeze import PlanToFreeze
    from operandi.records.manifest import PLAN
    from operandi.signatures.plan import PlanError, read_plan
    from operandi.signatures.plan_lock import lock, write_lock
    from operandi.signatures.plan_refusals import plan_refusals
    from operandi.signatures.planned_data import planned_predictors
    from operandi.signatures.source import find_supplied, source_to_freeze
    from operandi.signatures.supplied_table import frozen_name

    plan = read_plan(file)
    if faults := plan_refusals(plan):
        raise PlanError("\n".join(f"{file.name}, {fault}" for fault in faults), faults=faults)
    content = None if measurements is None else measurements.content
    planned_predictors(
        plan, source_to_freeze(records, plan, measurements=content, beside=file.parent)
    )
    files = {
        frozen_name(table, number): find_supplied(table, number, (file.parent,))
        for table in plan.table
        for number in range(len(table.files()))
    }
    return PlanToFreeze(
        files={PLAN: file.read_bytes(), **files},
        lock=lambda name: write_lock(lock(plan, freeze=name)),
    )
