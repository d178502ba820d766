"""From digital scans after a cycle, whose truth is known, to doses with their intervals."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest

from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.domain.mask import Mask
from operandi.imaging.dicom.files import on_disk
from operandi.imaging.pet.declaration import Declaration
from operandi.pipeline.step_settings import Visit
from operandi.pipeline.steps import dose
from operandi.pipeline.steps.dose import DrawnRegion, ScannedActivity
from operandi.pipeline.steps.dose_cycle import CycleDoses
from operandi.pipeline.steps.dose_map import decay_map, lies_in
from operandi.pipeline.steps.dose_measured import measured_dose
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ABSORBED_DOSE
from operandi.therapy.limits import CycleDose, cumulated
from operandi.therapy.recovery import RecoveryCurve
from tests.pipeline.cycles import (
    GIVEN,
    IN_LIVER,
    SPHERES,
    WrittenScan,
    a_calibration,
    doses_of,
    files_in,
    region_of,
    scan_settings,
    true_dose_gy,
    write_digital_scans,
)

NAMES = ("left kidney", "right kidney", "spleen", "liver", *IN_LIVER, "OP-001-L3")
LIVER = ("liver", False)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[WrittenScan, ...]:
    return write_digital_scans(tmp_path_factory.mktemp("cycle"))


@pytest.fixture(scope="session")
def scans(written: tuple[WrittenScan, ...]) -> tuple[ScannedActivity, ...]:
    return tuple(one.read() for one in written)


@pytest.fixture(scope="session")
def doses(scans: tuple[ScannedActivity, ...]) -> CycleDoses:
    return doses_of(scans)


def changed(
    scan: ScannedActivity, name: str, change: Callable[[DrawnRegion], DrawnRegion | None]
) -> ScannedActivity:
    """One region of a scan replaced, or taken out."""
    regions = [change(one) if one.name == name else one for one in scan.regions]
    return replace(scan, regions=tuple(one for one in regions if one is not None))


def without(scan: ScannedActivity, name: str) -> ScannedActivity:
    return changed(scan, name, lambda _: None)


# --- against the truth ------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_true_dose_lies_in_its_interval(doses: CycleDoses, name: str) -> None:
    found = region_of(doses, name)

    low, high = found.interval_gy
    assert low < true_dose_gy(name) < high
    assert low < found.dose_gy < high
    assert doses.refused == ()


@pytest.mark.parametrize("name", ["left kidney", "right kidney", "spleen"])
def test_organs_are_right_within_8_percent(doses: CycleDoses, name: str) -> None:
    assert region_of(doses, name).dose_gy == pytest.approx(true_dose_gy(name), rel=0.08)


def test_the_liver_without_its_lesions_is_right_within_5_percent(doses: CycleDoses) -> None:
    """4.7 % too low: 3 % as recovery of 1.7 L is extrapolated from 113 mL, 1.4 % as the prior
    knows of an uptake that the phantom lacks. With its lesions in, it would be far too high."""
    liver = region_of(doses, "liver")

    assert liver.dose_gy == pytest.approx(true_dose_gy("liver"), rel=0.05)
    assert "left without OP-001-L1, OP-001-L2" in liver.basis


def test_the_liver_is_less_certain_without_its_lesions_and_its_interval_follows(
    doses: CycleDoses,
) -> None:
    liver = region_of(doses, "liver")

    relative = liver.standard_uncertainty_gy / liver.dose_gy
    low, high = liver.interval_gy
    assert math.log(high / low) == pytest.approx(
        2 * 1.959964 * math.sqrt(math.log1p(relative**2)), rel=1e-6
    )


def test_kidneys_have_an_effective_dose_with_its_uncertainty(doses: CycleDoses) -> None:
    kidney = region_of(doses, "left kidney")

    assert kidney.effective_dose_gy is not None
    assert kidney.effective_dose_uncertainty_gy is not None
    # BED grows faster than dose, and so does its share of uncertainty.
    assert kidney.effective_dose_uncertainty_gy / kidney.effective_dose_gy > (
        kidney.standard_uncertainty_gy / kidney.dose_gy
    )


def test_methods_agree_and_say_how_they_were_made(doses: CycleDoses) -> None:
    for name in ("left kidney", "spleen", *IN_LIVER):
        found = region_of(doses, name)
        assert [ratio / found.dose_gy for _, ratio in found.by_method] == pytest.approx(
            [1.0] * len(found.by_method), abs=0.03
        )


def test_fewer_scans_leave_more_of_the_uncertainty_to_all_cycles(
    scans: tuple[ScannedActivity, ...],
) -> None:
    """One scan: the population's half-life errs the same way in four cycles."""
    kidney = region_of(doses_of(scans[1:2]), "left kidney")
    own = math.sqrt(kidney.standard_uncertainty_gy**2 - kidney.shared_uncertainty_gy**2)
    cycle = CycleDose(
        dose_gy=kidney.dose_gy,
        own_uncertainty_gy=own,
        shared_uncertainty_gy=kidney.shared_uncertainty_gy,
    )
    four = cumulated([cycle] * 4, organ="kidneys", kind=ABSORBED_DOSE)

    assert four.standard_uncertainty_gy / four.total_gy > 0.95 * (
        kidney.standard_uncertainty_gy / kidney.dose_gy
    )


