"""The disease of a cohort before anything is done: lesions, where they lie, how they grow."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.simulation.disease.dose_surrogate import (
    LOG_VOLUME,
    Uptake,
    by_kinetics,
    by_log_normal,
    exchanged_dose_gy,
    patient_scores,
    uptake_scores,
)
from operandi.simulation.people.genome import draw_genomes
from operandi.simulation.people.lesion import LesionOrgan
from operandi.simulation.people.persons import Persons
from operandi.simulation.scenario import Scenario
from operandi.simulation.streams import Stream, normals, uniforms
from operandi.therapy.course import VirtualTumors, virtual_tumors
from operandi.therapy.course_parameters import (
    COURSE_A,
    COURSE_B,
    COURSE_C,
    CourseParameters,
)
from operandi.therapy.kinetic_parameters import DOTATATE_DOTATOC
from operandi.therapy.kinetics import VirtualPatients, virtual_patients

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


def _in_a_trial(course: CourseParameters, *, growth: float, sensitivity: float) -> CourseParameters:
    return replace(
        course,
        growth_per_month=course.growth_per_month * growth,
        sensitivity_per_gy=course.sensitivity_per_gy * sensitivity,
        source=f"{course.source}; growth x {growth}, sensitivity x {sensitivity}, so that a trial "
        "with readers' errors has the published medians (benchmarks/outcomes.py)",
    )


# The courses were fitted to exams without error, by all of four cycles on time. Readers' errors
# call progression early, and cycles stop: with these factors trials have the published medians
# again (``benchmarks/outcomes.py`` prints them).
COURSES: Final = {
    "A": _in_a_trial(COURSE_A, growth=0.8, sensitivity=1.0),
    "B": _in_a_trial(COURSE_B, growth=0.8, sensitivity=0.95),
    "C": _in_a_trial(COURSE_C, growth=0.85, sensitivity=1.1),
}
GENES: Final = (
    "MEN1",
    "DAXX_ATRX",
    "TSC2_PTEN_MTOR",
    "CDKN1B",
    "chr18_loss",
    "chromosomal_instability",
)
DRAWN: Final = ("uptake_heterogeneity", "adc", "stiffness")
"""Covariates that follow from nothing else here; the tissues of lesions show them."""

PRIMARY_IN_PLACE: Final = 0.5
"""Part of participants whose primary was not resected. Assumed."""
# A metastasis lies in the liver, a node, bone or the peritoneum, but where the organ has no room
# for it in the liver. Assumed, so that nearly all have one in the liver, half in nodes and few in
# bone or the peritoneum (of the treated of NETTER-1: 84, 66, 11 and 6 %; recalled).
SITES: Final = (LesionOrgan.LIVER, LesionOrgan.LYMPH_NODE, LesionOrgan.BONE, LesionOrgan.PERITONEUM)
SITE_SHARE: Final = (0.54, 0.34, 0.07, 0.05)
# Largest volume at the start that an organ holds, mL, so that a body has room for it. Assumed.
MOST_ML: Final = {
    LesionOrgan.PANCREAS: 15.0,
    LesionOrgan.ILEUM: 6.0,
    LesionOrgan.LYMPH_NODE: 12.0,
    LesionOrgan.BONE: 8.0,
    LesionOrgan.PERITONEUM: 10.0,
}
LIVER_LESION: Final = 0.06
"""Largest lesion of the liver, as part of the liver. Assumed: more leaves no room."""
LIVER_BURDEN: Final = 0.12
"""The same of all followed lesions of the liver together."""
MEASURABLE_ML: Final = 0.9
"""12 mm: whoever has no lesion as large would not take part."""
TARGET_NODE_ML: Final = 2.6
"""17 mm, likewise."""
FASTEST_PER_DAY: Final = 0.05
"""What effects make of growth at most: doubling in two weeks. Assumed; beyond, a scenario with
large factors would have tumors of meters."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Disease:
    """What is true before cycle 1.

    Parameters
    ----------
    patients : VirtualPatients
    organ : (n, lesions) int
        Index into ``LesionOrgan``; -1 where absent.
    tumors : VirtualTumors
    uptake : Uptake
        As received and as measured.
    killing_dose_gy : (n, lesions)
        Of the first cycle, as it kills.
    uptake_z : (n, lesions)
    covariates : dict of str to (n,)
    """

    patients: VirtualPatients
    organ: _Ints
    tumors: VirtualTumors
    uptake: Uptake
    killing_dose_gy: _Floats
    uptake_z: _Floats
    covariates: dict[str, _Floats]


