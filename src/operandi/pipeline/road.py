"""The road: from a study folder to its results, on one page.

Each step below names one plain function; :func:`visit_nodes` applies them to a visit, and
:func:`cycle_nodes` to the scans after a therapy cycle:

    PET files ─── suv ──┬── liver ── lesions ──┬── measured liver, measured lesions ──┐
    organ map ── organs ┘                      ├── lesion object (DICOM SEG)          │
    contours ─── drawn ──── measured drawn ────┼──────────────────────────────────────┼── table
    MR files ─── mr ──┬──── measured mr ───────┼──────────────────────────────────────┘     │
                      └──── alignment ──────── └── pictures, fused pictures ──────────── report

    suv, lesions or drawn ── radiomics ─┬─────────────────────────────────────────────── table
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
from typing import Final

from operandi.domain.identity import Digest
from operandi.pipeline.choosing import ChosenVisit
from operandi.pipeline.choosing_cycles import ChosenCycle
from operandi.pipeline.placing import COORDINATOR, PHYSICIST, READER, TECHNOLOGIST
from operandi.pipeline.step import NOTHING, Node, Source, Step
from operandi.pipeline.step_settings import (
    CountedFeatures,
    LesionSettings,
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
LIVER_IN_ORGAN: Final = _step("liver", "regions:liver_reference_in_organ", "1", "Liver reference")
LIVER_PLACED: Final = _step("liver", "regions:liver_reference", "1", "Liver reference")
LIVER_ABSENT: Final = _step("liver", "regions:liver_reference_absent", "1", "Liver reference")
LESIONS: Final = _step("lesions", "regions:lesions_outside_organs", "1", "Lesions")
CANDIDATES: Final = _step("lesions", "regions:candidates", "1", "Lesion candidates")
LESION_OBJECT: Final = _step("lesion object", "regions:lesion_object", "1", "Lesions as DICOM SEG")
DRAWN: Final = _step("drawn", "regions:contoured_regions", "1", "Readers' contours")
MEASURED_LIVER: Final = _step("measured liver", "measurements:measured_liver", "1", "Liver")
MEASURED_LESIONS: Final = _step("measured lesions", "measurements:measured_lesions", "1", "Lesions")
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
    objects : tuple of Node
        Their bytes become files beside the report.
    unmeasured : TableRow or None
        Stands in the table for a visit that was expected and has no nodes.
    """

    tabled: tuple[tuple[Node, TableRow], ...] = ()
    features: tuple[tuple[Node, TableRow], ...] = ()
    descriptors: tuple[tuple[Node, Visit], ...] = ()
    drawn: tuple[Node, ...] = ()
    objects: tuple[Node, ...] = ()
    unmeasured: TableRow | None = None

    @property
    def rows(self) -> tuple[TableRow, ...]:
        """The visit's part of the table's settings."""
        if self.unmeasured:
            return (self.unmeasured,)
        return tuple(row for _, row in (*self.tabled, *self.features))