# --- the map ----------------------------------------------------------------------------------


def test_the_map_makes_no_decay_and_loses_none(
    scans: tuple[ScannedActivity, ...], doses: CycleDoses
) -> None:
    """Organs with their lesions in, and lesions outside: overwriting made 12 to 22 % more."""
    decays = {(one.name, one.is_lesion): one.time_integrated_mbq_h * 3.6e9 for one in doses.regions}
    found, notes = decay_map(scans[0], decays)

    outside = math.fsum(
        value
        for (name, is_lesion), value in decays.items()
        if not is_lesion or name not in IN_LIVER
    )
    assert float(found.bq_s.sum()) == pytest.approx(outside, rel=1e-9)
    assert notes == ()
    for lesion in IN_LIVER:
        mask = next(one.mask for one in scans[0].regions if one.name == lesion)
        assert float(found.bq_s[mask.inside].sum()) == pytest.approx(decays[lesion, True])


def test_an_organ_within_an_organ_is_taken_off_it_on_the_map(
    scans: tuple[ScannedActivity, ...],
) -> None:
    """Both kidneys drawn as one and the left one alone: its decays are there once."""
    [left] = [one for one in scans[0].regions if one.name == "left kidney"]
    [right] = [one for one in scans[0].regions if one.name == "right kidney"]
    both = Mask(left.mask.inside | right.mask.inside, left.mask.grid)
    scan = replace(scans[0], regions=(replace(left, name="kidneys", mask=both), left))

    found, _ = decay_map(scan, {("kidneys", False): 5.0, ("left kidney", False): 2.0})

    assert float(found.bq_s[right.mask.inside].sum()) == pytest.approx(3.0)
    assert float(found.bq_s[left.mask.inside].sum()) == pytest.approx(2.0)


def test_a_lesion_with_more_decays_than_its_organ_is_said(
    scans: tuple[ScannedActivity, ...],
) -> None:
    found, notes = decay_map(scans[0], {LIVER: 1.0, ("OP-001-L1", True): 2.0})

    assert float(found.bq_s.sum()) == pytest.approx(2.0)
    assert notes == ("what lies in liver has more decays than it: none are left for it",)


def test_decays_of_a_dark_region_are_shared_out_evenly(
    scans: tuple[ScannedActivity, ...],
) -> None:
    dark = replace(
        scans[0],
        concentration=replace(
            scans[0].concentration, values=np.zeros_like(scans[0].concentration.values)
        ),
    )
    found, _ = decay_map(dark, {LIVER: 4.0})

    assert float(found.bq_s.sum()) == pytest.approx(4.0)


# --- lesions that cannot be taken off ---------------------------------------------------------


def test_a_lesion_without_dose_takes_the_dose_of_its_organ_with_it(
    written: tuple[WrittenScan, ...],
) -> None:
    """L2 (4.2 mL) below the smallest sphere: left in, it would raise the liver without a word."""
    large = scan_settings([a_calibration(spheres=SPHERES[3:])])
    doses = doses_of([one.read(large) for one in written])

    reasons = {name: reason for name, _, reason in doses.refused}
    assert "4.2 mL; recovery was measured from 5.6 mL on" in reasons["OP-001-L2"]
    assert "The lesion OP-001-L2 lies in liver and cannot be taken off it" in reasons["liver"]
    assert {one.name for one in doses.regions} >= {"left kidney", "spleen", "OP-001-L1"}


