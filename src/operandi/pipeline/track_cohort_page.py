"""The tracked lesions of a whole study: waterfall and swimmer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from operandi.imaging.lesions.change import ChangeClass
from operandi.imaging.lesions.track_changes import NO_LESION, JudgedChange
from operandi.imaging.lesions.tracking.tracks import EventKind
from operandi.pipeline.lesion_tracks import ParticipantTracks
from operandi.pipeline.track_words import IN_SHORT, event_name, number, percent
from operandi.quantities.kinds import SSTR_TUMOR_VOLUME
from operandi.reports.charts import Words
from operandi.reports.cohort_charts import SwimmerLane, WaterfallBar, swimmer, waterfall
from operandi.reports.page import PageSection, PageTable, render_page

_VISIT: Final = "visit"
_EVENTS: Final = (
    EventKind.NEW,
    EventKind.RESOLVED,
    EventKind.SPLIT,
    EventKind.MERGED,
    EventKind.UNCERTAIN,
)

_COLORED: Final = (
    ChangeClass.DECREASED,
    ChangeClass.INCREASED,
    ChangeClass.REPEATABILITY_UNKNOWN,
    ChangeClass.NOT_COMPARABLE,
)
"""What is within repetition stays gray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedParticipant:
    """What the cohort's page needs of a participant, without images.

    Parameters
    ----------
    name : str
        Study code.
    visits : tuple of (title, day or None)
        In the order of time.
    events : tuple of (visit number, EventKind)
        What happened at which visit, from 0.
    lesions : int
        Over all visits.
    change : JudgedChange or None
        The largest change of tumor volume against the first visit; None where there is none.
    after : str
        Title of the visit of that change.
    why : str
        Why there is no change.
    """

    name: str
    visits: tuple[tuple[str, date | None], ...]
    events: tuple[tuple[int, EventKind], ...]
    lesions: int
    change: JudgedChange | None
    after: str
    why: str


def summary_of(found: ParticipantTracks) -> TrackedParticipant:
    """Keep what the cohort's page needs, so that the images may be let go."""
    order = [visit.timepoint for visit in found.visits]
    since_first = [
        one
        for one in found.changes
        if one.lesion == NO_LESION
        and one.verdict.before.kind == SSTR_TUMOR_VOLUME
        and one.before == order[0]
        and one.verdict.change is not None
    ]
    largest = max(since_first, key=lambda one: abs(one.verdict.change or 0.0), default=None)
    titles = {visit.timepoint: visit.title for visit in found.visits}
    tracks = found.tracks
    return TrackedParticipant(
        name=found.participant.pseudonym,
        visits=tuple(
            (visit.title, visit.chosen.placed.visit.on if visit.chosen.placed.visit else None)
            for visit in found.visits
        ),
        events=tuple(
            (order.index(event.timepoint), event.kind)
            for event in (tracks.events if tracks else ())
            if event.kind in _EVENTS and event.modality == "PET"
        ),
        lesions=len(tracks.tracks) if tracks else 0,
        change=largest,
        after=titles[largest.after] if largest else "",
        why="" if largest else _why(found),
    )


def _why(found: ParticipantTracks) -> str:
    if len(found.visits) < 2:
        return "fewer than two visits gave lesions"
    reasons = [
        reason for one in found.changes if one.lesion == NO_LESION for reason in one.verdict.reasons
    ]
    return reasons[0] if reasons else "tumor volume was not measured twice"


def track_cohort_page(cohort: Sequence[TrackedParticipant], *, study: str) -> str:
    """Write waterfall, swimmer and a table of all participants as one HTML page."""
    known = [one for one in cohort if one.change is not None]
    return render_page(
        title="Tracked lesions",
        eyebrow=study,
        lead=f"{len(cohort)} participants, {sum(one.lesions for one in cohort)} lesions; tumor "
        f"volume at two visits or more of {len(known)}. Not for the care of a patient.",
        sections=[_waterfall(cohort), _swimmer(cohort), _everybody(cohort)],
    )


def _waterfall(cohort: Sequence[TrackedParticipant]) -> PageSection:
    bars = [
        WaterfallBar(
            name=one.name,
            change=one.change.verdict.change,
            group=IN_SHORT[one.change.verdict.verdict],
        )
        for one in cohort
        if one.change is not None and one.change.verdict.change is not None
    ]
    title = "Largest change of tumor volume"
    if not bars:
        return PageSection(
            title=title, paragraphs=("No participant has a tumor volume at two visits.",)
        )
    told = ", ".join(f"{bar.name} {percent(bar.change)}" for bar in bars)
    return PageSection(
        title=title,
        figures=(
            waterfall(
                bars,
                words=Words(
                    title="Waterfall.",
                    caption="SSTR tumor volume against the first visit, at the visit where it "
                    "differs most. No response: RECIST is read elsewhere. Colors: whether the "
                    "change is more than repetition alone gives.",
                    alt=f"Waterfall of the change of tumor volume: {told}.",
                ),
                groups=[IN_SHORT[one] for one in _COLORED],
                axis="change of tumor volume, %",
            ),
        ),
    )


def _swimmer(cohort: Sequence[TrackedParticipant]) -> PageSection:
    lanes = list(_lanes(cohort))
    title = "Visits and events"
    if not lanes:
        return PageSection(title=title, paragraphs=("No participant has a dated visit.",))
    return PageSection(
        title=title,
        figures=(
            swimmer(
                lanes,
                words=Words(
                    title="Swimmer.",
                    caption="One lane a participant, from the first PET on; a mark stands for one "
                    "or more lesions.",
                    alt="; ".join(f"{lane.name}: {len(lane.marks)} marks" for lane in lanes),
                ),
                groups=(_VISIT, *(event_name(kind) for kind in _EVENTS)),
                axis="months after the first PET",
            ),
        ),
    )


def _lanes(cohort: Sequence[TrackedParticipant]) -> Iterator[SwimmerLane]:
    for one in cohort:
        days = [day for _, day in one.visits]
        first = days[0] if days else None
        if first is None:
            continue
        months = [(day - first).days / 30.4375 if day else None for day in days]
        marks = [(time, _VISIT) for time in months if time is not None]
        for place, kind in dict.fromkeys(one.events):
            time = months[place]
            if time is not None:
                marks.append((time, event_name(kind)))
        yield SwimmerLane(
            name=one.name,
            length=max(time for time in months if time is not None),
            marks=tuple(marks),
        )


def _everybody(cohort: Sequence[TrackedParticipant]) -> PageSection:
    rows = []
    for one in cohort:
        counted = Counter(kind for _, kind in one.events)
        change = one.change.verdict if one.change else None
        rows.append(
            (
                one.name,
                f"{len(one.visits)}",
                f"{one.lesions}",
                *(f"{counted[kind]}" if counted[kind] else "" for kind in _EVENTS),
                number(change.before.value) if change else "",
                number(change.after.value) if change else "",
                percent(change.change) if change else "",
                one.after,
                str(change.verdict) if change else one.why,
            )
        )
    return PageSection(
        title="Everybody",
        tables=(
            PageTable(
                caption="Lesions over all visits, events, and the largest change of tumor volume",
                columns=(
                    "", "visits", "lesions", *(event_name(kind) for kind in _EVENTS), "mL first",
                    "mL then", "change", "at", "verdict",
                ),
                rows=tuple(rows),
                of_words=("at", "verdict"),
            ),
        ),
    )  # fmt: skip
