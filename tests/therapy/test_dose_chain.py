import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from operandi.quantities.errors import DataError
from operandi.therapy.dose_chain import (
    BlurredSphere,
    CourseModel,
    FittedCourse,
    SingleTimeCourse,
    fit_power_law,
)
from operandi.therapy.exponentials import ExponentialSum
from tests.therapy.chains import a_kidney, a_lesion, a_measured_course, kidney_on_day_1


@pytest.mark.parametrize("volume_ml", [4.0, 30.0])
def test_counts_of_a_blurred_sphere_agree_with_a_blurred_image(volume_ml: float) -> None:
    """A sphere on 0.75 mm voxels, blurred to 10 mm: counts inside, and their slope by volume."""
    fwhm, voxel = 10.0, 0.75
    radius = (3 * volume_ml * 1000 / (4 * math.pi)) ** (1 / 3)
    half = int((radius + 18.0) / voxel)
    axis = np.arange(-half, half + 1) * voxel
    distance = np.sqrt(
        axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    )
    # The edge voxels in part, or the step of the grid dominates.
    sphere = np.clip((radius - distance) / voxel + 0.5, 0.0, 1.0)
    image = gaussian_filter(
        sphere, fwhm / math.sqrt(8 * math.log(2)) / voxel, mode="constant", truncate=6.0
    )

    def share(outline_ml: float) -> float:
        r = (3 * outline_ml * 1000 / (4 * math.pi)) ** (1 / 3)
        return float((image * np.clip((r - distance) / voxel + 0.5, 0, 1)).sum() / sphere.sum())

    model = BlurredSphere(fwhm_mm=fwhm)
    assert float(np.interp(volume_ml, *model.profile(volume_ml))) == pytest.approx(
        share(volume_ml), rel=0.005
    )
    numeric = math.log(share(volume_ml * 1.05) / share(volume_ml / 1.05)) / (2 * math.log(1.05))
    assert model.elasticity(volume_ml) == pytest.approx(numeric, rel=0.01)


def test_counts_of_a_large_sphere_follow_half_its_volume() -> None:
    """The blurred density at a flat edge is one half."""
    assert BlurredSphere(fwhm_mm=1.0).elasticity(1e5) == pytest.approx(0.5, rel=0.01)


def test_a_profile_ends_with_all_counts() -> None:
    _, inside = BlurredSphere(fwhm_mm=12.0).profile(2.0)

    assert inside[-1] == pytest.approx(1.0, abs=1e-4)
    assert (np.diff(inside) > -1e-12).all()


def test_a_power_law_goes_through_the_published_spheres() -> None:
    """177Lu at 1, 10, 100 g: 83.6, 8.53, 0.865 mGy/(MBq h); within 0.3 % of a straight line."""
    law = fit_power_law(
        [1.0, 10.0, 100.0],
        [83.6, 8.53, 0.865],
        relative_uncertainty=0.01,
        shared_relative_uncertainty=0.02,
    )

    assert law.reference_mass_g == pytest.approx(10.0)
    assert law.exponent == pytest.approx(math.log(0.865 / 83.6) / math.log(100.0))
    assert law.at(10.0) == pytest.approx(8.53, rel=0.005)
    assert law.covariance[0][0] == pytest.approx(0.01**2 / 3 + 0.02**2)


def test_a_bent_law_is_less_certain_than_its_values() -> None:
    masses = [0.001, 0.1, 10.0, 1000.0]
    law = fit_power_law(
        masses,
        [m**-0.9 * math.exp(0.05 * math.log(m) ** 2) for m in masses],
        relative_uncertainty=0.001,
        shared_relative_uncertainty=0.0,
    )

    assert law.covariance[0][0] > 0.1**2


def test_refuses_a_scan_before_administration() -> None:
    with pytest.raises(DataError, match="times since administration"):
        a_measured_course(hours=(-1.0, 24.0, 72.0))


def test_refuses_a_negative_count_rate() -> None:
    with pytest.raises(DataError, match="count rates"):
        replace(a_measured_course(), rate_per_s=(1.0, 1.0, -1.0, 1.0))


def test_refuses_two_exponentials_of_three_scans() -> None:
    with pytest.raises(DataError, match="need 4 different times"):
        replace(a_measured_course(hours=(4.0, 24.0, 72.0)), model=CourseModel.BI)


def test_refuses_an_effective_half_life_longer_than_the_physical_one() -> None:
    course = kidney_on_day_1().course
    assert isinstance(course, SingleTimeCourse)
    with pytest.raises(DataError, match="cannot exceed the physical"):
        replace(course, effective_half_life_s=1e9)


@pytest.mark.parametrize(
    "broken",
    [
        lambda: replace(a_lesion(), volume_ml=0.0),
        lambda: replace(a_lesion(), calibration_per_bq=0.0),
        lambda: replace(a_lesion(), density_g_per_ml=0.0),
    ],
)
def test_refuses_a_link_that_is_zero(broken: Callable[[], object]) -> None:
    with pytest.raises(DataError, match="must be > 0"):
        broken()


def test_refuses_a_volume_without_uncertainty() -> None:
    with pytest.raises(DataError, match="uncertainty of the volume"):
        replace(a_kidney(a_measured_course()), volume_uncertainty_ml=0.0)


def test_refuses_a_covariance_that_is_none() -> None:
    with pytest.raises(DataError, match="positive semidefinite"):
        FittedCourse(course=ExponentialSum((1.0,), (1e-5,)), covariance=((1.0, 0.0), (0.1, 1e-12)))


def test_refuses_a_power_law_of_two_masses() -> None:
    with pytest.raises(DataError, match="at least 3 masses"):
        fit_power_law(
            [1.0, 2.0], [1.0, 0.5], relative_uncertainty=0.01, shared_relative_uncertainty=0.0
        )
