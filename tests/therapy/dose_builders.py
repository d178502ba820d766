"""Builders of the nouns of absorbed dose, each naming what a test changes."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.identity import Digest
from operandi.domain.volume import Volume
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION, MASS_DENSITY
from operandi.quantities.nuclides import LU177
from operandi.therapy.organ_s_values import OrganSTable, OrganSValue
from operandi.therapy.radionuclides import Emissions, Spectrum
from operandi.therapy.regions import Mass, Region, TimeIntegratedActivity

MGY_PER_MBQ_S = 1e-9
"""mGy/(MBq s) in Gy/(Bq s)."""
LU177_ELECTRON_MEV = 0.1479
"""MeV per decay as electrons, ICRP 107."""
LU177_PHOTON_MEV = 0.0351
"""MeV per decay as photons, ICRP 107."""


def lu177_emissions(*, electron_mev: float = LU177_ELECTRON_MEV) -> Emissions:
    """177Lu as two lines that carry its mean energies; what local and scaled doses need."""

    def line(energy: float) -> Spectrum:
        return Spectrum(np.array([energy]), np.array([1.0]))

    nothing = Spectrum(np.array([0.1]), np.array([0.0]))
    return Emissions(
        LU177, line(electron_mev), nothing, line(LU177_PHOTON_MEV), "", "ICRP 107 (means)"
    )


def a_region(
    name: str = "kidneys",
    *,
    bq_s: float = 1e13,
    u_bq_s: float = 0.0,
    mass_g: float = 300.0,
    u_mass_g: float = 0.0,
) -> Region:
    return Region(name, TimeIntegratedActivity(bq_s, u_bq_s), Mass(mass_g, u_mass_g))


def a_table(values: Mapping[tuple[str, str], float], masses_g: Mapping[str, float]) -> OrganSTable:
    """A table from totals in mGy/(MBq s) by (source, target)."""
    return OrganSTable(
        nuclide=LU177,
        phantom="a phantom",
        values={
            pair: OrganSValue(
                source=pair[0], target=pair[1], total_gy_per_bq_s=value * MGY_PER_MBQ_S
            )
            for pair, value in values.items()
        },
        masses_g=masses_g,
        layout="canonical",
        file=Digest("0" * 64),
    )


def a_grid(
    shape: tuple[int, int, int] = (9, 8, 7),
    *,
    spacing_mm: tuple[float, float, float] = (4.0, 4.0, 4.0),
    frame_of_reference: str = "",
) -> Grid:
    return Grid(shape, np.diag([*spacing_mm, 1.0]), frame_of_reference)


def a_scan(values: npt.NDArray[np.floating], grid: Grid) -> Volume:
    return Volume(values, grid, ACTIVITY_CONCENTRATION, datetime(2025, 3, 1, tzinfo=UTC))


def a_density(values: npt.NDArray[np.floating], grid: Grid) -> Volume:
    return Volume(values, grid, MASS_DENSITY)
