"""What the steps are told beside their inputs.

Apart from the steps, so that laying out the road does not import what only running it needs.
"""

from dataclasses import dataclass
from datetime import date

from operandi.domain.identity import Digest, Pseudonym, TimepointCode
from operandi.imaging.pet.declaration import Declaration, Recorded
from operandi.reports.study_report import (
    EligibilityPage,
    Issue,
    MethodParagraph,
    OriginLine,
    SeriesLine,
    TimepointColumn,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PetSettings:
    """What the PET step needs beside the images.

    Parameters
    ----------
    timezone : str
        IANA name, of dates and times without an offset.
    recorded : Recorded
        Body size and injection as the study's tables have them.
    declared : Declaration
        Answers to ambiguous headers.
    """

    timezone: str
    recorded: Recorded
    declared: Declaration


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedReference:
    """A reference sphere that a reader placed."""

    center_mm: tuple[float, float, float]
    radius_mm: float
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionSettings:
    """What a study file sets for the lesion step.

    Parameters
    ----------
    minimum_volume_ml : float
        Smaller components are no lesions.
    organ_margin_mm : float
        How far hot organs spill over.
    absent_organs : tuple of str
        Organs that the participant does not have any more, as declared.
    """

    minimum_volume_ml: float
    organ_margin_mm: float
    absent_organs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Whose measurements they are, and of which files.

    Parameters
    ----------
    participant, timepoint : str
        Whose, at which visit.
    inputs : tuple of Digest
        Digests of the series that the measurements were computed from.
    """

    participant: Pseudonym
    timepoint: TimepointCode
    inputs: tuple[Digest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """Which node a row of the table's inputs is, so that a measurement can be traced to it.

    Parameters
    ----------
    visit : Visit
        Whose, at which visit.
    step, subject : str
        The node that measured.
    burden : bool
        Whether the node's refusal leaves the visit without its burden.
    absent : str
        Why there is no node, as nothing of the visit could be measured; else empty.
    """

    visit: Visit
    step: str
    subject: str
    burden: bool
    absent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFacts:
    """What is known of a visit before any step ran, and how many results follow for it.

    Parameters
    ----------
    participant, timepoint : str
        Which visit.
    on : date or None
        Its day; None where there was none.
    expected : bool
        Whether it should have taken place by the data cut.
    issues : tuple of Issue
        What stands in its way.
    series : tuple of SeriesLine
        Its DICOM series.
    origin : tuple of OriginLine
        Where its numbers come from: series, files, digests.
    results : tuple of (step, subject)
        The nodes whose results are passed for this visit, in order.
    """

    participant: str
    timepoint: str
    on: date | None
    expected: bool
    issues: tuple[Issue, ...]
    series: tuple[SeriesLine, ...]
    origin: tuple[OriginLine, ...]
    results: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantFacts:
    """Who, and their visits in the order of the timepoints."""

    pseudonym: str
    site: str
    sex: str
    age_text: str
    visits: tuple[VisitFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFacts:
    """What the report says beside results."""

    title: str
    protocol: str
    data_cut: str
    sites: tuple[str, ...]
    timepoints: tuple[TimepointColumn, ...]
    participants: tuple[ParticipantFacts, ...]
    record_faults: tuple[Issue, ...]
    unplaced: tuple[Issue, ...]
    methods: tuple[MethodParagraph, ...]
    provenance: tuple[tuple[str, str], ...]
    eligibility: EligibilityPage | None = None
