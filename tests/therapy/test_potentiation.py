import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from operandi.quantities.errors import DataError
from operandi.therapy.drug_schedules import (
    CAPECITABINE_ERASMUS,
    CAPTEM_CONTROL_NETS,
    OLAPARIB_NCI_DOTATATE,
    Window,
)
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.potentiation import (
    lesion_time_course,
    potentiate,
)
from operandi.therapy.potentiators import (
    Conversion,
    Cycle,
    Potentiator,
    interpolated_uptake,
)
from operandi.therapy.priors import Prior
from tests.therapy.potentiation_builders import (
    HOUR,
    TISSUES,
    WHOLE_CYCLE,
    a_dose_rate,
    a_response,
    between,
    four_cycles,
    known,
    on_all,
    outcome_of,
)


def lea_catcheside(course: ExponentialSum, mu: float) -> float:
    pairs = [
        a * b / ((r + q) * (r + mu))
        for a, r in zip(course.amplitudes, course.rates_per_s, strict=True)
        for b, q in zip(course.amplitudes, course.rates_per_s, strict=True)
    ]
    return 2.0 * math.fsum(pairs) / course.integral**2


UPTAKE_3_60 = ExponentialSum(
    (1e-4, -1e-4), (math.log(2) / (60 * HOUR), math.log(2) / (60 * HOUR) + math.log(2) / (3 * HOUR))
)


@pytest.mark.parametrize(
    "course", [a_dose_rate(dose_gy=4.847, half_life_h=51.0), UPTAKE_3_60], ids=["mono", "uptake"]
)
@pytest.mark.parametrize("repair_h", [1.5, 2.8, 51.0])
def test_constant_coefficients_give_the_linear_quadratic_model_with_lea_catcheside(
    course: ExponentialSum, repair_h: float
) -> None:
    response = a_response("tumor", alpha=0.3, alpha_beta=3.0, repair_h=repair_h)
    outcome = potentiate(
        cycles=(Cycle(day=3.0, dose_rate_gy_per_s={"tumor": course}),),
        tissues=(response,),
        potentiators=(),
        samples=2,
        seed=0,
    )
    g = lea_catcheside(course, math.log(2) / (repair_h * HOUR))
    expected = course.integral * (1 + g * course.integral / 3.0)

    assert outcome.tissues[0].bed_gy.median == pytest.approx(expected, rel=1e-9)


def test_dose_protraction_of_the_research_file_is_met() -> None:
    """Kidney, Teff 51 h, Trep 2.8 h: G 0.0520446; 4 x 4.847 Gy at alpha/beta 2.6: 21.27 Gy."""
    kidney = outcome_of().tissues[1].bed_gy.median

    assert kidney == pytest.approx(21.27, abs=0.005)


@given(
    st.lists(st.floats(0.2, 60.0), min_size=1, max_size=3),
    st.floats(0.3, 60.0),
    st.floats(0.0, 6.0),
    st.floats(1.0, 8.0),
    st.floats(0.0, 3.0),
    st.floats(0.05, 2.0),
)
@settings(max_examples=25, deadline=None)
def test_windows_agree_with_a_numerical_solution(
    half_lives_h: list[float],
    repair_h: float,
    start: float,
    length: float,
    alpha_times: float,
    repair_times: float,
) -> None:
    rates = tuple(math.log(2) / (h * HOUR) for h in half_lives_h)
    course = ExponentialSum(tuple(1e-4 for _ in rates), rates)
    drug = Potentiator(
        name="drug",
        window=Window(start_day=start, end_day=start + length),
        alpha={"tumor": known("a", alpha_times)},
        repair_rate={"tumor": known("m", repair_times)},
    )
    days = np.array([0.0, start + length / 3, start + length, start + length + 2.5])
    days = days[np.concatenate([[True], np.diff(days) > 1e-6])]
    found = lesion_time_course(
        cycles=(Cycle(day=0.0, dose_rate_gy_per_s={"tumor": course}),),
        tissue=a_response("tumor", alpha=0.2, alpha_beta=4.0, repair_h=repair_h),
        potentiators=(drug,),
        time_day=days,
    )
    mu = math.log(2) / repair_h

    def slope(t_h: float, state: list[float]) -> list[float]:
        r = float(course.at(t_h * HOUR)) * HOUR
        inside = start <= t_h / 24 < start + length
        a, m = (0.2 * alpha_times, mu * repair_times) if inside else (0.2, mu)
        return [r - m * state[0], a * r + 2 * 0.05 * r * state[0]]

    state, numeric = [0.0, 0.0], [(0.0, 0.0)]
    stops = sorted({*days, start, start + length})
    at = {0.0: (0.0, 0.0)}
    for begin, end in itertools.pairwise(stops):
        # Nudged, so that the integrator never samples the far side of a jump.
        piece = solve_ivp(
            slope,
            (24 * begin, 24 * end - 1e-12),
            state,
            method="LSODA",
            rtol=1e-10,
            atol=1e-12,
        )
        state = piece.y[:, -1].tolist()
        at[end] = (state[0], state[1])
    numeric = [at[day] for day in days]

    np.testing.assert_allclose(found.repairable_gy, [u for u, _ in numeric], rtol=2e-6, atol=1e-8)
    np.testing.assert_allclose(found.lethal, [x for _, x in numeric], rtol=2e-6, atol=1e-9)


