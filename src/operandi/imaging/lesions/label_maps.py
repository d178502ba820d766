"""Lesions as NIfTI label maps with their names beside them, out and in."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.imaging.dicom.segmentation import resample_onto
from operandi.imaging.nifti import read_nifti, write_atomically, write_labels
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import LABEL

_MOST_LABELS: Final = 65535


def write_label_map(path: Path, lesions: Sequence[Lesion], grid: Grid) -> None:
    """Write lesions as labels 1, 2, 3 ... in their order, and ``{"1": name}`` beside the map.

    ``lesions.nii.gz`` has its names in ``lesions.json``. The same lesions give the same bytes.

    Parameters
    ----------
    path : Path
        Ends in ``.nii`` or ``.nii.gz``.
    lesions : sequence of Lesion
        On boxes of *grid*, or on all of it.
    grid : Grid
        Of the map.

    Raises
    ------
    DataError
        If a lesion is empty, two share a voxel or a name, or there are more than 65 535.
    GridMismatchError
        If a mask's voxels do not coincide with the grid's, or lie outside.
    """
    names = [str(lesion.id) for lesion in lesions]
    if len(set(names)) < len(names) or len(names) > _MOST_LABELS:
        raise DataError(f"A label map needs up to {_MOST_LABELS} lesions of distinct names.")
    labels = np.zeros(grid.shape, dtype=np.uint16, order="F")
    for number, lesion in enumerate(lesions, start=1):
        inside = resample_onto(lesion.mask, grid).inside
        taken = np.unique(labels[inside])
        if not taken.size:
            raise DataError(f"Lesion {lesion.id} has no voxel.", remedy="Leave it out.")
        if taken.max() > 0:
            raise DataError(
                f"Lesions {names[int(taken.max()) - 1]} and {lesion.id} share voxels, which a "
                f"label map cannot hold.",
                remedy="Write a DICOM segmentation, or part them.",
            )
        labels[inside] = number
    write_labels(path, labels, grid)
    named = {str(number): name for number, name in enumerate(names, start=1)}
    text = json.dumps(named, indent=1, ensure_ascii=False) + "\n"
    write_atomically(_names_beside(path), text.encode())


def read_label_map(
    path: Path, *, grid: Grid | None = None, names: Mapping[int, str] | None = None
) -> tuple[Lesion, ...]:
    """Read a label map of any maker into lesions on tight boxes, by ascending label.

    Parameters
    ----------
    path : Path
        NIfTI with whole, non-negative labels; 0 is background.
    grid : Grid, optional
        Of the image it was drawn on. The map must lie on it, and takes its frame of reference,
        which NIfTI cannot hold.
    names : mapping of int to str, optional
        By label. Else those of the JSON file beside the map; without one, the labels' numbers.

    Returns
    -------
    tuple of Lesion
        Those with a voxel; a name without one is left out.

    Raises
    ------
    DataError
        If the map or its names are damaged, a label is not whole or not named, or two labels
        have one name.
    GridMismatchError
        If it lies on another grid than *grid*.
    """
    volume = read_nifti(path, LABEL)
    if grid is not None:
        grid.require_same(volume.grid, what=f"The image and the label map {path.name}")
    labels = _whole(volume.values, name=path.name)
    place = grid or volume.grid
    named = names if names is not None else _names_of(path)
    boxes = find_objects(labels)
    lesions = []
    for number, box in enumerate(boxes, start=1):
        if box is None:
            continue
        name = str(number) if named is None else named.get(number)
        if name is None:
            raise DataError(
                f"{path.name} holds label {number}, which has no name.",
                remedy=f"Name it in {_names_beside(path).name}.",
            )
        mask = Mask(np.asfortranarray(labels[box] == number), _box_of(place, box))
        lesions.append(Lesion(LesionId(name), mask, "", f"label map {path.name}"))
    if len({lesion.id for lesion in lesions}) < len(lesions):
        raise DataError(f"{path.name} gives one name to two labels.")
    return tuple(lesions)


def _whole(values: npt.NDArray[np.floating], *, name: str) -> npt.NDArray[np.int32]:
    low, high = float(values.min()), float(values.max())
    # A comparison with NaN is false: what is not finite ends here too.
    if not (low >= 0 and high <= _MOST_LABELS):
        raise DataError(f"{name} holds labels from {low:g} to {high:g}: needed 0 to 65535.")
    labels = values.astype(np.int32)
    if np.any(labels != values):
        raise DataError(
            f"{name} holds labels that are not whole numbers.",
            remedy="Resample label maps with nearest neighbor.",
        )
    return labels


def _box_of(grid: Grid, box: tuple[slice, ...]) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 3] = grid.position_of([part.start for part in box])
    shape = tuple(part.stop - part.start for part in box)
    return Grid((shape[0], shape[1], shape[2]), affine, grid.frame_of_reference)


def _names_beside(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def _names_of(path: Path) -> dict[int, str] | None:
    beside = _names_beside(path)
    try:
        text = beside.read_text("utf-8")
        return {int(number): str(name) for number, name in json.loads(text).items()}
    except FileNotFoundError:
        return None
    except (ValueError, AttributeError) as error:
        raise DataError(
            f'{beside.name} is no list of names: needed {{"1": "name", ...}}.'
        ) from error
