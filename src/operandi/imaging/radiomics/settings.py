"""How features are computed: the IBSI reporting items as one frozen record with a digest.

References
----------
.. [1] IBSI, The image biomarker standardisation initiative, reference manual, arXiv:1612.07003.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from enum import StrEnum

from operandi.quantities.errors import DataError


class Interpolation(StrEnum):
    """How values between voxels are found."""

    NEAREST = "nearest"
    LINEAR = "linear"
    CUBIC = "cubic"
    """Cubic B-spline that passes through the voxels."""


class Dimension(StrEnum):
    """Over what texture matrices are built and how they become one value (IBSI 3.6 to 3.11)."""

    SLICES_AVERAGED = "2D, averaged"
    """One matrix a slice (and direction), features averaged: aggregation 8QNN (2D:avg)."""
    SLICES_MERGED = "2D, slice-merged"
    """Matrices merged over the directions of a slice, features averaged over slices (2D:mrg)."""
    DIRECTIONS_MERGED = "2.5D, direction-merged"
    """Matrices merged over slices for each direction, features averaged (2.5D:dmrg)."""
    MERGED = "2.5D, merged"
    """One matrix of all slices and directions (2.5D:vmrg)."""
    VOLUME_AVERAGED = "3D, averaged"
    """One matrix a direction of the volume, features averaged (3D:avg)."""
    VOLUME = "3D, merged"
    """One matrix of the volume (3D:mrg)."""


def _as_floats(settings: object, *names: str) -> None:
    """Turn 3 into 3.0, so that equal settings have one digest."""
    for name in names:
        value = getattr(settings, name)
        if value is not None:
            object.__setattr__(settings, name, float(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedBinNumber:
    """Levels ``min(floor(n (x - min) / (max - min)) + 1, n)`` (IBSI K15C)."""

    bins: int

    def __post_init__(self) -> None:
        if self.bins < 2:
            raise DataError(f"A fixed bin number needs at least 2 bins, got {self.bins}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedBinSize:
    """Levels ``floor((x - start) / width) + 1`` (IBSI Q3RU).

    Parameters
    ----------
    width : float, > 0
        In the image's unit.
    start : float or None
        Lower bound of the first bin; None for the lower bound of the re-segmentation range, which
        then must exist, or the region's minimum where ``from_minimum``.
    from_minimum : bool
        Start at the region's minimum: allowed by IBSI only where no range gives a start.
    """

    width: float
    start: float | None = None
    from_minimum: bool = False

    def __post_init__(self) -> None:
        _as_floats(self, "width", "start")
        if not 0 < self.width < math.inf:
            raise DataError(f"A fixed bin size needs a finite width > 0, got {self.width}.")
        if self.start is not None and not math.isfinite(self.start):
            raise DataError(f"A fixed bin size needs a finite start, got {self.start}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiomicsSettings:
    """Everything that a feature's value depends on beside image and mask.

    Parameters
    ----------
    dimension : Dimension
        Of texture, and of interpolation: with a 2D one the slices are interpolated in plane only.
    spacing_mm : tuple of float, or None
        Voxels to interpolate to (i, j, k); None keeps the image's own.
    interpolation, mask_interpolation : Interpolation
        Of image and mask.
    mask_threshold : float
        Share from which an interpolated mask voxel belongs.
    rounding : float or None
        Intensities are rounded to multiples of this after interpolation (1 for CT); None not.
    lower, upper : float or None
        Re-segmentation range, inclusive (IBSI USB3).
    outlier_sigmas : float or None
        Outlier filtering: keep mean +- this many standard deviations (IBSI 7ACA); 3 is usual.
    discretization : FixedBinNumber or FixedBinSize
        For texture and intensity histogram.
    volume_histogram : FixedBinNumber, FixedBinSize or None
        For the intensity-volume histogram; None takes the intensities as they are, as levels of
        the unit of definite intensity units (IBSI 3.5).
    distance : int
        Chebyshev distance of GLCM, NGTDM and NGLDM, voxels.
    dependence_coarseness : int
        NGLDM alpha.
    """

    dimension: Dimension
    spacing_mm: tuple[float, float, float] | None
    interpolation: Interpolation
    mask_interpolation: Interpolation
    mask_threshold: float
    rounding: float | None
    lower: float | None
    upper: float | None
    outlier_sigmas: float | None
    discretization: FixedBinNumber | FixedBinSize
    volume_histogram: FixedBinNumber | FixedBinSize | None
    distance: int = 1
    dependence_coarseness: int = 0

    def __post_init__(self) -> None:
        _as_floats(self, "mask_threshold", "rounding", "lower", "upper", "outlier_sigmas")
        if self.spacing_mm is not None:
            i, j, k = map(float, self.spacing_mm)
            object.__setattr__(self, "spacing_mm", (i, j, k))
        if self.spacing_mm is not None and not all(0 < side < math.inf for side in self.spacing_mm):
            raise DataError(
                f"Voxels to interpolate to need a finite size > 0 mm, got {self.spacing_mm}."
            )
        if not 0 < self.mask_threshold <= 1:
            raise DataError(
                f"A mask's threshold is a share above 0 and up to 1, got {self.mask_threshold}.",
                remedy="Write 0.5.",
            )
        for name, value in (("rounding", self.rounding), ("outlier_sigmas", self.outlier_sigmas)):
            if value is not None and not 0 < value < math.inf:
                raise DataError(
                    f"{name} must be finite and > 0, got {value}.", remedy=f"Leave {name} out."
                )
        for name, value in (("lower", self.lower), ("upper", self.upper)):
            if value is not None and not math.isfinite(value):
                raise DataError(
                    f"{name}, an end of the re-segmentation range, must be finite, got {value}.",
                    remedy=f"Leave {name} out: the range is then open there.",
                )
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise DataError(
                f"The re-segmentation range from {self.lower} to {self.upper} holds nothing.",
                remedy="Exchange lower and upper.",
            )

    @property
    def digest(self) -> str:
        """SHA-256 of the settings: the version that a measurement names."""
        text = json.dumps([type(self.discretization).__name__, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
