"""One model on one endpoint: everything that resampling says of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

import numpy as np
from scipy.special import expit

from operandi.quantities.errors import DataError, OperandiError
from operandi.signatures.candidates_of import ModelRecipe, planned_model, selecting
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.described import (
    estimated,
    numbers,
    restricted,
    survival_curve,
)
from operandi.signatures.final_fit import FinalFit
from operandi.signatures.final_models import (
    FinalPlan,
    final_fit,
    final_result,
    instability_result,
)
from operandi.signatures.judgment_parts import (
    calibration_result,
    most_selected,
    sites_result,
    stability_plan_of,
    subgroup_labels,
)
from operandi.signatures.judgment_setting import (
    MOST_CALIBRATION,
    MOST_OPTIMISM,
    MOST_REFITS,
    Setting,
)
from operandi.signatures.metrics.net_benefit import (
    decision_curve_binary,
    decision_curve_survival,
)
from operandi.signatures.metrics.subgroups import (
    SubgroupPerformance,
    binary_performance_by_subgroup,
    performance_by_subgroup,
)
from operandi.signatures.performance import (
    Judged,
    calibration_of,
    calibration_of_binary,
    judge_binary,
    judge_survival,
)
from operandi.signatures.plan_format import EXPLORATORY, PlannedModel
from operandi.signatures.planned_outcomes import interval_outcome
from operandi.signatures.preparation.chain import predictors_at
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.resampling.nested import (
    NestedEvaluation,
    SmallerCohort,
    nested_concordance,
    nested_evaluation,
)
from operandi.signatures.resampling.optimism import bootstrap_optimism
from operandi.signatures.resampling.permutation import permutation_null
from operandi.signatures.resampling.sites import leave_one_site_out
from operandi.signatures.resampling.smaller import smaller_cohorts
from operandi.signatures.resampling.stability import (
    stability_selection,
)
from operandi.signatures.results_models import (
    CalibrationResult,
    DecisionResult,
    FailedFit,
    FinalModelResult,
    InstabilityResult,
    MetricResult,
    ModelResult,
    OptimismResult,
    PermutationResult,
    PredictedRow,
    RiskGroup,
    SitesResult,
    StabilityPath,
    StabilityResult,
    SubgroupLine,
)

_Found = TypeVar("_Found")
_STABLE_SHOWN: Final = 30
_FEWEST_REPEATS: Final = 10
"""From which smaller cohorts are judged too; fewer repeats are a first look."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedModel:
    """A model's result, with what comparisons and cards need of it.

    Parameters
    ----------
    result : ModelResult
    nested : NestedEvaluation or None
        None where it could not be evaluated.
    judged : Judged or None
    final : FinalFit or None
    """

    result: ModelResult
    nested: NestedEvaluation | None = None
    judged: Judged | None = None
    final: FinalFit | None = None


Depth = Literal["whole", "performance"]


