"""Work among processes: order, names of failures, and nobody left behind."""

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from operandi.quantities.errors import DataError
from operandi.simulation.processes import each

LONG_S = 600.0


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_are_counted(workers: int) -> None:
    told: list[tuple[int, int]] = []

    found = list(
        each(
            math.sqrt,
            [16.0, 4.0, 9.0],
            workers=workers,
            tell=lambda done, of: told.append((done, of)),
        )
    )

    assert found == [4.0, 2.0, 3.0]
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_has_the_name_of_its_item(workers: int) -> None:
    with pytest.raises(RuntimeError, match="two: ValueError: invalid literal"):
        list(each(int, ["1", "two", "3"], workers=workers, name=str))


def test_a_refusal_keeps_its_remedy_and_gains_the_name() -> None:
    def refuse(_: str) -> None:
        raise DataError("No room.", remedy="Make room.")

    with pytest.raises(DataError) as refused:
        list(each(refuse, ["OP-002"], workers=1, name=str))

    assert (refused.value.what, refused.value.remedy) == ("OP-002: No room.", "Make room.")


def test_a_full_disk_stays_a_matter_of_the_disk() -> None:
    def full(_: str) -> None:
        raise OSError(28, "No space left on device", "some.dcm")

    with pytest.raises(OSError, match="No space left") as found:
        list(each(full, ["OP-002"], workers=1, name=str))

    assert found.value.errno == 28


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_ends_the_processes_whatever_they_are_at(stop: type[BaseException]) -> None:
    before = set(multiprocessing.active_children())
    running: set[object] = set()

    def interrupted(_: int, __: int) -> None:
        running.update(set(multiprocessing.active_children()) - before)
        raise stop

    with pytest.raises(stop):
        list(each(time.sleep, [0.0, LONG_S, LONG_S], workers=2, tell=interrupted))

    assert len(running) == 2
    # Two threads wait for the same child; the one that lost learns of its end a moment later.
    deadline = time.monotonic() + 30.0
    while set(multiprocessing.active_children()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(multiprocessing.active_children()) <= before


def test_a_process_that_the_machine_ends_is_a_refusal() -> None:
    with pytest.raises(DataError, match="ended by the machine") as refused:
        list(each(os._exit, [1, 1, 1], workers=2))

    assert "--workers" in refused.value.remedy


_PARENT = """
import multiprocessing, time
from operandi.simulation.processes import each

def told(done, of):
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)

if __name__ == "__main__":
    list(each(time.sleep, [0.0, 600.0, 600.0], workers=2, tell=told))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_processes_end_with_a_parent_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert len(children) == 2
        # The pipe ends once nobody holds its other end.
        assert parent.stdout.read() == b""
