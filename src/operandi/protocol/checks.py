"""What the parts of a study file say about one another: unknown names, wrong types, circles."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from operandi.protocol.columns import DAYS, ColumnKind, columns_of
from operandi.protocol.format import (
    READINGS,
    Criterion,
    Item,
    Reading,
    StudyProtocol,
)
from operandi.protocol.rules import (
    GATE,
    Age,
    Compare,
    Criteria,
    Days,
    Every,
    Is,
    Latest,
    Present,
    Rule,
    Share,
    Some,
    Test,
    Until,
    Within,
    rules_in,
    tests_of,
)
from operandi.quantities.convert import same_dimension, unit_is_known
from operandi.records.row import Row
from operandi.records.spelling import meant

_FEW: Final = 12
"""So many known names are listed where none is near."""
Columns = Mapping[str, tuple[ColumnKind, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class StudyFault:
    """One thing that is wrong with a study file.

    Parameters
    ----------
    path : str
        The keys that lead to it; entries of a list by their code, else their number from 1.
    problem, remedy : str
        Clauses without a full stop.
    """

    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.remedy}."


def faults_of(study: StudyProtocol, tables: Mapping[str, type[Row]]) -> Iterator[StudyFault]:
    """Find everything that the models cannot see one by one."""
    checks = _Checks(study, tables)
    yield from checks.zone()
    yield from checks.repeated()
    yield from checks.windows()
    for name, item in study.item.items():
        yield from checks.item(name, item)
    for criterion in study.criterion:
        yield from checks.criterion(criterion)
    yield from checks.references()
    yield from _circles(study)


@dataclass(frozen=True, slots=True)
class _Checks:
    study: StudyProtocol
    tables: Mapping[str, type[Row]]

    def zone(self) -> Iterator[StudyFault]:
        try:
            ZoneInfo(self.study.study.timezone)
        except (KeyError, ValueError, OSError):
            yield StudyFault(
                "study.timezone",
                f"{self.study.study.timezone!r} is no time zone",
                "write an IANA name, such as Europe/Paris",
            )

    def repeated(self) -> Iterator[StudyFault]:
        study = self.study
        lists = {
            "hospital": [x.code for x in study.hospital],
            "department": [x.code for x in study.department],
            "arm": [x.code for x in study.arm],
            "intervention": [x.code for x in study.intervention],
            "criterion": [x.code for x in study.group] + [x.code for x in study.criterion],
            "endpoint": [x.code for x in study.endpoint],
        }
        for section, codes in lists.items():
            for code, count in Counter(codes).items():
                if count > 1:
                    yield StudyFault(
                        f"{section}[{code}].code", f"stands {count} times", "give each its own"
                    )

    def windows(self) -> Iterator[StudyFault]:
        for name, window in self.study.window.items():
            for key, point, _ in (*window.starts(), *window.ends()):
                yield from self._anchor(f"window.{name}.{key}", point.anchor)

    def item(self, name: str, item: Item) -> Iterator[StudyFault]:
        path = f"item.{name}"
        yield from self._named(f"{path}.table", item.table, self.tables, "table")
        if item.join is not None:
            yield from self._named(f"{path}.join.table", item.join.table, self.tables, "table")
        columns = self._columns(item)
        if columns is None:
            return
        named = {
            "column": item.column,
            "date": item.date,
            "latest_of_each": item.latest_of_each,
            **{f"where.{column}": column for column in item.where},
        }
        if item.join is not None:
            named |= {f"join.on.{column}": column for column in item.join.on}
        for key, column in named.items():
            if column is not None:
                yield from self._named(f"{path}.{key}", column, columns, "column")
        if item.date is not None and columns.get(item.date, ("day",))[0] != "day":
            yield StudyFault(
                f"{path}.date",
                f"{item.date} does not hold days known in full",
                "name one that does",
            )
        yield from self._item_values(path, item, columns)

    def _item_values(self, path: str, item: Item, columns: Columns) -> Iterator[StudyFault]:
        if item.latest_of_each is not None and not item.exam:
            yield StudyFault(
                f"{path}.latest_of_each", "asks an exam", "set exam = true, or remove it"
            )
        for column, value in item.where.items():
            allowed = value if isinstance(value, tuple) else (value,)
            yield from _values(f"{path}.where.{column}", allowed, columns.get(column))
        yield from _values(f"{path}.not_known", item.not_known, columns.get(item.column or ""))
        if item.unit is not None and not unit_is_known(item.unit):
            yield StudyFault(
                f"{path}.unit",
                f"{item.unit!r} is no unit that is known",
                "use one of the table of conversions",
            )
        if item.review is not None and "reviews" in self.tables:
            yield from _values(
                f"{path}.review", (item.review,), columns_of(self.tables["reviews"]).get("topic")
            )

    def criterion(self, criterion: Criterion) -> Iterator[StudyFault]:
        path = f"criterion[{criterion.code}]"
        if criterion.group is not None:
            groups = {group.code for group in self.study.group}
            yield from self._named(f"{path}.group", criterion.group, groups, "group")
        for name, reading in _readings(criterion):
            for key, rule in _rules(reading):
                yield from self._rule(f"{path}.{name}.{key}", rule)
            yield from self._asked_with(f"{path}.{name}", reading, _asked(reading))

    def references(self) -> Iterator[StudyFault]:
        study = self.study
        hospitals = {h.code for h in study.hospital}
        interventions = {i.code for i in study.intervention}
        visits = {v.code for v in study.visit}
        for department in study.department:
            if department.hospital is not None:
                path = f"department[{department.code}].hospital"
                yield from self._named(path, department.hospital, hospitals, "hospital")
        for arm in study.arm:
            for code in arm.interventions:
                path = f"arm[{arm.code}].interventions"
                yield from self._named(path, code, interventions, "intervention")
        for number, imaging in enumerate(study.imaging, start=1):
            for code in imaging.visits:
                yield from self._named(f"imaging[{number}].visits", code, visits, "visit")
        for number, laboratory in enumerate(study.laboratory, start=1):
            for code in laboratory.visits:
                yield from self._named(f"laboratory[{number}].visits", code, visits, "visit")
            for item in laboratory.items:
                yield from self._named(f"laboratory[{number}].items", item, study.item, "item")

    def _rule(self, path: str, rule: Rule) -> Iterator[StudyFault]:
        study = self.study
        for part in rules_in(rule):
            match part:
                case Age():
                    yield from self._anchor(f"{path}.anchor", part.anchor)
                case Criteria():
                    known = {criterion.code for criterion in study.criterion}
                    for code in part.codes:
                        yield from self._named(f"{path}.codes", code, known, "criterion")
                case Latest() | Some() | Every() | Share() | Days():
                    yield from self._of_rows(path, part)

    def _asked_with(
        self, path: str, reading: Reading, codes: Iterable[str]
    ) -> Iterator[StudyFault]:
        """Criteria that another asks must be asked wherever that is."""
        for other in filter(None, map(self.study.criterion_named, codes)):
            asked = [one for one in map(other.reading, READINGS) if one is not None]
            everywhere = all(
                set(reading.gates) <= set(one.gates)
                and (reading.cycles == "first" or one.cycles == "every")
                for one in asked
            )
            if not everywhere:
                yield StudyFault(
                    path, f"{other.code} is not asked at all the same gates", "give it the gates"
                )

    def _of_rows(
        self, path: str, rule: Latest | Some | Every | Share | Days
    ) -> Iterator[StudyFault]:
        windows = [("window", rule.window)]
        if isinstance(rule, Latest | Some):
            windows.append(("reviewed", rule.reviewed))
        for key, name in windows:
            if name is not None:
                yield from self._named(f"{path}.{key}", name, self.study.window, "window")
        yield from self._named(f"{path}.item", rule.item, self.study.item, "item")
        item = self.study.item.get(rule.item)
        if item is None:
            return
        needs_day = rule.window is not None or isinstance(rule, Every | Share | Days)
        if item.date is None and needs_day:
            yield StudyFault(f"{path}.item", f"{rule.item} has no date", "give the item a date")
        if isinstance(rule, Every | Share) and not item.exam:
            yield StudyFault(
                f"{path}.item",
                f"the rows of {rule.item} are not said to be all there are",
                "set exam = true on the item if they are",
            )
        columns = self._columns(item)
        if isinstance(rule, Every) and rule.covers is not None:
            yield from self._covers(path, rule.covers, columns)
        if columns is not None:
            for test in tests_of(rule):
                yield from self._test(path, test, rule.item, item, columns)

    def _test(
        self, path: str, test: Test, name: str, item: Item, columns: Columns
    ) -> Iterator[StudyFault]:
        path = f"{path}.{test.op}"
        column = _column(test, item)
        if column is None and isinstance(test, Is | Compare):
            yield StudyFault(f"{path}.column", f"neither test nor item {name} says which", "add it")
        if column is None:
            return
        if column not in columns:
            if column != item.column:  # else the item has told it
                yield from self._named(f"{path}.column", column, columns, "column")
            return
        kind, codes = columns[column]
        wanted = _WANTED.get(test.op)
        if wanted is not None and kind not in wanted:
            yield StudyFault(
                f"{path}.column",
                f"{column} holds {_SAID[kind]}, where {_said(wanted)} is asked",
                "name another column, or another test",
            )
        match test:
            case Is():
                yield from _values(f"{path}.one_of", test.one_of, (kind, codes))
            case Compare():
                yield from self._compare(path, test, name, item, columns)
            case Within():
                yield from self._within(path, test)
            case Until():
                yield from self._anchor(f"{path}.anchor", test.anchor)
                yield from self._named(f"{path}.day_column", test.day_column, columns, "column")

    def _covers(self, path: str, name: str, columns: Columns | None) -> Iterator[StudyFault]:
        """The item whose rows must all be among those of an exam, told by its column."""
        path = f"{path}.covers"
        yield from self._named(path, name, self.study.item, "item")
        other = self.study.item.get(name)
        if other is None:
            return
        if other.column is None:
            yield StudyFault(path, f"item {name} has no column", "name that which tells its rows")
        elif columns is not None:
            yield from self._named(path, other.column, columns, "column")

    def _within(self, path: str, test: Within) -> Iterator[StudyFault]:
        yield from self._named(f"{path}.window", test.window, self.study.window, "window")
        if test.unknown_after is not None:
            yield from self._anchor(f"{path}.unknown_after", test.unknown_after)

    def _compare(
        self, path: str, test: Compare, name: str, item: Item, columns: Columns
    ) -> Iterator[StudyFault]:
        if test.against() != 1:
            yield StudyFault(
                path,
                "is compared with " + ("nothing" if not test.against() else "more than one thing"),
                "give one of value, upper_limits and other_column",
            )
        if test.other_column is not None:
            yield from self._named(f"{path}.other_column", test.other_column, columns, "column")
        if test.upper_limits is not None and item.table != "laboratory_results":
            yield StudyFault(f"{path}.upper_limits", f"{name} is no laboratory result", "remove it")
        if (
            (test.unit is None) != (item.unit is None)
            and test.value is not None
            and test.column is None
        ):
            yield StudyFault(
                f"{path}.unit",
                f"{test.unit or 'none'} where the item has {item.unit or 'none'}",
                "give both a unit, or neither",
            )
        elif test.unit is not None and item.unit is not None:
            if not unit_is_known(test.unit):
                yield StudyFault(
                    f"{path}.unit",
                    f"{test.unit!r} is no unit that is known",
                    "use one of the table of conversions",
                )
            elif unit_is_known(item.unit) and not same_dimension(test.unit, item.unit):
                yield StudyFault(
                    f"{path}.unit",
                    f"{test.unit} does not measure what {item.unit} of item {name} does",
                    "correct the unit that is wrong",
                )

    def _anchor(self, path: str, code: str) -> Iterator[StudyFault]:
        anchors = [a.code for a in self.study.anchor]
        known = {GATE, *anchors, *self.study.cycles_by_code()}
        yield from self._named(path, code, known, "anchor")

    def _columns(self, item: Item) -> Columns | None:
        """Columns of an item's table, and those of the joined one under its name."""
        if item.table not in self.tables:
            return None
        columns = dict(columns_of(self.tables[item.table]))
        if item.join is not None and item.join.table in self.tables:
            other = columns_of(self.tables[item.join.table])
            columns |= {f"{item.join.table}.{column}": kind for column, kind in other.items()}
        return columns

    def _named(
        self, path: str, name: str, known: Collection[str], what: str
    ) -> Iterator[StudyFault]:
        if name not in known:
            near, few = meant(name, known), sorted(known)
            if near:
                remedy = f"write {near} if that is meant"
            elif 0 < len(few) <= _FEW:
                remedy = f"use one of {', '.join(few)}"
            else:
                remedy = f"declare the {what} or correct it"
            yield StudyFault(path, f"{name!r} is no {what} that is known", remedy)


