"""The tables recist_lesions and recist_reads of a cohort, as two readers would fill them.

The local reader is the investigator, the central one reader 1. Both read the same exams: those up
to the investigator's progression.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import LesionId, Pseudonym
from operandi.protocol.recist_reads import Category, Role, Seen
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.disease.progression import NODE, NONE, TARGET
from operandi.simulation.disease.reads import CENTRAL, LOCAL, TOO_SMALL_MM, Exams, Reads, read_exams
from operandi.simulation.disease.trial_days import recruitment_starts
from operandi.simulation.people.lesion import LesionOrgan
from operandi.simulation.people.persons import pseudonym_of
from operandi.simulation.scenario import Scenario

_Floats = npt.NDArray[np.float64]
Cells = dict[str, str]

SLICE_MM: Final = "3"
"""Of CT; up to 5 mm a lesion of 10 mm is measurable."""
CENTRAL_READER: Final = "CENTRAL-1"
_ORGAN_NAME: Final = {
    LesionOrgan.PANCREAS: "pancreas",
    LesionOrgan.ILEUM: "ileum",
    LesionOrgan.LIVER: "liver",
    LesionOrgan.LYMPH_NODE: "mesenteric lymph node",
    LesionOrgan.BONE: "bone",
    LesionOrgan.PERITONEUM: "peritoneum",
}


def lesion_id(pseudonym: Pseudonym, column: int) -> LesionId:
    """Name of the lesion in a column of the arrays: ``OP-001-L1`` is column 0."""
    return LesionId(f"{pseudonym}-L{column + 1}")


def new_lesion_id(pseudonym: Pseudonym, number: int) -> LesionId:
    """Name of a new lesion: ``OP-001-N1`` is the first; the fourth is one that is none."""
    return LesionId(f"{pseudonym}-N{number + 1}")


def recist_tables(
    outcomes: Outcomes, scenario: Scenario, *, seed: int
) -> tuple[list[Cells], list[Cells]]:
    """Fill recist_lesions and recist_reads, as cells.

    Parameters
    ----------
    outcomes : Outcomes
    scenario : Scenario
    seed : int
        As of the outcomes.
    """
    both = {
        reader: reads_of(outcomes, scenario, reader=reader, seed=seed)
        for reader in (LOCAL, CENTRAL)
    }
    start = recruitment_starts(scenario)
    lesions: list[Cells] = []
    reads: list[Cells] = []
    for row in range(len(outcomes)):
        lesions += _lesions(outcomes, both[LOCAL], row)
        cycle1 = start + timedelta(days=float(outcomes.cycle1_day[row]))
        for reader in (LOCAL, CENTRAL):
            reads += _reads(outcomes, both[reader], row, reader=reader, cycle1=cycle1)
    return lesions, reads


def reads_of(outcomes: Outcomes, scenario: Scenario, *, reader: int, seed: int) -> Reads:
    """Reads of the exams that took place, by ``LOCAL`` or ``CENTRAL``."""
    return read_exams(
        Exams(
            day=outcomes.exam_day,
            organ=outcomes.lesion_organ,
            diameter_mm=outcomes.at_exams.diameter_mm,
            new_lesion_mm=outcomes.new_lesion_mm,
        ),
        reader=reader,
        scenario=scenario,
        seed=seed,
        first_participant=outcomes.first_participant,
    )


def _lesions(outcomes: Outcomes, reads: Reads, row: int) -> Iterator[Cells]:
    pseudonym = pseudonym_of(outcomes.first_participant + row)
    organs = tuple(LesionOrgan)
    for column in np.flatnonzero(reads.category[row] != NONE):
        organ = organs[outcomes.lesion_organ[row, column]]
        chosen = reads.category[row, column] == TARGET
        yield {
            "participant": pseudonym,
            "lesion": lesion_id(pseudonym, int(column)),
            "organ": _ORGAN_NAME[organ],
            "side": "",
            "node": "yes" if organ is LesionOrgan.LYMPH_NODE else "no",
            "category": Category.TARGET if chosen else Category.NON_TARGET,
            "previously_irradiated": "no",
            "progressed_since_irradiation": "",
        }


def _reads(
    outcomes: Outcomes, reads: Reads, row: int, *, reader: int, cycle1: date
) -> Iterator[Cells]:
    pseudonym = pseudonym_of(outcomes.first_participant + row)
    site = outcomes.persons.site_codes[outcomes.persons.site[row]]
    for exam in np.flatnonzero(np.isfinite(outcomes.exam_day[row])):
        common = {
            "participant": pseudonym,
            "reader": f"LOCAL-{site}" if reader == LOCAL else CENTRAL_READER,
            "role": Role.INVESTIGATOR if reader == LOCAL else Role.READER_1,
            "exam_on": str(cycle1 + timedelta(days=float(outcomes.exam_day[row, exam]))),
        }
        by_ct = {"modality": "ct", "slice_thickness_mm": SLICE_MM}
        for column in np.flatnonzero(reads.category[row] != NONE):
            state, diameter = _seen(outcomes, reads, row, int(exam), int(column))
            named = {"lesion": lesion_id(pseudonym, int(column))}
            yield common | named | by_ct | {"diameter_mm": diameter, "state": state}
        for number in np.flatnonzero(reads.new[row, exam]):
            named = {"lesion": new_lesion_id(pseudonym, int(number))}
            yield common | named | by_ct | {"diameter_mm": "", "state": Seen.NEW}


def _seen(outcomes: Outcomes, reads: Reads, row: int, exam: int, column: int) -> tuple[Seen, str]:
    """State and diameter of a chosen lesion."""
    size = int(reads.measured_mm[row, exam, column])
    if size == 0:
        return Seen.ABSENT, ""
    measured = reads.category[row, column] == TARGET or outcomes.lesion_organ[row, column] == NODE
    if reads.unequivocal[row, exam, column]:
        return Seen.UNEQUIVOCAL_PROGRESSION, ""
    if not measured:
        return Seen.PRESENT, ""
    return (Seen.TOO_SMALL, "") if size < TOO_SMALL_MM else (Seen.MEASURED, str(size))
