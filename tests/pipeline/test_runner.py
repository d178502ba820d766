import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from operandi.pipeline import cluster, code_digest, worker
from operandi.pipeline.code_digest import Origins
from operandi.pipeline.explain import NEVER_RAN, REUSED, explain
from operandi.pipeline.runner import DEFECT_STATUS, How, RunOutcome, run
from operandi.pipeline.step import Node, Refusal
from operandi.pipeline.store import Store
from operandi.quantities.errors import DataError
from tests.pipeline import arithmetic as steps
from tests.pipeline.graphs import Told, a_node, a_source, a_step, files_below, flip_a_byte

Run = Callable[..., RunOutcome]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results" / "store")


@pytest.fixture
def go(store: Store, scheduler: str) -> Run:
    """Run with the workers that all tests share."""

    def go(*nodes: Node, progress: Told | None = None) -> RunOutcome:
        return run(nodes, store, workers=1, scheduler=scheduler, progress=progress)

    return go


def a_sum(*texts: str) -> Node:
    numbers = tuple(
        a_node(steps.number, f"{place}", (a_source(text),)) for place, text in enumerate(texts)
    )
    return a_node(steps.total, "all", numbers)


def entry(store: Store, outcome: RunOutcome, node: Node) -> Path:
    key = outcome.of(node).answer.key
    return store.folder / key[:2] / key[2:]


def reasons(nodes: tuple[Node, ...], store: Store) -> dict[str, str]:
    return {node.label: why for node, why in explain(nodes, store)}


# --- values -----------------------------------------------------------------------------------


def test_computes_a_graph_once_and_then_reuses_it(go: Run) -> None:
    first, second = go(a_sum("1", "2")), go(node := a_sum("1", "2"))

    assert first.counts == {How.COMPUTED: 3, How.REUSED: 0, How.REFUSED: 0, How.DEFECT: 0}
    assert second.counts == {How.COMPUTED: 0, How.REUSED: 3, How.REFUSED: 0, How.DEFECT: 0}
    assert second.value(node) == 3.0
    assert second.exit_status == 0


def test_settings_come_last_and_only_if_there_are_any(go: Run) -> None:
    node = a_node(steps.scaled, inputs=(a_sum("4"),), settings={"factor": 2.5})

    assert go(node).value(node) == 10.0


def test_a_changed_input_recomputes_only_what_hangs_on_it(go: Run) -> None:
    go(a_sum("1", "2"))

    outcome = go(a_sum("1", "5"))

    assert [result.node.label for result in outcome.results if result.answer.ran] == [
        "number:1",
        "total:all",
    ]


def test_an_equal_result_stops_the_recomputation(go: Run, tmp_path: Path) -> None:
    """3 and 5 are both odd: what hangs on the parity alone must not run again."""
    marks = tmp_path / "marks"

    def graph(text: str) -> Node:
        parity = a_node(steps.parity, inputs=(a_sum(text),))
        return a_node(steps.marked, inputs=(parity,), settings={"marks": str(marks)})

    go(graph("3"))
    outcome = go(graph("5"))
    go(graph("4"))

    assert outcome.counts[How.COMPUTED] == 3
    assert marks.read_text() == "xx"


def test_settings_of_one_node_recompute_that_node(go: Run) -> None:
    go(a_node(steps.scaled, inputs=(a_sum("4"),), settings={"factor": 2.0}))

    outcome = go(node := a_node(steps.scaled, inputs=(a_sum("4"),), settings={"factor": 3.0}))

    assert (outcome.counts[How.COMPUTED], outcome.value(node)) == (1, 12.0)


def test_every_node_is_told_once(go: Run) -> None:
    first, second = Told(), Told()

    go(a_sum("1", "2"), progress=first)
    go(a_sum("1", "7"), progress=second)

    assert (first.plans, second.plans) == ([(3, 0)], [(3, 1)])
    assert first.labels[-1] == "total:all"
    assert sorted(first.labels) == sorted(second.labels) == ["number:0", "number:1", "total:all"]
    assert second.labels[0] == "number:0"


def test_two_studies_at_one_scheduler_keep_apart(scheduler: str, tmp_path: Path) -> None:
    stores = [Store(tmp_path / name / "store") for name in ("one", "two")]
    nodes = [a_sum("1"), a_sum("2")]

    outcomes = [
        run([node], store, workers=1, scheduler=scheduler)
        for node, store in zip(nodes, stores, strict=True)
    ]

    assert [one.value(node) for one, node in zip(outcomes, nodes, strict=True)] == [1.0, 2.0]


