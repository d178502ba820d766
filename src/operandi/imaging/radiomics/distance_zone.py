"""Gray level distance zone matrix (IBSI 3.9)."""

from typing import Final

import numpy as np

from operandi.imaging.radiomics.emphases import emphases
from operandi.imaging.radiomics.family import Family
from operandi.imaging.radiomics.matrices import Reals, TextureMatrices


def zone_distances(matrices: TextureMatrices) -> Reals:
    """Compute the sixteen distance zone features (IBSI VMDZ), one row a group.

    A zone's distance is the least city-block distance of its voxels to the outside of the
    *morphological* mask, 1 on the edge; a hole that re-segmentation left is no outside.

    References
    ----------
    .. [1] Thibault et al., IEEE Trans Biomed Eng 61:630, 2014.
    """
    distance = np.arange(1, matrices.distances.shape[2] + 1, dtype=np.int32)
    return emphases(matrices.distances, matrices.gray, distance, matrices.voxels)[:, :16]


DISTANCE_ZONE: Final = Family(
    tags=(
        "dzm_sde",
        "dzm_lde",
        "dzm_lgze",
        "dzm_hgze",
        "dzm_sdlge",
        "dzm_sdhge",
        "dzm_ldlge",
        "dzm_ldhge",
        "dzm_glnu",
        "dzm_glnu_norm",
        "dzm_zdnu",
        "dzm_zdnu_norm",
        "dzm_z_perc",
        "dzm_gl_var",
        "dzm_zd_var",
        "dzm_zd_entr",
    ),
    values=zone_distances,
    absent="no zone",
)
