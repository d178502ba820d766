"""Write the tables of a study as Parquet: whole or not at all, and the same bytes every time."""

import hashlib
import io
import os
from pathlib import Path
from typing import Final

import polars as pl

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError
from operandi.records.names import TABLE_NAMES
from operandi.records.tables import Records, table

_ROWS_A_GROUP: Final = 65_536
"""Fixed, as the library's own choice may follow the machine."""


def write_tables(records: Records, folder: Path) -> dict[str, Digest]:
    """Write every table to ``folder/NAME.parquet``, empty ones too.

    Each file is written under a temporary name in *folder*, flushed to the disk and only then
    renamed, so that a kill at any moment leaves each old file or its successor whole. The faults
    are not written; ``read_records`` reads the folder back.

    Returns
    -------
    dict of Digest
        SHA-256 of each file, by the name of its table.

    Raises
    ------
    DataError
        If *folder* holds one of the tables as CSV, so that it would stand there twice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if taken := sorted(path.name for path in folder.glob("*.csv") if path.stem in TABLE_NAMES):
        raise DataError(
            f"{', '.join(taken)} would stand beside the same table as Parquet.",
            remedy="Freeze into a folder of its own.",
        )
    contents = {name: _parquet(table(records, name)) for name in TABLE_NAMES}
    for name, content in contents.items():
        _flush(_temporary(folder, name), content)
    for name in contents:
        _temporary(folder, name).replace(folder / f"{name}.parquet")
    _flush_folder(folder)
    return {name: Digest(hashlib.sha256(content).hexdigest()) for name, content in contents.items()}


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", row_group_size=_ROWS_A_GROUP)
    return buffer.getvalue()


def _temporary(folder: Path, name: str) -> Path:
    # Always the same name: what a kill leaves behind is overwritten by the next run, and reading
    # passes over names that begin with a dot.
    return folder / f".{name}.parquet.partial"


def _flush(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    # A rename is on the disk only when its folder is.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
