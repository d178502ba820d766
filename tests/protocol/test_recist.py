"""Responses at an exam: tables 1 and 2 of Eisenhauer 2009, and cases written out by hand."""

from datetime import timedelta

import pytest

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import (
    Response,
    TimepointResponse,
    assess,
    new_lesions,
    overall_response,
    until_progression,
)
from operandi.protocol.recist_reads import LesionRead, Reading, Role, Seen
from operandi.quantities.errors import DataError
from tests.protocol.recist_builders import (
    START,
    a_read,
    a_reading,
    assessed,
    course_of,
    day,
    non_target,
    overall,
    target,
)

CR, PR, SD, PD, NE = Response.CR, Response.PR, Response.SD, Response.PD, Response.NE
NON = Response.NON_CR_NON_PD
Cell = tuple[Response | None, Response | None, Response, Response]

# Every cell: target, non-target, overall without and with a new lesion.  Rows 1-3 of table 1 are
# its rows 1-3; "non-PD or not all evaluated" is written out as CR, NON-CR/NON-PD and NE.  The
# column "no such lesion" reads as complete: nothing of that sort is left.
WITH_TARGETS: list[Cell] = [
    (CR, CR, CR, PD),
    (CR, NON, PR, PD),
    (CR, NE, PR, PD),
    (CR, PD, PD, PD),
    (CR, None, CR, PD),
    (PR, CR, PR, PD),
    (PR, NON, PR, PD),
    (PR, NE, PR, PD),
    (PR, PD, PD, PD),
    (PR, None, PR, PD),
    (SD, CR, SD, PD),
    (SD, NON, SD, PD),
    (SD, NE, SD, PD),
    (SD, PD, PD, PD),
    (SD, None, SD, PD),
    (NE, CR, NE, PD),
    (NE, NON, NE, PD),
    (NE, NE, NE, PD),
    (NE, PD, PD, PD),
    (NE, None, NE, PD),
    (PD, CR, PD, PD),
    (PD, NON, PD, PD),
    (PD, NE, PD, PD),
    (PD, PD, PD, PD),
    (PD, None, PD, PD),
]
# Table 2.
NON_TARGETS_ONLY: list[Cell] = [
    (None, CR, CR, PD),
    (None, NON, NON, PD),
    (None, NE, NE, PD),
    (None, PD, PD, PD),
]


@pytest.mark.parametrize(
    ("of_targets", "of_non_targets", "without_new", "with_new"), WITH_TARGETS + NON_TARGETS_ONLY
)
def test_overall_response_is_that_of_the_guideline(
    of_targets: Response | None,
    of_non_targets: Response | None,
    without_new: Response,
    with_new: Response,
) -> None:
    assert overall_response(of_targets, of_non_targets, new_lesion=False) is without_new
    assert overall_response(of_targets, of_non_targets, new_lesion=True) is with_new


def test_the_tables_have_no_hole() -> None:
    cells = {(one, two) for one, two, _, _ in WITH_TARGETS + NON_TARGETS_ONLY}

    targets, others = (CR, PR, SD, NE, PD, None), (CR, NON, NE, PD, None)
    assert cells == {(one, two) for one in targets for two in others} - {(None, None)}


def test_refuses_a_response_of_no_lesion_at_all() -> None:
    with pytest.raises(ValueError, match="needs target or non-target lesions"):
        overall_response(None, None, new_lesion=False)


@pytest.mark.parametrize(
    ("sizes", "last"),
    [
        # Exactly -30 % of baseline is partial response; one step less is not.
        (["60", "42"], PR),
        (["60", "42.01"], SD),
        # 0.1 * 3 is not 0.3 in binary: 0.7 of 1.1 cm is exactly 7.7 mm.
        (["11", "7.7"], PR),
        # Exactly +20 % and more than 5 mm; exactly 5 mm and +20 %.
        (["60", "72"], PD),
        (["60", "71.99"], SD),
        (["25", "30"], PD),
        # 5 mm without 20 %, and 20 % without 5 mm.
        (["26", "31"], SD),
        (["24", "28.9"], SD),
        # From the nadir, not from baseline; both at once: progression is before response.
        (["100", "50", "60"], PD),
        (["100", "50", "59.9"], PR),
        (["100", "71", "80"], SD),
    ],
)
def test_response_begins_and_progression_begins_exactly_at_their_bounds(
    sizes: list[str], last: Response
) -> None:
    seen = {30 * index: {"T1": size} for index, size in enumerate(sizes)}

    assert assessed([target("T1")], seen).timepoints[-1].overall is last


