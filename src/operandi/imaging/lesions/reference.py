"""Reference regions: spheres in liver, spleen and blood that lesions are compared with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import SUV_BODY_WEIGHT

LIVER: Final = "liver"
"""The organ's name in ``ReferenceRegion.organ`` and in ``Subject.name``."""

SPHERE_RADIUS_MM: Final = 15.0
"""A sphere of 3 cm diameter in the right lobe, as PERCIST places it [1]_.

.. [1] Wahl et al., J Nucl Med 50(Suppl 1):122S, 2009.
"""

MARGIN_MM: Final = 5.0
"""Kept free between the sphere and the border of the liver mask: about the width (FWHM) by which
a clinical PET image is blurred, so that the border's spill does not enter."""

MINIMUM_LIVER_ML: Final = 200.0
"""Below this the mask is no adult liver; what it is of cannot be told from it."""

MAXIMUM_VARIATION: Final = 0.5
"""Coefficient of variation above which a sphere is no reference."""

SPLEEN: Final = "spleen"
BLOOD_POOL: Final = "blood pool"

_SMALLER_RADIUS_MM: Final = {SPLEEN: 10.0, BLOOD_POOL: 7.5}
"""Radii of the spheres in spleen and blood (assumed: what fits a small spleen and a ventricle)."""

_BLOOD_IN: Final = (BLOOD_POOL, "heart", "aorta")
_RADIUS_SLACK: Final = 1.0 + 1e-9
_SCORE_QUANTILE: Final = 0.25
"""A higher one would understate the noise less, and take in lesions of an affected liver sooner."""

_TIE: Final = 1e-9

_SD_OF_MEDIAN: Final = 1.482602218505602  # of a normal distribution
_HOT_SPREADS: Final = 4.0
_HOT_PART: Final = 0.5
"""A voxel is a metastasis' where it lies 4 standard deviations and half the mode above it: noise
seldom does, and the spill around most metastases still does."""


@dataclass(frozen=True, slots=True)
class ReferenceRegion:
    """Uptake in a region of an organ that lesions are compared with.

    Parameters
    ----------
    organ : str
        Organ the region lies in.
    mask : Mask
        Its voxels.
    mean : float, > 0
        Mean SUV of the voxels, g/mL.
    standard_deviation : float, >= 0
        Of the voxels' SUV, with n - 1 in the denominator, g/mL.
    voxels : int, >= 2
        Number of voxels.
    placed_by : str
        Who or what chose the place, and where it is.

    Raises
    ------
    DataError
        If the mean is not positive or the coefficient of variation exceeds
        ``MAXIMUM_VARIATION``.
    """

    organ: str
    mask: Mask
    mean: float
    standard_deviation: float
    voxels: int
    placed_by: str

    @property
    def center_mm(self) -> tuple[float, float, float]:
        """Mean position of its voxels, LPS mm."""
        at = self.mask.grid.position_of(np.argwhere(self.mask.inside).mean(axis=0))
        return float(at[0]), float(at[1]), float(at[2])

    def __post_init__(self) -> None:
        if self.voxels < 2 or not self.placed_by or not self.organ:
            raise ValueError("a reference region needs an organ, two voxels, and who placed it")
        if not (self.mean > 0 and 0 <= self.standard_deviation < math.inf):
            raise DataError(
                f"A {self.organ} reference needs a mean SUV > 0, got {self.mean:g} +/- "
                f"{self.standard_deviation:g} g/mL ({self.placed_by}).",
                remedy="Place the sphere inside the organ, or check the PET volume.",
            )
        if self.standard_deviation > MAXIMUM_VARIATION * self.mean:
            raise DataError(
                f"A {self.organ} reference needs a coefficient of variation of at most "
                f"{MAXIMUM_VARIATION:g}, got {self.standard_deviation / self.mean:.2f} "
                f"({self.placed_by}).",
                remedy="Place the sphere by hand in disease-free tissue away from the border.",
            )


def require_suv(suv: Volume) -> None:
    """Refuse a volume that is not a static SUV (body weight).

    Raises
    ------
    DataError
        If ``suv`` is of another kind or has frames.
    """
    if suv.kind != SUV_BODY_WEIGHT:
        raise DataError(
            f"Needed a volume of {SUV_BODY_WEIGHT.name}, got {suv.kind.name}.",
            remedy="Compute the SUV from the activity concentration first.",
        )
    if suv.frames:
        raise DataError(
            f"Needed a static SUV volume, got one of {len(suv.frames)} frames.",
            remedy="Choose a frame, or average the frames that belong to the static scan.",
        )


