"""How each vendor says what an MR image shows and what its stored values are.

Seen in real headers: GE's ImageType, signed 16 bits and (0043,1039) with (0043,102F); Siemens'
12 bits. Words of ImageType of the other contrasts, Philips' scaling and the scaling of phases are
recalled.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from operandi.quantities.errors import DataError
from operandi.simulation.dicom.encoding import Own, Private
from operandi.simulation.dicom.headers import MrSequence, Vendor

LARGEST: Final = 4095
"""Largest signal; a phase lies between minus one more than this and this."""

_MILLIRADIANS: Final = 1000 * math.pi / (LARGEST + 1)

_SIEMENS_B: Final = Private("SIEMENS MR HEADER", 0x0019, 0x0C, "IS")
_GE_B: Final = Private("GEMS_PARM_01", 0x0043, 0x39, "IS")
_PHILIPS_B: Final = Private("Philips Imaging DD 001", 0x2001, 0x03, "FL")
GE_COMPONENT: Final = Private("GEMS_PARM_01", 0x0043, 0x2F, "SS")
PHILIPS_SCALE_INTERCEPT: Final = Private("Philips MR Imaging DD 001", 0x2005, 0x0D, "FL")
PHILIPS_SCALE_SLOPE: Final = Private("Philips MR Imaging DD 001", 0x2005, 0x0E, "FL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How values are stored: ``stored = (value * unit - intercept) / slope``.

    ``unit`` is the vendor's for one of ours: 1, or milliradians of a level of phase.
    """

    signed: bool = False
    bits: int = 12
    unit: float = 1.0
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def rescaled(self) -> bool:
        """Whether headers must state slope and intercept."""
        return self.slope != 1.0 or self.intercept != 0.0

    @property
    def scaled(self) -> bool:
        """Whether stored levels are other than the values."""
        return self.rescaled or self.unit != 1.0


def storage_of(vendor: Vendor, *, phase: bool, largest: float) -> Storage:
    """Say how a series is stored whose largest signal is *largest*.

    Siemens keeps phases of -4096 to 4094 in steps of two, GE in milliradians; Philips scales every
    series to its own twelve bits, phases in milliradians.
    """
    if vendor is Vendor.GE:
        return Storage(signed=True, bits=16, unit=_MILLIRADIANS if phase else 1.0)
    if vendor is Vendor.PHILIPS and phase:
        turn = 2000 * math.pi
        return Storage(unit=_MILLIRADIANS, slope=turn / LARGEST, intercept=-turn / 2)
    if vendor is Vendor.PHILIPS:
        # Rounded up in the eighth digit, so that the largest value still fits.
        return Storage(slope=(largest * (1 + 1e-7) or LARGEST) / LARGEST)
    if vendor is Vendor.SIEMENS and phase:
        return Storage(slope=2.0, intercept=-float(LARGEST + 1))
    return Storage(signed=phase, bits=16 if phase else 12)


