"""SDTM of one participant, worked out by hand.

Cycle 1 is given on 14 July 2026, cycle 2 on 8 September 2026, 56 days later: study day 57.
"""

import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from operandi.domain.date_interval import DateInterval
from operandi.protocol.interchange.adam import adam
from operandi.protocol.interchange.sdtm import Dataset, Source, dataset_json, gaps, study_day
from operandi.protocol.interchange.sdtm_domains import sdtm
from operandi.records.importing.dataset_json import read_dataset_json, written
from tests.protocol.participants import (
    Tables,
    chosen,
    eligible,
    having,
    judged,
    read,
    records_of,
    result,
    the_study,
    with_judgment,
    with_result,
)
from tests.shared_data import published

CREATED_AT = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
ON = date(2026, 12, 1)
NEXT_EXAM = "2026-09-30"
SUBJECT = "NCT06256705-P-001"


def treated() -> Tables:
    """The eligible participant after two cycles, read by an investigator and two readers."""
    reads = [
        read("L1", "22", on="2026-03-01"),
        read("L2", "14", on="2026-03-01"),
        read("L1", "31"),
        read("L2", "18"),
        read("L1", "30", on=NEXT_EXAM),
        read("L2", "", on=NEXT_EXAM, state="absent"),
    ]
    for role, diameter in (("reader_1", "10"), ("reader_2", "30")):
        by = {"reader": role[-1], "role": role}
        reads += [read("L1", "30", **by), read("L1", diameter, on=NEXT_EXAM, **by)]
        reads += [read("L2", "20", **by), read("L2", "20", on=NEXT_EXAM, **by)]
    return eligible() | {
        "cycles": [
            {"cycle": "1", "date": "2026-07-14", "activity_gbq": "7.40", "nuclide": "177Lu"},
            {"cycle": "2", "date": "2026-09-08", "activity_gbq": "7.31", "nuclide": "177Lu"},
        ],
        "imaging_visits": [],
        "visits": [
            {"visit": "LAB_C1", "on": "2026-07-10", "state": "done"},
            {"visit": "AFTER_CYCLE_2", "on": "2026-10-20", "state": "missed", "reason": "ill"},
        ],
        "adverse_events": [
            event("Nausea", "2026-07-13", ended_on="2026-07-14"),
            event("Fatigue", "2026-08", ongoing="yes", serious="yes", grade="3"),
        ],
        "recist_lesions": [chosen("L1"), chosen("L2")],
        "recist_reads": reads,
    }


def event(term: str, started_on: str, **more: str) -> dict[str, str]:
    cells = {"term": term, "ctcae_version": "5", "grade": "1", "started_on": started_on}
    return cells | {"ongoing": "no", "serious": "no", "related": "possibly"} | more


def source_of(tables: Tables) -> Source:
    return Source(records=records_of(tables), study=the_study(), on=ON)


def domain(name: str, tables: Tables) -> Dataset:
    return next(one for one in sdtm(source_of(tables)) if one.name == name)


def shown(dataset: Dataset, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row.get(name) for name in names) for row in dataset.rows]


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-07-14", 1), ("2026-07-13", -1), ("2026-07-15", 2), ("2026-07", None)],
)
def test_a_study_day_is_never_zero_and_blank_where_the_day_is_not_known(
    day: str, expected: int | None
) -> None:
    assert study_day(DateInterval.parse(day), date(2026, 7, 14)) == expected


def test_demographics_are_one_row_with_birth_to_the_month() -> None:
    names = ("USUBJID", "SUBJID", "SITEID", "RFSTDTC", "RFXENDTC", "RFICDTC", "BRTHDTC", "SEX")
    found = domain("DM", treated())

    assert shown(found, *names) == [
        (
            SUBJECT,
            "P-001",
            "D1",
            date(2026, 7, 14),
            date(2026, 9, 8),
            date(2026, 6, 20),
            "1970-05",
            "F",
        )
    ]
    # Born in May 1970: 56 on 14 July 2026, whatever the day.
    assert shown(found, "AGE", "AGEU", "ARMCD", "DTHFL") == [(56, "YEARS", "COHORT", None)]


