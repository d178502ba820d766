"""What screening says of a whole participant: gates, what is missing, how long it holds."""

import copy
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from operandi.protocol.screening import screen, screen_all
from operandi.protocol.study import read_study
from operandi.protocol.verdict import Eligibility, Outcome
from operandi.quantities.errors import DataError
from tests.protocol.participants import (
    ON,
    Cells,
    P,
    Tables,
    eligible,
    having,
    judged,
    lesion,
    records_of,
    result,
    reviewed,
    screened,
    the_study,
    therapy,
    verdict_on,
    with_judgment,
    with_result,
    with_review,
)
from tests.protocol.test_criteria import CASES

CYCLES_GIVEN = [
    {"cycle": "1", "date": "2026-07-14", "activity_gbq": "7.4", "nuclide": "177Lu"},
    {"cycle": "2", "date": "2026-09-08", "activity_gbq": "7.4", "nuclide": "177Lu"},
]


def _eligibility(tables: Tables, *, on: date = ON) -> tuple[Eligibility, Eligibility]:
    """Literal and proposed, at inclusion."""
    found = screened(tables, on=on)
    literal, proposed = found.at("G1", reading="literal"), found.at("G1")
    assert literal is not None
    assert proposed is not None
    return literal.eligibility, proposed.eligibility


def test_whoever_meets_all_and_nothing_against_may_be_included() -> None:
    assert _eligibility(eligible()) == (Eligibility.ELIGIBLE, Eligibility.ELIGIBLE)


def test_one_exclusion_keeps_out_whatever_else_is_open() -> None:
    tables = with_result("platelets", result("platelets", "74", "10^9/L"))
    tables = with_judgment("metastatic", base=tables)

    assert _eligibility(tables) == (Eligibility.NOT_ELIGIBLE, Eligibility.NOT_ELIGIBLE)


def test_three_facts_missing_are_named_and_no_other() -> None:
    """As a coordinator would find it: platelets too old, no cover, no word on allergies."""
    tables = with_result("platelets", result("platelets", "210", "10^9/L", on="2026-06-01"))
    tables = having("social_cover", base=with_review("allergies", base=tables))

    gate = screened(tables).at("G1")

    assert gate is not None
    assert gate.eligibility is Eligibility.UNDETERMINED
    assert {missing.sentence for missing in gate.missing} == {
        "needs a platelet count dated from 2026-06-14 to 2026-07-14",
        "needs the social cover (social_cover)",
        "needs a review of allergies (reviews) dated 2026-06-02 or later",
    }


def test_a_cycle_without_a_day_is_asked_for_together_with_the_results_before_it() -> None:
    tables = having("cycle_plans", base=having("laboratory_results"))

    gate = screened(tables).at("G1")

    assert gate is not None
    assert {missing.sentence for missing in gate.missing} == {
        "needs the planned day of cycle 1 (cycle_plans)",
        "needs a platelet count dated from C1 - 1 month to C1",
        "needs a hemoglobin dated from C1 - 1 month to C1",
        "needs a total bilirubin dated from C1 - 1 month to C1",
        "needs a neutrophil count dated from C1 - 1 month to C1",
        "needs a prothrombin in % of normal (an INR is none) dated from C1 - 1 month to C1",
        "needs a filtration rate per 1.73 m2 dated from C1 - 1 month to C1",
    }


def test_only_the_day_of_the_cycle_is_missing_where_there_are_results() -> None:
    gate = screened(having("cycle_plans")).at("G1")

    assert gate is not None
    assert [missing.sentence for missing in gate.missing] == [
        "needs the planned day of cycle 1 (cycle_plans)"
    ]


def test_an_exam_that_nobody_made_is_asked_for_once() -> None:
    gate = screened(having("receptor_lesions")).at("G1")

    assert gate is not None
    assert [missing.sentence for missing in gate.missing] == [
        "needs a 68Ga-DOTATOC PET with the uptake of its lesions (receptor_lesions) dated "
        "2026-02-28 or later"
    ]


def test_nothing_is_missing_where_the_answer_is_known() -> None:
    gate = screened(eligible()).at("G1")

    assert gate is not None
    assert gate.missing == ()
    assert gate.against == ()


