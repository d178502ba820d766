"""The tables of the imaging road, the noun that each row becomes, and the list of all tables."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.domain.participant import Participant
from operandi.quantities.convert import convert
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import GA68
from operandi.records import plausible
from operandi.records.cells import (
    AdministeredCell,
    Blank,
    Border,
    Day,
    Instant,
    NuclideCell,
    Number,
    PseudonymCell,
    SexCell,
    StudyUid,
    Text,
    TimepointCell,
    Whole,
    refusal,
)
from operandi.records.limits import NOT_NEGATIVE, POSITIVE, CycleNumber, Unit, Within, believed
from operandi.records.plausible import plain
from operandi.records.row import PersonRow, Row, VisitRow
from operandi.records.rows_clinical import (
    AllergyRow,
    BrainMetastasesRow,
    CancerHistoryRow,
    HeartFailureRow,
    KarnofskyRow,
    MedicalHistoryRow,
    PregnancyRow,
    SocialCoverRow,
    TumorHistologyRow,
)
from operandi.records.rows_consent import ConsentRow, JudgmentRow, ReviewRow
from operandi.records.rows_dosimetry import (
    BloodActivityRow,
    SpectCalibrationRow,
    SpectRecoveryRow,
)
from operandi.records.rows_followup import AdverseEventRow, DeathRow, FollowUpRow, VisitDoneRow
from operandi.records.rows_laboratory import LaboratoryRangeRow, LaboratoryResultRow
from operandi.records.rows_material import ImagingSeriesRow, SampleRow, VariantRow
from operandi.records.rows_therapy import CyclePlanRow, TherapyRow
from operandi.records.rows_tumor import ReceptorLesionRow, RecistLesionRow, RecistReadRow
from operandi.records.tables import (
    Cycle,
    ImagingVisit,
    ReferenceRegion,
    TracerAdministration,
    Vitals,
)


def _birth_year(year: int, info: ValidationInfo[Border]) -> int:
    earliest, latest = plausible.EARLIEST_BIRTH_YEAR, info.context.today.year
    if earliest <= year <= latest:
        return year
    raise refusal(f"is not a year from {earliest} to {latest}", "write all four digits")


def _month(month: int) -> int:
    if month in range(1, 13):
        return month
    raise refusal("is not a month", "write 1 to 12")


def _position_mm(position_mm: Decimal) -> Decimal:
    if abs(position_mm) <= plausible.FARTHEST_MM:
        return position_mm
    raise refusal(
        f"is more than {plausible.FARTHEST_MM} mm from the origin",
        "write the position in patient LPS, mm",
    )


def _radius_mm(radius_mm: Decimal) -> Decimal:
    if radius_mm <= plausible.LARGEST_RADIUS_MM:
        return radius_mm
    raise refusal(
        f"is larger than any organ ({plausible.LARGEST_RADIUS_MM} mm)", "write the radius in mm"
    )


_PositionMm = Annotated[Number, AfterValidator(_position_mm), Unit("mm")]
_VISIT: Final = ("participant", "timepoint")


class ParticipantRow(PersonRow):
    """One row a participant."""

    key = ("participant",)
    refers: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    participant: PseudonymCell = Field(
        description="the study code: 2 to 32 letters, digits, `_`, `.` or `-`; the same as "
        "PatientID in the images. Never a name"
    )
    site: Text = Field(description="code of the department, as in study.toml")
    sex: SexCell = Field(description="`F`, `M` or `O`")
    birth_year: Annotated[Whole, AfterValidator(_birth_year), Unit("year")] = Field(
        description=f"{plausible.EARLIEST_BIRTH_YEAR} to this year"
    )
    birth_month: Annotated[Whole, AfterValidator(_month), Unit("month")] = Field(
        description="1 to 12. There is no day"
    )

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
    """One row an imaging visit that took place.

    A visit outside its window is measured, and the report asks for the correction or the protocol
    deviation. A visit on the wrong side of its cycle, such as a baseline after cycle 1, is
    refused: visits may be swapped.
    """

    key = _VISIT

    timepoint: TimepointCell = Field(description="a code that study.toml declares")
    date: Day = Field(description="day of the PET")
    study_instance_uid: StudyUid = Field(
        "",
        description="StudyInstanceUID of the visit; several with one space between them, where MR "
        "and PET are two studies",
    )

    def noun(self) -> ImagingVisit:
        """Make the visit."""
        return ImagingVisit(
            participant=Pseudonym(self.participant),
            timepoint=TimepointCode(self.timepoint),
            on=self.date,
            study_instance_uid=self.study_instance_uid,
        )


class VitalsRow(VisitRow):
    """One row a visit. The file has ``height_m`` or ``height_cm``, not both."""

    key = _VISIT

    measured_on: Day = Field(description="day of measurement")
    body_mass_kg: Annotated[Number, Within(plausible.BODY_MASS, "kg")] = Field(
        description=f"at most {plausible.LARGEST_MASS_CHANGE * 100:.0f} % from the visit before"
    )
    height_m: Blank[Annotated[Number, Within(plausible.HEIGHT, "m")]] = Field(
        None, description="SUV by body weight does not need it; SUL does"
    )
    # Read, and kept in height_m.
    height_cm: Blank[Annotated[Number, Within(plausible.HEIGHT, "cm")]] = Field(
        None, exclude=True, description="instead of `height_m`"
    )

    @model_validator(mode="after")
    def _height_is_in_meters(self) -> Self:
        if self.height_cm is None:
            return self
        height_m = convert(self.height_cm, from_unit="cm", to_unit="m")
        return self.model_copy(update={"height_m": height_m, "height_cm": None})

    def noun(self) -> Vitals:
        """Make the vitals."""
        height_m = self.height_m
        return Vitals(
            participant=Pseudonym(self.participant),
            timepoint=TimepointCode(self.timepoint),
            measured_on=self.measured_on,
            body_mass_kg=float(self.body_mass_kg),
            height_m=None if height_m is None else float(height_m),
        )


class TracerAdministrationRow(VisitRow):
    """One row a visit: what was drawn up, injected and left over.

    The net activity at injection is the assay minus the residual, each decayed to the injection.
    """

    key = _VISIT

    tracer: Text = Field(description="the compound, as your site names it")
    nuclide: NuclideCell = Field(
        description="such as `68Ga`, `Ga-68`; known are 68Ga, 18F, 64Cu and 177Lu"
    )
    activity_mbq: Annotated[Number, POSITIVE, Unit("MBq")] = Field(
        description=f"assayed activity. 68Ga: {plausible.GA68_ASSAY.span(unit='MBq')} assayed and "
        f"{plausible.GA68_ACTIVITY.span(unit='MBq')} when injected; others "
        f"{plausible.OTHER_ASSAY.span(unit='MBq')}"
    )
    assayed_at: Instant = Field(
        description="of the assay, at most ten half-lives from the injection"
    )
    injected_at: Instant = Field(description="of the injection")
    residual_mbq: Annotated[Number, NOT_NEGATIVE, Unit("MBq")] = Field(
        description="left in syringe and line; 0 where nothing was left"
    )
    residual_at: Blank[Instant] = Field(
        description="of the residual's assay; blank only where the residual is 0"
    )

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
            believed(
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


class CycleRow(PersonRow):
    """One row a treatment cycle. Visit windows count from these dates."""

    key = ("participant", "cycle")

    cycle: CycleNumber = Field(description="1, 2, 3 …")
    date: Day = Field(description="day of administration; later than the cycle before")
    activity_gbq: Annotated[Number, Within(plausible.CYCLE_ACTIVITY, "GBq")] = Field(
        description="administered activity"
    )
    nuclide: AdministeredCell = Field(description="such as `177Lu`")
    administered_at: Blank[Instant] = Field(
        None,
        description="start of the infusion; the dose from images after it is counted from here",
    )

    def contradictions(self, border: Border) -> Iterator[PydanticCustomError]:
        """An administration on another day than ``date``."""
        if self.administered_at is None:
            return
        day = self.administered_at.astimezone(border.timezone).date()
        if day != self.date:
            yield refusal(
                f"lies on {day}, but date is {self.date}",
                "correct one of the two",
                column="administered_at",
            )

    def noun(self) -> Cycle:
        """Make the cycle, activity in Bq."""
        return Cycle(
            participant=Pseudonym(self.participant),
            number=self.cycle,
            on=self.date,
            activity_bq=_bq(self.activity_gbq, from_unit="GBq"),
            nuclide=self.nuclide,
            administered_at=self.administered_at,
        )


class ReferenceRegionRow(VisitRow):
    """A sphere that a reader placed in `liver`, `spleen` or `blood pool`.

    It wins over the one placed by rule. One in the liver must lie in the organ map's liver, where
    there is a map.
    """

    key = ("participant", "timepoint", "organ")

    organ: Text = Field(description="such as `liver`")
    x_mm: _PositionMm = Field(
        description=f"center in patient coordinates (DICOM LPS), within {plausible.FARTHEST_MM} mm "
        "of the origin"
    )
    y_mm: _PositionMm = Field(description="the same")
    z_mm: _PositionMm = Field(description="the same")
    radius_mm: Annotated[Number, POSITIVE, AfterValidator(_radius_mm), Unit("mm")] = Field(
        description=f"above 0, at most {plausible.LARGEST_RADIUS_MM} mm; 15 mm is usual in the "
        "liver"
    )
    reader: Text = Field(description="who placed it")

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
    "spect_calibrations": SpectCalibrationRow,
    "spect_recovery": SpectRecoveryRow,
    "blood_activity": BloodActivityRow,
    "consents": ConsentRow,
    "reviews": ReviewRow,
    "judgments": JudgmentRow,
    "tumor_histology": TumorHistologyRow,
    "karnofsky": KarnofskyRow,
    "laboratory_results": LaboratoryResultRow,
    "laboratory_ranges": LaboratoryRangeRow,
    "pregnancy": PregnancyRow,
    "allergies": AllergyRow,
    "therapies": TherapyRow,
    "cancer_history": CancerHistoryRow,
    "brain_metastases": BrainMetastasesRow,
    "heart_failure": HeartFailureRow,
    "medical_history": MedicalHistoryRow,
    "social_cover": SocialCoverRow,
    "receptor_lesions": ReceptorLesionRow,
    "cycle_plans": CyclePlanRow,
    "visits": VisitDoneRow,
    "adverse_events": AdverseEventRow,
    "recist_lesions": RecistLesionRow,
    "recist_reads": RecistReadRow,
    "imaging_series": ImagingSeriesRow,
    "samples": SampleRow,
    "variants": VariantRow,
    "follow_up": FollowUpRow,
    "deaths": DeathRow,
}
"""Every table that is read, by name, in the order in which they are reported."""

HEIGHT_COLUMNS: Final = frozenset({"height_m", "height_cm"})
"""A file of ``vitals`` has exactly one of these."""
