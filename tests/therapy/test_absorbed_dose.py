from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import ABSORBED_DOSE, PARAMETRIC
from operandi.therapy.absorbed_dose import (
    DoseInputs,
    all_methods,
    local_deposition_dose,
    sphere_dose,
    voxel_region_dose,
)
from operandi.therapy.radionuclides import Emissions, Spectrum
from operandi.therapy.regions import JOULE_PER_MEV, Method, without_lesions
from tests.therapy.dose_builders import (
    LU177_ELECTRON_MEV,
    a_grid,
    a_region,
    a_table,
    lu177_emissions,
)

LIVER = a_table({("liver", "liver"): 1.37e-5}, {"liver": 1800.0})


@dataclass(frozen=True)
class _Split:
    electron_gy_per_bq_s: float
    alpha_gy_per_bq_s: float
    photon_gy_per_bq_s: float


def a_sphere(emissions: Emissions, *, mass_g: float, density_g_cm3: float) -> _Split:
    """Electrons whole, photons by a fraction that grows with m^(1/3): 5 % of a kilogram."""
    assert density_g_cm3 > 0
    per_mev = JOULE_PER_MEV / (mass_g / 1000)
    photon = emissions.photons.energy_per_decay_mev * 0.05 * (mass_g / 1000) ** (1 / 3)
    return _Split(emissions.electrons.energy_per_decay_mev * per_mev, 0.0, photon * per_mev)


def test_local_deposition_by_hand() -> None:
    """1e13 decays x 0.1479 MeV x 1.602e-13 J/MeV in 0.3 kg = 0.7899 Gy."""
    dose = local_deposition_dose(a_region(), emissions=lu177_emissions())
    assert dose.dose_gy == pytest.approx(0.7899, rel=1e-4)
    assert dose.photon_gy == 0.0
    assert dose.mass_exponent == -1.0


@given(st.floats(0.01, 500.0), st.floats(0.01, 0.5))
def test_mass_uncertainty_reaches_the_dose_by_its_exponent(mass_g: float, relative: float) -> None:
    region = a_region(mass_g=mass_g, u_mass_g=relative * mass_g)
    dose = sphere_dose(
        region, emissions=lu177_emissions(), density_g_cm3=1.04, sphere_s_value=a_sphere
    )
    assert dose.standard_uncertainty_gy == pytest.approx(
        dose.dose_gy * relative * abs(dose.mass_exponent)
    )
    assert -1.0 <= dose.mass_exponent < -0.9


def test_refuses_a_sphere_without_density() -> None:
    with pytest.raises(DataError, match="Density must be > 0"):
        sphere_dose(
            a_region(), emissions=lu177_emissions(), density_g_cm3=0.0, sphere_s_value=a_sphere
        )


def test_the_panel_holds_each_method_that_applies_and_says_what_the_others_lack() -> None:
    panel = all_methods(
        DoseInputs(
            region=a_region("liver", mass_g=1800.0), emissions=lu177_emissions(), table=LIVER
        ),
        chosen=Method.ORGAN_TABLE,
    )
    assert set(panel.estimates) == {Method.ORGAN_TABLE, Method.LOCAL_DEPOSITION}
    assert "density" in panel.inapplicable[Method.SPHERE]
    assert "mask" in panel.inapplicable[Method.VOXEL]
    assert panel.dose.dose_gy == pytest.approx(0.137)


def test_methods_agree_within_seven_percent_and_local_deposition_is_lowest() -> None:
    """SNMMI 177Lu challenge: organs within 7 % by method, except local deposition."""
    grid = a_grid()
    inside = np.ones(grid.shape, dtype=bool)
    panel = all_methods(
        DoseInputs(
            region=a_region("liver", mass_g=1800.0),
            emissions=lu177_emissions(),
            table=LIVER,
            density_g_cm3=1.05,
            sphere_s_value=a_sphere,
            dose_map=Volume(np.full(grid.shape, 0.136), grid, ABSORBED_DOSE),
            mask=Mask(inside, grid),
        ),
        chosen=Method.ORGAN_TABLE,
    )
    doses = [estimate.dose_gy for estimate in panel.estimates.values()]
    assert len(doses) == 4
    assert panel.disagreement == pytest.approx(max(doses) / min(doses) - 1)
    assert panel.disagreement < 0.07
    assert min(panel.estimates.values(), key=lambda e: e.dose_gy).method is Method.LOCAL_DEPOSITION
    assert panel.against_chosen[Method.ORGAN_TABLE] == 0.0
    assert panel.against_chosen[Method.LOCAL_DEPOSITION] < 0


