"""What the rows of an item answer: the latest, some, every one, a share of them, their days."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from zoneinfo import ZoneInfo

from operandi.protocol.dating import Dating, EvidenceDays
from operandi.protocol.evidence import Evidence, Seen
from operandi.protocol.format import Item, StudyProtocol
from operandi.protocol.kleene import Truth, known
from operandi.protocol.row_tests import RowTests, joint, opposite
from operandi.protocol.rules import Days, Every, Latest, OfRows, Share, Some
from operandi.protocol.verdict import Fact, Missing, Proof, Query
from operandi.protocol.windows import Span


@dataclass(frozen=True, slots=True)
class RowRules:
    """Answers rules about rows for one participant at one gate.

    Parameters
    ----------
    study, evidence, dating
        Items and windows, rows, and days.
    zone : ZoneInfo
        In which a day begins.
    ask : function
        Takes queries.
    """

    study: StudyProtocol
    evidence: Evidence
    dating: Dating
    zone: ZoneInfo
    ask: Callable[[Query], object]
    _proofs: dict[tuple[int, bool], Proof] = field(default_factory=dict, compare=False, repr=False)

    def proof(self, rule: OfRows, *, adverse: bool) -> Proof:
        """Answer a rule; *adverse* says whether "yes" is the worse answer for the participant.

        Both readings share most rules: each is answered once.
        """
        key = (id(rule), adverse)
        if key not in self._proofs:
            self._proofs[key] = self._answered(rule, adverse=adverse)
        return self._proofs[key]

    def _answered(self, rule: OfRows, *, adverse: bool) -> Proof:
        item = self.study.item[rule.item]
        dated = self.dating.window(rule.window)
        rows = self.evidence.rows(rule.item, item)
        if dated.missing:
            missing = dated.missing
            if not rows and rule.window is not None:
                # The day alone would not settle it: say at once what must be of those days.
                days = str(self.study.window[rule.window]).replace(",", "")
                missing |= {Missing(f"needs {item.ask} dated {days}")}
            return Proof(truth=Truth.UNKNOWN, asked=rule, missing=missing)
        if rule.window is not None:
            rows = tuple(seen for seen in rows if seen.on is None or dated.span.holds(seen.on))
        tests = RowTests(item, self.evidence, self.dating, self.zone, self.ask)
        match rule:
            case Latest():
                return self._latest(rule, rows, tests, dated, adverse=adverse)
            case Some():
                return self._some(rule, rows, tests, dated)
            case Every():
                return self._every(rule, _of_latest_day(rows), tests, dated)
            case Share():
                return self._share(rule, _of_latest_day(rows), tests, dated)
            case Days():
                return self._days(rule, rows, item, dated)

    def _latest(
        self,
        rule: Latest,
        rows: tuple[Seen, ...],
        tests: RowTests,
        dated: EvidenceDays,
        *,
        adverse: bool,
    ) -> Proof:
        if not rows:
            return self._none(rule, tests.item, dated)
        day = _of_latest_day(rows)
        parts = tuple(_lasting(tests.proof(rule.test, seen), seen, dated) for seen in day)
        if len(parts) > 1:
            self._ask_which(day, tests)
        joined = joint(rule, parts, count=1 if adverse else len(parts))
        return _spanned(joined, dated.span)

    def _none(self, rule: Latest, item: Item, dated: EvidenceDays) -> Proof:
        """No row: no where a review says that there is none, else unknown."""
        missing = self._missing(item, dated.span)
        if item.review is not None:
            window = dated if rule.reviewed is None else self.dating.window(rule.reviewed)
            review = None
            if not window.missing:
                review = self.evidence.review(item.review, window.span)
                days = "" if rule.reviewed is None else self._dated_words(window.span)
                missing = Missing(missing.sentence + (f"; a review counts{days}" if days else ""))
            if review is not None and review.cell("finding") == "none":
                until = _holds_until(review, window)
                facts = (_review_fact(review),)
                return Proof(truth=Truth.NO, asked=rule, span=dated.span, facts=facts, until=until)
        return Proof(
            truth=Truth.UNKNOWN,
            asked=rule,
            span=dated.span,
            missing=frozenset({missing}),
        )

    def _some(
        self, rule: Some, rows: tuple[Seen, ...], tests: RowTests, dated: EvidenceDays
    ) -> Proof:
        if tests.item.exam:
            rows = _of_latest_days(rows, tests.item)
        parts = tuple(_lasting(tests.proof(rule.test, seen), seen, dated) for seen in rows)
        rest = self._rest(rule, tests.item, rows, dated)
        # Each row that may be missing could be one of those that are counted.
        copies = rule.at_least if rest.truth is Truth.UNKNOWN else 1
        return _spanned(joint(rule, parts + (rest,) * copies, count=rule.at_least), dated.span)

    def _rest(self, rule: Some, item: Item, rows: tuple[Seen, ...], dated: EvidenceDays) -> Proof:
        """Whether there may be rows beyond those that are there: no, or not known."""
        said = f"another row of {item.title}"
        if item.exam and rows:
            fact = Fact(item.title, "an exam lists all there was", rows[0].on, rows[0].place)
            until = _holds_until(rows[0], dated)
            return Proof(truth=Truth.NO, asked=said, facts=(fact,), until=until)
        if item.review is None:
            missing = self._missing(item, dated.span)
            return Proof(truth=Truth.UNKNOWN, asked=said, missing=frozenset({missing}))
        window = dated if rule.reviewed is None else self.dating.window(rule.reviewed)
        if window.missing:
            return Proof(truth=Truth.UNKNOWN, asked=said, missing=window.missing)
        review = self.evidence.review(item.review, window.span)
        topic = item.review.replace("_", " ")
        if review is None:
            when = self._dated_words(window.span)
            missing = Missing(f"needs a review of {topic} (reviews){when}")
            return Proof(truth=Truth.UNKNOWN, asked=said, missing=frozenset({missing}))
        fact = _review_fact(review)
        any_row = rows or self.evidence.tables.get(item.table)
        if review.cell("finding") == "recorded" and not any_row:
            missing = Missing(
                f"needs the rows of {item.table} that the review of {topic} on {review.on} "
                f"says are recorded ({review.place})"
            )
            return Proof(
                truth=Truth.UNKNOWN, asked=said, facts=(fact,), missing=frozenset({missing})
            )
        if review.cell("finding") == "none" and any_row:
            places = tuple(row.place for row in self.evidence.tables.get(item.table, ()))
            self.ask(
                Query(
                    f"The review of {topic} on {review.on} found none, but there are rows of "
                    f"{item.table}",
                    (review.place, *places),
                )
            )
        until = _holds_until(review, window)
        return Proof(truth=Truth.NO, asked=said, facts=(fact,), until=until)

    def _every(
        self, rule: Every, rows: tuple[Seen, ...], tests: RowTests, dated: EvidenceDays
    ) -> Proof:
        among = [(seen, tests.proof(rule.among, seen)) for seen in rows]
        parts = tuple(
            _lasting(
                joint(
                    "not one of these, or it passes",
                    (opposite(rule.among, chosen), tests.proof(rule.test, seen)),
                    count=1,
                ),
                seen,
                dated,
            )
            for seen, chosen in among
        )
        if all(chosen.truth is Truth.NO for _, chosen in among):
            such = "of the kind that is asked" if rows else ""
            missing = self._missing(tests.item, dated.span, such=such)
            return Proof(
                truth=Truth.UNKNOWN, asked=rule, span=dated.span, missing=frozenset({missing})
            )
        parts += self._uncovered(rule, rows, tests.item, dated)
        return _spanned(joint(rule, parts, count=len(parts)), dated.span)

    def _uncovered(
        self, rule: Every, rows: tuple[Seen, ...], item: Item, dated: EvidenceDays
    ) -> tuple[Proof, ...]:
        """An unknown part for each row that the exam should have covered and did not."""
        if rule.covers is None:
            return ()
        other = self.study.item[rule.covers]
        column = other.column or ""
        there = {seen.cell(column) for seen in rows}
        asked = {seen.cell(column): seen for seen in self.evidence.rows(rule.covers, other)}
        if not asked:
            missing = Missing(f"needs {other.ask}")
            said = f"whether each {other.title} is there"
            return (Proof(truth=Truth.UNKNOWN, asked=said, missing=frozenset({missing})),)
        what = (item.column or "row").replace("_", " ")
        days = self._dated_words(dated.span)
        return tuple(
            Proof(
                truth=Truth.UNKNOWN,
                asked=f"{item.title}: {other.title} {name}",
                facts=(Fact(other.title, f"{name}", seen.on, seen.place),),
                missing=frozenset(
                    {
                        Missing(
                            f"needs the {what} of {other.title} {name} among {item.title} "
                            f"({item.table}){days}"
                        )
                    }
                ),
            )
            for name, seen in asked.items()
            if name not in there
        )

    def _share(
        self, rule: Share, rows: tuple[Seen, ...], tests: RowTests, dated: EvidenceDays
    ) -> Proof:
        everyone = Proof(truth=Truth.YES, asked="every row")
        pairs = [
            (
                everyone if rule.among is None else tests.proof(rule.among, seen),
                tests.proof(rule.test, seen),
            )
            for seen in rows
        ]
        counted = [(among.truth, passed.truth) for among, passed in pairs]
        least, most = _share_bounds(counted)
        bound = Fraction(rule.more_than)
        facts = tuple(fact for _, passed in pairs for fact in passed.facts)
        if least is None or most is None:
            such = "that count" if rows else ""
            missing = self._missing(tests.item, dated.span, such=such)
            return Proof(
                truth=Truth.UNKNOWN,
                asked=rule,
                span=dated.span,
                facts=facts,
                missing=frozenset({missing}),
            )
        total = Fact(tests.item.title, f"{_counted(counted)}", rows[0].on, rows[0].place)
        if least > bound or most <= bound:
            return Proof(
                truth=known(least > bound),
                asked=rule,
                span=dated.span,
                facts=(total, *facts),
                until=_holds_until(rows[0], dated),
            )
        unknown = (leaf for pair in pairs for proof in pair for leaf in proof.leaves())
        missing_ = frozenset(m for leaf in unknown for m in leaf.missing)
        return Proof(
            truth=Truth.UNKNOWN,
            asked=rule,
            span=dated.span,
            facts=(total, *facts),
            missing=missing_,
        )

    def _days(self, rule: Days, rows: tuple[Seen, ...], item: Item, dated: EvidenceDays) -> Proof:
        firsts = {seen.on: seen for seen in rows}
        days = list(firsts.values())
        facts = tuple(Fact(item.title, "recorded", seen.on, seen.place) for seen in days)
        if len(days) < rule.at_least:
            more = rule.at_least - len(days)
            words = self._dated_words(dated.span)
            missing = Missing(f"needs {item.ask} of {more} more day{'s' * (more > 1)}{words}")
            return Proof(
                truth=Truth.UNKNOWN,
                asked=rule,
                span=dated.span,
                facts=facts,
                missing=frozenset({missing}),
            )
        until = _holds_until(days[rule.at_least - 1], dated)
        return Proof(truth=Truth.YES, asked=rule, span=dated.span, facts=facts, until=until)

    def _ask_which(self, day: tuple[Seen, ...], tests: RowTests) -> None:
        """Raise a query where the rows of one day say different things."""
        first = tests.value(day[0])
        if all(tests.value(seen) == first for seen in day):
            return
        said = "; ".join(f"{tests.said(seen)} ({seen.place})" for seen in day)
        self.ask(
            Query(
                f"{tests.item.title} of {day[0].on} is recorded differently: {said}. The worst "
                "for the participant counts until one is corrected",
                tuple(seen.place for seen in day),
            )
        )

    def _missing(self, item: Item, span: Span, *, such: str = "") -> Missing:
        such = f" {such}" if such else ""
        return Missing(f"needs {item.ask}{such}{self._dated_words(span)}")

    def _dated_words(self, span: Span) -> str:
        """Say "dated ...", as far as the window asks for more than that it has happened."""
        first, last = span.first, span.last
        if last is not None and last == self.evidence.on:
            last = None
        if first is None and last is None:
            return ""
        if first is None:
            return f" dated {last} or earlier"
        return f" dated {Span(first, last)}"


def _of_latest_day(rows: tuple[Seen, ...]) -> tuple[Seen, ...]:
    return tuple(seen for seen in rows if seen.on == rows[0].on)


def _of_latest_days(rows: tuple[Seen, ...], item: Item) -> tuple[Seen, ...]:
    """Rows of the latest day of an exam, or of each of its parts that is asked by itself."""
    if item.latest_of_each is None:
        return _of_latest_day(rows)
    column = item.latest_of_each
    latest: dict[object, date | None] = {}
    for seen in rows:  # the latest first
        latest.setdefault(seen.cell(column), seen.on)
    return tuple(seen for seen in rows if seen.on == latest[seen.cell(column)])


def _holds_until(seen: Seen, dated: EvidenceDays) -> date:
    return dated.holds_day_until(seen.on)


def _lasting(proof: Proof, seen: Seen, dated: EvidenceDays) -> Proof:
    """An answer ends with the day on which its row falls out of the window."""
    until = _holds_until(seen, dated)
    return proof if until >= proof.until else _ending(proof, until)


def _ending(proof: Proof, until: date) -> Proof:
    return Proof(
        truth=proof.truth,
        asked=proof.asked,
        span=proof.span,
        parts=proof.parts,
        at_least=proof.at_least,
        negated=proof.negated,
        facts=proof.facts,
        missing=proof.missing,
        until=until,
    )


def _spanned(proof: Proof, span: Span) -> Proof:
    return Proof(
        truth=proof.truth,
        asked=proof.asked,
        span=span,
        parts=proof.parts,
        at_least=proof.at_least,
        until=proof.until,
    )


def _review_fact(review: Seen) -> Fact:
    topic = str(review.cell("topic")).replace("_", " ")
    finding = review.cell("finding")
    said = "found none" if finding == "none" else "says that all are recorded"
    return Fact(f"review of {topic}", said, review.on, review.place)


def _share_bounds(
    counted: list[tuple[Truth, Truth]],
) -> tuple[Fraction | None, Fraction | None]:
    """Smallest and largest share that the rows leave possible; None where none may count.

    A row that may or may not count is left out of the smallest share if it passes, and counts in
    it if it may not; for the largest the other way round.
    """
    if all(among is not Truth.YES for among, _ in counted):
        return None, None
    low = high = low_of = high_of = 0
    for among, passed in counted:
        if among is Truth.NO:
            continue
        sure = among is Truth.YES
        if sure or passed is not Truth.YES:
            low_of += 1
            low += passed is Truth.YES
        if sure or passed is not Truth.NO:
            high_of += 1
            high += passed is not Truth.NO
    return Fraction(low, low_of), Fraction(high, high_of)


def _counted(counted: list[tuple[Truth, Truth]]) -> str:
    among = [passed for chosen, passed in counted if chosen is Truth.YES]
    return f"{sum(passed is Truth.YES for passed in among)} of {len(among)}"
