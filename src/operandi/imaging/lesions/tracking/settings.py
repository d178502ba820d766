"""How far lesions may wander and change between visits. All assumed; none was published."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingSettings:
    """Priors of the matching. Every default is assumed, and a study may state its own.

    Parameters
    ----------
    shift_sd_mm : float
        Spread of the common shift that the registration leaves, mm.
    strain_sd : float
        Spread of the common affine part per axis (0.03: 3 mm at 100 mm).
    deformation_sd_mm : tuple of float
        Candidate amplitudes of what is left besides, mm; the data choose.
    deformation_length_mm : float
        Distance over which neighboring lesions move together, mm.
    center_sd_mm : float
        Error of a center, mm; to it comes a quarter of the lesion's radius, since the border of a
        large lesion changes more.
    volume_log_sd, suv_log_sd : float
        Spread of the logarithm of the ratio of volumes and of SUVmax of one lesion between
        visits, around the change that all lesions share.
    survival : float, in (0, 1)
        Share of lesions found again.
    new_share : float, > 0
        New lesions expected, as a share of those before; half a lesion is added.
    organ_mismatch : float, in (0, 1]
        Probability that one lesion is given two different organs at two visits.
    certain : float, in (0, 1)
        Events of a lower probability are called uncertain.
    part_overlap : float, in (0, 1]
        Share of a fragment that must lie within the whole it came from, after alignment.
    dilation_mm : float
        Margin around a warped lesion in that overlap, mm.
    least_new_volume_ml, least_new_liver_ratio : float or None
        Smaller or fainter lesions (SUVmax over the liver's mean) are not called new but
        uncertain; None for no threshold.
    starts : int, >= 1
        Common shifts tried besides none.
    """

    shift_sd_mm: float = 10.0
    strain_sd: float = 0.04
    deformation_sd_mm: tuple[float, ...] = (1.0, 4.0, 12.0)
    deformation_length_mm: float = 60.0
    center_sd_mm: float = 2.0
    volume_log_sd: float = 0.5
    suv_log_sd: float = 0.4
    survival: float = 0.85
    new_share: float = 0.15
    organ_mismatch: float = 0.02
    certain: float = 0.75
    part_overlap: float = 0.5
    dilation_mm: float = 3.0
    least_new_volume_ml: float | None = None
    least_new_liver_ratio: float | None = None
    starts: int = 6

    def __post_init__(self) -> None:
        positive = (
            self.shift_sd_mm,
            self.strain_sd,
            *self.deformation_sd_mm,
            self.deformation_length_mm,
            self.center_sd_mm,
            self.volume_log_sd,
            self.suv_log_sd,
            self.new_share,
        )
        if not self.deformation_sd_mm or min(positive) <= 0 or self.dilation_mm < 0:
            raise ValueError(f"spreads and lengths must be > 0: {self}")
        shares = (self.survival, self.certain, self.organ_mismatch, self.part_overlap)
        if not (min(shares) > 0 and max(shares) <= 1 and self.survival < 1 and self.certain < 1):
            raise ValueError(f"probabilities and shares must lie in (0, 1): {self}")
        if self.starts < 1:
            raise ValueError(f"starts must be >= 1, got {self.starts}")
