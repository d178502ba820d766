import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.region import Region
from operandi.imaging.radiomics.statistics import intensity_statistics
from tests.imaging.radiomics.regions import (
    a_region,
    by_tag,
    outside_tolerance,
    prepared,
    reference,
)
from tests.shared_data import needs_shared_data


def _of(values: list[float]) -> dict[str, Feature]:
    return by_tag(intensity_statistics(a_region([[values]], [[[True] * len(values)]])))


@needs_shared_data
@pytest.mark.parametrize(
    "configuration", ["dig_phantom", "chest_config_a", "chest_config_b", "chest_config_c"]
)
def test_agrees_with_ibsi(configuration: str) -> None:
    """IBSI 1 reference values: every ``stat_`` row."""
    found = by_tag(intensity_statistics(prepared(configuration)))

    assert outside_tolerance(found, reference(configuration, "stat_")) == {}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1000, 1000), min_size=2, max_size=60, unique=True))
def test_agrees_with_numpy_and_scipy(values: list[float]) -> None:
    found = {tag: f.value for tag, f in _of(values).items()}

    x = np.array(values)
    p10, p25, p75, p90 = np.percentile(x, [10, 25, 75, 90])
    robust = x[(x >= p10) & (x <= p90)]
    expected = {
        "stat_mean": x.mean(),
        "stat_var": x.var(),
        "stat_median": np.median(x),
        "stat_p10": p10,
        "stat_p90": p90,
        "stat_iqr": p75 - p25,
        "stat_mad": np.abs(x - x.mean()).mean(),
        "stat_rmad": np.abs(robust - robust.mean()).mean() if robust.size else 0.0,
        "stat_medad": np.abs(x - np.median(x)).mean(),
        "stat_rms": np.sqrt(np.square(x).mean()),
    }
    if x.var() > 1e-3:
        expected["stat_skew"] = stats.skew(x)
        expected["stat_kurt"] = stats.kurtosis(x)
    for tag, value in expected.items():
        assert found[tag] == pytest.approx(value, rel=1e-6, abs=1e-6), tag


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-50, 50), min_size=3, max_size=40),
    st.floats(0.1, 10.0),
    st.floats(-100, 100),
)
def test_shift_and_scale_move_what_they_should(
    whole: list[int], scale: float, shift: float
) -> None:
    values = [float(v) for v in whole]
    plain, moved = _of(values), _of([v * scale + shift for v in values])

    for tag in ("mean", "median", "min", "p10", "p90", "max"):
        expected = (plain[f"stat_{tag}"].value or 0.0) * scale + shift
        assert moved[f"stat_{tag}"].value == pytest.approx(expected, abs=1e-9), tag
    for tag in ("iqr", "range", "mad", "medad"):
        expected = (plain[f"stat_{tag}"].value or 0.0) * scale
        assert moved[f"stat_{tag}"].value == pytest.approx(expected, abs=1e-9), tag


def test_equal_values_have_no_skewness_and_the_reason_is_said() -> None:
    found = _of([4.0, 4.0, 4.0])

    assert found["stat_var"].value == 0.0
    assert found["stat_skew"].absent.startswith("the values have no spread")
    assert found["stat_kurt"].absent.startswith("the values have no spread")


def test_ratios_to_zero_are_absent() -> None:
    found = _of([-1.0, 1.0])

    assert found["stat_cov"].absent == "the mean is 0"
    assert found["stat_qcod"].absent == "the quartiles sum to 0"


def test_nothing_left_leaves_nothing() -> None:
    inside = np.ones((1, 1, 2), dtype=np.bool_)
    found = intensity_statistics(Region(np.ones((1, 1, 2)), inside, ~inside, (1.0, 1.0, 1.0)))

    assert len(found) == 18
    assert {f.absent for f in found} == {"re-segmentation left no voxel"}


def test_equal_values_whose_sum_rounds_have_no_shape() -> None:
    """Ten times 0.1 is not 1: the mean must not lie beside the values for that."""
    found = _of([0.1] * 10)

    assert found["stat_var"].value == 0.0
    assert found["stat_skew"].value is None
    assert found["stat_kurt"].value is None
