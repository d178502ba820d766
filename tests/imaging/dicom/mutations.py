"""Damage DICOM files in every way that disks, networks and software do, the same for a seed."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pydicom

Chance = np.random.Generator


@dataclass(frozen=True)
class Element:
    """Where an element of a file stands."""

    keyword: str
    vr: str
    start: int
    value: int
    end: int


@dataclass(frozen=True)
class Target:
    """A file and its elements, those inside sequences not counted."""

    data: bytes
    elements: tuple[Element, ...]
    order: str
    implicit: bool

    def length_size(self, element: Element) -> int:
        """Bytes in which the element's length is stated."""
        return 4 if self.implicit or element.value - element.start == 12 else 2

    @property
    def pixels(self) -> Element:
        return self.elements[-1]

    def one(self, chance: Chance, *vrs: str) -> Element:
        chosen = [e for e in self.elements if not vrs or e.vr in vrs]
        return chosen[int(chance.integers(len(chosen)))]

    def replaced(self, start: int, end: int, content: bytes) -> bytes:
        return self.data[:start] + content + self.data[end:]


def target_of(data: bytes) -> Target:
    """Find the elements of an ordinary file that ends with its pixels."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    implicit, little = dataset.original_encoding
    elements: list[Element] = []
    for tag in sorted(dataset.keys()):
        raw: Any = dataset.get_item(tag)
        vr = dataset[tag].VR
        value = raw.value_tell if hasattr(raw, "value_tell") else raw.file_tell
        long = not implicit and vr in {"OB", "OW", "OF", "OD", "SQ", "UN", "UT", "UC", "UR"}
        elements.append(
            Element(dataset[tag].keyword, str(vr), value - (12 if long else 8), value, 0)
        )
    ends = [*(element.start for element in elements[1:]), len(data)]
    return Target(
        data,
        tuple(
            Element(e.keyword, e.vr, e.start, e.value, end)
            for e, end in zip(elements, ends, strict=True)
        ),
        "<" if little else ">",
        bool(implicit),
    )


# --- the ways ---------------------------------------------------------------------------------


def flip_bits_of_the_header(target: Target, chance: Chance) -> bytes:
    return _flipped(target, chance, 132, target.pixels.value)


def flip_bits_of_the_pixels(target: Target, chance: Chance) -> bytes:
    return _flipped(target, chance, target.pixels.start, len(target.data))


def _flipped(target: Target, chance: Chance, start: int, end: int) -> bytes:
    data = bytearray(target.data)
    for _ in range(int(chance.integers(1, 6))):
        data[chance.integers(start, end)] ^= 1 << int(chance.integers(8))
    return bytes(data)


def cut_short(target: Target, chance: Chance) -> bytes:
    return target.data[: chance.integers(len(target.data))]


def zero_a_block(target: Target, chance: Chance) -> bytes:
    start = int(chance.integers(len(target.data)))
    end = min(len(target.data), start + int(chance.integers(1, 512)))
    return target.replaced(start, end, bytes(end - start))


def insert_noise(target: Target, chance: Chance) -> bytes:
    place = int(chance.integers(132, target.pixels.value))
    return target.replaced(place, place, chance.bytes(int(chance.integers(1, 16))))


def remove_an_element(target: Target, chance: Chance) -> bytes:
    element = target.one(chance)
    return target.replaced(element.start, element.end, b"")


def repeat_an_element(target: Target, chance: Chance) -> bytes:
    element, other = target.one(chance), target.one(chance)
    copy = target.data[element.start : element.end]
    return target.replaced(other.start, other.start, copy)


def swap_elements(target: Target, chance: Chance) -> bytes:
    pair = sorted((target.one(chance), target.one(chance)), key=lambda e: e.start)
    (one, other), data = pair, target.data
    between = data[one.end : other.start]
    if one is other:
        return data
    first, second = data[one.start : one.end], data[other.start : other.end]
    return data[: one.start] + second + between + first + data[other.end :]


def state_an_absurd_length(target: Target, chance: Chance) -> bytes:
    element = target.one(chance)
    true = element.end - element.value
    lengths = (0, 1, 2, 7, 0xFFFE, 0xFFFF, true - 2, true + 2, 10 * true + 2, 1 << 31, 0xFFFFFFFF)
    length = int(chance.choice(lengths)) % (1 << 32)
    size = target.length_size(element)
    packed = length.to_bytes(4, "little" if target.order == "<" else "big")
    content = packed if size == 4 else packed[:2] if target.order == "<" else packed[2:]
    return target.replaced(element.value - size, element.value, content)


def change_a_vr(target: Target, chance: Chance) -> bytes:
    element = target.one(chance)
    vr = chance.choice(
        ["DS", "IS", "US", "SS", "LO", "CS", "UI", "SQ", "OB", "UN", "FD", "zz", "UT"]
    )
    place = element.start + 4
    return target.replaced(place, place + 2, str(vr).encode())


_SIZES: Final = (
    0,
    1,
    2,
    3,
    7,
    8,
    9,
    11,
    12,
    15,
    16,
    17,
    31,
    32,
    33,
    40,
    64,
    255,
    256,
    32767,
    65535,
)


def state_an_absurd_size(target: Target, chance: Chance) -> bytes:
    """Rows, Columns, bits, sign, samples and their like."""
    element = target.one(chance, "US")
    if element.end - element.value != 2:
        return target.data
    content = struct.pack(target.order + "H", int(chance.choice(_SIZES)))
    return target.replaced(element.value, element.end, content)


_NUMBERS: Final = (
    "nan", "inf", "-inf", "1e999", "-1e38", "1e38", "1e-300", "0", "-1", "-0.0", "999999999", "1_0",
    "", " ", "1\\2", "1\\2\\3", "0x10", "1,5", "\\", "1e5", "3.5",
)  # fmt: skip


def write_an_absurd_number(target: Target, chance: Chance) -> bytes:
    """In a decimal or integer string; its length is stated anew."""
    element = target.one(chance, "DS", "IS")
    content = str(chance.choice(_NUMBERS)).encode()
    content += b" " * (len(content) % 2)
    size = target.length_size(element)
    length = struct.pack(target.order + ("I" if size == 4 else "H"), len(content))
    return target.replaced(element.value - size, element.end, length + content)


def write_an_absurd_nested_number(target: Target, chance: Chance) -> bytes:
    """The dose, half-life and functional groups are inside sequences."""
    data = target.data
    for text in (
        b"150000000",
        b"4069.8",
        b"2.5\\2.0",
        b"0.8\\0.6",
        b"3.0",
        b"177",
        b"20250301110000",
    ):
        if text in data and chance.integers(2):
            number = str(chance.choice(_NUMBERS)).encode().ljust(len(text))[: len(text)]
            return data.replace(text, number, 1)
    return _flipped(target, chance, 132, target.pixels.value)


def claim_another_transfer_syntax(target: Target, chance: Chance) -> bytes:
    last = str(chance.choice(["", ".1", ".2", ".5", ".1.99", ".4.70", ".4.80", ".4.90", ".4.50"]))
    uid = f"1.2.840.10008.1.2{last}".encode()
    place = target.data.index(b"\x02\x00\x10\x00UI")
    length = int.from_bytes(target.data[place + 6 : place + 8], "little")
    return target.replaced(place + 8, place + 8 + length, uid.ljust(length, b"\0")[:length])


WAYS: Final[tuple[Callable[[Target, Chance], bytes], ...]] = (
    flip_bits_of_the_header,
    flip_bits_of_the_header,
    flip_bits_of_the_pixels,
    cut_short,
    zero_a_block,
    insert_noise,
    remove_an_element,
    repeat_an_element,
    swap_elements,
    state_an_absurd_length,
    change_a_vr,
    state_an_absurd_size,
    write_an_absurd_number,
    write_an_absurd_number,
    write_an_absurd_nested_number,
    claim_another_transfer_syntax,
)


def mutated(target: Target, seed: int) -> tuple[str, bytes]:
    """Damage a file in one way, the same for the same seed; the name of the way comes first."""
    chance = np.random.default_rng(seed)
    way = WAYS[int(chance.integers(len(WAYS)))]
    return way.__name__, way(target, chance)
