"""Seeks the lesions of an earlier visit at their places, and outlines what stands out there."""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.carried import CarriedPlace, grid_of_box
from operandi.imaging.lesions.local_test import (
    REACH_MM,
    SHELL_FWHM,
    LocalContrast,
    LocalImage,
    local_contrast,
)
from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.imaging.lesions.segmentation.found import (
    LesionFlag,
    SegmentedLesion,
    SegmentedLesions,
)
from operandi.imaging.lesions.segmentation.neighborhood import Box, SeedNeighborhood
from operandi.imaging.lesions.segmentation.partial_volume import corrected_mean, recovery_of
from operandi.imaging.lesions.segmentation.seeds import smoothed_suv
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings, SuvMeanCorrection
from operandi.imaging.lesions.sought_again import SearchOutcome, SoughtAgain

BORDER_SD_MM: Final = 4.0
"""How far a border is believed to move between visits where the image does not tell. Assumed."""

UNEVEN: Final = 0.25
"""Spread of the uptake within a lesion, as a share of its mean, in the border. Assumed."""

REACH_DARKER_MM: Final = 6.0
"""As ``REACH_MM``, for what is darker than the liver: veins and gallbladder are so too. Assumed."""

FARTHEST_SD: Final = 1.5
"""A border moves outward by no more than this many ``BORDER_SD_MM``. Assumed."""

FRAGMENT: Final = 0.5
"""What was found of a lesion of the liver counts as a part of it below this share of its former
volume, if the rest of its outline stands out too. Assumed."""

_BEYOND: Final = "its place lies beyond the image"
_HIDDEN: Final = "its place lies within organs of physiological uptake, or has no surroundings"
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Background:
    """The later PET around its lesions.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    organ : bool array, (i, j, k)
        Organs of physiological uptake.
    liver : bool array, (i, j, k)
        The liver with its lesions.
    reference : ReferenceRegion or None
        Of the liver.
    settings : SegmentationSettings
        Resolution and least volume.
    """

    suv: Volume
    organ: Bools
    liver: Bools
    reference: ReferenceRegion | None
    settings: SegmentationSettings


def seek_again(
    places: tuple[CarriedPlace, ...],
    moved_by: str,
    *,
    found: SegmentedLesions,
    background: Background,
) -> tuple[SegmentedLesions, tuple[SoughtAgain, ...]]:
    """Look for each lesion seen before.

    1. A lesion found without looking whose voxels lie within half of ``REACH_MM`` of the expected
       outline is it.
    2. Elsewhere the outline is tested against its surroundings (``local_contrast``): brighter ones
       count, and in the liver, whose uptake is even, darker ones too. What stands out becomes a
       lesion, flagged, with the border of ``border_seen_before``.
    3. Of a lesion of the liver that was found in part, the rest of its outline is tested likewise.
    4. Otherwise it was not found again, and the upper limit is told.

    Returns
    -------
    SegmentedLesions
        Those found without looking and those found because seen before, by decreasing volume.
    tuple of SoughtAgain
        In the order of *places*.
    """
    ledger = _Ledger.of(found, background)
    said = [_sought(place, moved_by, ledger, background) for place in places]
    names = ledger.names()
    lesions = sorted(ledger.lesions.items(), key=lambda item: names[item[0]])
    return (
        replace(found, lesions=tuple(replace(one, id=names[key]) for key, one in lesions)),
        tuple(one if key is None else replace(one, found_as=names[key]) for one, key in said),
    )


class _Ledger:
    """Lesions so far, and whose each voxel is."""

    def __init__(self, lesions: dict[int, SegmentedLesion], owner: npt.NDArray[np.int32]) -> None:
        self.lesions = lesions
        self.owner = owner

    @classmethod
    def of(cls, found: SegmentedLesions, background: Background) -> "_Ledger":
        owner = np.zeros(background.suv.grid.shape, dtype=np.int32)
        lesions = dict(enumerate(found.lesions, start=1))
        for key, one in lesions.items():
            owner[one.box][one.inside] = key
        return cls(lesions, owner)

    def put(self, one: SegmentedLesion, *, key: int | None = None) -> int:
        """Add a lesion, or replace one."""
        if key is None:
            key = max(self.lesions, default=0) + 1
        else:
            self.owner[self.owner == key] = 0
        self.lesions[key] = one
        self.owner[one.box][one.inside] = key
        return key

    def names(self) -> dict[int, LesionId]:
        """By decreasing volume, then from head to feet, right to left, front to back."""

        def order(key: int) -> tuple[float, ...]:
            one = self.lesions[key]
            x, y, z = np.round(one.center_mm, 3).tolist()
            return (-int(np.count_nonzero(one.inside)), -z, x, y)

        keys = sorted(self.lesions, key=order)
        return {key: LesionId(f"L{number:02d}") for number, key in enumerate(keys, start=1)}


