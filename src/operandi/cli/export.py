"""``operandi export STUDY``."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from operandi.cli import console
from operandi.protocol.study import study_of


class Format(StrEnum):
    """What is written."""

    SDTM = "sdtm"
    ADAM = "adam"
    ODM = "odm"


def export(
    study: Annotated[Path, typer.Argument(help="Folder with study.toml and records/.")],
    as_format: Annotated[
        Format, typer.Option("--as", help="SDTM or ADaM as Dataset-JSON 1.1, or ODM 1.3.2.")
    ],
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write; made if absent.")],
    on: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Nothing later is exported; by default until today."
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="Study file, or the name of one; by default that of study.toml."),
    ] = None,
    stable_for: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="DAYS",
            help="ADaM: how long stable disease lasts at least; without it no best response.",
        ),
    ] = None,
) -> None:
    """Write a study in the formats of CDISC, and list what they ask for and nobody recorded.

    Exit status 3: faults of the tables left rows out.

    Examples: [bold]operandi export my-study --as sdtm --to sdtm[/bold];
    [bold]operandi export my-study --as odm --to odm --on 2025-06-01[/bold]
    """
    from operandi.pipeline.atomic import atomic_write
    from operandi.pipeline.settings import read_settings
    from operandi.protocol.interchange.adam import adam
    from operandi.protocol.interchange.odm_data import odm_data
    from operandi.protocol.interchange.sdtm import Dataset, Source, dataset_json, gaps
    from operandi.protocol.interchange.sdtm_domains import sdtm
    from operandi.protocol.recist_best import ResponseRules
    from operandi.records.reading import read_records

    settings = read_settings(study)
    plan = study_of(study, protocol or settings.protocol)
    day = on.date() if on else datetime.now(settings.zone).date()
    codes = {visit.code for visit in plan.visit} | {one.code for one in settings.timepoints}
    records = read_records(
        study / "records",
        timezone=settings.zone,
        today=day,
        timepoints=codes,
        at_cut=on is not None,
    )
    created_at = datetime.now(UTC)
    source = Source(records=records, study=plan, on=day)
    datasets: tuple[Dataset, ...] = ()
    if as_format is Format.SDTM:
        datasets = sdtm(source)
    elif as_format is Format.ADAM:
        rules = ResponseRules(stable_at_least=timedelta(days=stable_for)) if stable_for else None
        datasets = adam(source, rules=rules)
    # All is made before anything is written.
    files = {
        f"{one.name.lower()}.json": dataset_json(one, study=plan, created_at=created_at)
        for one in datasets
    }
    if as_format is Format.ODM:
        name = f"{plan.study.code.lower()}.xml"
        files = {name: odm_data(records, plan, created_at=created_at)}
    to.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        atomic_write(to / name, content)
        console.out.print(str(to / name), soft_wrap=True, highlight=False, markup=False)
    for gap in gaps(datasets):
        _say(f"Blank: {gap}")
    for fault in records.faults:
        _say(f"Left out: {fault}")
    if records.faults:
        raise typer.Exit(3)


def _say(text: str) -> None:
    console.err.print(text, markup=False, highlight=False, soft_wrap=True)
