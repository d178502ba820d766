"""Lesions, kidneys and marrow of one participant, as a radiopotentiator meets them.

Shown are the lesion with the smallest dose, which decides whether the therapy holds, and the one
with the largest; no mean of lesions, for none has it.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from operandi.pipeline.steps.dose_cycle import CycleDoses, RegionDose, kidneys_of
from operandi.pipeline.what_if import one_kidney_for_both, why_refused
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import Nuclide
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.organ_names import organ_name
from operandi.therapy.potentiator_presets import (
    KIDNEY_RESPONSE,
    MARROW_RESPONSE,
    TUMOR,
    TUMOR_RESPONSE,
)
from operandi.therapy.potentiators import Cycle, Potentiator, TissueResponse, TissueRole
from operandi.therapy.radionuclides import nuclide_for_therapy

MOST_MARROW_GY_PER_GBQ: Final = 1.0
"""Stated marrow doses above it are taken for a slip of the unit: of 177Lu-DOTATATE some 0.02 to
0.1 Gy/GBq are published (recalled; verify), and 7.4 GBq at 1 Gy/GBq would be lethal."""
_MARROW_NAMES: Final = frozenset({"marrow", "red marrow"})
_ROUNDED: Final = 1.005
_EFFECTS: Final = (
    "alpha",
    "conversion",
    "repair_rate",
    "growth_rate",
    "log10_kill_per_cycle",
    "uptake",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedMarrow:
    """A marrow dose that the user knows from elsewhere: of blood samples, or published.

    Parameters
    ----------
    gy_per_gbq : float, > 0
        Dose per administered activity.
    half_life_h : float, > 0
        Effective half-life of its dose rate.
    """

    gy_per_gbq: float
    half_life_h: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(one) and one > 0 for one in (self.gy_per_gbq, self.half_life_h)):
            raise DataError(
                f"A marrow dose of {self.gy_per_gbq} Gy/GBq with a half-life of "
                f"{self.half_life_h} h is none.",
                remedy="Give both as numbers above 0, or neither.",
            )
        if self.gy_per_gbq > MOST_MARROW_GY_PER_GBQ:
            raise DataError(
                f"A marrow dose of {self.gy_per_gbq:g} Gy/GBq was stated: more than "
                f"{MOST_MARROW_GY_PER_GBQ:g} Gy/GBq, which nobody survives over a few cycles.",
                remedy="Give --marrow-gy-per-gbq in Gy for each GBq; 35 mGy/GBq is 0.035.",
            )

    def require_decay_of(self, nuclide: Nuclide) -> None:
        """Refuse a dose rate that falls more slowly than its radionuclide decays.

        Raises
        ------
        DataError
            If the half-life is longer than that of *nuclide*.
        """
        longest_h = nuclide.half_life_s / 3600.0
        if self.half_life_h > longest_h * _ROUNDED:
            raise DataError(
                f"A dose rate in marrow with a half-life of {self.half_life_h:g} h was stated; "
                f"{nuclide.name} itself decays with {longest_h:.1f} h, and biological clearance "
                "only shortens that.",
                remedy="Give the effective half-life, in hours, as --marrow-half-life-h.",
            )


def stated_marrow(*, gy_per_gbq: float | None, half_life_h: float | None) -> StatedMarrow | None:
    """A marrow dose, if the user states one.

    Raises
    ------
    DataError
        If one of the two numbers is missing.
    """
    if gy_per_gbq is None and half_life_h is None:
        return None
    if gy_per_gbq is None or half_life_h is None:
        raise DataError(
            "A marrow dose needs both its Gy/GBq and the half-life of its dose rate.",
            remedy="Give --marrow-gy-per-gbq and --marrow-half-life-h, or neither.",
        )
    return StatedMarrow(gy_per_gbq=gy_per_gbq, half_life_h=half_life_h)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCycle:
    """One cycle of the schedule.

    Parameters
    ----------
    number, on, activity_bq : int, date, float
        Which, when and how much.
    given : bool
        False where it is planned.
    """

    number: int
    on: date
    activity_bq: float
    given: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tissue:
    """One tissue with its dose over all cycles.

    Parameters
    ----------
    response : TissueResponse
        Its name, role and priors.
    label : str
        For tables: which lesion it is, and why it is shown.
    dose_rate_gy_per_s : ExponentialSum
        Of the cycle that was measured.
    dose_gy, standard_uncertainty_gy : float, float or None
        Over all cycles; None where nobody stated one.
    interval : (float, float)
        95 % limits over the dose.
    """

    response: TissueResponse
    label: str
    dose_rate_gy_per_s: ExponentialSum
    dose_gy: float
    standard_uncertainty_gy: float | None
    interval: tuple[float, float]

    @property
    def name(self) -> str:
        """As in the outcome."""
        return self.response.tissue


def tissues_of(
    participant: str,
    measured: CycleDoses,
    *,
    stated: StatedMarrow | None,
    cycles: Sequence[PlannedCycle],
) -> tuple[tuple[Tissue, ...], tuple[str, ...]]:
    """Choose lesions, kidneys and marrow, and add their doses up; with what is to be said of it.

    Raises
    ------
    DataError
        If no lesion, or neither kidneys nor marrow, have a dose.
    """
    lesions = sorted(
        (one for one in measured.regions if one.is_lesion), key=lambda one: one.dose_gy
    )
    if not lesions:
        raise DataError(
            f"No lesion of {participant} has a dose; a ratio of tumor to normal tissue needs one. "
            f"{why_refused(measured, lesions=True)}".strip(),
            remedy="Draw lesions on the SPECT after the cycle (docs/study-folder.md, dosimetry).",
        )
    if stated is not None:
        stated.require_decay_of(nuclide_for_therapy(measured.nuclide))
    activity = math.fsum(one.activity_bq for one in cycles)
    times = activity / measured.administered_bq
    notes = []
    if len(lesions) > 1:
        shown = {lesions[0].name: "smallest dose", lesions[-1].name: "largest dose"}
        notes.append(
            f"Of {len(lesions)} lesions, those with the smallest and the largest dose are shown."
        )
    else:
        shown = {lesions[0].name: "the only lesion"}
    found = [
        _tissue(
            _tumor(one.name), f"{one.name} ({shown[one.name]})", _dose_rate(one), one, times=times
        )
        for one in lesions
        if one.name in shown
    ]
    kidneys = kidneys_of(measured)
    if kidneys:
        found.append(_kidneys(kidneys, times))
        alone = one_kidney_for_both(measured)
        notes += [f"Kidneys: {alone}"] if alone else []
    else:
        why = why_refused(measured, lesions=False)
        notes.append(f"No dose of a kidney was measured: no ratio to kidneys. {why}".strip())
    marrow = next(
        (
            one
            for one in measured.regions
            if not one.is_lesion and organ_name(one.name) in _MARROW_NAMES
        ),
        None,
    )
    if marrow is not None:
        found.append(_tissue(MARROW_RESPONSE, "marrow", _dose_rate(marrow), marrow, times=times))
    elif stated is not None:
        found.append(_stated_marrow(stated, activity, measured.administered_bq))
        notes.append(
            f"Marrow: {stated.gy_per_gbq:g} Gy/GBq with a half-life of "
            f"{stated.half_life_h:g} h, as stated by the user, without uncertainty."
        )
    else:
        notes.append(
            "No marrow dose was measured or stated: no ratio to marrow, though marrow is what a "
            "PARP inhibitor and CAPTEM are likely to spare least."
        )
    if all(one.response.role is TissueRole.TUMOR for one in found):
        raise DataError(
            f"Neither kidneys nor marrow of {participant} have a dose; a drug that raises the "
            f"tumor's may raise theirs as much. {why_refused(measured, lesions=False)}".strip(),
            remedy="Draw the kidneys on the SPECT, or state a marrow dose.",
        )
    return tuple(found), tuple(notes)


def _tumor(name: str) -> TissueResponse:
    return replace(TUMOR_RESPONSE, tissue=name)


def _dose_rate(region: RegionDose) -> ExponentialSum:
    """Activity turned into Gy/s: the dose follows the region's own activity."""
    return region.course.scaled(region.dose_gy / region.course.integral)


