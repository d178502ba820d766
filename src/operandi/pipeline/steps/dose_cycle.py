"""Step from the activities at the scans after a cycle to its doses; one value holds them all."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.dicom.files import FileRef
from operandi.pipeline.step_settings import CycleSettings
from operandi.pipeline.steps.dose import DrawnRegion, ScannedActivity
from operandi.pipeline.steps.dose_map import MAP_NOTE, Key, decay_map, lies_in, masks_of
from operandi.quantities.errors import DataError, OperandiError
from operandi.quantities.nuclides import Nuclide
from operandi.therapy.activity import ActivityMeasurement, NotRecovered
from operandi.therapy.delta_method import Estimate, Parameter
from operandi.therapy.dose_histogram import (
    Resolution,
    dose_volume_histogram,
    effective_dose_volume_histogram,
)
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.kernels import sphere_s_value, voxel_s_values
from operandi.therapy.measured_dose import (
    DoseSetting,
    MappedRegion,
    MeasuredRegion,
    measured_region,
)
from operandi.therapy.organ_remainder import Scanned
from operandi.therapy.organ_s_check import require_physical
from operandi.therapy.organ_s_values import OrganSTable, read_organ_s_values
from operandi.therapy.radiobiology import (
    KIDNEY,
    effective_dose_estimate,
    lea_catcheside,
    repair_rate_per_s,
)
from operandi.therapy.radionuclides import emissions_of, nuclide_for_therapy
from operandi.therapy.scanned_region import ScannedRegion, course_of
from operandi.therapy.voxel_dose import TimeIntegratedActivityMap, kernel_of, voxel_dose

Floats = npt.NDArray[np.float64]

_MOST_STEPS: Final = 200
"""Of a histogram that is kept; a curve needs no more."""
_ACTIVITY_AGREEMENT: Final = 1.1
"""As wherever header and records meet."""
_OUTLINES_APART: Final = 1.25
"""Largest over smallest volume of one region, from which on a reader is pointed at it."""
KIDNEYS: Final = frozenset({"left kidney", "right kidney", "kidneys"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histogram:
    """Share of a region with at least so much dose.

    Parameters
    ----------
    dose_gy, share : array, (n,)
        Dose and the share that has at least as much.
    warning : str
        What the scanner's resolution does to it.
    """

    dose_gy: Floats
    share: Floats
    warning: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionDose:
    """Dose of one organ or lesion from one cycle, with what it was made from.

    Parameters
    ----------
    name, is_lesion : str, bool
        Which.
    dose_gy, standard_uncertainty_gy : float
        Reported dose and its u (k = 1), Gy.
    shared_uncertainty_gy : float
        The part that other cycles share (calibration, recovery, S value, blur of the outline, a
        population's half-life), Gy.
    interval_gy : (float, float)
        Within which it lies with 95 %, Gy.
    basis : str
        Of the uncertainty, with what other methods say.
    method : str
        Of the reported dose.
    by_method : tuple of (str, float)
        Doses by all methods, Gy.
    mass_g : float
        Of what the dose is for.
    times_h, activities_mbq, uncertainties_mbq : tuple of float
        At the scans.
    course : ExponentialSum
        Bq over s since administration.
    course_relative : float
        Standard uncertainty of its integral as a share.
    calibration_relative : float
        What *course_relative* holds of the calibration, which all regions of the cycle share.
    time_integrated_mbq_h, effective_half_life_h, effective_half_life_uncertainty_h,
    extrapolated_fraction : float
        Of the course.
    effective_dose_gy, effective_dose_uncertainty_gy : float or None
        BED of kidneys with its u, Gy; None for other tissues.
    effective_dose_basis : str
        Of its uncertainty.
    histogram, effective_histogram : Histogram or None
        Absorbed dose; BED of kidneys.
    held : tuple of str
        Lesions that lie in this organ. Dose and mass are without them; activities, course, its
        integral and its half-life are with them in.
    """

    name: str
    is_lesion: bool
    dose_gy: float
    standard_uncertainty_gy: float
    shared_uncertainty_gy: float
    interval_gy: tuple[float, float]
    basis: str
    method: str
    by_method: tuple[tuple[str, float], ...]
    mass_g: float
    times_h: tuple[float, ...]
    activities_mbq: tuple[float, ...]
    uncertainties_mbq: tuple[float, ...]
    course: ExponentialSum
    course_relative: float
    calibration_relative: float
    time_integrated_mbq_h: float
    effective_half_life_h: float
    effective_half_life_uncertainty_h: float
    extrapolated_fraction: float
    effective_dose_gy: float | None
    effective_dose_uncertainty_gy: float | None
    effective_dose_basis: str
    histogram: Histogram | None
    effective_histogram: Histogram | None
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CycleDoses:
    """Doses of one cycle.

    Parameters
    ----------
    nuclide, administered_bq : str, float
        What was given.
    regions : tuple of RegionDose
        Organs first, then lesions, by name.
    refused : tuple of (name, whether a lesion, reason)
        What was drawn and has no dose.
    evidence : tuple of str
        Tags, tables and kernels used.
    """

    nuclide: str
    administered_bq: float
    regions: tuple[RegionDose, ...]
    refused: tuple[tuple[str, bool, str], ...]
    evidence: tuple[str, ...]

    @property
    def cautions(self) -> tuple[str, ...]:
        """What of the evidence says that doses are off, which nobody should have to look for."""
        return tuple(text for text in self.evidence if "too low" in text or "too high" in text)


def cycle_doses(*arguments: object) -> CycleDoses:
    """Compute the dose of everything that was drawn on all scans after a cycle.

    Parameters
    ----------
    *arguments
        ScannedActivity of each scan, in any order of time; the file of organ S values or None;
        CycleSettings.

    Raises
    ------
    DataError
        If nothing that was drawn has a dose.
    """
    *scans, table_files, settings = arguments
    assert isinstance(settings, CycleSettings)  # noqa: S101 - the road passes the settings last
    shown = [scan for scan in scans if isinstance(scan, ScannedActivity)]
    _require_one_activity(shown, settings)
    nuclide = nuclide_for_therapy(settings.nuclide)
    setting = DoseSetting(
        emissions=emissions_of(nuclide),
        density_g_cm3=settings.tissue_density_g_cm3,
        table=organ_s_table(
            table_files, nuclide, phantom=settings.organ_s_phantom, unit=settings.organ_s_unit
        ),
        seed=settings.seed,
    )
    regions, refused = _regions(shown)
    rate = math.log(2.0) / nuclide.half_life_s
    fitted: dict[Key, Scanned] = {}
    for region in regions:
        try:
            fit = course_of(region, physical_rate_per_s=rate)
        except OperandiError as error:
            refused[region.name, region.is_lesion] = f"{error}{_outlines_apart(region)}"
        else:
            fitted[region.name, region.is_lesion] = region, fit
    if not fitted:
        raise _nothing(refused)
    reference = max(shown, key=lambda scan: _shows(scan, fitted))
    decays, notes = decay_map(
        reference, {key: fit.time_integrated_bq_s for key, (_, fit) in fitted.items()}
    )
    dose_map = _dose_map(decays, setting)
    masks = masks_of(reference)
    results: list[RegionDose] = []
    for key, (region, fit) in fitted.items():
        try:
            held, unknown = _held(key, fitted, refused, shown)
            mask = _own_mask(key, held, masks)
            if mask is not None and not mask.inside.any():
                raise DataError(
                    f"Its lesions ({', '.join(lesion for lesion, _ in held)}) cover all of "
                    f"{key[0]}: no voxel of it is left.",
                    remedy=f"Check the outlines of {key[0]} and of these lesions.",
                )
            measured = measured_region(
                region,
                fit,
                setting,
                held=[fitted[lesion] for lesion in held],
                mapped=MappedRegion(dose=dose_map, mask=mask, note=MAP_NOTE) if mask else None,
                notes=unknown,
            )
            results.append(
                _result(measured, dose_map, mask, held=tuple(lesion for lesion, _ in held))
            )
        except OperandiError as error:
            refused[key] = str(error)
    if not results:
        raise _nothing(refused)
    return CycleDoses(
        nuclide=nuclide.name,
        administered_bq=settings.administered_bq,
        regions=tuple(sorted(results, key=lambda one: (one.is_lesion, one.name))),
        refused=tuple((*key, reason) for key, reason in refused.items()),
        evidence=(
            *dict.fromkeys(text for scan in shown for text in scan.evidence),
            *notes,
            setting.emissions.source,
        ),
    )


def kidneys_of(cycle: CycleDoses) -> tuple[RegionDose, ...]:
    """Each kidney; a region of both only where neither was drawn alone, so that none is twice."""
    found = [one for one in cycle.regions if not one.is_lesion and one.name in KIDNEYS]
    return tuple(one for one in found if one.name != "kidneys") or tuple(found)


def _require_one_activity(scans: Sequence[ScannedActivity], settings: CycleSettings) -> None:
    """Doses per activity divide by what the records state; the scans must have seen the same."""
    for scan in scans:
        ratio = scan.administered_bq / settings.administered_bq
        if not 1.0 / _ACTIVITY_AGREEMENT <= ratio <= _ACTIVITY_AGREEMENT:
            raise DataError(
                f"cycles has {settings.administered_bq / 1e9:.3f} GBq, but the activity that the "
                f"scans go by is {scan.administered_bq / 1e9:.3f} GBq.",
                remedy="Correct activity_gbq in cycles, or the images' RadionuclideTotalDose.",
            )


def _outlines_apart(region: ScannedRegion) -> str:
    """Volumes by scan where they differ, for whoever asks why activities fit no course."""
    volumes = [scan.volume_ml for scan in region.scans]
    if max(volumes) <= _OUTLINES_APART * min(volumes):
        return ""
    by_scan = ", ".join(
        f"{one.volume_ml:.3g} mL at {one.time_s / 3600:.0f} h" for one in region.scans
    )
    return f" Its outlines differ from scan to scan: {by_scan}."


def _nothing(refused: Mapping[Key, str]) -> DataError:
    reasons = " ".join(f"{name}: {reason}" for (name, _), reason in refused.items())
    return DataError(f"Nothing that was drawn after the cycle has a dose. {reasons}")


def _held(
    organ: Key,
    fitted: Mapping[Key, Scanned],
    refused: Mapping[Key, str],
    scans: Sequence[ScannedActivity],
) -> tuple[list[Key], tuple[str, ...]]:
    """Lesions in an organ, and words on those of which nobody can tell whether they lie in it.

    Raises
    ------
    DataError
        If a lesion lies in it that has no dose: then the organ without it has none either.
    """
    if organ[1]:
        return [], ()
    within = {lesion: lies_in(lesion, organ, scans) for lesion in (*fitted, *refused) if lesion[1]}
    for lesion, inside in within.items():
        if inside and lesion in refused:
            raise DataError(
                f"The lesion {lesion[0]} lies in {organ[0]} and cannot be taken off it, as it has "
                f"no dose: {refused[lesion]}",
                remedy="Mend the lesion, or draw the organ without it.",
            )
    return [lesion for lesion, inside in within.items() if inside], tuple(
        f"whether {lesion[0]} lies in it is not known: they were never drawn on one scan"
        for lesion, inside in within.items()
        if inside is None
    )


def organ_s_table(
    files: object, nuclide: Nuclide, *, phantom: str, unit: str
) -> OrganSTable | None:
    """Read the source of organ S values; None where the study has none.

    Raises
    ------
    DataError, UnsupportedError
        If the table cannot be read, or is no table of S values of its organs' masses.
    """
    if not isinstance(files, tuple):
        return None
    [file] = files
    assert isinstance(file, FileRef)  # noqa: S101 - a source's value
    table = read_organ_s_values(
        file.path,
        nuclide=nuclide,
        phantom=phantom,
        declared_unit=unit,
    )
    require_physical(
        table, emissions=emissions_of(nuclide), sphere_s_value=sphere_s_value, name=file.name
    )
    return table


def _regions(
    scans: Sequence[ScannedActivity],
) -> tuple[list[ScannedRegion], dict[Key, str]]:
    """Join what bears one name on several scans, in the order of time; else why it has no dose."""
    drawn: dict[Key, list[tuple[DrawnRegion, ScannedActivity]]] = {}
    for scan in scans:
        for one in scan.regions:
            drawn.setdefault((one.name, one.is_lesion), []).append((one, scan))
    regions: list[ScannedRegion] = []
    refused: dict[Key, str] = {}
    twins = _spelt_twice(drawn) | _within_lesions(drawn, scans)
    for (name, is_lesion), shown in drawn.items():
        reasons = [one.refused for one, _ in shown if one.activity is None]
        curves = {_curve_of(scan) for _, scan in shown}
        if len(curves) > 1:
            reasons.append(
                f"its scans are recovered differently: {', '.join(sorted(curves))}. Recover all "
                "scans of a cycle with one phantom."
            )
        if (name, is_lesion) in twins:
            reasons.append(twins[name, is_lesion])
        if reasons:
            refused[name, is_lesion] = " ".join(dict.fromkeys(reasons))
            continue
        activities = [one.activity for one, _ in shown if one.activity is not None]
        regions.append(
            ScannedRegion(
                name=name,
                is_lesion=is_lesion,
                scans=tuple(sorted(activities, key=lambda activity: activity.time_s)),
                recovery=shown[0][1].recovery,
                fwhm_mm=shown[0][1].fwhm_mm,
            )
        )
    return regions, refused


def _curve_of(scan: ScannedActivity) -> str:
    curve = scan.recovery
    if isinstance(curve, NotRecovered):
        return "none"
    return f"{curve.source} (half at {curve.b1_ml:.4g} mL, slope {curve.b2:.4g})"


def _spelt_twice(drawn: Iterable[Key]) -> dict[Key, str]:
    """Lesions whose names differ in case, spaces or strokes alone: one, drawn as if it were two."""
    spellings: dict[str, list[str]] = {}
    for name, is_lesion in drawn:
        if is_lesion:
            spellings.setdefault(re.sub(r"[\s_-]+", "", name.casefold()), []).append(name)
    return {
        (name, True): f"it is spelt in several ways: {', '.join(names)}. Give a lesion one name."
        for names in spellings.values()
        for name in names
        if len(names) > 1
    }


def _within_lesions(drawn: Iterable[Key], scans: Sequence[ScannedActivity]) -> dict[Key, str]:
    """Lesions that lie in another lesion, by which their decays would count twice."""
    lesions = [key for key in drawn if key[1]]
    return {
        inner: f"it lies in the lesion {outer[0]}: what decays there would count twice. Draw "
        "lesions apart."
        for inner in lesions
        for outer in lesions
        if inner != outer and lies_in(inner, outer, scans)
    }


def _shows(scan: ScannedActivity, fitted: Mapping[Key, object]) -> tuple[int, float]:
    """How many regions, and how much activity: the scan with most shows best where decays lie."""
    there = [
        one.activity.activity_bq
        for one in scan.regions
        if (one.name, one.is_lesion) in fitted and one.activity
    ]
    return len(there), math.fsum(there)


def _dose_map(decays: TimeIntegratedActivityMap, setting: DoseSetting) -> Volume:
    kernel = voxel_s_values(
        setting.emissions,
        voxel_mm=decays.grid.spacing_mm,
        density_g_cm3=setting.density_g_cm3,
    )
    return voxel_dose(decays, kernel_of(kernel, emissions=setting.emissions), density=None).dose


def _own_mask(region: Key, held: Sequence[Key], masks: Mapping[Key, Mask]) -> Mask | None:
    """Its voxels without those of its lesions; None where the map's scan does not show all."""
    if region not in masks or not all(lesion in masks for lesion in held):
        return None
    inside = masks[region].inside.copy()
    for lesion in held:
        inside &= ~masks[lesion].inside
    return Mask(inside, masks[region].grid)


def _result(
    measured: MeasuredRegion, dose_map: Volume, mask: Mask | None, *, held: tuple[str, ...]
) -> RegionDose:
    scanned, fit, panel = measured.scanned, measured.fit, measured.panel
    effective = _effective(measured)
    histogram, effective_histogram = _histograms(measured, dose_map, mask)
    return RegionDose(
        name=scanned.name,
        is_lesion=scanned.is_lesion,
        dose_gy=measured.dose_gy,
        standard_uncertainty_gy=measured.standard_uncertainty_gy,
        shared_uncertainty_gy=measured.cycle_dose.shared_uncertainty_gy,
        interval_gy=measured.interval_gy,
        basis=measured.basis,
        method=panel.chosen.value,
        by_method=tuple((method.value, one.dose_gy) for method, one in panel.estimates.items()),
        mass_g=panel.dose.mass_g,
        times_h=tuple(scan.time_s / 3600 for scan in scanned.scans),
        activities_mbq=tuple(scan.activity_bq / 1e6 for scan in scanned.scans),
        uncertainties_mbq=tuple(_stated_bq(scan) / 1e6 for scan in scanned.scans),
        course=fit.course,
        course_relative=fit.standard_uncertainty_bq_s / fit.time_integrated_bq_s,
        # Never unknown here: nothing is fitted to activities whose calibration has none.
        calibration_relative=scanned.scans[0].calibration_relative or 0.0,
        time_integrated_mbq_h=fit.time_integrated_bq_s / 3.6e9,
        effective_half_life_h=fit.effective_half_life_s / 3600,
        effective_half_life_uncertainty_h=fit.effective_half_life_uncertainty_s / 3600,
        extrapolated_fraction=fit.extrapolated_fraction,
        effective_dose_gy=effective.value if effective else None,
        effective_dose_uncertainty_gy=effective.standard_uncertainty if effective else None,
        effective_dose_basis=effective.basis if effective else "",
        histogram=histogram,
        effective_histogram=effective_histogram,
        held=held,
    )


def _stated_bq(scan: ActivityMeasurement) -> float:
    if scan.standard_uncertainty_bq is None:
        raise ValueError("a course was fitted to activities without uncertainty")
    return scan.standard_uncertainty_bq


def _effective(measured: MeasuredRegion) -> Estimate | None:
    """BED, where the tissue's parameters are published: of kidneys."""
    if measured.scanned.name not in KIDNEYS:
        return None
    dose = Parameter(measured.dose_gy, measured.standard_uncertainty_gy)
    return effective_dose_estimate(dose, measured.fit.course, KIDNEY)


def _histograms(
    measured: MeasuredRegion, dose_map: Volume, mask: Mask | None
) -> tuple[Histogram | None, Histogram | None]:
    if mask is None:
        return None, None
    volume_ml = dose_map.grid.voxel_volume_ml
    resolution = Resolution(
        fwhm_mm=measured.scanned.fwhm_mm,
        extent_mm=2.0 * (3.0 * mask.volume_ml * 1000.0 / (4.0 * math.pi)) ** (1.0 / 3.0),
        noise_gy=None,
    )
    dose = dose_volume_histogram(
        dose_map.values, mask.inside, voxel_volume_ml=volume_ml, resolution=resolution
    )
    absorbed = _thinned(dose.dose_gy, dose.share_at_least, resolution.warning)
    if measured.scanned.name not in KIDNEYS:
        return absorbed, None
    mu = repair_rate_per_s(half_time_s=KIDNEY.repair_half_time_s.value)
    effective = effective_dose_volume_histogram(
        dose_map.values,
        mask.inside,
        g=lea_catcheside(measured.fit.course, repair_rate_per_s=mu),
        alpha_beta_gy=KIDNEY.alpha_beta_gy.value,
        voxel_volume_ml=volume_ml,
        resolution=resolution,
    )
    return absorbed, _thinned(effective.dose_gy, effective.share_at_least, resolution.warning)


def _thinned(dose_gy: Floats, share: Floats, warning: str) -> Histogram:
    """As many steps as a curve shows."""
    keep = np.unique(np.linspace(0, len(dose_gy) - 1, _MOST_STEPS).astype(int))
    return Histogram(dose_gy=dose_gy[keep], share=share[keep], warning=warning)
