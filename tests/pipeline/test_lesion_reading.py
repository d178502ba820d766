"""Scores, proposal of targets, and the table of sizes that a reader measured."""

from pathlib import Path

import pytest

from operandi.domain.identity import LesionId
from operandi.imaging.lesions.measures.targets import ProposedRole
from operandi.pipeline.lesion_reading import read_sizes, read_visit
from operandi.quantities.errors import DataError
from tests.imaging.lesions.test_visit import GRID, organs_of, visit
from tests.imaging.lesions.torso import the_masks

HEAD = "lesion,organ,node,modality,longest_mm,short_mm,slice_thickness_mm\n"
NAMES = (LesionId("L01"), LesionId("L02"))


def a_table(folder: Path, *rows: str) -> Path:
    path = folder / "sizes.csv"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_without_a_size_on_mr_no_target_is_proposed_and_choi_is_not_evaluable() -> None:
    reading = read_visit(visit(organs_of(the_masks(GRID))), tracers=("68Ga-DOTATOC",), sizes={})

    assert {one.role for one in reading.targets} == {ProposedRole.NON_TARGET}
    assert all("no size by CT, MR" in one.reasons[0] for one in reading.targets)
    assert "not evaluable" in reading.choi.absent
    assert "68Ga-DOTATOC" in reading.netpet.absent
    assert reading.positivity.majority_on_pet.holds is True
    assert reading.positivity.all_targets.holds is None


def test_a_measured_lesion_above_the_liver_becomes_a_target(tmp_path: Path) -> None:
    sizes = read_sizes(a_table(tmp_path, "L01,liver,no,mri,32,28,3"), lesions=NAMES)

    reading = read_visit(visit(organs_of(the_masks(GRID))), tracers=(), sizes=sizes)

    assert [(one.candidate.lesion, one.role) for one in reading.targets] == [
        ("L01", ProposedRole.TARGET),
        ("L02", ProposedRole.NON_TARGET),
    ]
    assert reading.positivity.all_targets.holds is True


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("L09,liver,no,mri,32,28,3", "no lesion of this visit; there are L01, L02"),
        ("L01,liver,maybe,mri,32,28,3", "node must be yes or no"),
        ("L01,liver,no,pet,32,28,3", "modality ct, mri"),
        ("L01,liver,no,mri,-3,28,3", "above 0 mm"),
        ("L01,liver,no,mri,nan,28,3", "above 0 mm"),
        ("L01,liver,no,mri,30,28,3\nL01,liver,no,mri,30,28,3", "a second time"),
        ("L01,liver,no", "as many cells"),
    ],
)
def test_refuses_a_row_that_is_none(tmp_path: Path, row: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        read_sizes(a_table(tmp_path, row), lesions=NAMES)


def test_refuses_a_table_without_a_column_and_one_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    path.write_text("lesion,organ\nL01,liver\n", encoding="utf-8")

    with pytest.raises(DataError, match="lacks the columns node"):
        read_sizes(path, lesions=NAMES)
    with pytest.raises(DataError, match="cannot be read"):
        read_sizes(tmp_path / "none.csv", lesions=NAMES)
