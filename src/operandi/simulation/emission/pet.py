"""A 68Ga PET of a scene: what a reconstruction would show, without reconstructing counts.

Uptake is averaged over breathing, disturbed by the scanner's map of attenuation, blurred, and
given noise as coarse as the blur. `image_space` does the last two; a model that makes counts and
reconstructs them takes its place by the same signature.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError
from operandi.simulation.emission.attenuation import (
    AttenuationErrors,
    disturbed,
    true_map,
    used_map,
)
from operandi.simulation.emission.breathing import breath_field, breath_mean
from operandi.simulation.emission.resolution import blurred, grain, noise_of_voxel
from operandi.simulation.scenes.motion import respiratory_phases
from operandi.simulation.scenes.painting import Array, Occupancy, paint
from operandi.simulation.scenes.scene import Scene, Tissue
from operandi.simulation.streams import Stream, generator

Respiration = Literal["averaged", "gated", "held"]

REFERENCE_SUV: Final = 4.8
"""Of liver, at which the noise of a scanner is stated."""

GATED_SHARE: Final = 0.5
"""Part of the counts in the quiet period: Walker et al., J Nucl Med 61:1678, 2020 (about 50 %)."""

GATED_RESPIRATION: Final = 0.057
"""Mean of ``sin(pi t)^4`` over the quieter half of a breath, in closed form 3/8 - 1/pi."""

PHASES: Final = 5
"""Of a breath; what they leave of a motion by 14 mm is far below the blur."""

LEAST_ACTIVITY: Final = 0.01
"""g/mL; with less in a voxel, the factor of attenuation is not told."""

_UNCORRECTED_MM: Final = (8.0, 8.0)  # as coarse as that image is used


@dataclass(frozen=True, slots=True, kw_only=True)
class PetScanner:
    """A scanner and its reconstruction.

    Parameters
    ----------
    fwhm_mm : float, > 0
        Resolution, positron range included; noise is as coarse.
    noise : float, >= 0
        Relative standard deviation of a voxel of 4 mm at ``REFERENCE_SUV``.
    suv_factor : float, > 0
        Error of its calibration.
    """

    fwhm_mm: float
    noise: float
    suv_factor: float = 1.0

    def __post_init__(self) -> None:
        if not (self.fwhm_mm > 0.0 and self.noise >= 0.0 and self.suv_factor > 0.0):
            raise DataError(
                "A PET scanner needs fwhm_mm > 0, noise >= 0 and suv_factor > 0, not "
                f"{self.fwhm_mm}, {self.noise} and {self.suv_factor}.",
                remedy="Correct pet_fwhm_mm, pet_noise and suv_factor of the site.",
            )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PetContent:
    """What is in the scanner during an acquisition; (i, j, k) each.

    Parameters
    ----------
    grid : Grid
    activity : Array
        Mean over the acquisition, SUV at its start.
    activity_held : Array
        At end-expiration.
    mu_true : Array
        Mean over the acquisition, 1/cm.
    mu_used : Array
        As the scanner takes it to be: from MR at end-expiration.
    counts_share : float, 0 to 1
        Part of the counts that are used.
    """

    grid: Grid
    activity: Array
    activity_held: Array
    mu_true: Array
    mu_used: Array
    counts_share: float = 1.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Acquired:
    """What a model of a scanner makes of a content; (i, j, k) each.

    Parameters
    ----------
    suv : Array
        As reconstructed, with noise, g/mL.
    uncorrected : Array or None
        Without correction for attenuation; the same noise.
    expected : Array
        Without noise.
    attenuation_factor : Array
        Of the wrong map on ``activity``, before blur; 1 where there is hardly any.
    """

    suv: Array
    uncorrected: Array | None
    expected: Array
    attenuation_factor: Array


class Model(Protocol):
    """What makes images of a content; noise comes from *random* alone."""

    def __call__(
        self,
        content: PetContent,
        *,
        scanner: PetScanner,
        uncorrected: bool,
        random: np.random.Generator,
    ) -> Acquired:
        """Acquire, and reconstruct without correction for attenuation as well if asked to."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PetImage:
    """A PET and its truth; (i, j, k) each.

    Parameters
    ----------
    grid : Grid
    suv, uncorrected, expected, attenuation_factor : Array
        As in ``Acquired``.
    suv_true : Array
        Uptake at end-expiration, before blur; no error of calibration or attenuation.
    mu_true, mu_used : Array
        1/cm, as in ``PetContent``.
    """

    grid: Grid
    suv: Array
    uncorrected: Array | None
    expected: Array
    attenuation_factor: Array
    suv_true: Array
    mu_true: Array
    mu_used: Array


