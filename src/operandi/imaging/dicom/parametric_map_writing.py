"""Write DICOM parametric maps.

Apart from reading, because highdicom, which only writing needs, costs a second to import.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import highdicom
import numpy as np
import numpy.typing as npt
import pydicom
from highdicom import pm, sr
from pydicom.valuerep import DA, DS, DT, TM

from operandi import __version__
from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.dicom.report_codes import concept_of, ucum_of
from operandi.imaging.dicom.segmentation import CodedConcept, deterministic_uid
from operandi.imaging.dicom.source_series import series_instant, source_grid, source_header
from operandi.imaging.dicom.structure_set import plane_spacing_mm
from operandi.imaging.dicom.unheard_warnings import warnings_unheard
from operandi.imaging.nifti import write_atomically
from operandi.quantities.errors import DataError, UnsupportedError


def write_parametric_map(  # noqa: PLR0913 - facts that only the caller knows
    path: Path,
    *,
    volume: Volume,
    source_files: Sequence[Path],
    series_uid: str,
    instance_uid: str,
    description: str,
    label: str,
    region: CodedConcept,
    quantity: CodedConcept | None = None,
) -> None:
    """Write a static volume as a parametric map of 32-bit floating point.

    The map states its unit (UCUM) and its quantity. The same arguments give the same bytes: dates
    and times are the source series' own.

    Parameters
    ----------
    path : Path
        File to write.
    volume : Volume
        On the grid of the source series, finite. What decays is refused: a map has no place for
        the instant it refers to.
    source_files : sequence of Path
        Every slice of the static single-frame series it was derived from, or lies on.
    series_uid, instance_uid : str
        Of the map; see :func:`deterministic_uid`.
    description : str
        Series description, up to 64 characters.
    label : str
        LUT label, up to 16 characters.
    region : tuple of str
        Part of the body shown, unpaired: :data:`WHOLE_BODY` of ``report_codes``, say.
    quantity : tuple of str, optional
        What the values are; that of the kind where not given.

    Raises
    ------
    DataError
        If a value is not finite or beyond single precision, or the source is incomplete.
    GridMismatchError
        If the volume lies on another grid.
    UnsupportedError
        If it is dynamic or decays.
    """
    if volume.frames or volume.kind.decays:
        raise UnsupportedError(
            f"A parametric map holds a static volume that does not decay: got {volume.kind.title}."
        )
    headers = [source_header(file) for file in source_files]
    if not headers:
        raise DataError("A parametric map needs the series that it lies on.")
    grid, order = source_grid(headers)
    headers = [headers[index] for index in order]
    volume.grid.require_same(grid, what="The map and its source series")
    values = _single_precision(volume)
    date, time = series_instant(headers[0])
    mapping = pm.RealWorldValueMapping(
        lut_label=label[:16],
        lut_explanation=volume.kind.title[:64],
        unit=_coded(ucum_of(volume.kind)),
        value_range=(float(values.min()), float(values.max())),
        slope=1.0,
        intercept=0.0,
        quantity_definition=_coded(quantity or concept_of(volume.kind)[0]),
    )
    low, high = float(values.min()), float(values.max())
    content = io.BytesIO()
    try:
        with warnings_unheard():
            dataset = pm.ParametricMap(
                source_images=headers,
                pixel_array=np.ascontiguousarray(values.T),
                series_instance_uid=series_uid,
                series_number=3000 + int(headers[0].get("SeriesNumber") or 0),
                sop_instance_uid=instance_uid,
                instance_number=1,
                manufacturer="Operandi",
                manufacturer_model_name="Operandi",
                software_versions=__version__,
                device_serial_number="none",
                contains_recognizable_visual_features=False,
                real_world_value_mappings=[mapping],
                voi_lut_transformations=[
                    highdicom.VOILUTTransformation(
                        window_center=(low + high) / 2, window_width=max(high - low, 1e-6)
                    )
                ],
                content_description=description,
                content_creator_name="Operandi^",
                content_label="MAP",
                series_description=description,
                content_date=date,
                content_time=time,
            )
            measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
            measures.SpacingBetweenSlices = DS(plane_spacing_mm(grid), auto_format=True)
            _order_frames(dataset, values, grid)
            _add_anatomy(dataset, region)
            _without_the_clock(dataset, date, time)
            pydicom.dcmwrite(content, dataset, enforce_file_format=True)
    except Exception as error:
        raise DataError(
            f"No parametric map of series {headers[0].SeriesInstanceUID} could be made: "
            f"{str(error).rstrip('.')}.",
            remedy="Correct the source series' header.",
        ) from error
    write_atomically(path, content.getvalue())


def _coded(concept: CodedConcept) -> sr.CodedConcept:
    return sr.CodedConcept(concept[0], concept[1], concept[2][:64])


def _order_frames(dataset: pm.ParametricMap, values: npt.NDArray[np.float32], grid: Grid) -> None:
    """Put the frames in the order of the grid's slices.

    highdicom orders them against the slice normal, which the positions tell; dcmqi 1.5.7 does not
    look at them and shows the map upside down.
    """
    first, last = dataset.PerFrameFunctionalGroupsSequence[0], values.shape[2] - 1
    at = grid.index_of(first.PlanePositionSequence[0].ImagePositionPatient)[2]
    if round(at) == last:
        dataset.PerFrameFunctionalGroupsSequence = dataset.PerFrameFunctionalGroupsSequence[::-1]
    for k, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        if round(grid.index_of(group.PlanePositionSequence[0].ImagePositionPatient)[2]) != k:
            raise ValueError("frames are in no order along the slice normal")
        group.FrameContentSequence[0].DimensionIndexValues = [k + 1]
    dataset.FloatPixelData = np.ascontiguousarray(values.T).astype("<f4").tobytes()


def _add_anatomy(dataset: pm.ParametricMap, region: CodedConcept) -> None:
    """Say what is shown: optional in DICOM, and dcmqi 1.5.7 ends with a fault without it."""
    anatomy = pydicom.Dataset()
    anatomy.FrameLaterality = "U"
    anatomy.AnatomicRegionSequence = [_coded(region)]
    dataset.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [anatomy]


def _single_precision(volume: Volume) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        values = volume.values.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError(
            f"{np.count_nonzero(~np.isfinite(values))} voxels of {volume.kind.title} are not "
            f"finite in single precision.",
            remedy="Say what stands where nothing was measured.",
        )
    return values


def _without_the_clock(dataset: pm.ParametricMap, date: str, time: str) -> None:
    """Replace what highdicom takes from the clock and from chance."""
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = DA(date), TM(time)
    organization = deterministic_uid(str(dataset.SOPInstanceUID), "dimension organization")
    dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID = organization
    for dimension in dataset.DimensionIndexSequence:
        dimension.DimensionOrganizationUID = organization
    for equipment in dataset.get("ContributingEquipmentSequence") or ():
        if "ContributionDateTime" in equipment:
            equipment.ContributionDateTime = DT(date + time)
