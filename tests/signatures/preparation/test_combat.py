"""ComBat against neuroCombat 0.2.12, which equals R's sva to 6e-15, on the cohort of integers."""

import json
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats
from operandi.signatures.preparation.combat import (
    Combat,
    LearnedCombat,
    combat_apply,
    combat_fit,
)
from operandi.signatures.preparation.transformer import PlainRows
from tests.signatures.preparation.combat_cohort import three_sites
from tests.signatures.preparation.rows import some_rows

CELLS = ((0, 0), (5, 7), (17, 29), (18, 3), (29, 12), (39, 29))
# neuroCombat 0.2.12 (numpy 2.4.6, pandas 3.1.1), eb and parametric, these cells, then the sums of
# squares of all values and of the differences between rows.
PLAIN = (5.260027092886283, 2.152734209534067, 7.999646847195171, 5.103404699764151,
         7.878494366360911, 8.556019704420974, 49092.78342349933, 1125.204260890068)  # fmt: skip
# The same with continuous_cols=["age", "sex"], which it keeps as 32-bit numbers: these are whole.
WITH_COVARIATES = (5.331296326565188, 2.1881045953252363, 7.957998382005363, 5.126704643558673,
                   7.8734437437597915, 8.563518133931117, 49097.926816722,
                   1164.0755034269437)  # fmt: skip
SITES = ("Beaujon",) * 18 + ("Nantes",) * 12 + ("Third",) * 10


def summary(values: Floats) -> Floats:
    cells = [values[cell] for cell in CELLS]
    return np.asarray([*cells, np.square(values).sum(), np.square(np.diff(values, axis=0)).sum()])


def the_rows(**changes: Any) -> PlainRows:
    cohort = three_sites()
    return some_rows(changes.get("values", cohort.values), sites=changes.get("sites", SITES))


def learned(rows: PlainRows, **settings_: Any) -> LearnedCombat:
    return Combat(**settings_).learn(rows, outcome=None, seed=0)


def test_equals_neurocombat_without_covariates() -> None:
    rows = the_rows()

    np.testing.assert_allclose(summary(learned(rows).apply(rows)), PLAIN, rtol=1e-12)


def test_equals_neurocombat_with_covariates() -> None:
    cohort = three_sites()
    rows = some_rows(cohort.values, sites=SITES, beside=cohort.covariates)
    found = learned(rows, covariates=("age", "sex"))

    np.testing.assert_allclose(summary(found.apply(rows)), WITH_COVARIATES, rtol=1e-12)


def test_a_row_is_harmonized_by_itself_as_among_others() -> None:
    rows = the_rows()
    found = learned(rows)
    alone = some_rows(rows.values[[20]], sites=["Nantes"])

    np.testing.assert_array_equal(found.apply(alone), found.apply(rows)[[20]])


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(0.01, 100.0), shift=st.floats(-50.0, 50.0))
def test_another_unit_of_all_columns_changes_nothing_but_the_unit(
    factor: float, shift: float
) -> None:
    cohort = three_sites()
    none = np.empty((40, 0))

    def harmonized(values: Floats) -> Floats:
        fit = combat_fit(values, cohort.batch, covariates=none)
        return combat_apply(values, cohort.batch, covariates=none, fit=fit)

    np.testing.assert_allclose(
        harmonized(cohort.values * factor + shift),
        harmonized(cohort.values) * factor + shift,
        rtol=1e-9,
        atol=1e-9 * (factor + abs(shift)),
    )


def test_sites_have_like_means_and_spreads_afterwards() -> None:
    rows = the_rows()
    before = np.ptp([rows.values[[s == n for s in SITES]].mean(axis=0) for n in set(SITES)], axis=0)

    values = learned(rows).apply(rows)

    after = np.ptp([values[[s == n for s in SITES]].mean(axis=0) for n in set(SITES)], axis=0)
    assert after.mean() < 0.15 * before.mean()


def test_refuses_an_unseen_site_unless_the_plan_leaves_it_as_it_is() -> None:
    rows = the_rows()
    stranger = some_rows(rows.values[[0]], sites=["Fourth"])

    with pytest.raises(DataError, match="knows Beaujon, Nantes, Third; found Fourth"):
        learned(rows).apply(stranger)
    found = learned(rows, unseen="unadjusted")
    np.testing.assert_array_equal(found.apply(stranger), stranger.values)
    assert found.unknown(stranger) == ("Fourth",)


def test_refuses_a_site_with_one_participant_though_it_has_two_lesions() -> None:
    rows = the_rows(sites=(*SITES[:-2], "Fourth", "Fourth"))
    people = (*rows.participants[:-1], rows.participants[-2])
    rows = some_rows(rows.values, sites=rows.sites, people=people)

    with pytest.raises(DataError, match="one alone is at Fourth"):
        learned(rows)


def test_a_single_participant_may_stay_out_of_the_fit() -> None:
    rows = the_rows(sites=(*SITES[:-1], "Fourth"))
    found = learned(rows, single="unadjusted", unseen="unadjusted")

    assert found.sites == ("Beaujon", "Nantes", "Third")
    np.testing.assert_array_equal(found.apply(rows)[-1], rows.values[-1])


def test_who_was_not_scanned_stays_missing_and_moves_nothing() -> None:
    rows = the_rows()
    gap = rows.values.copy()
    gap[3] = np.nan
    others = [row for row in range(40) if row != 3]
    found = learned(the_rows(values=gap)).apply(the_rows(values=gap))

    without = some_rows(rows.values[others], sites=[SITES[row] for row in others])
    assert np.isnan(found[3]).all()
    np.testing.assert_allclose(found[others], learned(without).apply(without), rtol=1e-13)


def test_refuses_an_incomplete_row() -> None:
    values = three_sites().values.copy()
    values[3, 4] = np.nan

    with pytest.raises(DataError, match="x4 of P-003 is missing"):
        learned(the_rows(values=values))


def test_refuses_a_covariate_that_follows_from_the_site() -> None:
    rows = some_rows(
        three_sites().values, sites=SITES, beside=np.array([[s == "Third"] for s in SITES], float)
    )

    with pytest.raises(DataError, match="cannot be told from 3 sites"):
        learned(rows, covariates=("scanner",))


@pytest.mark.parametrize(
    ("part", "where"), [(slice(None), "covariates"), (slice(18, 30), "Nantes")]
)
def test_refuses_a_constant_column(part: slice, where: str) -> None:
    values = three_sites().values.copy()
    values[part, 5] = 2.5

    with pytest.raises(DataError, match=f"x5 is constant .*{where}"):
        learned(the_rows(values=values))


def test_refuses_one_site_alone() -> None:
    with pytest.raises(DataError, match="two sites or more; found A"):
        learned(the_rows(sites=("A",) * 40))


def test_is_rebuilt_from_what_it_says_to_the_last_bit() -> None:
    cohort = three_sites()
    rows = some_rows(cohort.values, sites=SITES, beside=cohort.covariates)
    found = learned(rows, covariates=("age", "sex"))
    again = LearnedCombat.from_dict(json.loads(json.dumps(found.as_dict())))

    for part in fields(found.fit):
        np.testing.assert_array_equal(getattr(again.fit, part.name), getattr(found.fit, part.name))
    np.testing.assert_array_equal(again.apply(rows), found.apply(rows))
