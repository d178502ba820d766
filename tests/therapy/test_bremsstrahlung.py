"""Bremsstrahlung: no energy is made or lost, and it is softer than the electrons."""

import numpy as np
import pytest

from operandi.therapy.bremsstrahlung import bremsstrahlung_of
from operandi.therapy.radionuclides import Spectrum


def lines(*pairs: tuple[float, float]) -> Spectrum:
    energy, yields = np.array(pairs).T
    return Spectrum(energy, yields)


@pytest.mark.parametrize(
    ("energy", "radiated"), [(0.1, 5.842e-4), (1.0, 3.579e-3), (2.0, 7.085e-3)]
)
def test_electrons_radiate_estars_yield(energy: float, radiated: float) -> None:
    photons = bremsstrahlung_of(lines((energy, 2.0)))

    assert photons.energy_per_decay_mev == pytest.approx(2 * energy * radiated, rel=0.05)


def test_photons_have_less_energy_than_the_electrons_and_a_third_of_it_in_the_mean() -> None:
    photons = bremsstrahlung_of(lines((1.0, 1.0)))
    power = photons.energy_mev * photons.yield_per_decay

    assert photons.energy_mev[power > 0].max() < 1.25  # the next energy of the table
    # Weighted with energy: the integral of k (1 - k) over that of (1 - k).
    assert power @ photons.energy_mev / power.sum() == pytest.approx(1 / 3, rel=0.03)


def test_bremsstrahlung_of_two_lines_is_the_sum_of_each() -> None:
    one, two = (0.3, 1.0), (2.0, 0.2)
    both = bremsstrahlung_of(lines(one, two)).yield_per_decay

    apart = [bremsstrahlung_of(lines(each)).yield_per_decay for each in (one, two)]
    np.testing.assert_allclose(both, sum(apart), rtol=1e-12)


def test_nothing_radiates_nothing() -> None:
    assert bremsstrahlung_of(Spectrum(np.array([]), np.array([]))).energy_per_decay_mev == 0
