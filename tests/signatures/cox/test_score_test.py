import numpy as np
import pytest

from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.cox.score_test import score_tests
from tests.signatures.survival_tables import a_cohort


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_squared_z_is_the_score_statistic_of_the_fit_of_one_column(ties: str) -> None:
    outcome, x = a_cohort(n=70, p=5, ties=True)
    strata = np.arange(70) % 3

    found = score_tests(outcome, x, ties=ties, strata=strata)

    for j in range(5):
        fit = fit_cox(outcome, x[:, [j]], ties=ties, strata=strata)
        assert found.z[j] ** 2 == pytest.approx(fit.score.statistic, rel=1e-9)
        assert found.p[j] == pytest.approx(fit.score.p, rel=1e-7)
        assert np.sign(found.z[j]) == np.sign(fit.coefficients[0])


def test_a_column_that_does_not_vary_is_said_to_be_untestable() -> None:
    outcome, x = a_cohort(n=30, p=2)
    x[:, 1] = 0.1

    found = score_tests(outcome, x)

    assert found.testable.tolist() == [True, False]
    assert (found.z[1], found.p[1]) == (0.0, 1.0)
