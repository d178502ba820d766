"""The doses of one participant, computed or taken from the store: what "what if" starts from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from operandi.domain.participant import Participant
from operandi.imaging.dicom.index import Series
from operandi.pipeline.choosing_cycles import ChosenCycle
from operandi.pipeline.placing import Obstacle
from operandi.pipeline.placing_cycles import EMISSION, day_of
from operandi.pipeline.road import CYCLE_DOSES, MARROW_DOSES, PREDICTED_DOSES, VisitNodes
from operandi.pipeline.runner import run
from operandi.pipeline.step import Node, Refusal
from operandi.pipeline.steps.dose_cycle import CycleDoses
from operandi.pipeline.steps.dose_marrow import MarrowDoses
from operandi.pipeline.steps.dose_predicted import PredictedDoses
from operandi.pipeline.store import Store
from operandi.pipeline.study import STORE, Options, Progress, Study
from operandi.quantities.errors import DataError
from operandi.records.tables import Cycle
from operandi.therapy.limits import PANEL, OrganLimit, limits_from

_DOSE_TABLES: Final = ("participants", "cycles", "blood_activity")
"""Whose faulty rows make a cycle or its marrow vanish."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParticipantDoses:
    """What is known of one participant's doses.

    Parameters
    ----------
    participant : Participant
        Who.
    given : tuple of Cycle
        Every cycle that was given, in order.
    measured : tuple of (cycle number, CycleDoses or Refusal)
        Of cycles with scans.
    predicted : PredictedDoses, Refusal or None
        From the PET before the first cycle; None where the study asks for none.
    marrow : tuple of (cycle number, MarrowDoses or Refusal)
        Of cycles with scans, where blood was sampled or study.toml asks for the marrow.
    unread : tuple of (cycle number, reason)
        Cycles whose scans arrived and gave no dose for want of something beside them.
    unused : tuple of str
        Series that arrived after a cycle and are in no dose, with the reason.
    faults : tuple of str
        Of the participant in the tables that doses need, and of rows of ``cycles`` that name
        nobody who is known.
    panel : tuple of OrganLimit
        Numbers that sums over cycles stand beside.
    """

    participant: Participant
    given: tuple[Cycle, ...]
    measured: tuple[tuple[int, CycleDoses | Refusal], ...]
    predicted: PredictedDoses | Refusal | None
    marrow: tuple[tuple[int, MarrowDoses | Refusal], ...] = ()
    unread: tuple[tuple[int, str], ...] = ()
    unused: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    panel: tuple[OrganLimit, ...] = PANEL

    def of_first_measured(self) -> tuple[int, CycleDoses]:
        """The first cycle whose scans gave doses.

        Raises
        ------
        DataError
            If there is none, with the reasons of those that were refused; or a row of the
            participant is faulty, so that a cycle may be missing.
        """
        if self.faults:
            raise DataError(
                f"Of {self.participant.pseudonym} not all rows could be read, so that cycles may "
                f"be missing: {' '.join(self.faults)}",
                remedy="Correct them: what was given decides what may be given.",
            )
        for number, doses in self.measured:
            if isinstance(doses, CycleDoses):
                return number, doses
        reasons = " ".join(
            [
                *(str(doses) for _, doses in self.measured),
                *(reason for _, reason in self.unread),
                *self.unused,
            ]
        )
        raise DataError(
            f"{self.participant.pseudonym} has no measured dose: "
            f"{reasons or 'no scan after a cycle has arrived.'}",
            remedy="Send SPECT after a cycle into dicom/, with kidneys and lesions drawn on it "
            "(docs/study-folder.md, dosimetry).",
        )


