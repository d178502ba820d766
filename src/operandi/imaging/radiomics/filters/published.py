"""The filters for which IBSI 2 publishes responses and feature values, as settings.

References
----------
.. [1] IBSI 2 reference manual, arXiv:2006.05470, benchmark phases 1 (digital phantoms, voxels of
       2 mm) and 2 (the lung cancer CT phantom).
"""

from dataclasses import replace

from operandi.imaging.radiomics.filters.apply import Filter
from operandi.imaging.radiomics.filters.boundary import Boundary
from operandi.imaging.radiomics.filters.extent import Extent
from operandi.imaging.radiomics.filters.gabor import GaborFilter, Planes
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import LaplacianOfGaussianFilter
from operandi.imaging.radiomics.filters.laws import LawsFilter
from operandi.imaging.radiomics.filters.mean import MeanFilter
from operandi.imaging.radiomics.filters.nonseparable_wavelets import (
    NonseparableFamily,
    NonseparableWaveletFilter,
)
from operandi.imaging.radiomics.filters.pooling import Pooling
from operandi.imaging.radiomics.filters.riesz import RieszFilter
from operandi.imaging.radiomics.filters.wavelets import WaveletFilter

_SLICES, _VOLUME = Extent.SLICES, Extent.VOLUME
_ZERO, _MIRROR, _PERIODIC = Boundary.ZERO, Boundary.MIRROR, Boundary.PERIODIC


def _mean(extent: Extent, boundary: Boundary, *, support: int) -> MeanFilter:
    return MeanFilter(extent=extent, support=support, boundary=boundary)


def _log(extent: Extent, boundary: Boundary, *, sigma_mm: float) -> LaplacianOfGaussianFilter:
    return LaplacianOfGaussianFilter(extent=extent, sigma_mm=sigma_mm, boundary=boundary)


def _laws(kernel: str, boundary: Boundary, *, turned: bool, energy: int | None) -> LawsFilter:
    return LawsFilter(
        extent=_VOLUME if len(kernel) == 6 else _SLICES,
        kernel=kernel,
        boundary=boundary,
        pooling=Pooling.MAX if turned else None,
        energy_distance=energy,
    )


def _wavelet(
    family: str, band: str, boundary: Boundary, *, turned: bool, level: int = 1
) -> WaveletFilter:
    return WaveletFilter(
        extent=_VOLUME if len(band) == 3 else _SLICES,
        family=family,
        band=band,
        boundary=boundary,
        level=level,
        pooling=Pooling.MEAN if turned else None,
    )


def _simoncelli(extent: Extent, boundary: Boundary, *, level: int) -> NonseparableWaveletFilter:
    return NonseparableWaveletFilter(
        extent=extent, family=NonseparableFamily.SIMONCELLI, level=level, boundary=boundary
    )


def _riesz(of: LaplacianOfGaussianFilter | NonseparableWaveletFilter, *orders: int) -> RieszFilter:
    return RieszFilter(of=of, orders=orders, steering_sigma_mm=None)


_LONG_GABOR = GaborFilter(
    planes=Planes.SLICES,
    sigma_mm=10.0,
    wavelength_mm=4.0,
    ellipticity=0.5,
    orientation_degrees=60.0,
    step_degrees=None,
    pooling=Pooling.MEAN,
    boundary=_ZERO,
)
_WIDE_GABOR = replace(
    _LONG_GABOR,
    sigma_mm=20.0,
    wavelength_mm=8.0,
    ellipticity=2.5,
    orientation_degrees=225.0,
    boundary=_MIRROR,
)
_CT_GABOR = replace(
    _LONG_GABOR,
    sigma_mm=5.0,
    wavelength_mm=2.0,
    ellipticity=1.5,
    orientation_degrees=0.0,
    step_degrees=22.5,
    boundary=_MIRROR,
)


def _turned(settings: GaborFilter, *, step_degrees: float) -> GaborFilter:
    return replace(
        settings, planes=Planes.ORTHOGONAL, orientation_degrees=0.0, step_degrees=step_degrees
    )


