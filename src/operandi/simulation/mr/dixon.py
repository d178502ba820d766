"""T1-weighted spoiled gradient echo at two echoes, and the water and fat images made from them.

References
----------
.. [1] Dixon, Radiology 153:189, 1984 (recalled): two-point separation.
"""

import math
from functools import partial
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from operandi.simulation.dicom.headers import MrSequence
from operandi.simulation.mr.distortion import shifted, void_hz
from operandi.simulation.mr.noise import channel_noise
from operandi.simulation.mr.session import (
    MrSeries,
    SeriesNumber,
    Session,
    as_volume,
    storage_scale,
)
from operandi.simulation.mr.signals import FAT_T1_MS, fat_phasor, spoiled_gradient_echo
from operandi.simulation.scenes.scene import Tissue

Array = npt.NDArray[np.float32]

REPETITION_MS: Final = 4.0
FLIP_DEGREE: Final = 9.0
ECHOES_MS: Final = (1.23, 2.46)
"""Opposed and in phase. Times and flip angle are those of a common PET/MR Dixon (recalled)."""

NOISE: Final = 0.0010
"""Of each channel, relative to relaxed water: about 1/40 of the signal of liver (assumed)."""

READOUT_HZ_PER_PIXEL: Final = 1000.0
"""Assumed; only an implant shifts by as much as a pixel."""

_WORDS: Final = ("OPP_PHASE", "IN_PHASE", "WATER", "FAT")
_NAMES: Final = ("dixon_opposed", "dixon_in", "dixon_water", "dixon_fat")


def water_signal(tissue: Tissue, *, echo_time_ms: float) -> float:
    """Of the water of a tissue at an echo."""
    steady = spoiled_gradient_echo(
        t1_ms=tissue.t1_ms, repetition_time_ms=REPETITION_MS, flip_angle_degree=FLIP_DEGREE
    )
    decay = math.exp(-echo_time_ms / tissue.t2_star_ms)
    return tissue.proton_density * (1.0 - tissue.fat_fraction) * steady * decay


def fat_signal(tissue: Tissue, *, echo_time_ms: float) -> float:
    """Of the fat of a tissue at an echo, before ``fat_phasor``."""
    steady = spoiled_gradient_echo(
        t1_ms=FAT_T1_MS, repetition_time_ms=REPETITION_MS, flip_angle_degree=FLIP_DEGREE
    )
    decay = math.exp(-echo_time_ms / tissue.t2_star_ms)
    return tissue.proton_density * tissue.fat_fraction * steady * decay


def dixon_series(session: Session) -> tuple[MrSeries, ...]:
    """Opposed phase, in phase, water and fat, all from the same two noisy echoes."""
    occupancy = session.painted("dixon")
    grid = occupancy.grid
    void = session.artifacts.void
    echoes = []
    for number, echo_ms in enumerate(ECHOES_MS):
        water = occupancy.image(session.by_tissue(partial(water_signal, echo_time_ms=echo_ms)))
        fat = occupancy.image(session.by_tissue(partial(fat_signal, echo_time_ms=echo_ms)))
        received = session.reception(grid, echo_time_ms=echo_ms)
        water *= received
        fat *= received
        if void is not None:
            shift = void_hz(grid, void) / np.float32(READOUT_HZ_PER_PIXEL)
            water, fat = shifted(water, shift, axis=0), shifted(fat, shift, axis=0)
        noise = channel_noise(
            grid.shape, sigma=NOISE, random=session.noise(SeriesNumber.DIXON, volume=number)
        )
        echoes.append((water, fat, noise))
    scale = storage_scale(
        session.by_tissue(
            lambda tissue: sum(
                signal(tissue, echo_time_ms=ECHOES_MS[1]) for signal in (water_signal, fat_signal)
            )
        )
    )
    images = separated(echoes, scale=scale)
    if session.artifacts.inversion:
        images = (*images[:2], images[3], images[2])
    return tuple(
        MrSeries(
            name=name,
            volumes=(as_volume(image, grid),),
            sequence=_sequence(word),
            after_s=0.0,
        )
        for name, word, image in zip(_NAMES, _WORDS, images, strict=True)
    )


def separated(
    echoes: list[tuple[Array, Array, Array]], *, scale: float
) -> tuple[Array, Array, Array, Array]:
    """Stored opposed-phase, in-phase, water and fat images of two echoes.

    The scanner knows the phase of the field, and so the sign of the first echo:
    ``W = (|S2| + s |S1|) / 2``, ``F = (|S2| - s |S1|) / 2``.

    Parameters
    ----------
    echoes : two of (water, fat, noise)
        Signals of each echo before ``fat_phasor``; noise of shape (2, i, j, k).
    scale : float
        Stored level of a signal of 1.
    """
    (water_1, fat_1, noise_1), (water_2, fat_2, noise_2) = echoes
    first, second = (fat_phasor(echo) for echo in ECHOES_MS)
    stored = np.empty((4, water_1.size), dtype=np.float32)
    _separate(
        (water_1.ravel(), fat_1.ravel(), noise_1.reshape(2, -1)),
        (water_2.ravel(), fat_2.ravel(), noise_2.reshape(2, -1)),
        np.array([first.real, first.imag, second.real, second.imag], dtype=np.float32),
        np.float32(scale),
        stored,
    )
    opposed, in_phase, water, fat = stored.reshape(4, *water_1.shape)
    return opposed, in_phase, water, fat


@numba.njit(cache=True)
def _separate(one, two, phasors, scale, stored):  # type: ignore[no-untyped-def]
    water_1, fat_1, noise_1 = one
    water_2, fat_2, noise_2 = two
    half, largest = np.float32(0.5), np.float32(4095.0)
    for n in range(water_1.size):
        along = water_1[n] + fat_1[n] * phasors[0] + noise_1[0, n]
        across = fat_1[n] * phasors[1] + noise_1[1, n]
        opposed = np.sqrt(along * along + across * across)
        along_2 = water_2[n] + fat_2[n] * phasors[2] + noise_2[0, n]
        across_2 = fat_2[n] * phasors[3] + noise_2[1, n]
        in_phase = np.sqrt(along_2 * along_2 + across_2 * across_2)
        signed = opposed if along >= 0 else -opposed
        stored[0, n] = min(np.rint(opposed * scale), largest)
        stored[1, n] = min(np.rint(in_phase * scale), largest)
        stored[2, n] = min(np.rint(abs(in_phase + signed) * half * scale), largest)
        stored[3, n] = min(np.rint(abs(in_phase - signed) * half * scale), largest)


def _sequence(word: str) -> MrSequence:
    derived = word in {"WATER", "FAT"}
    return MrSequence(
        image_type=("DERIVED" if derived else "ORIGINAL", "PRIMARY", "DIXON", word),
        scanning_sequence="GR",
        variant="SP",
        acquisition="3D",
        repetition_time_ms=REPETITION_MS,
        echo_time_ms=ECHOES_MS[0] if word == "OPP_PHASE" else ECHOES_MS[1],
        flip_angle_degree=FLIP_DEGREE,
    )
