"""What of a vendor's headers does not depend on the modality.

Names of manufacturer and model are those that real headers state; the software is ours and says so.
Real headers of GE (PET of TCIA STS_001, SIGNA MR of neurolabusc/dcm_qa_ge), Siemens (PET of TCIA
ACRIN-FLT-Breast, MR of STS_001) and Philips (PET attributes of cornerstonejs/calculate-suv) were
seen; where a comment says "recalled", none was.
"""

from dataclasses import dataclass
from typing import Final

from operandi.simulation.dicom.headers import Vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """General Equipment module, and whether headers state their offset from UTC."""

    manufacturer: str
    models: dict[str, str]
    software: str = "Operandi digital phantom"
    states_offset: bool = False


EQUIPMENT: Final = {
    # Model names of Siemens PET/MR and all NM cameras are recalled.
    Vendor.SIEMENS: Equipment(
        manufacturer="SIEMENS",
        models={"PT": "Biograph_mMR", "MR": "Biograph_mMR", "NM": "Symbia Intevo"},
    ),
    Vendor.GE: Equipment(
        manufacturer="GE MEDICAL SYSTEMS",
        models={"PT": "SIGNA PET/MR", "MR": "SIGNA PET/MR", "NM": "Discovery NM/CT 670"},
    ),
    Vendor.PHILIPS: Equipment(
        manufacturer="Philips Medical Systems",
        models={"PT": "Ingenuity TF PET/MR", "MR": "Ingenuity TF PET/MR", "NM": "BrightView XCT"},
    ),
    Vendor.NEUTRAL: Equipment(
        manufacturer="Operandi",
        models={"PT": "Digital phantom", "MR": "Digital phantom", "NM": "Digital phantom"},
        software="",
        states_offset=True,
    ),
}
