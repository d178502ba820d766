"""Which series belongs to which participant and visit, and what stands in the way."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from operandi.domain.participant import Participant, Sex
from operandi.domain.timepoint import Timepoint
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import Index, Series
from operandi.pipeline.placing_cycles import (
    EMISSION,
    LATEST_DAYS,
    PlacedCycle,
    day_of,
    place_after_cycles,
)
from operandi.pipeline.settings import Settings
from operandi.quantities.errors import DataError
from operandi.records.rows_followup import VisitDoneRow
from operandi.records.tables import ImagingVisit, Records

TECHNOLOGIST: Final = "nuclear-medicine technologist"
COORDINATOR: Final = "study coordinator"
READER: Final = "nuclear-medicine physician"
PHYSICIST: Final = "medical physicist"


WHOSE_IMAGES: Final = "Check whose images these are; correct the files or the records."
SAME_VISIT_DAYS: Final = 14
"""Studies of one visit lie at most this far from its date; two cycles are eight weeks apart."""


_REFUSING_TABLES: Final = frozenset(
    ("participants", "imaging_visits", "vitals", "tracer_administrations", "reference_regions")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Something a person must mend, and who.

    Parameters
    ----------
    what, remedy : str
        What was found, and how to mend it.
    who : str
        Role and site.
    where : str
        Participant, visit or file.
    refuses : bool
        Whether nothing of the visit may be measured before it is mended.
    """

    what: str
    remedy: str
    who: str
    where: str
    refuses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedVisit:
    """A planned imaging visit with what arrived for it.

    Parameters
    ----------
    participant : Participant
        Who.
    timepoint : Timepoint
        Which visit.
    visit : ImagingVisit or None
        The row in imaging_visits; None where there is none.
    series : tuple of Series
        Its DICOM series.
    obstacles : tuple of Obstacle
        What stands in the way.
    expected : bool
        Whether it took place, or should have by the data cut.
    """

    participant: Participant
    timepoint: Timepoint
    visit: ImagingVisit | None
    series: tuple[Series, ...]
    obstacles: tuple[Obstacle, ...]
    expected: bool

    @property
    def subject(self) -> str:
        """Name of the visit in steps and messages."""
        return f"{self.participant.pseudonym}/{self.timepoint.code}"

    @property
    def refused(self) -> bool:
        """Whether an obstacle forbids measuring anything."""
        return any(obstacle.refuses for obstacle in self.obstacles)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """Every planned visit of every participant, what came after cycles, and what fits none."""

    visits: tuple[PlacedVisit, ...]
    cycles: tuple[PlacedCycle, ...]
    unplaced: tuple[Obstacle, ...]


def place(index: Index, records: Records, settings: Settings) -> Placement:
    """Match series to visits by PatientID and StudyInstanceUID or StudyDate.

    A series is never moved to the visit it fits best: what contradicts the records is named and
    refused, because a swapped visit makes a plausible, wrong change.
    """
    of_visit: dict[tuple[str, str], list[Series]] = defaultdict(list)
    unplaced = [
        Obstacle(what=fault.what, remedy=fault.remedy, who=TECHNOLOGIST, where=fault.file)
        for fault in index.faults
    ]
    after_cycles = place_after_cycles(index.series, records)
    taken = {one.uid for cycle in after_cycles for one in cycle.series}
    for series in index.series:
        if series.uid in taken:
            continue
        try:
            visit = _visit_of(series, records)
        except DataError as error:
            where = f"{_shown(series)} in {series.instances[0].file}"
            unplaced.append(
                Obstacle(what=error.what, remedy=error.remedy, who=TECHNOLOGIST, where=where)
            )
        else:
            of_visit[visit.participant, visit.timepoint].append(series)
    declared = {code for code, _ in settings.sites}
    unplaced += [
        Obstacle(
            what=f"Site {participant.site!r} of {participant.pseudonym} is not declared.",
            remedy="Declare it in study.toml as [site.CODE], or correct participants.",
            who=COORDINATOR,
            where="records/participants",
        )
        for participant in records.participants
        if participant.site not in declared
    ]
    everyone = {participant.pseudonym for participant in records.participants}
    unplaced += [
        Obstacle(
            what=f"study.toml declares something for {participant!r}, who is no participant.",
            remedy="Correct participant in [[declare.visit]].",
            who=COORDINATOR,
            where="study.toml",
        )
        for participant in sorted({one.participant for one in settings.declared_for} - everyone)
    ]
    arrived = {str(one.uid) for one in index.series}
    unplaced += [
        Obstacle(
            what=f"study.toml names the series {uid} in [dosimetry] series, and none of that "
            "SeriesInstanceUID arrived.",
            remedy="Correct it, or send its files; `operandi index` lists the UIDs.",
            who=PHYSICIST,
            where="study.toml",
        )
        for uid in (settings.dosimetry.series if settings.dosimetry else ())
        if uid not in arrived
    ]
    visits = [
        _placed(participant, timepoint, of_visit, records, settings)
        for participant in records.participants
        for timepoint in settings.timepoints
    ]
    return Placement(visits=tuple(visits), cycles=after_cycles, unplaced=tuple(unplaced))


