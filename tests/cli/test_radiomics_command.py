"""``operandi radiomics`` as somebody with one image and one mask meets it."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.cli.radiomics_input import Modality, _unique, read_image, read_regions
from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.nifti import write_nifti
from operandi.imaging.radiomics.extract import extract
from operandi.imaging.radiomics.names import FEATURE_NAMES
from operandi.imaging.radiomics.settings_file import read_recipes
from operandi.quantities.errors import DataError, GridMismatchError, UnsupportedError
from operandi.quantities.kinds import LABEL, SUV_BODY_WEIGHT
from tests.builders import a_grid
from tests.pipeline.studies import write_small_study
from tests.shared_data import needs_shared_data, published, unpacked

SETTINGS = """\
dimension = "3D, merged"
interpolation = "linear"
mask_interpolation = "linear"
mask_threshold = 0.5
lower = 0.0

[discretization]
width = 1.0

[volume_histogram]
width = 0.1
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 300)
    monkeypatch.setattr(console.err, "width", 300)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["radiomics", *map(str, words)])


GRID = a_grid((24, 22, 20), spacing_mm=(3.0, 3.0, 3.0), frame_of_reference="")


def a_suv() -> Volume:
    values = np.random.default_rng(3).gamma(4.0, 1.5, GRID.shape).astype(np.float32)
    return Volume(values, GRID, SUV_BODY_WEIGHT)


def two_labels() -> npt.NDArray[np.uint8]:
    labels = np.zeros(GRID.shape, np.uint8)
    labels[6:11, 6:12, 6:10] = 1
    labels[14:20, 12:18, 10:16] = 2
    return labels


def write_labels(path: Path, labels: npt.NDArray[np.integer], grid: Grid = GRID) -> Path:
    write_nifti(path, Volume(labels.astype(np.float32), grid, LABEL))
    return path


@pytest.fixture
def suv(tmp_path: Path) -> Path:
    path = tmp_path / "suv.nii.gz"
    write_nifti(path, a_suv())
    return path


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    return write_labels(tmp_path / "lesions.nii.gz", two_labels())


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


def table_of(result: Result) -> pl.DataFrame:
    return pl.read_csv(io.StringIO(result.stdout))


# --- tables --------------------------------------------------------------------------------------


def test_a_line_a_feature_and_lesion_goes_to_the_screen(suv: Path, mask: Path, toml: Path) -> None:
    result = call(suv, mask, "--modality", "pet", "--settings", toml)

    assert result.exit_code == 0, result.output
    table = table_of(result)
    assert table.height == 2 * 174
    (settings,) = read_recipes(toml)
    whole = extract(a_suv(), Mask(two_labels() == 2, GRID), settings.settings)
    second = table.filter((pl.col("region") == 2) & (pl.col("ibsi_code") == "Q4LE"))
    assert second["value"].item() == pytest.approx(whole.value("stat_mean"), rel=1e-12)
    assert second["unit"].item() == "g/mL"
    assert second["settings"].item() == settings.digest


def test_extract_may_be_left_out_or_said(suv: Path, mask: Path, toml: Path) -> None:
    options = ("--modality", "pet", "--settings", toml, "--region", "1")

    assert call("extract", suv, mask, *options).stdout == call(suv, mask, *options).stdout
    assert call(*options, suv, mask).stdout == call(suv, mask, *options).stdout


def test_a_line_a_lesion_with_the_names_of_pyradiomics(
    suv: Path, mask: Path, toml: Path, tmp_path: Path
) -> None:
    out = tmp_path / "features.parquet"

    result = call(
        suv, mask, "--modality", "pet", "--settings", toml, "--like", "pyradiomics", "--out", out
    )

    assert result.exit_code == 0, result.output
    table = pl.read_parquet(out)
    assert table.height == 2
    assert table.columns[:4] == ["image", "mask", "region", "settings"]
    assert len(table.columns) == 4 + sum(bool(name.pyradiomics) for name in FEATURE_NAMES.values())
    assert table["original_shape_VoxelVolume"].to_list() == [
        5 * 6 * 4 * 27.0,
        6 * 6 * 6 * 27.0,
    ]
    assert "have no name in pyradiomics" in result.stderr
    assert "2 lesions" in result.stderr


def test_a_filtered_image_has_a_column_of_its_own(suv: Path, mask: Path, toml: Path) -> None:
    result = call(
        *(suv, mask, "--modality", "pet", "--settings", toml, "--region", "1", "--like", "mirp"),
        *("--filters", "log:6", "--filters", "mean:3"),
    )

    columns = table_of(result).columns
    assert {"stat_mean", "log_s_6.0_stat_mean", "mean_d_3_stat_mean"} <= set(columns)


