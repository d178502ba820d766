"""A page of its own for one question: sections of words, charts and tables, in one HTML file."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from operandi.reports.study_report import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTable:
    """A table of text.

    Parameters
    ----------
    caption : str
        Above it.
    columns : tuple of str
        Heads; the first column names the row.
    rows : tuple of tuple of str
        Cells, as many as columns.
    of_words : tuple of str
        Columns of text instead of numbers: they begin at the left.
    of_codes : bool
        Whether codes name the rows: they are written as they are, without a capital.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    of_words: tuple[str, ...] = ()
    of_codes: bool = False

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.caption!r}: a row has not {len(self.columns)} cells")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSection:
    """One part of a page.

    Parameters
    ----------
    title : str
        Its heading.
    paragraphs : tuple of str
        Words under it.
    figures : tuple of Figure
        Charts.
    tables : tuple of PageTable
        Tables.
    notes : tuple of str
        What a reader must know: assumptions, sources.
    beside : bool
        Whether figures stand side by side where there is room.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[PageTable, ...] = ()
    notes: tuple[str, ...] = ()
    beside: bool = False


def render_page(*, title: str, eyebrow: str, lead: str, sections: Sequence[PageSection]) -> str:
    """Draw the page; every text is escaped, and it opens without a network.

    Parameters
    ----------
    title, eyebrow, lead : str
        Heading, what stands above it and the sentence below.
    sections : sequence of PageSection
        In order.
    """
    environment = Environment(
        loader=PackageLoader("operandi.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = "".join(
        resources.files("operandi.reports").joinpath("templates", name).read_text("utf-8")
        for name in ("report.css", "page.css")
    )
    return environment.get_template("page.html.j2").render(
        title=title,
        eyebrow=eyebrow,
        lead=lead,
        sections=[
            (section, [_source(figure) for figure in section.figures]) for section in sections
        ],
        # Safe: files of this package.
        style=Markup(style),  # noqa: S704
    )


def _source(figure: Figure) -> str:
    return f"data:{figure.mime};base64,{base64.b64encode(figure.image).decode('ascii')}"
