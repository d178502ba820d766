"""Neighboring gray level dependence matrix (IBSI 3.11)."""

from typing import Final

import numpy as np

from operandi.imaging.radiomics.emphases import emphases
from operandi.imaging.radiomics.family import Family
from operandi.imaging.radiomics.matrices import Reals, TextureMatrices


def neighborhood_dependences(matrices: TextureMatrices) -> Reals:
    """Compute the seventeen dependence features (IBSI REK0), one row a group.

    A voxel's dependence is 1 plus the number of neighbors whose level differs by at most alpha.

    References
    ----------
    .. [1] Sun & Wee, Comput Vis Graph Image Process 23:341, 1983.
    """
    dependence = np.arange(1, matrices.dependence.shape[2] + 1, dtype=np.int32)
    return emphases(matrices.dependence, matrices.gray, dependence, matrices.voxels)


NEIGHBORHOOD_DEPENDENCE: Final = Family(
    tags=(
        "ngl_lde",
        "ngl_hde",
        "ngl_lgce",
        "ngl_hgce",
        "ngl_ldlge",
        "ngl_ldhge",
        "ngl_hdlge",
        "ngl_hdhge",
        "ngl_glnu",
        "ngl_glnu_norm",
        "ngl_dcnu",
        "ngl_dcnu_norm",
        "ngl_dc_perc",
        "ngl_gl_var",
        "ngl_dc_var",
        "ngl_dc_entr",
        "ngl_dc_energy",
    ),
    values=neighborhood_dependences,
    absent="no voxel",
)
