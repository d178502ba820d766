"""Lesion measurements against closed forms."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.domain.identity import Digest, Pseudonym, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement, SubjectType
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.burden import (
    measure_burden,
    measure_lesion,
    measure_reference,
)
from operandi.imaging.lesions.measures.peak import PEAK_RADIUS_MM, suv_peak
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import (
    ACTIVITY_CONCENTRATION,
    LESION_COUNT,
    LESION_TO_LIVER_RATIO,
    MR_SIGNAL,
    SSTR_TUMOR_VOLUME,
    SUV_MAXIMUM,
    SUV_MEAN,
    SUV_PEAK,
    SUV_STANDARD_DEVIATION,
    TOTAL_LESION_SSTR,
    VOLUME,
    Kind,
)
from tests.imaging.lesions.phantoms import (
    a_ball,
    a_lesion,
    a_liver_reference,
    a_pet_grid,
    an_suv,
    an_suv_of,
    everywhere,
    flipped,
    permuted,
    positions,
)

WHO = Pseudonym("P-001")
WHEN = TimepointCode("BASELINE")
FROM = (Digest("ab" * 32),)


def _of(measurements: Sequence[Measurement], kind: Kind) -> Measurement:
    (one,) = (measurement for measurement in measurements if measurement.kind == kind)
    return one


def _value(measurements: Sequence[Measurement], kind: Kind) -> float:
    value = _of(measurements, kind).value
    assert value is not None
    return value


def _measured(suv: Volume, mask: Mask, *, liver_mean: float = 5.0) -> tuple[Measurement, ...]:
    return measure_lesion(
        suv,
        a_lesion(mask),
        a_liver_reference(suv.grid, mean=liver_mean, standard_deviation=0.1 * liver_mean),
        subject_participant=WHO,
        timepoint=WHEN,
        inputs=FROM,
    )


def _burden(suv: Volume, lesions: Sequence[Lesion]) -> tuple[Measurement, ...]:
    return measure_burden(suv, lesions, subject_participant=WHO, timepoint=WHEN, inputs=FROM)


GRIDS = [
    a_pet_grid((25, 25, 25), spacing_mm=(4.0, 4.0, 4.0)),
    a_pet_grid((41, 31, 17), spacing_mm=(2.0, 3.0, 5.0)),
    a_pet_grid((41, 41, 33), spacing_mm=(2.0, 2.0, 3.0), turned_deg=25.0),
]


@pytest.mark.parametrize("grid", GRIDS)
def test_a_uniform_hot_sphere_has_its_value_and_its_volume(grid: Grid) -> None:
    """SUV 20 within 20 mm: max, mean and peak are 20; 4/3 pi 2^3 = 33.51 mL; TL-SSTR 670 g."""
    ball = a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=20.0)
    suv = an_suv(grid, np.where(ball.inside, 20.0, 1.0))

    found = _measured(suv, ball)

    assert _value(found, SUV_MAXIMUM) == 20.0
    assert _value(found, SUV_MEAN) == 20.0
    assert _value(found, SUV_PEAK) == pytest.approx(20.0, rel=1e-12)
    volume_ml = _value(found, VOLUME)
    assert volume_ml == pytest.approx(4 / 3 * math.pi * 8.0, rel=0.03)
    assert volume_ml == pytest.approx(np.count_nonzero(ball.inside) * grid.voxel_volume_ml)
    assert _value(found, TOTAL_LESION_SSTR) == pytest.approx(20.0 * volume_ml)
    assert _value(found, LESION_TO_LIVER_RATIO) == 4.0


def test_the_mean_of_a_cone_is_three_quarters_down_to_its_rim() -> None:
    """SUV 10 - r/4 within 16 mm: mean = 10 - (3/4) 16 / 4 = 7; 1 mm voxels."""
    grid = a_pet_grid((41, 41, 41), spacing_mm=(1.0, 1.0, 1.0))
    ball = a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=16.0)
    suv = an_suv_of(grid, lambda p: 10.0 - np.linalg.norm(p, axis=-1) / 4.0)

    found = _measured(suv, ball)

    assert _value(found, SUV_MEAN) == pytest.approx(7.0, abs=0.01)
    assert _value(found, SUV_MAXIMUM) == 10.0


def test_the_peak_of_a_cone_is_its_mean_over_one_milliliter() -> None:
    """At the tip: 10 - (3/4) R / 4 with R = 6.2035 mm, that is 8.8368.

    The grid samples the cone at voxel centers, which at the tip takes 1 mm voxels to 0.01.
    """
    grid = a_pet_grid((41, 41, 41), spacing_mm=(1.0, 1.0, 1.0))
    suv = an_suv_of(grid, lambda p: 10.0 - np.linalg.norm(p, axis=-1) / 4.0)

    peak = suv_peak(suv, a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=10.0))

    assert pytest.approx(10.0 - 0.75 * PEAK_RADIUS_MM / 4.0, abs=0.01) == peak


@pytest.mark.parametrize("grid", GRIDS)
def test_the_peak_of_a_uniform_image_is_its_value(grid: Grid) -> None:
    peak = suv_peak(an_suv(grid, 3.7), a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=9.0))

    assert peak == pytest.approx(3.7, rel=1e-12)


@pytest.mark.parametrize("grid", GRIDS)
def test_the_peak_of_a_ramp_is_its_value_at_the_highest_center(grid: Grid) -> None:
    """A sphere's mean of a linear function is its value in the middle."""
    ball = a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=12.0)
    suv = an_suv_of(grid, lambda p: 50.0 + p @ [0.3, -0.2, 0.4])

    assert suv_peak(suv, ball) == pytest.approx(suv.values[ball.inside].max(), rel=1e-12)


