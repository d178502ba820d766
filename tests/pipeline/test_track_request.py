"""What is asked of tracking: refused before anything runs, with what to supply."""

from pathlib import Path
from typing import Any

import pytest

from operandi.imaging.lesions.segmentation.settings import DelineationMethod
from operandi.imaging.lesions.tracking.tracks import Relation
from operandi.pipeline.lesion_tracks import TrackRequest
from operandi.pipeline.track_request import read_overrides, track_request
from operandi.quantities.errors import DataError


def asked(**changed: Any) -> TrackRequest:
    options: dict[str, Any] = {
        "resolution_mm": 6.0,
        "minimum_volume_ml": 0.5,
        "uptake_window": "45-90",
        "uptake_difference_min": 15.0,
        "method": DelineationMethod.HALF_MEAN,
        "fixed_suv": None,
        "test_retest": None,
        "borrow": (),
        "because": "",
        "override": None,
        "participant": "P-014",
        "ignore_organ_maps": False,
    }
    return track_request(**(options | changed))


def test_facts_of_the_protocol_are_taken_over() -> None:
    request = asked()

    assert request.segmentation.fwhm_mm == 6.0
    assert request.segmentation.minimum_volume_ml == 0.5
    assert request.uptake_window_min == (45.0, 90.0)
    assert not request.borrowed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"resolution_mm": None}, "resolution .* found none"),
        ({"resolution_mm": float("nan")}, "resolution .* found nan"),
        ({"resolution_mm": -6.0}, "found -6"),
        ({"minimum_volume_ml": None}, "least volume; found none"),
        ({"uptake_difference_min": None}, "largest difference"),
        ({"uptake_window": None}, "uptake time that counts; found none"),
        ({"uptake_window": "90-45"}, "found 90-45"),
        ({"uptake_window": "about an hour"}, "found about an hour"),
        ({"fixed_suv": 4.0}, "half of the mean with 4"),
        ({"method": DelineationMethod.FIXED_SUV}, "fixed SUV with none"),
        ({"because": "I like it"}, "no coefficient is borrowed"),
        ({"borrow": ("fdg",), "because": "x"}, "no published coefficient 'fdg'"),
        ({"borrow": ("fdg-suv-review",)}, "not with an SSTR tracer"),
        ({"borrow": ("adc-liver-lesion",), "because": "x"}, "not followed here"),
    ],
)
def test_refuses_what_cannot_serve(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        asked(**changed)


def test_a_borrowed_coefficient_keeps_its_reason() -> None:
    (named,) = asked(borrow=("fdg-suv-review", "fdg-suv-review"), because=" like scans ").borrowed

    assert (named.key, named.borrowed_because) == ("fdg-suv-review", "like scans")


def test_the_studys_own_test_and_retest_is_read(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("participant,lesion,quantity,first,second\nP-1,L01,SUV_PEAK,10,11\n")

    (row,) = asked(test_retest=table).repetitions

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
    table = tmp_path / "own.csv"
    table.write_text(text)

    with pytest.raises(DataError, match=said):
        asked(test_retest=table)


def written(folder: Path, *rows: str, columns: str = "before,after,relation,reader,reason") -> Path:
    path = folder / "override.csv"
    path.write_text("\n".join((columns, *rows)) + "\n")
    return path


def test_overrides_are_of_the_participant_who_was_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "BASELINE/L03,YEAR_1/L01,same,Reader A,same vertebra")

    (one,) = read_overrides(path, participant="P-014")["P-014"]

    assert (one.before.timepoint, one.before.name) == ("BASELINE", "L03")
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
