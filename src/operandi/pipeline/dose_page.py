"""The doses of one participant as a page: what was measured, predicted, and cumulated."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from operandi.pipeline.step import Refusal
from operandi.pipeline.steps.dose_cycle import CycleDoses, RegionDose, kidneys_of
from operandi.pipeline.steps.dose_marrow import MarrowDoses
from operandi.pipeline.steps.dose_pictures import dose_pictures
from operandi.pipeline.steps.dose_predicted import PredictedDoses
from operandi.pipeline.therapy_results import ParticipantDoses
from operandi.pipeline.what_if import one_kidney_for_both
from operandi.quantities.kinds import ABSORBED_DOSE, BIOLOGICALLY_EFFECTIVE_DOSE, Kind
from operandi.reports.charts import Axis, Limit, Words, stacked_bars
from operandi.reports.page import PageSection, PageTable, render_page
from operandi.reports.study_report import Figure
from operandi.therapy.limits import (
    CumulatedDose,
    CycleDose,
    OrganLimit,
    beside_limits,
    cumulated,
)
from operandi.therapy.marrow import RED_MARROW
from operandi.therapy.scanned_region import FEWEST_FOR_LEAST_SQUARES

NO_SCAN: Final = "no scan after the cycle has arrived"
NO_MARROW: Final = (
    f"{RED_MARROW}: no dose was asked for; blood_activity has no sample of this cycle and "
    "study.toml no [dosimetry.marrow]."
)
POPULATION_NOTE: Final = (
    "(population): fewer than four scans, so that the course is fitted with those of a "
    "population; of one scan the half-life is the population's alone."
)
_SUMMED: Final = ("kidneys", RED_MARROW)
_KINDS: Final = (ABSORBED_DOSE, BIOLOGICALLY_EFFECTIVE_DOSE)


def dose_page(doses: ParticipantDoses, *, study: str) -> str:
    """Write everything that is known of a participant's doses as one HTML page.

    Parameters
    ----------
    doses : ParticipantDoses
        Measured and predicted.
    study : str
        Title of the study.
    """
    sections = [
        *(_cycle(number, one, dict(doses.marrow).get(number)) for number, one in doses.measured),
        *(
            PageSection(title=f"Cycle {number}", paragraphs=(f"No dose. {reason}",))
            for number, reason in doses.unread
        ),
        *_unused_section(doses),
        *_cumulated_section(doses),
        *_predicted_section(doses),
    ]
    return render_page(
        title=f"Doses of {doses.participant.pseudonym}",
        eyebrow=study,
        lead=f"{len(doses.given)} cycle(s) given; {_counted(doses)}. Measured doses have "
        "a standard uncertainty (k = 1) and the interval that holds them with 95 %, predicted ones "
        "an interval alone. Not for the care of a patient.",
        sections=sections,
    )


def _unused_section(doses: ParticipantDoses) -> Iterator[PageSection]:
    if doses.faults:
        yield PageSection(title="Rows that could not be read", notes=doses.faults)
    if doses.unused:
        yield PageSection(title="Series that are in no dose", notes=doses.unused)


def _counted(doses: ParticipantDoses) -> str:
    measured = sum(isinstance(one, CycleDoses) for _, one in doses.measured)
    tiers = [f"{measured} with doses measured by SPECT"]
    if isinstance(doses.predicted, PredictedDoses):
        tiers.append("doses predicted from the PET before cycle 1")
    return " and ".join(tiers)


def _cycle(
    number: int, doses: CycleDoses | Refusal, marrow: MarrowDoses | Refusal | None
) -> PageSection:
    title = f"Cycle {number}, measured"
    if isinstance(doses, Refusal):
        return PageSection(title=title, paragraphs=(str(doses),))
    table = PageTable(
        caption=f"Absorbed dose of {doses.administered_bq / 1e9:.2f} GBq {doses.nuclide}",
        columns=(
            *("", "scans", "Gy", "95 %", "Gy/GBq", "BED, Gy", "half-life, h", "after last scan"),
        ),
        rows=(
            *(dose_row(one, doses) for one in doses.regions),
            *([row] if (row := marrow_row(marrow)) else []),
        ),
    )
    methods = PageTable(
        caption="The same input by other methods, Gy",
        columns=("", *_methods(doses.regions)),
        rows=tuple(
            (
                one.name,
                *(
                    f"{dict(one.by_method)[method]:.3g}" if method in dict(one.by_method) else ""
                    for method in _methods(doses.regions)
                ),
            )
            for one in doses.regions
        ),
    )
    return PageSection(
        title=title,
        figures=dose_pictures(doses),
        tables=(table, methods),
        notes=(
            *(f"{name}: no dose. {reason}" for name, _, reason in doses.refused),
            *(f"{one.name}: {one.basis}." for one in doses.regions),
            *region_notes(doses),
            *([POPULATION_NOTE] if any(by_population(one) for one in doses.regions) else []),
            *marrow_notes(marrow),
            *doses.evidence,
        ),
    )


def _methods(regions: Sequence[RegionDose]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(method for one in regions for method, _ in one.by_method))


def dose_row(region: RegionDose, doses: CycleDoses) -> tuple[str, ...]:
    """One organ or lesion as text, as the table of a cycle shows it."""
    gbq = doses.administered_bq / 1e9
    low, high = region.interval_gy
    effective = ""
    if region.effective_dose_gy is not None:
        effective = with_spread(region.effective_dose_gy, region.effective_dose_uncertainty_gy)
    half_life = with_spread(region.effective_half_life_h, region.effective_half_life_uncertainty_h)
    return (
        region.name,
        f"{len(region.times_h)}",
        with_spread(region.dose_gy, region.standard_uncertainty_gy),
        f"{low:.3g} to {high:.3g}",
        f"{region.dose_gy / gbq:.3g}",
        effective,
        f"{half_life} (population)" if by_population(region) else half_life,
        f"{100 * region.extrapolated_fraction:.0f} %",
    )


def by_population(region: RegionDose) -> bool:
    """Whether its half-life is in part, or by one scan wholly, that of a population."""
    return len(region.times_h) < FEWEST_FOR_LEAST_SQUARES


def region_notes(doses: CycleDoses) -> Iterator[str]:
    """Which regions lack a scan, and what of an organ is with its lesions in and what is not."""
    scans = max((len(region.times_h) for region in doses.regions), default=0)
    for region in doses.regions:
        if len(region.times_h) < scans:
            at = ", ".join(f"{time:.0f}" for time in region.times_h)
            yield (
                f"{region.name}: drawn on {len(region.times_h)} of {scans} scans, that is at {at} "
                "h after the administration."
            )
    for region in doses.regions:
        if region.held:
            yield (
                f"{region.name}: dose and mass are without its lesions ({', '.join(region.held)}); "
                "activities, course, half-life and the share after the last scan are with them in."
            )


def marrow_row(marrow: MarrowDoses | Refusal | None) -> tuple[str, ...] | None:
    """The red marrow as text, as :func:`dose_row`; None where it has no dose.

    An interval, an effective half-life and a share after the last scan are not given of it: its
    dose comes from several organs and from blood.
    """
    if not isinstance(marrow, MarrowDoses) or not marrow.methods:
        return None
    dose = marrow.methods[0].dose
    gbq = marrow.administered_bq / 1e9
    return (
        RED_MARROW,
        "",
        with_spread(dose.dose_gy, dose.standard_uncertainty_gy),
        "",
        f"{dose.dose_gy / gbq:.2g}",
        "",
        "",
        "",
    )


def marrow_notes(marrow: MarrowDoses | Refusal | None) -> tuple[str, ...]:
    """How the dose of the marrow came about, or why there is none."""
    if marrow is None:
        return (NO_MARROW,)
    if isinstance(marrow, Refusal):
        return (f"{RED_MARROW}: no dose. {marrow}",)
    if not marrow.methods:
        return (f"{RED_MARROW}: no dose. {' '.join(marrow.absent)}",)
    reported, *others = marrow.methods
    return (
        f"{RED_MARROW}: {reported.dose.method}, {reported.basis}; "
        f"{'; '.join(reported.dose.assumptions)}.",
        *(
            f"{RED_MARROW}, {one.dose.method}: "
            f"{with_spread(one.dose.dose_gy, one.dose.standard_uncertainty_gy)} Gy."
            for one in others
        ),
        *(f"{RED_MARROW}, the other method: {reason}" for reason in marrow.absent),
        *marrow.evidence,
    )


def with_spread(value: float, spread: float | None) -> str:
    """A value with its standard uncertainty, both to the digits that the latter allows.

    >>> with_spread(5.1707, 0.7679), with_spread(103.2, 12.4), with_spread(0.4, None)
    ('5.17 ± 0.77', '103 ± 12', '0.4')
    """
    if spread is None or not spread > 0:
        return f"{value:.3g}"
    digits = max(0, 1 - math.floor(math.log10(spread)))
    return f"{value:.{digits}f} ± {spread:.{digits}f}"


# --- Over all cycles --------------------------------------------------------------------------


def _cumulated_section(doses: ParticipantDoses) -> Iterator[PageSection]:
    sums = list(cumulated_doses(doses))
    if not sums:
        return
    measured = [number for number, one in doses.measured if isinstance(one, CycleDoses)]
    in_part = [
        f"{organ}: no sum, as the dose of some of the measured cycles is absent"
        for organ in _SUMMED
        if 0 < len(_of_cycles(doses, organ, ABSORBED_DOSE)) < len(measured)
    ]
    yield PageSection(
        title="Over all cycles",
        paragraphs=(
            "Beside numbers that clinics go by: information, not pass or fail. Cycles without a "
            "scan have no dose here, so that the sums are lower bounds where any is missing.",
        ),
        figures=tuple(
            _bars(of_kind, measured, doses.panel) for kind in _KINDS if (of_kind := _of(sums, kind))
        ),
        notes=(
            *(reading.words for one in sums for reading in beside_limits(one, doses.panel)),
            *in_part,
            *kidney_notes(doses),
        ),
    )


def kidney_notes(doses: ParticipantDoses) -> Iterator[str]:
    """Where one kidney stands for both, which, and why the other has no dose."""
    for number, cycle in doses.measured:
        if isinstance(cycle, CycleDoses) and (said := one_kidney_for_both(cycle)):
            yield f"Cycle {number}: {said}"


def _of(sums: Sequence[CumulatedDose], kind: Kind) -> list[CumulatedDose]:
    return [one for one in sums if one.kind == kind]


def cumulated_doses(doses: ParticipantDoses) -> Iterator[CumulatedDose]:
    """Kidneys and marrow over the measured cycles, by absorbed and biologically effective dose.

    Kidneys are the mean of both by mass; the errors of the two are taken as one. All that makes
    the marrow uncertain (its mass, the ratio to blood, S values) is taken to be the same in all
    cycles, which gives the larger sum.
    """
    cycles = [one for _, one in doses.measured if isinstance(one, CycleDoses)]
    missing = len(doses.given) - len(cycles)
    for organ in _SUMMED:
        for kind in _KINDS:
            of_cycles = _of_cycles(doses, organ, kind)
            if of_cycles and len(of_cycles) == len(cycles):
                yield cumulated(of_cycles, organ=organ, kind=kind, missing_cycles=missing)


def _of_cycles(doses: ParticipantDoses, organ: str, kind: Kind) -> list[CycleDose]:
    """Doses of an organ in the measured cycles that have one."""
    marrow = dict(doses.marrow)
    found = [
        _marrow(marrow.get(number), kind) if organ == RED_MARROW else _kidneys(one, kind)
        for number, one in doses.measured
        if isinstance(one, CycleDoses)
    ]
    return [one for one in found if one]


def _marrow(marrow: MarrowDoses | Refusal | None, kind: Kind) -> CycleDose | None:
    if kind != ABSORBED_DOSE or not isinstance(marrow, MarrowDoses) or not marrow.methods:
        return None
    dose = marrow.methods[0].dose
    return CycleDose(
        dose_gy=dose.dose_gy,
        own_uncertainty_gy=0.0,
        shared_uncertainty_gy=dose.standard_uncertainty_gy,
    )


def _kidneys(doses: CycleDoses, kind: Kind) -> CycleDose | None:
    parts = kidneys_of(doses)
    if not parts:
        return None
    mass_g = math.fsum(one.mass_g for one in parts)
    dose = own = shared = 0.0
    for one in parts:
        value, spread = one.dose_gy, one.standard_uncertainty_gy
        if kind == BIOLOGICALLY_EFFECTIVE_DOSE:
            if one.effective_dose_gy is None or one.effective_dose_uncertainty_gy is None:
                return None
            value, spread = one.effective_dose_gy, one.effective_dose_uncertainty_gy
        weight = one.mass_g / mass_g
        together = min(1.0, one.shared_uncertainty_gy / one.standard_uncertainty_gy)
        dose += weight * value
        shared += weight * spread * together
        own += weight * spread * math.sqrt(1.0 - together**2)
    return CycleDose(dose_gy=dose, own_uncertainty_gy=own, shared_uncertainty_gy=shared)


def _bars(
    sums: Sequence[CumulatedDose], cycles: Sequence[int], panel: Sequence[OrganLimit]
) -> Figure:
    title = sums[0].kind.title
    return stacked_bars(
        words=Words(
            title=f"Cumulated {title} of {' and '.join(one.organ for one in sums)}",
            caption="After each measured cycle, with its standard uncertainty; lines: numbers that "
            "clinics go by.",
            alt="; ".join(f"{one.organ} {one.total_gy:.1f} Gy" for one in sums),
        ),
        names=[f"cycle {number}" for number in cycles],
        y=Axis(title=f"{title}, Gy"),
        parts=[(one.organ, one.after_cycle_gy, one.uncertainty_after_cycle_gy) for one in sums],
        limits=[
            Limit(name=f"{limit.organ} {limit.limit_gy:g} Gy", value=limit.limit_gy)
            for limit in panel
            if limit.kind == sums[0].kind and limit.organ in {one.organ for one in sums}
        ],
    )


# --- Predicted --------------------------------------------------------------------------------


def _predicted_section(doses: ParticipantDoses) -> Iterator[PageSection]:
    predicted = doses.predicted
    if predicted is None:
        return
    title = "Predicted from the PET before cycle 1"
    if isinstance(predicted, Refusal):
        yield PageSection(title=title, paragraphs=(str(predicted),))
        return
    every = (*predicted.lesions, *predicted.organs)
    yield PageSection(
        title=title,
        paragraphs=(
            "A prediction, not a measurement. Lesions bear the names of the PET, which are not "
            "those that were drawn on SPECT.",
        ),
        tables=(
            PageTable(
                caption="Absorbed dose per administered activity, Gy/GBq",
                columns=("", "median", "interval"),
                rows=tuple(
                    (
                        one.name,
                        f"{one.median_gy_per_gbq:.2f}",
                        f"{one.low_gy_per_gbq:.2f} to {one.high_gy_per_gbq:.2f} "
                        f"({one.probability:.0%})",
                    )
                    for one in every
                ),
            ),
        ),
        notes=tuple(
            dict.fromkeys(
                text for one in every for text in (f"{one.basis}.", *(f"{f}." for f in one.flags))
            )
        ),
    )
