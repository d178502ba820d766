"""Prediction instability by hand."""

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.metrics.instability import prediction_instability


def test_instability_by_hand() -> None:
    """First participant 0.3 beside 0.1, 0.6: differences 0.2, 0.3; one of two crosses 0.5."""
    found = prediction_instability(
        np.array([0.3, 0.8]),
        np.array([[0.1, 0.8], [0.6, 0.8]]),
        thresholds=np.array([0.2, 0.5]),
    )

    np.testing.assert_allclose(found.mean_absolute_difference, [0.25, 0.0])
    np.testing.assert_allclose(found.changed_class, [[0.5, 0.5], [0.0, 0.0]])
    assert found.average == pytest.approx(0.125)
    assert found.refits == 2


def test_refits_that_agree_are_stable() -> None:
    original = np.linspace(0.1, 0.9, 9)

    found = prediction_instability(original, np.tile(original, (5, 1)), thresholds=np.array([0.5]))

    assert found.average == 0.0
    np.testing.assert_array_equal(found.low, original)
    np.testing.assert_array_equal(found.high, original)


def test_refuses_a_refit_without_a_prediction() -> None:
    with pytest.raises(DataError, match="every refit"):
        prediction_instability(
            np.array([0.5]), np.array([[0.4], [np.nan]]), thresholds=np.array([0.5])
        )


def test_refuses_refits_of_other_participants() -> None:
    with pytest.raises(DataError, match="each of 2 participants"):
        prediction_instability(np.array([0.5, 0.6]), np.zeros((10, 3)), thresholds=np.array([0.5]))
