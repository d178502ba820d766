from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist_pfs import Cause, Course, ProgressionFree, progression_free_survival
from operandi.quantities.errors import DataError
from tests.protocol.recist_builders import START, course_of, day

# One assessment due every eight weeks, a week early or late.
PLANNED = tuple(
    DateInterval(day(due - 7).earliest, day(due + 7).latest) for due in (56, 112, 168, 224)
)


def survival(
    responses: Mapping[int, str],
    *,
    baseline: DateInterval | None = day(0),  # noqa: B008
    death: DateInterval | None = None,
    new_therapy: DateInterval | None = None,
) -> ProgressionFree:
    return progression_free_survival(
        Course(START, baseline, course_of(responses), PLANNED, death, new_therapy)
    )


def test_the_event_is_the_first_progression() -> None:
    result = survival({56: "SD", 112: "PD", 168: "PD"}, death=day(200))

    assert (result.event, result.on, result.cause) == (True, day(112), Cause.PROGRESSION)
    assert result.free_until == day(56)
    assert result.reason == "progression on 2025-04-23"


def test_death_without_progression_is_an_event_and_its_month_stays_a_month() -> None:
    result = survival({56: "SD"}, death=DateInterval.parse("2025-04"))

    assert (result.event, result.cause, str(result.on)) == (True, Cause.DEATH, "2025-04")


def test_disease_after_complete_response_is_an_event() -> None:
    result = survival({56: "CR", 112: "PR"})

    assert (result.event, result.on) == (True, day(112))
    assert result.reason == "progression on 2025-04-23: PR after complete response"


def test_where_nothing_happened_the_last_adequate_assessment_censors() -> None:
    result = survival({56: "SD", 112: "PR", 168: "NE"})

    assert (result.event, result.on, result.cause) == (False, day(112), Cause.PROGRESSION_FREE)
    assert result.reason == (
        "censored at the last adequate assessment, 2025-04-23: no event until the last assessment"
    )


def test_without_baseline_the_start_censors() -> None:
    result = survival({56: "SD", 112: "PD"}, baseline=None)

    assert (result.event, result.on, result.cause) == (False, day(0), Cause.NO_BASELINE)


def test_without_adequate_assessment_the_start_censors() -> None:
    result = survival({56: "NE"})

    assert (result.event, result.on, result.cause) == (False, day(0), Cause.NO_ASSESSMENT)


@pytest.mark.parametrize("baseline", [None, day(0)])
def test_an_early_death_is_an_event_without_any_assessment(baseline: DateInterval | None) -> None:
    early = survival({}, baseline=baseline, death=day(100))
    late = survival({}, baseline=baseline, death=day(130))

    assert (early.event, early.cause) == (True, Cause.DEATH)
    assert (late.event, late.cause, late.on) == (False, Cause.MISSED_ASSESSMENTS, day(0))


def test_one_missed_assessment_before_the_event_is_allowed_and_two_censor() -> None:
    one = survival({56: "SD", 168: "PD"})
    two = survival({56: "SD", 224: "PD"})

    assert (one.event, one.on) == (True, day(168))
    assert (two.event, two.on, two.cause) == (False, day(56), Cause.MISSED_ASSESSMENTS)
    assert "2 assessments missed before the event on 2025-08-13" in two.reason


def test_an_assessment_that_is_not_evaluable_is_a_missed_one() -> None:
    result = survival({56: "SD", 112: "NE", 168: "NE", 224: "PD"})

    assert (result.event, result.on) == (False, day(56))


def test_a_window_that_is_still_open_at_the_event_is_not_missed() -> None:
    """By hand: the window of day 168 ends on day 175; the event is on that day, then after it."""
    assert survival({56: "SD"}, death=day(175)).event
    assert not survival({56: "SD"}, death=day(176)).event


def test_assessments_missed_before_a_later_adequate_one_do_no_harm() -> None:
    result = survival({168: "SD", 224: "PD"})

    assert (result.event, result.on) == (True, day(224))


def test_another_therapy_before_the_event_censors_at_the_assessment_before_it() -> None:
    result = survival({56: "SD", 112: "SD", 168: "PD"}, new_therapy=day(112))

    assert (result.event, result.on, result.cause) == (False, day(112), Cause.NEW_THERAPY)
    assert survival({56: "SD", 112: "SD"}, new_therapy=day(111)).on == day(56)
    assert survival({56: "SD"}, new_therapy=day(20)).on == day(0)


def test_another_therapy_from_the_day_of_the_event_on_changes_nothing() -> None:
    assert survival({56: "SD", 112: "PD"}, new_therapy=day(112)).event
    assert survival({56: "SD", 112: "PD"}, new_therapy=DateInterval.parse("2025-05")).event


def test_refuses_where_nobody_can_tell_whether_the_other_therapy_came_first() -> None:
    with pytest.raises(
        DataError, match="event on 2025-04-23 came before the other therapy on 2025"
    ):
        survival({56: "SD", 112: "PD"}, new_therapy=DateInterval.parse("2025-04"))


@pytest.mark.parametrize("death", [DateInterval.on(START - timedelta(days=1)), day(111)])
def test_refuses_death_before_the_start_or_before_an_exam(death: DateInterval) -> None:
    with pytest.raises(DataError, match=r"start or exams after it: .*Correct the day of death"):
        survival({112: "SD"}, death=death)


def test_death_in_the_month_of_the_last_exam_is_no_contradiction() -> None:
    assert survival({112: "SD"}, death=DateInterval.parse("2025-04")).event


def test_progression_known_to_the_month_keeps_its_interval() -> None:
    later = DateInterval.parse("2025-04")
    timepoints = course_of({56: "SD"})
    progressed = course_of({112: "PD"})[0]
    month = type(progressed)(later, progressed.overall)

    result = progression_free_survival(Course(START, day(0), (*timepoints, month), PLANNED))

    assert (result.event, result.on.earliest, result.on.latest) == (
        True,
        date(2025, 4, 1),
        date(2025, 4, 30),
    )
