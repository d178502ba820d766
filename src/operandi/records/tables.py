"""What the tables of a study say, row by row, and what is wrong with them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from operandi.domain.administration import Administration
from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.domain.participant import Participant
from operandi.quantities.decay import remaining_fraction
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import Nuclide
from operandi.records.names import IMAGE_TABLES
from operandi.records.plausible import MOST_HALF_LIVES_APART
from operandi.records.row import Row


def line_word(file: str) -> str:
    """Name what a row of *file* is called where people look for it."""
    return "row" if file.lower().endswith(".parquet") else "line"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a table, where it stands and what mends it.

    Parameters
    ----------
    table : str
        Name of the table; empty where the whole folder is meant.
    file : str
        Name of the file, without its folder.
    row : int or None
        Line in a CSV file, counted from 1 with the header; row in a Parquet file, from 1. None
        where the file as a whole is meant.
    column, value : str
        The cell; empty where a row or a file is meant.
    problem, remedy : str
        Clauses without a full stop: what was found, and what to do.
    participant, timepoint : str
        Whose, where the row says so in a readable way.
    camera : str
        Of which camera, in the tables of cameras, where the row says so.
    """

    table: str
    file: str
    row: int | None
    column: str
    value: str
    problem: str
    remedy: str
    participant: str = ""
    timepoint: str = ""
    camera: str = ""

    def __str__(self) -> str:
        whose = " ".join(filter(None, (self.participant, self.timepoint)))
        place = (
            self.file
            + (f", {line_word(self.file)} {self.row}" if self.row is not None else "")
            + (f", column {self.column}" if self.column else "")
            + (f" ({whose})" if whose else "")
        )
        found = f"{self.value!r} {self.problem}" if self.value else self.problem
        return f"{place}: {found}; {self.remedy}."


