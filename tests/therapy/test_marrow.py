import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.marrow import (
    BLOOD_DENSITY_G_ML,
    DOTATATE_MARROW_TO_BLOOD,
    ICRP_89_FEMALE,
    ICRP_89_MALE,
    L2_TO_L4_SHARE,
    MARIN_2018_RECOVERY,
    MIRD_ADULT,
    MarrowPanel,
    MarrowShare,
    MarrowTarget,
    Ratio,
    TrabecularFraction,
    blood_based_marrow_dose,
    image_based_marrow_dose,
    marrow_to_blood_of_plasma_agent,
)
from operandi.therapy.organ_dose import with_remainder
from operandi.therapy.regions import Mass, TimeIntegratedActivity
from tests.therapy.dose_builders import a_table

TABLE = with_remainder(
    a_table(
        {
            ("red marrow", "red marrow"): 1.15e-5,
            ("kidneys", "red marrow"): 3.35e-8,
            ("total body", "red marrow"): 2.74e-7,
        },
        {"red marrow": 1170.0, "kidneys": 310.0, "total body": 73000.0},
    ),
    ["red marrow", "kidneys"],
    targets=["red marrow"],
)
"""OLINDA/EXM 2, adult male, 177Lu (mGy/MBq s)."""
BLOOD = ExponentialSum((200e3, 5e3), (math.log(2) / 5400, math.log(2) / 90000))
"""Bq/mL: some 0.2 MBq/mL that leave with 1.5 h, and a tail of 25 h, after 7.4 GBq."""
RMBLR = Ratio(value=DOTATATE_MARROW_TO_BLOOD, standard_uncertainty=0.2, source="Forrer 2009")
RECOVERY = Ratio(value=MARIN_2018_RECOVERY, standard_uncertainty=0.05, source="Marin 2018")
SHARE = MarrowShare(
    share=Ratio(value=L2_TO_L4_SHARE, standard_uncertainty=0.01, source="Hindorf 2010")
)


def a_target(*, body_kg: float = 73.0, **others: float) -> MarrowTarget:
    return MarrowTarget(
        table=TABLE,
        reference=ICRP_89_MALE,
        mass=ICRP_89_MALE.patient_mass(body_mass_kg=body_kg, relative_uncertainty=0.2),
        others={
            name.replace("_", " "): TimeIntegratedActivity(bq_s, 0.1 * bq_s)
            for name, bq_s in others.items()
        },
    )


def by_blood(target: MarrowTarget, *, density: float = BLOOD_DENSITY_G_ML) -> float:
    return blood_based_marrow_dose(
        BLOOD,
        target,
        integral_relative_uncertainty=0.1,
        blood_density_g_ml=density,
        marrow_to_blood=RMBLR,
    ).dose_gy


def test_blood_based_self_dose_by_hand() -> None:
    """(200e3 x 5400 + 5e3 x 90000) / ln 2 = 2.207e9 Bq s/mL; x 1170 g / 1.06 x 1.15e-14 Gy/Bq s."""
    assert by_blood(a_target()) == pytest.approx(2.2073e9 / 1.06 * 1170 * 1.15e-14, rel=1e-3)


def test_blood_based_dose_per_activity_is_of_the_published_size() -> None:
    """Forrer 2009 and later: some hundredths of Gy/GBq with the cross-dose, 2 Gy over 29.6 GBq at
    most. Order of magnitude only: the blood course is made up."""
    target = a_target(kidneys=2.7e13 / 2, remainder_of_body=4e13)
    assert 0.003 < by_blood(target) / 7.4 < 0.07


@given(st.floats(40.0, 130.0))
def test_the_marrow_mass_cancels_in_a_dose_from_concentration(body_kg: float) -> None:
    assert by_blood(a_target(body_kg=body_kg)) == pytest.approx(by_blood(a_target()))


def test_the_mass_of_the_marrow_scales_its_decays() -> None:
    def decays(body_kg: float) -> float:
        return blood_based_marrow_dose(
            BLOOD,
            a_target(body_kg=body_kg),
            integral_relative_uncertainty=0.1,
            blood_density_g_ml=1.0,
            marrow_to_blood=RMBLR,
        ).activity.bq_s

    assert decays(146.0) == pytest.approx(2 * decays(73.0))
    assert decays(73.0) == pytest.approx(2.2073e9 * 1170, rel=1e-3)


def test_cross_dose_comes_from_the_organs_and_the_remainder() -> None:
    """Kidneys: 1e13 x 3.35e-17 Gy/Bq s."""
    alone = by_blood(a_target())
    assert by_blood(a_target(kidneys=1e13)) - alone == pytest.approx(3.35e-4)
    rest = TABLE.s_value(source="remainder of body", target="red marrow").total_gy_per_bq_s
    assert by_blood(a_target(remainder_of_body=1e13)) - alone == pytest.approx(1e13 * rest)
    assert rest == pytest.approx(
        (73000 * 2.74e-16 - 1170 * 1.15e-14 - 310 * 3.35e-17) / (73000 - 1480)
    )


