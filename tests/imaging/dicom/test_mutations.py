"""2,000 damaged files: each is refused by name or read right; none crashes, hangs or fills memory.

What still assembles is held against pydicom, which reads the same bytes: positions, spacing,
values. A run of 32 000 others found no more.
"""

import io
import resource
import struct
import time
from collections.abc import Iterator, Mapping
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.filereader import read_dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from operandi.imaging.dicom.assemble import Stack, assemble
from operandi.imaging.dicom.index import index_dicom
from operandi.imaging.pet.suv import suv_of
from operandi.quantities.errors import OperandiError
from tests.imaging.dicom import dicom_files as made
from tests.imaging.dicom.mutations import Target, mutated, target_of
from tests.shared_data import needs_shared_data, unpacked

pytestmark = pytest.mark.slow

EACH = 134
MOST_SECONDS = 2.0
MOST_BYTES = 300 << 20


@cache
def pool() -> dict[str, list[bytes]]:
    """Small series of every kind."""
    series = {
        "MR": made.a_series(3),
        "MR oblique": made.a_series(3, orientation=made.OBLIQUE),
        "PET": made.a_series(3, modality="PT", NumberOfSlices=3),
        "PET two beds": made.pet_two_beds(),
        "CT": made.a_series(3, modality="CT"),
        "diffusion": made.diffusion("Siemens"),
        "dynamic": made.dynamic("temporal position"),
        "enhanced MR": [made.enhanced("MR")],
        "enhanced PET": [made.enhanced("PT", times=1)],
        "mosaic": [made.mosaic(4)],
    }
    plain = {kind: [made.encoded(d) for d in datasets] for kind, datasets in series.items()}
    syntaxes = ("implicit", "big endian", "RLE", "JPEG-LS", "JPEG 2000", "JPEG lossless")
    packed = {
        syntax: [made.encoded(d, made.SYNTAXES[syntax]) for d in series["PET"]]
        for syntax in syntaxes
    }
    return plain | packed


# --- what pydicom reads -----------------------------------------------------------------------


_COMPARED = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns",
    "RescaleSlope", "RescaleIntercept", "TemporalPositionIndex", "FrameAcquisitionDateTime",
)  # fmt: skip


