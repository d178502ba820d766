"""The interval of a foretold risk: the same recipe, learned from other participants.

The interval is that of the model, not of the participant's fate: how far the risk moves where the
whole recipe, preparation too, learns from other participants of the same population.

References
----------
.. [1] Riley & Collins, Biom J 65:2200302, 2023 (refits on bootstrap samples).
.. [2] Efron & Stein, Ann Stat 9:586, 1981; Shao & Tu, The Jackknife and Bootstrap, 1995,
   section 2.3 (delete-a-group jackknife; recalled).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtrit

from operandi.quantities.errors import DataError
from operandi.signatures.card import CardFit, ModelCard
from operandi.signatures.card_chain import drivers_of, filled_columns, filling_from
from operandi.signatures.data import Floats
from operandi.signatures.given_values import GivenParticipant
from operandi.signatures.preparation.chain import chain_from
from operandi.signatures.preparation.transformer import PlainRows

_MOST_FAILED: Final = 0.1


def column_medians(card: ModelCard) -> dict[str, float]:
    """Training median of every column, as the model takes it."""
    # Of a column that nobody knew any number does: no fit can hang on it.
    return {one.name: 1.0 if one.seen is None else one.seen.median for one in card.columns}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantRow:
    """A participant's values, to be prepared by any fit of the card."""

    given: GivenParticipant
    values: Mapping[str, float]
    medians: Mapping[str, float]

    def predictor(self, fit: CardFit) -> tuple[float, dict[str, float]]:
        """Linear predictor, and the prepared terms."""
        terms = tuple(fit.coefficients)
        prepared = self._prepared(fit, terms)
        if missing := [name for name in terms if np.isnan(prepared[name])]:
            raise DataError(
                f"{', '.join(missing)}: missing, and the preparation could not fill it.",
                remedy="Supply it.",
            )
        total = sum(value * prepared[name] for name, value in fit.coefficients.items())
        return float(total - fit.center), {name: prepared[name] for name in terms}

    def _prepared(self, fit: CardFit, terms: tuple[str, ...]) -> dict[str, float]:
        if fit.chain is None:
            return {name: self.values.get(name, np.nan) for name in terms}
        names = tuple(fit.chain["names"])
        kept = filling_from(fit.chain) if self._gaps(fit, terms) else frozenset()
        # Columns without influence take the training median: steps that need whole rows run.
        drivers = set(drivers_of(fit.chain, terms))
        values = [
            self.values.get(name, np.nan if name in drivers or name in kept else self.medians[name])
            for name in names
        ]
        found = chain_from(fit.chain).learned.apply(
            PlainRows(
                values=np.array([values], dtype=np.float64),
                names=names,
                sites=(self.given.site,),
                participants=(self.given.participant,),
            )
        )
        return dict(zip(found.names, found.values[0].tolist(), strict=True))

    def _gaps(self, fit: CardFit, terms: tuple[str, ...]) -> bool:
        return any(name not in self.values for name in drivers_of(fit.chain, terms))

    def lacks(self, fit: CardFit) -> tuple[str, ...]:
        """Columns that a fit hangs on, that are missing and that it cannot fill."""
        filled = () if fit.chain is None else filled_columns(fit.chain)
        wanted = drivers_of(fit.chain, tuple(fit.coefficients))
        return tuple(one for one in wanted if one not in self.values and one not in filled)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refitted:
    """Predictors and hazards of the refits; ``reason`` where they cannot bear an interval."""

    eta: Floats
    hazard: Floats
    failed: int
    reason: str


