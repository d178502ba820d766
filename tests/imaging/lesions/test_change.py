"""Verdicts on changes: false alarms, power, reasons."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.imaging.lesions.change import (
    FALSE_ALARMS,
    ChangeClass,
    ChangeVerdict,
    holm_adjusted,
    judge_change,
)
from operandi.imaging.lesions.change_budget import (
    BudgetItem,
    ChangeBudget,
    ChangeEvidence,
    MethodSpread,
    VisitTerm,
    budget_of,
)
from operandi.imaging.lesions.comparability import Comparability, ScanConditions
from operandi.imaging.lesions.published_repeatability import ChangeScale
from operandi.imaging.lesions.repeatability import (
    Repeatability,
    RepeatabilityOrigin,
    UnknownRepeatability,
    relative_within_sd,
    repeatability_from,
)
from operandi.imaging.lesions.repetitions import Repetition
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import SUV_MEAN, SUV_PEAK, Kind

Array = npt.NDArray[np.float64]

CV = 0.08
PAIRS = 10_000
RISE = 0.40
TOLERANCE = 0.05
"""Five points between the share found and the closed-form power, as the issue asks."""

SCAN = ScanConditions(
    scanner="PET-MR 1",
    tracer="68Ga-DOTATOC",
    reconstruction="OSEM 4i21s 4 mm",
    attenuation="4-class Dixon",
    delineation="45 % isocontour",
    uptake_time_min=60.0,
)
ALIKE = Comparability(
    before=SCAN, after=SCAN, uptake_window_min=(45.0, 90.0), uptake_difference_min=15.0
)


def a_value(value: float | None, *, visit: str = "BASELINE", kind: Kind = SUV_PEAK) -> Measurement:
    """Value of lesion L01 at a visit."""
    return Measurement(
        subject=Subject(participant=Pseudonym("P-001"), type=SubjectType.LESION, name="L01"),
        timepoint=TimepointCode(visit),
        kind=kind,
        value=value,
        absent="" if value is not None else "out of the field of view",
        uncertainty=Uncertainty(None, "a test"),
        method="peak",
        version="1",
    )


def a_repeatability(
    cv: float = CV, *, degrees: int | None = None, quantity: str = "SUV_PEAK"
) -> Repeatability:
    """Known, or estimated with a few degrees of freedom."""
    return Repeatability(
        quantity=quantity,
        scale=ChangeScale.RELATIVE,
        within_sd=relative_within_sd(cv),
        degrees=degrees,
        origin=RepeatabilityOrigin.OWN_STUDY,
        source="simulated",
    )


def judged(
    before: float | None,
    after: float | None,
    *,
    repeatability: Repeatability | UnknownRepeatability | None = None,
    comparability: Comparability = ALIKE,
    evidence: ChangeEvidence | None = None,
) -> ChangeVerdict:
    """Verdict on a lesion, with a known repeatability of 8 % unless another is given."""
    return judge_change(
        a_value(before),
        a_value(after, visit="FOLLOW_UP"),
        repeatability=repeatability or a_repeatability(),
        comparability=comparability,
        evidence=evidence or ChangeEvidence(),
    )


def measured_pairs(*, cv: float, rise: float, seed: int, normal: bool = False) -> Array:
    """Values (pair, visit) of lesions whose second true value is ``1 + rise`` times the first."""
    generator = np.random.default_rng(seed)
    true = np.exp(generator.normal(2.5, 0.7, (PAIRS, 1))) * np.array([1.0, 1.0 + rise])
    error = generator.normal(0.0, 1.0, (PAIRS, 2))
    if normal:
        return np.asarray(true * (1.0 + cv * error))
    return np.asarray(true * np.exp(relative_within_sd(cv) * error))


def shares(pairs: Array, repeatability: Repeatability) -> dict[ChangeClass, float]:
    """Share of each verdict."""
    found = [
        judged(float(one), float(two), repeatability=repeatability).verdict for one, two in pairs
    ]
    return {verdict: found.count(verdict) / len(found) for verdict in ChangeClass}


def a_budget(repeatability: Repeatability, evidence: ChangeEvidence) -> ChangeBudget:
    """On the relative scale."""
    return budget_of(
        values=(10.0, 10.0),
        scale=ChangeScale.RELATIVE,
        repeatability=repeatability,
        evidence=evidence,
    )


@pytest.mark.parametrize("cv", [0.08, 0.12, 0.20])
def test_unchanged_lesions_give_at_most_five_percent_false_alarms(cv: float) -> None:
    """10,000 pairs; three standard errors of the count are allowed, 0.0065."""
    found = shares(measured_pairs(cv=cv, rise=0.0, seed=round(1000 * cv)), a_repeatability(cv))

    alarms = found[ChangeClass.INCREASED] + found[ChangeClass.DECREASED]
    assert alarms <= FALSE_ALARMS + 3.0 * math.sqrt(0.05 * 0.95 / PAIRS)
    assert found[ChangeClass.INCREASED] == pytest.approx(found[ChangeClass.DECREASED], abs=0.01)


@pytest.mark.parametrize("cv", [0.08, 0.12])
@pytest.mark.parametrize("normal", [False, True])
def test_rise_of_forty_percent_is_found_as_the_closed_form_says(cv: float, normal: bool) -> None:  # noqa: FBT001
    repeatability = a_repeatability(cv)
    pairs = measured_pairs(cv=cv, rise=RISE, seed=12, normal=normal)

    found = shares(pairs, repeatability)

    power = a_budget(repeatability, ChangeEvidence()).power(RISE)
    assert found[ChangeClass.INCREASED] == pytest.approx(power, abs=TOLERANCE)
    assert found[ChangeClass.DECREASED] < 0.001
    if cv == CV:
        assert found[ChangeClass.INCREASED] >= 0.80


def test_power_at_eight_percent_is_that_of_the_formula() -> None:
    """By hand: ln 1.4 / (0.07987 sqrt 2) - 1.95996 = 1.01895, normal share 84.6 %."""
    power = a_budget(a_repeatability(), ChangeEvidence()).power(RISE)

    assert power == pytest.approx(float(stats.norm.cdf(1.01895)), abs=2e-4)


def test_false_alarms_stay_below_five_percent_with_a_repeatability_of_few_participants() -> None:
    """500 studies of 8 participants each, 20 unchanged lesions judged by each one's estimate."""
    generator = np.random.default_rng(13)
    w = relative_within_sd(CV)
    alarms, z_alarms = 0, 0
    for _ in range(500):
        first, second = np.exp(2.0 + generator.normal(0.0, w, (2, 8)))
        rows = [
            Repetition(
                participant=f"P-{n}",
                lesion="L01",
                quantity="SUV_PEAK",
                first=float(first[n]),
                second=float(second[n]),
            )
            for n in range(8)
        ]
        own = repeatability_from(
            rows, kind=SUV_PEAK, scale=ChangeScale.RELATIVE, study="s"
        ).repeatability
        moved = generator.normal(0.0, w * math.sqrt(2.0), 20)
        limit = a_budget(own, ChangeEvidence()).limit
        alarms += int(np.count_nonzero(np.abs(moved) > limit))
        z_alarms += int(np.count_nonzero(np.abs(moved) > own.coefficient))
    # Lesions of one study share its estimate: the standard error is that of 500 studies.
    assert alarms / PAIRS <= 0.05 + 0.01
    assert z_alarms / PAIRS > 0.07


