"""Who takes part: what is fixed for a participant before anything happens to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Sex


class Primary(StrEnum):
    """Where the tumor began."""

    PANCREAS = "pancreas"
    ILEUM = "ileum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One digital participant.

    Parameters
    ----------
    number : int, >= 0
        Row of every stream of random numbers.
    pseudonym : Pseudonym
        Such as ``"OP-001"``.
    site : str
        Code of the department.
    sex : Sex
        Female or male.
    age_years : float
        At cycle 1.
    height_m, body_mass_kg : float
        At the first visit.
    primary : Primary
    organ_volume_ml : mapping
        By organ: ``liver``, ``spleen``, ``kidney_left``, ``kidney_right``, ``pancreas``,
        ``lung_left``, ``lung_right``, ``heart``, ``adrenal_left``, ``adrenal_right``,
        ``urinary_bladder``, ``stomach``.
    """

    number: int
    pseudonym: Pseudonym
    site: str
    sex: Sex
    age_years: float
    height_m: float
    body_mass_kg: float
    primary: Primary
    organ_volume_ml: Mapping[str, float]
