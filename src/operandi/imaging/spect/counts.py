"""Counts of a SPECT reconstruction that no one has calibrated yet, with what calibrating needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

import numpy as np

from operandi.domain.volume import Volume
from operandi.imaging.dicom.assemble import Stack
from operandi.imaging.dicom.header import Header
from operandi.imaging.dicom.nuclear_medicine import (
    camera_of,
    collimator_of,
    energy_windows_kev,
    projection_time_s,
)
from operandi.imaging.pet.concentration import (
    decay_reference,
    mapped_scale,
    require_attenuation_corrected,
)
from operandi.imaging.pet.declaration import NOTHING_DECLARED, Declaration
from operandi.imaging.pet.injection import nuclide_of
from operandi.imaging.pet.timing import first_acquisition, number, radiopharmaceutical
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.kinds import COUNTS
from operandi.quantities.nuclides import Nuclide, checked_half_life_s

_COUNT_UNITS: Final = ("{counts}",)
"""PS3.16 CID 84, as Hermes writes it beside stored values stretched to 16 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountImage:
    """A reconstruction in counts and how it was acquired.

    Parameters
    ----------
    volume : Volume of COUNTS, shape (i, j, k)
        Reconstructed counts of all projections together; corrected for attenuation.
    started_at : datetime
        When the first projection began, UTC.
    corrected_to : datetime or None
        The instant that the scanner corrected the counts for decay to; None where it did not.
    projection_time_s : float or None
        All projections together, s; None where the header does not tell.
    nuclide : Nuclide
        What emitted them.
    half_life_s : float
        The header's where it states one, else the evaluated, s.
    camera, collimator : str
        Serial number or station name, and collimator; empty where the header does not tell.
    windows_kev : tuple of (float, float)
        Limits of the energy window; empty where the header does not tell.
    evidence : tuple of str
        Which tags said so.
    """

    volume: Volume
    started_at: datetime
    corrected_to: datetime | None
    projection_time_s: float | None
    nuclide: Nuclide
    half_life_s: float
    camera: str
    collimator: str
    windows_kev: tuple[tuple[float, float], ...]
    evidence: tuple[str, ...]


def count_image_of(
    stack: Stack, *, zone: tzinfo, declared: Declaration = NOTHING_DECLARED
) -> CountImage:
    """Read a reconstruction in counts.

    Parameters
    ----------
    stack : Stack
        Of an NM object of type RECON TOMO.
    zone : tzinfo
        Of dates and times without an offset.
    declared : Declaration
        ``nuclide`` and ``decay_corrected_to`` answer where the header is silent or ambiguous.

    Returns
    -------
    CountImage

    Raises
    ------
    DataError
        If the image is not corrected for attenuation, its scale is unknown, or its times, nuclide
        or the instant it was corrected to are missing or ambiguous.
    UnsupportedError
        If it holds activity concentration already.
    """
    headers = stack.headers
    first = headers[0]
    require_attenuation_corrected(headers)
    scale_note = _require_counts(headers)
    mapped = mapped_scale(headers, units=_COUNT_UNITS)
    values = stack.values
    if mapped is not None:
        values = (values * mapped).astype(np.float32)
        scale_note = "RealWorldValueMappingSequence in counts"
    nuclide = nuclide_of(first, declared=declared)
    stated_s = number(radiopharmaceutical(first), "RadionuclideHalfLife")
    half_life_s = (
        nuclide.half_life_s if stated_s is None else checked_half_life_s(nuclide, stated_s)
    )
    corrected_to, decay_note = _corrected_to(headers, declared=declared, zone=zone)
    origin = "evaluated" if stated_s is None else "from the header"
    return CountImage(
        volume=Volume(values, stack.grid, COUNTS),
        started_at=first_acquisition(headers, zone=zone),
        corrected_to=corrected_to,
        projection_time_s=projection_time_s(first),
        nuclide=nuclide,
        half_life_s=half_life_s,
        camera=camera_of(first),
        collimator=collimator_of(first),
        windows_kev=energy_windows_kev(first),
        evidence=(
            scale_note,
            f"{nuclide.name}, half-life {half_life_s:g} s {origin}",
            *decay_note,
        ),
    )


def _require_counts(headers: Sequence[Header]) -> str:
    first = headers[0]
    units = str(first.get("Units") or "")
    if units not in {"", "CNTS"} or mapped_scale(headers, units=("Bq/ml",)) is not None:
        raise UnsupportedError(
            f"Units is {units or 'that of a mapping to Bq/ml'}; counts are read here, and values "
            "that are calibrated already are not calibrated again."
        )
    if first.get("GEPixelScale") is not None:
        return "counts by GE's pixel scale (0011,103B)"
    if first.get("RescaleSlope") is not None:
        return "counts by RescaleSlope"
    unknown = str(first.get("Manufacturer") or "").upper().startswith("GE ")
    if unknown and not first.get("RealWorldValueMappingSequence"):
        raise DataError(
            "The reconstruction is of GE, which stretches counts to 16 bits, and neither GE's "
            "pixel scale (0011,103B) nor RescaleSlope nor a mapping says by how much.",
            remedy="Export it with its private tags, or in Bq/mL.",
        )
    return "counts as stored: the object states no scale"


def _corrected_to(
    headers: Sequence[Header], *, declared: Declaration, zone: tzinfo
) -> tuple[datetime | None, tuple[str, ...]]:
    """When the counts were corrected to. An NM object that lists no DECY was not corrected."""
    value = headers[0].get("CorrectedImage") or ()
    corrections = value if isinstance(value, tuple) else (value,)
    correction = headers[0].get("DecayCorrection")
    if "DECY" not in corrections and correction in {None, "", "NONE"}:
        return None, ("CorrectedImage lacks DECY: not corrected for decay",)
    corrected = decay_reference(headers, declared=declared, zone=zone)
    return corrected.reference, corrected.evidence
