"""What one reader saw: RECIST lesions and their reads at dated exams, free of contradictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from operandi.domain.date_interval import DateInterval
from operandi.quantities.errors import DataError

REMEDY = "Correct the tables recist_lesions and recist_reads."


class Category(StrEnum):
    """What a lesion of the baseline exam was chosen as."""

    TARGET = "target"
    NON_TARGET = "non_target"


class Seen(StrEnum):
    """What a reader says of a lesion at an exam."""

    MEASURED = "measured"
    TOO_SMALL = "too_small"
    ABSENT = "absent"
    PRESENT = "present"
    UNEQUIVOCAL_PROGRESSION = "unequivocal_progression"
    NEW = "new"
    NEW_EQUIVOCAL = "new_equivocal"
    NOT_EVALUABLE = "not_evaluable"


class Modality(StrEnum):
    """What a lesion was seen with."""

    CT = "ct"
    MRI = "mri"
    CLINICAL = "clinical"
    XRAY = "xray"


class Role(StrEnum):
    """Who reads."""

    INVESTIGATOR = "investigator"
    READER_1 = "reader_1"
    READER_2 = "reader_2"
    ADJUDICATOR = "adjudicator"


NEW_STATES = frozenset({Seen.NEW, Seen.NEW_EQUIVOCAL})
_WITHOUT_DIAMETER = frozenset({Seen.TOO_SMALL, Seen.ABSENT, Seen.NOT_EVALUABLE})
_BEFORE_IT_IS_NEW = frozenset({Seen.ABSENT, Seen.NOT_EVALUABLE})
_NEVER_OF_A_TARGET = NEW_STATES | {Seen.UNEQUIVOCAL_PROGRESSION}


@dataclass(frozen=True, slots=True)
class RecistLesion:
    """A lesion of the baseline exam.

    Parameters
    ----------
    name : str
        The same at every exam.
    organ : str
        As recorded; a node's organ is its station.
    node : bool
        A lymph node is measured by its short axis, every other lesion by its longest diameter.
    category : Category
    side : str, optional
        Of a paired organ.
    previously_irradiated : bool
    progressed_since_irradiation : bool, optional
        None where nobody said.
    """

    name: str
    organ: str
    node: bool
    category: Category
    side: str | None = None
    previously_irradiated: bool = False
    progressed_since_irradiation: bool | None = None


@dataclass(frozen=True, slots=True)
class LesionRead:
    """What was seen of one lesion at one exam.

    Parameters
    ----------
    lesion : str
        Name of a lesion of the baseline exam, or of a new one.
    on : DateInterval
        Day of the exam. All reads of one exam have the same.
    state : Seen
    diameter_mm : Decimal, > 0, optional
        Required exactly where measured; a new or a present lesion may have one too.
    modality : Modality, optional
    slice_thickness_mm : Decimal, > 0, optional

    Raises
    ------
    DataError
        If the state and the diameter contradict each other.
    """

    lesion: str
    on: DateInterval
    state: Seen
    diameter_mm: Decimal | None = None
    modality: Modality | None = None
    slice_thickness_mm: Decimal | None = None

    def __post_init__(self) -> None:
        where = f"Lesion {self.lesion} on {self.on}"
        for word, size in (("diameter", self.diameter_mm), ("slice", self.slice_thickness_mm)):
            if size is not None and not (size.is_finite() and size > 0):
                raise DataError(
                    f"{where}: a {word} of {size} mm.",
                    remedy="Write a size above 0 mm; a lesion that is gone is absent.",
                )
        if self.state is Seen.MEASURED and self.diameter_mm is None:
            raise DataError(
                f"{where} is measured, without a diameter.",
                remedy="Record diameter_mm, or say why there is none: too_small, not_evaluable.",
            )
        if self.state in _WITHOUT_DIAMETER and self.diameter_mm is not None:
            raise DataError(
                f"{where} is {self.state} and {self.diameter_mm} mm at once.",
                remedy="A lesion with a diameter is measured, however small; else leave it out.",
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """All lesions and reads of one participant by one reader, in order.

    Raises
    ------
    DataError
        If the reads contradict each other or the lesions; every contradiction is named.
    """

    participant: str
    reader: str
    role: Role
    lesions: tuple[RecistLesion, ...]
    reads: tuple[LesionRead, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "lesions", tuple(sorted(self.lesions, key=lambda one: one.name)))
        in_time = sorted(self.reads, key=lambda one: (one.on.earliest, one.on.latest, one.lesion))
        object.__setattr__(self, "reads", tuple(in_time))
        faults = [*_faults_of_lesions(self), *_faults_of_reads(self)]
        if faults:
            raise DataError(
                f"{self.participant}, {self.role} {self.reader}: {'; '.join(faults)}.",
                remedy=REMEDY,
            )

    @property
    def exams(self) -> tuple[DateInterval, ...]:
        """Days with at least one read, in order."""
        return tuple(dict.fromkeys(read.on for read in self.reads))

    def at(self, exam: DateInterval) -> dict[str, LesionRead]:
        """The reads of an exam, by lesion."""
        return {read.lesion: read for read in self.reads if read.on == exam}

    def chosen(self, category: Category) -> tuple[RecistLesion, ...]:
        """The target or the non-target lesions, by name."""
        return tuple(lesion for lesion in self.lesions if lesion.category is category)


def overlapping(days: Sequence[DateInterval]) -> list[str]:
    """Neighbors, of days in order, of which nobody can tell which came first."""
    return [
        f"which of the exams of {one} and {two} came first cannot be told"
        for one, two in pairwise(days)
        if two.earliest <= one.latest
    ]


def _faults_of_lesions(reading: Reading) -> list[str]:
    names = [lesion.name for lesion in reading.lesions]
    faults = [
        f"lesion {name} is listed twice" for name in sorted(set(names)) if names.count(name) > 1
    ]
    return faults if names else ["no lesion is listed"]


def _faults_of_reads(reading: Reading) -> list[str]:
    faults = overlapping(reading.exams)
    faults += [
        f"lesion {one.lesion} is read twice on {one.on}"
        for one, two in pairwise(reading.reads)
        if (one.on, one.lesion) == (two.on, two.lesion)
    ]
    listed = {lesion.name: lesion for lesion in reading.lesions}
    appeared: set[str] = set()
    for read in reading.reads:
        where = f"lesion {read.lesion} on {read.on}"
        if lesion := listed.get(read.lesion):
            never = _NEVER_OF_A_TARGET if lesion.category is Category.TARGET else NEW_STATES
            if read.state in never:
                faults.append(f"{where} is {read.state}, and listed as {lesion.category}")
        elif read.state in NEW_STATES:
            appeared.add(read.lesion)
        elif read.lesion not in appeared and read.state not in _BEFORE_IT_IS_NEW:
            faults.append(f"{where} is {read.state}, neither listed nor new before")
    return faults
