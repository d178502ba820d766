"""``operandi radiomics IMAGE MASK`` and ``operandi radiomics verify DATA``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperGroup

from operandi.cli import console
from operandi.cli.radiomics_input import Modality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operandi.cli.radiomics_input import NamedRegion
    from operandi.cli.radiomics_table import Extracted
    from operandi.domain.volume import Volume
    from operandi.imaging.radiomics.extract import Recipe
    from operandi.imaging.radiomics.names import Like


class _ExtractByDefault(TyperGroup):
    """So that ``operandi radiomics IMAGE MASK`` needs no further word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take anything that is no command's name for the arguments of ``extract``."""
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = ["extract", *args]
        return super().parse_args(ctx, args)


radiomics = typer.Typer(
    name="radiomics",
    cls=_ExtractByDefault,
    help="Compute the features of IBSI 1 and 2 of the lesions of one image; [bold]verify[/bold] "
    "that they comply. [bold]operandi radiomics IMAGE MASK[/bold] is short for "
    "[bold]operandi radiomics extract IMAGE MASK[/bold].",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@radiomics.command()
def extract(
    image: Annotated[Path, typer.Argument(help="NIfTI file, or folder or zip of a DICOM series.")],
    mask: Annotated[
        Path, typer.Argument(help="NIfTI file of labels, DICOM SEG or RTSTRUCT, on that image.")
    ],
    *,
    modality: Annotated[
        Modality,
        typer.Option(
            help="What the values are: SUV, HU, MR signal, or a map in its usual unit (ADC in "
            "1e-6 mm2/s, Ktrans and kep in 1/min, stiffness in kPa). Decides the settings where "
            "no file gives them; [bold]map[/bold] has none."
        ),
    ],
    region: Annotated[
        list[str] | None,
        typer.Option(help="Only this label, segment or contour; may be repeated. Default: all."),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(help="Settings as TOML, see docs/radiomics.md.", metavar="FILE.toml"),
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            help="Features of a filtered image too: log:SIGMA_MM, wavelet:FAMILY (eight bands) or "
            "mean:VOXELS; may be repeated. Others: in the settings file."
        ),
    ] = None,
    like: Annotated[
        str,
        typer.Option(
            help="Column names of [bold]pyradiomics[/bold], [bold]mirp[/bold], [bold]lifex[/bold] "
            "or [bold]ibsi[/bold], a line a lesion. Definitions stay IBSI's; what the other "
            "program defines otherwise gets no column. Default: a line a feature."
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Write here: .csv or .parquet. Default: CSV on the screen.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="Folder for pictures: levels, co-occurrence and size-zone matrix.",
            metavar="FOLDER",
        ),
    ] = None,
    cohort: Annotated[
        Path | None,
        typer.Option(
            help="A table of this command with other lesions; draws this one's place among them.",
            metavar="TABLE",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Lesions at a time.")] = 1,
    timezone: Annotated[
        str, typer.Option(help="Of PET headers that state no offset, e.g. Europe/Paris.")
    ] = "",
) -> None:
    """Compute the 174 features of IBSI of every lesion.

    A feature that cannot be computed (one voxel has no spread) is empty, with its reason in the
    column [bold]absent[/bold]; it is never 0 for want of voxels. The column [bold]settings[/bold]
    holds a digest: features compare only where it is the same.

    Examples: [bold]operandi radiomics extract suv.nii.gz lesions.nii.gz --modality pet[/bold];
    [bold]extract[/bold] may be left out: [bold]operandi radiomics ct/ rtstruct.dcm --modality ct
    --region GTV-1 --like pyradiomics --out features.csv[/bold]
    """
    from operandi.cli.radiomics_input import read_image, read_regions
    from operandi.imaging.radiomics.names import Like
    from operandi.quantities.errors import DataError

    if like and like not in set(Like):
        raise typer.BadParameter(f"--like: one of {', '.join(Like)}, not {like!r}")
    if out is not None and out.suffix not in {".csv", ".parquet"}:
        raise typer.BadParameter(f"--out: {out.name!r} does not end in .csv or .parquet")
    if cohort is not None and pictures is None:
        raise typer.BadParameter("--cohort draws a picture: say where with --pictures FOLDER")
    if modality is Modality.MAP and settings is None:
        raise DataError(
            "A map of any sort has no default settings.",
            remedy="Give --settings FILE.toml (docs/radiomics.md), or another --modality.",
        )
    volume = read_image(image, modality, timezone=timezone)
    regions = read_regions(mask, volume, region or [])
    recipes = _recipes(modality, settings, filters or [], spacing_mm=volume.grid.spacing_mm)
    found = _extracted(volume, regions, recipes, names=(image.name, mask.name), threads=threads)
    _write(found, Like(like) if like else None, unit=modality.unit, out=out)
    drawn = pictures is None or _draw(
        pictures, volume, regions, found, cohort=cohort, like=Like(like or Like.IBSI)
    )
    if len(found) < len(regions) or not drawn:
        raise typer.Exit(3)


def _extracted(
    volume: "Volume",
    regions: "Sequence[NamedRegion]",
    recipes: "tuple[Recipe, ...]",
    *,
    names: tuple[str, str],
    threads: int,
) -> "list[Extracted]":
    """Extract each region; one that is refused is told of, and stops no other."""
    from operandi.cli.radiomics_table import Extracted
    from operandi.imaging.radiomics.batch import Job, extract_many

    _compiled()
    jobs = (Job(one.name, volume, one.mask, recipes) for one in regions)
    found, refused = [], []
    for outcome in extract_many(jobs, threads=threads):
        if outcome.refusal is None:
            found.append(Extracted(*names, outcome.name, outcome.extractions))
        else:
            refused.append(outcome.refusal)
            text = f"Region {outcome.name}: {outcome.refusal}"
            console.err.print(text, style="red", markup=False)
    if not found:
        raise refused[0]
    return found


def _compiled() -> None:
    """Compile the kernels where no earlier start has, and say so: it takes some seconds."""
    from operandi.imaging.radiomics.warm import compile_kernels, is_compiled

    if is_compiled():
        return
    console.err.print(
        "Compiling the radiomics kernels, about 25 s: once an installation, they are kept for the "
        "next start."
    )
    with Progress(
        SpinnerColumn(),
        TextColumn("compiling"),
        TimeElapsedColumn(),
        console=console.err,
        transient=True,
        disable=not console.err.is_terminal,
    ) as progress:
        progress.add_task("", total=None)
        compile_kernels()


def _draw(
    folder: Path,
    volume: "Volume",
    regions: "Sequence[NamedRegion]",
    found: "Sequence[Extracted]",
    *,
    cohort: Path | None,
    like: "Like",
) -> bool:
    """Draw each region, and say whether all were; one that cannot be drawn stops no other."""
    from operandi.cli.radiomics_pictures import write_pictures
    from operandi.quantities.errors import DataError

    by_name = {one.region: one.extractions[0] for one in found}
    drawn, refused = 0, []
    for one in regions:
        if one.name not in by_name:
            continue
        try:
            written = write_pictures(
                folder, volume, one, by_name[one.name], cohort=cohort, like=like
            )
        except DataError as refusal:
            refused.append(refusal)
            console.err.print(f"No picture of {one.name}: {refusal}", style="red", markup=False)
        else:
            drawn += 1
            console.err.print(f"Pictures of {one.name}: {len(written)} in {folder}", markup=False)
    if refused and not drawn:
        raise refused[0]
    return not refused


def _write(
    found: "Sequence[Extracted]", like: "Like | None", *, unit: str, out: Path | None
) -> None:
    from operandi.cli.radiomics_table import long_table, wide_table, write_table

    if like is None:
        table = long_table(found, unit=unit)
    else:
        table, nameless = wide_table(found, like)
        if nameless:
            console.err.print(
                f"{len(nameless)} features have no name in {like}, or another definition there: "
                f"{', '.join(nameless[:6])}{' ...' if len(nameless) > 6 else ''}",
                markup=False,
            )
    if out is None:
        typer.echo(table.write_csv(), nl=False)
        return
    write_table(table, out)
    lesions = f"{len(found)} lesion{'s' if len(found) > 1 else ''}"
    images = len(found[0].extractions)
    each = f"{images} image{'s' if images > 1 else ''} each"
    console.err.print(f"Written: {out} ({lesions}, {each})", markup=False)


def _recipes(
    modality: Modality,
    file: Path | None,
    filters: list[str],
    *,
    spacing_mm: tuple[float, float, float],
) -> "tuple[Recipe, ...]":
    from operandi.imaging.radiomics.defaults import ImageSort, default_settings
    from operandi.imaging.radiomics.extract import Recipe
    from operandi.imaging.radiomics.settings_file import (
        filtered_recipes,
        filters_named,
        read_recipes,
    )

    sorts = {
        Modality.PET: ImageSort.PET_SUV,
        Modality.CT: ImageSort.CT,
        Modality.MR: ImageSort.MR_SIGNAL,
        Modality.ADC: ImageSort.DIFFUSION,
        Modality.KTRANS: ImageSort.TRANSFER_CONSTANT,
        Modality.KEP: ImageSort.RATE_CONSTANT,
        Modality.FRACTION: ImageSort.VOLUME_FRACTION,
        Modality.STIFFNESS: ImageSort.STIFFNESS,
    }
    if file is not None:
        recipes = read_recipes(file)
    else:
        recipes = (Recipe(default_settings(sorts[modality], spacing_mm=spacing_mm)),)
    named = [each for word in filters for each in filters_named(word)]
    return (*recipes, *filtered_recipes(recipes[0].settings, named))


@radiomics.command()
def verify(
    data: Annotated[
        Path,
        typer.Argument(
            help="Folder with IBSI's data_sets and reference values (github.com/theibsi)."
        ),
    ],
    markdown: Annotated[
        Path | None, typer.Option(help="Write all rows as a page here.", metavar="FILE.md")
    ] = None,
    rows: Annotated[
        bool, typer.Option("--all", help="Print every row, not only those beyond tolerance.")
    ] = False,
) -> None:
    """Compute every value that IBSI 1 and 2 publish, and compare.

    Prints how many pass by benchmark and family, then each that does not: feature, ours,
    reference, tolerance. Exit status 3: some do not pass.

    Examples: [bold]operandi radiomics verify ibsi[/bold];
    [bold]operandi radiomics verify ibsi --markdown docs/ibsi-compliance.md[/bold]
    """
    from operandi.imaging.radiomics.verify import as_markdown, number, percent
    from operandi.imaging.radiomics.verify import verify as verified

    _compiled()
    found = verified(data, progress=lambda what: console.err.print(f"operandi: {what}"))
    summary = Table(title="Values within tolerance")
    for title in ("benchmark", "family", "passed", "of", ""):
        summary.add_column(title, justify="right" if title in {"passed", "of", ""} else "left")
    for (benchmark, family), (passed, _, total) in found.counts().items():
        summary.add_row(benchmark, family, str(passed), str(total), percent(passed, total))
    passed, total = len(found.rows) - len(found.failures), len(found.rows)
    summary.add_row("all", "", str(passed), str(total), percent(passed, total), style="bold")
    console.out.print(summary)
    listed = found.rows if rows else found.failures
    if listed:
        table = Table(title="Every value" if rows else "Beyond tolerance")
        for title in ("benchmark", "feature", "ours", "reference", "tolerance", "pass"):
            table.add_column(title)
        for row in listed:
            word = "yes" if row.passed else "no"
            limits = (number(row.reference), number(row.tolerance), word)
            table.add_row(row.benchmark, row.name, number(row.ours), *limits)
        console.out.print(table)
    for reason in found.missing:
        console.out.print(f"Not verified: {reason}", markup=False)
    if markdown is not None:
        markdown.write_text(as_markdown(found), encoding="utf-8")
        console.out.print(f"Written: {markdown}", markup=False)
    if found.failures:
        raise typer.Exit(3)
