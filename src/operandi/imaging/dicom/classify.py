"""What a series is, from tags alone, with the evidence."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from operandi.imaging.dicom.header import Header
from operandi.quantities.nuclides import NUCLIDES


class SeriesType(StrEnum):
    """What a series holds."""

    PET_ATTENUATION_CORRECTED = "PET, attenuation corrected"
    PET_NOT_ATTENUATION_CORRECTED = "PET, not attenuation corrected"
    SPECT = "SPECT, quantitative"
    SPECT_RECONSTRUCTION = "SPECT, reconstructed (NM)"
    SPECT_GATED_RECONSTRUCTION = "SPECT, reconstructed, gated (NM)"
    SPECT_ATTENUATION_MAP = "SPECT attenuation map (NM)"
    SPECT_PROJECTIONS = "SPECT projections (NM)"
    NUCLEAR_MEDICINE_STATIC = "nuclear medicine, planar"
    NUCLEAR_MEDICINE_WHOLE_BODY = "nuclear medicine, whole body"
    NUCLEAR_MEDICINE_DYNAMIC = "nuclear medicine, dynamic or gated"
    NUCLEAR_MEDICINE = "nuclear medicine"
    CT = "CT"
    MR_DIXON_WATER = "MR Dixon, water"
    MR_DIXON_FAT = "MR Dixon, fat"
    MR_DIXON_IN_PHASE = "MR Dixon, in phase"
    MR_DIXON_OPPOSED_PHASE = "MR Dixon, opposed phase"
    MR_DIXON = "MR Dixon, several contrasts"
    MR_ATTENUATION_MAP = "MR-based attenuation map"
    MR_T1 = "MR T1-weighted"
    MR_T2 = "MR T2-weighted"
    MR_DIFFUSION = "MR diffusion-weighted"
    MR_DIFFUSION_MAP = "MR apparent diffusion coefficient map"
    MR_DYNAMIC = "MR dynamic contrast-enhanced"
    MR_ELASTOGRAPHY = "MR elastography"
    MR_LOCALIZER = "MR localizer"
    MR_DERIVED = "MR, derived map"
    MR_OTHER = "MR, other"
    SEGMENTATION = "segmentation"
    STRUCTURE_SET = "radiotherapy structure set"
    STRUCTURED_REPORT = "structured report"
    REAL_WORLD_VALUE_MAPPING = "real-world value mapping"
    PARAMETRIC_MAP = "parametric map"
    SECONDARY_CAPTURE = "secondary capture"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Classification:
    """What a series is and which tags say so."""

    type: SeriesType
    evidence: tuple[str, ...]


_BY_SOP_CLASS: Final = {
    "1.2.840.10008.5.1.4.1.1.66.4": SeriesType.SEGMENTATION,
    "1.2.840.10008.5.1.4.1.1.66.7": SeriesType.SEGMENTATION,
    "1.2.840.10008.5.1.4.1.1.481.3": SeriesType.STRUCTURE_SET,
    "1.2.840.10008.5.1.4.1.1.67": SeriesType.REAL_WORLD_VALUE_MAPPING,
    "1.2.840.10008.5.1.4.1.1.30": SeriesType.PARAMETRIC_MAP,
    "1.2.840.10008.5.1.4.1.1.7": SeriesType.SECONDARY_CAPTURE,
}
_NUCLEAR_MEDICINE: Final = "1.2.840.10008.5.1.4.1.1.20"
_BY_IMAGE_TYPE: Final = {
    "STATIC": SeriesType.NUCLEAR_MEDICINE_STATIC,
    "DYNAMIC": SeriesType.NUCLEAR_MEDICINE_DYNAMIC,
    "GATED": SeriesType.NUCLEAR_MEDICINE_DYNAMIC,
    "WHOLE BODY": SeriesType.NUCLEAR_MEDICINE_WHOLE_BODY,
    "TOMO": SeriesType.SPECT_PROJECTIONS,
    "GATED TOMO": SeriesType.SPECT_PROJECTIONS,
    "RECON TOMO": SeriesType.SPECT_RECONSTRUCTION,
    "RECON GATED TOMO": SeriesType.SPECT_GATED_RECONSTRUCTION,
}
"""PS3.3 C.8.4.9.1.1: value 3 of an NM object's ImageType."""
_SECONDARY_CAPTURE_PREFIX: Final = "1.2.840.10008.5.1.4.1.1.7."
_STRUCTURED_REPORT_PREFIX: Final = "1.2.840.10008.5.1.4.1.1.88."


