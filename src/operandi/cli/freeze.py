"""``operandi freeze STUDY``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from operandi.cli import console


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
    are left out, and listed as open queries.

    Examples: [bold]operandi freeze my-study[/bold];
    [bold]operandi freeze my-study --strict --to closed[/bold];
    [bold]operandi freeze --verify closed[/bold]
    """
    if (study is None) == (verify is None):
        raise typer.BadParameter("Name a study to freeze, or a freeze to --verify.")
    if verify is not None:
        _verify(verify)
    elif study is not None:
        _freeze(study, to=to, strict=strict)


def _verify(folder: Path) -> None:
    from operandi.records.freeze import read_freeze, verify

    wrong = verify(folder)
    for one in wrong:
        console.err.print(str(one), soft_wrap=True, highlight=False, markup=False)
    if wrong:
        raise typer.Exit(1)
    frozen = read_freeze(folder).manifest
    console.out.print(
        f"{folder} is as it was frozen: {frozen.id}", soft_wrap=True, highlight=False, markup=False
    )


def _freeze(study: Path, *, to: Path | None, strict: bool) -> None:
    import operandi
    from operandi.pipeline.manifest import commit
    from operandi.pipeline.settings import FILE_NAME, read_settings
    from operandi.quantities.errors import DataError
    from operandi.records.freeze import Circumstances, refuse_open_queries, write_freeze
    from operandi.records.reading import read_records

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
    folder, manifest = write_freeze(
        records,
        (study / FILE_NAME).read_bytes(),
        circumstances,
        to=to,
        beside=study / "freezes",
    )
    rows = sum(file.rows or 0 for file in manifest.files.values())
    console.out.print(
        f"{rows} rows of {manifest.participants} participants, {len(manifest.queries)} open "
        f"queries: {manifest.id}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    console.out.print(str(folder), soft_wrap=True, highlight=False, markup=False)
