"""The formula and its neighbors; headers are in test_suv_cases.py."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.domain.participant import Sex
from operandi.imaging.pet import body
from operandi.imaging.pet.suv import BodySize, Suv, normalized, suv_body_weight
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import (
    MR_SIGNAL,
    SUV_BODY_SURFACE_AREA,
    SUV_BODY_WEIGHT,
    SUV_IDEAL_BODY_WEIGHT,
    SUV_LEAN_BODY_MASS_JAMES,
    SUV_LEAN_BODY_MASS_JANMAHASATIAN,
    Kind,
)
from operandi.quantities.nuclides import GA68
from tests.builders import NOON, a_volume, an_injection


def test_tracer_spread_evenly_gives_suv_one_after_one_half_life() -> None:
    """By hand: 100 MBq halves to 50 MBq; in 70 000 g that is 50e6 / 70 000 Bq/mL."""
    pet = a_volume(value=50e6 / 70_000, at=NOON + timedelta(seconds=GA68.half_life_s))

    suv = suv_body_weight(pet, an_injection(activity_bq=100e6), body_mass_kg=70.0)

    np.testing.assert_allclose(suv.values, 1.0, rtol=1e-6)
    assert suv.kind == SUV_BODY_WEIGHT


@given(scale=st.floats(0.1, 10.0), mass_kg=st.floats(25.0, 300.0))
def test_suv_scales_with_concentration_and_mass_and_against_activity(
    scale: float, mass_kg: float
) -> None:
    def suv(value: float, activity: float, mass: float) -> float:
        injected = an_injection(activity_bq=activity)
        volume = suv_body_weight(a_volume(value=value), injected, body_mass_kg=mass)
        return float(volume.values[0, 0, 0])

    once = suv(5000.0, 150e6, mass_kg)
    assert suv(5000.0 * scale, 150e6, mass_kg) == pytest.approx(scale * once, rel=1e-5)
    assert suv(5000.0, 150e6 * scale, mass_kg) == pytest.approx(once / scale, rel=1e-5)
    assert suv(5000.0, 150e6, 2 * mass_kg) == pytest.approx(2 * once, rel=1e-5)


@pytest.mark.parametrize("mass_kg", [0.0, -70.0, float("nan")])
def test_refuses_a_mass_that_is_not_positive(mass_kg: float) -> None:
    with pytest.raises(DataError, match="SUV needs body mass > 0"):
        suv_body_weight(a_volume(), an_injection(), body_mass_kg=mass_kg)


def test_refuses_a_volume_that_is_no_activity_concentration() -> None:
    with pytest.raises(DataError, match="SUV needs activity concentration, got MR signal"):
        suv_body_weight(a_volume(kind=MR_SIGNAL), an_injection(), body_mass_kg=70.0)


def an_suv(*, height_m: float | None = 1.63, sex: Sex | None = Sex.MALE) -> Suv:
    """SUV of one, in a man of 71 kg and 1.63 m as in the real patient."""
    return Suv(
        volume=a_volume(value=1.0, kind=SUV_BODY_WEIGHT),
        body_size=BodySize(mass_kg=71.0, height_m=height_m, sex=sex),
        administration=None,
        uptake_s=None,
        evidence=(),
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # James: 1.10 * 71 - 128 * (71 / 163)**2 = 53.814 kg of 71
        (SUV_LEAN_BODY_MASS_JAMES, (1.10 * 71 - 128 * (71 / 163) ** 2) / 71),
        # Janmahasatian: body mass index 71 / 1.63**2
        (SUV_LEAN_BODY_MASS_JANMAHASATIAN, 9270 / (6680 + 216 * 71 / 1.63**2)),
        # Robinson: 64.173 inches, 4.173 over five feet
        (SUV_IDEAL_BODY_WEIGHT, (51.65 + 1.85 * (163 / 2.54 - 60)) / 71),
        # Du Bois, cm2 over g
        (SUV_BODY_SURFACE_AREA, 0.007184 * 71**0.425 * 163**0.725 * 1e4 / 71e3),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_suv_of_one_becomes_the_ratio_of_body_sizes(kind: Kind, expected: float) -> None:
    np.testing.assert_allclose(normalized(an_suv(), kind).values, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "kind", [SUV_LEAN_BODY_MASS_JAMES, SUV_LEAN_BODY_MASS_JANMAHASATIAN, SUV_IDEAL_BODY_WEIGHT]
)
@pytest.mark.parametrize("sex", [Sex.OTHER, None])
def test_refuses_lean_and_ideal_mass_of_neither_woman_nor_man(kind: Kind, sex: Sex | None) -> None:
    with pytest.raises(DataError, match="PatientSex F or M"):
        normalized(an_suv(sex=sex), kind)


def test_refuses_sul_without_height() -> None:
    with pytest.raises(DataError, match="needs height"):
        normalized(an_suv(height_m=None), SUV_LEAN_BODY_MASS_JANMAHASATIAN)


def test_refuses_james_where_its_parabola_falls() -> None:
    """Men at 160 cm: the top is at 1.10 * 160**2 / 256 = 110 kg; a heavier one would be leaner."""
    assert body.lean_body_mass_james(mass_kg=109.9, height_m=1.6, sex=Sex.MALE) > 0
    with pytest.raises(DataError, match="falls with mass beyond 110 kg"):
        body.lean_body_mass_james(mass_kg=110.1, height_m=1.6, sex=Sex.MALE)


@given(index=st.floats(15.0, 45.0), height_m=st.floats(1.5, 2.0), sex=st.sampled_from("FM"))
def test_lean_mass_after_janmahasatian_is_less_than_mass_and_grows_with_it(
    index: float, height_m: float, sex: str
) -> None:
    def lean(mass: float) -> float:
        return body.lean_body_mass_janmahasatian(mass_kg=mass, height_m=height_m, sex=Sex(sex))

    mass_kg = index * height_m**2
    assert 0 < lean(mass_kg) < mass_kg
    assert lean(mass_kg) < lean(mass_kg + 1.0)


def test_refuses_a_lean_mass_above_the_whole_body() -> None:
    """40 kg at 2 m: Janmahasatian's formula gives 41.9 kg."""
    with pytest.raises(DataError, match=r"Lean body mass by formula is 41\.9 kg"):
        body.lean_body_mass_janmahasatian(mass_kg=40.0, height_m=2.0, sex=Sex.MALE)


def test_sugawaras_ideal_weight_by_hand() -> None:
    """At 152 cm it is the constant; ten centimeters more add 10.6 kg to men, 9.1 kg to women."""
    assert body.ideal_body_weight_sugawara(height_m=1.52, sex=Sex.MALE) == pytest.approx(48.0)
    assert body.ideal_body_weight_sugawara(height_m=1.62, sex=Sex.FEMALE) == pytest.approx(54.6)