def _tissue(
    response: TissueResponse,
    label: str,
    rate: ExponentialSum,
    region: RegionDose,
    *,
    times: float,
) -> Tissue:
    low, high = region.interval_gy
    return Tissue(
        response=response,
        label=label,
        dose_rate_gy_per_s=rate,
        dose_gy=times * region.dose_gy,
        standard_uncertainty_gy=times * region.standard_uncertainty_gy,
        interval=(low / region.dose_gy, high / region.dose_gy),
    )


def _kidneys(kidneys: Sequence[RegionDose], times: float) -> Tissue:
    """Mean of both by mass; their uncertainties, mostly shared, are added without a root."""
    together = next((one for one in kidneys if one.name == "kidneys"), None)
    parts = [together] if together else list(kidneys)
    mass = math.fsum(one.mass_g for one in parts)
    rates = [_dose_rate(one).scaled(one.mass_g / mass) for one in parts]

    def mean(values: Iterable[float]) -> float:
        return math.fsum(
            value * one.mass_g / mass for value, one in zip(values, parts, strict=True)
        )

    dose = mean(one.dose_gy for one in parts)
    return Tissue(
        response=KIDNEY_RESPONSE,
        label="kidneys (mean by mass)" if len(parts) > 1 else parts[0].name,
        dose_rate_gy_per_s=ExponentialSum(
            tuple(itertools.chain.from_iterable(rate.amplitudes for rate in rates)),
            tuple(itertools.chain.from_iterable(rate.rates_per_s for rate in rates)),
        ),
        dose_gy=times * dose,
        standard_uncertainty_gy=times * mean(one.standard_uncertainty_gy for one in parts),
        interval=(
            mean(one.interval_gy[0] for one in parts) / dose,
            mean(one.interval_gy[1] for one in parts) / dose,
        ),
    )


