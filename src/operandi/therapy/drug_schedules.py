"""Which drug on which day of a cycle: schedules of published combinations with 177Lu therapy.

Days count from the administration of the radionuclide: day 0 is its day, day -1 the day before.
Protocols that call that day "day 1" are moved here, once.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from operandi.quantities.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a drug acts, in days from administration; the end is not in it.

    Parameters
    ----------
    start_day, end_day : float
        ``start_day <= t < end_day``; 0 is the instant of administration.

    Raises
    ------
    DataError
        If it ends before or when it starts.
    """

    start_day: float
    end_day: float

    def __post_init__(self) -> None:
        if not self.end_day > self.start_day:
            raise DataError(
                f"A drug that acts from day {self.start_day} must act until later than that, "
                f"not until day {self.end_day}.",
                remedy="Give the first and the last day relative to the administration.",
            )


class DrugDoseUnit(StrEnum):
    """What a dose of a drug is given in."""

    MG = "mg"
    MG_PER_M2 = "mg/m2"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugCourse:
    """One drug within each cycle.

    Parameters
    ----------
    drug : str
        Its international nonproprietary name.
    dose : float, > 0
        A single dose, in *unit*.
    unit : DrugDoseUnit
        Absolute or per body surface.
    times_per_day : int, >= 1
        Doses a day.
    first_day, last_day : int
        First and last day of intake, both taken, from the day of administration (0).
    """

    drug: str
    dose: float
    unit: DrugDoseUnit
    times_per_day: int
    first_day: int
    last_day: int

    def __post_init__(self) -> None:
        if not self.dose > 0 or self.times_per_day < 1:
            raise DataError(
                f"{self.drug}: {self.dose} {self.unit}, {self.times_per_day} times a day, "
                "is no course.",
                remedy="Give a positive dose at least once a day.",
            )
        if self.last_day < self.first_day:
            raise DataError(
                f"{self.drug} was to be given from day {self.first_day} to day {self.last_day}.",
                remedy="Give the last day of intake, not earlier than the first.",
            )

    @property
    def daily_dose(self) -> float:
        """All doses of a day together, in ``unit``."""
        return self.dose * self.times_per_day

    @property
    def days(self) -> int:
        """Days of intake in each cycle."""
        return self.last_day - self.first_day + 1

    @property
    def window(self) -> Window:
        """From the start of the first to the end of the last day of intake.

        How long the drug acts after its last dose is not known from its schedule; a wider
        window is for whoever knows it.
        """
        return Window(start_day=float(self.first_day), end_day=float(self.last_day + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugSchedule:
    """Courses that repeat with each cycle, and who published them.

    Parameters
    ----------
    name : str
        Short name.
    courses : tuple of DrugCourse
        At least one.
    source : str
        Where the doses and days are stated.
    """

    name: str
    courses: tuple[DrugCourse, ...]
    source: str

    def __post_init__(self) -> None:
        if not self.courses or not self.source.strip():
            raise DataError(
                f"The schedule {self.name!r} needs at least one course and its source.",
                remedy="Name the drug, its dose, its days and the protocol.",
            )

    def course_of(self, drug: str) -> DrugCourse:
        """Find the course of *drug*.

        Raises
        ------
        DataError
            If the schedule has none, or several.
        """
        found = [course for course in self.courses if course.drug == drug]
        if len(found) != 1:
            raise DataError(
                f"{self.name} has {len(found)} courses of {drug}, one was needed.",
                remedy=f"It has {', '.join(course.drug for course in self.courses)}.",
            )
        return found[0]

    @property
    def window(self) -> Window:
        """From the first day of any drug to the last of any."""
        return Window(
            start_day=min(course.window.start_day for course in self.courses),
            end_day=max(course.window.end_day for course in self.courses),
        )


def _olaparib(*, mg: float, first_day: int, last_day: int) -> DrugCourse:
    return DrugCourse(
        drug="olaparib",
        dose=mg,
        unit=DrugDoseUnit.MG,
        times_per_day=2,
        first_day=first_day,
        last_day=last_day,
    )


OLAPARIB_NCI_DOTATATE: Final = DrugSchedule(
    name="olaparib 200 mg BID around 177Lu-DOTATATE (NCI)",
    courses=(_olaparib(mg=200.0, first_day=-2, last_day=27),),
    source="NCT04086485; Lin et al., Endocrine Abstracts 98:C23, 2023: daily from 2 days before "
    "until 28 days after each administration, 30 days in all; levels 50, 100, 200, 300 mg BID",
)

OLAPARIB_PETER_MAC_PSMA: Final = DrugSchedule(
    name="olaparib 300 mg BID after 177Lu-PSMA-617 (Peter Mac LuPARP)",
    courses=(_olaparib(mg=300.0, first_day=1, last_day=14),),
    source="NCT03874884: days 2-15 of each cycle, 177Lu-PSMA-617 on day 1; levels 50-300 mg BID. "
    "A prostate trial of the same short name as the DOTATATE trial of Gothenburg",
)

CAPTEM_CONTROL_NETS: Final = DrugSchedule(
    name="CAPTEM with 177Lu-octreotate (CONTROL NETs)",
    courses=(
        DrugCourse(
            drug="capecitabine",
            dose=750.0,
            unit=DrugDoseUnit.MG_PER_M2,
            times_per_day=2,
            first_day=-9,
            last_day=4,
        ),
        DrugCourse(
            drug="temozolomide",
            dose=75.0,
            unit=DrugDoseUnit.MG_PER_M2,
            times_per_day=2,
            first_day=0,
            last_day=4,
        ),
    ),
    source="NCT02358356 and ACTRN12615000909527: 7.8 GBq on day 10 every 8 weeks, capecitabine "
    "750 mg/m2 b.i.d. days 1-14; temozolomide 75 mg/m2 b.i.d. days 10-14, as the registration "
    "states it for the CAPTEM arm (its text for the combined arm was seen in part)",
)

CAPECITABINE_ERASMUS: Final = DrugSchedule(
    name="capecitabine with 177Lu-DOTATATE (Erasmus MC)",
    courses=(
        DrugCourse(
            drug="capecitabine",
            dose=825.0,
            unit=DrugDoseUnit.MG_PER_M2,
            times_per_day=2,
            first_day=0,
            last_day=13,
        ),
    ),
    source="NCT07012330: 1650 mg/m2/day for two weeks from the start of each cycle; the division "
    "into two doses is recalled",
)


def olaparib_gothenburg(*, first_day: int, last_day: int) -> DrugSchedule:
    """Olaparib at the starting dose that LuPARP (Gothenburg) recommends, 200 mg BID.

    The abstract states the dose and not the days; whoever has the protocol gives them.

    References
    ----------
    .. [1] Hallqvist et al., J Nucl Med 66:707, 2025 (NCT04375267).
    """
    return DrugSchedule(
        name="olaparib 200 mg BID with 177Lu-DOTATATE (Gothenburg LuPARP)",
        courses=(_olaparib(mg=200.0, first_day=first_day, last_day=last_day),),
        source="Hallqvist et al., J Nucl Med 66:707, 2025 (dose); days given by the user",
    )


def captem_perth(*, administration_day: int) -> DrugSchedule:
    """CAPTEM of the phase I-II study of Perth: 14 days capecitabine, temozolomide in the last 5.

    Parameters
    ----------
    administration_day : int
        On which day of capecitabine (1-14) the radionuclide was given.  The abstract does not
        say; the protocol does.

    References
    ----------
    .. [1] Claringbold et al., Cancer Biother Radiopharm 27:561, 2012: capecitabine 1500 mg/m2,
       temozolomide 200 mg/m2 in phase II, 7.8 GBq each 8 weeks.
    """
    if not 1 <= administration_day <= 14:
        raise DataError(
            f"177Lu was to be given on one of the 14 days of capecitabine, not on day "
            f"{administration_day}.",
            remedy="Count the first day of capecitabine as 1.",
        )
    return DrugSchedule(
        name="CAPTEM with 177Lu-octreotate (Perth)",
        courses=(
            DrugCourse(
                drug="capecitabine",
                dose=750.0,
                unit=DrugDoseUnit.MG_PER_M2,
                times_per_day=2,
                first_day=1 - administration_day,
                last_day=14 - administration_day,
            ),
            DrugCourse(
                drug="temozolomide",
                dose=200.0,
                unit=DrugDoseUnit.MG_PER_M2,
                times_per_day=1,
                first_day=10 - administration_day,
                last_day=14 - administration_day,
            ),
        ),
        source="Claringbold et al., Cancer Biother Radiopharm 27:561, 2012; the division into "
        "single doses is recalled, the day of 177Lu is given by the user",
    )
