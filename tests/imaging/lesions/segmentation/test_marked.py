"""A box around a lesion, and real FDG PET with masks by hand."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from operandi.domain.mask import Mask
from operandi.imaging.lesions.segmentation.delineate import delineate
from operandi.imaging.lesions.segmentation.marked import marked_neighborhood
from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood
from operandi.imaging.lesions.segmentation.pieces import sub_grid
from operandi.imaging.lesions.segmentation.settings import DelineationMethod, SegmentationSettings
from operandi.imaging.nifti import read_nifti
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import LABEL, SUV_BODY_WEIGHT
from tests.imaging.lesions.segmentation.scenes import FWHM_MM, OUTSIDE, a_scene, dice
from tests.shared_data import needs_shared_data, published

SARCOMA = SegmentationSettings(fwhm_mm=7.0)
"""The resolution is assumed; the images do not state it."""

SARCOMA_DICE = {
    DelineationMethod.ISOCONTOUR_41: 0.539,
    DelineationMethod.ISOCONTOUR_45: 0.484,
    DelineationMethod.ISOCONTOUR_50: 0.399,
    DelineationMethod.FIXED_SUV: 0.207,
    DelineationMethod.GRADIENT_WATERSHED: 0.360,
    DelineationMethod.RANDOM_WALKER: 0.299,
    DelineationMethod.GRAPH_CUT: 0.328,
    DelineationMethod.HALF_MEAN: 0.671,
    DelineationMethod.BLUR_FIT: 0.652,
}
"""Measured here on patient STS_001 against the mask by hand; no published values. An uneven tumor
of 34 in the set (sarcoma, drawn on MR): what reaches far is what does not follow its hottest spot.
"""


@needs_shared_data
@pytest.mark.parametrize("method", SARCOMA_DICE)
def test_dice_on_a_real_sarcoma_stays_what_it_was(method: DelineationMethod) -> None:
    around, truth = _sarcoma()

    inside = delineate(around, method=method, settings=SARCOMA, liver=None)

    both = 2.0 * np.count_nonzero(inside & truth)
    found = both / float(np.count_nonzero(inside) + np.count_nonzero(truth))
    assert found == pytest.approx(SARCOMA_DICE[method], abs=0.01)


def _sarcoma() -> tuple[SeedNeighborhood, npt.NDArray[np.bool_]]:
    """The image within 20 mm of the mask's box, and the mask."""
    folder = published("radiomics/sts_multimodal/images")
    suv = read_nifti(folder / "STS_001_PET_image.nii.gz", SUV_BODY_WEIGHT)
    drawn = read_nifti(folder / "STS_001_PET_mask.nii.gz", LABEL).values > 0
    margin = [int(np.ceil(20.0 / mm)) for mm in suv.grid.spacing_mm]
    edges = [
        slice(max(edge.start - n, 0), min(edge.stop + n, size))
        for edge, n, size in zip(
            ndimage.find_objects(drawn.astype(np.int8))[0], margin, drawn.shape, strict=True
        )
    ]
    box = (edges[0], edges[1], edges[2])
    return marked_neighborhood(suv, box=box, settings=SARCOMA), drawn[box]


def test_a_marked_box_gives_the_lesion_without_organs_or_liver() -> None:
    scene = a_scene(OUTSIDE, kidney=False)
    box = (slice(22, 31), slice(29, 38), slice(6, 15))

    around = marked_neighborhood(scene.suv, box=box, settings=SegmentationSettings(fwhm_mm=FWHM_MM))
    inside = delineate(
        around,
        method=DelineationMethod.HALF_MEAN,
        settings=SegmentationSettings(fwhm_mm=FWHM_MM),
        liver=None,
    )

    grid = sub_grid(scene.suv.grid, box=box)
    truth = Mask(np.ascontiguousarray(scene.lesions[0].inside[box]), grid)
    assert dice(Mask(inside, grid), truth) > 0.85


def test_refuses_a_box_outside_the_image() -> None:
    scene = a_scene(OUTSIDE)

    with pytest.raises(DataError, match="box with finite SUV"):
        marked_neighborhood(
            scene.suv,
            box=(slice(60, 70),) * 3,
            settings=SegmentationSettings(fwhm_mm=FWHM_MM),
        )
