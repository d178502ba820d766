"""Whether a card may speak of a participant: every reason against it, named at once."""

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.card import CardColumn, ModelCard
from operandi.signatures.card_chain import drivers_of_all, harmonized_by
from operandi.signatures.given_values import GivenParticipant, GivenValue, seen_words

RefusalKind = Literal[
    "seen", "unknown", "unit", "value", "missing", "range", "site", "preparation", "joint"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRefusal:
    """A reason why nothing is foretold.

    Parameters
    ----------
    kind : str
    column : str
        Which it concerns; empty for none.
    what : str
        In a sentence.
    remedy : str
    """

    kind: RefusalKind
    column: str
    what: str
    remedy: str


class PredictionRefusedError(DataError):
    """A participant of whom a card does not speak. ``refusals`` says why, all at once."""

    def __init__(
        self, what: str, *, remedy: str = "", refusals: tuple[PredictionRefusal, ...] = ()
    ) -> None:
        super().__init__(what, remedy=remedy)
        self.refusals = refusals

    def __reduce__(self) -> tuple[object, ...]:
        return (_refused, (self.what, self.remedy, self.refusals))


def _refused(
    what: str, remedy: str, refusals: tuple[PredictionRefusal, ...]
) -> PredictionRefusedError:
    return PredictionRefusedError(what, remedy=remedy, refusals=refusals)


def refuse_for(refusals: tuple[PredictionRefusal, ...], *, participant: str) -> None:
    """Raise all reasons as one error; none raise nothing.

    Raises
    ------
    PredictionRefusedError
        With each reason on a line of its own.
    """
    if not refusals:
        return
    lines = "\n".join(one.what for one in refusals)
    remedies = dict.fromkeys(one.remedy for one in refusals)
    raise PredictionRefusedError(
        f"No risk is given of {participant}:\n{lines}",
        remedy="\n".join(remedies),
        refusals=refusals,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedValues:
    """Values as the model takes them, and what speaks against each.

    Parameters
    ----------
    values : mapping of str to float
        Those that are there.
    refusals : tuple of PredictionRefusal
    notes : tuple of str
        What does not stand in the way, and must be said.
    """

    values: Mapping[str, float]
    refusals: tuple[PredictionRefusal, ...]
    notes: tuple[str, ...]


def checked_values(card: ModelCard, given: GivenParticipant) -> CheckedValues:
    """Turn what is given into what the model takes: units, levels, logarithms and ranges.

    A column without influence on the risk is refused for its unit alone: its range is noted.
    """
    drivers = set(drivers_of_all(card.fits))
    known = {one.name for one in card.columns}
    values: dict[str, float] = {}
    refusals = [_unknown(name, known) for name in given.values if name not in known]
    notes: list[str] = []
    for column in card.columns:
        one = given.values.get(column.name)
        if one is None or one.value is None or _is_nan(one.value):
            if column.name in drivers and column.name not in card.missing.filled:
                refusals.append(_missing(column))
            continue
        found = _taken(column, one)
        if isinstance(found, PredictionRefusal):
            refusals.append(found)
            continue
        values[column.name] = found
        if outside := _outside(card, column, found):
            if column.name in drivers:
                refusals.append(outside)
            else:
                notes.append(f"{outside.what} It has no influence on this risk.")
    refusals += _site(card, given)
    return CheckedValues(values=values, refusals=tuple(refusals), notes=tuple(notes))


def _unknown(name: str, known: set[str]) -> PredictionRefusal:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return PredictionRefusal(
        kind="unknown",
        column=name,
        what=f"{name} is no column of the card.",
        remedy=f"Rename it {near[0]} if that is meant." if near else f"Take {name} out.",
    )


def _missing(column: CardColumn) -> PredictionRefusal:
    return PredictionRefusal(
        kind="missing",
        column=column.name,
        what=f"{column.name} is missing, and nothing in the model's preparation fills it.",
        remedy=f"Supply {column.name} ({column.source}, {column.known_at}).",
    )


def _taken(column: CardColumn, given: GivenValue) -> float | PredictionRefusal:
    if given.unit != column.unit:
        needed = column.unit or "none"
        return PredictionRefusal(
            kind="unit",
            column=column.name,
            what=f"{column.name} needs the unit {needed}; found {given.unit or 'none'}.",
            remedy=f"Give {column.name} in {needed}."
            if column.unit
            else f"Give {column.name} without a unit.",
        )
    value = given.value
    if isinstance(value, str):
        found = column.levels.get(value)
        levels = ", ".join(column.levels) or "a number"
        what = f"{column.name} needs {levels}; found {value!r}."
        return _no_value(column, what) if found is None else found
    assert value is not None  # noqa: S101 - missing ones were told apart before
    if not math.isfinite(value):
        return _no_value(column, f"{column.name} needs a finite number; found {value:g}.")
    if column.logged and not given.logged:
        return _logarithm(column, value)
    return float(value)


def _logarithm(column: CardColumn, value: float) -> float | PredictionRefusal:
    if value <= 0.0:
        what = f"{column.name} is taken as a logarithm and needs a value > 0; found {value:g}."
        return _no_value(column, what)
    # As the tables of a plan take it: the ends of the range are inside to the last bit.
    return float(np.log(value))


def _no_value(column: CardColumn, what: str) -> PredictionRefusal:
    return PredictionRefusal(
        kind="value", column=column.name, what=what, remedy=f"Correct {column.name}."
    )


def _outside(card: ModelCard, column: CardColumn, value: float) -> PredictionRefusal | None:
    seen = column.seen
    if column.levels:
        if value in column.seen_levels:
            return None
    elif seen is not None and seen.minimum <= value <= seen.maximum:
        return None
    shown = math.exp(min(value, 700.0)) if column.logged else value
    code = next((name for name, at in column.levels.items() if at == value), f"{shown:.6g}")
    return PredictionRefusal(
        kind="range",
        column=column.name,
        what=f"{column.name} is {code}; seen in training: {seen_words(card, column.name)}.",
        remedy="Nothing is known there. Check the value; if it is right, the card does not speak "
        "of this participant.",
    )


def _site(card: ModelCard, given: GivenParticipant) -> Iterator[PredictionRefusal]:
    learned = harmonized_by(card.fits)
    if learned is None or given.site in learned["sites"]:
        return
    sites = ", ".join(learned["sites"])
    if not given.site:
        yield PredictionRefusal(
            kind="site",
            column="",
            what=f"The model harmonizes sites ({sites}) and needs the participant's.",
            remedy="Give the site.",
        )
    elif learned["unseen"] == "refuse":
        yield PredictionRefusal(
            kind="site",
            column="",
            what=f"The model harmonizes sites ({sites}) and does not know {given.site}.",
            remedy="Its plan refuses other sites: nothing can be foretold there.",
        )


def _is_nan(value: float | str) -> bool:
    return isinstance(value, float) and math.isnan(value)
