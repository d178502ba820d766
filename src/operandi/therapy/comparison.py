"""One patient, other radionuclides: what the same peptide would do at equal toxicity.

The clearance measured with one nuclide is taken free of that nuclide's decay and given another's;
self-doses follow from S values, and the activity is scaled until the kidneys have the same
biologically effective dose, or the marrow the same dose.  Physical dose (Gy) and RBE-weighted dose
(Gy(RBE)) are kept apart, and every result with alpha particles is given over the range of the RBE.

What it assumes is listed in ``ASSUMPTIONS`` and goes with every result.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.measurement import Uncertainty
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import Nuclide
from operandi.therapy.course_uncertainty import integral_slopes
from operandi.therapy.dose_effect import RbeRange
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.measured_therapy import (
    Candidate,
    Constraint,
    MeasuredTherapy,
    Region,
    Role,
    SelfDoseOf,
)
from operandi.therapy.radiobiology import lea_catcheside
from operandi.therapy.radionuclides import emissions_of
from operandi.therapy.relabeling import (
    activity_for_effective_dose_bq,
    effective_dose_with_alphas_gy,
    relabeled,
)

ASSUMPTIONS: Final = (
    "the other label leaves uptake and biological clearance as they were measured",
    "the amount of peptide is the same: receptors are as full",
    "before the first scan the course is the fit's, not measured: of a nuclide of short half-life "
    "most decays lie there, and an early phase that no scan saw is missing",
    "self-dose only: photons from other organs are left out",
    "daughters as stated by the policy, their course the parent's; what escapes is counted nowhere",
    "alpha damage is not repaired and adds linearly, RBE times its dose, to the effective dose",
    "one administration; further ones alike and weeks apart scale all doses by their number",
)

MOST_UNSEEN: Final = 0.9
"""Share of decays before the first scan above which a nuclide is refused: nothing was measured."""
MUCH_UNSEEN: Final = 0.2
"""Share above which it is said in words."""

_STEP: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionDose:
    """Dose of one region at the scaled activity and one RBE.

    Parameters
    ----------
    region : Region
        Whose.
    alpha_gy, low_let_gy : float
        Physical doses by alphas with recoil, and by electrons and photons, Gy.
    weighted_gy_rbe : float
        RBE-weighted dose, Gy(RBE).
    uncertainty_gy, weighted_uncertainty_gy_rbe : Uncertainty
        Standard uncertainties of the physical and of the weighted dose; the RBE is not in it, it
        is a range.
    """

    region: Region
    alpha_gy: float
    low_let_gy: float
    weighted_gy_rbe: float
    uncertainty_gy: Uncertainty
    weighted_uncertainty_gy_rbe: Uncertainty

    @property
    def dose_gy(self) -> float:
        """Physical dose, Gy."""
        return self.alpha_gy + self.low_let_gy


@dataclass(frozen=True, slots=True)
class Spread:
    """Over the tumors."""

    lowest: float
    median: float
    highest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One nuclide at one RBE.

    Parameters
    ----------
    rbe : float
        Of alpha particles, in all regions and in the reference.
    activity_bq : float
        Administered activity that meets the constraint, Bq.
    activity_uncertainty_bq : Uncertainty
        Its standard uncertainty, Bq.
    doses : tuple of RegionDose
        In the order of the regions.
    kidney_effective_dose_gy : float
        Biologically effective dose of the kidneys, Gy.
    therapeutic_index : float
        Median tumor over kidneys, both RBE-weighted doses.
    therapeutic_index_uncertainty : Uncertainty
        Standard uncertainty.
    """

    rbe: float
    activity_bq: float
    activity_uncertainty_bq: Uncertainty
    doses: tuple[RegionDose, ...]
    kidney_effective_dose_gy: float
    therapeutic_index: float
    therapeutic_index_uncertainty: Uncertainty

    def of(self, role: Role) -> tuple[RegionDose, ...]:
        """Doses of the regions of a role."""
        return tuple(dose for dose in self.doses if dose.region.role == role)

    @property
    def tumor_dose_gy(self) -> Spread:
        """Physical dose over the tumors, Gy."""
        return _spread([dose.dose_gy for dose in self.of(Role.TUMOR)])

    @property
    def tumor_weighted_gy_rbe(self) -> Spread:
        """RBE-weighted dose over the tumors, Gy(RBE)."""
        return _spread([dose.weighted_gy_rbe for dose in self.of(Role.TUMOR)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One nuclide over the range of the RBE.

    Parameters
    ----------
    nuclide : Nuclide
        Administered.
    daughters : str
        Their policy in words.
    low, nominal, high : Outcome
        At the low end, the nominal value and the high end of the RBE.
    before_first_scan : tuple of float or None
        In the order of the regions: share of decays before the first scan, None where its time
        was not given.
    flags : tuple of str
        What a reader should know before using the numbers.
    """

    nuclide: Nuclide
    daughters: str
    low: Outcome
    nominal: Outcome
    high: Outcome
    before_first_scan: tuple[float | None, ...] = ()
    flags: tuple[str, ...] = ()


def unseen_share(region: Region, *, measured: Nuclide, other: Nuclide) -> float | None:
    """Share of the decays of *other* before the first scan of *region*; None without its time."""
    if region.first_scan_s is None:
        return None
    course = relabeled(region.activity, measured=measured, other=other)
    return 1.0 - course.integral_after(region.first_scan_s) / course.integral


def why_not_compared(therapy: MeasuredTherapy, nuclide: Nuclide) -> str:
    """Why *nuclide* has no result in this patient: nearly all its decays are before the scans.

    Returns
    -------
    str
        The reason, for people; empty where ``compare`` takes it.
    """
    measured = therapy.given.nuclide
    unseen = [
        f"{share:.0%} in {region.name} (first scan at {(region.first_scan_s or 0) / 3600:.3g} h)"
        for region in therapy.regions
        for share in [unseen_share(region, measured=measured, other=nuclide)]
        if share is not None and share > MOST_UNSEEN
    ]
    if not unseen:
        return ""
    return f"Of {nuclide.name}, decays before the first scan are " + ", ".join(unseen) + "."


def compare(
    therapy: MeasuredTherapy,
    *,
    candidates: Sequence[Candidate],
    self_dose: SelfDoseOf,
    constraint: Constraint,
    rbe: RbeRange,
) -> tuple[Compared, ...]:
    """Predict what each candidate would do in this patient at equal toxicity.

    Parameters
    ----------
    therapy : MeasuredTherapy
        Courses, masses and activity of one administration.
    candidates : sequence of Candidate
        Name the measured nuclide among them to have it in the table.
    self_dose : SelfDoseOf
        S value of a region to itself for these emissions.
    constraint : Constraint
        What is held equal.
    rbe : RbeRange
        Of alpha particles; electrons and photons have 1.

    Returns
    -------
    tuple of Compared
        As *candidates*.  Uncertainties are to first order, from those of courses (integral,
        amplitudes and rates) and masses; common factors cancel as they do in the formulas.

    Raises
    ------
    DataError
        If the marrow is to be held equal and has no region, a course is slower than decay,
        daughters have no policy, or more than ``MOST_UNSEEN`` of the decays lie before the first
        scan (``why_not_compared`` tells beforehand).
    """
    if constraint.equal == Role.MARROW and not therapy.count(Role.MARROW):
        raise DataError(
            "The marrow is to be held equal, but has no region.",
            remedy="Supply its course, or hold the kidneys equal.",
        )
    reference = _per_activity(therapy, therapy.given, self_dose, constraint)
    compared = []
    for candidate in candidates:
        reason = why_not_compared(therapy, candidate.nuclide)
        if reason:
            raise DataError(reason, remedy="Leave the nuclide out, or scan earlier.")
        unseen = tuple(
            unseen_share(region, measured=therapy.given.nuclide, other=candidate.nuclide)
            for region in therapy.regions
        )
        per_activity = _per_activity(therapy, candidate, self_dose, constraint)
        as_measured = candidate.nuclide == therapy.given.nuclide
        low, nominal, high = (
            _outcome(_Case(therapy, per_activity, reference, constraint, factor, as_measured))
            for factor in (rbe.low, rbe.nominal, rbe.high)
        )
        compared.append(
            Compared(
                nuclide=candidate.nuclide,
                daughters=per_activity.daughters,
                low=low,
                nominal=nominal,
                high=high,
                before_first_scan=unseen,
                flags=tuple(
                    f"{region.name}: {share:.0%} of the decays of {candidate.nuclide.name} lie "
                    "before the first scan, where the course is extrapolated"
                    for region, share in zip(therapy.regions, unseen, strict=True)
                    if share is not None and share > MUCH_UNSEEN
                ),
            )
        )
    return tuple(compared)


_Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Shift:
    """What a result depends on, off by so much: logarithms of factors, and G."""

    integrals: _Vector
    reference_integrals: _Vector
    masses: _Vector
    kidney_g: _Vector  # of the nuclide, of the reference

    @classmethod
    def none(cls, regions: int) -> "_Shift":
        return cls(np.zeros(regions), np.zeros(regions), np.zeros(regions), np.zeros(2))

    def slopes(self, results: Callable[["_Shift"], _Vector]) -> "_Slopes":
        """Of all *results* by each of these, around here."""
        found = []
        for part, field in enumerate(dataclasses.fields(self)):
            rows = []
            for index in range(len(getattr(self, field.name))):
                values = []
                for sign in (1, -1):
                    off = [np.array(getattr(self, one.name)) for one in dataclasses.fields(self)]
                    off[part][index] += sign * _STEP
                    values.append(results(_Shift(*off)))
                rows.append((values[0] - values[1]) / (2 * _STEP))
            found.append(np.array(rows))
        return _Slopes(*found)


@dataclass(frozen=True, slots=True, eq=False)
class _Slopes:
    """Of results, one a column, by what _Shift holds, one a row."""

    integrals: _Vector
    reference_integrals: _Vector
    masses: _Vector
    kidney_g: _Vector


@dataclass(frozen=True, slots=True, eq=False)
class _PerActivity:
    """Doses by administered activity of every region, and how they change with what is uncertain.

    ``*_by_mass`` and ``by_course`` are slopes of logarithms; ``kidney_g_by_course`` is of G.
    """

    alpha_gy_per_bq: _Vector
    low_let_gy_per_bq: _Vector
    alpha_by_mass: _Vector
    low_let_by_mass: _Vector
    by_course: tuple[_Vector, ...]
    kidney_g: float
    kidney_g_by_course: _Vector
    daughters: str

    def at(self, integrals: _Vector, masses: _Vector) -> tuple[_Vector, _Vector]:
        """Alpha and low-LET dose per activity, with integrals and masses off by these logs."""
        return (
            self.alpha_gy_per_bq * np.exp(integrals + masses * self.alpha_by_mass),
            self.low_let_gy_per_bq * np.exp(integrals + masses * self.low_let_by_mass),
        )


def _per_activity(
    therapy: MeasuredTherapy, candidate: Candidate, self_dose: SelfDoseOf, constraint: Constraint
) -> _PerActivity:
    emissions = emissions_of(candidate.nuclide, daughters=candidate.daughters)
    alpha, low, alpha_by_mass, low_by_mass = [], [], [], []
    by_course = []
    for region in therapy.regions:
        course = relabeled(region.activity, measured=therapy.given.nuclide, other=candidate.nuclide)
        seconds = course.integral / therapy.administered_bq
        by_course.append(integral_slopes(region.activity, course))

        def doses(mass_factor: float, region: Region = region) -> tuple[float, float]:
            s = self_dose(
                emissions, dataclasses.replace(region, mass_g=region.mass_g * mass_factor)
            )
            return s.alpha_gy_per_bq_s, s.electron_gy_per_bq_s + s.photon_gy_per_bq_s

        here, more, less = doses(1.0), doses(1 + _STEP), doses(1 - _STEP)
        slopes = [
            math.log(high / low_) / math.log((1 + _STEP) / (1 - _STEP)) if low_ > 0 else 0.0
            for high, low_ in zip(more, less, strict=True)
        ]
        alpha.append(here[0] * seconds)
        low.append(here[1] * seconds)
        alpha_by_mass.append(slopes[0])
        low_by_mass.append(slopes[1])
    kidneys = therapy.regions[therapy.place(Role.KIDNEYS)].activity
    course = relabeled(kidneys, measured=therapy.given.nuclide, other=candidate.nuclide)
    repair = constraint.kidney_repair_rate_per_s
    return _PerActivity(
        np.array(alpha),
        np.array(low),
        np.array(alpha_by_mass),
        np.array(low_by_mass),
        tuple(by_course),
        lea_catcheside(course, repair_rate_per_s=repair),
        _protraction_slopes(kidneys, course, repair_rate_per_s=repair),
        emissions.daughters,
    )


def _protraction_slopes(
    measured: ExponentialSum, other: ExponentialSum, *, repair_rate_per_s: float
) -> _Vector:
    """Change of G of *other* by relative changes of the measured amplitudes and rates."""
    here = lea_catcheside(other, repair_rate_per_s=repair_rate_per_s)
    step, size = 1e-4, len(other.rates_per_s)
    slopes = np.zeros(2 * size)
    for index in range(2 * size):
        values = np.array([*other.amplitudes, *other.rates_per_s])
        # Upward for falling phases, downward for uptake, and rates the other way: the course is
        # then higher everywhere, and one that begins at zero does not begin below.
        up = 1.0 if other.amplitudes[index % size] > 0 else -1.0
        off = step * (up if index < size else -up)
        values[index] += off * np.array([*other.amplitudes, *measured.rates_per_s])[index]
        shifted = ExponentialSum(tuple(values[:size]), tuple(values[size:]))
        slopes[index] = (lea_catcheside(shifted, repair_rate_per_s=repair_rate_per_s) - here) / off
    return slopes


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """One nuclide at one RBE, as a function of what is uncertain."""

    therapy: MeasuredTherapy
    per_activity: _PerActivity
    reference: _PerActivity
    constraint: Constraint
    rbe: float
    as_measured: bool

    def kidney_effect_gy(
        self, activity_bq: float, doses: tuple[_Vector, _Vector], g: float
    ) -> float:
        kidneys = self.therapy.place(Role.KIDNEYS)
        return effective_dose_with_alphas_gy(
            alpha_gy=activity_bq * doses[0][kidneys],
            low_let_gy=activity_bq * doses[1][kidneys],
            g=g,
            alpha_beta_gy=self.constraint.kidney_alpha_beta_gy,
            rbe=self.rbe,
        )

    def results(self, shift: _Shift) -> _Vector:
        """Activity, kidney effect, index; doses by region: alpha, low LET, weighted, physical."""
        alpha, low = self.per_activity.at(shift.integrals, shift.masses)
        reference = self.reference.at(shift.reference_integrals, shift.masses)
        g = self.per_activity.kidney_g + shift.kidney_g[0]
        if self.constraint.equal == Role.KIDNEYS:
            kidneys = self.therapy.place(Role.KIDNEYS)
            activity = activity_for_effective_dose_bq(
                self.kidney_effect_gy(
                    self.therapy.administered_bq,
                    reference,
                    self.reference.kidney_g + shift.kidney_g[1],
                ),
                alpha_gy_per_bq=alpha[kidneys],
                low_let_gy_per_bq=low[kidneys],
                g=g,
                alpha_beta_gy=self.constraint.kidney_alpha_beta_gy,
                rbe=self.rbe,
            )
        else:
            marrow = self.therapy.place(Role.MARROW)
            allowed = self.rbe * reference[0][marrow] + reference[1][marrow]
            activity = (
                self.therapy.administered_bq * allowed / (self.rbe * alpha[marrow] + low[marrow])
            )
        weighted = activity * (self.rbe * alpha + low)
        tumors = [
            dose
            for region, dose in zip(self.therapy.regions, weighted, strict=True)
            if region.role == Role.TUMOR
        ]
        return np.concatenate(
            [
                [
                    activity,
                    self.kidney_effect_gy(activity, (alpha, low), g),
                    median(tumors) / weighted[self.therapy.place(Role.KIDNEYS)],
                ],
                activity * alpha,
                activity * low,
                weighted,
                activity * (alpha + low),
            ]
        )


def _outcome(case: _Case) -> Outcome:
    regions = case.therapy.regions
    count = len(regions)
    here = _Shift.none(count)
    values, slopes = case.results(here), here.slopes(case.results)

    def uncertainty(column: int) -> Uncertainty:
        return _propagated(case, slopes, column, float(values[column]))

    doses = tuple(
        RegionDose(
            region=region,
            alpha_gy=float(values[3 + i]),
            low_let_gy=float(values[3 + count + i]),
            weighted_gy_rbe=float(values[3 + 2 * count + i]),
            uncertainty_gy=uncertainty(3 + 3 * count + i),
            weighted_uncertainty_gy_rbe=uncertainty(3 + 2 * count + i),
        )
        for i, region in enumerate(regions)
    )
    return Outcome(
        rbe=case.rbe,
        activity_bq=float(values[0]),
        activity_uncertainty_bq=uncertainty(0),
        doses=doses,
        kidney_effective_dose_gy=float(values[1]),
        therapeutic_index=float(values[2]),
        therapeutic_index_uncertainty=uncertainty(2),
    )


def _propagated(case: _Case, slopes: _Slopes, column: int, value: float) -> Uncertainty:
    """Root sum of squares of what each input contributes, in the unit of *value*."""
    matters = 1e-9 * abs(value)
    unknown, bounded, variance, shared = [], [], 0.0, 0.0
    for i, region in enumerate(case.therapy.regions):
        by_integral = slopes.integrals[i, column] + slopes.reference_integrals[i, column]
        by_mass = slopes.masses[i, column]
        by_course = _by_course(case, slopes, column, i)
        course = region.course_uncertainty
        if course is not None:
            variance += course.variance(by_course)
        elif np.abs(by_course).max() > matters:
            bounded.append(region.name)
        if region.integral_uncertainty is None:
            if abs(by_integral) > matters:
                unknown.append(f"integral of {region.name}")
        else:
            variance += by_integral**2 * _beside_course(region, region.integral_uncertainty)
            shared += by_integral * region.calibration_uncertainty
        if region.mass_uncertainty is None:
            if abs(by_mass) > matters:
                unknown.append(f"mass of {region.name}")
        else:
            variance += (by_mass * region.mass_uncertainty) ** 2
    if unknown:
        return Uncertainty(None, f"no uncertainty is known of the {', '.join(unknown)}")
    basis = (
        "first order, from courses and masses, calibration common to all regions; S values, "
        "half-lives and the RBE are not in it"
    )
    if bounded and not case.as_measured:
        basis += (
            "; a lower bound: the uncertainty of the rates at which "
            f"{', '.join(bounded)} cleared is not known"
        )
    return Uncertainty(math.sqrt(variance + shared**2), basis)


def _by_course(case: _Case, slopes: _Slopes, column: int, region: int) -> _Vector:
    """Change of a result by relative changes of a region's measured amplitudes and rates."""
    nuclide, reference = case.per_activity, case.reference
    change = (
        slopes.integrals[region, column] * nuclide.by_course[region]
        + slopes.reference_integrals[region, column] * reference.by_course[region]
    )
    if region == case.therapy.place(Role.KIDNEYS):
        change += slopes.kidney_g[0, column] * nuclide.kidney_g_by_course
        change += slopes.kidney_g[1, column] * reference.kidney_g_by_course
    return np.asarray(change)


def _beside_course(region: Region, integral_uncertainty: float) -> float:
    """Relative variance of the integral that neither course nor calibration accounts for."""
    known = region.calibration_uncertainty**2
    if region.course_uncertainty is not None:
        slopes = integral_slopes(region.activity, region.activity)
        known += region.course_uncertainty.variance(slopes)
    return max(integral_uncertainty**2 - known, 0.0)


def _spread(values: list[float]) -> Spread:
    return Spread(min(values), median(values), max(values))
