"""Tissues of a person at a visit, drawn from the priors; tissue of a lesion, from its state."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.simulation.people.lesion import LesionState
from operandi.simulation.people.person import Person
from operandi.simulation.people.priors import bounded_scores
from operandi.simulation.scenes.scene import Tissue
from operandi.simulation.streams import Stream, generator
from operandi.simulation.tissues.tissue_priors import QUANTITIES, TISSUE_PRIORS, TISSUES

_Floats = npt.NDArray[np.float64]

VISIT_SHARE: Final[Mapping[str, float]] = {
    # Rowe 2015, J Nucl Med 56:985: organs in repeated 111In-pentetreotide SPECT, intraclass
    # correlation 0.40 to 0.59; the upper end, since PET is the more repeatable. Assumed so.
    "suv": 0.4,
    "adc_mm2_s": 0.2,
    "perfusion_fraction": 0.3,
    "pseudo_diffusion_mm2_s": 0.4,
    "ktrans_per_min": 0.3,
    "stiffness_kpa": 0.2,
}
"""Part of the variance between scans that is between visits of one person; 0.1 for the rest of MR
and none for attenuation and composition. Assumed but for SUV."""

_FIXED: Final = frozenset({"mu_per_cm", "proton_density", "susceptibility_ppm"})
_OTHER_VISIT_SHARE: Final = 0.1

_SAME_TISSUE: Final = {"kidney_medulla": "kidney_cortex"}
_SAME_QUANTITY: Final = {"t2_star_ms": "t2_ms"}
"""What rises and falls with another: T2* stays below T2, medulla follows cortex. Assumed."""

CORE_UPTAKE: Final = 0.1
"""Uptake of a necrotic core over the mean of its lesion. Assumed."""

_COLUMNS: Final = 64  # quantities of a tissue in the stream; more than there are
_HIGHEST_FRACTION: Final = 0.98

_TUMOR: Final = Tissue(
    suv=0.0,
    mu_per_cm=0.1008,  # soft tissue, as in the priors
    proton_density=0.84,
    t1_ms=1200.0,
    t2_ms=75.0,
    t2_star_ms=40.0,
    fat_fraction=0.0,
    adc_mm2_s=0.0,
    perfusion_fraction=0.12,
    pseudo_diffusion_mm2_s=0.03,
    ktrans_per_min=0.0,
    ve=0.3,
    vp=0.1,
    stiffness_kpa=0.0,
    loss_angle_rad=0.35,
)
"""What is the same in all tumors: assumed (bright in T2, long T1, well perfused)."""

_CORE: Final = replace(
    _TUMOR,
    proton_density=0.92,
    t1_ms=1800.0,
    t2_ms=120.0,
    t2_star_ms=70.0,
    adc_mm2_s=2.4e-3,
    perfusion_fraction=0.0,
    ktrans_per_min=0.01,
    vp=0.005,
    stiffness_kpa=2.0,
    loss_angle_rad=0.6,
)
"""Necrosis: assumed (fluid-like, without blood)."""


def tissues_of_person(person: Person, *, visit: int, seed: int) -> dict[str, Tissue]:
    """Tissues of a person at a visit.

    Each quantity is drawn from its prior at a score that the person has for life and a smaller
    part that the visit adds (``VISIT_SHARE``), so that mean and spread over people are those of
    ``TISSUE_PRIORS`` at any one visit.

    Parameters
    ----------
    person : Person
    visit : int, >= 0
    seed : int

    Returns
    -------
    dict of str to Tissue
        By each of ``TISSUES``; lesions are not in it.

    Raises
    ------
    DataError
        If *visit* is negative.
    """
    if visit < 0:
        raise DataError(f"A visit has a number >= 0, got {visit}.", remedy="Count visits from 0.")
    own = _scores(person.number, 0, seed=seed)
    today = _scores(person.number, 1 + visit, seed=seed)
    return {tissue: _tissue(tissue, own, today) for tissue in TISSUES}


def lesion_tissue(state: LesionState) -> Tissue:
    """Tissue of a lesion around its core.

    Its uptake is such that rim and core together have the mean ``state.suv``:
    ``suv (1 - core n) / (1 - n)``, *n* the necrotic share and *core* ``CORE_UPTAKE``.
    """
    share = (1.0 - CORE_UPTAKE * state.necrosis) / (1.0 - state.necrosis)
    return replace(
        _TUMOR,
        suv=state.suv * share,
        adc_mm2_s=state.adc_mm2_s,
        ktrans_per_min=state.ktrans_per_min,
        stiffness_kpa=state.stiffness_kpa,
    )


def core_tissue(state: LesionState) -> Tissue:
    """Tissue of the necrotic core of a lesion: cold, wet, soft."""
    return replace(
        _CORE, suv=CORE_UPTAKE * state.suv, adc_mm2_s=max(_CORE.adc_mm2_s, state.adc_mm2_s)
    )


def _scores(number: int, occasion: int, *, seed: int) -> _Floats:
    """Bounded scores (tissue, quantity) of a person for life (occasion 0) or at a visit."""
    drawn = generator(number, occasion, seed=seed, stream=Stream.TISSUE)
    # Drawn tissue by tissue, so that a tissue added at the end changes no other.
    return bounded_scores(drawn.random((len(TISSUES), _COLUMNS)))


def _tissue(name: str, own: _Floats, today: _Floats) -> Tissue:
    row = TISSUES.index(_SAME_TISSUE.get(name, name))
    drawn = {}
    for quantity, prior in TISSUE_PRIORS[name].items():
        column = QUANTITIES.index(_SAME_QUANTITY.get(quantity, quantity))
        share = 0.0 if quantity in _FIXED else VISIT_SHARE.get(quantity, _OTHER_VISIT_SHARE)
        score = np.sqrt(1.0 - share) * own[row, column] + np.sqrt(share) * today[row, column]
        drawn[quantity] = float(prior.at(score))
    for quantity in ("fat_fraction", "perfusion_fraction"):
        drawn[quantity] = min(drawn[quantity], _HIGHEST_FRACTION)
    return Tissue(**drawn)
