"""Whether a participant may be included today, and treated; if not yet, what is missing."""

from collections.abc import Iterator, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from operandi.domain.participant import Participant
from operandi.protocol.criteria import Engine
from operandi.protocol.dating import Dating
from operandi.protocol.evidence import Evidence, evidence_of
from operandi.protocol.format import READINGS, Gate, StudyProtocol
from operandi.protocol.row_rules import RowRules
from operandi.protocol.schedule_anchors import AnchorDay, anchor_days
from operandi.protocol.verdict import GateVerdict, Query, Screening
from operandi.quantities.errors import DataError
from operandi.records.tables import Records


def screen(
    participant: str,
    records: Records,
    study: StudyProtocol,
    *,
    on: date,
    included_on: date | None = None,
) -> Screening:
    """Judge every criterion for one participant, at every gate and under both readings.

    Parameters
    ----------
    participant : str
        Pseudonym.
    records : Records
        The tables of the study; not changed.
    study : StudyProtocol
        The criteria.
    on : date
        The day of which it is asked: nothing dated later is looked at.
    included_on : date, optional
        Day of the signed confirmation of eligibility. Without it, inclusion is asked for *on*.

    Raises
    ------
    DataError
        If no valid row of ``participants`` names the participant.
    """
    person = records.participant(participant)
    if person is None:
        raise DataError(
            f"There is no participant {participant}.",
            remedy="Write the study code as it stands in the table participants.",
        )
    (evidence,) = evidence_of(records, on=on, of=(person,))
    return _screening(evidence, study, included_on)


def screen_all(
    records: Records,
    study: StudyProtocol,
    *,
    on: date,
    included_on: Mapping[str, date] | None = None,
) -> tuple[Screening, ...]:
    """Judge every participant, in the order of the records; see :func:`screen`."""
    days = included_on or {}
    everyone = evidence_of(records, on=on, of=records.participants)
    return tuple(
        _screening(evidence, study, days.get(evidence.participant.pseudonym))
        for evidence in everyone
    )


def _screening(evidence: Evidence, study: StudyProtocol, included_on: date | None) -> Screening:
    days = anchor_days(study, evidence.history(included_on))
    zone = ZoneInfo(study.study.timezone)
    gates: list[GateVerdict] = []
    queries: dict[Query, None] = {}
    for gate, cycle in _gates(study, days):
        dating = Dating(study, days, gate=gate, cycle=cycle, on=evidence.on)
        rows = RowRules(study, evidence, dating, zone, queries.setdefault)
        for reading in READINGS:
            verdicts = Engine(study, rows, reading=reading).verdicts()
            if verdicts:
                gates.append(
                    GateVerdict(gate=gate, cycle=cycle, reading=reading, verdicts=verdicts)
                )
    return Screening(
        participant=evidence.participant.pseudonym,
        on=evidence.on,
        gates=tuple(gates),
        queries=tuple(queries),
        cautions=tuple(_about_site(evidence.participant, study, evidence.on)),
    )


def _gates(
    study: StudyProtocol, days: Mapping[str, AnchorDay]
) -> Iterator[tuple[Gate, int | None]]:
    """Inclusion, each cycle that was given, and the next that is not canceled, if planned."""
    yield "G1", None
    for cycle in sorted(study.cycle, key=lambda one: one.number):
        day = days[cycle.code]
        if day.on is not None:
            yield "G2", cycle.number
        if day.basis not in {"actual", "canceled"}:
            return


def _about_site(participant: Participant, study: StudyProtocol, on: date) -> Iterator[str]:
    if not study.department:
        return
    department = study.department_named(participant.site)
    if department is None:
        known = ", ".join(d.code for d in study.department)
        yield f"Site {participant.site} is no department of the study file (known: {known})."
        return
    recruits = department.recruits(on)
    if recruits is None:
        yield f"The study file does not say whether {department.name} recruits on {on}."
    elif not recruits:
        yield f"{department.name} does not recruit on {on}."
