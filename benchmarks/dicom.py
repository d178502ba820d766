"""Index and load DICOM: ours beside SimpleITK, pydicom, dicom2nifti and dcm2niix on the same files.

Run from the checkout: ``python -m benchmarks.dicom [runs]``. It writes a series of 200 slices and a
tree of 2,000 files with headers as long as a scanner's, reads published series too where
``../shared/data`` is there, and prints the median of the runs: wall and CPU time, and how many
times ours that is. The limit is reading the bytes and nothing else. Every tool runs once before it
is timed, so that all read from memory, and one thread each.
"""

import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

from operandi.imaging.dicom.assemble import assemble
from operandi.imaging.dicom.index import index_dicom

SERIES_SLICES = 200
TREE_SERIES = 10
SIZE = 256
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
PUBLISHED = "pet_dicom/sts_001_fdg_pet_ge_with_rtstruct.tar.xz"


def write_series(folder: Path, *, number: int, slices: int, size: int) -> None:
    """Write an MR series with some 130 elements a header, 30 of them private, as scanners do."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(number).integers(0, 4096, (size, size), dtype=np.uint16)
    shared = pydicom.Dataset()
    shared.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"]
    shared.SOPClassUID = MRImageStorage
    shared.StudyDate = shared.SeriesDate = shared.AcquisitionDate = shared.ContentDate = "20250301"
    shared.StudyTime = shared.SeriesTime = shared.AcquisitionTime = "120000.000000"
    shared.Modality, shared.Manufacturer = "MR", "SIEMENS"
    shared.StudyDescription, shared.SeriesDescription = "PET-MRI abdomen", f"t1 vibe {number}"
    shared.PatientID, shared.PatientName = "P-001", "P-001^"
    shared.PatientBirthDate, shared.PatientSex = "", "F"
    shared.StudyInstanceUID, shared.FrameOfReferenceUID = "1.2.826.0.1.1", "1.2.826.0.1.2"
    shared.SeriesInstanceUID = f"1.2.826.0.1.3.{number}"
    shared.SeriesNumber, shared.AcquisitionNumber = number, 1
    shared.RepetitionTime, shared.EchoTime, shared.FlipAngle = "4.1", "1.9", "9"
    shared.SliceThickness = "3"
    shared.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    shared.PixelSpacing = ["1.5", "1.5"]
    shared.SamplesPerPixel, shared.PhotometricInterpretation = 1, "MONOCHROME2"
    shared.Rows = shared.Columns = size
    shared.BitsAllocated, shared.BitsStored, shared.HighBit = 16, 12, 11
    shared.PixelRepresentation = 0
    for element in range(50):  # elements that nobody asks for
        shared.add_new((0x0040, 0x0310 + element), "LO", f"value of element {element}")
    block = shared.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", bytes(8000))
    other = shared.private_block(0x0051, "SIEMENS MR HEADER", create=True)
    for element in range(30):
        other.add_new(element, "LO", f"private {element}")
    for k in range(slices):
        shared.SOPInstanceUID = f"1.2.826.0.1.4.{number}.{k}"
        shared.InstanceNumber = k + 1
        shared.ImagePositionPatient = ["-190", "-190", f"{-300 + 3 * k}"]
        shared.SliceLocation = f"{-300 + 3 * k}"
        shared.PixelData = np.roll(noise, k).tobytes()
        shared["PixelData"].VR = "OW"
        shared.file_meta = FileMetaDataset()
        shared.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        shared.file_meta.MediaStorageSOPClassUID = MRImageStorage
        shared.file_meta.MediaStorageSOPInstanceUID = UID(shared.SOPInstanceUID)
        shared.save_as(folder / f"IM{k:05d}", enforce_file_format=True)


def folders_below(tree: Path) -> list[Path]:
    """Folders that hold files."""
    return sorted({path.parent for path in tree.rglob("*") if path.is_file()})


# --- the tools --------------------------------------------------------------------------------


def read_first_bytes(tree: Path) -> None:
    """Read 32 KiB of every file."""
    for folder in folders_below(tree):
        for entry in os.scandir(folder):
            with open(entry.path, "rb", buffering=0) as stream:  # noqa: PTH123 - the least there is
                stream.read(32768)


def read_all_bytes(tree: Path) -> None:
    """Read every file."""
    for folder in folders_below(tree):
        for entry in os.scandir(folder):
            with open(entry.path, "rb", buffering=0) as stream:  # noqa: PTH123 - the least there is
                stream.read()


def index_ours(tree: Path) -> None:
    """Index in one process."""
    index_dicom(tree, workers=1)


def index_simpleitk(tree: Path) -> None:
    """List series and their files in order, folder by folder."""
    for folder in folders_below(tree):
        for uid in SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
            SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)


def index_pydicom(tree: Path) -> None:
    """Read headers and sort them into series by a dozen attributes."""
    series: dict[str, list[tuple[Any, ...]]] = {}
    for folder in folders_below(tree):
        for path in sorted(folder.iterdir()):
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            if "SeriesInstanceUID" in header:
                found = tuple(header.get(keyword) for keyword in _A_DOZEN)
                series.setdefault(header.SeriesInstanceUID, []).append(found)


_A_DOZEN = (
    "SOPInstanceUID", "PatientID", "StudyInstanceUID", "StudyDate", "Modality", "SeriesDescription",
    "InstanceNumber", "ImageType", "ImagePositionPatient", "ImageOrientationPatient", "Rows",
    "Columns",
)  # fmt: skip


def index_dicom2nifti(tree: Path) -> None:
    """Read each folder, as its conversion begins."""
    from dicom2nifti import common  # noqa: PLC0415 - a peer that need not be installed

    for folder in folders_below(tree):
        common.read_dicom_directory(str(folder))


def load_ours(folder: Path) -> Any:
    """Index, assemble, rescale."""
    return [assemble(series)[0].values for series in index_dicom(folder, workers=1).series]


def load_simpleitk(folder: Path) -> Any:
    """List the series, read it in order, rescale to single precision."""
    reader = SimpleITK.ImageSeriesReader()
    images = []
    for uid in reader.GetGDCMSeriesIDs(str(folder)):
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), uid))
        reader.SetOutputPixelType(SimpleITK.sitkFloat32)
        images.append(reader.Execute())
    return images


def load_dcm2niix(folder: Path) -> None:
    """Convert to NIfTI in a process of its own, uncompressed."""
    with tempfile.TemporaryDirectory() as target:
        program = Path(sys.executable).with_name("dcm2niix")
        subprocess.run(
            [program, "-z", "n", "-b", "n", "-o", target, folder], check=True, capture_output=True
        )


def load_dicom2nifti(folder: Path) -> None:
    """Convert to NIfTI, uncompressed."""
    import dicom2nifti  # noqa: PLC0415 - a peer that need not be installed

    with tempfile.TemporaryDirectory() as target:
        dicom2nifti.dicom_series_to_nifti(
            str(folder), str(Path(target) / "a.nii"), reorient_nifti=False
        )


INDEXING: dict[str, Callable[[Path], object]] = {
    "ours": index_ours,
    "SimpleITK": index_simpleitk,
    "pydicom": index_pydicom,
    "dicom2nifti": index_dicom2nifti,
    "limit: 32 KiB a file": read_first_bytes,
}
LOADING: dict[str, Callable[[Path], object]] = {
    "ours": load_ours,
    "SimpleITK": load_simpleitk,
    "dcm2niix": load_dcm2niix,
    "dicom2nifti": load_dicom2nifti,
    "limit: all bytes": read_all_bytes,
}
NEEDED = {"dicom2nifti": "dicom2nifti", "dcm2niix": "dcm2niix"}


def cpu_s() -> float:
    """CPU time of this process and its finished children."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def compare(title: str, tools: dict[str, Callable[[Path], object]], where: Path, runs: int) -> None:
    """Print the median time of each tool and how many times ours it is."""
    print(f"\n{title}")
    times: dict[str, list[tuple[float, float]]] = {}
    for name, tool in tools.items():
        if name in NEEDED and importlib.util.find_spec(NEEDED[name]) is None:
            print(f"{name:>22}  is not installed")
            continue
        times[name] = list(timed(tool, where, runs))
    wall, cpu = ({n: statistics.median(t[i] for t in v) for n, v in times.items()} for i in (0, 1))
    for name in times:
        print(
            f"{name:>22}  {wall[name]:8.3f} s wall ({wall[name] / wall['ours']:5.2f} x ours)"
            f"  {cpu[name]:8.3f} s CPU ({cpu[name] / cpu['ours']:5.2f} x ours)"
        )


