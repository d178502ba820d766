"""The demonstration study, from its folder to its results, held against what it was made from."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import erf, exp, pi, sqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from operandi.domain.lesion import Lesion
from operandi.imaging.dicom.segmentation import read_segmentation
from operandi.pipeline.explain import REUSED
from operandi.pipeline.runner import How
from operandi.pipeline.step import Node
from operandi.pipeline.steps.lesions import KeptLesions
from operandi.pipeline.steps.measurements import SCHEMA
from operandi.pipeline.study import explained, read_study, refused_visits
from operandi.quantities.kinds import (
    LESION_COUNT,
    SSTR_TUMOR_VOLUME,
    SUV_MAXIMUM,
    SUV_MAXIMUM_CHANGE,
    SUV_MEAN,
    SUV_STANDARD_DEVIATION,
    TOTAL_LESION_SSTR,
    VOLUME,
    Kind,
)
from tests.pipeline.studies import TODAY, Ran, change_cells, published, run_it, write_small_study
from tests.three_participants.study import (
    LesionTruth,
    StudyTruth,
    VisitTruth,
    write_three_participants,
)

pytestmark = pytest.mark.slow

RESOLUTION_MM = 6.0
"""FWHM of the simulated scanner. It takes nothing from the middle of a lesion of 2 cm, blurs its
border over two voxels of 4 mm, and so spreads what is above a threshold."""

MUSCLE_SUV = 0.8
"""What the phantom's nodes and bone metastasis lie in."""

BURDEN = {kind.name for kind in (SSTR_TUMOR_VOLUME, TOTAL_LESION_SSTR, LESION_COUNT)}


@dataclass(frozen=True)
class Demo:
    folder: Path
    truth: StudyTruth
    ran: Ran

    def values(self, visit: VisitTruth, subject: str) -> dict[str, float]:
        rows = self.ran.table.filter(
            pl.col("participant") == visit.participant,
            pl.col("timepoint") == visit.timepoint,
            pl.col("subject") == subject,
            pl.col("value").is_not_null(),
        )
        return dict(rows.select("kind", "value").iter_rows())

    def value(self, visit: VisitTruth, subject: str, kind: Kind) -> float:
        return self.values(visit, subject)[kind.name]

    @property
    def measured(self) -> list[VisitTruth]:
        refused = {(fault.participant, fault.timepoint) for fault in self.truth.refusals}
        return [v for v in self.truth.visits if (v.participant, v.timepoint) not in refused]

    def found(self, visit: VisitTruth) -> tuple[Lesion, ...]:
        value = self.ran.outcome.value(self.node("named", visit))
        assert isinstance(value, KeptLesions)
        return value.lesions

    def node(self, step: str, visit: VisitTruth) -> Node:
        label = f"{step}:{visit.participant}/{visit.timepoint}"
        (node,) = [r.node for r in self.ran.outcome.results if r.node.label == label]
        return node


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, scheduler: str) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "study"
    truth = write_three_participants(folder)
    return Demo(folder, truth, run_it(folder, scheduler))


# --- refusals ------------------------------------------------------------------------------------


def test_every_built_in_fault_is_refused_and_nothing_else(demo: Demo) -> None:
    told = {what for what, _, _ in demo.ran.told}

    for fault in demo.truth.refusals:
        sentences = {what for what in told if fault.words in what.lower()}
        assert sentences
        told -= sentences
    (stray,) = told
    assert demo.truth.stray_patient in stray
    assert refused_visits(demo.ran.study, demo.ran.outcome) == (
        "OP-001/YEAR_1",
        "OP-002/AFTER_CYCLE_2",
    )
    assert demo.ran.measured == {(v.participant, v.timepoint) for v in demo.measured}


def test_a_refused_visit_has_its_reasons_in_the_table_and_no_values(demo: Demo) -> None:
    for fault in demo.truth.refusals:
        rows = demo.ran.table.filter(
            pl.col("participant") == fault.participant, pl.col("timepoint") == fault.timepoint
        )
        assert set(rows["kind"]) == BURDEN
        assert rows["value"].null_count() == rows.height == len(BURDEN)
        assert all(fault.words in reason.lower() for reason in rows["absent"])
        assert not rows["absent"].str.contains(str(demo.folder), literal=True).any()


# --- values --------------------------------------------------------------------------------------