def _visit_of(series: Series, records: Records) -> ImagingVisit:
    participant = records.participant(series.patient_id)
    if participant is None and (fault := records.left_out(series.patient_id)):
        raise DataError(
            f"{series.patient_id} was left out of the study, images and all: {fault}",
            remedy="Correct the row in participants; the images can stay.",
        )
    if participant is None:
        raise DataError(
            f"PatientID {series.patient_id or 'is empty'!r} is no participant of this study.",
            remedy="Remove the files, or correct PatientID or participants.",
        )
    visits = [visit for visit in records.visits if visit.participant == participant.pseudonym]
    by_study = [visit for visit in visits if series.study_uid in visit.study_instance_uid.split()]
    by_date = [visit for visit in visits if f"{visit.on:%Y%m%d}" == series.study_date]
    if not by_study and not by_date and series.classification.type in EMISSION:
        raise DataError(
            f"{participant.pseudonym} was given no cycle in the {LATEST_DAYS} days before "
            f"{day_of(series) or 'the day of the scan, which is missing'}, and has no imaging "
            "visit on that day.",
            remedy="Add the cycle to cycles, or correct its date.",
        )
    if not by_study and not by_date:
        raise DataError(
            f"{participant.pseudonym} has no imaging visit on StudyDate "
            f"{series.study_date or '(missing)'}.",
            remedy="Add the visit to imaging_visits, or correct its date.",
        )
    return (by_study or by_date)[0]


def _placed(
    participant: Participant,
    timepoint: Timepoint,
    of_visit: dict[tuple[str, str], list[Series]],
    records: Records,
    settings: Settings,
) -> PlacedVisit:
    visit = records.visit_at(participant.pseudonym, timepoint.code)
    series = of_visit.get((participant.pseudonym, timepoint.code), [])
    desk = f"{COORDINATOR} at {participant.site}"
    where = f"{participant.pseudonym} {timepoint.code}"
    obstacles = [
        Obstacle(
            what=str(fault),
            remedy="",
            who=desk,
            where=where,
            # A header must not stand in for a record that is there and wrong.
            refuses=fault.table in _REFUSING_TABLES,
        )
        for fault in records.faults_of(participant.pseudonym, timepoint.code)
    ]
    due = _due(participant, timepoint, records, settings)
    if visit is not None:
        obstacles += _unread_obstacles(visit, records, where=where, who=desk)
        obstacles += _far_vitals(visit, records, where=where, who=desk)
        obstacles += _timing_obstacles(visit, timepoint, records, where=where, who=desk)
        obstacles += _study_obstacles(series, visit, where=where, who=desk)
        obstacles += _identity_obstacles(series, visit, participant, where=where)
    elif due:
        what, remedy = _why_absent(participant, timepoint, records)
        obstacles.append(Obstacle(what=what, remedy=remedy, who=desk, where=where))
    return PlacedVisit(
        participant=participant,
        timepoint=timepoint,
        visit=visit,
        series=tuple(series),
        obstacles=tuple(obstacles),
        expected=visit is not None or due or any(obstacle.refuses for obstacle in obstacles),
    )


