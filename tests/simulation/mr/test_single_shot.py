from dataclasses import replace

import numpy as np
import pytest

from operandi.simulation.mr.session import MrArtifacts
from operandi.simulation.mr.signals import FAT_T2_MS
from operandi.simulation.mr.single_shot import (
    ECHO_MS,
    NOISE,
    single_shot_series,
    single_shot_signal,
)
from tests.simulation.mr.scenes import FAT, LIVER, a_session


def test_signal_is_proton_density_decayed_by_t2() -> None:
    assert single_shot_signal(LIVER) == pytest.approx(0.9 * np.exp(-ECHO_MS / 34.0))
    assert single_shot_signal(FAT) == pytest.approx(0.9 * np.exp(-ECHO_MS / FAT_T2_MS))
    wet = replace(LIVER, t2_ms=80.0)
    assert single_shot_signal(wet) > 4 * single_shot_signal(LIVER)


def test_levels_of_two_tissues_are_as_their_signals() -> None:
    lesion = replace(LIVER, t2_ms=80.0)
    tissues = {"lesion": lesion, "liver": LIVER}
    bright, dim = (
        single_shot_series(a_session(tissues, of=of)).volumes[0].values.astype(np.float64)
        for of in ("lesion", "liver")
    )
    scale = 2500.0 / single_shot_signal(lesion)

    # Rice: mean square of the level is that of the signal plus twice that of the noise.
    signal = np.mean(dim**2) - 2 * (NOISE * scale) ** 2
    brighter = np.mean(bright**2) - 2 * (NOISE * scale) ** 2
    expected = (single_shot_signal(LIVER) / single_shot_signal(lesion)) ** 2
    np.testing.assert_allclose(signal / brighter, expected, rtol=0.01)


def test_implant_is_smaller_than_in_a_gradient_echo() -> None:
    lesion = replace(LIVER, t2_ms=80.0)
    session = a_session({"lesion": lesion}, artifacts=MrArtifacts(void=((0.0, 0.0, 55.0), 40.0)))
    image = single_shot_series(session).volumes[0]
    index = np.moveaxis(np.indices(image.grid.shape), 0, -1)
    distance = np.linalg.norm(image.grid.position_of(index) - (0.0, 0.0, 55.0), axis=-1)

    assert image.values[distance < 18].mean() < 150
    assert image.values[(distance > 22) & (distance < 40)].mean() > 1500
