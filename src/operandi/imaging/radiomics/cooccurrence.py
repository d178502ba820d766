"""Gray level co-occurrence matrix (IBSI 3.6)."""

from typing import Final

import numpy as np
from numba import njit

from operandi.imaging.radiomics.family import Family
from operandi.imaging.radiomics.lattice import Ints
from operandi.imaging.radiomics.matrices import Counts, Reals, TextureMatrices

_ONE_LEVEL: Final = "pairs of one level have no correlation, or there is no pair"


def cooccurrences(matrices: TextureMatrices) -> Reals:
    """Compute the 25 co-occurrence features (IBSI LFYI), one row a group and direction.

    Of the symmetric matrix, with *p* its cells over their sum, margins ``p_x`` and of ``i + j``
    and ``|i - j|``, *mu* and *sigma* of ``p_x``, entropies ``H`` in bits:

    - joint maximum (GYBY), average (60VM), variance (UR99), entropy (TU9B), energy (8ZQL);
    - difference and sum averages, variances and entropies (TF7R, D3YU, NTRS; ZGXS, OEEB, P6QZ);
    - contrast (ACUI), dissimilarity (8S9J), inverse difference (IB1Z) and moment (WF0Z), both
      normalized by Ng (NDRX, 1QCO), inverse variance (E8JP);
    - correlation (NI2N), autocorrelation (QWB0), cluster tendency (DG8W), shade (7NFM) and
      prominence (AE86);
    - information correlation 1 ``(H - 2 H_x) / H_x`` (R8DG) and 2
      ``sqrt(1 - exp(-2 (2 H_x - H)))`` (JN9H): in a symmetric matrix both of IBSI's mixed
      entropies are ``2 H_x``.

    Correlation and information correlation 1 of one level are 0 / 0: such a matrix has no part in
    their averages.

    References
    ----------
    .. [1] Haralick et al., IEEE Trans Syst Man Cybern 3:610, 1973.
    """
    groups, directions, levels, _ = matrices.pairs.shape
    pairs = matrices.pairs.reshape(groups * directions, levels, levels)
    return _features(pairs, matrices.gray, matrices.count)


@njit(cache=True, nogil=True)
def _features(pairs: Counts, gray: Ints, count: int) -> Reals:
    """Features (matrices, 25); NaN where undefined.

    All but four follow from the margins, so that a cell costs few operations.
    """
    number, levels, _ = pairs.shape
    values = np.full((number, 25), np.nan)
    level = gray.astype(np.float64)
    span = gray[-1] - gray[1] + 1  # of |i - j|; and of i + j counted from twice the lowest level
    for m in range(number):
        margin = np.zeros(levels, np.float64)
        of_gap = np.zeros(span, np.float64)
        of_sum = np.zeros(2 * span, np.float64)
        total, largest, squares, informed = _margins(pairs[m], gray, margin, of_gap, of_sum)
        if total == 0.0:
            continue
        mean = (margin * level).sum() / total
        variance = (margin * (level - mean) ** 2).sum() / total
        joint_entropy = max(0.0, np.log2(total) - informed / total)
        margin_entropy = _entropy(margin, total)
        gap_mean = _of_gaps(of_gap, total, count, values[m])
        values[m, 0], values[m, 1], values[m, 2] = largest / total, mean, variance
        values[m, 3], values[m, 6] = joint_entropy, _entropy(of_gap, total)
        values[m, 4], values[m, 12] = gap_mean, gap_mean
        values[m, 7], values[m, 9] = 2.0 * mean, _entropy(of_sum, total)
        values[m, 10] = squares / total**2
        tendency = shade = prominence = 0.0
        for k in range(2 * span):
            off = k + 2 * (gray[1] - mean)  # i + j - 2 mu
            p = of_sum[k] / total
            tendency += off**2 * p
            shade += off**3 * p
            prominence += off**4 * p
        values[m, 8], values[m, 20] = tendency, tendency
        values[m, 21], values[m, 22] = shade, prominence
        # E[i j] = cov + mu^2, and cov = (var(i + j) - E[(i - j)^2]) / 4 in a symmetric matrix.
        covariance = (tendency - values[m, 11]) / 4.0
        values[m, 19] = covariance + mean * mean
        if largest < total:  # more than one level
            values[m, 18] = covariance / variance
            values[m, 23] = (joint_entropy - 2.0 * margin_entropy) / margin_entropy
        shared = 2.0 * margin_entropy - joint_entropy
        # The root would make 1e-8 of the rounding, 1e-16, that independent levels leave.
        values[m, 24] = np.sqrt(1.0 - np.exp(-2.0 * shared)) if shared > 1e-13 else 0.0
    return values