def _unread_obstacles(
    visit: ImagingVisit, records: Records, *, where: str, who: str
) -> list[Obstacle]:
    """A row of this visit may stand where a table could not be read, and contradict the header."""
    at = (visit.participant, visit.timepoint)
    missing = {
        "vitals": records.vitals_at(*at) is None,
        "tracer_administrations": records.administration_at(*at) is None,
    }
    return [
        Obstacle(
            what=f"{table} has no row for this visit, and not all of the table could be read, so "
            f"that the row may be there and contradict the image header. {fault}",
            remedy="",
            who=who,
            where=where,
            refuses=True,
        )
        for table, is_missing in missing.items()
        if is_missing
        for fault in records.unread(table)[:1]
    ]


def _far_vitals(visit: ImagingVisit, records: Records, *, where: str, who: str) -> list[Obstacle]:
    """Vitals of another day: of the visit with a slip in the date, or of another visit."""
    vitals = records.vitals_at(visit.participant, visit.timepoint)
    apart = 0 if vitals is None else abs((vitals.measured_on - visit.on).days)
    if vitals is None or apart <= SAME_VISIT_DAYS:
        return []
    return [
        Obstacle(
            what=f"vitals has {vitals.body_mass_kg:g} kg for this visit, measured on "
            f"{vitals.measured_on}, {apart} days from {visit.on}; believed are up to "
            f"{SAME_VISIT_DAYS}.",
            remedy="Correct measured_on, or record the weight of the day.",
            who=who,
            where=where,
            refuses=True,
        )
    ]


def _anchor_on(participant: str, timepoint: Timepoint, records: Records) -> date | None:
    cycle = records.cycle(participant, int(timepoint.anchor.removeprefix("cycle ")))
    return None if cycle is None else cycle.on


def _why_absent(
    participant: Participant, timepoint: Timepoint, records: Records
) -> tuple[str, str]:
    """What is known of a visit that is due and has no row in ``imaging_visits``, and what to do."""
    for row in records.rows.get("visits", ()):
        if not isinstance(row, VisitDoneRow) or row.state == "done":
            continue
        if (row.participant, row.visit) == (participant.pseudonym, timepoint.code):
            became = "canceled" if row.state == "cancelled" else "missed"
            because = f": {row.reason}" if row.reason else ""
            return (
                f"The visit {timepoint.title!r} was {became}, as visits says{because}.",
                "Report it as a protocol deviation where the protocol asks for that.",
            )
    return (
        f"The visit {timepoint.title!r} is due and imaging_visits has no row for it.",
        "Record it, or that it was missed.",
    )


def _due(
    participant: Participant, timepoint: Timepoint, records: Records, settings: Settings
) -> bool:
    """Whether the visit's window has closed by the data cut."""
    anchor = _anchor_on(participant.pseudonym, timepoint, records)
    return anchor is not None and timepoint.window(anchor)[1] < settings.data_cut


def _timing_obstacles(
    visit: ImagingVisit, timepoint: Timepoint, records: Records, *, where: str, who: str
) -> list[Obstacle]:
    anchor = _anchor_on(visit.participant, timepoint, records)
    if anchor is None:
        what = f"{timepoint.anchor} has no date in cycles, so that the visit's window is unknown."
        return [Obstacle(what=what, remedy="Record the cycle.", who=who, where=where)]
    first, last = timepoint.window(anchor)
    if first <= visit.on <= last:
        return []
    earliest, latest = timepoint.window_days
    before_anchor = latest <= 0
    # A window that begins before its anchor and ends after it has no wrong side.
    wrong_side = (before_anchor and visit.on > anchor) or (earliest >= 0 and visit.on < anchor)
    wrong_side = wrong_side or (visit.on == anchor and not earliest <= 0 <= latest)
    what = (
        f"The visit of {visit.on} lies outside the window of {timepoint.code}, {first} to {last} "
        f"({timepoint.anchor} on {anchor})"
    )
    if wrong_side:
        side = "before" if before_anchor else "after"
        return [
            Obstacle(
                what=f"{what}, and not even {side} {timepoint.anchor}: visits may be swapped.",
                remedy="Correct the timepoint or the date in imaging_visits or cycles.",
                who=who,
                where=where,
                refuses=True,
            )
        ]
    remedy = "Correct the date, or keep it as a protocol deviation."
    return [Obstacle(what=f"{what}.", remedy=remedy, who=who, where=where)]


