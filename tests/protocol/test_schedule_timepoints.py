"""The imaging visits of a study file as timepoints of study.toml."""

import pytest

from operandi.domain.identity import TimepointCode
from operandi.domain.timepoint import Timepoint
from operandi.protocol.schedule_format import SchedulePlan, VisitPlan, Window
from operandi.protocol.schedule_timepoints import timepoints_of
from operandi.quantities.errors import DataError
from tests.protocol.schedule_builders import the_plan


def test_timepoints_are_as_wide_as_the_windows_can_be() -> None:
    """By hand.

    BASELINE: a month has 31 days at most. AFTER_CYCLE_2: 8 weeks and 7 days less 1 day are 62
    days, but 12 weeks are 84 where cycle 3 is canceled. YEAR_1: 365 - 31 and 366 + 31 days.
    """
    assert timepoints_of(the_plan()) == (
        Timepoint(_code("BASELINE"), "PET-MRI before the first cycle", "cycle 1", (-31, -1)),
        Timepoint(_code("AFTER_CYCLE_2"), "PET-MRI after the second cycle", "cycle 2", (1, 84)),
        Timepoint(_code("YEAR_1"), "PET-MRI one year after the first cycle", "cycle 1", (334, 397)),
    )


def test_without_its_alternative_a_window_ends_with_the_tolerance_of_the_next_cycle() -> None:
    plan = _with(the_plan().visit[1].model_copy(update={"alternative": ()}))

    assert timepoints_of(plan)[0].window_days == (1, 62)


def test_refuses_a_window_that_is_open_at_one_end() -> None:
    open_ended = Window.model_validate({"after": "C2"})
    visit = the_plan().visit[1].model_copy(update={"alternative": (), "window": open_ended})

    with pytest.raises(DataError, match="Visit AFTER_CYCLE_2 has no window in days from a cycle"):
        timepoints_of(_with(visit))


def _with(visit: VisitPlan) -> SchedulePlan:
    plan = the_plan()
    return SchedulePlan(anchor=plan.anchor, cycle=plan.cycle, visit=(visit,))


def _code(text: str) -> TimepointCode:
    return TimepointCode(text)
