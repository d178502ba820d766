"""Columns that may know the outcome already, or stand for the site: found before any model.

The guard refuses who has been seen; here stands what no guard can see: a column that is made of
follow-up. Nothing is dropped: a person says what it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.preparation.redundancy import unit_columns

LIKELY: Final[Mapping[str, float]] = {
    "time": 0.85,
    "time of those censored": 0.85,
    "event": 0.95,
    "site": 0.85,
}
"""Strength from which a column is suspected. With time an oracle of risk reaches about 0.6 in a
trial of 80, the number of visits 0.95; with the event a strong predictor may reach 0.9 where few
are censored."""
_DEVIATIONS: Final = 5.0
"""Of a correlation by chance (Fisher): of few rows many columns reach any strength."""
_FEWEST: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A column, what it follows, and how closely.

    Parameters
    ----------
    name, block : str
        The column.
    follows : {"time", "time of those censored", "event", "site"}
        What it gives away.
    strength : float
        Absolute Spearman correlation with it, of the event as a share of what is attainable; of
        the site, the root of the share of variance between sites.
    """

    name: str
    block: str
    follows: str
    strength: float

    def __str__(self) -> str:
        means = {
            "time": "it may be made of follow-up, of the number of visits, or of the outcome",
            "time of those censored": "it may be made of follow-up or of the number of visits",
            "event": "it may be made of the outcome",
            "site": "it may stand for the site: harmonize it, or leave it out",
        }[self.follows]
        return f"{self.name} follows the {self.follows} ({self.strength:.2f}); {means}."


def suspicions(
    predictors: Predictors, outcome: RightCensored, *, likely: Mapping[str, float] = LIKELY
) -> tuple[Suspicion, ...]:
    """Find columns that follow time, event or site too closely to be measured before.

    Parameters
    ----------
    predictors : Predictors
        All rows: nothing is learned from them that a model sees.
    outcome : RightCensored
        Of the same rows.
    likely : mapping
        A column at or above it is suspected, for each that it may follow.

    Returns
    -------
    tuple of Suspicion
        The strongest of each column, in the order of the columns.
    """
    censored = ~outcome.event
    strengths = {
        "time": _along(predictors.values, outcome.time),
        "site": _by_site(predictors),
    }
    if np.count_nonzero(censored) >= _FEWEST and outcome.events >= _FEWEST:
        event = outcome.event.astype(np.float64)
        strengths["event"] = _along(predictors.values, event) / _attainable(outcome)
        strengths["time of those censored"] = _along(
            predictors.values[censored], outcome.time[censored]
        )
    return tuple(_strongest(predictors, strengths, likely))


def refuse_suspicious(found: tuple[Suspicion, ...], *, explained: frozenset[str]) -> None:
    """Refuse columns that nobody has explained.

    Parameters
    ----------
    found : tuple of Suspicion
        Of ``suspicions``.
    explained : frozenset of str
        Names of columns that the plan keeps, knowing.

    Raises
    ------
    LeakError
        Naming each column and what it follows.
    """
    if open_ := [one for one in found if one.name not in explained]:
        raise LeakError(
            " ".join(map(str, open_)),
            remedy="Take the column out of the plan, or name it under explained there.",
        )


def _along(values: Floats, other: Floats) -> Floats:
    """Absolute rank correlation of each column; 0 where chance may give as much."""
    (unit,) = unit_columns(other[:, None], ranks=True)
    found = np.abs(unit_columns(values, ranks=True) @ unit)
    known = np.maximum((~np.isnan(values)).sum(axis=0) - 3, 0)
    certain = np.arctanh(np.minimum(found, 1.0 - 1e-12)) * np.sqrt(known) >= _DEVIATIONS
    return np.where(certain, found, 0.0)


def _attainable(outcome: RightCensored) -> float:
    """Correlation of the event with a column without ties that tells it perfectly."""
    n, events = outcome.event.size, outcome.events
    return float(np.sqrt(3.0 * events * (n - events) / (n**2 - 1.0)))


def _by_site(predictors: Predictors) -> Floats:
    """Root of the share of each column's variance that lies between sites."""
    names = sorted(set(predictors.sites))
    indicator = np.asarray(
        [[site == name for site in predictors.sites] for name in names], dtype=np.float64
    )
    known = ~np.isnan(predictors.values)
    values = np.where(known, predictors.values, 0.0)
    centered = values - values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centered = np.where(known, centered, 0.0)
    counts = indicator @ known
    between = (np.square(indicator @ centered) / np.maximum(counts, 1.0)).sum(axis=0)
    total = np.square(centered).sum(axis=0)
    # A site with one row is told by any column.
    few = len(names) < 2 or len(names) > predictors.values.shape[0] // 3
    if few:
        return np.zeros(total.size)
    share: Floats = np.zeros(total.size)
    np.divide(between, total, out=share, where=total > 0.0)
    return np.asarray(np.sqrt(share), dtype=np.float64)


def _strongest(
    predictors: Predictors, strengths: dict[str, Floats], likely: Mapping[str, float]
) -> Iterator[Suspicion]:
    for column, (name, block) in enumerate(zip(predictors.names, predictors.blocks, strict=True)):
        above = {one: float(found[column]) - likely[one] for one, found in strengths.items()}
        follows = max(above, key=lambda one: above[one])
        strength = min(float(strengths[follows][column]), 1.0)
        if above[follows] >= 0.0:
            yield Suspicion(name=name, block=block, follows=follows, strength=strength)
