"""Reading a source as its mapping names it."""

from pathlib import Path
from typing import Final

from operandi.quantities.errors import DataError
from operandi.records.importing.dataset_json import read_dataset_json
from operandi.records.importing.mapping import Source
from operandi.records.importing.redcap import read_redcap
from operandi.records.importing.source import SourceTable
from operandi.records.importing.xport import read_xport

_SUFFIX: Final = {"dataset_json": ".json", "xport": ".xpt"}


def read_source(place: Path, source: Source) -> tuple[SourceTable, ...]:
    """Read every table of a source.

    Parameters
    ----------
    place : Path
        Its folder; or one file of Dataset-JSON or XPORT.
    source : Source
        What is read there.

    Raises
    ------
    DataError
        If a file is missing or is not what it should be.
    """
    if not place.exists():
        raise DataError(f"{place} is not there.", remedy="Name the folder or file of the export.")
    if source.kind == "redcap":
        folder = place if place.is_dir() else place.parent
        data = place if place.is_file() else folder / source.data
        events = folder / source.events if source.events else None
        return (read_redcap(data, folder / source.dictionary, events),)
    suffix = _SUFFIX[source.kind]
    paths = [place] if place.is_file() else [place / name for name in source.files]
    paths = paths or sorted(path for path in place.glob(f"*{suffix}"))
    if not paths:
        raise DataError(
            f"{place} holds no file that ends with {suffix}.",
            remedy="Name the folder or the file of the export.",
        )
    if source.kind == "dataset_json":
        return tuple(read_dataset_json(path) for path in paths)
    return tuple(one for path in paths for one in read_xport(path, encoding=source.encoding))
