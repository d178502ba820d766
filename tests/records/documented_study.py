"""The study of docs/study-folder.md: every table, with rows that hold, as tables of text."""

import csv
import re
from datetime import date
from pathlib import Path

from operandi.records.reading import read_records
from operandi.records.tables import Records
from tests.records.study_folder import PARIS, TIMEPOINTS, Tables, write_csv

TODAY = date(2026, 11, 22)
SITES = ("NANTES", "TOURS")
_PAGE = Path(__file__).parents[2] / "docs" / "study-folder.md"
_BLOCK = re.compile(r"^```csv (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def a_documented_study() -> Tables:
    """Two participants and a row or more in every table."""
    page = _PAGE.read_text(encoding="utf-8")
    return {name: list(csv.DictReader(text.splitlines())) for name, text in _BLOCK.findall(page)}


def read_study(folder: Path, *, today: date = TODAY, at_cut: bool = False) -> Records:
    """Read a folder with the settings of this study."""
    return read_records(
        folder, timezone=PARIS, today=today, timepoints=TIMEPOINTS, sites=SITES, at_cut=at_cut
    )


def read_documented(tables: Tables, folder: Path) -> Records:
    """Write the tables and read them."""
    return read_study(write_csv(tables, folder))
