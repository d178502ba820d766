"""Steps from the scans after a cycle to the absorbed dose of every organ and lesion drawn."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.measurement import Uncertainty
from operandi.domain.volume import Volume
from operandi.imaging.dicom.assemble import Stack, assemble
from operandi.imaging.dicom.files import FileRef, on_disk
from operandi.imaging.dicom.header import Header
from operandi.imaging.dicom.index import series_of
from operandi.imaging.dicom.nuclear_medicine import camera_of
from operandi.imaging.dicom.segmentation import nearest_on, read_segmentation
from operandi.imaging.dicom.structure_set import rasterize, read_structure_set
from operandi.imaging.lesions.organs import ORGAN_NAMES, organ_named
from operandi.imaging.pet.declaration import Recorded
from operandi.imaging.pet.injection import administration_of, nuclide_of
from operandi.imaging.pet.timing import injection_time, radiopharmaceutical
from operandi.imaging.spect.counts import count_image_of
from operandi.pipeline.step_settings import CameraCalibration, ScanSettings
from operandi.quantities.errors import DataError, OperandiError, UnsupportedError
from operandi.therapy.activity import (
    ActivityMeasurement,
    NotRecovered,
    Outline,
    QuantifiedScan,
    activity_in,
    quantify,
    read_concentration,
)
from operandi.therapy.calibration import Calibration, CameraSetup
from operandi.therapy.recovery import RecoveryCurve, RecoveryMeasurement, fit_recovery

MARGIN_MM: Final = 20.0
"""Kept around what was drawn: farther than electrons go, so that dose maps lose nothing."""
VERTEBRAE: Final = "vertebrae L2-L4"
"""A region called L2-L4, L2 - L4 or L2 to L4: an organ, whose marrow stands for all marrow."""
_TIMES_AGREE: Final = timedelta(minutes=15)
"""As clocks and reports differ; the activity left at the scan does not tell hours apart."""
_MOST_DRAWN: Final = 1.1
_MOST_IN_FIELD: Final = 1.25
"""Shares of the activity left: a calibration is a few percent off, and a field of view has noise
and scatter outside the body."""
_LEAST_IN_FIELD: Final = 0.01
"""Excretion leaves some percent of what decay alone would leave after a week, in the torso."""
_ANATOMY: Final = "123037004"  # SNOMED CT: anatomical structure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnRegion:
    """An organ or a lesion on one scan.

    Parameters
    ----------
    name : str
        As it was drawn; organs by their own name.
    is_lesion : bool
        Whether it is none of the organs that are known by name.
    mask : Mask
        On the scan's grid, cropped.
    activity : ActivityMeasurement or None
        None where ``refused`` says why.
    refused : str
        Why there is no activity.
    """

    name: str
    is_lesion: bool
    mask: Mask
    activity: ActivityMeasurement | None
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScannedActivity:
    """What one scan after a cycle shows.

    Parameters
    ----------
    concentration : Volume of ACTIVITY_CONCENTRATION
        Cropped to what was drawn, with a margin.
    regions : tuple of DrawnRegion
        Organs and lesions.
    recovery : RecoveryCurve or NotRecovered
        What activities were recovered with.
    fwhm_mm : float
        Resolution of the reconstruction.
    administered_bq : float
        The activity that was given, as records and header have it together, Bq.
    evidence : tuple of str
        Which tags and tables were used.
    """

    concentration: Volume
    regions: tuple[DrawnRegion, ...]
    recovery: RecoveryCurve | NotRecovered
    fwhm_mm: float
    administered_bq: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """A region as its file has it, on the scan's grid, and what is wrong with it."""

    name: str
    is_lesion: bool
    mask: Mask
    file: str
    refused: str = ""


def scanned_activity(
    files: tuple[FileRef, ...], drawn: tuple[FileRef, ...], settings: ScanSettings
) -> ScannedActivity:
    """Read one tomogram and the activity of each region that was drawn on it.

    Raises
    ------
    DataError, UnsupportedError
        If the image, its times or its calibration say too little; nothing drawn lies on it.
    """
    try:
        return _scanned_activity(files, drawn, settings)
    except OperandiError as error:
        what = f"{_scan_named(files)}{_after_cycle(error.what)}"
        raise type(error)(what, remedy=_after_cycle(error.remedy)) from error


