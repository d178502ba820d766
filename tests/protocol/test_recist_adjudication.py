import pytest

from operandi.protocol.recist import Assessed, Response
from operandi.protocol.recist_adjudication import adjudicate
from operandi.protocol.recist_reads import Role
from operandi.quantities.errors import DataError
from tests.protocol.recist_builders import course_of, day

READER_1, READER_2, JUDGE = Role.READER_1, Role.READER_2, Role.ADJUDICATOR


def by(role: Role, responses: dict[int, str], participant: str = "P-001") -> Assessed:
    return Assessed(participant, f"Dr {role}", role, day(0), course_of(responses))


def test_readers_who_agree_need_nobody() -> None:
    seen = {56: "SD", 112: "PD"}

    consensus = adjudicate([by(READER_2, seen), by(READER_1, seen)])

    assert consensus.discordant == ()
    assert {one.decided_by for one in consensus.decisions} == {READER_1}
    assert consensus.timepoints == course_of(seen)


def test_where_readers_differ_the_adjudicator_decides_and_elsewhere_not() -> None:
    """The adjudicator's PR on day 56 does not count: the readers agree there."""
    consensus = adjudicate(
        [
            by(READER_1, {56: "SD", 112: "PD"}),
            by(READER_2, {56: "SD", 112: "NE"}),
            by(JUDGE, {56: "PR", 112: "PD"}),
        ]
    )

    (discordant,) = consensus.discordant
    assert (discordant.on, discordant.reader_1, discordant.reader_2, discordant.adjudicator) == (
        day(112),
        Response.PD,
        Response.NE,
        Response.PD,
    )
    assert [one.decided_by for one in consensus.decisions] == [READER_1, JUDGE]
    assert [one.overall for one in consensus.timepoints] == [Response.SD, Response.PD]


def test_an_exam_that_one_reader_did_not_read_is_discordant() -> None:
    consensus = adjudicate([by(READER_1, {56: "SD"}), by(READER_2, {})])

    assert [one.on for one in consensus.discordant] == [day(56)]


def test_refuses_responses_that_nobody_decided_on() -> None:
    consensus = adjudicate(
        [by(READER_1, {56: "SD"}), by(READER_2, {56: "PD", 112: "PD"}), by(JUDGE, {168: "PD"})]
    )

    assert [one.decided_by for one in consensus.undecided] == [None, None]
    with pytest.raises(
        DataError, match=r"decided on 2025-02-26 \(SD and PD\), 2025-04-23 \(not read and PD\)"
    ):
        _ = consensus.timepoints


def test_the_investigator_is_left_aside() -> None:
    consensus = adjudicate(
        [by(Role.INVESTIGATOR, {9: "PD"}), by(READER_1, {56: "SD"}), by(READER_2, {56: "SD"})]
    )

    assert [one.on for one in consensus.timepoints] == [day(56)]


def test_refuses_one_reader_alone_a_role_held_twice_and_two_participants() -> None:
    one = by(READER_1, {56: "SD"})

    with pytest.raises(DataError, match="P-001: no reading by reader_2"):
        adjudicate([one])
    with pytest.raises(DataError, match="are both reader_1"):
        adjudicate([one, one])
    with pytest.raises(DataError, match="several participants: P-001, P-002"):
        adjudicate([one, by(READER_2, {}, "P-002")])
    with pytest.raises(DataError, match="No participant: no reading by reader_1 and reader_2"):
        adjudicate([])
