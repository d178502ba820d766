from decimal import Decimal
from fractions import Fraction

from operandi.protocol.recist_reads import Seen
from operandi.protocol.recist_sums import sums_of_diameters
from tests.protocol.recist_builders import a_reading, day, non_target, target


def test_a_small_lesion_counts_five_millimeters_a_lost_one_none_and_a_normal_node_its_size() -> (
    None
):
    """By hand: 30 + 20 + 18 = 68; then 5 (too small) + 0 (absent) + 8 (normal node) = 13."""
    reading = a_reading(
        [target("T1"), target("T2", "lung"), target("N1", "hilum", node=True)],
        {
            0: {"T1": "30", "T2": "20", "N1": "18"},
            56: {"T1": Seen.TOO_SMALL, "T2": Seen.ABSENT, "N1": "8"},
        },
    )

    baseline, later = sums_of_diameters(reading, day(0))

    assert (baseline.sum_mm, baseline.change_mm, baseline.nadir_mm) == (
        Decimal(68),
        Decimal(0),
        None,
    )
    assert (later.sum_mm, later.change_mm) == (Decimal(13), Decimal(-55))
    assert later.change_percent == Fraction(-5500, 68)


def test_the_nadir_is_the_smallest_sum_before_and_baseline_is_one() -> None:
    reading = a_reading(
        [target("T1")],
        {0: {"T1": "50"}, 30: {"T1": "60"}, 60: {"T1": "40"}, 90: {"T1": "45"}, 120: {"T1": "44"}},
    )

    sums = sums_of_diameters(reading, day(0))

    assert [one.nadir_mm for one in sums] == [None, 50, 50, 40, 40]
    assert [one.change_from_nadir_mm for one in sums[1:]] == [10, -10, 5, 4]
    assert sums[3].change_from_nadir_percent == Fraction(25, 2)


def test_an_incomplete_sum_is_no_sum_and_moves_no_nadir() -> None:
    reading = a_reading(
        [target("T1"), target("T2")],
        {
            0: {"T1": "30", "T2": "30"},
            30: {"T1": "10", "T2": Seen.NOT_EVALUABLE},
            60: {"T1": "28"},
            90: {"T1": "30", "T2": "30"},
        },
    )

    _, second, third, fourth = sums_of_diameters(reading, day(0))

    assert (second.sum_mm, second.measured_mm, second.missing) == (None, Decimal(10), ("T2",))
    assert (second.change_mm, second.change_from_nadir_percent) == (None, None)
    assert third.missing == ("T2",)
    assert fourth.nadir_mm == 60


def test_an_incomplete_baseline_leaves_nothing_to_compare_with() -> None:
    reading = a_reading(
        [target("T1"), target("T2")],
        {0: {"T1": "30"}, 30: {"T1": "30", "T2": "30"}, 60: {"T1": "60", "T2": "60"}},
    )

    for one in sums_of_diameters(reading, day(0))[1:]:
        assert (one.baseline_mm, one.nadir_mm, one.change_percent) == (None, None, None)
        assert not one.progressed


def test_exams_before_baseline_and_non_target_lesions_are_left_aside() -> None:
    lesions = [target("T1"), non_target("B1")]
    seen = {-60: {"T1": "12", "B1": "40"}, -5: {"T1": "30", "B1": "40"}, 30: {"T1": "20"}}

    sums = sums_of_diameters(a_reading(lesions, seen), day(-5))

    assert [one.sum_mm for one in sums] == [30, 20]
    assert [one.nadir_mm for one in sums] == [None, 30]
    assert sums_of_diameters(a_reading([non_target("B1")], {0: {"B1": "40"}}), day(0)) == ()


def test_sums_of_many_digits_do_not_round() -> None:
    tiny = "10." + "0" * 40 + "1"
    reading = a_reading([target("T1"), target("T2")], {0: {"T1": "9000", "T2": tiny}})

    assert sums_of_diameters(reading, day(0))[0].sum_mm == Decimal("9010." + "0" * 40 + "1")


def test_from_nothing_any_increase_is_above_twenty_percent_and_five_millimeters_still_count() -> (
    None
):
    lesions = [target("T1")]
    grown = {
        size: sums_of_diameters(
            a_reading(lesions, {0: {"T1": "20"}, 30: {"T1": Seen.ABSENT}, 60: {"T1": size}}), day(0)
        )[-1]
        for size in ("4.9", "5")
    }

    assert (grown["5"].nadir_mm, grown["5"].change_from_nadir_percent) == (Decimal(0), None)
    assert (grown["4.9"].progressed, grown["5"].progressed) == (False, True)
