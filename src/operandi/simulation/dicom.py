"""DICOM files from simulated volumes: PET and MR Image Storage, Explicit VR Little Endian.

What the slices of a series share is encoded once; a slice adds its few own elements and its
pixels. Identifiers follow from what they name, and no clock is read, so the same study gives the
same bytes.

References
----------
.. [1] DICOM PS3.3 A.21 and C.8.9 (PET Image), A.4 and C.8.3 (MR Image).
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import (
    ExplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
)
from pydicom.valuerep import format_number_as_ds

from operandi.domain.administration import Administration
from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Sex
from operandi.domain.volume import Volume
from operandi.imaging.dicom.segmentation import deterministic_uid
from operandi.quantities.decay import frame_average_delay_s, remaining_fraction
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION

_CORRECTIONS: Final = ["NORM", "DTIM", "RAN", "DECY"]
_MR_LARGEST: Final = 4095
_PET_LARGEST: Final = 32767
_NUMBERS: Final = {"US": "<H", "FD": "<d"}
_RADIONUCLIDES: Final = {
    "68Ga": codes.cid4020._68Gallium,
    "177Lu": Code("C-101ED", "SRT", "^177^Lutetium"),
}

_Own = dict[str, str | int | float]
"""What sets a slice apart from its series, by keyword: text, or a number where the VR is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyHeader:
    """What all series of a visit share.

    Parameters
    ----------
    participant : Pseudonym
        Becomes PatientID and PatientName.
    sex : Sex
        PatientSex.
    body_mass_kg, height_m : float or None
        PatientWeight and PatientSize; None leaves the attribute out.
    uid : str
        StudyInstanceUID.
    started_at : datetime, aware
        Its offset becomes TimezoneOffsetFromUTC, and the clock of every series.
    """

    participant: Pseudonym
    sex: Sex
    body_mass_kg: float | None
    height_m: float | None
    uid: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesHeader:
    """What the files of a series share.

    Parameters
    ----------
    uid, description : str
        SeriesInstanceUID and SeriesDescription.
    number : int
        SeriesNumber.
    started_at : datetime, aware
        Start of the acquisition; for PET the instant its values are decay-corrected to.
    """

    uid: str
    number: int
    description: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PetAcquisition:
    """How a PET came about.

    Parameters
    ----------
    tracer : str
        Radiopharmaceutical, such as ``"68Ga-DOTATOC"``.
    injected : Administration
        Net activity at injection; its half-life becomes the header's.
    attenuation_corrected : bool
        False for the image that a scanner writes beside the corrected one.
    bed_positions : int
        The slices are shared out among them, from the feet up.
    bed_duration_s, bed_pause_s : float
        Duration of each, and time to move to the next.
    """

    tracer: str
    injected: Administration
    attenuation_corrected: bool = True
    bed_positions: int = 2
    bed_duration_s: float = 360.0
    bed_pause_s: float = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MrSequence:
    """How an MR series came about.

    Parameters
    ----------
    image_type : tuple of str
        ImageType.
    scanning_sequence, variant, acquisition : str
        ScanningSequence, SequenceVariant and MRAcquisitionType.
    repetition_time_ms, echo_time_ms : float
        Times of the sequence.
    b_values_s_mm2 : tuple of float
        One for each volume of a diffusion series; empty otherwise.
    """

    image_type: tuple[str, ...]
    scanning_sequence: str
    variant: str
    acquisition: str
    repetition_time_ms: float
    echo_time_ms: float
    b_values_s_mm2: tuple[float, ...] = ()


def write_pet(
    folder: Path,
    pet: Volume,
    *,
    study: StudyHeader,
    series: SeriesHeader,
    acquisition: PetAcquisition,
) -> tuple[Path, ...]:
    """Write a static PET in Bq/mL, one file a slice, and return the files from the feet up.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    pet : Volume of ACTIVITY_CONCENTRATION
        Bq/mL at ``series.started_at`` (DecayCorrection START).
    study, series : StudyHeader, SeriesHeader
        What the files share.
    acquisition : PetAcquisition
        Tracer, bed positions, attenuation correction.
    """
    if pet.kind is not ACTIVITY_CONCENTRATION or pet.decay_reference != series.started_at:
        raise ValueError("needed activity concentration at the start of the series")
    count = pet.grid.shape[2]
    shared = _shared_attributes(study, series, pet)
    shared.NumberOfSlices = count
    _describe_pet(shared, acquisition)
    slices = []
    for k in range(count):
        values = pet.values[:, :, k]
        # Rounded up in the eighth digit, so that the largest value still fits.
        largest = float(values.max()) * (1 + 1e-7) or float(_PET_LARGEST)
        slope = f"{largest / _PET_LARGEST:.8e}"
        bed = k * acquisition.bed_positions // count
        own = _place(pet, k) | _bed(acquisition, bed, start=series.started_at)
        own |= {"RescaleSlope": slope, "ImageIndex": k + 1}
        slices.append((own, np.rint(values.T / np.float64(slope)).astype("<i2").tobytes()))
    return _write_slices(folder, shared, slices)


