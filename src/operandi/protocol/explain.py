"""Rules, proofs and verdicts as sentences for people."""

from collections.abc import Iterator
from typing import Final

from operandi.protocol.format import Item, StudyProtocol
from operandi.protocol.kleene import Truth
from operandi.protocol.rules import (
    Age,
    AllRules,
    AllTests,
    AnyRule,
    AnyTest,
    AtLeastRules,
    Compare,
    Criteria,
    Days,
    Every,
    Is,
    Latest,
    NotRule,
    NotTest,
    OfRows,
    Present,
    Rule,
    Share,
    Some,
    Test,
    Until,
    Within,
)
from operandi.protocol.verdict import Asked, GateVerdict, Outcome, Proof, Verdict
from operandi.protocol.windows import Span
from operandi.records.plausible import plain

_MARKS: Final = {Truth.YES: "yes", Truth.NO: "no", Truth.UNKNOWN: "unknown"}


def rule_text(  # noqa: PLR0911 - one for each rule
    rule: Rule, study: StudyProtocol, *, span: Span | None = None
) -> str:
    """Say a rule as a sentence; with its window's days where *span* gives them."""
    match rule:
        case AllRules():
            return _listed(" and ", (rule_text(part, study) for part in rule.of))
        case AnyRule():
            return _listed(" or ", (rule_text(part, study) for part in rule.of))
        case AtLeastRules():
            parts = "; ".join(rule_text(part, study) for part in rule.of)
            return f"at least {rule.count} of: {parts}"
        case NotRule():
            return f"not ({rule_text(rule.of, study)})"
        case Age():
            return f"age {rule.relation} {rule.years} years on the day of {rule.anchor}"
        case Criteria():
            return f"{', '.join(rule.codes)} are met"
        case Latest() | Some() | Every() | Share() | Days():
            return f"{_rows_text(rule, study)}, {_when(rule, study, span)}"


def _rows_text(rule: OfRows, study: StudyProtocol) -> str:
    item = study.item[rule.item]
    match rule:
        case Latest():
            return f"{test_text(rule.test, item)}, latest result"
        case Some():
            count = f"at least {rule.at_least} of" if rule.at_least > 1 else "one of"
            return f"{count} {item.title}: {test_text(rule.test, item)}"
        case Every():
            among = test_text(rule.among, item)
            covers = "" if rule.covers is None else f", of every {study.item[rule.covers].title},"
            return f"each of {item.title}{covers} with {among}: {test_text(rule.test, item)}"
        case Share():
            among = "" if rule.among is None else f" with {test_text(rule.among, item)}"
            test = test_text(rule.test, item)
            return f"more than {rule.more_than} of {item.title}{among}: {test}"
        case Days():
            return f"{item.title} on at least {rule.at_least} day{'s' * (rule.at_least > 1)}"


def _when(rule: OfRows, study: StudyProtocol, span: Span | None) -> str:
    if span is not None:
        return str(span)
    return "on any day" if rule.window is None else str(study.window[rule.window])


def test_text(test: Test, item: Item) -> str:  # noqa: PLR0911 - one for each test
    """Say a test as a clause."""
    match test:
        case Is():
            allowed = [_shown(value) for value in test.one_of]
            return f"{_name(test.column, item)} is {' or '.join(allowed)}"
        case Compare():
            return f"{_name(test.column, item)} {test.relation} {_against(test)}"
        case Within():
            after = f" (unknown after {test.unknown_after})" if test.unknown_after else ""
            return f"{_words(test.column)} within {test.window.replace('_', ' ')}{after}"
        case Until():
            return f"{_words(test.column)} at {test.anchor} {test.offset} or before"
        case Present():
            return f"{_words(test.column)} is stated"
        case AllTests():
            return _listed(" and ", (test_text(part, item) for part in test.of))
        case AnyTest():
            return _listed(" or ", (test_text(part, item) for part in test.of))
        case NotTest():
            return f"not ({test_text(test.of, item)})"