def classify(headers: Sequence[Header]) -> Classification:
    """Say what a series is.

    Parameters
    ----------
    headers : sequence of Header
        Those of its instances; must not be empty.
    """
    first = headers[0]
    sop_class = str(first.get("SOPClassUID") or "")
    if sop_class in _BY_SOP_CLASS:
        return Classification(_BY_SOP_CLASS[sop_class], (f"SOPClassUID {sop_class}",))
    if sop_class == _NUCLEAR_MEDICINE:
        return _classify_nuclear_medicine(headers)
    if sop_class.startswith(_SECONDARY_CAPTURE_PREFIX):
        return Classification(SeriesType.SECONDARY_CAPTURE, (f"SOPClassUID {sop_class}",))
    if sop_class.startswith(_STRUCTURED_REPORT_PREFIX):
        return Classification(SeriesType.STRUCTURED_REPORT, (f"SOPClassUID {sop_class}",))
    return _by_modality(headers, str(first.get("Modality") or ""))


def _by_modality(headers: Sequence[Header], modality: str) -> Classification:
    if modality == "PT":
        return _classify_pet(headers[0])
    if modality == "MR":
        return _classify_mr(headers)
    if modality == "CT":
        return Classification(SeriesType.CT, ("Modality CT",))
    return Classification(SeriesType.OTHER, (f"Modality {modality or 'not stated'}",))


def _classify_nuclear_medicine(headers: Sequence[Header]) -> Classification:
    """By ImageType; the modality is NM by the standard and OT in files of GE's workstations."""
    evidence = f"SOPClassUID {_NUCLEAR_MEDICINE}"
    types = [tuple(str(word).upper() for word in _several(h.get("ImageType"))) for h in headers]
    stated = {value[2] if len(value) > 2 else "" for value in types}
    if len(stated) > 1:
        several = ", ".join(sorted(stated))
        return Classification(SeriesType.NUCLEAR_MEDICINE, (evidence, f"ImageType {several}"))
    word = stated.pop()
    found = _BY_IMAGE_TYPE.get(word)
    if found is None:
        return Classification(SeriesType.NUCLEAR_MEDICINE, (evidence,))
    if found is SeriesType.SPECT_RECONSTRUCTION and any("TRANSMISSION" in value for value in types):
        word, found = f"{word}, TRANSMISSION", SeriesType.SPECT_ATTENUATION_MAP
    return Classification(found, (evidence, f"ImageType {word}"))


def _several(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value or "",)


def _classify_pet(header: Header) -> Classification:
    corrected = words(header, "CorrectedImage")
    stated = ", ".join(sorted(corrected)) or "not stated"
    evidence = f"Modality PT, CorrectedImage {stated}"
    enhanced = header.get("AttenuationCorrected")
    if enhanced:
        evidence = f"Modality PT, AttenuationCorrected {enhanced}"
    spect = _single_photon_evidence(header)
    if spect:
        return Classification(SeriesType.SPECT, (evidence, spect))
    if "ATTN" in corrected or enhanced == "YES":
        return Classification(SeriesType.PET_ATTENUATION_CORRECTED, (evidence,))
    return Classification(SeriesType.PET_NOT_ATTENUATION_CORRECTED, (evidence,))


_SINGLE_PHOTON: Final = re.compile(r"(?<!\d)(67|99m?|111|123|131|133|177|201)(?!\d)")

