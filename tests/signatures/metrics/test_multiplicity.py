"""Adjusted p values by hand and by their invariants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.metrics.multiplicity import benjamini_hochberg, holm

P = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


def test_holm_by_hand() -> None:
    """Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.06 (R p.adjust)."""
    found = holm(np.array([0.04, 0.01, 0.03, 0.02]))

    np.testing.assert_allclose(found, [0.06, 0.04, 0.06, 0.06], atol=1e-15)


def test_benjamini_hochberg_by_hand() -> None:
    """0.01, 0.02, 0.03, 0.5 times 4/1, 4/2, 4/3, 1: 0.04, 0.04, 0.04, 0.5 (R p.adjust)."""
    found = benjamini_hochberg(np.array([0.5, 0.01, 0.03, 0.02]))

    np.testing.assert_allclose(found, [0.5, 0.04, 0.04, 0.04], atol=1e-15)


@given(P)
def test_adjusted_values_lie_between_raw_and_bonferroni_in_the_same_order(raw: list[float]) -> None:
    p = np.array(raw)
    fdr, family = benjamini_hochberg(p), holm(p)

    assert np.all(p <= fdr + 1e-15)
    assert np.all(fdr <= family + 1e-15)
    assert np.all(family <= np.minimum(p.size * p, 1.0) + 1e-15)
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(family[order]) >= 0.0)
    assert np.all(np.diff(fdr[order]) >= 0.0)


def test_refuses_a_p_value_that_is_missing() -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        holm(np.array([0.2, np.nan]))
