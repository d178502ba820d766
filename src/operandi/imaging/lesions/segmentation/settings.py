"""What a segmentation is told: the scanner's resolution, the method, and where it looks."""

import math
from dataclasses import dataclass
from enum import StrEnum


class DelineationMethod(StrEnum):
    """How a lesion's border is found from its seed."""

    ISOCONTOUR_45 = "isocontour 45 %"
    ISOCONTOUR_41 = "isocontour 41 %"
    ISOCONTOUR_50 = "isocontour 50 %"
    FIXED_SUV = "fixed SUV"
    LIVER_MEAN_2SD = "liver mean + 2 SD"
    GRADIENT_WATERSHED = "gradient watershed"
    RANDOM_WALKER = "random walker"
    GRAPH_CUT = "graph cut"
    HALF_MEAN = "half of the mean"
    BLUR_FIT = "blur-fitted isocontour"


class SuvMeanCorrection(StrEnum):
    """What is done about the blur when a lesion's mean SUV is stated."""

    NONE = "none"
    PEAK = "SUVpeak stands for the mean"
    FIT = "uptake of the blurred uniform shape that fits the image best"
    RECOVERY = "mean over the recovery by the stated FWHM"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationSettings:
    """Settings of a segmentation.

    The limits below without a source are assumed: chosen on simulated images, not on patients.

    Parameters
    ----------
    fwhm_mm : float, > 0
        Resolution of the reconstructed PET (full width at half maximum), mm. A fact of scanner
        and reconstruction; there is no default.
    fwhm_sd_mm : float, >= 0
        Standard uncertainty of it, mm; enters the partial-volume uncertainty.
    method : DelineationMethod
        Of the border; half of the mean fitted readers' masks on real PET better than the 45 %
        isocontour (median Dice 0.66 against 0.45, decision 0032).
    background_adapted : bool
        Whether the share of an isocontour is taken between background and maximum. Without it
        the isocontour of a lesion less than 2.2 times as hot as the liver is the liver.
    smoothed_maximum : bool
        Whether contours count from the smoothed maximum, which noise does not raise, instead of
        SUVmax.
    fixed_suv : float, > 0
        Of the method ``FIXED_SUV``, g/mL.
    seed_liver_ratio : float, > 0
        Outside the liver a lesion's smoothed maximum must exceed this times the liver's mean.
    seed_blood_ratio : float, >= 0
        And this times the blood pool's, where it is known. A normal liver takes up more than that;
        it counts where the liver has faded.
    liver_seed_ratio : float, > 1
        The same inside the liver, where that is also the background.
    noise_sd : float, >= 0
        And it must exceed the liver's mean by so many SD of the smoothed liver.
    split : float, in (0, 1)
        Two maxima are two lesions where the saddle between them lies deeper below the lower one
        than this share of it.
    organ_split : float, in (0, 1)
        The same between a lesion and an organ: the spill-out guard. Lower finds more lesions
        beside organs, and more of the organs' own spots.
    gut_ratio : float, > 0
        Within uptake found as gut a maximum counts above this times the gut's median; infinity
        leaves the gut out.
    minimum_volume_ml : float, >= 0
        Smaller lesions are dropped and counted, mL.
    seed_suv : float or None
        Seed level outside the liver where no liver reference could be had, g/mL; without both
        the segmentation refuses.
    correction : SuvMeanCorrection
        Partial-volume handling of SUVmean.
    """

    fwhm_mm: float
    fwhm_sd_mm: float = 0.0
    method: DelineationMethod = DelineationMethod.HALF_MEAN
    background_adapted: bool = False
    smoothed_maximum: bool = True
    fixed_suv: float = 4.0
    seed_liver_ratio: float = 1.0
    seed_blood_ratio: float = 2.5
    liver_seed_ratio: float = 1.5
    noise_sd: float = 3.0
    split: float = 0.35
    organ_split: float = 0.15
    gut_ratio: float = 2.0
    minimum_volume_ml: float = 0.3
    seed_suv: float | None = None
    correction: SuvMeanCorrection = SuvMeanCorrection.FIT

    def __post_init__(self) -> None:
        positive = (self.fwhm_mm, self.fixed_suv, self.seed_liver_ratio, self.seed_suv or 1.0)
        if not all(0 < value < math.inf for value in positive):
            raise ValueError(f"lengths, SUV and ratios must be > 0: {self}")
        if not (0 < self.split < 1 < self.liver_seed_ratio and self.fwhm_sd_mm >= 0):
            raise ValueError(f"needed 0 < split < 1 < liver_seed_ratio, fwhm_sd_mm >= 0: {self}")
        least = min(self.noise_sd, self.minimum_volume_ml, self.seed_blood_ratio)
        if not 0 < self.organ_split < 1 or least < 0:
            raise ValueError(
                "needed 0 < organ_split < 1; noise_sd, seed_blood_ratio and minimum_volume_ml "
                f">= 0: {self}"
            )
