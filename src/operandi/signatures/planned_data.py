"""From a source and a plan to what is analyzed.

Predictors are gathered first, and can be looked at without any outcome (``planned_predictors``).
Outcomes are joined after that, and columns that follow them too closely are refused.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from operandi.domain.identity import Pseudonym
from operandi.quantities.errors import DataError
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.plan_format import (
    AnalysisPlan,
    ChangePredictor,
    FeaturesPredictor,
    MeasuredPredictor,
    RecordedPredictor,
    SuppliedPredictor,
)
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.preparation.suspicion import Suspicion, refuse_suspicious, suspicions
from operandi.signatures.source import AnalysisSource
from operandi.signatures.supplied_table import plain_number, table_values
from operandi.signatures.tables import EndpointData, PlannedColumn, PlannedData
from operandi.signatures.tables_of.column import GatheredColumn
from operandi.signatures.tables_of.measured import (
    MeasuredTable,
    change_columns,
    feature_columns,
    measured_columns,
    measured_table,
)
from operandi.signatures.tables_of.outcomes import Cohort, planned_endpoint
from operandi.signatures.tables_of.people import AnalyzedPerson, AnalyzedPopulation, population_of
from operandi.signatures.tables_of.recorded import recorded_column
from operandi.signatures.tables_of.sizes import tumor_sizes
from operandi.signatures.tables_of.supplied import supplied_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedPredictors:
    """Predictors of a population at time zero, before any outcome is looked at.

    Parameters
    ----------
    population : AnalyzedPopulation
    predictors : Predictors
    columns : tuple of PlannedColumn
    repeatability : dict
        For ``planned_chain``.
    notes : tuple of str
    """

    population: AnalyzedPopulation
    predictors: Predictors
    columns: tuple[PlannedColumn, ...]
    repeatability: dict[str, dict[str, float]]
    notes: tuple[str, ...]


def planned_data(plan: AnalysisPlan, source: AnalysisSource) -> PlannedData:
    """Gather predictors and outcomes as a plan says.

    Raises
    ------
    LeakError
        If a predictor is known only after time zero, or follows time, event or site and the plan
        does not explain it.
    DataError
        If the tables do not hold what the plan needs, naming its key, and rows.
    """
    gathered = planned_predictors(plan, source)
    people = gathered.population.people
    cohort = Cohort(plan=plan, source=source, people=people, scanned=_scanned(plan, gathered))
    endpoints = {one.code: planned_endpoint(one, cohort) for one in plan.endpoint}
    found = _suspicions(gathered.predictors, endpoints.values())
    refuse_suspicious(found, explained=frozenset(plan.explained))
    return PlannedData(
        predictors=gathered.predictors,
        columns=gathered.columns,
        endpoints=endpoints,
        sex=tuple(one.sex for one in people),
        age=tuple(one.age for one in people),
        flow=gathered.population.flow,
        suspicions=found,
        notes=(*gathered.notes, *_coded(plan, gathered, endpoints)),
        repeatability=gathered.repeatability,
        freeze=source.freeze,
        files=source.files,
        treated=_treated(source),
        sizes={} if source.records is None else tumor_sizes(source.records, plan.primary()),
    )


def _treated(source: AnalysisSource) -> int:
    records = source.records
    if records is None:
        return 0
    return sum(records.cycle(one.pseudonym, 1) is not None for one in records.participants)


def planned_predictors(plan: AnalysisPlan, source: AnalysisSource) -> PlannedPredictors:
    """Gather predictors as a plan says, without a look at outcomes.

    Raises
    ------
    LeakError, DataError
        As ``planned_data``; what is wrong with several predictors is said at once.
    """
    population = population_of(plan, source)
    columns = _columns(plan, source, population.people)
    values = np.array(
        [
            [math.nan if cell.value is None else cell.value for cell in column.cells]
            for column in columns
        ]
    ).T
    notes = [*source.notes, *population.notes]
    for column in columns:
        notes += column.notes
    return PlannedPredictors(
        population=population,
        predictors=Predictors(
            values=np.ascontiguousarray(values),
            names=tuple(one.name for one in columns),
            blocks=tuple(one.block for one in columns),
            participants=tuple(one.participant for one in population.people),
            sites=tuple(one.site for one in population.people),
        ),
        columns=tuple(one.told() for one in columns),
        repeatability=_repeatability(plan, source),
        notes=tuple(dict.fromkeys(notes)),
    )


def _columns(
    plan: AnalysisPlan, source: AnalysisSource, people: Sequence[AnalyzedPerson]
) -> list[GatheredColumn]:
    columns: list[GatheredColumn] = []
    refused: list[DataError] = []
    table: MeasuredTable | None = None
    if plan.measured or plan.features:
        table = measured_table(source, plan.timing, key="measured")
    for _, one in plan.predictors():
        try:
            columns += _of(one, plan, source, people, table)
        except DataError as refusal:
            refused.append(refusal)
    if refused:
        leaks = any(isinstance(one, LeakError) for one in refused)
        raise (LeakError if leaks else DataError)(
            "\n".join(one.what for one in refused),
            remedy=" ".join(dict.fromkeys(one.remedy for one in refused if one.remedy)),
        )
    return columns


def _of(
    one: MeasuredPredictor
    | RecordedPredictor
    | FeaturesPredictor
    | SuppliedPredictor
    | ChangePredictor,
    plan: AnalysisPlan,
    source: AnalysisSource,
    people: Sequence[AnalyzedPerson],
    table: MeasuredTable | None,
) -> tuple[GatheredColumn, ...]:
    if isinstance(one, SuppliedPredictor):
        return supplied_columns(one, people, source, landmark=plan.timing.landmark)
    assert source.records is not None  # noqa: S101 - read_analysis_source sees to it
    if isinstance(one, RecordedPredictor):
        return (recorded_column(one, people, source.records),)
    assert table is not None  # noqa: S101 - made where the plan measures anything
    if isinstance(one, MeasuredPredictor):
        return measured_columns(one, people, table)
    if isinstance(one, FeaturesPredictor):
        return feature_columns(one, people, table)
    of = next(each for each in plan.measured if each.code == one.of)
    return change_columns(one, of, people, table)


def _repeatability(plan: AnalysisPlan, source: AnalysisSource) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for one in plan.preparation:
        if one.table is None or one.table not in source.supplied:
            continue
        values = {}
        for name, cell in table_values(source.supplied[one.table]):
            try:
                values[name] = plain_number(cell)
            except ValueError:
                raise DataError(
                    f"table[{one.table}]: the repeatability of {name} is {cell!r}, no number.",
                    remedy="Correct the cell, or leave it empty.",
                ) from None
        found[one.table] = values
    return found


def _scanned(plan: AnalysisPlan, gathered: PlannedPredictors) -> dict[Pseudonym, bool]:
    """Of a cohort without records: who has a value of the landmark's visit."""
    at = {one.code for one in plan.supplied if one.at == plan.timing.landmark}
    columns = [place for place, one in enumerate(gathered.columns) if one.predictor in at]
    if not columns:
        return {}
    known = [bool(row.any()) for row in ~np.isnan(gathered.predictors.values[:, columns])]
    return dict(zip(gathered.predictors.participants, known, strict=True))