_SINGLE_PHOTON_CODES: Final = {
    # DICOM CID 18 in SNOMED RT, as scanners write it, and in SNOMED CT; without what is in CID
    # 4020 (PET) too, such as 90Y, and what no camera images.
    "C-101ED": "177Lu", "447553000": "177Lu",
    "C-163A8": "99mTc", "72454006": "99mTc",
    "C-145A4": "111In", "56609000": "111In",
    "C-145A5": "113mIn", "48895003": "113mIn",
    "C-114A4": "123I", "21572004": "123I",
    "C-114B1": "131I", "1368003": "131I",
    "C-131A2": "67Ga", "2008008": "67Ga",
    "C-127A3": "67Cu", "53700003": "67Cu",
    "C-138A9": "201Tl", "60057003": "201Tl",
    "C-172A8": "133Xe", "80751004": "133Xe",
    "C-172A5": "127Xe", "27081007": "127Xe",
    "C-173A5": "81mKr", "61716009": "81mKr",
    "C-11906": "186Re", "395865006": "186Re",
    "C-1018D": "188Re", "423578007": "188Re",
    "C-B1134": "153Sm", "419804008": "153Sm",
    "C1943": "166Ho",
}  # fmt: skip

_POSITRON_CODES: Final = frozenset(
    value for nuclide in NUCLIDES if nuclide.positron_emitter for value in nuclide.code_values
)

_ELEMENTS: Final = {
    "Lu|Lutetium": "177",
    "Tc|Technetium": "99m?",
    "In|Indium": "111|113m",
    "I|Iod|Iodine|Jod": "123|131",
    "Ga|Gallium": "67",
    "Cu|Copper": "67",
    "Tl|Thallium": "201",
    "Xe|Xenon": "127|133",
    "Kr|Krypton": "81m",
    "Re|Rhenium": "186|188",
    "Sm|Samarium": "153",
    "Ho|Holmium": "166",
}
_SINGLE_PHOTON_DRUG: Final = re.compile(
    "|".join(
        rf"(?<!\d)(?:{mass})[\s^\-\[\]]*(?:{element})(?![a-z])"
        rf"|(?<![a-z])(?:{element})[\s^\-\[\]]*(?:{mass})(?!\d)"
        for element, mass in _ELEMENTS.items()
    ),
    flags=re.IGNORECASE,
)
"""177Lu-DOTATATE, Tc-99m MIBI. Mass and element together: a drug's name has numbers of its own."""


def _single_photon_evidence(header: Header) -> str:
    """SPECT is at times stored as PET; the radionuclide gives it away.

    What the code means in words decides before its value, which is at times mistyped, and both
    before the drug's name, which is read only where they are silent.
    """
    for item in header.get("RadiopharmaceuticalInformationSequence") or ():
        silent = True
        for code in item.get("RadionuclideCodeSequence") or ():
            meaning, value = (str(code.get(k) or "") for k in ("CodeMeaning", "CodeValue"))
            silent &= not meaning and value not in _POSITRON_CODES
            if _SINGLE_PHOTON.search(meaning):
                return f"radionuclide {meaning!r} is no positron emitter"
            if not meaning and value in _SINGLE_PHOTON_CODES:
                nuclide = _SINGLE_PHOTON_CODES[value]
                return f"radionuclide code {value} is {nuclide}, no positron emitter"
        drugs = (
            item.get("Radiopharmaceutical"),
            *(
                code.get("CodeMeaning")
                for code in item.get("RadiopharmaceuticalCodeSequence") or ()
            ),
        )
        for drug in drugs:
            if silent and _SINGLE_PHOTON_DRUG.search(str(drug or "")):
                return f"radiopharmaceutical {drug!r} is no positron emitter"
    return ""


def _classify_mr(headers: Sequence[Header]) -> Classification:
    """Try from the most to the least specific; the first that finds evidence decides."""
    first = headers[0]
    image_type = words(first, "ImageType")
    name = " ".join(
        str(first.get(keyword) or "")
        for keyword in ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName")
    ).upper()
    for rule in (
        _localizer,
        _diffusion,
        _attenuation_map,
        _elastography,
        _dixon,
        _dynamic,
        _derived,
    ):
        found = rule(headers, image_type, name)
        if found is not None:
            return found
    return _contrast(first, name)


