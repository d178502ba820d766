"""Small nuclear medicine objects as a workstation writes them."""

from typing import Any, Final

import numpy as np
from pydicom import Dataset

from tests.imaging.dicom import dicom_files as made

FRAMES: Final = 5
SPACING_MM: Final = 4.8
FIRST: Final = (-90.0, -80.0, 120.0)
PROJECTIONS, PROJECTION_MS = 60, 25_000
WINDOW_KEV: Final = (187.2, 228.8)


def an_item(**attributes: Any) -> Dataset:
    return made.changed(Dataset(), **attributes)


def a_detector(**attributes: Any) -> Dataset:
    stated: dict[str, Any] = {
        "CollimatorGridName": "MEHRS",
        "CollimatorType": "PARA",
        "ImagePositionPatient": list(FIRST),
        "ImageOrientationPatient": list(made.AXIAL),
    }
    return an_item(**{**stated, **attributes})


def a_rotation(**attributes: Any) -> Dataset:
    stated: dict[str, Any] = {
        "ScanArc": 360,
        "NumberOfFramesInRotation": PROJECTIONS,
        "ActualFrameDuration": PROJECTION_MS,
    }
    return an_item(**{**stated, **attributes})


def a_window(low: float = WINDOW_KEV[0], high: float = WINDOW_KEV[1]) -> Dataset:
    limits = an_item(EnergyWindowLowerLimit=low, EnergyWindowUpperLimit=high)
    return an_item(EnergyWindowRangeSequence=[limits])


def a_reconstruction(number: int = 1, *, frames: int = FRAMES, **attributes: Any) -> Dataset:
    """A 177Lu reconstruction in counts: 60 projections of 25 s, slices from head to feet."""
    dataset = made.a_slice(number, modality="NM")
    made.with_pixels(dataset, np.stack([made.an_image(frame + 1) for frame in range(frames)]))
    tracer = an_item(
        Radiopharmaceutical="177Lu-DOTATATE",
        RadiopharmaceuticalStartDateTime="20250301080000",
        RadionuclideTotalDose="7400000000",
        RadionuclideCodeSequence=made.a_code("C-101ED", "99SDM", "177 Lutetium"),
    )
    stated: dict[str, Any] = {
        "ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
        "ImagePositionPatient": None,
        "ImageOrientationPatient": None,
        "SpacingBetweenSlices": -SPACING_MM,
        "SliceThickness": SPACING_MM,
        "SliceVector": list(range(1, frames + 1)),
        "NumberOfSlices": frames,
        "DeviceSerialNumber": "21211",
        "CorrectedImage": ["ATTN", "SCAT"],
        "Units": "CNTS",
        "DetectorInformationSequence": [a_detector()],
        "RotationInformationSequence": [a_rotation()],
        "EnergyWindowInformationSequence": [a_window()],
        "RadiopharmaceuticalInformationSequence": [tracer],
    }
    return made.changed(dataset, **{**stated, **attributes})


def private_ge(dataset: Dataset, *, scale: float, offset: float = 0.0) -> Dataset:
    block = dataset.private_block(0x0011, "GEMS_GENIE_1", create=True)
    block.add_new(0x3B, "FD", scale)
    block.add_new(0x3C, "FD", offset)
    return dataset
