"""Krenning, SSTR-RADS, NETPET and Choi at every boundary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.imaging.lesions.measures.lesion_uptake import Statistic
from operandi.imaging.lesions.measures.scores import (
    ChoiReading,
    Finding,
    FindingSite,
    KrenningVersion,
    Score,
    choi_response,
    krenning_score,
    netpet_grade,
    sstr_rads,
)
from tests.imaging.lesions.measures.builders import an_uptake, yardsticks

LIVER, MODIFIED = KrenningVersion.LIVER, KrenningVersion.MODIFIED


@pytest.mark.parametrize(
    ("maximum", "by_liver", "modified"),
    [
        # Liver 5, spleen 20, blood pool 1.5.
        (1.5, "1", "1"),
        (1.6, "1", "2"),
        (2.5, "1", "2"),
        (2.6, "2", "2"),
        (5.0, "2", "2"),
        (5.01, "3", "3"),
        (20.0, "3", "3"),
        (20.1, "4", "4"),
    ],
)
def test_krenning_at_its_boundaries(maximum: float, by_liver: str, modified: str) -> None:
    lesion = an_uptake(maximum=maximum)

    assert krenning_score(lesion, yardsticks(), version=LIVER).value == by_liver
    assert krenning_score(lesion, yardsticks(), version=MODIFIED).value == modified


@given(maximum=st.floats(0.1, 100.0), scale=st.floats(0.1, 10.0))
def test_krenning_does_not_change_with_the_scale(maximum: float, scale: float) -> None:
    rounded = round(maximum, 1) + 0.05  # off every boundary
    scaled = yardsticks(liver=5.0 * scale, spleen=20.0 * scale, blood_pool=1.5 * scale)
    for version in KrenningVersion:
        before = krenning_score(an_uptake(maximum=rounded), yardsticks(), version=version)
        after = krenning_score(an_uptake(maximum=rounded * scale), scaled, version=version)
        assert before.value == after.value


def test_without_a_spleen_it_is_at_least_three_and_says_so() -> None:
    score = krenning_score(
        an_uptake(maximum=50.0), yardsticks(spleen="the spleen was removed"), version=LIVER
    )

    assert (score.value, score.at_least) == ("3", True)
    assert "no spleen reference: the spleen was removed" in score.because


def test_uptake_between_a_cool_spleen_and_the_liver_is_not_above_the_liver() -> None:
    score = krenning_score(an_uptake(maximum=4.0), yardsticks(spleen=3.0), version=LIVER)

    assert score.value == "2"


def test_none_is_given_only_against_a_background() -> None:
    cool = an_uptake(maximum=0.8)
    assert krenning_score(cool, yardsticks(), version=MODIFIED, background=0.9).value == "0"
    assert krenning_score(cool, yardsticks(), version=MODIFIED).value == "1"


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (
            krenning_score(an_uptake(), yardsticks(liver="all of it is tumor"), version=LIVER),
            "all of it is tumor",
        ),
        (
            krenning_score(
                an_uptake(maximum=3.0), yardsticks(blood_pool="not found"), version=MODIFIED
            ),
            "no blood pool: not found",
        ),
        (
            krenning_score(an_uptake(), yardsticks(), version=LIVER, statistic=Statistic.PEAK),
            "no SUVpeak",
        ),
    ],
)
def test_no_krenning_without_what_it_compares(score: Score, why: str) -> None:
    assert score.value is None
    assert why in score.absent


NET = Finding(
    site=FindingSite.SOFT_TISSUE,
    benign=False,
    typical_site=True,
    anatomical_correlate=True,
    other_malignancy_suspected=False,
)
BONE = Finding(site=FindingSite.BONE, benign=False)


@pytest.mark.parametrize(
    ("finding", "maximum", "category"),
    [
        (NET, 12.0, "5"),
        (
            Finding(
                benign=False,
                typical_site=True,
                anatomical_correlate=False,
                other_malignancy_suspected=False,
            ),
            12.0,
            "4",
        ),
        (
            Finding(benign=False, typical_site=False, other_malignancy_suspected=False),
            12.0,
            "3C",
        ),
        (Finding(benign=False, other_malignancy_suspected=True), 12.0, "3C"),
        (NET, 5.0, "3A"),
        (BONE, 5.0, "3B"),
        (Finding(benign=True), 12.0, "1"),
    ],
)
def test_sstr_rads(finding: Finding, maximum: float, category: str) -> None:
    assert sstr_rads(an_uptake(maximum=maximum), yardsticks(), finding).value == category


def test_sstr_rads_says_what_must_be_known_first() -> None:
    nothing = sstr_rads(an_uptake(), yardsticks(liver="cut off"), Finding())
    assert nothing.value is None
    for words in ("a liver reference (cut off)", "benign", "another malignancy", "CT or MR"):
        assert words in nothing.absent

    cool = sstr_rads(an_uptake(maximum=2.0), yardsticks(), Finding(benign=False))
    assert cool.absent == "not evaluable: needs the site"


def test_netpet_is_not_evaluable_without_fdg_and_says_so() -> None:
    score = netpet_grade(["68Ga-DOTATOC"])

    assert score.value is None
    assert score.absent == (
        "not evaluable: needs an 18F-FDG PET beside the receptor PET, found 68Ga-DOTATOC"
    )
    assert "a reader grades" in netpet_grade(["68Ga-DOTATOC", "18F-FDG"]).absent


def _choi(
    size: float,
    hu: float | None,
    *,
    modality: str = "CT",
    new_lesions: bool = False,
    non_target_progression: bool = False,
) -> Score:
    return choi_response(
        ChoiReading(modality="CT", sum_mm=100.0, attenuation_hu=100.0),
        ChoiReading(modality=modality, sum_mm=size, attenuation_hu=hu),
        new_lesions=new_lesions,
        non_target_progression=non_target_progression,
    )


@pytest.mark.parametrize(
    ("size", "hu", "response"),
    [
        # Table 2 of Clin Transl Imaging 5:183, 2017.
        (90.0, 100.0, "PR"),
        (90.1, 100.0, "SD"),
        (100.0, 85.0, "PR"),
        (100.0, 85.1, "SD"),
        (110.0, 100.0, "PD"),
        (109.9, 100.0, "SD"),
        (110.0, 85.0, "PR"),
        (0.0, None, "CR"),
    ],
)
def test_choi_on_ct(size: float, hu: float | None, response: str) -> None:
    assert _choi(size, hu).value == response


def test_choi_is_not_evaluable_on_mr_and_says_so() -> None:
    assert _choi(80.0, 80.0, modality="MR").absent == (
        "not evaluable on MR: attenuation in HU is of CT only"
    )
    assert "attenuation above 0 HU" in _choi(80.0, None).absent


def test_choi_new_lesions_and_what_is_not_measurable() -> None:
    assert _choi(50.0, 50.0, new_lesions=True).value == "PD"
    assert _choi(50.0, 50.0, non_target_progression=True).value == "SD"


def test_a_score_has_a_value_or_a_reason() -> None:
    with pytest.raises(ValueError, match="either a value or the reason"):
        Score(scale="x", value=None)
