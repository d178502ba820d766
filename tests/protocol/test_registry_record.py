"""Records in the shape of ClinicalTrials.gov API v2, written by hand, as drafts of study files."""

import copy
import json
import re
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.protocol.format import StudyProtocol
from operandi.protocol.interchange.criteria_text import split_criteria
from operandi.protocol.interchange.registry_record import Draft, draft_of
from operandi.protocol.screening import screen
from operandi.protocol.study import StudyFileError, parse_study, read_study
from operandi.protocol.verdict import Eligibility, Outcome
from operandi.quantities.errors import DataError
from tests.protocol.participants import ON, P, eligible, records_of

CRITERIA = """Inclusion Criteria:

1. Histology of GEP-NET, any grade
2. Karnofsky \\>= 60

Exclusion Criteria:

* Hypersensitivity to 177Lu, octreotate, DOTA, 68Ga, edotreotide,
* Non-adequate organ function within 1 month before PRRT:

  * platelets \\<75,000/mm³
  * Hb ≤8,0 g/dL
* Prior PRRT
"""
"""With the trailing comma and the nested list of NCT06256705; the words are a part of its own."""
RECORD: dict[str, Any] = {
    "protocolSection": {
        "identificationModule": {
            "nctId": "NCT06256705",
            "orgStudyIdInfo": {"id": "APHP230280"},
            "briefTitle": "PET-MRI of GEP-NET",
            "officialTitle": 'Multi-modal "characterization" of GEP-NET',
        },
        "statusModule": {
            "overallStatus": "RECRUITING",
            "startDateStruct": {"date": "2024-03-25", "type": "ACTUAL"},
            "completionDateStruct": {"date": "2029-09", "type": "ESTIMATED"},
            "lastUpdatePostDateStruct": {"date": "2025-01-13", "type": "ACTUAL"},
        },
        "sponsorCollaboratorsModule": {
            "leadSponsor": {"name": "Assistance Publique - Hôpitaux de Paris", "class": "OTHER"}
        },
        "descriptionModule": {"briefSummary": "First line.\nSecond line."},
        "designModule": {"studyType": "INTERVENTIONAL", "enrollmentInfo": {"count": 80}},
        "armsInterventionsModule": {
            "armGroups": [
                {
                    "label": "Cohort",
                    "type": "EXPERIMENTAL",
                    "interventionNames": ["Radiation: PRRT", "Drug: 68Ga-DOTATOC", "Drug: other"],
                }
            ],
            "interventions": [
                {"type": "RADIATION", "name": "PRRT"},
                {"type": "DRUG", "name": "68Ga-DOTATOC"},
            ],
        },
        "outcomesModule": {
            "primaryOutcomes": [{"measure": "Progression-free survival", "timeFrame": "1 year"}]
        },
        "eligibilityModule": {
            "eligibilityCriteria": CRITERIA,
            "healthyVolunteers": False,
            "sex": "ALL",
            "minimumAge": "18 Years",
        },
        "contactsLocationsModule": {
            "locations": [
                {"facility": "Beaujon", "city": "Clichy", "country": "France"},
                {"facility": "CHU", "status": "RECRUITING", "city": "Nantes", "country": "France"},
            ]
        },
    },
    "hasResults": False,
}


def with_text(text: str) -> dict[str, Any]:
    record = copy.deepcopy(RECORD)
    record["protocolSection"]["eligibilityModule"]["eligibilityCriteria"] = text
    return record


def without(*path: str) -> dict[str, Any]:
    record = copy.deepcopy(RECORD)
    here = record["protocolSection"]
    for key in path[:-1]:
        here = here[key]
    del here[path[-1]]
    return record


def drafted(folder: Path, record: object = RECORD) -> Draft:
    file = folder / "record.json"
    file.write_text(json.dumps(record), encoding="utf-8")
    return draft_of(file, timezone="Europe/Paris")


