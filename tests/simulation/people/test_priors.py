"""Bounded scores have mean 0 and variance 1; priors give back the mean and spread they state."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import truncnorm

from operandi.simulation.people.priors import BOUND, PersonalPrior, bounded_scores

_EVEN = (np.arange(200_000) + 0.5) / 200_000  # the uniform distribution, without chance


def a_prior(*, mean: float = 5.0, spread: float = 2.0, law: str = "log-normal") -> PersonalPrior:
    assert law in {"log-normal", "normal"}
    return PersonalPrior(
        mean=mean,
        spread=spread,
        unit="1",
        source="assumed",
        law="normal" if law == "normal" else "log-normal",
    )


def test_bounded_scores_are_those_of_a_cut_normal_distribution() -> None:
    """Against SciPy's truncated normal, rescaled by its own standard deviation."""
    cut = truncnorm(-BOUND, BOUND)

    shares = [0.001, 0.2, 0.4, 0.999]
    np.testing.assert_allclose(bounded_scores(shares), cut.ppf(shares) / cut.std())


@given(cv=st.floats(0.01, 1.0), mean=st.floats(1e-4, 1e4), law=st.sampled_from(["normal", "log"]))
def test_a_prior_at_bounded_scores_has_its_mean_and_spread(
    cv: float, mean: float, law: str
) -> None:
    prior = a_prior(mean=mean, spread=cv * mean, law="normal" if law == "normal" else "log-normal")

    values = prior.at(bounded_scores(_EVEN))

    assert values.mean() == pytest.approx(mean, rel=1e-3)
    assert values.std() == pytest.approx(cv * mean, rel=1e-3)


def test_a_prior_at_normal_scores_has_its_mean_and_spread() -> None:
    values = a_prior().at(ndtri(_EVEN), bounded=False)

    assert values.mean() == pytest.approx(5.0, rel=1e-3)
    assert values.std() == pytest.approx(2.0, rel=5e-3)


def test_what_does_not_differ_between_people_is_the_same_at_any_score() -> None:
    np.testing.assert_allclose(a_prior(spread=0.0).at([-2.0, 0.0, 2.0]), 5.0)


@pytest.mark.parametrize(
    "faulty", [{"spread": -1.0}, {"source": ""}, {"mean": 0.0}], ids=["spread", "source", "mean"]
)
def test_refuses_a_prior_without_source_or_sense(faulty: dict[str, float | str]) -> None:
    with pytest.raises(ValueError, match="prior needs"):
        PersonalPrior(**{"mean": 1.0, "spread": 1.0, "unit": "1", "source": "assumed", **faulty})  # type: ignore[arg-type]