def _suspicions(predictors: Predictors, endpoints: Iterable[EndpointData]) -> tuple[Suspicion, ...]:
    """The strongest of each column over all endpoints."""
    strongest: dict[str, Suspicion] = {}
    for one in endpoints:
        outcome = one.times
        if one.value is not None:
            # Of a yes or no only the event can be followed: all times are the same.
            outcome = RightCensored(time=np.ones(one.rows.size), event=one.value)
        if outcome is None:
            continue
        part = Predictors(
            values=predictors.values[one.rows],
            names=predictors.names,
            blocks=predictors.blocks,
            participants=tuple(predictors.participants[row] for row in one.rows),
            sites=tuple(predictors.sites[row] for row in one.rows),
        )
        for found in suspicions(part, outcome):
            before = strongest.get(found.name)
            if before is None or found.strength > before.strength:
                strongest[found.name] = found
    return tuple(strongest[name] for name in predictors.names if name in strongest)


def _coded(
    plan: AnalysisPlan, gathered: PlannedPredictors, endpoints: dict[str, EndpointData]
) -> Iterator[str]:
    """Values at the landmark of who had left by then: they were coded, and do not count."""
    landmark = plan.timing.landmark
    if landmark is None:
        return
    late = {one.code for _, one in plan.predictors() if getattr(one, "at", None) == landmark}
    late |= {one.code for one in plan.change if one.to == landmark}
    gone = _gone(endpoints[plan.primary().code])
    rows = [at for at, who in enumerate(gathered.predictors.participants) if who in gone]
    for at, column in enumerate(gathered.columns):
        values = gathered.predictors.values[rows, at]
        values = values[~np.isnan(values)]
        if column.predictor in late and values.size:
            same = f", all {values[0]:g}" if values.size > 1 and np.ptp(values) == 0.0 else ""
            yield (
                f"{column.name}: {values.size} of {len(rows)} participants who had the event or "
                f"left by the landmark have a value of {landmark}{same}; they are left out, and "
                "the value counts for nobody."
            )


def _gone(one: EndpointData) -> set[Pseudonym]:
    reasons = {"event_on_or_before_landmark", "censored_on_or_before_landmark"}
    return {
        who
        for step in one.flow
        for left in step.left_out
        if left.reason in reasons
        for who in left.participants
    }
