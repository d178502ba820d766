"""What tissues are like, and how much people differ in it: one table, each value with its source.

``TISSUE_PRIORS["liver"]["t1_ms"]`` is a ``PersonalPrior``. By quantity, since sources are.
A pair is mean and standard deviation between people; a single number differs between none.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from operandi.simulation.people.priors import PersonalPrior

TISSUES: Final = (
    "fat",
    "muscle",
    "lung",
    "blood",
    "myocardium",
    "liver",
    "bile",
    "spleen",
    "kidney_cortex",
    "kidney_medulla",
    "adrenal",
    "pancreas",
    "pancreas_uncinate",
    "stomach_wall",
    "stomach_content",
    "small_bowel",
    "colon",
    "gas",
    "urine",
    "bone_cortex",
    "bone_marrow",
    "spinal_cord",
    "pelvic_organ",
    "brain",
    "pituitary",
    "salivary",
    "thyroid",
)
"""Keys of ``Scene.tissues`` that are no lesions. New ones go to the end: streams count on it."""

_Pair = tuple[float, float] | float

_ASSUMED: Final = "assumed"
_RECALLED: Final = "recalled"
_VARIABLE: Final = (
    "NOC and TATE, 81 patients: SUVmean, medians and ranges ('Highly variable biodistribution of "
    "68Ga-labeled somatostatin analogues'); spread from the range"
)
_NAKAMOTO: Final = "DOTATOC SUVmax, 129 patients: Nakamoto 2016, J Nucl Med 57 suppl 2:1505"
_POEPPEL: Final = (
    "DOTATOC SUVmax of renal parenchyma, 40 patients: Poeppel 2011, J Nucl Med 52:1864; blurred, "
    "the maximum of a thin cortex stands for its mean"
)
_PRASAD: Final = "DOTANOC SUVmax, 89 patients: Prasad 2010, Q J Nucl Med Mol Imaging 54:61"
_ICRU: Final = "ICRU-44 compositions at 511 keV, as tabulated for Digimouse (PMC3006167)"
_BAZELAIRE: Final = "3 T: de Bazelaire 2004, Radiology 230:652, six volunteers"
_STANISZ: Final = "recalled: 3 T, Stanisz 2005, MRM 54:507"
_DIFFUSION: Final = (
    "specification of the cohort: ADC liver 1.28, spleen 0.85, kidney 1.94, primary source not "
    "seen; spread assumed"
)
_VAN_BAALEN: Final = (
    "D of 8 volunteers at 3 T: van Baalen 2017, NMR Biomed; cortex and medulla give the kidney's "
    "1.94 at 54 % cortex; spread assumed"
)
_LIVER_STIFFNESS: Final = (
    "specification of the cohort: normal 2.3 kPa, primary source not seen; spread of Venkatesh "
    "2014, JMRI 39:1, 2.09 +- 0.22"
)
_SPLEEN_STIFFNESS: Final = "3 T, 54 volunteers: preprints 202310.1081, 3722 +- 710 Pa"

_SUV: Final[Mapping[str, Mapping[str, _Pair]]] = {
    _VARIABLE: {"liver": (4.8, 1.6), "spleen": (17.3, 6.0), "adrenal": (12.6, 5.0)},
    _POEPPEL: {"kidney_cortex": (13.2, 3.3)},
    _NAKAMOTO: {"pituitary": (8.4, 3.3), "thyroid": (2.3, 0.8), "pancreas_uncinate": (6.5, 3.1)},
    _PRASAD: {"small_bowel": (2.3, 1.0)},
    f"{_ASSUMED}: below the SUVmax of Prasad 2010": {
        "muscle": (0.7, 0.2),
        "lung": (0.4, 0.15),
        "blood": (1.5, 0.5),
        "bone_marrow": (0.9, 0.3),
        "bone_cortex": (0.5, 0.15),
    },
    _ASSUMED: {
        "fat": (0.3, 0.1),
        "myocardium": (1.6, 0.5),
        "bile": (2.0, 0.8),
        "kidney_medulla": (8.0, 2.0),
        "pancreas": (2.5, 0.8),
        "stomach_wall": (3.0, 1.0),
        "stomach_content": (0.5, 0.2),
        "colon": (1.6, 0.6),
        "gas": 0.0,
        "urine": (30.0, 15.0),
        "spinal_cord": (0.6, 0.2),
        "pelvic_organ": (1.5, 0.5),
        "brain": (0.15, 0.05),
        "salivary": (2.0, 0.8),
    },
}
_SOFT: Final = 0.1008
_MU: Final[Mapping[str, Mapping[str, _Pair]]] = {
    _ICRU: {
        "fat": 0.0913,
        "muscle": 0.0999,
        "blood": _SOFT,
        "myocardium": _SOFT,
        "liver": _SOFT,
        "spleen": _SOFT,
        "kidney_cortex": _SOFT,
        "kidney_medulla": _SOFT,
        "adrenal": _SOFT,
        "pancreas": _SOFT,
        "pancreas_uncinate": _SOFT,
        "stomach_wall": _SOFT,
        "small_bowel": _SOFT,
        "colon": _SOFT,
        "urine": 0.096,
        "stomach_content": 0.096,
        "bile": 0.096,
        "spinal_cord": 0.0994,
        "brain": 0.0994,
        "pelvic_organ": _SOFT,
        "pituitary": _SOFT,
        "salivary": _SOFT,
        "thyroid": _SOFT,
        "gas": 0.0001,
    },
    f"{_ICRU}; spread assumed": {"bone_cortex": (0.1717, 0.006)},
    f"{_ASSUMED}: between the 0.0224 of vendors and the 0.03 of table 2 of PMC3572388": {
        "lung": (0.0255, 0.004)
    },
    "spongious bone: table 2 of PMC3572388; spread assumed": {"bone_marrow": (0.11, 0.004)},
}
_PROTON_DENSITY: Final[Mapping[str, Mapping[str, _Pair]]] = {
    _ASSUMED: {
        "fat": 0.9,
        "muscle": 0.82,
        "lung": (0.2, 0.03),
        "blood": 0.85,
        "myocardium": 0.82,
        "liver": 0.8,
        "bile": 0.95,
        "spleen": 0.83,
        "kidney_cortex": 0.84,
        "kidney_medulla": 0.88,
        "adrenal": 0.8,
        "pancreas": 0.8,
        "pancreas_uncinate": 0.8,
        "stomach_wall": 0.8,
        "stomach_content": 0.97,
        "small_bowel": 0.82,
        "colon": 0.82,
        "gas": 0.0,
        "urine": 0.99,
        "bone_cortex": 0.12,
        "bone_marrow": 0.75,
        "spinal_cord": 0.75,
        "pelvic_organ": 0.83,
        "brain": 0.78,
        "pituitary": 0.8,
        "salivary": 0.8,
        "thyroid": 0.82,
    }
}
_T1: Final[Mapping[str, Mapping[str, _Pair]]] = {
    _BAZELAIRE: {
        "kidney_cortex": (1142.0, 154.0),
        "kidney_medulla": (1545.0, 142.0),
        "liver": (809.0, 71.0),
        "spleen": (1328.0, 31.0),
        "pancreas": (725.0, 71.0),
        "pancreas_uncinate": (725.0, 71.0),
        "muscle": (898.0, 33.0),
        "bone_marrow": (586.0, 73.0),
        "fat": (382.0, 13.0),
        "pelvic_organ": (1514.0, 156.0),
    },
    _STANISZ: {"blood": (1932.0, 85.0), "myocardium": (1471.0, 31.0), "spinal_cord": (993.0, 47.0)},
    _ASSUMED: {
        "lung": (1200.0, 100.0),
        "bile": (2500.0, 300.0),
        "adrenal": (1200.0, 100.0),
        "stomach_wall": (1000.0, 100.0),
        "stomach_content": (2500.0, 300.0),
        "small_bowel": (1100.0, 120.0),
        "colon": (1300.0, 150.0),
        "gas": 1000.0,
        "urine": (3500.0, 300.0),
        "bone_cortex": (300.0, 30.0),
        "brain": (1400.0, 80.0),
        "pituitary": (1300.0, 100.0),
        "salivary": (1150.0, 100.0),
        "thyroid": (1300.0, 100.0),
    },
}
_T2: Final[Mapping[str, Mapping[str, _Pair]]] = {
    _BAZELAIRE: {
        "kidney_cortex": (76.0, 7.0),
        "kidney_medulla": (81.0, 8.0),
        "liver": (34.0, 4.0),
        "spleen": (61.0, 9.0),
        "pancreas": (43.0, 7.0),
        "pancreas_uncinate": (43.0, 7.0),
        "muscle": (29.0, 4.0),
        "bone_marrow": (49.0, 4.0),
        "fat": (68, 4),
        "pelvic_organ": (79.0, 10.0),
    },
    _STANISZ: {"blood": (275.0, 50.0), "spinal_cord": (78.0, 2.0)},
    f"{_STANISZ}; spread assumed": {"myocardium": (47.0, 4.0)},
    _ASSUMED: {
        "lung": (40.0, 5.0),
        "bile": (500.0, 100.0),
        "adrenal": (60.0, 6.0),
        "stomach_wall": (55.0, 6.0),
        "stomach_content": (400.0, 80.0),
        "small_bowel": (60.0, 8.0),
        "colon": (60.0, 8.0),
        "gas": 10.0,
        "urine": (800.0, 150.0),
        "bone_cortex": (1.0, 0.1),
        "brain": (85.0, 6.0),
        "pituitary": (70.0, 6.0),
        "salivary": (65.0, 6.0),
        "thyroid": (75.0, 7.0),
    },
}
_T2_STAR: Final[Mapping[str, Mapping[str, _Pair]]] = {
    f"{_ASSUMED}, below T2 and about that of 3 T": {
        "fat": (35.0, 3.0),
        "muscle": (22.0, 3.0),
        "lung": (1.2, 0.2),
        "blood": (80.0, 15.0),
        "myocardium": (26.0, 3.0),
        "liver": (21.0, 4.0),
        "bile": (120.0, 20.0),
        "spleen": (32.0, 7.0),
        "kidney_cortex": (50.0, 6.0),
        "kidney_medulla": (45.0, 6.0),
        "adrenal": (30.0, 4.0),
        "pancreas": (27.0, 5.0),
        "pancreas_uncinate": (27.0, 5.0),
        "stomach_wall": (25.0, 4.0),
        "stomach_content": (60.0, 10.0),
        "small_bowel": (25.0, 4.0),
        "colon": (20.0, 3.0),
        "gas": 1.0,
        "urine": (200.0, 30.0),
        "bone_cortex": (0.5, 0.05),
        "bone_marrow": (12.0, 2.0),
        "spinal_cord": (45.0, 2.0),
        "pelvic_organ": (40.0, 5.0),
        "brain": (50.0, 4.0),
        "pituitary": (35.0, 4.0),
        "salivary": (30.0, 4.0),
        "thyroid": (35.0, 4.0),
    }
}
_FAT_FRACTION: Final[Mapping[str, Mapping[str, _Pair]]] = {
    _ASSUMED: {
        **dict.fromkeys(TISSUES, 0.0),
        "fat": (0.92, 0.02),
        "muscle": (0.05, 0.02),
        "liver": (0.05, 0.04),
        "pancreas": (0.08, 0.05),
        "pancreas_uncinate": (0.06, 0.04),
        "salivary": (0.15, 0.05),
        "small_bowel": (0.03, 0.01),
    },
    f"{_RECALLED}: of vertebrae at 60 years": {"bone_marrow": (0.45, 0.1)},
}
_ADC: Final[Mapping[str, Mapping[str, _Pair]]] = {
    _DIFFUSION: {"liver": (1.28e-3, 0.15e-3), "spleen": (0.85e-3, 0.1e-3)},
    _VAN_BAALEN: {"kidney_cortex": (2.26e-3, 0.2e-3), "kidney_medulla": (1.57e-3, 0.2e-3)},
    _ASSUMED: {
        "fat": 0.03e-3,
        "muscle": (1.5e-3, 0.15e-3),
        "lung": (1.5e-3, 0.2e-3),
        "blood": (1.6e-3, 0.1e-3),
        "myocardium": (1.5e-3, 0.15e-3),
        "bile": (2.8e-3, 0.1e-3),
        "adrenal": (1.1e-3, 0.15e-3),
        "pancreas": (1.35e-3, 0.2e-3),
        "pancreas_uncinate": (1.35e-3, 0.2e-3),
        "stomach_wall": (1.5e-3, 0.2e-3),
        "stomach_content": (2.7e-3, 0.1e-3),
        "small_bowel": (1.7e-3, 0.25e-3),
        "colon": (1.6e-3, 0.25e-3),
        "gas": 0.0,
        "urine": (2.9e-3, 0.05e-3),
        "bone_cortex": 0.2e-3,
        "bone_marrow": (0.4e-3, 0.08e-3),
        "spinal_cord": (1.0e-3, 0.1e-3),
        "pelvic_organ": (1.5e-3, 0.2e-3),
        "brain": (0.8e-3, 0.05e-3),
        "pituitary": (1.1e-3, 0.15e-3),
        "salivary": (1.1e-3, 0.15e-3),
        "thyroid": (1.6e-3, 0.2e-3),
    },
}
_PERFUSION_FRACTION: Final[Mapping[str, Mapping[str, _Pair]]] = {
    f"{_RECALLED}; spread assumed": {
        "liver": (0.22, 0.05),
        "spleen": (0.1, 0.03),
        "kidney_cortex": (0.2, 0.04),
        "kidney_medulla": (0.15, 0.04),
        "pancreas": (0.2, 0.05),
        "pancreas_uncinate": (0.2, 0.05),
    },
    _ASSUMED: {
        "fat": 0.0,
        "muscle": (0.08, 0.02),
        "lung": (0.2, 0.04),
        "blood": 0.9,
        "myocardium": (0.15, 0.03),
        "bile": 0.0,
        "adrenal": (0.15, 0.04),
        "stomach_wall": (0.12, 0.03),
        "stomach_content": 0.0,
        "small_bowel": (0.15, 0.04),
        "colon": (0.12, 0.03),
        "gas": 0.0,
        "urine": 0.0,
        "bone_cortex": 0.0,
        "bone_marrow": (0.08, 0.02),
        "spinal_cord": (0.03, 0.01),
        "pelvic_organ": (0.12, 0.03),
        "brain": (0.04, 0.01),
        "pituitary": (0.1, 0.03),
        "salivary": (0.12, 0.03),
        "thyroid": (0.15, 0.04),
    },
}
_PSEUDO_DIFFUSION: Final[Mapping[str, Mapping[str, _Pair]]] = {
    f"{_RECALLED}; spread assumed": {"liver": (0.07, 0.02), "kidney_cortex": (0.03, 0.008)},
    "van Baalen 2017, NMR Biomed; spread assumed": {"spleen": (0.0698, 0.015)},
    _ASSUMED: {
        name: (0.1 if name == "blood" else (0.03, 0.008))
        for name in TISSUES
        if name not in {"liver", "kidney_cortex", "spleen"}
    },
}
_KTRANS: Final[Mapping[str, Mapping[str, _Pair]]] = {
    _ASSUMED: {
        "fat": (0.02, 0.006),
        "muscle": (0.06, 0.02),
        "lung": (0.1, 0.03),
        "blood": 0.0,
        "myocardium": (0.9, 0.2),
        "liver": (0.6, 0.15),
        "bile": 0.0,
        "spleen": (0.8, 0.2),
        "kidney_cortex": (1.0, 0.25),
        "kidney_medulla": (0.4, 0.1),
        "adrenal": (0.8, 0.2),
        "pancreas": (0.7, 0.2),
        "pancreas_uncinate": (0.7, 0.2),
        "stomach_wall": (0.5, 0.15),
        "stomach_content": 0.0,
        "small_bowel": (0.4, 0.12),
        "colon": (0.3, 0.1),
        "gas": 0.0,
        "urine": 0.0,
        "bone_cortex": 0.01,
        "bone_marrow": (0.2, 0.06),
        "spinal_cord": 0.005,
        "pelvic_organ": (0.3, 0.1),
        "brain": 0.002,
        "pituitary": (0.8, 0.2),
        "salivary": (0.4, 0.1),
        "thyroid": (0.8, 0.2),
    }
}
_VE: Final[Mapping[str, Mapping[str, _Pair]]] = {
    "extracellular volume at 3 T, median 0.25 (0.19 to 0.28): Tirkes 2019, PMC6692199": {
        "pancreas": (0.25, 0.067),
        "pancreas_uncinate": (0.25, 0.067),
    },
    f"{_ASSUMED}; where nothing leaks, of no effect": {
        "fat": (0.06, 0.01),
        "muscle": (0.12, 0.02),
        "lung": (0.2, 0.04),
        "blood": 0.1,
        "myocardium": (0.25, 0.03),
        "liver": (0.25, 0.05),
        "bile": 0.1,
        "spleen": (0.3, 0.05),
        "kidney_cortex": (0.35, 0.05),
        "kidney_medulla": (0.35, 0.05),
        "adrenal": (0.3, 0.05),
        "stomach_wall": (0.3, 0.05),
        "stomach_content": 0.1,
        "small_bowel": (0.3, 0.05),
        "colon": (0.3, 0.05),
        "gas": 0.1,
        "urine": 0.1,
        "bone_cortex": 0.05,
        "bone_marrow": (0.2, 0.04),
        "spinal_cord": 0.1,
        "pelvic_organ": (0.3, 0.05),
        "brain": 0.1,
        "pituitary": (0.3, 0.05),
        "salivary": (0.3, 0.05),
        "thyroid": (0.3, 0.05),
    },
}
_VP: Final[Mapping[str, Mapping[str, _Pair]]] = {
    f"{_ASSUMED}: hematocrit 0.42": {"blood": 0.58},
    _ASSUMED: {
        "fat": 0.01,
        "muscle": (0.02, 0.005),
        "lung": (0.08, 0.02),
        "myocardium": (0.09, 0.02),
        "liver": (0.1, 0.02),
        "bile": 0.0,
        "spleen": (0.2, 0.04),
        "kidney_cortex": (0.2, 0.04),
        "kidney_medulla": (0.1, 0.02),
        "adrenal": (0.12, 0.03),
        "pancreas": (0.12, 0.03),
        "pancreas_uncinate": (0.12, 0.03),
        "stomach_wall": (0.07, 0.02),
        "stomach_content": 0.0,
        "small_bowel": (0.07, 0.02),
        "colon": (0.05, 0.01),
        "gas": 0.0,
        "urine": 0.0,
        "bone_cortex": 0.005,
        "bone_marrow": (0.05, 0.01),
        "spinal_cord": 0.02,
        "pelvic_organ": (0.06, 0.01),
        "brain": 0.025,
        "pituitary": (0.12, 0.03),
        "salivary": (0.07, 0.02),
        "thyroid": (0.15, 0.03),
    },
}
_STIFFNESS: Final[Mapping[str, Mapping[str, _Pair]]] = {
    _LIVER_STIFFNESS: {"liver": (2.3, 0.24)},
    _SPLEEN_STIFFNESS: {"spleen": (3.72, 0.71)},
    f"{_ASSUMED}; in fluid and gas hardly any": {
        "fat": (1.2, 0.2),
        "muscle": (3.0, 0.6),
        "lung": (0.9, 0.1),
        "blood": 0.1,
        "myocardium": (5.0, 0.8),
        "bile": 0.1,
        "kidney_cortex": (4.2, 0.7),
        "kidney_medulla": (4.2, 0.7),
        "adrenal": (2.5, 0.4),
        "pancreas": (2.0, 0.4),
        "pancreas_uncinate": (2.0, 0.4),
        "stomach_wall": (2.0, 0.4),
        "stomach_content": 0.1,
        "small_bowel": (1.8, 0.4),
        "colon": (1.8, 0.4),
        "gas": 0.05,
        "urine": 0.1,
        "bone_cortex": 50.0,
        "bone_marrow": (10.0, 1.5),
        "spinal_cord": (3.0, 0.4),
        "pelvic_organ": (3.0, 0.6),
        "brain": (2.8, 0.3),
        "pituitary": (2.5, 0.4),
        "salivary": (2.5, 0.4),
        "thyroid": (2.5, 0.4),
    },
}
_FLUIDS: Final = ("blood", "bile", "stomach_content", "gas", "urine")
_LOSS_ANGLE: Final[Mapping[str, Mapping[str, _Pair]]] = {
    f"{_ASSUMED}; fluid is viscous alone": {
        name: (1.3 if name in _FLUIDS else (0.25, 0.03)) for name in TISSUES
    }
}
_SUSCEPTIBILITY: Final[Mapping[str, Mapping[str, _Pair]]] = {
    f"{_RECALLED}: air 0.36, water -9.05, fat -8.4, cortical bone -11.3 ppm": {
        "gas": 9.4,
        "fat": 0.65,
        "bone_cortex": -2.2,
    },
    f"{_ASSUMED}: three quarters air": {"lung": 7.0},
    _ASSUMED: {name: 0.0 for name in TISSUES if name not in {"gas", "fat", "bone_cortex", "lung"}},
}

_QUANTITIES: Final[Mapping[str, tuple[str, Mapping[str, Mapping[str, _Pair]]]]] = {
    "suv": ("g/mL", _SUV),
    "mu_per_cm": ("1/cm", _MU),
    "proton_density": ("1", _PROTON_DENSITY),
    "t1_ms": ("ms", _T1),
    "t2_ms": ("ms", _T2),
    "t2_star_ms": ("ms", _T2_STAR),
    "fat_fraction": ("1", _FAT_FRACTION),
    "adc_mm2_s": ("mm2/s", _ADC),
    "perfusion_fraction": ("1", _PERFUSION_FRACTION),
    "pseudo_diffusion_mm2_s": ("mm2/s", _PSEUDO_DIFFUSION),
    "ktrans_per_min": ("1/min", _KTRANS),
    "ve": ("1", _VE),
    "vp": ("1", _VP),
    "stiffness_kpa": ("kPa", _STIFFNESS),
    "loss_angle_rad": ("rad", _LOSS_ANGLE),
    "susceptibility_ppm": ("ppm", _SUSCEPTIBILITY),
}
QUANTITIES: Final = tuple(_QUANTITIES)
"""Fields of ``Tissue``. New ones go to the end: streams count on it."""


def _prior(pair: _Pair, *, unit: str, source: str) -> PersonalPrior:
    mean, spread = pair if isinstance(pair, tuple) else (pair, 0.0)
    law: Literal["normal", "log-normal"] = "normal" if mean <= 0.0 else "log-normal"
    return PersonalPrior(mean=mean, spread=spread, unit=unit, source=source, law=law)


def _table() -> dict[str, Mapping[str, PersonalPrior]]:
    table: dict[str, dict[str, PersonalPrior]] = {tissue: {} for tissue in TISSUES}
    for quantity, (unit, sources) in _QUANTITIES.items():
        for source, pairs in sources.items():
            for tissue, pair in pairs.items():
                table[tissue][quantity] = _prior(pair, unit=unit, source=source)
    return {tissue: MappingProxyType(priors) for tissue, priors in table.items()}


TISSUE_PRIORS: Final[Mapping[str, Mapping[str, PersonalPrior]]] = MappingProxyType(_table())
"""By tissue and quantity."""
