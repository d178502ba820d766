"""Kinds of number: what a value means and the one unit it is kept in."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """What a number is, independent of where it was measured.

    Parameters
    ----------
    name : str
        Identifier in tables, in upper snake case.
    title : str
        The field's term, for people.
    unit : str
        The one canonical unit, in UCUM-like notation; ``"1"`` for a pure number.
    decays : bool
        Whether the value falls with radioactive decay, so that it means nothing without the
        instant it refers to.
    """

    name: str
    title: str
    unit: str
    decays: bool = False


ACTIVITY_CONCENTRATION: Final = Kind(
    "ACTIVITY_CONCENTRATION", "activity concentration", "Bq/mL", decays=True
)
SUV_BODY_WEIGHT: Final = Kind("SUV_BODY_WEIGHT", "SUV (body weight)", "g/mL")
SUV_LEAN_BODY_MASS_JAMES: Final = Kind("SUV_LEAN_BODY_MASS_JAMES", "SUL (James)", "g/mL")
SUV_LEAN_BODY_MASS_JANMAHASATIAN: Final = Kind(
    "SUV_LEAN_BODY_MASS_JANMAHASATIAN", "SUL (Janmahasatian)", "g/mL"
)
SUV_BODY_SURFACE_AREA: Final = Kind("SUV_BODY_SURFACE_AREA", "SUV (body surface area)", "cm2/mL")
SUV_IDEAL_BODY_WEIGHT: Final = Kind("SUV_IDEAL_BODY_WEIGHT", "SUV (ideal body weight)", "g/mL")
MR_SIGNAL: Final = Kind("MR_SIGNAL", "MR signal (arbitrary)", "1")
MR_PHASE: Final = Kind("MR_PHASE", "MR phase", "rad")
COUNTS: Final = Kind("COUNTS", "reconstructed counts of one acquisition", "1")
RADIODENSITY: Final = Kind("RADIODENSITY", "radiodensity", "HU")
PARAMETRIC: Final = Kind("PARAMETRIC", "parametric value in the unit its object states", "1")
LABEL: Final = Kind("LABEL", "label", "1")

SUV_MAXIMUM: Final = Kind("SUV_MAXIMUM", "SUVmax", "g/mL")
SUV_MEAN: Final = Kind("SUV_MEAN", "SUVmean", "g/mL")
SUV_PEAK: Final = Kind("SUV_PEAK", "SUVpeak (1 mL sphere)", "g/mL")
SUV_STANDARD_DEVIATION: Final = Kind("SUV_STANDARD_DEVIATION", "SUV standard deviation", "g/mL")
SUL_MEAN: Final = Kind("SUL_MEAN", "SULmean (Janmahasatian)", "g/mL")
LESION_TO_LIVER_RATIO: Final = Kind("LESION_TO_LIVER_RATIO", "lesion SUVmax / liver mean", "1")
VOLUME: Final = Kind("VOLUME", "volume", "mL")
TOTAL_LESION_SSTR: Final = Kind("TOTAL_LESION_SSTR", "TL-SSTR (SUVmean x volume)", "g")
SSTR_TUMOR_VOLUME: Final = Kind("SSTR_TUMOR_VOLUME", "SSTR tumor volume", "mL")
LESION_THRESHOLD: Final = Kind("LESION_THRESHOLD", "lesion threshold", "g/mL")
UPTAKE_TIME: Final = Kind("UPTAKE_TIME", "uptake time", "min")
LESION_COUNT: Final = Kind("LESION_COUNT", "number of lesions", "1")
LESION_TO_SPLEEN_RATIO: Final = Kind("LESION_TO_SPLEEN_RATIO", "lesion SUVmax / spleen mean", "1")
LESION_TO_BLOOD_RATIO: Final = Kind("LESION_TO_BLOOD_RATIO", "lesion SUVmax / blood pool mean", "1")
SUV_VARIATION: Final = Kind("SUV_VARIATION", "coefficient of variation of SUV in the lesion", "1")
MINIMUM_LESION_SUV_MEAN: Final = Kind(
    "MINIMUM_LESION_SUV_MEAN", "lowest SUVmean of a lesion", "g/mL"
)
VARIATION_BETWEEN_LESIONS: Final = Kind(
    "VARIATION_BETWEEN_LESIONS", "coefficient of variation of SUVmean between lesions", "1"
)
DISSEMINATION: Final = Kind("DISSEMINATION", "largest distance between two lesions", "mm")
LIVER_INVOLVEMENT: Final = Kind("LIVER_INVOLVEMENT", "share of the liver taken by lesions", "1")
SHARE_ABOVE_LIVER: Final = Kind(
    "SHARE_ABOVE_LIVER", "share of lesions with uptake above the liver", "1"
)
KRENNING_SCORE: Final = Kind("KRENNING_SCORE", "Krenning score", "1")
MODIFIED_KRENNING_SCORE: Final = Kind(
    "MODIFIED_KRENNING_SCORE", "modified Krenning score (PET)", "1"
)
LONGEST_DIAMETER_3D: Final = Kind("LONGEST_DIAMETER_3D", "longest diameter in space", "mm")
SHORT_AXIS_3D: Final = Kind("SHORT_AXIS_3D", "widest extent across the longest diameter", "mm")
LEAST_AXIS_3D: Final = Kind("LEAST_AXIS_3D", "extent across both", "mm")
LONGEST_DIAMETER: Final = Kind("LONGEST_DIAMETER", "longest diameter in the image plane", "mm")
SHORT_AXIS: Final = Kind("SHORT_AXIS", "short axis in the image plane", "mm")
TUMOR_GROWTH_RATE: Final = Kind("TUMOR_GROWTH_RATE", "tumor growth rate", "%/month")
APPARENT_DIFFUSION_COEFFICIENT: Final = Kind(
    "APPARENT_DIFFUSION_COEFFICIENT", "apparent diffusion coefficient", "1e-6 mm2/s"
)
ADC_MEAN: Final = Kind("ADC_MEAN", "mean ADC", "1e-6 mm2/s")
ADC_MINIMUM: Final = Kind("ADC_MINIMUM", "lowest ADC", "1e-6 mm2/s")
ADC_PERCENTILE_10: Final = Kind("ADC_PERCENTILE_10", "10th percentile of ADC", "1e-6 mm2/s")
ADC_PERCENTILE_25: Final = Kind("ADC_PERCENTILE_25", "25th percentile of ADC", "1e-6 mm2/s")
ADC_MEDIAN: Final = Kind("ADC_MEDIAN", "median ADC", "1e-6 mm2/s")
ADC_PERCENTILE_75: Final = Kind("ADC_PERCENTILE_75", "75th percentile of ADC", "1e-6 mm2/s")
ADC_PERCENTILE_90: Final = Kind("ADC_PERCENTILE_90", "90th percentile of ADC", "1e-6 mm2/s")
SHARE_ON_ADC: Final = Kind("SHARE_ON_ADC", "share of the lesion that the ADC map measures", "1")
SUV_PEAK_CHANGE: Final = Kind("SUV_PEAK_CHANGE", "change of SUVpeak", "%")
SUV_MAXIMUM_CHANGE: Final = Kind("SUV_MAXIMUM_CHANGE", "change of SUVmax", "%")
SUV_MEAN_CHANGE: Final = Kind("SUV_MEAN_CHANGE", "change of SUVmean", "%")
VOLUME_CHANGE: Final = Kind("VOLUME_CHANGE", "change of volume", "%")
TOTAL_LESION_SSTR_CHANGE: Final = Kind("TOTAL_LESION_SSTR_CHANGE", "change of TL-SSTR", "%")
SSTR_TUMOR_VOLUME_CHANGE: Final = Kind(
    "SSTR_TUMOR_VOLUME_CHANGE", "change of SSTR tumor volume", "%"
)
RADIOMICS_FEATURE_COUNT: Final = Kind("RADIOMICS_FEATURE_COUNT", "number of radiomic features", "1")
MR_SIGNAL_MEAN: Final = Kind("MR_SIGNAL_MEAN", "mean MR signal (arbitrary)", "1")

TIME_INTEGRATED_ACTIVITY_COEFFICIENT: Final = Kind(
    "TIME_INTEGRATED_ACTIVITY_COEFFICIENT", "time-integrated activity coefficient", "h"
)
EFFECTIVE_HALF_LIFE: Final = Kind("EFFECTIVE_HALF_LIFE", "effective half-life", "h")
EXTRAPOLATED_FRACTION: Final = Kind(
    "EXTRAPOLATED_FRACTION", "share of the integral after the last scan", "1"
)
S_VALUE: Final = Kind("S_VALUE", "S value", "Gy/(Bq.s)")
ABSORBED_DOSE: Final = Kind("ABSORBED_DOSE", "absorbed dose", "Gy")
MASS_DENSITY: Final = Kind("MASS_DENSITY", "mass density", "g/cm3")
ABSORBED_DOSE_PER_ACTIVITY: Final = Kind(
    "ABSORBED_DOSE_PER_ACTIVITY", "absorbed dose per administered activity", "Gy/GBq"
)
PREDICTED_DOSE_PER_ACTIVITY: Final = Kind(
    # A kind of its own, so that nobody averages it with what was measured.
    "PREDICTED_DOSE_PER_ACTIVITY",
    "predicted absorbed dose per administered activity",
    "Gy/GBq",
)
BIOLOGICALLY_EFFECTIVE_DOSE: Final = Kind(
    "BIOLOGICALLY_EFFECTIVE_DOSE", "biologically effective dose", "Gy"
)