def test_a_run_in_another_place_leaves_the_same_bytes(scheduler: str, tmp_path: Path) -> None:
    stores = [Store(tmp_path / name / "store") for name in ("one", "two")]
    for store in stores:
        run([a_sum("1", "2")], store, workers=1, scheduler=scheduler)

    assert files_below(stores[0].folder) == files_below(stores[1].folder)


def test_a_warm_run_does_not_load_dask(go: Run, store: Store) -> None:
    nodes = "a_node(steps.noise, settings={'seed': 1, 'size': 3})"
    go(a_node(steps.noise, settings={"seed": 1, "size": 3}))
    program = (
        "import sys, json; from pathlib import Path;"
        "from operandi.pipeline.runner import run; from operandi.pipeline.store import Store;"
        "from tests.pipeline import arithmetic as steps; from tests.pipeline.graphs import a_node;"
        f"outcome = run([{nodes}], Store(Path(sys.argv[1])), workers=1);"
        "loaded = [name for name in ('dask', 'distributed') if name in sys.modules];"
        "print(json.dumps([outcome.counts, loaded]))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(store.folder)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    counts, loaded = json.loads(done.stdout)
    assert counts == {"computed": 0, "reused": 1, "refused": 0, "defect": 0}
    assert loaded == []


# --- refusals and defects ---------------------------------------------------------------------


def test_a_refusal_stops_what_hangs_on_it_and_nothing_else(go: Run) -> None:
    refused = a_node(steps.weighed, "P-014/BASELINE", (a_sum("0"),), who="site 03")
    sibling = a_sum_of_one()
    below = a_node(steps.total, "below", (refused, sibling))

    outcome = go(below)

    cause = outcome.value(refused)
    assert isinstance(cause, Refusal)
    assert str(cause) == (
        "SUV needs mass > 0, got 0.0 kg (P-014, BASELINE, step weighed). Record the weight. "
        "For: site 03."
    )
    assert outcome.value(below) == cause
    assert outcome.value(sibling) == 7
    assert not outcome.of(below).answer.ran
    assert (outcome.refusals, outcome.exit_status) == ((cause,), 0)


def a_sum_of_one() -> Node:
    return a_node(steps.number, "seven", (a_source("7"),))


def test_a_refusal_is_remembered(go: Run) -> None:
    first = go(a_node(steps.weighed, inputs=(a_sum("0"),)))
    second = go(node := a_node(steps.weighed, inputs=(a_sum("0"),)))

    assert first.results[-1].answer.ran
    assert not second.of(node).answer.ran
    assert second.of(node).how == How.REFUSED
    assert second.of(node).answer.digest == first.results[-1].answer.digest


def test_a_new_contact_recomputes_nothing_but_is_named(go: Run) -> None:
    go(a_node(steps.weighed, inputs=(a_sum("0"),), who="site 1"))
    outcome = go(node := a_node(steps.weighed, inputs=(a_sum("0"),), who="site 2"))

    cause = outcome.value(node)
    assert isinstance(cause, Refusal)
    assert cause.who == "site 2"
    assert not any(result.answer.ran for result in outcome.results)


def test_a_node_that_accepts_refusals_receives_them(go: Run) -> None:
    refused = a_node(steps.weighed, inputs=(a_sum("0"),))
    report = a_node(steps.reported, "study", (a_sum_of_one(), refused), accepts_refusals=True)

    assert go(report).value(report) == (
        "7; SUV needs mass > 0, got 0.0 kg (P-001, step weighed). Record the weight."
    )


def test_a_node_that_accepts_refusals_may_still_require_its_first_inputs(go: Run) -> None:
    refused = a_node(steps.weighed, inputs=(a_sum("0"),))
    seven = a_sum_of_one()
    report = a_node(steps.reported, "study", (refused, seven), accepts_refusals=True)

    one = go(node := replace(report, required_inputs=1))
    none = go(replace(report, inputs=(seven, refused), required_inputs=1))

    assert one.value(node) == one.value(refused)
    assert none.results[-1].how == How.COMPUTED


def test_a_report_changes_when_a_refusal_it_shows_is_mended(go: Run) -> None:
    def graph(text: str) -> Node:
        node = a_node(steps.scaled, inputs=(a_sum("1"),), settings={"factor": 1.0})
        if text == "refused":
            node = a_node(steps.weighed, inputs=(a_sum("1"),))
        return a_node(steps.reported, "study", (node,), accepts_refusals=True)

    go(graph("refused"))
    outcome = go(node := graph("mended"))

    assert outcome.value(node) == "1.0"


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (steps.broken, "ZeroDivisionError: float division by zero"),
        (steps.unstorable, "TypeError: a dict is stored with text keys only"),
    ],
)
def test_a_defect_is_contained_and_leaves_its_traceback(
    go: Run, store: Store, function: Callable[..., object], why: str
) -> None:
    broken = a_node(function, inputs=(a_sum("1"),))
    report = a_node(steps.reported, "study", (broken,), accepts_refusals=True)

    outcome = go(report)

    cause = outcome.value(broken)
    assert isinstance(cause, Refusal)
    assert cause.defect
    assert why in cause.what
    assert outcome.of(report).how == How.COMPUTED
    assert outcome.exit_status == DEFECT_STATUS
    (log,) = (store.results / "log").iterdir()
    assert log.name in cause.remedy
    assert "Traceback" in log.read_text()


