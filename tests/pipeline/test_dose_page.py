"""The page of a participant's doses: kidneys, lesions and marrow, by cycle and over all."""

from dataclasses import replace

import pytest

from operandi.pipeline.dose_page import (
    cumulated_doses,
    dose_page,
    dose_row,
    marrow_notes,
    marrow_row,
)
from operandi.pipeline.step import Refusal
from operandi.pipeline.steps.dose_marrow import MarrowDoses
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ABSORBED_DOSE
from operandi.therapy.limits import OrganLimit
from tests.pipeline.cycle_doses import KIDNEYS, LESIONS, a_cycle, a_marrow, participant_with

WITHOUT = MarrowDoses(
    methods=(),
    absent=("Needed 4 samples.",),
    mass_g=990.0,
    administered_bq=7.4e9,
    evidence=(),
)


def test_the_marrow_is_a_row_with_its_uncertainty_and_nothing_that_is_not_known() -> None:
    assert marrow_row(a_marrow()) == ("red marrow", "", "0.040 ± 0.010", "", "0.0054", "", "", "")
    assert marrow_row(WITHOUT) is None
    assert marrow_row(None) is None


def test_the_page_shows_the_marrow_and_why_it_is_absent() -> None:
    shown = dose_page(participant_with(a_cycle(), marrow=a_marrow()), study="A study")
    absent = dose_page(participant_with(a_cycle(), marrow=WITHOUT), study="A study")

    assert "0.040 ± 0.010" in shown
    assert "of 2 Gy absorbed dose to the red marrow" in shown
    assert "red marrow: no dose. Needed 4 samples." in absent
    assert "to the red marrow" not in absent


def test_a_refused_marrow_is_told_with_its_reason() -> None:
    refused = Refusal(step="marrow", subject="P-014/CYCLE_1", what="No table of S values.")

    [note] = marrow_notes(refused)
    assert note.startswith("red marrow: no dose. ")
    assert "No table of S values" in note


def test_what_another_method_of_the_marrow_says_stands_in_the_notes() -> None:
    one = a_marrow()
    by_image = replace(
        one.methods[0], dose=replace(one.methods[0].dose, method="image-based", self_gy=0.2)
    )

    notes = marrow_notes(replace(one, methods=(*one.methods, by_image)))

    assert notes[0].startswith("red marrow: blood-based")
    assert notes[1] == "red marrow, image-based: 0.210 ± 0.010 Gy."


def test_the_marrow_cumulates_with_uncertainties_that_all_cycles_share() -> None:
    """Two cycles of 0.04 Gy, u 0.01 Gy each from what both share: 0.08 Gy, u 0.02 Gy."""
    doses = replace(
        participant_with(a_cycle(), a_cycle()), marrow=((1, a_marrow()), (2, a_marrow()))
    )

    [marrow] = [one for one in cumulated_doses(doses) if one.organ == "red marrow"]

    assert marrow.kind == ABSORBED_DOSE
    assert marrow.total_gy == pytest.approx(0.08)
    assert marrow.standard_uncertainty_gy == pytest.approx(0.02)


def test_a_marrow_known_after_one_of_two_cycles_has_no_sum_and_the_page_says_so() -> None:
    doses = participant_with(a_cycle(), a_cycle(), marrow=a_marrow())

    assert {one.organ for one in cumulated_doses(doses)} == {"kidneys"}
    assert "red marrow: no sum" in dose_page(doses, study="A study")


def test_kidneys_are_their_mean_by_mass() -> None:
    """By hand: (150 g x 5 Gy + 160 g x 8 Gy) / 310 g."""
    kidneys = (KIDNEYS[0], replace(KIDNEYS[1], dose_gy=8.0))

    [mean] = cumulated_doses(participant_with(a_cycle(*kidneys, *LESIONS)))

    assert mean.total_gy == pytest.approx((150 * 5 + 160 * 8) / 310)


def test_a_marrow_that_nobody_asked_for_is_said_to_be_so() -> None:
    assert "red marrow: no dose was asked for" in dose_page(participant_with(a_cycle()), study="A")