def _stated_marrow(stated: StatedMarrow, activity_bq: float, measured_bq: float) -> Tissue:
    rate = math.log(2.0) / (stated.half_life_h * 3600.0)
    dose = stated.gy_per_gbq * measured_bq / 1e9
    return Tissue(
        response=MARROW_RESPONSE,
        label="marrow (as stated)",
        dose_rate_gy_per_s=ExponentialSum((dose * rate,), (rate,)),
        dose_gy=stated.gy_per_gbq * activity_bq / 1e9,
        standard_uncertainty_gy=None,
        interval=(1.0, 1.0),
    )


def therapy_of(
    tissues: Sequence[Tissue],
    measured: CycleDoses,
    cycles: Sequence[PlannedCycle],
    factors: Mapping[str, float] | None = None,
) -> tuple[Cycle, ...]:
    """Dose rates of every tissue at the day of every cycle, day 0 that of the first.

    Parameters
    ----------
    tissues, measured, cycles : as for `tissues_of`
        What is repeated, and when.
    factors : mapping of tissue to float, or None
        To look at other doses than the measured ones.
    """
    return tuple(
        Cycle(
            day=float((one.on - cycles[0].on).days),
            dose_rate_gy_per_s={
                tissue.name: tissue.dose_rate_gy_per_s.scaled(
                    one.activity_bq / measured.administered_bq * (factors or {}).get(tissue.name, 1)
                )
                for tissue in tissues
            },
        )
        for one in cycles
    )


def drug_for(drug: Potentiator, tissues: Sequence[Tissue]) -> Potentiator:
    """What a preset does to "tumor", done to each lesion by its name."""
    presets = {
        tissue.name: TUMOR if tissue.response.role is TissueRole.TUMOR else tissue.name
        for tissue in tissues
    }
    named: dict[str, Any] = {
        effect: {name: content[preset] for name, preset in presets.items()}
        for effect in _EFFECTS
        if (content := getattr(drug, effect)) is not None
    }
    return replace(drug, **named)
