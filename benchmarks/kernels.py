"""Kernels made anew and used: time, and agreement with what others have published.

Run from the checkout: ``python -m benchmarks.kernels``. One core. Targets: all tables in under
30 s of CPU, a sphere in 5 ms, the voxels of 4.8 mm in 0.5 s after compilation. The peer at hand
(PyTheranostics 0.1) makes no kernels: it ships those of one nuclide at some voxel sizes. As
another way to the same voxel values stands a Monte Carlo average in NumPy: points drawn in the
source voxel, a distance drawn from the kernel, counted where they land, until its own error is
1 %. On a machine that does other work only the CPU time says much.
"""

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from operandi.therapy.kernels import (
    GY_G_PER_MEV,
    cell_s_values,
    sphere_s_value,
    voxel_s_values,
)
from operandi.therapy.make_kernels import make_kernels
from operandi.therapy.point_kernels import DIGESTS, shipped_kernels
from operandi.therapy.radionuclides import Emissions, Radiation
from tests.therapy.icrp107 import emissions_from_icrp107
from tests.therapy.test_kernels import CELLS, SPHERES_90Y, SPHERES_177LU

EDGE_MM = 4.8
POINTS = 400_000


def cpu_seconds(work: Callable[[], Any], *, times: int = 1) -> float:
    """CPU time of one call, the mean over *times*."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def drawn_in_numpy(emissions: Emissions) -> float:
    """S of the source voxel by drawing, Gy/(Bq s)."""
    deposits = shipped_kernels(Radiation.ELECTRON).deposits(emissions.electrons, density_g_cm3=1.04)
    rng = np.random.default_rng(1)
    share = deposits.energy_mev.ravel() / deposits.total_mev
    shell = rng.choice(share.size, size=POINTS, p=share)
    inner = deposits.edges_cm[:, :-1].ravel()[shell]
    outer = deposits.edges_cm[:, 1:].ravel()[shell]
    radius = inner + rng.random(POINTS) * (outer - inner)
    towards = rng.normal(size=(POINTS, 3))
    towards *= (radius / np.linalg.norm(towards, axis=1))[:, None]
    end = (rng.random((POINTS, 3)) - 0.5) * EDGE_MM / 10 + towards
    inside = np.all(np.abs(end) < EDGE_MM / 20, axis=1).mean()
    mass = EDGE_MM**3 * 1e-3 * 1.04
    return float(GY_G_PER_MEV * inside * deposits.total_mev / mass)


def main() -> None:
    """Print times and agreement."""
    lutetium = emissions_from_icrp107("Lu-177")
    yttrium = emissions_from_icrp107("Y-90")

    def voxels() -> Any:
        return voxel_s_values(lutetium, voxel_mm=(EDGE_MM,) * 3, density_g_cm3=1.04)

    def sphere() -> Any:
        return sphere_s_value(lutetium, mass_g=10.0, density_g_cm3=1.04)

    ours = voxels()  # compiles
    sphere()
    with tempfile.TemporaryDirectory() as folder:
        digests: dict[str, str] = {}
        seconds = cpu_seconds(lambda: digests.update(make_kernels(Path(folder))))
    same = all(digests[f"{kind}_kernels_water.npy"] == digest for kind, digest in DIGESTS.items())
    print(
        f"both tables made anew: {seconds:.1f} s CPU (target 30), digests "
        f"{'as shipped' if same else 'differ from those shipped'}"
    )
    print(f"sphere: {1e3 * cpu_seconds(sphere, times=50):.2f} ms (target 5)")
    quick = cpu_seconds(voxels, times=5)
    drawn = cpu_seconds(lambda: drawn_in_numpy(lutetium))
    middle = tuple(size // 2 for size in ours.total.shape)
    ratio = drawn_in_numpy(lutetium) / ours.electron_gy_per_bq_s[middle]
    print(
        f"voxels of {EDGE_MM} mm, {ours.total.shape}: {1e3 * quick:.0f} ms (target 500); the "
        f"middle alone drawn in NumPy {1e3 * drawn:.0f} ms, {ratio:.4f} of ours"
    )

    print("\n177Lu, soft tissue: mass g, ours / MIRDcalc")
    for mass, value in SPHERES_177LU:
        found = sphere_s_value(lutetium, mass_g=mass, density_g_cm3=1.03).total
        print(f"  {mass:10.4g} {found / value:.4f}")
    print("90Y, water: radius cm, absorbed fraction of ours and of EGS4 or Geant4")
    for radius, fraction in SPHERES_90Y:
        mass = 4 / 3 * math.pi * radius**3
        found = sphere_s_value(yttrium, mass_g=mass, density_g_cm3=1.0).electron_gy_per_bq_s
        emitted = GY_G_PER_MEV * yttrium.electrons.energy_per_decay_mev / mass
        print(f"  {radius:10.4g} {found / emitted:.3f} {fraction:.2f}")
    print("cell of 7, nucleus of 5 µm, 1436 MeV: Gy from surface, cytoplasm, nucleus; CELLDOSE")
    for name, *published in CELLS:
        emissions = emissions_from_icrp107(name)
        cell = cell_s_values(emissions, cell_radius_um=7, nucleus_radius_um=5)
        decays = 1436 / emissions.electrons.energy_per_decay_mev
        parts = (cell.from_surface, cell.from_cytoplasm, cell.from_nucleus)
        doses = " ".join(f"{decays * part.electron_gy_per_bq_s:.2f}" for part in parts)
        print(f"  {name}: {doses}; {' '.join(map(str, published))}")


if __name__ == "__main__":
    main()
