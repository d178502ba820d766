"""The settings of IBSI's benchmarks, and of the consensus of nine packages.

References
----------
.. [1] IBSI reference manual, arXiv:1612.07003, chapter 5: digital phantom, configurations A to C.
.. [2] Zwanenburg et al., Radiology 295:328, 2020 (phase III: soft tissue sarcoma).
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    FixedBinSize,
    Interpolation,
    RadiomicsSettings,
)

PLANES: Final = (
    Dimension.SLICES_AVERAGED,
    Dimension.SLICES_MERGED,
    Dimension.DIRECTIONS_MERGED,
    Dimension.MERGED,
)
VOLUMES: Final = (Dimension.VOLUME_AVERAGED, Dimension.VOLUME)

DIGITAL_PHANTOM: Final = RadiomicsSettings(
    dimension=Dimension.VOLUME,
    spacing_mm=None,
    interpolation=Interpolation.LINEAR,
    mask_interpolation=Interpolation.LINEAR,
    mask_threshold=0.5,
    rounding=None,
    lower=None,
    upper=None,
    outlier_sigmas=None,
    # Its intensities are its levels, 1 to 6.
    discretization=FixedBinSize(width=1.0, start=1.0),
    volume_histogram=None,
)
"""Taken as it is."""

CONFIGURATION_A: Final = replace(
    DIGITAL_PHANTOM,
    dimension=Dimension.MERGED,
    lower=-500.0,
    upper=400.0,
    discretization=FixedBinSize(width=25.0),
)
"""CT phantom in planes, as it is."""

CONFIGURATION_B: Final = replace(
    CONFIGURATION_A,
    spacing_mm=(2.0, 2.0, 3.0),
    rounding=1.0,
    discretization=FixedBinNumber(bins=32),
)
"""CT phantom in planes, interpolated to 2 mm."""

CONFIGURATION_C: Final = replace(
    CONFIGURATION_A,
    dimension=Dimension.VOLUME,
    spacing_mm=(2.0, 2.0, 2.0),
    rounding=1.0,
    lower=-1000.0,
    volume_histogram=FixedBinSize(width=2.5),
)
"""CT phantom in space, interpolated to 2 mm."""

_SARCOMA: Final = replace(
    CONFIGURATION_C, interpolation=Interpolation.CUBIC, rounding=None, upper=None
)
SARCOMA: Final[Mapping[str, RadiomicsSettings]] = MappingProxyType(
    {
        "CT": replace(
            _SARCOMA,
            spacing_mm=(1.0, 1.0, 1.0),
            rounding=1.0,
            lower=-200.0,
            upper=200.0,
            discretization=FixedBinSize(width=10.0),
            volume_histogram=None,
        ),
        "MR_T1": replace(
            _SARCOMA,
            spacing_mm=(1.0, 1.0, 1.0),
            lower=0.0,
            discretization=FixedBinSize(width=10.0),
            volume_histogram=FixedBinSize(width=1.0),
        ),
        "PET": replace(
            _SARCOMA,
            spacing_mm=(3.0, 3.0, 3.0),
            lower=0.0,
            discretization=FixedBinSize(width=0.25),
            volume_histogram=FixedBinSize(width=0.1),
        ),
    }
)
"""Soft tissue sarcoma in space, by modality."""

FILTERED_A: Final = replace(
    DIGITAL_PHANTOM,
    dimension=Dimension.MERGED,
    lower=-1000.0,
    upper=400.0,
    discretization=FixedBinNumber(bins=32),
)
"""CT phantom of IBSI 2, filtered slice by slice as it is."""

FILTERED_B: Final = replace(
    FILTERED_A,
    dimension=Dimension.VOLUME,
    spacing_mm=(1.0, 1.0, 1.0),
    interpolation=Interpolation.CUBIC,
    rounding=1.0,
)
"""CT phantom of IBSI 2, filtered in space at 1 mm."""
