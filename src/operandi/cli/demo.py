"""``operandi demo``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from operandi.cli import console
from operandi.cli.run import run
from operandi.cli.simulate import SEED


def demo(
    folder: Annotated[
        Path, typer.Argument(help="Where to write the study; made if it is not there.")
    ] = Path("operandi-demo"),
) -> None:
    """Make a small digital PET-MRI cohort with known truth, and run it.

    Twelve participants, three visits, coarse images, real DICOM; some faults are built in, so
    that you see how Operandi refuses and who can mend it. What is true stands in FOLDER/truth.
    Ends with the path of report.html.

    Example: [bold]operandi demo[/bold]
    """
    from operandi.quantities.errors import DataError
    from operandi.simulation.cohort import Wanted, write_cohort
    from operandi.simulation.scenario import read_scenario

    if not (folder / "study.toml").exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(
                f"{folder} is there already, and is no study folder.",
                remedy="Give a folder that is empty or not there.",
            )
        with console.StudyProgress() as progress:
            write_cohort(
                folder,
                read_scenario("demo"),
                seed=SEED,
                wanted=Wanted(true_images=False),
                workers=os.cpu_count() or 1,
                progress=progress.by_title(),
            )
    try:
        run(folder)
    except typer.Exit as stop:
        if stop.exit_code != 3:
            raise
        console.out.print("These faults are built into the demonstration.")
    page = (folder / "results" / "report.html").resolve()
    console.out.print(f"Report: {page}", soft_wrap=True, highlight=False, markup=False)
