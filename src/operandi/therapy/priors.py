"""A multiplier that nobody measured well: its distribution, its range and where it comes from."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from operandi.quantities.errors import DataError

Floats = npt.NDArray[np.float64]

# Standard normal quantile at 0.95: low and high of a log-normal prior are its 5 and 95 %.
_NORMAL_95 = float(ndtri(0.95))


class Distribution(StrEnum):
    """Shapes of a prior, each given by *low* and *high*."""

    FIXED = "fixed"
    """One value, low = high: a number that is held for known."""
    UNIFORM = "uniform"
    """Even between low and high."""
    LOG_UNIFORM = "log_uniform"
    """Even in the logarithm between low and high; low > 0."""
    LOG_NORMAL = "log_normal"
    """Low and high are its 5 and 95 %; low > 0."""


class Evidence(StrEnum):
    """How well a range is founded."""

    PUBLISHED = "published"
    """The source states it."""
    RECALLED = "recalled"
    """From the literature by memory: verify before quoting."""
    ASSUMED = "assumed"
    """Nobody measured it; the range spans what is thought possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is known of one non-negative number before any data.

    Parameters
    ----------
    name : str
        What it is.  Two priors of one name are one quantity and are drawn together.
    distribution : Distribution
        Shape between *low* and *high*.
    low, high : float, >= 0
        See `Distribution`.
    evidence : Evidence
        Published, recalled or assumed; what is assumed is said again in every outcome.
    source : str
        Paper, table or argument.  Never empty.

    Raises
    ------
    DataError
        If the source is missing, a bound is negative or not finite, or low exceeds high.
    """

    name: str
    distribution: Distribution
    low: float
    high: float
    evidence: Evidence
    source: str

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.source.strip():
            raise DataError(
                f"A multiplier needs a name and its provenance; {self.name!r} has the source "
                f"{self.source!r}.",
                remedy="State the paper, or that it is an assumption and why this range.",
            )
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low >= 0):
            raise DataError(
                f"{self.name} must lie between finite bounds that are not negative, "
                f"not {self.low} to {self.high}.",
                remedy="A drug that protects has a multiplier between 0 and 1.",
            )
        if self.low > self.high or (
            (self.distribution is Distribution.FIXED) != (self.low == self.high)
        ):
            raise DataError(
                f"{self.name}: {self.distribution} from {self.low} to {self.high} does not fit.",
                remedy="Give low < high, or low = high for a fixed number.",
            )
        if self.low == 0 and self.distribution in (
            Distribution.LOG_UNIFORM,
            Distribution.LOG_NORMAL,
        ):
            raise DataError(
                f"{self.name}: a logarithmic prior cannot start at 0.",
                remedy="Give a positive lower bound or a uniform prior.",
            )

    def quantile(self, probability: npt.ArrayLike) -> Floats:
        """Values below which the prior has *probability* (any shape, within (0, 1))."""
        p = np.asarray(probability, dtype=np.float64)
        if self.distribution in (Distribution.FIXED, Distribution.UNIFORM):
            return self.low + (self.high - self.low) * p
        low, high = math.log(self.low), math.log(self.high)
        if self.distribution is Distribution.LOG_UNIFORM:
            return np.exp(low + (high - low) * p)
        middle, spread = 0.5 * (low + high), 0.5 * (high - low) / _NORMAL_95
        return np.asarray(np.exp(middle + spread * ndtri(p)), dtype=np.float64)

    @property
    def median(self) -> float:
        """The value as likely exceeded as not."""
        return float(self.quantile(0.5))

    def draw(self, *, samples: int, seed: int) -> Floats:
        """Draw *samples* values, one from each of as many equally likely strata.

        Keyed by *seed* and the name alone, so that a further prior changes no other's draws.
        """
        digest = hashlib.sha256(f"{seed}\x1f{self.name}".encode()).digest()
        random = np.random.Generator(np.random.Philox(int.from_bytes(digest[:16], "big")))
        strata = random.permutation(samples) + np.clip(random.random(samples), 1e-12, 1 - 1e-12)
        return self.quantile(strata / samples)


def fixed(*, name: str, value: float, evidence: Evidence, source: str) -> Prior:
    """State a number that is held for known, with its source."""
    return Prior(
        name=name,
        distribution=Distribution.FIXED,
        low=value,
        high=value,
        evidence=evidence,
        source=source,
    )


def one_definition_each(priors: Iterable[Prior]) -> dict[str, Prior]:
    """Index *priors* by name.

    Raises
    ------
    DataError
        If two of one name differ: they would be drawn as one quantity.
    """
    named: dict[str, Prior] = {}
    for prior in priors:
        if named.setdefault(prior.name, prior) != prior:
            raise DataError(
                f"Two different priors are named {prior.name!r}: {named[prior.name].low} to "
                f"{named[prior.name].high} and {prior.low} to {prior.high}.",
                remedy="Priors of one name are one quantity; rename one of them.",
            )
    return named
