"""What a baseline PET says of a patient, what SPECT later measured, and a prediction's form."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from operandi.quantities.errors import DataError, UnsupportedError

TRACERS: Final = ("68Ga-DOTATOC", "68Ga-DOTATATE")
"""Tracers that the models were made for. Others bind otherwise and are seen at other times."""


class TumorGrade(StrEnum):
    """WHO grade, as the records write it."""

    G1 = "G1"
    G2 = "G2"
    G3 = "G3"
    UNKNOWN = "unknown"


class Site(StrEnum):
    """What a dose is predicted for; each has a model of its own."""

    LESION = "lesion"
    KIDNEYS = "kidneys"
    SPLEEN = "spleen"


@dataclass(frozen=True, slots=True, kw_only=True)
class PetSite:
    """Uptake of one lesion or organ on the baseline PET.

    Parameters
    ----------
    name : str
        Lesion id or organ.
    suv_mean : float, > 0
        SUVmean by body weight, g/mL.
    volume_ml : float, > 0
        Of the segmented lesion or organ.
    """

    name: str
    suv_mean: float
    volume_ml: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.suv_mean) and self.suv_mean > 0):
            raise DataError(
                f"{self.name}: SUVmean must be > 0 to predict a dose, not {self.suv_mean}.",
                remedy="A lesion without uptake has no prediction from PET.",
            )
        if not (math.isfinite(self.volume_ml) and self.volume_ml > 0):
            raise DataError(
                f"{self.name}: a volume > 0 mL was needed, not {self.volume_ml}.",
                remedy="Segment it on the PET.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PetBaseline:
    """One patient before the first cycle.

    Parameters
    ----------
    patient : str
        Pseudonym.
    tracer : str
        One of ``TRACERS``.
    body_mass_kg : float, > 0
        At the PET; SUV is by body weight, dose is not.
    tumor_volume_ml : float or None
        SSTR-positive tumor of the whole body: the sink.  None is refused, not replaced.
    grade : TumorGrade
        Governs the effective half-life.
    sites : tuple of PetSite
        All lesions that were segmented (they inform each other), or the organ.

    Raises
    ------
    UnsupportedError
        If the tracer is another.
    DataError
        If body mass or tumor volume is missing, tumor is smaller than its lesions, or there is
        no site or a name twice.
    """

    patient: str
    tracer: str
    body_mass_kg: float
    tumor_volume_ml: float | None
    grade: TumorGrade
    sites: tuple[PetSite, ...]

    def __post_init__(self) -> None:
        if self.tracer not in TRACERS:
            raise UnsupportedError(
                f"{self.patient}: doses are predicted from {' or '.join(TRACERS)}, not from "
                f"{self.tracer}.",
                remedy="Fit a model on patients who had this tracer and a SPECT.",
            )
        if not (math.isfinite(self.body_mass_kg) and self.body_mass_kg > 0):
            raise DataError(
                f"{self.patient}: the body mass at the PET was needed, not {self.body_mass_kg} kg.",
                remedy="Record it; there is no default.",
            )
        volume = self.tumor_volume_ml
        if volume is None or not (math.isfinite(volume) and volume > 0):
            raise DataError(
                f"{self.patient}: the SSTR tumor volume of the whole body was needed, "
                f"found {volume}.",
                remedy="Segment all lesions: tumor elsewhere takes up what this lesion does not.",
            )
        names = [site.name for site in self.sites]
        if not names or len(set(names)) < len(names):
            raise DataError(
                f"{self.patient}: lesions need names of their own, found {names}.",
                remedy="Name each lesion once.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectDose:
    """Dose of one site in one cycle, from SPECT.

    Parameters
    ----------
    name : str
        As in the PET.
    dose_gy_per_gbq : float, > 0
        Absorbed dose per administered activity.
    relative_uncertainty : float, >= 0
        Standard uncertainty over the dose; every dose here has one.
    """

    name: str
    dose_gy_per_gbq: float
    relative_uncertainty: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.dose_gy_per_gbq) and self.dose_gy_per_gbq > 0):
            raise DataError(
                f"{self.name}: a measured dose > 0 was needed, not {self.dose_gy_per_gbq} Gy/GBq.",
                remedy="Leave out lesions that SPECT does not show.",
            )
        if not (math.isfinite(self.relative_uncertainty) and self.relative_uncertainty >= 0):
            raise DataError(
                f"{self.name}: a dose needs its relative standard uncertainty, "
                f"found {self.relative_uncertainty}.",
                remedy="Take it from the uncertainty of the dose.",
            )

    @property
    def log_variance(self) -> float:
        """Variance of the logarithm, for a log-normal error of this relative uncertainty."""
        return math.log1p(self.relative_uncertainty**2)

    @property
    def log_dose(self) -> float:
        """Logarithm, raised by half its variance: the measurement is unbiased in Gy, not in log."""
        return math.log(self.dose_gy_per_gbq) + 0.5 * self.log_variance


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPatient:
    """A patient with PET and SPECT; lesions without a dose only inform the others."""

    baseline: PetBaseline
    measured: tuple[SpectDose, ...]

    def __post_init__(self) -> None:
        check_names(self.baseline, self.measured)


def check_names(baseline: PetBaseline, measured: tuple[SpectDose, ...]) -> None:
    """Refuse doses of sites that the PET does not have, and two of one site."""
    known = {site.name for site in baseline.sites}
    names = [dose.name for dose in measured]
    for name in names:
        if name not in known:
            raise DataError(
                f"{baseline.patient}: a dose of {name}, which the PET does not have.",
                remedy="Match the lesions of SPECT and PET first.",
            )
    if len(set(names)) < len(names):
        raise DataError(
            f"{baseline.patient}: two doses of one lesion.",
            remedy="Give the dose of the first cycle alone.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DosePrediction:
    """An interval of absorbed dose per activity, never a bare number.

    There is no ``float()`` of it: whoever needs one number has to say which.

    Parameters
    ----------
    patient, name : str
        Whose lesion or organ.
    low_gy_per_gbq, median_gy_per_gbq, high_gy_per_gbq : float
        Median and central predictive interval of the true dose.
    probability : float
        Of the interval.
    standard_deviation_gy_per_gbq : float
        Of the predictive distribution.
    flags : tuple of str
        Where the prediction leaves the training data, in words; empty if it does not.
    basis : str
        Which model, fitted to what.
    """

    patient: str
    name: str
    low_gy_per_gbq: float
    median_gy_per_gbq: float
    high_gy_per_gbq: float
    probability: float
    standard_deviation_gy_per_gbq: float
    flags: tuple[str, ...]
    basis: str

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.median_gy_per_gbq:.2f} Gy/GBq ({self.probability:.0%}: "
            f"{self.low_gy_per_gbq:.2f} to {self.high_gy_per_gbq:.2f})"
        )

    def holds(self, *, dose_gy_per_gbq: float) -> bool:
        """Whether *dose_gy_per_gbq* lies in the interval."""
        return self.low_gy_per_gbq <= dose_gy_per_gbq <= self.high_gy_per_gbq


def beyond(values: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]) -> list[str]:
    """Say which of *values* lie outside the *ranges* of the training data."""
    return [
        f"{name} {value:.3g} lies outside the training data, {low:.3g} to {high:.3g}"
        for name, value in values.items()
        if name in ranges
        for low, high in [ranges[name]]
        if not low <= value <= high
    ]
