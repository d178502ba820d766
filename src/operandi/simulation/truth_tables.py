"""The truth of a cohort as tables: one row a participant, one row a lesion at a visit."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl

from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.disease.recist_tables import lesion_id
from operandi.simulation.participant import ParticipantImages
from operandi.simulation.people.lesion import LesionOrgan
from operandi.simulation.people.person import Primary
from operandi.simulation.people.persons import pseudonym_of

_BEST: Final = ("CR", "PR", "SD", "PD", "NE")


def outcome_table(outcomes: Outcomes) -> pl.DataFrame:
    """One row a participant: who they are, what they received, what became of them, and why.

    Days count from cycle 1; blank is "not". Doses are those of a first cycle of 7.4 GBq, which the
    course goes by; what was given differs by about 1 % (``cycles``). ``oracle_risk`` is what no
    marker can beat; ``covariate_…`` are the standardized numbers that a scenario's effects act by.
    """
    persons, tumors = outcomes.persons, outcomes.tumors
    first = persons.first_participant
    primaries, kept = list(Primary), ~np.isnan(tumors.volume_ml)
    columns: dict[str, object] = {
        "participant": [str(pseudonym_of(first + row)) for row in range(len(persons))],
        "site": [persons.site_codes[site] for site in persons.site],
        "sex": np.where(persons.female, "F", "M"),
        "age_years": persons.age_years,
        "height_m": persons.height_m,
        "body_mass_kg": persons.body_mass_kg,
        "primary": [primaries[code].value for code in persons.primary],
        "grade": tumors.grade,
        "lesions": kept.sum(axis=1),
        "tumor_volume_ml": np.nansum(tumors.volume_ml, axis=1),
        "growth_per_day": _weighted(tumors.growth_per_day, tumors.volume_ml),
        "sensitivity_per_gy": tumors.sensitivity_per_gy,
        "lesion_dose_gy": _weighted(outcomes.lesion_dose_gy, tumors.volume_ml),
        **{
            f"{organ}_dose_gy": outcomes.organ_dose_gy[:, at]
            for at, organ in enumerate(("spleen", "kidneys", "red_marrow"))
        },
        "cycles": np.isfinite(outcomes.cycle_day).sum(axis=1),
        **{f"covariate_{name}": values for name, values in sorted(outcomes.covariates.items())},
        "progression_day": _finite(outcomes.progression_day),
        "exam_progression_day": _finite(outcomes.exam_progression_day),
        "pfs_day": outcomes.pfs_day,
        "pfs_left_day": outcomes.pfs_left_day,
        "pfs_event": outcomes.pfs_event,
        "best_response": [_BEST[code] for code in outcomes.best_response],
        "death_day": _finite(outcomes.death_day),
        "os_day": outcomes.os_day,
        "os_event": outcomes.os_event,
        "dropout_day": _finite(outcomes.dropout_day),
        "cut_day": outcomes.cut_day,
        "oracle_risk": outcomes.oracle_risk,
    }
    return pl.DataFrame(columns)


def _finite(days: np.ndarray) -> pl.Series:
    return pl.Series([float(day) if np.isfinite(day) else None for day in days], dtype=pl.Float64)


def _weighted(values: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Mean over lesions, weighted by volume."""
    weight = np.nan_to_num(volume)
    total: np.ndarray = (np.nan_to_num(values) * weight).sum(axis=1) / weight.sum(axis=1)
    return total


def lesion_table(everyone: Sequence[ParticipantImages], outcomes: Outcomes) -> pl.DataFrame:
    """One row a lesion at an imaging visit: place, size, tissue, dose of the first cycle.

    The dose is that of 7.4 GBq; a SPECT shows it times the activity that was given over that.
    """
    return pl.DataFrame(
        [row for images in everyone for row in _lesions(images, outcomes)], schema=_LESION
    )


_LESION: Final = {
    "participant": pl.String,
    "timepoint": pl.String,
    "lesion": pl.String,
    "organ": pl.String,
    **dict.fromkeys(
        (
            "x_mm",
            "y_mm",
            "z_mm",
            "volume_ml",
            "suv",
            "uptake_cv",
            "necrosis",
            "adc_mm2_s",
            "stiffness_kpa",
            "ktrans_per_min",
            "first_cycle_dose_gy",
        ),
        pl.Float64,
    ),
}
"""Stated, so that a cohort of which no visit took place has the columns too."""


def _lesions(images: ParticipantImages, outcomes: Outcomes) -> Iterator[dict[str, object]]:
    place = {placed.id: placed for placed in images.placed}
    row = images.person.number - outcomes.first_participant
    doses = {
        lesion_id(images.person.pseudonym, int(column)): float(outcomes.lesion_dose_gy[row, column])
        for column in np.flatnonzero(outcomes.lesion_organ[row] >= 0)
    }
    for visit in images.visits:
        for lesion in visit.lesions:
            x, y, z = visit.placed_at(place[lesion.id])
            yield {
                "participant": images.person.pseudonym,
                "timepoint": visit.plan.timepoint,
                "lesion": lesion.id,
                "organ": LesionOrgan(lesion.organ).value,
                "x_mm": x,
                "y_mm": y,
                "z_mm": z,
                "volume_ml": lesion.volume_ml,
                "suv": lesion.suv,
                "uptake_cv": lesion.uptake_cv,
                "necrosis": lesion.necrosis,
                "adc_mm2_s": lesion.adc_mm2_s,
                "stiffness_kpa": lesion.stiffness_kpa,
                "ktrans_per_min": lesion.ktrans_per_min,
                "first_cycle_dose_gy": doses.get(lesion.id),
            }