def timed(tool: Callable[[Path], object], where: Path, runs: int) -> Iterator[tuple[float, float]]:
    """Wall and CPU time of each run, after one that does not count."""
    tool(where)
    for _ in range(runs):
        wall, cpu = time.perf_counter(), cpu_s()
        tool(where)
        yield time.perf_counter() - wall, cpu_s() - cpu


def main() -> None:
    """Print the tables."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    SimpleITK.ProcessObject.GlobalWarningDisplayOff()
    with tempfile.TemporaryDirectory() as folder:
        tree, series = Path(folder, "tree"), Path(folder, "series")
        for number in range(TREE_SERIES):
            write_series(tree / f"{number:02d}", number=number, slices=SERIES_SLICES, size=32)
        write_series(series, number=99, slices=SERIES_SLICES, size=SIZE)
        count = TREE_SERIES * SERIES_SLICES
        compare(f"Index {count} files in {TREE_SERIES} folders", INDEXING, tree, runs)
        compare(f"Load {SERIES_SLICES} slices of {SIZE} x {SIZE}, 16 bits", LOADING, series, runs)
        if (SHARED / PUBLISHED).exists():
            with tarfile.open(SHARED / PUBLISHED) as archive:
                archive.extractall(Path(folder, "published"), filter="data")
            pet = Path(folder, "published", "image")
            compare("Index a published GE PET, 267 files", INDEXING, pet, runs)
            compare("Load it, 267 slices of 128 x 128, each rescaled", LOADING, pet, runs)


if __name__ == "__main__":
    main()