def profile(lesion: LesionTruth, *, around: float, away_mm: float) -> float:
    """SUV at a distance from a lesion's center: a uniform sphere, blurred by a Gaussian.

    The convolution in closed form; with s = FWHM / 2.3548 and R the radius it is
    (erf((R - r) / s sqrt 2) + erf((R + r) / s sqrt 2)) / 2
    - s / (r sqrt 2 pi) (exp(-(R - r)^2 / 2 s^2) - exp(-(R + r)^2 / 2 s^2)).
    """
    s, big, r = RESOLUTION_MM / 2.3548, lesion.radius_mm, max(away_mm, 1e-3)
    share = (erf((big - r) / (s * sqrt(2))) + erf((big + r) / (s * sqrt(2)))) / 2
    share -= (
        s
        / (r * sqrt(2 * pi))
        * (exp(-(((big - r) / s) ** 2) / 2) - exp(-(((big + r) / s) ** 2) / 2))
    )
    return around + (lesion.suv - around) * share


@dataclass(frozen=True)
class Expected:
    """What a lesion has without noise, within the narrowest and the widest border of its rule."""

    suv_maximum: float
    suv_mean: tuple[float, float]
    volume_ml: tuple[float, float]


def expected(lesion: LesionTruth, *, around: float) -> Expected:
    """From the half-maximum contour on to that midway between the lesion's mean and its
    surroundings; on voxels the rule stops where a step takes in no further one.
    """
    radii = np.arange(0.05, 40.0, 0.1)
    suv = np.array([profile(lesion, around=around, away_mm=float(r)) for r in radii])
    shells = radii**2
    means, volumes = [], []
    border = (float(suv[0]) + around) / 2
    for _ in range(50):
        inside: npt.NDArray[np.bool_] = suv > border
        means.append(float((suv[inside] * shells[inside]).sum() / shells[inside].sum()))
        volumes.append(float(4 / 3 * pi * (radii[inside].max() + 0.05) ** 3 / 1000))
        border = (means[-1] + around) / 2
    return Expected(
        suv_maximum=float(suv[0]),
        suv_mean=(means[-1], means[0]),
        volume_ml=(volumes[0], volumes[-1]),
    )


def matched(demo: Demo, visit: VisitTruth) -> Iterator[tuple[LesionTruth, Lesion]]:
    """Pair every true lesion with the one found at its center."""
    for lesion in visit.lesions:
        (found,) = [
            one
            for one in demo.found(visit)
            if one.mask.inside[
                tuple(one.mask.grid.index_of(lesion.center_lps_mm).round().astype(int))
            ]
        ]
        yield lesion, found


def test_liver_reference_is_the_true_uptake_within_2_5_percent(demo: Demo) -> None:
    """Noise is 5 % a voxel and as fine as the blur: 19 independent samples in the sphere, 1.2 %."""
    for visit in demo.measured:
        mean = demo.value(visit, "liver", SUV_MEAN)
        spread = demo.value(visit, "liver", SUV_STANDARD_DEVIATION)
        assert mean == pytest.approx(visit.liver_suv, rel=0.025)
        assert spread / mean == pytest.approx(0.05, abs=0.015)


def test_every_true_lesion_is_found_at_its_place_and_no_other(demo: Demo) -> None:
    """Within one voxel of 4 mm; noise that touches a border pulls the centroid."""
    for visit in demo.measured:
        pairs = list(matched(demo, visit))
        assert len({found.id for _, found in pairs}) == len(pairs) == len(demo.found(visit))
        assert demo.value(visit, "", LESION_COUNT) == len(visit.lesions)
        for lesion, found in pairs:
            middle = found.mask.grid.position_of(np.argwhere(found.mask.inside).mean(axis=0))
            assert np.linalg.norm(middle - lesion.center_lps_mm) < 4.0
            assert found.organ == ("liver" if lesion.organ == "liver" else "")


def test_lesion_values_follow_from_the_truth_and_the_blur(demo: Demo) -> None:
    """SUVmax within 10 %: noise of 3 % a voxel, of which the highest of some twenty is taken; the
    center of a lesion of 13 mm lies up to 3 mm from the nearest voxel's, which costs as much.

    Volume within 15 % of the range of its border: a voxel of 4 mm is 3 % of the smallest lesion,
    of whose voxels a quarter lies at the border. SUVmean, which follows it, within 10 %.
    """
    for visit in demo.measured:
        for lesion, found in matched(demo, visit):
            in_liver = lesion.organ == "liver"
            true = expected(lesion, around=visit.liver_suv if in_liver else MUSCLE_SUV)
            suv_maximum, suv_mean, volume_ml = (
                demo.value(visit, found.id, kind) for kind in (SUV_MAXIMUM, SUV_MEAN, VOLUME)
            )
            assert suv_maximum == pytest.approx(true.suv_maximum, rel=0.10)
            assert 0.90 * true.suv_mean[0] < suv_mean < 1.10 * true.suv_mean[1]
            assert 0.85 * true.volume_ml[0] < volume_ml < 1.15 * true.volume_ml[1]
            total = demo.value(visit, found.id, TOTAL_LESION_SSTR)
            assert total == pytest.approx(suv_mean * volume_ml, rel=1e-6)


