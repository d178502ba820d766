"""Large images in tiles, averaged with Gaussian weights where they overlap."""

import itertools
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.lesions.models.manifest import Tiling

SIGMA_SHARE: Final = 0.125
"""SD of the weights as a share of a tile, as nnU-Net has it [1]_ (recalled).

References
----------
.. [1] Isensee et al, Nat Methods 18:203, 2021.
"""

_LEAST_WEIGHT: Final = 1e-3
"""Of the center's; so that a corner that one tile covers is divided by no zero."""

Floats = npt.NDArray[np.float32]
RunTile = Callable[[Floats], npt.NDArray[Any]]
"""From (c, i, j, k) to (classes, i, j, k)."""


def run_in_tiles(
    values: Floats, run: RunTile, *, tiles: Tiling | None, beyond: Floats
) -> npt.NDArray[Any]:
    """Run a model over a whole image.

    Tiles lie at even steps of at most ``size * (1 - overlap)``, the first and last at the edges, in
    the order of the array. An image smaller than a tile is padded at its end.

    Parameters
    ----------
    values : array, (c, i, j, k)
        Normalized channels.
    run : callable
        The model on one tile.
    tiles : Tiling or None
        None for one tile of the whole image.
    beyond : array, (c,)
        What a channel is padded with.

    Returns
    -------
    array, (classes, i, j, k)
        Of one tile, or where none overlap, as the model gave it; else the weighted mean.
    """
    shape = values.shape[1:]
    if tiles is None:
        return run(values)
    padded = _padded(values, tiles.size, beyond)
    grown = padded.shape[1:]
    starts = [
        _starts(n, size=size, overlap=tiles.overlap)
        for n, size in zip(grown, tiles.size, strict=True)
    ]
    corners = list(itertools.product(*starts))
    boxes = [
        tuple(slice(low, low + size) for low, size in zip(corner, tiles.size, strict=True))
        for corner in corners
    ]
    if len(boxes) == 1:
        return _cropped(run(padded), shape)
    weights = gaussian_weights(tiles.size) if tiles.overlap > 0 else None
    merged = _merged(padded, boxes, run, weights)
    return _cropped(merged, shape)


def gaussian_weights(size: tuple[int, int, int]) -> npt.NDArray[np.float64]:
    """Weights of a tile's voxels: a Gaussian of ``SIGMA_SHARE``, 1 at the center."""
    parts = []
    for n in size:
        away = (np.arange(n) - (n - 1) / 2.0) / (SIGMA_SHARE * n)
        parts.append(np.exp(-0.5 * away**2))
    weights = parts[0][:, None, None] * parts[1][:, None] * parts[2]
    scaled: npt.NDArray[np.float64] = np.maximum(weights / weights.max(), _LEAST_WEIGHT)
    return scaled


def _merged(
    padded: Floats,
    boxes: list[tuple[slice, ...]],
    run: RunTile,
    weights: npt.NDArray[np.float64] | None,
) -> npt.NDArray[Any]:
    """Weighted mean of all tiles; without weights the last one to cover a voxel."""
    result: npt.NDArray[Any] | None = None
    total = np.zeros(padded.shape[1:])
    for box in boxes:
        found = run(np.ascontiguousarray(padded[(slice(None), *box)]))
        if result is None:
            kind = found.dtype if weights is None else np.float64
            result = np.zeros((found.shape[0], *padded.shape[1:]), dtype=kind)
        if weights is None:
            result[(slice(None), *box)] = found
        else:
            result[(slice(None), *box)] += found.astype(np.float64) * weights
            total[box] += weights
    if result is None:
        raise ValueError("no tile covers the image")
    return result if weights is None else np.asarray(result, dtype=np.float64) / total


def _padded(values: Floats, size: tuple[int, int, int], beyond: Floats) -> Floats:
    grown = [max(n, least) for n, least in zip(values.shape[1:], size, strict=True)]
    if tuple(grown) == values.shape[1:]:
        return values
    result = np.empty((values.shape[0], *grown), dtype=np.float32)
    result[:] = beyond[:, None, None, None]
    result[(slice(None), *(slice(n) for n in values.shape[1:]))] = values
    return result


def _cropped(values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return values[(slice(None), *(slice(n) for n in shape))]


def _starts(n: int, *, size: int, overlap: float) -> list[int]:
    if n <= size:
        return [0]
    step = max(1.0, size * (1.0 - overlap))
    count = int(np.ceil((n - size) / step - 1e-9)) + 1
    return [round(i * (n - size) / (count - 1)) for i in range(count)]
