"""MIRD doses of organs from tabulated S values, scaled to the patient's masses.

Why these policies: decision 0022.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from operandi.quantities.errors import DataError
from operandi.therapy.organ_names import organ_name
from operandi.therapy.organ_s_values import OrganSTable, OrganSValue
from operandi.therapy.radionuclides import Emissions
from operandi.therapy.regions import (
    JOULE_PER_MEV,
    DoseEstimate,
    Method,
    Region,
    TimeIntegratedActivity,
)

_ELECTRONS_ABOVE_TOTAL: Final = 0.02
"""How far the emitted electron energy may exceed what a table says is absorbed, before the two
are taken to be of different nuclides: tables are printed with 3 digits and decay evaluations of
177Lu differ by 0.4 %."""


@dataclass(frozen=True, slots=True)
class EmittedEnergy:
    """Energy per decay that tells the electron part of an S value that a table gives as a sum.

    Parameters
    ----------
    electron_mev, alpha_mev : float
        MeV per decay; beta, conversion and Auger electrons, and alphas with recoils.
    source : str
        Evaluation.
    """

    electron_mev: float
    alpha_mev: float
    source: str

    @classmethod
    def of(cls, emissions: Emissions) -> "EmittedEnergy":
        """Energies of a nuclide's emissions, daughters as its policy declares."""
        return cls(
            emissions.electrons.energy_per_decay_mev,
            emissions.alphas.energy_per_decay_mev,
            emissions.source,
        )


def parted_self_s(value: OrganSValue, *, mass_g: float, emitted: EmittedEnergy) -> OrganSValue:
    """Part a self S value that a table gives as a sum into electrons, alphas and photons.

    Charged particles are taken to be absorbed whole in an organ of the phantom (``S_e = E_e / m``)
    and the rest of the sum is the photons'. Of the electrons of 177Lu 0.6 % leave a sphere of
    150 g, and more an organ of that mass, so that the photons' part comes out too small by as
    much; scaled from 150 to 1800 g, S then is 1.3 to 1.7 % below the published one, against 3 %
    for scaling all by 1/m. Where most electrons leave (marrow in bone) this refuses.

    Parameters
    ----------
    value : OrganSValue
        S(target <- target) of the phantom. Returned as it is where the table parts it already.
    mass_g : float
        Mass of the target in the phantom, g.
    emitted : EmittedEnergy
        Energies per decay.

    Raises
    ------
    DataError
        If the electrons alone would exceed the sum by more than 2 %: nuclide or mass is wrong, or
        the organ lets many electrons out.
    """
    if value.electron_gy_per_bq_s is not None:
        return value
    per_mev = JOULE_PER_MEV / (mass_g / 1000.0)
    electron, alpha = emitted.electron_mev * per_mev, emitted.alpha_mev * per_mev
    photon = value.total_gy_per_bq_s - electron - alpha
    if photon < -_ELECTRONS_ABOVE_TOTAL * value.total_gy_per_bq_s:
        raise DataError(
            f"S({value.target} <- {value.source}) is {value.total_gy_per_bq_s:.4g} Gy/(Bq s), less "
            f"than the {electron + alpha:.4g} of charged particles alone in {mass_g:g} g "
            f"({emitted.source}).",
            remedy="Check the nuclide and the phantom mass, or supply a table parted by radiation.",
        )
    return replace(
        value,
        electron_gy_per_bq_s=min(electron, value.total_gy_per_bq_s - alpha),
        alpha_gy_per_bq_s=alpha,
        photon_gy_per_bq_s=max(photon, 0.0),
    )


def scaled_to_mass(value: OrganSValue, *, phantom_g: float, patient_g: float) -> OrganSValue:
    """Self S value of the patient's mass: charged particles by m^-1, photons by m^(-2/3).

    Raises
    ------
    ValueError
        If the value is not parted by radiation, or is a cross-dose (which is not scaled).

    References
    ----------
    .. [1] Snyder, Ann ICRP 1975; MIRD Pamphlet 11 and OLINDA/EXM practice: photon absorbed
       fractions of an organ for itself grow as m^(1/3).
    """
    electron, photon = value.electron_gy_per_bq_s, value.photon_gy_per_bq_s
    if electron is None or photon is None or value.source != value.target:
        raise ValueError("only a self S value that is parted by radiation is scaled by mass")
    ratio = phantom_g / patient_g
    electron, photon = electron * ratio, photon * ratio ** (2 / 3)
    alpha = value.alpha_gy_per_bq_s * ratio
    total = electron + alpha + photon
    u = value.standard_uncertainty_gy_per_bq_s
    return replace(
        value,
        electron_gy_per_bq_s=electron,
        photon_gy_per_bq_s=photon,
        alpha_gy_per_bq_s=alpha,
        total_gy_per_bq_s=total,
        standard_uncertainty_gy_per_bq_s=None if u is None else u * total / value.total_gy_per_bq_s,
    )


