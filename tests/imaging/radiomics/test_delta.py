import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.imaging.radiomics.delta import Visit, change
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.robustness import Robustness, robustness_of
from operandi.quantities.errors import DataError

DIGEST = "d" * 64
BASELINE, AFTER_SIX_WEEKS = date(2026, 3, 2), date(2026, 4, 13)


def a_visit(
    value: float | None = 10.0,
    *,
    day: date | None = BASELINE,
    tag: str = "stat_mean",
    settings: str = DIGEST,
) -> Visit:
    absent = "" if value is not None else "one voxel has no spread"
    return Visit(feature=Feature(tag, value, absent), day=day, settings=settings)


def a_robustness() -> Robustness:
    """Repeats 9 and 11, 18 and 22: within-lesion SD sqrt(5), detectable 6.198."""
    values = np.array([[[9.0, 11.0], [18.0, 22.0]]])
    return robustness_of(values, features=["stat_mean"], settings=DIGEST)[0]


def test_a_change_in_all_its_forms() -> None:
    """From 10 to 25 in six weeks."""
    found = change(a_visit(10.0), a_visit(25.0, day=AFTER_SIX_WEEKS), robustness=a_robustness())

    assert found.absolute.value == 15.0
    assert found.percent.value == 150.0
    assert found.per_week.value == 2.5
    assert found.log_ratio.value == pytest.approx(math.log(2.5))
    assert found.minimal_detectable == pytest.approx(1.95996 * math.sqrt(10.0), rel=1e-5)
    assert found.exceeds is True
    assert found.absolute.uncertainty.standard == pytest.approx(math.sqrt(10.0))
    assert found.per_week.uncertainty.standard == pytest.approx(math.sqrt(10.0) / 6.0)
    assert found.percent.uncertainty.standard == pytest.approx(
        100.0 * math.sqrt(5.0) * math.hypot(1.0, 2.5) / 10.0
    )
    assert found.log_ratio.uncertainty.standard == pytest.approx(math.log(11.0 / 9.0))


def test_a_change_within_repetition_is_not_called_one() -> None:
    found = change(a_visit(10.0), a_visit(16.0, day=AFTER_SIX_WEEKS), robustness=a_robustness())

    assert found.exceeds is False


def test_without_repeats_nothing_is_called_detectable() -> None:
    found = change(a_visit(10.0), a_visit(25.0, day=AFTER_SIX_WEEKS), robustness=None)

    assert (found.minimal_detectable, found.exceeds) == (None, None)
    assert found.absolute.value == 15.0
    assert found.absolute.uncertainty.standard is None
    assert found.absolute.uncertainty.basis == "no repeats of this feature"


def test_a_visit_without_the_feature_leaves_nothing() -> None:
    found = change(a_visit(None), a_visit(25.0), robustness=a_robustness())

    for quantity in (found.absolute, found.percent, found.per_week, found.log_ratio):
        assert quantity.value is None
        assert quantity.absent == "first visit: one voxel has no spread"
    assert found.exceeds is None


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (None, AFTER_SIX_WEEKS, "the day of a scan is not known"),
        (BASELINE, None, "the day of a scan is not known"),
        (BASELINE, BASELINE, "both scans are of one day"),
    ],
)
def test_a_weekly_change_needs_two_days(
    first: date | None, second: date | None, reason: str
) -> None:
    found = change(a_visit(10.0, day=first), a_visit(25.0, day=second), robustness=None)

    assert found.per_week.absent == reason
    assert found.absolute.value == 15.0


def test_zero_and_a_change_of_sign_have_no_ratio() -> None:
    from_zero = change(a_visit(0.0), a_visit(5.0), robustness=None)
    to_zero = change(a_visit(5.0), a_visit(0.0), robustness=None)
    crossing = change(a_visit(-5.0), a_visit(5.0), robustness=None)
    tiny = change(a_visit(5e-324), a_visit(1.0), robustness=None)

    assert from_zero.percent.absent == "a change relative to 0 is not defined"
    assert to_zero.percent.value == -100.0
    assert crossing.percent.value == 200.0
    assert tiny.percent.absent.startswith("the first value is too near 0")
    for one in (from_zero, to_zero, crossing):
        assert one.log_ratio.absent == "a ratio's logarithm needs two values of one sign"


def test_two_negative_values_have_a_ratio() -> None:
    found = change(a_visit(-2.0), a_visit(-4.0), robustness=None)

    assert found.percent.value == -100.0
    assert found.log_ratio.value == pytest.approx(math.log(2.0))


@given(first=st.floats(0.01, 1e6), second=st.floats(0.01, 1e6), factor=st.floats(0.01, 100.0))
def test_relative_changes_know_no_unit_and_logarithms_are_antisymmetric(
    first: float, second: float, factor: float
) -> None:
    plain = change(a_visit(first), a_visit(second), robustness=None)
    scaled = change(a_visit(factor * first), a_visit(factor * second), robustness=None)
    back = change(a_visit(second), a_visit(first), robustness=None)

    assert plain.percent.value is not None
    assert plain.log_ratio.value is not None
    assert scaled.percent.value == pytest.approx(plain.percent.value, rel=1e-9, abs=1e-6)
    assert back.log_ratio.value == pytest.approx(-plain.log_ratio.value, rel=1e-9, abs=1e-12)


def test_refuses_to_compare_what_was_computed_otherwise() -> None:
    with pytest.raises(DataError, match="one set of settings"):
        change(a_visit(), a_visit(settings="e" * 64), robustness=None)
    with pytest.raises(DataError, match="one set of settings"):
        change(a_visit(), a_visit(), robustness=replace(a_robustness(), settings="e" * 64))
    with pytest.raises(DataError, match="of one feature"):
        change(a_visit(), a_visit(tag="stat_var"), robustness=None)
    with pytest.raises(DataError, match="of one feature"):
        change(a_visit(), a_visit(), robustness=replace(a_robustness(), feature="stat_var"))
    with pytest.raises(DataError, match="before the first"):
        change(a_visit(day=AFTER_SIX_WEEKS), a_visit(day=BASELINE), robustness=None)
