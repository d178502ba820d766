"""Activity of a region at its scan, decayed once, with the uncertainty its outline brings."""

import functools
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.domain.administration import Administration
from operandi.domain.mask import Mask
from operandi.domain.measurement import Uncertainty
from operandi.domain.volume import Volume
from operandi.imaging.dicom.assemble import Stack, assemble
from operandi.imaging.dicom.index import Index, index_dicom
from operandi.imaging.dicom.structure_set import rasterize, read_structure_set
from operandi.imaging.pet.concentration import AmbiguousReferenceError
from operandi.imaging.pet.declaration import NOTHING_RECORDED, Declaration
from operandi.imaging.pet.injection import administration_of
from operandi.imaging.spect.counts import CountImage
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import COUNTS
from operandi.quantities.nuclides import GA68, LU177
from operandi.therapy.activity import (
    ActivityMeasurement,
    FractionalRegion,
    NotRecovered,
    Outline,
    QuantifiedScan,
    activity_in,
    decayed_to,
    quantify,
    read_concentration,
)
from operandi.therapy.calibration import Calibration, CameraSetup, DeadTime, DeadTimeModel
from operandi.therapy.delineation import blurred_share, density_at
from operandi.therapy.recovery import RecoveryCurve
from tests.builders import NOON, a_grid, a_volume
from tests.shared_data import needs_shared_data, published, unpacked

DAY = timedelta(days=1)
LARGE = NotRecovered("large region")
GRID = a_grid((12, 12, 12), spacing_mm=(4.0, 4.0, 4.0))
SETUP = CameraSetup(
    camera="21211",
    collimator="MEHRS",
    windows_kev=((187.2, 228.8),),
    heads=2,
    fwhm_mm=9.0,
)
CALIBRATION = Calibration(
    nuclide=LU177, setup=SETUP, cps_per_mbq=9.0, uncertainty=Uncertainty(0.18, "phantom")
)
CURVE = RecoveryCurve(
    b1_ml=2.0,
    b2=1.1,
    covariance=np.array([[4e-4, 1e-4], [1e-4, 9e-4]]),
    fitted_ml=(0.5, 30.0),
    source="six spheres",
)


def a_scan(
    *,
    value: Any = 1e6,
    at: datetime = NOON,
    scanned_at: datetime | None = None,
    calibration: Uncertainty | None = None,
    fwhm_mm: float = 9.0,
) -> QuantifiedScan:
    return QuantifiedScan(
        volume=a_volume(value=value, grid=GRID, at=at),
        scanned_at=scanned_at or at,
        nuclide=LU177,
        half_life_s=LU177.half_life_s,
        calibration=calibration or Uncertainty(0.03, "phantom"),
        fwhm_mm=fwhm_mm,
    )


def a_mask(*, side: int = 6) -> Mask:
    inside = np.zeros(GRID.shape, np.bool_)
    inside[:side, :side, :side] = True
    return Mask(inside, GRID)


def an_outline(region: Mask | FractionalRegion | None = None) -> Outline:
    return Outline(region=region or a_mask(), fwhm_mm=3.0)


def given_at(at: datetime, *, nuclide: Any = LU177) -> Administration:
    return Administration(nuclide, 7.4e9, at, nuclide.half_life_s)


def measured(scan: QuantifiedScan | None = None, **changes: Any) -> ActivityMeasurement:
    arguments: dict[str, Any] = {
        "outline": an_outline(),
        "administration": given_at(NOON - DAY),
        "recovery": CURVE,
    }
    arguments |= changes
    return activity_in(scan or a_scan(), arguments.pop("outline"), **arguments)


# --- activity ---------------------------------------------------------------------------------


def test_a_cube_of_one_concentration_by_hand() -> None:
    """216 voxels of 0.064 mL hold 13.824 mL; at 1 MBq/mL 13.824 MBq, one day after."""
    found = measured(recovery=LARGE)

    assert found.volume_ml == pytest.approx(13.824)
    assert found.activity_bq == pytest.approx(13.824e6)
    assert found.time_s == 86_400.0
    assert found.recovery == 1.0
    assert found.notes == ("not corrected for recovery: large region",)