def test_a_lesion_that_the_maps_scan_does_not_show_is_taken_off_all_the_same(
    scans: tuple[ScannedActivity, ...], doses: CycleDoses
) -> None:
    """The first scan has most activity; L2 was drawn on the two others alone."""
    found = doses_of((without(scans[0], "OP-001-L2"), *scans[1:]))

    liver = region_of(found, "liver")
    assert liver.dose_gy == pytest.approx(region_of(doses, "liver").dose_gy, rel=0.01)
    assert "OP-001-L2" in liver.basis


def test_voxels_tell_nothing_where_the_map_does_not_show_a_lesion(
    scans: tuple[ScannedActivity, ...],
) -> None:
    # The scan without L1 shows most regions, so that the map is made of it.
    hidden = without(scans[1], "OP-001-L1")
    fewer = without(without(scans[2], "spleen"), "OP-001-L3")
    found = doses_of([hidden, fewer])

    liver = region_of(found, "liver")
    assert liver.histogram is None
    assert "voxel S values" not in " ".join(method for method, _ in liver.by_method)
    assert any("OP-001-L1 was not drawn on the scan" in text for text in found.evidence)


def test_what_was_never_drawn_on_one_scan_is_said_to_be_unknown(
    scans: tuple[ScannedActivity, ...],
) -> None:
    apart = (without(scans[1], "OP-001-L1"), without(scans[2], "liver"))
    found = doses_of(apart)

    assert lies_in(("OP-001-L1", True), LIVER, apart) is None
    assert "whether OP-001-L1 lies in it is not known" in region_of(found, "liver").basis


def test_a_lesion_lies_in_an_organ_by_all_scans_that_show_both(
    scans: tuple[ScannedActivity, ...],
) -> None:
    assert lies_in(("OP-001-L1", True), LIVER, scans)
    assert not lies_in(("OP-001-L3", True), LIVER, scans)
    assert lies_in(("OP-001-L1", True), LIVER, (without(scans[0], "OP-001-L1"), *scans[1:]))


def test_a_lesion_may_bear_the_name_of_an_organ(scans: tuple[ScannedActivity, ...]) -> None:
    named = [changed(scan, "OP-001-L3", lambda one: replace(one, name="spleen")) for scan in scans]
    found = doses_of(named)

    doses = {one.is_lesion: one.dose_gy for one in found.regions if one.name == "spleen"}
    assert doses[True] == pytest.approx(true_dose_gy("OP-001-L3"), rel=0.3)
    assert doses[False] == pytest.approx(true_dose_gy("spleen"), rel=0.08)


# --- refusals ---------------------------------------------------------------------------------


def test_refuses_a_camera_without_a_row_of_calibration(written: tuple[WrittenScan, ...]) -> None:
    with pytest.raises(DataError, match="No calibration of the camera 'Digital phantom'"):
        written[0].read(scan_settings([a_calibration("Another")]))
    with pytest.raises(DataError, match="those of the site are: none"):
        written[0].read(scan_settings([]))


def test_says_why_the_row_of_the_camera_does_not_hold(written: tuple[WrittenScan, ...]) -> None:
    late = "its valid_to is 2025-01-02, before the scan of 2025-01-08"
    none = replace(
        scan_settings([a_calibration("Another")]),
        nuclide="177Lu",
        not_held=(("digital phantom", late), ("Third", "that of 2024-01-01 is of 90Y")),
    )

    with pytest.raises(DataError, match=f"'Digital phantom' with 177Lu held .*: {late}") as it:
        written[0].read(none)
    assert "90Y" not in it.value.what


def test_refuses_a_scan_of_another_nuclide_than_the_cycle_by_itself(
    written: tuple[WrittenScan, ...],
) -> None:
    with pytest.raises(DataError, match="cycles says that 90Y was administered, but the scan is"):
        written[0].read(replace(scan_settings([]), nuclide="90Y"))


def test_refuses_a_resolution_finer_than_a_voxel(written: tuple[WrittenScan, ...]) -> None:
    with pytest.raises(DataError, match=r"is 4 mm, less than the 4\.8 mm of a voxel of the scan"):
        written[0].read(scan_settings(fwhm_mm=4.0))


