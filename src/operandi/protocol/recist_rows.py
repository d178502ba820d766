"""From the tables recist_lesions and recist_reads to the readings of RECIST 1.1."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Protocol

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist_reads import (
    REMEDY,
    Category,
    LesionRead,
    Modality,
    Reading,
    RecistLesion,
    Role,
    Seen,
)
from operandi.quantities.errors import DataError


class LesionRow(Protocol):
    """A row of the table recist_lesions."""

    @property
    def participant(self) -> str:
        """Pseudonym."""

    @property
    def lesion(self) -> str:
        """Name of the lesion, the same at every exam."""

    @property
    def organ(self) -> str:
        """Organ, or station of a node."""

    @property
    def side(self) -> str | None:
        """Side of a paired organ."""

    @property
    def node(self) -> bool:
        """Whether it is a lymph node."""

    @property
    def category(self) -> str:
        """Code of a ``Category``."""

    @property
    def previously_irradiated(self) -> bool:
        """Whether it lay in a radiation field before."""

    @property
    def progressed_since_irradiation(self) -> bool | None:
        """None where nobody said."""


class ReadRow(Protocol):
    """A row of the table recist_reads."""

    @property
    def participant(self) -> str:
        """Pseudonym."""

    @property
    def reader(self) -> str:
        """Who read."""

    @property
    def role(self) -> str:
        """Code of a ``Role``."""

    @property
    def exam_on(self) -> date:
        """Day of the exam."""

    @property
    def lesion(self) -> str:
        """Name of the lesion, the same at every exam."""

    @property
    def modality(self) -> str:
        """Code of a ``Modality``."""

    @property
    def slice_thickness_mm(self) -> Decimal | None:
        """Above 0 mm."""

    @property
    def diameter_mm(self) -> Decimal | None:
        """Short axis of a node, else longest diameter."""

    @property
    def state(self) -> str:
        """Code of a ``Seen``."""

    @property
    def place(self) -> str:
        """File and line, for refusals."""


def from_rows(lesions: Iterable[LesionRow], reads: Iterable[ReadRow]) -> tuple[Reading, ...]:
    """Gather the rows of both tables to one reading a participant, role and reader.

    The lesions of a participant are those of every reader: the table names no reader.

    Raises
    ------
    DataError
        If rows contradict each other; the contradictions of all readers are named, with the row
        where it is one row's.
    """
    listed: dict[str, list[RecistLesion]] = {}
    for row in lesions:
        lesion = RecistLesion(
            name=row.lesion,
            organ=row.organ,
            node=row.node,
            category=Category(row.category),
            side=row.side,
            previously_irradiated=row.previously_irradiated,
            progressed_since_irradiation=row.progressed_since_irradiation,
        )
        listed.setdefault(row.participant, []).append(lesion)
    faults: list[str] = []
    seen: dict[tuple[str, Role, str], list[LesionRead]] = {}
    for read in reads:
        by_reader = seen.setdefault((read.participant, Role(read.role), read.reader), [])
        try:
            by_reader.append(_read(read))
        except DataError as refusal:
            faults.append(f"{read.place}: {refusal}")
    readings: list[Reading] = []
    for (participant, role, reader), read_by in sorted(seen.items()):
        chosen = tuple(listed.get(participant, ()))
        try:
            readings.append(Reading(participant, reader, role, chosen, tuple(read_by)))
        except DataError as refusal:
            faults.append(refusal.what)
    if faults:
        raise DataError(" ".join(faults), remedy=REMEDY)
    return tuple(readings)


def _read(row: ReadRow) -> LesionRead:
    return LesionRead(
        lesion=row.lesion,
        on=DateInterval.on(row.exam_on),
        state=Seen(row.state),
        diameter_mm=row.diameter_mm,
        modality=Modality(row.modality),
        slice_thickness_mm=row.slice_thickness_mm,
    )
