"""One DICOM writer at a time: which warnings are heard is a setting of the process, not a thread's.

Two threads that each set and restore it would leave the one's setting with the other: a warning
about a name's spelling then lands in the record of a step, or stops it.
"""

import threading
from typing import Final

WRITERS_LOCK: Final = threading.RLock()
