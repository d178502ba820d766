"""Regions at several scans, made from concentration, volume and resolution alone."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from operandi.quantities.nuclides import LU177
from operandi.therapy.activity import ActivityMeasurement, NotRecovered
from operandi.therapy.delineation import blurred_share, edge_sensitivity, volume_uncertainty
from operandi.therapy.measured_dose import DoseSetting
from operandi.therapy.radionuclides import emissions_of
from operandi.therapy.recovery import RecoveryCurve
from operandi.therapy.scanned_region import ScannedRegion

HOUR_S = 3600.0
LU177_PER_S = math.log(2.0) / LU177.half_life_s
GIVEN_AT = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)


def a_setting() -> DoseSetting:
    return DoseSetting(emissions=emissions_of(LU177), density_g_cm3=1.05, table=None, seed=1)


def a_curve_through(volume_ml: float, *, fwhm_mm: float, b2: float = 1.1) -> RecoveryCurve:
    """A curve without uncertainty that is right for a blurred sphere of one volume."""
    share = blurred_share(volume_ml, fwhm_mm=fwhm_mm)
    return RecoveryCurve(
        b1_ml=volume_ml * (1.0 / share - 1.0) ** (1.0 / b2),
        b2=b2,
        covariance=np.zeros((2, 2)),
        fitted_ml=(0.1, 5000.0),
        source="for the test",
    )


def scanned(
    name: str,
    activity_bq: Callable[[float], float],
    *,
    hours: Sequence[float],
    volume_ml: float,
    recovery: RecoveryCurve | NotRecovered,
    fwhm_mm: float = 12.0,
    outline_fwhm_mm: float | None = None,
    voxel_mm: float = 4.8,
    calibration: float | None = 0.03,
    noise: float = 0.0,
    is_lesion: bool = False,
) -> ScannedRegion:
    """Drawn anew, and equally large, on every scan."""
    curve = recovery if isinstance(recovery, RecoveryCurve) else None
    held = curve.at(volume_ml) if curve else blurred_share(volume_ml, fwhm_mm=fwhm_mm)
    slope = curve.slope_per_ml(volume_ml) / held if curve else 0.0
    by_b1, by_b2 = curve.gradient(volume_ml).tolist() if curve else (0.0, 0.0)
    edge = edge_sensitivity(volume_ml, fwhm_mm=fwhm_mm, recovery=held)
    outline = volume_uncertainty(
        volume_ml,
        voxel_mm=(voxel_mm,) * 3,
        outline_fwhm_mm=fwhm_mm if outline_fwhm_mm is None else outline_fwhm_mm,
    )
    parameter = curve.parameter_uncertainty(volume_ml) / held if curve else 1.0 - held

    def at(hour: float) -> ActivityMeasurement:
        activity = activity_bq(hour)
        per_ml = activity * (edge / volume_ml - slope)
        total = None
        if calibration is not None:
            total = math.hypot(
                activity * math.hypot(calibration, parameter, noise), per_ml * outline.total_ml
            )
        return ActivityMeasurement(
            activity_bq=activity,
            standard_uncertainty_bq=total,
            basis="calibration: the manufacturer states none" if total is None else "",
            volume_ml=volume_ml,
            volume_uncertainty=outline,
            time_s=hour * HOUR_S,
            scanned_at=GIVEN_AT + timedelta(hours=hour),
            calibration_relative=calibration,
            recovery_relative=parameter,
            noise_relative=noise,
            activity_per_volume_bq_ml=per_ml,
            recovery=held if curve else 1.0,
            recovery_gradient=(by_b1, by_b2),
        )

    return ScannedRegion(
        name=name,
        is_lesion=is_lesion,
        scans=tuple(at(hour) for hour in hours),
        recovery=recovery,
        fwhm_mm=fwhm_mm,
    )


def decaying(activity_bq: float, *, half_life_h: float) -> Callable[[float], float]:
    """One exponential."""
    return lambda hour: activity_bq * 2.0 ** (-hour / half_life_h)
