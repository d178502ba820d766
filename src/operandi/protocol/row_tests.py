"""What one row answers to a test of the language, with the fact that the answer was read from."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import Final
from zoneinfo import ZoneInfo

from operandi.domain.date_interval import DateInterval
from operandi.protocol.dating import Dating
from operandi.protocol.evidence import Evidence, Seen
from operandi.protocol.format import Item
from operandi.protocol.kleene import Truth, at_least, known
from operandi.protocol.rules import (
    AllTests,
    AnyTest,
    Compare,
    Is,
    NotTest,
    Present,
    Relation,
    Test,
    Until,
    Within,
)
from operandi.protocol.verdict import NEVER_ENDS, Asked, Fact, Missing, Proof, Query, until_of
from operandi.protocol.windows import Span
from operandi.quantities.convert import convert
from operandi.quantities.errors import DataError
from operandi.records.plausible import plain

_HOLDS: Final[dict[Relation, Callable[[Decimal, Decimal], bool]]] = {
    "<": lt,
    "<=": le,
    "==": eq,
    ">=": ge,
    ">": gt,
}
_MIRROR: Final[dict[Relation, Relation]] = {
    "<": ">",
    "<=": ">=",
    "==": "==",
    ">=": "<=",
    ">": "<",
}


def compared(
    comparator: Relation | None, value: Decimal, relation: Relation, bound: Decimal
) -> Truth:
    """Compare a result with a bound, where a laboratory may state only that it is below or above.

    ``<5`` is every number below 5: it is below 5 and below 7, not above 5, and nobody knows
    whether it is below 3.
    """
    if comparator is None:
        return known(_HOLDS[relation](value, bound))
    if comparator[0] == ">":
        return compared(_MIRROR[comparator], -value, _MIRROR[relation], -bound)
    all_below = value < bound or (value == bound and comparator == "<")
    match relation:
        case "<":
            return Truth.YES if all_below else Truth.UNKNOWN
        case "<=":
            return Truth.YES if value <= bound else Truth.UNKNOWN
        case ">":
            return Truth.NO if value <= bound else Truth.UNKNOWN
        case ">=" | "==":
            return Truth.NO if all_below else Truth.UNKNOWN


@dataclass(frozen=True, slots=True)
class RowTests:
    """Asks rows of one item.

    Parameters
    ----------
    item : Item
        What the rows are about.
    evidence, dating : Evidence, Dating
        Limits of normal come from the one, days from the other.
    zone : ZoneInfo
        In which a day begins.
    ask : function
        Takes queries.
    """

    item: Item
    evidence: Evidence
    dating: Dating
    zone: ZoneInfo
    ask: Callable[[Query], object]

    def proof(self, test: Test, seen: Seen) -> Proof:  # noqa: PLR0911 - one for each test
        """Answer a test for one row."""
        match test:
            case Is():
                return self._is(test, seen)
            case Compare():
                return self._compare(test, seen)
            case AllTests():
                parts = tuple(self.proof(part, seen) for part in test.of)
                return joint(test, parts, count=len(parts))
            case AnyTest():
                return joint(test, tuple(self.proof(part, seen) for part in test.of), count=1)
            case NotTest():
                return opposite(test, self.proof(test.of, seen))
            case Within():
                return self._within(test, seen)
            case Until():
                return self._until(test, seen)
            case Present():
                return self._present(test, seen)

    def value(self, seen: Seen) -> object:
        """What a row says in the item's unit, to see whether two rows say the same."""
        column = self.item.column
        if column is None:
            return seen.row
        value = seen.cell(column)
        if self.item.unit is None or not isinstance(value, Decimal):
            return value
        unit = self._unit(seen)
        try:
            return self._converted(value, unit), getattr(seen.row, "comparator", None)
        except DataError:
            return value, unit

    def said(self, seen: Seen) -> str:
        """What a row says, as it was recorded."""
        column = self.item.column
        if column is None:
            return "recorded"
        unit = self._unit(seen) if self.item.unit is not None else ""
        comparator = getattr(seen.row, "comparator", None) or ""
        return f"{comparator}{shown(seen.cell(column))} {unit}".strip()

    def _is(self, test: Is, seen: Seen) -> Proof:
        column = test.column or self.item.column or ""
        value = seen.cell(column)
        if value is None:
            return self._blank(test, column, seen)
        fact = self._fact(f"{_words(column)} {shown(value)}", seen)
        if column == self.item.column and value in self.item.not_known:
            missing = Missing(f"needs {self.item.ask}, as {shown(value)!r} was recorded{_at(seen)}")
            return _open(test, missing, fact)
        return Proof(truth=known(value in test.one_of), asked=test, facts=(fact,))

    def _present(self, test: Present, seen: Seen) -> Proof:
        value = seen.cell(test.column)
        if value is None:
            return self._blank(test, test.column, seen)
        fact = self._fact(f"{_words(test.column)} {shown(value)}", seen)
        return Proof(truth=Truth.YES, asked=test, facts=(fact,))

    def _compare(self, test: Compare, seen: Seen) -> Proof:
        column = test.column or self.item.column or ""
        value = seen.cell(column)
        if value is None:
            return self._blank(test, column, seen)
        own = column == self.item.column and self.item.unit is not None
        value = Decimal(value)
        comparator = getattr(seen.row, "comparator", None) if own else None
        said = f"{comparator or ''}{plain(value)}"
        if own:
            unit = self._unit(seen)
            said += f" {unit}"
            try:
                converted = self._converted(value, unit)
            except DataError as refused:
                return self._unreadable(test, seen, said, refused)
            if converted != value:
                said += f" = {plain(converted)} {self.item.unit}"
            # A limit is stated in the unit of its result: nothing is divided that need not be.
            value = value if test.upper_limits is not None else converted
        else:
            said = f"{_words(column)} {said}"
        bound = self._bound(test, seen, own=own)
        facts: tuple[Fact, ...] = (self._fact(said, seen),)
        if isinstance(bound, Missing):
            return _open(test, bound, *facts)
        against, beside = bound
        facts += beside
        truth = compared(comparator, value, test.relation, against)
        if truth is Truth.UNKNOWN:
            missing = Missing(
                f"needs {self.item.ask} as a number, as {said} was recorded{_at(seen)}"
            )
            return _open(test, missing, *facts)
        return Proof(truth=truth, asked=test, facts=facts)

    def _bound(
        self, test: Compare, seen: Seen, *, own: bool
    ) -> tuple[Decimal, tuple[Fact, ...]] | Missing:
        """What a value is compared with, and the facts that this rests on."""
        if test.other_column is not None:
            other = seen.cell(test.other_column)
            if other is None:
                return self._lacking(test.other_column, seen)
            fact = self._fact(f"{_words(test.other_column)} {shown(other)}", seen)
            return Decimal(other), (fact,)
        if test.upper_limits is not None:
            limit = self._upper_limit(seen)
            if isinstance(limit, Missing):
                return limit
            value, where = limit
            fact = self._fact(f"upper limit of normal {plain(value)} {where}", seen)
            return value * test.upper_limits, (fact,)
        if test.value is None:
            raise ValueError("a comparison with nothing passed the checks of its study file")
        if own and test.unit is not None:
            return self._converted(test.value, test.unit), ()
        return test.value, ()

    def _upper_limit(self, seen: Seen) -> tuple[Decimal, str] | Missing:
        """The limit in the result's unit and where it is from, or what is missing."""
        own_unit = self._unit(seen)
        limits = self.evidence.upper_limits(seen.row)
        site = self.evidence.participant.site
        needed = (
            f"needs the upper limit of normal for {self.item.title} at site {site} on {seen.on} "
            f"(laboratory_ranges, or upper_limit in {seen.place or 'laboratory_results'})"
        )
        try:
            converted = {
                (self._converted(value, unit, to_unit=own_unit), place)
                for value, unit, place in limits
            }
        except DataError as refused:
            self.ask(Query(f"{self.item.title}: {refused}", tuple(p for _, _, p in limits)))
            return Missing(f"{needed} in a unit like {own_unit}")
        values = {value for value, _ in converted}
        if len(values) == 1:
            value, place = min(converted)
            return value, f"{own_unit} ({place})"
        if values:
            places = tuple(sorted(place for _, place in converted))
            self.ask(
                Query(f"{self.item.title}: upper limits of normal for {seen.on} differ", places)
            )
            return Missing(f"{needed}, which are stated differently")
        return Missing(needed)

    def _within(self, test: Within, seen: Seen) -> Proof:
        value = seen.cell(test.column)
        if value is None:
            return self._blank(test, test.column, seen)
        dated = self.dating.window(test.window)
        days = self._days(value)
        fact = self._fact(f"{_words(test.column)} {days}", seen)
        if dated.missing:
            return Proof(truth=Truth.UNKNOWN, asked=test, facts=(fact,), missing=dated.missing)
        later = self._later(test, days, seen)
        if later:
            return Proof(truth=Truth.UNKNOWN, asked=test, facts=(fact,), missing=later)
        if dated.span.holds_all(days):
            until = dated.holds_until(days)
            return Proof(truth=Truth.YES, asked=test, span=dated.span, facts=(fact,), until=until)
        if dated.span.holds_none(days):
            until = dated.excludes_until(days)
            return Proof(truth=Truth.NO, asked=test, span=dated.span, facts=(fact,), until=until)
        missing = Missing(f"needs the day of {_words(test.column)}, known as {days}{_at(seen)}")
        return _open(test, missing, fact, span=dated.span)

    def _until(self, test: Until, seen: Seen) -> Proof:
        moment = self.dating.moment(test.anchor)
        instant, days = seen.cell(test.column), seen.cell(test.day_column)
        if instant is None and days is None:
            return self._blank(test, test.column, seen)
        if instant is not None:
            days = self._days(instant)
            first = last = instant
            fact = self._fact(f"{_words(test.column)} {shown(instant)}", seen)
        else:
            days = self._days(days)
            first, last = self._midnight(days.earliest), self._midnight(days.latest, days=1)
            fact = self._fact(f"{_words(test.day_column)} {days}", seen)
        if moment.on is None:
            return Proof(truth=Truth.UNKNOWN, asked=test, facts=(fact,), missing=moment.missing)
        if _may_be_later(days, seen, moment.on):
            return _open(test, self._hindsight(test.column, days, moment.on, seen), fact)
        # Both hours are unknown within their days, so that the gap is an interval.
        gap = timedelta(hours=-test.offset.count)
        if test.offset.unit != "hour":
            gap = moment.on - test.offset.after(moment.on)
        shortest = self._midnight(moment.on) - last
        longest = self._midnight(moment.on, days=1) - first
        if shortest >= gap:
            return Proof(truth=Truth.YES, asked=test, facts=(fact,))
        if longest < gap:
            until = NEVER_ENDS
            if moment.moves:
                until = (first + gap).astimezone(self.zone).date() - timedelta(days=1)
            return Proof(truth=Truth.NO, asked=test, facts=(fact,), until=until)
        missing = Missing(
            f"needs the hour of {_words(test.column)} and an infusion on {moment.on} that is "
            f"{test.offset} from it or more{_at(seen)}"
        )
        return _open(test, missing, fact)

    def _midnight(self, day: date, *, days: int = 0) -> datetime:
        return datetime.combine(day + timedelta(days=days), time(), tzinfo=self.zone)

    def _days(self, value: object) -> DateInterval:
        if isinstance(value, DateInterval):
            return value
        if isinstance(value, datetime):
            return DateInterval.on(value.astimezone(self.zone).date())
        if isinstance(value, date):
            return DateInterval.on(value)
        raise ValueError(f"{value!r} is no day")

    def _unreadable(self, test: Compare, seen: Seen, said: str, refused: DataError) -> Proof:
        self.ask(
            Query(f"{self.item.title} of {seen.on}: {said} is refused. {refused}", (seen.place,))
        )
        missing = Missing(
            f"needs {self.item.ask} in {self.item.unit}, as {said} was recorded{_at(seen)}"
        )
        return _open(test, missing, self._fact(said, seen))

    def _blank(self, test: Test, column: str, seen: Seen) -> Proof:
        fact = self._fact(f"{_words(column)} is blank", seen)
        return _open(test, self._lacking(column, seen), fact)

    def _later(self, test: Within, days: DateInterval, seen: Seen) -> frozenset[Missing]:
        """What is missing where the days may lie behind those that tell something."""
        if test.unknown_after is None:
            return frozenset()
        moment = self.dating.moment(test.unknown_after)
        if moment.on is None or not _may_be_later(days, seen, moment.on):
            return moment.missing
        return frozenset({self._hindsight(test.column, days, moment.on, seen)})

    def _hindsight(self, column: str, days: DateInterval, on: date, seen: Seen) -> Missing:
        return Missing(
            f"needs {_words(column)} of {self.item.title} as it was by {on}: {days} may be later"
            f"{_at(seen)}"
        )

    def _lacking(self, column: str, seen: Seen) -> Missing:
        return Missing(f"needs {_words(column)} of {self.item.title}{_at(seen)}")

    def _fact(self, said: str, seen: Seen) -> Fact:
        return Fact(self.item.title, said, seen.on, seen.place)

    def _unit(self, seen: Seen) -> str:
        return getattr(seen.row, "unit", None) or self.item.unit or ""

    def _converted(self, value: Decimal, unit: str, *, to_unit: str | None = None) -> Decimal:
        to_unit = to_unit or self.item.unit or unit
        if unit == to_unit:
            return value
        mass = self.item.molar_mass_g_mol
        return convert(value, from_unit=unit, to_unit=to_unit, molar_mass_g_mol=mass)