def _localizer(_: Sequence[Header], image_type: frozenset[str], name: str) -> Classification | None:
    for word in ("LOCALIZER", "SCOUT", "SURVEY"):
        if word in image_type or word in name:
            return Classification(SeriesType.MR_LOCALIZER, (f"{word} in ImageType or name",))
    return None


def _diffusion(
    headers: Sequence[Header], image_type: frozenset[str], name: str
) -> Classification | None:
    found = re.search(r"(?<![A-Z])E?ADC(?![A-Z])|APPARENT.DIFFUSION.COEFF", name)
    if found or image_type & {"ADC", "EADC"}:
        where = f"{found[0]} in SeriesDescription" if found else "ADC in ImageType"
        return Classification(SeriesType.MR_DIFFUSION_MAP, (where,))
    b_values = sorted({b for header in headers for b in b_values_of(header)})
    if len(b_values) > 1 or any(b > 0 for b in b_values):
        shown = ", ".join(f"{b:g}" for b in b_values)
        return Classification(SeriesType.MR_DIFFUSION, (f"b-values {shown} s/mm2",))
    if "DIFFUSION" in image_type or "DWI" in name:
        return Classification(SeriesType.MR_DIFFUSION, ("ImageType or name says diffusion",))
    return None


def b_values_of(header: Header) -> tuple[float, ...]:
    """Diffusion weighting, s/mm2, from the standard or the vendor's tag; empty if none is stated.

    GE adds a flag of 10**9 to its private value.
    """
    for keyword in ("DiffusionBValue", "SiemensBValue", "PhilipsBValue", "GEBValue"):
        value = header.get(keyword)
        value = value[0] if isinstance(value, tuple) and value else value
        if isinstance(value, int | float):
            return (float(value) % 1e9 if keyword == "GEBValue" else float(value),)
    frames = header.get("PerFrameFunctionalGroupsSequence") or ()
    found = []
    for frame in (*frames, *(header.get("SharedFunctionalGroupsSequence") or ())):
        for item in frame.get("MRDiffusionSequence") or ():
            value = item.get("DiffusionBValue")
            if isinstance(value, int | float):
                found.append(float(value))
    return tuple(found)


def _attenuation_map(
    _: Sequence[Header], image_type: frozenset[str], name: str
) -> Classification | None:
    if "UMAP" in name or "MRAC" in image_type or "MU-MAP" in name:
        return Classification(SeriesType.MR_ATTENUATION_MAP, ("UMAP or MRAC in ImageType or name",))
    return None


def _elastography(
    _: Sequence[Header], image_type: frozenset[str], name: str
) -> Classification | None:
    found = re.search(r"ELASTO|STIFFNESS|(?<![A-Z])(MRE|WAVE)(?![A-Z])", name)
    word = found[0] if found else next(iter(sorted(image_type & {"MRE", "WAVE", "STIFFNESS"})), "")
    if word:
        return Classification(SeriesType.MR_ELASTOGRAPHY, (f"{word} in the name or ImageType",))
    return None


_DIXON: Final = (
    (SeriesType.MR_DIXON_WATER, {"W", "WATER"}, r"W|WATER"),
    (SeriesType.MR_DIXON_FAT, {"F", "FAT"}, r"F|FAT"),
    (SeriesType.MR_DIXON_IN_PHASE, {"IP", "IN_PHASE", "INPHASE"}, r"IN|IP|IN.?PHASE"),
    (
        SeriesType.MR_DIXON_OPPOSED_PHASE,
        {"OP", "OPP_PHASE", "OUT_PHASE", "OUTPHASE", "OPPOSED_PHASE"},
        r"OPP|OP|OUT.?PHASE|OPPOSED.?PHASE",
    ),
)
_DIXON_SEQUENCE: Final = re.compile(r"DIXON|LAVA.?FLEX|IDEAL")