def test_a_lesion_bears_one_name_at_all_visits_and_a_new_one_a_name_of_its_own(demo: Demo) -> None:
    names: dict[str, set[str]] = {}
    for visit in demo.measured:
        for lesion, found in matched(demo, visit):
            names.setdefault(lesion.id, set()).add(found.id)

    assert all(len(of_one) == 1 for of_one in names.values()), names
    for participant in ("OP-001", "OP-002", "OP-003"):
        own = [name for lesion, name in names.items() if lesion.startswith(participant)]
        assert len({*map(str, own)}) == len(own) == 3


def test_the_change_against_baseline_is_that_of_the_values(demo: Demo) -> None:
    """OP-002's second visit was refused: its third is compared with the first."""
    (first, last) = [visit for visit in demo.measured if visit.participant == "OP-002"]
    for found in demo.found(last):
        before, after = (demo.value(visit, found.id, SUV_MAXIMUM) for visit in (first, last))

        change = demo.value(last, found.id, SUV_MAXIMUM_CHANGE)

        assert change == pytest.approx(100 * (after / before - 1), rel=1e-9)
    rows = demo.ran.table.filter(pl.col("step") == "measured changes")
    assert set(rows.filter(pl.col("participant") == "OP-002")["method"]) == {"relative to BASELINE"}
    # Nothing is known of repeatability, and nothing borrowed: no verdict, no uncertainty.
    assert rows["uncertainty_basis"].str.starts_with("repeatability unknown").all()
    assert rows["standard_uncertainty"].null_count() == rows.height > 0


def test_burden_is_the_sum_of_its_lesions(demo: Demo) -> None:
    for visit in demo.measured:
        for whole, part in ((SSTR_TUMOR_VOLUME, VOLUME), (TOTAL_LESION_SSTR, TOTAL_LESION_SSTR)):
            parts = [demo.value(visit, found.id, part) for found in demo.found(visit)]
            assert demo.value(visit, "", whole) == pytest.approx(sum(parts), rel=1e-9)


def test_burden_tells_the_courses_that_the_study_was_made_with(demo: Demo) -> None:
    """OP-001 responds, OP-002 stays stable, OP-003 gains a lesion."""

    def burden_ml(participant: str, timepoint: str) -> float:
        (visit,) = [
            v for v in demo.measured if (v.participant, v.timepoint) == (participant, timepoint)
        ]
        return demo.value(visit, "", SSTR_TUMOR_VOLUME)

    assert burden_ml("OP-001", "AFTER_CYCLE_2") < 0.7 * burden_ml("OP-001", "BASELINE")
    assert burden_ml("OP-002", "YEAR_1") == pytest.approx(burden_ml("OP-002", "BASELINE"), rel=0.15)
    assert burden_ml("OP-003", "AFTER_CYCLE_2") > 1.3 * burden_ml("OP-003", "BASELINE")


# --- what is published ---------------------------------------------------------------------------


def test_the_table_has_its_columns_and_a_whole_row_for_each_measurement(demo: Demo) -> None:
    table = demo.ran.table

    assert table.schema == pl.Schema(SCHEMA)
    assert table["measurement"].n_unique() == table.height > 150
    assert (table["value"].is_null() == (table["absent"] != "")).all()
    assert (table["uncertainty_basis"] != "").all()
    assert (table["method"] != "").all()
    assert (table["unit"] != "").all()
    assert table["value"].is_finite().all()
    valued = table.filter(pl.col("value").is_not_null())
    assert (valued["inputs"].list.len() > 0).all()
    assert (valued["step"] != "").all()
    assert set(table.select("participant", "timepoint").iter_rows()) == {
        (participant, timepoint)
        for participant in ("OP-001", "OP-002", "OP-003")
        for timepoint in ("BASELINE", "AFTER_CYCLE_2", "YEAR_1")
    } | {("OP-001", "CYCLE_1")}


def test_lesion_objects_read_back_are_the_lesions_that_were_measured(demo: Demo) -> None:
    names = {path.name for path in (demo.ran.results / "lesions").iterdir()}

    assert names == {
        f"{v.participant}_{v.timepoint}{of}.dcm" for v in demo.measured for of in ("", "_report")
    }
    for visit in demo.measured:
        path = demo.ran.results / "lesions" / f"{visit.participant}_{visit.timepoint}.dcm"
        segments = {segment.description.label: segment for segment in read_segmentation(path)}
        assert segments.keys() == {lesion.id for lesion in demo.found(visit)}
        for lesion in demo.found(visit):
            read = segments[lesion.id].mask
            assert read.grid.same_as(lesion.mask.grid)
            np.testing.assert_array_equal(read.inside, lesion.mask.inside)


