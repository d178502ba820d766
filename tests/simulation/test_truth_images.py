"""The true images of a visit, read back."""

import json
from pathlib import Path

import numpy as np
import pytest

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.nifti import read_nifti
from operandi.quantities.kinds import LABEL, PARAMETRIC, SUV_BODY_WEIGHT
from operandi.simulation.emission.pet import PetImage
from operandi.simulation.scenes.motion import displacement
from operandi.simulation.truth_images import write_visit_truth
from tests.simulation.cohorts import a_scenario, planned

GRID = Grid(
    (10, 8, 6),
    np.array(
        [
            [8.0, 0.0, 0.0, -36.0],
            [0.0, 8.0, 0.0, -28.0],
            [0.0, 0.0, 8.0, 40.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
)
NAMES = {1: "liver", 2: "OP-001-L1"}


def a_pet() -> PetImage:
    def ramp(scale: float) -> np.ndarray:
        return (scale * np.arange(480, dtype=np.float32)).reshape(GRID.shape)

    return PetImage(
        grid=GRID,
        suv=ramp(1.0),
        uncorrected=None,
        suv_true=ramp(2.0),
        expected=ramp(3.0),
        mu_true=ramp(4.0),
        mu_used=ramp(5.0),
        attenuation_factor=ramp(6.0),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("truth") / "OP-001" / "BASELINE"
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[2:5, 2:5, 2:5] = 1
    labels[3, 3, 3] = 2
    visit = planned(a_scenario(), 0).visits[0]
    write_visit_truth(at, visit, a_pet(), grid=GRID, labels=labels, names=NAMES)
    return at


def read(folder: Path, name: str) -> Volume:
    kinds = {"labels": LABEL, "suv": SUV_BODY_WEIGHT, "expected_suv": SUV_BODY_WEIGHT}
    return read_nifti(folder / f"{name}.nii.gz", kind=kinds.get(name, PARAMETRIC))


@pytest.mark.parametrize(
    ("name", "scale"), [("suv", 2.0), ("expected_suv", 3.0), ("mu", 4.0), ("mu_used", 5.0)]
)
def test_each_image_is_what_its_name_says(folder: Path, name: str, scale: float) -> None:
    found = read(folder, name)

    np.testing.assert_array_equal(found.values.ravel(), scale * np.arange(480))
    np.testing.assert_allclose(found.grid.affine, GRID.affine, atol=1e-4)


def test_labels_have_names(folder: Path) -> None:
    labels = read(folder, "labels").values

    names = json.loads((folder / "labels.json").read_text("utf-8"))
    assert names == {"1": "liver", "2": "OP-001-L1"}
    assert [int((labels == number).sum()) for number in (1, 2)] == [26, 1]


def test_the_field_of_breathing_fills_the_same_box_and_says_where_tissue_came_from(
    folder: Path,
) -> None:
    fields = [read(folder, f"inspiration_{axis}") for axis in "xyz"]
    grid = fields[0].grid

    corner = np.array([-0.5, -0.5, -0.5, 1.0])
    np.testing.assert_allclose(grid.affine @ corner, GRID.affine @ corner, atol=1e-3)
    far = [np.array([*(size - 0.5 for size in one.shape), 1.0]) for one in (grid, GRID)]
    np.testing.assert_allclose(grid.affine @ far[0], GRID.affine @ far[1], atol=1e-3)
    scene = planned(a_scenario(), 0).visits[0].scene
    expected = displacement(scene.motion, scene.pose, grid, respiration=1.0, contraction=0.0)
    found = np.stack([one.values for one in fields], axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    # Below the diaphragm organs go down in inspiration: their tissue lay higher before.
    assert float(found[..., 2].mean()) > 2.0
