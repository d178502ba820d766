import math
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import ks_2samp

from operandi.simulation.disease.baseline import draw_lesions
from operandi.simulation.disease.dose_surrogate import (
    ORGANS,
    Uptake,
    by_kinetics,
    by_log_normal,
    exchanged_dose_gy,
    lowest_normal,
    patient_scores,
    uptake_scores,
)
from operandi.simulation.people.persons import draw_persons
from tests.simulation.disease.scenarios import a_scenario

_Floats = npt.NDArray[np.float64]
N: Final = 1500


@pytest.fixture(scope="module", name="both")
def both_uptakes() -> tuple[Uptake, Uptake]:
    """Another seed than the fit's."""
    persons = draw_persons(N, scenario=a_scenario(), seed=99)
    patients, _ = draw_lesions(persons, lesions_mean=5.5, seed=99)
    return by_kinetics(patients), by_log_normal(patients, seed=99, first_participant=0)


def between_and_within(log: _Floats) -> tuple[float, float]:
    mean = np.nanmean(log, axis=1)
    within = np.nansum((log - mean[:, None]) ** 2) / (np.isfinite(log).sum(axis=1) - 1).sum()
    return float(mean.std()), math.sqrt(within)


def test_the_log_normal_has_the_distribution_of_the_kinetics(both: tuple[Uptake, Uptake]) -> None:
    """Means to 2 %, spreads to 4 %; the kinetics lean to the left, as receptors saturate.

    Their median dose lies 5 % above that of the log-normal.
    """
    kinetics, drawn = both
    for name in ("lesion_dose_gy", "suv"):
        one, two = (np.log(getattr(uptake, name)) for uptake in (kinetics, drawn))
        assert np.nanmean(one) == pytest.approx(np.nanmean(two), abs=0.02)
        assert np.nanmedian(one) == pytest.approx(np.nanmedian(two), abs=0.07)
        np.testing.assert_allclose(between_and_within(one), between_and_within(two), rtol=0.04)
        assert ks_2samp(one[~np.isnan(one)], two[~np.isnan(two)]).statistic < 0.06
    for column, organ in enumerate(ORGANS):
        one, two = (np.log(uptake.organ_dose_gy[:, column]) for uptake in (kinetics, drawn))
        assert one.mean() == pytest.approx(two.mean(), abs=0.02), organ
        assert one.std() == pytest.approx(two.std(), rel=0.06), organ


def test_uptake_and_dose_correlate_alike(both: tuple[Uptake, Uptake]) -> None:
    found = []
    for uptake in both:
        score, dose = uptake_scores(uptake.suv), np.log(uptake.lesion_dose_gy)
        present = ~np.isnan(score)
        of_patients = np.corrcoef(np.nanmean(score, axis=1), np.nanmean(dose, axis=1))[0, 1]
        found.append([np.corrcoef(score[present], dose[present])[0, 1], of_patients])
    np.testing.assert_allclose(found[0], found[1], atol=0.03)
    assert 0.6 < found[0][0] < 0.95


def test_doses_of_patients_agree_one_by_one(both: tuple[Uptake, Uptake]) -> None:
    """The residual of the fit, 11 % of a dose and 4 % of an SUV."""
    kinetics, drawn = both
    assert np.nanstd(np.log(kinetics.lesion_dose_gy / drawn.lesion_dose_gy)) < 0.18
    assert np.nanstd(np.log(kinetics.suv / drawn.suv)) < 0.08


def test_organ_doses_are_of_the_published_size(both: tuple[Uptake, Uptake]) -> None:
    """Kidneys 0.38 to 0.66 Gy/GBq (decision 0024), at 7.4 GBq."""
    kidneys = both[0].organ_dose_gy[:, 1].mean() / 7.4
    assert 0.38 < kidneys < 0.66


def test_exchanged_doses_have_the_same_distribution(both: tuple[Uptake, Uptake]) -> None:
    other = np.log(exchanged_dose_gy(4000, 6, seed=2, first_participant=0))
    own = np.log(both[0].lesion_dose_gy)

    assert np.median(other) == pytest.approx(np.nanmedian(own), abs=0.05)
    np.testing.assert_allclose(other.std(), np.nanstd(own), rtol=0.05)


def test_scores_are_standard_normal(both: tuple[Uptake, Uptake]) -> None:
    for uptake in both:
        score = uptake_scores(uptake.suv)
        assert np.nanmean(score) == pytest.approx(0.0, abs=0.06)
        assert np.nanstd(score) == pytest.approx(1.0, abs=0.04)
        for lowest in (False, True):
            patient = patient_scores(score, lowest=lowest)
            assert patient.mean() == pytest.approx(0.0, abs=0.1)
            assert patient.std() == pytest.approx(1.0, abs=0.08)


def test_the_lowest_of_normal_numbers_is_tabulated() -> None:
    """Order statistics: of two -1/sqrt(pi) and 1 - 1/pi; of three -3/(2 sqrt(pi))."""
    assert lowest_normal(1) == pytest.approx((0.0, 1.0), abs=1e-9)
    assert lowest_normal(2) == pytest.approx((-1 / math.sqrt(math.pi), 1 - 1 / math.pi), abs=1e-9)
    assert lowest_normal(3)[0] == pytest.approx(-1.5 / math.sqrt(math.pi), abs=1e-9)
