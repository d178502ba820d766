"""Random effects against R metafor and limiting cases."""

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.metrics.heterogeneity import pool_site_concordance, pool_sites

# Colditz et al., JAMA 271:698, 1994 (R metafor dat.bcg): cases and others, vaccinated and not.
BCG = np.array(
    [
        [4, 119, 11, 128],
        [6, 300, 29, 274],
        [3, 228, 11, 209],
        [62, 13536, 248, 12619],
        [33, 5036, 47, 5761],
        [180, 1361, 372, 1079],
        [8, 2537, 10, 619],
        [505, 87886, 499, 87892],
        [29, 7470, 45, 7232],
        [17, 1699, 65, 1600],
        [186, 50448, 141, 27197],
        [5, 2493, 3, 2338],
        [27, 16886, 29, 17825],
    ],
    dtype=np.float64,
)


def test_thirteen_trials_pool_as_in_metafor() -> None:
    """metafor ``rma(yi, vi, method = "REML", test = "knha")`` of dat.bcg, recalled."""
    vaccinated, others = BCG[:, :2].sum(axis=1), BCG[:, 2:].sum(axis=1)
    ratio = np.log(BCG[:, 0] / vaccinated) - np.log(BCG[:, 2] / others)
    variance = 1 / BCG[:, 0] - 1 / vaccinated + 1 / BCG[:, 2] - 1 / others

    found = pool_sites(ratio, variance)

    assert found.pooled == pytest.approx(-0.7145, abs=5e-5)
    assert found.tau_squared == pytest.approx(0.3132, abs=5e-5)
    assert found.i_squared == pytest.approx(0.9222, abs=5e-5)
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    assert (found.low, found.high) == pytest.approx((-1.1084, -0.3206), abs=5e-5)


def test_sites_that_agree_have_no_variance_between_them() -> None:
    found = pool_sites(np.full(5, 0.3), np.full(5, 0.04))

    assert (found.pooled, found.tau_squared, found.i_squared) == pytest.approx((0.3, 0.0, 0.0))


def test_two_sites_that_happen_to_agree_are_not_certain() -> None:
    """By hand: weights of 25 and 25, so an error of sqrt(1 / 50), t with 1 degree is 12.706."""
    found = pool_sites(np.full(2, 0.3), np.full(2, 0.04))

    assert found.standard_error == pytest.approx(0.02**0.5)
    assert found.high - found.low == pytest.approx(2 * 12.7062047 * 0.02**0.5)


def test_concordance_pools_within_zero_and_one() -> None:
    found = pool_site_concordance(
        np.array([0.95, 0.6, 0.55, 0.9, 0.7]), np.array([0.05, 0.1, 0.1, 0.06, 0.08])
    )

    assert found.predicted_low is not None
    assert found.predicted_high is not None
    assert (
        0 < found.predicted_low < found.low < found.pooled < found.high < found.predicted_high < 1
    )


def test_two_sites_do_not_say_where_a_third_would_lie() -> None:
    found = pool_sites(np.array([0.2, 0.4]), np.array([0.04, 0.05]))

    assert found.predicted_low is None
    assert "three sites" in found.reason


def test_refuses_a_site_whose_concordance_is_one() -> None:
    with pytest.raises(DataError, match="both excluded"):
        pool_site_concordance(np.array([1.0, 0.6]), np.array([0.1, 0.1]))


def test_refuses_a_single_site() -> None:
    with pytest.raises(DataError, match="two or more sites"):
        pool_sites(np.array([0.6]), np.array([0.1]))
