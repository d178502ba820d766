"""``operandi simulate OUT``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from operandi.cli import console

SEED = 20240325


def simulate_study(  # noqa: PLR0917 - Typer calls it by name
    out: Annotated[Path, typer.Argument(help="Folder of the study to make; empty or not there.")],
    scenario: Annotated[
        str,
        typer.Option(
            help="Name of a shipped scenario (null, dose, imaging, genomic, sites, artifacts, "
            "ten-sites, messy, demo), your own TOML file, or the simulation.json of a cohort."
        ),
    ] = "dose",
    participants: Annotated[
        int | None, typer.Option(min=1, help="How many; the scenario's number by default.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help=f"Another seed is another cohort; {SEED}, or a simulation.json's, by default.",
        ),
    ] = None,
    outcomes_only: Annotated[
        bool,
        typer.Option(
            "--outcomes-only",
            help="Only outcomes.parquet: who they are, doses, progression, survival, oracle risk.",
        ),
    ] = False,
    without_images: Annotated[
        bool,
        typer.Option("--without-images", help="Tables, variants and truth, but no DICOM."),
    ] = False,
    without_true_images: Annotated[
        bool,
        typer.Option("--without-true-images", help="DICOM, but no NIfTI of what is true."),
    ] = False,
    show_scenario: Annotated[
        bool, typer.Option("--show-scenario", help="Print the whole scenario and write nothing.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes; the number of cores by default.")
    ] = os.cpu_count() or 1,
) -> None:
    """Make a digital cohort with known truth: DICOM, tables, variants, outcomes.

    OUT becomes a study folder that [bold]operandi run OUT[/bold] takes as any other; OUT/truth
    holds what only the simulator knows. The same scenario and seed give the same bytes, whatever
    the number of processes. Keys of a scenario: docs/digital-cohort.md.

    Examples: [bold]operandi simulate cohort --participants 80 --seed 7 --scenario dose[/bold];
    [bold]operandi simulate outcomes --participants 100000 --outcomes-only[/bold]
    """
    from operandi.simulation.cohort import Wanted, write_cohort, write_outcomes
    from operandi.simulation.scenario import noted_seed, read_scenario

    if seed is None:
        noted = noted_seed(scenario)
        seed = SEED if noted is None else noted
    chosen = read_scenario(scenario).with_participants(participants)
    if show_scenario:
        console.out.print(chosen.model_dump_json(indent=2), highlight=False, markup=False)
        return
    with console.StudyProgress() as progress:
        tell = progress.by_title()
        if outcomes_only:
            write_outcomes(out, chosen, seed=seed, progress=tell)
        else:
            write_cohort(
                out,
                chosen,
                seed=seed,
                wanted=Wanted(images=not without_images, true_images=not without_true_images),
                workers=workers,
                progress=tell,
            )
    console.out.print(f"Written: {out}", soft_wrap=True, highlight=False, markup=False)
    # Without images there is nothing to run.
    if not outcomes_only and not without_images:
        console.out.print(f"Now: operandi run {out}", soft_wrap=True, highlight=False, markup=False)
