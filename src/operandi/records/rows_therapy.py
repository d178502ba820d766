"""What a participant is and was treated with, and which cycles are planned."""

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
    Instant,
    Partial,
    Text,
    YesNo,
    refusal,
)
from operandi.records.limits import CycleNumber, disorder
from operandi.records.row import PersonRow


class TherapyRow(PersonRow):
    """A treatment, other than the cycles of this study. That there is none is said in `reviews`."""

    kind: Code[
        Literal[
            "external_beam",
            "sirt",
            "chemotherapy",
            "targeted",
            "interferon",
            "ssa_long_acting",
            "ssa_short_acting",
            "prrt",
            "other_radionuclide",
            "immunotherapy",
            "liver_embolization",
            "surgery",
            "other_antitumor",
            "other",
        ]
    ] = Field(description="what kind of treatment")
    agent: Blank[Text] = Field(None, description="the drug or source, in words")
    started_on: Blank[Partial] = Field(None, description="first day")
    last_on: Blank[Partial] = Field(None, description="last day, or day of the last dose")
    last_at: Blank[Instant] = Field(
        None, description="last dose, where a gap of hours counts (short-acting analogs)"
    )
    ongoing: YesNo = Field(description="whether it goes on; its last dose so far may be stated")
    target: Blank[Code[Literal["lesions", "liver", "whole_body", "other"]]] = Field(
        None, description="of irradiation or embolization"
    )
    extensive: Blank[YesNo] = Field(None, description="of irradiation: a physician's judgment")
    recorded_on: Day = Field(description="day of the entry")

    def contradictions(self, border: Border) -> Iterator[PydanticCustomError]:
        """An end before the start, or two last doses."""
        yield from disorder(self.started_on, self.last_on, names=("started_on", "last_on"))
        if self.last_at is None:
            return
        day = self.last_at.astimezone(border.timezone).date()
        yield from disorder(self.started_on, day, names=("started_on", "last_at"))
        if self.last_on and not self.last_on.earliest <= day <= self.last_on.latest:
            yield refusal(
                f"lies on another day than last_on ({self.last_on})",
                "correct last_on or last_at",
                column="last_at",
            )


class CyclePlanRow(PersonRow):
    """When a treatment cycle is to be given; one row a plan, of which the latest entry counts."""

    key = ("participant", "cycle", "recorded_on")

    cycle: CycleNumber = Field(description="1, 2, 3 …")
    planned_on: AnyDay = Field(description="the day planned; it may lie in the future")
    recorded_on: Day = Field(description="day of the entry")
    state: Code[Literal["planned", "cancelled"]] = Field(description="whether the plan stands")
    reason: Blank[Text] = Field(None, description="why it was changed or canceled")
