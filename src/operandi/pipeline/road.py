"""The road: from a study folder to its results, on one page.

Each step below names one plain function; :func:`visit_nodes` applies them to a visit:

    PET files ─── suv ──┬── liver ── lesions ──┬── measured liver, measured lesions ──┐
    organ map ── organs ┘                      ├── lesion object (DICOM SEG)          │
    contours ─── drawn ──── measured drawn ────┼──────────────────────────────────────┼── table
    MR files ─── mr ──┬──── measured mr ───────┼──────────────────────────────────────┘     │
                      └──── alignment ──────── └── pictures, fused pictures ──────────── report
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from operandi.domain.identity import Digest
from operandi.pipeline.choosing import ChosenVisit
from operandi.pipeline.placing import COORDINATOR, PHYSICIST, READER, TECHNOLOGIST
from operandi.pipeline.step import NOTHING, Node, Source, Step
from operandi.pipeline.step_settings import LesionSettings, StudyFacts, TableRow, Visit


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
    drawn : tuple of Node
        Their pictures go into the report.
    objects : tuple of Node
        Their bytes become files beside the report.
    unmeasured : TableRow or None
        Stands in the table for a visit that was expected and has no nodes.
    """

    tabled: tuple[tuple[Node, TableRow], ...] = ()
    drawn: tuple[Node, ...] = ()
    objects: tuple[Node, ...] = ()
    unmeasured: TableRow | None = None

    @property
    def rows(self) -> tuple[TableRow, ...]:
        """The visit's part of the table's settings."""
        return (self.unmeasured,) if self.unmeasured else tuple(row for _, row in self.tabled)


def visit_nodes(visit: ChosenVisit, *, lesion_settings: LesionSettings) -> VisitNodes:
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
    names = (whose.participant, whose.timepoint)
    return VisitNodes(
        tabled=tuple((one, _row(one, whose)) for one in tabled),
        drawn=tuple(drawn),
        objects=(node(LESION_OBJECT, lesions, visit.pet, settings=names, who=READER),),
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
    tabled = [pair for visit in visits for pair in visit.tabled]
    return Node(
        step=TABLE,
        subject="study",
        inputs=tuple(node for node, _ in tabled),
        settings=tuple(row for visit in visits for row in visit.rows),
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
