"""Screening as the report shows it: every criterion of inclusion for every participant."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from operandi.domain.participant import Participant
from operandi.pipeline.settings import Settings
from operandi.protocol.explain import proof_lines
from operandi.protocol.format import StudyProtocol
from operandi.protocol.kleene import Truth
from operandi.protocol.screening import screen
from operandi.protocol.study import names_study, study_of
from operandi.protocol.verdict import Eligibility, GateVerdict, Screening, Verdict
from operandi.records.names import IMAGE_TABLES
from operandi.records.tables import Records
from operandi.reports.study_report import (
    CriterionCell,
    CriterionRow,
    EligibilityPage,
    ScreenedParticipant,
    Standing,
)

_STANDINGS: Final = {
    Truth.YES: Standing.FAVORABLE,
    Truth.NO: Standing.AGAINST,
    Truth.UNKNOWN: Standing.UNKNOWN,
}
_OVERALL: Final = {
    Eligibility.ELIGIBLE: Standing.FAVORABLE,
    Eligibility.NOT_ELIGIBLE: Standing.AGAINST,
    Eligibility.UNDETERMINED: Standing.UNKNOWN,
}


def eligibility_page(folder: Path, settings: Settings, records: Records) -> EligibilityPage | None:
    """Screen everybody for inclusion: on the eve of cycle 1, else on the day of the data cut.

    What a treated participant was included by lies before cycle 1; later therapies and results
    that have grown old say nothing about it.

    Parameters
    ----------
    folder : Path
        The study folder.
    settings : Settings
        Names the protocol and the data cut.
    records : Records
        Its tables.

    Returns
    -------
    EligibilityPage or None
        None where the protocol is not at hand as a study file, where no table holds evidence of
        its criteria, or where none of them is asked at inclusion.

    Raises
    ------
    DataError
        If the study file beside study.toml is faulty.
    """
    if not names_study(folder, settings.protocol):
        return None
    study = study_of(folder, settings.protocol)
    evidence = {item.table for item in study.item.values()} - set(IMAGE_TABLES)
    if not any(records.rows.get(table) for table in evidence):
        return None
    days = [_day_asked(person, records, settings.data_cut) for person in records.participants]
    screenings = [
        screen(person.pseudonym, records, study, on=day)
        for person, day in zip(records.participants, days, strict=True)
    ]
    proposed = [gate for one in screenings if (gate := one.at("G1")) is not None]
    literal = [one.at("G1", reading="literal") for one in screenings]
    # Which criteria a gate asks is the study file's matter: the same for everybody, or nobody.
    if not proposed:
        return None
    return EligibilityPage(
        study=study.study.code,
        on=f"{settings.data_cut}",
        participants=tuple(
            replace(_participant(person, screening, gate, other), on=f"{day}")
            for person, day, screening, gate, other in zip(
                records.participants, days, screenings, proposed, literal, strict=True
            )
        ),
        criteria=tuple(
            CriterionRow(
                code=verdict.criterion.code,
                polarity=verdict.criterion.polarity,
                text=verdict.criterion.text,
                cells=tuple(
                    _cell(gate.verdicts[number], _same(gate.verdicts[number], other), study)
                    for gate, other in zip(proposed, literal, strict=True)
                ),
            )
            for number, verdict in enumerate(proposed[0].verdicts)
        ),
    )


def _day_asked(person: Participant, records: Records, data_cut: date) -> date:
    given = [cycle.on for cycle in records.cycles if cycle.participant == person.pseudonym]
    return min([data_cut, *(day - timedelta(days=1) for day in given)])


def _participant(
    person: Participant, screening: Screening, gate: GateVerdict, literal: GateVerdict | None
) -> ScreenedParticipant:
    differs = literal is not None and literal.eligibility is not gate.eligibility
    return ScreenedParticipant(
        pseudonym=person.pseudonym,
        site=person.site,
        standing=_OVERALL[gate.eligibility],
        eligibility=gate.eligibility.value,
        literal=literal.eligibility.value if literal is not None and differs else "",
        valid_until=f"{gate.valid_until or ''}",
        missing=tuple(missing.sentence for missing in gate.missing),
        queries=tuple((query.sentence, query.places) for query in screening.queries),
        cautions=screening.cautions,
    )


def _same(verdict: Verdict, gate: GateVerdict | None) -> Verdict | None:
    """The gate's own verdict on the same criterion."""
    verdicts = () if gate is None else gate.verdicts
    return next((v for v in verdicts if v.criterion.code == verdict.criterion.code), None)


def _cell(verdict: Verdict, literal: Verdict | None, study: StudyProtocol) -> CriterionCell:
    differs = literal is not None and literal.outcome is not verdict.outcome
    return CriterionCell(
        standing=_STANDINGS[verdict.favorable],
        outcome=verdict.outcome.value,
        proof=tuple(proof_lines(verdict.proof, study)),
        missing=tuple(
            "; and ".join(missing.sentence for missing in way) for way in verdict.alternatives
        ),
        valid_until=f"{verdict.valid_until or ''}",
        literal=literal.outcome.value if literal is not None and differs else "",
        literal_proof=(
            tuple(proof_lines(literal.proof, study)) if literal is not None and differs else ()
        ),
        cautions=verdict.cautions,
    )
