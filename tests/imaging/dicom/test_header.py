"""The scanner finds what pydicom finds, in every kind of file, and refuses what is damaged."""

import contextlib
import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.multival import MultiValue
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from operandi.imaging.dicom.attributes import PRIVATE, WANTED
from operandi.imaging.dicom.header import (
    NeedMoreBytesError,
    NotDicomError,
    parse_header,
)
from operandi.quantities.errors import DataError
from tests.imaging.dicom import dicom_files as made
from tests.imaging.dicom.published_dicom import trees
from tests.shared_data import needs_shared_data

FROM_THE_FILE = frozenset(
    (
        "TransferSyntaxUID",
        "MediaStorageSOPClassUID",
        "PixelDataKeyword",
        "PixelDataOffset",
        "PixelDataLength",
        "PixelDataVR",
    )
)


def header_of(data: bytes, *, complete: bool = True) -> dict[str, Any]:
    return parse_header(data, complete=complete, name="file.dcm")


def attributes_of(data: bytes) -> dict[str, Any]:
    return {k: v for k, v in header_of(data).items() if k not in FROM_THE_FILE}


# --- what pydicom says, converted by pydicom --------------------------------------------------


def by_pydicom(dataset: Dataset) -> dict[str, Any]:
    """The wanted attributes as pydicom decodes them, nested items too, private ones on top."""
    found = {keyword: plain(dataset[tag]) for tag, (keyword, _) in WANTED.items() if tag in dataset}
    for (group, element, creator), (keyword, _) in PRIVATE.items():
        if keyword == "SiemensCSAImageHeader" and "MOSAIC" not in dataset.get("ImageType", ()):
            continue
        orphan = dataset.get((group, 0x1000 | element)) if group == 0x7053 else None
        if orphan is not None:  # de-identification takes the creator away
            found[keyword] = float(orphan.value)
        with contextlib.suppress(KeyError):
            found[keyword] = plain(dataset.private_block(group, creator)[element])
    return found


def plain(element: pydicom.DataElement) -> Any:
    value = element.value
    if element.VR == "SQ":
        return tuple(by_pydicom(item) for item in value)
    many = list(value) if isinstance(value, MultiValue | list) else [value]
    if element.VR in {"DS", "IS"}:
        kind = float if element.VR == "DS" else int
        many = [None if one in {None, ""} else kind(one) for one in many]
    elif isinstance(value, int | float | bytes):
        pass
    elif element.VR in {"US", "FD", "UL", "SS", "SL", "FL"}:
        many = many if value is not None else [None]
    else:
        many = ["" if one is None else str(one).strip(" \0") for one in many]
    return tuple(many) if len(many) > 1 else (many[0] if many else None)


def kinds() -> dict[str, Dataset]:
    return {
        "MR": made.a_slice(),
        "CT": made.a_slice(modality="CT", orientation=made.SAGITTAL),
        "PET": made.a_slice(modality="PT"),
        "Siemens b-value": made.diffusion("Siemens")[-1],
        "GE b-value": made.diffusion("GE")[-1],
        "Philips b-value": made.diffusion("Philips")[-1],
        "enhanced MR": made.enhanced("MR"),
        "enhanced PET": made.enhanced("PT"),
        "mosaic": made.mosaic(),
        "no pixels": made.changed(made.a_slice(), PixelData=None),
        "empty values": made.a_slice(
            PatientWeight="", ProtocolName="", AcquisitionTime="", EchoNumbers="", ScanOptions=[]
        ),
        "several values": made.a_slice(
            ScanOptions=["FS", "", "PFP"], EchoNumbers=[1, 2], SoftwareVersions=["a", "b "]
        ),
    }


@pytest.mark.parametrize("syntax", made.NATIVE)
@pytest.mark.parametrize("kind", kinds())
def test_scanner_and_pydicom_agree_on_every_kind_of_file(kind: str, syntax: str) -> None:
    data = made.encoded(kinds()[kind], made.NATIVE[syntax])

    assert attributes_of(data) == by_pydicom(pydicom.dcmread(io.BytesIO(data)))


