"""Shipped point kernels of water: read, checked, and scaled to a spectrum and a density.

A row a source energy: its length (range of electrons, mean free path of photons; g/cm2) and the
fraction of its energy left in shells, in units of that length. Between energies the fractions
are interpolated in the logarithm of the energy and the length by a spline, so that the kernel
of an energy between two rows is stretched, not smeared. Nothing in the tables knows a nuclide.
Made by ``make_kernels``; see docs/decisions/0019.
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from operandi.quantities.errors import DataError
from operandi.therapy import electron_transport, photon_transport
from operandi.therapy.radionuclides import Radiation, Spectrum

Array = npt.NDArray[np.float64]

DIGESTS: Final = {
    Radiation.ELECTRON: "89caeffbb17c62d03065a64011fb37fdb2cd960d40ab1853ad37e2b71d18fb04",
    Radiation.PHOTON: "8cbf65fdf7ccb0e0f91dbbaf7d488bb215568f14f2a8fe9badefd9d17a07df4b",
}
"""SHA-256 of the shipped tables."""


@dataclass(frozen=True, slots=True, eq=False)
class PointKernels:
    """Where point sources of one radiation leave their energy in water.

    Parameters
    ----------
    radiation : Radiation
        Electrons or photons.
    energy_mev : array, (n,)
        Source energies, ascending.
    length_g_cm2 : array, (n,)
        Unit of the shells at each energy.
    edges : array, (m + 1,)
        Radii of the shells in that unit, from 0.
    fraction : array, (n, m)
        Of the source energy, left in each shell.
    """

    radiation: Radiation
    energy_mev: Array
    length_g_cm2: Array
    edges: Array
    fraction: Array

    def deposits(self, spectrum: Spectrum, *, density_g_cm3: float) -> "Deposits":
        """Energy left in shells about a point source that emits *spectrum*.

        Below the lowest energy of the table its shape is kept and the length follows the power
        law of the two lowest rows: electrons of under 4 keV go less than 0.6 µm.

        Raises
        ------
        DataError
            If an energy is above the table, or the density is not positive.
        """
        if not density_g_cm3 > 0:
            raise DataError(
                f"A density above 0 g/cm3 was needed; {density_g_cm3:g} was found.",
                remedy="Supply the density of the tissue.",
            )
        emitted = (spectrum.energy_mev > 0) & (spectrum.yield_per_decay > 0)
        energy = spectrum.energy_mev[emitted]
        if energy.size and energy.max() > self.energy_mev[-1] * (1 + 1e-6):
            raise DataError(
                f"The kernels of {self.radiation}s reach {self.energy_mev[-1]:g} MeV; "
                f"{energy.max():g} MeV is emitted.",
                remedy="Make a table to a higher energy with the module that made this one.",
            )
        log, knots = np.log(energy), np.log(self.energy_mev)
        lengths = np.log(self.length_g_cm2)
        slope = (lengths[1] - lengths[0]) / (knots[1] - knots[0])
        length = CubicSpline(knots, lengths)(np.maximum(log, knots[0]))
        length = np.exp(length + slope * np.minimum(log - knots[0], 0))
        row = np.clip(np.searchsorted(knots, log) - 1, 0, knots.size - 2)
        share = np.clip((log - knots[row]) / (knots[row + 1] - knots[row]), 0, 1)[:, None]
        fraction = (1 - share) * self.fraction[row] + share * self.fraction[row + 1]
        energy_out = (energy * spectrum.yield_per_decay[emitted])[:, None] * fraction
        return Deposits((length / density_g_cm3)[:, None] * self.edges, energy_out)


@dataclass(frozen=True, slots=True, eq=False)
class Deposits:
    """Energy left about a point source, by line and shell.

    Parameters
    ----------
    edges_cm : array, (lines, m + 1)
        Radii of the shells of each line, cm.
    energy_mev : array, (lines, m)
        Left in each shell a decay, MeV.
    """

    edges_cm: Array
    energy_mev: Array

    @property
    def total_mev(self) -> float:
        """Left within the reach of the table, MeV a decay."""
        return float(self.energy_mev.sum())

    def within_mev(self, radius_cm: Array) -> Array:
        """Left within each radius (ascending, cm), MeV a decay."""
        total = np.zeros(np.shape(radius_cm))
        for edges, energy in zip(self.edges_cm, self.energy_mev, strict=True):
            total += np.interp(radius_cm, edges, np.concatenate(([0.0], np.cumsum(energy))))
        return total


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_kernels(path: Path, radiation: Radiation, *, digest: str) -> PointKernels:
    """Read a table that one of the transport modules wrote.

    Raises
    ------
    DataError
        If the file is absent or its digest is not *digest*: a damaged table would give doses.
    """
    found = digest_of(path) if path.is_file() else "no file"
    if found != digest:
        raise DataError(
            f"The kernel table {path.name} is damaged or another: SHA-256 {digest} was needed, "
            f"{found} was found.",
            remedy="Install Operandi anew, or make the tables with "
            "python -m operandi.therapy.make_kernels.",
        )
    table = np.load(path, allow_pickle=False).astype(np.float64)
    edges = (
        np.arange(electron_transport.SHELLS + 1) / electron_transport.SHELLS_PER_RANGE
        if radiation is Radiation.ELECTRON
        else photon_transport.SHELL_EDGES
    )
    return PointKernels(radiation, table[:, 0], table[:, 1], edges, table[:, 2:])


@functools.cache
def shipped_kernels(radiation: Radiation) -> PointKernels:
    """The table that comes with the package, of electrons or photons; read once.

    Raises
    ------
    DataError
        If the table is damaged.
    ValueError
        For alpha particles, which have none: they are absorbed where they start.
    """
    paths = {
        Radiation.ELECTRON: electron_transport.TABLE_PATH,
        Radiation.PHOTON: photon_transport.TABLE_PATH,
    }
    if radiation not in paths:
        raise ValueError(f"no point kernels of {radiation}s")
    path = paths[radiation]
    return read_kernels(path, radiation, digest=DIGESTS[radiation])
