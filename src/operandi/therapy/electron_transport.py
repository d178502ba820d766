"""Monte Carlo transport of electrons in water: where a point source leaves its energy.

Collisions that lose more than 1 % of the energy at the start are followed one by one (Møller),
their secondary electrons too; between them, slowing down is continuous and deflection is by the
first transport cross-section of screened Rutherford scattering with its spin term, one random
hinge a step. What comes out, ``F(r/R0; E)``, is generic in energy and holds no nuclide.
Radiated energy leaves: ``F`` ends at 1 minus the radiation yield (``bremsstrahlung`` has the
rest). Why this and not a general code: docs/decisions/0019.

``python -m operandi.therapy.make_kernels`` makes the shipped table anew. Random numbers are a
hash of (energy, history, draw): the result is the same to the bit for any number of threads.

References
----------
.. [1] NIST ESTAR, liquid water, I = 75 eV (ICRU Report 37, 1984).
.. [2] Salvat, PENELOPE, OECD/NEA 2001, chapters 3-4 (transport cross-sections, random hinge).
.. [3] Berger, MIRD Pamphlet 7, 1971 (scaled point kernels).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from operandi.therapy.random_streams import stream, uniform

Array = npt.NDArray[np.float64]

ELECTRON_MASS_MEV: Final = 0.51099895
TABLE_ENERGIES_MEV: Final = np.geomspace(0.004, 3.5, 28)
"""Below, ranges are under 0.6 µm and the lowest shape is scaled; above, refused."""
SHELLS_PER_RANGE: Final = 100
SHELLS: Final = 110
"""Shells of a hundredth of the mean range; straggling carries some electrons beyond it."""
HISTORIES: Final = 27_648
SEED: Final = 20_240_601
TABLE_PATH: Final = Path(__file__).parent / "data" / "electron_kernels_water.npy"

_BLOCKS: Final = 96
_GRID: Final = 500
_STEP: Final = 0.04  # longest, of the residual range
_CUT: Final = 0.01  # of the range at the start: what goes no further is left on the spot
_LEAST_LOSS: Final = (
    0.01  # of the energy at the start: from here collisions are followed one by one
)

# Energy (MeV), collision and radiative stopping power (MeV cm2/g) of liquid water, from ESTAR.
_ESTAR: Final = np.array(
    [
        [float(number) for number in row.split()]
        for row in """
    0.0100 22.56 3.898e-3;  0.0125 18.97 3.927e-3;  0.0150 16.47 3.944e-3;
    0.0175 14.61 3.955e-3;  0.0200 13.17 3.963e-3;  0.0250 11.09 3.974e-3;
    0.0300 9.653 3.984e-3;  0.0350 8.592 3.994e-3;  0.0400 7.777 4.005e-3;
    0.0450 7.130 4.018e-3;  0.0500 6.603 4.031e-3;  0.0550 6.166 4.046e-3;
    0.0600 5.797 4.062e-3;  0.0700 5.207 4.098e-3;  0.0800 4.757 4.138e-3;
    0.0900 4.402 4.181e-3;  0.100 4.115 4.228e-3;  0.125 3.591 4.355e-3;
    0.150 3.238 4.494e-3;  0.175 2.984 4.643e-3;  0.200 2.793 4.801e-3;
    0.250 2.528 5.141e-3;  0.300 2.355 5.514e-3;  0.350 2.235 5.914e-3;
    0.400 2.148 6.339e-3;  0.450 2.083 6.787e-3;  0.500 2.034 7.257e-3;
    0.550 1.995 7.747e-3;  0.600 1.963 8.254e-3;  0.700 1.917 9.313e-3;
    0.800 1.886 1.042e-2;  0.900 1.864 1.159e-2;  1.000 1.849 1.280e-2;
    1.250 1.829 1.600e-2;  1.500 1.822 1.942e-2;  1.750 1.821 2.303e-2;
    2.000 1.824 2.678e-2;  2.500 1.834 3.468e-2;  3.000 1.846 4.299e-2;
    3.500 1.858 5.164e-2;  4.000 1.870 6.058e-2;
    """.strip()
        .rstrip(";")
        .split(";")
    ]
)
_ESTAR_RANGE_10_KEV: Final = 2.515e-4  # g/cm2, same table
_ELECTRONS_PER_GRAM: Final = 3.3428e23
_CLASSICAL_RADIUS_CM: Final = 2.8179403e-13
_FINE_STRUCTURE: Final = 7.2973526e-3
_MEAN_EXCITATION_MEV: Final = 75e-6
_WATER: Final = ((1, 2), (8, 1))  # atomic number, atoms a molecule
_FLOOR_MEV: Final = 1e-3  # Bethe's formula is not used below: stopping power follows E**-0.7


def stopping_power(energy_mev: npt.ArrayLike) -> tuple[Array, Array]:
    """Collision and radiative stopping power of water, MeV cm2/g, at *energy_mev* <= 4 MeV.

    ESTAR from 10 keV; below, Bethe's formula, joined to it by a factor (0.9999 at 10 keV), which
    is known to some 10 % at 1 keV.
    """
    energy = np.asarray(energy_mev, dtype=np.float64)
    log = np.log(energy)
    knots = np.log(_ESTAR[:, 0])
    table = np.exp(CubicSpline(knots, np.log(_ESTAR[:, 1]))(np.maximum(log, knots[0])))
    joined = _ESTAR[0, 1] / _bethe(np.array(0.01))
    low = joined * _bethe(np.maximum(energy, _FLOOR_MEV))
    low = np.where(energy < _FLOOR_MEV, low * (energy / _FLOOR_MEV) ** -0.7, low)
    radiative = np.exp(np.interp(log, knots, np.log(_ESTAR[:, 2])))
    return np.where(energy < 0.01, low, table), radiative


def _bethe(energy_mev: Array) -> Array:
    tau = energy_mev / ELECTRON_MASS_MEV
    beta2 = tau * (tau + 2) / (tau + 1) ** 2
    mean = _MEAN_EXCITATION_MEV / ELECTRON_MASS_MEV
    exchange = 1 - beta2 + (tau**2 / 8 - (2 * tau + 1) * math.log(2)) / (tau + 1) ** 2
    front = 2 * math.pi * _CLASSICAL_RADIUS_CM**2 * ELECTRON_MASS_MEV * _ELECTRONS_PER_GRAM
    value: Array = front / beta2 * (np.log(tau**2 * (tau + 2) / (2 * mean**2)) + exchange)
    return value


def transport_cross_section(energy_mev: npt.ArrayLike, *, up_to_loss_mev: float) -> Array:
    """Mean loss of direction a path length, ``-d<cos>/ds``, cm2/g of water.

    Nuclei: screened Rutherford after Molière with the spin term of McKinley and Feshbach.
    Electrons of the atoms: the same without spin, up to the angle of a loss of *up_to_loss_mev*
    (or of half of the energy; beyond it the other electron is the faster).
    """
    tau = np.asarray(energy_mev, dtype=np.float64) / ELECTRON_MASS_MEV
    beta2 = tau * (tau + 2) / (tau + 1) ** 2
    momentum = np.sqrt(tau * (tau + 2))
    per_solid_angle = (_CLASSICAL_RADIUS_CM / (momentum**2 / (tau + 1))) ** 2
    loss = np.minimum(up_to_loss_mev / ELECTRON_MASS_MEV, tau / 2)
    most = 1 - np.sqrt((tau - loss) * (tau + 2) / (tau * (tau - loss + 2)))
    total = np.zeros_like(tau)
    for z, count in _WATER:
        screening = (
            (1.13 + 3.76 * (_FINE_STRUCTURE * z) ** 2 / beta2)
            / 4
            * (_FINE_STRUCTURE * z ** (1 / 3) / 0.885 / momentum) ** 2
        )
        nuclei = np.log1p(1 / screening) - 1 / (1 + screening)
        nuclei += math.pi * _FINE_STRUCTURE * z * np.sqrt(beta2) - beta2
        electrons = np.log1p(most / (2 * screening)) - most / (most + 2 * screening)
        total += count * (z**2 * nuclei + z * electrons)
    molecules_per_gram = _ELECTRONS_PER_GRAM / sum(z * count for z, count in _WATER)
    value: Array = 2 * math.pi * molecules_per_gram * per_solid_angle * total
    return value


def hard_collisions(energy_mev: npt.ArrayLike, *, from_loss_mev: float) -> tuple[Array, Array]:
    """Møller collisions with free electrons at rest that lose at least *from_loss_mev*.

    Returns
    -------
    cross_section : array
        cm2/g.
    stopping_power : array
        Their part of the collision stopping power, MeV cm2/g.
    """
    energy = np.asarray(energy_mev, dtype=np.float64)
    tau = energy / ELECTRON_MASS_MEV
    beta2 = tau * (tau + 2) / (tau + 1) ** 2
    square = (tau / (tau + 1)) ** 2
    mixed = 1 - square  # (2 tau + 1) / (tau + 1)**2
    least = np.minimum(from_loss_mev / energy, 0.5)
    front = 2 * math.pi * _CLASSICAL_RADIUS_CM**2 * _ELECTRONS_PER_GRAM / beta2
    odds = np.log((1 - least) / least)
    count = 1 / least - 1 / (1 - least) + square * (0.5 - least) - mixed * odds
    # The four terms of Møller's formula, each times the loss, from `least` to one half.
    lost = (
        np.log(0.5 / least)
        + (2 - 1 / (1 - least) + np.log(0.5 / (1 - least)))
        + square * (0.25 - least**2) / 2
        - mixed * np.log(2 * (1 - least))
    )
    return front / tau * count, front * ELECTRON_MASS_MEV * lost


@dataclass(frozen=True, slots=True)
class Ranges:
    """Range of slowing down against energy, and back.

    Parameters
    ----------
    log_energy, log_range : array, (n,)
        Natural logarithms of MeV and g/cm2.
    """

    log_energy: Array
    log_range: Array

    def range_g_cm2(self, energy_mev: npt.ArrayLike) -> Array:
        """Path length until rest, g/cm2."""
        value: Array = np.exp(np.interp(np.log(energy_mev), self.log_energy, self.log_range))
        return value

    def energy_mev(self, range_g_cm2: npt.ArrayLike) -> Array:
        """Energy that has this range left, MeV."""
        value: Array = np.exp(np.interp(np.log(range_g_cm2), self.log_range, self.log_energy))
        return value


def slowing_down_ranges() -> Ranges:
    """Ranges from 1 eV to 4 MeV, set at 10 keV to ESTAR's 2.515e-4 g/cm2."""
    log_energy = np.linspace(math.log(1e-6), math.log(4.0), 6000)
    energy = np.exp(log_energy)
    collision, radiative = stopping_power(energy)
    integrand = energy / (collision + radiative)
    parts = np.diff(log_energy) * (integrand[1:] + integrand[:-1]) / 2
    # Below the floor S ~ E**-0.7, so R = E / (1.7 S).
    path = np.concatenate(([0.0], np.cumsum(parts))) + integrand[0] / 1.7
    at_10_kev = float(np.interp(math.log(0.01), log_energy, path))
    low = path * (_ESTAR_RANGE_10_KEV / at_10_kev)
    path = np.where(energy < 0.01, low, path - at_10_kev + _ESTAR_RANGE_10_KEV)
    return Ranges(log_energy, np.log(path))