def write_mr(
    folder: Path,
    volumes: Sequence[Volume],
    *,
    study: StudyHeader,
    series: SeriesHeader,
    sequence: MrSequence,
) -> tuple[Path, ...]:
    """Write MR volumes of one grid as one series, one file a slice.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    volumes : sequence of Volume
        MR signal from 0 to 4095; one for each b value where there are any, else a single one.
    study, series : StudyHeader, SeriesHeader
        What the files share.
    sequence : MrSequence
        How it was acquired.
    """
    if len(volumes) != max(1, len(sequence.b_values_s_mm2)):
        raise ValueError("needed one volume, or one for each b value")
    shared = _shared_attributes(study, series, volumes[0])
    _describe_mr(shared, sequence)
    slices = []
    for number, volume in enumerate(volumes, start=1):
        volume.grid.require_same(volumes[0].grid, what="volumes of one series")
        if not 0 <= volume.values.min() <= volume.values.max() <= _MR_LARGEST:
            raise ValueError(f"MR signal must lie between 0 and {_MR_LARGEST}")
        weighting: _Own = {"AcquisitionNumber": str(number)}
        if sequence.b_values_s_mm2:
            weighting["DiffusionBValue"] = float(sequence.b_values_s_mm2[number - 1])
        for k in range(volume.grid.shape[2]):
            pixels = np.rint(volume.values[:, :, k].T).astype("<u2").tobytes()
            slices.append((weighting | _place(volume, k), pixels))
    return _write_slices(folder, shared, slices)


