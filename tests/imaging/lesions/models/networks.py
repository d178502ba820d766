"""Tiny ONNX networks, written as protocol-buffers messages, and folders of models."""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

FLOAT, INT64 = 1, 7
Array = npt.NDArray[np.float32]


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes | str | float) -> bytes:
    """One field of a message."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name: str, values: Array, *, location: str = "") -> bytes:
    """A TensorProto, its data within or in another file."""
    head = b"".join(field(1, n) for n in values.shape) + field(2, FLOAT) + field(8, name)
    if not location:
        return head + field(9, values.astype("<f4").tobytes())
    entry = field(1, "location") + field(2, location)
    return head + field(13, entry) + field(14, 1)


def node(
    operator: str, inputs: Sequence[str], output: str, *, integers: Mapping[str, int] | None = None
) -> bytes:
    attributes = b"".join(
        field(5, field(1, name) + field(3, value) + field(20, 2))
        for name, value in (integers or {}).items()
    )
    return (
        b"".join(field(1, one) for one in inputs)
        + field(2, output)
        + field(4, operator)
        + attributes
    )


def value(name: str, *, kind: int, shape: Sequence[int | str]) -> bytes:
    """A ValueInfoProto of a tensor."""
    dims = b"".join(field(1, field(1, n) if isinstance(n, int) else field(2, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def network(
    weights: Array,
    bias: Array,
    *,
    then: str = "",
    size: Sequence[int | str] = ("i", "j", "k"),
    location: str = "",
) -> bytes:
    """A model of one 1 x 1 x 1 convolution: channel ``o`` is ``sum(weights[o] * x) + bias[o]``.

    Parameters
    ----------
    weights, bias : array, (out, in) and (out,)
        Of the convolution.
    then : str
        ``Softmax``, ``ArgMax``, ``Sigmoid``, ``Sqrt`` or nothing after it.
    size : sequence of int or str
        Of the input's axes of space; names where they are free.
    location : str
        File that the weights lie in; within the model if empty.
    """
    out, channels = weights.shape
    nodes = [node("Conv", ("x", "w", "b"), "y" if then else "z")]
    if then:
        axis = {"Softmax": {"axis": 1}, "ArgMax": {"axis": 1, "keepdims": 1}}.get(then)
        nodes.append(node(then, ("y",), "z", integers=axis))
    kernel = weights.reshape(out, channels, 1, 1, 1)
    given = value("x", kind=FLOAT, shape=(1, channels, *size))
    kind, count = (INT64, 1) if then == "ArgMax" else (FLOAT, out)
    returned = value("z", kind=kind, shape=(1, count, *size))
    graph = (
        b"".join(field(1, one) for one in nodes)
        + field(2, "tiny")
        + field(5, tensor("w", kernel, location=location))
        + field(5, tensor("b", bias))
        + field(11, given)
        + field(12, returned)
    )
    return field(1, 8) + field(7, graph) + field(8, field(2, 17))


def above(*thresholds: float, then: str = "", **more: object) -> bytes:
    """Label 1 above the first threshold of channel 0, and so on: logits ``n x - sum(t)``."""
    weights = np.arange(len(thresholds) + 1, dtype=np.float32)[:, None]
    bias = -np.concatenate([[0.0], np.cumsum(thresholds)]).astype(np.float32)
    return network(weights, bias, then=then, **more)  # type: ignore[arg-type]


MANIFEST = """format = "operandi-model 1"
name = "threshold"
version = "1.0"
backend = "onnx"
license = "MIT"
source = "made in this test"
citation = "none"
tracers = ["68Ga-DOTATOC"]
modality = "PET"
trained_on = "nothing: a threshold"

[[weights]]
file = "model.onnx"
sha256 = "@SHA@"

[[inputs]]
channel = "suv"
unit = "g/mL"
normalization = "none"
outside = 0.0

[grid]
axes = "LPS"
spacing_mm = "pet"

[output]
kind = "logits"
may_be_empty = false

[labels]
1 = "lesion"
"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def a_model(
    folder: Path, content: bytes | None = None, *, changes: Mapping[str, str] | None = None
) -> Path:
    """Write a model and its manifest, in which texts were exchanged."""
    content = above(3.0) if content is None else content
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    return write_manifest(folder, MANIFEST.replace("@SHA@", sha256(content)), changes or {})


def write_manifest(folder: Path, text: str, changes: Mapping[str, str]) -> Path:
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "model.toml").write_text(text, "utf-8")
    return folder
