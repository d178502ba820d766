"""Settings that mean nothing are refused where they are made, not where they are used."""

import math
from dataclasses import replace
from typing import Any

import pytest

from operandi.imaging.radiomics.settings import FixedBinSize
from operandi.quantities.errors import DataError
from tests.imaging.radiomics.regions import PLAIN


@pytest.mark.parametrize(
    "changed",
    [
        {"rounding": 0.0},
        {"rounding": -1.0},
        {"outlier_sigmas": 0.0},
        {"outlier_sigmas": math.nan},
        {"lower": math.nan},
        {"lower": -math.inf},
        {"upper": math.inf},
        {"lower": 5.0, "upper": 1.0},
        {"mask_threshold": 0.0},
        {"mask_threshold": 1.5},
        {"mask_threshold": math.nan},
        {"spacing_mm": (0.0, 1.0, 1.0)},
        {"spacing_mm": (math.inf, 1.0, 1.0)},
        {"spacing_mm": (math.nan, 1.0, 1.0)},
    ],
)
def test_settings_without_meaning_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        replace(PLAIN, **changed)


@pytest.mark.parametrize(("width", "start"), [(math.inf, None), (math.nan, None), (1.0, math.nan)])
def test_a_bin_size_is_finite(width: float, start: float | None) -> None:
    with pytest.raises(DataError):
        FixedBinSize(width=width, start=start)


def test_a_range_of_one_value_is_a_range() -> None:
    assert replace(PLAIN, lower=1.0, upper=1.0).upper == 1.0


def test_equal_settings_have_one_digest() -> None:
    whole, real = (
        replace(
            PLAIN, spacing_mm=(one, one, one), lower=one, discretization=FixedBinSize(width=one)
        )
        for one in (3, 3.0)
    )

    assert whole == real
    assert whole.digest == real.digest
