"""``operandi index DICOM``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from operandi.cli import console


def index(
    dicom: Annotated[Path, typer.Argument(help="A folder, a file or a zip archive.")],
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Assemble every series and say what comes of it.")
    ] = False,
) -> None:
    """Say what DICOM is in a folder: patients, series, what each is and how that is known.

    Examples: [bold]operandi index export/[/bold];
    [bold]operandi index export.zip --volumes[/bold]
    """
    from operandi.imaging.dicom.index import index_dicom

    with console.StudyProgress() as progress:
        found = index_dicom(dicom, progress=progress.stage("reading headers"))
    table = Table("patient", "study date", "series", "files", "is", "because", box=None)
    if volumes:
        table.add_column("volumes")
    for series in found.series:
        row = [
            series.patient_id,
            series.study_date,
            series.description or series.uid,
            str(len(series.instances)),
            series.classification.type.value,
            "; ".join(series.classification.evidence),
        ]
        row += [_assembled(series)] if volumes else []
        table.add_row(*map(escape, row))
    console.out.print(table)
    for fault in found.faults:
        told = escape(f"{fault.what} {fault.remedy}")
        console.out.print(f"[red]fault[/red] {told}", highlight=False)
    for series in found.series:
        for conflict in series.conflicts:
            told = escape(f"{series.description}: {conflict}")
            console.out.print(f"[red]conflict[/red] {told}", highlight=False)
    console.out.print(
        f"{sum(len(s.instances) for s in found.series)} DICOM files in {len(found.series)} series, "
        f"{len(found.faults)} damaged, {len(found.duplicates)} duplicates left out, "
        f"{len(found.other_files)} files that are not DICOM."
    )
    if found.faults:
        raise typer.Exit(1)


def _assembled(series: object) -> str:
    from operandi.imaging.dicom.assemble import assemble
    from operandi.imaging.dicom.index import Series
    from operandi.quantities.errors import OperandiError

    assert isinstance(series, Series)  # noqa: S101 - the caller's own type
    try:
        stacks = assemble(series)
    except OperandiError as error:
        return f"refused: {error}"
    shape = " x ".join(str(n) for n in stacks[0].grid.shape)
    spacing = " x ".join(f"{mm:.2f}" for mm in stacks[0].grid.spacing_mm)
    return f"{len(stacks)} of {shape}, {spacing} mm"