def test_age_is_blank_in_the_month_of_birth_and_says_why() -> None:
    person = {"site": "D1", "sex": "F", "birth_year": "1970", "birth_month": "7"}
    found = domain("DM", treated() | {"participants": [person]})

    assert shown(found, "AGE", "AGEU") == [(None, None)]
    assert "DM.AGE, P-001: the day of birth is not known" in map(str, found.gaps)


def test_nobody_is_in_an_arm_before_a_cycle() -> None:
    found = domain("DM", eligible())

    assert shown(found, "ARM", "RFSTDTC") == [(None, None)]
    assert {"ARM", "RFSTDTC"} <= {gap.variable for gap in found.gaps if gap.participant}


def test_death_known_to_the_month_stays_so() -> None:
    tables = treated() | {"deaths": [{"died_on": "2026-11", "cause": "tumor"}]}

    assert dataset_rows(domain("DM", tables), "DTHDTC", "DTHFL") == [["2026-11", "Y"]]
    assert ("DEATH", None) in shown(domain("DS", tables), "DSDECOD", "DSSTDY")


def dataset_rows(dataset: Dataset, *names: str) -> list[list[object]]:
    content = json.loads(dataset_json(dataset, study=the_study(), created_at=CREATED_AT))
    places = [[one["name"] for one in content["columns"]].index(name) for name in names]
    return [[row[place] for place in places] for row in content["rows"]]


def test_criteria_that_keep_out_are_listed_and_no_others() -> None:
    """An inclusion that is not met is N, an exclusion that is met is Y.

    I2 asks for metastases; the decision of I0 rests on I1 to I5, so it falls with I2.
    """
    refused = with_judgment("protected_adult", judged("protected_adult", "yes"))
    tables = with_judgment("metastatic", judged("metastatic", "no"), base=refused)
    found = shown(domain("IE", tables), "IETESTCD", "IECAT", "IEORRES", "IESTRESC")

    assert set(found) == {
        ("I0", "INCLUSION", "N", "N"),
        ("I2", "INCLUSION", "N", "N"),
        ("E16", "EXCLUSION", "Y", "Y"),
    }


def test_every_criterion_has_a_short_name() -> None:
    assert all(len(one.code) <= 8 for one in the_study().criterion)


def test_visits_have_their_days_and_missed_ones_none() -> None:
    names = ("VISIT", "SVOCCUR", "SVSTDTC", "SVSTDY", "SVREASOC")

    assert shown(domain("SV", treated()), *names) == [
        ("LAB_C1", "Y", date(2026, 7, 10), -4, None),
        ("AFTER_CYCLE_2", "N", None, None, "ill (2026-10-20)"),
    ]


def test_each_cycle_is_an_exposure() -> None:
    found = shown(domain("EX", treated()), "EXSEQ", "EXSPID", "EXDOSE", "EXDOSU", "EXSTDY")

    assert found == [
        (1, "CYCLE 1", Decimal("7.40"), "GBq", 1),
        (2, "CYCLE 2", Decimal("7.31"), "GBq", 57),
    ]


def test_consent_and_a_canceled_cycle_are_dispositions() -> None:
    plan = {"cycle": "3", "planned_on": "2026-11-03", "recorded_on": "2026-10-20"}
    tables = having("cycle_plans", plan | {"state": "cancelled", "reason": "toxicity"})
    found = shown(domain("DS", tables), "DSTERM", "DSDECOD", "DSCAT")

    assert found == [
        (
            "consent, study: signed, version 1",
            "INFORMED CONSENT OBTAINED",
            "PROTOCOL MILESTONE",
        ),
        ("cycle 3 cancelled: toxicity", None, "OTHER EVENT"),
    ]


