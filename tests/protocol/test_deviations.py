"""What left the protocol, and by how much."""

from datetime import date, timedelta

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from operandi.protocol.deviations import Deviation, deviations_on
from operandi.protocol.schedule import visits_on
from operandi.protocol.schedule_format import SchedulePlan
from operandi.protocol.schedule_history import History
from tests.protocol.schedule_builders import (
    ImagingVisitRow,
    VisitRow,
    a_history,
    canceled,
    day,
    given,
    planned,
    the_plan,
)

ON = day("2025-04-28")
LABS = [
    VisitRow("LAB_C1", day("2024-12-15")),
    VisitRow("LAB_C2", day("2025-02-10")),
    VisitRow("LAB_C3", day("2025-04-10")),
]
BASELINE = ImagingVisitRow("BASELINE", day("2024-12-20"))
C1, C2 = given(1, "2025-01-07"), given(2, "2025-03-04")


def listed(history: History, *, on: date = ON, **options: object) -> list[Deviation]:
    return list(deviations_on(the_plan(), history, on=on, **options))  # type: ignore[arg-type]


def test_a_course_by_the_protocol_has_none() -> None:
    assert listed(a_history(C1, C2, BASELINE, *LABS)) == []


def test_a_scan_too_early_is_counted_in_days() -> None:
    """One month before 7 January is 7 December."""
    early = ImagingVisitRow("BASELINE", day("2024-12-04"))

    (found,) = listed(a_history(C1, C2, early, *LABS))

    assert (found.kind, found.code, found.days) == ("outside_window", "BASELINE", -3)


def test_a_laboratory_too_late_is_counted_in_days() -> None:
    """Two weeks before 4 March is 18 February."""
    labs = [LABS[0], VisitRow("LAB_C2", day("2025-02-20")), LABS[2]]

    (found,) = listed(a_history(C1, C2, BASELINE, *labs))

    assert (found.kind, found.code, found.days) == ("outside_window", "LAB_C2", 2)


@pytest.mark.parametrize(("on", "days"), [("2025-01-07", 1), ("2025-01-10", 4)])
def test_a_scan_after_the_cycle_it_had_to_precede(on: str, days: int) -> None:
    (found,) = listed(a_history(C1, C2, ImagingVisitRow("BASELINE", day(on)), *LABS))

    assert (found.kind, found.code, found.days) == ("after_cycle", "BASELINE", days)


def test_a_scan_never_done_before_cycle_1_is_missed() -> None:
    (found,) = listed(a_history(C1, C2, *LABS))

    assert (found.kind, found.code, found.on) == ("missed", "BASELINE", day("2025-01-06"))


@pytest.mark.parametrize(
    ("c2", "days"),
    [
        ("2025-02-24", -1),
        ("2025-02-25", None),
        ("2025-03-11", None),
        ("2025-03-12", 1),
        ("2025-03-13", 2),
    ],
)
def test_the_interval_of_cycles_is_kept_to_a_week(c2: str, days: int | None) -> None:
    """4 March, from 25 February to 11 March."""
    labs = [VisitRow("LAB_C2", day(c2) - timedelta(days=20)), *LABS[:1]]
    history = a_history(C1, given(2, c2), BASELINE, *labs)

    found = listed(history, on=day("2025-03-20"))

    assert [(one.kind, one.code, one.days) for one in found] == (
        [] if days is None else [("cycle_interval", "C2", days)]
    )


@pytest.mark.parametrize(
    ("gbq", "what"),
    [
        # 10 % of 7.4 are 0.74.
        ("8.14", None),
        ("6.66", None),
        ("8.15", "+10.1 % off the planned 7.4 GBq; 10 % are allowed"),
        ("6.65", "-10.1 % off the planned 7.4 GBq; 10 % are allowed"),
    ],
)
def test_activity_is_kept_to_ten_percent(gbq: str, what: str | None) -> None:
    found = listed(a_history(C1, given(2, "2025-03-04", gbq=gbq), BASELINE, *LABS))

    assert [(one.kind, one.what) for one in found] == (
        [] if what is None else [("activity", f"Cycle 2 was given with {gbq} GBq, {what}.")]
    )