def test_scans_are_counted_and_a_half_life_by_fewer_than_four_is_marked() -> None:
    four = replace(KIDNEYS[0], times_h=(4.0, 24.0, 96.0, 168.0))

    assert dose_row(KIDNEYS[0], a_cycle())[1] == "3"
    assert dose_row(KIDNEYS[0], a_cycle())[6] == "50.0 ± 3.0 (population)"
    assert dose_row(four, a_cycle())[1] == "4"
    assert dose_row(four, a_cycle())[6] == "50.0 ± 3.0"


def test_a_region_that_lacks_a_scan_says_which_it_has() -> None:
    short = replace(
        LESIONS[0],
        times_h=(24.0, 168.0),
        activities_mbq=(25.0, 8.0),
        uncertainties_mbq=(2.0, 1.0),
    )

    page = dose_page(participant_with(a_cycle(*KIDNEYS, short)), study="A study")

    assert "L1: drawn on 2 of 3 scans, that is at 24, 168 h" in page


def test_an_organ_without_its_lesions_says_what_is_with_them_in() -> None:
    liver = replace(KIDNEYS[0], name="liver", held=("L1",))

    page = dose_page(participant_with(a_cycle(*KIDNEYS, liver, *LESIONS)), study="A study")

    assert "liver: dose and mass are without its lesions (L1); activities, course" in page


def test_a_region_of_both_kidneys_beside_each_counts_neither_twice() -> None:
    both = replace(KIDNEYS[0], name="kidneys", dose_gy=50.0)

    with_both = cumulated_doses(participant_with(a_cycle(*KIDNEYS, both)))

    alone = cumulated_doses(participant_with(a_cycle(*KIDNEYS)))
    assert [one.total_gy for one in with_both] == [one.total_gy for one in alone]


def test_one_kidney_that_stands_for_both_is_named_with_the_reason() -> None:
    refused = (("right kidney", False, "Its outlines differ."),)
    cycle = a_cycle(KIDNEYS[0], *LESIONS, refused=refused)

    page = dose_page(participant_with(cycle), study="A study")

    said = "Cycle 1: the left kidney stands for both kidneys. The right kidney has no dose: "
    assert f"{said}Its outlines differ." in page
    assert f"{said}It was not drawn." in dose_page(
        participant_with(a_cycle(KIDNEYS[0])), study="A study"
    )
    assert "stands for both" not in dose_page(participant_with(a_cycle()), study="A study")


def test_series_in_no_dose_and_faulty_rows_stand_on_the_page() -> None:
    doses = replace(
        participant_with(a_cycle()),
        unused=("series late",),
        faults=("cycles.csv, line 2",),
    )

    page = dose_page(doses, study="A study")

    assert "Series that are in no dose" in page
    assert "cycles.csv, line 2" in page
    with pytest.raises(DataError, match=r"cycles may be missing: cycles.csv, line 2"):
        doses.of_first_measured()


def test_no_measured_dose_is_told_with_what_became_of_the_scans() -> None:
    doses = replace(
        participant_with(), unread=((1, "Two tomograms of one scan."),), unused=("series late.",)
    )

    with pytest.raises(DataError, match=r"Two tomograms of one scan. series late."):
        doses.of_first_measured()


def test_a_studys_own_numbers_stand_beside_the_sums() -> None:
    own = OrganLimit(
        organ="kidneys", kind=ABSORBED_DOSE, limit_gy=20.0, applies_to="all", source="protocol"
    )

    page = dose_page(replace(participant_with(a_cycle()), panel=(own,)), study="A study")

    assert "of 20 Gy absorbed dose to the kidneys" in page
    assert "of 23 Gy" not in page


def test_evidence_that_doses_are_off_is_a_caution() -> None:
    known = a_cycle()
    off = "spect_recovery has no sphere of X; no recovery: doses of small lesions are too low"

    assert not known.cautions
    assert replace(known, evidence=(*known.evidence, off)).cautions == (off,)