def test_the_report_holds_every_participant_refusal_and_measurement(demo: Demo) -> None:
    page = (demo.ran.results / "report.html").read_text("utf-8")

    for name in ("OP-001", "OP-002", "OP-003"):
        assert name in demo.ran.report
    for what, remedy, _ in demo.ran.told:
        assert " ".join(what.split()) in demo.ran.report
        assert " ".join(remedy.split()) in demo.ran.report
    # Further measures of lesions and their changes stand in the table, and would drown the page;
    # changes are told in words, lesion by lesion.
    shown = ~pl.col("step").is_in(["further measures", "measured changes"])
    for measurement in demo.ran.table.filter(pl.col("value").is_not_null(), shown)["measurement"]:
        assert f'id="{measurement}"' in page
    assert 'src="http' not in page, "the report must work offline"
    # Scans after a cycle are no visits of the protocol.
    assert "6 of 9" in page
    assert "Dose of cycle 1" in page


def test_no_result_names_a_place_on_this_machine(demo: Demo) -> None:
    for name, data in published(demo.ran.results):
        assert str(demo.folder.parent).encode() not in data, name


# --- runs after the first ------------------------------------------------------------------------


def test_a_second_run_computes_nothing_and_changes_no_byte(demo: Demo, scheduler: str) -> None:
    before = dict(published(demo.ran.results))

    again = run_it(demo.folder, scheduler)

    assert again.computed == set()
    assert again.outcome.counts[How.COMPUTED] == 0
    assert dict(published(again.results)) == before


@contextmanager
def another_mass(folder: Path) -> Iterator[None]:
    """Within the 2 % that header and record may differ."""
    row = {"participant": "OP-002", "timepoint": "BASELINE"}
    change_cells(folder, "vitals", row, body_mass_kg="82.5")
    try:
        yield
    finally:
        change_cells(folder, "vitals", row, body_mass_kg="82.0")


def test_another_mass_recomputes_its_visit_alone_and_explain_says_why(
    demo: Demo, scheduler: str
) -> None:
    before = dict(published(demo.ran.results))
    first = demo.ran.table

    with another_mass(demo.folder):
        reasons = {node.label: why for node, why in explained(read_study(demo.folder, today=TODAY))}
        changed = run_it(demo.folder, scheduler)

    assert reasons["suv:OP-002/BASELINE"] == (
        "its settings changed (recorded.body_mass_kg 82.0 to 82.5)"
    )
    assert reasons["lesions:OP-002/BASELINE"].startswith("input suv:OP-002/BASELINE is computed")
    assert reasons["suv:OP-001/BASELINE"] == REUSED
    assert "suv:OP-002/BASELINE" in changed.computed
    elsewhere = {
        label for label in changed.computed if not label.partition(":")[2].startswith("OP-002/BASE")
    }
    # Lesions hang together over the visits: those of the next one were sought where these are,
    # and names and changes are of both.
    followed = {f"{step}:OP-002" for step in ("tracks", "changes", "courses", "measured changes")}
    steps = {label.partition(":")[0] for label in elsewhere - followed - {"table:study"}}
    assert all(label.partition(":")[2] in {"OP-002/YEAR_1", "study"}
               for label in elsewhere - followed)  # fmt: skip
    assert not steps & {"suv", "organs", "mr", "pictures", "lesion objects"}
    assert not {label for label in changed.computed if label.startswith("mr:")}
    table = changed.table
    moved = table.filter((table["value"] / first["value"] - 1).abs() > 1e-9)
    here = moved.filter(pl.col("step") != "measured changes")
    assert set(here.select("participant", "timepoint").iter_rows()) == {("OP-002", "BASELINE")}
    assert set(moved["participant"]) == {"OP-002"}

    back = run_it(demo.folder, scheduler)

    assert back.computed == set()
    assert dict(published(back.results)).keys() >= before.keys()
    for name in ("measurements.parquet", "report.html", "manifest.json", "sources.json"):
        assert (back.results / name).read_bytes() == before[name]


def test_a_file_written_again_with_the_same_bytes_recomputes_nothing(
    demo: Demo, scheduler: str
) -> None:
    path = demo.folder / "dicom/OP-001/BASELINE/pet_ac/0010.dcm"
    data, before = path.read_bytes(), path.stat().st_mtime_ns
    path.unlink()
    path.write_bytes(data)
    assert path.stat().st_mtime_ns != before

    assert run_it(demo.folder, scheduler).computed == set()


def test_two_folders_with_the_same_study_give_the_same_bytes(
    tmp_path: Path, scheduler: str
) -> None:
    results = []
    for folder in (tmp_path / "a", tmp_path / "another place" / "b"):
        write_small_study(folder)
        results.append(dict(published(run_it(folder, scheduler).results)))

    first, second = results
    assert len(first) > 60
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
