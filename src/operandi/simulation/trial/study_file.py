"""study.toml of a digital cohort, and the tables of its SPECT cameras."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from operandi.simulation.scenario import Scenario

PROTOCOL: Final = "NCT06256705"
CAMERA: Final = "Digital phantom"
"""ManufacturerModelName of the simulated SPECT cameras, which state no serial number."""
CALIBRATION_PERCENT: Final = "3.0"
_Table = list[dict[str, str]]

_HEAD: Final = """\
[study]
title = {title}
protocol = "{protocol}"
timezone = "Europe/Paris"
data_cut = {data_cut}

[[timepoint]]
code = "BASELINE"
title = "Before cycle 1"
anchor = "cycle 1"
window_days = [-31, -1]

[[timepoint]]
code = "AFTER_CYCLE_2"
title = "After cycle 2"
anchor = "cycle 2"
window_days = [1, 56]

[[timepoint]]
code = "YEAR_1"
title = "One year after cycle 1"
anchor = "cycle 1"
window_days = [335, 395]
"""
_SITE: Final = """
[site.{code}]
name = {name}
"""
_LESIONS: Final = """
[lesions]
pet_resolution_mm = {fwhm_mm:g}
minimum_volume_ml = 0.5
uptake_window_min = [45, 90]
uptake_difference_min = 15
"""
_SITE_LESIONS: Final = """
[lesions.site.{code}]
pet_resolution_mm = {fwhm_mm:g}
"""
_DOSIMETRY: Final = """
[dosimetry]
tissue_density_g_cm3 = 1.04
spatial_resolution_mm = {fwhm_mm}
predicted = true
"""
SPECT_FWHM_MM: Final = 9.0
"""Of a reconstruction with collimator modeling. Assumed, as in the demonstration study."""
_RECOVERY: Final = (
    ("0.5", "0.248"),
    ("1.15", "0.382"),
    ("2.6", "0.497"),
    ("5.6", "0.601"),
    ("11.5", "0.682"),
    ("26.5", "0.757"),
    ("113", "0.848"),
)
"""Volume in mL and recovery of spheres under a blur of ``SPECT_FWHM_MM``, on a lattice of 1 mm."""


def study_toml(scenario: Scenario) -> str:
    """Write the study file of a cohort; doses only where SPECT is simulated.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    str
        TOML that ``operandi.pipeline.settings.parse_settings`` reads.
    """
    parts = [
        _HEAD.format(
            title=_quoted(scenario.title), protocol=PROTOCOL, data_cut=scenario.cohort.data_cut
        ),
        *(_SITE.format(code=site.code, name=_quoted(site.name)) for site in scenario.site),
        *_lesions(scenario),
    ]
    if scenario.imaging.spect_hours:
        parts.append(_DOSIMETRY.format(fwhm_mm=SPECT_FWHM_MM))
    return "".join(parts)


def _lesions(scenario: Scenario) -> Iterator[str]:
    """The resolution is that of the simulated scanner: a fact, which every site has from it."""
    first, *others = scenario.site
    yield _LESIONS.format(fwhm_mm=first.pet_fwhm_mm)
    for site in others:
        if site.pet_fwhm_mm != first.pet_fwhm_mm:
            yield _SITE_LESIONS.format(code=site.code, fwhm_mm=site.pet_fwhm_mm)


def camera_tables(scenario: Scenario) -> dict[str, _Table]:
    """``spect_calibrations`` and ``spect_recovery``, one camera a site; empty without SPECT."""
    if not scenario.imaging.spect_hours:
        return {}
    # A day before anybody can have been treated, so that it holds for every scan.
    cohort = scenario.cohort
    months = cohort.recruitment_months + cohort.follow_up_months + 1.0
    on = (cohort.data_cut - timedelta(days=int(31 * months))).isoformat()
    cameras = [
        {"site": site.code, "camera": CAMERA, "nuclide": "177Lu", "measured_on": on}
        for site in scenario.site
    ]
    return {
        "spect_calibrations": [
            {**camera, "relative_uncertainty_percent": CALIBRATION_PERCENT} for camera in cameras
        ],
        "spect_recovery": [
            {**camera, "volume_ml": volume, "recovery": recovery, "standard_uncertainty": "0.02"}
            for camera in cameras
            for volume, recovery in _RECOVERY
        ],
    }


def _quoted(text: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
