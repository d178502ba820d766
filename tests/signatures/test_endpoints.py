"""Endpoints by their rules: what is an event, in which interval, and who is left out."""

from datetime import date, timedelta

import numpy as np
import pytest

from operandi.domain.date_interval import DateInterval
from operandi.domain.identity import Pseudonym
from operandi.protocol.recist import Response, TimepointResponse
from operandi.protocol.recist_best import ResponseRules
from operandi.quantities.errors import DataError
from operandi.signatures.endpoint_values import Ending, Exclusion, TimeEndpoint
from operandi.signatures.endpoints import (
    ProgressionRule,
    early_non_response,
    objective_response,
    overall_survival_endpoint,
    progression_free,
    time_to_new_therapy,
)
from operandi.signatures.followed import Followed
from operandi.signatures.survival.conditions import OutcomeCondition

START = date(2025, 1, 1)
RULE = ProgressionRule(longest_gap_days=200.0)
RESPONSE_RULES = ResponseRules(stable_at_least=timedelta(weeks=12))
PR, SD, PD, NE = Response.PR, Response.SD, Response.PD, Response.NE


def day(after_start: int) -> DateInterval:
    return DateInterval.on(START + timedelta(days=after_start))


def someone(
    exams: dict[int, Response] | None = None,
    *,
    name: str = "P-1",
    death: int | DateInterval | None = None,
    therapy: int | None = None,
    alive: int | None = None,
    untreated: int | None = None,
    **other: object,
) -> Followed:
    """Treated on day 0 after a baseline; exams, death and other therapy by day."""
    facts = {
        "participant": Pseudonym(name),
        "start": START,
        "baseline": day(-14),
        "responses": tuple(
            TimepointResponse(day(on), response) for on, response in (exams or {}).items()
        ),
        "death": day(death) if isinstance(death, int) else death,
        "other_therapy": None if therapy is None else day(therapy),
        "alive_on": None if alive is None else day(alive).earliest,
        "untreated_on": None if untreated is None else day(untreated).earliest,
    } | other
    return Followed(**facts)  # type: ignore[arg-type]


def only(endpoint: TimeEndpoint) -> tuple[float, float, Ending]:
    assert len(endpoint.participants) == 1
    return float(endpoint.outcome.left[0]), float(endpoint.outcome.right[0]), endpoint.endings[0]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (someone({84: SD, 168: PD}), (84.0, 168.0, Ending.PROGRESSION)),
        (someone({84: PD}), (0.0, 84.0, Ending.PROGRESSION)),
        # A scan that cannot be read is no scan: the interval widens over it.
        (someone({84: SD, 168: NE, 252: PD}), (84.0, 252.0, Ending.PROGRESSION)),
        (someone({84: SD, 400: PD}), (84.0, 400.0, Ending.PROGRESSION_AFTER_GAP)),
        (someone({84: SD, 168: PR}), (168.0, np.inf, Ending.EVENT_FREE)),
        (someone({84: SD}, death=150), (150.0, 150.0, Ending.DEATH)),
        (someone({}, death=50), (50.0, 50.0, Ending.DEATH)),
        # After a long gap progression may have come before: death only bounds it.
        (someone({84: SD}, death=400), (84.0, 400.0, Ending.DEATH_AFTER_GAP)),
        (someone({84: SD, 168: PD}, death=190), (84.0, 168.0, Ending.PROGRESSION)),
        (someone({84: SD, 168: SD, 252: PD}, therapy=200), (168.0, np.inf, Ending.NEW_THERAPY)),
        # On the day of the therapy the scan came first: it is why the therapy was begun.
        (someone({84: SD, 168: PD}, therapy=168), (84.0, 168.0, Ending.PROGRESSION)),
        (someone({84: SD}, therapy=100, death=150), (84.0, np.inf, Ending.NEW_THERAPY)),
    ],
)
def test_progression_lies_after_the_last_clear_scan_up_to_the_first_that_shows_it(
    one: Followed, expected: tuple[float, float, Ending]
) -> None:
    assert only(progression_free([one], rule=RULE)) == expected


@pytest.mark.parametrize(
    ("one", "ending"),
    [
        (someone({84: SD, 400: PD}), Ending.PROGRESSION_AFTER_GAP),
        (someone({84: SD}, death=400), Ending.DEATH_AFTER_GAP),
    ],
)
def test_a_plan_may_censor_events_after_missed_scans(one: Followed, ending: Ending) -> None:
    rule = ProgressionRule(longest_gap_days=200.0, after_gap="censor")
    endpoint = progression_free([one], rule=rule)
    assert only(endpoint) == (84.0, np.inf, ending)
    assert "censored at the last clear scan" in endpoint.rule


