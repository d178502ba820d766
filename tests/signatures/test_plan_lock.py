"""A locked plan: what was changed is named, and what is outside it is exploratory."""

import json
import pickle
from typing import Any

import pytest

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError
from operandi.signatures.plan import plan_digest
from operandi.signatures.plan_lock import (
    Analysis,
    PlanChangedError,
    changed_keys,
    lock,
    parse_lock,
    refuse_changed,
    refuse_other_freeze,
    standing,
    write_lock,
)
from tests.signatures.test_plan import a_plan

FREEZE = Digest("ab" * 32)
PRIMARY = Analysis(endpoint="pfs", model="M1", against="M0", metric="harrell_c")


def test_a_lock_is_read_as_it_was_written_and_names_plan_and_freeze() -> None:
    locked = lock(a_plan(), freeze=FREEZE)
    again = parse_lock(write_lock(locked))

    assert again == locked
    assert (again.plan, again.freeze) == (plan_digest(a_plan()), FREEZE)
    refuse_changed(a_plan(), again)


def test_refuses_a_changed_plan_and_names_every_key() -> None:
    plan = a_plan()
    resampling = plan.resampling.model_copy(update={"seed": 1})
    models = [
        one.model_copy(update={"title": "other"}) if one.code == "M0" else one for one in plan.model
    ]
    changed = plan.model_copy(
        update={"resampling": resampling, "model": tuple(models[:-1]), "decision": None}
    )

    with pytest.raises(PlanChangedError, match="was changed after it was locked") as caught:
        refuse_changed(changed, lock(plan, freeze=FREEZE))
    assert caught.value.keys == (
        "decision",
        "model[M0].title",
        "model[boosting]",
        "resampling.seed",
    )
    assert pickle.loads(pickle.dumps(caught.value)).keys == caught.value.keys  # noqa: S301


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, ("b",)),
        ({"a": [1, 2]}, {"a": [2, 1]}, ("a",)),
        (
            {"a": [{"code": "x"}, {"code": "y"}]},
            {"a": [{"code": "y"}, {"code": "x"}]},
            ("a (order)",),
        ),
        ({"a": [{"step": "x"}]}, {"a": [{"step": "y"}, {"step": "z"}]}, ("a[1].step", "a[2]")),
        ({"a": 1}, {"a": 1}, ()),
    ],
)
def test_changed_keys_lead_to_the_change(
    before: dict[str, Any], after: dict[str, Any], keys: tuple[str, ...]
) -> None:
    assert changed_keys(before, after) == keys


def test_refuses_a_lock_that_was_changed() -> None:
    said = json.loads(write_lock(lock(a_plan(), freeze=FREEZE)))
    said["says"]["title"] = "Another"

    with pytest.raises(DataError, match=r"plan\.lock\.json was changed"):
        parse_lock(json.dumps(said).encode())
    with pytest.raises(DataError, match="none that this version"):
        parse_lock(b"{}")


def test_refuses_a_lock_whose_digest_is_of_another_plan() -> None:
    locked = lock(a_plan(), freeze=FREEZE).model_copy(update={"plan": "0" * 64})

    with pytest.raises(DataError, match=r"plan\.lock\.json was changed"):
        parse_lock(write_lock(locked))


def test_refuses_a_freeze_that_is_none_or_another() -> None:
    with pytest.raises(DataError, match="64 hexadecimal digits"):
        lock(a_plan(), freeze=Digest("2026-01-01"))
    with pytest.raises(DataError, match="locked into the freeze abababababab"):
        refuse_other_freeze(lock(a_plan(), freeze=FREEZE), freeze=Digest("cd" * 32))


def test_a_planned_comparison_is_confirmatory() -> None:
    found = standing(a_plan(), lock(a_plan(), freeze=FREEZE), PRIMARY)

    assert (found.label, found.reasons) == ("confirmatory", ())
    assert found.plan == plan_digest(a_plan())


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (Analysis(endpoint="os", model="M1"), "endpoint os is not in the plan"),
        (Analysis(endpoint="pfs", model="deep"), "model deep is not in the plan"),
        (
            Analysis(endpoint="pfs", model="M3", against="M1", metric="harrell_c"),
            "M3 against M1 by harrell_c on pfs is no comparison of the plan",
        ),
    ],
)
def test_what_is_outside_the_plan_is_exploratory(asked: Analysis, reason: str) -> None:
    found = standing(a_plan(), lock(a_plan(), freeze=FREEZE), asked)

    assert (found.label, found.reasons) == ("exploratory", (reason,))


def test_without_a_lock_everything_is_exploratory() -> None:
    found = standing(a_plan(), None, PRIMARY)

    assert found.label == "exploratory"
    assert found.reasons == ("the plan was not locked before outcomes were joined",)