def test_doubling_the_repair_time_adds_only_7_to_8_percent_to_tumor_and_kidney_alike() -> None:
    """The key fact of the research file: repair alone cannot carry efficacy."""
    slow = Potentiator(name="slow", window=WHOLE_CYCLE, repair_rate=on_all("repair", 0.5))
    outcome = outcome_of(slow)
    tumor, kidney = (t.enhancement.median for t in outcome.tissues)

    assert 1.07 < tumor < 1.08
    assert 1.07 < kidney < 1.082
    assert outcome.advantages[0].ratio.median == pytest.approx(1.0, abs=0.01)
    assert "Raises tumor and kidney alike, within 5%" in outcome.advantages[0].words


def test_a_drug_that_only_raises_both_is_said_to_raise_both() -> None:
    both = Potentiator(
        name="both",
        window=WHOLE_CYCLE,
        alpha={t: between(f"alpha times, {t}", 1.1, 2.0) for t in ("tumor", "kidney")},
    )
    advantage = outcome_of(both).advantages[0]

    assert advantage.ratio.covers(1.0)
    assert "alike" in advantage.words


def test_a_drug_that_spares_the_kidney_is_said_to_raise_the_tumor_more() -> None:
    drug = Potentiator(
        name="drug",
        window=WHOLE_CYCLE,
        alpha={"tumor": between("tumor a", 1.3, 2.0), "kidney": known("kidney a", 1.0)},
    )
    advantage = outcome_of(drug).advantages[0]

    assert advantage.ratio.low > 1.2
    assert advantage.probability_above_one == 1.0
    assert "more than kidney" in advantage.words


def test_a_drug_that_hits_the_normal_tissue_more_is_said_so() -> None:
    drug = Potentiator(
        name="drug",
        window=WHOLE_CYCLE,
        alpha={"tumor": known("tumor a", 1.0), "kidney": between("kidney a", 1.2, 1.5)},
    )

    assert "Raises kidney more than tumor" in outcome_of(drug).advantages[0].words


def test_no_drug_changes_nothing_and_is_said_to_establish_nothing() -> None:
    outcome = outcome_of()

    assert all(t.enhancement.low == t.enhancement.high == 1.0 for t in outcome.tissues)
    assert outcome.advantages[0].words.startswith("No enhancement")


def test_replication_turns_breaks_lethal_only_where_cells_replicate_and_cannot_mend() -> None:
    def conversion(s: float, h: float, tissue: str) -> Conversion:
        return Conversion(
            s_phase_fraction=known(f"s {tissue}", s),
            yield_per_lethal_lesion=known("yield", 10.0),
            recombination_repaired=known(f"hr {tissue}", h),
        )

    drug = Potentiator(
        name="PARP inhibitor",
        window=WHOLE_CYCLE,
        conversion={
            "tumor": conversion(0.05, 0.0, "tumor"),
            "kidney": conversion(0.05, 1.0, "kidney"),
        },
    )
    tumor, kidney = outcome_of(drug).tissues

    # alpha times 1.5; the quadratic part of the BED is not multiplied.
    linear = 4 * 26.9
    assert tumor.enhancement.median == pytest.approx(
        (tumor.bed_gy.median + 0.5 * linear) / tumor.bed_gy.median, rel=2e-3
    )
    assert kidney.enhancement.median == pytest.approx(1.0)


def test_the_three_switches_of_chemotherapy_are_independent_and_add_up() -> None:
    """By hand at alpha 0.03: 0.2 decades x 4 / 0.03; 0.01/day x 14 d x 4 / 0.03 when halved."""
    tissues = (a_response("tumor", growth=0.01), a_response("kidney"))
    window = CAPTEM_CONTROL_NETS.window

    def part(**effects: dict[str, Prior]) -> float:
        outcome = outcome_of(
            Potentiator(name="CAPTEM", window=window, **effects),  # type: ignore[arg-type]
            tissues=tissues,
            samples=2,
        )
        return outcome.tissues[0].enhanced_bed_gy.median - outcome.tissues[0].bed_gy.median

    kill = {"log10_kill_per_cycle": on_all("kill", 0.2)}
    growth = {"growth_rate": on_all("growth times", 0.5)}
    alpha = {"alpha": on_all("alpha times", 1.5)}

    assert part(**kill) == pytest.approx(4 * 0.2 * math.log(10) / 0.03)
    assert part(**growth) == pytest.approx(4 * 14 * 0.005 / 0.03)
    assert part(**kill, **growth, **alpha) == pytest.approx(
        part(**kill) + part(**growth) + part(**alpha)
    )


