"""Radionuclides. Half-lives stand here and nowhere else, each with its evaluation.

For SUV the half-life in the image header wins, because the scanner used it; the evaluated value
here is what it is checked against.

References
----------
.. [1] BIPM Monographie 5, Table of Radionuclides, Decay Data Evaluation Project (DDEP).
.. [2] ICRP Publication 107, Nuclear decay data for dosimetric calculations, 2008.
"""

import re
from dataclasses import dataclass
from typing import Final

from operandi.quantities.errors import DataError, UnsupportedError

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Nuclide:
    """A radionuclide and its evaluated half-life.

    Parameters
    ----------
    name : str
        Mass number and symbol, ``"68Ga"``.
    half_life_s, half_life_uncertainty_s : float
        Evaluated half-life and its standard uncertainty, s.
    evaluation : str
        Where the value was evaluated.
    accepted_half_life_s : tuple of float
        Inclusive interval of header values that are believed without a declaration, s.
    positron_emitter : bool
        Whether it is imaged by PET; the others reach us as SPECT, at times stored as modality PT.
    code_values : tuple of str
        SNOMED RT codes that scanners write for it, as seen in real headers (DICOM CID 4020).
    """

    name: str
    half_life_s: float
    half_life_uncertainty_s: float
    evaluation: str
    accepted_half_life_s: tuple[float, float]
    positron_emitter: bool
    code_values: tuple[str, ...]


GA68: Final = Nuclide(
    name="68Ga",
    half_life_s=67.83 * _MINUTE,
    half_life_uncertainty_s=0.20 * _MINUTE,
    evaluation="DDEP: 67.83(20) min",
    # NPL 67.80 and DDEP 67.83 min lie inside, scanners' 67.63-68.3 min too; 1 % would shift SUV
    # by 0.6 % after one half-life.
    accepted_half_life_s=(67.4 * _MINUTE, 68.3 * _MINUTE),
    positron_emitter=True,
    code_values=("C-131A3",),
)
F18: Final = Nuclide(
    name="18F",
    half_life_s=1.8290 * _HOUR,
    half_life_uncertainty_s=0.0005 * _HOUR,
    evaluation="DDEP: 1.8290(5) h",
    accepted_half_life_s=(109.5 * _MINUTE, 110.1 * _MINUTE),
    positron_emitter=True,
    code_values=("C-111A1",),
)
CU64: Final = Nuclide(
    name="64Cu",
    half_life_s=12.7004 * _HOUR,
    half_life_uncertainty_s=0.0020 * _HOUR,
    evaluation="DDEP: 12.7004(20) h",
    accepted_half_life_s=(12.63 * _HOUR, 12.77 * _HOUR),
    positron_emitter=True,
    code_values=("C-127A2",),
)
LU177: Final = Nuclide(
    name="177Lu",
    half_life_s=6.647 * _DAY,
    half_life_uncertainty_s=0.004 * _DAY,
    evaluation="DDEP and ICRP 107: 6.647(4) d",
    accepted_half_life_s=(6.60 * _DAY, 6.75 * _DAY),
    positron_emitter=False,
    code_values=("C-101ED",),
)

NUCLIDES: Final = (GA68, F18, CU64, LU177)


def nuclide_named(name: str) -> Nuclide:
    """Find a nuclide by mass number and symbol or element, in the spellings of real headers.

    ``"68Ga"``, ``"Ga-68"``, ``"^68^Gallium"``, ``"177 Lutetium"`` and
    ``"F^18^[^18^Fluorine]"`` are understood.

    Raises
    ------
    UnsupportedError
        If no nuclide known here is named, or more than one.
    """
    spelt = {
        nuclide.name: nuclide
        for nuclide in NUCLIDES
        if re.search(_spellings(nuclide), name, flags=re.IGNORECASE)
    }
    if len(spelt) == 1:
        return next(iter(spelt.values()))
    known = ", ".join(nuclide.name for nuclide in NUCLIDES)
    raise UnsupportedError(f"Radionuclide {name!r} is not one of those known: {known}.")


def _spellings(nuclide: Nuclide) -> str:
    mass, symbol = re.fullmatch(r"(\d+)(\D+)", nuclide.name).groups()  # type: ignore[union-attr]
    word = rf"(?:{symbol}|{_ELEMENTS[symbol]})"
    between = r"[\s^\-\[\]]*"
    return rf"(?<!\d){mass}{between}{word}(?![a-z])|(?<![a-z]){word}{between}{mass}(?![\dm])"


_ELEMENTS: Final = {"Ga": "gallium", "F": "fluorine", "Cu": "copper", "Lu": "lutetium"}


def checked_half_life_s(nuclide: Nuclide, stated_s: float, *, declared: bool = False) -> float:
    """Return the half-life that a header states, if it can be believed.

    Parameters
    ----------
    nuclide : Nuclide
        What was injected.
    stated_s : float
        Half-life in the header, s.
    declared : bool
        Whether the study file declares that an unusual value is what the scanner used.

    Raises
    ------
    DataError
        If the value lies outside ``nuclide.accepted_half_life_s`` and was not declared.
    """
    low, high = nuclide.accepted_half_life_s
    if low <= stated_s <= high or (declared and stated_s > 0):
        return stated_s
    raise DataError(
        f"RadionuclideHalfLife {stated_s:g} s is not that of {nuclide.name}: needed {low:g} to "
        f"{high:g} s ({nuclide.evaluation}).",
        remedy="Correct the header at the scanner's site, or declare the value in study.toml "
        "under [declare].",
    )