def _shared_attributes(study: StudyHeader, series: SeriesHeader, volume: Volume) -> Dataset:
    """Patient, Study, Series, Frame of Reference, Equipment, Image Plane and Pixel modules."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SyntheticData = "YES"
    ds.TimezoneOffsetFromUTC = study.started_at.strftime("%z")
    ds.PatientID = study.participant
    ds.PatientName = f"{study.participant}^"
    ds.PatientBirthDate = ""
    ds.PatientSex = study.sex.value
    if study.body_mass_kg is not None:
        ds.PatientWeight = study.body_mass_kg
    if study.height_m is not None:
        ds.PatientSize = study.height_m
    ds.StudyInstanceUID = study.uid
    ds.StudyDate, ds.StudyTime = _date_and_time(study.started_at)
    ds.StudyID = "1"
    ds.StudyDescription = "PET-MRI of a digital phantom"
    ds.AccessionNumber = ds.ReferringPhysicianName = ""
    ds.SeriesInstanceUID = series.uid
    ds.SeriesNumber = series.number
    ds.SeriesDescription = series.description
    ds.SeriesDate, ds.SeriesTime = _date_and_time(series.started_at)
    ds.ContentDate, ds.ContentTime = ds.SeriesDate, ds.SeriesTime
    ds.BodyPartExamined = "ABDOMEN"
    ds.Manufacturer = "Operandi"
    ds.ManufacturerModelName = "Digital phantom"
    ds.FrameOfReferenceUID = volume.grid.frame_of_reference
    ds.PositionReferenceIndicator = ""
    spacing_mm = volume.grid.spacing_mm
    ds.Columns, ds.Rows, _ = volume.grid.shape
    directions = volume.grid.affine[:3, :3] / spacing_mm
    ds.ImageOrientationPatient = _decimals(*directions[:, 0], *directions[:, 1])
    ds.PixelSpacing = _decimals(spacing_mm[1], spacing_mm[0])
    ds.SliceThickness = spacing_mm[2]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = 16
    return ds


def _describe_pet(ds: Dataset, acquisition: PetAcquisition) -> None:
    """PET Series, Isotope, Image and Patient Orientation modules, as far as slices share them."""
    corrected = acquisition.attenuation_corrected
    method = "ANALYTIC" if corrected else "NONE"
    ds.SOPClassUID = PositronEmissionTomographyImageStorage
    ds.Modality = "PT"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 15, 1
    ds.Units = "BQML"
    ds.CountsSource = "EMISSION"
    ds.SeriesType = ["WHOLE BODY", "IMAGE"]
    ds.CorrectedImage = [*_CORRECTIONS, *(["ATTN", "SCAT"] if corrected else [])]
    ds.DecayCorrection = "START"
    ds.AttenuationCorrectionMethod = ds.ScatterCorrectionMethod = method
    ds.ReconstructionMethod = "ANALYTIC PHANTOM"
    ds.CollimatorType = "NONE"
    ds.RescaleIntercept = 0
    ds.ActualFrameDuration = round(acquisition.bed_duration_s * 1000)
    orientation = _coded(codes.cid19.Recumbent)
    orientation.PatientOrientationModifierCodeSequence = [_coded(codes.cid20.Supine)]
    ds.PatientOrientationCodeSequence = [orientation]
    ds.PatientGantryRelationshipCodeSequence = [_coded(codes.cid21.Headfirst)]
    injected, tracer = acquisition.injected, Dataset()
    tracer.Radiopharmaceutical = acquisition.tracer
    tracer.RadiopharmaceuticalStartTime = _date_and_time(injected.at)[1]
    tracer.RadiopharmaceuticalStartDateTime = injected.at.strftime("%Y%m%d%H%M%S.%f%z")
    tracer.RadionuclideTotalDose = format_number_as_ds(injected.activity_bq)
    tracer.RadionuclideHalfLife = format_number_as_ds(injected.half_life_s)
    tracer.RadionuclideCodeSequence = [_coded(_RADIONUCLIDES[injected.nuclide.name])]
    tracer.AdministrationRouteCodeSequence = [_coded(codes.cid11.IntravenousRoute)]
    ds.RadiopharmaceuticalInformationSequence = [tracer]


def _bed(acquisition: PetAcquisition, bed: int, *, start: datetime) -> _Own:
    """Say when a bed position was acquired and how its values were brought back to the start."""
    half_life_s = acquisition.injected.half_life_s
    offset_s = bed * (acquisition.bed_duration_s + acquisition.bed_pause_s)
    average_s = offset_s + frame_average_delay_s(
        acquisition.bed_duration_s, half_life_s=half_life_s
    )
    day, time = _date_and_time(start + timedelta(seconds=offset_s))
    factor = 1 / remaining_fraction(average_s, half_life_s=half_life_s)
    return {
        "AcquisitionNumber": str(bed + 1),
        "AcquisitionDate": day,
        "AcquisitionTime": time,
        "FrameReferenceTime": format_number_as_ds(average_s * 1000),
        "DecayFactor": format_number_as_ds(factor),
    }


def _describe_mr(ds: Dataset, sequence: MrSequence) -> None:
    """MR Image module, as far as slices share it."""
    ds.SOPClassUID = MRImageStorage
    ds.Modality = "MR"
    ds.ImageType = list(sequence.image_type)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, 0
    ds.AcquisitionDate, ds.AcquisitionTime = ds.SeriesDate, ds.SeriesTime
    ds.SpacingBetweenSlices = ds.SliceThickness
    ds.ScanningSequence = sequence.scanning_sequence
    ds.SequenceVariant = sequence.variant
    ds.ScanOptions = ""
    ds.PatientPosition = "HFS"
    ds.MRAcquisitionType = sequence.acquisition
    ds.RepetitionTime = sequence.repetition_time_ms
    ds.EchoTime = sequence.echo_time_ms
    ds.EchoTrainLength = 1
    ds.MagneticFieldStrength = 3


def _place(volume: Volume, k: int) -> _Own:
    position = _decimals(*volume.grid.position_of((0, 0, k)))
    return {"ImagePositionPatient": "\\".join(position), "SliceLocation": position[2]}


def _write_slices(
    folder: Path, shared: Dataset, slices: Sequence[tuple[_Own, bytes]]
) -> tuple[Path, ...]:
    """Write one file for each slice's own elements and pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    common = {int(element.tag): _encoded(element) for element in shared}
    paths = []
    for number, (own, pixels) in enumerate(slices, start=1):
        uid = deterministic_uid(shared.SeriesInstanceUID, str(number))
        meta = b"".join(
            (
                struct.pack("<HH2sHI2s", 2, 1, b"OB", 0, 2, b"\0\1"),
                _packed("MediaStorageSOPClassUID", shared.SOPClassUID),
                _packed("MediaStorageSOPInstanceUID", uid),
                _packed("TransferSyntaxUID", ExplicitVRLittleEndian),
                _packed("ImplementationClassUID", deterministic_uid("operandi", "implementation")),
                _packed("ImplementationVersionName", "OPERANDI"),
            )
        )
        own |= {"SOPInstanceUID": uid, "InstanceNumber": str(number)}
        elements = common | {tag_for_keyword(k) or 0: _packed(k, v) for k, v in own.items()}
        content = (
            bytes(128) + b"DICM",
            struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta,
            *(elements[tag] for tag in sorted(elements)),
            struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, len(pixels)) + pixels,
        )
        paths.append(folder / f"{number:04d}.dcm")
        paths[-1].write_bytes(b"".join(content))
    return tuple(paths)


def _encoded(element: DataElement) -> bytes:
    alone, buffer = Dataset(), io.BytesIO()
    alone.add(element)
    dcmwrite(buffer, alone, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


def _packed(keyword: str, value: str | float) -> bytes:
    """Encode an element of a short VR; text must be ASCII. Fifty times as fast as pydicom."""
    tag, vr = tag_for_keyword(keyword) or 0, dictionary_VR(keyword)
    packed = value.encode("ascii") if isinstance(value, str) else struct.pack(_NUMBERS[vr], value)
    if len(packed) % 2:
        packed += b"\0" if vr == "UI" else b" "
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(packed)) + packed


def _coded(code: Code) -> Dataset:
    ds = Dataset()
    ds.CodeValue = code.value
    ds.CodingSchemeDesignator = code.scheme_designator
    ds.CodeMeaning = code.meaning
    return ds


def _date_and_time(instant: datetime) -> tuple[str, str]:
    return instant.strftime("%Y%m%d"), instant.strftime("%H%M%S.%f")


def _decimals(*numbers: float) -> list[str]:
    # Adding zero turns -0.0 into 0.0.
    return [format_number_as_ds(float(number) + 0.0) for number in numbers]
