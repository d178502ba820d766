"""Readings written as a table: by day after the start, what was seen of each lesion."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Assessed, Response, TimepointResponse, assess
from operandi.protocol.recist_reads import (
    Category,
    LesionRead,
    Modality,
    Reading,
    RecistLesion,
    Role,
    Seen,
)

START = date(2025, 1, 1)


def day(after_start: int) -> DateInterval:
    return DateInterval.on(START + timedelta(days=after_start))


def target(name: str, organ: str = "liver", *, node: bool = False, **more: bool) -> RecistLesion:
    return RecistLesion(name, organ, node, Category.TARGET, **more)  # type: ignore[arg-type]


def non_target(name: str, organ: str = "bone", *, node: bool = False) -> RecistLesion:
    return RecistLesion(name, organ, node, Category.NON_TARGET)


def a_read(lesion: str, on: int, what: str | Seen, *, slice_mm: str | None = "3") -> LesionRead:
    """A size in mm, or what else was seen; on CT with slices of 3 mm unless said otherwise."""
    measured = not isinstance(what, Seen)
    return LesionRead(
        lesion=lesion,
        on=day(on),
        state=Seen.MEASURED if measured else what,  # type: ignore[arg-type]
        diameter_mm=Decimal(what) if measured else None,
        modality=Modality.CT,
        slice_thickness_mm=Decimal(slice_mm) if slice_mm else None,
    )


def a_reading(
    lesions: Iterable[RecistLesion],
    seen: Mapping[int, Mapping[str, str | Seen]],
    *,
    role: Role = Role.INVESTIGATOR,
) -> Reading:
    reads = [a_read(name, on, what) for on, row in seen.items() for name, what in row.items()]
    return Reading("P-001", f"Dr {role}", role, tuple(lesions), tuple(reads))


def assessed(
    lesions: Iterable[RecistLesion], seen: Mapping[int, Mapping[str, str | Seen]]
) -> Assessed:
    return assess(a_reading(lesions, seen), treatment_start=START)


def overall(assessment: Assessed) -> list[str]:
    return [str(one.overall) for one in assessment.timepoints]


def course_of(responses: Mapping[int, str]) -> tuple[TimepointResponse, ...]:
    """Overall responses by day after the start."""
    return tuple(
        TimepointResponse(day(on), Response(response)) for on, response in responses.items()
    )
