"""What all series of a visit share: the painted scene, the coil, the noise, what went wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.quantities.kinds import MR_SIGNAL
from operandi.simulation.dicom.headers import MrSequence
from operandi.simulation.mr.coil import coil_bias
from operandi.simulation.mr.distortion import Void, void_dephasing
from operandi.simulation.mr.grids import COARSE, FULL, slab_grid
from operandi.simulation.mr.noise import LARGEST
from operandi.simulation.scenes.painting import Occupancy
from operandi.simulation.scenes.scene import Scene, Tissue
from operandi.simulation.streams import Stream, generator

Array = npt.NDArray[np.float32]
Detail = Literal["full", "coarse"]
Painter = Callable[[Scene, Grid], Occupancy]

_BRIGHTEST_LEVEL: Final = 2500.0
"""Stored level of the brightest tissue under an even coil; the rest is room for the coil."""


class SeriesNumber(IntEnum):
    """Of a series in the keys of its noise; never reused."""

    DIXON = 0
    T2 = 1
    DWI = 2
    DCE = 3
    T1_VFA = 4
    MRE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MrArtifacts:
    """What goes wrong with the MR series of a visit.

    Parameters
    ----------
    void : (Point, float), optional
        Center (patient LPS, mm) and radius (mm) of the signal that a metal implant takes from a
        Dixon echo.
    inversion : bool
        Whether the Dixon reconstruction swaps water and fat.
    """

    void: Void | None = None
    inversion: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MrSeries:
    """A series as a scanner would store it.

    Parameters
    ----------
    name : str
        Such as ``"dixon_water"``; unique in a visit.
    volumes : tuple of Volume
        Stored levels: whole numbers from 0 to 4095; of phase from -4096 to 4095.
    sequence : MrSequence
    after_s : float
        Start after the start of the MR examination.
    """

    name: str
    volumes: tuple[Volume, ...]
    sequence: MrSequence
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A visit in the MR scanner.

    Parameters
    ----------
    scene : Scene
    painter : callable
        Shares of the parts on a grid.
    detail : {"full", "coarse"}
    frame_of_reference : str
    artifacts : MrArtifacts
    seed : int
    key : tuple of int
        Participant and visit.
    """

    scene: Scene
    painter: Painter
    detail: Detail
    frame_of_reference: str
    artifacts: MrArtifacts
    seed: int
    key: tuple[int, ...]

    def grid(self, name: str) -> Grid:
        """Native grid of a kind of series."""
        slabs = FULL if self.detail == "full" else COARSE
        return slab_grid(slabs[name], self.scene, frame_of_reference=self.frame_of_reference)

    def painted(self, name: str) -> Occupancy:
        """Shares of the parts on the native grid of a kind of series."""
        return self.painter(self.scene, self.grid(name))

    def by_tissue(self, value: Callable[[Tissue], float]) -> dict[str, float]:
        """A value for every tissue of the scene."""
        return {name: value(tissue) for name, tissue in self.scene.tissues.items()}

    def reception(self, grid: Grid, *, echo_time_ms: float) -> Array:
        """Factor of the coils and of an implant on a signal; echo time 0 for a spin echo."""
        factor = coil_bias(grid, seed=self.seed, key=self.key)
        if self.artifacts.void is not None:
            factor *= void_dephasing(grid, self.artifacts.void, echo_time_ms=echo_time_ms)
        return factor

    def noise(self, series: SeriesNumber, *, volume: int) -> np.random.Generator:
        """Random numbers for the noise of a volume."""
        return generator(*self.key, int(series), volume, seed=self.seed, stream=Stream.MR_NOISE)


def storage_scale(brightest: Mapping[str, float]) -> float:
    """Stored level of a signal of 1, from the noise-free signal of every tissue."""
    largest = max(brightest.values(), default=0.0)
    return min(_BRIGHTEST_LEVEL, LARGEST) / largest if largest > 0.0 else 1.0


def as_volume(values: Array, grid: Grid) -> Volume:
    """Stored levels as a volume."""
    return Volume(values=values, grid=grid, kind=MR_SIGNAL)