def frames_of(dataset: pydicom.Dataset) -> Iterator[dict[str, Any]]:
    """Attributes of each image of an object, functional groups lifted to the top."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()]
    for group in dataset.get("PerFrameFunctionalGroupsSequence") or [pydicom.Dataset()]:
        items = [e.value[0] for part in (shared[0], group) for e in part if e.keyword and e.value]
        yield {
            keyword: holder[keyword].value
            for keyword in _COMPARED
            for holder in (dataset, *items)
            if keyword in holder
        }


def pixels_of(dataset: pydicom.Dataset) -> npt.NDArray[Any] | None:
    """Stored values, (frames, rows, columns); None where no other decoder is safe to ask."""
    syntax = dataset.file_meta.TransferSyntaxUID
    shape = (int(dataset.get("NumberOfFrames") or 1), dataset.Rows, dataset.Columns)
    plugins = {
        RLELossless: "pydicom",
        JPEGLSLossless: "pyjpegls",
        JPEG2000Lossless: "pylibjpeg",
    }
    if syntax == JPEGLosslessSV1:
        return None
    if syntax in plugins:
        decoder = get_decoder(syntax)
        values, _ = decoder.as_array(dataset, raw=True, decoding_plugin=plugins[syntax])
        return np.asarray(values).reshape(shape)
    order = ">" if syntax == made.NATIVE["big endian"] else "<"
    sign = "i" if dataset.PixelRepresentation else "u"
    stored = np.frombuffer(dataset.PixelData, f"{order}{sign}{dataset.BitsAllocated // 8}")
    stored = stored[: np.prod(shape)].astype(np.int64)
    low = stored & ((1 << dataset.BitsStored) - 1)
    if sign == "i":
        low -= (low >> (dataset.BitsStored - 1)) << dataset.BitsStored
    return np.asarray(low.reshape(shape))


_FIRST_ELEMENTS = tuple(
    struct.pack(order + "HH", 8, element) for element in (5, 8, 16) for order in "<>"
)


def by_pydicom(data: bytes, syntax: str) -> pydicom.Dataset:
    """Read a data set, wherever it begins: damaged meta information misleads pydicom."""
    stated = 144 + int.from_bytes(data[140:144], "little")
    found = [place for first in _FIRST_ELEMENTS if (place := data.find(first, 128)) >= 0]
    for start in (stated, *sorted(found)):
        dataset = read_dataset(
            io.BytesIO(data[start:]),
            is_implicit_VR=syntax == made.NATIVE["implicit"],
            is_little_endian=syntax != made.NATIVE["big endian"],
        )
        if "Rows" in dataset:
            break
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    return dataset


def images_of(folder: Path, stack: Stack) -> Iterator[tuple[int, dict[str, Any], Any]]:
    """For each slice of a stack: its place, pydicom's attributes, pydicom's pixels or None."""
    syntaxes = {
        f.name: h["TransferSyntaxUID"] for f, h in zip(stack.files, stack.headers, strict=True)
    }
    for name, syntax in syntaxes.items():
        dataset = by_pydicom((folder / name).read_bytes(), syntax)
        pixels = pixels_of(dataset)
        for number, attributes in enumerate(frames_of(dataset)):
            for k, (file, header) in enumerate(zip(stack.files, stack.headers, strict=True)):
                if file.name == name and _is_same_image(header, attributes):
                    yield k, attributes, None if pixels is None else pixels[number]
                    break


def _is_same_image(header: Mapping[str, Any], attributes: dict[str, Any]) -> bool:
    """By place and time: the frames of an enhanced object share a file."""
    here = [float(x) for x in attributes["ImagePositionPatient"]]
    return np.allclose(header["ImagePositionPatient"], here) and all(
        header.get(ours) == attributes.get(theirs)
        for ours, theirs in (
            ("TemporalPositionIdentifier", "TemporalPositionIndex"),
            ("FrameAcquisitionDateTime", "FrameAcquisitionDateTime"),
        )
        if "NumberOfFrames" in header
    )


def require_right(folder: Path, stack: Stack) -> int:
    """Hold a stack against pydicom; returns how many slices' values were compared."""
    compared = 0
    seen = set()
    for k, attributes, pixels in images_of(folder, stack):
        seen.add(k)
        position = np.array(attributes["ImagePositionPatient"], float)
        cosines = np.array(attributes["ImageOrientationPatient"], float)
        between_rows, between_columns = (float(x) for x in attributes["PixelSpacing"])
        corners = np.array([[0, 0, k], [1, 0, k], [0, 1, k]])
        expected = position + np.array(
            [np.zeros(3), cosines[:3] * between_columns, cosines[3:] * between_rows]
        )
        # A slice may lie a tenth of a millimeter from where even spacing puts it.
        np.testing.assert_allclose(stack.grid.position_of(corners), expected, atol=0.15)
        assert stack.grid.shape[:2] == (attributes["Columns"], attributes["Rows"])
        if pixels is None:
            continue
        slope, intercept = (attributes.get(f"Rescale{part}") for part in ("Slope", "Intercept"))
        exact = pixels.astype(np.float64)
        if slope is not None:
            exact = exact * float(slope) + float(intercept or 0)
        np.testing.assert_array_equal(stack.values[:, :, k].T, exact.astype(np.float32))
        compared += 1
    assert seen == set(range(stack.grid.shape[2]))
    return compared


# --- the flow ---------------------------------------------------------------------------------