def test_power_with_few_degrees_is_that_of_simulated_studies() -> None:
    """Noncentral t against 200,000 draws of an estimate with 8 degrees and a change."""
    generator = np.random.default_rng(14)
    w = relative_within_sd(CV)
    estimated = w * np.sqrt(generator.chisquare(8, 200_000) / 8)
    moved = generator.normal(math.log1p(RISE), w * math.sqrt(2.0), 200_000)
    quantile = float(stats.t.ppf(0.975, 8))
    found = float(np.mean(moved > quantile * math.sqrt(2.0) * estimated))

    power = a_budget(a_repeatability(degrees=8), ChangeEvidence()).power(RISE)

    assert power == pytest.approx(found, abs=0.004)


@pytest.mark.parametrize("degrees", [None, 5, 30])
@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_detectable_change_has_its_power(degrees: int | None, power: float) -> None:
    budget = a_budget(a_repeatability(degrees=degrees), ChangeEvidence())

    fall, rise = budget.detectable(power=power)

    assert fall < 0.0 < rise
    assert budget.power(rise) == pytest.approx(power, abs=1e-6)
    assert budget.power(fall) == pytest.approx(power, abs=1e-6)


def test_a_rise_of_forty_percent_is_real_at_eight_percent_and_not_at_twenty() -> None:
    assert judged(10.0, 14.0).verdict is ChangeClass.INCREASED
    assert judged(14.0, 10.0).verdict is ChangeClass.DECREASED
    verdict = judged(10.0, 14.0, repeatability=a_repeatability(0.20))
    assert verdict.verdict is ChangeClass.WITHIN_REPEATABILITY
    assert verdict.change == pytest.approx(0.4)
    assert verdict.p_value is not None
    assert verdict.p_value > 0.05


