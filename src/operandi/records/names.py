"""Names of the tables, and what a participant's code looks like."""

from typing import Final

TABLE_NAMES: Final = (
    "participants",
    "imaging_visits",
    "vitals",
    "tracer_administrations",
    "cycles",
    "reference_regions",
)
"""Every table that is read, in the order in which they are reported."""

PSEUDONYM: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{1,31}"
"""What a participant's code looks like, as a regular expression."""