def test_lesions_have_no_activity_where_rows_of_recovery_were_rejected(
    written: tuple[WrittenScan, ...],
) -> None:
    reason = "a row of spect_recovery was rejected: line 4."
    scan = written[0].read(
        scan_settings([replace(a_calibration(spheres=()), spheres_refused=reason)])
    )

    for one in scan.regions:
        assert (one.activity is None) == one.is_lesion
        if one.is_lesion:
            assert "recovery is not known" in one.refused
            assert one.refused.endswith(reason)


def test_says_so_where_no_recovery_was_measured(written: tuple[WrittenScan, ...]) -> None:
    scan = written[0].read(scan_settings([a_calibration(spheres=())]))

    assert all(one.activity is not None for one in scan.regions)
    assert "doses of small lesions are too low, by about half" in " ".join(scan.evidence)


def rescaled(written: WrittenScan, folder: Path, *, by: float) -> WrittenScan:
    """The scan with another RescaleSlope, as where kBq were written for Bq."""
    with on_disk(written.image) as paths:
        for path in paths:
            header = pydicom.dcmread(path)
            header.RescaleSlope = f"{float(header.RescaleSlope) * by:.8e}"
            header.save_as(folder / path.name)
    return replace(written, image=files_in(folder))


@pytest.mark.parametrize(
    ("by", "found"),
    [
        (1000.0, "The drawn regions hold 890 GBq"),
        (12.0, "The drawn regions hold 10.7 GBq"),
        (6.0, "The field of view holds"),
        (1e-3, "The whole field of view holds"),
    ],
)
def test_refuses_more_activity_than_is_left_and_nearly_none(
    written: tuple[WrittenScan, ...], tmp_path: Path, by: float, found: str
) -> None:
    scan = rescaled(written[0], tmp_path, by=by)

    with pytest.raises(DataError, match=found) as refusal:
        scan.read()
    assert "of the 7.4 GBq administered" in refusal.value.what
    assert "Check Units, RescaleSlope" in refusal.value.remedy


def test_refuses_a_time_of_administration_that_the_header_contradicts(
    written: tuple[WrittenScan, ...],
) -> None:
    """Twelve hours are 5 % of the decay of 177Lu: the activity left tells nothing of them."""
    later = replace(GIVEN, at=GIVEN.at + timedelta(hours=12))

    with pytest.raises(
        DataError,
        match=r"administered_at in cycles is 2025-01-07 22:30, but "
        r"RadiopharmaceuticalStartDateTime of the scan is 2025-01-07 10:30",
    ) as it:
        written[0].read(scan_settings(administered=later))
    assert 'activity_from = "records"' in it.value.remedy
    chosen = Declaration(activity_from="records")
    assert written[0].read(scan_settings(administered=later, declared=chosen)).regions


def test_says_that_times_agree_and_never_that_the_header_confirms_them(
    scans: tuple[ScannedActivity, ...],
) -> None:
    [told] = [text for text in scans[0].evidence if "administered activity" in text]

    assert "RadiopharmaceuticalStartDateTime lies within 15 min of administered_at" in told
    assert "confirms" not in " ".join(scans[0].evidence)


def test_refuses_what_was_drawn_on_another_scan(written: tuple[WrittenScan, ...]) -> None:
    swapped = replace(written[0], drawn=written[1].drawn)

    with pytest.raises(DataError, match="Nothing was drawn in this scan's frame of reference"):
        swapped.read()


def redrawn(
    written: WrittenScan, folder: Path, change: Callable[[pydicom.Dataset], None]
) -> WrittenScan:
    """The scan with another segmentation."""
    with on_disk(written.drawn) as [path]:
        header = pydicom.dcmread(path)
        change(header)
        header.save_as(folder / "0001.dcm")
    return replace(written, drawn=files_in(folder))


def renamed(header: pydicom.Dataset, *, to: str) -> None:
    [first] = [one for one in header.SegmentSequence if one.SegmentLabel == "OP-001-L1"]
    first.SegmentLabel = to


def listed_alone(header: pydicom.Dataset) -> None:
    """A segment that is described and has no frame."""
    added = copy.deepcopy(header.SegmentSequence[-1])
    added.SegmentLabel, added.SegmentNumber = "OP-001-L9", len(header.SegmentSequence) + 1
    header.SegmentSequence.append(added)


