"""Write simulated series: ours beside pydicom's ``dcmwrite`` of the same slices.

Run from the checkout: ``python -m benchmarks.simulated_dicom [runs]``. It writes a PET of the
trunk (150 slices of 150 x 150) and a diffusion series (160 slices of 192 x 144), two dialects each,
into a folder of its own, and prints the median: slices a second by wall and by CPU time, and
how many times pydicom's time that is. pydicom is given the finished datasets, made before the clock
starts; ours starts from the volume. The limit is writing the bytes and nothing else.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pydicom

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Sex
from operandi.domain.volume import Volume
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION, MR_SIGNAL
from operandi.quantities.nuclides import GA68
from operandi.simulation.dicom.headers import (
    MrSequence,
    PetAcquisition,
    SeriesHeader,
    StudyHeader,
    Vendor,
)
from operandi.simulation.dicom.mr import write_mr
from operandi.simulation.dicom.pet import write_pet

TARGET = 3000.0
SCAN = datetime(2026, 3, 2, 10, 0, tzinfo=ZoneInfo("Europe/Paris"))
STUDY = StudyHeader(
    participant=Pseudonym("OP-001"),
    sex=Sex.FEMALE,
    body_mass_kg=70.0,
    height_m=1.7,
    uid="2.25.1",
    started_at=SCAN,
)
SERIES = SeriesHeader(uid="2.25.2", number=1, description="series", started_at=SCAN)
ACQUISITION = PetAcquisition(
    tracer="68Ga-DOTATOC",
    injected=Administration(GA68, 150e6, SCAN - timedelta(hours=1), GA68.half_life_s),
)
DIFFUSION = MrSequence(
    image_type=("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"),
    scanning_sequence="EP",
    variant="SK",
    acquisition="2D",
    repetition_time_ms=5800.0,
    echo_time_ms=57.0,
    b_values_s_mm2=(0.0, 50.0, 400.0, 800.0),
)


def a_volume(shape: tuple[int, int, int], **what: Any) -> Volume:
    """Noise, so that nothing is faster than it would be."""
    values = np.random.default_rng(1).uniform(0, 4000, shape).astype(np.float32)
    grid = Grid(shape, np.diag([4.0, 4.0, 4.0, 1.0]), frame_of_reference="2.25.3")
    return Volume(values=values, grid=grid, **what)


def timed(write: Callable[[Path], Any], *, slices: int, runs: int) -> tuple[float, float]:
    """Slices a second by wall and CPU time, medians; each run into a folder of its own."""
    walls, cpus = [], []
    for _ in range(runs + 1):
        with tempfile.TemporaryDirectory() as folder:
            wall, cpu = time.perf_counter(), time.process_time()
            write(Path(folder) / "series")
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    return slices / statistics.median(walls[1:]), slices / statistics.median(cpus[1:])


def time_series(name: str, write: Callable[[Path], tuple[Path, ...]], *, runs: int) -> None:
    """Print ours, pydicom's and the limit for one series."""
    with tempfile.TemporaryDirectory() as folder:
        files = write(Path(folder) / "model")
        datasets = [pydicom.dcmread(file) for file in files]
        contents = [file.read_bytes() for file in files]
        for dataset in datasets:
            dataset.walk(lambda _, element: element.value)  # read every element before the clock

    def by_pydicom(target: Path) -> None:
        target.mkdir()
        for number, dataset in enumerate(datasets, start=1):
            pydicom.dcmwrite(target / f"{number:04d}.dcm", dataset, enforce_file_format=True)

    def bytes_alone(target: Path) -> None:
        target.mkdir()
        for number, content in enumerate(contents, start=1):
            (target / f"{number:04d}.dcm").write_bytes(content)

    ours = timed(write, slices=len(files), runs=runs)
    theirs = timed(by_pydicom, slices=len(files), runs=runs)
    limit = timed(bytes_alone, slices=len(files), runs=runs)
    verdict = "" if ours[1] >= TARGET else f"  BELOW THE TARGET OF {TARGET:.0f}"
    print(f"{name}, {len(files)} slices of {len(contents[0]) / 1024:.0f} KiB{verdict}")
    for what, (wall, cpu) in (("ours", ours), ("pydicom", theirs), ("bytes alone", limit)):
        print(
            f"  {what:12} {wall:8.0f} slices/s wall, {cpu:8.0f} CPU, {cpu / theirs[1]:5.1f} times "
            "pydicom"
        )


def main(runs: int) -> None:
    """Time each sort of series."""
    pet = a_volume((150, 150, 150), kind=ACTIVITY_CONCENTRATION, decay_reference=SCAN)
    weighted = [a_volume((192, 144, 40), kind=MR_SIGNAL)] * 4
    for vendor in (Vendor.NEUTRAL, Vendor.GE):

        def write(folder: Path, vendor: Vendor = vendor) -> tuple[Path, ...]:
            return write_pet(
                folder, pet, study=STUDY, series=SERIES, acquisition=ACQUISITION, vendor=vendor
            )

        time_series(f"PET, {vendor.value}", write, runs=runs)
    for vendor in (Vendor.SIEMENS, Vendor.PHILIPS):

        def write_weighted(folder: Path, vendor: Vendor = vendor) -> tuple[Path, ...]:
            return write_mr(
                folder, weighted, study=STUDY, series=SERIES, sequence=DIFFUSION, vendor=vendor
            )

        time_series(f"diffusion, {vendor.value}", write_weighted, runs=runs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
