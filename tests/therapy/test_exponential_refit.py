import math

import numpy as np
import pytest
from scipy.optimize import least_squares

from operandi.therapy.exponential_refit import fit_exponentials, jacobian

HOUR = 3600.0
SLOWEST = math.log(2.0) / (6.647 * 24 * HOUR)


def test_finds_the_exponential_that_made_the_data() -> None:
    time = np.array([4.0, 24.0, 96.0]) * HOUR
    rate = math.log(2.0) / (51.0 * HOUR)

    fit = fit_exponentials(
        time,
        (1e6 * np.exp(-rate * time))[None, :],
        standard_uncertainty=np.full(3, 1e4),
        terms=1,
        slowest_per_s=SLOWEST,
    )

    assert fit.rates_per_s[0, 0] == pytest.approx(rate, rel=1e-8)
    assert fit.integrals[0] == pytest.approx(1e6 / rate, rel=1e-8)


def test_finds_uptake_and_clearance() -> None:
    time = np.array([1.0, 4.0, 24.0, 72.0, 168.0]) * HOUR
    fast, slow = math.log(2.0) / (3.0 * HOUR), math.log(2.0) / (60.0 * HOUR)
    values = 1e6 * (np.exp(-slow * time) - 0.9 * np.exp(-fast * time))

    fit = fit_exponentials(
        time, values[None, :], standard_uncertainty=0.05 * values, terms=2, slowest_per_s=SLOWEST
    )

    assert fit.integrals[0] == pytest.approx(1e6 / slow - 0.9e6 / fast, rel=1e-7)


@pytest.mark.parametrize("terms", [1, 2])
def test_agrees_with_scipy_on_noisy_replicates(terms: int) -> None:
    rng = np.random.default_rng(4)
    time = np.array([2.0, 6.0, 24.0, 72.0, 120.0, 168.0]) * HOUR
    truth = 0.6 * np.exp(-time / (100.0 * HOUR)) + 0.4 * np.exp(-time / (10.0 * HOUR))
    sigma = 0.04 * truth
    values = truth + sigma * rng.standard_normal((20, time.size))

    fit = fit_exponentials(
        time, values, standard_uncertainty=sigma, terms=terms, slowest_per_s=SLOWEST
    )

    fastest = 20.0 / time.min()
    for row, chi_square in zip(values, fit.chi_square, strict=True):
        best = min(
            least_squares(
                lambda p, row=row: (
                    (np.exp(-np.outer(time, np.exp(p[terms:]))) @ p[:terms] - row) / sigma
                ),
                np.concatenate([np.full(terms, 0.5), np.log(start)]),
                bounds=(
                    [-np.inf] * terms + [math.log(SLOWEST)] * terms,
                    [np.inf] * terms + [math.log(fastest)] * terms,
                ),
                xtol=1e-12,
                ftol=1e-12,
            ).cost
            * 2.0
            for start in (
                np.array([3e-6, 3e-5][:terms]),
                np.array([3e-6, 2e-4][:terms]),
            )
        )
        assert chi_square <= best * (1 + 1e-6) + 1e-9


def test_a_tail_is_never_slower_than_physics() -> None:
    time = np.array([24.0, 96.0, 168.0]) * HOUR

    fit = fit_exponentials(
        time,
        np.array([[1.0, 1.1, 1.2]]),
        standard_uncertainty=np.full(3, 0.05),
        terms=1,
        slowest_per_s=SLOWEST,
    )

    assert fit.rates_per_s[0, 0] == pytest.approx(SLOWEST, rel=1e-12)


def test_derivatives_agree_with_differences() -> None:
    time = np.array([1.0, 2.0, 5.0])
    at = np.array([2.0, -1.0, 0.3, 1.5])

    def course(p: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(-np.outer(time, p[2:])) @ p[:2])

    numeric = np.column_stack(
        [(course(at + 1e-6 * e) - course(at - 1e-6 * e)) / 2e-6 for e in np.eye(4)]
    )

    np.testing.assert_allclose(
        jacobian(time, amplitudes=at[:2], rates_per_s=at[2:]), numeric, atol=1e-8
    )
