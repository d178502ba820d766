"""Steps that put the changes of tracked lesions into the table and into the report."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from operandi.domain.measurement import (
    Measurement,
    Subject,
    SubjectType,
    Uncertainty,
)
from operandi.imaging.lesions.change import ChangeClass
from operandi.imaging.lesions.judged_quantities import CHANGE_OF
from operandi.imaging.lesions.published_repeatability import ChangeScale
from operandi.imaging.lesions.track_changes import NO_LESION, JudgedChange
from operandi.imaging.lesions.tracking.tracks import LesionTrack, Tracks
from operandi.pipeline.step import Refusal
from operandi.pipeline.step_settings import Visit
from operandi.pipeline.steps.measurements import Measured
from operandi.pipeline.steps.tracks import JudgedChanges, LesionEvidence
from operandi.pipeline.track_words import (
    IN_SHORT,
    event_words,
    events_of,
    number,
    percent,
    was_judged,
)
from operandi.quantities.kinds import SUV_PEAK, VOLUME, Kind
from operandi.reports.study_report import LesionCourse, LesionCourses

VERSION: Final = "1"


def measured_changes(judged: JudgedChanges, visit: Visit) -> Measured:
    """Every change as a measurement at its later visit.

    The value is the relative change in percent; ``method`` says against which visit. The basis of
    its uncertainty begins with the verdict, and gives the reasons. What does not compare is absent
    with the reason.
    """
    return Measured(
        measurements=tuple(_measurement(one, visit) for one in judged.changes), evidence=()
    )


def _measurement(one: JudgedChange, visit: Visit) -> Measurement:
    verdict = one.verdict
    inputs = dict.fromkeys((*verdict.before.inputs, *verdict.after.inputs))
    lost = verdict.change is None or verdict.verdict is ChangeClass.NOT_COMPARABLE
    said = f"{verdict.verdict}: {'; '.join((*verdict.reasons, *verdict.caveats))}"
    return Measurement(
        subject=Subject(
            participant=visit.participant,
            type=_subject_type(one.lesion),
            name=one.lesion,
        ),
        timepoint=one.after,
        kind=CHANGE_OF[verdict.before.kind.name],
        value=None if lost else 100.0 * (verdict.change or 0.0),
        absent=said if lost else "",
        uncertainty=Uncertainty(None if lost else _standard(one), said),
        method=f"relative to {one.before}",
        version=VERSION,
        inputs=tuple(inputs),
    )


def _subject_type(lesion: str) -> SubjectType:
    if lesion == NO_LESION:
        return SubjectType.PARTICIPANT
    # As the tracking names what was a candidate at every visit.
    return SubjectType.CANDIDATE if lesion.startswith("C") else SubjectType.LESION


def _standard(one: JudgedChange) -> float | None:
    """Of the change in percent; None where the repeatability, its largest part, is not known."""
    budget, change = one.verdict.budget, one.verdict.change
    if budget is None or change is None or not was_judged(one):
        return None
    # The logarithm of the ratio has the budget's: the ratio itself, to first order, as much more.
    factor = 1.0 + change if budget.scale is ChangeScale.RELATIVE else 1.0
    return 100.0 * factor * budget.standard


def lesion_courses(*arguments: object) -> LesionCourses:
    """Tell the lesions of a participant over the visits, for the report.

    Parameters
    ----------
    *arguments
        Tracks; JudgedChanges or its Refusal; LesionEvidence of each visit in the order of time,
        or its Refusal.
    """
    tracks, judged, *visits = arguments
    assert isinstance(tracks, Tracks)  # noqa: S101 - the road requires it
    evidence = [one for one in visits if isinstance(one, LesionEvidence)]
    changes = judged.changes if isinstance(judged, JudgedChanges) else ()
    notes = (f"Changes were not judged: {judged}",) if isinstance(judged, Refusal) else ()
    return LesionCourses(
        timepoints=tuple(one.judged.timepoint for one in evidence),
        courses=tuple(_course(track, tracks, evidence, changes) for track in tracks.tracks),
        patient=tuple(
            _told(one, one.verdict.before.kind) for one in changes if one.lesion == NO_LESION
        ),
        notes=(*notes, *_why_not_judged(changes)),
    )


def _course(
    track: LesionTrack,
    tracks: Tracks,
    visits: Sequence[LesionEvidence],
    changes: Sequence[JudgedChange],
) -> LesionCourse:
    own = [one for one in changes if one.lesion == track.id]
    peaks = [one for one in own if one.verdict.before.kind == SUV_PEAK]
    last = [one for one in peaks if one.consecutive][-1:]
    organs = chain.from_iterable(_organs(track, visit) for visit in visits)
    return LesionCourse(
        name=track.id,
        organ=next(organs, ""),
        cells=tuple(_cell(track, tracks, visit) for visit in visits),
        changes=tuple(_told(one, SUV_PEAK) for one in peaks),
        verdict=IN_SHORT[last[0].verdict.verdict] if last else "",
    )


def _organs(track: LesionTrack, visit: LesionEvidence) -> Iterator[str]:
    seen = track.seen_at(visit.judged.timepoint)
    if seen is not None and visit.organs.get(seen.name):
        yield visit.organs[seen.name]


def _cell(track: LesionTrack, tracks: Tracks, visit: LesionEvidence) -> tuple[str, ...]:
    timepoint = visit.judged.timepoint
    seen = track.seen_at(timepoint)
    happened = [one for one in events_of(track.id, tracks) if one.timepoint == timepoint]
    words = [
        line for one in happened for line in (event_words(one, with_reason=False), one.reason)
        if line
    ]  # fmt: skip
    if seen is None:
        return tuple(words)
    peak, volume = (_value(visit, seen.name, kind) for kind in (SUV_PEAK, VOLUME))
    return (f"SUVpeak {number(peak)}, {number(volume)} mL ({seen.name} there)", *words)


def _value(visit: LesionEvidence, name: str, kind: Kind) -> float | None:
    for one in visit.judged.measurements:
        if one.kind == kind and one.subject.name == name:
            return one.value
    return None


def _told(one: JudgedChange, kind: Kind) -> str:
    moved = percent(one.verdict.change) or "no value"
    return f"{kind.title}, {one.before} to {one.after}: {moved}, {one.verdict.verdict}"


def _why_not_judged(changes: Sequence[JudgedChange]) -> tuple[str, ...]:
    """Each reason once, with the quantities and visits it holds for."""
    said: dict[str, list[str]] = {}
    for one in changes:
        if was_judged(one):
            continue
        whose = f"{one.before} to {one.after}"
        if one.verdict.verdict is ChangeClass.REPEATABILITY_UNKNOWN:
            whose = one.verdict.before.kind.title
        for reason in one.verdict.reasons:
            said.setdefault(reason, []).append(whose)
    return tuple(f"{', '.join(dict.fromkeys(whose))}: {why}." for why, whose in said.items())