def joint(asked: Asked, parts: tuple[Proof, ...], *, count: int) -> Proof:
    """Join answers of which so many must hold."""
    truth = at_least(count, (part.truth for part in parts))
    until = until_of(truth, parts, count) if truth is not Truth.UNKNOWN else NEVER_ENDS
    return Proof(truth=truth, asked=asked, parts=parts, at_least=count, until=until)


def opposite(asked: Asked, part: Proof) -> Proof:
    """Turn an answer round."""
    return Proof(truth=~part.truth, asked=asked, parts=(part,), negated=True, until=part.until)


def shown(value: object) -> str:
    """Write a cell as a person would."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return str(value)


def _open(asked: Test, missing: Missing, *facts: Fact, span: Span | None = None) -> Proof:
    return Proof(
        truth=Truth.UNKNOWN,
        asked=asked,
        span=span,
        facts=facts,
        missing=frozenset({missing}),
    )


def _may_be_later(days: DateInterval, seen: Seen, on: date) -> bool:
    """Whether a row may tell of days after *on*: one that was entered by then does not."""
    return days.latest > on and (seen.on is None or seen.on > on)


def _words(column: str) -> str:
    return column.rpartition(".")[2].replace("_", " ")


def _at(seen: Seen) -> str:
    return f" ({seen.said_where})" if seen.said_where else ""