def test_no_record_at_all_is_undetermined_and_never_in_or_out() -> None:
    tables: Tables = {"participants": eligible()["participants"]}

    assert _eligibility(tables) == (Eligibility.UNDETERMINED, Eligibility.UNDETERMINED)


def test_readings_that_part_on_a_participant_are_listed() -> None:
    """A pacemaker, and MRI not judged impossible: literally admitted (E4)."""
    tables = with_judgment("mri_contraindication", judged("mri_contraindication", "yes"))

    found = screened(tables)

    assert _eligibility(tables) == (Eligibility.ELIGIBLE, Eligibility.NOT_ELIGIBLE)
    assert [one for one in found.differing if one[0] == "G1"] == [("G1", None, "E4")]
    # Before cycle 1 the treatments were not reviewed since: only the literal reading is content.
    assert screened(eligible()).differing == (("G2", 1, "E11"),)


@pytest.mark.parametrize(
    ("code", "until"),
    [
        ("I4", date(2026, 9, 1)),  # PET of 1 May: 1 September - 4 months
        ("E5", date(2026, 7, 27)),  # review of 29 June + 28 days
        ("E12a", date(2026, 7, 25)),  # result of 25 June: cycle 1 on 25 July at the latest
        ("E6", date(2026, 7, 27)),  # review of 29 June + 28 days
        ("I6", None),
    ],
)
def test_verdict_holds_until_its_evidence_leaves_the_window(code: str, until: date | None) -> None:
    assert verdict_on(code, eligible()).valid_until == until


def test_next_day_after_that_the_verdict_is_open() -> None:
    assert verdict_on("I4", eligible(), on=date(2026, 9, 1)).outcome is Outcome.MET
    assert verdict_on("I4", eligible(), on=date(2026, 9, 2)).outcome is Outcome.UNKNOWN


def test_no_good_verdict_outlives_its_weakest_part_and_no_bad_one_its_strongest() -> None:
    """Eligible until the results expire, 25 July; an exclusion by histology stays."""
    good = screened(eligible()).at("G1")
    bad = screened(
        with_result(
            "platelets",
            result("platelets", "74", "10^9/L"),
            base=with_judgment("mri_impossible", judged("mri_impossible", "yes")),
        )
    ).at("G1")

    assert good is not None
    assert good.valid_until == date(2026, 7, 25)
    assert bad is not None
    assert bad.valid_until is None


def test_evidence_of_later_days_is_not_looked_at() -> None:
    tables = with_result(
        "platelets",
        result("platelets", "210", "10^9/L"),
        result("platelets", "60", "10^9/L", on="2026-07-02"),
    )

    assert verdict_on("E12a", tables, on=date(2026, 7, 1)).outcome is Outcome.NOT_MET
    assert verdict_on("E12a", tables, on=date(2026, 7, 2)).outcome is Outcome.MET


# --- The gates before cycles ------------------------------------------------------------------


def test_labs_that_hold_for_the_plan_expire_when_the_cycle_slips() -> None:
    slipped = having(
        "cycle_plans",
        {"cycle": "1", "planned_on": "2026-07-26", "recorded_on": "2026-07-10", "state": "planned"},
    )

    assert verdict_on("E12a", eligible(), gate="G2", cycle=1, on=date(2026, 7, 12)).outcome is (
        Outcome.NOT_MET
    )
    assert verdict_on("E12a", slipped, gate="G2", cycle=1, on=date(2026, 7, 12)).outcome is (
        Outcome.UNKNOWN
    )


def test_later_cycles_are_asked_what_the_study_file_says_and_no_more() -> None:
    tables = having("cycles", CYCLES_GIVEN[0])

    second = screened(tables, on=date(2026, 8, 1)).at("G2", cycle=2)

    assert second is not None
    assert [v.criterion.code for v in second.verdicts] == ["E1", "E11"]


def test_each_cycle_that_was_given_and_the_next_one_are_asked() -> None:
    tables = having("cycles", *CYCLES_GIVEN)

    found = screened(tables, on=date(2026, 9, 9))

    assert [g.cycle for g in found.gates if g.reading == "proposed"] == [None, 1, 2, 3]


