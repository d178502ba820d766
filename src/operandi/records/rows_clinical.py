"""What a participant has and had: the tumor's histology, performance, conditions, cover."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from operandi.records import plausible
from operandi.records.cells import (
    Blank,
    Border,
    Code,
    Day,
    Exact,
    Partial,
    Text,
    Whole,
    YesNo,
    refusal,
)
from operandi.records.limits import NOT_NEGATIVE, Within, contradicted, disorder
from operandi.records.row import PersonRow


def _tens(score: int) -> int:
    if score in range(0, 101, 10):
        return score
    raise refusal(
        "is no score of Karnofsky", "write 0 to 100 in steps of 10; ECOG is never converted"
    )


class TumorHistologyRow(PersonRow):
    """What a pathologist reported: one row a report."""

    reported_on: Day = Field(description="day of the report")
    differentiation: Code[Literal["net", "nec", "minen", "unknown"]] = Field(
        description="well differentiated tumor, carcinoma, or mixed"
    )
    primary: Code[
        Literal[
            "pancreas",
            "stomach",
            "duodenum",
            "jejunum_ileum",
            "appendix",
            "colon",
            "rectum",
            "unknown",
            "other",
        ]
    ] = Field(description="site of the primary")
    grade: Blank[Code[Literal["G1", "G2", "G3", "unknown"]]] = Field(
        None, description="as reported; it is not derived"
    )
    ki67_percent: Blank[Annotated[Exact, Within(plausible.KI67, "%")]] = Field(
        None, description="Ki-67 index"
    )
    mitoses_per_2mm2: Blank[Annotated[Exact, NOT_NEGATIVE]] = Field(
        None, description="mitoses in 2 mm²"
    )


class KarnofskyRow(PersonRow):
    """Karnofsky performance status: one row a day on which it was scored."""

    key = ("participant", "on")

    score: Annotated[Whole, AfterValidator(_tens)] = Field(
        description="0 to 100 in steps of 10; ECOG is never converted"
    )
    on: Day = Field(description="day of the score")


class PregnancyRow(PersonRow):
    """Whether a pregnancy is possible and was excluded: one row an assessment."""

    key = ("participant", "assessed_on")

    assessed_on: Day = Field(description="day of the assessment")
    childbearing_potential: YesNo = Field(description="whether a pregnancy is possible")
    test: Blank[Code[Literal["negative", "positive", "not_done"]]] = Field(
        None, description="result of the test"
    )
    breastfeeding: Blank[YesNo] = Field(None, description="whether she breastfeeds")

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """A positive test, and no potential."""
        if self.test == "positive" and not self.childbearing_potential:
            yield from contradicted(
                self, because="childbearing_potential, which is no", columns=("test",)
            )


class AllergyRow(PersonRow):
    """A known hypersensitivity. That there is none is said in `reviews`."""

    substance: Code[
        Literal[
            "lutetium_177",
            "octreotate",
            "dota",
            "gallium_68",
            "edotreotide",
            "lysine",
            "arginine",
            "amino_acid_excipient",
            "other",
        ]
    ] = Field(description="to what")
    term: Blank[Text] = Field(None, description="in words; needed where the substance is `other`")
    recorded_on: Day = Field(description="day of the entry")

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """Another substance that nobody names."""
        if self.substance == "other" and self.term is None:
            yield refusal("the cell is blank", "name the other substance", column="term")


class CancerHistoryRow(PersonRow):
    """Another cancer, present or past. That there is none is said in `reviews`."""

    cancer: Text = Field(description="which cancer, in words")
    exempt: Code[Literal["cervix_in_situ", "basal_cell_skin", "squamous_cell_skin", "none"]] = (
        Field(description="whether it is one that the protocol passes over")
    )
    diagnosed_on: Blank[Partial] = Field(None, description="day of the diagnosis")
    last_progressive_on: Blank[Partial] = Field(None, description="last day on which it was active")
    recorded_on: Day = Field(description="day of the entry")

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """Activity before the diagnosis."""
        names = ("diagnosed_on", "last_progressive_on")
        yield from disorder(self.diagnosed_on, self.last_progressive_on, names=names)


class BrainMetastasesRow(PersonRow):
    """Whether there are metastases in the brain, and since when they are stable."""

    key = ("participant", "assessed_on")

    present: YesNo = Field(description="whether there are any")
    controlled: Blank[YesNo] = Field(None, description="whether they are controlled")
    stable_since: Blank[Partial] = Field(None, description="first day of stable disease")
    assessed_on: Day = Field(description="day of the assessment")

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """Something said of metastases that are not there, or of days to come."""
        if not self.present:
            yield from contradicted(
                self, because="present, which is no", columns=("controlled", "stable_since")
            )
        names = ("stable_since", "assessed_on")
        yield from disorder(self.stable_since, self.assessed_on, names=names)


class HeartFailureRow(PersonRow):
    """Whether the heart fails, and how badly (New York Heart Association)."""

    key = ("participant", "assessed_on")

    present: YesNo = Field(description="whether there is heart failure")
    nyha: Blank[Code[Literal[1, 2, 3, 4]]] = Field(None, description="class; blank without failure")
    assessed_on: Day = Field(description="day of the assessment")

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """A class of a failure that is not there."""
        if not self.present:
            yield from contradicted(self, because="present, which is no", columns=("nyha",))


class MedicalHistoryRow(PersonRow):
    """Another illness, present or past. That there is none is said in `reviews`."""

    term: Text = Field(description="which, in words")
    started_on: Blank[Partial] = Field(None, description="first day")
    ended_on: Blank[Partial] = Field(None, description="last day")
    ongoing: YesNo = Field(description="whether it goes on; then without a last day")
    recorded_on: Day = Field(description="day of the entry")

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """An end before the start, or of what goes on."""
        yield from disorder(self.started_on, self.ended_on, names=("started_on", "ended_on"))
        if self.ongoing:
            yield from contradicted(self, because="ongoing, which is yes", columns=("ended_on",))


class SocialCoverRow(PersonRow):
    """By which scheme a participant is insured: one row a day on which it was looked up."""

    key = ("participant", "on")

    scheme: Code[Literal["social_security", "universal_cover", "state_medical_aid", "none"]] = (
        Field(description="the scheme")
    )
    on: Day = Field(description="day of the look-up")