def reread(folder: Path, record: object = RECORD) -> StudyProtocol:
    file = folder / "draft.toml"
    file.write_text(drafted(folder, record).toml, encoding="utf-8")
    return read_study(file)


def texts(text: str) -> list[tuple[str, str]]:
    return [(one.polarity[0], one.text) for one in split_criteria(text)]


def test_the_record_comes_back_as_a_study_file_in_its_own_words(tmp_path: Path) -> None:
    study = reread(tmp_path)

    assert study.study.code == "NCT06256705"
    assert study.study.title == 'Multi-modal "characterization" of GEP-NET'
    assert (study.study.sponsor_code, study.study.target) == ("APHP230280", 80)
    assert (study.study.starts_on, study.study.completes_on) == (date(2024, 3, 25), None)
    assert [d.name for d in study.department] == ["Beaujon, Clichy, France", "CHU, Nantes, France"]
    assert study.arm[0].interventions == ("INTERVENTION_1", "INTERVENTION_2")
    assert [i.kind for i in study.intervention] == ["other", "drug"]
    assert [(e.title, e.kind) for e in study.endpoint] == [("Progression-free survival", "primary")]


def test_the_criteria_keep_the_trailing_comma_and_the_nested_list(tmp_path: Path) -> None:
    study = reread(tmp_path)

    assert [(c.code, c.polarity, c.text, c.group) for c in study.criterion] == [
        ("I1", "inclusion", "Histology of GEP-NET, any grade", None),
        ("I2", "inclusion", "Karnofsky >= 60", None),
        (
            "E1",
            "exclusion",
            "Hypersensitivity to 177Lu, octreotate, DOTA, 68Ga, edotreotide,",
            None,
        ),
        ("E2a", "exclusion", "platelets <75,000/mm³", "E2"),
        ("E2b", "exclusion", "Hb ≤8,0 g/dL", "E2"),
        ("E3", "exclusion", "Prior PRRT", None),
        ("MINAGE", "inclusion", "minimumAge: 18 Years", None),
    ]
    assert study.group[0].text == "Non-adequate organ function within 1 month before PRRT:"


def test_nothing_is_invented(tmp_path: Path) -> None:
    study = reread(tmp_path)

    assert study.unencoded == study.criterion
    assert not any((study.window, study.item, study.visit, study.cycle, study.anchor))
    assert all(department.recruitment == () for department in study.department)


def test_what_the_draft_cannot_carry_is_listed_and_nothing_else(tmp_path: Path) -> None:
    draft = drafted(tmp_path)

    section = "protocolSection."
    arms = f"{section}armsInterventionsModule."
    assert {one.field for one in draft.left_out} == {
        f"{section}statusModule.overallStatus",
        f"{section}statusModule.startDateStruct.type",
        f"{section}statusModule.completionDateStruct.date",
        f"{section}statusModule.completionDateStruct.type",
        f"{section}statusModule.lastUpdatePostDateStruct.type",
        f"{section}identificationModule.briefTitle",
        f"{section}sponsorCollaboratorsModule.leadSponsor.class",
        f"{section}descriptionModule.briefSummary",
        f"{section}designModule.studyType",
        f"{arms}armGroups[1].type",
        f"{arms}armGroups[1].interventionNames[3]",
        f"{arms}interventions[1].type",
        f"{section}outcomesModule.primaryOutcomes[1].timeFrame",
        f"{section}eligibilityModule.healthyVolunteers",
        f"{section}eligibilityModule.sex",
        f"{section}contactsLocationsModule.locations[2].status",
        "hasResults",
    }
    assert all(f"# {one}\n" in draft.toml for one in draft.left_out)


def test_a_draft_is_written_the_same_each_time(tmp_path: Path) -> None:
    assert drafted(tmp_path).toml == drafted(tmp_path).toml


