"""What the rows of a study say about one another: repeats, strangers, leaps and wrong orders."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from operandi.records.plausible import LARGEST_MASS_CHANGE, plain
from operandi.records.rows import CycleRow, Entry, ParticipantRow, VitalsRow
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


_UNIQUE: Final[Mapping[str, tuple[str, ...]]] = {
    "participants": ("participant",),
    "imaging_visits": ("participant", "timepoint"),
    "vitals": ("participant", "timepoint"),
    "tracer_administrations": ("participant", "timepoint"),
    "cycles": ("participant", "cycle"),
    "reference_regions": ("participant", "timepoint", "organ"),
}


def repeated(entries: Iterable[Entry]) -> Iterator[Objection]:
    """Object to rows that say twice what can be so once.

    None of them stands, as nobody here knows which is right; a row that is faulty in itself
    counts, too.
    """
    groups: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        columns = _UNIQUE.get(entry.table, ())
        key = tuple(_said(entry, column) for column in columns)
        if key and all(key):
            groups[key].append(entry)
    for key, group in groups.items():
        if len(group) > 1:
            column = _UNIQUE[group[0].table][-1]
            yield _among(
                group,
                column=column,
                value=key[-1],
                problem=f"is recorded more than once, on {_lines(group)}",
                remedy="keep the row that is right",
            )


def unknown(entries: Iterable[Entry], participants: Iterable[Entry]) -> Iterator[Objection]:
    """Object to rows whose participant no row of ``participants`` names."""
    known = {entry.participant for entry in participants}
    for entry in entries:
        if entry.participant and entry.participant not in known:
            fault = entry.fault(
                column="participant",
                problem="is not in the table participants",
                remedy="correct the code, or add the participant there",
            )
            yield Objection(fault, (entry.number,))


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
        return str(getattr(entry.row, column))
    readable = {"participant": entry.participant, "timepoint": entry.timepoint}
    return readable.get(column, entry.cells.get(column, ""))


def _lines(entries: list[Entry]) -> str:
    *first, last = sorted(entry.number for entry in entries)
    word = line_word(entries[0].file)
    return f"{word}s {', '.join(map(str, first))} and {last}"


def _among(
    entries: list[Entry], *, column: str, value: str, problem: str, remedy: str
) -> Objection:
    fault = entries[-1].fault(column=column, value=value, problem=problem, remedy=remedy)
    return Objection(fault, tuple(entry.number for entry in entries))
