"""``operandi study export`` as somebody types it; and that nothing is dropped in silence."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.protocol.format import StudyProtocol
from operandi.protocol.interchange import odm_protocol, usdm
from operandi.protocol.study import read_study, shipped_studies
from operandi.quantities.errors import DataError


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 300)


def exported(standard: str, to: Path) -> Result:
    return CliRunner().invoke(
        app, ["study", "export", "nct06256705", "--as", standard, "--to", str(to)]
    )


def test_odm_is_written_and_what_it_does_not_carry_is_listed(tmp_path: Path) -> None:
    said = exported("odm", tmp_path / "study.xml")

    assert said.exit_code == 0
    root = ET.parse(tmp_path / "study.xml").getroot()  # noqa: S314 - our own
    assert root.tag == f"{{{odm_protocol.NAMESPACE}}}ODM"
    assert "- visit BASELINE, window: before C1, which is no duration" in said.output


def test_usdm_is_written_and_what_it_does_not_carry_is_listed(tmp_path: Path) -> None:
    said = exported("usdm", tmp_path / "study.json")

    assert said.exit_code == 0
    content = json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))
    assert content["study"]["name"] == "NCT06256705"
    assert "- item platelets" in said.output


def test_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    said = exported("odm", tmp_path / "nowhere" / "study.xml")

    assert said.exit_code != 0
    assert isinstance(said.exception, DataError)
    assert "cannot be written" in str(said.exception)


def parts_of(study: StudyProtocol) -> Iterator[str]:
    for section in (
        study.hospital,
        study.department,
        study.arm,
        study.intervention,
        study.endpoint,
        study.anchor,
        study.cycle,
        study.visit,
        study.criterion,
        study.group,
    ):
        yield from (part.code for part in section)
    yield from study.item


@pytest.mark.parametrize("name", shipped_studies())
def test_each_part_of_a_study_is_in_the_file_or_in_the_list(name: str) -> None:
    study = read_study(name)
    odm = odm_protocol.odm_of(study, created_at=datetime(2026, 1, 1, tzinfo=UTC)).decode()

    for content, lost in (
        (odm, odm_protocol.not_carried(study)),
        (usdm.usdm_of(study).decode(), usdm.not_carried(study)),
    ):
        listed = "\n".join(lost)
        assert [part for part in parts_of(study) if part not in content + listed] == []


@pytest.mark.parametrize("name", shipped_studies())
def test_every_reason_and_ambiguity_is_in_both_files(name: str) -> None:
    study = read_study(name)
    root = ET.fromstring(  # noqa: S314 - our own
        odm_protocol.odm_of(study, created_at=datetime(2026, 1, 1, tzinfo=UTC))
    )
    odm = "\n".join(root.itertext())
    said = json.dumps(json.loads(usdm.usdm_of(study)), ensure_ascii=False)
    words = [criterion.ambiguity for criterion in study.criterion]
    words += [r.reason for c in study.criterion for r in (c.literal, c.proposed) if r is not None]
    words += [event.reason for event in (*study.cycle, *study.visit)]
    words += [group.text for group in study.group]

    for text in words:
        assert text in odm
        assert json.dumps(text, ensure_ascii=False)[1:-1] in said
