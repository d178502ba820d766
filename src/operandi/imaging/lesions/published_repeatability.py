"""Published coefficients of how a quantity repeats, by key, each with what its source states.

For somatostatin receptor PET there is none. Read in abstracts and result tables, not in full
papers; what was not read is marked *recalled*. ``within`` follows from ``stated`` by
``RC = 1.96 sqrt(2) wCV`` and ``limits = mean -+ 1.96 sqrt(2) wCV``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

_PSMA: Final = "68Ga-PSMA-11"
_DCFPYL: Final = "18F-DCFPyL"
_FDG: Final = "18F-FDG"
_RC: Final = 1.96 * math.sqrt(2.0)


class ChangeScale(StrEnum):
    """How two values of a quantity are compared."""

    RELATIVE = "relative"
    """By the natural logarithm of their ratio: a rise and a fall of one factor are equal."""
    ABSOLUTE = "absolute"
    """By their difference, in the quantity's unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCoefficient:
    """A published coefficient that a study chose.

    Parameters
    ----------
    key : str
        Of ``PUBLISHED_COEFFICIENTS``.
    borrowed_because : str
        Why it may serve though it is of another tracer. Needed exactly then.
    """

    key: str
    borrowed_because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCoefficient:
    """A published within-subject variation.

    Parameters
    ----------
    quantities : tuple of str
        Names of the kinds that it is of.
    tracer : str
        As in the source; empty for MR and CT.
    within : float
        Within-subject coefficient of variation or standard deviation.
    stated : str
        The number as the source states it, and of what.
    source : str
        Citation.
    scale : ChangeScale
        Whether ``within`` is a share or in the kind's unit.
    participants : int or None
        On whom it rests, where the source read says so.
    across_scanners : bool
        Whether test and retest came from different scanners.
    """

    quantities: tuple[str, ...]
    tracer: str
    within: float
    stated: str
    source: str
    scale: ChangeScale = ChangeScale.RELATIVE
    participants: int | None = None
    across_scanners: bool = False


_LODGE: Final = "Lodge, J Nucl Med 58:523, 2017 (review)"
_FRAUM: Final = "Fraum et al., J Nucl Med 60:1080, 2019"
_GROSHAR: Final = "Groshar et al., Cancer Imaging 17:11, 2017"
_PSMA_11: Final = "68Ga-PSMA-HBED-CC test-retest, J Nucl Med 2019, jnumed.119.236083"
_DCFPYL_2022: Final = "18F-DCFPyL test-retest, Mol Imaging 2022:7056983, table 2"
_DCFPYL_VU: Final = (
    "Repeatability of quantitative 18F-DCFPyL PET/CT measurements in metastatic prostate cancer "
    "(Amsterdam UMC; journal not read)"
)
_QIBA_ADC: Final = "QIBA profile of ADC, Radiology 2024 (PMC11537247)"
_OXNARD: Final = "Oxnard et al., J Clin Oncol 2011 (PMC3157977)"
_KOOPMAN: Final = "Koopman et al., SUV variability in EARL-accredited PET (journal not read)"

_TUMOR_SUV: Final = ("SUV_MAXIMUM", "SUV_MEAN", "SUV_PEAK")


