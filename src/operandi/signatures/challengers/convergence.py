"""Whether chains of draws agree, and what their draws are worth.

References
----------
.. [1] Vehtari, Gelman, Simpson, Carpenter & Buerkner, Bayesian Anal 16:667, 2021: split chains,
   ranks as normal scores, bulk effective sample size by Geyer's initial monotone sequence.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """Convergence of every quantity.

    Parameters
    ----------
    r_hat : (q,) float
        Potential scale reduction of ranks, the larger of bulk and folded; 1 where chains agree.
    effective : (q,) float
        Independent draws that the draws are worth, of all chains together.
    """

    r_hat: Floats
    effective: Floats


def chains_agree(draws: Floats) -> Agreement:
    """Judge chains.

    Parameters
    ----------
    draws : (c, d, q) float
        Draws of each chain in order; d >= 8.

    Raises
    ------
    DataError
        If there are fewer than two chains, or too few draws.
    """
    if draws.ndim != 3 or draws.shape[0] < 2 or draws.shape[1] < 8:
        raise DataError(f"Agreement needs two chains of 8 draws or more; found {draws.shape}.")
    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, -half:]])
    scores = _normal_scores(split)
    folded = np.abs(split - np.median(split, axis=(0, 1)))
    return Agreement(
        r_hat=np.maximum(_scale_reduction(scores), _scale_reduction(_normal_scores(folded))),
        effective=_effective(scores),
    )


def _normal_scores(draws: Floats) -> Floats:
    flat = draws.reshape(-1, draws.shape[2])
    ranks = rankdata(flat, axis=0)
    return np.asarray(ndtri((ranks - 0.375) / (flat.shape[0] + 0.25)).reshape(draws.shape))


def _variances(draws: Floats) -> tuple[Floats, Floats]:
    """Mean variance within chains, and the estimate of the whole variance."""
    length = draws.shape[1]
    within = draws.var(axis=1, ddof=1).mean(axis=0)
    between = draws.mean(axis=1).var(axis=0, ddof=1)
    return within, within * (length - 1) / length + between


def _scale_reduction(draws: Floats) -> Floats:
    within, whole = _variances(draws)
    # A quantity that never moves agrees with itself.
    return np.sqrt(np.divide(whole, within, out=np.ones_like(whole), where=within > 0.0))


def _effective(draws: Floats) -> Floats:
    chains, length, count = draws.shape
    within, whole = _variances(draws)
    padded = np.fft.rfft(draws - draws.mean(axis=1, keepdims=True), n=2 * length, axis=1)
    products = np.fft.irfft(np.abs(padded) ** 2, axis=1)[:, :length].mean(axis=0) / length
    safe = np.where(whole > 0.0, whole, 1.0)
    # Variances of chains divide by length - 1, products by length: as in the paper.
    correlation = 1.0 - (within - products * length / (length - 1)) / safe
    correlation[0] = 1.0
    out = np.empty(count)
    for q in range(count):
        pairs = correlation[: 2 * (length // 2), q].reshape(-1, 2).sum(axis=1)
        ends = np.flatnonzero(pairs <= 0.0)
        kept = np.minimum.accumulate(pairs[: ends[0] if ends.size else pairs.size])
        time = max(2.0 * kept.sum() - 1.0, 1.0 / np.log10(chains * length))
        out[q] = chains * length / time
    return out
