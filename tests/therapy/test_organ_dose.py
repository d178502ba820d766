import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import LU177
from operandi.therapy.organ_dose import (
    EmittedEnergy,
    organ_dose,
    parted_self_s,
    scaled_to_mass,
    with_remainder,
)
from operandi.therapy.organ_s_values import OrganSTable, OrganSValue, read_organ_s_values
from operandi.therapy.regions import TimeIntegratedActivity
from tests.shared_data import published
from tests.therapy.dose_builders import (
    LU177_ELECTRON_MEV,
    MGY_PER_MBQ_S,
    a_region,
    a_table,
)

EMITTED = EmittedEnergy(LU177_ELECTRON_MEV, 0.0, "ICRP 107")
KIDNEYS = a_table(
    {
        ("kidneys", "kidneys"): 7.76e-5,
        ("liver", "kidneys"): 1.20e-7,
        ("total body", "kidneys"): 3.58e-7,
    },
    {"kidneys": 310.0, "liver": 1800.0, "total body": 73000.0},
)
"""OLINDA/EXM 2, adult male, 177Lu (mGy/MBq s)."""


def opendose() -> OrganSTable:
    return read_organ_s_values(
        published("dosimetry/organ_s_values_lu177_ICRP_110_AM.csv"),
        nuclide=LU177,
        phantom="ICRP 110 AM",
    )


def test_kidney_dose_of_the_phantom_by_hand() -> None:
    """7.76e-5 mGy/MBq s x 1e7 MBq s = 776 mGy."""
    dose = organ_dose(a_region(mass_g=310.0), {}, table=KIDNEYS, emitted=EMITTED)
    assert dose.dose_gy == pytest.approx(0.776)
    assert dose.self_gy == dose.dose_gy
    assert dose.assumptions[1].startswith("cross-dose left out")


def test_electrons_scale_with_mass_and_photons_with_its_two_thirds() -> None:
    """By hand: S_e = 0.1479 MeV x 1.602e-13 J/MeV / 0.31 kg = 7.644e-14 Gy/Bq s."""
    value = parted_self_s(
        KIDNEYS.s_value(source="kidneys", target="kidneys"), mass_g=310.0, emitted=EMITTED
    )
    scaled = scaled_to_mass(value, phantom_g=310.0, patient_g=155.0)

    assert value.electron_gy_per_bq_s == pytest.approx(7.644e-14, rel=1e-3)
    assert value.photon_gy_per_bq_s == pytest.approx(7.76e-14 - 7.644e-14, rel=0.01)
    assert scaled.electron_gy_per_bq_s == pytest.approx(2 * 7.644e-14, rel=1e-3)
    assert scaled.photon_gy_per_bq_s is not None
    assert value.photon_gy_per_bq_s is not None
    assert scaled.photon_gy_per_bq_s == pytest.approx(2 ** (2 / 3) * value.photon_gy_per_bq_s)


@pytest.mark.parametrize(
    ("start", "end", "within"),
    [
        ("left kidney", "spleen", 0.005),
        ("right kidney", "spleen", 0.005),
        ("spleen", "left kidney", 0.005),
        ("spleen", "liver", 0.03),
        ("left kidney", "liver", 0.03),
        ("liver", "spleen", 0.03),
    ],
)
def test_one_organ_scaled_to_the_mass_of_another_meets_its_published_value(
    start: str, end: str, within: float
) -> None:
    """OpenDose, ICRP 110 adult male: 150 to 1800 g. Target of the issue: 5 %.

    Found: 0.2 % between organs of 150 g, -1.3 to -1.7 % up to the liver, 0.6 to 0.8 % down from
    it. Of the electrons 0.6 % leave a sphere of 150 g, more an organ, and 0.3 % one of 1800 g; the
    parting by emitted energy counts them as absorbed and so gives too little to the photons,
    which is what scales up. With 1/m alone the liver would be missed by 3 %.
    """
    table = opendose()
    value = parted_self_s(
        table.s_value(source=start, target=start), mass_g=table.mass_g(start), emitted=EMITTED
    )
    scaled = scaled_to_mass(value, phantom_g=table.mass_g(start), patient_g=table.mass_g(end))

    expected = table.s_value(source=end, target=end).total_gy_per_bq_s
    assert scaled.total_gy_per_bq_s == pytest.approx(expected, rel=within)


def test_cross_dose_is_added_and_not_scaled() -> None:
    other = {"liver": TimeIntegratedActivity(1e13, 0.0)}
    for mass in (155.0, 310.0):
        dose = organ_dose(a_region(mass_g=mass), other, table=KIDNEYS, emitted=EMITTED)
        assert dose.self_gy is not None
        assert dose.dose_gy - dose.self_gy == pytest.approx(1e13 * 1.2e-7 * MGY_PER_MBQ_S)


