"""Reconstructed SPECT in nuclear medicine objects (NM): where each of its frames lies.

An NM object has no functional groups. Position and orientation stand in the item of the detector,
and the sign of SpacingBetweenSlices says to which side of the first slice the others lie.

References
----------
.. [1] DICOM PS3.3 C.8.4.8 (NM Multi-frame), C.8.4.11 (NM Detector) and C.8.4.15 (NM
   Reconstruction).
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.header import Header
from operandi.imaging.dicom.vectors import normal_of, vector_of
from operandi.quantities.errors import DataError, UnsupportedError

NUCLEAR_MEDICINE_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.20"

_PLACE: Final = ("ImagePositionPatient", "ImageOrientationPatient")
_SAME: Final = 1e-3
"""mm, and of a direction cosine: two statements of one place, written with six digits."""
_ONE_EACH: Final = (
    "EnergyWindowVector", "DetectorVector", "PhaseVector", "RRIntervalVector", "TimeSlotVector",
    "TimeSliceVector",
)  # fmt: skip
"""What may tell frames of one place apart. A single volume has one value of each."""
_SCALE_AGREEMENT: Final = 1e-3


def reconstruction_frames(file: FileRef, header: Header) -> list[Header]:
    """Flatten a RECON TOMO object: one header a frame, as a single-frame image would have it.

    The position of slice *n* (SliceVector, from 1) is ``p + (n - 1) d (r x c)``, with *p*
    ImagePositionPatient, *r* and *c* the rows of ImageOrientationPatient and *d* the signed
    SpacingBetweenSlices. GE writes *d* < 0 and the first slice at the head.

    Parameters
    ----------
    file : FileRef
        For refusals.
    header : Header
        Of the object; its SOP class is NM and its type RECON TOMO.

    Returns
    -------
    list of Header
        In order of the frames, with RescaleSlope and RescaleIntercept where GE states them as its
        own pixel scale and offset.

    Raises
    ------
    DataError
        If position, orientation or the direction of stacking are missing or ambiguous, slices do
        not count from 1, or two scales contradict each other.
    UnsupportedError
        If frames of several energy windows, detectors or times share the object.
    """
    count = header.get("NumberOfFrames") or 1
    if not isinstance(count, int):
        raise DataError(f"{file} states NumberOfFrames {count!r}.", remedy=_EXPORT_AGAIN)
    _refuse_several(file, header)
    numbers = _slice_numbers(file, header, count)
    place = _place(file, header)
    step = _step_mm(file, header, count)
    position = vector_of(place, "ImagePositionPatient", 3, str(file))
    orientation = vector_of(place, "ImageOrientationPatient", 6, str(file))
    along = normal_of(orientation) * step
    common = {**header, **place, **_scale(file, header)}
    return [
        {**common, "ImagePositionPatient": tuple((position + (number - 1) * along).tolist())}
        for number in numbers
    ]


_EXPORT_AGAIN: Final = "Export the reconstruction again from the workstation that made it."


def _refuse_several(file: FileRef, header: Header) -> None:
    for keyword in _ONE_EACH:
        value = header.get(keyword)
        found = set(value if isinstance(value, tuple) else (value,))
        if len(found) > 1:
            raise UnsupportedError(
                f"{file} holds frames of several volumes: {keyword} has "
                f"{len(found)} different values.",
                remedy="Export each reconstruction as an object of its own.",
            )


def _slice_numbers(file: FileRef, header: Header, count: int) -> Sequence[int]:
    """Which slice each frame is; the frames' own order where the object numbers none."""
    stated = header.get("SliceVector")
    slices = header.get("NumberOfSlices")
    if slices not in {None, "", count}:
        raise DataError(
            f"{file} states NumberOfSlices {slices} and NumberOfFrames {count}; needed as many "
            "frames as slices.",
            remedy=_EXPORT_AGAIN,
        )
    if stated is None:
        return range(1, count + 1)
    numbers: tuple[Any, ...] = stated if isinstance(stated, tuple) else (stated,)
    if sorted(numbers) != list(range(1, count + 1)):
        raise DataError(
            f"SliceVector of {file} does not number its {count} frames from 1 to {count}, each "
            "once.",
            remedy=_EXPORT_AGAIN,
        )
    return numbers


def _place(file: FileRef, header: Header) -> dict[str, Any]:
    """Position and orientation of the first slice, which all that state them must agree on."""
    detectors: Sequence[Header] = header.get("DetectorInformationSequence") or ()
    used = header.get("DetectorVector")
    first = used[0] if isinstance(used, tuple) else used
    if len(detectors) > 1 and isinstance(first, int) and 1 <= first <= len(detectors):
        detectors = (detectors[first - 1],)
    place: dict[str, Any] = {}
    for keyword in _PLACE:
        stated = [
            (where, item[keyword])
            for where, item in (
                *((f"detector {n}", item) for n, item in enumerate(detectors, start=1)),
                ("the object itself", header),
            )
            if item.get(keyword)
        ]
        if not stated:
            raise DataError(
                f"{file} states no {keyword}, neither in DetectorInformationSequence nor itself: "
                "which way its slices face is unknown.",
                remedy=_EXPORT_AGAIN,
            )
        for where, value in stated[1:]:
            if not _same(value, stated[0][1]):
                raise DataError(
                    f"{keyword} of {file} is {stated[0][1]} by {stated[0][0]} but {value} by "
                    f"{where}.",
                    remedy=_EXPORT_AGAIN,
                )
        place[keyword] = stated[0][1]
    return place


