"""A model fitted to everybody by the plan's recipe, and refits: what a model card is made of."""

from dataclasses import dataclass

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

    Risk by day t of a row is ``1 - exp(-hazard(t) exp(fitted.predictor(row)))``, with ``hazard`` a
    step function of ``days``.

    Parameters
    ----------
    model, endpoint : str
        Codes.
    fitted : FittedCandidate
        Preparation and linear predictor, which is 0 at the training mean.
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
