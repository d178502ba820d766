"""Co-occurrence features of arrays small enough to work out by hand."""

import numpy as np
import pytest

from operandi.imaging.radiomics.settings import Dimension
from operandi.imaging.radiomics.texture import texture_features
from tests.imaging.radiomics.texture_cases import by_tag, levels_of, texture_settings


def test_two_voxels_of_levels_one_and_three() -> None:
    """By hand: p(1, 3) = p(3, 1) = 1/2, Ng = 4."""
    levels = levels_of([[[1], [3]]], 4)

    values = by_tag(texture_features(levels, levels.values > 0, texture_settings(Dimension.VOLUME)))

    expected = {
        "cm_joint_max": 1 / 2,
        "cm_joint_avg": 2.0,
        "cm_joint_var": 1.0,
        "cm_joint_entr": 1.0,
        "cm_diff_entr": 0.0,
        "cm_sum_var": 0.0,
        "cm_contrast": 4.0,
        "cm_inv_diff": 1 / 3,
        "cm_inv_diff_norm": 1 / (1 + 2 / 4),
        "cm_inv_diff_mom_norm": 1 / (1 + 4 / 16),
        "cm_inv_var": 1 / 4,
        "cm_corr": -1.0,
        "cm_auto_corr": 3.0,
        "cm_info_corr1": -1.0,
        "cm_info_corr2": (1 - np.exp(-2)) ** 0.5,
    }
    assert {tag: values[tag] for tag in expected} == pytest.approx(expected)


def test_levels_far_from_zero_lose_no_digits() -> None:
    """Variances and the third and fourth moments do not depend on where the levels lie."""
    low = levels_of(np.random.default_rng(2).integers(1, 5, (5, 5, 5)))
    high = levels_of(low.values + 900_000)
    settings = texture_settings(Dimension.VOLUME)
    inside = low.values > 0

    ours, theirs = (by_tag(texture_features(levels, inside, settings)) for levels in (low, high))

    for tag in ("cm_joint_var", "cm_sum_var", "cm_clust_shade", "cm_clust_prom", "cm_corr"):
        assert theirs[tag] == pytest.approx(ours[tag], rel=1e-6), tag
