from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Sex
from operandi.quantities.errors import DataError
from operandi.simulation.dicom.headers import SeriesHeader, StudyHeader
from operandi.simulation.dicom.mr import write_mr
from operandi.simulation.mr.series import MADE_OF, mr_series, true_maps
from operandi.simulation.mr.session import MrArtifacts, MrSeries
from operandi.simulation.scenes.scene import Ellipsoid, Part, Scene, Shape
from tests.simulation.mr.scenes import FAT, LIVER, a_part, a_scene, occupied

KINDS = ("dixon", "t2", "dwi", "mre", "dce")
LESION = replace(LIVER, t1_ms=1200.0, t2_ms=80.0, adc_mm2_s=0.9e-3, stiffness_kpa=10.1)


def an_ellipsoid(name: str, tissue: str, *, at: float, size: float) -> Part:
    shape = Shape(
        parts=(Ellipsoid(center=(-at, 0.0, 90.0), semi_axes=(size, 0.6 * size, 2.0 * size)),)
    )
    return replace(a_part(name, tissue=tissue), shape=shape)


def a_trunk() -> Scene:
    return a_scene(
        {"fat": FAT, "liver": LIVER, "OP-001-L1": LESION},
        [
            an_ellipsoid("body", "fat", at=0.0, size=170.0),
            an_ellipsoid("liver", "liver", at=60.0, size=70.0),
            an_ellipsoid("OP-001-L1", "OP-001-L1", at=60.0, size=20.0),
        ],
    )


def acquired(*series: str, seed: int = 7, key: tuple[int, ...] = (3, 1)) -> tuple[MrSeries, ...]:
    return mr_series(
        a_trunk(),
        series=series,
        detail="coarse",
        frame_of_reference="1.2.3",
        artifacts=MrArtifacts(),
        seed=seed,
        key=key,
    )


def test_a_visit_has_every_series_as_a_scanner_stores_it() -> None:
    found = acquired(*KINDS)

    assert [one.name for one in found] == [
        "dixon_opposed",
        "dixon_in",
        "dixon_water",
        "dixon_fat",
        "t2",
        "mre_magnitude",
        "mre_phase",
        "dwi",
        "dwi_adc",
        "t1_flips",
        "dce",
    ]
    for one in found:
        assert one.sequence.volumes == len(one.volumes)
        for volume in one.volumes:
            low, high = (-4096, 4095) if one.sequence.phase else (0, 4095)
            assert volume.values.dtype == np.float32
            assert low <= volume.values.min()
            assert volume.values.max() <= high
            assert np.array_equal(volume.values, np.rint(volume.values))
            assert volume.grid.frame_of_reference == "1.2.3"
    assert [one.after_s for one in found] == sorted(one.after_s for one in found)


def test_what_is_asked_for_beside_it_does_not_change_a_series() -> None:
    alone = acquired("t2", "pet")
    among = acquired("t2", "dwi")

    assert len(alone) == 1
    np.testing.assert_array_equal(alone[0].volumes[0].values, among[0].volumes[0].values)


def test_equal_seeds_give_equal_levels_and_others_do_not() -> None:
    one, same = acquired("dwi"), acquired("dwi")
    other, next_visit = acquired("dwi", seed=8), acquired("dwi", key=(3, 2))

    for a, b in zip(one, same, strict=True):
        for first, second in zip(a.volumes, b.volumes, strict=True):
            assert first.values.tobytes() == second.values.tobytes()
    assert not np.array_equal(one[0].volumes[0].values, other[0].volumes[0].values)
    assert not np.array_equal(one[0].volumes[0].values, next_visit[0].volumes[0].values)


def test_volumes_of_a_series_have_noise_of_their_own() -> None:
    (dwi, _) = acquired("dwi")
    corners = [volume.values[:8, :8, :8].ravel() for volume in dwi.volumes]

    correlation = np.corrcoef(corners)
    assert np.abs(correlation - np.eye(len(corners))).max() < 0.25


def test_lesion_shows_in_every_series_as_its_tissue_demands() -> None:
    found = {one.name: one.volumes for one in acquired(*KINDS)}

    def at(name: str, x: float, volume: int = 0) -> float:
        one = found[name][volume]
        i, j, k = np.rint(one.grid.index_of((x, 0.0, 90.0))).astype(int)
        return float(one.values[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2].mean())

    lesion, liver, fat = -60.0, -100.0, 50.0
    assert at("dixon_water", lesion) < 0.9 * at("dixon_water", liver)
    assert at("dixon_fat", fat) > 5 * at("dixon_fat", liver)
    assert at("t2", lesion) > 2 * at("t2", liver)
    assert at("dwi", lesion, 5) > 2 * at("dwi", liver, 5)
    assert at("dce", liver, 12) > 1.3 * at("dce", liver, 0)


def test_true_maps_are_means_over_the_tissue_of_a_voxel() -> None:
    scene = a_trunk()
    grid = acquired("dwi")[0].volumes[0].grid
    quarter = np.full(grid.shape, 0.25, dtype=np.float32)
    occupancy = occupied({"liver": quarter, "OP-001-L1": quarter}, grid)

    maps = true_maps(scene, occupancy, kind="dwi")

    assert tuple(maps) == MADE_OF["dwi"]
    np.testing.assert_allclose(maps["adc_mm2_s"], 1.0e-3, rtol=1e-5)


def test_refuses_a_series_that_no_scanner_knows() -> None:
    with pytest.raises(DataError, match="knows no series spectroscopy"):
        acquired("dixon", "spectroscopy")


def test_every_series_is_written_as_dicom(tmp_path: Path) -> None:
    study = StudyHeader(
        participant=Pseudonym("OP-004"),
        sex=Sex.FEMALE,
        body_mass_kg=70.0,
        height_m=1.7,
        uid="1.2.3.4",
        started_at=datetime(2025, 3, 1, 9, tzinfo=UTC),
    )
    for number, one in enumerate(acquired("dwi", "mre"), start=1):
        header = SeriesHeader(
            uid=f"1.2.3.4.{number}",
            number=number,
            description=one.name,
            started_at=study.started_at + timedelta(seconds=one.after_s),
        )
        paths = write_mr(
            tmp_path / one.name, one.volumes, study=study, series=header, sequence=one.sequence
        )
        shape = one.volumes[0].grid.shape
        assert len(paths) == len(one.volumes) * shape[2]
        first = dcmread(paths[0])
        stored = first.pixel_array * float(first.get("RescaleSlope", 1)) + float(
            first.get("RescaleIntercept", 0)
        )
        np.testing.assert_allclose(stored.T, one.volumes[0].values[:, :, 0], atol=1e-3)
