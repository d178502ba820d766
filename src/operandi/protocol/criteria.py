"""The engine: a rule of the study file and a participant's evidence give an answer with its proof.

Everything is three-valued. Silence is never "no": rows that are not there count as absent only
where a dated review says so, or where the rows of one exam list all there was.
"""

from datetime import date, timedelta

from operandi.protocol.format import Criterion, ReadingName, StudyProtocol
from operandi.protocol.kleene import Truth, known
from operandi.protocol.row_rules import RowRules
from operandi.protocol.row_tests import joint, opposite
from operandi.protocol.rules import (
    Age,
    AllRules,
    AnyRule,
    AtLeastRules,
    Criteria,
    Days,
    Every,
    Latest,
    NotRule,
    Rule,
    Share,
    Some,
)
from operandi.protocol.verdict import NEVER_ENDS, Fact, Missing, Proof, Verdict
from operandi.protocol.windows import Span, months_after


class Engine:
    """Answers the rules of one study for one participant at one gate under one reading.

    Parameters
    ----------
    study : StudyProtocol
        Its criteria.
    rows : RowRules
        Answers what is asked of the participant's rows at this gate.
    reading : {"literal", "proposed"}
        How the criteria are read.
    """

    __slots__ = ("_criteria", "_reading", "_rows", "_verdicts")

    def __init__(self, study: StudyProtocol, rows: RowRules, *, reading: ReadingName) -> None:
        self._criteria = {criterion.code: criterion for criterion in study.criterion}
        self._reading = reading
        self._rows = rows
        self._verdicts: dict[str, Verdict | None] = {}

    def verdicts(self) -> tuple[Verdict, ...]:
        """Judge every criterion that the gate asks."""
        return tuple(filter(None, map(self.verdict, self._criteria)))

    def verdict(self, code: str) -> Verdict | None:
        """Judge one criterion; None where the gate does not ask it."""
        if code not in self._verdicts:
            self._verdicts[code] = self._judged(self._criteria[code])
        return self._verdicts[code]

    def _judged(self, criterion: Criterion) -> Verdict | None:
        reading = criterion.reading(self._reading)
        if reading is None:
            return self._unencoded(criterion)
        rule = reading.rule_at(self._rows.dating.gate, self._rows.dating.cycle)
        if rule is None:
            return None
        cautions = tuple(
            caution.say
            for caution in reading.cautions
            if self.proof(caution.unless, adverse=False).truth is not Truth.YES
        )
        return Verdict(
            criterion=criterion,
            reading=self._reading,
            proof=self.proof(rule, adverse=criterion.polarity == "exclusion"),
            cautions=cautions,
        )

    def _unencoded(self, criterion: Criterion) -> Verdict:
        """Which gates ask it nobody knows either: every one does, and none lets in."""
        sentence = f"criterion {criterion.code} is not encoded yet"
        proof = Proof(
            truth=Truth.UNKNOWN, asked=criterion.text, missing=frozenset({Missing(sentence)})
        )
        return Verdict(criterion=criterion, reading=self._reading, proof=proof)

    def proof(  # noqa: PLR0911 - one for each rule
        self, rule: Rule, *, adverse: bool
    ) -> Proof:
        """Answer a rule.

        Parameters
        ----------
        rule : Rule
            Part of a study that was checked.
        adverse : bool
            Whether "yes" is the worse answer for the participant; it settles which of two
            results of one day counts.
        """
        match rule:
            case AllRules():
                parts = tuple(self.proof(part, adverse=adverse) for part in rule.of)
                return joint(rule, parts, count=len(parts))
            case AnyRule():
                parts = tuple(self.proof(part, adverse=adverse) for part in rule.of)
                return joint(rule, parts, count=1)
            case AtLeastRules():
                parts = tuple(self.proof(part, adverse=adverse) for part in rule.of)
                return joint(rule, parts, count=rule.count)
            case NotRule():
                return opposite(rule, self.proof(rule.of, adverse=not adverse))
            case Age():
                return self._age(rule)
            case Criteria():
                return self._of_criteria(rule)
            case Latest() | Some() | Every() | Share() | Days():
                return self._rows.proof(rule, adverse=adverse)

    def _of_criteria(self, rule: Criteria) -> Proof:
        verdicts = [self.verdict(code) for code in rule.codes]
        parts = tuple(verdict.proof for verdict in verdicts if verdict is not None)
        return joint(rule, parts, count=len(parts))

    def _age(self, rule: Age) -> Proof:
        moment = self._rows.dating.moment(rule.anchor)
        if moment.on is None:
            return Proof(truth=Truth.UNKNOWN, asked=rule, missing=moment.missing)
        person = self._rows.evidence.participant
        born = date(person.birth_year, person.birth_month, 1)
        place = next((row.place for row in self._rows.evidence.tables.get("participants", ())), "")
        fact = Fact("birth", f"{born:%Y-%m}", None, place)
        span = Span(moment.on, moment.on)
        first = months_after(born, 12 * rule.years)
        last = months_after(born, 12 * rule.years + 1) - timedelta(days=1)
        if first <= moment.on < last:
            missing = Missing(
                f"needs the site's word whether the participant was {rule.years} on {moment.on}: "
                f"the birth is recorded as {born:%Y-%m}, so that the birthday lies from {first} "
                f"to {last}"
            )
            return Proof(
                truth=Truth.UNKNOWN,
                asked=rule,
                span=span,
                facts=(fact,),
                missing=frozenset({missing}),
            )
        reached = moment.on >= last
        return Proof(
            truth=known(reached == (rule.relation == ">=")),
            asked=rule,
            span=span,
            facts=(fact,),
            until=first - timedelta(days=1) if moment.moves and not reached else NEVER_ENDS,
        )
