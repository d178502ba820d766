"""A scheduler with one worker in threads of this process, which starts in a tenth of a second.

One a module: its threads draw from ``random``, which Hypothesis takes for an unsteady strategy
where both run in one process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import LocalCluster

from tests.pipeline.studies import run_it, write_small_study


@contextmanager
def _own_scheduler() -> Iterator[str]:
    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        silence_logs=60,
    ) as cluster:
        yield str(cluster.scheduler_address)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with _own_scheduler() as address:
        yield address


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study with its results, for every module: copy it to change it."""
    folder = tmp_path_factory.mktemp("sound") / "study"
    write_small_study(folder)
    with _own_scheduler() as address:
        run_it(folder, address)
    return folder
