"""PET headers with their right answer: SUV per rescaled unit, or the refusal that is due.

Each case starts from a sound header and changes what its name says. The right factor stands
beside it as arithmetic on the numbers in the header, with the elapsed seconds counted by hand.
A refusal must name the tag or the field that is wrong. Where a rule had to be read further than
its words, ``source`` begins with "Reading:".

Headers are dictionaries by DICOM keyword, sequences tuples of them. Private elements have names:
``PhilipsSUVScaleFactor`` (7053,xx00), ``PhilipsActivityConcentrationScaleFactor`` (7053,xx09),
``GEScanDateTime`` (0009,xx0D) and ``SiemensDecayCorrectionDateTime`` (0071,xx22), which
holds the instant to which Siemens decay-corrected the image.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

# Header dates have microseconds, half-lives an hour: 1e-6 s is 2e-10 of a factor.
RELATIVE_TOLERANCE: Final = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One PET series and what must become of it.

    Parameters
    ----------
    name : str
        The trap, as a sentence.
    headers : tuple of dict
        One per slice.
    recorded : dict
        From the study's records: body_mass_kg, height_m, sex, net_activity_bq, injected_at (ISO).
    declared : dict
        From [declare] in study.toml.
    expected_factor : tuple of float or None
        SUVbw in g/mL for one rescaled unit of each slice.
    refused : str or None
        Regular expression that the refusal must match.
    source : str
        Public bug, section of a standard or reference object.
    """

    name: str
    headers: tuple[dict[str, object], ...]
    recorded: dict[str, object] = field(default_factory=dict)
    declared: dict[str, object] = field(default_factory=dict)
    expected_factor: tuple[float, ...] | None = None
    refused: str | None = None
    source: str


_ABSENT: Final = object()

INJECTION: Final = r"RadiopharmaceuticalStart(Date)?Time"
DOSE: Final = "RadionuclideTotalDose"
HALF_LIFE: Final = "RadionuclideHalfLife"
NUCLIDE: Final = r"RadionuclideCodeSequence|Radiopharmaceutical\b|RadionuclideHalfLife|[Nn]uclide"
DECAY: Final = "DecayCorrection|CorrectedImage"
MASS: Final = "PatientWeight"
MASS_OR_RECORD: Final = "PatientWeight|body_mass_kg"
DOSE_OR_RECORD: Final = "RadionuclideTotalDose|net_activity_bq"
UNITS: Final = "Units"
SUV_TYPE: Final = "SUVType"

BUG_DATE: Final = "QIICR/Slicer-PETDICOMExtension #28: the date is ignored"
BUG_ADMIN: Final = "horosproject/horos #653: ADMIN is decay-corrected a second time"
BUG_CNTS: Final = "ENHANCE-PET/MOOSE #230: Philips CNTS needs (7053,1000) or (7053,1009)"
BUG_SERIES: Final = "OHIF/Viewers #3805: series time against acquisition time"
BUG_PHANTOM: Final = "nroduit/Weasis #399: a digital reference object did not read SUV 1"
BUG_SHIFT: Final = "mmiv-center/DICOMAnonymizer #20: nested and private times are not shifted"
BUG_NO_AC: Final = "OHIF/Viewers #2898: a series without attenuation correction"
QIBA: Final = "RSNA QIBA vendor-neutral pseudo-code, 2018-06-26"
ISOTOPE: Final = "DICOM PS3.3 C.8.9.2, PET Isotope"
SERIES: Final = "DICOM PS3.3 C.8.9.1, PET Series"
IMAGE: Final = "DICOM PS3.3 C.8.9.4.1, PET Image: times"
CONSISTENCY: Final = "DICOM PS3.3 C.8.9.1: one series is one tracer, one correction, one unit"
VALUES: Final = "DICOM PS3.5 6.2, value representations"
MAPPING: Final = "DICOM PS3.3 C.7.6.16.2.11: a real-world value maps stored, not rescaled, values"
HALF_LIVES: Final = "DDEP 68Ga 67.83(20) min, 18F 109.74(3) min; the header's value wins"
RECORDS: Final = "Operandi: the study's record wins, within 10 % (activity) or 2 % (mass)"
PLAUSIBLE: Final = "Operandi: no value is assumed; an implausible one is refused"
ONE_WORD: Final = "Operandi: two statements of one thing agree, or the scan is refused"
DECLARING: Final = "Operandi: a declaration answers an open question and overrides no sound header"
ZEROED: Final = "Operandi: midnight to the second is a time that was set to zero"


