"""The tracks as they grow from visit to visit."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import LesionId, Pseudonym
from operandi.imaging.dicom.segmentation import deterministic_uid
from operandi.imaging.lesions.sought_again import SearchOutcome
from operandi.imaging.lesions.tracking.alignment import Alignment
from operandi.imaging.lesions.tracking.association import ALWAYS, NEVER
from operandi.imaging.lesions.tracking.constellation import (
    Constellation,
    Match,
    match_constellations,
)
from operandi.imaging.lesions.tracking.parts import Part, parts_among
from operandi.imaging.lesions.tracking.settings import TrackingSettings
from operandi.imaging.lesions.tracking.tracks import (
    EventKind,
    LesionTrack,
    Override,
    Relation,
    RemovedSighting,
    Sighting,
    TrackEvent,
    Tracks,
    VisitPair,
)
from operandi.imaging.lesions.tracking.visit_lesions import (
    ObservedLesion,
    VisitLesions,
    centers_of,
)

Array = npt.NDArray[np.float64]

_UNSEEN: Final = 0.3
"""Factor on the survival of a lesion that the visit before did not show. Assumed."""
_BY_READER: Final = "a reader said so"
_NONE_THERE: Final = "a reader said so: there is no lesion"
_LEFT: Final = "what a reader left of it"
_UNLIKELY: Final = "the model gives it a probability of {:.2f}, less than {:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """What else an event says."""

    others: tuple[LesionId, ...] = ()
    reason: str = ""
    doubt: str = ""


_SILENT: Final = _Word()


@dataclass(slots=True, eq=False)
class _Growing:
    """A track that is not closed yet."""

    id: LesionId
    sightings: list[Sighting]
    last: ObservedLesion
    position: Array  # where it is expected at the latest visit, mm
    primary: bool = True  # whether the modality that is compared over time has shown it
    unseen: bool = False  # at the latest visit
    parent: LesionId | None = None
    merged_into: LesionId | None = None

    def take(self, visit: VisitLesions, lesion: ObservedLesion) -> None:
        self.sightings.append(_sighting(visit, lesion))
        self.last, self.position = lesion, np.array(lesion.center_mm)
        self.unseen, self.primary = False, True


@dataclass(slots=True, kw_only=True, eq=False)
class _Matching:
    """The open tracks against one visit."""

    live: list[_Growing]
    visit: VisitLesions
    match: Match
    column_of: dict[int, int]
    row_of: dict[int, int]
    removed_of: dict[int, int]  # columns that a reader removed, by row
    left_of: dict[int, float]  # share of the fragment that a reader left of it, by row
    splits: dict[int, Part]
    mergings: dict[int, Part]
    warp: Callable[[Array], Array]


@dataclass(slots=True, kw_only=True, eq=False)
class Ledger:
    """Tracks, events and steps so far.

    Parameters
    ----------
    participant : Pseudonym
        For the TrackingUID.
    settings : TrackingSettings
        Priors of the matching.
    overrides : tuple of Override
        Checked.
    """

    participant: Pseudonym
    settings: TrackingSettings
    overrides: tuple[Override, ...]
    tracks: list[_Growing] = field(default_factory=list)
    events: list[TrackEvent] = field(default_factory=list)
    steps: list[VisitPair] = field(default_factory=list)
    removed: list[tuple[Sighting, LesionId, _Growing | None]] = field(default_factory=list)

    def begin(self, visit: VisitLesions) -> None:
        """Open a track for each lesion of the first visit."""
        for lesion in visit.lesions:
            if lesion.removed:
                self._name_removed(visit, lesion, None)
                continue
            track = self._opened(visit, lesion)
            self._tell(EventKind.FIRST, track, visit, probability=1.0)

    def go_on(self, before: VisitLesions, visit: VisitLesions, alignment: Alignment) -> None:
        """Continue, end and open tracks by the next visit of the first modality."""
        live = [track for track in self.tracks if track.merged_into is None]
        here = np.array([track.position for track in live]).reshape(-1, 3)
        here = alignment.moved(here) if len(here) else here
        now = self._matching(live, here, visit, alignment)
        self.steps.append(_step(before, visit, alignment, here, now.match))
        for row, track in enumerate(live):
            self._continue(now, row, track)
        taken = _taken_for(now)
        for column, lesion in enumerate(visit.lesions):
            if lesion.removed:
                self._name_removed(visit, lesion, taken.get(column))
            elif column not in now.row_of:
                self._open(now, column, lesion)
        self._tell_parts(now)

    def add_modality(self, primary: VisitLesions, other: VisitLesions) -> None:
        """Add what another modality of the same visit shows to the visit's lesions."""
        live = [
            track
            for track in self.tracks
            if track.merged_into is None and (not track.unseen or not track.primary)
        ]
        here = np.array([track.position for track in live]).reshape(-1, 3)
        match = self._matched(live, here, other, still=True)
        row_of = {column: row for row, column in match.pairs}
        for column, lesion in enumerate(other.lesions):
            if column in row_of:
                track = live[row_of[column]]
                track.sightings.append(_sighting(other, lesion))
                self._tell(
                    EventKind.STABLE,
                    track,
                    other,
                    probability=_bounded(match.probability[row_of[column], column]),
                    word=_Word(reason=f"also seen on {other.modality}"),
                )
                continue
            track = self._opened(other, lesion)
            track.primary = False
            chance = _bounded(1.0 - match.probability[:, column].sum())
            word = _Word(reason=f"not seen on {primary.modality}")
            self._tell(EventKind.FIRST, track, other, probability=chance, word=word)

    def closed(self) -> Tracks:
        """Return what was found."""
        return Tracks(
            tracks=tuple(
                LesionTrack(
                    id=track.id,
                    tracking_uid=self._uid(track.sightings[0]),
                    sightings=tuple(track.sightings),
                    parent=track.parent,
                    merged_into=track.merged_into,
                )
                for track in self.tracks
            ),
            events=tuple(self.events),
            steps=tuple(self.steps),
            removed=tuple(
                RemovedSighting(
                    sighting=sighting,
                    id=name,
                    tracking_uid=self._uid(sighting if track is None else track.sightings[0]),
                )
                for sighting, name, track in self.removed
            ),
        )

    def _uid(self, first: Sighting) -> str:
        return deterministic_uid("lesion", self.participant, first.timepoint, _name_in_uid(first))

    def _matching(
        self, live: list[_Growing], here: Array, visit: VisitLesions, alignment: Alignment
    ) -> _Matching:
        match = self._matched(live, here, visit, still=False)
        removed = {row: at for row, at in match.pairs if visit.lesions[at].removed}
        column_of = {row: at for row, at in match.pairs if row not in removed}
        now = _Matching(
            live=live,
            visit=visit,
            match=match,
            column_of=column_of,
            row_of={column: row for row, column in column_of.items()},
            removed_of=removed,
            left_of={},
            splits={},
            mergings={},
            warp=lambda points: match.field.moved(alignment.moved(points)),
        )
        # A lesion unseen at the last visit has no border there that could be compared.
        seen = {row: track.last for row, track in enumerate(live) if not track.unseen}
        found = {at: one for at, one in enumerate(visit.lesions) if not one.removed}
        self._keep_by_fragments(now, seen, found)
        now.splits = parts_among(
            {column: lesion for column, lesion in found.items() if column not in now.row_of},
            {row: lesion for row, lesion in seen.items() if row in now.column_of},
            warps=(_unmoved, now.warp),
            settings=self.settings,
            said=lambda column, row: self._said(live[row], visit, column),
        )
        now.mergings = parts_among(
            {row: lesion for row, lesion in seen.items() if row not in now.column_of},
            {column: lesion for column, lesion in found.items() if column in now.row_of},
            warps=(now.warp, _unmoved),
            settings=self.settings,
            said=lambda row, column: self._said(live[row], visit, column),
        )
        return now

    def _keep_by_fragments(
        self,
        now: _Matching,
        seen: dict[int, ObservedLesion],
        found: dict[int, ObservedLesion],
    ) -> None:
        """Go on with the largest fragment where a reader removed the piece that was taken for all.

        The lesion is still there, and its fragment is not new.
        """
        fragments = parts_among(
            {column: lesion for column, lesion in found.items() if column not in now.row_of},
            {row: seen[row] for row in now.removed_of if row in seen},
            warps=(_unmoved, now.warp),
            settings=self.settings,
            said=lambda column, row: self._said(now.live[row], now.visit, column),
        )
        for row in sorted({part.whole for part in fragments.values()}):
            columns = [column for column, part in fragments.items() if part.whole == row]
            largest = max(columns, key=lambda column: (found[column].volume_ml, -column))
            del now.removed_of[row]
            now.column_of[row], now.row_of[largest] = largest, row
            now.left_of[row] = fragments[largest].share

    def _name_removed(
        self, visit: VisitLesions, lesion: ObservedLesion, track: _Growing | None
    ) -> None:
        """Give what a reader removed the name it was taken for, or one that no lesion has."""
        name = self._next_name() if track is None else track.id
        self.removed.append((_sighting(visit, lesion), name, track))

    def _next_name(self) -> LesionId:
        alone = sum(track is None for _, _, track in self.removed)
        return LesionId(f"L{len(self.tracks) + alone + 1:02d}")

    def _matched(
        self, live: list[_Growing], here: Array, visit: VisitLesions, *, still: bool
    ) -> Match:
        kept = self.settings.survival
        return match_constellations(
            _constellation(tuple(track.last for track in live), here),
            _constellation(visit.lesions, centers_of(visit.lesions)),
            survival=np.array([kept * (_UNSEEN if track.unseen else 1.0) for track in live]),
            settings=self.settings,
            stated=self._stated(live, visit),
            still=still,
        )

    def _stated(self, live: list[_Growing], visit: VisitLesions) -> Array:
        said = np.zeros((len(live), len(visit.lesions)))
        said[:, [at for at, one in enumerate(visit.lesions) if one.now_in is not None]] = NEVER
        same = []
        for row, track in enumerate(live):
            for column in range(len(visit.lesions)):
                relation = self._said(track, visit, column)
                if relation is Relation.SAME:
                    same.append((row, column))
                elif relation is not None:
                    said[row, column] = NEVER
        for row, column in same:
            said[row, :] = NEVER
            said[:, column] = NEVER
        for row, column in same:
            said[row, column] = ALWAYS
        return said

    def _said(self, track: _Growing, visit: VisitLesions, column: int) -> Relation | None:
        after = _sighting(visit, visit.lesions[column])
        for one in self.overrides:
            if one.after == after and one.before in track.sightings:
                return one.relation
        return None

    def _continue(self, now: _Matching, row: int, track: _Growing) -> None:
        if row in now.column_of:
            column = now.column_of[row]
            stated = self._said(track, now.visit, column) is Relation.SAME
            track.take(now.visit, now.visit.lesions[column])
            chance = 1.0 if stated else _bounded(now.match.probability[row, column])
            word = _Word(reason=_BY_READER if stated else "")
            if row in now.left_of and not stated:
                chance, word = now.left_of[row], _Word(reason=_LEFT)
            self._tell(EventKind.STABLE, track, now.visit, probability=chance, word=word)
            return
        track.position = now.match.expected[row]
        if row in now.mergings:
            return
        if track.primary and not track.unseen:
            there = [at for at, one in enumerate(now.visit.lesions) if not one.removed]
            chance = _bounded(1.0 - now.match.probability[row, there].sum())
            evidence, doubt = self._seen_at_place(track, now.visit)
            if row in now.removed_of:
                evidence, doubt = _NONE_THERE, ""
            word = _Word(reason=evidence, doubt=_beyond(track, now.visit) or doubt)
            self._tell(EventKind.RESOLVED, track, now.visit, probability=chance, word=word)
        track.unseen = True

    def _seen_at_place(self, track: _Growing, visit: VisitLesions) -> tuple[str, str]:
        """Tell evidence that a lesion is gone from its place, or doubt that it is."""
        last = track.sightings[-1]
        for one in visit.sought:
            if (one.seen_at, one.earlier) != (last.timepoint, last.name):
                continue
            if one.outcome is SearchOutcome.REMOVED:
                return _NONE_THERE, ""
            if one.outcome is SearchOutcome.NOT_LOOKED:
                return "", f"could not be looked for: {one.reason}"
            if one.found_as is not None:
                # A reader who said that this uptake is another lesion has judged what stands there.
                if self._said_different(track, visit, one.found_as):
                    return f"{_BY_READER}: the uptake at its place is another lesion", ""
                return "", f"uptake stands out at its place ({one.found_as})"
            if one.upper_limit_suv is not None:
                limit = f"up to SUV {one.upper_limit_suv:.3g} g/mL"
                return f"nothing stands out at its place, {limit}", ""
        return "", ""

    def _said_different(self, track: _Growing, visit: VisitLesions, name: LesionId) -> bool:
        return any(
            lesion.name == name and self._said(track, visit, column) is Relation.DIFFERENT
            for column, lesion in enumerate(visit.lesions)
        )

    def _open(self, now: _Matching, column: int, lesion: ObservedLesion) -> None:
        track = self._opened(now.visit, lesion)
        if column in now.splits:
            track.parent = now.live[now.splits[column].whole].id
            return
        chance = _bounded(1.0 - now.match.probability[:, column].sum())
        word = _Word(doubt=self._too_little(lesion, now.visit))
        self._tell(EventKind.NEW, track, now.visit, probability=chance, word=word)

    def _tell_parts(self, now: _Matching) -> None:
        """Tell of splits by the whole, of mergings by what it became."""
        by_sighting = {track.sightings[-1]: track for track in self.tracks}
        for row in sorted({part.whole for part in now.splits.values()}):
            columns = [column for column, part in now.splits.items() if part.whole == row]
            fragments = [
                by_sighting[_sighting(now.visit, now.visit.lesions[column])] for column in columns
            ]
            parts = [now.splits[column] for column in columns]
            self._tell_kin(EventKind.SPLIT, now.live[row], now.visit, fragments, parts)
        for column in sorted({part.whole for part in now.mergings.values()}):
            whole = now.live[now.row_of[column]]
            rows = [row for row, part in now.mergings.items() if part.whole == column]
            gone = [now.live[row] for row in rows]
            for track in gone:
                track.merged_into = whole.id
            parts = [now.mergings[row] for row in rows]
            self._tell_kin(EventKind.MERGED, whole, now.visit, gone, parts)

    def _tell_kin(
        self,
        kind: EventKind,
        whole: _Growing,
        visit: VisitLesions,
        kin: list[_Growing],
        parts: list[Part],
    ) -> None:
        self._tell(
            kind,
            whole,
            visit,
            probability=min(part.share for part in parts),
            word=_Word(
                others=tuple(track.id for track in kin),
                reason=_BY_READER if all(part.by_reader for part in parts) else "",
            ),
        )

    def _too_little(self, lesion: ObservedLesion, visit: VisitLesions) -> str:
        """Say why a lesion is too small or too faint to be called new; empty if it is not."""
        least_ml, least_ratio = (
            self.settings.least_new_volume_ml,
            self.settings.least_new_liver_ratio,
        )
        if least_ml is not None and lesion.volume_ml < least_ml:
            return f"{lesion.volume_ml:.2f} mL, less than the {least_ml:g} mL asked of a new lesion"
        if least_ratio is None or lesion.suv_max is None:
            return ""
        if visit.liver_suv_mean is None:
            return "new lesions need a ratio to the liver, and the visit has no liver reference"
        ratio = lesion.suv_max / visit.liver_suv_mean
        if ratio < least_ratio:
            return f"{ratio:.2f} times the liver, less than the {least_ratio:g} asked of it"
        return ""

    def _opened(self, visit: VisitLesions, lesion: ObservedLesion) -> _Growing:
        track = _Growing(
            id=self._next_name(),
            sightings=[_sighting(visit, lesion)],
            last=lesion,
            position=np.array(lesion.center_mm),
        )
        self.tracks.append(track)
        return track

    def _tell(
        self,
        kind: EventKind,
        track: _Growing,
        visit: VisitLesions,
        *,
        probability: float,
        word: _Word = _SILENT,
    ) -> None:
        doubt = word.doubt
        if probability < self.settings.certain and not doubt:
            doubt = _UNLIKELY.format(probability, self.settings.certain)
        self.events.append(
            TrackEvent(
                kind=EventKind.UNCERTAIN if doubt else kind,
                likeliest=kind,
                lesion=track.id,
                timepoint=visit.timepoint,
                modality=visit.modality,
                probability=probability,
                others=word.others,
                reason="; ".join(filter(None, (word.reason, doubt))),
            )
        )


