"""Other radionuclides on the same peptide, from the doses that were measured in a participant.

What was measured after a cycle becomes what :mod:`operandi.therapy.comparison` starts from: both
kidneys as one region, every lesion, and the marrow where it has a dose.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from operandi.domain.identity import Pseudonym
from operandi.pipeline.step import Refusal
from operandi.pipeline.steps.dose_cycle import CycleDoses, RegionDose, kidneys_of
from operandi.pipeline.steps.dose_marrow import MarrowDoses
from operandi.pipeline.therapy_results import ParticipantDoses
from operandi.pipeline.what_if import one_kidney_for_both, why_refused
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.nuclides import Nuclide
from operandi.therapy.chains import (
    DECAYS,
    AllDecaysLocal,
    DaughterPolicy,
    DaughtersNeglected,
    EquilibriumLocal,
    EscapeFraction,
    chain_of,
)
from operandi.therapy.comparison import Compared, compare, why_not_compared
from operandi.therapy.course_uncertainty import CourseUncertainty, of_terminal_rate
from operandi.therapy.decay_library import radioactive_daughters
from operandi.therapy.dose_effect import ALPHA_RBE
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.kernels import GY_G_PER_MEV, SValue, sphere_s_value
from operandi.therapy.measured_therapy import (
    Candidate,
    Constraint,
    MeasuredTherapy,
    Region,
    Role,
)
from operandi.therapy.radiobiology import KIDNEY, repair_rate_per_s
from operandi.therapy.radionuclides import (
    Emissions,
    alpha_energy_kept,
    emissions_of,
    nuclide_for_therapy,
)

WITHOUT_DAUGHTERS: Final = ("177Lu", "161Tb", "90Y")
"""Compared where none are named: what needs no statement about daughters."""
WITH_DAUGHTERS: Final = ("225Ac", "212Pb")
"""Compared, too, where it is stated where daughters decay."""
HOW_TO_STATE: Final = (
    "State --daughters: equilibrium (all decay where the parent does, an upper bound), "
    "escape:0.3 (of the decays from the first daughter on, 0.3 take place elsewhere), "
    "escape:0.3:213Bi (from that daughter on), local:10 (every decay in place, of daughters with "
    "half-lives up to 10 d) or neglected:REASON (where no daughter emits alphas); for one nuclide "
    "as 225Ac=escape:0.3."
)
LEAST_ALPHAS_KEPT: Final = 0.5
"""Share of the alphas' energy below which what escapes, and is counted nowhere, is most of it."""
_WHOLE: Final = 0.99
EQUAL: Final = {"kidney-bed": Role.KIDNEYS, "marrow-dose": Role.MARROW}
"""What can be held equal, as it is asked for."""
BESIDE_ASSUMPTIONS: Final = (
    "doses are means of regions: what electrons or alphas of short range do within single cells, "
    "for which 161Tb is of interest, does not show",
    "kidneys: both as one region, the dose that of a sphere of the mean mass of one",
    "uncertainties are those of the measured doses, with what course and half-life leave open for "
    "the other nuclide; the calibration, which all regions share, cancels in the index, and of "
    "recovery and S values each region is taken to have its own",
)
"""What joining adds to the assumptions of the comparison."""
MARROW_ASSUMPTION: Final = (
    "red marrow: self-dose; it absorbs the share of the electrons' energy that the organ S values "
    "of the measured nuclide say, all of the alphas' and none of the photons'; for 90Y, whose "
    "electrons reach farther out of the cavities of the bone, that is an upper bound"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is compared.

    Parameters
    ----------
    candidates : tuple of Candidate
        Nuclides with the policy of their daughters.
    equal : Role
        KIDNEYS or MARROW.
    density_g_cm3 : float
        Of tissue, as the doses were measured with.
    """

    candidates: tuple[Candidate, ...]
    equal: Role
    density_g_cm3: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRadionuclides:
    """The answer for one participant.

    Parameters
    ----------
    participant : Pseudonym
        Who.
    cycle : int
        Whose scans were used: the first with doses.
    given : str
        Nuclide of that cycle.
    administered_bq : float
        Its activity, Bq.
    equal : Role
        What was held equal.
    lesions : int
        How many.
    reported_kidney_gy : float
        Mean dose of the kidneys as the cycle reports it, Gy, to hold against the comparison's.
    first_scan_h : float
        When the first scan was taken, h after administration.
    asked : tuple of str
        Every nuclide, in the order of the question.
    compared : tuple of Compared
        A nuclide each, in that order.
    absent : tuple of (nuclide, reason)
        Those without a result.
    alphas_lost : tuple of (nuclide, share)
        Of the energy of its alphas, what the policy of its daughters leaves out of every dose.
    one_kidney : str
        Which kidney stands for both, and why; empty where both have a dose.
    """

    participant: Pseudonym
    cycle: int
    given: str
    administered_bq: float
    equal: Role
    lesions: int
    reported_kidney_gy: float
    first_scan_h: float
    asked: tuple[str, ...]
    compared: tuple[Compared, ...]
    absent: tuple[tuple[str, str], ...]
    alphas_lost: tuple[tuple[str, float], ...] = ()
    one_kidney: str = ""


def candidates_of(names: Sequence[str], daughters: Sequence[str]) -> tuple[Candidate, ...]:
    """Read what was asked for: nuclides, and where their daughters decay.

    Parameters
    ----------
    names : sequence of str
        Such as ``177Lu`` or ``Lu-177``; empty for the usual ones.
    daughters : sequence of str
        Policies as ``HOW_TO_STATE`` says, for all nuclides or for one.

    Raises
    ------
    DataError
        If a nuclide has radioactive daughters and no policy, a policy cannot be read, contradicts
        another or leaves alphas out of the dose, or one is stated for a nuclide that is not
        compared.
    UnsupportedError
        If a nuclide is not known.
    """
    asked = names or (WITHOUT_DAUGHTERS + (WITH_DAUGHTERS if daughters else ()))
    nuclides = [nuclide_for_therapy(_spelled(name)) for name in asked]
    if len({one.name for one in nuclides}) != len(nuclides):
        raise DataError(f"A nuclide is named twice: {', '.join(asked)}.")
    stated: dict[str, str] = {}
    for text in daughters:
        whose, separator, policy = text.rpartition("=")
        name = _spelled(whose) if separator else ""
        if stated.setdefault(name, policy) != policy:
            raise DataError(
                f"--daughters says both {stated[name]} and {policy} of {name or 'every nuclide'}.",
                remedy="State one of them.",
            )
    unused = stated.keys() - {"", *(one.name for one in nuclides)}
    if unused:
        raise DataError(
            f"--daughters speaks of {', '.join(sorted(unused))}; compared are "
            f"{', '.join(one.name for one in nuclides)}.",
            remedy="Name the nuclide in --nuclides, too.",
        )
    candidates = []
    for nuclide in nuclides:
        said = stated.get(nuclide.name, stated.get("") if _has_daughters(nuclide) else None)
        _require_known_chain(nuclide, said)
        candidates.append(Candidate(nuclide, None if said is None else _policy(said, nuclide)))
    missing = [
        one.nuclide.name
        for one in candidates
        if one.daughters is None and _has_daughters(one.nuclide)
    ]
    if missing:
        raise DataError(
            f"The daughters of {', '.join(missing)} are radioactive, and a recoil frees them: "
            "where they decay is not stated.",
            remedy=HOW_TO_STATE,
        )
    for one in candidates:
        _require_alphas(one)
    return tuple(candidates)


def _require_known_chain(nuclide: Nuclide, said: str | None) -> None:
    """Of a nuclide whose chain is not held here, daughters can only be neglected."""
    neglected = said is not None and said.strip().startswith("neglected:")
    if nuclide.name in DECAYS or neglected or not _has_daughters(nuclide):
        return
    without_alphas = alpha_energy_kept(nuclide, daughters=DaughtersNeglected("asked")) > 0
    raise DataError(
        f"{nuclide.name} may decay to {' or '.join(radioactive_daughters(nuclide.name))}, "
        "radioactive like itself; how often is not known here, and where that decays is not "
        "stated.",
        remedy=f"State --daughters {nuclide.name}=neglected:REASON where they may be neglected; "
        "or leave the nuclide out."
        if without_alphas
        else "Leave the nuclide out: what follows it emits alphas, and its chain is not followed.",
    )


def _require_alphas(candidate: Candidate) -> None:
    """Refuse what takes alphas out of the dose: more activity would look harmless."""
    kept = alpha_energy_kept(candidate.nuclide, daughters=candidate.daughters)
    if isinstance(candidate.daughters, EscapeFraction):
        least, whither = LEAST_ALPHAS_KEPT, "elsewhere in the body, where no dose counts it"
    else:
        least, whither = _WHOLE, "out of every dose, though it is absorbed somewhere"
    if kept < least:
        raise DataError(
            f"--daughters takes {1 - kept:.0%} of the energy of the alphas after "
            f"{candidate.nuclide.name} {whither}: the activity of equal toxicity would be "
            "dangerously high.",
            remedy="State equilibrium or local:10, or the part that escapes, such as escape:0.3."
            if candidate.nuclide.name in DECAYS
            else "Leave the nuclide out: its chain is not followed here.",
        )


def _spelled(name: str) -> str:
    """``Lu-177``, ``lu177`` and ``177Lu`` are one."""
    plain = name.strip()
    # The m or n of an isomer is a small letter, right behind the mass number: 99mTc, Tc-99m.
    found = re.fullmatch(
        r"([A-Za-z]{1,2})[- ]?(\d{1,3}[mn]?)|(\d{1,3}[mn])[- ]?([A-Z][A-Za-z]?)"
        r"|(\d{1,3})[- ]?([A-Za-z]{1,2})",
        plain,
    )
    if not found:
        raise UnsupportedError(
            f"{name!r} names no nuclide." if plain else "No nuclide is named.",
            remedy="Write mass number and symbol, such as 177Lu, with commas between.",
        )
    symbol, mass = next(
        (symbol, mass)
        for symbol, mass in ((found[1], found[2]), (found[4], found[3]), (found[6], found[5]))
        if symbol
    )
    return f"{mass}{symbol.capitalize()}"


def _has_daughters(nuclide: Nuclide) -> bool:
    if nuclide.name in DECAYS:
        return bool(chain_of(nuclide).daughters)
    return bool(radioactive_daughters(nuclide.name))


def _policy(text: str, nuclide: Nuclide) -> DaughterPolicy:
    kind, _, rest = text.strip().partition(":")
    try:
        match kind:
            case "equilibrium" if not rest:
                return EquilibriumLocal()
            case "escape":
                fraction, _, of = rest.partition(":")
                first = chain_of(nuclide).daughters[:1]
                return EscapeFraction(float(fraction), _spelled(of) if of else first[0].name)
            case "local":
                return AllDecaysLocal(float(rest) * 86_400.0)
            case "neglected" if rest:
                return DaughtersNeglected(rest)
    except (ValueError, IndexError):
        pass
    raise DataError(
        f"{text!r} does not say where the daughters of {nuclide.name} decay.", remedy=HOW_TO_STATE
    )


def compared_radionuclides(doses: ParticipantDoses, question: Question) -> ComparedRadionuclides:
    """Compare radionuclides in one participant, from the first cycle with measured doses.

    Raises
    ------
    DataError
        If no dose was measured, the kidneys or a lesion are missing, or the marrow where it is to
        be held equal; if no nuclide can be compared; and as ``compare``.
    """
    number, cycle = doses.of_first_measured()
    marrow = dict(doses.marrow).get(number)
    if question.equal == Role.MARROW and not _of_marrow(marrow):
        raise DataError(
            f"{doses.participant.pseudonym} has no dose of the red marrow after cycle {number}: "
            f"{_why_no_marrow(marrow)}",
            remedy="Supply the blood samples (docs/study-folder.md, blood_activity), or hold the "
            "kidneys equal: --equal kidney-bed.",
        )
    kidneys = kidneys_of(cycle)
    _require_regions(doses.participant.pseudonym, number, cycle, kidneys)
    nuclide = nuclide_for_therapy(cycle.nuclide)
    given = next(
        (one for one in question.candidates if one.nuclide.name == nuclide.name),
        Candidate(nuclide),
    )
    therapy = MeasuredTherapy(
        given=given,
        administered_bq=cycle.administered_bq,
        regions=(
            *_joined(kidneys, question.density_g_cm3),
            *(
                _region(one, Role.TUMOR, question.density_g_cm3)
                for one in cycle.regions
                if one.is_lesion
            ),
            *_of_marrow(marrow),
        ),
    )
    reasons = {
        one.nuclide.name: why_not_compared(therapy, one.nuclide) for one in question.candidates
    }
    seen = [one for one in question.candidates if not reasons[one.nuclide.name]]
    if not seen:
        raise DataError(
            f"None of these nuclides can be compared. {' '.join(reasons.values())}",
            remedy="Ask for nuclides of longer half-life, or scan earlier.",
        )
    share = _electron_share(marrow, given)

    def self_dose(emissions: Emissions, region: Region) -> SValue:
        if region.role == Role.MARROW:
            return _of_marrow_to_itself(emissions, region, electron_share=share)
        return _of_spheres(emissions, region, count=len(kidneys))

    return ComparedRadionuclides(
        participant=doses.participant.pseudonym,
        cycle=number,
        given=cycle.nuclide,
        administered_bq=cycle.administered_bq,
        equal=question.equal,
        lesions=therapy.count(Role.TUMOR),
        reported_kidney_gy=_mean_dose_gy(kidneys),
        first_scan_h=min(one.times_h[0] for one in kidneys),
        asked=tuple(reasons),
        absent=tuple((name, reason) for name, reason in reasons.items() if reason),
        one_kidney=one_kidney_for_both(cycle),
        alphas_lost=tuple(
            (one.nuclide.name, 1 - kept)
            for one in seen
            for kept in [alpha_energy_kept(one.nuclide, daughters=one.daughters)]
            if kept < _WHOLE
        ),
        compared=compare(
            therapy,
            candidates=seen,
            self_dose=self_dose,
            constraint=Constraint(
                equal=question.equal,
                kidney_alpha_beta_gy=KIDNEY.alpha_beta_gy.value,
                kidney_repair_rate_per_s=repair_rate_per_s(
                    half_time_s=KIDNEY.repair_half_time_s.value
                ),
            ),
            rbe=ALPHA_RBE,
        ),
    )


def _require_regions(
    who: str, number: int, cycle: CycleDoses, kidneys: Sequence[RegionDose]
) -> None:
    """Where a role has no region, the reasons why its regions were refused are the answer."""
    lesions = [one for one in cycle.regions if one.is_lesion]
    for found, what, are_lesions in ((kidneys, "kidney", False), (lesions, "lesion", True)):
        if not found:
            why = why_refused(cycle, lesions=are_lesions) or "none is drawn on the scans."
            raise DataError(
                f"No {what} of {who} has a dose after cycle {number}: {why}",
                remedy="Draw kidneys and lesions on the SPECT after the cycle "
                "(docs/study-folder.md, dosimetry), or correct what was refused.",
            )


def _mean_dose_gy(kidneys: Sequence[RegionDose]) -> float:
    total_g = math.fsum(one.mass_g for one in kidneys)
    return math.fsum(one.dose_gy * one.mass_g for one in kidneys) / total_g if kidneys else math.nan


def _joined(kidneys: Sequence[RegionDose], density_g_cm3: float) -> tuple[Region, ...]:
    """Both kidneys as one region. What makes one uncertain makes the other: camera and outline."""
    if not kidneys:
        return ()
    decays = [one.course.integral for one in kidneys]

    def by_decays(values: Iterable[float]) -> float:
        weighted = (part * value for part, value in zip(decays, values, strict=True))
        return math.fsum(weighted) / math.fsum(decays)

    dose_relative = by_decays(one.standard_uncertainty_gy / one.dose_gy for one in kidneys)
    course = ExponentialSum(
        tuple(a for one in kidneys for a in one.course.amplitudes),
        tuple(r for one in kidneys for r in one.course.rates_per_s),
    )
    return (
        Region(
            name="kidneys",
            role=Role.KIDNEYS,
            activity=course,
            mass_g=math.fsum(one.mass_g for one in kidneys),
            density_g_cm3=density_g_cm3,
            integral_uncertainty=dose_relative,
            mass_uncertainty=0.0,
            course_uncertainty=of_terminal_rate(
                course,
                integral_relative=by_decays(map(_beside_calibration, kidneys)),
                rate_relative=by_decays(map(_rate_relative, kidneys)),
                scan_times_s=sorted({3600.0 * h for one in kidneys for h in one.times_h}),
                terminal=_slowest_of_each([one.course for one in kidneys]),
            ),
            # Of one camera: no more than the doses say.
            calibration_uncertainty=min(
                by_decays(one.calibration_relative for one in kidneys), dose_relative
            ),
            first_scan_s=3600.0 * min(one.times_h[0] for one in kidneys),
        ),
    )


def _beside_calibration(one: RegionDose) -> float:
    """Relative standard uncertainty of the integral without the calibration."""
    return math.sqrt(max(one.course_relative**2 - one.calibration_relative**2, 0.0))


def _rate_relative(one: RegionDose) -> float:
    """Of the effective rate: to first order that of the effective half-life."""
    return one.effective_half_life_uncertainty_h / one.effective_half_life_h


def _slowest_of_each(courses: Sequence[ExponentialSum]) -> list[int]:
    """Places of the terminal phases in the sum of all courses."""
    places, before = [], 0
    for course in courses:
        places.append(before + course.rates_per_s.index(min(course.rates_per_s)))
        before += len(course.rates_per_s)
    return places


def _course_uncertainty(one: RegionDose) -> CourseUncertainty:
    return of_terminal_rate(
        one.course,
        integral_relative=_beside_calibration(one),
        rate_relative=_rate_relative(one),
        scan_times_s=[3600.0 * hours for hours in one.times_h],
    )


def _region(one: RegionDose, role: Role, density_g_cm3: float) -> Region:
    """Activity and mass come from one outline, so that their uncertainty is that of the dose."""
    dose_relative = one.standard_uncertainty_gy / one.dose_gy
    return Region(
        name=one.name,
        role=role,
        activity=one.course,
        mass_g=one.mass_g,
        density_g_cm3=density_g_cm3,
        integral_uncertainty=dose_relative,
        mass_uncertainty=0.0,
        course_uncertainty=_course_uncertainty(one),
        calibration_uncertainty=min(one.calibration_relative, dose_relative),
        first_scan_s=3600.0 * one.times_h[0],
    )


def _of_marrow(marrow: MarrowDoses | Refusal | None) -> tuple[Region, ...]:
    if not isinstance(marrow, MarrowDoses) or not marrow.methods:
        return ()
    reported = marrow.methods[0]
    return (
        Region(
            name="red marrow",
            role=Role.MARROW,
            activity=reported.course,
            mass_g=marrow.mass_g,
            # Of marrow it plays no part: its self-dose is energy by mass.
            density_g_cm3=1.0,
            integral_uncertainty=reported.activity_relative,
            mass_uncertainty=0.0,
        ),
    )


def _why_no_marrow(marrow: MarrowDoses | Refusal | None) -> str:
    if marrow is None:
        return "neither blood samples nor [dosimetry.marrow] are there."
    return str(marrow) if isinstance(marrow, Refusal) else " ".join(marrow.absent)


def _electron_share(marrow: MarrowDoses | Refusal | None, given: Candidate) -> float:
    """Of the energy that electrons start with in the marrow, what its S value says it absorbs.

    The cavities of the bone are smaller than the reach of many: some 0.6 of those of 177Lu.
    """
    if not isinstance(marrow, MarrowDoses) or not marrow.methods:
        return math.nan
    reported = marrow.methods[0]
    electrons = emissions_of(given.nuclide, daughters=given.daughters).electrons
    s_value_gy_g = marrow.mass_g * reported.dose.self_gy / reported.course.integral
    return s_value_gy_g / (GY_G_PER_MEV * electrons.energy_per_decay_mev)


def _of_marrow_to_itself(emissions: Emissions, region: Region, *, electron_share: float) -> SValue:
    per_mev = GY_G_PER_MEV / region.mass_g
    return SValue(
        per_mev * electron_share * emissions.electrons.energy_per_decay_mev,
        per_mev * emissions.alphas.energy_per_decay_mev,
        0.0,
    )


def _of_spheres(emissions: Emissions, region: Region, *, count: int) -> SValue:
    """Mean dose of the kidneys as so many alike spheres, or of a lesion as one."""
    spheres = count if region.role == Role.KIDNEYS else 1
    one = sphere_s_value(
        emissions, mass_g=region.mass_g / spheres, density_g_cm3=region.density_g_cm3
    )
    return SValue(
        one.electron_gy_per_bq_s / spheres,
        one.alpha_gy_per_bq_s / spheres,
        one.photon_gy_per_bq_s / spheres,
    )