def test_a_defect_is_tried_again_and_its_old_traceback_removed(go: Run, store: Store) -> None:
    first = go(a_node(steps.broken, inputs=(a_sum("1"),)))
    second = go(a_node(steps.broken, inputs=(a_sum("1"),)))
    go(a_sum("1"))

    assert [one.results[-1].answer.ran for one in (first, second)] == [True, True]
    assert list((store.results / "log").iterdir()) == []


def test_a_node_that_took_two_workers_with_it_is_given_up_for_this_run(
    go: Run, store: Store
) -> None:
    node = a_sum("1", "2")
    with store:
        for _ in range(2):
            store.attempt("total:all")
        first = go(node)
    second = go(node)

    cause = first.value(node)
    assert isinstance(cause, Refusal)
    assert cause.defect
    assert "worker process died each time" in cause.what
    assert first.counts[How.COMPUTED] == 2
    assert second.value(node) == 3.0


# --- damage -----------------------------------------------------------------------------------


def test_a_damaged_result_is_computed_again_when_it_is_needed(go: Run, store: Store) -> None:
    go(noise := a_node(steps.noise, settings={"seed": 1, "size": 100}))
    before = files_below(store.folder)
    flip_a_byte(entry(store, go(noise), noise) / "value", at=-100)

    outcome = go(node := a_node(steps.total, inputs=(noise,)))

    assert [result.answer.ran for result in outcome.results] == [True, True]
    assert isinstance(outcome.value(node), float)
    assert before.items() <= files_below(store.folder).items()


def test_a_damaged_last_result_is_found_before_it_is_published(go: Run, store: Store) -> None:
    node = a_sum("1", "2")
    flip_a_byte(entry(store, go(node), node) / "value", at=-40)

    outcome = go(node)

    assert outcome.counts[How.COMPUTED] == 1
    assert outcome.value(node) == 3.0


def test_a_removed_result_is_computed_again(go: Run, store: Store) -> None:
    node = a_sum("1", "2")
    (entry(store, go(node), node) / "value").unlink()

    assert go(node).value(node) == 3.0


def test_refuses_to_hand_out_a_result_damaged_after_the_run(go: Run, store: Store) -> None:
    node = a_sum("1", "2")
    outcome = go(node)
    flip_a_byte(entry(store, outcome, node) / "value", at=-40)

    with pytest.raises(DataError, match=r"damaged on disk.*Run again"):
        outcome.value(node)
    assert go(node).value(node) == 3.0


# --- what cannot begin ------------------------------------------------------------------------


def test_refuses_while_another_run_has_the_results(go: Run, store: Store) -> None:
    with Store(store.folder), pytest.raises(DataError, match="Another run is at work"):
        go(a_sum("1"))


def test_a_caller_may_hold_the_store_for_longer_than_the_run(go: Run, store: Store) -> None:
    with store:
        go(a_sum("1"))
        with pytest.raises(DataError, match="Another run"), Store(store.folder):
            pass


def test_refuses_a_scheduler_that_does_not_answer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_WAIT_FOR_WORKERS_S", 0.2)
    with pytest.raises(DataError, match=r"No scheduler answers at tcp://127\.0\.0\.1:9"):
        run([a_sum("1")], store, workers=1, scheduler="tcp://127.0.0.1:9")


