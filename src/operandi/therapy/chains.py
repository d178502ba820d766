"""Decay chains: which daughters follow, where they decay, and what we are told of that.

A daughter need not stay where its parent was: an alpha recoil breaks every chelate, and a free
bismuth goes to the kidney.  No default is honest, so every use of a parent with radioactive
daughters states a policy.  Only physical decay is here; biological effect is elsewhere.

References
----------
.. [1] ICRP Publication 107: branching fractions.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import ADMINISTERED, DECAY_PRODUCTS, Nuclide

# A daughter ten times as short-lived as its parent decays, integrated to the end, as often as in
# equilibrium, and its course differs from the parent's by its own mean life at most.
_EQUILIBRIUM_RATIO: Final = 10.0


@dataclass(frozen=True, slots=True)
class Branch:
    """One way to decay.

    Parameters
    ----------
    daughter : str
        Name of a radioactive daughter; stable ones are not named.
    fraction : float
        Of the parent's decays, 0 to 1.
    """

    daughter: str
    fraction: float


DECAYS: Final[Mapping[str, tuple[Branch, ...]]] = {
    # The administered ones whose daughters are stable.  177Lu ends in 177Hf, not in its isomer.
    "68Ga": (),
    "18F": (),
    "64Cu": (),
    "67Cu": (),
    "47Sc": (),
    "90Y": (),
    "161Tb": (),
    "177Lu": (),
    # 225Ac series.  217At -> 217Rn (0.012 %) is left out; 209Bi lives 1e19 a.
    "225Ac": (Branch("221Fr", 1.0),),
    "221Fr": (Branch("217At", 1.0),),
    "217At": (Branch("213Bi", 0.99988),),
    "213Bi": (Branch("213Po", 0.9791), Branch("209Tl", 0.0209)),
    "213Po": (Branch("209Pb", 1.0),),
    "209Tl": (Branch("209Pb", 1.0),),
    "209Pb": (),
    "212Pb": (Branch("212Bi", 1.0),),
    "212Bi": (Branch("212Po", 0.6406), Branch("208Tl", 0.3594)),
    "212Po": (),
    "208Tl": (),
    # 149Tb.  145Pm (17.7 a) after 145Sm is left out: 0.002 MeV per decay of 149Tb in ten years.
    "149Tb": (Branch("149Gd", 0.833), Branch("145Eu", 0.167)),
    "149Gd": (Branch("149Eu", 1.0),),
    "149Eu": (),
    "145Eu": (Branch("145Sm", 1.0),),
    "145Sm": (),
}
"""Radioactive daughters by nuclide, fractions as in ICRP 107."""

_KNOWN: Final = {nuclide.name: nuclide for nuclide in (*ADMINISTERED, *DECAY_PRODUCTS)}


@dataclass(frozen=True, slots=True)
class Chain:
    """A parent and its radioactive daughters, every daughter after all of its parents.

    Parameters
    ----------
    members : tuple of Nuclide
        Parent first.  Half-lives are theirs: override one with ``dataclasses.replace``.
    branches : tuple of tuple of Branch
        What each member decays to, radioactive members only.
    """

    members: tuple[Nuclide, ...]
    branches: tuple[tuple[Branch, ...], ...]

    @property
    def parent(self) -> Nuclide:
        """What was administered."""
        return self.members[0]

    @property
    def daughters(self) -> tuple[Nuclide, ...]:
        """All radioactive ones."""
        return self.members[1:]


def with_half_lives(chain: Chain, *nuclides: Nuclide) -> Chain:
    """The chain with some members replaced by others of their name: another evaluation.

    Raises
    ------
    ValueError
        If one is not in the chain.
    """
    by_name = {one.name: one for one in nuclides}
    if by_name.keys() - {one.name for one in chain.members}:
        raise ValueError(f"not all of {', '.join(by_name)} are in the chain")
    return Chain(tuple(by_name.get(one.name, one) for one in chain.members), chain.branches)


def decay_constant_per_s(nuclide: Nuclide) -> float:
    """Physical decay rate, ln 2 over the half-life, 1/s."""
    return math.log(2.0) / nuclide.half_life_s


def chain_of(nuclide: Nuclide) -> Chain:
    """The nuclide and all its radioactive daughters.

    Raises
    ------
    UnsupportedError
        If its decay scheme is not among ``DECAYS``.
    """
    if nuclide.name not in DECAYS:
        raise UnsupportedError(
            f"The decay scheme of {nuclide.name} is not known here; known are those of "
            f"{', '.join(DECAYS)}."
        )
    members: list[Nuclide] = []

    def visit(name: str) -> None:
        if any(one.name == name for one in members):
            return
        for branch in DECAYS[name]:
            visit(branch.daughter)
        members.append(nuclide if name == nuclide.name else _KNOWN[name])

    visit(nuclide.name)
    members.reverse()
    return Chain(tuple(members), tuple(DECAYS[one.name] for one in members))


@dataclass(frozen=True, slots=True)
class EquilibriumLocal:
    """Daughters decay where and when the parent does.

    Refused where one lives longer than a tenth of the administered nuclide's half-life (212Bi
    after 212Pb is the closest of those used: 10.5 times).  An upper bound for a target that keeps
    the parent: what the recoil frees and the blood carries away is counted as if it had stayed.
    """


@dataclass(frozen=True, slots=True)
class EscapeFraction:
    """In equilibrium, but a fraction of the decays from one daughter on takes place elsewhere.

    Parameters
    ----------
    fraction : float, 0 to 1
        Of the decays of ``of`` and of all that follows it.
    of : str
        The first daughter that leaves: ``"221Fr"``, or ``"213Bi"`` if only that one is free long
        enough.
    """

    fraction: float
    of: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.fraction <= 1.0:
            raise ValueError(f"an escaping fraction lies in 0 to 1: {self.fraction}")


@dataclass(frozen=True, slots=True)
class FreeKinetics:
    """Every daughter leaves the place where it arose at a biological rate of its own.

    Of the atoms of a daughter with decay constant *l* and clearance *c*, *l* / (*l* + *c*) decay
    in place, whatever the parent's course.  What left is followed by
    ``bateman.redistributed_decays``.

    Parameters
    ----------
    clearance_per_s : tuple of (str, float)
        Name and rate of each daughter of the chain, 1/s; 0 for one that stays.
    """

    clearance_per_s: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        if not all(math.isfinite(rate) and rate >= 0 for _, rate in self.clearance_per_s):
            raise ValueError(f"clearance rates must be finite and >= 0: {self.clearance_per_s}")


@dataclass(frozen=True, slots=True)
class AllDecaysLocal:
    """Every decay counts in place, whenever it happens, of daughters up to a half-life.

    For a chain without equilibrium (149Tb, whose 149Gd lives 9.3 d; 213Bi, whose 209Pb outlives
    it).  Integrated to the end and with nothing cleared: an upper bound, and for energy tables.

    Parameters
    ----------
    longest_half_life_s : float
        Daughters that live longer, and what follows them, are left out.
    """

    longest_half_life_s: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.longest_half_life_s) and self.longest_half_life_s > 0):
            raise ValueError(f"a longest half-life is finite and > 0: {self.longest_half_life_s} s")


@dataclass(frozen=True, slots=True)
class DaughtersNeglected:
    """Only the parent's own emissions, for a reason that is recorded.

    Parameters
    ----------
    reason : str
        Why that may be done: ``"131mXe in 1.2 %, a gas that leaves"``.
    """

    reason: str

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError("neglecting the daughters needs its reason")


DaughterPolicy = (
    EquilibriumLocal | EscapeFraction | FreeKinetics | AllDecaysLocal | DaughtersNeglected
)


def decays_in_place(chain: Chain, policy: DaughterPolicy | None) -> tuple[float, ...]:
    """Decays of each member at the parent's site, per decay of the parent there.

    Parameters
    ----------
    chain : Chain
        From ``chain_of``.
    policy : DaughterPolicy or None
        None is accepted only of a chain without radioactive daughters.

    Returns
    -------
    tuple of float, as ``chain.members``
        1 for the parent.

    Raises
    ------
    DataError
        If a policy is missing, names a daughter that is not in the chain or misses one, or
        supposes an equilibrium that does not come about.
    """
    if policy is None:
        if chain.daughters:
            raise DataError(
                f"{chain.parent.name} has radioactive daughters "
                f"({_named(chain.daughters)}), and where they decay is not stated.",
                remedy="State where they decay: in equilibrium at the parent's site, a fraction "
                "elsewhere, each at its own clearance, all in place, or neglected for a reason.",
            )
        return (1.0,)
    stay = _staying(chain, policy)
    decays = dict.fromkeys(stay, 0.0) | {chain.parent.name: 1.0}
    for member, branches in zip(chain.members, chain.branches, strict=True):
        for branch in branches:
            decays[branch.daughter] += decays[member.name] * branch.fraction * stay[branch.daughter]
    return tuple(decays[one.name] for one in chain.members)


def _staying(chain: Chain, policy: DaughterPolicy) -> dict[str, float]:
    """Share of each daughter's atoms, of those born in place, that decay in place."""
    stay = dict.fromkeys((one.name for one in chain.daughters), 1.0)
    match policy:
        case EquilibriumLocal():
            _require_equilibrium(chain)
        case EscapeFraction():
            _require_equilibrium(chain)
            require_daughters(chain, (policy.of,))
            # The daughters that follow inherit the loss through their parent.
            stay[policy.of] = 1.0 - policy.fraction
        case FreeKinetics():
            clearance = dict(policy.clearance_per_s)
            require_daughters(chain, clearance, whole=True)
            for one in chain.daughters:
                decay = decay_constant_per_s(one)
                stay[one.name] = decay / (decay + clearance[one.name])
        case AllDecaysLocal():
            for one in chain.daughters:
                stay[one.name] = float(one.half_life_s <= policy.longest_half_life_s)
        case DaughtersNeglected():
            return dict.fromkeys(stay, 0.0)
    return stay


