"""``operandi power SCENARIO``."""

import math
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.table import Table

from operandi.cli import console
from operandi.cli.simulate import SEED

TITLES: Final = {
    "oracle": "oracle risk",
    "tumor_volume": "tumor volume",
    "largest_diameter": "largest diameter",
    "mean_suv": "mean SUV of lesions",
    "minimum_suv": "lowest SUV of a lesion",
    "mean_dose": "mean dose of lesions",
    "minimum_dose": "lowest dose of a lesion",
    "uptake_heterogeneity": "heterogeneity of uptake",
    "adc": "ADC of lesions",
    "stiffness": "stiffness of lesions",
    "MEN1": "MEN1 altered",
    "DAXX_ATRX": "DAXX or ATRX altered",
    "TSC2_PTEN_MTOR": "mTOR pathway altered",
    "CDKN1B": "CDKN1B altered",
    "chr18_loss": "loss of chromosome 18",
    "chromosomal_instability": "unstable chromosomes",
}
"""Of markers, for people."""
SIZES: Final = "40,60,80,120,160,240"
TRIALS: Final = 1000
PLAN_SIZES: Final = "40,80,160"
PLAN_TRIALS: Final = 50
_DRAWN_MOST: Final = 7
_DRAWN_ABOVE: Final = 0.15


def power(  # noqa: PLR0917 - Typer calls it by name
    scenario: Annotated[
        str, typer.Argument(help="Name of a shipped scenario, or your own TOML file.")
    ] = "dose",
    plan: Annotated[
        Path | None,
        typer.Option(help="A plan.toml: say the power of its whole recipe, by its own verdict."),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(
            help=f"Numbers of participants, with commas: {SIZES}, of a plan {PLAN_SIZES}, by "
            "default."
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=10,
            help=f"Simulated trials of each size. {TRIALS} by default; of a plan {PLAN_TRIALS}.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed simulates other trials.")] = SEED,
    to: Annotated[
        Path | None,
        typer.Option(help="HTML page to write; power-SCENARIO.html or power-PLAN.html by default."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE=MARKER",
            help="With --plan, repeatable: a predictor of the plan is a simulated marker. "
            "CODE.NAME=MARKER is one of several columns.",
        ),
    ] = None,
    without_information: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE[=N]",
            help="With --plan, repeatable: a predictor is one column, or N, that tells nothing.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="With --plan, repeatable: only this model; by default all with a verdict."
        ),
    ] = None,
    as_planned: Annotated[
        bool,
        typer.Option(
            "--as-planned",
            help="With --plan: the plan's own repeats and permutations. Takes many times longer.",
        ),
    ] = False,
    without_chance: Annotated[
        bool,
        typer.Option(
            "--without-chance",
            help="With --plan: do not also deal outcomes anew. Half the time, and no check.",
        ),
    ] = False,
    threads: Annotated[
        int, typer.Option(min=1, help="With --plan. The result does not depend on it.")
    ] = 2,
) -> None:
    """Say how many participants a trial needs to see what drives its outcome, and draw it.

    Simulates thousands of trials without images. Of each, progression-free survival is tested
    against the oracle risk (all that is true before cycle 1: no marker does better) and against
    plain markers, such as the mean dose of the lesions. Power is the share of trials with
    p < 0.05.

    With [bold]--plan[/bold] each trial goes through the plan's own recipe instead: folds, models,
    permutations, stability and the rules of its verdict. Power is the share of trials with the
    verdict "supported". The same is done with outcomes dealt anew, where every "supported" is
    false. Recorded predictors, such as grade, are read from the simulated tables. Of all others
    say what they are: a simulated marker (--column), or nothing (--without-information).

    Examples: [bold]operandi power dose[/bold];
    [bold]operandi power my-trial.toml --sizes 80,100 --trials 4000[/bold];
    [bold]operandi power dose --plan plan.toml --sizes 80,160 --column tumor_volume=tumor_volume
    --without-information texture=200[/bold]
    """
    if plan is not None:
        from operandi.cli.power_of_plan import power_of_plan

        page = to or Path(f"power-{plan.stem}.html")
        _require_place(page)
        power_of_plan(
            scenario,
            plan,
            page=page,
            sizes=_sizes(PLAN_SIZES if sizes is None else sizes),
            trials=trials or PLAN_TRIALS,
            seed=seed,
            columns=column or [],
            without=without_information or [],
            models=model or [],
            whole=as_planned,
            chance=not without_chance,
            threads=threads,
        )
        return
    if column or without_information or model or as_planned or without_chance:
        from operandi.quantities.errors import DataError

        raise DataError(
            "--column, --without-information, --model, --as-planned and --without-chance are of a "
            "plan.",
            remedy="Name it with --plan plan.toml.",
        )
    _of_markers(
        scenario,
        page=to or Path(f"power-{Path(scenario).stem}.html"),
        sizes=_sizes(SIZES if sizes is None else sizes),
        trials=trials or TRIALS,
        seed=seed,
    )