@dataclass(frozen=True, slots=True)
class ImagingVisit:
    """A visit at which images were taken.

    Parameters
    ----------
    participant : Pseudonym
        Who came.
    timepoint : TimepointCode
        The planned visit it fulfills.
    on : date
        The day.
    study_instance_uid : str
        DICOM study of the visit; empty where the table states none.
    """

    participant: Pseudonym
    timepoint: TimepointCode
    on: date
    study_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class Vitals:
    """Body mass and height, measured for a visit.

    Parameters
    ----------
    participant, timepoint : Pseudonym, TimepointCode
        Whose, and for which visit.
    measured_on : date
        The day of measurement.
    body_mass_kg : float
        Body mass, kg.
    height_m : float or None
        Height, m; None where it was not measured.
    """

    participant: Pseudonym
    timepoint: TimepointCode
    measured_on: date
    body_mass_kg: float
    height_m: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TracerAdministration:
    """What was drawn up, injected and left in the syringe for a visit.

    Parameters
    ----------
    participant, timepoint : Pseudonym, TimepointCode
        Whose, and for which visit.
    tracer : str
        The compound, as the site names it.
    nuclide : Nuclide
        What decays.
    activity_bq : float
        Activity in the syringe at ``assayed_at``, Bq.
    assayed_at, injected_at : datetime, aware UTC
        Instants of assay and injection.
    residual_bq : float
        Activity left in the syringe and line at ``residual_at``, Bq; 0 where the site states 0.
    residual_at : datetime, aware UTC, or None
        Instant of the residual's assay; None only where the residual is 0.
    """

    participant: Pseudonym
    timepoint: TimepointCode
    tracer: str
    nuclide: Nuclide
    activity_bq: float
    assayed_at: datetime
    injected_at: datetime
    residual_bq: float
    residual_at: datetime | None

    @property
    def half_lives_apart(self) -> float:
        """Longest time between injection and an assay, in half-lives of the nuclide."""
        assays = (self.assayed_at, self.residual_at or self.injected_at)
        return max(abs(self._elapsed_s(at)) for at in assays) / self.nuclide.half_life_s

    @property
    def activity_at_injection_bq(self) -> float:
        """Activity in the syringe, decayed from its assay to the injection, Bq."""
        return self.activity_bq * self._decay_to_injection(self.assayed_at)

    def net(self) -> Administration:
        """Activity that entered the participant, at the instant of injection.

        ``A = A0 * 2 ** (-(t - t0) / T)  -  R * 2 ** (-(t - tR) / T)``

        with *A0* assayed at *t0*, residual *R* assayed at *tR*, injection at *t* and the
        evaluated half-life *T*. The residual is usually assayed after injection, so its term
        grows backwards.

        Raises
        ------
        DataError
            If the instants lie more than ten half-lives apart, or nothing is left of the
            activity.
        """
        whose = f"{self.participant} {self.timepoint}"
        if self.half_lives_apart > MOST_HALF_LIVES_APART:
            raise DataError(
                f"Assay, injection and residual of {whose} lie {self.half_lives_apart:.0f} "
                f"half-lives of {self.nuclide.name} apart; needed at most "
                f"{MOST_HALF_LIVES_APART:.0f}.",
                remedy="Correct the date of assay, injection or residual.",
            )
        activity_bq = self.activity_at_injection_bq
        if self.residual_at is not None:
            activity_bq -= self.residual_bq * self._decay_to_injection(self.residual_at)
        if not activity_bq > 0:
            raise DataError(
                f"The net activity of {whose} at injection must be > 0, got "
                f"{activity_bq / 1e6:.4g} MBq.",
                remedy="Correct activity, residual or their times in tracer_administrations.",
            )
        return Administration(
            nuclide=self.nuclide,
            activity_bq=activity_bq,
            at=self.injected_at,
            half_life_s=self.nuclide.half_life_s,
        )

    def _elapsed_s(self, since: datetime) -> float:
        return (self.injected_at - since).total_seconds()

    def _decay_to_injection(self, since: datetime) -> float:
        return remaining_fraction(self._elapsed_s(since), half_life_s=self.nuclide.half_life_s)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One cycle of radioligand therapy.

    Parameters
    ----------
    participant : Pseudonym
        Whose.
    number : int, >= 1
        Which cycle.
    on : date
        Day of administration.
    activity_bq : float
        Administered activity, Bq.
    nuclide : Nuclide
        What was administered.
    administered_at : datetime or None
        Start of the infusion, aware; None where it is not recorded.
    """

    participant: Pseudonym
    number: int
    on: date
    activity_bq: float
    nuclide: Nuclide
    administered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRegion:
    """A sphere that a reader placed in an organ.

    Parameters
    ----------
    participant, timepoint : Pseudonym, TimepointCode
        In whose images, of which visit.
    organ : str
        The organ, such as ``"liver"``.
    center_mm : tuple of float, (x, y, z)
        Center in patient LPS, mm.
    radius_mm : float, > 0
        Radius, mm.
    reader : str
        Who placed it.
    """

    participant: Pseudonym
    timepoint: TimepointCode
    organ: str
    center_mm: tuple[float, float, float]
    radius_mm: float
    reader: str


_OfVisitT = TypeVar("_OfVisitT", ImagingVisit, Vitals, TracerAdministration, ReferenceRegion)


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The tables of a study: the rows that hold, and what is wrong with the others.

    Every row belongs to one of ``participants``, but for those of tables without participants. The
    order is by participant and then by date or number, whatever the order in the files.

    Parameters
    ----------
    participants, visits, vitals, administrations, cycles, regions : tuple
        The nouns of the imaging road, in canonical units.
    faults : tuple of Fault
        All that is wrong.
    rows : mapping of str to tuple of Row
        The rows of every table by its name, as they are written; empty where a table has none.
    """

    participants: tuple[Participant, ...] = ()
    visits: tuple[ImagingVisit, ...] = ()
    vitals: tuple[Vitals, ...] = ()
    administrations: tuple[TracerAdministration, ...] = ()
    cycles: tuple[Cycle, ...] = ()
    regions: tuple[ReferenceRegion, ...] = ()
    faults: tuple[Fault, ...] = ()
    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)

    def participant(self, pseudonym: str) -> Participant | None:
        """Find a participant; None where no valid row names them."""
        return next((p for p in self.participants if p.pseudonym == pseudonym), None)

    def visit_at(self, pseudonym: str, timepoint: str) -> ImagingVisit | None:
        """Find the visit of a participant at a timepoint, if it is recorded."""
        return next(_at(self.visits, pseudonym, timepoint), None)

    def vitals_at(self, pseudonym: str, timepoint: str) -> Vitals | None:
        """Find mass and height for a visit, if they are recorded."""
        return next(_at(self.vitals, pseudonym, timepoint), None)

    def administration_at(self, pseudonym: str, timepoint: str) -> TracerAdministration | None:
        """Find the tracer administration of a visit, if it is recorded."""
        return next(_at(self.administrations, pseudonym, timepoint), None)

    def cycle(self, pseudonym: str, number: int) -> Cycle | None:
        """Find a therapy cycle, if it is recorded."""
        of_participant = (c for c in self.cycles if c.participant == pseudonym)
        return next((c for c in of_participant if c.number == number), None)

    def regions_at(self, pseudonym: str, timepoint: str) -> tuple[ReferenceRegion, ...]:
        """Find the reference regions placed in the images of a visit."""
        return tuple(_at(self.regions, pseudonym, timepoint))

    def faults_of(self, pseudonym: str, timepoint: str) -> tuple[Fault, ...]:
        """Why something may be missing for this visit.

        The faults of this participant, in the tables of the imaging road, that name this
        timepoint, or none that can be read. All others stand in ``faults`` only.
        """
        return tuple(
            fault
            for fault in self.faults
            if fault.participant == pseudonym
            and fault.timepoint in ("", timepoint)
            and fault.table in IMAGE_TABLES
        )

    def unread(self, name: str) -> tuple[Fault, ...]:
        """Faults of a table that name no participant of the study.

        A row of anybody may be among what such a fault left out: a file or line that cannot be
        read, a misspelt code.
        """
        known = {participant.pseudonym for participant in self.participants}
        return tuple(
            fault for fault in self.faults if fault.table == name and fault.participant not in known
        )

    def left_out(self, pseudonym: str) -> Fault | None:
        """Find the fault that took a participant's row out of ``participants``."""
        of_participant = (f for f in self.faults if f.participant == pseudonym)
        return next((fault for fault in of_participant if fault.table == "participants"), None)


def _at(rows: tuple[_OfVisitT, ...], pseudonym: str, timepoint: str) -> Iterator[_OfVisitT]:
    return (row for row in rows if (row.participant, row.timepoint) == (pseudonym, timepoint))
