"""ADaM of one participant, worked out by hand; the tables are those of ``test_sdtm``.

Cycle 1 is day 1, 14 July 2026. The exam of 30 September is day 79: 18 days of July, 31 of August
and 30 of September. Investigator: 49 mm to 30 mm, -38.8 %, PR.
"""

from datetime import date, timedelta
from typing import Any

from operandi.protocol.interchange.adam import adam
from operandi.protocol.interchange.sdtm import Dataset
from operandi.protocol.recist_best import ResponseRules
from tests.protocol.interchange.test_sdtm import NEXT_EXAM, shown, source_of, treated
from tests.protocol.participants import Tables, read, therapy

RULES = ResponseRules(stable_at_least=timedelta(weeks=6))


def dataset(name: str, tables: Tables, *, rules: ResponseRules | None = RULES) -> Dataset:
    return next(one for one in adam(source_of(tables), rules=rules) if one.name == name)


def survival(tables: Tables) -> dict[str, tuple[Any, ...]]:
    rows = dataset("ADTTE", tables).rows
    names = ("CNSR", "AVAL", "ADT", "EVNTDESC")
    return {str(row["EVALID"]): tuple(row[name] for name in names) for row in rows}


def with_reads(*more: dict[str, str]) -> Tables:
    tables = treated()
    return tables | {"recist_reads": [*tables["recist_reads"], *more]}


def test_the_subject_level_is_one_row_a_subject() -> None:
    """14 July to 8 September: 57 days, both included."""
    names = ("SUBJID", "SAFFL", "TRTSDT", "TRTEDT", "TRTDURD", "AGE", "ITTFL")

    assert shown(dataset("ADSL", treated()), *names) == [
        ("P-001", "Y", date(2026, 7, 14), date(2026, 9, 8), 57, 56, None)
    ]


def test_age_is_blank_in_the_month_of_birth_and_names_both() -> None:
    person = {"site": "D1", "sex": "F", "birth_year": "1970", "birth_month": "7"}
    found = dataset("ADSL", treated() | {"participants": [person]})

    assert shown(found, "AGE", "AGEU") == [(None, None)]
    assert "ADSL.AGE, P-001: 55 or 56: the day of birth is not known" in map(str, found.gaps)


def test_who_was_never_treated_is_in_no_safety_population() -> None:
    found = dataset("ADSL", treated() | {"cycles": []})

    assert shown(found, "SAFFL", "TRTSDT", "TRT01A") == [("N", None, None)]


def test_responses_are_each_readers_and_the_best_follow() -> None:
    """PR once and never confirmed: SD, as 78 days are more than six weeks."""
    found = shown(dataset("ADRS", treated()), "EVALID", "PARAMCD", "AVALC", "ADY")

    assert [row for row in found if row[0] == "INVESTIGATOR R1"] == [
        ("INVESTIGATOR R1", "OVRLRESP", "PR", 79),
        ("INVESTIGATOR R1", "BOR", "PR", 79),
        ("INVESTIGATOR R1", "CBOR", "SD", 79),
    ]


def test_there_is_no_best_response_without_its_rules() -> None:
    found = dataset("ADRS", treated(), rules=None)

    assert {row["PARAMCD"] for row in found.rows} == {"OVRLRESP"}
    assert any("BOR: how long stable disease must last" in gap.why for gap in found.gaps)


def test_readers_who_differ_give_no_consensus_until_one_decides() -> None:
    judge = {"reader": "J", "role": "adjudicator"}
    decided = with_reads(
        *(read("L1", "30", **judge), read("L1", "20", on=NEXT_EXAM, **judge)),
        *(read("L2", "20", **judge), read("L2", "10", on=NEXT_EXAM, **judge)),
    )
    undecided = dataset("ADRS", treated())

    assert "CONSENSUS" not in {row["EVALID"] for row in undecided.rows}
    assert any("nobody decided" in gap.why for gap in undecided.gaps)
    # 50 mm to 30 mm: PR.
    assert ("CONSENSUS", "OVRLRESP", "PR") in shown(
        dataset("ADRS", decided), "EVALID", "PARAMCD", "AVALC"
    )


def test_survival_is_censored_at_the_last_exam_where_nothing_happened() -> None:
    found = survival(treated())["INVESTIGATOR R1"]

    assert found == (1, 79, date(2026, 9, 30), "PROGRESSION FREE")


def test_progression_is_an_event_on_the_day_of_its_exam() -> None:
    """31 October is day 110: 79 and 31 more."""
    again = read("L1", "40", on="2026-10-31")
    found = survival(with_reads(again, read("L2", "10", on="2026-10-31")))

    assert found["INVESTIGATOR R1"] == (0, 110, date(2026, 10, 31), "PROGRESSION")
    assert found["READER_2 2"][0] == 1


def test_another_therapy_censors_at_the_exam_before() -> None:
    tables = with_reads(read("N1", "", on="2026-10-31", state="new"))
    tables["therapies"] = [therapy("chemotherapy", started_on="2026-10-10")]

    found = survival(tables)["INVESTIGATOR R1"]

    assert found == (1, 79, date(2026, 9, 30), "NEW THERAPY")


def test_a_death_without_its_day_leaves_survival_blank_and_says_why() -> None:
    told = {"on": "2026-11-15", "alive": "no"}
    found = dataset("ADTTE", treated() | {"follow_up": [told]})

    assert not found.rows
    assert any("Dead on 2026-11-15 by follow_up" in gap.why for gap in found.gaps)


def test_a_death_known_to_the_month_has_no_day_of_analysis() -> None:
    died = {"died_on": "2026-11", "cause": "tumor"}
    tables = treated() | {"deaths": [died]}

    assert survival(tables)["INVESTIGATOR R1"] == (0, None, None, "DEATH")
    assert "ADTTE.ADT, P-001: a day of 2026-11" in map(str, dataset("ADTTE", tables).gaps)