def test_recovery_divides_the_activity() -> None:
    found = measured()

    coefficient = 1.0 - 1.0 / (1.0 + (13.824 / 2.0) ** 1.1)
    assert found.recovery == pytest.approx(coefficient)
    assert found.activity_bq == pytest.approx(13.824e6 / coefficient)


def test_voxels_in_part_count_in_part() -> None:
    fractions = np.where(a_mask().inside, 0.5, 0.0)

    found = measured(outline=an_outline(FractionalRegion(fractions, GRID)), recovery=LARGE)

    assert found.volume_ml == pytest.approx(6.912)
    assert found.activity_bq == pytest.approx(6.912e6)


def test_whole_fractions_are_the_mask() -> None:
    values = np.random.default_rng(3).uniform(0.5e6, 2e6, GRID.shape)
    region = FractionalRegion(a_mask().inside.astype(float), GRID)

    one, other = (
        measured(a_scan(value=values)),
        measured(a_scan(value=values), outline=an_outline(region)),
    )

    assert one.activity_bq == pytest.approx(other.activity_bq, rel=1e-6)
    assert one.standard_uncertainty_bq == pytest.approx(other.standard_uncertainty_bq, rel=1e-6)


def test_values_at_the_injection_are_decayed_to_the_scan() -> None:
    """A half-life after the injection half is left; the stored values are those of the start."""
    later = NOON + timedelta(seconds=LU177.half_life_s)
    scan = a_scan(at=NOON, scanned_at=later)

    found = measured(scan, administration=given_at(NOON), recovery=LARGE)

    assert found.activity_bq == pytest.approx(13.824e6 / 2.0)
    assert found.time_s == pytest.approx(LU177.half_life_s)


@given(st.floats(-200.0, 200.0), st.floats(-200.0, 200.0))
def test_moving_the_reference_changes_no_activity(first_h: float, second_h: float) -> None:
    """However often a volume is decayed, its reference moves along and the scan reads the same."""
    scan = a_scan()
    moved = scan.volume
    for hours in (first_h, second_h):
        moved = decayed_to(moved, NOON + timedelta(hours=hours), half_life_s=LU177.half_life_s)

    once = measured(replace(scan, volume=moved), administration=given_at(NOON))

    assert once.activity_bq == pytest.approx(
        measured(administration=given_at(NOON)).activity_bq, rel=1e-5
    )


def test_decaying_twice_to_one_instant_does_nothing_more() -> None:
    volume, later = a_scan().volume, NOON + 7 * DAY

    once = decayed_to(volume, later, half_life_s=LU177.half_life_s)
    twice = decayed_to(once, later, half_life_s=LU177.half_life_s)

    assert once.decay_reference == later
    np.testing.assert_array_equal(once.values, twice.values)
    with pytest.raises(DataError, match="refers to no instant"):
        decayed_to(Volume(volume.values, GRID, COUNTS), later, half_life_s=1.0)


@given(st.floats(1e-3, 1e3))
def test_activity_and_uncertainty_scale_with_the_image(scale: float) -> None:
    one, other = measured(), measured(a_scan(value=1e6 * scale))

    assert other.activity_bq == pytest.approx(scale * one.activity_bq, rel=1e-5)
    assert one.standard_uncertainty_bq is not None
    assert other.standard_uncertainty_bq == pytest.approx(
        scale * one.standard_uncertainty_bq, rel=1e-5
    )


# --- uncertainty ------------------------------------------------------------------------------


