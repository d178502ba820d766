"""Dynamic contrast-enhanced spoiled gradient echo, and the flip angles before it that give T1."""

import math
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.simulation.dicom.headers import MrSequence
from operandi.simulation.mr.contrast import (
    RELAXIVITY_1,
    RELAXIVITY_2_STAR,
    tissue_concentration,
)
from operandi.simulation.mr.noise import stored_magnitude
from operandi.simulation.mr.session import (
    MrSeries,
    SeriesNumber,
    Session,
    as_volume,
    storage_scale,
)
from operandi.simulation.mr.signals import (
    FAT_T1_MS,
    spoiled_gradient_echo,
    spoiled_gradient_echo_of_rates,
)
from operandi.simulation.scenes.painting import Occupancy
from operandi.simulation.scenes.scene import Tissue

Floats = npt.NDArray[np.float64]

REPETITION_MS: Final = 3.5
ECHO_MS: Final = 1.2
FLIP_DEGREE: Final = 12.0
FLIPS_FOR_T1_DEGREE: Final = (2.0, 5.0, 15.0)
"""Times and angles are assumed."""

INJECTION_S: Final = 16.0
"""After the first volume, as the bolus arrives in the aorta."""

FAT_LEFT: Final = 0.1
"""Share of fat that its suppression leaves (assumed)."""

NOISE: Final = 0.0010
"""Of each channel, relative to relaxed water: about 1/40 of the signal of liver before contrast
(assumed)."""

_AFTER_S: Final = 600.0
_BEFORE_S: Final = 540.0


def volume_starts_s() -> tuple[float, ...]:
    """Start of each volume: every 4 s for 64 s, every 8 s to 128 s, every 30 s to 308 s."""
    starts = [4.0 * n for n in range(16)] + [64 + 8.0 * n for n in range(8)]
    return tuple(starts + [128.0 + 30.0 * n for n in range(7)])


def dynamic_signal(tissue: Tissue, *, starts_s: Floats) -> Floats:
    """Signal of a tissue at each start: extended Tofts, relaxivity, spoiled gradient echo."""
    concentration = tissue_concentration(
        starts_s - INJECTION_S,
        ktrans_per_min=tissue.ktrans_per_min,
        ve=tissue.ve,
        vp=tissue.vp,
    )
    steady = spoiled_gradient_echo_of_rates(
        1e3 / tissue.t1_ms + RELAXIVITY_1 * concentration,
        repetition_time_ms=REPETITION_MS,
        flip_angle_degree=FLIP_DEGREE,
    )
    decay = np.exp(-ECHO_MS * 1e-3 * (1e3 / tissue.t2_star_ms + RELAXIVITY_2_STAR * concentration))
    water = tissue.proton_density * (1.0 - tissue.fat_fraction) * steady * decay
    return water + fat_signal(tissue, flip_angle_degree=FLIP_DEGREE)


def precontrast_signal(tissue: Tissue, *, flip_angle_degree: float) -> float:
    """Signal of a tissue without contrast agent at a flip angle."""
    steady = spoiled_gradient_echo(
        t1_ms=tissue.t1_ms,
        repetition_time_ms=REPETITION_MS,
        flip_angle_degree=flip_angle_degree,
    )
    decay = math.exp(-ECHO_MS / tissue.t2_star_ms)
    water = tissue.proton_density * (1.0 - tissue.fat_fraction) * steady * decay
    return water + fat_signal(tissue, flip_angle_degree=flip_angle_degree)


def fat_signal(tissue: Tissue, *, flip_angle_degree: float) -> float:
    """Of the fat that is left of a tissue."""
    steady = spoiled_gradient_echo(
        t1_ms=FAT_T1_MS, repetition_time_ms=REPETITION_MS, flip_angle_degree=flip_angle_degree
    )
    decay = math.exp(-ECHO_MS / tissue.t2_star_ms)
    return FAT_LEFT * tissue.proton_density * tissue.fat_fraction * steady * decay


def dynamic_series(session: Session) -> tuple[MrSeries, ...]:
    """The flip angles for T1, then the dynamic series; both of one scale."""
    occupancy = session.painted("dce")
    starts = volume_starts_s()
    curves = {
        name: dynamic_signal(tissue, starts_s=np.array(starts))
        for name, tissue in session.scene.tissues.items()
    }
    scale = storage_scale({name: float(curve.max()) for name, curve in curves.items()})
    before = [
        session.by_tissue(partial(precontrast_signal, flip_angle_degree=flip))
        for flip in FLIPS_FOR_T1_DEGREE
    ]
    during = [{name: float(curve[n]) for name, curve in curves.items()} for n in range(len(starts))]
    return (
        _series(
            session,
            occupancy,
            before,
            number=SeriesNumber.T1_VFA,
            scale=scale,
        ),
        _series(session, occupancy, during, number=SeriesNumber.DCE, scale=scale),
    )


def _series(
    session: Session,
    occupancy: Occupancy,
    signals: list[dict[str, float]],
    *,
    number: SeriesNumber,
    scale: float,
) -> MrSeries:
    grid = occupancy.grid
    received = session.reception(grid, echo_time_ms=ECHO_MS)
    volumes = []
    for n, by_tissue in enumerate(signals):
        image = occupancy.image(by_tissue)
        image *= received
        stored = stored_magnitude(
            image, sigma=NOISE, scale=scale, random=session.noise(number, volume=n)
        )
        volumes.append(as_volume(stored, grid))
    dynamic = number is SeriesNumber.DCE
    return MrSeries(
        name="dce" if dynamic else "t1_flips",
        volumes=tuple(volumes),
        sequence=MrSequence(
            image_type=("ORIGINAL", "PRIMARY", "M"),
            scanning_sequence="GR",
            variant="SP",
            acquisition="3D",
            repetition_time_ms=REPETITION_MS,
            echo_time_ms=ECHO_MS,
            flip_angle_degree=FLIP_DEGREE if dynamic else None,
            flip_angles_degree=() if dynamic else FLIPS_FOR_T1_DEGREE,
            offsets_s=volume_starts_s() if dynamic else (),
        ),
        after_s=_AFTER_S if dynamic else _BEFORE_S,
    )
