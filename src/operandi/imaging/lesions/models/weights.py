"""Files of a model: within their folder, of the stated SHA-256, and none that could run code."""

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from operandi.imaging.lesions.models.manifest import WeightFile
from operandi.quantities.errors import DataError

PICKLED: Final = frozenset(
    {".pkl", ".pickle", ".pt", ".pth", ".pt2", ".ckpt", ".joblib", ".npy", ".npz", ".mar"}
)
"""Endings of files that may hold Python objects, which run code as they are read."""

_BLOCK: Final = 1 << 20


def relative_file(text: str) -> PurePosixPath:
    """A path within the model's folder.

    Raises
    ------
    DataError
        If it is absolute, goes up, or is none on every system.
    """
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or ".." in path.parts or set(text) & set('\\:\0"<>|?*'):
        raise DataError(
            f"A model names the file {text!r}, which may lie outside its folder.",
            remedy="Name a file within the folder of its manifest, by a relative path.",
        )
    return path


def file_within(folder: Path, file: PurePosixPath) -> Path:
    """Where a file of a model lies; links out of the folder are refused.

    Raises
    ------
    DataError
        If it does not exist, is no file, or a link leads out of the folder.
    """
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"{file} of the model is a link that leads out of its folder.",
            remedy="Put the file itself there.",
        )
    if not path.is_file():
        raise DataError(
            f"The model's folder has no file {file}.",
            remedy="Put it there; nothing is downloaded.",
        )
    return path


def require_weights(folder: Path, weights: Sequence[WeightFile]) -> None:
    """Check the SHA-256 of every file.

    Raises
    ------
    DataError
        If a file is missing or is another than the manifest says.
    """
    for weight in weights:
        digest = hashlib.sha256()
        with file_within(folder, weight.file).open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        _require(weight, digest.hexdigest())


def content_of(folder: Path, weight: WeightFile) -> bytes:
    """Content of a file, which has the stated SHA-256.

    Raises
    ------
    DataError
        As :func:`require_weights`.
    """
    content = file_within(folder, weight.file).read_bytes()
    _require(weight, hashlib.sha256(content).hexdigest())
    return content


def refuse_pickles(weights: Sequence[WeightFile]) -> None:
    """Refuse files that Python would run code from.

    Raises
    ------
    DataError
        Naming the file.
    """
    for weight in weights:
        if weight.file.suffix.casefold() in PICKLED:
            raise DataError(
                f"{weight.file} is of a sort that may hold pickled Python objects, which run code "
                f"as they are read.",
                remedy="Export the network to ONNX, or run it by a command in its own environment.",
            )


def _require(weight: WeightFile, found: str) -> None:
    if found != weight.sha256:
        raise DataError(
            f"{weight.file} of the model has the SHA-256 {found}, its manifest says "
            f"{weight.sha256}.",
            remedy="Take the file that the manifest describes, or describe this one.",
        )
