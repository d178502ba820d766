"""Location, spread and shape of columns, learned from training rows.

Missing values are passed over, and stay missing. A column without spread is refused: a filter of
constants comes before a scaling.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

import numpy as np
from numba import njit

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.preparation.transformer import (
    Columns,
    PlainRows,
    floats,
    listed,
    numbers,
    refuse_other_columns,
)

Method = Literal["z", "robust"]
Shape = Literal["log", "yeo_johnson"]

_FLAT: Final = 1e-12
"""A spread below this share of the size of the values is one of rounding."""
_NORMAL_QUARTILES: Final = 1.3489795003921634
"""Distance of the quartiles of a normal distribution of SD 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Center and scale.

    ``z``: ``(x - mean) / SD``, SD with n - 1. ``robust``: ``(x - median) / (IQR / 1.349)``, which
    is the same for a normal distribution; where the quartiles are equal, the SD takes their place.

    Parameters
    ----------
    method : {"z", "robust"}
        How.
    """

    method: Method = "z"
    covariates: tuple[str, ...] = field(default=(), init=False)

    def learn(
        self, rows: PlainRows, *, outcome: RightCensored | None, seed: int
    ) -> "LearnedScaling":
        """Learn center and scale of every column.

        Raises
        ------
        DataError
            If a column has no spread, or fewer than two values.
        """
        del outcome, seed
        center, scale = (_z if self.method == "z" else _robust)(rows.values)
        size = np.maximum(np.abs(center), np.finfo(np.float64).tiny)
        bad = np.flatnonzero(~(scale > _FLAT * size))
        if bad.size:
            raise DataError(
                f"{listed([rows.names[column] for column in bad])}: no spread among "
                f"{rows.values.shape[0]} training rows, and nothing to scale by.",
                remedy="Put the filter of constant columns before the scaling.",
            )
        return LearnedScaling(center=center, scale=scale)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedScaling:
    """Center and scale of each column, (p,)."""

    center: Floats
    scale: Floats
    kept: Columns | None = field(default=None, init=False)

    def apply(self, rows: PlainRows) -> Floats:
        """``(x - center) / scale``."""
        refuse_other_columns(rows, needed=self.center.size, step="scaling")
        return (rows.values - self.center) / self.scale

    def as_dict(self) -> dict[str, Any]:
        """What was learned."""
        return {"step": "scaling", "center": numbers(self.center), "scale": numbers(self.scale)}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Rebuild from ``as_dict``."""
        return cls(center=floats(said["center"]), scale=floats(said["scale"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaping:
    """Make skewed columns more even.

    ``log``: ``ln(x)``, of positive values alone. ``yeo_johnson``: the power whose result is most
    likely normal, by maximum likelihood between -5 and 5 [1]_.

    Parameters
    ----------
    shape : {"log", "yeo_johnson"}
        How.

    References
    ----------
    .. [1] Yeo and Johnson, Biometrika 87:954, 2000.
    """

    shape: Shape
    covariates: tuple[str, ...] = field(default=(), init=False)

    def learn(
        self, rows: PlainRows, *, outcome: RightCensored | None, seed: int
    ) -> "LearnedShaping":
        """Learn the power of every column; a logarithm learns nothing, and is checked.

        Raises
        ------
        DataError
            If a logarithm meets a value that is not positive, or a power a column without spread.
        """
        del outcome, seed
        if self.shape == "log":
            learned = LearnedShaping(powers=None, count=rows.values.shape[1])
            learned.apply(rows)
            return learned
        _, scale = _z(rows.values)
        if (bad := np.flatnonzero(~(scale > 0.0))).size:
            raise DataError(
                f"{listed([rows.names[column] for column in bad])}: a power needs values that "
                "differ among the training rows.",
                remedy="Put the filter of constant columns before it.",
            )
        powers = yeo_johnson_powers(np.ascontiguousarray(rows.values.T))
        return LearnedShaping(powers=powers, count=powers.size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedShaping:
    """The power of each column, (p,); None for the logarithm of *count* columns."""

    powers: Floats | None
    count: int
    kept: Columns | None = field(default=None, init=False)

    def apply(self, rows: PlainRows) -> Floats:
        """Transform every value.

        Raises
        ------
        DataError
            If a logarithm meets a value that is not positive; nothing is added to avoid it.
        """
        refuse_other_columns(rows, needed=self.count, step="shaping")
        if self.powers is not None:
            return _yeo_johnson(rows.values, self.powers)
        bad: Bools = rows.values <= 0.0
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise DataError(
                f"A logarithm needs values > 0; {rows.names[column]} of {rows.participants[row]} "
                f"is {rows.values[row, column]:g}.",
                remedy="Name a power (yeo_johnson) in the plan for columns that may be 0.",
            )
        return np.log(rows.values)

    def as_dict(self) -> dict[str, Any]:
        """What was learned."""
        powers = None if self.powers is None else numbers(self.powers)
        return {"step": "shaping", "powers": powers, "count": self.count}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Rebuild from ``as_dict``."""
        powers = None if said["powers"] is None else floats(said["powers"])
        return cls(powers=powers, count=int(said["count"]))


def _z(values: Floats) -> tuple[Floats, Floats]:
    """Mean and SD of each column, passing over what is missing; SD 0 for fewer than two values."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    there = np.where(known, values, 0.0)
    center = there.sum(axis=0) / np.maximum(count, 1)
    squares = np.square(np.where(known, values - center, 0.0)).sum(axis=0)
    return center, np.sqrt(squares / np.maximum(count - 1, 1))


def _robust(values: Floats) -> tuple[Floats, Floats]:
    if np.isnan(values).any():
        # nanquantile warns of columns without a value; these are refused by their spread of 0.
        values = np.where(np.isnan(values).all(axis=0), 0.0, values)
        low, center, high = np.nanquantile(values, (0.25, 0.5, 0.75), axis=0)
    else:
        low, center, high = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
    scale = (high - low) / _NORMAL_QUARTILES
    flat = ~(scale > _FLAT * np.abs(center))
    return center, np.where(flat, _z(values)[1], scale)


def yeo_johnson_powers(columns: Floats) -> Floats:
    """Return the most likely power of each column.

    Parameters
    ----------
    columns : (p, n) float, C-contiguous
        A row a column of the table; NaN is passed over.

    Returns
    -------
    (p,) float
        Within [-5, 5], to 1e-5.
    """
    found = np.empty(columns.shape[0])
    _search_powers(columns, found)
    return found


@njit(cache=True, nogil=True)
def _search_powers(columns: Floats, found: Floats) -> None:
    # The log-likelihood has one maximum in the power: golden section needs no derivative.
    ratio = 0.6180339887498949
    logs = np.empty(columns.shape[1])
    for column in range(columns.shape[0]):
        count, jacobian = 0, 0.0
        for value in columns[column]:
            if not np.isnan(value):
                sign = 1.0 if value >= 0.0 else -1.0
                logs[count] = sign * np.log1p(abs(value))
                jacobian += logs[count]
                count += 1
        low, high = -5.0, 5.0
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        at_left = _likelihood(logs[:count], jacobian, left)
        at_right = _likelihood(logs[:count], jacobian, right)
        while high - low > 1e-5:
            if at_left > at_right:
                high, right, at_right = right, left, at_left
                left = high - ratio * (high - low)
                at_left = _likelihood(logs[:count], jacobian, left)
            else:
                low, left, at_left = left, right, at_right
                right = low + ratio * (high - low)
                at_right = _likelihood(logs[:count], jacobian, right)
        found[column] = 0.5 * (low + high)


@njit(cache=True, nogil=True)
def _power(log: float, power: float) -> float:
    """Yeo and Johnson's transform of a value whose signed log(1 + abs) is *log*."""
    if log < 0.0:
        return -_power_of_positive(-log, 2.0 - power)
    return _power_of_positive(log, power)


@njit(cache=True, nogil=True)
def _power_of_positive(log: float, power: float) -> float:
    # expm1 keeps the digits where the power is near 0, at which the transform is the logarithm.
    return log if abs(power) < 1e-12 else float(np.expm1(power * log) / power)


@njit(cache=True, nogil=True)
def _likelihood(logs: Floats, jacobian: float, power: float) -> float:
    shaped = np.empty(logs.size)
    total, squares = 0.0, 0.0
    for at in range(logs.size):
        shaped[at] = _power(logs[at], power)
        total += shaped[at]
    mean = total / logs.size
    for value in shaped:
        squares += (value - mean) ** 2
    return float(-0.5 * logs.size * np.log(squares / logs.size) + (power - 1.0) * jacobian)


@njit(cache=True, nogil=True)
def _yeo_johnson(values: Floats, powers: Floats) -> Floats:
    found = np.empty(values.shape)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = values[row, column]
            sign = 1.0 if value >= 0.0 else -1.0
            found[row, column] = (
                np.nan if np.isnan(value) else _power(sign * np.log1p(abs(value)), powers[column])
            )
    return found
