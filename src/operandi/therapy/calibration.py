"""From counts per second to becquerels: calibration of a gamma camera, and its dead time.

One convention holds for calibration and patient: a count rate is counts over the time of all
projections together, however many heads shared them.

References
----------
.. [1] Dewaraja et al., MIRD pamphlet 23, J Nucl Med 53:1310, 2012 (calibration, dead time).
.. [2] Knoll, Radiation Detection and Measurement, chapter 4 (dead time models).
"""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from scipy.special import lambertw

from operandi.domain.measurement import Uncertainty
from operandi.quantities.decay import frame_average_delay_s, remaining_fraction
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import Nuclide

_PER_MBQ: Final = 1e-6
WINDOW_AGREEMENT_KEV: Final = 2.0
"""Limits of one energy window, as two workstations round them."""


class DeadTimeModel(StrEnum):
    """What an event does that arrives while the camera is busy."""

    PARALYZABLE = "paralyzable"
    """It is lost and keeps the camera busy: ``m = n exp(-n tau)``."""
    NON_PARALYZABLE = "non-paralyzable"
    """It is lost: ``m = n / (1 + n tau)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadTime:
    """Dead time of a camera.

    Parameters
    ----------
    model : DeadTimeModel
        As fitted to the camera's measurements.
    tau_s : float, >= 0
        Dead time an event, s, for the rates it is applied to (all events, or of the window).
    standard_uncertainty_s : float, >= 0
        Of ``tau_s``.
    """

    model: DeadTimeModel
    tau_s: float
    standard_uncertainty_s: float

    def __post_init__(self) -> None:
        for name, value in (("tau_s", self.tau_s), ("its u", self.standard_uncertainty_s)):
            if not (math.isfinite(value) and value >= 0):
                raise DataError(f"Dead time: {name} is {value!r} s; needed >= 0.")

    @property
    def highest_rate_cps(self) -> float:
        """Observed rate that cannot be exceeded: ``1 / (e tau)`` or ``1 / tau``."""
        if self.tau_s == 0:
            return math.inf
        return (math.exp(-1) if self.model is DeadTimeModel.PARALYZABLE else 1.0) / self.tau_s

    def observed_rate_cps(self, true_cps: float) -> float:
        """Rate that is seen of a true one."""
        if self.model is DeadTimeModel.PARALYZABLE:
            return true_cps * math.exp(-true_cps * self.tau_s)
        return true_cps / (1.0 + true_cps * self.tau_s)

    def true_rate_cps(self, observed_cps: float) -> float:
        """Rate without dead time.

        Non-paralyzable: ``n = m / (1 - m tau)``. Paralyzable: ``n = -W0(-m tau) / tau``, the
        branch on which the observed rate still rises with the activity; that the camera is on it
        cannot be told from one rate.

        Raises
        ------
        DataError
            If the rate is negative, or at or beyond the highest that the camera can show: there
            the true rate is not determined.
        """
        x = observed_cps * self.tau_s
        if not (math.isfinite(observed_cps) and observed_cps >= 0):
            raise DataError(f"The observed count rate is {observed_cps!r}/s; needed >= 0.")
        if not observed_cps < self.highest_rate_cps:
            raise DataError(
                f"The observed count rate is {observed_cps:g}/s, but a {self.model.value} camera "
                f"of dead time {1e6 * self.tau_s:g} us shows less than "
                f"{self.highest_rate_cps:g}/s: the true rate is not determined.",
                remedy="Measure later, when less activity is left, or check the dead time.",
            )
        if x == 0:
            return observed_cps
        if self.model is DeadTimeModel.PARALYZABLE:
            return float(-lambertw(-x, 0).real) / self.tau_s
        return observed_cps / (1.0 - x)

    def correction(self, observed_cps: float) -> tuple[float, float]:
        """Factor from observed to true rate, and its standard uncertainty from that of tau.

        Non-paralyzable: ``df/dtau = m f^2``. Paralyzable: ``f = exp(n tau)`` and
        ``df/dtau = n f / (1 - n tau)``.
        """
        true = self.true_rate_cps(observed_cps)
        factor = true / observed_cps if observed_cps else 1.0
        if self.model is DeadTimeModel.PARALYZABLE:
            slope = true * factor / (1.0 - true * self.tau_s)
        else:
            slope = observed_cps * factor**2
        return factor, slope * self.standard_uncertainty_s


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSetup:
    """One camera with the collimator, energy window and reconstruction that it is used with.

    Parameters
    ----------
    camera : str
        DeviceSerialNumber, else StationName, as in the headers.
    collimator : str
        CollimatorGridName, as in the headers.
    windows_kev : tuple of (float, float)
        Limits of the energy window.
    heads : int, >= 1
        Detectors that recorded at once: the acquisition lasts the projections' time over this.
    fwhm_mm : float, > 0
        Resolution of the reconstruction, full width at half maximum.
    """

    camera: str
    collimator: str
    windows_kev: tuple[tuple[float, float], ...]
    heads: int
    fwhm_mm: float

    def __post_init__(self) -> None:
        if self.heads < 1 or not (math.isfinite(self.fwhm_mm) and self.fwhm_mm > 0):
            raise DataError(
                f"{self.camera} is stated to have {self.heads} heads and a resolution of "
                f"{self.fwhm_mm:g} mm; needed at least one head and a resolution > 0.",
                remedy="Correct heads in spect_calibrations, or spatial_resolution_mm in "
                "study.toml.",
            )
        if not (self.camera and self.collimator and self.windows_kev):
            raise DataError(
                "A calibration needs its camera, collimator and energy window.",
                remedy="Complete spect_calibrations.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Count rate per activity of one camera setup.

    Parameters
    ----------
    nuclide : Nuclide
        What it was measured with.
    setup : CameraSetup
        What it was measured on.
    cps_per_mbq : float, > 0
        Counts in the reconstructed image per second of projections and MBq.
    uncertainty : Uncertainty
        Standard, in cps/MBq; or the reason why there is none.
    """

    nuclide: Nuclide
    setup: CameraSetup
    cps_per_mbq: float
    uncertainty: Uncertainty

    def __post_init__(self) -> None:
        if not (math.isfinite(self.cps_per_mbq) and self.cps_per_mbq > 0):
            raise DataError(
                f"The calibration of {self.setup.camera} is {self.cps_per_mbq!r} cps/MBq; needed "
                "> 0.",
                remedy="Correct it in spect_calibrations.",
            )

    @property
    def relative_uncertainty(self) -> Uncertainty:
        """Of the factor, as a share of it."""
        standard = self.uncertainty.standard
        relative = None if standard is None else standard / self.cps_per_mbq
        return Uncertainty(relative, self.uncertainty.basis)

    def require_for(
        self,
        *,
        nuclide: Nuclide,
        camera: str,
        collimator: str,
        windows_kev: tuple[tuple[float, float], ...],
    ) -> tuple[str, ...]:
        """Refuse a scan of another nuclide, camera, collimator or window.

        Returns
        -------
        tuple of str
            What the scan's header does not tell, so that it could not be held against this.

        Raises
        ------
        DataError
            Naming what differs.
        """
        if nuclide != self.nuclide:
            raise self._mismatch("nuclide", nuclide.name, self.nuclide.name)
        untold = []
        for what, found, needed in (
            ("camera", camera, self.setup.camera),
            ("collimator", collimator, self.setup.collimator),
        ):
            if not found:
                untold.append(f"the header does not tell its {what}: {needed} by the calibration")
            elif found.casefold() != needed.casefold():
                raise self._mismatch(what, found, needed)
        if not windows_kev:
            untold.append("the header does not tell its energy window")
        elif len(windows_kev) != len(self.setup.windows_kev) or any(
            abs(one - two) > WINDOW_AGREEMENT_KEV
            for found_pair, needed_pair in zip(
                sorted(windows_kev), sorted(self.setup.windows_kev), strict=True
            )
            for one, two in zip(found_pair, needed_pair, strict=True)
        ):
            raise self._mismatch("energy window", _kev(windows_kev), _kev(self.setup.windows_kev))
        return tuple(untold)

    def _mismatch(self, what: str, found: str, needed: str) -> DataError:
        return DataError(
            f"The scan's {what} is {found}, the calibration's {needed}.",
            remedy="Record the calibration of this camera, collimator, window and nuclide in "
            "spect_calibrations.",
        )


