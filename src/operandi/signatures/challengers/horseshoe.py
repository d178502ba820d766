"""A Bayesian Cox model with the regularized horseshoe: most coefficients near 0, a few free.

The partial likelihood stands in place of a likelihood. Of untied and uncensored times it is that
of their ranks; else it is what the posterior nears as less and less is believed of the baseline
hazard. The prior of a coefficient is normal with the standard deviation
``c t l / sqrt(c^2 + t^2 l^2)``, where *l* is its own and *t* the global half-Cauchy scale and *c*
the slab. The scale of *t* follows from how many columns are expected to matter:
``m / (p - m) / sqrt(events)``.

References
----------
.. [1] Piironen & Vehtari, Electron J Stat 11:5018, 2017.
.. [2] Kalbfleisch & Prentice, Biometrika 60:267, 1973 (the likelihood of ranks). Sinha, Ibrahim &
   Chen, Biometrika 90:629, 2003 (Bayesian grounds of the partial likelihood).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.challengers.convergence import chains_agree
from operandi.signatures.challengers.horseshoe_kernel import Beliefs, horseshoe_chain
from operandi.signatures.cox.rows import sorted_rows
from operandi.signatures.cox.score_test import score_tests
from operandi.signatures.data import Bools, Floats, Predictors, RightCensored
from operandi.signatures.preparation.chain import PreparationChain
from operandi.signatures.resampling.candidates import FittedCandidate, prepared
from operandi.signatures.resampling.folds import Labels

_CHAINS: Final = 4
_WIDE: Final = 5.0
"""Prior standard deviation of unpenalized columns, of unit variance: a hazard ratio of 150."""
MOST_R_HAT: Final = 1.05
LEAST_EFFECTIVE: Final = 100.0
_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HorseshoePrior:
    """What is believed of the coefficients.

    Parameters
    ----------
    expected : float, > 0
        Columns that may matter.
    slab_scale : float, > 0
        Scale of the Student t with 4 degrees of freedom that bounds a log hazard ratio per
        standard deviation.
    """

    expected: float = 3.0
    slab_scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Posterior:
    """Draws of the coefficients, and how far the chains agree.

    Parameters
    ----------
    draws : (c, d, p) float
        Coefficients per unit of each column, by chain.
    global_scale : (c, d) float
        Of the horseshoe, for columns of unit variance.
    r_hat : float
        The largest of all coefficients, scales and the log likelihood.
    effective : float
        The least number of independent draws, of the same.
    """

    draws: Floats
    global_scale: Floats
    r_hat: float
    effective: float

    @property
    def agrees(self) -> bool:
        """Whether the chains tell the same."""
        return self.r_hat <= MOST_R_HAT and self.effective >= LEAST_EFFECTIVE


def horseshoe_posterior(
    outcome: RightCensored,
    x: Floats,
    *,
    prior: HorseshoePrior,
    draws: int,
    seed: int,
    unpenalized: Bools | None = None,
) -> Posterior:
    """Draw coefficients from the posterior, with Efron's handling of ties.

    Parameters
    ----------
    outcome : RightCensored
        Of n rows.
    x : (n, p) float
        Columns that vary, without missing values; scaled to unit variance within.
    prior : HorseshoePrior
    draws : int
        Of each of four chains, after half as many that are thrown away.
    seed : int
    unpenalized : (p,) bool, optional
        Columns with a wide normal prior; none by default.

    Raises
    ------
    DataError
        If values are missing, a column does not vary, or there is no event.
    """
    rows = sorted_rows(outcome, x)
    scale = rows.x.std(axis=0)
    if (scale < 1e-12).any():
        raise DataError(f"Column {int(np.argmin(scale))} does not vary.", remedy="Leave it out.")
    bare = np.zeros(scale.size, dtype=np.bool_) if unpenalized is None else unpenalized
    others = max(float(np.count_nonzero(~bare)) - prior.expected, 1.0)
    believed = Beliefs(
        bare,
        _WIDE,
        prior.expected / others / float(np.sqrt(outcome.events)),
        prior.slab_scale,
        4.0,
    )
    design = np.ascontiguousarray((rows.x - rows.x.mean(axis=0)) / scale)
    found = np.array(
        [
            horseshoe_chain(design, rows.event, rows.risk, believed, draws // 2, draws, seed, chain)
            for chain in range(_CHAINS)
        ]
    )
    agreement = chains_agree(found)
    return Posterior(
        draws=found[:, :, : scale.size] / scale,
        global_scale=np.exp(found[:, :, scale.size]),
        r_hat=float(agreement.r_hat.max()),
        effective=float(agreement.effective.min()),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedHorseshoe:
    """Posterior means, with what they were made from.

    Parameters
    ----------
    linear : FittedCandidate
        Its coefficients are posterior means; 0 of columns that the screening left out.
    names : tuple of str
        Columns after the screening.
    low, high : (q,) float
        Credible interval of each coefficient.
    r_hat, effective : float
        Of the chains.
    """

    linear: FittedCandidate
    names: tuple[str, ...]
    low: Floats
    high: Floats
    r_hat: float
    effective: float

    @property
    def selected(self) -> tuple[str, ...]:
        """Columns whose credible interval leaves out 0."""
        out = (self.low > 0.0) | (self.high < 0.0)
        return tuple(name for name, one in zip(self.names, out, strict=True) if one)

    def predictor(self, rows: Predictors, *, trained: bool = False) -> Floats:
        """Posterior mean of the log relative hazard, as of ``FittedCandidate``."""
        return self.linear.predictor(rows, trained=trained)


@dataclass(frozen=True, slots=True, kw_only=True)
class Horseshoe:
    """A regularized horseshoe; nothing is tuned.

    Parameters
    ----------
    name : str
    columns : tuple of str
        Before preparation.
    factors : mapping of str to float
        Blocks with the factor 0 have a wide prior, and stay whatever the screening says.
    chain : PreparationChain or None
    prior : HorseshoePrior
    keep : int
        Columns that the score test keeps first, in the training rows.
    draws : int
        Of each chain; twice and four times as many are drawn where the chains disagree.
    level : float
        Of credible intervals.
    """

    name: str
    columns: tuple[str, ...]
    factors: Mapping[str, float] = field(default_factory=dict)
    chain: PreparationChain | None = None
    prior: HorseshoePrior = HorseshoePrior()
    keep: int = 50
    draws: int = 1500
    level: float = 0.95

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> FittedHorseshoe:
        """See ``Candidate``; *inner* folds are not needed.

        Raises
        ------
        DataError
            If the chains disagree however long they are drawn.
        """
        del inner
        chain, rows = prepared(training, self.columns, self.chain, outcome=outcome, seed=seed)
        bare = np.array([self.factors.get(block, 1.0) == 0.0 for block in rows.blocks])
        kept = self._screened(outcome, rows.values, bare)
        values = np.ascontiguousarray(rows.values[:, kept])
        found = self._agreed(outcome, values, bare[kept], seed=seed)
        flat = found.draws.reshape(-1, kept.size)
        coefficients = np.zeros(len(rows.names))
        coefficients[kept] = flat.mean(axis=0)
        edge = 0.5 * (1.0 - self.level)
        low, high = np.quantile(flat, [edge, 1.0 - edge], axis=0)
        return FittedHorseshoe(
            linear=FittedCandidate(
                names=rows.names,
                coefficients=coefficients,
                center=float(rows.values.mean(axis=0) @ coefficients),
                chain=chain,
                columns=self.columns,
            ),
            names=tuple(rows.names[at] for at in kept),
            low=low,
            high=high,
            r_hat=found.r_hat,
            effective=found.effective,
        )

    def _screened(self, outcome: RightCensored, values: Floats, bare: Bools) -> Labels:
        """Columns that go in: those with a wide prior, and the strongest by score test."""
        tests = score_tests(outcome, values)
        # By size and not by |z| > 0: a column may go with nothing, and still be one.
        rank = np.where(tests.testable, np.abs(tests.z), -1.0)
        rank[bare & tests.testable] = np.inf
        order = np.argsort(-rank, kind="stable")[: self.keep + int(np.count_nonzero(bare))]
        kept = np.sort(order[rank[order] >= 0.0])
        if not kept.size:
            raise DataError("No column varies among those at risk.", remedy="Supply other columns.")
        return kept

    def _agreed(
        self, outcome: RightCensored, values: Floats, bare: Bools, *, seed: int
    ) -> Posterior:
        for trial in range(_TRIES):
            found = horseshoe_posterior(
                outcome,
                values,
                prior=self.prior,
                draws=self.draws * 2**trial,
                seed=seed,
                unpenalized=bare,
            )
            if found.agrees:
                return found
        raise DataError(
            f"The chains of the horseshoe disagree: R-hat {found.r_hat:.3f}, "
            f"{found.effective:.0f} effective draws of {_CHAINS * self.draws * 2 ** (_TRIES - 1)}; "
            f"{MOST_R_HAT} at most and {LEAST_EFFECTIVE:.0f} at least are asked for.",
            remedy="Draw more (challengers.draws), or keep fewer columns (challengers.keep).",
        )
