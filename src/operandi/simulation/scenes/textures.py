"""Correlated random fields: how uneven the uptake of a part is, in the body and not in the grid."""

import math
from typing import Final

import numpy as np

from operandi.quantities.errors import DataError
from operandi.simulation.scenes.scene import Shape, Texture
from operandi.simulation.scenes.shape_kernels import sources
from operandi.simulation.scenes.shape_tables import Floats, Ints, Shift, Singles
from operandi.simulation.scenes.shapes import compiled, inside
from operandi.simulation.scenes.vector_power import kernel
from operandi.simulation.streams import Stream, generator

_WAVES: Final = 64
_PROBES: Final = 2048
_LARGEST_CV: Final = 2.0


def painted_texture(
    given: Texture, shape: Shape, *, shift: Shift, body: Floats, low: Ints, share: Singles
) -> Singles:
    """Factor on the uptake where ``share`` (of the box from ``low``) is positive, elsewhere 1.

    ``factor = exp(s F) / m`` with *F* a sum of 64 cosines of random direction and phase, close to
    a normal field of unit variance and correlation ``exp(-r^2 / (2 l^2))``, where *l* is
    ``correlation_mm`` and ``s^2 = ln(1 + cv^2)``; *m* makes its mean over the part 1. ``cv`` is
    that of the field at large: a part much smaller than *l* shows less.

    Raises
    ------
    DataError
        If the coefficient of variation is not 0 to 2 or the correlation length not positive.
    """
    if not (0.0 <= given.cv <= _LARGEST_CV and given.correlation_mm > 0.0):
        raise DataError(
            f"A texture needs a coefficient of variation of 0 to {_LARGEST_CV:g} and a positive "
            f"correlation length, got {given.cv} and {given.correlation_mm} mm."
        )
    waves = _waves(given)
    strength = math.sqrt(math.log1p(given.cv**2)) * math.sqrt(2.0 / _WAVES)
    mean = float(np.exp(strength * _cosines(waves, _probes(shape))).mean())
    field = np.ones_like(share)
    field[share > 0.0] = np.exp(strength * _cosines(waves, sources(shift, body, low, share))) / mean
    return field


def _waves(given: Texture) -> Floats:
    random = generator(seed=given.seed, stream=Stream.TEXTURE)
    waves = np.empty((_WAVES, 4))
    waves[:, :3] = random.standard_normal((_WAVES, 3)) / (2.0 * math.pi * given.correlation_mm)
    waves[:, 3] = random.uniform(0.0, 1.0, _WAVES)
    return waves


def _probes(shape: Shape) -> Floats:
    """Points (3, n) of a part, evenly spread by a recurrence; its middle if it is too thin."""
    table = compiled(shape)
    plastic = 1.2207440846057596  # real root of x^4 = x + 1
    steps = (np.arange(1, _PROBES + 1)[:, None] * plastic ** -np.arange(1.0, 4.0)) % 1.0
    points = table.lowest + steps * (table.highest - table.lowest)
    within = points[inside(shape, points)]
    middle = 0.5 * (table.lowest + table.highest)[None, :]
    return np.ascontiguousarray((within if len(within) else middle).T)


# cos(2 pi f) for |f| <= 1/2 as a polynomial in f^2, fitted here at Chebyshev's nodes; its largest
# error is 1.3e-8. The library's cosine is not vectorized and takes five times as long.
_COSINE = (
    0.9999999954874959,
    -19.739205575083695,
    64.93915835434548,
    -85.4507592457315,
    60.172044620188665,
    -25.98240689815545,
    6.54754403930046,
)


@kernel
def _cosines(waves: Floats, points: Floats) -> Floats:
    """Sum of ``cos(2 pi (w . p + f))``; waves (m, 4) of *w*, *f*; points (3, n)."""
    total = np.zeros(points.shape[1])
    c0, c1, c2, c3, c4, c5, c6 = _COSINE
    for m in range(waves.shape[0]):
        u, v, w, f = waves[m, 0], waves[m, 1], waves[m, 2], waves[m, 3]
        for p in range(points.shape[1]):
            turns = u * points[0, p] + v * points[1, p] + w * points[2, p] + f
            turns -= math.floor(turns + 0.5)
            t = turns * turns
            total[p] += c0 + t * (c1 + t * (c2 + t * (c3 + t * (c4 + t * (c5 + t * c6)))))
    return total