@given(before=st.floats(0.1, 100.0), ratio=st.floats(0.2, 5.0), factor=st.floats(0.01, 100.0))
def test_verdict_does_not_depend_on_the_scale_of_intensity_and_turns_with_time(
    before: float, ratio: float, factor: float
) -> None:
    limit = a_budget(a_repeatability(), ChangeEvidence()).limit
    if abs(abs(math.log(ratio)) - limit) < 1e-9:
        return
    turned = {
        ChangeClass.INCREASED: ChangeClass.DECREASED,
        ChangeClass.DECREASED: ChangeClass.INCREASED,
    }

    one = judged(before, before * ratio)
    scaled = judged(before * factor, before * ratio * factor)
    back = judged(before * ratio, before)

    assert scaled.verdict is one.verdict
    assert back.verdict is turned.get(one.verdict, one.verdict)


def test_noise_below_the_repeatability_is_contained_in_it() -> None:
    noise = VisitTerm(before=0.03, after=0.03, basis="spheres in the liver")

    quiet = judged(10.0, 12.0, evidence=ChangeEvidence(noise=noise)).budget
    plain = judged(10.0, 12.0).budget

    assert quiet is not None
    assert plain is not None
    assert quiet.limit == plain.limit
    term = next(term for term in quiet.terms if term.item is BudgetItem.NOISE)
    assert term.counted == 0.0
    assert "contained" in term.basis


def test_noise_above_the_repeatability_takes_its_place() -> None:
    """Degrees by Satterthwaite: 5 participants, of whom the variance holds 16 % of the whole."""
    noise = VisitTerm(before=0.2, after=0.2, basis="spheres in the liver")

    budget = a_budget(a_repeatability(degrees=5), ChangeEvidence(noise=noise))

    assert budget.standard == pytest.approx(0.2 * math.sqrt(2.0))
    share = relative_within_sd(CV) ** 2 / 0.2**2
    assert budget.degrees == pytest.approx(5.0 / share**2)


def test_terms_add_in_quadrature() -> None:
    """By hand: 2 (0.07987^2) + 0.05^2 + 0.05^2 + 0.06^2 + 0.08^2 = 0.027758."""
    evidence = ChangeEvidence(
        motion=VisitTerm(before=0.05, after=0.05, basis="gated"),
        attenuation=VisitTerm(before=0.06, after=0.08, basis="4-class map"),
    )

    budget = a_budget(a_repeatability(), evidence)

    assert budget.standard**2 == pytest.approx(0.027758, abs=2e-6)


