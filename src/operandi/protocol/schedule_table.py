"""Visits of many participants as one table: participants in rows, visits in columns."""

from collections.abc import Mapping, Sequence

import polars as pl

from operandi.protocol.schedule import State, Visit
from operandi.protocol.schedule_format import SchedulePlan


def schedule_table(
    plan: SchedulePlan, visits: Mapping[str, Sequence[Visit]], *, sites: Mapping[str, str]
) -> pl.DataFrame:
    """Lay out state and day of every visit.

    Parameters
    ----------
    plan : SchedulePlan
        Its cycles and visits are the columns.
    visits : mapping of str to sequence of Visit
        By participant.
    sites : mapping of str to str
        Site of each participant.

    Returns
    -------
    polars.DataFrame
        ``site``, ``participant`` and a column a visit, all text; by site, then participant.
    """
    codes = [*(cycle.code for cycle in plan.cycle), *(visit.code for visit in plan.visit)]
    columns = ["site", "participant", *codes]
    rows = []
    for participant, found in visits.items():
        cells = {visit.code: cell_of(visit) for visit in found}
        rows.append((sites[participant], participant, *(cells[code] for code in codes)))
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row").sort(
        "site", "participant"
    )


def cell_of(visit: Visit) -> str:
    """State and the day that matters: done, opening, best or last, or what is needed."""
    span, target = visit.window.span, visit.window.target
    if visit.done_on is not None:
        return f"{visit.state} {visit.done_on}"
    match visit.state:
        case State.NOT_YET if span.first is not None:
            return f"{visit.state}, from {span.first}"
        case State.DUE:
            return f"{visit.state} {target or span}"
        case State.LATE if span.last is not None:
            return f"{visit.state}, since {span.last}"
        case State.CANNOT_BE_DATED if visit.window.needs:
            return f"needs {' and '.join(visit.window.needs)}"
        case _:
            return f"{visit.state}"
