"""Results of the laboratory, and what each laboratory holds for normal."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from operandi.records.cells import AnyDay, Blank, Border, Code, Day, Exact, SiteCell, Text, refusal
from operandi.records.limits import NOT_NEGATIVE, disorder
from operandi.records.plausible_laboratory import unbelieved
from operandi.records.row import PersonRow, Row

Test = Code[
    Literal[
        "platelets",
        "hemoglobin",
        "bilirubin_total",
        "neutrophils",
        "leukocytes",
        "lymphocytes",
        "prothrombin_percent",
        "inr",
        "albumin",
        "gfr_indexed",
        "creatinine",
        "alt",
        "ast",
        "alkaline_phosphatase",
        "ggt",
        "potassium",
        "sodium",
        "calcium",
        "glucose",
        "chromogranin_a",
        "hcg",
    ]
]
_Amount = Annotated[Exact, NOT_NEGATIVE]


class LaboratoryResultRow(PersonRow):
    """One row a result, as the laboratory printed it. Nothing is converted here."""

    test: Test = Field(description="what was measured")
    comparator: Blank[Code[Literal["<", "<=", ">", ">="]]] = Field(
        None, description="where the laboratory states a limit of its method and no value"
    )
    value: _Amount = Field(description="the value, in `unit`")
    unit: Text = Field(description="as printed")
    collected_on: Day = Field(description="day of the blood draw")
    lower_limit: Blank[_Amount] = Field(None, description="of normal, as printed, in `unit`")
    upper_limit: Blank[_Amount] = Field(None, description="of normal, as printed, in `unit`")
    laboratory: Blank[Text] = Field(None, description="which laboratory")
    equation: Blank[
        Code[Literal["ckd_epi_2009", "ckd_epi_2021", "mdrd", "cockcroft_gault", "measured"]]
    ] = Field(None, description="by which a filtration rate was estimated")

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """Limits the wrong way round, and a value or a limit in another unit than is stated."""
        names = ("lower_limit", "upper_limit")
        yield from disorder(self.lower_limit, self.upper_limit, names=names)
        if self.comparator is None:
            yield from _in_another_unit(self.test, self.value, self.unit, column="value")
        yield from _in_another_unit(self.test, self.upper_limit, self.unit, column="upper_limit")


class LaboratoryRangeRow(Row):
    """What a laboratory holds for normal, used where a result states no limit."""

    key = ("site", "laboratory", "test", "sex", "unit", "valid_from")

    site: SiteCell = Field(description="code of the department, as in study.toml")
    laboratory: Blank[Text] = Field(None, description="which of the site's laboratories")
    test: Test = Field(description="what is measured")
    sex: Blank[Code[Literal["F", "M"]]] = Field(None, description="blank: for everyone")
    unit: Text = Field(description="of the limits, as printed")
    lower: Blank[_Amount] = Field(None, description="lower limit of normal")
    upper: Blank[_Amount] = Field(None, description="upper limit of normal")
    valid_from: Day = Field(description="first day")
    valid_to: Blank[AnyDay] = Field(None, description="last day; blank while it holds")

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """Limits or days the wrong way round."""
        yield from disorder(self.lower, self.upper, names=("lower", "upper"))
        yield from disorder(self.valid_from, self.valid_to, names=("valid_from", "valid_to"))
        yield from _in_another_unit(self.test, self.upper, self.unit, column="upper")


def _in_another_unit(
    test: str, value: Decimal | None, unit: str, *, column: str
) -> Iterator[PydanticCustomError]:
    if value is not None:
        for problem, remedy in unbelieved(test, value, unit):
            yield refusal(problem, remedy, column=column)
