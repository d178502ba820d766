"""Lesions of one participant at all visits of a study, tracked, with every change judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from scipy import ndimage

from operandi.domain.identity import LesionId, TimepointCode
from operandi.domain.mask import Mask
from operandi.domain.measurement import SubjectType
from operandi.domain.participant import Participant
from operandi.domain.volume import Volume
from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.files import FileRef, on_disk
from operandi.imaging.dicom.header import Header
from operandi.imaging.lesions.comparability import ScanConditions
from operandi.imaging.lesions.external_organs import organ_map_from
from operandi.imaging.lesions.found_organs import FoundOrgans
from operandi.imaging.lesions.image_noise import noise_share
from operandi.imaging.lesions.published_repeatability import PUBLISHED_COEFFICIENTS, ChangeScale
from operandi.imaging.lesions.reference import PlacedSphere
from operandi.imaging.lesions.repeatability import (
    NamedCoefficient,
    Repeatability,
    UnknownRepeatability,
    choose_repeatability,
)
from operandi.imaging.lesions.repetitions import Repetition
from operandi.imaging.lesions.segmentation.found import LesionFlag
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings
from operandi.imaging.lesions.track_changes import (
    OF_LESIONS,
    OF_PATIENT,
    ChangeRules,
    JudgedChange,
    JudgedVisit,
    judge_tracks,
)
from operandi.imaging.lesions.tracking.settings import TrackingSettings
from operandi.imaging.lesions.tracking.track import track_lesions
from operandi.imaging.lesions.tracking.tracks import Override, Tracks
from operandi.imaging.lesions.tracking.visit_lesions import VisitLesions, observed_lesion
from operandi.imaging.lesions.visit import (
    LesionsOfVisit,
    VisitChoices,
    VisitOf,
    agreement_across_methods,
    lesions_of_visit,
)
from operandi.imaging.pet.suv import Suv
from operandi.pipeline.choosing import ChosenVisit
from operandi.pipeline.road import MR, SUV, VisitNodes
from operandi.pipeline.runner import run
from operandi.pipeline.step import Node, Refusal
from operandi.pipeline.steps.mr import MrImages
from operandi.pipeline.store import Store
from operandi.pipeline.study import STORE, Options, Progress, Study
from operandi.quantities.errors import DataError, OperandiError
from operandi.quantities.kinds import SUV_MAXIMUM, SUV_MEAN, SUV_PEAK, TOTAL_LESION_SSTR, VOLUME

_ALIGNED_BY: Final = ("liver", "spleen", "left kidney", "right kidney")
"""Organs found well enough to lay two visits on one another."""
_LIVER_MARGIN_MM: Final = 8.0
"""Left out of the liver around its lesions before its noise is told: about their spill. Assumed."""
_FEATURES: Final = {
    "volume_ml": VOLUME.name,
    "suv_mean": SUV_MEAN.name,
    "total_uptake": TOTAL_LESION_SSTR.name,
}
_NO_PET: Final = "no PET of this visit can be used"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRequest:
    """What a person decides about tracking a study.

    Parameters
    ----------
    segmentation : SegmentationSettings
        Resolution, least volume, method.
    uptake_window_min : tuple of float
        Earliest and latest uptake time at which a scan counts, min.
    uptake_difference_min : float
        Largest difference of the uptake times of two visits that are compared, min.
    repetitions : tuple of Repetition
        The study's own test and retest; may be empty.
    borrowed : tuple of NamedCoefficient
        Published coefficients, with why they may serve.
    overrides : mapping of str to tuple of Override
        By participant what readers said of lesions.
    ignore_organ_maps : bool
        Find the organs even where an organ map arrived.
    """

    segmentation: SegmentationSettings
    uptake_window_min: tuple[float, float]
    uptake_difference_min: float
    repetitions: tuple[Repetition, ...]
    borrowed: tuple[NamedCoefficient, ...]
    overrides: Mapping[str, tuple[Override, ...]]
    ignore_organ_maps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackedVisit:
    """One visit with its lesions.

    Parameters
    ----------
    chosen : ChosenVisit
        Its data.
    found : LesionsOfVisit
        Lesions under the visit's own names.
    judged : JudgedVisit
        What its changes were judged from.
    notes : tuple of str
        What was left out or could not be known.
    """

    chosen: ChosenVisit
    found: LesionsOfVisit
    judged: JudgedVisit
    notes: tuple[str, ...]

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
    study: Study,
    pseudonym: str,
    request: TrackRequest,
    options: Options,
    *,
    progress: Progress | None = None,
) -> ParticipantTracks:
    """Segment, track and compare the lesions of one participant.

    SUV and MR come from the study's road, computed or from its store. Organs come from the visit's
    organ map where there is one, checked; else they are found.

    Raises
    ------
    DataError
        If there is no such participant, an override or a coefficient cannot serve, or another run
        of this study is under way.
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
    laid = [
        (chosen, nodes)
        for _, chosen, nodes in study.in_order()
        if isinstance(chosen, ChosenVisit) and chosen.measured.participant == pseudonym
    ]
    wanted = {chosen.subject: tuple(_needed(chosen, nodes)) for chosen, nodes in laid if chosen.pet}
    values = _values(study, list(chain.from_iterable(wanted.values())), options, progress)
    tell = progress.stage(f"lesions of {pseudonym}") if progress else None
    visits: list[TrackedVisit] = []
    refused: list[tuple[TimepointCode, str]] = []
    for number, (chosen, _) in enumerate(laid):
        if tell:
            tell(number, len(laid))
        if not chosen.placed.visit and chosen.pet is None:
            continue
        try:
            visits.append(_visit(study, chosen, wanted.get(chosen.subject, ()), values, request))
        except OperandiError as why:
            refused.append((chosen.measured.timepoint, _in_words(why)))
    if tell:
        tell(len(laid), len(laid))
    if not visits:
        return ParticipantTracks(
            participant=participant, visits=(), refused=tuple(refused), tracks=None, changes=(),
            rules=None,
        )  # fmt: skip
    rules = _rules(request, tracer=visits[0].judged.conditions.tracer, study=study)
    overrides = request.overrides.get(pseudonym, ())
    tracks = track_lesions(
        [_observed(visit) for visit in visits],
        participant=participant.pseudonym,
        settings=TrackingSettings(),
        overrides=overrides,
    )
    return ParticipantTracks(
        participant=participant,
        visits=tuple(visits),
        refused=tuple(refused),
        tracks=tracks,
        changes=judge_tracks(tracks, [visit.judged for visit in visits], rules=rules),
        rules=rules,
        overrides=overrides,
    )