PUBLISHED_COEFFICIENTS: Final[Mapping[str, PublishedCoefficient]] = MappingProxyType(
    {
        "fdg-suv-review": PublishedCoefficient(
            quantities=_TUMOR_SUV,
            tracer=_FDG,
            within=0.10,
            stated="wCV of tumor SUV about 10 % with careful protocol",
            source=_LODGE,
        ),
        "fdg-petmr-suvmax": PublishedCoefficient(
            quantities=("SUV_MAXIMUM",),
            tracer=_FDG,
            within=0.087,
            participants=14,
            stated="PET/MRI wCV 6.6-8.7 % over reconstructions, the largest taken; pelvis",
            source=_FRAUM,
        ),
        "fdg-petmr-suvpeak-same-day": PublishedCoefficient(
            quantities=("SUV_PEAK",),
            tracer=_FDG,
            within=(0.175 + 0.277) / 2.0 / _RC,
            participants=33,
            stated="limits -27.7 to 17.5 %, two PET/MR of one injection: no new assay or day",
            source=_GROSHAR,
        ),
        "fdg-suvmax-two-scanners": PublishedCoefficient(
            quantities=("SUV_MAXIMUM",),
            tracer=_FDG,
            within=0.33 / _RC,
            participants=50,
            stated="RC 33 % between two scanners, same day",
            source=_KOOPMAN,
            across_scanners=True,
        ),
        "fdg-suvmean-suvpeak-two-scanners": PublishedCoefficient(
            quantities=("SUV_MEAN", "SUV_PEAK"),
            tracer=_FDG,
            within=0.27 / _RC,
            participants=50,
            stated="RC 27 % between two scanners, same day",
            source=_KOOPMAN,
            across_scanners=True,
        ),
        "psma11-suvmax-bone": PublishedCoefficient(
            quantities=("SUV_MAXIMUM",),
            tracer=_PSMA,
            within=0.117,
            participants=16,
            stated="wCV 11.7 %, RC 32.5 %, bone lesions",
            source=_PSMA_11,
        ),
        "psma11-suvmax-node": PublishedCoefficient(
            quantities=("SUV_MAXIMUM",),
            tracer=_PSMA,
            within=0.137,
            participants=16,
            stated="wCV 13.7 %, RC 37.9 %, lymph nodes",
            source=_PSMA_11,
        ),
        "dcfpyl-suvmax": PublishedCoefficient(
            quantities=("SUV_MAXIMUM",),
            tracer=_DCFPYL,
            within=0.121,
            stated="wCV 12.1 %, all lesions",
            source=_DCFPYL_2022,
        ),
        "dcfpyl-suvmean": PublishedCoefficient(
            quantities=("SUV_MEAN",),
            tracer=_DCFPYL,
            within=0.073,
            stated="wCV 7.3 %, all lesions",
            source=_DCFPYL_2022,
        ),
        "dcfpyl-suvpeak": PublishedCoefficient(
            quantities=("SUV_PEAK",),
            tracer=_DCFPYL,
            within=0.253 / _RC,
            participants=10,
            stated="RC 25.3 %, 36 lesions",
            source=_DCFPYL_VU,
        ),
        "dcfpyl-volume": PublishedCoefficient(
            quantities=("VOLUME",),
            tracer=_DCFPYL,
            within=0.235,
            stated="wCV of PSMA-TV 23.5 %, all lesions",
            source=_DCFPYL_2022,
        ),
        "dcfpyl-total-lesion-uptake": PublishedCoefficient(
            quantities=("TOTAL_LESION_SSTR",),
            tracer=_DCFPYL,
            within=0.240,
            stated="wCV of TL-PSMA 24.0 %, all lesions",
            source=_DCFPYL_2022,
        ),
        "dcfpyl-patient-volume": PublishedCoefficient(
            quantities=("SSTR_TUMOR_VOLUME",),
            tracer=_DCFPYL,
            within=0.170 / _RC,
            participants=10,
            stated="RC of a patient's total tumor volume 17.0 %",
            source=_DCFPYL_VU,
        ),
        "adc-liver-lesion": PublishedCoefficient(
            quantities=("ADC_MEAN", "ADC"),
            tracer="",
            within=0.27 / _RC,
            stated="a change of mean ADC beyond 27 % is real with 95 % confidence, liver lesions",
            source=_QIBA_ADC,
        ),
        "diameter-ct-lung": PublishedCoefficient(
            quantities=("LONGEST_DIAMETER",),
            tracer="",
            scale=ChangeScale.ABSOLUTE,
            within=2.4 / math.sqrt(2.0),
            stated="SD of the change of the diameter 2.4 mm, two CT within 15 min, lung",
            source=_OXNARD,
        ),
    }
)
"""By key. Each is a published number; none is of a somatostatin receptor tracer."""
