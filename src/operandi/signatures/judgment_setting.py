"""An endpoint of a plan with all that its models share: folds, samples, days, threads."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from operandi.signatures.data import RightCensored
from operandi.signatures.metrics.estimate import BootstrapPlan
from operandi.signatures.performance import JudgedDays, judged_days
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.planned_outcomes import learned_outcome
from operandi.signatures.preparation.chain import PreparationChain
from operandi.signatures.resampling.folds import Resampling
from operandi.signatures.tables import EndpointData, PlannedData

MOST_REFITS: Final = 100
MOST_OPTIMISM: Final = 200
MOST_CALIBRATION: Final = 200
MOST_CURVE_DRAWS: Final = 100
"""Bootstrap samples where each is a whole analysis, or a band that is only drawn: at most so many
of the plan's."""
Tell = Callable[[str, int, int], None]
"""Called with a title, how many are done, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """An endpoint of the plan, with all that its models share.

    Parameters
    ----------
    plan : AnalysisPlan
    data : PlannedData
    given : EndpointData
    chain : PreparationChain
    label : str
        Confirmatory or exploratory.
    threads : int
    tell : callable
    repeats : int or None
        Of nested cross-validation; None for those of the plan.
    """

    plan: AnalysisPlan
    data: PlannedData
    given: EndpointData
    chain: PreparationChain
    label: str
    threads: int
    tell: Tell
    repeats: int | None = None

    @property
    def outcome(self) -> RightCensored:
        """What models are fitted to."""
        return learned_outcome(self.given)

    @property
    def binary(self) -> bool:
        """Whether the endpoint is yes or no."""
        return self.given.plan.binary

    @property
    def events(self) -> int:
        """Events; of yes/no the rarer answer."""
        events = self.outcome.events
        return min(events, self.outcome.time.size - events) if self.binary else events

    @property
    def level(self) -> float:
        """Of intervals."""
        return self.plan.verdict.confidence

    @property
    def resampling(self) -> Resampling:
        """Folds and repeats."""
        said = self.plan.resampling
        return Resampling(
            repeats=self.repeats or said.repeats,
            outer=said.folds,
            inner=said.inner_folds,
            seed=said.seed,
            stratify=said.stratify,
        )

    @property
    def bootstrap(self) -> BootstrapPlan:
        """Samples that all models share."""
        said = self.plan.resampling
        return BootstrapPlan(seed=said.seed, repeats=said.bootstraps, level=self.level)

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Of the decision curve."""
        return self.plan.decision.thresholds if self.plan.decision else ()

    @property
    def days(self) -> JudgedDays:
        """On which predictions are judged; none of a yes/no endpoint."""
        horizons = () if self.binary else self.given.plan.horizon_days
        decision = None
        if self.plan.decision and not self.binary:
            decision = self.plan.decision.horizon_days
        return judged_days(
            self.outcome, horizons=horizons, decision=decision, thresholds=self.thresholds
        )

    @property
    def horizon(self) -> float | None:
        """Day of predicted risks: that of decisions, else the last one judged."""
        days = self.days
        if days.decision is not None:
            return days.decision
        return days.horizons[-1] if days.horizons else None

    def stage(self, what: str, model: str) -> Callable[[int, int], None]:
        """What moves a bar of its own."""
        title = f"{what}, {model} on {self.given.plan.code}"
        return lambda done, total: self.tell(title, done, total)