def _dixon(headers: Sequence[Header], _: frozenset[str], name: str) -> Classification | None:
    """Vendors put the contrast in ImageType, or in the name of a Dixon sequence."""
    types = [words(header, "ImageType") for header in headers] + [
        words(item, "FrameType")
        for frame in headers[0].get("PerFrameFunctionalGroupsSequence") or ()
        for item in frame.get("MRImageFrameTypeSequence") or ()
    ]
    found = [kind for kind, terms, _ in _DIXON if any(terms & image for image in types)]
    if len(found) > 1:
        return Classification(SeriesType.MR_DIXON, ("several Dixon contrasts in ImageType",))
    if found:
        return Classification(found[0], ("Dixon contrast in ImageType",))
    if not _DIXON_SEQUENCE.search(name) and not any("DIXON" in image for image in types):
        return None
    for kind, _terms, pattern in _DIXON:
        if re.search(rf"(?:^|[\s_:])(?:{pattern})(?:$|[\s_:])", name):
            return Classification(kind, ("Dixon contrast in SeriesDescription",))
    return Classification(SeriesType.MR_DIXON, ("DIXON in ImageType or name",))


def _dynamic(
    headers: Sequence[Header], image_type: frozenset[str], __: str
) -> Classification | None:
    """Several time points at one place, by the tag that counts them or by repeated positions."""
    stated = headers[0].get("NumberOfTemporalPositions")
    if isinstance(stated, int) and stated > 1:
        return Classification(SeriesType.MR_DYNAMIC, (f"NumberOfTemporalPositions {stated}",))
    indices = {
        item.get("TemporalPositionIndex")
        for frame in headers[0].get("PerFrameFunctionalGroupsSequence") or ()
        for item in frame.get("FrameContentSequence") or ()
    }
    if len(indices) > 1:
        return Classification(
            SeriesType.MR_DYNAMIC, (f"TemporalPositionIndex of the frames: {len(indices)}",)
        )
    contrasts = {tuple(str(header.get(keyword)) for keyword in _CONTRAST) for header in headers}
    positions = Counter(str(header.get("ImagePositionPatient")) for header in headers)
    repeats = min(positions.values())
    if repeats > 1 and len(contrasts) == 1 and "DERIVED" not in image_type:
        return Classification(
            SeriesType.MR_DYNAMIC, (f"every position imaged {repeats} times with one contrast",)
        )
    return None


_CONTRAST: Final = (
    "ImageType", "ComplexImageComponent", "GEImageComponent", "EchoTime", "EchoNumbers",
    "InversionTime", "FlipAngle",
)  # fmt: skip


def _derived(_: Sequence[Header], image_type: frozenset[str], __: str) -> Classification | None:
    if "DERIVED" in image_type:
        return Classification(SeriesType.MR_DERIVED, ("DERIVED in ImageType",))
    return None


_WEIGHTING: Final = (
    (SeriesType.MR_T1, re.compile(r"(?<![A-Z0-9])T1(?![0-9])(?!.?RHO)")),
    (SeriesType.MR_T2, re.compile(r"(?<![A-Z0-9])(T2(?![0-9*])(?!.?STAR)|HASTE|SSFSE)")),
)


def _contrast(header: Header, name: str) -> Classification:
    """T1 or T2 by the name, else by echo time; between the two clear ranges it stays open."""
    for kind, pattern in _WEIGHTING:
        found = pattern.search(name)
        if found:
            return Classification(kind, (f"{found[0]} in the name {name.strip()!r}",))
    echo, repetition = header.get("EchoTime"), header.get("RepetitionTime")
    if isinstance(echo, int | float) and isinstance(repetition, int | float):
        times = f"EchoTime {echo:g} ms, RepetitionTime {repetition:g} ms"
        if 0 < echo <= 30 and 0 < repetition <= 1000:
            return Classification(SeriesType.MR_T1, (times,))
        if echo >= 60 and repetition >= 1500:
            return Classification(SeriesType.MR_T2, (times,))
        return Classification(SeriesType.MR_OTHER, (times,))
    return Classification(SeriesType.MR_OTHER, ("no evidence of the contrast",))


def words(header: Header, keyword: str) -> frozenset[str]:
    """Values of a code string, in capitals."""
    value = header.get(keyword) or ()
    several = value if isinstance(value, tuple) else (value,)
    return frozenset(str(word).upper() for word in several if word)
