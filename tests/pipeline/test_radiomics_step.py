"""Radiomics on the road: nothing unless study.toml asks, and then features with their origin."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.identity import Digest, LesionId, Pseudonym, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement, SubjectType
from operandi.domain.volume import Volume
from operandi.imaging.lesions.segmentation.found import SegmentedLesion, SegmentedLesions
from operandi.imaging.lesions.segmentation.partial_volume import CorrectedMean
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings, SuvMeanCorrection
from operandi.imaging.pet.suv import BodySize, Suv
from operandi.imaging.radiomics.aggregation import ADDITIVE, Aggregation
from operandi.imaging.radiomics.defaults import DEFAULTS, ImageSort
from operandi.imaging.radiomics.extract import Recipe, extract
from operandi.imaging.radiomics.filters.boundary import Boundary
from operandi.imaging.radiomics.filters.extent import Extent
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import LaplacianOfGaussianFilter
from operandi.imaging.radiomics.settings import FixedBinNumber
from operandi.pipeline.codec import decode, encode
from operandi.pipeline.explain import NEVER_RAN, REUSED
from operandi.pipeline.road import RADIOMICS_COUNT, reported, table_node, visit_nodes
from operandi.pipeline.runner import How
from operandi.pipeline.step import Refusal, in_order
from operandi.pipeline.step_settings import CountedFeatures, RadiomicsFacts, RadiomicsPlan, Visit
from operandi.pipeline.steps.lesions import KeptLesions
from operandi.pipeline.steps.measurements import Measured
from operandi.pipeline.steps.radiomics import (
    DESCRIPTOR_SCHEMA,
    contour_features,
    counted_features,
    descriptors_table,
    lesion_features,
)
from operandi.pipeline.steps.regions import ReaderRegions
from operandi.pipeline.study import explained, read_study
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import RADIOMICS_FEATURE_COUNT, SUV_BODY_WEIGHT
from tests.pipeline.studies import (
    TODAY,
    Ran,
    change_headers,
    change_study_file,
    run_it,
    write_small_study,
)

VISIT = Visit(
    participant=Pseudonym("P-1"), timepoint=TimepointCode("BASELINE"), inputs=(Digest("0" * 64),)
)
FACTS = RadiomicsFacts(visit=VISIT, recipes=())
SIDE = 40
SETTINGS = DEFAULTS[ImageSort.PET_SUV]
LOG = Recipe(
    replace(
        SETTINGS,
        discretization=FixedBinNumber(bins=32),
        volume_histogram=FixedBinNumber(bins=1000),
    ),
    LaplacianOfGaussianFilter(extent=Extent.VOLUME, sigma_mm=4.0, boundary=Boundary.MIRROR),
)


def a_suv(*, spacing_mm: tuple[float, float, float] = (3.0, 3.0, 3.0)) -> Suv:
    """Uptake that falls off from the middle, with noise."""
    at = np.indices((SIDE, SIDE, SIDE)) - SIDE / 2
    noise = np.random.default_rng(7).normal(0.0, 0.4, at.shape[1:])
    values = 12.0 * np.exp(-(at**2).sum(axis=0) / 300.0) + 2.0 + noise
    grid = Grid((SIDE, SIDE, SIDE), np.diag([*spacing_mm, 1.0]), "1.2.3")
    return Suv(
        volume=Volume(values.astype(np.float32), grid, SUV_BODY_WEIGHT),
        body_size=BodySize(mass_kg=70.0, height_m=None, sex=None),
        administration=None,
        uptake_s=3600.0,
        evidence=("by hand",),
    )


def a_lesion(name: str, suv: Suv, *, center: tuple[int, int, int], radius: float) -> Lesion:
    at = np.indices(suv.volume.grid.shape) - np.array(center).reshape(3, 1, 1, 1)
    return Lesion(LesionId(name), Mask((at**2).sum(0) <= radius**2, suv.volume.grid), "", "by hand")


def some_lesions(suv: Suv) -> tuple[Lesion, ...]:
    return (
        a_lesion("L01", suv, center=(20, 20, 20), radius=6),
        a_lesion("L02", suv, center=(10, 28, 12), radius=4),
        a_lesion("L03", suv, center=(30, 10, 30), radius=3),
    )


def found(*lesions: Lesion, unmapped: tuple[str, ...] = ()) -> KeptLesions:
    """As the step keeps them; features need no more than the lesions."""
    segmented = SegmentedLesions(
        lesions=tuple(map(segmented_lesion, lesions)),
        dropped=0,
        unmapped=unmapped,
        settings=SegmentationSettings(fwhm_mm=6.0),
        rule="by hand",
    )
    return KeptLesions(parts={"segmented": segmented})


def segmented_lesion(lesion: Lesion) -> SegmentedLesion:
    inside = lesion.mask.inside
    (box,) = ndimage.find_objects(inside.astype(np.int8)) or [(slice(0, 1),) * 3]
    top = np.argwhere(inside)[0]
    return SegmentedLesion(
        id=lesion.id,
        box=box,
        inside=inside[box],
        grid=lesion.mask.grid,
        seed=(int(top[0]), int(top[1]), int(top[2])),
        organ=lesion.organ,
        delineation=lesion.delineation,
        suv_maximum=1.0,
        suv_mean=CorrectedMean(
            value=None,
            standard_uncertainty=None,
            uncorrected=1.0,
            recovery=None,
            correction=SuvMeanCorrection.NONE,
            absent="by hand",
        ),
        background=0.0,
        flags=(),
    )


def of(measured: Measured, name: str) -> dict[str, Measurement]:
    return {m.kind.name: m for m in measured.measurements if m.subject.name == name}


# --- the steps -----------------------------------------------------------------------------------


def test_a_lesions_features_are_those_of_the_engine_by_the_default_settings() -> None:
    suv = a_suv()
    lesion = some_lesions(suv)[0]

    measured = lesion_features(suv, found(lesion), FACTS)

    expected = extract(suv.volume, lesion.mask, SETTINGS)
    assert [m.value for m in measured.measurements] == [f.value for f in expected.features]
    contrast = of(measured, "L01")["RADIOMICS_SUV_BODY_WEIGHT_CM_CONTRAST_3D_COMB"]
    assert contrast.method == f"radiomics, settings {SETTINGS.digest[:12]}"
    assert (contrast.subject.type, contrast.inputs) == (SubjectType.LESION, VISIT.inputs)
    assert contrast.uncertainty.standard is None


def test_each_filter_adds_the_features_of_its_response() -> None:
    suv = a_suv()
    facts = replace(FACTS, recipes=(Recipe(SETTINGS), LOG))

    measured = lesion_features(suv, found(*some_lesions(suv)), facts)

    ids = {m.id for m in measured.measurements}
    assert len(ids) == len(measured.measurements)
    assert len({m.method for m in measured.measurements}) == 2
    assert sum("LOG" in name for name in of(measured, "L02")) > 100


def test_a_lesion_too_small_keeps_its_rows_with_the_reason() -> None:
    suv = a_suv(spacing_mm=(0.5, 0.5, 0.5))
    speck = a_lesion("L02", suv, center=(10, 10, 10), radius=0)

    measured = lesion_features(
        suv,
        found(a_lesion("L01", suv, center=(20, 20, 20), radius=15), speck),
        replace(FACTS, recipes=(Recipe(SETTINGS), LOG)),
    )

    assert of(measured, "L01").keys() == of(measured, "L02").keys()
    assert {m.value for m in of(measured, "L02").values()} == {None}
    assert all(m.absent for m in of(measured, "L02").values())
    assert any(m.value is not None for m in of(measured, "L01").values())


def test_candidates_are_named_so_and_have_no_values_of_the_patient() -> None:
    suv = a_suv()
    facts = replace(FACTS, patient=(Aggregation.VOLUME_WEIGHTED_MEAN,))

    measured = lesion_features(suv, found(*some_lesions(suv), unmapped=("spleen",)), facts)

    assert {m.subject.type for m in measured.measurements} == {SubjectType.CANDIDATE}


def test_contours_are_measured_as_contours() -> None:
    suv = a_suv()

    measured = contour_features(suv, ReaderRegions(lesions=some_lesions(suv)[:1]), FACTS)

    assert {m.subject.type for m in measured.measurements} == {SubjectType.CONTOUR}
    assert len(measured.measurements) == 174


def test_the_patients_values_are_made_of_all_lesions() -> None:
    suv = a_suv()
    lesions = some_lesions(suv)
    facts = replace(FACTS, patient=tuple(sorted(Aggregation)))

    measured = lesion_features(suv, found(*lesions), facts)

    patient, mean = of(measured, ""), "RADIOMICS_SUV_BODY_WEIGHT_STAT_MEAN"
    values = [of(measured, str(one.id))[mean].value or 0.0 for one in lesions]
    volumes = [one.mask.volume_ml for one in lesions]
    weighted = patient[f"{mean}_VOLUME_WEIGHTED_MEAN"]
    assert weighted.value == pytest.approx(np.average(values, weights=volumes))
    assert patient[f"{mean}_LARGEST_LESION"].value == values[0]
    assert patient[f"{mean}_LESION_OF_MINIMUM_UPTAKE"].value == min(values)
    assert "3 of 3 lesions" in weighted.uncertainty.basis
    assert weighted.kind.unit == "g/mL"
    sums = [name for name in patient if name.endswith("SUM_OF_LESIONS")]
    assert len(sums) == len(ADDITIVE)


def test_a_level_of_the_patient_bears_no_unit_where_that_of_the_lesion_bears_none() -> None:
    suv = a_suv()
    levels = replace(SETTINGS, volume_histogram=FixedBinNumber(bins=1000))
    facts = replace(FACTS, recipes=(Recipe(levels),), patient=(Aggregation.LARGEST_LESION,))

    measured = lesion_features(suv, found(*some_lesions(suv)), facts)

    patient = of(measured, "")
    [i10] = [one for name, one in patient.items() if "IVH_I10" in name]
    assert i10.kind.unit == "1"


def test_a_patient_without_lesions_has_rows_that_say_so() -> None:
    facts = replace(FACTS, patient=(Aggregation.MEAN,))

    measured = lesion_features(a_suv(), found(), facts)

    assert len(measured.measurements) == 174
    assert {m.absent for m in measured.measurements} == {"no lesion was found"}


def test_refuses_slices_too_far_apart_for_the_default() -> None:
    suv = a_suv(spacing_mm=(2.0, 2.0, 6.0))

    with pytest.raises(DataError, match="2 x 2 x 6 mm") as refused:
        lesion_features(suv, found(), FACTS)
    assert "settings_file" in refused.value.remedy

    lesion_features(suv, found(*some_lesions(suv)), replace(FACTS, recipes=(Recipe(SETTINGS),)))


def test_the_count_says_how_many_have_a_value_and_how_many_not() -> None:
    suv = a_suv(spacing_mm=(0.5, 0.5, 0.5))
    speck = a_lesion("L02", suv, center=(10, 10, 10), radius=0)
    lesions = (a_lesion("L01", suv, center=(20, 20, 20), radius=15), speck)
    features = lesion_features(suv, found(*lesions), FACTS)

    counted = counted_features(features, CountedFeatures(visit=VISIT, title="lesions"))

    (count,) = counted.measurements
    assert count.kind == RADIOMICS_FEATURE_COUNT
    assert count.value == sum(m.value is not None for m in features.measurements)
    absent = 348 - int(count.value)
    assert f"features of 2 subject(s), {absent} absent with their reason" in counted.evidence


def test_what_the_steps_take_and_give_survives_the_store() -> None:
    facts = replace(FACTS, recipes=(Recipe(SETTINGS), LOG), patient=(Aggregation.MEAN,))

    assert decode(encode(facts)) == facts


def test_a_refused_image_is_a_row_of_the_descriptors() -> None:
    refusal = Refusal(step="suv", subject="P-1/BASELINE", what="Nothing was injected.")

    table = descriptors_table(refusal, (VISIT,))

    assert table.schema == pl.Schema(DESCRIPTOR_SCHEMA)
    assert table["descriptor"].to_list() == ["image"]
    assert "Nothing was injected" in table["absent"][0]


# --- the road ------------------------------------------------------------------------------------

ASKED = '\n[radiomics]\npet = ["lesions"]\npatient = ["largest lesion"]\n'
SETTINGS_FILE = """
dimension = "3D, merged"
spacing_mm = [6.0, 6.0, 6.0]
interpolation = "linear"
mask_interpolation = "linear"
mask_threshold = 0.5
lower = 0.0