def test_laboratory_results_are_as_printed_and_in_standard_units() -> None:
    """12.5 g/dL are 125 g/L."""
    printed = result("hemoglobin", "12.5", "g/dL", lower_limit="12", upper_limit="16")
    found = domain("LB", with_result("hemoglobin", printed, base=treated()))
    names = ("LBORRES", "LBORRESU", "LBSTRESN", "LBSTRESU", "LBSTNRLO", "LBSTNRHI", "LBDY")
    row = next(row for row in found.rows if row["LBTESTCD"] == "HGB")

    # 25 June to 14 July: 19 days before.
    assert tuple(row[name] for name in names) == ("12.5", "g/dL", 125, "g/L", 120, 160, -19)


def test_a_result_below_a_limit_of_the_method_is_no_number() -> None:
    tables = with_result("platelets", result("platelets", "10", "10^9/L", comparator="<"))
    row = next(row for row in domain("LB", tables).rows if row["LBTESTCD"] == "PLAT")

    assert (row["LBORRES"], row["LBSTRESC"], row["LBSTRESN"]) == ("<10", "<10", None)


def test_a_laboratory_result_is_graded_or_says_why_not() -> None:
    """CTCAE: neutrophils of 1.2 x 10^9/L lie in 1.0 to 1.5, grade 2; without a lower limit of
    normal nobody can tell grade 1 of platelets from none."""
    printed = result("neutrophils", "1.2", "10^9/L", lower_limit="1.8", upper_limit="7.5")
    source = source_of(with_result("neutrophils", printed, base=treated()))
    about = source.study.study.model_copy(update={"ctcae_version": 5})
    study = source.study.model_copy(update={"study": about})
    source = Source(records=source.records, study=study, on=ON)
    found = next(one for one in sdtm(source) if one.name == "LB")
    grades = dict(shown(found, "LBTESTCD", "LBTOXGR"))

    assert (grades["NEUT"], grades["PLAT"]) == ("2", None)
    assert any(
        "Platelet count decreased" in gap.why for gap in found.gaps if gap.variable == "LBTOXGR"
    )


def test_every_adverse_event_comes_out_with_its_dates_as_known() -> None:
    names = ("AESEQ", "AETERM", "AETOXGR", "AESER", "AEREL", "AESTDTC", "AESTDY", "AEENDY")

    # The day before cycle 1 is day -1, the day of cycle 1 day 1: Nausea has no day 0.
    assert dataset_rows(domain("AE", treated()), *names) == [
        [1, "Nausea", "1", "N", "POSSIBLY RELATED", "2026-07-13", -1, 1],
        [2, "Fatigue", "3", "Y", "POSSIBLY RELATED", "2026-08", None, None],
    ]


def test_every_recist_read_comes_out() -> None:
    tables = treated()
    found = domain("TR", tables)
    names = ("TREVALID", "TRDTC", "TRLNKID")
    expected = Counter(
        (f"{one['role'].upper()} {one['reader']}", one["exam_on"], one["lesion"])
        for one in tables["recist_reads"]
    )

    assert Counter((by, str(on), lesion) for by, on, lesion in shown(found, *names)) == expected
    absent = [row for row in found.rows if row["TRTESTCD"] == "TUMSTATE"]
    assert [(row["TRLNKID"], row["TRORRES"]) for row in absent] == [("L2", "ABSENT")]


def test_lesions_are_identified_and_new_ones_on_their_day() -> None:
    new = read("N1", "", on=NEXT_EXAM, state="new")
    tables = treated()
    tables["recist_reads"] = [*tables["recist_reads"], new]
    found = domain("TU", tables)

    assert shown(found, "TULNKID", "TUORRES", "TUDTC", "TUEVALID") == [
        ("L1", "TARGET", None, None),
        ("L2", "TARGET", None, None),
        ("N1", "NEW", date(2026, 9, 30), "INVESTIGATOR R1"),
    ]