def suv_inside(suv: Volume, mask: Mask, *, what: str) -> npt.NDArray[np.float64]:
    """SUV of the voxels inside *mask*, g/mL, in array order.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV, the mask is empty, or a value inside it is not finite.
    GridMismatchError
        If volume and mask lie on different grids.
    """
    require_suv(suv)
    suv.grid.require_same(mask.grid, what=f"SUV and the mask of {what}")
    values = suv.values[mask.inside].astype(np.float64)
    if values.size == 0:
        raise DataError(f"The mask of {what} holds no voxel.", remedy="Draw or choose it again.")
    bad = values.size - int(np.count_nonzero(np.isfinite(values)))
    if bad:
        raise DataError(
            f"The SUV is not a finite number in {bad} of {values.size} voxels of {what}.",
            remedy="Correct the PET volume, or leave these voxels out of the mask.",
        )
    return values


def sphere_mask(grid: Grid, *, center_mm: npt.ArrayLike, radius_mm: float) -> Mask:
    """Voxels whose center lies within *radius_mm* of *center_mm*.

    Distances are taken in patient space, so that anisotropic, oblique and sheared grids are
    right. The part of a sphere beyond the image has no voxels; the mask may be empty.

    Parameters
    ----------
    grid : Grid
        The voxels to choose from.
    center_mm : array-like, (3,)
        Patient position in LPS, mm; need not be a voxel center.
    radius_mm : float, > 0
        Voxel centers at exactly this distance belong.

    Raises
    ------
    ValueError
        If the radius is not positive or the center is not three finite numbers.
    """
    low, high = _sphere_extent(grid, center_mm=center_mm, radius_mm=radius_mm)
    first = np.clip(np.ceil(low - _TIE), 0, grid.shape).astype(int)
    last = np.clip(np.floor(high + _TIE) + 1, 0, grid.shape).astype(int)
    inside = np.zeros(grid.shape, dtype=np.bool_)
    if (last > first).all():
        axes = [np.arange(a, b) for a, b in zip(first, last, strict=True)]
        indices = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        away = grid.position_of(indices) - np.asarray(center_mm, dtype=np.float64)
        box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        inside[box] = (away**2).sum(axis=-1) <= (radius_mm * _RADIUS_SLACK) ** 2
    return Mask(inside, grid)


