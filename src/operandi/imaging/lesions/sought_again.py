"""Lesions of an earlier visit, sought at their places on a later PET."""

from dataclasses import dataclass
from enum import StrEnum

from operandi.domain.identity import LesionId, TimepointCode
from operandi.domain.mask import Mask


class SearchOutcome(StrEnum):
    """What the later PET shows where a lesion is expected."""

    FOUND = "found"
    """A lesion was found there that would have been found without looking."""
    FOUND_BECAUSE_SEEN_BEFORE = "found because seen before"
    """Uptake stands out of its surroundings, but would not have been found without looking."""
    NOT_FOUND_AGAIN = "not found again"
    """Nothing stands out; there is an upper limit."""
    NOT_LOOKED = "could not be looked for"
    """Beyond the image, or within an organ whose own uptake hides it."""
    REMOVED = "removed by a reader"
    """Something was found, and a reader said that it is no lesion."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoughtAgain:
    """One lesion seen before, and what the later PET shows at its place.

    Parameters
    ----------
    earlier : LesionId
        Its name at the visit that saw it last.
    seen_at : TimepointCode
        That visit.
    outline : Mask
        Its voxels when seen last, moved to where it is expected on this PET; on a tight box.
    moved_by : str
        How that place was told.
    in_liver : bool
        Whether it is expected in the liver.
    outcome : SearchOutcome
        What is there.
    found_as : LesionId or None
        The lesion of this visit, if one was found, also where a reader removed it.
    contrast_to_noise : float or None
        Where it stands out most within reach, in SD of noise; below 0 where it is darker than its
        surroundings. None where it was not tested.
    least : float or None
        Size that it must exceed, for the false-positive level of the test.
    surroundings_suv : float or None
        SUV around, g/mL: the level that it stood above, or below.
    upper_limit_suv : float or None
        Mean SUV that a lesion of this outline may still have unnoticed, g/mL; where not found
        again.
    reason : str
        Why it could not be looked for; else empty.
    """

    earlier: LesionId
    seen_at: TimepointCode
    outline: Mask
    moved_by: str
    in_liver: bool
    outcome: SearchOutcome
    found_as: LesionId | None = None
    contrast_to_noise: float | None = None
    least: float | None = None
    surroundings_suv: float | None = None
    upper_limit_suv: float | None = None
    reason: str = ""
