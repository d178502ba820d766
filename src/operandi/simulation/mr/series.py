"""All MR series of a visit, and the true maps on the grid of each."""

from collections.abc import Callable, Collection
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError
from operandi.simulation.mr.diffusion import diffusion_series
from operandi.simulation.mr.dixon import dixon_series
from operandi.simulation.mr.dynamic import dynamic_series
from operandi.simulation.mr.elastography import elastography_series
from operandi.simulation.mr.session import Detail, MrArtifacts, MrSeries, Session
from operandi.simulation.mr.single_shot import single_shot_series
from operandi.simulation.scenes.painting import Occupancy, paint
from operandi.simulation.scenes.scene import Scene, Tissue

Array = npt.NDArray[np.float32]

TRUE_MAPS: Final[dict[str, Callable[[Tissue], float]]] = {
    "proton_density": lambda tissue: tissue.proton_density,
    "t1_ms": lambda tissue: tissue.t1_ms,
    "t2_ms": lambda tissue: tissue.t2_ms,
    "t2_star_ms": lambda tissue: tissue.t2_star_ms,
    "fat_fraction": lambda tissue: tissue.fat_fraction,
    "adc_mm2_s": lambda tissue: tissue.adc_mm2_s,
    "perfusion_fraction": lambda tissue: tissue.perfusion_fraction,
    "pseudo_diffusion_mm2_s": lambda tissue: tissue.pseudo_diffusion_mm2_s,
    "ktrans_per_min": lambda tissue: tissue.ktrans_per_min,
    "ve": lambda tissue: tissue.ve,
    "vp": lambda tissue: tissue.vp,
    "stiffness_kpa": lambda tissue: tissue.stiffness_kpa,
    "loss_angle_rad": lambda tissue: tissue.loss_angle_rad,
}

MADE_OF: Final = {
    "dixon": ("proton_density", "t1_ms", "fat_fraction"),
    "t2": ("proton_density", "t2_ms"),
    "dwi": ("adc_mm2_s", "perfusion_fraction", "pseudo_diffusion_mm2_s"),
    "dce": ("t1_ms", "ktrans_per_min", "ve", "vp"),
    "mre": ("stiffness_kpa", "loss_angle_rad"),
}
"""Which true maps belong to which kind of series."""

_KINDS: Final[dict[str, Callable[[Session], tuple[MrSeries, ...]]]] = {
    "dixon": dixon_series,
    "t2": lambda session: (single_shot_series(session),),
    "mre": elastography_series,
    "dwi": diffusion_series,
    "dce": dynamic_series,
}


def mr_series(  # noqa: PLR0913 - all are facts of one visit, named where it is called
    scene: Scene,
    *,
    series: Collection[str],
    detail: Detail,
    frame_of_reference: str,
    artifacts: MrArtifacts,
    seed: int,
    key: tuple[int, ...],
) -> tuple[MrSeries, ...]:
    """Acquire the series of a visit, in the order in which a scanner does; contrast comes last.

    Parameters
    ----------
    scene : Scene
    series : collection of str
        Any of ``dixon``, ``t2``, ``dwi``, ``mre``, ``dce``; what begins with ``pet`` is left to
        the PET scanner.
    detail : {"full", "coarse"}
    frame_of_reference : str
        Of the visit, shared with its PET.
    artifacts : MrArtifacts
    seed : int
    key : tuple of int
        Participant and visit.

    Returns
    -------
    tuple of MrSeries
        The same for every set of series: each has noise of its own.

    Raises
    ------
    DataError
        If a series is unknown.
    """
    unknown = sorted(
        name for name in set(series) if name not in _KINDS and not name.startswith("pet")
    )
    if unknown:
        raise DataError(
            f"The MR scanner knows no series {', '.join(unknown)}.",
            remedy=f"Ask for {', '.join(_KINDS)}.",
        )
    session = Session(
        scene=scene,
        painter=_PaintedOnce(),
        detail=detail,
        frame_of_reference=frame_of_reference,
        artifacts=artifacts,
        seed=seed,
        key=key,
    )
    made: list[MrSeries] = []
    for name, acquire in _KINDS.items():
        if name in series:
            made.extend(acquire(session))
    return tuple(made)


def true_maps(scene: Scene, occupancy: Occupancy, *, kind: str) -> dict[str, Array]:
    """Mean of each property over the tissue in a voxel, before distortion; 0 in air.

    Parameters
    ----------
    scene : Scene
    occupancy : Occupancy
        The scene on the grid of the series: ``session.painted(kind)``.
    kind : {"dixon", "t2", "dwi", "mre", "dce"}
    """
    filled = occupancy.image(dict.fromkeys(scene.tissues, 1.0))
    share = np.maximum(filled, np.float32(1e-6))
    maps: dict[str, Array] = {}
    for name in MADE_OF[kind]:
        value = TRUE_MAPS[name]
        image = occupancy.image({key: value(tissue) for key, tissue in scene.tissues.items()})
        image /= share
        maps[name] = image
    return maps


class _PaintedOnce:
    """Paints, and keeps what it painted last, for series of one slab that follow each other."""

    def __init__(self) -> None:
        self._last: Occupancy | None = None

    def __call__(self, scene: Scene, grid: Grid) -> Occupancy:
        if self._last is None or not self._last.grid.same_as(grid):
            # All series are breath-hold or triggered: end-expiration. Textures are of uptake.
            self._last = paint(scene, grid, textures=False)
        return self._last
