"""Small simulated scans: headers, volumes and sequences, and how they are read back."""

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Sex
from operandi.domain.volume import Volume
from operandi.imaging.dicom.assemble import Stack, assemble
from operandi.imaging.dicom.index import index_dicom
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION, MR_SIGNAL
from operandi.quantities.nuclides import GA68, LU177
from operandi.simulation.dicom.headers import (
    MrSequence,
    NmAcquisition,
    PetAcquisition,
    SeriesHeader,
    StudyHeader,
)

PARIS_SUMMER: Final = timezone(timedelta(hours=2))
SCAN: Final = datetime(2024, 9, 3, 11, 16, tzinfo=PARIS_SUMMER)
HALF_LIFE_S: Final = 4069.8
SHAPE: Final = (6, 5, 4)


def a_grid(shape: tuple[int, int, int] = SHAPE) -> Grid:
    affine = np.diag([4.0, 4.0, 5.0, 1.0])
    affine[:3, 3] = (-20.5, 7.0, -101.25)
    return Grid(shape, affine, frame_of_reference="2.25.77")


def a_study(*, body_mass_kg: float | None = 70.0) -> StudyHeader:
    return StudyHeader(
        participant=Pseudonym("OP-900"),
        sex=Sex.FEMALE,
        body_mass_kg=body_mass_kg,
        height_m=1.7,
        uid="2.25.1",
        started_at=SCAN,
    )


def a_series(*, description: str = "a series") -> SeriesHeader:
    return SeriesHeader(uid="2.25.2", number=1, description=description, started_at=SCAN)


def an_injection(*, activity_bq: float = 150e6) -> Administration:
    return Administration(
        nuclide=GA68,
        activity_bq=activity_bq,
        at=SCAN - timedelta(minutes=62),
        half_life_s=HALF_LIFE_S,
    )


def a_therapy() -> Administration:
    at = SCAN - timedelta(hours=24)
    return Administration(nuclide=LU177, activity_bq=7.4e9, at=at, half_life_s=LU177.half_life_s)


def an_acquisition(**changes: Any) -> PetAcquisition:
    stated = {"tracer": "68Ga-DOTATOC", "injected": an_injection()}
    return PetAcquisition(**{**stated, **changes})


def a_camera(**changes: Any) -> NmAcquisition:
    stated = {"tracer": "177Lu-DOTATATE", "injected": a_therapy()}
    return NmAcquisition(**{**stated, **changes})


def a_ramp(*, largest: float = 9000.0) -> npt.NDArray[np.float32]:
    return np.linspace(0, largest, 120, dtype=np.float32).reshape(SHAPE)


def a_pet(values: npt.NDArray[np.float32] | None = None, grid: Grid | None = None) -> Volume:
    return Volume(
        values=a_ramp() if values is None else values,
        grid=grid or a_grid(),
        kind=ACTIVITY_CONCENTRATION,
        decay_reference=SCAN,
    )


def an_mr(values: npt.NDArray[np.float32] | float) -> Volume:
    return Volume(
        values=np.broadcast_to(np.float32(values), SHAPE).copy(), grid=a_grid(), kind=MR_SIGNAL
    )


def a_sequence(**changes: Any) -> MrSequence:
    """A gradient echo sequence."""
    stated: dict[str, Any] = {
        "image_type": ("ORIGINAL", "PRIMARY", "OTHER"),
        "scanning_sequence": "GR",
        "variant": "SP",
        "acquisition": "3D",
        "repetition_time_ms": 4.0,
        "echo_time_ms": 1.23,
    }
    return MrSequence(**{**stated, **changes})


def a_diffusion(*b_values_s_mm2: float) -> MrSequence:
    return MrSequence(
        image_type=("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"),
        scanning_sequence="EP",
        variant="SK",
        acquisition="2D",
        repetition_time_ms=5800,
        echo_time_ms=57,
        b_values_s_mm2=b_values_s_mm2,
    )


def stacks_of(folder: Path) -> tuple[Stack, ...]:
    (series,) = index_dicom(folder).series
    return assemble(series)


def stack_of(folder: Path) -> Stack:
    (stack,) = stacks_of(folder)
    return stack


def type_of(folder: Path) -> str:
    (series,) = index_dicom(folder).series
    return series.classification.type.value


def contents(files: Iterable[Path]) -> list[bytes]:
    return [file.read_bytes() for file in files]
