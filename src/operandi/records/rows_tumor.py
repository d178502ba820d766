"""Lesions as readers saw them: their receptors on PET, their size by RECIST 1.1."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from operandi.records import plausible
from operandi.records.cells import Blank, Border, Code, Day, Exact, Text, YesNo, refusal
from operandi.records.limits import Within, contradicted
from operandi.records.row import PersonRow


class ReceptorLesionRow(PersonRow):
    """What a reader saw of one lesion on a somatostatin receptor image."""

    key = ("participant", "performed_on", "tracer", "lesion")

    performed_on: Day = Field(description="day of the image")
    tracer: Code[
        Literal["68Ga-DOTATOC", "68Ga-DOTATATE", "64Cu-DOTATATE", "111In-pentetreotide"]
    ] = Field(description="the compound")
    lesion: Text = Field(description="name of the lesion")
    target: YesNo = Field(description="whether it is a target lesion of RECIST")
    on_anatomical_imaging: YesNo = Field(description="whether CT or MRI shows it")
    uptake: Code[Literal["above_liver", "equal_to_liver", "below_liver", "not_assessable"]] = Field(
        description="compared with the liver, by eye"
    )
    suv_max: Blank[Annotated[Exact, Within(plausible.SUV, "g/mL")]] = Field(
        None, description="highest SUV by body weight"
    )
    liver_suv_mean: Blank[Annotated[Exact, Within(plausible.SUV, "g/mL")]] = Field(
        None, description="mean SUV of the liver"
    )


class RecistLesionRow(PersonRow):
    """A lesion that was chosen at baseline: one row a lesion."""

    key = ("participant", "lesion")

    lesion: Text = Field(description="name of the lesion, the same at every exam")
    organ: Text = Field(description="where it is")
    side: Blank[Text] = Field(None, description="left or right, or which part")
    node: YesNo = Field(description="whether it is a lymph node, measured by its short axis")
    category: Code[Literal["target", "non_target"]] = Field(description="as chosen at baseline")
    previously_irradiated: YesNo = Field(description="before the baseline")
    progressed_since_irradiation: Blank[YesNo] = Field(
        None, description="of an irradiated lesion: whether it has grown since"
    )

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """Growth since an irradiation that never was."""
        if not self.previously_irradiated:
            yield from contradicted(
                self,
                because="previously_irradiated, which is no",
                columns=("progressed_since_irradiation",),
            )


class RecistReadRow(PersonRow):
    """What one reader saw of one lesion at one exam.

    A lesion of `recist_lesions`, but for one that is `new` or `new_equivocal`.
    """

    key = ("participant", "reader", "role", "exam_on", "lesion")
    refers: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **PersonRow.refers,
        "recist_lesions": ("participant", "lesion"),
    }

    reader: Text = Field(description="who read; a code, never a name")
    role: Code[Literal["investigator", "reader_1", "reader_2", "adjudicator"]] = Field(
        description="as what"
    )
    exam_on: Day = Field(description="day of the image")
    lesion: Text = Field(description="name of the lesion")
    modality: Code[Literal["ct", "mri", "clinical", "xray"]] = Field(description="what was read")
    slice_thickness_mm: Blank[Annotated[Exact, Within(plausible.SLICE_THICKNESS, "mm")]] = Field(
        None, description="of CT or MRI"
    )
    diameter_mm: Blank[Annotated[Exact, Within(plausible.DIAMETER, "mm")]] = Field(
        None, description="longest; of a lymph node the short axis. Needed where `measured`"
    )
    state: Code[
        Literal[
            "measured",
            "too_small",
            "absent",
            "present",
            "unequivocal_progression",
            "new",
            "new_equivocal",
            "not_evaluable",
        ]
    ] = Field(description="what was seen")

    def must_refer(self, table: str) -> bool:
        """A new lesion was not there to be chosen."""
        return table != "recist_lesions" or self.state not in {"new", "new_equivocal"}

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """A measurement without a diameter, or a diameter of nothing."""
        if self.state == "measured" and self.diameter_mm is None:
            yield refusal(
                "the cell is blank", "write the diameter that was measured", column="diameter_mm"
            )
        if self.state in {"absent", "not_evaluable"}:
            yield from contradicted(
                self, because=f"state, which is {self.state}", columns=("diameter_mm",)
            )