def _sought(
    place: CarriedPlace, moved_by: str, ledger: _Ledger, background: Background
) -> tuple[SoughtAgain, int | None]:
    grid = background.suv.grid
    expected = np.count_nonzero(place.of.outline.inside) * place.of.outline.grid.voxel_volume_ml
    covered = np.count_nonzero(place.inside) * grid.voxel_volume_ml
    in_liver = bool(
        covered > 0
        and 2 * np.count_nonzero(background.liver[place.box][place.inside])
        >= np.count_nonzero(place.inside)
    )
    blank = SoughtAgain(
        earlier=place.of.name,
        seen_at=place.of.seen_at,
        outline=place.of.outline if covered == 0 else place.outline_on(grid),
        moved_by=moved_by,
        in_liver=in_liver,
        outcome=SearchOutcome.NOT_LOOKED,
    )
    if covered < 0.5 * expected:
        return replace(blank, reason=_BEYOND), None
    key = _met(place, ledger, background)
    if key is not None:
        key = _completed(place, key, ledger, background, in_liver=in_liver)
        return replace(blank, outcome=SearchOutcome.FOUND), key
    local = _Local.of(place, ledger, background, in_liver=in_liver, but=0)
    contrast = _tested(local, local.outline, background, in_liver=in_liver)
    if contrast is None:
        return replace(blank, reason=_HIDDEN), None
    tested = replace(
        blank,
        contrast_to_noise=contrast.contrast_to_noise,
        least=contrast.least,
        surroundings_suv=contrast.surroundings,
    )
    one = _outlined(local, contrast, background, in_liver=in_liver) if contrast.stands_out else None
    if one is not None:
        key = ledger.put(one)
        return replace(tested, outcome=SearchOutcome.FOUND_BECAUSE_SEEN_BEFORE), key
    recovery = recovery_of(
        place.inside, spacing_mm=grid.spacing_mm, fwhm_mm=background.settings.fwhm_mm
    )
    return (
        replace(
            tested,
            outcome=SearchOutcome.NOT_FOUND_AGAIN,
            upper_limit_suv=contrast.upper_limit(recovery=recovery),
        ),
        None,
    )


def _met(place: CarriedPlace, ledger: _Ledger, background: Background) -> int | None:
    """The lesion that shares most voxels with the expected outline and what is near it."""
    grid = background.suv.grid
    box, inside = _padded(place.box, place.inside, grid, margin_mm=REACH_MM)
    owner = ledger.owner[box]
    near = ndimage.distance_transform_edt(~inside, sampling=grid.spacing_mm)
    for reach in (0.0, REACH_MM / 2.0):
        counts = np.bincount(owner[near <= reach], minlength=1)
        counts[0] = 0
        if counts.any():
            return int(counts.argmax())
    return None


def _completed(
    place: CarriedPlace, key: int, ledger: _Ledger, background: Background, *, in_liver: bool
) -> int:
    """Widen a part of a lesion to the whole where the rest of its outline stands out as well."""
    grid, fwhm = background.suv.grid, background.settings.fwhm_mm
    before = np.count_nonzero(place.inside)
    part = ledger.lesions[key]
    if not in_liver or np.count_nonzero(part.inside) >= FRAGMENT * before:
        return key
    local = _Local.of(place, ledger, background, in_liver=True, but=key)
    own = ledger.owner[local.box] == key
    beyond = ndimage.distance_transform_edt(~own, sampling=grid.spacing_mm) > fwhm / 2.0
    rest = local.outline & beyond
    if np.count_nonzero(rest) < 0.3 * before:
        return key
    contrast = _tested(
        replace(local, image=replace(local.image, seen=local.image.seen & ~own)),
        rest,
        background,
        in_liver=True,
    )
    if contrast is None or not contrast.stands_out:
        return key
    whole = replace(local, outline=local.outline | own)
    one = _outlined(whole, replace(contrast, offset=(0, 0, 0)), background, in_liver=True, kept=own)
    return key if one is None else ledger.put(one, key=key)


