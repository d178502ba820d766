"""The day of every anchor of one participant: actual, else planned, else unknown."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from operandi.protocol.schedule_format import Anchor, CyclePlan, SchedulePlan
from operandi.protocol.schedule_history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorDay:
    """When an anchor is, and how that is known.

    Parameters
    ----------
    code : str
        The anchor.
    on : date or None
        None exactly where the basis is unknown or canceled.
    basis : {"actual", "planned", "unknown", "canceled"}
        Actual: it has happened.
    settled_on : date or None
        Day since which this is known: of the event, of the plan, or of what it is counted from.
    needs : str
        The anchor to record where the day is unknown: this one, or one that it is counted from.
    why : str
        A clause.
    """

    code: str
    on: date | None
    basis: Literal["actual", "planned", "unknown", "canceled"]
    settled_on: date | None = None
    needs: str = ""
    why: str


def anchor_days(plan: SchedulePlan, history: History) -> dict[str, AnchorDay]:
    """Find the day of every anchor.

    A cycle that is not given is planned for the day in ``cycle_plans`` if that was recorded after
    the cycle before it was settled; otherwise its spacing from that cycle counts, so that a cycle
    that slips moves those behind it. A cycle whose predecessor is canceled needs a plan.
    """
    days = {anchor.code: _event(anchor, history) for anchor in plan.anchor}
    cycles = plan.cycles_by_code()

    def day_of(code: str) -> AnchorDay:
        if code not in days:
            cycle = cycles[code]
            before = None if cycle.after is None else day_of(cycle.after)
            days[code] = _cycle(cycle, before, history)
        return days[code]

    return {code: day_of(code) for code in (*days, *cycles)}


def _event(anchor: Anchor, history: History) -> AnchorDay:
    on = history.consented_on if anchor.event == "consent" else history.included_on
    if on is None:
        return AnchorDay(
            code=anchor.code, on=None, basis="unknown", needs=anchor.code, why="not recorded"
        )
    return AnchorDay(code=anchor.code, on=on, basis="actual", settled_on=on, why=f"on {on}")


def _cycle(cycle: CyclePlan, before: AnchorDay | None, history: History) -> AnchorDay:
    code, given_on = cycle.code, history.given_on(cycle.number)
    if given_on is not None:
        return AnchorDay(
            code=code, on=given_on, basis="actual", settled_on=given_on, why=f"given on {given_on}"
        )
    recorded = history.last_plan(cycle.number)
    if recorded is not None and recorded.state == "cancelled":
        why = f"canceled on {recorded.recorded_on}"
        if recorded.reason:
            why += f": {recorded.reason}"
        return AnchorDay(
            code=code, on=None, basis="canceled", settled_on=recorded.recorded_on, why=why
        )
    settled_on = None if before is None else before.settled_on
    if recorded is not None and (settled_on is None or recorded.recorded_on >= settled_on):
        return AnchorDay(
            code=code,
            on=recorded.planned_on,
            basis="planned",
            settled_on=recorded.recorded_on,
            why=f"planned for {recorded.planned_on}",
        )
    if before is None or cycle.spacing is None:
        return AnchorDay(code=code, on=None, basis="unknown", needs=code, why="not planned")
    if before.on is None:
        needs = before.needs or code
        why = f"counted from {before.code}, which was {before.why}"
        return AnchorDay(code=code, on=None, basis="unknown", needs=needs, why=why)
    why = f"{cycle.spacing} after {before.code}, {before.why}"
    if recorded is not None:
        why += (
            f"; the plan for {recorded.planned_on}, recorded on {recorded.recorded_on}, is older "
            f"than that of {before.code}"
        )
    return AnchorDay(
        code=code,
        on=cycle.spacing.after(before.on),
        basis="planned",
        settled_on=before.settled_on,
        why=why,
    )
