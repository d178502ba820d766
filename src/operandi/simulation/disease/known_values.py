"""What a simulated trial knows of a participant that an analysis plan may call a column.

Markers with the published errors of measurement, and columns that tell nothing.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.disease.power import VOLUME_ERROR, markers
from operandi.simulation.streams import Stream, normals

_Floats = npt.NDArray[np.float64]

AFTER_TWO_CYCLES: Final = frozenset({"tumor_volume_change"})
"""Markers that are known only at the PET-MRI after cycle 2."""
BLOCK: Final = 20
"""Columns that tell nothing are correlated in blocks of so many, as texture features are."""
_SECOND_IMAGING: Final = 1


def known_values(found: Outcomes, *, seed: int) -> dict[str, _Floats]:
    """Markers by name, each (n,): those of ``power.markers``, age, sex, and an early change.

    ``age`` in years, ``female`` as 0 and 1. ``tumor_volume_change`` is the logarithm of the volume
    of all lesions that were there at the start, at the PET-MRI after cycle 2 over that before
    treatment, each with the error of a segmented volume; NaN where that PET-MRI did not take place.
    """
    z = normals(
        len(found),
        2,
        seed=seed,
        stream=Stream.MARKER_CHANGE,
        first_row=found.first_participant,
    )
    before = np.log(np.nansum(found.tumors.volume_ml, axis=1)) + VOLUME_ERROR * z[:, 0]
    after = np.nansum(found.at_imaging.volume_ml[:, _SECOND_IMAGING], axis=1)
    there = ~np.isnan(found.imaging_day[:, _SECOND_IMAGING]) & (after > 0.0)
    later = np.log(np.where(there, after, 1.0)) + VOLUME_ERROR * z[:, 1]
    return markers(found, seed=seed) | {
        "age": found.persons.age_years,
        "female": found.persons.female.astype(np.float64),
        "tumor_volume_change": np.where(there, later - before, np.nan),
    }


def uninformative(found: Outcomes, columns: int, *, seed: int) -> _Floats:
    """Columns that tell nothing, (n, columns): standard normal, correlated by 0.5 within a block.

    A block is of 20, the last of what is left.
    """
    blocks = -(-columns // BLOCK)
    z = normals(
        len(found),
        columns + blocks,
        seed=seed,
        stream=Stream.UNINFORMATIVE,
        first_row=found.first_participant,
    )
    shared = np.repeat(z[:, columns:], BLOCK, axis=1)[:, :columns]
    return np.asarray((shared + z[:, :columns]) * np.sqrt(0.5), dtype=np.float64)
