"""What a worker needs to know of a node, the key of its result, and what it answers."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from operandi.domain.identity import Digest
from operandi.pipeline.codec import FORMAT, digest_of
from operandi.pipeline.step import Refusal, Source, label_of
from operandi.pipeline.store import InputRecord, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A node without its upstream, so that it can travel.

    Parameters
    ----------
    step, subject, function, version, who, accepts_refusals, required_inputs, threads, settings
        As in the node and its step; the function by name.
    settings_digest : Digest
        Of the settings.
    code, environment : Digest
        Of the function's module with all it imports, and of the libraries, as the driver sees
        them. A worker that sees others refuses.
    """

    step: str
    subject: str
    function: str
    version: str
    who: str
    accepts_refusals: bool
    required_inputs: int
    threads: int
    settings: object
    settings_digest: Digest
    code: Digest
    environment: Digest

    @property
    def label(self) -> str:
        """Name of the node."""
        return label_of(self.step, self.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a node came out.

    Parameters
    ----------
    name : str
        Label of the node.
    key : str
        Under which its result is stored; empty for one that was not allowed to run or failed.
    digest : Digest
        Of the result: the value's bytes, or the refusal.
    refusal : Refusal or None
        Why there is no value.
    ran : bool
        Whether the function ran in this run.
    wall_s : float
        How long it ran, s.
    traceback : str
        Of a defect.
    """

    name: str
    key: str
    digest: Digest
    refusal: Refusal | None = None
    ran: bool = False
    wall_s: float = 0.0
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A node that cannot be settled in this round, and is tried again in the next.

    Parameters
    ----------
    damaged : tuple of Digest
        Keys of stored inputs found damaged, which are to be computed first. Empty where the cause
        lies further upstream, or a scheduler gave up after workers died.
    """

    damaged: tuple[Digest, ...] = ()


def result_key(task: Task, inputs: Sequence[Digest]) -> Digest:
    """Key of a node's result.

    The digest of the step's module and the package modules it imports, its version, the
    dependency lock, settings, input digests. The inputs count by their results, not by their own
    keys: where a changed upstream gives the same result, nothing below it is computed again. The
    names of function, step and subject are in it so that a record belongs to one node, and the
    format of the stored bytes so that a key never leads to bytes that cannot be read.
    """
    ingredients = [
        FORMAT,
        task.code,
        task.function,
        task.version,
        task.environment,
        task.settings_digest,
        list(inputs),
        task.step,
        task.subject,
    ]
    return Digest(hashlib.sha256(json.dumps(ingredients).encode()).hexdigest())


def stored_answer(task: Task, record: Record, *, ran: bool = False, wall_s: float = 0.0) -> Answer:
    """Answer with what is stored."""
    answer = Answer(
        name=task.label,
        key=record.key,
        digest=record.digest,
        ran=ran,
        wall_s=wall_s,
    )
    if not record.what:
        return answer
    # Who can mend it is not kept: the contact of a site may change without a new result.
    refusal = Refusal(
        step=task.step,
        subject=task.subject,
        what=record.what,
        remedy=record.remedy,
        who=task.who,
    )
    return replace(answer, refusal=refusal, digest=digest_of(refusal))


def inherited_answer(task: Task, inputs: Sequence[Answer | Source]) -> Answer | None:
    """Refuse for the cause that an input was refused for, if that forbids the node to run."""
    forbidding = inputs[: task.required_inputs] if task.accepts_refusals else inputs
    for one in forbidding:
        if isinstance(one, Answer) and one.refusal is not None:
            return Answer(name=task.label, key="", digest=one.digest, refusal=one.refusal)
    return None


def input_records(inputs: Sequence[Answer | Source]) -> tuple[InputRecord, ...]:
    """Say what a result is computed from."""
    return tuple(
        InputRecord(
            name=one.name, key=one.key if isinstance(one, Answer) else "", digest=one.digest
        )
        for one in inputs
    )
