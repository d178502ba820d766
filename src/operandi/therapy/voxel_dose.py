"""Absorbed dose of every voxel: time-integrated activity convolved with voxel S values.

The kernel is of one density. A voxel of another density may be scaled by ``rho_kernel / rho``,
which keeps the absorbed energy and changes the mass; it does not move the energy elsewhere. In air
that makes large doses of the little that a soft tissue would have absorbed there: the range of the
densities stands in the method. Which density a voxel has is never guessed: a map is given, or the
kernel's is stated.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import scipy.fft

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import ABSORBED_DOSE, ACTIVITY_CONCENTRATION, MASS_DENSITY
from operandi.therapy.radionuclides import Emissions
from operandi.therapy.regions import JOULE_PER_MEV

_WORKERS: Final = 2
_SPACING_TOLERANCE: Final = 1e-3
"""Relative; a self S value goes with the voxel's volume, so 0.1 % of spacing is 0.3 % of dose."""

Array = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class VoxelKernel:
    """Voxel S values: dose to a voxel per decay in the middle one.

    Parameters
    ----------
    gy_per_bq_s : array, (2a + 1, 2b + 1, 2c + 1)
        Gy/(Bq s), the source voxel in the middle. Read-only.
    voxel_mm : tuple of float
        Edges along i, j and k.
    density_g_cm3 : float, > 0
        Of the medium it was computed in.
    emitted_mev_per_decay : float
        All that a decay emits as electrons, alphas and photons: what the kernel would add to if
        it reached infinitely far. Tells the lost share.
    """

    gy_per_bq_s: Array
    voxel_mm: tuple[float, float, float]
    density_g_cm3: float
    emitted_mev_per_decay: float

    def __post_init__(self) -> None:
        values = self.gy_per_bq_s
        if values.ndim != 3 or any(n % 2 == 0 for n in values.shape):
            raise ValueError(
                f"a kernel needs a middle voxel: three odd lengths, got {values.shape}"
            )
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise DataError("Voxel S values must be finite and >= 0 Gy/(Bq s).")
        if not (
            min(self.voxel_mm) > 0 and self.density_g_cm3 > 0 and self.emitted_mev_per_decay > 0
        ):
            raise DataError(
                f"A kernel needs voxel edges, density and emitted energy > 0, found "
                f"{self.voxel_mm} mm, {self.density_g_cm3} g/cm3, {self.emitted_mev_per_decay} MeV."
            )
        values.setflags(write=False)

    @property
    def voxel_mass_g(self) -> float:
        """Mass of one voxel of the kernel's medium, g."""
        return math.prod(self.voxel_mm) / 1000.0 * self.density_g_cm3

    @property
    def absorbed_mev_per_decay(self) -> float:
        """Energy absorbed within the kernel's reach, MeV."""
        dose = float(self.gy_per_bq_s.sum(dtype=np.float64))
        return dose * self.voxel_mass_g / 1000.0 / JOULE_PER_MEV

    @property
    def lost_energy_fraction(self) -> float:
        """Share of the emitted energy absorbed beyond the kernel's reach (photons)."""
        return 1.0 - self.absorbed_mev_per_decay / self.emitted_mev_per_decay


class VoxelS(Protocol):
    """``operandi.therapy.kernels.VoxelSValues``."""

    @property
    def total(self) -> npt.NDArray[np.float64]:
        """All radiations, (2a + 1, 2b + 1, 2c + 1), Gy/(Bq s)."""

    @property
    def voxel_mm(self) -> tuple[float, float, float]:
        """Edges, mm."""

    @property
    def density_g_cm3(self) -> float:
        """Of the medium, g/cm3."""


def kernel_of(voxel_s: VoxelS, *, emissions: Emissions) -> VoxelKernel:
    """The kernel of computed voxel S values, its lost energy told by what is emitted."""
    return VoxelKernel(
        voxel_s.total,
        voxel_s.voxel_mm,
        voxel_s.density_g_cm3,
        math.fsum(
            spectrum.energy_per_decay_mev
            for spectrum in (emissions.electrons, emissions.alphas, emissions.photons)
        ),
    )


def kernel_of_octant(
    octant_gy_per_bq_s: Array,
    *,
    voxel_mm: tuple[float, float, float],
    density_g_cm3: float,
    emitted_mev_per_decay: float,
) -> VoxelKernel:
    """A whole kernel from one octant, whose first element is the source voxel.

    Published lattices hold an octant, (a + 1, b + 1, c + 1); the rest is its mirror image.
    """
    reach = [np.abs(np.arange(1 - n, n)) for n in octant_gy_per_bq_s.shape]
    return VoxelKernel(
        octant_gy_per_bq_s[np.ix_(*reach)], voxel_mm, density_g_cm3, emitted_mev_per_decay
    )


