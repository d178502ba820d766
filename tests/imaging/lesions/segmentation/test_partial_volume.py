"""Mean SUV with the blur accounted for."""

from dataclasses import replace

import numpy as np
import pytest

from operandi.imaging.lesions.segmentation.partial_volume import recovery_of
from operandi.imaging.lesions.segmentation.segment import segment_lesions
from operandi.imaging.lesions.segmentation.settings import (
    DelineationMethod,
    SegmentationSettings,
    SuvMeanCorrection,
)
from tests.imaging.lesions.segmentation.scenes import FWHM_MM, OUTSIDE, a_scene

SETTINGS = SegmentationSettings(fwhm_mm=FWHM_MM, method=DelineationMethod.HALF_MEAN)


def test_a_sphere_much_larger_than_the_blur_keeps_nearly_all_and_a_small_one_little() -> None:
    """Within 1 % of ``1 - 6 s / (sqrt(2 pi) d)`` for d >> s: the spill over a flat border."""
    place = np.stack(np.meshgrid(*[np.arange(-20, 21)] * 3, indexing="ij"), axis=-1) * 2.0
    ball = np.linalg.norm(place, axis=-1) <= 36.0

    kept = recovery_of(ball, spacing_mm=(2.0, 2.0, 2.0), fwhm_mm=6.0)

    assert kept == pytest.approx(
        1.0 - 6.0 * (6.0 / 2.3548) / (np.sqrt(2.0 * np.pi) * 72.0), abs=0.01
    )
    assert recovery_of(ball[18:23, 18:23, 18:23], spacing_mm=(1.0,) * 3, fwhm_mm=6.0) < 0.4


@pytest.mark.parametrize("correction", [SuvMeanCorrection.FIT, SuvMeanCorrection.RECOVERY])
def test_corrected_mean_is_within_a_tenth_of_the_truth(correction: SuvMeanCorrection) -> None:
    """A sphere of 10.3 mL and SUV 12."""
    scene = a_scene((OUTSIDE[0], 13.5, 12.0), noise=0.05)
    settings = replace(SETTINGS, correction=correction, fwhm_sd_mm=0.5)

    (lesion,) = segment_lesions(
        scene.suv, organs=scene.organs, references=scene.references, settings=settings
    ).lesions

    assert lesion.suv_mean.value == pytest.approx(12.0, rel=0.1)
    assert lesion.suv_mean.uncorrected < 10.5
    assert lesion.suv_mean.standard_uncertainty is not None
    assert lesion.suv_mean.standard_uncertainty > 0.0


def test_peak_stands_for_the_mean_where_asked() -> None:
    scene = a_scene(OUTSIDE)
    settings = replace(SETTINGS, correction=SuvMeanCorrection.PEAK)

    (lesion,) = segment_lesions(
        scene.suv, organs=scene.organs, references=scene.references, settings=settings
    ).lesions

    assert lesion.suv_mean.value is not None
    assert lesion.suv_mean.uncorrected < lesion.suv_mean.value < lesion.suv_maximum
    assert lesion.suv_mean.standard_uncertainty is None


def test_a_lesion_that_keeps_too_little_has_no_corrected_mean_but_a_reason() -> None:
    scene = a_scene((OUTSIDE[0], 5.0, 60.0))
    settings = replace(SETTINGS, fwhm_mm=14.0, minimum_volume_ml=0.0)
    settings = replace(settings, method=DelineationMethod.ISOCONTOUR_50)

    (lesion,) = segment_lesions(
        scene.suv, organs=scene.organs, references=scene.references, settings=settings
    ).lesions

    assert lesion.suv_mean.value is None
    assert "too little" in lesion.suv_mean.absent
