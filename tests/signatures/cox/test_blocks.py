import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.cox.group_path import group_path
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.cox.path import cox_path
from operandi.signatures.cox.path_kernel import settings_of
from operandi.signatures.cox.priority import priority_fit
from tests.signatures.survival_tables import a_cohort

BLOCKS = ("clinical",) * 2 + ("imaging",) * 90 + ("genomic",) * 8
KNOWN = {
    "efron": (
        [
            [0.8723910707, -0.4992240089, 0.0825095150, -0.0594198283, -0.0123732909,
             -0.0036081318, -0.0003088386, 0.0401555479, 0.1542130846, -0.2101291662,
             0.0245965596, -0.1855245648],
            [0.9517049129, -0.5627479559, 0.0684133236, -0.3573468572, -0.0199159993,
             -0.0957546289, 0.0408497919, 0.0663568410, 0.1658027264, -0.3126959378,
             0.1394625949, -0.3365454688],
        ],
        [-93.3907751957, -90.5906983646],
    ),
    "breslow": (
        [
            [0.8068193448, -0.4324238468, 0.0754214597, -0.0338327557, -0.0113286729,
             -0.0030217497, 0.0015416571, 0.0183857287, 0.1368269966, -0.1867425474,
             0.0258094523, -0.1422989284],
            [0.8801511404, -0.4780087448, 0.0544684936, -0.3099357899, -0.0694818609,
             -0.0892838548, 0.0298548914, 0.0207551190, 0.1462487061, -0.2941379568,
             0.1358951483, -0.2594333034],
        ],
        [-98.2652721978, -95.6414212785],
    ),
}  # fmt: skip


def test_blocks_of_one_column_are_the_lasso() -> None:
    outcome, x = a_cohort(n=60, p=12, ties=True)
    tight = settings_of(l1_ratio=1.0, tolerance=1e-7, penalties=12)

    lasso = cox_path(outcome, x, settings=tight)
    group = group_path(outcome, x, blocks=[str(j) for j in range(12)], settings=tight)

    np.testing.assert_allclose(group.penalties, lasso.penalties, rtol=1e-8)
    np.testing.assert_allclose(group.coefficients, lasso.coefficients, atol=1e-6)
    np.testing.assert_allclose(group.loglik, lasso.loglik, atol=1e-6)


def test_blocks_wider_than_the_cohort_meet_the_optimality_conditions_as_wholes() -> None:
    """Checked from a gradient written out here for distinct times."""
    outcome, x = a_cohort(n=60, p=100)
    scale, n = x.std(axis=0), len(x)
    z = (x - x.mean(axis=0)) / scale

    path = group_path(outcome, x, blocks=BLOCKS, settings=settings_of(penalties=8, tolerance=1e-5))

    assert path.blocks == ("clinical", "imaging", "genomic")
    assert not path.chosen[0].any()
    assert path.chosen[-1].any()
    labels = np.array(BLOCKS)
    for penalty, beta in zip(path.penalties, path.coefficients * scale, strict=True):
        score = np.zeros(100)
        for i in np.flatnonzero(outcome.event):
            at_risk = outcome.time >= outcome.time[i]
            weight = np.exp(z[at_risk] @ beta)
            score += (z[i] - weight @ z[at_risk] / weight.sum()) / n
        for block in path.blocks:
            own = labels == block
            weight, size = penalty * np.sqrt(own.sum()), np.linalg.norm(beta[own])
            pull = np.linalg.norm(score[own])
            if size > 0:
                pull = weight + np.linalg.norm(score[own] - weight * beta[own] / size)
            assert pull <= weight + 1.01e-5 * penalty


def test_an_unpenalized_block_is_fitted_from_the_start() -> None:
    outcome, x = a_cohort(n=60, p=100)

    path = group_path(
        outcome,
        x,
        blocks=BLOCKS,
        block_factors={"clinical": 0.0},
        settings=settings_of(tolerance=1e-8, penalties=3, smallest=0.8),
    )

    np.testing.assert_allclose(
        path.coefficients[0, :2], fit_cox(outcome, x[:, :2]).coefficients, atol=1e-7
    )


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_strata_offset_and_ties_give_the_coefficients_of_another_algorithm(ties: str) -> None:
    """Known answers: proximal Newton over all blocks at once, in NumPy, to 1e-9 of the penalty."""
    outcome, x = a_cohort(n=60, p=12, ties=True)

    path = group_path(
        outcome,
        x,
        blocks=("a",) * 3 + ("b",) * 4 + ("c",) * 5,
        block_factors={"a": 0.0, "b": 2.0, "c": 1.5},
        settings=settings_of(tolerance=1e-9, efron=ties == "efron"),
        penalties=np.array([0.08, 0.02]),
        strata=np.arange(60) % 2,
        offset=np.linspace(-1.0, 1.0, 60) ** 2,
    )

    coefficients, loglik = KNOWN[ties]
    np.testing.assert_allclose(path.coefficients, coefficients, atol=1e-9)
    np.testing.assert_allclose(path.loglik, loglik, atol=1e-8)
    assert path.violation.max() <= 1e-9


def test_the_first_block_in_priority_explains_before_the_next() -> None:
    """The risk lies in the first block, whose copy in the second then has nothing to add."""
    outcome, x = a_cohort(n=80, p=100, effect=1.2)
    x[:, 2] = x[:, 0] + 0.01 * np.arange(80) / 80
    inner = np.arange(80) % 5

    fit = priority_fit(
        outcome,
        x,
        blocks=BLOCKS,
        order=("clinical", "imaging"),
        inner=inner,
        unpenalized=frozenset({"clinical"}),
        cross_validated_offset=False,
    )

    newton = fit_cox(outcome, x[:, :2])
    np.testing.assert_allclose(fit.coefficients[:2], newton.coefficients, atol=1e-4)
    assert [step.block for step in fit.steps] == ["clinical", "imaging"]
    assert fit.steps[0].penalty == 0.0
    assert abs(fit.coefficients[2]) < 0.1 * abs(fit.coefficients[0])
    assert not fit.coefficients[92:].any()
    np.testing.assert_allclose(fit.linear_predictor(x).mean(), 0.0, atol=1e-10)


def test_refuses_an_order_with_a_block_that_is_not_there() -> None:
    outcome, x = a_cohort(n=30, p=2)

    with pytest.raises(DataError, match="order of them"):
        priority_fit(outcome, x, blocks=("a", "b"), order=("a", "c"), inner=np.arange(30) % 3)
    with pytest.raises(DataError, match="as many blocks"):
        group_path(outcome, x, blocks=("a", "b"), block_factors={"c": 1.0})
