"""What ``operandi radiomics`` reads: an image and its regions, from NIfTI or DICOM."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities import kinds
from operandi.quantities.errors import DataError, GridMismatchError, UnsupportedError
from operandi.quantities.kinds import Kind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from operandi.imaging.dicom.files import FileRef

Draw: TypeAlias = Callable[[], Mask]
"""Makes a region's mask, once it is known to be wanted."""


class Modality(StrEnum):
    """What the values are; decides the default settings, and the unit in the table."""

    PET = "pet"
    CT = "ct"
    MR = "mr"
    ADC = "adc"
    KTRANS = "ktrans"
    KEP = "kep"
    FRACTION = "fraction"
    STIFFNESS = "stiffness"
    MAP = "map"

    @property
    def kind(self) -> Kind:
        """Of the values; a map's unit is its own affair."""
        match self:
            case Modality.PET:
                return kinds.SUV_BODY_WEIGHT
            case Modality.CT:
                return kinds.RADIODENSITY
            case Modality.MR:
                return kinds.MR_SIGNAL
            case _:
                return kinds.PARAMETRIC

    @property
    def unit(self) -> str:
        """Of the values, for the table."""
        match self:
            case Modality.ADC:
                return "1e-6 mm2/s"
            case Modality.KTRANS | Modality.KEP:
                return "1/min"
            case Modality.STIFFNESS:
                return "kPa"
            case _:
                return self.kind.unit


@dataclass(frozen=True, slots=True, eq=False)
class NamedRegion:
    """A region and what its file calls it."""

    name: str
    mask: Mask


def read_image(path: Path, modality: Modality, *, timezone: str) -> Volume:
    """Read a NIfTI file, or the one image series of a DICOM folder or archive.

    PET in DICOM is converted to SUV by body weight.
    """
    from operandi.imaging.nifti import read_nifti

    if path.name.endswith((".nii", ".nii.gz")):
        return read_nifti(path, modality.kind)
    return _dicom_image(path, modality, timezone=timezone)


def _dicom_image(path: Path, modality: Modality, *, timezone: str) -> Volume:
    from operandi.imaging.dicom.assemble import assemble
    from operandi.imaging.dicom.index import index_dicom

    index = index_dicom(path)
    found = [series for series in index.series if _holds_images(series.modality)]
    if len(found) != 1:
        named = "; ".join(series.name for series in found) or "none"
        raise DataError(
            f"{path} holds {len(found)} image series ({named}); needed one.",
            remedy=f"Give the folder of one series. See what is there: operandi index {path}",
        )
    series = found[0]
    expected = {"pet": "PT", "ct": "CT", "mr": "MR"}.get(modality.value)
    if expected is not None and series.modality not in {expected, "NM"}:
        raise DataError(
            f"{series.name} is of modality {series.modality}, not {expected} as --modality says.",
            remedy="Correct --modality.",
        )
    if modality is Modality.PET:
        return _uptake(tuple(instance.file for instance in series.instances), timezone=timezone)
    stacks = assemble(series)
    if len(stacks) != 1:
        raise UnsupportedError(
            f"{series.name} holds {len(stacks)} volumes; needed one.",
            remedy="Write the one you mean as NIfTI.",
        )
    return Volume(stacks[0].values, stacks[0].grid, modality.kind)


def _holds_images(modality: str) -> bool:
    return modality not in {"SEG", "RTSTRUCT", "SR", "RWV", "KO", "PR"}


def _uptake(files: "tuple[FileRef, ...]", *, timezone: str) -> Volume:
    from operandi.imaging.dicom.index import series_of
    from operandi.imaging.pet.declaration import NOTHING_DECLARED, NOTHING_RECORDED
    from operandi.imaging.pet.timing import states_offset
    from operandi.pipeline.step_settings import PetSettings
    from operandi.pipeline.steps.pet import standardized_uptake

    if not timezone and any(states_offset(one.header) for one in series_of(files).instances):
        raise DataError(
            "The injection's time states its offset from UTC and the scan's times do not, so that "
            "the time between them is unknown.",
            remedy="Give the scanner's time zone, such as --timezone Europe/Paris.",
        )
    settings = PetSettings(
        timezone=timezone or "UTC", recorded=NOTHING_RECORDED, declared=NOTHING_DECLARED
    )
    return standardized_uptake(files, settings).volume


