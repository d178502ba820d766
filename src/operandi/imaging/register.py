"""Rigid registration of two volumes, for PET and MR that share no frame of reference."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the name its own documentation uses

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError, UnsupportedError

MINIMUM_OVERLAP: Final = 0.20
"""Share of the smaller image that both must have in common."""

MAXIMUM_TURN_DEG: Final = 20.0
"""Positions are the patient's own: between two scans of a body lying down, more is no alignment."""

REPEATED_WITHIN_MM: Final = 5.0
"""How near a registration that starts elsewhere must end, 100 mm from the fixed image's center."""

_RESTARTS: Final = ((15.0, 5.0), (-15.0, -5.0))
"""Moved by so many mm along, and turned by so many degrees about, each axis."""

_BINS: Final = 50
_SMOOTHING_MM: Final = (8.0, 4.0, 2.0)
_SAMPLES: Final = 50_000
_COMPARED_VOXELS: Final = 1_000_000
_SEED: Final = 20_240_625
_ITERATIONS: Final = 300
# A turn counts as the shift it gives 100 mm from the axis, about the skin of the trunk. ITK's own
# scales take the corners of the image, which in a long field of view holds turns back by tenfold:
# 6.6 mm were left of a known misalignment that this recovers to 0.3 mm.
_LEVER_MM: Final = 100.0
# Finer voxels are averaged to about this, which the smoothing would blur anyway.
_FINEST_MM: Final = 2.0
# ITK's default of 1e-4 ends on the flat metric of an image that is mostly air.
_NO_GRADIENT_STOP: Final = 1e-12

_ITK_THREADS: Final = threading.Lock()


_CHECK: Final = "Check that both show the same part of the body."

_Images = tuple[sitk.Image, sitk.Image]
Seeking = Callable[[sitk.Euler3DTransform], sitk.Euler3DTransform]
"""From a start to the optimum."""


@dataclass(frozen=True, slots=True, eq=False)
class RigidTransform:
    """Where a position of the fixed image lies in the moving one.

    Parameters
    ----------
    matrix : array, (4, 4)
        Rotation and shift from fixed to moving positions, LPS in mm. Read-only. The
        ``transform`` of ``resample(moving, fixed.grid, ...)``.
    mutual_information : float
        Mattes mutual information at the result, on up to a million fixed voxels, nats.
    overlap_fraction : float
        Volume that both images cover, over that of the smaller one.
    description : str
        How it was found, and from which start.
    """

    matrix: npt.NDArray[np.float64]
    mutual_information: float
    overlap_fraction: float
    description: str

    def __post_init__(self) -> None:
        if self.matrix.shape != (4, 4) or not np.isfinite(self.matrix).all():
            raise ValueError(f"matrix must be a finite 4 x 4 matrix, got {self.matrix!r}")
        self.matrix.setflags(write=False)


def rigid_registration(fixed: Volume, moving: Volume) -> RigidTransform:
    """Find the rotation and shift that align two volumes, of any two kinds.

    Mattes mutual information [1]_ (50 bins) is maximized by regular-step gradient descent over
    three levels (images smoothed by 8, 4 and 2 mm) on at most 50 000 voxels a level. The start
    is the best, by the same metric on up to a million voxels, of three that overlap enough: scanner
    coordinates as they are, image centers on one another, centers of intensity on one another.
    One thread and a fixed seed: the same input gives the same matrix to the last bit.

    The result is sought again from two places 15 mm and 5 degrees off it along and about every
    axis; both must lead back. Even so it is no proof of alignment: measure it on landmarks, or
    look at it. What the refusals are for: of a whole-body PET and two MR series of the thigh,
    78 cm apart in coordinates, four tries ended some 35 cm from the truth or lost; all four are
    refused.

    Parameters
    ----------
    fixed, moving : Volume
        Static, finite, not constant, on grids with perpendicular axes.

    Returns
    -------
    RigidTransform
        From fixed to moving positions.

    Raises
    ------
    DataError
        If a volume has frames, is constant or not finite, if the images share less than
        ``MINIMUM_OVERLAP`` of the smaller one, if nothing better than the start was found (also
        where the start was already the optimum), if the mutual information is no more than so
        many independent voxels have by chance, ``(bins - 1)^2 / (2 voxels)`` [2]_, if the
        turn exceeds ``MAXIMUM_TURN_DEG``, or if a restart does not lead back.
    UnsupportedError
        If a grid's axes are not perpendicular.

    References
    ----------
    .. [1] Mattes et al., IEEE Trans Med Imaging 22:120, 2003.
    .. [2] Roulston, Physica D 125:285, 1999.
    """
    images = _image_of(fixed, what="fixed"), _image_of(moving, what="moving")
    try:
        with one_thread():
            name, start, start_metric = _best_start(fixed, moving, images=images)
            found = _optimized(start, images=images)
            metric = _metric(found, images=images)
            if not metric < start_metric:
                raise _no_better(name, metric, start_metric=start_metric)
            voxels, overlap = _overlap(fixed.grid, moving.grid, matrix_of(found))
            _require_common_ground(overlap)
            compared = (
                voxels / math.prod(fixed.grid.shape) * _thinned(images[0]).GetNumberOfPixels()
            )
            _require_more_than_chance(metric, compared_voxels=compared)
            _require_small_turn(matrix_of(found))
            require_repeatable(
                found, seek=lambda again: _optimized(again, images=images), remedy=_CHECK
            )
    except RuntimeError as error:
        raise DataError(
            "The registration failed: the images lost one another.", remedy=_CHECK
        ) from error
    return RigidTransform(
        matrix_of(found),
        mutual_information=-metric,
        overlap_fraction=overlap,
        description=f"rigid, Mattes mutual information, started from {name}",
    )


