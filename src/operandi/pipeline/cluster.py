"""Workers on dask.distributed: a cluster of processes here, or a scheduler somewhere else.

Only this module imports dask, and only a run that has something to compute imports this module.
"""

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from multiprocessing.resource_tracker import ensure_running
from pathlib import Path
from typing import Any, Final, Self

import dask
from distributed import Client, KilledWorker, LocalCluster, Worker, WorkerPlugin, as_completed
from distributed.system import MEMORY_LIMIT

from operandi.pipeline.store import Store
from operandi.pipeline.task import Answer, Held
from operandi.pipeline.worker import Order, perform
from operandi.quantities.errors import DataError

_SILENT: Final = logging.CRITICAL + 1
_START_S: Final = 300
_WAIT_FOR_WORKERS_S: Final = 60
_WITHOUT_WORKERS_S: Final = 120
_POLL_S: Final = 0.02
_CLOSING_S: Final = 1.0
_MEMORY_FOR_WORKERS: Final = 0.9
"""Of the machine's; the rest is the driver's and the system's."""

_DASK: Final = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.diagnostics.nvml": False,
    # Dask holds no values here, so there is nothing to spill, and pausing would wait for ever.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    # A kernel may hold the interpreter for minutes: no heartbeat, and still alive.
    "distributed.scheduler.worker-ttl": None,
    # A worker takes with it all tasks that waited for it, and dask would blame each of them. The
    # store knows which one ran.
    "distributed.scheduler.allowed-failures": 1000,
    # Dask means this for batch jobs: a worker that dies again while it restarts would be given up.
    "distributed.deploy.lost-worker-timeout": "365 days",
    "distributed.admin.large-graph-warning-threshold": "1 GB",
}


class Cluster:
    """Workers for one run; a context.

    Parameters
    ----------
    store : Store
        Where they find inputs and leave results.
    scheduler : str or None
        Address of a scheduler, or None for processes on this machine.
    workers : int
        How many processes; of a scheduler's workers all are used.
    threads : int
        How many threads a kernel may use in each.
    """

    def __init__(self, store: Store, *, scheduler: str | None, workers: int, threads: int) -> None:
        self._store = store
        self._log = store.results / "log" / "workers.txt"
        self._scheduler = scheduler
        self._workers = workers
        self._threads = threads
        self._client: Any = None
        self._closing = contextlib.ExitStack()

    @property
    def memory_per_worker(self) -> int | None:
        """Bytes at which a worker is stopped; None where that is a scheduler's matter."""
        if self._scheduler is not None:
            return None
        return int(MEMORY_LIMIT * _MEMORY_FOR_WORKERS / self._workers)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            if self._scheduler is None:
                address = opening.enter_context(self._local())
                self._client = opening.enter_context(_client(address))
                self._client.register_plugin(_Quiet(self._log))
            else:
                self._client = opening.enter_context(_client(self._scheduler))
                self._shake_hands()
            self._closing = opening.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._closing.__exit__(*exception)

    def answers(
        self, orders: Mapping[str, tuple[Order, tuple[str, ...]]]
    ) -> Iterator[tuple[str, Answer | Held]]:
        """Carry out orders, each after those it names, and yield their answers as they come.

        Raises
        ------
        DataError
            What a worker raises that is no matter of one node.
        """
        # One scheduler may serve several runs, which must not take one another's answers.
        prefix = uuid.uuid4().hex
        graph = {
            f"{prefix}/{name}": (perform, order, [f"{prefix}/{one}" for one in awaited])
            for name, (order, awaited) in orders.items()
        }
        futures = self._client.get(graph, list(graph), sync=False)
        try:
            for future, result in self._completed(futures):
                yield future.key.removeprefix(f"{prefix}/"), _outcome(result)
        finally:
            self._client.cancel(futures)

    def _completed(self, futures: list[Any]) -> Iterator[tuple[Any, Any]]:
        completed = as_completed(
            futures, loop=self._client.loop, with_results=True, raise_errors=False
        )
        seen_at = time.monotonic()
        while not completed.is_empty():
            if completed.has_ready():
                yield next(completed)
                seen_at = time.monotonic()
            else:
                time.sleep(_POLL_S)
                # A scheduler elsewhere may get new workers hours later; ours restarts them.
                if self._scheduler is None and time.monotonic() > seen_at + _WITHOUT_WORKERS_S:
                    self._require_workers()
                    seen_at = time.monotonic()

    def _require_workers(self) -> None:
        if not self._client.scheduler_info()["workers"]:
            raise DataError(
                "The worker processes died and cannot be started again.",
                remedy=f"See {self._log.relative_to(self._store.results)} in the results folder.",
            )

    @contextlib.contextmanager
    def _local(self) -> Iterator[Any]:
        count = str(self._threads)
        # BLAS counts its threads when NumPy is loaded, which is before "env" takes effect.
        blas = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), count)
        spawning = {"distributed.nanny.pre-spawn-environ": blas}
        with contextlib.ExitStack() as closing:
            closing.callback(_restore, dict(os.environ), self._log)
            closing.enter_context(dask.config.set(_DASK | spawning))
            try:
                with _interrupts_deferred():
                    cluster = self._started(count)
                    closing.callback(_stop, cluster)
            except (OSError, RuntimeError, TimeoutError) as error:
                raise DataError(f"The worker processes cannot be started: {error}.") from error
            yield cluster

    def _started(self, count: str) -> Any:
        return LocalCluster(
            n_workers=self._workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            # Without it the scheduler's health page takes port 8787.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            silence_logs=_SILENT,
            memory_limit=self.memory_per_worker,
            death_timeout=_START_S,
            env={
                "NUMBA_NUM_THREADS": count,
                "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": count,
                "POLARS_MAX_THREADS": count,
            },
        )

    def _shake_hands(self) -> None:
        """Make sure that a scheduler's workers see this store."""
        try:
            self._client.wait_for_workers(1, timeout=_WAIT_FOR_WORKERS_S)
        except TimeoutError:
            raise DataError(
                f"The scheduler at {self._scheduler} has no workers.",
                remedy="Start workers for it; they must see the results folder.",
            ) from None
        name, token = f"handshake-{uuid.uuid4().hex}", uuid.uuid4().hex
        note = self._store.folder / "tmp" / f"{name}.json"
        self._store.write_note(f"tmp/{name}", {"token": token})
        try:
            seen = self._client.run(_token_seen, self._store.folder, f"tmp/{name}")
        finally:
            note.unlink(missing_ok=True)
        blind = sorted(address for address, found in seen.items() if found != token)
        if blind:
            raise DataError(
                f"{len(blind)} of {len(seen)} workers do not see the results folder "
                f"{self._store.results}, the first at {blind[0]}.",
                remedy="Put the results folder on a disk that all workers share under one path.",
            )