def _kev(windows: tuple[tuple[float, float], ...]) -> str:
    return ", ".join(f"{low:g}-{high:g} keV" for low, high in windows)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """Activity of a source by an activity meter.

    Parameters
    ----------
    activity_bq : float, > 0
        Net of what stayed in the syringe.
    uncertainty : Uncertainty
        Standard, Bq; the meter's calibration for this nuclide and geometry included. Or why none.
    at : datetime, aware
        When it was read.
    """

    activity_bq: float
    uncertainty: Uncertainty
    at: datetime

    def __post_init__(self) -> None:
        if not (math.isfinite(self.activity_bq) and self.activity_bq > 0):
            raise DataError(f"The activity meter read {self.activity_bq!r} Bq; needed > 0.")
        if self.at.tzinfo is None:
            raise ValueError("at must be timezone-aware")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAcquisition:
    """A scan of the known source.

    Parameters
    ----------
    counts : float, > 0
        In the reconstructed image, of the whole source with its spill-out.
    relative_count_uncertainty : float, >= 0
        Standard, as a share: from repeated scans, or ``1 / sqrt(N)`` of *N* counts in the
        projections. Counts of a reconstruction are not Poisson numbers.
    projection_time_s : float, > 0
        All projections together.
    started_at : datetime, aware
        First projection.
    observed_rate_cps : float or None
        That dead time acts on; needed with a dead time.
    """

    counts: float
    relative_count_uncertainty: float
    projection_time_s: float
    started_at: datetime
    observed_rate_cps: float | None = None

    def __post_init__(self) -> None:
        if not (self.counts > 0 and self.projection_time_s > 0):
            raise DataError(
                f"The calibration scan has {self.counts:g} counts in {self.projection_time_s:g} "
                "s; needed both > 0."
            )
        if not self.relative_count_uncertainty >= 0:
            raise DataError("The calibration scan's relative_count_uncertainty must be >= 0.")
        if self.started_at.tzinfo is None:
            raise ValueError("started_at must be timezone-aware")