def test_the_law_is_that_of_sampled_outlines_curves_and_calibrations() -> None:
    """A sphere of 10 mL blurred by 9 mm: outline, b1, b2 and Q drawn 40 000 times.

    The curve passes through what blurring leaves of the sphere. Uncertainties are small, so that
    the law, which is linear, can hold; seed fixed.
    """
    random = np.random.default_rng(5)
    volume_ml, fwhm, q = 10.0, 9.0, 0.02
    radius = (3e3 * volume_ml / (4 * math.pi)) ** (1 / 3)
    radii = np.linspace(0.0, 3.0 * radius, 3001)
    density = np.array([density_at(x, sphere_mm=radius, fwhm_mm=fwhm) for x in radii])
    grid = a_grid((41, 41, 41), spacing_mm=(1.0, 1.0, 1.0))
    distance = np.sqrt(((np.indices(grid.shape) - 20.0) ** 2).sum(axis=0))
    fractions = np.clip(radius - distance + 0.5, 0.0, 1.0)
    scan = QuantifiedScan(
        volume=a_volume(value=1e6 * np.interp(distance, radii, density), grid=grid),
        scanned_at=NOON,
        nuclide=LU177,
        half_life_s=LU177.half_life_s,
        calibration=Uncertainty(q, "phantom"),
        fwhm_mm=fwhm,
    )
    share = blurred_share(volume_ml, fwhm_mm=fwhm)
    b1 = volume_ml * (1 / share - 1) ** (1 / 1.1)
    curve = replace(CURVE, b1_ml=b1)

    outline = Outline(region=FractionalRegion(fractions, grid), fwhm_mm=0.5)
    found = measured(scan, outline=outline, recovery=curve)

    assert found.activity_bq == pytest.approx(1e6 * volume_ml, rel=0.01)
    shells = 4 * math.pi * radii**2 * density / 1e3
    cumulative = np.concatenate([[0.0], np.cumsum((shells[1:] + shells[:-1]) / 2 * np.diff(radii))])
    volumes = random.normal(volume_ml, found.volume_uncertainty.total_ml, 40_000)
    counts = np.interp((3e3 * volumes / (4 * math.pi)) ** (1 / 3), radii, cumulative)
    b = random.multivariate_normal((b1, 1.1), curve.covariance, 40_000)
    recovery = 1 - 1 / (1 + (volumes / b[:, 0]) ** b[:, 1])
    sampled = 1e6 * counts / recovery / (1 + random.normal(0.0, q, 40_000))
    assert found.standard_uncertainty_bq == pytest.approx(sampled.std(), rel=0.03)
    assert found.covariance_bq_ml == pytest.approx(np.cov(sampled, volumes)[0, 1], rel=0.05)


def test_uncertainty_joins_its_parts() -> None:
    found = measured(noise_relative=0.01)

    assert found.calibration_relative == 0.03
    assert found.noise_relative == 0.01
    shared = math.hypot(0.03, found.recovery_relative, 0.01)
    moved = found.activity_per_volume_bq_ml * found.volume_uncertainty.total_ml
    assert found.standard_uncertainty_bq == pytest.approx(
        math.hypot(found.activity_bq * shared, moved)
    )
    assert found.covariance_bq_ml == pytest.approx(moved * found.volume_uncertainty.total_ml)
    assert "recovery" in found.basis


def test_noise_left_out_is_said() -> None:
    assert "image noise left out" in measured().basis
    assert "image noise left out" not in measured(noise_relative=0.02).basis


def test_a_moved_edge_counts_less_where_recovery_follows_it() -> None:
    """A larger outline takes counts in and has more recovery: the two partly cancel."""
    curve = replace(CURVE, covariance=np.zeros((2, 2)))

    with_curve, without = measured(recovery=curve), measured(recovery=LARGE)

    share = with_curve.activity_per_volume_bq_ml / with_curve.activity_bq
    assert 0 < share < without.activity_per_volume_bq_ml / without.activity_bq


def test_without_a_curve_the_edge_weighs_by_what_blurring_leaves() -> None:
    found = measured(recovery=LARGE)

    radius = (3e3 * found.volume_ml / (4 * math.pi)) ** (1 / 3)
    edge = density_at(radius, sphere_mm=radius, fwhm_mm=9.0)
    expected = edge / blurred_share(found.volume_ml, fwhm_mm=9.0)
    assert found.activity_per_volume_bq_ml == pytest.approx(
        found.activity_bq * expected / found.volume_ml
    )


