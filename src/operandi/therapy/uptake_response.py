"""How dose answers a change of receptors, from the kinetic model: the hook for uptake modifiers.

A drug that doubles receptors does not double dose: at therapeutic amounts of peptide uptake is
limited by receptors in part only, and what one lesion takes another does not get.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from operandi.quantities.nuclides import Nuclide
from operandi.therapy.kinetic_parameters import ORGANS, Role
from operandi.therapy.kinetics import VirtualPatients, simulate
from operandi.therapy.potentiators import UptakeResponse, interpolated_uptake


def kinetic_uptake_response(  # noqa: PLR0913 - what is injected, where, and what changes
    patients: VirtualPatients,
    *,
    nuclide: Nuclide,
    peptide_ug: float,
    activity_bq: float,
    multipliers: Sequence[float],
    tumor: str,
    organs: Sequence[str],
) -> UptakeResponse:
    """Simulate therapy with receptors multiplied, one tissue at a time.

    Parameters
    ----------
    patients : VirtualPatients
        Whose median answers; receptors act on capacity or on uptake rate as their parameters say.
    nuclide : Nuclide
        Of the therapy.
    peptide_ug, activity_bq : float
        Injected; saturation depends on the amount of peptide.
    multipliers : sequence of float, ascending, > 0
        On receptors; the response interpolates between them.
    tumor : str
        Name of the tumor in the schedule: all lesions change together.
    organs : sequence of str
        Of ``ORGANS`` without "rest": names in the schedule.

    Returns
    -------
    UptakeResponse
        For `Potentiator`.  Effects of one tissue's receptors on another's dose are left out.
    """
    given = np.asarray(multipliers, dtype=np.float64)

    def coefficients(tissue: str, factor: float) -> npt.NDArray[np.float64]:
        lesion = dict(patients.lesion_receptor_factor)
        organ = dict(patients.organ_receptor_factor)
        if tissue == tumor:
            lesion[Role.THERAPY] = lesion[Role.THERAPY] * factor
        else:
            scaled = organ[Role.THERAPY].copy()
            scaled[:, ORGANS.index(tissue)] *= factor
            organ[Role.THERAPY] = scaled
        result = simulate(
            replace(patients, lesion_receptor_factor=lesion, organ_receptor_factor=organ),
            role=Role.THERAPY,
            nuclide=nuclide,
            peptide_ug=peptide_ug,
            activity_bq=activity_bq,
        )
        if tissue == tumor:
            return np.asarray(np.nansum(result.lesion_coefficient_h, axis=1), dtype=np.float64)
        return result.organ_coefficient_h[:, ORGANS.index(tissue)]

    curves = {}
    for tissue in (tumor, *organs):
        unchanged = coefficients(tissue, 1.0)
        curves[tissue] = [
            float(np.median(coefficients(tissue, float(factor)) / unchanged)) for factor in given
        ]
    return interpolated_uptake(given, curves)
