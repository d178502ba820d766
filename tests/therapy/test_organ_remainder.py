"""What organ and lesions have in common scales their difference; the rest adds in quadrature."""

import math
from dataclasses import replace

import numpy as np
import pytest

from operandi.therapy.activity import NotRecovered
from operandi.therapy.organ_remainder import Scanned, remainder
from operandi.therapy.recovery import RecoveryCurve
from operandi.therapy.scanned_region import course_of
from tests.therapy.scanned_builders import LU177_PER_S, decaying, scanned

FOUR = (24.0, 72.0, 120.0, 168.0)
CURVE = RecoveryCurve(
    b1_ml=6.0,
    b2=1.1,
    covariance=np.array([[0.36, 0.02], [0.02, 0.01]]),
    fitted_ml=(1.0, 3000.0),
    source="for the test",
)


def a_part(
    name: str,
    activity_bq: float,
    *,
    volume_ml: float,
    recovery: RecoveryCurve | NotRecovered = CURVE,
) -> Scanned:
    region = scanned(
        name,
        decaying(activity_bq, half_life_h=70.0),
        hours=FOUR,
        volume_ml=volume_ml,
        recovery=recovery,
        is_lesion=name != "liver",
    )
    return region, course_of(region, physical_rate_per_s=LU177_PER_S)


def test_one_curve_scales_what_is_left_of_regions_of_one_size() -> None:
    """Organ and lesion of one volume err by the same factor, and so does their difference."""
    organ, lesion = a_part("liver", 5e8, volume_ml=60.0), a_part("L1", 4e8, volume_ml=60.0)
    # The lesion's mass is taken off a larger organ; only the curve is looked at here.
    larger = replace(organ[0], scans=tuple(replace(s, volume_ml=600.0) for s in organ[0].scans))

    found = remainder((larger, organ[1]), [lesion], mass_exponent=-1.0, s_value_relative=0.02)

    assert found.recovery == pytest.approx(CURVE.parameter_uncertainty(60.0) / CURVE.at(60.0))
    assert found.calibration == 0.03
    assert found.s_value == 0.02


def test_own_errors_weigh_the_more_the_less_is_left() -> None:
    organ = a_part("liver", 5e8, volume_ml=1500.0)

    little, much = (
        remainder(
            organ,
            [a_part("L1", taken, volume_ml=60.0)],
            mass_exponent=-1.0,
            s_value_relative=0.02,
        )
        for taken in (1e8, 4e8)
    )

    assert much.fits > 3 * little.fits
    assert much.relative > little.relative
    assert much.calibration == little.calibration


def test_outlines_by_hand() -> None:
    """``|w e + k c| u(v) / v`` with a lesion of half the activity and a tenth of the mass."""
    organ, lesion = a_part("liver", 5e8, volume_ml=1000.0), a_part("L1", 2.5e8, volume_ml=100.0)
    found = remainder(organ, [lesion], mass_exponent=-1.0, s_value_relative=0.0)

    by_organ = 2.0 * organ[0].elasticity - 1000.0 / 900.0
    by_lesion = -1.0 * lesion[0].elasticity + 100.0 / 900.0
    spreads = [one[0].volume_uncertainty.total_ml / one[0].volume_ml for one in (organ, lesion)]
    assert found.outlines == pytest.approx(
        math.hypot(by_organ * spreads[0], by_lesion * spreads[1]), rel=1e-6
    )


def test_unrecovered_regions_lose_what_blur_leaves_outside_each_by_itself() -> None:
    without = NotRecovered("no phantom")
    organ = a_part("liver", 5e8, volume_ml=1000.0, recovery=without)
    lesion = a_part("L1", 2.5e8, volume_ml=100.0, recovery=without)

    found = remainder(organ, [lesion], mass_exponent=-1.0, s_value_relative=0.0)

    assert found.recovery == pytest.approx(
        math.hypot(2.0 * organ[0].recovery_relative, lesion[0].recovery_relative), rel=1e-6
    )
    assert 0 < found.own < found.relative
    assert "left without L1" in found.basis
