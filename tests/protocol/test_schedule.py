"""How a visit stands on a day. Every day is worked out by hand from the study's calendar.

Consent 20 November 2024; cycle 1 on Tuesday 7 January 2025. Eight weeks on: 4 March, 29 April,
24 June.
"""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from operandi.protocol.schedule import State, visits_on
from operandi.protocol.schedule_anchors import anchor_days
from operandi.protocol.schedule_format import SchedulePlan, parse_schedule
from operandi.protocol.schedule_history import History, histories
from operandi.protocol.windows import Span
from tests.protocol.schedule_builders import (
    ConsentRow,
    CyclePlanRow,
    CycleRow,
    ImagingVisitRow,
    VisitRow,
    a_history,
    canceled,
    day,
    given,
    planned,
    study_content,
    the_plan,
    visit_on,
)

C1 = given(1, "2025-01-07")
C2 = given(2, "2025-03-04")
C3 = given(3, "2025-04-29")


def a_span(first: str, last: str) -> Span:
    return Span(day(first), day(last))


@pytest.mark.parametrize(
    ("code", "on", "first", "last"),
    [
        ("BASELINE", "2025-01-08", "2024-12-07", "2025-01-06"),
        ("LAB_C1", "2025-01-08", "2024-12-10", "2024-12-24"),
        ("C2", "2025-01-08", "2025-02-25", "2025-03-11"),
        ("LAB_C2", "2025-01-08", "2025-02-04", "2025-02-18"),
        ("AFTER_CYCLE_2", "2025-01-08", "2025-03-05", "2025-04-28"),
        ("C3", "2025-01-08", "2025-04-22", "2025-05-06"),
        ("C4", "2025-01-08", "2025-06-17", "2025-07-01"),
        ("LAB_C4", "2025-01-08", "2025-05-27", "2025-06-10"),
        ("YEAR_1", "2025-01-08", "2025-12-07", "2026-02-07"),
    ],
)
def test_windows_follow_from_cycle_1(code: str, on: str, first: str, last: str) -> None:
    assert visit_on(code, on, a_history(C1)).window.span == a_span(first, last)


@pytest.mark.parametrize(
    ("c1", "baseline", "year_1"),
    [
        # 31 March - 1 month; 31 March 2026 - 1 month = 28 February, + 1 month = 30 April.
        ("2025-03-31", ("2025-02-28", "2025-03-30"), ("2026-02-28", "2026-04-30")),
        # Leap day: 12 months on is 28 February 2025, and from there one month either way.
        ("2024-02-29", ("2024-01-29", "2024-02-28"), ("2025-01-28", "2025-03-28")),
        ("2024-03-31", ("2024-02-29", "2024-03-30"), ("2025-02-28", "2025-04-30")),
    ],
)
def test_months_end_where_the_calendar_ends_them(
    c1: str, baseline: tuple[str, str], year_1: tuple[str, str]
) -> None:
    history = a_history(given(1, c1), consent="2023-12-01")

    assert visit_on("BASELINE", c1, history).window.span == a_span(*baseline)
    assert visit_on("YEAR_1", c1, history).window.span == a_span(*year_1)


def test_eight_weeks_over_the_change_of_clocks_are_56_days() -> None:
    """Clocks in Europe go forward on 30 March 2025."""
    history = a_history(given(1, "2025-02-04"), consent="2025-01-01")

    assert visit_on("C2", "2025-02-05", history).window.target == day("2025-04-01")


