"""From the slices of a series to volumes with exact geometry, or a refusal that names the file."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.frames import Slice, slices_of
from operandi.imaging.dicom.geometry import Plane, affine_of, plane_of, require_parallel
from operandi.imaging.dicom.header import Header
from operandi.imaging.dicom.index import Instance, Series
from operandi.imaging.dicom.padding import refuse_padding
from operandi.imaging.dicom.pixels import stored_values
from operandi.imaging.dicom.splitting import Key, split
from operandi.quantities.errors import DataError, UnsupportedError

_NO_VOLUMES: Final = frozenset(
    (
        SeriesType.NUCLEAR_MEDICINE,
        SeriesType.NUCLEAR_MEDICINE_STATIC,
        SeriesType.NUCLEAR_MEDICINE_WHOLE_BODY,
        SeriesType.NUCLEAR_MEDICINE_DYNAMIC,
        SeriesType.SPECT_PROJECTIONS,
        SeriesType.SPECT_GATED_RECONSTRUCTION,
        SeriesType.SPECT_ATTENUATION_MAP,
    )
)
_NO_IMAGES: Final = frozenset(
    (
        SeriesType.SEGMENTATION,
        SeriesType.STRUCTURE_SET,
        SeriesType.STRUCTURED_REPORT,
        SeriesType.REAL_WORLD_VALUE_MAPPING,
        SeriesType.SECONDARY_CAPTURE,
    )
)


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """One volume of a series: rescaled values, their place and the headers they came with.

    Parameters
    ----------
    values : float32 array, (i, j, k)
        Stored values after each slice's own rescale, read-only.
    grid : Grid
        Voxel centers in patient LPS, mm.
    headers : tuple of Header, k
        One a slice, in the order of k.
    files : tuple of FileRef, k
        Where each slice came from.
    key : tuple of (str, str)
        What sets this volume apart from the others of its series: b-value, echo time, time.
    """

    values: npt.NDArray[np.float32]
    grid: Grid
    headers: tuple[Header, ...]
    files: tuple[FileRef, ...]
    key: tuple[tuple[str, str], ...] = ()


def assemble(series: Series) -> tuple[Stack, ...]:
    """Build the volumes of a series.

    A series that images the same positions repeatedly is split first: by image component and
    Dixon contrast, echo, inversion time, flip angle and diffusion weighting, then by time.

    Parameters
    ----------
    series : Series
        As indexed.

    Returns
    -------
    tuple of Stack
        In order of their keys.

    Raises
    ------
    DataError
        If slices are missing, duplicate, unevenly spaced (beyond 0.1 mm), differently oriented or
        rescaled to different units, fewer or further apart than their headers state, or pixels are
        damaged or mere padding; the message names the files.
    UnsupportedError
        If the object holds no image, or one of a sort that is not read.
    """
    _require_image(series)
    if series.conflicts:
        raise DataError(
            f"Series {series.description!r} contradicts itself: {series.conflicts[0]}.",
            remedy="Export the series again, alone, from the PACS.",
        )
    _require_complete(series)
    if _holds_several_reconstructions(series):
        # Each object is a volume, of one bed position or energy window: never one stack.
        return tuple(
            replace(stack, key=(("object", str(number)), *stack.key))
            for number, instance in enumerate(series.instances, start=1)
            for stack in _stacks((instance,), series.description)
        )
    return _stacks(series.instances, series.description)


def _holds_several_reconstructions(series: Series) -> bool:
    return (
        series.classification.type is SeriesType.SPECT_RECONSTRUCTION
        and len(series.instances) > 1
        and any(i.header.get("NumberOfFrames") not in {None, 1} for i in series.instances)
    )


def _stacks(instances: Sequence[Instance], description: str) -> tuple[Stack, ...]:
    planes = [plane_of(slice_) for slice_ in slices_of(instances)]
    require_parallel(planes, description)
    volumes = [
        (key, sorted(members, key=lambda plane: plane.distance_mm))
        for key, members in split(planes, description)
    ]
    for key, members in volumes:
        _refuse_mixed_attributes(members)
        _require_whole(key, members)
    affines = [affine_of(members) for _, members in volumes]
    values = _values([members for _, members in volumes])
    return tuple(map(_stack, volumes, affines, values))


def _require_image(series: Series) -> None:
    what = series.classification.type
    if what in _NO_VOLUMES:
        stated = "" if what is SeriesType.NUCLEAR_MEDICINE else f": {what.value}"
        raise UnsupportedError(
            f"Series {series.description!r} is a nuclear medicine object (NM), which is not read "
            f"as a volume{stated}.",
            remedy="Export the reconstruction, ImageType RECON TOMO, or the quantitative one as "
            "PET Image Storage.",
        )
    if what in _NO_IMAGES:
        raise UnsupportedError(f"Series {series.description!r} is a {what.value}, not an image.")
    if not any("PixelDataKeyword" in instance.header for instance in series.instances):
        raise UnsupportedError(
            f"Series {series.description!r} ({series.instances[0].file}, "
            f"{series.modality or 'no modality'}) holds no pixels: it is not an image."
        )


def _require_complete(series: Series) -> None:
    """Refuse a PET series of fewer images than a volume of it has slices.

    Where slices are missing at the ends, nothing else gives it away.
    """
    for instance in series.instances:
        stated = instance.header.get("NumberOfSlices")
        found = len(series.instances)
        if series.modality == "PT" and isinstance(stated, int) and found < stated:
            raise DataError(
                f"{instance.file} states NumberOfSlices {stated}, but the series has {found}.",
                remedy="Export the complete series.",
            )


def _require_whole(key: Key, planes: Sequence[Plane]) -> None:
    """Refuse a PET volume of fewer slices than stated: a series may repeat a stack cut short."""
    for plane in planes:
        stated = plane.slice.header.get("NumberOfSlices")
        if (
            plane.slice.header.get("Modality") == "PT"
            and isinstance(stated, int)
            and len(planes) < stated
        ):
            which = ", ".join(f"{name} {value}" for name, value in key) or "it is in"
            raise DataError(
                f"{plane.slice.name} states NumberOfSlices {stated}, but the volume with {which} "
                f"has {len(planes)}.",
                remedy="Export the complete series.",
            )


def _stack(
    volume: tuple[Key, list[Plane]],
    affine: npt.NDArray[np.float64],
    values: npt.NDArray[np.float32],
) -> Stack:
    key, planes = volume
    transposed = values.transpose(2, 1, 0)
    transposed.setflags(write=False)
    frame_of_reference = str(planes[0].slice.header.get("FrameOfReferenceUID") or "")
    columns, rows, slices = transposed.shape
    return Stack(
        transposed,
        Grid((columns, rows, slices), affine, frame_of_reference),
        tuple(plane.slice.header for plane in planes),
        tuple(plane.slice.file for plane in planes),
        key,
    )


_MUST_AGREE: Final = (
    "Rows", "Columns", "FrameOfReferenceUID", "Units", "RescaleType", "SUVType",
)  # fmt: skip
_SPACING_AGREEMENT: Final = 1e-5
"""Relative. Spacings are written with six or more digits; across a field of view of 500 mm this is
0.005 mm, a twentieth of what positions may deviate."""
_STATED_BY_ALL: Final = ("RescaleSlope", "RescaleIntercept")


def _refuse_mixed_attributes(planes: Sequence[Plane]) -> None:
    first = planes[0].slice
    for plane in planes:
        other = plane.slice
        for keyword in (*_MUST_AGREE, "PixelSpacing"):
            one, two = first.header.get(keyword), other.header.get(keyword)
            if one != two and not (keyword == "PixelSpacing" and _nearly(one, two)):
                raise DataError(
                    f"{keyword} is {one!r} in {first.name} but {two!r} in {other.name}.",
                    remedy="Slices of one volume must agree; export the series again.",
                )
        for keyword in _STATED_BY_ALL:
            if (keyword in first.header) != (keyword in other.header):
                raise DataError(
                    f"Of {first.name} and {other.name}, one states {keyword} and one does not.",
                    remedy="Slices of one volume must agree; export the series again.",
                )
        if other.header.get("ModalityLUTSequence"):
            raise UnsupportedError(
                f"{other.name} maps its values by a table (Modality LUT), which is not read.",
                remedy="Export it with RescaleSlope and RescaleIntercept.",
            )


def _nearly(one: object, two: object) -> bool:
    return (
        isinstance(one, tuple)
        and isinstance(two, tuple)
        and len(one) == len(two)
        and all(
            isinstance(a, int | float)
            and isinstance(b, int | float)
            and math.isclose(a, b, rel_tol=_SPACING_AGREEMENT)
            for a, b in zip(one, two, strict=True)
        )
    )


def _values(volumes: Sequence[Sequence[Plane]]) -> list[npt.NDArray[np.float32]]:
    """Rescaled values of each volume, (k, j, i): each file is read once.

    Memory for a volume is asked for when its first image has been read, so that an absurd size
    costs nothing.
    """
    wanted: dict[FileRef, list[tuple[int, int, Slice]]] = defaultdict(list)
    for number, planes in enumerate(volumes):
        for k, plane in enumerate(planes):
            wanted[plane.slice.file].append((number, k, plane.slice))
    files = sorted(wanted)
    sources = [(file, _source_header(wanted[file][0][2])) for file in files]
    values: dict[int, npt.NDArray[np.float32]] = {}
    for file, pixels in zip(files, stored_values(sources), strict=True):
        for number, k, slice_ in wanted[file]:
            image = pixels[slice_.frame]
            if slice_.tile is not None:
                row, column, rows, columns = slice_.tile
                image = image[row : row + rows, column : column + columns]
            if number not in values:
                values[number] = np.empty((len(volumes[number]), *image.shape), np.float32)
            slope, intercept = rescale_of(slice_.header, slice_.name)
            refuse_padding(image, slice_.header, (slope, intercept), slice_.name)
            if slope == 1.0 and intercept == 0.0:
                values[number][k] = image
            else:
                # Scale in double precision, so that a stored level is not lost to rounding.
                values[number][k] = image * np.float64(slope) + intercept
    return [values[number] for number in range(len(volumes))]


def _source_header(slice_: Slice) -> Header:
    """Header of the whole file: a mosaic's tile states the size of the tile."""
    if slice_.tile is None:
        return slice_.header
    header = slice_.header
    return {**header, "Rows": header["MosaicRows"], "Columns": header["MosaicColumns"]}


