"""The closed language of criteria, as a study file writes it.

A rule asks a participant's evidence; the tests within it ask one row. Each is a table with an
``op``; there is nothing else, and no free text is ever evaluated. Decision 0013.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from operandi.protocol.schedule_format import Amount, Code
from operandi.protocol.windows import OffsetText

Relation = Literal["<", "<=", "==", ">=", ">"]
Column = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")]
"""A column of the item's table, or ``table.column`` of the table that the item is joined with."""
ItemName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
WindowName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
CriterionCode = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$")]
GATE: Final = "GATE"
"""The anchor of the gate that is asked: inclusion, or the cycle to come."""


def _share(text: str) -> str:
    share = Fraction(text)
    if 0 <= share < 1:
        return text
    raise ValueError("a share is at least 0 and less than 1, such as '1/2'")


class Part(BaseModel):
    """What all parts of a study file have in common: nothing unknown passes, nothing changes."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


# --- Tests: what one row is asked -----------------------------------------------------------


class Is(Part):
    """The cell is one of these. Without a column, it is that of the item."""

    op: Literal["is"]
    column: Column | None = None
    one_of: Annotated[tuple[str | bool | int, ...], Field(min_length=1)]


class Compare(Part):
    """The number stands in a relation to a quantity, to limits of normal, or to another column."""

    op: Literal["compare"]
    column: Column | None = None
    relation: Relation
    value: Amount | None = None
    unit: str | None = None
    upper_limits: Amount | None = None
    other_column: Column | None = None

    def against(self) -> int:
        """How many things it is compared with: one, in a sound file."""
        return sum(x is not None for x in (self.value, self.upper_limits, self.other_column))


class Within(Part):
    """The day, or all that is possible of it, lies in a window.

    A day that may lie behind the anchor ``unknown_after`` is unknown: it does not tell what was
    before, as a last dose that was overwritten by later ones.
    """

    op: Literal["within"]
    column: Column
    window: WindowName
    unknown_after: Code | None = None


class Until(Part):
    """The instant lies so long before the anchor's day, or longer.

    The hour of an infusion is not recorded, nor is that of a *day_column*: both are intervals.
    What lies on a later day than the anchor's is unknown: it does not tell what was before.
    """

    op: Literal["until"]
    column: Column
    day_column: Column
    anchor: Code
    offset: OffsetText


class Present(Part):
    """The cell is filled. A blank one is unknown, never no."""

    op: Literal["present"]
    column: Column


class AllTests(Part):
    """Every test holds."""

    op: Literal["all"]
    of: Annotated[tuple["Test", ...], Field(min_length=1)]


class AnyTest(Part):
    """One of the tests holds."""

    op: Literal["any"]
    of: Annotated[tuple["Test", ...], Field(min_length=1)]


class NotTest(Part):
    """The test does not hold."""

    op: Literal["not"]
    of: "Test"


Test = Annotated[
    Is | Compare | Within | Until | Present | AllTests | AnyTest | NotTest,
    Field(discriminator="op"),
]

# --- Rules: what a participant's evidence is asked -------------------------------------------


class Latest(Part):
    """The latest row in the window passes the test.

    Of several rows on that day the one that is worst for the participant decides, and a query
    is raised. No row is "no" only by a review in the window ``reviewed`` that found none.
    """

    op: Literal["latest"]
    item: ItemName
    window: WindowName | None = None
    reviewed: WindowName | None = None
    test: Test


class Some(Part):
    """At least so many rows in the window pass the test.

    Too few are "no" only where the rows are all there are: by a review in the window
    ``reviewed`` that found none or says that they are recorded, or because one exam lists all.
    """

    op: Literal["some"]
    item: ItemName
    window: WindowName | None = None
    reviewed: WindowName | None = None
    at_least: Annotated[int, Field(ge=1)] = 1
    test: Test


class Every(Part):
    """Of the exam's rows that pass ``among``, each passes the test, and there is one.

    Each row of the item ``covers`` must be among the exam's, told by that item's column, which
    both have; one that is not there is unknown, and so is the rule where there is none.
    """

    op: Literal["every"]
    item: ItemName
    window: WindowName | None = None
    covers: ItemName | None = None
    among: Test
    test: Test


class Share(Part):
    """Of the exam's rows that pass ``among``, more than this share pass the test."""

    op: Literal["share"]
    item: ItemName
    window: WindowName | None = None
    among: Test | None = None
    test: Test
    more_than: Annotated[str, Field(pattern=r"^\d{1,4}/[1-9]\d{0,3}$"), AfterValidator(_share)]