@pytest.mark.parametrize(
    ("code", "on", "state", "why"),
    [
        ("BASELINE", "2024-12-06", State.NOT_YET, "Opens on 2024-12-07, in 1 day."),
        ("BASELINE", "2024-12-07", State.DUE, "Due until 2025-01-06."),
        ("BASELINE", "2025-01-06", State.DUE, "Due until 2025-01-06."),
        (
            "BASELINE",
            "2025-01-07",
            State.LATE,
            "Nothing is recorded 1 day after its window closed on 2025-01-06.",
        ),
        ("LAB_C1", "2024-12-09", State.NOT_YET, "Opens on 2024-12-10, in 1 day."),
        ("LAB_C1", "2024-12-24", State.DUE, "Due until 2024-12-24."),
        (
            "LAB_C1",
            "2024-12-25",
            State.LATE,
            "Nothing is recorded 1 day after its window closed on 2024-12-24.",
        ),
        ("C1", "2025-01-06", State.NOT_YET, "Opens on 2025-01-07, in 1 day."),
        ("C1", "2025-01-07", State.DUE, "Due until 2025-01-07; best on 2025-01-07."),
        # By the plan its window is open; but cycle 2 itself waits for cycle 1.
        ("C2", "2025-03-04", State.NOT_YET, "Waits for C1, planned for 2025-01-07."),
        ("YEAR_1", "2026-01-07", State.NOT_YET, "Waits for C1, planned for 2025-01-07."),
        (
            "AFTER_CYCLE_2",
            "2025-04-01",
            State.NOT_YET,
            "Waits for C2, 8 weeks after C1, planned for 2025-01-07.",
        ),
    ],
)
def test_states_while_cycle_1_is_planned(code: str, on: str, state: State, why: str) -> None:
    visit = visit_on(code, on, a_history(planned(1, "2025-01-07")))

    assert (visit.state, visit.why) == (state, why)


@pytest.mark.parametrize(
    ("code", "on", "state", "why"),
    [
        (
            "BASELINE",
            "2025-01-07",
            State.MISSED,
            "Nothing is recorded, and it had to come before C1.",
        ),
        ("C1", "2025-01-07", State.DONE, "Done on 2025-01-07."),
        ("C2", "2025-02-24", State.NOT_YET, "Opens on 2025-02-25, in 1 day."),
        ("C2", "2025-02-25", State.DUE, "Due until 2025-03-11; best on 2025-03-04."),
        ("C2", "2025-03-11", State.DUE, "Due until 2025-03-11; best on 2025-03-04."),
        (
            "C2",
            "2025-03-12",
            State.LATE,
            "Nothing is recorded 1 day after its window closed on 2025-03-11.",
        ),
        ("YEAR_1", "2025-12-06", State.NOT_YET, "Opens on 2025-12-07, in 1 day."),
        ("YEAR_1", "2025-12-07", State.DUE, "Due until 2026-02-07; best on 2026-01-07."),
        (
            "YEAR_1",
            "2026-02-10",
            State.LATE,
            "Nothing is recorded 3 days after its window closed on 2026-02-07.",
        ),
    ],
)
def test_states_when_cycle_1_is_given(code: str, on: str, state: State, why: str) -> None:
    visit = visit_on(code, on, a_history(C1))

    assert (visit.state, visit.why) == (state, why)


@pytest.mark.parametrize(
    ("on", "state", "why"),
    [
        (
            "2025-03-04",
            State.EARLY,
            "Done on 2025-03-04, 1 day before its window opened on 2025-03-05.",
        ),
        (
            "2025-03-05",
            State.DONE,
            "Done on 2025-03-05, within its window from 2025-03-05 to 2025-04-28.",
        ),
        (
            "2025-04-28",
            State.DONE,
            "Done on 2025-04-28, within its window from 2025-03-05 to 2025-04-28.",
        ),
        (
            "2025-04-30",
            State.LATE,
            "Done on 2025-04-30, 2 days after its window closed on 2025-04-28.",
        ),
    ],
)
def test_states_of_a_scan_that_is_done(on: str, state: State, why: str) -> None:
    history = a_history(C1, C2, C3, ImagingVisitRow("AFTER_CYCLE_2", day(on)))

    visit = visit_on("AFTER_CYCLE_2", "2025-06-01", history)

    assert (visit.state, visit.why, visit.done_on) == (state, why, day(on))


def test_what_happens_later_is_not_known_yet() -> None:
    history = a_history(C1, C2, ImagingVisitRow("AFTER_CYCLE_2", day("2025-04-10")))

    assert visit_on("AFTER_CYCLE_2", "2025-04-09", history).state is State.DUE
    assert visit_on("AFTER_CYCLE_2", "2025-04-10", history).state is State.DONE


def test_of_two_scans_the_first_within_the_window_counts() -> None:
    history = a_history(
        C1,
        C2,
        ImagingVisitRow("AFTER_CYCLE_2", day("2025-02-20")),
        ImagingVisitRow("AFTER_CYCLE_2", day("2025-04-10")),
    )

    assert visit_on("AFTER_CYCLE_2", "2025-05-01", history).done_on == day("2025-04-10")