def _in_words(why: OperandiError) -> str:
    return " ".join(filter(None, (why.what, why.remedy)))


# --- What the road gives ----------------------------------------------------------------------


def _needed(chosen: ChosenVisit, nodes: VisitNodes) -> Iterator[Node]:
    """The SUV, and the water and fat images of Dixon."""
    of_mr = {
        f"{chosen.subject}/{series.name}"
        for series, _ in chosen.mr
        if series.classification.type in {SeriesType.MR_DIXON_WATER, SeriesType.MR_DIXON_FAT}
    }
    seen: set[int] = set()
    waiting = [*(node for node, _ in nodes.tabled), *nodes.drawn]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.step is SUV or (node.step is MR and node.subject in of_mr):
            yield node
        waiting += [one for one in node.inputs if isinstance(one, Node)]


def _values(
    study: Study, wanted: list[Node], options: Options, progress: Progress | None
) -> dict[Node, object]:
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


def _visit(
    study: Study,
    chosen: ChosenVisit,
    nodes: Sequence[Node],
    values: Mapping[Node, object],
    request: TrackRequest,
) -> TrackedVisit:
    suv = next((values[node] for node in nodes if node.step is SUV), None)
    if isinstance(suv, Refusal):
        raise DataError(str(suv))
    if not isinstance(suv, Suv):
        said = " ".join(" ".join((one.what, one.remedy)) for one in chosen.obstacles)
        raise DataError(said or f"{_NO_PET}.")
    notes: list[str] = []
    water, fat = _dixon(chosen, nodes, values, suv.volume, notes)
    organs = None
    if chosen.organ_map is not None and not request.ignore_organ_maps:
        organs = _mapped(chosen, suv.volume, notes)
    absent = study.settings.lesions_at(
        chosen.measured.participant, chosen.measured.timepoint
    ).absent_organs
    found = lesions_of_visit(
        suv.volume,
        organs=organs,
        water=water,
        fat=fat,
        choices=VisitChoices(
            segmentation=request.segmentation, placed=_placed(chosen), removed=absent
        ),
        of=VisitOf(
            participant=chosen.measured.participant,
            timepoint=chosen.measured.timepoint,
            inputs=chosen.measured.inputs,
        ),
    )
    if found.are_candidates:
        notes.append(
            f"no mask of {', '.join(found.segmented.unmapped)}: what was found are candidates, "
            "among which its uptake may be"
        )
    return TrackedVisit(
        chosen=chosen,
        found=found,
        judged=_judged_visit(study, chosen, suv, found, notes),
        notes=tuple(notes),
    )


