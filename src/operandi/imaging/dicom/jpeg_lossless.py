"""The scan of a JPEG lossless image (Process 14): a decoder that checks every bit it reads.

The free decoders at hand abort the whole process on damaged data (decision 0003).

References
----------
.. [1] ITU-T T.81, annexes C (Huffman tables), F.2.2 (entropy decoding) and H (lossless mode).
"""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

_LONGEST_CODE: Final = 16

Lookup = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
"""Symbol and length of the code that the next 16 bits begin with; length 0 where none does."""


def huffman_tables(segment: bytes) -> dict[int, Lookup]:
    """Read the tables of a DHT marker segment, by their number.

    Raises
    ------
    ValueError
        If they are malformed.
    """
    tables = {}
    while segment:
        number, counts = segment[0], segment[1:17]
        size = 17 + sum(counts)
        tables[number] = _lookup(counts, segment[17:size])
        segment = segment[size:]
    return tables


def _lookup(counts: bytes, symbols: bytes) -> Lookup:
    if (
        len(counts) != _LONGEST_CODE
        or len(symbols) != sum(counts)
        or max(symbols, default=0) > _LONGEST_CODE
    ):
        raise ValueError("a Huffman table is malformed")
    symbol = np.zeros(1 << _LONGEST_CODE, np.uint8)
    length = np.zeros(1 << _LONGEST_CODE, np.uint8)
    start = taken = 0
    for bits, count in enumerate(counts, start=1):
        span = 1 << (_LONGEST_CODE - bits)
        stop = start + count * span
        if stop > 1 << _LONGEST_CODE:
            raise ValueError("a Huffman table has too many codes")
        chosen = np.frombuffer(symbols[taken : taken + count], np.uint8)
        symbol[start:stop] = np.repeat(chosen, span)
        length[start:stop] = bits
        start, taken = stop, taken + count
    return symbol, length


@numba.njit(cache=True)
def _predicted(
    pixels: npt.NDArray[np.int32], row: int, column: int, predictor: int, largest: int
) -> int:
    """Predict a pixel from its neighbors (T.81 H.1.2.1)."""
    if row == 0:
        value: int = pixels[0, column - 1] if column else (largest + 1) >> 1
        return value
    left, above, corner = (
        pixels[row, column - 1],
        pixels[row - 1, column],
        pixels[row - 1, column - 1],
    )
    if column == 0 or predictor == 2:
        value = above
    elif predictor == 1:
        value = left
    elif predictor == 3:
        value = corner
    elif predictor == 4:
        value = left + above - corner
    elif predictor == 5:
        value = left + ((above - corner) >> 1)
    elif predictor == 6:
        value = above + ((left - corner) >> 1)
    else:
        value = (left + above) >> 1
    return value


@numba.njit(cache=True)
def decode_scan(
    entropy: npt.NDArray[np.uint8],
    symbol: npt.NDArray[np.uint8],
    length: npt.NDArray[np.uint8],
    predictor: int,
    largest: int,
    pixels: npt.NDArray[np.int32],
) -> bool:
    """Decode a scan into *pixels*.

    Parameters
    ----------
    entropy : uint8 array
        Entropy-coded bytes without stuffing.
    symbol, length : arrays, (65536,)
        Of the scan's Huffman table.
    predictor : int, 1 to 7
        Of T.81 table H.1.
    largest : int
        Largest value, ``2 ** precision - 1``.
    pixels : int32 array, (rows, columns)
        Filled.

    Returns
    -------
    bool
        Whether every code was one, every value in range, and no byte lacking or left over.
    """
    rows, columns = pixels.shape
    buffer = np.int64(0)  # the next bits, at the low end
    held = 0
    position = 0
    for row in range(rows):
        for column in range(columns):
            while held < 32:  # a code and its bits take 32 at most; beyond the end stand ones
                byte = entropy[position] if position < entropy.size else np.uint8(255)
                buffer = ((buffer & np.int64(0xFFFFFFFF)) << 8) | np.int64(byte)
                position += 1
                held += 8
            peeked = (buffer >> (held - 16)) & 0xFFFF
            if length[peeked] == 0:
                return False
            held -= length[peeked]
            extra = np.int64(symbol[peeked])
            difference = np.int64(0)
            if extra == 16:
                difference = np.int64(32768)  # T.81 H.1.2.2: no further bits
            elif extra > 0:
                held -= extra
                difference = (buffer >> held) & ((1 << extra) - 1)
                if difference < 1 << (extra - 1):
                    difference -= (1 << extra) - 1
            predicted = _predicted(pixels, row, column, predictor, largest)
            value = (predicted + difference) & 0xFFFF
            if value > largest:
                return False
            pixels[row, column] = value
    return 0 <= held + 8 * (entropy.size - position) < 8
