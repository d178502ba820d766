"""The true images of a visit: labels, uptake, attenuation and motion, as NIfTI."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.nifti import write_nifti
from operandi.quantities.kinds import LABEL, PARAMETRIC, SUV_BODY_WEIGHT
from operandi.simulation.emission.pet import PetImage
from operandi.simulation.participant import VisitImages
from operandi.simulation.scenes.motion import displacement

_FIELD_VOXEL_MM: Final = 12.0
"""Fields of motion are smooth: they are written on coarse voxels."""


def write_visit_truth(
    folder: Path,
    visit: VisitImages,
    pet: PetImage,
    *,
    grid: Grid,
    labels: npt.NDArray[np.unsignedinteger],
    names: Mapping[int, str],
) -> None:
    """Write what is true of a visit on the grid of its PET.

    ``labels.nii.gz`` with ``labels.json``: what fills most of each voxel at end-expiration.
    ``suv.nii.gz``: uptake before blur and noise. ``expected_suv.nii.gz``: the image without noise.
    ``mu.nii.gz`` and ``mu_used.nii.gz``: attenuation at 511 keV, 1/cm, true and as the scanner
    took it. ``inspiration_x.nii.gz``, ``_y``, ``_z``: from a place at end-inspiration to where its
    tissue lies at end-expiration, mm.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def write(name: str, values: npt.NDArray[np.float32], kind: object, on: Grid = grid) -> None:
        write_nifti(folder / f"{name}.nii.gz", Volume(values=values, grid=on, kind=kind))  # type: ignore[arg-type]

    write("labels", labels.astype(np.float32), LABEL)
    (folder / "labels.json").write_text(
        json.dumps({str(number): name for number, name in names.items()}, indent=1), "utf-8"
    )
    write("suv", pet.suv_true, SUV_BODY_WEIGHT)
    write("expected_suv", pet.expected, SUV_BODY_WEIGHT)
    write("mu", pet.mu_true, PARAMETRIC)
    write("mu_used", pet.mu_used, PARAMETRIC)
    coarse = _coarse(grid)
    field = displacement(
        visit.scene.motion, visit.scene.pose, coarse, respiration=1.0, contraction=0.0
    )
    for axis, letter in enumerate("xyz"):
        write(f"inspiration_{letter}", np.ascontiguousarray(field[..., axis]), PARAMETRIC, coarse)


def _coarse(grid: Grid) -> Grid:
    """The same box in larger voxels."""
    spacing = np.array(grid.spacing_mm)
    extent = spacing * grid.shape
    shape = np.maximum(1, np.round(extent / _FIELD_VOXEL_MM)).astype(int)
    affine = np.diag([*(extent / shape), 1.0])
    affine[:3, 3] = grid.affine[:3, 3] - spacing / 2 + extent / shape / 2
    i, j, k = (int(size) for size in shape)
    return Grid((i, j, k), affine, grid.frame_of_reference)
