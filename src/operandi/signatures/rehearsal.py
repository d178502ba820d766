"""A plan tried on one cohort: the verdict on each model, less what no rule of the verdict needs.

What ``analysis.analyze`` does of the primary endpoint without final models, optimism, sites,
subgroups and cards: for many simulated cohorts, one after another.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from operandi.domain.identity import Pseudonym
from operandi.signatures.analysis import adjusted_p_values, compared
from operandi.signatures.data import Floats, IntervalCensored, RightCensored
from operandi.signatures.judgment import JudgedModel, judge_model
from operandi.signatures.judgment_setting import Setting, Tell
from operandi.signatures.plan_format import (
    CONFIRMATORY,
    AnalysisPlan,
    PlannedComparison,
)
from operandi.signatures.preparation.planned import planned_chain
from operandi.signatures.resampling.folds import generator_of
from operandi.signatures.results import ComparisonResult, VerdictResult
from operandi.signatures.supplied_table import SuppliedRow, SuppliedRows
from operandi.signatures.tables import EndpointData, PlannedData
from operandi.signatures.verdict import verdict_of

_DEALT = 21
"""Names the stream by which outcomes are dealt anew; those of resampling are below 20."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RehearsedModel:
    """A model of the ladder in one cohort.

    Parameters
    ----------
    judged : JudgedModel
    verdict : VerdictResult
    """

    judged: JudgedModel
    verdict: VerdictResult

    @property
    def concordance(self) -> float | None:
        """Nested C; AUC of a yes or no."""
        result = self.judged.result
        metric = result.metric("harrell_c") or result.metric("auc")
        return None if metric is None else metric.estimate.value

    @property
    def rules(self) -> dict[str, bool | None]:
        """Whether each rule of the plan holds, by name."""
        return {one.rule: one.holds for one in self.verdict.rules}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rehearsal:
    """What a plan says of one cohort.

    Parameters
    ----------
    participants : tuple of Pseudonym
        Who has the primary endpoint, in the order of the outcome.
    outcome : RightCensored
        What models are fitted to.
    events : int
        Of yes or no the rarer answer.
    models : mapping of str to RehearsedModel
        By code, of those that bear a verdict.
    """

    participants: tuple[Pseudonym, ...]
    outcome: RightCensored
    events: int
    models: Mapping[str, RehearsedModel]


def rehearse(
    plan: AnalysisPlan,
    data: PlannedData,
    *,
    judged: Collection[str],
    threads: int = 1,
    tell: Tell | None = None,
) -> Rehearsal:
    """Judge models by all rules of a plan, on its primary endpoint.

    Parameters
    ----------
    plan : AnalysisPlan
        Its models are all judged, but only *judged* ones are permuted and have a verdict.
    data : PlannedData
    judged : collection of str
        Codes of the ladder.
    threads : int
        The result does not depend on it.
    tell : callable, optional

    Raises
    ------
    LeakError
        If anything would be judged on rows that it has learned from.
    """
    given = data.endpoints[plan.primary().code]
    setting = Setting(
        plan=plan,
        data=data,
        given=given,
        chain=planned_chain(plan, repeatability=data.repeatability),
        label=CONFIRMATORY,
        threads=max(1, threads),
        tell=tell or (lambda title, done, total: None),
    )
    found = {
        model.code: judge_model(setting, model, depth="performance", tested=model.code in judged)
        for model in plan.model
    }
    gains = _gains(plan, judged, found, setting)
    return Rehearsal(
        participants=tuple(data.predictors.participants[row] for row in given.rows),
        outcome=setting.outcome,
        events=setting.events,
        models={
            code: RehearsedModel(
                judged=found[code],
                verdict=verdict_of(
                    plan,
                    found[code].result,
                    events=setting.events,
                    gain=gains.get(code),
                    standing=CONFIRMATORY,
                ),
            )
            for code in judged
        },
    )


