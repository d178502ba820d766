"""Categories of segments by which lesions are told from organs."""

from typing import Final

ALTERED: Final = frozenset({"49755003", "M-01000"})
"""Morphologically Altered Structure, in SNOMED CT and in the older SNOMED RT."""
ANATOMY: Final = frozenset({"123037004", "T-D000A"})
"""Anatomical Structure: a whole organ, which is no lesion."""
