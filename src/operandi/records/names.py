"""Names of the tables that images need, and what a participant's code looks like."""

from typing import Final

IMAGE_TABLES: Final = (
    "participants",
    "imaging_visits",
    "vitals",
    "tracer_administrations",
    "cycles",
    "reference_regions",
)
"""Those without which a visit's images cannot be measured; all tables are ``rows.ROWS``."""

PSEUDONYM: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{1,31}"
"""What a participant's code looks like, as a regular expression."""