_IMAGE_TYPES: Final[Mapping[Vendor, Mapping[str, tuple[str, ...]]]] = {
    Vendor.SIEMENS: {
        "WATER": ("DERIVED", "PRIMARY", "DIXON", "WATER"),
        "FAT": ("DERIVED", "PRIMARY", "DIXON", "FAT"),
        "IN_PHASE": ("ORIGINAL", "PRIMARY", "DIXON", "IN_PHASE"),
        "OPP_PHASE": ("ORIGINAL", "PRIMARY", "DIXON", "OPP_PHASE"),
        "ADC": ("DERIVED", "PRIMARY", "DIFFUSION", "ADC", "ND", "NORM"),
        "TRACEW": ("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW", "ND", "NORM"),
        "STIFFNESS": ("DERIVED", "PRIMARY", "MPR", "STIFFNESS"),
        "WAVE": ("DERIVED", "PRIMARY", "MPR", "WAVE"),
        "DERIVED": ("DERIVED", "PRIMARY", "OTHER", "ND"),
        "PHASE": ("ORIGINAL", "PRIMARY", "P", "ND"),
        "": ("ORIGINAL", "PRIMARY", "M", "ND", "NORM"),
    },
    Vendor.GE: {
        "WATER": ("DERIVED", "PRIMARY", "DIXON", "WATER"),
        "FAT": ("DERIVED", "PRIMARY", "DIXON", "FAT"),
        "IN_PHASE": ("DERIVED", "PRIMARY", "DIXON", "IN_PHASE"),
        "OPP_PHASE": ("DERIVED", "PRIMARY", "DIXON", "OUT_PHASE"),
        "ADC": ("DERIVED", "PRIMARY", "DIFFUSION", "ADC"),
        "STIFFNESS": ("DERIVED", "PRIMARY", "OTHER", "STIFFNESS"),
        "WAVE": ("DERIVED", "PRIMARY", "OTHER", "WAVE"),
        "DERIVED": ("DERIVED", "PRIMARY", "OTHER"),
        "": ("ORIGINAL", "PRIMARY", "OTHER"),
    },
    Vendor.PHILIPS: {
        "WATER": ("DERIVED", "PRIMARY", "W", "W", "DERIVED"),
        "FAT": ("DERIVED", "PRIMARY", "F", "F", "DERIVED"),
        "IN_PHASE": ("ORIGINAL", "PRIMARY", "IP", "IP", "FFE"),
        "OPP_PHASE": ("ORIGINAL", "PRIMARY", "OP", "OP", "FFE"),
        "ADC": ("DERIVED", "PRIMARY", "ADC", "ADC", "UNSPECIFIED"),
        "STIFFNESS": ("DERIVED", "PRIMARY", "STIFFNESS", "STIFFNESS", "UNSPECIFIED"),
        "WAVE": ("DERIVED", "PRIMARY", "WAVE", "WAVE", "UNSPECIFIED"),
        "DERIVED": ("DERIVED", "PRIMARY", "OTHER", "OTHER", "UNSPECIFIED"),
        "PHASE": ("ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"),
        "": ("ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"),
    },
}
_SYNONYMS: Final = {
    "W": "WATER", "F": "FAT", "IP": "IN_PHASE", "INPHASE": "IN_PHASE", "OP": "OPP_PHASE",
    "OUT_PHASE": "OPP_PHASE", "OPPOSED_PHASE": "OPP_PHASE",
}  # fmt: skip


def image_type(sequence: MrSequence, vendor: Vendor) -> list[str]:
    """ImageType in a vendor's words, by those of the sequence and by phase."""
    if vendor is Vendor.NEUTRAL:
        return list(sequence.image_type)
    words = [_SYNONYMS.get(word, word) for word in sequence.image_type]
    if sequence.phase:
        words.append("PHASE")
    table = _IMAGE_TYPES[vendor]
    return list(next((kind for word, kind in table.items() if word in words), table[""]))


def b_value(value: float, vendor: Vendor) -> Own:
    """Diffusion weighting, s/mm2, where a vendor states it: the standard's tag, its own, or both.

    GE adds a flag of 10**9 to its own.

    Raises
    ------
    DataError
        If a vendor's element holds whole numbers only.
    """
    if vendor in {Vendor.NEUTRAL, Vendor.PHILIPS}:
        result: Own = {"DiffusionBValue": float(value)}
        return result | ({_PHILIPS_B: float(value)} if vendor is Vendor.PHILIPS else {})
    if value != round(value):
        raise DataError(
            f"Needed a b value in whole s/mm2, as {vendor.value} states it; found {value:g}.",
            remedy="Round it, or write the neutral dialect.",
        )
    if vendor is Vendor.GE:
        return {_GE_B: f"{round(value) + 10**9}\\8\\0\\0"}
    return {_SIEMENS_B: f"{round(value)}"}


def time_position(number: int, vendor: Vendor) -> Own:
    """How a vendor counts the volumes of a dynamic series: Siemens, as acquisitions only."""
    if vendor is Vendor.SIEMENS:
        return {}
    return {"TemporalPositionIdentifier": str(number)}
