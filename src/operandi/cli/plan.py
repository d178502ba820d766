"""``operandi plan check PLAN [FREEZE]``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from operandi.cli import console
from operandi.quantities.errors import DataError

if TYPE_CHECKING:
    from operandi.signatures.plan_format import AnalysisPlan
    from operandi.signatures.planned_data import PlannedPredictors

plan_file = typer.Typer(
    name="plan",
    help="Check an analysis plan, alone or against the tables that it is made for.",
    no_args_is_help=True,
)


@plan_file.callback()
def _plan() -> None:
    """Check an analysis plan."""


@plan_file.command("check")
def check_plan(
    plan: Annotated[Path, typer.Argument(help="A plan.toml.")],
    freeze: Annotated[
        Path | None,
        typer.Argument(help="A freeze, or a plain folder of the plan's supplied tables."),
    ] = None,
    event_rate: Annotated[
        float | None, typer.Option(min=0.0, help="Events a person-year that you assume.")
    ] = None,
    follow_up: Annotated[
        float | None, typer.Option(min=0.0, help="Mean follow-up that you assume, years.")
    ] = None,
    r2_share: Annotated[
        float,
        typer.Option(
            min=0.01, max=0.99, help="Assumed R2, as a share of the largest that is possible."
        ),
    ] = 0.15,
) -> None:
    """Check an analysis plan: every fault at once, with the key and what to write.

    With a freeze, also what each predictor finds there: columns, and how many participants have
    none and why. No outcome is looked at, so a plan can be checked before it is locked. The sample
    size rests on what you assume, and on nothing in the tables.

    Examples: [bold]operandi plan check plan.toml[/bold];
    [bold]operandi plan check plan.toml my-study/freezes/2026-06-30_1a2b3c4d5e6f[/bold];
    [bold]operandi plan check plan.toml --event-rate 0.4 --follow-up 2[/bold]
    """
    from operandi.signatures.plan import PlanError, plan_digest, read_plan
    from operandi.signatures.plan_refusals import plan_refusals
    from operandi.signatures.planned_data import planned_predictors
    from operandi.signatures.source import read_analysis_source

    read = read_plan(plan)
    if faults := plan_refusals(read):
        raise PlanError("\n".join(f"{plan}, {fault}" for fault in faults), faults=faults)
    _say(
        f"{read.title}, {read.version}: {len(read.endpoint)} endpoint(s), "
        f"{len(tuple(read.predictors()))} predictor(s), {len(read.model)} model(s). No fault in "
        "the plan."
    )
    _say(f"Digest {plan_digest(read)}")
    if freeze is not None:
        found = planned_predictors(read, read_analysis_source(freeze, read, beside=plan.parent))
        _refuse_without_repeatability(read, found)
        _show(read, found)
    _sample_size(read, event_rate=event_rate, follow_up=follow_up, r2_share=r2_share)


def _refuse_without_repeatability(plan: "AnalysisPlan", found: "PlannedPredictors") -> None:
    from operandi.signatures.preparation.planned import planned_chain

    planned_chain(plan, repeatability=found.repeatability)


def _show(plan: "AnalysisPlan", found: "PlannedPredictors") -> None:
    from operandi.signatures.preparation.absence import block_absences, empty_blocks

    people = len(found.population.people)
    for step in found.population.flow:
        for left in step.left_out:
            _say(f"Left out, {left.reason}: {len(left.participants)}")
    sites = sorted(set(found.predictors.sites))
    _say(f"{people} participants of {len(sites)} site(s).")
    table = Table("predictor", "columns", "without a value", "why", box=None)
    by_code: dict[str, list[int]] = {}
    for at, column in enumerate(found.columns):
        by_code.setdefault(column.predictor, []).append(at)
    for code, places in by_code.items():
        columns = [found.columns[at] for at in places]
        missing = sum(people - one.known for one in columns)
        why = sorted({reason for one in columns for reason in one.absent})
        share = f"{100.0 * missing / (people * len(columns)):.0f} %"
        more = f" and {len(why) - 3} more" if len(why) > 3 else ""
        table.add_row(escape(code), str(len(columns)), share, escape("; ".join(why[:3]) + more))
    console.out.print(table)
    absences = block_absences(found.predictors)
    for block in absences:
        _say(str(block)[:400])
    for warning in empty_blocks(absences, drawn=_drawn_together(plan)):
        _say(f"Note: {warning}")
    for note in found.notes:
        _say(note)


def _drawn_together(plan: "AnalysisPlan") -> set[str]:
    """Blocks whose missing values an imputation draws from those of other blocks."""
    every = {one.block for _, one in plan.predictors()}
    steps = [set(one.block) or every for one in plan.preparation if one.step == "imputation"]
    return {block for blocks in steps if len(blocks) > 1 for block in blocks}


def _sample_size(
    plan: "AnalysisPlan", *, event_rate: float | None, follow_up: float | None, r2_share: float
) -> None:
    from operandi.signatures.metrics.sample_size import (
        largest_r2_survival,
        sample_size_survival,
    )

    primary = plan.primary()
    if event_rate is None and follow_up is None:
        _say(
            "No sample size: say what you assume with --event-rate and --follow-up. Events are "
            "not counted here."
        )
        return
    if event_rate is None or follow_up is None or primary.binary:
        raise DataError(
            "The sample size needs --event-rate and --follow-up together, and a primary endpoint "
            "that is a time.",
            remedy="Give both, or neither.",
        )
    horizon = max(primary.horizon_days, default=365.25 * follow_up) / 365.25
    r2 = r2_share * largest_r2_survival(event_rate=event_rate, mean_follow_up=follow_up)
    _say(
        f"Assumed, not counted: {event_rate:g} events a person-year over {follow_up:g} years, R2 "
        f"{r2:.3f} ({100 * r2_share:g} % of the largest). Needed after Riley:"
    )
    for model in plan.ladder():
        parameters = len(plan.predictors_of(model))
        needed = sample_size_survival(
            r2=r2,
            parameters=parameters,
            event_rate=event_rate,
            mean_follow_up=follow_up,
            horizon=horizon,
        )
        most = max(needed.for_shrinkage, needed.for_optimism, needed.for_overall_risk)
        _say(f"  {model.code}: {most} participants for {parameters} predictor(s) of the plan")


def _say(words: str) -> None:
    console.out.print(words, soft_wrap=True, highlight=False, markup=False)
