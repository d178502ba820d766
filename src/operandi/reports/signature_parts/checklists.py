"""Both checklists as sheets to fill in, with links into the page. No box is ever ticked here."""

from collections.abc import Mapping
from dataclasses import dataclass

from operandi.reports.chart_table import csv_table
from operandi.reports.signature_parts.metrics_worksheet import METRICS_CONDITIONS, METRICS_ITEMS
from operandi.reports.signature_parts.tripod import TRIPOD_AI

_AUTHORS = "for the authors to write"
_NOT_HERE = "not on this page"
_ALWAYS, _WHERE_IT_APPLIES = ("yes", "no"), ("yes", "no", "does not apply")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """An item to be judged by a person.

    Parameters
    ----------
    number, topic, asks, applies : str
    links : tuple of (anchor, title)
        Parts of the page with material.
    answers : tuple of str
        Boxes, all empty.
    elsewhere : str
        Said where there are no links.
    """

    number: str
    topic: str
    asks: str
    applies: str
    links: tuple[tuple[str, str], ...]
    answers: tuple[str, ...]
    elsewhere: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A checklist to fill in.

    Parameters
    ----------
    anchor, title, file : str
    paragraphs : tuple of str
    columns : tuple of str
    rows : tuple of SheetRow
    questions : tuple of str
        To be answered before the items.
    blank : str
        What is to be written beside the boxes.
    csv : bytes
        The same sheet, with empty columns for answers.
    """

    anchor: str
    title: str
    file: str
    paragraphs: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    csv: bytes
    questions: tuple[str, ...] = ()
    blank: str = ""


def tripod_sheet(titles: Mapping[str, str]) -> Sheet:
    """The TRIPOD+AI checklist.

    Parameters
    ----------
    titles : mapping of str to str
        Title of each part that this page has, by its anchor: others are not linked.
    """
    rows = tuple(
        SheetRow(
            number=item.number,
            topic=item.topic,
            asks=item.asks,
            applies=item.applies,
            links=_links(item.anchors, titles),
            answers=("reported",),
            elsewhere=_AUTHORS,
        )
        for item in TRIPOD_AI
    )
    header = ("item", "topic", "applies to", "asks", "material", "reported", "page", "by whom")
    return Sheet(
        anchor="tripod",
        title="TRIPOD+AI checklist",
        file="tripod-ai.csv",
        paragraphs=(
            "The 27 items of Collins et al., BMJ 385:e078378, 2024 (CC BY 4.0), what they ask in "
            "short words of our own. D: development of a model; E: its evaluation. The links lead "
            "to material on this page. Whether an item is reported is for a person to judge: no "
            "box is ticked by the software.",
        ),
        columns=("Item", "Asks for", "For", "Material", "Judged by a person"),
        rows=rows,
        blank="page",
        csv=csv_table(
            header,
            [(r.number, r.topic, r.applies, r.asks, _material(r), "", "", "") for r in rows],
        ),
    )


def metrics_sheet(titles: Mapping[str, str]) -> Sheet:
    """The METRICS worksheet.

    Parameters
    ----------
    titles : mapping of str to str
        As of ``tripod_sheet``.
    """
    rows = tuple(
        SheetRow(
            number=str(item.number),
            topic=item.name,
            asks=item.category + (f"; under condition {item.condition}" if item.condition else ""),
            applies=f"{item.weight:.4f}{'*' if item.recalled else ''}",
            links=_links(item.anchors, titles),
            answers=_WHERE_IT_APPLIES if item.condition else _ALWAYS,
            elsewhere=_NOT_HERE,
        )
        for item in METRICS_ITEMS
    )
    header = ("item", "name", "category", "weight", "material", "answer", "by whom")
    questions = [
        (f"condition {number}", question, "", "", "", "", "")
        for number, question in enumerate(METRICS_CONDITIONS, start=1)
    ]
    return Sheet(
        anchor="metrics",
        title="METRICS worksheet",
        file="metrics-worksheet.csv",
        paragraphs=(
            "The 30 items of Kocak et al., Insights into Imaging 15:8, 2024 (CC BY 4.0), for "
            "studies with radiomics. The score is the sum of weights answered yes over the sum of "
            "weights that apply; it is not computed here, as no answer is given by the software. "
            "Condition 2 presumes condition 1.",
            "* Weight recalled, to be checked in the paper before a score is published; with these "
            "the weights add up to 1.",
        ),
        columns=("Item", "Name", "Weight", "Material", "Answered by a person"),
        rows=rows,
        questions=METRICS_CONDITIONS,
        csv=csv_table(
            header,
            [
                *questions,
                *((r.number, r.topic, r.asks, r.applies, _material(r), "", "") for r in rows),
            ],
        ),
    )


def _links(anchors: tuple[str, ...], titles: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((anchor, titles[anchor]) for anchor in anchors if anchor in titles)


def _material(row: SheetRow) -> str:
    return "; ".join(title for _, title in row.links) or row.elsewhere
