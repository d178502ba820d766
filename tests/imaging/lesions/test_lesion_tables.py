"""Tables of lesions and of measurements: written, read back, refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.domain.identity import Digest, LesionId, Pseudonym, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.imaging.lesions.lesion_tables import (
    TabulatedLesion,
    read_lesion_table,
    read_measurement_table,
    tabulated_lesion,
    write_lesion_table,
    write_measurement_table,
)
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import SUV_MEAN, SUV_PEAK, VOLUME

HEADER = "participant,timepoint,lesion,organ,x_mm,y_mm,z_mm,volume_ml\n"


def a_row(name: str = "L1", *, x: float = 0.1 + 0.2) -> TabulatedLesion:
    return TabulatedLesion(
        participant=Pseudonym("P-014"),
        timepoint=TimepointCode("BASELINE"),
        lesion=LesionId(name),
        organ="liver",
        center_mm=(x, -2.0, 3.0),
        volume_ml=1 / 3,
        tracking_uid="2.25.7",
        delineation='45 % of maximum, "trimmed"',
    )


def a_measurement(
    value: float | None = 1 / 3, *, standard: float | None = 0.1, name: str = "L1"
) -> Measurement:
    return Measurement(
        subject=Subject(participant=Pseudonym("P-014"), type=SubjectType.LESION, name=name),
        timepoint=TimepointCode("BASELINE"),
        kind=SUV_MEAN,
        value=value,
        absent="" if value is not None else "no voxel,\nnone at all",
        uncertainty=Uncertainty(standard, "test-retest"),
        method="mean",
        version="1",
        inputs=(Digest("ab"), Digest("cd")),
    )


def test_a_row_tells_where_a_lesion_lies() -> None:
    """By hand: voxels 0 and 1 of 2 mm from -9 mm have their center at -8 mm; 2 * 24 mm3."""
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = (-9.0, 5.0, 20.0)
    inside = np.zeros((3, 3, 3), bool)
    inside[:2, 1, 2] = True
    lesion = Lesion(LesionId("L1"), Mask(inside, Grid((3, 3, 3), affine)), "liver", "drawn")

    row = tabulated_lesion(lesion, participant=Pseudonym("P"), timepoint=TimepointCode("T"))

    assert row.center_mm == (-8.0, 8.0, 28.0)
    assert row.volume_ml == pytest.approx(0.048)
    with pytest.raises(DataError, match="no voxel"):
        tabulated_lesion(
            Lesion(lesion.id, Mask(np.zeros((3, 3, 3), bool), Grid((3, 3, 3), affine)), "", ""),
            participant=Pseudonym("P"),
            timepoint=TimepointCode("T"),
        )


def test_lesions_come_back_in_their_order(tmp_path: Path) -> None:
    rows = (a_row("L2"), a_row("L1"))

    write_lesion_table(tmp_path / "lesions.csv", rows)

    assert read_lesion_table(tmp_path / "lesions.csv") == rows


def test_columns_of_others_are_ignored_and_those_of_tracking_may_be_absent(tmp_path: Path) -> None:
    path = tmp_path / "lesions.csv"
    path.write_text(HEADER.rstrip() + ",suv\nP,T,L1,,1,2,3,4.5,17.2\n", encoding="utf-8-sig")

    (row,) = read_lesion_table(path)

    assert (row.organ, row.center_mm, row.volume_ml, row.tracking_uid) == ("", (1, 2, 3), 4.5, "")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("participant,timepoint\n", "lacks the columns lesion"),
        (HEADER + "P,T,L1,liver,1,2,3,\n", "line 2: volume_ml must be a finite number"),
        (HEADER + "P,T,L1,liver,1,nan,3,4\n", "y_mm must be a finite number, got 'nan'"),
        (HEADER + "P,T,L1,liver,1,2,3,0\n", "must be > 0"),
        (HEADER + "P,T,L1,liver,1,2\n", "not as many cells"),
        (HEADER + 2 * "P,T,L1,liver,1,2,3,4\n", "twice"),
    ],
)
def test_refuses_a_table_of_lesions_that_is_damaged(text: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "lesions.csv"
    path.write_text(text, "utf-8")

    with pytest.raises(DataError, match=match):
        read_lesion_table(path)


def test_refuses_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv cannot be read"):
        read_lesion_table(tmp_path / "absent.csv")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    standard=st.none() | st.floats(min_value=0, allow_nan=False, allow_infinity=False),
)
def test_any_measurement_comes_back(
    value: float | None, standard: float | None, tmp_path: Path
) -> None:
    rows = (a_measurement(value, standard=standard), a_measurement(2.0, name="L2"))

    write_measurement_table(tmp_path / "measurements.csv", rows)

    assert read_measurement_table(tmp_path / "measurements.csv", [VOLUME, SUV_MEAN]) == rows


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("g/mL", "kg/mL", r"needed \[g/mL\]"),
        ("SUV_MEAN", "SUV_MEDIAN", "needed one of SUV_MEAN, SUV_PEAK"),
        ("2.5", "inf", "value must be a finite number"),
        ("2.5", "", "either a value or the reason"),
        ("test-retest", "", "needs its basis"),
        ("lesion", "metastasis", "metastasis"),
    ],
)
def test_refuses_a_measurement_that_is_damaged(
    old: str, new: str, match: str, tmp_path: Path
) -> None:
    path = tmp_path / "measurements.csv"
    write_measurement_table(path, [a_measurement(2.5)])
    header, _, row = path.read_text("utf-8").partition("\n")
    path.write_text(f"{header}\n{row.replace(old, new)}", "utf-8")

    with pytest.raises(DataError, match=match):
        read_measurement_table(path, [SUV_MEAN, SUV_PEAK])


def test_refuses_one_measurement_twice(tmp_path: Path) -> None:
    path = tmp_path / "measurements.csv"
    write_measurement_table(path, [a_measurement(1.0), a_measurement(2.0)])

    with pytest.raises(DataError, match="twice"):
        read_measurement_table(path, [SUV_MEAN])