RESPONSE_MAPS: dict[str, tuple[str, Filter]] = {
    "1.a.1": ("checkerboard", _mean(_VOLUME, _ZERO, support=15)),
    "1.a.2": ("checkerboard", _mean(_VOLUME, Boundary.NEAREST, support=15)),
    "1.a.3": ("checkerboard", _mean(_VOLUME, _PERIODIC, support=15)),
    "1.a.4": ("checkerboard", _mean(_VOLUME, _MIRROR, support=15)),
    "1.b.1": ("impulse", _mean(_SLICES, _ZERO, support=15)),
    "2.a": ("impulse", _log(_VOLUME, _ZERO, sigma_mm=3.0)),
    "2.b": ("checkerboard", _log(_VOLUME, _MIRROR, sigma_mm=5.0)),
    "2.c": ("checkerboard", _log(_SLICES, _MIRROR, sigma_mm=5.0)),
    "3.a.1": ("impulse", _laws("E5L5S5", _ZERO, turned=False, energy=None)),
    "3.a.2": ("impulse", _laws("E5L5S5", _ZERO, turned=True, energy=None)),
    "3.a.3": ("impulse", _laws("E5L5S5", _ZERO, turned=True, energy=7)),
    "3.b.1": ("checkerboard", _laws("E3W5R5", _MIRROR, turned=False, energy=None)),
    "3.b.2": ("checkerboard", _laws("E3W5R5", _MIRROR, turned=True, energy=None)),
    "3.b.3": ("checkerboard", _laws("E3W5R5", _MIRROR, turned=True, energy=7)),
    "3.c.1": ("checkerboard", _laws("L5S5", _MIRROR, turned=False, energy=None)),
    "3.c.2": ("checkerboard", _laws("L5S5", _MIRROR, turned=True, energy=None)),
    "3.c.3": ("checkerboard", _laws("L5S5", _MIRROR, turned=True, energy=7)),
    "4.a.1": ("impulse", _LONG_GABOR),
    "4.a.2": ("impulse", _turned(_LONG_GABOR, step_degrees=45.0)),
    "4.b.1": ("sphere", _WIDE_GABOR),
    "4.b.2": ("sphere", _turned(_WIDE_GABOR, step_degrees=22.5)),
    "5.a.1": ("impulse", _wavelet("db2", "LHL", _ZERO, turned=False)),
    "5.a.2": ("impulse", _wavelet("db2", "LHL", _ZERO, turned=True)),
    "6.a.1": ("sphere", _wavelet("coif1", "HHL", _PERIODIC, turned=False)),
    "6.a.2": ("sphere", _wavelet("coif1", "HHL", _PERIODIC, turned=True)),
    "7.a.1": ("checkerboard", _wavelet("haar", "LLL", _MIRROR, turned=True, level=2)),
    "7.a.2": ("checkerboard", _wavelet("haar", "HHH", _MIRROR, turned=True, level=2)),
    "8.a.1": ("checkerboard", _simoncelli(_VOLUME, _PERIODIC, level=1)),
    "8.a.2": ("checkerboard", _simoncelli(_VOLUME, _PERIODIC, level=2)),
    "8.a.3": ("checkerboard", _simoncelli(_VOLUME, _PERIODIC, level=3)),
    "9.a": ("impulse", _riesz(_log(_VOLUME, _ZERO, sigma_mm=3.0), 1, 0, 0)),
    "9.b.1": ("sphere", _riesz(_log(_VOLUME, _ZERO, sigma_mm=3.0), 0, 2, 0)),
    "10.b.1": (
        "pattern_1",
        _riesz(_simoncelli(_VOLUME, Boundary.NEAREST, level=1), 0, 2, 0),
    ),
}
"""Of each response map: the phantom, and the filter. Reference maps exist for most, not all."""

FEATURE_FILTERS: dict[str, Filter | None] = {
    "1.A": None,
    "1.B": None,
    "2.A": _mean(_SLICES, _MIRROR, support=5),
    "2.B": _mean(_VOLUME, _MIRROR, support=5),
    "3.A": _log(_SLICES, _MIRROR, sigma_mm=1.5),
    "3.B": _log(_VOLUME, _MIRROR, sigma_mm=1.5),
    "4.A": _laws("L5E5", _MIRROR, turned=True, energy=7),
    "4.B": _laws("L5E5E5", _MIRROR, turned=True, energy=7),
    "5.A": _CT_GABOR,
    "5.B": replace(_CT_GABOR, planes=Planes.ORTHOGONAL),
    "6.A": _wavelet("db3", "LH", _MIRROR, turned=True),
    "6.B": _wavelet("db3", "LLH", _MIRROR, turned=True),
    "7.A": _wavelet("db3", "HH", _MIRROR, turned=True, level=2),
    "7.B": _wavelet("db3", "HHH", _MIRROR, turned=True, level=2),
    # Filters of the frequency domain: the published values are those of a periodic image. Of a
    # mirrored one 50 of 53 lie within tolerance.
    "8.A": _simoncelli(_SLICES, _PERIODIC, level=1),
    "8.B": _simoncelli(_VOLUME, _PERIODIC, level=1),
    "9.A": _simoncelli(_SLICES, _PERIODIC, level=2),
    "9.B": _simoncelli(_VOLUME, _PERIODIC, level=2),
}
"""Of each configuration: the filter, None for the image itself; A in slices without interpolation,
B in the volume interpolated to 1 mm (cubic, rounded); re-segmented to -1000 to 400 HU."""
