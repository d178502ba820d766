"""Analysis datasets of ADaM: ADSL, ADRS and ADTTE."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from operandi.domain.date_interval import DateInterval
from operandi.domain.participant import Sex
from operandi.protocol.interchange.sdtm import Dataset, Draft, Source, study_day, variables
from operandi.protocol.interchange.sdtm_domains import age_on, treatment
from operandi.protocol.interchange.sdtm_tumors import evaluator
from operandi.protocol.recist import Assessed, TimepointResponse
from operandi.protocol.recist_adjudication import adjudicate
from operandi.protocol.recist_best import ResponseRules, best_response, confirmed_best_response
from operandi.protocol.recist_pfs import Course, progression_free_survival
from operandi.protocol.recist_reads import Role
from operandi.quantities.errors import DataError
from operandi.records.rows import ParticipantRow

_SUBJECT: Final = """
STUDYID string Study Identifier
USUBJID string Unique Subject Identifier
SUBJID string Subject Identifier for the Study
SITEID string Study Site Identifier
"""
_ADSL: Final = variables(
    _SUBJECT
    + """
    ARM string Description of Planned Arm
    TRT01P string Planned Treatment for Period 01
    TRT01A string Actual Treatment for Period 01
    TRTSDT adate Date of First Exposure to Treatment
    TRTEDT adate Date of Last Exposure to Treatment
    TRTDURD integer Total Treatment Duration (Days)
    AGE integer Age
    AGEU string Age Units
    SEX string Sex
    SAFFL string Safety Population Flag
    ITTFL string Intent-To-Treat Population Flag
    EFFFL string Efficacy Population Flag
    DTHFL string Subject Died?
    DTHDT adate Date of Death
    """
)
_ADRS: Final = variables(
    _SUBJECT
    + """
    PARAMCD string Parameter Code
    PARAM string Parameter
    AVALC string Analysis Value (C)
    ADT adate Analysis Date
    ADY integer Analysis Relative Day
    EVALID string Evaluator Identifier
    REASON string Reason for Analysis Value
    """
)
_ADTTE: Final = variables(
    _SUBJECT
    + """
    PARAMCD string Parameter Code
    PARAM string Parameter
    AVAL integer Analysis Value
    AVALU string Analysis Value Unit
    STARTDT adate Time to Event Origin Date for Subject
    ADT adate Analysis Date
    CNSR integer Censor
    EVNTDESC string Event or Censoring Description
    CNSDTDSC string Censor Date Description
    EVALID string Evaluator Identifier
    """
)
CONSENSUS: Final = "CONSENSUS"
"""Who evaluated, where two readers agree or an adjudicator decided."""

_OTHER_TREATMENTS: Final = frozenset(
    {
        "external_beam",
        "sirt",
        "chemotherapy",
        "targeted",
        "interferon",
        "other_radionuclide",
        "immunotherapy",
        "liver_embolization",
        "surgery",
        "other_antitumor",
    }
)
"""Kinds of therapy that end progression-free survival: neither the study's nor an analog that goes
on beside it."""


def adam(source: Source, *, rules: ResponseRules | None = None) -> tuple[Dataset, ...]:
    """Make the analysis datasets.

    Parameters
    ----------
    source : Source
    rules : ResponseRules, optional
        How long stable disease must last; without them there is no best response, as the
        guideline leaves that to the protocol.
    """
    return _adsl(source), _adrs(source, rules), _adtte(source)


def _adsl(source: Source) -> Dataset:
    draft = Draft(source, "ADSL", "Subject-Level Analysis", "USUBJID", _ADSL)
    draft.lacks("ITTFL", "no table records the inclusion")
    draft.lacks("EFFFL", "the study file defines no efficacy population")
    name = treatment(source.study)
    arms = source.study.arm
    for person in source.people:
        who, cycles = person.participant, source.cycles(person.participant)
        start, age = source.started_on(who), age_on(person, source.started_on(who))
        end = cycles[-1].date if cycles else None
        death = next(iter(source.of(who, "deaths")), None)
        if start is None:
            draft.lacks("TRTSDT", "no cycle was given yet", who)
        if age is None:
            why = (
                "no day that it counts to"
                if start is None
                else f"{start.year - person.birth_year - 1} or {start.year - person.birth_year}: "
                "the day of birth is not known"
            )
            draft.lacks("AGE", why, who)
        if death and not death.died_on.exact:
            draft.lacks("DTHDT", f"died on a day of {death.died_on}", who)
        draft.add(
            who,
            SUBJID=who,
            SITEID=person.site,
            ARM=arms[0].title if len(arms) == 1 and cycles else None,
            TRT01P=name if cycles else None,
            TRT01A=name if cycles else None,
            TRTSDT=start,
            TRTEDT=end,
            TRTDURD=(end - start).days + 1 if start and end else None,
            AGE=age,
            AGEU=None if age is None else "YEARS",
            SEX=None if person.sex is Sex.OTHER else person.sex.value,
            SAFFL="Y" if cycles else "N",
            DTHFL="Y" if death else None,
            DTHDT=_day(death.died_on) if death else None,
        )
    return draft.done()


def _day(known: DateInterval | None) -> date | None:
    """A day of an analysis is whole; it is blank where it is known in part."""
    return known.earliest if known and known.exact else None


@dataclass(frozen=True, slots=True)
class _Series:
    """The responses that one reader or the consensus gave a participant."""

    evaluated_by: str
    baseline: DateInterval | None
    timepoints: tuple[TimepointResponse, ...]


def _series(readings: tuple[Assessed, ...]) -> Iterator[_Series]:
    """Each reader's, then the consensus where two readers were compared.

    Raises
    ------
    DataError
        If the readers differ and nobody decided.
    """
    for one in readings:
        yield _Series(evaluator(one.role, one.reader), one.baseline, one.timepoints)
    by_role = {one.role: one for one in readings}
    if {Role.READER_1, Role.READER_2} <= by_role.keys():
        points = adjudicate(readings).timepoints
        yield _Series(CONSENSUS, by_role[Role.READER_1].baseline, points)


def _adrs(source: Source, rules: ResponseRules | None) -> Dataset:
    label = "Tumor Response Analysis"
    draft = Draft(source, "ADRS", label, "USUBJID PARAMCD EVALID ADT", _ADRS)
    if rules is None:
        for code in ("BOR", "CBOR"):
            why = "how long stable disease must last is not settled"
            draft.lacks("AVALC", f"{code}: {why}")
    for person in source.people:
        try:
            for series in _series(source.assessed(person.participant)):
                _responses(source, draft, person, series, rules)
        except DataError as refusal:
            draft.lacks("AVALC", refusal.what, person.participant)
    return draft.done()


def _responses(
    source: Source,
    draft: Draft,
    person: ParticipantRow,
    series: _Series,
    rules: ResponseRules | None,
) -> None:
    who, start = person.participant, source.started_on(person.participant)
    found = [
        ("OVRLRESP", "Overall Response by Reader", one.overall, one.on, one.why)
        for one in series.timepoints
    ]
    said: list[tuple[str, str, str, DateInterval | None, str]] = [
        (code, name, response.value, on, why) for code, name, response, on, why in found
    ]
    if rules is not None and start is not None:
        for code, name, of in (
            ("BOR", "Best Overall Response", best_response),
            ("CBOR", "Confirmed Best Overall Response", confirmed_best_response),
        ):
            best = of(series.timepoints, since=start, rules=rules)
            said.append((code, name, best.response.value, best.on, best.reason))
    for code, name, value, on, why in said:
        draft.add(
            who,
            SUBJID=who,
            SITEID=person.site,
            PARAMCD=code,
            PARAM=name,
            AVALC=value,
            ADT=_day(on),
            ADY=study_day(on, start),
            EVALID=series.evaluated_by,
            REASON=why,
        )


def _adtte(source: Source) -> Dataset:
    draft = Draft(source, "ADTTE", "Time to Event Analysis", "USUBJID PARAMCD EVALID", _ADTTE)
    draft.lacks(
        "CNSR", "the study file plans no exams, so nothing is censored for exams that were missed"
    )
    for person in source.people:
        who, start = person.participant, source.started_on(person.participant)
        try:
            death = _death(source, who)
            for series in _series(source.assessed(who)):
                if start is None:
                    continue
                course = Course(
                    start=start,
                    baseline=series.baseline,
                    timepoints=series.timepoints,
                    planned=(),
                    death=death,
                    new_therapy=_new_therapy(source, who),
                )
                free = progression_free_survival(course)
                if not free.on.exact:
                    draft.lacks("ADT", f"a day of {free.on}", who)
                draft.add(
                    who,
                    SUBJID=who,
                    SITEID=person.site,
                    PARAMCD="PFS",
                    PARAM="Progression-Free Survival",
                    AVAL=(free.on.earliest - start).days + 1 if free.on.exact else None,
                    AVALU="DAYS",
                    STARTDT=start,
                    ADT=_day(free.on),
                    CNSR=0 if free.event else 1,
                    EVNTDESC=free.cause.value.upper().replace("_", " "),
                    CNSDTDSC=None if free.event else free.reason,
                    EVALID=series.evaluated_by,
                )
        except DataError as refusal:
            draft.lacks("AVAL", refusal.what, who)
    return draft.done()


def _death(source: Source, who: str) -> DateInterval | None:
    died = next((row.died_on for row in source.of(who, "deaths")), None)
    told = [row.on for row in source.of(who, "follow_up") if not row.alive]
    if died is None and told:
        raise DataError(
            f"Dead on {min(told)} by follow_up, without a row in deaths.",
            remedy="Record the death in the table deaths.",
        )
    return died


def _new_therapy(source: Source, who: str) -> DateInterval | None:
    """The first antitumor therapy, not the study's, that began after the first cycle.

    Raises
    ------
    DataError
        If another therapy is recorded, and not when it began.
    """
    start = source.started_on(who)
    rows = [row for row in source.of(who, "therapies") if row.kind in _OTHER_TREATMENTS]
    days = [row.started_on for row in rows if row.started_on]
    later = [day for day in days if start and day.latest > start]
    unclear = [day for day in later if start and day.earliest <= start]
    undated = [row.on for row in source.of(who, "follow_up") if row.new_therapy and not later]
    if unclear or undated:
        raise DataError(
            f"When another therapy began is not known ({(unclear or undated)[0]}).",
            remedy="Record it in the table therapies, with the day it began.",
        )
    return min(later, key=lambda day: (day.earliest, day.latest), default=None)
