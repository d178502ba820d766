"""Signal equations of the sequences, each one function of tissue and sequence.

All are relative to the fully relaxed signal of water (proton density 1).

References
----------
.. [1] Spoiled gradient echo (FLASH) and spin echo: Bernstein, King, Zhou, Handbook of MRI Pulse
       Sequences, 2004 (recalled).
.. [2] Fat: six peaks of the ISMRM 2012 fat-water challenge, water at 4.7 ppm, after Yu et al.,
       Magn Reson Med 60:1122, 2008, and Hernando et al., Magn Reson Med 64:811, 2010.
.. [3] IVIM: Le Bihan et al., Radiology 168:497, 1988 (recalled).
"""

import cmath
import math
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LARMOR_MHZ: Final = 127.74
"""1H at 3 T: 42.58 MHz/T."""

FAT_PEAKS: Final = (
    (0.087, -3.8),
    (0.693, -3.4),
    (0.128, -2.6),
    (0.004, -1.94),
    (0.039, -0.39),
    (0.048, 0.6),
)
"""Relative amplitude, and shift from water in ppm."""

FAT_SHIFT_HZ: Final = 3.4 * LARMOR_MHZ
"""Of the largest peak, below water."""

FAT_T1_MS: Final = 382.0
FAT_T2_MS: Final = 68
"""Subcutaneous fat at 3 T, 382 +- 13 and 68 +- 4: de Bazelaire et al., Radiology 230:652, 2004."""


def spoiled_gradient_echo(
    *, t1_ms: float, repetition_time_ms: float, flip_angle_degree: float
) -> float:
    """Steady-state signal at echo time 0.

    ``sin(a) (1 - E1) / (1 - cos(a) E1)``, ``E1 = exp(-TR / T1)``.
    """
    flip = math.radians(flip_angle_degree)
    e1 = math.exp(-repetition_time_ms / t1_ms)
    return math.sin(flip) * (1.0 - e1) / (1.0 - math.cos(flip) * e1)


def spoiled_gradient_echo_of_rates(
    r1_per_s: Floats, *, repetition_time_ms: float, flip_angle_degree: float
) -> Floats:
    """Steady-state signal at echo time 0 of many relaxation rates (contrast agent)."""
    flip = math.radians(flip_angle_degree)
    e1 = np.exp(-repetition_time_ms * 1e-3 * r1_per_s)
    signal: Floats = math.sin(flip) * (1.0 - e1) / (1.0 - math.cos(flip) * e1)
    return signal


def spin_echo(
    *, t1_ms: float, t2_ms: float, echo_time_ms: float, repetition_time_ms: float = math.inf
) -> float:
    """``(1 - exp(-TR / T1)) exp(-TE / T2)``; single-shot sequences have an infinite TR."""
    recovered = 1.0 - math.exp(-repetition_time_ms / t1_ms)
    return recovered * math.exp(-echo_time_ms / t2_ms)


def ivim(
    *, b_s_mm2: float, adc_mm2_s: float, perfusion_fraction: float, pseudo_diffusion_mm2_s: float
) -> float:
    """``(1 - f) exp(-b D) + f exp(-b D*)``: what is left of the signal at *b*."""
    return (1.0 - perfusion_fraction) * math.exp(
        -b_s_mm2 * adc_mm2_s
    ) + perfusion_fraction * math.exp(-b_s_mm2 * pseudo_diffusion_mm2_s)


def fat_phasor(echo_time_ms: float) -> complex:
    """Sum of the peaks of fat at an echo, relative to water on resonance; 1 at echo time 0.

    ``sum a_p exp(2 pi i d_p f0 TE)``.
    """
    total = sum(amplitude for amplitude, _ in FAT_PEAKS)
    turns_per_ppm = LARMOR_MHZ * echo_time_ms * 1e-3
    return sum(
        amplitude / total * cmath.exp(2j * math.pi * ppm * turns_per_ppm)
        for amplitude, ppm in FAT_PEAKS
    )
