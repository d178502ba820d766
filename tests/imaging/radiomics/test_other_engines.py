"""Configurations D and E of IBSI 1, beside two engines: ``tests/known_answers/radiomics``."""

import csv
from pathlib import Path

import pytest

from operandi.imaging.radiomics.intensity_histogram import intensity_histogram_features
from operandi.imaging.radiomics.intensity_volume_histogram import intensity_volume_features
from operandi.imaging.radiomics.local_intensity import local_intensity_features
from operandi.imaging.radiomics.morphology import morphological_features
from operandi.imaging.radiomics.prepare import discretize
from operandi.imaging.radiomics.statistics import intensity_statistics
from tests.imaging.radiomics.regions import CONFIGURATIONS, by_tag, prepared
from tests.shared_data import needs_shared_data

ANSWERS = Path(__file__).resolve().parents[2] / "known_answers" / "radiomics"


@needs_shared_data
@pytest.mark.parametrize("configuration", ["chest_config_d", "chest_config_e"])
@pytest.mark.parametrize(("engine", "count"), [("mirp", 72), ("z_rad", 74)])
def test_agrees_with_another_engine(configuration: str, engine: str, count: int) -> None:
    """Every feature that both have, to 1e-5: their meshes are of single precision."""
    region, settings = prepared(configuration), CONFIGURATIONS[configuration]
    found = by_tag(
        (
            *morphological_features(region),
            *local_intensity_features(region),
            *intensity_statistics(region),
            *intensity_histogram_features(discretize(region, settings)),
            *intensity_volume_features(region, settings),
        )
    )
    with (ANSWERS / f"{engine}_{configuration}.csv").open(encoding="utf-8") as file:
        theirs = {row["feature_tag"]: float(row["value"]) for row in csv.DictReader(file)}

    shared = found.keys() & theirs.keys()

    assert len(shared) == count
    for tag in shared:
        assert found[tag].value == pytest.approx(theirs[tag], rel=1e-5), tag
