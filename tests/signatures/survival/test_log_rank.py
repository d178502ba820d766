"""Log-rank tests against R, and their invariants."""

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.data import RightCensored
from operandi.signatures.survival.log_rank import log_rank_test
from tests.shared_data import needs_shared_data
from tests.signatures.survival.cohorts import (
    a_right_censored,
    lung,
    numbers,
    reference_of_r,
    words,
)


@needs_shared_data
@pytest.mark.parametrize(("rho", "name"), [(0.0, "logrank_sex"), (1.0, "peto_sex")])
def test_lung_by_sex_as_r_has_it(rho: float, name: str) -> None:
    reference = reference_of_r()["lung"][name]
    found = log_rank_test(lung(), words("lung", "sex"), rho=rho)
    assert found.chi_square == pytest.approx(reference["chisq"], rel=1e-10)
    np.testing.assert_allclose(found.observed, reference["obs"], rtol=1e-10)
    np.testing.assert_allclose(found.expected, reference["exp"], rtol=1e-10)
    assert found.degrees_of_freedom == reference["df"]


@needs_shared_data
def test_four_cell_types_as_r_has_them() -> None:
    outcome = RightCensored(
        time=numbers("veteran", "time"), event=numbers("veteran", "status") == 1.0
    )
    reference = reference_of_r()["veteran"]["logrank_celltype"]
    found = log_rank_test(outcome, words("veteran", "celltype"))
    assert found.chi_square == pytest.approx(reference["chisq"], rel=1e-10)
    assert found.degrees_of_freedom == 3


def test_strata_that_repeat_the_same_data_double_the_statistic() -> None:
    outcome = a_right_censored([1, 3, 4, 6, 7, 9], [1, 1, 0, 1, 1, 1])
    groups = ["a", "a", "b", "a", "b", "b"]
    twice = RightCensored(time=np.tile(outcome.time, 2), event=np.tile(outcome.event, 2))
    once = log_rank_test(outcome, groups)
    both = log_rank_test(twice, groups * 2, strata=["x"] * 6 + ["y"] * 6)
    assert both.chi_square == pytest.approx(2.0 * once.chi_square)


def test_a_group_that_leaves_before_the_first_event_costs_no_degree() -> None:
    outcome = a_right_censored([1, 5, 6, 7, 8], [0, 1, 1, 1, 0])
    found = log_rank_test(outcome, ["gone", "a", "b", "a", "b"])
    assert found.degrees_of_freedom == 1


def test_refuses_one_group_and_no_events() -> None:
    with pytest.raises(DataError, match="two or more groups"):
        log_rank_test(a_right_censored([1, 2], [1, 1]), ["a", "a"])
    with pytest.raises(DataError, match="there is none"):
        log_rank_test(a_right_censored([1, 2], [0, 0]), ["a", "b"])
    with pytest.raises(DataError, match="for each of 2"):
        log_rank_test(a_right_censored([1, 2], [1, 1]), ["a", "b", "b"])