def test_responses_are_each_readers() -> None:
    """Investigator: 31 + 18 = 49 mm to 30 mm, -38.8 %, PR. Reader 1: 50 to 30 mm, -40 %, PR.
    Reader 2: 50 to 50 mm, SD. The readers differ, so nobody's response is accepted."""
    found = [row for row in domain("RS", treated()).rows if row["RSTESTCD"] == "OVRLRESP"]

    assert [(row.get("RSEVALID"), row["RSORRES"], row.get("RSACPTFL")) for row in found] == [
        ("INVESTIGATOR R1", "PR", None),
        ("READER_1 1", "PR", None),
        ("READER_2 2", "SD", None),
    ]


def test_the_response_that_readers_agree_on_is_accepted() -> None:
    """Both readers, 50 to 50 mm: stable; reader 1 stands for both."""
    tables = treated()
    for row in tables["recist_reads"]:
        if row["role"] == "reader_1" and row["diameter_mm"] == "10":
            row["diameter_mm"] = "30"
    found = [row for row in domain("RS", tables).rows if row.get("RSACPTFL") == "Y"]

    assert {row["RSEVALID"] for row in found} == {"READER_1 1"}


def test_without_a_cycle_there_is_no_response_and_the_gap_says_why() -> None:
    found = domain("RS", eligible())

    assert not found.rows
    assert "RS.RSORRES, P-001: No cycle was given yet" in str(found.gaps[0])


def test_keys_and_sequence_numbers_are_unique() -> None:
    for dataset in (*sdtm(source_of(treated())), *adam(source_of(treated()))):
        keys = [tuple(row.get(name) for name in dataset.keys) for row in dataset.rows]
        numbers = [(row["USUBJID"], row.get(f"{dataset.name}SEQ")) for row in dataset.rows]

        assert bool(dataset.rows) is (dataset.name != "IE"), dataset.name
        assert len(set(keys)) == len(keys), dataset.name
        if f"{dataset.name}SEQ" in dataset.keys:
            assert len(set(numbers)) == len(numbers), dataset.name


def test_dataset_json_reloads_with_equal_content(tmp_path: Path) -> None:
    for dataset in (*sdtm(source_of(treated())), *adam(source_of(treated()))):
        content = dataset_json(dataset, study=the_study(), created_at=CREATED_AT)
        path = tmp_path / f"{dataset.name.lower()}.json"
        path.write_bytes(content)
        table = read_dataset_json(path)

        assert table.frame.height == len(dataset.rows)
        assert [one.label for one in table.variables] == [one.label for one in dataset.variables]
        assert written(table) == content


def test_what_nobody_recorded_is_listed() -> None:
    said = set(map(str, gaps(sdtm(source_of(treated())))))

    assert "DM.RACE: no table records it" in said
    assert "AE.AEDECOD: the records hold no terms of MedDRA" in said
    assert "DS.DSDECOD, P-001: no table records the confirmation of eligibility" in said


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("sdtm_dm", "DM"),
        ("sdtm_ae", "AE"),
        ("sdtm_ds", "DS"),
        ("adam_adsl", "ADSL"),
        ("adam_adtte", "ADTTE"),
    ],
)
def test_variables_are_named_labeled_and_typed_as_cdiscs_own(file: str, name: str) -> None:
    path = published(f"clinical/dataset_json/{file}.json.gz")
    theirs = {one["name"]: one for one in json.loads(gzip.decompress(path.read_bytes()))["columns"]}
    everything = (*sdtm(source_of(treated())), *adam(source_of(treated())))
    dataset = next(one for one in everything if one.name == name)
    ours = json.loads(dataset_json(dataset, study=the_study(), created_at=CREATED_AT))["columns"]
    shared = [one for one in ours if one["name"] in theirs]

    assert len(shared) >= 8
    for one in shared:
        other = theirs[one["name"]]
        said = (one["label"], one["dataType"], one.get("targetDataType"))
        assert said == (other["label"], other["dataType"], other.get("targetDataType"))
