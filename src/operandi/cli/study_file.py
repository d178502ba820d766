"""``operandi study check FILE`` and its neighbors."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from operandi.cli import console
from operandi.quantities.errors import DataError

study_file = typer.Typer(
    name="study",
    help="Check a protocol's study file, write it for other programs, or print its schema.",
    no_args_is_help=True,
)


@study_file.command()
def check(
    file: Annotated[str, typer.Argument(help="A study file, or the name of one that is shipped.")],
) -> None:
    """Check a study file: every fault at once, with the key and what to write.

    Examples: [bold]operandi study check nct06256705[/bold];
    [bold]operandi study check my-trial.toml[/bold]
    """
    from operandi.protocol.study import read_study

    study = read_study(file)
    console.out.print(
        f"{study.study.code}: {len(study.criterion)} criteria, {len(study.item)} items, "
        f"{len(study.cycle)} cycles, {len(study.visit)} visits. No fault.",
        highlight=False,
        markup=False,
    )
    if study.unencoded:
        codes = ", ".join(criterion.code for criterion in study.unencoded)
        console.out.print(
            f"{len(study.unencoded)} of {len(study.criterion)} criteria are not encoded yet, so "
            f"that nobody is eligible: {codes}.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


@study_file.command()
def schema() -> None:
    """Print the JSON Schema of study files, for editors and programs."""
    from operandi.protocol.format import json_schema

    console.out.print_json(json.dumps(json_schema()))


class Standard(StrEnum):
    """What a study can be written as."""

    ODM = "odm"
    USDM = "usdm"


@study_file.command()
def export(
    study: Annotated[str, typer.Argument(help="A study file, or the name of one that is shipped.")],
    as_: Annotated[Standard, typer.Option("--as", help="CDISC ODM v2 XML, or USDM 4 JSON.")],
    to: Annotated[Path, typer.Option("--to", help="The file to write.")],
) -> None:
    """Write a study for other programs, and list what their standard has no place for.

    Examples: [bold]operandi study export nct06256705 --as odm --to study.xml[/bold];
    [bold]operandi study export nct06256705 --as usdm --to study.json[/bold]
    """
    from operandi.pipeline.atomic import atomic_write
    from operandi.protocol.interchange import odm_protocol, usdm
    from operandi.protocol.study import read_study

    protocol = read_study(study)
    match as_:
        case Standard.ODM:
            data = odm_protocol.odm_of(protocol, created_at=datetime.now(UTC))
            lost = odm_protocol.not_carried(protocol)
        case Standard.USDM:
            data, lost = usdm.usdm_of(protocol), usdm.not_carried(protocol)
    try:
        atomic_write(to, data)
    except OSError as error:
        raise DataError(
            f"{to} cannot be written: {error.strerror}.",
            remedy="Give a file in a folder that exists and may be written to.",
        ) from None
    for text in (f"{to} written. In words only, or not in it:", *(f"- {entry}" for entry in lost)):
        console.out.print(text, highlight=False, markup=False)
