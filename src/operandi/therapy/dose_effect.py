"""What a distribution of dose does: uniform equivalents, control, complication, alpha particles."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, ndtr

from operandi.quantities.errors import DataError

Floats = npt.NDArray[np.float64]


def generalized_uniform_dose_gy(
    dose_gy: npt.ArrayLike, weights: npt.ArrayLike | None = None, *, exponent: float
) -> float:
    """``gEUD = (sum v_i D_i^a)^(1/a)``, Gy.

    Parameters
    ----------
    dose_gy : array, (n,), >= 0
        Dose of each voxel or bin.
    weights : array, (n,), optional
        Volumes; equal if absent.
    exponent : float, not 0
        *a*: 1 the mean; large the maximum (serial organs); negative, towards the minimum (tumors).

    Returns
    -------
    float
        Between the smallest and the largest dose.

    References
    ----------
    .. [1] Niemierko, Med Phys 26:1100, 1999 (abstract; recalled).
    """
    dose, share = _distribution(dose_gy, weights)
    if exponent == 0 or not math.isfinite(exponent):
        raise ValueError(f"the exponent must be finite and not 0: {exponent}")
    if float(dose.min()) == 0:
        if exponent < 0:
            return 0.0
        share, dose = share[dose > 0], dose[dose > 0]
        if dose.size == 0:
            return 0.0
    # In logarithms: D^a overflows for the exponents that tumors and serial organs have.
    log_mean = float(logsumexp(exponent * np.log(dose), b=share))
    return math.exp(log_mean / exponent)


def survival_uniform_dose_gy(
    effective_dose_gy: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    alpha_per_gy: float,
) -> float:
    """``EUD = -(1/alpha) ln sum v_i exp(-alpha BED_i)``: the uniform dose with the same survivors.

    Parameters
    ----------
    effective_dose_gy : array, (n,), >= 0
        Biologically effective dose of each voxel.
    weights : array, (n,), optional
        Volumes; equal if absent.
    alpha_per_gy : float, > 0
        Linear coefficient, 1/Gy.

    References
    ----------
    .. [1] Niemierko, Med Phys 24:103, 1997; O'Donoghue, J Nucl Med 40:1337, 1999 (recalled).
    """
    dose, share = _distribution(effective_dose_gy, weights)
    _refuse_not_positive("alpha", alpha_per_gy, "1/Gy")
    return -float(logsumexp(-alpha_per_gy * dose, b=share)) / alpha_per_gy


def tumor_control_probability(
    effective_dose_gy: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    clonogens: float,
    alpha_per_gy: float,
) -> float:
    """``TCP = exp(-N sum v_i exp(-alpha BED_i))``, Poisson.

    Parameters
    ----------
    effective_dose_gy : array, (n,)
        Biologically effective dose of each voxel of the tumor, or one number.
    weights : array, (n,), optional
        Volumes; equal if absent.
    clonogens : float, > 0
        *N* in the whole tumor. There is no default.
    alpha_per_gy : float, > 0
        1/Gy. An alpha fitted to clinical response (0.03/Gy here) is far below one measured in
        vitro; the two must not be mixed.
    """
    _refuse_not_positive("the number of clonogens", clonogens, "cells")
    uniform = survival_uniform_dose_gy(effective_dose_gy, weights, alpha_per_gy=alpha_per_gy)
    return math.exp(-math.exp(math.log(clonogens) - alpha_per_gy * uniform))


def complication_probability(*, uniform_dose_gy: float, td50_gy: float, m: float) -> float:
    """``NTCP = Phi[(gEUD - TD50) / (m TD50)]``, Lyman-Kutcher-Burman with *n* = 1 / exponent.

    Parameters
    ----------
    uniform_dose_gy : float, >= 0
        Of :func:`generalized_uniform_dose_gy` with the organ's exponent, on the scale *td50_gy*
        was fitted on: a TD50 in fractions of 2 Gy needs EQD2, not absorbed dose.
    td50_gy, m : float, > 0
        Dose of 50 % complications and relative slope. No organ's values are shipped: those in use
        come from external beams.

    References
    ----------
    .. [1] Lyman, Radiat Res 104:S13, 1985; Kutcher & Burman, Int J Radiat Oncol Biol Phys
       16:1623, 1989 (recalled).
    """
    _refuse_not_positive("TD50", td50_gy, "Gy")
    _refuse_not_positive("m", m, "")
    if not uniform_dose_gy >= 0:
        raise DataError(
            f"a uniform dose must be >= 0, got {uniform_dose_gy} Gy", remedy="Supply the dose."
        )
    return float(ndtr((uniform_dose_gy - td50_gy) / (m * td50_gy)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RbeRange:
    """Relative biological effectiveness with its range.

    Parameters
    ----------
    low, nominal, high : float
        ``0 < low <= nominal <= high``.
    source : str
        Of the numbers, and for which effect.
    """

    low: float
    nominal: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not (0 < self.low <= self.nominal <= self.high) or not self.source:
            raise DataError(
                f"an RBE needs 0 < low <= nominal <= high and a source, got {self.low},"
                f" {self.nominal}, {self.high}, {self.source!r}",
                remedy="Supply the range and where it is from.",
            )


ALPHA_RBE: Final = RbeRange(
    low=3.0,
    nominal=5.0,
    high=7.0,
    source=(
        "5 as used for 213Bi-PSMA-617 (Kratochwil et al., Eur J Nucl Med Mol Imaging 45:31, 2018;"
        " abstract seen); 4.7 for mouse testis with 212Pb in equilibrium, mixed field (Howell et"
        " al., Radiat Res 137:352, 1994; abstract seen); range 3-7 recalled (MIRD Pamphlet 22)"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RbeWeightedDose:
    """Absorbed dose of alphas times RBE, plus that of the rest. Never Gy, never one number.

    Parameters
    ----------
    low_gy_rbe, nominal_gy_rbe, high_gy_rbe : float
        Gy(RBE).
    alpha_gy, low_let_gy : float
        The absorbed doses it was made from, Gy.
    rbe : RbeRange
        The factor.
    """

    low_gy_rbe: float
    nominal_gy_rbe: float
    high_gy_rbe: float
    alpha_gy: float
    low_let_gy: float
    rbe: RbeRange


def rbe_weighted_dose(*, alpha_gy: float, low_let_gy: float, rbe: RbeRange) -> RbeWeightedDose:
    """``RBE * D_alpha + D_lowLET`` at the low, nominal and high end of the RBE.

    Parameters
    ----------
    alpha_gy, low_let_gy : float, >= 0
        Absorbed doses by alphas (recoil included) and by electrons and photons, Gy.
    rbe : RbeRange
        There is no default; :data:`ALPHA_RBE` is one choice.

    Raises
    ------
    DataError
        If a dose is negative.
    """
    if not (alpha_gy >= 0 and low_let_gy >= 0):
        raise DataError(
            f"absorbed doses must be >= 0, got {alpha_gy} and {low_let_gy} Gy",
            remedy="Supply the dose split by radiation.",
        )
    low, nominal, high = (
        factor * alpha_gy + low_let_gy for factor in (rbe.low, rbe.nominal, rbe.high)
    )
    return RbeWeightedDose(
        low_gy_rbe=low,
        nominal_gy_rbe=nominal,
        high_gy_rbe=high,
        alpha_gy=alpha_gy,
        low_let_gy=low_let_gy,
        rbe=rbe,
    )


def _distribution(dose_gy: npt.ArrayLike, weights: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    """Doses and shares that sum to 1."""
    dose = np.atleast_1d(np.asarray(dose_gy, dtype=np.float64)).ravel()
    share = np.ones_like(dose) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    if share.shape != dose.shape:
        raise ValueError(f"{dose.size} doses, {share.size} weights")
    if dose.size == 0 or not np.isfinite(dose).all() or float(dose.min()) < 0:
        raise DataError(
            "a dose distribution needs finite doses >= 0 of at least one voxel",
            remedy="Check the outline and the dose map.",
        )
    if not (np.isfinite(share).all() and float(share.min()) >= 0 and float(share.sum()) > 0):
        raise DataError("volumes must be >= 0 with a sum > 0", remedy="Check the voxel volumes.")
    kept = share > 0
    return dose[kept], share[kept] / share.sum()


def _refuse_not_positive(what: str, value: float, unit: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise DataError(
            f"{what} must be > 0, got {value} {unit}".rstrip(),
            remedy="Supply it for this tissue; there is no default.",
        )
