import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.data import RightCensored
from tests.shared_data import needs_shared_data, published
from tests.signatures.survival_tables import (
    a_cohort,
    columns,
    outcome_of,
    pbc_model,
    pbc_trial,
    table,
)

# R 4.2.2, survival 3.5-3, on pbc rows 1-312: age, log bili, edema, log albumin, log protime.
PBC = {
    "efron": (0.03322340668, 0.88005627129, 0.78585257069, -3.05992604886, 3.01401180042),
    "breslow": (0.03326620822, 0.87920776367, 0.78468633328, -3.05326657782, 3.01567857699),
}


@needs_shared_data
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_coefficients_on_pbc_are_those_of_r_to_eight_digits(ties: str) -> None:
    outcome, x = pbc_trial()

    fit = fit_cox(outcome, x, ties=ties)

    np.testing.assert_allclose(fit.coefficients, PBC[ties], atol=1e-8, rtol=0)
    if ties == "efron":
        assert fit.loglik == pytest.approx(-540.2967176, abs=1e-7)


def _reference(cohort: str, model: str) -> dict[str, Any]:
    path = published("survival/reference_r_survival.json")
    found: dict[str, Any] = json.loads(path.read_text())[cohort]
    return found[model] if model else found


def _lung() -> pl.DataFrame:
    return (
        table("lung")
        .with_columns((pl.col("status") - 1).alias("event"))
        .drop_nulls(["age", "sex", "ph.ecog"])
    )


def _agrees(fit: Any, reference: dict[str, Any], names: list[str]) -> None:
    expected = [reference["coef"][name] for name in names]
    np.testing.assert_allclose(fit.coefficients, expected, rtol=1e-6, atol=1e-9)
    if not reference["se_is_robust"]:
        errors = [reference["se"][name] for name in names]
        np.testing.assert_allclose(fit.standard_errors, errors, rtol=1e-6)
    assert fit.loglik_null == pytest.approx(reference["loglik_null"], rel=1e-9)
    assert fit.loglik == pytest.approx(reference["loglik"], rel=1e-9)
    for test, key in ((fit.likelihood_ratio, "lr_test"), (fit.score, "score")):
        statistic, degrees, p = reference[key]
        assert test.statistic == pytest.approx(statistic, rel=1e-6)
        assert test.degrees == degrees
        assert test.p == pytest.approx(p, rel=1e-4)


@needs_shared_data
@pytest.mark.parametrize("model", ["cox", "cox_breslow", "cox_strata"])
def test_lung_agrees_with_r(model: str) -> None:
    frame = _lung()
    names = ["age", "ph.ecog"] if model == "cox_strata" else ["age", "sex", "ph.ecog"]
    strata = frame["sex"].to_numpy() if model == "cox_strata" else None
    reference = _reference("lung", model)

    fit = fit_cox(outcome_of(frame), columns(frame, *names), ties=reference["ties"], strata=strata)

    _agrees(fit, reference, names)


@needs_shared_data
def test_gbsg_veteran_and_all_of_pbc_agree_with_r() -> None:
    frame = table("gbsg")
    names = ["age", "meno", "size", "grade", "nodes", "pgr", "er", "hormon"]
    outcome = outcome_of(frame, time="rfstime", event="status")
    _agrees(fit_cox(outcome, columns(frame, *names)), _reference("gbsg", "cox"), names)

    veteran = table("veteran").with_columns(
        *((pl.col("celltype") == cell).alias(f"celltype{cell}") for cell in ("smallcell", "adeno")),
        (pl.col("celltype") == "large").alias("celltypelarge"),
    )
    reference = _reference("veteran", "cox")
    names = list(reference["coef"])
    _agrees(
        fit_cox(outcome_of(veteran, event="status"), columns(veteran, *names)), reference, names
    )

    pbc = table("pbc").with_columns((pl.col("status") == 2).cast(pl.Int64).alias("event"))
    pbc = pbc.drop_nulls(["age", "edema", "bili", "protime", "albumin"])
    names = ["age", "log(bili)", "edema", "log(albumin)", "log(protime)"]
    _agrees(fit_cox(outcome_of(pbc), pbc_model(pbc)), _reference("pbc", "cox"), names)


def test_reported_errors_are_the_larger_ones_and_the_robust_are_those_of_leaving_one_out() -> None:
    """Efron's infinitesimal jackknife beside the refits that it approximates."""
    draw = np.random.default_rng(3)
    n = 120
    x = draw.standard_normal((n, 2))
    early = draw.exponential(200.0, n)
    # The first column tells nothing at first and much later: hazards are not proportional.
    late = 200.0 + draw.exponential(150.0 * np.exp(-2.0 * x[:, 0]))
    time = np.where(early < 200.0, early, late)
    outcome = RightCensored(time=time, event=draw.random(n) < 0.9)
    plain = fit_cox(outcome, x)
    fit = fit_cox(outcome, x, cluster=np.arange(n))
    assert fit.robust_covariance is not None
    robust = np.sqrt(np.diagonal(fit.robust_covariance))
    moved = np.zeros((n, 2))
    for row in range(n):
        kept = np.arange(n) != row
        part = RightCensored(time=outcome.time[kept], event=outcome.event[kept])
        moved[row] = fit_cox(part, x[kept]).coefficients - fit.coefficients
    # Leaving one out weighs far rows a little more: by 9 and 11 % here.
    np.testing.assert_allclose(robust, np.sqrt((moved**2).sum(axis=0)), rtol=0.15)
    np.testing.assert_array_equal(fit.cautious_errors, np.maximum(fit.standard_errors, robust))
    np.testing.assert_array_equal(plain.cautious_errors, plain.standard_errors)
    assert robust[0] > fit.standard_errors[0]