_LARGEST_FACTOR: Final = 1e28
"""Times the largest stored value this still fits single precision."""


def rescale_of(header: Header, name: str) -> tuple[float, float]:
    """Slope and intercept of one slice; (1, 0) where the object states neither.

    Raises
    ------
    DataError
        If only one is stated, the slope is 0, one is no number, or the slope of a PET is negative.
    """
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    if slope is None and intercept is None:
        if header.get("Modality") in {"PT", "CT"}:
            raise DataError(
                f"{name} is {header['Modality']} without RescaleSlope and RescaleIntercept.",
                remedy="Export the series again from the scanner.",
            )
        return 1.0, 0.0
    if (
        isinstance(slope, int | float)
        and isinstance(intercept, int | float)
        and 1.0 / _LARGEST_FACTOR < abs(slope) < _LARGEST_FACTOR
        and abs(intercept) < _LARGEST_FACTOR
    ):
        if slope < 0.0 and header.get("Modality") == "PT":
            raise DataError(
                f"{name} is PT and states RescaleSlope {slope!r}: activity cannot fall where the "
                "stored value rises.",
                remedy="Export the image again from the scanner.",
            )
        return float(slope), float(intercept)
    raise DataError(
        f"{name} states RescaleSlope {slope!r} and RescaleIntercept {intercept!r}.",
        remedy="Both must be believable numbers and the slope not 0; export the image again.",
    )
