"""Three calibrated parameter sets of growth, kill and clearance: same anchors, different causes.

None was fitted to patients one by one: each reproduces published summary results of trials
(``benchmarks/calibrate_course.py`` prints what it reaches; decision 0024). They differ in what
makes patients differ, which trial summaries alone cannot tell: a signature should hold under all.
"""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseParameters:
    """How lesions grow, die and clear.

    Parameters
    ----------
    name : str
    growth_per_month : float
        Median exponential growth rate of **volume** before the factor of the grade.
    growth_log_sd_patient, growth_log_sd_lesion : float
    grade2_fraction : float
        Part of patients of grade 2.
    grade_growth_factor : tuple of 2 float
        Grade 1, grade 2.
    grade_dose_decline : tuple of 2 float
        Part by which the dose of a cycle falls short of the cycle before: grade 1, grade 2.
    sensitivity_per_gy, sensitivity_log_sd : float
        Median and spread between patients of the effective clinical *alpha*. Far below the *alpha*
        of cells in a dish: never exchange the two.
    stroma_fraction : float
        Part of killed volume that never clears.
    clearance_per_month : float
        Rate at which the other killed volume clears.
    new_lesion_per_month : float
        Hazard of a new lesion while the viable burden is that of the start.
    first_cycle_dose_gy, dose_log_sd_patient, dose_log_sd_lesion : float
        Of the calibration; the kinetics give it for a virtual patient.
    source : str
    """

    name: str
    growth_per_month: float
    growth_log_sd_patient: float
    growth_log_sd_lesion: float
    grade2_fraction: float
    grade_growth_factor: tuple[float, float]
    grade_dose_decline: tuple[float, float]
    sensitivity_per_gy: float
    sensitivity_log_sd: float
    stroma_fraction: float
    clearance_per_month: float
    new_lesion_per_month: float
    first_cycle_dose_gy: float
    dose_log_sd_patient: float
    dose_log_sd_lesion: float
    source: str


COURSE_A: Final = CourseParameters(
    name="A: balanced",
    growth_per_month=0.0805,
    growth_log_sd_patient=0.41,
    growth_log_sd_lesion=0.25,
    # Ours, as the number and size of lesions are: the control median then is the documented one.
    grade2_fraction=0.4,
    grade_growth_factor=(0.78, 1.35),
    grade_dose_decline=(0.06, 0.14),  # published per grade (therapy_ai.md, trial)
    sensitivity_per_gy=0.030,
    sensitivity_log_sd=0.31,
    stroma_fraction=0.18,
    clearance_per_month=0.225,
    new_lesion_per_month=0.02,
    first_cycle_dose_gy=20.0,
    dose_log_sd_patient=0.45,
    dose_log_sd_lesion=0.45,
    source="therapy_ai.md, section 2, trial: calibrated there",
)

_FITTED: Final = "benchmarks/calibrate_course.py --fit, from the spreads given here; decision 0024"

COURSE_B: Final = replace(
    COURSE_A,
    name="B: growth differs",
    growth_per_month=0.0605,
    growth_log_sd_patient=0.775,
    sensitivity_per_gy=0.0248,
    sensitivity_log_sd=0.15,
    stroma_fraction=0.10,
    new_lesion_per_month=0.0251,
    dose_log_sd_patient=0.35,
    dose_log_sd_lesion=0.35,
    source=_FITTED,
)

COURSE_C: Final = replace(
    COURSE_A,
    name="C: radiosensitivity and dose differ, new lesions lead",
    growth_per_month=0.0486,
    growth_log_sd_patient=0.25,
    growth_log_sd_lesion=0.15,
    sensitivity_per_gy=0.0206,
    sensitivity_log_sd=0.617,
    stroma_fraction=0.161,
    new_lesion_per_month=0.0525,
    dose_log_sd_patient=0.50,
    dose_log_sd_lesion=0.50,
    source=_FITTED,
)
