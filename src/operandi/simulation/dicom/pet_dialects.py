"""How each vendor says what a PET's stored values are.

The traps are those that readers of SUV fall into: GE states one AcquisitionTime for all bed
positions, counts FrameReferenceTime to the start of a frame where DecayFactor corrects its average,
and keeps the start of the scan in (0009,100D); Philips stores counts, with factors to SUV in
(7053,1000) and to Bq/mL in (7053,1009), both times the rescaled value; Siemens has one slope a
series and states the instant of decay correction in (0071,1022). None of the headers seen states
TimezoneOffsetFromUTC.
"""

from dataclasses import dataclass
from typing import Final

from operandi.simulation.dicom.encoding import Private
from operandi.simulation.dicom.headers import Vendor

GE_SCAN_TIME: Final = Private("GEMS_PETD_01", 0x0009, 0x0D, "DT")
SIEMENS_DECAY_TIME: Final = Private("SIEMENS MED PT", 0x0071, 0x22, "DT")
PHILIPS_SUV_FACTOR: Final = Private("Philips PET Private Group", 0x7053, 0x00, "DS")
PHILIPS_ACTIVITY_FACTOR: Final = Private("Philips PET Private Group", 0x7053, 0x09, "DS")


@dataclass(frozen=True, slots=True, kw_only=True)
class PetDialect:
    """What differs between vendors.

    Parameters
    ----------
    corrections : tuple of str
        CorrectedImage of an image with all corrections.
    series_type, randoms : str
        First value of SeriesType; RandomsCorrectionMethod, empty to leave it out.
    correction_method, reconstruction : str
        AttenuationCorrectionMethod and ScatterCorrectionMethod; ReconstructionMethod.
    slope_of_series : bool
        One RescaleSlope for the series, in place of one a slice.
    one_acquisition_time : bool
        Every bed position states the time of the first.
    reference_at_frame_start : bool
        FrameReferenceTime is the start of the frame, not the time of its average.
    bq_ml_a_count : float
        Bq/mL of one rescaled unit: 1, or the factor of an image in counts.
    start_time : Private or None
        Element that states the start of the scan, which values are corrected to.
    """

    corrections: tuple[str, ...]
    series_type: str = "WHOLE BODY"
    randoms: str = ""
    correction_method: str = "measured, simulated"
    reconstruction: str = "OSEM, simulated"
    slope_of_series: bool = False
    one_acquisition_time: bool = False
    reference_at_frame_start: bool = False
    bq_ml_a_count: float = 1.0
    start_time: Private | None = None


PET_DIALECTS: Final = {
    Vendor.NEUTRAL: PetDialect(
        corrections=("NORM", "DTIM", "RAN", "DECY", "ATTN", "SCAT"),
        correction_method="ANALYTIC",
        reconstruction="ANALYTIC PHANTOM",
    ),
    Vendor.SIEMENS: PetDialect(
        corrections=("NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"),
        randoms="DLYD",
        slope_of_series=True,
        start_time=SIEMENS_DECAY_TIME,
    ),
    Vendor.GE: PetDialect(
        corrections=("DECY", "ATTN", "SCAT", "DTIM", "RAN", "RADL", "DCAL", "SLSENS", "NORM"),
        series_type="STATIC",
        randoms="SING",
        one_acquisition_time=True,
        reference_at_frame_start=True,
        start_time=GE_SCAN_TIME,
    ),
    Vendor.PHILIPS: PetDialect(
        corrections=("DECY", "RADL", "ATTN", "SCAT", "DTIM", "RAN", "NORM"),
        randoms="DLYD",  # recalled
        bq_ml_a_count=1.602563,  # as in a published header; it is the scanner's calibration
    ),
}
