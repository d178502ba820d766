"""A cluster of processes of its own, as a study folder gets it. Each start takes seconds."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from operandi.pipeline.runner import How, run
from operandi.pipeline.step import Node
from operandi.pipeline.store import Store
from tests.pipeline import arithmetic as steps
from tests.pipeline.graphs import a_node, a_source

pytestmark = pytest.mark.slow

psutil: Any = importlib.import_module("psutil")  # comes with dask, without types

PROGRAM = """
import contextlib, json, os, sys
from pathlib import Path
import psutil
from operandi.pipeline.runner import run
from operandi.pipeline.store import Store
from tests.pipeline import test_processes

class Listening:
    def __init__(self):
        self.addresses = set()
    def planned(self, *, nodes, known):
        pass
    def settled(self, result):
        me = psutil.Process()
        for process in (me, *me.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.addresses |= {
                    one.laddr.ip for one in process.net_connections() if one.status == "LISTEN"
                }
        print(json.dumps([result.node.label, result.how]), flush=True)

progress = Listening()
before = dict(os.environ)
nodes = getattr(test_processes, sys.argv[2])()
workers = int(sys.argv[3])
outcome = run(nodes, Store(Path(sys.argv[1])), workers=workers, threads=2, progress=progress)
print(json.dumps({
    "listening": sorted(progress.addresses),
    "threads": [outcome.value(node) for node in nodes if node.step.name == "threads_seen"],
    "refusals": [cause.what for cause in outcome.refusals],
    "environment kept": before == dict(os.environ),
}))
"""


def mixed() -> tuple[Node, ...]:
    """One node that kills its worker, one below it, and siblings that must not suffer."""
    one = a_node(steps.number, "one", (a_source("1"),))
    killed = a_node(steps.killed, "killed", (one,))
    siblings = [
        a_node(steps.slow, f"{number}", (one,), settings={"delay_s": 0.01}) for number in range(12)
    ]
    return (a_node(steps.threads_seen), killed, a_node(steps.total, "below", (killed,)), *siblings)


def slow_ones() -> tuple[Node, ...]:
    one = a_node(steps.number, "one", (a_source("1"),))
    return tuple(
        a_node(steps.slow, f"{number}", (one,), settings={"delay_s": 0.2}) for number in range(30)
    )


def start(store: Path, nodes: str, *, workers: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(store), nodes, str(workers)],
        env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A test run that was started in the background hands on that interrupts are ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def under_way(program: subprocess.Popen[str]) -> list[Any]:
    """Wait until three nodes are settled; return the program's children."""
    assert program.stdout is not None
    for _ in range(3):
        assert program.stdout.readline().startswith("[")
    children: list[Any] = psutil.Process(program.pid).children(recursive=True)
    return children


def assert_resumes(store: Path, scheduler: str) -> None:
    nodes = slow_ones()
    outcome = run(nodes, Store(store), workers=1, scheduler=scheduler)

    assert outcome.counts[How.REUSED] >= 3
    assert outcome.counts[How.COMPUTED] >= 3
    assert [outcome.value(node) for node in nodes] == 30 * [1]


def test_a_worker_that_dies_takes_only_its_node_with_it(tmp_path: Path) -> None:
    program = start(tmp_path / "store", "mixed", workers=2)
    printed, errors = program.communicate(timeout=300)
    assert errors == ""
    lines = [json.loads(line) for line in printed.splitlines()]
    settled: dict[str, str] = dict(lines[:-1])
    told: dict[str, Any] = lines[-1]

    assert {label for label, how in settled.items() if how == How.DEFECT} == {
        "killed:killed",
        "total:below",
    }
    # What a dead worker had stored but not reported counts as reused.
    assert set(settled.values()) <= {How.DEFECT, How.COMPUTED, How.REUSED}
    assert len(settled) == len(lines) - 1 == 16
    assert len(told["refusals"]) == 1
    assert (
        "worker process died each time it ran this, most likely out of memory"
        in (told["refusals"][0])
    )
    # And while at it: loopback only, threads held back, nothing printed, nothing left behind.
    assert told["listening"] == ["127.0.0.1"]
    assert told["threads"] == [
        {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2", "POLARS_MAX_THREADS": "2"}
    ]
    assert told["environment kept"]


def test_a_killed_run_leaves_no_process_and_resumes(tmp_path: Path, scheduler: str) -> None:
    program = start(tmp_path / "store", "slow_ones")
    children = under_way(program)
    assert len(children) >= 2

    program.kill()
    program.communicate(timeout=60)

    assert psutil.wait_procs(children, timeout=60)[1] == []
    assert_resumes(tmp_path / "store", scheduler)


def test_an_interrupted_run_ends_soon_and_resumes(tmp_path: Path, scheduler: str) -> None:
    """Ctrl-C in a terminal reaches every process of the command at once."""
    program = start(tmp_path / "store", "slow_ones")
    children = under_way(program)

    started = time.monotonic()
    os.killpg(program.pid, signal.SIGINT)
    _, errors = program.communicate(timeout=60)

    assert program.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1
    assert errors.endswith("KeyboardInterrupt\n")
    assert time.monotonic() - started < 30
    assert psutil.wait_procs(children, timeout=30)[1] == []
    assert_resumes(tmp_path / "store", scheduler)
