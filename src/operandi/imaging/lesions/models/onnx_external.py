"""Which other files an ONNX file asks for, read from its bytes before anything loads it.

ONNX is a protocol-buffers message. Only lengths and field numbers are walked; the numbers are those
of ``onnx.proto`` (ONNX IR version 3 on).
"""

from collections.abc import Iterator, Mapping
from typing import Final

from operandi.quantities.errors import DataError

_BELOW: Final[Mapping[str, Mapping[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
}
"""Messages within a message, by field number, that may lead to external data."""

_LENGTH_DELIMITED: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_DEEPEST: Final = 64


def external_files(content: bytes) -> frozenset[str]:
    """Names of files that tensors of an ONNX model lie in; empty where it holds all itself.

    Raises
    ------
    DataError
        If the bytes are no ONNX model.
    """
    try:
        found = frozenset(_locations(memoryview(content), "model", depth=0))
    except (IndexError, UnicodeDecodeError, ValueError) as error:
        raise DataError(
            "The model's ONNX file is damaged or of another format.",
            remedy="Export the network again.",
        ) from error
    return found


def _locations(content: memoryview, message: str, *, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    for field, part in _fields(content):
        below = _BELOW[message].get(field)
        if below == "external":
            entry = dict(_fields(part))
            if bytes(entry.get(1, b"")) == b"location":
                yield bytes(entry.get(2, b"")).decode("utf-8")
        elif below is not None:
            yield from _locations(part, below, depth=depth + 1)


def _fields(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Length-delimited fields of a message, by number."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        wire = key & 7
        if wire == 0:
            _, at = _varint(content, at)
        elif wire in _FIXED:
            at += _FIXED[wire]
        elif wire == _LENGTH_DELIMITED:
            length, at = _varint(content, at)
            if at + length > len(content):
                raise ValueError("longer than its message")
            yield key >> 3, content[at : at + length]
            at += length
        else:
            raise ValueError(f"wire type {wire}")
    if at > len(content):
        raise ValueError("longer than its message")


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("number too long")
