"""Tell apart the volumes of a series: first by contrast, then by time."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from operandi.imaging.dicom.classify import b_values_of
from operandi.imaging.dicom.geometry import SAME_PLACE_MM, Plane
from operandi.imaging.dicom.header import Header
from operandi.quantities.errors import DataError

Key = tuple[tuple[str, str], ...]
"""What sets a volume apart: names and values."""


def split(planes: Sequence[Plane], description: str) -> list[tuple[Key, list[Plane]]]:
    """Separate what is imaged repeatedly at one place.

    Parameters
    ----------
    planes : sequence of Plane
        All of a series, parallel.
    description : str
        Of the series, for refusals.

    Returns
    -------
    list of (Key, list of Plane)
        Every plane in exactly one volume, every volume with every place once, in order of keys.

    Raises
    ------
    DataError
        If slices of some volumes are missing, or nothing tells two images of one place apart.
    """
    place = _places(planes)
    groups: dict[Key, list[Plane]] = defaultdict(list)
    for plane, key in zip(planes, _contrasts(planes), strict=True):
        groups[key].append(plane)
    if len(set(place.values())) == len(planes):
        _refuse_mixed_contrast(groups, description)
        return [((), list(planes))]
    constant = set.intersection(*(set(key) for key in groups))
    result: list[tuple[Key, list[Plane]]] = []
    for key in sorted(groups, key=_natural):
        short = tuple(part for part in key if part not in constant)
        result += [(short + time, part) for time, part in _by_time(groups[key], place, description)]
    _refuse_incomplete(result, place, description)
    return result


_Places = dict[Plane, int]


def _places(planes: Sequence[Plane]) -> _Places:
    """Number the places along the normal; planes closer than the tolerance share one."""
    ordered = sorted(planes, key=lambda plane: plane.distance_mm)
    gaps = np.diff([plane.distance_mm for plane in ordered], prepend=-np.inf)
    numbers = np.cumsum(gaps >= SAME_PLACE_MM).tolist()
    return dict(zip(ordered, numbers, strict=True))


SAME_CONTRAST: Final = 1e-3
"""Milliseconds, degrees or s/mm2. What is closer was rounded differently: no sequence sets echoes a
microsecond apart, in which fat turns by a sixth of a degree against water at 3 T."""

_CONTINUOUS: Final = (
    "echo time (ms)", "inversion time (ms)", "flip angle (deg)", "b-value (s/mm2)",
)  # fmt: skip


def _contrasts(planes: Sequence[Plane]) -> list[Key]:
    """Contrast of each plane; numbers that are the same but for rounding are one."""
    stated = [_contrast_of(plane.slice.header) for plane in planes]
    for name in _CONTINUOUS:
        numbers = {one[name] for one in stated if isinstance(one[name], int | float)}
        leader: dict[Any, Any] = {}
        first = -math.inf
        for number in sorted(numbers):
            first = first if number - first <= SAME_CONTRAST else number
            leader[number] = first
        for one in stated:
            one[name] = leader.get(one[name], one[name])
    return [tuple((name, _text(value)) for name, value in one.items()) for one in stated]


def _contrast_of(header: Header) -> dict[str, Any]:
    b_values = b_values_of(header)
    contrast = header.get("ImageType")
    return {
        "contrast": "\\".join(map(str, contrast[2:])) if isinstance(contrast, tuple) else "",
        "component": header.get("ComplexImageComponent") or header.get("GEImageComponent"),
        "echo time (ms)": header.get("EchoTime") or header.get("EchoNumbers"),
        "inversion time (ms)": header.get("InversionTime"),
        "flip angle (deg)": header.get("FlipAngle"),
        "b-value (s/mm2)": b_values[0] if b_values else "",
        "diffusion direction": _direction_of(header),
    }


def _direction_of(header: Header) -> Any:
    for keyword in ("DiffusionGradientOrientation", "SiemensGradientDirection"):
        if header.get(keyword):
            return header[keyword]
    return tuple(header.get(f"GEGradient{axis}") or 0.0 for axis in "XYZ")


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(_text(part) for part in value)
    # Adding 0 makes -0 the 0 that it is.
    return f"{value + 0.0:.6g}" if isinstance(value, int | float) else str(value or "")


def _natural(key: Key) -> tuple[tuple[float, str], ...]:
    """Sort numbers by value and words by letter."""
    return tuple((_as_number(text), text) for _, text in key)


def _as_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return math.inf
    return number if math.isfinite(number) else math.inf


def _refuse_mixed_contrast(groups: dict[Key, list[Plane]], description: str) -> None:
    """One slice a place but of different weighting would make a volume of no meaning."""
    if len(groups) == 1:
        return
    (one, (first, *_)), (other, (second, *_)), *_ = groups.items()
    name, stated, differing = next(
        (name, a, b) for (name, a), (_, b) in zip(one, other, strict=True) if a != b
    )
    raise DataError(
        f"Series {description!r} mixes {name} without repeating positions: {stated or 'none'!r} in "
        f"{first.slice.name}, {differing or 'none'!r} in {second.slice.name}; slices of some "
        "volumes are missing.",
        remedy="Export the complete series.",
    )


def _refuse_incomplete(
    volumes: Sequence[tuple[Key, list[Plane]]], place: _Places, description: str
) -> None:
    everywhere = {number: plane for plane, number in place.items()}
    for key, planes in volumes:
        missing = everywhere.keys() - {place[plane] for plane in planes}
        if missing:
            there = everywhere[min(missing)]
            raise DataError(
                f"The volume of series {description!r} with "
                f"{', '.join(f'{name} {value}' for name, value in key)} lacks {len(missing)} "
                f"slice(s) that the others have, such as the one at the position of "
                f"{there.slice.name} ({there.distance_mm:.2f} mm).",
                remedy="Export the complete series.",
            )


_TIMES: Final[tuple[tuple[str, Callable[[Header], Any]], ...]] = (
    ("temporal position", lambda h: h.get("TemporalPositionIdentifier")),
    ("acquisition", lambda h: h.get("AcquisitionNumber")),
    ("trigger time (ms)", lambda h: h.get("TriggerTime")),
    ("acquisition time", lambda h: _moment(h, "Acquisition")),
    ("frame reference time (ms)", lambda h: h.get("FrameReferenceTime")),
    ("content time", lambda h: _moment(h, "Content")),
)


def _moment(header: Header, event: str) -> str:
    date, time = header.get(f"{event}Date") or "", header.get(f"{event}Time") or ""
    both = "" if date and time else header.get(f"{event}DateTime") or ""
    return str(both or f"{date}{time}")


_MOMENT: Final = re.compile(
    r"(?P<date>\d{8})?(?P<hours>\d\d)(?P<minutes>\d\d)?(?P<seconds>\d\d(\.\d*)?)?([+-]\d{4})?"
)
_HALF_A_DAY_S: Final = 12 * 3600.0
_DAY_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Clock:
    """Times that may have passed midnight unseen: their order is not that of their digits."""

    name: str
    seconds: dict[Plane, float]

    def accepts(self, parts: Sequence[Sequence[Plane]]) -> bool:
        """Whether the clock, read in the order of these parts, goes round by less than half."""
        at = [self.seconds[part[0]] for part in parts]
        return sum((b - a) % _DAY_S for a, b in pairwise(at)) < _HALF_A_DAY_S


def _clock(name: str, planes: Sequence[Plane], event: str) -> _Clock | None:
    """Return what the clock says where no date tells days apart and half a day seems to pass."""
    found = [_MOMENT.fullmatch(_moment(plane.slice.header, event)) for plane in planes]
    if not all(found):
        return None
    parts = [one.groupdict() for one in found if one is not None]
    seconds = [
        3600.0 * int(one["hours"]) + 60.0 * int(one["minutes"] or 0) + float(one["seconds"] or 0)
        for one in parts
    ]
    if len({one["date"] for one in parts}) > 1 or max(seconds) - min(seconds) < _HALF_A_DAY_S:
        return None
    return _Clock(name, dict(zip(planes, seconds, strict=True)))


_EVENTS: Final = {"acquisition time": "Acquisition", "content time": "Content"}


def _by_time(
    planes: list[Plane], place: _Places, description: str
) -> list[tuple[Key, list[Plane]]]:
    """Use the first time attribute of which every value has every place once.

    Of a time of day without a date, or always of the same, that spans more than half a day, the
    scan may have passed midnight; then the next attribute decides, and must agree with the clock.
    """
    places = {place[plane] for plane in planes}
    if len(places) == len(planes):
        return [((), planes)]
    clocks: list[_Clock] = []
    for name, time_of in _TIMES:
        parts: dict[Any, list[Plane]] = defaultdict(list)
        for plane in planes:
            parts[time_of(plane.slice.header)].append(plane)
        if len({type(time) for time in parts}) > 1 or not all(
            len(part) == len(places) == len({place[plane] for plane in part})
            for part in parts.values()
        ):
            continue
        clock = _clock(name, planes, _EVENTS[name]) if name in _EVENTS else None
        if clock is not None:
            clocks.append(clock)
            continue
        times = sorted(parts)
        _refuse_midnight(clocks, [parts[time] for time in times], description)
        return [(((name, _text(time)),), parts[time]) for time in times]
    repetitions = _repetitions(planes, place, places=len(places))
    if not repetitions and not clocks:
        _refuse_unclear(planes, place, description)
    _refuse_midnight(clocks, repetitions, description)
    return [
        ((("repetition", str(number)),), part) for number, part in enumerate(repetitions, start=1)
    ]


def _refuse_midnight(
    clocks: Sequence[_Clock], parts: Sequence[Sequence[Plane]], description: str
) -> None:
    """Refuse an order that the clock contradicts, and none where the clock was the last resort."""
    for clock in clocks:
        if parts and clock.accepts(parts):
            continue
        early, late = (pick(clock.seconds, key=clock.seconds.__getitem__) for pick in (min, max))
        event = _EVENTS[clock.name]
        raise DataError(
            f"Series {description!r} has {event}Time {_moment(early.slice.header, event)} in "
            f"{early.slice.name} and {_moment(late.slice.header, event)} in {late.slice.name}, "
            f"without {event}Dates that differ: nothing tells which was first, because the scan "
            "may have passed midnight.",
            remedy=f"Export the series with {event}Date or TemporalPositionIdentifier.",
        )


def _repetitions(planes: Sequence[Plane], place: _Places, *, places: int) -> list[list[Plane]]:
    """Split by InstanceNumber where nothing else tells time, as dynamic MR objects exist.

    Only where the numbers run regularly, time by time or place by place; never for PET, where a
    repeated slice is a mistake.
    """
    numbers = [plane.slice.header.get("InstanceNumber") for plane in planes]
    if (
        planes[0].slice.header.get("Modality") != "MR"
        or not all(isinstance(number, int) for number in numbers)
        or len(set(numbers)) != len(planes)
        or len(planes) % places
    ):
        return []
    ordered = sorted(planes, key=lambda plane: plane.slice.header["InstanceNumber"])
    sequence = [place[plane] for plane in ordered]
    times = len(planes) // places
    if sequence == sequence[:places] * times:
        return [ordered[t * places : (t + 1) * places] for t in range(times)]
    if sequence == [number for number in sequence[::times] for _ in range(times)]:
        return [ordered[t::times] for t in range(times)]
    return []


def _refuse_unclear(planes: Iterable[Plane], place: _Places, description: str) -> None:
    at: dict[int, list[Plane]] = defaultdict(list)
    for plane in planes:
        at[place[plane]].append(plane)
    usual = Counter(len(there) for there in at.values()).most_common(1)[0][0]
    for there in at.values():
        if len(there) != usual:
            raise DataError(
                f"Series {description!r} images the position of {there[0].slice.name} "
                f"({there[0].distance_mm:.2f} mm) {len(there)} times where the others are imaged "
                f"{usual} times: slices are missing or were sent twice.",
                remedy="Export the complete series.",
            )
    one, two = next(there for there in at.values() if len(there) > 1)[:2]
    raise DataError(
        f"Series {description!r} images one position repeatedly, and neither contrast nor time "
        f"tells the images apart: {one.slice.name} and {two.slice.name}.",
        remedy="Export the series again; a slice may have been sent twice.",
    )
