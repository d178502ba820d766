"""What the page of an analysis is made of, and how its numbers are written.

A number that is absent is written as a dash with the number of a note that tells why: never as 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from operandi.reports.chart_table import Cell, ChartWithTable, csv_table
from operandi.reports.page import PageTable
from operandi.signatures.results_cohort import Estimated

MINUS: Final = "\N{MINUS SIGN}"
ABSENT: Final = "\N{EM DASH}"
Numbers = tuple[Cell, ...]
_SMALLEST_P: Final = 0.001
_FINER_BELOW: Final = 0.1
_SUPERSCRIPTS: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A chart, and the name of the file of its table."""

    file: str
    chart: ChartWithTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A table of the page, with its numbers as CSV.

    Parameters
    ----------
    file : str
        Name of the CSV.
    table : PageTable
        A line break in a cell parts the number from its interval.
    csv : bytes
    notes : tuple of str
        Under it: why numbers are absent.
    """

    file: str
    table: PageTable
    csv: bytes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the page.

    Parameters
    ----------
    anchor, title : str
    paragraphs : tuple of str
    plots : tuple of Plot
    listings : tuple of Listing
    notes : tuple of str
        What a reader must know: assumptions, what could not be done.
    within : tuple of Part
        Under headings of their own.
    folded : tuple of Part
        Shown when asked for; printed always.
    """

    anchor: str
    title: str
    paragraphs: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    listings: tuple[Listing, ...] = ()
    notes: tuple[str, ...] = ()
    within: tuple["Part", ...] = ()
    folded: tuple["Part", ...] = ()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every CSV of it by name."""
        for plot in self.plots:
            yield plot.file, plot.chart.table
        for listing in self.listings:
            yield listing.file, listing.csv
        for part in (*self.within, *self.folded):
            yield from part.files()


@dataclass(slots=True)
class Reasons:
    """Numbers as text, with numbered notes for what is absent."""

    found: list[str] = field(default_factory=list)

    def shown(self, estimate: Estimated | None, *, digits: int, signed: bool = False) -> str:
        """Write an estimate with its interval on a second line."""
        if estimate is None:
            return ABSENT
        if estimate.value is None:
            return f"{ABSENT}{self.mark(estimate.reason or 'not computed')}"
        text = fixed(estimate.value, digits=digits, signed=signed)
        if estimate.low is None or estimate.high is None:
            return f"{text}{self.mark(estimate.reason)}"
        return f"{text}\n{spanned(estimate.low, estimate.high, digits=digits)}"

    def mark(self, reason: str) -> str:
        """Number of the note that tells a reason; nothing where there is none."""
        if not reason:
            return ""
        if reason not in self.found:
            self.found.append(reason)
        return f" {str(self.found.index(reason) + 1).translate(_SUPERSCRIPTS)}"

    def notes(self) -> tuple[str, ...]:
        """Notes in the order of their numbers."""
        return tuple(
            f"{str(number).translate(_SUPERSCRIPTS)} {reason}"
            for number, reason in enumerate(self.found, start=1)
        )


def fixed(value: float, *, digits: int, signed: bool = False) -> str:
    """Write with a fixed number of decimals; what rounds to nothing has no sign.

    >>> [fixed(0.7123, digits=2), fixed(-0.0001, digits=2), fixed(0.05, digits=2, signed=True)]
    ['0.71', '0.00', '+0.05']
    """
    rounded = round(value, digits)
    text = f"{abs(rounded):,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    if rounded < 0:
        return MINUS + text
    return f"+{text}" if signed and rounded > 0 else text


def spanned(low: float, high: float, *, digits: int) -> str:
    """Write an interval: ``0.63 to 0.79``."""
    return f"{fixed(low, digits=digits)} to {fixed(high, digits=digits)}"


def p_text(value: float | None) -> str:
    """Write a p value; a dash where none was computed.

    >>> [p_text(0.0312), p_text(0.0004), p_text(None)]
    ['0.0312', '< 0.001', '—']
    """
    if value is None:
        return ABSENT
    if value < _SMALLEST_P:
        return "< 0.001"
    # 0.0495 beside a level of 0.05 must not read as 0.050.
    return f"{value:.3f}" if value >= _FINER_BELOW else f"{value:.4f}"


def p_said(value: float) -> str:
    """A p value in a sentence.

    >>> [p_said(0.0312), p_said(0.0004)]
    ['p = 0.0312', 'p < 0.001']
    """
    text = p_text(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def percent(value: float | None) -> str:
    """Write a share as a whole percentage; a dash where it is absent."""
    return ABSENT if value is None else f"{100.0 * value:.0f} %"


def counted(count: int, noun: str) -> str:
    """A number with its noun, in the plural where it needs one."""
    return f"{count}\N{NO-BREAK SPACE}{noun if count == 1 else f'{noun}s'}"


def listed(words: Sequence[str]) -> str:
    """Join with commas and a final "and"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def on_day(day: float | None) -> str:
    """`` by day 365``; empty where there is no day."""
    return "" if day is None else f" by day {day:g}"


def named(stem: str, *names: str) -> str:
    """Name of a CSV file, of letters, digits, _ and hyphens between its parts."""
    words = "-".join((stem, *names))
    kept = "".join(one if one.isascii() and (one.isalnum() or one == "_") else "-" for one in words)
    return f"{'-'.join(filter(None, kept.split('-')))}.csv"


def a_listing(  # noqa: PLR0913 - each named by the caller
    file: str,
    *,
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    of_words: Sequence[str] = (),
    header: Sequence[str] | None = None,
    numbers: Sequence[Sequence[Cell]] | None = None,
    notes: Sequence[str] = (),
) -> Listing:
    """Build a table of the page; its CSV says the same where no numbers are given."""
    plain = [[cell.replace("\n", " ") for cell in row] for row in rows]
    return Listing(
        file=file,
        table=PageTable(
            caption=caption,
            columns=tuple(columns),
            rows=tuple(tuple(row) for row in rows),
            of_words=tuple(of_words),
        ),
        csv=csv_table(header or columns, numbers if numbers is not None else plain),
        notes=tuple(notes),
    )


def of_estimate(estimate: Estimated | None) -> tuple[Cell, Cell, Cell, Cell]:
    """Value, low, high and reason, for a CSV."""
    if estimate is None:
        return None, None, None, ""
    return estimate.value, estimate.low, estimate.high, estimate.reason