def calibrate(
    source: MeterReading,
    acquisition: SourceAcquisition,
    *,
    nuclide: Nuclide,
    setup: CameraSetup,
    dead_time: DeadTime | None = None,
) -> Calibration:
    """Calibrate a camera with a source of known activity.

    ``Q = f C / (t A)``, with *A* the mean activity during the acquisition: that of the meter
    decayed to the instant whose activity is the acquisition's mean. ``(u(Q)/Q)^2 = (u(C)/C)^2 +
    (u(A)/A)^2 + (u(f)/f)^2 + (t0 ln 2 u(T) / T^2)^2`` with *t0* from reading to acquisition.

    Parameters
    ----------
    source, acquisition
        The source and its scan.
    nuclide : Nuclide
        The source's.
    setup : CameraSetup
        What it was scanned on.
    dead_time : DeadTime, optional
        Of the camera at ``acquisition.observed_rate_cps``; without it *f* is 1, as for a source
        weak enough.

    Raises
    ------
    DataError
        If the scan lies before the reading by more than a half-life, or a dead time has no rate.
    """
    elapsed_s = acquisition.projection_time_s / setup.heads
    delay_s = frame_average_delay_s(elapsed_s, half_life_s=nuclide.half_life_s)
    since_s = (acquisition.started_at - source.at).total_seconds() + delay_s
    if since_s < -nuclide.half_life_s or since_s > 10 * nuclide.half_life_s:
        raise DataError(
            f"The calibration source was read at {source.at:%Y-%m-%d %H:%M} and scanned "
            f"{since_s / 3600:.1f} h later, which no calibration with {nuclide.name} is.",
            remedy="Check both times in spect_calibrations.",
        )
    activity_mbq = (
        source.activity_bq * remaining_fraction(since_s, half_life_s=nuclide.half_life_s) * _PER_MBQ
    )
    factor, factor_u = dead_time_factor(dead_time, acquisition.observed_rate_cps)
    per_mbq = factor * acquisition.counts / (acquisition.projection_time_s * activity_mbq)
    meter = source.uncertainty
    if meter.standard is None:
        uncertainty = Uncertainty(None, f"activity meter: {meter.basis}")
    else:
        # Where the evaluation states none, a half-life is known far better than the meter reads.
        half_life_u_s = nuclide.half_life_uncertainty_s or 0.0
        decay = since_s * math.log(2.0) * half_life_u_s / nuclide.half_life_s**2
        relative = math.hypot(
            acquisition.relative_count_uncertainty,
            meter.standard / source.activity_bq,
            factor_u / factor,
            decay,
        )
        uncertainty = Uncertainty(
            relative * per_mbq, f"counts, activity meter ({meter.basis}), dead time and decay"
        )
    return Calibration(nuclide=nuclide, setup=setup, cps_per_mbq=per_mbq, uncertainty=uncertainty)


def dead_time_factor(
    dead_time: DeadTime | None, observed_rate_cps: float | None
) -> tuple[float, float]:
    """Correction for dead time and its standard uncertainty; (1, 0) without a dead time.

    Raises
    ------
    DataError
        If there is a dead time and no rate: the counts of a reconstruction are not the rate that
        the camera saw.
    """
    if dead_time is None:
        return 1.0, 0.0
    if observed_rate_cps is None:
        raise DataError(
            "Dead time is to be corrected, but the count rate that the camera observed is not "
            "stated; counts of the reconstruction are not that rate.",
            remedy="State the mean rate of the projections of one head.",
        )
    return dead_time.correction(observed_rate_cps)
