import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.radiomics.agreement import Model, intraclass_correlation
from operandi.imaging.radiomics.noise import noise_level
from operandi.imaging.radiomics.perturbations import (
    PerturbationPlan,
    PerturbationStep,
    Perturbed,
    across_segmentations,
    dice_coefficients,
    perturbed,
    resized,
)
from operandi.quantities.errors import DataError

SPACING = (2.0, 2.0, 3.0)
Values = npt.NDArray[np.float64]
Inside = npt.NDArray[np.bool_]


def a_lesion(
    *,
    radius_mm: float = 12.0,
    uptake: float = 10.0,
    seed: int = 0,
    noise: float = 0.2,
    shape: tuple[int, ...] = (32, 32, 22),
) -> tuple[Values, Inside]:
    """A soft sphere of uptake on background 1, and its mask."""
    places = np.indices(shape, dtype=float)
    center = (np.array(shape) - 1.0) / 2.0
    offsets = [(p - c) * s for p, c, s in zip(places, center, SPACING, strict=True)]
    distance = np.sqrt(sum(offset**2 for offset in offsets))
    image = 1.0 + (uptake - 1.0) / (1.0 + np.exp((distance - radius_mm) / 1.5))
    return image + np.random.default_rng(seed).normal(0.0, noise, shape), distance <= radius_mm


def run(plan: PerturbationPlan, *, lesion: str = "L01", **keywords: float) -> list[Perturbed]:
    image, mask = a_lesion(**keywords)  # type: ignore[arg-type]
    return list(perturbed(image, mask, spacing_mm=SPACING, plan=plan, lesion=lesion))


def alone(step: PerturbationStep, *, repeats: int = 6, **keywords: float) -> PerturbationPlan:
    return PerturbationPlan(seed=7, steps=(step,), repeats=repeats, **keywords)  # type: ignore[arg-type]


def test_a_plan_and_a_lesion_give_the_same_again_and_another_lesion_something_else() -> None:
    plan = PerturbationPlan(seed=3, repeats=3)

    one, again, other = run(plan), run(plan), run(plan, lesion="L02")

    assert [repeat.name for repeat in one] == [f"perturbation 0{n}" for n in (1, 2, 3)]
    for first, second in zip(one, again, strict=True):
        np.testing.assert_array_equal(first.values, second.values)
        np.testing.assert_array_equal(first.mask, second.mask)
    assert one[0].values.shape != other[0].values.shape or (one[0].values != other[0].values).any()


def test_a_perturbation_does_not_depend_on_how_many_there_are() -> None:
    few, many = run(PerturbationPlan(seed=3, repeats=2)), run(PerturbationPlan(seed=3, repeats=4))

    np.testing.assert_array_equal(few[1].values, many[1].values)


def test_each_perturbation_is_the_box_of_its_mask_and_the_margin() -> None:
    for _, values, mask in run(PerturbationPlan(seed=5, repeats=4, margin_mm=6.0)):
        assert values.shape == mask.shape
        assert np.isfinite(values).all()
        for axis, margin in enumerate((3, 3, 2)):
            others = tuple(other for other in range(3) if other != axis)
            places = np.flatnonzero(mask.any(axis=others))
            assert (places[0], mask.shape[axis] - 1 - places[-1]) == (margin, margin)


def test_a_ball_turned_about_its_center_is_the_same_ball() -> None:
    """The same volume, and the mean uptake to 2 %: what interpolation alone does."""
    image, mask = a_lesion(noise=0.0)
    mean = float(image[mask].mean())

    for step in (PerturbationStep.ROTATION, PerturbationStep.TRANSLATION):
        for _, values, turned in run(alone(step), noise=0.0):
            assert np.count_nonzero(turned) == np.count_nonzero(mask)
            assert float(values[turned].mean()) == pytest.approx(mean, rel=0.02)


def test_a_shift_favors_no_side() -> None:
    """The centroid of masks shifted at random stays, to a tenth of a voxel, where it was."""
    image, mask = a_lesion(radius_mm=5.0)
    plan = alone(PerturbationStep.TRANSLATION, repeats=200, margin_mm=0.0)
    center = np.argwhere(mask).mean(axis=0) - np.argwhere(mask).min(axis=0)

    shifted = [
        np.argwhere(drawn).mean(axis=0)
        for _, _, drawn in perturbed(image, mask, spacing_mm=SPACING, plan=plan)
        if drawn.shape == tuple(np.ptp(np.argwhere(mask), axis=0) + 1)
    ]

    np.testing.assert_allclose(np.mean(shifted, axis=0), center, atol=0.1)


