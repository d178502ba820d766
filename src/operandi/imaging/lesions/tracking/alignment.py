"""Images of two visits laid on one another before the lesions are matched."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the name its own documentation uses
from scipy.spatial import cKDTree

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.tracking.visit_lesions import VisitLesions
from operandi.imaging.register import image_on, one_thread, rigid_registration
from operandi.imaging.register_regions import register_regions
from operandi.quantities.errors import DataError, OperandiError

Array = npt.NDArray[np.float64]

NOT_ALIGNED: Final = "not registered: positions as the scanner gave them"

_CONTROL_MM: Final = 60.0
_WORKING_MM: Final = 4.0
_SAMPLES: Final = 20_000
_SEED: Final = 20_240_625
_ENOUGH_ORGANS: Final = 3
# The hottest voxels (bladder, kidneys) would else be all that the correlation sees.
_BRIGHTEST_PERCENTILE: Final = 99.0
# Each costs a second of one core at 80 000 samples; five left 0.6 mm of 3.3 mm in the test.
_ITERATIONS: Final = 8
_ORGAN_REACH_MM: Final = 30.0
_LEAST_ORGAN_ML: Final = 10.0
# An organ that grew or shrank more was cut by the field of view or is not the same one.
_LARGEST_VOLUME_RATIO: Final = 1.5
# Distance between the organs' centers beyond which the alignment has failed, not the organ moved.
_FARTHEST_MM: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Where positions of the earlier visit lie at the later one.

    Parameters
    ----------
    moved : callable, (n, 3) to (n, 3)
        LPS in mm.
    description : str
        How it was found, and what failed.
    """

    moved: Callable[[Array], Array]
    description: str


def align_visits(before: VisitLesions, after: VisitLesions) -> Alignment:
    """Register two visits: rigid, deformable, then organ by organ.

    With three organs or more of the same name at both visits these are laid on one another
    rigidly. Otherwise, or where that is refused, ``anatomy`` of both is registered: rigidly by
    Mattes mutual information, then, if both are of one kind, by a B-spline (correlation, control
    points 60 mm apart), on voxels averaged to about 4 mm. Then each organ's own shift is added, in
    full within it and fading over 30 mm. What is missing or refused is left out and named in the
    description: the matching works without, but less well.
    """
    said: list[str] = []
    enough = len(_comparable_organs(before, after)) >= _ENOUGH_ORGANS
    moved = _by_regions(before, after, said) if enough else None
    if moved is None and before.anatomy is not None and after.anatomy is not None:
        moved = _by_anatomy(_coarse(before.anatomy), _coarse(after.anatomy), said)
    if moved is None:
        moved = _by_centers(before, after, said)
    if moved is None:
        moved = _as_it_is
        said.append(NOT_ALIGNED)
    return Alignment(moved=_with_organs(moved, before, after, said), description="; ".join(said))


def not_aligned() -> Alignment:
    """Leave positions as they are."""
    return Alignment(moved=_as_it_is, description=NOT_ALIGNED)


def _as_it_is(points: Array) -> Array:
    return points


def _by_anatomy(before: Volume, after: Volume, said: list[str]) -> Callable[[Array], Array] | None:
    try:
        matrix = rigid_registration(before, after).matrix
    except OperandiError as refusal:
        said.append(f"rigid registration refused ({refusal.what})")
        return None
    said.append("rigid, Mattes mutual information")

    def rigid(points: Array) -> Array:
        moved: Array = points @ matrix[:3, :3].T + matrix[:3, 3]
        return moved

    if before.kind != after.kind:
        return rigid
    try:
        spline = _spline(before, after, matrix)
    except (RuntimeError, OperandiError) as refusal:
        said.append(f"B-spline registration failed ({type(refusal).__name__})")
        return rigid
    said.append(f"B-spline of {_CONTROL_MM:g} mm")
    return lambda points: rigid(_transformed(spline, points))


def _spline(before: Volume, after: Volume, matrix: Array) -> sitk.Transform:
    """Deformation of the earlier visit's space, to go before the rigid map."""
    fixed = _working(before, what="earlier")
    moving = _working(after, what="later")
    rigid = sitk.AffineTransform(3)
    rigid.SetMatrix(matrix[:3, :3].ravel().tolist())
    rigid.SetTranslation(matrix[:3, 3].tolist())
    mesh = [
        max(1, round(size * mm / _CONTROL_MM))
        for size, mm in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)
    ]
    spline: sitk.Transform = sitk.BSplineTransformInitializer(fixed, mesh, order=3)
    method = sitk.ImageRegistrationMethod()
    # Correlation asks for one kind of image, and needs no derivative of each bin by each control
    # point, as mutual information does.
    method.SetMetricAsCorrelation()
    share = _SAMPLES / fixed.GetNumberOfPixels()
    if share < 1.0:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(share, _SEED)
    method.SetMovingInitialTransform(rigid)
    method.SetInitialTransform(spline, inPlace=True)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsLBFGSB(
        gradientConvergenceTolerance=1e-5,
        numberOfIterations=_ITERATIONS,
        maximumNumberOfFunctionEvaluations=3 * _ITERATIONS,
    )
    with one_thread():
        method.Execute(fixed, moving)
    return spline


