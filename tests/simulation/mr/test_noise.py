import math

import numpy as np

from operandi.simulation.mr.noise import stored_magnitude, stored_phase


def test_magnitude_without_signal_has_the_rician_floor() -> None:
    """Rayleigh: mean sigma sqrt(pi / 2), standard deviation sigma sqrt(2 - pi / 2)."""
    air = np.zeros((60, 60, 60), dtype=np.float32)

    stored = stored_magnitude(air, sigma=0.1, scale=1000.0, random=np.random.default_rng(1))

    np.testing.assert_allclose(stored.mean(), 100.0 * math.sqrt(math.pi / 2), rtol=4e-3)
    np.testing.assert_allclose(stored.std(), 100.0 * math.sqrt(2 - math.pi / 2), rtol=6e-3)


def test_magnitude_of_a_strong_signal_has_gaussian_noise_and_the_bias_of_rice() -> None:
    """Mean of Rice at high signal: A + sigma^2 / 2 A."""
    signal = np.full((60, 60, 60), 1.0, dtype=np.float32)

    stored = stored_magnitude(signal, sigma=0.1, scale=1000.0, random=np.random.default_rng(2))

    np.testing.assert_allclose(stored.mean(), 1000.0 + 5.0, atol=0.9)
    np.testing.assert_allclose(stored.std(), 100.0, rtol=1e-2)


def test_second_moment_is_that_of_rice_at_any_signal() -> None:
    """``E[M^2] = A^2 + 2 sigma^2``."""
    signal = np.full((60, 60, 60), 0.15, dtype=np.float32)

    stored = stored_magnitude(signal, sigma=0.1, scale=1000.0, random=np.random.default_rng(3))

    np.testing.assert_allclose(np.mean(stored.astype(np.float64) ** 2), 42500.0, rtol=1e-2)


def test_magnitude_is_whole_numbers_that_fit_twelve_bits() -> None:
    signal = np.linspace(0, 10, 4096, dtype=np.float32).reshape(16, 16, 16)

    stored = stored_magnitude(signal, sigma=0.0, scale=1000.0, random=np.random.default_rng(4))

    assert stored.max() == 4095
    assert np.array_equal(stored, np.rint(stored))
    assert stored.ravel()[819] == np.rint(signal.ravel()[819] * 1000)


def test_phase_is_wrapped_with_4096_for_pi() -> None:
    phase = np.array([0.0, 0.5, -0.5, 1.25, -1.25], dtype=np.float32) * np.float32(math.pi)

    assert stored_phase(phase).tolist() == [0.0, 2048.0, -2048.0, -3072.0, 3072.0]
    assert stored_phase(np.array([math.pi], dtype=np.float32)).tolist() == [-4096.0]