def test_a_segment_without_a_voxel_is_a_refused_region(
    written: tuple[WrittenScan, ...], tmp_path: Path
) -> None:
    scan = redrawn(written[0], tmp_path, listed_alone).read()

    [empty] = [one for one in scan.regions if one.name == "OP-001-L9"]
    assert empty.refused.startswith("OP-001-L9 is listed in 0001.dcm, but holds no voxel")
    doses = doses_of([scan])
    assert "OP-001-L9" in {name for name, *_ in doses.refused}
    assert "left kidney" in {one.name for one in doses.regions}


def test_a_lesion_with_the_label_of_an_organ_is_a_refused_region(
    written: tuple[WrittenScan, ...], tmp_path: Path
) -> None:
    scan = redrawn(written[0], tmp_path, lambda header: renamed(header, to="Liver")).read()

    [lesion] = [one for one in scan.regions if one.name == "Liver"]
    assert "the name of the organ liver" in lesion.refused


def test_names_the_file_that_cannot_be_read_and_the_scan(
    written: tuple[WrittenScan, ...], tmp_path: Path
) -> None:
    def break_it(header: pydicom.Dataset) -> None:
        header.PixelData = header.PixelData[:100]

    broken = redrawn(written[1], tmp_path, break_it)

    with pytest.raises(DataError, match=r"^Scan \S+: 0001\.dcm: "):
        broken.read()


def test_names_the_frames_of_what_was_drawn_elsewhere(written: tuple[WrittenScan, ...]) -> None:
    swapped = replace(written[0], drawn=written[1].drawn)

    with pytest.raises(DataError, match=r"frame of reference [\d.]+; 0001\.dcm has [\d.]+"):
        swapped.read()