def test_unchanged_lesions_with_noise_and_motion_stay_below_five_percent() -> None:
    """Each visit has an error of 8 % and one of 6 % that the test-retest did not have."""
    generator = np.random.default_rng(15)
    w = relative_within_sd(CV)
    moved = generator.normal(0.0, math.sqrt(2.0 * (w**2 + 0.06**2)), PAIRS)
    motion = VisitTerm(before=0.06, after=0.06, basis="stated by the passport")

    limit = a_budget(a_repeatability(), ChangeEvidence(motion=motion)).limit

    assert float(np.mean(np.abs(moved) > limit)) == pytest.approx(0.05, abs=0.0066)


def test_spread_over_delineations_is_that_of_the_change() -> None:
    """A method that is twice as large at both visits changes as the others do."""
    alike = MethodSpread(methods=("a", "b"), before=(1.0, 2.0), after=(1.4, 2.8))
    apart = MethodSpread(methods=("a", "b"), before=(1.0, 1.0), after=(1.0, 1.2))

    assert alike.standard(ChangeScale.RELATIVE) == pytest.approx(0.0, abs=1e-12)
    assert apart.standard(ChangeScale.RELATIVE) == pytest.approx(math.log(1.2) / math.sqrt(2.0))


def test_diameters_are_judged_in_millimeters() -> None:
    """By hand: 1.96 sqrt(2) 1.7 mm = 4.71 mm."""
    kind = Kind("LONGEST_DIAMETER", "longest diameter", "mm")
    repeatability = Repeatability(
        quantity=kind.name,
        scale=ChangeScale.ABSOLUTE,
        within_sd=1.7,
        degrees=None,
        origin=RepeatabilityOrigin.PUBLISHED,
        source="a test",
    )

    def verdict(after: float) -> ChangeVerdict:
        return judge_change(
            a_value(20.0, kind=kind),
            a_value(after, visit="FOLLOW_UP", kind=kind),
            repeatability=repeatability,
            comparability=ALIKE,
        )

    assert verdict(24.7).verdict is ChangeClass.WITHIN_REPEATABILITY
    assert verdict(24.8).verdict is ChangeClass.INCREASED
    assert verdict(24.8).change == pytest.approx(4.8)
    assert verdict(0.0).verdict is ChangeClass.DECREASED


def test_unknown_repeatability_is_the_verdict_and_the_change_is_still_told() -> None:
    unknown = UnknownRepeatability(
        quantity="SUV_PEAK", scale=ChangeScale.RELATIVE, reason="none is published"
    )

    verdict = judged(10.0, 30.0, repeatability=unknown)

    assert verdict.verdict is ChangeClass.REPEATABILITY_UNKNOWN
    assert verdict.change == pytest.approx(2.0)
    assert verdict.p_value is None
    assert verdict.reasons == ("none is published",)


def test_unknown_repeatability_says_where_noise_alone_would_do() -> None:
    unknown = UnknownRepeatability(
        quantity="SUV_PEAK", scale=ChangeScale.RELATIVE, reason="none is published"
    )
    noise = VisitTerm(before=0.1, after=0.1, basis="spheres in the liver")

    verdict = judged(10.0, 11.0, repeatability=unknown, evidence=ChangeEvidence(noise=noise))

    assert "already allow" in verdict.reasons[1]


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (replace(SCAN, scanner="PET-CT 2"), "different scanner: PET-MR 1, then PET-CT 2"),
        (replace(SCAN, tracer="68Ga-DOTATATE"), "different tracer"),
        (replace(SCAN, reconstruction="BPL"), "different reconstruction"),
        (replace(SCAN, attenuation="CT"), "different attenuation"),
        (replace(SCAN, delineation="SUV > 4"), "different delineation"),
        (replace(SCAN, uptake_time_min=95.0), "outside 45 to 90"),
        (replace(SCAN, uptake_time_min=76.0), "uptake times differ by 16 min, more than 15"),
        (replace(SCAN, artifacts=("motion at the dome",)), "artifact at the second visit: motion"),
    ],
)
def test_scans_that_differ_are_not_comparable(after: ScanConditions, reason: str) -> None:
    verdict = judged(10.0, 30.0, comparability=replace(ALIKE, after=after))

    assert verdict.verdict is ChangeClass.NOT_COMPARABLE
    assert any(reason in one for one in verdict.reasons)
    assert verdict.p_value is None


