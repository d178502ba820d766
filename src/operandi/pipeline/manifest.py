"""What a study's results were made with, so that anyone can make them again."""

import hashlib
import json
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import operandi
from operandi.domain.identity import Digest
from operandi.pipeline.atomic import atomic_write
from operandi.pipeline.code_digest import environment


def write_manifest(path: Path, *, published: Iterable[Path], inputs: Mapping[str, Digest]) -> None:
    """Write down versions, commit and digests, as JSON without time or place.

    Parameters
    ----------
    path : Path
        ``results/manifest.json``. The files in *published* must lie below its folder.
    published : iterable of Path
        The result files.
    inputs : mapping of str to Digest
        Of the settings, the records and whatever else went in, by name.
    """
    files = {file.relative_to(path.parent).as_posix(): digest_of_file(file) for file in published}
    manifest = {
        "operandi": operandi.__version__,
        "commit": commit(),
        "libraries": environment(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "inputs": dict(inputs),
        "results": files,
    }
    text = json.dumps(manifest, sort_keys=True, indent=2, ensure_ascii=False)
    atomic_write(path, f"{text}\n".encode())


def digest_of_file(path: Path) -> Digest:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def commit() -> dict[str, str | bool] | None:
    """Commit of the checkout that this package runs from; None if it runs from none."""
    package = Path(operandi.__file__).resolve().parent
    # An installed package may lie inside somebody else's repository, which does not track it.
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    head = _git(package, "rev-parse", "HEAD")
    changes = _git(package, "status", "--porcelain", "--", ".")
    if head is None or changes is None:
        return None
    return {"id": head, "with_uncommitted_changes": bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    done = subprocess.run(  # noqa: S603 - our own words
        [program, "-C", str(folder), *words], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None
