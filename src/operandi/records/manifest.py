"""What a freeze states of itself, and whether its files still are what it states."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError
from operandi.records.tables import Fault

MANIFEST: Final = "manifest.json"
PLAN: Final = "plan.toml"
PLAN_LOCK: Final = "plan.lock.json"
MEASUREMENTS: Final = "measurements.parquet"


class _Stated(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FrozenFile(_Stated):
    """A file of a freeze: its digest, and how many rows it has where it is a table."""

    sha256: Digest
    rows: int | None


class FrozenResults(_Stated):
    """What the table of measurements was made from, as ``results/manifest.json`` has it.

    ``changed`` names what was another file when the freeze was made: the results are older.
    """

    made_from: Mapping[str, str]
    changed: tuple[str, ...]


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
    results: FrozenResults | None = None

    @property
    def id(self) -> Digest:
        """SHA-256 of all that the manifest states."""
        return Digest(hashlib.sha256(_json(self.said())).hexdigest())

    def said(self) -> dict[str, Any]:
        """All that the manifest states, as JSON holds it."""
        # A freeze without measurements is named as it was before there were any.
        without = {"results"} if self.results is None else set()
        return self.model_dump(mode="json", exclude=without)


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
    return _json({"id": manifest.id} | manifest.said())


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
    present = dict(_present(folder, expected))
    if PLAN in expected:
        lock = present.pop(PLAN_LOCK, None)
        if lock is None or not _locks(lock, manifest):
            found.append(Difference(PLAN_LOCK, "unknown", _digest_of(lock) if lock else ""))
    for name in sorted(expected.keys() | present.keys()):
        digest = _digest_of(present[name]) if name in present else ""
        if digest != expected.get(name, ""):
            found.append(Difference(name, expected.get(name, ""), digest))
    return tuple(found)


def _present(folder: Path, expected: Collection[str]) -> Iterator[tuple[str, Path]]:
    """Every file by its name in the freeze; a folder that none was frozen in counts as one."""
    for path in folder.iterdir():
        if path.is_dir() and any(name.startswith(f"{path.name}/") for name in expected):
            yield from ((f"{path.name}/{inner.name}", inner) for inner in path.iterdir())
        elif path.name != MANIFEST:
            yield path.name, path


def _locks(file: Path, manifest: Manifest) -> bool:
    """Whether a lock is whole and of this freeze: it names it, so that it cannot be in it."""
    try:
        said = json.loads(file.read_bytes())
        name = said.pop("id")
        return bool(name == _digest(_json(said)) and said["freeze"] == manifest.id)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return False


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
