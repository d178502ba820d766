"""The command is killed at any moment, and run again: the results are those of a quiet run."""

import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.studies import published, write_small_study

pytestmark = pytest.mark.slow

psutil: Any = importlib.import_module("psutil")  # comes with dask, without types

KILLS = 20
LONGEST_ORPHAN_S = 15.0
_POLL_S = 0.01


class Run:
    """A run of the command in a process group of its own."""

    def __init__(self, study: Path, *, workers: int = 2) -> None:
        self.study = study
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "operandi", "run", str(study), "--workers", f"{workers}"],
            env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ended_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ended_before_storing(self, results: int) -> bool:
        """Wait until so many results were stored beyond those that were there."""
        enough = stored(self.study) + results
        while stored(self.study) < enough:
            if self.ended_within(_POLL_S):
                return True
        return False

    def others_alive(self) -> list[Any]:
        """List the processes of the group but the first; those that only wait to be reaped, not."""
        alive = []
        for process in psutil.process_iter(["status"]):
            try:
                in_group = os.getpgid(process.pid) == self.process.pid
            except ProcessLookupError:
                continue
            if in_group and process.info["status"] != psutil.STATUS_ZOMBIE:
                alive.append(process)
        return alive

    def kill(self) -> float:
        """Kill the first process alone; return how long the others lived on, s.

        It may have ended by itself in the instant before; its return code tells.
        """
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        killed_s = time.monotonic()
        while self.others_alive() and time.monotonic() < killed_s + LONGEST_ORPHAN_S:
            time.sleep(_POLL_S)
        lived_s = time.monotonic() - killed_s
        for process in self.others_alive():
            process.kill()
        self.process.stderr.close()
        return lived_s

    def finish(self) -> float:
        """Let it end; return how long it ran, s."""
        _, errors = self.process.communicate(timeout=180)
        assert self.process.returncode == 0, errors
        return time.monotonic() - self.started_s


def stored(study: Path) -> int:
    return sum(1 for _ in (study / "results" / ".store").glob("??/*/record.json"))


def test_twenty_kills_change_no_byte_of_the_results(tmp_path: Path) -> None:
    study = tmp_path / "study"
    write_small_study(study)
    whole_run_s = Run(study).finish()
    expected = dict(published(study / "results"))
    nodes = stored(study)
    shutil.rmtree(study / "results")
    chance = random.Random(20250322)  # noqa: S311 - moments, no secrets
    left_behind: list[int] = []
    lived_s: list[float] = []

    while len(left_behind) < KILLS:
        run = Run(study)
        # Half at any instant, most of which are before the first result; half among the results.
        if len(left_behind) % 2:
            ended = run.ended_within(chance.uniform(0.0, whole_run_s))
        else:
            ended = run.ended_before_storing(chance.randint(0, 9))
            ended = ended or run.ended_within(chance.uniform(0.0, 0.1))
        if ended:
            run.finish()
        else:
            lived_s.append(run.kill())
        if run.process.returncode == -signal.SIGKILL:
            left_behind.append(stored(study))
        else:
            assert run.process.returncode == 0
            assert dict(published(study / "results")) == expected
            shutil.rmtree(study / "results")
    Run(study).finish()

    assert dict(published(study / "results")) == expected
    assert max(lived_s) < LONGEST_ORPHAN_S
    # The test tests something: most kills left a study half done.
    assert sum(0 < results < nodes for results in left_behind) >= KILLS / 2
