"""Files that are whole or absent, and named where a disk refuses them."""

import errno
from pathlib import Path

import pytest

from operandi.pipeline import atomic


def test_a_full_disk_leaves_the_old_file_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    atomic.atomic_write(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "write_synced", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/result\.json'"):
        atomic.atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["result.json"]
