"""Whether a site's organ S values are what their unit says: beside spheres of the same mass.

A table of doses per activity, or of values per hour, under a header of S values reads well and
makes doses wrong by orders of magnitude. What electrons and alphas leave in a solid organ hardly
hangs on its shape, so that a sphere of the organ's mass tells.
"""

import math
from typing import Final

from operandi.quantities.errors import DataError
from operandi.therapy.absorbed_dose import SphereModel
from operandi.therapy.organ_s_values import OrganSTable
from operandi.therapy.radionuclides import Emissions

_SOLID: Final = ("left kidney", "right kidney", "kidneys", "liver", "spleen")
"""Organs of one tissue without lumen. Walls, bone and marrow let electrons out or in."""
_SOFT_TISSUE_G_CM3: Final = 1.05
"""For the comparison alone: S values at a fixed mass hardly hang on the density."""
_FURTHEST: Final = 1.3
"""Either way. 177Lu in ICRP 110 and OLINDA phantoms: within 3 %; photons of 131I in a flat organ
up to some 15 % below a sphere's."""
_MISTAKES: Final = (
    (3600.0, "values per Bq h, or doses per administered activity, under a header per s"),
    (1e3, "mGy and Gy exchanged"),
    (1e-3, "mGy and Gy exchanged"),
    (1e6, "MBq and Bq exchanged"),
    (1e-6, "MBq and Bq exchanged"),
    (1 / 3600.0, "values per s under a header per h"),
)


def require_physical(
    table: OrganSTable, *, emissions: Emissions, sphere_s_value: SphereModel, name: str
) -> None:
    """Refuse a table whose self S values are not those of its own organs' masses.

    Parameters
    ----------
    table : OrganSTable
        Organs without a mass are passed over: no dose is scaled from them.
    emissions : Emissions
        Of the table's nuclide.
    sphere_s_value : callable
        ``operandi.therapy.kernels.sphere_s_value``.
    name : str
        The file's, for the message.

    Raises
    ------
    DataError
        If ``S(organ <- organ)`` of a solid organ is more than 1.3 times that of a sphere of the
        organ's mass, or less than it by that factor.
    """
    for organ in _SOLID:
        mass_g = table.masses_g.get(organ)
        if mass_g is None or (organ, organ) not in table.values:
            continue
        s = sphere_s_value(emissions, mass_g=mass_g, density_g_cm3=_SOFT_TISSUE_G_CM3)
        sphere = s.electron_gy_per_bq_s + s.alpha_gy_per_bq_s + s.photon_gy_per_bq_s
        stated = table.values[organ, organ].total_gy_per_bq_s
        ratio = max(stated / sphere, 1e-30)
        if 1 / _FURTHEST <= ratio <= _FURTHEST:
            continue
        raise DataError(
            f"{name}: S({organ} <- {organ}) is {stated:.3g} Gy/(Bq s), {ratio:.3g} times that of "
            f"a sphere of {mass_g:g} g, the organ's mass in the table ({sphere:.3g}); between "
            f"{1 / _FURTHEST:.2f} and {_FURTHEST:g} times is believed.",
            remedy=f"Check {_suspected(ratio)}.",
        )


def _suspected(ratio: float) -> str:
    factor, mistake = min(_MISTAKES, key=lambda one: abs(math.log(ratio / one[0])))
    if 1 / 3 < ratio / factor < 3:
        return f"the unit: the ratio is near {factor:.4g}, as of {mistake}"
    return (
        "the unit (values per hour? a dose per administered activity?), the nuclide and the mass "
        "of the organ"
    )
