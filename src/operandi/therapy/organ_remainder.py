"""The uncertainty of what is left of an organ without its lesions.

A difference of two activities over a difference of two masses. What organ and lesions have in
common scales the difference; what each has for itself adds in quadrature, and weighs the more the
less is left.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operandi.therapy.recovery import RecoveryCurve
from operandi.therapy.scanned_region import (
    ScannedRegion,
    fit_without_outline,
    prior_share,
    voxel_share,
)
from operandi.therapy.time_activity import TimeActivityFit

Scanned = tuple[ScannedRegion, TimeActivityFit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """Of a dose, what is uncertain about it, as shares of it.

    Parameters
    ----------
    names : tuple of str
        Lesions that were taken off.
    calibration, recovery, s_value, outlines, fits : float, >= 0
        Standard uncertainty of the dose by each, organ and lesions together.
    own : float, >= 0
        Of all of them, what is new in every cycle.
    """

    names: tuple[str, ...]
    calibration: float
    recovery: float
    s_value: float
    outlines: float
    fits: float
    own: float

    @property
    def relative(self) -> float:
        """``u(D) / D``."""
        return math.hypot(self.calibration, self.recovery, self.s_value, self.outlines, self.fits)

    @property
    def basis(self) -> str:
        """In words, with the largest first."""
        parts = {
            "outlines": self.outlines,
            "fits": self.fits,
            "calibration": self.calibration,
            "recovery": self.recovery,
            "S value": self.s_value,
        }
        ranked = sorted(parts.items(), key=lambda item: -item[1])
        return (
            f"propagation through the difference that is left without {', '.join(self.names)}: "
            "calibration and recovery are common, outlines and fits each region's own; 95% "
            f"interval log-normal; budget: {', '.join(f'{what} {u:.1%}' for what, u in ranked)}"
        )


def remainder(
    organ: Scanned,
    lesions: Sequence[Scanned],
    *,
    mass_exponent: float,
    s_value_relative: float,
) -> Remainder:
    """Propagate through ``D ~ (T_o - sum T_l) (m_o - sum m_l)^c``.

    With ``w = +-T / T_left`` and ``k = +-m / m_left`` of each region: calibration enters as such,
    the recovery curve by ``sum w d ln R / d(b1, b2)`` with their covariance, each outline by
    ``|w e + k c| u(v) / v`` and each fit by ``|w| u``; *e* is ``d ln A / d ln v``. Regions that
    were not recovered count as independent.

    Parameters
    ----------
    organ, lesions : (ScannedRegion, TimeActivityFit)
        The organ with its lesions in, and the lesions.
    mass_exponent : float
        *c*, ``d ln D / d ln m`` of the method.
    s_value_relative : float, >= 0
        Of the S value.
    """
    parts = [(1.0, *organ), *((-1.0, *lesion) for lesion in lesions)]
    left = math.fsum(sign * fit.time_integrated_bq_s for sign, _, fit in parts)
    volume = math.fsum(sign * region.volume_ml for sign, region, _ in parts)
    recovery = organ[0].recovery
    on_curve = isinstance(recovery, RecoveryCurve)
    gradient = np.zeros(2)
    unrecovered, outlines, fits, own = [0.0], [], [], []
    for sign, region, fit in parts:
        weight = sign * fit.time_integrated_bq_s / left
        gradient += weight * region.recovery_gradient
        if not on_curve:
            unrecovered.append(weight * region.recovery_relative)
        uncertainty = region.volume_uncertainty
        by_outline = weight * region.elasticity + sign * region.volume_ml / volume * mass_exponent
        outlines.append(by_outline * uncertainty.total_ml / region.volume_ml)
        fits.append(weight * fit_without_outline(region, fit))
        own += [
            outlines[-1] * math.sqrt(voxel_share(uncertainty)),
            fits[-1] * math.sqrt(1.0 - prior_share(region, fit)),
        ]
    curve = (
        math.sqrt(max(0.0, float(gradient @ recovery.covariance @ gradient)))
        if isinstance(recovery, RecoveryCurve)
        else 0.0
    )
    return Remainder(
        names=tuple(region.name for region, _ in lesions),
        calibration=organ[0].calibration_relative,
        recovery=math.hypot(curve, *unrecovered),
        s_value=s_value_relative,
        outlines=math.hypot(*outlines),
        fits=math.hypot(*fits),
        own=math.hypot(*own),
    )
