import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.radiomics.agreement import (
    Model,
    bland_altman,
    intraclass_correlation,
    mean_squares,
    minimal_detectable_change,
    percent_repeatability,
    repeatability_coefficient,
    within_subject,
)
from operandi.quantities.errors import DataError

# Shrout and Fleiss, Psychol Bull 86:420, 1979, table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
# Bland and Altman, Lancet i:307, 1986: peak expiratory flow, L/min, 17 people, each meter twice.
WRIGHT = np.array(
    [
        [494, 490],
        [395, 397],
        [516, 512],
        [434, 401],
        [476, 470],
        [557, 611],
        [413, 415],
        [442, 431],
        [650, 638],
        [433, 429],
        [417, 420],
        [656, 633],
        [267, 275],
        [478, 492],
        [178, 165],
        [423, 372],
        [427, 421],
    ],
    float,
)
MINI_WRIGHT = np.array(
    [
        [512, 525],
        [430, 415],
        [520, 508],
        [428, 444],
        [500, 500],
        [600, 625],
        [364, 460],
        [380, 390],
        [658, 642],
        [445, 432],
        [432, 420],
        [626, 605],
        [260, 227],
        [477, 467],
        [259, 268],
        [350, 370],
        [451, 443],
    ],
    float,
)


def simulated(
    *, features: int, subjects: int, repeats: int, between: float, seed: int
) -> npt.NDArray[np.float64]:
    """Normal measurements with within-subject SD 1 and between-subject SD *between*."""
    random = np.random.default_rng(seed)
    subject = between * random.standard_normal((features, subjects, 1))
    return 10.0 + subject + random.standard_normal((features, subjects, repeats))


@pytest.mark.parametrize(
    ("model", "value", "lower", "upper"),
    [
        (Model.ONE_WAY, 0.17, -0.133, 0.72),
        (Model.TWO_WAY_AGREEMENT, 0.29, 0.019, 0.76),
        (Model.TWO_WAY_CONSISTENCY, 0.71, 0.342, 0.95),
    ],
)
def test_the_table_of_shrout_and_fleiss(
    model: Model, value: float, lower: float, upper: float
) -> None:
    """Values from the paper's table 4; intervals as R's psych::ICC prints them."""
    result = intraclass_correlation(SHROUT_FLEISS[np.newaxis], model=model)

    assert result.value[0] == pytest.approx(value, abs=0.005)
    assert result.lower[0] == pytest.approx(lower, abs=0.0005)
    assert result.upper[0] == pytest.approx(upper, abs=0.005)
    assert result.subjects[0] == 6


def test_the_mean_squares_of_shrout_and_fleiss() -> None:
    """Their table 3: 11.24, 6.26, 32.49, 1.02."""
    squares = mean_squares(SHROUT_FLEISS[np.newaxis])

    assert squares.between[0] == pytest.approx(11.24, abs=0.005)
    assert squares.within[0] == pytest.approx(6.26, abs=0.005)
    assert squares.among_repeats[0] == pytest.approx(32.49, abs=0.005)
    assert squares.residual[0] == pytest.approx(1.02, abs=0.005)


def test_the_meters_of_bland_and_altman() -> None:
    """Differences -2.1 (SD 38.8) L/min; within-subject SD 15.3 and 19.9 L/min (1999)."""
    limits = bland_altman(MINI_WRIGHT[:, 0], WRIGHT[:, 0])
    within = within_subject(np.stack([WRIGHT, MINI_WRIGHT]))

    assert limits.bias == pytest.approx(-2.1, abs=0.05)
    assert limits.sd == pytest.approx(38.8, abs=0.05)
    assert limits.lower == pytest.approx(-2.1 - 1.96 * 38.8, abs=0.1)
    assert limits.upper == pytest.approx(-2.1 + 1.96 * 38.8, abs=0.1)
    assert limits.bias_error == pytest.approx(2.12 * 38.8 / math.sqrt(17), abs=0.05)
    assert limits.limit_error > limits.bias_error
    assert limits.pairs == 17
    np.testing.assert_allclose(within.sd, [15.3, 19.9], atol=0.05)
    np.testing.assert_allclose(repeatability_coefficient(within.sd), [42.4, 55.2], atol=0.1)


