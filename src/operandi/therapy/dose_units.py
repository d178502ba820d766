"""Units of S values and of doses per activity: read once, at the edge, and never mixed."""

import math
import re
from dataclasses import dataclass
from typing import Final

from operandi.quantities.errors import DataError, UnsupportedError

_DOSE: Final = {"Gy": 1.0, "mGy": 1e-3, "µGy": 1e-6, "uGy": 1e-6, "cGy": 1e-2}
_ACTIVITY: Final = {"Bq": 1.0, "kBq": 1e3, "MBq": 1e6, "GBq": 1e9}
_SECONDS: Final = {
    1.0: ("s", "sec", "second", "seconds"),
    60.0: ("minute", "minutes"),
    3600.0: ("h", "hr", "hour", "hours"),
    86400.0: ("d", "day", "days"),
}
_TIME_S: Final = {name: seconds for seconds, names in _SECONDS.items() for name in names}
_PER: Final = r"[\s._·⋅*/()\-]*"
_DOSE_PER_ACTIVITY: Final = re.compile(
    rf"(?<![A-Za-z])([mµuc]?(?:Gy|Sv))(?:{_PER}per{_PER}|{_PER})([kMG]?Bq)(.*)"
)


@dataclass(frozen=True, slots=True)
class DoseCoefficient:
    """Absorbed dose per administered activity. Not an S value: kinetics are already in it.

    Parameters
    ----------
    gy_per_gbq : float
        Gy per GBq administered.
    """

    gy_per_gbq: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.gy_per_gbq) and self.gy_per_gbq >= 0):
            raise ValueError(f"a dose coefficient is finite and >= 0: {self.gy_per_gbq}")

    def dose_gy(self, *, administered_bq: float) -> float:
        """Absorbed dose of an administered activity, Gy."""
        return self.gy_per_gbq * administered_bq / 1e9


def states_a_dose_per_activity(text: str) -> bool:
    """Whether *text* names some unit of dose per activity, with or without a time."""
    return _DOSE_PER_ACTIVITY.search(_without_exponents(text)) is not None


def s_unit_gy_per_bq_s(text: str, *, where: str) -> float:
    """Factor from the unit that *text* names to Gy/(Bq s).

    ``mGy/MBq·s``, ``mGy/(MBq.s)``, ``Gy/Bq/s``, ``mGy MBq-1 h-1``, ``S_mGy_per_MBq_s`` are read.
    ``mGy/MBq/s`` is how OpenDose writes mGy/(MBq s); read literally it would be no S value.

    Parameters
    ----------
    text : str
        A header or a declared unit.
    where : str
        Named in refusals.

    Raises
    ------
    DataError
        If no unit is named, or what follows the activity is no time that is known (``min`` is
        none: it may be a minimum); or without a time: that is a dose per administered activity
        (:class:`DoseCoefficient`), which already holds the kinetics.
    UnsupportedError
        If the unit is Sv: the values may carry a radiation weighting factor.
    """
    found = _DOSE_PER_ACTIVITY.search(_without_exponents(text))
    if found is None:
        raise DataError(
            f"{where} states no unit of an S value: found {text!r}.",
            remedy="Write the unit into the header, such as mGy/MBq.s, or declare it.",
        )
    dose, activity, rest = found.groups()
    time = re.match(rf"{_PER}(?:per{_PER})?([^\W\d_]+)", rest)
    if time is not None and time[1] not in _TIME_S:
        raise DataError(
            f"{where} is in {dose}/{activity} and {time[1]!r}, which is no time that is known: "
            "s, minute, h or d was needed for an S value.",
            remedy="Write the unit out, such as mGy/(MBq minute); without a time it is a dose per "
            "administered activity, and no S value.",
        )
    if time is None:
        raise DataError(
            f"{where} is in {dose}/{activity}, a dose per administered activity; needed an S "
            "value, a dose per time-integrated activity such as mGy/(MBq s).",
            remedy="Export the S values (also called dose factors) instead of the doses.",
        )
    if dose.endswith("Sv"):
        raise UnsupportedError(
            f"{where} is in {dose}, which may hold radiation weighting factors; needed Gy.",
            remedy="Export absorbed dose, or declare the unit in Gy if no weighting was applied.",
        )
    return _DOSE[dose] / (_ACTIVITY[activity] * _TIME_S[time[1]])


def _without_exponents(text: str) -> str:
    return re.sub(r"\^?[-−]1|⁻¹", " ", text)
