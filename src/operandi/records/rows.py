"""One row of each table: which columns it has, what each may hold, and the noun it becomes.

The fields carry the names of the columns. A field with a default is a column that a file may
leave out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, model_validator

from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.domain.participant import Participant
from operandi.quantities.convert import convert
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import GA68
from operandi.records import plausible
from operandi.records.cells import (
    Border,
    Day,
    Instant,
    InstantOrBlank,
    NuclideCell,
    Number,
    NumberOrBlank,
    PseudonymCell,
    SexCell,
    StudyUid,
    Text,
    TimepointCell,
    Whole,
    refusal,
)
from operandi.records.plausible import Plausible, plain
from operandi.records.tables import (
    Cycle,
    Fault,
    ImagingVisit,
    ReferenceRegion,
    TracerAdministration,
    Vitals,
)


def _positive(value: Decimal) -> Decimal:
    if value > 0:
        return value
    raise refusal("is not greater than 0", "write what was measured")


def _not_negative(value: Decimal) -> Decimal:
    if value >= 0:
        return value
    raise refusal("is negative", "write what was measured, 0 where nothing was left")


def _believed(value: Decimal, *, limits: Plausible, unit: str, **cell: str) -> Decimal:
    if limits.holds(value, unit=unit):
        return value
    raise refusal(
        f"is not believed as {limits.bounds(unit=unit)}",
        limits.suggestion(value, unit=unit),
        **cell,
    )


def _within(limits: Plausible, *, unit: str) -> AfterValidator:
    def check(value: Decimal | None) -> Decimal | None:
        return None if value is None else _believed(value, limits=limits, unit=unit)

    return AfterValidator(check)


def _birth_year(year: int, info: ValidationInfo[Border]) -> int:
    earliest, latest = plausible.EARLIEST_BIRTH_YEAR, info.context.today.year
    if earliest <= year <= latest:
        return year
    raise refusal(f"is not a year from {earliest} to {latest}", "write all four digits")


def _month(month: int) -> int:
    if month in range(1, 13):
        return month
    raise refusal("is not a month", "write 1 to 12")


def _cycle(cycle: int) -> int:
    if cycle >= 1:
        return cycle
    raise refusal("is not the number of a cycle", "count from 1")


def _position_mm(position_mm: Decimal) -> Decimal:
    if abs(position_mm) <= plausible.FARTHEST_MM:
        return position_mm
    raise refusal(
        f"is more than {plausible.FARTHEST_MM} mm from the origin",
        "write the position in patient LPS, mm",
    )


def _radius_mm(radius_mm: Decimal) -> Decimal:
    if _positive(radius_mm) <= plausible.LARGEST_RADIUS_MM:
        return radius_mm
    raise refusal(
        f"is larger than any organ ({plausible.LARGEST_RADIUS_MM} mm)", "write the radius in mm"
    )


_PositionMm = Annotated[Number, AfterValidator(_position_mm)]


class Row(BaseModel):
    """What every table has: whose row it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    participant: PseudonymCell

    def days(self) -> Iterator[tuple[str, date]]:
        """Every column that holds a day or an instant, with the day."""
        for column, value in self:
            if isinstance(value, datetime):
                yield column, value.date()
            elif isinstance(value, date):
                yield column, value


class VisitRow(Row):
    """What every table of visits has: which visit it is."""

    timepoint: TimepointCell


class ParticipantRow(Row):
    """A row of ``participants``."""

    site: Text
    sex: SexCell
    birth_year: Annotated[Whole, AfterValidator(_birth_year)]
    birth_month: Annotated[Whole, AfterValidator(_month)]

    @model_validator(mode="after")
    def _is_born(self, info: ValidationInfo[Border]) -> Self:
        if self.earliest_birth > info.context.today:
            raise refusal(
                f"lies in the future (today is {info.context.today})",
                "correct birth_year or birth_month",
                column="birth_month",
            )
        return self

    @property
    def earliest_birth(self) -> date:
        """First day of the month of birth."""
        return date(self.birth_year, self.birth_month, 1)

    def noun(self) -> Participant:
        """Make the participant."""
        return Participant(
            pseudonym=Pseudonym(self.participant),
            site=self.site,
            sex=self.sex,
            birth_year=self.birth_year,
            birth_month=self.birth_month,
        )


class ImagingVisitRow(VisitRow):
    """A row of ``imaging_visits``."""

    date: Day
    study_instance_uid: StudyUid = ""

    def noun(self) -> ImagingVisit:
        """Make the visit."""
        return ImagingVisit(
            participant=Pseudonym(self.participant),
            timepoint=TimepointCode(self.timepoint),
            on=self.date,
            study_instance_uid=self.study_instance_uid,
        )


class VitalsRow(VisitRow):
    """A row of ``vitals``; the file has ``height_m`` or ``height_cm``, not both."""

    measured_on: Day
    body_mass_kg: Annotated[Number, _within(plausible.BODY_MASS, unit="kg")]
    height_m: Annotated[NumberOrBlank, _within(plausible.HEIGHT, unit="m")] = None
    height_cm: Annotated[NumberOrBlank, _within(plausible.HEIGHT, unit="cm")] = None

    def noun(self) -> Vitals:
        """Make the vitals, height in meters."""
        height_m = self.height_m
        if self.height_cm is not None:
            height_m = convert(self.height_cm, from_unit="cm", to_unit="m")
        return Vitals(
            participant=Pseudonym(self.participant),
            timepoint=TimepointCode(self.timepoint),
            measured_on=self.measured_on,
            body_mass_kg=float(self.body_mass_kg),
            height_m=None if height_m is None else float(height_m),
        )


