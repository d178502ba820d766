"""The same peptide with another radionuclide: its course, and the activity of equal effect.

References
----------
.. [1] Dale & Jones, Int J Radiat Biol 75:931, 1999, and Hobbs et al., Med Phys 41:032501, 2014:
       high-LET damage in the linear-quadratic model (recalled; verify).
"""

import math
from typing import Final

from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import Nuclide
from operandi.therapy.chains import decay_constant_per_s
from operandi.therapy.exponentials import ExponentialSum

# A fitted tail may be slower than decay by rounding, not by more.
_SLOWER_BY_ROUNDING: Final = 1e-6


def relabeled(activity: ExponentialSum, *, measured: Nuclide, other: Nuclide) -> ExponentialSum:
    """The course with the decay of one nuclide taken out and another's put in.

    ``r_other = (r - l_measured) + l_other`` for every rate; amplitudes stay, so that the course
    is that of the same administered activity.

    Raises
    ------
    DataError
        If a rate is slower than the decay of the measured nuclide: no biological clearance is
        negative.
    """
    decay = decay_constant_per_s(measured)
    biological = [rate - decay for rate in activity.rates_per_s]
    if min(biological) < -_SLOWER_BY_ROUNDING * decay:
        raise DataError(
            f"A course falls by {min(activity.rates_per_s):g} /s, slower than {measured.name} "
            f"decays ({decay:g} /s).",
            remedy="Correct the fit, or name the nuclide that was measured.",
        )
    own = decay_constant_per_s(other)
    return ExponentialSum(activity.amplitudes, tuple(max(rate, 0.0) + own for rate in biological))


def effective_dose_with_alphas_gy(
    *, alpha_gy: float, low_let_gy: float, g: float, alpha_beta_gy: float, rbe: float
) -> float:
    """``BED = RBE D_a + D_l (1 + G D_l / (alpha/beta))``: alpha damage is not repaired, Gy.

    Raises
    ------
    ValueError
        If a dose is negative or alpha/beta not positive.
    """
    if min(alpha_gy, low_let_gy, g) < 0 or not alpha_beta_gy > 0:
        raise ValueError("doses and G must be >= 0, alpha/beta > 0")
    return rbe * alpha_gy + low_let_gy * (1 + g * low_let_gy / alpha_beta_gy)


def activity_for_effective_dose_bq(
    effective_dose_gy: float,
    *,
    alpha_gy_per_bq: float,
    low_let_gy_per_bq: float,
    g: float,
    alpha_beta_gy: float,
    rbe: float,
) -> float:
    """Administered activity at which an organ has this effective dose, Bq.

    The positive root of ``G d_l^2 / (alpha/beta) A^2 + (RBE d_a + d_l) A = BED``.

    Raises
    ------
    ValueError
        If nothing is absorbed, or the effective dose is negative.
    """
    linear = rbe * alpha_gy_per_bq + low_let_gy_per_bq
    if not (linear > 0 and effective_dose_gy >= 0):
        raise ValueError("needed a dose per activity > 0 and an effective dose >= 0")
    quadratic = g * low_let_gy_per_bq**2 / alpha_beta_gy
    # The form of the root that does not cancel where the quadratic term is small.
    return (
        2 * effective_dose_gy / (linear + math.sqrt(linear**2 + 4 * quadratic * effective_dose_gy))
    )
