"""Published data beside the repository, in ``../shared/data``; tests skip where it is absent."""

import atexit
import functools
import shutil
import tarfile
import tempfile
from pathlib import Path

import pytest


@functools.cache
def shared_data() -> Path | None:
    """The folder of published data, if this machine has it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


needs_shared_data = pytest.mark.skipif(
    shared_data() is None,
    reason="published data are absent: needed ../shared/data beside the repository",
)


def published(name: str) -> Path:
    """A published file or folder, by its path below ``../shared/data``; skips where absent."""
    folder = shared_data()
    if folder is None or not (folder / name).exists():
        pytest.skip(f"published data are absent: ../shared/data/{name}")
    return folder / name


@functools.cache
def unpacked(name: str) -> Path:
    """A published archive (``pet_dicom/ibsi_suv_dro.tar.xz``), unpacked once a test session."""
    archive = published(name)
    folder = Path(tempfile.mkdtemp(prefix="operandi-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with tarfile.open(archive) as members:
        members.extractall(folder, filter="data")
    return folder
