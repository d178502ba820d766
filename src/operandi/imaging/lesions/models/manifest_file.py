"""Reads ``model.toml`` and refuses what it does not say, says twice or says wrongly."""

import math
import re
import tomllib
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from operandi.domain.identity import Digest
from operandi.imaging.lesions.models.manifest import (
    CHANNELS,
    FORMAT,
    LESION,
    Backend,
    CommandRun,
    GridWanted,
    InputChannel,
    ModelManifest,
    Normalization,
    OutputGiven,
    OutputKind,
    ResultsFolder,
    Tiling,
    WeightFile,
)
from operandi.imaging.lesions.models.weights import relative_file
from operandi.quantities.errors import DataError

_SEE: Final = 'See "Your own model" in docs/lesions.md.'
_AXES: Final = ("LR", "PA", "SI")
_PLACEHOLDERS: Final = frozenset({"input", "output", "model", "case"})
_MOST_BYTES: Final = 1 << 20
_Choice = TypeVar("_Choice", bound=StrEnum)


class _Table:
    """A table of the manifest, whose keys are taken one by one until none is left."""

    def __init__(self, content: object, where: str) -> None:
        if not isinstance(content, dict):
            raise _wrong(f"{where} must be a table, found {content!r}")
        self._rest: dict[str, Any] = dict(content)
        self.where = where

    def take(self, key: str) -> Any:
        if key not in self._rest:
            raise _wrong(f"{self.where} says no {key}")
        return self._rest.pop(key)

    def has(self, key: str) -> bool:
        return key in self._rest

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(sorted(self._rest))

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise _wrong(f"{key} of {self.where} must be one line of text, found {value!r}")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.take(key)
        if not isinstance(value, list) or not value:
            raise _wrong(f"{key} of {self.where} must be a list of texts, found {value!r}")
        return tuple(
            _Table({"entry": one}, f"{key} of {self.where}").text("entry") for one in value
        )

    def number(self, key: str) -> float:
        return _number(self.take(key), f"{key} of {self.where}")

    def numbers(self, key: str, *, count: int) -> tuple[float, ...]:
        value = self.take(key)
        if not isinstance(value, list) or len(value) != count:
            raise _wrong(f"{key} of {self.where} must be {count} numbers, found {value!r}")
        return tuple(_number(one, f"{key} of {self.where}") for one in value)

    def choice(self, key: str, among: type[_Choice]) -> _Choice:
        value = self.text(key)
        if value not in set(among):
            raise _wrong(
                f"{key} of {self.where} must be one of {', '.join(among)}, found {value!r}"
            )
        return among(value)

    def tables(self, key: str) -> "list[_Table]":
        value = self.take(key)
        if not isinstance(value, list) or not value:
            raise _wrong(f"{self.where} needs one or more tables [[{key}]], found {value!r}")
        return [_Table(one, f"[[{key}]] {number}") for number, one in enumerate(value, start=1)]

    def table(self, key: str) -> "_Table":
        return _Table(self.take(key), f"[{key}]")

    def end(self) -> None:
        if self._rest:
            raise _wrong(f"{self.where} has a key {sorted(self._rest)[0]!r} that is unknown")


