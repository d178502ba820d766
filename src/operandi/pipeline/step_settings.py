"""What the steps are told beside their inputs.

Apart from the steps, so that laying out the road does not import what only running it needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from operandi.domain.administration import Administration
from operandi.domain.identity import Digest, Pseudonym, TimepointCode
from operandi.imaging.pet.declaration import Declaration, Recorded
from operandi.reports.study_report import (
    EligibilityPage,
    Issue,
    MethodParagraph,
    OriginLine,
    SeriesLine,
    TimepointColumn,
)

if TYPE_CHECKING:
    from operandi.imaging.radiomics.aggregation import Aggregation
    from operandi.imaging.radiomics.extract import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class PetSettings:
    """What the PET step needs beside the images.

    Parameters
    ----------
    timezone : str
        IANA name, of dates and times without an offset.
    recorded : Recorded
        Body size and injection as the study's tables have them.
    declared : Declaration
        Answers to ambiguous headers.
    """

    timezone: str
    recorded: Recorded
    declared: Declaration


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedReference:
    """A reference sphere that a reader placed."""

    center_mm: tuple[float, float, float]
    radius_mm: float
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarrowSettings:
    """What a study file sets for the dose of the red marrow.

    Parameters
    ----------
    reference : str
        Phantom that the organ S values are of: ICRP 89 adult male, ICRP 89 adult female or
        MIRD adult.
    mass_relative_uncertainty : float
        Standard uncertainty of the phantom's marrow scaled by body mass, as a share.
    blood_density_g_ml : float
        From volume to mass.
    marrow_to_blood : tuple of (value, standard uncertainty, source)
        Of activity concentrations.
    vertebral_share : tuple of (value, standard uncertainty, source), or None
        Of all red marrow, what L2 to L4 hold; None where the image-based method is not used.
    """

    reference: str
    mass_relative_uncertainty: float
    blood_density_g_ml: float
    marrow_to_blood: tuple[float, float, str]
    vertebral_share: tuple[float, float, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DosimetrySettings:
    """What a study file sets for absorbed doses; without it none are computed.

    Parameters
    ----------
    tissue_density_g_cm3 : float
        Of lesions and organs, by which volumes become masses.
    spatial_resolution_mm : float
        Full width at half maximum of the SPECT reconstruction; the uncertainty of a delineated
        volume hangs on it.
    predicted : bool
        Whether doses are also predicted from the PET before the first cycle.
    organ_s_values, organ_s_phantom, organ_s_unit : str
        File of organ S values in the study folder, whose anatomy it is of, and its unit where it
        states none; empty where none is used.
    series : tuple of str
        SeriesInstanceUIDs that count where a scan arrived in several reconstructions.
    marrow : MarrowSettings or None
        For the dose of the red marrow; None where none is computed.
    limit : tuple of mapping
        Numbers that sums over cycles stand beside, as ``therapy.limits.limits_from`` takes them;
        empty where the usual ones are.
    """

    tissue_density_g_cm3: float
    spatial_resolution_mm: float
    predicted: bool
    organ_s_values: str = ""
    organ_s_phantom: str = ""
    organ_s_unit: str = ""
    series: tuple[str, ...] = ()
    marrow: MarrowSettings | None = None
    limit: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiomicsRequest:
    """What a study file asks of radiomics; without it there is none.

    Parameters
    ----------
    pet : tuple of str
        On SUV, of which regions: ``"lesions"``, ``"contours"`` or both.
    settings_file : str
        Settings in the study folder, as TOML; empty for the default of decision 0027.
    patient : tuple of Aggregation
        How values of lesions become one of the patient; empty for not at all.
    """

    pet: tuple[str, ...]
    settings_file: str = ""
    patient: tuple["Aggregation", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Whose measurements they are, and of which files.

    Parameters
    ----------
    participant, timepoint : str
        Whose, at which visit.
    inputs : tuple of Digest
        Digests of the series that the measurements were computed from.
    """

    participant: Pseudonym
    timepoint: TimepointCode
    inputs: tuple[Digest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraCalibration:
    """How a camera counts: a row of spect_calibrations with its spheres of spect_recovery.

    Parameters
    ----------
    camera, nuclide : str
        Which camera, for which radionuclide.
    relative_uncertainty : float
        Standard uncertainty of the calibration as a share.
    factor_cps_per_mbq : float or None
        For counts; None where the images are in Bq/mL.
    collimator : str
        For counts.
    windows_kev : tuple of (float, float)
        For counts.
    heads : int
        For counts.
    projection_time_s : float or None
        Where headers do not tell.
    dead_time_corrected : bool
        Whether nothing is left to correct.
    spheres : tuple of (volume_ml, recovery, standard uncertainty)
        Empty where recovery was not measured.
    spheres_refused : str
        Why rows of spect_recovery that are there do not count, such as a faulty one; then no
        lesion is measured.
    """

    camera: str
    nuclide: str
    relative_uncertainty: float
    factor_cps_per_mbq: float | None
    collimator: str
    windows_kev: tuple[tuple[float, float], ...]
    heads: int
    projection_time_s: float | None
    dead_time_corrected: bool
    spheres: tuple[tuple[float, float, float], ...]
    spheres_refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """What the activity at one scan after a cycle is computed from, beside images and regions.

    Parameters
    ----------
    timezone : str
        IANA name, of dates and times without an offset.
    declared : Declaration
        Answers to ambiguous headers.
    administered : Administration or None
        As the study's tables have it; None where they lack the time.
    calibrations : tuple of CameraCalibration
        Those of the site that held on the day of the scan.
    spatial_resolution_mm : float
        Of the reconstruction, full width at half maximum.
    nuclide : str
        That was administered, as cycles has it.
    not_held : tuple of (camera, reason)
        Rows of spect_calibrations of the site that do not count on that day, and why; the camera
        is empty where the row does not tell it.
    """

    timezone: str
    declared: Declaration
    administered: Administration | None
    calibrations: tuple[CameraCalibration, ...]
    spatial_resolution_mm: float
    nuclide: str = ""
    not_held: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleSettings:
    """What the doses of one cycle are computed from, beside its scans.

    Parameters
    ----------
    visit : Visit
        Whose, of which cycle, from which series.
    nuclide : str
        What was administered.
    administered_bq : float
        How much.
    tissue_density_g_cm3 : float
        From volume to mass.
    organ_s_phantom, organ_s_unit : str
        Of the table of organ S values, where there is one.
    seed : int
        Of the Monte Carlo twin.
    """

    visit: Visit
    nuclide: str
    administered_bq: float
    tissue_density_g_cm3: float
    organ_s_phantom: str
    organ_s_unit: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarrowFacts:
    """What the dose of the red marrow after a cycle is computed from, beside its doses.

    Parameters
    ----------
    settings : MarrowSettings or None
        None where there are samples and study.toml says nothing of the marrow.
    samples : tuple of (s since administration, Bq/mL, standard uncertainty in Bq/mL)
        Of blood, in the order of time.
    no_samples : str
        Why there are none; else empty.
    sex : str
        F, M or O.
    body_mass_kg : float or None
        Measured last before the cycle; None where it was not.
    weighed_on : date or None
        When.
    organ_s_phantom, organ_s_unit : str
        Of the table of organ S values.
    """

    settings: MarrowSettings | None
    samples: tuple[tuple[float, float, float], ...]
    no_samples: str
    sex: str
    body_mass_kg: float | None
    weighed_on: date | None
    organ_s_phantom: str
    organ_s_unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionSettings:
    """What a prediction from PET needs beside image and regions.

    Parameters
    ----------
    visit : Visit
        Whose.
    tracer : str
        As recorded; empty where it is not.
    grade : str
        G1, G2, G3 or unknown.
    """

    visit: Visit
    tracer: str
    grade: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiomicsPlan:
    """How a study's features are made, before anybody's.

    Parameters
    ----------
    pet : tuple of str
        On SUV, of which regions: ``"lesions"``, ``"contours"`` or both.
    recipes : tuple of Recipe
        Of the study's settings file; empty for the default.
    patient : tuple of Aggregation
        How values of lesions become one of the patient.
    """

    pet: tuple[str, ...]
    recipes: tuple["Recipe", ...]
    patient: tuple["Aggregation", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiomicsFacts:
    """What the features of one visit are made by, beside image and regions.

    Parameters
    ----------
    visit : Visit
        Whose.
    recipes : tuple of Recipe
        Empty for the default.
    patient : tuple of Aggregation
        How values of lesions become one of the patient.
    """

    visit: Visit
    recipes: tuple["Recipe", ...]
    patient: tuple["Aggregation", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedFeatures:
    """Whose features are counted for the report, and of what, in its words."""

    visit: Visit
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """Which node a row of the table's inputs is, so that a measurement can be traced to it.

    Parameters
    ----------
    visit : Visit
        Whose, at which visit.
    step, subject : str
        The node that measured.
    burden : bool
        Whether the node's refusal leaves the visit without its burden.
    absent : str
        Why there is no node, as nothing of the visit could be measured; else empty.
    """

    visit: Visit
    step: str
    subject: str
    burden: bool
    absent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFacts:
    """What is known of a visit before any step ran, and how many results follow for it.

    Parameters
    ----------
    participant, timepoint : str
        Which visit.
    on : date or None
        Its day; None where there was none.
    expected : bool
        Whether it should have taken place by the data cut.
    issues : tuple of Issue
        What stands in its way.
    series : tuple of SeriesLine
        Its DICOM series.
    origin : tuple of OriginLine
        Where its numbers come from: series, files, digests.
    results : tuple of (step, subject)
        The nodes whose results are passed for this visit, in order.
    after_cycle : bool
        Whether these are the scans after a therapy cycle, which no course over the visits shows.
    """

    participant: str
    timepoint: str
    on: date | None
    expected: bool
    issues: tuple[Issue, ...]
    series: tuple[SeriesLine, ...]
    origin: tuple[OriginLine, ...]
    results: tuple[tuple[str, str], ...]
    after_cycle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantFacts:
    """Who, and their visits in the order of the timepoints.

    ``reader`` is the desk for what only a reader can mend; ``followed`` whether the course of the
    lesions follows after the visits' results.
    """

    pseudonym: str
    site: str
    sex: str
    age_text: str
    visits: tuple[VisitFacts, ...]
    reader: str = ""
    followed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFacts:
    """What the report says beside results."""

    title: str
    protocol: str
    data_cut: str
    sites: tuple[str, ...]
    timepoints: tuple[TimepointColumn, ...]
    participants: tuple[ParticipantFacts, ...]
    record_faults: tuple[Issue, ...]
    unplaced: tuple[Issue, ...]
    methods: tuple[MethodParagraph, ...]
    provenance: tuple[tuple[str, str], ...]
    eligibility: EligibilityPage | None = None
