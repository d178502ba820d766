"""Work shared among processes: results in order, failures with a name, no process left behind."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from typing import Final, TypeVar

from operandi.quantities.errors import DataError, OperandiError

Progress = Callable[[str, int, int], None]
"""Called with (what is done, how many, of how many)."""
_A = TypeVar("_A")
_B = TypeVar("_B")

_FEW: Final = 3
"""Items below this many are not worth the start of a process."""


def each(
    work: Callable[[_A], _B],
    items: Sequence[_A],
    *,
    workers: int,
    tell: Callable[[int, int], None] | None = None,
    name: Callable[[_A], str] | None = None,
) -> Iterator[_B]:
    """Results in order, computed by processes where there are more than one.

    An interrupt or a failure ends all processes, whatever they are at.

    Parameters
    ----------
    work : callable
        Can be pickled where there are several workers.
    items : sequence
    workers : int, >= 1
        Processes; with one, all is done in this one.
    tell : callable, optional
        Called with (done, of how many) after each.
    name : callable, optional
        What an item is called where its work fails.

    Raises
    ------
    DataError
        If a process is ended by the machine, as where there is too little memory.
    """
    named = work if name is None else partial(_named, work, name)
    alone = workers == 1 or len(items) < _FEW
    found = _alone(named, items) if alone else _shared(named, items, workers=workers)
    # Closed here and now: an interrupt in tell must not wait until the memory is tidied.
    with closing(found) as results:
        for number, result in enumerate(results, start=1):
            yield result
            if tell is not None:
                tell(number, len(items))


def _alone(work: Callable[[_A], _B], items: Sequence[_A]) -> Generator[_B, None, None]:
    yield from map(work, items)


def _shared(
    work: Callable[[_A], _B], items: Sequence[_A], *, workers: int
) -> Generator[_B, None, None]:
    before = {child.pid for child in multiprocessing.active_children()}
    # Spawned, so that no process inherits threads or open files.
    pool = ProcessPoolExecutor(
        min(workers, len(items)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
    )
    try:
        for waiting in [pool.submit(work, item) for item in items]:
            yield waiting.result()
    except BaseException as failure:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            if child.pid not in before:
                child.terminate()
                child.join()
        if isinstance(failure, BrokenProcessPool):
            raise DataError(
                "A process was ended by the machine, as happens where memory is short.",
                remedy="Run again with fewer --workers; what was finished is kept.",
            ) from failure
        raise
    pool.shutdown()


def _begin() -> None:
    """Leave interrupts to the parent, and end with it even where it had no time to say so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _named(work: Callable[[_A], _B], name: Callable[[_A], str], item: _A) -> _B:
    try:
        return work(item)
    except OperandiError as refusal:
        raise type(refusal)(f"{name(item)}: {refusal.what}", remedy=refusal.remedy) from refusal
    except OSError:
        # Names its file, and with it the participant; its number tells a full disk from a defect.
        raise
    except Exception as defect:
        raise RuntimeError(f"{name(item)}: {type(defect).__name__}: {defect}") from defect