def _coarse(volume: Volume) -> Volume:
    """Average voxels finer than the working size to about that; a rim that is left over is cut."""
    if volume.frames:
        return volume
    factors = [max(1, int(_WORKING_MM / mm + 1e-6)) for mm in volume.grid.spacing_mm]
    i, j, k = (max(1, n // f) for n, f in zip(volume.grid.shape, factors, strict=True))
    f, g, h = (min(f, n) for f, n in zip(factors, volume.grid.shape, strict=True))
    kept = volume.values[: i * f, : j * g, : k * h]
    values = kept.reshape(i, f, j, g, k, h).mean(axis=(1, 3, 5), dtype=np.float64)
    affine = volume.grid.affine.copy()
    affine[:3, :3] *= (f, g, h)
    affine[:3, 3] = volume.grid.position_of([(f - 1) / 2, (g - 1) / 2, (h - 1) / 2])
    grid = Grid((i, j, k), affine, volume.grid.frame_of_reference)
    return Volume(values.astype(np.float32), grid, volume.kind, volume.decay_reference)


def _working(volume: Volume, *, what: str) -> sitk.Image:
    bound = np.percentile(volume.values, _BRIGHTEST_PERCENTILE)
    image = image_on(volume.grid, np.minimum(volume.values, bound).astype(np.float32), what=what)
    smooth: sitk.Image = sitk.SmoothingRecursiveGaussian(image, _WORKING_MM)
    return smooth


def _transformed(transform: sitk.Transform, points: Array) -> Array:
    moved = [transform.TransformPoint(point) for point in points.tolist()]
    return np.array(moved, dtype=np.float64).reshape(-1, 3)


def _by_regions(
    before: VisitLesions, after: VisitLesions, said: list[str]
) -> Callable[[Array], Array] | None:
    names = _comparable_organs(before, after)
    try:
        matrix = register_regions(
            {name: before.organs[name] for name in names},
            {name: after.organs[name] for name in names},
        ).matrix
    except DataError as refusal:
        said.append(f"registration of organs refused ({refusal.what})")
        return None
    said.append("rigid, outlines of " + ", ".join(names))
    return lambda points: points @ matrix[:3, :3].T + matrix[:3, 3]


def _by_centers(
    before: VisitLesions, after: VisitLesions, said: list[str]
) -> Callable[[Array], Array] | None:
    """Shift by the median of the organs' own shifts."""
    names = _comparable_organs(before, after)
    if not names:
        return None
    shift = np.median(
        [_center(after.organs[name]) - _center(before.organs[name]) for name in names], axis=0
    )
    said.append("shifted by the centers of " + ", ".join(names))
    return lambda points: points + shift


def _comparable_organs(before: VisitLesions, after: VisitLesions) -> list[str]:
    names = []
    for name in sorted(before.organs.keys() & after.organs.keys()):
        volumes = sorted((before.organs[name].volume_ml, after.organs[name].volume_ml))
        if volumes[0] >= _LEAST_ORGAN_ML and volumes[1] <= _LARGEST_VOLUME_RATIO * volumes[0]:
            names.append(name)
    return names


def _with_organs(
    moved: Callable[[Array], Array], before: VisitLesions, after: VisitLesions, said: list[str]
) -> Callable[[Array], Array]:
    """Add each organ's remaining shift, in and near the organ."""
    clouds, shifts, names = [], [], []
    for name in _comparable_organs(before, after):
        mask = before.organs[name]
        inside = np.argwhere(mask.inside)
        cloud = mask.grid.position_of(inside[:: 1 + len(inside) // 2000])
        shift = _center(after.organs[name]) - moved(cloud).mean(axis=0)
        if float(np.linalg.norm(shift)) <= _FARTHEST_MM:
            clouds.append(cloud)
            shifts.append(shift)
            names.append(name)
    if not names:
        return moved
    said.append("organ-wise: " + ", ".join(names))
    trees = [cKDTree(cloud) for cloud in clouds]

    def with_organs(points: Array) -> Array:
        distance = np.column_stack([tree.query(points)[0] for tree in trees])
        weight = np.exp(-((distance / _ORGAN_REACH_MM) ** 2))
        share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1.0)
        result: Array = moved(points) + share @ np.array(shifts)
        return result

    return with_organs


def _center(mask: Mask) -> Array:
    return mask.grid.position_of(np.argwhere(mask.inside).mean(axis=0))
