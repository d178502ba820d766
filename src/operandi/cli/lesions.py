"""``operandi lesions PET``."""

import hashlib
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from operandi.cli import console
from operandi.cli.lesions_correction import (
    given_corrections,
    versions_in_words,
    versions_not_shown,
    write_versions,
)
from operandi.cli.lesions_input import (
    about_model,
    given_organs,
    model_of,
    spheres_of,
    water_and_fat,
)
from operandi.cli.pet_series import read_uptake, require_zone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operandi.domain.identity import Digest
    from operandi.imaging.dicom.files import FileRef
    from operandi.imaging.dicom.index import Series
    from operandi.imaging.lesions.segmentation.settings import SegmentationSettings
    from operandi.imaging.lesions.visit import LesionsOfVisit


class Border(StrEnum):
    """Names of the delineation methods on the command line."""

    HALF_MEAN = "half-mean"
    ISOCONTOUR_41 = "isocontour-41"
    ISOCONTOUR_45 = "isocontour-45"
    ISOCONTOUR_50 = "isocontour-50"
    FIXED_SUV = "fixed-suv"
    LIVER_MEAN_2SD = "liver-mean-2sd"
    GRADIENT_WATERSHED = "gradient-watershed"
    RANDOM_WALKER = "random-walker"
    GRAPH_CUT = "graph-cut"
    BLUR_FIT = "blur-fit"


