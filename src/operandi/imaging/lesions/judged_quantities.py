"""Of what changes are judged."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from operandi.quantities import kinds
from operandi.quantities.kinds import Kind

OF_LESIONS: Final = (
    kinds.SUV_PEAK,
    kinds.SUV_MAXIMUM,
    kinds.SUV_MEAN,
    kinds.VOLUME,
    kinds.TOTAL_LESION_SSTR,
)
"""Quantities judged of each lesion."""

OF_PATIENT: Final = (kinds.SSTR_TUMOR_VOLUME,)
"""Quantities judged of the patient. Not TL-SSTR: a coefficient of lesions is none of their sum."""

CHANGE_OF: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kinds.SUV_PEAK.name: kinds.SUV_PEAK_CHANGE,
        kinds.SUV_MAXIMUM.name: kinds.SUV_MAXIMUM_CHANGE,
        kinds.SUV_MEAN.name: kinds.SUV_MEAN_CHANGE,
        kinds.VOLUME.name: kinds.VOLUME_CHANGE,
        kinds.TOTAL_LESION_SSTR.name: kinds.TOTAL_LESION_SSTR_CHANGE,
        kinds.SSTR_TUMOR_VOLUME.name: kinds.SSTR_TUMOR_VOLUME_CHANGE,
    }
)
"""The kind of a quantity's relative change, by the quantity's name."""
