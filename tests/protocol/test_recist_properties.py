"""What holds of every course of disease."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from operandi.protocol.recist import Response, TimepointResponse, assess, until_progression
from operandi.protocol.recist_best import ResponseRules, best_response, confirmed_best_response
from operandi.protocol.recist_reads import Category, LesionRead, Reading, RecistLesion, Role, Seen
from operandi.protocol.recist_sums import sums_of_diameters
from tests.protocol.recist_builders import START, a_read, course_of, day, non_target, target

LESIONS = (
    target("T1"),
    target("T2", "lung"),
    target("N1", "hilum", node=True),
    non_target("B1"),
    non_target("N2", "aorta", node=True),
)
EVERY = 42

# Sizes with a digit behind the point, often the same, so that bounds are met.
sizes = st.integers(min_value=1, max_value=400).map(lambda tenths: str(Decimal(tenths) / 10))
of_targets = sizes | st.sampled_from([Seen.TOO_SMALL, Seen.ABSENT, Seen.NOT_EVALUABLE])
of_others = st.sampled_from(
    [Seen.PRESENT, Seen.ABSENT, Seen.NOT_EVALUABLE, Seen.UNEQUIVOCAL_PROGRESSION]
)
of_new = st.sampled_from([Seen.ABSENT, Seen.NEW_EQUIVOCAL, Seen.NEW])


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """Baseline in full, then up to five exams of which anything may be missing."""
    reads = [a_read("T1", 0, "20"), a_read("T2", 0, "30"), a_read("N1", 0, "16")]
    reads += [a_read("B1", 0, Seen.PRESENT), a_read("N2", 0, "12")]
    for exam in range(1, 1 + draw(st.integers(min_value=1, max_value=5))):
        reads += [
            a_read(lesion.name, EVERY * exam, what)
            for lesion in LESIONS
            if (
                what := draw(
                    st.none() | (of_targets if lesion.category is Category.TARGET else of_others)
                )
            )
        ]
        if what := draw(st.none() | of_new):
            reads.append(a_read("X1", EVERY * exam, what))
    return Reading("P-001", "A", Role.INVESTIGATOR, LESIONS, tuple(reads))


def responses(reading: Reading) -> tuple[TimepointResponse, ...]:
    return assess(reading, treatment_start=START).timepoints


def with_reads(reading: Reading, *more: LesionRead) -> Reading:
    return replace(reading, reads=(*reading.reads, *more))


@given(readings(), st.randoms(use_true_random=False))
def test_the_order_of_lesions_and_reads_never_matters(reading: Reading, chance: object) -> None:
    lesions, reads = list(reading.lesions), list(reading.reads)
    chance.shuffle(lesions)  # type: ignore[attr-defined]
    chance.shuffle(reads)  # type: ignore[attr-defined]

    shuffled = replace(reading, lesions=tuple(lesions), reads=tuple(reads))

    assert responses(shuffled) == responses(reading)


@given(
    st.lists(st.lists(sizes, min_size=3, max_size=3), min_size=2, max_size=6),
    st.decimals(min_value="0.001", max_value=1000, places=3),
)
def test_scaling_all_diameters_leaves_the_percent_changes(
    exams: list[list[str]], factor: Decimal
) -> None:
    lesions = (target("T1"), target("T2"), target("T3", "lung"))

    def percents(scale: Decimal) -> list[object]:
        reads = tuple(
            a_read(lesion.name, EVERY * index, str(Decimal(size) * scale))
            for index, row in enumerate(exams)
            for lesion, size in zip(lesions, row, strict=True)
        )
        reading = Reading("P-001", "A", Role.INVESTIGATOR, lesions, reads)
        sums = sums_of_diameters(reading, day(0))
        return [(one.change_percent, one.change_from_nadir_percent) for one in sums]

    assert percents(factor) == percents(Decimal(1))


@given(readings(), st.integers(min_value=1, max_value=300))
def test_an_exam_that_is_not_evaluable_changes_no_other_response(reading: Reading, on: int) -> None:
    exam = day(on)
    if exam in reading.exams:
        return
    blank = (a_read(lesion.name, on, Seen.NOT_EVALUABLE) for lesion in LESIONS)

    with_blank = responses(with_reads(reading, *blank))

    assert tuple(one for one in with_blank if one.on != exam) == responses(reading)


@given(readings(), st.integers(min_value=1, max_value=5), of_targets, of_new)
def test_progression_is_never_later_for_an_exam_that_comes_after(
    reading: Reading, later: int, size: str | Seen, appeared: Seen
) -> None:
    """It may be earlier: an equivocal lesion that is confirmed dates back."""
    first = next((one.on for one in responses(reading) if one.overall is Response.PD), None)
    after = EVERY * (5 + later)

    more = with_reads(reading, a_read("T1", after, size), a_read("X1", after, appeared))

    again = next((one.on for one in responses(more) if one.overall is Response.PD), None)
    assert first is None or (again is not None and again.earliest <= first.earliest)


@given(readings())
def test_a_new_lesion_stays_progression(reading: Reading) -> None:
    course = responses(reading)

    appeared = [index for index, one in enumerate(course) if one.new]
    if appeared:
        assert {one.overall for one in course[appeared[0] :]} == {Response.PD}


@given(
    st.dictionaries(
        st.integers(min_value=1, max_value=400),
        st.sampled_from(["CR", "PR", "SD", "PD", "NE"]),
        max_size=8,
    )
)
def test_confirmation_never_betters_a_response_nor_does_what_follows_progression(
    course: dict[int, str],
) -> None:
    rules = ResponseRules(stable_at_least=timedelta(weeks=6))
    timepoints = course_of(course)
    rank = ["NE", "PD", "SD", "PR", "CR"].index

    best = best_response(timepoints, since=START, rules=rules)
    confirmed = confirmed_best_response(timepoints, since=START, rules=rules)
    ended = until_progression(timepoints)

    assert rank(confirmed.response) <= rank(best.response)
    assert best == best_response(ended, since=START, rules=rules)
    assert confirmed == confirmed_best_response(ended, since=START, rules=rules)


@given(st.permutations(LESIONS))
def test_lesions_are_kept_by_name(lesions: list[RecistLesion]) -> None:
    reads = (a_read("T1", 0, "20"),)

    reading = Reading("P-001", "A", Role.INVESTIGATOR, tuple(lesions), reads)

    assert [one.name for one in reading.lesions] == ["B1", "N1", "N2", "T1", "T2"]
