"""What simulated trials say by a plan: words and tables of the terminal and of the page."""

import math
from collections.abc import Iterator

import numpy as np

from operandi.cli.plan_power import GivenColumns, PlanPower, Share
from operandi.reports.charts import Axis, Curve, Limit, Points, Words, chart
from operandi.reports.page import PageSection, PageTable, render_page
from operandi.reports.study_report import Figure
from operandi.signatures.plan_format import PlannedModel
from operandi.signatures.rehearsal_plan import RehearsalPlan

_LONGEST_LIST = 8


def share_in_words(share: Share) -> str:
    """In percent, with its exact interval.

    >>> share_in_words(Share(hits=9, trials=20))
    '45 % (23 to 68)'
    """
    low, high = share.interval
    return f"{100 * share.value:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def plan_power_rows(found: PlanPower, model: str) -> tuple[tuple[str, ...], ...]:
    """Of a model: what, then a cell of each size."""
    plan, sizes = found.asked.plan, found.sizes
    asked = plan.verdict
    columns = "a stable column" if asked.stable_features == 1 else "stable columns"
    shares = [
        ("supported", [found.supported(model, n) for n in sizes]),
        (
            f"permutation p < {asked.permutation_p:g}",
            [found.holding(model, n, "signal") for n in sizes],
        ),
        (columns, [found.holding(model, n, "stability") for n in sizes]),
    ]
    if _has_gain(found, model):
        shares.append(
            ("gain with its whole interval", [found.holding(model, n, "gain") for n in sizes])
        )
    shares.append(("undecidable at this n", [found.undecidable(model, n) for n in sizes]))
    if found.chance:
        shares.append(
            (
                "supported with outcomes dealt anew",
                [found.supported(model, n, dealt="dealt anew") for n in sizes],
            )
        )
    name = "AUC" if plan.primary().binary else "C"
    return (
        *((title, *map(share_in_words, those)) for title, those in shares),
        (
            f"nested {name}, mean (spread)",
            *(_with_spread(found.concordances(model, n)) for n in sizes),
        ),
        (f"{name} of the oracle, mean (spread)", *(_with_spread(found.oracle(n)) for n in sizes)),
        ("gap to the oracle", *(_number(found.gap(model, n)) for n in sizes)),
        ("events", *(_number(found.events(n), digits=1) for n in sizes)),
    )


def _has_gain(found: PlanPower, model: str) -> bool:
    """Whether the plan asks that a model be better than another one."""
    first = found.asked.plan.ladder()[0].code
    return model != first or any(one.model == model for one in found.asked.plan.comparison)


def _with_spread(values: np.ndarray) -> str:
    known = values[~np.isnan(values)]
    if not known.size:
        return "-"
    spread = f" ({known.std(ddof=1):.3f})" if known.size > 1 else ""
    return f"{known.mean():.3f}{spread}"