def _same(one: Any, two: Any) -> bool:
    return (
        isinstance(one, tuple)
        and isinstance(two, tuple)
        and len(one) == len(two)
        and all(isinstance(value, int | float) for value in (*one, *two))
        and bool(np.abs(np.subtract(one, two)).max() <= _SAME)
    )


def _step_mm(file: FileRef, header: Header, count: int) -> float:
    """Signed distance from slice to slice. SliceThickness would not say the direction."""
    stated = header.get("SpacingBetweenSlices")
    if count == 1 and stated in {None, ""}:
        return 0.0
    if not isinstance(stated, int | float) or not math.isfinite(stated) or stated == 0:
        raise DataError(
            f"{file} states SpacingBetweenSlices {stated!r}; its sign alone says to which side of "
            "the first slice the others lie, and without it head and feet may be exchanged.",
            remedy=_EXPORT_AGAIN,
        )
    thickness = header.get("SliceThickness")
    if isinstance(thickness, int | float) and 0 < thickness > 1.5 * abs(stated):
        raise DataError(
            f"{file} states SpacingBetweenSlices {stated:g} mm and SliceThickness {thickness:g} "
            "mm: reconstructed slices neither overlap like this nor is the first a gap.",
            remedy=_EXPORT_AGAIN,
        )
    return float(stated)


def _scale(file: FileRef, header: Header) -> dict[str, float]:
    """GE stores reconstructions stretched to 16 bits and keeps the factor in a private tag.

    Seen in a Xeleris 4 header: a pixel scale of 4.1795 and a window of 136 920 over stored values
    of at most 32 767. Each reconstruction has its own factor.
    """
    scale, offset = header.get("GEPixelScale"), header.get("GEPixelOffset")
    slope = header.get("RescaleSlope")
    if isinstance(scale, int | float) and scale > 0:
        if slope is None:
            return {"RescaleSlope": float(scale), "RescaleIntercept": float(offset or 0.0)}
        if header.get("Units") != "BQML" and not math.isclose(
            float(slope), float(scale), rel_tol=_SCALE_AGREEMENT
        ):
            raise DataError(
                f"{file} states RescaleSlope {slope:g} and GE's pixel scale (0011,103B) "
                f"{scale:g}: which of them its counts are stored with is unknown.",
                remedy=_EXPORT_AGAIN,
            )
    private = header.get("SiemensRescaleSlope")
    if slope is None and isinstance(private, int | float) and not math.isclose(private, 1.0):
        raise DataError(
            f"{file} states no RescaleSlope, but Siemens' private one (0057,1007) is {private:g}.",
            remedy="Export it with RescaleSlope and RescaleIntercept.",
        )
    return {}


def projection_time_s(header: Header) -> float | None:
    """Time over which all projections together were acquired, s; None where it is not told.

    ``sum over rotations of NumberOfFramesInRotation * ActualFrameDuration``: 60 projections of
    25 s make 1500 s, of however many heads they came. GE's reconstructions describe one rotation
    of one frame over no arc, the duration of which is that of a single projection; they do not
    tell.
    """
    total_s = 0.0
    for rotation in header.get("RotationInformationSequence") or ():
        frames, milliseconds = (
            rotation.get("NumberOfFramesInRotation"),
            rotation.get("ActualFrameDuration"),
        )
        if not isinstance(frames, int) or not isinstance(milliseconds, int | float):
            return None
        if frames < 2 or milliseconds <= 0 or rotation.get("ScanArc") == 0:
            return None
        total_s += frames * milliseconds / 1000.0
    return total_s or None


def energy_windows_kev(header: Header) -> tuple[tuple[float, float], ...]:
    """Limits of the energy window the reconstruction is of, keV; empty where it is not told.

    A window may have several ranges. Scatter windows listed beside it are not of the image.
    """
    windows: Sequence[Header] = header.get("EnergyWindowInformationSequence") or ()
    used = header.get("EnergyWindowVector")
    number = used[0] if isinstance(used, tuple) else used
    if len(windows) > 1:
        if not isinstance(number, int) or not 1 <= number <= len(windows):
            return ()
        windows = (windows[number - 1],)
    ranges = [
        (item.get("EnergyWindowLowerLimit"), item.get("EnergyWindowUpperLimit"))
        for window in windows
        for item in window.get("EnergyWindowRangeSequence") or ()
    ]
    if not all(isinstance(end, int | float) for pair in ranges for end in pair):
        return ()
    return tuple(sorted((float(low), float(high)) for low, high in ranges))


def collimator_of(header: Header) -> str:
    """CollimatorGridName, which all detectors must share; empty where it is not told."""
    detectors: Sequence[Header] = header.get("DetectorInformationSequence") or ()
    names = {str(item.get("CollimatorGridName") or "").strip() for item in detectors}
    return names.pop() if len(names) == 1 else ""


def camera_of(header: Header) -> str:
    """Serial number of the camera, else its station name; empty where neither is told."""
    for keyword in ("DeviceSerialNumber", "StationName"):
        value = str(header.get(keyword) or "").strip()
        if value:
            return value
    return ""
