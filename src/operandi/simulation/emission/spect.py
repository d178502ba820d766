"""A 177Lu SPECT of a scene: counts of a reconstruction corrected for attenuation and scatter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError
from operandi.simulation.emission.resolution import blurred, grain, noise_of_counts
from operandi.simulation.scenes.painting import Array, paint
from operandi.simulation.scenes.scene import Scene
from operandi.simulation.streams import Stream, generator

_BQ_PER_MBQ: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectCamera:
    """A camera, its acquisition and its reconstruction.

    Parameters
    ----------
    fwhm_mm : float, > 0
        Resolution of the reconstruction; noise is as coarse. 12 mm is assumed.
    sensitivity_cps_per_mbq : float, > 0
        Reconstructed counts a second. 5.67 is a published example of 177Lu (survey of therapy).
    duration_s : float, > 0
        Of all projections together. 30 minutes are assumed.
    noise_gain : float, >= 0
        Standard deviation over that of the voxel's own counts before smoothing: few photons
        leave the body, and reconstruction amplifies. 10 is assumed: 5 % in a kidney.
    """

    fwhm_mm: float = 12.0
    sensitivity_cps_per_mbq: float = 5.67
    duration_s: float = 1800.0
    noise_gain: float = 10.0

    def __post_init__(self) -> None:
        positive = (self.fwhm_mm, self.sensitivity_cps_per_mbq, self.duration_s)
        if not (min(positive) > 0.0 and self.noise_gain >= 0.0):
            raise DataError(
                "A SPECT camera needs fwhm_mm, sensitivity_cps_per_mbq and duration_s above 0 and "
                f"noise_gain of at least 0, not {positive} and {self.noise_gain}.",
                remedy="Correct the camera.",
            )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SpectImage:
    """A SPECT and its truth; (i, j, k) each.

    Parameters
    ----------
    grid : Grid
    counts : Array
        Reconstructed counts of a voxel in all projections together, with noise.
    expected : Array
        The same without noise.
    concentration_true : Array
        Bq/mL, before blur.
    """

    grid: Grid
    counts: Array
    expected: Array
    concentration_true: Array


def spect_image(
    scene: Scene,
    grid: Grid,
    *,
    concentration_bq_ml: Mapping[str, float],
    camera: SpectCamera,
    seed: int,
    key: tuple[int, ...],
) -> SpectImage:
    """Acquire a SPECT: blur, ``counts = c V S T``, and smoothed Poisson noise.

    Breathing is left out: the blur is wider than it.

    Parameters
    ----------
    scene : Scene
    grid : Grid
        Axes along the patient's.
    concentration_bq_ml : mapping
        *c* by tissue at the middle of the acquisition; a tissue not named holds none.
    camera : SpectCamera
    seed : int
    key : tuple of int
        Whose noise it is: participant, cycle, time point.

    Raises
    ------
    DataError
        If a concentration is negative or of a tissue that the scene does not know.
    """
    unknown = sorted(set(concentration_bq_ml) - set(scene.tissues))
    wrong = sorted(name for name, value in concentration_bq_ml.items() if not value >= 0.0)
    if unknown or wrong:
        raise DataError(
            f"SPECT needs concentrations of at least 0 Bq/mL of tissues of the scene; unknown: "
            f"{unknown}, below 0 or no number: {wrong}.",
            remedy="Give concentrations by the keys of the scene's tissues.",
        )
    by_tissue = {name: concentration_bq_ml.get(name, 0.0) for name in scene.tissues}
    concentration = paint(scene, grid).image(by_tissue, textured=True)
    counts_per_bq_ml = (
        grid.voxel_volume_ml * camera.sensitivity_cps_per_mbq * camera.duration_s / _BQ_PER_MBQ
    )
    expected = blurred(concentration, grid, fwhm_mm=camera.fwhm_mm) * np.float32(counts_per_bq_ml)
    noise = grain(
        grid,
        fwhm_mm=camera.fwhm_mm,
        generator=generator(*key, seed=seed, stream=Stream.SPECT_NOISE),
    )
    spread = camera.noise_gain * noise_of_counts(grid.spacing_mm, fwhm_mm=camera.fwhm_mm)
    counts = np.maximum(expected + np.float32(spread) * np.sqrt(expected) * noise, np.float32(0.0))
    return SpectImage(grid=grid, counts=counts, expected=expected, concentration_true=concentration)
