"""ComBat: differences between sites in location and spread, learned in training and taken out.

Parametric empirical Bayes after Johnson et al. [1]_, in the form of R's ``sva``: variances of the
residuals over n, of sites and of priors over n - 1; the posterior is iterated until no site mean
or variance of any column changes by more than 1e-4 of itself. Only the columns' first two moments
within sites enter, so an iteration costs one pass over columns.

References
----------
.. [1] Johnson, Li and Rabinovic, Biostatistics 8:118, 2007, sections 3.1 and 3.2.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.preparation.transformer import (
    Columns,
    PlainRows,
    floats,
    listed,
    numbers,
    refuse_other_columns,
)

Fallback = Literal["refuse", "unadjusted"]
_CHANGE: Final = 1e-4
_MOST_ITERATIONS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Combat:
    """Harmonize columns between sites.

    Parameters
    ----------
    covariates : tuple of str
        Columns whose effect is kept: known before treatment, and complete.
    unseen : {"refuse", "unadjusted"}
        What becomes of rows of a site that is not in training. ``unadjusted`` leaves them as they
        are: nothing is known of that site.
    single : {"refuse", "unadjusted"}
        What becomes of a training site with one participant, whose spread is unknown.
        ``unadjusted`` takes its rows out of the fit and treats it as unseen.
    """

    covariates: tuple[str, ...] = ()
    unseen: Fallback = "refuse"
    single: Fallback = "refuse"

    def learn(
        self, rows: PlainRows, *, outcome: RightCensored | None, seed: int
    ) -> "LearnedCombat":
        """Learn location and spread of each site.

        Rows without any value (not scanned) are left out; a row with some is refused.

        Raises
        ------
        DataError
            If a site has one participant, there is one site alone, a row is incomplete, a column
            is constant, or covariates cannot be told from sites.
        """
        del outcome, seed
        used = self._used(rows)
        values = rows.values[used]
        sites = [rows.sites[row] for row in np.flatnonzero(used)]
        names = tuple(sorted(set(sites)))
        if len(names) < 2:
            raise DataError(
                f"Harmonization needs two sites or more; found "
                f"{', '.join(one or 'one without a name' for one in names) or 'none'}.",
                remedy="Take the step out of the plan, or widen the training side.",
            )
        place = {name: number for number, name in enumerate(names)}
        batch = np.asarray([place[site] for site in sites], dtype=np.int64)
        beside = np.empty((values.shape[0], 0)) if rows.beside is None else rows.beside[used]
        _refuse_missing(beside, self.covariates)
        fit = combat_fit(values, batch, covariates=beside, site_names=names, names=rows.names)
        return LearnedCombat(sites=names, unseen=self.unseen, covariates=self.covariates, fit=fit)

    def _used(self, rows: PlainRows) -> Bools:
        used: Bools = _scanned(rows)
        pairs = {(rows.sites[row], rows.participants[row]) for row in np.flatnonzero(used)}
        counts = Counter(site for site, _ in pairs)
        alone = {site for site, count in counts.items() if count < 2}
        if alone and self.single == "refuse":
            raise DataError(
                f"Harmonization needs two participants a site; one alone is at "
                f"{', '.join(sorted(alone))}.",
                remedy='Join sites beforehand, or write single = "unadjusted" in the plan.',
            )
        return used & np.asarray([site not in alone for site in rows.sites], dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CombatFit:
    """What ComBat learned of k sites, p columns and q covariates.

    Parameters
    ----------
    grand : (p,) float
        Mean over all rows, covariates at 0.
    slopes : (q, p) float
        Effects of covariates.
    spread : (p,) float
        Residual SD over all sites.
    location, scale : (k, p) float
        Posterior mean and SD of each site, in units of ``spread``.
    """

    grand: Floats
    slopes: Floats
    spread: Floats
    location: Floats
    scale: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedCombat:
    """A fit with the sites that it knows, and what becomes of others."""

    sites: tuple[str, ...]
    unseen: Fallback
    covariates: tuple[str, ...]
    fit: CombatFit
    kept: Columns | None = field(default=None, init=False)

    def unknown(self, rows: PlainRows) -> tuple[str, ...]:
        """Sites of rows that were not learned, once each; they stay unadjusted or are refused."""
        return tuple(sorted(set(rows.sites) - set(self.sites)))

    def apply(self, rows: PlainRows) -> Floats:
        """Harmonize rows; rows of unknown sites as settled beforehand.

        Raises
        ------
        DataError
            If a site is unknown and the plan refuses those, or a value is missing.
        """
        refuse_other_columns(rows, needed=self.fit.grand.size, step="harmonization")
        unknown = self.unknown(rows)
        if unknown and self.unseen == "refuse":
            raise DataError(
                f"Harmonization knows {', '.join(self.sites)}; found {', '.join(unknown)}.",
                remedy='Write unseen = "unadjusted" in the plan to leave their rows as they are.',
            )
        place = {name: number for number, name in enumerate(self.sites)}
        batch = np.asarray([place.get(site, -1) for site in rows.sites], dtype=np.int64)
        known = (batch >= 0) & _scanned(rows)
        beside = np.empty((batch.size, 0)) if rows.beside is None else rows.beside
        _refuse_missing(beside[known], self.covariates)
        values = rows.values.copy()
        values[known] = combat_apply(
            rows.values[known], batch[known], covariates=beside[known], fit=self.fit
        )
        return values

    def as_dict(self) -> dict[str, Any]:
        """What was learned."""
        return {
            "step": "combat",
            "sites": list(self.sites),
            "unseen": self.unseen,
            "covariates": list(self.covariates),
            "grand": numbers(self.fit.grand),
            "slopes": numbers(self.fit.slopes),
            "spread": numbers(self.fit.spread),
            "location": numbers(self.fit.location),
            "scale": numbers(self.fit.scale),
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Rebuild from ``as_dict``."""
        names = ("grand", "slopes", "spread", "location", "scale")
        parts = {name: floats(said[name]) for name in names}
        columns = parts["grand"].size
        parts["slopes"] = parts["slopes"].reshape(-1, columns)
        return cls(
            sites=tuple(said["sites"]),
            unseen=said["unseen"],
            covariates=tuple(said["covariates"]),
            fit=CombatFit(**parts),
        )


