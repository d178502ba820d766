"""Cumulative incidence, Gray's test and subdistribution hazards against R's cmprsk."""

import importlib.util

import numpy as np
import pytest

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.signatures.data import RightCensored
from operandi.signatures.survival.cumulative_incidence import (
    CompetingOutcome,
    cumulative_incidence,
    cumulative_incidence_by,
)
from operandi.signatures.survival.fine_gray import fit_fine_gray
from operandi.signatures.survival.gray_test import gray_test
from operandi.signatures.survival.kaplan_meier import kaplan_meier
from tests.shared_data import needs_shared_data
from tests.signatures.survival.cohorts import numbers, words

DAYS = np.array([365.0, 1825.0, 3650.0])


def pbc() -> CompetingOutcome:
    return CompetingOutcome(
        time=numbers("pbc", "time", first=312),
        cause=numbers("pbc", "status", first=312).astype(np.int64),
        names=("transplant", "death"),
    )


def competing(time: list[float], cause: list[int]) -> CompetingOutcome:
    return CompetingOutcome(
        time=np.array(time, dtype=float), cause=np.array(cause), names=("one", "other")
    )


@needs_shared_data
@pytest.mark.parametrize(
    ("cause", "incidence"),
    [
        ("transplant", [0.0, 0.04405629053, 0.07915102089]),
        ("death", [0.07051282051, 0.28373649210, 0.53046947115]),
    ],
)
def test_incidence_of_pbc_as_r_has_it(cause: str, incidence: list[float]) -> None:
    """R 4.2.2: shared/research/prediction.md, section 7; to 1e-10."""
    found = cumulative_incidence(pbc(), cause=cause)
    np.testing.assert_allclose(found.at(DAYS), incidence, atol=1e-10)


@needs_shared_data
@pytest.mark.parametrize(
    ("cause", "errors"),
    [("transplant", [0.01200473, 0.01852987]), ("death", [0.02632324, 0.04063869])],
)
def test_errors_of_incidence_are_near_those_of_another_formula(
    cause: str, errors: list[float]
) -> None:
    """Comprisk 0.8.0 has Pepe's variance; the delta method differs by little."""
    found = cumulative_incidence(pbc(), cause=cause)
    np.testing.assert_allclose(found.standard_error_at(DAYS[1:]), errors, rtol=0.02)


@needs_shared_data
@pytest.mark.parametrize(
    ("cause", "statistic"), [("transplant", 0.01942747553), ("death", 0.06659373536)]
)
def test_gray_of_two_arms_as_r_has_it(cause: str, statistic: float) -> None:
    """R 4.2.2: shared/research/prediction.md, section 7."""
    found = gray_test(pbc(), words("pbc", "trt", first=312), cause=cause)
    assert found.chi_square == pytest.approx(statistic, abs=1e-10)


@needs_shared_data
@pytest.mark.parametrize(
    ("cause", "column", "rho", "statistic"),
    [
        ("transplant", "edema", 0.0, 1.116504070600234),
        ("death", "edema", 0.0, 58.15640148542849),
        ("transplant", "stage", 1.0, 2.0157033065942427),
        ("death", "stage", 1.0, 53.52185795438873),
    ],
)
def test_gray_of_several_groups_as_comprisk_has_it(
    cause: str, column: str, rho: float, statistic: float
) -> None:
    """Comprisk 0.8.0."""
    found = gray_test(pbc(), words("pbc", column, first=312), cause=cause, rho=rho)
    assert found.chi_square == pytest.approx(statistic, rel=1e-10)


@needs_shared_data
@pytest.mark.skipif(
    importlib.util.find_spec("comprisk") is None, reason="comprisk is not installed"
)
def test_fine_gray_of_pbc_as_r_has_it() -> None:
    """R 4.2.2: shared/research/prediction.md, section 7; checked with comprisk 0.8.0."""
    columns = ("age", "bili", "edema", "albumin", "protime")
    raw = {name: numbers("pbc", name, first=312) for name in columns}
    x = np.column_stack(
        [
            raw["age"],
            np.log(raw["bili"]),
            raw["edema"],
            np.log(raw["albumin"]),
            np.log(raw["protime"]),
        ]
    )
    found = fit_fine_gray(pbc(), x, cause="death")
    np.testing.assert_allclose(
        found.coefficients,
        [0.03808241349, 0.82513224108, 0.81907471657, -2.87825502299, 3.61966757821],
        rtol=1e-8,
    )


@pytest.mark.skipif(
    importlib.util.find_spec("comprisk") is not None, reason="comprisk is installed"
)
def test_says_what_to_install_for_subdistribution_hazards() -> None:
    with pytest.raises(UnsupportedError, match="comprisk"):
        fit_fine_gray(competing([1, 2, 3], [1, 2, 0]), np.ones((3, 1)), cause="one")


def test_causes_and_survival_add_up_to_one() -> None:
    outcome = competing([1, 2, 2, 3, 4, 5, 6], [1, 2, 1, 0, 1, 2, 0])
    days = np.arange(0.5, 8.0, 0.5)
    either = kaplan_meier(RightCensored(time=outcome.time, event=outcome.cause > 0))
    total = sum(cumulative_incidence(outcome, cause=one).at(days) for one in ("one", "other"))
    np.testing.assert_allclose(total + either.at(days), 1.0)


def test_without_another_cause_the_variance_is_greenwoods() -> None:
    outcome = competing([1, 2, 2, 3, 4, 5, 6], [1, 0, 1, 0, 1, 1, 0])
    days = np.arange(0.5, 8.0, 0.5)
    curve = kaplan_meier(outcome.specific_to("one"))
    found = cumulative_incidence(outcome, cause="one")
    np.testing.assert_allclose(found.standard_error_at(days), curve.standard_error_at(days))
    band = curve.band()
    lower, upper = found.band()
    np.testing.assert_allclose(1.0 - lower, band.upper)
    np.testing.assert_allclose(1.0 - upper, band.lower)


def test_groups_have_curves_of_their_own() -> None:
    outcome = competing([1, 2, 3, 4], [1, 1, 2, 0])
    found = cumulative_incidence_by(outcome, ["a", "b", "a", "b"], cause="one")
    assert sorted(found) == ["a", "b"]
    np.testing.assert_allclose(found["a"].at(np.array([1.0, 5.0])), [0.5, 0.5])


def test_refuses_unknown_causes_and_one_group() -> None:
    with pytest.raises(DataError, match="row 1 has 3"):
        competing([1, 2], [1, 3])
    with pytest.raises(DataError, match="No cause is named"):
        cumulative_incidence(competing([1, 2], [1, 2]), cause="third")
    with pytest.raises(DataError, match="two or more groups"):
        gray_test(competing([1, 2], [1, 2]), ["a", "a"], cause="one")
    with pytest.raises(DataError, match="there is none"):
        gray_test(competing([1, 2], [0, 2]), ["a", "b"], cause="one")
