"""Recovery coefficients: the share of a region's activity that blurring leaves within its outline.

Fitted to spheres of known activity; used for lesions of the volumes that were measured.

References
----------
.. [1] Gear et al., Eur J Nucl Med Mol Imaging 45:2456, 2018 (EANM guidance).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.special import chdtrc

from operandi.quantities.errors import DataError

_PLAUSIBLE: Final = (0.01, 1.3)
"""Recovery of a phantom sphere. Above 1 edges ring; beyond 1.3 the activity was another."""
_FEWEST: Final = 3
_CHANCE: Final = 1e-5
"""Spheres scatter as far as that once in 100,000 phantoms: then one of them is wrong. Up to here
the covariance is widened instead, as uncertainties are often stated too small."""
_LOG_B1: Final = (math.log(1e-4), math.log(1e4))
_LOG_B2: Final = (math.log(0.05), math.log(20.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryMeasurement:
    """One sphere of a phantom.

    Parameters
    ----------
    volume_ml : float, > 0
        Inner volume of the sphere.
    coefficient : float
        Measured activity within its outline over the true one.
    standard_uncertainty : float, > 0
        Of the coefficient. What all spheres share, the calibration, is not part of it.
    """

    volume_ml: float
    coefficient: float
    standard_uncertainty: float

    def __post_init__(self) -> None:
        low, high = _PLAUSIBLE
        if not (math.isfinite(self.volume_ml) and self.volume_ml > 0):
            raise DataError(f"A recovery measurement has volume {self.volume_ml:g} mL; needed > 0.")
        if not low <= self.coefficient <= high:
            raise DataError(
                f"The recovery coefficient of {self.volume_ml:g} mL is {self.coefficient:g}; "
                f"plausible are {low:g} to {high:g}.",
                remedy="Check the activity that was filled in and the calibration.",
            )
        if not (math.isfinite(self.standard_uncertainty) and self.standard_uncertainty > 0):
            raise DataError(
                f"The recovery coefficient of {self.volume_ml:g} mL has standard uncertainty "
                f"{self.standard_uncertainty!r}; needed > 0.",
                remedy="State it: repeated scans, or the counts and the filling, give one.",
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecoveryCurve:
    """``R(v) = 1 - 1 / (1 + (v / b1)^b2)``.

    Parameters
    ----------
    b1_ml : float, > 0
        Volume of which half is recovered.
    b2 : float, > 0
        Steepness.
    covariance : array, (2, 2)
        Of (b1 in mL, b2), standard.
    fitted_ml : (float, float)
        Smallest and largest volume measured.
    source : str
        Phantom, camera and reconstruction. Never empty.
    chi_square, degrees_of_freedom : float, int
        Of the fit.
    """

    b1_ml: float
    b2: float
    covariance: npt.NDArray[np.float64]
    fitted_ml: tuple[float, float]
    source: str
    chi_square: float = 0.0
    degrees_of_freedom: int = 0

    def __post_init__(self) -> None:
        if not (self.b1_ml > 0 and self.b2 > 0 and 0 < self.fitted_ml[0] <= self.fitted_ml[1]):
            raise ValueError(f"b1, b2 and the range must be > 0: {self.b1_ml}, {self.b2}")
        covariance = np.array(self.covariance, dtype=np.float64)
        if covariance.shape != (2, 2) or not np.allclose(covariance, covariance.T):
            raise ValueError(f"covariance must be a symmetric 2 x 2 array, got {covariance!r}")
        if np.linalg.eigvalsh(covariance)[0] < -1e-12 * np.abs(covariance).max():
            raise ValueError(f"covariance must not be negative: {covariance!r}")
        if not self.source:
            raise ValueError("a recovery curve needs its source")
        covariance.setflags(write=False)
        object.__setattr__(self, "covariance", covariance)

    def at(self, volume_ml: float) -> float:
        """*R* of a region of *volume_ml*.

        Raises
        ------
        DataError
            If the volume is below the smallest one measured: there the curve is steepest and
            nothing holds it. Above the largest it is used, because it can only approach 1 from
            there; see :meth:`is_beyond`.
        """
        low = self.fitted_ml[0]
        if not volume_ml > 0 or volume_ml < low * (1.0 - 1e-9):
            raise DataError(
                f"The region has {volume_ml:.3g} mL; recovery was measured from {low:.3g} mL on "
                f"({self.source}).",
                remedy="Measure a smaller sphere of the phantom and add it to spect_recovery; "
                "else the region has no dose.",
            )
        return float(recovered_share(volume_ml, b1_ml=self.b1_ml, b2=self.b2))

    def is_beyond(self, volume_ml: float) -> bool:
        """Whether a volume is larger than any measured: the curve is only its tendency to 1."""
        return volume_ml > self.fitted_ml[1]

    def slope_per_ml(self, volume_ml: float) -> float:
        """``dR/dv = b2 R (1 - R) / v``, 1/mL."""
        recovery = self.at(volume_ml)
        return self.b2 * recovery * (1.0 - recovery) / volume_ml

    def gradient(self, volume_ml: float) -> npt.NDArray[np.float64]:
        """``(dR/db1 in 1/mL, dR/db2)``."""
        recovery = self.at(volume_ml)
        both = recovery * (1.0 - recovery)
        return np.array([-self.b2 * both / self.b1_ml, both * math.log(volume_ml / self.b1_ml)])

    def parameter_uncertainty(self, volume_ml: float) -> float:
        """Standard uncertainty of *R* from b1 and b2 alone, their covariance included."""
        gradient = self.gradient(volume_ml)
        return math.sqrt(max(0.0, float(gradient @ self.covariance @ gradient)))

    def standard_uncertainty(self, volume_ml: float, *, volume_uncertainty_ml: float) -> float:
        """Standard uncertainty of *R*: ``u^2 = g' V g + (dR/dv)^2 u(v)^2``."""
        return math.hypot(
            self.parameter_uncertainty(volume_ml),
            self.slope_per_ml(volume_ml) * volume_uncertainty_ml,
        )


