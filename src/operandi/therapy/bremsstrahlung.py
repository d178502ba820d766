"""What slowing electrons radiate: photons that start where the electrons do.

The energy is what the kernels of the electrons do not hold. Its spectrum is Kramers' for a
thick target, energy a photon energy in proportion to ``E - k``. Both are good enough for 0.1 to
1 % of the energy: far voxels of 90Y, which see nothing else, come out within 10 % of EGSnrc.

References
----------
.. [1] Kramers, Philosophical Magazine 46:836, 1923.
"""

from typing import Final

import numpy as np

from operandi.therapy.point_kernels import shipped_kernels
from operandi.therapy.radionuclides import Radiation, Spectrum

_PARTS: Final = 20


def bremsstrahlung_of(electrons: Spectrum) -> Spectrum:
    """Photons that electrons of *electrons* radiate in water.

    Parameters
    ----------
    electrons : Spectrum
        Per decay.

    Returns
    -------
    Spectrum
        At the energies of the photon kernels, so that it is linear in what is emitted.
    """
    kernels = shipped_kernels(Radiation.ELECTRON)
    grid = shipped_kernels(Radiation.PHOTON).energy_mev
    emitted = (electrons.energy_mev > 0) & (electrons.yield_per_decay > 0)
    energy = electrons.energy_mev[emitted]
    kept = np.interp(np.log(energy), np.log(kernels.energy_mev), kernels.fraction.sum(axis=1))
    radiated = energy * electrons.yield_per_decay[emitted] * (1 - kept)

    part = (np.arange(_PARTS) + 0.5) / _PARTS
    photon = (energy[:, None] * part).ravel()
    share = (radiated[:, None] * (1 - part) / (1 - part).sum()).ravel()
    at = np.interp(np.log(photon), np.log(grid), np.arange(grid.size))
    lower = np.minimum(at.astype(np.int64), grid.size - 2)
    upper_share = share * (at - lower)
    power = np.bincount(lower, share - upper_share, grid.size)
    power += np.bincount(lower + 1, upper_share, grid.size)
    return Spectrum(grid, power / grid)
