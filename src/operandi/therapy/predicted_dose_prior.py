"""Coefficients of predicted doses before any patient of one's own: fitted to virtual patients.

No published regression states slope and intercept where we could read them, so the prior comes
from the kinetic simulator and is named so.  ``python -m benchmarks.predicted_dose --freeze``
prints these numbers again: 1000 virtual patients of the set "DOTATATE and DOTATOC (kidneys
raised)", in which receptors at PET and at therapy correlate by 0.95; seed 20, 68Ga-DOTATOC PET
at 1 h (20 ug), 151 ug of 177Lu-DOTATATE, with the published errors of PET and SPECT.  Decision
0025.
"""

import math
from dataclasses import replace
from typing import Final

import numpy as np

from operandi.therapy.pet_baseline import Site
from operandi.therapy.predicted_dose import DosePrior, terms_of

_RANGES: Final = {"SSTR tumor volume": (33.6, 4050.0), "body mass": (41.0, 156.0)}

# Mean and standard deviation of each coefficient.
_COEFFICIENTS: Final = {
    Site.LESION: {
        "intercept": (0.8625, 0.0092),
        "log SUVmean over the patient's mean": (0.5975, 0.0124),
        "log SUVmean, patient's mean": (0.7470, 0.0164),
        "log SSTR tumor volume": (-0.0301, 0.0119),
        "log volume of the segmented lesions": (-0.0493, 0.0100),
        "log body mass": (-0.8239, 0.0491),
        "log SUVmean squared": (-0.0466, 0.0093),
        "log SUVmean times log volume of the segmented lesions": (-0.0598, 0.0108),
        # The kinetics know no grade. Half-times of grade 2 are shorter (J Nucl Med 2022,
        # PMC8978188, P < 0.001), by how much was not seen: centered on none, and wide.
        "grade 2": (0.0, 0.2),
        "grade 3": (0.0, 0.4),
    },
    Site.KIDNEYS: {
        "intercept": (-0.6568, 0.0095),
        "log SUVmean": (0.3101, 0.0187),
        "log SSTR tumor volume": (-0.0002, 0.0111),
        "log volume": (0.0295, 0.0404),
        "log body mass": (-0.2794, 0.0520),
    },
    Site.SPLEEN: {
        "intercept": (-0.7970, 0.0089),
        "log SUVmean": (0.1701, 0.0147),
        "log SSTR tumor volume": (-0.0914, 0.0095),
        "log volume": (0.0174, 0.0193),
        "log body mass": (-0.1530, 0.0435),
    },
}
# Standard deviations of patients and of lesions, in the logarithm; range of SUVmean.
_SPREAD: Final = {
    Site.LESION: (0.1532, 0.2292, (1.94, 232.0)),
    Site.KIDNEYS: (0.2033, 0.2033, (2.79, 90.9)),
    Site.SPLEEN: (0.1463, 0.1463, (2.04, 80.4)),
}


def virtual_prior(site: Site) -> DosePrior:
    """Prior for virtual patients: as sharp as the fit to 1000 of them."""
    rows = _COEFFICIENTS[site]
    values = np.array([rows[term] for term in terms_of(site)])
    patient, lesion, suv = _SPREAD[site]
    return DosePrior(
        site=site,
        mean=values[:, 0],
        covariance=np.diag(values[:, 1] ** 2),
        log_patient_sd=(math.log(patient), 0.15),
        log_lesion_sd=(math.log(lesion), 0.15),
        ranges={"SUVmean": suv, **_RANGES},
        source="fitted to 1000 virtual patients of the kinetic set DOTATATE and DOTATOC, seed 20 "
        "(benchmarks/predicted_dose.py, version 1)",
    )


def default_prior(site: Site) -> DosePrior:
    """Prior for people: the same centers, doubted as a simulator should be.

    The simulator's lesions get 2.8 Gy/GBq on average, published ones 26.9 Gy a cycle, 3.6 Gy/GBq
    for 7.4 GBq [1]_: a quarter in the logarithm, hence 0.35 for the intercept.  Its SUV-linear
    prediction errs by 1.6 Gy/GBq (root mean square, against measured doses), the published one by
    1.77, so the spreads keep their centers, with 40 % either way.  Slopes are doubted by 0.3.

    References
    ----------
    .. [1] Cancers 15:1134, 2023 (301 tumors of 54 patients); 7.4 GBq is the standard activity.
    """
    sharp = virtual_prior(site)
    doubt = np.full(sharp.mean.size, 0.3)
    doubt[0] = 0.35
    if site is Site.LESION:
        # Curvature: a tenth as much, or it would rule at the ends. Grade is doubted already.
        doubt[-4:] = 0.05, 0.05, 0.0, 0.0
    return replace(
        sharp,
        covariance=sharp.covariance + np.diag(doubt**2),
        log_patient_sd=(sharp.log_patient_sd[0], 0.4),
        log_lesion_sd=(sharp.log_lesion_sd[0], 0.4),
        source=f"{sharp.source}, widened for people",
    )
