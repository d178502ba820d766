import numpy as np
import pytest

from operandi.domain.identity import TimepointCode
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.tracking.alignment import NOT_ALIGNED, align_visits
from operandi.imaging.lesions.tracking.visit_lesions import VisitLesions
from tests.imaging.lesions.phantoms import Array, a_ball, a_pet_grid, an_suv, an_suv_of

GRID = a_pet_grid((44, 40, 44), spacing_mm=(6.0, 6.0, 6.0))  # coarse, for speed
INSIDE = np.array([[-40.0, 0.0, 10.0], [-30.0, 12.0, -10.0], [55.0, 20.0, 12.0]])


def a_visit(
    timepoint: str, organs: dict[str, Mask] | None = None, anatomy: Volume | None = None
) -> VisitLesions:
    return VisitLesions(
        timepoint=TimepointCode(timepoint), lesions=(), organs=organs or {}, anatomy=anatomy
    )


def two_organs(*, liver: tuple[float, float, float], spleen_x: float) -> dict[str, Mask]:
    x, y, z = liver
    lobe = a_ball(GRID, at_mm=(x + 36.0, y - 12.0, z + 12.0), radius_mm=24.0).inside
    return {
        "liver": Mask(a_ball(GRID, at_mm=liver, radius_mm=42.0).inside | lobe, GRID),
        "spleen": a_ball(GRID, at_mm=(spleen_x, 20.0, 12.0), radius_mm=24.0),
    }


def test_without_images_or_organs_positions_stay_and_it_is_said() -> None:
    alignment = align_visits(a_visit("A"), a_visit("B"))

    np.testing.assert_array_equal(alignment.moved(INSIDE), INSIDE)
    assert alignment.description == NOT_ALIGNED


def test_each_organ_carries_what_lies_within_it() -> None:
    before = a_visit("A", two_organs(liver=(-42.0, 0.0, 0.0), spleen_x=54.0))
    after = a_visit("B", two_organs(liver=(-42.0, 0.0, -12.0), spleen_x=66.0))

    moved = align_visits(before, after).moved(INSIDE)

    np.testing.assert_allclose(moved[:2] - INSIDE[:2], [(0.0, 0.0, -12.0)] * 2, atol=2.5)
    np.testing.assert_allclose(moved[2] - INSIDE[2], (12.0, 0.0, 0.0), atol=2.5)


def test_an_organ_that_was_cut_is_not_believed() -> None:
    whole = two_organs(liver=(-42.0, 0.0, 0.0), spleen_x=54.0)
    cut = {**whole, "spleen": a_ball(GRID, at_mm=(54.0, 20.0, 30.0), radius_mm=12.0)}

    alignment = align_visits(a_visit("A", whole), a_visit("B", cut))

    assert "spleen" not in alignment.description


def trunk(*, shift: Array, sag_mm: float) -> Volume:
    """Body with a liver and spots, shifted, and sagging along z on one side."""

    def uptake(points: Array) -> Array:
        at = points - shift
        at = at + np.array([0.0, 0.0, 1.0]) * (
            sag_mm * np.exp(-(((at[..., 0] + 60.0) / 50.0) ** 2))[..., np.newaxis]
        )
        body = (at[..., 0] / 105.0) ** 2 + (at[..., 1] / 80.0) ** 2 + (at[..., 2] / 100.0) ** 2 < 1
        value = np.where(body, 1.0, 0.0)
        for x, y, z, radius, more in (
            (-45, 0, 0, 38, 4.0),
            (50, 20, 10, 22, 7.0),
            (0, 35, -50, 14, 3.0),
            (20, -30, 55, 16, 5.0),
            (-60, 20, 60, 15, 2.0),
        ):
            distance = np.linalg.norm(at - np.array([x, y, z]), axis=-1)
            value = value + more / (1.0 + np.exp((distance - radius) / 3.0))
        return np.asarray(value)

    return an_suv_of(GRID, uptake)


@pytest.mark.slow
def test_images_lay_points_where_they_went_beyond_a_rigid_shift() -> None:
    """The sag is known: in the liver 10 mm downwards on top of the shift."""
    shift = np.array([14.0, -8.0, 10.0])
    before = a_visit("A", anatomy=trunk(shift=np.zeros(3), sag_mm=0.0))
    after = a_visit("B", anatomy=trunk(shift=shift, sag_mm=10.0))
    points = np.array([[-50.0, 0.0, 30.0], [-60.0, 0.0, -30.0], [50.0, 20.0, 28.0]])
    sag = 10.0 * np.exp(-(((points[:, 0] + 60.0) / 50.0) ** 2))
    truth = points + shift - np.column_stack([np.zeros(3), np.zeros(3), sag])

    alignment = align_visits(before, after)

    assert "B-spline" in alignment.description
    error = np.linalg.norm(alignment.moved(points) - truth, axis=1)
    assert error.max() < 5.0


def test_a_refused_registration_is_said_and_does_not_stop_the_tracking() -> None:
    flat = an_suv(GRID, 1.0)

    alignment = align_visits(a_visit("A", anatomy=flat), a_visit("B", anatomy=flat))

    assert "refused" in alignment.description
    assert NOT_ALIGNED in alignment.description
