"""What a study's report says, as plain data.

The pipeline fills these; ``operandi.reports.html.render`` draws them. Nothing here is computed
from voxels, and nothing is left to the template to decide but its looks.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from operandi.domain.measurement import Measurement


class VisitStatus(StrEnum):
    """How far a visit's scans became measurements."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    REFUSED = "refused"
    MISSING = "missing"
    NOT_DUE = "not-due"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimepointColumn:
    """A visit that the study file declares, or the scans after a cycle: a column of the cohort."""

    code: str
    title: str
    after_cycle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Something that stands in the way, and who can move it.

    Parameters
    ----------
    what : str
        What was needed and what was found.
    remedy : str
        How to mend it; empty where nobody can.
    who : str
        Role and desk, ``"technologist at NANTES"``. The worklist is grouped by it.
    where : str
        Participant, visit, step or file.
    """

    what: str
    remedy: str
    who: str
    where: str

    def __post_init__(self) -> None:
        if not (self.what and self.who):
            raise ValueError(f"an issue says what it is and who can mend it: {self!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginLine:
    """One thing that a value was made from."""

    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementLine:
    """One value with its origin, or the reason it is absent.

    Parameters
    ----------
    id : str
        The measurement's id; becomes the address ``report.html#id``.
    subject_type, subject_name : str
        As in ``operandi.domain.measurement.Subject``.
    kind_title, kind_name, unit : str
        As in ``operandi.quantities.kinds.Kind``; unit ``"1"`` for a pure number.
    value : float or None
        None exactly when ``absent`` gives a reason.
    absent : str
        Why there is no value.
    standard_uncertainty : float or None
        k = 1, in ``unit``.
    uncertainty_text : str
        How the uncertainty was obtained, or why there is none.
    method, version : str
        How the value was obtained.
    origin : tuple of OriginLine
        Inputs and steps, shown on request.
    """

    id: str
    subject_type: str
    subject_name: str
    kind_title: str
    kind_name: str
    value: float | None
    unit: str
    absent: str
    standard_uncertainty: float | None
    uncertainty_text: str
    method: str
    version: str
    origin: tuple[OriginLine, ...]

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.absent):
            raise ValueError(f"{self.id} needs either a value or the reason it is absent")


def measurement_line(
    measurement: Measurement, *, origin: tuple[OriginLine, ...]
) -> MeasurementLine:
    """Flatten a measurement for the report, beside the *origin* that the pipeline knows."""
    return MeasurementLine(
        id=measurement.id,
        subject_type=measurement.subject.type.value,
        subject_name=measurement.subject.name,
        kind_title=measurement.kind.title,
        kind_name=measurement.kind.name,
        value=measurement.value,
        unit=measurement.kind.unit,
        absent=measurement.absent,
        standard_uncertainty=measurement.uncertainty.standard,
        uncertainty_text=measurement.uncertainty.basis,
        method=measurement.method,
        version=measurement.version,
        origin=origin,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A picture with its words.

    Parameters
    ----------
    title, caption : str
        Shown under it.
    image : bytes
        Encoded as ``mime``.
    mime : str
        ``"image/webp"`` or ``"image/png"``.
    width, height : int
        Pixels.
    alt : str
        What it shows, for those who do not see it.
    """

    title: str
    caption: str
    image: bytes
    mime: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesLine:
    """A DICOM series of the visit: how the scanner named it and what it was taken for.

    Parameters
    ----------
    description : str
        SeriesDescription as it stands in the file.
    what : str
        What it was recognized as.
    evidence : str
        By which attributes.
    status : str
        ``"measured"``, ``"not needed"``, ``"refused"`` ...
    """

    description: str
    what: str
    evidence: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitSection:
    """All that is known of one visit.

    Parameters
    ----------
    timepoint : str
        Code of one of the report's ``timepoints``.
    date : datetime.date or None
        The day of the scan; None where there was none.
    status : VisitStatus
        How far it got.
    issues, series, figures, measurements : tuple
        What stands in its way, what arrived, what it looks like, what it gave.
    after_cycle : bool
        Whether these are the scans after a therapy cycle: charts that take the whole width.
    remarks : tuple of str
        What a reader should know of how it was measured.
    """

    timepoint: str
    date: dt.date | None
    status: VisitStatus
    issues: tuple[Issue, ...] = ()
    series: tuple[SeriesLine, ...] = ()
    figures: tuple[Figure, ...] = ()
    measurements: tuple[MeasurementLine, ...] = ()
    after_cycle: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One kind of value over the visits.

    Parameters
    ----------
    title, unit : str
        Of the kind.
    points : tuple of (timepoint code, value or None, standard uncertainty or None)
        In the order of the report's ``timepoints``.
    """

    title: str
    unit: str
    points: tuple[tuple[str, float | None, float | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionCourse:
    """One lesion over the visits.

    Parameters
    ----------
    name, organ : str
        Its name over all visits; where it lies, empty where nobody said.
    cells : tuple of (tuple of str)
        What each visit shows of it, in the order of ``LesionCourses.timepoints``: its values, where
        it was seen; below them what happened, with the reason. Empty where there is nothing to say.
    changes : tuple of str
        Changes of its SUVpeak with their verdicts.
    verdict : str
        That of the last one; empty without two visits.
    """

    name: str
    organ: str
    cells: tuple[tuple[str, ...], ...]
    changes: tuple[str, ...]
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionCourses:
    """The lesions of a participant over the visits.

    Parameters
    ----------
    timepoints : tuple of str
        Codes of the visits that gave lesions, in the order of time.
    courses : tuple of LesionCourse
        One a lesion.
    patient : tuple of str
        Changes of the patient's burden with their verdicts.
    notes : tuple of str
        Why changes were not judged.
    """

    timepoints: tuple[str, ...]
    courses: tuple[LesionCourse, ...]
    patient: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for one in self.courses:
            if len(one.cells) != len(self.timepoints):
                raise ValueError(
                    f"{one.name} has {len(one.cells)} cells for {len(self.timepoints)} visits"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantPage:
    """One participant's part of the report."""

    pseudonym: str
    site: str
    sex: str
    age_text: str
    visits: tuple[VisitSection, ...]
    trends: tuple[Trend, ...] = ()
    lesions: LesionCourses | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodParagraph:
    """How something was done, and by which version."""

    title: str
    text: str
    version: str