def test_what_blur_leaves_outside_is_the_uncertainty_of_an_unrecovered_region() -> None:
    """Recovery of 1 without uncertainty would say that 13.8 mL lose nothing; they lose a third."""
    found = measured(recovery=LARGE)

    lost = 1.0 - blurred_share(found.volume_ml, fwhm_mm=9.0)
    assert lost > 0.3
    assert found.recovery == 1.0
    assert found.recovery_relative == pytest.approx(lost)
    assert found.standard_uncertainty_bq is not None
    assert found.standard_uncertainty_bq > lost * found.activity_bq
    assert "one-sided" in found.basis


def test_voxels_of_the_outline_and_noise_are_the_scans_own() -> None:
    found = measured(noise_relative=0.01)

    assert found.own_uncertainty_bq == pytest.approx(
        math.hypot(
            0.01 * found.activity_bq,
            found.activity_per_volume_bq_ml * found.volume_uncertainty.voxel_ml,
        )
    )


def test_an_unknown_calibration_uncertainty_is_carried_with_its_reason() -> None:
    found = measured(a_scan(calibration=Uncertainty(None, "the manufacturer states none")))

    assert found.standard_uncertainty_bq is None
    assert found.basis == "calibration: the manufacturer states none"
    assert found.recovery_relative > 0


def test_a_volume_beyond_the_spheres_is_flagged() -> None:
    found = measured(recovery=replace(CURVE, fitted_ml=(0.5, 10.0)))

    assert "extrapolated beyond the largest sphere measured, 10 mL" in found.notes[0]


# --- refusals ---------------------------------------------------------------------------------


def test_refuses_a_scan_before_the_administration() -> None:
    with pytest.raises(DataError, match="lies after the scan"):
        measured(administration=given_at(NOON + DAY))


def test_refuses_a_scan_long_after_the_administration() -> None:
    with pytest.raises(DataError, match="before the scan; at most"):
        measured(administration=given_at(NOON - 100 * DAY))


def test_refuses_another_nuclide_than_was_administered() -> None:
    with pytest.raises(DataError, match="68Ga was administered, but the scan is of 177Lu"):
        measured(administration=given_at(NOON - DAY, nuclide=GA68))


@pytest.mark.parametrize("value", [-1.0, 0.0])
def test_refuses_activity_that_is_not_positive(value: float) -> None:
    with pytest.raises(DataError, match=r"region's activity is .*; needed > 0"):
        measured(a_scan(value=value))


def test_refuses_an_empty_region_and_another_grid() -> None:
    empty = Mask(np.zeros(GRID.shape, np.bool_), GRID)
    with pytest.raises(DataError, match="holds no voxel"):
        measured(outline=an_outline(empty))
    elsewhere = a_grid((12, 12, 12), spacing_mm=(4.0, 4.0, 4.0), origin_mm=(0.0, 0.0, 0.0))
    with pytest.raises(GridMismatchError):
        measured(outline=an_outline(Mask(a_mask().inside.copy(), elsewhere)))


def test_refuses_counts_without_calibration() -> None:
    counts = Volume(np.ones(GRID.shape, np.float32), GRID, COUNTS)

    with pytest.raises(DataError, match="Counts need a calibration"):
        replace(a_scan(), volume=counts)


