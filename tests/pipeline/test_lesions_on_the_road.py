"""Lesions as the road follows them: what hangs on what, and what a changed word recomputes."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pydicom
import pytest

from operandi.pipeline.lesion_settings import ChangeFacts, LesionFacts, TrackFacts
from operandi.pipeline.road import participant_nodes
from operandi.pipeline.step import Node
from operandi.pipeline.study import read_study
from tests.pipeline.studies import TODAY, Ran, change_study_file, run_it

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def followed(sound: Path, tmp_path_factory: pytest.TempPathFactory, scheduler: str) -> Ran:
    folder = tmp_path_factory.mktemp("followed") / "study"
    return run_it(Path(shutil.copytree(sound, folder)), scheduler)


@pytest.fixture
def study(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "study"))


def with_lesions(line: str) -> Callable[[str], str]:
    return lambda text: text.replace("[lesions]\n", f"[lesions]\n{line}\n")


def steps(ran: Ran) -> set[str]:
    return {label.partition(":")[0] for label in ran.computed}


def test_a_lesion_has_its_name_and_tracking_uid_at_both_visits(followed: Ran) -> None:
    table = followed.table.filter(pl.col("kind") == "SUV_PEAK")
    names = [set(of_visit["subject"]) for _, of_visit in table.group_by("timepoint")]
    uids = [
        {
            str(segment.SegmentLabel): str(segment.TrackingUID)
            for segment in pydicom.dcmread(path).SegmentSequence
        }
        for path in sorted((followed.results / "lesions").glob("*[A-Z0-9].dcm"))
    ]

    assert names == [{"L01", "L02", "L03"}] * 2
    assert len(uids) == 2
    assert uids[0] == uids[1]


def test_every_measure_of_a_visit_stands_in_the_table(followed: Ran) -> None:
    kinds = set(followed.table.filter(pl.col("subject") == "L01")["kind"])

    assert kinds >= {
        "SUV_MAXIMUM",
        "LESION_TO_SPLEEN_RATIO",
        "LESION_TO_BLOOD_RATIO",
        "KRENNING_SCORE",
        "MODIFIED_KRENNING_SCORE",
        "LONGEST_DIAMETER",
        "SHORT_AXIS",
        "SUV_PEAK_CHANGE",
    }
    of_patient = set(followed.table.filter(pl.col("subject_type") == "participant")["kind"])
    assert of_patient >= {"DISSEMINATION", "LIVER_INVOLVEMENT", "SHARE_ABOVE_LIVER"}


def test_another_uptake_window_recomputes_the_judgment_alone(study: Path, scheduler: str) -> None:
    change_study_file(study, lambda text: text.replace("[45, 90]", "[50, 70]"))

    ran = run_it(study, scheduler)

    assert "changes" in steps(ran)
    # The methods of the report name the window; what came out the same goes no further.
    assert steps(ran) <= {"changes", "courses", "measured changes", "table", "report"}


def test_a_borrowed_coefficient_judges_with_an_uncertainty(study: Path, scheduler: str) -> None:
    borrow = '{ coefficient = "fdg-suv-review", because = "for the test" }'
    change_study_file(study, with_lesions(f"borrow = [{borrow}]"))

    ran = run_it(study, scheduler)

    assert "lesions" not in steps(ran)
    rows = ran.table.filter(pl.col("kind") == "SUV_PEAK_CHANGE")
    assert rows.height == 3
    assert (rows["standard_uncertainty"] > 0).all()
    assert rows["uncertainty_basis"].str.contains("decreased|within repeatability").all()
    assert rows["uncertainty_basis"].str.contains("borrowed").all()


def say_different(study: Path, cells: list[str]) -> None:
    (study / "records/lesion_overrides.csv").write_text(
        "participant,before,after,relation,reader,reason\n"
        f"OP-001,{','.join(cells)},different,Reader A,two nodes\n"
    )


def test_a_readers_word_recomputes_the_tracks_and_what_follows(study: Path, scheduler: str) -> None:
    change_study_file(study, with_lesions('overrides = "records/lesion_overrides.csv"'))
    cells = ["BASELINE/L03", "AFTER_CYCLE_2/L03"]
    # What to write is told by the refusals of what lacks the place.
    for number, name in enumerate(cells):
        say_different(study, cells)
        ((what, remedy, _),) = run_it(study, scheduler).told
        assert "not where it lies" in what
        cells[number] = remedy.removeprefix("Write ").partition(" if ")[0]
        assert cells[number].startswith(f"{name}@")
    say_different(study, cells)

    ran = run_it(study, scheduler)

    assert ran.told == set()
    assert not steps(ran) & {"suv", "organs", "mr", "lesions", "evidence"}
    assert {"tracks", "named", "measured lesions", "table"} <= steps(ran)
    names = {
        of[0]: set(rows["subject"])
        for of, rows in ran.table.filter(pl.col("kind") == "SUV_PEAK").group_by("timepoint")
    }
    assert len(names["BASELINE"] & names["AFTER_CYCLE_2"]) == 2
    assert len(names["BASELINE"] | names["AFTER_CYCLE_2"]) == 4


def test_a_word_on_a_lesion_that_is_not_there_is_refused_where_it_is_read(
    study: Path, scheduler: str
) -> None:
    change_study_file(study, with_lesions('overrides = "records/lesion_overrides.csv"'))
    (study / "records/lesion_overrides.csv").write_text(
        "participant,before,after,relation,reader,reason\n"
        "OP-001,BASELINE/L77,AFTER_CYCLE_2/L01,same,Reader A,why\n"
    )

    ran = run_it(study, scheduler)

    ((what, _, who),) = ran.told
    assert "there is no lesion L77" in what
    assert who.startswith("nuclear-medicine physician")


def test_a_site_of_another_resolution_is_segmented_by_it(study: Path) -> None:
    change_study_file(
        study, lambda text: f"{text}\n[lesions.site.SITE-A]\npet_resolution_mm = 7.5\n"
    )

    followed = read_study(study, today=TODAY).followed[0]

    assert [facts_of(one.lesions).segmentation.fwhm_mm for one in followed.sought] == [7.5, 7.5]


def facts_of(node: Node) -> LesionFacts:
    facts = node.settings
    assert isinstance(facts, LesionFacts)
    return facts


def test_a_visit_without_pet_between_two_leaves_the_later_one_its_predecessor(
    followed: Ran,
) -> None:
    (first, _), (second, _) = followed.study.followed[0].visits
    lost = replace(second, pet=None)
    assert second.placed.visit is not None
    later = replace(second.placed.visit, on=second.placed.visit.on + timedelta(days=200))
    last = replace(second, placed=replace(second.placed, visit=later))

    laid = participant_nodes(
        [first, lost, last],
        followed=TrackFacts(participant=first.measured.participant),
        judged=ChangeFacts(study="", uptake_window_min=(45.0, 90.0), uptake_difference_min=15.0),
    )

    assert len(laid.visits) == 3
    one, two = laid.sought
    assert facts_of(two.lesions).visits_before == 1
    assert one.lesions in two.lesions.inputs
    assert laid.tracks is not None
    assert laid.tracks.inputs == (one.suv, one.lesions, two.suv, two.lesions)


def test_visits_are_followed_in_the_order_of_time(followed: Ran) -> None:
    (first, _), (second, _) = followed.study.followed[0].visits

    laid = participant_nodes(
        [second, first],
        followed=TrackFacts(participant=first.measured.participant),
        judged=ChangeFacts(study="", uptake_window_min=(45.0, 90.0), uptake_difference_min=15.0),
    )

    assert [one.chosen for one in laid.sought] == [first, second]
    assert [chosen for chosen, _ in laid.visits] == [second, first]
