"""What happened to a participant: visits, adverse events, follow-up, death."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from operandi.records.cells import (
    AnyDay,
    Blank,
    Border,
    Code,
    Day,
    Partial,
    Text,
    YesNo,
    future,
)
from operandi.records.limits import contradicted, disorder
from operandi.records.row import PersonRow


class VisitDoneRow(PersonRow):
    """A visit of the schedule that took place, was missed or is canceled."""

    key = ("participant", "visit", "on")

    visit: Text = Field(description="code of the visit, as the study file names it")
    on: AnyDay = Field(description="the day; in the future only where it is canceled")
    state: Code[Literal["done", "missed", "cancelled"]] = Field(description="what became of it")
    reason: Blank[Text] = Field(None, description="why it was missed or canceled")

    def contradictions(self, border: Border) -> Iterator[PydanticCustomError]:
        """A visit that took place on a day to come."""
        if self.state != "cancelled":
            yield from future(self.on, border, column="on")


class AdverseEventRow(PersonRow):
    """An adverse event, one row a grade: a grade that changes ends one row and begins another."""

    term: Text = Field(description="the event, as the investigator names it")
    code: Blank[Text] = Field(None, description="short code of the CTCAE term")
    ctcae_version: Code[Literal[4, 5, 6]] = Field(description="by which it was graded")
    grade: Code[Literal[1, 2, 3, 4, 5]] = Field(description="5 is death")
    started_on: Partial = Field(description="first day")
    ended_on: Blank[Partial] = Field(None, description="last day")
    ongoing: YesNo = Field(description="whether it goes on; then without a last day")
    serious: YesNo = Field(description="whether it was serious, which is no grade")
    related: Code[Literal["related", "possibly", "unrelated", "unknown"]] = Field(
        description="to the study's treatment"
    )
    action: Blank[Text] = Field(None, description="what was done")
    outcome: Blank[Text] = Field(None, description="how it ended")

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """An end before the start, or of what goes on."""
        yield from disorder(self.started_on, self.ended_on, names=("started_on", "ended_on"))
        if self.ongoing:
            yield from contradicted(self, because="ongoing, which is yes", columns=("ended_on",))


class FollowUpRow(PersonRow):
    """What is known of a participant on a day after treatment."""

    key = ("participant", "on")

    on: Day = Field(description="day of which this is known")
    alive: YesNo = Field(description="whether the participant lived")
    disease: Blank[Code[Literal["no_progression", "progression", "not_assessed"]]] = Field(
        None, description="state of the disease"
    )
    new_therapy: Blank[YesNo] = Field(None, description="whether another treatment was begun")
    contact: Blank[Code[Literal["visit", "telephone", "letter", "registry"]]] = Field(
        None, description="how it is known"
    )


class DeathRow(PersonRow):
    """A death: at most one row a participant."""

    key = ("participant",)

    died_on: Partial = Field(description="day of death")
    cause: Code[Literal["tumor", "treatment", "other", "unknown"]] = Field(description="of what")