@dataclass(frozen=True, slots=True)
class _Medium:
    """Water as seen by electrons that started with one energy, on a grid of log energy.

    Parameters
    ----------
    low, step : float
        First log energy and spacing.
    table : array, (5, n)
        Soft collision and radiative stopping power, soft loss of direction, cross-section of
        hard collisions, all a range of the start; range in that unit.
    least_loss, cut : float
        Least loss of a hard collision and energy left on the spot, MeV.
    """

    low: float
    step: float
    table: Array
    least_loss: float
    cut: float


def _medium_for(energy_mev: float, ranges: Ranges) -> _Medium:
    whole = float(ranges.range_g_cm2(energy_mev))
    cut = float(ranges.energy_mev(_CUT * whole))
    least_loss = _LEAST_LOSS * energy_mev
    grid = np.linspace(math.log(cut / 1.5), math.log(energy_mev * 1.001), _GRID)
    energy = np.exp(grid)
    collision, radiative = stopping_power(energy)
    count, hard = hard_collisions(energy, from_loss_mev=least_loss)
    turn = transport_cross_section(energy, up_to_loss_mev=least_loss)
    table = np.stack((collision - hard, radiative, turn, count, ranges.range_g_cm2(energy)))
    table[:4] *= whole
    table[4] /= whole
    return _Medium(float(grid[0]), float(grid[1] - grid[0]), table, least_loss, cut)


