"""A frozen table as bytes: the same ones every time."""

import io
from typing import Final

import polars as pl

_ROWS_A_GROUP: Final = 65_536
"""Fixed, as the library's own choice may follow the machine."""


def parquet(frame: pl.DataFrame) -> bytes:
    """Write a table as Parquet."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", row_group_size=_ROWS_A_GROUP)
    return buffer.getvalue()
