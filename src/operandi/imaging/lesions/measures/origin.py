"""Whose measurements these are and what they were computed from."""

from dataclasses import dataclass
from typing import Final

from operandi.domain.identity import Digest, TimepointCode
from operandi.domain.measurement import Measurement, Subject, Uncertainty
from operandi.quantities.kinds import Kind

VERSION: Final = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementOrigin:
    """What all measurements of one subject share.

    Parameters
    ----------
    subject : Subject
        Whose or what's values they are.
    timepoint : TimepointCode
        At which visit.
    inputs : tuple of Digest
        SHA-256 of what they were computed from.
    """

    subject: Subject
    timepoint: TimepointCode
    inputs: tuple[Digest, ...]

    def value(
        self, kind: Kind, value: float | None, *, method: str, basis: str, absent: str = ""
    ) -> Measurement:
        """Measurement without standard uncertainty; without a value, *absent* says why."""
        return Measurement(
            subject=self.subject,
            timepoint=self.timepoint,
            kind=kind,
            value=value,
            absent=absent if value is None else "",
            uncertainty=Uncertainty(None, basis),
            method=method,
            version=VERSION,
            inputs=self.inputs,
        )