def recovered_share(
    volume_ml: npt.ArrayLike, *, b1_ml: npt.ArrayLike, b2: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """``1 - 1 / (1 + (v / b1)^b2)``, element by element.

    Computed as a logistic function of ln v, which does not lose 1 - R to rounding.
    """
    above = np.log(np.asarray(volume_ml, np.float64) / np.asarray(b1_ml, np.float64))
    return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(b2) * above)), dtype=np.float64)


def fit_recovery(measurements: Sequence[RecoveryMeasurement], *, source: str) -> RecoveryCurve:
    """Fit the recovery curve by weighted least squares, with the covariance of its parameters.

    Where the points scatter more than their uncertainties say, the covariance is widened by
    chi-square over degrees of freedom, within chance; it is never narrowed.

    Parameters
    ----------
    measurements : sequence of RecoveryMeasurement
        At least three, of at least three volumes.
    source : str
        Phantom, camera and reconstruction.

    Raises
    ------
    DataError
        If there are too few volumes, they do not determine the curve, or lie on none.
    """
    volumes = np.array([m.volume_ml for m in measurements])
    measured = np.array([m.coefficient for m in measurements])
    sigma = np.array([m.standard_uncertainty for m in measurements])
    if len(np.unique(volumes)) < _FEWEST:
        raise DataError(
            f"Recovery was measured of {len(np.unique(volumes))} different volumes; needed at "
            f"least {_FEWEST} for a curve of two parameters.",
            remedy=f"Add spheres to {source}.",
        )

    fit = _least_squares(volumes, measured, sigma)
    information = fit.jac.T @ fit.jac
    if not fit.success or fit.active_mask.any() or np.linalg.cond(information) > 1e12:
        raise DataError(
            "The recovery measurements do not determine a curve: "
            f"{', '.join(f'{v:g} mL {c:g}' for v, c in zip(volumes, measured, strict=True))}.",
            remedy=f"Recovery must rise with volume; check {source}.",
        )
    degrees = len(volumes) - 2
    chi_square = float(fit.fun @ fit.fun)
    if chdtrc(degrees, chi_square) < _CHANCE:
        worst = _worst(volumes, measured, sigma)
        raise DataError(
            f"The recovery measurements lie on no one curve: that of {volumes[worst]:g} mL, "
            f"{measured[worst]:g}, fits the others least (chi-square {chi_square:.3g} of "
            f"{degrees} degrees of freedom).",
            remedy=f"Check the sphere in {source}: its recovery, its volume and its uncertainty.",
        )
    b = np.exp(fit.x)
    widened = max(1.0, chi_square / degrees)
    covariance = np.linalg.inv(information) * np.outer(b, b) * widened
    return RecoveryCurve(
        b1_ml=float(b[0]),
        b2=float(b[1]),
        covariance=(covariance + covariance.T) / 2.0,
        fitted_ml=(float(volumes.min()), float(volumes.max())),
        source=source,
        chi_square=chi_square,
        degrees_of_freedom=degrees,
    )


def _least_squares(
    volumes: npt.NDArray[np.float64],
    measured: npt.NDArray[np.float64],
    sigma: npt.NDArray[np.float64],
) -> Any:
    def residuals(log_b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        curve = recovered_share(volumes, b1_ml=math.exp(log_b[0]), b2=math.exp(log_b[1]))
        result: npt.NDArray[np.float64] = (curve - measured) / sigma
        return result

    bounds = ([_LOG_B1[0], _LOG_B2[0]], [_LOG_B1[1], _LOG_B2[1]])
    start = np.array([math.log(float(volumes.min())), 0.0])
    return least_squares(
        residuals,
        np.clip(start, *bounds),
        bounds=bounds,
        x_scale="jac",
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )


def _worst(
    volumes: npt.NDArray[np.float64],
    measured: npt.NDArray[np.float64],
    sigma: npt.NDArray[np.float64],
) -> int:
    """The sphere without which the others fit best: it bends the curve away from its neighbors."""
    left = []
    for one in range(len(volumes)):
        others = np.arange(len(volumes)) != one
        fit = _least_squares(volumes[others], measured[others], sigma[others])
        left.append(float(fit.fun @ fit.fun))
    return int(np.argmin(left))