def test_a_cycle_that_is_canceled_is_passed_over() -> None:
    plans = [
        {
            "cycle": "2",
            "planned_on": "2026-09-08",
            "recorded_on": "2026-08-20",
            "state": "cancelled",
        },
        {"cycle": "3", "planned_on": "2026-11-03", "recorded_on": "2026-08-20", "state": "planned"},
    ]
    tables = having("cycle_plans", *plans, base=having("cycles", CYCLES_GIVEN[0]))

    found = screened(tables, on=date(2026, 9, 9))

    assert [g.cycle for g in found.gates if g.reading == "proposed"] == [None, 1, 3]


@pytest.mark.parametrize(
    ("doses", "proposed", "why"),
    [
        ([therapy("ssa_long_acting", last_on="2026-06-16")], Outcome.NOT_MET, "28 days"),
        ([therapy("ssa_long_acting", last_on="2026-06-17")], Outcome.MET, "27 days"),
        ([therapy("ssa_long_acting", last_on="2026-06")], Outcome.UNKNOWN, "some day of June"),
        ([therapy("ssa_short_acting", last_at="2026-07-12T23:59")], Outcome.NOT_MET, "over 24 h"),
        ([therapy("ssa_short_acting", last_at="2026-07-13T00:00")], Outcome.NOT_MET, "24 h"),
        ([therapy("ssa_short_acting", last_at="2026-07-13T00:01")], Outcome.UNKNOWN, "by the hour"),
        ([therapy("ssa_short_acting", last_at="2026-07-14T00:01")], Outcome.MET, "less than 24 h"),
        ([therapy("ssa_short_acting", last_on="2026-07-12")], Outcome.NOT_MET, "the day before"),
        ([therapy("ssa_short_acting", last_on="2026-07-13")], Outcome.UNKNOWN, "no hour"),
        ([therapy("ssa_short_acting")], Outcome.UNKNOWN, "no day"),
        ([], Outcome.UNKNOWN, "said to be recorded, and no row"),
    ],
)
def test_gaps_of_analogs_before_cycle_1_are_those_of_the_doses_given(
    doses: list[Cells], proposed: Outcome, why: str
) -> None:
    """The infusion on 14 July has no hour: from 0 h to 24 h, so that 24 h are sure on the 13th
    at 0 h and impossible from the 14th at 0 h."""
    review = reviewed("therapies", "recorded", on="2026-07-14")
    doses = [dose | {"recorded_on": "2026-07-14"} for dose in doses]
    tables = having("therapies", *doses, base=with_review("therapies", review))
    on = date(2026, 7, 14)

    assert verdict_on("E11", tables, gate="G2", cycle=1, on=on).outcome is proposed, why
    literal = verdict_on("E11", tables, reading="literal", gate="G2", cycle=1, on=on)
    assert literal.outcome is Outcome.NOT_MET


# --- Queries ----------------------------------------------------------------------------------


def test_two_results_of_one_day_raise_a_query_that_names_both_lines() -> None:
    tables = with_result(
        "platelets", result("platelets", "60000", "/mm3"), result("platelets", "90", "10^9/L")
    )

    (query,) = screened(tables).queries

    assert "60000 /mm3 (laboratory_results.csv, line 8)" in query.sentence
    assert query.places == ("laboratory_results.csv, line 8", "laboratory_results.csv, line 9")


def test_the_same_result_in_two_units_is_no_conflict() -> None:
    tables = with_result(
        "platelets", result("platelets", "90000", "/mm3"), result("platelets", "90", "10^9/L")
    )

    assert screened(tables).queries == ()


def test_of_a_conflict_the_worse_counts_under_a_negation_too() -> None:
    """Albumin 35 would make up for PT 60, albumin 29 does not: excluded."""
    tables = with_result("prothrombin_percent", result("prothrombin_percent", "60", "%"))
    tables = with_result(
        "albumin", result("albumin", "35", "g/L"), result("albumin", "29", "g/L"), base=tables
    )

    assert verdict_on("E12e", tables).outcome is Outcome.MET


