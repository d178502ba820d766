"""What screening says: a verdict on each criterion with its proof, and one on the participant.

A :class:`Proof` is a tree. Each node says what was asked, what the answer is, which facts it was
read from, and until which day it stays so. Of an unknown node the tree also says which facts
would settle it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import combinations
from typing import Final

from operandi.protocol.format import Criterion, Gate, ReadingName
from operandi.protocol.kleene import Truth
from operandi.protocol.rules import Rule, Test
from operandi.protocol.windows import Span

NEVER_ENDS: Final = date.max
"""Last day of what no passing of time changes."""
Asked = Rule | Test | str
"""What a node of a proof asks: part of the study file, or words of the engine's own."""
_MOST_SETS: Final = 16
"""Sets of missing facts that are carried up a tree; the smallest ones are kept."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What a row says, as it was recorded and, where units differ, converted.

    Parameters
    ----------
    item, said : str
        What it is about, and what it says.
    on : date or None
        The day it is dated.
    place : str
        File and line.
    """

    item: str
    said: str
    on: date | None
    place: str


@dataclass(frozen=True, slots=True, order=True)
class Missing:
    """A fact that is needed: the sentence says what, and of which days."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Query:
    """A question to the site about what is recorded; ``places`` are the files and lines."""

    sentence: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was asked, and why the answer is what it is.

    Parameters
    ----------
    truth : Truth
        The answer.
    asked : rule, test or str
        A part of the study file; words where the question is the engine's own.
    span : Span or None
        The days that evidence had to be of.
    parts : tuple of Proof
        Of which ``at_least`` had to hold.
    negated : bool
        The one part had *not* to hold.
    facts : tuple of Fact
        Read at this node.
    missing : frozenset of Missing
        Needed at this node.
    until : date
        Last day on which this is so, as far as windows move; meaningless where unknown.
    """

    truth: Truth
    asked: Asked
    span: Span | None = None
    parts: tuple["Proof", ...] = ()
    at_least: int = 0
    negated: bool = False
    facts: tuple[Fact, ...] = ()
    missing: frozenset[Missing] = frozenset()
    until: date = NEVER_ENDS

    def leaves(self) -> Iterator["Proof"]:
        """Yield the nodes that facts were read at."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def settled_by(self, wanted: Truth) -> tuple[frozenset[Missing], ...]:
        """Sets of missing facts, each of which may settle this as *wanted*; smallest first.

        One empty set where it is so already, none where it cannot become so.
        """
        if self.truth is not Truth.UNKNOWN:
            return (frozenset(),) if self.truth is wanted else ()
        if not self.parts:
            return (self.missing,)
        if self.negated:
            return self.parts[0].settled_by(~wanted)
        needed = _needed(self, wanted)
        already = sum(part.truth is wanted for part in self.parts)
        ways = [part.settled_by(wanted) for part in self.parts if part.truth is Truth.UNKNOWN]
        return _joined(ways, max(needed - already, 0))


def _needed(proof: Proof, wanted: Truth) -> int:
    """How many parts must be so: at least *n* for yes, all but *n* - 1 for no."""
    if wanted is Truth.YES:
        return proof.at_least
    return len(proof.parts) - proof.at_least + 1


def _joined(
    ways: list[tuple[frozenset[Missing], ...]], count: int
) -> tuple[frozenset[Missing], ...]:
    """Every way to settle *count* of the parts at once, without those that hold a smaller one."""
    ways = [way for way in ways if way]
    found: set[frozenset[Missing]] = set()
    # Where all are needed there is one choice; a choice of some of many is cut short.
    for number, chosen in enumerate(combinations(ways, count)):
        if number == 64 * _MOST_SETS:
            break
        sets: Iterable[frozenset[Missing]] = (frozenset(),)
        for way in chosen:
            sets = _smallest({one | other for one in sets for other in way})
        found.update(sets)
    return _smallest(found)


def _smallest(sets: Iterable[frozenset[Missing]]) -> tuple[frozenset[Missing], ...]:
    kept: list[frozenset[Missing]] = []
    for candidate in sorted(sets, key=lambda s: (len(s), sorted(s))):
        if not any(smaller <= candidate for smaller in kept):
            kept.append(candidate)
    return tuple(kept[:_MOST_SETS])


def until_of(truth: Truth, parts: tuple[Proof, ...], at_least: int) -> date:
    """Last day on which so many parts still make the answer what it is."""
    needed = at_least if truth is Truth.YES else len(parts) - at_least + 1
    lasting = sorted((part.until for part in parts if part.truth is truth), reverse=True)
    return lasting[needed - 1] if 0 < needed <= len(lasting) else NEVER_ENDS


class Outcome(StrEnum):
    """Whether a criterion is met."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


