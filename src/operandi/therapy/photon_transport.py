"""Monte Carlo transport of photons in water: where a point source leaves its energy.

The first collisions are exact (exponential attenuation with the energy-absorption coefficient);
what is scattered is followed by Klein-Nishina, with absorption as a weight. So scatter (buildup)
is in, to the accuracy of free electrons at rest. Coherent scattering, which leaves no energy, is
left out; so are fluorescence, bremsstrahlung of the electrons set free (under 1 % below 3 MeV),
and annihilation photons after pair production. Electrons set free are absorbed where they start.

``python -m operandi.therapy.make_kernels`` makes the shipped table anew.

References
----------
.. [1] Hubbell, Seltzer, NISTIR 5632, 1995, NIST Standard Reference Database 126: water, liquid.
.. [2] Berger, MIRD Pamphlet 2, 1968 (energy-absorption buildup; here computed instead).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from operandi.therapy.electron_transport import ELECTRON_MASS_MEV, turned
from operandi.therapy.random_streams import stream, uniform

Array = npt.NDArray[np.float64]

TABLE_ENERGIES_MEV: Final = np.geomspace(0.001, 3.5, 42)
"""From the lowest energy of the coefficients to the highest of therapeutic chains."""
SHELLS: Final = 100
DEPTH: Final = 10.0
"""Radius of the table in mean free paths; what lies beyond is 1 minus the sum of a row."""
SHELL_EDGES: Final = DEPTH * (np.arange(SHELLS + 1) / SHELLS) ** 2
"""Radii of the shells, in mean free paths: thin where fractions fall with the square."""
HISTORIES: Final = 49_152
SEED: Final = 20_240_602
TABLE_PATH: Final = Path(__file__).parent / "data" / "photon_kernels_water.npy"

_BLOCKS: Final = 96
_GRID: Final = 600
_ELECTRONS_PER_GRAM: Final = 3.3428e23
_RADIUS2_CM2: Final = 2.8179403e-13**2

# NIST, liquid water: energy (MeV), mass energy-absorption coefficient (cm2/g).
# fmt: off
_ABSORPTION: Final = np.array([
    (0.0010, 4065.0), (0.0015, 1372.0), (0.0020, 615.2), (0.0030, 191.7), (0.0040, 81.91),
    (0.0050, 41.88), (0.0060, 24.05), (0.0080, 9.915), (0.0100, 4.944), (0.0150, 1.374),
    (0.0200, 0.5503), (0.0300, 0.1557), (0.0400, 0.06947), (0.0500, 0.04223),
    (0.0600, 0.03190), (0.0800, 0.02597), (0.1000, 0.02546), (0.1500, 0.02764),
    (0.2000, 0.02967), (0.3000, 0.03192), (0.4000, 0.03279), (0.5000, 0.03299),
    (0.6000, 0.03284), (0.8000, 0.03206), (1.0000, 0.03103), (1.2500, 0.02965),
    (1.5000, 0.02833), (2.0000, 0.02608), (3.0000, 0.02281), (4.0000, 0.02066),
])
# fmt: on


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What removes photons of one energy, cm2/g of water.

    Parameters
    ----------
    attenuation : array
        Compton scattering plus absorption.
    absorption : array
        Mean fraction of energy left a path length, times the energy.
    scattering : array
        Compton scattering alone.
    """

    attenuation: Array
    absorption: Array
    scattering: Array


def coefficients(energy_mev: npt.ArrayLike) -> Coefficients:
    """Of liquid water between 1 keV and 4 MeV, without coherent scattering.

    Klein-Nishina for the scattering; absorption by photoelectric effect and pairs is what NIST's
    energy-absorption coefficient has beyond Klein-Nishina's transfer, never less than 0.
    """
    energy = np.asarray(energy_mev, dtype=np.float64)
    nist = np.exp(PchipInterpolator(*np.log(_ABSORPTION).T)(np.log(energy)))
    scattering, transfer = _klein_nishina(energy)
    rest = np.maximum(nist - transfer, 0.0)
    return Coefficients(scattering + rest, transfer + rest, scattering)


def _klein_nishina(energy_mev: Array) -> tuple[Array, Array]:
    """Cross-sections of scattering and of energy transfer, cm2/g, by quadrature over the angle."""
    k = energy_mev[..., None] / ELECTRON_MASS_MEV
    nodes, weights = np.polynomial.legendre.leggauss(64)
    ratio = 1 / (1 + k * (1 - nodes))
    per_angle = ratio**2 * (ratio + 1 / ratio - 1 + nodes**2)
    front = math.pi * _RADIUS2_CM2 * _ELECTRONS_PER_GRAM
    return front * (per_angle @ weights), front * ((per_angle * (1 - ratio)) @ weights)


