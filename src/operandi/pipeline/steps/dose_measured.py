"""Step from the doses of a cycle to measurements, with the tier that each is of."""

from collections.abc import Iterator
from typing import Final

from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.pipeline.step_settings import Visit
from operandi.pipeline.steps.dose import VERTEBRAE
from operandi.pipeline.steps.dose_cycle import CycleDoses, RegionDose
from operandi.pipeline.steps.measurements import Measured
from operandi.quantities.kinds import (
    ABSORBED_DOSE_PER_ACTIVITY,
    BIOLOGICALLY_EFFECTIVE_DOSE,
    EFFECTIVE_HALF_LIFE,
    EXTRAPOLATED_FRACTION,
    TIME_INTEGRATED_ACTIVITY_COEFFICIENT,
    Kind,
)
from operandi.therapy.dose_tier import AbsentDose, DoseTier, MeasuredDose, dose_measurement

VERSION: Final = "1"


def measured_dose(doses: CycleDoses, visit: Visit) -> Measured:
    """Measure the dose of everything that was drawn; what has none says why."""
    measurements: list[Measurement] = []
    for region in doses.regions:
        # Of the vertebrae the marrow's dose is asked for, not that of a sphere of soft tissue.
        if region.name == VERTEBRAE:
            continue
        measurements += _of_region(region, doses, visit)
    for name, is_lesion, reason in doses.refused:
        measurements.append(
            dose_measurement(
                _subject(name, is_lesion=is_lesion, visit=visit),
                AbsentDose(reason),
                method="refused",
                version=VERSION,
                timepoint=visit.timepoint,
                inputs=visit.inputs,
            )
        )
    return Measured(measurements=tuple(measurements), evidence=doses.evidence)


def _subject(name: str, *, is_lesion: bool, visit: Visit) -> Subject:
    kind = SubjectType.LESION if is_lesion else SubjectType.ORGAN
    return Subject(participant=visit.participant, type=kind, name=name)


def _of_region(region: RegionDose, doses: CycleDoses, visit: Visit) -> Iterator[Measurement]:
    subject = _subject(region.name, is_lesion=region.is_lesion, visit=visit)
    gbq = doses.administered_bq / 1e9
    relative = region.standard_uncertainty_gy / region.dose_gy
    # Only the dose is without them: a reader must not divide one by the other.
    within = f", {with_lesions_in(region)}" if region.held else ""

    def one(kind: Kind, value: float, uncertainty: Uncertainty, how: str) -> Measurement:
        return Measurement(
            subject=subject,
            timepoint=visit.timepoint,
            kind=kind,
            value=value,
            uncertainty=uncertainty,
            method=f"{DoseTier.MEASURED.value}: {how}",
            version=VERSION,
            inputs=visit.inputs,
        )

    yield dose_measurement(
        subject,
        MeasuredDose(
            dose_gy=region.dose_gy,
            standard_uncertainty_gy=region.standard_uncertainty_gy,
            basis=region.basis,
        ),
        method=region.method,
        version=VERSION,
        timepoint=visit.timepoint,
        inputs=visit.inputs,
    )
    yield one(
        ABSORBED_DOSE_PER_ACTIVITY,
        region.dose_gy / gbq,
        Uncertainty(
            relative * region.dose_gy / gbq,
            "that of the dose; the administered activity was not stated with one",
        ),
        region.method,
    )
    if region.effective_dose_gy is not None:
        yield one(
            BIOLOGICALLY_EFFECTIVE_DOSE,
            region.effective_dose_gy,
            Uncertainty(region.effective_dose_uncertainty_gy, region.effective_dose_basis),
            "linear-quadratic model, dose rate by the course",
        )
    coefficient_h = region.time_integrated_mbq_h / (gbq * 1e3)
    yield one(
        TIME_INTEGRATED_ACTIVITY_COEFFICIENT,
        coefficient_h,
        Uncertainty(
            coefficient_h * region.course_relative, "fit, calibration, recovery and outline"
        ),
        f"activity at the scans, integrated{within}",
    )
    yield one(
        EFFECTIVE_HALF_LIFE,
        region.effective_half_life_h,
        Uncertainty(region.effective_half_life_uncertainty_h, "fit of the course"),
        f"slowest phase of the course{within}",
    )
    yield one(
        EXTRAPOLATED_FRACTION,
        region.extrapolated_fraction,
        Uncertainty(None, "it is itself a sign of how uncertain the dose is"),
        f"decays after the last of {len(region.times_h)} scan(s){within}",
    )


def with_lesions_in(region: RegionDose) -> str:
    """That an organ's activities are those of its lesions, too."""
    return f"with the lesions in it ({', '.join(region.held)})"
