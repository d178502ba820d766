"""The road: from a study folder to its results, on one page.

Each step below names one plain function; :func:`participant_nodes` applies them to the visits of a
participant, and :func:`cycle_nodes` to the scans after a therapy cycle:

    PET files ─── suv ───┬── lesions ─┬─ evidence ─┬─ changes ─── measured changes ── table
    organ map ── organs ─┤  corrected │            │
    MR files ──── mr ────┤     by     └── tracks ──┴── courses ────────────────────── report
    visits before ───────┘  a reader       │
                               lesions ─ named ─┬─ measured references, measured lesions ── table
    contours ── drawn ────── measured drawn ────┤                                            │
                                                ├─ lesion objects (DICOM SEG and SR)         │
    MR files ─┬─ mr ──────── measured mr ───────┼─────────────────────────────────────────── table
              └───────────── alignment ─────────┴─ pictures, fused pictures ─────────────── report

    suv, named or drawn ──── radiomics ─┬─────────────────────────────────────────────── table
                                        └── radiomics count ───────────────────── table, report
    suv, PET files ───────── descriptors of images ────────────────────────── descriptors table

    SPECT files ─┬─ activity (each scan) ── doses ─┬─ measured dose ──────────── table
    contours ────┘                                 ├─ marrow ── measured marrow ── table
    blood samples ─────────────────────────────────┘
                                            doses ─── dose pictures ────────────── report
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from operandi.domain.identity import NOT_A_VISIT, Digest
from operandi.imaging.dicom.index import Series
from operandi.pipeline.choosing import ChosenVisit
from operandi.pipeline.choosing_cycles import ChosenCycle
from operandi.pipeline.lesion_settings import ChangeFacts, TrackFacts
from operandi.pipeline.placing import COORDINATOR, PHYSICIST, READER, TECHNOLOGIST
from operandi.pipeline.step import NOTHING, Node, Source, Step
from operandi.pipeline.step_settings import (
    CountedFeatures,
    RadiomicsFacts,
    RadiomicsPlan,
    StudyFacts,
    TableRow,
    Visit,
)


def _step(name: str, function: str, version: str, title: str) -> Step:
    # By address: laying out the road must not import what only running it needs (2 s of start).
    address = f"operandi.pipeline.steps.{function}"
    return Step(name=name, function=address, version=version, title=title)


# name, function in pipeline/steps, version, title
SUV: Final = _step("suv", "pet:standardized_uptake", "1", "SUV by body weight")
ORGANS: Final = _step("organs", "regions:organ_map", "1", "Organ map")
LESIONS: Final = _step("lesions", "lesions:visit_lesions", "1", "Lesions")
CORRECTED: Final = _step(
    "corrected lesions", "corrections:corrected_lesions", "1", "Lesions as readers corrected them"
)
EVIDENCE: Final = _step("evidence", "tracks:lesion_evidence", "1", "What changes are judged from")
TRACKS: Final = _step("tracks", "tracks:tracked_lesions", "1", "Lesions over all visits")
NAMED: Final = _step("named", "lesions:named_over_visits", "1", "Lesions under one name")
CHANGES: Final = _step("changes", "tracks:judged_changes", "1", "Changes")
MEASURED_CHANGES: Final = _step(
    "measured changes", "changes:measured_changes", "1", "Changes, in the table"
)
COURSES: Final = _step("courses", "changes:lesion_courses", "1", "Lesions over the visits")
LESION_OBJECTS: Final = _step(
    "lesion objects", "lesion_files:lesion_files", "1", "Lesions as DICOM SEG and SR"
)
FOUND_OBJECTS: Final = _step(
    "found lesion objects",
    "lesion_files:found_lesion_files",
    "1",
    "Lesions before correction, as DICOM SEG and SR",
)
DRAWN: Final = _step("drawn", "regions:contoured_regions", "1", "Readers' contours")
MEASURED_REFERENCES: Final = _step(
    "measured references", "measurements:measured_references", "1", "Reference regions"
)
MEASURED_LESIONS: Final = _step(
    "measured lesions", "measurements:measured_lesions", "1", "Lesions, measured"
)
FURTHER_MEASURES: Final = _step(
    "further measures", "measurements:further_measures", "1", "Lesions, further measures"
)
MEASURED_DRAWN: Final = _step(
    "measured drawn", "measurements:measured_reader_regions", "1", "Readers' contours, measured"
)
MR: Final = _step("mr", "mr:mr_images", "1", "MR on its own grid")
MEASURED_MR: Final = _step("measured mr", "measurements:measured_mr", "1", "MR signal")
ALIGNMENT: Final = _step("alignment", "mr:alignment", "1", "PET and MR alignment")
PICTURES: Final = _step("pictures", "pictures:pet_pictures", "1", "PET pictures")
FUSED: Final = _step("fused pictures", "pictures:fused_pictures", "1", "PET over MR")
SCANNED_ACTIVITY: Final = _step("activity", "dose:scanned_activity", "1", "Activity after a cycle")
CYCLE_DOSES: Final = _step("doses", "dose_cycle:cycle_doses", "1", "Absorbed dose")
MEASURED_DOSE: Final = _step(
    "measured dose", "dose_measured:measured_dose", "1", "Absorbed dose, measured"
)
MARROW_DOSES: Final = _step("marrow", "dose_marrow:marrow_doses", "1", "Dose of the red marrow")
MEASURED_MARROW: Final = _step(
    "measured marrow", "dose_marrow:measured_marrow", "1", "Dose of the red marrow, measured"
)
DOSE_PICTURES: Final = _step("dose pictures", "dose_pictures:dose_pictures", "1", "Dose charts")
PREDICTED_DOSES: Final = _step(
    "predicted doses", "dose_predicted:predicted_doses", "1", "Dose predicted from PET"
)
MEASURED_PREDICTION: Final = _step(
    "measured prediction", "dose_predicted:measured_prediction", "1", "Predicted dose, in the table"
)
RADIOMICS: Final = _step("radiomics", "radiomics:lesion_features", "1", "Radiomics of lesions")
DRAWN_RADIOMICS: Final = _step(
    "radiomics drawn", "radiomics:contour_features", "1", "Radiomics of readers' contours"
)
RADIOMICS_COUNT: Final = _step(
    "radiomics count", "radiomics:counted_features", "1", "Radiomics, counted"
)
DESCRIPTORS: Final = _step(
    "descriptors", "radiomics:image_descriptors", "1", "Acquisition and reconstruction"
)
DESCRIPTORS_TABLE: Final = _step(
    "descriptors table", "radiomics:descriptors_table", "1", "Acquisition table"
)
TABLE: Final = _step("table", "measurements:measurements_table", "1", "Measurements table")
REPORT: Final = _step("report", "report:report_page", "1", "Report")

_ABSENT: Final = Source(NOTHING, Digest(hashlib.sha256(b"nothing").hexdigest()), None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitNodes:
    """The nodes of one visit, by what becomes of their results.

    Parameters
    ----------
    tabled : tuple of (Node, TableRow)
        Their measurements go into the table and the report.
    features : tuple of (Node, TableRow)
        Their measurements go into the table alone: too many for a report.
    descriptors : tuple of (Node, Visit)
        How images came to be, for a table of their own.
    drawn : tuple of Node
        Their pictures go into the report.
    checked : tuple of Node
        Of which the report says only why they were refused.
    objects : tuple of Node
        Their bytes become files beside the report.
    unmeasured : TableRow or None
        Stands in the table for a visit that was expected and has no nodes.
    """

    tabled: tuple[tuple[Node, TableRow], ...] = ()
    features: tuple[tuple[Node, TableRow], ...] = ()
    descriptors: tuple[tuple[Node, Visit], ...] = ()
    drawn: tuple[Node, ...] = ()
    checked: tuple[Node, ...] = ()
    objects: tuple[Node, ...] = ()
    unmeasured: TableRow | None = None

    @property
    def rows(self) -> tuple[TableRow, ...]:
        """The visit's part of the table's settings."""
        if self.unmeasured:
            return (self.unmeasured,)
        return tuple(row for _, row in (*self.tabled, *self.features))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoughtVisit:
    """The nodes of a visit up to its lesions, under the names that they have there.

    Parameters
    ----------
    chosen : ChosenVisit
        The visit, which has a PET.
    suv, found, lesions, evidence : Node
        Of its PET. ``lesions`` is what all that follows takes: where a reader corrected what was
        found, the correction.
    organs : Node or None
        Of the organ map, where one arrived.
    images : tuple of (Series, Source, Node)
        Each MR series.
    """

    chosen: ChosenVisit
    suv: Node
    found: Node
    lesions: Node
    evidence: Node
    organs: Node | None
    images: tuple[tuple[Series, Source, Node], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticipantNodes:
    """The nodes of one participant.

    Parameters
    ----------
    visits : tuple of (ChosenVisit, VisitNodes)
        In the order given.
    sought : tuple of SoughtVisit
        Those with a PET, in the order of time.
    tracks, changes, courses : Node or None
        Over all visits; None where no visit has a PET.
    features : tuple of (Node, TableRow)
        Changes, which go into the table alone.
    """

    visits: tuple[tuple[ChosenVisit, VisitNodes], ...]
    sought: tuple[SoughtVisit, ...] = ()
    tracks: Node | None = None
    changes: Node | None = None
    courses: Node | None = None
    features: tuple[tuple[Node, TableRow], ...] = ()


def participant_nodes(
    visits: Sequence[ChosenVisit],
    *,
    followed: TrackFacts,
    judged: ChangeFacts,
    radiomics: RadiomicsPlan | None = None,
) -> ParticipantNodes:
    """Apply the steps to the visits of one participant, as far as their data allow.

    Parameters
    ----------
    visits : sequence of ChosenVisit
        Of one participant, in the order of the study's timepoints.
    followed, judged : TrackFacts, ChangeFacts
        How lesions are followed and changes judged.
    radiomics : RadiomicsPlan, optional
        Without one there are no features.
    """
    in_time = sorted((one for one in visits if one.pet is not None), key=_day)
    sought: list[SoughtVisit] = []
    for visit in in_time:
        sought.append(_sought(visit, sought))
    if not sought:
        return ParticipantNodes(visits=tuple((one, visit_nodes(one, None, None)) for one in visits))
    node = _Layer(followed.participant, in_time[0].placed.participant.site)
    tracks = node(
        TRACKS,
        *(one for visit in sought for one in (visit.suv, visit.lesions)),
        settings=followed,
        who=READER,
        required=0,
    )
    evidence = tuple(one.evidence for one in sought)
    changes = node(CHANGES, tracks, *evidence, settings=judged, who=READER, required=1)
    whose = Visit(participant=followed.participant, timepoint=NOT_A_VISIT, inputs=())
    measured = node(MEASURED_CHANGES, changes, settings=whose, who=READER)
    by_visit = {id(one.chosen): one for one in sought}
    return ParticipantNodes(
        visits=tuple(
            (one, visit_nodes(one, by_visit.get(id(one)), tracks, radiomics=radiomics))
            for one in visits
        ),
        sought=tuple(sought),
        tracks=tracks,
        changes=changes,
        courses=node(COURSES, tracks, changes, *evidence, who=READER, required=1),
        features=((measured, _row(measured, whose)),),
    )


def _day(visit: ChosenVisit) -> date:
    return visit.placed.visit.on if visit.placed.visit else date.max


def _sought(visit: ChosenVisit, before: Sequence[SoughtVisit]) -> SoughtVisit:
    """Lesions of a visit; those of the last visit before that has any are sought there again."""
    assert visit.pet is not None  # noqa: S101 - the caller has looked
    node = _Layer(visit.placed.subject, visit.placed.participant.site)
    suv = node(SUV, visit.pet, settings=visit.pet_settings, who=f"{TECHNOLOGIST} or {COORDINATOR}")
    organs = node(ORGANS, suv, visit.organ_map, who=READER) if visit.organ_map else None
    images = tuple(
        (
            series,
            source,
            node(MR, source, who=TECHNOLOGIST, subject=f"{visit.placed.subject}/{series.name}"),
        )
        for series, source in visit.mr
    )
    looked_at = visit.looked_at
    facts = replace(
        visit.lesions,
        visit=_of(visit.measured, visit.pet, visit.organ_map, *looked_at),
        visits_before=len(before),
    )
    lesions = node(
        LESIONS,
        suv,
        organs or _ABSENT,
        *(one for earlier in before for one in (earlier.suv, earlier.lesions)),
        *(one for _, source, one in images if source in looked_at),
        settings=facts,
        who=READER,
        required=1,
    )
    found = lesions
    if visit.corrections is not None:
        lesions = node(
            CORRECTED,
            suv,
            found,
            visit.corrections,
            *(one for _, source, one in images if source in looked_at),
            settings=replace(visit.correction, visit=_of(facts.visit, *_inputs_of(visit))),
            who=READER,
            required=3,
        )
    return SoughtVisit(
        chosen=visit,
        suv=suv,
        found=found,
        lesions=lesions,
        evidence=node(EVIDENCE, suv, lesions, visit.pet, who=READER),
        organs=organs,
        images=images,
    )


def visit_nodes(
    visit: ChosenVisit,
    sought: SoughtVisit | None,
    tracks: Node | None,
    *,
    radiomics: RadiomicsPlan | None = None,
) -> VisitNodes:
    """Apply the steps that follow the tracks to one visit."""
    if visit.pet is None or sought is None or tracks is None:
        return VisitNodes(unmeasured=_unmeasured(visit))
    node = _Layer(visit.placed.subject, visit.placed.participant.site)
    whose = _of(visit.measured, *_inputs_of(visit))
    suv = sought.suv
    named = node(NAMED, sought.lesions, tracks, who=READER)
    contours = node(DRAWN, suv, visit.contours, who=READER) if visit.contours else None
    tabled = [
        node(MEASURED_REFERENCES, suv, named, settings=whose, who=READER),
        node(MEASURED_LESIONS, suv, named, settings=whose, who=READER),
    ]
    if contours:
        tabled.append(
            node(
                MEASURED_DRAWN,
                suv,
                contours,
                named,
                settings=_of(whose, visit.pet, visit.contours),
                who=READER,
                required=2,
            )
        )
    shown = (named, contours or _ABSENT)
    drawn = [node(PICTURES, suv, *shown, who=READER, required=1)]
    for series, source, images in sought.images:
        if sought.organs:
            tabled.append(
                node(
                    MEASURED_MR,
                    images,
                    sought.organs,
                    settings=_of(whose, source, visit.organ_map),
                    who=TECHNOLOGIST,
                    subject=f"{visit.placed.subject}/{series.name}",
                )
            )
        if source is visit.fused:
            aligned = node(
                ALIGNMENT, suv, images, visit.contours or _ABSENT, who=PHYSICIST, required=2
            )
            drawn.append(node(FUSED, suv, images, aligned, *shown, who=PHYSICIST, required=2))
    if visit.prediction:
        predicted = node(PREDICTED_DOSES, suv, named, settings=visit.prediction, who=PHYSICIST)
        tabled.append(node(MEASURED_PREDICTION, predicted, settings=whose, who=PHYSICIST))
    features = [node(FURTHER_MEASURES, named, who=READER)]
    descriptors: tuple[tuple[Node, Visit], ...] = ()
    if radiomics:
        more, counts = _radiomics(visit, suv, named, contours, radiomics, node)
        features += more
        tabled += counts
        of_image = _of(visit.measured, visit.pet)
        descriptors = ((node(DESCRIPTORS, suv, visit.pet, who=TECHNOLOGIST), of_image),)
    objects = [node(LESION_OBJECTS, suv, named, visit.pet, who=READER)]
    if sought.found is not sought.lesions:
        written = (suv, sought.found, sought.lesions, tracks, visit.pet)
        objects.append(node(FOUND_OBJECTS, *written, who=READER))
    return VisitNodes(
        tabled=tuple((one, _row(one, whose)) for one in tabled),
        features=tuple((one, _row(one, whose)) for one in features),
        descriptors=descriptors,
        drawn=tuple(drawn),
        checked=(sought.organs,) if sought.organs else (),
        objects=tuple(objects),
    )


def cycle_nodes(cycle: ChosenCycle) -> VisitNodes:
    """Apply the steps to the scans after one cycle."""
    if not cycle.scans or cycle.drawn is None or cycle.settings is None:
        return VisitNodes()
    node = _Layer(cycle.subject, cycle.placed.participant.site)
    whose = _of(cycle.measured, *(source for _, source, _ in cycle.scans), cycle.drawn)
    activities = [
        node(
            SCANNED_ACTIVITY,
            source,
            cycle.drawn,
            settings=settings,
            who=PHYSICIST,
            subject=f"{cycle.subject}/{series.name}",
        )
        for series, source, settings in cycle.scans
    ]
    doses = node(
        CYCLE_DOSES,
        *activities,
        cycle.organ_s_values or _ABSENT,
        settings=cycle.settings,
        who=PHYSICIST,
    )
    measured = node(MEASURED_DOSE, doses, settings=whose, who=PHYSICIST)
    tabled = [measured]
    if cycle.marrow:
        marrow = node(
            MARROW_DOSES,
            doses,
            cycle.organ_s_values or _ABSENT,
            settings=cycle.marrow,
            who=PHYSICIST,
        )
        tabled.append(node(MEASURED_MARROW, marrow, settings=whose, who=PHYSICIST))
    return VisitNodes(
        tabled=tuple((one, _row(one, whose)) for one in tabled),
        drawn=(node(DOSE_PICTURES, doses, who=PHYSICIST),),
    )


def _radiomics(
    visit: ChosenVisit,
    suv: Node,
    named: Node,
    contours: Node | None,
    plan: RadiomicsPlan,
    node: "_Layer",
) -> tuple[list[Node], list[Node]]:
    """Features of the regions that the study asks for, and of each a count."""
    features, counts = [], []
    wanted = (
        ("lesions", RADIOMICS, named, visit.organ_map, plan.patient, "lesions"),
        ("contours", DRAWN_RADIOMICS, contours, visit.contours, (), "readers' contours"),
    )
    for name, step, regions, source, patient, title in wanted:
        if regions is None or name not in plan.pet:
            continue
        whose = _of(visit.measured, visit.pet, source)
        facts = RadiomicsFacts(visit=whose, recipes=plan.recipes, patient=patient)
        found = node(step, suv, regions, settings=facts, who=READER)
        features.append(found)
        counts.append(
            node(
                RADIOMICS_COUNT,
                found,
                settings=CountedFeatures(visit=whose, title=title),
                who=READER,
                subject=f"{visit.placed.subject}/{name}",
            )
        )
    return features, counts


def _inputs_of(visit: ChosenVisit) -> tuple[Source | None, ...]:
    """What the lesions of a visit are made from."""
    return visit.pet, visit.organ_map, visit.corrections, *visit.looked_at


def _of(visit: Visit, *sources: Source | None) -> Visit:
    """Name the inputs that a measurement was made from."""
    return replace(visit, inputs=tuple(source.digest for source in sources if source))


def _unmeasured(visit: ChosenVisit) -> TableRow | None:
    why = [
        " ".join(filter(None, (obstacle.what, obstacle.remedy, f"For: {obstacle.who}.")))
        for obstacle in visit.obstacles
    ]
    if not (visit.placed.expected and why):
        return None
    return TableRow(visit=visit.measured, step="", subject="", burden=True, absent=" ".join(why))


def _row(node: Node, whose: Visit) -> TableRow:
    return TableRow(
        visit=whose, step=node.step.name, subject=node.subject, burden=node.step is MEASURED_LESIONS
    )


def table_node(visits: Sequence[VisitNodes]) -> Node:
    """The one long table, of all that was measured or refused."""
    tabled = [pair for visit in visits for pair in (*visit.tabled, *visit.features)]
    return Node(
        step=TABLE,
        subject="study",
        inputs=tuple(node for node, _ in tabled),
        settings=tuple(row for visit in visits for row in visit.rows),
        accepts_refusals=True,
    )


def descriptors_node(visits: Sequence[VisitNodes]) -> Node | None:
    """The table of how images came to be; None where the study asks for none."""
    described = [pair for visit in visits for pair in visit.descriptors]
    if not described:
        return None
    return Node(
        step=DESCRIPTORS_TABLE,
        subject="study",
        inputs=tuple(node for node, _ in described),
        settings=tuple(whose for _, whose in described),
        accepts_refusals=True,
    )


def report_node(inputs: Sequence[Node], facts: StudyFacts) -> Node:
    """The report; ``facts`` names the inputs in the same order."""
    return Node(
        step=REPORT,
        subject="study",
        inputs=tuple(inputs),
        settings=facts,
        accepts_refusals=True,
    )


def reported(visit: VisitNodes) -> tuple[Node, ...]:
    """What the report takes from a visit, in order."""
    return (*(node for node, _ in visit.tabled), *visit.drawn, *visit.checked)


@dataclass(frozen=True, slots=True)
class _Layer:
    """Makes the nodes of one visit."""

    subject: str
    site: str

    def __call__(
        self,
        step: Step,
        *inputs: Node | Source,
        who: str,
        settings: object = None,
        subject: str = "",
        required: int | None = None,
    ) -> Node:
        """Make a node; ``required`` inputs lead, and the rest may be refused."""
        return Node(
            step=step,
            subject=subject or self.subject,
            inputs=inputs,
            settings=settings,
            who=f"{who} at {self.site}",
            accepts_refusals=required is not None,
            required_inputs=required or 0,
        )
