"""Identifiers. Each is a NewType, so that one cannot be passed where another is meant."""

from typing import NewType

Pseudonym = NewType("Pseudonym", str)
"""A participant's study code. Identity lives elsewhere."""

TimepointCode = NewType("TimepointCode", str)
"""A visit declared by the study file, such as ``BASELINE``."""

SeriesUid = NewType("SeriesUid", str)
LesionId = NewType("LesionId", str)
"""A lesion's name at its visit. One identity over all visits needs tracking, which is to come."""

Digest = NewType("Digest", str)
"""SHA-256 in hexadecimal."""

NOT_A_VISIT = TimepointCode("")
"""The timepoint of measurements that belong to no visit."""
