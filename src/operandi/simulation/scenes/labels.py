"""Label maps and volumes of a painted scene: its truth as analysis would draw it."""

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.simulation.scenes.painting import Array, Box, Occupancy

Labels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


def label_map(occupancy: Occupancy) -> tuple[Labels, dict[int, str]]:
    """Label each voxel by the organ with the largest share of it.

    Parts of one organ count together. Air around the body is 0; where two shares are equal, air
    wins over organs and the organ painted first over later ones.

    Returns
    -------
    labels : (i, j, k), uint8 or, for more than 255 organs, uint16
    names : dict of label to organ
        Numbered from 1 in the order in which organs are first painted.
    """
    by_organ: dict[str, list[int]] = {}
    for number, painted in enumerate(occupancy.parts):
        by_organ.setdefault(painted.part.organ, []).append(number)
    names = dict(enumerate(by_organ, start=1))
    shape = occupancy.grid.shape
    labels: Labels = np.zeros(shape, np.uint8) if len(names) < 256 else np.zeros(shape, np.uint16)
    largest = air_share(occupancy)
    for label, organ in names.items():
        box, share = _together(occupancy, by_organ[organ])
        wins = share > largest[box]
        largest[box][wins] = share[wins]
        labels[box][wins] = label
    return labels, names


def air_share(occupancy: Occupancy) -> Array:
    """Share of each voxel that no part fills, shape of the grid, float32, 0 to 1."""
    air = np.ones(occupancy.grid.shape, dtype=np.float32)
    for painted in occupancy.parts:
        air[painted.box] -= painted.share
    return np.maximum(air, np.float32(0.0), out=air)


def share_of(occupancy: Occupancy, organ: str) -> Array:
    """Share of each voxel that is an organ, shape of the grid, float32, 0 to 1.

    Raises
    ------
    DataError
        If no part of the organ was painted.
    """
    box, share = _together(occupancy, _parts_of(occupancy, organ))
    whole = np.zeros(occupancy.grid.shape, dtype=np.float32)
    whole[box] = share
    return whole


def volume_ml(occupancy: Occupancy, organ: str) -> float:
    """Volume of what is visible of an organ, mL; what lies over it is not counted.

    Raises
    ------
    DataError
        If no part of the organ was painted.
    """
    numbers = _parts_of(occupancy, organ)
    total = sum(float(occupancy.parts[n].share.sum(dtype=np.float64)) for n in numbers)
    return total * occupancy.grid.voxel_volume_ml


def _parts_of(occupancy: Occupancy, organ: str) -> list[int]:
    numbers = [n for n, painted in enumerate(occupancy.parts) if painted.part.organ == organ]
    if not numbers:
        found = sorted({painted.part.organ for painted in occupancy.parts})
        raise DataError(f"No part of {organ!r} was painted; there are {', '.join(found)}.")
    return numbers


def _together(occupancy: Occupancy, numbers: list[int]) -> tuple[Box, Array]:
    """Box around parts and the sum of their shares in it."""
    boxes = [occupancy.parts[n].box for n in numbers]
    low = [min(box[axis].start for box in boxes) for axis in range(3)]
    high = [max(box[axis].stop for box in boxes) for axis in range(3)]
    if len(numbers) == 1:
        return boxes[0], occupancy.parts[numbers[0]].share
    total = np.zeros([b - a for a, b in zip(low, high, strict=True)], dtype=np.float32)
    for number, box in zip(numbers, boxes, strict=True):
        shifted = tuple(slice(s.start - a, s.stop - a) for s, a in zip(box, low, strict=True))
        total[shifted] += occupancy.parts[number].share
    whole = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return (whole[0], whole[1], whole[2]), total
