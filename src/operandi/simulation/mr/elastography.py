"""Magnetic resonance elastography: shear waves of 60 Hz, encoded in phase at four offsets.

Each slice is solved by itself (``waves``). The scanner's difference of opposite encodings has
already removed the static phase. Its own map of stiffness is left to it: what is written is what
every inversion starts from.

References
----------
.. [1] Hoodeshenas, Yin, Venkatesh, Top Magn Reson Imaging 27:319, 2018: gradient-echo
       elastography of the liver at 60 Hz, passive driver over the right lower ribs.
"""

import cmath
import math
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.simulation.dicom.headers import MrSequence
from operandi.simulation.mr.noise import LARGEST, channel_noise, stored_phase
from operandi.simulation.mr.session import (
    MrSeries,
    SeriesNumber,
    Session,
    as_volume,
    storage_scale,
)
from operandi.simulation.mr.signals import (
    FAT_T1_MS,
    fat_phasor,
    spoiled_gradient_echo,
)
from operandi.simulation.mr.waves import WaveSlice, shear_wave
from operandi.simulation.scenes.painting import Occupancy
from operandi.simulation.scenes.scene import Tissue

Array = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex128]

FREQUENCY_HZ: Final = 60.0
OFFSETS: Final = 4
REPETITION_MS: Final = 50.0
ECHO_MS: Final = 20.0
FLIP_DEGREE: Final = 30.0
"""Times and angle are recalled from protocols."""

NOISE: Final = 0.006
"""Of each channel, relative to relaxed water: about 1/12 of the signal of liver (assumed)."""

LARGEST_PHASE_RAD: Final = 3.0
"""What motion encodes at the 95th percentile of the liver, or of the body where none is in view:
the operator sets the driver's power so. It wraps near the driver (assumed)."""

DRIVER_MM: Final = (-80.0, 50.0)
"""Middle along x, and standard deviation of its push (assumed): over the right lower ribs."""

_SOFTEST_PA: Final = 600.0
"""Lung and gas are no softer, so that waves in them keep three nodes; they give no signal."""

_AFTER_S: Final = 120.0


def magnitude_signal(tissue: Tissue) -> float:
    """Of water and fat of a tissue in a gradient echo."""
    steady, fat_steady = (
        spoiled_gradient_echo(
            t1_ms=t1_ms, repetition_time_ms=REPETITION_MS, flip_angle_degree=FLIP_DEGREE
        )
        for t1_ms in (tissue.t1_ms, FAT_T1_MS)
    )
    fat = tissue.fat_fraction
    mixed = abs((1.0 - fat) * steady + fat * fat_steady * fat_phasor(ECHO_MS))
    return tissue.proton_density * mixed * math.exp(-ECHO_MS / tissue.t2_star_ms)


def shear_modulus_pa(tissue: Tissue) -> complex:
    """Complex modulus, ``|G| exp(i delta)``."""
    stiffness = max(tissue.stiffness_kpa * 1e3, _SOFTEST_PA)
    return cmath.rect(stiffness, tissue.loss_angle_rad)


def encoded_motion(session: Session, occupancy: Occupancy) -> Complex:
    """Complex amplitude of the encoded phase, rad: phase at offset *n* is ``Re(u i^n)``."""
    modulus = {name: shear_modulus_pa(tissue) for name, tissue in session.scene.tissues.items()}
    filled = occupancy.image(dict.fromkeys(modulus, 1.0))
    real = occupancy.image({name: value.real for name, value in modulus.items()})
    imaginary = occupancy.image({name: value.imag for name, value in modulus.items()})
    inside = filled > 0.5
    share = np.where(inside, filled, 1.0)
    mixed = (real + 1j * imaginary) / share
    grid = occupancy.grid
    motion = np.zeros(grid.shape, dtype=np.complex128)
    for k in range(grid.shape[2]):
        if np.count_nonzero(inside[:, :, k]) < 9:
            continue
        motion[:, :, k] = shear_wave(
            WaveSlice(
                modulus_pa=mixed[:, :, k].astype(np.complex128),
                inside=inside[:, :, k],
                load=driver_load(inside[:, :, k], grid),
                spacing_mm=grid.spacing_mm[0],
                frequency_hz=FREQUENCY_HZ,
            )
        )
    encoded = np.abs(motion[_liver(occupancy) & inside])
    if encoded.size == 0:
        encoded = np.abs(motion[inside])
    if encoded.size:
        motion *= LARGEST_PHASE_RAD / max(float(np.percentile(encoded, 95)), 1e-300)
    return motion


def _liver(occupancy: Occupancy) -> npt.NDArray[np.bool_]:
    share = np.zeros(occupancy.grid.shape, dtype=np.float32)
    for painted in occupancy.parts:
        if painted.part.organ == "liver":
            share[painted.box] += painted.share
    return share > 0.5


def driver_load(inside: npt.NDArray[np.bool_], grid: Grid) -> Complex:
    """Push on the front of the body in a slice: Gaussian along x around the driver's middle."""
    middle, width = DRIVER_MM
    x = grid.affine[0, 3] + grid.affine[0, 0] * np.arange(grid.shape[0])
    # The outermost nodes may belong to no element, so the force acts three nodes deep.
    depth = np.cumsum(inside, axis=1)
    front = inside & (depth >= 2) & (depth <= 4)
    push = np.exp(-0.5 * ((x - middle) / width) ** 2)
    load: Complex = (front * push[:, None]).astype(np.complex128)
    return load


def elastography_series(session: Session) -> tuple[MrSeries, ...]:
    """Magnitude and phase at four offsets of a period."""
    occupancy = session.painted("mre")
    grid = occupancy.grid
    signals = session.by_tissue(magnitude_signal)
    received = occupancy.image(signals) * session.reception(grid, echo_time_ms=ECHO_MS)
    motion = encoded_motion(session, occupancy)
    scale = storage_scale(signals)
    magnitudes, phases = [], []
    for n in range(OFFSETS):
        phase = np.real(motion * cmath.exp(2j * math.pi * n / OFFSETS)).astype(np.float32)
        noise = channel_noise(
            grid.shape, sigma=NOISE, random=session.noise(SeriesNumber.MRE, volume=n)
        )
        real = received * np.cos(phase) + noise[0]
        imaginary = received * np.sin(phase) + noise[1]
        level = np.minimum(np.rint(np.hypot(real, imaginary) * np.float32(scale)), LARGEST)
        magnitudes.append(as_volume(level.astype(np.float32), grid))
        phases.append(as_volume(stored_phase(np.arctan2(imaginary, real)), grid))
    return (
        MrSeries(
            name="mre_magnitude",
            volumes=tuple(magnitudes),
            sequence=_sequence("M", phase=False),
            after_s=_AFTER_S,
        ),
        MrSeries(
            name="mre_phase",
            volumes=tuple(phases),
            sequence=_sequence("P", phase=True),
            after_s=_AFTER_S,
        ),
    )


def _sequence(word: str, *, phase: bool) -> MrSequence:
    period_ms = 1e3 / FREQUENCY_HZ
    return MrSequence(
        image_type=("ORIGINAL", "PRIMARY", word, "MRE"),
        scanning_sequence="GR",
        variant="SP",
        acquisition="2D",
        repetition_time_ms=REPETITION_MS,
        echo_time_ms=ECHO_MS,
        flip_angle_degree=FLIP_DEGREE,
        trigger_offsets_ms=tuple(n * period_ms / OFFSETS for n in range(OFFSETS)),
        phase=phase,
    )
