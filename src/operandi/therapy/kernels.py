"""S values of water-like tissue from point kernels: spheres, voxels, cells.

``S = sum_i y_i E_i phi_i / m``: yield, energy and absorbed fraction of each line, and the mass
of the target. A source and a target without gaps in one medium need only the chance that a
point at distance *r* from a random point of the source lies in the target; the kernels say how
much energy is left at that distance. So spheres, shells and voxels are quadratures, no further
Monte Carlo, and energy is conserved by construction.

Electrons and photons by the shipped kernels, bremsstrahlung among the photons; alpha particles
where they start. All in one medium: air, bone beside tissue, or the edge of the body are not seen.

References
----------
.. [1] Bolch et al., MIRD Pamphlet 21, J Nucl Med 50:477, 2009 (the schema).
.. [2] Berger, MIRD Pamphlet 7 and J Nucl Med 11 Suppl 5, 1970 (geometric reduction).
.. [3] Goddu et al., MIRD Cellular S Values, 1997.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.therapy.bremsstrahlung import bremsstrahlung_of
from operandi.therapy.point_kernels import Deposits, shipped_kernels
from operandi.therapy.radionuclides import Emissions, Radiation, Spectrum
from operandi.therapy.voxel_spread import radii_for, spread_over_voxels

Array = npt.NDArray[np.float64]
Chance = Callable[[Array], Array]
"""Integral over *r* (cm) of the chance that a point at *r* from the source is in the target."""

GY_G_PER_MEV: Final = 1.602176634e-10
"""1 MeV in 1 g, in Gy."""
RELATIVE_STANDARD_UNCERTAINTY: Final = 0.01
"""Of the S value of a sphere over 1 mm or a voxel over 2 mm: what is left between these and
published transport (0.7 % at most), and that of the stopping powers (ICRU 37: 1 to 2 %), to which
an S value is blunt where most energy is kept. Spectra, masses and densities come on top."""
CELL_RELATIVE_STANDARD_UNCERTAINTY: Final = 0.05
"""Of the S value of a cell or a sphere of a few µm: stopping powers enter in full."""

_LEAST_WITH_ALPHAS_MM: Final = 1.0  # some ten ranges (0.1 mm at 9 MeV); smaller, they leave
_CELL_DENSITY_G_CM3: Final = 1.0
_PHOTON_VOXELS: Final = 5
_REACHED: Final = 1 - 1e-5


@dataclass(frozen=True, slots=True)
class SValue:
    """Absorbed dose to the target a decay in the source, by radiation, Gy/(Bq s).

    Physical dose: alpha particles are not weighted. Photons include bremsstrahlung.
    """

    electron_gy_per_bq_s: float
    alpha_gy_per_bq_s: float
    photon_gy_per_bq_s: float

    @property
    def total(self) -> float:
        """All radiations, Gy/(Bq s)."""
        return self.electron_gy_per_bq_s + self.alpha_gy_per_bq_s + self.photon_gy_per_bq_s


@dataclass(frozen=True, slots=True, eq=False)
class VoxelSValues:
    """Mean dose to each voxel a decay spread evenly over the one in the middle, Gy/(Bq s).

    Parameters
    ----------
    electron_gy_per_bq_s, photon_gy_per_bq_s : array, (2 a + 1, 2 b + 1, 2 c + 1)
        In the order of *voxel_mm*; the source is the middle.
    alpha_gy_per_bq_s : float
        To the source voxel alone.
    voxel_mm : tuple of float
        Edges, mm.
    density_g_cm3 : float
        Of the medium.
    electron_fraction, photon_fraction : float
        Of the emitted energy that is absorbed within the array. The rest of the electrons'
        energy is radiated (0.1 % for 177Lu, 0.4 % for 90Y) or beyond the reach; that of the
        photons, bremsstrahlung included, is beyond it.
    """

    electron_gy_per_bq_s: Array
    photon_gy_per_bq_s: Array
    alpha_gy_per_bq_s: float
    voxel_mm: tuple[float, float, float]
    density_g_cm3: float
    electron_fraction: float
    photon_fraction: float

    @property
    def mass_g(self) -> float:
        """Of a voxel, g."""
        return math.prod(self.voxel_mm) * 1e-3 * self.density_g_cm3

    @property
    def total(self) -> Array:
        """All radiations, Gy/(Bq s)."""
        total = self.electron_gy_per_bq_s + self.photon_gy_per_bq_s
        total[tuple(size // 2 for size in total.shape)] += self.alpha_gy_per_bq_s
        return total


@dataclass(frozen=True, slots=True)
class CellSValues:
    """Mean dose to the nucleus of a cell a decay in it or about it.

    Parameters
    ----------
    from_surface, from_cytoplasm, from_nucleus, from_cell : SValue
        Source evenly on the membrane, in the cytoplasm, in the nucleus, in both.
    """

    from_surface: SValue
    from_cytoplasm: SValue
    from_nucleus: SValue
    from_cell: SValue


def sphere_s_value(emissions: Emissions, *, mass_g: float, density_g_cm3: float) -> SValue:
    """Dose to a sphere that holds the source evenly, surrounded by more of its medium.

    ``phi = sum_r f(r) [1 - 3 x / 4 + x**3 / 16]``, ``x = r / a``, over shells of the kernel, with
    *a* the radius; the bracket, averaged over each shell, is the chance that a point at *r* from a
    random point of the sphere is in it.

    Parameters
    ----------
    emissions : Emissions
        Per decay.
    mass_g : float, > 0
        Of the sphere, g.
    density_g_cm3 : float, > 0
        Of the sphere and its surroundings, g/cm3.

    Returns
    -------
    SValue
        In Gy/(Bq s).

    Raises
    ------
    DataError
        If mass or density is not positive, or an energy lies beyond the kernels (3.5 MeV).
    UnsupportedError
        If alpha particles start in a sphere of less than 1 mm radius: they leave it.
    """
    radius = _radius_cm(mass_g=mass_g, density_g_cm3=density_g_cm3)
    _refuse_alphas(emissions, size_mm=10 * radius, what="a sphere")
    inside = _sphere_to_itself(radius)
    per_mev = GY_G_PER_MEV / mass_g
    electron, photon = (
        per_mev * _absorbed_mev(part, inside)
        for part in _both_deposits(emissions, density_g_cm3=density_g_cm3)
    )
    return SValue(electron, per_mev * emissions.alphas.energy_per_decay_mev, photon)


def absorbed_fraction(
    radiation: Radiation, energy_mev: float, *, mass_g: float, density_g_cm3: float
) -> float:
    """Fraction of the energy of one line that a sphere holding its source evenly absorbs.

    Parameters
    ----------
    radiation : Radiation
        Electrons or photons.
    energy_mev : float, > 0
        Of the line, MeV.
    mass_g, density_g_cm3 : float, > 0
        Of the sphere, as for `sphere_s_value`.

    Raises
    ------
    DataError
        As for `sphere_s_value`, and if the energy is not positive.
    """
    if not energy_mev > 0:
        raise DataError(
            f"An energy above 0 MeV was needed; {energy_mev:g} was found.",
            remedy="Supply the energy of the line.",
        )
    radius = _radius_cm(mass_g=mass_g, density_g_cm3=density_g_cm3)
    line = Spectrum(np.array([energy_mev]), np.array([1.0]))
    deposits = shipped_kernels(radiation).deposits(line, density_g_cm3=density_g_cm3)
    return _absorbed_mev(deposits, _sphere_to_itself(radius)) / energy_mev


def voxel_s_values(
    emissions: Emissions,
    *,
    voxel_mm: tuple[float, float, float],
    density_g_cm3: float,
    reach_mm: float | None = None,
) -> VoxelSValues:
    """Dose to the voxels of a grid a decay spread evenly over one of them.

    Energy that a point source leaves at a distance *r* is handed to the eight nearest voxels by
    linear weights, over all directions. The chance that two points of two voxels are *r* apart is
    just that weight, so this is the mean over both voxels, and no energy is lost.

    Parameters
    ----------
    emissions : Emissions
        Per decay.
    voxel_mm : tuple of float, > 0
        Edges of a voxel, mm; they may differ.
    density_g_cm3 : float, > 0
        Of the medium.
    reach_mm : float, optional
        Distance of the farthest voxel centers along the axes, mm. Without it, where 99.999 % of
        the electrons' energy is left, and at least five voxels for the photons; what is missed
        stands in ``photon_fraction``.

    Returns
    -------
    VoxelSValues
        In Gy/(Bq s).

    Raises
    ------
    DataError
        If a voxel edge, the density or the reach is not positive, or an energy lies beyond the
        kernels (3.5 MeV).
    UnsupportedError
        If alpha particles start in voxels of less than 1 mm: they leave them.
    """
    if not all(math.isfinite(edge) and edge > 0 for edge in voxel_mm):
        raise DataError(
            f"Voxel edges above 0 mm were needed; {voxel_mm} was found.",
            remedy="Supply the spacing of the image.",
        )
    if reach_mm is not None and not reach_mm > 0:
        raise DataError(
            f"A reach above 0 mm was needed; {reach_mm:g} was found.",
            remedy="Leave the reach out, or supply how far the kernel shall go.",
        )
    _refuse_alphas(emissions, size_mm=min(voxel_mm), what="a voxel")
    deposits = _both_deposits(emissions, density_g_cm3=density_g_cm3)
    voxel_cm = np.array(voxel_mm) / 10
    if reach_mm is None:
        reach_cm = max(_reach_cm(deposits[0]), _PHOTON_VOXELS * float(voxel_cm.min()))
    else:
        reach_cm = reach_mm / 10
    half = np.maximum(np.ceil(reach_cm / voxel_cm - 1e-9), 1).astype(np.int64)

    radii = radii_for(voxel_cm, half=half)
    energy = np.stack([np.diff(each.within_mev(radii)) for each in deposits])
    middle = (radii[1:] + radii[:-1]) / 2
    electron, photon = spread_over_voxels(middle, energy, voxel_cm=voxel_cm, half=half)
    per_mev = GY_G_PER_MEV / (math.prod(voxel_cm.tolist()) * density_g_cm3)
    return VoxelSValues(
        electron_gy_per_bq_s=per_mev * electron,
        photon_gy_per_bq_s=per_mev * photon,
        alpha_gy_per_bq_s=per_mev * emissions.alphas.energy_per_decay_mev,
        voxel_mm=voxel_mm,
        density_g_cm3=density_g_cm3,
        electron_fraction=_share(float(electron.sum()), emissions.electrons),
        photon_fraction=_share(float(photon.sum()), _all_photons(emissions)),
    )


def cell_s_values(
    emissions: Emissions, *, cell_radius_um: float, nucleus_radius_um: float
) -> CellSValues:
    """Dose to the nucleus of a spherical cell of water, nucleus in the middle.

    Photons included, as everywhere; they leave next to nothing in a cell.

    Parameters
    ----------
    emissions : Emissions
        Per decay. Electrons under 4 keV are followed by a scaled shape.
    cell_radius_um, nucleus_radius_um : float, > 0
        Radii, µm; the nucleus is the smaller.

    Returns
    -------
    CellSValues
        In Gy/(Bq s).

    Raises
    ------
    DataError
        If the radii are not positive or the nucleus is not the smaller.
    UnsupportedError
        If alpha particles are emitted: they cross many cells, and their path is not followed.
    """
    if not 0 < nucleus_radius_um < cell_radius_um < math.inf:
        raise DataError(
            "A nucleus of more than 0 µm and a larger cell were needed; radii of "
            f"{nucleus_radius_um:g} and {cell_radius_um:g} µm were found.",
            remedy="Supply the radii (not diameters) of nucleus and cell.",
        )
    if emissions.alphas.energy_per_decay_mev > 0:
        raise UnsupportedError(
            f"{emissions.nuclide.name} emits alpha particles, which cross many cells; their "
            "paths are not followed here.",
            remedy="Use the sphere of a cluster of at least 1 mm radius.",
        )
    nucleus, cell = nucleus_radius_um * 1e-4, cell_radius_um * 1e-4
    deposits = _both_deposits(emissions, density_g_cm3=_CELL_DENSITY_G_CM3)
    grid = np.linspace(0, nucleus + cell, 20_001)
    from_cell = _lens(grid, nucleus, cell) / _ball(cell)
    from_nucleus = _lens(grid, nucleus, nucleus) / _ball(nucleus)
    share = (nucleus / cell) ** 3
    from_cytoplasm = (from_cell - share * from_nucleus) / (1 - share)
    apart = np.maximum(grid, grid[1])
    from_surface = np.clip((nucleus**2 - (cell - apart) ** 2) / (4 * cell * apart), 0, 1)

    per_mev = GY_G_PER_MEV / (_ball(nucleus) * _CELL_DENSITY_G_CM3)

    def value(chance: Array) -> SValue:
        integral = _integral_of(grid, chance)
        electron, photon = (per_mev * _absorbed_mev(part, integral) for part in deposits)
        return SValue(electron, 0.0, photon)

    return CellSValues(
        from_surface=value(from_surface),
        from_cytoplasm=value(from_cytoplasm),
        from_nucleus=value(from_nucleus),
        from_cell=value(from_cell),
    )


def _radius_cm(*, mass_g: float, density_g_cm3: float) -> float:
    for what, value, unit in (("mass", mass_g, "g"), ("density", density_g_cm3, "g/cm3")):
        if not (math.isfinite(value) and value > 0):
            raise DataError(
                f"A {what} above 0 {unit} was needed; {value:g} was found.",
                remedy=f"Supply the {what} of the sphere.",
            )
    return math.cbrt(3 * mass_g / (4 * math.pi * density_g_cm3))


def _refuse_alphas(emissions: Emissions, *, size_mm: float, what: str) -> None:
    if emissions.alphas.energy_per_decay_mev > 0 and size_mm < _LEAST_WITH_ALPHAS_MM:
        raise UnsupportedError(
            f"Alpha particles of {emissions.nuclide.name} in {what} of {size_mm:.2g} mm would "
            f"leave it; they are absorbed on the spot here, which needs {_LEAST_WITH_ALPHAS_MM:g} "
            "mm.",
            remedy=f"Use {what} of at least {_LEAST_WITH_ALPHAS_MM:g} mm (a sphere's radius, a "
            "voxel's edge).",
        )


def _both_deposits(emissions: Emissions, *, density_g_cm3: float) -> tuple[Deposits, Deposits]:
    electrons = shipped_kernels(Radiation.ELECTRON)
    photons = shipped_kernels(Radiation.PHOTON)
    return (
        electrons.deposits(emissions.electrons, density_g_cm3=density_g_cm3),
        photons.deposits(_all_photons(emissions), density_g_cm3=density_g_cm3),
    )


def _all_photons(emissions: Emissions) -> Spectrum:
    """Those of the decay and those that its electrons radiate."""
    radiated = bremsstrahlung_of(emissions.electrons)
    energy = np.concatenate((emissions.photons.energy_mev, radiated.energy_mev))
    yields = np.concatenate((emissions.photons.yield_per_decay, radiated.yield_per_decay))
    order = np.argsort(energy, kind="stable")
    return Spectrum(energy[order], yields[order])


def _absorbed_mev(deposits: Deposits, chance: Chance) -> float:
    """Energy absorbed in the target a decay; a shell's energy is spread evenly over its radii."""
    at_edges = chance(deposits.edges_cm)
    mean = np.diff(at_edges, axis=1) / np.diff(deposits.edges_cm, axis=1)
    return float((deposits.energy_mev * mean).sum())


