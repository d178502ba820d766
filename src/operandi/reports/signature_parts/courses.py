"""Participants one by one: waterfall with its denominators, spider with its gaps, swimmer."""

from collections.abc import Sequence
from dataclasses import replace

from operandi.reports.charts import Axis, Words
from operandi.reports.cohort_charts import SwimmerLane, WaterfallBar
from operandi.reports.participant_charts import (
    SpiderLeg,
    evaluable_waterfall,
    spider_chart,
    swimmer_with_table,
)
from operandi.reports.signature_parts.layout import Part, Plot, counted
from operandi.signatures.results import AnalysisResult
from operandi.signatures.results_cohort import TumorCourse

_CHANGE = Axis(title="Change of the sum of diameters, %", from_zero=False)
_DAYS = Axis(title="Days since the start")
_GOES_ON = "follow-up goes on"


def courses_part(result: AnalysisResult) -> Part:
    """Waterfall, spider and swimmer, where the tables have courses."""
    courses = tuple(replace(one, ending=one.ending.replace("_", " ")) for one in result.courses)
    if not courses:
        return Part(
            anchor="courses",
            title="Courses of participants",
            paragraphs=(result.courses_reason or "The tables have no courses of single tumors.",),
        )
    endings = tuple(sorted({one.ending for one in courses}))
    plots = [*_waterfall(result, courses, endings), *_spider(courses, endings), _swimmer(courses)]
    return Part(
        anchor="courses",
        title="Courses of participants",
        paragraphs=tuple(
            filter(
                None,
                (
                    "Described only: nothing here was used to judge a model. Days count from the "
                    "start, also where models begin at a landmark.",
                    result.courses_reason,
                ),
            )
        ),
        plots=tuple(plots),
    )


def _waterfall(
    result: AnalysisResult, courses: Sequence[TumorCourse], endings: Sequence[str]
) -> list[Plot]:
    bars = [
        WaterfallBar(name=one.participant, change=one.best_change, group=one.ending)
        for one in courses
        if one.best_change is not None
    ]
    if not bars:
        return []
    with_course = len(courses)
    treated = max(result.treated, with_course)
    lost = [("no evaluable exam after baseline", with_course - len(bars))]
    lost.append(("treated, but not among the courses", treated - with_course))
    known = "" if result.treated else " How many were treated is not known from the tables."
    chart = evaluable_waterfall(
        bars,
        words=Words(
            title="Best change.",
            caption=f"Smallest sum of diameters against baseline.{known}",
            alt=f"Waterfall of {len(bars)} participants.",
        ),
        groups=endings,
        axis="Best change, %",
        treated=treated,
        not_evaluable=lost,
    )
    return [Plot(file="waterfall.csv", chart=chart)]


def _spider(courses: Sequence[TumorCourse], endings: Sequence[str]) -> list[Plot]:
    legs = [
        SpiderLeg(
            name=one.participant,
            times=(0.0, *(point.day for point in one.changes)),
            changes=(0.0, *(point.change for point in one.changes)),
            group=one.ending,
            marks=tuple(
                (mark.day, f"seen: {mark.what}")
                for mark in one.marks
                if mark.day in {point.day for point in one.changes}
            ),
        )
        for one in courses
        if one.changes
    ]
    if not legs:
        return []
    chart = spider_chart(
        legs,
        words=Words(
            title="Change over time.",
            caption=f"{counted(len(legs), 'participant')}. A missing exam breaks the line: nothing "
            "is drawn in its place. Lines end with progression, or with the last exam before "
            "another treatment.",
            alt=f"Change of the sum of diameters of {len(legs)} participants over time.",
        ),
        x=_DAYS,
        y=_CHANGE,
        groups=endings,
    )
    return [Plot(file="spider.csv", chart=chart)]


def _happened(one: TumorCourse) -> tuple[tuple[float, str], ...]:
    """What the lane shows: the end once, and what was seen before it."""
    end = _GOES_ON if one.ongoing else one.ending
    seen = tuple(
        (mark.day, mark.what) for mark in one.marks if mark.day <= one.last_day and mark.what != end
    )
    return (*seen, (one.last_day, end))


def _swimmer(courses: Sequence[TumorCourse]) -> Plot:
    ordered = sorted(courses, key=lambda one: (-one.last_day, one.participant))
    lanes = [
        SwimmerLane(
            name=one.participant,
            length=one.last_day,
            marks=_happened(one),
        )
        for one in ordered
    ]
    groups = sorted({what for lane in lanes for _, what in lane.marks})
    return Plot(
        file="swimmer.csv",
        chart=swimmer_with_table(
            lanes,
            words=Words(
                title="Time under observation.",
                caption="A lane a participant, to the end of follow-up.",
                alt=f"Lanes of {len(lanes)} participants.",
            ),
            groups=groups,
            axis=_DAYS.title,
        ),
    )
