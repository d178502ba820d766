"""Images as a model takes them: on its grid, clipped, normalized, in its order."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.imaging.lesions.models.manifest import InputChannel, Normalization
from operandi.imaging.lesions.models.model_grid import onto_model_grid
from operandi.imaging.lesions.models.protocol import ModelImages
from operandi.quantities.errors import DataError


def require_channels(images: ModelImages, inputs: Sequence[InputChannel]) -> None:
    """Refuse where an image that the model needs was not given.

    Raises
    ------
    DataError
        Naming the channels.
    """
    lacking = [one.channel for one in inputs if one.channel not in images.volumes]
    if lacking:
        raise DataError(
            f"The model needs {' and '.join(lacking)}, given were "
            f"{' and '.join(sorted(images.volumes))}.",
            remedy="Give the images of this visit, or a model that does without.",
        )


def channel_values(
    images: ModelImages, one: InputChannel, *, grid: Grid
) -> npt.NDArray[np.float32]:
    """A channel on the model's grid, in its unit, before normalization.

    Raises
    ------
    DataError
        If a value is not finite.
    """
    values = onto_model_grid(images.volumes[one.channel], grid, outside=one.outside)
    if not np.isfinite(values).all():
        raise DataError(
            f"The channel {one.channel} of a model has values that are not finite.",
            remedy="Correct the image.",
        )
    return values


def model_arrays(
    images: ModelImages, inputs: Sequence[InputChannel], *, grid: Grid
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Channels of a model, and the value of each beyond its image.

    Parameters
    ----------
    images : ModelImages
        Of the visit.
    inputs : sequence of InputChannel
        In the model's order.
    grid : Grid
        As of ``model_grid``.

    Returns
    -------
    tuple of (array (c, i, j, k), array (c,))
        Normalized.

    Raises
    ------
    DataError
        If a channel is missing, has values that are not finite, or is uniform where it is to be
        divided by its SD.
    """
    require_channels(images, inputs)
    values = np.empty((len(inputs), *grid.shape), dtype=np.float32)
    beyond = np.empty(len(inputs), dtype=np.float32)
    for number, one in enumerate(inputs):
        own = np.asarray(channel_values(images, one, grid=grid), dtype=np.float64)
        outside = np.float64(one.outside)
        if one.clip is not None:
            own, outside = np.clip(own, *one.clip), np.clip(outside, *one.clip)
        mean, sd = _scale(own, one)
        values[number] = (own - mean) / sd
        beyond[number] = (outside - mean) / sd
    return values, beyond


def _scale(values: npt.NDArray[np.float64], one: InputChannel) -> tuple[float, float]:
    if one.normalization is not Normalization.Z_SCORE:
        return one.mean or 0.0, one.sd or 1.0
    sd = float(values.std())
    if not sd > 0:
        raise DataError(
            f"The channel {one.channel} is {values.flat[0]:g} everywhere; z-score divides by its "
            f"SD.",
            remedy="Check the image.",
        )
    return float(values.mean()), sd