def combat_fit(
    values: Floats,
    batch: npt.NDArray[np.int64],
    *,
    covariates: Floats,
    site_names: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
) -> CombatFit:
    """Fit ComBat to plain arrays.

    Parameters
    ----------
    values : (n, p) float
        Complete.
    batch : (n,) int
        Site of each row, 0 to k - 1, each with two rows or more.
    covariates : (n, q) float
        Effects to keep; without an intercept, q may be 0.
    site_names, names : tuple of str
        For sentences.

    Returns
    -------
    CombatFit

    Raises
    ------
    DataError
        If the design is singular, or a column is constant (over all rows or within a site).
    """
    rows, sites = batch.size, int(batch.max()) + 1
    indicator = (batch[:, None] == np.arange(sites)).astype(np.float64)
    design = np.hstack((indicator, covariates))
    if rows <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        raise DataError(
            f"Covariates cannot be told from {sites} sites among {rows} rows: a covariate is "
            "constant, or follows from site and the others.",
            remedy="Name fewer covariates of the harmonization in the plan.",
        )
    coefficients = np.linalg.solve(design.T @ design, design.T @ values)
    counts = indicator.sum(axis=0)
    grand = (counts / rows) @ coefficients[:sites]
    slopes = coefficients[sites:]
    residual = values - design @ coefficients
    spread = np.sqrt(np.mean(np.square(residual), axis=0))
    size = np.abs(values).max(axis=0)
    _refuse_flat(spread <= 1e-12 * size, names, "is constant but for site and covariates")
    standard = (values - grand - covariates @ slopes) / spread
    means = (indicator.T @ standard) / counts[:, None]
    deviations = np.square(standard - means[batch])
    variances = (indicator.T @ deviations) / (counts[:, None] - 1.0)
    for site in range(sites):
        where = site_names[site] if site_names else f"site {site}"
        _refuse_flat(variances[site] <= 1e-24, names, f"is constant at {where}")
    location, scale = np.empty_like(means), np.empty_like(means)
    for site in range(sites):
        location[site], variance = _posterior(means[site], variances[site], counts[site])
        scale[site] = np.sqrt(variance)
    return CombatFit(grand=grand, slopes=slopes, spread=spread, location=location, scale=scale)


