"""Intraclass correlations against Shrout and Fleiss and against limiting cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.metrics.agreement import IccForm, shrout_fleiss_icc

FORMS: tuple[IccForm, ...] = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)")
SHROUT_FLEISS = np.array(
    [
        [9.0, 2.0, 5.0, 8.0],
        [6.0, 1.0, 3.0, 2.0],
        [8.0, 4.0, 6.0, 8.0],
        [7.0, 1.0, 2.0, 6.0],
        [10.0, 5.0, 6.0, 9.0],
        [6.0, 2.0, 4.0, 7.0],
    ]
)


@pytest.mark.parametrize(
    ("form", "value", "low", "high"),
    [
        ("ICC(1,1)", 0.1657, -0.1329, 0.7226),
        ("ICC(2,1)", 0.2898, 0.0188, 0.7611),
        ("ICC(3,1)", 0.7148, 0.3425, 0.9459),
    ],
)
def test_the_table_of_shrout_and_fleiss(
    form: IccForm, value: float, low: float, high: float
) -> None:
    """Values: the paper, table 4. Intervals: as R psych::ICC prints (recalled)."""
    found = shrout_fleiss_icc(SHROUT_FLEISS, form=form)

    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=6e-5)
    assert (found.subjects, found.raters) == (6, 4)


@pytest.mark.parametrize("form", FORMS)
@given(scale=st.floats(0.01, 100.0), shift=st.floats(-100.0, 100.0))
def test_units_change_nothing(form: IccForm, scale: float, shift: float) -> None:
    before = shrout_fleiss_icc(SHROUT_FLEISS, form=form)

    after = shrout_fleiss_icc(scale * SHROUT_FLEISS + shift, form=form)

    assert (after.value, after.low, after.high) == pytest.approx(
        (before.value, before.low, before.high), abs=1e-7
    )


def test_a_rater_who_always_adds_spoils_agreement_but_not_consistency() -> None:
    subject = np.array([1.0, 3.0, 5.0, 9.0])
    ratings = np.column_stack([subject, subject + 4.0])

    assert shrout_fleiss_icc(ratings, form="ICC(3,1)").value == pytest.approx(1.0)
    assert shrout_fleiss_icc(ratings, form="ICC(2,1)").value < 0.7


@pytest.mark.parametrize("form", FORMS)
def test_equal_measurements_agree_wholly(form: IccForm) -> None:
    ratings = np.repeat(np.array([[1.0], [2.0], [4.0]]), 3, axis=1)

    assert shrout_fleiss_icc(ratings, form=form).value == pytest.approx(1.0)


def test_refuses_an_incomplete_table() -> None:
    ratings = SHROUT_FLEISS.copy()
    ratings[2, 1] = np.nan

    with pytest.raises(DataError, match="row 2 lacks one"):
        shrout_fleiss_icc(ratings, form="ICC(1,1)")


def test_refuses_values_that_are_all_equal() -> None:
    with pytest.raises(DataError, match="all are equal"):
        shrout_fleiss_icc(np.ones((4, 2)), form="ICC(1,1)")
