"""The sampler against integrals, a Gaussian limit, and its own prior (calibration by simulation).

Without ties and censoring the partial likelihood is exactly that of the ranks of the times
(Kalbfleisch & Prentice, Biometrika 60:267, 1973): made data then follow the model itself.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from operandi.quantities.errors import DataError
from operandi.signatures.challengers.convergence import chains_agree
from operandi.signatures.challengers.horseshoe import (
    FittedHorseshoe,
    Horseshoe,
    HorseshoePrior,
    Posterior,
    horseshoe_posterior,
)
from operandi.signatures.challengers.horseshoe_kernel import Beliefs, horseshoe_chain
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.cox.rows import sorted_rows
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.resampling.folds import Resampling
from operandi.signatures.resampling.further_candidates import partial_loglik
from operandi.signatures.resampling.nested import nested_evaluation
from tests.signatures.challengers.challenged import inner_folds
from tests.signatures.resampling.cohorts import cohort


def made(x: Floats, beta: Floats, draw: np.random.Generator) -> RightCensored:
    """Everybody has the event, at different times."""
    time = draw.exponential(1.0, x.shape[0]) * np.exp(-np.clip(x @ beta, -30.0, 30.0))
    rank = (np.argsort(time).argsort() + 1).astype(np.float64)
    return RightCensored(time=rank, event=np.ones(x.shape[0], dtype=np.bool_))


def standard(draw: np.random.Generator, rows: int, columns: int) -> Floats:
    x = draw.normal(size=(rows, columns))
    return np.ascontiguousarray((x - x.mean(axis=0)) / x.std(axis=0))


def log_likelihoods(outcome: RightCensored, column: Floats, grid: Floats) -> Floats:
    return np.array([partial_loglik(outcome.time, outcome.event, one * column) for one in grid])


def moments(grid: Floats, log_density: Floats) -> tuple[float, float]:
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    mean = float(weight @ grid)
    return mean, float(np.sqrt(weight @ (grid - mean) ** 2))


def within_error(found: Posterior, mean: float, deviation: float) -> None:
    """Four standard errors of the draws' mean, and a tenth of the standard deviation."""
    flat = found.draws.ravel()
    assert flat.mean() == pytest.approx(mean, abs=4.0 * deviation / np.sqrt(found.effective))
    assert flat.std() == pytest.approx(deviation, rel=0.1)


def test_one_column_with_a_wide_prior_agrees_with_its_integral() -> None:
    draw = np.random.default_rng(1)
    x = standard(draw, 25, 1)
    outcome = made(x, np.array([0.7]), draw)
    grid = np.linspace(-4.0, 4.0, 2001)
    log_density = log_likelihoods(outcome, x[:, 0], grid) - 0.5 * (grid / 5.0) ** 2
    found = horseshoe_posterior(
        outcome,
        x,
        prior=HorseshoePrior(),
        draws=2000,
        seed=3,
        unpenalized=np.array([True]),
    )
    within_error(found, *moments(grid, log_density))


@pytest.mark.parametrize("effect", [0.0, 0.5])
def test_one_shrunken_column_agrees_with_its_integral(effect: float) -> None:
    """The prior density of a coefficient is a mean of normal ones over 40^3 sets of scales."""
    draw = np.random.default_rng(2)
    x = standard(draw, 25, 1)
    outcome = made(x, np.array([effect]), draw)
    prior = HorseshoePrior(expected=0.5, slab_scale=1.0)
    middles = (np.arange(40) + 0.5) / 40.0
    cauchy = np.tan(0.5 * np.pi * middles)
    # max(p - m, 1) = 1 here, so that the scale of the global one is m / sqrt(events).
    tau = cauchy[:, None, None] * 0.5 / 5.0
    slab = stats.invgamma(2.0, scale=2.0).ppf(middles)[None, None, :]
    plain = (tau * cauchy[None, :, None]) ** 2
    variance = (plain * slab / (plain + slab)).ravel()
    grid = np.concatenate([-np.geomspace(1e-4, 4.0, 200)[::-1], np.geomspace(1e-4, 4.0, 200)])
    density = np.array(
        [np.mean(np.exp(-0.5 * one**2 / variance) / np.sqrt(variance)) for one in grid]
    )
    width = np.gradient(grid)
    found = horseshoe_posterior(outcome, x, prior=prior, draws=2500, seed=4)
    within_error(
        found,
        *moments(grid, log_likelihoods(outcome, x[:, 0], grid) + np.log(density) + np.log(width)),
    )


