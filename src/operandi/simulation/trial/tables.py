"""The tables of a digital cohort, as the cells of the files that a trial would hand over."""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from operandi.records.rows import ROWS
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.disease.recist_tables import recist_tables
from operandi.simulation.scenario import Scenario
from operandi.simulation.trial.chronology import chronology_of
from operandi.simulation.trial.laboratory import range_rows, result_rows, results_of
from operandi.simulation.trial.study_file import camera_tables
from operandi.simulation.trial.tables_course import course_tables, image_tables
from operandi.simulation.trial.tables_inclusion import (
    Cells,
    Tables,
    facts_of,
    inclusion_tables,
    pregnancy_rows,
    referral_tables,
)
from operandi.simulation.trial.toxicity import draw_toxicity
from operandi.simulation.trial.visits import visit_plans


def tables_of(
    outcomes: Outcomes,
    scenario: Scenario,
    *,
    recist: Mapping[str, list[Cells]] | None = None,
    seed: int,
) -> Tables:
    """Every table that a trial would fill, known at the data cut.

    Parameters
    ----------
    outcomes : Outcomes
    scenario : Scenario
    recist : mapping, optional
        ``recist_lesions`` and ``recist_reads`` of the study's own exams; by default those of
        :func:`operandi.simulation.disease.recist_tables.recist_tables`.
    seed : int
        As of the outcomes.
        Equal seeds give equal cells, in whatever batch of participants.

    Returns
    -------
    dict of str to list of dict
        Rows by table, in the order of ``operandi.records.rows.ROWS``; a blank cell is empty or
        absent.
    """
    toxicity = draw_toxicity(outcomes, seed=seed)
    places = {site.code: place for place, site in enumerate(scenario.site)}
    if recist is None:
        lesions, reads = recist_tables(outcomes, scenario, seed=seed)
        recist = {"recist_lesions": lesions, "recist_reads": reads}
    chosen: dict[str, list[Cells]] = defaultdict(list)
    for lesion in recist["recist_lesions"]:
        chosen[lesion["participant"]].append(lesion)
    # One investigator a participant: who reads the exams of the study read those before it.
    readers = {
        read["participant"]: read["reader"]
        for read in recist["recist_reads"]
        if read["role"] == "investigator"
    }
    found: Tables = defaultdict(list)
    for row in range(len(outcomes)):
        days = chronology_of(outcomes, scenario, row=row, seed=seed)
        odd = places[days.person.site] % 2 == 1
        results = results_of(days, outcomes, toxicity, odd_site=odd, seed=seed)
        facts = facts_of(days, seed=seed)
        own = chosen[days.person.pseudonym]
        reader = readers.get(days.person.pseudonym, f"LOCAL-{days.person.site}")
        for tables in (
            inclusion_tables(days, outcomes, seed=seed),
            {"pregnancy": pregnancy_rows(days)},
            referral_tables(days, outcomes, chosen=own, reader=reader, seed=seed),
            {"laboratory_results": result_rows(results, days)},
            course_tables(days, outcomes, facts=facts, results=results, seed=seed),
        ):
            _add(found, tables)
    _add(found, recist)
    _add(found, image_tables(visit_plans(outcomes, scenario, seed=seed).values()))
    _add(found, camera_tables(scenario))
    _add(found, {"laboratory_ranges": range_rows(tuple(places), valid_from=_opening(scenario))})
    return {name: found[name] for name in ROWS if found.get(name)}


def inclusion_days(outcomes: Outcomes, scenario: Scenario, *, seed: int) -> dict[str, date]:
    """Day of the signed confirmation of eligibility, by participant."""
    everyone = (
        chronology_of(outcomes, scenario, row=row, seed=seed) for row in range(len(outcomes))
    )
    return {days.person.pseudonym: days.on(days.inclusion_day) for days in everyone}


def csv_of(rows: list[Cells]) -> str:
    """A table as the text of a CSV file; columns in the order in which rows first name them."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_tables(folder: Path, tables: Mapping[str, list[Cells]]) -> None:
    """Write each table as ``folder/NAME.csv``; *folder* is made where it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        if rows:
            (folder / f"{name}.csv").write_text(csv_of(rows), "utf-8", newline="\n")


def _add(found: Tables, tables: Mapping[str, list[Cells]]) -> None:
    for name, rows in tables.items():
        found[name].extend(rows)


def _opening(scenario: Scenario) -> str:
    """A day before anybody's first result."""
    months = scenario.cohort.recruitment_months + scenario.cohort.follow_up_months
    return str(scenario.cohort.data_cut - timedelta(days=int(31 * months) + 365))
