"""Texture of the IBSI 1 CT phantom, configurations A to C, against the consensus values."""

import csv
import dataclasses

import nibabel as nib
import numpy as np
import pytest

from operandi.imaging.radiomics.prepare import discretize, prepare
from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    FixedBinSize,
    Interpolation,
    RadiomicsSettings,
)
from operandi.imaging.radiomics.texture import texture_features_all_dimensions
from tests.imaging.radiomics.texture_cases import by_tag, reference_tag, texture_settings
from tests.shared_data import needs_shared_data, published

PLANAR = tuple(Dimension)[:4]
IN_VOLUME = tuple(Dimension)[4:]

CONFIGURATIONS: dict[str, tuple[RadiomicsSettings, tuple[Dimension, ...], int]] = {
    "a": (
        dataclasses.replace(
            texture_settings(Dimension.MERGED),
            lower=-500.0,
            upper=400.0,
            discretization=FixedBinSize(width=25.0),
        ),
        PLANAR,
        272,
    ),
    "b": (
        dataclasses.replace(
            texture_settings(Dimension.MERGED),
            spacing_mm=(2.0, 2.0, 3.0),
            interpolation=Interpolation.LINEAR,
            mask_interpolation=Interpolation.LINEAR,
            rounding=1.0,
            lower=-500.0,
            upper=400.0,
            discretization=FixedBinNumber(bins=32),
        ),
        PLANAR,
        272,
    ),
    "c": (
        dataclasses.replace(
            texture_settings(Dimension.VOLUME),
            spacing_mm=(2.0, 2.0, 2.0),
            interpolation=Interpolation.LINEAR,
            mask_interpolation=Interpolation.LINEAR,
            rounding=1.0,
            lower=-1000.0,
            upper=400.0,
            discretization=FixedBinSize(width=25.0),
        ),
        IN_VOLUME,
        136,
    ),
}


@needs_shared_data
@pytest.mark.real_data
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_ct_phantom_gives_every_consensus_value_within_its_tolerance(name: str) -> None:
    """Texture rows of IBSI 1, Radiology 295:328, 2020, supplement; values and tolerances there."""
    settings, dimensions, number = CONFIGURATIONS[name]
    folder = published("radiomics/ibsi1/ct_phantom")
    image = nib.Nifti1Image.from_filename(folder / "phantom.nii.gz")
    mask = nib.Nifti1Image.from_filename(folder / "mask.nii.gz")
    spacing_mm = np.abs(np.diag(image.affine)[:3]).tolist()
    region = prepare(
        (np.asarray(image.dataobj), spacing_mm), np.asarray(mask.dataobj) > 0, settings
    )
    levels = discretize(region, settings)

    features = texture_features_all_dimensions(levels, region.morphology, settings)

    ours = {
        reference_tag(tag, dimension): value
        for dimension in dimensions
        for tag, value in by_tag(features[dimension]).items()
    }
    path = published(f"radiomics/ibsi1/reference/chest_config_{name}.csv")
    with path.open(newline="", encoding="utf-8") as rows:
        consensus = {
            row["feature_tag"]: (float(row["reference_value"]), float(row["tolerance"]))
            for row in csv.DictReader(rows)
            if row["feature_tag"] in ours
        }
    assert len(consensus) == len(ours) == number
    differ = {
        tag: (ours[tag], value, tolerance)
        for tag, (value, tolerance) in consensus.items()
        if abs((ours[tag] or 0.0) - value) > tolerance
    }
    assert not differ