def test_pairs_without_both_values_are_left_out() -> None:
    whole = bland_altman(WRIGHT[1:, 0], WRIGHT[1:, 1])

    assert bland_altman([math.nan, *WRIGHT[1:, 0]], WRIGHT[:, 1]) == whole


def test_a_known_correlation_is_recovered() -> None:
    """Between 3, within 1: ICC = 9 / 10, within-subject SD 1, over 400 features."""
    values = simulated(features=400, subjects=60, repeats=5, between=3.0, seed=1)

    for model in Model:
        result = intraclass_correlation(values, model=model)
        assert result.value.mean() == pytest.approx(0.9, abs=0.005)
    assert within_subject(values).sd.mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("model", list(Model))
@pytest.mark.parametrize("between", [0.5, 3.0])
def test_intervals_cover_the_truth_as_often_as_they_say(model: Model, between: float) -> None:
    """Exact for one-way and consistency: 95 % of 4000, to three standard errors."""
    values = simulated(features=4000, subjects=12, repeats=3, between=between, seed=2)
    truth = between**2 / (between**2 + 1.0)

    result = intraclass_correlation(values, model=model)

    covered = float(((result.lower <= truth) & (truth <= result.upper)).mean())
    assert covered == pytest.approx(0.95, abs=0.011)


def test_the_bound_of_the_within_subject_deviation_covers_the_truth() -> None:
    values = simulated(features=4000, subjects=8, repeats=3, between=2.0, seed=3)

    assert float((within_subject(values).sd_upper >= 1.0).mean()) == pytest.approx(0.95, abs=0.011)


def test_two_repeats_differ_by_less_than_the_repeatability_coefficient_19_times_in_20() -> None:
    values = simulated(features=1, subjects=20_000, repeats=2, between=5.0, seed=4)
    coefficient = repeatability_coefficient(within_subject(values).sd)[0]

    differences = np.abs(values[0, :, 0] - values[0, :, 1])

    assert coefficient == pytest.approx(1.96 * math.sqrt(2.0), rel=0.02)
    assert float((differences < coefficient).mean()) == pytest.approx(0.95, abs=0.006)


def test_a_shift_between_methods_counts_for_agreement_and_not_for_consistency() -> None:
    plain = simulated(features=1, subjects=30, repeats=2, between=3.0, seed=5)
    shifted = plain + np.array([0.0, 4.0])

    def correlation(values: npt.NDArray[np.float64], model: Model) -> float:
        return float(intraclass_correlation(values, model=model).value[0])

    consistency = correlation(plain, Model.TWO_WAY_CONSISTENCY)
    assert correlation(shifted, Model.TWO_WAY_CONSISTENCY) == pytest.approx(consistency, rel=1e-9)
    assert correlation(shifted, Model.TWO_WAY_AGREEMENT) < consistency - 0.2
    assert correlation(shifted, Model.ONE_WAY) < consistency - 0.2


def test_repeats_that_agree_to_the_last_digit_have_correlation_one() -> None:
    values = np.repeat(np.array([[0.1], [0.2], [0.7]]), 3, axis=1)[np.newaxis]

    for model in Model:
        result = intraclass_correlation(values, model=model)
        assert (result.value[0], result.lower[0], result.upper[0]) == (1.0, 1.0, 1.0)
    assert within_subject(values).sd[0] == 0.0


def test_absences_say_why() -> None:
    values = np.full((4, 3, 2), 0.3)
    values[1] = np.array([[1.0, 1.1], [math.nan, 2.0], [3.0, math.nan]])
    values[2] = math.nan
    values[3] = np.array([[1e5, -1e5], [2.0, 2.2], [3.0, 3.3]])

    result = intraclass_correlation(values, model=Model.ONE_WAY)
    within = within_subject(values)

    assert result.absent == (
        "every value is the same",
        "1 subject with every repeat; two are needed",
        "0 subject with every repeat; two are needed",
        "",
    )
    np.testing.assert_array_equal(np.isnan(result.value), [True, True, True, False])
    assert within.absent == ("", "", "no subject has every repeat", "")
    assert within.relative_absent[3] == "values are not all of one sign"
    np.testing.assert_array_equal(np.isnan(within.cv), [False, False, True, True])
    assert within.sd[1] == pytest.approx(0.1 / math.sqrt(2.0))


