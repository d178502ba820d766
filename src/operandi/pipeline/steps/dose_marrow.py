"""Steps to the dose of the red marrow after a cycle: by blood samples, and by vertebrae drawn.

Both are of one marrow, and neither measures it: the first that there is gets reported, blood
before vertebrae, and what the other says stands in the basis of its uncertainty.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.pipeline.step_settings import MarrowFacts, MarrowSettings, Visit
from operandi.pipeline.steps.dose import VERTEBRAE
from operandi.pipeline.steps.dose_cycle import (
    KIDNEYS,
    CycleDoses,
    RegionDose,
    kidneys_of,
    organ_s_table,
)
from operandi.pipeline.steps.measurements import Measured
from operandi.quantities.errors import DataError, OperandiError
from operandi.quantities.kinds import ABSORBED_DOSE_PER_ACTIVITY
from operandi.therapy.chains import decay_constant_per_s
from operandi.therapy.dose_tier import AbsentDose, DoseTier, MeasuredDose, dose_measurement
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.marrow import (
    ICRP_89_FEMALE,
    ICRP_89_MALE,
    MIRD_ADULT,
    RED_MARROW,
    MarrowDose,
    MarrowPanel,
    MarrowReference,
    MarrowShare,
    MarrowTarget,
    Ratio,
    blood_based_marrow_dose,
    image_based_marrow_dose,
)
from operandi.therapy.organ_s_values import OrganSTable
from operandi.therapy.radionuclides import nuclide_for_therapy
from operandi.therapy.regions import TimeIntegratedActivity
from operandi.therapy.time_activity import ActivitySamples, fit_time_activity

VERSION: Final = "1"
FEWEST_SAMPLES: Final = 4
"""Blood falls in two phases or more, and no population's courses of it are at hand."""
_REFERENCES: Final[dict[str, tuple[MarrowReference, str]]] = {
    "ICRP 89 adult male": (ICRP_89_MALE, "M"),
    "ICRP 89 adult female": (ICRP_89_FEMALE, "F"),
    "MIRD adult": (MIRD_ADULT, ""),
}
"""By the name in study.toml, with the sex of the phantom; that of MIRD has none."""
_SEX: Final = {"M": "male", "F": "female"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarrowByMethod:
    """The marrow by one method.

    Parameters
    ----------
    dose : MarrowDose
        Its dose and what was taken for granted.
    course : ExponentialSum
        Activity in all red marrow over s since administration, Bq.
    activity_relative : float
        Standard uncertainty of its integral as a share.
    basis : str
        How the course came about.
    """

    dose: MarrowDose
    course: ExponentialSum
    activity_relative: float
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarrowDoses:
    """The marrow after one cycle.

    Parameters
    ----------
    methods : tuple of MarrowByMethod
        The reported one first; empty where there is none.
    absent : tuple of str
        Why a method gave no dose.
    mass_g : float
        Of the red marrow, g; nan where it is not known.
    administered_bq : float
        Activity, Bq.
    evidence : tuple of str
        Tables and facts used.
    """

    methods: tuple[MarrowByMethod, ...]
    absent: tuple[str, ...]
    mass_g: float
    administered_bq: float
    evidence: tuple[str, ...]


def marrow_doses(doses: CycleDoses, table: object, facts: MarrowFacts) -> MarrowDoses:
    """Dose of the red marrow by every method that the records and the drawings allow.

    Parameters
    ----------
    doses : CycleDoses
        Organs whose photons reach the marrow, and the vertebrae where they were drawn.
    table : tuple of FileRef or None
        The file of organ S values.
    facts : MarrowFacts
        Blood samples, body mass, sex and what study.toml says.
    """
    try:
        settings = _settings(facts)
        target = _target(doses, table, settings, facts)
    except OperandiError as error:
        return MarrowDoses(
            methods=(),
            absent=(str(error),),
            mass_g=math.nan,
            administered_bq=doses.administered_bq,
            evidence=(),
        )
    methods, absent = [], []
    for method in (_by_blood, _by_vertebrae):
        try:
            methods.append(method(doses, target, settings, facts))
        except OperandiError as error:
            absent.append(str(error))
    return MarrowDoses(
        methods=tuple(methods),
        absent=tuple(absent),
        mass_g=target.mass.g,
        administered_bq=doses.administered_bq,
        evidence=(
            f"organ S values of {target.table.phantom}, {target.table.layout}",
            f"red marrow {target.mass.g:.0f} g: {target.reference.phantom} scaled to "
            f"{facts.body_mass_kg:g} kg of {facts.weighed_on}",
        ),
    )


def measured_marrow(marrow: MarrowDoses, visit: Visit) -> Measured:
    """Measure the dose of the red marrow, or say why there is none."""
    return Measured(
        measurements=tuple(_measurements(marrow, visit)),
        evidence=(*marrow.evidence, *marrow.absent),
    )


def _measurements(marrow: MarrowDoses, visit: Visit) -> Iterator[Measurement]:
    subject = Subject(participant=visit.participant, type=SubjectType.ORGAN, name=RED_MARROW)
    if not marrow.methods:
        yield dose_measurement(
            subject,
            AbsentDose(" ".join(marrow.absent)),
            method="refused",
            version=VERSION,
            timepoint=visit.timepoint,
            inputs=visit.inputs,
        )
        return
    reported = marrow.methods[0].dose
    basis = "; ".join([*_beside(marrow), *reported.assumptions, marrow.methods[0].basis])
    yield dose_measurement(
        subject,
        MeasuredDose(
            dose_gy=reported.dose_gy,
            standard_uncertainty_gy=reported.standard_uncertainty_gy,
            basis=basis,
        ),
        method=reported.method,
        version=VERSION,
        timepoint=visit.timepoint,
        inputs=visit.inputs,
    )
    gbq = marrow.administered_bq / 1e9
    yield Measurement(
        subject=subject,
        timepoint=visit.timepoint,
        kind=ABSORBED_DOSE_PER_ACTIVITY,
        value=reported.dose_gy / gbq,
        uncertainty=Uncertainty(
            reported.standard_uncertainty_gy / gbq,
            "that of the dose; the administered activity was not stated with one",
        ),
        method=f"{DoseTier.MEASURED.value}: {reported.method}",
        version=VERSION,
        inputs=visit.inputs,
    )


def _beside(marrow: MarrowDoses) -> Iterator[str]:
    """What the other method says, and how far apart they lie."""
    doses = [one.dose for one in marrow.methods]
    for other in doses[1:]:
        yield (
            f"{other.method}: {other.dose_gy:.3g} Gy (u {other.standard_uncertainty_gy:.2g} Gy); "
            f"the methods differ by {100 * MarrowPanel(tuple(doses)).disagreement:.0f} %, which is "
            "not in the uncertainty"
        )
    yield from (f"the other method: {reason}" for reason in marrow.absent)


def _settings(facts: MarrowFacts) -> MarrowSettings:
    if facts.settings is None:
        raise DataError(
            "Blood samples are there, and study.toml does not say how the marrow's dose follows "
            "from them.",
            remedy="Add [dosimetry.marrow] to study.toml (docs/study-folder.md).",
        )
    return facts.settings


def _target(
    doses: CycleDoses, files: object, settings: MarrowSettings, facts: MarrowFacts
) -> MarrowTarget:
    reference, sex = _REFERENCES[settings.reference]
    if sex and sex != facts.sex:
        raise DataError(
            f"The marrow reference is {settings.reference}; the participant is "
            f"{_SEX.get(facts.sex, 'of other sex')}.",
            remedy="Supply organ S values and the reference of a phantom that fits everybody, such "
            "as MIRD adult, or accept that the others have no marrow dose.",
        )
    if facts.body_mass_kg is None:
        raise DataError(
            "No body mass was measured before the cycle, to scale the red marrow by.",
            remedy="Complete the table vitals.",
        )
    table = organ_s_table(
        files,
        nuclide_for_therapy(doses.nuclide),
        phantom=facts.organ_s_phantom,
        unit=facts.organ_s_unit,
    )
    if table is None:
        raise DataError(
            "There is no table of organ S values, and the marrow's is no sphere.",
            remedy="Supply one with red marrow as source and target: study.toml, [dosimetry] "
            "organ_s_values.",
        )
    # What the marrow gets from itself, before anything else is asked for.
    table.s_value(source=RED_MARROW, target=RED_MARROW)
    return MarrowTarget(
        table=table,
        reference=reference,
        mass=reference.patient_mass(
            body_mass_kg=facts.body_mass_kg,
            relative_uncertainty=settings.mass_relative_uncertainty,
        ),
        others=_others(doses, table),
    )


def _others(doses: CycleDoses, table: OrganSTable) -> dict[str, TimeIntegratedActivity]:
    """Organs that were drawn and that the table knows; the rest of the body was not measured."""
    kidneys = {one.name for one in kidneys_of(doses)}
    return {
        one.name: TimeIntegratedActivity(
            one.course.integral, one.course_relative * one.course.integral
        )
        for one in doses.regions
        if not one.is_lesion
        and one.name != VERTEBRAE
        and (one.name in kidneys or one.name not in KIDNEYS)
        and _reaches(table, one.name)
    }


def _reaches(table: OrganSTable, organ: str) -> bool:
    try:
        table.s_value(source=organ, target=RED_MARROW)
    except DataError:
        return False
    return True


def _by_blood(
    doses: CycleDoses, target: MarrowTarget, settings: MarrowSettings, facts: MarrowFacts
) -> MarrowByMethod:
    if facts.no_samples:
        raise DataError(facts.no_samples)
    if len(facts.samples) < FEWEST_SAMPLES:
        raise DataError(
            f"The blood-based dose of the marrow needs {FEWEST_SAMPLES} samples or more after the "
            f"cycle, found {len(facts.samples)}.",
            remedy="Complete blood_activity.",
        )
    fit = fit_time_activity(
        # Of a milliliter: Bq is Bq/mL here. The counter's calibration is in each uncertainty.
        ActivitySamples(
            times_s=tuple(time for time, _, _ in facts.samples),
            activities_bq=tuple(value for _, value, _ in facts.samples),
            standard_uncertainties_bq=tuple(spread for _, _, spread in facts.samples),
            systematic_relative_uncertainty=0.0,
        ),
        physical_rate_per_s=decay_constant_per_s(nuclide_for_therapy(doses.nuclide)),
    )
    relative = fit.standard_uncertainty_bq_s / fit.time_integrated_bq_s
    ratio = _ratio(settings.marrow_to_blood)
    dose = blood_based_marrow_dose(
        fit.course,
        target,
        integral_relative_uncertainty=relative,
        blood_density_g_ml=settings.blood_density_g_ml,
        marrow_to_blood=ratio,
    )
    return MarrowByMethod(
        dose=dose,
        course=fit.course.scaled(ratio.value / settings.blood_density_g_ml * target.mass.g),
        activity_relative=math.hypot(relative, ratio.relative),
        basis="; ".join([f"{len(facts.samples)} blood samples: {fit.method}", *fit.flags]),
    )


def _by_vertebrae(
    doses: CycleDoses, target: MarrowTarget, settings: MarrowSettings, _: MarrowFacts
) -> MarrowByMethod:
    if settings.vertebral_share is None:
        raise DataError(
            "study.toml states no share of the red marrow in L2 to L4.",
            remedy="Add vertebral_share to [dosimetry.marrow], for the image-based dose.",
        )
    region = _vertebrae(doses)
    share = _ratio(settings.vertebral_share)
    # Recovered already, where the camera has spheres; the region's own uncertainty holds that.
    recovery = _ratio((1.0, 0.0, "as at the scans, by spect_recovery where the camera has spheres"))
    integral = region.course.integral
    dose = image_based_marrow_dose(
        TimeIntegratedActivity(integral, region.course_relative * integral),
        target,
        recovery=recovery,
        marrow=MarrowShare(share=share),
    )
    return MarrowByMethod(
        dose=dose,
        course=region.course.scaled(1.0 / share.value),
        activity_relative=math.hypot(region.course_relative, share.relative),
        basis=f"{VERTEBRAE} drawn on {len(region.times_h)} scan(s)",
    )


def _ratio(stated: tuple[float, float, str]) -> Ratio:
    value, uncertainty, source = stated
    return Ratio(value=value, standard_uncertainty=uncertainty, source=source)


def _vertebrae(doses: CycleDoses) -> RegionDose:
    for one in doses.regions:
        if one.name == VERTEBRAE and one.held:
            raise DataError(
                f"{VERTEBRAE} holds {', '.join(one.held)}: activity of a metastasis is none of the "
                "marrow's, and takes the place of some.",
                remedy=f"Draw {VERTEBRAE} without it, or leave the image-based dose out.",
            )
        if one.name == VERTEBRAE:
            return one
    refused = " ".join(reason for name, _, reason in doses.refused if name == VERTEBRAE)
    raise DataError(
        f"The image-based dose of the marrow needs {VERTEBRAE} drawn on every scan: "
        f"{refused or 'no such region was found.'}",
        remedy="Draw the bodies of L2 to L4 as one region called L2-L4.",
    )
