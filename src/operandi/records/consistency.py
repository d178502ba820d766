"""What the rows of a study say about one another: repeats, strangers, leaps and wrong orders."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from operandi.records.entry import Entry
from operandi.records.plausible import LARGEST_MASS_CHANGE, plain
from operandi.records.rows import ROWS, CycleRow, ParticipantRow, VitalsRow
from operandi.records.tables import Fault, line_word


@dataclass(frozen=True, slots=True)
class Objection:
    """A fault that lies between lines, and the lines that cannot stand.

    Parameters
    ----------
    fault : Fault
        What is wrong; it names every line concerned.
    lines : tuple of int
        Those left out.
    """

    fault: Fault
    lines: tuple[int, ...]


def repeated(entries: Iterable[Entry]) -> Iterator[Objection]:
    """Object to rows that say twice what can be so once.

    None of them stands, as nobody here knows which is right; a row that is faulty in itself
    counts, too. Only of rows that say the same in a table without a key does the first one stand.
    """
    groups: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        if key := _key(entry):
            groups[key].append(entry)
    for group in groups.values():
        if len(group) == 1:
            continue
        keyed = ROWS[group[0].table].key
        yield _among(
            group,
            column=keyed[-1] if keyed else "",
            value=_said(group[-1], keyed[-1]) if keyed else "",
            problem=("is" if keyed else "the same row is")
            + f" recorded more than once, on {_lines(group)}",
            remedy="keep the row that is right" if keyed else "keep one of them",
            out=group if keyed else sorted(group, key=lambda entry: entry.number)[1:],
        )


def _key(entry: Entry) -> tuple[str, ...]:
    """What no other row may say; empty where the row is too faulty to tell."""
    model = ROWS[entry.table]
    if not model.key:
        return tuple(_said(entry, column) for column in model.model_fields) if entry.row else ()
    said = {column: _said(entry, column) for column in model.key}
    readable = all(said[c] for c in model.key if model.model_fields[c].is_required())
    return tuple(said.values()) if readable else ()


def strangers(
    entries: Iterable[Entry], tables: Mapping[str, list[Entry]], *, unreadable: Collection[str]
) -> Iterator[Objection]:
    """Object to rows that name what another table does not know.

    A row there that is faulty in itself is known. *unreadable* tables, which have faults of their
    own, are taken to know everything.
    """
    known: dict[str, set[tuple[str, ...]]] = {}
    for entry in entries:
        for table, columns in ROWS[entry.table].refers.items():
            named = tuple(_said(entry, column) for column in columns)
            if not all(named) or (entry.row and not entry.row.must_refer(table)):
                continue
            if table not in known:
                others = tables.get(table, [])
                known[table] = {tuple(_said(one, c) for c in columns) for one in others}
            if table not in unreadable and named not in known[table]:
                yield Objection(
                    entry.fault(
                        column=columns[-1],
                        problem=f"is not in the table {table}",
                        remedy=f"correct the code, or add the {columns[-1]} there",
                    ),
                    (entry.number,),
                )


def with_what_they_name(
    entries: Iterable[Entry], standing: Mapping[str, list[Entry]]
) -> list[Entry]:
    """Leave out the rows that name one of another table that does not stand itself."""
    known: dict[str, set[tuple[str, ...]]] = {}
    kept = []
    for entry in entries:
        if entry.row is None:
            continue
        for table, columns in entry.row.refers.items():
            if table not in known:
                rows = [one for one in standing.get(table, []) if one.row is not None]
                known[table] = {tuple(_said(one, c) for c in columns) for one in rows}
            named = tuple(_said(entry, column) for column in columns)
            if entry.row.must_refer(table) and named not in known[table]:
                break
        else:
            kept.append(entry)
    return kept


def before_birth(entries: Iterable[Entry], participants: Iterable[Entry]) -> Iterator[Objection]:
    """Object to days before the month in which the participant was born."""
    births = {
        entry.participant: entry.row.earliest_birth
        for entry in participants
        if isinstance(entry.row, ParticipantRow)
    }
    for entry in entries:
        if entry.row is None or entry.participant not in births:
            continue
        born = births[entry.participant]
        for column, day in entry.row.days():
            if day < born:
                fault = entry.fault(
                    column=column,
                    problem=f"lies before the participant's birth in {born:%Y-%m}",
                    remedy="correct the date, or the birth in participants",
                )
                yield Objection(fault, (entry.number,))


def mass_leaps(entries: Iterable[Entry]) -> Iterator[Objection]:
    """Object to a body mass that changed by more than 30 % since the visit before."""
    for (earlier, before), (later, after) in _consecutive_vitals(entries):
        change = (after.body_mass_kg - before.body_mass_kg) / before.body_mass_kg
        if abs(change) > LARGEST_MASS_CHANGE:
            fault = later.fault(
                column="body_mass_kg",
                problem=f"differs by {change:+.1%} from the {plain(before.body_mass_kg)} kg of "
                f"{before.timepoint} ({line_word(earlier.file)} {earlier.number}; believed: "
                f"{LARGEST_MASS_CHANGE:.0%})",
                remedy="correct the mass that is wrong",
            )
            yield Objection(fault, (later.number,))


def cycle_order(entries: Iterable[Entry]) -> Iterator[Objection]:
    """Object to cycles whose dates do not rise with their numbers.

    Neither of the two stands: visit windows count from these dates, and the earlier one may be
    the one that is wrong.
    """
    for (earlier, before), (later, after) in _consecutive_cycles(entries):
        if after.date <= before.date:
            yield _among(
                [earlier, later],
                column="date",
                value=str(after.date),
                problem=f"of cycle {after.cycle} is not after {before.date} of cycle "
                f"{before.cycle} ({_lines([earlier, later])})",
                remedy="correct the date or the number that is wrong",
            )


def _consecutive_vitals(
    entries: Iterable[Entry],
) -> Iterator[tuple[tuple[Entry, VitalsRow], tuple[Entry, VitalsRow]]]:
    rows = [(entry, entry.row) for entry in entries if isinstance(entry.row, VitalsRow)]
    rows.sort(key=lambda pair: (pair[1].participant, pair[1].measured_on, pair[1].timepoint))
    return (
        (one, next_) for one, next_ in pairwise(rows) if one[1].participant == next_[1].participant
    )


def _consecutive_cycles(
    entries: Iterable[Entry],
) -> Iterator[tuple[tuple[Entry, CycleRow], tuple[Entry, CycleRow]]]:
    rows = [(entry, entry.row) for entry in entries if isinstance(entry.row, CycleRow)]
    rows.sort(key=lambda pair: (pair[1].participant, pair[1].cycle))
    return (
        (one, next_) for one, next_ in pairwise(rows) if one[1].participant == next_[1].participant
    )


def _said(entry: Entry, column: str) -> str:
    # The row's value where there is one: a cycle may be written 1 or 1.0.
    if entry.row is not None:
        value = getattr(entry.row, column)
        if value is None:
            return ""
        return plain(value) if isinstance(value, Decimal) else str(value)
    readable = {"participant": entry.participant, "timepoint": entry.timepoint}
    return readable.get(column, entry.cells.get(column, ""))


def _lines(entries: list[Entry]) -> str:
    *first, last = sorted(entry.number for entry in entries)
    word = line_word(entries[0].file)
    return f"{word}s {', '.join(map(str, first))} and {last}"


def _among(
    entries: list[Entry],
    *,
    column: str,
    value: str,
    problem: str,
    remedy: str,
    out: list[Entry] | None = None,
) -> Objection:
    fault = entries[-1].fault(column=column, value=value, problem=problem, remedy=remedy)
    return Objection(fault, tuple(entry.number for entry in out or entries))
