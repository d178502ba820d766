"""Whether intervals of AUC, Brier score and slope hold what is true in many further participants.

Used by ``signature_verdicts`` and ``signature_power``. The truth of a recipe is what it does on
average, fitted to as many participants as an outer fold has; that of a fitted model is its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.signature_cohorts import share
from operandi.quantities.errors import DataError
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.metrics.calibration import log_cumulative_hazard
from operandi.signatures.metrics.estimate import MetricEstimate
from operandi.signatures.metrics.time_dependent import auc_at, brier_at
from operandi.signatures.resampling.candidates import Candidate
from operandi.signatures.resampling.folds import deal_folds, generator_of
from operandi.signatures.resampling.nested import breslow_hazard
from operandi.signatures.results_cohort import Estimated

Floats = npt.NDArray[np.float64]

COVERED: Final = ("auc", "brier", "slope")
YEAR: Final = 365.0
_CERTAIN: Final = 1e-9

Covered = dict[str, list[float]]
"""By metric: estimate, ends of its interval, truth of the fitted model, of a fit to 64; or NaN."""


def true_values(
    candidate: Candidate,
    rows: Predictors,
    outcome: RightCensored,
    further: Predictors,
    happened: RightCensored,
    *,
    slope_day: float = YEAR,
) -> dict[str, float]:
    """What a recipe fitted to some participants does in further ones; NaN where it has no value.

    Parameters
    ----------
    candidate : Candidate
    rows, outcome
        Whom it learns from.
    further, happened
        Whom it is judged on, followed alike.
    slope_day : float
        Of the calibration slope; AUC and Brier score are those of a year.
    """
    inner = deal_folds(rows.participants, outcome.event, folds=5, generator=generator_of(3, 9))
    fit = candidate.fit(rows, outcome, inner=inner, seed=1)
    days = np.array([YEAR, slope_day])
    learned = fit.predictor(rows, trained=True)
    hazard = breslow_hazard(outcome.time, outcome.event, learned, days)
    eta = fit.predictor(further)
    survival = np.exp(-np.outer(np.exp(np.clip(eta, -50.0, 50.0)), hazard))
    (auc,) = auc_at(happened, eta, times=days[:1])
    (brier,) = brier_at(happened, survival[:, :1], times=days[:1])
    last = log_cumulative_hazard(np.clip(survival[:, 1], _CERTAIN, 1.0 - _CERTAIN))
    try:
        slope = float(fit_cox(happened, last[:, None]).coefficients[0])
    except DataError:  # nothing was selected: every participant is foretold the same
        slope = np.nan
    return {
        "auc": np.nan if auc.value is None else auc.value,
        "brier": np.nan if brier.value is None else brier.value,
        "slope": slope,
    }


def covered(
    found: Mapping[str, MetricEstimate | Estimated | None],
    final: Mapping[str, float],
    fold: Mapping[str, float],
) -> Covered:
    """Estimates with their intervals beside what is true."""
    lines: Covered = {}
    for name in COVERED:
        one = found.get(name)
        known = (None,) * 3 if one is None else (one.value, one.low, one.high)
        lines[name] = [
            *(np.nan if value is None else value for value in known),
            final[name],
            fold[name],
        ]
    return lines


def coverage_told(cohorts: Iterable[Covered]) -> Iterator[str]:
    """A sentence a metric: how often its interval holds what is true."""
    lines = list(cohorts)
    for name in COVERED:
        table = np.array([one[name] for one in lines if one], dtype=np.float64)
        table = table[np.isfinite(table[:, :3]).all(axis=1)] if table.size else table
        if not table.size:
            yield f"{name}: no cohort has an interval"
            continue
        value, low, high, final, fold = table.T
        expected = np.full(value.size, np.nanmedian(fold) if name == "slope" else np.nanmean(fold))
        yield (
            f"{name}: {value.size} of {len(lines)} cohorts, median {np.median(value):.3f}, true of "
            f"the recipe {expected[0]:.3f}, spread {value.std():.3f}, median width "
            f"{np.median(high - low):.3f}; holds the recipe's in "
            f"{_held(low, high, expected)}, the fitted model's in {_held(low, high, final)}"
        )


def _held(low: Floats, high: Floats, truth: Floats) -> str:
    known = np.isfinite(truth)
    inside = (low <= truth) & (truth <= high)
    return share(int(np.count_nonzero(inside & known)), int(np.count_nonzero(known)))
