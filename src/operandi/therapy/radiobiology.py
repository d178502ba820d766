"""Linear-quadratic effect of a dose rate that changes: repair, repopulation, several cycles.

Everything here is for low-LET radiation and in Gy; alpha particles go through
:mod:`operandi.therapy.dose_effect` as a ranged quantity of their own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

import numpy as np

from operandi.quantities.errors import DataError
from operandi.therapy.delta_method import Estimate, Parameter, Scale, propagated
from operandi.therapy.exponentials import ExponentialSum

_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueParameters:
    """How a tissue answers to fractionation and dose rate.

    Parameters
    ----------
    tissue : str
        Of what.
    alpha_beta_gy : Parameter
        Ratio of the linear to the quadratic coefficient, Gy.
    repair_half_time_s : Parameter
        Half-time of mono-exponential repair of sublethal damage, s.
    source : str
        Where the numbers come from, and which of them nobody here has seen.
    """

    tissue: str
    alpha_beta_gy: Parameter
    repair_half_time_s: Parameter
    source: str

    @property
    def repair_rate_per_s(self) -> float:
        """``mu = ln 2 / T_repair``, 1/s."""
        return repair_rate_per_s(half_time_s=self.repair_half_time_s.value)


KIDNEY: Final = TissueParameters(
    tissue="kidney, late damage",
    # Standard uncertainty: the range 1.5-3 Gy of animal studies (O'Donoghue 2004, abstract seen)
    # taken as rectangular, 1.5 / sqrt(12).
    alpha_beta_gy=Parameter(2.6, 1.5 / math.sqrt(12.0)),
    # No published uncertainty was seen; propagation says so instead of inventing one.
    repair_half_time_s=Parameter(2.8 * _HOUR_S, None),
    source=(
        "alpha/beta 2.6 Gy and repair half-time 2.8 h as used for PRRT (Barone et al., J Nucl Med"
        " 46:99S, 2005; Wessels et al., MIRD Pamphlet 20, J Nucl Med 49:1884, 2008: recalled;"
        " of the latter the abstract was seen in part, without these numbers); range of alpha/beta"
        " 1.5-3 Gy from O'Donoghue, Cancer Biother Radiopharm 19:378, 2004 (abstract seen)"
    ),
)


def repair_rate_per_s(*, half_time_s: float) -> float:
    """``mu = ln 2 / T``, 1/s.

    Raises
    ------
    DataError
        If the half-time is not positive.
    """
    if not (math.isfinite(half_time_s) and half_time_s > 0):
        raise DataError(
            f"a repair half-time must be > 0, got {half_time_s} s",
            remedy="Supply the repair half-time of the tissue, in seconds.",
        )
    return math.log(2.0) / half_time_s


def lea_catcheside(dose_rate: ExponentialSum, *, repair_rate_per_s: float) -> float:
    """Dose-protraction factor *G* of a sum of exponentials, from 0 to infinity.

    ``G = (2 / D^2) sum_ij a_i a_j / [(r_i + r_j)(r_j + mu)]``, which is the double integral
    ``(2 / D^2) int_0^inf f(t) int_0^t f(s) exp(-mu (t - s)) ds dt``. It has no singularity at
    ``r = mu``: the textbook form with ``r - mu`` in a denominator is the same sum written badly.

    Parameters
    ----------
    dose_rate : ExponentialSum
        *f*, Gy/s (any unit: *G* has none). Uptake is a negative amplitude.
    repair_rate_per_s : float, > 0
        *mu*, 1/s.

    Returns
    -------
    float
        In (0, 1]: 1 for a flash, 0 for a dose spread over infinite time.

    Raises
    ------
    DataError
        If the dose is not positive, or the dose rate becomes negative.

    Notes
    -----
    With uptake the terms cancel: where the rates of uptake and clearance differ by 1e-6, twelve
    of sixteen digits are lost in the double sum. Floats are exact fractions, so the sum is then
    taken exactly and rounded once.

    References
    ----------
    .. [1] Lea & Catcheside, J Genet 44:216, 1942. .. [2] Sachs, Hahnfeld & Brenner, Int J Radiat
       Biol 72:351, 1997 (recalled).
    """
    _refuse_bad_rate(repair_rate_per_s)
    _refuse_negative_course(dose_rate)
    if min(dose_rate.amplitudes) >= 0:
        pairs = list(zip(dose_rate.amplitudes, dose_rate.rates_per_s, strict=True))
        doubled = math.fsum(
            a * b / ((r + q) * (q + repair_rate_per_s)) for a, r in pairs for b, q in pairs
        )
        return 2.0 * doubled / dose_rate.integral**2
    exact = [
        (Fraction(a), Fraction(r))
        for a, r in zip(dose_rate.amplitudes, dose_rate.rates_per_s, strict=True)
    ]
    mu = Fraction(repair_rate_per_s)
    dose = sum((a / r for a, r in exact), Fraction(0))
    double = sum((a * b / ((r + q) * (q + mu)) for a, r in exact for b, q in exact), Fraction(0))
    return float(2 * double / dose**2)


def lea_catcheside_of_cycles(
    starts_s: Sequence[float], dose_rates: Sequence[ExponentialSum], *, repair_rate_per_s: float
) -> float:
    """*G* of several administrations as one irradiation, cross terms and overlap included.

    ``G = [sum_c G_c D_c^2 + 2 sum_{c<d} X_cd] / (sum_c D_c)^2``, with
    ``X = int int f_c(s) f_d(t) exp(-mu |t - s|) ds dt`` in closed form.

    Parameters
    ----------
    starts_s : sequence of float, ascending
        When each cycle starts, s.
    dose_rates : sequence of ExponentialSum
        Of each cycle, from its own start, Gy/s.
    repair_rate_per_s : float, > 0
        *mu*, 1/s.

    Returns
    -------
    float
        In (0, 1]. The biologically effective dose of the whole treatment is that of the total
        dose with this factor.

    Notes
    -----
    For 177Lu in the kidney (51 h) at intervals of 8 weeks the cross terms add 2e-8 of G: adding
    the cycles' own effective doses, as is usual, is then exact for practical purposes. At 4 weeks
    they add 2e-4, at 1 week 17 %.
    """
    _refuse_bad_rate(repair_rate_per_s)
    if not starts_s or len(starts_s) != len(dose_rates):
        raise ValueError(f"{len(starts_s)} starts, {len(dose_rates)} dose rates")
    if any(later < earlier for earlier, later in pairwise(starts_s)):
        raise ValueError(f"starts must ascend: {list(starts_s)}")
    doses = [rate.integral for rate in dose_rates]
    own = [
        lea_catcheside(rate, repair_rate_per_s=repair_rate_per_s) * dose**2
        for rate, dose in zip(dose_rates, doses, strict=True)
    ]
    cross = [
        _crossed(
            dose_rates[c],
            dose_rates[d],
            delay_s=starts_s[d] - starts_s[c],
            repair_rate_per_s=repair_rate_per_s,
        )
        for d in range(len(doses))
        for c in range(d)
    ]
    return (math.fsum(own) + 2.0 * math.fsum(cross)) / math.fsum(doses) ** 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Repopulation:
    """Growth during treatment, as the dose that is lost to it.

    Parameters
    ----------
    loss_gy_per_day : float, >= 0
        *gamma* = ln 2 / (alpha T_pot), Gy/d.
    kick_off_s : float, >= 0
        *Tk*, s after the start: none is lost before.
    """

    loss_gy_per_day: float
    kick_off_s: float

    def __post_init__(self) -> None:
        if not (self.loss_gy_per_day >= 0 and self.kick_off_s >= 0):
            raise DataError(
                "repopulation needs a loss >= 0 Gy/d and a kick-off >= 0 s, got"
                f" {self.loss_gy_per_day} Gy/d and {self.kick_off_s} s",
                remedy="Supply the loss and the kick-off time of this tissue.",
            )

    def lost_gy(self, *, overall_time_s: float) -> float:
        """``gamma (T - Tk)+``, Gy."""
        return self.loss_gy_per_day * max(0.0, overall_time_s - self.kick_off_s) / _DAY_S

    @classmethod
    def of_doubling(
        cls, *, alpha_per_gy: float, doubling_time_s: float, kick_off_s: float
    ) -> "Repopulation":
        """From the potential doubling time: ``gamma = ln 2 / (alpha T_pot)``."""
        if not (alpha_per_gy > 0 and doubling_time_s > 0):
            raise DataError(
                f"alpha and doubling time must be > 0, got {alpha_per_gy} /Gy, {doubling_time_s} s",
                remedy="Supply both for this tumor.",
            )
        loss = math.log(2.0) / (alpha_per_gy * doubling_time_s) * _DAY_S
        return cls(loss_gy_per_day=loss, kick_off_s=kick_off_s)


def biologically_effective_dose_gy(
    *,
    dose_gy: float,
    g: float,
    alpha_beta_gy: float,
    repopulation: Repopulation | None = None,
    overall_time_s: float | None = None,
) -> float:
    """``BED = D (1 + G D / (alpha/beta)) - gamma (T - Tk)+``, Gy.

    Parameters
    ----------
    dose_gy : float, >= 0
        *D* of one irradiation; of a whole treatment with the *G* of
        :func:`lea_catcheside_of_cycles`.
    g : float, in (0, 1]
        Dose-protraction factor.
    alpha_beta_gy : float, > 0
        Gy. There is no default.
    repopulation : Repopulation, optional
        Absent for tissue that does not grow back.
    overall_time_s : float, optional
        *T* from first to last effective irradiation; needed exactly with *repopulation*.

    Returns
    -------
    float
        Gy. Negative where growth outruns a small dose: then the tumor gained.

    Raises
    ------
    DataError
        If a number is outside its range, or the overall time is missing or superfluous.
    """
    if not (math.isfinite(dose_gy) and dose_gy >= 0):
        raise DataError(
            f"a biologically effective dose needs an absorbed dose >= 0, got {dose_gy} Gy",
            remedy="Supply the absorbed dose.",
        )
    if not 0 < g <= 1:
        raise DataError(
            f"the dose-protraction factor lies in (0, 1], got {g}",
            remedy="Take it from lea_catcheside.",
        )
    _refuse_bad_ratio(alpha_beta_gy)
    if (repopulation is None) != (overall_time_s is None):
        raise DataError(
            "repopulation and overall time go together, one of them is missing",
            remedy="Supply both, or neither.",
        )
    lost = 0.0
    if repopulation is not None and overall_time_s is not None:
        lost = repopulation.lost_gy(overall_time_s=overall_time_s)
    return dose_gy * (1.0 + g * dose_gy / alpha_beta_gy) - lost


def effective_dose_estimate(
    dose_gy: Parameter, course: ExponentialSum, tissue: TissueParameters, *, coverage: float = 0.95
) -> Estimate:
    """Biologically effective dose of one cycle with the uncertainty of dose and tissue.

    Parameters
    ----------
    dose_gy : Parameter
        Absorbed dose with u(D), Gy.
    course : ExponentialSum
        Shape of the dose rate in any unit: activity will do.
    tissue : TissueParameters
        A parameter without known uncertainty is named in ``left_out`` of the result.
    coverage : float
        Of the interval.

    Returns
    -------
    Estimate
        Gy, kind BIOLOGICALLY_EFFECTIVE_DOSE; ``basis`` is that of a measurement. The shape of
        the course counts as known: G enters with weight G D / (alpha/beta), a few percent.
    """

    def effective(x: Mapping[str, float]) -> float:
        mu = repair_rate_per_s(half_time_s=x["repair half-time"])
        return biologically_effective_dose_gy(
            dose_gy=x["dose"],
            g=lea_catcheside(course, repair_rate_per_s=mu),
            alpha_beta_gy=x["alpha/beta"],
        )

    parameters = {
        "dose": dose_gy,
        "alpha/beta": tissue.alpha_beta_gy,
        "repair half-time": tissue.repair_half_time_s,
    }
    return propagated(effective, parameters, scale=Scale.LOG, coverage=coverage)


def dose_for_effective_dose_gy(
    *, biologically_effective_dose_gy: float, g: float, alpha_beta_gy: float
) -> float:
    """Absorbed dose *D* with ``D (1 + G D / (alpha/beta)) = BED``, Gy: the limit backwards.

    Raises
    ------
    DataError
        If a number is outside its range.
    """
    _refuse_bad_ratio(alpha_beta_gy)
    if not (biologically_effective_dose_gy >= 0 and 0 < g <= 1):
        raise DataError(
            f"needed an effective dose >= 0 and G in (0, 1], got {biologically_effective_dose_gy}"
            f" Gy and {g}",
            remedy="Supply both.",
        )
    curvature = 4.0 * g * biologically_effective_dose_gy / alpha_beta_gy
    # 2 BED / (1 + sqrt(1 + x)) does not cancel where x is small.
    return 2.0 * biologically_effective_dose_gy / (1.0 + math.sqrt(1.0 + curvature))


def equivalent_dose_2gy_gy(*, biologically_effective_dose_gy: float, alpha_beta_gy: float) -> float:
    """``EQD2 = BED / (1 + 2 Gy / (alpha/beta))``: in fractions of 2 Gy with the same effect, Gy."""
    _refuse_bad_ratio(alpha_beta_gy)
    return biologically_effective_dose_gy / (1.0 + 2.0 / alpha_beta_gy)


def _crossed(
    first: ExponentialSum, second: ExponentialSum, *, delay_s: float, repair_rate_per_s: float
) -> float:
    """``int int first(s) second(t - delay) exp(-mu |t - s|) ds dt``."""
    mu = repair_rate_per_s
    terms = []
    for a, r in zip(first.amplitudes, first.rates_per_s, strict=True):
        for b, q in zip(second.amplitudes, second.rates_per_s, strict=True):
            gap = mu - r
            # (exp(-r d) - exp(-mu d)) / (mu - r) tends to d exp(-mu d): expm1 near, plain far,
            # where expm1 would overflow.
            if abs(gap) * delay_s < 0.5:
                shape = math.expm1(gap * delay_s) / gap if gap else delay_s
                shape *= math.exp(-mu * delay_s)
            else:
                shape = (math.exp(-r * delay_s) - math.exp(-mu * delay_s)) / gap
            before = shape / (q + r) + math.exp(-mu * delay_s) / ((q + r) * (q + mu))
            after = math.exp(-r * delay_s) / ((q + r) * (r + mu))
            terms.append(a * b * (before + after))
    return math.fsum(terms)


def _refuse_bad_rate(rate_per_s: float) -> None:
    if not (math.isfinite(rate_per_s) and rate_per_s > 0):
        raise DataError(
            f"a repair rate must be > 0, got {rate_per_s} /s",
            remedy="Supply ln 2 / repair half-time.",
        )


def _refuse_bad_ratio(alpha_beta_gy: float) -> None:
    if not (math.isfinite(alpha_beta_gy) and alpha_beta_gy > 0):
        raise DataError(
            f"alpha/beta must be > 0, got {alpha_beta_gy} Gy",
            remedy="Supply alpha/beta of this tissue; there is no default.",
        )


def _refuse_negative_course(dose_rate: ExponentialSum) -> None:
    """A negative dose rate would let G leave (0, 1]."""
    if min(dose_rate.amplitudes) < 0:
        rates = dose_rate.rates_per_s
        # From 1e-6 of the fastest time constant to 40 of the slowest; after that the slowest
        # exponential alone decides, and its sign is seen in the last sample.
        time = np.geomspace(1e-6 / max(rates), 40.0 / min(rates), 400)
        course = dose_rate.at(np.concatenate([[0.0], time]))
        scale = sum(abs(a) for a in dose_rate.amplitudes)
        lowest = float(course.min())
    else:
        scale, lowest = sum(dose_rate.amplitudes), min(dose_rate.amplitudes)
    if not scale > 0 or lowest < -1e-9 * scale or dose_rate.integral <= 0:
        raise DataError(
            "a dose rate must not be negative and must give a dose > 0, got amplitudes"
            f" {dose_rate.amplitudes} with rates {dose_rate.rates_per_s}",
            remedy="Correct the fit: uptake cannot take away more than clearance has.",
        )