def test_marrow_of_a_patient_scales_with_the_body() -> None:
    """ICRP 89: 1170 g of 73 kg, 900 g of 60 kg."""
    male = ICRP_89_MALE.patient_mass(body_mass_kg=80.0, relative_uncertainty=0.2)
    female = ICRP_89_FEMALE.patient_mass(body_mass_kg=80.0, relative_uncertainty=0.2)
    assert male.g == pytest.approx(1170 * 80 / 73)
    assert female.g == pytest.approx(1200)
    assert female.standard_uncertainty_g == pytest.approx(240)


def test_image_based_dose_by_hand() -> None:
    """1e11 Bq s / 0.78 / 0.067 = 1.9135e12 Bq s in all marrow, x 1.15e-14 at the phantom's mass."""
    dose = image_based_marrow_dose(
        TimeIntegratedActivity(1e11, 1e10), a_target(), recovery=RECOVERY, marrow=SHARE
    )
    assert dose.activity.bq_s == pytest.approx(1.9135e12, rel=1e-4)
    assert dose.dose_gy == pytest.approx(1.9135e12 * 1.15e-14, rel=1e-4)


def test_an_activity_in_less_marrow_gives_more_dose() -> None:
    def dose(body_kg: float) -> float:
        return image_based_marrow_dose(
            TimeIntegratedActivity(1e11, 0.0),
            a_target(body_kg=body_kg),
            recovery=RECOVERY,
            marrow=SHARE,
        ).dose_gy

    assert dose(36.5) == pytest.approx(2 * dose(73.0))


def test_the_trabecular_correction_concentrates_the_activity_in_the_marrow() -> None:
    """By hand: 1e11 / 0.78 in 120 mL x 0.4 x 1.03 g/mL = 49.44 g."""
    dose = image_based_marrow_dose(
        TimeIntegratedActivity(1e11, 0.0),
        a_target(),
        recovery=RECOVERY,
        marrow=TrabecularFraction(
            region_ml=120.0,
            fraction=Ratio(value=0.4, standard_uncertainty=0.08, source="assumed in this test"),
            marrow_density_g_ml=1.03,
        ),
    )
    assert dose.self_gy == pytest.approx(1e11 / 0.78 / 49.44 * 1170 * 1.15e-14, rel=1e-6)
    assert any("bone and fat" in assumption for assumption in dose.assumptions)


def test_both_methods_stand_side_by_side_with_their_assumptions() -> None:
    target = a_target(kidneys=1e13)
    blood = blood_based_marrow_dose(
        BLOOD,
        target,
        integral_relative_uncertainty=0.1,
        blood_density_g_ml=BLOOD_DENSITY_G_ML,
        marrow_to_blood=RMBLR,
    )
    image = image_based_marrow_dose(
        TimeIntegratedActivity(4e11, 4e10), target, recovery=RECOVERY, marrow=SHARE
    )
    panel = MarrowPanel((blood, image))
    assert panel.disagreement == pytest.approx(image.dose_gy / blood.dose_gy - 1)
    assert "Forrer 2009" in blood.assumptions[0]
    assert "Marin 2018" in image.assumptions[0]


def test_uncertainty_joins_its_inputs() -> None:
    """Blood: 10 % and 20 % of the self dose, 10 % of the cross-dose."""
    dose = blood_based_marrow_dose(
        BLOOD,
        a_target(kidneys=1e14),
        integral_relative_uncertainty=0.1,
        blood_density_g_ml=1.06,
        marrow_to_blood=RMBLR,
    )
    expected = math.hypot(dose.self_gy * math.hypot(0.1, 0.2), 0.1 * dose.cross_gy)
    assert dose.standard_uncertainty_gy == pytest.approx(expected)


def test_ratio_of_a_plasma_agent() -> None:
    """Sgouros 1993: 0.19 / (1 - 0.47) = 0.358, the 0.36 often quoted."""
    assert marrow_to_blood_of_plasma_agent(hematocrit=0.47) == pytest.approx(0.3585, abs=1e-4)
    with pytest.raises(DataError, match="between 0 and 1"):
        marrow_to_blood_of_plasma_agent(hematocrit=47.0)


def test_refuses_a_reference_of_another_phantom() -> None:
    with pytest.raises(DataError, match="1170 g of red marrow"):
        MarrowTarget(table=TABLE, reference=MIRD_ADULT, mass=Mass(1120.0, 0.0))


def test_refuses_what_cannot_be_a_marrow_dose() -> None:
    with pytest.raises(DataError, match="count twice"):
        a_target(red_marrow=1e12)
    with pytest.raises(DataError, match="Body mass"):
        a_target(body_kg=0.0)
    with pytest.raises(DataError, match="implausible"):
        image_based_marrow_dose(
            TimeIntegratedActivity(1e11, 0.0),
            a_target(),
            recovery=replace(RECOVERY, value=1.5),
            marrow=SHARE,
        )
    with pytest.raises(DataError, match="ratio > 0"):
        replace(RECOVERY, value=0.0)
    with pytest.raises(DataError, match="Blood density"):
        by_blood(a_target(), density=0.0)
    with pytest.raises(DataError, match="no source organ 'spleen'"):
        by_blood(a_target(spleen=1e12))
    with pytest.raises(DataError, match="time-integrated concentration"):
        blood_based_marrow_dose(
            ExponentialSum((-1.0,), (1.0,)),
            a_target(),
            integral_relative_uncertainty=0.1,
            blood_density_g_ml=1.0,
            marrow_to_blood=RMBLR,
        )