def test_what_refuses_all_regions_of_a_scan_is_said_once(
    written: tuple[WrittenScan, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DataError("No.")

    monkeypatch.setattr(dose, "activity_in", refuse)

    with pytest.raises(DataError, match="All 7 regions of it are refused: On the scan of 2025"):
        written[0].read()


def test_says_that_a_scan_is_not_corrected_for_scatter(
    written: tuple[WrittenScan, ...], scans: tuple[ScannedActivity, ...], tmp_path: Path
) -> None:
    with on_disk(written[0].image) as paths:
        for path in paths:
            header = pydicom.dcmread(path)
            header.CorrectedImage = [one for one in header.CorrectedImage if one != "SCAT"]
            header.save_as(tmp_path / path.name)
    uncorrected = replace(written[0], image=files_in(tmp_path)).read()

    assert any("lacks SCAT" in text for text in uncorrected.evidence)
    assert not any("lacks SCAT" in text for text in scans[0].evidence)


def test_refuses_two_regions_of_one_name(written: tuple[WrittenScan, ...], tmp_path: Path) -> None:
    twice = replace(written[0], drawn=(*written[0].drawn, *written[0].drawn))

    with pytest.raises(DataError, match="Two regions of the scan are called"):
        twice.read()


def test_refuses_a_cycle_of_which_nothing_has_a_dose(
    scans: tuple[ScannedActivity, ...],
) -> None:
    def refuse(one: DrawnRegion) -> DrawnRegion:
        return replace(one, activity=None, refused="no activity.")

    none = replace(scans[0], regions=tuple(refuse(one) for one in scans[0].regions))

    with pytest.raises(DataError, match="Nothing that was drawn after the cycle has a dose"):
        doses_of([none])


def test_an_organ_that_its_lesions_cover_is_refused_alone(
    scans: tuple[ScannedActivity, ...],
) -> None:
    covering = [
        replace(
            scan,
            regions=tuple(
                replace(
                    one,
                    mask=next(other.mask for other in scan.regions if other.name == "spleen"),
                )
                if one.name == "OP-001-L3"
                else one
                for one in scan.regions
            ),
        )
        for scan in scans
    ]
    doses = doses_of(covering)

    [reason] = [reason for name, _, reason in doses.refused if name == "spleen"]
    assert "OP-001-L3" in reason
    assert "Check the outlines of spleen" in reason
    assert region_of(doses, "liver").dose_gy > 0


def test_an_organ_says_which_lesions_its_course_holds(doses: CycleDoses) -> None:
    visit = Visit(participant=Pseudonym("OP-001"), timepoint=TimepointCode("CYCLE_1"), inputs=())
    methods = {
        one.kind.name: one.method
        for one in measured_dose(doses, visit).measurements
        if one.subject.name == "liver"
    }

    assert region_of(doses, "liver").held == IN_LIVER
    assert region_of(doses, "spleen").held == ()
    said = "with the lesions in it (OP-001-L1, OP-001-L2)"
    assert methods["TIME_INTEGRATED_ACTIVITY_COEFFICIENT"].endswith(said)
    assert methods["EFFECTIVE_HALF_LIFE"].endswith(said)
    assert said not in methods["ABSORBED_DOSE"]


def test_a_course_that_fits_nothing_points_at_outlines_that_differ(
    scans: tuple[ScannedActivity, ...],
) -> None:
    """The left kidney's second outline, and what it holds, at half of the others'."""

    def halved(one: DrawnRegion) -> DrawnRegion:
        assert one.activity is not None
        activity = replace(
            one.activity,
            volume_ml=one.activity.volume_ml / 2,
            activity_bq=one.activity.activity_bq / 2,
        )
        return replace(one, activity=activity)

    doses = doses_of([scans[0], changed(scans[1], "left kidney", halved), scans[2]])

    [reason] = [reason for name, _, reason in doses.refused if name == "left kidney"]
    assert "Its outlines differ from scan to scan: " in reason
    assert "mL at 96 h" in reason


def called(scan: ScannedActivity, name: str, *, to: str) -> ScannedActivity:
    return changed(scan, name, lambda one: replace(one, name=to))


def test_one_lesion_spelt_in_two_ways_is_not_taken_for_two(
    scans: tuple[ScannedActivity, ...],
) -> None:
    doses = doses_of([scans[0], called(scans[1], "OP-001-L1", to="op_001 l1"), scans[2]])

    reasons = {name: reason for name, _, reason in doses.refused}
    assert "it is spelt in several ways" in reasons["OP-001-L1"]
    assert "it is spelt in several ways" in reasons["op_001 l1"]
    assert not {"OP-001-L1", "op_001 l1"} & {one.name for one in doses.regions}


def test_a_lesion_within_a_lesion_is_refused_as_its_decays_would_count_twice(
    scans: tuple[ScannedActivity, ...],
) -> None:
    def doubled(scan: ScannedActivity) -> ScannedActivity:
        [lesion] = [one for one in scan.regions if one.name == "OP-001-L1"]
        return replace(scan, regions=(*scan.regions, replace(lesion, name="hot spot")))

    doses = doses_of([doubled(scan) for scan in scans])

    reasons = {name: reason for name, _, reason in doses.refused}
    assert "it lies in the lesion OP-001-L1" in reasons["hot spot"]
    assert "hot spot" not in {one.name for one in doses.regions}


def test_scans_recovered_with_two_phantoms_of_one_camera_give_no_dose(
    scans: tuple[ScannedActivity, ...],
) -> None:
    curve = scans[0].recovery
    assert isinstance(curve, RecoveryCurve)
    other = replace(scans[0], recovery=replace(curve, b1_ml=4.0 * curve.b1_ml))

    with pytest.raises(DataError, match="recovered differently"):
        doses_of([other, *scans[1:]])


def test_the_least_certain_calibration_of_a_cycle_counts_in_whatever_order(
    scans: tuple[ScannedActivity, ...],
) -> None:
    def by(scan: ScannedActivity, relative: float) -> ScannedActivity:
        def worse(one: DrawnRegion) -> DrawnRegion:
            assert one.activity is not None
            return replace(one, activity=replace(one.activity, calibration_relative=relative))

        return changed(scan, "left kidney", worse)

    last = region_of(doses_of([scans[0], scans[1], by(scans[2], 0.3)]), "left kidney")
    first = region_of(doses_of([by(scans[0], 0.3), scans[1], scans[2]]), "left kidney")

    assert last.standard_uncertainty_gy == pytest.approx(first.standard_uncertainty_gy)
    assert last.standard_uncertainty_gy > 0.25 * last.dose_gy


def test_refuses_a_cycle_of_another_activity_than_the_scans_go_by(
    scans: tuple[ScannedActivity, ...],
) -> None:
    with pytest.raises(DataError, match=r"cycles has 3\.700 GBq") as refused:
        doses_of(scans, administered_bq=3.7e9)

    assert "activity_gbq" in refused.value.remedy
