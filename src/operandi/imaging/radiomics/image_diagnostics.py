"""IBSI's diagnostic features: image and masks before and after interpolation and re-segmentation.

They tell two programs that disagree where they part (IBSI reference manual 5.1).
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.prepare import box_of, prepare
from operandi.imaging.radiomics.region import Region
from operandi.imaging.radiomics.settings import RadiomicsSettings

_EVERYTHING_MM = 1e9


def diagnostic_features(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    mask: npt.NDArray[np.bool_],
    settings: RadiomicsSettings,
) -> dict[str, float]:
    """Describe image and masks at each step of the preparation.

    Parameters
    ----------
    values, mask : arrays, (i, j, k)
        The whole image: it is interpolated as a whole.
    spacing_mm : tuple of float
        Its voxel size, mm.
    settings : RadiomicsSettings

    Returns
    -------
    dict of float
        By IBSI's tags, such as ``"int_mask_mean_int_reseg_roi"``. What has no voxel is left out.
    """
    untouched = replace(
        settings, spacing_mm=None, rounding=None, lower=None, upper=None, outlier_sigmas=None
    )
    image = (values, spacing_mm)
    initial = prepare(image, mask, untouched, margin_mm=_EVERYTHING_MM)
    final = prepare(image, mask, settings, margin_mm=_EVERYTHING_MM)
    interpolated = replace(final, intensity=final.morphology)
    steps = {"init": initial, "interp": interpolated, "reseg": final}
    return {tag: value for step, region in steps.items() for tag, value in _of(step, region)}


def _of(step: str, region: Region) -> Iterator[tuple[str, float]]:
    if step != "reseg":
        for axis, count, size in zip("xyz", region.values.shape, region.spacing_mm, strict=True):
            yield f"img_dim_{axis}_{step}_img", float(count)
            yield f"vox_dim_{axis}_{step}_img", size
        yield f"mean_int_{step}_img", float(region.values.mean())
        yield f"min_int_{step}_img", float(region.values.min())
        yield f"max_int_{step}_img", float(region.values.max())
    for axis, count in zip("xyz", region.values.shape, strict=True):
        yield f"int_mask_dim_{axis}_{step}_roi", float(count)
    for which, inside in (("int", region.intensity), ("morph", region.morphology)):
        box = box_of(inside)
        if box is not None:
            for axis, bound in zip("xyz", box, strict=True):
                yield f"{which}_mask_bb_dim_{axis}_{step}_roi", float(bound.stop - bound.start)
        yield f"{which}_mask_vox_count_{step}_roi", float(np.count_nonzero(inside))
    found = region.values[region.intensity]
    if found.size:
        yield f"int_mask_mean_int_{step}_roi", float(found.mean())
        yield f"int_mask_min_int_{step}_roi", float(found.min())
        yield f"int_mask_max_int_{step}_roi", float(found.max())