def test_the_peak_of_one_hot_voxel_is_its_share_of_the_sphere() -> None:
    """A voxel of 2 mm lies wholly inside the sphere of 1 mL: its share is 0.008.

    Normalizing by the sampled instead of the true volume costs less than 0.1 %.
    """
    grid = a_pet_grid((21, 21, 21), spacing_mm=(2.0, 2.0, 2.0))
    values = np.zeros(grid.shape)
    values[10, 10, 10] = 100.0
    one = Mask(values > 0, grid)

    assert suv_peak(an_suv(grid, values), one) == pytest.approx(0.8, rel=1e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing_mm", [(4.0, 4.0, 4.0), (2.1, 2.1, 2.0), (5.0, 4.0, 2.5)])
def test_the_peak_of_a_step_is_the_share_of_a_spherical_cap(
    spacing_mm: tuple[float, float, float], axis: int
) -> None:
    """SUV 1 from a voxel face at distance a on: 1/2 - 3a/(4R) + a^3/(4R^3) of the sphere.

    For every face that the sphere meets; the documented error is 0.15 % of the step.
    """
    grid = a_pet_grid((13, 13, 13), spacing_mm=spacing_mm)
    center = np.zeros(grid.shape, dtype=np.bool_)
    center[6, 6, 6] = True
    for first in range(3, 11):
        step = (np.indices(grid.shape)[axis] >= first).astype(np.float64)
        a = min(max((first - 6.5) * spacing_mm[axis] / PEAK_RADIUS_MM, -1.0), 1.0)
        share = 0.5 - 0.75 * a + 0.25 * a**3
        peak = suv_peak(an_suv(grid, step), Mask(center, grid))
        assert peak == pytest.approx(share, abs=1.5e-3)


def test_the_peak_moves_off_the_hottest_voxel_where_the_neighborhood_is_hotter() -> None:
    """A lone voxel of 12 on 1 beside a block of 10: the sphere belongs in the block."""
    grid = a_pet_grid((40, 20, 20))
    values = np.ones(grid.shape)
    values[5, 10, 10] = 12.0
    values[20:30, 5:15, 5:15] = 10.0
    mask = Mask(values > 1.0, grid)

    found = _measured(an_suv(grid, values), mask)

    assert _value(found, SUV_MAXIMUM) == 12.0
    assert _value(found, SUV_PEAK) == pytest.approx(10.0)


def test_a_sphere_that_reaches_out_of_the_image_is_no_candidate() -> None:
    """The ramp rises to the image's face; the highest sphere that fits is two voxels inside."""
    grid = a_pet_grid((20, 20, 20))
    suv = an_suv_of(grid, lambda p: 100.0 + p[..., 0])

    peak = suv_peak(suv, everywhere(grid))

    # Reach 6.2 mm is 1.55 voxels: the sphere meets voxels two steps away.
    assert peak == pytest.approx(suv.values[17, 10, 10])


def test_no_peak_where_no_sphere_fits_and_the_reason_is_given() -> None:
    grid = a_pet_grid((20, 20, 20))
    values = np.ones(grid.shape)
    values[0, 8:12, 8:12] = 9.0

    peak = _of(_measured(an_suv(grid, values), Mask(values > 1.0, grid)), SUV_PEAK)

    assert peak.value is None
    assert "no sphere of 1 mL" in peak.absent


def test_a_sphere_that_meets_a_value_that_is_no_number_is_no_candidate() -> None:
    """The sphere meets voxels two steps away: those around 13 and 14 meet voxel 15."""
    grid = a_pet_grid((20, 20, 20))
    values = np.asarray(100.0 + positions(grid)[..., 0])
    values[15, 10, 10] = np.nan
    line = np.zeros(grid.shape, dtype=np.bool_)
    line[5:15, 10, 10] = True

    assert suv_peak(an_suv(grid, values), Mask(line, grid)) == pytest.approx(values[12, 10, 10])


def test_every_measurement_says_of_whom_when_from_what_and_why_no_uncertainty() -> None:
    grid = a_pet_grid()
    ball = a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=12.0)

    found = _measured(an_suv(grid, 2.0), ball)

    assert len(found) == 6
    assert len({measurement.id for measurement in found}) == 6
    for measurement in found:
        assert measurement.subject.participant == WHO
        assert measurement.subject.type is SubjectType.LESION
        assert measurement.subject.name == "L01"
        assert measurement.timepoint == WHEN
        assert measurement.inputs == FROM
        assert measurement.uncertainty.standard is None
        assert measurement.uncertainty.basis.startswith(("no repeatability", "the error of"))
    assert "drawn by hand" in _of(found, VOLUME).uncertainty.basis


