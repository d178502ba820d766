"""RECIST 1.1: from what a reader saw to the response at every exam.

Why it is as it is: docs/decisions/0014.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist_reads import (
    Category,
    LesionRead,
    Reading,
    RecistLesion,
    Role,
    Seen,
    overlapping,
)
from operandi.protocol.recist_sums import SumOfDiameters, gone, sums_of_diameters
from operandi.quantities.errors import DataError


class Response(StrEnum):
    """A response, of target lesions, of non-target lesions or overall."""

    CR = "CR"
    PR = "PR"
    SD = "SD"
    NON_CR_NON_PD = "NON-CR/NON-PD"
    PD = "PD"
    NE = "NE"


@dataclass(frozen=True, slots=True)
class TimepointResponse:
    """Response at one exam.

    Parameters
    ----------
    on : DateInterval
    overall : Response
    target, non_target : Response, optional
        None where the patient has no such lesion, or where only the overall response is known.
    new : tuple of str
        Lesions that are new at this or an earlier exam.
    equivocal : tuple of str
        Lesions that may be new: they do not count until a later exam confirms them.
    sum : SumOfDiameters, optional
    why : str
        What decided.
    """

    on: DateInterval
    overall: Response
    target: Response | None = None
    non_target: Response | None = None
    new: tuple[str, ...] = ()
    equivocal: tuple[str, ...] = ()
    sum: SumOfDiameters | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Assessed:
    """One reader's responses of one participant.

    Parameters
    ----------
    participant, reader : str
    role : Role
    baseline : DateInterval, optional
        Exam that the others are compared with; None where there is none.
    timepoints : tuple of TimepointResponse
        After baseline, in order of time.
    """

    participant: str
    reader: str
    role: Role
    baseline: DateInterval | None
    timepoints: tuple[TimepointResponse, ...]


def target_response(reading: Reading, sums: SumOfDiameters) -> Response | None:
    """Response of the target lesions at the exam of a sum; None where there is no target.

    Complete response: all are gone, nodes below 10 mm. Progression: at least 20 % and 5 mm above
    the nadir; also of an incomplete sum where that is already certain. Partial response: at least
    30 % below baseline. Not evaluable where a lesion is missing, here or at baseline.

    References
    ----------
    .. [1] Eisenhauer et al., Eur J Cancer 45:228, 2009, sections 4.3.1, 4.3.2 and 4.4.2.
    """
    targets = reading.chosen(Category.TARGET)
    if not targets:
        return None
    reads = reading.at(sums.on)
    if sums.nadir_mm is None or not sums.baseline_mm:
        return Response.NE
    if all(gone(lesion, reads.get(lesion.name)) for lesion in targets):
        return Response.CR
    if sums.progressed:
        return Response.PD
    change = sums.change_percent
    if change is None:
        return Response.NE
    return Response.PR if change <= -30 else Response.SD


def non_target_response(
    lesions: Iterable[RecistLesion], reads: Mapping[str, LesionRead]
) -> Response | None:
    """Response of the non-target lesions at one exam; None where there is none.

    Progression is what the reader calls unequivocal. Tumor markers are not considered.
    """
    seen = [(lesion, reads.get(lesion.name)) for lesion in lesions]
    if not seen:
        return None
    if any(read and read.state is Seen.UNEQUIVOCAL_PROGRESSION for _, read in seen):
        return Response.PD
    states = [gone(lesion, read) for lesion, read in seen]
    if None in states:
        return Response.NE
    return Response.CR if all(states) else Response.NON_CR_NON_PD


def overall_response(
    target: Response | None, non_target: Response | None, *, new_lesion: bool
) -> Response:
    """Overall response at one exam.

    Parameters
    ----------
    target, non_target : Response, optional
        None where the patient has no such lesion.
    new_lesion : bool

    Raises
    ------
    ValueError
        If there is neither.

    References
    ----------
    .. [1] Eisenhauer et al., Eur J Cancer 45:228, 2009, tables 1 and 2.
    """
    if target is None and non_target is None:
        raise ValueError("a response needs target or non-target lesions")
    if new_lesion or Response.PD in (target, non_target):
        return Response.PD
    if target is None:
        return non_target or Response.NE
    if target is Response.CR and non_target not in (None, Response.CR):
        return Response.PR
    return target


def new_lesions(reading: Reading) -> dict[str, DateInterval]:
    """New lesions, each with the exam that it dates from.

    One that was equivocal at first and is new later dates from where it was first seen and not
    lost since (Eisenhauer 2009, section 4.3.5).
    """
    listed = {lesion.name for lesion in reading.lesions}
    since: dict[str, DateInterval] = {}
    certain: set[str] = set()
    for read in reading.reads:
        name = read.lesion
        if name in listed or name in certain:
            continue
        if read.state is Seen.ABSENT:
            since.pop(name, None)
        elif read.state in {Seen.NEW, Seen.NEW_EQUIVOCAL}:
            since.setdefault(name, read.on)
            if read.state is Seen.NEW:
                certain.add(name)
    return {name: since[name] for name in sorted(certain)}


def baseline_exam(reading: Reading, *, treatment_start: date) -> DateInterval | None:
    """The last exam on or before the first day of treatment; None where there is none.

    Raises
    ------
    DataError
        If it cannot be told whether an exam lies before treatment.
    """
    before = None
    for exam in reading.exams:
        if exam.earliest <= treatment_start < exam.latest:
            raise DataError(
                f"{reading.participant}: whether the exam of {exam} lies before the start of "
                f"treatment on {treatment_start} cannot be told.",
                remedy="Record the day of the exam.",
            )
        if exam.latest <= treatment_start:
            before = exam
    return before


def assess(reading: Reading, *, treatment_start: date) -> Assessed:
    """Responses at all exams after baseline.

    Parameters
    ----------
    reading : Reading
    treatment_start : date
        Baseline is the last exam on or before it.

    Returns
    -------
    Assessed
        Without baseline every exam is not evaluable.

    Raises
    ------
    DataError
        If a lesion is new at baseline, or an exam's place before or after it cannot be told.

    References
    ----------
    .. [1] Eisenhauer et al., Eur J Cancer 45:228, 2009, section 4.
    """
    baseline = baseline_exam(reading, treatment_start=treatment_start)
    if baseline is None:
        blank = tuple(
            TimepointResponse(exam, Response.NE, why="no exam on or before the start of treatment")
            for exam in reading.exams
        )
        return Assessed(reading.participant, reading.reader, reading.role, None, blank)
    _refuse_new_at(baseline, reading)
    sums = {one.on: one for one in sums_of_diameters(reading, baseline)}
    timepoints: list[TimepointResponse] = []
    for exam in (exam for exam in reading.exams if exam.earliest > baseline.earliest):
        was_complete = any(one.overall is Response.CR for one in timepoints)
        timepoints.append(_respond(reading, exam, sums.get(exam), was_complete=was_complete))
    return Assessed(reading.participant, reading.reader, reading.role, baseline, tuple(timepoints))


def _refuse_new_at(baseline: DateInterval, reading: Reading) -> None:
    early = [
        f"{read.lesion} on {read.on}"
        for read in reading.reads
        if read.state in {Seen.NEW, Seen.NEW_EQUIVOCAL} and read.on.latest <= baseline.latest
    ]
    if early:
        raise DataError(
            f"{reading.participant}, {reading.role} {reading.reader}: a lesion is new after "
            f"baseline ({baseline}) only, not {', '.join(early)}.",
            remedy="List it in recist_lesions, or correct the day of the exam.",
        )


def _respond(
    reading: Reading, exam: DateInterval, sums: SumOfDiameters | None, *, was_complete: bool
) -> TimepointResponse:
    reads = reading.at(exam)
    dated = new_lesions(reading)
    new = tuple(name for name, on in dated.items() if on.earliest <= exam.earliest)
    equivocal = tuple(
        name
        for name, read in sorted(reads.items())
        if read.state is Seen.NEW_EQUIVOCAL and name not in new
    )
    target = target_response(reading, sums) if sums else None
    non_target = non_target_response(reading.chosen(Category.NON_TARGET), reads)
    overall = overall_response(target, non_target, new_lesion=bool(new))
    back = [one.name for one in reading.lesions if gone(one, reads.get(one.name)) is False]
    reappeared = was_complete and bool(back)
    reasons = [
        f"new: {', '.join(new)}" if new else "",
        # Table 3, footnote a: after complete response any disease that is seen is progression.
        f"disease after complete response: {', '.join(back)}" if reappeared else "",
        "unequivocal progression of non-target lesions" if non_target is Response.PD else "",
        _about(sums) if sums else "",
        f"perhaps new, to be confirmed: {', '.join(equivocal)}" if equivocal else "",
    ]
    return TimepointResponse(
        on=exam,
        overall=Response.PD if reappeared else overall,
        target=target,
        non_target=non_target,
        new=new,
        equivocal=equivocal,
        sum=sums,
        why="; ".join(filter(None, reasons)),
    )


def _about(sums: SumOfDiameters) -> str:
    if sums.baseline_mm is None:
        return "sum at baseline incomplete"
    if sums.missing:
        return f"at least {sums.measured_mm} mm, without {', '.join(sums.missing)}"
    changes = [
        f"{float(percent):+.2f} % from {word} {reference} mm"
        for word, percent, reference in (
            ("baseline", sums.change_percent, sums.baseline_mm),
            ("nadir", sums.change_from_nadir_percent, sums.nadir_mm),
        )
        if percent is not None
    ]
    return f"sum {sums.measured_mm} mm: {', '.join(changes) or 'nothing to compare with'}"


def until_progression(timepoints: Iterable[TimepointResponse]) -> tuple[TimepointResponse, ...]:
    """Timepoints in order, up to and including the first progression.

    Disease after a complete response is progression (table 3, footnote a), whatever the reader
    called it: where the complete response was none, the reader corrects that.

    Raises
    ------
    DataError
        If the order of two timepoints cannot be told.
    """
    in_time = sorted(timepoints, key=lambda one: (one.on.earliest, one.on.latest))
    if unclear := overlapping([one.on for one in in_time]):
        raise DataError(f"{'; '.join(unclear)}.", remedy="Record the days of the exams.")
    kept: list[TimepointResponse] = []
    for one in in_time:
        complete = any(before.overall is Response.CR for before in kept)
        here = one
        if complete and one.overall not in {Response.CR, Response.NE, Response.PD}:
            here = TimepointResponse(
                one.on, Response.PD, why=f"{one.overall} after complete response"
            )
        kept.append(here)
        if here.overall is Response.PD:
            break
    return tuple(kept)