def test_screening_by_a_draft_finds_nobody_eligible(tmp_path: Path) -> None:
    found = screen(P, records_of(eligible()), reread(tmp_path), on=ON)

    assert found.gates
    for gate in found.gates:
        assert gate.eligibility is Eligibility.UNDETERMINED
        assert {v.outcome for v in gate.verdicts} == {Outcome.UNKNOWN}
        assert [m.sentence for m in gate.missing][:2] == [
            "criterion I1 is not encoded yet",
            "criterion I2 is not encoded yet",
        ]


def test_one_criterion_that_is_left_unencoded_keeps_everybody_undetermined() -> None:
    study = read_study("nct06256705")
    first = study.criterion[0].model_copy(
        update={"literal": None, "proposed": None, "status": "unencoded"}
    )
    changed = study.model_copy(update={"criterion": (first, *study.criterion[1:])})
    records = records_of(eligible())

    before, after = (screen(P, records, one, on=ON).at("G1") for one in (study, changed))

    assert before is not None
    assert before.eligibility is Eligibility.ELIGIBLE
    assert after is not None
    assert after.eligibility is Eligibility.UNDETERMINED
    assert [m.sentence for m in after.missing] == ["criterion I0 is not encoded yet"]
    for gate in screen(P, records, changed, on=ON).gates:
        assert "criterion I0 is not encoded yet" in {m.sentence for m in gate.missing}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("INCLUSION CRITERIA\n- a\n- b\nEXCLUSION CRITERIA\n- c", ["i a", "i b", "e c"]),
        ("Key Inclusion Criteria:\n• a\nNon-inclusion criteria:\n• c", ["i a", "e c"]),
        ("**Inclusion criteria**\n1) a\n2) b\n**Exclusion criteria**\n1) c", ["i a", "i b", "e c"]),
        ("1. Inclusion Criteria\n* a\n2. Exclusion Criteria\n* c", ["i a", "e c"]),
        ("Criteria for inclusion:\na) a\nCriteria for exclusion:\na) c", ["i a", "e c"]),
        ("Inclusion Criteria :\n* a\nExclusion Criteria -\n* c", ["i a", "e c"]),
        ("Inclusion Criteria\\:\n* a\nExclusion Criteria\\:\n* c", ["i a", "e c"]),
        ("Patients are eligible if:\n* a\nThey are excluded if:\n* c", ["i a", "e c"]),
        ("Inclusion: a or b\nExclusion: c", ["i a or b", "e c"]),
        ("Exclusion Criteria:\n* c\n\nInclusion Criteria:\n* a", ["e c", "i a"]),
        ("Inclusion Criteria:\n* a long\n  criterion\n* b", ["i a long criterion", "i b"]),
        (
            "Inclusion Criteria:\n\nA first\n\nA second\nthat goes on",
            ["i A first", "i A second that goes on"],
        ),
        (
            "Exclusion Criteria:\n* Exclusion of pregnancy failed\n* d",
            ["e Exclusion of pregnancy failed", "e d"],
        ),
        ("Inclusion Criteria:\n* 1.5 mg or less\n* -5 °C", ["i 1.5 mg or less", "i -5 °C"]),
    ],
)
def test_styles_of_criteria_text(text: str, found: list[str]) -> None:
    assert [f"{polarity} {words}" for polarity, words in texts(text)] == found


def test_a_sentence_about_exclusion_criteria_is_no_heading() -> None:
    text = "Inclusion Criteria:\n* a\n\nMeets none of the exclusion criteria.\n* b"

    assert [p for p, _ in texts(text)] == ["i", "i", "i"]


def test_a_sentence_on_some_of_the_patients_is_no_heading() -> None:
    text = "Exclusion Criteria:\n* a\n\nPatients with metastases are eligible if:\n* b"

    assert [p for p, _ in texts(text)] == ["e", "e"]


def test_a_heading_that_says_more_is_kept_with_each_criterion() -> None:
    (one,) = split_criteria("Exclusion Criteria for Cohort A:\n* c")

    assert one.note == "Stands under the heading 'Exclusion Criteria for Cohort A'."