def test_defaults_follow_the_modality(suv: Path, mask: Path) -> None:
    result = call(suv, mask, "--modality", "pet", "--region", "2")

    assert result.exit_code == 0, result.output
    assert table_of(result).height == 174


def test_a_lesion_too_small_does_not_stop_the_others(suv: Path, tmp_path: Path, toml: Path) -> None:
    labels = two_labels()
    labels[labels == 1] = 0
    labels[1, 1, 1] = 1
    small = write_labels(tmp_path / "small.nii.gz", labels)
    toml.write_text(SETTINGS.replace("lower", "spacing_mm = [8, 8, 8]\nlower"), encoding="utf-8")

    result = call(suv, small, "--modality", "pet", "--settings", toml)

    assert result.exit_code == 3
    assert "Region 1: The mask of 1 voxels has none left" in result.stderr
    assert table_of(result)["region"].unique().to_list() == [2]


# --- pictures ------------------------------------------------------------------------------------


def test_pictures_show_levels_matrices_and_the_place_in_a_cohort(
    suv: Path, mask: Path, toml: Path, tmp_path: Path
) -> None:
    cohort, folder = tmp_path / "cohort.csv", tmp_path / "pictures"
    options = ("--modality", "pet", "--settings", toml, "--region", "2")
    call(suv, mask, "--modality", "pet", "--settings", toml, "--out", cohort)

    result = call(suv, mask, *options, "--pictures", folder, "--cohort", cohort)
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    call(suv, mask, *options, "--pictures", folder, "--cohort", cohort)

    assert result.exit_code == 0, result.output
    assert sorted(first) == ["2_cohort.svg", "2_glcm.svg", "2_glszm.svg", "2_levels.svg"]
    assert all(content.startswith(b"<?xml") for content in first.values())
    assert first == {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_wide_table_is_a_cohort_too(suv: Path, mask: Path, toml: Path, tmp_path: Path) -> None:
    cohort, folder = tmp_path / "cohort.csv", tmp_path / "pictures"
    options = ("--modality", "pet", "--settings", toml, "--like", "lifex")
    call(suv, mask, *options, "--out", cohort)

    result = call(suv, mask, *options, "--pictures", folder, "--cohort", cohort)

    assert result.exit_code == 0, result.output
    assert (folder / "1_cohort.svg").exists()


def test_refuses_a_cohort_without_its_features(
    suv: Path, mask: Path, toml: Path, tmp_path: Path
) -> None:
    cohort = tmp_path / "cohort.csv"
    cohort.write_text("patient,age\nP1,60\n", encoding="utf-8")

    result = call(
        *(suv, mask, "--modality", "pet", "--settings", toml),
        *("--pictures", tmp_path / "pictures", "--cohort", cohort),
    )

    assert isinstance(result.exception, DataError)
    assert "no column of a feature" in result.exception.what


def test_refuses_a_cohort_by_other_settings(
    suv: Path, mask: Path, toml: Path, tmp_path: Path
) -> None:
    cohort = tmp_path / "cohort.csv"
    call(suv, mask, "--modality", "pet", "--settings", toml, "--out", cohort)

    result = call(
        *(suv, mask, "--modality", "pet"),
        *("--pictures", tmp_path / "pictures", "--cohort", cohort),
    )

    assert isinstance(result.exception, DataError)
    assert "do not compare" in result.exception.what


def test_a_lesion_that_cannot_be_drawn_costs_neither_table_nor_pictures(
    suv: Path, mask: Path, toml: Path, tmp_path: Path
) -> None:
    """Re-segmentation above all values of the first lesion leaves nothing to draw of it."""
    bright = a_suv().values.copy()
    bright[two_labels() == 1] = 0.5
    write_nifti(suv, Volume(bright, GRID, SUV_BODY_WEIGHT))
    toml.write_text(toml.read_text(encoding="utf-8").replace("lower = 0.0", "lower = 1.0"), "utf-8")
    out, folder = tmp_path / "features.csv", tmp_path / "pictures"

    result = call(
        *(suv, mask, "--modality", "pet", "--settings", toml),
        *("--pictures", folder, "--out", out),
    )

    assert result.exit_code == 3, result.output
    assert "no voxel to draw" in result.stderr
    assert (folder / "2_levels.svg").exists()
    assert sorted(pl.read_csv(out)["region"].unique()) == [1, 2]


# --- wrong words and files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Missing option '--modality'"),
        (["--modality", "pet", "--like", "slicer"], "one of ibsi, pyradiomics, mirp, lifex"),
        (["--modality", "pet", "--out", "features.xlsx"], "does not end in .csv or .parquet"),
        (["--modality", "pet", "--cohort", "x.csv"], "say where with --pictures"),
        (["--modality", "spect"], "Invalid value for '--modality'"),
    ],
)
def test_a_wrong_command_line_says_what_is_right(
    suv: Path, mask: Path, words: list[str], said: str
) -> None:
    result = call(suv, mask, *words)

    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "said", "remedy"),
    [
        (["--modality", "map"], "no default settings", "--settings FILE.toml"),
        (["--modality", "pet", "--region", "7"], "has no region '7'; it has 1, 2", "--region"),
        (["--modality", "pet", "--filters", "sobel"], "found 'sobel'", "log:3 or wavelet:db3"),
        (["--modality", "pet", "--filters", "log:thin"], "found 'log:thin'", "log:3"),
        (["--modality", "pet", "--filters", "wavelet:sym4"], "needs one of haar", ""),
    ],
)
def test_a_refusal_says_what_to_do(
    suv: Path, mask: Path, words: list[str], said: str, remedy: str
) -> None:
    result = call(suv, mask, *words)

    assert isinstance(result.exception, DataError)
    assert said in result.exception.what
    assert remedy in result.exception.remedy


