"""Which artifacts a visit has: truncated arms, a susceptibility void, water and fat exchanged."""

from dataclasses import dataclass
from typing import Final

from operandi.simulation.people.person import Person
from operandi.simulation.scenario import Scenario
from operandi.simulation.scenes.scene import Point
from operandi.simulation.streams import Stream, generator

TRUNCATION_RADIUS_MM: Final = 250.0
"""Of the cylinder that MR sees: a field of view of 50 cm, as vendors state it."""
_VOID_RADIUS_MM: Final = (15.0, 35.0)  # assumed: clips to spinal screws
# Where metal lies in such patients: clips of liver surgery, bowel anastomoses, spinal screws.
_VOID_PLACES: Final[tuple[Point, ...]] = (
    (-60.0, -35.0, 85.0),
    (30.0, -60.0, -40.0),
    (0.0, 45.0, -60.0),
    (55.0, -40.0, 60.0),
)
_LARGEST_SHIFT_MM: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitArtifacts:
    """Artifacts of one visit.

    Parameters
    ----------
    truncated_mm : float or None
        Radius beyond which MR, and so the attenuation map, shows no arms.
    void : (Point, float) or None
        Center and radius, mm, of a region without MR signal.
    inversion : bool
        Whether water and fat were exchanged.
    """

    truncated_mm: float | None
    void: tuple[Point, float] | None
    inversion: bool


def artifacts_of(person: Person, scenario: Scenario, *, visit: int, seed: int) -> VisitArtifacts:
    """Draw the artifacts of a visit; where the scenario calls them consistent, of the first one.

    Parameters
    ----------
    person : Person
    scenario : Scenario
    visit : int
        0, 1, 2.
    seed : int
    """
    key = 0 if scenario.artifacts.consistent else visit
    draw = generator(person.number, key, seed=seed, stream=Stream.ARTIFACT)
    truncated, voided, inverted = draw.uniform(size=3)
    place = _VOID_PLACES[int(draw.integers(len(_VOID_PLACES)))]
    shift = draw.uniform(-_LARGEST_SHIFT_MM, _LARGEST_SHIFT_MM, size=3)
    radius_mm = float(draw.uniform(*_VOID_RADIUS_MM))
    rates = scenario.artifacts
    x, y, z = (float(at + by) for at, by in zip(place, shift, strict=True))
    return VisitArtifacts(
        truncated_mm=TRUNCATION_RADIUS_MM if truncated < rates.truncation else None,
        void=((x, y, z), radius_mm) if voided < rates.susceptibility_void else None,
        inversion=bool(inverted < rates.tissue_inversion),
    )
