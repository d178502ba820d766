"""The interval of a foretold risk: the same recipe, learned from other participants.

The interval is that of the model, not of the participant's fate: how far the risk moves where the
whole recipe, preparation and imputation too, learns from other participants of the same
population. What of a missing value cannot be known is in it: each refit draws its own [2]_.

References
----------
.. [1] Riley & Collins, Biom J 65:2200302, 2023 (refits on bootstrap samples).
.. [2] Schomaker & Heumann, Stat Med 37:2252, 2018 (imputation inside each bootstrap sample).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.card import CardPredictor, ModelCard
from operandi.signatures.card_chain import draws as drawing
from operandi.signatures.card_chain import drivers_of, filled_columns, filling_from
from operandi.signatures.data import Floats
from operandi.signatures.given_values import GivenParticipant
from operandi.signatures.preparation.chain import LearnedChain, LearnedPart, chain_from
from operandi.signatures.preparation.imputation import LearnedImputation
from operandi.signatures.preparation.transformer import PlainRows

_MOST_FAILED: Final = 0.1
DRAWS: Final = 50
"""Draws of a missing value over all fits of a card, at least."""


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

    def predictors(self, fit: CardPredictor, *, draws: int) -> tuple[Floats, Floats]:
        """Linear predictors (d,), and the prepared terms (d, p), by draws of what is missing.

        There is one where nothing is missing or nothing is drawn.

        Raises
        ------
        DataError
            If a value is missing that the preparation cannot fill, or a step refuses the row.
        """
        terms = tuple(fit.coefficients)
        prepared = self._prepared(fit, terms, draws=draws)
        if missing := [name for name, gap in zip(terms, np.isnan(prepared[0]), strict=True) if gap]:
            raise DataError(
                f"{', '.join(missing)}: missing, and the preparation could not fill it.",
                remedy="Supply it.",
            )
        slopes = np.array(list(fit.coefficients.values()), dtype=np.float64)
        return np.asarray(prepared @ slopes - fit.center), prepared

    def _prepared(self, fit: CardPredictor, terms: tuple[str, ...], *, draws: int) -> Floats:
        if fit.chain is None:
            return np.array([[self.values.get(name, np.nan) for name in terms]], dtype=np.float64)
        names = tuple(fit.chain["names"])
        gaps = self._gaps(fit, terms)
        kept = filling_from(fit.chain) if gaps else frozenset()
        # Columns without influence take the training median: steps that need whole rows run.
        drivers = set(drivers_of(fit.chain, terms))
        values = [
            self.values.get(name, np.nan if name in drivers or name in kept else self.medians[name])
            for name in names
        ]
        row = PlainRows(
            values=np.array([values], dtype=np.float64),
            names=names,
            sites=(self.given.site,),
            participants=(self.given.participant,),
        )
        chain = chain_from(fit.chain).learned
        found = []
        for draw in range(draws if gaps and drawing(fit.chain) else 1):
            prepared = _drawn_anew(chain, draw).apply(row)
            place = {name: at for at, name in enumerate(prepared.names)}
            found.append(prepared.values[0, [place[name] for name in terms]])
        return np.array(found).reshape(len(found), len(terms))

    def _gaps(self, fit: CardPredictor, terms: tuple[str, ...]) -> bool:
        return any(name not in self.values for name in drivers_of(fit.chain, terms))

    def lacks(self, fit: CardPredictor) -> tuple[str, ...]:
        """Columns that a fit hangs on, that are missing and that it cannot fill."""
        filled = () if fit.chain is None else filled_columns(fit.chain)
        wanted = drivers_of(fit.chain, tuple(fit.coefficients))
        return tuple(one for one in wanted if one not in self.values and one not in filled)


def _drawn_anew(chain: LearnedChain, draw: int) -> LearnedChain:
    """The chain with other draws of missing values; draw 0 is that of training."""
    if draw == 0:
        return chain
    return replace(chain, parts=tuple(_part_anew(part, draw) for part in chain.parts))


def _part_anew(part: LearnedPart, draw: int) -> LearnedPart:
    step = part.learned
    if not isinstance(step, LearnedImputation):
        return part
    words = np.random.SeedSequence(entropy=step.equations.seed, spawn_key=(draw,))
    seed = int(words.generate_state(1, np.uint64)[0] >> np.uint64(1))
    return replace(part, learned=replace(step, equations=replace(step.equations, seed=seed)))


def draws_each(fits: int) -> int:
    """Draws by each of some fits, so that all have ``DRAWS`` or more."""
    return -(-DRAWS // fits)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refitted:
    """Predictors and hazards of the refits, a row a draw; ``reason`` where they bear no interval.

    ``count`` is that of the refits.
    """

    eta: Floats
    hazard: Floats
    count: int
    reason: str


def refitted_predictors(card: ModelCard, row: ParticipantRow) -> Refitted:
    """Linear predictors of a participant by every refit, or why they bear no interval."""
    refits = card.refits
    if not refits:
        return _no_refits("the card has no refits")
    if lacking := list(dict.fromkeys(name for fit in refits for name in row.lacks(fit))):
        shown = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" * (len(lacking) > 5))
        return _no_refits(f"refits use {shown}, which is missing")
    eta, hazard, failed = [], [], 0
    for fit in refits:
        try:
            drawn, _ = row.predictors(fit, draws=draws_each(len(refits)))
        except DataError:
            failed += 1
            continue
        eta.append(drawn)
        hazard += [fit.hazard] * drawn.size
    if failed > _MOST_FAILED * len(refits):
        return _no_refits(f"{failed} of {len(refits)} refits refuse this participant")
    return Refitted(
        eta=np.concatenate(eta),
        hazard=np.array(hazard, dtype=np.float64).reshape(len(hazard), -1),
        count=len(refits) - failed,
        reason="",
    )


def _no_refits(reason: str) -> Refitted:
    return Refitted(eta=np.empty(0), hazard=np.empty((0, 0)), count=0, reason=reason)


def risks_at(eta: Floats | float, hazard: Floats | float) -> Floats:
    """``1 - exp(-hazard exp(eta))``, broadcast."""
    # A predictor far outside has a risk of 0 or 1, not an overflow.
    return np.asarray(-np.expm1(-np.exp(np.clip(eta, -50.0, 50.0)) * hazard))


def _least_refits(level: float) -> int:
    """So many that a refit lies outside each end."""
    return int(np.ceil(2.0 / (1.0 - level) - 1e-9))


def interval_absent_because(refits: Refitted, *, level: float) -> str:
    """Why there is no interval at a level; empty where there is one."""
    if refits.reason:
        return refits.reason
    least = _least_refits(level)
    if refits.count < least:
        return f"{100 * level:g} % need {least} refits; the card has {refits.count}"
    return ""


def risk_interval(refitted: Floats, *, level: float) -> tuple[Floats, Floats]:
    """Ends of the interval of risks, from those of the refits (r, d)."""
    tail = 0.5 * (1.0 - level)
    low, high = np.quantile(refitted, (tail, 1.0 - tail), axis=0)
    return low, high


def interval_words(refits: Refitted) -> str:
    """Where an interval comes from."""
    drawn = ", each with draws of its own of what is missing" * (refits.eta.size > refits.count)
    return (
        f"{refits.count} refits of the whole recipe on bootstrap samples of the participants"
        f"{drawn}, by percentiles"
    )
