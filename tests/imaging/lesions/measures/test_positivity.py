"""Majority and all targets above the liver, by hand and against the study file's criterion I5."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.identity import LesionId
from operandi.imaging.lesions.measures.lesion_uptake import Statistic
from operandi.imaging.lesions.measures.positivity import (
    LiverComparison,
    Positivity,
    ReceptorLesion,
    compared_with_liver,
    measure_positivity,
    receptor_lesions,
    receptor_positivity,
)
from operandi.protocol.verdict import Outcome
from operandi.quantities.errors import DataError
from tests.imaging.lesions.measures.builders import ORIGIN, an_uptake, yardsticks
from tests.protocol.participants import Tables, chosen, having, judged, verdict_on, with_judgment
from tests.protocol.participants import lesion as a_row

ABOVE, EQUAL, BELOW, OPEN = LiverComparison


def _lesion(
    name: str, uptake: LiverComparison, *, seen: bool | None = True, ml: float | None = None
) -> ReceptorLesion:
    return ReceptorLesion(
        lesion=LesionId(name), uptake=uptake, on_anatomical_imaging=seen, volume_ml=ml
    )


def _found(*uptakes: LiverComparison, targets: tuple[str, ...] = ("L1",)) -> Positivity:
    lesions = [_lesion(f"L{n}", uptake) for n, uptake in enumerate(uptakes, start=1)]
    return receptor_positivity(lesions, targets=[LesionId(name) for name in targets])


@pytest.mark.parametrize(("maximum", "comparison"), [(5.01, ABOVE), (5.0, EQUAL), (4.99, BELOW)])
def test_above_the_liver_is_strict(maximum: float, comparison: LiverComparison) -> None:
    found = compared_with_liver(
        an_uptake(maximum=maximum), yardsticks(liver=5.0), statistic=Statistic.MAXIMUM
    )

    assert found is comparison


def test_without_a_liver_or_a_peak_it_is_not_assessable() -> None:
    gone = yardsticks(liver="the PET ends above the liver")
    assert compared_with_liver(an_uptake(), gone, statistic=Statistic.MAXIMUM) is OPEN
    assert compared_with_liver(an_uptake(), yardsticks(), statistic=Statistic.PEAK) is OPEN


def test_lesions_come_by_name_and_the_statistic_may_decide() -> None:
    """SUVmax 6 and SUVmean 4 about a liver of 5."""
    two = [an_uptake("L2", 6.0), an_uptake("L1", 9.0)]

    by_max = receptor_lesions(two, yardsticks(), on_anatomical_imaging={LesionId("L1"): True})
    by_mean = receptor_lesions(
        two, yardsticks(), statistic=Statistic.MEAN, on_anatomical_imaging={}
    )

    assert [(one.lesion, one.uptake) for one in by_max] == [("L1", ABOVE), ("L2", ABOVE)]
    assert [one.uptake for one in by_mean] == [ABOVE, BELOW]
    assert [one.on_anatomical_imaging for one in by_max] == [True, None]


def test_two_of_three_is_a_majority_and_names_the_two() -> None:
    found = _found(ABOVE, ABOVE, BELOW)

    assert (found.literal, found.proposed) == (True, True)
    majority = found.majority_on_pet
    assert (majority.positive, majority.counted, majority.deciding) == (2, 3, ("L1", "L2"))
    assert majority.sentence == "2 of 3 lesions on PET above the liver, yes: L1, L2"


def test_one_half_is_no_majority_and_equal_is_not_above() -> None:
    found = _found(ABOVE, EQUAL)

    assert found.literal is False
    assert found.majority_on_pet.deciding == ("L2",)


def test_one_negative_target_decides_against() -> None:
    found = _found(ABOVE, ABOVE, BELOW, targets=("L1", "L3"))

    assert found.majority_on_pet.holds is True
    assert found.all_targets.holds is False
    assert found.all_targets.deciding == ("L3",)
    assert found.literal is False
    assert found.all_targets.sentence == "1 of 2 target lesions above the liver, no: L3"


def test_what_cannot_turn_the_answer_leaves_it() -> None:
    assert _found(ABOVE, ABOVE, ABOVE, OPEN).majority_on_pet.holds is True
    assert _found(BELOW, BELOW, OPEN).majority_on_pet.holds is False
    open_one = _found(ABOVE, BELOW, OPEN).majority_on_pet
    assert (open_one.holds, open_one.deciding) == (None, ("L3",))


def test_no_target_and_a_target_that_is_not_listed_are_open() -> None:
    assert _found(ABOVE, targets=()).all_targets.sentence == "no target lesion is chosen, not known"
    missing = _found(ABOVE, targets=("L1", "L9")).all_targets
    assert (missing.holds, missing.deciding) == (None, ("L9",))
    assert _found(BELOW, targets=("L1", "L9")).all_targets.holds is False


def test_lesions_that_only_pet_shows_count_on_pet_alone() -> None:
    lesions = [
        _lesion("L1", ABOVE),
        _lesion("L2", BELOW),
        _lesion("L3", ABOVE, seen=False),
    ]

    found = receptor_positivity(lesions, targets=[LesionId("L1")])

    assert found.majority_on_pet.holds is True
    assert found.majority_on_anatomy.holds is False
    assert (found.literal, found.proposed) == (True, False)


def test_no_lesion_gives_no_answer() -> None:
    found = receptor_positivity([], targets=[])

    assert (found.literal, found.proposed) == (None, None)
    assert "no lesions on PET" in measure_positivity(found, origin=ORIGIN).absent


def test_volume_may_say_otherwise_than_count() -> None:
    lesions = [_lesion("L1", ABOVE, ml=90.0), _lesion("L2", BELOW, ml=5.0)]
    lesions.append(_lesion("L3", BELOW, ml=5.0))

    found = receptor_positivity(lesions, targets=[LesionId("L1")])

    assert found.share_of_volume == pytest.approx(0.9)
    assert found.literal is False
    share = measure_positivity(found, origin=ORIGIN)
    assert share.value == pytest.approx(1 / 3)
    assert "no: L2, L3" in share.uncertainty.basis


def test_the_share_is_absent_where_a_lesion_is_not_assessable() -> None:
    found = _found(ABOVE, ABOVE, ABOVE, OPEN)

    assert found.literal is True
    assert "1 not assessable" in measure_positivity(found, origin=ORIGIN).absent


def test_refuses_two_lesions_of_one_name() -> None:
    with pytest.raises(DataError, match="one name"):
        receptor_positivity([_lesion("L1", ABOVE), _lesion("L1", BELOW)], targets=[])


_UPTAKES = st.lists(st.tuples(st.sampled_from(LiverComparison), st.booleans()), max_size=6)


@given(drawn=_UPTAKES, order=st.randoms(use_true_random=False))
def test_the_order_of_lesions_changes_nothing(
    drawn: list[tuple[LiverComparison, bool]], order: object
) -> None:
    lesions = [_lesion(f"L{n}", uptake, seen=seen) for n, (uptake, seen) in enumerate(drawn)]
    shuffled = list(lesions)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    targets = [one.lesion for one in lesions[:2]]

    assert receptor_positivity(shuffled, targets=targets) == receptor_positivity(
        lesions, targets=targets
    )


_OUTCOME = {True: Outcome.MET, False: Outcome.NOT_MET, None: Outcome.UNKNOWN}


def _tables(lesions: list[ReceptorLesion], targets: set[LesionId]) -> Tables:
    """The same lesions in the study's tables; a signed statement says that they can be counted."""
    rows = [
        a_row(
            one.lesion,
            uptake=one.uptake.value,
            target="yes" if one.lesion in targets else "no",
            on_anatomical_imaging="yes" if one.on_anatomical_imaging else "no",
        )
        for one in lesions
    ]
    tables = having("receptor_lesions", *rows)
    tables = having("recist_lesions", *(chosen(name) for name in sorted(targets)), base=tables)
    countable = judged("lesions_not_countable", "no", on="2026-05-02")
    return with_judgment("lesions_not_countable", countable, base=tables)


