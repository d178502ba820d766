"""Prediction instability: how far a participant's prediction moves when the model is refitted."""

from dataclasses import dataclass

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PredictionInstability:
    """Predictions of one model beside those of models refitted on bootstrap samples.

    Parameters
    ----------
    original : (n,) float
        Prediction of the model itself.
    low, high : (n,) float
        Range that holds ``level`` of a participant's refitted predictions.
    mean_absolute_difference : (n,) float
        Between refitted and original predictions, a participant.
    changed_class : (n, thresholds) float
        Share of refits that put the participant on the other side of each threshold.
    refits : int
        Bootstrap models.
    """

    original: Floats
    low: Floats
    high: Floats
    mean_absolute_difference: Floats
    changed_class: Floats
    refits: int

    @property
    def average(self) -> float:
        """Mean absolute difference over participants: one number for the report."""
        return float(self.mean_absolute_difference.mean())


def prediction_instability(
    original: Floats, refitted: Floats, *, thresholds: Floats, level: float = 0.95
) -> PredictionInstability:
    """Summarize how predicted risks move over bootstrap refits of the whole model building.

    Parameters
    ----------
    original : (n,) float
        Predicted risk of each participant.
    refitted : (refits, n) float
        Of the same participants, by models that were built anew on bootstrap samples.
    thresholds : (k,) float
        Risks that part classes.
    level : float
        Of the ranges.

    Raises
    ------
    DataError
        If the shapes do not fit, or a refit gave no prediction.

    References
    ----------
    .. [1] Riley and Collins, Biom J 65:2200302, 2023.
    """
    if refitted.ndim != 2 or refitted.shape[0] < 2 or refitted.shape[1:] != original.shape:
        raise DataError(
            f"Instability needs two or more refits with a prediction for each of "
            f"{original.size} participants; found shape {refitted.shape}."
        )
    if not (np.all(np.isfinite(original)) and np.all(np.isfinite(refitted))):
        raise DataError(
            "Instability needs a prediction of every refit.",
            remedy="Leave out refits that failed, and count them.",
        )
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(refitted, [tail, 100.0 - tail], axis=0)
    other_side = (refitted[:, :, None] >= thresholds) != (original[:, None] >= thresholds)
    return PredictionInstability(
        original=original,
        low=low,
        high=high,
        mean_absolute_difference=np.abs(refitted - original).mean(axis=0),
        changed_class=other_side.mean(axis=0),
        refits=refitted.shape[0],
    )
