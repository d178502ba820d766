"""Codes for what Operandi measures, so that other software knows it."""

from typing import Final

from operandi.imaging.dicom.measurement_report import PRIVATE_SCHEME, same_concept
from operandi.imaging.dicom.segmentation import CodedConcept
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import Kind

PET_WHOLE_BODY: Final[CodedConcept] = ("44139-4", "LN", "PET whole body")
WHOLE_BODY: Final[CodedConcept] = ("38266002", "SCT", "Entire body")
LESION: Final[CodedConcept] = ("52988006", "SCT", "Lesion")
TUMOR_BURDEN: Final[CodedConcept] = ("TUMOR-BURDEN", PRIVATE_SCHEME, "Tumor burden of the patient")

_MEAN: Final = ("373098007", "SCT", "Mean")
_MAXIMUM: Final = ("56851009", "SCT", "Maximum")
_MINIMUM: Final = ("255605001", "SCT", "Minimum")
_MEDIAN: Final = ("373099004", "SCT", "Median")
_DEVIATION: Final = ("386136009", "SCT", "Standard Deviation")
_PEAK: Final = ("126031", "DCM", "Peak Value Within ROI")
_SUV: Final = ("126401", "DCM", "SUVbw")
_SUL: Final = ("126405", "DCM", "SUVlbm(Janma)")
_ADC: Final = ("113041", "DCM", "Apparent Diffusion Coefficient")

CODES: Final[dict[str, tuple[CodedConcept, CodedConcept | None]]] = {
    "SUV_BODY_WEIGHT": (_SUV, None),
    "APPARENT_DIFFUSION_COEFFICIENT": (_ADC, None),
    "SUV_MAXIMUM": (_SUV, _MAXIMUM),
    "SUV_MEAN": (_SUV, _MEAN),
    "SUV_PEAK": (_SUV, _PEAK),
    "SUV_STANDARD_DEVIATION": (_SUV, _DEVIATION),
    "SUL_MEAN": (_SUL, _MEAN),
    "VOLUME": (("118565006", "SCT", "Volume"), None),
    "LESION_COUNT": (("246206008", "SCT", "Number of lesions"), None),
    "LONGEST_DIAMETER": (("103339001", "SCT", "Long axis"), None),
    "SHORT_AXIS": (("103340004", "SCT", "Short axis"), None),
    "ADC_MEAN": (_ADC, _MEAN),
    "ADC_MINIMUM": (_ADC, _MINIMUM),
    "ADC_MEDIAN": (_ADC, _MEDIAN),
    "ABSORBED_DOSE": (("128513", "DCM", "Absorbed Dose"), None),
}
"""Concept and derivation by the kind's name. All other kinds are coded in the private scheme:
TL-SSTR, for one, is no glycolysis."""

_UNITS: Final[dict[str, CodedConcept]] = {
    "1": ("1", "UCUM", "no units"),
    "mL": ("mL", "UCUM", "milliliter"),
    "mm": ("mm", "UCUM", "millimeter"),
    "g": ("g", "UCUM", "gram"),
    "Gy": ("Gy", "UCUM", "gray"),
    "min": ("min", "UCUM", "minute"),
    "h": ("h", "UCUM", "hour"),
    "rad": ("rad", "UCUM", "radian"),
    "HU": ("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "Bq/mL": ("Bq/mL", "UCUM", "becquerel per milliliter"),
    "cm2/mL": ("{SUVbsa}cm2/ml", "UCUM", "Standardized Uptake Value body surface area"),
    "1e-6 mm2/s": ("um2/s", "UCUM", "square micrometer per second"),
    "%/month": ("%/mo", "UCUM", "percent per month"),
}
_SUV_UNITS: Final[dict[str, CodedConcept]] = {
    "SUV_LEAN_BODY_MASS_JAMES": (
        "{SUVlbm}g/ml", "UCUM", "Standardized Uptake Value lean body mass (James)"
    ),
    "SUV_LEAN_BODY_MASS_JANMAHASATIAN": (
        "{SUVlbm(Janma)}g/ml", "UCUM", "Standardized Uptake Value lean body mass (Janma)"
    ),
    "SUL_MEAN": (
        "{SUVlbm(Janma)}g/ml", "UCUM", "Standardized Uptake Value lean body mass (Janma)"
    ),
    "SUV_IDEAL_BODY_WEIGHT": (
        "{SUVibw}g/ml", "UCUM", "Standardized Uptake Value ideal body weight"
    ),
}  # fmt: skip
_BODY_WEIGHT: Final = ("{SUVbw}g/ml", "UCUM", "Standardized Uptake Value body weight")

ORGAN_SITES: Final[dict[str, CodedConcept]] = {
    "liver": ("10200004", "SCT", "Liver"),
    "pancreas": ("15776009", "SCT", "Pancreas"),
    "spleen": ("78961009", "SCT", "Spleen"),
    "lymph_node": ("59441001", "SCT", "Lymph node"),
    "bone": ("272673000", "SCT", "Bone"),
    "lung": ("39607008", "SCT", "Lung"),
    "small_bowel": ("30315005", "SCT", "Small Intestine"),
    "stomach": ("69695003", "SCT", "Stomach"),
    "peritoneum": ("15425007", "SCT", "Peritoneum"),
}
"""SNOMED CT codes of organs that lesions are reported in."""


def concept_of(kind: Kind) -> tuple[CodedConcept, CodedConcept | None]:
    """Concept and derivation that a kind is reported as."""
    known = CODES.get(kind.name)
    return known or ((kind.name, PRIVATE_SCHEME, kind.title), None)


def ucum_of(kind: Kind) -> CodedConcept:
    """UCUM code of a kind's unit.

    A g/mL is an SUV; which, the kind says. Other units are written as UCUM, whose notation
    ``Kind.unit`` follows.
    """
    if kind.name in _SUV_UNITS:
        return _SUV_UNITS[kind.name]
    if kind.unit == "g/mL":
        return _BODY_WEIGHT
    return _UNITS.get(kind.unit, (kind.unit, "UCUM", kind.unit))


def is_ucum_of(unit: CodedConcept, kind: Kind) -> bool:
    """Whether a report's unit is that of the kind; ``ml`` is ``mL``, and text is ignored."""
    wanted = ucum_of(kind)
    return unit[1] == wanted[1] and unit[0].replace("mL", "ml") == wanted[0].replace("mL", "ml")


def site_of(organ: str) -> CodedConcept | None:
    """Code of an organ's name; None for the empty name, private for one without a code here."""
    name = organ.strip().lower().replace(" ", "_")
    if not name:
        return None
    return ORGAN_SITES.get(name) or (name.upper(), PRIVATE_SCHEME, organ.strip())


def kind_reported_as(
    concept: CodedConcept, derivation: CodedConcept | None, *, among: tuple[Kind, ...]
) -> Kind | None:
    """Kind that a report's number is, among those known to the caller; None where it is none.

    Raises
    ------
    DataError
        If two of *among* are coded alike.
    """
    found = [
        kind
        for kind in among
        if same_concept(concept_of(kind)[0], concept)
        and same_concept(concept_of(kind)[1], derivation)
    ]
    if len(found) > 1:
        raise DataError(f"{concept[2]} may be {' or '.join(kind.name for kind in found)}.")
    return found[0] if found else None