def test_cycle_2_nine_days_late_moves_what_hangs_on_it() -> None:
    """4 March + 9 = 13 March; + 8 weeks = 8 May; + 6 weeks = 24 April."""
    history = a_history(C1, given(2, "2025-03-13"))
    on = "2025-03-14"

    assert visit_on("C2", on, history).why == (
        "Done on 2025-03-13, 2 days after its window closed on 2025-03-11."
    )
    assert visit_on("C3", on, history).window.span == a_span("2025-05-01", "2025-05-15")
    mid = visit_on("AFTER_CYCLE_2", on, history).window
    assert (mid.span, mid.target) == (a_span("2025-03-14", "2025-05-07"), day("2025-04-24"))
    # 8 May - 28 days and - 14 days.
    assert visit_on("LAB_C3", on, history).window.span == a_span("2025-04-10", "2025-04-24")
    year_1 = visit_on("YEAR_1", on, history).window
    assert (year_1.span, year_1.target) == (a_span("2025-12-07", "2026-02-07"), day("2026-01-07"))


def test_the_target_stays_before_a_cycle_3_that_comes_soon() -> None:
    history = a_history(C1, C2, given(3, "2025-04-08"))

    assert visit_on("AFTER_CYCLE_2", "2025-04-08", history).window.target == day("2025-04-07")


def test_cycle_3_cancelled_leaves_twelve_weeks_for_the_scan_after_cycle_2() -> None:
    """4 March + 84 days = 27 May."""
    history = a_history(C1, C2, canceled(3, recorded="2025-04-20", reason="platelets"))

    before = visit_on("AFTER_CYCLE_2", "2025-04-19", history).window.span
    after = visit_on("AFTER_CYCLE_2", "2025-04-20", history)
    assert (before, after.window.span) == (
        a_span("2025-03-05", "2025-04-28"),
        a_span("2025-03-05", "2025-05-27"),
    )
    assert after.state is State.DUE
    cycle_3 = visit_on("C3", "2025-04-20", history)
    assert (cycle_3.state, cycle_3.why) == (
        State.NOT_APPLICABLE,
        "C3 was canceled on 2025-04-20: platelets.",
    )
    assert visit_on("LAB_C3", "2025-04-20", history).state is State.NOT_APPLICABLE
    cycle_4 = visit_on("C4", "2025-04-20", history)
    assert (cycle_4.state, cycle_4.why) == (
        State.CANNOT_BE_DATED,
        "Needs the day of C4, counted from C3, which was canceled on 2025-04-20: platelets.",
    )


def test_cycle_4_after_a_cancelled_cycle_3_goes_by_its_own_plan() -> None:
    history = a_history(
        C1,
        C2,
        canceled(3, recorded="2025-04-20"),
        planned(4, "2025-06-24", recorded="2025-04-20"),
    )

    cycle_4 = visit_on("C4", "2025-06-16", history)

    assert cycle_4.window.span == a_span("2025-06-17", "2025-07-01")
    assert cycle_4.state is State.NOT_YET


def test_a_plan_that_is_older_than_what_it_counts_from_gives_way() -> None:
    """Cycle 3 was booked for 29 April before cycle 2 slipped to 13 March."""
    old = planned(3, "2025-04-29", recorded="2025-01-08")
    history = a_history(C1, given(2, "2025-03-13"), old)

    cycle_3 = anchor_days(the_plan(), history)["C3"]

    assert cycle_3.on == day("2025-05-08")
    assert cycle_3.why.endswith(
        "the plan for 2025-04-29, recorded on 2025-01-08, is older than that of C2"
    )


def test_a_plan_made_afterwards_holds_and_is_told_where_it_lies_outside() -> None:
    """Cycle 3 is booked for 19 May, 4 days after its window 1 to 15 May."""
    history = a_history(C1, given(2, "2025-03-13"), planned(3, "2025-05-19", recorded="2025-03-13"))

    cycle_3 = visit_on("C3", "2025-04-30", history)

    assert cycle_3.why == (
        "Opens on 2025-05-01, in 1 day. It is planned for 2025-05-19, which is outside its "
        "window from 2025-05-01 to 2025-05-15."
    )
    # Cycle 4 counts from the day that is booked: 19 May + 8 weeks = 14 July.
    assert visit_on("C4", "2025-04-30", history).window.target == day("2025-07-14")


def test_of_two_plans_the_one_recorded_last_holds() -> None:
    history = a_history(
        planned(1, "2025-01-14", recorded="2024-12-10"),
        planned(1, "2025-01-07", recorded="2024-12-01"),
    )

    assert visit_on("C1", "2024-12-09", history).window.target == day("2025-01-07")
    assert visit_on("C1", "2024-12-10", history).window.target == day("2025-01-14")


