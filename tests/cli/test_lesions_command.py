"""``operandi lesions`` as somebody with one PET folder meets it."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.imaging.dicom.measurement_report import read_measurement_report
from operandi.imaging.dicom.segmentation import read_segmentation
from operandi.imaging.lesions.label_maps import read_label_map
from operandi.imaging.lesions.lesion_tables import read_lesion_table
from operandi.quantities.errors import DataError, GridMismatchError, OperandiError
from tests.imaging.lesions.models.networks import a_model, above
from tests.pipeline.studies import change_headers, write_small_study

OPTIONS = ("--resolution", "8", "--minimum-volume", "0.5")
OBJECTS = (
    "lesions.csv",
    "lesions.dcm",
    "lesions.json",
    "lesions.nii.gz",
    "measures.csv",
    "organs.dcm",
    "page.html",
    "report.dcm",
)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 300)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration study's first visit, of three lesions: two in the liver, a node."""
    folder = tmp_path_factory.mktemp("study")
    write_small_study(folder)
    return folder / "dicom" / "OP-001" / "BASELINE"


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["lesions", *map(str, words)])


def refused(*words: str | Path) -> OperandiError:
    result = call(*words)
    assert isinstance(result.exception, OperandiError), result.output
    return result.exception


@pytest.fixture(scope="module")
def done(baseline: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    to = tmp_path_factory.mktemp("lesions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console.out, "width", 300)
        result = call(
            *(baseline / "pet_ac", "--organs", baseline / "organ_map", *OPTIONS, "--to", to),
            *("--timepoint", "BASELINE"),
        )
    assert result.exit_code == 0, result.output
    return to, result


def test_writes_what_it_says_and_says_what_it_writes(done: tuple[Path, Result]) -> None:
    to, result = done

    assert sorted(path.name for path in to.iterdir()) == list(OBJECTS)
    assert all(str(to / name) in result.output for name in OBJECTS)
    assert "3 lesions" in result.output


def test_lesions_lie_where_the_truth_is(done: tuple[Path, Result]) -> None:
    """Centers of tests/three_participants: (-95, -20, 110), (-35, -30, 85) and (25, 12, -10)."""
    rows = read_lesion_table(done[0] / "lesions.csv")

    truth = [(-95, -20, 110), (-35, -30, 85), (25, 12, -10)]
    for row, center in zip(rows, truth, strict=True):
        np.testing.assert_allclose(row.center_mm, center, atol=5.0)
    assert [row.organ for row in rows] == ["liver", "liver", ""]


def test_segmentation_report_map_and_table_tell_of_the_same_lesions(
    done: tuple[Path, Result],
) -> None:
    to, _ = done

    rows = {row.lesion: row for row in read_lesion_table(to / "lesions.csv")}
    segments = read_segmentation(to / "lesions.dcm")
    groups = read_measurement_report(to / "report.dcm").groups
    labels = read_label_map(to / "lesions.nii.gz")
    assert [one.description.label for one in segments] == ["L01", "L02", "L03"]
    assert [one.id for one in labels] == ["L01", "L02", "L03"]
    for segment, label in zip(segments, labels, strict=True):
        row = rows[label.id]
        assert segment.description.tracking_uid == row.tracking_uid
        assert segment.description.tracking_id == f"OP-001 BASELINE {label.id}"
        assert segment.mask.volume_ml == pytest.approx(row.volume_ml)
        assert label.mask.volume_ml == pytest.approx(row.volume_ml, rel=1e-5)
    assert {one.tracking_uid for one in groups} >= {row.tracking_uid for row in rows.values()}


def test_the_page_shows_lesions_references_and_what_is_not_known(
    done: tuple[Path, Result],
) -> None:
    page = (done[0] / "page.html").read_text("utf-8")

    assert page.count("<img") == 2 + 2  # two projections, spheres in liver and spleen
    for words in (
        "Lesions of OP-001",
        "To be looked at",
        "No reference in the blood pool",
        "None is proposed: RECIST measures no size on PET",
        "Choi: not evaluable",
        "NETPET: not evaluable",
        "ICC(A,1)",
        "no MR was given",
    ):
        assert words in page, words


def test_the_same_call_gives_the_same_bytes(
    done: tuple[Path, Result], baseline: Path, tmp_path: Path
) -> None:
    again = call(
        *(baseline / "pet_ac", "--organs", baseline / "organ_map", *OPTIONS, "--to", tmp_path),
        *("--timepoint", "BASELINE"),
    )

    assert again.exit_code == 0
    for name in OBJECTS:
        assert (tmp_path / name).read_bytes() == (done[0] / name).read_bytes(), name


def test_its_own_organs_come_back_as_the_organ_map(
    done: tuple[Path, Result], baseline: Path, tmp_path: Path
) -> None:
    organs = done[0] / "organs.dcm"

    result = call(baseline / "pet_ac", "--organs", organs, *OPTIONS, "--to", tmp_path)

    assert result.exit_code == 0, result.output
    one, two = (read_lesion_table(folder / "lesions.csv") for folder in (done[0], tmp_path))
    assert [row.volume_ml for row in one] == [row.volume_ml for row in two]


def test_where_the_bladder_is_not_found_they_are_candidates_without_a_report(
    baseline: Path, tmp_path: Path
) -> None:
    (tmp_path / "report.dcm").write_bytes(b"of an earlier run")

    result = call(baseline / "pet_ac", *OPTIONS, "--to", tmp_path)

    assert result.exit_code == 3
    assert "candidates, not lesions: there is no mask of urinary bladder" in result.output
    assert not (tmp_path / "report.dcm").exists()
    (first, *_) = read_segmentation(tmp_path / "lesions.dcm")
    assert first.description.label == "C01 (candidate)"
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "Candidates of OP-001" in page
    assert "what is added up over lesions is left out" in page


def test_sizes_measured_on_mr_lead_to_proposed_targets(baseline: Path, tmp_path: Path) -> None:
    sizes = tmp_path / "sizes.csv"
    sizes.write_text(
        "lesion,organ,node,modality,longest_mm,short_mm,slice_thickness_mm\n"
        "L01,liver,no,mri,29,27,3\nL03,retroperitoneal,yes,mri,18,16,3\n",
        encoding="utf-8",
    )

    result = call(
        *(baseline / "pet_ac", "--organs", baseline / "organ_map", *OPTIONS),
        *("--to", tmp_path / "out", "--sizes", sizes),
    )

    assert result.exit_code == 0, result.output
    assert "2 proposed; a reader decides." in (tmp_path / "out/page.html").read_text("utf-8")


def test_a_liver_that_takes_up_more_than_the_spleen_is_doubted_aloud(
    baseline: Path, tmp_path: Path
) -> None:
    """As where tumor replaces all of the liver: then nothing in it stands out. Here the spleen
    is made faint, as slices are scaled by their maximum."""
    (file,) = (baseline / "organ_map").iterdir()
    organs = {one.description.label.casefold(): one.mask for one in read_segmentation(file)}
    spleen = organs["spleen"]
    shutil.copytree(baseline / "pet_ac", tmp_path / "dicom/pet")
    for path in (tmp_path / "dicom/pet").iterdir():
        dataset = pydicom.dcmread(path)
        at = spleen.grid.index_of([float(mm) for mm in dataset.ImagePositionPatient])
        pixels = dataset.pixel_array.copy()
        pixels[spleen.inside[:, :, round(float(at[2]))].T] //= 20
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(path)

    result = call(
        *(tmp_path / "dicom/pet", "--organs", baseline / "organ_map", *OPTIONS),
        *("--to", tmp_path / "out"),
    )

    assert result.exit_code == 3
    assert "Doubtful: the liver reference" in result.output
    assert "it may lie in tumor" in result.output


# --- refusals ------------------------------------------------------------------------------------


def test_refuses_a_folder_without_a_pet(baseline: Path, tmp_path: Path) -> None:
    error = refused(baseline / "t1_dixon_water", *OPTIONS, "--to", tmp_path / "out")

    assert "holds 0 attenuation-corrected PET series" in str(error)
    assert not (tmp_path / "out").exists()


def test_refuses_an_mr_folder_without_fat(baseline: Path, tmp_path: Path) -> None:
    error = refused(
        *(baseline / "pet_ac", "--mr", baseline / "t1_dixon_water", *OPTIONS, "--to", tmp_path)
    )

    assert "no Dixon fat series" in str(error)


def test_refuses_the_mr_of_another_person(baseline: Path, tmp_path: Path) -> None:
    shutil.copytree(baseline / "t1_dixon_water", tmp_path / "dicom/mr")
    change_headers(tmp_path, "mr/*", PatientID="OP-002")

    error = refused(
        *(baseline / "pet_ac", "--mr", tmp_path / "dicom", *OPTIONS, "--to", tmp_path / "out")
    )

    assert "MR is of patient 'OP-002', the PET of 'OP-001'" in str(error)


def test_refuses_organs_of_another_frame_of_reference(baseline: Path, tmp_path: Path) -> None:
    (file,) = (baseline / "organ_map").iterdir()
    dataset = pydicom.dcmread(file)
    dataset.FrameOfReferenceUID = "1.2.3"
    dataset.save_as(tmp_path / "organs.dcm")

    error = refused(
        *(baseline / "pet_ac", "--organs", tmp_path / "organs.dcm", *OPTIONS),
        *("--to", tmp_path / "out"),
    )

    assert isinstance(error, GridMismatchError)


def test_refuses_a_sphere_outside_the_image(baseline: Path, tmp_path: Path) -> None:
    error = refused(
        *(baseline / "pet_ac", "--organs", baseline / "organ_map", *OPTIONS, "--to", tmp_path),
        *("--sphere", "liver=900,0,0,15", "--reader", "AB"),
    )

    assert isinstance(error, DataError)
    assert "reaches out of the image" in str(error)


def test_refuses_to_write_into_a_file(baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")

    error = refused(baseline / "pet_ac", *OPTIONS, "--to", tmp_path / "out")

    assert "needed a folder to write to" in str(error)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sphere", "liver=1,2,3,15"), "needs --reader"),
        (("--sphere", "lung=1,2,3,15", "--reader", "AB"), "needed liver, spleen or blood-pool"),
        (("--sphere", "liver=1,2,3", "--reader", "AB"), "needed liver, spleen or blood-pool"),
        (("--resolution", "0"), "--resolution must be above 0"),
        (("--resolution", "nan"), "--resolution must be above 0"),
        (("--method", "fixed-suv"), "--fixed-suv belongs to"),
        (("--fixed-suv", "4"), "--fixed-suv belongs to"),
        (("--label-map", "total"), "give --organs too"),
        (("--label-map", "whole"), "one of total"),
        (("--timezone", "Paris"), "no time zone is named"),
        (("--removed", "splen"), "--removed must be one of"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_one(
    baseline: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    result = call(baseline / "pet_ac", *OPTIONS, "--to", tmp_path, *words)

    assert result.exit_code == 2
    text = " ".join(result.output.replace("\u2502", " ").split())
    assert said in text


def test_resolution_and_minimum_volume_have_no_default(baseline: Path, tmp_path: Path) -> None:
    result = call(baseline / "pet_ac", "--minimum-volume", "0.5", "--to", tmp_path)

    assert result.exit_code == 2
    assert "--resolution" in result.output


def test_a_model_of_ones_own_takes_the_place_of_our_borders(baseline: Path, tmp_path: Path) -> None:
    """A network that labels SUV > 12: whatever that is, it is what is measured, and it is said."""
    changes = {
        '"68Ga-DOTATOC"': '"64Cu-DOTATATE"',
        'license = "MIT"': 'license = "CC-BY-4.0"',
    }
    model = a_model(tmp_path / "model", above(12.0), changes=changes)
    to = tmp_path / "to"

    result = call(
        *(baseline / "pet_ac", "--organs", baseline / "organ_map", *OPTIONS, "--to", to),
        *("--timepoint", "BASELINE", "--model", model),
    )

    assert result.exit_code == 0, result.output
    assert "border: the model threshold 1.0 (sha256 " in result.output
    page = (to / "page.html").read_text("utf-8")
    assert "from made in this test; license: CC-BY-4.0" in page
    assert "the model was made for 64Cu-DOTATATE" in page
    assert "border of the model threshold 1.0" in (to / "measures.csv").read_text("utf-8")
    rows = read_lesion_table(to / "lesions.csv")
    assert rows
    assert all(row.delineation.startswith("labels of the model threshold 1.0") for row in rows)
    assert len(read_label_map(to / "lesions.nii.gz")) == len(rows)
    assert len(read_segmentation(to / "lesions.dcm")) == len(rows)
    assert (to / "report.dcm").exists()


def test_refuses_a_model_that_is_not_what_its_manifest_says(baseline: Path, tmp_path: Path) -> None:
    model = a_model(tmp_path / "model")
    (model / "model.onnx").write_bytes(b"other")

    error = refused(baseline / "pet_ac", *OPTIONS, "--to", tmp_path / "to", "--model", model)

    assert "SHA-256" in error.what
    assert not (tmp_path / "to").exists()


def test_a_model_brings_its_own_borders(baseline: Path, tmp_path: Path) -> None:
    words = ("--model", a_model(tmp_path / "model"), "--method", "graph-cut")

    result = call(baseline / "pet_ac", *OPTIONS, "--to", tmp_path / "to", *words)

    assert result.exit_code == 2
    assert "leave --method out" in result.output