@numba.njit(cache=True)
def _concentration(mean_cosine: float) -> float:
    """Of the von Mises-Fisher distribution: solves ``coth k - 1/k = mean_cosine``."""
    if mean_cosine > 0.95:
        return 1 / (1 - mean_cosine)
    if mean_cosine < 1e-4:
        return 3e-4
    kappa = mean_cosine * (3 - mean_cosine**2) / (1 - mean_cosine**2)
    for _ in range(2):
        slope = 1 / kappa**2 - 1 / math.sinh(kappa) ** 2
        kappa -= (1 / math.tanh(kappa) - 1 / kappa - mean_cosine) / slope
    return float(kappa)


@numba.njit(cache=True)
def turned(
    u: float, v: float, w: float, cosine: float, azimuth: float
) -> tuple[float, float, float]:
    """A unit vector turned by an angle, about itself by *azimuth* (frame of Duff et al. 2017)."""
    sine = math.sqrt(max(1 - cosine * cosine, 0.0))
    a = sine * math.cos(azimuth)
    b = sine * math.sin(azimuth)
    sign = 1.0 if w >= 0 else -1.0
    c = -1 / (sign + w)
    d = u * v * c
    x = cosine * u + a * (1 + sign * u * u * c) + b * d
    y = cosine * v + a * sign * d + b * (sign + v * v * c)
    z = cosine * w - a * sign * u - b * v
    norm = 1 / math.sqrt(x * x + y * y + z * z)
    return x * norm, y * norm, z * norm


