"""Networks run in process: labels equal the closed form, whatever the grid and the tiles."""

import importlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.lesions.models.opened import open_model
from operandi.imaging.lesions.models.protocol import ModelImages, PredictedLabels
from operandi.imaging.resample import resample
from operandi.quantities.errors import DataError, GridMismatchError, OperandiError, UnsupportedError
from operandi.quantities.kinds import MR_SIGNAL, SUV_BODY_WEIGHT
from tests.imaging.lesions.models.networks import a_model, above, network, sha256
from tests.imaging.lesions.phantoms import a_pet_grid

SHAPE = (13, 11, 9)


def an_suv(grid: Grid, *, seed: int = 3) -> Volume:
    values = np.random.default_rng(seed).uniform(0.0, 6.0, grid.shape).astype(np.float32)
    values[2, 3, 4] = 3.0  # exactly the threshold: not above it
    return Volume(values, grid, SUV_BODY_WEIGHT)


def predicted(folder: Path, suv: Volume, **others: Volume) -> PredictedLabels:
    return open_model(folder).predict(ModelImages(volumes={"suv": suv, **others}))


def refusal(folder: Path, suv: Volume | None = None, **others: Volume) -> OperandiError:
    with pytest.raises(OperandiError) as caught:
        predicted(folder, suv or an_suv(a_pet_grid(SHAPE)), **others)
    return caught.value


def turned_grid(axes: str, *, spacing: tuple[float, float, float], turned_deg: float) -> Grid:
    """A grid whose arrays run along the letters, turned and tilted."""
    straight = a_pet_grid(SHAPE, spacing_mm=(1.0, 1.0, 1.0), turned_deg=turned_deg)
    directions = {"L": 0, "R": 0, "P": 1, "A": 1, "S": 2, "I": 2}
    affine = np.eye(4)
    for axis, letter in enumerate(axes):
        sign = 1.0 if letter in "LPS" else -1.0
        affine[:3, axis] = sign * spacing[axis] * straight.affine[:3, directions[letter]]
    affine[:3, 3] = (12.0, -30.0, 400.0)
    return Grid(SHAPE, affine, "1.2.3")


# --- closed forms -----------------------------------------------------------------------------


def test_labels_are_where_the_suv_is_above_the_threshold(tmp_path: Path) -> None:
    suv = an_suv(a_pet_grid(SHAPE))

    found = predicted(a_model(tmp_path), suv)

    np.testing.assert_array_equal(found.values, suv.values > 3.0)
    assert found.grid is suv.grid
    assert found.model.words.startswith("threshold 1.0 (sha256 ")


@pytest.mark.parametrize("axes", ["LPS", "RAS", "SPL", "AIR", "PSR"])
@pytest.mark.parametrize("own", ["LPS", "SAR", "ILP"])
def test_axes_that_are_exchanged_or_turned_come_back_exactly(
    tmp_path: Path, axes: str, own: str
) -> None:
    suv = an_suv(turned_grid(own, spacing=(2.0, 3.1, 4.7), turned_deg=17.0))

    found = predicted(a_model(tmp_path, changes={'"LPS"': f'"{axes}"'}), suv)

    np.testing.assert_array_equal(found.values, suv.values > 3.0)


def test_a_network_sees_its_axes_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    """Fixed sizes of the input, which are those of the image's axes in that order."""
    content = above(3.0, size=(SHAPE[2], SHAPE[1], SHAPE[0]))
    size = f"[tiles]\nsize = [{SHAPE[2]}, {SHAPE[1]}, {SHAPE[0]}]\noverlap = 0.0\n\n[output]"
    folder = a_model(tmp_path, content, changes={'"LPS"': '"SPL"', "[output]": size})
    suv = an_suv(a_pet_grid(SHAPE))

    np.testing.assert_array_equal(predicted(folder, suv).values, suv.values > 3.0)