def test_without_a_tolerance_no_activity_is_a_deviation() -> None:
    plan = the_plan()
    free = [one.model_copy(update={"activity_tolerance_percent": None}) for one in plan.cycle]
    history = a_history(C1, given(2, "2025-03-04", gbq="3.7"), BASELINE, *LABS)

    untold = SchedulePlan(anchor=plan.anchor, cycle=tuple(free), visit=plan.visit)

    assert deviations_on(untold, history, on=ON) == ()


def test_a_cycle_given_although_it_was_cancelled() -> None:
    history = a_history(C1, C2, canceled(2, recorded="2025-02-27"), BASELINE, *LABS)

    (found,) = listed(history)

    assert (found.kind, found.on) == ("after_hold", day("2025-03-04"))
    assert found.what == "Cycle 2 was given after 2025-02-27, when it was canceled."


def test_a_cycle_planned_again_is_not_on_hold() -> None:
    again = planned(2, "2025-03-04", recorded="2025-02-28")
    history = a_history(C1, C2, canceled(2, recorded="2025-02-27"), again, BASELINE, *LABS)

    assert listed(history) == []


def test_a_cycle_given_against_its_go_or_no_go() -> None:
    found = listed(a_history(C1, C2, BASELINE, *LABS), holds={2: "platelets 60 x 10^9/L."})

    assert [(one.kind, one.what) for one in found] == [
        ("after_hold", "Cycle 2 was given on hold: platelets 60 x 10^9/L.")
    ]


def test_acts_of_the_study_before_consent_and_routine_care_before_it() -> None:
    """Laboratory is routine care; consent on 22 December comes after it and after the scan."""
    history = a_history(C1, C2, BASELINE, *LABS, consent="2024-12-22")

    assert [one.what for one in listed(history)] == [
        "PET-MRI before the first cycle was done on 2024-12-20, consent signed on 2024-12-22."
    ]


def test_consent_on_the_day_of_the_scan_precedes_it() -> None:
    assert listed(a_history(C1, C2, BASELINE, *LABS, consent="2024-12-20")) == []


def test_without_any_consent_every_act_is_listed() -> None:
    found = listed(a_history(C1, C2, BASELINE, *LABS, consent=None))

    assert [(one.code, one.kind) for one in found] == [
        ("BASELINE", "before_consent"),
        ("C1", "before_consent"),
        ("C2", "before_consent"),
    ]


def test_a_plan_is_no_deviation() -> None:
    """By the plan the scan came a month and three days before cycle 1; that can move yet."""
    early = ImagingVisitRow("BASELINE", day("2024-12-04"))

    assert listed(a_history(planned(1, "2025-01-07"), early), on=day("2025-01-02")) == []


def test_what_the_study_file_does_not_declare_is_listed() -> None:
    strangers = (given(5, "2025-04-20"), VisitRow("EXTRA", day("2025-02-01")))

    found = listed(a_history(C1, C2, BASELINE, *LABS, *strangers))

    assert [(one.kind, one.code) for one in found] == [("unplanned", "EXTRA"), ("unplanned", "C5")]


@over(st.dates(date(2024, 1, 1), date(2026, 12, 31)), st.data())
def test_a_visit_done_within_its_window_is_never_a_deviation(c1: date, data: st.DataObject) -> None:
    """Each visit in turn, on any day of the window it has once the cycles are given."""
    cycles = [given(1, f"{c1}"), given(2, f"{c1 + timedelta(days=56)}")]
    cycles.append(given(3, f"{c1 + timedelta(days=112)}"))
    consent = f"{c1 - timedelta(days=90)}"
    end = c1 + timedelta(days=500)
    dated = visits_on(the_plan(), a_history(*cycles, consent=consent), on=end)
    visit = data.draw(
        st.sampled_from([one for one in dated if one.kind != "cycle" and one.code != "LAB_C4"])
    )
    first, last = visit.window.span.first, visit.window.span.last
    assert first is not None
    assert last is not None
    done_on = data.draw(st.dates(first, last))

    history = a_history(*cycles, VisitRow(visit.code, done_on), consent=consent)

    assert [one for one in listed(history, on=end) if one.code == visit.code] == []
