"""Dose per activity of 177Lu-DOTATATE, predicted from the baseline PET, always with its interval.

A linear-Gaussian mixed model of the logarithm::

    log D/A = x beta + b + e,    b ~ N(0, tau^2) a patient,  e ~ N(0, sigma^2) a lesion

with *x* for lesions: 1; log SUVmean less its mean over the patient's lesions, and that mean
(lesions of one patient compare otherwise than patients do: r 0.45 and 0.7 [1]_); the tumor sink,
log of the SSTR tumor volume of the whole body; log of the volume that the segmented lesions
share; log body mass, which SUV carries and dose does not; the square of log SUVmean and its
product with that volume, for a tracer sees receptors that therapy's amount of peptide fills; and
grade, which shortens the effective half-life [2]_.  Organs have one site a patient: *tau* is 0
and the two slopes are one.

*beta* has a Gaussian prior and is integrated in closed form; *tau* and *sigma* are integrated
over a grid around their joint mode.  Nothing is drawn: the same data give the same prediction.
Doses measured in a first cycle move the patient's *b* and with it all his other lesions.
SPECT's own uncertainty is taken off each measured dose, so what is predicted is the true dose.
Decision 0025.

References
----------
.. [1] EJNMMI Res 12: 2022, doi 10.1186/s13550-022-00947-2 (18 patients).
.. [2] J Nucl Med 2022, PMC8978188 (effective half-times shorter for grade 2, P < 0.001).
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import ndtr

from operandi.domain.identity import Digest
from operandi.domain.measurement import Measurement, Subject, Uncertainty
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import PREDICTED_DOSE_PER_ACTIVITY
from operandi.therapy.pet_baseline import (
    DosePrediction,
    PetBaseline,
    Site,
    SpectDose,
    TrainingPatient,
    TumorGrade,
    beyond,
    check_names,
)

Floats = npt.NDArray[np.float64]

METHOD = "predicted: hierarchical model from PET"
VERSION = "1"

LESION_TERMS = (
    "intercept",
    "log SUVmean over the patient's mean",
    "log SUVmean, patient's mean",
    "log SSTR tumor volume",
    "log volume of the segmented lesions",
    "log body mass",
    "log SUVmean squared",
    "log SUVmean times log volume of the segmented lesions",
    "grade 2",
    "grade 3",
)
ORGAN_TERMS = ("intercept", "log SUVmean", "log SSTR tumor volume", "log volume", "log body mass")

# Centers of the covariates, so that the intercept is a dose of an ordinary patient and hardly
# correlates with the slopes.  They change no prediction.
_SUV, _TUMOR_ML, _LESIONS_ML, _MASS_KG = 20.0, 250.0, 80.0, 75.0
_ORGAN_ML = {Site.KIDNEYS: 300.0, Site.SPLEEN: 200.0}

# Half-width of the grid in standard deviations, and its points along each axis.
_REACH, _POINTS = 3.0, 9


def terms_of(site: Site) -> tuple[str, ...]:
    """What the coefficients of a *site*'s model belong to, in order."""
    return LESION_TERMS if site is Site.LESION else ORGAN_TERMS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DosePrior:
    """What is known before a site's own patients.

    Parameters
    ----------
    site : Site
        Lesion or organ.
    mean : array, (p,), and covariance : array, (p, p)
        Gaussian of the coefficients of ``terms_of(site)``.
    log_patient_sd, log_lesion_sd : tuple of float
        Mean and standard deviation of log *tau* and of log *sigma*.
    ranges : mapping of str to (float, float)
        Within which SUVmean, tumor volume and body mass were seen.
    source : str
        Fitted to what, by which script; or from which paper.
    """

    site: Site
    mean: Floats
    covariance: Floats
    log_patient_sd: tuple[float, float]
    log_lesion_sd: tuple[float, float]
    ranges: Mapping[str, tuple[float, float]]
    source: str

    def __post_init__(self) -> None:
        p = len(terms_of(self.site))
        if self.mean.shape != (p,) or self.covariance.shape != (p, p):
            raise ValueError(f"{self.site} has {p} terms, the prior {self.mean.shape}")
        if not self.source.strip():
            raise DataError(
                "A prior of predicted doses needs its provenance.",
                remedy="Say what it was fitted to, and by which script.",
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseModel:
    """Posterior of the mixed model: Gaussians of the coefficients on a grid of variances.

    Parameters
    ----------
    site : Site
        Lesion or organ.
    patient_variance, lesion_variance, weight : array, (nodes,)
        *tau^2*, *sigma^2* and posterior weight, summing to 1.
    mean : array, (nodes, p)
        Of the coefficients.
    covariance : array, (nodes, p, p)
        Of the coefficients.
    ranges : mapping of str to (float, float)
        Of the training data, or of the prior without any.
    basis : str
        Fitted to what.
    """

    site: Site
    patient_variance: Floats
    lesion_variance: Floats
    weight: Floats
    mean: Floats
    covariance: Floats
    ranges: Mapping[str, tuple[float, float]]
    basis: str

    @property
    def coefficients(self) -> dict[str, tuple[float, float]]:
        """Posterior mean and standard deviation of each term."""
        mean = self.weight @ self.mean
        spread = np.einsum("k,kii->i", self.weight, self.covariance)
        spread += self.weight @ (self.mean - mean) ** 2
        return {
            term: (float(m), float(v) ** 0.5)
            for term, m, v in zip(terms_of(self.site), mean, spread, strict=True)
        }

    def predict(
        self,
        baseline: PetBaseline,
        *,
        measured: tuple[SpectDose, ...] = (),
        probability: float = 0.90,
    ) -> tuple[DosePrediction, ...]:
        """Predict the true dose per activity of every site of *baseline*.

        Parameters
        ----------
        baseline : PetBaseline
            Baseline PET; lesions, or the one organ.
        measured : tuple of SpectDose
            Doses already known from the patient's first cycle; they move the patient's effect.
            A lesion that was measured itself gets its measurement and prediction combined.
        probability : float
            Of the central interval.

        Raises
        ------
        DataError
            If a measured dose has no site on the PET, or an organ's model meets several sites.
        """
        if not 0 < probability < 1:
            raise ValueError(f"probability {probability}")
        check_names(baseline, measured)
        x = _covariates(baseline, self.site)
        flags = _flags(baseline, self.ranges)
        center, spread, weight = self._posterior(x, baseline, measured)
        basis = self.basis + (
            f"; updated by {len(measured)} measured dose(s) of this patient" if measured else ""
        )
        tail = (1 - probability) / 2
        low, median, high = (
            np.exp(_mixture_quantile(p, center, spread, weight)) for p in (tail, 0.5, 1 - tail)
        )
        first = weight @ np.exp(center + 0.5 * spread**2)
        second = weight @ np.exp(2 * center + 2 * spread**2)
        sd = np.sqrt(np.maximum(second - first * first, 0.0))
        return tuple(
            DosePrediction(
                patient=baseline.patient,
                name=site.name,
                low_gy_per_gbq=float(low[j]),
                median_gy_per_gbq=float(median[j]),
                high_gy_per_gbq=float(high[j]),
                probability=probability,
                standard_deviation_gy_per_gbq=float(sd[j]),
                flags=flags[j],
                basis=basis,
            )
            for j, site in enumerate(baseline.sites)
        )

    def _posterior(
        self, x: Floats, baseline: PetBaseline, measured: tuple[SpectDose, ...]
    ) -> tuple[Floats, Floats, Floats]:
        """Mean and sd of every site's log dose at every node, and the nodes' weights."""
        tau2 = self.patient_variance[:, None, None]
        sigma2 = self.lesion_variance[:, None, None]
        prior = np.einsum("jp,kpq,lq->kjl", x, self.covariance, x) + tau2
        prior = prior + sigma2 * np.eye(len(x))
        center = self.mean @ x.T
        if not measured:
            variance = np.einsum("kjj->kj", prior)
            return center, np.sqrt(variance), self.weight
        index = {site.name: j for j, site in enumerate(baseline.sites)}
        at = [index[dose.name] for dose in measured]
        y = np.array([dose.log_dose for dose in measured])
        noise = np.diag([dose.log_variance for dose in measured])
        seen = prior[:, at][:, :, at] + noise
        surprise = y - center[:, at]
        gain = np.linalg.solve(seen, prior[:, at])
        center = center + np.einsum("kmj,km->kj", gain, surprise)
        variance = np.einsum("kjj->kj", prior) - np.einsum("kmj,kmj->kj", gain, prior[:, at])
        # What the patient's own doses say of the variances counts as well.
        fit = np.einsum("km,km->k", surprise, np.linalg.solve(seen, surprise[..., None])[..., 0])
        log_weight = np.log(self.weight) - 0.5 * (np.linalg.slogdet(seen)[1] + fit)
        weight = np.exp(log_weight - log_weight.max())
        return center, np.sqrt(np.maximum(variance, 0.0)), weight / weight.sum()


def model_of(prior: DosePrior) -> DoseModel:
    """Predict from the prior alone, for a site without patients of its own."""
    return fit_dose_model((), prior=prior)


def fit_dose_model(training: Sequence[TrainingPatient], *, prior: DosePrior) -> DoseModel:
    """Fit the mixed model to patients with PET and SPECT.

    Parameters
    ----------
    training : sequence of TrainingPatient
        May be empty: then the prior speaks.
    prior : DosePrior
        Of the site to be fitted.
    """
    used = [patient for patient in training if patient.measured]
    rows = _Rows.of(used, prior.site)
    precision = _inverse(prior.covariance)
    centers = np.array([prior.log_patient_sd[0], prior.log_lesion_sd[0]])
    widths = np.array([prior.log_patient_sd[1], prior.log_lesion_sd[1]])
    # An organ is one site a patient: patient and lesion cannot be told apart.
    free = 2 if prior.site is Site.LESION else 1

    def unpacked(point: Floats) -> tuple[float, float]:
        lesion = math.exp(2 * float(point[-1]))
        return (math.exp(2 * float(point[0])) if free == 2 else 0.0), lesion

    def log_posterior(point: Floats) -> float:
        evidence = rows.solve(*unpacked(point), mean=prior.mean, precision=precision)[2]
        return evidence - 0.5 * float((((point - centers[-free:]) / widths[-free:]) ** 2).sum())

    nodes, weight = _grid(log_posterior, start=centers[-free:], width=widths[-free:])
    variances = np.array([unpacked(node) for node in nodes])
    fitted = [rows.solve(*pair, mean=prior.mean, precision=precision) for pair in variances]
    measured = sum(len(patient.measured) for patient in used)
    return DoseModel(
        site=prior.site,
        patient_variance=variances[:, 0],
        lesion_variance=variances[:, 1],
        weight=weight,
        mean=np.array([mean for mean, _, _ in fitted]),
        covariance=np.array([covariance for _, covariance, _ in fitted]),
        ranges=_ranges(used) if used else prior.ranges,
        basis=f"{measured} doses of {len(used)} patients, prior: {prior.source}"
        if used
        else f"prior alone: {prior.source}",
    )


def predicted_measurement(
    predicted: DosePrediction, *, subject: Subject, inputs: tuple[Digest, ...]
) -> Measurement:
    """Put a prediction into the table: its median, its sd, and the interval in words."""
    return Measurement(
        subject=subject,
        kind=PREDICTED_DOSE_PER_ACTIVITY,
        value=predicted.median_gy_per_gbq,
        uncertainty=Uncertainty(
            predicted.standard_deviation_gy_per_gbq,
            f"predicted from PET, not measured; {predicted.probability:.0%} interval "
            f"{predicted.low_gy_per_gbq:.3g} to {predicted.high_gy_per_gbq:.3g} Gy/GBq; "
            + "; ".join((predicted.basis, *predicted.flags)),
        ),
        method=METHOD,
        version=VERSION,
        inputs=inputs,
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Measured doses of all patients, one a row."""

    x: Floats
    y: Floats
    noise: Floats
    patient: npt.NDArray[np.intp]
    patients: int

    @staticmethod
    def of(training: Sequence[TrainingPatient], site: Site) -> "_Rows":
        x: list[Floats] = []
        y: list[float] = []
        noise: list[float] = []
        patient: list[int] = []
        for number, one in enumerate(training):
            index = {s.name: j for j, s in enumerate(one.baseline.sites)}
            covariates = _covariates(one.baseline, site)
            for dose in one.measured:
                x.append(covariates[index[dose.name]])
                y.append(dose.log_dose)
                noise.append(dose.log_variance)
                patient.append(number)
        return _Rows(
            np.array(x).reshape(-1, len(terms_of(site))),
            np.array(y, dtype=np.float64),
            np.array(noise, dtype=np.float64),
            np.array(patient, dtype=np.intp),
            len(training),
        )

    def solve(
        self, tau2: float, sigma2: float, *, mean: Floats, precision: Floats
    ) -> tuple[Floats, Floats, float]:
        """Mean and covariance of beta, and the log evidence, at given variances.

        ``V^-1 = W - (tau^2 / (1 + tau^2 s)) w w'`` within a patient, *w* the rows' precisions
        and *s* their sum, so nothing larger than p by p is inverted.
        """
        w = 1.0 / (sigma2 + self.noise)
        columns = np.column_stack([self.x, self.y])
        sums = np.zeros((self.patients, columns.shape[1]))
        np.add.at(sums, self.patient, w[:, None] * columns)
        s = np.bincount(self.patient, weights=w, minlength=self.patients)
        shrink = tau2 / (1.0 + tau2 * s)
        cross = columns.T @ (w[:, None] * columns) - sums.T @ (shrink[:, None] * sums)
        posterior = precision + cross[:-1, :-1]
        covariance = _inverse(posterior)
        beta = covariance @ (precision @ mean + cross[:-1, -1])
        log_det = -np.log(w).sum() + np.log1p(tau2 * s).sum()
        misfit = cross[-1, -1] + mean @ precision @ mean - beta @ posterior @ beta
        evidence = -0.5 * (log_det + misfit + np.linalg.slogdet(posterior)[1])
        return beta, covariance, float(evidence)


def _inverse(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _covariates(baseline: PetBaseline, site: Site) -> Floats:
    """Rows *x* of every site of a patient, (sites, p)."""
    if baseline.tumor_volume_ml is None:
        raise ValueError("the baseline was not validated")
    log_suv = np.log([s.suv_mean for s in baseline.sites]) - math.log(_SUV)
    sink = math.log(baseline.tumor_volume_ml / _TUMOR_ML)
    mass = math.log(baseline.body_mass_kg / _MASS_KG)
    ones = np.ones(len(baseline.sites))
    if site is not Site.LESION:
        if len(baseline.sites) != 1:
            raise DataError(
                f"{baseline.patient}: a model of {site} takes one site, not {len(ones)}.",
                remedy="Give the organ alone.",
            )
        volume = math.log(baseline.sites[0].volume_ml / _ORGAN_ML[site])
        return np.array([[1.0, log_suv[0], sink, volume, mass]])
    shared = math.log(sum(s.volume_ml for s in baseline.sites) / _LESIONS_ML)
    # An unknown grade lies between 1 and 2, the two that are treated most.
    grade2 = {TumorGrade.G2: 1.0, TumorGrade.UNKNOWN: 0.5}.get(baseline.grade, 0.0)
    grade3 = 1.0 if baseline.grade is TumorGrade.G3 else 0.0
    average = log_suv.mean()
    columns = (
        *(ones, log_suv - average, average, sink, shared, mass),
        *(log_suv**2, log_suv * shared, grade2, grade3),
    )
    return np.column_stack([ones * column for column in columns])


def _seen(baseline: PetBaseline) -> list[dict[str, float]]:
    shared = {
        "SSTR tumor volume": float(baseline.tumor_volume_ml or 0.0),
        "body mass": baseline.body_mass_kg,
    }
    return [{"SUVmean": site.suv_mean, **shared} for site in baseline.sites]


def _ranges(training: Sequence[TrainingPatient]) -> dict[str, tuple[float, float]]:
    rows = [row for patient in training for row in _seen(patient.baseline)]
    return {name: (min(r[name] for r in rows), max(r[name] for r in rows)) for name in rows[0]}


def _flags(
    baseline: PetBaseline, ranges: Mapping[str, tuple[float, float]]
) -> list[tuple[str, ...]]:
    unknown = baseline.grade is TumorGrade.UNKNOWN
    said = ["grade unknown: taken between 1 and 2"] if unknown else []
    return [tuple(beyond(row, ranges) + said) for row in _seen(baseline)]


def _grid(
    log_posterior: Callable[[Floats], float], *, start: Floats, width: Floats
) -> tuple[Floats, Floats]:
    """Points around the mode, and the posterior's weight of each."""
    found = minimize(
        lambda z: -log_posterior(start + width * z),
        np.zeros(start.size),
        method="Nelder-Mead",
        options={"xatol": 1e-4, "fatol": 1e-7, "maxiter": 400},
    )
    mode = start + width * found.x
    top = log_posterior(mode)
    sd = np.empty(start.size)
    for axis in range(start.size):
        # The step at which the posterior falls by 1/2 along each axis, found by doubling.
        step = np.zeros(start.size)
        step[axis] = 0.02 * width[axis]
        while step[axis] < 1.0 * width[axis] and (
            top - min(log_posterior(mode + step), log_posterior(mode - step)) < 0.5
        ):
            step[axis] *= 1.25
        sd[axis] = step[axis]
    ticks = np.linspace(-_REACH, _REACH, _POINTS)
    nodes = np.array([mode + sd * np.array(z) for z in itertools.product(ticks, repeat=mode.size)])
    values = np.array([log_posterior(node) for node in nodes])
    weight = np.exp(values - values.max())
    keep = weight > 1e-5
    return nodes[keep], weight[keep] / weight[keep].sum()


def _mixture_quantile(p: float, center: Floats, spread: Floats, weight: Floats) -> Floats:
    """Where each site's mixture of normals has *p* below; bisection, 60 halvings."""
    sd = np.maximum(spread, 1e-12)
    low = (center - 12 * sd).min(axis=0)
    high = (center + 12 * sd).max(axis=0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = weight @ ndtr((middle - center) / sd) < p
        low = np.where(below, middle, low)
        high = np.where(below, high, middle)
    return np.asarray(0.5 * (low + high), dtype=np.float64)
