"""What an outcome says of itself before it is analyzed."""

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.data import IntervalCensored
from operandi.signatures.survival.conditions import (
    LEAST_EVENTS,
    OutcomeCondition,
    conditions_of,
    refuse_all_censored,
)
from tests.signatures.survival.cohorts import a_right_censored


def test_fewer_than_ten_events_are_few() -> None:
    nine = a_right_censored([float(t) for t in range(1, 31)], [1] * 9 + [0] * 21)
    ten = a_right_censored([float(t) for t in range(1, 31)], [1] * LEAST_EVENTS + [0] * 20)
    assert conditions_of(nine) == (OutcomeCondition.FEW_EVENTS,)
    assert conditions_of(ten) == ()


def test_no_events_are_few_too_and_refused_by_models() -> None:
    outcome = IntervalCensored(left=np.array([1.0, 2.0]), right=np.array([np.inf, np.inf]))
    assert conditions_of(outcome) == (OutcomeCondition.NO_EVENTS, OutcomeCondition.FEW_EVENTS)
    with pytest.raises(DataError, match="A model needs one or more events; all 2"):
        refuse_all_censored(outcome, what="A model")


def test_events_only_are_named() -> None:
    everybody = a_right_censored([float(t) for t in range(1, 13)], [1] * 12)
    assert conditions_of(everybody) == (OutcomeCondition.NOBODY_CENSORED,)
