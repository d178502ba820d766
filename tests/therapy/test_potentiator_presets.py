import pytest

from operandi.therapy.drug_schedules import (
    CAPTEM_CONTROL_NETS,
    OLAPARIB_NCI_DOTATATE,
)
from operandi.therapy.pet_baseline import TumorGrade
from operandi.therapy.potentiation import (
    PotentiationOutcome,
    potentiate,
)
from operandi.therapy.potentiator_presets import (
    KIDNEY_RESPONSE,
    MARROW_RESPONSE,
    TUMOR_RESPONSE,
    Recombination,
    captem,
    parp_inhibitor,
)
from operandi.therapy.potentiators import (
    Cycle,
    Potentiator,
)
from tests.therapy.potentiation_builders import a_dose_rate


def preset_cycles() -> tuple[Cycle, ...]:
    rates = {
        "tumor": a_dose_rate(dose_gy=26.9, half_life_h=84.0),
        "kidneys": a_dose_rate(dose_gy=4.0, half_life_h=51.0),
        "marrow": a_dose_rate(dose_gy=0.2, half_life_h=40.0),
    }
    return tuple(Cycle(day=56.0 * c, dose_rate_gy_per_s=rates) for c in range(4))


def preset_outcome(*drugs: Potentiator) -> PotentiationOutcome:
    return potentiate(
        cycles=preset_cycles(),
        tissues=(TUMOR_RESPONSE, KIDNEY_RESPONSE, MARROW_RESPONSE),
        potentiators=drugs,
        samples=400,
        seed=11,
    )


def parp(grade: TumorGrade, recombination: Recombination) -> PotentiationOutcome:
    return preset_outcome(
        parp_inhibitor(schedule=OLAPARIB_NCI_DOTATATE, grade=grade, recombination=recombination)
    )


def test_a_slow_proficient_tumor_gains_no_more_than_marrow_from_a_parp_inhibitor() -> None:
    """What limited the dose of olaparib was thrombocytopenia (Hallqvist 2025)."""
    over_kidneys, over_marrow = parp(TumorGrade.G1, Recombination.PROFICIENT).advantages

    assert over_marrow.ratio.median < 1.0
    assert over_marrow.probability_above_one < 0.5
    assert over_kidneys.ratio.high < 1.1


def test_a_fast_deficient_tumor_gains_more_than_kidneys_and_marrow() -> None:
    over_kidneys, over_marrow = parp(TumorGrade.G3, Recombination.DEFICIENT).advantages

    assert over_kidneys.ratio.low > 1.0
    assert over_marrow.ratio.median > 1.2
    assert over_marrow.probability_above_one > 0.9


def test_chemotherapy_presets_have_three_switches_and_list_what_is_assumed() -> None:
    def captem_with(*, sensitizes: bool, kills: bool, slows_growth: bool) -> PotentiationOutcome:
        return preset_outcome(
            captem(
                schedule=CAPTEM_CONTROL_NETS,
                sensitizes=sensitizes,
                kills=kills,
                slows_growth=slows_growth,
            )
        )

    none = captem_with(sensitizes=False, kills=False, slows_growth=False)
    kill = captem_with(sensitizes=False, kills=True, slows_growth=False)
    growth = captem_with(sensitizes=False, kills=False, slows_growth=True)
    alpha = captem_with(sensitizes=True, kills=False, slows_growth=False)

    assert none.tissues[0].enhancement.high == pytest.approx(1.0)
    assert none.advantages[0].words.startswith("No enhancement")
    # Kill of its own is no enhancement of dose; it stands beside it.
    assert kill.tissues[2].enhancement.high == pytest.approx(1.0)
    assert "own kill stands beside it" in kill.advantages[1].words
    assert kill.tissues[0].by_drug_kill_gy.median > 0
    assert kill.tissues[1].by_drug_kill_gy.high == 0.0
    assert growth.tissues[0].by_growth_avoided_gy.median > 0
    assert growth.tissues[2].by_growth_avoided_gy.high == 0.0
    assert alpha.tissues[0].enhancement.median > 1.0
    assert any(
        "alpha under CAPTEM, times, tumor: 1 to 1.5 is assumed" in s for s in alpha.assumptions
    )
