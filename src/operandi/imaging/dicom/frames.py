"""One header a slice, whatever object it came in: single, enhanced or NM frames, or a mosaic."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from operandi.imaging.dicom.classify import words
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.header import Header
from operandi.imaging.dicom.index import Instance
from operandi.imaging.dicom.mosaic import mosaic_tiles
from operandi.imaging.dicom.nuclear_medicine import NUCLEAR_MEDICINE_STORAGE, reconstruction_frames
from operandi.quantities.errors import DataError, UnsupportedError


@dataclass(frozen=True, slots=True)
class Slice:
    """One image plane and where its pixels are.

    Parameters
    ----------
    file : FileRef
        The object that holds it.
    header : Header
        Its attributes, flattened.
    frame : int
        Index of the frame in a multi-frame object.
    tile : tuple of int or None
        (row, column, rows, columns) of a mosaic tile in the frame.
    """

    file: FileRef
    header: Header
    frame: int = 0
    tile: tuple[int, int, int, int] | None = None

    @property
    def name(self) -> str:
        """For refusals: the file, and where in it if it holds several images."""
        if self.tile is not None:
            return f"{self.file} (tile at row {self.tile[0]}, column {self.tile[1]})"
        if self.header.get("NumberOfFrames") not in {None, 1}:
            return f"{self.file} (frame {self.frame + 1})"
        return str(self.file)


def slices_of(instances: Sequence[Instance]) -> list[Slice]:
    """Flatten instances into slices, in file and frame order.

    Raises
    ------
    DataError
        If an enhanced object's functional groups do not fit its number of frames, or the place of
        a nuclear medicine object's frames is missing or ambiguous.
    UnsupportedError
        If a multi-frame object states no geometry for its frames.
    """
    found: list[Slice] = []
    for instance in instances:
        header = instance.header
        frames = header.get("NumberOfFrames")
        if header.get("PerFrameFunctionalGroupsSequence"):
            found += _enhanced(instance)
        elif header.get("SOPClassUID") == NUCLEAR_MEDICINE_STORAGE:
            found += [
                Slice(instance.file, frame_header, frame=frame)
                for frame, frame_header in enumerate(reconstruction_frames(instance.file, header))
            ]
        elif frames not in {None, 1}:
            raise UnsupportedError(
                f"{instance.file} holds {frames} frames without functional groups, so that "
                "their positions are unknown.",
                remedy="Export it as enhanced multi-frame or single-frame images.",
            )
        elif "MOSAIC" in words(header, "ImageType"):
            found += [
                Slice(instance.file, tile_header, tile=tile)
                for tile_header, tile in mosaic_tiles(instance.file, header)
            ]
        else:
            found.append(Slice(instance.file, header))
    return found


_FLATTENED: Final = (
    "PixelMeasuresSequence",
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelValueTransformationSequence",
    "FrameContentSequence",
    "MREchoSequence",
    "MRTimingAndRelatedParametersSequence",
    "MRModifierSequence",
    "MRDiffusionSequence",
    "MRImageFrameTypeSequence",
    "PETFrameTypeSequence",
    "CTImageFrameTypeSequence",
    "PETFrameAcquisitionSequence",
)
_RENAMED: Final = {
    "EffectiveEchoTime": "EchoTime",
    "InversionTimes": "InversionTime",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "FrameType": "ImageType",
    "FrameAcquisitionDuration": "ActualFrameDuration",
}


def _enhanced(instance: Instance) -> list[Slice]:
    header = instance.header
    groups = header["PerFrameFunctionalGroupsSequence"]
    shared: tuple[Header, ...] = header.get("SharedFunctionalGroupsSequence") or ({},)
    if header.get("NumberOfFrames") != len(groups) or len(shared) != 1:
        raise DataError(
            f"{instance.file} states NumberOfFrames {header.get('NumberOfFrames')} but describes "
            f"{len(groups)}, and shares {len(shared)} groups; needed one.",
            remedy="Export the object again.",
        )
    common = {k: v for k, v in header.items() if not k.endswith("FunctionalGroupsSequence")}
    common |= _flat(shared[0])
    return [
        Slice(instance.file, {**common, **_flat(group)}, frame=frame)
        for frame, group in enumerate(groups)
    ]


def _flat(group: Header) -> dict[str, Any]:
    """Lift the attributes of the functional groups that a single-frame object has at its top."""
    flat: dict[str, Any] = {}
    for name in _FLATTENED:
        for item in group.get(name) or ():
            flat |= {_RENAMED.get(keyword, keyword): value for keyword, value in item.items()}
    for direction in flat.pop("DiffusionGradientDirectionSequence", ()):
        flat |= direction
    if group.get("RealWorldValueMappingSequence"):
        flat["RealWorldValueMappingSequence"] = group["RealWorldValueMappingSequence"]
    moment = flat.get("FrameAcquisitionDateTime")
    if moment:
        # The one of the frame counts, not the one of the object.
        flat |= {"AcquisitionDateTime": moment, "AcquisitionDate": "", "AcquisitionTime": ""}
    return flat