def test_a_scan_is_judged_by_cycle_1_as_given_and_not_as_planned() -> None:
    """Planned for 7 January, given on the 14th: the window moves to 14 December."""
    history = a_history(
        planned(1, "2025-01-07"),
        given(1, "2025-01-14"),
        ImagingVisitRow("BASELINE", day("2024-12-10")),
    )

    before = visit_on("BASELINE", "2025-01-13", history)
    after = visit_on("BASELINE", "2025-01-14", history)

    assert (before.state, after.state) == (State.DONE, State.EARLY)
    assert after.why == "Done on 2024-12-10, 4 days before its window opened on 2024-12-14."


def test_a_scan_outside_its_planned_window_is_done_and_says_so() -> None:
    history = a_history(planned(1, "2025-01-07"), VisitRow("BASELINE", day("2025-01-09")))

    assert visit_on("BASELINE", "2025-01-10", history).why == (
        "Done on 2025-01-09; as planned now, its window is from 2024-12-07 to 2025-01-06."
    )


def test_a_scan_before_the_cycle_it_follows_is_early_although_that_has_no_day_yet() -> None:
    history = a_history(C1, VisitRow("AFTER_CYCLE_2", day("2025-03-20")))

    visit = visit_on("AFTER_CYCLE_2", "2025-03-20", history)

    assert (visit.state, visit.why) == (
        State.EARLY,
        "Done on 2025-03-20, before C2, 8 weeks after C1, given on 2025-01-07.",
    )


def test_nothing_is_dated_before_cycle_1_is_planned() -> None:
    states = {
        visit.code: visit for visit in visits_on(the_plan(), a_history(), on=day("2025-01-01"))
    }

    assert {visit.state for visit in states.values()} == {State.CANNOT_BE_DATED}
    assert {visit.why for visit in states.values()} == {"Needs the day of C1, not planned."}


def test_without_consent_the_first_scan_cannot_be_dated() -> None:
    history = a_history(planned(1, "2025-01-07"), consent=None)

    visit = visit_on("BASELINE", "2024-12-20", history)

    assert (visit.state, visit.why) == (
        State.CANNOT_BE_DATED,
        "Needs the day of CONS, not recorded.",
    )
    assert visit_on("LAB_C1", "2024-12-20", history).state is State.DUE


def test_a_scan_without_consent_is_done_and_says_what_its_window_needs() -> None:
    history = a_history(C1, VisitRow("BASELINE", day("2024-12-20")), consent=None)

    visit = visit_on("BASELINE", "2025-01-08", history)

    assert (visit.state, visit.why) == (
        State.DONE,
        "Done on 2024-12-20; its window needs CONS.",
    )


def test_the_first_scan_waits_for_a_consent_that_comes_late() -> None:
    history = a_history(planned(1, "2025-01-07"), consent="2024-12-20")

    window = visit_on("BASELINE", "2024-12-20", history).window

    assert window.span == a_span("2024-12-20", "2025-01-06")


def test_consent_on_the_planned_day_of_cycle_1_leaves_no_day_for_the_first_scan() -> None:
    history = a_history(planned(1, "2025-01-07"), consent="2025-01-07")

    assert visit_on("BASELINE", "2025-01-07", history).why == (
        "No day is left: its window would open on 2025-01-07 and close on 2025-01-06."
    )


def test_withdrawal_ends_what_is_still_to_come_and_what_could_still_be_made_up() -> None:
    history = a_history(C1, C2, ConsentRow(day("2025-04-01"), "withdrawn"))
    states = {v.code: v.state for v in visits_on(the_plan(), history, on=day("2026-06-01"))}

    assert states["C1"] is State.DONE
    assert states["BASELINE"] is State.MISSED
    assert states["LAB_C2"] is State.MISSED
    assert states["AFTER_CYCLE_2"] is State.NOT_APPLICABLE
    assert states["YEAR_1"] is State.NOT_APPLICABLE
    assert states["C4"] is State.NOT_APPLICABLE


def test_a_visit_overdue_at_withdrawal_is_missed() -> None:
    history = a_history(C1, ConsentRow(day("2025-03-20"), "withdrawn"))

    visit = visit_on("C2", "2025-03-25", history)

    assert (visit.state, visit.why) == (
        State.MISSED,
        "Nothing is recorded 9 days after its window closed on 2025-03-11. "
        "Consent was withdrawn on 2025-03-20.",
    )