def test_dashes_at_the_margin_below_a_numbered_line_are_nested() -> None:
    first, second = split_criteria("Inclusion Criteria:\n1. All of:\n- a\n- b\n2. c")

    assert [one.text for one in first.below] == ["a", "b"]
    assert second.text == "c"


def test_a_third_level_stays_with_the_words_it_stands_under(tmp_path: Path) -> None:
    study = reread(tmp_path, with_text("Inclusion Criteria:\n* a:\n  * b:\n    * c\n    * d\n"))

    assert [c.text for c in study.criterion if c.group] == ["b:\nc\nd"]


def test_text_without_headings_is_taken_as_inclusion_and_says_so(tmp_path: Path) -> None:
    draft = drafted(tmp_path, with_text("Adults\n\nNo pregnancy"))
    study = reread(tmp_path, with_text("Adults\n\nNo pregnancy"))

    assert [c.text for c in study.criterion][:2] == ["Adults", "No pregnancy"]
    assert study.criterion[1].ambiguity.endswith("under no heading: inclusion is assumed.")
    assert any("2 criteria stand under no heading" in said for said in draft.to_look_at)


def test_an_inclusion_that_speaks_of_exclusion_is_to_be_looked_at(tmp_path: Path) -> None:
    text = "Inclusion Criteria:\n* a\n* Exclusion criteria for part B\n  * c"

    said = drafted(tmp_path, with_text(text)).to_look_at

    assert "I2: an inclusion by its place speaks of exclusion; is it one?" in said


TEXTS = st.text(st.sampled_from("aB1 .:;,-*•()\n\t<≥"), max_size=80)


@given(TEXTS)
def test_no_letter_or_digit_of_the_text_is_lost_but_those_of_marks(text: str) -> None:
    found = "".join(words for one in split_criteria(text) for words in one.words())
    unmarked = re.sub(r"(?m)^[ \t]*\(?(?:\d{1,3}|[aB])[.)]", "", text)

    assert len(re.findall(r"\w", found)) >= len(re.findall(r"\w", unmarked))


@pytest.mark.parametrize("value", ["a\x7f\x00b\nc", "\ud800", 'quote " and \\'])
def test_any_value_that_is_listed_fits_into_a_comment(tmp_path: Path, value: str) -> None:
    record = copy.deepcopy(RECORD) | {value: value}

    assert reread(tmp_path, record).study.code == "NCT06256705"


def _escaped(text: str) -> str:
    return re.sub(r"([\\*_<>\[\]])", r"\\\1", text)


BULLETS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1)
    .map(str.strip)
    # The one text that cannot be a bullet is a heading.
    .filter(lambda text: text and not re.search("inclusion|exclusion", text, re.I)),
    min_size=1,
)


@given(BULLETS, st.sampled_from(["* ", "- ", "• ", "1. "]))
def test_bullets_come_back_as_the_same_texts_in_order(bullets: list[str], mark: str) -> None:
    lines = "\n".join(mark + _escaped(text) for text in bullets)

    assert texts(f"Exclusion Criteria:\n\n{lines}\n") == [("e", text) for text in bullets]


@given(BULLETS)
def test_any_text_survives_the_study_file(bullets: list[str]) -> None:
    lines = "\n".join(f"* {_escaped(text)}" for text in bullets)
    with tempfile.TemporaryDirectory() as folder:
        study = reread(Path(folder), with_text(f"Inclusion Criteria:\n{lines}"))

    assert [c.text for c in study.criterion[:-1]] == bullets


