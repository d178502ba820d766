from dataclasses import replace

import pytest

from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.quantities.kinds import SUV_PEAK
from operandi.reports.study_report import (
    Issue,
    OriginLine,
    StudyReport,
    TimepointColumn,
    Trend,
    measurement_line,
)
from tests.reports.study_builder import a_measurement, a_participant, a_study

ORIGIN = (OriginLine(label="Weight", text="71.5 kg"),)


def a_peak(*, value: float | None, absent: str = "") -> Measurement:
    return Measurement(
        subject=Subject(participant=Pseudonym("P-001"), type=SubjectType.LESION, name="L01"),
        timepoint=TimepointCode("BASELINE"),
        kind=SUV_PEAK,
        value=value,
        absent=absent,
        uncertainty=Uncertainty(0.4, "propagated") if value else Uncertainty(None, "no value"),
        method="1 mL sphere",
        version="1.0.0",
    )


def test_a_measurement_becomes_a_line_with_nothing_lost() -> None:
    measurement = a_peak(value=8.0)

    line = measurement_line(measurement, origin=ORIGIN)

    assert line.id == measurement.id
    assert (line.subject_type, line.subject_name) == ("lesion", "L01")
    assert (line.kind_name, line.kind_title, line.unit) == (
        SUV_PEAK.name,
        SUV_PEAK.title,
        SUV_PEAK.unit,
    )
    assert (line.value, line.absent) == (8.0, "")
    assert (line.standard_uncertainty, line.uncertainty_text) == (0.4, "propagated")
    assert (line.method, line.version, line.origin) == ("1 mL sphere", "1.0.0", ORIGIN)


def test_an_absent_measurement_keeps_its_reason() -> None:
    line = measurement_line(a_peak(value=None, absent="too small"), origin=())

    assert (line.value, line.absent, line.standard_uncertainty) == (None, "too small", None)


@pytest.mark.parametrize(("value", "absent"), [(None, ""), (1.0, "too small")])
def test_refuses_a_line_without_value_and_reason_or_with_both(
    value: float | None, absent: str
) -> None:
    with pytest.raises(ValueError, match="either a value or the reason"):
        a_measurement(value=value, absent=absent)


def test_refuses_an_issue_that_nobody_can_mend() -> None:
    with pytest.raises(ValueError, match="who can mend it"):
        Issue(what="No weight.", remedy="Record it.", who="", where="P-001")


def test_refuses_a_visit_without_a_column() -> None:
    with pytest.raises(ValueError, match=r"P-001 has timepoints without a column: .*YEAR_1"):
        replace(a_study(participants=1, drawn=False), timepoints=a_study_columns()[:2])


def test_refuses_a_trend_over_a_timepoint_without_a_column() -> None:
    stray = Trend(title="SUVmax", unit="g/mL", points=(("YEAR_9", 1.0, None),))
    page = replace(a_participant(0, drawn=False), trends=(stray,))

    with pytest.raises(ValueError, match="YEAR_9"):
        replace(a_study(participants=1, drawn=False), participants=(page,))


def test_refuses_a_participant_who_appears_twice() -> None:
    page = a_participant(0, drawn=False)

    with pytest.raises(ValueError, match="a participant appears twice"):
        replace(a_study(participants=0), participants=(page, page))


def test_refuses_a_visit_that_appears_twice() -> None:
    page = a_participant(0, drawn=False)
    doubled = replace(page, visits=(*page.visits, page.visits[0]))

    with pytest.raises(ValueError, match="a visit of P-001 appears twice"):
        replace(a_study(participants=0), participants=(doubled,))


def a_study_columns() -> tuple[TimepointColumn, ...]:
    study: StudyReport = a_study(participants=1, drawn=False)
    return study.timepoints
