"""Emission data of ICRP Publication 107, read from the optional package that carries them.

Nothing of the data is in this repository: the package is an extra (decision 0018).  Three traps
are met here and nowhere else: the files are JSON within JSON; beta spectra are densities on a
coarse grid whose integral is a little off the evaluated yield; positrons and beta particles share
one spectrum.

References
----------
.. [1] ICRP Publication 107, Nuclear decay data for dosimetric calculations, Ann ICRP 38(3), 2008.
.. [2] ``icrp107-database`` 0.0.3 (OpenGATE collaboration, LGPL-3), data under the ICRP-07 notice.
"""

import functools
import importlib
import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import Nuclide

_PACKAGE: Final = "icrp107_database"
SOURCE: Final = "ICRP Publication 107 (icrp107-database)"

Lines = npt.NDArray[np.float64]
"""Shape (n, 2): energy in MeV and yield per decay."""

_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    # ICRP 107 defines its year as 365.2422 d.
    "y": 365.2422 * 86400.0,
}
# The kernels are smooth on the scale of the residual range: 1/150 of the end point is finer than
# anything they resolve, and every bin keeps its yield and its mean energy.
_WIDEST_BIN: Final = 1.0 / 150.0
# Over the nuclides of decision 0018 the density misses the evaluated yield by at most 0.21 % and
# the evaluated mean by at most 0.40 %; over all that do not fission by 1.8 %.  More than this is
# another spectrum.
_MOST_RESCALED: Final = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class DecayData:
    """What one decay of one nuclide emits, before any daughter.

    Parameters
    ----------
    beta_minus, positron, conversion, auger, alpha, recoil, gamma, x_ray, annihilation : Lines
        Lines; those of beta particles and positrons are mean energies of branches.
    beta_spectrum : Lines
        Beta particles and positrons together, binned: total yield and energy are those of the
        two line lists.
    half_life_s : float
        As this library ships it, s.  Not used for the nuclides of ``operandi.quantities``.
    """

    beta_minus: Lines
    positron: Lines
    conversion: Lines
    auger: Lines
    alpha: Lines
    recoil: Lines
    gamma: Lines
    x_ray: Lines
    annihilation: Lines
    beta_spectrum: Lines
    half_life_s: float


@functools.cache
def decay_data(name: str) -> DecayData:
    """Read what a nuclide emits.

    Parameters
    ----------
    name : str
        Mass number and symbol, ``"177Lu"``; isomers end in m, ``"99mTc"``.

    Raises
    ------
    UnsupportedError
        If the package is not installed, does not hold the nuclide, or if the nuclide emits
        neutrons or fission fragments, whose dose needs another transport.
    DataError
        If a spectrum contradicts its own line list.
    """
    record = _record(name)
    emissions = record["emissions"]
    for sort in ("neutron", "fission", "betaD"):
        if emissions[sort]:
            raise UnsupportedError(
                f"{name} emits by spontaneous fission; the dose of neutrons and fragments is not "
                f"calculated here."
            )
    beta_minus, positron = _lines(emissions["beta-"]), _lines(emissions["beta+"])
    return DecayData(
        beta_minus=beta_minus,
        positron=positron,
        conversion=_lines(emissions["IE"]),
        auger=_lines(emissions["auger"]),
        alpha=_lines(emissions["alpha"]),
        recoil=_lines(emissions["alpha recoil"]),
        gamma=_lines(emissions["gamma"]),
        x_ray=_lines(emissions["X"]),
        annihilation=_lines(emissions["annihilation"]),
        beta_spectrum=_scaled(
            binned(_lines(emissions["b-spectra"])), np.vstack((beta_minus, positron)), name
        ),
        half_life_s=float(record["half_life"]) * _SECONDS[record["time_unit"]],
    )


def library_nuclide(name: str) -> Nuclide:
    """Make a nuclide that ``operandi.quantities`` does not hold, with the library's half-life.

    Override it with ``dataclasses.replace(nuclide, half_life_s=..., evaluation=...)``.

    Raises
    ------
    UnsupportedError
        As ``decay_data``.
    """
    data = decay_data(name)
    return Nuclide(
        name=name,
        half_life_s=data.half_life_s,
        half_life_uncertainty_s=None,
        evaluation=f"{SOURCE}, no uncertainty stated",
        accepted_half_life_s=(0.995 * data.half_life_s, 1.005 * data.half_life_s),
        positron_emitter=bool(len(data.annihilation)),
        code_values=(),
    )


def radioactive_daughters(name: str) -> tuple[str, ...]:
    """Names of nuclides in the library that a decay of this one could end in.

    The library holds no decay scheme, so these are candidates: by alpha, beta and electron
    capture, ground state and isomers.  None means that the daughter is stable.
    """
    data = decay_data(name)
    mass, isomer, symbol = _parts(name)
    number = _ELEMENTS.index(symbol)
    alpha, beta = float(data.alpha[:, 1].sum()), float(data.beta_minus[:, 1].sum())
    ends: list[tuple[int, int]] = []
    if alpha > 0:
        ends.append((mass - 4, number - 2))
    if beta > 0:
        ends.append((mass, number + 1))
    # Capture leaves no line of its own: it is what alpha and beta particles leave over.
    if alpha + beta < 1 - 1e-4:
        ends.append((mass, number - 1))
    if isomer:
        ends.append((mass, number))
    known = _names()
    return tuple(
        f"{a}{suffix}{_ELEMENTS[z]}"
        for a, z in ends
        for suffix in ("", "m", "n")
        if f"{_ELEMENTS[z]}-{a}{suffix}" in known and f"{a}{suffix}{_ELEMENTS[z]}" != name
    )


