"""Tomograms of a gamma camera: Nuclear Medicine Image Storage, one object a reconstruction.

GE counts its slices from the head, with a negative SpacingBetweenSlices, describes one rotation of
one projection over no arc, and keeps the scale in (0011,103B) alone; Siemens repeats it in
(0057,1007). The former were seen in published descriptions of a Xeleris header (decision 0020),
the rest follows the standard.

References
----------
.. [1] DICOM PS3.3 A.5 and C.8.4 (Nuclear Medicine).
"""

import math
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import NuclearMedicineImageStorage
from pydicom.valuerep import format_number_as_ds

from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION, COUNTS
from operandi.simulation.dicom.encoding import Private, add_private, decimals, write_slices
from operandi.simulation.dicom.headers import NmAcquisition, SeriesHeader, StudyHeader, Vendor
from operandi.simulation.dicom.modules import (
    lying_supine,
    orientation,
    radiopharmaceutical,
    shared_attributes,
)

_LARGEST: Final = 32767
_SLICE_VECTOR: Final = Tag(0x0054, 0x0080)
_GE_SCALE: Final = Private("GEMS_GENIE_1", 0x0011, 0x3B, "FD")
_GE_OFFSET: Final = Private("GEMS_GENIE_1", 0x0011, 0x3C, "FD")
_SIEMENS_SLOPE: Final = Private("SIEMENS MED NM", 0x0057, 0x07, "FL")


def write_nm(
    folder: Path,
    image: Volume,
    *,
    study: StudyHeader,
    series: SeriesHeader,
    acquisition: NmAcquisition,
    vendor: Vendor = Vendor.NEUTRAL,
) -> tuple[Path, ...]:
    """Write a reconstructed SPECT as one multi-frame object, and return its file.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    image : Volume of COUNTS or ACTIVITY_CONCENTRATION
        Counts of all projections together, not corrected for decay; or Bq/mL at
        ``series.started_at``. Not negative.
    study, series : StudyHeader, SeriesHeader
        As of a PET.
    acquisition : NmAcquisition
        Camera, window, corrections.
    vendor : Vendor
        Whose dialect the file speaks.

    Raises
    ------
    DataError
        If the image is of another kind or instant, negative or not finite, a part of the
        acquisition is impossible, or the file cannot be written.
    """
    _require_readable(image, series, acquisition)
    largest = float(image.values.max())
    if image.kind is COUNTS and largest <= _LARGEST and bool((image.values % 1 == 0).all()):
        slope = 1.0
    else:
        slope = float(f"{(largest * (1 + 1e-7) or _LARGEST) / _LARGEST:.8e}")
    shared = shared_attributes(study, series, image, modality="NM", vendor=vendor)
    shared.StudyDescription = "SPECT of a digital phantom"
    _describe(shared, image, acquisition, vendor)
    shared.RadiopharmaceuticalInformationSequence = [
        radiopharmaceutical(
            acquisition.tracer,
            acquisition.injected,
            study=study,
            vendor=vendor,
            scan=series.started_at,
        )
    ]
    _place(shared, image, vendor, acquisition)
    _scale(shared, slope, vendor)
    stored = np.rint(np.ascontiguousarray(image.values.T) / np.float64(slope)).astype("<u2")
    shared.CountsAccumulated = 0 if image.kind is not COUNTS else _whole(float(image.values.sum()))
    frames = stored[::-1] if vendor is Vendor.GE else stored
    return write_slices(folder, shared, [({}, frames.tobytes())])


def _require_readable(image: Volume, series: SeriesHeader, acquisition: NmAcquisition) -> None:
    kinds = (COUNTS, ACTIVITY_CONCENTRATION)
    if image.kind not in kinds or image.decay_reference not in {None, series.started_at}:
        raise DataError(
            "Needed counts, or activity concentration at the start of the series, "
            f"{series.started_at}; found {image.kind.title} at {image.decay_reference}.",
            remedy="Decay the values to the start of the series.",
        )
    low, high = float(image.values.min()), float(image.values.max())
    if not 0 <= low <= high < math.inf:
        raise DataError(
            f"Needed a SPECT image of at least 0 everywhere; found {low:g} to {high:g}.",
            remedy="Set the negative noise of a reconstruction to 0, as scanners do.",
        )
    whole = acquisition.projections >= acquisition.heads >= 1
    if not whole or acquisition.projections % acquisition.heads:
        raise DataError(
            f"Needed as many projections for each head; found {acquisition.projections} "
            f"projections of {acquisition.heads} heads.",
            remedy="Give a multiple of the number of heads.",
        )