@numba.njit(cache=True)
def _compton(energy: float, key: np.uint64, draw: int) -> tuple[float, float, int]:
    """Fraction of the energy and cosine after Klein-Nishina: composition and rejection."""
    k = energy / ELECTRON_MASS_MEV
    least = 1 / (1 + 2 * k)
    first = -math.log(least)
    second = (1 - least * least) / 2
    while True:
        chance = uniform(key, draw + 1)
        if uniform(key, draw) * (first + second) < first:
            ratio = math.exp(-first * chance)
        else:
            ratio = math.sqrt(least * least + (1 - least * least) * chance)
        turn = (1 - ratio) / (k * ratio)
        sine2 = max(turn * (2 - turn), 0.0)
        accepted = uniform(key, draw + 2) <= 1 - ratio * sine2 / (1 + ratio * ratio)
        draw += 3
        if accepted:
            return ratio, 1 - turn, draw


@numba.njit(parallel=True, cache=True)
def _scattered(
    energy: float,
    attenuation: Array,
    absorbed: Array,
    grid: tuple[float, float],
    seed: int,
    count: int,
) -> Array:
    """Energy that scattered photons leave in each shell and block, as a fraction."""
    low, step = grid
    tally = np.zeros((_BLOCKS, SHELLS))
    per_block = count // _BLOCKS
    at = (math.log(energy) - low) / step
    cell = min(int(at), _GRID - 2)
    at -= cell
    start_mu = attenuation[cell] * (1 - at) + attenuation[cell + 1] * at
    for block in numba.prange(_BLOCKS):
        for history in range(block * per_block, (block + 1) * per_block):
            key = stream(seed, history)
            draw = 0
            x = y = z = 0.0
            u, v, w = 0.0, 0.0, 1.0
            now, weight, collisions = energy, 1.0, 0
            while weight > 0:
                at = (math.log(now) - low) / step
                cell = min(int(at), _GRID - 2)
                at -= cell
                mu = attenuation[cell] * (1 - at) + attenuation[cell + 1] * at
                taken = absorbed[0, cell] * (1 - at) + absorbed[0, cell + 1] * at
                scatters = absorbed[1, cell] * (1 - at) + absorbed[1, cell + 1] * at
                # Lengths in mean free paths of the photon that started.
                path = -math.log(uniform(key, draw)) * start_mu / mu
                x += path * u
                y += path * v
                z += path * w
                radius = math.sqrt(x * x + y * y + z * z)
                shell = int(math.sqrt(radius / DEPTH) * SHELLS)
                if collisions > 0 and shell < SHELLS:
                    tally[block, shell] += weight * taken * now / energy
                collisions += 1
                weight *= scatters
                if weight < 0.02:
                    if uniform(key, draw + 1) > 0.1:
                        break
                    weight *= 10
                ratio, cosine, draw = _compton(now, key, draw + 2)
                azimuth = 2 * math.pi * uniform(key, draw)
                draw += 1
                u, v, w = turned(u, v, w, cosine, azimuth)
                now *= ratio
                if math.log(now) < low:
                    shell = int(math.sqrt(radius / DEPTH) * SHELLS)
                    if shell < SHELLS:
                        tally[block, shell] += weight * now / energy
                    break
    return tally / (per_block * _BLOCKS)


def deposited_fractions(
    energy_mev: float, *, histories: int = HISTORIES, seed: int = SEED
) -> tuple[Array, Array]:
    """Fraction of the energy that is left in each shell about a point source.

    Parameters
    ----------
    energy_mev : float
        Of the photons at the source, 1 keV to 3.5 MeV.
    histories : int
        Photons followed; a multiple of 96.
    seed : int
        Of the random numbers.

    Returns
    -------
    fraction : array, (100,)
        In the shells between ``SHELL_EDGES`` mean free paths.
    standard_error : array, (100,)
        Of each, from the scatter of 96 blocks.
    """
    if histories % _BLOCKS:
        raise ValueError(f"histories must be a multiple of {_BLOCKS}: {histories}")
    grid = np.linspace(math.log(TABLE_ENERGIES_MEV[0]), math.log(TABLE_ENERGIES_MEV[-1]), _GRID)
    on_grid = coefficients(np.exp(grid))
    parts = np.stack((on_grid.absorption, on_grid.scattering)) / on_grid.attenuation
    blocks = _scattered(
        energy_mev,
        on_grid.attenuation,
        parts,
        (float(grid[0]), float(grid[1] - grid[0])),
        seed,
        histories,
    )
    here = coefficients(energy_mev)
    first = float(here.absorption / here.attenuation) * -np.diff(np.exp(-SHELL_EDGES))
    return first + blocks.sum(axis=0), blocks.std(axis=0, ddof=1) * math.sqrt(_BLOCKS)


def kernel_table(energies_mev: Sequence[float] | Array = TABLE_ENERGIES_MEV) -> Array:
    """The table as it is shipped: a row an energy of (MeV, mean free path g/cm2, fractions)."""
    rows = []
    for energy in energies_mev:
        fraction, _ = deposited_fractions(energy, seed=SEED + round(1e6 * energy))
        free_path = 1 / float(coefficients(energy).attenuation)
        rows.append(np.concatenate(([energy, free_path], fraction)))
    return np.array(rows)
