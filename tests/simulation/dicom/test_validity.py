"""Every kind of file in every dialect, by an independent validator."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from operandi.domain.volume import Volume
from operandi.quantities.kinds import COUNTS
from operandi.simulation.dicom.duplicate import write_duplicate
from operandi.simulation.dicom.headers import DecayCorrection, MrSequence, PetAcquisition, Vendor
from operandi.simulation.dicom.mr import write_mr
from operandi.simulation.dicom.nm import write_nm
from operandi.simulation.dicom.pet import write_pet
from tests.simulation.dicom.scans import (
    a_camera,
    a_diffusion,
    a_grid,
    a_pet,
    a_ramp,
    a_sequence,
    a_series,
    a_study,
    a_therapy,
    an_acquisition,
    an_mr,
)

Write = Callable[[Path, Vendor], tuple[Path, ...]]


def a_pet_writer(acquisition: PetAcquisition, *, body_mass_kg: float | None = 70.0) -> Write:
    def write(folder: Path, vendor: Vendor) -> tuple[Path, ...]:
        return write_pet(
            folder,
            a_pet(),
            study=a_study(body_mass_kg=body_mass_kg),
            series=a_series(),
            acquisition=acquisition,
            vendor=vendor,
        )

    return write


def an_mr_writer(sequence: MrSequence) -> Write:
    def write(folder: Path, vendor: Vendor) -> tuple[Path, ...]:
        return write_mr(
            folder,
            [an_mr(100 + number) for number in range(sequence.volumes)],
            study=a_study(),
            series=a_series(),
            sequence=sequence,
            vendor=vendor,
        )

    return write


def an_nm_writer(image: Volume) -> Write:
    def write(folder: Path, vendor: Vendor) -> tuple[Path, ...]:
        return write_nm(
            folder, image, study=a_study(), series=a_series(), acquisition=a_camera(), vendor=vendor
        )

    return write


def a_copy(folder: Path, vendor: Vendor) -> tuple[Path, ...]:
    files = a_pet_writer(an_acquisition())(folder / "first", vendor)
    return write_duplicate(folder / "second", files)


KINDS: Final[dict[str, Write]] = {
    "PET": a_pet_writer(an_acquisition()),
    "PET without attenuation correction": a_pet_writer(
        an_acquisition(attenuation_corrected=False), body_mass_kg=None
    ),
    "PET at injection": a_pet_writer(an_acquisition(decay_correction=DecayCorrection.ADMIN)),
    "PET of each frame": a_pet_writer(an_acquisition(decay_correction=DecayCorrection.NONE)),
    "PET reconstructed again": a_pet_writer(an_acquisition(series_delay_s=1800.0)),
    "SPECT stored as PET": a_pet_writer(an_acquisition(injected=a_therapy())),
    "PET sent twice": a_copy,
    "MR water": an_mr_writer(a_sequence(image_type=("DERIVED", "PRIMARY", "DIXON", "WATER"))),
    "MR diffusion": an_mr_writer(a_diffusion(0, 50, 800)),
    "MR dynamic": an_mr_writer(a_sequence(offsets_s=(0.0, 6.5))),
    "MR echoes": an_mr_writer(a_sequence(echo_times_ms=(1.15, 2.3))),
    "MR flip angles": an_mr_writer(a_sequence(flip_angles_degree=(2.0, 15.0))),
    "MR inversion": an_mr_writer(a_sequence(scanning_sequence="IR", inversion_time_ms=200.0)),
    "MR phase": an_mr_writer(a_sequence(phase=True, trigger_offsets_ms=(0.0, 4.2))),
    "MR stiffness": an_mr_writer(a_sequence(image_type=("DERIVED", "PRIMARY", "STIFFNESS"))),
    "NM counts": an_nm_writer(Volume(values=a_ramp(), grid=a_grid(), kind=COUNTS)),
    "NM activity": an_nm_writer(a_pet()),
}
OBJECTS: Final = {"MR": "MRImage", "NM": "NMImage"}


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is absent")
@pytest.mark.parametrize("vendor", list(Vendor))
@pytest.mark.parametrize("kind", list(KINDS))
def test_an_independent_validator_finds_no_error(kind: str, vendor: Vendor, tmp_path: Path) -> None:
    """Except SyntheticData (0008,001C), which is younger than dciodvfy's dictionary."""
    files = KINDS[kind](tmp_path, vendor)

    for file in {files[0], files[-1]}:
        report = subprocess.run(
            ["dciodvfy", "-new", str(file)], capture_output=True, text=True, check=False
        ).stderr
        errors = [line for line in report.splitlines() if line.startswith("Error")]
        assert OBJECTS.get(kind[:2], "PETImage") in report
        assert [line for line in errors if "(0008,001c)" not in line] == []
