"""The condition of a grade: a small closed language, evaluated in three values.

``> 3 ULN if baseline_normal or > 3 BASE if baseline_abnormal`` reads as written. ``or`` binds
least, then ``if``, then ``and``. The names are LLN, ULN (limits of normal) and BASE (the value
before treatment); ``+`` adds an absolute step.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Self

from operandi.quantities.errors import DataError

FACTS: Final = ("symptomatic", "anticoagulated", "fasting", "physiologic_consequences")
"""What the value itself does not say and a person states."""

_OF_THE_BASELINE: Final = ("baseline_normal", "baseline_abnormal")
_COMPARISON: Final = re.compile(
    r"(?P<sign>[<>]=?) (?:(?P<factor>[\d.]+) )?(?P<name>LLN|ULN|BASE)(?: \+ (?P<step>[\d.]+))?"
    r"|(?P<bare>[<>]=?) (?P<number>[\d.]+)"
)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a result, all in one unit.

    Parameters
    ----------
    value : Decimal
        The result.
    names : mapping of str to Decimal
        LLN, ULN and BASE, as far as they are known.
    facts : mapping of str to bool
        What a person stated, and whether the baseline was normal, as far as that is known.
    missing : set of str
        Filled by evaluation: the names and facts that were asked for in vain.
    """

    value: Decimal
    names: Mapping[str, Decimal]
    facts: Mapping[str, bool]
    missing: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``value <sign> factor * name + step``; without a name, the step alone."""

    sign: str
    name: str
    factor: Decimal
    step: Decimal

    def holds(self, known: Known) -> bool | None:
        """Compare; None where the name is not known."""
        if self.name and self.name not in known.names:
            known.missing.add(self.name)
            return None
        bound = self.step + (self.factor * known.names[self.name] if self.name else 0)
        match self.sign:
            case "<":
                return known.value < bound
            case "<=":
                return known.value <= bound
            case ">":
                return known.value > bound
            case _:
                return known.value >= bound


@dataclass(frozen=True, slots=True)
class Clause:
    """Comparisons that hold together, where a fact is so."""

    comparisons: tuple[Comparison, ...]
    fact: str = ""

    def holds(self, known: Known) -> bool | None:
        """Kleene's *and*; a comparison that fails decides before the fact is asked for."""
        compared = _all(one.holds(known) for one in self.comparisons)
        if compared is False or not self.fact:
            return compared
        if self.fact not in known.facts:
            known.missing.add(self.fact)
            return None
        return compared if known.facts[self.fact] else False


@dataclass(frozen=True, slots=True)
class Condition:
    """Clauses of which one must hold; without any, it never holds."""

    clauses: tuple[Clause, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a condition; a blank text never holds.

        Raises
        ------
        DataError
            If the text is not of the language.
        """
        if not text:
            return cls()
        return cls(tuple(_clause(part, whole=text) for part in text.split(" or ")))

    def holds(self, known: Known) -> bool | None:
        """Kleene's *or*."""
        answers = [clause.holds(known) for clause in self.clauses]
        if True in answers:
            return True
        return None if None in answers else False


def _all(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    if False in found:
        return False
    return None if None in found else True


def _clause(text: str, *, whole: str) -> Clause:
    compared, _, fact = text.partition(" if ")
    if fact and fact not in FACTS + _OF_THE_BASELINE:
        raise DataError(
            f"{fact!r} in {whole!r} is no fact that is known.",
            remedy=f"Known are {', '.join(FACTS + _OF_THE_BASELINE)}.",
        )
    return Clause(tuple(_comparison(one, whole=whole) for one in compared.split(" and ")), fact)


def _comparison(text: str, *, whole: str) -> Comparison:
    found = _COMPARISON.fullmatch(text)
    if not found:
        raise DataError(
            f"{text!r} in {whole!r} is no comparison.",
            remedy="Write such as '< 75', '> 3 ULN', '>= 1.5 BASE' or '> ULN + 20'.",
        )
    if found["bare"]:
        return Comparison(found["bare"], "", Decimal(1), Decimal(found["number"]))
    factor, step = Decimal(found["factor"] or 1), Decimal(found["step"] or 0)
    return Comparison(found["sign"], found["name"], factor, step)