def pet_image(  # noqa: PLR0913 - an acquisition has as many settings
    scene: Scene,
    grid: Grid,
    *,
    scanner: PetScanner,
    errors: AttenuationErrors,
    respiration: Respiration,
    uncorrected: bool,
    seed: int,
    key: tuple[int, ...],
    painted: Occupancy | None = None,
    model: Model | None = None,
) -> PetImage:
    """Acquire a PET.

    Parameters
    ----------
    scene : Scene
    grid : Grid
        Axes along the patient's, square voxels in a slice.
    scanner : PetScanner
    errors : AttenuationErrors
    respiration : {"averaged", "gated", "held"}
        Over all of a breath; over its quieter half, with half the counts; at end-expiration.
    uncorrected : bool
        Whether to reconstruct without correction for attenuation as well.
    seed : int
    key : tuple of int
        Whose noise it is: participant, visit.
    painted : Occupancy, optional
        ``paint(scene, grid)`` where the caller has it already.
    model : Model, optional
        `image_space` by default.
    """
    content = pet_content(scene, grid, errors=errors, respiration=respiration, painted=painted)
    random = generator(*key, seed=seed, stream=Stream.PET_NOISE)
    acquired = (model or image_space)(
        content, scanner=scanner, uncorrected=uncorrected, random=random
    )
    return PetImage(
        grid=grid,
        suv=acquired.suv,
        uncorrected=acquired.uncorrected,
        expected=acquired.expected,
        attenuation_factor=acquired.attenuation_factor,
        suv_true=content.activity_held,
        mu_true=content.mu_true,
        mu_used=content.mu_used,
    )


def pet_content(
    scene: Scene,
    grid: Grid,
    *,
    errors: AttenuationErrors,
    respiration: Respiration,
    painted: Occupancy | None = None,
) -> PetContent:
    """Paint uptake and attenuation as they are during an acquisition.

    Motion enters as the mean of uptake and of attenuation over the breath; that the two move
    together is left out.
    """
    held = painted or paint(scene, grid)
    grid.require_same(held.grid, what="The painted scene and the PET")
    activity_held, mu_held = _uptake(held, scene.tissues), true_map(held, scene.tissues)
    mu_used = used_map(held, scene.tissues, errors=errors)
    activity, mu_true = activity_held, mu_held
    if respiration != "held":
        field, phases = breath_field(scene, grid), _phases(respiration)
        activity = breath_mean(activity_held, field, phases=phases)
        mu_true = breath_mean(mu_held, field, phases=phases)
    return PetContent(
        grid=grid,
        activity=activity,
        activity_held=activity_held,
        mu_true=mu_true,
        mu_used=mu_used,
        counts_share=GATED_SHARE if respiration == "gated" else 1.0,
    )


def image_space(
    content: PetContent,
    *,
    scanner: PetScanner,
    uncorrected: bool,
    random: np.random.Generator,
) -> Acquired:
    """Disturb, blur and add noise in the image.

    ``SUV = c + s n``, where *c* is the expected image, *n* noise of variance 1 smoothed as much as
    the image, and ``s^2 = (noise v)^2 c REFERENCE_SUV / counts_share`` with *v* for the voxel
    (`noise_of_voxel`): the variance grows with local activity as in an image that expectation
    maximization made. Where noise would take uptake below 0 it is 0.
    """
    grid = content.grid
    shown = disturbed(content.activity, grid, mu_true=content.mu_true, mu_used=content.mu_used)
    factor = np.divide(
        shown, content.activity, out=np.ones_like(shown), where=content.activity > LEAST_ACTIVITY
    )
    expected = blurred(shown, grid, fwhm_mm=scanner.fwhm_mm)
    noise = grain(grid, fwhm_mm=scanner.fwhm_mm, generator=random)
    noise *= np.float32(
        scanner.noise
        * noise_of_voxel(grid.spacing_mm, fwhm_mm=scanner.fwhm_mm)
        * (REFERENCE_SUV / content.counts_share) ** 0.5
    )
    root = np.sqrt(expected)
    calibration = np.float32(scanner.suv_factor)
    suv = calibration * np.maximum(expected + root * noise, np.float32(0.0))
    dark = None
    if uncorrected:
        dark = _uncorrected(content, scanner)
        # The same counts: relative noise is that of the corrected image.
        bright = np.sqrt(np.maximum(expected, dark))
        noise *= np.divide(dark, bright, out=np.zeros_like(dark), where=bright > 0.0)
        dark = calibration * np.maximum(dark + noise, np.float32(0.0))
    return Acquired(
        suv=suv,
        uncorrected=dark,
        expected=calibration * expected,
        attenuation_factor=factor,
    )


def _uncorrected(content: PetContent, scanner: PetScanner) -> Array:
    shown = disturbed(
        content.activity,
        content.grid,
        mu_true=content.mu_true,
        mu_used=np.zeros_like(content.mu_true),
        coarse_mm=_UNCORRECTED_MM,
    )
    return blurred(shown, content.grid, fwhm_mm=scanner.fwhm_mm)


def _uptake(occupancy: Occupancy, tissues: Mapping[str, Tissue]) -> Array:
    return occupancy.image({key: tissue.suv for key, tissue in tissues.items()}, textured=True)


def _phases(respiration: Respiration) -> tuple[tuple[float, float], ...]:
    if respiration == "gated":
        return ((GATED_RESPIRATION, 1.0),)
    return respiratory_phases(PHASES)
