"""How well lesions that were found agree with lesions that are there.

What the autoPET challenge reports (Dice, volumes of false positives and negatives) takes all
lesions as one mask; lesion F1 and panoptic quality take them one by one. Where a number has no
meaning (Dice without any lesion) it is None: such a patient counts by false positives alone.

References
----------
.. [1] Gatidis et al., Sci Data 9:601, 2022, and the challenge's evaluation script
   (lab-midas/autoPET, ``val_script.py``): 18-connected components.
.. [2] Kirillov et al., CVPR 2019 (panoptic quality).
.. [3] Kofler et al., panoptica, arXiv:2312.02608 (instance-wise evaluation).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.reference import require_suv
from operandi.imaging.lesions.surface_agreement import surface_dice
from operandi.quantities.errors import DataError, GridMismatchError

Labels = npt.NDArray[np.int32]

_NEIGHBORS_18: Final = ndimage.generate_binary_structure(3, 2)
_ON_LATTICE: Final = 1e-3
"""Share of a voxel by which the corner of a box may be off the lattice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionPair:
    """A lesion that is there and the one found for it.

    Parameters
    ----------
    truth, found : int
        Labels of the two.
    overlap : float
        Intersection over union.
    dice : float
        Twice the intersection over the sum of both.
    volume_bias, suv_mean_bias, suv_max_bias : float or None
        ``(found - truth) / truth``; the last two None without an SUV, or where the true one is
        not positive.
    """

    truth: int
    found: int
    overlap: float
    dice: float
    volume_bias: float
    suv_mean_bias: float | None
    suv_max_bias: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionAgreement:
    """Agreement of one patient's lesions at one visit.

    Parameters
    ----------
    dice : float or None
        Of all lesions as one mask; None where nothing is there and nothing was found, or nothing
        is there (Dice would be 0 however little was found).
    false_positive_ml, false_negative_ml : float
        Volume of 18-connected components found (there) that meet nothing there (found), mL.
    surface_dice : float or None
        Share of both surfaces that lie within ``tolerance_mm`` of the other; None without truth.
    pairs : tuple of LesionPair
        Matched one to one, by label of the truth.
    missed, invented : tuple of int
        Labels of lesions there, and found, without a partner.
    total_volume_bias : float or None
        Of the volume of all lesions; None without truth.
    overlap : float
        Intersection over union that a pair must reach.
    tolerance_mm : float
        Of the surface Dice.
    """

    dice: float | None
    false_positive_ml: float
    false_negative_ml: float
    surface_dice: float | None
    pairs: tuple[LesionPair, ...]
    missed: tuple[int, ...]
    invented: tuple[int, ...]
    total_volume_bias: float | None
    overlap: float
    tolerance_mm: float

    @property
    def recall(self) -> float | None:
        """Share of lesions there that were found; None without any."""
        there = len(self.pairs) + len(self.missed)
        return len(self.pairs) / there if there else None

    @property
    def precision(self) -> float | None:
        """Share of lesions found that are there; None where nothing was found."""
        found = len(self.pairs) + len(self.invented)
        return len(self.pairs) / found if found else None

    @property
    def f1(self) -> float | None:
        """``2 TP / (2 TP + FP + FN)``, the recognition quality; None where there is no lesion."""
        whole = 2 * len(self.pairs) + len(self.missed) + len(self.invented)
        return 2 * len(self.pairs) / whole if whole else None

    @property
    def segmentation_quality(self) -> float | None:
        """Mean intersection over union of the pairs; None without any."""
        if not self.pairs:
            return None
        return math.fsum(pair.overlap for pair in self.pairs) / len(self.pairs)

    @property
    def panoptic_quality(self) -> float | None:
        """Segmentation quality times F1; 0 without pairs, None where there is no lesion."""
        if self.f1 is None:
            return None
        return self.f1 * (self.segmentation_quality or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapInterval:
    """A statistic over patients with its interval.

    Parameters
    ----------
    value, lower, upper : float
        The statistic of all patients, and percentiles of it over draws of patients.
    patients, draws : int
        How many.
    confidence : float
        Of the interval.
    """

    value: float
    lower: float
    upper: float
    patients: int
    draws: int
    confidence: float


def labels_of(masks: Sequence[Mask], grid: Grid) -> Labels:
    """Lay lesion masks, whole or on tight boxes, onto one grid as labels 1, 2 ...

    Raises
    ------
    DataError
        If a mask is empty or two share a voxel.
    GridMismatchError
        If a mask lies off the voxels of the grid.
    """
    labels = np.zeros(grid.shape, dtype=np.int32)
    for number, mask in enumerate(masks, start=1):
        box = _box_of(mask.grid, grid, number=number)
        here = labels[box]
        if not mask.inside.any():
            raise DataError(f"Lesion {number} of {len(masks)} is empty.", remedy="Leave it out.")
        shared = here[mask.inside]
        if shared.any():
            raise DataError(
                f"Lesions {int(shared.max())} and {number} share "
                f"{np.count_nonzero(shared)} voxels.",
                remedy="Give each voxel to one lesion.",
            )
        here[mask.inside] = number
    return labels


def dice_of(truth: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> float | None:
    """``2 |A and B| / (|A| + |B|)``; None where the truth is empty."""
    if not truth.any():
        return None
    both = np.count_nonzero(truth & found)
    return 2.0 * both / (np.count_nonzero(truth) + np.count_nonzero(found))


def false_volume_ml(
    of: npt.NDArray[np.bool_], without: npt.NDArray[np.bool_], *, grid: Grid
) -> float:
    """Volume of the 18-connected components of *of* that meet no voxel of *without*, mL.

    Of what was found without the truth: autoPET's false positive volume. Of the truth without
    what was found: its false negative volume.
    """
    labels, count = ndimage.label(of, structure=_NEIGHBORS_18)
    met = np.zeros(int(count) + 1, dtype=np.bool_)
    met[labels[without]] = True
    met[0] = True
    voxels = np.bincount(labels.ravel(), minlength=int(count) + 1)
    return float(voxels[~met].sum()) * grid.voxel_volume_ml


def match_labels(
    truth: Labels, found: Labels, *, overlap: float
) -> tuple[tuple[int, int, float], ...]:
    """Match lesions one to one by intersection over union.

    Of all matchings whose pairs reach *overlap*, one with the most pairs is taken, and of those
    the one with the largest sum of overlaps. Above 0.5 there is only one.

    Returns
    -------
    tuple of (truth label, found label, intersection over union)
        By label of the truth.
    """
    if truth.shape != found.shape:
        raise GridMismatchError(
            f"Labels to be matched need one shape, found {truth.shape} and {found.shape}.",
            remedy="Resample one onto the other first.",
        )
    if not 0.0 < overlap <= 1.0:
        raise DataError(f"An overlap lies above 0 and up to 1; found {overlap:g}.")
    names, names_found, shared, sizes, sizes_found = _overlaps(truth, found)
    if not shared.size:
        return ()
    ratio = shared / (sizes[:, np.newaxis] + sizes_found - shared)
    # The slack keeps a pair of exactly the overlap from falling to the last bit.
    fits = ratio >= overlap * (1.0 - 1e-12)
    # A pair outweighs any sum of overlaps, each of which is at most 1.
    worth = np.where(fits, ratio + min(ratio.shape) + 1.0, 0.0)
    rows, columns = optimize.linear_sum_assignment(worth, maximize=True)
    return tuple(
        (int(names[row]), int(names_found[column]), float(ratio[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if fits[row, column]
    )


def lesion_agreement(
    truth: Labels,
    found: Labels,
    *,
    grid: Grid,
    overlap: float,
    tolerance_mm: float,
    suv: Volume | None = None,
) -> LesionAgreement:
    """Compare lesions found with those that are there.

    Parameters
    ----------
    truth, found : int array, (i, j, k)
        Labels of lesions, 0 elsewhere (``labels_of``).
    grid : Grid
        Of both.
    overlap : float
        Least intersection over union of a pair; 0.5 for panoptic quality.
    tolerance_mm : float, >= 0
        Of the surface Dice, such as half the resolution of the PET.
    suv : Volume of SUV_BODY_WEIGHT or None
        For the bias of SUV.

    Raises
    ------
    DataError
        If labels are negative, ``suv`` is no static SUV or not finite in a lesion.
    GridMismatchError
        If they lie on different grids.
    """
    _require_labels(truth, found, grid=grid, suv=suv)
    there, seen = truth > 0, found > 0
    matched = match_labels(truth, found, overlap=overlap)
    pairs = tuple(_pair(truth, found, match, suv) for match in matched)
    volume, volume_found = np.count_nonzero(there), np.count_nonzero(seen)
    return LesionAgreement(
        dice=dice_of(there, seen),
        false_positive_ml=false_volume_ml(seen, there, grid=grid),
        false_negative_ml=false_volume_ml(there, seen, grid=grid),
        surface_dice=surface_dice(there, seen, grid=grid, tolerance_mm=tolerance_mm),
        pairs=pairs,
        missed=_without_partner(truth, [pair.truth for pair in pairs]),
        invented=_without_partner(found, [pair.found for pair in pairs]),
        total_volume_bias=(volume_found - volume) / volume if volume else None,
        overlap=overlap,
        tolerance_mm=tolerance_mm,
    )


def bootstrap_by_patient(
    rows: Mapping[str, npt.ArrayLike],
    *,
    statistic: Callable[[npt.NDArray[np.float64]], float],
    seed: int,
    draws: int = 2000,
    confidence: float = 0.95,
) -> BootstrapInterval:
    """Percentile interval of a statistic, by drawing patients with all their rows.

    Lesions and visits of one patient are alike, so that drawing lesions would be too sure.

    Parameters
    ----------
    rows : mapping of patient to array, (row,) or (row, column)
        One row a lesion or visit. Order of patients does not matter.
    statistic : callable
        Of all rows together, (rows,) or (rows, columns): a median, or an F1 from columns TP, FP
        and FN.
    seed : int
        Of the draws.

    Raises
    ------
    DataError
        If there are fewer than two patients with rows, or a value is not finite.
    """
    if not 0.0 < confidence < 1.0 or draws < 1:
        raise ValueError(f"confidence and draws: {confidence}, {draws}")
    parts = [np.asarray(rows[patient], dtype=np.float64) for patient in sorted(rows)]
    parts = [part for part in parts if part.size]
    if len(parts) < 2 or not all(np.isfinite(part).all() for part in parts):
        raise DataError(
            f"A bootstrap needs two patients or more, with finite values; found {len(parts)}.",
            remedy="Leave out what is absent before.",
        )
    generator = np.random.default_rng(seed)
    chosen = generator.integers(len(parts), size=(draws, len(parts)))
    drawn = np.array([statistic(np.concatenate([parts[n] for n in draw])) for draw in chosen])
    tail = (1.0 - confidence) / 2.0
    lower, upper = np.quantile(drawn, [tail, 1.0 - tail])
    return BootstrapInterval(
        value=float(statistic(np.concatenate(parts))),
        lower=float(lower),
        upper=float(upper),
        patients=len(parts),
        draws=draws,
        confidence=confidence,
    )


def _box_of(small: Grid, large: Grid, *, number: int) -> tuple[slice, slice, slice]:
    frames = {small.frame_of_reference, large.frame_of_reference} - {""}
    last = np.array(small.shape) - 1.0
    corner = large.index_of(small.position_of(np.zeros(3)))
    start = np.rint(corner).astype(int)
    stop = start + np.array(small.shape)
    corners = np.stack([np.zeros(3), *(last * row for row in np.eye(3)), last])
    off = large.index_of(small.position_of(corners)) - (start + corners)
    inside = (start >= 0).all() and (stop <= np.array(large.shape)).all()
    if len(frames) > 1 or np.abs(off).max() > _ON_LATTICE or not inside:
        raise GridMismatchError(
            f"The box of lesion {number}, {small.shape}, does not lie on voxels of the grid "
            f"{large.shape}.",
            remedy="Resample the mask onto the grid first.",
        )
    i, j, k = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return i, j, k


def _overlaps(
    truth: Labels, found: Labels
) -> tuple[Labels, Labels, npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    names, sizes = np.unique(truth[truth > 0], return_counts=True)
    names_found, sizes_found = np.unique(found[found > 0], return_counts=True)
    both = (truth > 0) & (found > 0)
    row = np.searchsorted(names, truth[both])
    column = np.searchsorted(names_found, found[both])
    shared = np.zeros((names.size, names_found.size), dtype=np.int64)
    np.add.at(shared, (row, column), 1)
    return names, names_found, shared, sizes, sizes_found


def _require_labels(truth: Labels, found: Labels, *, grid: Grid, suv: Volume | None) -> None:
    if truth.shape != grid.shape or found.shape != grid.shape:
        raise GridMismatchError(
            f"Labels {truth.shape} and {found.shape} do not fit the grid {grid.shape}.",
            remedy="Resample one onto the other first.",
        )
    if truth.min() < 0 or found.min() < 0:
        raise DataError("Labels of lesions are 1, 2 ..., and 0 elsewhere; found a negative one.")
    if suv is None:
        return
    require_suv(suv)
    suv.grid.require_same(grid, what="SUV and the labels of lesions")
    if not np.isfinite(suv.values[(truth > 0) | (found > 0)]).all():
        raise DataError("The SUV is not a finite number in a lesion.", remedy="Correct the PET.")


def _pair(
    truth: Labels, found: Labels, match: tuple[int, int, float], suv: Volume | None
) -> LesionPair:
    label, label_found, overlap = match
    there, seen = truth == label, found == label_found
    volume, volume_found = np.count_nonzero(there), np.count_nonzero(seen)
    mean_bias = max_bias = None
    if suv is not None:
        one, two = suv.values[there].astype(np.float64), suv.values[seen].astype(np.float64)
        mean_bias = _bias(math.fsum(one) / one.size, math.fsum(two) / two.size)
        max_bias = _bias(float(one.max()), float(two.max()))
    return LesionPair(
        truth=label,
        found=label_found,
        overlap=overlap,
        dice=2.0 * overlap / (1.0 + overlap),
        volume_bias=(volume_found - volume) / volume,
        suv_mean_bias=mean_bias,
        suv_max_bias=max_bias,
    )


def _bias(truth: float, found: float) -> float | None:
    return (found - truth) / truth if truth > 0.0 else None


def _without_partner(labels: Labels, partnered: Sequence[int]) -> tuple[int, ...]:
    names = np.unique(labels[labels > 0])
    return tuple(int(name) for name in np.setdiff1d(names, np.array(partnered, dtype=np.int32)))