def test_refuses_image_and_mask_the_wrong_way_around(suv: Path, mask: Path) -> None:
    result = call(mask, suv, "--modality", "pet")

    assert isinstance(result.exception, DataError)
    assert "LABEL" in result.exception.what


def test_refuses_a_mask_of_shares(suv: Path, tmp_path: Path) -> None:
    shares = tmp_path / "shares.nii.gz"
    values = np.linspace(0, 1, 24 * 22 * 20, dtype=np.float32).reshape(GRID.shape)
    write_nifti(shares, Volume(values, GRID, LABEL))

    result = call(suv, shares, "--modality", "pet")

    assert isinstance(result.exception, DataError)
    assert "is no label file" in result.exception.what


def test_refuses_a_mask_on_another_grid(suv: Path, tmp_path: Path) -> None:
    other = a_grid((24, 22, 20), spacing_mm=(2.0, 3.0, 3.0), frame_of_reference="")

    result = call(
        suv, write_labels(tmp_path / "m.nii.gz", two_labels(), other), "--modality", "pet"
    )

    assert isinstance(result.exception, GridMismatchError)


def test_refuses_an_empty_mask(suv: Path, tmp_path: Path) -> None:
    empty = write_labels(tmp_path / "m.nii.gz", np.zeros(GRID.shape, np.uint8))

    result = call(suv, empty, "--modality", "pet")

    assert isinstance(result.exception, DataError)
    assert "no region with a voxel" in result.exception.what


def test_refuses_what_is_no_mask_at_all(suv: Path, tmp_path: Path) -> None:
    text = tmp_path / "mask.txt"
    text.write_text("lesion", encoding="utf-8")

    result = call(suv, text, "--modality", "pet")

    assert isinstance(result.exception, DataError | UnsupportedError)


