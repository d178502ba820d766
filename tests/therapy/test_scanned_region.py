"""What is common to all scans never enters the fit; what is new in each averages out."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from operandi.quantities.errors import DataError
from operandi.therapy.activity import NotRecovered
from operandi.therapy.delineation import blurred_share
from operandi.therapy.scanned_region import (
    course_of,
    fit_without_outline,
    prior_of,
    prior_share,
)
from operandi.therapy.time_activity import ExponentialModel
from tests.therapy.scanned_builders import (
    HOUR_S,
    LU177_PER_S,
    a_curve_through,
    decaying,
    scanned,
)

SEVEN = (1.0, 4.0, 24.0, 48.0, 72.0, 120.0, 168.0)
LARGE = NotRecovered("large")


def two_phases(hour: float) -> float:
    return 2e7 * (0.7 * math.exp2(-hour / 20.0) + 0.3 * math.exp2(-hour / 120.0))


def test_blur_common_to_all_outlines_does_not_hide_a_second_phase() -> None:
    """70 % at 20 h and 30 % at 120 h, seven scans, a kidney of 150 mL at 12 mm.

    Taken for noise, the blur's 31 % of volume chose one phase, at 0.84 of the integral.
    """
    kidney = scanned("left kidney", two_phases, hours=SEVEN, volume_ml=150.0, recovery=LARGE)
    fit = course_of(kidney, physical_rate_per_s=LU177_PER_S)

    truth = quad(two_phases, 0.0, 4000.0, limit=400)[0] * HOUR_S
    assert fit.time_integrated_bq_s == pytest.approx(truth, rel=0.03)
    weights = {one.model: one.weight for one in fit.models}
    assert weights[ExponentialModel.BI] > 0.9


def test_the_common_part_scales_the_integral_and_leaves_its_random_part() -> None:
    course = decaying(2e7, half_life_h=51.0)

    sharp, blurred = (
        course_of(
            scanned(
                "left kidney",
                course,
                hours=(24.0, 72.0, 120.0, 168.0),
                volume_ml=150.0,
                recovery=LARGE,
                outline_fwhm_mm=width,
            ),
            physical_rate_per_s=LU177_PER_S,
        )
        for width in (0.0, 12.0)
    )

    assert blurred.random_uncertainty_bq_s == pytest.approx(sharp.random_uncertainty_bq_s)
    assert blurred.standard_uncertainty_bq_s > sharp.standard_uncertainty_bq_s


def test_voxels_average_out_over_scans_and_blur_does_not() -> None:
    course = decaying(2e7, half_life_h=51.0)
    one, four = (
        scanned("left kidney", course, hours=hours, volume_ml=150.0, recovery=LARGE)
        for hours in ((24.0,), (24.0, 72.0, 120.0, 168.0))
    )

    assert four.volume_uncertainty.voxel_ml == pytest.approx(one.volume_uncertainty.voxel_ml / 2)
    assert four.volume_uncertainty.resolution_ml == pytest.approx(
        one.volume_uncertainty.resolution_ml
    )


def test_the_mean_outline_is_taken_from_the_fit_for_the_chain() -> None:
    """One scan: all that its voxels do moves the mean, and nothing of it is left to the fit."""
    course = decaying(2e7, half_life_h=51.0)
    fine, coarse = (
        scanned(
            "left kidney",
            course,
            hours=(72.0,),
            volume_ml=150.0,
            recovery=LARGE,
            voxel_mm=size,
        )
        for size in (1e-3, 9.0)
    )
    fits = [course_of(one, physical_rate_per_s=LU177_PER_S) for one in (fine, coarse)]

    assert fits[1].random_uncertainty_bq_s > 1.5 * fits[0].random_uncertainty_bq_s
    apart = [fit_without_outline(one, fit) for one, fit in zip((fine, coarse), fits, strict=True)]
    assert apart[1] == pytest.approx(apart[0], rel=0.02)


def test_one_scan_rests_on_the_population_and_four_do_not() -> None:
    course = decaying(2e7, half_life_h=51.0)
    shares = []
    for hours in ((72.0,), (24.0, 120.0), (24.0, 72.0, 120.0, 168.0)):
        region = scanned("left kidney", course, hours=hours, volume_ml=150.0, recovery=LARGE)
        fit = course_of(region, physical_rate_per_s=LU177_PER_S)
        shares.append(prior_share(region, fit))

    assert shares[0] == pytest.approx(1.0, abs=0.02)
    assert 0.05 < shares[1] < shares[0]
    assert shares[2] == 0.0


def test_an_unrecovered_region_is_uncertain_by_what_blur_leaves_outside() -> None:
    lesion = scanned(
        "L1",
        decaying(1e7, half_life_h=84.0),
        hours=(96.0,),
        volume_ml=10.0,
        recovery=LARGE,
        is_lesion=True,
    )
    fit = course_of(lesion, physical_rate_per_s=LU177_PER_S)

    lost = 1.0 - blurred_share(10.0, fwhm_mm=12.0)
    assert lesion.recovery_relative == pytest.approx(lost)
    assert fit.systematic_relative_uncertainty > lost


def test_scans_without_a_random_part_say_so() -> None:
    """Voxels that do not move the activity leave nothing random: the residuals tell, or nobody."""
    course = decaying(2e7, half_life_h=51.0)
    hours = SEVEN
    still = scanned(
        "left kidney", course, hours=hours, volume_ml=150.0, recovery=LARGE, voxel_mm=1e-300
    )

    fit = course_of(still, physical_rate_per_s=LU177_PER_S)
    assert "image noise is left out, and the outline's voxels" in fit.basis
    with pytest.raises(DataError, match="image noise is left out"):
        course_of(
            scanned(
                "left kidney",
                course,
                hours=hours[:2],
                volume_ml=150.0,
                recovery=LARGE,
                voxel_mm=1e-300,
            ),
            physical_rate_per_s=LU177_PER_S,
        )


def test_image_noise_left_out_is_said_once() -> None:
    course = decaying(2e7, half_life_h=51.0)
    quiet, noisy = (
        scanned(
            "left kidney", course, hours=(24.0, 96.0), volume_ml=150.0, recovery=LARGE, noise=noise
        )
        for noise in (0.0, 0.02)
    )

    assert quiet.notes == ("image noise left out",)
    assert noisy.notes == ()


def test_elasticity_is_that_of_a_moved_outline() -> None:
    """``d ln A / d ln v`` by counts of a blurred sphere and the curve, moved by one part in 1e4."""
    curve = a_curve_through(20.0, fwhm_mm=12.0)
    region = scanned(
        "L1",
        decaying(1e7, half_life_h=84.0),
        hours=(24.0, 96.0),
        volume_ml=20.0,
        recovery=curve,
        is_lesion=True,
    )

    def activity(volume_ml: float) -> float:
        sigma = 12.0 / math.sqrt(8.0 * math.log(2.0))
        radius = (3e3 * 20.0 / (4.0 * math.pi)) ** (1 / 3)
        r = np.linspace(1e-6, (3e3 * volume_ml / (4.0 * math.pi)) ** (1 / 3), 4001)
        s = math.sqrt(2.0) * sigma
        erf = np.vectorize(math.erf)
        density = 0.5 * (erf((radius - r) / s) + erf((radius + r) / s)) - s / (
            2.0 * r * math.sqrt(math.pi)
        ) * (np.exp(-(((radius - r) / s) ** 2)) - np.exp(-(((radius + r) / s) ** 2)))
        return float(np.trapezoid(r**2 * density, r)) / curve.at(volume_ml)

    slope = math.log(activity(20.002) / activity(19.998)) / math.log(20.002 / 19.998)
    assert region.elasticity == pytest.approx(slope, rel=1e-3)


def test_refuses_an_unknown_calibration_and_an_organ_without_a_population() -> None:
    course = decaying(2e7, half_life_h=51.0)
    unknown = scanned(
        "left kidney", course, hours=(72.0,), volume_ml=150.0, recovery=LARGE, calibration=None
    )
    pancreas = scanned("pancreas", course, hours=(72.0,), volume_ml=90.0, recovery=LARGE)

    with pytest.raises(DataError, match="has no uncertainty: calibration: the manufacturer"):
        course_of(unknown, physical_rate_per_s=LU177_PER_S)
    with pytest.raises(DataError, match="no population's courses are known"):
        course_of(pancreas, physical_rate_per_s=LU177_PER_S)
    assert prior_of("pancreas", is_lesion=False) is None
