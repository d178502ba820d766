"""Compiling every kernel before it is first needed: some 20 s of one core, once an installation.

Numba keeps what it compiled in ``__pycache__`` beside the source, or in the user's cache where
that is not writable. Whoever installs Operandi for others runs
``python -m operandi.imaging.radiomics.warm`` once; a start then takes about 2 s.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from operandi.imaging.radiomics import local_intensity, matrices, quickhull, spatial_autocorrelation
from operandi.imaging.radiomics.extract import Recipe, extract_recipes
from operandi.imaging.radiomics.filters.boundary import Boundary
from operandi.imaging.radiomics.filters.extent import Extent
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import LaplacianOfGaussianFilter
from operandi.imaging.radiomics.reference_settings import CONFIGURATION_B, CONFIGURATION_C
from operandi.imaging.radiomics.settings import FixedBinNumber, Interpolation

_SIDE: Final = 24

_WITNESSES: Final = (
    (quickhull, "hull_faces"),
    (spatial_autocorrelation, "_add_forms"),
    (local_intensity, "_highest"),
    (matrices, "_linked"),
)
"""Kernels that every extraction runs, of modules that come early and late."""


def is_compiled() -> bool:
    """Tell whether an earlier start has kept its kernels, newer than their source."""
    for module, name in _WITNESSES:
        source = Path(module.__file__ or "")
        kept = Path(getattr(module, name).stats.cache_path).glob(f"{source.stem}.{name}-*.nbi")
        if not any(file.stat().st_mtime >= source.stat().st_mtime for file in kept):
            return False
    return True


def compile_kernels() -> int:
    """Extract a small lesion in such ways that every kernel runs; return how many features.

    Kernels are compiled for the types that they meet, float32 and float64 images among them.
    """
    at = np.indices((_SIDE, _SIDE, _SIDE)) - _SIDE / 2
    mask = (at**2).sum(axis=0) < 36
    image = np.random.default_rng(0).normal(0.0, 50.0, mask.shape)
    plain = replace(CONFIGURATION_C, spacing_mm=None, volume_histogram=None)
    log = LaplacianOfGaussianFilter(extent=Extent.VOLUME, sigma_mm=2.0, boundary=Boundary.MIRROR)
    cubic = replace(
        CONFIGURATION_C,
        interpolation=Interpolation.CUBIC,
        discretization=FixedBinNumber(bins=8),
        volume_histogram=FixedBinNumber(bins=8),
    )
    recipes = (Recipe(plain), Recipe(CONFIGURATION_B), Recipe(cubic), Recipe(cubic, log))
    return sum(
        len(extraction.features)
        for values in (image, image.astype(np.float32))
        for extraction in extract_recipes((values, (2.5, 2.5, 2.5)), mask, recipes)
    )


if __name__ == "__main__":
    compile_kernels()