def _require_common_ground(overlap: float) -> None:
    if overlap < MINIMUM_OVERLAP:
        raise DataError(
            f"The images share {overlap:.0%} of the smaller one; needed {MINIMUM_OVERLAP:.0%}.",
            remedy=_CHECK,
        )


def _require_more_than_chance(metric: float, *, compared_voxels: float) -> None:
    chance = (_BINS - 1) ** 2 / (2.0 * compared_voxels)
    if -metric <= chance:
        raise DataError(
            f"The images share no information: {-metric:.4f} nats, and {compared_voxels:.0f} "
            f"voxels share {chance:.4f} nats by chance.",
            remedy=_CHECK,
        )


def _require_small_turn(matrix: npt.NDArray[np.float64]) -> None:
    turn_deg = turn_deg_of(matrix)
    if turn_deg > MAXIMUM_TURN_DEG:
        raise DataError(
            f"The registration turned the image by {turn_deg:.0f} degrees; believed are up to "
            f"{MAXIMUM_TURN_DEG:.0f}.",
            remedy=_CHECK,
        )


def turn_deg_of(matrix: npt.NDArray[np.float64]) -> float:
    """Angle of a rigid transform's rotation about its own axis, 0 to 180 degrees."""
    cosine = (float(np.trace(matrix[:3, :3])) - 1.0) / 2.0
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def require_repeatable(found: sitk.Euler3DTransform, *, seek: Seeking, remedy: str) -> None:
    """Refuse a result that two restarts around it do not lead back to.

    Raises
    ------
    DataError
        If one ends more than ``REPEATED_WITHIN_MM`` elsewhere, 100 mm from the center.
    """
    center = np.array(found.GetCenter())
    corners = center + _LEVER_MM * np.vstack([np.eye(3), -np.eye(3)])
    for shift_mm, turn_deg in _RESTARTS:
        start = sitk.Euler3DTransform(found)
        start.SetTranslation((np.array(found.GetTranslation()) + shift_mm).tolist())
        angles = (found.GetAngleX(), found.GetAngleY(), found.GetAngleZ())
        start.SetRotation(*(angle + math.radians(turn_deg) for angle in angles))
        again = seek(start)
        apart_mm = max(
            math.dist(found.TransformPoint(corner), again.TransformPoint(corner))
            for corner in corners.tolist()
        )
        if apart_mm > REPEATED_WITHIN_MM:
            raise DataError(
                f"The registration ends {apart_mm:.0f} mm elsewhere when it starts elsewhere; "
                f"needed {REPEATED_WITHIN_MM:.0f} mm.",
                remedy=remedy,
            )


def _no_better(name: str, metric: float, *, start_metric: float) -> DataError:
    return DataError(
        f"The registration found nothing better than its start ({name}): mutual information "
        f"{-metric:.4f}, at the start {-start_metric:.4f} nats.",
        remedy="If the images are aligned already, use them without a transform; otherwise "
        "check that both show the same part of the body.",
    )


def _image_of(volume: Volume, *, what: str) -> sitk.Image:
    if volume.frames:
        raise DataError(
            f"Registration needs a static {what} volume, got {len(volume.frames)} frames.",
            remedy="Choose or average frames first.",
        )
    if not np.isfinite(volume.values).all() or np.ptp(volume.values) == 0:
        raise DataError(
            f"Registration needs finite values that are not all the same in the {what} volume of "
            f"{volume.kind.name}.",
            remedy="Correct the volume.",
        )
    return coarsened(image_on(volume.grid, volume.values.astype(np.float32), what=what))


def coarsened(image: sitk.Image) -> sitk.Image:
    """Average voxels finer than 2 mm to about that."""
    factors = [
        max(1, min(size, int(_FINEST_MM / mm)))
        for size, mm in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    coarse: sitk.Image = sitk.BinShrink(image, factors)
    return coarse


def image_on(grid: Grid, values: npt.NDArray[Any], *, what: str) -> sitk.Image:
    """Turn values on a grid into an ITK image, in the same patient space.

    Raises
    ------
    UnsupportedError
        If the grid's axes are not perpendicular.
    """
    spacing = np.array(grid.spacing_mm)
    direction = grid.affine[:3, :3] / spacing
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-4):
        raise UnsupportedError(
            f"The axes of the {what} volume's grid are not perpendicular.",
            remedy="Resample it onto a grid with perpendicular axes first.",
        )
    # ITK's array order is (k, j, i); its patient space is LPS like ours.
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.T))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    image.SetDirection(direction.ravel().tolist())
    return image


