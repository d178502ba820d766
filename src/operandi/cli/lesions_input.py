"""What ``operandi lesions`` reads: MR of the visit, spheres of a reader, organ maps."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from operandi.domain.grid import Grid
    from operandi.domain.volume import Volume
    from operandi.imaging.dicom.classify import SeriesType
    from operandi.imaging.dicom.index import Index, Series
    from operandi.imaging.lesions.found_organs import FoundOrgans
    from operandi.imaging.lesions.models.protocol import SegmentationModel
    from operandi.imaging.lesions.reference import PlacedSphere
    from operandi.imaging.lesions.visit import LesionsOfVisit


def water_and_fat(
    index: "Index", *, pet: "Series", grid: "Grid", required: bool
) -> "tuple[Volume | None, Volume | None, tuple[str, ...]]":
    """Dixon water and fat of the PET's frame of reference, and words on what was used.

    Parameters
    ----------
    index : Index
        Of the MR folder, or of the PET's.
    pet : Series
        Whose patient and frame of reference they must have.
    grid : Grid
        Of the PET.
    required : bool
        Whether somebody named the folder: then their absence is refused, not told.
    """
    from operandi.imaging.dicom.classify import SeriesType
    from operandi.quantities.errors import DataError

    water = _one(index, SeriesType.MR_DIXON_WATER, pet=pet)
    fat = _one(index, SeriesType.MR_DIXON_FAT, pet=pet)
    if water is None or fat is None:
        if required:
            lacking = " and ".join(
                name for name, one in (("water", water), ("fat", fat)) if one is None
            )
            raise DataError(
                f"The MR folder has no Dixon {lacking} series.",
                remedy="Name the folder with both, or leave --mr out: organs are then found on "
                "PET alone.",
            )
        return None, None, ("no MR was given: organs by PET alone, no border trimmed by MR",)
    images = tuple(_image(one, grid=grid) for one in (water, fat))
    return images[0], images[1], (f"MR: {water.name} and {fat.name}",)


def _one(index: "Index", kind: "SeriesType", *, pet: "Series") -> "Series | None":
    from operandi.quantities.errors import DataError

    found = [one for one in index.series if one.classification.type is kind]
    if len(found) > 1:
        named = "; ".join(one.name for one in found)
        raise DataError(
            f"There are {len(found)} series of {kind.value} ({named}); needed one.",
            remedy="Name the folder of the stack that covers the PET with --mr.",
        )
    if found and found[0].patient_id != pet.patient_id:
        raise DataError(
            f"The MR is of patient {found[0].patient_id!r}, the PET of {pet.patient_id!r}.",
            remedy="Give PET and MR of one person.",
        )
    return found[0] if found else None


def _image(series: "Series", *, grid: "Grid") -> "Volume":
    from operandi.pipeline.steps.mr import mr_images
    from operandi.quantities.errors import DataError, GridMismatchError

    volumes = mr_images(tuple(one.file for one in series.instances)).volumes
    if len(volumes) != 1:
        raise DataError(
            f"{series.name} holds {len(volumes)} volumes; needed one.",
            remedy="Give a Dixon series of one stack.",
        )
    volume = volumes[0][1]
    frames = {volume.grid.frame_of_reference, grid.frame_of_reference} - {""}
    if len(frames) > 1:
        raise GridMismatchError(
            f"{series.name} and the PET lie in different frames of reference.",
            remedy="Give MR of the same PET-MRI session, or leave it out.",
        )
    return volume


def spheres_of(words: Sequence[str], *, reader: str) -> "dict[str, PlacedSphere]":
    """Spheres as ``liver=-60,10,120,15``: center in DICOM LPS and radius, mm."""
    from operandi.imaging.lesions.reference import BLOOD_POOL, LIVER, SPLEEN, PlacedSphere

    if words and not reader.strip():
        raise typer.BadParameter("--sphere needs --reader NAME: who placed it")
    placed: dict[str, PlacedSphere] = {}
    for word in words:
        name, _, numbers = word.partition("=")
        organ = name.strip().replace("-", " ").casefold()
        try:
            values = [float(number) for number in numbers.split(",")]
        except ValueError:
            values = []
        usable = len(values) == 4 and all(map(math.isfinite, values)) and values[3] > 0
        if organ not in {LIVER, SPLEEN, BLOOD_POOL} or not usable or organ in placed:
            raise typer.BadParameter(
                f"--sphere {word!r}: needed liver, spleen or blood-pool, each once, then "
                "=X,Y,Z,RADIUS in mm, such as liver=-60,10,120,15"
            )
        x, y, z, radius = values
        placed[organ] = PlacedSphere(center_mm=(x, y, z), radius_mm=radius, reader=reader.strip())
    return placed


def given_organs(path: Path | None, *, label_map: str, grid: "Grid") -> "FoundOrgans | None":
    """Organ map made elsewhere, checked; None where organs are to be found."""
    from operandi.imaging.lesions.external_organs import LABEL_MAPS, organ_map_from

    if label_map and label_map not in LABEL_MAPS:
        raise typer.BadParameter(f"--label-map: one of {', '.join(LABEL_MAPS)}, not {label_map!r}")
    if label_map and path is None:
        raise typer.BadParameter("--label-map says whose map --organs is: give --organs too")
    return None if path is None else organ_map_from(path, onto=grid, label_map=label_map)


def model_of(path: Path | None, *, method_is_default: bool) -> "SegmentationModel | None":
    """Open the model that somebody named.

    Parameters
    ----------
    path : Path or None
        Manifest or folder.
    method_is_default : bool
        Whether nobody asked for a border of ours beside it.
    """
    from operandi.imaging.lesions.models.opened import open_model

    if path is None:
        return None
    if not method_is_default:
        raise typer.BadParameter("--model brings its own borders; leave --method out")
    return open_model(path)


def about_model(found: "LesionsOfVisit", tracers: Sequence[str]) -> tuple[str, ...]:
    """Words on the model for the page; its tracers where the header names another."""
    model = found.model
    if model is None:
        return ()
    told = (
        f"model: {model.words}, from {model.source}; license: {model.license}; trained on "
        f"{model.trained_on}; cite {model.citation}",
    )
    made_for = {one.casefold() for one in model.tracers}
    others = [one for one in tracers if one.casefold() not in made_for]
    if not others:
        return told
    return (
        *told,
        f"the model was made for {' and '.join(model.tracers)}, the header names "
        f"{' and '.join(others)}",
    )
