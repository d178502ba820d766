"""Contrast agent: arterial input and what tissue takes up, by time.

Times are seconds, rates per minute as ``Tissue`` has them; concentrations are mmol/L.

References
----------
.. [1] Parker et al., Magn Reson Med 56:993, 2006: population-averaged arterial input function.
.. [2] Tofts, J Magn Reson Imaging 7:91, 1997 (recalled): extended model.
.. [3] Szomolanyi et al., Invest Radiol 54:559, 2019: gadobutrol in human blood at 3 T and 37 C,
       r1 = 3.47 +- 0.16 L/(mmol s).
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from operandi.quantities.errors import DataError

Floats = npt.NDArray[np.float64]

RELAXIVITY_1: Final = 3.47
"""L/(mmol s), [3]_; taken for tissue as well (assumed)."""

RELAXIVITY_2_STAR: Final = 5.0
"""L/(mmol s), assumed."""

HEMATOCRIT: Final = 0.42
"""That of [1]_, recalled from implementations of it."""

_STEP_S: Final = 0.1
_PEAKS: Final = ((0.809, 0.17046, 0.0563), (0.330, 0.365, 0.132))
_ALPHA, _BETA, _S, _TAU = 1.050, 0.1685, 38.078, 0.483


def parker_blood(times_s: Floats) -> Floats:
    """Concentration in whole arterial blood after a bolus at time 0; none before.

    Two Gaussians (area in mmol min/L, center, width in min) and an exponential that a sigmoid
    switches on.
    """
    t = np.asarray(times_s, dtype=np.float64) / 60.0
    late = np.maximum(t, 0.0)
    blood = _ALPHA * np.exp(-_BETA * late) / (1.0 + np.exp(-_S * (late - _TAU)))
    for area, center, width in _PEAKS:
        shape = np.exp(-((t - center) ** 2) / (2.0 * width**2))
        blood += area / (width * math.sqrt(2.0 * math.pi)) * shape
    result: Floats = np.where(t < 0.0, 0.0, blood)
    return result


def parker_plasma(times_s: Floats) -> Floats:
    """Concentration in plasma, ``C_b / (1 - Hct)``."""
    return parker_blood(times_s) / (1.0 - HEMATOCRIT)


def extended_tofts(
    plasma: Floats, *, step_s: float, ktrans_per_min: float, ve: float, vp: float
) -> Floats:
    """Concentration in tissue, ``vp Cp + Ktrans int Cp(u) exp(-Ktrans / ve (t - u)) du``.

    Exact for a plasma curve that is linear between its samples.

    Parameters
    ----------
    plasma : Floats, (t,)
        Plasma concentration at 0, step, 2 step …
    step_s : float, > 0
    ktrans_per_min, ve, vp : float
        Transfer constant, extravascular extracellular space, plasma volume.

    Raises
    ------
    DataError
        If something is transferred into no space.
    """
    if ktrans_per_min == 0.0:
        return vp * plasma
    if ve <= 0.0:
        raise DataError(
            f"A tissue with Ktrans {ktrans_per_min}/min needs a space to take it up; ve is {ve}.",
            remedy="Give ve > 0, or Ktrans 0.",
        )
    ktrans = ktrans_per_min / 60.0
    x = ktrans / ve * step_s
    kept = math.exp(-x)
    whole = -math.expm1(-x) / x
    # Integral over a step of a line from old to new, weighed by the exponential.
    new = (1.0 - whole) / x
    old = whole - new
    driven = np.zeros_like(plasma)
    driven[1:] = ktrans * step_s * (old * plasma[:-1] + new * plasma[1:])
    exchanged: Floats = lfilter([1.0], [1.0, -kept], driven)
    return vp * plasma + exchanged


def tissue_concentration(
    times_s: Floats, *, ktrans_per_min: float, ve: float, vp: float, delay_s: float = 0.0
) -> Floats:
    """Concentration in a tissue at given times after the injection, ascending.

    Parameters
    ----------
    times_s : Floats, (t,)
    ktrans_per_min, ve, vp : float
    delay_s : float
        Of the arrival of the bolus.
    """
    fine = np.arange(0.0, max(float(times_s[-1]), _STEP_S) + 2 * _STEP_S, _STEP_S)
    curve = extended_tofts(
        parker_plasma(fine - delay_s),
        step_s=_STEP_S,
        ktrans_per_min=ktrans_per_min,
        ve=ve,
        vp=vp,
    )
    result: Floats = np.interp(times_s, fine, curve, left=0.0)
    return result
