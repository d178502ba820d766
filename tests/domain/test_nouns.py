from datetime import date, datetime, timedelta

import numpy as np
import pytest

from operandi.domain.administration import Administration
from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.domain.timepoint import Timepoint
from operandi.domain.volume import Frame, Volume
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION, SUV_BODY_WEIGHT, SUV_MAXIMUM, Kind
from operandi.quantities.nuclides import GA68
from tests.builders import NOON, a_grid, a_volume, an_injection


def test_half_the_activity_is_left_after_a_half_life() -> None:
    later = NOON + timedelta(seconds=GA68.half_life_s)
    assert an_injection(activity_bq=150e6).activity_at(later) == pytest.approx(75e6)


@pytest.mark.parametrize("activity_bq", [0.0, -1.0, float("nan")])
def test_refuses_an_injection_of_nothing(activity_bq: float) -> None:
    with pytest.raises(DataError, match="needed > 0"):
        an_injection(activity_bq=activity_bq)


def test_refuses_an_injection_without_time_zone() -> None:
    naive = datetime(2025, 3, 1, 12)  # noqa: DTZ001 - that is the fault
    with pytest.raises(ValueError, match="timezone-aware"):
        Administration(GA68, 1e6, naive, GA68.half_life_s)


def test_values_cannot_be_changed_behind_a_volumes_back() -> None:
    with pytest.raises(ValueError, match="read-only"):
        a_volume().values[0, 0, 0] = 7.0


@pytest.mark.parametrize(("kind", "at"), [(ACTIVITY_CONCENTRATION, None), (SUV_BODY_WEIGHT, NOON)])
def test_refuses_a_decay_reference_exactly_where_it_does_not_belong(
    kind: Kind, at: datetime | None
) -> None:
    with pytest.raises(ValueError, match="decay_reference"):
        Volume(np.ones((3, 4, 5), np.float32), a_grid(), kind, at)


def test_refuses_values_that_do_not_fit_the_grid_or_frames() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Volume(np.ones((3, 4, 4), np.float32), a_grid(), SUV_BODY_WEIGHT)
    with pytest.raises(ValueError, match="do not fit"):
        Volume(
            np.ones((3, 4, 5, 2), np.float32),
            a_grid(),
            SUV_BODY_WEIGHT,
            frames=(Frame(NOON, 60.0),),
        )


def test_a_masks_volume_is_its_voxels_times_theirs() -> None:
    """By hand: 7 voxels of 4 x 4 x 3 mm are 336 mm3."""
    inside = np.zeros((3, 4, 5), np.bool_)
    inside.flat[:7] = True
    assert Mask(inside, a_grid()).volume_ml == pytest.approx(0.336)


def test_refuses_a_mask_that_is_not_boolean() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Mask(np.ones((3, 4, 5)), a_grid())  # type: ignore[arg-type]


def test_a_window_counts_days_from_its_anchor() -> None:
    timepoint = Timepoint(TimepointCode("YEAR_1"), "One year", "cycle 1", (335, 395))
    assert timepoint.window(date(2025, 3, 1)) == (date(2026, 1, 30), date(2026, 3, 31))


def a_measurement(**changes: object) -> Measurement:
    said: dict[str, object] = {
        "subject": Subject(participant=Pseudonym("P-014"), type=SubjectType.LESION, name="L01"),
        "timepoint": TimepointCode("BASELINE"),
        "kind": SUV_MAXIMUM,
        "value": 16.5,
        "uncertainty": Uncertainty(None, "no repeatability published"),
        "method": "highest voxel",
        "version": "1",
        **changes,
    }
    return Measurement(**said)  # type: ignore[arg-type]


def test_a_measurements_name_says_what_it_is_of_and_not_what_it_came_out_as() -> None:
    assert a_measurement().id == a_measurement(value=3.0, version="2").id
    assert a_measurement().id != a_measurement(timepoint=TimepointCode("YEAR_1")).id


def test_refuses_a_measurement_with_neither_value_nor_reason_or_with_both() -> None:
    with pytest.raises(ValueError, match="either a value or the reason"):
        a_measurement(value=None)
    with pytest.raises(ValueError, match="either a value or the reason"):
        a_measurement(absent="not done")


def test_refuses_a_value_or_uncertainty_that_is_no_number() -> None:
    with pytest.raises(ValueError, match="finite"):
        a_measurement(value=float("nan"))
    with pytest.raises(ValueError, match="finite"):
        Uncertainty(float("inf"), "by hand")
    with pytest.raises(ValueError, match="basis"):
        Uncertainty(0.1, "")
