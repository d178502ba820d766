"""What the "what if" commands refuse alike: no measured dose, no folder for the page."""

from pathlib import Path
from typing import Any

import typer

from operandi.cli import console


def require_measured(doses: Any) -> None:
    """Show why there is no measured dose and end with 3, as ``dose`` does.

    Parameters
    ----------
    doses : ParticipantDoses
        Of the participant who was asked for.
    """
    from operandi.quantities.errors import DataError

    try:
        doses.of_first_measured()
    except DataError as error:
        console.refuse(error)
        raise typer.Exit(3) from None


def page_folder(results: Path) -> Path:
    """Make the folder of the pages.

    Raises
    ------
    DataError
        If a file stands in its place.
    """
    from operandi.quantities.errors import DataError

    folder = results / "what-if"
    if folder.exists() and not folder.is_dir():
        raise DataError(
            f"{folder} is a file; the pages go into a folder of that name.",
            remedy="Move the file away.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder
