"""Best overall response: table 3 of Eisenhauer 2009, row by row."""

from datetime import date, timedelta

import pytest

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Response, TimepointResponse
from operandi.protocol.recist_best import (
    BestResponse,
    ResponseRules,
    best_response,
    confirmed_best_response,
)
from tests.protocol.recist_builders import START, course_of, day

RULES = ResponseRules(stable_at_least=timedelta(weeks=6))


def confirmed(responses: dict[int, str], rules: ResponseRules = RULES) -> BestResponse:
    return confirmed_best_response(course_of(responses), since=START, rules=rules)


def unconfirmed(responses: dict[int, str], rules: ResponseRules = RULES) -> BestResponse:
    return best_response(course_of(responses), since=START, rules=rules)


# First exam, exam after it, best response where the first exam was late enough for stable disease
# and where it was not.  CR then PR is "SD, PD or PR" in the table: by its footnote a the disease
# came back, and that is progression.
TABLE_3 = [
    ("CR", "CR", "CR", "CR"),
    ("CR", "PR", "SD", "PD"),
    ("CR", "SD", "SD", "PD"),
    ("CR", "PD", "SD", "PD"),
    ("CR", "NE", "SD", "NE"),
    ("PR", "CR", "PR", "PR"),
    ("PR", "PR", "PR", "PR"),
    ("PR", "SD", "SD", "SD"),
    ("PR", "PD", "SD", "PD"),
    ("PR", "NE", "SD", "NE"),
    ("NE", "NE", "NE", "NE"),
]


@pytest.mark.parametrize(("first", "second", "lasted", "brief"), TABLE_3)
def test_confirmed_best_response_is_that_of_table_3(
    first: str, second: str, lasted: str, brief: str
) -> None:
    """Exams at 6 and 12 weeks, then at 3 and 9 weeks; stable disease has to last 6 weeks."""
    assert confirmed({42: first, 84: second}).response == lasted
    assert confirmed({21: first, 63: second}).response == brief


def test_partial_response_then_stable_disease_too_early_is_not_evaluable() -> None:
    best = confirmed({14: "PR", 41: "SD"})

    assert (best.response, best.on) == (Response.NE, day(14))
    assert best.reason == (
        "PR on 2025-01-15 not confirmed 28 days later or more; stable less than 42 days after "
        "2025-01-01; nothing more is known after 2025-02-11"
    )


@pytest.mark.parametrize(("later", "best"), [(69, "SD"), (70, "PR")])
def test_a_response_is_confirmed_from_the_twenty_eighth_day_on(later: int, best: str) -> None:
    assert confirmed({42: "PR", later: "PR"}).response == best


@pytest.mark.parametrize(("exam", "best"), [(41, "NE"), (42, "SD")])
def test_stable_disease_counts_from_the_last_day_of_the_minimum_on(exam: int, best: str) -> None:
    assert unconfirmed({exam: "SD"}).response == best
    assert confirmed({exam: "SD"}).response == best


def test_an_exam_too_early_to_confirm_does_not_break_a_response_off() -> None:
    assert confirmed({42: "CR", 56: "CR", 70: "CR"}).response is Response.CR


def test_exams_that_are_not_evaluable_in_between_are_counted() -> None:
    one_allowed = {42: "PR", 63: "NE", 84: "PR"}
    two = {42: "PR", 63: "NE", 70: "NE", 84: "PR"}
    none_allowed = ResponseRules(timedelta(weeks=6), not_evaluable_between=0)

    assert confirmed(one_allowed).response is Response.PR
    assert confirmed(two).response is Response.SD
    assert confirmed(one_allowed, none_allowed).response is Response.SD


def test_stable_disease_in_between_breaks_a_response_off() -> None:
    assert confirmed({42: "PR", 84: "SD", 126: "PR"}).response is Response.SD
    assert confirmed({42: "PR", 84: "SD", 126: "PR", 168: "PR"}).on == day(126)


def test_a_complete_response_that_is_not_confirmed_confirms_the_partial_one_before_it() -> None:
    best = confirmed({42: "PR", 84: "CR"})

    assert best == BestResponse(Response.PR, day(42), "PR on 2025-02-12, CR on 2025-03-26")


def test_what_comes_after_progression_does_not_count() -> None:
    assert unconfirmed({42: "PD", 84: "CR", 126: "CR"}).response is Response.PD
    assert confirmed({42: "PD", 84: "CR", 126: "CR"}) == BestResponse(
        Response.PD, day(42), "progression on 2025-02-12"
    )


def test_without_confirmation_the_best_exam_counts_however_brief() -> None:
    assert unconfirmed({14: "PR", 42: "CR", 63: "PD"}) == BestResponse(
        Response.CR, day(42), "CR on 2025-02-12"
    )


def test_who_has_no_target_lesion_has_no_stable_disease() -> None:
    assert confirmed({42: "NON-CR/NON-PD"}).response is Response.NON_CR_NON_PD
    assert unconfirmed({42: "NON-CR/NON-PD"}).response is Response.NON_CR_NON_PD
    assert unconfirmed({21: "NON-CR/NON-PD"}).response is Response.NE
    assert unconfirmed({21: "NON-CR/NON-PD", 42: "PD"}).response is Response.PD


def test_without_exam_nothing_is_known() -> None:
    assert unconfirmed({}) == BestResponse(Response.NE, None, "no exam after baseline")


def test_a_day_known_to_the_month_confirms_only_where_every_day_of_it_would() -> None:
    """By hand: from 11 January 28 days end on 8 February; 1 March is later, 1 February is not."""
    first = TimepointResponse(DateInterval.on(date(2025, 1, 11)), Response.PR)

    def best(month: str) -> Response:
        later = TimepointResponse(DateInterval.parse(month), Response.PR)
        return confirmed_best_response([first, later], since=START, rules=RULES).response

    assert best("2025-03") is Response.PR
    # Nor was it surely stable for 42 days: 1 February is day 31.
    assert best("2025-02") is Response.NE


def test_a_response_known_to_the_month_is_confirmed_from_the_last_day_of_it() -> None:
    """By hand: 28 days after 28 February is 28 March."""
    first = TimepointResponse(DateInterval.parse("2025-02"), Response.PR)

    def best(day_of_march: int) -> Response:
        later = TimepointResponse(DateInterval.on(date(2025, 3, day_of_march)), Response.PR)
        return confirmed_best_response([first, later], since=START, rules=RULES).response

    assert (best(27), best(28)) == (Response.SD, Response.PR)
