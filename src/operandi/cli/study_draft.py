"""``operandi study draft RECORD.json --to my-trial.toml``."""

from pathlib import Path
from typing import Annotated, Final

import typer

from operandi.cli import console
from operandi.quantities.errors import DataError

_MOST_SHOWN: Final = 30
"""A record with results has thousands of fields."""


def draft(
    record: Annotated[Path, typer.Argument(help="A ClinicalTrials.gov record, API v2, as JSON.")],
    to: Annotated[Path, typer.Option("--to", help="The study file to write.")],
    timezone: Annotated[
        str, typer.Option(help="Time zone of the sites, such as Europe/Paris; no record has one.")
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over a file that is there already.")
    ] = False,
) -> None:
    """Draft a study file from a registry record: its words, with no criterion encoded.

    What the draft cannot carry is listed at the end of the file.

    Example: [bold]operandi study draft NCT06256705.json --to my.toml --timezone UTC[/bold]
    """
    from operandi.pipeline.atomic import atomic_write
    from operandi.protocol.interchange.registry_record import draft_of
    from operandi.protocol.study import parse_study_text

    made = draft_of(record, timezone=timezone)
    parse_study_text(made.toml, file=to.name)
    if to.exists() and not replace:
        raise DataError(
            f"{to} exists already; nothing was written.",
            remedy="Draft with --replace, or to another file: what was encoded there would go.",
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(to, made.toml.encode())
    _say(f"{to}: {len(made.criteria)} criteria, none encoded yet: {', '.join(made.criteria)}.")
    for sentence in made.to_look_at:
        _say(f"Look at: {sentence}")
    _say(f"{len(made.left_out)} fields of the record are not carried; {to} lists them at its end:")
    for one in made.left_out[:_MOST_SHOWN]:
        _say(f"  {one}")
    if len(made.left_out) > _MOST_SHOWN:
        _say(f"  and {len(made.left_out) - _MOST_SHOWN} more")


def _say(text: str) -> None:
    console.out.print(text, markup=False, highlight=False, soft_wrap=True)
