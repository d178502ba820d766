import io
from itertools import permutations, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.errors import GridMismatchError, UnsupportedError
from operandi.quantities.kinds import MR_SIGNAL, SUV_BODY_WEIGHT, Kind
from operandi.reports import picture_bytes
from operandi.reports.figures import (
    Overlay,
    PlainOutline,
    Plane,
    coronal_maximum_projection,
    hot_iron,
    lesion_color,
    maximum_projection,
    slice_with_contours,
)
from operandi.reports.study_report import Figure

Bools = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.int_]

SPACING_MM = (4.0, 5.0, 6.0)
SHAPE = (80, 50, 60)
"""Along patient left, posterior and superior: 320 x 250 x 360 mm."""


def an_upright_grid() -> Grid:
    half = [(count - 1) / 2 * step for count, step in zip(SHAPE, SPACING_MM, strict=True)]
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = [-length for length in half]
    return Grid(SHAPE, affine)


def a_box(*, center_mm: tuple[float, float, float], size_mm: float) -> Bools:
    grid = an_upright_grid()
    index = np.moveaxis(np.indices(SHAPE), 0, -1)
    distance = np.abs(grid.position_of(index) - np.array(center_mm))
    result: Bools = np.all(distance <= size_mm / 2, axis=-1)
    return result


def a_volume_of(values: npt.NDArray[np.generic], *, kind: Kind = SUV_BODY_WEIGHT) -> Volume:
    return Volume(values.astype(np.float32), an_upright_grid(), kind)


def a_lesion(inside: Bools, *, name: str = "L01", grid: Grid | None = None) -> Lesion:
    return Lesion(LesionId(name), Mask(inside, grid or an_upright_grid()), "liver", "drawn")


def pixels(figure: Figure) -> Pixels:
    image = Image.open(io.BytesIO(figure.image))
    assert image.size == (figure.width, figure.height)
    return np.asarray(image.convert("RGB")).astype(int)


def dark(figure: Figure) -> Bools:
    """Black of the panel; the foot with its scales is left out."""
    result: Bools = pixels(figure).max(axis=2)[: figure.height - 70] < 100
    return result


def center(inside: Bools) -> tuple[float, float]:
    rows, columns = np.nonzero(inside)
    return float(rows.mean()), float(columns.mean())


def project(volume: Volume, *lesions: Lesion) -> Figure:
    return coronal_maximum_projection(volume, lesions=lesions, ceiling=10.0)


def cut(background: Volume, *lesions: Lesion, plane: Plane, at_mm: float) -> Figure:
    return slice_with_contours(
        background,
        plane=plane,
        position_mm=at_mm,
        lesions=lesions,
        overlay=None,
        window=(0.0, 10.0),
    )


# --- Orientation ------------------------------------------------------------------------------


def test_patient_right_is_on_the_left_of_a_projection_and_head_is_up() -> None:
    """LPS: x falls to the right, z grows to the head."""
    right_of_head = a_box(center_mm=(-100, 0, 120), size_mm=40)

    figure = project(a_volume_of(10 * right_of_head))

    row, column = center(dark(figure))
    assert column < 0.35 * figure.width
    assert row < 0.35 * figure.height


def test_front_is_up_in_an_axial_slice() -> None:
    """LPS: y falls to the front."""
    right_front = a_box(center_mm=(-100, -80, 0), size_mm=40)

    figure = cut(a_volume_of(10 * right_front), plane="axial", at_mm=0.0)

    row, column = center(dark(figure))
    assert column < 0.35 * figure.width
    assert row < 0.35 * figure.height


def test_head_is_up_in_a_coronal_slice() -> None:
    left_foot = a_box(center_mm=(100, 0, -120), size_mm=40)

    figure = cut(a_volume_of(10 * left_foot), plane="coronal", at_mm=0.0)

    row, column = center(dark(figure))
    assert column > 0.65 * figure.width
    assert row > 0.6 * figure.height


ORDERS = list(permutations(range(3)))
FLIPS = list(product([False, True], repeat=3))


def stored_otherwise(
    values: npt.NDArray[np.generic], order: tuple[int, ...], flips: tuple[bool, ...]
) -> tuple[npt.NDArray[np.generic], Grid]:
    """Store the same patient with array axes in another order, some of them backwards."""
    upright = an_upright_grid()
    affine = upright.affine.copy()
    for axis, back in enumerate(flips):
        if back:
            affine[:3, 3] += affine[:3, axis] * (SHAPE[axis] - 1)
            affine[:3, axis] *= -1
    steps = tuple(slice(None, None, -1 if back else 1) for back in flips)
    turned = np.ascontiguousarray(values[steps].transpose(order))
    affine[:3, :3] = affine[:3, list(order)]
    shape = (turned.shape[0], turned.shape[1], turned.shape[2])
    return turned, Grid(shape, affine)