def test_complete_response_needs_every_node_below_ten_millimeters_not_a_sum_of_zero() -> None:
    lesions = [target("T1"), target("N1", "hilum", node=True)]
    at_ten = {0: {"T1": "30", "N1": "20"}, 56: {"T1": Seen.ABSENT, "N1": "10"}}
    below = {0: {"T1": "30", "N1": "20"}, 56: {"T1": Seen.ABSENT, "N1": "9.9"}}

    assert overall(assessed(lesions, at_ten)) == ["PR"]
    complete = assessed(lesions, below).timepoints[0]
    assert complete.overall is CR
    assert complete.sum is not None
    assert str(complete.sum.sum_mm) == "9.9"


def test_nodes_that_grow_and_stay_normal_are_complete_response_still() -> None:
    """By hand: 4 to 9.5 mm is +5.5 mm and +137 %, but no node is pathological."""
    lesions = [target("N1", "hilum", node=True)]
    seen = {0: {"N1": "20"}, 56: {"N1": "4"}, 112: {"N1": "9.5"}}

    assert overall(assessed(lesions, seen)) == ["CR", "CR"]


def test_a_lesion_too_small_to_measure_is_there() -> None:
    seen: dict[int, dict[str, str | Seen]] = {0: {"T1": "30"}, 56: {"T1": Seen.TOO_SMALL}}

    assert overall(assessed([target("T1")], seen)) == ["PR"]
    assert overall(
        assessed([target("N1", "hilum", node=True)], {0: {"N1": "20"}, 56: {"N1": Seen.TOO_SMALL}})
    ) == ["CR"]


def test_an_incomplete_sum_is_not_evaluable_unless_progression_is_already_certain() -> None:
    """By hand: nadir 60; 72 mm of one lesion alone is +12 mm, +20 %, whatever the other has."""
    lesions = [target("T1"), target("T2", "lung")]
    start = {"T1": "30", "T2": "30"}

    certain = assessed(lesions, {0: start, 56: {"T1": "72", "T2": Seen.NOT_EVALUABLE}})
    not_yet = assessed(lesions, {0: start, 56: {"T1": "71", "T2": Seen.NOT_EVALUABLE}})
    unmeasured = assessed(lesions, {0: start, 56: {"T1": Seen.ABSENT, "T2": Seen.PRESENT}})

    assert (overall(certain), overall(not_yet), overall(unmeasured)) == (["PD"], ["NE"], ["NE"])
    assert certain.timepoints[0].why == "at least 72 mm, without T2"


def test_an_incomplete_baseline_makes_targets_not_evaluable() -> None:
    lesions = [target("T1"), target("T2", "lung")]
    result = assessed(lesions, {0: {"T1": "30"}, 56: {"T1": "10", "T2": "10"}})

    assert overall(result) == ["NE"]
    assert result.timepoints[0].why == "sum at baseline incomplete"
    lost = assessed(lesions, {0: {"T1": "30"}, 56: {"T1": Seen.ABSENT, "T2": Seen.ABSENT}})
    assert overall(lost) == ["NE"]


def test_targets_that_were_never_there_do_not_respond() -> None:
    absent: dict[str, str | Seen] = {"T1": Seen.ABSENT}

    assert overall(assessed([target("T1")], {0: absent, 56: absent})) == ["NE"]


@pytest.mark.parametrize(
    ("first", "second", "response"),
    [
        (Seen.ABSENT, Seen.ABSENT, CR),
        (Seen.ABSENT, Seen.PRESENT, NON),
        (Seen.ABSENT, Seen.TOO_SMALL, NON),
        (Seen.ABSENT, Seen.NOT_EVALUABLE, NE),
        (Seen.PRESENT, Seen.NOT_EVALUABLE, NE),
        (Seen.NOT_EVALUABLE, Seen.UNEQUIVOCAL_PROGRESSION, PD),
        (Seen.ABSENT, Seen.UNEQUIVOCAL_PROGRESSION, PD),
    ],
)
def test_a_patient_with_non_target_disease_only(
    first: Seen, second: Seen, response: Response
) -> None:
    lesions = [non_target("B1"), non_target("B2", "peritoneum")]
    present: dict[str, str | Seen] = {"B1": Seen.PRESENT, "B2": Seen.PRESENT}

    result = assessed(lesions, {0: present, 56: {"B1": first, "B2": second}})

    (one,) = result.timepoints
    assert (one.target, one.non_target, one.overall) == (None, response, response)


