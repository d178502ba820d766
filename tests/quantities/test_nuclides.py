import pytest

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import (
    CU64,
    F18,
    GA68,
    LU177,
    NUCLIDES,
    Nuclide,
    checked_half_life_s,
    nuclide_named,
)

ICRP_107_S = {"68Ga": 4062.6, "18F": 6586.2, "64Cu": 45720.0, "177Lu": 574300.8}
"""ICRP Publication 107 (2008), an evaluation independent of DDEP."""


@pytest.mark.parametrize("nuclide", NUCLIDES, ids=lambda nuclide: nuclide.name)
def test_half_life_agrees_with_icrp_107_within_half_a_per_cent(nuclide: Nuclide) -> None:
    assert nuclide.half_life_s == pytest.approx(ICRP_107_S[nuclide.name], rel=0.005)
    low, high = nuclide.accepted_half_life_s
    assert low < nuclide.half_life_s - 2 * nuclide.half_life_uncertainty_s
    assert nuclide.half_life_s + 2 * nuclide.half_life_uncertainty_s < high


def test_gallium_is_the_evaluated_67_83_minutes() -> None:
    assert GA68.half_life_s == pytest.approx(67.83 * 60)


@pytest.mark.parametrize(
    ("spelling", "nuclide"),
    [
        ("68Ga", GA68),
        ("Ga-68", GA68),
        ("^68^Gallium", GA68),
        ("Ga68-PSMA", GA68),
        ("F^18^[^18^Fluorine]", F18),
        ("177 Lutetium", LU177),
        ("Cu-64 DOTATATE", CU64),
    ],
)
def test_knows_the_spellings_of_real_headers(spelling: str, nuclide: Nuclide) -> None:
    assert nuclide_named(spelling) is nuclide


@pytest.mark.parametrize("spelling", ["", "FDG", "8F", "168Ga", "Lu-177m", "66Ga", "68Ga or 18F"])
def test_refuses_what_is_not_exactly_one_known_nuclide(spelling: str) -> None:
    with pytest.raises(UnsupportedError, match="known"):
        nuclide_named(spelling)


@pytest.mark.parametrize("minutes", [67.4, 67.63, 67.71, 67.83, 68.3])
def test_believes_the_gallium_half_lives_that_scanners_use(minutes: float) -> None:
    assert checked_half_life_s(GA68, minutes * 60) == minutes * 60


@pytest.mark.parametrize("seconds", [0.0, -4069.8, 67.3 * 60, 68.4 * 60, 6586.2, float("nan")])
def test_refuses_a_half_life_that_is_not_galliums(seconds: float) -> None:
    with pytest.raises(DataError, match=r"RadionuclideHalfLife .* is not that of 68Ga"):
        checked_half_life_s(GA68, seconds)


def test_believes_an_unusual_half_life_once_declared() -> None:
    assert checked_half_life_s(GA68, 4100.0, declared=True) == 4100.0
    with pytest.raises(DataError):
        checked_half_life_s(GA68, 0.0, declared=True)
