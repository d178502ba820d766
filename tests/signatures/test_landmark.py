"""Landmark: days, exclusions, and the immortal time that it takes away."""

from datetime import date

import numpy as np
import pytest

from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import LU177
from operandi.records.tables import Cycle, ImagingVisit, Records
from operandi.signatures.data import Bools, IntervalCensored, RightCensored
from operandi.signatures.landmark import LandmarkExclusion, landmark, scan_days_of
from operandi.signatures.survival.baselines import WeibullBaseline
from operandi.signatures.survival.interval_hazards import fit_interval_hazards

SCANS = (110.0, 115.0, None, 150.0, 100.0)


def test_days_count_from_the_landmark_and_everybody_else_has_a_reason() -> None:
    outcome = RightCensored(
        time=np.array([300.0, 90.0, 500.0, 400.0, 110.0]),
        event=np.array([True, True, False, True, False]),
    )
    found = landmark(outcome, scan_days=SCANS, day=120.0)
    np.testing.assert_array_equal(found.outcome.time, [180.0])
    np.testing.assert_array_equal(found.kept, [0])
    assert found.excluded == (
        (1, LandmarkExclusion.EVENT_BEFORE),
        (2, LandmarkExclusion.NO_SCAN),
        (3, LandmarkExclusion.SCAN_AFTER),
        (4, LandmarkExclusion.CENSORED_BEFORE),
    )
    assert sum(found.counted.values()) == 4


def test_each_participants_own_scan_can_be_the_landmark() -> None:
    outcome = RightCensored(time=np.full(5, 300.0), event=np.ones(5, dtype=bool))
    found = landmark(outcome, scan_days=SCANS, day=None)
    np.testing.assert_array_equal(found.outcome.time, [190.0, 185.0, 150.0, 200.0])
    np.testing.assert_array_equal(found.landmark_days, [110.0, 115.0, 150.0, 100.0])
    assert found.counted == {LandmarkExclusion.NO_SCAN: 1}


def test_an_interval_over_the_landmark_is_kept_from_it_on_and_counted() -> None:
    outcome = IntervalCensored(
        left=np.array([90.0, 200.0, 60.0, 300.0]), right=np.array([180.0, 290.0, 119.0, np.inf])
    )
    found = landmark(outcome, scan_days=(100.0,) * 4, day=120.0)
    np.testing.assert_array_equal(found.outcome.left, [0.0, 80.0, 180.0])
    np.testing.assert_array_equal(found.outcome.right, [60.0, 170.0, np.inf])
    assert found.straddling == 1
    assert found.counted == {LandmarkExclusion.EVENT_BEFORE: 1}


def test_a_marker_without_effect_looks_like_one_unless_landmarked() -> None:
    """300 cohorts of 160; scan on day 110, response by the toss of a coin among those scanned.

    Who progressed, died or was lost before has no scan, and is coded as no response: HR about
    0.7. After the landmark it is 1.
    """
    naive, honest = [], []
    for stream in np.random.SeedSequence(17).spawn(300):
        rng = np.random.default_rng(stream)
        time, lost = rng.exponential(700.0, 160), rng.exponential(1500.0, 160)
        until, event = np.minimum(time, lost), time <= lost
        responded = rng.random(160) < 0.6
        scans = [110.0 if day > 110.0 else None for day in until.tolist()]
        coded = np.array([scan is not None for scan in scans]) & responded
        outcome = RightCensored(time=until, event=event)
        naive.append(log_hazard_ratio(outcome, coded))
        late = landmark(outcome, scan_days=scans, day=110.0)
        honest.append(log_hazard_ratio(late.outcome, responded[late.kept]))
    assert np.exp(np.mean(naive)) == pytest.approx(0.70, abs=0.05)
    assert 0.95 <= np.exp(np.mean(honest)) <= 1.05


def log_hazard_ratio(outcome: RightCensored, marker: Bools) -> float:
    interval = IntervalCensored(
        left=outcome.time, right=np.where(outcome.event, outcome.time, np.inf)
    )
    fit = fit_interval_hazards(interval, marker.astype(float)[:, None], baseline=WeibullBaseline())
    return float(fit.coefficients[0])


def test_scan_days_come_from_the_tables_and_count_from_cycle_1() -> None:
    one, two = Pseudonym("P-1"), Pseudonym("P-2")
    records = Records(
        visits=(ImagingVisit(one, TimepointCode("AFTER_CYCLE_2"), date(2025, 5, 1)),),
        cycles=tuple(Cycle(who, 1, date(2025, 1, 1), 7.4e9, LU177) for who in (one, two)),
    )
    assert scan_days_of(records, (one, two), timepoint="AFTER_CYCLE_2") == (120.0, None)
    early = Records(
        visits=(ImagingVisit(one, TimepointCode("AFTER_CYCLE_2"), date(2024, 12, 1)),),
        cycles=records.cycles,
    )
    with pytest.raises(DataError, match="31 days before treatment"):
        scan_days_of(early, (one,), timepoint="AFTER_CYCLE_2")


def test_refuses_nobody_left_and_landmarks_that_are_none() -> None:
    outcome = RightCensored(time=np.array([50.0, 60.0]), event=np.array([True, False]))
    with pytest.raises(DataError, match="Nobody is left after the landmark: 1 censored"):
        landmark(outcome, scan_days=(40.0, 40.0), day=100.0)
    with pytest.raises(DataError, match="a day > 0"):
        landmark(outcome, scan_days=(40.0, 40.0), day=0.0)
    with pytest.raises(DataError, match="for each of 2"):
        landmark(outcome, scan_days=(40.0,), day=10.0)
