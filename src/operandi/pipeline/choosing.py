"""Which series of a visit the road uses for what, and what of them it could not choose."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from operandi.domain.identity import Digest
from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import Series
from operandi.imaging.pet.declaration import Recorded
from operandi.pipeline.choosing_corrections import sort_regions
from operandi.pipeline.lesion_settings import ADC_UNITS, CorrectionFacts, LesionFacts
from operandi.pipeline.placing import (
    COORDINATOR,
    READER,
    SAME_VISIT_DAYS,
    TECHNOLOGIST,
    Obstacle,
    PlacedVisit,
)
from operandi.pipeline.settings import Settings
from operandi.pipeline.step import Source
from operandi.pipeline.step_settings import (
    PetSettings,
    PlacedReference,
    PredictionSettings,
    Visit,
)
from operandi.records.rows_clinical import TumorHistologyRow
from operandi.records.tables import Records, Vitals

FUSED_WITH: Final = (
    SeriesType.MR_DIXON_WATER,
    SeriesType.MR_T2,
    SeriesType.MR_T1,
    SeriesType.MR_DIXON_IN_PHASE,
    SeriesType.MR_DIXON,
)
"""What PET is drawn over, best first."""


LOOKED_AT: Final = (
    SeriesType.MR_DIXON_WATER,
    SeriesType.MR_DIXON_FAT,
    SeriesType.MR_DIFFUSION_MAP,
)
"""MR that the lesions of a visit are found or measured with."""

_REFERENCES: Final = ("liver", "spleen", "blood pool")

_MR: Final = frozenset(
    kind
    for kind in SeriesType
    # A localizer is three planes that make no volume; nobody measures on it.
    if kind.value.startswith("MR") and kind is not SeriesType.MR_LOCALIZER
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChosenVisit:
    """The inputs of one visit's steps; what it lacks is None.

    Parameters
    ----------
    placed : PlacedVisit
        The visit.
    pet, organ_map, contours : Source or None
        Files of the attenuation-corrected PET, of segmentations, of structure sets. No organ map
        where the study finds organs in any case.
    mr : tuple of (Series, Source)
        Each MR series.
    fused : Source or None
        Which of ``mr`` PET is drawn over.
    corrections : Source or None
        Files of a reader's lesions, which supersede those that are found.
    correction : CorrectionFacts
        What they are read with.
    pet_settings : PetSettings
        What the records and declarations say.
    lesions : LesionFacts
        By what its lesions are found.
    prediction : PredictionSettings or None
        For doses predicted from this PET; None where it is not before the first cycle, or the
        study asks for none.
    measured : Visit
        Whose measurements they are.
    obstacles : tuple of Obstacle
        What could not be chosen.
    use : mapping of series UID to text
        What became of each series, for the report.
    """

    placed: PlacedVisit
    pet: Source | None
    organ_map: Source | None
    contours: Source | None
    mr: tuple[tuple[Series, Source], ...]
    fused: Source | None
    corrections: Source | None
    correction: CorrectionFacts
    pet_settings: PetSettings
    lesions: LesionFacts
    prediction: PredictionSettings | None
    measured: Visit
    obstacles: tuple[Obstacle, ...]
    use: Mapping[str, str]

    @property
    def subject(self) -> str:
        """Name of the visit in steps and messages."""
        return self.placed.subject

    @property
    def looked_at(self) -> tuple[Source, ...]:
        """The MR that lesions are found or measured with."""
        return tuple(source for series, source in self.mr if _is_looked_at(series, self.lesions))


def _is_looked_at(series: Series, facts: LesionFacts) -> bool:
    kind = series.classification.type
    # An exponential ADC map is none, whatever its unit.
    is_map = kind is SeriesType.MR_DIFFUSION_MAP
    unusable = is_map and (facts.adc_per_unit is None or "EADC" in series.description.upper())
    return kind in LOOKED_AT and not unusable


def choose(
    placed: PlacedVisit, records: Records, settings: Settings, digests: Mapping[FileRef, Digest]
) -> ChosenVisit:
    """Choose the series that the steps of a visit work on."""
    of_type: dict[SeriesType, list[Series]] = {}
    usable = [s for s in placed.series if not (s.conflicts or placed.refused)]
    for series in usable:
        of_type.setdefault(series.classification.type, []).append(series)
    chosen_pet, obstacles = _pet(placed, of_type, settings)
    obstacles = [*_conflicts(placed), *obstacles]
    if chosen_pet is not None:
        obstacles += _unconfirmed(placed, records)
    believed = not settings.lesions.find_organs
    sorted_regions = sort_regions(
        placed,
        chosen_pet,
        of_type.get(SeriesType.SEGMENTATION, []),
        of_type.get(SeriesType.STRUCTURE_SET, []),
        settings,
    )
    obstacles += sorted_regions.obstacles
    segmentations = sorted_regions.organ_maps if believed else ()
    contours, corrections = sorted_regions.contours, sorted_regions.corrections
    mr = [s for s in usable if s.classification.type in _MR]
    fused = next((s for kind in FUSED_WITH for s in of_type.get(kind, [])), None)
    mr_sources = [(series, source_of([series], digests)) for series in mr]
    pet = source_of([chosen_pet], digests) if chosen_pet else None
    used = {s.uid: "refused" for s in placed.series if s not in usable}
    used |= {s.uid: "read" for s in (*segmentations, *contours, *mr, *corrections)}
    if chosen_pet:
        used[chosen_pet.uid] = "measured"
    who = placed.participant.pseudonym
    timepoint = placed.timepoint.code
    measured = Visit(participant=who, timepoint=timepoint, inputs=(pet.digest,) if pet else ())
    organ_map = source_of(segmentations, digests) if segmentations else None
    facts = _lesion_facts(placed, measured, records, settings)
    return ChosenVisit(
        placed=placed,
        pet=pet,
        organ_map=organ_map,
        contours=source_of(contours, digests) if contours else None,
        mr=tuple(mr_sources),
        fused=next((source for series, source in mr_sources if series is fused), None),
        pet_settings=PetSettings(
            timezone=settings.timezone,
            recorded=_recorded(placed, records),
            declared=settings.declaration_at(who, timepoint),
        ),
        corrections=source_of(corrections, digests) if corrections else None,
        correction=CorrectionFacts(
            visit=measured,
            timezone=settings.timezone,
            declared=sorted_regions.declared,
            adc_per_unit=facts.adc_per_unit,
        ),
        lesions=facts,
        prediction=_prediction(placed, measured, records, settings),
        measured=measured,
        obstacles=(*placed.obstacles, *obstacles),
        use={s.uid: used.get(s.uid, "not needed") for s in placed.series},
    )


def _prediction(
    placed: PlacedVisit, measured: Visit, records: Records, settings: Settings
) -> PredictionSettings | None:
    """Ask for predicted doses at the PET before the first cycle, where the study wants them."""
    timepoint = placed.timepoint
    before = timepoint.anchor == "cycle 1" and timepoint.window_days[1] <= 0
    if settings.dosimetry is None or not settings.dosimetry.predicted or not before:
        return None
    given = records.administration_at(measured.participant, measured.timepoint)
    return PredictionSettings(
        visit=measured,
        tracer=given.tracer.strip() if given else "",
        grade=stated_grade(measured.participant, records),
    )


def stated_grade(participant: str, records: Records) -> str:
    """The latest grade that histology states."""
    stated = [
        row
        for row in records.rows.get("tumor_histology", ())
        if isinstance(row, TumorHistologyRow) and row.participant == participant and row.grade
    ]
    latest = max(stated, key=lambda row: row.reported_on, default=None)
    return "unknown" if latest is None else str(latest.grade)


def source_of(series: Sequence[Series], digests: Mapping[FileRef, Digest]) -> Source:
    """The files of one or more series, under the digest of their names and contents."""
    files = tuple(instance.file for one in series for instance in one.instances)
    text = "\n".join(f"{digests[file]}  {file.name}" for file in files)
    name = ", ".join(one.description or one.uid for one in series)
    digest = Digest(hashlib.sha256(text.encode()).hexdigest())
    return Source(f"{name} ({len(files)} files)", digest, files)


def _conflicts(placed: PlacedVisit) -> list[Obstacle]:
    """Series that no step may see: it would read the file that comes first, not the right one."""
    return [
        Obstacle(
            what=f"Series {series.description or series.uid!r} contradicts itself: {conflict}.",
            remedy="Export the series again, alone, from the PACS.",
            who=f"{TECHNOLOGIST} at {placed.participant.site}",
            where=f"{placed.participant.pseudonym} {placed.timepoint.code}",
        )
        for series in placed.series
        for conflict in series.conflicts
    ]


def _pet(
    placed: PlacedVisit, of_type: Mapping[SeriesType, Sequence[Series]], settings: Settings
) -> tuple[Series | None, list[Obstacle]]:
    if placed.visit is None or placed.refused:
        return None, []
    found = of_type.get(SeriesType.PET_ATTENUATION_CORRECTED, ())
    declared = settings.pet_series_at(placed.participant.pseudonym, placed.timepoint.code)
    if declared:
        found = [series for series in found if series.uid == declared]
    if len(found) == 1:
        return found[0], []
    where = f"{placed.participant.pseudonym} {placed.timepoint.code}"
    who = f"{TECHNOLOGIST} at {placed.participant.site}"
    if not found and not declared and _has_conflicting_pet(placed):
        return None, []
    if not found:
        there = ", ".join(sorted({s.classification.type.value for s in placed.series})) or "nothing"
        return None, [
            Obstacle(
                what=f"No attenuation-corrected PET series {declared and f'{declared} '}arrived "
                f"for the visit of {placed.visit.on}; there is {there}.",
                remedy="Correct pet_series_uid in study.toml; `operandi index` lists the UIDs."
                if declared
                else "Send the PET series into dicom/; PatientID and StudyDate must be those of "
                "the records.",
                who=who,
                where=where,
            )
        ]
    listed = "; ".join(f"{s.description!r} {s.uid}" for s in found)
    return None, [
        Obstacle(
            what=f"{len(found)} attenuation-corrected PET series arrived: {listed}.",
            remedy="Declare pet_series_uid for this visit in study.toml, [[declare.visit]].",
            who=f"{READER} at {placed.participant.site}",
            where=where,
        )
    ]


def _has_conflicting_pet(placed: PlacedVisit) -> bool:
    kind = SeriesType.PET_ATTENUATION_CORRECTED
    return any(s.conflicts and s.classification.type is kind for s in placed.series)


def _vitals(placed: PlacedVisit, records: Records) -> Vitals | None:
    """Vitals of the visit, unless they were taken too far from it to be its own."""
    vitals = records.vitals_at(placed.participant.pseudonym, placed.timepoint.code)
    if vitals is None or placed.visit is None:
        return None
    apart = abs((vitals.measured_on - placed.visit.on).days)
    return vitals if apart <= SAME_VISIT_DAYS else None


def _unconfirmed(placed: PlacedVisit, records: Records) -> list[Obstacle]:
    """Name what the header alone says, where the study's own record should confirm it."""
    who, timepoint = placed.participant.pseudonym, placed.timepoint.code
    found = []
    if _vitals(placed, records) is None:
        found.append(
            (
                f"vitals has no row within {SAME_VISIT_DAYS} days of the visit: body mass can "
                "only come from the image header, unconfirmed.",
                "Record the weight of the day in vitals.",
            )
        )
    if records.administration_at(who, timepoint) is None:
        found.append(
            (
                "tracer_administrations has no row for this visit: the injected activity can "
                "only come from the image header, unconfirmed, its residual unknown.",
                "Record activity, residual and times in tracer_administrations.",
            )
        )
    return [
        Obstacle(
            what=what,
            remedy=remedy,
            who=f"{COORDINATOR} at {placed.participant.site}",
            where=f"{who} {timepoint}",
        )
        for what, remedy in found
    ]