def refitted_predictors(card: ModelCard, row: ParticipantRow) -> Refitted:
    """Linear predictors of a participant by every refit, or why they bear no interval."""
    fits = card.refits.fits
    if not fits:
        return _no_refits("the card has no refits")
    if lacking := list(dict.fromkeys(name for fit in fits for name in row.lacks(fit))):
        shown = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" * (len(lacking) > 5))
        return _no_refits(f"refits use {shown}, which is missing")
    eta = np.full(len(fits), np.nan)
    for number, fit in enumerate(fits):
        try:
            eta[number] = row.predictor(fit)[0]
        except DataError:
            continue
    there = ~np.isnan(eta)
    failed = int(np.count_nonzero(~there))
    if failed > (0.0 if card.refits.kind == "folds" else _MOST_FAILED) * len(fits):
        return _no_refits(f"{failed} of {len(fits)} refits refuse this participant")
    hazard = np.array([fit.hazard for fit in fits], dtype=np.float64).reshape(len(fits), -1)
    return Refitted(eta=eta[there], hazard=hazard[there], failed=failed, reason="")


def _no_refits(reason: str) -> Refitted:
    return Refitted(eta=np.empty(0), hazard=np.empty((0, 0)), failed=0, reason=reason)


def risks_at(eta: Floats | float, hazard: Floats | float) -> Floats:
    """``1 - exp(-hazard exp(eta))``, broadcast."""
    # A predictor far outside has a risk of 0 or 1, not an overflow.
    return np.asarray(-np.expm1(-np.exp(np.clip(eta, -50.0, 50.0)) * hazard))


def _least_refits(level: float) -> int:
    """So many that a refit lies outside each end."""
    return int(np.ceil(2.0 / (1.0 - level) - 1e-9))


def interval_absent_because(card: ModelCard, refits: Refitted, *, level: float) -> str:
    """Why there is no interval at a level; empty where there is one."""
    if refits.reason:
        return refits.reason
    least = _least_refits(level)
    if card.refits.kind == "bootstrap" and refits.eta.size < least:
        return f"{100 * level:g} % need {least} refits; the card has {refits.eta.size}"
    return ""


def risk_interval(
    card: ModelCard, risk: Floats, refitted: Floats, *, level: float
) -> tuple[Floats, Floats]:
    """Ends of the interval of risks (d,), of those of the refits (r, d)."""
    if card.refits.kind == "bootstrap":
        tail = 0.5 * (1.0 - level)
        low, high = np.quantile(refitted, (tail, 1.0 - tail), axis=0)
        return low, high
    return _jackknife(risk, refitted, folds=card.refits.folds, level=level)


def _jackknife(
    risk: Floats, refitted: Floats, *, folds: int, level: float
) -> tuple[Floats, Floats]:
    """On the scale ln(-ln(1 - risk)), with Student's t of ``folds - 1`` degrees of freedom."""
    with np.errstate(divide="ignore"):
        center = np.log(-np.log1p(-risk))
        each = np.log(-np.log1p(-refitted)).reshape(-1, folds, risk.size)
    fine = np.isfinite(center) & np.isfinite(each).all(axis=(0, 1))
    each = np.where(fine, each, 0.0)
    squares = np.square(each - each.mean(axis=1, keepdims=True)).sum(axis=1)
    error = np.sqrt((folds - 1) / folds * squares.mean(axis=0))
    half = float(stdtrit(folds - 1, 0.5 * (1.0 + level))) * error
    ends = [-np.expm1(-np.exp(np.where(fine, center, 0.0) + sign * half)) for sign in (-1.0, 1.0)]
    # Where a refit has seen no event yet, the scale has no number: from 0 to the largest of all.
    largest = np.maximum(risk, refitted.max(axis=0))
    return np.where(fine, ends[0], 0.0), np.where(fine, ends[1], largest)


def interval_words(card: ModelCard, refits: Refitted) -> str:
    """Where an interval comes from."""
    if card.refits.kind == "folds":
        return (
            f"{refits.eta.size} refits on the training parts of {card.refits.folds}-fold "
            "cross-validation, by the delete-a-group jackknife"
        )
    return f"{refits.eta.size} refits of the whole recipe on bootstrap samples, by percentiles"
