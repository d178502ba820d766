"""``operandi screen STUDY``."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from operandi.cli import console

_COLORS: Final = {"eligible": "green", "not eligible": "red", "undetermined": "yellow"}


def screen(
    study: Annotated[Path, typer.Argument(help="Folder with study.toml and records/.")],
    participant: Annotated[
        str | None, typer.Option(help="Only this one, with what is missing or against.")
    ] = None,
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day that is asked about; today by default."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print the proof of every criterion.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    protocol: Annotated[
        str | None,
        typer.Option(help="Study file, or the name of one; by default that of study.toml."),
    ] = None,
) -> None:
    """Say who may be included or treated today, and of the others what is missing.

    Each criterion is read from dated records; silence is never "no". Where the protocol's words
    allow two readings, both are judged. Exit status 3: faults of the tables left rows out.

    Examples: [bold]operandi screen my-study[/bold];
    [bold]operandi screen my-study --participant P-014 --on 2025-06-01[/bold];
    [bold]operandi screen my-study --participant P-014 --explain[/bold]
    """
    from operandi.pipeline.settings import read_settings
    from operandi.protocol.screening import screen as screened
    from operandi.protocol.screening import screen_all
    from operandi.protocol.study import study_of
    from operandi.records.reading import read_records

    settings = read_settings(study)
    plan = study_of(study, protocol or settings.protocol)
    today = datetime.now(settings.zone).date()
    day = on.date() if on else today
    codes = {visit.code for visit in plan.visit} | {one.code for one in settings.timepoints}
    records = read_records(study / "records", timezone=settings.zone, today=today, timepoints=codes)
    if participant is None:
        found = screen_all(records, plan, on=day)
    else:
        found = (screened(participant, records, plan, on=day),)
    if as_json:
        console.out.print_json(json.dumps([_as_data(one) for one in found]))
    else:
        _show(found, plan, alone=participant is not None, explain=explain)
    for fault in records.faults:
        console.err.print(f"Left out: {fault}", markup=False, highlight=False, soft_wrap=True)
    if records.faults:
        raise typer.Exit(3)


def _show(found: Iterable[Any], plan: Any, *, alone: bool, explain: bool) -> None:
    from operandi.protocol.explain import gate_text, verdict_text

    if not alone:
        console.out.print(_overview(found))
    for one in found:
        if alone or explain:
            _say(f"{one.participant} on {one.on}")
            for gate in one.gates:
                _say(gate_text(gate))
                if explain:
                    for verdict in gate.verdicts:
                        _say(verdict_text(verdict, plan))
            for gate, cycle, code in one.differing:
                where = gate if cycle is None else f"{gate}, cycle {cycle}"
                _say(f"The two readings differ on {code} ({where}).")
        for query in one.queries:
            _say(f"Query to {one.participant}'s site: {query.sentence} ({', '.join(query.places)})")
        for caution in one.cautions:
            _say(f"Caution, {one.participant}: {caution}")


def _overview(found: Iterable[Any]) -> Table:
    table = Table("participant", "gate", "proposed reading", "literal reading", "why", box=None)
    for one in found:
        for gate in one.gates:
            if gate.reading != "proposed":
                continue
            literal = one.at(gate.gate, reading="literal", cycle=gate.cycle)
            against = [f"{v.criterion.code}" for v in gate.against]
            missing = [m.sentence for m in gate.missing]
            why = "against: " + ", ".join(against) if against else "; ".join(missing[:2])
            if len(missing) > 2 and not against:
                why += f"; and {len(missing) - 2} more"
            table.add_row(
                escape(one.participant),
                "inclusion" if gate.cycle is None else f"cycle {gate.cycle}",
                _colored(gate.eligibility),
                "" if literal is None else _colored(literal.eligibility),
                escape(why),
            )
    return table


def _as_data(one: Any) -> dict[str, Any]:
    return {
        "participant": one.participant,
        "on": one.on.isoformat(),
        "gates": [
            {
                "gate": gate.gate,
                "cycle": gate.cycle,
                "reading": gate.reading,
                "eligibility": gate.eligibility,
                "valid_until": gate.valid_until and gate.valid_until.isoformat(),
                "missing": [missing.sentence for missing in gate.missing],
                "criteria": [
                    {
                        "code": verdict.criterion.code,
                        "outcome": verdict.outcome,
                        "missing": [missing.sentence for missing in verdict.missing],
                        "valid_until": verdict.valid_until and verdict.valid_until.isoformat(),
                        "facts": [
                            {
                                "item": fact.item,
                                "said": fact.said,
                                "on": fact.on and fact.on.isoformat(),
                                "place": fact.place,
                            }
                            for leaf in verdict.proof.leaves()
                            for fact in leaf.facts
                        ],
                    }
                    for verdict in gate.verdicts
                ],
            }
            for gate in one.gates
        ],
        "differing": [
            {"gate": gate, "cycle": cycle, "criterion": code} for gate, cycle, code in one.differing
        ],
        "queries": [
            {"sentence": query.sentence, "places": list(query.places)} for query in one.queries
        ],
        "cautions": list(one.cautions),
    }


def _colored(eligibility: str) -> str:
    return f"[{_COLORS[eligibility]}]{eligibility}[/{_COLORS[eligibility]}]"


def _say(text: str) -> None:
    console.out.print(text, markup=False, highlight=False, soft_wrap=True)