class TracerAdministrationRow(VisitRow):
    """A row of ``tracer_administrations``."""

    tracer: Text
    nuclide: NuclideCell
    activity_mbq: Annotated[Number, AfterValidator(_positive)]
    assayed_at: Instant
    injected_at: Instant
    residual_mbq: Annotated[Number, AfterValidator(_not_negative)]
    residual_at: InstantOrBlank

    @model_validator(mode="after")
    def _residual_has_its_time(self) -> Self:
        if self.residual_at is None and self.residual_mbq > 0:
            raise refusal(
                "the cell is blank",
                f"record when the residual of {plain(self.residual_mbq)} MBq was assayed",
                column="residual_at",
            )
        return self

    @model_validator(mode="after")
    def _activity_is_plausible(self) -> Self:
        noun = self.noun()
        if noun.half_lives_apart > plausible.MOST_HALF_LIVES_APART:
            raise refusal(
                f"lies {noun.half_lives_apart:.0f} half-lives of {self.nuclide.name} from the "
                f"assay of activity or residual (believed: "
                f"{plausible.MOST_HALF_LIVES_APART:.0f})",
                "correct the date of assay, injection or residual",
                column="injected_at",
            )
        if self.nuclide == GA68:
            self._gallium_is_plausible(injected_mbq=noun.activity_at_injection_bq / 1e6)
        else:
            _believed(
                self.activity_mbq, limits=plausible.OTHER_ASSAY, unit="MBq", column="activity_mbq"
            )
        try:
            noun.net()
        except DataError as refused:
            raise refusal(
                f"leaves nothing of the {plain(self.activity_mbq)} MBq assayed, both decayed to "
                "the injection",
                "correct activity, residual or their times",
                column="residual_mbq",
            ) from refused
        return self

    def _gallium_is_plausible(self, *, injected_mbq: float) -> None:
        injected, assayed = plausible.GA68_ACTIVITY, plausible.GA68_ASSAY
        if not assayed.holds(self.activity_mbq, unit="MBq"):
            problem = f"is not believed as {assayed.bounds(unit='MBq')}"
        elif not injected.holds(Decimal(injected_mbq), unit="MBq"):
            problem = (
                f"is {injected_mbq:.4g} MBq when it is injected, which is not believed as "
                f"{injected.bounds(unit='MBq')}"
            )
        else:
            return
        remedy = injected.suggestion(self.activity_mbq, unit="MBq")
        raise refusal(problem, remedy, column="activity_mbq")

    def noun(self) -> TracerAdministration:
        """Make the administration, activities in Bq."""
        return TracerAdministration(
            participant=Pseudonym(self.participant),
            timepoint=TimepointCode(self.timepoint),
            tracer=self.tracer,
            nuclide=self.nuclide,
            activity_bq=_bq(self.activity_mbq, from_unit="MBq"),
            assayed_at=self.assayed_at,
            injected_at=self.injected_at,
            residual_bq=_bq(self.residual_mbq, from_unit="MBq"),
            residual_at=self.residual_at,
        )


class CycleRow(Row):
    """A row of ``cycles``."""

    cycle: Annotated[Whole, AfterValidator(_cycle)]
    date: Day
    activity_gbq: Annotated[Number, _within(plausible.CYCLE_ACTIVITY, unit="GBq")]
    nuclide: NuclideCell

    def noun(self) -> Cycle:
        """Make the cycle, activity in Bq."""
        return Cycle(
            participant=Pseudonym(self.participant),
            number=self.cycle,
            on=self.date,
            activity_bq=_bq(self.activity_gbq, from_unit="GBq"),
            nuclide=self.nuclide,
        )


class ReferenceRegionRow(VisitRow):
    """A row of ``reference_regions``."""

    organ: Text
    x_mm: _PositionMm
    y_mm: _PositionMm
    z_mm: _PositionMm
    radius_mm: Annotated[Number, AfterValidator(_radius_mm)]
    reader: Text

    def noun(self) -> ReferenceRegion:
        """Make the region."""
        return ReferenceRegion(
            participant=Pseudonym(self.participant),
            timepoint=TimepointCode(self.timepoint),
            organ=self.organ,
            center_mm=(float(self.x_mm), float(self.y_mm), float(self.z_mm)),
            radius_mm=float(self.radius_mm),
            reader=self.reader,
        )


def _bq(activity: Decimal, *, from_unit: str) -> float:
    return float(convert(activity, from_unit=from_unit, to_unit="Bq"))


ROWS: Final[Mapping[str, type[Row]]] = {
    "participants": ParticipantRow,
    "imaging_visits": ImagingVisitRow,
    "vitals": VitalsRow,
    "tracer_administrations": TracerAdministrationRow,
    "cycles": CycleRow,
    "reference_regions": ReferenceRegionRow,
}
HEIGHT_COLUMNS: Final = frozenset({"height_m", "height_cm"})
"""A file of ``vitals`` has exactly one of these."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a table, whether or not a row could be made of it.

    Parameters
    ----------
    table, file : str
        Where it stands.
    number : int
        Line in a CSV file, row in a Parquet file.
    cells : Mapping
        Its text by column; columns that a short line does not reach are absent.
    row : Row or None
        None where a fault says why.
    participant, timepoint : str
        Whose, where the cells say so in a readable way; else empty.
    """

    table: str
    file: str
    number: int
    cells: Mapping[str, str]
    row: Row | None
    participant: str
    timepoint: str

    def fault(self, *, column: str, problem: str, remedy: str, value: str = "") -> Fault:
        """Say what is wrong with this line."""
        return Fault(
            table=self.table,
            file=self.file,
            row=self.number,
            column=column,
            value=value or self.cells.get(column, ""),
            problem=problem,
            remedy=remedy,
            participant=self.participant,
            timepoint=self.timepoint,
        )
