"""ADC of a lesion: its mask is brought onto the ADC map, and how much of it arrived is told."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.neighborhoods import (
    IndexBox,
    box_around,
    grid_in,
    mask_in,
)
from operandi.imaging.lesions.measures.origin import MeasurementOrigin
from operandi.imaging.resample import resample_mask
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import (
    ADC_MEAN,
    ADC_MEDIAN,
    ADC_MINIMUM,
    ADC_PERCENTILE_10,
    ADC_PERCENTILE_25,
    ADC_PERCENTILE_75,
    ADC_PERCENTILE_90,
    APPARENT_DIFFUSION_COEFFICIENT,
    SHARE_ON_ADC,
    Kind,
)

LEAST_SHARE_ON_ADC: Final = 0.5
"""Assumed: with less of the lesion on the map, its values are not the lesion's."""

_PERCENTILES: Final = (
    (ADC_PERCENTILE_10, 10.0),
    (ADC_PERCENTILE_25, 25.0),
    (ADC_MEDIAN, 50.0),
    (ADC_PERCENTILE_75, 75.0),
    (ADC_PERCENTILE_90, 90.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionOnAdc:
    """A lesion's voxels on an ADC map.

    Parameters
    ----------
    mask : Mask
        The lesion on the ADC grid, without voxels that the map did not measure.
    values : array, (n,)
        ADC of these voxels, 1e-6 mm2/s, in array order.
    share : float, 0 to 1
        Share of the lesion's own voxels whose center falls in a measured voxel of the map.
    unmeasured : int
        Voxels of the lesion on the ADC grid that hold no positive finite value.
    """

    mask: Mask
    values: npt.NDArray[np.float64]
    share: float
    unmeasured: int


def lesion_on_adc(
    adc: Volume, lesion: Lesion, *, transform: npt.ArrayLike | None = None
) -> LesionOnAdc:
    """Bring a lesion onto an ADC map by nearest neighbor.

    A value of 0 or below, or one that is not finite, is not measured: vendors write 0 where the
    signal was below a threshold.

    Parameters
    ----------
    adc : Volume of APPARENT_DIFFUSION_COEFFICIENT
        Static, 1e-6 mm2/s.
    lesion : Lesion
        On any grid, such as the PET's.
    transform : array-like, (4, 4), optional
        Maps positions of the ADC map to positions of the lesion, LPS, mm. Identity if absent,
        which needs one frame of reference.

    Raises
    ------
    DataError
        If ``adc`` is of another kind or has frames, or the lesion is empty.
    GridMismatchError
        If no transform is given and the frames of reference differ.
    """
    if adc.kind != APPARENT_DIFFUSION_COEFFICIENT or adc.frames:
        raise DataError(
            f"Needed a static {APPARENT_DIFFUSION_COEFFICIENT.name} map in "
            f"{APPARENT_DIFFUSION_COEFFICIENT.unit}, got {adc.kind.name} of "
            f"{len(adc.frames) or 'no'} frames.",
            remedy="State the map's unit where it is read; vendors scale it differently.",
        )
    if not lesion.mask.inside.any():
        raise DataError(f"The mask of lesion {lesion.id} holds no voxel.", remedy="Draw it again.")
    back = None if transform is None else np.linalg.inv(np.asarray(transform, dtype=np.float64))
    own = mask_in(box_around(lesion.mask), lesion.mask)
    reached = _reached(own.grid, adc.grid, back=back)
    inside = np.zeros(adc.grid.shape, dtype=np.bool_)
    if any(part.stop <= part.start for part in reached):
        none = np.empty(0, dtype=np.float64)
        return LesionOnAdc(mask=Mask(inside, adc.grid), values=none, share=0.0, unmeasured=0)
    values = adc.values[reached]
    measured = Mask(np.isfinite(values) & (values > 0), grid_in(reached, adc.grid))
    there = resample_mask(own, measured.grid, transform=transform)
    inside[reached] = there.inside & measured.inside
    seen = resample_mask(measured, own.grid, transform=back)
    return LesionOnAdc(
        mask=Mask(inside, adc.grid),
        values=adc.values[inside].astype(np.float64),
        share=float(np.count_nonzero(seen.inside & own.inside) / np.count_nonzero(own.inside)),
        unmeasured=int(np.count_nonzero(there.inside & ~measured.inside)),
    )


def measure_adc(found: LesionOnAdc, *, origin: MeasurementOrigin) -> tuple[Measurement, ...]:
    """Share of the lesion on the map, then mean, minimum and percentiles of its ADC.

    Percentiles interpolate linearly between ordered values. The minimum is a single voxel, and
    falls with the number of voxels through noise alone.

    Returns
    -------
    tuple of Measurement
        The values are absent where less than ``LEAST_SHARE_ON_ADC`` of the lesion lies on the map,
        or no voxel center of the map lies in it.
    """
    count = found.values.size
    absent = ""
    if found.share < LEAST_SHARE_ON_ADC:
        absent = (
            f"only {found.share:.0%} of the lesion lies on measured voxels of the ADC map; "
            f"{LEAST_SHARE_ON_ADC:.0%} are needed"
        )
    elif count == 0:
        absent = "no voxel center of the ADC map lies in the lesion, which is smaller than a voxel"
    basis = (
        f"{count} voxels of the ADC map, {found.share:.0%} of the lesion, {found.unmeasured} "
        "without a value; distortion of diffusion images and motion against the PET are not known"
    )
    share = origin.value(
        SHARE_ON_ADC,
        found.share,
        method="voxels of the lesion in measured voxels of the ADC map",
        basis="it follows from the two grids and the registration",
    )
    return (share, *(_adc_value(found, k, m, absent, basis, origin) for k, m in _METHODS))


def _reached(own: Grid, adc: Grid, *, back: npt.NDArray[np.float64] | None) -> IndexBox:
    """_Box of the ADC map that the lesion's box reaches, a voxel wider; may be empty."""
    corners = np.array(np.meshgrid(*[(-1.0, n) for n in own.shape])).reshape(3, -1).T
    positions = own.position_of(corners)
    if back is not None:
        positions = positions @ back[:3, :3].T + back[:3, 3]
    index = adc.index_of(positions)
    low = np.maximum(np.floor(index.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 2, adc.shape)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return i, j, k


_METHODS: Final[tuple[tuple[Kind, str], ...]] = (
    (ADC_MEAN, "mean of the lesion's voxels on the ADC grid"),
    (ADC_MINIMUM, "lowest voxel on the ADC grid"),
    *((kind, f"percentile {percent:g} on the ADC grid") for kind, percent in _PERCENTILES),
)


def _adc_value(
    found: LesionOnAdc,
    kind: Kind,
    method: str,
    absent: str,
    basis: str,
    origin: MeasurementOrigin,
) -> Measurement:
    value = None if absent else _summary(found.values, kind)
    return origin.value(kind, value, method=method, basis=basis, absent=absent)


def _summary(values: npt.NDArray[np.float64], kind: Kind) -> float:
    if kind == ADC_MEAN:
        return math.fsum(values) / values.size
    if kind == ADC_MINIMUM:
        return float(values.min())
    return float(np.percentile(values, dict(_PERCENTILES)[kind]))
