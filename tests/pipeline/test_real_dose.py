"""Two real SPECTs after 177Lu-DOTATATE, from files to Gy; see tests/known_answers/suv/SOURCE.md."""

import functools
import json
from typing import Literal

import pytest

from operandi.imaging.dicom.files import FileRef
from operandi.imaging.pet.concentration import AmbiguousReferenceError
from operandi.imaging.pet.declaration import NOTHING_DECLARED, Declaration
from operandi.pipeline.step_settings import ScanSettings
from operandi.pipeline.steps.dose import ScannedActivity, scanned_activity
from operandi.pipeline.steps.dose_cycle import CycleDoses
from operandi.quantities.errors import DataError
from tests.pipeline.cycles import a_calibration, doses_of, files_in, region_of, scan_settings
from tests.shared_data import needs_shared_data, published, unpacked

pytestmark = [needs_shared_data, pytest.mark.real_data]

To = Literal["", "injection", "scan start"]
LESIONS = ("lesion1 liver R lobe", "lesion2 liver L lateral")
INJECTED_BQ = 7210.4255996e6
CAMERA = "Encore2"


@functools.cache
def files_of(day: int, modality: str) -> tuple[FileRef, ...]:
    folder = unpacked(f"dosimetry/lu177_dotatate_spect_day{day}_dicom.tar.xz")
    return files_in(folder, modality=modality)


def settings(to: To) -> ScanSettings:
    # Neither resolution nor calibration is stated in the data: they enter the uncertainty alone.
    return scan_settings(
        [a_calibration(CAMERA, spheres=())],
        administered=None,
        declared=Declaration(decay_corrected_to=to) if to else NOTHING_DECLARED,
        fwhm_mm=10.0,
    )


@functools.cache
def scan_of(day: int, to: To) -> ScannedActivity:
    return scanned_activity(files_of(day, "PT"), files_of(day, "RTSTRUCT"), settings(to))


@functools.cache
def doses(to: To) -> CycleDoses:
    return doses_of([scan_of(0, to), scan_of(1, to)], administered_bq=INJECTED_BQ)


@pytest.mark.parametrize("lesion", LESIONS)
def test_volume_and_concentration_of_day_0_are_those_of_the_reference(lesion: str) -> None:
    text = published("dosimetry/lu177_dotatate_spect_day0_reference.json").read_text("utf-8")
    answer = json.loads(text)["SCAN_001"][lesion]

    [found] = [one for one in scan_of(0, "scan start").regions if one.name == lesion]
    assert found.is_lesion
    assert found.activity is not None
    assert found.activity.volume_ml == pytest.approx(answer["volume_mL"], rel=0.03)
    mean = found.activity.activity_bq / found.activity.volume_ml
    assert mean == pytest.approx(answer["mean_Bq_mL"], rel=0.03)


@pytest.mark.parametrize("day", [0, 1])
def test_refuses_the_scans_until_their_instant_is_declared(day: int) -> None:
    with pytest.raises(AmbiguousReferenceError, match="Declare decay_corrected_to"):
        scan_of(day, "")


def test_the_days_have_frames_of_reference_of_their_own() -> None:
    first, second = (scan_of(day, "scan start").concentration.grid for day in (0, 1))

    assert first.frame_of_reference != second.frame_of_reference
    with pytest.raises(DataError, match="Nothing was drawn in this scan's frame of reference"):
        scanned_activity(files_of(1, "PT"), files_of(0, "RTSTRUCT"), settings("scan start"))


@pytest.mark.parametrize("to", ["scan start", "injection"])
@pytest.mark.parametrize("lesion", LESIONS)
def test_lesions_get_gray_with_an_uncertainty_and_say_how_much_is_extrapolated(
    lesion: str, to: To
) -> None:
    """Two scans, the last at 28 h: four fifths of the decays are the population's."""
    found = region_of(doses(to), lesion)

    low, high = found.interval_gy
    assert 0 < low < found.dose_gy < high
    assert found.standard_uncertainty_gy > 0.1 * found.dose_gy
    assert found.extrapolated_fraction == pytest.approx(0.8, abs=0.08)
    assert "of the decays lie after the last point" in found.basis
    assert "not corrected for recovery" in found.basis
    assert "one-sided" in found.basis
    assert doses(to).refused == ()


@pytest.mark.parametrize("lesion", LESIONS)
def test_methods_agree_within_3_percent(lesion: str) -> None:
    found = region_of(doses("scan start"), lesion)

    assert len(found.by_method) == 3
    for _, dose_gy in found.by_method:
        assert dose_gy == pytest.approx(found.dose_gy, rel=0.03)


@pytest.mark.parametrize("lesion", LESIONS)
def test_values_meant_at_the_injection_give_less_dose(lesion: str) -> None:
    """Decayed by 1.6 % on day 0 and 11.3 % on day 1; the later scan weighs more."""
    ratio = (
        region_of(doses("injection"), lesion).dose_gy
        / region_of(doses("scan start"), lesion).dose_gy
    )

    assert 1 - 0.16 < ratio < 1 - 0.05
