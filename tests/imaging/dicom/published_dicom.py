"""Every published DICOM file, as one tree: what each archive holds under the archive's name."""

from collections.abc import Iterator
from pathlib import Path

from tests.shared_data import shared_data, unpacked


def archives() -> list[str]:
    """Published archives, by their path below ``../shared/data``."""
    folder = shared_data()
    if folder is None:
        return []
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.tar.xz"))


LOOSE = ("dicom_objects", "pet_dicom/single_slices")
"""Folders of DICOM files that are not packed."""


def trees() -> Iterator[tuple[str, Path]]:
    """Name and folder of everything published that holds DICOM."""
    folder = shared_data()
    assert folder is not None
    for name in archives():
        yield name, unpacked(name)
    for name in LOOSE:
        yield name, folder / name