class Days(Part):
    """There are rows of at least so many different days."""

    op: Literal["days"]
    item: ItemName
    window: WindowName | None = None
    at_least: Annotated[int, Field(ge=1)]


class Age(Part):
    """Age in completed years on the anchor's day, where birth is known to the month."""

    op: Literal["age"]
    relation: Literal["<", ">="]
    years: Annotated[int, Field(ge=0, le=130)]
    anchor: Code


class Criteria(Part):
    """Other criteria are met, under the same reading and at the same gate."""

    op: Literal["criteria"]
    codes: Annotated[tuple[CriterionCode, ...], Field(min_length=1)]


class AllRules(Part):
    """Every rule holds."""

    op: Literal["all"]
    of: Annotated[tuple["Rule", ...], Field(min_length=1)]


class AnyRule(Part):
    """One of the rules holds."""

    op: Literal["any"]
    of: Annotated[tuple["Rule", ...], Field(min_length=1)]


class NotRule(Part):
    """The rule does not hold."""

    op: Literal["not"]
    of: "Rule"


class AtLeastRules(Part):
    """So many of the rules hold."""

    op: Literal["at_least"]
    count: Annotated[int, Field(ge=1)]
    of: Annotated[tuple["Rule", ...], Field(min_length=1)]


Rule = Annotated[
    Latest
    | Some
    | Every
    | Share
    | Days
    | Age
    | Criteria
    | AllRules
    | AnyRule
    | NotRule
    | AtLeastRules,
    Field(discriminator="op"),
]
OfRows = Latest | Some | Every | Share | Days
"""Rules that ask the rows of an item."""

for _model in (
    AllTests,
    AnyTest,
    NotTest,
    Latest,
    Some,
    Every,
    Share,
    AllRules,
    AnyRule,
    NotRule,
    AtLeastRules,
):
    _model.model_rebuild()


def rules_in(rule: Rule) -> Iterator[Rule]:
    """Yield a rule and all within it."""
    yield rule
    match rule:
        case NotRule():
            yield from rules_in(rule.of)
        case AllRules() | AnyRule() | AtLeastRules():
            for part in rule.of:
                yield from rules_in(part)


def tests_in(test: Test) -> Iterator[Test]:
    """Yield a test and all within it."""
    yield test
    match test:
        case NotTest():
            yield from tests_in(test.of)
        case AllTests() | AnyTest():
            for part in test.of:
                yield from tests_in(part)


def tests_of(rule: Rule) -> Iterator[Test]:
    """Yield every test of one rule, those of rules within it left out."""
    match rule:
        case Latest() | Some():
            yield from tests_in(rule.test)
        case Every() | Share():
            if rule.among is not None:
                yield from tests_in(rule.among)
            yield from tests_in(rule.test)


def shared(rule: Rule, known: dict[Rule, Rule]) -> Rule:
    """Make equal rules one object, so that whoever answers them can see that they are the same.

    Two readings of a criterion mostly share their parts: it saves a third of the work.
    """
    match rule:
        case NotRule():
            rule = rule.model_copy(update={"of": shared(rule.of, known)})
        case AllRules() | AnyRule() | AtLeastRules():
            of = tuple(shared(part, known) for part in rule.of)
            rule = rule.model_copy(update={"of": of})
    return known.setdefault(rule, rule)