def _scan_named(files: tuple[FileRef, ...]) -> str:
    """Which of the scans after a cycle, by its folder."""
    if not files:
        return ""
    return f"Scan {PurePosixPath(files[0].name).parent.name or files[0].name}: "


def _after_cycle(text: str) -> str:
    """The functions of the PET room name the table that PET's injections stand in."""
    return text.replace("tracer_administrations", "cycles").replace(
        "injected_at", "administered_at"
    )


def _scanned_activity(
    files: tuple[FileRef, ...], drawn: tuple[FileRef, ...], settings: ScanSettings
) -> ScannedActivity:
    stack = _tomogram(files)
    zone = ZoneInfo(settings.timezone)
    _require_nuclide(stack.headers[0], settings)
    calibration = _calibration_of(stack.headers[0], settings)
    scan = _quantified(stack, calibration, settings, zone)
    _require_resolution(scan.volume.grid, settings)
    administration, told = administration_of(
        stack.headers,
        scan=scan.scanned_at,
        recorded=Recorded(administration=settings.administered),
        declared=settings.declared,
        zone=zone,
    )
    told = (*told[:-1], _told_of_time(stack.headers[0], scan, settings, zone) or told[-1])
    recovery = _recovery_of(calibration)
    grid = scan.volume.grid
    found = list(_drawn_on(drawn, grid))
    if not any(one.mask.inside.any() for one in found):
        raise DataError(
            "Nothing was drawn in this scan's frame of reference "
            f"{grid.frame_of_reference or '(none stated)'}; {_frames_of(drawn)}.",
            remedy="Draw organs and lesions on this scan, and send the structure set or "
            "segmentation.",
        )
    masks = [one.mask for one in found if one.mask.inside.any()]
    _require_balance(scan, masks, administration)
    box = _box_of(masks, grid)
    regions = [
        _region_of(
            one,
            scan,
            administration=administration,
            recovery=recovery,
            refused=calibration.spheres_refused if one.is_lesion else "",
            box=box,
        )
        for one in found
    ]
    reasons = {one.refused for one in regions}
    if len(regions) > 1 and len(reasons) == 1 and all(one.activity is None for one in regions):
        raise DataError(f"All {len(regions)} regions of it are refused: {reasons.pop()}")
    return ScannedActivity(
        concentration=Volume(
            values=scan.volume.values[box].copy(),
            grid=_cropped(grid, box),
            kind=scan.volume.kind,
            decay_reference=scan.volume.decay_reference,
        ),
        regions=tuple(regions),
        recovery=recovery,
        fwhm_mm=scan.fwhm_mm,
        administered_bq=administration.activity_bq,
        evidence=(
            *(_after_cycle(text) for text in (*scan.evidence, *told)),
            *([recovery.reason] if isinstance(recovery, NotRecovered) else []),
            *_scatter_note(stack.headers[0]),
        ),
    )


def _region_of(
    drawn: _Drawn,
    scan: QuantifiedScan,
    *,
    administration: Administration,
    recovery: RecoveryCurve | NotRecovered,
    refused: str,
    box: tuple[slice, slice, slice],
) -> DrawnRegion:
    """Its activity, or why it has none; *refused* where its recovery is not known."""
    activity, reason = None, drawn.refused
    if refused and not reason:
        reason = (
            f"Its recovery is not known, and without it the dose of a small lesion is too low, by "
            f"about half: {refused}"
        )
    if not reason:
        try:
            activity = activity_in(
                scan,
                Outline(region=drawn.mask, fwhm_mm=scan.fwhm_mm),
                administration=administration,
                recovery=recovery,
            )
        except OperandiError as error:
            reason = f"On the scan of {scan.scanned_at:%Y-%m-%d %H:%M}: {error}"
    return DrawnRegion(
        name=drawn.name,
        is_lesion=drawn.is_lesion,
        mask=Mask(drawn.mask.inside[box].copy(), _cropped(drawn.mask.grid, box)),
        activity=activity,
        refused=reason,
    )