def combat_apply(
    values: Floats, batch: npt.NDArray[np.int64], *, covariates: Floats, fit: CombatFit
) -> Floats:
    """Take the sites' location and spread out of complete rows of known sites.

    ``(z - location) / scale * spread + grand + covariates . slopes``, with *z* the value less grand
    mean and covariates' effects, over ``spread``.
    """
    expected = fit.grand + covariates @ fit.slopes
    standard = (values - expected) / fit.spread
    return (standard - fit.location[batch]) / fit.scale[batch] * fit.spread + expected


def _posterior(means: Floats, variances: Floats, count: float) -> tuple[Floats, Floats]:
    """Conditional posterior means of one site over all columns, in turn until they stand."""
    if means.size < 2:
        # Nothing to borrow from: the column's own moments.
        return means, variances
    prior_mean, prior_variance = means.mean(), means.var(ddof=1)
    average, scatter = variances.mean(), variances.var(ddof=1)
    if not scatter > 0.0 or not prior_variance > 0.0:
        return means, variances
    shape = (2.0 * scatter + average**2) / scatter
    rate = (average * scatter + average**3) / scatter
    location, variance = means, variances
    for _ in range(_MOST_ITERATIONS):
        weight = count * prior_variance
        new = (weight * means + variance * prior_mean) / (weight + variance)
        squares = (count - 1.0) * variances + count * np.square(means - new)
        spread = (0.5 * squares + rate) / (0.5 * count + shape - 1.0)
        change = max(_largest(new, location), _largest(spread, variance))
        location, variance = new, spread
        if change <= _CHANGE:
            break
    return location, variance


def _largest(new: Floats, old: Floats) -> float:
    """Largest change in parts of the old value; R's sva divides by its sign too, and stops by it.

    To stop elsewhere would move results by 1e-5, and the two would no longer compare.
    """
    there = old != 0.0
    if not there.any():
        return 0.0
    return float(np.max(np.abs(new - old)[there] / old[there]))


def _scanned(rows: PlainRows) -> Bools:
    """Rows with values; incomplete ones are refused."""
    missing = np.isnan(rows.values)
    none = missing.all(axis=1)
    partly = np.flatnonzero(missing.any(axis=1) & ~none)
    if partly.size:
        row = partly[0]
        column = int(np.flatnonzero(missing[row])[0])
        raise DataError(
            f"Harmonization needs complete rows; {rows.names[column]} of "
            f"{rows.participants[row]} is missing.",
            remedy="Put the imputation before it.",
        )
    return np.asarray(~none)


def _refuse_missing(beside: Floats, names: tuple[str, ...]) -> None:
    bad = np.flatnonzero(np.isnan(beside).any(axis=0))
    if bad.size:
        raise DataError(
            f"Harmonization needs complete covariates; {names[bad[0]]} has missing values.",
            remedy="Put the imputation of their block before it.",
        )


def _refuse_flat(flat: Bools, names: tuple[str, ...], how: str) -> None:
    bad = np.flatnonzero(flat)
    if bad.size:
        called = listed([names[column] for column in bad]) if names else f"column {bad[0]}"
        raise DataError(
            f"Harmonization needs columns that vary; {called} {how}.",
            remedy="Put the filter of constant columns before it.",
        )