_OUTCOMES: Final[Mapping[Truth, Outcome]] = {
    Truth.YES: Outcome.MET,
    Truth.NO: Outcome.NOT_MET,
    Truth.UNKNOWN: Outcome.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether one criterion is met under one reading, and why.

    Parameters
    ----------
    criterion : Criterion
        In the record's words.
    reading : {"literal", "proposed"}
        How it was read.
    proof : Proof
        Why.
    cautions : tuple of str
        What a person should look at; they do not change the outcome.
    """

    criterion: Criterion
    reading: ReadingName
    proof: Proof
    cautions: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Whether the criterion is met."""
        return _OUTCOMES[self.proof.truth]

    @property
    def wanted(self) -> Truth:
        """What lets the participant in: an inclusion that is met, an exclusion that is not."""
        return Truth.YES if self.criterion.polarity == "inclusion" else Truth.NO

    @property
    def favorable(self) -> Truth:
        """Whether it lets the participant in."""
        return self.proof.truth if self.wanted is Truth.YES else ~self.proof.truth

    @property
    def alternatives(self) -> tuple[tuple[Missing, ...], ...]:
        """Smallest sets of facts that may let the participant in, where that is unknown."""
        if self.outcome is not Outcome.UNKNOWN:
            return ()
        sets = self.proof.settled_by(self.wanted)
        least = min(map(len, sets), default=0)
        return tuple(tuple(sorted(one)) for one in sets if len(one) == least)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """The first of ``alternatives``; empty where nothing is missing."""
        return next(iter(self.alternatives), ())

    @property
    def valid_until(self) -> date | None:
        """Last day on which the outcome stays so; None where time does not change it."""
        if self.outcome is Outcome.UNKNOWN or self.proof.until == NEVER_ENDS:
            return None
        return self.proof.until


class Eligibility(StrEnum):
    """What all criteria of a gate say together."""

    ELIGIBLE = "eligible"
    NOT_ELIGIBLE = "not eligible"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What one gate says under one reading.

    Parameters
    ----------
    gate : {"G1", "G2"}
        Inclusion, or go before a cycle.
    cycle : int or None
        Of G2.
    reading : {"literal", "proposed"}
        How every criterion was read.
    verdicts : tuple of Verdict
        In the order of the study file; only the criteria that this gate asks.
    """

    gate: Gate
    cycle: int | None
    reading: ReadingName
    verdicts: tuple[Verdict, ...]

    @property
    def eligibility(self) -> Eligibility:
        """Eligible if all criteria let in, not if one does not, else undetermined."""
        truths = {verdict.favorable for verdict in self.verdicts}
        if Truth.NO in truths:
            return Eligibility.NOT_ELIGIBLE
        return Eligibility.UNDETERMINED if Truth.UNKNOWN in truths else Eligibility.ELIGIBLE

    @property
    def against(self) -> tuple[Verdict, ...]:
        """The verdicts that keep the participant out."""
        return tuple(v for v in self.verdicts if v.favorable is Truth.NO)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """Facts that may let the participant in; empty unless undetermined.

        Of several smallest sets of one criterion the one that adds least to the others is taken.
        """
        if self.eligibility is not Eligibility.UNDETERMINED:
            return ()
        needed: dict[Missing, None] = {}
        for alternatives in sorted(
            (v.alternatives for v in self.verdicts if v.favorable is Truth.UNKNOWN), key=len
        ):
            fewest = min(alternatives, key=lambda one: len(set(one) - set(needed)), default=())
            needed.update(dict.fromkeys(fewest))
        return tuple(needed)

    @property
    def valid_until(self) -> date | None:
        """Last day on which the gate says the same; None where time does not change it."""
        match self.eligibility:
            case Eligibility.UNDETERMINED:
                return None
            case Eligibility.ELIGIBLE:
                day = min((v.proof.until for v in self.verdicts), default=NEVER_ENDS)
            case Eligibility.NOT_ELIGIBLE:
                day = max(v.proof.until for v in self.against)
        return None if day == NEVER_ENDS else day


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What is known of one participant's eligibility on one day.

    Parameters
    ----------
    participant : str
        Pseudonym.
    on : date
        Nothing dated later was looked at.
    gates : tuple of GateVerdict
        Inclusion, then each cycle that was given and the next one; each under both readings.
    queries : tuple of Query
        Questions to the site.
    cautions : tuple of str
        About the participant's site.
    """

    participant: str
    on: date
    gates: tuple[GateVerdict, ...]
    queries: tuple[Query, ...] = ()
    cautions: tuple[str, ...] = field(default=())

    def at(
        self, gate: Gate, *, reading: ReadingName = "proposed", cycle: int | None = None
    ) -> GateVerdict | None:
        """What a gate says under a reading; None where it was not asked."""
        key = (gate, reading, cycle)
        return next((g for g in self.gates if (g.gate, g.reading, g.cycle) == key), None)

    @property
    def differing(self) -> tuple[tuple[Gate, int | None, str], ...]:
        """Gate, cycle and criterion of each outcome that differs where both readings ask."""
        found = []
        for literal in self.gates:
            proposed = self.at(literal.gate, cycle=literal.cycle)
            if literal.reading == "literal" and proposed is not None:
                outcomes = {v.criterion.code: v.outcome for v in proposed.verdicts}
                found += [
                    (literal.gate, literal.cycle, v.criterion.code)
                    for v in literal.verdicts
                    if outcomes.get(v.criterion.code, v.outcome) is not v.outcome
                ]
        return tuple(found)
