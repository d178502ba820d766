"""Optimism by the bootstrap: how much better a recipe looks on the rows it learned from.

References
----------
.. [1] Harrell, Lee & Mark, Stat Med 15:361, 1996, section 5.
"""

from dataclasses import dataclass

import numpy as np

from operandi.quantities.errors import DataError, OperandiError
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.logistic import fit_logistic
from operandi.signatures.metrics.concordance import harrell_c
from operandi.signatures.preparation.chain import predictors_at
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.resampling.candidates import Candidate, Fitted, columns_of
from operandi.signatures.resampling.folds import Stratify, deal_folds, generator_of
from operandi.signatures.resampling.nested import Progress, fold_seed, in_threads


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedIndex:
    """An index of a fit on the rows it learned from, and what is left of it on others.

    Parameters
    ----------
    apparent : float
        On the rows it learned from.
    optimism : float
        Mean excess, over bootstrap samples, on the sample over all rows.
    """

    apparent: float
    optimism: float

    @property
    def corrected(self) -> float:
        """Apparent less optimism."""
        return self.apparent - self.optimism


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimism:
    """Optimism of concordance and of calibration slope.

    Parameters
    ----------
    concordance, slope : CorrectedIndex
        The slope shrinks new predictions; 1 on the rows of an unpenalized fit.
    samples, failed : int
        Bootstrap samples, and how many could not be fitted.
    """

    concordance: CorrectedIndex
    slope: CorrectedIndex
    samples: int
    failed: int


def bootstrap_optimism(  # noqa: PLR0913
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    samples: int,
    inner: int,
    seed: int,
    stratify: Stratify = "event",
    binary: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
) -> Optimism:
    """Rerun the whole recipe on bootstrap samples of the participants.

    Parameters
    ----------
    candidate, predictors, outcome
        As of ``nested_evaluation``.
    samples : int
        Bootstrap samples.
    inner : int
        Folds by which each tunes; copies of a participant stay in one.
    seed : int
    stratify : str
        In what the folds of tuning are even.
    binary : bool
        Whether events are answers of a yes or no: then the concordance is the area under the ROC
        curve, and the slope that of the log odds.
    threads : int
        The result does not depend on it.

    Raises
    ------
    DataError
        If the recipe cannot be fitted to all rows, or to fewer than nine samples of ten.
    """
    predictors = columns_of(predictors, candidate.columns)
    everyone = np.arange(outcome.time.size)
    fit = _fitted(
        candidate,
        predictors,
        outcome,
        everyone,
        inner=inner,
        seed=seed,
        number=0,
        stratify=stratify,
    )
    apparent = _indices(fit.predictor(predictors, trained=True), outcome, binary=binary)

    def one(number: int) -> tuple[float, float] | None:
        generator = generator_of(seed, 4, number)
        rows = np.sort(generator.integers(0, everyone.size, everyone.size))
        try:
            again = _fitted(
                candidate,
                predictors,
                outcome,
                rows,
                inner=inner,
                seed=seed,
                number=number,
                stratify=stratify,
            )
            on_sample = _indices(
                again.predictor(predictors_at(predictors, rows), trained=True),
                RightCensored(time=outcome.time[rows], event=outcome.event[rows]),
                binary=binary,
            )
            on_all = _indices(_everywhere(again, predictors, rows), outcome, binary=binary)
        except LeakError:
            raise
        except OperandiError:
            return None
        return on_sample[0] - on_all[0], on_sample[1] - on_all[1]

    found = in_threads(one, range(1, samples + 1), threads=threads, progress=progress)
    excess = np.array([pair for pair in found if pair is not None])
    if len(excess) < 0.9 * samples:
        raise DataError(
            f"{candidate.name} could be fitted to {len(excess)} of {samples} bootstrap samples: "
            "their optimism would be that of the easy ones.",
            remedy="Penalize the columns, or use fewer.",
        )
    optimism = excess.mean(axis=0)
    return Optimism(
        concordance=CorrectedIndex(apparent=apparent[0], optimism=float(optimism[0])),
        slope=CorrectedIndex(apparent=apparent[1], optimism=float(optimism[1])),
        samples=samples,
        failed=samples - len(excess),
    )


def _fitted(  # noqa: PLR0913
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    rows: np.ndarray,
    *,
    inner: int,
    seed: int,
    number: int,
    stratify: Stratify,
) -> Fitted:
    learning = predictors_at(predictors, rows)
    part = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
    folds = deal_folds(
        learning.participants,
        part.event,
        folds=inner,
        generator=generator_of(seed, 5, number),
        sites=learning.sites,
        stratify=stratify,
    )
    return candidate.fit(learning, part, inner=folds, seed=fold_seed(seed, repeat=number, fold=0))


def _everywhere(fit: Fitted, predictors: Predictors, rows: np.ndarray) -> Floats:
    """Predictors of all rows: those drawn are training rows, the others were never seen."""
    drawn = {predictors.participants[row] for row in rows}
    inside = np.array([one in drawn for one in predictors.participants])
    eta = np.empty(inside.size)
    for side, trained in ((inside, True), (~inside, False)):
        at = np.flatnonzero(side)
        if at.size:
            eta[at] = fit.predictor(predictors_at(predictors, at), trained=trained)
    return eta


def _indices(eta: Floats, outcome: RightCensored, *, binary: bool) -> tuple[float, float]:
    """Concordance, and slope of the outcome on the predictor; of a constant predictor 1/2 and 0."""
    if np.ptp(eta) == 0.0:
        return 0.5, 0.0
    names = ("linear predictor",)
    if binary:
        slope = fit_logistic(outcome.event, eta[:, None], names=names).coefficients[0]
    else:
        slope = fit_cox(outcome, eta[:, None], names=names).coefficients[0]
    # All times of a yes or no are one: pairs of an event and none are comparable, as of the AUC.
    return harrell_c(outcome, eta).value, float(slope)
