"""How each lesion of a participant stands at an imaging visit: size, uptake, diffusion, stiffness.

Size and the dead part come from the course of the disease; the rest is drawn once for a lesion
and follows the course.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from operandi.domain.identity import LesionId
from operandi.quantities.errors import DataError
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.people.lesion import LesionOrgan, LesionState
from operandi.simulation.people.priors import PersonalPrior, bounded_scores
from operandi.simulation.scenario import Scenario
from operandi.simulation.streams import Stream, generator

_Floats = npt.NDArray[np.float64]

LESION_SUV: Final = PersonalPrior(
    mean=16.5,
    spread=8.0,
    unit="g/mL",
    source="SUVmean of primaries and liver metastases, NOC and TATE, 81 patients ('Highly variable "
    "biodistribution of 68Ga-labeled somatostatin analogues')",
)
LESION_ADC: Final = PersonalPrior(
    mean=1.39e-3,
    spread=0.63e-3,
    unit="mm2/s",
    source="liver metastases G1 (25, 1.47 +- 0.63) and G2 (16, 1.27 +- 0.63) together: Besa 2016, "
    "JMRI 44:1432",
)
LESION_STIFFNESS: Final = PersonalPrior(
    mean=10.1,
    spread=3.0,
    unit="kPa",
    source="specification of the cohort: malignant 10.1, primary source not seen; spread assumed",
)
LESION_KTRANS: Final = PersonalPrior(
    mean=0.8, spread=0.3, unit="1/min", source="assumed: well perfused, above liver"
)
UPTAKE_CV: Final = PersonalPrior(mean=0.3, spread=0.1, unit="1", source="assumed")
TEXTURE: Final = PersonalPrior(mean=8.0, spread=2.0, unit="mm", source="assumed")

_SHOWN: Final[Mapping[str, PersonalPrior]] = {
    "uptake_heterogeneity": UPTAKE_CV,
    "adc": LESION_ADC,
    "stiffness": LESION_STIFFNESS,
    "texture": TEXTURE,
    "ktrans": LESION_KTRANS,
}
"""By the covariate of a scenario that it is, where it is one. New ones go to the end."""

PATIENT_SHARE: Final = 0.5
"""Part of the variance between lesions that is between patients, but for SUV, which comes from
the course. Assumed."""

DEAD_ADC: Final = 2.4e-3
"""mm2/s of dead, not yet cleared tumor. Assumed, as necrosis."""

HIGHEST_ADC: Final = 3.0e-3
"""mm2/s of free water at 37 degrees C; recalled."""

LOWEST_UPTAKE: Final = 0.5
"""g/mL of blood and stroma in tumor without living cells. Assumed."""

NECROTIC_FROM_ML: Final = 10.0
NECROTIC_FRACTION: Final = 0.4
HIGHEST_NECROSIS: Final = 0.6
_FIRST_NECROSIS: Final = 0.35
_DEAD_IN_CORE: Final = 0.4
"""Of lesions above this volume, this part has a core, of at most 0.35 of the volume at first; of
what therapy kills this part lies in the core. Assumed."""

SMALLEST_ML: Final = 0.01
"""A sphere of 2.7 mm: what is smaller is gone."""

_NEW_SITES: Final = {
    LesionOrgan.LIVER: 0.6,
    LesionOrgan.LYMPH_NODE: 0.8,
    LesionOrgan.BONE: 0.95,
    LesionOrgan.PERITONEUM: 1.0,
}
"""Where new lesions arise, shares added up. Assumed."""

_NEW_UNSEEN_MM: Final = 5.0  # of a new lesion that no exam shows; assumed
_NEW_SLOT: Final = 1000  # new lesions are numbered from here in streams
_PATIENT_SLOT: Final = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class _Volumes:
    """What a lesion is made of at a visit, mL."""

    viable: float
    dead: float
    stroma: float

    @property
    def total(self) -> float:
        return self.viable + self.dead + self.stroma


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nature:
    """What a lesion is before therapy, for life; ``core`` is its necrotic share then."""

    suv: float
    uptake_cv: float
    texture_mm: float
    core: float
    adc_mm2_s: float
    stiffness_kpa: float
    ktrans_per_min: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draws:
    """Draws the lesions of one participant; each has streams of its own, whatever the others."""

    number: int
    covariates: Mapping[str, float]
    seed: int

    def nature(self, *, slot: int, suv_score: float, first_ml: float) -> _Nature:
        own = generator(self.number, slot, seed=self.seed, stream=Stream.LESION_TISSUE)
        z = own.standard_normal(len(_SHOWN))
        has_core, core_size = own.random(2)
        score = math.sqrt(PATIENT_SHARE) * self._patient() + math.sqrt(1.0 - PATIENT_SHARE) * z
        drawn = {
            name: float(prior.at(bounded_scores(ndtr(score[column]))))
            for column, (name, prior) in enumerate(_SHOWN.items())
        }
        cored = first_ml > NECROTIC_FROM_ML and has_core < NECROTIC_FRACTION
        return _Nature(
            suv=float(LESION_SUV.at(suv_score, bounded=False)),
            uptake_cv=drawn["uptake_heterogeneity"],
            texture_mm=drawn["texture"],
            core=_FIRST_NECROSIS * core_size if cored else 0.0,
            adc_mm2_s=min(drawn["adc"], HIGHEST_ADC),
            stiffness_kpa=drawn["stiffness"],
            ktrans_per_min=drawn["ktrans"],
        )

    def new_site(self, index: int) -> tuple[LesionOrgan, float]:
        """Organ and score of SUV of a new lesion."""
        drawn = generator(self.number, _NEW_SLOT + index, seed=self.seed, stream=Stream.LESION_SITE)
        return _new_organ(float(drawn.random())), float(drawn.standard_normal())

    def _patient(self) -> _Floats:
        """The part that all lesions of the participant share, by quantity."""
        drawn = generator(self.number, _PATIENT_SLOT, seed=self.seed, stream=Stream.LESION_TISSUE)
        z = drawn.standard_normal(len(_SHOWN))
        return np.array(
            [self.covariates.get(name, own) for name, own in zip(_SHOWN, z, strict=True)]
        )


def lesion_states(
    outcomes: Outcomes, row: int, *, visit: int, scenario: Scenario, seed: int
) -> tuple[LesionState, ...]:
    """Lesions of a participant at an imaging visit.

    At baseline SUV is log-normal as in ``LESION_SUV``, at the score ``outcomes.uptake_z``. Later
    it is that, times the relative uptake of ``outcomes.at_imaging``. ADC rises from that of the
    living tumor towards ``DEAD_ADC`` by the dead part. Where the scenario lets uptake
    heterogeneity, ADC or stiffness act on the course, the patient's part of these is
    ``outcomes.covariates``. New lesions that exist by then are ``-N1`` …, of the size that exams
    around that day have.

    Parameters
    ----------
    outcomes : Outcomes
    row : int
        Of *outcomes*.
    visit : int
        0, 1 or 2: which PET-MRI.
    scenario : Scenario
        That *outcomes* came from.
    seed : int

    Returns
    -------
    tuple of LesionState
        Those larger than ``SMALLEST_ML``.

    Raises
    ------
    DataError
        If the participant had no PET-MRI then, or a covariate that acts is missing.
    """
    day = float(outcomes.imaging_day[row, visit])
    if math.isnan(day):
        raise DataError(
            f"Participant {outcomes.first_participant + row} has no PET-MRI number {visit}.",
            remedy="Ask for lesions at visits that took place: outcomes.imaging_day.",
        )
    person = outcomes.persons.person(row)
    draws = _Draws(
        number=person.number,
        covariates=_covariates(outcomes, row, scenario=scenario),
        seed=seed,
    )
    states = []
    for slot in np.flatnonzero(outcomes.lesion_organ[row] >= 0):
        now = _volumes(outcomes, row, visit, int(slot))
        if now.total > SMALLEST_ML:
            nature = draws.nature(
                slot=int(slot),
                suv_score=float(outcomes.uptake_z[row, slot]),
                first_ml=float(outcomes.tumors.volume_ml[row, slot]),
            )
            organ = tuple(LesionOrgan)[outcomes.lesion_organ[row, slot]]
            name = LesionId(f"{person.pseudonym}-L{slot + 1}")
            states.append(_state(nature, now, name=name, organ=organ))
    for index, diameter_mm in _new_lesions(outcomes, row, day=day):
        volume_ml = math.pi / 6.0 * diameter_mm**3 / 1000.0
        organ, suv_score = draws.new_site(index)
        nature = draws.nature(slot=_NEW_SLOT + index, suv_score=suv_score, first_ml=volume_ml)
        now = _Volumes(viable=volume_ml, dead=0.0, stroma=0.0)
        name = LesionId(f"{person.pseudonym}-N{index + 1}")
        states.append(_state(nature, now, name=name, organ=organ))
    return tuple(states)


def _covariates(outcomes: Outcomes, row: int, *, scenario: Scenario) -> dict[str, float]:
    """The patient's part of what acts on the course and shows in lesions."""
    acting = set(_SHOWN) & {effect.covariate for effect in scenario.effect}
    missing = acting - set(outcomes.covariates)
    if missing:
        raise DataError(
            f"The scenario lets {', '.join(sorted(missing))} act, but outcomes do not state it.",
            remedy="Give the scenario that the outcomes came from.",
        )
    return {
        name: float(outcomes.covariates[name][row])
        for name in set(_SHOWN) & set(outcomes.covariates)
    }


