"""What a run has to do: the nodes in order, their keys, and what the store holds already."""

from collections.abc import Iterable, Iterator

from operandi.domain.identity import Digest
from operandi.pipeline.code_digest import NOTE_OF_SYNTAX, Origins
from operandi.pipeline.codec import digest_of
from operandi.pipeline.step import Node, Source, in_order
from operandi.pipeline.store import Record, Store, note_of_code, note_of_last
from operandi.pipeline.task import Answer, Task, inherited_answer, result_key, stored_answer


class Plan:
    """The nodes of a run and what is known of each.

    Parameters
    ----------
    nodes : iterable of Node
        What is wanted; all they hang on comes with them.
    store : Store
        Where results are.
    """

    def __init__(self, nodes: Iterable[Node], store: Store) -> None:
        self.nodes = in_order(nodes)
        self.store = store
        self.origins = Origins(store.note(NOTE_OF_SYNTAX))
        self.answers: dict[Node, Answer] = {}
        self._ran: dict[str, Answer] = {}
        digests: dict[int, Digest] = {}  # nodes share settings by the thousand
        self.tasks = {node: self._task(node, digests) for node in self.nodes}
        inner = {one for node in self.nodes for one in node.inputs if isinstance(one, Node)}
        self._last = {node for node in self.nodes if node not in inner}

    def look_up(self) -> tuple[Node, ...]:
        """Settle every node whose result can be found; return the others, in order."""
        for node in self.nodes:
            if node not in self.answers:
                answer = self._found(node)
                if answer is not None:
                    self.answers[node] = answer
        return tuple(node for node in self.nodes if node not in self.answers)

    def settle(self, node: Node, answer: Answer) -> None:
        """Take a node's answer."""
        self.answers[node] = answer
        if answer.ran and answer.key:
            self._ran[answer.key] = answer

    def forget(self, key: Digest) -> None:
        """Unsettle the node whose stored result was damaged, and all that hang on it."""
        forgotten: set[Node] = set()
        for node in self.nodes:
            answer = self.answers.get(node)
            if (answer and answer.key == key) or not forgotten.isdisjoint(node.inputs):
                forgotten.add(node)
                self.answers.pop(node, None)

    def inputs_of(self, node: Node) -> tuple[Answer | Source | None, ...]:
        """List what is known of a node's inputs; None where nothing is."""
        return tuple(
            one if isinstance(one, Source) else self.answers.get(one) for one in node.inputs
        )

    def write_notes(self) -> None:
        """Note down what digests stand for, so that a later run can explain itself."""
        self.store.write_note(NOTE_OF_SYNTAX, self.origins.as_note())
        self.store.write_note(note_of_code(self.origins.environment), self.origins.libraries)
        for module in {node.step.module for node in self.nodes}:
            parts = self.origins.code_parts(module)
            self.store.write_note(note_of_code(self.origins.code(module)), parts)

    def write_note_of(self, node: Node) -> None:
        """Note down how a node came out in this run, and from what.

        ``key`` is that of its latest result, which may be older: a refusal from upstream has none.
        ``this_run`` is empty then, so that nobody takes the older result for this run's.
        """
        name = note_of_last(node.step.name, node.subject)
        key = self.answers[node].key
        inputs = [
            {"source": one.name, "digest": one.digest}
            if isinstance(one, Source)
            else {"step": one.step.name, "subject": one.subject}
            for one in node.inputs
        ]
        note = {
            "step": node.step.name,
            "subject": node.subject,
            "key": key or self.store.note(name).get("key", ""),
            "this_run": key,
            "inputs": inputs,
        }
        self.store.write_note(name, note)

    def _found(self, node: Node) -> Answer | None:
        inputs = tuple(_known(self.inputs_of(node)))
        if len(inputs) < len(node.inputs):
            return None
        task = self.tasks[node]
        inherited = inherited_answer(task, inputs)
        if inherited is not None:
            return inherited
        record = self._record(node, result_key(task, [one.digest for one in inputs]))
        if record is None:
            return None
        return self._ran.get(record.key) or stored_answer(task, record)

    def _record(self, node: Node, key: Digest) -> Record | None:
        record = self.store.record(key)
        # Inner results are checked when a step reads them; the last ones by nobody but us before
        # they are published.
        if record is not None and node in self._last and not self.store.is_sound(record):
            self.store.discard(key)
            return None
        return record

    def _task(self, node: Node, digests: dict[int, Digest]) -> Task:
        if id(node.settings) not in digests:
            digests[id(node.settings)] = digest_of(node.settings)
        return Task(
            step=node.step.name,
            subject=node.subject,
            function=node.step.function_name,
            version=node.step.version,
            who=node.who,
            accepts_refusals=node.accepts_refusals,
            required_inputs=node.required_inputs,
            threads=node.step.threads,
            settings=node.settings,
            settings_digest=digests[id(node.settings)],
            code=self.origins.code(node.step.module),
            environment=self.origins.environment,
        )


def _known(inputs: Iterable[Answer | Source | None]) -> Iterator[Answer | Source]:
    return (one for one in inputs if one is not None)
