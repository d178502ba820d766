"""DICOM parametric maps: read into volumes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.pixels.utils import pixel_array

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.dicom.measurement_report import concept_in
from operandi.imaging.dicom.report_codes import is_ucum_of
from operandi.imaging.dicom.segmentation import CodedConcept, lattice, macro, planes_of
from operandi.imaging.dicom.structure_set import refusing_malformed, required
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.kinds import Kind

STORAGE: Final = "1.2.840.10008.5.1.4.1.1.30"
_QUANTITY: Final = ("246205007", "G-C1C6")
"""Quantity, in SNOMED CT and in the retired RT."""
_MOST_VOXELS: Final = 2**30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParametricMap:
    """A map as read.

    Parameters
    ----------
    values : array, (i, j, k)
        In ``unit``; NaN where the map holds none.
    grid : Grid
        Where the voxels lie.
    unit : tuple of str
        UCUM.
    quantity : tuple of str or None
        What the values are, where the map says so.
    label : str
        LUT label.
    """

    values: npt.NDArray[np.floating]
    grid: Grid
    unit: CodedConcept
    quantity: CodedConcept | None
    label: str

    def as_volume(self, kind: Kind) -> Volume:
        """Take the map for a *kind* that does not decay.

        Raises
        ------
        DataError
            If its unit is another.
        """
        if not is_ucum_of(self.unit, kind):
            raise DataError(
                f"The map is in {self.unit[0]}: needed {kind.unit} for {kind.title}.",
                remedy="Convert it, or name the kind that it is.",
            )
        return Volume(values=self.values, grid=self.grid, kind=kind)


def read_parametric_map(path: Path) -> ParametricMap:
    """Read a map of one value a voxel, stored as floating point or as integers with a slope.

    ``value = slope * stored + intercept`` of the RealWorldValueMappingSequence.

    Raises
    ------
    DataError
        If the file is damaged, is no parametric map, its frames do not fill one even lattice
        exactly once, or frames differ in unit or quantity.
    UnsupportedError
        If it is tiled, or its values are mapped by a table.
    """
    with refusing_malformed(path):
        dataset = pydicom.dcmread(path)
        name = path.name
        if str(dataset.get("SOPClassUID")) != STORAGE:
            raise DataError(
                f"{name} is no parametric map: its SOPClassUID is {dataset.get('SOPClassUID')}."
            )
        if "TotalPixelMatrixColumns" in dataset:
            raise UnsupportedError(f"{name} is a tiled map: needed slices of a patient.")
        groups = required(dataset, "PerFrameFunctionalGroupsSequence", name=name)
        shared = required(dataset, "SharedFunctionalGroupsSequence", name=name)[0]
        grid, slices = _grid(dataset, groups, shared, name=name)
        mappings = [
            macro("RealWorldValueMappingSequence", group, shared, name=name) for group in groups
        ]
        stored = _stored(dataset, len(groups), name=name)
        values = np.empty(grid.shape[::-1], dtype=stored.dtype)
        for index, mapping in enumerate(mappings):
            values[slices[index]] = _mapped(stored[index], mapping, name=name)
        meanings = {
            (concept_in(one, "MeasurementUnitsCodeSequence"), _quantity(one)) for one in mappings
        }
        unit, quantity = meanings.pop()
        if meanings or unit is None:
            raise DataError(f"{name} has frames of different or without units.")
        return ParametricMap(
            values=values.T,
            grid=grid,
            unit=unit,
            quantity=quantity,
            label=str(mappings[0].get("LUTLabel") or ""),
        )


def _grid(
    dataset: pydicom.Dataset,
    groups: Sequence[pydicom.Dataset],
    shared: pydicom.Dataset,
    *,
    name: str,
) -> tuple[Grid, npt.NDArray[np.intp]]:
    stated = [
        [macro(keyword, group, shared, name=name) for group in groups]
        for keyword in (
            "PlanePositionSequence",
            "PlaneOrientationSequence",
            "PixelMeasuresSequence",
        )
    ]
    grid, slices = lattice(
        planes_of(
            positions=[item.ImagePositionPatient for item in stated[0]],
            orientations=[item.ImageOrientationPatient for item in stated[1]],
            measures=stated[2],
            name=name,
        ),
        in_plane=(int(dataset.Columns), int(dataset.Rows)),
        frame_of_reference=str(dataset.get("FrameOfReferenceUID") or ""),
        name=name,
    )
    if sorted(slices) != list(range(grid.shape[2])):
        raise DataError(
            f"{name} has {len(groups)} frames for {grid.shape[2]} slice positions.",
            remedy="Export one map with each slice once.",
        )
    return grid, slices


def _stored(dataset: pydicom.Dataset, frames: int, *, name: str) -> npt.NDArray[np.floating]:
    """Frames (frames, rows, columns) as floating point of the precision they need."""
    shape = (frames, int(dataset.Rows), int(dataset.Columns))
    if int(np.prod(shape)) > _MOST_VOXELS or int(dataset.NumberOfFrames) != frames:
        raise DataError(f"{name} states {dataset.NumberOfFrames} frames and describes {frames}.")
    for keyword, kind in (("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")):
        if keyword in dataset:
            raw = np.frombuffer(dataset[keyword].value, dtype=kind)
            values: npt.NDArray[np.floating] = raw.reshape(shape).astype(kind[1:])
            return values
    integers = pixel_array(dataset).reshape(shape)
    return integers.astype(np.float64 if integers.dtype.itemsize > 2 else np.float32)


def _mapped(
    stored: npt.NDArray[np.floating], mapping: pydicom.Dataset, *, name: str
) -> npt.NDArray[np.floating]:
    if "RealWorldValueLUTData" in mapping:
        raise UnsupportedError(f"{name} maps its values by a table: needed slope and intercept.")
    slope, intercept = mapping.get("RealWorldValueSlope"), mapping.get("RealWorldValueIntercept")
    if slope is None or intercept is None:
        raise DataError(f"{name} states no slope and intercept of its values.")
    if (slope, intercept) == (1, 0):
        return stored
    return stored * float(slope) + float(intercept)


def _quantity(mapping: pydicom.Dataset) -> CodedConcept | None:
    for item in mapping.get("QuantityDefinitionSequence") or ():
        named = concept_in(item, "ConceptNameCodeSequence")
        if named is not None and named[0] in _QUANTITY:
            return concept_in(item, "ConceptCodeSequence")
    return None
