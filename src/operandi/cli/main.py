"""The ``operandi`` command.

Exit status: 0 done; 1 refused, something must be supplied or mended; 2 the command line is wrong;
3 done, but some visits were refused; 70 a defect of Operandi; 130 interrupted.
"""

import errno
import io
import sys
from typing import Final

import typer

from operandi import __version__
from operandi.cli import console
from operandi.cli.analyse import analyse
from operandi.cli.compare_radionuclides import compare_radionuclides
from operandi.cli.demo import demo
from operandi.cli.doctor import doctor
from operandi.cli.dose import dose
from operandi.cli.export import export
from operandi.cli.freeze import freeze
from operandi.cli.index import index
from operandi.cli.lesions import lesions
from operandi.cli.plan import plan_file
from operandi.cli.power import power
from operandi.cli.predict import predict
from operandi.cli.radiomics import radiomics
from operandi.cli.run import run
from operandi.cli.schedule import schedule
from operandi.cli.schedule_potentiator import schedule_potentiator
from operandi.cli.screen import screen
from operandi.cli.simulate import simulate_study
from operandi.cli.study_draft import draft
from operandi.cli.study_file import study_file
from operandi.cli.study_import import study_import
from operandi.cli.suv import suv
from operandi.cli.trace import trace
from operandi.cli.track import track
from operandi.quantities.errors import DataError, OperandiError

_OF_THE_DISK: Final = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
"""What a disk says that is full, failing, or has not what was named: no defect of the program."""

app = typer.Typer(
    name="operandi",
    help="From PET-MRI and tables to traceable measurements of a therapy trial.",
    epilog="Try it: [bold]operandi demo[/bold]. Exit status: 0 done; 1 refused, with what to "
    "supply; 2 wrong command line; 3 done, but some visits were refused; 70 a defect; "
    "130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
for command in (
    run,
    demo,
    power,
    analyse,
    predict,
    dose,
    screen,
    schedule,
    freeze,
    export,
    index,
    suv,
    lesions,
    trace,
    track,
    doctor,
):
    app.command(no_args_is_help=False)(command)
app.command("simulate", no_args_is_help=False)(simulate_study)
app.command("compare-radionuclides", no_args_is_help=False)(compare_radionuclides)
app.command("schedule-potentiator", no_args_is_help=False)(schedule_potentiator)
app.command("import", no_args_is_help=False)(study_import)
study_file.command()(draft)
app.add_typer(study_file)
app.add_typer(plan_file)
app.add_typer(radiomics)


@app.callback(invoke_without_command=True)
def top(
    show_version: bool = typer.Option(False, "--version", help="Print the version and stop."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """From PET-MRI and tables to traceable measurements of a therapy trial."""
    console.debug = debug
    if show_version:
        console.out.print(f"operandi {__version__}", highlight=False)
        raise typer.Exit


def main() -> None:
    """Run the command line; errors take one screen, without traceback unless asked for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that does not know a character shows another, and no defect.
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="operandi")
    except OperandiError as error:
        console.refuse(error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            console.defect(error)
            sys.exit(70)
        console.refuse(_of_the_disk(error))
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as stop:
        # Typer turns the interrupt into this exit, without a word.
        if isinstance(stop, SystemExit) and stop.code != 130:
            raise
        console.err.print("Interrupted. What was finished is kept; run again to go on.")
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the last door before the user
        console.defect(error)
        sys.exit(70)


def _of_the_disk(error: OSError) -> DataError:
    return DataError(
        f"{error.filename or 'A file'} cannot be read or written: {error.strerror}.",
        remedy="Make it readable and the results folder writable, with room on its disk; what was "
        "finished is kept.",
    )