@numba.njit(cache=True)
def _leave(tally: Array, energy: float, x: float, y: float, z: float) -> None:
    shell = int(math.sqrt(x * x + y * y + z * z) * SHELLS_PER_RANGE)
    tally[min(shell, tally.size - 1)] += energy


@numba.njit(cache=True)
def _moller_loss(energy: float, least_loss: float, key: np.uint64, draw: int) -> tuple[float, int]:
    """Loss in a hard collision, MeV, by rejection from ``1 / loss**2``."""
    least = least_loss / energy
    square = (energy / (energy + ELECTRON_MASS_MEV)) ** 2
    while True:
        part = least / (1 - (1 - 2 * least) * (1 - uniform(key, draw)))
        odds = part / (1 - part)
        value = 1 + odds * odds - (1 - square) * odds + square * part * part
        accepted = uniform(key, draw + 1) * (1 + 1.25 * square) <= value
        draw += 2
        if accepted:
            return part * energy, draw


@numba.njit(cache=True)
def _moller_cosine(energy: float, leaves_with: float) -> float:
    """Of the angle to the first direction at which one of the two electrons leaves."""
    whole, part = energy + 2 * ELECTRON_MASS_MEV, leaves_with + 2 * ELECTRON_MASS_MEV
    return math.sqrt(leaves_with * whole / (energy * part))


@numba.njit(cache=True)
def _set(
    row: Array,
    energy: float,
    at: tuple[float, float, float],
    towards: tuple[float, float, float],
) -> None:
    row[0] = energy
    for axis in range(3):
        row[1 + axis] = at[axis]
        row[4 + axis] = towards[axis]


@numba.njit(cache=True)
def _between(row: Array, cell: int, at: float) -> float:
    return float(row[cell] * (1 - at) + row[cell + 1] * at)


