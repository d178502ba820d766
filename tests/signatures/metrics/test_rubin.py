"""Rubin's rules against R mice and limiting cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.metrics.rubin import pool_rubin

Q = np.array([1.0, 2.0, 1.5, 1.8, 1.2])
U = np.array([0.1, 0.12, 0.09, 0.11, 0.1])


def test_five_imputations_pool_as_in_r() -> None:
    """R mice ``pool.scalar(Q, U, n = 80)``: T 0.308, df 6.75229389743."""
    found = pool_rubin(Q, U, complete_degrees_of_freedom=79.0)

    assert found.value[0] == pytest.approx(1.5)
    assert found.variance[0] == pytest.approx(0.308, abs=1e-12)
    assert found.degrees_of_freedom[0] == pytest.approx(6.75229389743, abs=1e-10)
    assert found.missing_information[0] == pytest.approx(0.204 / 0.308)


def test_a_large_table_has_rubins_own_degrees_of_freedom() -> None:
    """(m - 1) / lambda^2 = 4 / (0.204 / 0.308)^2."""
    found = pool_rubin(Q, U)

    assert found.degrees_of_freedom[0] == pytest.approx(4 / (0.204 / 0.308) ** 2)


def test_imputations_that_agree_leave_the_complete_table() -> None:
    """No missing information: df = (v + 1) / (v + 3) v, and inf for an unlimited table."""
    same = np.full((5, 1), 2.0)

    limited = pool_rubin(same, np.full((5, 1), 0.3), complete_degrees_of_freedom=79.0)
    unlimited = pool_rubin(same, np.full((5, 1), 0.3))

    assert limited.degrees_of_freedom[0] == pytest.approx(80 / 82 * 79)
    assert unlimited.degrees_of_freedom[0] == np.inf
    low, high = unlimited.interval()
    assert (low[0], high[0]) == pytest.approx((2 - 1.959964 * 0.3**0.5, 2 + 1.959964 * 0.3**0.5))


@given(st.permutations(range(5)))
def test_the_order_of_imputations_changes_nothing(order: list[int]) -> None:
    found, again = pool_rubin(Q, U), pool_rubin(Q[order], U[order])

    assert again.variance[0] == pytest.approx(found.variance[0])
    assert again.p_values()[0] == pytest.approx(found.p_values()[0])


def test_refuses_a_single_imputation() -> None:
    with pytest.raises(DataError, match="two or more imputations"):
        pool_rubin(np.array([1.0]), np.array([0.1]))


def test_refuses_a_variance_of_zero() -> None:
    with pytest.raises(DataError, match="variances > 0"):
        pool_rubin(Q, np.zeros(5))
