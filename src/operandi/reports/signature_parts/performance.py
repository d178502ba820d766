"""How well each model foretells participants it never saw, and how much better than others."""

from collections.abc import Sequence

from operandi.reports.charts import Axis, Words
from operandi.reports.signature_charts import ForestRow, forest_chart
from operandi.reports.signature_parts.layout import (
    ABSENT,
    Listing,
    Numbers,
    Part,
    Plot,
    Reasons,
    a_listing,
    counted,
    fixed,
    named,
    of_estimate,
    on_day,
    p_text,
)
from operandi.reports.signature_parts.metric_names import (
    MEANINGS,
    RANKS,
    first_concordance,
    metric_at,
    metric_digits,
    metric_title,
    metrics_of,
)
from operandi.signatures.results import AnalysisResult, ComparisonResult
from operandi.signatures.results_models import ModelResult

_BETTER = {True: "yes", False: "no", None: ABSENT}
_MOST_IN_FOREST = 30
_KINDS = {"discrimination": "discrimination", "errors": "errors of predicted risks"}


def performance_part(result: AnalysisResult) -> Part:
    """Metrics of every model on the primary endpoint, then on the others."""
    models = result.of_endpoint(result.primary)
    if not models:
        return Part(
            anchor="performance",
            title="Models",
            paragraphs=("No model was judged on the primary endpoint.",),
        )
    others = tuple(
        _of_endpoint(result, one.code)
        for one in result.endpoints
        if one.code != result.primary and result.of_endpoint(one.code)
    )
    done = result.resampling
    return Part(
        anchor="performance",
        title="Models",
        paragraphs=(
            f"All models in the same {done.repeats} times {done.folds} folds; every participant "
            "is foretold by models that never saw them.",
        ),
        plots=_forest(models, endpoint=result.primary, level=result.level),
        listings=_listings(models, endpoint=result.primary),
        notes=(*MEANINGS, *_shortfalls(models)),
        within=others,
    )


def comparisons_part(result: AnalysisResult) -> Part:
    """Gains over reference models: the plan's, which alone are tested, then the others."""
    planned = [one for one in result.comparisons if one.planned]
    tested = {_of_what(one) for one in planned}
    others = [one for one in result.comparisons if not one.planned and _of_what(one) not in tested]
    listings = [
        _comparisons(found, file=file, caption=caption)
        for found, file, caption in (
            (planned, "comparisons-planned.csv", "Comparisons of the plan"),
            (others, "comparisons-others.csv", "Further differences, not tested"),
        )
        if found
    ]
    plot = _gains([one for one in (*planned, *others) if one.metric == "harrell_c"])
    return Part(
        anchor="comparisons",
        title="Gains over simpler models",
        paragraphs=(result.multiplicity,) if planned else ("The plan has no comparison.",),
        plots=plot,
        listings=tuple(listings),
    )


def _listings(models: Sequence[ModelResult], *, endpoint: str) -> tuple[Listing, ...]:
    """Discrimination, and errors of the risks themselves: one table of both is wider than paper."""
    metrics = metrics_of(models)
    parted = (
        ("discrimination", [one for one in metrics if one[0] in RANKS]),
        ("errors", [one for one in metrics if one[0] not in RANKS]),
    )
    return tuple(
        _metrics(models, found, endpoint=endpoint, kind=kind) for kind, found in parted if found
    )


def _metrics(
    models: Sequence[ModelResult],
    metrics: Sequence[tuple[str, float | None]],
    *,
    endpoint: str,
    kind: str,
) -> Listing:
    """A row for each model and a column for each metric."""
    reasons = Reasons()
    rows = []
    numbers: list[Numbers] = []
    for model in models:
        row = [
            f"{model.model}{reasons.mark(model.reason)}\n{model.title}".rstrip(),
            f"{model.role}\n{model.label}",
        ]
        for metric, horizon in metrics:
            found = metric_at(model, metric, horizon)
            estimate = None if found is None else found.estimate
            row.append(reasons.shown(estimate, digits=metric_digits(metric)))
            if found is not None:
                numbers.append((model.model, metric, horizon, *of_estimate(found.estimate)))
        rows.append(tuple(row))
    titles = [metric_title(metric, horizon_days=horizon) for metric, horizon in metrics]
    return a_listing(
        named("metrics", endpoint, kind),
        caption=f"Performance on {endpoint}: {_KINDS[kind]}",
        columns=("Model", "Role", *titles),
        rows=rows,
        of_words=("Role",),
        header=("model", "metric", "horizon days", "value", "low", "high", "reason"),
        numbers=numbers,
        notes=reasons.notes(),
    )


