import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.quantities.kinds import (
    ABSORBED_DOSE,
    ABSORBED_DOSE_PER_ACTIVITY,
    BIOLOGICALLY_EFFECTIVE_DOSE,
)
from operandi.therapy.limits import (
    PANEL,
    CumulatedDose,
    CycleDose,
    OrganLimit,
    beside_limits,
    cumulated,
    limits_from,
)
from operandi.therapy.uncertainty import Contribution, dose_uncertainty
from tests.therapy.chains import kidney_on_day_1, kidney_on_days_1_4_7


def four_cycles(*, missing_cycles: int = 0) -> CumulatedDose:
    cycle = CycleDose(dose_gy=5.0, own_uncertainty_gy=0.3, shared_uncertainty_gy=0.4)
    return cumulated(
        [cycle] * 4, organ="kidneys", kind=ABSORBED_DOSE, missing_cycles=missing_cycles
    )


def test_a_shared_calibration_does_not_average_out_over_cycles() -> None:
    """By hand: 4 x 0.3^2 + (4 x 0.4)^2 = 0.36 + 2.56."""
    total = four_cycles()

    assert total.total_gy == pytest.approx(20.0)
    assert total.after_cycle_gy == pytest.approx((5.0, 10.0, 15.0, 20.0))
    assert total.standard_uncertainty_gy == pytest.approx(math.sqrt(2.92))


@given(
    st.lists(
        st.tuples(st.floats(0.0, 10.0), st.floats(0.0, 2.0), st.floats(0.0, 2.0)),
        min_size=1,
        max_size=6,
    )
)
def test_cumulated_doses_rise_and_lie_between_independent_and_fully_shared(
    rows: list[tuple[float, float, float]],
) -> None:
    cycles = [
        CycleDose(dose_gy=d, own_uncertainty_gy=o, shared_uncertainty_gy=s) for d, o, s in rows
    ]
    total = cumulated(cycles, organ="kidneys", kind=ABSORBED_DOSE)
    each = [math.hypot(o, s) for _, o, s in rows]

    assert list(total.after_cycle_gy) == sorted(total.after_cycle_gy)
    assert math.hypot(*each) <= total.standard_uncertainty_gy * (1 + 1e-9) + 1e-12
    assert total.standard_uncertainty_gy <= sum(each) * (1 + 1e-9) + 1e-12


def test_the_kidney_stands_beside_23_gy_and_not_beside_effective_doses() -> None:
    (reading,) = beside_limits(four_cycles(), PANEL)

    assert reading.limit.limit_gy == 23.0
    assert reading.fraction == pytest.approx(20 / 23)
    # Phi(-3 / sqrt(2.92)) = 0.0396
    assert reading.probability_above == pytest.approx(0.0396, abs=2e-4)
    assert "not pass or fail" in reading.words
    assert not reading.words.startswith("at least")


def test_effective_doses_stand_beside_28_and_40_gy() -> None:
    """21.27 Gy, the known answer of four cycles of 4.847 Gy."""
    effective = cumulated(
        [CycleDose(dose_gy=21.27 / 4, own_uncertainty_gy=0.3, shared_uncertainty_gy=0.5)] * 4,
        organ="kidneys",
        kind=BIOLOGICALLY_EFFECTIVE_DOSE,
    )

    assert [r.limit.limit_gy for r in beside_limits(effective, PANEL)] == [28.0, 40.0]


def test_a_missing_cycle_makes_the_sum_a_lower_bound() -> None:
    (reading,) = beside_limits(four_cycles(missing_cycles=1), PANEL)

    assert reading.lower_bound
    assert reading.words.startswith("at least")


def test_an_organ_without_limit_has_no_reading() -> None:
    spleen = cumulated(
        [CycleDose(dose_gy=5.0, own_uncertainty_gy=0.3, shared_uncertainty_gy=0.4)],
        organ="spleen",
        kind=ABSORBED_DOSE,
    )

    assert beside_limits(spleen, PANEL) == ()


def test_a_cycle_of_the_chain_splits_into_its_own_and_the_shared_part() -> None:
    result = dose_uncertainty(kidney_on_days_1_4_7(), seed=1)
    cycle = CycleDose.of(result)

    assert math.hypot(cycle.own_uncertainty_gy, cycle.shared_uncertainty_gy) == pytest.approx(
        result.standard_uncertainty_gy
    )
    assert cycle.own_uncertainty_gy == pytest.approx(
        result.propagation.budget[Contribution.COUNT_RATE] * result.dose_gy
    )


def test_a_populations_half_life_is_wrong_the_same_way_in_every_cycle() -> None:
    """One scan: the fit is the population's half-life, so that four cycles do not average it."""
    result = dose_uncertainty(kidney_on_day_1(), seed=1)
    budget = result.propagation.budget
    own = CycleDose.of(result)
    shared = CycleDose.of(result, prior_share_of_fit=1.0)

    scale = result.standard_uncertainty_gy / result.propagation.relative
    assert shared.own_uncertainty_gy == pytest.approx(scale * budget[Contribution.COUNT_RATE])
    assert shared.shared_uncertainty_gy > own.shared_uncertainty_gy
    assert math.hypot(shared.own_uncertainty_gy, shared.shared_uncertainty_gy) == pytest.approx(
        result.standard_uncertainty_gy
    )
    of_four = [
        cumulated([one] * 4, organ="kidneys", kind=ABSORBED_DOSE).standard_uncertainty_gy
        for one in (own, shared)
    ]
    assert of_four[1] > of_four[0]


def test_voxels_of_an_outline_drawn_anew_are_a_cycles_own() -> None:
    result = dose_uncertainty(kidney_on_days_1_4_7(), seed=1)

    copied, anew = CycleDose.of(result), CycleDose.of(result, own_share_of_volume=1.0)

    assert anew.own_uncertainty_gy > copied.own_uncertainty_gy
    with pytest.raises(ValueError, match="no shares"):
        CycleDose.of(result, own_share_of_volume=1.5)


def test_a_study_names_its_own_panel() -> None:
    row = {
        "organ": "liver",
        "kind": "ABSORBED_DOSE",
        "limit_gy": 30,
        "applies_to": "all",
        "source": "protocol 5.2",
    }

    (limit,) = limits_from([row])
    assert limit == OrganLimit(
        organ="liver",
        kind=ABSORBED_DOSE,
        limit_gy=30.0,
        applies_to="all",
        source="protocol 5.2",
    )


@pytest.mark.parametrize("change", [{"kind": "Gy/GBq"}, {"limit_gy": "30"}, {"color": "red"}])
def test_refuses_a_row_of_the_panel_that_it_does_not_understand(change: dict[str, str]) -> None:
    row: dict[str, object] = {
        "organ": "liver",
        "kind": "ABSORBED_DOSE",
        "limit_gy": 30.0,
        "applies_to": "all",
        "source": "protocol",
    }
    with pytest.raises(DataError, match="a limit needs"):
        limits_from([row | change])


def test_refuses_a_limit_without_source() -> None:
    with pytest.raises(DataError, match="its source"):
        OrganLimit(organ="liver", kind=ABSORBED_DOSE, limit_gy=30.0, applies_to="all", source="")


def test_refuses_to_sum_doses_per_administered_activity() -> None:
    with pytest.raises(DataError, match="not per administered activity"):
        cumulated(
            [CycleDose(dose_gy=0.6, own_uncertainty_gy=0.1, shared_uncertainty_gy=0.1)],
            organ="kidneys",
            kind=ABSORBED_DOSE_PER_ACTIVITY,
        )
