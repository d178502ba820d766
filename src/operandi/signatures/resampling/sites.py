"""Leave one site out: whether what is learned at some hospitals holds at another. Descriptive."""

from dataclasses import dataclass

import numpy as np

from operandi.quantities.errors import DataError, OperandiError
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.metrics.concordance import harrell_c
from operandi.signatures.metrics.estimate import MetricEstimate, absent, logit_interval
from operandi.signatures.preparation.chain import predictors_at
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.resampling.candidates import Candidate, columns_of
from operandi.signatures.resampling.folds import Stratify, deal_folds, generator_of
from operandi.signatures.resampling.nested import fold_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteResult:
    """What a recipe learned elsewhere foretells at one site.

    Parameters
    ----------
    site : str
    participants, events : int
        Of the site.
    concordance : MetricEstimate
        Absent with the reason where the site has no comparable pair, or no fit.
    """

    site: str
    participants: int
    events: int
    concordance: MetricEstimate


def leave_one_site_out(
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    inner: int,
    seed: int,
    stratify: Stratify = "event",
) -> tuple[SiteResult, ...]:
    """Learn at all sites but one, and judge there, for each site in turn.

    Raises
    ------
    DataError
        If there is one site alone.
    """
    predictors = columns_of(predictors, candidate.columns)
    sites = sorted(set(predictors.sites))
    if len(sites) < 2:
        raise DataError(
            "Leaving a site out needs two sites or more; found "
            f"{', '.join(filter(None, sites)) or ('one, without a name' if sites else 'none')}.",
            remedy="Nothing is to be done where there was one; else name the column of sites: "
            "table.site.",
        )
    where = np.array(predictors.sites)
    found = []
    for number, site in enumerate(sites):
        there = np.flatnonzero(where == site)
        try:
            result = _at(
                candidate,
                predictors,
                outcome,
                there,
                inner=inner,
                seed=seed,
                number=number,
                stratify=stratify,
            )
        except LeakError:
            raise
        except OperandiError as why:
            result = absent(str(why))
        found.append(
            SiteResult(
                site=site,
                participants=len({predictors.participants[row] for row in there}),
                events=int(np.count_nonzero(outcome.event[there])),
                concordance=result,
            )
        )
    return tuple(found)


def _at(  # noqa: PLR0913
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    there: np.ndarray,
    *,
    inner: int,
    seed: int,
    number: int,
    stratify: Stratify,
) -> MetricEstimate:
    elsewhere = np.setdiff1d(np.arange(outcome.time.size), there)
    learning = predictors_at(predictors, elsewhere)
    part = RightCensored(time=outcome.time[elsewhere], event=outcome.event[elsewhere])
    folds = deal_folds(
        learning.participants,
        part.event,
        folds=inner,
        generator=generator_of(seed, 6, number),
        sites=learning.sites,
        stratify=stratify,
    )
    fit = candidate.fit(learning, part, inner=folds, seed=fold_seed(seed, repeat=number, fold=0))
    eta = fit.predictor(predictors_at(predictors, there))
    judged = harrell_c(RightCensored(time=outcome.time[there], event=outcome.event[there]), eta)
    if not 0.0 < judged.value < 1.0:
        return MetricEstimate(value=judged.value, reason="every pair is in the same order")
    low, high = logit_interval(value=judged.value, standard_error=judged.standard_error)
    return MetricEstimate(
        value=judged.value, standard_error=judged.standard_error, low=low, high=high
    )