def _against(test: Compare) -> str:
    if test.other_column is not None:
        return _words(test.other_column)
    if test.upper_limits is not None:
        return f"{plain(test.upper_limits)} × upper limit of normal"
    return f"{'' if test.value is None else plain(test.value)} {test.unit or ''}".strip()


def proof_lines(proof: Proof, study: StudyProtocol) -> Iterator[str]:
    """Write a proof as an indented tree: what was asked, the answer, and the facts."""
    yield from _lines(proof, study, _NO_ITEM, "")


def _lines(proof: Proof, study: StudyProtocol, item: Item, indent: str) -> Iterator[str]:
    if isinstance(proof.asked, OfRows):
        item = study.item[proof.asked.item]
    yield f"{indent}{_MARKS[proof.truth]}: {_asked(proof, study, item)}"
    if isinstance(proof.asked, Latest) and len(proof.parts) == 1 and not proof.parts[0].parts:
        # One row, one test: the rule's own sentence has said it.
        (proof,) = proof.parts
    for fact in proof.facts:
        where = ", ".join(filter(None, (str(fact.on or ""), fact.place)))
        yield f"{indent}  · {fact.item}: {fact.said}" + (f" ({where})" if where else "")
    if not proof.parts:
        for missing in sorted(proof.missing):
            yield f"{indent}  ? {missing.sentence}"
    for part in proof.parts:
        yield from _lines(part, study, item, indent + "  ")


def _asked(proof: Proof, study: StudyProtocol, item: Item) -> str:  # noqa: PLR0911
    asked: Asked = proof.asked
    match asked:
        case str():
            return asked
        case Latest() | Some() | Every() | Share() | Days():
            return rule_text(asked, study, span=proof.span)
        case AllRules():
            return "all of"
        case AnyRule() | AnyTest():
            return "one of"
        case AllTests():
            return "all at once"
        case AtLeastRules():
            return f"at least {asked.count} of"
        case NotRule() | NotTest():
            return "not"
        case Age() | Criteria():
            return rule_text(asked, study)
        case Is() | Compare() | Within() | Until() | Present():
            return test_text(asked, item)


def verdict_text(verdict: Verdict, study: StudyProtocol) -> str:
    """Say one verdict with its proof, what is missing, and how long it holds."""
    criterion = verdict.criterion
    lines = [f"{criterion.code} ({criterion.polarity}) {criterion.text}: {verdict.outcome}"]
    lines += [f"  {line}" for line in proof_lines(verdict.proof, study)]
    if verdict.outcome is Outcome.UNKNOWN:
        ways = (" and ".join(m.sentence for m in way) for way in verdict.alternatives)
        lines.append("  undetermined: " + "; or ".join(ways))
    if verdict.valid_until is not None:
        lines.append(f"  holds until {verdict.valid_until}")
    lines += [f"  caution: {caution}" for caution in verdict.cautions]
    return "\n".join(lines)


def gate_text(gate: GateVerdict) -> str:
    """Say in one line what a gate says, and in one more each what is missing or against."""
    where = "inclusion" if gate.cycle is None else f"cycle {gate.cycle}"
    lines = [f"{gate.gate} ({where}), {gate.reading} reading: {gate.eligibility}"]
    lines += [f"  {v.criterion.code} {v.criterion.text}: {v.outcome}" for v in gate.against]
    lines += [f"  {missing.sentence}" for missing in gate.missing]
    if gate.valid_until is not None:
        lines.append(f"  holds until {gate.valid_until}")
    return "\n".join(lines)


_NO_ITEM: Final = Item(title="it", ask="it", table="it")


def _name(column: str | None, item: Item) -> str:
    return item.title if column is None or column == item.column else _words(column)


def _words(column: str) -> str:
    return column.rpartition(".")[2].replace("_", " ")


def _shown(value: str | bool | int) -> str:  # noqa: FBT001 - a cell may be yes or no
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _listed(word: str, parts: Iterator[str]) -> str:
    several = list(parts)
    return several[0] if len(several) == 1 else "(" + word.join(several) + ")"
