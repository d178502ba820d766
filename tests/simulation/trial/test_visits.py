import tomllib
from datetime import timedelta

import numpy as np
import pytest

from operandi.pipeline.settings import parse_settings
from operandi.records.cells import Border
from operandi.records.rows import TracerAdministrationRow
from operandi.simulation.scenario import read_scenario
from operandi.simulation.trial.chronology import TIMEPOINTS
from operandi.simulation.trial.study_file import camera_tables, study_toml
from operandi.simulation.trial.tables_course import image_tables
from operandi.simulation.trial.visits import ZONE, VisitPlan, visit_plans
from tests.simulation.trial.hand_made import SEED, a_cohort, the_scenario

Plans = dict[tuple[int, int], VisitPlan]


@pytest.fixture(scope="module")
def plans() -> Plans:
    return visit_plans(a_cohort(64), the_scenario(), seed=SEED)


def test_every_visit_that_took_place_is_planned(plans: Plans) -> None:
    outcomes = a_cohort(64)

    assert set(plans) == {
        (int(row), int(visit)) for row, visit in np.argwhere(np.isfinite(outcomes.imaging_day))
    }


def test_the_clock_runs_from_assay_to_pet(plans: Plans) -> None:
    for plan in plans.values():
        uptake = plan.pet_started_at - plan.injected_at
        assert timedelta(minutes=55) <= uptake <= timedelta(minutes=70)
        assert plan.assayed_at < plan.injected_at < plan.residual_at < plan.pet_started_at
        assert plan.assayed_at.tzinfo is ZONE
        assert plan.assayed_at.date() == plan.pet_started_at.date() == plan.date


def test_the_tables_give_back_the_activity_that_was_injected(plans: Plans) -> None:
    border = Border(ZONE, the_scenario().cohort.data_cut, TIMEPOINTS, (), decimal_comma=False)
    rows = image_tables(plans.values())["tracer_administrations"]

    for row, plan in zip(rows, plans.values(), strict=True):
        net = TracerAdministrationRow.model_validate(row, context=border).noun().net()
        assert net.activity_bq == pytest.approx(plan.injected.activity_bq, rel=1e-12)
        assert 95e6 < net.activity_bq < 205e6


def test_body_mass_changes_by_three_percent_between_visits() -> None:
    plans = visit_plans(a_cohort(400), the_scenario(), seed=SEED)
    change = [
        plans[row, 1].body_mass_kg / plans[row, 0].body_mass_kg - 1.0
        for row, visit in plans
        if visit == 1
    ]

    assert np.mean(change) == pytest.approx(0.0, abs=0.006)
    assert np.std(change) == pytest.approx(0.03, rel=0.15)


def test_who_progressed_has_lost_weight() -> None:
    """Participants 4, 12, … progress on day 350, before the images of the year."""
    plans = visit_plans(a_cohort(800), the_scenario(), seed=SEED)
    change = [
        plans[row, 2].body_mass_kg / plans[row, 0].body_mass_kg - 1.0
        for row, visit in plans
        if visit == 2 and row % 8 == 4
    ]

    assert np.mean(change) == pytest.approx(-0.05, abs=0.012)


def test_plans_do_not_depend_on_the_batch(plans: Plans) -> None:
    later = visit_plans(a_cohort(4, first=8), the_scenario(), seed=SEED)

    assert later[1, 0] == plans[9, 0]
    assert visit_plans(a_cohort(4), the_scenario(), seed=SEED + 1)[1, 0] != plans[1, 0]


@pytest.mark.parametrize("title", ["plain", 'with "quotes", \\ and é'])
def test_the_study_file_is_read_as_it_is_meant(title: str) -> None:
    scenario = read_scenario("dose").model_copy(update={"title": title})

    settings = parse_settings(tomllib.loads(study_toml(scenario)))

    assert settings.title == title
    assert tuple(one.code for one in settings.timepoints) == TIMEPOINTS
    assert [code for code, _ in settings.sites] == sorted(site.code for site in scenario.site)
    assert settings.data_cut == scenario.cohort.data_cut
    assert settings.dosimetry is None
    assert camera_tables(scenario) == {}


def test_the_resolution_of_each_site_is_that_of_its_simulated_scanner() -> None:
    """The first site's stands for all; one with another scanner has its own."""
    plain = read_scenario("dose")
    first = plain.site[0].model_copy(update={"code": "X1", "pet_fwhm_mm": 4.5})
    others = [plain.site[0].model_copy(update={"code": code, "pet_fwhm_mm": mm})
              for code, mm in (("X2", 4.5), ("X3", 6.2))]  # fmt: skip
    scenario = plain.model_copy(update={"site": (first, *others)})

    lesions = parse_settings(tomllib.loads(study_toml(scenario))).lesions

    for site in scenario.site:
        assert lesions.segmentation_at(site.code).fwhm_mm == site.pet_fwhm_mm
    assert lesions.resolution_at == (("X3", 6.2),)


def test_doses_are_asked_for_where_spect_is_simulated() -> None:
    plain = read_scenario("dose")
    imaging = plain.imaging.model_copy(update={"spect_hours": (24.0,), "spect_participants": 1})
    scenario = plain.model_copy(update={"imaging": imaging})

    assert parse_settings(tomllib.loads(study_toml(scenario))).dosimetry is not None
    tables = camera_tables(scenario)
    assert len(tables["spect_calibrations"]) == len(scenario.site)
    assert len(tables["spect_recovery"]) == 7 * len(scenario.site)