@pytest.mark.parametrize("turned_deg", [0.0, 21.0])
def test_another_spacing_labels_the_same_half_of_the_body(
    tmp_path: Path, turned_deg: float
) -> None:
    """SUV rises linearly along the patient's left; trilinear keeps that, so the border is known.

    Labels of the model's voxels come back by the nearest, so the border moves by at most half a
    voxel of the model along each axis.
    """
    grid = turned_grid("SAR", spacing=(3.0, 2.0, 4.0), turned_deg=turned_deg)
    indices = np.moveaxis(np.indices(SHAPE), 0, -1)
    left_mm = grid.position_of(indices)[..., 0]
    middle = float(np.median(left_mm))
    suv = Volume((left_mm - middle + 50.0).astype(np.float32), grid, SUV_BODY_WEIGHT)
    changes = {'"pet"': "[5.0, 3.0, 2.5]", "outside = 0.0": "outside = 50.0"}

    found = predicted(a_model(tmp_path, above(50.0), changes=changes), suv)

    clear = np.abs(left_mm - middle) > 0.5 * np.linalg.norm((5.0, 3.0, 2.5))
    inner = np.zeros(SHAPE, dtype=bool)
    inner[2:-2, 2:-2, 2:-2] = True
    chosen = clear & inner
    assert chosen.sum() > 100
    np.testing.assert_array_equal(found.values[chosen], (left_mm > middle)[chosen])


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(*[st.integers(2, 16)] * 3),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.75]),
)
def test_tiles_of_a_pointwise_network_equal_the_whole_image(
    tmp_path_factory: pytest.TempPathFactory, size: tuple[int, int, int], overlap: float
) -> None:
    folder = tmp_path_factory.mktemp("model")
    tiles = f"[tiles]\nsize = {list(size)}\noverlap = {overlap}\n\n[output]"
    suv = an_suv(a_pet_grid((9, 8, 7)))

    found = predicted(a_model(folder, changes={"[output]": tiles}), suv)

    np.testing.assert_array_equal(found.values, suv.values > 3.0)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (above(2.0, 4.0), "logits"),
        (above(2.0, 4.0, then="Softmax"), "softmax"),
        (above(2.0, 4.0, then="ArgMax"), "labels"),
    ],
)
def test_every_kind_of_output_gives_the_same_labels(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    changes = {'kind = "logits"': f'kind = "{kind}"', '1 = "lesion"': '1 = "lesion"\n2 = "liver"'}
    suv = an_suv(a_pet_grid(SHAPE))

    found = predicted(a_model(tmp_path, content, changes=changes), suv)

    np.testing.assert_array_equal(found.values, (suv.values > 2.0).astype(int) + (suv.values > 4.0))
    np.testing.assert_array_equal(found.lesion, (suv.values > 2.0) & (suv.values <= 4.0))
    assert found.organs == ("liver",)


def test_sigmoid_counts_from_its_threshold(tmp_path: Path) -> None:
    """sigmoid(x - 3) >= 0.75 where x >= 3 + ln 3."""
    content = network(np.ones((1, 1), np.float32), np.array([-3.0], np.float32), then="Sigmoid")
    changes = {'kind = "logits"': 'kind = "sigmoid"\nthreshold = 0.75'}
    suv = an_suv(a_pet_grid(SHAPE))

    found = predicted(a_model(tmp_path, content, changes=changes), suv)

    np.testing.assert_array_equal(found.values, suv.values >= 3.0 + np.log(3.0))


def test_channels_come_in_the_order_of_the_manifest_each_on_the_grid_of_the_pet(
    tmp_path: Path,
) -> None:
    """Logit: water / 100 - 0.5, of a water image with voxels twice as fine."""
    weights = np.array([[0.0, 0.0], [1.0, 0.0]], np.float32)
    content = network(weights, np.array([0.0, -0.5], np.float32))
    water_first = (
        '[[inputs]]\nchannel = "water"\nunit = "1"\nnormalization = "mean-sd"\nmean = 0.0\n'
        'sd = 100.0\nclip = [0.0, 90.0]\noutside = 0.0\n\n[[inputs]]\nchannel = "suv"'
    )
    changes = {'[[inputs]]\nchannel = "suv"': water_first}
    suv = an_suv(a_pet_grid(SHAPE))
    fine = a_pet_grid((26, 22, 18), spacing_mm=(2.0, 2.0, 2.0))
    values = np.random.default_rng(5).uniform(0.0, 100.0, fine.shape).astype(np.float32)
    water = Volume(values, fine, MR_SIGNAL)

    found = predicted(a_model(tmp_path, content, changes=changes), suv, water=water)

    placed = resample(water, suv.grid, order="linear", outside=0.0).values
    clear = np.abs(placed - 50.0) > 1e-3
    np.testing.assert_array_equal(found.values[clear], (placed > 50.0)[clear])
    assert 0.2 < found.values.mean() < 0.8


def test_z_score_is_of_the_whole_image(tmp_path: Path) -> None:
    changes = {'normalization = "none"': 'normalization = "z-score"'}
    suv = an_suv(a_pet_grid(SHAPE))

    found = predicted(a_model(tmp_path, above(0.5), changes=changes), suv)

    score = (suv.values - suv.values.mean(dtype=float)) / suv.values.std(dtype=float)
    np.testing.assert_array_equal(found.values, score > 0.5)


def test_the_same_image_gives_the_same_labels_and_they_cannot_be_changed(tmp_path: Path) -> None:
    folder, suv = a_model(tmp_path), an_suv(a_pet_grid(SHAPE))

    first, second = predicted(folder, suv), predicted(folder, suv)

    assert first.values.tobytes() == second.values.tobytes()
    assert not first.values.flags.writeable


# --- files ------------------------------------------------------------------------------------


def with_external(folder: Path, location: str, *, listed: str = "", sha: str = "") -> Path:
    content = above(3.0, location=location)
    more = f'[[weights]]\nfile = "{listed}"\nsha256 = "{sha}"\n\n[[inputs]]'
    return a_model(folder, content, changes={"[[inputs]]": more} if listed else {})


def test_weights_in_a_listed_file_beside_the_network_are_taken(tmp_path: Path) -> None:
    values = np.array([0.0, 1.0], "<f4").tobytes()
    (tmp_path / "weights.data").write_bytes(values)
    folder = with_external(tmp_path, "weights.data", listed="weights.data", sha=sha256(values))
    suv = an_suv(a_pet_grid(SHAPE))

    np.testing.assert_array_equal(predicted(folder, suv).values, suv.values > 3.0)


def test_weights_in_a_file_that_nobody_vouched_for_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.data").write_bytes(np.array([0.0, 1.0], "<f4").tobytes())

    assert "does not list" in str(refusal(with_external(tmp_path, "weights.data")))


@pytest.mark.parametrize("location", ["../weights.data", "/etc/hostname", "a/../../b", "c:\\d"])
def test_weights_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    assert "outside its folder" in str(refusal(with_external(tmp_path / "model", location)))


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"PK\x03\x04", b"\x08\x08" * 7])
def test_what_is_no_network_is_refused(tmp_path: Path, content: bytes) -> None:
    error = refusal(a_model(tmp_path, content))

    assert "damaged or of another format" in str(error) or "cannot open" in str(error)


