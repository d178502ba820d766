"""The desk: the real reading and screening of tables of a digital cohort."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from operandi.protocol.format import StudyProtocol
from operandi.protocol.study import read_study
from operandi.records.reading import read_records
from operandi.records.tables import Records
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.scenario import Scenario
from operandi.simulation.trial.chronology import TIMEPOINTS
from operandi.simulation.trial.tables import tables_of, write_tables
from tests.simulation.trial.hand_made import SEED, recist_of

Tables = dict[str, list[dict[str, str]]]


def made(outcomes: Outcomes, scenario: Scenario, *, seed: int = SEED) -> Tables:
    """The tables of a cohort with a plain read of every exam."""
    return tables_of(outcomes, scenario, recist=recist_of(outcomes, scenario=scenario), seed=seed)


def read(folder: Path, tables: Mapping[str, list[dict[str, str]]], scenario: Scenario) -> Records:
    """Write the tables and read them as a study does at its data cut."""
    write_tables(folder, tables)
    return read_records(
        folder,
        timezone=ZoneInfo("Europe/Paris"),
        today=scenario.cohort.data_cut,
        timepoints=TIMEPOINTS,
        sites=[site.code for site in scenario.site],
        at_cut=True,
    )


@cache
def the_study() -> StudyProtocol:
    """NCT06256705."""
    return read_study("nct06256705")
