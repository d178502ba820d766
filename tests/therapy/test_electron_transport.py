"""Transport of electrons against ESTAR and itself; the shipped tables against new ones."""

from pathlib import Path

import numba
import numpy as np
import pytest
from scipy.integrate import quad

from operandi.therapy.electron_transport import (
    ELECTRON_MASS_MEV,
    HISTORIES,
    SHELLS_PER_RANGE,
    TABLE_ENERGIES_MEV,
    _concentration,
    deposited_fractions,
    hard_collisions,
    kernel_table,
    slowing_down_ranges,
    stopping_power,
    transport_cross_section,
)
from operandi.therapy.make_kernels import make_kernels
from operandi.therapy.photon_transport import kernel_table as photon_table
from operandi.therapy.point_kernels import DIGESTS, shipped_kernels
from operandi.therapy.radionuclides import Radiation

# NIST ESTAR, liquid water: MeV, range of slowing down (g/cm2), radiation yield.
ESTAR = [
    (0.02, 8.566e-4, 1.663e-4),
    (0.1, 1.431e-2, 5.842e-4),
    (0.5, 0.1766, 1.976e-3),
    (1.0, 0.4367, 3.579e-3),
    (2.0, 0.9785, 7.085e-3),
    (3.5, 1.777, 1.291e-2),
]


@pytest.mark.parametrize(("energy", "path", "radiated"), ESTAR)
def test_ranges_are_those_of_estar(energy: float, path: float, radiated: float) -> None:
    del radiated
    ranges = slowing_down_ranges()

    assert float(ranges.range_g_cm2(energy)) == pytest.approx(path, rel=5e-4)
    assert float(ranges.energy_mev(ranges.range_g_cm2(energy))) == pytest.approx(energy, rel=1e-9)


@pytest.mark.parametrize(("energy", "path", "radiated"), ESTAR)
def test_what_is_not_left_in_the_table_is_the_radiation_yield_of_estar(
    energy: float, path: float, radiated: float
) -> None:
    """Secondary electrons radiate too, which ESTAR's yield of the primary leaves out."""
    del path
    fraction, _ = deposited_fractions(energy, histories=9600)

    assert 1 - fraction.sum() == pytest.approx(radiated, rel=0.05)


def test_bethes_formula_meets_estar_where_one_takes_over_from_the_other() -> None:
    below, above = stopping_power([0.0099999, 0.0100001])[0]

    assert below == pytest.approx(above, rel=1e-4)


def test_hard_collisions_are_the_integrals_of_mollers_formula() -> None:
    energy, least = 0.3, 0.02
    tau = energy / ELECTRON_MASS_MEV
    square = (tau / (tau + 1)) ** 2
    beta2 = tau * (tau + 2) / (tau + 1) ** 2
    front = 2 * np.pi * 2.8179403e-13**2 * 3.3428e23 / beta2 / tau

    def per_loss(part: float) -> float:
        mixed = (2 * tau + 1) / (tau + 1) ** 2 / (part * (1 - part))
        return 1 / part**2 + 1 / (1 - part) ** 2 + square - mixed

    count = front * quad(per_loss, least / energy, 0.5)[0]
    lost = front * energy * quad(lambda part: part * per_loss(part), least / energy, 0.5)[0]

    found = hard_collisions(energy, from_loss_mev=least)

    assert float(found[0]) == pytest.approx(count, rel=1e-9)
    assert float(found[1]) == pytest.approx(lost, rel=1e-9)


def test_hard_collisions_take_a_part_of_the_stopping_power() -> None:
    _, hard = hard_collisions(TABLE_ENERGIES_MEV, from_loss_mev=2e-5)

    assert np.all(hard > 0)
    assert np.all(hard < stopping_power(TABLE_ENERGIES_MEV)[0])


def test_direction_is_lost_faster_the_slower_the_electron_and_the_greater_the_losses() -> None:
    energy = np.geomspace(0.005, 3.5, 20)

    whole = transport_cross_section(energy, up_to_loss_mev=10.0)

    assert np.all(np.diff(whole) < 0)
    assert np.all(whole > transport_cross_section(energy, up_to_loss_mev=1e-4))


@pytest.mark.parametrize("mean", [0.01, 0.3, 0.7, 0.94, 0.96, 0.9999])
def test_deflections_keep_the_mean_cosine(mean: float) -> None:
    kappa = _concentration(mean)

    assert 1 / np.tanh(kappa) - 1 / kappa == pytest.approx(mean, abs=1e-5)


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


def test_another_seed_agrees_within_the_statistical_error() -> None:
    one, error = deposited_fractions(0.2, histories=9600, seed=1)
    other, _ = deposited_fractions(0.2, histories=9600, seed=2)

    hit = error > 0
    pull = (one - other)[hit] / error[hit] / np.sqrt(2)
    assert not np.array_equal(one, other)
    assert 0.6 < float(np.sqrt(np.mean(pull**2))) < 1.5


def test_little_energy_is_left_beyond_the_mean_range() -> None:
    fraction, _ = deposited_fractions(1.0, histories=9600)

    assert 0 < fraction[SHELLS_PER_RANGE:].sum() < 1e-3


def test_refuses_histories_that_do_not_fill_the_blocks() -> None:
    with pytest.raises(ValueError, match="multiple of 96"):
        deposited_fractions(0.1, histories=100)


@pytest.mark.slow
def test_a_part_of_the_shipped_tables_is_made_again() -> None:
    """The same machine gives the same bits; another agrees within five standard errors."""
    for radiation, table in ((Radiation.ELECTRON, kernel_table), (Radiation.PHOTON, photon_table)):
        shipped = shipped_kernels(radiation)
        rows = [0, len(shipped.energy_mev) // 2]
        energies = TABLE_ENERGIES_MEV if radiation is Radiation.ELECTRON else None
        chosen = shipped.energy_mev[rows] if energies is None else energies[rows]
        made = table(chosen)

        np.testing.assert_allclose(made[:, 1], shipped.length_g_cm2[rows], rtol=1e-5)
        error = np.sqrt(made[:, 2:] / HISTORIES) + 1e-7
        assert np.all(np.abs(made[:, 2:] - shipped.fraction[rows]) < 5 * error)


@pytest.mark.slow
def test_the_whole_tables_are_made_again(tmp_path: Path) -> None:
    digests = make_kernels(tmp_path)

    for radiation in (Radiation.ELECTRON, Radiation.PHOTON):
        name = f"{radiation}_kernels_water.npy"
        if digests[name] == DIGESTS[radiation]:
            continue
        made = np.load(tmp_path / name).astype(np.float64)[:, 2:]
        shipped = shipped_kernels(radiation).fraction
        assert np.all(np.abs(made - shipped) < 5 * np.sqrt(made / HISTORIES) + 1e-6)