def test_uptake_multiplies_dose_and_saturation_comes_from_a_hook() -> None:
    def drug(*, hook: bool) -> Potentiator:
        return Potentiator(
            name="upregulation",
            window=Window(start_day=-3.0, end_day=1.0),
            uptake={"tumor": known("receptors", 2.0), "kidney": known("kidney receptors", 1.0)},
            uptake_response=interpolated_uptake(
                [0.5, 1.0, 3.0], {"tumor": [0.6, 1.0, 1.8], "kidney": [1.0, 1.0, 1.0]}
            )
            if hook
            else None,
        )

    plain = outcome_of().tissues[0].bed_gy.median
    proportional, saturable = outcome_of(drug(hook=False)), outcome_of(drug(hook=True))
    g = plain / 107.6 - 1

    assert proportional.tissues[0].bed_gy.median == plain
    assert proportional.tissues[0].enhanced_bed_gy.median == pytest.approx(
        2 * 107.6 * (1 + 2 * g), rel=1e-6
    )
    assert saturable.tissues[0].enhanced_bed_gy.median == pytest.approx(
        1.4 * 107.6 * (1 + 1.4 * g), rel=1e-6
    )
    assert any("without saturation" in said for said in proportional.assumptions)
    assert not any("without saturation" in said for said in saturable.assumptions)


def test_uptake_of_a_cycle_outside_the_window_is_untouched() -> None:
    late = Potentiator(
        name="late", window=Window(start_day=0.5, end_day=9.0), uptake=on_all("uptake", 3.0)
    )

    assert outcome_of(late).tissues[0].enhancement.median == pytest.approx(1.0)


def test_a_window_longer_than_the_cycle_does_not_act_twice() -> None:
    def enhancement(end: float) -> float:
        drug = Potentiator(
            name="drug", window=Window(start_day=0.0, end_day=end), alpha=on_all("a", 2.0)
        )
        return outcome_of(drug).tissues[0].enhancement.median

    assert enhancement(80.0) == pytest.approx(enhancement(56.0), rel=1e-4)


def test_a_drug_in_some_cycles_adds_their_share() -> None:
    def gain(cycles: tuple[int, ...] | None) -> float:
        drug = Potentiator(name="d", window=WHOLE_CYCLE, alpha=on_all("a", 1.5), cycles=cycles)
        return outcome_of(drug).tissues[0].enhancement.median - 1

    assert gain((0,)) == pytest.approx(gain(None) / 4, rel=1e-3)


def test_starting_later_spares_the_tissue_that_clears_faster() -> None:
    """The idea of Hallqvist 2021: a delayed inhibitor meets the tumor's dose, not the organ's."""

    def ratio(start: float) -> float:
        drug = Potentiator(
            name="d", window=Window(start_day=start, end_day=28.0), alpha=on_all("a", 2.0)
        )
        return outcome_of(drug).advantages[0].ratio.median

    assert ratio(0.0) < ratio(2.0) < ratio(4.0)


def test_one_thousand_samples_are_the_same_twice() -> None:
    drug = Potentiator(
        name="d",
        window=OLAPARIB_NCI_DOTATATE.window,
        alpha={t: between(f"a {t}", 1.0, 2.0) for t in ("tumor", "kidney")},
        repair_rate={t: between("mu", 0.3, 1.0) for t in ("tumor", "kidney")},
    )

    assert outcome_of(drug, samples=1000) == outcome_of(drug, samples=1000)


def test_what_nobody_measured_is_said_in_the_outcome() -> None:
    drug = Potentiator(
        name="d",
        window=WHOLE_CYCLE,
        alpha={"tumor": between("tumor a", 1.0, 2.0), "kidney": known("kidney a", 1.0)},
    )
    said = outcome_of(drug).assumptions

    assert any("tumor a: 1 to 2 is assumed" in line for line in said)
    assert not any("kidney a" in line for line in said)


