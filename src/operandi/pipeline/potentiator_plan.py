"""What a radiopotentiator would add to a participant's therapy: doses, dates and drug joined.

The dose rates of the first cycle that was measured are repeated at every cycle, in proportion to
its activity.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from operandi.pipeline.choosing import stated_grade
from operandi.pipeline.drug_choice import DrugChoice
from operandi.pipeline.potentiator_tissues import (
    PlannedCycle,
    StatedMarrow,
    Tissue,
    drug_for,
    therapy_of,
    tissues_of,
)
from operandi.pipeline.steps.dose_cycle import CycleDoses
from operandi.pipeline.study import Options, Progress, Study
from operandi.pipeline.therapy_results import ParticipantDoses, participant_doses
from operandi.pipeline.what_if import whom_to_ask
from operandi.protocol.schedule_history import histories
from operandi.quantities.errors import DataError
from operandi.therapy.pet_baseline import TumorGrade
from operandi.therapy.potentiation import Interval, PotentiationOutcome, potentiate
from operandi.therapy.potentiators import Cycle, Potentiator, TissueRole
from operandi.therapy.priors import Prior, one_definition_each

STARTS: Final = range(-3, 11)
"""Days on which a drug may start, for the comparison of starts."""
_MOST_SAMPLES_A_START: Final = 1000
_SEED: Final = 20261125
_OF: Final = ": of the last histology on record."
_GRADE_UNKNOWN: Final = "No histology states a grade: priors span all grades."
_PUT_IN: Final = (
    "Put in, not found: over the whole range of the drug's priors the tumor's alpha rises at least "
    "as much as that of the normal tissue."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of each participant.

    Parameters
    ----------
    choice : DrugChoice
        The drug and its days.
    grade : TumorGrade or None
        Of the tumor; None takes what histology states.
    marrow : StatedMarrow or None
        In place of a marrow dose that nobody measured.
    samples : int
        Draws of the priors.
    compare_starts : bool
        Whether the drug's first day is varied over `STARTS`.
    """

    choice: DrugChoice
    grade: TumorGrade | None
    marrow: StatedMarrow | None
    samples: int
    compare_starts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AtStart:
    """Ratio of a tumor's enhancement over a normal tissue's, for one first day of the drug."""

    first_day: int
    tumor: str
    normal: str
    ratio: Interval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What a schedule would do for one participant.

    Parameters
    ----------
    participant, nuclide : str
        Who, and what was given.
    choice, grade : DrugChoice, TumorGrade
        The drug, and the grade that its priors were taken for.
    measured_cycle : int
        Whose dose rates are repeated.
    cycles : tuple of PlannedCycle
        In order.
    tissues : tuple of Tissue
        Lesions, then kidneys, then marrow.
    therapy : tuple of Cycle
        Dose rates at their days; day 0 is the first cycle's.
    potentiator : Potentiator
        The drug with its priors for these tissues.
    outcome : PotentiationOutcome
        With and without it.
    by_dose : mapping of (tumor, normal) to (float, float)
        Least and greatest median ratio, with the doses at the ends of their 95 % intervals.
    by_start : tuple of AtStart
        Empty unless asked for.
    foregone : frozenset of (tumor, normal)
        Pairs of which the priors alone say that the tumor's alpha rises more.
    notes : tuple of str
        What a reader must know about how it was made.
    """

    participant: str
    nuclide: str
    choice: DrugChoice
    grade: TumorGrade
    measured_cycle: int
    cycles: tuple[PlannedCycle, ...]
    tissues: tuple[Tissue, ...]
    therapy: tuple[Cycle, ...]
    potentiator: Potentiator
    outcome: PotentiationOutcome
    by_dose: Mapping[tuple[str, str], tuple[float, float]]
    by_start: tuple[AtStart, ...]
    foregone: frozenset[tuple[str, str]]
    notes: tuple[str, ...]

    def priors(self) -> tuple[Prior, ...]:
        """Every prior in use, once each."""
        found = [
            prior
            for tissue in self.tissues
            for prior in (*tissue.response.priors(), *self.potentiator.priors_on(tissue.name))
        ]
        return tuple(one_definition_each(found).values())


def potentiated(study: Study, doses: ParticipantDoses, question: Question) -> Answer:
    """Answer the question for one participant of a study.

    Raises
    ------
    DataError
        If there is no measured dose, no lesion or no normal tissue with one, or no cycle.
    """
    number, measured = doses.of_first_measured()
    who = doses.participant.pseudonym
    cycles, said = cycles_of(study, doses)
    grade = question.grade
    if grade is None:
        grade = TumorGrade(stated_grade(who, study.records))
        # CAPTEM's priors do not ask for a grade.
        if question.choice.drug == "olaparib":
            said = (_GRADE_UNKNOWN if grade is TumorGrade.UNKNOWN else f"Grade {grade}{_OF}", *said)
    return answer(
        who,
        measured,
        replace(question, grade=grade),
        measured_cycle=number,
        cycles=cycles,
        said=said,
    )


def everyone(
    study: Study, question: Question, options: Options, *, progress: Progress | None = None
) -> tuple[list[Answer], list[tuple[str, str]]]:
    """Answer it for all who have scans after a cycle; and say who has none, and why.

    Raises
    ------
    DataError
        If nobody has an answer.
    """
    answers, left_out = [], []
    for who in whom_to_ask(study):
        try:
            doses = participant_doses(study, who, options, progress=progress)
            answers.append(potentiated(study, doses, question))
        except DataError as error:
            left_out.append((who, str(error)))
    if not answers:
        reasons = " ".join(f"{who}: {why}" for who, why in left_out)
        raise DataError(
            f"Nobody has a measured dose. {reasons}".strip(),
            remedy="Send SPECT after a cycle into dicom/, with kidneys and lesions drawn on it "
            "(docs/study-folder.md, dosimetry).",
        )
    return answers, left_out


def cycles_of(
    study: Study, doses: ParticipantDoses
) -> tuple[tuple[PlannedCycle, ...], tuple[str, ...]]:
    """Cycles that were given, then those that are planned; with what is to be said of them.

    A plan carries no activity: that of the last cycle stands for it.
    """
    given = [
        PlannedCycle(number=one.number, on=one.on, activity_bq=one.activity_bq, given=True)
        for one in doses.given
    ]
    history = histories(study.records.rows)[doses.participant.pseudonym]
    done = {one.number for one in given}
    planned, said = [], []
    for number in sorted({row.cycle for row in history.cycle_plans} - done):
        plan = history.last_plan(number)
        if plan is None or plan.state != "planned":
            continue
        if plan.planned_on < max([study.settings.data_cut, *(one.on for one in given)]):
            said.append(
                f"Cycle {number} was planned for {plan.planned_on} and is not on record as given: "
                "it is left out."
            )
            continue
        planned.append(
            PlannedCycle(
                number=number,
                on=plan.planned_on,
                activity_bq=given[-1].activity_bq if given else math.nan,
                given=False,
            )
        )
    if planned and given:
        numbers = ", ".join(str(one.number) for one in planned)
        said.append(
            f"Cycle {numbers} is planned; its activity is taken as that of cycle "
            f"{given[-1].number}, {given[-1].activity_bq / 1e9:.3g} GBq."
        )
    return (*given, *planned), tuple(said)


def answer(
    participant: str,
    measured: CycleDoses,
    question: Question,
    *,
    measured_cycle: int,
    cycles: Sequence[PlannedCycle],
    said: Iterable[str] = (),
) -> Answer:
    """Answer the question from the doses of one cycle.

    Parameters
    ----------
    participant : str
        Pseudonym.
    measured : CycleDoses
        Of the cycle whose dose rates are repeated.
    question : Question
        With its grade.
    measured_cycle : int
        Its number.
    cycles : sequence of PlannedCycle
        At least one.
    said : iterable of str
        Notes to begin with.

    Raises
    ------
    DataError
        If no lesion or no normal tissue has a dose, or there is no cycle.
    """
    if not cycles:
        raise DataError(
            f"{participant} has no cycle to repeat the dose rates at.",
            remedy="Enter the cycles in the table cycles, or plans in cycle_plans.",
        )
    grade = question.grade or TumorGrade.UNKNOWN
    tissues, notes = tissues_of(participant, measured, stated=question.marrow, cycles=cycles)
    therapy = therapy_of(tissues, measured, cycles)
    drug = drug_for(question.choice.potentiator(grade), tissues)
    outcome = _outcome(tissues, therapy, drug, samples=question.samples)
    foregone = _foregone(tissues, drug)
    return Answer(
        participant=participant,
        nuclide=measured.nuclide,
        choice=question.choice,
        grade=grade,
        measured_cycle=measured_cycle,
        cycles=tuple(cycles),
        tissues=tissues,
        therapy=therapy,
        potentiator=drug,
        outcome=outcome,
        by_dose=_by_dose(tissues, measured, cycles, drug, question),
        by_start=_by_start(tissues, therapy, question, grade) if question.compare_starts else (),
        foregone=foregone,
        notes=(
            f"Dose rates of cycle {measured_cycle}, repeated at each cycle in proportion to its "
            "activity: tumors that shrink and receptors that are lost are not in it.",
            *said,
            *notes,
            "Intervals of BED and of ratios hold what is unknown of radiosensitivity, repair and "
            "drug; what is unknown of the doses stands beside them.",
            "Lesions share one draw of radiosensitivity and repair.",
            *((_PUT_IN,) if foregone else ()),
        ),
    )


def _outcome(
    tissues: Sequence[Tissue], therapy: Sequence[Cycle], drug: Potentiator, *, samples: int
) -> PotentiationOutcome:
    return potentiate(
        cycles=therapy,
        tissues=[tissue.response for tissue in tissues],
        potentiators=[drug],
        samples=samples,
        seed=_SEED,
    )


def _foregone(tissues: Sequence[Tissue], drug: Potentiator) -> frozenset[tuple[str, str]]:
    """Pairs of which the tumor's range of alpha begins where the normal tissue's ends."""
    sides: dict[TissueRole, list[str]] = {TissueRole.TUMOR: [], TissueRole.NORMAL: []}
    for one in tissues:
        sides[one.response.role].append(one.name)
    return frozenset(
        (tumor, normal)
        for tumor, normal in itertools.product(*sides.values())
        if _range_of_alpha(drug, tumor)[0] >= _range_of_alpha(drug, normal)[1]
    )


def _range_of_alpha(drug: Potentiator, tissue: str) -> tuple[float, float]:
    """Least and greatest multiplier of alpha that the priors of a tissue leave."""
    low, high = (
        (drug.alpha[tissue].low, drug.alpha[tissue].high) if drug.alpha is not None else (1.0, 1.0)
    )
    if drug.conversion is None:
        return low, high
    conversion = drug.conversion[tissue]
    # Both tissues share the yield, which so changes neither's place: its median stands for it.
    made, share = conversion.yield_per_lethal_lesion.median, conversion.s_phase_fraction
    mended = conversion.recombination_repaired
    return (
        low * (1.0 + share.low * made * (1.0 - mended.high)),
        high * (1.0 + share.high * made * (1.0 - mended.low)),
    )


def _by_dose(
    tissues: Sequence[Tissue],
    measured: CycleDoses,
    cycles: Sequence[PlannedCycle],
    drug: Potentiator,
    question: Question,
) -> dict[tuple[str, str], tuple[float, float]]:
    """Medians with tumors and normal tissues at either end of their doses."""
    medians: dict[tuple[str, str], list[float]] = {}
    for of_tumor, of_normal in itertools.product((0, 1), repeat=2):
        ends = {TissueRole.TUMOR: of_tumor, TissueRole.NORMAL: of_normal}
        factors = {one.name: one.interval[ends[one.response.role]] for one in tissues}
        therapy = therapy_of(tissues, measured, cycles, factors)
        samples = min(question.samples, _MOST_SAMPLES_A_START)
        for one in _outcome(tissues, therapy, drug, samples=samples).advantages:
            medians.setdefault((one.tumor, one.normal), []).append(one.ratio.median)
    return {pair: (min(found), max(found)) for pair, found in medians.items()}


def _by_start(
    tissues: Sequence[Tissue], therapy: Sequence[Cycle], question: Question, grade: TumorGrade
) -> tuple[AtStart, ...]:
    found = []
    for first_day in STARTS:
        drug = drug_for(question.choice.starting(first_day).potentiator(grade), tissues)
        samples = min(question.samples, _MOST_SAMPLES_A_START)
        found += [
            AtStart(first_day=first_day, tumor=one.tumor, normal=one.normal, ratio=one.ratio)
            for one in _outcome(tissues, therapy, drug, samples=samples).advantages
        ]
    return tuple(found)
