"""A scheduler with one worker in threads of this process, which starts in a tenth of a second.

One a module: its threads draw from ``random``, which Hypothesis takes for an unsteady strategy
where both run in one process.
"""

from collections.abc import Iterator

import pytest
from distributed import LocalCluster


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
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