def visit_nodes(
    visit: ChosenVisit, *, lesion_settings: LesionSettings, radiomics: RadiomicsPlan | None = None
) -> VisitNodes:
    """Apply the steps to one visit, as far as its data allow."""
    if visit.pet is None:
        return VisitNodes(unmeasured=_unmeasured(visit))
    node = _Layer(visit.placed.subject, visit.placed.participant.site)
    whose = _of(visit.measured, visit.pet, visit.organ_map)
    suv = node(SUV, visit.pet, settings=visit.pet_settings, who=f"{TECHNOLOGIST} or {COORDINATOR}")
    organs = node(ORGANS, suv, visit.organ_map, who=READER) if visit.organ_map else None
    liver = _liver(visit, suv, organs, node)
    lesions = _lesions(suv, liver, organs, lesion_settings, node)
    contours = node(DRAWN, suv, visit.contours, who=READER) if visit.contours else None
    tabled = [
        node(MEASURED_LIVER, suv, liver, settings=whose, who=READER),
        node(MEASURED_LESIONS, suv, liver, lesions, settings=whose, who=READER),
    ]
    if contours:
        tabled.append(
            node(
                MEASURED_DRAWN,
                suv,
                contours,
                liver,
                settings=_of(whose, visit.pet, visit.contours),
                who=READER,
                required=2,
            )
        )
    regions_shown = (lesions, contours or _ABSENT, liver)
    drawn = [node(PICTURES, suv, *regions_shown, who=READER, required=1)]
    for series, source in visit.mr:
        subject = f"{visit.placed.subject}/{series.name}"
        images = node(MR, source, who=TECHNOLOGIST, subject=subject)
        if organs:
            tabled.append(
                node(
                    MEASURED_MR,
                    images,
                    organs,
                    settings=_of(whose, source, visit.organ_map),
                    who=TECHNOLOGIST,
                    subject=subject,
                )
            )
        if source is visit.fused:
            aligned = node(
                ALIGNMENT, suv, images, visit.contours or _ABSENT, who=PHYSICIST, required=2
            )
            drawn.append(
                node(FUSED, suv, images, aligned, *regions_shown, who=PHYSICIST, required=2)
            )
    if visit.prediction:
        predicted = node(
            PREDICTED_DOSES,
            suv,
            lesions,
            organs or _ABSENT,
            settings=visit.prediction,
            who=PHYSICIST,
            required=2,
        )
        tabled.append(node(MEASURED_PREDICTION, predicted, settings=whose, who=PHYSICIST))
    features: list[Node] = []
    descriptors: tuple[tuple[Node, Visit], ...] = ()
    if radiomics:
        features, counts = _radiomics(visit, suv, lesions, contours, radiomics, node)
        tabled += counts
        descriptors = ((node(DESCRIPTORS, suv, visit.pet, who=TECHNOLOGIST), whose),)
    names = (whose.participant, whose.timepoint)
    return VisitNodes(
        tabled=tuple((one, _row(one, whose)) for one in tabled),
        features=tuple((one, _row(one, whose)) for one in features),
        descriptors=descriptors,
        drawn=tuple(drawn),
        objects=(node(LESION_OBJECT, lesions, visit.pet, settings=names, who=READER),),
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


def _liver(visit: ChosenVisit, suv: Node, organs: Node | None, node: "_Layer") -> Node:
    """A reader's sphere wins over the organ map; without either the step says what to supply."""
    if visit.liver is not None:
        return node(LIVER_PLACED, suv, organs or _ABSENT, settings=visit.liver, who=READER)
    if organs is not None:
        return node(LIVER_IN_ORGAN, suv, organs, who=READER)
    return node(LIVER_ABSENT, suv, who=READER)


def _lesions(
    suv: Node,
    liver: Node,
    organs: Node | None,
    settings: LesionSettings,
    node: "_Layer",
) -> Node:
    if organs is not None:
        return node(LESIONS, suv, liver, organs, settings=settings, who=READER)
    return node(CANDIDATES, suv, liver, settings=settings, who=READER)


def _radiomics(
    visit: ChosenVisit,
    suv: Node,
    lesions: Node,
    contours: Node | None,
    plan: RadiomicsPlan,
    node: "_Layer",
) -> tuple[list[Node], list[Node]]:
    """Features of the regions that the study asks for, and of each a count."""
    features, counts = [], []
    wanted = (
        ("lesions", RADIOMICS, lesions, visit.organ_map, plan.patient, "lesions"),
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


def report_node(visits: Sequence[VisitNodes], facts: StudyFacts) -> Node:
    """The report; ``facts`` names the nodes of each visit in the same order."""
    return Node(
        step=REPORT,
        subject="study",
        inputs=tuple(node for visit in visits for node in reported(visit)),
        settings=facts,
        accepts_refusals=True,
    )


def reported(visit: VisitNodes) -> tuple[Node, ...]:
    """What the report takes from a visit, in order."""
    return (*(node for node, _ in visit.tabled), *visit.drawn)


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