def _tested(
    local: "_Local", outline: Bools, background: Background, *, in_liver: bool
) -> LocalContrast | None:
    """The brighter side first; in the liver, unless it stands out, the darker side."""
    brighter = local_contrast(local.image, outline)
    if not in_liver or (brighter is not None and brighter.stands_out):
        return brighter
    spacing_mm = background.suv.grid.spacing_mm
    edge = _within(
        ~background.liver[local.box], spacing_mm=spacing_mm, reach_mm=background.settings.fwhm_mm
    )
    deep = replace(local.image, seen=local.image.seen & ~edge)
    darker = local_contrast(deep, outline, reach_mm=REACH_DARKER_MM, darker=True)
    return darker if darker is not None and darker.stands_out else brighter


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Local:
    """A place with what is around it."""

    box: Box
    image: LocalImage
    outline: Bools

    @classmethod
    def of(
        cls,
        place: CarriedPlace,
        ledger: _Ledger,
        background: Background,
        *,
        in_liver: bool,
        but: int,
    ) -> "_Local":
        grid, fwhm = background.suv.grid, background.settings.fwhm_mm
        margin = REACH_MM + SHELL_FWHM[1] * fwhm
        box, outline = _padded(place.box, place.inside, grid, margin_mm=margin)
        organ = background.organ[box]
        others = (ledger.owner[box] > 0) & (ledger.owner[box] != but)
        spill = _within(organ | others, spacing_mm=grid.spacing_mm, reach_mm=fwhm)
        beside = ~spill
        if in_liver:
            beside &= background.liver[box]
        return cls(
            box=box,
            image=LocalImage(
                suv=np.asarray(background.suv.values[box], dtype=np.float64),
                spacing_mm=grid.spacing_mm,
                fwhm_mm=fwhm,
                seen=~(organ | others),
                beside=beside,
            ),
            outline=outline,
        )


def _padded(box: Box, inside: Bools, grid: Grid, *, margin_mm: float) -> tuple[Box, Bools]:
    reach = [math.ceil(margin_mm / mm) + 1 for mm in grid.spacing_mm]
    edges = [
        slice(max(edge.start - r, 0), min(edge.stop + r, n))
        for edge, r, n in zip(box, reach, grid.shape, strict=True)
    ]
    wide = (edges[0], edges[1], edges[2])
    padding = [
        (edge.start - outer.start, outer.stop - edge.stop)
        for edge, outer in zip(box, wide, strict=True)
    ]
    return wide, np.pad(inside, padding)


def _within(inside: Bools, *, spacing_mm: tuple[float, float, float], reach_mm: float) -> Bools:
    if not inside.any():
        return inside
    result: Bools = ndimage.distance_transform_edt(~inside, sampling=spacing_mm) <= reach_mm
    return result


def border_seen_before(
    local: LocalImage, outline: Bools, *, inside_suv: float, around_suv: float, noise: float
) -> Bools:
    """The likeliest border, from the image and from where the border was.

    A voxel belongs where ``ln p(f | lesion) - ln p(f | surroundings) + 1.7 d / BORDER_SD_MM > 0``:
    *f* is the SUV smoothed as for seeds, normal about either mean with the noise of the smoothed
    surroundings and, within the lesion, ``UNEVEN``; *d* is the depth within the former outline, mm.
    Strong contrast follows the image, faint contrast keeps the former border.
    """
    smooth = smoothed_suv(local.suv, spacing_mm=local.spacing_mm, fwhm_mm=local.fwhm_mm)
    depth = ndimage.distance_transform_edt(outline, sampling=local.spacing_mm)
    depth -= ndimage.distance_transform_edt(~outline, sampling=local.spacing_mm)
    # The smoothing leaves 0.8 of the SD of noise that is as smooth as the image.
    around_sd = max(0.8 * noise, 1e-3 * abs(around_suv), 1e-9)
    inside_sd = math.hypot(around_sd, UNEVEN * inside_suv)
    likelier = (
        0.5 * ((smooth - around_suv) / around_sd) ** 2
        - 0.5 * ((smooth - inside_suv) / inside_sd) ** 2
        - math.log(inside_sd / around_sd)
    )
    side = 1.0 if inside_suv >= around_suv else -1.0
    likelier = np.where(side * (smooth - around_suv) > 0.0, likelier, -np.abs(likelier))
    inside = (likelier + 1.7 * depth / BORDER_SD_MM > 0.0) & local.seen
    inside &= depth >= -FARTHEST_SD * BORDER_SD_MM
    labels, count = ndimage.label(inside)
    if not count:
        return np.zeros_like(outline)
    shared = np.bincount(labels[outline], minlength=count + 1)
    shared[0] = 0
    if not shared.any():
        return np.zeros_like(outline)
    filled: Bools = ndimage.binary_fill_holes(labels == int(shared.argmax()))
    return filled & local.seen