def participant_doses(
    study: Study, pseudonym: str, options: Options, *, progress: Progress | None = None
) -> ParticipantDoses:
    """Walk only the part of the road that leads to the doses of one participant.

    Raises
    ------
    DataError
        If there is no such participant, or another run of this study is under way.
    """
    participant = study.records.participant(pseudonym)
    if participant is None and (fault := study.records.left_out(pseudonym)):
        raise DataError(
            f"{pseudonym} was left out of the study: {fault}",
            remedy="Correct the row in participants.",
        )
    if participant is None:
        known = ", ".join(one.pseudonym for one in study.records.participants)
        raise DataError(
            f"No participant is called {pseudonym}.",
            remedy=f"The table participants names {known}.",
        )
    cycles, marrows = (
        [
            (chosen.placed.cycle.number, node)
            for chosen, nodes in study.cycles
            if chosen.measured.participant == pseudonym
            for node in _doses(nodes, step.name)
        ]
        for step in (CYCLE_DOSES, MARROW_DOSES)
    )
    predictions = [
        node
        for chosen, nodes in study.visits
        if chosen.measured.participant == pseudonym
        for node in _doses(nodes, PREDICTED_DOSES.name)
    ]
    wanted = [*(node for _, node in (*cycles, *marrows)), *predictions]
    values: dict[Node, object] = {}
    if wanted:
        with Store(study.results / STORE) as store:
            outcome = run(
                wanted,
                store,
                workers=options.workers,
                threads=options.threads,
                scheduler=options.scheduler,
                progress=progress,
            )
            values = {node: outcome.value(node) for node in wanted}
    measured = []
    for number, node in sorted(cycles, key=lambda pair: pair[0]):
        value = values[node]
        assert isinstance(value, CycleDoses | Refusal)  # noqa: S101 - the step's own type
        measured.append((number, value))
    marrow = []
    for number, node in sorted(marrows, key=lambda pair: pair[0]):
        value = values[node]
        assert isinstance(value, MarrowDoses | Refusal)  # noqa: S101 - the step's own type
        marrow.append((number, value))
    predicted = values[predictions[0]] if predictions else None
    assert predicted is None or isinstance(predicted, PredictedDoses | Refusal)  # noqa: S101
    given = [cycle for cycle in study.records.cycles if cycle.participant == pseudonym]
    return ParticipantDoses(
        participant=participant,
        given=tuple(sorted(given, key=lambda cycle: cycle.number)),
        measured=tuple(measured),
        predicted=predicted,
        marrow=tuple(marrow),
        unread=tuple(
            (chosen.placed.cycle.number, _why_unread(chosen))
            for chosen, nodes in study.cycles
            if chosen.measured.participant == pseudonym and not nodes.tabled
        ),
        unused=(*_unused(study, pseudonym), *_of_nobody(study)),
        faults=tuple(
            str(fault)
            for fault in dict.fromkeys(
                (
                    *(one for one in study.records.faults if one.participant == pseudonym),
                    # Rows of somebody who is known to be left out are nobody else's.
                    *(
                        one
                        for one in study.records.unread("cycles")
                        if not (one.participant and study.records.left_out(one.participant))
                    ),
                )
            )
            if fault.table in _DOSE_TABLES
        ),
        panel=_panel(study),
    )


def _panel(study: Study) -> tuple[OrganLimit, ...]:
    dosimetry = study.settings.dosimetry
    return (limits_from(dosimetry.limit) if dosimetry else ()) or PANEL


def _why_unread(chosen: ChosenCycle) -> str:
    said = [_words(one) for one in chosen.obstacles]
    became = ", ".join(
        f"{_shown(one)}: {chosen.use.get(one.uid, 'not needed')}" for one in chosen.placed.emission
    )
    return " ".join(said) or f"Its scans arrived, and none could be used ({became})."


def _words(obstacle: Obstacle) -> str:
    return " ".join(filter(None, (obstacle.what, obstacle.remedy)))


def _shown(series: Series) -> str:
    return f"series {series.description or series.uid!r} of {day_of(series) or 'no day'}"


def _unused(study: Study, pseudonym: str) -> Iterator[str]:
    """What stands in the way of single scans of a measured cycle, and what was never placed."""
    for chosen, nodes in study.cycles:
        if chosen.measured.participant != pseudonym or not nodes.tabled:
            continue
        code = f"cycle {chosen.placed.cycle.number}"
        yield from (f"{code}: {_words(one)}" for one in chosen.obstacles)
        if not chosen.obstacles:
            yield from (
                f"{code}: {_shown(one)} is in no dose ({chosen.use.get(one.uid, 'not needed')})."
                for one in chosen.placed.emission
                if chosen.use.get(one.uid) != "measured"
            )
    given = [one.on for one in study.records.cycles if one.participant == pseudonym]
    for series in study.index.series:
        day = day_of(series)
        if series.patient_id != pseudonym or not given or (day and day < min(given)):
            continue
        if reason := _unplaced(study, series):
            yield f"{_shown(series)}: {reason}"


def _of_nobody(study: Study) -> Iterator[str]:
    """Tomograms of somebody who is no participant: a misspelt PatientID may hide a scan."""
    for series in study.index.series:
        known = study.records.participant(series.patient_id) is not None
        if not known and series.classification.type in EMISSION:
            reason = _unplaced(study, series)
            if reason and not study.records.left_out(series.patient_id):
                yield f"{_shown(series)}: {reason}"


def _unplaced(study: Study, series: Series) -> str:
    """Why a series belongs to no visit and no cycle; empty where it belongs to one."""
    ending = f" in {series.instances[0].file}"
    return next((_words(one) for one in study.placement.unplaced if one.where.endswith(ending)), "")


def _doses(nodes: VisitNodes, step: str) -> list[Node]:
    """The nodes of a step that the table's nodes hang on."""
    return [
        source
        for node, _ in nodes.tabled
        for source in node.inputs
        if isinstance(source, Node) and source.step.name == step
    ]
