import numpy as np
import numpy.typing as npt
import pytest

from operandi.quantities.errors import DataError
from operandi.simulation.mr.waves import DENSITY_KG_M3, WaveSlice, shear_wave

Complex = npt.NDArray[np.complex128]
OMEGA = 2.0 * np.pi * 60.0


def a_bar(modulus: complex, *, nodes: int = 120, spacing_mm: float = 3.5) -> WaveSlice:
    """A homogeneous bar, pushed evenly at its first edge and free elsewhere."""
    shape = (nodes, 20)
    load = np.zeros(shape, dtype=np.complex128)
    load[0] = 1.0
    load[0, [0, -1]] = 0.5
    return WaveSlice(
        modulus_pa=np.full(shape, modulus),
        inside=np.ones(shape, dtype=bool),
        load=load,
        spacing_mm=spacing_mm,
        frequency_hz=60.0,
    )


def wave_number(modulus: complex) -> complex:
    """Of ``exp(-i k x)``: ``omega sqrt(rho / G)``."""
    return complex(OMEGA * np.sqrt(DENSITY_KG_M3 / modulus))


@pytest.mark.parametrize("kpa", [1.5, 2.3, 5.9, 10.1])
@pytest.mark.parametrize("loss", [0.1, 0.4])
def test_wave_in_a_bar_is_the_closed_form(kpa: float, loss: float) -> None:
    """Pushed with *T*, free at the other end: ``u = -T / (G k) cos(k (L - x)) / sin(k L)``."""
    modulus = 1e3 * kpa * np.exp(1j * loss)
    wave = shear_wave(a_bar(modulus))

    k, length, x = wave_number(modulus), 119 * 3.5e-3, np.arange(120) * 3.5e-3
    # The force at the surface is right to second order only, (k h)^2 / 12, as one factor.
    expected = np.cos(k * (length - x)) / np.cos(k * length)
    np.testing.assert_allclose(wave[:, 10] / wave[0, 10], expected, atol=0.025)
    traction = 1.0 / 3.5e-3
    surface = -traction / (modulus * k * np.tan(k * length))
    assert abs(wave[0, 10] / surface - 1.0) < abs(k * 3.5e-3) ** 2 / 9
    np.testing.assert_allclose(wave, wave[:, :1] * np.ones(20), atol=1e-6 * np.abs(wave).max())


@pytest.mark.parametrize("kpa", [1.5, 2.3, 10.1])
def test_wave_number_and_attenuation_are_those_of_the_medium(kpa: float) -> None:
    """Far from the free end a wave is ``exp(-i k x)``; k is wrong by (k h)^4 / 480 < 0.3 %."""
    modulus = 1e3 * kpa * np.exp(0.4j)
    wave = shear_wave(a_bar(modulus, nodes=400))[:, 10]

    between = slice(4, 60)
    x = np.arange(400)[between] * 3.5e-3
    phase = np.polyfit(x, np.unwrap(np.angle(wave[between])), 1)[0]
    decay = np.polyfit(x, np.log(np.abs(wave[between])), 1)[0]

    k = wave_number(modulus)
    np.testing.assert_allclose(-phase, k.real, rtol=0.005)
    np.testing.assert_allclose(decay, k.imag, rtol=0.015)


def inverted(wave: Complex, *, spacing_mm: float) -> Complex:
    """Direct inversion ``G = -rho omega^2 u / laplacian u``, stencil of fourth order."""
    step = spacing_mm * 1e-3
    laplacian = np.zeros_like(wave)
    for axis in (0, 1):
        laplacian += (
            -np.roll(wave, 2, axis)
            + 16 * np.roll(wave, 1, axis)
            - 30 * wave
            + 16 * np.roll(wave, -1, axis)
            - np.roll(wave, -2, axis)
        ) / (12 * step**2)
    moving = laplacian != 0
    found = np.zeros_like(wave)
    found[moving] = -DENSITY_KG_M3 * OMEGA**2 * wave[moving] / laplacian[moving]
    return found


def test_inversion_of_a_round_body_returns_its_stiffness() -> None:
    shape = (90, 90)
    i, j = np.indices(shape)
    inside = np.hypot(i - 44.5, j - 44.5) < 40
    modulus = 2300.0 * np.exp(0.2j)
    load = np.zeros(shape, dtype=np.complex128)
    load[40:50, 7:9] = 1.0

    wave = shear_wave(
        WaveSlice(
            modulus_pa=np.full(shape, modulus),
            inside=inside,
            load=load,
            spacing_mm=3.5,
            frequency_hz=60.0,
        )
    )

    found = inverted(wave, spacing_mm=3.5)[np.hypot(i - 44.5, j - 44.5) < 25]
    np.testing.assert_allclose(np.median(np.abs(found)), 2300.0, rtol=0.02)
    np.testing.assert_allclose(np.median(np.angle(found)), 0.2, atol=0.02)


def test_inversion_finds_a_stiff_inclusion() -> None:
    """10.1 kPa in 2.3 kPa; local inversion blurs its rim, so its core is compared within 25 %."""
    shape = (90, 90)
    i, j = np.indices(shape)
    stiff = np.hypot(i - 44, j - 24) < 10
    modulus = np.where(stiff, 10100.0, 2300.0) * np.exp(0.2j)
    load = np.zeros(shape, dtype=np.complex128)
    load[35:53, 6:9] = 1.0

    wave = shear_wave(
        WaveSlice(
            modulus_pa=modulus,
            inside=np.hypot(i - 44.5, j - 44.5) < 40,
            load=load,
            spacing_mm=3.5,
            frequency_hz=60.0,
        )
    )

    found = np.abs(inverted(wave, spacing_mm=3.5))
    np.testing.assert_allclose(np.median(found[np.hypot(i - 44, j - 24) < 6]), 10100.0, rtol=0.25)
    behind = (np.abs(i - 44) < 12) & (j > 44) & (j < 60)
    np.testing.assert_allclose(np.median(found[behind]), 2300.0, rtol=0.05)


def test_outside_the_body_nothing_moves() -> None:
    what = a_bar(2300.0 * np.exp(0.2j))
    inside = what.inside.copy()
    inside[60:] = False
    wave = shear_wave(
        WaveSlice(
            modulus_pa=what.modulus_pa,
            inside=inside,
            load=what.load,
            spacing_mm=3.5,
            frequency_hz=60.0,
        )
    )

    assert np.abs(wave[60:]).max() == 0.0
    assert np.abs(wave[:60]).min() > 0.0


def test_refuses_a_slice_without_a_body() -> None:
    what = a_bar(2300.0 + 0j)
    with pytest.raises(DataError, match="Waves need a body"):
        shear_wave(
            WaveSlice(
                modulus_pa=what.modulus_pa,
                inside=np.zeros_like(what.inside),
                load=what.load,
                spacing_mm=3.5,
                frequency_hz=60.0,
            )
        )