@settings(max_examples=12, deadline=None)
@given(order=st.sampled_from(ORDERS), flips=st.sampled_from(FLIPS))
def test_a_picture_does_not_depend_on_how_the_patient_is_stored(
    order: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    inside = a_box(center_mm=(-60, 30, 90), size_mm=50)
    values = np.where(inside, 8.0, np.linspace(0, 3, SHAPE[0])[:, None, None]).astype(np.float32)
    turned, grid = stored_otherwise(values, order, flips)
    turned_inside, _ = stored_otherwise(inside, order, flips)
    volume = Volume(turned.astype(np.float32), grid, SUV_BODY_WEIGHT)
    lesion = a_lesion(turned_inside.astype(bool), grid=grid)

    assert project(volume, lesion) == project(a_volume_of(values), a_lesion(inside))
    assert cut(volume, lesion, plane="axial", at_mm=90.0) == cut(
        a_volume_of(values), a_lesion(inside), plane="axial", at_mm=90.0
    )


def test_a_slightly_oblique_grid_is_drawn() -> None:
    figure = project(an_oblique_volume(degrees=20.0))

    assert figure.width > 0


def test_refuses_a_grid_turned_too_far_to_have_sides() -> None:
    with pytest.raises(UnsupportedError, match="turned 40 degrees"):
        project(an_oblique_volume(degrees=40.0))


def an_oblique_volume(*, degrees: float) -> Volume:
    angle = np.radians(degrees)
    affine = np.eye(4) * 10
    affine[:2, :2] = 10 * np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    return Volume(np.ones((10, 10, 10), np.float32), Grid((10, 10, 10), affine), SUV_BODY_WEIGHT)


# --- Geometry ---------------------------------------------------------------------------------


@pytest.mark.parametrize("plane", ["projection", "coronal", "axial"])
def test_a_cube_of_120_mm_is_drawn_square_in_spite_of_unequal_voxels(plane: str) -> None:
    """520 px for the 320 mm of the grid are 1.625 px a mm; 120 mm are 30, 24 and 20 voxels."""
    volume = a_volume_of(10 * a_box(center_mm=(0, 0, 0), size_mm=120))

    figure = (
        project(volume)
        if plane == "projection"
        else cut(volume, plane="axial" if plane == "axial" else "coronal", at_mm=0.0)
    )

    rows, columns = np.nonzero(dark(figure))
    assert np.ptp(columns) + 1 == pytest.approx(195, abs=4)
    assert np.ptp(rows) + 1 == pytest.approx(195, abs=4)


def test_the_length_bar_is_10_cm_long() -> None:
    """Two ticks 100 mm apart, at 1.625 px a mm."""
    figure = project(a_volume_of(10 * a_box(center_mm=(0, 0, 0), size_mm=120)))

    foot = pixels(figure)[figure.height - 60 :].max(axis=2) < 128
    longest = max(longest_run(row) for row in foot)

    assert longest == pytest.approx(162.5, abs=4)


def longest_run(row: Bools) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
    return int(max(edges[1::2] - edges[::2], default=0))


def test_the_nearest_slice_is_drawn() -> None:
    """Slice k = 40 lies at z = (40 - 29.5) * 6 = 63 mm and alone is black."""
    values = np.zeros(SHAPE)
    values[:, :, 40] = 10.0

    assert dark(cut(a_volume_of(values), plane="axial", at_mm=65.0)).mean() > 0.6
    assert dark(cut(a_volume_of(values), plane="axial", at_mm=67.0)).mean() < 0.05


@pytest.mark.parametrize("at_mm", [-181.0, 181.0])
def test_refuses_a_position_outside_the_volume(at_mm: float) -> None:
    with pytest.raises(ValueError, match="lies outside the 60 slices"):
        cut(a_volume_of(np.ones(SHAPE)), plane="axial", at_mm=at_mm)


# --- What is drawn ----------------------------------------------------------------------------


def test_an_outline_in_the_lesions_color_runs_around_it() -> None:
    inside = a_box(center_mm=(-60, 0, 60), size_mm=60)

    figure = project(a_volume_of(4 * inside), a_lesion(inside))

    panel = pixels(figure)[: figure.height - 70]
    gray = (np.ptp(panel, axis=2) < 12) & (np.abs(panel[..., 0] - 153) < 12)
    row, column = (round(float(np.median(where))) for where in np.nonzero(gray))
    half = round(np.sqrt(np.count_nonzero(gray)) / 2)
    colored = like(panel, lesion_color("L01"))
    across, down = np.flatnonzero(colored[row + 10]), np.flatnonzero(colored[:, column])
    assert not colored[row - half + 6 : row + half - 6, column - half + 6 : column + half - 6].any()
    for found, middle in ((across, column), (down, row)):
        assert np.abs(found[found < middle] - (middle - half)).min() < 9
        assert np.abs(found[found > middle] - (middle + half)).min() < 9


def like(picture: Pixels, color: str) -> Bools:
    """Near to *color*: lossy coding and smooth edges move it a little."""
    result: Bools = np.abs(picture - np.array(ImageColor.getrgb(color))).max(axis=2) < 45
    return result


def test_a_lesion_is_named_only_where_the_slice_crosses_it() -> None:
    lesion = a_lesion(a_box(center_mm=(-60, 0, 60), size_mm=30))
    volume = a_volume_of(np.ones(SHAPE))

    crossed = cut(volume, lesion, plane="axial", at_mm=60.0)
    missed = cut(volume, lesion, plane="axial", at_mm=-60.0)

    assert "Outlined: L01 (liver)." in crossed.alt
    assert "No lesion is outlined." in missed.alt
    assert like(pixels(crossed), lesion_color("L01")).any()
    assert not like(pixels(missed), lesion_color("L01")).any()


def test_more_lesions_than_lines_are_counted_not_squeezed() -> None:
    """360 mm at 1.625 px a mm leave 15 lines of 38 px: 14 names, and how many have none."""
    centers = [(-100.0, 0.0, -170.0 + 11.5 * number) for number in range(30)]
    found = [
        a_lesion(a_box(center_mm=place, size_mm=8), name=f"L{number:02d}")
        for number, place in enumerate(centers)
    ]

    figure = project(a_volume_of(np.ones(SHAPE)), *found)

    leader_ends = pixels(figure)[: figure.height - 70, (figure.width - 520) // 2 - 6].min(axis=1)
    lines = np.count_nonzero(np.diff((leader_ends < 190).astype(int)) == 1)
    assert lines == 14
    assert all(f"L{number:02d}" in figure.alt for number in range(30))


def test_an_overlay_is_hot_where_it_is_high_and_absent_where_it_is_zero() -> None:
    hot = a_box(center_mm=(-60, 0, 0), size_mm=60)
    background = a_volume_of(np.full(SHAPE, 5.0), kind=MR_SIGNAL)

    figure = slice_with_contours(
        background,
        plane="axial",
        position_mm=0.0,
        lesions=(),
        overlay=Overlay(a_volume_of(5.0 * hot), ceiling=10.0),
        window=(0.0, 10.0),
    )

    panel = pixels(figure)[: figure.height - 70]
    red = panel[..., 0] - panel[..., 2] > 60
    row, column = center(red)
    assert column < 0.45 * figure.width
    assert row == pytest.approx(panel.shape[0] / 2, abs=12)
    assert np.ptp(panel[:, -100:], axis=2).max() < 20
    assert "fused" in figure.title


def test_emission_is_black_on_white_and_mr_white_on_black() -> None:
    box = 10 * a_box(center_mm=(0, 0, 0), size_mm=100)

    emission = cut(a_volume_of(box), plane="axial", at_mm=0.0)
    resonance = cut(a_volume_of(box, kind=MR_SIGNAL), plane="axial", at_mm=0.0)

    middle = (emission.height - 70) // 2, emission.width // 2
    assert pixels(emission)[middle].max() < 20
    assert pixels(resonance)[middle].min() > 235


def test_voxels_that_hold_no_number_are_left_out() -> None:
    values = (10 * a_box(center_mm=(0, 0, 0), size_mm=100)).astype(float)
    holes = np.where(values > 0, values, np.nan)

    assert project(a_volume_of(holes)).image == project(a_volume_of(values)).image


def test_a_mostly_empty_field_is_cropped_to_the_body() -> None:
    """A body of 100 mm in a field of 1000 mm: 440 mm stay, at 1.2 px a mm."""
    values = np.zeros((100, 20, 40), np.float32)
    values[45:55] = 10.0
    wide = Volume(values, Grid((100, 20, 40), np.diag([10.0, 10.0, 10.0, 1.0])), SUV_BODY_WEIGHT)

    assert project(wide).width == pytest.approx(440 * 1.2, abs=2)


@given(st.text(min_size=1, max_size=12))
def test_a_lesion_has_one_color_dark_enough_to_be_read_on_white(name: str) -> None:
    """WCAG 2.2: 4.5 to 1 for text; relative luminance by sRGB."""
    first, second = lesion_color(name), lesion_color(name)
    levels = np.array(ImageColor.getrgb(first)) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])

    assert first == second
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_hot_colors_grow_evenly_in_lightness_from_black_to_white() -> None:
    """CIE 1976 L* of each entry; a step of 100 / 255, within what 8 bits can hold."""
    levels = hot_iron() / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    lightness = np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)

    assert hot_iron()[0].tolist() == [0, 0, 0]
    assert hot_iron()[-1].tolist() == [255, 255, 255]
    np.testing.assert_allclose(lightness, np.linspace(0, 100, 256), atol=1.2)