@needs_shared_data
def test_entry_after_the_start_and_robust_variance_agree_with_r() -> None:
    heart = table("heart")
    # R's call; year, age and surgery as they are, one interval of zero length is not there.
    names = ["age", "year", "surgery", "transplant"]
    fit = fit_cox(
        outcome_of(heart, time="stop"),
        columns(heart.with_columns(pl.col("transplant").cast(pl.Int64)), *names),
        entry=heart["start"].to_numpy().astype(np.float64),
    )
    reference = _reference("heart_timedep", "")
    reference["coef"]["transplant"] = reference["coef"]["transplant1"]
    reference["se"]["transplant"] = reference["se"]["transplant1"]
    _agrees(fit, reference, names)

    bladder = table("bladder2")
    names = ["rx", "size", "number"]
    fit = fit_cox(
        outcome_of(bladder, time="stop"),
        columns(bladder, *names),
        entry=bladder["start"].to_numpy().astype(np.float64),
        cluster=bladder["id"].to_numpy(),
    )
    reference = _reference("bladder_ag", "")
    _agrees(fit, reference, names)
    assert fit.robust_covariance is not None
    np.testing.assert_allclose(
        np.sqrt(np.diagonal(fit.robust_covariance)),
        [reference["robust_se"][name] for name in names],
        rtol=1e-6,
    )


def test_three_patients_by_hand() -> None:
    """Events of x = 1, 0, 1 on days 1, 2, 3: the likelihood is e^b/(1 + 2 e^b) / (1 + e^b),
    largest where e^2b = 1/2."""
    outcome = RightCensored(time=np.array([1.0, 2.0, 3.0]), event=np.ones(3, np.bool_))

    fit = fit_cox(outcome, np.array([[1.0], [0.0], [1.0]]))

    assert fit.coefficients[0] == pytest.approx(-0.5 * np.log(2.0), abs=1e-10)
    assert fit.loglik_null == pytest.approx(-np.log(6.0))
    e = np.exp(fit.coefficients[0])
    hazard = np.cumsum([1 / (2 * e + 1), 1 / (1 + e), 1 / e]) * np.exp(fit.center[0] * np.log(e))
    np.testing.assert_allclose(fit.baseline[0].cumulative, hazard)


def test_two_tied_events_after_efron_and_breslow_by_hand() -> None:
    """At b = 0 of three at risk: Efron 3 * 2, Breslow 3 * 3."""
    outcome = RightCensored(time=np.array([5.0, 5.0, 9.0]), event=np.array([True, True, False]))
    x = np.array([[1.0], [0.0], [0.5]])

    assert fit_cox(outcome, x).loglik_null == pytest.approx(-np.log(6.0))
    assert fit_cox(outcome, x, ties="breslow").loglik_null == pytest.approx(-np.log(9.0))


def test_weights_of_two_are_rows_twice_after_breslow() -> None:
    outcome, x = a_cohort(n=40, p=3)
    twice = RightCensored(time=np.repeat(outcome.time, 2), event=np.repeat(outcome.event, 2))

    weighted = fit_cox(outcome, x, ties="breslow", weights=np.full(40, 2.0))
    doubled = fit_cox(twice, np.repeat(x, 2, axis=0), ties="breslow")

    np.testing.assert_allclose(weighted.coefficients, doubled.coefficients, atol=1e-10)
    np.testing.assert_allclose(weighted.covariance, doubled.covariance, rtol=1e-9)


@given(seed=st.integers(0, 10_000), ties=st.booleans())
@settings(max_examples=20, deadline=None)
def test_times_transformed_rows_permuted_and_columns_scaled_change_nothing(
    *, seed: int, ties: bool
) -> None:
    outcome, x = a_cohort(n=50, p=3, seed=seed, ties=ties)
    rows = np.random.default_rng(seed).permutation(50)
    scale = np.array([3.0, -0.01, 500.0])
    other = RightCensored(time=np.sqrt(outcome.time)[rows], event=outcome.event[rows])

    one, two = fit_cox(outcome, x), fit_cox(other, (x * scale + 7.0)[rows])

    np.testing.assert_allclose(two.coefficients * scale, one.coefficients, atol=1e-7, rtol=1e-6)
    assert two.loglik == pytest.approx(one.loglik, abs=1e-8)


def test_offset_of_the_fit_leaves_nothing() -> None:
    outcome, x = a_cohort(p=2)
    fit = fit_cox(outcome, x)

    again = fit_cox(outcome, x, offset=x @ fit.coefficients)

    np.testing.assert_allclose(again.coefficients, 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("constant", "column 1 needs different values"),
        ("duplicate", "column 1 needs information of its own"),
        ("separate", "column 1 separates"),
        ("missing", "row 3, column 1"),
        ("censored", "all 30 are censored"),
    ],
)
def test_refuses_what_has_no_fit(change: str, match: str) -> None:
    outcome, x = a_cohort(n=30, p=2)
    if change == "constant":
        x[:, 1] = 3.1
    elif change == "duplicate":
        x[:, 1] = 2.0 * x[:, 0] - 1.0
    elif change == "separate":
        x[:, 1] = -np.argsort(np.argsort(outcome.time))
    elif change == "missing":
        x[3, 1] = np.nan
    else:
        outcome = RightCensored(time=outcome.time, event=np.zeros(30, np.bool_))

    with pytest.raises(DataError, match=match):
        fit_cox(outcome, x)


def test_refuses_one_event_because_it_separates() -> None:
    outcome = RightCensored(time=np.arange(1.0, 6.0), event=np.arange(5) == 0)

    with pytest.raises(DataError, match="separates"):
        fit_cox(outcome, np.array([[5.0], [1.0], [2.0], [3.0], [4.0]]))