def _volumes(outcomes: Outcomes, row: int, visit: int, slot: int) -> _Volumes:
    course = outcomes.at_imaging
    at = (row, visit, slot)
    return _Volumes(
        viable=float(course.viable_ml[at]),
        dead=float(course.dead_ml[at]),
        stroma=float(course.stroma_ml[at]),
    )


def _state(nature: _Nature, now: _Volumes, *, name: LesionId, organ: LesionOrgan) -> LesionState:
    alive, dead = now.viable / now.total, now.dead / now.total
    core = nature.core + _DEAD_IN_CORE * dead if nature.core > 0.0 else 0.0
    return LesionState(
        id=name,
        organ=organ,
        volume_ml=now.total,
        suv=max(nature.suv * alive, LOWEST_UPTAKE),
        uptake_cv=nature.uptake_cv,
        texture_mm=nature.texture_mm,
        necrosis=min(core, HIGHEST_NECROSIS),
        adc_mm2_s=nature.adc_mm2_s + dead * max(DEAD_ADC - nature.adc_mm2_s, 0.0),
        stiffness_kpa=nature.stiffness_kpa,
        ktrans_per_min=nature.ktrans_per_min * alive,
    )


def _new_organ(u: float) -> LesionOrgan:
    for organ, upto in _NEW_SITES.items():
        if u < upto:
            return organ
    return LesionOrgan.PERITONEUM


def _new_lesions(outcomes: Outcomes, row: int, *, day: float) -> list[tuple[int, float]]:
    """Index and diameter in mm of new lesions that exist on a day."""
    exam_day = outcomes.exam_day[row]
    there = []
    for index, born in enumerate(outcomes.at_imaging.new_lesion_day[row]):
        if not born <= day or index >= outcomes.new_lesion_mm.shape[2]:
            continue
        diameter = outcomes.new_lesion_mm[row, :, index]
        seen = np.isfinite(exam_day) & np.isfinite(diameter) & (diameter > 0.0)
        there.append((index, _diameter(exam_day[seen], diameter[seen], day=day)))
    return there


def _diameter(exam_day: _Floats, diameter: _Floats, *, day: float) -> float:
    """Between exams, before the first and after the last, a diameter grows at a constant pace."""
    if exam_day.size == 0:
        return _NEW_UNSEEN_MM
    if exam_day.size == 1:
        return float(diameter[0])
    size = np.log(diameter)
    first = int(np.clip(np.searchsorted(exam_day, day) - 1, 0, exam_day.size - 2))
    pace = (size[first + 1] - size[first]) / (exam_day[first + 1] - exam_day[first])
    return float(np.exp(size[first] + pace * (day - exam_day[first])))
