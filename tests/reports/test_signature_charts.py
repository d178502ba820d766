"""Charts of signatures: the same bytes each time, tables that tell what is drawn, honest gaps."""

import csv
import io
from collections.abc import Callable
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from operandi.reports.chart_table import ChartWithTable, csv_table, drawn_name
from operandi.reports.charts import Axis, Words
from operandi.reports.cohort_charts import SwimmerLane, WaterfallBar
from operandi.reports.participant_charts import (
    FlowStep,
    SpiderLeg,
    evaluable_waterfall,
    participant_flow,
    spider_chart,
    swimmer_with_table,
)
from operandi.reports.signature_charts import (
    BenefitCurve,
    CalibrationDrawn,
    ForestRow,
    calibration_chart,
    decision_chart,
    forest_chart,
    instability_chart,
    permutation_chart,
    stability_chart,
)
from operandi.reports.survival_charts import RegionCurve, StepCurve, survival_chart

WORDS = Words(title="Title.", caption="Caption.", alt="Alt.")
X, Y = Axis(title="x"), Axis(title="y")


def a_step_curve(*, at_risk: tuple[int, ...] = (4, 1)) -> StepCurve:
    return StepCurve(
        name="steps",
        time=np.array([1.0, 3.0]),
        value=np.array([0.75, 0.375]),
        start=1.0,
        end=5.0,
        low=np.array([0.3, 0.1]),
        high=np.array([0.9, 0.8]),
        censored=(2.0, 5.0),
        at_risk=at_risk,
    )


def a_survival() -> ChartWithTable:
    regions = RegionCurve(
        name="regions",
        left=np.array([1.0, 3.0, 4.0]),
        right=np.array([2.0, 3.0, np.inf]),
        mass=np.array([0.5, 0.25, 0.25]),
        end=6.0,
        at_risk=(4, 2),
    )
    return survival_chart([a_step_curve(), regions], words=WORDS, x=X, y=Y, risk_times=[0.0, 3.0])


def a_forest() -> ChartWithTable:
    rows = [
        ForestRow(name="a", value=1.5, low=1.0, high=2.2, note="80 participants"),
        ForestRow(name="b", value=None, low=None, high=None, note="3 events; 10 are needed."),
        ForestRow(name="all", value=1.2, low=0.9, high=1.6, pooled=True),
    ]
    return forest_chart(rows, words=WORDS, x=Axis(title="HR", logarithmic=True), reference=1.0)


def a_calibration() -> ChartWithTable:
    line = np.linspace(0.1, 0.9, 5)
    model = CalibrationDrawn(
        name="M0",
        predicted=line,
        observed=line**2,
        low=line**2 - 0.01,
        high=line**2 + 0.05,
        groups=((0.2, 0.1, 0.05, 0.3, 40), (0.7, 0.6, 0.4, 0.8, 40)),
        risks=line,
    )
    return calibration_chart([model], words=WORDS, x=X, y=Y)


def a_decision() -> ChartWithTable:
    where = np.array([0.1, 0.2, 0.3])
    curve = BenefitCurve(
        name="M0",
        net_benefit=np.array([0.3, 0.2, 0.1]),
        low=np.array([0.2, 0.1, -0.1]),
        high=np.array([0.4, 0.3, 0.2]),
        uncertain=np.array([False, False, True]),
    )
    return decision_chart([curve], words=WORDS, x=X, thresholds=where, treat_all=0.35 - where)


def a_stability() -> ChartWithTable:
    return stability_chart(
        ["kept", "not"],
        words=WORDS,
        x=Axis(title="x", logarithmic=True),
        penalties=np.array([0.3, 0.1, 0.03]),
        frequencies=np.array([[0.1, 0.6, 0.9], [0.0, 0.1, 0.2]]),
        threshold=0.6,
    )


def a_permutation() -> ChartWithTable:
    null = np.random.default_rng(1).normal(0.5, 0.05, 99)
    return permutation_chart(null, words=WORDS, x=X, observed=0.64, p_value=0.01)


def an_instability() -> ChartWithTable:
    risk = np.array([0.2, 0.7])
    return instability_chart(risk, words=WORDS, x=X, low=risk - 0.1, high=risk + 0.2)


def a_flow() -> ChartWithTable:
    steps = [
        FlowStep(title="enrolled", count=80),
        FlowStep(title="landmark", count=66, left_out=(("progressed before", 10), ("no scan", 4))),
    ]
    return participant_flow(steps, words=WORDS)


def a_spider() -> ChartWithTable:
    leg = SpiderLeg(
        name="P-1", times=(0.0, 3.0, 6.0, 9.0), changes=(0.0, -0.2, None, -0.1), group="PR"
    )
    return spider_chart([leg], words=WORDS, x=X, y=Y, groups=["PD", "PR"])


def a_waterfall(*, treated: int = 42) -> ChartWithTable:
    bars = [WaterfallBar(name=f"P-{n}", change=-0.01 * n, group="SD") for n in range(40)]
    return evaluable_waterfall(
        bars,
        words=WORDS,
        groups=["SD"],
        axis="%",
        treated=treated,
        not_evaluable=[("no scan after baseline", 2), ("no target lesion", 0)],
    )


def a_swimmer() -> ChartWithTable:
    lanes = [SwimmerLane(name="P-1", length=9.0, marks=((0.0, "cycle"), (9.0, "death")))]
    return swimmer_with_table(lanes, words=WORDS, groups=["cycle", "death"], axis="months")