def _dixon(
    chosen: ChosenVisit,
    nodes: Sequence[Node],
    values: Mapping[Node, object],
    suv: Volume,
    notes: list[str],
) -> tuple[Volume | None, Volume | None]:
    """Water and fat in the PET's frame of reference; what is left out is noted."""
    kinds = {
        f"{chosen.subject}/{series.name}": series.classification.type for series, _ in chosen.mr
    }
    taken: dict[SeriesType, Volume] = {}
    for node in nodes:
        value = values[node]
        if node.step is not MR or kinds[node.subject] in taken:
            continue
        if isinstance(value, Refusal):
            notes.append(f"{kinds[node.subject].value} was left out: {value}")
        elif isinstance(value, MrImages):
            _, volume = value.volumes[0]
            if volume.grid.frame_of_reference != suv.grid.frame_of_reference:
                notes.append(f"{value.name} was left out: it lies in another frame of reference")
            else:
                taken[kinds[node.subject]] = volume
    water, fat = taken.get(SeriesType.MR_DIXON_WATER), taken.get(SeriesType.MR_DIXON_FAT)
    if water is None:
        notes.append("no MR water image: organs were sought and borders drawn on PET alone")
    return water, fat


def _mapped(chosen: ChosenVisit, suv: Volume, notes: list[str]) -> FoundOrgans | None:
    """The visit's organ map where it can be believed; else None, and why."""
    files = chosen.organ_map.value if chosen.organ_map else None
    if not isinstance(files, tuple) or not all(isinstance(one, FileRef) for one in files):
        return None
    try:
        with on_disk(files) as paths, TemporaryDirectory() as folder:
            for number, path in enumerate(paths):
                (Path(folder) / f"{number:03d}.dcm").symlink_to(path.resolve())
            return organ_map_from(Path(folder), onto=suv.grid)
    except OperandiError as why:
        notes.append(f"the organ map was not believed, and organs were found: {_in_words(why)}")
        return None


def _placed(chosen: ChosenVisit) -> Mapping[str, PlacedSphere] | None:
    if chosen.liver is None:
        return None
    return {
        "liver": PlacedSphere(
            center_mm=chosen.liver.center_mm,
            radius_mm=chosen.liver.radius_mm,
            reader=chosen.liver.reader,
        )
    }


# --- What a change is judged from -------------------------------------------------------------


def _judged_visit(
    study: Study, chosen: ChosenVisit, suv: Suv, found: LesionsOfVisit, notes: list[str]
) -> JudgedVisit:
    cut = LesionFlag.CUT_BY_EDGE
    liver = found.references.liver
    return JudgedVisit(
        timepoint=chosen.measured.timepoint,
        measurements=found.measures.measurements,
        conditions=_conditions(_header(study, chosen), suv, found),
        impaired={one.id: (str(cut),) for one in found.segmented.lesions if cut in one.flags},
        noise=_noise(found, notes),
        by_method=_by_method(found),
        liver_suv_mean=liver.mean if liver is not None else None,
    )


def _header(study: Study, chosen: ChosenVisit) -> Header:
    """Header of one slice of the PET; the SUV step has held all of them against one another."""
    files = chosen.pet.value if chosen.pet else ()
    first = files[0] if isinstance(files, tuple) else None
    for series in chosen.placed.series:
        for instance in series.instances:
            if instance.file == first:
                return instance.header
    raise DataError(f"{chosen.subject} has no PET in {study.folder.name}.")


def _conditions(header: Header, suv: Suv, found: LesionsOfVisit) -> ScanConditions:
    device = [
        str(header.get(key) or "").strip()
        for key in ("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber")
    ]
    if not device[2]:
        device[2] = str(header.get("StationName") or "").strip()
    administered: tuple[Header, ...] = header.get("RadiopharmaceuticalInformationSequence") or ({},)
    voxel = " x ".join(f"{mm:.3g}" for mm in suv.volume.grid.spacing_mm)
    method = str(header.get("ReconstructionMethod") or "").strip()
    return ScanConditions(
        scanner=" ".join(filter(None, device)),
        tracer=_tracer(administered[0]),
        reconstruction=f"{method}, voxels of {voxel} mm" if method else "",
        attenuation=str(header.get("AttenuationCorrectionMethod") or "").strip(),
        delineation=str(found.choices.segmentation.method),
        uptake_time_min=suv.uptake_s / 60.0 if suv.uptake_s is not None else None,
    )


def _tracer(administered: Header) -> str:
    name = str(administered.get("Radiopharmaceutical") or "").strip()
    if name:
        return name
    codes = administered.get("RadiopharmaceuticalCodeSequence") or ()
    return str(codes[0].get("CodeMeaning") or "").strip() if codes else ""