def lesions(
    pet: Annotated[Path, typer.Argument(help="Folder or zip archive with one PET series.")],
    *,
    resolution: Annotated[
        float,
        typer.Option(
            help="Of the reconstructed PET (FWHM), mm: a fact of scanner and reconstruction, such "
            "as the site's phantom measurement says.",
            metavar="MM",
        ),
    ],
    minimum_volume: Annotated[
        float, typer.Option(help="Smaller lesions are dropped and counted, mL.", metavar="ML")
    ],
    to: Annotated[Path, typer.Option(help="Folder for what is written.", metavar="FOLDER")],
    mr: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the visit's Dixon water and fat. Default: those beside the PET, "
            "if there are any.",
            metavar="FOLDER",
        ),
    ] = None,
    adc: Annotated[
        Path | None,
        typer.Option(help="ADC map in 1e-6 mm2/s: NIfTI or a DICOM folder.", metavar="PATH"),
    ] = None,
    organs: Annotated[
        Path | None,
        typer.Option(
            help="Organ map in place of those found: TotalSegmentator's folder, a NIfTI label map, "
            "or DICOM SEG (such as this command's organs.dcm, corrected).",
            metavar="PATH",
        ),
    ] = None,
    label_map: Annotated[
        str, typer.Option(help="Whose label map it is: total, total_mr or mrsegmentator.")
    ] = "",
    model: Annotated[
        Path | None,
        typer.Option(
            help="Your own segmentation model: its model.toml or the folder that holds it. Its "
            'labels take the place of our lesions and borders. "Your own model" in '
            "docs/lesions.md has a manifest to copy; nothing is downloaded.",
            metavar="PATH",
        ),
    ] = None,
    method: Annotated[
        Border, typer.Option(help="How borders are found. docs/lesions.md says what each does.")
    ] = Border.HALF_MEAN,
    fixed_suv: Annotated[
        float | None, typer.Option(help="Threshold of the method fixed-suv, g/mL.")
    ] = None,
    seed_suv: Annotated[
        float | None,
        typer.Option(help="SUV above which uptake counts where there is no liver reference, g/mL."),
    ] = None,
    removed: Annotated[
        list[str] | None,
        typer.Option(
            help='Organ that was removed, such as spleen or "left kidney"; may be repeated.'
        ),
    ] = None,
    sphere: Annotated[
        list[str] | None,
        typer.Option(
            help="Reference sphere placed by hand, as liver=X,Y,Z,RADIUS (DICOM LPS, mm); also "
            "spleen and blood-pool; may be repeated."
        ),
    ] = None,
    reader: Annotated[
        str,
        typer.Option(
            help="Who placed the spheres; who corrected the lesions, where the file does not say."
        ),
    ] = "",
    correction: Annotated[
        list[Path] | None,
        typer.Option(
            help="lesions.dcm as a reader edited it in 3D Slicer or OHIF (DICOM SEG), or an "
            "RTSTRUCT; may be repeated: the later one supersedes.",
            metavar="FILE",
        ),
    ] = None,
    corrected_at: Annotated[
        str, typer.Option(help="When, where the file does not say, e.g. 2026-03-01T10:15+01:00.")
    ] = "",
    confirmed: Annotated[
        bool,
        typer.Option(
            "--confirmed",
            help="The reader says that what the correction left are lesions: candidates no more.",
        ),
    ] = False,
    sizes: Annotated[
        Path | None,
        typer.Option(
            help="Sizes measured on CT or MR, for the proposal of RECIST targets.",
            metavar="FILE.csv",
        ),
    ] = None,
    participant: Annotated[
        str, typer.Option(help="Study code. Default: the header's PatientID.")
    ] = "",
    timepoint: Annotated[str, typer.Option(help="Visit, such as BASELINE.")] = "",
    timezone: Annotated[
        str,
        typer.Option(help="Of dates and times that state no offset, e.g. Europe/Paris."),
    ] = "",
    nuclide: Annotated[str, typer.Option(help="Where the header names none, e.g. 68Ga.")] = "",
    decay_corrected_to: Annotated[
        str, typer.Option(help='"injection" or "scan start", where the header is ambiguous.')
    ] = "",
    activity_unit: Annotated[str, typer.Option(help='"Bq", "kBq" or "MBq" of the dose.')] = "",
) -> None:
    """Find, delineate and measure the lesions of one somatostatin-receptor PET.

    Writes to the folder: [bold]page.html[/bold] (start there), lesions.dcm and organs.dcm (DICOM
    SEG), report.dcm (DICOM SR), lesions.nii.gz, lesions.csv and measures.csv. Where spleen, a
    kidney or the bladder is neither found nor said to be removed, what is found are candidates:
    there is no report.dcm then, no sum over them, and the exit status is 3. It is 3 too where a
    reference is doubtful, such as a liver above the spleen.

    With [bold]--correction[/bold] the edited lesions are a new version: lesions.v2.dcm,
    report.v2.dcm and so on stand beside the automatic ones, and the page shows every version.

    Examples: [bold]operandi lesions export/PET_AC --mr export/DIXON --resolution 5.5
    --minimum-volume 0.5 --to lesions/P-014[/bold]; with organs from TotalSegmentator:
    [bold]operandi lesions export/PET_AC --organs segmentations/ --resolution 5.5 --minimum-volume
    0.5 --to lesions/P-014[/bold]; with a model of your own: [bold]operandi lesions export/PET_AC
    --model models/my-net --resolution 5.5 --minimum-volume 0.5 --to lesions/P-014[/bold]
    """
    from operandi.cli.radiomics_input import Modality, read_image
    from operandi.domain.identity import Pseudonym, TimepointCode
    from operandi.imaging.dicom.classify import SeriesType
    from operandi.imaging.dicom.files import on_disk
    from operandi.imaging.dicom.index import index_dicom
    from operandi.imaging.lesions.corrections.correcting import corrected_versions
    from operandi.imaging.lesions.visit import (
        VisitChoices,
        VisitOf,
        agreement_across_methods,
        lesions_of_visit,
    )
    from operandi.pipeline.atomic import atomic_write
    from operandi.pipeline.lesion_objects import (
        MeasuredSeries,
        lesion_uids,
    )
    from operandi.pipeline.lesion_page import lesion_page
    from operandi.pipeline.lesion_reading import read_sizes, read_visit

    require_zone(timezone)
    settings = _settings(
        method,
        resolution_mm=resolution,
        minimum_volume_ml=minimum_volume,
        fixed_suv=fixed_suv,
        seed_suv=seed_suv,
    )
    opened = model_of(model, method_is_default=method is Border.HALF_MEAN)
    placed = spheres_of(sphere or [], reader=reader)
    _require_folder(to)
    index = index_dicom(pet)
    series, uptake = read_uptake(
        pet,
        index,
        types={SeriesType.PET_ATTENUATION_CORRECTED},
        timezone=timezone,
        declared={
            "nuclide": nuclide,
            "decay_corrected_to": decay_corrected_to,
            "activity_unit": activity_unit,
        },
    )
    suv = uptake.volume
    water, fat, about_mr = water_and_fat(
        index if mr is None else index_dicom(mr),
        pet=series,
        grid=suv.grid,
        required=mr is not None,
    )
    corrections = given_corrections(
        correction or [],
        to=to,
        onto=suv.grid,
        timezone=timezone,
        reader=reader,
        corrected_at=corrected_at,
        confirmed=confirmed,
        patient_id=series.patient_id,
    )
    adc_map = None if adc is None else read_image(adc, Modality.ADC, timezone="")
    files = tuple(instance.file for instance in series.instances)
    found = lesions_of_visit(
        suv,
        organs=given_organs(organs, label_map=label_map, grid=suv.grid),
        water=water,
        fat=fat,
        choices=VisitChoices(
            segmentation=settings,
            placed=placed,
            removed=_removed(removed or []),
            model=opened,
        ),
        of=VisitOf(
            participant=Pseudonym(participant or series.patient_id or "unknown"),
            timepoint=TimepointCode(timepoint),
            inputs=(_digest_of(files),),
        ),
        adc=adc_map,
    )
    uids = lesion_uids(found, MeasuredSeries(uid=series.uid, files=()))
    versions = corrected_versions(found, corrections, tracking_uids=uids, adc=adc_map)
    found = versions[-1]
    tracers = _tracers(series)
    names = [one.id for one in found.lesions]
    reading = read_visit(
        found,
        tracers=tracers,
        sizes={} if sizes is None else read_sizes(sizes, lesions=names),
    )
    to.mkdir(parents=True, exist_ok=True)
    with on_disk(files) as paths:
        measured = MeasuredSeries(uid=series.uid, files=tuple(paths))
        written = write_versions(to, versions, measured, tracking_uids=uids)
    page = to / "page.html"
    atomic_write(
        page,
        lesion_page(
            found,
            reading,
            agreement_across_methods(found),
            series=series.name,
            notes=(*about_mr, *uptake.evidence, *about_model(found, tracers)),
            versions=versions,
        ).encode(),
    )
    _show(found)
    for words in filter(None, (*versions_in_words(versions), versions_not_shown(to, versions))):
        console.out.print(words, highlight=False, markup=False)
    for path in (page, *written):
        console.out.print(str(path), soft_wrap=True, highlight=False, markup=False)
    if found.are_candidates or found.references.notes:
        raise typer.Exit(3)