def _client(address: Any) -> Any:
    try:
        return Client(address, set_as_default=False, timeout=_WAIT_FOR_WORKERS_S)
    except OSError as error:
        raise DataError(
            f"No scheduler answers at {address}.",
            remedy="Start one with `dask scheduler`, or leave the address out.",
        ) from error


def _outcome(result: object) -> Answer | Held:
    # Not by the future's status: that falls back when the worker dies after it has answered.
    if isinstance(result, Answer | Held):
        return result
    error = result[1] if isinstance(result, tuple) else result
    if isinstance(error, KilledWorker | CancelledError):
        return Held()  # a scheduler that allows few failures, or that forgot
    if isinstance(error, Exception):
        raise error
    raise TypeError(f"a worker answered {result!r}")


def _token_seen(folder: Path, name: str) -> object:
    return Store(folder).note(name).get("token")


def _stop(cluster: Any) -> None:
    # A worker may be deep in a kernel after an interrupt: do not wait for it.
    cluster.sync(_stop_workers, cluster)
    cluster.close()


async def _stop_workers(cluster: Any) -> None:
    closing = [nanny.close(timeout=_CLOSING_S) for nanny in cluster.workers.values()]
    await asyncio.gather(*closing, return_exceptions=True)


def _restore(environment: dict[str, str], log: Path) -> None:
    # Dask sets the variables of the workers here too.
    os.environ.clear()
    os.environ.update(environment)
    if log.is_file() and not log.stat().st_size:
        log.unlink()


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Keep Ctrl-C, which a terminal sends to every process, from workers; take it once they run.

    Threads that start here, and the processes that they start now or later, inherit the mask.
    """
    ensure_running()  # it would lift the mask, were it to start the resource tracker later
    arrived: list[int] = []
    # Any other thread may receive the signal in spite of the mask; the handler runs in the main.
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda *_: arrived.append(1)) if in_main else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main:
            signal.signal(signal.SIGINT, handler)
    if arrived:
        raise KeyboardInterrupt


class _Quiet(WorkerPlugin):
    """Turns what a worker's libraries print, and its last words in a crash, into a log file."""

    name = "operandi-quiet"

    def __init__(self, log: Path) -> None:
        self._log = log

    def setup(self, worker: Worker) -> None:
        self._log.parent.mkdir(exist_ok=True)
        sys.stdout.flush()
        sys.stderr.flush()
        handle = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        for stream in (1, 2):
            os.dup2(handle, stream)
        os.close(handle)
        faulthandler.enable()