def _gains(
    plan: AnalysisPlan, judged: Collection[str], found: Mapping[str, JudgedModel], setting: Setting
) -> dict[str, ComparisonResult]:
    """Over each model's reference: that of the plan's first comparison of it, else M0.

    The plan's comparisons have their p adjusted for all of them.
    """
    primary, first = plan.primary().code, plan.ladder()[0].code

    def held(asked: PlannedComparison) -> ComparisonResult:
        mine, other = found.get(asked.model), found.get(asked.against)
        return compared(asked, mine, other, setting, label=CONFIRMATORY)

    planned = [held(one) for one in plan.comparison if one.endpoint == primary]
    adjusted = adjusted_p_values(plan, [one.p_value for one in planned])
    gains: dict[str, ComparisonResult] = {}
    for one, p in zip(planned, adjusted, strict=True):
        gains.setdefault(one.model, replace(one, adjusted_p=p))
    for code in judged:
        if code != first and code not in gains:
            asked = PlannedComparison(
                model=code,
                against=first,
                endpoint=primary,
                metric="auc" if setting.binary else "harrell_c",
            )
            gains[code] = held(asked)
    return gains


def dealt_anew(data: PlannedData, *, endpoint: str, seed: int, number: int) -> PlannedData:
    """Deal outcomes anew, so that no column tells anything of them.

    All columns of a participant move together, with the site; only among those who have the
    endpoint.

    Parameters
    ----------
    data : PlannedData
    endpoint : str
        Code.
    seed, number : int
        Name the order in which they are dealt.
    """
    rows = data.endpoints[endpoint].rows
    order = np.arange(len(data.predictors.participants))
    order[rows] = generator_of(seed, _DEALT, number).permutation(rows)
    given = data.predictors
    return replace(
        data,
        predictors=replace(
            given,
            values=np.ascontiguousarray(given.values[order]),
            sites=tuple(given.sites[row] for row in order),
        ),
    )


def of_participants(data: PlannedData, kept: Collection[Pseudonym]) -> PlannedData:
    """Only some participants: a smaller trial.

    Raises
    ------
    DataError
        If none of them has an endpoint.
    """
    asked = frozenset(kept)
    rows = np.array(
        [row for row, who in enumerate(data.predictors.participants) if who in asked], dtype=np.intp
    )
    given = data.predictors
    return replace(
        data,
        predictors=replace(
            given,
            values=np.ascontiguousarray(given.values[rows]),
            participants=tuple(given.participants[row] for row in rows),
            sites=tuple(given.sites[row] for row in rows),
        ),
        endpoints={code: _at(one, rows) for code, one in data.endpoints.items()},
        sex=tuple(data.sex[row] for row in rows),
        age=tuple(data.age[row] for row in rows),
    )


def _at(one: EndpointData, rows: np.ndarray) -> EndpointData:
    at = np.flatnonzero(np.isin(one.rows, rows))
    intervals, times = one.intervals, one.times
    if intervals is not None:
        intervals = IntervalCensored(left=intervals.left[at], right=intervals.right[at])
    if times is not None:
        times = RightCensored(time=times.time[at], event=times.event[at])
    return replace(
        one,
        rows=np.searchsorted(rows, one.rows[at]),
        intervals=intervals,
        times=times,
        value=None if one.value is None else one.value[at],
    )


def made_table(
    code: str, *, columns: Sequence[str], participants: Sequence[Pseudonym], values: Floats
) -> SuppliedRows:
    """A supplied table of numbers that were made, of participants in order.

    Parameters
    ----------
    code : str
        In the plan.
    columns : sequence of str
    participants : sequence of Pseudonym
    values : (n, p) float
        NaN where nothing is known.
    """
    return SuppliedRows(
        code=code,
        columns=tuple(columns),
        rows={
            who: SuppliedRow(
                participant=who,
                site="",
                place=f"simulated, row {row + 1}",
                cells={
                    name: repr(value)
                    for name, value in zip(columns, values[row].tolist(), strict=True)
                    if value == value  # noqa: PLR0124 - NaN says nothing
                },
            )
            for row, who in enumerate(participants)
        },
    )