# --- Bytes ------------------------------------------------------------------------------------


def test_the_same_volume_gives_the_same_bytes() -> None:
    values = np.random.default_rng(7).gamma(1.0, 2.0, SHAPE)

    assert project(a_volume_of(values)) == project(a_volume_of(values.copy()))


def test_even_noise_stays_small() -> None:
    values = np.random.default_rng(7).uniform(0, 10, (256, 4, 500))
    noise = Volume(
        values.astype(np.float32), Grid(values.shape, np.diag([2.0, 2, 2, 1])), SUV_BODY_WEIGHT
    )

    figure = project(noise)

    assert len(figure.image) < picture_bytes.MAXIMUM_BYTES
    assert (figure.width, figure.height) == Image.open(io.BytesIO(figure.image)).size


# --- Refusals ---------------------------------------------------------------------------------


def test_refuses_a_lesion_on_another_grid() -> None:
    shifted = an_upright_grid().affine.copy()
    shifted[0, 3] += 1.0
    stray = a_lesion(a_box(center_mm=(0, 0, 0), size_mm=30), grid=Grid(SHAPE, shifted))

    with pytest.raises(GridMismatchError, match="lesion L01"):
        project(a_volume_of(np.ones(SHAPE)), stray)


def test_refuses_an_overlay_on_another_grid() -> None:
    coarse = Volume(
        np.ones((4, 4, 4), np.float32), Grid((4, 4, 4), np.eye(4) * 50), SUV_BODY_WEIGHT
    )

    with pytest.raises(GridMismatchError, match="background and its overlay"):
        slice_with_contours(
            a_volume_of(np.ones(SHAPE)),
            plane="axial",
            position_mm=0.0,
            lesions=(),
            overlay=Overlay(coarse, ceiling=1.0),
            window=(0.0, 1.0),
        )