@pytest.mark.parametrize(("size", "response"), [("9.9", CR), ("10", NON)])
def test_a_non_target_node_is_gone_below_ten_millimeters(size: str, response: Response) -> None:
    result = assessed([non_target("N1", "hilum", node=True)], {0: {"N1": "12"}, 56: {"N1": size}})

    assert result.timepoints[0].non_target is response


def test_a_non_target_node_that_is_only_called_present_is_pathological() -> None:
    lesions = [non_target("N1", "hilum", node=True)]

    assert overall(assessed(lesions, {0: {"N1": "12"}, 56: {"N1": Seen.PRESENT}})) == [NON]


def test_a_non_target_lesion_that_was_not_read_is_not_evaluable() -> None:
    lesions = [target("T1"), non_target("B1")]
    result = assessed(lesions, {0: {"T1": "30", "B1": Seen.PRESENT}, 56: {"T1": Seen.ABSENT}})

    assert (result.timepoints[0].non_target, result.timepoints[0].overall) == (NE, PR)


def test_a_new_lesion_is_progression_from_then_on() -> None:
    seen: dict[int, dict[str, str | Seen]] = {
        0: {"T1": "30"},
        56: {"T1": "10"},
        112: {"T1": "10", "L9": Seen.NEW},
        168: {"T1": "10", "L9": "12"},
    }

    result = assessed([target("T1")], seen)

    assert overall(result) == ["PR", "PD", "PD"]
    assert [one.new for one in result.timepoints] == [(), ("L9",), ("L9",)]
    assert result.timepoints[1].why.startswith("new: L9; sum 10 mm: -66.67 % from baseline 30 mm")


def test_an_equivocal_lesion_does_not_count_until_it_is_confirmed() -> None:
    seen: dict[int, dict[str, str | Seen]] = {
        0: {"T1": "30"},
        56: {"T1": "30", "L9": Seen.NEW_EQUIVOCAL},
        112: {"T1": "30", "L9": Seen.NEW_EQUIVOCAL},
    }

    result = assessed([target("T1")], seen)

    assert overall(result) == ["SD", "SD"]
    assert result.timepoints[0].equivocal == ("L9",)
    assert "perhaps new, to be confirmed: L9" in result.timepoints[0].why


def test_a_confirmed_lesion_dates_progression_back_to_where_it_was_first_seen() -> None:
    seen: dict[int, dict[str, str | Seen]] = {
        0: {"T1": "30"},
        56: {"T1": "30", "L9": Seen.NEW_EQUIVOCAL},
        112: {"T1": "30", "L9": Seen.NOT_EVALUABLE},
        168: {"T1": "30", "L9": Seen.NEW},
    }

    assert overall(assessed([target("T1")], seen)) == ["PD", "PD", "PD"]
    assert new_lesions(a_reading([target("T1")], seen)) == {"L9": day(56)}


def test_an_equivocal_lesion_that_was_lost_in_between_dates_from_its_return() -> None:
    seen: dict[int, dict[str, str | Seen]] = {
        0: {"T1": "30"},
        56: {"T1": "30", "L9": Seen.NEW_EQUIVOCAL},
        112: {"T1": "30", "L9": Seen.ABSENT},
        168: {"T1": "30", "L9": Seen.NEW},
    }

    assert overall(assessed([target("T1")], seen)) == ["SD", "SD", "PD"]


def test_any_disease_after_complete_response_is_progression() -> None:
    """Table 3, footnote a: 6 mm is -80 % of baseline and still progression."""
    lesions = [target("T1"), non_target("B1")]
    seen: dict[int, dict[str, str | Seen]] = {
        0: {"T1": "30", "B1": Seen.PRESENT},
        56: {"T1": Seen.ABSENT, "B1": Seen.ABSENT},
        112: {"T1": Seen.TOO_SMALL, "B1": Seen.ABSENT},
    }

    result = assessed(lesions, seen)

    assert overall(result) == ["CR", "PD"]
    assert result.timepoints[1].why.startswith("disease after complete response: T1")