def test_a_subject_without_a_repeat_is_left_out_of_that_feature_only() -> None:
    values = simulated(features=2, subjects=6, repeats=3, between=2.0, seed=6)
    expected = intraclass_correlation(values[:, :5], model=Model.ONE_WAY).value[0]
    values[0, 5, 1] = math.nan

    result = intraclass_correlation(values, model=Model.ONE_WAY)

    assert result.value[0] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(result.subjects, [5, 6])


def test_relative_repeatability_is_not_symmetric() -> None:
    """exp(-+ 1.96 sqrt(2) 0.1) - 1."""
    below, above = percent_repeatability(0.1)

    assert float(below) == pytest.approx(-24.21, abs=0.01)
    assert float(above) == pytest.approx(31.94, abs=0.01)


def test_the_coefficient_of_variation_by_hand() -> None:
    """Pairs 9, 11 and 18, 22: s/m is sqrt(2)/10 for both."""
    within = within_subject(np.array([[[9.0, 11.0], [18.0, 22.0]]]))

    assert within.cv[0] == pytest.approx(math.sqrt(2.0) / 10.0)
    assert within.log_sd[0] == pytest.approx(math.log(11 / 9) / math.sqrt(2.0))
    assert within.degrees[0] == 2


def test_a_change_must_be_larger_to_be_surer() -> None:
    assert float(minimal_detectable_change(1.0, confidence=0.95)) == pytest.approx(2.7718, abs=1e-4)
    assert float(minimal_detectable_change(1.0, confidence=0.8)) == pytest.approx(1.8124, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    subjects=st.integers(2, 6),
    repeats=st.integers(2, 5),
    shift=st.sampled_from([0.0, 3.0, 30.0]),
    model=st.sampled_from(Model),
)
def test_every_interval_holds_its_estimate(
    seed: int, subjects: int, repeats: int, shift: float, model: Model
) -> None:
    """Even of two subjects without a difference between them."""
    values = simulated(features=200, subjects=subjects, repeats=repeats, between=0.0, seed=seed)

    result = intraclass_correlation(values + shift * np.arange(repeats), model=model)

    assert ((result.lower <= result.value) & (result.value <= result.upper)).all()
    assert (result.upper <= 1.0).all()
    if model is not Model.TWO_WAY_AGREEMENT:
        assert (result.lower >= -1.0 / (repeats - 1) - 1e-12).all()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    factor=st.floats(1e-3, 1e3),
    offset=st.floats(-1e3, 1e3),
    model=st.sampled_from(Model),
)
def test_correlation_knows_no_unit(seed: int, factor: float, offset: float, model: Model) -> None:
    values = simulated(features=3, subjects=7, repeats=3, between=1.5, seed=seed)
    plain = intraclass_correlation(values, model=model)

    scaled = intraclass_correlation(-factor * values + offset, model=model)

    np.testing.assert_allclose(scaled.value, plain.value, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(scaled.lower, plain.lower, rtol=1e-6, atol=1e-7)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), model=st.sampled_from(Model))
def test_correlation_does_not_depend_on_the_order(seed: int, model: Model) -> None:
    values = simulated(features=2, subjects=6, repeats=4, between=1.0, seed=seed)
    random = np.random.default_rng(seed)
    mixed = values[:, random.permutation(6)][:, :, random.permutation(4)]

    np.testing.assert_allclose(
        intraclass_correlation(mixed, model=model).value,
        intraclass_correlation(values, model=model).value,
        rtol=1e-9,
    )


def test_refuses_what_is_no_repeat() -> None:
    with pytest.raises(DataError, match="feature, subject, repeat"):
        mean_squares(SHROUT_FLEISS)
    with pytest.raises(DataError, match="two repeats"):
        mean_squares(SHROUT_FLEISS[np.newaxis, :, :1])
    with pytest.raises(DataError, match="infinite"):
        within_subject(np.full((1, 2, 2), math.inf))
    with pytest.raises(DataError, match="between 0 and 1"):
        intraclass_correlation(SHROUT_FLEISS[np.newaxis], model=Model.ONE_WAY, confidence=95)
    with pytest.raises(DataError, match="pairs"):
        bland_altman([1.0, 2.0], [1.0])
    with pytest.raises(DataError, match="two finite pairs"):
        bland_altman([1.0], [1.0])
