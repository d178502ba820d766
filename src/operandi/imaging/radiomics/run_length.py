"""Gray level run length matrix (IBSI 3.7)."""

from typing import Final

import numpy as np

from operandi.imaging.radiomics.emphases import emphases
from operandi.imaging.radiomics.family import Family
from operandi.imaging.radiomics.matrices import Reals, TextureMatrices


def run_lengths(matrices: TextureMatrices) -> Reals:
    """Compute the sixteen run length features (IBSI TP0I).

    One row a group and direction. Run percentage (9ZK5) is the number of runs over voxels times
    the directions merged.

    References
    ----------
    .. [1] Galloway, Comput Graph Image Process 4:172, 1975.
    """
    groups, number, levels, longest = matrices.runs.shape
    return emphases(
        matrices.runs.reshape(groups * number, levels, longest),
        matrices.gray,
        np.arange(1, longest + 1, dtype=np.int32),
        np.repeat(matrices.voxels * matrices.merged, number),
    )[:, :16]


RUN_LENGTH: Final = Family(
    tags=(
        "rlm_sre",
        "rlm_lre",
        "rlm_lgre",
        "rlm_hgre",
        "rlm_srlge",
        "rlm_srhge",
        "rlm_lrlge",
        "rlm_lrhge",
        "rlm_glnu",
        "rlm_glnu_norm",
        "rlm_rlnu",
        "rlm_rlnu_norm",
        "rlm_r_perc",
        "rlm_gl_var",
        "rlm_rl_var",
        "rlm_rl_entr",
    ),
    values=run_lengths,
    absent="no run",
)