def _of_markers(
    scenario: str, *, page: Path, sizes: tuple[int, ...], trials: int, seed: int
) -> None:
    from operandi.pipeline.atomic import atomic_write
    from operandi.simulation.disease.power import power as simulated
    from operandi.simulation.scenario import read_scenario

    chosen = read_scenario(scenario)
    _require_place(page)
    with console.StudyProgress() as progress:
        found = simulated(
            chosen,
            sizes=sizes,
            trials=trials,
            seed=seed,
            progress=progress.stage("simulating trials"),
        )
    # First, so that a pipe that is closed early costs no page.
    atomic_write(page, power_page(found, title=chosen.title).encode())
    _print(found)
    console.out.print(str(page), soft_wrap=True, highlight=False, markup=False)


def _require_place(page: Path) -> None:
    """Make the folder of a page: before hours of simulation, not after.

    Raises
    ------
    DataError
        If no page can be written there.
    """
    from operandi.quantities.errors import DataError

    if page.is_dir() or (page.parent.exists() and not page.parent.is_dir()):
        raise DataError(
            f"No page can be written to {page}.",
            remedy="Give with --to a file, such as power.html, in a folder.",
        )
    page.parent.mkdir(parents=True, exist_ok=True)


def _number(value: float, *, digits: int) -> str:
    """A dash where no trial had anything to tell."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _sizes(text: str) -> tuple[int, ...]:
    """Numbers of participants from an option.

    Raises
    ------
    DataError
        If they are no whole numbers with commas between them.
    """
    from operandi.quantities.errors import DataError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as fault:
        raise DataError(
            f"--sizes needs whole numbers with commas, got {text!r}.",
            remedy="Write, for example, --sizes 40,80,120.",
        ) from fault


def _print(found: Any) -> None:
    table = Table("marker", *(f"n = {size}" for size in found.sizes), box=box.SIMPLE)
    for name, values in found.power.items():
        table.add_row(TITLES.get(name, name), *(f"{100 * value:.0f} %" for value in values))
    table.add_row("events", *(f"{value:.0f}" for value in found.events))
    table.add_row(
        "C-index of the oracle",
        *(_number(value, digits=2) for value in found.concordance["oracle"]),
    )
    console.out.print(table)


def power_page(found: Any, *, title: str) -> str:
    """Draw power against the number of participants.

    Parameters
    ----------
    found : PowerResult
    title : str
        Of the scenario.
    """
    import numpy as np

    from operandi.reports.charts import Axis, Curve, Limit, Words, chart
    from operandi.reports.page import PageSection, PageTable, render_page

    sizes = np.array(found.sizes, dtype=np.float64)
    telling = sorted(found.power, key=lambda name: -max(found.power[name]))
    telling = [name for name in telling if max(found.power[name]) > _DRAWN_ABOVE][:_DRAWN_MOST]
    curves = [
        Curve(
            name=TITLES.get(name, name),
            x=sizes,
            y=100 * found.power[name],
            low=100 * found.interval[name][:, 0],
            high=100 * found.interval[name][:, 1],
            group=group,
        )
        for group, name in enumerate(telling)
    ]
    columns = tuple(f"n = {size}" for size in found.sizes)
    rows = tuple(
        (
            TITLES.get(name, name),
            *(
                f"{100 * value:.0f} ({100 * low:.0f}-{100 * high:.0f})"
                for value, (low, high) in zip(values, found.interval[name], strict=True)
            ),
        )
        for name, values in found.power.items()
    )
    concordance = tuple(
        (TITLES.get(name, name), *(_number(value, digits=3) for value in values))
        for name, values in found.concordance.items()
    )
    events = ("events", *(f"{value:.1f}" for value in found.events))
    section = PageSection(
        title="Power against the number of participants",
        paragraphs=(
            "Power is the share of simulated trials in which the score test of a proportional-"
            "hazards model of progression-free survival has p < 0.05. Bands are 95 % intervals of "
            "the simulation itself.",
        ),
        figures=(
            chart(
                words=Words(
                    title="Power",
                    caption="Part of trials with p < 0.05, by number of participants. Drawn are "
                    "the markers that ever exceed 15 %; all stand in the table.",
                    alt=f"Power of {', '.join(curve.name for curve in curves)} at "
                    f"{', '.join(columns)}.",
                ),
                x=Axis(title="participants", from_zero=False),
                y=Axis(title="power, %"),
                curves=curves,
                limits=(Limit(name="80 %", value=80.0), Limit(name="5 %, chance", value=5.0)),
            ),
        ),
        tables=(
            PageTable(
                caption="Power, % (95 % interval of the simulation)",
                columns=("marker", *columns),
                rows=rows,
            ),
            PageTable(
                caption="Mean concordance (C-index) and events",
                columns=("", *columns),
                rows=(*concordance, events),
            ),
        ),
        notes=(
            "The oracle knows all that is true of a participant before cycle 1 and drives "
            "progression. No marker measured then does better; a signature that claims to is "
            "suspect of leakage.",
            "Plain markers bear published errors of measurement. What a signature found in the "
            "same data reaches is lower than what a marker named in advance does.",
            "Below 60 participants the test of a rare alteration is somewhat too generous: without "
            "any effect it has p < 0.05 in up to a tenth of trials.",
        ),
    )
    return render_page(
        title=title,
        eyebrow="Operandi · simulated trials",
        lead=f"{found.trials} trials of each size, simulated without images.",
        sections=(section,),
    )
