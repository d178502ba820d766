"""Who was analyzed, what was known of them, and how many were needed."""

from operandi.reports.charts import Words
from operandi.reports.html import three_digits
from operandi.reports.participant_charts import FlowStep, participant_flow
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
)
from operandi.signatures.results import AnalysisResult
from operandi.signatures.results_cohort import PredictorSummary

_MOST_PREDICTORS = 40


def participants_part(result: AnalysisResult) -> Part:
    """Participant flow, predictors, absent blocks and suspects."""
    plots = (_flow(result),) if result.flow else ()
    notes = [f"Absent: {one}" for one in result.absent_blocks]
    listings = []
    if result.predictors:
        listings.append(_predictors(result.predictors, analyzed=result.participants))
    if result.suspects:
        listings.append(_suspects(result))
    return Part(
        anchor="participants",
        title="Participants and predictors",
        paragraphs=()
        if result.flow
        else ("The tables do not tell how participants came to be analyzed.",),
        plots=plots,
        listings=tuple(listings),
        notes=tuple(notes),
    )


def size_part(result: AnalysisResult) -> Part:
    """What sample size the models ask for, before anything was learned."""
    reasons = Reasons()
    rows = []
    numbers: list[Numbers] = []
    for one in result.sample_size:
        mark = reasons.mark(one.reason)
        shrinkage = one.expected_shrinkage
        rows.append(
            (
                one.model,
                str(one.parameters),
                _whole(one.needed_participants, mark),
                _whole(one.needed_events, mark),
                str(one.participants),
                str(one.events),
                f"{ABSENT}{mark}" if shrinkage is None else fixed(shrinkage, digits=2),
                _whole(one.affordable_parameters, mark),
            )
        )
        numbers.append(
            (
                one.model,
                one.parameters,
                one.assumed_r2,
                one.needed_participants,
                one.needed_events,
                one.participants,
                one.events,
                shrinkage,
                one.affordable_parameters,
                one.reason,
            )
        )
    listing = a_listing(
        "sample-size.csv",
        caption="Asked for and there",
        columns=(
            "Model",
            "Parameters",
            "Participants asked for",
            "Events asked for",
            "Participants",
            "Events",
            "Expected shrinkage",
            "Parameters afforded",
        ),
        rows=rows,
        header=(
            "model",
            "parameters",
            "assumed R2",
            "participants asked for",
            "events asked for",
            "participants",
            "events",
            "expected shrinkage",
            "parameters afforded",
            "reason",
        ),
        numbers=numbers,
        notes=reasons.notes(),
    )
    return Part(
        anchor="size",
        title="Sample size",
        paragraphs=(
            "Riley's criteria for the candidates of each model, before any selection, at 15 % of "
            "the largest possible Cox-Snell R². A shrinkage of 0.9 or more is asked for. What was "
            "achieved is told by the width of the intervals below.",
        ),
        listings=(listing,) if rows else (),
        notes=() if rows else ("No sample size was computed.",),
    )


def _flow(result: AnalysisResult) -> Plot:
    steps = [
        FlowStep(
            title=step.title,
            count=step.remaining,
            left_out=tuple((one.reason, one.participants) for one in step.left_out),
        )
        for step in result.flow
    ]
    first, last = result.flow[0], result.flow[-1]
    return Plot(
        file="participant-flow.csv",
        chart=participant_flow(
            steps,
            words=Words(
                title="Participant flow.",
                caption=f"From {first.remaining} ({first.title}) to {last.remaining} "
                f"({last.title}).",
                alt=f"Flow of participants from {first.remaining} to {last.remaining}.",
            ),
        ),
    )


def _predictors(predictors: tuple[PredictorSummary, ...], *, analyzed: int) -> Listing:
    shown = predictors[:_MOST_PREDICTORS]
    left = len(predictors) - len(shown)
    columns = ("Predictor", "Block", "Known", "Missing", "Median (quartiles)", "Range")
    header = (
        "predictor",
        "block",
        "known",
        "missing",
        "mean",
        "standard deviation",
        "minimum",
        "lower quartile",
        "median",
        "upper quartile",
        "maximum",
    )
    return a_listing(
        "predictors.csv",
        caption="Predictors before preparation",
        columns=columns,
        rows=[
            (
                f"{one.name} (natural logarithm)" if one.logged else one.name,
                one.block,
                str(one.known),
                str(one.missing),
                _middle(one),
                _between(one.minimum, one.maximum),
            )
            for one in shown
        ],
        of_words=("Block",),
        header=header,
        numbers=[
            (
                one.name,
                one.block,
                one.known,
                one.missing,
                one.mean,
                one.deviation,
                one.minimum,
                one.lower_quartile,
                one.median,
                one.upper_quartile,
                one.maximum,
            )
            for one in predictors
        ],
        notes=(*_of_whom(predictors, analyzed), *_left_over(left)),
    )


def _of_whom(predictors: tuple[PredictorSummary, ...], analyzed: int) -> tuple[str, ...]:
    """That the table is of more participants than the models, where it is."""
    population = predictors[0].known + predictors[0].missing
    if population == analyzed:
        return ()
    return (f"Of all {population} of the population; {analyzed} have the primary endpoint.",)


def _left_over(left: int) -> tuple[str, ...]:
    return (f"{counted(left, 'further column')}, all of them in the CSV.",) if left else ()


def _suspects(result: AnalysisResult) -> Listing:
    return a_listing(
        "suspect-columns.csv",
        caption="Columns that follow time, event or site closely",
        columns=("Column", "Finding", "Kept because"),
        rows=[
            (one.column, one.finding, one.kept_because or "not explained: left out")
            for one in result.suspects
        ],
        of_words=("Finding", "Kept because"),
    )


def _middle(one: PredictorSummary) -> str:
    if one.median is None:
        return ABSENT
    if one.lower_quartile is None or one.upper_quartile is None:
        return three_digits(one.median)
    quartiles = _between(one.lower_quartile, one.upper_quartile)
    return f"{three_digits(one.median)} ({quartiles})"


def _between(low: float | None, high: float | None) -> str:
    return ABSENT if low is None or high is None else f"{three_digits(low)} to {three_digits(high)}"


def _whole(value: int | None, mark: str) -> str:
    return f"{ABSENT}{mark}" if value is None else str(value)
