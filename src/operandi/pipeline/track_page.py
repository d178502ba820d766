"""The tracked lesions of one participant as a page."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.identity import TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.measurement import Measurement, SubjectType
from operandi.domain.volume import Volume
from operandi.imaging.lesions.change import ChangeClass
from operandi.imaging.lesions.repeatability import Repeatability
from operandi.imaging.lesions.track_changes import NO_LESION, JudgedChange
from operandi.imaging.lesions.tracking.tracks import LesionTrack, Tracks
from operandi.imaging.lesions.visit import LesionsOfVisit
from operandi.imaging.resample import resample, resample_mask
from operandi.pipeline.lesion_tracks import (
    ParticipantTracks,
    TrackedVisit,
    notes_over_visits,
    override_cells,
    under_tracked_names,
)
from operandi.pipeline.track_words import (
    IN_SHORT,
    budget_words,
    event_name,
    event_words,
    events_of,
    number,
    percent,
    repetition_alone,
    was_judged,
)
from operandi.quantities.kinds import (
    LESION_COUNT,
    SSTR_TUMOR_VOLUME,
    SUV_PEAK,
    TOTAL_LESION_SSTR,
    VOLUME,
    Kind,
)
from operandi.reports.figures import coronal_maximum_projection, lesion_color
from operandi.reports.lesion_passport import PassportCourse, PassportPicture, lesion_passport
from operandi.reports.page import PageSection, PageTable, render_page
from operandi.reports.study_report import Figure

_LIVERS_TO_BLACK: Final = 3.0
_BLACK_WITHOUT_LIVER: Final = 15.0
_THUMBNAIL_MM: Final = 90
_TERM: Final = "not known"
"""End of a caveat that a term of the budget is not known: its line says so."""
_LIMITS: Final = (
    "Organs were found without trained weights unless an organ map is named: the right adrenal is "
    "often missed and glands of the head are never found, so that a spot there may be "
    "physiological; what was taken for gut or for the uncinate process may hold a lesion.",
    "A lesion no longer found has no uptake above the liver-referenced level; it may be there all "
    "the same, on MR or with fewer receptors.",
    "A change beyond what repetition alone gives is no response, and one within it is no "
    "stability: RECIST is read elsewhere.",
)

_Pictures = tuple[TrackedVisit, LesionsOfVisit]


def track_page(found: ParticipantTracks, *, study: str) -> str:
    """Write the lesions of a participant over all visits as one HTML page.

    Parameters
    ----------
    found : ParticipantTracks
        With at least one visit or a refusal.
    study : str
        Title of the study.
    """
    sections: list[PageSection] = []
    if found.tracks is not None:
        visits = [(one, under_tracked_names(one, found.tracks)) for one in found.visits]
        sections += [
            _visits(visits, found.tracks),
            _patient(found),
            _overview(found.tracks, visits, found.changes),
            *(_lesion(track, found, visits) for track in found.tracks.tracks),
            _method(found),
        ]
    if found.overrides:
        sections.append(
            PageSection(
                title="What readers said",
                notes=tuple(
                    f"{one.reader}: {one.before} and {one.after}: {one.relation}; {one.reason}."
                    for one in found.overrides
                ),
            )
        )
    if found.refused:
        sections.append(
            PageSection(
                title="Visits without lesions read",
                notes=tuple(f"{code}: {reason}" for code, reason in found.refused),
            )
        )
    return render_page(
        title=f"Lesions of {found.participant.pseudonym}",
        eyebrow=study,
        lead=_lead(found),
        sections=sections,
    )


def _lead(found: ParticipantTracks) -> str:
    end = "Not for the care of a patient."
    if found.tracks is None:
        return f"No visit gave lesions. {end}"
    real = {one.lesion for one in found.changes if one.verdict.real and one.lesion != NO_LESION}
    judged = any(was_judged(one) for one in found.changes)
    said = (
        f"{len(real)} of them changed in some quantity by more than repetition alone gives"
        if judged
        else "no change could be judged: the repeatability is not known, or the visits are not "
        "comparable"
    )
    return (
        f"{_counted(len(found.tracks.tracks), 'lesion')} over "
        f"{_counted(len(found.visits), 'visit')}; {said}. Each keeps its name and color at every "
        f"visit. {end}"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# --- The visits -------------------------------------------------------------------------------


def _visits(visits: Sequence[_Pictures], tracks: Tracks) -> PageSection:
    rows = []
    for visit, named in visits:
        of_patient = {
            one.kind.name: one
            for one in named.measures.measurements
            if one.subject.type is SubjectType.PARTICIPANT
        }
        liver = named.references.liver
        uptake = visit.judged.conditions.uptake_time_min
        rows.append(
            (
                visit.title,
                _day(visit),
                number(uptake),
                f"{len(named.lesions)}{' candidates' if named.are_candidates else ''}",
                *(_text(of_patient.get(kind.name)) for kind in (SSTR_TUMOR_VOLUME,
                                                                TOTAL_LESION_SSTR)),
                number(None if liver is None else liver.mean),
            )
        )  # fmt: skip
    return PageSection(
        title="Visits",
        figures=tuple(_projection(visit, named) for visit, named in visits),
        beside=True,
        tables=(
            PageTable(
                caption="What was found at each visit",
                columns=(
                    "", "day", "uptake, min", "lesions", "tumor volume, mL", "TL-SSTR, g",
                    "liver SUVmean",
                ),
                rows=tuple(rows),
                of_words=("day",),
            ),
        ),
        notes=tuple(
            dict.fromkeys(
                f"{visit.title}: {note}."
                for visit, named in visits
                for note in (*notes_over_visits(visit, tracks), *_absent(named))
            )
        ),
    )  # fmt: skip


def _absent(named: LesionsOfVisit) -> Iterator[str]:
    for one in named.measures.measurements:
        wanted = one.kind in {SSTR_TUMOR_VOLUME, LESION_COUNT}
        if wanted and one.subject.type is SubjectType.PARTICIPANT and one.absent:
            yield f"{one.kind.title} is absent: {one.absent}"
    if named.references.liver is None:
        yield f"no liver reference: {named.references.absent.get('liver', 'not found')}"


def _day(visit: TrackedVisit) -> str:
    placed = visit.chosen.placed.visit
    return f"{placed.on}" if placed else ""


def _text(one: Measurement | None) -> str:
    return number(None if one is None else one.value)


def _projection(visit: TrackedVisit, named: LesionsOfVisit) -> Figure:
    figure = coronal_maximum_projection(named.suv, lesions=named.lesions, ceiling=_ceiling([named]))
    return replace(figure, title=f"{visit.title}.")


def _ceiling(visits: Sequence[LesionsOfVisit]) -> float:
    livers = [one.references.liver.mean for one in visits if one.references.liver is not None]
    return _LIVERS_TO_BLACK * max(livers) if livers else _BLACK_WITHOUT_LIVER


# --- The patient ------------------------------------------------------------------------------


def _patient(found: ParticipantTracks) -> PageSection:
    changes = [one for one in found.changes if one.lesion == NO_LESION]
    titles = {visit.timepoint: visit.title for visit in found.visits}
    if not changes:
        return PageSection(
            title="Tumor burden", paragraphs=("One visit: there is no change to judge.",)
        )
    return PageSection(
        title="Tumor burden",
        tables=(_change_table("SSTR tumor volume of the patient", changes, titles),),
        notes=_notes_of(changes, titles),
    )


def _change_table(
    caption: str, changes: Sequence[JudgedChange], titles: dict[TimepointCode, str]
) -> PageTable:
    return PageTable(
        caption=caption,
        columns=(
            "quantity", "visits", "before", "after", "change", "repetition alone gives", "p",
            "verdict",
        ),
        rows=tuple(
            (
                _quantity(one.verdict.before.kind),
                f"{titles[one.before]} → {titles[one.after]}",
                _text(one.verdict.before),
                _text(one.verdict.after),
                percent(one.verdict.change),
                repetition_alone(one.verdict.budget, judged=was_judged(one)),
                _p(one.adjusted_p),
                str(one.verdict.verdict),
            )
            for one in changes
        ),
        of_words=("visits", "verdict"),
    )  # fmt: skip


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "<\N{NO-BREAK SPACE}0.001" if value < 0.001 else f"{value:.2g}"


def _quantity(kind: Kind) -> str:
    return kind.title if kind.unit == "1" else f"{kind.title}, {kind.unit}"


def _notes_of(changes: Sequence[JudgedChange], titles: dict[TimepointCode, str]) -> tuple[str, ...]:
    """Why changes were not judged, and what to bear in mind, each once with what it holds for."""
    said: dict[str, list[str]] = {}
    for one in changes:
        kind = one.verdict.before.kind.title.split(" (")[0]
        unsure = [text for text in one.verdict.caveats if not text.endswith(_TERM)]
        if one.verdict.verdict is ChangeClass.NOT_COMPARABLE:
            whose = f"{titles[one.before]} → {titles[one.after]}"
            for reason in one.verdict.reasons:
                said.setdefault(reason, []).append(whose)
        else:
            # What the table and the line of the budget already tell is left out.
            reasons = () if was_judged(one) else one.verdict.reasons
            for text in (*reasons, *unsure):
                said.setdefault(text, []).append(kind)
    return tuple(f"{', '.join(dict.fromkeys(whose))}: {text}." for text, whose in said.items())


# --- Lesions ----------------------------------------------------------------------------------


def _overview(
    tracks: Tracks, visits: Sequence[_Pictures], changes: Sequence[JudgedChange]
) -> PageSection:
    if not tracks.tracks:
        return PageSection(title="All lesions", paragraphs=("No lesion was found at any visit.",))
    rows = []
    for track in tracks.tracks:
        cells = []
        for visit, named in visits:
            value = _value(named, track, SUV_PEAK)
            happened = [one for one in events_of(track.id, tracks)
                        if one.timepoint == visit.timepoint]  # fmt: skip
            word = event_name(happened[0].kind) if happened else ""
            seen = track.seen_at(visit.timepoint)
            own = f" ({seen.name})" if seen else ""
            cells.append(f"{number(value)}{own}, {word}" if seen else f"{word}")
        last = [
            one
            for one in changes
            if one.lesion == track.id and one.consecutive and one.verdict.before.kind == SUV_PEAK
        ]
        verdict = IN_SHORT[last[-1].verdict.verdict] if last else ""
        rows.append((track.id, _organ(track, visits), *cells, verdict))
    return PageSection(
        title="All lesions",
        paragraphs=(
            "SUVpeak with the lesion's own name at that visit, and what happened. The verdict is "
            "that of the last change of SUVpeak.",
        ),
        tables=(
            PageTable(
                caption="Lesions by name over all visits",
                columns=("", "organ", *(visit.title for visit, _ in visits), "last change"),
                rows=tuple(rows),
                of_words=("organ", *(visit.title for visit, _ in visits), "last change"),
            ),
        ),
    )


def _organ(track: LesionTrack, visits: Sequence[_Pictures]) -> str:
    organs = [
        lesion.organ
        for _, named in visits
        for lesion in named.lesions
        if lesion.id == track.id and lesion.organ
    ]
    return organs[0] if organs else ""


def _value(named: LesionsOfVisit, track: LesionTrack, kind: Kind) -> float | None:
    for one in named.measures.measurements:
        if one.kind == kind and one.subject.name == track.id:
            return one.value
    return None


def _lesion(
    track: LesionTrack, found: ParticipantTracks, visits: Sequence[_Pictures]
) -> PageSection:
    assert found.tracks is not None  # noqa: S101 - no lesion without tracks
    titles = {visit.timepoint: visit.title for visit, _ in visits}
    changes = [one for one in found.changes if one.lesion == track.id]
    organ = _organ(track, visits)
    peak = [one for one in changes if one.verdict.before.kind == SUV_PEAK]
    return PageSection(
        title=f"{track.id}{f', {organ}' if organ else ''}",
        figures=(_passport(track, found.tracks, visits, changes),),
        tables=(_change_table(f"Changes of {track.id}", changes, titles),) if changes else (),
        notes=(
            *(
                f"{titles[event.timepoint]}: {event_words(event)}."
                for event in events_of(track.id, found.tracks)
            ),
            *(
                f"Budget of SUVpeak, {titles[one.before]} → {titles[one.after]}: "
                f"{budget_words(one.verdict.budget)}."
                for one in peak
                if one.consecutive and one.verdict.budget is not None
            ),
            *_notes_of(changes, titles),
            *_flags(track, visits),
            *_by_override(track, visits),
        ),
    )


def _by_override(track: LesionTrack, visits: Sequence[_Pictures]) -> Iterator[str]:
    """Say how a reader names it who says that it is another, or the same."""
    cells = [
        override_cells(visit)[seen.name]
        for visit, _ in visits
        if (seen := track.seen_at(visit.timepoint)) is not None
    ]
    if cells:
        yield f"In overrides: {', '.join(cells)}."


def _flags(track: LesionTrack, visits: Sequence[_Pictures]) -> Iterator[str]:
    for visit, named in visits:
        for one in named.segmented.lesions:
            if one.id == track.id and one.flags:
                yield f"{visit.title}: {'; '.join(str(flag) for flag in one.flags)}."


def _passport(
    track: LesionTrack,
    tracks: Tracks,
    visits: Sequence[_Pictures],
    changes: Sequence[JudgedChange],
) -> Figure:
    ceiling = _ceiling([named for _, named in visits])
    pictures = []
    for visit, named in visits:
        lesion = next((one for one in named.lesions if one.id == track.id), None)
        happened = [one for one in events_of(track.id, tracks) if one.timepoint == visit.timepoint]
        words = "\n".join(event_words(one, with_reason=False) for one in happened)
        plane, inside = _thumbnail(named.suv, lesion, ceiling) if lesion else (None, None)
        pictures.append(PassportPicture(title=visit.title, plane=plane, inside=inside, words=words))
    return lesion_passport(
        title=f"Passport of {track.id}.",
        caption=f"Axial slices through its middle, {_THUMBNAIL_MM} mm wide, the patient's right on "
        f"the left, black from {ceiling:.3g} g/mL. Gray bars: where repetition alone would put the "
        "value in 95 % of lesions, from the visit before.",
        color=lesion_color(track.id),
        pictures=pictures,
        courses=[_course(track, visits, changes, kind) for kind in (SUV_PEAK, VOLUME)],
    )


def _thumbnail(
    suv: Volume, lesion: Lesion, ceiling: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Cut an axial square of 1 mm pixels along the patient's own axes."""
    center = lesion.mask.grid.position_of(np.argwhere(lesion.mask.inside).mean(axis=0))
    affine = np.eye(4)
    affine[:3, 3] = center - [(_THUMBNAIL_MM - 1) / 2, (_THUMBNAIL_MM - 1) / 2, 0.0]
    grid = Grid((_THUMBNAIL_MM, _THUMBNAIL_MM, 1), affine, suv.grid.frame_of_reference)
    cut = resample(suv, grid, order="linear", outside=0.0)
    inside = resample_mask(lesion.mask, grid)
    plane = np.clip(np.nan_to_num(cut.values[:, :, 0].T.astype(np.float64)) / ceiling, 0.0, 1.0)
    return plane, inside.inside[:, :, 0].T


