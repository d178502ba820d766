"""What filtered images are called, in our tables and in those of other programs."""

from typing import TypeAlias

from operandi.imaging.radiomics.filters.apply import Filter
from operandi.imaging.radiomics.filters.extent import Extent
from operandi.imaging.radiomics.filters.gabor import GaborFilter, Planes
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import LaplacianOfGaussianFilter
from operandi.imaging.radiomics.filters.laws import LawsFilter
from operandi.imaging.radiomics.filters.mean import MeanFilter
from operandi.imaging.radiomics.filters.nonseparable_wavelets import NonseparableWaveletFilter
from operandi.imaging.radiomics.filters.riesz import RieszFilter
from operandi.imaging.radiomics.filters.wavelets import WaveletFilter
from operandi.imaging.radiomics.names import Like

_Plain: TypeAlias = (
    MeanFilter
    | LaplacianOfGaussianFilter
    | LawsFilter
    | GaborFilter
    | WaveletFilter
    | NonseparableWaveletFilter
)


def response_name(filter_: Filter) -> str:
    """Return a short name of a filtered image; boundary and cut-off are left to the digest.

    >>> from operandi.imaging.radiomics.filters.boundary import Boundary
    >>> response_name(
    ...     LaplacianOfGaussianFilter(
    ...         extent=Extent.VOLUME, sigma_mm=3.0, boundary=Boundary.MIRROR
    ...     )
    ... )
    'log_3mm'
    """
    if isinstance(filter_, RieszFilter):
        sigma_mm = filter_.steering_sigma_mm
        steered = "" if sigma_mm is None else f"steered_{sigma_mm:g}mm"
        orders = "".join(map(str, filter_.orders))
        return "_".join(filter(None, [f"riesz_{orders}", response_name(filter_.of), steered]))
    planar = "2d" if _is_planar(filter_) else ""
    return "_".join(filter(None, [*_parts(filter_), planar]))


def _is_planar(filter_: _Plain) -> bool:
    if isinstance(filter_, GaborFilter):
        return filter_.planes is Planes.SLICES
    return filter_.extent is Extent.SLICES


def _parts(filter_: _Plain) -> tuple[str, ...]:
    match filter_:
        case MeanFilter():
            return (f"mean_{filter_.support}",)
        case LaplacianOfGaussianFilter():
            return (f"log_{filter_.sigma_mm:g}mm",)
        case LawsFilter():
            energy = f"energy{filter_.energy_distance}" if filter_.energy_distance else ""
            return f"laws_{filter_.kernel}", energy, filter_.pooling or ""
        case GaborFilter():
            wave = f"{filter_.sigma_mm:g}mm_{filter_.wavelength_mm:g}mm_{filter_.ellipticity:g}"
            step = filter_.step_degrees
            turn = f"{filter_.orientation_degrees:g}" if step is None else f"each{step:g}"
            return f"gabor_{wave}", f"{turn}deg", "" if step is None else filter_.pooling
        case WaveletFilter():
            level = f"level{filter_.level}" if filter_.level > 1 else ""
            return f"wavelet_{filter_.family}_{filter_.band}", level, filter_.pooling or ""
        case NonseparableWaveletFilter():
            return (f"{filter_.family}_{filter_.level}",)


def response_names(filter_: Filter | None) -> dict[Like, str] | None:
    """Return what each program calls a filtered image; None for the image as it is.

    Blank, and so without a column, where the other program has no such filter or another of that
    name: PyRadiomics' Laplacian of Gaussian is multiplied by sigma squared, its wavelets are
    decimated otherwise, and LIFEx' tables have no filtered images.
    """
    if filter_ is None:
        return None
    ours, mirp = response_name(filter_), ""
    match filter_:
        case MeanFilter():
            mirp = f"mean_d_{filter_.support}"
        case LaplacianOfGaussianFilter():
            mirp = f"log_s_{float(filter_.sigma_mm)}"
        case WaveletFilter():
            invariant = "_invar" if filter_.pooling is not None else ""
            mirp = f"wavelet_{filter_.family}_{filter_.band.lower()}_level_{filter_.level}"
            mirp += invariant
        case _:
            pass
    return {Like.IBSI: ours, Like.MIRP: mirp, Like.PYRADIOMICS: "", Like.LIFEX: ""}