_SAID: Final[Mapping[ColumnKind, str]] = {
    "number": "a number",
    "yes_no": "yes or no",
    "day": "a day",
    "days": "a day known in part",
    "instant": "an instant",
    "code": "a code",
    "text": "text",
    "other": "something else",
}
_WANTED: Final[Mapping[str, frozenset[ColumnKind]]] = {
    "compare": frozenset({"number"}),
    "is": frozenset({"code", "text", "yes_no", "number"}),
    "within": DAYS,
    "until": frozenset({"instant"}),
}


def _said(kinds: Iterable[ColumnKind]) -> str:
    return " or ".join(_SAID[kind] for kind in sorted(kinds))


def _column(test: Test, item: Item) -> str | None:
    match test:
        case Is() | Compare():
            return test.column or item.column
        case Within() | Until() | Present():
            return test.column
        case _:
            return None


def _values(
    path: str, values: Iterable[object], column: tuple[ColumnKind, tuple[str, ...]] | None
) -> Iterator[StudyFault]:
    if column is None:
        return
    kind, codes = column
    for value in values:
        if kind == "yes_no" and not isinstance(value, bool):
            yield StudyFault(path, f"{value!r} is neither true nor false", "write true or false")
        elif kind in {"code", "text"} and not isinstance(value, str):
            yield StudyFault(path, f"{value!r} is no text", "write it in quotation marks")
        elif codes and value not in codes:
            near = meant(str(value), codes)
            yield StudyFault(
                path,
                f"{value!r} is no code of the column",
                f"write {near} if that is meant" if near else f"use one of {', '.join(codes)}",
            )