def judge_model(
    setting: Setting, model: PlannedModel, *, depth: Depth, tested: bool
) -> JudgedModel:
    """Resample a model.

    Parameters
    ----------
    setting : Setting
    model : PlannedModel
        Of the plan.
    depth : {"whole", "performance"}
        ``"whole"`` adds a final model, its optimism, sites, subgroups and instability.
    tested : bool
        Whether it is permuted, and its columns put to stability selection.

    Returns
    -------
    JudgedModel
        What could not be computed is said in its result, never raised.

    Raises
    ------
    LeakError
        If anything would be judged on rows that it has learned from.
    """
    blank = ModelResult(
        endpoint=setting.given.plan.code,
        model=model.code,
        title=model.title,
        role=model.role,
        kind=model.kind,
        source=model.source,
        label=EXPLORATORY if model.role == "challenger" else setting.label,
        reason="",
        columns=0,
    )
    outcome, least = setting.outcome, setting.plan.verdict.least_events
    found = setting.events
    try:
        planned = planned_model(
            setting.plan,
            model,
            setting.data.predictors,
            chain=setting.chain,
            binary=setting.binary,
        )
        blank = replace(blank, columns=len(planned.predictors.names))
        if found < least:
            why = f"{found} events; the plan's verdict.least_events asks for {least}."
            return JudgedModel(result=replace(blank, reason=why))
        rows = predictors_at(planned.predictors, setting.given.rows.astype(np.int64))
        nested = nested_evaluation(
            planned.candidate,
            rows,
            outcome,
            resampling=setting.resampling,
            days=setting.days.times,
            threads=setting.threads,
            progress=setting.stage("nested cross-validation", model.code),
        )
    except LeakError:
        raise
    except OperandiError as refusal:
        return JudgedModel(result=replace(blank, reason=str(refusal)))
    work = _Work(setting=setting, planned=planned, rows=rows, nested=nested, absent=[])
    work = replace(work, nested=replace(nested, smaller=work.smaller()))
    return work.judged(blank, depth=depth, tested=tested)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Work:
    """A model that was evaluated, and what else is computed of it; ``absent`` grows."""

    setting: Setting
    planned: ModelRecipe
    rows: Predictors
    nested: NestedEvaluation
    absent: list[str]

    @property
    def outcome(self) -> RightCensored:
        return self.setting.outcome

    def smaller(self) -> tuple[SmallerCohort, ...]:
        """Smaller cohorts, for intervals; none, and said so, where there are none."""
        return self._tried("intervals over what is learned", self._smaller) or ()

    def _smaller(self) -> tuple[SmallerCohort, ...]:
        setting = self.setting
        if setting.resampling.repeats < _FEWEST_REPEATS:
            raise DataError(
                f"they need {_FEWEST_REPEATS} or more repeats; all intervals here hold predictions "
                "as they are and are too narrow"
            )
        return smaller_cohorts(
            self.planned.candidate,
            self.rows,
            self.outcome,
            resampling=setting.resampling,
            days=setting.days.times,
            subsets=setting.resampling.repeats,
            threads=setting.threads,
            progress=setting.stage("smaller cohorts", self.planned.model.code),
        )

    def judged(self, blank: ModelResult, *, depth: Depth, tested: bool) -> JudgedModel:
        setting, nested = self.setting, self.nested
        judged = self._judged()
        calibration = self._tried("calibration", self._calibration)
        result = replace(
            blank,
            metrics=self._metrics(judged, calibration),
            concordance_by_repeat=numbers(nested.concordance),
            calibration=calibration,
            decision=self._tried("decision curve", lambda: self._decision(judged)),
            failed=tuple(
                FailedFit(repeat=one.repeat, fold=one.fold, reason=one.reason)
                for one in nested.failed
            ),
            selected=most_selected(nested) if self.planned.selects else (),
            predictions=self._predictions(),
            risk_groups=self._risk_groups(),
        )
        if tested:
            result = replace(
                result,
                permutation=self._tried("permutations", self._permutation),
                stability=self._tried("stability selection", self._stability),
            )
        final = None
        if depth == "whole":
            result, final = self._whole(result)
        for day in setting.days.beyond:
            self.absent.append(f"day {day:g} lies after the end of follow-up and is not judged")
        return JudgedModel(
            result=replace(result, absent=tuple(self.absent)),
            nested=nested,
            judged=judged,
            final=final,
        )

    def _whole(self, result: ModelResult) -> tuple[ModelResult, FinalFit | None]:
        fitted = self._tried("final model", self._final)
        if fitted is not None:
            terms, final = fitted
            result = replace(
                result,
                final=terms,
                instability=self._tried("instability", lambda: self._instability(final)),
            )
        return replace(
            result,
            optimism=self._tried("optimism", self._optimism),
            sites=self._tried("sites", self._sites),
            subgroups=self._subgroups(),
        ), None if fitted is None else fitted[1]

    def _tried(self, what: str, work: Callable[[], _Found]) -> _Found | None:
        """Do it, or note why not: one refusal takes nothing from the rest."""
        try:
            return work()
        except LeakError:
            raise
        except (OperandiError, np.linalg.LinAlgError) as refusal:
            self.absent.append(f"{what}: {refusal}")
            return None

    def _judged(self) -> Judged:
        setting = self.setting
        if setting.binary:
            return judge_binary(
                self.outcome.event,
                self.nested,
                thresholds=setting.thresholds,
                bootstrap=setting.bootstrap,
            )
        return judge_survival(
            self.outcome,
            self.nested,
            days=setting.days,
            bootstrap=setting.bootstrap,
            threads=setting.threads,
        )

    def _metrics(
        self, judged: Judged, calibration: CalibrationResult | None
    ) -> tuple[MetricResult, ...]:
        concordance = estimated(nested_concordance(self.nested, level=self.setting.level))
        name = "auc" if self.setting.binary else "harrell_c"
        found = [
            MetricResult(
                metric=name, horizon_days=None, estimate=concordance, higher_is_better=True
            )
        ]
        found += [
            MetricResult(
                metric=key.metric,
                horizon_days=key.horizon,
                estimate=estimated(judged.estimate(key)),
                higher_is_better=key.higher_is_better,
            )
            for key in judged.keys
            if key.threshold is None
        ]
        if calibration is not None:
            known = {
                "slope": calibration.slope,
                "observed_over_expected": calibration.observed_over_expected,
                "ici": calibration.ici,
            }
            found += [
                MetricResult(
                    metric=what,
                    horizon_days=calibration.horizon_days,
                    estimate=value,
                    higher_is_better=False if what == "ici" else None,
                )
                for what, value in known.items()
            ]
        return tuple(found)

    def _calibration(self) -> CalibrationResult:
        setting, horizon = self.setting, self.setting.horizon
        few = replace(setting.bootstrap, repeats=min(MOST_CALIBRATION, setting.bootstrap.repeats))
        if setting.binary:
            report, risks = calibration_of_binary(self.outcome.event, self.nested, bootstrap=few)
            return calibration_result(report, numbers(risks), horizon=None)
        if horizon is None:
            raise DataError("the plan has no horizon_days within follow-up")
        report, risks = calibration_of(self.outcome, self.nested, horizon=horizon, bootstrap=few)
        return calibration_result(report, numbers(risks), horizon=horizon)

    def _decision(self, judged: Judged) -> DecisionResult:
        setting = self.setting
        keys = [key for key in judged.keys if key.threshold is not None]
        if not keys:
            raise DataError("the plan has no thresholds, or their day lies after follow-up")
        each = [judged.estimate(key) for key in keys]
        levels = np.array([key.threshold for key in keys], dtype=np.float64)
        if setting.binary:
            plain = decision_curve_binary(
                self.outcome.event, expit(self.nested.predictor).mean(axis=0), thresholds=levels
            )
        else:
            plain = decision_curve_survival(
                self.outcome,
                1.0 - self._mean_survival(),
                horizon=self._decision_day(),
                thresholds=levels,
            )
        benefit = [one.value for one in each if one.value is not None]
        if len(benefit) < len(each):
            raise DataError("net benefit has no value at a threshold of the plan")
        bounds = [
            (one.low, one.high) for one in each if one.low is not None and one.high is not None
        ]
        known = len(bounds) == len(each)
        return DecisionResult(
            horizon_days=setting.days.decision,
            thresholds=numbers(levels),
            net_benefit=tuple(benefit),
            treat_all=numbers(plain.treat_all),
            low=tuple(low for low, _ in bounds) if known else (),
            high=tuple(high for _, high in bounds) if known else (),
            uncertain=tuple(bool(one) for one in plain.follow_up_ends),
        )

    def _decision_day(self) -> float:
        day = self.setting.days.decision
        if day is None:
            raise DataError("the plan has no day of decision within follow-up")
        return day

    def _mean_survival(self) -> np.ndarray:
        horizon = self.setting.horizon
        if horizon is None:
            raise DataError("the plan has no horizon_days within follow-up")
        place = self.setting.days.place(horizon)
        return np.asarray(np.clip(self.nested.survival[:, :, place].mean(axis=0), 0.0, 1.0))

    def _risks(self) -> np.ndarray | None:
        if self.setting.binary:
            return np.asarray(expit(self.nested.predictor).mean(axis=0))
        return None if self.setting.horizon is None else 1.0 - self._mean_survival()

    def _predictions(self) -> tuple[PredictedRow, ...]:
        risks, outcome = self._risks(), self.outcome
        eta = self.nested.predictor.mean(axis=0)
        return tuple(
            PredictedRow(
                participant=str(who),
                site=self.rows.sites[row],
                predictor=float(eta[row]),
                risk=None if risks is None else float(risks[row]),
                day=None if self.setting.binary else float(outcome.time[row]),
                event=bool(outcome.event[row]),
                predictors=numbers(self.nested.predictor[:, row]),
                folds=tuple(self.nested.outer[:, row].tolist()),
            )
            for row, who in enumerate(self.rows.participants)
        )

    def _risk_groups(self) -> tuple[RiskGroup, ...]:
        risks, horizon = self._risks(), self.setting.horizon
        if risks is None or horizon is None or np.ptp(risks) == 0.0:
            return ()
        high = risks > np.median(risks)
        last = self.outcome.time.max()
        found = []
        for name, side in (("lower risk", ~high), ("higher risk", high)):
            if not side.any():
                return ()
            part = RightCensored(time=self.outcome.time[side], event=self.outcome.event[side])
            found.append(
                RiskGroup(
                    curve=survival_curve(
                        part, name=name, level=self.setting.level, until=float(last)
                    ),
                    restricted_mean=restricted(part, day=horizon, level=self.setting.level),
                    horizon_days=horizon,
                )
            )
        return tuple(found)

    def _permutation(self) -> PermutationResult:
        said = self.setting.plan.resampling
        kept = self.planned.kept_columns
        found = permutation_null(
            self.planned.candidate,
            self.rows,
            self.outcome,
            resampling=replace(self.setting.resampling, repeats=said.permutation_repeats),
            permutations=said.permutations,
            kept_columns=kept,
            threads=self.setting.threads,
            progress=self.setting.stage("permutations", self.planned.model.code),
        )
        return PermutationResult(
            observed=found.observed,
            null=numbers(found.null),
            p_value=found.p_value,
            kept_blocks=kept,
        )

    def _stability(self) -> StabilityResult:
        plan = self.setting.plan
        if plan.resampling.stability_pairs < 1:
            raise DataError("the plan has no stability_pairs")
        candidate, rows = selecting(
            plan, self.planned, self.rows, chain=self.setting.chain, binary=self.setting.binary
        )
        free = int(np.count_nonzero(candidate.factors_of(rows.blocks) > 0.0))
        if not free:
            raise DataError("the model has no column beyond those that are in it without selection")
        found = stability_selection(
            candidate,
            rows,
            self.outcome,
            plan=stability_plan_of(plan, candidates=free),
            threads=self.setting.threads,
            progress=self.setting.stage("stability selection", self.planned.model.code),
        )
        return StabilityResult(
            threshold=found.plan.threshold,
            stable=found.stable,
            paths=tuple(
                StabilityPath(
                    name=name,
                    probability=found.probability[name],
                    path=numbers(found.paths[name]),
                )
                for name in list(found.paths)[:_STABLE_SHOWN]
            ),
            candidates=found.candidates,
            most=found.plan.most,
            pairs=found.plan.pairs,
            failed_halves=found.failed,
            false_bound=found.false_bound,
            copies=found.plan.copies,
        )

    def _final_plan(self) -> FinalPlan:
        said = self.setting.plan.resampling
        return FinalPlan(
            horizons=self.setting.days.horizons,
            inner=said.inner_folds,
            refits=min(MOST_REFITS, said.bootstraps),
            imputations=said.imputations,
            seed=said.seed,
            level=self.setting.level,
            timed=not self.setting.binary,
            stratify=said.stratify,
        )

    def _final(self) -> tuple[FinalModelResult, FinalFit]:
        plan = self._final_plan()
        fitted = final_fit(
            self.planned,
            self.rows,
            self.outcome,
            endpoint=self.setting.given.plan.code,
            plan=plan,
            threads=self.setting.threads,
            progress=self.setting.stage("final model", self.planned.model.code),
        )
        terms = final_result(
            self.planned,
            fitted,
            self.nested,
            intervals=None if self.setting.binary else interval_outcome(self.setting.given),
            plan=plan,
            logged=[one.name for one in self.setting.data.columns if one.logged],
        )
        return terms, fitted

    def _instability(self, final: FinalFit) -> InstabilityResult:
        horizon = self.setting.horizon
        if horizon is None and not self.setting.binary:
            raise DataError("the plan has no horizon_days within follow-up")
        return instability_result(
            final,
            horizon=horizon,
            thresholds=self.setting.thresholds,
            asked=self._final_plan().refits,
            level=self.setting.level,
        )

    def _optimism(self) -> OptimismResult:
        said = self.setting.plan.resampling
        found = bootstrap_optimism(
            self.planned.candidate,
            self.rows,
            self.outcome,
            samples=min(MOST_OPTIMISM, said.bootstraps),
            inner=said.inner_folds,
            seed=said.seed,
            stratify=said.stratify,
            binary=self.setting.binary,
            threads=self.setting.threads,
            progress=self.setting.stage("optimism", self.planned.model.code),
        )
        return OptimismResult(
            apparent_concordance=found.concordance.apparent,
            corrected_concordance=found.concordance.corrected,
            apparent_slope=found.slope.apparent,
            corrected_slope=found.slope.corrected,
            samples=found.samples,
            failed=found.failed,
        )

    def _sites(self) -> SitesResult:
        said = self.setting.plan.resampling
        if not said.leave_site_out:
            raise DataError("the plan leaves no site out")
        found = leave_one_site_out(
            self.planned.candidate,
            self.rows,
            self.outcome,
            inner=said.inner_folds,
            seed=said.seed,
            stratify=said.stratify,
        )
        return sites_result(found, level=self.setting.level)

    def _subgroups(self) -> tuple[SubgroupLine, ...]:
        risks, rows = self._risks(), self.setting.given.rows
        if risks is None:
            return ()
        found: list[SubgroupLine] = []
        for by, labels in subgroup_labels(self.setting.data, rows).items():
            if len({one for one in labels if one}) < 2:
                continue
            known = np.array([one is not None for one in labels])
            groups = [one for one in labels if one is not None]
            found += [
                SubgroupLine(
                    by=by,
                    group=one.group,
                    participants=one.participants,
                    events=one.events,
                    concordance=estimated(one.concordance),
                    observed_over_expected=estimated(one.observed_over_expected),
                    brier=None if one.brier is None else estimated(one.brier),
                )
                for one in self._by_group(risks, known, groups)
            ]
        return tuple(found)

    def _by_group(
        self, risks: np.ndarray, known: np.ndarray, groups: list[str]
    ) -> tuple[SubgroupPerformance, ...]:
        outcome, horizon = self.outcome, self.setting.horizon
        if horizon is None:
            return binary_performance_by_subgroup(outcome.event[known], risks[known], groups=groups)
        part = RightCensored(time=outcome.time[known], event=outcome.event[known])
        return performance_by_subgroup(part, 1.0 - risks[known], groups=groups, horizon=horizon)
