"""The step that writes the report from what the other steps gave, or refused."""

from collections.abc import Iterable

from operandi.domain.measurement import Measurement
from operandi.pipeline.step import Refusal
from operandi.pipeline.step_settings import ParticipantFacts, StudyFacts, VisitFacts
from operandi.pipeline.steps.measurements import HEADLINE_KINDS, Measured
from operandi.quantities.kinds import SUV_MEAN
from operandi.reports.html import render
from operandi.reports.study_report import (
    Figure,
    Issue,
    LesionCourses,
    MeasurementLine,
    OriginLine,
    ParticipantPage,
    StudyReport,
    Trend,
    VisitSection,
    VisitStatus,
    measurement_line,
)


def report_page(*arguments: object) -> str:
    """Write the report as one HTML page.

    Parameters
    ----------
    *arguments
        Results (a value or a Refusal) in the order that the visits name them, then StudyFacts.
    """
    *results, facts = arguments
    assert isinstance(facts, StudyFacts)  # noqa: S101 - the road passes the facts last
    remaining = iter(results)
    pages = tuple(_page(who, remaining) for who in facts.participants)
    sections = [visit for page in pages for visit in page.visits]
    return render(
        StudyReport(
            title=facts.title,
            protocol=facts.protocol,
            data_cut=facts.data_cut,
            sites=facts.sites,
            timepoints=facts.timepoints,
            participants=pages,
            totals=_totals(pages, sections, others=(*facts.record_faults, *facts.unplaced)),
            record_faults=facts.record_faults,
            unplaced=facts.unplaced,
            methods=facts.methods,
            provenance=facts.provenance,
            eligibility=facts.eligibility,
        )
    )


def _totals(
    pages: tuple[ParticipantPage, ...], sections: list[VisitSection], *, others: tuple[Issue, ...]
) -> tuple[tuple[str, str], ...]:
    planned = [visit for visit in sections if not visit.after_cycle]
    measured = [visit for visit in sections if visit.measurements]
    values = [line for visit in measured for line in visit.measurements if line.value is not None]
    issues = {issue for visit in sections for issue in visit.issues} | set(others)
    return (
        ("participants", str(len(pages))),
        ("visits measured", f"{sum(v in measured for v in planned)} of {len(planned)}"),
        ("values", str(len(values))),
        ("to mend", str(len(issues))),
    )


def _page(who: ParticipantFacts, results: Iterable[object]) -> ParticipantPage:
    sections: list[VisitSection] = []
    trends: dict[tuple[str, str], dict[str, tuple[float | None, float | None]]] = {}
    for visit in who.visits:
        section, measurements = _section(visit, results, reader=who.reader)
        sections.append(section)
        for measurement in measurements:
            if _is_headline(measurement):
                of = trends.setdefault(_trend_title(measurement), {})
                of[visit.timepoint] = (measurement.value, measurement.uncertainty.standard)
    courses = next(iter(results)) if who.followed else None
    return ParticipantPage(
        lesions=courses if isinstance(courses, LesionCourses) else None,
        pseudonym=who.pseudonym,
        site=who.site,
        sex=who.sex,
        age_text=who.age_text,
        visits=tuple(sections),
        trends=tuple(
            Trend(
                title=title,
                unit=unit,
                points=tuple(
                    (visit.timepoint, *values.get(visit.timepoint, (None, None)))
                    for visit in who.visits
                    if not visit.after_cycle
                ),
            )
            for (title, unit), values in trends.items()
        ),
    )


def _is_headline(measurement: Measurement) -> bool:
    if measurement.kind == SUV_MEAN:
        return measurement.subject.name == "liver"
    return measurement.kind in HEADLINE_KINDS and not measurement.subject.name


def _trend_title(measurement: Measurement) -> tuple[str, str]:
    name = measurement.subject.name
    title = measurement.kind.title + (f", {name}" if name else "")
    return title, measurement.kind.unit


def _section(
    visit: VisitFacts, results: Iterable[object], *, reader: str
) -> tuple[VisitSection, list[Measurement]]:
    figures: list[Figure] = []
    lines: list[MeasurementLine] = []
    measurements: list[Measurement] = []
    issues = list(visit.issues)
    remarks: list[str] = []
    # zip would take one result too many from the shared iterator before it stops.
    for step, subject in visit.results:
        result = next(iter(results))
        if isinstance(result, Refusal):
            issue = _issue(result)
            if issue not in issues:
                issues.append(issue)
        elif isinstance(result, Measured):
            origin = (*visit.origin, OriginLine(label="Step", text=f"{step} ({subject})"))
            origin += tuple(OriginLine(label="Evidence", text=text) for text in result.evidence)
            measurements += result.measurements
            remarks += result.remarks
            issues += [
                Issue(what=what, remedy=remedy, who=reader, where=subject.replace("/", " "))
                for what, remedy in result.matters
            ]
            lines += [measurement_line(m, origin=origin) for m in result.measurements]
        elif isinstance(result, tuple):
            figures += result
    section = VisitSection(
        timepoint=visit.timepoint,
        date=visit.on,
        status=_status(visit, issues, lines),
        issues=tuple(issues),
        series=visit.series,
        figures=tuple(figures),
        measurements=tuple(lines),
        after_cycle=visit.after_cycle,
        remarks=tuple(dict.fromkeys(remarks)),
    )
    return section, measurements


def _status(visit: VisitFacts, issues: list[Issue], lines: list[MeasurementLine]) -> VisitStatus:
    if visit.on is None:
        return VisitStatus.MISSING if visit.expected else VisitStatus.NOT_DUE
    if not any(line.value is not None for line in lines):
        return VisitStatus.REFUSED
    return VisitStatus.PARTIAL if issues else VisitStatus.COMPLETE


def _issue(refusal: Refusal) -> Issue:
    return Issue(
        what=refusal.what,
        remedy=refusal.remedy,
        who=refusal.who or "the developers of Operandi",
        where=f"{refusal.subject.replace('/', ' ')}, step {refusal.step}",
    )
