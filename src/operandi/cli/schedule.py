"""``operandi schedule STUDY``."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from operandi.cli import console

_COLORS: Final = {
    "due": "yellow",
    "done": "green",
    "early": "magenta",
    "late": "red",
    "missed": "red",
    "cannot be dated": "cyan",
}
_CELL: Final = 16
"""Columns of a terminal that a visit takes: "not applicable" and what is around it."""


def schedule(
    study: Annotated[Path, typer.Argument(help="Folder with study.toml and records/.")],
    participant: Annotated[
        str | None, typer.Option(help="Only this one, with dates and reasons.")
    ] = None,
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day that is asked about; today by default."),
    ] = None,
    ics: Annotated[
        Path | None, typer.Option(help="Write a calendar for each participant to this folder.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="Study file, or the name of one; by default that of study.toml."),
    ] = None,
) -> None:
    """Say which visits are due, done, late or missed, and where the protocol was left.

    Dates follow from the cycles as they were given, else as they are planned.

    Examples: [bold]operandi schedule my-study[/bold];
    [bold]operandi schedule my-study --participant P-014 --on 2025-06-01[/bold];
    [bold]operandi schedule my-study --ics calendars[/bold]
    """
    from operandi.pipeline.settings import read_settings
    from operandi.protocol.deviations import deviations_on
    from operandi.protocol.schedule import visits_on
    from operandi.protocol.schedule_history import histories
    from operandi.protocol.schedule_table import schedule_table
    from operandi.protocol.study import study_of
    from operandi.records.reading import read_records

    settings = read_settings(study)
    plan = study_of(study, protocol or settings.protocol)
    today = datetime.now(settings.zone).date()
    day = on.date() if on else today
    codes = {visit.code for visit in plan.visit} | {one.code for one in settings.timepoints}
    records = read_records(study / "records", timezone=settings.zone, today=today, timepoints=codes)
    asked = {
        name: history
        for name, history in histories(records.rows).items()
        if participant in {None, name}
    }
    if not asked:
        _refuse_participant(participant, [one.pseudonym for one in records.participants])
    visits = {name: visits_on(plan, history, on=day) for name, history in asked.items()}
    if participant is None:
        sites = {str(one.pseudonym): one.site for one in records.participants}
        _show_sites(schedule_table(plan, visits, sites=sites), day)
    else:
        _show_visits(visits[participant], day)
    _show_deviations(
        [one for history in asked.values() for one in deviations_on(plan, history, on=day)]
    )
    if ics is not None:
        _write_calendars(visits, ics, study=plan.study.code.lower())
    for fault in records.faults:
        console.err.print(f"Left out: {fault}", markup=False, highlight=False, soft_wrap=True)
    if records.faults:
        raise typer.Exit(3)


def _refuse_participant(participant: str | None, known: Sequence[str]) -> None:
    from operandi.quantities.errors import DataError

    raise DataError(
        f"No participant is called {participant}.",
        remedy=f"The table participants names {', '.join(known)}.",
    )


def _show_sites(frame: Any, day: date) -> None:
    """One table a site; visits that find no room go to a table below."""
    codes = [name for name in frame.columns if name not in {"site", "participant"}]
    room = max(1, (console.out.width - _CELL) // _CELL)
    for (site,), rows in frame.group_by(["site"], maintain_order=True):
        for start in range(0, len(codes), room):
            shown = codes[start : start + room]
            table = Table(
                "participant", *shown, title=f"{escape(site)}, {day}", title_justify="left"
            )
            for row in rows.iter_rows(named=True):
                table.add_row(escape(row["participant"]), *(_colored(row[code]) for code in shown))
            console.out.print(table)


def _show_visits(visits: Sequence[Any], day: date) -> None:
    table = Table("visit", "window", "state", "why", title=f"{day}", title_justify="left")
    for visit in sorted(visits, key=_first_day):
        span = visit.window.span
        dated = visit.state != "not applicable" and (span.first or span.last)
        table.add_row(
            escape(visit.code), str(span) if dated else "", _colored(visit.state), escape(visit.why)
        )
    console.out.print(table)


def _first_day(visit: Any) -> tuple[date, str]:
    return (
        visit.done_on or visit.window.span.first or visit.window.span.last or date.max,
        visit.code,
    )


def _show_deviations(deviations: Sequence[Any]) -> None:
    if not deviations:
        console.out.print("No deviation from the protocol is recorded.")
        return
    table = Table("participant", "visit", "deviation", "what", title_justify="left")
    table.title = f"Deviations: {len(deviations)}"
    for one in deviations:
        table.add_row(
            escape(one.participant), escape(one.code), one.kind.replace("_", " "), escape(one.what)
        )
    console.out.print(table)


def _write_calendars(visits: Mapping[str, Sequence[Any]], folder: Path, *, study: str) -> None:
    from operandi.pipeline.atomic import atomic_write
    from operandi.protocol.calendar_export import calendar_of

    folder.mkdir(parents=True, exist_ok=True)
    stamped_at = datetime.now(UTC)
    for participant, of_participant in visits.items():
        calendar = calendar_of(of_participant, study=study, stamped_at=stamped_at)
        if not calendar:
            console.out.print(f"{participant}: no visit has a day yet.", highlight=False)
            continue
        path = folder / f"{participant}.ics"
        atomic_write(path, calendar)
        console.out.print(str(path), soft_wrap=True, highlight=False, markup=False)


def _colored(cell: str) -> str:
    color = next((color for state, color in _COLORS.items() if cell.startswith(state)), "")
    return f"[{color}]{escape(cell)}[/{color}]" if color else escape(cell)