def _course(
    track: LesionTrack,
    visits: Sequence[_Pictures],
    changes: Sequence[JudgedChange],
    kind: Kind,
) -> PassportCourse:
    by_visit = {
        one.after: one for one in changes if one.consecutive and one.verdict.before.kind == kind
    }
    expected: list[tuple[float, float] | None] = []
    verdicts = []
    for visit, _ in visits:
        one = by_visit.get(visit.timepoint)
        verdicts.append(IN_SHORT[one.verdict.verdict] if one else "")
        start = one.verdict.before.value if one else None
        budget = one.verdict.budget if one else None
        if one is None or start is None or budget is None or not was_judged(one):
            expected.append(None)
        else:
            low, high = budget.limits
            expected.append((start * (1.0 + low), start * (1.0 + high)))
    return PassportCourse(
        title=_quantity(kind),
        values=tuple(_value(named, track, kind) for _, named in visits),
        expected=tuple(expected),
        verdicts=tuple(verdicts),
    )


# --- How --------------------------------------------------------------------------------------


def _method(found: ParticipantTracks) -> PageSection:
    assert found.tracks is not None and found.rules is not None  # noqa: S101, PT018
    titles = {visit.timepoint: visit.title for visit in found.visits}
    settings = found.visits[0].found.choices.segmentation
    low, high = found.rules.uptake_window_min
    known = []
    for name, one in found.rules.repeatability.items():
        if isinstance(one, Repeatability):
            known.append(f"{name}: {one.origin}; {one.source}.")
        else:
            known.append(f"{name}: not known. {one.reason[0].upper()}{one.reason[1:]}.")
    steps = PageTable(
        caption="How visits were laid on one another",
        columns=("visits", "by", "left between matched centers, mm"),
        rows=tuple(
            (
                f"{titles[step.before]} → {titles[step.after]}",
                step.aligned_by,
                number(step.residual_mm),
            )
            for step in found.tracks.steps
        ),
        of_words=("by",),
    )
    return PageSection(
        title="How this came about",
        paragraphs=(
            f"Borders by {settings.method}, at a resolution of {settings.fwhm_mm:g} mm (FWHM); "
            f"lesions of {settings.minimum_volume_ml:g} mL or more. Visits compare at {low:g} to "
            f"{high:g} min after injection and at most {found.rules.uptake_difference_min:g} min "
            "apart, on one scanner with one reconstruction. p is adjusted over the lesions of a "
            "visit (Holm).",
        ),
        tables=(steps,) if found.tracks.steps else (),
        notes=(*known, *_LIMITS),
    )
