import pytest

from operandi.quantities.errors import DataError
from operandi.therapy.drug_schedules import (
    CAPTEM_CONTROL_NETS,
    OLAPARIB_NCI_DOTATATE,
    OLAPARIB_PETER_MAC_PSMA,
    DrugCourse,
    DrugDoseUnit,
    Window,
    captem_perth,
    olaparib_gothenburg,
)


def test_schedules_hold_what_their_protocols_state() -> None:
    olaparib = OLAPARIB_NCI_DOTATATE.course_of("olaparib")
    assert (olaparib.days, olaparib.window.start_day, olaparib.daily_dose) == (30, -2.0, 400.0)
    assert OLAPARIB_PETER_MAC_PSMA.window == Window(start_day=1.0, end_day=15.0)
    assert CAPTEM_CONTROL_NETS.course_of("capecitabine").daily_dose == 1500.0
    assert CAPTEM_CONTROL_NETS.course_of("temozolomide").window == Window(
        start_day=0.0, end_day=5.0
    )
    perth = captem_perth(administration_day=10)
    assert perth.course_of("temozolomide").daily_dose == 200.0
    assert perth.window == CAPTEM_CONTROL_NETS.window
    assert olaparib_gothenburg(first_day=1, last_day=14).course_of("olaparib").dose == 200.0


def test_refuses_a_window_that_ends_before_it_starts() -> None:
    with pytest.raises(DataError, match="must act until later"):
        Window(start_day=5.0, end_day=3.0)


def test_refuses_a_course_that_ends_before_it_starts_or_gives_nothing() -> None:
    with pytest.raises(DataError, match="from day 5 to day 4"):
        DrugCourse(
            drug="x", dose=1.0, unit=DrugDoseUnit.MG, times_per_day=1, first_day=5, last_day=4
        )
    with pytest.raises(DataError, match="is no course"):
        DrugCourse(
            drug="x", dose=0.0, unit=DrugDoseUnit.MG, times_per_day=1, first_day=0, last_day=4
        )
    with pytest.raises(DataError, match="one of the 14 days"):
        captem_perth(administration_day=0)