def test_another_scanner_is_allowed_by_a_repeatability_across_scanners() -> None:
    after = replace(SCAN, scanner="PET-CT 2", reconstruction="BPL", attenuation="CT")
    across = replace(a_repeatability(0.12), across_scanners=True)

    verdict = judged(10.0, 30.0, repeatability=across, comparability=replace(ALIKE, after=after))

    assert verdict.verdict is ChangeClass.INCREASED


def test_what_a_visit_does_not_state_is_a_caveat() -> None:
    verdict = judged(10.0, 30.0, comparability=replace(ALIKE, after=replace(SCAN, scanner="")))

    assert verdict.verdict is ChangeClass.INCREASED
    assert "scanner is not stated at the second visit" in verdict.caveats
    assert "motion not known" in verdict.caveats


def test_borrowed_repeatability_is_a_caveat() -> None:
    borrowed = replace(a_repeatability(), origin=RepeatabilityOrigin.BORROWED)

    assert any("borrowed" in one for one in judged(10.0, 30.0, repeatability=borrowed).caveats)


@pytest.mark.parametrize("after", [None, 0.0, -1.0])
def test_no_value_or_one_without_a_logarithm_is_not_comparable(after: float | None) -> None:
    verdict = judged(10.0, after)

    assert verdict.verdict is ChangeClass.NOT_COMPARABLE
    assert verdict.change is None
    assert verdict.budget is None
    assert verdict.reasons


def test_refuses_two_lesions_two_quantities_or_one_visit() -> None:
    one, two = a_value(1.0), a_value(2.0, visit="FOLLOW_UP")
    other = replace(two, subject=replace(two.subject, name="L02"))
    with pytest.raises(DataError, match="of one subject"):
        judge_change(one, other, repeatability=a_repeatability(), comparability=ALIKE)
    with pytest.raises(DataError, match="needs two visits"):
        judge_change(one, one, repeatability=a_repeatability(), comparability=ALIKE)
    with pytest.raises(DataError, match="repeatability is of SUV_MEAN"):
        judge_change(
            one,
            two,
            repeatability=a_repeatability(quantity=SUV_MEAN.name),
            comparability=ALIKE,
        )


def test_refuses_a_term_without_basis_and_a_spread_of_one_method() -> None:
    with pytest.raises(DataError, match="its basis"):
        VisitTerm(before=0.1, after=0.1, basis="")
    with pytest.raises(DataError, match="two of them or more"):
        MethodSpread(methods=("a",), before=(1.0,), after=(1.0,))


def test_refuses_an_uptake_time_that_is_none() -> None:
    with pytest.raises(DataError, match="minutes > 0"):
        replace(SCAN, uptake_time_min=-3.0)


def test_holm_multiplies_the_smallest_by_all() -> None:
    """By hand, two-sided p of changes of 3, 2.5 and 1 standard uncertainties, times 3, 2, 1."""
    s = relative_within_sd(CV) * math.sqrt(2.0)
    verdicts = [judged(10.0, 10.0 * math.exp(reach * s)) for reach in (1.0, 3.0, 2.5)]
    verdicts.append(judged(10.0, None))

    found = holm_adjusted(verdicts)

    expected = [2.0 * float(stats.norm.sf(reach)) for reach in (1.0, 3.0, 2.5)]
    assert found[0] == pytest.approx(expected[0])
    assert found[1] == pytest.approx(3.0 * expected[1])
    assert found[2] == pytest.approx(2.0 * expected[2])
    assert found[3] is None