def _best_start(
    fixed: Volume, moving: Volume, *, images: _Images
) -> tuple[str, sitk.Euler3DTransform, float]:
    as_it_is = sitk.Euler3DTransform()
    as_it_is.SetCenter(fixed.grid.position_of((np.array(fixed.grid.shape) - 1) / 2.0).tolist())
    starts = {
        "scanner coordinates": as_it_is,
        "image centers": _centered(images, sitk.CenteredTransformInitializerFilter.GEOMETRY),
    }
    if min(float(volume.values.sum()) for volume in (fixed, moving)) > 0:
        moments = _centered(images, sitk.CenteredTransformInitializerFilter.MOMENTS)
        starts["centers of intensity"] = moments
    overlaps = {
        name: _overlap(fixed.grid, moving.grid, matrix_of(start))[1]
        for name, start in starts.items()
    }
    tried = [
        (_metric(starts[name], images=images), name)
        for name, overlap in overlaps.items()
        if overlap >= MINIMUM_OVERLAP
    ]
    _require_common_ground(max(overlaps.values()))
    metric, name = min(tried)
    return name, starts[name], metric


def _centered(images: _Images, mode: int) -> sitk.Euler3DTransform:
    return sitk.Euler3DTransform(
        sitk.CenteredTransformInitializer(*images, sitk.Euler3DTransform(), mode)
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Let ITK use one thread, because sums of several are added in the order in which they end.

    Only the process-wide setting does that; a method's own number of threads changes nothing
    (measured with SimpleITK 2.5.7). The lock keeps two registrations from restoring it too early.
    """
    with _ITK_THREADS:
        before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        try:
            yield
        finally:
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _method() -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=_BINS)
    method.SetInterpolator(sitk.sitkLinear)  # _metric needs it, too
    return method


def _metric(transform: sitk.Euler3DTransform, *, images: _Images) -> float:
    """Negative mutual information on a regular lattice of fixed voxels, nats."""
    method = _method()
    method.SetInitialTransform(transform)
    fixed, moving = images
    return float(method.MetricEvaluate(_thinned(fixed), moving))


def _thinned(image: sitk.Image) -> sitk.Image:
    """Every n-th voxel along each axis, so that about ``_COMPARED_VOXELS`` are left."""
    voxels: int = image.GetNumberOfPixels()
    step = math.ceil(math.cbrt(voxels / _COMPARED_VOXELS))
    lattice: sitk.Image = image[::step, ::step, ::step]
    return lattice


def _optimized(start: sitk.Euler3DTransform, *, images: _Images) -> sitk.Euler3DTransform:
    method = _method()
    share = _SAMPLES / images[0].GetNumberOfPixels()
    if share < 1.0:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentagePerLevel([share] * len(_SMOOTHING_MM), _SEED)
    # No shrinking: its factor counts voxels, and would thin out thick slices. Sampling and
    # smoothing in mm do the same work on any grid.
    method.SetShrinkFactorsPerLevel([1] * len(_SMOOTHING_MM))
    method.SetSmoothingSigmasPerLevel(_SMOOTHING_MM)
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)  # noqa: FBT003
    return sought(start, method=method, images=images, lever_mm=_LEVER_MM)


def sought(
    start: sitk.Euler3DTransform,
    *,
    method: sitk.ImageRegistrationMethod,
    images: _Images,
    lever_mm: float,
) -> sitk.Euler3DTransform:
    """Descend from a start to the nearest optimum of a method's metric.

    A turn counts as the shift that it gives ``lever_mm`` from the axis.
    """
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0,
        minStep=1e-3,
        numberOfIterations=_ITERATIONS,
        relaxationFactor=0.7,
        gradientMagnitudeTolerance=_NO_GRADIENT_STOP,
    )
    method.SetOptimizerScales([lever_mm**2] * 3 + [1.0] * 3)
    found = sitk.Euler3DTransform(start)
    method.SetInitialTransform(found, inPlace=True)
    method.Execute(*images)
    return found


def matrix_of(transform: sitk.Euler3DTransform) -> npt.NDArray[np.float64]:
    """Write a transform as a (4, 4) matrix of positions, LPS in mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    return matrix


def _overlap(fixed: Grid, moving: Grid, matrix: npt.NDArray[np.float64]) -> tuple[int, float]:
    """Count fixed voxels inside the moving image; relate their volume to the smaller image."""
    to_index = np.linalg.inv(moving.affine) @ matrix @ fixed.affine
    i, j, k = np.ogrid[tuple(slice(n) for n in fixed.shape)]
    inside = np.ones(fixed.shape, dtype=np.bool_)
    for row, size in zip(to_index[:3], moving.shape, strict=True):
        index = row[0] * i + row[1] * j + row[2] * k + row[3]
        inside &= (index >= -0.5) & (index <= size - 0.5)
    voxels = int(np.count_nonzero(inside))
    volumes = [math.prod(grid.shape) * grid.voxel_volume_ml for grid in (fixed, moving)]
    return voxels, voxels * fixed.voxel_volume_ml / min(volumes)