def test_image_and_mask_move_together() -> None:
    """A hot spot in the lesion keeps its distance from the centroid of the turned mask."""
    plan = alone(PerturbationStep.ROTATION, rotation_deg=30.0, tilt_deg=15.0)
    image, mask = a_lesion(noise=0.0)
    i, j, k = np.indices(image.shape, dtype=float)
    spot = np.exp(-((i - 18.5) ** 2 + (j - 15.5) ** 2 + 2.0 * (k - 11.5) ** 2) / 3.0)

    def distance_mm(values: Values, inside: Inside) -> float:
        places = np.argwhere(inside) * np.array(SPACING)
        weighted = np.average(places, axis=0, weights=np.maximum(values[inside], 0.0))
        return float(np.linalg.norm(weighted - places.mean(axis=0)))

    truth = distance_mm(spot, mask)
    assert truth > 5.0
    for _, values, moved in perturbed(spot, mask, spacing_mm=SPACING, plan=plan):
        assert distance_mm(values, moved) == pytest.approx(truth, abs=0.1)


def test_no_turn_and_no_shift_leave_the_image_as_it_is() -> None:
    plan = PerturbationPlan(
        seed=1,
        repeats=1,
        steps=(PerturbationStep.ROTATION, PerturbationStep.TRANSLATION),
        rotation_deg=0.0,
        tilt_deg=0.0,
        translation_voxels=(0.0, 0.0, 0.0),
        margin_mm=4.0,
    )
    image, mask = a_lesion()

    _, values, same = next(perturbed(image, mask, spacing_mm=SPACING, plan=plan))

    places = np.argwhere(mask)
    box = tuple(
        slice(low - margin, high + margin + 1)
        for low, high, margin in zip(places.min(0), places.max(0), (2, 2, 2), strict=True)
    )
    np.testing.assert_allclose(values, image[box], atol=1e-10)
    np.testing.assert_array_equal(same, mask[box])


def test_without_tilt_slices_stay_slices() -> None:
    """Slices of one value each keep it in any turn about k."""
    image = np.broadcast_to(np.arange(22.0), (32, 32, 22))
    mask = a_lesion()[1]

    for _, values, _ in perturbed(
        image, mask, spacing_mm=SPACING, plan=alone(PerturbationStep.ROTATION, tilt_deg=0.0)
    ):
        assert float(np.ptp(values, axis=(0, 1)).max()) < 1e-9


def test_noise_doubles_the_variance_of_noise() -> None:
    found = [
        noise_level(values, spacing_mm=SPACING)
        for _, values, _ in run(alone(PerturbationStep.NOISE), noise=0.5)
    ]
    without = run(alone(PerturbationStep.NOISE, noise_scale=0.0), noise=0.5)

    assert np.mean(found) == pytest.approx(0.5 * np.sqrt(2.0), rel=0.06)
    assert noise_level(without[0].values, spacing_mm=SPACING) == pytest.approx(0.5, rel=0.06)


@settings(max_examples=25, deadline=None)
@given(ratio=st.floats(0.2, 1.8), seed=st.integers(0, 100))
def test_a_volume_is_met_and_old_and_new_are_nested(ratio: float, seed: int) -> None:
    mask = a_lesion(shape=(24, 24, 16), radius_mm=9.0)[1]

    drawn = resized(
        mask, spacing_mm=SPACING, volume_ratio=ratio, generator=np.random.default_rng(seed)
    )

    assert np.count_nonzero(drawn) == round(np.count_nonzero(mask) * ratio)
    smaller, larger = (mask, drawn) if ratio >= 1.0 else (drawn, mask)
    assert (larger | ~smaller).all()


def test_growth_adds_what_is_nearest_and_takes_no_side() -> None:
    mask = np.zeros((9, 9, 9), dtype=np.bool_)
    mask[4, 4, 4] = True

    drawn = resized(
        mask, spacing_mm=(1.0, 1.0, 1.0), volume_ratio=7.0, generator=np.random.default_rng(1)
    )

    assert [tuple(place) for place in np.argwhere(drawn) - 4] == [
        (-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0),
    ]  # fmt: skip
    first = {
        tuple(np.argwhere(resized(
            mask, spacing_mm=(1.0, 1.0, 1.0), volume_ratio=2.0, generator=np.random.default_rng(s)
        ) & ~mask)[0])
        for s in range(60)
    }  # fmt: skip
    assert len(first) == 6


def test_a_mask_that_fills_its_box_shrinks_from_the_border() -> None:
    full = np.ones((5, 5, 5), dtype=np.bool_)

    drawn = resized(
        full, spacing_mm=(1.0, 1.0, 1.0), volume_ratio=27 / 125, generator=np.random.default_rng(0)
    )

    assert drawn[1:4, 1:4, 1:4].all()
    assert np.count_nonzero(drawn) == 27


def test_volumes_change_by_as_much_as_the_plan_says() -> None:
    truth = np.count_nonzero(a_lesion()[1])
    ratios = [
        np.count_nonzero(mask) / truth
        for _, _, mask in run(alone(PerturbationStep.VOLUME, repeats=40, volume_change=0.3))
    ]

    assert 0.7 <= min(ratios) < 0.8
    assert 1.2 < max(ratios) <= 1.3