class Standing(StrEnum):
    """What a criterion, or all of them, mean for a participant."""

    FAVORABLE = "favorable"
    AGAINST = "against"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionCell:
    """What one criterion says of one participant.

    Parameters
    ----------
    standing : Standing
        What it means for the participant, under the proposed reading.
    outcome : str
        ``"met"``, ``"not met"``, ``"unknown"``: an exclusion that is not met is favorable.
    proof : tuple of str
        Lines of an indented tree.
    missing : tuple of str
        Facts that may let the participant in, each entry one way to it; empty unless unknown.
    valid_until : str
        Last day on which the outcome stays so; empty where time does not change it.
    literal : str
        The outcome under the literal reading where that differs, else empty.
    literal_proof : tuple of str
        Its proof.
    cautions : tuple of str
        What a person should look at.
    """

    standing: Standing
    outcome: str
    proof: tuple[str, ...]
    missing: tuple[str, ...] = ()
    valid_until: str = ""
    literal: str = ""
    literal_proof: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionRow:
    """A criterion in the record's words; ``cells`` are in the order of the participants."""

    code: str
    polarity: str
    text: str
    cells: tuple[CriterionCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenedParticipant:
    """What all criteria say of one participant together.

    Parameters
    ----------
    pseudonym, site : str
        Who.
    standing : Standing
        Favorable where eligible, against where not.
    eligibility : str
        ``"eligible"``, ``"not eligible"``, ``"undetermined"``.
    literal : str
        The same under the literal reading where that differs, else empty.
    valid_until : str
        Last day on which it stays so; empty where time does not change it.
    missing : tuple of str
        The fewest facts that may let the participant in; empty unless undetermined.
    queries : tuple of (sentence, tuple of places)
        Questions to the site.
    cautions : tuple of str
        What a person should look at.
    on : str
        The day of which it is asked, where it is not the page's.
    """

    pseudonym: str
    site: str
    standing: Standing
    eligibility: str
    literal: str = ""
    valid_until: str = ""
    missing: tuple[str, ...] = ()
    queries: tuple[tuple[str, tuple[str, ...]], ...] = ()
    cautions: tuple[str, ...] = ()
    on: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilityPage:
    """Who may be included, criterion by criterion.

    Parameters
    ----------
    study : str
        Code of the study whose criteria they are.
    on : str
        The day of the data cut, asked about of who was not treated.
    participants : tuple of ScreenedParticipant
        Columns.
    criteria : tuple of CriterionRow
        Rows, in the order of the study file.

    Raises
    ------
    ValueError
        If a row has not one cell for each participant.
    """

    study: str
    on: str
    participants: tuple[ScreenedParticipant, ...]
    criteria: tuple[CriterionRow, ...]

    def __post_init__(self) -> None:
        for row in self.criteria:
            if len(row.cells) != len(self.participants):
                raise ValueError(
                    f"{row.code} has {len(row.cells)} cells for "
                    f"{len(self.participants)} participants"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyReport:
    """The whole report.

    Parameters
    ----------
    title, protocol : str
        Of the study.
    data_cut : str
        Decides which visits are due.
    sites : tuple of str
        Hospital departments.
    timepoints : tuple of TimepointColumn
        In their order in time.
    participants : tuple of ParticipantPage
        In the order to show.
    totals : tuple of (label, value)
        A few key figures for the head of the page.
    record_faults : tuple of Issue
        Rows of the records that could not be read.
    unplaced : tuple of Issue
        DICOM that belongs to nobody known, to no declared visit, or cannot be read.
    methods : tuple of MethodParagraph
        How the values were obtained.
    provenance : tuple of (label, value)
        Versions and digests.
    eligibility : EligibilityPage or None
        Who may be included; None where nobody is screened from the records.

    Raises
    ------
    ValueError
        If a visit or a trend names a timepoint that has no column, or a participant or one of
        their visits appears twice.
    """

    title: str
    protocol: str
    data_cut: str
    sites: tuple[str, ...]
    timepoints: tuple[TimepointColumn, ...]
    participants: tuple[ParticipantPage, ...]
    totals: tuple[tuple[str, str], ...] = ()
    record_faults: tuple[Issue, ...] = ()
    unplaced: tuple[Issue, ...] = ()
    methods: tuple[MethodParagraph, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    eligibility: EligibilityPage | None = None

    def __post_init__(self) -> None:
        pseudonyms = [page.pseudonym for page in self.participants]
        if len(pseudonyms) > len(set(pseudonyms)):
            raise ValueError(f"a participant appears twice: {sorted(pseudonyms)}")
        declared = {column.code for column in self.timepoints}
        for page in self.participants:
            visits = [visit.timepoint for visit in page.visits]
            if len(visits) > len(set(visits)):
                raise ValueError(f"a visit of {page.pseudonym} appears twice: {visits}")
            used = {visit.timepoint for visit in page.visits}
            used |= {code for trend in page.trends for code, _, _ in trend.points}
            used |= set(page.lesions.timepoints) if page.lesions else set()
            if not used <= declared:
                raise ValueError(
                    f"{page.pseudonym} has timepoints without a column: {sorted(used - declared)}"
                )