def test_with_many_events_the_posterior_is_gaussian_about_the_fit() -> None:
    """Known moments: the maximum of the partial likelihood and its inverse information."""
    draw = np.random.default_rng(5)
    x = standard(draw, 600, 3)
    x[:, 1] = 0.8 * x[:, 0] + 0.6 * x[:, 1]
    outcome = made(x, np.array([0.4, -0.3, 0.0]), draw)
    fit = fit_cox(outcome, x)
    found = horseshoe_posterior(
        outcome,
        x,
        prior=HorseshoePrior(),
        draws=1000,
        seed=6,
        unpenalized=np.ones(3, dtype=np.bool_),
    )
    flat = found.draws.reshape(-1, 3)
    assert found.agrees
    away = np.abs(flat.mean(axis=0) - fit.coefficients)
    assert (away < 0.15 * fit.standard_errors).all()
    assert np.cov(flat.T) == pytest.approx(fit.covariance, rel=0.1, abs=3e-4)


def test_ranks_of_true_values_among_draws_are_uniform() -> None:
    """Calibration by simulation (Talts et al., 2018): truth from the prior, data from the truth."""
    draw = np.random.default_rng(7)
    x = standard(draw, 30, 4)
    x[:, 1] = 0.9 * x[:, 0] + np.sqrt(0.19) * x[:, 1]
    x[:, 1] /= x[:, 1].std()
    prior = Beliefs(np.array([False, False, False, True]), 1.0, 0.3, 1.0, 4.0)
    runs, kept = 150, 99
    ranks = np.empty((runs, 7))
    for run in range(runs):
        tau = 0.3 * abs(draw.standard_cauchy())
        slab = float(stats.invgamma(2.0, scale=2.0).rvs(random_state=draw))
        plain = (tau * np.abs(draw.standard_cauchy(3))) ** 2
        scales = np.append(np.sqrt(plain * slab / (plain + slab)), 1.0)
        beta = scales * draw.normal(size=4)
        outcome = made(x, beta, draw)
        rows = sorted_rows(outcome, x)
        chain = horseshoe_chain(rows.x, rows.event, rows.risk, prior, 200, kept * 8, run, 0)
        loglik = partial_loglik(outcome.time, outcome.event, x @ beta)
        truth = np.array([*beta, np.log(tau), np.log(slab), loglik])
        ranks[run] = (chain[::8] < truth).sum(axis=0)
    for quantity in range(7):
        counts = np.histogram(ranks[:, quantity], bins=10, range=(0.0, kept + 1.0))[0]
        # Seven tests, at one in a thousand each.
        assert stats.chisquare(counts).pvalue > 1e-3, (quantity, counts)


def test_agreement_of_independent_draws_is_perfect() -> None:
    found = chains_agree(np.random.default_rng(8).normal(size=(4, 1000, 3)))
    assert found.r_hat == pytest.approx(1.0, abs=0.01)
    assert found.effective == pytest.approx(4000.0, rel=0.15)


def test_correlated_draws_are_worth_what_theory_says() -> None:
    """Autoregression of 0.8: N (1 - 0.8) / (1 + 0.8)."""
    noise = np.random.default_rng(9).normal(size=(4, 5000))
    draws = np.empty_like(noise)
    draws[:, 0] = noise[:, 0] / 0.6
    for step in range(1, 5000):
        draws[:, step] = 0.8 * draws[:, step - 1] + noise[:, step]
    found = chains_agree(draws[:, :, None])
    assert found.effective[0] == pytest.approx(20_000 / 9.0, rel=0.15)


