from dataclasses import replace
from typing import Any

import pytest

from operandi.domain.identity import Digest
from operandi.pipeline import task as task_module
from operandi.pipeline.codec import FORMAT, digest_of
from operandi.pipeline.task import Task, result_key

SETTINGS = {"limit": 1.0}
TASK = Task(
    step="suv",
    subject="P-001",
    function="module:function",
    version="1",
    who="site 1",
    accepts_refusals=False,
    required_inputs=0,
    threads=1,
    settings=SETTINGS,
    settings_digest=digest_of(SETTINGS),
    code=Digest("c" * 64),
    environment=Digest("e" * 64),
)
INPUTS = (Digest("1" * 64), Digest("2" * 64))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step", "sul"),
        ("subject", "P-002"),
        ("function", "module:other"),
        ("version", "2"),
        ("settings_digest", digest_of({"limit": 1})),
        ("code", Digest("d" * 64)),
        ("environment", Digest("f" * 64)),
    ],
)
def test_the_key_changes_with_all_that_a_result_comes_from(field: str, value: Any) -> None:
    assert result_key(replace(TASK, **{field: value}), INPUTS) != result_key(TASK, INPUTS)


@pytest.mark.parametrize(
    ("field", "value"),
    [("who", "site 2"), ("threads", 2), ("accepts_refusals", True), ("required_inputs", 1)],
)
def test_the_key_stays_when_only_the_circumstances_change(field: str, value: Any) -> None:
    assert result_key(replace(TASK, **{field: value}), INPUTS) == result_key(TASK, INPUTS)


@pytest.mark.parametrize("inputs", [INPUTS[:1], INPUTS[::-1], (*INPUTS, INPUTS[0]), ()])
def test_the_key_changes_with_the_inputs_and_their_order(inputs: tuple[Digest, ...]) -> None:
    assert result_key(TASK, inputs) != result_key(TASK, INPUTS)


def test_the_key_changes_with_the_format_of_stored_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = result_key(TASK, INPUTS)
    monkeypatch.setattr(task_module, "FORMAT", FORMAT + 1)

    assert result_key(TASK, INPUTS) != before


def test_no_two_fields_can_be_shifted_into_one_another() -> None:
    """A text that ends where the next begins would give equal keys if they were only joined."""
    left = replace(TASK, step="ab", subject="c")
    right = replace(TASK, step="a", subject="bc")

    assert result_key(left, INPUTS) != result_key(right, INPUTS)
