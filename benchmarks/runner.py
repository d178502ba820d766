"""Time of the runner itself: tiny nodes, cold and warm, beside plain dask and joblib.Memory.

Run from the checkout: ``python -m benchmarks.runner [patients]``. Each patient has eight nodes, so
250 make the 2,000 of the target: warm under 5 ms a node. Prints wall and CPU time of the driver;
on a machine that does other work only the CPU time says much. joblib is timed if it is installed.
"""

import importlib
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from operandi.pipeline.runner import How, run
from operandi.pipeline.step import Node, Step
from operandi.pipeline.store import Store

TARGET_MS = 5.0
CHAIN = 7


def seeded(settings: dict[str, int]) -> float:
    """Begin a chain."""
    return float(settings["patient"])


def increased(value: float) -> float:
    """Go one link further."""
    return value + 1.0


def chains(patients: int) -> tuple[Node, ...]:
    """Build a chain of eight nodes for each patient."""
    first = Step(name="seeded", function=seeded, version="1", title="begin")
    links = [
        Step(name=f"link {number}", function=increased, version="1", title="go on")
        for number in range(CHAIN)
    ]
    ends = []
    for patient in range(patients):
        subject = f"P-{patient:04d}"
        node = Node(step=first, subject=subject, settings={"patient": patient})
        for link in links:
            node = Node(step=link, subject=subject, inputs=(node,))
        ends.append(node)
    return tuple(ends)


def timed(what: str, count: int, work: Callable[[], Any]) -> float:
    """Print and return the wall time per node, ms."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what:32} {1e3 * wall / count:8.3f} ms a node, {1e3 * cpu / count:8.3f} ms CPU here")
    return 1e3 * wall / count


def time_ours(patients: int, count: int) -> tuple[float, float]:
    """Time a first and a second run, the start of the workers included."""
    nodes = chains(patients)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        cold = timed("operandi, cold", count, lambda: run(nodes, store, workers=2))
        warm = timed("operandi, warm", count, lambda: _all_reused(nodes, store, count))
    return cold, warm


def _all_reused(nodes: tuple[Node, ...], store: Store, count: int) -> None:
    outcome = run(nodes, store, workers=2)
    assert outcome.counts[How.REUSED] == count


def time_dask(patients: int, count: int) -> float:
    """Time plain dask, which keeps nothing, the start of the workers included."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - after the warm run

    graph: dict[str, Any] = {}
    for patient in range(patients):
        graph[f"{patient}-0"] = (seeded, {"patient": patient})
        for link in range(CHAIN):
            graph[f"{patient}-{link + 1}"] = (increased, f"{patient}-{link}")

    def work() -> None:
        with (
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                silence_logs=60,
            ) as cluster,
            Client(cluster) as client,
        ):
            client.get(graph, list(graph))

    return timed("plain dask, keeps nothing", count, work)


def time_joblib(patients: int, count: int) -> tuple[float, float]:
    """Time joblib.Memory in one process: no graph, no workers, no record of where from."""
    joblib: Any = importlib.import_module("joblib")

    with tempfile.TemporaryDirectory() as folder:
        memory = joblib.Memory(folder, verbose=0)
        first, link = memory.cache(seeded), memory.cache(increased)

        def work() -> None:
            for patient in range(patients):
                # A thousand apart, so that no two chains share a value and thereby a call.
                value = first({"patient": 1000 * patient})
                for _ in range(CHAIN):
                    value = link(value)

        cold = timed("joblib.Memory, cold", count, work)
        return cold, timed("joblib.Memory, warm", count, work)


def main() -> None:
    """Print the times and their ratios."""
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else 250
    count = patients * (CHAIN + 1)
    print(f"{count} nodes, 2 workers")
    cold, warm = time_ours(patients, count)
    dask_cold = time_dask(patients, count)
    print(f"cold: {cold / dask_cold:.2f} x plain dask")
    if importlib.util.find_spec("joblib") is not None:
        joblib_cold, joblib_warm = time_joblib(patients, count)
        print(f"cold: {cold / joblib_cold:.2f} x joblib, warm: {warm / joblib_warm:.2f} x joblib")
    else:
        print("joblib is not installed")
    verdict = "met" if warm < TARGET_MS else "MISSED"
    print(f"target, warm under {TARGET_MS:.0f} ms a node: {verdict}, {warm:.3f} ms")


if __name__ == "__main__":
    # The workers import the steps by name, so they must not be those of __main__.
    importlib.import_module("benchmarks.runner").main()
