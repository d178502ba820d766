"""Best and confirmed response of simulated SDTM data, as admiralonco's ADRS template has it."""

from datetime import date, timedelta

import pytest

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Assessed, Response, TimepointResponse, until_progression
from operandi.protocol.recist_adjudication import adjudicate
from operandi.protocol.recist_best import (
    BestResponse,
    ResponseRules,
    best_response,
    confirmed_best_response,
)
from operandi.protocol.recist_pfs import Cause, Course, progression_free_survival
from operandi.protocol.recist_reads import Role
from tests.known_answers.recist.pharmaverse import ROLES, responses, rows, start_of
from tests.shared_data import needs_shared_data

pytestmark = [pytest.mark.real_data, needs_shared_data]

SUBJECTS = [f"01-701-{number}" for number in (1015, 1028, 1097, 1115, 1130, 1133)]
RULES = ResponseRules(stable_at_least=timedelta(days=42), confirmed_after=timedelta(days=28))
RESPONDED = {Response.CR, Response.PR}


def expected(subject: str, parameter: str) -> list[tuple[str, date | None]]:
    """Words and days of a parameter."""
    return [
        (row["AVALC"], date.fromisoformat(row["ADT"]) if row["ADT"] else None)
        for row in rows("expected_adrs.csv")
        if (row["USUBJID"], row["PARAMCD"]) == (subject, parameter)
    ]


def said(word: str, on: DateInterval | None) -> list[tuple[str, date | None]]:
    """As the template says it: of a month its last day, and no day where the answer is no."""
    return [(word, on.latest if on and word != "N" else None)]


def yes(on: DateInterval | None) -> list[tuple[str, date | None]]:
    return said("Y" if on else "N", on)


def best(subject: str) -> BestResponse:
    return best_response(responses(subject), since=start_of(subject), rules=RULES)


def confirmed(subject: str) -> BestResponse:
    return confirmed_best_response(responses(subject), since=start_of(subject), rules=RULES)


def benefit(result: BestResponse) -> DateInterval | None:
    """Where the best response, or the stable disease that stands for it, was first seen."""
    return None if result.response in {Response.PD, Response.NE} else result.on


def first(subject: str, wanted: set[Response]) -> TimepointResponse | None:
    """The first exam of such a response up to progression."""
    seen = until_progression(responses(subject))
    return next((one for one in seen if one.overall in wanted), None)


def test_the_expected_responses_are_of_six_subjects_and_nine_parameters() -> None:
    table = rows("expected_adrs.csv")

    assert sorted({row["USUBJID"] for row in table}) == SUBJECTS
    assert {row["PARAMCD"] for row in table} == {
        *("OVR", "BOR", "CBOR", "RSP", "CRSP", "PD", "CB", "CCB", "DEATH")
    }
    # Nobody died: the rows say "N" of everyone, and no table holds a death.
    assert {row["AVALC"] for row in table if row["PARAMCD"] == "DEATH"} == {"N"}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_overall_responses_are_those_of_the_investigator(subject: str) -> None:
    ours = [(str(one.overall), one.on.latest) for one in responses(subject)]

    assert ours == expected(subject, "OVR")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_best_response_and_its_day_are_as_expected(subject: str) -> None:
    result = best(subject)

    assert said(str(result.response), result.on) == expected(subject, "BOR")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_confirmed_best_response_and_its_day_are_as_expected(subject: str) -> None:
    result = confirmed(subject)

    assert said(str(result.response), result.on) == expected(subject, "CBOR")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_response_and_progression_are_as_expected(subject: str) -> None:
    responded, progressed = first(subject, RESPONDED), first(subject, {Response.PD})

    assert yes(responded.on if responded else None) == expected(subject, "RSP")
    assert yes(progressed.on if progressed else None) == expected(subject, "PD")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_clinical_benefit_dates_from_the_first_response_else_from_stable_disease(
    subject: str,
) -> None:
    responded = first(subject, RESPONDED)
    result = confirmed(subject)

    assert yes(responded.on if responded else benefit(best(subject))) == expected(subject, "CB")
    assert yes(benefit(result)) == expected(subject, "CCB")
    assert yes(result.on if result.response in RESPONDED else None) == expected(subject, "CRSP")


def test_why_nobody_has_a_confirmed_response() -> None:
    """Exams are 21 days apart where a response was followed by another."""
    assert confirmed("01-701-1115").reason == (
        "PR on 2013-01-11 not confirmed 28 days later or more; no progression 42 days after "
        "2012-11-30, at least 42 asked for"
    )
    assert confirmed("01-701-1133").reason.startswith("PR on 2012-11-18 not confirmed 28 days")
    assert confirmed("01-701-1097").reason == (
        "stable less than 42 days after 2014-01-01; nothing more is known after 2014-01-22"
    )


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_event_is_the_expected_progression_else_the_last_adequate_exam_censors(
    subject: str,
) -> None:
    course = Course(
        start=start_of(subject),
        baseline=DateInterval.on(start_of(subject)),
        timepoints=tuple(responses(subject)),
        planned=(),
    )

    result = progression_free_survival(course)

    ((progressed, on),) = expected(subject, "PD")
    last = [day for word, day in expected(subject, "OVR") if word != "NE"][-1]
    assert result.event is (progressed == "Y")
    assert result.on.latest == (on or last)
    assert result.cause is (Cause.PROGRESSION if on else Cause.PROGRESSION_FREE)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_accepted_radiologist_decides_where_the_two_differ(subject: str) -> None:
    accepted = responses(subject, accepted=True)
    readers = {role: responses(subject, reader) for reader, role in ROLES.items() if reader}
    readers[Role.ADJUDICATOR] = accepted

    consensus = adjudicate(
        Assessed(subject, str(role), role, None, tuple(course)) for role, course in readers.items()
    )

    assert list(consensus.timepoints) == accepted


def test_the_radiologists_differ_at_three_of_sixteen_exams() -> None:
    differ = []
    exams = 0
    for subject in SUBJECTS:
        consensus = adjudicate(
            Assessed(subject, reader, ROLES[reader], None, tuple(responses(subject, reader)))
            for reader in ("RADIOLOGIST 1", "RADIOLOGIST 2")
        )
        exams += len(consensus.decisions)
        differ += [
            (subject, str(one.on), one.reader_1, one.reader_2) for one in consensus.discordant
        ]

    assert exams == 16
    assert differ == [
        ("01-701-1028", "2013-08-30", "NE", "PD"),
        ("01-701-1133", "2012-11-18", "SD", "PR"),
        ("01-701-1133", "2012-12-30", "PD", "PR"),
    ]