def _sphere_extent(
    grid: Grid, *, center_mm: npt.ArrayLike, radius_mm: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Lowest and highest fractional index that the sphere reaches along each axis."""
    center = np.asarray(center_mm, dtype=np.float64)
    if center.shape != (3,) or not np.isfinite(center).all() or not 0 < radius_mm < math.inf:
        raise ValueError(f"needed a center of three numbers, radius > 0: {center}, {radius_mm}")
    reach = radius_mm * np.linalg.norm(np.linalg.inv(grid.affine[:3, :3]), axis=1)
    index = grid.index_of(center)
    return index - reach, index + reach


def liver_reference_from_point(
    suv: Volume, *, center_mm: npt.ArrayLike, radius_mm: float, reader: str
) -> ReferenceRegion:
    """Liver reference in a sphere that a reader placed.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    center_mm : array-like, (3,)
        Center of the sphere, patient position in LPS, mm.
    radius_mm : float, > 0
        Its radius; 15 mm is the usual one.
    reader : str
        Who placed it, as the study names readers. Never empty.

    Raises
    ------
    DataError
        If the sphere reaches out of the image, holds fewer than two voxels or a value that is not
        finite, its mean is not positive, or its coefficient of variation exceeds
        ``MAXIMUM_VARIATION``.
    """
    return _reference_from_point(
        suv, LIVER, center_mm=center_mm, radius_mm=radius_mm, reader=reader
    )


def _reference_from_point(
    suv: Volume, organ: str, *, center_mm: npt.ArrayLike, radius_mm: float, reader: str
) -> ReferenceRegion:
    if not reader.strip():
        raise ValueError("reader must name who placed the sphere")
    low, high = _sphere_extent(suv.grid, center_mm=center_mm, radius_mm=radius_mm)
    placed_by = f"reader {reader}: {_sphere_text(center_mm, radius_mm=radius_mm)}"
    if (low < -0.5 - _TIE).any() or (high > np.array(suv.grid.shape) - 0.5 + _TIE).any():
        raise DataError(
            f"The {organ} sphere reaches out of the image ({placed_by}).",
            remedy="Place it wholly inside the image.",
        )
    mask = sphere_mask(suv.grid, center_mm=center_mm, radius_mm=radius_mm)
    return _measured_reference(suv, organ, mask, placed_by=placed_by)


def liver_reference_from_organ(suv: Volume, liver: Mask) -> ReferenceRegion:
    """Liver reference in a sphere of 3 cm that is placed by rule inside a liver mask.

    1. The mask is eroded by ``MARGIN_MM``, so that the border's spill stays out.
    2. The liver's own uptake is taken as the mode of the SUV in the eroded liver, by the
       half-sample mode [1]_. Unlike the mean, the mode does not move with metastases, as long as
       no narrower range of SUV holds more voxels than healthy liver does.
    3. A sphere of ``SPHERE_RADIUS_MM`` may be centered on every voxel where all its voxels lie in
       the eroded liver and that lies on the patient's right (smaller LPS x) of the mask's
       centroid: the right lobe. Spheres that hold a hot voxel are left out as long as there are
       others: in a liver full of metastases even the quarter nearest to the mode holds some.
    4. Each is scored by its mean squared deviation from the mode: its variance plus the square of
       its mean's distance from the mode. The sphere whose score is the 25th percentile is taken:
       far from the metastases, which score high, yet not the quietest one, whose standard
       deviation would be 28 % too small (and a threshold of mean + 2 SD with it). Equal places:
       the smallest x, then y, then z.

    In simulated noise of 6 mm FWHM in a liver of 1.3 L the standard deviation comes out 11 % too
    small and the mean right to 0.5 %.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    liver : Mask
        The whole liver, metastases included or not, on the grid of ``suv``.

    Raises
    ------
    DataError
        If the liver is smaller than ``MINIMUM_LIVER_ML`` or touches the edge of the image, if no
        sphere fits, or if the one chosen is no reference (see ``ReferenceRegion``).
    GridMismatchError
        If mask and volume lie on different grids.

    References
    ----------
    .. [1] Bickel and Fruehwirth, Comput Stat Data Anal 50:3500, 2006.
    """
    suv_inside(suv, liver, what="the liver")
    _require_whole_liver(liver)
    return _sphere_within(suv, LIVER, liver, radius_mm=SPHERE_RADIUS_MM, right_half=True)


def _sphere_within(
    suv: Volume, organ: str, region: Mask, *, radius_mm: float, right_half: bool
) -> ReferenceRegion:
    """The sphere whose squared deviation from the region's mode is the 25th percentile."""
    box = _bounding_box(region.inside)
    corner = np.array([edge.start for edge in box])
    within = region.inside[box]
    values = suv.values[box].astype(np.float64)
    inner = _eroded(within, _sphere_offsets(suv.grid, radius_mm=MARGIN_MM))
    offsets = _sphere_offsets(suv.grid, radius_mm=radius_mm)
    centers = np.argwhere(_eroded(inner, offsets)) + corner
    centroid = suv.grid.position_of(np.argwhere(within).mean(axis=0) + corner)
    positions = suv.grid.position_of(centers)
    chosen = positions[:, 0] <= (centroid[0] if right_half else math.inf)
    if not chosen.any():
        where = f"the right half of the {organ} mask" if right_half else f"the {organ} mask"
        raise DataError(
            f"No sphere of {2 * radius_mm:g} mm with {MARGIN_MM:g} mm to the border fits "
            f"into {where} ({region.volume_ml:.0f} mL).",
            remedy=f"Place the {organ} sphere by hand, or correct the {organ} mask.",
        )
    mode = _half_sample_mode(values[inner])
    chosen[chosen] = _without_hot_voxel(
        values,
        centers[chosen] - corner,
        offsets,
        mode=mode,
        spread=_spread_below(values[inner], mode),
    )
    score = _squared_deviation(values - mode, centers[chosen] - corner, offsets)
    typical = np.partition(score, rank := int(_SCORE_QUANTILE * (len(score) - 1)))[rank]
    equal = np.abs(score - typical) <= typical * _TIE + len(offsets) * (_TIE * mode) ** 2
    center = min((x, y, z) for x, y, z in np.round(positions[chosen][equal], 3).tolist())
    mask = sphere_mask(suv.grid, center_mm=center, radius_mm=radius_mm)
    where = _sphere_text(center, radius_mm=radius_mm)
    placed_by = f"rule, from the {organ} mask: {where}"
    return _measured_reference(suv, organ, mask, placed_by=placed_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSphere:
    """A sphere that a reader placed in place of the one found by rule.

    Parameters
    ----------
    center_mm : tuple of float
        Patient position in LPS, mm.
    radius_mm : float, > 0
        Its radius.
    reader : str
        Who placed it. Never empty.
    """

    center_mm: tuple[float, float, float]
    radius_mm: float
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceRegions:
    """Spheres in liver, spleen and blood, each with its center, mean, SD and voxels.

    Parameters
    ----------
    liver, spleen, blood_pool : ReferenceRegion or None
    absent : mapping of str to str
        Why there is none, by organ: exactly those that are None.
    notes : tuple of str
        What a reader should look at.
    """

    liver: ReferenceRegion | None
    spleen: ReferenceRegion | None
    blood_pool: ReferenceRegion | None
    absent: Mapping[str, str]
    notes: tuple[str, ...] = ()


class OrganMasks(Protocol):
    """What tells organs' masks by name: ``FoundOrgans``, or the pipeline's organ map."""

    def named(self, organ: str) -> Mask | None:
        """The organ's mask, or None."""


def reference_regions(
    suv: Volume, organs: OrganMasks, *, placed: Mapping[str, PlacedSphere] | None = None
) -> ReferenceRegions:
    """Place a sphere in liver, spleen and blood pool, or say why there is none.

    The liver's as ``liver_reference_from_organ``; those of the spleen (radius 10 mm) and the
    blood pool (7.5 mm; in the heart, or else the aorta) likewise, but anywhere in the organ. A
    sphere that a reader placed replaces the rule's; if it cannot be measured, that is raised and
    no other is taken in its stead.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    organs : OrganMasks
        On the grid of ``suv``.
    placed : mapping of str to PlacedSphere, optional
        By organ: ``"liver"``, ``"spleen"``, ``"blood pool"``.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV, or a sphere that a reader placed is no reference.
    GridMismatchError
        If an organ lies on another grid.
    """
    require_suv(suv)
    spheres = dict(placed or {})
    known = (LIVER, SPLEEN, BLOOD_POOL)
    if unknown := sorted(set(spheres) - set(known)):
        raise ValueError(f"placed holds {unknown}; there are {known}")
    found: dict[str, ReferenceRegion] = {}
    absent: dict[str, str] = {}
    for organ in known:
        if organ in spheres:
            one = spheres[organ]
            found[organ] = _reference_from_point(
                suv, organ, center_mm=one.center_mm, radius_mm=one.radius_mm, reader=one.reader
            )
            continue
        try:
            found[organ] = _reference_by_rule(suv, organ, organs)
        except DataError as refused:
            absent[organ] = str(refused)
    return ReferenceRegions(
        liver=found.get(LIVER),
        spleen=found.get(SPLEEN),
        blood_pool=found.get(BLOOD_POOL),
        absent=absent,
        notes=_reference_notes(found),
    )


def _reference_by_rule(suv: Volume, organ: str, organs: OrganMasks) -> ReferenceRegion:
    names = _BLOOD_IN if organ == BLOOD_POOL else (organ,)
    region = next((mask for name in names if (mask := organs.named(name)) is not None), None)
    if region is None:
        raise DataError(
            f"There is no mask of {' or '.join(names)}.",
            remedy=f"Place the {organ} sphere by hand, or supply an organ map.",
        )
    if organ == LIVER:
        return liver_reference_from_organ(suv, region)
    suv_inside(suv, region, what=f"the {organ}")
    return _sphere_within(suv, organ, region, radius_mm=_SMALLER_RADIUS_MM[organ], right_half=False)


def _reference_notes(found: Mapping[str, ReferenceRegion]) -> tuple[str, ...]:
    liver, spleen, blood = (found.get(organ) for organ in (LIVER, SPLEEN, BLOOD_POOL))
    notes = []
    if liver is not None and spleen is not None and liver.mean > spleen.mean:
        notes.append(
            f"the liver reference ({liver.mean:.2f} g/mL) exceeds the spleen's "
            f"({spleen.mean:.2f} g/mL): it may lie in tumor"
        )
    if liver is not None and blood is not None and liver.mean < blood.mean:
        notes.append(
            f"the liver reference ({liver.mean:.2f} g/mL) is below the blood pool's "
            f"({blood.mean:.2f} g/mL): it may not lie in the liver"
        )
    return tuple(notes)


def _require_whole_liver(liver: Mask) -> None:
    if liver.volume_ml < MINIMUM_LIVER_ML:
        raise DataError(
            f"A liver mask needs at least {MINIMUM_LIVER_ML:g} mL, got {liver.volume_ml:.0f} mL.",
            remedy="Correct the liver mask, or place the liver sphere by hand.",
        )
    faces = (np.take(liver.inside, (0, -1), axis=axis).any() for axis in range(3))
    if any(faces):
        raise DataError(
            "The liver mask touches the edge of the image: part of the liver was not imaged, "
            "so its right lobe cannot be told by position.",
            remedy="Place the liver sphere by hand.",
        )


def _measured_reference(suv: Volume, organ: str, mask: Mask, *, placed_by: str) -> ReferenceRegion:
    if np.count_nonzero(mask.inside) < 2:
        raise DataError(
            f"The {organ} sphere holds fewer than two voxels ({placed_by}).",
            remedy="Choose a larger radius.",
        )
    values = suv_inside(suv, mask, what=f"the {organ} sphere")
    mean = math.fsum(values) / values.size
    deviation = math.sqrt(math.fsum((values - mean) ** 2) / (values.size - 1))
    return ReferenceRegion(organ, mask, mean, deviation, values.size, placed_by)


def _sphere_text(center_mm: npt.ArrayLike, *, radius_mm: float) -> str:
    x, y, z = np.asarray(center_mm, dtype=np.float64)
    return f"sphere of radius {radius_mm:g} mm at LPS ({x:.1f}, {y:.1f}, {z:.1f}) mm"


def _sphere_offsets(grid: Grid, *, radius_mm: float) -> npt.NDArray[np.intp]:
    """Index steps (n, 3) from a voxel to all voxels whose center lies within the radius."""
    steps = grid.affine[:3, :3]
    reach = np.floor(radius_mm * np.linalg.norm(np.linalg.inv(steps), axis=1) + _TIE).astype(int)
    axes = [np.arange(-n, n + 1) for n in reach]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    near = ((offsets @ steps.T) ** 2).sum(axis=1) <= (radius_mm * _RADIUS_SLACK) ** 2
    chosen: npt.NDArray[np.intp] = offsets[near]
    return chosen


def _eroded(inside: npt.NDArray[np.bool_], offsets: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Voxels from which every offset leads to a voxel inside; beyond the array is outside."""
    reach = np.abs(offsets).max(axis=0)
    kernel = np.zeros(2 * reach + 1)
    kernel[tuple((offsets + reach).T)] = 1.0
    # Counting by FFT: a binary erosion with the thousands of voxels of a fine sphere takes minutes.
    # NumPy's FFT, because importing scipy.signal costs two seconds at every start.
    full = [n + 2 * int(r) for n, r in zip(inside.shape, reach, strict=True)]
    product = np.fft.rfftn(inside, full, (0, 1, 2)) * np.fft.rfftn(kernel, full, (0, 1, 2))
    same = tuple(slice(int(r), int(r) + n) for n, r in zip(inside.shape, reach, strict=True))
    count = np.fft.irfftn(product, full, (0, 1, 2))[same]
    whole: npt.NDArray[np.bool_] = inside & (count > len(offsets) - 0.5)
    return whole


def _bounding_box(inside: npt.NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    i, j, k = (np.flatnonzero(inside.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1)))
    return slice(i[0], i[-1] + 1), slice(j[0], j[-1] + 1), slice(k[0], k[-1] + 1)


def _half_sample_mode(values: npt.NDArray[np.float64]) -> float:
    """Halve to the narrowest interval with half of the values until at most two remain."""
    ordered = np.sort(values)
    while ordered.size > 2:
        half = (ordered.size + 1) // 2
        widths = ordered[half - 1 :] - ordered[: ordered.size - half + 1]
        start = int(widths.argmin())
        ordered = ordered[start : start + half]
    return float(ordered.mean())


def _spread_below(values: npt.NDArray[np.float64], mode: float) -> float:
    """Standard deviation told by what lies below the mode, which metastases do not reach."""
    below = values[values <= mode]
    return float(np.median(mode - below)) * _SD_OF_MEDIAN


def _without_hot_voxel(
    values: npt.NDArray[np.float64],
    centers: npt.NDArray[np.intp],
    offsets: npt.NDArray[np.intp],
    *,
    mode: float,
    spread: float,
) -> npt.NDArray[np.bool_]:
    """Spheres that hold no voxel of a metastasis; all, where every sphere holds one."""
    hot = values > mode + max(_HOT_SPREADS * spread, _HOT_PART * mode)
    clear = _squared_deviation(hot.astype(np.float64), centers, offsets) == 0
    return clear if clear.any() else np.ones_like(clear)


def _squared_deviation(
    deviation: npt.NDArray[np.float64],
    centers: npt.NDArray[np.intp],
    offsets: npt.NDArray[np.intp],
) -> npt.NDArray[np.float64]:
    """Sum of squares over the sphere around each center."""
    strides = np.array([deviation.shape[1] * deviation.shape[2], deviation.shape[2], 1])
    squares = np.square(deviation).ravel()
    start = centers @ strides
    total = np.zeros(len(centers))
    for shift in offsets @ strides:
        total += squares[start + shift]
    return total