def _number(value: float, *, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def assumed_lines(asked: RehearsalPlan, given: GivenColumns) -> Iterator[tuple[str, str]]:
    """Each predictor, and what it is in the simulation."""
    for one in asked.plan.recorded:
        cells = "".join(f", {name} = {value}" for name, value in one.where.items())
        yield one.code, f"simulated table {one.table}, column {one.column}{cells}"
    for code in asked.columns:
        made = given.without.get(code, 0)
        markers = [
            f"simulated marker {marker}" + (f" ({name})" if "." in name else "")
            for name, marker in given.markers.items()
            if name.partition(".")[0] == code
        ]
        if made:
            markers.append(f"{made} column{'s' * (made > 1)} without information")
        yield code, "; ".join(markers)


def lowered_lines(asked: RehearsalPlan) -> tuple[tuple[str, ...], ...]:
    """Key, the plan's figure, that of the simulated trials, and why the rules still work."""
    return tuple((one.key, str(one.planned), str(one.used), one.because) for one in asked.lowered)


def refusal_lines(found: PlanPower) -> tuple[str, ...]:
    """Why analyses of trials were refused."""
    return tuple(
        f"{count} analyses were refused and count as not supported: {why}"
        for why, count in list(found.refusals().items())[:_LONGEST_LIST]
    )


def plan_power_page(found: PlanPower, *, scenario: str, seed: int) -> str:
    """Draw the power of a plan.

    Parameters
    ----------
    found : PlanPower
    scenario : str
        Its title.
    seed : int
        Of the trials.
    """
    models = {one.code: one for one in found.asked.plan.model}
    return render_page(
        title=found.title,
        eyebrow="Operandi · power of a plan",
        lead=f"{found.trials} trials of each size, simulated without images by “{scenario}” "
        f"(seed {seed}), and judged by the plan's own recipe and rules.",
        sections=(
            *(_of_model(found, models[code]) for code in found.asked.judged),
            _assumptions(found),
        ),
    )


def _of_model(found: PlanPower, model: PlannedModel) -> PageSection:
    columns = ("", *(f"n = {size}" for size in found.sizes))
    return PageSection(
        title=f"{model.code}: {model.title}",
        paragraphs=(
            "Power is the share of trials with the verdict “supported”: enough events, a "
            "permutation p below the plan's, columns that come back on halves of the "
            "participants"
            + (
                ", and a gain over its reference with the whole interval."
                if _has_gain(found, model.code)
                else "."
            ),
        ),
        figures=(_figure(found, model.code),),
        tables=(
            PageTable(
                caption="Share of trials (95 % interval of the simulation), and concordance",
                columns=columns,
                rows=plan_power_rows(found, model.code),
            ),
        ),
        notes=refusal_lines(found),
    )


def _figure(found: PlanPower, model: str) -> Figure:
    shares = {
        "supported": [found.supported(model, n) for n in found.sizes],
        "permutation p": [found.holding(model, n, "signal") for n in found.sizes],
        "stable columns": [found.holding(model, n, "stability") for n in found.sizes],
    }
    if found.chance:
        shares["supported, outcomes dealt anew"] = [
            found.supported(model, n, dealt="dealt anew") for n in found.sizes
        ]
    told = "; ".join(
        f"{name} {', '.join(share_in_words(one) for one in those)}"
        for name, those in shares.items()
    )
    words = Words(
        title=f"Power of {model}",
        caption="Share of trials, by number of participants, with 95 % intervals of the "
        "simulation.",
        alt=f"At {', '.join(map(str, found.sizes))} participants: {told}.",
    )
    x, y = Axis(title="participants", from_zero=False), Axis(title="share of trials, %")
    limits = (Limit(name="80 %", value=80.0), Limit(name="5 %", value=5.0))
    sizes = np.array(found.sizes, dtype=np.float64)
    if len(found.sizes) == 1:
        points = [_points(those[0], place=at) for at, those in enumerate(shares.values())]
        beside = Axis(
            title=f"{found.sizes[0]} participants",
            names=tuple(name.replace(", ", ",\n") for name in shares),
        )
        return chart(words=words, x=beside, y=y, points=points, limits=limits)
    curves = [
        Curve(
            name=name,
            x=sizes,
            y=100.0 * np.array([one.value for one in those]),
            low=100.0 * np.array([one.interval[0] for one in those]),
            high=100.0 * np.array([one.interval[1] for one in those]),
            group=at,
        )
        for at, (name, those) in enumerate(shares.items())
    ]
    return chart(words=words, x=x, y=y, curves=curves, limits=limits)


def _points(share: Share, *, place: int) -> Points:
    low, high = share.interval
    value = 100.0 * share.value
    return Points(
        name="",
        x=np.array([float(place)]),
        y=np.array([value]),
        y_spread=np.array([[value - 100.0 * low], [100.0 * high - value]]),
        group=place,
    )


def _assumptions(found: PlanPower) -> PageSection:
    tables = [
        PageTable(
            caption="What each predictor of the plan is in the simulation",
            columns=("predictor", "is"),
            rows=tuple(assumed_lines(found.asked, found.given)),
            of_words=("is",),
            of_codes=True,
        )
    ]
    if found.asked.lowered:
        tables.append(
            PageTable(
                caption="Lowered to save time; --as-planned runs the plan's own figures",
                columns=("key", "plan", "here", "why the rules still work"),
                rows=lowered_lines(found.asked),
                of_words=("why the rules still work",),
                of_codes=True,
            )
        )
    landmark = found.asked.plan.timing.landmark is not None
    return PageSection(
        title="What is assumed",
        paragraphs=found.asked.changed,
        tables=tuple(tables),
        notes=(
            "The oracle knows all that is true of a participant before cycle 1 and drives "
            "progression. What a plan finds is as good as the markers that it is given, and the "
            "participants that it learns from, allow. Its C is over all pairs, a nested C over "
            "pairs within folds."
            + (
                " A marker of early change may know more than was true before cycle 1."
                if landmark
                else ""
            ),
            "Markers bear published errors of measurement, and those that are positive are "
            "logarithms. Columns without information are normal, correlated by one half in blocks "
            "of 20.",
            "Everybody has every value that the simulation has, and tables have no faults: a real "
            "trial with missing values has less power.",
            *(
                (
                    "Dealt anew, outcomes hang on no column: what is supported then is false. "
                    "Columns of M0 are dealt too.",
                )
                if found.chance
                else ()
            ),
        ),
    )