def test_withdrawal_of_the_images_ends_no_visit() -> None:
    history = a_history(C1, ConsentRow(day("2025-02-01"), "withdrawn", "images"))

    assert visit_on("C2", "2025-03-01", history).state is State.DUE


def test_consent_signed_again_goes_on() -> None:
    history = a_history(
        C1, ConsentRow(day("2025-02-01"), "withdrawn"), ConsentRow(day("2025-02-08"))
    )

    assert visit_on("C2", "2025-02-05", history).state is State.NOT_APPLICABLE
    assert visit_on("C2", "2025-03-01", history).state is State.DUE


@pytest.mark.parametrize(
    ("state", "expected"), [("missed", State.MISSED), ("cancelled", State.NOT_APPLICABLE)]
)
def test_what_is_recorded_of_a_visit_holds(state: str, expected: State) -> None:
    history = a_history(C1, VisitRow("YEAR_1", day("2026-01-10"), state, "moved away"))

    visit = visit_on("YEAR_1", "2026-01-11", history)

    assert (visit.state, visit.why) == (
        expected,
        f"Recorded as {state} on 2026-01-10: moved away.",
    )


def test_a_visit_that_is_cancelled_beforehand_applies_no_more() -> None:
    history = a_history(C1, VisitRow("YEAR_1", day("2026-01-07"), "cancelled", "moves away"))

    assert visit_on("YEAR_1", "2025-12-10", history).state is State.NOT_APPLICABLE


def test_a_visit_done_after_it_was_recorded_as_missed_is_done() -> None:
    history = a_history(
        C1, VisitRow("YEAR_1", day("2026-01-10"), "missed"), VisitRow("YEAR_1", day("2026-01-20"))
    )

    assert visit_on("YEAR_1", "2026-01-21", history).state is State.DONE


def test_a_cycle_that_a_later_one_overtakes_is_missed() -> None:
    """Cycle 3 on 3 March, while cycle 2 could be given until the 11th."""
    history = a_history(C1, given(3, "2025-03-03"))

    assert visit_on("C2", "2025-03-03", history).state is State.MISSED
    assert visit_on("AFTER_CYCLE_2", "2025-03-03", history).state is State.MISSED


def a_plan(**keys: Any) -> SchedulePlan:
    """The study's cycles and one visit of another study."""
    content = study_content()
    visit = {"code": "V", "title": "V", "kind": "follow_up", "reading": "literal", **keys}
    return parse_schedule({"cycle": content["cycle"], "visit": [visit]})


def test_a_visit_on_the_day_of_a_cycle_waits_for_the_cycle() -> None:
    plan = a_plan(anchor="C2", window={"from": "C2", "to": "C2 + 1 week"})

    assert visit_on("V", "2025-03-04", a_history(C1), plan).state is State.NOT_YET
    assert visit_on("V", "2025-03-04", a_history(C1, C2), plan).state is State.DUE


def test_a_visit_until_the_day_of_a_cycle_is_missed_the_day_after() -> None:
    plan = a_plan(anchor="C2", window={"from": "C2 - 1 week", "to": "C2"})

    assert visit_on("V", "2025-03-04", a_history(C1, C2), plan).state is State.DUE
    assert visit_on("V", "2025-03-05", a_history(C1, C2), plan).state is State.MISSED


def test_a_target_before_the_window_moves_into_it() -> None:
    plan = a_plan(anchor="C2", target="C2 + 1 week", window={"from": "C2 + 2 weeks"})

    visit = visit_on("V", "2025-03-18", a_history(C1, C2), plan)

    assert visit.why == "Due with no last day; best on 2025-03-18."


def test_a_cycle_out_of_turn_is_early_by_no_number_of_days() -> None:
    """Where cycle 3 should be follows from cycle 2, which is not given."""
    history = a_history(C1, given(3, "2025-03-03"))

    assert visit_on("C3", "2025-03-03", history).why == (
        "Done on 2025-03-03, before C2, 8 weeks after C1, given on 2025-01-07."
    )


def test_cycles_without_a_day_are_missed_once_a_later_one_is_given() -> None:
    history = a_history(C3)

    assert visit_on("C2", "2025-04-29", history).state is State.MISSED
    assert visit_on("C1", "2025-04-29", history).state is State.MISSED


