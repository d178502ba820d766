"""What a freeze states of itself, and whether its files still are what it states."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError
from operandi.records.tables import Fault

MANIFEST: Final = "manifest.json"


class _Stated(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FrozenFile(_Stated):
    """A file of a freeze: its digest, and how many rows it has where it is a table."""

    sha256: Digest
    rows: int | None


class Manifest(_Stated):
    """What ``manifest.json`` says, but for the digest of all this, which is the freeze's name."""

    format: Literal[1] = 1
    cut: date
    timezone: str
    timepoints: tuple[str, ...]
    sites: tuple[str, ...]
    operandi: str
    commit: Mapping[str, str | bool] | None
    participants: int
    files: Mapping[str, FrozenFile]
    queries: tuple[Fault, ...]

    @property
    def id(self) -> Digest:
        """SHA-256 of all that the manifest states."""
        return Digest(hashlib.sha256(_json(self.model_dump(mode="json"))).hexdigest())


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not as it was frozen.

    Parameters
    ----------
    file : str
        Its name.
    expected, found : str
        SHA-256 as frozen and as it is; empty where there is none.
    """

    file: str
    expected: str
    found: str

    @property
    def problem(self) -> str:
        """What happened to it, as a clause."""
        if not self.found:
            return f"is missing (frozen with SHA-256 {self.expected})"
        if not self.expected:
            return f"was added (SHA-256 {self.found})"
        return f"was changed (SHA-256 frozen {self.expected}, found {self.found})"

    def __str__(self) -> str:
        return f"{self.file} {self.problem}."


def written(manifest: Manifest) -> bytes:
    """Write ``manifest.json``."""
    return _json({"id": manifest.id} | manifest.model_dump(mode="json"))


def parsed(content: bytes) -> Manifest:
    """Read ``manifest.json``.

    Raises
    ------
    DataError
        If it is none that this version knows, or was changed.
    """
    _, manifest = _read(content)
    if written(manifest) != content:
        raise DataError(f"{MANIFEST} was changed.", remedy="Fetch an unchanged copy.")
    return manifest


def differences(folder: Path) -> tuple[Difference, ...]:
    """Compare the files of a freeze with its manifest.

    Where the manifest itself was changed, the others are compared with what it says now; where it
    cannot be read, it alone is named.
    """
    content = (folder / MANIFEST).read_bytes()
    try:
        stated, manifest = _read(content)
    except DataError:
        return (Difference(MANIFEST, "unknown", _digest(content)),)
    found = []
    if stated != manifest.id:
        found.append(Difference(MANIFEST, stated, manifest.id))
    elif (whole := written(manifest)) != content:
        found.append(Difference(MANIFEST, _digest(whole), _digest(content)))
    expected = {name: file.sha256 for name, file in manifest.files.items()}
    present = {path.name: path for path in folder.iterdir() if path.name != MANIFEST}
    for name in sorted(expected.keys() | present.keys()):
        digest = _digest_of(present[name]) if name in present else ""
        if digest != expected.get(name, ""):
            found.append(Difference(name, expected.get(name, ""), digest))
    return tuple(found)


def _read(content: bytes) -> tuple[str, Manifest]:
    """The name that is stated, and all else."""
    try:
        said = json.loads(content)
        stated = str(said.pop("id"))
        return stated, Manifest.model_validate_json(json.dumps(said))
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{MANIFEST} is none that this version of Operandi can read.",
            remedy="Fetch an unchanged copy, or use the version that made the freeze.",
        ) from error


def _json(said: object) -> bytes:
    return f"{json.dumps(said, sort_keys=True, indent=2, ensure_ascii=False)}\n".encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(path: Path) -> str:
    # A folder or a link to nothing is no file that was frozen.
    return _digest(path.read_bytes()) if path.is_file() else "(no file)"
