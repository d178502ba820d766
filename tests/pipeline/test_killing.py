"""A run killed at any moment resumes to the very bytes of a run that was left alone.

A helper process loads the libraries once and forks a child for each run, so that twenty kills take
seconds. Driver and worker are one process here, so that a kill hits the store's writer wherever it
is.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from operandi.pipeline.step import Node
from tests.pipeline import arithmetic as steps
from tests.pipeline.graphs import a_node, files_below

pytestmark = pytest.mark.slow

KILLS = 20

PROGRAM = """
import json, os, random, signal, sys, time
from pathlib import Path
from distributed import LocalCluster
import operandi.pipeline.cluster
from operandi.pipeline.runner import run
from operandi.pipeline.store import Store
from tests.pipeline.test_killing import KILLS, graph

class Pipe:
    def __init__(self, handle):
        self.handle = handle
    def planned(self, *, nodes, known):
        os.write(self.handle, b"p")
    def settled(self, result):
        os.write(self.handle, b"r" if result.answer.ran else b"k")

def run_in_child(folder):
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    try:
        with LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp://",
            host="127.0.0.1", dashboard_address=None, silence_logs=60,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        ) as cluster:
            run(graph(), Store(folder / "store"), workers=1, progress=Pipe(writing),
                scheduler=cluster.scheduler_address)
        os._exit(0)
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)

def ended(child, reading):
    told = b""
    while more := os.read(reading, 1000):
        told += more
    os.close(reading)
    return told, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

chance = random.Random(20)
base = Path(sys.argv[1])
told, status = ended(*run_in_child(base / "undisturbed"))
runs = [[told.count(b"k"), told.count(b"r"), status]]
kills = [0]
while sum(kills) < KILLS:
    # Four kills in a row wear one run out; then the next begins.
    if kills[-1] == 4:
        kills.append(0)
    folder = base / f"killed-{len(kills) - 1}"
    child, reading = run_in_child(folder)
    told = b""
    for _ in range(chance.randrange(1, 12)):
        told += os.read(reading, 1)
    time.sleep(chance.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    more, status = ended(child, reading)
    if status == -signal.SIGKILL:
        runs.append([(told + more).count(b"k"), (told + more).count(b"r"), status])
        kills[-1] += 1
    else:  # it ended in the instant before
        assert status == 0, (status, folder)
        kills.append(0)
for number in range(len(kills)):
    told, status = ended(*run_in_child(base / f"killed-{number}"))
    runs.append([told.count(b"k"), told.count(b"r"), status])
print(json.dumps(runs))
"""


def graph() -> tuple[Node, ...]:
    """Forty nodes of a few hundred kilobytes, eight chains of five."""
    ends = []
    for seed in range(8):
        node = a_node(steps.noise, f"{seed}/0", settings={"seed": seed, "size": 40_000})
        for link in range(1, 5):
            settings = {"factor": 1.0 + link, "delay_s": 0.004}
            node = a_node(steps.grown, f"{seed}/{link}", (node,), settings=settings)
        ends.append(node)
    return tuple(ends)


def test_twenty_kills_at_random_moments_change_no_byte(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    (undisturbed, *killed), resumed = split(json.loads(done.stdout))

    assert undisturbed == [0, 40, 0]
    # The test tests something: kills hit runs that had some nodes done and others not.
    assert [status for _, _, status in killed] == KILLS * [-9]
    assert sum(0 < known + ran < 40 for known, ran, _ in killed) >= KILLS / 2
    assert all(known > 0 and known + ran == 40 and status == 0 for known, ran, status in resumed)
    expected = files_below(tmp_path / "undisturbed" / "store")
    assert len(expected) > 120
    for number in range(len(resumed)):
        assert files_below(tmp_path / f"killed-{number}" / "store") == expected


def split(runs: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
    return runs[: 1 + KILLS], runs[1 + KILLS :]
