"""Where a dose is from: measured after therapy, predicted before it, or absent with a reason."""

import math
from dataclasses import dataclass
from enum import StrEnum

from operandi.domain.identity import NOT_A_VISIT, Digest, TimepointCode
from operandi.domain.measurement import Measurement, Subject, Uncertainty
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ABSORBED_DOSE
from operandi.therapy.uncertainty import DoseUncertainty


class DoseTier(StrEnum):
    """How far a dose can be trusted. Tiers are recorded, and never mixed in one analysis unseen."""

    MEASURED = "measured"
    """From SPECT of this therapy."""
    PREDICTED = "predicted"
    """From PET before this therapy."""
    ABSENT = "absent"
    """Neither; the reason is recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDose:
    """From images of the therapy itself.

    Parameters
    ----------
    dose_gy, standard_uncertainty_gy : float
        Gy, k = 1.
    basis : str
        How the uncertainty was obtained; names the budget.
    """

    dose_gy: float
    standard_uncertainty_gy: float
    basis: str

    @classmethod
    def of(cls, result: DoseUncertainty) -> "MeasuredDose":
        """With the budget of *result* as basis."""
        return cls(
            dose_gy=result.dose_gy,
            standard_uncertainty_gy=result.standard_uncertainty_gy,
            basis=result.basis,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedDose:
    """From PET before the therapy: cannot be made without its interval.

    Parameters
    ----------
    dose_gy, standard_uncertainty_gy : float
        Gy: center and spread of the predictive distribution.
    lower_gy, upper_gy : float
        Predictive interval of *coverage* around the dose.
    coverage : float
        Probability, in (0, 1).
    basis : str
        The model and its prior.
    """

    dose_gy: float
    standard_uncertainty_gy: float
    lower_gy: float
    upper_gy: float
    coverage: float
    basis: str

    def __post_init__(self) -> None:
        if not (
            math.isfinite(self.upper_gy)
            and 0 <= self.lower_gy <= self.dose_gy <= self.upper_gy
            and self.lower_gy < self.upper_gy
            and 0 < self.coverage < 1
        ):
            raise DataError(
                "a predicted dose needs an interval around it with its coverage, got"
                f" {self.dose_gy} Gy in [{self.lower_gy}, {self.upper_gy}] at {self.coverage}",
                remedy="Supply the predictive interval.",
            )


@dataclass(frozen=True, slots=True)
class AbsentDose:
    """No dose.

    Parameters
    ----------
    reason : str
        Why, for people. Never empty.
    """

    reason: str

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError("an absent dose needs its reason")


Dose = MeasuredDose | PredictedDose | AbsentDose


def tier_of(dose: Dose) -> DoseTier:
    """Measured, predicted or absent."""
    if isinstance(dose, MeasuredDose):
        return DoseTier.MEASURED
    return DoseTier.PREDICTED if isinstance(dose, PredictedDose) else DoseTier.ABSENT


def dose_measurement(
    subject: Subject,
    dose: Dose,
    *,
    method: str,
    version: str,
    timepoint: TimepointCode = NOT_A_VISIT,
    inputs: tuple[Digest, ...] = (),
) -> Measurement:
    """The dose as the one thing that leaves the room.

    Parameters
    ----------
    subject : Subject
        Organ or lesion.
    dose : MeasuredDose, PredictedDose or AbsentDose
        What is known.
    method, version : str
        How; the tier is put before the method: ``"measured: sphere S value"``.
    timepoint : TimepointCode
        Visit or cycle.
    inputs : tuple of Digest
        Of what it was computed from.

    Returns
    -------
    Measurement of ABSORBED_DOSE
        In Gy, with u(D) and its budget; absent with the reason.

    Raises
    ------
    DataError
        If the dose is negative or has no positive uncertainty.
    """
    if isinstance(dose, AbsentDose):
        value, uncertainty = None, Uncertainty(None, dose.reason)
    else:
        if not (dose.dose_gy >= 0 and dose.standard_uncertainty_gy > 0):
            raise DataError(
                "a dose must be >= 0 with an uncertainty > 0, got"
                f" {dose.dose_gy} and {dose.standard_uncertainty_gy} Gy",
                remedy="Supply the uncertainty of each link of the chain.",
            )
        basis = dose.basis
        if isinstance(dose, PredictedDose):
            basis = (
                f"{dose.coverage:.0%} predictive interval {dose.lower_gy:.4g} to"
                f" {dose.upper_gy:.4g} Gy; {dose.basis}"
            )
        value, uncertainty = dose.dose_gy, Uncertainty(dose.standard_uncertainty_gy, basis)
    return Measurement(
        subject=subject,
        timepoint=timepoint,
        kind=ABSORBED_DOSE,
        value=value,
        absent=dose.reason if isinstance(dose, AbsentDose) else "",
        uncertainty=uncertainty,
        method=f"{tier_of(dose).value}: {method}",
        version=version,
        inputs=inputs,
    )
