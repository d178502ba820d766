"""Dose chains for tests: plausible inputs of ours, not published ones."""

import math

import numpy as np

from operandi.therapy.dose_chain import (
    BlurredSphere,
    CourseModel,
    DoseChain,
    FixedRecovery,
    MeasuredCourse,
    PowerLawS,
    SingleTimeCourse,
    UniformConcentration,
    fit_power_law,
)
from operandi.therapy.recovery import RecoveryCurve

HOUR_S = 3600.0
PHYSICAL_S = 6.647 * 24 * HOUR_S
# Sphere dose factors of 177Lu at 1, 10, 100 g: 83.6, 8.53, 0.865 mGy/(MBq h), the research file.
LU177_AT_1_G = 83.6e-3 / 1e6 / HOUR_S


def lu177_spheres(*, around_g: float) -> PowerLawS:
    masses = [around_g * factor for factor in (1 / 3, 0.6, 1.0, 1.7, 3.0)]
    exponent = math.log10(8.53 / 83.6)
    return fit_power_law(
        masses,
        [LU177_AT_1_G * m**exponent for m in masses],
        relative_uncertainty=0.01,
        shared_relative_uncertainty=0.02,
    )


def a_measured_course(
    *,
    hours: tuple[float, ...] = (4.0, 24.0, 72.0, 168.0),
    half_life_h: float = 84.0,
    at_zero_per_s: float = 1e4,
    relative: float = 0.05,
) -> MeasuredCourse:
    time = tuple(h * HOUR_S for h in hours)
    rate = tuple(at_zero_per_s * 2.0 ** (-h / half_life_h) for h in hours)
    return MeasuredCourse(
        time_s=time,
        rate_per_s=rate,
        standard_uncertainty_per_s=tuple(relative * r for r in rate),
        model=CourseModel.MONO,
        physical_half_life_s=PHYSICAL_S,
    )


def a_lesion(*, volume_ml: float = 10.0, relative_volume: float = 0.2) -> DoseChain:
    return DoseChain(
        volume_ml=volume_ml,
        volume_uncertainty_ml=relative_volume * volume_ml,
        count_volume=BlurredSphere(fwhm_mm=12.0),
        course=a_measured_course(at_zero_per_s=500.0 * volume_ml),
        calibration_per_bq=5.67e-6,
        calibration_uncertainty_per_bq=0.04 * 5.67e-6,
        recovery=RecoveryCurve(
            b1_ml=1.5,
            b2=0.9,
            covariance=np.array([[0.15**2, -0.3 * 0.15 * 0.08], [-0.3 * 0.15 * 0.08, 0.08**2]]),
            fitted_ml=(0.05, 1000.0),
            source="spheres of no camera, for the test",
        ),
        s_value=lu177_spheres(around_g=1.04 * volume_ml),
        density_g_per_ml=1.04,
    )


def a_kidney(course: MeasuredCourse | SingleTimeCourse) -> DoseChain:
    return DoseChain(
        volume_ml=160.0,
        volume_uncertainty_ml=16.0,
        count_volume=UniformConcentration(),
        course=course,
        calibration_per_bq=1.0,
        calibration_uncertainty_per_bq=0.05,
        recovery=FixedRecovery(value=0.85, standard_uncertainty=0.085),
        s_value=lu177_spheres(around_g=168.0),
        density_g_per_ml=1.05,
    )


def kidney_on_days_1_4_7() -> DoseChain:
    return a_kidney(
        a_measured_course(
            hours=(24.0, 96.0, 168.0), half_life_h=51.0, at_zero_per_s=8e7, relative=0.06
        )
    )


def kidney_on_day_1() -> DoseChain:
    return a_kidney(
        SingleTimeCourse(
            time_s=24 * HOUR_S,
            rate_per_s=6e7,
            standard_uncertainty_per_s=0.06 * 6e7,
            effective_half_life_s=51 * HOUR_S,
            half_life_uncertainty_s=0.17 * 51 * HOUR_S,
            physical_half_life_s=PHYSICAL_S,
        )
    )
