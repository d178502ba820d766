"""A series sent twice under other identifiers, as archives and workstations do."""

from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread

from operandi.imaging.dicom.segmentation import deterministic_uid
from operandi.quantities.errors import DataError
from operandi.simulation.dicom.encoding import refusing


def write_duplicate(folder: Path, files: Sequence[Path], *, copy: int = 1) -> tuple[Path, ...]:
    """Write a series again: the same pixels and times, new SOP and series UIDs.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    files : sequence of Path
        All of one series.
    copy : int
        Which copy; another number gives other identifiers, the same the same.

    Raises
    ------
    DataError
        If there are no files, they are of several series, or a file cannot be written.
    """
    datasets = [dcmread(file) for file in files]
    series = {str(ds.SeriesInstanceUID) for ds in datasets}
    if len(series) != 1:
        raise DataError(
            f"Needed the files of one series; found {len(datasets)} files of {len(series)} series.",
            remedy="Give all files of one series.",
        )
    uid = deterministic_uid("copy", str(copy), series.pop())
    with refusing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, ds in enumerate(datasets, start=1):
        ds.SeriesInstanceUID = uid
        ds.SOPInstanceUID = deterministic_uid("copy", str(copy), ds.SOPInstanceUID)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        paths.append(folder / f"{number:04d}.dcm")
        with refusing(paths[-1]):
            ds.save_as(paths[-1], enforce_file_format=True)
    return tuple(paths)