def _noise(found: LesionsOfVisit, notes: list[str]) -> dict[str, float]:
    """Of SUVmax by single voxels; of SUVpeak, and as a bound of SUVmean, by spheres of 1 mL."""
    liver = found.organs.named("liver")
    if liver is None:
        notes.append("noise is not known: no liver")
        return {}
    tissue = _even_tissue(liver, found)
    shares: dict[str, float] = {}
    for volume_ml, kinds in ((0.5 * found.suv.grid.voxel_volume_ml, (SUV_MAXIMUM,)),
                             (1.0, (SUV_PEAK, SUV_MEAN))):  # fmt: skip
        try:
            share = noise_share(found.suv, tissue, volume_ml=volume_ml)
        except OperandiError as why:
            notes.append(f"noise of {kinds[0].title} is not known: {_in_words(why)}")
        else:
            shares |= {kind.name: share for kind in kinds}
    return shares


def _even_tissue(liver: Mask, found: LesionsOfVisit) -> Mask:
    """The liver without its border and what lesions spill into."""
    tissue = liver.inside.copy()
    for lesion in found.lesions:
        tissue &= ~lesion.mask.inside
    box = ndimage.find_objects(liver.inside.astype(np.int8))[0]
    padded = np.pad(tissue[box], 1)
    depth = ndimage.distance_transform_edt(padded, sampling=liver.grid.spacing_mm)
    deep = np.zeros_like(tissue)
    deep[box] = depth[1:-1, 1:-1, 1:-1] > _LIVER_MARGIN_MM
    return Mask(deep, liver.grid)


def _by_method(found: LesionsOfVisit) -> dict[LesionId, dict[str, dict[str, float]]]:
    """Values of each lesion by every delineation that found a border."""
    if not found.lesions:
        return {}
    agreement, rows = agreement_across_methods(found)
    tables = dict(agreement.values)
    return {
        lesion: {
            kind: {
                str(method): value
                for method, value in zip(agreement.methods, tables[feature][row], strict=True)
                if value is not None
            }
            for feature, kind in _FEATURES.items()
        }
        for lesion, row in rows.items()
    }


def _observed(visit: TrackedVisit) -> VisitLesions:
    found = visit.found
    liver = found.references.liver
    organs = {
        name: mask
        for name in _ALIGNED_BY
        if (mask := found.organs.named(name)) is not None and mask.inside.any()
    }
    return VisitLesions(
        timepoint=visit.timepoint,
        lesions=tuple(observed_lesion(lesion, found.suv) for lesion in found.lesions),
        covered=found.suv.grid,
        liver_suv_mean=None if liver is None else liver.mean,
        organs=organs,
    )


def _rules(request: TrackRequest, *, tracer: str, study: Study) -> ChangeRules:
    repeatability: dict[str, Repeatability | UnknownRepeatability] = {}
    for kind in (*OF_LESIONS, *OF_PATIENT):
        fitting = [
            one
            for one in request.borrowed
            # An unknown key is refused by the choice itself, with the list of those known.
            if one.key not in PUBLISHED_COEFFICIENTS
            or kind.name in PUBLISHED_COEFFICIENTS[one.key].quantities
        ]
        if len(fitting) > 1:
            raise DataError(
                f"{' and '.join(one.key for one in fitting)} are both of {kind.title}.",
                remedy="Borrow one coefficient for each quantity.",
            )
        repeatability[kind.name] = choose_repeatability(
            kind=kind,
            tracer=tracer,
            scale=ChangeScale.RELATIVE,
            own=request.repetitions,
            named=fitting[0] if fitting else None,
            study=study.settings.title,
        )
    return ChangeRules(
        repeatability=repeatability,
        uptake_window_min=request.uptake_window_min,
        uptake_difference_min=request.uptake_difference_min,
    )


def names_over_visits(visit: TrackedVisit, tracks: Tracks) -> dict[LesionId, LesionId]:
    """Of each of a visit's lesions the name over all visits."""
    return {
        sighting.name: track.id
        for track in tracks.tracks
        for sighting in track.sightings
        if sighting.timepoint == visit.timepoint and sighting.modality == "PET"
    }


def under_tracked_names(visit: TrackedVisit, tracks: Tracks) -> LesionsOfVisit:
    """A visit's lesions and measures under their names over all visits."""
    names = names_over_visits(visit, tracks)
    found = visit.found
    measurements = tuple(
        replace(one, subject=replace(one.subject, name=names[LesionId(one.subject.name)]))
        if one.subject.type in {SubjectType.LESION, SubjectType.CANDIDATE}
        else one
        for one in found.measures.measurements
    )
    return replace(
        found,
        segmented=replace(
            found.segmented,
            lesions=tuple(replace(one, id=names[one.id]) for one in found.segmented.lesions),
        ),
        lesions=tuple(replace(one, id=names[one.id]) for one in found.lesions),
        measures=replace(found.measures, measurements=measurements),
    )
