"""``operandi demo``."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from operandi.cli import console
from operandi.cli.run import run


def demo(
    folder: Annotated[
        Path, typer.Argument(help="Where to write the study; made if it is not there.")
    ] = Path("operandi-demo"),
) -> None:
    """Make a small digital PET-MRI study with known truth, and run it.

    Three participants, three visits, real DICOM; some faults are built in, so that you see how
    Operandi refuses and who can mend it. Ends with the path of report.html.

    Example: [bold]operandi demo[/bold]
    """
    from operandi.quantities.errors import DataError
    from operandi.simulation.demo_study import write_demo_study

    if not (folder / "study.toml").exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(
                f"{folder} is there already, and is no study folder.",
                remedy="Give a folder that is empty or not there.",
            )
        partial = folder.with_name(f"{folder.name}.partial")
        if partial.exists():
            shutil.rmtree(partial)
        with console.StudyProgress() as progress:
            bars: dict[str, object] = {}

            def tell(_: str, done: int, total: int) -> None:
                if "move" not in bars:
                    bars["move"] = progress.stage("writing the digital study")
                move = bars["move"]
                if callable(move):
                    move(done, total)

            write_demo_study(partial, progress=tell)
        partial.rename(folder)
    try:
        run(folder)
    except typer.Exit as stop:
        if stop.exit_code != 3:
            raise
        console.out.print("These faults are built into the demonstration.")
    page = (folder / "results" / "report.html").resolve()
    console.out.print(f"Report: {page}", soft_wrap=True, highlight=False, markup=False)
