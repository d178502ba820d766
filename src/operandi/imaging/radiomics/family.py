"""A family of texture features: from values of many matrices to one value, or why there is none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.matrices import Reals, TextureMatrices


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Features of one sort of matrix.

    Parameters
    ----------
    tags : tuple of str
        IBSI tags.
    values : function
        Features (matrices, tags) of texture matrices, one row a matrix; NaN where undefined.
    absent : str
        Why no matrix may define a feature.
    reasons : mapping of str
        The same, for tags that have a reason of their own.
    """

    tags: tuple[str, ...]
    values: Callable[[TextureMatrices], Reals]
    absent: str
    reasons: Mapping[str, str] = field(default_factory=dict)

    def averaged(self, portions: Sequence[Reals]) -> tuple[Feature, ...]:
        """Average ``values`` over slices and directions.

        A matrix that leaves a feature undefined (no pair in this direction, one level in this
        slice) has no part in the feature's average. This is our reading: IBSI does not say, and
        its reference data have no such matrix.
        """
        values = np.concatenate(portions)
        if len(values) > 1:
            defined = ~np.isnan(values)
            total = np.where(defined, values, 0.0).sum(axis=0)
            number = defined.sum(axis=0)
            values = np.where(number > 0, total / np.maximum(number, 1), np.nan)[None]
        return tuple(
            Feature(tag, None, self.reasons.get(tag, self.absent))
            if value != value  # noqa: PLR0124 -- NaN
            else Feature(tag, value)
            for tag, value in zip(self.tags, values[0].tolist(), strict=True)
        )