@pytest.mark.parametrize(
    ("test", "value", "unit", "words"),
    [
        ("prothrombin_percent", "1.1", "INR", "An INR is a ratio"),
        ("gfr_indexed", "80", "mL/min", "per 1.73 m2"),
        ("platelets", "210", "sheep", "No conversion"),
    ],
)
def test_refuses_a_unit_and_asks_the_site(test: str, value: str, unit: str, words: str) -> None:
    (query,) = screened(with_result(test, result(test, value, unit))).queries

    assert words in query.sentence
    assert query.places == ("laboratory_results.csv, line 8",)


def test_a_review_that_found_none_beside_a_row_is_asked_about() -> None:
    row = {"substance": "dota", "recorded_on": "2026-06-20"}
    tables = having("allergies", row)

    assert verdict_on("E2", tables).outcome is Outcome.MET
    (query,) = screened(tables).queries
    assert "found none" in query.sentence


def test_limits_of_normal_that_differ_are_unknown_and_asked_about() -> None:
    blank = with_result(
        "bilirubin_total", result("bilirubin_total", "40", "umol/L", upper_limit="")
    )
    limits = {"site": "D1", "test": "bilirubin_total", "unit": "umol/L", "valid_from": "2026-01-01"}
    tables = having(
        "laboratory_ranges",
        limits | {"upper": "10"},
        limits | {"upper": "17", "valid_from": "2026-02-01"},
        base=blank,
    )

    assert verdict_on("E12c", tables).outcome is Outcome.UNKNOWN
    assert any("differ" in query.sentence for query in screened(tables).queries)


def test_the_limit_of_the_participants_sex_and_laboratory_goes_before_that_for_all() -> None:
    blank = with_result(
        "bilirubin_total",
        result("bilirubin_total", "40", "umol/L", upper_limit="", laboratory="north"),
    )
    limits = {"site": "D1", "test": "bilirubin_total", "unit": "umol/L", "valid_from": "2026-01-01"}
    tables = having(
        "laboratory_ranges",
        limits | {"upper": "10"},
        limits | {"upper": "17", "laboratory": "north", "sex": "F"},
        base=blank,
    )

    assert verdict_on("E12c", tables).outcome is Outcome.NOT_MET


def test_the_missing_limit_is_named_with_site_and_day() -> None:
    blank = with_result(
        "bilirubin_total", result("bilirubin_total", "40", "umol/L", upper_limit="")
    )

    (missing,) = verdict_on("E12c", blank).missing

    assert "upper limit of normal for total bilirubin at site D1 on 2026-06-25" in missing.sentence


def test_the_target_without_uptake_is_named() -> None:
    tables = having("receptor_lesions", lesion("L1"))

    (missing,) = verdict_on("I5", tables).missing

    assert missing.sentence.startswith(
        "needs the uptake of target lesion L2 among lesions on 68Ga-DOTATOC PET (receptor_lesions)"
    )


# --- A second study ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leukocytes", "platelets", "expected"),
    [
        ("2", "75", Outcome.NOT_MET),
        ("1.9", "75", Outcome.MET),
        ("2", "74", Outcome.MET),
        ("1.9", "", Outcome.MET),
        ("2", "", Outcome.UNKNOWN),
    ],
)
def test_another_study_file_screens_by_its_own_criteria(
    leukocytes: str, platelets: str, expected: Outcome
) -> None:
    results = [result("leukocytes", leukocytes, "10^9/L")]
    results += [result("platelets", platelets, "10^9/L")] if platelets else []
    records = records_of(having("laboratory_results", *results))

    gate = screen(P, records, read_study("nct01578239"), on=ON).at("G1")

    assert gate is not None
    assert next(v for v in gate.verdicts if v.criterion.code == "E2").outcome is expected


# --- The whole --------------------------------------------------------------------------------


def test_screening_changes_nothing_that_it_is_given() -> None:
    records = records_of(eligible())
    before = copy.deepcopy(records)

    once, again = (screen(P, records, the_study(), on=ON) for _ in range(2))

    assert records == before
    assert once == again


def test_screening_all_says_of_each_what_screening_one_does() -> None:
    one, other = records_of(eligible()), records_of(having("social_cover"), participant="P-002")
    both = type(one)(
        participants=one.participants + other.participants,
        rows={t: one.rows.get(t, ()) + other.rows.get(t, ()) for t in {*one.rows, *other.rows}},
    )

    assert screen_all(both, the_study(), on=ON) == (
        screen("P-001", one, the_study(), on=ON),
        screen("P-002", other, the_study(), on=ON),
    )


