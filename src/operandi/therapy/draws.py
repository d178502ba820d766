"""Random numbers by counter: row *i* of a purpose is the same whoever asks, in whatever batch."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

_WORDS_PER_COUNT = 4  # a Philox 4x64 counter yields four 64-bit words


class Purpose(IntEnum):
    """What the numbers are for; each has a stream of its own. Numbers are never reused."""

    PATIENT = 1
    LESION = 2
    MEASUREMENT = 3
    GROWTH = 4
    NEW_LESION = 5
    CALIBRATION_DOSE = 6


def standard_uniforms(
    rows: int, columns: int, *, seed: int, purpose: IntEnum, first_row: int = 0
) -> npt.NDArray[np.float64]:
    """Uniform numbers in (0, 1), shape (rows, columns), rows counted from *first_row*.

    >>> all_rows = standard_uniforms(5, 3, seed=1, purpose=Purpose.PATIENT)
    >>> later = standard_uniforms(2, 3, seed=1, purpose=Purpose.PATIENT, first_row=3)
    >>> bool((all_rows[3:] == later).all())
    True
    """
    if rows < 0 or columns < 1 or first_row < 0:
        raise ValueError(f"no draws of {rows} rows x {columns} columns from row {first_row}")
    counts = -(-columns // _WORDS_PER_COUNT)
    # A double takes exactly one word, so that a row starts at a known count. A normal drawn
    # directly takes as many words as its rejections need.
    bits = np.random.Philox(np.random.SeedSequence([seed, int(purpose)]))
    bits.advance(first_row * counts)
    uniforms = np.random.Generator(bits).random((rows, counts * _WORDS_PER_COUNT))
    return uniforms[:, :columns] + 2.0**-54  # never 0, whose normal would be infinite


def standard_normals(
    rows: int, columns: int, *, seed: int, purpose: IntEnum, first_row: int = 0
) -> npt.NDArray[np.float64]:
    """Standard normal numbers, shape (rows, columns), by inversion of `standard_uniforms`."""
    drawn = standard_uniforms(rows, columns, seed=seed, purpose=purpose, first_row=first_row)
    return np.asarray(ndtri(drawn), dtype=np.float64)