def _outlined(
    local: _Local,
    contrast: LocalContrast,
    background: Background,
    *,
    in_liver: bool,
    kept: Bools | None = None,
) -> SegmentedLesion | None:
    """The lesion at a place that stands out; None where less than the least volume is left."""
    settings, grid = background.settings, background.suv.grid
    outline = _shifted(local.outline, contrast.offset)
    inside = border_seen_before(
        local.image,
        outline,
        inside_suv=contrast.mean,
        around_suv=contrast.surroundings,
        noise=contrast.noise,
    )
    if kept is not None:
        inside |= kept
    if np.count_nonzero(inside) * grid.voxel_volume_ml < settings.minimum_volume_ml * (1 - 1e-9):
        return None
    return _lesion(local, inside, contrast, background, in_liver=in_liver)


def _shifted(inside: Bools, offset: tuple[int, int, int]) -> Bools:
    index = np.argwhere(inside) + offset
    index = index[((index >= 0) & (index < inside.shape)).all(axis=1)]
    result = np.zeros_like(inside)
    result[tuple(index.T)] = True
    return result


def _lesion(
    local: _Local, inside: Bools, contrast: LocalContrast, background: Background, *, in_liver: bool
) -> SegmentedLesion:
    settings, grid = background.settings, background.suv.grid
    darker = contrast.contrast_to_noise < 0.0
    values = local.image.suv
    seed = np.unravel_index(int(np.where(inside, values, -np.inf).argmax()), values.shape)
    around = SeedNeighborhood(
        suv=values,
        spacing_mm=grid.spacing_mm,
        seed=(int(seed[0]), int(seed[1]), int(seed[2])),
        allowed=local.image.seen,
        background=contrast.surroundings,
        noise=contrast.noise,
        level=float(values[seed]),
        free=local.image.seen,
    )
    tight = ndimage.find_objects(inside.astype(np.int8))[0]
    edges = [
        slice(outer.start + edge.start, outer.start + edge.stop)
        for outer, edge in zip(local.box, tight, strict=True)
    ]
    where = [int(s) + edge.start for s, edge in zip(seed, local.box, strict=True)]
    correction = settings.correction
    if correction is not SuvMeanCorrection.NONE:
        # The fit looks for contours of a maximum, which a faint lesion does not have.
        correction = SuvMeanCorrection.RECOVERY
    volume_ml = np.count_nonzero(inside) * grid.voxel_volume_ml
    raised = {
        LesionFlag.BELOW_RESOLUTION: volume_ml
        < math.pi / 6.0 * (2.0 * settings.fwhm_mm) ** 3 / 1000.0,
        LesionFlag.CUT_BY_EDGE: any(
            e.start == 0 or e.stop == n for e, n in zip(edges, grid.shape, strict=True)
        ),
        LesionFlag.NO_LIVER_REFERENCE: background.reference is None,
        LesionFlag.SEEN_BEFORE: True,
        LesionFlag.DARKER: darker,
    }
    return SegmentedLesion(
        id=LesionId("L00"),
        box=(edges[0], edges[1], edges[2]),
        inside=np.ascontiguousarray(inside[tight]),
        grid=grid,
        seed=(where[0], where[1], where[2]),
        organ="liver" if in_liver else "",
        delineation=(
            f"found because seen before: {'darker' if darker else 'brighter'} than its "
            f"surroundings of {contrast.surroundings:.3g} g/mL by "
            f"{abs(contrast.contrast_to_noise):.1f} SD (least {contrast.least:.1f}); likeliest "
            "border by image and former border"
        ),
        suv_maximum=float(values[inside].max()),
        suv_mean=corrected_mean(
            around,
            inside,
            fwhm_mm=settings.fwhm_mm,
            fwhm_sd_mm=settings.fwhm_sd_mm,
            peak=None,
            correction=correction,
        ),
        background=contrast.surroundings,
        flags=tuple(flag for flag in LesionFlag if raised.get(flag, False)),
    )


def outline_of(one: SegmentedLesion) -> Mask:
    """Voxels of a lesion on its tight box."""
    return Mask(one.inside, grid_of_box(one.grid, one.box))
