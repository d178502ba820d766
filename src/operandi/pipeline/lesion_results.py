"""What a run publishes of lesions, apart from the steps, whose modules are heavy to import."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionObjects:
    """DICOM objects of a visit; empty where there is none.

    Parameters
    ----------
    segmentation : bytes
        One segment a lesion, with the TrackingUID that it has at all visits.
    report : bytes
        TID 1500, every measure.
    version : int
        1 as found, 2 and so on as readers corrected them.
    """

    segmentation: bytes
    report: bytes
    version: int = 1
