"""Count rate per activity, and dead time on the branch where a camera is used."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.domain.measurement import Uncertainty
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import GA68, LU177
from operandi.therapy.calibration import (
    Calibration,
    CameraSetup,
    DeadTime,
    DeadTimeModel,
    MeterReading,
    SourceAcquisition,
    calibrate,
    dead_time_factor,
)

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
SETUP = CameraSetup(
    camera="21211",
    collimator="MEHRS",
    windows_kev=((187.2, 228.8),),
    heads=2,
    fwhm_mm=9.0,
)
MICROSECOND = 1e-6


def a_dead_time(model: DeadTimeModel, *, tau_us: float = 1.0, u_us: float = 0.05) -> DeadTime:
    return DeadTime(
        model=model, tau_s=tau_us * MICROSECOND, standard_uncertainty_s=u_us * MICROSECOND
    )


# --- dead time --------------------------------------------------------------------------------


def test_a_non_paralyzable_camera_by_hand() -> None:
    """100 000/s seen with 1 us busy each: busy a tenth of the time, so 111 111/s came."""
    dead = a_dead_time(DeadTimeModel.NON_PARALYZABLE)

    assert dead.true_rate_cps(1e5) == pytest.approx(1e5 / 0.9)


def test_a_paralyzable_camera_by_hand() -> None:
    """200 000/s come; exp(-0.2) of them find the camera ready: 163 746.15/s."""
    dead = a_dead_time(DeadTimeModel.PARALYZABLE)

    assert dead.observed_rate_cps(2e5) == pytest.approx(163_746.15, abs=0.01)
    assert dead.true_rate_cps(163_746.150616) == pytest.approx(2e5, rel=1e-9)


@pytest.mark.parametrize("model", DeadTimeModel)
@given(load=st.floats(0.0, 0.98))
def test_inversion_undoes_the_loss(model: DeadTimeModel, load: float) -> None:
    dead = a_dead_time(model)

    assert dead.true_rate_cps(dead.observed_rate_cps(load * 1e6)) == pytest.approx(
        load * 1e6, rel=1e-6, abs=1e-6
    )


def test_one_rate_on_the_falling_branch_reads_as_the_rising_one() -> None:
    """2e6/s paralyze a camera of 1 us down to 270 671/s, which 406 000/s would show too."""
    dead = a_dead_time(DeadTimeModel.PARALYZABLE)

    true = dead.true_rate_cps(dead.observed_rate_cps(2e6))

    assert true < 1.0 / dead.tau_s
    assert dead.observed_rate_cps(true) == pytest.approx(dead.observed_rate_cps(2e6))


@pytest.mark.parametrize(
    ("model", "highest"),
    [(DeadTimeModel.PARALYZABLE, 1e6 / math.e), (DeadTimeModel.NON_PARALYZABLE, 1e6)],
)
def test_refuses_rates_that_the_camera_cannot_show(model: DeadTimeModel, highest: float) -> None:
    dead = a_dead_time(model)

    assert dead.highest_rate_cps == pytest.approx(highest)
    with pytest.raises(DataError, match="the true rate is not determined"):
        dead.true_rate_cps(1.0001 * highest)
    with pytest.raises(DataError, match="needed >= 0"):
        dead.true_rate_cps(-1.0)


@pytest.mark.parametrize("model", DeadTimeModel)
def test_uncertainty_of_the_correction_is_its_slope_by_dead_time(model: DeadTimeModel) -> None:
    dead, rate, step = a_dead_time(model), 2e5, 1e-10

    factor, uncertainty = dead.correction(rate)

    more, less = (replace(dead, tau_s=dead.tau_s + sign * step) for sign in (1, -1))
    slope = (more.true_rate_cps(rate) - less.true_rate_cps(rate)) / (2 * step * rate)
    assert factor == dead.true_rate_cps(rate) / rate
    assert uncertainty == pytest.approx(slope * dead.standard_uncertainty_s, rel=1e-4)


def test_no_dead_time_corrects_nothing() -> None:
    none = a_dead_time(DeadTimeModel.PARALYZABLE, tau_us=0.0, u_us=0.0)

    assert none.correction(1e6) == (1.0, 0.0)
    assert none.highest_rate_cps == math.inf
    assert dead_time_factor(None, None) == (1.0, 0.0)
    assert a_dead_time(DeadTimeModel.PARALYZABLE).correction(0.0) == (1.0, 0.0)


def test_refuses_to_correct_dead_time_without_the_rate() -> None:
    with pytest.raises(DataError, match="counts of the reconstruction are not that rate"):
        dead_time_factor(a_dead_time(DeadTimeModel.PARALYZABLE), None)
    with pytest.raises(DataError, match="tau_s is -1"):
        DeadTime(model=DeadTimeModel.PARALYZABLE, tau_s=-1.0, standard_uncertainty_s=0.0)


# --- calibration ------------------------------------------------------------------------------


def a_reading(*, u_share: float = 0.02, activity_bq: float = 500e6) -> MeterReading:
    return MeterReading(
        activity_bq=activity_bq,
        uncertainty=Uncertainty(u_share * abs(activity_bq), "traceable source"),
        at=NOON,
    )


def an_acquisition(
    *, counts: float = 4.5e6, started_at: datetime = NOON, rate_cps: float | None = None
) -> SourceAcquisition:
    return SourceAcquisition(
        counts=counts,
        relative_count_uncertainty=0.001,
        projection_time_s=1500.0,
        started_at=started_at,
        observed_rate_cps=rate_cps,
    )


def test_count_rate_per_activity_by_hand() -> None:
    """4.5e6 counts in 1500 s of 500 MBq are 6 cps/MBq, but for 750 s of decay: 0.045 % of it.

    Its mean is at 375 s, 2^(-375 / 574 300) = 0.999548 of 177Lu.
    """
    found = calibrate(a_reading(), an_acquisition(), nuclide=LU177, setup=SETUP)

    assert found.cps_per_mbq == pytest.approx(6.0 / 0.999547, rel=1e-6)
    assert found.uncertainty.standard == pytest.approx(
        found.cps_per_mbq * math.hypot(0.02, 0.001), rel=1e-6
    )


def test_a_source_scanned_a_half_life_later_counts_half() -> None:
    later = NOON + timedelta(seconds=LU177.half_life_s)

    one = calibrate(a_reading(), an_acquisition(), nuclide=LU177, setup=SETUP)
    other = calibrate(
        a_reading(), an_acquisition(counts=2.25e6, started_at=later), nuclide=LU177, setup=SETUP
    )

    assert other.cps_per_mbq == pytest.approx(one.cps_per_mbq, rel=1e-9)
    # u(T)/T = 6e-4, times ln 2 for one half-life.
    assert one.uncertainty.standard is not None
    assert other.uncertainty.standard == pytest.approx(
        one.cps_per_mbq * math.hypot(0.02, 0.001, math.log(2) * 345.6 / 574_300.8), rel=1e-6
    )


def test_dead_time_raises_the_factor() -> None:
    dead = a_dead_time(DeadTimeModel.NON_PARALYZABLE)

    one = calibrate(a_reading(), an_acquisition(), nuclide=LU177, setup=SETUP)
    other = calibrate(
        a_reading(), an_acquisition(rate_cps=1e5), nuclide=LU177, setup=SETUP, dead_time=dead
    )

    assert other.cps_per_mbq == pytest.approx(one.cps_per_mbq / 0.9)
    assert other.relative_uncertainty.standard == pytest.approx(
        math.hypot(0.02, 0.001, 1e5 / 0.9 * 0.05e-6), rel=1e-5
    )


def test_a_meter_without_uncertainty_leaves_the_calibration_without_one_and_says_why() -> None:
    reading = MeterReading(
        activity_bq=500e6, uncertainty=Uncertainty(None, "never traced"), at=NOON
    )

    found = calibrate(reading, an_acquisition(), nuclide=LU177, setup=SETUP)

    assert found.relative_uncertainty == Uncertainty(None, "activity meter: never traced")


def test_refuses_impossible_sources_and_times() -> None:
    with pytest.raises(DataError, match="needed > 0"):
        a_reading(activity_bq=-1.0)
    with pytest.raises(DataError, match="needed both > 0"):
        an_acquisition(counts=0.0)
    long_before = NOON - timedelta(days=30)
    with pytest.raises(DataError, match="which no calibration with 177Lu is"):
        calibrate(a_reading(), an_acquisition(started_at=long_before), nuclide=LU177, setup=SETUP)


def a_calibration(*, cps_per_mbq: float = 9.0) -> Calibration:
    return Calibration(
        nuclide=LU177,
        setup=SETUP,
        cps_per_mbq=cps_per_mbq,
        uncertainty=Uncertainty(0.18, "phantom"),
    )


def test_a_calibration_fits_its_own_camera_and_says_what_it_could_not_see() -> None:
    own = a_calibration().require_for(
        nuclide=LU177, camera="21211", collimator="mehrs", windows_kev=((187.0, 229.0),)
    )
    silent = a_calibration().require_for(nuclide=LU177, camera="", collimator="", windows_kev=())

    assert own == ()
    assert len(silent) == 3


@pytest.mark.parametrize(
    ("nuclide", "camera", "collimator", "windows", "message"),
    [
        (GA68, "21211", "MEHRS", ((187.2, 228.8),), "nuclide is 68Ga, the calibration's 177Lu"),
        (LU177, "9", "MEHRS", ((187.2, 228.8),), "camera is 9, the calibration's 21211"),
        (LU177, "21211", "LEHR", ((187.2, 228.8),), "collimator is LEHR"),
        (LU177, "21211", "MEHRS", ((101.7, 124.3),), "energy window is 101.7-124.3 keV"),
        (LU177, "21211", "MEHRS", ((101.7, 124.3), (187.2, 228.8)), "energy window is"),
    ],
)
def test_refuses_a_scan_of_another_setup(
    nuclide: object, camera: str, collimator: str, windows: object, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        a_calibration().require_for(
            nuclide=nuclide,  # type: ignore[arg-type]
            camera=camera,
            collimator=collimator,
            windows_kev=windows,  # type: ignore[arg-type]
        )


def test_refuses_a_calibration_that_cannot_be() -> None:
    with pytest.raises(DataError, match="needed > 0"):
        a_calibration(cps_per_mbq=0.0)
    with pytest.raises(DataError, match="at least one head"):
        replace(SETUP, heads=0)
    with pytest.raises(DataError, match="needs its camera, collimator and energy window"):
        replace(SETUP, collimator="")