def read_regions(path: Path, image: Volume, wanted: Sequence[str]) -> tuple[NamedRegion, ...]:
    """Read the regions of a NIfTI label file, a DICOM SEG or an RTSTRUCT, on the image's grid.

    Parameters
    ----------
    path : Path
        A file, or a folder with one SEG or RTSTRUCT.
    image : Volume
        Whose grid they are brought onto.
    wanted : sequence of str
        Names, numbers or labels; empty for all that have a voxel.
    """
    if path.is_dir():
        path = _only_file(path)
    nifti = path.name.endswith((".nii", ".nii.gz"))
    drawn = _unique(_labels(path, image) if nifti else _dicom_regions(path, image))
    unknown = [name for name in wanted if name not in drawn]
    if unknown:
        raise DataError(
            f"{path.name} has no region {unknown[0]!r}; it has {_listed(set(drawn))}.",
            remedy="Name one of them with --region.",
        )
    # Only what is wanted need fit the image: a structure set holds markers and organs too.
    regions = [NamedRegion(name, drawn[name]()) for name in wanted or drawn]
    regions = [region for region in regions if region.mask.inside.any()]
    if not regions:
        raise DataError(f"{path.name} holds no region with a voxel.", remedy="Draw the lesion.")
    return tuple(regions)


def _unique(drawn: "Iterable[tuple[str, Draw]]") -> "dict[str, Draw]":
    """Masks to be made by name; of regions that share one, the later get their place added."""
    found: dict[str, Draw] = {}
    for place, (name, draw) in enumerate(drawn, start=1):
        unique = name
        while unique in found:
            unique = f"{unique} ({place})"
        found[unique] = draw
    return found


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _only_file(folder: Path) -> Path:
    from operandi.imaging.dicom.index import index_dicom

    found = [
        instance.file
        for series in index_dicom(folder).series
        if series.modality in {"SEG", "RTSTRUCT"}
        for instance in series.instances
    ]
    if len(found) != 1:
        raise DataError(
            f"{folder} holds {len(found)} SEG or RTSTRUCT files; needed one.",
            remedy="Give the file itself.",
        )
    return found[0].path


def _labels(path: Path, image: Volume) -> "Iterator[tuple[str, Draw]]":
    import numpy as np

    from operandi.imaging.nifti import read_nifti

    labels = read_nifti(path, kinds.LABEL)
    image.grid.require_same(labels.grid, what="Image and mask")
    values = np.asarray(labels.values)
    found = np.unique(values)
    if not np.array_equal(found, np.rint(found)) or found.min() < 0 or len(found) > 1000:
        raise DataError(
            f"{path.name} is no label file: it holds {len(found)} values from {found.min():g} to "
            f"{found.max():g}; needed whole numbers, 0 outside.",
            remedy="Give the mask second: operandi radiomics IMAGE MASK.",
        )
    for label in found[found > 0]:
        yield f"{label:g}", functools.partial(_labelled, values, label, image.grid)


def _labelled(values: "npt.NDArray[np.floating]", label: float, grid: Grid) -> Mask:
    return Mask(values == label, grid)


def _dicom_regions(path: Path, image: Volume) -> "Iterator[tuple[str, Draw]]":
    from operandi.imaging.dicom.index import index_dicom
    from operandi.imaging.dicom.segmentation import read_segmentation
    from operandi.imaging.dicom.structure_set import rasterize, read_structure_set

    series = index_dicom(path).series
    if not series:
        raise DataError(
            f"{path.name} is neither NIfTI nor DICOM.",
            remedy="Give a label file (.nii, .nii.gz), a DICOM SEG or an RTSTRUCT.",
        )
    modality = series[0].modality
    if modality == "SEG":
        for segment in read_segmentation(path):
            if segment.mask.inside.any():
                brought = functools.partial(_brought, segment.mask, image.grid)
                yield segment.description.label, brought
    elif modality == "RTSTRUCT":
        for contours in read_structure_set(path):
            if contours.polygons:
                yield contours.name, functools.partial(rasterize, contours, image.grid)
    else:
        raise DataError(
            f"{path.name} is of modality {modality}: needed SEG or RTSTRUCT.",
            remedy="Give the segmentation second: operandi radiomics IMAGE MASK.",
        )


def _brought(mask: Mask, grid: Grid) -> Mask:
    """Bring a segment onto the image's grid: voxel by voxel, else by the nearest."""
    from operandi.imaging.dicom.segmentation import nearest_on, resample_onto

    try:
        return resample_onto(mask, grid)
    except GridMismatchError:
        return nearest_on(mask, grid)
