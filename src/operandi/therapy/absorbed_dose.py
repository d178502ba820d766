"""Absorbed dose of a region by every method that applies, and by how much they disagree.

All methods take the same time-integrated activity and mass. None has a default for either.
Why these policies: decision 0022.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ABSORBED_DOSE
from operandi.therapy.organ_dose import EmittedEnergy, organ_dose
from operandi.therapy.organ_names import organ_name
from operandi.therapy.organ_s_values import OrganSTable
from operandi.therapy.radionuclides import Emissions
from operandi.therapy.regions import (
    JOULE_PER_MEV,
    DoseEstimate,
    Method,
    Region,
    TimeIntegratedActivity,
)


class SplitS(Protocol):
    """An S value by class of radiation, as the kernels of spheres give it."""

    @property
    def electron_gy_per_bq_s(self) -> float:
        """Part of electrons, Gy/(Bq s)."""

    @property
    def alpha_gy_per_bq_s(self) -> float:
        """Part of alphas, Gy/(Bq s)."""

    @property
    def photon_gy_per_bq_s(self) -> float:
        """Part of photons, Gy/(Bq s)."""


class SphereModel(Protocol):
    """``operandi.therapy.kernels.sphere_s_value``."""

    def __call__(self, emissions: Emissions, *, mass_g: float, density_g_cm3: float) -> SplitS:
        """S value of a sphere for itself."""


def sphere_dose(
    region: Region,
    *,
    emissions: Emissions,
    density_g_cm3: float,
    sphere_s_value: SphereModel,
) -> DoseEstimate:
    """Dose of a lesion as a sphere of its mass, filled evenly; no dose from outside.

    Parameters
    ----------
    region : Region
        The lesion.
    emissions : Emissions
        Of the nuclide, daughters as declared.
    density_g_cm3 : float, > 0
        Of its tissue; no default.
    sphere_s_value : callable
        ``operandi.therapy.kernels.sphere_s_value``.
    """
    if not density_g_cm3 > 0:
        raise DataError(f"Density must be > 0 g/cm3, found {density_g_cm3}.")
    s = sphere_s_value(emissions, mass_g=region.mass.g, density_g_cm3=density_g_cm3)
    return _estimate(
        region,
        Method.SPHERE,
        parts=(s.electron_gy_per_bq_s, s.alpha_gy_per_bq_s, s.photon_gy_per_bq_s),
        photon_exponent=-2 / 3,
        assumptions=(
            f"sphere of {density_g_cm3:g} g/cm3, even activity",
            "no dose from outside the region",
        ),
    )


def local_deposition_dose(region: Region, *, emissions: Emissions) -> DoseEstimate:
    """All charged particles stop where they start and all photons leave: ``D = A E / m``."""
    per_mev = JOULE_PER_MEV / (region.mass.g / 1000.0)
    return _estimate(
        region,
        Method.LOCAL_DEPOSITION,
        parts=(
            emissions.electrons.energy_per_decay_mev * per_mev,
            emissions.alphas.energy_per_decay_mev * per_mev,
            0.0,
        ),
        photon_exponent=0.0,
        assumptions=("charged particles absorbed in place", "photons leave the region"),
    )


def voxel_region_dose(
    region: Region, dose: Volume, mask: Mask, *, map_note: str = ""
) -> DoseEstimate:
    """Mean of a voxel dose map in the region, blurred as the image it came from.

    The map fixes the dose: activity and mass of *region* tell its uncertainty and mass only.

    Parameters
    ----------
    region : Region
        Of what.
    dose : Volume of ABSORBED_DOSE
        The map.
    mask : Mask
        The region on the map's grid.
    map_note : str
        How the map's decays were made, recovery included; empty for those of the image as it is.

    Raises
    ------
    DataError
        If the volume is no map of absorbed dose, or the mask is empty.
    GridMismatchError
        If mask and map differ in grid.
    """
    if dose.kind != ABSORBED_DOSE:
        raise DataError(f"Needed a map of {ABSORBED_DOSE.name}, found {dose.kind.name}.")
    dose.grid.require_same(mask.grid, what="The dose map and the region")
    if not mask.inside.any():
        raise DataError(f"The region {region.name} holds no voxel.")
    mean = float(np.mean(dose.values[mask.inside], dtype=np.float64))
    activity, mass = region.activity, region.mass
    relative = math.hypot(
        activity.standard_uncertainty_bq_s / activity.bq_s if activity.bq_s else 0.0,
        mass.standard_uncertainty_g / mass.g,
    )
    return DoseEstimate(
        region=region.name,
        method=Method.VOXEL,
        dose_gy=mean,
        mass_g=mass.g,
        standard_uncertainty_gy=mean * relative,
        mass_exponent=-1.0,
        assumptions=(
            f"mean over voxels; {map_note or 'not recovered for partial volume'}",
            "relative uncertainty as of the region's activity and mass",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseInputs:
    """All that is known of one region; what is None makes methods inapplicable, and is named.

    Parameters
    ----------
    region : Region
        Organ (its lesions subtracted) or lesion.
    emissions : Emissions
        Of the nuclide.
    table : OrganSTable or None
        Organ S values.
    others : mapping of organ to TimeIntegratedActivity
        Other sources for the organ table.
    density_g_cm3 : float or None
        Of the region, for the sphere.
    sphere_s_value : callable or None
        ``operandi.therapy.kernels.sphere_s_value``.
    dose_map : Volume or None
        Voxel dose, Gy.
    mask : Mask or None
        The region on the grid of *dose_map*.
    map_note : str
        How the map's decays were made; see :func:`voxel_region_dose`.
    """

    region: Region
    emissions: Emissions
    table: OrganSTable | None = None
    others: Mapping[str, TimeIntegratedActivity] = field(default_factory=dict)
    density_g_cm3: float | None = None
    sphere_s_value: SphereModel | None = None
    dose_map: Volume | None = None
    mask: Mask | None = None
    map_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DosePanel:
    """Doses of one region by all methods that apply, on the same input.

    Parameters
    ----------
    estimates : mapping of Method to DoseEstimate
        What applies.
    inapplicable : mapping of Method to str
        What does not, and what it lacks.
    chosen : Method
        The one that is reported.
    """

    estimates: Mapping[Method, DoseEstimate]
    inapplicable: Mapping[Method, str]
    chosen: Method

    @property
    def dose(self) -> DoseEstimate:
        """The chosen one."""
        return self.estimates[self.chosen]

    @property
    def disagreement(self) -> float:
        """Largest over smallest dose, less 1; 0 with one method only."""
        doses = [estimate.dose_gy for estimate in self.estimates.values()]
        if min(doses) > 0:
            return max(doses) / min(doses) - 1.0
        return math.inf if max(doses) > 0 else 0.0

    @property
    def against_chosen(self) -> Mapping[Method, float]:
        """Each dose over the chosen one, less 1."""
        own = self.dose.dose_gy
        return {
            method: estimate.dose_gy / own - 1.0 if own else math.nan
            for method, estimate in self.estimates.items()
        }


def all_methods(inputs: DoseInputs, *, chosen: Method) -> DosePanel:
    """Doses by all methods that the inputs allow.

    A method that lacks an input is listed with what it lacks. An input that is wrong refuses the
    panel: a disagreement is never hidden by dropping a method.

    Raises
    ------
    DataError
        If *chosen* does not apply, or an input is wrong.
    """
    attempts: dict[Method, tuple[str, Callable[[], DoseEstimate]]] = {
        Method.ORGAN_TABLE: (_lacks_table(inputs), lambda: _organ(inputs)),
        Method.SPHERE: (
            ""
            if inputs.density_g_cm3 is not None and inputs.sphere_s_value is not None
            else "density of the region or sphere S values not given",
            lambda: _sphere(inputs),
        ),
        Method.LOCAL_DEPOSITION: (
            "",
            lambda: local_deposition_dose(inputs.region, emissions=inputs.emissions),
        ),
        Method.VOXEL: (
            ""
            if inputs.dose_map is not None and inputs.mask is not None
            else "voxel dose map or mask not given",
            lambda: _voxel(inputs),
        ),
    }
    lacking = {method: lack for method, (lack, _) in attempts.items() if lack}
    if chosen in lacking:
        raise DataError(
            f"The dose of {inputs.region.name} by {chosen.value!r} needs what is missing: "
            f"{lacking[chosen]}."
        )
    return DosePanel(
        estimates=MappingProxyType(
            {method: run() for method, (lack, run) in attempts.items() if not lack}
        ),
        inapplicable=MappingProxyType(lacking),
        chosen=chosen,
    )


def _lacks_table(inputs: DoseInputs) -> str:
    if inputs.table is None:
        return "no table of organ S values given"
    name = organ_name(inputs.region.name)
    if (name, name) not in inputs.table.values:
        return f"{inputs.region.name} is not an organ of the S table ({inputs.table.phantom})"
    return ""


def _organ(inputs: DoseInputs) -> DoseEstimate:
    if inputs.table is None:
        raise ValueError("no table")
    if inputs.table.nuclide.name != inputs.emissions.nuclide.name:
        raise DataError(
            f"The S table is of {inputs.table.nuclide.name}, the emissions are of "
            f"{inputs.emissions.nuclide.name}."
        )
    return organ_dose(
        inputs.region, inputs.others, table=inputs.table, emitted=EmittedEnergy.of(inputs.emissions)
    )


def _sphere(inputs: DoseInputs) -> DoseEstimate:
    if inputs.density_g_cm3 is None or inputs.sphere_s_value is None:
        raise ValueError("no sphere")
    return sphere_dose(
        inputs.region,
        emissions=inputs.emissions,
        density_g_cm3=inputs.density_g_cm3,
        sphere_s_value=inputs.sphere_s_value,
    )


def _voxel(inputs: DoseInputs) -> DoseEstimate:
    if inputs.dose_map is None or inputs.mask is None:
        raise ValueError("no map")
    return voxel_region_dose(inputs.region, inputs.dose_map, inputs.mask, map_note=inputs.map_note)


def _estimate(
    region: Region,
    method: Method,
    *,
    parts: tuple[float, float, float],
    photon_exponent: float,
    assumptions: tuple[str, ...],
) -> DoseEstimate:
    """Dose from S values by radiation that hold for this mass."""
    activity, mass = region.activity, region.mass
    electron, alpha, photon = (activity.bq_s * part for part in parts)
    dose = electron + alpha + photon
    exponent = (-(electron + alpha) + photon_exponent * photon) / dose if dose else -1.0
    return DoseEstimate(
        region=region.name,
        method=method,
        dose_gy=dose,
        electron_gy=electron,
        alpha_gy=alpha,
        photon_gy=photon,
        self_gy=dose,
        mass_g=mass.g,
        standard_uncertainty_gy=math.hypot(
            sum(parts) * activity.standard_uncertainty_bq_s,
            dose * exponent * mass.standard_uncertainty_g / mass.g,
        ),
        mass_exponent=exponent,
        assumptions=assumptions,
    )
