"""Derivatives against differences, and the search against courses whose parameters are known."""

import numpy as np
import pytest

from operandi.therapy.exponential_fit import best_fit, integral_and_gradient, model_values

PHYSICAL = 0.2
TIMES = np.array([0.3, 1.0, 2.0, 5.0, 9.0])
THETA = {
    (1, 0): np.log([3.0, 0.1]),
    (1, 1): np.log([3.0, 0.1, 1.5]),
    (2, 0): np.log([3.0, 0.1, 2.0, 0.7]),
    (2, 1): np.log([3.0, 0.1, 2.0, 0.7, 1.5]),
}


@pytest.mark.parametrize("kind", THETA)
def test_the_derivatives_of_values_and_integral_are_those_of_small_steps(
    kind: tuple[int, int],
) -> None:
    theta = THETA[kind]
    jacobian, spare = np.empty((TIMES.size, theta.size)), np.empty((TIMES.size, theta.size))
    model_values(theta, TIMES, PHYSICAL, kind, jacobian)
    _, gradient = integral_and_gradient(theta, PHYSICAL, kind)
    for j in range(theta.size):
        step = np.zeros(theta.size)
        step[j] = 1e-5
        up = model_values(theta + step, TIMES, PHYSICAL, kind, spare)
        down = model_values(theta - step, TIMES, PHYSICAL, kind, spare)
        np.testing.assert_allclose(jacobian[:, j], (up - down) / 2e-5, rtol=1e-7, atol=1e-9)
        above, _ = integral_and_gradient(theta + step, PHYSICAL, kind)
        below, _ = integral_and_gradient(theta - step, PHYSICAL, kind)
        assert gradient[j] == pytest.approx((above - below) / 2e-5, rel=1e-7)


@pytest.mark.parametrize("kind", [kind for kind in THETA if kind[1]])
def test_a_course_with_uptake_starts_at_zero(kind: tuple[int, int]) -> None:
    jacobian = np.empty((1, THETA[kind].size))

    values = model_values(THETA[kind], np.array([0.0]), PHYSICAL, kind, jacobian)

    assert values[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("kind", THETA)
def test_exact_points_give_their_parameters_back(kind: tuple[int, int]) -> None:
    times = np.array([0.3, 0.6, 1.0, 1.6, 2.5, 4.0, 6.0, 9.0, 13.0, 18.0])
    theta = THETA[kind]
    values = model_values(theta, times, PHYSICAL, kind, np.empty((times.size, theta.size)))

    found, bound, chi = best_fit(np.stack([times, values, 0.05 * values]), PHYSICAL, kind)

    np.testing.assert_allclose(np.exp(found), np.exp(theta), rtol=1e-4)
    assert chi < 1e-10
    assert not bound.any()