@dataclass(frozen=True, slots=True, eq=False)
class TimeIntegratedActivityMap:
    """Decays in every voxel.

    A type of its own: neither concentration (Bq/mL) nor a coefficient (h) is taken for it.

    Parameters
    ----------
    bq_s : array, (i, j, k)
        Bq s per voxel. Read-only.
    grid : Grid
        Where the voxels lie.
    """

    bq_s: Array
    grid: Grid

    def __post_init__(self) -> None:
        if self.bq_s.shape != self.grid.shape:
            raise ValueError(f"map {self.bq_s.shape} does not fit grid {self.grid.shape}")
        if not np.isfinite(self.bq_s).all():
            raise DataError("The time-integrated activity has voxels that are not finite.")
        self.bq_s.setflags(write=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoxelDose:
    """A dose map and what it leaves out.

    Parameters
    ----------
    dose : Volume of ABSORBED_DOSE
        Gy, on the grid of the activity.
    method : str
        In words, with the density policy.
    lost_energy_fraction : float
        Share of the emitted energy that the kernel's reach leaves out, mostly photons.
    outside_fraction : float
        Share of the kernel's own energy that falls outside the grid.
    """

    dose: Volume
    method: str
    lost_energy_fraction: float
    outside_fraction: float


class VoxelIntegrator(Protocol):
    """``operandi.therapy.voxel_time_activity.voxel_time_integrated_activity``."""

    def __call__(
        self,
        values: Array,
        *,
        times_s: npt.NDArray[np.float64],
        physical_rate_per_s: float,
    ) -> Array:
        """Integrals (n,) over all time of courses (t, n)."""


def time_integrated_activity_map(
    scans: Sequence[Volume],
    *,
    times_s: Sequence[float],
    physical_rate_per_s: float,
    integrate: VoxelIntegrator,
) -> TimeIntegratedActivityMap:
    """Decays per voxel from activity concentrations at several times.

    Parameters
    ----------
    scans : sequence of Volume of ACTIVITY_CONCENTRATION, (i, j, k)
        Each at its own scan time, Bq/mL, on one grid in one frame of reference.
    times_s : sequence of float
        Since administration, s, ascending.
    physical_rate_per_s : float, > 0
        ln 2 over the half-life; the tail is never slower.
    integrate : callable
        ``operandi.therapy.voxel_time_activity.voxel_time_integrated_activity``.

    Raises
    ------
    GridMismatchError
        If the scans do not share grid and frame of reference: register and resample them first,
        by a call that can be seen.
    DataError
        If a volume is of another kind, or the times do not fit.
    """
    grid = _common_grid(scans, times_s)
    stack, held = _courses(scans)
    total = np.zeros(held.size, dtype=stack.dtype)
    total[held] = integrate(
        stack,
        times_s=np.asarray(times_s, dtype=np.float64),
        physical_rate_per_s=physical_rate_per_s,
    )
    return TimeIntegratedActivityMap(total.reshape(grid.shape) * grid.voxel_volume_ml, grid)


def voxel_dose(
    activity: TimeIntegratedActivityMap, kernel: VoxelKernel, *, density: Volume | None
) -> VoxelDose:
    """Convolve decays with voxel S values.

    ``D(x) = sum_y A(y) S(x - y)``, times ``rho_kernel / rho(x)`` where a density map is given.
    Zero padding by the kernel's reach: nothing wraps around. In the precision of the activity.

    Parameters
    ----------
    activity : TimeIntegratedActivityMap
        Bq s per voxel.
    kernel : VoxelKernel
        For the same voxel size.
    density : Volume of MASS_DENSITY or None
        g/cm3 of every voxel; None states that all have the kernel's density. No default.

    Raises
    ------
    GridMismatchError
        If the kernel is for another voxel size, or the density lies on another grid.
    DataError
        If the density is not > 0 everywhere.
    """
    _require_voxels(kernel, activity.grid)
    dose, outside = _convolved(activity.bq_s, kernel)
    scaled, policy = _at_density(dose, activity.grid, kernel, density)
    return VoxelDose(
        dose=Volume(scaled, activity.grid, ABSORBED_DOSE),
        method=f"voxel S values, {policy}",
        lost_energy_fraction=kernel.lost_energy_fraction,
        outside_fraction=outside,
    )


def voxel_dose_by_dose_rates(
    scans: Sequence[Volume],
    kernel: VoxelKernel,
    *,
    times_s: Sequence[float],
    physical_rate_per_s: float,
    integrate: VoxelIntegrator,
    density: Volume | None,
) -> VoxelDose:
    """Convolve each scan to a dose rate, then integrate the dose rates.

    The fit then sees smoothed courses, with less noise than those of activity; where the fit is
    linear in its values, the result is that of :func:`voxel_dose`. One convolution a scan.
    """
    grid = _common_grid(scans, times_s)
    _require_voxels(kernel, grid)
    rates, outside = zip(
        *(_convolved(scan.values * grid.voxel_volume_ml, kernel) for scan in scans), strict=True
    )
    # An FFT leaves noise of either sign where there is no activity, 1e-7 of the maximum in
    # float32; a fit would take it for a course.
    stack = np.stack([np.maximum(rate, 0).ravel() for rate in rates])
    held = stack.max(axis=0) > np.finfo(stack.dtype).eps * 10 * stack.max()
    total = np.zeros(held.size, dtype=stack.dtype)
    total[held] = integrate(
        stack[:, held],
        times_s=np.asarray(times_s, dtype=np.float64),
        physical_rate_per_s=physical_rate_per_s,
    )
    scaled, policy = _at_density(total.reshape(grid.shape), grid, kernel, density)
    return VoxelDose(
        dose=Volume(scaled, grid, ABSORBED_DOSE),
        method=f"voxel S values, dose rates integrated, {policy}",
        lost_energy_fraction=kernel.lost_energy_fraction,
        outside_fraction=max(outside),
    )


def local_deposition_map(
    activity: TimeIntegratedActivityMap, *, emissions: Emissions, density: Volume | float
) -> VoxelDose:
    """Charged particles stop in their voxel: ``D = A E / m``. Photons are lost, and said so.

    Parameters
    ----------
    activity : TimeIntegratedActivityMap
        Bq s per voxel.
    emissions : Emissions
        Of the nuclide.
    density : Volume of MASS_DENSITY or float
        g/cm3, > 0.
    """
    charged = emissions.electrons.energy_per_decay_mev + emissions.alphas.energy_per_decay_mev
    photons = emissions.photons.energy_per_decay_mev
    rho = _density_values(density, activity.grid) if isinstance(density, Volume) else density
    if not isinstance(density, Volume) and not density > 0:
        raise DataError(f"Density must be > 0 g/cm3, found {density}.")
    gy_g = charged * JOULE_PER_MEV * 1000.0 / activity.grid.voxel_volume_ml
    return VoxelDose(
        dose=Volume(
            np.asarray(activity.bq_s * gy_g / rho, dtype=activity.bq_s.dtype),
            activity.grid,
            ABSORBED_DOSE,
        ),
        method="local deposition of charged particles",
        lost_energy_fraction=photons / (charged + photons),
        outside_fraction=0.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionStatistics:
    """Dose in a mask.

    Parameters
    ----------
    voxels : int
        How many.
    volume_ml : float
        mL.
    mean_gy : float
        Over voxels.
    mass_mean_gy : float or None
        Energy over mass, where a density map was given: what MIRD calls the mean dose.
    minimum_gy, maximum_gy, standard_deviation_gy : float
        Over voxels.
    """

    voxels: int
    volume_ml: float
    mean_gy: float
    mass_mean_gy: float | None
    minimum_gy: float
    maximum_gy: float
    standard_deviation_gy: float


def statistics_in(dose: Volume, mask: Mask, *, density: Volume | None) -> RegionStatistics:
    """Mean, spread and range of a dose map in a mask.

    Raises
    ------
    DataError
        If the volume is no dose map or the mask is empty.
    GridMismatchError
        If they differ in grid.
    """
    if dose.kind != ABSORBED_DOSE:
        raise DataError(f"Needed a map of {ABSORBED_DOSE.name}, found {dose.kind.name}.")
    dose.grid.require_same(mask.grid, what="The dose map and the region")
    values = dose.values[mask.inside].astype(np.float64)
    if not values.size:
        raise DataError("The region holds no voxel.")
    mass_mean = None
    if density is not None:
        rho = _density_values(density, dose.grid)[mask.inside]
        mass_mean = float(np.average(values, weights=rho))
    return RegionStatistics(
        voxels=values.size,
        volume_ml=mask.volume_ml,
        mean_gy=float(values.mean()),
        mass_mean_gy=mass_mean,
        minimum_gy=float(values.min()),
        maximum_gy=float(values.max()),
        standard_deviation_gy=float(values.std()),
    )


def _convolved(activity: Array, kernel: VoxelKernel) -> tuple[Array, float]:
    """Linear convolution on the activity's grid, and the share that falls outside."""
    precision = np.float32 if activity.dtype == np.float32 else np.float64
    full = [n + k - 1 for n, k in zip(activity.shape, kernel.gy_per_bq_s.shape, strict=True)]
    padded = [scipy.fft.next_fast_len(n, real=True) for n in full]
    # S values are 1e-13 Gy/(Bq s) and decays 1e12: scaled to about 1, float32 keeps its digits.
    scale = float(kernel.gy_per_bq_s.max()) or 1.0
    spectrum = scipy.fft.rfftn(
        (kernel.gy_per_bq_s / scale).astype(precision), padded, workers=_WORKERS
    )
    spectrum *= scipy.fft.rfftn(activity.astype(precision, copy=False), padded, workers=_WORKERS)
    whole = scipy.fft.irfftn(spectrum, padded, workers=_WORKERS, overwrite_x=True)
    inner = tuple(
        slice(k // 2, k // 2 + n)
        for n, k in zip(activity.shape, kernel.gy_per_bq_s.shape, strict=True)
    )
    dose: Array = np.ascontiguousarray(whole[inner]) * precision(scale)
    total = float(activity.sum(dtype=np.float64) * kernel.gy_per_bq_s.sum(dtype=np.float64))
    outside = 1.0 - float(dose.sum(dtype=np.float64)) / total if total else 0.0
    return dose, max(outside, 0.0)


def _at_density(
    dose: Array, grid: Grid, kernel: VoxelKernel, density: Volume | None
) -> tuple[Array, str]:
    if density is None:
        return dose, f"{kernel.density_g_cm3:g} g/cm3 everywhere"
    rho = _density_values(density, grid)
    return (
        np.asarray(dose * (kernel.density_g_cm3 / rho), dtype=dose.dtype),
        f"scaled from {kernel.density_g_cm3:g} g/cm3 by the density map "
        f"({rho.min():.3g} to {rho.max():.3g} g/cm3)",
    )


def _density_values(density: Volume, grid: Grid) -> Array:
    grid.require_same(density.grid, what="The activity and the density map")
    if density.kind != MASS_DENSITY:
        raise DataError(f"Needed a map of density in g/cm3, found {density.kind.name}.")
    if not (density.values > 0).all():
        raise DataError(
            f"The density map has {int(np.count_nonzero(~(density.values > 0)))} voxels that are "
            "not > 0 g/cm3; a dose needs a mass.",
            remedy="Give air its 0.0012 g/cm3, or mask it out of the map.",
        )
    return density.values


def _require_voxels(kernel: VoxelKernel, grid: Grid) -> None:
    for edge, spacing in zip(kernel.voxel_mm, grid.spacing_mm, strict=True):
        if abs(edge / spacing - 1.0) > _SPACING_TOLERANCE:
            raise GridMismatchError(
                f"The voxel S values are for {kernel.voxel_mm} mm, the activity has voxels of "
                f"{tuple(round(s, 4) for s in grid.spacing_mm)} mm.",
                remedy="Compute voxel S values for this voxel size.",
            )
    if not math.isclose(math.prod(grid.spacing_mm) / 1000.0, grid.voxel_volume_ml, rel_tol=1e-6):
        raise GridMismatchError("The voxels are sheared; voxel S values are for right angles.")


def _common_grid(scans: Sequence[Volume], times_s: Sequence[float]) -> Grid:
    if len(scans) != len(times_s) or not scans:
        raise DataError(f"Needed one time for each scan, found {len(scans)} and {len(times_s)}.")
    if any(later <= earlier for earlier, later in itertools.pairwise(times_s)):
        raise DataError(f"Scan times must ascend, found {list(times_s)} s.")
    for number, scan in enumerate(scans, start=1):
        if scan.kind != ACTIVITY_CONCENTRATION or scan.frames:
            raise DataError(
                f"Scan {number} is {scan.kind.name}; needed static {ACTIVITY_CONCENTRATION.name}."
            )
        if not (scan.values >= 0).all():
            raise DataError(
                f"Scan {number} has voxels of negative or no activity; needed >= 0 Bq/mL.",
                remedy="Resample without overshoot, and set by a rule of your own what lies below.",
            )
        scans[0].grid.require_same(scan.grid, what=f"Scans 1 and {number}")
    return scans[0].grid


def _courses(scans: Sequence[Volume]) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Courses (t, n) of the voxels that hold activity at some time, and which those are."""
    flat = [scan.values.reshape(-1) for scan in scans]
    held = np.zeros(flat[0].size, dtype=np.bool_)
    for values in flat:
        held |= values > 0
    return np.stack([values[held] for values in flat]), held