def test_repair_leaves_less_to_repair_and_a_blocked_repair_more() -> None:
    days = np.linspace(-1.0, 30.0, 311)
    blocked = Potentiator(name="d", window=WHOLE_CYCLE, repair_rate={"tumor": known("m", 0.0)})
    free, held = (
        lesion_time_course(
            cycles=four_cycles()[:1], tissue=a_response("tumor"), potentiators=p, time_day=days
        )
        for p in ((), (blocked,))
    )

    assert free.lethal[0] == 0.0
    assert np.all(np.diff(free.lethal) >= 0)
    # Unrepaired, all that was given so far stays.
    given = 26.9 * (1 - 0.5 ** (np.maximum(days, 0.0) * 24 / 84.0))
    np.testing.assert_allclose(held.repairable_gy, given, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(free.dose_rate_gy_per_h, held.dose_rate_gy_per_h)
    assert free.repairable_gy.max() < 1.0


def test_refuses_a_cycle_without_a_dose_rate() -> None:
    cycle = Cycle(day=56.0, dose_rate_gy_per_s={"tumor": a_dose_rate(dose_gy=1, half_life_h=50)})
    with pytest.raises(DataError, match=r"Cycle 2 \(day 56\) has no dose rate for kidney"):
        potentiate(
            cycles=(four_cycles()[0], cycle),
            tissues=TISSUES,
            potentiators=(),
            samples=2,
            seed=0,
        )


def test_refuses_no_cycles_and_a_cycle_that_does_not_exist() -> None:
    with pytest.raises(DataError, match="at least one cycle"):
        potentiate(cycles=(), tissues=TISSUES, potentiators=(), samples=2, seed=0)
    with pytest.raises(DataError, match="goes with cycle 5"):
        outcome_of(Potentiator(name="d", window=WHOLE_CYCLE, alpha=on_all("a", 1.0), cycles=(4,)))


def test_refuses_an_effect_that_leaves_a_tissue_out() -> None:
    drug = Potentiator(name="d", window=WHOLE_CYCLE, alpha={"tumor": known("a", 2.0)})
    with pytest.raises(DataError, match="what it does to kidney through alpha"):
        outcome_of(drug)


def test_refuses_one_name_for_two_priors() -> None:
    drug = Potentiator(
        name="d", window=WHOLE_CYCLE, alpha={"tumor": known("a", 2.0), "kidney": known("a", 1.0)}
    )
    with pytest.raises(DataError, match="Two different priors"):
        outcome_of(drug)


def test_refuses_receptors_beyond_what_was_simulated() -> None:
    hook = interpolated_uptake([0.5, 2.0], {"tumor": [0.6, 1.5]})
    with pytest.raises(DataError, match=r"from 0.5 to 2.0 times"):
        hook(np.array([1.0, 2.5]), tissue="tumor")
    with pytest.raises(DataError, match="No dose of kidney"):
        hook(np.array([1.0]), tissue="kidney")


def test_refuses_shares_above_one_and_a_cell_without_radiosensitivity() -> None:
    with pytest.raises(DataError, match="is a share"):
        Conversion(
            s_phase_fraction=known("s", 1.2),
            yield_per_lethal_lesion=known("c", 1.0),
            recombination_repaired=known("h", 0.5),
        )
    with pytest.raises(DataError, match="must be positive"):
        a_response("tumor", alpha=0.0)


def test_cells_over_time_grow_and_fall_by_what_radiation_and_drug_took() -> None:
    """By hand: growth 0.01 a day for 30 days, 0.2 decades killed over the five days of the drug."""
    days = np.linspace(0.0, 30.0, 61)
    drug = Potentiator(
        name="d",
        window=CAPTEM_CONTROL_NETS.course_of("temozolomide").window,
        log10_kill_per_cycle={"tumor": known("kill", 0.2)},
    )
    course = lesion_time_course(
        cycles=four_cycles()[:1],
        tissue=a_response("tumor", growth=0.01),
        potentiators=(drug,),
        time_day=days,
    )

    assert course.drug_kill[-1] == pytest.approx(0.2 * math.log(10))
    assert course.drug_kill[5] == pytest.approx(0.1 * math.log(10))
    np.testing.assert_allclose(
        course.log_cells, 0.01 * days - course.lethal - course.drug_kill, atol=1e-12
    )


def test_all_that_happens_to_a_tissue_is_its_radiation_its_kill_and_its_growth() -> None:
    drug = Potentiator(
        name="d",
        window=CAPECITABINE_ERASMUS.window,
        alpha=on_all("a", 1.2),
        log10_kill_per_cycle=on_all("kill", 0.1),
    )
    tumor = outcome_of(drug, samples=2).tissues[0]

    assert CAPECITABINE_ERASMUS.course_of("capecitabine").daily_dose == 1650.0
    assert tumor.enhancement.median == pytest.approx(
        tumor.radiation_bed_gy.median / tumor.bed_gy.median
    )
    assert tumor.enhanced_bed_gy.median == pytest.approx(
        tumor.radiation_bed_gy.median + tumor.by_drug_kill_gy.median
    )
