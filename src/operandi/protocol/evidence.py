"""What is recorded of one participant by a day: rows of items, limits of normal, reviews."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from operandi.domain.participant import Participant
from operandi.protocol.format import Item
from operandi.protocol.schedule_history import History
from operandi.protocol.windows import Span
from operandi.records.row import Row
from operandi.records.tables import Records

Rows = Mapping[str, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A row of an item, its day and place, and the row that it is joined with."""

    row: Row
    on: date | None
    place: str
    joined: Row | None = None

    def cell(self, column: str) -> Any:
        """What a column holds; None where it is blank or there is no joined row."""
        _, dot, other = column.partition(".")
        if dot:
            return None if self.joined is None else getattr(self.joined, other)
        return getattr(self.row, column)

    @property
    def said_where(self) -> str:
        """For sentences: the day and the place, as far as there are any."""
        return ", ".join(filter(None, (str(self.on or ""), self.place)))


@dataclass(frozen=True, slots=True)
class Evidence:
    """The rows of one participant, and the limits of normal of every site.

    Parameters
    ----------
    participant : Participant
        Whose.
    on : date
        Rows of items that are dated later are passed over.
    tables : Mapping
        Rows of the participant by table.
    ranges : sequence of Row
        Of ``laboratory_ranges``.
    """

    participant: Participant
    on: date
    tables: Rows
    ranges: Sequence[Row]
    _items: dict[str, tuple[Seen, ...]] = field(default_factory=dict, compare=False, repr=False)

    def rows(self, name: str, item: Item) -> tuple[Seen, ...]:
        """Rows of an item that were known by the day, the latest first."""
        if name not in self._items:
            self._items[name] = self._found(item)
        return self._items[name]

    def _found(self, item: Item) -> tuple[Seen, ...]:
        rows = [row for row in self.tables.get(item.table, ()) if _fits(row, item)]
        joined: dict[tuple[object, ...], Row] = {}
        keys: tuple[str, ...] = ()
        if item.join is not None:
            keys = item.join.on
            joined = {_key(row, keys): row for row in self.tables.get(item.join.table, ())}
        if item.date is None:
            return tuple(Seen(row, None, row.place, joined.get(_key(row, keys))) for row in rows)
        dated = [
            Seen(row, getattr(row, item.date), row.place, joined.get(_key(row, keys)))
            for row in rows
            if getattr(row, item.date) <= self.on
        ]
        return tuple(sorted(dated, key=_day, reverse=True))

    def review(self, topic: str, span: Span) -> Seen | None:
        """The latest review of a topic within the days."""
        reviews: list[Any] = [
            row for row in self.tables.get("reviews", ()) if getattr(row, "topic", None) == topic
        ]
        dated = (
            Seen(row, row.reviewed_on, row.place)
            for row in reviews
            if row.reviewed_on <= self.on and span.holds(row.reviewed_on)
        )
        return max(dated, key=_day, default=None)

    def upper_limits(self, result: Row) -> list[tuple[Decimal, str, str]]:
        """Upper limits of normal that hold for a result, with unit and place; the closest kind.

        The one printed with the result, or else those of its site, test and day: of its own
        laboratory and sex where there are such, else those that hold for all.
        """
        own: Any = result
        if own.upper_limit is not None:
            return [(own.upper_limit, own.unit, result.place)]
        sex = str(self.participant.sex)
        found: dict[tuple[bool, bool], list[tuple[Decimal, str, str]]] = defaultdict(list)
        for row in self.ranges:
            limits: Any = row
            if (
                (limits.site, limits.test) == (self.participant.site, own.test)
                and limits.upper is not None
                and limits.laboratory in (None, own.laboratory)
                and limits.sex in (None, sex)
                and Span(limits.valid_from, limits.valid_to).holds(own.collected_on)
            ):
                kind = (limits.laboratory is None, limits.sex is None)
                found[kind].append((limits.upper, limits.unit, row.place))
        return found[min(found)] if found else []

    def history(self, included_on: date | None) -> History:
        """What the calendar is counted from, as far as known by the day."""
        tables: Mapping[str, Sequence[Any]] = self.tables
        return History(
            participant=self.participant.pseudonym,
            cycles=tuple(tables.get("cycles", ())),
            cycle_plans=tuple(tables.get("cycle_plans", ())),
            consents=tuple(tables.get("consents", ())),
            included_on=included_on,
        ).known_on(self.on)


def evidence_of(records: Records, *, on: date, of: Iterable[Participant]) -> list[Evidence]:
    """Part the rows of every table by participant, once for all."""
    people = list(of)
    wanted = {person.pseudonym for person in people}
    parted: dict[str, dict[str, list[Row]]] = {name: defaultdict(list) for name in wanted}
    for table, rows in records.rows.items():
        for row in rows:
            whose = getattr(row, "participant", None)
            if whose in wanted:
                parted[whose][table].append(row)
    ranges = records.rows.get("laboratory_ranges", ())
    return [Evidence(person, on, parted[person.pseudonym], ranges) for person in people]


def _fits(row: Row, item: Item) -> bool:
    for column, wanted in item.where.items():
        value = getattr(row, column)
        if value not in wanted if isinstance(wanted, tuple) else value != wanted:
            return False
    return True


def _key(row: Row, columns: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(getattr(row, column) for column in columns)


def _day(seen: Seen) -> date:
    return seen.on or date.min
