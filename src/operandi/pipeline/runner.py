"""Run a graph of nodes: reuse what the store holds, compute the rest, let nothing stop the others.

The same path serves one node and thousands. What is known is answered at once, without loading
dask; what is missing goes to workers in one piece.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from operandi.domain.identity import Digest
from operandi.pipeline.plan import Plan
from operandi.pipeline.step import Node, Refusal
from operandi.pipeline.store import DamagedError, Store
from operandi.pipeline.task import Answer, Held
from operandi.pipeline.worker import Order, log_name
from operandi.quantities.errors import DataError

if TYPE_CHECKING:
    from operandi.pipeline.cluster import Cluster

DEFECT_STATUS: Final = 70
"""Exit status of a run with defects: EX_SOFTWARE of sysexits.h."""


class How(StrEnum):
    """How a node came out."""

    COMPUTED = "computed"
    REUSED = "reused"
    REFUSED = "refused"
    DEFECT = "defect"


@dataclass(frozen=True, slots=True)
class Result:
    """How one node came out.

    Parameters
    ----------
    node : Node
        Which.
    answer : Answer
        Digest of its result or its refusal, and how long it ran.
    """

    node: Node
    answer: Answer

    @property
    def how(self) -> How:
        """Computed or reused where there is a value; else refused or a defect."""
        if self.answer.refusal is not None:
            return How.DEFECT if self.answer.refusal.defect else How.REFUSED
        return How.COMPUTED if self.answer.ran else How.REUSED


class Progress(Protocol):
    """Who is told how a run gets on."""

    def planned(self, *, nodes: int, known: int) -> None:
        """Take how many nodes there are and of how many the result is known already."""

    def settled(self, result: Result) -> None:
        """Take one node's result; called once for each node, known ones first."""


class RunOutcome:
    """What came of a run.

    Parameters
    ----------
    results : tuple of Result
        Of all nodes, each after its inputs.
    store : Store
        Where the values are.
    """

    def __init__(self, results: tuple[Result, ...], store: Store) -> None:
        self.results = results
        self._by_node = {result.node: result for result in results}
        self._store = store

    def of(self, node: Node) -> Result:
        """Find how a node came out."""
        return self._by_node[node]

    def value(self, node: Node) -> object:
        """Load a node's value; its `Refusal` where it has none.

        Raises
        ------
        DataError
            If the stored value is damaged. It has then been removed.
        """
        answer = self._by_node[node].answer
        if answer.refusal is not None:
            return answer.refusal
        record = self._store.record(Digest(answer.key))
        with contextlib.suppress(DamagedError):
            if record is not None:
                return self._store.load(record)
        raise DataError(
            f"The stored result of {node.label} was damaged on disk and has been removed.",
            remedy="Run again: it alone, and what hangs on it, is computed anew.",
        )

    @property
    def counts(self) -> dict[How, int]:
        """How many nodes came out how."""
        found = Counter(result.how for result in self.results)
        return {how: found[how] for how in How}

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Each cause once, defects included, in the order of the nodes."""
        causes = (result.answer.refusal for result in self.results)
        return tuple(dict.fromkeys(cause for cause in causes if cause is not None))

    @property
    def exit_status(self) -> int:
        """0, or `DEFECT_STATUS` if the program failed anywhere; a refusal is no failure."""
        return DEFECT_STATUS if self.counts[How.DEFECT] else 0


def run(
    nodes: Iterable[Node],
    store: Store,
    *,
    workers: int,
    threads: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> RunOutcome:
    """Bring every node to its result.

    An interrupt, or a kill, loses only what was being computed.

    Parameters
    ----------
    nodes : iterable of Node
        What is wanted; all they hang on comes with them.
    store : Store
        Taken for this run if the caller has not taken it already.
    workers : int, >= 1
        Processes on this machine.
    threads : int, >= 1
        The most threads a kernel may use in each.
    scheduler : str, optional
        Address of a dask scheduler whose workers see the store and run the same code; *workers*
        then does not matter.
    progress : Progress, optional
        Who is told.

    Returns
    -------
    RunOutcome
        Results of all nodes, those that were not named but needed included.

    Raises
    ------
    DataError
        If another run has the store, the store cannot be written, or the workers cannot work.
    """
    if workers < 1 or threads < 1:
        raise ValueError(f"workers and threads must be >= 1: {workers}, {threads}")
    with store:
        plan = Plan(nodes, store)
        missing = plan.look_up()
        _clear_log(store)
        teller = _Teller(plan, progress)
        if progress is not None:
            progress.planned(nodes=len(plan.nodes), known=len(plan.answers))
        teller.tell(plan.answers)
        if missing:
            crew = _Crew(scheduler, min(workers, len(missing)), threads)
            _compute(plan, crew, teller)
        return RunOutcome(tuple(Result(node, plan.answers[node]) for node in plan.nodes), store)


@dataclass(frozen=True, slots=True)
class _Crew:
    scheduler: str | None
    workers: int
    threads: int


class _Teller:
    """Notes down and passes on each node's result, once."""

    def __init__(self, plan: Plan, progress: Progress | None) -> None:
        self._plan = plan
        self._progress = progress
        self._told: set[Node] = set()

    def tell(self, nodes: Iterable[Node]) -> None:
        for node in [node for node in nodes if node not in self._told]:
            answer = self._plan.answers[node]
            self._told.add(node)
            self._plan.write_note_of(node)
            if answer.traceback:
                log = self._plan.store.results / "log"
                log.mkdir(exist_ok=True)
                (log / log_name(answer.name)).write_text(answer.traceback)
            if self._progress is not None:
                self._progress.settled(Result(node, answer))


