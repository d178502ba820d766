"""What chance alone would give: permutations, stability on halves, optimism."""

import numpy as np

from operandi.reports.charts import Axis, Words
from operandi.reports.signature_charts import permutation_chart, stability_chart
from operandi.reports.signature_parts.layout import (
    ABSENT,
    Listing,
    Part,
    Plot,
    Reasons,
    a_listing,
    counted,
    fixed,
    listed,
    named,
    p_said,
    percent,
)
from operandi.signatures.results_models import (
    ModelResult,
    OptimismResult,
    PermutationResult,
    StabilityResult,
)

_MOST_SELECTED = 20


def chance_part(model: ModelResult) -> Part:
    """Whether the judged model does better than the whole pipeline does on nothing."""
    found = model.permutation
    paragraphs = [_permuted(found)] if found is not None else []
    if not paragraphs:
        paragraphs = [f"No permutations of {model.model}: see the notes under Models."]
    return Part(
        anchor="chance",
        title="Beside chance",
        paragraphs=tuple(paragraphs),
        plots=permutation_plots(model),
        listings=() if model.optimism is None else (_optimism(model, model.optimism),),
    )


def stability_part(model: ModelResult) -> Part:
    """Which columns come back on random halves."""
    found = model.stability
    if found is None:
        return Part(
            anchor="stability",
            title="Stability of the selection",
            paragraphs=(f"{model.model} selects nothing, or its selection was not repeated.",),
        )
    return Part(
        anchor="stability",
        title="Stability of the selection",
        paragraphs=(_stable(found),),
        plots=stability_plots(model),
        listings=(_selected(model, found),),
        notes=_failed(found),
    )


def permutation_plots(model: ModelResult) -> tuple[Plot, ...]:
    """The histogram of the null, where there is one."""
    found = model.permutation
    if found is None or not found.null:
        return ()
    return (
        Plot(
            file=named("permutations", model.endpoint, model.model),
            chart=permutation_chart(
                np.array(found.null),
                words=Words(
                    title=f"{model.model} on {model.endpoint}: permutations.",
                    caption="The whole pipeline, preparation and selection with it, after the "
                    "columns that were not kept had been dealt anew to the participants.",
                    alt=f"Histogram of {len(found.null)} permutations; observed "
                    f"{found.observed:.3f}, {p_said(found.p_value)}.",
                ),
                x=Axis(title="Concordance of participants not learned from"),
                observed=found.observed,
                p_value=found.p_value,
            ),
        ),
    )


def stability_plots(model: ModelResult) -> tuple[Plot, ...]:
    """The paths of the columns, where there are any."""
    found = model.stability
    length = max((len(one.path) for one in found.paths), default=0) if found is not None else 0
    if found is None or length < 2:  # one point is no line
        return ()
    whole = [one for one in found.paths if len(one.path) == length]
    return (
        Plot(
            file=named("stability", model.endpoint, model.model),
            chart=stability_chart(
                [one.name for one in whole],
                words=Words(
                    title=f"{model.model} on {model.endpoint}: stability.",
                    caption=f"Share of {2 * found.pairs} halves of the "
                    "participants that have a column among their first 1, 2 … columns; dashed: "
                    "the plan's threshold.",
                    alt=f"Stability paths of {len(whole)} columns.",
                ),
                x=Axis(title="Columns selected"),
                penalties=np.arange(1.0, length + 1.0),
                frequencies=np.array([one.path for one in whole]),
                threshold=found.threshold,
            ),
        ),
    )


def _permuted(found: PermutationResult) -> str:
    kept = (
        f" Kept beside the outcome: {listed(found.kept_blocks)}; this asks whether there is "
        "anything beyond."
        if found.kept_blocks
        else ""
    )
    return (
        f"Observed {fixed(found.observed, digits=3)}; as large or larger in permutations with "
        f"{p_said(found.p_value)}, of {counted(len(found.null), 'permutation')}.{kept}"
    )


def _stable(found: StabilityResult) -> str:
    halves = 2 * found.pairs
    if found.stable:
        first = f"At or above {_percent(found.threshold)} of {halves} halves: "
        said = f"{first}{listed(found.stable)}."
    else:
        said = f"No column reaches {_percent(found.threshold)} of {halves} halves."
    bound = (
        ""
        if found.false_bound is None
        else f" By chance at most {fixed(found.false_bound, digits=2)} columns would be expected."
    )
    if found.copies:
        who = "the single candidate" if found.candidates == 1 else "the two candidates"
        return (
            f"{said} Nothing could be selected among: this is the stability of {who}, which came "
            f"back on a half where it entered before {found.copies} shuffled copies of itself."
        )
    return (
        f"{said} {counted(found.candidates, 'candidate')}, at most {found.most} selected by a "
        f"half.{bound}"
    )


def _percent(share: float) -> str:
    return f"{100.0 * share:g} %"


def _failed(found: StabilityResult) -> tuple[str, ...]:
    if not found.failed_halves:
        return ()
    return (f"{found.failed_halves} halves could not be fitted.",)


def _selected(model: ModelResult, found: StabilityResult) -> Listing:
    in_folds = {one.name: one.share for one in model.selected}
    reasons = Reasons()
    rare = reasons.mark("not among those most often selected in the outer fits")
    told = False
    rows = []
    for one in found.paths[:_MOST_SELECTED]:
        share = in_folds.get(one.name)
        stable = "yes" if one.name in found.stable else "no"
        told = told or share is None
        rows.append(
            (
                one.name,
                f"{100.0 * one.probability:.0f} %",
                stable,
                f"{ABSENT}{rare}" if share is None else percent(share),
            )
        )
    return a_listing(
        named("selected", model.endpoint, model.model),
        caption="Most often selected",
        columns=("Column", "Of halves", "Stable", "Of outer fits"),
        rows=rows,
        header=("column", "share of halves", "stable", "share of outer fits"),
        numbers=[
            (one.name, one.probability, str(one.name in found.stable), in_folds.get(one.name))
            for one in found.paths
        ],
        notes=reasons.notes() if told else (),
    )


def _optimism(model: ModelResult, found: OptimismResult) -> Listing:
    rows = [
        ("Concordance", found.apparent_concordance, found.corrected_concordance),
        ("Slope", found.apparent_slope, found.corrected_slope),
    ]
    failed = f"; {found.failed} failed" if found.failed else ""
    return a_listing(
        named("optimism", model.endpoint, model.model),
        caption="Optimism, by the bootstrap",
        columns=("Measure", "On the rows learned from", "Corrected"),
        rows=[(name, fixed(a, digits=2), fixed(b, digits=2)) for name, a, b in rows],
        header=("measure", "apparent", "corrected"),
        numbers=rows,
        notes=(
            f"{counted(found.samples, 'bootstrap sample')}{failed}.",
            "Harrell's correction of the final fit, to be compared. The nested concordance under "
            "Models is the one that decides.",
        ),
    )
