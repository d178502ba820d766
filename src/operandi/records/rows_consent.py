"""What a participant agreed to, what was asked for and not found, and what a physician judged."""

from typing import Literal

from pydantic import Field

from operandi.records.cells import Blank, Code, Day, Text, YesNo
from operandi.records.row import PersonRow


class ConsentRow(PersonRow):
    """What a participant was asked to agree to, and the answer: one row a decision.

    The latest of a kind counts.
    """

    key = ("participant", "kind", "version", "on")

    kind: Code[Literal["study", "images", "genetics", "data_reuse", "samples"]] = Field(
        description="what for"
    )
    version: Blank[Text] = Field(None, description="of the information sheet")
    state: Code[Literal["signed", "refused", "withdrawn", "pending"]] = Field(
        description="the answer"
    )
    on: Day = Field(description="day of the answer; of the question while it is pending")


class ReviewRow(PersonRow):
    """A dated statement that a topic was asked about.

    Without one, the absence of rows elsewhere means nothing. `none`: there is nothing to record.
    `recorded`: the rows that are there are all there are.
    """

    key = ("participant", "topic", "reviewed_on")

    topic: Code[
        Literal[
            "allergies",
            "therapies",
            "cancer_history",
            "medical_history",
            "brain_metastases",
            "mri_safety",
        ]
    ] = Field(description="what was asked about")
    reviewed_on: Day = Field(description="day of the review")
    finding: Code[Literal["none", "recorded"]] = Field(description="what was found")
    by: Blank[Text] = Field(None, description="who asked; a code, never a name")


class JudgmentRow(PersonRow):
    """A dated answer of a physician to a question that no measurement answers."""

    key = ("participant", "question", "on")

    question: Code[
        Literal[
            "prrt_decision",
            "gep_suspected",
            "unresectable",
            "metastatic",
            "progressive",
            "life_expectancy_over_6_months",
            "mri_contraindication",
            "mri_impossible",
            "ssa_can_stop_long",
            "ssa_can_stop_short",
            "deprived_of_liberty",
            "protected_adult",
            "majority_of_lesions_positive",
            "lesions_not_countable",
        ]
    ] = Field(description="what was judged")
    answer: YesNo = Field(description="the judgment")
    on: Day = Field(description="day of the judgment")
    by: Blank[Text] = Field(None, description="who judged; a code, never a name")
