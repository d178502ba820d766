"""What a decay emits, by energy, and what its daughters add under a declared policy.

References
----------
.. [1] ICRP Publication 107, Nuclear decay data for dosimetric calculations, 2008.
"""

import functools
from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import UnsupportedError
from operandi.quantities.nuclides import ADMINISTERED, DECAY_PRODUCTS, Nuclide
from operandi.therapy.chains import (
    DECAYS,
    Chain,
    DaughterPolicy,
    DaughtersNeglected,
    EquilibriumLocal,
    chain_of,
    decays_in_place,
    described,
)
from operandi.therapy.decay_library import (
    SOURCE,
    DecayData,
    Lines,
    decay_data,
    library_nuclide,
    radioactive_daughters,
)


class Radiation(StrEnum):
    """Classes of radiation that are absorbed differently."""

    ELECTRON = "electron"
    """Beta minus, positrons, internal conversion and Auger electrons: everything of charge 1."""
    ALPHA = "alpha"
    """Alpha particles with the recoil of their nucleus: absorbed where they start."""
    PHOTON = "photon"
    """Gamma and X rays, annihilation included."""


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Discrete energies of one class of radiation.

    Parameters
    ----------
    energy_mev : array, (n,)
        Energy of each line or bin, MeV, ascending. Beta continua are binned so that the mean is
        kept.
    yield_per_decay : array, (n,)
        How many are emitted in each decay of the parent that was administered.
    """

    energy_mev: npt.NDArray[np.float64]
    yield_per_decay: npt.NDArray[np.float64]

    @property
    def energy_per_decay_mev(self) -> float:
        """Mean energy emitted per decay, MeV."""
        return float(self.energy_mev @ self.yield_per_decay)


@dataclass(frozen=True, slots=True, eq=False)
class Emissions:
    """All that is emitted per decay of the administered nuclide, its daughters as declared.

    Parameters
    ----------
    nuclide : Nuclide
        The administered parent; its half-life governs (daughters in equilibrium with it).
    electrons, alphas, photons : Spectrum
        Per decay of the parent.
    daughters : str
        The policy in words, empty where there are no radioactive daughters.
    source : str
        Evaluation the emissions come from.
    """

    nuclide: Nuclide
    electrons: Spectrum
    alphas: Spectrum
    photons: Spectrum
    daughters: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySplit:
    """Mean energy per decay of the parent by process, MeV."""

    beta: float
    positron: float
    conversion: float
    auger: float
    alpha: float
    recoil: float
    gamma: float
    x_ray: float
    annihilation: float

    @property
    def electrons(self) -> float:
        """Everything of charge 1, MeV."""
        return self.beta + self.positron + self.conversion + self.auger

    @property
    def conversion_and_auger(self) -> float:
        """Electrons of discrete energy, MeV."""
        return self.conversion + self.auger

    @property
    def photons(self) -> float:
        """Gamma and X rays and annihilation, MeV."""
        return self.gamma + self.x_ray + self.annihilation


def nuclide_for_therapy(name: str) -> Nuclide:
    """The nuclide of this exact name (``"177Lu"``), evaluated here or else from the library.

    Raises
    ------
    UnsupportedError
        If neither holds it.
    """
    ours = {nuclide.name: nuclide for nuclide in (*ADMINISTERED, *DECAY_PRODUCTS)}
    return ours[name] if name in ours else library_nuclide(name)


@functools.cache
def emissions_of(nuclide: Nuclide, *, daughters: DaughterPolicy | None = None) -> Emissions:
    """What is emitted at the site of the parent, per decay of the parent there.

    Parameters
    ----------
    nuclide : Nuclide
        The administered one; its half-life is not used here, its daughters' are.
    daughters : DaughterPolicy, optional
        Where the radioactive daughters decay.  Required where there are any.

    Returns
    -------
    Emissions
        Spectra with yields per decay of the parent.  Beta continua are binned so that yield and
        mean energy are the evaluated ones.  Recoil nuclei count with the alphas.

    Raises
    ------
    DataError
        If the nuclide has radioactive daughters and no policy, or one that does not hold.
    UnsupportedError
        If the spectra are not installed, or its decay scheme is not known here.
    """
    return _emissions(nuclide, _weighted(nuclide, daughters), daughters=described(daughters))


def emissions_elsewhere(nuclide: Nuclide, *, daughters: DaughterPolicy) -> Emissions:
    """What the daughters that left emit in the rest of the body, per decay of the parent.

    All decays that the chain ever makes, less those in place.  Where in the body they happen is
    not known: see ``bateman.redistributed_decays``.

    Raises
    ------
    DataError, UnsupportedError
        As ``emissions_of``.
    """
    chain = chain_of(nuclide)
    in_place = decays_in_place(chain, daughters)
    total = [1.0] + [0.0] * len(chain.daughters)
    place = {one.name: index for index, one in enumerate(chain.members)}
    for index, branches in enumerate(chain.branches):
        for branch in branches:
            total[place[branch.daughter]] += total[index] * branch.fraction
    weighted = [
        (everywhere - here, decay_data(one.name))
        for everywhere, here, one in zip(total, in_place, chain.members, strict=True)
        if everywhere - here > 0
    ]
    return _emissions(nuclide, weighted, daughters=f"those that left, of: {described(daughters)}")


def alpha_energy_kept(nuclide: Nuclide, *, daughters: DaughterPolicy | None = None) -> float:
    """Share of the energy of all alphas of a chain that a policy leaves at the parent's site.

    Of a nuclide whose decay scheme is not known here: 0 where a daughter that it may have emits
    alphas, for then nobody knows what is lost.

    Returns
    -------
    float
        0 to 1; 1 where no daughter emits alphas.

    Raises
    ------
    DataError, UnsupportedError
        As ``emissions_of``.
    """
    if daughters is None or isinstance(daughters, EquilibriumLocal):
        return 1.0
    if nuclide.name not in DECAYS:
        return float(not _alphas_after(nuclide.name))
    here = emissions_of(nuclide, daughters=daughters).alphas.energy_per_decay_mev
    lost = emissions_elsewhere(nuclide, daughters=daughters).alphas.energy_per_decay_mev
    return here / (here + lost) if lost > 0 else 1.0


def _alphas_after(name: str) -> bool:
    """Whether any nuclide that may follow this one emits alphas."""
    seen, waiting = {name}, list(radioactive_daughters(name))
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        if len(decay_data(one).alpha):
            return True
        seen.add(one)
        waiting += radioactive_daughters(one)
    return False


def energy_split(nuclide: Nuclide, *, daughters: DaughterPolicy | None = None) -> EnergySplit:
    """Mean energy per decay of the parent, by process, from the evaluated lines.

    Raises
    ------
    DataError, UnsupportedError
        As ``emissions_of``.
    """
    sums = dict.fromkeys((field.name for field in fields(EnergySplit)), 0.0)
    for weight, data in _weighted(nuclide, daughters):
        for name in sums:
            lines: Lines = getattr(data, "beta_minus" if name == "beta" else name)
            sums[name] += weight * float(lines[:, 0] @ lines[:, 1])
    return EnergySplit(**sums)


def _emissions(
    nuclide: Nuclide, weighted: list[tuple[float, DecayData]], *, daughters: str
) -> Emissions:
    def spectrum(*sorts: str) -> Spectrum:
        rows = [getattr(data, sort) * (1.0, weight) for weight, data in weighted for sort in sorts]
        merged = np.vstack([np.zeros((0, 2)), *rows])
        merged = merged[np.argsort(merged[:, 0], kind="stable")]
        # Cached and shared by whoever asks.
        merged.flags.writeable = False
        return Spectrum(merged[:, 0], merged[:, 1])

    return Emissions(
        nuclide=nuclide,
        electrons=spectrum("beta_spectrum", "conversion", "auger"),
        alphas=spectrum("alpha", "recoil"),
        photons=spectrum("gamma", "x_ray", "annihilation"),
        daughters=daughters,
        source=SOURCE,
    )


def _weighted(nuclide: Nuclide, daughters: DaughterPolicy | None) -> list[tuple[float, DecayData]]:
    chain = _chain(nuclide, daughters)
    weights = decays_in_place(chain, daughters)
    return [
        (weight, decay_data(one.name))
        for weight, one in zip(weights, chain.members, strict=True)
        if weight > 0
    ]


def _chain(nuclide: Nuclide, daughters: DaughterPolicy | None) -> Chain:
    if nuclide.name in DECAYS:
        return chain_of(nuclide)
    alone = Chain((nuclide,), ((),))
    if isinstance(daughters, DaughtersNeglected):
        return alone
    candidates = radioactive_daughters(nuclide.name)
    if candidates:
        are = "is" if len(candidates) == 1 else "are"
        raise UnsupportedError(
            f"{nuclide.name} may decay to {', '.join(candidates)}, which {are} radioactive, and "
            "its decay scheme is not known here.",
            remedy="State that the daughters are neglected, and for what reason, or choose another "
            "nuclide.",
        )
    return alone
