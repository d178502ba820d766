"""Nobody is judged by what has learned from them."""

import pickle

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.preparation.guard import LeakError, SeenParticipants, Split

FOUR = ("P-1", "P-1", "P-2", "P-3")


def test_who_has_been_seen_is_known_and_not_named() -> None:
    seen = SeenParticipants.of(("P-1", "P-2"))

    assert seen.among(("P-3", "P-2", "P-2")) == ("P-2",)
    assert not any("P-1" in mark for mark in seen.marks)


def test_refuses_to_judge_a_participant_of_training() -> None:
    with pytest.raises(LeakError, match="ComBat has learned from P-2 and is to be judged"):
        SeenParticipants.of(("P-1", "P-2")).refuse(("P-2", "P-3"), what="ComBat")


def test_refuses_to_call_a_stranger_a_row_of_training() -> None:
    with pytest.raises(LeakError, match="has not learned from P-9"):
        SeenParticipants.of(("P-1",)).refuse_unseen(("P-1", "P-9"), what="The chain")


def test_refuses_a_participant_with_lesions_on_both_sides() -> None:
    with pytest.raises(LeakError, match="P-1 have rows on both sides"):
        Split(training=np.array([0, 2]), test=np.array([1, 3]), participants=FOUR)


def test_lesions_of_one_stay_together() -> None:
    split = Split(training=np.array([0, 1]), test=np.array([2, 3]), participants=FOUR)

    split.refuse_fit_on(("P-1",), what="The chain")
    with pytest.raises(LeakError, match="would learn from P-3 of the test side"):
        split.refuse_fit_on(("P-1", "P-3"), what="The chain")


@pytest.mark.parametrize("test", [[], [4], [-1]])
def test_refuses_a_split_without_rows(test: list[int]) -> None:
    with pytest.raises(DataError, match="needs positions of 4 rows"):
        Split(training=np.array([0]), test=np.array(test, dtype=np.int64), participants=FOUR)


def test_a_leak_crosses_process_borders_as_itself() -> None:
    error = pickle.loads(pickle.dumps(LeakError("what", remedy="mend")))  # noqa: S301

    assert isinstance(error, LeakError)
    assert error.remedy == "mend"
