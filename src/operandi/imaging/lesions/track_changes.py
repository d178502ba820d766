"""Every change of every tracked lesion, judged: against the visit before and against the first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from operandi.domain.identity import LesionId, TimepointCode
from operandi.domain.measurement import Measurement, SubjectType
from operandi.imaging.lesions.change import ChangeVerdict, holm_adjusted, judge_change
from operandi.imaging.lesions.change_budget import ChangeEvidence, MethodSpread
from operandi.imaging.lesions.comparability import Comparability, ScanConditions
from operandi.imaging.lesions.image_noise import noise_term
from operandi.imaging.lesions.judged_quantities import OF_LESIONS, OF_PATIENT
from operandi.imaging.lesions.repeatability import Repeatability, UnknownRepeatability
from operandi.imaging.lesions.tracking.tracks import EventKind, LesionTrack, Tracks
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import SUV_MEAN, TOTAL_LESION_SSTR, VOLUME, Kind

NO_LESION: Final = LesionId("")
"""In place of a lesion's name where a change is the patient's."""

_Item = TypeVar("_Item")
_LESIONS: Final = frozenset({SubjectType.LESION, SubjectType.CANDIDATE})
LARGEST_LEVEL_RATIO: Final = 1.5
"""Of the liver's means at two visits, beyond which a burden is not comparable: what counts as a
lesion is another thing then. Assumed; seen on simulated PET, where a liver that fell from 5 to
1.6 g/mL let 730 mL of ordinary tissue in."""

_OF_BORDERS: Final = (SUV_MEAN, VOLUME, TOTAL_LESION_SSTR)
"""What hangs on where the border lies, so that a reader's is not held against a rule's."""

_PARTS: Final = frozenset({EventKind.SPLIT, EventKind.MERGED})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedVisit:
    """What one visit brings to the judgment of changes. Lesions bear the visit's own names.

    Parameters
    ----------
    timepoint : TimepointCode
        The visit.
    measurements : tuple of Measurement
        Of lesions and of the participant.
    conditions : ScanConditions
        Under which all of them were measured.
    impaired : mapping of LesionId to tuple of str
        What impairs single lesions, such as the edge of the image.
    noise : mapping of str to float
        By the kind's name: standard deviation from the image's noise, as a share of the value.
    by_method : mapping of LesionId to mapping of str to mapping of str to float
        By the kind's name the value by each delineation.
    liver_suv_mean : float or None
        Of the liver reference, g/mL: the level of the search moves with it.
    by_reader : frozenset of LesionId
        Whose border a reader drew or changed.
    """

    timepoint: TimepointCode
    measurements: tuple[Measurement, ...]
    conditions: ScanConditions
    impaired: Mapping[LesionId, tuple[str, ...]] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    by_method: Mapping[LesionId, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    liver_suv_mean: float | None = None
    by_reader: frozenset[LesionId] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRules:
    """What a study says of comparing two visits. There are no defaults.

    Parameters
    ----------
    repeatability : mapping of str to Repeatability or UnknownRepeatability
        By the kind's name, of all of ``OF_LESIONS`` and ``OF_PATIENT``.
    uptake_window_min : tuple of float
        Earliest and latest uptake time at which a scan counts, min.
    uptake_difference_min : float
        Largest difference of two uptake times, min.
    """

    repeatability: Mapping[str, Repeatability | UnknownRepeatability]
    uptake_window_min: tuple[float, float]
    uptake_difference_min: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedChange:
    """One change with its verdict.

    Parameters
    ----------
    lesion : LesionId
        Name over all visits; ``NO_LESION`` for the patient.
    before, after : TimepointCode
        The visits.
    consecutive : bool
        Whether no visit that showed the lesion lies between them.
    verdict : ChangeVerdict
        With budget and reasons.
    adjusted_p : float or None
        Holm's, over the lesions of one kind and pair of visits.
    """

    lesion: LesionId
    before: TimepointCode
    after: TimepointCode
    consecutive: bool
    verdict: ChangeVerdict
    adjusted_p: float | None = None


def judge_tracks(
    tracks: Tracks, visits: Sequence[JudgedVisit], *, rules: ChangeRules
) -> tuple[JudgedChange, ...]:
    """Judge every lesion against its sighting before and its first one, and the patient alike.

    A lesion that split or merged between the visits is not comparable: its volume went elsewhere.
    One that came or went is an event of the tracking, not a change.

    Parameters
    ----------
    tracks : Tracks
        Of the PET.
    visits : sequence of JudgedVisit
        In the order of time.
    rules : ChangeRules
        Repeatability, and what makes two visits comparable.

    Returns
    -------
    tuple of JudgedChange
        The patient first, then lesion by lesion.

    Raises
    ------
    DataError
        If a sighting's visit was not given.
    """
    by_code = {visit.timepoint: visit for visit in visits}
    found = [
        _judged(
            NO_LESION,
            (first, _with_level(first, second)),
            (_of_patient(first, kind), _of_patient(second, kind)),
            rules,
            together=consecutive,
        )
        for first, second, consecutive in _pairs(list(visits))
        for kind in OF_PATIENT
    ]
    for track in tracks.tracks:
        found += _of_track(track, tracks, by_code, rules)
    return tuple(_adjusted(found))


def _of_track(
    track: LesionTrack,
    tracks: Tracks,
    by_code: Mapping[TimepointCode, JudgedVisit],
    rules: ChangeRules,
) -> Iterator[JudgedChange]:
    sightings = [one for one in track.sightings if one.modality == "PET"]
    missing = [one.timepoint for one in sightings if one.timepoint not in by_code]
    if missing:
        raise DataError(
            f"Lesion {track.id} was seen at {missing[0]}, of which no measurement was given.",
            remedy="Give the measurements of every visit that was tracked.",
        )
    order = list(by_code)
    for one, two, consecutive in _pairs(sightings):
        between = order[order.index(one.timepoint) + 1 : order.index(two.timepoint) + 1]
        parted = tuple(_parted(track.id, tracks, between))
        ends = [
            replace(
                by_code[end.timepoint],
                conditions=_with_artifacts(by_code[end.timepoint], end.name, said),
            )
            for end, said in ((one, ()), (two, parted))
        ]
        for kind in OF_LESIONS:
            values = [
                _of_lesion(end, sighting.name, track.id, kind)
                for end, sighting in zip(ends, (one, two), strict=True)
            ]
            yield _judged(
                track.id,
                _with_border(ends, (one.name, two.name), kind),
                (values[0], values[1]),
                rules,
                together=consecutive,
                spread=_spread(ends, (one.name, two.name), kind),
            )


def _with_border(
    ends: Sequence[JudgedVisit], names: tuple[LesionId, LesionId], kind: Kind
) -> tuple[JudgedVisit, JudgedVisit]:
    """The two visits, the second impaired where a reader drew the border at one of them alone."""
    first, second = ends
    drawn = [name in end.by_reader for end, name in zip(ends, names, strict=True)]
    if kind not in _OF_BORDERS or drawn[0] == drawn[1]:
        return first, second
    where = first.timepoint if drawn[0] else second.timepoint
    said = f"a reader drew the border at {where}, and not at the other visit"
    artifacts = (*second.conditions.artifacts, said)
    return first, replace(second, conditions=replace(second.conditions, artifacts=artifacts))


def _pairs(items: list[_Item]) -> Iterator[tuple[_Item, _Item, bool]]:
    """Each with the one before, and with the first where that is another."""
    for place in range(1, len(items)):
        yield items[place - 1], items[place], True
        if place > 1:
            yield items[0], items[place], False


def _parted(lesion: LesionId, tracks: Tracks, visits: Sequence[TimepointCode]) -> Iterator[str]:
    for event in tracks.events:
        ours = lesion == event.lesion or lesion in event.others
        if event.timepoint in visits and event.likeliest in _PARTS and ours:
            whom = ", ".join(sorted({event.lesion, *event.others}))
            yield f"the lesion {event.likeliest} by {event.timepoint} ({whom})"


def _with_level(first: JudgedVisit, second: JudgedVisit) -> JudgedVisit:
    """The second visit, impaired where the level of the search moved too far from the first's."""
    one, two = first.liver_suv_mean, second.liver_suv_mean
    if one is None or two is None or max(one, two) <= LARGEST_LEVEL_RATIO * min(one, two):
        return second
    said = (
        f"the liver reference went from {one:.3g} to {two:.3g} g/mL, and the level of the search "
        "with it"
    )
    artifacts = (*second.conditions.artifacts, said)
    return replace(second, conditions=replace(second.conditions, artifacts=artifacts))


