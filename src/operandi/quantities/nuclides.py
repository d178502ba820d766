"""Radionuclides. Half-lives stand here and nowhere else, each with its evaluation.

For SUV the half-life in the image header wins, because the scanner used it; the evaluated value
here is what it is checked against.

References
----------
.. [1] BIPM Monographie 5, Table of Radionuclides, Decay Data Evaluation Project (DDEP).
.. [2] ICRP Publication 107, Nuclear decay data for dosimetric calculations, 2008.
.. [3] Collins et al., Appl Radiat Isot 182:110140, 2022 (161Tb, six determinations).
.. [4] Suliman et al., Appl Radiat Isot 77:32, 2013 (daughters of 225Ac).
.. [5] Kondev et al., NUBASE2020, Chin Phys C 45:030001, 2021.
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
    half_life_s : float
        Evaluated half-life, s.
    half_life_uncertainty_s : float or None
        Its standard uncertainty, s; None where the evaluation states none, as ICRP 107 does not.
    evaluation : str
        Where the value was evaluated, and what others found where they differ.
    accepted_half_life_s : tuple of float
        Inclusive interval of header values that are believed without a declaration, s.
    positron_emitter : bool
        Whether it is imaged by PET; the others reach us as SPECT, at times stored as modality PT.
    code_values : tuple of str
        SNOMED RT codes that scanners write for it, as seen in real headers (DICOM CID 4020); empty
        where none was seen.
    """

    name: str
    half_life_s: float
    half_life_uncertainty_s: float | None
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
"""Those that image headers and the records of a scan are read for."""


def _therapeutic(
    name: str,
    half_life_s: float,
    accepted_s: tuple[float, float],
    evaluation: str,
    uncertainty_s: float | None = None,
) -> Nuclide:
    return Nuclide(
        name=name,
        half_life_s=half_life_s,
        half_life_uncertainty_s=uncertainty_s,
        evaluation=evaluation,
        accepted_half_life_s=accepted_s,
        positron_emitter=False,
        code_values=(),
    )


Y90: Final = _therapeutic(
    "90Y", 64.10 * _HOUR, (63.9 * _HOUR, 64.7 * _HOUR), "ICRP 107: 64.10 h, no uncertainty stated"
)
TB161: Final = _therapeutic(
    "161Tb",
    6.9637 * _DAY,
    (6.87 * _DAY, 6.99 * _DAY),
    "NPL and NIST 2022: 6.9637(29) d, widened to reach 6.953(2) d of IRA 2020, 3.04 standard "
    "uncertainties away; ICRP 107 has 6.906 d, ENSDF had 6.89(2) d",
    0.0107 * _DAY,
)
CU67: Final = _therapeutic(
    "67Cu", 61.83 * _HOUR, (61.5 * _HOUR, 62.1 * _HOUR), "ICRP 107: 61.83 h, no uncertainty stated"
)
SC47: Final = _therapeutic(
    "47Sc", 3.3492 * _DAY, (3.33 * _DAY, 3.36 * _DAY), "ICRP 107: 3.3492 d, no uncertainty stated"
)
AC225: Final = _therapeutic(
    "225Ac",
    9.919 * _DAY,
    (9.90 * _DAY, 10.05 * _DAY),
    "NUBASE2020: 9.9190(21) d; ICRP 107 has 10.0 d",
    0.0021 * _DAY,
)
PB212: Final = _therapeutic(
    "212Pb",
    10.64 * _HOUR,
    (10.58 * _HOUR, 10.68 * _HOUR),
    "ICRP 107: 10.64 h, no uncertainty stated",
)
BI213: Final = _therapeutic(
    "213Bi",
    45.62 * _MINUTE,
    (45.4 * _MINUTE, 45.8 * _MINUTE),
    "JRC 2013 (Suliman): 45.62(6) min; ICRP 107 has 45.59 min",
    0.06 * _MINUTE,
)
TB149: Final = _therapeutic(
    "149Tb", 4.118 * _HOUR, (4.08 * _HOUR, 4.16 * _HOUR), "ICRP 107: 4.118 h, no uncertainty stated"
)

THERAPY_NUCLIDES: Final = (Y90, TB161, CU67, SC47, AC225, PB212, BI213, TB149)
"""Those that are administered, or compared, and not met in the image headers we read."""

ADMINISTERED: Final = NUCLIDES + THERAPY_NUCLIDES


def _daughter(
    name: str,
    half_life_s: float,
    evaluation: str = "ICRP 107, no uncertainty stated",
    uncertainty_s: float | None = None,
) -> Nuclide:
    # Nobody injects it, so that no header has its half-life: one value is believed.
    return _therapeutic(name, half_life_s, (half_life_s, half_life_s), evaluation, uncertainty_s)


_JRC: Final = "JRC 2013 (Suliman et al.)"

DECAY_PRODUCTS: Final = (
    _daughter("221Fr", 4.806 * _MINUTE, _JRC, 0.006 * _MINUTE),
    _daughter("217At", 32.8e-3, _JRC, 0.3e-3),
    _daughter("213Po", 3.708e-6, _JRC, 0.008e-6),
    _daughter("209Tl", 2.161 * _MINUTE),
    _daughter("209Pb", 3.232 * _HOUR, _JRC, 0.005 * _HOUR),
    _daughter("212Bi", 60.55 * _MINUTE),
    _daughter("212Po", 0.299e-6),
    _daughter("208Tl", 3.053 * _MINUTE),
    _daughter("149Gd", 9.28 * _DAY),
    _daughter("149Eu", 93.1 * _DAY),
    _daughter("145Eu", 5.93 * _DAY),
    _daughter("145Sm", 340.0 * _DAY),
)
"""Radioactive daughters of the therapy nuclides: never administered, never in a header."""


def nuclide_named(name: str, *, among: tuple[Nuclide, ...] = NUCLIDES) -> Nuclide:
    """Find a nuclide by mass number and symbol or element, in the spellings of real headers.

    ``"68Ga"``, ``"Ga-68"``, ``"^68^Gallium"``, ``"177 Lutetium"`` and
    ``"F^18^[^18^Fluorine]"`` are understood.

    Parameters
    ----------
    name : str
        What was written.
    among : tuple of Nuclide
        Those looked for: ``ADMINISTERED`` for a therapy, by default those of an image.

    Raises
    ------
    UnsupportedError
        If no nuclide known here is named, or more than one.
    """
    spelt = {
        nuclide.name: nuclide
        for nuclide in among
        if re.search(_spellings(nuclide), name, flags=re.IGNORECASE)
    }
    if len(spelt) == 1:
        return next(iter(spelt.values()))
    known = ", ".join(nuclide.name for nuclide in among)
    raise UnsupportedError(f"Radionuclide {name!r} is not one of those known: {known}.")


def _spellings(nuclide: Nuclide) -> str:
    mass, symbol = re.fullmatch(r"(\d+)(\D+)", nuclide.name).groups()  # type: ignore[union-attr]
    word = rf"(?:{symbol}|{_ELEMENTS[symbol]})"
    between = r"[\s^\-\[\]]*"
    return rf"(?<!\d){mass}{between}{word}(?![a-z])|(?<![a-z]){word}{between}{mass}(?![\dm])"


_ELEMENTS: Final = {
    "Ac": "actinium",
    "Bi": "bismuth",
    "Cu": "copper",
    "F": "fluorine",
    "Ga": "gallium",
    "Lu": "lutetium",
    "Pb": "lead",
    "Sc": "scandium",
    "Tb": "terbium",
    "Y": "yttrium",
}


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
