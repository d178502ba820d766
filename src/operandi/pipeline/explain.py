"""Why each node would be reused or computed, told without computing anything."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from operandi.domain.identity import Digest
from operandi.pipeline.codec import described
from operandi.pipeline.plan import Plan
from operandi.pipeline.step import Node
from operandi.pipeline.store import Record, Store, note_of_code, note_of_last
from operandi.pipeline.task import Task

REUSED: Final = "reused"
NEVER_RAN: Final = "never ran"
_SHOWN: Final = 3


def explain(nodes: Iterable[Node], store: Store) -> tuple[tuple[Node, str], ...]:
    """Tell of every node why a run now would reuse it, compute it or refuse it.

    Parameters
    ----------
    nodes : iterable of Node
        What a run would be given.
    store : Store
        What it would use.

    Returns
    -------
    tuple of (Node, str)
        All nodes, each after its inputs, with `REUSED`, `NEVER_RAN` or what differs from the last
        time: ``"its code changed (operandi.imaging.pet.suv)"``.
    """
    plan = Plan(nodes, store)
    plan.look_up()
    return tuple((node, _reason(plan, node)) for node in plan.nodes)


def _reason(plan: Plan, node: Node) -> str:
    answer = plan.answers.get(node)
    if answer is not None:
        cause = None if answer.key else answer.refusal
        return f"refused, as {cause.step} of {cause.subject} is" if cause else REUSED
    last = plan.store.note(note_of_last(node.step.name, node.subject))
    if not last.get("key"):
        return NEVER_RAN
    record = plan.store.record(Digest(str(last.get("key"))))
    if record is None:
        return "its last result is gone from the store"
    return "; ".join(_differences(plan, node, record)) or "its last result was damaged"


def _differences(plan: Plan, node: Node, last: Record) -> Iterator[str]:
    task = plan.tasks[node]
    if task.version != last.version:
        yield f"its version changed ({last.version} to {task.version})"
    if task.function != last.function:
        yield f"its function changed ({last.function} to {task.function})"
    yield from _code_differences(plan, node, last)
    yield from _settings_differences(task, last)
    yield from _input_differences(plan, node, last)


def _code_differences(plan: Plan, node: Node, last: Record) -> Iterator[str]:
    task, store = plan.tasks[node], plan.store
    if task.code != last.code:
        parts = plan.origins.code_parts(node.step.module)
        changed = _changed(store.note(note_of_code(last.code)), parts)
        yield f"its code changed ({_listed(name for name, _, _ in changed)})"
    if task.environment != last.environment:
        changed = _changed(store.note(note_of_code(last.environment)), plan.origins.libraries)
        told = (f"{name} {old or 'absent'} to {new or 'absent'}" for name, old, new in changed)
        yield f"dependencies changed ({_listed(told)})"


def _settings_differences(task: Task, last: Record) -> Iterator[str]:
    now = described(task.settings)
    if now != last.settings:
        changed = _changed(dict(_leaves(last.settings)), dict(_leaves(now)))
        told = (f"{name.lstrip('.')} {old} to {new}" for name, old, new in changed)
        yield f"its settings changed ({_listed(told)})"


def _input_differences(plan: Plan, node: Node, last: Record) -> Iterator[str]:
    before = {one.name: one.digest for one in last.inputs}
    names = [one.label if isinstance(one, Node) else one.name for one in node.inputs]
    for name, known in zip(names, plan.inputs_of(node), strict=True):
        if name not in before:
            yield f"input {name} is new"
        elif known is None:
            yield f"input {name} is computed again, which may give the same"
        elif known.digest != before[name]:
            yield f"input {name} changed"
    yield from (f"input {name} is gone" for name in before if name not in names)
    if sorted(names) == sorted(before) and names != list(before):
        yield "the order of its inputs changed"


def _changed(
    before: Mapping[str, object], now: Mapping[str, object]
) -> list[tuple[str, object, object]]:
    return [
        (name, before.get(name), now.get(name))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{name}.{key}")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{name}[{index}]")
    else:
        yield name, value
