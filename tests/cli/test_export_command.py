"""``operandi export`` as a data manager uses it."""

from pathlib import Path

import pytest

from operandi.records.importing.dataset_json import read_dataset_json
from tests.cli.test_commands import Command, operandi
from tests.cli.test_screen_command import written
from tests.protocol.interchange.test_sdtm import treated
from tests.protocol.participants import eligible

__all__ = ["operandi"]

SDTM = "ae dm ds ex ie lb rs sv tr tu"


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("sdtm", [f"{name}.json" for name in SDTM.split()]),
        ("adam", ["adrs.json", "adsl.json", "adtte.json"]),
        ("odm", ["nct06256705.xml"]),
    ],
)
def test_a_study_is_exported_to_a_folder(
    tmp_path: Path, operandi: Command, what: str, names: list[str]
) -> None:
    study = written(tmp_path / "study", treated())

    said = operandi("export", study, "--as", what, "--to", tmp_path / "out", "--on", "2026-11-20")

    assert said.code == 0, said.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def test_what_nobody_recorded_is_named_beside_the_export(tmp_path: Path, operandi: Command) -> None:
    study = written(tmp_path / "study", eligible())

    said = operandi("export", study, "--as", "sdtm", "--to", tmp_path / "out", "--on", "2026-11-20")

    assert "Blank: DM.RFSTDTC, P-001: no cycle was given yet" in said.err


def test_nothing_later_than_the_day_is_exported(tmp_path: Path, operandi: Command) -> None:
    study = written(tmp_path / "study", treated())

    said = operandi("export", study, "--as", "sdtm", "--to", tmp_path / "out", "--on", "2026-08-31")

    assert said.code == 3
    assert "Left out: cycles.csv" in said.err
    assert read_dataset_json(tmp_path / "out" / "ex.json").frame.height == 1