def _told_of_time(
    header: Header, scan: QuantifiedScan, settings: ScanSettings, zone: ZoneInfo
) -> str:
    """Hold administered_at against the header's time; evidence, or nothing to compare.

    The activity left days later hardly depends on hours, so that its agreement confirms no time.
    """
    recorded, declared = settings.administered, settings.declared
    if recorded is None or declared.activity_from:
        return ""
    item = radiopharmaceutical(header)
    activity = "administered activity and time from cycles"
    if item.get("RadionuclideTotalDose"):
        activity += "; the activity left is by the header the same within 10 %"
    if not (
        item.get("RadiopharmaceuticalStartDateTime") or item.get("RadiopharmaceuticalStartTime")
    ):
        return f"{activity}; the header states no time of administration"
    try:
        at, tag = injection_time(
            header,
            scan=scan.scanned_at,
            half_life_s=scan.half_life_s,
            declared=declared,
            zone=zone,
            recorded_at=recorded.at,
        )
    except DataError:
        # Where the header's activity is believed, its time was read before, and refused there.
        return f"{activity}; the header's time of administration cannot be read"
    if abs(at - recorded.at) > _TIMES_AGREE:
        written = (f"{instant.astimezone(zone):%Y-%m-%d %H:%M}" for instant in (recorded.at, at))
        raise DataError(
            f"administered_at in cycles is {next(written)}, but {tag} of the scan is "
            f"{next(written)} ({settings.timezone}).",
            remedy="Correct the wrong one, or say which holds in study.toml: "
            'activity_from = "records" or "header" under [[declare.visit]].',
        )
    return f"{activity}, and its {tag} lies within 15 min of administered_at"


def _require_balance(
    scan: QuantifiedScan, masks: Sequence[Mask], administration: Administration
) -> None:
    """No more activity than decay has left of what was given, and not nearly none of it."""
    reference = scan.volume.decay_reference
    if reference is None:
        raise ValueError("activity concentration without a decay reference")
    left_bq = administration.activity_at(reference)
    values = scan.volume.values
    voxel_ml = scan.volume.grid.voxel_volume_ml
    inside = np.logical_or.reduce([mask.inside for mask in masks])
    drawn_bq = float(values[inside].sum(dtype=np.float64)) * voxel_ml
    field_bq = float(values.sum(dtype=np.float64)) * voxel_ml
    given = (
        f"the {left_bq / 1e9:.3g} GBq that decay has left of the "
        f"{administration.activity_bq / 1e9:.3g} GBq administered"
    )
    check = "Check Units, RescaleSlope, the calibration, and activity_gbq in cycles."
    when = f"{scan.scanned_at:%Y-%m-%d %H:%M}"
    for what, found_bq, most in (
        ("drawn regions hold", drawn_bq, _MOST_DRAWN),
        ("field of view holds", field_bq, _MOST_IN_FIELD),
    ):
        if found_bq > most * left_bq:
            raise DataError(
                f"The {what} {found_bq / 1e9:.3g} GBq on the scan of {when}, more than {given}.",
                remedy=check,
            )
    if field_bq < _LEAST_IN_FIELD * left_bq:
        raise DataError(
            f"The whole field of view holds {field_bq / 1e9:.3g} GBq on the scan of {when}, less "
            f"than {100 * _LEAST_IN_FIELD:.0f} % of {given}.",
            remedy=check,
        )


def _scatter_note(header: Header) -> tuple[str, ...]:
    corrected = header.get("CorrectedImage") or ()
    listed = [corrected] if isinstance(corrected, str) else [str(one) for one in corrected]
    if "SCAT" in listed:
        return ()
    return (
        f"CorrectedImage {' '.join(listed) or 'is empty and'} lacks SCAT: the scan is not said to "
        "be corrected for scatter, by which activities are too high",
    )


def _tomogram(files: tuple[FileRef, ...]) -> Stack:
    stacks = assemble(series_of(files))
    if len(stacks) != 1:
        raise UnsupportedError(
            f"The series after the cycle holds {len(stacks)} volumes; needed one tomogram.",
            remedy="Export the one reconstruction that counts.",
        )
    return stacks[0]


def _require_resolution(grid: Grid, settings: ScanSettings) -> None:
    voxel_mm = min(grid.spacing_mm)
    if settings.spatial_resolution_mm < voxel_mm:
        raise DataError(
            f"spatial_resolution_mm is {settings.spatial_resolution_mm:g} mm, less than the "
            f"{voxel_mm:g} mm of a voxel of the scan.",
            remedy="State the full width at half maximum of the reconstruction in study.toml, "
            "[dosimetry].",
        )