@pytest.mark.parametrize("syntax", made.COMPRESSED)
def test_scanner_and_pydicom_agree_on_compressed_files(syntax: str) -> None:
    data = made.encoded(made.a_slice(), made.COMPRESSED[syntax])

    assert attributes_of(data) == by_pydicom(pydicom.dcmread(io.BytesIO(data)))
    assert header_of(data)["PixelDataLength"] == 0xFFFFFFFF


@needs_shared_data
@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of values that break the standard
def test_scanner_and_pydicom_agree_on_every_published_file() -> None:
    compared = 0
    for _, folder in trees():
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            data = path.read_bytes()
            try:
                found = attributes_of(data)
            except NotDicomError:
                continue
            assert found == by_pydicom(pydicom.dcmread(io.BytesIO(data))), path
            compared += 1

    assert compared == 2706


def test_table_of_attributes_is_that_of_pydicom() -> None:
    assert {
        keyword: (tag_for_keyword(keyword), dictionary_VR(keyword).removesuffix(" or SS"))
        for keyword, _ in WANTED.values()
    } == {keyword: (tag, vr) for tag, (keyword, vr) in WANTED.items()}


def test_reading_a_regular_file_does_not_import_pydicom(tmp_path: Path) -> None:
    """The import takes 0.4 s, and every start of the program would pay for it."""
    (tmp_path / "a").write_bytes(made.encoded(made.a_slice(SeriesDescription="Schädel")))
    script = (
        "import sys; from pathlib import Path; "
        "from operandi.imaging.dicom.index import index_dicom; "
        "from operandi.imaging.dicom.assemble import assemble; "
        f"found = index_dicom(Path({str(tmp_path)!r})); assemble(found.series[0]); "
        "print('pydicom' in sys.modules, found.series[0].description)"
    )

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout == "False Schädel\n"


# --- how files begin --------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [*made.NATIVE.values(), *made.COMPRESSED.values()])
def test_reads_a_file_without_preamble(syntax: str) -> None:
    dataset = made.a_slice()

    assert header_of(made.encoded(dataset, syntax, preamble=False))["TransferSyntaxUID"] == syntax
    assert attributes_of(made.encoded(dataset, syntax, preamble=False)) == attributes_of(
        made.encoded(dataset, syntax)
    )


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_guesses_the_transfer_syntax_of_a_bare_data_set(syntax: str) -> None:
    header = header_of(made.encoded(made.a_slice(), syntax, meta=False))

    assert header["TransferSyntaxUID"] == syntax
    assert header["PatientID"] == "P-001"


def test_reads_a_file_that_begins_with_its_prefix() -> None:
    data = made.encoded(made.a_slice())

    assert header_of(data[128:])["PatientID"] == "P-001"


@pytest.mark.parametrize(
    "data",
    [b"", b"\x08", b"PK\x03\x04" + bytes(200), b"id,weight\nP-001,70\n" * 20, bytes(4096)],
    ids=["empty", "one byte", "zip", "table", "zeros"],
)
def test_says_of_other_files_that_they_are_not_dicom(data: bytes) -> None:
    with pytest.raises(NotDicomError):
        header_of(data)


def test_says_of_elements_without_identity_and_preamble_that_they_are_not_dicom() -> None:
    with pytest.raises(NotDicomError):
        header_of(struct.pack("<HH2sH", 8, 5, b"CS", 10) + b"ISO_IR 100")


def test_finds_the_pixels() -> None:
    dataset = made.a_slice()
    data = made.encoded(dataset)
    header = header_of(data)
    start, length = header["PixelDataOffset"], header["PixelDataLength"]

    assert data[start : start + length] == dataset.PixelData
    assert header["PixelDataKeyword"] == "PixelData"


@pytest.mark.parametrize("kind", ["PET", "enhanced MR"])
@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big endian", "deflated"])
def test_the_start_of_a_file_gives_the_same_header_or_asks_for_more(kind: str, syntax: str) -> None:
    data = made.encoded(kinds()[kind], made.NATIVE[syntax])
    whole = header_of(data)
    enough = 0
    for size in range(132, len(data), 7):
        try:
            assert header_of(data[:size], complete=False) == whole
            enough += 1
        except NeedMoreBytesError:
            assert not enough

    assert enough or syntax == "deflated"


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("ISO_IR 6", "Leber"),
        ("ISO_IR 100", "Schädel ß"),
        ("ISO_IR 192", "Leber 肝臓 – Ü"),
        (["ISO 2022 IR 6", "ISO 2022 IR 87"], "Liver^肝臓"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ"),
        ("GB18030", "肝脏"),
        ("ISO_IR 144", "печень"),
    ],
)
def test_reads_text_in_its_character_set(charset: str | list[str], text: str) -> None:
    dataset = made.a_slice(SpecificCharacterSet=charset, SeriesDescription=text)

    assert header_of(made.encoded(dataset))["SeriesDescription"] == text