def _of_endpoint(result: AnalysisResult, endpoint: str) -> Part:
    models = result.of_endpoint(endpoint)
    return Part(
        anchor=f"performance-{endpoint}",
        title=f"On {endpoint}",
        plots=_forest(models, endpoint=endpoint, level=result.level),
        listings=_listings(models, endpoint=endpoint),
        notes=_shortfalls(models),
    )


def _forest(models: Sequence[ModelResult], *, endpoint: str, level: float) -> tuple[Plot, ...]:
    rows = []
    for model in models:
        metric = first_concordance(model)
        if metric is None:
            continue
        estimate = metric.estimate
        rows.append(
            ForestRow(
                name=f"{model.model} ({model.role})",
                value=estimate.value,
                low=estimate.low,
                high=estimate.high,
                note=estimate.reason,
            )
        )
    if all(row.value is None for row in rows):
        return ()
    title = next(m.metric for model in models if (m := first_concordance(model)) is not None)
    name = metric_title(title)
    return (
        Plot(
            file=named("discrimination", endpoint),
            chart=forest_chart(
                rows[:_MOST_IN_FOREST],
                words=Words(
                    title=f"{endpoint}: {name} of every model.",
                    caption=f"With {100.0 * level:g} % intervals; 0.5 is chance.",
                    alt=f"{name} of {len(rows)} models on {endpoint} with intervals.",
                ),
                x=Axis(title=name),
                reference=0.5,
            ),
        ),
    )


def _shortfalls(models: Sequence[ModelResult]) -> tuple[str, ...]:
    told: dict[str, list[str]] = {}
    for model in models:
        for line in (*model.absent, *_failures(model)):
            told.setdefault(line, []).append(model.model)
    return tuple(f"{', '.join(codes)}: {line}" for line, codes in told.items())


def _failures(model: ModelResult) -> tuple[str, ...]:
    if not model.failed:
        return ()
    first = model.failed[0]
    return (
        f"{counted(len(model.failed), 'fold')} without a fit, the first in repeat "
        f"{first.repeat}, fold {first.fold}: {first.reason}",
    )


def _comparisons(found: Sequence[ComparisonResult], *, file: str, caption: str) -> Listing:
    reasons = Reasons()
    tested = any(one.planned for one in found)
    tests = ("p", "Adjusted p", "Better") if tested else ()
    return a_listing(
        file,
        caption=caption,
        columns=("Comparison", "Endpoint", "Metric", "Difference", *tests),
        rows=[
            (
                f"{one.model} less {one.against}",
                f"{one.endpoint}\n{one.label}",
                _metric(one),
                reasons.shown(one.difference, digits=3, signed=True),
                *(_tested(one) if tested else ()),
            )
            for one in found
        ],
        of_words=("Endpoint", "Metric"),
        header=(
            *("model", "against", "endpoint", "metric", "horizon days", "threshold"),
            *("difference", "low", "high", "reason", "p", "adjusted p", "label"),
        ),
        numbers=[
            (
                *(one.model, one.against, one.endpoint, one.metric, one.horizon_days),
                *(one.threshold, *of_estimate(one.difference)),
                *(one.p_value, one.adjusted_p, one.label),
            )
            for one in found
        ],
        notes=reasons.notes(),
    )


def _of_what(one: ComparisonResult) -> tuple[str | float | None, ...]:
    return one.model, one.against, one.endpoint, one.metric, one.horizon_days, one.threshold


def _tested(one: ComparisonResult) -> tuple[str, str, str]:
    return p_text(one.p_value), p_text(one.adjusted_p), _BETTER[one.better]


def _metric(one: ComparisonResult) -> str:
    title = metric_title(one.metric, horizon_days=one.horizon_days)
    at = "" if one.threshold is None else f", threshold {fixed(one.threshold, digits=2)}"
    return f"{title}{at}\n{'higher' if one.higher_is_better else 'lower'} is better"


def _gains(found: Sequence[ComparisonResult]) -> tuple[Plot, ...]:
    rows = [
        ForestRow(
            name=f"{one.model} less {one.against}",
            value=one.difference.value,
            low=one.difference.low,
            high=one.difference.high,
            note=one.endpoint + on_day(one.horizon_days) + ("" if one.planned else ", not tested"),
        )
        for one in found[:_MOST_IN_FOREST]
    ]
    if all(row.value is None for row in rows):
        return ()
    return (
        Plot(
            file="gains-in-concordance.csv",
            chart=forest_chart(
                rows,
                words=Words(
                    title="Gain in Harrell's C.",
                    caption="On the same participants and folds; right of the line the first "
                    "model is better.",
                    alt=f"{len(rows)} differences of Harrell's C with intervals.",
                ),
                x=Axis(title="Difference of Harrell's C"),
                reference=0.0,
            ),
        ),
    )