def _with_artifacts(visit: JudgedVisit, name: LesionId, said: tuple[str, ...]) -> ScanConditions:
    artifacts = (*visit.conditions.artifacts, *visit.impaired.get(name, ()), *said)
    return replace(visit.conditions, artifacts=artifacts)


def _of_lesion(
    visit: JudgedVisit, name: LesionId, tracked: LesionId, kind: Kind
) -> Measurement | None:
    for one in visit.measurements:
        if one.kind == kind and one.subject.name == name and one.subject.type in _LESIONS:
            # What is a candidate at one visit alone is followed all the same.
            subject = replace(one.subject, type=SubjectType.LESION, name=tracked)
            return replace(one, subject=subject)
    return None


def _of_patient(visit: JudgedVisit, kind: Kind) -> Measurement | None:
    return next(
        (
            one
            for one in visit.measurements
            if one.kind == kind and one.subject.type is SubjectType.PARTICIPANT
        ),
        None,
    )


def _spread(
    visits: Sequence[JudgedVisit], names: tuple[LesionId, LesionId], kind: Kind
) -> MethodSpread | None:
    """The quantity by the delineations that gave a number at both visits."""
    one, two = (
        visit.by_method.get(name, {}).get(kind.name, {})
        for visit, name in zip(visits, names, strict=True)
    )
    methods = tuple(method for method in one if method in two)
    if len(methods) < 2:
        return None
    return MethodSpread(
        methods=methods,
        before=tuple(one[method] for method in methods),
        after=tuple(two[method] for method in methods),
    )


