"""Organ maps made elsewhere, checked before they are believed.

TotalSegmentator writes one NIfTI mask a class, or one label map; MRSegmentator one label map;
others DICOM SEG. Class names and numbers below were read in the two projects' sources
(wasserth/TotalSegmentator ``map_to_binary.py``, hhaentze/MRSegmentator ``README.md``).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.imaging.dicom.segmentation import read_segmentation
from operandi.imaging.lesions.found_organs import FoundOrgan, FoundOrgans, MissingOrgan
from operandi.imaging.lesions.organ_places.checks import VOLUME_RANGE_ML
from operandi.imaging.lesions.organs import ORGAN_NAMES, organ_named
from operandi.imaging.nifti import read_nifti
from operandi.imaging.resample import resample_mask
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import LABEL

_ALIKE: Final = {1: "spleen", 4: "gallbladder", 5: "liver", 6: "stomach", 7: "pancreas"}
LABEL_MAPS: Final[Mapping[str, Mapping[int, str]]] = {
    "total": {
        **_ALIKE,
        2: "kidney_right",
        3: "kidney_left",
        8: "adrenal_gland_right",
        9: "adrenal_gland_left",
        17: "thyroid_gland",
        18: "small_bowel",
        19: "duodenum",
        20: "colon",
        21: "urinary_bladder",
        51: "heart",
        52: "aorta",
    },
    "total_mr": {
        **_ALIKE,
        2: "kidney_right",
        3: "kidney_left",
        8: "adrenal_gland_right",
        9: "adrenal_gland_left",
        13: "small_bowel",
        14: "duodenum",
        15: "colon",
        16: "urinary_bladder",
        22: "heart",
        23: "aorta",
    },
    "mrsegmentator": {
        **_ALIKE,
        2: "right_kidney",
        3: "left_kidney",
        8: "right_adrenal_gland",
        9: "left_adrenal_gland",
        12: "heart",
        13: "aorta",
        21: "small_bowel",
        22: "duodenum",
        23: "colon",
        24: "urinary_bladder",
    },
}
"""Numbers of the classes that are used, by who made the label map: TotalSegmentator's tasks
``total`` (version 2) and ``total_mr``, and MRSegmentator."""

_OTHERS: Final = frozenset(
    {
        *("stomach", "pancreas", "small bowel", "duodenum", "colon", "heart", "aorta"),
        # As find_organs names them, so that its map comes back corrected.
        *("gut", "uncinate process", "blood pool"),
    }
)
_JOINED: Final = {
    "parotid gland left": "parotid glands",
    "parotid gland right": "parotid glands",
    "submandibular gland left": "salivary glands",
    "submandibular gland right": "salivary glands",
}
_NIFTI: Final = (".nii", ".nii.gz")
_LEAST_INSIDE: Final = 0.05
_SIDES: Final = (
    ("right kidney", "left kidney"),
    ("right adrenal gland", "left adrenal gland"),
    ("liver", "spleen"),
)


def organ_map_from(source: Path, *, onto: Grid, label_map: str = "") -> FoundOrgans:
    """Read an organ map, check it, and put it on the PET's grid.

    Parameters
    ----------
    source : Path
        A folder of NIfTI masks named by class (TotalSegmentator), one NIfTI label map, or a DICOM
        SEG: a file, or a folder of them.
    onto : Grid
        Of the PET. NIfTI states no frame of reference: that the map lies in the PET's is then
        checked by overlap and anatomy alone, and the result's notes say so.
    label_map : str
        Key of ``LABEL_MAPS`` for one NIfTI label map, whose numbers tell no names; else empty.

    Returns
    -------
    FoundOrgans
        Organs that passed. A class of no voxels, of a volume that no adult's organ has, or
        outside the PET is missing, with its reason.

    Raises
    ------
    DataError
        If nothing is an organ, a file is damaged or holds other than a mask, two files hold one
        organ, or left and right or head and foot are exchanged: then no organ is believed.
    GridMismatchError
        If a DICOM SEG lies in another frame of reference.
    """
    if label_map and label_map not in LABEL_MAPS:
        raise ValueError(f"label_map must be one of {sorted(LABEL_MAPS)}, got {label_map!r}")
    if not source.exists():
        raise DataError(f"There is no organ map at {source.name}.", remedy="Check the path.")
    masks, stated = _read(source, label_map=label_map)
    if not masks:
        raise DataError(
            f"{source.name} holds no class that is an organ of uptake.",
            remedy="Give NIfTI masks named by class, one label map with its label_map, or a SEG.",
        )
    return believed_organs(masks, onto=onto, source=source.name, notes=stated)


def believed_organs(
    masks: Mapping[str, Mask], *, onto: Grid, source: str, notes: tuple[str, ...] = ()
) -> FoundOrgans:
    """Check masks of organs and put them on the PET's grid.

    Parameters
    ----------
    masks : mapping of str to Mask
        By class, of any of the usual spellings. What is no organ of uptake is left out.
    onto : Grid
        Of the PET.
    source : str
        Where they are from, for people.
    notes : tuple of str
        What holds for all.

    Raises
    ------
    DataError
        If left and right or head and foot are exchanged: then no organ is believed.
    """
    named: dict[str, Mask] = {}
    for label, mask in sorted(masks.items()):
        if name := _name_of(label):
            _add(named, name, mask, file=source)
    _require_sides(named)
    organs, missing = [], []
    for name, mask in sorted(named.items()):
        found = _believed(name, mask, onto=onto, source=source)
        if isinstance(found, FoundOrgan):
            organs.append(found)
        else:
            missing.append(found)
    return FoundOrgans(organs=tuple(organs), missing=tuple(missing), notes=notes)


def _read(source: Path, *, label_map: str) -> tuple[dict[str, Mask], tuple[str, ...]]:
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    images = [file for file in files if file.name.endswith(_NIFTI)]
    if images:
        note = f"{source.name} states no frame of reference; it was checked by anatomy alone"
        if label_map:
            return _from_label_map(images, label_map), (note,)
        return _from_classes(images), (note,)
    return _from_segmentations([file for file in files if file.is_file()]), ()


def _name_of(label: str, code: str = "") -> str:
    """Our name of a class; empty for what is no organ of uptake."""
    plain = label.replace("_", " ").strip().casefold()
    name = _JOINED.get(plain) or organ_named(plain, code)
    return name if name in ORGAN_NAMES or name in _OTHERS else ""


def _from_classes(files: list[Path]) -> dict[str, Mask]:
    masks: dict[str, Mask] = {}
    for file in files:
        name = _name_of(file.name.removesuffix(".gz").removesuffix(".nii"))
        if not name:
            continue
        volume = read_nifti(file, LABEL)
        if not np.isin(volume.values, (0, 1)).all():
            raise DataError(
                f"{file.name} is no mask: it holds values other than 0 and 1.",
                remedy="For one label map of several classes, say whose it is (label_map).",
            )
        _add(masks, name, Mask(volume.values > 0, volume.grid), file=file.name)
    return masks


def _from_label_map(files: list[Path], label_map: str) -> dict[str, Mask]:
    if len(files) > 1:
        raise DataError(
            f"One label map is needed, found {len(files)}.", remedy="Name the file that counts."
        )
    volume = read_nifti(files[0], LABEL)
    masks: dict[str, Mask] = {}
    for number, label in LABEL_MAPS[label_map].items():
        _add(masks, _name_of(label), Mask(volume.values == number, volume.grid), file=label)
    return masks


def _from_segmentations(files: list[Path]) -> dict[str, Mask]:
    masks: dict[str, Mask] = {}
    for file in files:
        for segment in read_segmentation(file):
            described = segment.description
            name = _name_of(described.label, described.property_type[0])
            if name:
                _add(masks, name, segment.mask, file=file.name)
    return masks


def _add(masks: dict[str, Mask], name: str, mask: Mask, *, file: str) -> None:
    if name not in masks:
        masks[name] = mask
    elif name in _JOINED.values() or name == "kidneys":
        first = masks[name]
        first.grid.require_same(mask.grid, what=f"Two parts of {name}")
        masks[name] = Mask(first.inside | mask.inside, first.grid)
    else:
        raise DataError(
            f"{file} holds {name} a second time.",
            remedy="Keep only the organ map that counts, the corrected one.",
        )


def _centers(masks: Mapping[str, Mask]) -> dict[str, tuple[float, float, float]]:
    centers = {}
    for name, mask in masks.items():
        if mask.inside.any():
            x, y, z = mask.grid.position_of(np.argwhere(mask.inside).mean(axis=0))
            centers[name] = (float(x), float(y), float(z))
    return centers


def _require_sides(masks: Mapping[str, Mask]) -> None:
    """Refuse a map whose right lies at the left, or whose head lies at the foot."""
    at = _centers(masks)
    for right, left in _SIDES:
        if right in at and left in at and at[right][0] >= at[left][0]:
            raise DataError(
                f"The organ map's {right} lies to the left of its {left}.",
                remedy="Left and right are exchanged (RAS for LPS, or a mirrored file). Correct "
                "the map; where the organs truly lie so, draw the references by hand.",
            )
    for above, below in _pairs_by_height(at):
        if at[above][2] <= at[below][2]:
            raise DataError(
                f"The organ map's {above} lies below its {below}.",
                remedy="Head and foot are exchanged. Correct the map.",
            )


def _pairs_by_height(at: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for above, below in (("liver", "urinary bladder"), ("heart", "liver"), ("heart", "colon")):
        if above in at and below in at:
            yield above, below


def _believed(name: str, mask: Mask, *, onto: Grid, source: str) -> FoundOrgan | MissingOrgan:
    own = mask.volume_ml
    if not mask.inside.any():
        return MissingOrgan(name=name, reason=f"{source} has the class, with no voxel")
    least, most = VOLUME_RANGE_ML.get(name, (0.0, np.inf))
    cut = any(np.take(mask.inside, (0, -1), axis=axis).any() for axis in range(3))
    if own > most or (own < least and not cut):
        why = f"{own:.1f} mL in {source}; an adult's has {least:g} to {most:g} mL"
        return MissingOrgan(name=name, reason=why)
    placed = resample_mask(mask, onto)
    share = placed.volume_ml / own
    if share < _LEAST_INSIDE:
        return MissingOrgan(name=name, reason=f"{source} has it outside the PET")
    doubts = []
    if cut:
        doubts.append("cut by the edge of its image")
    if not 0.8 <= share <= 1.25:
        doubts.append(f"{share:.0%} of its volume is left on the PET's grid")
    told = f"{source}, {own:.1f} mL" + (f"; {', '.join(doubts)}" if doubts else "")
    return FoundOrgan(name=name, mask=placed, confidence=1.0 - len(doubts) / 3.0, how=told)
