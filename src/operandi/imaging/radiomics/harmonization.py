"""How an image came to be, as values beside its features: what harmonization would correct for.

Nothing is corrected here. Features differ between scanners and reconstructions; whoever models
them needs to know which feature came from which, and what the header does not say.

References
----------
.. [1] Pfaehler et al., Med Phys 46:665, 2019 (reconstruction, noise and delineation move PET
   features).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError

_NOT_STATED: Final = "the header does not state it"
_NOT_GIVEN: Final = "it was not given"

_COUNTS: Final = (
    # Iterations before subsets: "PSF+TOF 3i21s", "OSEM3D 4i 8s", "OSEM:i3s33".
    re.compile(r"(?<![\d.])(\d{1,3})\s*i[\s,_/-]*(\d{1,3})\s*s(?![a-z])", re.IGNORECASE),
    re.compile(r"(?<![a-z])i\s*(\d{1,3})[\s,_/-]*s\s*(\d{1,3})", re.IGNORECASE),
)
_GAUSSIAN: Final = re.compile(r"gauss(?:ian)?[\s:=_]*(\d+(?:\.\d+)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquisitionDescriptors:
    """How one image was acquired and reconstructed; None is what nobody stated.

    Parameters
    ----------
    modality, manufacturer, model, software : str or None
        As the header says; several software versions joined by "; ".
    field_strength_t : float or None
        Magnetic flux density, T.
    echo_time_ms, repetition_time_ms, inversion_time_ms : float or None
        Of MR.
    flip_angle_deg : float or None
        Of MR.
    sequence : str or None
        MR sequence by its name in the header.
    reconstruction : str or None
        PET reconstruction, in the vendor's words.
    iterations, subsets : int or None
        Of PET, where the header states them or the vendor's words end with them ("3i21s").
    filter : str or None
        Kernel or post-filter, in the vendor's words.
    filter_fwhm_mm : float or None
        Where those words name a Gaussian with a width.
    corrections : str or None
        What PET was corrected for, joined by "; ".
    voxel_size_mm : tuple of float
        Distance between voxel centers (i, j, k).
    matrix : tuple of int
        Voxels (i, j, k).
    slice_thickness_mm : float or None
        As the header says; may differ from the distance between slices.
    noise_level : float or None
        Of the image, in its unit (``noise.noise_level``).
    injected_mbq_per_kg : float or None
        Net injected activity at injection per body mass.
    uptake_time_min : float or None
        From injection to scan.
    frame_duration_s : float or None
        Of PET, of one bed position or frame.
    """

    modality: str | None
    manufacturer: str | None
    model: str | None
    software: str | None
    field_strength_t: float | None
    echo_time_ms: float | None
    repetition_time_ms: float | None
    inversion_time_ms: float | None
    flip_angle_deg: float | None
    sequence: str | None
    reconstruction: str | None
    iterations: int | None
    subsets: int | None
    filter: str | None
    filter_fwhm_mm: float | None
    corrections: str | None
    voxel_size_mm: tuple[float, float, float]
    matrix: tuple[int, int, int]
    slice_thickness_mm: float | None
    noise_level: float | None
    injected_mbq_per_kg: float | None
    uptake_time_min: float | None
    frame_duration_s: float | None


@dataclass(frozen=True, slots=True)
class DescriptorRow:
    """One descriptor as a row of a table.

    Parameters
    ----------
    name : str
        Such as ``"model"`` or ``"voxel_size_i_mm"``.
    number : float or None
        Value of a number; None of a text.
    text : str
        Value of a text; empty of a number.
    absent : str
        Why there is neither.
    """

    name: str
    number: float | None
    text: str
    absent: str = ""


def acquisition_descriptors(
    header: Mapping[str, Any],
    *,
    grid: Grid,
    noise_level: float | None = None,
    injected_activity_mbq: float | None = None,
    body_mass_kg: float | None = None,
    uptake_time_min: float | None = None,
) -> AcquisitionDescriptors:
    """Gather the descriptors of an image.

    Activity, mass and uptake time are not read from the header: what they mean differs between
    vendors, and the PET room settles it before SUV.

    Parameters
    ----------
    header : mapping from DICOM keyword to plain value
        Of any slice (``imaging.dicom.header.Header``).
    grid : Grid
        Where the voxels lie.
    noise_level : float or None
        In the image's unit.
    injected_activity_mbq, body_mass_kg, uptake_time_min : float or None
        As used for SUV; None where there is none.

    Raises
    ------
    DataError
        If a number in the header is none, or mass or activity is not positive.
    """
    for name, value in (("injected activity", injected_activity_mbq), ("body mass", body_mass_kg)):
        if value is not None and not value > 0.0:
            raise DataError(f"The {name} must be above 0, found {value}.")
    words, kernel = _text(header, "ReconstructionMethod"), _text(header, "ConvolutionKernel")
    iterations, subsets = _counts(header, " ".join(one for one in (words, kernel) if one))
    gaussian = _GAUSSIAN.search(f"{kernel or ''} {words or ''}")
    per_kg = None
    if injected_activity_mbq is not None and body_mass_kg is not None:
        per_kg = injected_activity_mbq / body_mass_kg
    duration_ms = _number(header, "ActualFrameDuration")
    return AcquisitionDescriptors(
        modality=_text(header, "Modality"),
        manufacturer=_text(header, "Manufacturer"),
        model=_text(header, "ManufacturerModelName"),
        software=_text(header, "SoftwareVersions"),
        field_strength_t=_number(header, "MagneticFieldStrength"),
        echo_time_ms=_number(header, "EchoTime", "EffectiveEchoTime"),
        repetition_time_ms=_number(header, "RepetitionTime"),
        inversion_time_ms=_number(header, "InversionTime"),
        flip_angle_deg=_number(header, "FlipAngle"),
        sequence=_text(header, "SequenceName", "PulseSequenceName"),
        reconstruction=words,
        iterations=iterations,
        subsets=subsets,
        filter=kernel,
        filter_fwhm_mm=None if gaussian is None else float(gaussian[1]),
        corrections=_text(header, "CorrectedImage"),
        voxel_size_mm=grid.spacing_mm,
        matrix=grid.shape,
        slice_thickness_mm=_number(header, "SliceThickness"),
        noise_level=noise_level,
        injected_mbq_per_kg=per_kg,
        uptake_time_min=uptake_time_min,
        frame_duration_s=None if duration_ms is None else duration_ms / 1000.0,
    )


def descriptor_rows(descriptors: AcquisitionDescriptors) -> tuple[DescriptorRow, ...]:
    """Rows to store beside the features of an image, one a descriptor, absences included."""
    rows = []
    for field in fields(descriptors):
        value = getattr(descriptors, field.name)
        if isinstance(value, tuple):
            stem, _, unit = field.name.partition("_size_")
            suffix = f"_{unit}" if unit else ""
            rows += [
                DescriptorRow(f"{stem}_{axis}{suffix}", float(part), "")
                for axis, part in zip("ijk", value, strict=True)
            ]
        elif value is None:
            reason = _NOT_GIVEN if field.name in _GIVEN else _NOT_STATED
            rows.append(DescriptorRow(field.name, None, "", reason))
        elif isinstance(value, str):
            rows.append(DescriptorRow(field.name, None, value))
        else:
            rows.append(DescriptorRow(field.name, float(value), ""))
    return tuple(rows)


_GIVEN: Final = frozenset(("noise_level", "injected_mbq_per_kg", "uptake_time_min"))


def _first(header: Mapping[str, Any], keywords: tuple[str, ...]) -> object:
    return next((header[one] for one in keywords if header.get(one) not in (None, "", ())), None)


def _text(header: Mapping[str, Any], *keywords: str) -> str | None:
    value = _first(header, keywords)
    if isinstance(value, tuple):
        value = "; ".join(str(part).strip() for part in value)
    return str(value).strip() or None if value is not None else None


def _number(header: Mapping[str, Any], *keywords: str) -> float | None:
    value = _first(header, keywords)
    if isinstance(value, tuple):
        value = value[0]
    if value is None:
        return None
    try:
        return float(str(value))
    except ValueError:
        raise DataError(
            f"{' or '.join(keywords)} must be a number, found {value!r}.",
            remedy="Export the image again.",
        ) from None


def _counts(header: Mapping[str, Any], words: str) -> tuple[int | None, int | None]:
    stated = _number(header, "NumberOfIterations"), _number(header, "NumberOfSubsets")
    if stated[0] is not None and stated[1] is not None:
        return int(stated[0]), int(stated[1])
    for pattern in _COUNTS:
        found = pattern.search(words)
        if found:
            return int(found[1]), int(found[2])
    return None, None