def _study_obstacles(
    series: Sequence[Series], visit: ImagingVisit, *, where: str, who: str
) -> list[Obstacle]:
    """Studies that the visit names and that did not come, though others of its day did."""
    arrived = {one.study_uid for one in series}
    named = visit.study_instance_uid.split()
    if not arrived or arrived.issuperset(named):
        return []
    absent = ", ".join(uid for uid in named if uid not in arrived)
    return [
        Obstacle(
            what=f"imaging_visits names study {absent}, of which no file arrived; what came for "
            f"the visit is of study {', '.join(sorted(arrived))}.",
            remedy="Correct study_instance_uid, or send the files of that study.",
            who=who,
            where=where,
            refuses=arrived.isdisjoint(named),
        )
    ]


def _identity_obstacles(
    series: Sequence[Series], visit: ImagingVisit, participant: Participant, *, where: str
) -> list[Obstacle]:
    """Files of somebody else, or of another day, under this visit's name."""
    who = f"{TECHNOLOGIST} at {participant.site}"
    return [
        Obstacle(
            what=f"{_shown(one)} in {file}: {fault}.",
            remedy=WHOSE_IMAGES,
            who=who,
            where=where,
            refuses=True,
        )
        for one in series
        for fault, file in (
            {_other_day(one, visit): one.instances[0].file} | other_person(one, participant)
        ).items()
        if fault
    ]


def other_person(series: Series, participant: Participant) -> dict[str, FileRef]:
    """What headers of a series say of somebody else, and the first file that says so."""
    faults: dict[str, FileRef] = {}
    for instance in series.instances:
        sex, birth = (
            str(instance.header.get(keyword) or "")
            for keyword in ("PatientSex", "PatientBirthDate")
        )
        for fault in (_other_sex(sex, participant), _other_birth(birth, participant)):
            if fault:
                faults.setdefault(fault, instance.file)
    return faults


def _other_day(series: Series, visit: ImagingVisit) -> str:
    """A visit may name several studies, as where MR was done days before PET; none far from it."""
    try:
        on = datetime.strptime(series.study_date, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return f"StudyDate is {series.study_date!r}; needed a date as YYYYMMDD"
    apart = abs((on - visit.on).days)
    if apart == 0 or (apart <= SAME_VISIT_DAYS and len(visit.study_instance_uid.split()) > 1):
        return ""
    return (
        f"StudyDate is {on}, but imaging_visits has {visit.timepoint} on {visit.on}: visits may be "
        "swapped"
    )


def _other_sex(stated: str, participant: Participant) -> str:
    if stated not in {Sex.FEMALE, Sex.MALE} or participant.sex is Sex.OTHER:
        return ""
    return (
        ""
        if stated == participant.sex
        else (
            f"PatientSex is {stated}, but participants has {participant.sex}: "
            "the files may be another participant's"
        )
    )


def _other_birth(stated: str, participant: Participant) -> str:
    """Compare with a year's tolerance: de-identification shifts birth dates by days to months."""
    if len(stated) != 8 or not stated.isdigit():
        return ""
    recorded = f"{participant.birth_year:04d}-{participant.birth_month:02d}"
    months = 12 * (int(stated[:4]) - participant.birth_year)
    months += int(stated[4:6]) - participant.birth_month
    if abs(months) <= 12:
        return ""
    return (
        f"PatientBirthDate is {stated[:4]}-{stated[4:6]}, but participants has {recorded}: "
        "the files may be another participant's"
    )


def _shown(series: Series) -> str:
    return f"Series {series.description or series.uid!r}"
