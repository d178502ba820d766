"""Libraries whose warnings are not heard, one thread at a time.

Which warnings are heard is a setting of the process, not of a thread. Two threads that each set and
restore it would leave the one's setting with the other: a warning about a name's spelling then
stops a step that has nothing to do with it.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOCK: Final = threading.RLock()


@contextmanager
def warnings_unheard() -> Iterator[None]:
    """Let a library warn about values that are not ours, such as a name's spelling."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def warnings_refused() -> Iterator[None]:
    """Turn a library's warning about what we wrote into an error."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
