"""``operandi suv SERIES``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from operandi.cli import console
from operandi.cli.pet_series import read_uptake, require_zone


def suv(
    series: Annotated[Path, typer.Argument(help="Folder or zip archive with one PET series.")],
    timezone: Annotated[
        str,
        typer.Option(
            help="Of dates and times that state no offset, e.g. Europe/Paris. Needed only where "
            "others do; else differences alone count."
        ),
    ] = "",
    nifti: Annotated[
        Path | None, typer.Option(help="Write the SUV image here, as .nii.gz.", metavar="FILE")
    ] = None,
    nuclide: Annotated[str, typer.Option(help="Where the header names none, e.g. 68Ga.")] = "",
    decay_corrected_to: Annotated[
        str, typer.Option(help='"injection" or "scan start", where the header is ambiguous.')
    ] = "",
    activity_unit: Annotated[str, typer.Option(help='"Bq", "kBq" or "MBq" of the dose.')] = "",
) -> None:
    """Convert one PET series to SUV and say from which tags, or why it cannot be done.

    Examples: [bold]operandi suv export/PET_AC[/bold];
    [bold]operandi suv export/PET_AC --nifti suv.nii.gz[/bold]
    """
    from operandi.imaging.dicom.classify import SeriesType
    from operandi.imaging.dicom.index import index_dicom
    from operandi.imaging.nifti import write_nifti

    require_zone(timezone)
    if nifti is not None and not nifti.name.endswith((".nii", ".nii.gz")):
        raise typer.BadParameter(f"--nifti: {nifti.name!r} does not end in .nii or .nii.gz")
    found, result = read_uptake(
        series,
        index_dicom(series),
        types={SeriesType.PET_ATTENUATION_CORRECTED, SeriesType.SPECT},
        timezone=timezone,
        declared={
            "nuclide": nuclide,
            "decay_corrected_to": decay_corrected_to,
            "activity_unit": activity_unit,
        },
    )
    values = result.volume.values
    table = Table(show_header=False, box=None)
    table.add_row("series", escape(found.description))
    table.add_row("voxels", " x ".join(str(n) for n in values.shape))
    table.add_row("SUV (body weight), g/mL", f"{values.min():.3f} to {values.max():.3f}")
    for line in result.evidence:
        table.add_row("from", escape(line))
    console.out.print(table)
    if nifti is not None:
        write_nifti(nifti, result.volume)
        console.out.print(f"Written: {nifti}")
