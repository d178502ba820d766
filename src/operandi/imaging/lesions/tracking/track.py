"""Lesions of all visits brought under one identity each."""

import re
from collections.abc import Sequence
from dataclasses import replace

from operandi.domain.identity import Pseudonym
from operandi.imaging.lesions.tracking.alignment import Alignment, align_visits
from operandi.imaging.lesions.tracking.ledger import Ledger
from operandi.imaging.lesions.tracking.settings import TrackingSettings
from operandi.imaging.lesions.tracking.tracks import Override, Relation, Sighting, Tracks
from operandi.imaging.lesions.tracking.visit_lesions import ObservedLesion, VisitLesions
from operandi.quantities.errors import DataError


def track_lesions(
    visits: Sequence[VisitLesions],
    *,
    participant: Pseudonym,
    settings: TrackingSettings,
    overrides: Sequence[Override] = (),
    alignments: Sequence[Alignment] | None = None,
) -> Tracks:
    """Give each lesion one identity over all visits and modalities.

    Visits of the first modality are compared in turn: registered, matched one to one through the
    deformation between them (:func:`~operandi.imaging.lesions.tracking.constellation.
    match_constellations`), leftovers looked at as fragments of a split or parts of a merging.
    A lesion that a visit did not show waits and can be found again later. Lesions of other
    modalities are matched to those of their own timepoint, without registration: PET and MR of
    one examination share their space.

    Parameters
    ----------
    visits : sequence of VisitLesions
        In the order of time.
    participant : Pseudonym
        Whose lesions, for the TrackingUID.
    settings : TrackingSettings
        Priors of the matching.
    overrides : sequence of Override
        What readers said; it stands above the matching.
    alignments : sequence of Alignment, optional
        One for each pair of consecutive visits of the first modality, in place of
        :func:`~operandi.imaging.lesions.tracking.alignment.align_visits`.

    Returns
    -------
    Tracks
        The same for any order of the lesions within a visit.

    Raises
    ------
    DataError
        Without visits, if one visit is given twice, if an override names no lesion of the visits,
        the later one first, or contradicts another.
    """
    ordered = [_sorted(visit) for visit in visits]
    _require_visits(ordered)
    primary = [visit for visit in ordered if visit.modality == ordered[0].modality]
    if alignments is not None and len(alignments) != len(primary) - 1:
        raise ValueError(f"{len(primary)} visits need {len(primary) - 1} alignments")
    _require_overrides(overrides, ordered)
    ledger = Ledger(participant=participant, settings=settings, overrides=tuple(overrides))
    for number, visit in enumerate(primary):
        if number == 0:
            ledger.begin(visit)
        else:
            before = primary[number - 1]
            ledger.go_on(
                before,
                visit,
                alignments[number - 1] if alignments is not None else align_visits(before, visit),
            )
        for other in ordered:
            if other.timepoint == visit.timepoint and other.modality != visit.modality:
                ledger.add_modality(visit, other)
    return ledger.closed()


def _sorted(visit: VisitLesions) -> VisitLesions:
    """Put lesions in the order of their names, so that the order given has no effect.

    Not by volume: a border that a reader corrected would exchange names over all visits.
    """

    def key(lesion: ObservedLesion) -> tuple[int, str]:
        number = re.search(r"\d{1,9}$", lesion.name)
        return int(number[0]) if number else 0, lesion.name

    return replace(visit, lesions=tuple(sorted(visit.lesions, key=key)))


def _require_visits(visits: list[VisitLesions]) -> None:
    if not visits:
        raise DataError("Tracking needs at least one visit, found none.", remedy="Supply visits.")
    keys = [(visit.timepoint, visit.modality) for visit in visits]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise DataError(
            f"{twice[0][0]} ({twice[0][1]}) was given twice.", remedy="Give each visit once."
        )
    primary = {visit.timepoint for visit in visits if visit.modality == visits[0].modality}
    for visit in visits:
        if visit.timepoint not in primary:
            raise DataError(
                f"{visit.timepoint} has lesions of {visit.modality} but none of "
                f"{visits[0].modality}, to which they would be matched.",
                remedy=f"Supply {visits[0].modality} of that visit, without lesions if it has "
                "none.",
            )


def _require_overrides(overrides: Sequence[Override], visits: list[VisitLesions]) -> None:
    by_key = {(visit.timepoint, visit.modality): visit for visit in visits}
    order = {key: number for number, key in enumerate(by_key)}
    for one in overrides:
        for sighting in (one.before, one.after):
            key = sighting.timepoint, sighting.modality
            if key not in by_key:
                raise DataError(
                    f"{one.reader} names {sighting}, a visit that was not given.",
                    remedy="Correct the override.",
                )
            by_key[key].named(sighting.name)
        ends = [order[end.timepoint, end.modality] for end in (one.before, one.after)]
        if ends[0] >= ends[1]:
            raise DataError(
                f"{one.reader} names {one.before} as the earlier of {one.after}.",
                remedy="Name the earlier sighting first.",
            )
    _require_agreement(overrides)


def _require_agreement(overrides: Sequence[Override]) -> None:
    said: dict[tuple[Sighting, Sighting], Relation] = {}
    partner: dict[tuple[Sighting, str, str], Sighting] = {}
    for one in overrides:
        pair = one.before, one.after
        if said.setdefault(pair, one.relation) is not one.relation:
            raise DataError(
                f"Readers contradict one another on {one.before} and {one.after}.",
                remedy="Keep one of the overrides.",
            )
        if one.relation is not Relation.SAME:
            continue
        for mine, other in (pair, pair[::-1]):
            key = mine, other.timepoint, other.modality
            if partner.setdefault(key, other) != other:
                raise DataError(
                    f"{mine} is said to be the same as two lesions of {other.timepoint}.",
                    remedy="State the smaller one as a part.",
                )
