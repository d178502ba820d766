"""What an analysis found of each model, as plain data."""

from dataclasses import dataclass
from typing import Final

from operandi.signatures.results_cohort import Estimated, SurvivalCurve, Values

_SLOPE_OPEN: Final = 2.0
"""Twice from none (0) to right (1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """A metric of predictions for participants on whom nothing was fitted.

    Parameters
    ----------
    metric : str
        ``harrell_c``, ``uno_c``, ``auc``, ``brier``, ``integrated_brier``, ``slope``,
        ``observed_over_expected``, ``ici``; of ``net_benefit`` see ``DecisionResult``.
    horizon_days : float or None
        None where it has none.
    estimate : Estimated
    higher_is_better : bool or None
        None where neither is (slope: 1 is right).
    """

    metric: str
    horizon_days: float | None
    estimate: Estimated
    higher_is_better: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPoint:
    """Participants of similar predicted risk, with their observed one."""

    predicted: float
    observed: float
    low: float
    high: float
    participants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationResult:
    """Predicted beside observed risks at a day.

    Parameters
    ----------
    horizon_days : float or None
        None of a binary endpoint.
    slope, intercept, observed_over_expected, ici, e50, e90 : Estimated
        ``intercept`` of binary endpoints alone; ``e50`` and ``e90`` have no interval.
    predicted, observed, low, high : (k,) float
        Smooth curve and band, which holds predictions as they are; empty with ``ici.reason`` where
        it could not be fitted.
    groups : tuple of CalibrationPoint
    risks : (n,) float
        Of each participant, for the marks on the axis.
    """

    horizon_days: float | None
    slope: Estimated
    intercept: Estimated
    observed_over_expected: Estimated
    ici: Estimated
    e50: Estimated
    e90: Estimated
    predicted: Values
    observed: Values
    low: Values
    high: Values
    groups: tuple[CalibrationPoint, ...]
    risks: Values

    @property
    def slope_is_open(self) -> bool:
        """Whether even a right slope of 1 could not be told from none: its interval is over 2 wide.

        The error of a slope is about 1 over the standard deviation of the linear predictor times
        the square root of the events: it is large where predictions are nearly flat, or events few.
        What smaller cohorts learn differently comes on top.
        """
        low, high = self.slope.low, self.slope.high
        return low is not None and high is not None and high - low > _SLOPE_OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionResult:
    """A decision curve; treating nobody has net benefit 0.

    Parameters
    ----------
    horizon_days : float or None
    thresholds, net_benefit, treat_all : (k,) float
    low, high : (k,) float
        Limits of ``net_benefit``, what was learned included; empty where there are none.
    uncertain : tuple of bool, (k,)
        Where those acted on were not followed to the horizon.
    """

    horizon_days: float | None
    thresholds: Values
    net_benefit: Values
    treat_all: Values
    low: Values = ()
    high: Values = ()
    uncertain: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutationResult:
    """An observed concordance (AUC of a binary endpoint) beside what chance gives.

    Parameters
    ----------
    observed : float
    null : (b,) float
    p_value : float
        (1 + as large) / (1 + all).
    kept_blocks : tuple of str
        Columns that stayed beside the outcome: the null is then "nothing beyond them".
    """

    observed: float
    null: Values
    p_value: float
    kept_blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityPath:
    """Share of the halves that had a column among their first 1, 2 ... columns."""

    name: str
    probability: float
    path: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityResult:
    """How often columns came back on complementary halves.

    Parameters
    ----------
    threshold : float
    stable : tuple of str
    paths : tuple of StabilityPath
        The most often selected first; at most 30.
    candidates, most, pairs, failed_halves : int
        ``most``: columns a half selects at most.
    false_bound : float or None
        On the expected number of columns selected by chance; None where no theorem gives one.
    copies : int
        Shuffled copies of each candidate that it had to enter before: where they are too few to
        select among. Else 0.
    """

    threshold: float
    stable: tuple[str, ...]
    paths: tuple[StabilityPath, ...]
    candidates: int
    most: int
    pairs: int
    failed_halves: int
    false_bound: float | None
    copies: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimismResult:
    """Concordance and slope on the rows learned from, and what is left of them on others."""

    apparent_concordance: float
    corrected_concordance: float
    apparent_slope: float
    corrected_slope: float
    samples: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLine:
    """A site left out of learning, and what was foretold there."""

    site: str
    participants: int
    events: int
    concordance: Estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class SitesResult:
    """Every site left out once, pooled by random effects.

    Parameters
    ----------
    sites : tuple of SiteLine
    pooled : Estimated
    predicted_low, predicted_high : float or None
        Where a new site would lie.
    i_squared : float or None
    """

    sites: tuple[SiteLine, ...]
    pooled: Estimated
    predicted_low: float | None = None
    predicted_high: float | None = None
    i_squared: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupLine:
    """Predictions in a subgroup (fairness).

    ``by`` is ``"sex"`` or ``"age"``. Of a yes/no endpoint ``concordance`` is the AUC, and there is
    a Brier score.
    """

    by: str
    group: str
    participants: int
    events: int
    concordance: Estimated
    observed_over_expected: Estimated
    brier: Estimated | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskGroup:
    """Participants by out-of-fold predicted risk, with what happened to them.

    Parameters
    ----------
    curve : SurvivalCurve
    restricted_mean : Estimated
        Event-free days within ``horizon_days``.
    horizon_days : float
    """

    curve: SurvivalCurve
    restricted_mean: Estimated
    horizon_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InstabilityRow:
    """A participant's risk by the final model, and its range over refits.

    Parameters
    ----------
    participant : str
        Pseudonym.
    risk, low, high : float
    mean_difference : float
        Mean absolute difference of refits from ``risk``.
    changed_class : (k,) float
        Share of refits on the other side of each threshold.
    """

    participant: str
    risk: float
    low: float
    high: float
    mean_difference: float
    changed_class: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class InstabilityResult:
    """How far predictions move when the whole model is built anew on bootstrap samples.

    Parameters
    ----------
    horizon_days : float or None
    thresholds : (k,) float
    refits, failed : int
    average : float
        Mean absolute difference over participants.
    rows : tuple of InstabilityRow
    """

    horizon_days: float | None
    thresholds: Values
    refits: int
    failed: int
    average: float
    rows: tuple[InstabilityRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalTerm:
    """A term of a final model, fitted to everybody.

    Parameters
    ----------
    name, block : str
        Column after preparation.
    coefficient : float
        Log hazard ratio (log odds ratio) a unit of the prepared column; the mean over imputations,
        of which those that did not select the column count as 0.
    ratio : Estimated
        Its exponential; intervals of unpenalized models alone, else ``reason``, by the larger of
        the errors of the inverse information and of the sandwich. Pooled over imputations by
        Rubin's rules where values were drawn.
    selected_share : float or None
        Share of the outer fits with a coefficient; None for what is in every fit by design.
    unpenalized : bool
    interval_ratio : Estimated
        The same under interval censoring (Weibull baseline), for comparison.
    logged : bool
        Whether the column is the natural logarithm of what was measured.
    imputed_share : float
        Share of the imputations of everybody in whose fit it has a coefficient.
    """

    name: str
    block: str
    coefficient: float
    ratio: Estimated
    selected_share: float | None
    unpenalized: bool
    interval_ratio: Estimated
    logged: bool = False
    imputed_share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedColumn:
    """A column of the plan that preparation left out of the final model, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalModelResult:
    """A model fitted to everybody with the plan's recipe.

    Parameters
    ----------
    terms : tuple of FinalTerm
        With a coefficient other than 0.
    candidates : int
        Columns that could have had one.
    penalty : float or None
        The median over imputations.
    imputations : int
        Fits whose mean the final model is; 1 where nothing is drawn.
    interval_slope : Estimated
        Coefficient of the final linear predictor, without ``spread``, under interval censoring
        (Weibull baseline), on the participants it was fitted to: near 1 where right ends do no
        harm. Without an interval, which would take the predictor as known.
    dropped : tuple of DroppedColumn
        Columns that could not have had a coefficient, as preparation left them out.
    spread : float or None
        Factor of the inner folds by which coefficients were multiplied, the median of imputations;
        ratios with an interval are without it. None where they are as fitted.
    """

    terms: tuple[FinalTerm, ...]
    candidates: int
    penalty: float | None
    imputations: int
    interval_slope: Estimated
    dropped: tuple[DroppedColumn, ...] = ()
    spread: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedFit:
    """A fold without a fit; its rows were foretold nothing."""

    repeat: int
    fold: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedShare:
    """Share of the outer fits in which a column had a coefficient."""

    name: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedRow:
    """What was foretold of a participant out of fold, beside what happened.

    Pairs of a concordance are those of one fold of one repeat: ``predictors`` of other fits are on
    other scales, and so is their mean.

    Parameters
    ----------
    participant, site : str
    predictor : float
        Log relative hazard (log odds), mean over repeats.
    predictors : (r,) float
        That of each repeat.
    folds : tuple of int, (r,)
        The outer fold, from 0, in which the participant was left out.
    risk : float or None
        Of the event by the horizon, mean over repeats.
    day : float or None
        Of event or end of follow-up; None of a binary endpoint.
    event : bool
    """

    participant: str
    site: str
    predictor: float
    risk: float | None
    day: float | None
    event: bool
    predictors: Values
    folds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResult:
    """A model of the plan on an endpoint.

    Parameters
    ----------
    endpoint, model, title, role, kind, source : str
        As of the plan.
    label : {"confirmatory", "exploratory"}
    reason : str
        Why there is nothing further; else empty.
    columns : int
        Predictors that it may use.
    metrics : tuple of MetricResult
    concordance_by_repeat : tuple of float
        Harrell's C (AUC) of each repeat: their spread is that of the folds, no sampling error.
    permutation ... final : or None
        None where they do not apply, or with a line in ``absent``.
    absent : tuple of str
        What could not be done, and why.
    failed : tuple of FailedFit
    selected : tuple of SelectedShare
        The most often selected first; at most 50.
    predictions : tuple of PredictedRow
    """

    endpoint: str
    model: str
    title: str
    role: str
    kind: str
    source: str
    label: str
    reason: str
    columns: int
    metrics: tuple[MetricResult, ...] = ()
    concordance_by_repeat: Values = ()
    permutation: PermutationResult | None = None
    stability: StabilityResult | None = None
    optimism: OptimismResult | None = None
    calibration: CalibrationResult | None = None
    decision: DecisionResult | None = None
    sites: SitesResult | None = None
    subgroups: tuple[SubgroupLine, ...] = ()
    risk_groups: tuple[RiskGroup, ...] = ()
    risk_groups_p: float | None = None
    instability: InstabilityResult | None = None
    final: FinalModelResult | None = None
    absent: tuple[str, ...] = ()
    failed: tuple[FailedFit, ...] = ()
    selected: tuple[SelectedShare, ...] = ()
    predictions: tuple[PredictedRow, ...] = ()

    def metric(self, name: str) -> MetricResult | None:
        """The metric of a name; None where it was not judged."""
        return next((one for one in self.metrics if one.metric == name), None)
