"""A whole analysis of simulated participants, as plain data, for tests of its page."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from operandi.signatures.results import (
    RESULT_FORMAT,
    AnalysisResult,
    ComparisonResult,
    PlanStanding,
    PreparationLine,
    ResamplingDone,
    RuleOutcome,
    VerdictResult,
)
from operandi.signatures.results_cohort import (
    AnalyzedStep,
    AtDay,
    CountedReason,
    EndpointResult,
    Estimated,
    IncidenceCurve,
    IntervalCurve,
    PredictorSummary,
    SampleSizeLine,
    SizePoint,
    SurvivalCurve,
    SuspectColumn,
    TumorCourse,
)
from operandi.signatures.results_models import (
    CalibrationPoint,
    CalibrationResult,
    DecisionResult,
    FailedFit,
    FinalModelResult,
    FinalTerm,
    InstabilityResult,
    InstabilityRow,
    MetricResult,
    ModelResult,
    OptimismResult,
    PermutationResult,
    RiskGroup,
    SelectedShare,
    SiteLine,
    SitesResult,
    StabilityPath,
    StabilityResult,
    SubgroupLine,
)

Floats = npt.NDArray[np.float64]

DIGEST = "3f" * 32
HORIZON = 730.0
PENALIZED = "shrunken by a penalty"
TOO_FEW = "fewer than 10 events in the group"
_RISK_DAYS = (0.0, 180.0, 365.0, 540.0, 730.0, 900.0)
_NAMES = ("grade", "karnofsky", "tumor_volume", "tumor_to_spleen", "adc.ADC_MEAN", "cm_joint_max")


def a_cohort(*, participants: int = 80) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    """Days, events and true log risks."""
    draw = np.random.default_rng(8)
    score = draw.normal(0.0, 0.8, participants)
    hazard = np.exp(score) / 900.0
    days = draw.exponential(1.0 / hazard)
    followed = draw.uniform(500.0, 1000.0, participants)
    return np.array(np.round(np.minimum(days, followed)) + 1.0, np.float64), days <= followed, score


def a_curve(days: Floats, event: npt.NDArray[np.bool_], *, name: str) -> SurvivalCurve:
    """Kaplan-Meier with log-log limits."""
    at = np.unique(days[event])
    risk = np.array([(days >= day).sum() for day in at], dtype=float)
    died = np.array([(days[event] == day).sum() for day in at], dtype=float)
    value = np.maximum(np.cumprod(1.0 - died / risk), 1e-3)
    spread = np.sqrt(np.cumsum(died / (risk * np.maximum(risk - died, 1.0)))) / np.log(value)
    return SurvivalCurve(
        name=name,
        participants=days.size,
        events=int(event.sum()),
        days=_values(at),
        survival=_values(value),
        low=_values(value ** np.exp(-1.96 * spread)),
        high=_values(value ** np.exp(1.96 * spread)),
        last_day=float(days.max()),
        censored_days=_values(np.sort(days[~event])),
        at_risk_days=_RISK_DAYS,
        at_risk=tuple(float((days >= day).sum()) for day in _RISK_DAYS),
        median_days=Estimated(value=612.0, low=480.0, high=811.0),
    )


def a_time_endpoint(code: str = "pfs", *, role: str = "primary") -> EndpointResult:
    """Progression between scans, with competing causes."""
    days, event, _ = a_cohort()
    curve = a_curve(days, event, name="all")
    left = np.arange(100.0, 900.0, 90.0)
    mass = np.full(left.size, 0.065)
    grid = np.arange(0.0, 990.0, 30.0)
    upper = np.array([1.0 - mass[left + 40.0 < day].sum() for day in grid])
    return EndpointResult(
        code=code,
        kind="pfs",
        role=role,
        rule="Progression between the scans that enclose it; death on its day.",
        binary=False,
        participants=days.size,
        events=int(event.sum()),
        time_used=("concordance uses the right end of the interval",),
        excluded=(CountedReason(reason="no exam after time zero", participants=2),),
        endings=(
            CountedReason(reason="progression", participants=int(event.sum()) - 9),
            CountedReason(reason="death", participants=9),
            CountedReason(reason="end of follow-up", participants=int((~event).sum())),
        ),
        follow_up_median_days=Estimated(value=752.0, low=700.0, high=801.0),
        curve=curve,
        interval_curve=IntervalCurve(
            left=(*_values(left), 900.0),
            right=(*_values(left + 40.0), None),
            mass=(*_values(mass), 1.0 - float(mass.sum())),
            certificate=1.0,
            days=_values(grid),
            highest=_values(upper),
            lowest=_values(upper),
            band_low=_values(np.maximum(upper - 0.12, 0.0)),
            band_high=_values(np.minimum(upper + 0.12, 1.0)),
        ),
        incidence=(
            _incidence("progression", curve, share=0.8),
            _incidence("death without progression", curve, share=0.2),
        ),
        event_free=(
            AtDay(day=365.0, estimate=Estimated(value=0.68, low=0.56, high=0.77)),
            AtDay(day=730.0, estimate=Estimated(value=0.44, low=0.32, high=0.55)),
        ),
        restricted_mean=(AtDay(day=730.0, estimate=Estimated(value=521.0, low=468.0, high=574.0)),),
    )


def a_binary_endpoint() -> EndpointResult:
    """Early non-response."""
    return EndpointResult(
        code="non_response",
        kind="early_non_response",
        role="secondary",
        rule="Progression by day 180",
        binary=True,
        participants=76,
        events=15,
        share=Estimated(value=0.197, low=0.115, high=0.305),
        treated=80,
    )


def a_metric(
    metric: str, value: float | None, *, half: float = 0.08, horizon: float | None = None
) -> MetricResult:
    """A metric with its interval, or absent."""
    if value is None:
        estimate = Estimated(value=None, reason="too few were followed to the horizon")
    else:
        estimate = Estimated(value=value, low=value - half, high=value + half)
    return MetricResult(
        metric=metric, horizon_days=horizon, estimate=estimate, higher_is_better=True
    )


def a_model(
    code: str = "M3",
    *,
    concordance: float = 0.71,
    role: str = "ladder",
    title: str = "and early change",
    endpoint: str = "pfs",
    label: str = "confirmatory",
) -> ModelResult:
    """A model with everything that one can have."""
    draw = np.random.default_rng(sum(code.encode()))
    days, event, score = a_cohort()
    risks = 1.0 / (1.0 + np.exp(-(score + draw.normal(0.0, 0.3, score.size))))
    high = score > np.median(score)
    return ModelResult(
        endpoint=endpoint,
        model=code,
        title=title,
        role=role,
        kind="elastic_net",
        source="",
        label=label,
        reason="",
        columns=140,
        metrics=(
            a_metric("harrell_c", concordance),
            a_metric("uno_c", concordance - 0.01),
            a_metric("auc", concordance + 0.03, half=0.1, horizon=365.0),
            a_metric("auc", None, horizon=HORIZON),
            a_metric("brier", 0.201, half=0.03, horizon=HORIZON),
            a_metric("integrated_brier", 0.163, half=0.02),
            a_metric("slope", 0.83, half=0.35),
            a_metric("observed_over_expected", 1.04, half=0.2),
        ),
        concordance_by_repeat=tuple(_values(draw.normal(concordance, 0.01, 50))),
        permutation=PermutationResult(
            observed=concordance,
            null=_values(np.random.default_rng(3).normal(0.5, 0.05, 200)),
            p_value=0.004975,
            kept_blocks=("clinical",),
        ),
        stability=_stability(draw),
        optimism=OptimismResult(
            apparent_concordance=0.82,
            corrected_concordance=concordance,
            apparent_slope=1.0,
            corrected_slope=0.81,
            samples=200,
            failed=1,
        ),
        calibration=_calibration(risks),
        decision=_decision(draw),
        sites=SitesResult(
            sites=tuple(
                SiteLine(
                    site=f"S0{n}",
                    participants=16,
                    events=9 if n < 5 else 3,
                    concordance=Estimated(
                        value=0.6 + 0.03 * n, low=0.42 + 0.03 * n, high=0.78 + 0.03 * n
                    )
                    if n < 5
                    else Estimated(value=None, reason="fewer than 5 events"),
                )
                for n in range(1, 6)
            ),
            pooled=Estimated(value=0.69, low=0.61, high=0.77),
            predicted_low=0.52,
            predicted_high=0.83,
            i_squared=0.21,
        ),
        subgroups=(
            _subgroup("sex", "female", 38, 0.70),
            _subgroup("sex", "male", 42, 0.72),
            _subgroup("age", "under 65", 57, 0.71),
            _subgroup("age", "65 and over", 23, None),
        ),
        risk_groups=tuple(
            RiskGroup(
                curve=a_curve(days[of], event[of], name=name),
                restricted_mean=Estimated(value=mean, low=mean - 60.0, high=mean + 60.0),
                horizon_days=HORIZON,
            )
            for name, of, mean in (("low risk", ~high, 604.0), ("high risk", high, 438.0))
        ),
        risk_groups_p=0.0007,
        instability=InstabilityResult(
            horizon_days=HORIZON,
            thresholds=(0.3, 0.5),
            refits=200,
            failed=2,
            average=0.071,
            rows=tuple(
                InstabilityRow(
                    participant=f"P{n:03d}",
                    risk=float(risk),
                    low=float(max(risk - 0.18, 0.01)),
                    high=float(min(risk + 0.16, 0.99)),
                    mean_difference=float(0.04 + 0.1 * risk * (1.0 - risk)),
                    changed_class=(0.12, 0.2),
                )
                for n, risk in enumerate(risks)
            ),
        ),
        final=_final(),
        absent=("no AUC by day 730: too few were followed to it",),
        failed=(FailedFit(repeat=3, fold=2, reason="the path did not converge"),),
        selected=tuple(
            SelectedShare(name=name, share=0.9 - 0.12 * n) for n, name in enumerate(_NAMES)
        ),
    )


def an_analysis() -> AnalysisResult:
    """A whole result: a supported finding of a locked plan."""
    verdict = VerdictResult(
        model="M3",
        endpoint="pfs",
        answer="supported",
        word="signature",
        sentence="The imaging signature M3 is supported: it foretells progression better than "
        "clinical data alone, and is prognostic under PRRT.",
        rules=(
            RuleOutcome(
                rule="signal", needed="permutation p < 0.05", found="p = 0.005", holds=True
            ),
            RuleOutcome(rule="stability", needed="1 or more columns", found="4", holds=True),
            RuleOutcome(
                rule="gain", needed="over M0, with its whole interval", found="0.09", holds=True
            ),
        ),
        label="confirmatory",
    )
    return AnalysisResult(
        format=RESULT_FORMAT,
        title="Early PET-MRI markers of progression under PRRT",
        version="1.0",
        study="NCT06256705",
        population="All participants who were given a first cycle",
        timing="From cycle 1; landmark after cycle 2, day 140",
        software="0.8.0",
        level=0.95,
        standing=PlanStanding(
            digest=DIGEST, label="confirmatory", locked=DIGEST, freeze="2026-11-cut"
        ),
        participants=80,
        treated=84,
        primary="pfs",
        flow=(
            AnalyzedStep(title="given cycle 1", remaining=84),
            AnalyzedStep(
                title="at risk at the landmark",
                remaining=81,
                left_out=(
                    CountedReason(reason="progression before the landmark", participants=2),
                    CountedReason(reason="died before the landmark", participants=1),
                ),
            ),
            AnalyzedStep(
                title="analyzed",
                remaining=80,
                left_out=(CountedReason(reason="no exam after time zero", participants=1),),
            ),
        ),
        predictors=tuple(
            PredictorSummary(
                name=name,
                block="clinical" if n < 2 else "pet",
                known=80 - 3 * n,
                missing=3 * n,
                mean=1.2,
                deviation=0.4,
                minimum=-0.31,
                lower_quartile=0.8,
                median=1.1,
                upper_quartile=1.6,
                maximum=1240.0,
            )
            for n, name in enumerate(_NAMES)
        ),
        absent_blocks=("genomic: not assayed of 31 participants",),
        suspects=(
            SuspectColumn(
                column="adc.ADC_MEAN", finding="follows site", kept_because="one scanner a site"
            ),
        ),
        preparation=(
            PreparationLine(step="constants", blocks=(), settings=("most_common 0.95",)),
            PreparationLine(
                step="imputation", blocks=("clinical", "pet"), settings=("matching", "10 sweeps")
            ),
            PreparationLine(step="scaling", blocks=(), settings=("z",)),
        ),
        resampling=ResamplingDone(
            seed=20260101,
            repeats=50,
            folds=5,
            inner_folds=5,
            permutations=200,
            permutation_repeats=5,
            stability_pairs=100,
            bootstraps=1000,
            imputations=20,
        ),
        endpoints=(a_time_endpoint(), a_binary_endpoint()),
        sample_size=(
            _size("M0", 2, needed=176, events=99),
            _size("M3", 140, needed=None, events=None),
        ),
        models=(
            a_model("M0", concordance=0.62, title="Clinical"),
            a_model("M1", concordance=0.68, title="and imaging before treatment"),
            a_model("M3"),
            _unjudged("forest"),
            a_model("volume", concordance=0.6, role="baseline", title="SSTR tumor volume"),
            _binary(a_model("M0", concordance=0.6, title="Clinical")),
            _binary(a_model("M3", concordance=0.66)),
        ),
        comparisons=(
            _comparison("M3", "M0", 0.09, planned=True),
            _comparison("M1", "M0", 0.06, planned=False),
            _comparison("M1", "M0", None, planned=False, metric="net_benefit"),
        ),
        multiplicity="Holm over the 1 comparison of the plan, at level 0.05.",
        verdicts=(verdict,),
        verdict=verdict,
        courses=_courses(),
        notes=("Sex and age are from the table of demographics.",),
    )


def an_unsupported_analysis() -> AnalysisResult:
    """The same without a finding: the word is withheld."""
    verdict = VerdictResult(
        model="M3",
        endpoint="pfs",
        answer="not supported",
        word="no reproducible signal",
        sentence="No reproducible signal: M3 does not foretell progression better than chance "
        "would; what was seen is prognostic under PRRT at most.",
        rules=(
            RuleOutcome(
                rule="signal", needed="permutation p < 0.05", found="p = 0.41", holds=False
            ),
        ),
        label="confirmatory",
    )
    return replace(an_analysis(), verdict=verdict, verdicts=(verdict,))


def an_undecided_analysis() -> AnalysisResult:
    """Too few participants to say."""
    verdict = VerdictResult(
        model="M3",
        endpoint="pfs",
        answer="undecidable at this n",
        word="",
        sentence="Undecidable at this n: 9 events are too few to judge M3; whatever is seen is "
        "prognostic under PRRT at most.",
        rules=(RuleOutcome(rule="events", needed="at least 10", found="9", holds=False),),
        label="confirmatory",
    )
    return replace(
        an_analysis(), verdict=verdict, verdicts=(verdict,), models=an_analysis().models[:1]
    )


def an_unlocked_analysis() -> AnalysisResult:
    """The same by a plan that was never locked."""
    standing = PlanStanding(
        digest=DIGEST, label="exploratory", reasons=("the plan was not locked",)
    )
    return replace(an_unsupported_analysis(), standing=standing)


def _stability(draw: np.random.Generator) -> StabilityResult:
    slots = np.arange(1.0, 21.0)
    paths = []
    for n in range(18):
        name = _NAMES[n] if n < len(_NAMES) else f"texture_{n}"
        top = 0.86 - 0.06 * n if n < len(_NAMES) else 0.3 - 0.012 * n
        path = top * (1.0 - np.exp(-slots / (2.0 + n)))
        paths.append(
            StabilityPath(name=name, probability=float(path[-1]), path=tuple(_values(path)))
        )
    stable = tuple(one.name for one in paths if one.probability >= 0.6)
    return StabilityResult(
        threshold=0.6,
        stable=stable,
        paths=tuple(paths),
        candidates=140,
        most=20,
        pairs=100,
        failed_halves=int(draw.integers(0, 3)),
        false_bound=0.84,
    )


def _calibration(risks: Floats) -> CalibrationResult:
    grid = np.linspace(0.08, 0.92, 25)
    seen = 0.5 + 0.82 * (grid - 0.5)
    return CalibrationResult(
        horizon_days=HORIZON,
        slope=Estimated(value=0.83, low=0.48, high=1.18),
        intercept=Estimated(value=None, reason="of yes/no endpoints alone"),
        observed_over_expected=Estimated(value=1.04, low=0.84, high=1.24),
        ici=Estimated(value=0.061, low=0.03, high=0.12),
        e50=Estimated(value=0.055),
        e90=Estimated(value=0.11),
        predicted=_values(grid),
        observed=_values(seen),
        low=_values(np.maximum(seen - 0.14, 0.0)),
        high=_values(np.minimum(seen + 0.14, 1.0)),
        groups=tuple(
            CalibrationPoint(
                predicted=p,
                observed=p * 0.9 + 0.04,
                low=p * 0.6,
                high=p * 0.8 + 0.2,
                participants=20,
            )
            for p in (0.2, 0.4, 0.6, 0.8)
        ),
        risks=_values(risks),
    )


def _decision(draw: np.random.Generator) -> DecisionResult:
    thresholds = np.arange(0.1, 0.61, 0.05)
    every = 0.56 - 0.44 * thresholds / (1.0 - thresholds)
    benefit = np.maximum(every, 0.34 - 0.3 * thresholds) + 0.01 * float(draw.random())
    return DecisionResult(
        horizon_days=HORIZON,
        thresholds=_values(thresholds),
        net_benefit=_values(benefit),
        treat_all=_values(every),
        low=_values(benefit - 0.07),
        high=_values(benefit + 0.07),
        uncertain=tuple(bool(one) for one in thresholds > 0.52),
    )


def _final() -> FinalModelResult:
    absent = Estimated(value=None, reason="not fitted under interval censoring")
    terms = []
    for n, name in enumerate(_NAMES):
        coefficient = 0.52 - 0.17 * n
        ratio = float(np.exp(coefficient))
        free = n < 2
        terms.append(
            FinalTerm(
                name=name,
                block="clinical" if free else "pet",
                coefficient=coefficient,
                ratio=Estimated(value=ratio, low=0.7 * ratio, high=1.4 * ratio)
                if free
                else Estimated(value=ratio, reason=PENALIZED),
                selected_share=None if free else 0.8 - 0.1 * n,
                unpenalized=free,
                interval_ratio=Estimated(value=ratio, low=0.7 * ratio, high=1.4 * ratio)
                if free
                else absent,
            )
        )
    return FinalModelResult(
        terms=tuple(terms),
        candidates=140,
        penalty=0.08,
        imputations=20,
        interval_slope=Estimated(value=1.06, reason="fitted to the same participants"),
    )


def _subgroup(by: str, group: str, count: int, value: float | None) -> SubgroupLine:
    if value is None:
        absent = Estimated(value=None, reason=TOO_FEW)
        return SubgroupLine(
            by=by,
            group=group,
            participants=count,
            events=8,
            concordance=absent,
            observed_over_expected=absent,
        )
    return SubgroupLine(
        by=by,
        group=group,
        participants=count,
        events=22,
        concordance=Estimated(value=value, low=value - 0.12, high=value + 0.12),
        observed_over_expected=Estimated(value=1.05, low=0.7, high=1.4),
    )


def _binary(model: ModelResult) -> ModelResult:
    auc = replace(a_metric("auc", 0.66), horizon_days=None)
    return replace(
        model,
        endpoint="non_response",
        metrics=(auc, a_metric("brier", 0.15, half=0.04)),
        decision=None,
        risk_groups=(),
    )


def _unjudged(code: str) -> ModelResult:
    return ModelResult(
        endpoint="pfs",
        model=code,
        title="Random forest",
        role="challenger",
        kind="forest",
        source="",
        label="exploratory",
        reason="needs an optional extra that is not installed",
        columns=140,
    )


def _comparison(
    model: str, against: str, value: float | None, *, planned: bool, metric: str = "harrell_c"
) -> ComparisonResult:
    if value is None:
        difference = Estimated(value=None, reason="too few events beyond the threshold")
    else:
        difference = Estimated(value=value, low=value - 0.07, high=value + 0.07)
    return ComparisonResult(
        model=model,
        against=against,
        endpoint="pfs",
        metric=metric,
        horizon_days=None if metric == "harrell_c" else HORIZON,
        difference=difference,
        higher_is_better=True,
        planned=planned,
        label="confirmatory" if planned else "exploratory",
        threshold=None if metric == "harrell_c" else 0.3,
        p_value=0.012 if planned else None,
        adjusted_p=0.012 if planned else None,
        better=True if planned else None,
    )


def _size(model: str, parameters: int, *, needed: int | None, events: int | None) -> SampleSizeLine:
    return SampleSizeLine(
        model=model,
        parameters=parameters,
        assumed_r2=0.12,
        needed_participants=needed,
        needed_events=events,
        participants=80,
        events=45,
        expected_shrinkage=0.81 if needed is not None else None,
        affordable_parameters=1 if needed is not None else None,
        reason="" if needed is not None else "more parameters than participants",
    )


def _courses() -> tuple[TumorCourse, ...]:
    days, event, score = a_cohort()
    courses = []
    for n in range(days.size):
        planned = np.arange(90.0, float(days[n]), 90.0)
        changes = [
            SizePoint(
                day=float(day),
                change=None
                if (n + k) % 7 == 3
                else float(max(0.1 * score[n] * (k + 1) - 0.1, -0.9)),
            )
            for k, day in enumerate(planned)
        ]
        seen = [one.change for one in changes if one.change is not None]
        courses.append(
            TumorCourse(
                participant=f"P{n:03d}",
                last_day=float(days[n]),
                ending="progression" if event[n] else "end of follow-up",
                ongoing=not event[n],
                changes=tuple(changes),
                best_change=min(seen) if seen else None,
            )
        )
    return tuple(courses)


def _incidence(cause: str, curve: SurvivalCurve, *, share: float) -> IncidenceCurve:
    value = share * (1.0 - np.array(curve.survival))
    return IncidenceCurve(
        cause=cause,
        events=round(share * curve.events),
        days=curve.days,
        incidence=_values(value),
        low=_values(0.75 * value),
        high=_values(np.minimum(1.25 * value, 1.0)),
    )


def _values(array: Floats) -> tuple[float, ...]:
    return tuple(float(one) for one in array)
