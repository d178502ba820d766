"""Which days of which drug: presets by name, days that only the user knows, other starts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from operandi.quantities.errors import DataError
from operandi.therapy.drug_schedules import (
    CAPTEM_CONTROL_NETS,
    OLAPARIB_NCI_DOTATATE,
    OLAPARIB_PETER_MAC_PSMA,
    DrugSchedule,
    captem_perth,
    olaparib_gothenburg,
)
from operandi.therapy.pet_baseline import TumorGrade
from operandi.therapy.potentiator_presets import Recombination, captem, parp_inhibitor
from operandi.therapy.potentiators import Potentiator

EARLIEST_DAY: Final = -28
LATEST_DAY: Final = 55
"""Days of intake that belong to an administration: cycles are some eight weeks apart, so that
later ones are nearer to the next and earlier ones to the one before."""

Drug = Literal["olaparib", "captem"]

_PRESETS: Final[Mapping[Drug, Mapping[str, DrugSchedule | None]]] = {
    "olaparib": {
        "nci": OLAPARIB_NCI_DOTATATE,
        "peter-mac": OLAPARIB_PETER_MAC_PSMA,
        "gothenburg": None,
    },
    "captem": {"control-nets": CAPTEM_CONTROL_NETS, "perth": None},
}
"""None: the publication does not state the days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugChoice:
    """A drug, its days, and what is believed of the tumor that it meets.

    Parameters
    ----------
    drug : "olaparib" or "captem"
        Which.
    schedule : DrugSchedule
        Its days around each administration.
    recombination : Recombination
        Of the tumor; only a PARP inhibitor asks for it.
    """

    drug: Drug
    schedule: DrugSchedule
    recombination: Recombination

    @property
    def title(self) -> str:
        """The drug as people write it."""
        return "CAPTEM" if self.drug == "captem" else self.drug

    def potentiator(self, grade: TumorGrade) -> Potentiator:
        """The drug's effects, with their priors."""
        if self.drug == "olaparib":
            return parp_inhibitor(
                schedule=self.schedule, grade=grade, recombination=self.recombination
            )
        return captem(schedule=self.schedule, sensitizes=True, kills=True, slows_growth=True)

    def starting(self, first_day: int) -> "DrugChoice":
        """The same courses, moved as a whole so that the earliest starts on *first_day*."""
        by = first_day - min(course.first_day for course in self.schedule.courses)
        moved = tuple(
            replace(course, first_day=course.first_day + by, last_day=course.last_day + by)
            for course in self.schedule.courses
        )
        return replace(self, schedule=replace(self.schedule, courses=moved))


def chosen_schedule(
    drug: Drug,
    preset: str | None,
    *,
    first_day: int | None = None,
    last_day: int | None = None,
    administration_day: int | None = None,
) -> DrugSchedule:
    """Find a preset and complete it with what its publication does not say.

    Parameters
    ----------
    drug : "olaparib" or "captem"
        Which.
    preset : str or None
        Its name; None for the first of the drug, which states its days.
    first_day, last_day : int or None
        First and last day of olaparib, both taken, from the administration (day 0); in place of
        those of the preset.
    administration_day : int or None
        Day of capecitabine (1-14) on which the radionuclide is given; only for Perth's CAPTEM.

    Raises
    ------
    DataError
        If there is no such preset, its days are missing, or days were given that it cannot use.
    """
    presets = _PRESETS[drug]
    name = preset or next(iter(presets))
    if name not in presets:
        raise DataError(
            f"There is no schedule {name!r} of {drug}.", remedy=f"There are: {_listed(drug)}."
        )
    if drug == "captem":
        if first_day is not None or last_day is not None:
            raise DataError(
                "CAPTEM is two drugs, each with days of its own; one first and one last day do "
                "not say them.",
                remedy=f"Choose a schedule instead: {_listed(drug)}.",
            )
        return _captem(name, presets[name], administration_day)
    if administration_day is not None:
        raise DataError(
            "The day of capecitabine was given, but olaparib's days are counted from the "
            "administration.",
            remedy="Leave --administration-day out.",
        )
    return _olaparib(name, presets[name], first_day, last_day)


def _captem(name: str, stated: DrugSchedule | None, administration_day: int | None) -> DrugSchedule:
    if stated is not None:
        if administration_day is not None:
            raise DataError(
                f"{stated.name} states its days; a day of administration was given beside them.",
                remedy="Leave --administration-day out, or take --schedule perth.",
            )
        return stated
    if administration_day is None:
        raise DataError(
            f"The schedule {name} of CAPTEM does not state on which of the 14 days of "
            "capecitabine the radionuclide is given.",
            remedy="Give --administration-day 1 to 14, as the protocol has it.",
        )
    return captem_perth(administration_day=administration_day)


def _olaparib(
    name: str, stated: DrugSchedule | None, first_day: int | None, last_day: int | None
) -> DrugSchedule:
    if (first_day is None) != (last_day is None) or (stated is None and first_day is None):
        why = "is published without its days" if stated is None else "has both a first and a last"
        raise DataError(
            f"The schedule {name} of olaparib {why}; both days of intake were needed.",
            remedy="Give --first-day and --last-day, counted from the administration (day 0); "
            "the day before it is -1.",
        )
    if first_day is not None and last_day is not None:
        _require_days_of_a_cycle(first_day, last_day)
    if stated is None:
        assert first_day is not None and last_day is not None  # noqa: S101, PT018 - refused above
        return olaparib_gothenburg(first_day=first_day, last_day=last_day)
    if first_day is None or last_day is None:
        return stated
    course = replace(stated.course_of("olaparib"), first_day=first_day, last_day=last_day)
    return DrugSchedule(
        name=f"{stated.name}, moved to days {first_day} to {last_day}",
        courses=(course,),
        source=f"dose: {stated.source}; days {first_day} to {last_day} given by the user",
    )


def _require_days_of_a_cycle(first_day: int, last_day: int) -> None:
    if not (EARLIEST_DAY <= first_day <= last_day <= LATEST_DAY):
        raise DataError(
            f"Olaparib was to be given from day {first_day} to day {last_day}; days of a cycle "
            f"run from {EARLIEST_DAY} to {LATEST_DAY}, the first not after the last.",
            remedy="Count --first-day and --last-day from the administration (day 0).",
        )


def _listed(drug: Drug) -> str:
    return "; ".join(
        f"{name} ({schedule.name if schedule else 'its days are to be given'})"
        for name, schedule in _PRESETS[drug].items()
    )
