"""A small study that holds, as tables of text, and the way from it to files and back."""

import csv
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from operandi.records.reading import read_records
from operandi.records.tables import Fault, Records

Tables = dict[str, list[dict[str, str]]]

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2026, 3, 1)
TIMEPOINTS = ("BASELINE", "AFTER_CYCLE_2")
PARTICIPANTS = ("P-01", "P-02", "P-03")
_VISIT_DAYS = {"BASELINE": "2025-01-10", "AFTER_CYCLE_2": "2025-05-20"}


def a_study() -> Tables:
    """Three participants, two visits each, two cycles each, one region a visit."""
    visits = [
        {"participant": participant, "timepoint": timepoint, "day": day}
        for participant in PARTICIPANTS
        for timepoint, day in _VISIT_DAYS.items()
    ]
    return {
        "participants": [
            {
                "participant": participant,
                "site": "LYON",
                "sex": "F",
                "birth_year": "1960",
                "birth_month": "4",
            }
            for participant in PARTICIPANTS
        ],
        "imaging_visits": [
            _whose(visit) | {"date": visit["day"], "study_instance_uid": f"1.2.826.{number}"}
            for number, visit in enumerate(visits)
        ],
        "vitals": [
            _whose(visit)
            | {"measured_on": visit["day"], "body_mass_kg": "71.5", "height_m": "1.72"}
            for visit in visits
        ],
        "tracer_administrations": [_an_administration(visit) for visit in visits],
        "cycles": [
            {
                "participant": participant,
                "cycle": cycle,
                "date": day,
                "activity_gbq": "7.4",
                "nuclide": "177Lu",
                "administered_at": "",
            }
            for participant in PARTICIPANTS
            for cycle, day in (("1", "2025-02-01"), ("2", "2025-04-01"))
        ],
        "reference_regions": [
            _whose(visit)
            | {
                "organ": "liver",
                "x_mm": "-62.5",
                "y_mm": "10",
                "z_mm": "1204.75",
                "radius_mm": "15",
                "reader": "R1",
            }
            for visit in visits
        ],
    }


def _whose(visit: dict[str, str]) -> dict[str, str]:
    return {"participant": visit["participant"], "timepoint": visit["timepoint"]}


def _an_administration(visit: dict[str, str]) -> dict[str, str]:
    return _whose(visit) | {
        "tracer": "68Ga-DOTATOC",
        "nuclide": "Ga-68",
        "activity_mbq": "150.25",
        "assayed_at": f"{visit['day']}T09:00",
        "injected_at": f"{visit['day']}T09:10:00",
        "residual_mbq": "3.5",
        "residual_at": f"{visit['day']}T09:15:00+01:00",
    }


def with_cells(tables: Tables, table: str, row: int = 0, /, **cells: str) -> Tables:
    """Change cells of one row; a copy."""
    changed = {name: [dict(cells) for cells in rows] for name, rows in tables.items()}
    changed[table][row] |= cells
    return changed


def with_row(tables: Tables, table: str, like: int = 0, /, **cells: str) -> Tables:
    """Append a row that repeats another but for *cells*; a copy."""
    row = tables[table][like] | cells
    return tables | {table: [*tables[table], row]}


def write_csv(tables: Tables, folder: Path) -> Path:
    """Write one file a table, as a program does that knows its CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def read(folder: Path, *, today: date = TODAY) -> Records:
    """Read a folder with the settings of this study."""
    return read_records(folder, timezone=PARIS, today=today, timepoints=TIMEPOINTS)


def read_back(tables: Tables, folder: Path) -> Records:
    """Write the tables and read them."""
    return read(write_csv(tables, folder))


def only_fault(records: Records) -> Fault:
    """Take the one fault; more, or none, is a failure."""
    (fault,) = records.faults
    return fault