def draw_disease(persons: Persons, *, scenario: Scenario, seed: int) -> Disease:
    """Draw the disease of each person.

    Parameters
    ----------
    persons : Persons
    scenario : Scenario
    seed : int
    """
    first = persons.first_participant
    settings = scenario.disease
    patients, organ = draw_lesions(persons, lesions_mean=scenario.cohort.lesions_mean, seed=seed)
    if settings.dose == "kinetics":
        uptake = by_kinetics(patients)
    else:
        uptake = by_log_normal(patients, seed=seed, first_participant=first)
    if not settings.treated:
        uptake = replace(
            uptake,
            lesion_dose_gy=0.0 * uptake.lesion_dose_gy,
            organ_dose_gy=0.0 * uptake.organ_dose_gy,
        )
    score = uptake_scores(uptake.suv)
    covariates = draw_covariates(persons, patients, score, seed=seed)
    killing = uptake.lesion_dose_gy
    if settings.treated and settings.dose_response == "exchanged":
        drawn = exchanged_dose_gy(*killing.shape, seed=seed, first_participant=first)
        killing = np.where(np.isnan(killing), np.nan, drawn)
    tumors = virtual_tumors(
        patients.lesion_volume_ml,
        parameters=COURSES[settings.course],
        seed=seed,
        first_patient=first,
    )
    return Disease(
        patients=patients,
        organ=organ,
        tumors=with_effects(tumors, covariates, scenario=scenario),
        uptake=uptake,
        killing_dose_gy=killing,
        uptake_z=score,
        covariates=covariates,
    )


def draw_lesions(
    persons: Persons, *, lesions_mean: float, seed: int
) -> tuple[VirtualPatients, _Ints]:
    """Lesions of the kinetics' population in these bodies, and the organs they lie in.

    What a body has no room for belongs to the tumor outside the followed lesions.
    """
    n, first = len(persons), persons.first_participant
    population = replace(DOTATATE_DOTATOC.population, lesions_mean=lesions_mean)
    patients = virtual_patients(
        n,
        parameters=replace(DOTATATE_DOTATOC, population=population),
        seed=seed,
        first_patient=first,
    )
    volume = np.maximum(patients.lesion_volume_ml, 0.0)
    u = uniforms(n, 1 + volume.shape[1], seed=seed, stream=Stream.LESION_SITE, first_row=first)
    organ = _organs(volume, persons.primary, u)
    held = _held(volume, organ, persons.organ_volume_ml["liver"])
    lost = np.nansum(volume - held, axis=1)
    organs_ml = persons.organ_volume_ml
    reference_l = population.organ_volume_l
    liver_l = organs_ml["liver"] / LIVER_REFERENCE_ML * reference_l[2]
    return (
        replace(
            patients,
            body_mass_kg=persons.body_mass_kg,
            organ_volume_l=np.column_stack(
                [
                    organs_ml["spleen"] / 1000.0,
                    (organs_ml["kidney_left"] + organs_ml["kidney_right"]) / 1000.0,
                    liver_l,
                    persons.body_mass_kg / population.body_mass_kg * reference_l[3],
                ]
            ),
            lesion_volume_ml=held,
            other_tumor_volume_ml=patients.other_tumor_volume_ml + lost,
        ),
        organ,
    )


LIVER_REFERENCE_ML: Final = 1560.0
"""Mean liver of ``persons``: the kinetics' lump of receptor organs, 4 L, varies with the liver."""