[discretization]
width = 1.0
"""
FILTER = '\n[[filter]]\ntype = "mean"\nextent = "3D"\nsupport = 3\nboundary = "mirror"\n'


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, scheduler: str) -> Ran:
    folder = tmp_path_factory.mktemp("plain") / "study"
    write_small_study(folder)
    return run_it(folder, scheduler)


@pytest.fixture(scope="module")
def asked(plain: Ran, tmp_path_factory: pytest.TempPathFactory, scheduler: str) -> Ran:
    folder = tmp_path_factory.mktemp("asked") / "study"
    shutil.copytree(plain.study.folder, folder)
    change_study_file(folder, lambda text: text + ASKED)
    change_headers(folder, "OP-001/BASELINE/pet_ac/*", ReconstructionMethod="PSF+TOF 3i21s")
    return run_it(folder, scheduler)


@pytest.fixture
def study(plain: Ran, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain.study.folder, tmp_path / "study"))


def features_of(ran: Ran) -> pl.DataFrame:
    return ran.table.filter(pl.col("step") == "radiomics")


def descriptors_of(ran: Ran) -> pl.DataFrame:
    return pl.read_parquet(ran.results / "radiomics_descriptors.parquet")


@pytest.mark.slow
def test_nothing_happens_where_the_study_does_not_ask(plain: Ran) -> None:
    assert not any("radiomics" in node.node.step.name for node in plain.outcome.results)
    assert not plain.table["kind"].str.contains("RADIOMICS").any()
    assert not (plain.results / "radiomics_descriptors.parquet").exists()


@pytest.mark.slow
def test_features_stand_in_the_table_and_one_line_of_them_in_the_report(asked: Ran) -> None:
    assert asked.told == set()
    features = features_of(asked)
    for timepoint in ("BASELINE", "AFTER_CYCLE_2"):
        here = features.filter(pl.col("timepoint") == timepoint)
        assert here.filter(pl.col("subject") == "L01").height == 174
        count = asked.table.filter(
            pl.col("timepoint") == timepoint, pl.col("kind") == "RADIOMICS_FEATURE_COUNT"
        )
        assert count["value"].to_list() == [here["value"].count()]
    assert asked.report.count("number of radiomic features lesions") == 2
    assert "in cubes of 3 mm" in asked.report
    assert "joint maximum" not in asked.report.lower()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pet", "named"),
    [
        (("lesions",), {"radiomics", "radiomics count"}),
        (("contours",), {"radiomics drawn", "radiomics count"}),
        (("contours", "lesions"), {"radiomics", "radiomics drawn", "radiomics count"}),
    ],
)
def test_the_road_leads_to_the_regions_asked_for(
    plain: Ran, pet: tuple[str, ...], named: set[str]
) -> None:
    (followed,) = plain.study.followed
    sought = followed.sought[0]
    drawn = replace(sought.chosen, contours=sought.chosen.organ_map)
    plan = RadiomicsPlan(pet=pet, recipes=(), patient=())

    laid = visit_nodes(drawn, sought, followed.tracks, radiomics=plan)

    report = [node for node in reported(laid) if node.step is RADIOMICS_COUNT]
    # Beside the further measures of lesions, which the table has without radiomics too.
    assert len(report) == len(laid.features) - 1 == len(pet)
    names = {node.step.name for node in in_order([table_node([laid]), *report])}
    assert {name for name in names if name.startswith("radiomics")} == named


@pytest.mark.slow
def test_a_run_is_explained_before_it_begins(study: Path) -> None:
    (study / "radiomics.toml").write_text(SETTINGS_FILE + FILTER, "utf-8")
    asks = ASKED + 'settings_file = "radiomics.toml"\n'
    change_study_file(study, lambda text: text + asks)

    told = {node.step.name: why for node, why in explained(read_study(study, today=TODAY))}

    assert told["radiomics"] == told["descriptors table"] == NEVER_RAN
    assert told["lesions"] == REUSED


@pytest.mark.slow
def test_all_other_values_stay_as_they_were(plain: Ran, asked: Ran) -> None:
    """But for changes: one visit of the fixture has another reconstruction in its header."""
    changed = pl.col("step") == "measured changes"
    without = asked.table.filter(~pl.col("kind").str.contains("RADIOMICS"), ~changed)

    columns = ["measurement", "value", "absent"]
    assert without.select(columns).equals(plain.table.filter(~changed).select(columns))


@pytest.mark.slow
def test_the_descriptors_say_how_each_image_came_to_be(asked: Ran) -> None:
    table = descriptors_of(asked)
    assert set(table["timepoint"]) == {"BASELINE", "AFTER_CYCLE_2"}
    here = {row["descriptor"]: row for row in table.to_dicts() if row["timepoint"] == "BASELINE"}

    assert here["reconstruction"]["text"] == "PSF+TOF 3i21s"
    assert (here["iterations"]["number"], here["subsets"]["number"]) == (3.0, 21.0)
    assert here["voxel_k_mm"]["number"] == 8.0
    assert here["injected_mbq_per_kg"]["number"] == pytest.approx(2.0, abs=0.5)
    assert here["noise_level"]["absent"]
    (uptake,) = asked.table.filter(
        pl.col("kind") == "UPTAKE_TIME", pl.col("timepoint") == "BASELINE"
    )["value"]
    assert here["uptake_time_min"]["number"] == uptake


@pytest.mark.slow
def test_a_second_run_computes_nothing_and_a_study_that_asks_no_more_loses_the_table(
    asked: Ran, tmp_path: Path, scheduler: str
) -> None:
    folder = Path(shutil.copytree(asked.study.folder, tmp_path / "study"))
    assert run_it(folder, scheduler).computed == set()

    change_study_file(folder, lambda text: text.replace(ASKED, ""))
    ran = run_it(folder, scheduler)

    assert not (ran.results / "radiomics_descriptors.parquet").exists()
    assert features_of(ran).is_empty()


@pytest.mark.slow
def test_a_settings_file_of_the_study_wins_and_its_change_computes_features_anew(
    study: Path, scheduler: str
) -> None:
    (study / "radiomics.toml").write_text(SETTINGS_FILE, "utf-8")
    asks = '\n[radiomics]\npet = ["lesions"]\nsettings_file = "radiomics.toml"\n'
    change_study_file(study, lambda text: text + asks)
    first = run_it(study, scheduler)
    report, methods = first.report, features_of(first)["method"]
    (study / "radiomics.toml").write_text(SETTINGS_FILE + FILTER, "utf-8")
    second = run_it(study, scheduler)

    assert "by the settings in radiomics.toml" in report
    assert methods.n_unique() == 1
    assert features_of(second)["method"].n_unique() == 2
    assert {label.partition(":")[0] for label in second.computed} >= {"radiomics", "table"}
    assert not any(
        label.startswith(("suv", "lesions", "descriptors:")) for label in second.computed
    )
    assert "radiomics.toml" in (second.results / "manifest.json").read_text("utf-8")


@pytest.mark.slow
def test_settings_by_which_no_lesion_has_a_feature_leave_reasons_and_the_visit_its_values(
    study: Path, scheduler: str
) -> None:
    """Bins of a fixed size need a start, which nothing gives here."""
    (study / "radiomics.toml").write_text(SETTINGS_FILE.replace("lower = 0.0\n", ""), "utf-8")
    asks = '\n[radiomics]\npet = ["lesions"]\nsettings_file = "radiomics.toml"\n'
    change_study_file(study, lambda text: text + asks)

    ran = run_it(study, scheduler)

    features = features_of(ran)
    assert features["value"].null_count() == features.height
    assert ran.measured == {("OP-001", "BASELINE"), ("OP-001", "AFTER_CYCLE_2")}
    assert ran.outcome.counts[How.REFUSED] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "radiomics settings radiomics.toml, which are not in the study folder"),
        ("dimension = 3", "dimension"),
        (SETTINGS_FILE + FILTER + FILTER, "the same filter twice"),
    ],
)
def test_refuses_a_faulty_settings_file_before_anything_runs(
    study: Path, content: str | None, named: str
) -> None:
    if content is not None:
        (study / "radiomics.toml").write_text(content, "utf-8")
    asks = '\n[radiomics]\npet = ["lesions"]\nsettings_file = "radiomics.toml"\n'
    change_study_file(study, lambda text: text + asks)

    with pytest.raises(DataError, match=named):
        read_study(study, today=TODAY)
