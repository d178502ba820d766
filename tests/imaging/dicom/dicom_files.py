"""DICOM files of every kind that a hospital's export holds, made with pydicom, small and exact.

Everything follows from the arguments: two calls give the same bytes. Pixels are small and never
square, so that a transposition shows.
"""

import copy
import io
import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom import DataElement, Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    MRImageStorage,
    NuclearMedicineImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
)
from pydicom.valuerep import format_number_as_ds

Matrix = npt.NDArray[np.float64]
Pixels = npt.NDArray[Any]

ROWS, COLUMNS, SLICES = 32, 40, 4  # JPEG 2000 encoders need 32
SPACING: Final = (2.5, 2.0)  # between rows, between columns
STEP_MM: Final = 3.0
ORIGIN: Final = (-70.0, -60.0, 50.0)
SERIES: Final = "1.2.826.0.1.3680043.10.1"

AXIAL: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL: Final = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL: Final = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
OBLIQUE: Final = (0.8, 0.6, 0.0, -0.36, 0.48, 0.8)

SOP_CLASSES: Final = {
    "MR": MRImageStorage,
    "CT": CTImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
    "NM": NuclearMedicineImageStorage,
}
NATIVE: Final = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}
COMPRESSED: Final = {
    "RLE": RLELossless,
    "JPEG-LS": JPEGLSLossless,
    "JPEG 2000": JPEG2000Lossless,
    "JPEG lossless": JPEGLosslessSV1,
}
SYNTAXES: Final = NATIVE | COMPRESSED


