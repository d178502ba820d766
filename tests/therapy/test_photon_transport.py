"""Transport of photons: against NIST, Thomson, and the conservation of energy."""

import numba
import numpy as np
import pytest

from operandi.therapy.photon_transport import (
    SHELL_EDGES,
    _compton,
    coefficients,
    deposited_fractions,
)
from operandi.therapy.random_streams import stream
from tests.shared_data import needs_shared_data, published


@needs_shared_data
def test_coefficients_are_those_of_nist() -> None:
    """Attenuation lacks coherent scattering (8 % at 30 keV) and the binding of electrons."""
    table = np.loadtxt(published("reconstruction/nist_attenuation/water.csv"), skiprows=1)
    energy, attenuation, absorption = table[table[:, 0] <= 3.0].T

    found = coefficients(energy)

    np.testing.assert_allclose(found.absorption, absorption, rtol=2e-3)
    ratio = found.attenuation / attenuation
    assert np.all((ratio > 0.91) & (ratio < 1.001))
    np.testing.assert_allclose(ratio[energy >= 0.3], 1, atol=0.017)  # pairs at 3 MeV


def test_scattering_of_slow_photons_is_thomsons() -> None:
    thomson = 0.66524587e-24 * 3.3428e23

    assert float(coefficients(0.001).scattering) == pytest.approx(
        thomson * (1 - 2 * 0.001 / 0.511), rel=1e-4
    )


def test_sampled_scattering_leaves_the_mean_energy_of_klein_and_nishina() -> None:
    energy = 0.5
    left = np.array([_compton(energy, np.uint64(stream(7, n)), 0)[0] for n in range(20_000)])
    here = coefficients(energy)

    transfer = float(here.absorption / here.scattering)  # next to no photoelectric effect
    assert 1 - left.mean() == pytest.approx(transfer, abs=4 * left.std() / np.sqrt(left.size))


@pytest.mark.parametrize("energy", [0.01, 0.05, 0.5, 2.0])
def test_all_energy_is_left_within_ten_free_paths_but_for_what_scatter_carries_on(
    energy: float,
) -> None:
    fraction, error = deposited_fractions(energy, histories=9600)

    assert 0.95 < fraction.sum() < 1 + 4 * np.sqrt((error**2).sum())


def test_near_the_source_the_absorption_coefficient_rules() -> None:
    fraction, _ = deposited_fractions(0.2, histories=9600)
    here = coefficients(0.2)
    share = float(here.absorption / here.attenuation)

    radius = SHELL_EDGES[10]
    assert fraction[:10].sum() == pytest.approx(share * radius, rel=0.15)


def test_every_number_of_threads_gives_the_same_bits() -> None:
    before = numba.get_num_threads()
    found = []
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            found.append(deposited_fractions(0.2, histories=960)[0].tobytes())
    finally:
        numba.set_num_threads(before)

    assert len(set(found)) == 1


def test_refuses_histories_that_do_not_fill_the_blocks() -> None:
    with pytest.raises(ValueError, match="multiple of 96"):
        deposited_fractions(0.1, histories=100)
