"""Draw a ``StudyReport`` as one HTML page that needs nothing but itself.

The page works from a file, without a network and without its script; the script only adds the
search, the enlarged pictures and the printing of an opened origin. A content security policy in
the page makes the browser refuse anything from outside.
"""

import base64
import hashlib
import itertools
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from operandi.domain.measurement import SubjectType
from operandi.quantities import kinds
from operandi.reports.eligibility import eligibility_view
from operandi.reports.figures import lesion_color
from operandi.reports.lesion_courses import CoursesView, courses_view
from operandi.reports.study_report import (
    Figure,
    Issue,
    MeasurementLine,
    ParticipantPage,
    SeriesLine,
    StudyReport,
    TimepointColumn,
    Trend,
    VisitSection,
    VisitStatus,
)

_THIN: Final = "\N{NARROW NO-BREAK SPACE}"
_FAST: Final = "\N{NO-BREAK SPACE}"
_MINUS: Final = "\N{MINUS SIGN}"
_TIMES: Final = "\N{MULTIPLICATION SIGN}"
_MONTHS: Final = tuple("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())  # noqa: SIM905

_TABLES: Final = (
    (SubjectType.LESION, "Lesions", "Lesion"),
    (SubjectType.CONTOUR, "Readers' contours", "Contour"),
    (SubjectType.CANDIDATE, "Candidates, physiological uptake among them", "Candidate"),
    (SubjectType.ORGAN, "Reference regions", "Region"),
)
_AFTER_CYCLE: Final = (
    (SubjectType.ORGAN, "Organs", "Organ"),
    (SubjectType.LESION, "Lesions", "Lesion"),
)
_IN_TABLES: Final = tuple(subject.value for subject, _, _ in _TABLES)
_MOST_COLUMNS: Final = 6
_HEADINGS: Final = {
    kinds.SUV_MAXIMUM.name: "SUVmax",
    kinds.SUV_MEAN.name: "SUVmean",
    kinds.SUV_PEAK.name: "SUVpeak",
    kinds.VOLUME.name: "Volume",
    kinds.TOTAL_LESION_SSTR.name: "TL-SSTR",
    kinds.LESION_TO_LIVER_RATIO.name: "Ratio to liver",
    kinds.SUL_MEAN.name: "SULmean",
    kinds.SUV_STANDARD_DEVIATION.name: "SD",
    kinds.ABSORBED_DOSE.name: "Dose",
    kinds.BIOLOGICALLY_EFFECTIVE_DOSE.name: "BED",
    kinds.ABSORBED_DOSE_PER_ACTIVITY.name: "Per activity",
    kinds.PREDICTED_DOSE_PER_ACTIVITY.name: "Predicted dose",
    kinds.TIME_INTEGRATED_ACTIVITY_COEFFICIENT.name: "TIAC",
    kinds.EFFECTIVE_HALF_LIFE.name: "Half-life",
    kinds.EXTRAPOLATED_FRACTION.name: "After last scan",
}


@dataclass(frozen=True, slots=True)
class _Look:
    """How a status is shown: never by its color alone."""

    key: str
    title: str
    meaning: str


_LOOKS: Final = {
    VisitStatus.COMPLETE: _Look("complete", "Complete", "all that was due is measured"),
    VisitStatus.PARTIAL: _Look("partial", "Partial", "measured in part"),
    VisitStatus.REFUSED: _Look("refused", "Refused", "checks refused the scans"),
    VisitStatus.MISSING: _Look("missing", "Missing", "due, no scan has arrived"),
    VisitStatus.NOT_DUE: _Look("not-due", "Not due", "window not open yet"),
}


def render(report: StudyReport) -> str:
    """Draw the page.

    Parameters
    ----------
    report : StudyReport
        What it says. Every text is escaped.

    Returns
    -------
    str
        A complete HTML document; the same report gives the same text.
    """
    environment = Environment(
        loader=PackageLoader("operandi.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _own_file("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    anchors = _Anchors()
    places = _Places.of(report, anchors)
    desks = _desks(report, places, anchors)
    eligibility = eligibility_view(report.eligibility, anchors.new) if report.eligibility else None
    style = _own_file("report.css") + (_own_file("eligibility.css") if eligibility else "")
    return environment.get_template("report.html.j2").render(
        report=report,
        looks=list(_LOOKS.values()),
        summary=_summary(report, desks),
        matrix=[_matrix_row(page, places, desks) for page in report.participants],
        desks=desks,
        eligibility=eligibility,
        task_count=sum(len(desk.tasks) for desk in desks),
        participants=[_participant(page, report, places, anchors) for page in report.participants],
        # Safe: files of this package, and a footer whose every letter is escaped for CSS.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_digest=digest,
        footer=Markup(_css_string(f"{report.title} \N{MIDDLE DOT} {report.data_cut}")),  # noqa: S704
    )


def _own_file(name: str) -> str:
    return resources.files("operandi.reports").joinpath("templates", name).read_text("utf-8")


def _css_string(text: str) -> str:
    """Quote for a style sheet inside HTML: what is not a plain letter or digit is escaped."""
    plain = string.ascii_letters + string.digits
    return '"' + "".join(c if c in plain else f"\\{ord(c):06x}" for c in text) + '"'


# --- Numbers and dates ------------------------------------------------------------------------


def three_digits(value: float) -> str:
    """Write a value with three significant digits.

    >>> [three_digits(x) for x in (12.345, 0.98765, 1234.5, 0.0)]
    ['12.3', '0.988', '1230', '0']
    """
    return _digits(value, count=3)


def two_digits(value: float) -> str:
    """Write an uncertainty with two significant digits.

    >>> [two_digits(x) for x in (0.314159, 12.7, 0.0)]
    ['0.31', '13', '0']
    """
    return _digits(value, count=2)


def _digits(value: float, *, count: int) -> str:
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{count - 1}e}".split("e")
    power = int(exponent)
    if power < -4 or power > 6:
        superscript = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{mantissa}{_THIN}{_TIMES}{_THIN}10{superscript}".replace("-", _MINUS)
    text = f"{float(f'{mantissa}e{exponent}'):,.{max(0, count - 1 - power)}f}"
    whole, point, rest = text.replace("-", _MINUS).partition(".")
    # Four digits read well together; from five on they are parted.
    gap = _THIN if abs(value) >= 10_000 else ""
    return whole.replace(",", gap) + point + rest


def _value_text(line: MeasurementLine) -> str:
    if line.value is None:
        return "\N{EM DASH}"
    if line.kind_name.endswith("_COUNT") and line.value.is_integer():
        return f"{int(line.value)}"
    return three_digits(line.value)


def _unit(unit: str) -> str:
    """Spell a unit for people; a pure number has none."""
    if unit == "1":
        return ""
    return unit.replace("mm2", "mm²").replace("cm2", "cm²")


def _date(visit: VisitSection) -> str:
    if visit.date is None:
        return ""
    return f"{visit.date.day} {_MONTHS[visit.date.month - 1]} {visit.date.year}"


def _counted(count: int, noun: str, plural: str = "") -> str:
    return f"{count}{_FAST}{noun if count == 1 else plural or noun + 's'}"


def _listed(parts: Sequence[str]) -> str:
    """Join with commas and a final "and"."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


# --- Addresses within the page ----------------------------------------------------------------


class _Anchors:
    """Hands out each address once."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, wanted: str) -> str:
        """*wanted*, reduced to letters, digits and hyphens, numbered where it is taken."""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", wanted).strip("-")
        tries = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        address = next(address for address in tries if address not in self._taken)
        self._taken.add(address)
        return address


@dataclass(frozen=True, slots=True)
class _Places:
    """Addresses of participants and visits, and the titles of timepoints."""

    titles: dict[str, str]
    participants: dict[str, str]
    visits: dict[tuple[str, str], str]

    @classmethod
    def of(cls, report: StudyReport, anchors: _Anchors) -> "_Places":
        return cls(
            titles={column.code: column.title for column in report.timepoints},
            participants={
                page.pseudonym: anchors.new(f"participant-{page.pseudonym}")
                for page in report.participants
            },
            visits={
                (page.pseudonym, visit.timepoint): anchors.new(
                    f"visit-{page.pseudonym}-{visit.timepoint}"
                )
                for page in report.participants
                for visit in page.visits
            },
        )


# --- What needs attention ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an issue was met: a visit of this page, or only words."""

    title: str
    href: str
    where: str


@dataclass(frozen=True, slots=True)
class _Task:
    """One thing to mend, in all the places that wait for it."""

    what: str
    remedy: str
    places: tuple[_Place, ...]


@dataclass(frozen=True, slots=True)
class _Desk:
    """One who can mend, and what waits there."""

    id: str
    who: str
    tasks: tuple[_Task, ...]


def _desks(report: StudyReport, places: _Places, anchors: _Anchors) -> list[_Desk]:
    waiting: dict[str, dict[tuple[str, str], list[_Place]]] = {}
    for issue, place in _issues(report, places):
        tasks = waiting.setdefault(issue.who, {})
        tasks.setdefault((issue.what, issue.remedy), []).append(place)
    busiest = sorted(waiting, key=lambda who: (-len(waiting[who]), who))
    return [
        _Desk(
            id=anchors.new(f"desk-{who}"),
            who=who,
            tasks=tuple(
                _Task(what=what, remedy=remedy, places=tuple(dict.fromkeys(found)))
                for (what, remedy), found in waiting[who].items()
            ),
        )
        for who in busiest
    ]


def _issues(report: StudyReport, places: _Places) -> Iterator[tuple[Issue, _Place]]:
    for page in report.participants:
        for visit in page.visits:
            href = places.visits[page.pseudonym, visit.timepoint]
            title = f"{page.pseudonym} \N{MIDDLE DOT} {places.titles[visit.timepoint]}"
            for issue in visit.issues:
                yield issue, _Place(title=title, href=href, where=issue.where)
    for issue in report.record_faults:
        yield issue, _Place(title="Records", href="", where=issue.where)
    for issue in report.unplaced:
        yield issue, _Place(title="Unplaced DICOM", href="", where=issue.where)


def _summary(report: StudyReport, desks: Sequence[_Desk]) -> str:
    every = [visit for page in report.participants for visit in page.visits]
    visits = [visit for visit in every if not visit.after_cycle]
    words = {
        VisitStatus.COMPLETE: "measured completely",
        VisitStatus.PARTIAL: "in part",
        VisitStatus.REFUSED: "refused by the checks",
        VisitStatus.MISSING: "without a scan",
        VisitStatus.NOT_DUE: "not due yet",
    }
    counts = {status: sum(visit.status is status for visit in visits) for status in words}
    shares = [f"{count}{_FAST}{words[status]}" for status, count in counts.items() if count]
    tasks = sum(len(desk.tasks) for desk in desks)
    attention = (
        f"{_counted(tasks, 'matter')} at {_counted(len(desks), 'desk')} "
        f"{'needs' if tasks == 1 else 'need'} attention"
        if tasks
        else "nothing needs attention"
    )
    cohort = (
        f"{_counted(len(report.participants), 'participant')} at "
        f"{_counted(len(report.sites), 'site')}"
    )
    of_visits = f"{_counted(len(visits), 'visit')}: {_listed(shares)}" if visits else "no visits"
    return f"{cohort}, {of_visits}; {attention}."


# --- The cohort's table -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _MatrixCell:
    look: _Look
    href: str
    date: str
    tip: str
    desks: tuple[_Desk, ...]


@dataclass(frozen=True, slots=True)
class _MatrixRow:
    page: ParticipantPage
    href: str
    cells: tuple[_MatrixCell | None, ...]


def _matrix_row(page: ParticipantPage, places: _Places, desks: Sequence[_Desk]) -> _MatrixRow:
    visits = {visit.timepoint: visit for visit in page.visits}
    return _MatrixRow(
        page=page,
        href=places.participants[page.pseudonym],
        cells=tuple(
            _matrix_cell(page, visits[code], places, desks) if code in visits else None
            for code in places.titles
        ),
    )


def _matrix_cell(
    page: ParticipantPage, visit: VisitSection, places: _Places, desks: Sequence[_Desk]
) -> _MatrixCell:
    look = _LOOKS[visit.status]
    tip = f"{page.pseudonym}, {places.titles[visit.timepoint]}: {look.meaning}."
    if visit.issues:
        tip += f" {visit.issues[0].what}"
    if len(visit.issues) > 1:
        tip += f" And {len(visit.issues) - 1} more."
    mending = {issue.who for issue in visit.issues}
    return _MatrixCell(
        look=look,
        href=places.visits[page.pseudonym, visit.timepoint],
        date=_date(visit),
        tip=tip,
        desks=tuple(desk for desk in desks if desk.who in mending),
    )


# --- A participant's part ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Value:
    """A measurement as a cell shows it; ``id`` is its address, ``panel`` that of its origin."""

    line: MeasurementLine
    id: str
    panel: str
    text: str
    uncertainty: str
    unit: str
    mark: str
    subject: str
    place: str


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    color: str
    cells: tuple[tuple[_Value, ...], ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """Subjects down, kinds across; ``columns`` are (heading, full title, unit)."""

    caption: str
    corner: str
    columns: tuple[tuple[str, str, str], ...]
    rows: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class _FigureView:
    figure: Figure
    source: str


@dataclass(frozen=True, slots=True)
class _VisitView:
    id: str
    title: str
    date: str
    look: _Look
    issues: tuple[Issue, ...]
    figures: tuple[_FigureView, ...]
    overall: tuple[_Value, ...]
    tables: tuple[_Table, ...]
    values: tuple[_Value, ...]
    notes: tuple[tuple[str, str], ...]
    series: tuple[SeriesLine, ...]
    wide: bool
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _ParticipantView:
    id: str
    page: ParticipantPage
    visits: tuple[_VisitView, ...]
    charts: "tuple[_Chart, ...]"
    courses: CoursesView | None


def _participant(
    page: ParticipantPage, report: StudyReport, places: _Places, anchors: _Anchors
) -> _ParticipantView:
    return _ParticipantView(
        id=places.participants[page.pseudonym],
        page=page,
        visits=tuple(_visit(page, visit, places, anchors) for visit in page.visits),
        charts=tuple(
            _chart(trend, report.timepoints)
            for trend in page.trends
            if any(value is not None for _, value, _ in trend.points)
        ),
        courses=None if page.lesions is None else courses_view(page.lesions, places.titles),
    )


def _visit(
    page: ParticipantPage, visit: VisitSection, places: _Places, anchors: _Anchors
) -> _VisitView:
    title = places.titles[visit.timepoint]
    notes = _Notes()
    place = f"{page.pseudonym} \N{MIDDLE DOT} {title}"
    values = [_value(line, place, notes, anchors) for line in visit.measurements]
    return _VisitView(
        id=places.visits[page.pseudonym, visit.timepoint],
        title=title,
        date=_date(visit),
        look=_LOOKS[visit.status],
        issues=visit.issues,
        figures=tuple(_figure(figure) for figure in visit.figures),
        overall=tuple(v for v in values if v.line.subject_type not in _IN_TABLES),
        tables=tuple(
            table
            for subject, caption, corner in (_AFTER_CYCLE if visit.after_cycle else _TABLES)
            for table in _tables(
                [value for value in values if value.line.subject_type == subject.value],
                caption=caption,
                corner=corner,
            )
        ),
        values=tuple(values),
        notes=notes.all(),
        series=visit.series,
        wide=visit.after_cycle,
        remarks=visit.remarks,
    )


def _figure(figure: Figure) -> _FigureView:
    data = base64.b64encode(figure.image).decode("ascii")
    return _FigureView(figure=figure, source=f"data:{figure.mime};base64,{data}")


class _Notes:
    """Footnotes of a visit: one letter for each different reason."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def mark(self, text: str) -> str:
        """Letter of this text: a to z, then aa and on."""
        return self._marks.setdefault(text, _letters(len(self._marks)))

    def all(self) -> tuple[tuple[str, str], ...]:
        """All as (letter, text), in the order of their first use."""
        return tuple((mark, text) for text, mark in self._marks.items())


def _letters(index: int) -> str:
    before = _letters(index // 26 - 1) if index >= 26 else ""
    return before + string.ascii_lowercase[index % 26]


def _value(line: MeasurementLine, place: str, notes: _Notes, anchors: _Anchors) -> _Value:
    mark = uncertainty = ""
    if line.value is None:
        mark = notes.mark(f"No value: {line.absent}")
    elif line.standard_uncertainty is None:
        mark = notes.mark(f"No uncertainty: {line.uncertainty_text}")
    else:
        uncertainty = f"±{_THIN}{two_digits(line.standard_uncertainty)}"
    address = anchors.new(line.id if line.id.startswith("m-") else f"m-{line.id}")
    return _Value(
        line=line,
        id=address,
        panel=anchors.new(f"origin-{address}"),
        text=_value_text(line),
        uncertainty=uncertainty,
        unit=_unit(line.unit),
        mark=mark,
        subject=line.subject_name or line.subject_type,
        place=place,
    )


def _tables(values: Sequence[_Value], *, caption: str, corner: str) -> Iterator[_Table]:
    """Pivot to subjects by kinds, in as many tables as keep each narrow enough for a page."""
    found = dict.fromkeys(value.line.kind_name for value in values)
    order = [
        *(name for name in _HEADINGS if name in found),
        *(n for n in found if n not in _HEADINGS),
    ]
    for first in range(0, len(order), _MOST_COLUMNS):
        names = order[first : first + _MOST_COLUMNS]
        shown = [value for value in values if value.line.kind_name in names]
        by_name = {value.line.kind_name: value for value in reversed(shown)}
        yield _Table(
            caption=caption if first == 0 else f"{caption}, further values",
            corner=corner,
            columns=tuple(
                (
                    _HEADINGS.get(name, by_name[name].line.kind_title),
                    by_name[name].line.kind_title,
                    by_name[name].unit,
                )
                for name in names
            ),
            rows=tuple(_rows(shown, names, colored=corner in {"Lesion", "Contour"})),
        )


def _rows(values: Sequence[_Value], names: Sequence[str], *, colored: bool) -> Iterator[_Row]:
    for subject in dict.fromkeys(value.subject for value in values):
        of_subject = [value for value in values if value.subject == subject]
        yield _Row(
            name=subject,
            color=lesion_color(subject) if colored else "",
            cells=tuple(
                tuple(value for value in of_subject if value.line.kind_name == name)
                for name in names
            ),
        )


# --- Trends -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Dot:
    x: float
    y: float
    high: float
    low: float
    text: str


@dataclass(frozen=True, slots=True)
class _Chart:
    """A small chart in pixels; ``base`` is the height of zero, or of the lowest value."""

    title: str
    unit: str
    alt: str
    width: int
    base: float
    line: str
    dots: tuple[_Dot, ...]
    gaps: tuple[float, ...]
    ticks: tuple[tuple[float, tuple[str, ...], str], ...]


_CHART_STEP: Final = 80
_CHART_TOP: Final = 24.0
_CHART_BASE: Final = 84.0
_CHART_SIDE: Final = 36.0
_TICK_LETTERS: Final = 14


def _chart(trend: Trend, timepoints: Sequence[TimepointColumn]) -> _Chart:
    titles = {column.code: column.title for column in timepoints}
    ends = [
        value + sign * (spread or 0.0)
        for _, value, spread in trend.points
        if value is not None
        for sign in (-1, 1)
    ]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    per_unit = (_CHART_BASE - _CHART_TOP) / ((high - low) or 1.0)
    numbers = [value for _, value, _ in trend.points if value is not None]
    is_count = trend.unit == "1" and all(value.is_integer() for value in numbers)
    dots, gaps, ticks = [], [], []
    for index, (code, value, spread) in enumerate(trend.points):
        x = _CHART_SIDE + index * _CHART_STEP
        ticks.append((x, _tick_lines(titles[code]), titles[code]))
        if value is None:
            gaps.append(x)
            continue
        y, half = _CHART_BASE - (value - low) * per_unit, (spread or 0.0) * per_unit
        text = f"{value:.0f}" if is_count else three_digits(value)
        dots.append(_Dot(x, round(y, 1), round(y - half, 1), round(y + half, 1), text))
    return _Chart(
        title=trend.title,
        unit=_unit(trend.unit),
        alt=_chart_words(trend, titles),
        width=round(2 * _CHART_SIDE + _CHART_STEP * max(1, len(trend.points) - 1)),
        base=round(_CHART_BASE + low * per_unit, 1),
        line=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        dots=tuple(dots),
        gaps=tuple(gaps),
        ticks=tuple(ticks),
    )


def _tick_lines(title: str) -> tuple[str, ...]:
    """Break a title into one or two lines of a tick's width, at the space that evens them best."""
    if len(title) <= _TICK_LETTERS:
        return (title,)
    spaces = [at for at, letter in enumerate(title) if letter == " "] or [len(title)]
    best = min(spaces, key=lambda at: max(at, len(title) - at - 1))
    lines = filter(None, (title[:best], title[best + 1 :]))
    return tuple(_shortened(line) for line in lines)


def _shortened(line: str) -> str:
    """Leave out the middle: titles of visits differ at their ends."""
    if len(line) <= _TICK_LETTERS:
        return line
    return f"{line[:5].rstrip()}…{line[-6:].lstrip()}"


def _chart_words(trend: Trend, titles: dict[str, str]) -> str:
    return f"{trend.title}. " + "; ".join(
        f"{titles[code]}: {_with_spread(value, spread, _unit(trend.unit))}"
        for code, value, spread in trend.points
    )


def _with_spread(value: float | None, spread: float | None, unit: str) -> str:
    if value is None:
        return "no value"
    around = "" if spread is None else f" ± {two_digits(spread)}"
    return f"{three_digits(value)}{around} {unit}".strip()
