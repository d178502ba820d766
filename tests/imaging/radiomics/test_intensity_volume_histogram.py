import numpy as np
import pytest

from operandi.imaging.radiomics.intensity_volume_histogram import intensity_volume_features
from operandi.imaging.radiomics.region import Region
from operandi.imaging.radiomics.settings import FixedBinNumber, FixedBinSize
from operandi.quantities.errors import DataError
from tests.imaging.radiomics.regions import (
    CONFIGURATIONS,
    a_region,
    by_tag,
    outside_tolerance,
    prepared,
    reference,
    settings,
)
from tests.shared_data import needs_shared_data


@needs_shared_data
@pytest.mark.parametrize(
    "configuration", ["dig_phantom", "chest_config_a", "chest_config_b", "chest_config_c"]
)
def test_agrees_with_ibsi(configuration: str) -> None:
    """IBSI 1 reference values: every ``ivh_`` row that carries a value."""
    wanted = CONFIGURATIONS[configuration]

    found = by_tag(intensity_volume_features(prepared(configuration), wanted))

    assert outside_tolerance(found, reference(configuration, "ivh_")) == {}


def _ramp() -> Region:
    """Intensities 0 to 10, one voxel each."""
    return a_region(np.arange(11.0).reshape(1, 1, 11), np.ones((1, 1, 11)))


def test_unit_levels_by_hand() -> None:
    """Of eleven voxels 0 to 10, ten have at least 1 (10 % of the range); one has 9.1 % or fewer."""
    found = {
        tag: f.value
        for tag, f in by_tag(
            intensity_volume_features(_ramp(), settings(volume_histogram=None))
        ).items()
    }

    assert found["ivh_v10"] == pytest.approx(10 / 11)
    assert found["ivh_v90"] == pytest.approx(2 / 11)
    assert (found["ivh_i10"], found["ivh_i90"]) == (10.0, 2.0)
    assert found["ivh_auc"] == pytest.approx((11 + 1) / 2 / 11)


def test_range_of_resegmentation_is_the_range_of_the_histogram() -> None:
    wanted = settings(volume_histogram=None, lower=-10.0, upper=30.0)

    found = by_tag(intensity_volume_features(_ramp(), wanted))

    assert found["ivh_v10"].value == 1.0
    assert found["ivh_v90"].value == 0.0


def test_fixed_bin_size_speaks_of_bin_centers() -> None:
    wanted = settings(volume_histogram=FixedBinSize(width=5.0, start=0.0))

    found = by_tag(intensity_volume_features(_ramp(), wanted))

    assert found["ivh_i10"].value == 12.5  # the bin of 10 has one voxel of eleven
    assert found["ivh_i90"].value == 7.5


def test_fixed_bin_number_speaks_of_levels() -> None:
    wanted = settings(volume_histogram=FixedBinNumber(bins=1000))

    found = by_tag(intensity_volume_features(_ramp(), wanted))

    assert found["ivh_i10"].value == 902.0  # the level after that of 9, which two voxels have
    assert found["ivh_v10"].value == pytest.approx(10 / 11)


def test_more_than_a_tenth_in_the_highest_level_gives_the_level_above() -> None:
    region = a_region([[[1.0, 2.0, 2.0]]], [[[True] * 3]])

    found = by_tag(intensity_volume_features(region, settings(volume_histogram=None)))

    assert found["ivh_i10"].value == 3.0


def test_one_level_has_no_range() -> None:
    region = a_region([[[2.0, 2.0]]], [[[True] * 2]])

    found = by_tag(intensity_volume_features(region, settings(volume_histogram=None)))

    assert found["ivh_v10"].absent == "one level has no range"
    assert found["ivh_i10"].value == 3.0


def test_nothing_left_leaves_nothing() -> None:
    inside = np.ones((1, 1, 2), dtype=np.bool_)
    region = Region(np.ones((1, 1, 2)), inside, ~inside, (1.0, 1.0, 1.0))

    assert all(f.absent for f in intensity_volume_features(region, settings()))


def test_a_fixed_number_of_bins_of_one_value_has_no_range() -> None:
    region = a_region(np.full((1, 1, 5), 3.0), np.ones((1, 1, 5)))

    found = by_tag(intensity_volume_features(region, settings()))

    assert found["ivh_v10"].value is None


def test_an_upper_end_that_is_none_is_refused() -> None:
    wanted = settings(volume_histogram=None, lower=0.0, upper=1e13)

    with pytest.raises(DataError, match="levels"):
        intensity_volume_features(_ramp(), wanted)
