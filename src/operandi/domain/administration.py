"""What was injected, how much and when."""

from dataclasses import dataclass
from datetime import datetime

from operandi.quantities.decay import remaining_fraction
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import Nuclide


@dataclass(frozen=True, slots=True)
class Administration:
    """An injected activity.

    Parameters
    ----------
    nuclide : Nuclide
        What decays.
    activity_bq : float, > 0
        Activity that entered the participant, net of residual, at ``at``, Bq.
    at : datetime, aware
        Instant of injection.
    half_life_s : float, > 0
        The half-life used for this scan: the header's where it states one, s.

    Raises
    ------
    DataError
        If the activity is not positive.
    """

    nuclide: Nuclide
    activity_bq: float
    at: datetime
    half_life_s: float

    def __post_init__(self) -> None:
        if not self.activity_bq > 0:
            raise DataError(
                f"The injected activity (net_activity_bq) is {self.activity_bq:g} Bq; needed > 0.",
                remedy="Record it in tracer_administrations; it is never assumed.",
            )
        if not self.half_life_s > 0:
            raise ValueError(f"half_life_s must be > 0, got {self.half_life_s}")
        if self.at.tzinfo is None:
            raise ValueError("at must be timezone-aware")

    def activity_at(self, instant: datetime) -> float:
        """Activity that remains of the injection at *instant*, Bq."""
        elapsed_s = (instant - self.at).total_seconds()
        return self.activity_bq * remaining_fraction(elapsed_s, half_life_s=self.half_life_s)
