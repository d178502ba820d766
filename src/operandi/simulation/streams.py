"""Random numbers of the digital cohort: each purpose has a stream of its own, by counter.

Row *i* of a stream belongs to participant *i*, whoever asks, in whatever batch or process.
"""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from operandi.therapy.draws import standard_normals, standard_uniforms

_Floats = npt.NDArray[np.float64]


class Stream(IntEnum):
    """What the numbers are for. Numbers are never reused; those below 100 are ``therapy``'s."""

    PERSON = 100
    RECRUITMENT = 101
    LESION_SITE = 102
    LESION_TISSUE = 103
    TISSUE = 104
    PLACEMENT = 105
    POSE = 106
    MOTION = 107
    TEXTURE = 108
    COVARIATE = 109
    DOSE = 110
    EXCHANGED_DOSE = 111
    CYCLE = 112
    VISIT = 113
    READER = 114
    SURVIVAL = 115
    DROPOUT = 116
    TOXICITY = 117
    LABORATORY = 118
    CLINICAL = 120
    CONDUCT = 121
    MARKER = 122
    CENTRAL_READER = 123
    MARKER_CHANGE = 124
    UNINFORMATIVE = 125
    GENOME = 130
    ARTIFACT = 140
    PET_NOISE = 141
    SPECT_NOISE = 142
    MR_NOISE = 143
    COIL = 144


def normals(rows: int, columns: int, *, seed: int, stream: Stream, first_row: int = 0) -> _Floats:
    """Standard normal numbers, shape (rows, columns), rows counted from *first_row*."""
    return standard_normals(rows, columns, seed=seed, purpose=stream, first_row=first_row)


def uniforms(rows: int, columns: int, *, seed: int, stream: Stream, first_row: int = 0) -> _Floats:
    """Uniform numbers in (0, 1), shape (rows, columns), rows counted from *first_row*."""
    return standard_uniforms(rows, columns, seed=seed, purpose=stream, first_row=first_row)


def generator(*key: int, seed: int, stream: Stream) -> np.random.Generator:
    """A generator for what has no fixed length, such as the noise of an image.

    Parameters
    ----------
    *key : int, >= 0
        Whose: participant, visit, series …
    seed : int
    stream : Stream
    """
    # A seed sequence takes missing words for zeros: the number of words is one of them, so that
    # no key continues another, nor a stream of rows.
    words = [seed, int(stream), 1 + len(key), *key]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))