def test_refuses_noise_resolution_and_fractions_that_cannot_be() -> None:
    with pytest.raises(DataError, match="noise_relative is -1"):
        measured(noise_relative=-1.0)
    with pytest.raises(DataError, match="resolution is -1"):
        a_scan(fwhm_mm=-1.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        FractionalRegion(np.full(GRID.shape, 1.5), GRID)
    with pytest.raises(ValueError, match="between 0 and 1"):
        FractionalRegion(np.full(GRID.shape, math.nan), GRID)
    with pytest.raises(ValueError, match="needs its reason"):
        NotRecovered("")


# --- counts -----------------------------------------------------------------------------------


def counts_image(**changes: Any) -> CountImage:
    image = CountImage(
        volume=Volume(np.full(GRID.shape, 864.0, np.float32), GRID, COUNTS),
        started_at=NOON,
        corrected_to=None,
        projection_time_s=1500.0,
        nuclide=LU177,
        half_life_s=LU177.half_life_s,
        camera="21211",
        collimator="MEHRS",
        windows_kev=((187.2, 228.8),),
        evidence=("counts",),
    )
    return replace(image, **changes)


def test_counts_become_activity_concentration_by_hand() -> None:
    """864 counts in 1500 s at 9 cps/MBq are 64 kBq in 0.064 mL: 1 MBq/mL."""
    scan = quantify(counts_image(), CALIBRATION)

    np.testing.assert_allclose(scan.volume.values, 1e6, rtol=1e-6)
    # Two heads share 1500 s of projections: 750 s, whose mean is a hair before the middle.
    assert scan.volume.decay_reference is not None
    delay_s = (scan.volume.decay_reference - NOON).total_seconds()
    assert 374.9 < delay_s < 375.0
    assert scan.scanned_at == scan.volume.decay_reference
    assert scan.calibration.standard == pytest.approx(0.02)


def test_counts_corrected_to_the_injection_refer_to_it_and_scan_at_their_start() -> None:
    scan = quantify(counts_image(corrected_to=NOON - DAY), CALIBRATION)

    assert scan.volume.decay_reference == NOON - DAY
    assert scan.scanned_at == NOON
    found = measured(scan, recovery=LARGE)
    half_lives = 86_400.0 / LU177.half_life_s
    assert found.activity_bq == pytest.approx(13.824e6 * 2.0**-half_lives)


def test_dead_time_raises_activity_and_uncertainty() -> None:
    dead = DeadTime(model=DeadTimeModel.NON_PARALYZABLE, tau_s=1e-6, standard_uncertainty_s=1e-7)

    scan = quantify(counts_image(), CALIBRATION, dead_time=dead, observed_rate_cps=1e5)

    np.testing.assert_allclose(scan.volume.values, 1e6 / 0.9, rtol=1e-6)
    assert scan.calibration.standard == pytest.approx(math.hypot(0.02, 1e5 / 0.9 * 1e-7))


def test_refuses_counts_of_unknown_duration_until_it_is_given() -> None:
    silent = counts_image(projection_time_s=None)

    with pytest.raises(DataError, match=r"counts are no rate.*projection_time_s"):
        quantify(silent, CALIBRATION)
    scan = quantify(silent, CALIBRATION, projection_time_s=1500.0)
    np.testing.assert_allclose(scan.volume.values, 1e6, rtol=1e-6)
    for wrong in (-1.0, math.nan):
        with pytest.raises(DataError, match="needed > 0"):
            quantify(silent, CALIBRATION, projection_time_s=wrong)


def test_refuses_a_duration_that_contradicts_the_header() -> None:
    """Half of it: the time of one head."""
    with pytest.raises(DataError, match="took 1500 s together, but projection_time_s is 750 s"):
        quantify(counts_image(), CALIBRATION, projection_time_s=750.0)


def test_refuses_the_calibration_of_another_camera() -> None:
    with pytest.raises(DataError, match="camera is 9, the calibration's 21211"):
        quantify(counts_image(camera="9"), CALIBRATION)


# --- a real patient ---------------------------------------------------------------------------

INJECTED_AT = datetime(2018, 11, 15, 9, 22, tzinfo=UTC)
VENDOR = Uncertainty(None, "xSPECT; the manufacturer's calibration states no uncertainty")
To = Literal["injection", "scan start"]


@functools.cache
def index_of(day: int) -> Index:
    return index_dicom(unpacked(f"dosimetry/lu177_dotatate_spect_day{day}_dicom.tar.xz"))


@functools.cache
def stack_of(day: int) -> Stack:
    (series,) = [one for one in index_of(day).series if one.modality == "PT"]
    (stack,) = assemble(series)
    return stack


@functools.cache
def lesion_of(day: int, name: str) -> Mask:
    (drawn,) = [one for one in index_of(day).series if one.modality == "RTSTRUCT"]
    contours = read_structure_set(drawn.instances[0].file.path)
    (outline,) = [one for one in contours if one.name == name]
    return rasterize(outline, stack_of(day).grid)


def real_activity(day: int, name: str, to: To) -> ActivityMeasurement:
    declared = Declaration(decay_corrected_to=to)
    stack = stack_of(day)
    # The resolution is not stated in the data; it enters the uncertainty alone.
    scan = read_concentration(stack, zone=UTC, calibration=VENDOR, fwhm_mm=10.0, declared=declared)
    administration, _ = administration_of(
        stack.headers,
        scan=scan.scanned_at,
        recorded=NOTHING_RECORDED,
        declared=declared,
        zone=UTC,
    )
    outline = Outline(region=lesion_of(day, name), fwhm_mm=1.5)
    return activity_in(
        scan,
        outline,
        administration=administration,
        recovery=NotRecovered("no phantom of this scanner is published"),
    )


@functools.cache
def reference() -> dict[str, Any]:
    path = published("dosimetry/lu177_dotatate_spect_day0_reference.json")
    content: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return content["SCAN_001"]


LESIONS = ["lesion1 liver R lobe", "lesion2 liver L lateral"]


@needs_shared_data
@pytest.mark.real_data
@pytest.mark.parametrize("lesion", LESIONS)
def test_day_0_agrees_with_the_reference(lesion: str) -> None:
    found = real_activity(0, lesion, "scan start")

    answer = reference()[lesion]
    assert found.volume_ml == pytest.approx(answer["volume_mL"], rel=0.03)
    mean = found.activity_bq / found.volume_ml
    assert mean == pytest.approx(answer["mean_Bq_mL"], rel=0.03)
    assert found.activity_bq / 1e6 == pytest.approx(answer["activity_MBq"], rel=1e-4)
    assert found.time_s / 3600 == pytest.approx(reference()["hours_post_injection"], abs=1e-3)
    assert found.standard_uncertainty_bq is None


@needs_shared_data
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("day", "lesion", "volume_ml", "as_stored_mbq", "hours"),
    [
        (0, LESIONS[0], 107.0210, 122.2757, 3.7412),
        (0, LESIONS[1], 2.8610, 4.2193, 3.7412),
        (1, LESIONS[0], 107.9001, 156.1104, 27.7255),
        (1, LESIONS[1], 2.9057, 6.2735, 27.7255),
    ],
)
def test_both_days_give_activities_under_both_declarations(
    day: int, lesion: str, volume_ml: float, as_stored_mbq: float, hours: float
) -> None:
    """Values meant at the injection are decayed to the scan: by 1.6 % on day 0, 11.3 % on day 1.

    Day 1 was measured here once, from its own structure set; no reference is published.
    """
    at_scan = real_activity(day, lesion, "scan start")
    at_injection = real_activity(day, lesion, "injection")

    assert at_scan.volume_ml == pytest.approx(volume_ml, abs=1e-4)
    assert at_scan.activity_bq / 1e6 == pytest.approx(as_stored_mbq, abs=1e-4)
    assert at_scan.time_s / 3600 == pytest.approx(hours, abs=1e-4)
    assert at_injection.time_s == at_scan.time_s
    decay = 2.0 ** -(hours * 3600 / 574_300)
    assert at_injection.activity_bq == pytest.approx(at_scan.activity_bq * decay, rel=1e-6)


@needs_shared_data
@pytest.mark.real_data
@pytest.mark.parametrize("day", [0, 1])
def test_refuses_a_real_scan_until_the_instant_is_declared(day: int) -> None:
    with pytest.raises(AmbiguousReferenceError, match="Declare decay_corrected_to"):
        read_concentration(stack_of(day), zone=UTC, calibration=VENDOR, fwhm_mm=10.0)


@needs_shared_data
@pytest.mark.real_data
def test_a_region_of_one_day_does_not_fit_the_other() -> None:
    """The two days have frames of reference of their own."""
    declared = Declaration(decay_corrected_to="scan start")
    scan = read_concentration(
        stack_of(1), zone=UTC, calibration=VENDOR, fwhm_mm=10.0, declared=declared
    )
    outline = Outline(region=lesion_of(0, LESIONS[0]), fwhm_mm=1.5)

    with pytest.raises(GridMismatchError):
        activity_in(scan, outline, administration=given_at(INJECTED_AT), recovery=LARGE)
