"""How a quantity repeats: a study's own test-retest, a published coefficient, or unknown."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.imaging.lesions.published_repeatability import (
    PUBLISHED_COEFFICIENTS,
    ChangeScale,
    NamedCoefficient,
)
from operandi.imaging.lesions.repeatability import (
    Repeatability,
    RepeatabilityOrigin,
    UnknownRepeatability,
    choose_repeatability,
    published_repeatability,
    relative_within_sd,
    repeatability_from,
)
from operandi.imaging.lesions.repetitions import Repetition, repetitions_of
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import SUV_MAXIMUM, SUV_MEAN, SUV_PEAK, VOLUME, Kind

DOTATOC = "68Ga-DOTATOC"
RELATIVE, ABSOLUTE = ChangeScale.RELATIVE, ChangeScale.ABSOLUTE

# Peak expiratory flow, L/min, by the Wright meter, first and second: Bland, Altman, Lancet
# 1986;i:307, table 1 (values recalled; the SD of the differences that the paper states follows).
WRIGHT = (
    (494, 490), (395, 397), (516, 512), (434, 401), (476, 470), (557, 611), (413, 415), (442, 431),
    (650, 638), (433, 429), (417, 420), (656, 633), (267, 275), (478, 492), (178, 165), (423, 372),
    (427, 421),
)  # fmt: skip
FLOW = Kind("PEAK_FLOW", "peak expiratory flow", "L/min")


def a_pair(
    participant: int, first: float, second: float, *, lesion: str = "L01", kind: Kind = SUV_PEAK
) -> Repetition:
    """One lesion measured twice."""
    return Repetition(
        participant=f"P-{participant:03d}",
        lesion=lesion,
        quantity=kind.name,
        first=first,
        second=second,
    )


def pairs_of(cv: float, *, participants: int, lesions: int = 1, seed: int = 1) -> list[Repetition]:
    """Lognormal repeats of lesions with a within-subject CV."""
    generator = np.random.default_rng(seed)
    w = math.sqrt(math.log1p(cv * cv))
    true = np.exp(generator.normal(2.5, 0.6, (participants, lesions)))
    first, second = true * np.exp(generator.normal(0.0, w, (2, participants, lesions)))
    return [
        a_pair(p, float(first[p, n]), float(second[p, n]), lesion=f"L{n:02d}")
        for p in range(participants)
        for n in range(lesions)
    ]


def test_within_sd_of_peak_flow_is_that_of_bland_and_altman() -> None:
    """They state 21.6 L/min for the differences: 15.3 within subjects."""
    rows = [a_pair(n, *pair, kind=FLOW) for n, pair in enumerate(WRIGHT)]

    found = repeatability_from(rows, kind=FLOW, scale=ABSOLUTE, study="Wright meter")

    assert found.repeatability.within_sd == pytest.approx(15.3, abs=0.05)
    assert found.repeatability.coefficient == pytest.approx(1.96 * 21.65, rel=1e-3)
    assert found.repeatability.degrees == found.participants == found.pairs == 17
    assert found.repeatability.within_cv is None


def test_interval_of_the_coefficient_is_the_chi_squared_one() -> None:
    """By tables: chi2(17) has 2.5 and 97.5 percentiles 7.564 and 30.191."""
    rows = [a_pair(n, *pair, kind=FLOW) for n, pair in enumerate(WRIGHT)]

    found = repeatability_from(rows, kind=FLOW, scale=ABSOLUTE, study="Wright meter")

    w = found.repeatability.within_sd
    expected = (w * math.sqrt(17 / 30.191), w * math.sqrt(17 / 7.564))
    assert found.within_sd_interval == pytest.approx(expected, rel=1e-4)
    assert found.coefficient_interval[0] < found.repeatability.coefficient
    assert found.coefficient_interval[1] > found.repeatability.coefficient


def test_simulated_cv_comes_back_and_lies_in_its_interval() -> None:
    rows = pairs_of(0.08, participants=2000)

    found = repeatability_from(rows, kind=SUV_PEAK, scale=RELATIVE, study="simulated")

    cv = found.repeatability.within_cv
    assert cv == pytest.approx(0.08, rel=0.05)
    low, high = found.within_sd_interval
    assert low < relative_within_sd(0.08) < high
    assert found.trend == pytest.approx(0.0, abs=0.05)
    assert found.agreement.bias == pytest.approx(0.0, abs=0.01)


def test_absolute_scale_of_a_relative_error_shows_a_trend() -> None:
    rows = pairs_of(0.15, participants=300)

    found = repeatability_from(rows, kind=SUV_PEAK, scale=ABSOLUTE, study="simulated")

    assert found.trend is not None
    assert found.trend > 0.2


def test_lesions_of_one_participant_count_once_in_the_degrees() -> None:
    rows = pairs_of(0.1, participants=6, lesions=5)

    found = repeatability_from(rows, kind=SUV_PEAK, scale=RELATIVE, study="simulated")

    assert (found.pairs, found.participants, found.repeatability.degrees) == (30, 6, 6)


@given(
    factor=st.floats(0.01, 100.0),
    order=st.permutations(range(8)),
)
def test_estimate_does_not_depend_on_unit_or_order(factor: float, order: list[int]) -> None:
    rows = pairs_of(0.1, participants=8)
    scaled = [a_pair(n, rows[n].first * factor, rows[n].second * factor) for n in order]

    one = repeatability_from(rows, kind=SUV_PEAK, scale=RELATIVE, study="a")
    other = repeatability_from(scaled, kind=SUV_PEAK, scale=RELATIVE, study="a")

    assert other.repeatability.within_sd == pytest.approx(one.repeatability.within_sd, rel=1e-9)
    assert other.agreement.lower == pytest.approx(one.agreement.lower, rel=1e-9)


def test_limits_of_a_relative_repeatability_are_those_of_the_review() -> None:
    """Lodge 2017: wCV about 10 %; falls beyond 25 % and rises beyond 33 % are unlikely."""
    found = published_repeatability(
        NamedCoefficient(key="fdg-suv-review"), kind=SUV_MAXIMUM, tracer="18F-FDG"
    )

    low, high = found.limits
    assert low == pytest.approx(-0.25, abs=0.01)
    assert high == pytest.approx(0.33, abs=0.015)
    assert found.origin is RepeatabilityOrigin.PUBLISHED


def test_coefficients_give_back_what_their_sources_state() -> None:
    """RC and wCV of one source agree: 11.7 % and 32.5 %, 13.7 % and 37.9 %."""
    for key, rc in (("psma11-suvmax-bone", 0.325), ("psma11-suvmax-node", 0.379)):
        within = PUBLISHED_COEFFICIENTS[key].within
        assert 1.96 * math.sqrt(2.0) * within == pytest.approx(rc, abs=0.002)


def test_no_published_coefficient_is_of_a_somatostatin_tracer() -> None:
    tracers = {one.tracer for one in PUBLISHED_COEFFICIENTS.values()}

    assert not any("DOTA" in tracer for tracer in tracers)
    assert all(one.stated and one.source for one in PUBLISHED_COEFFICIENTS.values())


def test_somatostatin_suv_is_unknown_unless_somebody_declares_otherwise() -> None:
    found = choose_repeatability(kind=SUV_PEAK, tracer=DOTATOC, scale=RELATIVE)

    assert isinstance(found, UnknownRepeatability)
    assert "none is known" in found.reason


def test_borrowed_coefficient_says_so_and_why() -> None:
    named = NamedCoefficient(key="psma11-suvmax-bone", borrowed_because="68Ga, receptor ligand")

    found = choose_repeatability(kind=SUV_MAXIMUM, tracer=DOTATOC, scale=RELATIVE, named=named)

    assert isinstance(found, Repeatability)
    assert found.origin is RepeatabilityOrigin.BORROWED
    assert "68Ga, receptor ligand" in found.source


def test_own_repeats_go_before_a_named_coefficient() -> None:
    named = NamedCoefficient(key="fdg-suv-review", borrowed_because="nothing else")

    found = choose_repeatability(
        kind=SUV_PEAK,
        tracer=DOTATOC,
        scale=RELATIVE,
        own=pairs_of(0.1, participants=10),
        named=named,
    )

    assert isinstance(found, Repeatability)
    assert found.origin is RepeatabilityOrigin.OWN_STUDY


def test_a_tracers_own_coefficient_is_named_where_one_exists() -> None:
    found = choose_repeatability(kind=SUV_MEAN, tracer="18F-DCFPyL", scale=RELATIVE)

    assert isinstance(found, UnknownRepeatability)
    assert "dcfpyl-suvmean" in found.reason


def test_refuses_to_borrow_without_a_reason() -> None:
    with pytest.raises(DataError, match="the scans are of 68Ga-DOTATOC"):
        published_repeatability(
            NamedCoefficient(key="fdg-suv-review"), kind=SUV_PEAK, tracer=DOTATOC
        )


def test_refuses_a_reason_where_nothing_is_borrowed() -> None:
    named = NamedCoefficient(key="fdg-suv-review", borrowed_because="why not")
    with pytest.raises(DataError, match="is not borrowed"):
        published_repeatability(named, kind=SUV_PEAK, tracer="18F-FDG")


def test_refuses_an_unknown_key_and_another_quantity() -> None:
    with pytest.raises(DataError, match="no published coefficient 'percist'"):
        published_repeatability(NamedCoefficient(key="percist"), kind=SUV_PEAK, tracer="18F-FDG")
    with pytest.raises(DataError, match="not of VOLUME"):
        published_repeatability(
            NamedCoefficient(key="fdg-suv-review"), kind=VOLUME, tracer="18F-FDG"
        )


def test_refuses_too_few_participants() -> None:
    rows = pairs_of(0.1, participants=2, lesions=9)
    with pytest.raises(DataError, match="needs 3 participants scanned twice; SUV_PEAK has 2"):
        choose_repeatability(kind=SUV_PEAK, tracer=DOTATOC, scale=RELATIVE, own=rows)


def test_refuses_a_lesion_twice() -> None:
    rows = [*pairs_of(0.1, participants=4), a_pair(2, 3.0, 3.1, lesion="L00")]
    with pytest.raises(DataError, match="L00 of P-002 stands twice"):
        repeatability_from(rows, kind=SUV_PEAK, scale=RELATIVE, study="a")


def test_refuses_a_value_of_zero_on_the_relative_scale() -> None:
    rows = [*pairs_of(0.1, participants=4), a_pair(9, 3.0, 0.0)]
    with pytest.raises(DataError, match="P-009 has 3 and 0"):
        repeatability_from(rows, kind=SUV_PEAK, scale=RELATIVE, study="a")


def test_refuses_a_retest_that_is_a_copy() -> None:
    rows = [a_pair(n, 5.0 + n, 5.0 + n) for n in range(5)]
    with pytest.raises(DataError, match="standard deviation > 0; found 0"):
        repeatability_from(rows, kind=SUV_PEAK, scale=RELATIVE, study="a")


def test_refuses_a_value_that_is_no_number() -> None:
    with pytest.raises(DataError, match="needs two numbers"):
        a_pair(1, math.nan, 1.0)


def test_rows_of_a_table_are_read() -> None:
    rows = [
        {
            "participant": "P-001",
            "lesion": "L01",
            "quantity": "SUV_PEAK",
            "first": "12.5",
            "second": " 11.9 ",
        }
    ]

    assert repetitions_of(rows, file="test_retest.csv") == (a_pair(1, 12.5, 11.9),)


def test_refuses_a_row_with_a_blank_or_a_word() -> None:
    row = {"participant": "P-001", "lesion": "L01", "quantity": "SUV_PEAK", "first": "1"}
    with pytest.raises(DataError, match="line 2: second is missing or blank"):
        repetitions_of([row], file="test_retest.csv")
    with pytest.raises(DataError, match="'high' are not numbers"):
        repetitions_of([{**row, "second": "high"}], file="test_retest.csv")
