"""The shipped kernels: whole, refused when damaged, scaled to a spectrum."""

from pathlib import Path

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.therapy.electron_transport import TABLE_PATH
from operandi.therapy.photon_transport import TABLE_PATH as PHOTON_PATH
from operandi.therapy.point_kernels import DIGESTS, read_kernels, shipped_kernels
from operandi.therapy.radionuclides import Radiation, Spectrum

BOTH = [Radiation.ELECTRON, Radiation.PHOTON]


def a_line(energy_mev: float) -> Spectrum:
    return Spectrum(np.array([energy_mev]), np.array([1.0]))


def test_tables_are_small() -> None:
    assert TABLE_PATH.stat().st_size + PHOTON_PATH.stat().st_size < 100_000


def test_refuses_a_damaged_table(tmp_path: Path) -> None:
    damaged = bytearray(TABLE_PATH.read_bytes())
    damaged[-1] ^= 1
    path = tmp_path / TABLE_PATH.name
    path.write_bytes(damaged)

    with pytest.raises(DataError, match="damaged"):
        read_kernels(path, Radiation.ELECTRON, digest=DIGESTS[Radiation.ELECTRON])


def test_refuses_an_absent_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        read_kernels(tmp_path / "none.npy", Radiation.PHOTON, digest=DIGESTS[Radiation.PHOTON])


def test_alpha_particles_have_no_table() -> None:
    with pytest.raises(ValueError, match="alpha"):
        shipped_kernels(Radiation.ALPHA)


@pytest.mark.parametrize("radiation", BOTH)
def test_refuses_energies_beyond_the_table_and_names_the_limit(radiation: Radiation) -> None:
    with pytest.raises(DataError, match=r"reach 3\.5 MeV; 3\.6 MeV"):
        shipped_kernels(radiation).deposits(a_line(3.6), density_g_cm3=1.0)


@pytest.mark.parametrize("density", [0.0, -1.0, float("nan")])
def test_refuses_a_density_that_is_none(density: float) -> None:
    with pytest.raises(DataError, match="density"):
        shipped_kernels(Radiation.ELECTRON).deposits(a_line(0.1), density_g_cm3=density)


@pytest.mark.parametrize("radiation", BOTH)
def test_energy_within_a_radius_rises_to_all_of_it(radiation: Radiation) -> None:
    deposits = shipped_kernels(radiation).deposits(a_line(0.2), density_g_cm3=1.0)
    within = deposits.within_mev(np.geomspace(1e-4, 1e3, 300))

    assert np.all(np.diff(within) >= 0)
    assert within[-1] == pytest.approx(deposits.total_mev, rel=1e-12)
    assert within[-1] == pytest.approx(0.2, rel=0.01)


@pytest.mark.parametrize("radiation", BOTH)
def test_twice_the_density_halves_the_distances(radiation: Radiation) -> None:
    kernels = shipped_kernels(radiation)
    once = kernels.deposits(a_line(0.3), density_g_cm3=1.0)
    twice = kernels.deposits(a_line(0.3), density_g_cm3=2.0)

    np.testing.assert_allclose(twice.edges_cm * 2, once.edges_cm, rtol=1e-12)
    np.testing.assert_array_equal(twice.energy_mev, once.energy_mev)


def test_below_the_table_electrons_go_less_far_by_a_power_of_their_energy() -> None:
    kernels = shipped_kernels(Radiation.ELECTRON)
    low, lower = (
        float(kernels.deposits(a_line(energy), density_g_cm3=1.0).edges_cm[0, -1])
        for energy in (0.002, 0.001)
    )

    assert 1.5 < np.log2(low / lower) < 1.9


def test_no_lines_leave_no_energy() -> None:
    nothing = Spectrum(np.array([0.0, 0.1]), np.array([1.0, 0.0]))

    deposits = shipped_kernels(Radiation.PHOTON).deposits(nothing, density_g_cm3=1.0)

    assert deposits.total_mev == 0