@given(st.floats(50.0, 900.0))
def test_the_mass_exponent_is_the_slope_of_the_dose(mass_g: float) -> None:
    def at(grams: float) -> float:
        return organ_dose(a_region(mass_g=grams), {}, table=KIDNEYS, emitted=EMITTED).dose_gy

    dose = organ_dose(a_region(mass_g=mass_g), {}, table=KIDNEYS, emitted=EMITTED)
    step = 1e-4
    slope = (at(mass_g * (1 + step)) / at(mass_g * (1 - step)) - 1) / (2 * step)
    assert dose.mass_exponent == pytest.approx(slope, abs=1e-3)
    assert -1.0 <= dose.mass_exponent <= -2 / 3


@given(st.floats(0.0, 1e14), st.floats(0.1, 10.0))
def test_dose_is_linear_in_activity(bq_s: float, factor: float) -> None:
    def of(activity: float) -> float:
        return organ_dose(a_region(bq_s=activity), {}, table=KIDNEYS, emitted=EMITTED).dose_gy

    assert of(factor * bq_s) == pytest.approx(factor * of(bq_s), rel=1e-12)


def test_uncertainty_joins_activity_s_value_and_mass() -> None:
    """All 10 %: sqrt(0.01 + 0.01 + (0.995 x 0.1)^2) of the dose."""
    table = dataclasses.replace(
        KIDNEYS,
        values={
            ("kidneys", "kidneys"): dataclasses.replace(
                KIDNEYS.s_value(source="kidneys", target="kidneys"),
                standard_uncertainty_gy_per_bq_s=7.76e-15,
            )
        },
    )
    region = a_region(bq_s=1e13, u_bq_s=1e12, mass_g=310.0, u_mass_g=31.0)
    dose = organ_dose(region, {}, table=table, emitted=EMITTED)
    assert dose.standard_uncertainty_gy / dose.dose_gy == pytest.approx(0.1730, abs=3e-4)


def test_parts_by_radiation_are_given_only_where_the_cross_dose_has_them() -> None:
    alone = organ_dose(a_region(), {}, table=KIDNEYS, emitted=EMITTED)
    crossed = organ_dose(
        a_region(), {"liver": TimeIntegratedActivity(1e12, 0.0)}, table=KIDNEYS, emitted=EMITTED
    )
    assert alone.electron_gy is not None
    assert alone.photon_gy is not None
    assert alone.electron_gy + alone.photon_gy == pytest.approx(alone.dose_gy)
    assert crossed.electron_gy is None


def test_remainder_conserves_what_the_whole_body_gives() -> None:
    """Even activity over the body gives the same dose, as one source or as three."""
    table = with_remainder(KIDNEYS, ["kidneys", "liver"], targets=["kidneys"])
    per_gram = 1e9
    doses = [
        table.masses_g[source]
        * per_gram
        * table.s_value(source=source, target="kidneys").total_gy_per_bq_s
        for source in ("kidneys", "liver", "remainder of body")
    ]
    whole = 73000 * per_gram * 3.58e-7 * MGY_PER_MBQ_S
    assert sum(doses) == pytest.approx(whole)
    assert table.mass_g("remainder of body") == 73000 - 310 - 1800


def test_refuses_a_remainder_of_an_inconsistent_table() -> None:
    wrong = a_table(
        {("kidneys", "kidneys"): 7.76e-5, ("total body", "kidneys"): 1e-8},
        {"kidneys": 310.0, "total body": 73000.0},
    )
    with pytest.raises(DataError, match="would be negative"):
        with_remainder(wrong, ["kidneys"], targets=["kidneys"])
    with pytest.raises(DataError, match="weigh as much as the body"):
        with_remainder(wrong, ["kidneys", "total body"], targets=["kidneys"])


def test_refuses_a_target_among_its_other_sources() -> None:
    with pytest.raises(DataError, match="count twice"):
        organ_dose(
            a_region(),
            {"Kidneys": TimeIntegratedActivity(1.0, 0.0)},
            table=KIDNEYS,
            emitted=EMITTED,
        )


def test_refuses_a_table_whose_energy_is_less_than_the_electrons_carry() -> None:
    """90Y emits 0.933 MeV: its energies beside a table of 177Lu are noticed."""
    with pytest.raises(DataError, match="charged particles alone"):
        organ_dose(a_region(), {}, table=KIDNEYS, emitted=EmittedEnergy(0.933, 0.0, "90Y"))


def test_scaling_a_cross_dose_is_a_mistake() -> None:
    value = OrganSValue(source="liver", target="kidneys", total_gy_per_bq_s=1e-16)
    with pytest.raises(ValueError, match="self S value"):
        scaled_to_mass(value, phantom_g=1.0, patient_g=2.0)
