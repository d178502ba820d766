"""What a study file may say, as models; the JSON Schema is published from them.

``study.read_study`` reads a file. The calendar's sections are in ``schedule_format``, the language
of criteria in ``rules``. Decision 0013.
"""

from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from operandi.protocol.rules import (
    Column,
    CriterionCode,
    ItemName,
    Part,
    Rule,
    WindowName,
    shared,
)
from operandi.protocol.schedule_format import Amount, Code, SchedulePlan, Window, Words

FORMAT: Final = 1
"""Raised where a file that was read before would be read in another way or refused."""

Gate = Literal["G1", "G2"]
"""G1 at inclusion; G2, go or no-go, before a cycle."""
ReadingName = Literal["literal", "proposed"]
READINGS: Final[tuple[ReadingName, ...]] = ("literal", "proposed")
TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class About(Part):
    """Which study it is, and where its wording comes from."""

    code: Words
    title: Words
    source: Words
    transcription: Literal["full", "reduced"]
    sponsor: str = ""
    sponsor_code: str = ""
    target: Annotated[int, Field(ge=1)] | None = None
    starts_on: date | None = None
    completes_on: date | None = None
    timezone: Words
    ctcae_version: Literal[4, 5, 6] | None = None


class Hospital(Part):
    """A legal site: who may see which participants."""

    code: Code
    name: Words


class Recruitment(Part):
    """What a department does from a day on, until the next entry."""

    since: date
    status: Literal["recruiting", "not_yet", "paused", "closed"]


class Department(Part):
    """Where participants are enrolled; ``participants.site`` names it."""

    code: Code
    name: Words
    hospital: Code | None = None
    recruitment: tuple[Recruitment, ...] = ()

    def recruits(self, on: date) -> bool | None:
        """Whether it enrolls on that day; None where nothing is said of the day."""
        past = [entry for entry in self.recruitment if entry.since <= on]
        if not past:
            return None
        return max(past, key=lambda entry: entry.since).status == "recruiting"


class Arm(Part):
    """A group of participants, and what its participants get."""

    code: Code
    title: Words
    interventions: tuple[Code, ...] = ()


class Intervention(Part):
    """What is given or done."""

    code: Code
    title: Words
    kind: Literal["drug", "radiopharmaceutical", "procedure", "imaging", "biological", "other"]


class Join(Part):
    """Rows of another table that say more of an item's rows, found by equal columns."""

    table: TableName
    on: Annotated[tuple[Column, ...], Field(min_length=1)]


class Item(Part):
    """A piece of evidence: which rows of which table, and what is read from them.

    ``ask`` completes "needs ...". ``not_known`` are codes that say nobody knows. ``review`` is
    the topic of a review that vouches for absent rows; ``exam`` says that the rows of one day
    list all there was. Where an exam may take several days (one part of the body by CT, another
    by MRI), ``latest_of_each`` names the column of which each value is asked of its latest day.
    """

    title: Words
    ask: Words
    table: TableName
    where: dict[Column, str | bool | int | tuple[str | int, ...]] = Field(default_factory=dict)
    column: Column | None = None
    date: Column | None = None
    unit: str | None = None
    molar_mass_g_mol: Amount | None = None
    loinc: tuple[Annotated[str, Field(pattern=r"^\d{1,6}-\d$")], ...] = ()
    not_known: tuple[str, ...] = ()
    review: str | None = None
    exam: bool = False
    latest_of_each: Column | None = None
    join: Join | None = None


class Caution(Part):
    """What is said beside a verdict unless a rule holds; it never changes the verdict."""

    unless: Rule
    say: Words


class Reading(Part):
    """One way to understand a criterion."""

    rule: Rule
    rule_before_cycle: Rule | None = None
    reason: str = ""
    gates: Annotated[tuple[Gate, ...], Field(min_length=1)] = ("G1",)
    cycles: Literal["first", "every"] = "first"
    cautions: tuple[Caution, ...] = ()

    def with_shared_rules(self, known: dict[Rule, Rule]) -> Self:
        """The same reading, its rules those in *known* where they are equal."""
        before = self.rule_before_cycle
        cautions = tuple(
            caution.model_copy(update={"unless": shared(caution.unless, known)})
            for caution in self.cautions
        )
        return self.model_copy(
            update={
                "rule": shared(self.rule, known),
                "rule_before_cycle": None if before is None else shared(before, known),
                "cautions": cautions,
            }
        )

    def rule_at(self, gate: Gate, cycle: int | None) -> Rule | None:
        """The rule that counts at a gate; None where the criterion is not asked there."""
        if gate not in self.gates or (gate == "G2" and self.cycles == "first" and cycle != 1):
            return None
        return self.rule_before_cycle or self.rule if gate == "G2" else self.rule