def test_refuses_workers_that_do_not_see_the_results(
    store: Store, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_token_seen", _nothing_seen)
    with pytest.raises(DataError, match="1 of 1 workers do not see the results folder"):
        run([a_sum("1")], store, workers=1, scheduler=scheduler)
    assert list((store.folder / "tmp").iterdir()) == []


def _nothing_seen(*_: object) -> None:
    """As on a machine that has another disk under that path."""


def test_refuses_workers_that_run_other_code(
    go: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_origins", lambda _: _Other())
    with pytest.raises(DataError, match=r"A worker runs another version of tests\.pipeline"):
        go(a_sum("1"))


class _Other:
    environment = Origins().environment

    def code(self, _: str) -> str:
        return "1" * 64


@pytest.mark.parametrize(("workers", "threads"), [(0, 1), (1, 0)])
def test_refuses_to_run_with_nobody(store: Store, workers: int, threads: int) -> None:
    with pytest.raises(ValueError, match="must be >= 1"):
        run([a_sum("1")], store, workers=workers, threads=threads)


def test_refuses_to_wait_for_workers_that_cannot_start(store: Store) -> None:
    crew = cluster.Cluster(store, scheduler=None, workers=1, threads=1)
    crew._client = SimpleNamespace(scheduler_info=lambda: {"workers": {}})

    with pytest.raises(DataError, match=r"cannot be started again\. See log/workers\.txt"):
        crew._require_workers()


# --- why --------------------------------------------------------------------------------------


def test_explains_what_never_ran_and_what_is_reused(go: Run, store: Store) -> None:
    go(a_sum("1"))

    assert reasons((a_sum("1", "2"),), store) == {
        "number:0": REUSED,
        "number:1": NEVER_RAN,
        "total:all": "input number:1 is new",
    }


def test_explains_a_changed_source_and_what_hangs_on_it(go: Run, store: Store) -> None:
    go(a_sum("1"))

    assert reasons((a_sum("2"),), store) == {
        "number:0": "input source changed",
        "total:all": "input number:0 is computed again, which may give the same",
    }


def test_explains_inputs_that_are_gone_or_in_another_order(go: Run, store: Store) -> None:
    node = a_sum("1", "2")
    go(node)

    assert reasons((replace(node, inputs=node.inputs[:1]),), store)["total:all"] == (
        "input number:1 is gone"
    )
    assert reasons((replace(node, inputs=node.inputs[::-1]),), store)["total:all"] == (
        "the order of its inputs changed"
    )


def test_explains_changed_settings_with_the_values(go: Run, store: Store) -> None:
    go(a_node(steps.scaled, inputs=(a_sum("4"),), settings={"factor": 2.0}))
    node = a_node(steps.scaled, inputs=(a_sum("4"),), settings={"factor": 3.0})

    assert reasons((node,), store)["scaled:P-001"] == "its settings changed (factor 2.0 to 3.0)"


def test_explains_a_changed_version(go: Run, store: Store) -> None:
    node = a_sum_of_one()
    go(node)
    newer = replace(node, step=a_step(steps.number, version="2"))

    assert reasons((newer,), store) == {"number:seven": "its version changed (1 to 2)"}


def test_explains_changed_code_by_the_module(
    go: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(a_sum_of_one())
    parts = Origins.code_parts

    def edited(origins: Origins, module: str) -> dict[str, str]:
        return parts(origins, module) | {"operandi.pipeline.step": "0" * 64}

    monkeypatch.setattr(Origins, "code_parts", edited)

    assert reasons((a_sum_of_one(),), store) == {
        "number:seven": "its code changed (operandi.pipeline.step)"
    }


def test_explains_changed_libraries_by_their_versions(
    go: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(a_sum_of_one())
    now = code_digest.environment() | {"numpy": "9.9"}
    before = code_digest.environment()["numpy"]
    monkeypatch.setattr(code_digest, "environment", lambda: now)

    assert reasons((a_sum_of_one(),), store) == {
        "number:seven": f"dependencies changed (numpy {before} to 9.9)"
    }


def test_explains_a_refusal_by_its_cause(go: Run, store: Store) -> None:
    node = a_node(steps.total, "below", (a_node(steps.weighed, inputs=(a_sum("0"),)),))
    go(node)

    assert reasons((node,), store)["total:below"] == "refused, as weighed of P-001 is"


def test_explaining_takes_nothing_and_changes_nothing(go: Run, store: Store) -> None:
    go(a_sum("1"))
    before = files_below(store.folder)

    with Store(store.folder):
        explain((a_sum("1", "2"),), store)

    assert files_below(store.folder) == before
