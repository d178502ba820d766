"""MR series: MR Image Storage.

References
----------
.. [1] DICOM PS3.3 A.4 and C.8.3 (MR Image).
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from pydicom.valuerep import format_number_as_ds

from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError
from operandi.simulation.dicom.encoding import (
    Own,
    add_private,
    date_and_time,
    decimals,
    write_slices,
)
from operandi.simulation.dicom.headers import MrSequence, SeriesHeader, StudyHeader, Vendor
from operandi.simulation.dicom.modules import local, shared_attributes, slice_place
from operandi.simulation.dicom.mr_dialects import (
    GE_COMPONENT,
    LARGEST,
    PHILIPS_SCALE_INTERCEPT,
    PHILIPS_SCALE_SLOPE,
    Storage,
    b_value,
    image_type,
    storage_of,
    time_position,
)


def write_mr(
    folder: Path,
    volumes: Sequence[Volume],
    *,
    study: StudyHeader,
    series: SeriesHeader,
    sequence: MrSequence,
    vendor: Vendor = Vendor.NEUTRAL,
) -> tuple[Path, ...]:
    """Write MR volumes of one grid as one series, one file a slice.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    volumes : sequence of Volume
        MR signal from 0 to 4095, or phase from -4096 to 4095; as many as ``sequence`` has b values,
        echo times, flip angles, offsets or trigger offsets, else one.
    study, series : StudyHeader, SeriesHeader
        What the files share.
    sequence : MrSequence
        How it was acquired.
    vendor : Vendor
        Whose dialect the files speak. A phase of 4096, pi, reads back as 4096 from neutral files
        and Siemens, as 3141.6 mrad from GE and Philips.

    Raises
    ------
    DataError
        If the number of volumes is another, a value does not fit, or a file cannot be written.
    """
    if len(volumes) != sequence.volumes:
        raise DataError(
            f"Needed {sequence.volumes} MR volumes, one for each b value, echo time, flip angle, "
            f"offset or trigger offset; found {len(volumes)}.",
            remedy="Give as many as the sequence has.",
        )
    largest = 0.0
    for volume in volumes:
        volume.grid.require_same(volumes[0].grid, what="volumes of one series")
        largest = max(largest, _largest(volume, phase=sequence.phase))
    storage = storage_of(vendor, phase=sequence.phase, largest=largest)
    shared = shared_attributes(study, series, volumes[0], modality="MR", vendor=vendor)
    _describe(shared, sequence, vendor)
    _describe_pixels(shared, storage, vendor, phase=sequence.phase)
    slices = []
    for number, volume in enumerate(volumes, start=1):
        contrast = _contrast(number, sequence, vendor, study=study, series=series)
        for k, image in enumerate(np.ascontiguousarray(volume.values.T)):
            slices.append((contrast | slice_place(volume, k), _stored(image, storage)))
    return write_slices(folder, shared, slices)


def _largest(volume: Volume, *, phase: bool) -> float:
    low, high = float(volume.values.min()), float(volume.values.max())
    least = -LARGEST - 1 if phase else 0
    if not least <= low <= high <= LARGEST:
        what = "phase" if phase else "signal"
        raise DataError(
            f"MR {what} must lie between {least} and {LARGEST}; found {low:g} to {high:g}.",
            remedy="Wrap the phase into one turn, 4096 for pi." if phase else "Scale the series.",
        )
    return high


def _stored(image: npt.NDArray[np.floating], storage: Storage) -> bytes:
    levels = image
    if storage.scaled:
        levels = image * np.float64(storage.unit / storage.slope)
        levels -= storage.intercept / storage.slope
    levels = np.rint(levels)
    if storage.rescaled:
        # The upper end of a phase has no level of its own.
        np.minimum(levels, LARGEST, out=levels)
    stored: npt.NDArray[np.integer] = levels.astype("<i2" if storage.signed else "<u2")
    return stored.tobytes()


def _describe(ds: Dataset, sequence: MrSequence, vendor: Vendor) -> None:
    """MR Image module, as far as slices share it."""
    ds.SOPClassUID = MRImageStorage
    ds.ImageType = image_type(sequence, vendor)
    ds.AcquisitionDate, ds.AcquisitionTime = ds.SeriesDate, ds.SeriesTime
    ds.SpacingBetweenSlices = ds.SliceThickness
    ds.ScanningSequence = sequence.scanning_sequence
    ds.SequenceVariant = sequence.variant
    # The standard lets nothing but a gated sequence state the TriggerTime that tells offsets apart.
    ds.ScanOptions = "CG" if sequence.trigger_offsets_ms else ""
    ds.PatientPosition = "HFS"
    ds.MRAcquisitionType = sequence.acquisition
    ds.RepetitionTime = sequence.repetition_time_ms
    ds.EchoTime = sequence.echo_time_ms
    ds.EchoTrainLength = sequence.echo_train_length
    ds.MagneticFieldStrength = 3
    if sequence.flip_angle_degree is not None:
        ds.FlipAngle = sequence.flip_angle_degree
    if sequence.inversion_time_ms is not None:
        ds.InversionTime = sequence.inversion_time_ms
    if sequence.offsets_s and vendor is not Vendor.SIEMENS:
        ds.NumberOfTemporalPositions = len(sequence.offsets_s)


def _describe_pixels(ds: Dataset, storage: Storage, vendor: Vendor, *, phase: bool) -> None:
    ds.BitsStored, ds.HighBit = storage.bits, storage.bits - 1
    ds.PixelRepresentation = int(storage.signed)
    if storage.rescaled:
        ds.RescaleIntercept, ds.RescaleSlope = decimals(storage.intercept, storage.slope)
        ds.RescaleType = "US"
    if vendor is Vendor.GE:
        add_private(ds, GE_COMPONENT, int(phase))
    if vendor is Vendor.PHILIPS:
        # Stored values in the scanner's own unit are (stored - intercept) / slope; here that unit
        # is the displayed one.
        add_private(ds, PHILIPS_SCALE_INTERCEPT, -storage.intercept / storage.slope)
        add_private(ds, PHILIPS_SCALE_SLOPE, 1 / storage.slope)


def _contrast(
    number: int, sequence: MrSequence, vendor: Vendor, *, study: StudyHeader, series: SeriesHeader
) -> Own:
    """What sets volume *number*, counted from 1, apart from the others of its series."""
    one = number - 1
    # Phase offsets of an elastography belong to one acquisition.
    result: Own = {"AcquisitionNumber": "1" if sequence.trigger_offsets_ms else str(number)}
    if sequence.b_values_s_mm2:
        result |= b_value(sequence.b_values_s_mm2[one], vendor)
    if sequence.echo_times_ms:
        result["EchoTime"] = format_number_as_ds(sequence.echo_times_ms[one])
        result["EchoNumbers"] = str(number)
    if sequence.flip_angles_degree:
        result["FlipAngle"] = format_number_as_ds(sequence.flip_angles_degree[one])
    if sequence.trigger_offsets_ms:
        result["TriggerTime"] = format_number_as_ds(sequence.trigger_offsets_ms[one])
    if sequence.offsets_s:
        begun = local(series.started_at + timedelta(seconds=sequence.offsets_s[one]), study)
        day, time = date_and_time(begun)
        result |= {"AcquisitionDate": day, "AcquisitionTime": time}
        result |= {"ContentDate": day, "ContentTime": time}
        result |= time_position(number, vendor)
    return result
