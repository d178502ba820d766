"""How much of each daughter there is, when and where: Bateman, with biological clearance.

References
----------
.. [1] Bateman, Proc Cambridge Phil Soc 15:423, 1910.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from operandi.quantities.errors import DataError
from operandi.therapy.chains import Chain, decay_constant_per_s, require_daughters
from operandi.therapy.exponentials import ExponentialSum

# Two rates nearer than this would divide by their difference; moved apart by it, a course changes
# by about as much over a mean life.
_SAME_RATE: Final = 1e-7


def activity_courses(
    chain: Chain,
    parent_activity: ExponentialSum,
    *,
    clearance_per_s: Mapping[str, float] | None = None,
    initial_bq: Mapping[str, float] | None = None,
) -> dict[str, ExponentialSum]:
    """Activities of all members in one place, driven by the parent's activity there (Bateman).

    A parent ``A_p(t) = sum_i a_i exp(-r_i t)`` makes of a daughter's atoms
    ``dN/dt = sum_p b_p A_p - (l + c) N``, which is again a sum of exponentials.

    Parameters
    ----------
    chain : Chain
        From ``chain_of``.
    parent_activity : ExponentialSum
        Effective course of the parent, Bq.
    clearance_per_s : mapping of str to float, optional
        Biological rate of each daughter, 1/s; none is cleared where it is not given.
    initial_bq : mapping of str to float, optional
        Activities of daughters at time 0, Bq; a parent freshly separated where not given.

    Returns
    -------
    dict of str to ExponentialSum
        Activity of each member, Bq.  Absolute errors are about 1e-12 of the parent's activity:
        the first daughter after microseconds is not resolved.

    Raises
    ------
    DataError
        If a rate or an activity is given for what is no daughter.
    """
    clearance, initial = dict(clearance_per_s or {}), dict(initial_bq or {})
    require_daughters(chain, (*clearance, *initial))
    courses = {chain.parent.name: parent_activity}
    for daughter in chain.daughters:
        decay = decay_constant_per_s(daughter)
        feeds = [
            (branch.fraction * amplitude, rate)
            for member, branches in zip(chain.members, chain.branches, strict=True)
            for branch in branches
            if branch.daughter == daughter.name
            for amplitude, rate in zip(
                courses[member.name].amplitudes, courses[member.name].rates_per_s, strict=True
            )
        ]
        lost = decay + clearance.get(daughter.name, 0.0)
        while any(abs(lost - rate) < _SAME_RATE * lost for _, rate in feeds):
            lost *= 1 + 2 * _SAME_RATE
        grown = [decay * amplitude / (lost - rate) for amplitude, rate in feeds]
        amplitudes = {lost: initial.get(daughter.name, 0.0) - math.fsum(grown)}
        for amplitude, (_, rate) in zip(grown, feeds, strict=True):
            amplitudes[rate] = amplitudes.get(rate, 0.0) + amplitude
        courses[daughter.name] = ExponentialSum(tuple(amplitudes.values()), tuple(amplitudes))
    return courses


@dataclass(frozen=True, slots=True)
class Transfer:
    """First-order movement of one nuclide's atoms out of a compartment.

    Parameters
    ----------
    nuclide, source : str
        What leaves from where.
    rate_per_s : float, >= 0
        1/s.
    target : str
        Compartment that receives it; empty if it leaves the body.
    """

    nuclide: str
    source: str
    rate_per_s: float
    target: str = ""


def redistributed_decays(
    chain: Chain, parent_decays: Mapping[str, float], transfers: tuple[Transfer, ...]
) -> dict[tuple[str, str], float]:
    """How often each member decays in each compartment, integrated to the end.

    The atoms of every daughter are balanced by compartment:
    ``l n_c + sum_out n_c = births_c + sum_in n``, with *n* the time integral of their number.

    Parameters
    ----------
    chain : Chain
        From ``chain_of``.
    parent_decays : mapping of str to float
        Time-integrated activity of the parent by compartment (Bq s, or per decay).
    transfers : tuple of Transfer
        Of the daughters.  The parent's own movement is in ``parent_decays``.

    Returns
    -------
    dict of (nuclide, compartment) to float
        Number of decays, in the unit of ``parent_decays``.

    Raises
    ------
    DataError
        If a transfer is of what is no daughter, or between compartments that are not named in
        ``parent_decays`` (give 0 for one without parent).
    """
    places = tuple(parent_decays)
    require_daughters(chain, tuple(one.nuclide for one in transfers))
    strange = {p for one in transfers for p in (one.source, one.target) if p} - set(places)
    if strange:
        raise DataError(
            f"Daughters move between compartments whose parent activity is not given: "
            f"{', '.join(sorted(strange))}.",
            remedy="Give the parent's time-integrated activity of each, 0 where it is never.",
        )
    if any(not (math.isfinite(one.rate_per_s) and one.rate_per_s >= 0) for one in transfers):
        raise ValueError("transfer rates must be finite and >= 0")
    decays = {chain.parent.name: np.array([parent_decays[place] for place in places])}
    for daughter in chain.daughters:
        births = np.zeros(len(places))
        for member, branches in zip(chain.members, chain.branches, strict=True):
            births += sum(
                (
                    branch.fraction * decays[member.name]
                    for branch in branches
                    if branch.daughter == daughter.name
                ),
                np.zeros(len(places)),
            )
        decay = decay_constant_per_s(daughter)
        balance = decay * np.eye(len(places))
        for one in transfers:
            if one.nuclide != daughter.name:
                continue
            source = places.index(one.source)
            balance[source, source] += one.rate_per_s
            if one.target:
                balance[places.index(one.target), source] -= one.rate_per_s
        decays[daughter.name] = decay * np.linalg.solve(balance, births)
    return {
        (name, place): float(number)
        for name, numbers in decays.items()
        for place, number in zip(places, numbers, strict=True)
    }
