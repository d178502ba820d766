"""The target proposal by hand, and against the rules that judge a choice of targets."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.identity import LesionId
from operandi.imaging.lesions.measures.targets import (
    LEAST_NODE_MM,
    MOST_PROPOSED,
    MOST_PROPOSED_AN_ORGAN,
    ProposedRole,
    SizeModality,
    TargetCandidate,
    not_measurable,
    propose_targets,
)
from operandi.protocol.recist_reads import (
    Category,
    LesionRead,
    Modality,
    Reading,
    RecistLesion,
    Role,
    Seen,
)
from operandi.protocol.recist_selection import (
    MEASURABLE_MM,
    MOST_TARGETS,
    MOST_TARGETS_AN_ORGAN,
    TARGET_NODE_MM,
    selection_faults,
)
from operandi.quantities.errors import DataError
from tests.protocol.recist_builders import START, day


def _candidate(
    name: str,
    longest: float = 20.0,
    organ: str = "liver",
    *,
    node: bool = False,
    short: float | None = None,
    modality: SizeModality = SizeModality.MRI,
    slice_mm: float | None = 3.0,
    above_liver: bool | None = True,
    irradiated: bool = False,
    progressed: bool | None = None,
    bone: bool = False,
) -> TargetCandidate:
    return TargetCandidate(
        lesion=LesionId(name),
        organ=organ,
        node=node,
        modality=modality,
        longest_mm=longest,
        short_mm=longest if short is None else short,
        slice_thickness_mm=slice_mm,
        above_liver=above_liver,
        previously_irradiated=irradiated,
        progressed_since_irradiation=progressed,
        bone_without_soft_tissue=bone,
    )


def _targets(*candidates: TargetCandidate) -> list[str]:
    return [
        one.candidate.lesion
        for one in propose_targets(candidates)
        if one.role is ProposedRole.TARGET
    ]


def test_each_organs_largest_first_then_the_second_until_five() -> None:
    chosen = _targets(
        _candidate("A", 60.0),
        _candidate("B", 50.0),
        _candidate("C", 40.0),
        _candidate("D", 12.0, "pancreas"),
        _candidate("E", 30.0, "left lung"),
        _candidate("F", 11.0, "right lung"),
        _candidate("G", 25.0, "hilum", node=True, short=16.0),
    )

    assert chosen == ["A", "E", "G", "D", "B"]


def test_all_nodes_and_pairs_of_organs_are_one() -> None:
    nodes = [_candidate(f"N{n}", 30.0, f"station {n}", node=True, short=20.0 - n) for n in range(3)]
    lungs = [_candidate("X", 20.0, "Left lung"), _candidate("Y", 19.0, "lung")]

    assert _targets(*nodes, *lungs, _candidate("Z", 18.0, "right lung")) == ["N0", "X", "N1", "Y"]


def test_equal_sizes_go_by_name() -> None:
    assert _targets(_candidate("B"), _candidate("C"), _candidate("A")) == ["A", "B"]


@pytest.mark.parametrize(
    ("candidate", "role", "reason"),
    [
        (_candidate("A", 9.9), "non_target", "longest diameter 9.9 mm, needs 10 mm"),
        (_candidate("A", 15.9, slice_mm=8.0), "non_target", "needs 16 mm"),
        (
            _candidate("A", 30.0, node=True, short=14.9),
            "non_target",
            "short axis 14.9 mm, needs 15 mm",
        ),
        (_candidate("A", 30.0, node=True, short=9.9), "none", "needs 15 mm"),
        (_candidate("A", above_liver=False), "non_target", "its uptake is not above the liver"),
        (_candidate("A", above_liver=None), "non_target", "is not known"),
        (_candidate("A", irradiated=True), "non_target", "irradiated before"),
        (_candidate("A", bone=True), "non_target", "without a soft tissue component"),
        (_candidate("A", slice_mm=None), "non_target", "no slice thickness"),
        (_candidate("A", modality=SizeModality.PET), "non_target", "but by pet"),
        (_candidate("A", 19.0, modality=SizeModality.XRAY, slice_mm=None), "non_target", "20 mm"),
    ],
)
def test_what_is_no_target_says_why(candidate: TargetCandidate, role: str, reason: str) -> None:
    (one,) = propose_targets([candidate])

    assert one.role == role
    assert reason in "; ".join(one.reasons)


def test_an_irradiated_lesion_that_progressed_is_a_target() -> None:
    assert _targets(_candidate("A", irradiated=True, progressed=True)) == ["A"]


def test_what_found_no_place_says_so() -> None:
    *_, last = propose_targets([_candidate("A", 30.0), _candidate("B"), _candidate("C", 12.0)])

    assert last.candidate.lesion == "C"
    assert last.role is ProposedRole.NON_TARGET
    assert "larger lesions of 2 an organ and 5 in all" in last.reasons[0]


def test_refuses_sizes_below_zero_no_organ_and_one_name_twice() -> None:
    with pytest.raises(DataError, match="sizes above 0 mm"):
        _candidate("A", 0.0)
    with pytest.raises(DataError, match="no organ"):
        _candidate("A", organ=" ")
    with pytest.raises(DataError, match="one name"):
        propose_targets([_candidate("A"), _candidate("A")])


def test_the_numbers_are_those_of_the_rules_of_selection() -> None:
    assert (MOST_PROPOSED, MOST_PROPOSED_AN_ORGAN) == (MOST_TARGETS, MOST_TARGETS_AN_ORGAN)
    assert Decimal(LEAST_NODE_MM) == TARGET_NODE_MM
    assert {m.value for m in Modality} == {m.value for m in SizeModality} - {"pet"}
    for modality, least in MEASURABLE_MM.items():
        one = _candidate("A", float(least), modality=SizeModality(modality.value), slice_mm=1.0)
        assert not not_measurable(one)


_SIZES = st.integers(40, 400).map(lambda tenths: tenths / 10.0)
_CANDIDATES = st.builds(
    _candidate,
    st.just("A"),
    _SIZES,
    st.sampled_from(["liver", "left lung", "Right  lung", "lung", "pancreas", "bone", "bilateral"]),
    node=st.booleans(),
    short=_SIZES,
    modality=st.sampled_from([m for m in SizeModality if m is not SizeModality.PET]),
    slice_mm=st.none() | st.sampled_from([1.0, 5.0, 5.5, 8.0]),
    irradiated=st.booleans(),
    progressed=st.sampled_from([None, True, False]),
)


def _reading(candidates: list[TargetCandidate]) -> Reading:
    """The same lesions, all taken as targets, read at baseline."""
    return Reading(
        "P-001",
        "A",
        Role.INVESTIGATOR,
        tuple(
            RecistLesion(
                one.lesion,
                one.organ,
                one.node,
                Category.TARGET,
                previously_irradiated=one.previously_irradiated,
                progressed_since_irradiation=one.progressed_since_irradiation,
            )
            for one in candidates
        ),
        tuple(
            LesionRead(
                lesion=one.lesion,
                on=day(0),
                state=Seen.MEASURED,
                diameter_mm=Decimal(str(one.size_mm)),
                modality=Modality(one.modality.value),
                slice_thickness_mm=(
                    None if one.slice_thickness_mm is None else Decimal(str(one.slice_thickness_mm))
                ),
            )
            for one in candidates
        ),
    )


@given(one=_CANDIDATES)
@settings(max_examples=200, deadline=None)
def test_what_is_measurable_here_is_a_target_without_fault_there(one: TargetCandidate) -> None:
    faults = selection_faults(_reading([one]), day(0), treatment_start=START)

    assert bool(not_measurable(one)) is bool(faults)


def _renamed(drawn: list[TargetCandidate]) -> list[TargetCandidate]:
    return [
        TargetCandidate(
            lesion=LesionId(f"L{n}"),
            organ=one.organ,
            node=one.node,
            modality=one.modality,
            longest_mm=one.longest_mm,
            short_mm=one.short_mm,
            slice_thickness_mm=one.slice_thickness_mm,
            above_liver=one.above_liver,
            previously_irradiated=one.previously_irradiated,
            progressed_since_irradiation=one.progressed_since_irradiation,
        )
        for n, one in enumerate(drawn)
    ]


@given(drawn=st.lists(_CANDIDATES, min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_what_is_proposed_breaks_no_rule_and_nothing_more_could_be_taken(
    drawn: list[TargetCandidate],
) -> None:
    candidates = _renamed(drawn)
    proposed = propose_targets(candidates)
    chosen = [one.candidate for one in proposed if one.role is ProposedRole.TARGET]

    if chosen:
        assert selection_faults(_reading(chosen), day(0), treatment_start=START) == ()
    for left in (one.candidate for one in proposed if one.role is not ProposedRole.TARGET):
        more = _reading([*chosen, left])
        assert selection_faults(more, day(0), treatment_start=START) != ()


@given(drawn=st.lists(_CANDIDATES, max_size=10), order=st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_candidates_changes_nothing(
    drawn: list[TargetCandidate], order: object
) -> None:
    candidates = _renamed(drawn)
    shuffled = list(candidates)
    order.shuffle(shuffled)  # type: ignore[attr-defined]

    assert propose_targets(shuffled) == propose_targets(candidates)