def test_an_item_may_have_a_character_set_of_its_own() -> None:
    dataset = made.a_slice(modality="PT", SpecificCharacterSet="ISO_IR 192")
    (item,) = dataset.RadiopharmaceuticalInformationSequence
    item.SpecificCharacterSet = "ISO_IR 100"
    item.Radiopharmaceutical = "Ga-Ü"
    data = made.encoded(dataset)

    (found,) = header_of(data)["RadiopharmaceuticalInformationSequence"]

    assert found["Radiopharmaceutical"] == "Ga-Ü"


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big endian"])
@pytest.mark.parametrize("unstated", ["neither", "sequences", "items", "both"])
def test_reads_sequences_of_stated_and_unstated_length(syntax: str, unstated: str) -> None:
    dataset = made.a_slice(modality="PT")
    (tracer,) = dataset.RadiopharmaceuticalInformationSequence
    for holder, keyword in (
        (tracer, "RadionuclideCodeSequence"),
        (dataset, "RadiopharmaceuticalInformationSequence"),
    ):
        (item,) = holder[keyword].value
        made.changed(item, is_undefined_length_sequence_item=unstated in {"items", "both"})
        holder[keyword] = DataElement(
            keyword, "SQ", [item], is_undefined_length=unstated in {"sequences", "both"}
        )
    data = made.encoded(dataset, made.NATIVE[syntax])

    assert attributes_of(data) == by_pydicom(dataset)


def test_passes_over_unknown_sequences_of_unstated_length() -> None:
    """PS3.5 6.2.2: what is unknown is Implicit VR Little Endian inside an explicit file."""
    inner = struct.pack("<HHI", 0x0040, 0xA160, 4) + b"text"
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    unknown = (
        struct.pack("<HH2sHI", 0x0009, 0x1001, b"UN", 0, 0xFFFFFFFF)
        + item
        + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    )
    data = made.encoded(made.a_slice())
    place = data.index(struct.pack("<HH", 0x0010, 0x0020))

    assert attributes_of(data[:place] + unknown + data[place:]) == attributes_of(data)


def test_reads_a_private_philips_factor_whose_creator_was_removed() -> None:
    dataset = made.a_slice(modality="PT")
    block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.000551")
    del dataset[0x7053, 0x0010]

    assert header_of(made.encoded(dataset))["PhilipsSUVScaleFactor"] == 0.000551


def test_a_private_element_of_another_maker_is_left_alone() -> None:
    dataset = made.a_slice()
    dataset.private_block(0x0019, "ANOTHER MAKER", create=True).add_new(0x0C, "IS", "800")

    assert "SiemensBValue" not in header_of(made.encoded(dataset))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"1.50", 1.5),
        (b"-2e3 ", -2000.0),
        (b"+.5", 0.5),
        (b"1_0 ", "1_0"),
        (b"nan ", "nan"),
        (b"inf ", "inf"),
        (b"1e999 ", "1e999"),
        (b"0x10", "0x10"),
        (b"1,5 ", "1,5"),
        (b"", None),
    ],
)
def test_what_is_no_number_stays_text(text: bytes, expected: object) -> None:
    """So that whoever needs the number refuses it by name; Python itself would read ``1_0``."""
    data = made.encoded(made.a_slice(PatientWeight="12345678"))
    element = struct.pack("<HH2sH", 0x0010, 0x1030, b"DS", 8) + b"12345678"
    assert element in data
    damaged = struct.pack("<HH2sH", 0x0010, 0x1030, b"DS", len(text)) + text

    assert header_of(data.replace(element, damaged))["PatientWeight"] == expected