def test_refuses_a_participant_whom_nobody_knows() -> None:
    with pytest.raises(DataError, match="no participant P-404"):
        screen("P-404", records_of(eligible()), the_study(), on=ON)


def test_a_site_that_the_study_does_not_have_is_pointed_out() -> None:
    person = eligible()["participants"][0] | {"site": "ELSEWHERE"}

    (caution,) = screened(having("participants", person)).cautions

    assert "ELSEWHERE" in caution


_ASKED = ("test", "question", "topic", "kind")


@settings(deadline=None, max_examples=150)
@given(
    case=st.sampled_from([tables for _, _, tables, _, _ in CASES]),
    data=st.data(),
)
def test_what_becomes_known_never_flips_a_verdict(case: Tables, data: st.DataObject) -> None:
    """Facts are taken away: whole answers to a question, and cells. What is settled without them
    must be settled the same way with them."""
    groups = sorted(
        {
            (table, next((row[c] for c in _ASKED if c in row and table != "therapies"), ""))
            for table, rows in case.items()
            for row in rows
            if table != "participants"
        }
    )
    taken = data.draw(st.lists(st.sampled_from(groups), max_size=6, unique=True), label="taken")
    less = {
        table: [
            row
            for row in rows
            if not any(
                table == t and (not key or key in (row.get(c) for c in _ASKED)) for t, key in taken
            )
        ]
        for table, rows in case.items()
    }
    more, without = screened(case), screened(less)
    for reading in ("literal", "proposed"):
        known, asked = more.at("G1", reading=reading), without.at("G1", reading=reading)
        assert known is not None
        assert asked is not None
        for one, other in zip(known.verdicts, asked.verdicts, strict=True):
            assert other.outcome in (one.outcome, Outcome.UNKNOWN), one.criterion.code


_GROUPS = sorted(
    {
        (table, column, row[column])
        for table, rows in eligible().items()
        for row in rows
        for column in (next((c for c in _ASKED if c in row), next(iter(row))),)
        if table != "participants"
    }
)


def _without(groups: list[tuple[str, str, str]]) -> Tables:
    return {
        table: [
            row
            for row in rows
            if not any(table == t and row.get(column) == value for t, column, value in groups)
        ]
        for table, rows in eligible().items()
    }


def _supplied(tables: Tables, sentences: list[str]) -> Tables:
    """What the sentences ask for, and no more, as the eligible participant has it."""
    wanted: list[tuple[str, Cells]] = []
    for sentence in sentences:
        found = [
            item
            for item in the_study().item.values()
            if sentence.startswith(f"needs {item.ask}") or f" of {item.title} (" in sentence
        ]
        for item in found:
            where = {c: v for c, v in item.where.items() if isinstance(v, str)}
            wanted.append((item.table, where))
            wanted += [(item.join.table, {})] if item.join else []
            wanted += [("reviews", {"topic": item.review})] if item.review else []
        topics = [t for t in _TOPICS if f"a review of {t.replace('_', ' ')} (" in sentence]
        wanted += [("reviews", {"topic": topic}) for topic in topics]
        wanted += [(t, {}) for t in ("cycle_plans", "consents") if f"({t})" in sentence]
    return {
        table: [
            row
            for row in rows
            if row in tables.get(table, ())
            or any(table == t and where.items() <= row.items() for t, where in wanted)
        ]
        for table, rows in eligible().items()
    }


_TOPICS = ("allergies", "therapies", "cancer_history", "brain_metastases")


@settings(deadline=None, max_examples=100)
@given(taken=st.lists(st.sampled_from(_GROUPS), unique=True))
@example(taken=_GROUPS)
def test_what_is_asked_for_is_all_that_it_takes(taken: list[tuple[str, str, str]]) -> None:
    """From a participant of whom nothing is recorded to one of whom all is."""
    tables = _without(taken)
    before = screened(tables).at("G1")
    assert before is not None

    after = screened(_supplied(tables, [m.sentence for m in before.missing])).at("G1")

    assert after is not None
    assert [m.sentence for m in after.missing] == []
    assert after.eligibility is Eligibility.ELIGIBLE
