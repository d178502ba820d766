"""Diffusion-weighted echo-planar imaging: several b values, distortion, and the scanner's ADC map.

References
----------
.. [1] Repetition and echo times, and b values, after protocols of the liver at 3 T (Riffel et al.,
       World J Radiol 5:334, 2013: 5600-6400 and 63-76 ms; 0, 50, 100, 200, 400, 800), rounded.
"""

from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.simulation.dicom.headers import MrSequence
from operandi.simulation.mr.distortion import background_hz, shifted, void_hz
from operandi.simulation.mr.noise import LARGEST, stored_magnitude
from operandi.simulation.mr.session import (
    MrSeries,
    SeriesNumber,
    Session,
    as_volume,
    storage_scale,
)
from operandi.simulation.mr.signals import FAT_SHIFT_HZ, FAT_T1_MS, FAT_T2_MS, ivim, spin_echo
from operandi.simulation.scenes.painting import Occupancy
from operandi.simulation.scenes.scene import Tissue

Array = npt.NDArray[np.float32]

B_VALUES_S_MM2: Final = (0.0, 50.0, 100.0, 200.0, 400.0, 800.0)
REPETITION_MS: Final = 6000.0
ECHO_MS: Final = 63.0

ECHO_SPACING_MS: Final = 0.6
ACCELERATION: Final = 2
"""Both assumed; with the number of rows they give the bandwidth along the phase direction."""

FAT_LEFT: Final = 0.04
"""Share of fat that its suppression leaves (assumed)."""

NOISE: Final = 0.006
"""Of each channel, relative to relaxed water: about 1/20 of the signal of liver at b = 0
(assumed)."""

ADC_FROM_S_MM2: Final = 50.0
"""The scanner's map is fitted from here up, so that perfusion counts little."""

_AFTER_S: Final = 240.0


def water_signal(tissue: Tissue, *, b_s_mm2: float) -> float:
    """Of the water of a tissue: spin echo times IVIM."""
    relaxed = spin_echo(
        t1_ms=tissue.t1_ms,
        t2_ms=tissue.t2_ms,
        echo_time_ms=ECHO_MS,
        repetition_time_ms=REPETITION_MS,
    )
    diffused = ivim(
        b_s_mm2=b_s_mm2,
        adc_mm2_s=tissue.adc_mm2_s,
        perfusion_fraction=tissue.perfusion_fraction,
        pseudo_diffusion_mm2_s=tissue.pseudo_diffusion_mm2_s,
    )
    return tissue.proton_density * (1.0 - tissue.fat_fraction) * relaxed * diffused


def fat_signal(tissue: Tissue) -> float:
    """Of the fat that is left of a tissue; it hardly diffuses, so it is the same at every b."""
    relaxed = spin_echo(
        t1_ms=FAT_T1_MS,
        t2_ms=FAT_T2_MS,
        echo_time_ms=ECHO_MS,
        repetition_time_ms=REPETITION_MS,
    )
    return FAT_LEFT * tissue.proton_density * tissue.fat_fraction * relaxed


def pixel_bandwidth_hz(rows: int) -> float:
    """Bandwidth of a pixel along the phase direction of an echo train."""
    return ACCELERATION / (rows * ECHO_SPACING_MS * 1e-3)


def distortion_px(session: Session, occupancy: Occupancy) -> Array:
    """How far the field moves the water of every voxel towards the back (higher rows), pixels.

    The truth of the distortion; fat moves by ``fat_shift_px`` besides.
    """
    field = background_hz(occupancy, dict(session.scene.tissues))
    if session.artifacts.void is not None:
        field += void_hz(occupancy.grid, session.artifacts.void)
    return field / np.float32(pixel_bandwidth_hz(occupancy.grid.shape[1]))


def fat_shift_px(rows: int) -> float:
    """How far fat moves against water, pixels: its shift over the bandwidth, towards the front."""
    return -FAT_SHIFT_HZ / pixel_bandwidth_hz(rows)


def diffusion_series(session: Session) -> tuple[MrSeries, ...]:
    """The trace-weighted series and the map of ADC that the scanner makes of it."""
    occupancy = session.painted("dwi")
    grid = occupancy.grid
    received = session.reception(grid, echo_time_ms=0.0)
    shift = distortion_px(session, occupancy)
    fat = shifted(
        occupancy.image(session.by_tissue(fat_signal)) * received,
        shift + np.float32(fat_shift_px(grid.shape[1])),
        axis=1,
    )
    scale = storage_scale(session.by_tissue(partial(water_signal, b_s_mm2=0.0)))
    stored = []
    for number, b_value in enumerate(B_VALUES_S_MM2):
        water = occupancy.image(session.by_tissue(partial(water_signal, b_s_mm2=b_value)))
        image = shifted(water * received, shift, axis=1) + fat
        random = session.noise(SeriesNumber.DWI, volume=number)
        stored.append(stored_magnitude(image, sigma=NOISE, scale=scale, random=random))
    return (
        MrSeries(
            name="dwi",
            volumes=tuple(as_volume(image, grid) for image in stored),
            sequence=_sequence("TRACEW", b_values=B_VALUES_S_MM2),
            after_s=_AFTER_S,
        ),
        MrSeries(
            name="dwi_adc",
            volumes=(as_volume(adc_map(stored, B_VALUES_S_MM2), grid),),
            sequence=_sequence("ADC", b_values=()),
            after_s=_AFTER_S,
        ),
    )


def adc_map(stored: list[Array], b_values: tuple[float, ...]) -> Array:
    """Slope of the log signal over b from ``ADC_FROM_S_MM2`` up, stored in 1e-6 mm2/s."""
    chosen = [n for n, b in enumerate(b_values) if b >= ADC_FROM_S_MM2]
    b = np.array([b_values[n] for n in chosen])
    weights = (b - b.mean()) / np.sum((b - b.mean()) ** 2)
    slope = np.zeros(stored[0].shape, dtype=np.float32)
    for n, weight in zip(chosen, weights, strict=True):
        slope -= np.float32(weight) * np.log(np.maximum(stored[n], 1.0))
    result: Array = np.clip(np.rint(slope * np.float32(1e6)), 0, LARGEST)
    return result


def _sequence(word: str, *, b_values: tuple[float, ...]) -> MrSequence:
    return MrSequence(
        image_type=("DERIVED", "PRIMARY", "DIFFUSION", word),
        scanning_sequence="EP",
        variant="SK",
        acquisition="2D",
        repetition_time_ms=REPETITION_MS,
        echo_time_ms=ECHO_MS,
        b_values_s_mm2=b_values,
        flip_angle_degree=90.0,
        echo_train_length=48,
    )
