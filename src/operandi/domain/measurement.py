"""A number with its subject, unit, uncertainty and origin. All that leaves a science room."""

import hashlib
import math
from dataclasses import dataclass
from enum import StrEnum

from operandi.domain.identity import NOT_A_VISIT, Digest, Pseudonym, TimepointCode
from operandi.quantities.kinds import Kind


class SubjectType(StrEnum):
    """What was measured. A candidate may be physiological uptake; a reader drew a contour."""

    PARTICIPANT = "participant"
    SCAN = "scan"
    ORGAN = "organ"
    LESION = "lesion"
    CANDIDATE = "candidate"
    CONTOUR = "contour"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose or what's value it is.

    Parameters
    ----------
    participant : Pseudonym
        The person.
    type : SubjectType
        Participant, scan, organ or lesion.
    name : str
        Organ (``"liver"``), lesion id or series; empty for the participant.
    """

    participant: Pseudonym
    type: SubjectType
    name: str = ""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Standard uncertainty in the unit of the value, or why there is none.

    Parameters
    ----------
    standard : float or None
        Standard uncertainty (k = 1).
    basis : str
        How it was obtained, or the reason it is absent. Never empty.
    """

    standard: float | None
    basis: str

    def __post_init__(self) -> None:
        if not self.basis:
            raise ValueError("an uncertainty needs its basis, or the reason it is absent")
        if self.standard is not None and not (math.isfinite(self.standard) and self.standard >= 0):
            raise ValueError(f"standard uncertainty must be finite and >= 0: {self.standard}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One value, or the reason it is absent.

    Parameters
    ----------
    subject : Subject
        What was measured.
    timepoint : TimepointCode
        At which visit.
    kind : Kind
        What the number is; its unit is ``kind.unit``.
    value : float or None
        None exactly when ``absent`` gives a reason.
    absent : str
        Why there is no value; empty when there is one.
    uncertainty : Uncertainty
        Standard uncertainty, or the reason there is none.
    method, version : str
        How it was obtained and that method's version.
    inputs : tuple of Digest
        SHA-256 of what it was computed from.
    """

    subject: Subject
    timepoint: TimepointCode = NOT_A_VISIT
    kind: Kind
    value: float | None
    absent: str = ""
    uncertainty: Uncertainty
    method: str
    version: str
    inputs: tuple[Digest, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.absent):
            raise ValueError("a measurement has either a value or the reason it is absent")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.kind.name} must be finite, got {self.value}")

    @property
    def id(self) -> str:
        """Short name, the same in every run: what it is of, not what it came out as."""
        parts = (
            self.subject.participant,
            self.subject.type.value,
            self.subject.name,
            self.timepoint,
            self.kind.name,
            self.method,
        )
        return "m-" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]
