"""From datasets to stacks, through files and index, as the program goes."""

from collections.abc import Iterable
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from operandi.imaging.dicom.assemble import Stack, assemble
from operandi.imaging.dicom.index import Series, index_dicom
from tests.imaging.dicom import dicom_files as made


def series_in(
    folder: Path, datasets: Iterable[Dataset], *, syntax: str = ExplicitVRLittleEndian
) -> Series:
    """Write the datasets, index the folder and return its one series."""
    made.write(folder, datasets, syntax=syntax)
    (series,) = index_dicom(folder).series
    return series


def stacks_in(
    folder: Path, datasets: Iterable[Dataset], *, syntax: str = ExplicitVRLittleEndian
) -> tuple[Stack, ...]:
    return assemble(series_in(folder, datasets, syntax=syntax))


def stack_in(folder: Path, datasets: Iterable[Dataset]) -> Stack:
    (stack,) = stacks_in(folder, datasets)
    return stack
