"""Values to bytes and back: the same value gives the same bytes, and bytes never run code.

A file is a short head, a JSON text that holds the shape of the value, and after it the raw arrays,
each on a 64-byte border so that a reader maps the file and copies nothing. There is no pickle: a
class comes back only if it is one of ours, by its own constructor, which checks it again.

What can be encoded: None, bool, int, float, str, bytes, Decimal, datetime, date, timedelta, slice
without a step, tuple, list, dict with text keys, frozenset, members of our enumerations, our frozen
dataclasses, NumPy arrays and scalars, Polars data frames. Arrays come back C-ordered, little-endian
and read-only, a dict sorted by key, an aware datetime at its fixed offset from UTC. Of a mask only
the box around what is inside is kept: a lesion takes bytes, not a megabyte, and pages of zeros
that nobody touches take no memory when it comes back.
"""

import hashlib
import importlib
import io
import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from mmap import mmap
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from operandi.domain.identity import Digest

FORMAT: Final = 2
"""Version of the layout. It is part of every key, so that another layout means another file."""

_MAGIC: Final = b"OPERANDI"
_HEAD: Final = struct.Struct("<8sB7xQ")
_ALIGNMENT: Final = 64
_ARRAY_KINDS: Final = "iufcmMSU"

Tree = Any
"""What the JSON text holds: null, booleans, numbers, strings, and lists led by a tag."""


def encode(value: object) -> bytes:
    """Encode a value.

    Raises
    ------
    TypeError
        If something inside has no encoding; notes on the exception say where.
    """
    return b"".join(encoded_parts(value))