class Criterion(Part):
    """A criterion in the record's words, and how it is read.

    Without a literal reading the proposed one is both. One that is ``unencoded`` has no reading:
    every gate asks it, and its answer is unknown until a person encodes it.
    """

    code: CriterionCode
    polarity: Literal["inclusion", "exclusion"]
    text: Words
    group: CriterionCode | None = None
    ambiguity: str = ""
    status: Literal["encoded", "unencoded"] = "encoded"
    literal: Reading | None = None
    proposed: Reading | None = None

    @model_validator(mode="after")
    def _is_read(self) -> Self:
        readings = (self.literal, self.proposed)
        if self.status == "unencoded" and any(readings):
            raise ValueError('status: remove "unencoded", since the criterion has a reading')
        if self.status == "encoded" and self.proposed is None:
            raise ValueError(
                'proposed: is missing; add it, or status = "unencoded" until it is written'
            )
        if self.literal is not None and not all(r.reason for r in readings if r is not None):
            raise ValueError("reason: where there are two readings, each says why")
        return self

    def with_shared_rules(self, known: dict[Rule, Rule]) -> Self:
        """The same criterion, its rules those in *known* where they are equal."""
        literal = None if self.literal is None else self.literal.with_shared_rules(known)
        proposed = None if self.proposed is None else self.proposed.with_shared_rules(known)
        return self.model_copy(update={"literal": literal, "proposed": proposed})

    def reading(self, name: ReadingName) -> Reading | None:
        """How it is read under a name; None where it is not encoded yet."""
        return self.literal if name == "literal" and self.literal is not None else self.proposed


class Group(Part):
    """Words that stand above several criteria."""

    code: CriterionCode
    text: Words
    ambiguity: str = ""


class Laboratory(Part):
    """What is measured at laboratory visits."""

    visits: Annotated[tuple[Code, ...], Field(min_length=1)]
    items: Annotated[tuple[ItemName, ...], Field(min_length=1)]


class Endpoint(Part):
    """What the study measures; ``proposed`` where the record names none."""

    code: Code
    title: Words
    kind: Literal["primary", "secondary", "exploratory"]
    status: Literal["registered", "proposed"]
    reason: str = ""


class ExpectedSeries(Part):
    """A series that a visit's imaging must hold."""

    modality: Literal["PT", "MR", "CT"]
    what: Words
    required: bool = True


class Imaging(Part):
    """The imaging protocol of visits."""

    visits: Annotated[tuple[Code, ...], Field(min_length=1)]
    tracer: Words
    status: Literal["registered", "proposed"]
    reason: str = ""
    series: Annotated[tuple[ExpectedSeries, ...], Field(min_length=1)]


class Recist(Part):
    """Which response criteria, and what they leave to the study."""

    version: Literal["1.1"]
    status: Literal["registered", "proposed"]
    reason: str = ""


class StudyProtocol(SchedulePlan):
    """A whole study as data."""

    format: Literal[1]
    study: About
    hospital: tuple[Hospital, ...] = ()
    department: tuple[Department, ...] = ()
    arm: tuple[Arm, ...] = ()
    intervention: tuple[Intervention, ...] = ()
    item: dict[ItemName, Item]
    window: dict[WindowName, Window] = Field(default_factory=dict)
    group: tuple[Group, ...] = ()
    criterion: Annotated[tuple[Criterion, ...], Field(min_length=1)]
    laboratory: tuple[Laboratory, ...] = ()
    endpoint: tuple[Endpoint, ...] = ()
    imaging: tuple[Imaging, ...] = ()
    recist: Recist | None = None

    def with_shared_rules(self) -> Self:
        """The same study, rules that are equal being one object."""
        known: dict[Rule, Rule] = {}
        criteria = tuple(criterion.with_shared_rules(known) for criterion in self.criterion)
        return self.model_copy(update={"criterion": criteria})

    def criterion_named(self, code: str) -> Criterion | None:
        """Find a criterion."""
        return next((c for c in self.criterion if c.code == code), None)

    @property
    def unencoded(self) -> tuple[Criterion, ...]:
        """The criteria that nobody has encoded yet."""
        return tuple(c for c in self.criterion if c.status == "unencoded")

    def department_named(self, code: str) -> Department | None:
        """Find a department."""
        return next((d for d in self.department if d.code == code), None)


def json_schema() -> dict[str, Any]:
    """Describe a study file for editors and other programs, as JSON Schema 2020-12."""
    schema = StudyProtocol.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Operandi study file, format {FORMAT}",
        **{key: value for key, value in schema.items() if key != "title"},
    }