def test_refuses_what_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("<html>", encoding="utf-8")

    with pytest.raises(DataError, match=r"record\.json is no JSON: .* Download"):
        draft_of(tmp_path / "record.json", timezone="Europe/Paris")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"FullStudiesResponse": {}}, "FullStudiesResponse: this is a record of API v1"),
        ({"Study": {"ProtocolSection": {}}}, "Study: this is a record of API v1"),
        ({"studies": []}, "studies: this is a list of records"),
        ([], "protocolSection: is missing"),
        (without("statusModule"), r"protocolSection\.statusModule: is missing"),
        (without("eligibilityModule"), r"eligibilityModule\.eligibilityCriteria: is missing"),
        (
            without("eligibilityModule", "eligibilityCriteria"),
            r"eligibilityModule\.eligibilityCriteria: is missing",
        ),
        (with_text("Inclusion Criteria:\n\n"), "but no criterion"),
        (with_text("\ud800"), "is no text"),
        (RECORD | {"protocolSection": {"identificationModule": []}}, "is no object"),
    ],
)
def test_refuses_what_is_no_whole_record(tmp_path: Path, record: object, said: str) -> None:
    with pytest.raises(DataError, match=said) as refused:
        drafted(tmp_path, record)
    assert "https://clinicaltrials.gov/api/v2/studies/" in refused.value.remedy


def test_refuses_a_record_with_every_fault_at_once(tmp_path: Path) -> None:
    record = without("designModule")
    record["protocolSection"]["identificationModule"]["nctId"] = "2023-509"

    with pytest.raises(DataError, match="designModule: is missing") as refused:
        drafted(tmp_path, record)
    assert "'2023-509' is no NCT number" in refused.value.what


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        ({}, "proposed: is missing"),
        (
            {
                "status": "unencoded",
                "proposed": {
                    "rule": {"op": "age", "relation": ">=", "years": 18, "anchor": "GATE"}
                },
            },
            'remove "unencoded"',
        ),
    ],
)
def test_refuses_a_criterion_that_is_neither_encoded_nor_left(
    criterion: dict[str, Any], said: str
) -> None:
    about = {"code": "X", "title": "X", "source": "X", "transcription": "full", "timezone": "UTC"}
    one = {"code": "I1", "polarity": "inclusion", "text": "adult"} | criterion

    with pytest.raises(StudyFileError, match=said):
        parse_study({"format": 1, "study": about, "item": {}, "criterion": [one]}, file="x.toml")


def _operandi(monkeypatch: pytest.MonkeyPatch, *words: object) -> Result:
    monkeypatch.setattr(console.out, "width", 300)
    return CliRunner().invoke(app, list(map(str, words)))


def test_the_command_writes_a_draft_that_check_accepts_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, to = tmp_path / "r.json", tmp_path / "my-trial.toml"
    record.write_text(json.dumps(RECORD), encoding="utf-8")

    said = _operandi(
        monkeypatch, "study", "draft", record, "--timezone", "Europe/Paris", "--to", to
    )
    checked = _operandi(monkeypatch, "study", "check", to)

    assert said.exit_code == 0, said.output
    assert "7 criteria, none encoded yet: I1, I2, E1, E2a, E2b, E3, MINAGE." in said.output
    assert "17 fields of the record are not carried" in said.output
    assert 'timezone = "Europe/Paris"' in to.read_text(encoding="utf-8")
    assert checked.exit_code == 0
    assert "7 of 7 criteria are not encoded yet, so that nobody is eligible" in checked.output


def test_refuses_to_write_over_a_file_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, to = tmp_path / "r.json", tmp_path / "my-trial.toml"
    record.write_text(json.dumps(RECORD), encoding="utf-8")
    to.write_text("encoded by hand", encoding="utf-8")

    refused = _operandi(
        monkeypatch, "study", "draft", record, "--timezone", "Europe/Paris", "--to", to
    )

    assert isinstance(refused.exception, DataError)
    assert to.read_text(encoding="utf-8") == "encoded by hand"
    assert (
        _operandi(
            monkeypatch,
            "study",
            "draft",
            record,
            "--timezone",
            "Europe/Paris",
            "--to",
            to,
            "--replace",
        ).exit_code
        == 0
    )
    assert read_study(to).study.code == "NCT06256705"
