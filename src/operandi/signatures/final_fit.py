"""A model fitted to everybody by the plan's recipe, and refits: what a model card is made of."""

from dataclasses import dataclass

import numpy as np

from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.resampling.candidates import FittedCandidate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RefittedModel:
    """The whole recipe on a bootstrap sample of the participants.

    Parameters
    ----------
    fitted : FittedCandidate
        With a preparation of its own.
    hazard : (k,) float
        Cumulative baseline hazard on the days of the final fit.
    """

    fitted: FittedCandidate
    hazard: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FinalFit:
    """A model fitted to everybody.

    Risk by day t of a row is ``1 - exp(-hazard(t) exp(predictor(row)))``, with ``hazard`` a step
    function of ``days``. Where values were missing, the predictor is the mean over fits of several
    imputations (decision 0041).

    Parameters
    ----------
    model, endpoint : str
        Codes.
    fitted : FittedCandidate
        Preparation and linear predictor, which is 0 at the training mean; of the first imputation.
    days : (k,) float
        Distinct event times, ascending; none of a yes/no endpoint, whose predictor is the log odds.
    hazard : (k,) float
        Breslow's cumulative baseline hazard at a linear predictor of 0.
    horizons : tuple of float
        Days of the plan.
    training : Predictors
        Rows learned from, before preparation.
    outcome : RightCensored
        Of the same rows.
    refits : tuple of RefittedModel
        For the interval of a predicted risk.
    further : tuple of FittedCandidate
        The whole recipe on further imputations of the same rows; none where nothing is drawn.
    """

    model: str
    endpoint: str
    fitted: FittedCandidate
    days: Floats
    hazard: Floats
    horizons: tuple[float, ...]
    training: Predictors
    outcome: RightCensored
    refits: tuple[RefittedModel, ...]
    further: tuple[FittedCandidate, ...] = ()

    @property
    def fits(self) -> tuple[FittedCandidate, ...]:
        """One for each imputation."""
        return (self.fitted, *self.further)

    def predictor(self, rows: Predictors, *, trained: bool = False) -> Floats:
        """Linear predictor of rows, (n,): the mean over imputations.

        Raises
        ------
        LeakError
            If rows to be judged have been seen.
        """
        return np.asarray(
            np.mean([one.predictor(rows, trained=trained) for one in self.fits], axis=0)
        )