def _taken_for(now: _Matching) -> dict[int, _Growing]:
    """By column, the lesion that what a reader removed was taken for."""
    rows = {column: row for row, column in now.removed_of.items()}
    lesions = now.visit.lesions
    for column, lesion in enumerate(lesions):
        # A reader merged it: it was one of the lesions that went into the same.
        kin = [
            row
            for row, part in now.mergings.items()
            if lesion.now_in == lesions[part.whole].name and row not in rows.values()
        ]
        if kin:
            places = now.match.expected[kin] - np.array(lesion.center_mm)
            rows[column] = kin[int(np.argmin((places**2).sum(axis=1)))]
    return {column: now.live[row] for column, row in rows.items()}


def _sighting(visit: VisitLesions, lesion: ObservedLesion) -> Sighting:
    return Sighting(timepoint=visit.timepoint, name=lesion.name, modality=visit.modality)


def _name_in_uid(first: Sighting) -> str:
    """The name alone on PET, as in the segmentation that is written before anything is tracked."""
    return first.name if first.modality == "PET" else f"{first.modality} {first.name}"


def _constellation(lesions: tuple[ObservedLesion, ...], centers: Array) -> Constellation:
    suv = np.array(
        [math.nan if lesion.suv_max is None else math.log(lesion.suv_max) for lesion in lesions]
    )
    return Constellation(
        centers=centers,
        radius=np.array([lesion.radius_mm for lesion in lesions]),
        log_volume=np.log([lesion.volume_ml for lesion in lesions]),
        log_suv=suv,
        organs=tuple(lesion.organ for lesion in lesions),
    )


def _beyond(track: _Growing, visit: VisitLesions) -> str:
    """Say that a lesion is expected where the visit's image shows nothing; empty if it does."""
    if visit.covered is None:
        return ""
    index = visit.covered.index_of(track.position)
    inside = ((index >= -0.5) & (index <= np.array(visit.covered.shape) - 0.5)).all()
    return "" if inside else "expected beyond the image, where nothing was looked at"


def _step(
    before: VisitLesions, visit: VisitLesions, alignment: Alignment, here: Array, match: Match
) -> VisitPair:
    residual = moved = None
    if match.pairs:
        rows, columns = (list(ends) for ends in zip(*match.pairs, strict=True))
        fitted = match.field.moved(here[rows])
        residual = _rms(fitted - centers_of(visit.lesions)[columns])
        moved = _rms(fitted - here[rows])
    return VisitPair(
        before=before.timepoint,
        after=visit.timepoint,
        aligned_by=alignment.description,
        residual_mm=residual,
        moved_mm=moved,
    )


def _rms(difference: Array) -> float:
    return float(np.sqrt((difference**2).sum(axis=1).mean()))


def _bounded(probability: float) -> float:
    return min(1.0, max(0.0, float(probability)))


def _unmoved(points: Array) -> Array:
    return points