@settings(max_examples=40, deadline=None)
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_damaged_network_is_refused_or_runs_but_never_breaks(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    content = bytearray(above(3.0))
    content[at % len(content)] = byte
    folder = a_model(tmp_path_factory.mktemp("model"), bytes(content))
    try:
        predicted(folder, an_suv(a_pet_grid(SHAPE)))
    except OperandiError:
        return


def test_without_onnx_runtime_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    folder = a_model(tmp_path)
    monkeypatch.setattr(importlib, "import_module", absent)

    with pytest.raises(UnsupportedError, match=r"operandi\[models\]"):
        predicted(folder, an_suv(a_pet_grid(SHAPE)))


# --- answers that cannot be believed ----------------------------------------------------------


def test_an_image_without_any_label_is_refused_unless_that_is_an_answer(tmp_path: Path) -> None:
    content = above(100.0)

    assert "labeled nothing" in str(refusal(a_model(tmp_path, content)))
    changes = {"may_be_empty = false": "may_be_empty = true"}
    allowed = predicted(a_model(tmp_path, content, changes=changes), an_suv(a_pet_grid(SHAPE)))
    assert not allowed.values.any()


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    assert "not finite" in str(refusal(a_model(tmp_path, above(3.0, then="Sqrt"))))


@pytest.mark.parametrize(
    ("content", "changes", "said"),
    [
        (above(3.0), {'kind = "logits"': 'kind = "softmax"'}, "no probabilities"),
        (above(3.0), {'1 = "lesion"': '1 = "lesion"\n2 = "liver"'}, "it must be"),
        (above(2.0, 4.0, then="ArgMax"), {'kind = "logits"': 'kind = "labels"'}, "the label 2"),
        (above(3.0, then="ArgMax"), {}, "it must be"),
        (network(np.ones((2, 2), np.float32), np.zeros(2, np.float32)), {}, "takes 2 channels"),
        (above(3.0, size=(8, 8, 8)), {}, "takes 8 x 8 x 8 voxels"),
    ],
)
def test_an_output_that_contradicts_the_manifest_is_refused(
    tmp_path: Path, content: bytes, changes: dict[str, str], said: str
) -> None:
    assert said in str(refusal(a_model(tmp_path, content, changes=changes)))


def test_a_missing_channel_is_named(tmp_path: Path) -> None:
    changes = {'channel = "suv"': 'channel = "water"', 'unit = "g/mL"': 'unit = "1"'}

    assert "needs water, given were suv" in str(refusal(a_model(tmp_path, changes=changes)))


def test_an_image_in_another_frame_of_reference_is_refused(tmp_path: Path) -> None:
    suv = an_suv(a_pet_grid(SHAPE))
    elsewhere = Grid(SHAPE, suv.grid.affine, "9.9")
    water = Volume(np.zeros(SHAPE, np.float32), elsewhere, MR_SIGNAL)

    with pytest.raises(GridMismatchError):
        predicted(a_model(tmp_path), suv, water=water)


def test_a_uniform_image_has_no_z_score(tmp_path: Path) -> None:
    changes = {'normalization = "none"': 'normalization = "z-score"'}
    flat = Volume(np.ones(SHAPE, np.float32), a_pet_grid(SHAPE), SUV_BODY_WEIGHT)

    with pytest.raises(DataError, match="1 everywhere"):
        predicted(a_model(tmp_path, changes=changes), flat)


def test_an_image_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    values: npt.NDArray[np.float32] = np.ones(SHAPE, np.float32)
    values[0, 0, 0] = np.nan
    broken = Volume(values, a_pet_grid(SHAPE), SUV_BODY_WEIGHT)

    assert "not finite" in str(refusal(a_model(tmp_path), broken))