def _sphere_to_itself(radius_cm: float) -> Chance:
    def integral(distance_cm: Array) -> Array:
        x = np.minimum(distance_cm / radius_cm, 2.0)
        whole: Array = radius_cm * (x - 3 * x**2 / 8 + x**4 / 64)
        return whole

    return integral


def _integral_of(grid_cm: Array, chance: Array) -> Chance:
    steps = np.diff(grid_cm) * (chance[1:] + chance[:-1]) / 2
    integral = np.concatenate(([0.0], np.cumsum(steps)))
    return lambda distance_cm: np.interp(distance_cm, grid_cm, integral)


def _ball(radius_cm: float) -> float:
    return 4 / 3 * math.pi * radius_cm**3


def _lens(apart_cm: Array, first_cm: float, second_cm: float) -> Array:
    """Volume common to two balls (cm3) whose centers are *apart_cm*; the first is not larger."""
    d = np.clip(apart_cm, max(second_cm - first_cm, 1e-12 * second_cm), first_cm + second_cm)
    depth = first_cm + second_cm - d
    volume: Array = (
        math.pi
        * depth**2
        * (d**2 + 2 * d * (first_cm + second_cm) - 3 * (first_cm - second_cm) ** 2)
        / (12 * d)
    )
    return volume


def _reach_cm(deposits: Deposits) -> float:
    """Radius that holds all but 1e-5 of the energy that is left."""
    if not deposits.energy_mev.size:
        return 0.0
    radii = np.linspace(0, float(deposits.edges_cm.max()), 2001)
    within = deposits.within_mev(radii)
    return float(radii[np.searchsorted(within, _REACHED * within[-1])])


def _share(absorbed_mev: float, emitted: Spectrum) -> float:
    return absorbed_mev / emitted.energy_per_decay_mev if emitted.energy_per_decay_mev else 0.0
