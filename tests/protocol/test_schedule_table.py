"""A site's participants and visits as one table."""

from operandi.protocol.schedule import visits_on
from operandi.protocol.schedule_table import schedule_table
from tests.protocol.schedule_builders import (
    ImagingVisitRow,
    VisitRow,
    a_history,
    canceled,
    day,
    given,
    the_plan,
)


def test_a_table_has_participants_in_rows_by_site_and_visits_in_columns() -> None:
    """On 10 May 2025; the days are those of test_schedule."""
    histories = {
        "P-02": a_history(),
        "P-01": a_history(
            given(1, "2025-01-07"),
            given(2, "2025-03-13"),
            canceled(3, recorded="2025-04-30"),
            ImagingVisitRow("BASELINE", day("2024-12-04")),
        ),
        "P-03": a_history(
            given(1, "2025-02-25"), VisitRow("BASELINE", day("2025-02-20"), "missed")
        ),
    }
    visits = {
        name: visits_on(the_plan(), history, on=day("2025-05-10"))
        for name, history in histories.items()
    }
    sites = {"P-01": "LYON", "P-02": "LYON", "P-03": "BEAUJON"}

    table = schedule_table(the_plan(), visits, sites=sites)

    assert table.columns[:6] == ["site", "participant", "C1", "C2", "C3", "C4"]
    assert table.select("site", "participant").rows() == [
        ("BEAUJON", "P-03"),
        ("LYON", "P-01"),
        ("LYON", "P-02"),
    ]
    # Eight weeks after 25 February, and a week, is 29 April.
    assert table.select("C1", "C2", "C3", "C4", "BASELINE", "AFTER_CYCLE_2").rows() == [
        (
            "done 2025-02-25",
            "late, since 2025-04-29",
            "not yet, from 2025-06-10",
            "not yet, from 2025-08-05",
            "missed",
            "not yet, from 2025-04-23",
        ),
        (
            "done 2025-01-07",
            "late 2025-03-13",
            "not applicable",
            "needs C4",
            "early 2024-12-04",
            "due 2025-04-24",
        ),
        ("needs C1",) * 6,
    ]