def organ_dose(
    region: Region,
    others: Mapping[str, TimeIntegratedActivity],
    *,
    table: OrganSTable,
    emitted: EmittedEnergy,
) -> DoseEstimate:
    """MIRD: ``D = sum_s A_s S(T <- s)``, the self term scaled to the patient's mass.

    Cross-dose is not scaled: what a target absorbs of far photons goes with its mass.

    Parameters
    ----------
    region : Region
        The target, with its own activity and the patient's mass.
    others : mapping of organ to TimeIntegratedActivity
        Other source organs (``"remainder of body"`` too, once :func:`with_remainder` put it into
        the table); empty where cross-dose is left out.
    table : OrganSTable
        Phantom S values and masses.
    emitted : EmittedEnergy
        Parts a table that gives sums.

    Raises
    ------
    DataError
        If the table lacks an organ or a mass, or *others* holds the target.
    """
    name = organ_name(region.name)
    if name in {organ_name(other) for other in others}:
        raise DataError(f"{region.name!r} is among its own other sources: it would count twice.")
    phantom_g = table.mass_g(name)
    value = parted_self_s(
        table.s_value(source=name, target=name), mass_g=phantom_g, emitted=emitted
    )
    scaled = scaled_to_mass(value, phantom_g=phantom_g, patient_g=region.mass.g)
    crosses = [
        (activity, table.s_value(source=other, target=name)) for other, activity in others.items()
    ]
    terms = [(region.activity, scaled), *crosses]
    own = region.activity.bq_s * scaled.total_gy_per_bq_s
    dose = own + math.fsum(a.bq_s * s.total_gy_per_bq_s for a, s in crosses)
    photon_own = region.activity.bq_s * (scaled.photon_gy_per_bq_s or 0.0)
    slope = -(own - photon_own) - 2 / 3 * photon_own
    variance = (
        math.fsum(
            (s.total_gy_per_bq_s * a.standard_uncertainty_bq_s) ** 2
            + (a.bq_s * (s.standard_uncertainty_gy_per_bq_s or 0.0)) ** 2
            for a, s in terms
        )
        + (slope * region.mass.standard_uncertainty_g / region.mass.g) ** 2
    )
    parted = all(s.electron_gy_per_bq_s is not None for _, s in terms)
    return DoseEstimate(
        region=region.name,
        method=Method.ORGAN_TABLE,
        dose_gy=dose,
        electron_gy=_sum(terms, "electron_gy_per_bq_s") if parted else None,
        alpha_gy=_sum(terms, "alpha_gy_per_bq_s") if parted else None,
        photon_gy=_sum(terms, "photon_gy_per_bq_s") if parted else None,
        self_gy=own,
        mass_g=region.mass.g,
        standard_uncertainty_gy=math.sqrt(variance),
        mass_exponent=slope / dose if dose else -1.0,
        assumptions=(
            f"anatomy of {table.phantom}, {phantom_g:g} g scaled to {region.mass.g:g} g",
            f"cross-dose of {len(crosses)} other sources, not scaled"
            if crosses
            else "cross-dose left out: no other source was given",
            f"electron part of the self dose from {emitted.source}"
            if table.s_value(source=name, target=name).electron_gy_per_bq_s is None
            else "parts by radiation as tabulated",
        ),
    )


REMAINDER: Final = "remainder of body"
TOTAL_BODY: Final = "total body"


def with_remainder(
    table: OrganSTable, sources: Sequence[str], *, targets: Sequence[str]
) -> OrganSTable:
    """Add the remainder of the body as a source, for the given *targets*.

    ``S(T <- R) = [m_B S(T <- B) - sum_s m_s S(T <- s)] / (m_B - sum_s m_s)`` with *B* the total
    body and *s* the organs that have an activity of their own.

    Parameters
    ----------
    table : OrganSTable
        With total body as a source, and masses.
    sources : sequence of str
        The organs whose activity is counted apart.
    targets : sequence of str
        Whose S value from the remainder is wanted.

    Raises
    ------
    DataError
        If the total body, a mass or a pair is missing, or the difference is negative by more than
        1 % of the total body's term (inconsistent table).

    References
    ----------
    .. [1] Cloutier et al., MIRD: remainder of the body; Hindorf et al., Eur J Nucl Med Mol
       Imaging 37:1238, 2010.
    """
    body = table.mass_g(TOTAL_BODY)
    names = list(dict.fromkeys(organ_name(source) for source in sources))
    rest = body - math.fsum(table.mass_g(name) for name in names)
    if rest <= 0:
        raise DataError(f"The sources weigh as much as the body ({body:g} g) of {table.phantom}.")
    grams = {name: table.mass_g(name) for name in names}
    added = {}
    for target in targets:
        whole = table.s_value(source=TOTAL_BODY, target=target)
        parts = {name: table.s_value(source=name, target=target) for name in names}
        left = whole.total_gy_per_bq_s * body - math.fsum(
            grams[name] * part.total_gy_per_bq_s for name, part in parts.items()
        )
        if left < -0.01 * whole.total_gy_per_bq_s * body:
            raise DataError(
                f"S({target} <- remainder) would be negative: the sources give more than the whole "
                f"body by {-left:.3g} g Gy/(Bq s)."
            )
        added[REMAINDER, organ_name(target)] = OrganSValue(
            source=REMAINDER,
            target=organ_name(target),
            total_gy_per_bq_s=max(left, 0.0) / rest,
        )
    return replace(
        table,
        values=MappingProxyType({**table.values, **added}),
        masses_g=MappingProxyType({**table.masses_g, REMAINDER: rest}),
    )


def _sum(terms: list[tuple[TimeIntegratedActivity, OrganSValue]], part: str) -> float:
    return math.fsum(activity.bq_s * (getattr(s, part) or 0.0) for activity, s in terms)