def _require_nuclide(header: Header, settings: ScanSettings) -> None:
    """Before a calibration is sought by the nuclide of the table."""
    shown = nuclide_of(header, declared=settings.declared).name
    if settings.nuclide and shown != settings.nuclide:
        raise DataError(
            f"cycles says that {settings.nuclide} was administered, but the scan is of {shown} by "
            "RadionuclideCodeSequence and Radiopharmaceutical of its header.",
            remedy="Correct nuclide in cycles, or check whose scan it is.",
        )


def _calibration_of(header: Header, settings: ScanSettings) -> CameraCalibration:
    camera = camera_of(header) or str(header.get("ManufacturerModelName") or "").strip()
    for one in settings.calibrations:
        if one.camera.casefold() == camera.casefold():
            return one
    of_nuclide = f" with {settings.nuclide}" if settings.nuclide else ""
    what = f"No calibration of the camera {camera!r}{of_nuclide} held on the day of the scan"
    reasons = [
        reason for name, reason in settings.not_held if name.casefold() in {"", camera.casefold()}
    ]
    if reasons:
        raise DataError(
            f"{what}: {'; '.join(reasons)}.",
            remedy="Correct the row in spect_calibrations, or add the calibration that held.",
        )
    known = ", ".join(one.camera for one in settings.calibrations) or "none"
    raise DataError(
        f"{what}; those of the site are: {known}.",
        remedy="Add the camera to spect_calibrations; for images in Bq/mL the uncertainty of their "
        "calibration is enough.",
    )


def _quantified(
    stack: Stack, calibration: CameraCalibration, settings: ScanSettings, zone: ZoneInfo
) -> QuantifiedScan:
    uncertainty = Uncertainty(calibration.relative_uncertainty, "spect_calibrations")
    if str(stack.headers[0].get("Units") or "") == "BQML":
        return read_concentration(
            stack,
            zone=zone,
            calibration=uncertainty,
            fwhm_mm=settings.spatial_resolution_mm,
            declared=settings.declared,
            injected_at=settings.administered.at if settings.administered else None,
        )
    counts = count_image_of(stack, zone=zone, declared=settings.declared)
    if calibration.factor_cps_per_mbq is None:
        raise DataError(
            f"The images of {calibration.camera} are in counts, and its row has no "
            "factor_cps_per_mbq.",
            remedy="Complete the row in spect_calibrations.",
        )
    if not calibration.dead_time_corrected:
        raise UnsupportedError(
            f"The images of {calibration.camera} are not corrected for dead time.",
            remedy="Reconstruct them corrected, or scan later, when dead time is negligible.",
        )
    return quantify(
        counts,
        Calibration(
            nuclide=counts.nuclide,
            setup=CameraSetup(
                camera=calibration.camera,
                collimator=calibration.collimator,
                windows_kev=calibration.windows_kev,
                heads=calibration.heads,
                fwhm_mm=settings.spatial_resolution_mm,
            ),
            cps_per_mbq=calibration.factor_cps_per_mbq,
            uncertainty=Uncertainty(
                calibration.relative_uncertainty * calibration.factor_cps_per_mbq,
                "spect_calibrations",
            ),
        ),
        projection_time_s=calibration.projection_time_s,
    )


def _recovery_of(calibration: CameraCalibration) -> RecoveryCurve | NotRecovered:
    if calibration.spheres_refused:
        return NotRecovered(calibration.spheres_refused)
    if not calibration.spheres:
        return NotRecovered(
            f"spect_recovery has no sphere of {calibration.camera}; no recovery: doses of small "
            "lesions are too low, by about half"
        )
    return fit_recovery(
        [
            RecoveryMeasurement(volume_ml=volume, coefficient=share, standard_uncertainty=u)
            for volume, share, u in calibration.spheres
        ],
        source=f"spect_recovery, {calibration.camera}",
    )


