"""Features that run-length, size zone, distance zone and dependence matrices share.

Each of these matrices counts things (runs, zones, voxels) by level and by a second quantity *j*:
a length, a size, a distance or a dependence.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.lattice import Ints
from operandi.imaging.radiomics.matrices import Counts, Reals

FEATURES = 17


@njit(cache=True, nogil=True)
def emphases(counts: Counts, gray: Ints, second: Ints, voxels: npt.NDArray[np.int64]) -> Reals:
    """Compute the features of matrices, one row a matrix.

    Parameters
    ----------
    counts : int32 array, (matrices, levels + 1, columns)
        Row 0 holds nothing; no matrix is empty.
    gray : int32 array, (levels + 1)
        Level of each row.
    second : int32 array, (columns)
        *j* of each column.
    voxels : int64 array, (matrices)
        What the share is of: voxels, times directions where those are merged.

    Returns
    -------
    float64 array, (matrices, 17)
        With *n* the counts, *N* their sum, *i* the level: low *j* emphasis ``sum(n / j^2) / N``;
        high *j* ``sum(n j^2) / N``; low level ``sum(n / i^2) / N``; high level ``sum(n i^2) / N``;
        the four products (low *j* low level, low *j* high level, high *j* low level, high *j* high
        level); level non-uniformity ``sum_i(sum_j(n)^2) / N`` and that over *N*; *j*
        non-uniformity and that over *N*; share ``N / voxels``; variances of level and *j*;
        entropy ``-sum(p log2 p)``; energy ``sum(p^2)``, which only dependence uses.
    """
    number, levels, columns = counts.shape
    values = np.empty((number, FEATURES), np.float64)
    i_squared = gray.astype(np.float64) ** 2
    j_squared = second.astype(np.float64) ** 2
    for m in range(number):
        of_column = np.zeros(columns, np.float64)
        total = low_low = low_high = high_low = high_high = 0.0
        low_level = high_level = level_sum = level_uneven = informed = energy = 0.0
        for x in range(1, levels):
            of_row = low = high = 0.0
            for c in range(columns):
                n = float(counts[m, x, c])
                if n == 0.0:
                    continue
                of_row += n
                of_column[c] += n
                low += n / j_squared[c]
                high += n * j_squared[c]
                informed += n * np.log2(n)
                energy += n * n
            total += of_row
            level_uneven += of_row * of_row
            level_sum += of_row * gray[x]
            low_level += of_row / i_squared[x]
            high_level += of_row * i_squared[x]
            low_low += low / i_squared[x]
            low_high += low * i_squared[x]
            high_low += high / i_squared[x]
            high_high += high * i_squared[x]
        low_j = high_j = j_sum = j_uneven = 0.0
        for c in range(columns):
            n = of_column[c]
            low_j += n / j_squared[c]
            high_j += n * j_squared[c]
            j_sum += n * second[c]
            j_uneven += n * n
        values[m, 0], values[m, 1] = low_j / total, high_j / total
        values[m, 2], values[m, 3] = low_level / total, high_level / total
        values[m, 4], values[m, 5] = low_low / total, low_high / total
        values[m, 6], values[m, 7] = high_low / total, high_high / total
        values[m, 8], values[m, 9] = level_uneven / total, level_uneven / total**2
        values[m, 10], values[m, 11] = j_uneven / total, j_uneven / total**2
        values[m, 12] = total / voxels[m]
        # About the mean, in a second look at the margins: no difference of large squares.
        level_mean, j_mean = level_sum / total, j_sum / total
        level_spread = j_spread = 0.0
        for c in range(columns):
            j_spread += of_column[c] * (second[c] - j_mean) ** 2
        for x in range(1, levels):
            of_row = 0.0
            for c in range(columns):
                of_row += counts[m, x, c]
            level_spread += of_row * (gray[x] - level_mean) ** 2
        values[m, 13], values[m, 14] = level_spread / total, j_spread / total
        # -sum(p log2 p) with p = n / N; rounding must not make it negative.
        values[m, 15] = max(0.0, np.log2(total) - informed / total)
        values[m, 16] = energy / total**2
    return values