def binned(density: Lines) -> Lines:
    """Turn a density over energy into lines that keep its integral and its mean.

    Parameters
    ----------
    density : array, (n, 2)
        Energy in MeV and particles per MeV and decay, linear between the points.

    Returns
    -------
    array, (m, 2)
        One line at the mean energy of each bin, with its yield; empty bins are left out.
    """
    if len(density) < 2:
        return np.zeros((0, 2))
    energy, value = density.T
    widest = _WIDEST_BIN * energy[-1]
    edges = np.concatenate(
        [
            np.linspace(low, high, max(1, int(np.ceil((high - low) / widest))), endpoint=False)
            for low, high in itertools.pairwise(energy)
        ]
        + [energy[-1:]]
    )
    at_edge = np.interp(edges, energy, value)
    low, width = edges[:-1], np.diff(edges)
    left, right = at_edge[:-1], at_edge[1:]
    yields = width * (left + right) / 2
    first_moments = low * yields + width**2 * (left + 2 * right) / 6
    kept = yields > 0
    return np.column_stack((first_moments[kept] / yields[kept], yields[kept]))


def _scaled(spectrum: Lines, branches: Lines, name: str) -> Lines:
    """Give a binned spectrum the evaluated yield and mean energy of its branches."""
    if not len(branches):
        return np.zeros((0, 2))
    if not len(spectrum):
        # A branch without a spectrum is kept as its mean energy.
        return branches
    branch_yield = branches[:, 1].sum()
    branch_mean = branches[:, 0] @ branches[:, 1] / branch_yield
    spectrum_yield = spectrum[:, 1].sum()
    spectrum_mean = spectrum[:, 0] @ spectrum[:, 1] / spectrum_yield
    factors = branch_mean / spectrum_mean, branch_yield / spectrum_yield
    if max(abs(factor - 1) for factor in factors) > _MOST_RESCALED:
        raise DataError(
            f"The beta spectrum of {name} has {spectrum_yield:.4g} particles per decay of "
            f"{spectrum_mean:.4g} MeV, its branches {branch_yield:.4g} of {branch_mean:.4g} MeV.",
            remedy="Compare the installed icrp107-database with version 0.0.3.",
        )
    return np.asarray(spectrum * factors)


def _record(name: str) -> dict[str, Any]:
    mass, isomer, symbol = _parts(name)
    file = _folder() / f"{symbol}-{mass}{isomer}.json"
    if not file.is_file():
        if not _names():
            raise _broken(f"no nuclide is in {file.parent}")
        raise UnsupportedError(f"{name} is not in {SOURCE}.")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        found = dict(json.loads(record) if isinstance(record, str) else record)
    except (OSError, ValueError, TypeError) as error:
        raise _broken(f"{file.name} cannot be read ({error})") from error
    missing = [key for key in ("emissions", "half_life", "time_unit") if key not in found]
    if missing:
        raise _broken(f"{file.name} lacks {', '.join(missing)}")
    return found


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(file.stem for file in _folder().glob("*.json"))


def _folder() -> Path:
    return Path(str(_package().__file__)).parent / "icrp107"


def _package() -> ModuleType:
    try:
        package = importlib.import_module(_PACKAGE)
    except ModuleNotFoundError as error:
        if error.name != _PACKAGE:
            raise _broken(str(error)) from error
        raise UnsupportedError(
            "Emission spectra are not installed: needed the package icrp107-database.",
            remedy='Install the extra: pip install "operandi[nuclides]". Its data are those of '
            "ICRP 107, for research and not for profit.",
        ) from None
    except (ImportError, SyntaxError, OSError, ValueError) as error:
        raise _broken(str(error)) from error
    # What is left of a package whose files were deleted is a namespace without a file.
    if getattr(package, "__file__", None) is None:
        raise _broken("its files are missing")
    return package


def _broken(why: str) -> UnsupportedError:
    return UnsupportedError(
        f"The package icrp107-database, which carries the emission spectra, is broken: {why}.",
        remedy='Install it anew: pip install --force-reinstall "operandi[nuclides]".',
    )


def require_spectra() -> None:
    """Refuse where emission spectra are not installed, or cannot be read.

    Raises
    ------
    UnsupportedError
        Saying which of the two, and what to install.
    """
    decay_data("177Lu")


def _lines(rows: list[list[float]]) -> Lines:
    return np.asarray(rows, dtype=np.float64).reshape(-1, 2)


def _parts(name: str) -> tuple[int, str, str]:
    found = re.fullmatch(r"(\d+)([mn]?)([A-Z][a-z]?)", name)
    if found is None or found[3] not in _ELEMENTS:
        raise UnsupportedError(
            f"Radionuclide {name!r} is not understood: needed mass number and symbol, as in 177Lu."
        )
    return int(found[1]), found[2], found[3]


# In rows, to be read.
_PERIODIC_TABLE: Final = (
    "n H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As "
    "Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd "
    "Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am "
    "Cm Bk Cf Es Fm"
)
_ELEMENTS: Final = tuple(_PERIODIC_TABLE.split())
