"""Whether two scans may be compared at all."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from operandi.quantities.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanConditions:
    """Under what a quantity was measured at one visit. Empty or None: not stated.

    Parameters
    ----------
    scanner : str
        Which device: maker, model and station or serial number.
    tracer : str
        The compound; empty for MR too.
    reconstruction : str
        Algorithm, iterations, filter and voxel size, or MR sequence, as one text.
    attenuation : str
        How attenuation was corrected, such as ``4-class Dixon``.
    delineation : str
        How the border was found.
    uptake_time_min : float or None
        From injection to scan, min.
    artifacts : tuple of str
        What impairs this lesion at this visit, as the quality passport or a reader says.
    """

    scanner: str = ""
    tracer: str = ""
    reconstruction: str = ""
    attenuation: str = ""
    delineation: str = ""
    uptake_time_min: float | None = None
    artifacts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        time = self.uptake_time_min
        if time is not None and not 0.0 < time < math.inf:
            raise DataError(
                f"An uptake time is a number of minutes > 0; found {time:g}.",
                remedy="Check the times of injection and scan.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparability:
    """Conditions of both visits, and what the study lets differ. There are no defaults.

    Parameters
    ----------
    before, after : ScanConditions
        Of the two visits.
    uptake_window_min : tuple of float or None
        Earliest and latest uptake time at which a scan counts, min; None for MR.
    uptake_difference_min : float or None
        Largest difference of the two uptake times, min (PERCIST takes 15 for FDG: Wahl et al.,
        J Nucl Med 50(Suppl 1):122S, 2009, recalled); None for MR.
    """

    before: ScanConditions
    after: ScanConditions
    uptake_window_min: tuple[float, float] | None
    uptake_difference_min: float | None

    def __post_init__(self) -> None:
        window, apart = self.uptake_window_min, self.uptake_difference_min
        if (window is None) != (apart is None):
            raise ValueError("an uptake window and a largest difference are given both, or neither")
        if window is not None and not 0.0 <= window[0] < window[1]:
            raise ValueError(f"uptake window must be (earliest, latest), got {window}")
        if apart is not None and not apart >= 0.0:
            raise ValueError(f"uptake_difference_min must be >= 0, got {apart}")

    def obstacles(self, *, across_scanners: bool) -> tuple[str, ...]:
        """Why the two may not be compared; empty where nothing forbids it.

        Parameters
        ----------
        across_scanners : bool
            Whether the repeatability was measured across scanners, which allows another one.
        """
        return tuple(self._obstacles(across_scanners=across_scanners))

    def unstated(self) -> tuple[str, ...]:
        """What could not be checked because a visit does not state it."""
        names = ["scanner", "reconstruction", "delineation"]
        if self.uptake_window_min is not None:
            names += ["tracer", "attenuation", "uptake_time_min"]
        return tuple(
            f"{name} is not stated at {'both visits' if len(visits) == 2 else visits[0]}"
            for name in names
            if (visits := self._silent_on(name))
        )

    def _silent_on(self, name: str) -> list[str]:
        visits = (("the first visit", self.before), ("the second visit", self.after))
        return [visit for visit, conditions in visits if getattr(conditions, name) in {"", None}]

    def _obstacles(self, *, across_scanners: bool) -> Iterator[str]:
        for name in ("scanner", "tracer", "reconstruction", "attenuation", "delineation"):
            one, two = getattr(self.before, name), getattr(self.after, name)
            # Another scanner reconstructs and corrects in its own way.
            allowed = across_scanners and name in {"scanner", "reconstruction", "attenuation"}
            if one and two and one != two and not allowed:
                yield f"different {name}: {one}, then {two}"
        yield from self._uptake_obstacles()
        for visit, conditions in (("first", self.before), ("second", self.after)):
            for artifact in conditions.artifacts:
                yield f"artifact at the {visit} visit: {artifact}"

    def _uptake_obstacles(self) -> Iterator[str]:
        if self.uptake_window_min is None or self.uptake_difference_min is None:
            return
        low, high = self.uptake_window_min
        one, two = self.before.uptake_time_min, self.after.uptake_time_min
        for visit, time in (("first", one), ("second", two)):
            if time is not None and not low <= time <= high:
                yield f"uptake time of the {visit} visit {time:g} min, outside {low:g} to {high:g}"
        if one is not None and two is not None and abs(two - one) > self.uptake_difference_min:
            yield (
                f"uptake times differ by {abs(two - one):g} min, more than "
                f"{self.uptake_difference_min:g}"
            )
