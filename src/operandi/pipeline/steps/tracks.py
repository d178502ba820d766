"""Steps over all visits of a participant: lesions under one name, and every change judged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import ndimage

from operandi.domain.identity import LesionId, TimepointCode
from operandi.domain.mask import Mask
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.header import Header
from operandi.imaging.dicom.index import series_of
from operandi.imaging.lesions.comparability import ScanConditions
from operandi.imaging.lesions.image_noise import noise_share
from operandi.imaging.lesions.judged_quantities import OF_LESIONS, OF_PATIENT
from operandi.imaging.lesions.published_repeatability import PUBLISHED_COEFFICIENTS, ChangeScale
from operandi.imaging.lesions.repeatability import (
    Repeatability,
    UnknownRepeatability,
    choose_repeatability,
)
from operandi.imaging.lesions.segmentation.found import LesionFlag
from operandi.imaging.lesions.track_changes import (
    ChangeRules,
    JudgedChange,
    JudgedVisit,
    judge_tracks,
)
from operandi.imaging.lesions.tracking.override_places import require_places
from operandi.imaging.lesions.tracking.settings import TrackingSettings
from operandi.imaging.lesions.tracking.track import track_lesions
from operandi.imaging.lesions.tracking.tracks import LesionTrack, Tracks
from operandi.imaging.lesions.tracking.visit_lesions import VisitLesions, observed_lesion
from operandi.imaging.lesions.visit import LesionsOfVisit, agreement_across_methods
from operandi.imaging.pet.suv import Suv
from operandi.pipeline.lesion_settings import ChangeFacts, TrackFacts
from operandi.pipeline.steps.lesions import KeptLesions
from operandi.quantities.errors import OperandiError
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


# --- What a change is judged from -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionEvidence:
    """What one visit brings to the judgment of changes, under the visit's own names.

    Parameters
    ----------
    judged : JudgedVisit
        Measurements, conditions, noise and spread over delineations.
    organs : mapping of LesionId to str
        Where each lesion lies; empty where nobody said.
    notes : tuple of str
        What could not be known.
    """

    judged: JudgedVisit
    organs: Mapping[LesionId, str]
    notes: tuple[str, ...]


def lesion_evidence(suv: Suv, found: KeptLesions, files: tuple[FileRef, ...]) -> LesionEvidence:
    """Gather what a visit's changes are judged from.

    Parameters
    ----------
    suv : Suv
        The PET.
    found : KeptLesions
        Its lesions.
    files : tuple of FileRef
        Of the PET series, for scanner, tracer and reconstruction.
    """
    notes: list[str] = []
    lesions = found.on(suv)
    cut = LesionFlag.CUT_BY_EDGE
    liver = lesions.references.liver
    drawn = [one.id for one in lesions.segmented.lesions if LesionFlag.BY_READER in one.flags]
    if drawn:
        notes.append(
            f"a reader drew the border of {len(drawn)} lesion{'' if len(drawn) == 1 else 's'}: "
            "what depends on it is not compared with a border by rule"
        )
    # One file says it; the SUV step has held all of them against one another.
    header = series_of(files[:1]).instances[0].header
    judged = JudgedVisit(
        timepoint=lesions.of.timepoint,
        measurements=lesions.measures.measurements,
        conditions=_conditions(header, suv, lesions),
        impaired={one.id: (str(cut),) for one in lesions.segmented.lesions if cut in one.flags},
        by_reader=frozenset(drawn),
        noise=_noise(lesions, notes),
        by_method=_by_method(lesions),
        liver_suv_mean=liver.mean if liver is not None else None,
    )
    return LesionEvidence(
        judged=judged,
        organs={one.id: one.organ for one in lesions.lesions},
        notes=tuple(notes),
    )


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
        delineation=found.border,
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
            said = " ".join(filter(None, (why.what, why.remedy)))
            notes.append(f"noise of {kinds[0].title} is not known: {said}")
        else:
            shares |= {kind.name: share for kind in kinds}
    return shares


def _even_tissue(liver: Mask, found: LesionsOfVisit) -> Mask:
    """The liver without its border and what lesions spill into."""
    box = ndimage.find_objects(liver.inside.astype(np.int8))[0]
    tissue = liver.inside[box].copy()
    for lesion in found.lesions:
        tissue &= ~lesion.mask.inside[box]
    depth = ndimage.distance_transform_edt(np.pad(tissue, 1), sampling=liver.grid.spacing_mm)
    deep = np.zeros_like(liver.inside)
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


# --- One name over all visits -----------------------------------------------------------------


def tracked_lesions(*arguments: object) -> Tracks:
    """Follow the lesions of one participant over the visits.

    What was a candidate at every visit that showed it stays one by name: C01, and not L01.

    Parameters
    ----------
    *arguments
        Suv and KeptLesions of each visit in the order of time, a Refusal where a visit has none;
        TrackFacts.

    Raises
    ------
    DataError
        If a reader's word names a lesion or visit that is not there, does not say where the lesion
        lies, or contradicts another.
    """
    *visits, facts = arguments
    assert isinstance(facts, TrackFacts)  # noqa: S101 - the road passes the facts last
    found = [
        lesions.on(suv)
        for suv, lesions in zip(visits[::2], visits[1::2], strict=True)
        if isinstance(suv, Suv) and isinstance(lesions, KeptLesions)
    ]
    if not found:
        return Tracks(tracks=(), events=(), steps=())
    observed = [_observed(one) for one in found]
    require_places(facts.overrides, observed)
    tracks = track_lesions(
        observed,
        participant=facts.participant,
        settings=TrackingSettings(),
        overrides=facts.overrides,
    )
    candidates = {one.of.timepoint for one in found if one.are_candidates}
    return _with_candidates(tracks, candidates)


def _observed(found: LesionsOfVisit) -> VisitLesions:
    liver = found.references.liver
    organs = {
        name: mask
        for name in _ALIGNED_BY
        if (mask := found.organs.named(name)) is not None and mask.inside.any()
    }
    return VisitLesions(
        timepoint=found.of.timepoint,
        lesions=(
            *(observed_lesion(lesion, found.suv) for lesion in found.lesions),
            *(
                replace(
                    observed_lesion(one.lesion.as_lesion(), found.suv),
                    removed=True,
                    now_in=one.now_in,
                )
                for one in found.removed
            ),
        ),
        covered=found.suv.grid,
        liver_suv_mean=None if liver is None else liver.mean,
        organs=organs,
        sought=found.sought_again,
    )


def _with_candidates(tracks: Tracks, visits: set[TimepointCode]) -> Tracks:
    names = {
        track.id: LesionId(f"C{track.id.removeprefix('L')}")
        for track in tracks.tracks
        if all(one.timepoint in visits for one in track.sightings)
    }
    lesions = {track.id for track in tracks.tracks}
    names |= {
        one.id: LesionId(f"C{one.id.removeprefix('L')}")
        for one in tracks.removed
        if one.id not in lesions and one.sighting.timepoint in visits
    }
    if not names:
        return tracks

    def named(lesion: LesionId) -> LesionId:
        return names.get(lesion, lesion)

    def renamed(track: LesionTrack) -> LesionTrack:
        return replace(
            track,
            id=named(track.id),
            parent=None if track.parent is None else named(track.parent),
            merged_into=None if track.merged_into is None else named(track.merged_into),
        )

    return replace(
        tracks,
        tracks=tuple(map(renamed, tracks.tracks)),
        events=tuple(
            replace(one, lesion=named(one.lesion), others=tuple(map(named, one.others)))
            for one in tracks.events
        ),
        removed=tuple(replace(one, id=named(one.id)) for one in tracks.removed),
    )


# --- Every change judged ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedChanges:
    """Every change of a participant, with the rules it was judged by; none without a visit."""

    changes: tuple[JudgedChange, ...]
    rules: ChangeRules | None


def judged_changes(*arguments: object) -> JudgedChanges:
    """Judge every change of every lesion, and of the participant.

    Parameters
    ----------
    *arguments
        Tracks; LesionEvidence of each visit in the order of time, or its Refusal; ChangeFacts.
    """
    tracks, *visits, facts = arguments
    assert isinstance(tracks, Tracks)  # noqa: S101 - the road requires it
    assert isinstance(facts, ChangeFacts)  # noqa: S101 - the road passes the facts last
    judged = [one.judged for one in visits if isinstance(one, LesionEvidence)]
    if not judged:
        return JudgedChanges(changes=(), rules=None)
    rules = _rules(facts, tracer=judged[0].conditions.tracer)
    return JudgedChanges(changes=judge_tracks(tracks, judged, rules=rules), rules=rules)


def _rules(facts: ChangeFacts, *, tracer: str) -> ChangeRules:
    repeatability: dict[str, Repeatability | UnknownRepeatability] = {}
    for kind in (*OF_LESIONS, *OF_PATIENT):
        # study.toml borrows at most one for each quantity.
        named = next(
            (
                one
                for one in facts.borrowed
                if kind.name in PUBLISHED_COEFFICIENTS[one.key].quantities
            ),
            None,
        )
        repeatability[kind.name] = choose_repeatability(
            kind=kind,
            tracer=tracer,
            scale=ChangeScale.RELATIVE,
            own=facts.repetitions,
            named=named,
            study=facts.study,
        )
    return ChangeRules(
        repeatability=repeatability,
        uptake_window_min=facts.uptake_window_min,
        uptake_difference_min=facts.uptake_difference_min,
    )
