"""Extraction: everything in its place, shared work without a trace in the numbers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.identity import Digest, Pseudonym, TimepointCode
from operandi.domain.mask import Mask
from operandi.domain.measurement import Subject, SubjectType, Uncertainty
from operandi.imaging.radiomics.batch import Job, extract_many
from operandi.imaging.radiomics.extract import (
    Extraction,
    Recipe,
    extract,
    extract_filtered,
    extract_recipes,
)
from operandi.imaging.radiomics.filters.apply import Filter, response
from operandi.imaging.radiomics.filters.boundary import Boundary
from operandi.imaging.radiomics.filters.extent import Extent
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import LaplacianOfGaussianFilter
from operandi.imaging.radiomics.filters.nonseparable_wavelets import (
    NonseparableFamily,
    NonseparableWaveletFilter,
)
from operandi.imaging.radiomics.filters.wavelets import WaveletFilter
from operandi.imaging.radiomics.measurements import UNKNOWN, as_measurements, kind_of, unit_of
from operandi.imaging.radiomics.names import FEATURE_NAMES, TEXTURE, FeatureFamily
from operandi.imaging.radiomics.reference_settings import DIGITAL_PHANTOM
from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    FixedBinSize,
    Interpolation,
)
from operandi.imaging.radiomics.settings_file import filters_named
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import SUV_BODY_WEIGHT
from tests.builders import a_grid, a_volume

SPACING_MM = (2.0, 2.0, 2.0)
EIGHT_BINS = replace(
    DIGITAL_PHANTOM,
    discretization=FixedBinNumber(bins=8),
    volume_histogram=FixedBinNumber(bins=100),
)
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def a_lesion(*, shape: tuple[int, int, int] = (30, 28, 26), seed: int = 1) -> tuple[Floats, Bools]:
    at = np.indices(shape) - (np.array(shape).reshape(3, 1, 1, 1) - 1) / 2
    values = np.random.default_rng(seed).normal(10.0, 2.0, shape) + np.cos(at[0] / 3)
    return values, np.sqrt((at**2).sum(axis=0)) < 5.3


def a_log(sigma_mm: float = 2.0, boundary: Boundary = Boundary.MIRROR) -> LaplacianOfGaussianFilter:
    return LaplacianOfGaussianFilter(extent=Extent.VOLUME, sigma_mm=sigma_mm, boundary=boundary)


def a_band(band: str) -> WaveletFilter:
    return WaveletFilter(
        extent=Extent.VOLUME,
        family="db2",
        band=band,
        boundary=Boundary.MIRROR,
        level=1,
        pooling=None,
    )


def values_of(extraction: Extraction) -> dict[str, float | None]:
    return {feature.tag: feature.value for feature in extraction.features}


# --- what comes out ------------------------------------------------------------------------------


def test_all_features_come_in_the_order_of_the_standard() -> None:
    image, mask = a_lesion()

    found = extract((image, SPACING_MM), mask, EIGHT_BINS)

    assert [feature.tag for feature in found.features] == list(FEATURE_NAMES)
    assert [feature.tag for feature in found.features if feature.value is None] == []
    assert found.diagnostics is not None
    assert found.diagnostics.intensity_voxels == np.count_nonzero(mask)
    assert found.diagnostics.morphology_voxels == np.count_nonzero(mask)
    assert found.diagnostics.mean == pytest.approx(found.value("stat_mean"))
    assert found.recipe.digest == EIGHT_BINS.digest


def test_a_family_alone_is_the_same_as_among_all() -> None:
    image, mask = a_lesion()
    everything = values_of(extract((image, SPACING_MM), mask, EIGHT_BINS))

    for family in FeatureFamily:
        alone = extract((image, SPACING_MM), mask, EIGHT_BINS, families=[family])
        tags = [tag for tag, name in FEATURE_NAMES.items() if name.family is family]
        assert values_of(alone) == {tag: everything[tag] for tag in tags}


def test_volumes_and_arrays_give_the_same() -> None:
    image, mask = a_lesion()
    grid = a_grid(image.shape, spacing_mm=SPACING_MM)
    volume = a_volume(value=image, grid=grid, kind=SUV_BODY_WEIGHT)

    from_volume = extract(volume, Mask(mask, grid), EIGHT_BINS)

    single = image.astype(np.float32)
    assert from_volume == extract((single, SPACING_MM), mask, EIGHT_BINS)


def test_asking_for_what_was_not_extracted_is_an_error() -> None:
    image, mask = a_lesion()
    found = extract((image, SPACING_MM), mask, EIGHT_BINS, families=[FeatureFamily.STATISTICS])

    with pytest.raises(KeyError, match="cm_contrast"):
        found.value("cm_contrast")


# --- shared work ---------------------------------------------------------------------------------


def test_recipes_together_equal_each_alone() -> None:
    image, mask = a_lesion()
    coarse = replace(EIGHT_BINS, discretization=FixedBinSize(width=1.5, start=0.0))
    resampled = replace(EIGHT_BINS, spacing_mm=(3.0, 3.0, 3.0), interpolation=Interpolation.CUBIC)
    recipes = [
        Recipe(EIGHT_BINS),
        Recipe(resampled),
        Recipe(coarse),
        *(Recipe(replace(EIGHT_BINS, dimension=each)) for each in Dimension),
        Recipe(EIGHT_BINS, a_log()),
        Recipe(resampled, a_band("LLH")),
        Recipe(resampled, a_band("HHH")),
        Recipe(replace(EIGHT_BINS, discretization=FixedBinNumber(bins=5)), a_log()),
    ]

    together = extract_recipes((image, SPACING_MM), mask, recipes)

    for recipe, found in zip(recipes, together, strict=True):
        (alone,) = extract_recipes((image, SPACING_MM), mask, [recipe])
        assert found.recipe is recipe
        for tag, value in values_of(alone).items():
            assert found.value(tag) == pytest.approx(value, rel=1e-10, abs=1e-12), tag


WHOLE_IMAGE = NonseparableWaveletFilter(
    extent=Extent.VOLUME,
    family=NonseparableFamily.SIMONCELLI,
    level=1,
    boundary=Boundary.PERIODIC,
)


@pytest.mark.parametrize(
    "filter_",
    [a_log(), a_log(boundary=Boundary.ZERO), a_log(boundary=Boundary.PERIODIC), WHOLE_IMAGE],
    ids=["mirror", "zero", "periodic", "whole image"],
)
@pytest.mark.parametrize("shift", [0, 9], ids=["middle", "edge"])
def test_filtering_near_the_lesion_equals_filtering_the_image(filter_: Filter, shift: int) -> None:
    image, mask = a_lesion()
    mask = np.roll(mask, -shift, axis=0)
    filtered = response(image, SPACING_MM, filter_)

    (near,) = extract_filtered((image, SPACING_MM), mask, EIGHT_BINS, [filter_])

    whole = extract((filtered, SPACING_MM), mask, EIGHT_BINS)
    for tag, value in values_of(near).items():
        assert whole.value(tag) == pytest.approx(value, rel=1e-7, abs=1e-9), tag


def test_a_response_is_resegmented_by_the_image_before_the_filter() -> None:
    """IBSI 2: the range is of intensities, not of responses."""
    image, mask = a_lesion()
    range_ = replace(EIGHT_BINS, lower=9.0, upper=12.0)

    (found,) = extract_filtered((image, SPACING_MM), mask, range_, [a_log()])

    kept = mask & (image >= 9.0) & (image <= 12.0)
    expected = response(image, SPACING_MM, a_log())[kept].mean()
    assert found.diagnostics is not None
    assert found.diagnostics.intensity_voxels == np.count_nonzero(kept)
    assert found.value("stat_mean") == pytest.approx(expected, rel=1e-12)


def test_a_filtered_image_has_no_morphology() -> None:
    image, mask = a_lesion()

    (found,) = extract_filtered((image, SPACING_MM), mask, EIGHT_BINS, [a_log()])

    assert len(found.features) == 174 - 29
    assert not any(feature.tag.startswith("morph_") for feature in found.features)
    assert found.recipe.digest != EIGHT_BINS.digest


# --- bad input -----------------------------------------------------------------------------------


def test_where_resegmentation_leaves_nothing_only_the_mask_has_features() -> None:
    image, mask = a_lesion()
    nothing = replace(EIGHT_BINS, lower=1e6)

    found = extract((image, SPACING_MM), mask, nothing)

    present = {feature.tag for feature in found.features if feature.value is not None}
    absent = [feature for feature in found.features if feature.value is None]
    assert present < {tag for tag in FEATURE_NAMES if tag.startswith("morph_")}
    assert {"morph_volume", "morph_diam"} <= present
    assert all(feature.absent for feature in absent)
    texture = {tag for tag, name in FEATURE_NAMES.items() if name.family in TEXTURE}
    assert texture <= {feature.tag for feature in absent}
    assert found.diagnostics is not None
    assert (found.diagnostics.levels, found.diagnostics.mean) == (0, None)


@pytest.mark.parametrize("dimension", Dimension)
def test_one_voxel_has_features_or_reasons(dimension: Dimension) -> None:
    image, _ = a_lesion()
    mask = np.zeros(image.shape, dtype=np.bool_)
    mask[15, 14, 13] = True

    found = extract((image, SPACING_MM), mask, replace(EIGHT_BINS, dimension=dimension))

    assert found.value("stat_mean") == image[15, 14, 13]
    assert found.value("stat_skew") is None or found.value("stat_skew") == 0.0
    assert found.value("cm_contrast") is None
    assert all(f.absent for f in found.features if f.value is None)


def test_a_constant_lesion_has_features_or_reasons() -> None:
    image, mask = a_lesion()
    flat = np.where(mask, 4.0, image)

    found = extract((flat, SPACING_MM), mask, EIGHT_BINS)

    assert found.value("stat_var") == 0.0
    assert found.value("cm_corr") is None


def test_an_anisotropic_image_refuses_the_filter_only() -> None:
    image, mask = a_lesion()
    recipes = [Recipe(EIGHT_BINS), Recipe(EIGHT_BINS, a_log())]

    plain, filtered = extract_recipes((image, (2.0, 2.0, 5.0)), mask, recipes)

    assert plain.value("stat_mean") is not None
    assert filtered.diagnostics is None
    assert {feature.value for feature in filtered.features} == {None}
    assert "voxels of one size" in filtered.features[0].absent


def test_no_value_around_the_lesion_takes_the_filters_only_that_reach_it() -> None:
    image, mask = a_lesion()
    image[4, 14, 13] = np.nan
    recipes = [Recipe(EIGHT_BINS), Recipe(EIGHT_BINS, a_log(4.0)), Recipe(EIGHT_BINS, a_log(0.5))]

    plain, wide, narrow = extract_recipes((image, SPACING_MM), mask, recipes)

    assert plain.value("stat_mean") is not None
    assert "finite" in wide.features[0].absent
    assert narrow.value("stat_mean") is not None


def test_refuses_a_mask_of_another_grid() -> None:
    image, mask = a_lesion()

    with pytest.raises(GridMismatchError, match="different grids"):
        extract((image, SPACING_MM), mask[1:], EIGHT_BINS)


def test_refuses_bins_of_a_response_that_start_at_the_range_of_the_image() -> None:
    from_range = replace(EIGHT_BINS, lower=0.0, discretization=FixedBinSize(width=0.5))

    with pytest.raises(DataError, match="start of its own"):
        Recipe(from_range, a_log())


def test_a_response_has_no_intensity_volume_histogram_by_unit() -> None:
    image, mask = a_lesion()
    by_unit = replace(EIGHT_BINS, volume_histogram=None)

    (found,) = extract_filtered((image, SPACING_MM), mask, by_unit, [a_log()])

    reasons = {f.absent for f in found.features if f.tag.startswith("ivh_")}
    assert reasons == {
        "a filtered image has no unit: its intensity-volume histogram needs a fixed bin number"
    }


# --- invariants ----------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(
    axes=st.permutations([0, 1, 2]),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    seed=st.integers(0, 5),
)
def test_turning_and_mirroring_a_lesion_changes_nothing(
    axes: list[int], flips: tuple[bool, bool, bool], seed: int
) -> None:
    image, mask = a_lesion(shape=(16, 15, 14), seed=seed)
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
    turned = np.ascontiguousarray(image.transpose(axes)[steps])
    turned_mask = np.ascontiguousarray(mask.transpose(axes)[steps])

    found = values_of(extract((image, SPACING_MM), mask, EIGHT_BINS))
    other = values_of(extract((turned, SPACING_MM), turned_mask, EIGHT_BINS))

    for tag, value in found.items():
        # The least box and the least ellipsoid are searched for, from starts along the axes.
        rel = 5e-3 if tag.endswith("_ombb") else 1e-6
        assert other[tag] == pytest.approx(value, rel=rel, abs=1e-9), tag


@settings(max_examples=6, deadline=None)
@given(factor=st.floats(0.01, 100.0), offset=st.floats(-50.0, 50.0))
def test_texture_by_a_bin_number_knows_neither_gain_nor_offset(
    factor: float, offset: float
) -> None:
    image, mask = a_lesion(shape=(16, 15, 14))
    families = sorted(TEXTURE | {FeatureFamily.INTENSITY_HISTOGRAM})
    # Halves and wholes, so that no level turns on rounding.
    image = np.round(image * 2) / 2
    coarse = replace(EIGHT_BINS, discretization=FixedBinNumber(bins=5))

    found = extract((image, SPACING_MM), mask, coarse, families=families)
    scaled = extract((image * factor + offset, SPACING_MM), mask, coarse, families=families)

    agree = sum(
        a.value == pytest.approx(b.value, rel=1e-9)
        for a, b in zip(found.features, scaled.features, strict=True)
    )
    assert agree == len(found.features) or _a_level_turned(image[mask], factor, offset)


def _a_level_turned(found: Floats, factor: float, offset: float) -> bool:
    """A value on the very edge of a bin falls to either side by rounding."""
    moved = found * factor + offset
    share, other = (5 * (x - x.min()) / np.ptp(x) for x in (found, moved))
    return bool((np.floor(share) != np.floor(other)).any())


# --- batch ---------------------------------------------------------------------------------------


def some_jobs(count: int = 5) -> list[Job]:
    jobs = []
    for number in range(count):
        image, mask = a_lesion(shape=(18, 17, 16), seed=number)
        recipes = (Recipe(EIGHT_BINS), Recipe(EIGHT_BINS, a_log()))
        jobs.append(Job(f"lesion {number}", (image, SPACING_MM), mask, recipes))
    return jobs


def test_a_batch_gives_the_same_on_one_thread_and_on_four() -> None:
    told: list[int] = []

    one = list(extract_many(some_jobs()))
    four = list(extract_many(some_jobs(), threads=4, progress=told.append))

    assert [outcome.name for outcome in one] == [f"lesion {n}" for n in range(5)]
    assert [o.extractions for o in one] == [o.extractions for o in four]
    assert told == [1, 2, 3, 4, 5]


def test_a_refused_lesion_stops_no_other() -> None:
    jobs = some_jobs(3)
    jobs[1] = replace(jobs[1], mask=np.zeros((18, 17, 16), dtype=np.bool_))

    first, second, third = extract_many(jobs, threads=2)

    assert first.refusal is None
    assert third.refusal is None
    assert isinstance(second.refusal, DataError)
    assert not second.extractions


def test_jobs_are_drawn_as_they_are_needed() -> None:
    drawn = []

    def lazily() -> Iterator[Job]:
        for job in some_jobs(8):
            drawn.append(job.name)
            yield job

    outcomes = extract_many(lazily(), threads=1)
    next(iter(outcomes))

    assert len(drawn) == 3


# --- measurements --------------------------------------------------------------------------------

LESION = Subject(participant=Pseudonym("P-001"), type=SubjectType.LESION, name="L1")


def test_measurements_name_settings_unit_and_what_is_not_known() -> None:
    image, mask = a_lesion()
    found = extract((image, SPACING_MM), mask, EIGHT_BINS)
    repeatable = Uncertainty(0.2, "30 perturbations")

    measurements = as_measurements(
        found,
        subject=LESION,
        timepoint=TimepointCode("BASELINE"),
        image=SUV_BODY_WEIGHT,
        inputs=(Digest("a" * 64),),
        uncertainties={"stat_mean": repeatable},
    )

    by_name = {one.kind.name: one for one in measurements}
    mean = by_name["RADIOMICS_SUV_BODY_WEIGHT_STAT_MEAN"]
    contrast = by_name["RADIOMICS_SUV_BODY_WEIGHT_CM_CONTRAST_3D_COMB"]
    assert len(by_name) == len({one.id for one in measurements}) == 174
    assert (mean.value, mean.kind.unit) == (found.value("stat_mean"), "g/mL")
    assert (mean.uncertainty, contrast.uncertainty) == (repeatable, UNKNOWN)
    assert EIGHT_BINS.digest[:12] in contrast.method


def test_an_absent_feature_is_an_absent_measurement() -> None:
    image, mask = a_lesion()
    found = extract((image, SPACING_MM), mask, replace(EIGHT_BINS, lower=1e6))

    measurements = as_measurements(
        found,
        subject=LESION,
        timepoint=TimepointCode("BASELINE"),
        image=SUV_BODY_WEIGHT,
        inputs=(),
    )

    assert any(one.value is None and one.absent for one in measurements)


@pytest.mark.parametrize(
    ("tag", "unit"),
    [
        ("stat_mean", "g/mL"),
        ("stat_var", "(g/mL)2"),
        ("stat_cov", "1"),
        ("morph_volume", "mm3"),
        ("morph_integ_int", "(g/mL).mm3"),
    ],
)
def test_units_follow_the_map(tag: str, unit: str) -> None:
    assert kind_of(tag, SUV_BODY_WEIGHT, dimension=Dimension.VOLUME).unit == unit


def test_responses_and_levels_have_no_unit() -> None:
    """LoG of SUV is no SUV; of a fixed bin number, I10 is a level."""
    by_number = replace(EIGHT_BINS, volume_histogram=FixedBinNumber(bins=100))
    by_size = replace(EIGHT_BINS, volume_histogram=FixedBinSize(width=0.1, start=0.0))
    (log,) = filters_named("log:3")

    def kind(tag: str, **how: Any) -> str:
        return kind_of(tag, SUV_BODY_WEIGHT, dimension=Dimension.VOLUME, **how).unit

    assert unit_of("ivh_i10", "g/mL", Recipe(by_number)) == kind("ivh_i10", levels=True) == "1"
    assert unit_of("ivh_i10", "g/mL", Recipe(by_size)) == kind("ivh_i10") == "g/mL"
    assert unit_of("stat_mean", "g/mL", Recipe(by_number, log)) == "1"
    assert kind("stat_mean", filter_=log) == "1"
    assert unit_of("stat_mean", "g/mL", Recipe(by_number)) == "g/mL"


def test_settings_change_the_digest() -> None:
    digests = {
        settings.digest
        for settings in (
            EIGHT_BINS,
            replace(EIGHT_BINS, lower=0.0),
            replace(EIGHT_BINS, dimension=Dimension.MERGED),
            replace(EIGHT_BINS, rounding=1.0),
        )
    }

    assert len(digests) == 4
