"""Predictions of nnU-Net from a folder: matched by name and grid, checked against its plans."""

import json
from pathlib import Path

import numpy as np
import pytest

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.lesions.models.opened import open_model
from operandi.imaging.lesions.models.protocol import ModelImages, PredictedLabels
from operandi.imaging.nifti import write_labels
from operandi.quantities.errors import GridMismatchError, OperandiError
from operandi.quantities.kinds import SUV_BODY_WEIGHT
from tests.imaging.lesions.models.networks import MANIFEST, sha256, write_manifest
from tests.imaging.lesions.phantoms import a_pet_grid

GRID = a_pet_grid((10, 9, 8), spacing_mm=(4.0, 3.0, 5.0))
SUV = Volume(
    np.random.default_rng(2).uniform(0.0, 6.0, GRID.shape).astype(np.float32),
    GRID,
    SUV_BODY_WEIGHT,
)
LABELS = (SUV.values > 3.0).astype(np.uint16)
DATASET = {"channel_names": {"0": "PET"}, "labels": {"background": 0, "lesion": 1}}
PLANS = {
    "transpose_forward": [0, 1, 2],
    "configurations": {"3d_fullres": {"spacing": [5.0, 3.0, 4.0], "patch_size": [8, 8, 8]}},
}


def results(
    folder: Path,
    *,
    dataset: object = DATASET,
    plans: object = PLANS,
    labels: np.ndarray[tuple[int, ...], np.dtype[np.uint16]] = LABELS,
    grid: Grid = GRID,
    changes: dict[str, str] | None = None,
) -> Path:
    files = {"dataset.json": json.dumps(dataset), "plans.json": json.dumps(plans)}
    listed = ""
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
        listed += f'[[weights]]\nfile = "{name}"\nsha256 = "{sha256(text.encode())}"\n\n'
    (folder / "predictions").mkdir(exist_ok=True)
    write_labels(folder / "predictions" / "P-014_BASELINE.nii.gz", labels, grid)
    stated = (
        '[results]\npredictions = "predictions"\ncase = "{participant}_{timepoint}"\n'
        'configuration = "3d_fullres"\n\n[grid]'
    )
    return write_manifest(
        folder,
        MANIFEST,
        {
            'backend = "onnx"': 'backend = "nnunet-results"',
            '[[weights]]\nfile = "model.onnx"\nsha256 = "@SHA@"\n\n': listed,
            'kind = "logits"': 'kind = "labels"',
            "[grid]": stated,
            'axes = "LPS"': 'axes = "SPL"',
            '"pet"': "[5.0, 3.0, 4.0]",
            **(changes or {}),
        },
    )


def predicted(folder: Path, participant: str = "P-014") -> PredictedLabels:
    images = ModelImages(volumes={"suv": SUV}, participant=participant, timepoint="BASELINE")
    return open_model(folder).predict(images)


def refusal(folder: Path, participant: str = "P-014") -> str:
    with pytest.raises(OperandiError) as caught:
        predicted(folder, participant)
    return str(caught.value)


def test_the_label_map_of_the_case_is_taken_and_its_digest_kept(tmp_path: Path) -> None:
    found = predicted(results(tmp_path))

    np.testing.assert_array_equal(found.values, LABELS)
    content = (tmp_path / "predictions" / "P-014_BASELINE.nii.gz").read_bytes()
    assert found.inputs == (sha256(content),)


def test_a_map_with_turned_axes_is_the_same_map(tmp_path: Path) -> None:
    affine = GRID.affine.copy()
    affine[:3, 0] *= -1
    affine[:3, 3] = GRID.position_of((GRID.shape[0] - 1, 0, 0))
    turned = Grid(GRID.shape, affine)

    found = predicted(results(tmp_path, labels=np.ascontiguousarray(LABELS[::-1]), grid=turned))

    np.testing.assert_array_equal(found.values, LABELS)


def test_a_map_on_other_voxels_is_refused(tmp_path: Path) -> None:
    affine = GRID.affine.copy()
    affine[0, 3] += 2.0
    with pytest.raises(GridMismatchError, match="does not lie on the grid"):
        predicted(results(tmp_path, grid=Grid(GRID.shape, affine)))


def test_a_case_without_a_map_is_refused_and_those_there_are_named(tmp_path: Path) -> None:
    told = refusal(results(tmp_path), "P-015")

    assert "0 label maps of case 'P-015_BASELINE'" in told
    assert "P-014_BASELINE.nii.gz" in told


def test_two_maps_of_a_case_are_refused(tmp_path: Path) -> None:
    folder = results(tmp_path)
    write_labels(folder / "predictions" / "P-014_BASELINE.nii", LABELS, GRID)

    assert "2 label maps" in refusal(folder)


@pytest.mark.parametrize("participant", ["../../P-014", "a/b"])
def test_a_participant_that_is_a_path_is_refused(tmp_path: Path, participant: str) -> None:
    assert "no name of a case" in refusal(results(tmp_path), participant)


@pytest.mark.parametrize(
    ("dataset", "plans", "said"),
    [
        ({**DATASET, "channel_names": {"0": "PET", "1": "CT"}}, PLANS, "has 2 channels"),
        ({**DATASET, "labels": {"background": 0, "lesion": 2}}, PLANS, "has the labels [2]"),
        ({**DATASET, "labels": {"background": 0, "lesion": [1, 2]}}, PLANS, "regions"),
        ({"channel_names": {"0": "PET"}}, PLANS, "no table"),
        ([], PLANS, "no table"),
        (DATASET, {"configurations": {"2d": {}}}, "has the configurations 2d"),
        (DATASET, {"configurations": {"3d_fullres": {}}}, "states no spacing"),
        (
            DATASET,
            {"configurations": {"3d_fullres": {"spacing": [4.0, 3.0, 5.0]}}},
            "has the spacing",
        ),
    ],
)
def test_what_contradicts_the_manifest_is_named(
    tmp_path: Path, dataset: object, plans: object, said: str
) -> None:
    assert said in refusal(results(tmp_path, dataset=dataset, plans=plans))


def test_plans_that_transpose_are_compared_in_their_order(tmp_path: Path) -> None:
    plans = {
        "transpose_forward": [2, 0, 1],
        "configurations": {"3d_fullres": {"spacing": [4.0, 5.0, 3.0]}},
    }

    assert predicted(results(tmp_path, plans=plans)).values.any()


def test_a_folder_without_predictions_is_refused(tmp_path: Path) -> None:
    changes = {'predictions = "predictions"': 'predictions = "none"'}
    assert "no folder none" in refusal(results(tmp_path, changes=changes))


def test_checkpoints_beside_the_results_are_never_opened(tmp_path: Path) -> None:
    folder = results(tmp_path)
    (folder / "checkpoint_final.pth").write_bytes(b"\x80\x04cos\nsystem\n.")

    assert predicted(folder).values.any()
