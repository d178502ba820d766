"""Facts of participants from the tables of a study, contradictions told and not passed on."""

from datetime import date
from pathlib import Path

import pytest

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Response
from operandi.signatures.endpoint_values import Ending
from operandi.signatures.endpoints import ProgressionRule, progression_free
from operandi.signatures.followed import Followed, follow_participants
from tests.records.study_folder import Tables, a_study, read_back

START = date(2025, 2, 1)


def a_followed_study() -> Tables:
    """P-01 progresses on the third exam, P-02 dies, P-03 has another treatment."""
    tables = a_study()
    tables["recist_lesions"] = [
        {
            "participant": who,
            "lesion": "L1",
            "organ": "liver",
            "node": "no",
            "category": "target",
            "previously_irradiated": "no",
        }
        for who in ("P-01", "P-02", "P-03")
    ]
    tables["recist_reads"] = [
        a_read(who, on, size)
        for who, exams in {
            "P-01": {"2025-01-20": "30", "2025-05-01": "28", "2025-08-01": "40"},
            "P-02": {"2025-01-20": "30", "2025-05-01": "30"},
            "P-03": {"2025-01-20": "30", "2025-05-01": "15", "2025-08-01": "14"},
        }.items()
        for on, size in exams.items()
    ]
    tables["deaths"] = [{"participant": "P-02", "died_on": "2025-07-01", "cause": "tumor"}]
    tables["therapies"] = [
        {
            "participant": "P-03",
            "kind": kind,
            "started_on": on,
            "ongoing": "yes",
            "recorded_on": "2025-09-20",
        }
        for kind, on in (
            ("chemotherapy", "2024-03-01"),
            ("ssa_long_acting", "2025-03-01"),
            ("targeted", "2025-09-15"),
        )
    ]
    tables["follow_up"] = [
        a_contact("P-01", "2025-08-01"),
        a_contact("P-03", "2025-09-01", new_therapy="no"),
        a_contact("P-03", "2025-12-01", new_therapy="yes"),
    ]
    return tables


def a_read(who: str, on: str, size: str, *, role: str = "investigator") -> dict[str, str]:
    return {
        "participant": who,
        "reader": f"R-{role}",
        "role": role,
        "exam_on": on,
        "lesion": "L1",
        "modality": "ct",
        "slice_thickness_mm": "3",
        "diameter_mm": size,
        "state": "measured",
    }


def a_contact(who: str, on: str, *, alive: str = "yes", new_therapy: str = "no") -> dict[str, str]:
    return {"participant": who, "on": on, "alive": alive, "new_therapy": new_therapy}


def followed(tables: Tables, folder: Path, *, read_by: str = "investigator") -> list[Followed]:
    return list(follow_participants(read_back(tables, folder), read_by=read_by))  # type: ignore[arg-type]


def test_facts_are_those_of_the_tables(tmp_path: Path) -> None:
    one, two, three = followed(a_followed_study(), tmp_path)
    assert [point.overall for point in one.responses] == [Response.SD, Response.PD]
    assert one.start == START
    assert one.baseline == DateInterval.on(date(2025, 1, 20))
    assert two.death == DateInterval.on(date(2025, 7, 1))
    assert three.other_therapy == DateInterval.on(date(2025, 9, 15))
    assert three.untreated_on == date(2025, 9, 1)
    assert three.alive_on == date(2025, 12, 1)
    assert not any(person.contradiction or person.unread for person in (one, two, three))


def test_the_endpoint_is_made_of_them(tmp_path: Path) -> None:
    people = followed(a_followed_study(), tmp_path)
    found = progression_free(people, rule=ProgressionRule(longest_gap_days=200.0))
    assert found.endings == (Ending.PROGRESSION, Ending.DEATH, Ending.NEW_THERAPY)
    assert found.outcome.left.tolist() == [89.0, 150.0, 181.0]
    assert found.outcome.right.tolist() == [181.0, 150.0, float("inf")]


@pytest.mark.parametrize(
    ("table", "row", "words"),
    [
        ("follow_up", a_contact("P-02", "2025-08-05"), "death on 2025-07-01, and alive on"),
        ("follow_up", a_contact("P-01", "2025-09-05", alive="no"), "without a row in deaths"),
        ("follow_up", a_contact("P-01", "2025-09-05", new_therapy="yes"), "not known when"),
        ("recist_reads", a_read("P-01", "2025-05-01", "29") | {"reader": "R-2"}, "all read as"),
    ],
)
def test_a_contradiction_is_told_and_takes_nothing_from_the_others(
    table: str, row: dict[str, str], words: str, tmp_path: Path
) -> None:
    tables = a_followed_study()
    tables[table].append(row)
    people = followed(tables, tmp_path)
    told = [person for person in people if words in person.contradiction]
    assert [person.participant for person in told] == [row["participant"]]
    assert sum(bool(person.responses) for person in people) == 2


def test_a_row_that_cannot_be_read_leaves_its_participant_out(tmp_path: Path) -> None:
    tables = a_followed_study()
    tables["deaths"][0]["died_on"] = "soon"
    unread = [person.participant for person in followed(tables, tmp_path) if person.unread]
    assert unread == ["P-02"]


def test_two_readers_and_an_adjudicator_make_a_consensus(tmp_path: Path) -> None:
    tables = a_followed_study()
    exams = {"2025-01-20": ("30", "30", "30"), "2025-05-01": ("28", "40", "40")}
    tables["recist_reads"] = [
        a_read("P-01", on, size, role=role)
        for on, sizes in exams.items()
        for role, size in zip(("reader_1", "reader_2", "adjudicator"), sizes, strict=True)
    ]
    one, two, _ = followed(tables, tmp_path, read_by="consensus")
    assert [point.overall for point in one.responses] == [Response.PD]
    assert two.baseline is None