def test_chains_that_disagree_in_place_or_in_spread_are_seen() -> None:
    draws = np.random.default_rng(10).normal(size=(4, 500, 2))
    draws[0, :, 0] += 3.0
    draws[0, :, 1] *= 5.0
    found = chains_agree(draws)
    assert (found.r_hat > 1.1).all()
    assert found.effective[0] < 50.0
    with pytest.raises(DataError, match="two chains of 8 draws"):
        chains_agree(draws[:1])


def fitted(predictors: Predictors, outcome: RightCensored, **changed: object) -> FittedHorseshoe:
    made_so = Horseshoe(name="h", columns=predictors.names, keep=12, draws=800)
    made_so = replace(made_so, **changed)  # type: ignore[arg-type]
    return made_so.fit(predictors, outcome, inner=inner_folds(predictors, outcome), seed=2)


def test_signals_stay_and_noise_is_shrunken() -> None:
    predictors, outcome = cohort(seed=15, effects=(1.1, -1.0), participants=120)
    found = fitted(predictors, outcome)
    beta = dict(zip(found.linear.names, found.linear.coefficients, strict=True))
    assert found.selected == ("x000", "x001")
    assert beta["x000"] > 0.6
    assert beta["x001"] < -0.6
    assert max(abs(beta[name]) for name in beta if name not in found.selected) < 0.2
    assert len(found.names) == 12
    assert np.count_nonzero(found.linear.coefficients) == 12
    assert found.r_hat <= 1.05
    assert found.effective >= 100.0


def test_unpenalized_columns_pass_the_screening_and_are_not_shrunken() -> None:
    predictors, outcome = cohort(seed=13, effects=(0.0, 0.0, 1.0), clinical=2)
    found = fitted(predictors, outcome, factors={"clinical": 0.0}, keep=3)
    assert {"x000", "x001"} < set(found.names)
    assert len(found.names) == 5
    kept = [predictors.names.index(name) for name in found.names]
    free = fit_cox(outcome, predictors.values[:, kept])
    place = found.names.index("x000")
    assert found.linear.coefficients[0] == pytest.approx(
        free.coefficients[place], abs=float(free.standard_errors[place])
    )


def test_refuses_chains_that_disagree() -> None:
    predictors, outcome = cohort(seed=12, effects=(1.1, -1.0))
    with pytest.raises(DataError, match="chains of the horseshoe disagree: R-hat") as refusal:
        fitted(predictors, outcome, draws=8)
    assert "challengers.draws" in refusal.value.remedy


def test_refuses_columns_that_do_not_vary() -> None:
    predictors, outcome = cohort(seed=12)
    flat = replace(predictors, values=np.ones_like(predictors.values))
    with pytest.raises(DataError, match="No column varies"):
        fitted(flat, outcome)
    with pytest.raises(DataError, match="Column 0 does not vary"):
        horseshoe_posterior(outcome, flat.values, prior=HorseshoePrior(), draws=20, seed=1)


def test_the_result_does_not_depend_on_threads_and_a_failed_fold_says_why() -> None:
    predictors, outcome = cohort(seed=14, effects=(1.0,), columns=8)
    one, four = (
        nested_evaluation(
            Horseshoe(name="h", columns=predictors.names, draws=500),
            predictors,
            outcome,
            resampling=Resampling(repeats=2, outer=4, inner=3, seed=2),
            days=np.array([365.0]),
            threads=threads,
        )
        for threads in (1, 4)
    )
    assert (one.predictor == four.predictor).all()
    assert not one.failed
    assert one.mean_concordance > 0.6
    with pytest.raises(DataError, match=r"in none of 4 folds: .*chains of the horseshoe disagree"):
        nested_evaluation(
            Horseshoe(name="h", columns=predictors.names, draws=8),
            predictors,
            outcome,
            resampling=Resampling(repeats=1, outer=4, inner=3, seed=2),
            days=np.array([365.0]),
        )