def _organs(volume: _Floats, primary: _Ints, u: _Floats) -> _Ints:
    """Where lesions lie, (n, lesions); -1 where absent."""
    codes = list(LesionOrgan)
    bounds = np.cumsum(SITE_SHARE)[:-1]
    site = np.array([codes.index(one) for one in SITES])
    liver = codes.index(LesionOrgan.LIVER)
    organ = site[np.searchsorted(bounds, u[:, 1:])]
    # Primary.PANCREAS and PANCREAS share the code 0, Primary.ILEUM and ILEUM the code 1.
    organ[:, 0] = np.where(u[:, 0] < PRIMARY_IN_PLACE, primary, organ[:, 0])
    most = np.array([MOST_ML.get(one, np.inf) for one in codes])
    first = organ[:, 0]
    in_place = u[:, 0] < PRIMARY_IN_PLACE
    # A metastasis too large for its organ is one of the liver; a primary is smaller instead.
    organ = np.where(volume > most[organ], liver, organ)
    organ[:, 0] = np.where(in_place, first, organ[:, 0])
    present = ~np.isnan(volume)
    least = np.where(organ == codes.index(LesionOrgan.LYMPH_NODE), TARGET_NODE_ML, MEASURABLE_ML)
    measurable = present & (organ != codes.index(LesionOrgan.BONE)) & (volume >= least)
    rows = np.flatnonzero(~measurable.any(axis=1))
    organ[rows, np.nanargmax(volume[rows], axis=1)] = liver
    return np.where(present, organ, -1)


def _held(volume: _Floats, organ: _Ints, liver_ml: _Floats) -> _Floats:
    """Volumes that bodies have room for."""
    codes = list(LesionOrgan)
    liver = organ == codes.index(LesionOrgan.LIVER)
    most = np.array([MOST_ML.get(one, np.inf) for one in codes])[organ]
    most = np.where(liver, LIVER_LESION * liver_ml[:, None], most)
    held = np.minimum(volume, most)
    # A primary in place has the size of its organ's lesions: smooth, so that none lie at a bound.
    primary = (organ[:, 0] >= 0) & (organ[:, 0] <= codes.index(LesionOrgan.ILEUM))
    small = volume[:, 0] * most[:, 0] / (volume[:, 0] + most[:, 0])
    held[:, 0] = np.where(primary, small, held[:, 0])
    load = np.where(liver, held, 0.0).sum(axis=1)
    factor = np.minimum(1.0, LIVER_BURDEN * liver_ml / np.maximum(load, 1e-9))
    held = np.where(liver, held * factor[:, None], held)
    largest = np.nanargmax(held, axis=1)
    rows = np.arange(len(held))
    held[rows, largest] = np.maximum(held[rows, largest], MEASURABLE_ML)
    return np.asarray(held, dtype=np.float64)


def draw_covariates(
    persons: Persons, patients: VirtualPatients, score: _Floats, *, seed: int
) -> dict[str, _Floats]:
    """All that an effect may name, standardized; genes are 1 where altered, else 0."""
    first = persons.first_participant
    z = normals(len(persons), len(DRAWN), seed=seed, stream=Stream.COVARIATE, first_row=first)
    followed = np.nansum(patients.lesion_volume_ml, axis=1)
    genomes = draw_genomes(persons.primary, seed=seed, first_participant=first)
    return {
        "uptake": patient_scores(score, lowest=False),
        "minimum_uptake": patient_scores(score, lowest=True),
        "tumor_volume": (np.log(followed) - LOG_VOLUME[0]) / LOG_VOLUME[1],
        **{name: z[:, column] for column, name in enumerate(DRAWN)},
        **{gene: genomes.altered[gene].astype(np.float64) for gene in GENES},
    }


def with_effects(
    tumors: VirtualTumors, covariates: dict[str, _Floats], *, scenario: Scenario
) -> VirtualTumors:
    """Multiply rates by ``exp(log_factor z)`` of each effect, growth up to ``FASTEST_PER_DAY``."""
    factor = {on: np.ones(len(tumors.grade)) for on in ("growth", "sensitivity", "new_lesions")}
    for effect in scenario.effect:
        factor[effect.on] *= np.exp(effect.log_factor * covariates[effect.covariate])
    growth = tumors.growth_per_day
    # Nobody whom effects leave alone is changed, however fast.
    fastest = np.maximum(growth, FASTEST_PER_DAY)
    return replace(
        tumors,
        growth_per_day=np.minimum(growth * factor["growth"][:, None], fastest),
        sensitivity_per_gy=tumors.sensitivity_per_gy * factor["sensitivity"],
        # Thresholds are of the integrated hazard: a higher hazard reaches them sooner.
        new_lesion_threshold=tumors.new_lesion_threshold / factor["new_lesions"][:, None],
    )
