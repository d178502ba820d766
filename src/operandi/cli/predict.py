"""``operandi predict CARD PARTICIPANT``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from operandi.cli import console

if TYPE_CHECKING:
    from operandi.signatures.card import ModelCard
    from operandi.signatures.given_values import GivenParticipant
    from operandi.signatures.prediction import IndividualPrediction


def predict(  # noqa: PLR0917 - Typer reads the options from here
    card: Annotated[Path, typer.Argument(help="A model-card.json that operandi analyse wrote.")],
    participant: Annotated[
        str | None, typer.Argument(help="Pseudonym of whom the risk is asked for.")
    ] = None,
    freeze: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Read the values from a freeze, as the plan says."),
    ] = None,
    values: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read them from a .csv (name,value,unit) or .json file."),
    ] = None,
    blank: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write an empty file of values to fill in."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="The card's plan.toml, where the folder has none locked into it."),
    ] = None,
    site: Annotated[str, typer.Option(help="The participant's site, with --values.")] = "",
    apparent: Annotated[
        bool,
        typer.Option("--apparent", help="Allow a participant whom the model has learned from."),
    ] = False,
    level: Annotated[float, typer.Option(help="Of intervals.")] = 0.95,
    to: Annotated[
        Path | None, typer.Option(help="HTML page to write; prediction-PARTICIPANT.html.")
    ] = None,
) -> None:
    """Say the risk of one participant by a model card, with an interval, and what drove it.

    Each term adds to, or takes from, the risk of the reference participant, who has the training
    mean of every term. The interval says where the risk lies by models that learn from other
    participants; it does not say what will happen. Nothing is said of a participant outside what
    the model has seen: each reason is named, with the range. A risk is research: it chooses no
    therapy.

    Examples: [bold]operandi predict results/M1/model-card.json P-014 --freeze freezes/2[/bold];
    [bold]operandi predict model-card.json --blank values.csv[/bold];
    [bold]operandi predict model-card.json P-101 --values values.csv --site OSLO[/bold]
    """
    from operandi.pipeline.atomic import atomic_write
    from operandi.signatures.card_file import read_card
    from operandi.signatures.given_values import blank_values
    from operandi.signatures.prediction import predict as predicted

    read = read_card(card)
    if blank is not None:
        _require_new(blank)
        atomic_write(blank, blank_values(read).encode())
        console.out.print(str(blank), soft_wrap=True, highlight=False, markup=False)
        return
    if participant is None or (freeze is None) == (values is None):
        raise typer.BadParameter(
            "Name a participant, and where the values are: --freeze or --values."
        )
    participant = _pseudonym(participant)
    page = to or Path(f"prediction-{_in_a_name(participant)}.html")
    _require_page(page)
    if values is not None:
        from operandi.signatures.given_values import read_given

        given = read_given(values, participant=participant, site=site)
    else:
        assert freeze is not None  # noqa: S101 - one of the two is there
        given = _from_tables(read, freeze, participant=participant, plan=plan)
    found = predicted(read, given, apparent=apparent, level=level)
    _write_page(page, read, found)
    _print(read, found)
    console.out.print(str(page), soft_wrap=True, highlight=False, markup=False)


def _from_tables(
    card: "ModelCard", folder: Path, *, participant: str, plan: Path | None
) -> "GivenParticipant":
    """The participant's row as the card's plan takes it, without a look at outcomes."""
    from operandi.quantities.errors import DataError
    from operandi.signatures.given_values import given_row
    from operandi.signatures.plan import plan_digest, read_plan
    from operandi.signatures.planned_data import planned_predictors
    from operandi.signatures.source import frozen_plan, read_analysis_source

    if plan is not None:
        chosen = read_plan(plan)
    else:
        frozen = frozen_plan(folder)
        if frozen is None:
            raise DataError(
                f"{folder} has no locked plan, by which values could be read.",
                remedy="Give the card's plan with --plan plan.toml.",
            )
        chosen = frozen[0]
    if plan_digest(chosen) != card.plan:
        raise DataError(
            f"The card is of the plan {card.plan[:12]}; that of {folder} is "
            f"{plan_digest(chosen)[:12]}.",
            remedy="Give the card's plan with --plan plan.toml: another takes other values.",
        )
    source = read_analysis_source(folder, chosen, beside=None if plan is None else plan.parent)
    found = planned_predictors(chosen, source)
    row = given_row(found.predictors, found.columns, participant=participant)
    return _of_the_card(card, row)


def _of_the_card(card: "ModelCard", row: "GivenParticipant") -> "GivenParticipant":
    """Without the plan's other columns, which are of other models."""
    from dataclasses import replace

    names = {one.name for one in card.columns}
    return replace(row, values={name: one for name, one in row.values.items() if name in names})


def _write_page(page: Path, card: "ModelCard", found: "IndividualPrediction") -> None:
    from operandi.cli.prediction_page import prediction_page
    from operandi.pipeline.atomic import atomic_write

    page.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(page, prediction_page(card, found).encode())


def _require_page(page: Path) -> None:
    """A slip of the hand must not write over a card or a table."""
    from operandi.quantities.errors import DataError

    if (
        page.suffix.lower() not in {".html", ".htm"}
        or page.is_dir()
        or (page.parent.exists() and not page.parent.is_dir())
    ):
        raise DataError(
            f"No page can be written to {page}.",
            remedy="Give with --to a file, such as risk.html, in a folder.",
        )


def _require_new(path: Path) -> None:
    from operandi.quantities.errors import DataError

    if not path.parent.is_dir():
        raise DataError(f"There is no folder {path.parent}.", remedy="Make it, or give another.")
    if path.exists():
        raise DataError(
            f"{path} is there already, and may be filled in.", remedy="Give another name."
        )


def _pseudonym(said: str) -> str:
    """Without spaces around it, as tables are read: else one who was seen would be a stranger."""
    from operandi.quantities.errors import DataError

    found = said.strip()
    try:
        found.encode()
    except UnicodeEncodeError:
        found = ""
    if not found:
        raise DataError(
            f"A participant needs a pseudonym, in UTF-8; found {said!r}.", remedy="Name it."
        )
    return found


def _in_a_name(participant: str) -> str:
    return "".join(one if one.isalnum() or one in "-_" else "_" for one in participant)


def _print(card: "ModelCard", found: "IndividualPrediction") -> None:
    from operandi.cli.prediction_page import (
        interval_note,
        risk_words,
        signed,
        value_words,
        verdict_words,
    )

    if verdict := verdict_words(card):
        console.out.print(verdict, soft_wrap=True, highlight=False, markup=False)
    risks = Table(
        escape(f"risk of {card.endpoint.kind}"),
        escape(found.participant),
        "reference",
        box=box.SIMPLE,
    )
    for one in found.horizons:
        risks.add_row(
            "yes" if one.day is None else f"by day {one.day:g}",
            risk_words(one.risk, one.low, one.high),
            risk_words(one.reference, None, None),
        )
    for day in found.beyond:
        risks.add_row(f"by day {day:g}", "not foretold", "not foretold")
    console.out.print(risks)
    drivers = Table("what drove it", "value", "contribution", box=box.SIMPLE)
    for term in found.contributions:
        drivers.add_row(
            escape(term.name), escape(value_words(card, term)), signed(term.contribution)
        )
    console.out.print(drivers)
    for line in (interval_note(card, found), *found.notes):
        console.out.print(line, soft_wrap=True, highlight=False, markup=False)