def test_without_a_liver_reference_only_the_ratio_is_absent() -> None:
    grid = a_pet_grid()
    ball = a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=12.0)

    found = measure_lesion(
        an_suv(grid, 2.0),
        a_lesion(ball),
        None,
        subject_participant=WHO,
        timepoint=WHEN,
        inputs=FROM,
    )

    ratio = _of(found, LESION_TO_LIVER_RATIO)
    assert (ratio.value, ratio.absent) == (None, "there is no liver reference")
    assert [m.kind for m in found if m.value is None] == [LESION_TO_LIVER_RATIO]


@given(scale=st.floats(0.01, 1000.0), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_scaling_the_suv_scales_suv_measures_and_leaves_the_volume(scale: float, seed: int) -> None:
    grid = a_pet_grid((16, 16, 16))
    values = np.random.default_rng(seed).uniform(1.0, 2.0, grid.shape)
    ball = a_ball(grid, at_mm=(3.0, 0.0, -4.0), radius_mm=14.0)
    before = _measured(an_suv(grid, values), ball)

    after = _measured(an_suv(grid, values * scale), ball, liver_mean=5.0 * scale)

    for kind in (SUV_MAXIMUM, SUV_MEAN, SUV_PEAK, TOTAL_LESION_SSTR):
        assert _value(after, kind) == pytest.approx(scale * _value(before, kind), rel=1e-12)
    for kind in (VOLUME, LESION_TO_LIVER_RATIO):
        assert _value(after, kind) == pytest.approx(_value(before, kind), rel=1e-12)


@given(seed=st.integers(0, 1000), axis=st.integers(0, 2), axes=st.permutations((0, 1, 2)))
@settings(max_examples=20, deadline=None)
def test_the_order_in_which_voxels_are_stored_changes_nothing(
    seed: int, axis: int, axes: list[int]
) -> None:
    """Sums are rounded once, so all but the sampled peak are equal to the last bit."""
    grid = a_pet_grid((14, 15, 16), spacing_mm=(3.0, 4.0, 5.0), turned_deg=15.0)
    suv = an_suv(grid, np.random.default_rng(seed).uniform(1.0, 2.0, grid.shape))
    ball = a_ball(grid, at_mm=(3.0, 0.0, -4.0), radius_mm=14.0)

    i, j, k = axes
    here = _measured(*permuted(*flipped(suv, ball, axis=axis), axes=(i, j, k)))

    there = _measured(suv, ball)
    for kind in (SUV_MAXIMUM, SUV_MEAN, LESION_TO_LIVER_RATIO):
        assert _value(here, kind) == _value(there, kind)
    for kind in (VOLUME, TOTAL_LESION_SSTR):
        assert _value(here, kind) == pytest.approx(_value(there, kind), rel=1e-12)
    # A sampling point on the sphere itself may fall to either side of it.
    assert _value(here, SUV_PEAK) == pytest.approx(_value(there, SUV_PEAK), rel=1e-4)


@given(
    seed=st.integers(0, 1000),
    shift=st.tuples(st.integers(-4, 4), st.integers(-4, 4), st.integers(-4, 4)),
)
@settings(max_examples=20, deadline=None)
def test_moving_a_lesion_by_whole_voxels_changes_nothing(
    seed: int, shift: tuple[int, int, int]
) -> None:
    grid = a_pet_grid((22, 22, 22))
    ball = a_ball(grid, at_mm=(2.0, 2.0, 2.0), radius_mm=11.0)
    spot = np.random.default_rng(seed).uniform(1.0, 2.0, grid.shape)
    values = np.where(ball.inside, spot, 1.0)

    there = _measured(an_suv(grid, values), ball)
    here = _measured(
        an_suv(grid, np.roll(values, shift, axis=(0, 1, 2))),
        Mask(np.roll(ball.inside, shift, axis=(0, 1, 2)), grid),
    )

    assert [m.value for m in here] == [m.value for m in there]


def test_the_burden_sums_volumes_and_tl_sstr_over_lesions() -> None:
    """27 voxels of SUV 10 and 8 of SUV 5, each of 0.064 mL."""
    grid = a_pet_grid()
    values = np.ones(grid.shape)
    values[2:5, 2:5, 2:5] = 10.0
    values[10:12, 10:12, 10:12] = 5.0
    lesions = [a_lesion(Mask(values == 10.0, grid)), a_lesion(Mask(values == 5.0, grid), "L02")]

    found = _burden(an_suv(grid, values), lesions)

    assert _value(found, SSTR_TUMOR_VOLUME) == pytest.approx(35 * 0.064)
    assert _value(found, TOTAL_LESION_SSTR) == pytest.approx((27 * 10.0 + 8 * 5.0) * 0.064)
    assert _value(found, LESION_COUNT) == 2.0
    assert {measurement.subject.type for measurement in found} == {SubjectType.PARTICIPANT}


@given(order=st.permutations(range(5)), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_lesions_does_not_change_the_burden(order: list[int], seed: int) -> None:
    grid = a_pet_grid((20, 6, 6))
    suv = an_suv(grid, np.random.default_rng(seed).uniform(0.1, 9.0, grid.shape))
    i = np.indices(grid.shape)[0]
    lesions = [a_lesion(Mask(i // 4 == n, grid), f"L{n:02d}") for n in range(5)]

    assert _burden(suv, [lesions[n] for n in order]) == _burden(suv, lesions)


def test_without_lesions_the_burden_is_zero() -> None:
    found = _burden(an_suv(a_pet_grid()), [])

    assert [measurement.value for measurement in found] == [0.0, 0.0, 0.0]


def test_the_reference_is_measured_as_the_liver() -> None:
    liver = a_liver_reference(a_pet_grid(), mean=4.8, standard_deviation=0.6)

    found = measure_reference(liver, subject_participant=WHO, timepoint=WHEN, inputs=FROM)

    assert _value(found, SUV_MEAN) == 4.8
    assert _value(found, SUV_STANDARD_DEVIATION) == 0.6
    for measurement in found:
        assert (measurement.subject.type, measurement.subject.name) == (SubjectType.ORGAN, "liver")
        assert "correlated" in measurement.uncertainty.basis


def test_refuses_lesions_that_share_a_voxel_or_a_name() -> None:
    grid = a_pet_grid()
    one = a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=12.0)
    near = a_ball(grid, at_mm=(8.0, 0.0, 0.0), radius_mm=12.0)
    far = a_ball(grid, at_mm=(30.0, 0.0, 0.0), radius_mm=8.0)
    with pytest.raises(DataError, match="L02 shares its name or voxels"):
        _burden(an_suv(grid), [a_lesion(one), a_lesion(near, "L02")])
    with pytest.raises(DataError, match="L01 shares its name or voxels"):
        _burden(an_suv(grid), [a_lesion(one), a_lesion(far)])


def test_refuses_activity_concentration_in_place_of_suv() -> None:
    grid = a_pet_grid()
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    becquerels = Volume(np.ones(grid.shape), grid, ACTIVITY_CONCENTRATION, noon)
    with pytest.raises(DataError, match="SUV_BODY_WEIGHT, got ACTIVITY_CONCENTRATION"):
        _measured(becquerels, everywhere(grid))
    with pytest.raises(DataError, match="got MR_SIGNAL"):
        _burden(Volume(np.ones(grid.shape), grid, MR_SIGNAL), [])


def test_refuses_a_lesion_with_a_value_that_is_not_a_number() -> None:
    grid = a_pet_grid()
    values = np.ones(grid.shape)
    values[12, 12, 12] = np.inf
    with pytest.raises(DataError, match=r"not a finite number in 1 of \d+ voxels of lesion L01"):
        _measured(an_suv(grid, values), a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=12.0))


def test_refuses_a_lesion_without_voxels() -> None:
    grid = a_pet_grid()
    with pytest.raises(DataError, match="lesion L01 holds no voxel"):
        _measured(an_suv(grid), Mask(np.zeros(grid.shape, dtype=np.bool_), grid))


def test_refuses_a_lesion_or_liver_of_another_grid() -> None:
    grid, other = a_pet_grid(), a_pet_grid((23, 24, 24))
    with pytest.raises(GridMismatchError, match="lesion L01"):
        _measured(an_suv(grid), everywhere(other))
    with pytest.raises(GridMismatchError, match="liver reference"):
        measure_lesion(
            an_suv(grid),
            a_lesion(everywhere(grid)),
            a_liver_reference(other),
            subject_participant=WHO,
            timepoint=WHEN,
            inputs=FROM,
        )
