"""Recovery curves: what was put in comes out, with the covariance that repetition shows."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.therapy.recovery import RecoveryCurve, RecoveryMeasurement, fit_recovery

NEMA_ML = (0.52, 1.15, 2.57, 5.58, 11.49, 26.52)
"""Inner volumes of the six spheres of the NEMA IEC body phantom, 10 to 37 mm."""


def model(volume_ml: float, *, b1: float, b2: float) -> float:
    return 1.0 - 1.0 / (1.0 + math.pow(volume_ml / b1, b2))


def spheres(
    *,
    b1: float = 1.6,
    b2: float = 0.9,
    u: float = 0.02,
    noise: npt.NDArray[np.float64] | None = None,
) -> list[RecoveryMeasurement]:
    errors = np.zeros(len(NEMA_ML)) if noise is None else noise
    return [
        RecoveryMeasurement(
            volume_ml=v, coefficient=model(v, b1=b1, b2=b2) + e, standard_uncertainty=u
        )
        for v, e in zip(NEMA_ML, errors, strict=True)
    ]


def a_curve(*, u: float = 0.02) -> RecoveryCurve:
    return fit_recovery(spheres(u=u), source="phantom")


@given(st.floats(0.3, 20.0), st.floats(0.4, 2.5))
def test_exact_points_give_their_curve_back(b1: float, b2: float) -> None:
    points = [
        RecoveryMeasurement(
            volume_ml=v, coefficient=model(v, b1=b1, b2=b2), standard_uncertainty=0.02
        )
        for v in NEMA_ML
        if model(v, b1=b1, b2=b2) > 0.01
    ]

    curve = fit_recovery(points, source="phantom")

    assert (curve.b1_ml, curve.b2) == pytest.approx((b1, b2), rel=1e-5)
    assert curve.chi_square == pytest.approx(0.0, abs=1e-8)


def test_covariance_is_that_of_repeated_phantoms() -> None:
    """Two hundred phantoms of one curve, points off by their standard uncertainty of 1 %."""
    random = np.random.default_rng(11)
    fits = [
        fit_recovery(spheres(u=0.01, noise=random.normal(0.0, 0.01, 6)), source="p")
        for _ in range(200)
    ]
    found = np.cov([(fit.b1_ml, fit.b2) for fit in fits], rowvar=False)

    stated = a_curve(u=0.01).covariance
    np.testing.assert_allclose(np.sqrt(np.diag(found)), np.sqrt(np.diag(stated)), rtol=0.15)
    correlation = found[0, 1] / math.sqrt(found[0, 0] * found[1, 1])
    expected = stated[0, 1] / math.sqrt(stated[0, 0] * stated[1, 1])
    assert correlation == pytest.approx(expected, abs=0.15)


def test_points_that_scatter_widen_the_covariance_and_close_ones_do_not_narrow_it() -> None:
    scattered = fit_recovery(
        spheres(noise=np.array([0.04, -0.04, 0.04, -0.04, 0.04, -0.04])), source="p"
    )

    assert scattered.chi_square / scattered.degrees_of_freedom > 4.0
    assert np.linalg.det(scattered.covariance) > 4.0 * np.linalg.det(a_curve().covariance)
    half = a_curve(u=0.01)
    np.testing.assert_allclose(4.0 * half.covariance, a_curve(u=0.02).covariance, rtol=1e-4)


def test_half_is_recovered_at_b1() -> None:
    curve = a_curve()

    assert curve.at(curve.b1_ml) == pytest.approx(0.5)
    assert curve.at(5.0) == pytest.approx(model(5.0, b1=1.6, b2=0.9), rel=1e-6)


@given(st.floats(0.6, 500.0))
def test_slopes_are_those_of_the_curve(volume: float) -> None:
    curve = RecoveryCurve(
        b1_ml=1.6, b2=0.9, covariance=np.eye(2) * 1e-4, fitted_ml=(0.5, 30.0), source="p"
    )
    step = 1e-5

    by_volume = model(volume * (1 + step), b1=1.6, b2=0.9) - model(
        volume * (1 - step), b1=1.6, b2=0.9
    )
    by_b1 = model(volume, b1=1.6 + step, b2=0.9) - model(volume, b1=1.6 - step, b2=0.9)
    by_b2 = model(volume, b1=1.6, b2=0.9 + step) - model(volume, b1=1.6, b2=0.9 - step)

    assert curve.slope_per_ml(volume) == pytest.approx(by_volume / (2 * step * volume), rel=1e-3)
    np.testing.assert_allclose(
        curve.gradient(volume), [by_b1 / (2 * step), by_b2 / (2 * step)], rtol=1e-3, atol=1e-8
    )


def test_uncertainty_joins_parameters_and_volume() -> None:
    curve = a_curve()
    random = np.random.default_rng(7)
    b = random.multivariate_normal((curve.b1_ml, curve.b2), curve.covariance, 100_000)
    volumes = random.normal(11.0, 1.0, 100_000)

    sampled = 1.0 - 1.0 / (1.0 + (volumes / b[:, 0]) ** b[:, 1])

    stated = curve.standard_uncertainty(11.0, volume_uncertainty_ml=1.0)
    assert stated == pytest.approx(sampled.std(), rel=0.03)
    assert stated > curve.parameter_uncertainty(11.0)


def test_refuses_a_volume_below_the_smallest_sphere() -> None:
    with pytest.raises(DataError, match=r"has 0\.3 mL; recovery was measured from 0\.52 mL on"):
        a_curve().at(0.3)


def test_a_volume_beyond_the_largest_sphere_is_flagged_and_stays_below_one() -> None:
    curve = a_curve()

    assert curve.is_beyond(150.0)
    assert not curve.is_beyond(26.0)
    assert curve.at(26.52) < curve.at(150.0) < 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"volume_ml": 0.0}, "needed > 0"),
        ({"coefficient": 0.0}, "plausible are"),
        ({"coefficient": 1.4}, "plausible are"),
        ({"standard_uncertainty": 0.0}, "State it"),
        ({"standard_uncertainty": math.nan}, "State it"),
    ],
)
def test_refuses_an_implausible_measurement(values: dict[str, float], message: str) -> None:
    good = {"volume_ml": 5.0, "coefficient": 0.7, "standard_uncertainty": 0.02}

    with pytest.raises(DataError, match=message):
        RecoveryMeasurement(**{**good, **values})


def test_refuses_too_few_volumes() -> None:
    twice = [*spheres()[:2], *spheres()[:2]]

    with pytest.raises(DataError, match="of 2 different volumes"):
        fit_recovery(twice, source="p")


def test_refuses_points_that_fall_with_volume() -> None:
    falling = [
        RecoveryMeasurement(volume_ml=v, coefficient=c, standard_uncertainty=0.02)
        for v, c in zip(NEMA_ML, (0.95, 0.9, 0.8, 0.6, 0.4, 0.2), strict=True)
    ]

    with pytest.raises(DataError, match="Recovery must rise with volume"):
        fit_recovery(falling, source="p")


@pytest.mark.parametrize(
    "changes",
    [
        {"b1_ml": 0.0},
        {"covariance": np.ones((3, 3))},
        {"covariance": -np.eye(2)},
        {"source": ""},
        {"fitted_ml": (3.0, 2.0)},
    ],
)
def test_a_curve_that_cannot_be_is_a_mistake(changes: dict[str, object]) -> None:
    good: dict[str, object] = {
        "b1_ml": 1.6,
        "b2": 0.9,
        "covariance": np.eye(2) * 1e-4,
        "fitted_ml": (0.5, 30.0),
        "source": "p",
    }

    with pytest.raises(ValueError, match=r"must|source"):
        RecoveryCurve(**{**good, **changes})  # type: ignore[arg-type]


def test_refuses_a_sphere_off_the_curve_and_names_it() -> None:
    """0.357 typed for 0.757: the curve would bend, and every lesion's dose with it."""
    spheres = [(0.5, 0.2), (1.15, 0.34), (2.6, 0.49), (5.6, 0.62), (26.5, 0.357), (113.0, 0.93)]

    with pytest.raises(DataError, match=r"that of 26\.5 mL, 0\.357, fits the others least") as it:
        fit_recovery(
            [
                RecoveryMeasurement(volume_ml=v, coefficient=c, standard_uncertainty=0.02)
                for v, c in spheres
            ],
            source="spect_recovery, Encore2",
        )
    assert "Check the sphere in spect_recovery, Encore2" in it.value.remedy