@njit(cache=True, nogil=True)
def _margins(
    pairs: Counts, gray: Ints, margin: Reals, of_gap: Reals, of_sum: Reals
) -> tuple[float, float, float, float]:
    """Fill the margins of the symmetric matrix; sum, largest, sum of squares and of n log2 n."""
    total = largest = squares = informed = 0.0
    for x in range(1, len(margin)):
        for y in range(x, len(margin)):
            n = float(pairs[x, y] + pairs[y, x])
            if n == 0.0:
                continue
            cells = 1.0 if x == y else 2.0  # (x, y) and (y, x)
            total += cells * n
            margin[x] += n
            if x != y:
                margin[y] += n
            of_gap[gray[y] - gray[x]] += cells * n
            of_sum[gray[x] + gray[y] - 2 * gray[1]] += cells * n
            largest = max(largest, n)
            squares += cells * n * n
            informed += cells * n * np.log2(n)
    return total, largest, squares, informed


@njit(cache=True, nogil=True)
def _of_gaps(of_gap: Reals, total: float, count: int, values: Reals) -> float:
    """Fill in what follows from ``|i - j|``, and return its mean."""
    gap_mean = contrast = inverse = inverse_norm = moment = moment_norm = inverse_variance = 0.0
    for k in range(len(of_gap)):
        p = of_gap[k] / total
        square = float(k) * k
        gap_mean += k * p
        contrast += square * p
        inverse += p / (1.0 + k)
        inverse_norm += p / (1.0 + k / count)
        moment += p / (1.0 + square)
        moment_norm += p / (1.0 + square / (float(count) * count))
        if k:
            inverse_variance += p / square
    variance = 0.0
    for k in range(len(of_gap)):
        variance += (k - gap_mean) ** 2 * of_gap[k] / total
    values[5], values[11] = variance, contrast
    values[13], values[14] = inverse, inverse_norm
    values[15], values[16], values[17] = moment, moment_norm, inverse_variance
    return gap_mean


@njit(cache=True, nogil=True)
def _entropy(counts: Reals, total: float) -> float:
    """``-sum(p log2 p)``, bits; rounding must not make it negative."""
    informed = 0.0
    for n in counts:
        if n > 0.0:
            informed += n * np.log2(n)
    return max(0.0, float(np.log2(total) - informed / total))


COOCCURRENCE: Final = Family(
    tags=(
        "cm_joint_max",
        "cm_joint_avg",
        "cm_joint_var",
        "cm_joint_entr",
        "cm_diff_avg",
        "cm_diff_var",
        "cm_diff_entr",
        "cm_sum_avg",
        "cm_sum_var",
        "cm_sum_entr",
        "cm_energy",
        "cm_contrast",
        "cm_dissimilarity",
        "cm_inv_diff",
        "cm_inv_diff_norm",
        "cm_inv_diff_mom",
        "cm_inv_diff_mom_norm",
        "cm_inv_var",
        "cm_corr",
        "cm_auto_corr",
        "cm_clust_tend",
        "cm_clust_shade",
        "cm_clust_prom",
        "cm_info_corr1",
        "cm_info_corr2",
    ),
    values=cooccurrences,
    absent="no voxel has a neighbor at this distance in the region",
    reasons={"cm_corr": _ONE_LEVEL, "cm_info_corr1": _ONE_LEVEL},
)