# --- settings files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"3D, merged"', '"4D"', "dimension of the settings must be one of '2D, averaged'"),
        ("mask_threshold = 0.5\n", "", "lack 'mask_threshold'"),
        ("mask_threshold = 0.5", "mask_threshold = true", "cannot be True"),
        ("lower", "lowest", "have no key 'lowest'"),
        ("width = 1.0", "width = 1.0\nbins = 3", "needs bins"),
        ("width = 1.0", "width = -1.0", "width > 0"),
        ("lower = 0.0", "spacing_mm = [1, 1]", "spacing_mm of the settings cannot be"),
        ("[volume_histogram]", "[[filter]]\ntype = 'sobel'\n[volume_histogram]", "needs a type"),
        ("[volume_histogram]", "[filtered]\nbins = 3\n[volume_histogram]", "no key 'bins'"),
        ("lower = 0.0", "lower = ", "is not a TOML file"),
    ],
)
def test_refuses_a_settings_file_that_says_something_else(
    toml: Path, old: str, new: str, said: str
) -> None:
    toml.write_text(SETTINGS.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(DataError) as refused:
        read_recipes(toml)

    assert said in refused.value.what


# --- DICOM ---------------------------------------------------------------------------------------


def unpacked_sarcoma(modality: str) -> Path:
    return unpacked(f"pet_dicom/sts_001_{modality}_with_rtstruct.tar.xz")


@needs_shared_data
@pytest.mark.real_data
@pytest.mark.slow
def test_pet_in_dicom_becomes_suv_and_regions_have_the_names_of_the_structure_set() -> None:
    """STS_001 of TCIA's soft tissue sarcoma: the maximum is within the lesion's, by hand."""
    folder = unpacked_sarcoma("fdg_pet_ge")

    result = call(
        *(folder / "image", folder / "mask", "--modality", "pet", "--timezone", "UTC"),
        *("--region", "GTV_Mass"),
    )

    assert result.exit_code == 0, result.output
    table = table_of(result)
    assert table["region"].unique().to_list() == ["GTV_Mass"]
    maximum = table.filter(pl.col("feature") == "stat_max")["value"].item()
    assert 7.0 < maximum < 8.7  # 7.91 g/mL in the voxels; a cubic spline passes beside them


@needs_shared_data
@pytest.mark.real_data
def test_refuses_another_modality_than_the_headers_state() -> None:
    folder = unpacked_sarcoma("mr_t1_siemens")

    result = call(folder / "image", folder / "mask", "--modality", "ct")

    assert isinstance(result.exception, DataError)
    assert "is of modality MR, not CT" in result.exception.what


@needs_shared_data
@pytest.mark.real_data
def test_magnetic_resonance_in_dicom_is_read_with_its_contours() -> None:
    folder = unpacked_sarcoma("mr_t1_siemens")

    result = call(folder / "image", folder / "mask", "--modality", "mr")

    assert result.exit_code == 0, result.output
    assert table_of(result)["value"].null_count() == 0


@needs_shared_data
@pytest.mark.real_data
def test_refuses_a_folder_without_an_image_series() -> None:
    folder = unpacked_sarcoma("mr_t1_siemens")

    result = call(folder / "mask", folder / "mask", "--modality", "mr")

    assert isinstance(result.exception, DataError)
    assert "holds 0 image series" in result.exception.what


@needs_shared_data
@pytest.mark.real_data
def test_refuses_an_image_in_place_of_the_mask() -> None:
    folder = unpacked_sarcoma("mr_t1_siemens")
    slice_ = sorted((folder / "image").iterdir())[0]

    result = call(folder / "image", slice_, "--modality", "mr")

    assert isinstance(result.exception, DataError)
    assert "needed SEG or RTSTRUCT" in result.exception.what


def test_only_the_regions_wanted_are_read(suv: Path, tmp_path: Path) -> None:
    image = read_image(suv, Modality.PET, timezone="")

    regions = read_regions(write_labels(tmp_path / "m.nii.gz", two_labels()), image, ["2"])

    assert [(one.name, int(one.mask.inside.sum())) for one in regions] == [("2", 216)]


def test_a_segmentation_gives_its_regions_by_their_labels(tmp_path: Path) -> None:
    """The demonstration's organ map on its PET; an organ that leaves the MR spoils no other."""
    write_small_study(tmp_path)
    visit = next((tmp_path / "dicom").glob("OP-*/BASELINE"))
    out = tmp_path / "features.parquet"

    options = ("--region", "spleen", "--region", "liver", "--like", "ibsi", "--out", out)
    result = call(visit / "pet_ac", visit / "organ_map", "--modality", "pet", *options)

    assert result.exit_code == 0, result.output
    table = pl.read_parquet(out)
    assert table["region"].to_list() == ["spleen", "liver"]
    assert 500e3 < table["morph_volume"][1] < 3000e3


# --- verify --------------------------------------------------------------------------------------


@needs_shared_data
@pytest.mark.real_data
def test_verify_prints_a_summary_and_writes_the_page(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("ibsi1/digital_phantom/phantom.nii.gz", "ibsi1/digital_phantom/mask.nii.gz"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).symlink_to(published(f"radiomics/{name}"))
    reference = published("radiomics/ibsi1/reference/dig_phantom.csv").read_text(encoding="utf-8")
    (data / "dig_phantom.csv").write_text(reference, encoding="utf-8")
    page = tmp_path / "page.md"

    result = call("verify", data, "--markdown", page)

    assert result.exit_code == 0, result.output
    assert "482" in result.stdout
    assert "Not verified: IBSI 2, response maps" in result.stdout
    assert page.read_text(encoding="utf-8").startswith("# IBSI compliance")

    spoiled = reference.replace("stat_mean,2.15", "stat_mean,2.25")
    (data / "dig_phantom.csv").write_text(spoiled, encoding="utf-8")
    result = call("verify", data)

    assert result.exit_code == 3
    assert "stat_mean" in result.stdout


def test_verify_refuses_a_folder_of_something_else(tmp_path: Path) -> None:
    result = call("verify", tmp_path)

    assert isinstance(result.exception, DataError)
    assert "holds none of IBSI's benchmarks" in result.exception.what


def test_no_region_takes_the_name_that_another_was_given() -> None:
    """Named "A (3)" by its reader: the third of three must not push it out."""
    grid = a_grid()
    masks = [Mask(np.zeros(grid.shape, dtype=np.bool_), grid) for _ in range(3)]

    found = _unique([("A (3)", lambda: masks[0]), ("A", lambda: masks[1]), ("A", lambda: masks[2])])

    assert len(found) == 3
    assert found["A (3)"]() is masks[0]