@numba.njit(parallel=True, cache=True)
def _deposits(  # noqa: PLR0915 - the steps of one walk, told in order
    energy_mev: float,
    grid: tuple[float, float, float, float],
    table: Array,
    seed: int,
    histories: int,
) -> Array:
    """Energy left in each shell and block, as a fraction of what started."""
    low, spacing, least_loss, cut = grid
    tallies = np.zeros((_BLOCKS, SHELLS))
    per_block = histories // _BLOCKS
    for block in numba.prange(_BLOCKS):
        tally = tallies[block]
        stack = np.empty((64, 7))
        for history in range(block * per_block, (block + 1) * per_block):
            key = stream(seed, history)
            draw = 0
            _set(stack[0], energy_mev, (0.0, 0.0, 0.0), (0.0, 0.0, 1.0))
            waiting = 1
            while waiting > 0:
                waiting -= 1
                row = stack[waiting]
                energy = row[0]
                x, y, z = row[1], row[2], row[3]
                u, v, w = row[4], row[5], row[6]
                while energy > cut:
                    at = (math.log(energy) - low) / spacing
                    cell = min(int(at), _GRID - 2)
                    at -= cell
                    length = _STEP * _between(table[4], cell, at)
                    count = _between(table[3], cell, at)
                    collides = False
                    if energy > 2 * least_loss and count > 0:
                        free = -math.log(uniform(key, draw)) / count
                        collides = free < length
                        length = min(length, free)
                    draw += 1
                    # Losses and deflection at the energy in the middle of the step.
                    soft = _between(table[0], cell, at)
                    radiative = _between(table[1], cell, at)
                    middle = energy - (soft + radiative) * length / 2
                    at = max((math.log(middle) - low) / spacing, 0.0)
                    cell = min(int(at), _GRID - 2)
                    at -= cell
                    soft = _between(table[0], cell, at) * length
                    radiative = _between(table[1], cell, at) * length
                    turn = _between(table[2], cell, at)

                    hinge = uniform(key, draw)
                    first = hinge * length
                    along = uniform(key, draw + 1) * first
                    _leave(tally, hinge * soft, x + along * u, y + along * v, z + along * w)
                    x += first * u
                    y += first * v
                    z += first * w
                    k = _concentration(math.exp(-turn * length))
                    chance = uniform(key, draw + 2)
                    cosine = 1 + math.log(chance + (1 - chance) * math.exp(-2 * k)) / k
                    azimuth = 2 * math.pi * uniform(key, draw + 3)
                    u, v, w = turned(u, v, w, max(cosine, -1.0), azimuth)
                    second = length - first
                    along = uniform(key, draw + 4) * second
                    _leave(tally, (1 - hinge) * soft, x + along * u, y + along * v, z + along * w)
                    x += second * u
                    y += second * v
                    z += second * w
                    draw += 5
                    energy -= soft + radiative
                    if collides and energy > 2 * least_loss:
                        loss, draw = _moller_loss(energy, least_loss, key, draw)
                        azimuth = 2 * math.pi * uniform(key, draw)
                        draw += 1
                        if loss > cut and waiting < stack.shape[0]:
                            cosine = _moller_cosine(energy, loss)
                            a, b, c = turned(u, v, w, cosine, azimuth + math.pi)
                            _set(stack[waiting], loss, (x, y, z), (a, b, c))
                            waiting += 1
                        else:
                            _leave(tally, loss, x, y, z)
                        cosine = _moller_cosine(energy, energy - loss)
                        u, v, w = turned(u, v, w, cosine, azimuth)
                        energy -= loss
                _leave(tally, energy, x, y, z)
    return tallies / (per_block * _BLOCKS * energy_mev)


def deposited_fractions(
    energy_mev: float, *, histories: int = HISTORIES, seed: int = SEED
) -> tuple[Array, Array]:
    """Fraction of the energy that is left in each shell about a point source.

    Parameters
    ----------
    energy_mev : float
        Of the electrons at the source, 4 keV to 3.5 MeV.
    histories : int
        Electrons followed; a multiple of 96.
    seed : int
        Of the random numbers.

    Returns
    -------
    fraction : array, (110,)
        In shells of a hundredth of the range; sums to 1 minus the radiation yield.
    standard_error : array, (110,)
        Of each, from the scatter of 96 blocks.
    """
    if histories % _BLOCKS:
        raise ValueError(f"histories must be a multiple of {_BLOCKS}: {histories}")
    medium = _medium_for(energy_mev, slowing_down_ranges())
    grid = (medium.low, medium.step, medium.least_loss, medium.cut)
    blocks = _deposits(energy_mev, grid, medium.table, seed, histories)
    return blocks.sum(axis=0), blocks.std(axis=0, ddof=1) * math.sqrt(_BLOCKS)


def kernel_table(energies_mev: Sequence[float] | Array = TABLE_ENERGIES_MEV) -> Array:
    """The table as it is shipped: a row an energy of (MeV, range g/cm2, 110 fractions)."""
    ranges = slowing_down_ranges()
    rows = []
    for energy in energies_mev:
        # The seed hangs on the energy alone, so that a part of the table can be made alone.
        fraction, _ = deposited_fractions(energy, seed=SEED + round(1e6 * energy))
        rows.append(np.concatenate(([energy, float(ranges.range_g_cm2(energy))], fraction)))
    return np.array(rows)
