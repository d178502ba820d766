from dataclasses import replace

import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.resampling.candidates import FewColumns
from operandi.signatures.resampling.sites import leave_one_site_out
from tests.signatures.resampling.cohorts import cohort


def test_each_site_is_judged_by_what_the_others_taught() -> None:
    predictors, outcome = cohort(seed=1, effects=(1.2,), columns=2)
    marker = FewColumns(name="one", columns=("x000",))
    found = leave_one_site_out(marker, predictors, outcome, inner=4, seed=1)
    assert [one.site for one in found] == ["SITE0", "SITE1", "SITE2"]
    assert sum(one.participants for one in found) == 80
    assert sum(one.events for one in found) == outcome.events
    assert all(one.concordance.value and one.concordance.value > 0.6 for one in found)


def test_a_site_of_one_participant_has_no_concordance_and_says_why() -> None:
    predictors, outcome = cohort(seed=2, effects=(1.0,), columns=2)
    sites = ("LONE", *predictors.sites[1:])
    marker = FewColumns(name="one", columns=("x000",))
    found = leave_one_site_out(marker, replace(predictors, sites=sites), outcome, inner=4, seed=1)
    lone = next(one for one in found if one.site == "LONE")
    assert lone.participants == 1
    assert lone.concordance.value is None
    assert "no such pair" in lone.concordance.reason


def test_one_site_alone_is_refused() -> None:
    predictors, outcome = cohort(seed=3, columns=2, sites=1)
    marker = FewColumns(name="one", columns=("x000",))
    with pytest.raises(DataError, match="two sites or more"):
        leave_one_site_out(marker, predictors, outcome, inner=4, seed=1)


def test_one_site_without_a_name_is_said_to_be_so() -> None:
    predictors, outcome = cohort(seed=3, columns=2, sites=1)
    nameless = replace(predictors, sites=("",) * len(predictors.sites))
    marker = FewColumns(name="one", columns=("x000",))
    with pytest.raises(DataError, match=r"found one, without a name\..*table\.site"):
        leave_one_site_out(marker, nameless, outcome, inner=4, seed=1)
