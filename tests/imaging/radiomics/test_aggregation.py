import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.imaging.radiomics.aggregation import (
    ADDITIVE,
    Aggregation,
    LesionFeature,
    to_patient,
)
from operandi.imaging.radiomics.feature import Feature
from operandi.quantities.errors import DataError


def a_lesion(
    name: str,
    value: float | None,
    *,
    volume_ml: float = 1.0,
    uptake: float | None = 10.0,
    tag: str = "morph_integ_int",
) -> LesionFeature:
    feature = Feature(tag, value, "" if value is not None else "too few voxels")
    return LesionFeature(lesion=name, feature=feature, volume_ml=volume_ml, uptake=uptake)


LESIONS = (
    a_lesion("L1", 2.0, volume_ml=6.0, uptake=30.0),
    a_lesion("L2", 4.0, volume_ml=3.0, uptake=12.0),
    a_lesion("L3", 9.0, volume_ml=1.0, uptake=20.0),
)


@pytest.mark.parametrize(
    ("aggregation", "value", "used"),
    [
        (Aggregation.VOLUME_WEIGHTED_MEAN, 3.3, 3),
        (Aggregation.MEAN, 5.0, 3),
        (Aggregation.SUM, 15.0, 3),
        (Aggregation.MAXIMUM, 9.0, 3),
        (Aggregation.MINIMUM, 2.0, 3),
        (Aggregation.LARGEST_LESION, 2.0, 1),
        (Aggregation.MINIMUM_UPTAKE_LESION, 4.0, 1),
        (Aggregation.STANDARD_DEVIATION, math.sqrt(13.0), 3),
        (Aggregation.INTERQUARTILE_RANGE, 3.5, 3),
        (Aggregation.RANGE, 7.0, 3),
    ],
)
def test_every_aggregation_by_hand(aggregation: Aggregation, value: float, used: int) -> None:
    found = to_patient(LESIONS, aggregation=aggregation)

    assert found.feature.tag == "morph_integ_int"
    assert found.feature.value == pytest.approx(value)
    assert (found.aggregation, found.lesions, found.used) == (aggregation, 3, used)
    assert found.volume_share == 1.0


def test_the_volume_weighted_mean_of_means_is_the_mean_of_all_voxels() -> None:
    lesions = [
        a_lesion("L1", 10.0, volume_ml=2.0, tag="stat_mean"),
        a_lesion("L2", 1.0, volume_ml=8.0, tag="stat_mean"),
    ]

    found = to_patient(lesions, aggregation=Aggregation.VOLUME_WEIGHTED_MEAN)

    assert found.feature.value == pytest.approx((2.0 * 10.0 + 8.0 * 1.0) / 10.0)


@pytest.mark.parametrize(
    "aggregation",
    [Aggregation.SUM, Aggregation.MAXIMUM, Aggregation.MINIMUM, Aggregation.RANGE],
)
def test_totals_and_extremes_need_every_lesion(aggregation: Aggregation) -> None:
    lesions = [*LESIONS, a_lesion("L4", None, volume_ml=0.01)]

    found = to_patient(lesions, aggregation=aggregation)

    assert found.feature.value is None
    assert found.feature.absent == (
        f"the {aggregation} needs every lesion, 1 of 4 lack it (L4: too few voxels)"
    )
    assert found.used == 0


def test_averages_do_without_small_lesions_and_say_so() -> None:
    lesions = [*LESIONS, a_lesion("L4", None, volume_ml=0.5)]

    found = to_patient(lesions, aggregation=Aggregation.MEAN)

    assert found.feature.value == pytest.approx(5.0)
    assert (found.lesions, found.used) == (4, 3)
    assert found.volume_share == pytest.approx(10.0 / 10.5)


def test_averages_do_not_do_without_much_of_the_tumor() -> None:
    lesions = [*LESIONS, a_lesion("L4", None, volume_ml=2.0)]

    found = to_patient(lesions, aggregation=Aggregation.VOLUME_WEIGHTED_MEAN)

    assert found.feature.absent == (
        "lesions with the feature hold 83 % of the volume, 90 % are needed (L4: too few voxels)"
    )


def test_the_next_lesion_never_stands_in() -> None:
    lesions = [a_lesion("L0", None, volume_ml=50.0, uptake=1.0), *LESIONS]

    for aggregation in (Aggregation.LARGEST_LESION, Aggregation.MINIMUM_UPTAKE_LESION):
        found = to_patient(lesions, aggregation=aggregation)
        assert found.feature.absent == "lesion L0: too few voxels"


def test_minimum_uptake_needs_the_uptake_of_all() -> None:
    lesions = [*LESIONS, a_lesion("L4", 1.0, uptake=None)]

    found = to_patient(lesions, aggregation=Aggregation.MINIMUM_UPTAKE_LESION)

    assert found.feature.absent == "1 of 4 lesions have no uptake"


def test_two_largest_lesions_are_none() -> None:
    lesions = [a_lesion("L1", 1.0), a_lesion("L2", 2.0)]

    found = to_patient(lesions, aggregation=Aggregation.LARGEST_LESION)

    assert found.feature.absent == "lesions L1, L2 are both the largest lesion"


@pytest.mark.parametrize(
    ("aggregation", "count"),
    [
        (Aggregation.STANDARD_DEVIATION, 1),
        (Aggregation.RANGE, 1),
        (Aggregation.INTERQUARTILE_RANGE, 2),
    ],
)
def test_spread_needs_lesions(aggregation: Aggregation, count: int) -> None:
    found = to_patient(LESIONS[:count], aggregation=aggregation)

    assert found.feature.absent == f"the {aggregation} needs {count + 1} lesions, found {count}"


def test_a_patient_whose_lesions_all_lack_it_has_none() -> None:
    found = to_patient([a_lesion("L1", None)], aggregation=Aggregation.MEAN)

    assert "hold 0 % of the volume" in found.feature.absent


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=8),
    aggregation=st.sampled_from(Aggregation),
    data=st.data(),
)
def test_the_order_of_lesions_does_not_matter(
    values: list[float], aggregation: Aggregation, data: st.DataObject
) -> None:
    lesions = [
        a_lesion(f"L{n}", value, volume_ml=1.0 + n, uptake=5.0 + n)
        for n, value in enumerate(values)
    ]
    mixed = data.draw(st.permutations(lesions))

    one = to_patient(lesions, aggregation=aggregation).feature.value
    other = to_patient(mixed, aggregation=aggregation).feature.value

    assert other == pytest.approx(one, rel=1e-9, abs=1e-6)
    average = to_patient(lesions, aggregation=Aggregation.VOLUME_WEIGHTED_MEAN).feature.value
    assert average is not None
    assert min(values) - 1e-6 <= average <= max(values) + 1e-6


def test_refuses_what_has_no_meaning() -> None:
    assert "stat_mean" not in ADDITIVE
    with pytest.raises(DataError, match="does not add up"):
        to_patient([a_lesion("L1", 1.0, tag="stat_mean")], aggregation=Aggregation.SUM)
    with pytest.raises(DataError, match="each lesion once"):
        to_patient([LESIONS[0], LESIONS[0]], aggregation=Aggregation.MEAN)
    with pytest.raises(DataError, match="one feature"):
        to_patient([LESIONS[0], a_lesion("L9", 1.0, tag="stat_var")], aggregation=Aggregation.MEAN)
    with pytest.raises(DataError, match="nothing"):
        to_patient([], aggregation=Aggregation.MEAN)
    with pytest.raises(DataError, match="volume > 0"):
        replace(LESIONS[0], volume_ml=0.0)
