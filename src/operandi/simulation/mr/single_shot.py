"""T2-weighted single-shot fast spin echo."""

from typing import Final

from operandi.simulation.dicom.headers import MrSequence
from operandi.simulation.mr.noise import stored_magnitude
from operandi.simulation.mr.session import (
    MrSeries,
    SeriesNumber,
    Session,
    as_volume,
    storage_scale,
)
from operandi.simulation.mr.signals import FAT_T2_MS, spin_echo
from operandi.simulation.scenes.scene import Tissue

ECHO_MS: Final = 90.0
"""Effective (assumed)."""

NOISE: Final = 0.004
"""Of each channel, relative to relaxed water: about 1/12 of the signal of liver (assumed)."""

_AFTER_S: Final = 60.0


def single_shot_signal(tissue: Tissue) -> float:
    """Of water and fat, which are in phase in a spin echo; the repetition time is infinite."""
    water = spin_echo(t1_ms=tissue.t1_ms, t2_ms=tissue.t2_ms, echo_time_ms=ECHO_MS)
    fat = spin_echo(t1_ms=tissue.t1_ms, t2_ms=FAT_T2_MS, echo_time_ms=ECHO_MS)
    mixed = (1.0 - tissue.fat_fraction) * water + tissue.fat_fraction * fat
    return tissue.proton_density * mixed


def single_shot_series(session: Session) -> MrSeries:
    """The T2-weighted series."""
    occupancy = session.painted("t2")
    signals = session.by_tissue(single_shot_signal)
    image = occupancy.image(signals)
    image *= session.reception(occupancy.grid, echo_time_ms=0.0)
    stored = stored_magnitude(
        image,
        sigma=NOISE,
        scale=storage_scale(signals),
        random=session.noise(SeriesNumber.T2, volume=0),
    )
    return MrSeries(
        name="t2",
        volumes=(as_volume(stored, occupancy.grid),),
        sequence=MrSequence(
            image_type=("ORIGINAL", "PRIMARY", "M"),
            scanning_sequence="SE",
            variant="SK",
            acquisition="2D",
            repetition_time_ms=1400.0,
            echo_time_ms=ECHO_MS,
            flip_angle_degree=90.0,
            echo_train_length=168,
        ),
        after_s=_AFTER_S,
    )