def encoded_parts(value: object) -> list[bytes | memoryview]:
    """Encode a value to parts that follow one another, without copying its arrays together."""
    writer = _Writer()
    tree = writer.tree(value)
    text = json.dumps(
        {"classes": [[name, names] for name, names in writer.classes.items()], "value": tree},
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    head = _HEAD.pack(_MAGIC, FORMAT, len(text)) + text
    return [head + bytes(-len(head) % _ALIGNMENT), *writer.blobs]


def decode(data: bytes | mmap) -> object:
    """Decode what :func:`encode` made.

    Parameters
    ----------
    data : bytes or mmap
        Numeric arrays stay views of it; booleans and everything else are copied out.

    Raises
    ------
    ValueError
        If these are not such bytes, or name a class that is not ours or has changed.
    """
    if len(data) < _HEAD.size:
        raise ValueError(f"{len(data)} bytes are too few for a stored value")
    magic, version, size = _HEAD.unpack_from(data)
    if magic != _MAGIC or version != FORMAT:
        raise ValueError(f"not a stored value of format {FORMAT}: {magic!r}, format {version}")
    end = _HEAD.size + size
    try:
        head = json.loads(data[_HEAD.size : end])
        reader = _Reader(data, start=end + -end % _ALIGNMENT, classes=head["classes"])
        return reader.value(head["value"])
    except (LookupError, TypeError, ArithmeticError, pl.exceptions.PolarsError) as error:
        raise ValueError(f"not a stored value: {error!r}") from error


def digest_of(value: object) -> Digest:
    """SHA-256 of the encoded value."""
    return digest_of_parts(encoded_parts(value))


def digest_of_parts(parts: list[bytes | memoryview]) -> Digest:
    """SHA-256 of bytes given in parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return Digest(digest.hexdigest())


def described(value: object) -> object:
    """Tell a value to people, as plain JSON: arrays, tables and bytes only by size and digest."""
    told: object = str(value)
    if value is None or isinstance(value, bool | int) or type(value) is str:
        told = value
    elif isinstance(value, float) and math.isfinite(value):
        told = float(value)
    elif isinstance(value, Enum):
        told = value.name
    elif isinstance(value, list | tuple):
        told = [described(item) for item in value]
    elif isinstance(value, frozenset):
        told = sorted((described(item) for item in value), key=str)
    elif isinstance(value, dict):
        told = {str(key): described(item) for key, item in sorted(value.items())}
    elif is_dataclass(value):
        told = {field.name: described(getattr(value, field.name)) for field in fields(value)}
    elif isinstance(value, np.ndarray):
        told = f"{value.dtype} array {value.shape}, SHA-256 {digest_of(value)}"
    elif isinstance(value, pl.DataFrame | bytes):
        told = f"{type(value).__name__} of {len(value)}, SHA-256 {digest_of(value)}"
    return told


# --- writing ----------------------------------------------------------------------------------


class _Writer:
    """Collects the classes and blobs that a value mentions while its tree is built."""

    def __init__(self) -> None:
        self.classes: dict[str, list[str]] = {}
        self.blobs: list[bytes | memoryview] = []
        self._filled = 0
        self._class_numbers: dict[type, int] = {}

    def tree(self, value: object) -> Tree:
        kind = type(value)
        if kind in _AS_THEY_ARE:
            return value
        writing = _WRITING.get(kind)
        if writing is not None:
            return writing(self, value)
        if isinstance(value, Enum):
            return self._member(value)
        if is_dataclass(kind):
            return self._dataclass(value)
        if isinstance(value, np.generic):
            return ["scalar", *self._array(np.asarray(value))[1:]]
        raise TypeError(_no_encoding(kind))

    def blob(self, data: bytes | memoryview) -> list[int]:
        """File bytes on a border; return where they start and how many they are."""
        start, size = self._filled, len(data)
        padding = -size % _ALIGNMENT
        self.blobs += [data, bytes(padding)]
        self._filled += size + padding
        return [start, size]

    def _items(self, items: list[object] | tuple[object, ...]) -> Tree:
        return ["list" if type(items) is list else "tuple", *map(self.tree, items)]

    def _dict(self, items: dict[str, object]) -> Tree:
        strange = [key for key in items if type(key) is not str]
        if strange:
            raise TypeError(f"a dict is stored with text keys only, not {strange[0]!r}")
        return ["dict", {key: self.tree(items[key]) for key in sorted(items)}]

    def _frozenset(self, items: frozenset[object]) -> Tree:
        return ["frozenset", *map(self.tree, sorted(items, key=encode))]

    def _member(self, member: Enum) -> Tree:
        if member.name not in type(member).__members__:
            raise TypeError(f"{member!r} is no single member of its enumeration")
        return ["enum", self._class_number(type(member), ()), member.name]

    def _dataclass(self, value: object) -> Tree:
        kind = type(value)
        names = tuple(field.name for field in fields(value))  # type: ignore[arg-type]
        number = self._class_number(kind, names)
        tree: list[object] = ["data", number]
        for name in names:
            try:
                tree.append(self.tree(getattr(value, name)))
            except TypeError as error:
                error.add_note(f"in {kind.__qualname__}.{name}")
                raise
        return tree

    def _class_number(self, kind: type, names: tuple[str, ...]) -> int:
        number = self._class_numbers.get(kind)
        if number is None:
            _require_ours(kind)
            number = self._class_numbers[kind] = len(self._class_numbers)
            self.classes[f"{kind.__module__}:{kind.__qualname__}"] = list(names)
        return number

    def _array(self, array: npt.NDArray[Any]) -> Tree:
        if array.dtype == np.bool_:
            box = _box_of(array)
            packed = np.packbits(array[box].ravel())  # ravel() walks in C order
            edges = [[edge.start, edge.stop] for edge in box]
            return ["mask", list(array.shape), edges, *self.blob(packed.data)]
        if array.dtype.kind not in _ARRAY_KINDS:
            raise TypeError(f"arrays of {array.dtype} have no encoding")
        little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        flat = np.ascontiguousarray(little).reshape(-1).view(np.uint8)
        return ["array", little.dtype.str, list(array.shape), *self.blob(flat.data)]

    def _frame(self, frame: pl.DataFrame) -> Tree:
        # Parquet, not IPC: IPC copies the buffers, and what lies under a null or beside a slice
        # would make equal tables differ.
        buffer = io.BytesIO()
        frame.rechunk().write_parquet(
            buffer,
            compression="uncompressed",
            statistics=False,
            row_group_size=max(frame.height, 1),
        )
        data = buffer.getvalue()
        if pl.read_parquet_schema(io.BytesIO(data)) != frame.schema:
            raise TypeError(f"a table with these columns does not survive Parquet: {frame.schema}")
        return ["frame", *self.blob(data)]


_AS_THEY_ARE: Final = frozenset({type(None), bool, int, float, str})

_WRITING: Final[Mapping[type, Callable[[_Writer, Any], Tree]]] = {
    bytes: lambda writer, value: ["bytes", *writer.blob(value)],
    Decimal: lambda _, value: ["decimal", str(value)],
    datetime: lambda _, value: ["datetime", value.isoformat()],
    date: lambda _, value: ["date", value.isoformat()],
    timedelta: lambda _, value: ["timedelta", value.days, value.seconds, value.microseconds],
    slice: lambda _, value: ["slice", *_edges(value)],
    tuple: _Writer._items,
    list: _Writer._items,
    dict: _Writer._dict,
    frozenset: _Writer._frozenset,
    np.ndarray: _Writer._array,
    pl.DataFrame: _Writer._frame,
}


def _box_of(inside: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    """The least box that holds all that is inside; empty at the corner where nothing is."""
    box = []
    for axis in range(inside.ndim):
        others = tuple(other for other in range(inside.ndim) if other != axis)
        there = np.flatnonzero(inside.any(axis=others))
        box.append(slice(int(there[0]), int(there[-1]) + 1) if there.size else slice(0, 0))
    return tuple(box)


def _edges(box: slice) -> tuple[int, int]:
    whole = isinstance(box.start, int | np.integer) and isinstance(box.stop, int | np.integer)
    if box.step is not None or not whole:
        raise TypeError(f"a slice is stored with two whole numbers and no step, not {box!r}")
    return int(box.start), int(box.stop)


def _no_encoding(kind: type) -> str:
    what = f"{kind.__module__}.{kind.__qualname__} has no encoding"
    if "path" in kind.__module__:
        return f"{what}: a path belongs to one machine, results do not; keep its content or name"
    return what


def _require_ours(kind: type[Any]) -> None:
    name = f"{kind.__module__}:{kind.__qualname__}"
    if kind.__module__.split(".")[0] != "operandi" or "<locals>" in kind.__qualname__:
        raise TypeError(f"{name} is not a class of Operandi's modules")
    if issubclass(kind, Enum):
        return
    parameters = getattr(kind, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        raise TypeError(f"{name} is not a frozen dataclass")
    if not all(field.init for field in fields(kind)):
        raise TypeError(f"{name} has fields that its constructor does not take")


# --- reading ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Class:
    kind: Callable[..., object]
    names: tuple[str, ...]


class _Reader:
    """Builds the value that a tree describes, over the blobs behind it."""

    def __init__(self, data: bytes | mmap, *, start: int, classes: list[Tree]) -> None:
        self._data = data
        self._start = start
        self._classes = [_our_class(name, tuple(names)) for name, names in classes]

    def value(self, tree: Tree) -> object:
        if not isinstance(tree, list):
            return tree
        return _READING[tree[0]](self, *tree[1:])

    def values(self, trees: tuple[Tree, ...]) -> Iterator[object]:
        return map(self.value, trees)

    def blob(self, start: int, size: int) -> bytes:
        begin = self._start + start
        data = self._data[begin : begin + size]
        if len(data) != size:
            raise ValueError("a stored value ends too early")
        return data

    def data(self, number: int, *trees: Tree) -> object:
        found = self._classes[number]
        return found.kind(**dict(zip(found.names, self.values(trees), strict=True)))

    def member(self, number: int, name: str) -> object:
        return self._classes[number].kind[name]  # type: ignore[index]

    def array(self, dtype: str, shape: list[int], start: int, size: int) -> npt.NDArray[Any]:
        if np.dtype(dtype).kind not in _ARRAY_KINDS:
            raise ValueError(f"arrays of {dtype} are never stored")
        if not size:
            empty = np.empty(shape, dtype)
            empty.setflags(write=False)
            return empty
        return np.ndarray(tuple(shape), dtype, buffer=self._data, offset=self._start + start)

    def mask(
        self, shape: list[int], edges: list[list[int]], start: int, size: int
    ) -> npt.NDArray[np.bool_]:
        packed = np.frombuffer(self._data, np.uint8, size, self._start + start)
        sizes = [stop - begin for begin, stop in edges]
        part = np.unpackbits(packed, count=math.prod(sizes)).view(np.bool_).reshape(sizes)
        if sizes == shape:
            inside = part
        else:
            inside = np.zeros(shape, dtype=np.bool_)
            inside[tuple(slice(begin, stop) for begin, stop in edges)] = part
        inside.setflags(write=False)
        return inside


_READING: Final[Mapping[str, Callable[..., object]]] = {
    "list": lambda reader, *trees: list(reader.values(trees)),
    "tuple": lambda reader, *trees: tuple(reader.values(trees)),
    "frozenset": lambda reader, *trees: frozenset(reader.values(trees)),
    "dict": lambda reader, trees: {key: reader.value(tree) for key, tree in trees.items()},
    "bytes": _Reader.blob,
    "decimal": lambda _, text: Decimal(text),
    "datetime": lambda _, text: datetime.fromisoformat(text),
    "date": lambda _, text: date.fromisoformat(text),
    "timedelta": lambda _, days, seconds, micro: timedelta(days, seconds, micro),
    "slice": lambda _, start, stop: slice(start, stop),
    "enum": _Reader.member,
    "data": _Reader.data,
    "array": _Reader.array,
    "mask": _Reader.mask,
    "scalar": lambda reader, *rest: _scalar(reader, rest),
    "frame": lambda reader, *where: pl.read_parquet(io.BytesIO(reader.blob(*where))),
}


def _scalar(reader: _Reader, rest: tuple[Tree, ...]) -> object:
    # A scalar is an array without axes; a truth value has no dtype of its own in the tree.
    array = reader.array(*rest) if isinstance(rest[0], str) else reader.mask(*rest)
    return array[()]


def _our_class(name: str, names: tuple[str, ...]) -> _Class:
    module, _, qualname = name.partition(":")
    if module.split(".")[0] != "operandi":
        raise ValueError(f"{name} is not a class of Operandi's")
    try:
        kind: Any = importlib.import_module(module)
        for part in qualname.split("."):
            kind = getattr(kind, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name} is unknown") from error
    try:
        _require_ours(kind)
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{name} is not a class that is stored") from error
    known = () if issubclass(kind, Enum) else tuple(field.name for field in fields(kind))
    if kind.__module__ != module or known != names:
        raise ValueError(f"{name} has changed: it has {known}, the stored value {names}")
    return _Class(kind, names)
