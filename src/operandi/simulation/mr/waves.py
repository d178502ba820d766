"""Shear waves in a slice of a viscoelastic body: bilinear finite elements, solved directly.

Motion through the slice (antiplane), as a two-dimensional gradient-echo elastography encodes it:

``div(G grad u) + rho omega^2 u = 0``, ``G grad u . n = load`` at the surface

with the complex shear modulus *G* of every element. The surface is free but for the load. With
half the mass lumped the phase velocity is wrong by less than ``(k h)^4 / 480``.

References
----------
.. [1] Manduca et al., Med Image Anal 5:237, 2001 (recalled): elastography and its wave equation.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from operandi.quantities.errors import DataError

Complex = npt.NDArray[np.complex128]
Bools = npt.NDArray[np.bool_]

DENSITY_KG_M3: Final = 1000.0
"""Of all tissue, as scanners assume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveSlice:
    """A slice to be shaken.

    Parameters
    ----------
    modulus_pa : Complex, (i, j)
        Complex shear modulus at every node.
    inside : Bools, (i, j)
        Nodes in the body.
    load : Complex, (i, j)
        Force on every node per length through the slice, N/m; only its form matters where the
        result is scaled.
    spacing_mm : float
        Between nodes, equal along both axes.
    frequency_hz : float
    """

    modulus_pa: Complex
    inside: Bools
    load: Complex
    spacing_mm: float
    frequency_hz: float


def shear_wave(what: WaveSlice) -> Complex:
    """Complex displacement at every node, ``u(t) = Re(u exp(i omega t))``; 0 outside.

    Raises
    ------
    DataError
        If no element lies within the body.
    """
    inside = what.inside
    corners = (
        (slice(None, -1), slice(None, -1)),
        (slice(None, -1), slice(1, None)),
        (slice(1, None), slice(None, -1)),
        (slice(1, None), slice(1, None)),
    )
    element = np.logical_and.reduce([inside[corner] for corner in corners])
    if not element.any():
        raise DataError("Waves need a body in the slice; none was found.", remedy="Move the slice.")
    numbers = np.arange(inside.size).reshape(inside.shape)
    nodes = np.stack([numbers[corner][element] for corner in corners], axis=1)
    modulus = np.mean([what.modulus_pa[corner][element] for corner in corners], axis=0)
    used, compact = np.unique(nodes, return_inverse=True)
    compact = compact.reshape(nodes.shape)
    matrix = _assembled(compact, modulus, what, size=used.size)
    solver = splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    result = np.zeros(inside.size, dtype=np.complex128)
    result[used] = solver.solve(what.load.ravel()[used].astype(np.complex128))
    return result.reshape(inside.shape)


def _assembled(
    nodes: npt.NDArray[np.int64], modulus: Complex, what: WaveSlice, *, size: int
) -> csc_matrix:
    step = what.spacing_mm * 1e-3
    omega = 2.0 * np.pi * what.frequency_hz
    bend = np.array([[1.0, -1.0], [-1.0, 1.0]]) / step
    # Mean of the consistent and the lumped mass: errors of both cancel to fourth order.
    mass = step / 12.0 * np.array([[5.0, 1.0], [1.0, 5.0]])
    stiffness = np.kron(bend, mass) + np.kron(mass, bend)
    inertia = DENSITY_KG_M3 * omega**2 * np.kron(mass, mass)
    entries = modulus[:, None, None] * stiffness - inertia
    rows = np.repeat(nodes, 4, axis=1).ravel()
    columns = np.tile(nodes, (1, 4)).ravel()
    return csc_matrix((entries.ravel(), (rows, columns)), shape=(size, size))