def _agrees(lesions: list[ReceptorLesion], targets: set[LesionId]) -> None:
    found = receptor_positivity(lesions, targets=targets)
    tables = _tables(lesions, targets)
    literal = verdict_on("I5", tables, reading="literal").outcome
    proposed = verdict_on("I5", tables, reading="proposed").outcome
    assert (literal, proposed) == (_OUTCOME[found.literal], _OUTCOME[found.proposed])


def test_every_pair_of_lesions_agrees_with_the_criterion_of_the_study() -> None:
    for one, two, second_is_target in product(LiverComparison, LiverComparison, (True, False)):
        targets = {LesionId("L1")} | ({LesionId("L2")} if second_is_target else set())
        _agrees([_lesion("L1", one), _lesion("L2", two)], targets)


@given(drawn=_UPTAKES.filter(bool), targets=st.sets(st.integers(0, 6), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_any_lesions_agree_with_the_criterion_of_the_study(
    drawn: list[tuple[LiverComparison, bool]], targets: set[int]
) -> None:
    """Targets beyond the drawn lesions are those that the PET does not list."""
    lesions = [_lesion(f"L{n}", uptake, seen=seen) for n, (uptake, seen) in enumerate(drawn)]
    _agrees(lesions, {LesionId(f"L{n}") for n in targets})