def _judged(
    lesion: LesionId,
    visits: tuple[JudgedVisit, JudgedVisit],
    values: tuple[Measurement | None, Measurement | None],
    rules: ChangeRules,
    *,
    together: bool,
    spread: MethodSpread | None = None,
) -> JudgedChange:
    first, second = visits
    before, after = values
    if before is None or after is None:
        raise DataError(
            f"{lesion or 'The patient'} was not measured at "
            f"{first.timepoint if before is None else second.timepoint}.",
            remedy="Measure every lesion of a visit before its changes are judged.",
        )
    kind = before.kind
    noise = None
    if kind.name in first.noise and kind.name in second.noise:
        noise = noise_term(
            before=first.noise[kind.name], after=second.noise[kind.name], tissue="liver"
        )
    verdict = judge_change(
        before,
        after,
        repeatability=rules.repeatability[kind.name],
        comparability=Comparability(
            before=first.conditions,
            after=second.conditions,
            uptake_window_min=rules.uptake_window_min,
            uptake_difference_min=rules.uptake_difference_min,
        ),
        evidence=ChangeEvidence(noise=noise, segmentation=spread),
    )
    return JudgedChange(
        lesion=lesion,
        before=first.timepoint,
        after=second.timepoint,
        consecutive=together,
        verdict=verdict,
    )


def _adjusted(changes: list[JudgedChange]) -> Iterator[JudgedChange]:
    """Holm over the lesions of one kind and one pair of visits; the order stays."""
    families: dict[tuple[bool, str, TimepointCode, TimepointCode], list[int]] = {}
    for place, one in enumerate(changes):
        key = one.lesion == NO_LESION, one.verdict.before.kind.name, one.before, one.after
        families.setdefault(key, []).append(place)
    adjusted: dict[int, float | None] = {}
    for places in families.values():
        values = holm_adjusted([changes[place].verdict for place in places])
        adjusted.update(zip(places, values, strict=True))
    for place, one in enumerate(changes):
        yield replace(one, adjusted_p=adjusted[place])