def test_lesions_left_in_the_liver_raise_its_dose_by_a_third() -> None:
    """SNMMI 177Lu challenge: livers differed by up to 36 % by lesions subtracted or not.

    By hand: lesions with 30 % of the activity in 100 of 1800 g; rest 0.7/1700 against 1/1800 per
    gram, so that the uncorrected dose is 1.349 times as high (electrons).
    """
    whole = a_region("liver", bq_s=1e13, mass_g=1800.0)
    rest = without_lesions(whole, [a_region("lesion", bq_s=3e12, mass_g=100.0)])

    def dose(region: object) -> float:
        inputs = DoseInputs(region=whole, emissions=lu177_emissions(), table=LIVER)
        chosen = replace(inputs, region=region)  # type: ignore[arg-type]
        return all_methods(chosen, chosen=Method.ORGAN_TABLE).dose.dose_gy

    assert dose(whole) / dose(rest) == pytest.approx(1.349, rel=5e-3)


def test_refuses_the_chosen_method_where_it_does_not_apply() -> None:
    inputs = DoseInputs(region=a_region("lesion 1"), emissions=lu177_emissions(), table=LIVER)
    with pytest.raises(DataError, match="not an organ of the S table"):
        all_methods(inputs, chosen=Method.ORGAN_TABLE)
    with pytest.raises(DataError, match="mask not given"):
        all_methods(inputs, chosen=Method.VOXEL)


def test_refuses_a_table_of_another_nuclide() -> None:
    other = replace(LIVER.nuclide, name="90Y")
    inputs = DoseInputs(
        region=a_region("liver", mass_g=1800.0),
        emissions=lu177_emissions(),
        table=replace(LIVER, nuclide=other),
    )
    with pytest.raises(DataError, match="table is of 90Y"):
        all_methods(inputs, chosen=Method.LOCAL_DEPOSITION)


def test_no_activity_gives_no_dose_and_no_disagreement() -> None:
    panel = all_methods(
        DoseInputs(
            region=a_region("liver", bq_s=0.0, mass_g=1800.0),
            emissions=lu177_emissions(),
            table=LIVER,
        ),
        chosen=Method.ORGAN_TABLE,
    )
    assert panel.dose.dose_gy == 0.0
    assert panel.disagreement == 0.0


def test_refuses_a_map_that_is_no_dose_or_lies_elsewhere() -> None:
    grid = a_grid()
    everything = Mask(np.ones(grid.shape, dtype=bool), grid)
    with pytest.raises(DataError, match="found PARAMETRIC"):
        voxel_region_dose(a_region(), Volume(np.ones(grid.shape), grid, PARAMETRIC), everything)
    other = a_grid(spacing_mm=(4.0, 4.0, 4.1))
    with pytest.raises(GridMismatchError):
        voxel_region_dose(a_region(), Volume(np.ones(grid.shape), other, ABSORBED_DOSE), everything)
    nothing = Mask(np.zeros(grid.shape, dtype=bool), grid)
    with pytest.raises(DataError, match="holds no voxel"):
        voxel_region_dose(a_region(), Volume(np.ones(grid.shape), grid, ABSORBED_DOSE), nothing)


def test_a_map_says_how_its_decays_were_made() -> None:
    """What was recovered before is not called unrecovered."""
    grid = a_grid()
    dose = Volume(np.ones(grid.shape), grid, ABSORBED_DOSE)
    everything = Mask(np.ones(grid.shape, dtype=bool), grid)

    plain = voxel_region_dose(a_region(), dose, everything)
    made = voxel_region_dose(a_region(), dose, everything, map_note="recovered decays")

    assert "mean over voxels; not recovered for partial volume" in plain.assumptions
    assert "mean over voxels; recovered decays" in made.assumptions


def test_alphas_are_reported_apart_and_unweighted() -> None:
    """By hand: 1e10 decays x 27.48 MeV x 1.602e-13 J/MeV in 0.02 kg = 2.201 Gy (225Ac chain)."""
    emissions = replace(
        lu177_emissions(electron_mev=0.690),
        alphas=Spectrum(np.array([6.87]), np.array([4.0])),
    )
    dose = local_deposition_dose(a_region(bq_s=1e10, mass_g=20.0), emissions=emissions)
    assert dose.alpha_gy == pytest.approx(2.2014, rel=1e-4)
    assert dose.electron_gy == pytest.approx(2.2014 * 0.690 / 27.48, rel=1e-4)
    assert dose.dose_gy == pytest.approx(2.2014 * (1 + 0.690 / 27.48), rel=1e-4)


def test_a_dose_per_activity_is_another_kind() -> None:
    """By hand: 0.7899 Gy of 7.4 GBq."""
    dose = local_deposition_dose(a_region(), emissions=lu177_emissions())
    coefficient = dose.per_activity(administered_bq=7.4e9)
    assert coefficient.gy_per_gbq == pytest.approx(0.10674, rel=1e-3)
    assert coefficient.dose_gy(administered_bq=7.4e9) == pytest.approx(dose.dose_gy)
    with pytest.raises(DataError, match="Administered activity"):
        dose.per_activity(administered_bq=0.0)


def test_energies_of_the_builder_are_those_of_the_nuclide() -> None:
    assert lu177_emissions().electrons.energy_per_decay_mev == LU177_ELECTRON_MEV