def _recorded(placed: PlacedVisit, records: Records) -> Recorded:
    who, timepoint = placed.participant.pseudonym, placed.timepoint.code
    vitals = _vitals(placed, records)
    given = records.administration_at(who, timepoint)
    return Recorded(
        body_mass_kg=vitals.body_mass_kg if vitals else None,
        height_m=vitals.height_m if vitals else None,
        sex=placed.participant.sex,
        administration=given.net() if given else None,
    )


def _lesion_facts(
    placed: PlacedVisit, measured: Visit, records: Records, settings: Settings
) -> LesionFacts:
    unit = settings.lesions.adc_unit
    return LesionFacts(
        visit=measured,
        segmentation=settings.lesions.segmentation_at(placed.participant.site),
        spheres=tuple(_spheres(placed, records)),
        removed=settings.organs_absent_at(measured.participant, measured.timepoint),
        adc_per_unit=ADC_UNITS[unit] if unit else None,
    )


def _spheres(placed: PlacedVisit, records: Records) -> Iterator[tuple[str, PlacedReference]]:
    """References that a reader placed; spheres in other organs are nobody's reference."""
    regions = records.regions_at(placed.participant.pseudonym, placed.timepoint.code)
    for region in regions:
        organ = region.organ.casefold().strip()
        if organ in _REFERENCES:
            yield (
                organ,
                PlacedReference(
                    center_mm=region.center_mm, radius_mm=region.radius_mm, reader=region.reader
                ),
            )
