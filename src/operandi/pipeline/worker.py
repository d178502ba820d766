"""What a worker does with one node: look it up, load its inputs, run it, store the result.

Values travel through the store. The scheduler carries only tasks and answers.
"""

import contextlib
import functools
import hashlib
import importlib
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from operandi.domain.identity import Digest
from operandi.pipeline.code_digest import NOTE_OF_SYNTAX, Origins
from operandi.pipeline.codec import described, digest_of, digest_of_parts, encoded_parts
from operandi.pipeline.step import Refusal, Source, label_of
from operandi.pipeline.store import DamagedError, Record, Store
from operandi.pipeline.task import (
    Answer,
    Held,
    Task,
    inherited_answer,
    input_records,
    result_key,
    stored_answer,
)
from operandi.quantities.errors import DataError, OperandiError

_BYTES_PER_MIB: Final = 2**20
_BYTES_PER_GIB: Final = 2**30

_ATTEMPTS: Final = 2
"""How often a node may take its worker with it before it is given up."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """A task for a worker.

    Parameters
    ----------
    store : Path
        Folder of the store, the same for driver and workers.
    task : Task
        What to do.
    inputs : tuple of Answer, Source or None
        What is known of the inputs; None for each that another order of the same round makes.
    threads : int
        How many threads a kernel may use.
    memory_limit : int or None
        At how many bytes the worker is stopped, if that is known.
    """

    store: Path
    task: Task
    inputs: tuple[Answer | Source | None, ...]
    threads: int
    memory_limit: int | None = None


def perform(order: Order, upstream: Sequence[Answer | Held]) -> Answer | Held:
    """Settle one node.

    Parameters
    ----------
    order : Order
        The node and what the driver knew.
    upstream : sequence of Answer or Held
        What became of the inputs that the driver did not know, in order.

    Raises
    ------
    DataError
        If this process runs other code than the driver, or the store cannot be written.
    """
    arriving = iter(upstream)
    filled = [next(arriving) if one is None else one for one in order.inputs]
    inputs = [one for one in filled if not isinstance(one, Held)]
    if len(inputs) < len(filled):
        return Held()
    task, store = order.task, Store(order.store)
    inherited = inherited_answer(task, inputs)
    if inherited is not None:
        return inherited
    key = result_key(task, [one.digest for one in inputs])
    record = store.record(key)
    if record is not None:
        return stored_answer(task, record)
    # The scheduler gives the task of a worker that died to another worker, and would to the last.
    # The count stays then: this worker may die beside another node before it has answered.
    if store.attempt(task.label) >= _ATTEMPTS:
        return _fatal(order)
    values, damaged = _load(store, inputs)
    answer = Held(damaged) if damaged else _run(order, store, inputs, values)
    store.attempted(task.label)
    return answer


def _defect_answer(task: Task, what: str, *, remedy: str, who: str, text: str = "") -> Answer:
    refusal = Refusal(
        step=task.step,
        subject=task.subject,
        what=what,
        remedy=remedy,
        who=who,
        defect=True,
    )
    return Answer(
        name=task.label,
        key="",
        digest=digest_of(refusal),
        refusal=refusal,
        ran=True,
        traceback=text,
    )


def _fatal(order: Order) -> Answer:
    limit = order.memory_limit
    memory = f" (each worker may use {limit / _BYTES_PER_GIB:.1f} GiB)" if limit else ""
    return _defect_answer(
        order.task,
        f"The worker process died each time it ran this, most likely out of memory{memory}.",
        remedy="Run with fewer workers, so that each has more memory.",
        who="whoever runs the program",
    )


def log_name(label: str) -> str:
    """File name under which a node's traceback is kept."""
    readable = "".join(c if c.isalnum() or c in "-_." else "-" for c in label)
    return f"{readable}-{hashlib.sha256(label.encode()).hexdigest()[:8]}.txt"


def _load(
    store: Store, inputs: Sequence[Answer | Source]
) -> tuple[list[object], tuple[Digest, ...]]:
    values: list[object] = []
    damaged: list[Digest] = []
    for one in inputs:
        if isinstance(one, Source):
            values.append(one.value)
        elif one.refusal is not None:
            values.append(one.refusal)
        else:
            key = Digest(one.key)
            record = store.record(key)
            with contextlib.suppress(DamagedError):
                if record is not None and record.digest == one.digest:
                    values.append(store.load(record))
                    continue
            damaged.append(key)
    return values, tuple(damaged)


def _run(
    order: Order, store: Store, inputs: Sequence[Answer | Source], values: list[object]
) -> Answer:
    task = order.task
    function = _imported(order)
    _allow_threads(order.threads)
    arguments = values if task.settings is None else [*values, task.settings]
    parts: list[bytes | memoryview] = []
    what = remedy = ""
    started = time.perf_counter()
    try:
        parts = encoded_parts(function(*arguments))
    except OperandiError as error:
        what, remedy = error.what or type(error).__name__, error.remedy
    except Exception as error:  # noqa: BLE001 - one scan's defect must not stop the others
        return _defect_answer(
            task,
            f"The program failed here: {type(error).__name__}: {error}",
            remedy=f"Report it, with log/{log_name(task.label)} from the results folder.",
            who="whoever maintains the program",
            text=traceback.format_exc(),
        )
    wall_s = time.perf_counter() - started
    refused = Refusal(step=task.step, subject=task.subject, what=what, remedy=remedy)
    record = Record(
        step=task.step,
        subject=task.subject,
        function=task.function,
        version=task.version,
        key=result_key(task, [one.digest for one in inputs]),
        code=task.code,
        environment=task.environment,
        settings=described(task.settings),
        inputs=input_records(inputs),
        digest=digest_of(refused) if what else digest_of_parts(parts),
        size=sum(map(len, parts)),
        what=what,
        remedy=remedy,
    )
    return stored_answer(task, _saved(store, record, parts), ran=True, wall_s=wall_s)


def _saved(store: Store, record: Record, parts: Sequence[bytes | memoryview]) -> Record:
    try:
        return store.save(record, parts)
    except OSError as error:
        raise DataError(
            f"The result of {label_of(record.step, record.subject)} "
            f"({record.size / _BYTES_PER_MIB:.0f} MiB) cannot be written: {error.strerror}.",
            remedy="Make room for the results folder, or make it writable, and run again.",
        ) from error


def _imported(order: Order) -> Callable[..., object]:
    """Find the function, and make sure that it is the one the driver means."""
    name, _, qualname = order.task.function.partition(":")
    found: Any = importlib.import_module(name)
    origins = _origins(order.store)
    if origins.environment != order.task.environment:
        raise DataError(
            "A worker runs with other versions of Python or its libraries than this command.",
            remedy="Start the workers from the same environment.",
        )
    if origins.code(name) != order.task.code:
        raise DataError(
            f"A worker runs another version of {name}, or of a module that it imports.",
            remedy="The program changed while it ran: run again, with workers started anew.",
        )
    for part in qualname.split("."):
        found = getattr(found, part)
    function: Callable[..., object] = found
    return function


@functools.cache
def _origins(store: Path) -> Origins:
    return Origins(Store(store).note(NOTE_OF_SYNTAX))


def _allow_threads(count: int) -> None:
    """Hold the libraries that a step has imported to *count* threads."""
    # Imported again, because another thread may be in the middle of it: that waits for the end.
    if "numba" in sys.modules:
        numba = importlib.import_module("numba")
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
    if "SimpleITK" in sys.modules:
        simple_itk = importlib.import_module("SimpleITK")
        simple_itk.ProcessObject.SetGlobalDefaultNumberOfThreads(count)
