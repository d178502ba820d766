"""Grades worked out by hand from the criteria, and what a grade is refused for."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.protocol.ctcae.conditions import Condition
from operandi.protocol.ctcae.grading import Baseline, Grade, Limits, grade
from operandi.protocol.ctcae.tables import Direction, load_table, shipped
from operandi.protocol.ctcae.units import dimension, scaled, units_of
from operandi.quantities.errors import DataError


def graded(
    test: str,
    value: str,
    unit: str,
    *,
    lower: str | None = None,
    upper: str | None = None,
    baseline: Baseline | None = None,
    version: str = "5",
    direction: Direction | None = None,
    **facts: bool,
) -> Grade:
    return grade(
        test,
        Decimal(value),
        unit=unit,
        limits=limits(lower, upper),
        baseline=baseline,
        version=version,
        facts=facts,
        direction=direction,
    )


def limits(lower: str | None = None, upper: str | None = None) -> Limits:
    return Limits(Decimal(lower) if lower else None, Decimal(upper) if upper else None)


def a_baseline(value: str, unit: str, *, upper: str | None) -> Baseline:
    return Baseline(Decimal(value), unit, limits(upper=upper))


# --- by hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("150", 0),
        ("149.9", 1),
        ("75", 1),
        ("74.9", 2),
        ("50", 2),
        ("49.9", 3),
        ("25", 3),
        ("24.9", 4),
        ("0", 4),
    ],
)
def test_platelets_are_graded_at_each_bound(value: str, expected: int) -> None:
    """<LLN - 75; <75 - 50; <50 - 25; <25, with a lower limit of 150: the bound is the milder."""
    assert graded("platelets", value, "10^9/L", lower="150").grade == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("40", 0), ("40.1", 1), ("120", 1), ("120.1", 2), ("200.1", 3)]
)
def test_alt_after_a_normal_baseline_counts_in_upper_limits(value: str, expected: int) -> None:
    """Upper limit 40: above 40, 120, 200 and 800."""
    normal = a_baseline("30", "U/L", upper="40")

    assert graded("alt", value, "U/L", upper="40", baseline=normal).grade == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("89.9", 0), ("90", 1), ("180", 1), ("180.1", 2), ("300.1", 3)]
)
def test_alt_after_an_abnormal_baseline_counts_in_baselines(value: str, expected: int) -> None:
    """Baseline 60 of 40: 1.5 x baseline is 90 and itself grade 1; then above 180, 300, 1200."""
    abnormal = a_baseline("60", "U/L", upper="40")

    assert graded("alt", value, "U/L", upper="40", baseline=abnormal).grade == expected


def test_version_4_grades_alt_by_upper_limits_whatever_the_baseline() -> None:
    """89.9 U/L of 40 is grade 1 in version 4, and 0 in version 5 after a baseline of 60."""
    abnormal = a_baseline("60", "U/L", upper="40")

    assert graded("alt", "89.9", "U/L", upper="40", baseline=abnormal, version="4").grade == 1


def test_creatinine_below_its_upper_limit_is_graded_by_its_rise() -> None:
    """100 of 110 umol/L is 1.67 times a baseline of 60: grade 2 of both versions."""
    before = a_baseline("60", "umol/L", upper="110")

    for version in ("4", "5"):
        found = graded("creatinine", "100", "umol/L", upper="110", baseline=before, version=version)
        assert (found.grade, found.term) == (2, "Creatinine increased")


def test_a_grade_says_its_criterion_word_for_word() -> None:
    found = graded("neutrophils", "0.9", "G/L", lower="1.8")

    assert found == Grade(
        grade=3,
        term="Neutrophil count decreased",
        direction="low",
        rule="<1000 - 500/mm3; <1.0 - 0.5 x 10e9 /L",
        condition="< 1.0 (10^9/L)",
        assumed=(),
        version="5",
    )


def test_a_grade_of_zero_names_both_terms_that_it_denies() -> None:
    found = graded("potassium", "4.2", "mmol/L", lower="3.5", upper="5.1")

    assert (found.grade, found.term, found.direction) == (0, "Hyperkalemia or Hypokalemia", "")


def test_each_printed_unit_has_its_own_thresholds() -> None:
    """160 mg/dL of glucose is 8.88 mmol/L, yet CTCAE 4 prints 8.9: neither is converted."""
    assert graded("glucose", "160", "mg/dL", version="4", upper="100", lower="70").grade == 1
    assert graded("glucose", "161", "mg/dL", version="4", upper="100", lower="70").grade == 2
    assert graded("glucose", "8.9", "mmol/L", version="4", upper="5.6", lower="3.9").grade == 1


def test_a_threshold_that_decides_asks_for_no_limit() -> None:
    """Below 80 g/L is grade 3 whatever the lower limit is."""
    assert graded("hemoglobin", "7.9", "g/dL", version="4").grade == 3


def test_an_absolute_threshold_holds_within_the_limits_of_normal() -> None:
    """As in the criteria: 1.45 is below 1.5, though this laboratory calls 1.4 normal."""
    assert graded("neutrophils", "1.45", "10^9/L", lower="1.4").grade == 2


# --- what the value does not say --------------------------------------------------------------


def test_an_unstated_fact_is_taken_for_the_worst_and_named() -> None:
    """Potassium 3.2: grade 2 with symptoms, 1 without."""
    found = graded("potassium", "3.2", "mmol/L", lower="3.5", upper="5.1")

    assert (found.grade, found.assumed) == (2, ("symptomatic",))


@pytest.mark.parametrize(("symptomatic", "expected"), [(True, 2), (False, 1)])
def test_a_stated_fact_is_assumed_of_nobody(*, symptomatic: bool, expected: int) -> None:
    found = graded("potassium", "3.2", "mmol/L", lower="3.5", symptomatic=symptomatic)

    assert (found.grade, found.assumed) == (expected, ())


def test_a_fact_on_which_nothing_depends_is_not_named() -> None:
    """Potassium 2.4 is grade 4 with or without symptoms."""
    assert graded("potassium", "2.4", "mmol/L", lower="3.5").assumed == ()


@pytest.mark.parametrize(
    ("value", "symptomatic", "expected"),
    [("130", True, 1), ("129", True, 3), ("129", False, 2), ("124", False, 3), ("119", False, 4)],
)
def test_sodium_of_version_5_by_symptoms(value: str, *, symptomatic: bool, expected: int) -> None:
    found = graded("sodium", value, "mmol/L", lower="135", upper="145", symptomatic=symptomatic)

    assert found.grade == expected


def test_lipase_of_version_5_by_symptoms() -> None:
    """Above 5 x 60: grade 4 with symptoms, 3 without; above 2 x 60 without, 2."""
    assert graded("lipase", "301", "U/L", upper="60", symptomatic=True).grade == 4
    assert graded("lipase", "301", "U/L", upper="60", symptomatic=False).grade == 3
    assert graded("lipase", "121", "U/L", upper="60", symptomatic=False).grade == 2


def test_inr_without_anticoagulation_needs_no_baseline() -> None:
    assert graded("inr", "1.2", "1", anticoagulated=False).grade == 0
    assert graded("inr", "1.21", "1", anticoagulated=False).grade == 1


# --- what is refused --------------------------------------------------------------------------


def test_refuses_grade_0_where_a_lower_limit_is_missing() -> None:
    with pytest.raises(DataError, match=r"Platelet count decreased.* without the lower limit"):
        graded("platelets", "120", "10^9/L")


def test_refuses_bilirubin_without_an_upper_limit() -> None:
    with pytest.raises(DataError, match="Supply the upper limit of normal of the laboratory"):
        graded("bilirubin_total", "20", "umol/L", baseline=a_baseline("9", "umol/L", upper="21"))


def test_refuses_version_5_of_alt_without_a_baseline() -> None:
    with pytest.raises(DataError, match="Supply the value before treatment with its limits"):
        graded("alt", "30", "U/L", upper="40")


def test_refuses_a_baseline_of_which_nobody_says_whether_it_was_normal() -> None:
    with pytest.raises(DataError, match="the value before treatment with its limits of normal"):
        graded("alt", "200", "U/L", upper="40", baseline=a_baseline("30", "U/L", upper=None))


def test_refuses_creatinine_whose_rise_is_not_known() -> None:
    """Above 1.5 x the upper limit is at least grade 2, and perhaps 3 by the baseline."""
    with pytest.raises(DataError, match="without the value before treatment"):
        graded("creatinine", "170", "umol/L", upper="110")


def test_refuses_inr_whose_anticoagulation_nobody_states() -> None:
    with pytest.raises(DataError, match="or state that the participant is not anticoagulated"):
        graded("inr", "1.1", "1")


def test_refuses_a_baseline_in_a_unit_of_another_dimension() -> None:
    with pytest.raises(DataError, match="'mg/dL' cannot be read as 'umol/L'"):
        graded(
            "creatinine",
            "100",
            "umol/L",
            upper="110",
            baseline=a_baseline("0.8", "mg/dL", upper="1.2"),
        )


@pytest.mark.parametrize(
    ("test", "unit"), [("platelets", "g/L"), ("platelets", ""), ("hemoglobin", "mmol/mol")]
)
def test_refuses_a_unit_that_is_none_of_the_test(test: str, unit: str) -> None:
    with pytest.raises(DataError, match="is not a unit in which CTCAE 5 grades"):
        graded(test, "100", unit, lower="150")


@pytest.mark.parametrize(
    ("test", "remedy"),
    [
        ("calcium", "state the result as calcium_corrected"),
        ("prothrombin_percent", "It grades the INR"),
        ("chromogranin_a", "It grades hemoglobin, platelets"),
    ],
)
def test_refuses_a_test_that_ctcae_does_not_grade(test: str, remedy: str) -> None:
    with pytest.raises(DataError, match=remedy):
        graded(test, "1", "mmol/L")


def test_refuses_what_version_5_grades_by_treatment() -> None:
    """A normal glucose is 0; a raised one is for a physician."""
    assert graded("glucose", "5.5", "mmol/L", lower="3.9", upper="5.6").grade == 0
    with pytest.raises(DataError, match=r"by what was done about it.*grade 3: Insulin therapy"):
        graded("glucose", "20", "mmol/L", lower="3.9", upper="5.6")


@pytest.mark.parametrize("value", ["-1", "NaN", "Infinity"])
def test_refuses_what_is_no_result(value: str) -> None:
    with pytest.raises(DataError, match="is no result"):
        graded("platelets", value, "10^9/L", lower="150")


def test_refuses_a_fact_that_no_grade_knows() -> None:
    with pytest.raises(DataError, match="'symptoms' is no fact of a grade"):
        graded("potassium", "3.2", "mmol/L", lower="3.5", symptoms=True)


def test_refuses_limits_that_are_swapped() -> None:
    with pytest.raises(DataError, match="lower limit of normal 400 lies above the upper 150"):
        limits("400", "150")


def test_refuses_a_version_that_is_not_shipped() -> None:
    with pytest.raises(DataError, match="No table of CTCAE 6 is shipped"):
        graded("platelets", "100", "10^9/L", version="6")


# --- another version, as data ------------------------------------------------------------------

A_TABLE = """
version = "6"
source = "a table of a test"
[[term]]
test = "platelets"
term = "Platelet count decreased"
direction = "low"
text = ["<LLN - 100", "<100 - 50", "-", "-"]
grades."10^9/L" = ["< LLN", "< 100", "", ""]
"""


def test_another_version_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "v6.toml"
    file.write_text(A_TABLE, encoding="utf-8")

    found = grade(
        "platelets",
        Decimal(90000),
        unit="/mm³",
        limits=Limits(),
        baseline=None,
        version=load_table(file),
    )

    assert (found.grade, found.version) == (2, "6")


@pytest.mark.parametrize(
    ("written", "instead", "fault"),
    [
        ('"< 100"', '"under 100"', "'under 100' in 'under 100' is no comparison"),
        ('"< 100"', '"< 100 if tired"', "'tired' in .* is no fact"),
        ("10^9/L", "giga", "'giga' is no unit"),
        ('"low"', '"down"', "direction"),
        ('source = "a table of a test"', "", "source: Field required"),
        ('version = "6"', 'version = "6', "Mend the TOML"),
        ('text = ["<LLN - 100", ', "text = [", "text"),
        ('grades."10^9/L" = ["< LLN", "< 100", "", ""]', "", "neither grades nor judged"),
        ("[[term]]", A_TABLE[A_TABLE.index("[[term]]") :] + "[[term]]", "stands twice"),
    ],
)
def test_refuses_a_table_that_is_none(
    tmp_path: Path, written: str, instead: str, fault: str
) -> None:
    file = tmp_path / "v6.toml"
    file.write_text(A_TABLE.replace(written, instead), encoding="utf-8")

    with pytest.raises(DataError, match=fault):
        load_table(file)


def test_refuses_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"v6.toml: the table of grades cannot be read"):
        load_table(tmp_path / "v6.toml")


# --- what holds always --------------------------------------------------------------------------

COUNTS = st.decimals(min_value=0, max_value=1000, places=3, allow_nan=False)


@given(value=COUNTS, unit=st.sampled_from(units_of("count of cells")))
def test_the_unit_changes_no_grade(value: Decimal, unit: str) -> None:
    lower = Decimal(150)

    def of(unit: str) -> int:
        stated = scaled(value, from_unit="10^9/L", to_unit=unit)
        least = scaled(lower, from_unit="10^9/L", to_unit=unit)
        return grade(
            "platelets", stated, unit=unit, limits=Limits(least), baseline=None, version="5"
        ).grade

    assert of(unit) == of("10^9/L")


@given(values=st.tuples(COUNTS, COUNTS))
def test_a_worse_value_has_no_milder_grade(values: tuple[Decimal, Decimal]) -> None:
    low, high = sorted(values)

    def of(value: Decimal) -> int:
        return grade(
            "platelets",
            value,
            unit="10^9/L",
            limits=Limits(Decimal(150)),
            baseline=None,
            version="4",
        ).grade

    assert of(low) >= of(high)


@pytest.mark.parametrize("version", ["4", "5"])
def test_every_shipped_condition_is_of_the_language(version: str) -> None:
    terms = shipped(version).term

    assert len(terms) > 40
    for term in terms:
        for unit in term.units:
            assert dimension(unit)
            _, conditions, judged = term.ladder(unit)
            assert any(Condition.parse(text).clauses for text in [*conditions, judged])
