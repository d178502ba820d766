"""Voxel dose end to end: four scans of 128^3, integrated over time, convolved, averaged in a mask.

Run from the checkout: ``python -m benchmarks.voxel_dose [runs]``. The target is 3 s on one core, so
CPU time counts; the median of the runs is printed. Beside it, the convolution alone, ours and the
peer's: PyTheranostics (``doodle.dosimetry.dvk``) where it is installed, else the one call it makes
there, ``scipy.signal.fftconvolve`` in float64. Both doses must agree. Kernels of 11^3, as published
lattices have, and of 51^3, as the peer's. On a machine that does other work only the CPU time says
much.
"""

import importlib
import importlib.util
import math
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION
from operandi.quantities.nuclides import LU177
from operandi.therapy.voxel_dose import (
    TimeIntegratedActivityMap,
    VoxelIntegrator,
    VoxelKernel,
    statistics_in,
    time_integrated_activity_map,
    voxel_dose,
)

TARGET_S = 3.0
SIZE = 128
SPACING_MM = 4.8
HOURS = (4.0, 24.0, 72.0, 168.0)
RATE = math.log(2) / LU177.half_life_s
Array = npt.NDArray[np.floating]


def trapezoids(
    values: Array, *, times_s: npt.NDArray[np.float64], physical_rate_per_s: float
) -> Array:
    """Trapezoids from zero and a physical tail: stands in where the fit is not there."""
    steps = np.diff(times_s, prepend=0.0)
    weights = (steps + np.append(steps[1:], 2 / physical_rate_per_s)) / 2
    return np.asarray(weights.astype(values.dtype) @ values)


def integrator() -> tuple[str, VoxelIntegrator]:
    """The package's voxel fit, or trapezoids before it is there."""
    if importlib.util.find_spec("operandi.therapy.voxel_time_activity"):
        module: Any = importlib.import_module("operandi.therapy.voxel_time_activity")
        if hasattr(module, "voxel_time_integrated_activity"):
            return "voxel fit", module.voxel_time_integrated_activity
    return "trapezoids with a physical tail", trapezoids


def scans() -> list[Volume]:
    """A body of 40 % of the voxels with two hot organs that clear with 60 h."""
    grid = Grid((SIZE,) * 3, np.diag([SPACING_MM] * 3 + [1.0]), "1.2.3")
    axes = np.meshgrid(*[np.linspace(-1, 1, SIZE, dtype=np.float32)] * 3, indexing="ij")
    body = axes[0] ** 2 / 0.8 + axes[1] ** 2 / 0.5 + 0 * axes[2] < 1
    hot = sum((axes[0] - x) ** 2 + axes[1] ** 2 + axes[2] ** 2 < 0.03 for x in (-0.4, 0.4))
    mean = body * 5e4 + hot * 2e6
    noise = np.random.default_rng(1)
    return [
        Volume(
            noise.poisson(mean * 2 ** (-hours / 60) / 1e3).astype(np.float32) * 1e3,
            grid,
            ACTIVITY_CONCENTRATION,
            datetime(2025, 3, 1, tzinfo=UTC),
        )
        for hours in HOURS
    ]


def kernel(reach: int) -> VoxelKernel:
    """A lattice that falls as photons of 177Lu do; its shape does not matter to the time."""
    at = np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij")
    square = sum(axis.astype(float) ** 2 for axis in at)
    values = np.where(square > 0, 5e-12 / np.maximum(square, 1), 1.92e-10)
    return VoxelKernel(values, (SPACING_MM,) * 3, 1.04, 0.183)


def peer() -> tuple[str, Callable[[Array, VoxelKernel], Array]]:
    """PyTheranostics' convolution, or the call that it makes."""
    try:
        dvk: Any = importlib.import_module("doodle.dosimetry.dvk").DoseVoxelKernel
    except ImportError as reason:  # not installed; wheel 0.1 also lacks doodle.MiscTools
        return (
            f"scipy.signal.fftconvolve (PyTheranostics: {reason})",
            lambda activity, s: np.asarray(
                scipy.signal.fftconvolve(activity.astype(np.float64), s.gy_per_bq_s, "same")
            ),
        )

    def convolve(activity: Array, s: VoxelKernel) -> Array:
        made = dvk.__new__(dvk)  # its constructor reads a kernel file; ours is given
        made.kernel = s.gy_per_bq_s
        return np.asarray(made.tia_to_dose(activity.astype(np.float64)))

    return "PyTheranostics", convolve


def measured(run: Callable[[], Any], runs: int) -> tuple[float, float, Any]:
    """Median wall and CPU time, after one run that is not counted, and the last result."""
    result = run()
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        result = run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(cpus), result


def main() -> None:
    """Time ours and the peer's, and print the ratios."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    images = scans()
    name, integrate = integrator()
    times = [hours * 3600 for hours in HOURS]
    mask = Mask(images[0].values > 5e5, images[0].grid)
    other, convolve = peer()

    def decays() -> TimeIntegratedActivityMap:
        return time_integrated_activity_map(
            images, times_s=times, physical_rate_per_s=RATE, integrate=integrate
        )

    for reach in (5, 25):
        s = kernel(reach)

        def whole(s: VoxelKernel = s) -> Any:
            return statistics_in(voxel_dose(decays(), s, density=None).dose, mask, density=None)

        wall, cpu, found = measured(whole, runs)
        verdict = "meets" if cpu < TARGET_S else "misses"
        size = f"kernel {2 * reach + 1}^3, {SIZE}^3 x {len(HOURS)}"
        print(f"{size}, {name}: mean {found.mean_gy:.2f} Gy")
        print(f"  end to end: {wall:.2f} s wall, {cpu:.2f} s CPU; {verdict} {TARGET_S:g} s")
        activity = decays()
        ours = measured(partial(voxel_dose, activity, s, density=None), runs)
        theirs = measured(partial(convolve, activity.bq_s, s), runs)
        apart = float(np.abs(ours[2].dose.values - theirs[2]).max() / theirs[2].max())
        assert apart < 1e-5, f"the doses differ by {apart:.1e} of the maximum"
        print(
            f"  convolution: ours {ours[1]:.2f} s CPU, {other} {theirs[1]:.2f} s CPU, "
            f"{theirs[1] / ours[1]:.1f} times ours; doses agree within {apart:.0e} of the maximum"
        )


if __name__ == "__main__":
    main()