def test_another_reader_draws_a_clear_lesion_nearly_alike() -> None:
    image, mask = a_lesion(noise=0.1)
    for _, values, drawn in perturbed(
        image, mask, spacing_mm=SPACING, plan=alone(PerturbationStep.CONTOUR)
    ):
        inside = float(values[drawn].mean())
        assert 0.75 < np.count_nonzero(drawn) / np.count_nonzero(mask) < 1.33
        assert inside > 6.0


@pytest.mark.parametrize("step", list(PerturbationStep))
def test_a_single_voxel_is_never_lost(step: PerturbationStep) -> None:
    image, _ = a_lesion()
    mask = np.zeros(image.shape, dtype=np.bool_)
    mask[16, 16, 11] = True

    for _, _, drawn in perturbed(image, mask, spacing_mm=SPACING, plan=alone(step, repeats=10)):
        assert drawn.any()


def test_a_lesion_in_the_corner_of_the_image_is_perturbed_too() -> None:
    image, mask = a_lesion()

    for _, values, drawn in perturbed(
        image[16:, 16:, 11:],
        mask[16:, 16:, 11:],
        spacing_mm=SPACING,
        plan=PerturbationPlan(seed=1, repeats=3),
    ):
        assert np.isfinite(values).all()
        assert drawn.any()


def test_only_the_lesions_surroundings_are_looked_at() -> None:
    image, mask = a_lesion(radius_mm=5.0)
    far = image.copy()
    far[0, 0, 0] = np.nan
    plan = PerturbationPlan(seed=2, repeats=2, margin_mm=2.0)

    for one, other in zip(
        perturbed(image, mask, spacing_mm=SPACING, plan=plan),
        perturbed(far, mask, spacing_mm=SPACING, plan=plan),
        strict=True,
    ):
        np.testing.assert_array_equal(one.values, other.values)


def test_simulated_test_and_retest_agree_as_perturbations_foretell() -> None:
    """Six lesions scanned twice: their mean uptake repeats, noise beside them does not."""
    plan = PerturbationPlan(seed=9, repeats=4)
    features = np.empty((2, 6, 4))
    retest = np.empty((2, 6, 2))
    for lesion, uptake in enumerate((5.0, 8.0, 12.0, 15.0, 20.0, 30.0)):
        for scan in range(2):
            image, mask = a_lesion(uptake=uptake, seed=10 * lesion + scan)
            retest[:, lesion, scan] = image[mask].mean(), image[0, 0, :2].mean()
        repeats = perturbed(image, mask, spacing_mm=SPACING, plan=plan, lesion=str(lesion))
        for repeat, (_, values, drawn) in enumerate(repeats):
            features[:, lesion, repeat] = values[drawn].mean(), values[0, 0, :2].mean()

    foretold = intraclass_correlation(features, model=Model.ONE_WAY).value
    seen = intraclass_correlation(retest, model=Model.ONE_WAY).value

    assert foretold[0] > 0.9
    assert seen[0] > 0.9
    assert foretold[1] < 0.6
    assert seen[1] < 0.6


def test_segmentations_are_repeats_in_one_box() -> None:
    image, mask = a_lesion()
    smaller = a_lesion(radius_mm=10.0)[1]

    repeats = list(
        across_segmentations(
            image, {"threshold": mask, "reader": smaller}, spacing_mm=SPACING, margin_mm=4.0
        )
    )

    assert [repeat.name for repeat in repeats] == ["threshold", "reader"]
    assert repeats[0].values.shape == repeats[1].values.shape
    assert np.count_nonzero(repeats[1].mask) == np.count_nonzero(smaller)
    n, m = np.count_nonzero(mask), np.count_nonzero(smaller)
    assert dice_coefficients({"threshold": mask, "reader": smaller}) == {
        ("threshold", "reader"): pytest.approx(2 * m / (n + m))
    }


def test_refuses_what_cannot_be_perturbed() -> None:
    image, mask = a_lesion()
    plan = PerturbationPlan(seed=1)
    with pytest.raises(DataError, match="with voxels in it"):
        next(perturbed(image, np.zeros_like(mask), spacing_mm=SPACING, plan=plan))
    with pytest.raises(DataError, match="of its image's shape"):
        next(perturbed(image[1:], mask, spacing_mm=SPACING, plan=plan))
    image[16, 16, 11] = np.nan
    with pytest.raises(DataError, match="finite values"):
        next(perturbed(image, mask, spacing_mm=SPACING, plan=plan))
    with pytest.raises(DataError, match="two or more"):
        next(across_segmentations(image, {"one": mask}, spacing_mm=SPACING))
    with pytest.raises(DataError, match="outside its bounds"):
        PerturbationPlan(seed=1, rotation_deg=90.0)
    with pytest.raises(DataError, match="outside its bounds"):
        PerturbationPlan(seed=1, steps=())
