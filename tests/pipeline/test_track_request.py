"""What is asked of tracking: refused before anything runs, with what to supply."""

from pathlib import Path
from typing import Any

import pytest

from operandi.imaging.lesions.tracking.tracks import Relation
from operandi.pipeline.lesion_settings import LesionFiles, LesionSettings
from operandi.pipeline.track_request import lesion_files, lesion_options, read_overrides
from operandi.quantities.errors import DataError

NOTHING_ASKED: dict[str, Any] = {
    "resolution_mm": None,
    "minimum_volume_ml": None,
    "uptake_window": None,
    "uptake_difference_min": None,
    "method": None,
    "fixed_suv": None,
    "test_retest": None,
    "borrow": (),
    "because": "",
    "override": None,
    "find_organs": False,
}


def asked(**changed: Any) -> dict[str, Any]:
    return lesion_options(**(NOTHING_ASKED | changed))


def files(folder: Path, *, test_retest: str = "", overrides: str = "") -> LesionFiles:
    settings = LesionSettings(
        resolution_mm=6.0,
        minimum_volume_ml=0.5,
        uptake_window_min=(45.0, 90.0),
        uptake_difference_min=15.0,
        test_retest=test_retest,
        overrides=overrides,
    )
    return lesion_files(folder, settings)


def test_what_was_not_asked_is_left_to_the_study_file() -> None:
    assert asked() == {}


def test_options_become_keys_of_the_study_file() -> None:
    said = asked(
        resolution_mm=5.0,
        uptake_window="45-90",
        borrow=("fdg-suv-review", "fdg-suv-review"),
        because="like scans",
    )

    assert said == {
        "pet_resolution_mm": 5.0,
        # What the option says holds for every site.
        "site": {},
        "uptake_window_min": [45.0, 90.0],
        "borrow": [{"coefficient": "fdg-suv-review", "because": "like scans"}],
    }


def test_another_method_leaves_the_study_files_level_behind() -> None:
    assert asked(method="half-mean") == {"method": "half-mean", "fixed_suv": None}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"uptake_window": "about an hour"}, "found about an hour"),
        ({"because": "I like it"}, "no coefficient is borrowed"),
    ],
)
def test_refuses_what_cannot_serve(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        asked(**changed)


def test_the_studys_own_test_and_retest_is_read(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "participant,lesion,quantity,first,second\nP-1,L01,SUV_PEAK,10,11\n"
    )

    (row,) = files(tmp_path, test_retest="own.csv").repetitions

    assert (row.participant, row.first, row.second) == ("P-1", 10.0, 11.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("participant,lesion,quantity,first,second\n", "own.csv has no row"),
        ("participant,lesion,quantity,first,second\nP,L,SUV,1,2\n", "not followed: SUV"),
        ("participant,lesion,quantity,first,second\nP,L,SUV_PEAK,1,\n", "line 2: second"),
    ],
)
def test_refuses_a_faulty_test_and_retest(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "own.csv").write_text(text)

    with pytest.raises(DataError, match=said):
        files(tmp_path, test_retest="own.csv")


@pytest.mark.parametrize("key", ["test_retest", "overrides"])
def test_refuses_a_file_that_is_not_there_and_names_its_key(tmp_path: Path, key: str) -> None:
    with pytest.raises(DataError, match=f"no file own.csv, which {key} of"):
        files(tmp_path, **{key: "own.csv"})


def written(folder: Path, *rows: str, columns: str = "before,after,relation,reader,reason") -> Path:
    path = folder / "override.csv"
    path.write_text("\n".join((columns, *rows)) + "\n")
    return path


def test_overrides_are_of_the_participant_who_was_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "BASELINE/L03@-60 10.5 120,YEAR_1/L01,same,Reader A,same vertebra")

    (one,) = read_overrides(path, participant="P-014")["P-014"]

    assert (one.before.timepoint, one.before.name) == ("BASELINE", "L03")
    assert one.before_mm == (-60.0, 10.5, 120.0)
    assert one.after_mm is None  # refused where it is known
    assert one.relation is Relation.SAME
    assert one.reader == "Reader A"


def test_overrides_of_several_participants_name_them(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "P-1,A/L01,B/L01,different,R,other node",
        "P-2,A/L01,B/L01,part,R,fragment",
        columns="participant,before,after,relation,reader,reason",
    )

    found = read_overrides(path, participant=None)

    assert {who: rows[0].relation for who, rows in found.items()} == {
        "P-1": Relation.DIFFERENT,
        "P-2": Relation.PART,
    }


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("BASELINE/L03,YEAR_1/L01,same,,why", "line 2: reader is missing"),
        ("BASELINE/L03,YEAR_1/L01,equal,R,why", "relation 'equal' is not known"),
        ("L03,YEAR_1/L01,same,R,why", "'L03' names no lesion of a visit"),
        ("BASELINE/L03@1 2,YEAR_1/L01,same,R,why", "'1 2' is no place"),
        ("BASELINE/L03@1 2 inf,YEAR_1/L01,same,R,why", "'1 2 inf' is no place"),
    ],
)
def test_refuses_a_faulty_override(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_overrides(written(tmp_path, row), participant="P-014")


def test_refuses_an_override_of_nobody(tmp_path: Path) -> None:
    path = written(tmp_path, "BASELINE/L03,YEAR_1/L01,same,R,why")

    with pytest.raises(DataError, match="whose lesions"):
        read_overrides(path, participant=None)


def test_refuses_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "override.csv"
    path.write_bytes(b"\xff\xfe\x00before")

    with pytest.raises(DataError, match="not UTF-8"):
        read_overrides(path, participant="P-014")
