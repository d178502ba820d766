import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.cox.path_kernel import settings_of
from operandi.signatures.logistic import fit_logistic, logistic_path


def _answers(n: int = 80, p: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(n, p))
    return rng.random(n) < 1 / (1 + np.exp(-(0.5 + x[:, 0]))), x


def test_a_table_of_two_by_two_gives_its_log_odds_ratio() -> None:
    """10 of 30 against 24 of 40: log odds ratio log((24/16) / (10/20))."""
    x = np.repeat([0.0, 1.0], [30, 40])[:, None]
    event = np.concatenate((np.arange(30) < 10, np.arange(40) < 24))

    fit = fit_logistic(event, x)

    assert fit.intercept == pytest.approx(np.log(0.5), abs=1e-10)
    assert fit.coefficients[0] == pytest.approx(np.log(3.0), abs=1e-10)
    assert fit.covariance[1, 1] == pytest.approx(1 / 10 + 1 / 20 + 1 / 24 + 1 / 16)
    assert (fit.method, fit.reason) == ("maximum likelihood", "")


def test_separation_falls_back_to_firth_and_says_so() -> None:
    """Of a two-by-two table Firth's estimate adds 1/2 to each cell: log(10.5/.5 * 12.5/.5)."""
    x = np.repeat([0.0, 1.0], [12, 10])[:, None]
    event = x[:, 0] > 0.5

    fit = fit_logistic(event, x)

    assert fit.method == "firth"
    assert fit.reason == "the columns separate the answers"
    assert fit.intercept == pytest.approx(np.log(0.5 / 12.5), abs=1e-7)
    assert fit.coefficients[0] == pytest.approx(np.log(10.5 / 0.5 * 12.5 / 0.5), abs=1e-7)


def test_unpenalized_columns_alone_are_the_maximum_likelihood_fit() -> None:
    event, x = _answers()

    path = logistic_path(
        event, x, settings=settings_of(tolerance=1e-10), penalty_factors=np.zeros(6)
    )

    fit = fit_logistic(event, x)
    np.testing.assert_allclose(path.coefficients[0], fit.coefficients, atol=1e-8)
    assert path.intercepts[0] == pytest.approx(fit.intercept, abs=1e-8)
    assert path.loglik[0] == pytest.approx(fit.loglik, abs=1e-9)


def test_every_penalty_meets_the_optimality_conditions() -> None:
    event, x = _answers(p=120)
    scale = x.std(axis=0)
    offset = 0.2 * x[:, 5]

    path = logistic_path(event, x, settings=settings_of(penalties=15), offset=offset)

    assert path.support[0] == 0
    for step, penalty in enumerate(path.penalties):
        chance = 1 / (1 + np.exp(-path.linear_predictor(x, step=step) - offset))
        beta = path.coefficients[step] * scale
        score = ((x - x.mean(axis=0)) / scale).T @ (event - chance) / 80 - 0.1 * penalty * beta
        l1 = 0.9 * penalty
        off = np.where(
            beta == 0, np.maximum(np.abs(score) - l1, 0), np.abs(score - l1 * np.sign(beta))
        )
        assert off.max() <= 1.01e-4 * penalty
        assert abs((event - chance).mean()) <= 1.01e-4 * penalty


def test_refuses_one_answer_and_dependent_columns() -> None:
    event, x = _answers()

    with pytest.raises(DataError, match="both answers"):
        fit_logistic(np.ones(80, np.bool_), x)
    x[:, 3] = x[:, 0] - x[:, 1]
    with pytest.raises(DataError, match="column 3 needs values of its own"):
        fit_logistic(event, x)