def _whole(counts: float) -> int:
    """CountsAccumulated holds 31 bits."""
    return min(round(counts), 2**31 - 1)


def _describe(ds: Dataset, image: Volume, acquisition: NmAcquisition, vendor: Vendor) -> None:
    """NM Series, Image, Isotope and Reconstruction modules."""
    ds.SOPClassUID = NuclearMedicineImageStorage
    ds.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    ds.AcquisitionDate, ds.AcquisitionTime = ds.SeriesDate, ds.SeriesTime
    ds.AcquisitionNumber = 1
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 15, 0
    corrected = (
        ("UNIF", True),
        ("COR", True),
        ("ATTN", acquisition.attenuation_corrected),
        ("SCAT", acquisition.scatter_corrected),
        ("DECY", image.kind is ACTIVITY_CONCENTRATION),
    )
    ds.CorrectedImage = [word for word, done in corrected if done]
    ds.Units = "CNTS"
    if image.kind is ACTIVITY_CONCENTRATION:
        ds.Units, ds.DecayCorrection = "BQML", "START"
    lying_supine(ds)
    low, high = acquisition.window_kev
    limits, window = Dataset(), Dataset()
    limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = decimals(low, high)
    window.EnergyWindowName = acquisition.injected.nuclide.name
    window.EnergyWindowRangeSequence = [limits]
    ds.NumberOfEnergyWindows, ds.EnergyWindowInformationSequence = 1, [window]
    ds.NumberOfRotations, ds.RotationInformationSequence = 1, [_rotation(acquisition, vendor)]


def _rotation(acquisition: NmAcquisition, vendor: Vendor) -> Dataset:
    duration_ms = round(1000 * acquisition.projection_duration_s)
    arc, frames = (0, 1) if vendor is Vendor.GE else (360, acquisition.projections)
    rotation = Dataset()
    rotation.StartAngle = 0
    rotation.AngularStep = format_number_as_ds(arc / frames)
    rotation.RotationDirection = "CW"
    rotation.ScanArc = arc
    rotation.ActualFrameDuration = duration_ms
    rotation.RadialPosition = 250
    rotation.NumberOfFramesInRotation = frames
    return rotation


def _place(ds: Dataset, image: Volume, vendor: Vendor, acquisition: NmAcquisition) -> None:
    """NM Multi-frame and Detector modules: position in the detector, direction in the spacing."""
    grid, count = image.grid, image.grid.shape[2]
    step = np.linalg.cross(*(grid.affine[:3, axis] / grid.spacing_mm[axis] for axis in (0, 1)))
    forward = 1 if step @ grid.affine[:3, 2] > 0 else -1
    first = 0
    if vendor is Vendor.GE:
        first, forward = count - 1, -forward
    ds.NumberOfFrames = ds.NumberOfSlices = count
    ds.FrameIncrementPointer = _SLICE_VECTOR
    ds.SliceVector = list(range(1, count + 1))
    ds.SpacingBetweenSlices = format_number_as_ds(forward * grid.spacing_mm[2])
    detector = Dataset()
    detector.CollimatorGridName = acquisition.collimator
    detector.CollimatorType = "PARA"
    detector.FocalDistance = 0
    detector.StartAngle = 0
    detector.ImagePositionPatient = decimals(*grid.position_of((0, 0, first)))
    detector.ImageOrientationPatient = orientation(image)
    ds.NumberOfDetectors, ds.DetectorInformationSequence = 1, [detector]
    del ds.ImageOrientationPatient


def _scale(ds: Dataset, slope: float, vendor: Vendor) -> None:
    if vendor is Vendor.GE:
        add_private(ds, _GE_SCALE, slope)
        add_private(ds, _GE_OFFSET, 0.0)
        return
    ds.RescaleSlope, ds.RescaleIntercept = f"{slope:.8e}", 0
    if vendor is Vendor.SIEMENS:
        add_private(ds, _SIEMENS_SLOPE, slope)
