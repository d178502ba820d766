"""Spectra of ICRP 107 for tests of the kernels, read from the database itself.

Apart from ``operandi.therapy.radionuclides``, so that an error there is not mirrored here.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operandi.quantities.nuclides import LU177
from operandi.therapy.radionuclides import Emissions, Spectrum


def emissions_from_icrp107(name: str) -> Emissions:
    """Of one nuclide without its daughters, by the name of the database: ``"Lu-177"``."""
    database = pytest.importorskip("icrp107_database")
    file = Path(database.__file__).parent / "icrp107" / f"{name}.json"
    read = json.loads(file.read_text())
    emitted: dict[str, Any] = (json.loads(read) if isinstance(read, str) else read)["emissions"]
    beta = _lines(emitted, "beta-", "beta+")
    shape = np.array(emitted["b-spectra"]).reshape(-1, 2)
    parts = [_lines(emitted, "auger", "IE")]
    if len(shape):
        width = np.diff(shape[:, 0])
        low, high = shape[:-1, 1], shape[1:, 1]
        count = width * (low + high) / 2
        held = np.where(low + high > 0, low + high, 1)
        energy = shape[:-1, 0] + width * (low + 2 * high) / (3 * held)
        # Their integral is off by a percent; the lines have the mean energy.
        count *= (beta[:, 0] @ beta[:, 1]) / (energy @ count)
        parts.append(np.stack((energy, count), axis=1))
    return an_emitter(
        electrons=np.concatenate(parts),
        photons=_lines(emitted, "gamma", "X", "annihilation"),
        alphas=_lines(emitted, "alpha", "alpha recoil"),
    )


def an_emitter(*, electrons: Any = (), photons: Any = (), alphas: Any = ()) -> Emissions:
    """Emissions of (MeV, yield) pairs; the nuclide's name is not used."""
    return Emissions(
        nuclide=LU177,
        electrons=_spectrum(electrons),
        alphas=_spectrum(alphas),
        photons=_spectrum(photons),
        daughters="",
        source="test",
    )


def _spectrum(pairs: Any) -> Spectrum:
    table = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
    table = table[np.argsort(table[:, 0])]
    return Spectrum(table[:, 0].copy(), table[:, 1].copy())


def _lines(emitted: dict[str, Any], *kinds: str) -> Any:
    return np.array([line for kind in kinds for line in emitted.get(kind, [])]).reshape(-1, 2)
