"""The uncertainty of a change, term by term, and the power to detect one.

On the scale of the repeatability (logarithm of the ratio, or the unit) the variance of a change is

    V = max(2 w^2, n1^2 + n2^2) + s^2 + (m1^2 + m2^2) + (a1^2 + a2^2)

*w* is the within-subject standard deviation and *n*, *m*, *a* are the standard uncertainties of
noise, motion and attenuation at each visit. Test and retest contain noise already: the image's own
counts only where it is larger. *s* is the spread of the change over delineations. A change is real
beyond ``t(0.975; v) sqrt(V)``; *v* is infinite for a *w* that is known, else Satterthwaite's.

References
----------
.. [1] JCGM 100:2008 (GUM), G.4 (effective degrees of freedom).
.. [2] Raunig et al., Stat Methods Med Res 24:27, 2015.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from scipy import optimize, stats

from operandi.imaging.lesions.published_repeatability import ChangeScale
from operandi.imaging.lesions.repeatability import Repeatability
from operandi.quantities.errors import DataError

CONFIDENCE: Final = 0.95
"""Two-sided: one repetition in twenty goes beyond the limits by itself."""


class BudgetItem(StrEnum):
    """What a change can come from, but for a change of the lesion."""

    REPEATABILITY = "repeatability"
    NOISE = "noise of the images"
    SEGMENTATION = "choice of delineation"
    MOTION = "motion"
    ATTENUATION = "attenuation correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitTerm:
    """Standard uncertainty of the quantity at both visits, as a share of its value.

    Parameters
    ----------
    before, after : float, >= 0
        Standard uncertainty (k = 1) over the value: 0.05 for 5 %.
    basis : str
        Where it comes from. Never empty.
    """

    before: float
    after: float
    basis: str

    def __post_init__(self) -> None:
        if not (0.0 <= self.before < math.inf and 0.0 <= self.after < math.inf and self.basis):
            raise DataError(
                "A term of the budget needs two standard uncertainties >= 0 and its basis; found "
                f"{self.before:g}, {self.after:g}, {self.basis!r}.",
                remedy="Leave out a term that is not known.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpread:
    """The same lesion measured with every delineation at both visits.

    Parameters
    ----------
    methods : tuple of str
        Names of two delineations or more.
    before, after : tuple of float
        The quantity by each of them, in its unit.
    """

    methods: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]

    def __post_init__(self) -> None:
        values = (*self.before, *self.after)
        same = len(self.methods) == len(self.before) == len(self.after)
        if not same or len(self.methods) < 2 or not all(map(math.isfinite, values)):
            raise DataError(
                "The spread over delineations needs two of them or more, with a number at both "
                f"visits; found {len(self.methods)}, {self.before} and {self.after}.",
                remedy="Leave out a delineation that failed at a visit.",
            )

    def standard(self, scale: ChangeScale) -> float:
        """Standard deviation of the change over delineations (n - 1), on the scale."""
        changes = [
            change_on(scale, before=one, after=two)
            for one, two in zip(self.before, self.after, strict=True)
        ]
        mean = math.fsum(changes) / len(changes)
        return math.sqrt(math.fsum((one - mean) ** 2 for one in changes) / (len(changes) - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvidence:
    """What is known of this lesion's values beside the repeatability. None: not known.

    Parameters
    ----------
    noise, motion, attenuation : VisitTerm or None
        From the images, and from the quality passport where it gives one.
    segmentation : MethodSpread or None
        The quantity by several delineations.
    """

    noise: VisitTerm | None = None
    segmentation: MethodSpread | None = None
    motion: VisitTerm | None = None
    attenuation: VisitTerm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetTerm:
    """One line of the budget.

    Parameters
    ----------
    item : BudgetItem
        What it is of.
    standard : float or None
        Standard uncertainty of the change from it, on the scale; None where it is not known.
    counted : float
        The part of the variance of the change that it adds.
    basis : str
        Where it comes from, or why it is not known.
    """

    item: BudgetItem
    standard: float | None
    counted: float
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBudget:
    """What a change of nothing but repetition looks like.

    Parameters
    ----------
    scale : ChangeScale
        Of all numbers here.
    terms : tuple of BudgetTerm
        One an item, in the order of ``BudgetItem``.
    degrees : float or None
        Effective degrees of freedom; None where infinite.
    """

    scale: ChangeScale
    terms: tuple[BudgetTerm, ...]
    degrees: float | None

    @property
    def standard(self) -> float:
        """Standard uncertainty of the change from all known terms."""
        return math.sqrt(math.fsum(term.counted for term in self.terms))

    @property
    def limit(self) -> float:
        """Size of a change on the scale that 95 % of repetitions stay within."""
        return _quantile(self.degrees) * self.standard

    @property
    def limits(self) -> tuple[float, float]:
        """The same as shares, such as (-0.20, 0.25), or in the unit."""
        return as_change(self.scale, -self.limit), as_change(self.scale, self.limit)

    def p_value(self, moved: float) -> float:
        """Probability that repetition alone moves as far either way; *moved* on the scale."""
        if self.standard == 0.0:
            return float(moved == 0.0)
        reach = abs(moved) / self.standard
        if self.degrees is None:
            return math.erfc(reach / math.sqrt(2.0))
        return 2.0 * float(stats.t.sf(reach, self.degrees))

    def power(self, true_change: float) -> float:
        """Probability that a true change is found, in its direction.

        Parameters
        ----------
        true_change : float
            As a share (0.4 for +40 %), or in the unit on the absolute scale.
        """
        moved = abs(scaled_change(self.scale, true_change))
        if self.standard == 0.0:
            return float(moved > 0.0)
        return _power(round(moved / self.standard, 12), self.degrees)

    def detectable(self, *, power: float = 0.8) -> tuple[float, float]:
        """Smallest fall and rise that are found with *power*, as shares or in the unit."""
        if not 0.025 < power < 1.0:
            raise DataError(f"A power lies between 0.025 and 1; found {power:g}.")
        reach = _reach_for(power, self.degrees) * self.standard
        return as_change(self.scale, -reach), as_change(self.scale, reach)


def change_on(scale: ChangeScale, *, before: float, after: float) -> float:
    """Change on a scale: ``ln(after / before)``, or ``after - before``.

    Raises
    ------
    DataError
        If a value is not positive on the relative scale.
    """
    if scale is ChangeScale.ABSOLUTE:
        return after - before
    if min(before, after) <= 0.0:
        raise DataError(
            f"A relative change needs two values > 0; found {before:g} and {after:g}.",
            remedy="A lesion that came or went is an event of the tracking, not a change.",
        )
    return math.log(after / before)


def as_change(scale: ChangeScale, moved: float) -> float:
    """Turn a change on the scale into a share (0.4 for +40 %), or leave it in the unit."""
    return math.expm1(moved) if scale is ChangeScale.RELATIVE else moved


def scaled_change(scale: ChangeScale, change: float) -> float:
    """Inverse of ``as_change``.

    Raises
    ------
    DataError
        If a relative change is -100 % or below.
    """
    if scale is ChangeScale.ABSOLUTE:
        return change
    if not change > -1.0:
        raise DataError(f"A relative change lies above -100 %; found {100 * change:g} %.")
    return math.log1p(change)


def budget_of(
    *,
    values: tuple[float, float],
    scale: ChangeScale,
    repeatability: Repeatability | None,
    evidence: ChangeEvidence,
) -> ChangeBudget:
    """Combine the terms (see the module). What is None is not known, and its line says so.

    Parameters
    ----------
    values : tuple of float
        The quantity at both visits, to turn shares into the unit on the absolute scale.
    """
    terms: list[BudgetTerm] = []
    repeated = 0.0 if repeatability is None else 2.0 * repeatability.within_sd**2
    terms.append(
        BudgetTerm(
            item=BudgetItem.REPEATABILITY,
            standard=None if repeatability is None else math.sqrt(repeated),
            counted=repeated,
            basis="not known" if repeatability is None else repeatability.source,
        )
    )
    noisy = _visit_term(BudgetItem.NOISE, evidence.noise, scale=scale, values=values)
    excess = max(0.0, noisy.counted - repeated)
    within = "; contained in the repeatability" if evidence.noise is not None and not excess else ""
    terms += [
        BudgetTerm(
            item=noisy.item, standard=noisy.standard, counted=excess, basis=noisy.basis + within
        ),
        _spread_term(evidence.segmentation, scale=scale),
        _visit_term(BudgetItem.MOTION, evidence.motion, scale=scale, values=values),
        _visit_term(BudgetItem.ATTENUATION, evidence.attenuation, scale=scale, values=values),
    ]
    degrees = None if repeatability is None else repeatability.degrees
    return ChangeBudget(
        scale=scale,
        terms=tuple(terms),
        degrees=_effective(terms, repeated=repeated, degrees=degrees),
    )


def _visit_term(
    item: BudgetItem, term: VisitTerm | None, *, scale: ChangeScale, values: tuple[float, float]
) -> BudgetTerm:
    if term is None:
        return BudgetTerm(item=item, standard=None, counted=0.0, basis="not known")
    one, two = values if scale is ChangeScale.ABSOLUTE else (1.0, 1.0)
    variance = (term.before * one) ** 2 + (term.after * two) ** 2
    return BudgetTerm(item=item, standard=math.sqrt(variance), counted=variance, basis=term.basis)


def _spread_term(spread: MethodSpread | None, *, scale: ChangeScale) -> BudgetTerm:
    item = BudgetItem.SEGMENTATION
    if spread is None:
        return BudgetTerm(item=item, standard=None, counted=0.0, basis="not known")
    standard = spread.standard(scale)
    basis = f"spread of the change over {', '.join(spread.methods)}"
    return BudgetTerm(item=item, standard=standard, counted=standard**2, basis=basis)


def _effective(
    terms: Sequence[BudgetTerm], *, repeated: float, degrees: int | None
) -> float | None:
    if degrees is None or repeated == 0.0:
        return None
    total = math.fsum(term.counted for term in terms)
    return degrees * (total / repeated) ** 2


@lru_cache(maxsize=4096)
def _quantile(degrees: float | None) -> float:
    share = (1.0 + CONFIDENCE) / 2.0
    return float(stats.norm.ppf(share) if degrees is None else stats.t.ppf(share, degrees))


@lru_cache(maxsize=4096)
def _power(reach: float, degrees: float | None) -> float:
    """Share of changes found whose true size is *reach* standard uncertainties."""
    quantile = _quantile(degrees)
    if degrees is None:
        return float(stats.norm.sf(quantile - reach))
    return float(stats.nct.sf(quantile, degrees, reach))


@lru_cache(maxsize=256)
def _reach_for(power: float, degrees: float | None) -> float:
    if degrees is None:
        return _quantile(None) + float(stats.norm.ppf(power))
    # A noncentral t needs a little more than the central one's quantile; twice it is beyond.
    high = 4.0 * (_quantile(degrees) + abs(float(stats.norm.ppf(power))) + 1.0)
    return float(optimize.brentq(lambda reach: _power(reach, degrees) - power, 0.0, high))