def run(folder: Path) -> tuple[int, int]:
    """Index, assemble, SUV: how many volumes came out, how many refusals."""
    index = index_dicom(folder, workers=1)
    volumes, refusals = 0, len(index.faults)
    for series in index.series:
        try:
            stacks = assemble(series)
        except OperandiError:
            refusals += 1
            continue
        for stack in stacks:
            volumes += 1
            if not any("MosaicRows" in header for header in stack.headers):
                require_right(folder, stack)
            if series.modality != "PT":
                continue
            try:
                assert np.isfinite(suv_of(stack, zone=UTC).volume.values).all()
            except OperandiError:
                refusals += 1
    return volumes, refusals


def damage(files: list[bytes], seeds: range, folder: Path) -> tuple[int, int, float]:
    """Damage one file of a series after another; volumes, refusals and the longest time."""
    folder.mkdir(parents=True, exist_ok=True)
    targets: list[Target] = []
    for number, data in enumerate(files):
        (folder / str(number)).write_bytes(data)
        targets.append(target_of(data))
    volumes = refusals = 0
    longest = 0.0
    run(folder)  # once undamaged, so that no import or compilation counts
    for seed in seeds:
        number = seed % len(files)
        way, data = mutated(targets[number], seed)
        (folder / str(number)).write_bytes(data)
        start = time.process_time()
        try:
            found = run(folder)
        except Exception as error:
            error.add_note(f"{way}, seed {seed}")
            raise
        longest = max(longest, time.process_time() - start)
        volumes, refusals = volumes + found[0], refusals + found[1]
        (folder / str(number)).write_bytes(files[number])
    return volumes, refusals, longest


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.filterwarnings("ignore")  # pydicom's, of what was damaged on purpose
@pytest.mark.parametrize("kind", pool())
def test_a_damaged_file_is_refused_or_read_right(kind: str, tmp_path: Path) -> None:
    before = peak_bytes()
    first = 1000 * list(pool()).index(kind)

    volumes, refusals, longest = damage(pool()[kind], range(first, first + EACH), tmp_path)

    assert volumes > 0
    assert refusals > EACH // 4
    assert longest < MOST_SECONDS
    assert peak_bytes() - before < MOST_BYTES


def test_there_are_two_thousand_of_them() -> None:
    assert EACH * len(pool()) >= 2000


@needs_shared_data
@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("archive", "below", "chosen"),
    [
        ("diffusion/ge_signa_dwi_dicom.tar.xz", "", slice(0, 14)),
        ("pet_dicom/ibsi_suv_dro.tar.xz", "DRO_2_4/PT", slice(8, 12)),
        ("pet_dicom/sts_001_mr_t1_siemens_with_rtstruct.tar.xz", "image", slice(0, 3)),
    ],
)
def test_a_damaged_published_file_is_refused_or_read_right(
    archive: str, below: str, chosen: slice, tmp_path: Path
) -> None:
    paths = sorted(p for p in (unpacked(archive) / below).iterdir() if p.is_file())[chosen]
    files = [path.read_bytes() for path in paths]

    volumes, refusals, longest = damage(files, range(50_000, 50_040), tmp_path)

    assert volumes > 0
    assert refusals > 0
    assert longest < MOST_SECONDS


def test_the_comparison_notices_a_wrong_volume(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(pool()["PET"][0])
    (series,) = index_dicom(tmp_path).series
    (header,) = (instance.header for instance in series.instances)
    assert isinstance(header, dict)
    header["NumberOfSlices"] = 1
    (stack,) = assemble(series)
    assert require_right(tmp_path, stack) == 1

    other = pool()["PET"][0].replace(b"0.625", b"0.626")
    (tmp_path / "0").write_bytes(other)

    with pytest.raises(AssertionError):
        require_right(tmp_path, stack)


def test_codestreams_are_taken_whole() -> None:
    """The pool's compressed files hold one frame each."""
    for syntax in ("RLE", "JPEG-LS", "JPEG 2000", "JPEG lossless"):
        dataset = pydicom.dcmread(io.BytesIO(pool()[syntax][0]))
        assert len(list(generate_frames(dataset.PixelData, number_of_frames=1))) == 1