@given(st.text(alphabet="0123456789+-.eE_ nainf", max_size=16))
def test_a_number_is_what_the_standard_allows(text: str) -> None:
    dataset = made.a_slice(PatientWeight="1234567890123456")
    raw = text.encode().ljust(16)
    value = header_of(made.encoded(dataset).replace(b"1234567890123456", raw))["PatientWeight"]

    if isinstance(value, float):
        assert value == float(text.strip())
        assert not set(text) & set("_ni")
    else:
        assert value == (text.strip(" ") or None)


# --- damage -----------------------------------------------------------------------------------


def test_reads_elements_out_of_order_as_pydicom_does() -> None:
    data = made.encoded(made.a_slice())
    place = data.index(struct.pack("<HH", 0x0010, 0x0020))
    late = struct.pack("<HH2sH", 0x0008, 0x0070, b"LO", 4) + b"LATE"
    disordered = data[:place] + late + data[place:]

    assert header_of(disordered)["Manufacturer"] == "LATE"
    assert attributes_of(disordered) == by_pydicom(pydicom.dcmread(io.BytesIO(disordered)))


def test_finds_the_pixels_of_a_disordered_file() -> None:
    dataset = made.a_slice()
    data = made.encoded(dataset)
    place = data.index(struct.pack("<HH", 0x0010, 0x0020))
    late = struct.pack("<HH2sH", 0x0008, 0x0070, b"LO", 4) + b"LATE"
    header = header_of(data[:place] + late + data[place:])

    assert header["PixelDataOffset"] == header_of(data)["PixelDataOffset"] + len(late)
    assert header["PixelDataLength"] == len(dataset.PixelData)


def test_reads_implicit_elements_in_a_file_that_claims_explicit_ones() -> None:
    """Some writers do; pydicom notices, the scanner hands over."""
    data = made.encoded(made.a_slice(), ImplicitVRLittleEndian)
    uid = struct.pack("<HH2sH", 2, 0x10, b"UI", 18) + b"1.2.840.10008.1.2\0"
    claimed = struct.pack("<HH2sH", 2, 0x10, b"UI", 20) + b"1.2.840.10008.1.2.1\0"
    assert uid in data

    found = attributes_of(data.replace(uid, claimed))

    assert found == attributes_of(data)


def test_refuses_a_file_that_ends_within_its_header() -> None:
    data = made.encoded(made.a_slice())

    with pytest.raises(DataError, match=r"file\.dcm is truncated"):
        header_of(data[:600])


def test_refuses_a_number_of_the_wrong_size() -> None:
    rows = struct.pack("<HH2sH", 0x0028, 0x0010, b"US", 2)
    data = made.encoded(made.a_slice())
    damaged = data.replace(rows, struct.pack("<HH2sH", 0x0028, 0x0010, b"UL", 2))

    with pytest.raises(DataError, match=r"file\.dcm cannot be read as DICOM"):
        header_of(damaged)


def test_refuses_text_where_a_sequence_belongs() -> None:
    dataset = made.a_slice(modality="PT")
    tag = struct.pack("<HH", 0x0054, 0x0016)
    data = made.encoded(dataset).replace(tag + b"SQ", tag + b"UT")

    with pytest.raises(DataError, match="RadiopharmaceuticalInformationSequence is written as UT"):
        header_of(data)


def test_refuses_a_deflated_file_that_inflates_without_end() -> None:
    data = made.encoded(made.a_slice(), made.NATIVE["deflated"])
    start = 144 + int.from_bytes(data[140:144], "little")
    bomb = zlib.compressobj(wbits=-15)
    body = bomb.compress(bytes(64 << 20)) + bomb.flush()

    with pytest.raises(DataError, match="inflates without end"):
        header_of(data[:start] + body)


def test_refuses_a_deflated_file_cut_short() -> None:
    data = made.encoded(made.a_slice(), made.NATIVE["deflated"])

    with pytest.raises(DataError, match="deflated"):
        header_of(data[:-20])


def test_refuses_sequences_nested_beyond_reason() -> None:
    """Each level is twelve bytes, so a small file could exhaust the stack."""
    deep = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    data = made.encoded(made.a_slice())

    with pytest.raises(DataError, match="cannot be read"):
        header_of(data[: data.index(struct.pack("<HH", 0x7FE0, 0x10))] + deep * 5000)