CHARTS = [
    a_survival,
    a_forest,
    a_calibration,
    a_decision,
    a_stability,
    a_permutation,
    an_instability,
    a_flow,
    a_spider,
    a_waterfall,
    a_swimmer,
]


def rows_of(chart: ChartWithTable) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(chart.table.decode("utf-8"))))


@pytest.mark.parametrize("draw", CHARTS)
def test_every_chart_is_the_same_svg_each_time_and_has_a_table(
    draw: Callable[[], ChartWithTable],
) -> None:
    one, two = draw(), draw()

    assert one.figure.image == two.figure.image
    assert one.table == two.table
    assert ET.fromstring(one.figure.image).tag.endswith("svg")  # noqa: S314 - our own
    assert len(rows_of(one)) >= 1


def test_an_interval_censored_curve_is_told_as_stretches_known_and_unknown() -> None:
    """Mass 0.5 in (1, 2], 0.25 at 3, 0.25 beyond 4, drawn to the end at 6."""
    rows = [row for row in rows_of(a_survival()) if row["curve"] == "regions"]

    falls = [row for row in rows if row["kind"] == "falls within"]
    known = [row for row in rows if row["kind"] == "known"]
    assert [(row["from"], row["to"], row["value"], row["value at end"]) for row in falls] == [
        ("1", "2", "1", "0.5"),
        ("3", "3", "0.5", "0.25"),
        ("4", "6", "0.25", "0"),
    ]
    assert [(row["from"], row["to"], row["value"]) for row in known] == [
        ("0", "1", "1"),
        ("2", "3", "0.5"),
        ("3", "4", "0.25"),
    ]


def test_numbers_at_risk_stand_in_the_table_of_a_survival_chart() -> None:
    rows = [row for row in rows_of(a_survival()) if row["kind"] == "at risk"]

    assert [(row["curve"], row["from"], row["number"]) for row in rows] == [
        ("steps", "0", "4"),
        ("steps", "3", "1"),
        ("regions", "0", "4"),
        ("regions", "3", "2"),
    ]


def test_a_missing_scan_breaks_the_line_and_is_empty_in_the_table() -> None:
    """Drawn to the same picture whatever stands in the gap would be a lie: the pictures differ."""
    done = SpiderLeg(
        name="P-1", times=(0.0, 3.0, 6.0, 9.0), changes=(0.0, -0.2, -0.15, -0.1), group="PR"
    )
    unbroken = spider_chart([done], words=WORDS, x=X, y=Y, groups=["PD", "PR"])

    assert [row["change"] for row in rows_of(a_spider())] == ["0", "-0.2", "", "-0.1"]
    assert a_spider().figure.image != unbroken.figure.image


def test_a_waterfall_says_of_how_many_treated_it_shows_how_many() -> None:
    chart = a_waterfall()

    assert "40 evaluable of 42 treated; no bar: no scan after baseline: 2." in chart.figure.caption
    assert "40 evaluable of 42 treated" in chart.figure.alt
    assert rows_of(chart)[-1]["group or reason"] == "no scan after baseline"


def test_refuses_a_waterfall_that_does_not_add_up() -> None:
    with pytest.raises(ValueError, match="40 bars and 2 without are not 45 treated"):
        a_waterfall(treated=45)


def test_refuses_a_flow_that_does_not_add_up() -> None:
    steps = [FlowStep(title="a", count=80), FlowStep(title="b", count=70, left_out=(("c", 9),))]

    with pytest.raises(ValueError, match="80 less 9 are not the 70 of 'b'"):
        participant_flow(steps, words=WORDS)


def test_refuses_numbers_at_risk_for_other_times() -> None:
    with pytest.raises(ValueError, match="3 numbers at risk, 2 times"):
        survival_chart(
            [a_step_curve(at_risk=(4, 3, 1))], words=WORDS, x=X, y=Y, risk_times=[0.0, 3.0]
        )


def test_a_table_leaves_the_absent_empty_and_keeps_ten_digits() -> None:
    assert csv_table(("a", "b", "c"), [(1.0 / 3.0, None, 7)]) == b"a,b,c\n0.3333333333,,7\n"


def test_what_was_seen_at_a_scan_stands_beside_its_change() -> None:
    leg = SpiderLeg(
        name="P-1",
        times=(0.0, 3.0, 6.0),
        changes=(0.0, -0.2, None),
        group="PD",
        marks=((3.0, "seen: new lesion"), (6.0, "seen: progression")),
    )
    drawn = spider_chart([leg], words=WORDS, x=X, y=Y, groups=["PD"])

    assert [row["mark"] for row in rows_of(drawn)] == ["", "seen: new lesion", "seen: progression"]
    assert b"seen: progression" in drawn.figure.image


def test_long_names_and_dollars_leave_the_axes_their_room() -> None:
    assert drawn_name("P" * 5000) == "P" * 45 + "…"
    assert drawn_name("CA 19-9 $") == r"CA 19-9 \$"
    rows = [
        ForestRow(name=r"$\frac{" + "x" * 500 + "$", value=0.6, low=0.5, high=0.7, note="n" * 500)
    ]
    drawn = forest_chart(rows, words=WORDS, x=X, reference=0.5)
    assert b"n" * 500 in drawn.table