def test_refuses_a_window_without_width() -> None:
    with pytest.raises(ValueError, match="high end above its low end"):
        coronal_maximum_projection(a_volume_of(np.ones(SHAPE)), lesions=(), ceiling=0.0)


def test_refuses_an_overlay_without_a_ceiling() -> None:
    with pytest.raises(ValueError, match="ceiling must be > 0"):
        Overlay(a_volume_of(np.ones(SHAPE)), ceiling=0.0)


def test_a_sagittal_projection_is_seen_from_the_right_and_names_its_outlines() -> None:
    suv = a_volume_of(8.0 * a_box(center_mm=(-60.0, -40.0, 80.0), size_mm=40.0))
    place = Mask(a_box(center_mm=(40.0, 20.0, -60.0), size_mm=60.0), suv.grid)
    organ = PlainOutline(name="spleen", mask=place, color="#8a949e")

    plain, outlined = (
        maximum_projection(suv, plane="sagittal", lesions=(), outlines=outlines, ceiling=10.0)
        for outlines in ((), (organ,))
    )

    assert "Sagittal maximum projection" in plain.alt
    assert "the front on the left" in plain.alt
    assert outlined.alt.endswith("Thin outlines: spleen.")
    assert plain.image != outlined.image
    drawn = pixels(plain).sum(axis=-1) if pixels(plain).ndim == 3 else pixels(plain)
    rows, columns = np.nonzero(drawn[:-80] < 200)
    assert rows.mean() < drawn.shape[0] / 2
    assert columns.mean() < drawn.shape[1] / 2
