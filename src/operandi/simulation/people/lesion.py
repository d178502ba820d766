"""What is true of a lesion: where it is, and how it stands at a visit."""

from dataclasses import dataclass
from enum import StrEnum

from operandi.domain.identity import LesionId


class LesionOrgan(StrEnum):
    """Where a lesion lies. The order is that of integer codes in arrays."""

    PANCREAS = "pancreas"
    ILEUM = "ileum"
    LIVER = "liver"
    LYMPH_NODE = "lymph_node"
    BONE = "bone"
    PERITONEUM = "peritoneum"


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionState:
    """A lesion at one visit.

    Parameters
    ----------
    id : LesionId
        Such as ``"OP-001-L2"``, the same at every visit.
    organ : LesionOrgan
    volume_ml : float, > 0
        All of it: viable, dead and stroma.
    suv : float
        Mean uptake over the volume, by body weight, g/mL, before blur and noise.
    uptake_cv : float
        Coefficient of variation of uptake within it, before blur (correlated random field).
    texture_mm : float
        Correlation length of that field.
    necrosis : float, 0 to 0.6
        Share of the volume that is a cold core.
    adc_mm2_s : float
        Of the tumor around the core.
    stiffness_kpa : float
    ktrans_per_min : float
    """

    id: LesionId
    organ: LesionOrgan
    volume_ml: float
    suv: float
    uptake_cv: float
    texture_mm: float
    necrosis: float
    adc_mm2_s: float
    stiffness_kpa: float
    ktrans_per_min: float