def read_manifest(path: Path) -> tuple[ModelManifest, bytes]:
    """Read a manifest.

    Parameters
    ----------
    path : Path
        A ``model.toml``.

    Returns
    -------
    tuple of (ModelManifest, bytes)
        And the file's content, whose SHA-256 is the model's digest.

    Raises
    ------
    DataError
        If it is no TOML of the format, lacks a key (a license among them) or has one that is
        unknown, names a channel, unit, axis or label that cannot be, or a file outside its folder.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise _wrong(f"{path.name} is larger than 1 MiB")
        top = _Table(tomllib.loads(content.decode("utf-8")), path.name)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        text = error.strerror if isinstance(error, OSError) else str(error)
        raise _wrong(f"{path.name} cannot be read as a manifest: {text}") from error
    found = top.text("format")
    if found != FORMAT:
        raise _wrong(f"{path.name} is of format {found!r}, needed {FORMAT!r}")
    return _manifest(top), content


def _manifest(top: _Table) -> ModelManifest:
    backend = top.choice("backend", Backend)
    command = _command(top.table("command")) if backend is Backend.COMMAND else None
    results = _results(top.table("results")) if backend is Backend.NNUNET_RESULTS else None
    read = ModelManifest(
        name=top.text("name"),
        version=top.text("version"),
        backend=backend,
        license=top.text("license"),
        source=top.text("source"),
        citation=top.text("citation"),
        tracers=top.texts("tracers"),
        modality=top.text("modality"),
        trained_on=top.text("trained_on"),
        weights=tuple(_weight(one) for one in top.tables("weights")),
        inputs=tuple(_channel(one) for one in top.tables("inputs")),
        grid=_grid(top.table("grid")),
        tiles=_tiles(top.table("tiles")) if top.has("tiles") else None,
        output=_output(top.table("output")),
        labels=_labels(top.table("labels")),
        command=command,
        results=results,
    )
    top.end()
    _require_consistent(read)
    return read


def _require_consistent(read: ModelManifest) -> None:
    for what, names in (
        ("weight file", [str(one.file) for one in read.weights]),
        ("channel", [one.channel for one in read.inputs]),
    ):
        if len(set(names)) < len(names):
            raise _wrong(f"a {what} is named twice ({', '.join(names)})")
    if not read.lesion_labels:
        raise _wrong(f"no label is named {LESION!r}")
    if read.backend is not Backend.ONNX and read.output.kind is not OutputKind.LABELS:
        raise _wrong(
            f"the back-end {read.backend} gives label maps: kind of [output] must be labels, found "
            f"{read.output.kind}"
        )
    if read.backend is not Backend.ONNX and read.tiles is not None:
        raise _wrong(f"the back-end {read.backend} cuts no tiles, which [tiles] asks for")
    labels = [number for number, _ in read.labels]
    if read.output.kind is not OutputKind.LABELS and labels != list(range(1, len(labels) + 1)):
        raise _wrong(f"labels of {read.output.kind} must be 1, 2, 3 ..., found {labels}")
    if read.output.kind is OutputKind.LABELS and read.tiles and read.tiles.overlap > 0:
        raise _wrong("labels cannot be averaged where tiles overlap: overlap must be 0")


def _weight(table: _Table) -> WeightFile:
    file, sha256 = relative_file(table.text("file")), table.text("sha256").lower()
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise _wrong(f"sha256 of {file} must be 64 hexadecimal digits, found {sha256!r}")
    table.end()
    return WeightFile(file=file, sha256=Digest(sha256))


def _channel(table: _Table) -> InputChannel:
    channel, unit = table.text("channel"), table.text("unit")
    if channel not in CHANNELS:
        raise _wrong(
            f"{table.where} asks for the channel {channel!r}; there are {', '.join(CHANNELS)}"
        )
    kind = CHANNELS[channel]
    if unit != kind.unit:
        raise _wrong(
            f"{table.where}: channel {channel} is in {kind.unit!r} ({kind.title}), the model wants "
            f"{unit!r}"
        )
    normalization = table.choice("normalization", Normalization)
    mean = sd = clip = None
    if normalization is Normalization.MEAN_SD:
        mean, sd = table.number("mean"), table.number("sd")
        if sd <= 0:
            raise _wrong(f"sd of {table.where} must be above 0, found {sd:g}")
    if table.has("clip"):
        low, high = table.numbers("clip", count=2)
        if not low < high:
            raise _wrong(f"clip of {table.where} must rise, found {low:g} to {high:g}")
        clip = (low, high)
    outside = table.number("outside")
    table.end()
    return InputChannel(
        channel=channel,
        normalization=normalization,
        clip=clip,
        mean=mean,
        sd=sd,
        outside=outside,
    )


def _grid(table: _Table) -> GridWanted:
    axes = table.text("axes")
    pairs = [next((pair for pair in _AXES if letter in pair), "") for letter in axes]
    if sorted(pairs) != sorted(_AXES):
        raise _wrong(f"axes of {table.where} must be three as of LPS or SPL, found {axes!r}")
    spacing = table.take("spacing_mm")
    found = None
    if spacing != "pet":
        lengths = _Table({"spacing_mm": spacing}, table.where).numbers("spacing_mm", count=3)
        if not all(0.1 <= one <= 50.0 for one in lengths):
            raise _wrong(f"spacing_mm of {table.where} must be 0.1 to 50 mm, found {spacing}")
        found = (lengths[0], lengths[1], lengths[2])
    table.end()
    return GridWanted(axes=axes, spacing_mm=found)


def _tiles(table: _Table) -> Tiling:
    size, overlap = table.numbers("size", count=3), table.number("overlap")
    if not all(one == int(one) and 1 <= one <= 4096 for one in size):
        raise _wrong(f"size of {table.where} must be whole numbers of voxels, found {size}")
    if not 0 <= overlap <= 0.9:
        raise _wrong(f"overlap of {table.where} must be 0 to 0.9, found {overlap:g}")
    table.end()
    return Tiling(size=(int(size[0]), int(size[1]), int(size[2])), overlap=overlap)


def _output(table: _Table) -> OutputGiven:
    kind = table.choice("kind", OutputKind)
    threshold = None
    if kind is OutputKind.SIGMOID:
        threshold = table.number("threshold")
        if not 0 < threshold < 1:
            raise _wrong(f"threshold of {table.where} must be between 0 and 1, found {threshold:g}")
    may_be_empty = table.take("may_be_empty")
    if not isinstance(may_be_empty, bool):
        raise _wrong(f"may_be_empty of {table.where} must be true or false, found {may_be_empty!r}")
    table.end()
    return OutputGiven(kind=kind, threshold=threshold, may_be_empty=may_be_empty)


def _labels(table: _Table) -> tuple[tuple[int, str], ...]:
    found: dict[int, str] = {}
    for key in table.keys:
        if not re.fullmatch("[1-9][0-9]{0,4}", key) or int(key) > 65535:
            raise _wrong(f"[labels] has the number {key!r}: needed 1 to 65535, 0 is background")
        found[int(key)] = table.text(key).casefold()
    return tuple(sorted(found.items()))


def _command(table: _Table) -> CommandRun:
    argv, limit = table.texts("argv"), table.number("time_limit_s")
    for word in argv:
        named = set(re.findall(r"\{([^{}]*)\}", word))
        if not named <= _PLACEHOLDERS or word.count("{") != len(re.findall(r"\{[^{}]*\}", word)):
            raise _wrong(f"argv of [command] holds {word!r}; placeholders are {_listed()}")
    if not {"{input}", "{output}"} <= {
        one for word in argv for one in re.findall(r"\{\w+\}", word)
    }:
        raise _wrong("argv of [command] must hold {input} and {output}")
    if not 0 < limit <= 86400:
        raise _wrong(
            f"time_limit_s of [command] must be above 0 and at most 86400, found {limit:g}"
        )
    given = table.table("environment")
    environment = {}
    for key in given.keys:
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", key):
            raise _wrong(f"environment of [command] has the name {key!r}, which no variable has")
        environment[key] = given.text(key)
    table.end()
    return CommandRun(argv=argv, environment=tuple(environment.items()), time_limit_s=limit)


def _results(table: _Table) -> ResultsFolder:
    predictions, case = relative_file(table.text("predictions")), table.text("case")
    try:
        tried = case.format(participant="P", timepoint="T")
    except (KeyError, IndexError, ValueError, AttributeError):
        tried = ""
    if not re.fullmatch(r"[\w.-]+", tried):
        raise _wrong(
            f"case of [results] must be a file's name of {{participant}} and {{timepoint}}, found "
            f"{case!r}"
        )
    configuration = table.text("configuration")
    table.end()
    return ResultsFolder(
        predictions=PurePosixPath(predictions), case=case, configuration=configuration
    )


def _listed() -> str:
    return ", ".join(f"{{{one}}}" for one in sorted(_PLACEHOLDERS))


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(f"{what} must be a finite number, found {value!r}")
    return float(value)


def _wrong(text: str) -> DataError:
    return DataError(f"The model's manifest: {text}.", remedy=_SEE)