def _drawn_on(files: tuple[FileRef, ...], grid: Grid) -> Iterator[_Drawn]:
    """All that was drawn in the scan's frame, each name once."""
    taken: set[str] = set()
    for one in _all_drawn(files, grid):
        if one.name in taken:
            raise DataError(
                f"Two regions of the scan are called {one.name!r}.",
                remedy="Keep the one that counts, or give each lesion its own name.",
            )
        taken.add(one.name)
        organ = organ_called(one.name, "")
        if not one.mask.inside.any():
            yield replace(
                one,
                refused=f"{one.name} is listed in {one.file}, but holds no voxel of its scan. Draw "
                "it, or remove it from there.",
            )
        elif one.is_lesion and _is_known(organ):
            yield replace(
                one,
                refused=f"A lesion is labeled {one.name!r}, the name of the organ {organ}. "
                "Give it a name of its own, or the category of an anatomical structure.",
            )
        else:
            yield one


def _frames_of(files: tuple[FileRef, ...]) -> str:
    """In which frames of reference the files were drawn, for where it is none of the scan's."""
    frames = []
    with on_disk(files) as paths:
        for file, path in zip(files, paths, strict=True):
            if _is_structure_set(file):
                found = {one.frame_of_reference for one in read_structure_set(path)}
            else:
                found = {one.mask.grid.frame_of_reference for one in read_segmentation(path)}
            stated = ", ".join(sorted(str(one) for one in found if one)) or "none"
            frames.append(f"{file.name} has {stated}")
    return "; ".join(frames) or "no file of contours came"


def _all_drawn(files: tuple[FileRef, ...], grid: Grid) -> Iterator[_Drawn]:
    with on_disk(files) as paths:
        for file, path in zip(files, paths, strict=True):
            read = _contoured if _is_structure_set(file) else _segmented
            try:
                yield from read(path, grid, file.name)
            except OperandiError as error:
                raise type(error)(f"{file.name}: {error.what}", remedy=error.remedy) from error


def _contoured(path: Path, grid: Grid, file: str) -> Iterator[_Drawn]:
    for one in read_structure_set(path):
        if one.frame_of_reference == grid.frame_of_reference:
            organ = organ_called(one.name, "")
            yield _Drawn(
                name=organ if _is_known(organ) else one.name,
                is_lesion=not _is_known(organ),
                mask=rasterize(one, grid)
                if one.polygons
                else Mask(np.zeros(grid.shape, dtype=bool), grid),
                file=file,
            )


def _segmented(path: Path, grid: Grid, file: str) -> Iterator[_Drawn]:
    for segment in read_segmentation(path):
        if segment.mask.grid.frame_of_reference != grid.frame_of_reference:
            continue
        said = segment.description
        organ = organ_called(said.label, said.property_type[0])
        is_organ = said.category[0] == _ANATOMY or organ == VERTEBRAE
        yield _Drawn(
            name=organ if is_organ else said.label,
            is_lesion=not is_organ,
            mask=nearest_on(segment.mask, grid),
            file=file,
        )


def _is_structure_set(file: FileRef) -> bool:
    [instance] = series_of((file,)).instances
    return str(instance.header.get("Modality") or "") == "RTSTRUCT"


def organ_called(label: str, code: str) -> str:
    """The organ's one name; vertebrae L2 to L4 are one, and no lesion.

    >>> organ_called("L2-L4", ""), organ_called("kidney_left", ""), organ_called("L2", "")
    ('vertebrae L2-L4', 'left kidney', 'l2')
    """
    if re.fullmatch(r"(vertebrae )?l2 ?(-|–|to|_) ?l4", label.strip().casefold()):
        return VERTEBRAE
    return organ_named(label, code)


def _is_known(organ: str) -> bool:
    return organ in ORGAN_NAMES or organ == VERTEBRAE


def _box_of(masks: Sequence[Mask], grid: Grid) -> tuple[slice, slice, slice]:
    """Voxels around all masks, with the margin."""
    inside = np.logical_or.reduce([mask.inside for mask in masks])
    box = []
    for axis, spacing in enumerate(grid.spacing_mm):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(inside.any(axis=others))
        margin = math.ceil(MARGIN_MM / spacing)
        box.append(slice(max(0, int(hit[0]) - margin), int(hit[-1]) + 1 + margin))
    return box[0], box[1], box[2]


def _cropped(grid: Grid, box: tuple[slice, slice, slice]) -> Grid:
    first = [part.start for part in box]
    affine = grid.affine.copy()
    affine[:3, 3] = grid.position_of(first)
    shape = [min(part.stop, n) - part.start for part, n in zip(box, grid.shape, strict=True)]
    return Grid((shape[0], shape[1], shape[2]), affine, grid.frame_of_reference)