def test_a_death_of_which_only_the_month_is_known_lies_in_that_month() -> None:
    month = DateInterval(date(2025, 5, 1), date(2025, 5, 31))
    found = only(progression_free([someone({84: SD}, death=month)], rule=RULE))
    assert found == (119.0, 150.0, Ending.DEATH)
    # A clear scan within the month narrows it.
    assert only(progression_free([someone({130: SD}, death=month)], rule=RULE))[0] == 130.0
    assert only(overall_survival_endpoint([someone(death=month)])) == (119.0, 150.0, Ending.DEATH)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (someone(start=None, baseline=None), Exclusion.NOT_TREATED),
        (someone({84: SD}, baseline=None), Exclusion.NO_BASELINE),
        (someone({}), Exclusion.NO_ASSESSMENT),
        (someone({84: NE}), Exclusion.NO_ASSESSMENT),
        (someone({84: PD}, therapy=50), Exclusion.NEW_THERAPY),
        (someone({84: SD}, death=-3), Exclusion.BEFORE_BASELINE),
        (someone({84: SD}, death=0), Exclusion.BEFORE_BASELINE),
        (someone({84: SD}, therapy=200, death=150), Exclusion.CONTRADICTION),
        (someone(contradiction="dead and alive"), Exclusion.CONTRADICTION),
        (someone(unread="line 3"), Exclusion.UNREAD_ROWS),
    ],
)
def test_who_has_no_value_is_counted_with_a_reason(one: Followed, reason: Exclusion) -> None:
    fine = someone({84: SD, 168: PD}, name="P-2")
    endpoint = progression_free([one, fine], rule=RULE)
    assert endpoint.participants == ("P-2",)
    assert endpoint.counted_exclusions == {reason: 1}
    assert endpoint.excluded[0].detail
    assert endpoint.conditions == (
        OutcomeCondition.FEW_EVENTS,
        OutcomeCondition.NOBODY_CENSORED,
    )


def test_survival_ends_with_death_or_the_last_day_known_alive() -> None:
    assert only(overall_survival_endpoint([someone(death=400, alive=300)])) == (
        400.0,
        400.0,
        Ending.DEATH,
    )
    assert only(overall_survival_endpoint([someone(alive=300)])) == (
        300.0,
        np.inf,
        Ending.EVENT_FREE,
    )
    with pytest.raises(DataError, match="has a value of nobody"):
        overall_survival_endpoint([someone(alive=0)])


def test_death_before_the_next_therapy_censors_it_and_competes() -> None:
    people = [
        someone(name="P-1", therapy=200, death=500),
        someone(name="P-2", death=300),
        someone(name="P-3", untreated=400),
    ]
    endpoint = time_to_new_therapy(people)
    assert endpoint.outcome.events == 1
    assert endpoint.endings == (Ending.NEW_THERAPY, Ending.DEATH, Ending.EVENT_FREE)
    outcome = endpoint.competing(
        {"therapy": {Ending.NEW_THERAPY}, "death": {Ending.DEATH, Ending.DEATH_AFTER_GAP}}
    )
    np.testing.assert_array_equal(outcome.cause, [1, 2, 0])
    np.testing.assert_array_equal(outcome.time, [200.0, 300.0, 400.0])
    np.testing.assert_array_equal(outcome.specific_to("death").event, [False, True, False])


def test_the_right_end_is_the_time_of_metrics_for_right_censoring() -> None:
    people = [someone({84: SD, 168: PD}), someone({84: SD}, name="P-2")]
    found = progression_free(people, rule=RULE).right_censored()
    np.testing.assert_array_equal(found.time, [168.0, 84.0])
    np.testing.assert_array_equal(found.event, [True, False])


def test_response_has_its_denominators() -> None:
    people = [
        someone({84: PR, 168: PR}),
        someone({84: PR, 168: PD}, name="P-2"),
        someone({84: SD, 168: SD}, name="P-3"),
        someone({84: NE}, name="P-4"),
        someone({84: SD, 168: PR}, name="P-5", therapy=100),
        someone(name="P-6", start=None, baseline=None),
    ]
    best = objective_response(people, rules=RESPONSE_RULES, confirmed=False)
    sure = objective_response(people, rules=RESPONSE_RULES, confirmed=True)
    assert (best.treated, best.evaluable, best.positive, sure.positive) == (5, 4, 2, 1)
    np.testing.assert_array_equal(best.value, [True, True, False, False])
    assert best.counted_exclusions == {Exclusion.NO_ASSESSMENT: 1, Exclusion.NOT_TREATED: 1}
    assert "not confirmed" in best.rule


def test_early_progression_or_death_is_non_response_and_the_last_early_exam_decides() -> None:
    people = [
        someone({50: PD}),
        someone({}, name="P-2", death=100),
        someone({84: SD}, name="P-3"),
        someone({84: SD, 110: PR, 200: PD}, name="P-4"),
        someone({30: SD}, name="P-5"),
        someone({}, name="P-6", therapy=90),
    ]
    strict = early_non_response(people, from_day=60.0, until_day=130.0)
    np.testing.assert_array_equal(strict.value, [True, True, False, False])
    broad = early_non_response(people, from_day=60.0, until_day=130.0, counts=frozenset({PD, SD}))
    np.testing.assert_array_equal(broad.value, [True, True, True, False])
    assert strict.counted_exclusions == {Exclusion.NO_ASSESSMENT: 1, Exclusion.NEW_THERAPY: 1}
    assert strict.treated == 6


def test_refuses_rules_that_are_none() -> None:
    with pytest.raises(DataError, match="days > 0"):
        ProgressionRule(longest_gap_days=0.0)
    with pytest.raises(DataError, match="0 < from <= until"):
        early_non_response([someone({})], from_day=130.0, until_day=60.0)
