"""Gray level size zone matrix (IBSI 3.8)."""

from typing import Final

from operandi.imaging.radiomics.emphases import emphases
from operandi.imaging.radiomics.family import Family
from operandi.imaging.radiomics.matrices import Reals, TextureMatrices


def zone_sizes(matrices: TextureMatrices) -> Reals:
    """Compute the sixteen size zone features (IBSI 9SAK), one row a group.

    Zones are voxels of one level linked by faces, edges or corners (in the slice: 8 neighbors).

    References
    ----------
    .. [1] Thibault et al., Int J Pattern Recognit Artif Intell 27:1357002, 2013.
    """
    return emphases(matrices.sizes, matrices.gray, matrices.size, matrices.voxels)[:, :16]


SIZE_ZONE: Final = Family(
    tags=(
        "szm_sze",
        "szm_lze",
        "szm_lgze",
        "szm_hgze",
        "szm_szlge",
        "szm_szhge",
        "szm_lzlge",
        "szm_lzhge",
        "szm_glnu",
        "szm_glnu_norm",
        "szm_zsnu",
        "szm_zsnu_norm",
        "szm_z_perc",
        "szm_gl_var",
        "szm_zs_var",
        "szm_zs_entr",
    ),
    values=zone_sizes,
    absent="no zone",
)