def _changed(base: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    merged = {**base, **changes}
    return {keyword: value for keyword, value in merged.items() if value is not _ABSENT}


def _a_nuclide(code: str, meaning: str) -> tuple[dict[str, object], ...]:
    return ({"CodeValue": code, "CodingSchemeDesignator": "SRT", "CodeMeaning": meaning},)


_GALLIUM: Final = _a_nuclide("C-131A3", "^68^Gallium")
_FLUORINE: Final = _a_nuclide("C-111A1", "^18^Fluorine")
_COPPER: Final = _a_nuclide("C-127A2", "^64^Copper")

_DOSE: Final[dict[str, object]] = {
    "Radiopharmaceutical": "68Ga-DOTATOC",
    "RadiopharmaceuticalStartTime": "100000.000000",
    "RadiopharmaceuticalStartDateTime": "20250101100000.000000",
    "RadionuclideTotalDose": 150e6,
    "RadionuclideHalfLife": 4069.8,
    "RadionuclidePositronFraction": 0.891,
    "RadionuclideCodeSequence": _GALLIUM,
}
_HEADER: Final[dict[str, object]] = {
    "Modality": "PT",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.128",
    "Manufacturer": "SIEMENS",
    "Units": "BQML",
    "CorrectedImage": ("NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"),
    "DecayCorrection": "START",
    "DecayFactor": 1.0,
    "SeriesDate": "20250101",
    "SeriesTime": "110000.000000",
    "AcquisitionDate": "20250101",
    "AcquisitionTime": "110000.000000",
    "FrameReferenceTime": 150000.0,
    "ActualFrameDuration": 300000,
    "PatientWeight": 70.0,
    "PatientSize": 1.75,
    "PatientSex": "F",
    "RescaleSlope": 1.5,
    "RescaleIntercept": 0.0,
}


def _a_slice(
    injected: Mapping[str, object] | None = None, /, **changes: object
) -> dict[str, object]:
    """68Ga-DOTATOC: 150 MBq at 10:00, PET from 11:00 on 1 January 2025, 70 kg."""
    sequence = (_changed(_DOSE, injected or {}),)
    return _changed({**_HEADER, "RadiopharmaceuticalInformationSequence": sequence}, changes)


def _an_fdg_slice(
    injected: Mapping[str, object] | None = None, /, **changes: object
) -> dict[str, object]:
    """The default IBSI-SUV reference object: 18F-FDG, 368.08 MBq at 10:00, PET from 11:00."""
    fdg = {
        "Radiopharmaceutical": "FDG",
        "RadionuclideTotalDose": 368.08e6,
        "RadionuclideHalfLife": 6586.2,
        "RadionuclidePositronFraction": 1.0,
        "RadionuclideCodeSequence": _FLUORINE,
    }
    synthetic = {"Manufacturer": "Synthetic", "PatientSex": "O", "RescaleSlope": 1.0}
    return _a_slice({**fdg, **(injected or {})}, **{**synthetic, **changes})


def _a_copper_slice(injected: Mapping[str, object] | None = None) -> dict[str, object]:
    copper = {
        "Radiopharmaceutical": "64Cu-DOTATATE",
        "RadionuclideTotalDose": 200e6,
        "RadionuclideHalfLife": 45721.44,
        "RadionuclidePositronFraction": 0.175,
        "RadionuclideCodeSequence": _COPPER,
    }
    return _a_slice({**copper, **(injected or {})})


def _a_lutetium_slice() -> dict[str, object]:
    """Real 177Lu xSPECT stored as PT: ADMIN, DECY and a DecayFactor of 1."""
    return _a_slice(
        {
            "Radiopharmaceutical": _ABSENT,
            "RadiopharmaceuticalStartTime": "092200.000000",
            "RadiopharmaceuticalStartDateTime": "20181115092200.000000",
            "RadionuclideTotalDose": 7210425599.6395,
            "RadionuclideHalfLife": 574300.0,
            "RadionuclidePositronFraction": _ABSENT,
            "RadionuclideCodeSequence": _a_nuclide("C-101ED", "177 Lutetium"),
        },
        Manufacturer="SIEMENS NM",
        CorrectedImage=("UNIF", "ATTN", "SCAT", "DECY"),
        DecayCorrection="ADMIN",
        SeriesDate="20181115",
        SeriesTime="130628.148000",
        AcquisitionDate="20181115",
        AcquisitionTime="130628.148000",
        FrameReferenceTime=753138.5,
        ActualFrameDuration=1506277,
        PatientWeight=92.987,
        PatientSize=1.753,
        PatientSex="M",
        RescaleSlope=100.0,
    )


def _a_coordinated_slice(**changes: object) -> dict[str, object]:
    """The default slice with its clock tied to UTC, so that a record can be set against it."""
    return _a_slice(None, **{"TimezoneOffsetFromUTC": "+0000", **changes})


def _at(date: str, time: str) -> dict[str, object]:
    return {"RadiopharmaceuticalStartDateTime": date + time, "RadiopharmaceuticalStartTime": time}


def _only_time(time: str) -> dict[str, object]:
    return {"RadiopharmaceuticalStartDateTime": _ABSENT, "RadiopharmaceuticalStartTime": time}


def _scanned(date: str, time: str) -> dict[str, object]:
    return {
        "SeriesDate": date,
        "SeriesTime": time,
        "AcquisitionDate": date,
        "AcquisitionTime": time,
    }


def _a_mapping(slope: float, unit: str) -> dict[str, object]:
    return {
        "RealWorldValueSlope": slope,
        "RealWorldValueIntercept": 0.0,
        "RealWorldValueFirstValueMapped": 0,
        "RealWorldValueLastValueMapped": 32767,
        "LUTLabel": "SUV",
        "MeasurementUnitsCodeSequence": (
            {"CodeValue": unit, "CodingSchemeDesignator": "UCUM", "CodeMeaning": unit},
        ),
    }


def _suvbw(
    *, kg: float = 70.0, bq: float = 150e6, s: float = 3600.0, half_life_s: float = 4069.8
) -> float:
    """``1000 m / (A0 2^(-t / T))``, g/mL for 1 Bq/mL."""
    return float(1000.0 * kg / (bq * 2.0 ** (-s / half_life_s)))


def _mean_s(duration_s: float, *, half_life_s: float) -> float:
    """``ln(x / (1 - exp(-x))) T / ln 2`` with ``x = ln 2 d / T``: when a frame has its mean."""
    x = math.log(2.0) * duration_s / half_life_s
    return math.log(x / (1.0 - math.exp(-x))) * half_life_s / math.log(2.0)


def _computed(
    name: str,
    source: str,
    expected: float | tuple[float, ...],
    *headers: dict[str, object],
    recorded: dict[str, object] | None = None,
    declared: dict[str, object] | None = None,
) -> Case:
    factors = expected if isinstance(expected, tuple) else (expected,) * len(headers)
    return Case(
        name=name,
        headers=headers,
        recorded=recorded or {},
        declared=declared or {},
        expected_factor=factors,
        source=source,
    )


def _refused(
    name: str,
    source: str,
    match: str,
    *headers: dict[str, object],
    recorded: dict[str, object] | None = None,
    declared: dict[str, object] | None = None,
) -> Case:
    return Case(
        name=name,
        headers=headers,
        recorded=recorded or {},
        declared=declared or {},
        refused=match,
        source=source,
    )


_F18: Final = {"bq": 368.08e6, "half_life_s": 6586.2}
_MEAN_F18_603: Final = _mean_s(603.0, half_life_s=6586.2)
_MEAN_F18_1200: Final = _mean_s(1200.0, half_life_s=6586.2)
_MEAN_GA68_300: Final = _mean_s(300.0, half_life_s=4069.8)
_MEAN_GA68_120: Final = _mean_s(120.0, half_life_s=4069.8)
_DU_BOIS_CM2: Final = 0.007184 * 70.0**0.425 * 175.0**0.725 * 1e4

_REFERENCE_OBJECTS: Final = (
    _computed(
        "the IBSI-SUV default object has BQML decayed to the series start",
        "IBSI-SUV DRO_0_0",
        _suvbw(**_F18),
        _an_fdg_slice(),
    ),
    _computed(
        "a rescale slope of its own in every slice leaves the factor alone",
        "IBSI-SUV DRO_1_0; QIICR/Slicer-PETDICOMExtension #4",
        _suvbw(**_F18),
        _an_fdg_slice(RescaleSlope=4.0),
        _an_fdg_slice(RescaleSlope=3.0),
    ),
    _computed(
        "GML with SUV type BW is SUV already",
        "IBSI-SUV DRO_2_0",
        1.0,
        _an_fdg_slice(Units="GML", SUVType="BW", RescaleSlope=0.1),
    ),
    _computed(
        "GML by lean mass of a man (James 128) goes back to body weight",
        "IBSI-SUV DRO_2_1",
        70.0 / (1.10 * 70.0 - 128.0 * (70.0 / 175.0) ** 2),
        _an_fdg_slice(Units="GML", SUVType="LBMJAMES128", PatientSex="M", RescaleSlope=0.001),
    ),
    _computed(
        "CM2ML by body surface goes back to body weight without needing the sex",
        "IBSI-SUV DRO_2_3",
        70_000.0 / _DU_BOIS_CM2,
        _an_fdg_slice(Units="CM2ML", SUVType="BSA", RescaleSlope=0.01),
    ),
    _computed(
        "Philips counts carry their SUV factor",
        "IBSI-SUV DRO_2_4",
        0.0005,
        _an_fdg_slice(
            Manufacturer="Philips Medical Systems", Units="CNTS", PhilipsSUVScaleFactor=0.0005
        ),
    ),
    _computed(
        "a dose of 368.08 is in MBq",
        "IBSI-SUV DRO_3_0; Enhanced PET states MBq (PS3.3 C.8.22.4)",
        _suvbw(**_F18),
        _an_fdg_slice({DOSE: 368.08}),
    ),
    _computed(
        "ADMIN with a decay factor of 1 is believed for a positron emitter",
        f"IBSI-SUV DRO_3_1; {BUG_ADMIN}",
        _suvbw(bq=368.08e6, s=0.0),
        _an_fdg_slice(DecayCorrection="ADMIN"),
    ),
    _computed(
        "a series time after the acquisition gives way to the frame reference times",
        f"IBSI-SUV DRO_3_2; {BUG_SERIES}",
        # 11:02:30 less 450 s and 11:05:00 less 600 s are both 10:55:00, 3300 s after injection.
        _suvbw(s=3300.0 + _MEAN_F18_603, **_F18),
        _an_fdg_slice(
            SeriesTime="113000.000000",
            AcquisitionTime="110230.000000",
            FrameReferenceTime=450000.0,
            ActualFrameDuration=603000,
        ),
        _an_fdg_slice(
            SeriesTime="113000.000000",
            AcquisitionTime="110500.000000",
            FrameReferenceTime=600000.0,
            ActualFrameDuration=603000,
        ),
    ),
    _computed(
        "without decay correction every slice decays to its own mean count-rate instant",
        "IBSI-SUV DRO_3_4",
        (_suvbw(s=3600.0 + _MEAN_F18_603, **_F18), _suvbw(s=3900.0 + _MEAN_F18_603, **_F18)),
        _an_fdg_slice(
            Manufacturer="GE MEDICAL SYSTEMS",
            CorrectedImage=("NORM", "DTIM", "ATTN", "SCAT", "RAN"),
            DecayCorrection="NONE",
            FrameReferenceTime=300000.0,
            ActualFrameDuration=603000,
        ),
        _an_fdg_slice(
            Manufacturer="GE MEDICAL SYSTEMS",
            CorrectedImage=("NORM", "DTIM", "ATTN", "SCAT", "RAN"),
            DecayCorrection="NONE",
            AcquisitionTime="110500.000000",
            FrameReferenceTime=600000.0,
            ActualFrameDuration=603000,
        ),
    ),
    _computed(
        "an injection date-time without an injection time is enough",
        "IBSI-SUV DRO_4_0; QIICR/Slicer-PETDICOMExtension #20",
        _suvbw(**_F18),
        _an_fdg_slice({"RadiopharmaceuticalStartTime": _ABSENT}),
    ),
    _computed(
        "an injection time before midnight belongs to the day before the scan",
        f"IBSI-SUV DRO_4_2; {BUG_DATE}",
        _suvbw(**_F18),
        _an_fdg_slice(_only_time("233000.000000"), **_scanned("20250102", "003000.000000")),
    ),
    _computed(
        "68Ga with the half-life 67.63 min and the code value of 66Ga is named by its meaning",
        "IBSI-SUV DRO_5_0",
        _suvbw(bq=368.08e6, half_life_s=4057.7),
        _an_fdg_slice(
            {
                "Radiopharmaceutical": "Ga68-PSMA",
                HALF_LIFE: 4057.7,
                "RadionuclideCodeSequence": _a_nuclide("C-131A1", "^68^Gallium"),
            }
        ),
    ),
    _computed(
        "a real GE whole-body FDG series with a decay factor in every slice",
        "TCIA Soft-tissue-Sarcoma STS_001",
        # 10:35:00 to 11:20:11.
        _suvbw(kg=71.0, bq=388777472.0, s=2711.0, half_life_s=6588.0),
        _a_slice(
            {
                "Radiopharmaceutical": "FDG -- fluorodeoxyglucose",
                **_only_time("103500.00"),
                DOSE: 388777472.0,
                HALF_LIFE: 6588.0,
                "RadionuclideCodeSequence": _a_nuclide("C-111A1", "18F"),
            },
            **_scanned("20000907", "112011.00"),
            Manufacturer="GE MEDICAL SYSTEMS",
            DecayFactor=1.15077,
            FrameReferenceTime=1215000.0,
            ActualFrameDuration=240000,
            PatientWeight=71.0,
            PatientSize=1.63,
            PatientSex="M",
            RescaleSlope=1.7141,
        ),
    ),
)

_PUBLIC_BUGS: Final = (
    _computed(
        "the scan of the next day still counts the night between",
        BUG_DATE,
        # 31 December 15:00 to 1 January 11:00 is 20 h; by the clock alone it would be -4 h.
        _suvbw(bq=200e6, s=72_000.0, half_life_s=45721.44),
        _a_copper_slice(_at("20241231", "150000.000000")),
    ),
    _computed(
        "an injection before midnight has a date, and the date counts",
        BUG_DATE,
        _suvbw(),
        _a_slice(_at("20250101", "233000.000000"), **_scanned("20250102", "003000.000000")),
    ),
    _refused(
        "the same clock times two days apart are not one hour apart",
        BUG_DATE,
        INJECTION,
        _a_copper_slice(_at("20241230", "100000.000000")),
    ),
    _computed(
        "values decay-corrected to the injection meet the whole injected activity",
        BUG_ADMIN,
        _suvbw(s=0.0),
        _a_slice(DecayCorrection="ADMIN"),
    ),
    _computed(
        "ADMIN says nothing different in a later bed",
        BUG_ADMIN,
        _suvbw(s=0.0),
        _a_slice(DecayCorrection="ADMIN"),
        _a_slice(DecayCorrection="ADMIN", AcquisitionTime="110500.000000"),
    ),
    _computed(
        "Philips counts with the activity factor alone become Bq/mL",
        BUG_CNTS,
        1.602563 * _suvbw(),
        _a_slice(
            Manufacturer="Philips",
            Units="CNTS",
            PhilipsActivityConcentrationScaleFactor="1.602563 ",
        ),
    ),
    _refused(
        "Philips counts whose private factors were removed have no unit",
        BUG_CNTS,
        r"Units|Philips\w*ScaleFactor|7053",
        _a_slice(Manufacturer="Philips", Units="CNTS"),
    ),
    _refused(
        "a private factor that arrives as a reference to bulk data is no number",
        "OHIF/Viewers #6096: (7053,1000) delivered as BulkDataURI turned into SUV",
        r"PhilipsSUVScaleFactor|7053",
        _a_slice(
            Manufacturer="Philips",
            Units="CNTS",
            PhilipsSUVScaleFactor={"BulkDataURI": "../bulkdata/1"},
        ),
    ),
    _computed(
        "a series time altered by later processing gives way to the acquisition",
        BUG_SERIES,
        # FrameReferenceTime is exactly the mean instant of the frame: the reference is 11:00.
        _suvbw(),
        _a_slice(SeriesTime="154500.000000", FrameReferenceTime=1000.0 * _MEAN_GA68_300),
    ),
    _computed(
        "a uniform phantom that holds A/m reads SUV 1",
        BUG_PHANTOM,
        # 370 MBq halve once in 109.77 min: 185 MBq in 70 kg are 2642.86 Bq/mL, SUV 1.
        1.0 / (185e6 / 70_000.0),
        _an_fdg_slice({DOSE: 370e6, **_at("20250101", "091013.800000")}),
    ),
    _refused(
        "an injection date-time left behind by date shifting is weeks before the scan",
        BUG_SHIFT,
        INJECTION,
        _a_slice(_at("20241215", "100000.000000")),
    ),
    _refused(
        "an injection date-time left behind by date shifting is weeks after the scan",
        BUG_SHIFT,
        INJECTION,
        _a_slice(_at("20250131", "100000.000000")),
    ),
    _refused(
        "an injection date-time one day off is not an injection one hour before",
        BUG_SHIFT,
        INJECTION,
        _a_slice(_at("20241231", "100000.000000")),
    ),
    _computed(
        "a site may declare that the injection clock time survived the date shift",
        BUG_SHIFT,
        _suvbw(),
        _a_slice(_at("20241215", "100000.000000")),
        declared={"injection_time_from": "time"},
    ),
    _refused(
        "a GE private scan time left behind by date shifting is not the scan's start",
        BUG_SHIFT,
        rf"GEScanDateTime|0009|{INJECTION}",
        _a_slice(
            Manufacturer="GE MEDICAL SYSTEMS",
            SeriesTime="120000.000000",
            GEScanDateTime="20241215110000.00",
        ),
    ),
    _refused(
        "a Siemens private decay reference left behind by date shifting contradicts the series",
        f"Reading: {BUG_SHIFT}; it names group 0071",
        r"Siemens|0071",
        _a_slice(SiemensDecayCorrectionDateTime="20241215110000.000000"),
    ),
    _computed(
        "the Siemens private date-time is the decay reference, not the injection",
        "Siemens Biograph conformance statement: (0071,xx22) Decay Correction DateTime",
        _suvbw(),
        _a_slice(SiemensDecayCorrectionDateTime="20250101110000.000000"),
    ),
    _computed(
        "dates shifted together leave the factor alone",
        "KitwareMedical/dicom-anonymizer #70: longitudinal dates, modified",
        _suvbw(),
        _a_slice(_at("19580117", "100000.000000"), **_scanned("19580117", "110000.000000")),
    ),
    _refused(
        "a study date does not stand in for removed series and acquisition dates",
        "KitwareMedical/dicom-anonymizer #70: dates removed",
        "SeriesDate|AcquisitionDate",
        _a_slice(
            _only_time("100000.000000"),
            StudyDate="20250101",
            StudyTime="105500.000000",
            SeriesDate="",
            AcquisitionDate=None,
        ),
    ),
    _refused(
        "a series without attenuation correction has no SUV",
        BUG_NO_AC,
        "CorrectedImage",
        _a_slice(CorrectedImage=("DECY", "DTIM", "RANSNG", "DCAL", "SLSENS", "NORM")),
    ),
    _computed(
        "an image from the end of a long list-mode scan still refers to its start",
        "rordenlab/dcm2niix #983: Siemens corrects to SeriesTime, 50 min before AcquisitionTime",
        _suvbw(bq=368.08e6, s=0.0),
        _an_fdg_slice(
            _at("20250101", "162000.000000"),
            SeriesTime="162000.000000",
            AcquisitionTime="171000.000000",
            FrameReferenceTime=1000.0 * (3000.0 + _MEAN_F18_1200),
            ActualFrameDuration=1200000,
            DecayFactor=2.0 ** ((3000.0 + _MEAN_F18_1200) / 6586.2),
        ),
    ),
)

_BEDS: Final = tuple(
    _a_slice(
        AcquisitionTime=f"11{5 * bed:02d}00.000000",
        FrameReferenceTime=1000.0 * (300.0 * bed + _MEAN_GA68_300),
        DecayFactor=2.0 ** ((300.0 * bed + _MEAN_GA68_300) / 4069.8),
    )
    for bed in range(4)
)

_REFERENCE_TIMES: Final = (
    _computed("all beds of a series share one decay reference", SERIES, _suvbw(), *_BEDS),
    _computed(
        "the order of the slices does not choose the earliest acquisition",
        SERIES,
        _suvbw(),
        *(bed | {"SeriesTime": "110700.000000"} for bed in reversed(_BEDS)),
    ),
    _computed(
        "a series that starts 90 s before its first frame is the reference",
        QIBA,
        _suvbw(s=3510.0),
        _a_slice(SeriesTime="105830.000000"),
    ),
    _computed(
        "a fraction of a second before the acquisition is still not after it",
        QIBA,
        _suvbw(s=3599.75),
        _a_slice(SeriesTime="105959.750000"),
    ),
    _computed(
        "a frame reference time of zero leaves the earliest acquisition",
        "cornerstonejs/calculate-suv, CPS_AND_BQML_AC_DT_-_S_DT",
        _suvbw(),
        _a_slice(SeriesTime="134918.000000", FrameReferenceTime=0.0),
        _a_slice(
            SeriesTime="134918.000000", FrameReferenceTime=0.0, AcquisitionTime="110500.000000"
        ),
    ),
    _computed(
        "a missing frame reference time leaves the earliest acquisition",
        QIBA,
        _suvbw(),
        _a_slice(SeriesTime="134918.000000", FrameReferenceTime=_ABSENT),
    ),
    _computed(
        "GE keeps the scan's start in a private element when the series was processed later",
        QIBA,
        # 10:59:50; the frame reference time alone would say 11:00:00.
        _suvbw(s=3590.0),
        _a_slice(
            Manufacturer="GE MEDICAL SYSTEMS",
            SeriesTime="120000.00",
            FrameReferenceTime=1000.0 * _MEAN_GA68_300,
            GEScanDateTime="20250101105950.00",
        ),
    ),
    _computed(
        "a GE scan time after the acquisition is not believed either",
        QIBA,
        _suvbw(),
        _a_slice(
            Manufacturer="GE MEDICAL SYSTEMS",
            SeriesTime="120000.00",
            FrameReferenceTime=1000.0 * _MEAN_GA68_300,
            GEScanDateTime="20250101114500.00",
        ),
    ),
    _computed(
        "a series processed on the next day keeps the injection on the day of the scan",
        f"{BUG_SERIES}; {BUG_DATE}",
        _suvbw(),
        _a_slice(
            _only_time("100000.000000"),
            SeriesDate="20250102",
            SeriesTime="091500.000000",
            FrameReferenceTime=1000.0 * _MEAN_GA68_300,
        ),
    ),
    _computed(
        "a bed after midnight belongs to the series that began before it",
        BUG_DATE,
        _suvbw(),
        _a_slice(
            _at("20250101", "225500.000000"),
            SeriesTime="235500.000000",
            AcquisitionTime="235500.000000",
        ),
        _a_slice(
            _at("20250101", "225500.000000"),
            SeriesTime="235500.000000",
            AcquisitionDate="20250102",
            AcquisitionTime="000500.000000",
        ),
    ),
    _computed(
        "uncorrected beds of different length decay each to its own mean",
        IMAGE,
        (_suvbw(s=3600.0 + _MEAN_GA68_300), _suvbw(s=4200.0 + _MEAN_GA68_120)),
        _a_slice(DecayCorrection="NONE", CorrectedImage=("ATTN", "SCAT", "RAN")),
        _a_slice(
            DecayCorrection="NONE",
            CorrectedImage=("ATTN", "SCAT", "RAN"),
            AcquisitionTime="111000.000000",
            ActualFrameDuration=120000,
        ),
    ),
    _refused(
        "an uncorrected slice without its frame's length has no mean instant",
        IMAGE,
        "ActualFrameDuration",
        _a_slice(
            DecayCorrection="NONE", CorrectedImage=("ATTN", "SCAT"), ActualFrameDuration=_ABSENT
        ),
    ),
    _refused(
        "an uncorrected slice without an acquisition time cannot be placed",
        IMAGE,
        "AcquisitionTime",
        _a_slice(DecayCorrection="NONE", CorrectedImage=("ATTN", "SCAT"), AcquisitionTime=""),
    ),
    _refused(
        "without an acquisition time the series time cannot be told from a later one",
        f"Reading: {IMAGE}; Type 2, so it may be empty",
        "AcquisitionTime",
        _a_slice(AcquisitionTime=""),
    ),
)

_DECAY_CORRECTIONS: Final = (
    _refused(
        "START without DECY contradicts itself",
        SERIES,
        DECAY,
        _a_slice(CorrectedImage=("NORM", "ATTN", "SCAT")),
    ),
    _refused(
        "ADMIN without DECY contradicts itself",
        SERIES,
        DECAY,
        _a_slice(DecayCorrection="ADMIN", CorrectedImage=("NORM", "ATTN", "SCAT")),
    ),
    _refused("NONE with DECY contradicts itself", SERIES, DECAY, _a_slice(DecayCorrection="NONE")),
    _refused(
        "a missing DecayCorrection leaves the reference unknown",
        SERIES,
        "DecayCorrection",
        _a_slice(DecayCorrection=_ABSENT),
    ),
    _refused(
        "an empty DecayCorrection leaves the reference unknown",
        SERIES,
        "DecayCorrection",
        _a_slice(DecayCorrection=""),
    ),
    _refused(
        "a DecayCorrection that the standard does not know is not START",
        SERIES,
        "DecayCorrection",
        _a_slice(DecayCorrection="SCAN"),
    ),
    _refused(
        "a missing CorrectedImage does not say that attenuation was corrected",
        SERIES,
        "CorrectedImage",
        _a_slice(CorrectedImage=_ABSENT),
    ),
    _refused(
        "an empty CorrectedImage does not say that attenuation was corrected",
        SERIES,
        "CorrectedImage",
        _a_slice(CorrectedImage=""),
    ),
    _refused(
        "attenuation must be corrected in an uncorrected-for-decay series too",
        BUG_NO_AC,
        "CorrectedImage",
        _a_slice(DecayCorrection="NONE", CorrectedImage=("NORM", "DTIM")),
    ),
    _refused(
        "one slice without attenuation correction spoils the series",
        f"Reading: {CONSISTENCY}",
        "CorrectedImage",
        _a_slice(),
        _a_slice(CorrectedImage=("NORM", "DTIM", "SCAT", "DECY")),
    ),
    _computed(
        "a decay factor that reaches from the frame to the series start fits START",
        SERIES,
        _suvbw(),
        _a_slice(DecayFactor=2.0 ** (_MEAN_GA68_300 / 4069.8)),
    ),
    _refused(
        "a decay factor that reaches to the injection contradicts START",
        f"{SERIES}; {BUG_ADMIN}",
        "DecayFactor",
        _a_slice(DecayFactor=2.0 ** (3750.0 / 4069.8)),
    ),
    _computed(
        "a decay factor that reaches to the injection fits ADMIN",
        SERIES,
        _suvbw(s=0.0),
        _a_slice(DecayCorrection="ADMIN", DecayFactor=2.0 ** (3750.0 / 4069.8)),
    ),
    _refused(
        "a decay factor that reaches only to the series start contradicts ADMIN",
        f"{SERIES}; {BUG_ADMIN}",
        "DecayFactor",
        _a_slice(DecayCorrection="ADMIN", DecayFactor=2.0 ** (_MEAN_GA68_300 / 4069.8)),
    ),
    _refused(
        "177Lu xSPECT with ADMIN and a decay factor of 1 may mean either instant",
        "Dewaraja and Van, Deep Blue 10.7302/0n8e-rz46; DRO_3_1 says the opposite for PET",
        "DecayCorrection|DecayFactor|decay_corrected_to",
        _a_lutetium_slice(),
    ),
    _computed(
        "177Lu xSPECT is at the injection when the site declares so",
        "Dewaraja and Van, Deep Blue 10.7302/0n8e-rz46",
        92_987.0 / 7210425599.6395,
        _a_lutetium_slice(),
        declared={"decay_corrected_to": "injection"},
    ),
    _computed(
        "177Lu xSPECT is at the scan's start when the site declares so",
        "Dewaraja and Van, Deep Blue 10.7302/0n8e-rz46",
        # 09:22:00 to 13:06:28.148.
        _suvbw(kg=92.987, bq=7210425599.6395, s=13_468.148, half_life_s=574300.0),
        _a_lutetium_slice(),
        declared={"decay_corrected_to": "scan start"},
    ),
)

_INJECTIONS: Final = (
    _refused(
        "two injection times that disagree are not averaged",
        ISOTOPE,
        INJECTION,
        _a_slice({"RadiopharmaceuticalStartTime": "101000.000000"}),
    ),
    _computed(
        "the site may declare that the injection date-time is the right one",
        ISOTOPE,
        _suvbw(),
        _a_slice({"RadiopharmaceuticalStartTime": "101000.000000"}),
        declared={"injection_time_from": "datetime"},
    ),
    _computed(
        "the site may declare that the injection time is the right one",
        ISOTOPE,
        _suvbw(s=3000.0),
        _a_slice({"RadiopharmaceuticalStartTime": "101000.000000"}),
        declared={"injection_time_from": "time"},
    ),
    _computed(
        "an injection time without a date is on the day of the scan",
        "cornerstonejs/calculate-suv, RADIOPHARM_DATETIME_UNDEFINED",
        _suvbw(),
        _a_slice(_only_time("100000.000000")),
    ),
    _refused(
        "no injection time at all leaves nothing to decay from",
        ISOTOPE,
        INJECTION,
        _a_slice(
            {"RadiopharmaceuticalStartDateTime": _ABSENT, "RadiopharmaceuticalStartTime": _ABSENT}
        ),
    ),
    _refused(
        "empty injection times are missing injection times",
        ISOTOPE,
        INJECTION,
        _a_slice({"RadiopharmaceuticalStartDateTime": "", "RadiopharmaceuticalStartTime": None}),
    ),
    _refused(
        "an injection date without a clock time is not midnight",
        f"Reading: {VALUES}; 11 h before would pass as a long wait",
        INJECTION,
        _a_slice(
            {
                "RadiopharmaceuticalStartDateTime": "20250101",
                "RadiopharmaceuticalStartTime": _ABSENT,
            }
        ),
    ),
    _computed(
        "the last evening of a month is the day before the first",
        BUG_DATE,
        _suvbw(),
        _a_slice(_only_time("233000.000000"), **_scanned("20250301", "003000.000000")),
    ),
    _computed(
        "the evening before 1 March of a leap year is 29 February",
        BUG_DATE,
        _suvbw(),
        _a_slice(_only_time("233000.000000"), **_scanned("20240301", "003000.000000")),
    ),
    _computed(
        "a leap day written out is a day",
        BUG_DATE,
        _suvbw(),
        _a_slice(_at("20240229", "233000.000000"), **_scanned("20240301", "003000.000000")),
    ),
    _computed(
        "the evening before New Year's Day belongs to the old year",
        BUG_DATE,
        _suvbw(),
        _a_slice(_only_time("233000.000000"), **_scanned("20250101", "003000.000000")),
    ),
    _computed(
        "an injection on New Year's Eve has its date in the old year",
        BUG_DATE,
        _suvbw(),
        _a_slice(_at("20241231", "233000.000000"), **_scanned("20250101", "003000.000000")),
    ),
    _computed(
        "a dynamic scan that starts with the injection meets the whole activity",
        "Reading: PS3.3 C.8.9.2; at the scan's start is not after it",
        _suvbw(s=0.0),
        _a_slice(_at("20250101", "110000.000000")),
    ),
    _refused(
        "an injection an hour after the scan is an error of the clock or the header",
        PLAUSIBLE,
        INJECTION,
        _a_slice(_at("20250101", "120000.000000")),
    ),
    _refused(
        "an injection time after the scan moves to the day before and is too old for 68Ga",
        PLAUSIBLE,
        INJECTION,
        _a_slice(_only_time("120000.000000")),
    ),
    _refused(
        "68Ga injected twelve hours before is more than ten half-lives old",
        PLAUSIBLE,
        INJECTION,
        _a_slice(_at("20241231", "230000.000000")),
    ),
    _refused(
        "64Cu injected 26 hours before is beyond a day",
        PLAUSIBLE,
        INJECTION,
        _a_copper_slice(_at("20241231", "090000.000000")),
    ),
    _computed(
        "on the day the clocks go forward a morning hour is an hour",
        "Header times are local without offset; neither instant lies in the missing hour",
        _suvbw(),
        _a_slice(_at("20250330", "100000.000000"), **_scanned("20250330", "110000.000000")),
    ),
    _computed(
        "on the day the clocks go back a morning hour is an hour",
        "Header times are local without offset; neither instant lies in the double hour",
        _suvbw(),
        _a_slice(_at("20251026", "100000.000000"), **_scanned("20251026", "110000.000000")),
    ),
    _computed(
        "an offset inside the injection date-time is worked into local time",
        "DICOM PS3.5 6.2, DT with &ZZXX; PS3.3 C.12.1, TimezoneOffsetFromUTC",
        _suvbw(),
        _a_slice(
            {
                "RadiopharmaceuticalStartDateTime": "20250101090000.000000+0000",
                "RadiopharmaceuticalStartTime": _ABSENT,
            },
            TimezoneOffsetFromUTC="+0100",
        ),
    ),
    _computed(
        "the same offset inside the injection date-time and in the header changes nothing",
        "DICOM PS3.5 6.2, DT with &ZZXX",
        _suvbw(),
        _a_slice(
            {"RadiopharmaceuticalStartDateTime": "20250101100000.000000+0100"},
            TimezoneOffsetFromUTC="+0100",
        ),
    ),
    _refused(
        "a header without radiopharmaceutical information has no dose",
        ISOTOPE,
        "RadiopharmaceuticalInformationSequence",
        _a_slice(RadiopharmaceuticalInformationSequence=_ABSENT),
    ),
    _refused(
        "an empty radiopharmaceutical sequence has no dose",
        ISOTOPE,
        "RadiopharmaceuticalInformationSequence",
        _a_slice(RadiopharmaceuticalInformationSequence=()),
    ),
    _refused(
        "of two tracers in one header neither is chosen",
        f"Reading: {ISOTOPE}; one or more items, of which none is marked",
        "RadiopharmaceuticalInformationSequence",
        _a_slice(
            RadiopharmaceuticalInformationSequence=(
                _DOSE,
                _DOSE | {"RadionuclideTotalDose": 90e6, **_at("20250101", "093000.000000")},
            )
        ),
    ),
)

_NUCLIDES: Final = (
    _computed(
        "68Ga with 67.71 min in the header decays by 67.71 min",
        HALF_LIVES,
        _suvbw(half_life_s=4062.6),
        _a_slice({HALF_LIFE: 4062.6}),
    ),
    _computed(
        "68Ga with 68.2 min in the header decays by 68.2 min",
        HALF_LIVES,
        _suvbw(half_life_s=4092.0),
        _a_slice({HALF_LIFE: 4092.0}),
    ),
    _computed(
        "a half-life as a padded decimal string is a number",
        VALUES,
        _suvbw(half_life_s=4080.0),
        _a_slice({HALF_LIFE: " 4.08E+3 "}),
    ),
    _refused(
        "68Ga with 67.0 min is outside what is believed",
        HALF_LIVES,
        HALF_LIFE,
        _a_slice({HALF_LIFE: 4020.0}),
    ),
    _refused(
        "68Ga with 70 min is outside what is believed",
        HALF_LIVES,
        HALF_LIFE,
        _a_slice({HALF_LIFE: 4200.0}),
    ),
    _computed(
        "68Ga with 70 min is used when the site declares that the scanner used it",
        HALF_LIVES,
        _suvbw(half_life_s=4200.0),
        _a_slice({HALF_LIFE: 4200.0}),
        declared={"half_life_s": 4200.0},
    ),
    _refused(
        "a half-life in minutes is not a half-life in seconds",
        ISOTOPE,
        HALF_LIFE,
        _a_slice({HALF_LIFE: 67.83}),
    ),
    _refused(
        "a missing half-life is not looked up", ISOTOPE, HALF_LIFE, _a_slice({HALF_LIFE: _ABSENT})
    ),
    _refused("an empty half-life is not looked up", ISOTOPE, HALF_LIFE, _a_slice({HALF_LIFE: ""})),
    _computed(
        "a missing half-life may be declared",
        ISOTOPE,
        _suvbw(half_life_s=4069.8),
        _a_slice({HALF_LIFE: _ABSENT}),
        declared={"half_life_s": 4069.8},
    ),
    _refused("a half-life of zero is no half-life", ISOTOPE, HALF_LIFE, _a_slice({HALF_LIFE: 0.0})),
    _refused(
        "an infinite half-life is no half-life", VALUES, HALF_LIFE, _a_slice({HALF_LIFE: math.inf})
    ),
    _refused(
        "a half-life that is not a number is refused",
        VALUES,
        HALF_LIFE,
        _a_slice({HALF_LIFE: math.nan}),
    ),
    _computed(
        "18F with GE's 109.8 min decays by 109.8 min",
        HALF_LIVES,
        _suvbw(bq=368.08e6, half_life_s=6588.0),
        _an_fdg_slice({HALF_LIFE: 6588.0}),
    ),
    _refused(
        "18F with 110.4 min is outside what is believed",
        HALF_LIVES,
        HALF_LIFE,
        _an_fdg_slice({HALF_LIFE: 6624.0}),
    ),
    _refused(
        "18F with the half-life of 68Ga contradicts itself",
        HALF_LIVES,
        NUCLIDE,
        _an_fdg_slice({HALF_LIFE: 4069.8}),
    ),
    _refused(
        "68Ga with the half-life of 18F contradicts itself",
        HALF_LIVES,
        NUCLIDE,
        _a_slice({HALF_LIFE: 6586.2}),
    ),
    _refused(
        "a tracer named 68Ga under the code of 18F contradicts itself",
        f"Reading: {HALF_LIVES}; the half-life sides with the name",
        NUCLIDE,
        _a_slice({"RadionuclideCodeSequence": _FLUORINE}),
    ),
    _refused(
        "66Ga is not 68Ga",
        "DICOM PS3.16 CID 4020: C-131A1 is 66Ga, 9.49 h",
        NUCLIDE,
        _a_slice(
            {
                "Radiopharmaceutical": "66Ga-DOTATOC",
                HALF_LIFE: 34164.0,
                "RadionuclideCodeSequence": _a_nuclide("C-131A1", "^66^Gallium"),
            }
        ),
    ),
    _computed(
        "the tracer's name is enough to know the nuclide",
        ISOTOPE,
        _suvbw(),
        _a_slice({"Radiopharmaceutical": "Ga-68 DOTATOC", "RadionuclideCodeSequence": _ABSENT}),
    ),
    _refused(
        "the tracer's name is enough to doubt the half-life",
        ISOTOPE,
        NUCLIDE,
        _a_slice(
            {
                "Radiopharmaceutical": "Ga-68 DOTATOC",
                "RadionuclideCodeSequence": _ABSENT,
                HALF_LIFE: 6586.2,
            }
        ),
    ),
    _computed(
        "the code is enough to know the nuclide",
        ISOTOPE,
        _suvbw(),
        _a_slice({"Radiopharmaceutical": _ABSENT}),
    ),
    _computed(
        "a SNOMED CT code is read by its meaning",
        "DICOM PS3.16 CID 4020, since 2019 with SCT codes",
        _suvbw(**_F18),
        _an_fdg_slice({"RadionuclideCodeSequence": _a_nuclide("77004003", "^18^Fluorine")}),
    ),
)

_DOSES: Final = (
    _computed(
        "a dose as a padded decimal string with exponent is a number",
        VALUES,
        _suvbw(),
        _a_slice({DOSE: " 1.5E8 "}),
    ),
    _computed(
        "a dose of 150 for 68Ga is in MBq", "IBSI-SUV DRO_3_0", _suvbw(), _a_slice({DOSE: "150.0"})
    ),
    _computed(
        "a dose of 150 may be declared in MBq",
        "IBSI-SUV DRO_3_0",
        _suvbw(),
        _a_slice({DOSE: 150.0}),
        declared={"activity_unit": "MBq"},
    ),
    _refused(
        "a dose of 150 000 is neither Bq nor MBq", PLAUSIBLE, DOSE, _a_slice({DOSE: 150_000.0})
    ),
    _computed(
        "a dose of 150 000 may be declared in kBq",
        PLAUSIBLE,
        _suvbw(),
        _a_slice({DOSE: 150_000.0}),
        declared={"activity_unit": "kBq"},
    ),
    _refused("3 GBq of 68Ga is not injected for imaging", PLAUSIBLE, DOSE, _a_slice({DOSE: 3e9})),
    _refused(
        "3 GBq of 18F is not injected for imaging", PLAUSIBLE, DOSE, _an_fdg_slice({DOSE: 3e9})
    ),
    _computed(
        "3 GBq is used when the site declares that it is in Bq",
        PLAUSIBLE,
        _suvbw(bq=3e9),
        _a_slice({DOSE: 3e9}),
        declared={"activity_unit": "Bq"},
    ),
    _refused(
        "a dose of 0.15 is in GBq, and as MBq it would be implausible",
        f"Reading: {PLAUSIBLE}; 0.15 MBq lies between 10 kBq and 1 MBq",
        DOSE,
        _a_slice({DOSE: 0.15}),
    ),
    _refused(
        "a dose of 5000 is implausible in Bq and in MBq",
        f"Reading: {PLAUSIBLE}; 5000 MBq is above 2 GBq",
        DOSE,
        _a_slice({DOSE: 5000.0}),
    ),
    _refused("a dose of zero is no dose", ISOTOPE, DOSE, _a_slice({DOSE: 0.0})),
    _refused("a missing dose is not assumed", ISOTOPE, DOSE, _a_slice({DOSE: _ABSENT})),
    _refused("an empty dose is not assumed", ISOTOPE, DOSE, _a_slice({DOSE: ""})),
    _refused("a negative dose is no dose", ISOTOPE, DOSE, _a_slice({DOSE: -150e6})),
    _refused("a dose that is not a number is refused", VALUES, DOSE, _a_slice({DOSE: "NaN"})),
    _refused(
        "a dose with its unit written out is not a decimal string",
        VALUES,
        DOSE,
        _a_slice({DOSE: "150 MBq"}),
    ),
)

_RECORDED: Final = (
    _computed(
        "the recorded body mass wins when it agrees with the header",
        RECORDS,
        _suvbw(kg=71.0),
        _a_slice(),
        recorded={"body_mass_kg": 71.0},
    ),
    _refused(
        "a recorded body mass 3 % from the header's is a question for the site",
        RECORDS,
        MASS_OR_RECORD,
        _a_slice(),
        recorded={"body_mass_kg": 72.1},
    ),
    _computed(
        "the site may declare that the recorded body mass is right",
        RECORDS,
        _suvbw(kg=82.0),
        _a_slice(),
        recorded={"body_mass_kg": 82.0},
        declared={"body_mass_from": "records"},
    ),
    _computed(
        "the site may declare that the header's body mass is right",
        RECORDS,
        _suvbw(kg=70.0),
        _a_slice(),
        recorded={"body_mass_kg": 82.0},
        declared={"body_mass_from": "header"},
    ),
    _computed(
        "a recorded body mass fills a header that lacks it",
        f"Reading: {RECORDS}; nothing contradicts the record",
        _suvbw(kg=68.5),
        _a_slice(PatientWeight=_ABSENT),
        recorded={"body_mass_kg": 68.5},
    ),
    _computed(
        "a header mass of zero gives way to the record when the site declares so",
        RECORDS,
        _suvbw(kg=68.5),
        _a_slice(PatientWeight=0.0),
        recorded={"body_mass_kg": 68.5},
        declared={"body_mass_from": "records"},
    ),
    _refused(
        "a recorded body mass is held to the same limits",
        f"Reading: {PLAUSIBLE}",
        MASS_OR_RECORD,
        _a_slice(PatientWeight=_ABSENT),
        recorded={"body_mass_kg": 7.0},
    ),
    _computed(
        "the recorded net activity wins over the header's gross activity",
        RECORDS,
        # 150 MBq drawn, 5 MBq left in the syringe.
        _suvbw(bq=145e6),
        _a_coordinated_slice(),
        recorded={"net_activity_bq": 145e6, "injected_at": "2025-01-01T10:00:00+00:00"},
    ),
    _computed(
        "a recorded activity of another instant is decayed before it is compared",
        RECORDS,
        # 163 MBq at 09:50 are 147.2 MBq at 10:00; from 09:50 to 11:00 are 4200 s.
        _suvbw(bq=163e6, s=4200.0),
        _a_coordinated_slice(),
        recorded={"net_activity_bq": 163e6, "injected_at": "2025-01-01T09:50:00+00:00"},
    ),
    _computed(
        "a record in UTC and a header one hour east of it are the same instant",
        RECORDS,
        _suvbw(bq=148e6),
        _a_coordinated_slice(TimezoneOffsetFromUTC="+0100"),
        recorded={"net_activity_bq": 148e6, "injected_at": "2025-01-01T09:00:00+00:00"},
    ),
    _computed(
        "a header dose in MBq is compared in Bq",
        RECORDS,
        _suvbw(bq=148e6),
        _a_slice({DOSE: 150.0}, TimezoneOffsetFromUTC="+0000"),
        recorded={"net_activity_bq": 148e6, "injected_at": "2025-01-01T10:00:00+00:00"},
    ),
    _refused(
        "a recorded activity 20 % from the header's is a question for the site",
        RECORDS,
        DOSE_OR_RECORD,
        _a_coordinated_slice(),
        recorded={"net_activity_bq": 120e6, "injected_at": "2025-01-01T10:00:00+00:00"},
    ),
    _refused(
        "the same activity recorded an hour earlier is another activity",
        RECORDS,
        rf"{DOSE_OR_RECORD}|injected_at|{INJECTION}",
        _a_coordinated_slice(),
        recorded={"net_activity_bq": 150e6, "injected_at": "2025-01-01T09:00:00+00:00"},
    ),
    _computed(
        "the site may declare that the recorded activity is right",
        RECORDS,
        _suvbw(bq=120e6),
        _a_coordinated_slice(),
        recorded={"net_activity_bq": 120e6, "injected_at": "2025-01-01T10:00:00+00:00"},
        declared={"activity_from": "records"},
    ),
    _computed(
        "the site may declare that the header's activity is right",
        RECORDS,
        _suvbw(bq=150e6),
        _a_coordinated_slice(),
        recorded={"net_activity_bq": 120e6, "injected_at": "2025-01-01T10:00:00+00:00"},
        declared={"activity_from": "header"},
    ),
    _computed(
        "a declared record stands in for a missing header dose",
        RECORDS,
        _suvbw(bq=120e6),
        _a_slice({DOSE: _ABSENT}, TimezoneOffsetFromUTC="+0000"),
        recorded={"net_activity_bq": 120e6, "injected_at": "2025-01-01T10:00:00+00:00"},
        declared={"activity_from": "records"},
    ),
    _refused(
        "a recorded activity of zero is no activity",
        f"Reading: {PLAUSIBLE}",
        DOSE_OR_RECORD,
        _a_coordinated_slice(),
        recorded={"net_activity_bq": 0.0, "injected_at": "2025-01-01T10:00:00+00:00"},
    ),
)

_MASSES: Final = (
    _computed(
        "a body mass as a decimal string is a number",
        VALUES,
        _suvbw(kg=70.5),
        _a_slice(PatientWeight="70.50 "),
    ),
    _computed(
        "a body mass of 25 kg is still a body mass",
        PLAUSIBLE,
        _suvbw(kg=25.0),
        _a_slice(PatientWeight=25.0),
    ),
    _refused("a missing body mass is not 75 kg", PLAUSIBLE, MASS, _a_slice(PatientWeight=_ABSENT)),
    _refused("an empty body mass is not 75 kg", PLAUSIBLE, MASS, _a_slice(PatientWeight="")),
    _refused("a body mass of zero is missing", PLAUSIBLE, MASS, _a_slice(PatientWeight=0.0)),
    _refused("a body mass of 7.0 kg lost a zero", PLAUSIBLE, MASS, _a_slice(PatientWeight=7.0)),
    _refused("a body mass of 24.9 kg is refused", PLAUSIBLE, MASS, _a_slice(PatientWeight=24.9)),
    _refused("a body mass of 301 kg is refused", PLAUSIBLE, MASS, _a_slice(PatientWeight=301.0)),
    _refused("a body mass of 700 kg won a zero", PLAUSIBLE, MASS, _a_slice(PatientWeight=700.0)),
    _refused("a body mass in grams is refused", PLAUSIBLE, MASS, _a_slice(PatientWeight=70_000.0)),
    _refused("a negative body mass is refused", PLAUSIBLE, MASS, _a_slice(PatientWeight=-70.0)),
    _refused(
        "a body mass that is not a number is refused",
        VALUES,
        MASS,
        _a_slice(PatientWeight=math.nan),
    ),
    _refused(
        "a body mass with a decimal comma is refused", VALUES, MASS, _a_slice(PatientWeight="70,5")
    ),
)


def _female(suv_type: str, **changes: object) -> dict[str, object]:
    return _a_slice(None, **{"Units": "GML", "SUVType": suv_type, "PatientSex": "F", **changes})


def _male(suv_type: str, **changes: object) -> dict[str, object]:
    return _female(suv_type, **{"PatientSex": "M", **changes})


_STORED_SUV: Final = (
    _computed("GML without an SUV type is body weight", SERIES, 1.0, _a_slice(Units="GML")),
    _computed(
        "GML with an empty SUV type is body weight", SERIES, 1.0, _a_slice(Units="GML", SUVType="")
    ),
    _computed(
        "GML by lean mass of a woman (James) goes back to body weight",
        "James 1976, Morgan 1994",
        70.0 / (1.07 * 70.0 - 148.0 * (70.0 / 175.0) ** 2),
        _female("LBM"),
    ),
    _computed(
        "GML by lean mass of a man (James, 120) goes back to body weight",
        "James 1976, Morgan 1994",
        70.0 / (1.10 * 70.0 - 120.0 * (70.0 / 175.0) ** 2),
        _male("LBM"),
    ),
    _computed(
        "James 128 differs from James 120 in men only",
        "James 1976",
        70.0 / (1.07 * 70.0 - 148.0 * (70.0 / 175.0) ** 2),
        _female("LBMJAMES128"),
    ),
    _computed(
        "GML by lean mass of a woman (Janmahasatian) goes back to body weight",
        "Janmahasatian 2005",
        70.0 / (9270.0 * 70.0 / (8780.0 + 244.0 * 70.0 / 1.75**2)),
        _female("LBMJANMA"),
    ),
    _computed(
        "GML by lean mass of a man (Janmahasatian) goes back to body weight",
        "Janmahasatian 2005",
        70.0 / (9270.0 * 70.0 / (6680.0 + 216.0 * 70.0 / 1.75**2)),
        _male("LBMJANMA"),
    ),
    _computed(
        "height and sex for the lean mass may come from the records",
        f"Reading: {RECORDS}; nothing contradicts the record",
        70.0 / (9270.0 * 70.0 / (8780.0 + 244.0 * 70.0 / 1.75**2)),
        _female("LBMJANMA", PatientSize=_ABSENT, PatientSex=""),
        recorded={"height_m": 1.75, "sex": "F"},
    ),
    _refused(
        "SUV by lean mass of sex O has no formula",
        PLAUSIBLE,
        "PatientSex",
        _female("LBMJANMA", PatientSex="O"),
    ),
    _refused(
        "SUV by lean mass needs the sex",
        PLAUSIBLE,
        "PatientSex",
        _female("LBM", PatientSex=_ABSENT),
    ),
    _refused(
        "SUV by lean mass needs the height",
        PLAUSIBLE,
        "PatientSize",
        _female("LBMJANMA", PatientSize=_ABSENT),
    ),
    _refused(
        "a height of zero is missing",
        PLAUSIBLE,
        "PatientSize",
        _female("LBMJANMA", PatientSize=0.0),
    ),
    _refused(
        "a height in centimeters is not a height in meters",
        f"Reading: {PLAUSIBLE}; PatientSize is in m",
        "PatientSize",
        _female("LBMJANMA", PatientSize=175.0),
    ),
    _refused(
        "SUV by body surface needs the height",
        PLAUSIBLE,
        "PatientSize",
        _a_slice(Units="CM2ML", SUVType="BSA", PatientSize=_ABSENT),
    ),
    _refused(
        "SUV by ideal weight has two formulas and the header names none",
        "DICOM PS3.16 CID 85 points to Sugawara 1999; Robinson 1983 is in use too",
        SUV_TYPE,
        _male("IBW"),
    ),
    _computed(
        "SUV by ideal weight goes back by Robinson when declared",
        "Robinson 1983",
        70.0 / (51.65 + 1.85 * (175.0 / 2.54 - 60.0)),
        _male("IBW"),
        declared={"ideal_body_weight": "robinson"},
    ),
    _computed(
        "SUV by ideal weight goes back by Sugawara when declared, for a woman",
        "Sugawara 1999, DICOM PS3.16 CID 85",
        70.0 / (45.5 + 0.91 * (175.0 - 152.0)),
        _female("IBW"),
        declared={"ideal_body_weight": "sugawara"},
    ),
    _refused(
        "an SUV type that the standard does not know is not body weight",
        SERIES,
        SUV_TYPE,
        _female("LEAN"),
    ),
    _refused(
        "SUV by body surface in g/mL contradicts itself",
        f"Reading: {SERIES}",
        "SUVType|Units",
        _female("BSA"),
    ),
    _refused(
        "SUV by body weight in cm2/mL contradicts itself",
        f"Reading: {SERIES}",
        "SUVType|Units",
        _female("BW", Units="CM2ML"),
    ),
)

_UNITS_AND_MAPPINGS: Final = (
    _computed(
        "the private factors of a Philips image in Bq/mL are not applied",
        "cornerstonejs/calculate-suv, PHILIPS_BQML",
        _suvbw(),
        _a_slice(
            Manufacturer="Philips",
            PhilipsSUVScaleFactor="0.003515736 ",
            PhilipsActivityConcentrationScaleFactor="4.709921",
        ),
    ),
    _computed(
        "of both Philips factors the SUV factor is used",
        "cornerstonejs/calculate-suv, PHILIPS_CNTS_AND_BQML_SUV",
        0.000551,
        _a_slice(
            Manufacturer="Philips",
            Units="CNTS",
            PhilipsSUVScaleFactor="0.000551 ",
            # Chosen so that both ways give 0.000551.
            PhilipsActivityConcentrationScaleFactor=0.000551 / _suvbw(),
        ),
    ),
    _computed(
        "a Philips SUV factor of zero gives way to the activity factor",
        BUG_CNTS,
        1.602563 * _suvbw(),
        _a_slice(
            Manufacturer="Philips",
            Units="CNTS",
            PhilipsSUVScaleFactor=0.0,
            PhilipsActivityConcentrationScaleFactor=1.602563,
        ),
    ),
    _computed(
        "Philips activity factors may change from slice to slice",
        "Reading: the factor, like RescaleSlope, belongs to the slice that holds it",
        (1.5 * _suvbw(), 2.5 * _suvbw()),
        *(
            _a_slice(
                Manufacturer="Philips", Units="CNTS", PhilipsActivityConcentrationScaleFactor=factor
            )
            for factor in (1.5, 2.5)
        ),
    ),
    _refused(
        "two Philips factors of zero are no factor",
        BUG_CNTS,
        r"Units|Philips\w*ScaleFactor|7053",
        _a_slice(
            Manufacturer="Philips",
            Units="CNTS",
            PhilipsSUVScaleFactor=0.0,
            PhilipsActivityConcentrationScaleFactor=0.0,
        ),
    ),
    _refused(
        "counts of another maker have no unit",
        SERIES,
        UNITS,
        _a_slice(Manufacturer="GE MEDICAL SYSTEMS", Units="CNTS"),
    ),
    _computed(
        "counts with a real-world mapping to SUV are divided by the rescale slope",
        MAPPING,
        0.001 / 2.0,
        _a_slice(
            Units="CNTS",
            RescaleSlope=2.0,
            RealWorldValueMappingSequence=(_a_mapping(0.001, "{SUVbw}g/ml"),),
        ),
    ),
    _computed(
        "counts with a real-world mapping to Bq/mL are divided by the rescale slope",
        MAPPING,
        3.0 / 2.0 * _suvbw(),
        _a_slice(
            Units="CNTS",
            RescaleSlope=2.0,
            RealWorldValueMappingSequence=(_a_mapping(3.0, "Bq/ml"),),
        ),
    ),
    _refused(
        "counts with a real-world mapping to something else have no unit",
        MAPPING,
        "Units|RealWorldValueMappingSequence",
        _a_slice(Units="CNTS", RealWorldValueMappingSequence=(_a_mapping(3.0, "{counts}/s"),)),
    ),
    _computed(
        "a real-world mapping to SUV beside Bq/mL may confirm the factor",
        MAPPING,
        _suvbw(),
        _a_slice(
            RescaleSlope=1.5,
            RealWorldValueMappingSequence=(_a_mapping(1.5 * _suvbw(), "{SUVbw}g/ml"),),
        ),
    ),
    _computed(
        "a real-world mapping half a per cent off still confirms the factor",
        MAPPING,
        _suvbw(),
        _a_slice(
            RescaleSlope=1.5,
            RealWorldValueMappingSequence=(_a_mapping(1.5075 * _suvbw(), "{SUVbw}g/ml"),),
        ),
    ),
    _refused(
        "a real-world mapping three per cent off contradicts the factor",
        MAPPING,
        "RealWorldValue",
        _a_slice(
            RescaleSlope=1.5,
            RealWorldValueMappingSequence=(_a_mapping(1.545 * _suvbw(), "{SUVbw}g/ml"),),
        ),
    ),
    _refused(
        "a real-world mapping made for rescaled values contradicts the factor",
        MAPPING,
        "RealWorldValue",
        _a_slice(
            RescaleSlope=1.5, RealWorldValueMappingSequence=(_a_mapping(_suvbw(), "{SUVbw}g/ml"),)
        ),
    ),
    _computed(
        "of several real-world mappings only SUV by body weight is compared",
        MAPPING,
        _suvbw(),
        _a_slice(
            RescaleSlope=1.5,
            RealWorldValueMappingSequence=(
                _a_mapping(1.1 * _suvbw(), "{SUVlbm}g/ml"),
                _a_mapping(1.5 * _suvbw(), "{SUVbw}g/ml"),
            ),
        ),
    ),
    _refused("proportional counts are no unit", SERIES, UNITS, _a_slice(Units="PROPCNTS")),
    _refused("counts per second are no activity", SERIES, UNITS, _a_slice(Units="CPS")),
    _refused("an unknown unit is refused", SERIES, UNITS, _a_slice(Units="KBQML")),
    _refused("missing units are not Bq/mL", SERIES, UNITS, _a_slice(Units=_ABSENT)),
    _refused("empty units are not Bq/mL", SERIES, UNITS, _a_slice(Units="")),
)

_SLICES: Final = (
    _refused(
        "slices in Bq/mL and g/mL are two series",
        CONSISTENCY,
        UNITS,
        _a_slice(),
        _a_slice(Units="GML", SUVType="BW"),
    ),
    _refused(
        "slices with two injection times are two series",
        CONSISTENCY,
        INJECTION,
        _a_slice(),
        _a_slice(_at("20250101", "100500.000000")),
    ),
    _refused(
        "slices with two doses are two series",
        CONSISTENCY,
        DOSE,
        _a_slice(),
        _a_slice({DOSE: 160e6}),
    ),
    _refused(
        "slices with two half-lives are two series",
        CONSISTENCY,
        HALF_LIFE,
        _a_slice(),
        _a_slice({HALF_LIFE: 4062.6}),
    ),
    _refused(
        "slices with two body masses are two patients",
        CONSISTENCY,
        MASS,
        _a_slice(),
        _a_slice(PatientWeight=70.5),
    ),
    _refused(
        "slices with two decay corrections are two series",
        SERIES,
        "DecayCorrection",
        _a_slice(),
        _a_slice(DecayCorrection="ADMIN"),
    ),
    _refused(
        "slices in two time zones cannot be ordered",
        CONSISTENCY,
        "TimezoneOffsetFromUTC",
        _a_slice(TimezoneOffsetFromUTC="+0100"),
        _a_slice(),
        _a_slice(TimezoneOffsetFromUTC="+0000"),
    ),
    _computed(
        "slices in one time zone are one series",
        CONSISTENCY,
        _suvbw(),
        _a_slice(TimezoneOffsetFromUTC="+0100"),
        _a_slice(TimezoneOffsetFromUTC="+0100"),
    ),
    _computed(
        "equal values written differently are equal",
        VALUES,
        _suvbw(),
        _a_slice(),
        _a_slice({DOSE: "150000000"}, PatientWeight="70.00"),
    ),
)

_TIME_FORMS: Final = (
    _computed(
        "a time of hours and minutes is a time",
        VALUES,
        _suvbw(),
        _a_slice(**_scanned("20250101", "1100")),
    ),
    _computed(
        "a time of hours alone is a time",
        f"Reading: {VALUES}; trailing components may be left out",
        _suvbw(),
        _a_slice(**_scanned("20250101", "11")),
    ),
    _computed(
        "a time without a fraction is a time",
        VALUES,
        _suvbw(),
        _a_slice(_at("20250101", "100000"), **_scanned("20250101", "110000")),
    ),
    _computed(
        "half a second counts",
        VALUES,
        _suvbw(s=3600.5),
        _a_slice(**_scanned("20250101", "110000.5")),
    ),
    _computed(
        "microseconds with padding count",
        VALUES,
        _suvbw(s=3600.123456),
        _a_slice(**_scanned("20250101", "110000.123456 ")),
    ),
    _computed(
        "a time with colons is an old time",
        f"{VALUES}; ACR-NEMA form, to be read for compatibility",
        _suvbw(),
        _a_slice(_only_time("10:00:00"), **_scanned("20250101", "11:00:00")),
    ),
    _refused(
        "the twenty-fifth hour is refused",
        VALUES,
        "SeriesTime|AcquisitionTime",
        _a_slice(**_scanned("20250101", "250000")),
    ),
    _refused(
        "the sixty-first minute is refused",
        VALUES,
        "SeriesTime|AcquisitionTime",
        _a_slice(**_scanned("20250101", "106100")),
    ),
    _refused(
        "a time with a letter is refused",
        VALUES,
        "SeriesTime|AcquisitionTime",
        _a_slice(**_scanned("20250101", "11h00")),
    ),
    _refused(
        "an injection time with a letter is refused",
        VALUES,
        INJECTION,
        _a_slice(_only_time("10h00")),
    ),
    _refused(
        "29 February of an ordinary year is refused",
        VALUES,
        "SeriesDate|AcquisitionDate",
        _a_slice(_only_time("100000"), **_scanned("20250229", "110000")),
    ),
)

_FROM_FRAME_TO_START: Final = {
    "FrameReferenceTime": 1000.0 * _MEAN_GA68_300,
    "DecayFactor": 2.0 ** (_MEAN_GA68_300 / 4069.8),
}
_FROM_FRAME_TO_INJECTION: Final = 2.0 ** ((3600.0 + _MEAN_GA68_300) / 4069.8)

_SCAN_STARTS: Final = (
    _refused(
        "a series time 50 min before what factor and frame reference time say",
        # Both correct 149.36 s back from the frame's mean, to 11:00; at 10:10 SUV is 40 % lower.
        ONE_WORD,
        "FrameReferenceTime|DecayFactor",
        _a_slice(_at("20250101", "095000"), SeriesTime="101000", **_FROM_FRAME_TO_START),
    ),
    _refused(
        "a series time 50 min before what the decay factor alone says",
        ONE_WORD,
        "DecayFactor",
        _a_slice(
            _at("20250101", "095000"),
            SeriesTime="101000",
            **{**_FROM_FRAME_TO_START, "FrameReferenceTime": _ABSENT},
        ),
    ),
    _refused(
        "a series time 50 min before what the frame reference time alone says",
        ONE_WORD,
        "FrameReferenceTime",
        _a_slice(_at("20250101", "095000"), SeriesTime="101000"),
    ),
    _refused(
        "a GE scan time 40 min before what the frames say",
        ONE_WORD,
        "GEScanDateTime|FrameReferenceTime|DecayFactor",
        _a_slice(SeriesTime="120000", GEScanDateTime="20250101102000", **_FROM_FRAME_TO_START),
    ),
    _refused(
        "a Siemens decay reference 50 min before what the frames say",
        ONE_WORD,
        "Siemens|FrameReferenceTime|DecayFactor",
        _a_slice(
            SeriesTime="120000",
            SiemensDecayCorrectionDateTime="20250101101000",
            **_FROM_FRAME_TO_START,
        ),
    ),
    _refused(
        "a decay factor that reaches to the injection contradicts START without a frame time too",
        ONE_WORD,
        "DecayFactor",
        _a_slice(FrameReferenceTime=_ABSENT, DecayFactor=_FROM_FRAME_TO_INJECTION),
    ),
    _computed(
        "a decay factor alone confirms the series time",
        SERIES,
        _suvbw(),
        _a_slice(**{**_FROM_FRAME_TO_START, "FrameReferenceTime": _ABSENT}),
    ),
    _computed(
        "the frame's length is not needed to compare factor and frame reference time",
        "Operandi: it is only a tolerance there",
        _suvbw(),
        _a_slice(ActualFrameDuration=_ABSENT, **_FROM_FRAME_TO_START),
    ),
    _computed(
        "beds with one acquisition time and later references are GE's way",
        "TCIA Soft-tissue-Sarcoma STS_001: one AcquisitionTime for six beds",
        _suvbw(),
        *(bed | {"AcquisitionTime": "110000"} for bed in _BEDS),
    ),
    _computed(
        "GE counts the frame reference time to the frame's start, and the factor knows it",
        # 11:10:00 less 600 s, not 11:02:29 as if 600 s reached to the frame's mean.
        "Operandi, decision 0004: the factor was applied",
        _suvbw(),
        _a_slice(
            SeriesTime="120000",
            AcquisitionTime="111000",
            FrameReferenceTime=600_000.0,
            DecayFactor=2.0 ** ((600.0 + _MEAN_GA68_300) / 4069.8),
        ),
    ),
    _refused(
        "a zeroed series time is no scan start, even where nothing contradicts it",
        ZEROED,
        "SeriesTime",
        _a_copper_slice() | {"SeriesTime": "000000", "FrameReferenceTime": 0.0},
    ),
    _refused(
        "all times set to zero are no scan at the injection",
        ZEROED,
        "SeriesTime|AcquisitionTime",
        _a_slice(_at("20250101", "000000"), **_scanned("20250101", "000000")),
    ),
)

_UNCORRECTED: Final = {"DecayCorrection": "NONE", "CorrectedImage": ("ATTN", "SCAT", "RAN")}

_ONE_SCAN: Final = (
    _refused(
        "uncorrected slices three hours apart are no scan",
        CONSISTENCY,
        "AcquisitionTime",
        _a_slice(**_UNCORRECTED),
        _a_slice(**_UNCORRECTED, AcquisitionTime="140000"),
    ),
    _refused(
        "uncorrected slices a day apart are no scan",
        CONSISTENCY,
        "AcquisitionTime",
        _a_slice(**_UNCORRECTED),
        _a_slice(**_UNCORRECTED, AcquisitionDate="20250102"),
    ),
    _refused(
        "uncorrected slices 60 days apart are no scan",
        CONSISTENCY,
        "AcquisitionTime",
        _a_slice(**_UNCORRECTED),
        _a_slice(**_UNCORRECTED, AcquisitionDate="20250302"),
    ),
    _refused(
        "uncorrected slices in two time zones cannot be ordered",
        CONSISTENCY,
        "TimezoneOffsetFromUTC",
        _a_slice(**_UNCORRECTED, TimezoneOffsetFromUTC="+0100"),
        _a_slice(**_UNCORRECTED),
    ),
    _refused(
        "a first of January of the year 1 is no day",
        VALUES,
        "AcquisitionDate",
        _a_slice(
            _at("00010101", "000500"),
            **_scanned("00010101", "003000"),
            TimezoneOffsetFromUTC="+0100",
        ),
    ),
    _refused(
        "there is no day before the first",
        VALUES,
        INJECTION,
        _a_slice(_only_time("233000"), **_scanned("00010101", "103000")),
    ),
    _refused(
        "the evening of the last day of the calendar lies west of Greenwich beyond it",
        VALUES,
        "AcquisitionDate",
        _a_slice(
            _at("99991231", "223000"),
            **_scanned("99991231", "233000"),
            TimezoneOffsetFromUTC="-0500",
        ),
    ),
)


def _an_enhanced_slice(moment: str, **changes: object) -> dict[str, object]:
    """Enhanced objects state the instant outright."""
    stated = {
        "CorrectedImage": _ABSENT,
        "DecayCorrection": _ABSENT,
        "AttenuationCorrected": "YES",
        "DecayCorrected": "YES",
        "DecayCorrectionDateTime": moment,
    }
    return _a_slice(None, **{**stated, **changes})


_ENHANCED: Final = (
    *(
        _refused(
            f"an enhanced object cannot be corrected to {what}",
            ONE_WORD,
            "DecayCorrectionDateTime",
            _an_enhanced_slice(moment),
        )
        for what, moment in (
            ("60 days later", "20250302110000"),
            ("60 days before", "20241102110000"),
            ("an hour after its first frame", "20250101120000"),
            ("two minutes before the injection", "20250101095800"),
        )
    ),
    *(
        _refused(
            f"the frames of an enhanced object have one {keyword}",
            CONSISTENCY,
            keyword,
            _an_enhanced_slice("20250101110000"),
            _an_enhanced_slice("20250101110000", **{keyword: other}),
        )
        for keyword, other in (
            ("DecayCorrectionDateTime", "20250101100000"),
            ("DecayCorrected", "NO"),
            ("AttenuationCorrected", "NO"),
        )
    ),
    _refused(
        "DecayCorrectionDateTime at the injection contradicts START",
        ONE_WORD,
        "DecayCorrectionDateTime",
        _a_slice(DecayCorrected="YES", DecayCorrectionDateTime="20250101100000"),
    ),
)

_DECLARED: Final = (
    *(
        _refused(
            f"a decay correction to {answer} is not declared over a sound {correction}",
            DECLARING,
            "decay_corrected_to",
            header,
            declared={"decay_corrected_to": answer},
        )
        for correction, answer, header in (
            ("START", "injection", _a_slice(**_FROM_FRAME_TO_START)),
            ("NONE", "scan start", _a_slice(**_UNCORRECTED)),
            (
                "ADMIN",
                "scan start",
                _a_slice(DecayCorrection="ADMIN", DecayFactor=_FROM_FRAME_TO_INJECTION),
            ),
        )
    ),
    _computed(
        "a declaration that says the same as the header changes nothing",
        DECLARING,
        _suvbw(),
        _a_slice(**_FROM_FRAME_TO_START),
        declared={
            "decay_corrected_to": "scan start",
            "half_life_s": 4069.8,
            "activity_unit": "Bq",
            "nuclide": "68Ga",
        },
    ),
    _computed(
        "a missing DecayCorrection is declared",
        DECLARING,
        _suvbw(s=0.0),
        _a_slice(DecayCorrection=_ABSENT),
        declared={"decay_corrected_to": "injection"},
    ),
    _refused(
        "a half-life of another scan is not declared over a sound one",
        DECLARING,
        HALF_LIFE,
        _a_slice({HALF_LIFE: 4057.7}),
        declared={"half_life_s": 4092.0},
    ),
    _refused(
        "the half-life of 68Ga is not declared for 18F",
        DECLARING,
        HALF_LIFE,
        _an_fdg_slice({HALF_LIFE: _ABSENT}),
        declared={"half_life_s": 4200.0},
    ),
    _refused(
        "a half-life is not declared in minutes",
        DECLARING,
        HALF_LIFE,
        _a_slice({HALF_LIFE: _ABSENT}),
        declared={"half_life_s": 67.83},
    ),
    _refused(
        "a dose in Bq is not multiplied by a million because MBq is declared",
        DECLARING,
        DOSE,
        _a_slice(),
        declared={"activity_unit": "MBq"},
    ),
    _refused(
        "a declared unit does not make 30 GBq",
        DECLARING,
        DOSE,
        _a_slice({DOSE: 30e9}),
        declared={"activity_unit": "Bq"},
    ),
    _refused(
        "a nuclide is not declared over another that the header names",
        DECLARING,
        NUCLIDE,
        _a_slice(),
        declared={"nuclide": "18F"},
    ),
    _computed(
        "of two nuclides that the header names the declared one counts",
        DECLARING,
        _suvbw(half_life_s=6586.2),
        _a_slice({"RadionuclideCodeSequence": _FLUORINE, HALF_LIFE: 6586.2}),
        declared={"nuclide": "18F"},
    ),
    _refused(
        "a tracer of 68Ga under code and half-life of 18F contradicts itself",
        ONE_WORD,
        NUCLIDE,
        _a_slice({"RadionuclideCodeSequence": _FLUORINE, HALF_LIFE: 6586.2}),
    ),
    _refused(
        "FDG under the code of 68Ga contradicts itself",
        ONE_WORD,
        NUCLIDE,
        _a_slice({"Radiopharmaceutical": "FDG"}),
    ),
)


def _a_lutetium_dose(**changes: object) -> dict[str, object]:
    header = _a_lutetium_slice()
    items = cast("Sequence[Mapping[str, object]]", header["RadiopharmaceuticalInformationSequence"])
    return header | {"RadiopharmaceuticalInformationSequence": (_changed(items[0], changes),)}


_PLAUSIBLE_INJECTIONS: Final = (
    *(
        _refused(
            f"an injection at midnight to the second is no injection: {how}", ZEROED, INJECTION, it
        )
        for how, it in (
            ("time, 68Ga", _a_slice(_only_time("000000"))),
            ("time, 18F", _an_fdg_slice(_only_time("000000.00"))),
            (
                "date-time",
                _a_slice(_at("20250101", "000000.000000"), **_scanned("20250101", "010000.000000")),
            ),
        )
    ),
    _refused(
        "an afternoon's injection on a clock of twelve hours is twelve hours too old for 18F",
        PLAUSIBLE,
        INJECTION,
        _an_fdg_slice(_only_time("010000"), **_scanned("20250101", "140000")),
    ),
    _refused(
        "68Ga injected five hours before has lost 95 %",
        PLAUSIBLE,
        INJECTION,
        _a_slice(_at("20250101", "060000")),
    ),
    _computed(
        "68Ga may be imaged four hours after its injection",
        PLAUSIBLE,
        _suvbw(s=14_400.0),
        _a_slice(_at("20250101", "070000")),
    ),
    _refused(
        "18F injected eight hours before has lost 95 %",
        PLAUSIBLE,
        INJECTION,
        _an_fdg_slice(_at("20250101", "030000")),
    ),
    _refused(
        "64Cu injected at a time without a date may be of two days",
        PLAUSIBLE,
        INJECTION,
        _a_copper_slice(_only_time("103000")),
    ),
    _refused(
        "177Lu injected at a time without a date may be of many days",
        PLAUSIBLE,
        INJECTION,
        _a_lutetium_dose(**_only_time("092200")),
        declared={"decay_corrected_to": "scan start"},
    ),
    _computed(
        "the record gives a time without a date its day",
        RECORDS,
        # The day before at 15:00, 20 h before the scan; the same clock is on no other such day.
        _suvbw(bq=205e6, s=72_000.0, half_life_s=45721.44),
        _a_copper_slice(_only_time("150000")) | {"TimezoneOffsetFromUTC": "+0000"},
        recorded={"net_activity_bq": 205e6, "injected_at": "2024-12-31T15:00:00+00:00"},
    ),
    _refused(
        "an injection 30 s after the scan's start is no injection of the day before",
        PLAUSIBLE,
        INJECTION,
        _a_slice(_only_time("110030")),
    ),
    _refused(
        "a therapy of 200 is in mCi, not in MBq",
        PLAUSIBLE,
        DOSE,
        _a_lutetium_dose(**{DOSE: 200.0}),
        declared={"decay_corrected_to": "scan start"},
    ),
    _computed(
        "a therapy of 7210 is in MBq",
        PLAUSIBLE,
        92_987.0 / 7210e6,
        _a_lutetium_dose(**{DOSE: 7210.0}),
        declared={"decay_corrected_to": "injection"},
    ),
    _refused("68Ga of 1500 is in uCi, not in MBq", PLAUSIBLE, DOSE, _a_slice({DOSE: 1500.0})),
    _refused(
        "an injection 60 days before is refused though the record is right",
        BUG_SHIFT,
        INJECTION,
        _a_coordinated_slice(
            RadiopharmaceuticalInformationSequence=(_DOSE | _at("20241102", "100000"),)
        ),
        recorded={"net_activity_bq": 150e6, "injected_at": "2025-01-01T10:00:00+00:00"},
    ),
    _refused(
        "an injection 60 days after is refused though the record is right",
        BUG_SHIFT,
        INJECTION,
        _a_coordinated_slice(
            RadiopharmaceuticalInformationSequence=(_DOSE | _at("20250302", "100000"),)
        ),
        recorded={"net_activity_bq": 150e6, "injected_at": "2025-01-01T10:00:00+00:00"},
    ),
    *(
        _refused(
            f"177Lu corrected to an injection in {year} is refused",
            BUG_SHIFT,
            INJECTION,
            _a_lutetium_dose(**_at(f"{year}1115", "092200")),
        )
        for year in (1990, 2050)
    ),
    _computed(
        "the recorded time stands in for a missing one beside a dose",
        RECORDS,
        _suvbw(bq=145e6),
        _a_slice(
            {"RadiopharmaceuticalStartDateTime": _ABSENT, "RadiopharmaceuticalStartTime": ""},
            TimezoneOffsetFromUTC="+0000",
        ),
        recorded={"net_activity_bq": 145e6, "injected_at": "2025-01-01T10:00:00+00:00"},
    ),
    _computed(
        "record and declaration stand in for a missing sequence",
        RECORDS,
        _suvbw(bq=145e6),
        _a_slice(RadiopharmaceuticalInformationSequence=_ABSENT, TimezoneOffsetFromUTC="+0000"),
        recorded={"net_activity_bq": 145e6, "injected_at": "2025-01-01T10:00:00+00:00"},
        declared={"nuclide": "68Ga", "half_life_s": 4069.8},
    ),
    _computed(
        "one tracer written twice is one tracer",
        ISOTOPE,
        _suvbw(),
        _a_slice(RadiopharmaceuticalInformationSequence=(_DOSE, dict(_DOSE))),
    ),
)

_SECOND_OPINIONS: Final = (
    *(
        _refused(
            f"a stored SUV rests on the dose that the record contradicts: {how}",
            RECORDS,
            DOSE_OR_RECORD,
            _a_coordinated_slice(**stored),
            recorded={"net_activity_bq": 100e6, "injected_at": "2025-01-01T10:00:00+00:00"},
        )
        for how, stored in (
            ("GML", {"Units": "GML", "SUVType": "BW"}),
            ("CM2ML", {"Units": "CM2ML", "SUVType": "BSA"}),
            ("Philips", {"Units": "CNTS", "PhilipsSUVScaleFactor": 0.0005}),
            (
                "mapping",
                {
                    "Units": "CNTS",
                    "RealWorldValueMappingSequence": (_a_mapping(0.001, "{SUVbw}g/ml"),),
                },
            ),
        )
    ),
    _refused(
        "a stored SUV without its dose cannot be held against the record",
        RECORDS,
        DOSE_OR_RECORD,
        _a_slice({DOSE: ""}, Units="GML", TimezoneOffsetFromUTC="+0000"),
        recorded={"net_activity_bq": 150e6, "injected_at": "2025-01-01T10:00:00+00:00"},
    ),
    _computed(
        "a stored SUV counts where the record agrees",
        RECORDS,
        1.0,
        _a_coordinated_slice(Units="GML"),
        recorded={"net_activity_bq": 145e6, "injected_at": "2025-01-01T10:00:00+00:00"},
    ),
    _computed(
        "a stored SUV counts where the header's activity is declared",
        RECORDS,
        1.0,
        _a_coordinated_slice(Units="GML"),
        recorded={"net_activity_bq": 100e6, "injected_at": "2025-01-01T10:00:00+00:00"},
        declared={"activity_from": "header"},
    ),
    _refused(
        "an SUV of an image that is not corrected for decay is none",
        SERIES,
        "DecayCorrection",
        _a_slice(Units="GML", **_UNCORRECTED),
    ),
    _refused(
        "an SUV of an image whose corrections lack decay is none",
        SERIES,
        "CorrectedImage",
        _a_slice(Units="GML", CorrectedImage=("ATTN", "SCAT")),
    ),
    _refused(
        "two Philips factors that differ threefold",
        ONE_WORD,
        r"Philips|7053",
        _a_slice(
            Units="CNTS",
            PhilipsSUVScaleFactor=0.000551,
            PhilipsActivityConcentrationScaleFactor=3 * 0.000551 / _suvbw(),
        ),
    ),
    _computed(
        "a stored SUV is brought to the recorded mass that the header's confirms, as Bq/mL is",
        RECORDS,
        71.0 / 70.0,
        _a_slice(Units="GML"),
        recorded={"body_mass_kg": 71.0},
    ),
    _computed(
        "a header mass of zero gives way to the record",
        "Operandi: zero is missing",
        _suvbw(kg=68.5),
        _a_slice(PatientWeight=0.0),
        recorded={"body_mass_kg": 68.5},
    ),
    _computed(
        "a header mass of zero is missing beside a stored SUV too",
        "Operandi: zero is missing",
        1.0,
        _a_slice(PatientWeight=0.0, Units="GML"),
        recorded={"body_mass_kg": 68.5},
    ),
    *(
        _refused(
            f"a real-world mapping is one positive slope from stored values: {how}",
            MAPPING,
            "RealWorldValueMappingSequence",
            _a_slice(
                Units="CNTS",
                RescaleSlope=2.0,
                RescaleIntercept=intercept,
                RealWorldValueMappingSequence=mappings,
            ),
        )
        for how, intercept, mappings in (
            # Stored 1000 is 1900 rescaled and maps to 1.00, not to 0.95.
            ("rescaled with an intercept", -100.0, (_a_mapping(0.001, "{SUVbw}g/ml"),)),
            ("negative", 0.0, (_a_mapping(-0.001, "{SUVbw}g/ml"),)),
            (
                "two ranges",
                0.0,
                (_a_mapping(0.001, "{SUVbw}g/ml"), _a_mapping(0.002, "{SUVbw}g/ml")),
            ),
        )
    ),
    _refused(
        "a real-world mapping to Bq/mL that doubles Bq/mL contradicts it",
        MAPPING,
        "RealWorldValueMappingSequence",
        _a_slice(RealWorldValueMappingSequence=(_a_mapping(3.0, "Bq/ml"),)),
    ),
    _computed(
        "a real-world mapping to Bq/mL may confirm Bq/mL",
        MAPPING,
        _suvbw(),
        _a_slice(RealWorldValueMappingSequence=(_a_mapping(1.5, "Bq/ml"),)),
    ),
    _refused(
        "the unit's later spelling is compared too",
        "DICOM PS3.16 CID 85: g/ml{SUVbw}",
        "RealWorldValue",
        _a_slice(RealWorldValueMappingSequence=(_a_mapping(3.0 * _suvbw(), "g/ml{SUVbw}"),)),
    ),
)

CASES_BY_SUBJECT: Final[dict[str, tuple[Case, ...]]] = {
    "reference objects": _REFERENCE_OBJECTS,
    "public bugs": _PUBLIC_BUGS,
    "reference time": _REFERENCE_TIMES,
    "decay correction": _DECAY_CORRECTIONS,
    "injection": _INJECTIONS,
    "nuclide and half-life": _NUCLIDES,
    "dose": _DOSES,
    "records and declarations": _RECORDED,
    "body mass": _MASSES,
    "stored SUV": _STORED_SUV,
    "units and mappings": _UNITS_AND_MAPPINGS,
    "slices": _SLICES,
    "time forms": _TIME_FORMS,
    "scan start": _SCAN_STARTS,
    "one scan": _ONE_SCAN,
    "enhanced objects": _ENHANCED,
    "declarations": _DECLARED,
    "plausible injections": _PLAUSIBLE_INJECTIONS,
    "second opinions": _SECOND_OPINIONS,
}

CASES: Final[tuple[Case, ...]] = tuple(
    case for cases in CASES_BY_SUBJECT.values() for case in cases
)
