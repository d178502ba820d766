"""What a study file says of its calendar: ``[[anchor]]``, ``[[cycle]]`` and ``[[visit]]``.

``from`` and ``to`` include their day, ``after`` and ``before`` do not; of several the narrowest
counts. Each ``[[cycle]]`` is an anchor itself: C1, C2 ... Decision 0016.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from operandi.protocol.schedule_point import CODE, Point, PointText
from operandi.protocol.windows import OffsetText
from operandi.quantities.errors import DataError

_CYCLE_CODE: Final = re.compile(r"C[1-9]\d*", re.A)


def _several(value: object) -> object:
    """One point need not be written as a list of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _exact(value: object) -> object:
    """TOML gives a float; its shortest decimal is what was written."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return Decimal(repr(value))
    return value


Points = Annotated[tuple[PointText, ...], BeforeValidator(_several)]
Code = Annotated[str, Field(pattern=f"^{CODE}$")]
Words = Annotated[str, Field(min_length=1)]
Amount = Annotated[Decimal, BeforeValidator(_exact), Field(strict=False)]
VisitKind = Literal["pet_mri", "laboratory", "cycle", "follow_up", "consent"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Anchor(_Strict):
    """An event that days are counted from, other than a cycle.

    ``consent`` is the first signature of consent to the study, ``inclusion`` the signed
    confirmation of eligibility.
    """

    code: Code
    title: Words
    event: Literal["consent", "inclusion"]


class _Read(_Strict):
    """What the record says, and how it is read."""

    text: str = ""
    reading: Literal["literal", "proposed"]
    reason: str = ""

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.reading == "proposed" and not self.reason:
            raise ValueError("reason: a proposed reading says why")
        return self


class CyclePlan(_Read):
    """A cycle of therapy: how much, and how long after the cycle before it.

    ``spacing`` counts from the day on which ``after`` was given, or else is planned for.
    ``tolerance`` is what the day may differ by, either way; without it, nothing. Without
    ``activity_tolerance_percent`` no administered activity is a deviation.
    """

    number: Annotated[int, Field(ge=1, le=99)]
    nuclide: Words
    activity_gbq: Annotated[Amount, Field(gt=0)]
    activity_tolerance_percent: Annotated[Amount, Field(ge=0, le=100)] | None = None
    after: Code | None = None
    spacing: OffsetText | None = None
    tolerance: OffsetText | None = None

    @model_validator(mode="after")
    def _is_spaced(self) -> Self:
        if (self.after is None) != (self.spacing is None):
            raise ValueError("after, spacing: a cycle has both or neither")
        for key, offset in (("spacing", self.spacing), ("tolerance", self.tolerance)):
            if offset is not None and (offset.count < 0 or offset.unit == "hour"):
                raise ValueError(f"{key}: {offset} is not a number of days, weeks or months >= 0")
        return self

    @property
    def code(self) -> str:
        """Its anchor."""
        return f"C{self.number}"


class Window(_Strict):
    """The days on which a visit may be done; open where it has no bound."""

    from_: Annotated[Points, Field(alias="from")] = ()
    after: Points = ()
    to: Points = ()
    before: Points = ()

    def starts(self) -> Iterator[tuple[str, Point, int]]:
        """Each key and point that the first day hangs on, and the days to add."""
        yield from (("from", point, 0) for point in self.from_)
        yield from (("after", point, 1) for point in self.after)

    def ends(self) -> Iterator[tuple[str, Point, int]]:
        """Each key and point that the last day hangs on, and the days to add."""
        yield from (("to", point, 0) for point in self.to)
        yield from (("before", point, -1) for point in self.before)

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if not any((*self.starts(), *self.ends())):
            raise ValueError("a window has one of from, after, to and before at least")
        return self

    def __str__(self) -> str:
        return ", ".join(f"{key} {point}" for key, point, _ in (*self.starts(), *self.ends()))


class Alternative(_Strict):
    """The window and target that hold where a cycle is canceled."""

    when_cancelled: Code
    window: Window
    target: PointText | None = None


class VisitPlan(_Read):
    """A visit: when it is to be done, in the record's words and as days from anchors.

    The first alternative whose cycle is canceled takes the place of window and target. A visit
    that is no act of the study may come before consent.
    """

    code: Code
    title: Words
    kind: VisitKind
    anchor: Code
    target: PointText | None = None
    window: Window
    alternative: Annotated[tuple[Alternative, ...], Field(strict=False)] = ()
    study_act: bool = True


class SchedulePlan(_Strict):
    """The calendar of a study. A study file has these three among its sections."""

    anchor: Annotated[tuple[Anchor, ...], Field(strict=False)] = ()
    cycle: Annotated[tuple[CyclePlan, ...], Field(strict=False)] = ()
    visit: Annotated[tuple[VisitPlan, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        # Whether a window is empty can be asked only where its anchors lead somewhere.
        faults = (*_faults(self),) or (*_empty(self),)
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def cycles_by_code(self) -> dict[str, CyclePlan]:
        """C1, C2 ..."""
        return {cycle.code: cycle for cycle in self.cycle}


def parse_schedule(content: Mapping[str, Any]) -> SchedulePlan:
    """Check the three sections by themselves.

    Raises
    ------
    DataError
        Naming every faulty key.
    """
    try:
        return SchedulePlan.model_validate(content)
    except ValidationError as error:
        said = (
            ": ".join(filter(None, (".".join(map(str, fault["loc"])), _without_type(fault["msg"]))))
            for fault in error.errors(include_url=False)
        )
        raise DataError(
            f"The schedule has a fault: {'; '.join(said)}.",
            remedy="Correct the study file.",
        ) from None


def _without_type(message: str) -> str:
    return message.removeprefix("Value error, ")


def _faults(plan: SchedulePlan) -> Iterator[str]:
    anchors = [anchor.code for anchor in plan.anchor]
    codes = [*anchors, *(cycle.code for cycle in plan.cycle)]
    known = f"known: {', '.join(sorted(codes)) or 'none'}"
    everything = [*codes, *(visit.code for visit in plan.visit)]
    for code in sorted({code for code in everything if everything.count(code) > 1}):
        yield f"{code} is declared twice"
    for code in anchors:
        if _CYCLE_CODE.fullmatch(code):
            yield f"anchor {code}, code: is that of a cycle; declare a [[cycle]]"
    for cycle in plan.cycle:
        if cycle.after is not None and cycle.after not in codes:
            yield f"cycle {cycle.number}, after: {cycle.after} is no anchor; {known}"
    yield from _circles(plan)
    for visit in plan.visit:
        yield from _faults_of_visit(visit, plan, set(codes), known)


def _faults_of_visit(
    visit: VisitPlan, plan: SchedulePlan, codes: set[str], known: str
) -> Iterator[str]:
    named = [*_named(visit)]
    for key, code in named:
        if code not in codes:
            yield f"visit {visit.code}, {key}: {code} is no anchor; {known}"
    if visit.anchor not in {code for key, code in named if key != "anchor"}:
        yield f"visit {visit.code}, anchor: neither target nor window counts from {visit.anchor}"
    for number, other in enumerate(visit.alternative):
        if other.when_cancelled not in plan.cycles_by_code():
            key = f"alternative.{number}.when_cancelled"
            yield f"visit {visit.code}, {key}: {other.when_cancelled} is no cycle"


def _named(visit: VisitPlan) -> Iterator[tuple[str, str]]:
    """Every key of a visit that names an anchor."""
    yield "anchor", visit.anchor
    for place, window, target in _placed(visit):
        if target is not None:
            yield f"{place}target", target.anchor
        for key, point, _ in (*window.starts(), *window.ends()):
            yield f"{place}window.{key}", point.anchor


def _placed(visit: VisitPlan) -> Iterator[tuple[str, Window, Point | None]]:
    yield "", visit.window, visit.target
    for number, other in enumerate(visit.alternative):
        yield f"alternative.{number}.", other.window, other.target


def _circles(plan: SchedulePlan) -> Iterator[str]:
    cycles = plan.cycles_by_code()
    told: set[str] = set()
    for cycle in plan.cycle:
        way, code = [cycle.code], cycle.after
        while code in cycles and code not in way:
            way.append(code)
            code = cycles[code].after
        if code == cycle.code and code not in told:
            told.update(way)
            yield f"cycle {cycle.number}, after: {' after '.join([*way, code])} goes in a circle"


def _empty(plan: SchedulePlan) -> Iterator[str]:
    """Windows that hold no day although every cycle is given on its planned day."""
    for visit in plan.visit:
        for place, window, _ in _placed(visit):
            for start, end in product(window.starts(), window.ends()):
                day = _day_without(plan, start, end)
                if day is not None:
                    yield (
                        f"visit {visit.code}, {place}window: no day is {start[0]} {start[1]} and "
                        f"{end[0]} {end[1]}, for {_root(plan, start[1].anchor)} on {day} and "
                        "cycles as planned"
                    )


_ANY: Final = date(2023, 1, 1)
DAYS: Final = [_ANY + timedelta(days=days) for days in range(4 * 365 + 1)]
"""Every day of a leap year and of those beside it: a clamped month differs by the day."""


def chain_to(plan: SchedulePlan, code: str) -> list[CyclePlan]:
    """The cycles between an anchor and the one that it is counted from in the end, in order."""
    cycle = plan.cycles_by_code().get(code)
    if cycle is None or cycle.after is None:
        return []
    return [*chain_to(plan, cycle.after), cycle]


def _day_without(
    plan: SchedulePlan, start: tuple[str, Point, int], end: tuple[str, Point, int]
) -> date | None:
    root = _root(plan, start[1].anchor)
    if root != _root(plan, end[1].anchor):
        return None
    # Days and weeks are as long everywhere: one day tells.
    days = DAYS if any(_by_month(plan, point) for point in (start[1], end[1])) else DAYS[:1]
    return next(
        (day for day in days if _planned(plan, start, day) > _planned(plan, end, day)), None
    )


def _by_month(plan: SchedulePlan, point: Point) -> bool:
    steps = (*point.steps, *(cycle.spacing for cycle in chain_to(plan, point.anchor)))
    return any(step is not None and step.unit in {"month", "year"} for step in steps)


def _root(plan: SchedulePlan, code: str) -> str:
    chain = chain_to(plan, code)
    return chain[0].after or code if chain else code


def _planned(plan: SchedulePlan, bound: tuple[str, Point, int], root_on: date) -> date:
    _, point, days = bound
    for cycle in chain_to(plan, point.anchor):
        root_on = root_on if cycle.spacing is None else cycle.spacing.after(root_on)
    return point.on(root_on) + timedelta(days=days)
