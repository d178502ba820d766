import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.intensity_histogram import intensity_histogram_features
from operandi.imaging.radiomics.prepare import discretize
from operandi.imaging.radiomics.region import Levels
from tests.imaging.radiomics.regions import (
    CONFIGURATIONS,
    by_tag,
    outside_tolerance,
    prepared,
    reference,
)
from tests.shared_data import needs_shared_data


def _of(levels: list[int], *, count: int = 0) -> dict[str, Feature]:
    values = np.array([[levels]], dtype=np.int32)
    return by_tag(intensity_histogram_features(Levels(values, count or max(levels))))


@needs_shared_data
@pytest.mark.parametrize(
    "configuration", ["dig_phantom", "chest_config_a", "chest_config_b", "chest_config_c"]
)
def test_agrees_with_ibsi(configuration: str) -> None:
    """IBSI 1 reference values: every ``ih_`` row."""
    levels = discretize(prepared(configuration), CONFIGURATIONS[configuration])

    found = by_tag(intensity_histogram_features(levels))

    assert outside_tolerance(found, reference(configuration, "ih_")) == {}


def test_histogram_by_hand() -> None:
    """Levels 1, 1, 2, 4 of 4: counts 2, 1, 0, 1; gradients -1, -1, 0, 1."""
    found = {tag: f.value for tag, f in _of([1, 1, 2, 4]).items()}

    assert found["ih_entropy"] == pytest.approx(1.5)
    assert found["ih_uniformity"] == pytest.approx(6 / 16)
    assert found["ih_mode"] == 1.0
    assert (found["ih_max_grad"], found["ih_max_grad_g"]) == (1.0, 4.0)
    assert (found["ih_min_grad"], found["ih_min_grad_g"]) == (-1.0, 1.0)


def test_of_several_modes_the_one_nearest_the_mean_counts() -> None:
    assert _of([1, 1, 4, 4, 5])["ih_mode"].value == 4.0


def test_voxels_outside_do_not_count() -> None:
    assert _of([0, 0, 0, 2, 3])["ih_mean"].value == 2.5


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=60), st.integers(1, 9))
def test_levels_shift_without_changing_shape(levels: list[int], shift: int) -> None:
    plain, moved = _of(levels, count=30), _of([v + shift for v in levels], count=30)

    for tag in ("ih_var", "ih_entropy", "ih_uniformity", "ih_iqr", "ih_range", "ih_mad"):
        assert moved[tag].value == pytest.approx(plain[tag].value, abs=1e-9)
    assert moved["ih_mode"].value == pytest.approx((plain["ih_mode"].value or 0) + shift)


def test_one_level_has_no_gradient_and_no_entropy_left() -> None:
    found = _of([1, 1, 1])

    assert found["ih_entropy"].value == 0.0
    assert found["ih_max_grad"].absent == "one level has no gradient"


def test_empty_levels_leave_nothing() -> None:
    found = intensity_histogram_features(Levels(np.zeros((2, 2, 2), dtype=np.int32), 0))

    assert len(found) == 23
    assert all(f.absent for f in found)
