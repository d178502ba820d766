"""Neighborhood gray tone difference matrix (IBSI 3.10)."""

from typing import Final

import numpy as np
from numba import njit

from operandi.imaging.radiomics.family import Family
from operandi.imaging.radiomics.lattice import Ints
from operandi.imaging.radiomics.matrices import Counts, Reals, TextureMatrices

COARSEST: Final = 1e6
"""What IBSI QCDE lets coarseness be where no voxel differs from its neighbors."""


def neighborhood_differences(matrices: TextureMatrices) -> Reals:
    """Compute the five difference features (IBSI IPET), one row a group.

    With *i* the level, *p* the share of its voxels among those with neighbors, *s* its sum of
    absolute differences from the neighbors' mean, *G* the number of levels with *p* > 0 and *N*
    of voxels:

    - coarseness (QCDE) ``1 / sum(p s)``, 10^6 where that sum is 0;
    - contrast (65HE) ``sum_ij(p_i p_j (i - j)^2) / (G (G - 1)) * sum(s) / N``, 0 with one level;
    - busyness (NQ30) ``sum(p s) / sum_ij |i p_i - j p_j|``, 0 with one level;
    - complexity (HDEZ) ``sum_ij(|i - j| (p_i s_i + p_j s_j) / (p_i + p_j)) / N``;
    - strength (1X9X) ``sum_ij((p_i + p_j) (i - j)^2) / sum(s)``, 0 where that sum is 0.

    References
    ----------
    .. [1] Amadasun & King, IEEE Trans Syst Man Cybern 19:1264, 1989.
    """
    return _differences(matrices.differences, matrices.surrounded, matrices.gray)


@njit(cache=True, nogil=True)
def _differences(differences: Reals, surrounded: Counts, gray: Ints) -> Reals:
    """Features (groups, 5); NaN where undefined."""
    number = len(differences)
    values = np.full((number, 5), np.nan)
    for g in range(number):
        voxels = surrounded[g].sum()
        if voxels == 0:
            continue
        occurring = np.flatnonzero(surrounded[g])
        level = gray[occurring].astype(np.float64)
        number_of = surrounded[g][occurring].astype(np.float64)
        share = number_of / voxels
        strange = differences[g][occurring]
        weighted = (share * strange).sum()
        apart = busy = complexity = strength = 0.0
        for a in range(len(occurring)):
            for b in range(a):  # each pair once; the sums below count it twice
                gap = level[a] - level[b]
                apart += share[a] * share[b] * gap * gap
                busy += abs(level[a] * number_of[a] - level[b] * number_of[b])  # exact
                both = share[a] + share[b]
                complexity += abs(gap) * (share[a] * strange[a] + share[b] * strange[b]) / both
                strength += both * gap * gap
        kinds = len(occurring)
        summed = strange.sum()
        values[g, 0] = 1.0 / weighted if weighted > 1.0 / COARSEST else COARSEST
        values[g, 1] = 2 * apart / (kinds * (kinds - 1)) * summed / voxels if kinds > 1 else 0.0
        if kinds == 1:
            values[g, 2] = 0.0
        elif busy > 0:
            values[g, 2] = weighted * voxels / (2 * busy)
        values[g, 3] = 2 * complexity / voxels
        values[g, 4] = 2 * strength / summed if summed > 0 else 0.0
    return values


NEIGHBORHOOD_DIFFERENCE: Final = Family(
    tags=(
        "ngt_coarseness",
        "ngt_contrast",
        "ngt_busyness",
        "ngt_complexity",
        "ngt_strength",
    ),
    values=neighborhood_differences,
    absent="no voxel has a neighbor in the region",
    reasons={
        "ngt_busyness": "level times share is the same for each level, or no voxel has a neighbor"
    },
)
