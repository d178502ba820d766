import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.therapy.dose_units import DoseCoefficient, s_unit_gy_per_bq_s


@pytest.mark.parametrize(
    ("written", "gy_per_bq_s"),
    [
        ("mGy/MBq·s", 1e-9),
        ("mGy/(MBq.s)", 1e-9),
        ("S-value (mGy/MBq/s)", 1e-9),
        ("S_mGy_per_MBq_s", 1e-9),
        ("S electron [Gy/Bq.s]", 1.0),
        ("Gy/(Bq s)", 1.0),
        ("mGy/MBq.h", 1e-9 / 3600),
        ("mGy MBq-1 s-1", 1e-9),
        ("Gy Bq⁻¹ s⁻¹", 1.0),
        ("mGy/MBq-s", 1e-9),
        ("Gy/GBq.h", 1e-9 / 3600),
        ("mGy/MBq·hour", 1e-9 / 3600),
        ("S (mGy per MBq per hour)", 1e-9 / 3600),
        ("mGy/(MBq minute)", 1e-9 / 60),
        ("Gy/(Bq·d)", 1 / 86400),
        ("Gy/Bq/days", 1 / 86400),
    ],
)
def test_units_of_s_values_are_converted_at_the_edge(written: str, gy_per_bq_s: float) -> None:
    assert s_unit_gy_per_bq_s(written, where="x") == pytest.approx(gy_per_bq_s, rel=1e-12)


@pytest.mark.parametrize("written", ["mGy/MBq", "Gy/GBq", "mSv/MBq", "Dose [mGy/MBq]"])
def test_refuses_a_dose_per_administered_activity(written: str) -> None:
    with pytest.raises(DataError, match="dose per administered activity"):
        s_unit_gy_per_bq_s(written, where="table.csv")


@pytest.mark.parametrize(
    ("written", "found"),
    [("mGy/MBq·ms", "'ms'"), ("mGy/MBq·source", "'source'"), ("Dose (mGy/MBq) min", "'min'")],
)
def test_refuses_a_time_that_is_not_known_and_names_those_that_are(
    written: str, found: str
) -> None:
    with pytest.raises(DataError, match=f"{found}, which is no time .* s, minute, h or d"):
        s_unit_gy_per_bq_s(written, where="table.csv")


def test_refuses_sievert_because_it_may_hold_a_weighting() -> None:
    with pytest.raises(UnsupportedError, match="weighting"):
        s_unit_gy_per_bq_s("mSv/MBq.s", where="table.csv")


@pytest.mark.parametrize("written", ["", "S", "mGy", "Gy/s", "counts/s/MBq"])
def test_refuses_a_header_without_a_unit(written: str) -> None:
    with pytest.raises(DataError, match="no unit"):
        s_unit_gy_per_bq_s(written, where="table.csv")


@given(st.floats(0, 10), st.floats(1e6, 1e11))
def test_a_dose_coefficient_goes_with_the_administered_activity(
    gy_per_gbq: float, administered_bq: float
) -> None:
    dose = DoseCoefficient(gy_per_gbq).dose_gy(administered_bq=administered_bq)
    assert dose == pytest.approx(gy_per_gbq * administered_bq / 1e9)


def test_refuses_a_negative_dose_coefficient() -> None:
    with pytest.raises(ValueError, match=">= 0"):
        DoseCoefficient(-0.1)