def described(policy: DaughterPolicy | None) -> str:
    """The policy in words, for the record of a dose; empty where none was needed."""
    match policy:
        case None:
            return ""
        case EquilibriumLocal():
            return "daughters in equilibrium, all decays at the parent's site"
        case EscapeFraction():
            return (
                f"equilibrium, {100 * policy.fraction:g} % of decays from {policy.of} on elsewhere"
            )
        case FreeKinetics():
            rates = ", ".join(f"{name} {rate:g}/s" for name, rate in policy.clearance_per_s)
            return f"daughters cleared biologically from where they arise: {rates}"
        case AllDecaysLocal():
            days = policy.longest_half_life_s / _DAY_S
            return f"every decay in place, of daughters with half-lives up to {days:g} d"
        case DaughtersNeglected():
            return f"daughters neglected: {policy.reason}"


_DAY_S: Final = 86400.0


def _require_equilibrium(chain: Chain) -> None:
    """Against the parent: what governs the course is the administered nuclide's activity."""
    slow = [
        one
        for one in chain.daughters
        if one.half_life_s * _EQUILIBRIUM_RATIO > chain.parent.half_life_s
    ]
    if slow:
        raise DataError(
            f"{_named(tuple(slow))} cannot be in equilibrium with {chain.parent.name}: needed a "
            f"half-life at most a tenth of the parent's {chain.parent.half_life_s:g} s, found "
            f"{', '.join(f'{one.half_life_s:g} s' for one in slow)}.",
            remedy="State that every decay counts in place, an upper bound (such as local:10), "
            "or leave the nuclide out.",
        )


def require_daughters(chain: Chain, names: Iterable[str], *, whole: bool = False) -> None:
    """Refuse names that are no daughters of the chain or, if *whole*, that miss one.

    Raises
    ------
    DataError
        Saying which there are and which were stated.
    """
    given = set(names)
    known = {one.name for one in chain.daughters}
    if given - known or (whole and known - given):
        raise DataError(
            f"Daughters of {chain.parent.name} are {_named(chain.daughters) or 'all stable'}; "
            f"stated {', '.join(sorted(given)) or 'none'}.",
            remedy="Name each of them once." if whole else "Name one of them.",
        )


def _named(nuclides: tuple[Nuclide, ...]) -> str:
    return ", ".join(one.name for one in nuclides)