def test_rows_are_parted_by_participant() -> None:
    rows: dict[str, list[Any]] = {
        "participants": [
            ConsentRow(day("2025-01-01")),
            ConsentRow(day("2025-01-01"), participant="P-02"),
        ],
        "cycles": [C1, CycleRow(1, day("2025-02-01"), participant="P-02")],
        "consents": [ConsentRow(day("2024-11-20"))],
    }

    parted = histories(rows, included_on={"P-02": day("2025-01-20")})

    assert parted["P-01"].given_on(1) == day("2025-01-07")
    assert parted["P-02"].given_on(1) == day("2025-02-01")
    assert (parted["P-01"].consented_on, parted["P-02"].consented_on) == (day("2024-11-20"), None)
    assert anchor_days(the_plan(), parted["P-02"])["INC"].on == day("2025-01-20")


DAYS = st.dates(date(2023, 1, 1), date(2027, 12, 31))
CODES = ("BASELINE", "AFTER_CYCLE_2", "YEAR_1", "LAB_C1", "LAB_C2", "LAB_C3", "LAB_C4")


@st.composite
def courses(draw: st.DrawFn) -> History:
    """Anything that the tables can hold, whether or not it makes sense."""
    cycles = st.integers(1, 4)
    rows = [
        *draw(st.lists(st.builds(CycleRow, cycles, DAYS), max_size=4, unique_by=lambda r: r.cycle)),
        *draw(
            st.lists(
                st.builds(
                    CyclePlanRow, cycles, DAYS, DAYS, st.sampled_from(("planned", "cancelled"))
                ),
                max_size=4,
            )
        ),
        *draw(
            st.lists(
                st.builds(
                    VisitRow,
                    st.sampled_from(CODES),
                    DAYS,
                    st.sampled_from(("done", "missed", "cancelled")),
                ),
                max_size=3,
            )
        ),
        *draw(
            st.lists(
                st.builds(
                    ConsentRow, DAYS, st.sampled_from(("signed", "refused", "withdrawn", "pending"))
                ),
                max_size=3,
            )
        ),
    ]
    return a_history(*rows, consent=None)


@over(courses(), DAYS)
def test_every_visit_has_exactly_one_state_on_any_day(history: History, on: date) -> None:
    visits = visits_on(the_plan(), history, on=on)

    assert sorted(visit.code for visit in visits) == sorted((*CODES, "C1", "C2", "C3", "C4"))
    assert all(visit.why.endswith(".") for visit in visits)


RANKS = {State.NOT_YET: 0, State.DUE: 1, State.LATE: 2, State.MISSED: 3}


@over(courses(), DAYS, st.lists(st.integers(0, 800), min_size=2, max_size=8))
def test_with_nothing_new_recorded_a_state_only_goes_forward(
    history: History, last_record: date, later: list[int]
) -> None:
    known = history.known_on(last_record)
    course: dict[str, list[State]] = {}
    for days in sorted(later):
        for visit in visits_on(the_plan(), known, on=last_record + timedelta(days=days)):
            course.setdefault(visit.code, []).append(visit.state)

    for states in course.values():
        ranks = [RANKS.get(state) for state in states]
        if None in ranks:
            assert len(set(states)) == 1
        else:
            assert ranks == sorted(ranks, key=lambda rank: rank or 0)


@over(DAYS, st.integers(-400, 400), st.lists(st.integers(1, 90), min_size=0, max_size=3))
def test_windows_by_the_day_move_with_their_anchors(
    start: date, shift: int, intervals: list[int]
) -> None:
    def windows(first: date) -> dict[str, tuple[date | None, ...]]:
        on, cycles = first, [CycleRow(1, first)]
        for number, days in enumerate(intervals, start=2):
            on += timedelta(days=days)
            cycles.append(CycleRow(number, on))
        history = a_history(*cycles, ConsentRow(first - timedelta(days=60)), consent=None)
        return {
            visit.code: (visit.window.span.first, visit.window.span.last, visit.window.target)
            for visit in visits_on(the_plan(), history, on=on)
            if visit.code not in {"BASELINE", "YEAR_1"}
        }

    there = windows(start + timedelta(days=shift))

    assert there == {
        code: tuple(None if one is None else one + timedelta(days=shift) for one in days)
        for code, days in windows(start).items()
    }
