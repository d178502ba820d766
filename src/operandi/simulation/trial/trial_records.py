"""The records of a simulated trial, as an analysis would read them, without a study folder.

Only tables that endpoints and predictors are read from, and no rows that come after time zero in
the long ones of them: an analysis would pass them over.
"""

from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from operandi.records.reading import read_records
from operandi.records.tables import Records
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.scenario import Scenario
from operandi.simulation.trial.chronology import TIMEPOINTS
from operandi.simulation.trial.tables import tables_of, write_tables
from operandi.simulation.trial.tables_inclusion import Cells, Tables
from operandi.simulation.trial.visits import ZONE

FOLLOWED: Final = (
    "participants",
    "cycles",
    "imaging_visits",
    "visits",
    "follow_up",
    "deaths",
    "therapies",
    "recist_lesions",
    "recist_reads",
)
"""Tables that endpoints are read from."""
_LONG: Final = {"laboratory_results": "collected_on", "karnofsky": "on"}
"""Of each long table of predictors the column that says when."""


def trial_records(
    outcomes: Outcomes,
    scenario: Scenario,
    *,
    seed: int,
    also: Collection[str] = (),
    until_day: int = 0,
    read_by: str = "investigator",
) -> Records:
    """Records of a trial of these participants.

    Faults of conduct, such as wrong cells, are not in them.

    Parameters
    ----------
    outcomes : Outcomes
    scenario : Scenario
    seed : int
        As of the outcomes.
    also : collection of str
        Tables that predictors are read from; those that are not simulated are not there.
    until_day : int
        Of the long ones, rows up to this day after cycle 1.
    read_by : str
        ``"investigator"`` leaves the reads of all others out; any other keeps them all.
    """
    whole = tables_of(outcomes, scenario, seed=seed)
    wanted = {*FOLLOWED, *also}
    tables = {name: rows for name, rows in whole.items() if name in wanted}
    if read_by == "investigator":
        tables["recist_reads"] = [
            row for row in tables.get("recist_reads", []) if row["role"] == "investigator"
        ]
    _shorten(tables, until_day=until_day)
    with TemporaryDirectory() as folder:
        write_tables(Path(folder), tables)
        return read_records(
            Path(folder),
            timezone=ZONE,
            today=scenario.cohort.data_cut,
            timepoints=TIMEPOINTS,
        )


def _shorten(tables: Tables, *, until_day: int) -> None:
    """Leave out of long tables what was not known by time zero."""
    last = {
        row["participant"]: date.fromisoformat(row["date"]) + timedelta(days=until_day)
        for row in tables.get("cycles", [])
        if row["cycle"] == "1"
    }

    def early(row: Cells, column: str) -> bool:
        day = last.get(row["participant"])
        return day is None or date.fromisoformat(row[column][:10]) <= day

    for name, column in _LONG.items():
        if name in tables:
            tables[name] = [row for row in tables[name] if early(row, column)]