def _removed(names: list[str]) -> tuple[str, ...]:
    from operandi.imaging.lesions.organs import ORGAN_NAMES

    removed = tuple(name.strip().casefold() for name in names)
    for name in removed:
        if name not in ORGAN_NAMES:
            raise typer.BadParameter(
                f"--removed must be one of {', '.join(sorted(ORGAN_NAMES))}, got {name!r}"
            )
    return removed


def _settings(
    method: Border,
    *,
    resolution_mm: float,
    minimum_volume_ml: float,
    fixed_suv: float | None,
    seed_suv: float | None,
) -> "SegmentationSettings":
    from operandi.imaging.lesions.segmentation.settings import (
        DelineationMethod,
        SegmentationSettings,
    )

    for name, value in (
        ("--resolution", resolution_mm),
        ("--minimum-volume", minimum_volume_ml),
        ("--fixed-suv", fixed_suv),
        ("--seed-suv", seed_suv),
    ):
        if value is not None and not 0 < value < _MOST:
            raise typer.BadParameter(f"{name} must be above 0, got {value:g}")
    if (fixed_suv is None) == (method is Border.FIXED_SUV):
        raise typer.BadParameter("--fixed-suv belongs to --method fixed-suv, which needs it")
    settings = SegmentationSettings(
        fwhm_mm=resolution_mm,
        method=DelineationMethod[method.name],
        minimum_volume_ml=minimum_volume_ml,
        seed_suv=seed_suv,
    )
    return settings if fixed_suv is None else replace(settings, fixed_suv=fixed_suv)


_MOST = 1000.0
"""Beyond any resolution, volume or SUV that somebody means."""


def _digest_of(files: "Sequence[FileRef]") -> "Digest":
    """One digest of a series: of its files' digests in ascending order."""
    from operandi.domain.identity import Digest

    every = "".join(sorted(file.digest() for file in files))
    return Digest(hashlib.sha256(every.encode()).hexdigest())


def _require_folder(to: Path) -> None:
    from operandi.quantities.errors import DataError

    if to.exists() and not to.is_dir():
        raise DataError(f"{to} is a file; needed a folder to write to.", remedy="Name another.")


def _tracers(series: "Series") -> tuple[str, ...]:
    """Radiopharmaceuticals as the header names them."""
    named = []
    for item in series.instances[0].header.get("RadiopharmaceuticalInformationSequence") or ():
        text = str(item.get("Radiopharmaceutical") or "").strip()
        if text:
            named.append(text)
    return tuple(named)


def _show(found: "LesionsOfVisit") -> None:
    from operandi.pipeline.lesion_page import lesion_lead

    console.out.print(lesion_lead(found), highlight=False, markup=False)
    table = Table(
        *("", "organ", "mL", "SUVmax", "SUVmean", "to look at"),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for one in found.segmented.lesions:
        table.add_row(
            one.id,
            escape(one.organ),
            f"{one.volume_ml:.1f}",
            f"{one.suv_maximum:.1f}",
            f"{one.suv_mean.uncorrected:.1f}",
            escape("; ".join(flag.partition(":")[0] for flag in one.flags)),
        )
    if found.lesions:
        console.out.print(table)
    for organ in found.organs.missing:
        console.out.print(
            f"Not found: {organ.name}: {organ.reason}.", highlight=False, markup=False
        )
    for name, reason in found.references.absent.items():
        if name in found.choices.removed:
            continue
        console.out.print(f"No {name} reference: {reason}", highlight=False, markup=False)
    for words in (*found.references.notes, *found.segmented.bowel_words):
        console.out.print(f"Doubtful: {words}.", highlight=False, markup=False)
