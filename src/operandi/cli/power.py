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
_DRAWN_MOST: Final = 7
_DRAWN_ABOVE: Final = 0.15


def power(
    scenario: Annotated[
        str, typer.Argument(help="Name of a shipped scenario, or your own TOML file.")
    ] = "dose",
    sizes: Annotated[
        str, typer.Option(help="Numbers of participants, with commas.")
    ] = "40,60,80,120,160,240",
    trials: Annotated[int, typer.Option(min=10, help="Simulated trials of each size.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed simulates other trials.")] = SEED,
    to: Annotated[
        Path | None, typer.Option(help="HTML page to write; power-SCENARIO.html by default.")
    ] = None,
) -> None:
    """Say how many participants a trial needs to see what drives its outcome, and draw it.

    Simulates thousands of trials without images. Of each, progression-free survival is tested
    against the oracle risk (all that is true before cycle 1: no marker does better) and against
    plain markers, such as the mean dose of the lesions. Power is the share of trials with
    p < 0.05.

    Examples: [bold]operandi power dose[/bold];
    [bold]operandi power my-trial.toml --sizes 80,100 --trials 4000[/bold]
    """
    from operandi.pipeline.atomic import atomic_write
    from operandi.simulation.disease.power import power as simulated
    from operandi.simulation.scenario import read_scenario

    chosen = read_scenario(scenario)
    page = to or Path(f"power-{Path(scenario).stem}.html")
    _require_place(page)
    with console.StudyProgress() as progress:
        found = simulated(
            chosen,
            sizes=_sizes(sizes),
            trials=trials,
            seed=seed,
            progress=progress.stage("simulating trials"),
        )
    # First, so that a pipe that is closed early costs no page.
    atomic_write(page, power_page(found, title=chosen.title).encode())
    _print(found)
    console.out.print(str(page), soft_wrap=True, highlight=False, markup=False)


def _require_place(page: Path) -> None:
    """Before hours of simulation, not after."""
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