def _compute(plan: Plan, crew: _Crew, teller: _Teller) -> None:
    # A warm run never pays for loading dask.
    from operandi.pipeline.cluster import Cluster  # noqa: PLC0415

    plan.write_notes()
    damaged: set[Digest] = set()
    with Cluster(
        plan.store, scheduler=crew.scheduler, workers=crew.workers, threads=crew.threads
    ) as cluster:
        while missing := plan.look_up():
            teller.tell(plan.answers)
            found: set[Digest] = set()
            for node, answer in _round(plan, cluster, missing, threads=crew.threads):
                if isinstance(answer, Held):
                    found |= set(answer.damaged)
                else:
                    plan.settle(node, answer)
                    teller.tell([node])
            _require_progress(plan, missing, found, damaged)
            damaged |= found
            for key in found:
                plan.forget(key)
    teller.tell(plan.answers)


def _round(
    plan: Plan, cluster: "Cluster", nodes: Sequence[Node], *, threads: int
) -> Iterator[tuple[Node, Answer | Held]]:
    orders: dict[str, tuple[Order, tuple[str, ...]]] = {}
    for node in nodes:
        known = plan.inputs_of(node)
        order = Order(
            store=plan.store.folder,
            task=plan.tasks[node],
            inputs=known,
            threads=min(node.step.threads, threads),
            memory_limit=cluster.memory_per_worker,
        )
        awaited = [
            one.label
            for one, answer in zip(node.inputs, known, strict=True)
            if answer is None and isinstance(one, Node)
        ]
        orders[node.label] = (order, tuple(awaited))
    by_label = {node.label: node for node in nodes}
    for label, answer in cluster.answers(orders):
        yield by_label[label], answer


def _require_progress(
    plan: Plan, missing: Sequence[Node], found: set[Digest], before: set[Digest]
) -> None:
    if found & before:
        raise DataError(
            f"The disk under {plan.store.results} does not keep what is written to it.",
            remedy="Have the disk checked, and put the results on another.",
        )
    if not found and not any(node in plan.answers for node in missing):
        raise DataError(
            f"The workers died before any of {len(missing)} nodes was done.",
            remedy="See their logs at the scheduler; give them more memory.",
        )


def _clear_log(store: Store) -> None:
    for log in (store.results / "log").glob("*.txt"):
        log.unlink()
