"""IBSI 2: every published response map, and every feature value of the CT phantom."""

import csv
import functools

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest

from operandi.imaging.radiomics.filters.apply import box_around, response
from operandi.imaging.radiomics.filters.published import FEATURE_FILTERS, RESPONSE_MAPS
from operandi.imaging.radiomics.prepare import prepare
from operandi.imaging.radiomics.region import Region
from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    Interpolation,
    RadiomicsSettings,
)
from operandi.imaging.radiomics.statistics import intensity_statistics
from tests.shared_data import needs_shared_data, published

pytestmark = [needs_shared_data, pytest.mark.real_data]

MAPS = [
    "1.a.1",
    "1.a.3",
    "1.a.4",
    "2.a",
    "2.b",
    "3.a.1",
    "3.a.2",
    "3.b.1",
    "3.b.2",
    "3.c.1",
    "3.c.2",
    "4.a.1",
    "4.a.2",
    "4.b.2",
    "5.a.1",
    "6.a.1",
    "6.a.2",
    "7.a.2",
    "8.a.1",
    "8.a.3",
    "9.a",
    "10.b.1",
]
"""The maps on which the participants agreed."""

FEATURES = ["1.A", "1.B", "2.A", "3.A", "3.B", "4.B", "5.A", "6.B", "7.A", "8.A", "8.B", "9.B"]


def _read(name: str) -> tuple[npt.NDArray[np.float64], tuple[float, float, float]]:
    image = nib.nifti1.load(published(f"radiomics/{name}"))
    i, j, k = (float(size) for size in image.header.get_zooms()[:3])
    return image.get_fdata(), (i, j, k)


@pytest.mark.parametrize("number", MAPS)
def test_response_map_is_within_one_percent_of_its_range_at_every_voxel(number: str) -> None:
    phantom, settings = RESPONSE_MAPS[number]
    values, spacing_mm = _read(f"ibsi2/phantoms/{phantom}/{phantom}.nii.gz")
    file = number.replace(".", "_")
    reference, _ = _read(f"ibsi2/reference_response_maps/{file}-ValidCRM.nii.gz")

    found = response(values, spacing_mm, settings)

    assert np.abs(found - reference).max() <= 0.01 * np.ptp(reference)


def test_every_published_response_map_is_tested() -> None:
    folder = published("radiomics/ibsi2/reference_response_maps")
    files = {file.name.split("-")[0].replace("_", ".") for file in folder.iterdir()}

    assert files == set(MAPS)


@functools.cache
def _ct_phantom(configuration: str) -> Region:
    """The whole phantom: as it is (A), or at 1 mm (B); re-segmented before it is filtered."""
    values, spacing_mm = _read("ibsi1/ct_phantom/phantom.nii.gz")
    mask, _ = _read("ibsi1/ct_phantom/mask.nii.gz")
    volume = configuration == "B"
    settings = RadiomicsSettings(
        dimension=Dimension.VOLUME if volume else Dimension.SLICES_MERGED,
        spacing_mm=(1.0, 1.0, 1.0) if volume else None,
        interpolation=Interpolation.CUBIC,
        mask_interpolation=Interpolation.LINEAR,
        mask_threshold=0.5,
        rounding=1.0 if volume else None,
        lower=-1000.0,
        upper=400.0,
        outlier_sigmas=None,
        discretization=FixedBinNumber(bins=32),
        volume_histogram=None,
    )
    return prepare((values, spacing_mm), mask > 0.5, settings, margin_mm=1000.0)


@pytest.mark.parametrize("number", FEATURES)
def test_feature_values_of_the_ct_phantom_are_within_tolerance(number: str) -> None:
    """The quartile coefficient of 8.B has neither value nor tolerance: a median near 0."""
    whole = _ct_phantom(number[-1])
    box = box_around(whole.intensity)
    cut = tuple(slice(first, last) for first, last in box)
    settings = FEATURE_FILTERS[number]
    values = (
        whole.values[cut]
        if settings is None
        else response(whole.values, whole.spacing_mm, settings, box=box)
    )
    region = Region(values, whole.morphology[cut], whole.intensity[cut], whole.spacing_mm)
    found = {feature.tag: feature.value for feature in intensity_statistics(region)}

    with published("radiomics/ibsi2/reference_feature_values.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["filter_id"] == number]
    assert len(rows) == 18
    missed = []
    for row in rows:
        if not row["tolerance"]:
            assert (number, row["feature_tag"]) == ("8.B", "stat_qcod")
            continue
        value = found[row["feature_tag"]]
        assert value is not None
        if abs(value - float(row["consensus_value"])) > float(row["tolerance"]):
            missed.append((row["feature_tag"], value, row["consensus_value"], row["tolerance"]))
    assert not missed


def test_every_published_configuration_is_tested() -> None:
    with published("radiomics/ibsi2/reference_feature_values.csv").open() as file:
        assert {row["filter_id"] for row in csv.DictReader(file)} == set(FEATURES)