def test_a_lesion_that_comes_back_without_complete_response_before_is_not_progression() -> None:
    """EORTC, questions on RECIST 1.1: progression only if complete response was assigned."""
    lesions = [target("T1"), target("T2", "lung")]
    seen: dict[int, dict[str, str | Seen]] = {
        0: {"T1": "50", "T2": "20"},
        56: {"T1": "25", "T2": Seen.ABSENT},
        112: {"T1": "21", "T2": Seen.TOO_SMALL},
    }

    assert overall(assessed(lesions, seen)) == ["PR", "PR"]


def test_a_node_after_complete_response_is_disease_from_ten_millimeters() -> None:
    lesions = [target("T1"), target("N1", "hilum", node=True)]

    def after(size: str) -> list[str]:
        return overall(
            assessed(
                lesions,
                {
                    0: {"T1": "30", "N1": "20"},
                    56: {"T1": Seen.ABSENT, "N1": "8"},
                    112: {"T1": Seen.ABSENT, "N1": size},
                },
            )
        )

    assert (after("9.9"), after("10")) == (["CR", "CR"], ["CR", "PD"])


def test_a_non_target_node_after_complete_response_is_disease_where_it_is_pathological() -> None:
    lesions = [target("T1"), non_target("N1", "hilum", node=True)]

    def after(what: str | Seen) -> list[str]:
        gone: dict[str, str | Seen] = {"T1": Seen.ABSENT, "N1": "8"}
        seen: dict[int, dict[str, str | Seen]] = {
            0: {"T1": "30", "N1": "12"},
            56: gone,
            112: {"T1": Seen.ABSENT, "N1": what},
        }
        return overall(assessed(lesions, seen))

    assert (after("9.9"), after("10")) == (["CR", "CR"], ["CR", "PD"])
    assert after(Seen.PRESENT) == ["CR", "PD"]


def test_baseline_is_the_last_exam_on_or_before_the_start_of_treatment() -> None:
    lesions = [target("T1")]
    seen: dict[int, dict[str, str | Seen]] = {-60: {"T1": "20"}, 0: {"T1": "40"}, 56: {"T1": "30"}}

    result = assessed(lesions, seen)

    assert (result.baseline, overall(result)) == (day(0), ["SD"])


def test_without_baseline_every_exam_is_not_evaluable() -> None:
    result = assessed([target("T1")], {1: {"T1": "20"}, 56: {"T1": "60"}})

    assert (result.baseline, overall(result)) == (None, ["NE", "NE"])


def test_refuses_an_exam_that_may_lie_before_or_after_the_start() -> None:
    january = LesionRead("T1", DateInterval.parse("2025-01"), Seen.ABSENT)
    reading = Reading("P-001", "A", Role.INVESTIGATOR, (target("T1"),), (january,))

    with pytest.raises(DataError, match="the exam of 2025-01 lies before the start"):
        assess(reading, treatment_start=START + timedelta(days=9))


def test_refuses_a_lesion_that_is_new_at_baseline() -> None:
    with pytest.raises(DataError, match=r"not L9 on 2025-01-01.*List it in recist_lesions"):
        assessed([target("T1")], {0: {"T1": "20", "L9": Seen.NEW}})


def test_a_course_ends_with_its_first_progression_in_whatever_order_it_is_given() -> None:
    course = course_of({112: "PD", 168: "SD", 56: "SD"})

    assert [one.on for one in until_progression(course)] == [day(56), day(112)]


def test_what_a_reader_calls_partial_response_after_complete_response_is_progression() -> None:
    kept = until_progression(course_of({56: "CR", 84: "NE", 112: "PR", 168: "CR"}))

    assert [one.overall for one in kept] == [CR, NE, PD]
    assert kept[-1].why == "PR after complete response"


def test_refuses_a_course_of_which_the_order_cannot_be_told() -> None:
    course = [*course_of({14: "SD"}), TimepointResponse(DateInterval.parse("2025-01"), PD)]

    with pytest.raises(DataError, match="2025-01 and 2025-01-15 came first cannot be told"):
        until_progression(course)


def test_reads_of_another_day_are_not_mixed_in() -> None:
    reads = (a_read("T1", 0, "30"), a_read("T2", 1, "30"))
    reading = Reading("P-001", "A", Role.INVESTIGATOR, (target("T1"), target("T2")), reads)

    assert set(reading.at(day(0))) == {"T1"}
