import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.therapy.priors import Distribution, Evidence, Prior, fixed
from tests.therapy.potentiation_builders import between, known


def test_a_further_prior_leaves_the_draws_of_the_others_alone() -> None:
    prior = between("a", 1.0, 2.0)

    np.testing.assert_array_equal(prior.draw(samples=50, seed=3), prior.draw(samples=50, seed=3))
    assert not np.array_equal(
        prior.draw(samples=50, seed=3), between("b", 1.0, 2.0).draw(samples=50, seed=3)
    )


def test_low_and_high_of_a_log_normal_prior_hold_ninety_percent() -> None:
    prior = Prior(
        name="x",
        distribution=Distribution.LOG_NORMAL,
        low=0.5,
        high=2.0,
        evidence=Evidence.RECALLED,
        source="a test",
    )
    drawn = prior.draw(samples=10_000, seed=5)

    assert np.mean((drawn > 0.5) & (drawn < 2.0)) == pytest.approx(0.9, abs=1e-3)
    assert prior.median == pytest.approx(1.0)


def test_refuses_a_negative_multiplier() -> None:
    with pytest.raises(DataError, match="not negative"):
        known("alpha times", -0.5)


def test_refuses_a_prior_without_provenance() -> None:
    with pytest.raises(DataError, match="provenance"):
        fixed(name="alpha times", value=1.0, evidence=Evidence.ASSUMED, source=" ")
