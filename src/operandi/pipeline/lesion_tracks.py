"""Lesions of one participant at all visits of a study, as the road follows and compares them."""

from collections.abc import Mapping
from dataclasses import dataclass

from operandi.domain.identity import LesionId, TimepointCode
from operandi.domain.participant import Participant
from operandi.imaging.lesions.seeking_again import outline_of
from operandi.imaging.lesions.track_changes import ChangeRules, JudgedChange, JudgedVisit
from operandi.imaging.lesions.tracking.override_places import spelled_place
from operandi.imaging.lesions.tracking.tracks import Override, Sighting, Tracks
from operandi.imaging.lesions.tracking.visit_lesions import place_of
from operandi.imaging.lesions.visit import LesionsOfVisit
from operandi.imaging.pet.suv import Suv
from operandi.pipeline.choosing import ChosenVisit
from operandi.pipeline.road import ParticipantNodes
from operandi.pipeline.runner import run
from operandi.pipeline.step import Node, Refusal
from operandi.pipeline.steps.lesions import KeptLesions, named_over_visits, names_at
from operandi.pipeline.steps.tracks import JudgedChanges, LesionEvidence
from operandi.pipeline.store import Store
from operandi.pipeline.study import STORE, Options, Progress, Study
from operandi.quantities.errors import DataError

_NO_PET = "no PET of this visit can be used"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackedVisit:
    """One visit with its lesions.

    Parameters
    ----------
    chosen : ChosenVisit
        Its data.
    suv : Suv
        Its PET.
    kept : KeptLesions
        Lesions under the visit's own names.
    judged : JudgedVisit
        What its changes were judged from.
    notes : tuple of str
        What changes could not be judged from.
    """

    chosen: ChosenVisit
    suv: Suv
    kept: KeptLesions
    judged: JudgedVisit
    notes: tuple[str, ...]

    @property
    def found(self) -> LesionsOfVisit:
        """Lesions under the visit's own names, on the PET."""
        return self.kept.on(self.suv)

    @property
    def timepoint(self) -> TimepointCode:
        """The visit's code."""
        return self.chosen.measured.timepoint

    @property
    def title(self) -> str:
        """The visit's title in study.toml."""
        return self.chosen.placed.timepoint.title


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticipantTracks:
    """The lesions of a participant under one identity each.

    Parameters
    ----------
    participant : Participant
        Who.
    visits : tuple of TrackedVisit
        In the order of time; may be empty.
    refused : tuple of (timepoint, reason)
        Visits that took place and gave no lesions.
    tracks : Tracks or None
        None without any visit.
    changes : tuple of JudgedChange
        The patient's first.
    rules : ChangeRules or None
        By which they were judged.
    overrides : tuple of Override
        What readers said.
    """

    participant: Participant
    visits: tuple[TrackedVisit, ...]
    refused: tuple[tuple[TimepointCode, str], ...]
    tracks: Tracks | None
    changes: tuple[JudgedChange, ...]
    rules: ChangeRules | None
    overrides: tuple[Override, ...] = ()


def participant_tracks(
    study: Study, pseudonym: str, options: Options, *, progress: Progress | None = None
) -> ParticipantTracks:
    """Follow and compare the lesions of one participant, as the study's road does.

    What the road has computed by the same settings is taken from its store.

    Raises
    ------
    DataError
        If there is no such participant, an override cannot serve, or another run of this study is
        under way.
    """
    participant = study.records.participant(pseudonym)
    if participant is None:
        known = ", ".join(one.pseudonym for one in study.records.participants)
        fault = study.records.left_out(pseudonym)
        raise DataError(
            f"No participant is called {pseudonym}." if not fault else
            f"{pseudonym} was left out of the study: {fault}",
            remedy=f"The table participants names {known}." if not fault else
            "Correct the row in participants.",
        )  # fmt: skip
    nodes = study.lesions_of(pseudonym)
    values = _values(study, nodes, options, progress) if nodes else {}
    visits, refused = _visits(nodes, values) if nodes else ([], [])
    tracks, judged = (
        (values[nodes.tracks], values[nodes.changes])
        if nodes and nodes.tracks and nodes.changes
        else (None, None)
    )
    for one in (tracks, judged):
        if isinstance(one, Refusal):
            raise DataError(one.what, remedy=one.remedy)
    if not visits or not isinstance(tracks, Tracks) or not isinstance(judged, JudgedChanges):
        return ParticipantTracks(
            participant=participant, visits=(), refused=tuple(refused), tracks=None, changes=(),
            rules=None,
        )  # fmt: skip
    return ParticipantTracks(
        participant=participant,
        visits=tuple(visits),
        refused=tuple(refused),
        tracks=tracks,
        changes=judged.changes,
        rules=judged.rules,
        overrides=study.overrides.get(pseudonym, ()),
    )


def _values(
    study: Study, nodes: ParticipantNodes, options: Options, progress: Progress | None
) -> dict[Node, object]:
    wanted = [one for visit in nodes.sought for one in (visit.suv, visit.lesions, visit.evidence)]
    wanted += [one for one in (nodes.tracks, nodes.changes) if one is not None]
    if not wanted:
        return {}
    with Store(study.results / STORE) as store:
        outcome = run(
            wanted,
            store,
            workers=options.workers,
            threads=options.threads,
            scheduler=options.scheduler,
            progress=progress,
        )
        return {node: outcome.value(node) for node in wanted}


def _visits(
    nodes: ParticipantNodes, values: Mapping[Node, object]
) -> tuple[list[TrackedVisit], list[tuple[TimepointCode, str]]]:
    """Visits with lesions in the order of time, and why the others have none."""
    visits: list[TrackedVisit] = []
    refused: list[tuple[TimepointCode, str]] = []
    for one in nodes.sought:
        suv, found, evidence = (values[node] for node in (one.suv, one.lesions, one.evidence))
        why = next((str(of) for of in (suv, found, evidence) if isinstance(of, Refusal)), "")
        if why:
            refused.append((one.chosen.measured.timepoint, why))
        elif (
            isinstance(suv, Suv)
            and isinstance(found, KeptLesions)
            and isinstance(evidence, LesionEvidence)
        ):
            visits.append(
                TrackedVisit(
                    chosen=one.chosen,
                    suv=suv,
                    kept=found,
                    judged=evidence.judged,
                    notes=evidence.notes,
                )
            )
    for chosen, _ in nodes.visits:
        if chosen.pet is None and chosen.placed.visit:
            said = " ".join(" ".join((of.what, of.remedy)) for of in chosen.obstacles)
            refused.append((chosen.measured.timepoint, said or f"{_NO_PET}."))
    return visits, refused


def names_over_visits(visit: TrackedVisit, tracks: Tracks) -> dict[LesionId, LesionId]:
    """Of each of a visit's lesions the name over all visits."""
    return names_at(tracks, visit.timepoint)


def under_tracked_names(visit: TrackedVisit, tracks: Tracks) -> LesionsOfVisit:
    """A visit's lesions and measures under their names over all visits."""
    return named_over_visits(visit.kept, tracks).on(visit.suv)


def notes_over_visits(visit: TrackedVisit, tracks: Tracks) -> tuple[str, ...]:
    """What was left out or could not be known, and what readers corrected, under these names."""
    return (*named_over_visits(visit.kept, tracks).notes, *visit.notes)


def override_cells(visit: TrackedVisit) -> dict[LesionId, str]:
    """How an override names each lesion of a visit, by the name there."""
    return {
        one.id: spelled_place(
            Sighting(timepoint=visit.timepoint, name=one.id),
            place_of(outline_of(one)),
        )
        for one in visit.kept.segmented.lesions
    }
