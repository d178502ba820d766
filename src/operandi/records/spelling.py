"""What a misspelt name was probably meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def meant(word: str, known: Iterable[str]) -> str:
    """Find the known name nearest to *word*; empty where none is near.

    >>> meant("Body_mas_kg", ["body_mass_kg", "height_m"])
    'body_mass_kg'
    >>> meant("eye_color", ["body_mass_kg", "height_m"])
    ''
    """
    folded = {name.casefold(): name for name in sorted(known)}
    near = get_close_matches(word.strip().casefold(), folded, n=1, cutoff=0.75)
    return folded[near[0]] if near else ""
