"""A participant as science sees one: a pseudonym and what analysis may need."""

from dataclasses import dataclass
from enum import StrEnum

from operandi.domain.identity import Pseudonym


class Sex(StrEnum):
    """Administrative sex, as DICOM PatientSex states it."""

    FEMALE = "F"
    MALE = "M"
    OTHER = "O"


@dataclass(frozen=True, slots=True)
class Participant:
    """A person in the study.

    Parameters
    ----------
    pseudonym : Pseudonym
        Study code; also PatientID in the study's DICOM files.
    site : str
        Code of the hospital department that enrolled the participant.
    sex : Sex
        Lean body mass is defined for F and M only.
    birth_year, birth_month : int
        No day: age is an interval.
    """

    pseudonym: Pseudonym
    site: str
    sex: Sex
    birth_year: int
    birth_month: int
