"""Written files read by pydicom and numpy alone: none of our own reader, geometry or units."""

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from scipy.ndimage import map_coordinates

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PlainVolume:
    """Rescaled values (x, y, z) of files of one volume, in order of height; mm."""

    values: Floats
    origin_mm: Floats
    spacing_mm: Floats
    headers: tuple[Dataset, ...]

    def looked_up(self, other: "PlainVolume", *, order: int = 0) -> Floats:
        """Values of another volume at the voxels of this one; 0 where it does not reach."""
        axes = [
            (self.origin_mm[n] + self.spacing_mm[n] * np.arange(size) - other.origin_mm[n])
            / other.spacing_mm[n]
            for n, size in enumerate(self.values.shape)
        ]
        where = np.meshgrid(*axes, indexing="ij")
        found: Floats = map_coordinates(other.values, where, order=order, cval=0.0)
        return found


def headers_in(folder: Path) -> list[Dataset]:
    """All files of a folder, pixels included."""
    return [pydicom.dcmread(file) for file in sorted(folder.iterdir())]


def first_header(folder: Path) -> Dataset:
    """Header of the first file of a folder."""
    return pydicom.dcmread(min(folder.iterdir()), stop_before_pixels=True)


def volumes_in(folder: Path) -> list[PlainVolume]:
    """The volumes of a series, in the order in which they were acquired."""
    groups: dict[tuple[int, float], list[Dataset]] = {}
    for ds in headers_in(folder):
        number = 0 if ds.Modality == "PT" else int(ds.AcquisitionNumber)
        groups.setdefault((number, float(ds.get("TriggerTime", 0.0))), []).append(ds)
    return [_volume(group) for _, group in sorted(groups.items())]


def _volume(group: list[Dataset]) -> PlainVolume:
    group.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
    assert [float(v) for v in group[0].ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
    heights = np.array([float(ds.ImagePositionPatient[2]) for ds in group])
    steps = np.diff(heights)
    np.testing.assert_allclose(steps, steps[0], atol=1e-4)
    np.testing.assert_allclose(steps[0], float(group[0].SliceThickness), atol=1e-4)
    images = [
        ds.pixel_array.T * float(ds.get("RescaleSlope", 1.0)) + float(ds.get("RescaleIntercept", 0))
        for ds in group
    ]
    row_mm, column_mm = (float(value) for value in group[0].PixelSpacing)
    return PlainVolume(
        values=np.stack(images, axis=2).astype(np.float64),
        origin_mm=np.array([float(value) for value in group[0].ImagePositionPatient]),
        spacing_mm=np.array([column_mm, row_mm, steps[0]]),
        headers=tuple(group),
    )


def instant(day: str, time: str) -> datetime:
    """A DICOM date and time, without zone."""
    return datetime.strptime(f"{day}{float(time):013.6f}", "%Y%m%d%H%M%S.%f")  # noqa: DTZ007


def scan_start(ds: Dataset) -> datetime:
    """What the decay of a PET is corrected to, as each vendor tells it."""
    if str(ds.Manufacturer).startswith("GE"):
        text = str(ds[0x0009, 0x100D].value)
        return datetime.strptime(text, "%Y%m%d%H%M%S.%f")  # noqa: DTZ007
    return instant(ds.SeriesDate, ds.SeriesTime)


def tracer(ds: Dataset) -> Dataset:
    """What was injected."""
    [item] = ds.RadiopharmaceuticalInformationSequence
    assert isinstance(item, Dataset)
    return item


def injected_at(ds: Dataset) -> datetime:
    """Time of injection."""
    item = tracer(ds)
    if "RadiopharmaceuticalStartDateTime" in item:
        text = str(item.RadiopharmaceuticalStartDateTime)[:14]
        return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007
    return instant(ds.SeriesDate, item.RadiopharmaceuticalStartTime)


def activity_at_scan_bq(ds: Dataset) -> float:
    """Injected activity, decayed to the start of the scan by the header's own half-life."""
    item = tracer(ds)
    elapsed_s = (scan_start(ds) - injected_at(ds)).total_seconds()
    return float(item.RadionuclideTotalDose) * math.pow(
        2.0, -elapsed_s / float(item.RadionuclideHalfLife)
    )


def bq_ml(pet: PlainVolume) -> Floats:
    """Activity concentration of a PET; Philips' rescaled values are counts."""
    ds = pet.headers[0]
    if ds.Units == "BQML":
        return pet.values
    assert ds.Units == "CNTS"
    return pet.values * float(ds[0x7053, 0x1009].value)


def suv(pet: PlainVolume) -> Floats:
    """SUV by body weight, by the textbook; Philips' by its private factor."""
    ds = pet.headers[0]
    if ds.Units == "CNTS":
        return pet.values * float(ds[0x7053, 0x1000].value)
    return pet.values * float(ds.PatientWeight) * 1000.0 / activity_at_scan_bq(ds)


def b_value(ds: Dataset) -> float:
    """Diffusion weighting, s/mm2, from the element that each vendor uses."""
    maker = str(ds.Manufacturer).lower()
    if maker.startswith("siemens"):
        return float(ds[0x0019, 0x100C].value)
    if maker.startswith("ge"):
        return float(ds[0x0043, 0x1039].value[0]) % 1e9
    return float(ds[0x2001, 0x1003].value)


def phase_rad(volume: PlainVolume) -> Floats:
    """Phase in radians: GE and Philips state milliradians, Siemens 4096 for pi."""
    siemens = str(volume.headers[0].Manufacturer).lower().startswith("siemens")
    return volume.values * (math.pi / 4096.0 if siemens else 1e-3)


def segments(file: Path) -> tuple[dict[str, Bools], Floats]:
    """Masks (x, y, z) of a binary segmentation by label, and the place of their first voxel."""
    ds = pydicom.dcmread(file)
    frames = ds.pixel_array
    shared: Any = ds.SharedFunctionalGroupsSequence[0]
    labels = {int(s.SegmentNumber): str(s.SegmentLabel) for s in ds.SegmentSequence}
    thickness_mm = float(shared.PixelMeasuresSequence[0].SpacingBetweenSlices)
    found: dict[str, dict[int, npt.NDArray[Any]]] = {label: {} for label in labels.values()}
    corner = None
    for frame, groups in zip(frames, ds.PerFrameFunctionalGroupsSequence, strict=True):
        number = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        place = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        corner = place if corner is None or place[2] < corner[2] else corner
        found[labels[number]][round(float(place[2]) / thickness_mm * 1000)] = frame.T > 0
    assert corner is not None
    heights = sorted({height for slices in found.values() for height in slices})
    lowest, highest = heights[0], heights[-1]
    count = round((highest - lowest) / 1000) + 1
    masks = {}
    for label, slices in found.items():
        mask = np.zeros((*frames.shape[:0:-1], count), dtype=bool)
        for height, image in slices.items():
            mask[:, :, round((height - lowest) / 1000)] = image
        masks[label] = mask
    return masks, corner