def an_image(seed: int, *, shape: tuple[int, int] = (ROWS, COLUMNS), dtype: str = "<u2") -> Pixels:
    """Values that no other slice has in the same places."""
    row, column = np.indices(shape)
    image: Pixels = (200 * seed + 7 * row + column * column // 2).astype(dtype)
    return image


def unit_normal(orientation: Sequence[float]) -> Matrix:
    normal: Matrix = np.cross(orientation[:3], orientation[3:])
    return normal


def position_of(
    k: int,
    *,
    orientation: Sequence[float] = AXIAL,
    origin: Sequence[float] = ORIGIN,
    step_mm: float = STEP_MM,
) -> list[float]:
    """Where slice *k* lies."""
    place: list[float] = (np.array(origin) + unit_normal(orientation) * step_mm * k).tolist()
    return place


def affine_by_hand(
    orientation: Sequence[float] = AXIAL,
    *,
    origin: Sequence[float] = ORIGIN,
    spacing: Sequence[float] = SPACING,
    step_mm: float = STEP_MM,
) -> Matrix:
    """PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1, with the slice as third direction."""
    (xx, xy, xz, yx, yy, yz) = orientation
    zx, zy, zz = unit_normal(orientation)
    between_rows, between_columns = spacing
    return np.array(
        [
            [xx * between_columns, yx * between_rows, zx * step_mm, origin[0]],
            [xy * between_columns, yy * between_rows, zy * step_mm, origin[1]],
            [xz * between_columns, yz * between_rows, zz * step_mm, origin[2]],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def a_slice(
    number: int = 1,
    *,
    modality: str = "MR",
    k: int | None = None,
    image: Pixels | None = None,
    orientation: Sequence[float] = AXIAL,
    step_mm: float = STEP_MM,
    **attributes: Any,
) -> Dataset:
    """One single-frame image; *attributes* by keyword, None leaves one out.

    Parameters
    ----------
    number : int
        InstanceNumber, and what makes its UID and pixels its own.
    k : int, optional
        Place in the stack; ``number - 1`` if not given.
    """
    place = number - 1 if k is None else k
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    dataset.SOPClassUID = SOP_CLASSES[modality]
    dataset.SOPInstanceUID = f"{SERIES}.9.{number}"
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = "20250301"
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = "120000"
    dataset.Modality = modality
    dataset.Manufacturer = "MAKER"
    dataset.SeriesDescription = "ax test"
    dataset.PatientID = "P-001"
    dataset.SliceThickness = format_number_as_ds(step_mm)
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.10.2"
    dataset.SeriesInstanceUID = SERIES
    dataset.SeriesNumber = 5
    dataset.InstanceNumber = number
    position = position_of(place, orientation=orientation, step_mm=step_mm)
    dataset.ImagePositionPatient = [format_number_as_ds(x) for x in position]
    dataset.ImageOrientationPatient = [format_number_as_ds(float(x)) for x in orientation]
    dataset.FrameOfReferenceUID = "1.2.826.0.1.3680043.10.3"
    dataset.PixelSpacing = [format_number_as_ds(x) for x in SPACING]
    with_pixels(dataset, an_image(number) if image is None else image)
    if modality == "MR":
        dataset.EchoTime, dataset.RepetitionTime, dataset.FlipAngle = "4.6", "900", "12"
    if modality == "CT":
        dataset.RescaleSlope, dataset.RescaleIntercept = "1", "-1024"
    if modality == "PT":
        _describe_pet(dataset)
    return changed(dataset, **attributes)


def with_pixels(dataset: Dataset, image: Pixels, *, bits: int | None = None) -> Dataset:
    """Give a dataset its pixels, (rows, columns) or (frames, rows, columns)."""
    allocated = image.dtype.itemsize * 8
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = image.shape[-2:]
    if image.ndim == 3:
        dataset.NumberOfFrames = len(image)
    dataset.BitsAllocated = allocated
    dataset.BitsStored = bits or allocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(image.dtype.kind == "i")
    dataset.PixelData = image.astype(image.dtype.newbyteorder("<")).tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def changed(dataset: Dataset, **attributes: Any) -> Dataset:
    """Set attributes by keyword; None removes one."""
    for keyword, value in attributes.items():
        if value is not None:
            setattr(dataset, keyword, value)
        elif keyword in dataset:
            delattr(dataset, keyword)
    return dataset


def a_series(count: int = SLICES, **attributes: Any) -> list[Dataset]:
    """A stack of slices."""
    return [a_slice(number, **attributes) for number in range(1, count + 1)]


def a_code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return [code]


def _describe_pet(dataset: Dataset) -> None:
    """A 68Ga PET of 70 kg, 150 MBq, an hour after injection, that :mod:`suv` reads."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PatientWeight, dataset.PatientSize, dataset.PatientSex = "70", "1.75", "M"
    dataset.TimezoneOffsetFromUTC = "+0100"
    dataset.Units = "BQML"
    dataset.CorrectedImage = ["NORM", "DTIM", "RAN", "ATTN", "SCAT", "DECY"]
    dataset.DecayCorrection = "START"
    dataset.SeriesType = ["WHOLE BODY", "IMAGE"]
    dataset.ActualFrameDuration = "300000"
    dataset.FrameReferenceTime = "149361"
    dataset.DecayFactor = "1.02576"
    dataset.RescaleIntercept = "0"
    dataset.RescaleSlope = f"{0.5 + 0.125 * dataset.InstanceNumber}"
    tracer = Dataset()
    tracer.Radiopharmaceutical = "DOTATOC"
    tracer.RadiopharmaceuticalStartDateTime = "20250301110000"
    tracer.RadiopharmaceuticalStartTime = "110000"
    tracer.RadionuclideTotalDose = "150000000"
    tracer.RadionuclideHalfLife = "4069.8"
    tracer.RadionuclideCodeSequence = a_code("C-131A3", "SRT", "^68^Gallium")
    dataset.RadiopharmaceuticalInformationSequence = [tracer]


# --- encodings --------------------------------------------------------------------------------


def encoded(
    dataset: Dataset,
    syntax: str = ExplicitVRLittleEndian,
    *,
    preamble: bool = True,
    meta: bool = True,
) -> bytes:
    """Write a dataset as a file in this transfer syntax; it is left as it was."""
    dataset = copy.deepcopy(dataset)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID(dataset.get("SOPClassUID") or "1.2")
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(dataset.get("SOPInstanceUID") or "1.2")
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = UID("1.2.826.0.1.3680043.10.4")
    if syntax == JPEGLosslessSV1:
        _encapsulate(dataset)
    elif syntax in COMPRESSED.values():
        dataset.compress(syntax, generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian and "PixelData" in dataset:
        size = 1 if dataset["PixelData"].VR == "OB" else 2
        words = np.frombuffer(dataset.PixelData, f"<u{size}")
        dataset.PixelData = words.byteswap().tobytes()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    buffer = io.BytesIO()
    dataset.save_as(
        buffer,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    data = buffer.getvalue()
    if not meta:
        group_length = int.from_bytes(data[140:144], "little")
        return data[144 + group_length :]
    return data if preamble else data[132:]


def _encapsulate(dataset: Dataset) -> None:
    size = dataset.BitsAllocated // 8
    images = np.frombuffer(dataset.PixelData, f"<u{size}").reshape(
        -1, dataset.Rows, dataset.Columns
    )
    frames = [jpeg_lossless(image, dataset.BitsStored) for image in images]
    dataset["PixelData"] = DataElement(
        "PixelData", "OB", encapsulate(frames), is_undefined_length=True
    )


def jpeg_lossless(image: Pixels, bits: int, *, predictor: int = 1) -> bytes:
    """Encode after ITU-T T.81 annex H, with one table in which every code has five bits."""
    values = image.astype(np.int64) & ((1 << bits) - 1)
    differences = (values - _predicted(values, bits, predictor) + 32768) % 65536 - 32768
    code = "".join(_huffman(int(difference)) for difference in differences.ravel())
    code += "1" * (-len(code) % 8)
    entropy = int(code, 2).to_bytes(len(code) // 8, "big").replace(b"\xff", b"\xff\0")
    rows, columns = image.shape
    table = bytes([0, *[0] * 4, 17, *[0] * 11, *range(17)])
    frame = struct.pack(">BHHB3B", bits, rows, columns, 1, 1, 0x11, 0)
    scan = bytes([1, 1, 0, predictor, 0, 0])
    segments = ((0xC3, frame), (0xC4, table), (0xDA, scan))
    header = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
        for marker, content in segments
    )
    return b"\xff\xd8" + header + entropy + b"\xff\xd9"


def _huffman(difference: int) -> str:
    if difference == -32768:
        return f"{16:05b}"
    size = abs(difference).bit_length()
    extra = difference if difference >= 0 else difference + (1 << size) - 1
    return f"{size:05b}" + (f"{extra:0{size}b}" if size else "")


def _predicted(values: Pixels, bits: int, predictor: int) -> Pixels:
    left, above, corner = (np.zeros_like(values) for _ in range(3))
    left[:, 1:], above[1:], corner[1:, 1:] = values[:, :-1], values[:-1], values[:-1, :-1]
    inner = {
        1: left,
        2: above,
        3: corner,
        4: left + above - corner,
        5: left + ((above - corner) >> 1),
        6: above + ((left - corner) >> 1),
        7: (left + above) >> 1,
    }[predictor]
    predicted: Pixels = inner.copy()
    predicted[:, 0] = above[:, 0]
    predicted[0] = left[0]
    predicted[0, 0] = 1 << (bits - 1)
    return predicted


def write(
    folder: Path,
    datasets: Iterable[Dataset],
    *,
    syntax: str = ExplicitVRLittleEndian,
    names: Sequence[str] | None = None,
) -> list[Path]:
    """Write each dataset to a file below *folder*, named by *names* or by number."""
    paths = []
    for number, dataset in enumerate(datasets):
        path = folder / (names[number] if names else f"{number:04d}.dcm")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(dataset, syntax))
        paths.append(path)
    return paths


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a zip archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_directory(folder: Path, listed: Sequence[str]) -> Path:
    """Write a DICOMDIR that lists files by their POSIX path below *folder*."""
    records = []
    for name in listed:
        record = Dataset()
        record.OffsetOfTheNextDirectoryRecord = 0
        record.DirectoryRecordType = "IMAGE"
        record.ReferencedFileID = name.split("/")
        records.append(record)
    directory = Dataset()
    directory.FileSetID = "CD"
    directory.DirectoryRecordSequence = records
    directory.file_meta = FileMetaDataset()
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = UID("1.2.826.0.1.3680043.10.5")
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    directory.file_meta.ImplementationClassUID = UID("1.2.826.0.1.3680043.10.4")
    path = folder / "DICOMDIR"
    directory.save_as(path, enforce_file_format=True)
    return path


# --- series of several volumes ----------------------------------------------------------------


def _volumes(each: Iterable[Mapping[str, Any]], *, slices: int = 3, **shared: Any) -> list[Dataset]:
    """A stack for each set of attributes, numbered on."""
    found = []
    for volume, attributes in enumerate(each):
        for k in range(slices):
            number = volume * slices + k + 1
            found.append(a_slice(number, k=k, **{**shared, **attributes}))
    return found


def dixon(*, by_name: bool = True) -> list[Dataset]:
    """In phase, opposed phase, water and fat in one series, as scanners mark them in ImageType."""
    contrasts = ("IN_PHASE", "OPP_PHASE", "WATER", "FAT") if by_name else ("IP", "OP", "W", "F")
    return _volumes(
        {"ImageType": ["DERIVED", "PRIMARY", "DIXON", contrast]} for contrast in contrasts
    )


B_VALUES: Final = (0, 50, 800)


def diffusion(maker: str) -> list[Dataset]:
    """A series of three b-values as the standard or a maker writes them."""
    datasets = _volumes({} for _ in B_VALUES)
    for number, dataset in enumerate(datasets):
        b_value = B_VALUES[number // 3]
        if maker == "standard":
            dataset.DiffusionBValue = float(b_value)
        elif maker == "Siemens":
            block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
            block.add_new(0x0C, "IS", str(b_value))
        elif maker == "GE":
            block = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
            block.add_new(0x39, "IS", [str(1_000_000_000 + b_value), "0", "0", "0"])
        else:
            block = dataset.private_block(0x2001, "Philips Imaging DD 001", create=True)
            block.add_new(0x03, "FL", float(b_value))
    return datasets


def multi_echo() -> list[Dataset]:
    return _volumes({"EchoTime": time, "EchoNumbers": n} for n, time in ((1, "2.46"), (2, "4.92")))


TIMINGS: Final[dict[str, list[dict[str, Any]]]] = {
    "temporal position": [{"TemporalPositionIdentifier": n} for n in (1, 2, 3)],
    "trigger time (ms)": [{"TriggerTime": f"{t}"} for t in (0, 5500, 11000)],
    "acquisition time": [{"AcquisitionTime": t} for t in ("120000", "120005.5", "120011")],
    "repetition": [{} for _ in range(3)],
}


def dynamic(timing: str) -> list[Dataset]:
    """A contrast-enhanced series of three time points, told apart by one attribute only."""
    return _volumes(TIMINGS[timing], SeriesDescription="dyn")


def pet_two_beds() -> list[Dataset]:
    """A PET whose upper half was acquired in a second bed position, five minutes later."""
    datasets = a_series(6, modality="PT", NumberOfSlices=6)
    for dataset in datasets[3:]:
        changed(dataset, AcquisitionTime="120508", FrameReferenceTime="457361")
        changed(dataset, DecayFactor="1.08101", AcquisitionNumber=2)
    return datasets


# --- enhanced objects and mosaics -------------------------------------------------------------


_OF_FRAMES: Final = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "EchoTime", "RescaleSlope", "RescaleIntercept", "AcquisitionTime", "AcquisitionDate",
    "FlipAngle", "RepetitionTime", "ActualFrameDuration", "FrameReferenceTime", "DecayFactor",
)  # fmt: skip


def enhanced(modality: str = "MR", *, times: int = 2, slices: int = 3) -> Dataset:
    """A multi-frame object: what frames share is shared, position, time and rescale are not."""
    dataset = a_slice(1, modality=modality)
    changed(dataset, **dict.fromkeys(_OF_FRAMES))
    dataset.SOPClassUID = EnhancedMRImageStorage if modality == "MR" else EnhancedPETImageStorage
    numbers = range(times * slices)
    with_pixels(dataset, np.stack([an_image(number + 1) for number in numbers]))
    dataset.AcquisitionDateTime = "20250301120000"
    if modality == "PT":
        dataset.AttenuationCorrected = dataset.DecayCorrected = "YES"
        dataset.DecayCorrectionDateTime = "20250301120000"
    shared = Dataset()
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=list(OBLIQUE))
    shared.PixelMeasuresSequence = _item(
        PixelSpacing=list(SPACING), SliceThickness=STEP_MM, SpacingBetweenSlices=STEP_MM
    )
    if modality == "MR":
        shared.MREchoSequence = _item(EffectiveEchoTime=4.6)
        shared.MRTimingAndRelatedParametersSequence = _item(RepetitionTime=900, FlipAngle=12)
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [
        _frame(time=number // slices, k=number % slices, orientation=OBLIQUE) for number in numbers
    ]
    return dataset


def _frame(*, time: int, k: int, orientation: Sequence[float]) -> Dataset:
    frame = Dataset()
    position = position_of(k, orientation=orientation)
    frame.PlanePositionSequence = _item(
        ImagePositionPatient=[format_number_as_ds(x) for x in position]
    )
    frame.FrameContentSequence = _item(
        TemporalPositionIndex=time + 1,
        FrameAcquisitionDateTime=f"2025030112{time:02d}00",
        FrameAcquisitionDuration=60000.0,
        InStackPositionNumber=k + 1,
        StackID="1",
    )
    frame.PixelValueTransformationSequence = _item(
        RescaleSlope=f"{1 + k}", RescaleIntercept="-5", RescaleType="US"
    )
    return frame


def _item(**attributes: Any) -> list[Dataset]:
    return [changed(Dataset(), **attributes)]


def csa_header(values: Mapping[str, Sequence[str]]) -> bytes:
    """Write a Siemens CSA2 header: name, then items of text padded to four bytes."""
    parts = [b"SV10\x04\x03\x02\x01", struct.pack("<II", len(values), 77)]
    for name, items in values.items():
        parts.append(
            name.encode().ljust(64, b"\0") + struct.pack("<I4sIII", 1, b"IS\0\0", 6, len(items), 77)
        )
        for item in items:
            text = item.encode() + b"\0"
            parts.append(struct.pack("<4I", len(text), len(text), 77, len(text)))
            parts.append(text.ljust(-(-len(text) // 4) * 4, b"\0"))
    return b"".join(parts)


def mosaic(
    slices: int = 7, *, orientation: Sequence[float] = OBLIQUE, downwards: bool = False
) -> Dataset:
    """A Siemens mosaic of the volume that :func:`a_series` has as single images."""
    side = int(np.ceil(np.sqrt(slices)))
    grid = np.zeros((side * ROWS, side * COLUMNS), "<u2")
    for number in range(slices):
        row, column = (np.array(divmod(number, side)) * (ROWS, COLUMNS)).tolist()
        grid[row : row + ROWS, column : column + COLUMNS] = an_image(number + 1)
    surplus = np.array([(side - 1) * COLUMNS * SPACING[1], (side - 1) * ROWS * SPACING[0]]) / 2
    corner = (
        np.array(ORIGIN)
        - np.array(orientation[:3]) * surplus[0]
        - np.array(orientation[3:]) * surplus[1]
    )
    normal = unit_normal(orientation) * (-1 if downwards else 1)
    dataset = a_slice(
        1,
        image=grid,
        orientation=orientation,
        ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"],
        ImagePositionPatient=[format_number_as_ds(float(x)) for x in corner],
        SpacingBetweenSlices=STEP_MM,
    )
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(
        0x10,
        "OB",
        csa_header(
            {
                "EchoLinePosition": ["32"],
                "NumberOfImagesInMosaic": [str(slices)],
                "SliceNormalVector": [f"{x:.8f}" for x in normal],
            }
        ),
    )
    return dataset
