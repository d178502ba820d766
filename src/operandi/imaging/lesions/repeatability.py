"""How far a quantity of a lesion moves when nothing has changed.

A study's own repeated scans answer it best (``repeatability_from``). Else a published coefficient
may be named by its key; one of another tracer is *borrowed*, and a reason must be declared. Else
the repeatability is unknown, and stays so: none is published for SUV or tumor volume on
somatostatin receptor PET (decision 0009).

References
----------
.. [1] Bland, Altman, Stat Methods Med Res 8:135, 1999 (within-subject SD, limits of agreement).
.. [2] Raunig et al., Stat Methods Med Res 24:27, 2015 (repeatability coefficient, its interval).
.. [3] Lodge, J Nucl Med 58:523, 2017 (why SUV is compared on the logarithm; asymmetric limits).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np
from scipy import stats

from operandi.imaging.lesions.published_repeatability import (
    PUBLISHED_COEFFICIENTS,
    ChangeScale,
    NamedCoefficient,
    PublishedCoefficient,
)
from operandi.imaging.lesions.repetitions import Repetition
from operandi.imaging.radiomics.agreement import LimitsOfAgreement, bland_altman
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import Kind

FEWEST_PARTICIPANTS: Final = 3
"""With two, the 95 % interval of a standard deviation reaches from half to six times it."""

_Z: Final = float(stats.norm.ppf(0.975))


class RepeatabilityOrigin(StrEnum):
    """Where a repeatability comes from."""

    OWN_STUDY = "the study's own test and retest"
    PUBLISHED = "published"
    BORROWED = "borrowed from another tracer or organ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatability:
    """Within-subject standard deviation of a quantity, and on what it rests.

    Parameters
    ----------
    quantity : str
        Name of the ``Kind``.
    scale : ChangeScale
        Whether ``within_sd`` is of the natural logarithm, or in the kind's unit.
    within_sd : float, > 0
        *w*.
    degrees : int or None
        Degrees of freedom of its estimate, which widen the limits (Student's t); None takes *w*
        as known.
    origin : RepeatabilityOrigin
        The study's own, published, or borrowed.
    source : str
        Citation, and for a borrowed one why it was borrowed. Never empty.
    across_scanners : bool
        Whether the two scans it rests on came from different scanners.
    """

    quantity: str
    scale: ChangeScale
    within_sd: float
    degrees: int | None
    origin: RepeatabilityOrigin
    source: str
    across_scanners: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.within_sd < math.inf:
            raise DataError(
                f"A repeatability of {self.quantity} needs a within-subject standard deviation "
                f"> 0; found {self.within_sd:g}.",
                remedy="Check that the retest is not a copy of the test.",
            )
        if not self.source or (self.degrees is not None and self.degrees < 1):
            raise ValueError("a repeatability needs a source, and degrees of freedom >= 1 or None")

    @property
    def within_cv(self) -> float | None:
        """Within-subject coefficient of variation, ``sqrt(exp(w^2) - 1)``; None if absolute."""
        if self.scale is ChangeScale.ABSOLUTE:
            return None
        return math.sqrt(math.expm1(self.within_sd**2))

    @property
    def coefficient(self) -> float:
        """Repeatability coefficient ``1.96 sqrt(2) w``, on the scale."""
        return _Z * math.sqrt(2.0) * self.within_sd

    @property
    def limits(self) -> tuple[float, float]:
        """Change that 95 % of repetitions stay within: shares (-0.24, 0.32), or in the unit."""
        reach = self.coefficient
        if self.scale is ChangeScale.ABSOLUTE:
            return -reach, reach
        return math.expm1(-reach), math.expm1(reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRepeatability:
    """Nothing is known of how a quantity repeats, and why.

    Parameters
    ----------
    quantity : str
        Name of the ``Kind``.
    scale : ChangeScale
        On which its changes are compared all the same.
    reason : str
        Why not.
    """

    quantity: str
    scale: ChangeScale
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatabilityEstimate:
    """What a study's own test-retest table says of one quantity.

    Parameters
    ----------
    repeatability : Repeatability
        To judge changes by.
    within_sd_interval, coefficient_interval : tuple of float
        Two-sided 95 % interval of *w* and of the repeatability coefficient (chi-squared).
    agreement : LimitsOfAgreement
        Bland-Altman limits of second minus first, on the scale (natural logarithms, or unit).
    trend : float or None
        Kendall's tau of the size of the difference against the mean, on the scale: near 0 where
        the scale is the right one. None where all sizes or all means are the same.
    participants, pairs : int
        People, and lesions of all of them.
    """

    repeatability: Repeatability
    within_sd_interval: tuple[float, float]
    coefficient_interval: tuple[float, float]
    agreement: LimitsOfAgreement
    trend: float | None
    participants: int
    pairs: int


def relative_within_sd(cv: float) -> float:
    """Standard deviation of the logarithm for a coefficient of variation, ``sqrt(ln(1 + cv^2))``.

    >>> round(relative_within_sd(0.08), 5)
    0.07987
    """
    if not 0.0 < cv < math.inf:
        raise DataError(f"A coefficient of variation is a share > 0; found {cv:g}.")
    return math.sqrt(math.log1p(cv * cv))


def repeatability_from(
    repetitions: Sequence[Repetition], *, kind: Kind, scale: ChangeScale, study: str
) -> RepeatabilityEstimate:
    """Estimate how a quantity repeats from a study's own test and retest.

    ``w = sqrt(sum(d^2) / (2 n))`` over the *n* pairs of the quantity, *d* the difference of the
    logarithms or of the values; a shift between test and retest is thus taken in. Lesions of one
    participant share the assay, the uptake time and the calibration: the degrees of freedom are
    the number of *participants*, which makes interval and limits cautious.

    Parameters
    ----------
    repetitions : sequence of Repetition
        Rows of other quantities are left out. Order does not matter.
    kind : Kind
        The quantity.
    scale : ChangeScale
        RELATIVE for SUV, volumes and the like; ABSOLUTE for diameters. ``trend`` tests the choice.
    study : str
        Whose table it is, for the source.

    Raises
    ------
    DataError
        If fewer than ``FEWEST_PARTICIPANTS`` have a pair, a lesion appears twice, a relative value
        is not positive, or all pairs are equal.
    """
    rows = _rows_of(repetitions, kind=kind, scale=scale)
    values = np.array([(row.first, row.second) for row in rows], dtype=np.float64)
    if scale is ChangeScale.RELATIVE:
        values = np.log(values)
    difference = values[:, 1] - values[:, 0]
    participants = len({row.participant for row in rows})
    w = math.sqrt(math.fsum(difference**2) / (2.0 * len(rows)))
    repeatability = Repeatability(
        quantity=kind.name,
        scale=scale,
        within_sd=w,
        degrees=participants,
        origin=RepeatabilityOrigin.OWN_STUDY,
        source=f"{study}: {len(rows)} lesions of {participants} participants scanned twice",
    )
    low, high = (
        w * math.sqrt(participants / float(stats.chi2.ppf(share, participants)))
        for share in (0.975, 0.025)
    )
    reach = _Z * math.sqrt(2.0)
    return RepeatabilityEstimate(
        repeatability=repeatability,
        within_sd_interval=(low, high),
        coefficient_interval=(reach * low, reach * high),
        agreement=bland_altman(values[:, 0], values[:, 1]),
        trend=_trend(np.abs(difference), values.mean(axis=1)),
        participants=participants,
        pairs=len(rows),
    )


def published_repeatability(named: NamedCoefficient, *, kind: Kind, tracer: str) -> Repeatability:
    """Take a published coefficient by its key.

    Parameters
    ----------
    named : NamedCoefficient
        Which, and why it may be borrowed.
    kind : Kind
        The quantity to be judged.
    tracer : str
        Of the study's scans, such as ``68Ga-DOTATOC``; empty for MR.

    Raises
    ------
    DataError
        If there is no such key, it is of another quantity, it is borrowed without a reason, or a
        reason is given though it is not borrowed.
    """
    key, because = named.key, named.borrowed_because.strip()
    coefficient = PUBLISHED_COEFFICIENTS.get(key)
    if coefficient is None:
        raise DataError(
            f"There is no published coefficient {key!r}.",
            remedy=f"Name one of {', '.join(PUBLISHED_COEFFICIENTS)}.",
        )
    if kind.name not in coefficient.quantities:
        raise DataError(
            f"Coefficient {key} is of {', '.join(coefficient.quantities)}, not of {kind.name}.",
            remedy="Name a coefficient of this quantity, or leave the repeatability unknown.",
        )
    borrowed = coefficient.tracer.casefold() != tracer.casefold()
    if because and not borrowed:
        raise DataError(
            f"Coefficient {key} is of the scans' own tracer and is not borrowed.",
            remedy="Leave the reason out.",
        )
    if borrowed and not because:
        raise DataError(
            f"Coefficient {key} was measured with {coefficient.tracer or 'no tracer'}, the scans "
            f"are of {tracer or 'no tracer'}.",
            remedy="Declare why it may be borrowed, or leave the repeatability unknown.",
        )
    return _from_published(coefficient, kind=kind, because=because)


def choose_repeatability(
    *,
    kind: Kind,
    tracer: str,
    scale: ChangeScale,
    own: Sequence[Repetition] = (),
    named: NamedCoefficient | None = None,
    study: str = "the study",
) -> Repeatability | UnknownRepeatability:
    """The study's own repeatability, else the published one that was named, else unknown.

    Raises
    ------
    DataError
        If the study's own rows of this quantity are faulty or too few, or the named coefficient
        cannot serve: what was given is refused, never passed over.
    """
    if any(row.quantity == kind.name for row in own):
        return repeatability_from(own, kind=kind, scale=scale, study=study).repeatability
    if named is not None:
        return published_repeatability(named, kind=kind, tracer=tracer)
    fitting = [
        name
        for name, one in PUBLISHED_COEFFICIENTS.items()
        if kind.name in one.quantities and one.tracer.casefold() == tracer.casefold()
    ]
    known = (
        f"published are {', '.join(fitting)}, and none was named" if fitting else "none is known"
    )
    return UnknownRepeatability(
        quantity=kind.name,
        scale=scale,
        reason=f"no test-retest of the study holds {kind.name}, and of coefficients for "
        f"{tracer or 'scans without a tracer'} {known}",
    )


def _rows_of(
    repetitions: Sequence[Repetition], *, kind: Kind, scale: ChangeScale
) -> list[Repetition]:
    rows = sorted(
        (row for row in repetitions if row.quantity == kind.name),
        key=lambda row: (row.participant, row.lesion),
    )
    names = [(row.participant, row.lesion) for row in rows]
    twice = next((name for name, after in pairwise(names) if name == after), None)
    if twice is not None:
        raise DataError(
            f"{kind.name} of lesion {twice[1]} of {twice[0]} stands twice in the test-retest.",
            remedy="Give each lesion one row a quantity.",
        )
    participants = len({row.participant for row in rows})
    if participants < FEWEST_PARTICIPANTS:
        raise DataError(
            f"A repeatability needs {FEWEST_PARTICIPANTS} participants scanned twice; {kind.name} "
            f"has {participants}.",
            remedy="Add participants, name a published coefficient, or leave it unknown.",
        )
    bad = next((row for row in rows if min(row.first, row.second) <= 0.0), None)
    if bad is not None and scale is ChangeScale.RELATIVE:
        raise DataError(
            f"A relative repeatability needs positive values; {kind.name} of lesion {bad.lesion} "
            f"of {bad.participant} has {bad.first:g} and {bad.second:g}.",
            remedy="Leave the lesion out, or take the absolute scale.",
        )
    return rows


def _trend(
    size: np.ndarray[tuple[int], np.dtype[np.float64]],
    mean: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> float | None:
    if np.ptp(size) == 0.0 or np.ptp(mean) == 0.0:
        return None
    return float(stats.kendalltau(size, mean).statistic)


def _from_published(
    coefficient: PublishedCoefficient, *, kind: Kind, because: str
) -> Repeatability:
    absolute = coefficient.scale is ChangeScale.ABSOLUTE
    within = coefficient.within
    source = f"{coefficient.source} ({coefficient.stated})"
    return Repeatability(
        quantity=kind.name,
        scale=coefficient.scale,
        within_sd=within if absolute else relative_within_sd(within),
        degrees=coefficient.participants,
        origin=RepeatabilityOrigin.BORROWED if because else RepeatabilityOrigin.PUBLISHED,
        source=f"{source}; borrowed: {because}" if because else source,
        across_scanners=coefficient.across_scanners,
    )