def _readings(criterion: Criterion) -> Iterator[tuple[str, Reading]]:
    if criterion.literal is not None:
        yield "literal", criterion.literal
    if criterion.proposed is not None:
        yield "proposed", criterion.proposed


def _rules(reading: Reading) -> Iterator[tuple[str, Rule]]:
    yield "rule", reading.rule
    if reading.rule_before_cycle is not None:
        yield "rule_before_cycle", reading.rule_before_cycle
    for number, caution in enumerate(reading.cautions, start=1):
        yield f"cautions[{number}].unless", caution.unless


def _circles(study: StudyProtocol) -> Iterator[StudyFault]:
    """Criteria that ask one another without an end."""
    for reading in READINGS:
        asked = {c.code: tuple(_asked(c.reading(reading))) for c in study.criterion}
        for way in _ways_round(asked):
            yield StudyFault(
                f"criterion[{way[0]}].{reading}", f"goes in a circle: {' → '.join(way)}", "break it"
            )


def _asked(reading: Reading | None) -> Iterator[str]:
    if reading is None:
        return
    for _, rule in _rules(reading):
        for part in rules_in(rule):
            if isinstance(part, Criteria):
                yield from part.codes


def _ways_round(leads: Mapping[str, tuple[str, ...]]) -> Iterator[list[str]]:
    """Each circle once, from the first of its members."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> Iterator[list[str]]:
        if name in way:
            yield [*way[way.index(name) :], name]
        elif name in leads and name not in done:
            for next_ in leads[name]:
                yield from walk(next_, [*way, name])
            done.add(name)

    for name in leads:
        yield from walk(name, [])
